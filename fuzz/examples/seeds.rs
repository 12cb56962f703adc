//! Writes the inputs that fuzzing begins with into `corpus/`: one of every message, an update of
//! every kind, tokens, keys, configurations and short stories. `just fuzz` adds to them.

use core::time::Duration;
use std::fs;
use std::path::Path;

use coview_screen::*;
use coview_token::*;
use coview_wire::*;
use data_encoding::BASE64URL_NOPAD;

#[path = "../../crates/coview-wire/tests/samples/mod.rs"]
#[allow(unreachable_pub, missing_docs)]
mod samples;

fn main() {
    wire();
    tiles();
    codec();
    token();
    config();
    hub();
    audit();
    frames();
}

fn write(target: &str, name: &str, data: impl AsRef<[u8]>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder).expect("the corpus can be written");
    fs::write(folder.join(format!("seed-{name}")), data).expect("the corpus can be written");
}

fn wire() {
    fn all<M: Message>(who: &str, messages: Vec<M>) {
        for (at, message) in messages.iter().enumerate() {
            write("wire", &format!("{who}-{at:02}-{}", message.kind()), message.encode());
        }
    }
    all("client", samples::client_messages());
    all("client-less", samples::lesser_client_messages());
    all("server", samples::server_messages());
    all("server-less", samples::lesser_server_messages());
    all("agent", samples::agent_messages());
    all("agent-less", samples::lesser_agent_messages());
    all("notice", samples::agent_notices());
    all("notice-less", samples::lesser_agent_notices());
    let session = SessionId::new(22);
    let viewer = ViewerId::new(2);
    write("wire", "binary-picture", Picture::encode(session, &[viewer, ViewerId::new(3)], &[3]));
    write("wire", "binary-relay", PictureRelay::encode(session, &[3]));
    for (name, event) in [
        ("joined", ViewerEvent::Joined),
        ("acknowledged", ViewerEvent::Acknowledged(9)),
        ("refresh", ViewerEvent::Refresh),
        ("left", ViewerEvent::Left),
    ] {
        let notice = ViewerNotice { session, viewer, event };
        write("wire", &format!("binary-notice-{name}"), notice.encode());
    }
    for (name, says) in
        [("acknowledged", ViewerSays::Acknowledged(9)), ("refresh", ViewerSays::Refresh)]
    {
        write("wire", &format!("binary-signal-{name}"), ViewerSignal { session, says }.encode());
    }
    for (name, state) in [("unknown", MaskState::Unknown), ("known", MaskState::Known { areas: 2 })]
    {
        write("wire", &format!("binary-masks-{name}"), MaskNotice { session, state }.encode());
    }
    use coview_wire::MaskState;
}

fn tiles() {
    use coview_screen::MaskState;
    let size = Size::new(20, 15);
    for lossy in [false, true] {
        let mut encoder = Encoder::new(EncoderConfig { lossy });
        let mut frame = Frame::blank(size).expect("a small size");
        let mask = Mask::new(Rect::new(3, 4, 5, 6), "PIN");
        let masks = MaskState::Known(Masks::new(size, vec![mask]).expect("one"));
        let mut now = Moment::ZERO;
        let mut bodies = Vec::new();
        encoder.handle_input(now, Input::Joined(ViewerId::new(1)));
        for step in 0..12_u8 {
            let mut noise = u32::from(step);
            for (at, pixel) in frame.pixels_mut().chunks_mut(4).enumerate() {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                match step {
                    0..3 => pixel[0] = (at / 20) as u8 * step,
                    3..10 => pixel.copy_from_slice(&noise.to_be_bytes()),
                    _ => {}
                }
            }
            if step >= 10 {
                frame.pixels_mut().rotate_right(20 * 4);
            }
            let damage = Damage::Unknown;
            encoder
                .handle_input(now, Input::Frame { frame: &frame, damage: &damage, masks: &masks });
            now = now + Duration::from_millis(40);
            while let Output::Send { body, .. } = encoder.poll_output() {
                bodies.extend((body.len() as u16).to_be_bytes());
                bodies.extend(&body);
                if body[0] == 1 {
                    let number = u32::from_be_bytes([body[1], body[2], body[3], body[4]]);
                    let viewer = ViewerId::new(1);
                    encoder.handle_input(now, Input::Acknowledged { viewer, number });
                }
            }
            if matches!(step, 2 | 5 | 9 | 11) {
                write("tiles", &format!("story-{lossy}-{step:02}"), &bodies);
                if lossy {
                    bodies.clear();
                    encoder.handle_input(now, Input::Refresh(ViewerId::new(1)));
                    now = now + Duration::from_secs(4);
                }
            }
        }
    }
    let page = include_str!("../../docs/protocol.md");
    let example = page.split("```picture-example\n").nth(1).expect("the page has an example");
    let mut bodies = Vec::new();
    for body in example.split("```").next().unwrap_or_default().split("\n\n") {
        let hex = body.lines().filter_map(|line| line.split("  ").next());
        let bytes: Vec<u8> = hex
            .flat_map(|hex| hex.split(' '))
            .map(|byte| u8::from_str_radix(byte, 16).expect("a byte in hex"))
            .collect();
        bodies.extend((bytes.len() as u16).to_be_bytes());
        bodies.extend(bytes);
    }
    write("tiles", "page", bodies);
}

