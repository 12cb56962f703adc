//! A client that speaks protocol v1 by hand, in any order it likes.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;

use coview::SessionKey;
use coview_wire::Picture;
use coview_wire::PictureRelay;
use coview_wire::SessionId;
use coview_wire::ViewerId;
use serde_json::Value;
use serde_json::json;
use tungstenite::Message;
use tungstenite::WebSocket;
use tungstenite::client::IntoClientRequest;

/// Nothing takes as long; only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the server said.
#[derive(Debug)]
pub(crate) enum Heard {
    Text(Value),
    Binary(Vec<u8>),
    End,
}

/// A connection, and everything it was told.
pub(crate) struct Raw {
    socket: WebSocket<TcpStream>,
    /// What came while something else was waited for, oldest first.
    passed: VecDeque<Heard>,
    re: u64,
    /// Every text it was ever sent.
    pub(crate) told: String,
}

impl Raw {
    pub(crate) fn connect(server: SocketAddr) -> Self {
        Self::connect_with(server, &[])
    }

    /// A connection with headers of its own, such as an `Origin`.
    pub(crate) fn connect_with(server: SocketAddr, headers: &[(&'static str, &str)]) -> Self {
        let tcp = TcpStream::connect(server).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        tcp.set_nodelay(true).unwrap();
        let mut request = format!("ws://{server}/v1/socket").into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "coview.v1".parse().unwrap());
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        let (socket, _) = tungstenite::client(request, tcp).unwrap();
        Self { socket, passed: VecDeque::new(), re: 0, told: String::new() }
    }

    /// A connection that a proxy says comes from there.
    pub(crate) fn from(server: SocketAddr, address: IpAddr) -> Self {
        Self::connect_with(server, &[("x-forwarded-for", &address.to_string())])
    }

    pub(crate) fn say(&mut self, message: &Value) {
        self.try_say(message).unwrap();
    }

    /// Says it, unless the server has closed the connection already.
    pub(crate) fn try_say(&mut self, message: &Value) -> Result<(), tungstenite::Error> {
        self.socket.send(Message::text(message.to_string()))
    }

    pub(crate) fn send(&mut self, bytes: Vec<u8>) {
        self.socket.send(Message::binary(bytes)).unwrap();
    }

    /// Says it with the next number, and gives the answer with this number.
    pub(crate) fn ask(&mut self, mut message: Value) -> Value {
        self.re += 1;
        message["re"] = json!(self.re);
        self.say(&message);
        self.answer(self.re)
    }

    /// Says it with the next number, and waits for no answer.
    pub(crate) fn signal(&mut self, mut message: Value) {
        self.re += 1;
        message["re"] = json!(self.re);
        self.say(&message);
    }

    /// The next message with this number; what comes before it is kept.
    pub(crate) fn answer(&mut self, re: u64) -> Value {
        self.find(&format!("an answer to {re}"), |it| it["re"] == re)
    }

    /// The next message of this type; what comes before it is kept.
    pub(crate) fn hear(&mut self, t: &str) -> Value {
        self.find(t, |message| message["t"] == t)
    }

    fn find(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let fitting = |heard: &Heard| matches!(heard, Heard::Text(text) if fits(text));
        if let Some(at) = self.passed.iter().position(fitting) {
            let Some(Heard::Text(text)) = self.passed.remove(at) else { unreachable!() };
            return text;
        }
        loop {
            match self.read() {
                Heard::Text(text) if fits(&text) => return text,
                Heard::End => panic!("closed instead of {what}: {:?}", self.passed),
                heard @ (Heard::Text(_) | Heard::Binary(_)) => self.passed.push_back(heard),
            }
        }
    }

    /// The next piece of a picture; what comes before it is kept.
    pub(crate) fn picture(&mut self) -> Vec<u8> {
        let is = |heard: &Heard| matches!(heard, Heard::Binary(_));
        if let Some(at) = self.passed.iter().position(is) {
            let Some(Heard::Binary(bytes)) = self.passed.remove(at) else { unreachable!() };
            return PictureRelay::decode(&bytes).unwrap().body().to_vec();
        }
        loop {
            match self.read() {
                Heard::Binary(bytes) => {
                    return PictureRelay::decode(&bytes).unwrap().body().to_vec();
                }
                Heard::End => panic!("closed instead of a picture: {:?}", self.passed),
                heard @ Heard::Text(_) => self.passed.push_back(heard),
            }
        }
    }

    fn read(&mut self) -> Heard {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    self.told.push_str(&text);
                    self.told.push('\n');
                    return Heard::Text(serde_json::from_str(&text).unwrap());
                }
                Ok(Message::Binary(bytes)) => return Heard::Binary(bytes.to_vec()),
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_)) => {
                }
                Err(tungstenite::Error::Io(error))
                    if matches!(
                        error.kind(),
                        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                    ) =>
                {
                    panic!("the server neither speaks nor closes: {:?}", self.told)
                }
                Err(_) => return Heard::End,
            }
        }
    }

    /// What the server has to say up to now, and nothing that comes later: it answers a ping after
    /// everything it said before.
    pub(crate) fn settled(&mut self) -> Vec<Heard> {
        self.say(&json!({"t": "ping"}));
        loop {
            match self.read() {
                Heard::Text(text) if text["t"] == "pong" => return self.passed.drain(..).collect(),
                Heard::End => panic!("closed: {:?}", self.passed),
                heard @ (Heard::Text(_) | Heard::Binary(_)) => self.passed.push_back(heard),
            }
        }
    }

    /// Everything up to the end of the connection, which must come.
    pub(crate) fn rest(&mut self) -> Vec<Value> {
        let mut all: Vec<Heard> = self.passed.drain(..).collect();
        loop {
            match self.read() {
                Heard::End => break,
                heard @ (Heard::Text(_) | Heard::Binary(_)) => all.push(heard),
            }
        }
        all.into_iter()
            .filter_map(|heard| match heard {
                Heard::Text(text) => Some(text),
                Heard::Binary(_) | Heard::End => None,
            })
            .collect()
    }

    /// The connection is closed with this reason.
    #[track_caller]
    pub(crate) fn is_closed(&mut self, reason: &str) {
        let all = self.rest();
        let last = all.last().expect("a last word");
        assert_eq!((&last["t"], &last["reason"]), (&json!("closing"), &json!(reason)), "{all:?}");
    }

    /// Nothing of a picture has come up to now, and the connection is still there.
    #[track_caller]
    pub(crate) fn sees_nothing(&mut self) {
        let heard = self.settled();
        assert!(!heard.iter().any(|it| matches!(it, Heard::Binary(_))), "{heard:?}");
    }

    /// As `sees_nothing`, of texts of this type too.
    #[track_caller]
    pub(crate) fn hears_no(&mut self, t: &str) {
        let heard = self.settled();
        let said = |it: &Heard| matches!(it, Heard::Text(text) if text["t"] == t);
        assert!(!heard.iter().any(said), "{heard:?}");
    }
}

