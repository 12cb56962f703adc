//! Drives an engine in virtual time and writes down everything that goes in and comes out.
#![allow(dead_code, reason = "every test binary uses its own part")]

use std::fmt::Write;
use std::time::Duration;

use coview_proto::AgentConfig;
use coview_proto::AgentRole;
use coview_proto::Engine;
use coview_proto::Input;
use coview_proto::OpenError;
use coview_proto::OpenErrorKind;
use coview_proto::Output;
use coview_proto::Role;
use coview_proto::VisitorConfig;
use coview_proto::VisitorRole;
use coview_proto::WINDOW;
use coview_wire::AgentToken;
use coview_wire::AppMoved;
use coview_wire::AppState;
use coview_wire::ClientMessage;
use coview_wire::Deadline;
use coview_wire::GroupId;
use coview_wire::Identify;
use coview_wire::Message;
use coview_wire::Moment;
use coview_wire::PresenceConnect;
use coview_wire::PresenceData;
use coview_wire::PresencePatch;
use coview_wire::PresenceUpdate;
use coview_wire::RequestId;
use coview_wire::SessionEnd;
use coview_wire::SessionStart;
use coview_wire::StartBy;
use coview_wire::StartId;
use coview_wire::VisitorId;

pub(crate) struct Driver<R: Role> {
    pub(crate) engine: Engine<R>,
    pub(crate) now: Moment,
    pub(crate) wake_at: Option<Deadline>,
    /// Whether the engine has asked for a transport that has not ended.
    transport: bool,
    closed: bool,
    trace: String,
}

pub(crate) fn visitor() -> Driver<VisitorRole> {
    Driver::new(Engine::new(VisitorConfig::new(GroupId::new("12345").unwrap()), 1))
}

pub(crate) fn agent() -> Driver<AgentRole> {
    let token = AgentToken::new("agent-token").unwrap();
    Driver::new(Engine::new(AgentConfig::new(GroupId::new("12345").unwrap(), token), 1))
}

impl<R: Role> Driver<R> {
    pub(crate) fn new(engine: Engine<R>) -> Self {
        Self {
            engine,
            now: Moment::ZERO,
            wake_at: None,
            transport: false,
            closed: false,
            trace: String::new(),
        }
    }

    /// Gives one input and takes all outputs, checking what holds for every engine at every step.
    pub(crate) fn give(&mut self, input: Input<'_, R>) -> Vec<Output<R>> {
        let told = match &input {
            Input::Text(text) => format!("Text {text}"),
            Input::Say(message) => format!("Say {}", message.encode()),
            Input::OpenFailed(error) => format!("OpenFailed ({error})"),
            other => format!("{other:?}"),
        };
        writeln!(self.trace, "{} → {told}", self.now).unwrap();
        if matches!(input, Input::Dropped | Input::OpenFailed(_)) {
            self.transport = false;
        }
        let overdue = matches!(input, Input::Timeout);
        self.engine.handle_input(self.now, input);
        let mut outputs = Vec::new();
        loop {
            let output = self.engine.poll_output();
            let told = match &output {
                Output::Idle { wake_at } => {
                    self.wake_at = *wake_at;
                    break;
                }
                Output::Send(text) => format!("Send {text}"),
                Output::Hear(message) => format!("Hear {}", message.encode()),
                Output::Closed(ended) => format!("Closed ({ended})"),
                other => format!("{other:?}"),
            };
            writeln!(self.trace, "{:>8} ← {told}", "").unwrap();
            assert!(!self.closed, "an output after Closed:\n{}", self.trace);
            match &output {
                Output::Open => {
                    assert!(!self.transport, "a second transport:\n{}", self.trace);
                    self.transport = true;
                }
                Output::Close => {
                    assert!(self.transport, "closed what is not open:\n{}", self.trace);
                    self.transport = false;
                }
                Output::Send(_) | Output::SendBinary(_) => {
                    assert!(self.transport, "sent into nothing:\n{}", self.trace)
                }
                Output::Closed(_) => {
                    assert!(!self.transport, "left a transport behind:\n{}", self.trace);
                    self.closed = true;
                }
                Output::Ready(_)
                | Output::Hear(_)
                | Output::HearBinary(_)
                | Output::Connectivity(_)
                | Output::Idle { .. } => {}
            }
            outputs.push(output);
            assert!(outputs.len() <= WINDOW + 8, "not idle in time:\n{}", self.trace);
        }
        let more = self.engine.poll_output();
        assert_eq!(more, Output::Idle { wake_at: self.wake_at }, "idle stays idle");
        if let Some(deadline) = self.wake_at {
            writeln!(self.trace, "{:>8} … until {}: {}", "", deadline.at, deadline.why).unwrap();
            assert!(!overdue || deadline.at > self.now, "a busy loop:\n{}", self.trace);
        } else if self.closed {
            assert_eq!(self.wake_at, None);
        }
        outputs
    }

    pub(crate) fn text(&mut self, text: &str) -> Vec<Output<R>> {
        self.give(Input::Text(text))
    }

    pub(crate) fn after(&mut self, time: Duration) -> &mut Self {
        self.now = self.now + time;
        self
    }

