//! What somebody who is no client can do on the port: nothing for long.

use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;

use coview_hub::HubConfig;
use coview_server::Limits;
use coview_server::Server;
use coview_server::ServerConfig;

const SOCKET: &str = "Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: coview.v1\r\n\
                      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A server with these limits while `test` runs, on a thread of its own.
fn with_server(limits: Limits, test: impl FnOnce(SocketAddr)) {
    let (stop, stopped) = async_channel::bounded::<()>(1);
    let config = ServerConfig { limits, ..ServerConfig::loopback(HubConfig::default()) };
    let server = smol::block_on(Server::bind(config)).expect("a port is free");
    let address = server.address();
    let running = std::thread::spawn(move || {
        smol::block_on(server.run(async {
            let _ = stopped.recv().await;
        }));
    });
    test(address);
    drop(stop);
    running.join().expect("the server stops");
}

fn limits(connections: usize, seconds: u64) -> Limits {
    let handshake = Duration::from_secs(seconds);
    Limits { connections, handshake, drain: Duration::from_millis(100), ..Limits::default() }
}

fn open(address: SocketAddr) -> TcpStream {
    let tcp = TcpStream::connect(address).expect("the loopback works");
    tcp.set_read_timeout(Some(Duration::from_secs(20))).expect("the loopback works");
    tcp
}

/// Everything the server says until it closes.
fn answer(address: SocketAddr, request: &str) -> String {
    let mut tcp = open(address);
    tcp.write_all(request.as_bytes()).expect("the loopback works");
    let mut text = String::new();
    tcp.read_to_string(&mut text).expect("the loopback works");
    text
}

/// The head of the answer, from a server that may go on.
fn said(tcp: &mut TcpStream, request: &str) -> String {
    tcp.write_all(request.as_bytes()).expect("the loopback works");
    let mut bytes = [0; 1024];
    let len = tcp.read(&mut bytes).expect("the loopback works");
    String::from_utf8_lossy(&bytes[..len]).into_owned()
}

/// The first line of it.
fn status(tcp: &mut TcpStream, request: &str) -> String {
    said(tcp, request).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn a_connection_serves_one_request() {
    with_server(limits(10, 20), |address| {
        let twice = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2);
        let text = answer(address, &twice);
        assert_eq!(text.matches("HTTP/1.1 200 ").count(), 1, "{text}");
        assert!(text.to_lowercase().contains("connection: close"), "{text}");
    });
}

#[test]
fn whoever_dawdles_is_let_go() {
    with_server(limits(10, 1), |address| {
        for head in ["", "GET / HT", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n"] {
            let mut tcp = open(address);
            tcp.write_all(head.as_bytes()).unwrap();
            let mut rest = Vec::new();
            let ended = tcp.read_to_end(&mut rest);
            let reset = ended.as_ref().is_err_and(|it| it.kind() == ErrorKind::ConnectionReset);
            assert!(ended.is_ok() || reset, "{head:?}: {ended:?}");
        }
    });
}

#[test]
fn only_a_get_becomes_a_websocket() {
    with_server(limits(10, 20), |address| {
        for (first, code) in [
            ("HEAD /v1/socket HTTP/1.1", "HTTP/1.1 426 "),
            ("POST /v1/socket HTTP/1.1", "HTTP/1.1 405 "),
            ("GET /v1/socket HTTP/1.0", "HTTP/1.0 426 "),
        ] {
            let line = status(&mut open(address), &format!("{first}\r\n{SOCKET}"));
            assert!(line.starts_with(code), "{first}: {line}");
        }
        let answer = said(&mut open(address), &format!("GET /v1/socket HTTP/1.1\r\n{SOCKET}"));
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        let connection: Vec<_> =
            answer.lines().filter(|line| line.starts_with("connection: ")).collect();
        assert_eq!(connection, ["connection: upgrade"]);
    });
}

#[test]
fn one_client_too_many_is_told_so_and_counted() {
    with_server(limits(1, 20), |address| {
        let socket = format!("GET /v1/socket HTTP/1.1\r\n{SOCKET}");
        let mut first = open(address);
        let became = status(&mut first, &socket);
        assert!(became.starts_with("HTTP/1.1 101 "), "{became}");
        // The server opens the socket after it has answered.
        let metrics = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
        while !answer(address, metrics).contains("\ncoview_connections 1\n") {}
        let told = answer(address, &socket);
        assert!(told.starts_with("HTTP/1.1 503 ") && told.contains("retry-after: "), "{told}");
        assert!(answer(address, metrics).contains("\ncoview_connections_sent_away_total 1\n"));
    });
}

#[test]
fn strangers_who_say_nothing_are_limited_too() {
    with_server(limits(2, 20), |address| {
        let silent = [open(address), open(address)];
        assert_eq!(open(address).read(&mut [0]).unwrap(), 0, "closed at once");
        drop(silent);
    });
}
