//! The relay of the picture over real sockets, spoken to as any client could.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test may panic")]

use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use coview_hub::Accounts;
use coview_server::Limits;
use coview_server::Server;
use coview_server::ServerConfig;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentMessage;
use coview_wire::AgentNotice;
use coview_wire::AgentToken;
use coview_wire::AppState;
use coview_wire::ClientMessage;
use coview_wire::GroupId;
use coview_wire::Hello;
use coview_wire::Join;
use coview_wire::Message as _;
use coview_wire::Picture;
use coview_wire::PictureRelay;
use coview_wire::Ping;
use coview_wire::Profile;
use coview_wire::RequestId;
use coview_wire::ServerMessage;
use coview_wire::SessionEnd;
use coview_wire::SessionId;
use coview_wire::SessionKey;
use coview_wire::SessionStart;
use coview_wire::SignIn;
use coview_wire::StartBy;
use coview_wire::StartId;
use coview_wire::ViewerEvent;
use coview_wire::ViewerId;
use coview_wire::ViewerNotice;
use coview_wire::ViewerSays;
use coview_wire::ViewerSignal;
use coview_wire::Watch;
use coview_wire::limits;
use tungstenite::Message;
use tungstenite::WebSocket;
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::frame::coding::CloseCode;

const CONFIG: &str = r#"
listen = "127.0.0.1:0"
[[group]]
id = "test"
[group.terms]
version = "1"
text = "The agent will see this app's screen until you stop."
"#;

const NONE: RequestId = RequestId::new(0);
const START: StartId = StartId::new(1);