    pub(crate) fn secs(&mut self, secs: u64) -> &mut Self {
        self.after(Duration::from_secs(secs))
    }

    /// Waits until the engine wants to be woken, and wakes it.
    pub(crate) fn wake(&mut self) -> Vec<Output<R>> {
        let deadline = self.wake_at.expect("the engine waits for something");
        self.now = self.now.max(deadline.at);
        self.give(Input::Timeout)
    }

    /// Waits for the given reason, and wakes the engine.
    #[track_caller]
    pub(crate) fn wake_for(&mut self, why: &str) -> Vec<Output<R>> {
        assert_eq!(self.wake_at.map(|deadline| deadline.why), Some(why), "{}", self.trace);
        self.wake()
    }

    pub(crate) fn open_failed(&mut self) -> Vec<Output<R>> {
        self.give(Input::OpenFailed(OpenError::new(OpenErrorKind::Connect, "connection refused")))
    }

    /// What was written down since the last time.
    pub(crate) fn trace(&mut self) -> String {
        std::mem::take(&mut self.trace)
    }
}

pub(crate) const TIMING: &str = r#"{"heartbeat_ms":20000,"missed_heartbeats":2,"first_reply_ms":10000,"resume_grace_ms":30000,"background_lease_ms":300000}"#;

pub(crate) fn welcome(secret: &str) -> String {
    format!(
        r#"{{"t":"welcome","re":0,"secret":"{secret}","settings":{{"share_button":true,"presence":true,"key_digits":9}},"timing":{TIMING}}}"#
    )
}

pub(crate) fn signed_in(secret: &str) -> String {
    format!(
        r#"{{"t":"signed_in","re":0,"secret":"{secret}","agent":{{"agent":"ann","name":"Ann"}},"timing":{TIMING},"expires_ms":3600000,"key_digits":9}}"#
    )
}

pub(crate) const RESUME_FAILED: &str = r#"{"t":"refused","re":0,"code":"resume_failed"}"#;

impl Driver<VisitorRole> {
    pub(crate) fn connect(&mut self) {
        self.give(Input::Start);
        self.give(Input::Opened);
        self.text(&welcome("secret-1"));
        self.trace();
    }

    pub(crate) fn say(&mut self, message: impl Into<ClientMessage>) -> Vec<Output<VisitorRole>> {
        self.give(Input::Say(message.into()))
    }

    /// Identified as `customer-42` by message 1 and online by message 2, with `page` on `/cart`.
    pub(crate) fn go_online(&mut self) {
        self.connect();
        self.say(identify(1, "customer-42"));
        self.text(r#"{"t":"identified","re":1,"visitor":"customer-42"}"#);
        self.say(connect(2, "/cart"));
        self.text(r#"{"t":"presence_connected","re":2,"presence":7,"focused":true}"#);
        self.trace();
    }

    /// Online, and sharing by start 1 (message 3) in session 9.
    pub(crate) fn share(&mut self) {
        self.go_online();
        self.say(start(3, 1));
        self.text(r#"{"t":"session_connected","re":3,"start":1,"session":9,"key":"123456786"}"#);
        self.trace();
    }
}

impl Driver<AgentRole> {
    pub(crate) fn connect(&mut self) {
        self.give(Input::Start);
        self.give(Input::Opened);
        self.text(&signed_in("secret-1"));
        self.trace();
    }
}

pub(crate) fn re(number: u64) -> RequestId {
    RequestId::new(number)
}

pub(crate) fn identify(number: u64, visitor: &str) -> ClientMessage {
    let visitor = VisitorId::new(visitor).unwrap();
    Identify { re: re(number), visitor, assertion: None, profile: None }.into()
}

pub(crate) fn connect(number: u64, page: &str) -> ClientMessage {
    let data = PresenceData::new().with("page", page).unwrap();
    PresenceConnect { re: re(number), data }.into()
}

pub(crate) fn update(number: u64, key: &str, value: &str) -> ClientMessage {
    let data = PresencePatch::new().set(key, value).unwrap();
    PresenceUpdate { re: re(number), data }.into()
}

pub(crate) fn moved(number: u64, app: AppState) -> ClientMessage {
    AppMoved { re: re(number), app }.into()
}

pub(crate) fn start(number: u64, start: u64) -> ClientMessage {
    let start = StartId::new(start);
    SessionStart { re: re(number), start, by: StartBy::RandomKey }.into()
}

pub(crate) fn end(number: u64, start: u64) -> ClientMessage {
    SessionEnd { re: re(number), start: StartId::new(start) }.into()
}

/// The messages among the outputs that go to the server, as `t` and `re`.
pub(crate) fn sent<R: Role>(outputs: &[Output<R>]) -> Vec<String> {
    let mut sent = Vec::new();
    for output in outputs {
        let Output::Send(text) = output else { continue };
        let message = R::Says::decode(text).unwrap();
        let re = text
            .split(r#""re":"#)
            .nth(1)
            .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
        sent.push(match re {
            Some(re) => format!("{} {re}", message.kind()),
            None => message.kind().to_owned(),
        });
    }
    sent
}