/// An anonymous visitor.
pub(crate) fn visitor(server: SocketAddr, group: &str) -> Raw {
    let mut raw = Raw::connect(server);
    raw.say(&hello(group));
    raw.hear("welcome");
    raw
}

pub(crate) fn hello(group: &str) -> Value {
    json!({"t": "hello", "re": 0, "version": 1, "group": group, "app": "active"})
}

pub(crate) fn sign_in(group: &str, token: &str) -> Value {
    json!({"t": "sign_in", "re": 0, "version": 1, "group": group, "token": token})
}

pub(crate) fn resume(group: &str, secret: &Value) -> Value {
    json!({"t": "resume", "re": 0, "version": 1, "group": group, "secret": secret})
}

pub(crate) fn identify(visitor: &str, assertion: Option<&str>) -> Value {
    json!({"t": "identify", "visitor": visitor, "assertion": assertion})
}

/// The code of a refusal or a problem.
#[track_caller]
pub(crate) fn code(answer: &Value) -> &str {
    assert!(answer["t"] == "refused" || answer["t"] == "problem", "{answer}");
    answer["code"].as_str().unwrap()
}

/// Shares by a random key: the session and its key.
pub(crate) fn share(visitor: &mut Raw, start: u64) -> (u64, String) {
    let connected = visitor.ask(json!({"t": "session_start", "start": start, "by": "random_key"}));
    assert_eq!(connected["t"], "session_connected", "{connected}");
    (connected["session"].as_u64().unwrap(), connected["key"].as_str().unwrap().to_owned())
}

pub(crate) fn join(key: &str) -> Value {
    json!({"t": "join", "key": key})
}

/// A piece of a picture for these viewers.
pub(crate) fn picture(session: u64, viewers: &[u32], body: &[u8]) -> Vec<u8> {
    let viewers: Vec<_> = viewers.iter().copied().map(ViewerId::new).collect();
    Picture::encode(SessionId::new(session), &viewers, body)
}

/// Another key than this one, of the same length and with a right check digit.
pub(crate) fn wrong_key(key: &str, number: u64) -> String {
    let digits = key.len() - 1;
    let taken: u64 = key[..digits].parse().unwrap();
    let other = (taken + 1 + number) % 10_u64.pow(u32::try_from(digits).unwrap());
    (0..10)
        .map(|check| format!("{other:0digits$}{check}"))
        .find(|key| SessionKey::parse(key).is_ok())
        .unwrap()
}
