//! A server that reads slowly: pictures pile up on the visitor's side.

use async_tungstenite::WebSocketStream;
use async_tungstenite::accept_hdr_async;
use async_tungstenite::tungstenite::Message;
use async_tungstenite::tungstenite::handshake::server::Request;
use async_tungstenite::tungstenite::handshake::server::Response;
use async_tungstenite::tungstenite::http::HeaderValue;
use coview::AppState;
use coview::ScreenPass;
use coview::smol::PicturePipe;
use coview::wire::ClientMessage;
use coview::wire::Message as _;
use coview::wire::Picture;
use coview::wire::ViewerId;
use futures_lite::StreamExt;
use smol::net::TcpListener;
use smol::net::TcpStream;

use crate::stage::SharingByKey;
use crate::world::*;

const WELCOME: &str = r#"{"t":"welcome","re":0,"secret":"s","settings":{"share_button":true,"presence":true,"key_digits":9},"timing":{"heartbeat_ms":20000,"missed_heartbeats":2,"first_reply_ms":10000,"resume_grace_ms":30000,"background_lease_ms":300000}}"#;
const CONNECTED: &str =
    r#"{"t":"session_connected","re":1,"start":1,"session":9,"key":"123456786"}"#;

/// More than any socket keeps: 40 messages of nearly the longest there may be.
const PICTURES: usize = 40;

/// The server's side of a connection, played by hand.
struct Far(WebSocketStream<TcpStream>);

/// What a visitor said.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Text(&'static str),
    Picture,
}

impl Far {
    async fn accept(listener: &TcpListener) -> Self {
        let (tcp, _) = listener.accept().await.unwrap();
        #[expect(clippy::result_large_err, reason = "the library's signature")]
        let speak = |_: &Request, mut response: Response| {
            let name = HeaderValue::from_static("coview.v1");
            response.headers_mut().append("Sec-WebSocket-Protocol", name);
            Ok(response)
        };
        Self(accept_hdr_async(tcp, speak).await.unwrap())
    }

    async fn answer(&mut self, expected: &str, answer: &str) {
        let said = soon(expected, self.next()).await;
        assert!(matches!(said, Some(Said::Text(kind)) if kind == expected), "{said:?}");
        self.0.send(Message::text(answer)).await.unwrap();
    }

    async fn next(&mut self) -> Option<Said> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => {
                    return Some(Said::Text(ClientMessage::decode(&text).unwrap().kind()));
                }
                Some(Ok(Message::Binary(bytes))) => {
                    assert!(Picture::decode(&bytes).is_ok());
                    return Some(Said::Picture);
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// Everything that is still to come.
    async fn rest(mut self) -> Vec<Said> {
        let mut rest = Vec::new();
        while let Some(said) = soon("the rest", self.next()).await {
            rest.push(said);
        }
        rest
    }
}

/// A session at a server that has stopped reading, and a pass through which a lot was sent.
async fn piled_up() -> (SharingByKey, ScreenPass<PicturePipe>, Far) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let server = smol::spawn(async move {
        let mut far = Far::accept(&listener).await;
        far.answer("hello", WELCOME).await;
        far.answer("session_start", CONNECTED).await;
        far
    });
    let visitor = connect(visitor_at(&url)).await;
    let mut sharing = soon("the session", visitor.start_manual()).await.unwrap();
    let far = server.await;
    let mut pass = sharing.screen_pass();
    let body = vec![7; Picture::longest_body(1)];
    for _ in 0..PICTURES {
        pass.send(&[ViewerId::new(1)], &body).unwrap();
    }
    (sharing, pass, far)
}

#[test]
fn what_is_said_does_not_wait_for_all_pictures() {
    story(async {
        let (mut sharing, pass, far) = piled_up().await;
        sharing.app_moved(AppState::Background);
        drop(far_rest_after(sharing, pass, far, "app_moved").await);
    });
}

/// Reads until all pictures are there, and checks that the text came before the last of them.
async fn far_rest_after(
    sharing: SharingByKey,
    pass: ScreenPass<PicturePipe>,
    mut far: Far,
    text: &'static str,
) -> Far {
    let (mut before, mut after, mut said) = (0, 0, false);
    while before + after < PICTURES {
        match soon("the next message", far.next()).await {
            Some(Said::Picture) if said => after += 1,
            Some(Said::Picture) => before += 1,
            Some(Said::Text(kind)) if kind == text => said = true,
            other => panic!("{other:?}"),
        }
    }
    assert!(said && after > 0, "{before} pictures before, {after} after");
    drop((sharing, pass));
    far
}

#[test]
fn no_picture_follows_the_end_of_its_session() {
    story(async {
        let (sharing, pass, mut far) = piled_up().await;
        let mut visitor = sharing.end();
        assert!(!pass.stands());
        let mut before = 0;
        loop {
            match soon("the end", far.next()).await {
                Some(Said::Picture) => before += 1,
                Some(Said::Text("session_end")) => break,
                other => panic!("{other:?}"),
            }
        }
        assert!(before < PICTURES, "all pictures were said before the end");
        // The connection lives on, and the next thing said on it is no picture.
        visitor.app_moved(AppState::Background);
        assert_eq!(soon("the next message", far.next()).await, Some(Said::Text("app_moved")));
        drop(visitor);
        assert_eq!(far.rest().await, [Said::Text("bye")]);
    });
}

#[test]
fn no_picture_follows_a_visitor_who_is_dropped() {
    story(async {
        let (sharing, _pass, far) = piled_up().await;
        drop(sharing);
        let said = far.rest().await;
        let pictures = said.iter().filter(|said| **said == Said::Picture).count();
        assert!(pictures < PICTURES, "all pictures were said before the end");
        assert_eq!(said.last(), Some(&Said::Text("bye")));
    });
}
