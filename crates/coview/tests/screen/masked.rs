//! What is masked does not leave the visitor's process, whatever way it goes.

use coview::screen::Decoded;
use coview::screen::Decoder;
use coview::screen::Frame;
use coview::screen::Mask;
use coview::screen::Masks;
use coview::screen::app_frames;
use coview::smol::ScreenOptions;
use coview::smol::ScreenSender;
use coview::wire::PictureRelay;
use coview::wire::SessionId;
use coview::wire::ViewerSays;
use coview::wire::ViewerSignal;
use futures_lite::StreamExt;

use async_tungstenite::WebSocketStream;
use async_tungstenite::client_async;
use async_tungstenite::tungstenite::ClientRequestBuilder;
use async_tungstenite::tungstenite::Message;
use smol::net::TcpStream;

use crate::stage::*;
use crate::world::*;

/// What is in every masked area, and nowhere else.
const MARKER: [u8; 3] = [255, 0, 200];

/// An agent that speaks the protocol by hand and keeps every byte of the picture it is sent.
struct Recorder {
    socket: WebSocketStream<TcpStream>,
    session: SessionId,
    decoder: Decoder,
    bodies: Vec<Vec<u8>>,
}

impl Recorder {
    async fn join(world: &World, key: &str) -> Self {
        let uri = format!("ws://{}/v1/socket", world.address).parse().unwrap();
        let request = ClientRequestBuilder::new(uri).with_sub_protocol("coview.v1");
        let tcp = TcpStream::connect(world.address).await.unwrap();
        let (mut socket, _) = soon("a handshake", client_async(request, tcp)).await.unwrap();
        let token = token("ada");
        let token = token.expose_secret();
        for text in [
            format!(r#"{{"t":"sign_in","re":0,"version":1,"group":"{GROUP}","token":"{token}"}}"#),
            format!(r#"{{"t":"join","re":1,"key":"{key}"}}"#),
        ] {
            socket.send(Message::text(text)).await.unwrap();
        }
        let session = loop {
            let Some(Ok(Message::Text(text))) = soon("the answer", socket.next()).await else {
                panic!("no answer")
            };
            let notice: serde_json::Value = serde_json::from_str(&text).unwrap();
            if notice["t"] == "joined" {
                break SessionId::new(notice["session"].as_u64().unwrap());
            }
            assert_eq!(notice["t"], "signed_in", "{notice}");
        };
        Self { socket, session, decoder: Decoder::new(), bodies: Vec::new() }
    }

    /// Takes what comes until the picture is this one.
    async fn shows(&mut self, what: &str, frame: &Frame) {
        while !self.decoder.picture().is_some_and(|picture| picture.shows_same(frame)) {
            match soon(what, self.socket.next()).await {
                Some(Ok(Message::Binary(bytes))) => {
                    let relay = PictureRelay::decode(&bytes).unwrap();
                    assert_eq!(relay.session(), self.session);
                    self.bodies.push(relay.body().to_vec());
                    if let Decoded::Updated { number, .. } =
                        self.decoder.handle(relay.body()).unwrap()
                    {
                        let says = ViewerSays::Acknowledged(number);
                        let signal = ViewerSignal { session: self.session, says };
                        self.socket.send(Message::binary(signal.encode())).await.unwrap();
                    }
                }
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Whether anything that was sent decodes to something near the marker, each drawing operation
    /// taken by itself: what another one covers in the same update has been sent all the same.
    fn has_marker(&self) -> bool {
        let mut ops: Vec<u8> = Vec::new();
        let mut found = false;
        for body in self.bodies.iter().filter(|body| body[0] == 1) {
            let (part, last) = (u16::from_be_bytes([body[9], body[10]]), body[11] & 1 == 1);
            if part == 0 {
                ops.clear();
            }
            ops.extend(&body[20..]);
            if last {
                found |= drawings(&ops).any(|op| draws_marker(&body[12..16], op));
            }
        }
        found
    }
}

/// The fills and images of an update. A copy moves what was sent before.
fn drawings(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    let u16_at =
        |bytes: &[u8], at: usize| usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let len = match rest[0] {
                1 => 13,
                2 => 12,
                3 => 14 + u32::from_be_bytes(rest[10..14].try_into().unwrap()) as usize,
                4 => (0..u16_at(rest, 1)).fold(3, |at, _| at + 9 + usize::from(rest[at + 8])),
                op => panic!("{op} is no operation"),
            };
            let (op, after) = rest.split_at(len);
            rest = after;
            if matches!(op[0], 2 | 3) {
                return Some(op);
            }
        }
        None
    })
}

/// Draws one operation on a black picture of this size.
fn draws_marker(size: &[u8], op: &[u8]) -> bool {
    let mut body = vec![1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1];
    body.extend(size);
    body.extend([0; 4]);
    body.extend(op);
    let mut alone = Decoder::new();
    let decoded = alone.handle(&body).unwrap();
    assert!(matches!(decoded, Decoded::Updated { .. }), "{decoded:?}");
    let picture = alone.picture().unwrap();
    // A lossy image would bring it with some of its neighbours mixed in.
    picture
        .pixels()
        .chunks_exact(4)
        .any(|pixel| pixel.iter().zip(MARKER).all(|(a, b)| a.abs_diff(b) < 48))
}

fn with_marker(number: u32, areas: &[Mask]) -> Frame {
    let mut frame = drawn(number);
    for mask in areas {
        frame.fill(mask.area, MARKER);
    }
    frame
}

fn never_leaves(lossy: bool) {
    story(async {
        let world = World::new();
        let (mut sharing, _) = by_key(world.visitor().await).await;
        let key = sharing.key().to_string();
        let (app, source) = app_frames();
        let options = ScreenOptions { fps: 60, lossy };
        let sender = smol::spawn(ScreenSender::new(&mut sharing, source, options).run());
        let mut ada = Recorder::join(&world, &key).await;

        // The masked fields move, grow, come and go together with what is under them; sometimes only
        // they change, sometimes only the pixels.
        let mut last = (0, Vec::new());
        for step in 0..24_u16 {
            let at = (step * 7) % 90;
            let fields = match step % 4 {
                0 => vec![mask(at, at, 40, 17)],
                1 => vec![mask(at, at, 40 + step, 25), mask(150, 3, 33, 100)],
                2 => last.1.clone(),
                _ => vec![mask(0, at, 200, 9)],
            };
            let number = if step % 5 == 4 { last.0 } else { u32::from(step) };
            let frame = with_marker(number, &fields);
            app.push(frame.clone(), masks(&fields));
            ada.shows("the masked frame", &covered(frame, &masks(&fields))).await;
            last = (number, fields);
        }
        // Masks that do not fit the frame hide all of it.
        let other = Masks::new(coview::screen::Size::new(64, 64), vec![mask(0, 0, 9, 9)]).unwrap();
        app.push(with_marker(1, &[mask(10, 10, 99, 99)]), other);
        let mut blank = Frame::blank(SIZE).unwrap();
        blank.fill(SIZE.rect(), COVER);
        ada.shows("a blank frame", &blank).await;
        assert!(ada.bodies.len() >= 24);
        assert!(!ada.has_marker(), "masked pixels were sent");

        // The same recorder does find what is not masked.
        let open = with_marker(3, &[mask(64, 32, 32, 32)]);
        app.push(open.clone(), Masks::none());
        ada.shows("a frame without masks", &open).await;
        assert!(ada.has_marker(), "the recorder is blind");
        drop((sharing, sender));
        world.stop().await;
    });
}

#[test]
fn masked_pixels_are_never_sent() {
    never_leaves(false);
}

#[test]
fn masked_pixels_are_never_sent_where_pictures_may_be_blurred() {
    never_leaves(true);
}
