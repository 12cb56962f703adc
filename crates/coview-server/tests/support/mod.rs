//! A server on a thread of its own, and clients that say whatever a test wants, byte by byte.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test uses a part of it")]

use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use coview_hub::Accounts;
use coview_hub::GroupConfig;
use coview_hub::HubConfig;
use coview_server::Control;
use coview_server::Limits;
use coview_server::Server;
use coview_server::ServerConfig;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentToken;
use coview_wire::GroupId;
use coview_wire::Terms;
use futures_rustls::rustls;
use futures_rustls::rustls::crypto::ring;
use rcgen::Certificate;
use tungstenite::Message;
use tungstenite::WebSocket;
use tungstenite::client::IntoClientRequest;

/// Nothing takes as long; only a test that fails waits for it.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub const HELLO: &str = r#"{"t":"hello","re":0,"version":1,"group":"12345","app":"active"}"#;
pub const SIGN_IN: &str = r#"{"t":"sign_in","re":0,"version":1,"group":"12345","token":"grace"}"#;

/// The head of a request for the WebSocket, but for its end.
pub const UPGRADE: &str = "GET /v1/socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\
                           Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                           Sec-WebSocket-Protocol: coview.v1\r\n\
                           Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// One group, whose agent has its name for a token, and whose visitors need no assertion.
pub fn config() -> ServerConfig {
    let terms = Terms::new("1", "The agent will see this app's screen until you stop.").unwrap();
    let mut group = GroupConfig::new(terms);
    let grace = AgentCard::new(AgentId::new("grace").unwrap(), "Grace").unwrap();
    let accounts = Accounts::default().with(AgentToken::new("grace").unwrap(), grace);
    group.proofs = Arc::new(accounts);
    group.assertion_needed = false;
    let hub = HubConfig::one_group(GroupId::new("12345").unwrap(), group);
    let limits = Limits { drain: Duration::from_millis(100), ..Limits::default() };
    ServerConfig { limits, ..ServerConfig::loopback(hub) }
}

/// A server while `test` runs.
pub fn with_server(config: ServerConfig, test: impl FnOnce(SocketAddr, &Control)) {
    let (stop, stopped) = async_channel::bounded::<()>(1);
    let server = smol::block_on(Server::bind(config)).expect("a port is free");
    let (address, control) = (server.address(), server.control());
    let running = std::thread::spawn(move || {
        smol::block_on(server.run(async {
            let _ = stopped.recv().await;
        }));
    });
    test(address, &control);
    drop(stop);
    running.join().expect("the server stops");
}

pub fn open(address: SocketAddr) -> TcpStream {
    let tcp = TcpStream::connect(address).expect("the loopback works");
    tcp.set_read_timeout(Some(PATIENCE)).expect("the loopback works");
    tcp.set_write_timeout(Some(PATIENCE)).expect("the loopback works");
    tcp.set_nodelay(true).expect("the loopback works");
    tcp
}

/// All the server says until it closes, by an end or by a reset.
pub fn rest(tcp: &mut impl Read) -> Vec<u8> {
    let (mut all, mut some) = (Vec::new(), [0; 4096]);
    loop {
        match tcp.read(&mut some) {
            Ok(0) => return all,
            Ok(len) => all.extend_from_slice(&some[..len]),
            Err(error) if is_cut(&error) => return all,
            Err(error) => panic!("the server neither speaks nor closes: {error}"),
        }
    }
}

/// Whether this is how a connection ends that the other side cut.
pub fn is_cut(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof
    )
}

/// The whole answer to a request without a body.
pub fn answer(address: SocketAddr, request: &str) -> String {
    let mut tcp = open(address);
    tcp.write_all(request.as_bytes()).expect("the loopback works");
    String::from_utf8_lossy(&rest(&mut tcp)).into_owned()
}

pub fn get(address: SocketAddr, path: &str, headers: &str) -> String {
    answer(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n"))
}

/// The value of one metric.
pub fn metric(address: SocketAddr, name: &str) -> u64 {
    let text = get(address, "/metrics", "");
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("coview_{name} ")));
    line.expect("a known metric").trim().parse().expect("a number")
}

