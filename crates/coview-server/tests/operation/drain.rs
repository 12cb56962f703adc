//! A server that is about to stop sends its clients elsewhere, and lets sessions come to their end.

use std::sync::mpsc;
use std::time::Duration;

use coview_server::Control;
use coview_server::Server;
use coview_server::ServerConfig;

use crate::support::*;

const START: &str = r#"{"t":"session_start","re":0,"start":1,"by":"random_key"}"#;

const BYE: &str = r#"{"t":"bye"}"#;

/// A server that is not stopped but drained; what it returns when it has stopped by itself.
fn until_drained(config: ServerConfig, test: impl FnOnce(std::net::SocketAddr, &Control)) {
    let server = smol::block_on(Server::bind(config)).expect("a port is free");
    let (address, control) = (server.address(), server.control());
    let (told, stopped) = mpsc::channel();
    let running = std::thread::spawn(move || {
        smol::block_on(server.run(std::future::pending()));
        let _ = told.send(());
    });
    test(address, &control);
    stopped.recv_timeout(PATIENCE).expect("the server stops by itself");
    running.join().unwrap();
}

#[test]
fn clients_in_no_session_are_sent_elsewhere_and_a_session_comes_to_its_end() {
    until_drained(config(), |address, control| {
        assert!(get(address, "/healthz", "").ends_with("\r\n\r\nok\n"));
        let mut idle = client(address, &[]);
        say(&mut idle, HELLO);
        hear(&mut idle);
        let mut sharing = client(address, &[]);
        say(&mut sharing, HELLO);
        hear(&mut sharing);
        say(&mut sharing, START);
        assert!(hear(&mut sharing).contains("\"session_connected\""));

        control.drain();
        control.drain();
        let (last, code) = to_the_end(&mut idle);
        let last = last.unwrap();
        assert!(
            last.contains(r#""reason":"shutdown""#) && last.contains(r#""retry":true"#),
            "{last}"
        );
        assert_eq!(code, Some(1001));
        let health = get(address, "/healthz", "");
        assert!(
            health.starts_with("HTTP/1.1 503 ") && health.ends_with("\ndraining\n"),
            "{health}"
        );
        // Whoever comes by mistake is told to go on.
        let mut late = client(address, &[]);
        say(&mut late, HELLO);
        let (last, _) = to_the_end(&mut late);
        assert!(last.unwrap().contains(r#""retry":true"#));

        say(&mut sharing, r#"{"t":"ping"}"#);
        assert!(hear(&mut sharing).contains("\"pong\""), "the session goes on");
        say(&mut sharing, BYE);
        to_the_end(&mut sharing);
    });
}

#[test]
fn a_session_that_does_not_end_within_its_grace_is_ended_with_shutdown() {
    let mut config = config();
    config.limits.session_grace = Duration::from_millis(300);
    until_drained(config, |address, control| {
        let mut sharing = client(address, &[]);
        say(&mut sharing, HELLO);
        hear(&mut sharing);
        say(&mut sharing, START);
        assert!(hear(&mut sharing).contains("\"session_connected\""));
        control.drain();
        let told = hear(&mut sharing);
        assert!(told.contains("\"session_ended\"") && told.contains("\"shutdown\""), "{told}");
        let (last, _) = to_the_end(&mut sharing);
        assert!(last.unwrap().contains(r#""reason":"shutdown""#));
    });
}

#[test]
fn after_its_time_a_drained_server_turns_newcomers_away_before_they_are_clients() {
    let mut config = config();
    config.limits.drain_accept = Duration::ZERO;
    until_drained(config, |address, control| {
        let mut sharing = client(address, &[]);
        say(&mut sharing, HELLO);
        hear(&mut sharing);
        say(&mut sharing, START);
        hear(&mut sharing);
        control.drain();
        let told = answer(address, &format!("{UPGRADE}\r\n"));
        assert!(told.starts_with("HTTP/1.1 503 ") && told.contains("retry-after: "), "{told}");
        say(&mut sharing, r#"{"t":"ping"}"#);
        assert!(hear(&mut sharing).contains("\"pong\""), "the session goes on");
        say(&mut sharing, BYE);
        to_the_end(&mut sharing);
    });
}

#[test]
fn a_server_with_nobody_is_drained_at_once() {
    until_drained(config(), |_, control| control.drain());
}
