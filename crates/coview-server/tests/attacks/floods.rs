//! Too much of everything: connections, messages, bytes, and answers nobody reads.

use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use coview_server::ServerConfig;
use coview_server::Tls;
use coview_wire::Join;
use coview_wire::Message as _;
use coview_wire::Picture;
use coview_wire::RequestId;
use coview_wire::ServerMessage;
use coview_wire::ViewerNotice;
use tungstenite::Message;
use tungstenite::WebSocket;
use tungstenite::client::IntoClientRequest;

use crate::support::*;

#[test]
fn a_flood_of_half_open_connections_is_over_when_their_time_is() {
    let mut config = config();
    config.limits.connections = 20;
    config.limits.handshake = Duration::from_secs(1);
    with_server(config, |address, _| {
        let flood: Vec<_> = (0..40).map(|_| open(address)).collect();
        // None of them says a word or goes away, and still there is room again.
        let mut tries = 0;
        loop {
            let mut tcp = open(address);
            let said = match tcp.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") {
                Ok(()) => rest(&mut tcp),
                Err(_) => Vec::new(),
            };
            if said.starts_with(b"HTTP/1.1 200 ") {
                break;
            }
            tries += 1;
        }
        assert!(tries > 0, "the flood was none");
        assert!(metric(address, "connections_sent_away_total") >= 20);
        drop(flood);
    });
}

#[test]
fn whoever_opens_socket_after_socket_and_says_nothing_is_let_go() {
    let mut config = config();
    config.hub.policy.first_reply = Duration::from_secs(1);
    with_server(config, |address, _| {
        let flood: Vec<_> = (0..50).map(|_| upgraded(address, "")).collect();
        for mut tcp in flood {
            let said = rest(&mut tcp);
            assert!(String::from_utf8_lossy(&said).contains(r#""reason":"silent""#));
        }
        assert_eq!(metric(address, "closed_silent_total"), 50);
    });
}

fn paced(messages_per_second: u32, bytes_per_second: u32) -> ServerConfig {
    let mut config = config();
    config.limits.messages_per_second = messages_per_second;
    config.limits.bytes_per_second = bytes_per_second;
    config.limits.flooding = Duration::from_secs(1);
    config
}

/// Sends the same again and again until the connection is cut, and says that it was for that.
fn flood(config: ServerConfig, first: &[u8], again: &[u8]) {
    with_server(config, |address, _| {
        let mut tcp = upgraded(address, "");
        tcp.write_all(&frame(0x81, HELLO.as_bytes())).unwrap();
        tcp.write_all(first).unwrap();
        let mut reads = tcp.try_clone().unwrap();
        let reader = std::thread::spawn(move || rest(&mut reads));
        while tcp.write_all(again).is_ok() {}
        let said = reader.join().unwrap();
        // 1008, as the last of what it said, unless the reset overtook it.
        if let Some(at) = said.windows(2).rposition(|two| two == 1008_u16.to_be_bytes()) {
            assert!(String::from_utf8_lossy(&said[at..]).contains("policy"));
        }
        assert_eq!(metric(address, "closed_flooding_total"), 1);
        // Whoever is polite is served meanwhile and after.
        let mut other = client(address, &[]);
        say(&mut other, HELLO);
        assert!(hear(&mut other).contains("\"welcome\""));
    });
}

#[test]
fn a_flood_of_messages_is_read_slowly_and_then_cut() {
    flood(paced(50, 16 << 20), b"", &frame(0x81, br#"{"t":"ping"}"#));
}

#[test]
fn a_flood_of_pings_of_the_websocket_is_read_slowly_and_then_cut() {
    flood(paced(50, 16 << 20), b"", &frame(0x89, b"ping"));
}

#[test]
fn a_flood_of_empty_fragments_is_read_slowly_and_then_cut() {
    // So slow that a busy machine sends more, however it reads fragments one by one.
    flood(paced(1000, 1 << 16), &frame(0x01, b""), &frame(0x00, b"").repeat(1000));
}

#[test]
fn a_client_that_sends_fast_for_a_moment_is_held_up_and_not_cut() {
    let mut config = paced(50, 16 << 20);
    // A machine that stood still for a moment is no flood.
    config.limits.flooding = PATIENCE;
    with_server(config, |address, _| {
        let mut socket = client(address, &[]);
        say(&mut socket, HELLO);
        assert!(hear(&mut socket).contains("\"welcome\""));
        for _ in 0..130 {
            say(&mut socket, r#"{"t":"ping"}"#);
        }
        for _ in 0..130 {
            assert!(hear(&mut socket).contains("\"pong\""));
        }
        assert_eq!(metric(address, "closed_flooding_total"), 0);
    });
}

#[test]
fn a_viewer_that_reads_nothing_is_cut_off_and_the_visitor_goes_on() {
    viewer_reads_nothing(config(), |address| client(address, &[]));
}

#[test]
fn a_viewer_that_reads_nothing_behind_tls_is_cut_off_too() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = made.signing_key.serialize_pem();
    let tls = Tls::from_pem(made.cert.pem().as_bytes(), key.as_bytes()).unwrap();
    let config = ServerConfig { tls: Some(tls), ..config() };
    viewer_reads_nothing(config, |address| {
        let mut request = "ws://localhost/v1/socket".into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "coview.v1".parse().unwrap());
        tungstenite::client(request, tls_client(address, &made.cert).unwrap()).unwrap().0
    });
}

fn viewer_reads_nothing<S: Read + Write>(
    mut config: ServerConfig,
    open: impl Fn(SocketAddr) -> WebSocket<S>,
) {
    config.limits.stalled = Duration::from_secs(1);
    config.hub.policy.resume_grace = Duration::from_secs(1);
    // More than the queue would ever hold: it is the silence of the socket that counts.
    config.limits.queue_picture_bytes = 1 << 30;
    with_server(config, |address, _| {
        let mut visitor = open(address);
        say(&mut visitor, HELLO);
        hear(&mut visitor);
        say(&mut visitor, r#"{"t":"session_start","re":0,"start":1,"by":"random_key"}"#);
        let ServerMessage::SessionConnected(it) =
            ServerMessage::decode(&hear(&mut visitor)).unwrap()
        else {
            panic!("no session")
        };
        let mut agent = open(address);
        say(&mut agent, SIGN_IN);
        assert!(hear(&mut agent).contains("\"signed_in\""));
        let join = Join { re: RequestId::new(1), key: it.key.unwrap() };
        say(&mut agent, &coview_wire::AgentMessage::from(join).encode());
        assert!(hear(&mut agent).contains("\"joined\""));
        let viewer = loop {
            if let Message::Binary(bytes) = visitor.read().unwrap() {
                break ViewerNotice::decode(&bytes).unwrap().viewer;
            }
        };
        // More than all buffers on the way hold together.
        let picture = Picture::encode(it.session, &[viewer], &[7; 200_000]);
        for _ in 0..100 {
            visitor.send(Message::binary(picture.clone())).unwrap();
        }
        // The visitor is told that its viewer is gone, and goes on.
        while !hear(&mut visitor).contains(r#""count":0"#) {}
        say(&mut visitor, r#"{"t":"ping"}"#);
        while !hear(&mut visitor).contains("\"pong\"") {}
        // The goodbye is somewhere behind the pictures that were not read.
        drop(agent);
    });
}