/// A server with these limits while `test` runs, on a thread of its own.
fn with_server(limits: Limits, test: impl FnOnce(SocketAddr)) {
    let (stop, stopped) = async_channel::bounded::<()>(1);
    let mut config = ServerConfig::from_toml(CONFIG).expect("the configuration is right");
    let grace = AgentCard::new(AgentId::new("grace").unwrap(), "Grace").unwrap();
    let accounts = Accounts::default().with(AgentToken::new("token").unwrap(), grace);
    for group in config.hub.groups.values_mut() {
        group.proofs = Arc::new(accounts.clone());
    }
    let server = smol::block_on(Server::bind(ServerConfig { limits, ..config }));
    let server = server.expect("a port is free");
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

fn limits() -> Limits {
    Limits { drain: Duration::from_millis(100), ..Limits::default() }
}

struct Client(WebSocket<TcpStream>);

impl Client {
    fn open(address: SocketAddr) -> Self {
        let tcp = TcpStream::connect(address).expect("the loopback works");
        tcp.set_read_timeout(Some(Duration::from_secs(20))).expect("the loopback works");
        let mut request = format!("ws://{address}/v1/socket").into_client_request().unwrap();
        let protocol = "coview.v1".parse().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        Self(tungstenite::client(request, tcp).expect("the server answers").0)
    }

    fn visitor(address: SocketAddr) -> Self {
        let mut client = Self::open(address);
        client.say(ClientMessage::from(Hello {
            re: NONE,
            version: 1,
            group: GroupId::new("test").unwrap(),
            token: None,
            profile: Profile::new(),
            app: AppState::Active,
        }));
        assert!(matches!(client.hear(), ServerMessage::Welcome(_)));
        client
    }

    /// A visitor in a session with a key.
    fn sharing(address: SocketAddr) -> (Self, SessionId, SessionKey) {
        let mut client = Self::visitor(address);
        let by = StartBy::RandomKey;
        client.say(ClientMessage::from(SessionStart { re: NONE, start: START, by }));
        let ServerMessage::SessionConnected(it) = client.hear() else { panic!("no session") };
        (client, it.session, it.key.unwrap())
    }

    fn agent(address: SocketAddr) -> Self {
        let mut client = Self::open(address);
        let group = GroupId::new("test").unwrap();
        let token = AgentToken::new("token").unwrap();
        client.say(AgentMessage::from(SignIn { re: NONE, version: 1, group, token }));
        assert!(matches!(client.notice(), AgentNotice::SignedIn(_)));
        client
    }

    /// An agent in a session, and the number the visitor was told.
    fn viewer(address: SocketAddr, key: SessionKey, visitor: &mut Self) -> (Self, ViewerId) {
        let mut client = Self::agent(address);
        client.say(AgentMessage::from(Join { re: NONE, key }));
        assert!(matches!(client.notice(), AgentNotice::Joined(_)));
        assert!(matches!(visitor.hear(), ServerMessage::SessionGuests(_)));
        let notice = visitor.told();
        assert_eq!(notice.event, ViewerEvent::Joined);
        (client, notice.viewer)
    }

    fn say(&mut self, message: impl coview_wire::Message) {
        self.0.send(Message::text(message.encode())).expect("the server reads");
    }

    fn show(&mut self, session: SessionId, viewers: &[ViewerId], body: &[u8]) {
        let bytes = Picture::encode(session, viewers, body);
        self.0.send(Message::binary(bytes)).expect("the server reads");
    }

    fn next(&mut self) -> Message {
        self.0.read().expect("the server says something")
    }

    fn hear(&mut self) -> ServerMessage {
        let message = self.next();
        ServerMessage::decode(message.to_text().expect("a text")).unwrap()
    }

    fn notice(&mut self) -> AgentNotice {
        let message = self.next();
        AgentNotice::decode(message.to_text().expect("a text")).unwrap()
    }

    /// The next binary message to a visitor.
    fn told(&mut self) -> ViewerNotice {
        let message = self.next();
        assert!(message.is_binary(), "{message:?}");
        ViewerNotice::decode(&message.into_data()).unwrap()
    }

    /// The next picture, past what is said meanwhile.
    fn picture(&mut self, session: SessionId) -> Vec<u8> {
        loop {
            let message = self.next();
            if message.is_binary() {
                let bytes = message.into_data();
                let picture = PictureRelay::decode(&bytes).unwrap();
                assert_eq!(picture.session(), session);
                return picture.body().to_vec();
            }
        }
    }

    /// What was said to a visitor already, without waiting.
    fn told_already(&mut self) -> Option<ViewerNotice> {
        self.0.get_ref().set_nonblocking(true).unwrap();
        let message = self.0.read();
        self.0.get_ref().set_nonblocking(false).unwrap();
        match message {
            Ok(message) => Some(ViewerNotice::decode(&message.into_data()).unwrap()),
            Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// The server said goodbye for a breach of the protocol, and closed.
    fn until_cut_off(mut self) {
        loop {
            match self.next() {
                Message::Text(text) if text.contains("\"closing\"") => {
                    assert_eq!(
                        text.as_str(),
                        r#"{"t":"closing","reason":"protocol","retry":false}"#
                    );
                }
                Message::Close(frame) => {
                    assert_eq!(frame.unwrap().code, CloseCode::Protocol);
                    return;
                }
                Message::Text(_)
                | Message::Binary(_)
                | Message::Ping(_)
                | Message::Pong(_)
                | Message::Frame(_) => {}
            }
        }
    }
}

fn metrics(address: SocketAddr) -> String {
    let mut tcp = TcpStream::connect(address).expect("the loopback works");
    tcp.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut text = String::new();
    tcp.read_to_string(&mut text).unwrap();
    text
}

/// The value of one metric.
fn value(address: SocketAddr, name: &str) -> u64 {
    let text = metrics(address);
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a known metric");
    line.trim().parse().unwrap()
}

/// Bytes that begin with a number and are unlike those of another.
fn body(number: usize, len: usize) -> Vec<u8> {
    let mut bytes: Vec<_> =
        (0..len).map(|at| ((at * 7 + number * 31 + at / 251) % 253) as u8).collect();
    if let Some(head) = bytes.first_chunk_mut() {
        *head = u32::try_from(number).unwrap().to_be_bytes();
    }
    bytes
}

#[test]
fn what_the_visitor_shows_every_viewer_sees() {
    with_server(limits(), |address| {
        let (mut visitor, session, key) = Client::sharing(address);
        let (mut grace, first) = Client::viewer(address, key, &mut visitor);
        let (mut joan, second) = Client::viewer(address, key, &mut visitor);
        let lens = [0, 1, 500, 32_759, 32_760, 100_000, Picture::longest_body(2), 3];
        for (at, len) in lens.into_iter().enumerate() {
            visitor.show(session, &[first, second], &body(at, len));
        }
        for viewer in [&mut grace, &mut joan] {
            for (at, len) in lens.into_iter().enumerate() {
                assert!(viewer.picture(session) == body(at, len), "{len} bytes");
            }
        }
        let says = ViewerSays::Acknowledged(8);
        let signal = ViewerSignal { session, says }.encode();
        joan.0.send(Message::binary(signal)).unwrap();
        let event = ViewerEvent::Acknowledged(8);
        assert_eq!(visitor.told(), ViewerNotice { session, viewer: second, event });

        let text = metrics(address);
        let bytes: usize = lens.iter().sum();
        for line in [
            "coview_viewers 2".to_owned(),
            "coview_pictures_in_total 8".to_owned(),
            "coview_pictures_out_total 16".to_owned(),
            format!("coview_picture_bytes_in_total {}", bytes + 8 * 18),
            format!("coview_picture_bytes_out_total {}", 2 * (bytes + 8 * 9)),
            "coview_pictures_late_total 0".to_owned(),
            "coview_pictures_refused_total 0".to_owned(),
            "coview_viewers_behind_total 0".to_owned(),
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{line} is not in {text}");
        }
    });
}

/// A visitor who shows pictures of 100 kB to one viewer who reads all and to one who reads none.
struct Slow {
    visitor: Client,
    session: SessionId,
    quick: Client,
    slow: Client,
    viewers: [ViewerId; 2],
    shown: usize,
}

const LEN: usize = 100_000;
/// How many such pictures wait for a viewer at most.
const FIT: usize = 10;

impl Slow {
    fn limits() -> Limits {
        Limits { queue_picture_bytes: 1024 * 1024, ..limits() }
    }

    fn new(address: SocketAddr) -> Self {
        let (mut visitor, session, key) = Client::sharing(address);
        let (quick, first) = Client::viewer(address, key, &mut visitor);
        let (slow, second) = Client::viewer(address, key, &mut visitor);
        Self { visitor, session, quick, slow, viewers: [first, second], shown: 0 }
    }

    /// Shows one picture more, which the quick viewer sees.
    fn show(&mut self) {
        self.visitor.show(self.session, &self.viewers, &body(self.shown, LEN));
        assert!(self.quick.picture(self.session) == body(self.shown, LEN), "nothing is lost");
        self.shown += 1;
    }

    /// Shows pictures until the system takes in no more of them for the slow viewer: as many as fit
    /// into the queue, and one more, make the server throw them away.
    fn fill(&mut self) {
        let mut times = 0;
        let mut before = 0;
        loop {
            self.show();
            assert!(self.shown < 1000, "100 MB wait for a viewer");
            if let Some(told) = self.visitor.told_already() {
                let event = ViewerEvent::Refresh;
                let slow = ViewerNotice { session: self.session, viewer: self.viewers[1], event };
                assert_eq!(told, slow, "of the quick one nothing is told");
                times += 1;
                if times > 1 && self.shown - before == FIT + 1 {
                    return;
                }
                before = self.shown;
            }
        }
    }
}

/// Which picture this is; it is whole.
fn which(message: &[u8]) -> usize {
    let seen = PictureRelay::decode(message).unwrap().body();
    let number = u32::from_be_bytes(*seen.first_chunk().unwrap()) as usize;
    assert!(*seen == body(number, LEN));
    number
}

#[test]
fn a_viewer_that_does_not_read_loses_its_pictures_and_nothing_else() {
    with_server(Slow::limits(), |address| {
        let mut world = Slow::new(address);
        world.fill();
        // There is room again, and what waits now is not lost.
        let kept = world.shown..world.shown + FIT - 1;
        for _ in kept.clone() {
            world.show();
        }
        // A word overtakes them; the server has it ready before the viewer reads again.
        let heard = || value(address, "coview_messages_in_total");
        let before_ping = heard();
        world.slow.say(AgentMessage::from(Ping {}));
        while heard() == before_ping {}
        let (mut seen, mut before) = (Vec::new(), None);
        while seen.last() != Some(&(kept.end - 1)) {
            match world.slow.next() {
                Message::Binary(bytes) => seen.push(which(&bytes)),
                Message::Text(text) if text.contains("\"pong\"") => before = Some(seen.len()),
                Message::Text(text) => assert!(text.contains("session_guests"), "{text}"),
                other => panic!("{other:?}"),
            }
        }
        assert!(before.unwrap() < seen.len(), "the word came first");
        assert!(seen.is_sorted() && seen.len() <= world.shown - FIT);
        assert_eq!(seen[seen.len() - kept.len()..], kept.collect::<Vec<_>>());
        assert!(value(address, "coview_viewers_behind_total") >= 2);
        assert_eq!(value(address, "coview_closed_too_slow_total"), 0);
    });
}

#[test]
fn nothing_is_seen_after_the_end_was_told() {
    with_server(Slow::limits(), |address| {
        let mut world = Slow::new(address);
        world.fill();
        for _ in 1..FIT {
            world.show();
        }
        world.visitor.say(ClientMessage::from(SessionEnd { re: NONE, start: START }));
        while value(address, "coview_sessions ") == 1 {}
        world.slow.say(AgentMessage::from(Ping {}));
        world.slow.say(AgentMessage::from(Watch { re: RequestId::new(1), visitor: None }));
        let (mut seen, mut ended, mut last) = (Vec::new(), false, false);
        while !last {
            match world.slow.next() {
                Message::Text(text) => {
                    ended |= text.contains("session_ended");
                    last |= text.contains("roster");
                }
                Message::Binary(bytes) => {
                    assert!(!ended, "a picture after the end");
                    seen.push(which(&bytes));
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(ended && *seen.last().unwrap() < world.shown - 1);
        // Nor does one follow.
        world.slow.say(AgentMessage::from(Ping {}));
        assert!(matches!(world.slow.notice(), AgentNotice::Pong(_)));
    });
}

#[test]
fn pictures_of_a_stranger_cut_it_off() {
    with_server(limits(), |address| {
        let (_, session, _) = Client::sharing(address);
        let mut stranger = Client::open(address);
        stranger.show(session, &[ViewerId::new(1)], b"peep");
        stranger.until_cut_off();
        assert_eq!(value(address, "coview_pictures_refused_total"), 1);
    });
}

#[test]
fn pictures_without_a_session_cut_a_visitor_off() {
    with_server(limits(), |address| {
        let mut visitor = Client::visitor(address);
        visitor.show(SessionId::new(1), &[ViewerId::new(1)], b"unasked");
        visitor.until_cut_off();
    });
}

#[test]
fn a_picture_a_little_too_long_is_answered() {
    with_server(limits(), |address| {
        let (mut visitor, session, _) = Client::sharing(address);
        visitor.show(session, &[ViewerId::new(1)], &vec![0; limits::PICTURE_BYTES - 13]);
        visitor.until_cut_off();
        assert_eq!(value(address, "coview_pictures_refused_total"), 1);
    });
}

#[test]
fn only_a_visitor_in_a_session_makes_the_server_take_in_long_messages() {
    // The head of a binary message of 256 KiB, with a mask of zeros; what is in it never comes.
    const HEAD: [u8; 14] = [0x82, 0xff, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0];
    with_server(limits(), |address| {
        let strangers = [Client::open(address), Client::visitor(address), Client::agent(address)];
        for Client(mut socket) in strangers {
            socket.get_mut().write_all(&HEAD).unwrap();
            let ended = socket.get_mut().read(&mut [0]);
            let reset = ended.as_ref().is_err_and(|it| it.kind() == ErrorKind::ConnectionReset);
            assert!(matches!(ended, Ok(0)) || reset, "{ended:?}");
        }
        let (Client(mut socket), ..) = Client::sharing(address);
        socket.get_mut().write_all(&HEAD).unwrap();
        socket.get_mut().write_all(&vec![0; 256 * 1024]).unwrap();
        Client(socket).until_cut_off();
    });
}