fn codec() {
    // Join, then draw, capture, scroll, mask and lose the thread in turn.
    for lossy in 0..2_u8 {
        let story = [
            &[lossy, 63, 47, 6][..],
            &[0, 3, 4, 20, 20, 0xf8, 0x01, 11],
            &[1, 0, 0, 90, 90, 1, 2, 11],
            &[3, 5, 11, 3, 9, 11],
            &[4, 1, 2, 2, 30, 10, 4, 11],
            &[6, 2, 9, 9, 30, 30, 11, 8, 9, 1, 0],
            &[5, 11, 4, 0, 11, 10, 31, 23, 11, 7, 11, 9, 15, 0],
        ];
        write("codec", &format!("story-{lossy}"), story.concat());
    }
}

fn token() {
    use coview_fuzz::seeds::*;
    for (at, token) in SIGNED.lines().enumerate() {
        write("token", &format!("signed-{at}"), [b"\0", token.as_bytes()].concat());
    }
    let key = SigningKey::from_secret(&Secret::new(SECRET).expect("long enough"));
    let (group, now) = (GroupId::new(GROUP).expect("an id"), UnixTime::new(NOW));
    let card = AgentCard::new(AgentId::new("grace").expect("an id"), "Grace").expect("a name");
    let hour = Duration::from_secs(3_600);
    let token = AgentClaims::new(group, card).once().sign(&key, now, hour).expect("it is signed");
    let token = token.expose_secret();
    write("token", "shared", [b"\0", token.as_bytes()].concat());
    let parts: Vec<&str> = token.split('.').collect();
    let none = format!("{}.{}.", BASE64URL_NOPAD.encode(br#"{"alg":"none"}"#), parts[1]);
    write("token", "none", [b"\0", none.as_bytes()].concat());

    let header = r#"{"alg":"HS256","typ":"JWT"}"#;
    for (name, header, claims) in [
        (
            "agent",
            header,
            r#"{"aud":"coview-agent","group":"12345","sub":"grace","name":"Grace","exp":1800003600,"iat":1800000000,"nbf":1799999999,"jti":"a","visitors":["customer-42"],"view_only":true,"manual_keys":false,"max_guests":2}"#,
        ),
        (
            "visitor",
            header,
            r#"{"aud":["coview-visitor"],"group":"12345","sub":"customer-42","exp":1800000600.5}"#,
        ),
        (
            "critical",
            r#"{"alg":"HS256","crit":["b64"],"b64":false,"kid":"k"}"#,
            r#"{"aud":"coview-visitor"}"#,
        ),
    ] {
        write("token", &format!("claims-{name}"), format!("\u{1}{header}\0{claims}"));
    }
    write("token", "keys-pem", format!("\u{2}{PUBLIC}"));
    let mut jwks = Vec::new();
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        let key = SigningKey::generate(algorithm).and_then(|key| key.with_key_id("a"));
        jwks.push(key.expect("a key").public_jwk().expect("a public key"));
    }
    write("token", "keys-jwk", format!("\u{2}{}", jwks[0]));
    write("token", "keys-jwks", format!("\u{2}{{\"keys\":[{}]}}", jwks.join(",")));
    write("token", "keys-secret", format!("\u{2}{}", "0123456789abcdef".repeat(2)));
}

fn config() {
    let documented = include_str!("../../docs/coview.toml");
    write("config", "documented", documented);
    // Every part of it alone, with what is a comment there switched on.
    for (at, part) in documented.split("\n\n").enumerate() {
        let on: Vec<&str> =
            part.lines().map(|line| line.strip_prefix("# ").unwrap_or(line)).collect();
        write("config", &format!("part-{at:02}"), on.join("\n"));
    }
    write(
        "config",
        "least",
        "listen = \"127.0.0.1:7300\"\n[[group]]\nid = \"12345\"\n[group.terms]\nversion = \"1\"\ntext = \"May I?\"\n",
    );
}

fn hub() {
    coview_fuzz::seeds::stories().into_iter().for_each(|(name, story)| write("hub", name, story));
}

fn audit() {
    use coview_fuzz::seeds::LOG;
    write("audit", "whole", LOG);
    let middle = LOG.match_indices('\n').nth(LOG.lines().count() / 2).map_or(0, |(at, _)| at);
    write("audit", "torn", &LOG[..middle - 9]);
    write("audit", "begun", &LOG[..=middle]);
}

/// How long messages may be, where the bytes are cut, and frames with a mask of zeros.
fn frames() {
    let frame = |first: u8, payload: &[u8]| {
        let len = payload.len() as u8;
        assert!(len < 126, "a length in one byte");
        [&[first, 0x80 | len, 0, 0, 0, 0], payload].concat()
    };
    let note = "𝄞".as_bytes();
    let parts = [frame(0x01, &note[..1]), frame(0x89, b"there?"), frame(0x80, &note[1..])].concat();
    for (name, cuts, frames) in [
        ("text", &[][..], frame(0x81, b"whole")),
        ("binary", &[3], frame(0x82, &[0, 255])),
        ("parts", &[1, 7, 2], parts.clone()),
        ("parts-and-text", &[9, 9], [parts, frame(0x81, b"after")].concat()),
        ("close", &[5], [frame(0x8a, b""), frame(0x88, b"\x03\xe8bye")].concat()),
        ("close-reserved", &[], frame(0x88, b"\x03\xed")),
        ("long-length", &[], vec![0x81, 0xfe, 0, 2, 0, 0, 0, 0, b'h', b'i']),
        (
            "longer-length",
            &[4],
            [&[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0], &b"x"[..]].concat(),
        ),
        ("too-long", &[], vec![0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
        ("unmasked", &[], vec![0x81, 2, b'h', b'i']),
        ("reserved", &[], frame(0xc1, b"hi")),
        ("two-begun", &[], [frame(0x01, b"a"), frame(0x01, b"b")].concat()),
    ] {
        write("frames", name, [&[80, 0, 1, cuts.len() as u8], cuts, &frames].concat());
    }
}
