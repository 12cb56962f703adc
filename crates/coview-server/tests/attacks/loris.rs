//! Clients that take their time: everything has an end.

use std::io::Write;
use std::time::Duration;

use coview_server::Tls;

use crate::support::*;

fn impatient() -> coview_server::ServerConfig {
    let mut config = config();
    config.limits.handshake = Duration::from_secs(1);
    config.hub.policy.first_reply = Duration::from_secs(1);
    config
}

#[test]
fn slow_loris_in_the_head_of_a_request() {
    with_server(impatient(), |address, _| {
        let head = format!("GET / HTTP/1.1\r\nHost: x\r\n{}", "X-Slow: 1\r\n".repeat(100));
        let said = drip(open(address), head.as_bytes());
        assert!(!String::from_utf8_lossy(&said).contains("200 OK"));
    });
}

#[test]
fn slow_loris_in_the_body_of_a_request() {
    with_server(impatient(), |address, _| {
        let mut tcp = open(address);
        tcp.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n").unwrap();
        drip(tcp, b"x");
    });
}

#[test]
fn slow_loris_in_the_tls_handshake() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = made.signing_key.serialize_pem();
    let mut config = impatient();
    config.tls = Some(Tls::from_pem(made.cert.pem().as_bytes(), key.as_bytes()).unwrap());
    with_server(config, |address, _| {
        // A record of a handshake that says it has 16,384 bytes.
        let hello =
            [&[0x16, 0x03, 0x01, 0x40, 0x00, 0x01, 0x00, 0x3f, 0xfc][..], &[0; 64]].concat();
        drip(open(address), &hello);
        // One that says nothing at all is let go, too.
        rest(&mut open(address));
    });
}

#[test]
fn slow_loris_in_the_head_of_a_frame() {
    with_server(impatient(), |address, _| {
        let tcp = upgraded(address, "");
        let said = drip(tcp, &frame(0x82, &[0; 60_000])[..12]);
        assert!(String::from_utf8_lossy(&said).contains(r#""reason":"silent""#), "{said:?}");
    });
}

#[test]
fn slow_loris_in_the_body_of_a_frame() {
    with_server(impatient(), |address, _| {
        let mut tcp = upgraded(address, "");
        tcp.write_all(&frame(0x81, &[b' '; 60_000])[..14]).unwrap();
        let said = drip(tcp, b" ");
        assert!(String::from_utf8_lossy(&said).contains(r#""reason":"silent""#), "{said:?}");
    });
}

#[test]
fn slow_loris_with_pings_of_the_websocket_only() {
    with_server(impatient(), |address, _| {
        let said = drip(upgraded(address, ""), &frame(0x89, b""));
        assert!(String::from_utf8_lossy(&said).contains(r#""reason":"silent""#), "{said:?}");
    });
}

#[test]
fn a_welcomed_visitor_who_drips_a_frame_is_silent() {
    let mut config = config();
    config.hub.policy.heartbeat = Duration::from_secs(1);
    config.hub.policy.missed_heartbeats = 0;
    with_server(config, |address, _| {
        let mut tcp = upgraded(address, "");
        tcp.write_all(&frame(0x81, HELLO.as_bytes())).unwrap();
        tcp.write_all(&frame(0x81, &[b' '; 60_000])[..14]).unwrap();
        let said = drip(tcp, b" ");
        assert!(String::from_utf8_lossy(&said).contains(r#""reason":"silent""#), "{said:?}");
    });
}