#[expect(clippy::disallowed_methods, reason = "a test waits only so long")]
pub fn now() -> Instant {
    Instant::now()
}

/// Asks until the metric is this.
pub fn until(address: SocketAddr, name: &str, value: u64) {
    let begun = now();
    loop {
        let is = metric(address, name);
        if is == value {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{name} is {is} and not {value}");
    }
}

/// A connection that has become a WebSocket, spoken to by bytes.
pub fn upgraded(address: SocketAddr, headers: &str) -> TcpStream {
    let mut tcp = open(address);
    tcp.write_all(format!("{UPGRADE}{headers}\r\n").as_bytes()).expect("the loopback works");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        tcp.read_exact(&mut byte).expect("the server answers");
        head.extend_from_slice(&byte);
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(!head.to_lowercase().contains("sec-websocket-extensions"), "{head}");
    tcp
}

/// A frame with this first byte, and a mask of zeros.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match u8::try_from(payload.len()) {
        Ok(len @ 0..=125) => bytes.push(0x80 | len),
        _ => {
            let len = u64::try_from(payload.len()).unwrap();
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&len.to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

/// A WebSocket client with these headers more than it needs.
pub fn client(address: SocketAddr, headers: &[(&'static str, &str)]) -> WebSocket<TcpStream> {
    let mut request = format!("ws://{address}/v1/socket").into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "coview.v1".parse().unwrap());
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    tungstenite::client(request, open(address)).expect("the server answers").0
}

pub fn say<S: Read + Write>(socket: &mut WebSocket<S>, text: &str) {
    socket.send(Message::text(text)).expect("the server reads");
}

/// The next text.
pub fn hear<S: Read + Write>(socket: &mut WebSocket<S>) -> String {
    loop {
        match socket.read().expect("the server says something") {
            Message::Text(text) => return text.to_string(),
            Message::Close(frame) => panic!("closed: {frame:?}"),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}

/// Everything until the connection ends: the last of the texts, and the code of the close.
pub fn to_the_end<S: Read + Write>(socket: &mut WebSocket<S>) -> (Option<String>, Option<u16>) {
    let (mut text, mut code) = (None, None);
    loop {
        match socket.read() {
            Ok(Message::Text(it)) => text = Some(it.to_string()),
            Ok(Message::Close(frame)) => code = frame.map(|frame| frame.code.into()),
            Ok(_) => {}
            Err(tungstenite::Error::Io(error)) if !is_cut(&error) => panic!("no end: {error}"),
            Err(_) => return (text, code),
        }
    }
}

pub type TlsStream = rustls::StreamOwned<rustls::ClientConnection, TcpStream>;

/// A connection that trusts this certificate and no other.
pub fn tls_client(address: SocketAddr, trusts: &Certificate) -> std::io::Result<TlsStream> {
    tls_client_of(address, trusts, rustls::DEFAULT_VERSIONS)
}

/// The same with these versions only.
pub fn tls_client_of(
    address: SocketAddr,
    trusts: &Certificate,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> std::io::Result<TlsStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusts.der().clone()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let session = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = rustls::StreamOwned::new(session, open(address));
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// Sends a byte of `bytes` every now and then, over and over, until the server closes; what it said
/// till then. The pause between two is a wait for the server's word.
pub fn drip(mut tcp: TcpStream, bytes: &[u8]) -> Vec<u8> {
    tcp.set_read_timeout(Some(Duration::from_millis(50))).expect("the loopback works");
    let mut said = Vec::new();
    let mut some = [0; 1024];
    for byte in bytes.iter().cycle().take(400) {
        if tcp.write_all(&[*byte]).is_err() {
            return said;
        }
        match tcp.read(&mut some) {
            Ok(0) => return said,
            Ok(len) => said.extend_from_slice(&some[..len]),
            Err(error) if is_cut(&error) => return said,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the server let a client dawdle for 20 seconds");
}
