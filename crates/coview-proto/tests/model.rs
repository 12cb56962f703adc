//! A visitor's engine against a small model of the server, over a connection that breaks at any
//! point: whatever happens, once it holds again both sides agree and nothing was lost.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test runs on std, and stops at what it does not expect"
)]

mod common;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::time::Duration;

use coview_lifecycle::Connectivity;
use coview_proto::Input;
use coview_proto::OpenError;
use coview_proto::OpenErrorKind;
use coview_proto::Output;
use coview_proto::VisitorRole;
use coview_wire::Answered;
use coview_wire::AppState;
use coview_wire::ClientMessage;
use coview_wire::CloseReason;
use coview_wire::Closing;
use coview_wire::Identified;
use coview_wire::Identify;
use coview_wire::JoinConfirmed;
use coview_wire::JoinDeclined;
use coview_wire::JoinId;
use coview_wire::LogOut;
use coview_wire::Message;
use coview_wire::Picture;
use coview_wire::Pong;
use coview_wire::PresenceConnected;
use coview_wire::PresenceData;
use coview_wire::PresenceDisconnect;
use coview_wire::PresenceFacts;
use coview_wire::PresenceId;
use coview_wire::Problem;
use coview_wire::RefusalCode;
use coview_wire::Refused;
use coview_wire::RequestId;
use coview_wire::Resumed;
use coview_wire::ServerMessage;
use coview_wire::SessionConnected;
use coview_wire::SessionFacts;
use coview_wire::SessionId;
use coview_wire::Snapshot;
use coview_wire::StartId;
use coview_wire::ViewerEvent;
use coview_wire::ViewerId;
use coview_wire::ViewerNotice;
use coview_wire::VisitorAssertion;
use coview_wire::VisitorId;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use self::common::*;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Say(Verb),
    /// The app says a picture of the session it is in, or of the one it was in last.
    Picture,
    /// The server says something about a viewer of the session it last connected.
    Viewer,
    /// The transport that is being opened opens, or does not.
    Open(bool),
    /// This many messages reach the server.
    Up(u8),
    /// This many messages reach the client.
    Down(u8),
    /// The connection breaks; what is under way is lost.
    Drop,
    /// The connection breaks, and the server forgets the client.
    Forget,
    /// The server shuts down and comes back empty.
    Restart,
    /// The server closes the connection and expects the client back.
    Close,
    /// The server sends its acknowledgement once more than it was asked.
    Acknowledge,
    Garbage,
    Time(u32),
    /// The engine is woken, too early or not.
    Timeout,
    Wake,
}

#[derive(Clone, Debug)]
enum Verb {
    /// Who, and the number of the assertion that comes along.
    Identify(u8, Option<u8>),
    LogOut,
    Connect(u8),
    Update(u8, u8),
    Disconnect,
    Move(AppState),
    Start,
    End,
    /// Lets the agent in who waits, or keeps that agent out.
    AnswerJoin(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let verb = prop_oneof![
        2 => (0..3_u8, any::<Option<u8>>()).prop_map(|(who, proof)| Verb::Identify(who, proof)),
        1 => Just(Verb::LogOut),
        3 => any::<u8>().prop_map(Verb::Connect),
        4 => (0..4_u8, any::<u8>()).prop_map(|(key, value)| Verb::Update(key, value)),
        1 => Just(Verb::Disconnect),
        1 => Just(Verb::Move(AppState::Background)),
        2 => Just(Verb::Move(AppState::Active)),
        2 => Just(Verb::Start),
        1 => Just(Verb::End),
        1 => any::<bool>().prop_map(Verb::AnswerJoin),
    ];
    let step = prop_oneof![
        10 => verb.prop_map(Step::Say),
        4 => Just(Step::Picture),
        3 => Just(Step::Viewer),
        5 => prop::bool::weighted(0.8).prop_map(Step::Open),
        6 => (1..5_u8).prop_map(Step::Up),
        6 => (1..5_u8).prop_map(Step::Down),
        2 => Just(Step::Drop),
        1 => Just(Step::Forget),
        1 => Just(Step::Restart),
        1 => Just(Step::Close),
        1 => Just(Step::Acknowledge),
        1 => Just(Step::Garbage),
        2 => (0..20_000_u32).prop_map(Step::Time),
        2 => Just(Step::Timeout),
        4 => Just(Step::Wake),
    ];
    prop::collection::vec(step, 0..120)
}

/// What follows from the app's messages in order, but for what the server does by itself.
#[derive(Clone, Debug, Default, PartialEq)]
struct Truth {
    app: AppState,
    identity: Option<VisitorId>,
    /// The newest assertion of who the visitor is.
    proof: Option<VisitorAssertion>,
    presence: Option<PresenceData>,
}

impl Truth {
    /// Acts on a message of the app; a no changes nothing.
    fn act(&mut self, message: &ClientMessage) -> Result<(), RefusalCode> {
        use ClientMessage as M;
        match message {
            M::Identify(m) => match &self.identity {
                _ if m.visitor.as_str() == "nobody" => return Err(RefusalCode::LimitExceeded),
                Some(known) if *known != m.visitor => return Err(RefusalCode::AlreadyIdentified),
                Some(_) | None => {
                    self.identity = Some(m.visitor.clone());
                    self.proof = m.assertion.clone().or_else(|| self.proof.take());
                }
            },
            M::LogOut(_) => (self.identity, self.proof, self.presence) = (None, None, None),
            M::PresenceConnect(m) => match self.identity {
                None => return Err(RefusalCode::IllegalOrder),
                Some(_) => self.presence = Some(m.data.clone()),
            },
            M::PresenceUpdate(m) => match &mut self.presence {
                None => return Err(RefusalCode::IllegalOrder),
                Some(data) => data.merge(&m.data).map_err(|_| RefusalCode::LimitExceeded)?,
            },
            M::PresenceDisconnect(_) => self.presence = None,
            M::AppMoved(m) => self.app = m.app,
            M::SessionStart(_)
            | M::SessionEnd(_)
            | M::TermsDisplayed(_)
            | M::TermsAccepted(_)
            | M::TermsDeclined(_)
            | M::JoinConfirmed(_)
            | M::JoinDeclined(_)
            | M::Hello(_)
            | M::Resume(_)
            | M::Ping(_)
            | M::Bye(_) => {}
        }
        Ok(())
    }
}

/// What the server keeps for one client.
#[derive(Debug, Default)]
struct Place {
    seen: Option<RequestId>,
    answered: Option<Answered>,
    truth: Truth,
    presence: Option<PresenceId>,
    session: Option<(StartId, SessionId)>,
}

#[derive(Default)]
struct Server {
    places: BTreeMap<String, Place>,
    made: u64,
    /// Every message of the app that was acted on, in any place.
    acted: BTreeSet<u64>,
}

/// A connection, seen from outside.
#[derive(Default)]
struct Connection {
    up: VecDeque<String>,
    down: VecDeque<String>,
    /// Whose place it is, once the server knows.
    secret: Option<String>,
    /// The server has said its last word.
    over: bool,
}

impl Server {
    fn number(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    fn hears(&mut self, connection: &mut Connection, text: &str, must: &BTreeSet<u64>) {
        use ClientMessage as M;
        if connection.over {
            return;
        }
        let message = ClientMessage::decode(text).unwrap();
        let mut say = |message: ServerMessage| connection.down.push_back(message.encode());
        let number = match &message {
            M::Hello(hello) => {
                assert!(connection.secret.is_none(), "hello twice");
                let secret = format!("secret-{}", self.number());
                let truth = Truth { app: hello.app, ..Truth::default() };
                self.places.insert(secret.clone(), Place { truth, ..Place::default() });
                connection.down.push_back(welcome(&secret));
                connection.secret = Some(secret);
                return;
            }
            M::Resume(resume) => {
                let secret = resume.secret.expose_secret();
                if let Some(place) = self.places.get(secret) {
                    say(place.resumed());
                    connection.secret = Some(secret.to_owned());
                } else {
                    connection.down.push_back(RESUME_FAILED.to_owned());
                }
                return;
            }
            M::Ping(_) => {
                let secret = connection.secret.as_ref().expect("a greeting comes first");
                say(Pong { seen: self.places[secret].seen }.into());
                return;
            }
            M::Bye(_) => return connection.over = true,
            other => number(other),
        };
        let fresh = self.number();
        let secret = connection.secret.as_ref().expect("a greeting comes first");
        let place = self.places.get_mut(secret).expect("a connection keeps its place");
        if number.get() > 0 {
            if place.seen.is_some_and(|seen| number <= seen) {
                return;
            }
            let lost: Vec<_> =
                must.range(..number.get()).filter(|n| !self.acted.contains(n)).collect();
            assert!(lost.is_empty(), "{number} overtook {lost:?}");
            self.acted.insert(number.get());
            place.seen = Some(number);
        }
        if let Some(answer) = place.act(number, &message, fresh) {
            say(answer);
        }
    }
}

fn number(message: &ClientMessage) -> RequestId {
    use ClientMessage as M;
    match message {
        M::Hello(m) => m.re,
        M::Resume(m) => m.re,
        M::Identify(m) => m.re,
        M::LogOut(m) => m.re,
        M::PresenceConnect(m) => m.re,
        M::PresenceUpdate(m) => m.re,
        M::PresenceDisconnect(m) => m.re,
        M::AppMoved(m) => m.re,
        M::TermsDisplayed(m) => m.re,
        M::TermsAccepted(m) => m.re,
        M::TermsDeclined(m) => m.re,
        M::JoinConfirmed(m) => m.re,
        M::JoinDeclined(m) => m.re,
        M::SessionStart(m) => m.re,
        M::SessionEnd(m) => m.re,
        M::Ping(_) | M::Bye(_) => re(0),
    }
}

impl Place {
    fn act(&mut self, re: RequestId, message: &ClientMessage, fresh: u64) -> Option<ServerMessage> {
        use ClientMessage as M;
        let result = self.truth.act(message);
        let no = |code| -> ServerMessage {
            Refused { re, code, explanation: None, retry_ms: None }.into()
        };
        let answer: ServerMessage = match (message, result) {
            (M::Identify(m), Ok(())) => Identified { re, visitor: m.visitor.clone() }.into(),
            (M::PresenceConnect(_), Ok(())) => {
                let presence = PresenceId::new(fresh);
                self.presence = Some(presence);
                PresenceConnected { re, presence, focused: true }.into()
            }
            (M::SessionStart(_), _) if self.session.is_some() => no(RefusalCode::IllegalOrder),
            (M::SessionStart(m), _) => {
                let (start, session) = (m.start, SessionId::new(fresh));
                self.session = Some((start, session));
                SessionConnected { re, start, session, key: None }.into()
            }
            (M::Identify(_) | M::PresenceConnect(_), Err(code)) => no(code),
            (M::SessionEnd(m), _) => {
                self.session.take_if(|(start, _)| *start == m.start);
                return None;
            }
            (M::LogOut(_), _) => {
                self.session = None;
                return None;
            }
            (_, Err(code)) => {
                return Some(Problem { re: Some(re), code, explanation: None }.into());
            }
            (_, Ok(())) => return None,
        };
        let refused = match &answer {
            ServerMessage::Refused(refused) => Some(refused.code),
            _ => None,
        };
        if re.get() > 0 {
            self.answered = Some(Answered { re, refused });
        }
        Some(answer)
    }

    fn resumed(&self) -> ServerMessage {
        let session = self.session.map(|(start, session)| SessionFacts {
            start,
            session,
            key: None,
            count: 0,
            guests: Vec::new(),
            join: None,
        });
        let presence = self.presence.filter(|_| self.truth.presence.is_some());
        let snapshot = Snapshot {
            seen: self.seen,
            answered: self.answered,
            visitor: self.truth.identity.clone(),
            presence: presence.map(|presence| PresenceFacts { presence, focused: true }),
            session,
            ..Snapshot::default()
        };
        Resumed { re: re(0), snapshot }.into()
    }
}

/// The app: what it said, and what it believes of its session.
#[derive(Default)]
struct App {
    numbered: u64,
    started: u64,
    truth: Truth,
    /// The numbers of the messages that nothing may take up.
    must: BTreeSet<u64>,
    running: Option<StartId>,
    ended: BTreeSet<StartId>,
    /// The session of the latest start that ran.
    session: Option<SessionId>,
}

impl App {
    fn says(&mut self, verb: &Verb) -> ClientMessage {
        self.numbered += 1;
        let number = self.numbered;
        let message = match verb {
            Verb::Identify(who, proof) => {
                let ClientMessage::Identify(bare) =
                    identify(number, ["ada", "bob", "nobody"][usize::from(*who)])
                else {
                    panic!("it identifies")
                };
                let proof = proof.map(|proof| VisitorAssertion::new(proof.to_string()).unwrap());
                Identify { assertion: proof, ..bare }.into()
            }
            Verb::AnswerJoin(true) => {
                JoinConfirmed { re: re(number), join: JoinId::new(number) }.into()
            }
            Verb::AnswerJoin(false) => {
                JoinDeclined { re: re(number), join: JoinId::new(number) }.into()
            }
            Verb::LogOut => LogOut { re: re(number) }.into(),
            Verb::Connect(page) => connect(number, &page.to_string()),
            Verb::Update(key, value) => update(number, &format!("k{key}"), &value.to_string()),
            Verb::Disconnect => PresenceDisconnect { re: re(number) }.into(),
            Verb::Move(app) => moved(number, *app),
            Verb::Start => {
                self.started += 1;
                start(number, self.started)
            }
            Verb::End => end(number, self.started),
        };
        if !matches!(verb, Verb::Move(_) | Verb::Update(..)) {
            self.must.insert(number);
        }
        if matches!(verb, Verb::End) {
            self.end(self.started..=self.started);
        }
        if matches!(verb, Verb::LogOut) {
            self.end(0..=self.started);
        }
        // A no leaves the truth as it was, here as there.
        let _ = self.truth.act(&message);
        message
    }

    fn end(&mut self, starts: std::ops::RangeInclusive<u64>) {
        self.ended.extend(starts.map(StartId::new));
        self.running.take_if(|start| self.ended.contains(start));
    }

    fn hears(&mut self, message: &ServerMessage) {
        let running = match message {
            ServerMessage::SessionConnected(connected) => {
                Some((connected.start, connected.session))
            }
            ServerMessage::Resumed(Resumed { snapshot, .. }) => {
                if let (None, Some(start)) = (&snapshot.session, self.running) {
                    let told = snapshot.ended.is_none_or(|ended| ended.start == start);
                    assert!(
                        told,
                        "{start:?} ended, but the snapshot tells of {:?}",
                        snapshot.ended
                    );
                }
                snapshot.session.as_ref().map(|facts| (facts.start, facts.session))
            }
            _ => return,
        };
        let running = running.filter(|(start, _)| !self.ended.contains(start));
        self.running = running.map(|(start, _)| start);
        self.session = running.map(|(_, session)| session).or(self.session);
    }
}

struct World {
    visitor: Driver<VisitorRole>,
    server: Server,
    /// The engine waits for its transport to open.
    opening: bool,
    connection: Option<Connection>,
    app: App,
    /// What the client knows the server has acted on.
    known: u64,
    closed: bool,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            visitor: visitor(),
            server: Server::default(),
            opening: false,
            connection: None,
            app: App::default(),
            known: 0,
            closed: false,
        };
        world.give(Input::Start);
        world
    }

    fn give(&mut self, input: Input<'_, VisitorRole>) {
        for output in self.visitor.give(input) {
            match output {
                Output::Open => self.opening = true,
                Output::Send(text) => {
                    let number = number(&ClientMessage::decode(&text).unwrap()).get();
                    assert!(number == 0 || number > self.known, "{number} was acknowledged");
                    let connection = self.connection.as_mut().expect("there is a connection");
                    connection.up.push_back(text);
                }
                Output::Close => (self.opening, self.connection) = (false, None),
                Output::Hear(message) => self.app.hears(&message),
                Output::Closed(_) => self.closed = true,
                Output::SendBinary(_)
                | Output::HearBinary(_)
                | Output::Ready(_)
                | Output::Connectivity(_)
                | Output::Idle { .. } => {}
            }
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Say(verb) => {
                let message = self.app.says(verb);
                self.give(Input::Say(message));
            }
            Step::Open(works) => {
                if self.opening {
                    self.opening = false;
                    if *works {
                        self.connection = Some(Connection::default());
                        self.give(Input::Opened);
                    } else {
                        let error = OpenError::new(OpenErrorKind::Connect, "refused");
                        self.give(Input::OpenFailed(error));
                    }
                }
            }
            Step::Up(count) => (0..*count).for_each(|_| self.up()),
            Step::Down(count) => (0..*count).for_each(|_| self.down()),
            Step::Drop => self.drop_connection(),
            Step::Forget => {
                self.drop_connection();
                self.server.places.clear();
            }
            Step::Restart => {
                self.closing(CloseReason::Shutdown);
                self.server.places.clear();
            }
            Step::Picture => {
                let session = self.app.session.unwrap_or(SessionId::new(0));
                let bytes = Picture::encode(session, &[ViewerId::new(1)], b"body");
                let outputs = self.visitor.give(Input::SayBinary(bytes.clone()));
                self.passes(&outputs, Output::SendBinary(bytes));
            }
            Step::Viewer => {
                if self.connection.is_some() {
                    let session = self.app.session.unwrap_or(SessionId::new(0));
                    let viewer = ViewerId::new(1);
                    let notice = ViewerNotice { session, viewer, event: ViewerEvent::Joined };
                    let bytes = notice.encode();
                    let outputs = self.visitor.give(Input::Binary(&bytes));
                    self.passes(&outputs, Output::HearBinary(bytes));
                }
            }
            Step::Close => self.closing(CloseReason::TooSlow),
            Step::Acknowledge => {
                if let Some(connection) = &mut self.connection
                    && let Some(secret) = &connection.secret
                    && let Some(place) = self.server.places.get(secret)
                {
                    let pong = ServerMessage::from(Pong { seen: place.seen });
                    connection.down.push_back(pong.encode());
                }
            }
            Step::Garbage => {
                if let Some(connection) = &mut self.connection {
                    connection.down.push_back(r#"{"t":"of a later version","re":1}"#.to_owned());
                }
            }
            Step::Time(ms) => {
                self.visitor.after(Duration::from_millis(u64::from(*ms)));
            }
            Step::Timeout => self.give(Input::Timeout),
            Step::Wake => self.wake(),
        }
    }

    /// A picture passes exactly while there is a connection and, as far as the app has said and
    /// heard, the session runs.
    fn passes(&self, outputs: &[Output<VisitorRole>], passed: Output<VisitorRole>) {
        let live = self.connection.is_some()
            && self.visitor.engine.connectivity() == Connectivity::Connected;
        if live && self.app.running.is_some() {
            assert_eq!(outputs, [passed]);
        } else {
            assert_eq!(outputs, []);
        }
    }

    fn wake(&mut self) {
        if let Some(deadline) = self.visitor.wake_at {
            self.visitor.now = self.visitor.now.max(deadline.at);
            self.give(Input::Timeout);
        }
    }

    fn up(&mut self) {
        if let Some(connection) = &mut self.connection
            && let Some(text) = connection.up.pop_front()
        {
            self.server.hears(connection, &text, &self.app.must);
        }
    }

    fn down(&mut self) {
        let Some(text) = self.connection.as_mut().and_then(|c| c.down.pop_front()) else { return };
        let seen = match ServerMessage::decode(&text) {
            Ok(ServerMessage::Pong(pong)) => pong.seen,
            Ok(ServerMessage::Resumed(resumed)) => resumed.snapshot.seen,
            // The server acts in order: an answer acknowledges what came before it.
            Ok(ServerMessage::Identified(answer)) => Some(answer.re),
            Ok(ServerMessage::PresenceConnected(answer)) => Some(answer.re),
            Ok(ServerMessage::SessionConnected(answer)) => Some(answer.re),
            Ok(ServerMessage::Refused(answer)) => Some(answer.re),
            Ok(ServerMessage::Problem(answer)) => answer.re,
            Ok(_) | Err(_) => None,
        };
        self.known = self.known.max(seen.map_or(0, RequestId::get));
        self.give(Input::Text(&text));
    }

    fn drop_connection(&mut self) {
        if self.connection.take().is_some() {
            self.give(Input::Dropped);
        }
    }

    fn closing(&mut self, reason: CloseReason) {
        if let Some(connection) = &mut self.connection {
            let closing = ServerMessage::from(Closing { reason, retry: true });
            connection.down.push_back(closing.encode());
            connection.over = true;
        }
    }

    /// Lets everything arrive until nothing is left to happen.
    fn settle(&mut self) {
        for _ in 0..5_000 {
            let quiet =
                self.connection.as_ref().is_some_and(|c| c.up.is_empty() && c.down.is_empty());
            if self.closed {
                return;
            } else if self.opening {
                self.step(&Step::Open(true));
            } else if !quiet && self.connection.is_some() {
                self.up();
                self.down();
            } else if quiet && self.place().is_some_and(|p| self.agrees(p)) {
                return;
            } else {
                self.wake();
            }
        }
        panic!("it never settles:\n{}", self.visitor.trace());
    }

    fn place(&self) -> Option<&Place> {
        self.server.places.get(self.connection.as_ref()?.secret.as_ref()?)
    }

    fn agrees(&self, place: &Place) -> bool {
        self.visitor.engine.connectivity() == Connectivity::Connected
            && (self.app.numbered == 0
                || place.seen.is_some_and(|seen| seen.get() == self.app.numbered)
                || self.known == self.app.numbered)
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 400 },
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../proptest-regressions/proto.txt"
        )))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_is_lost_and_both_sides_agree(connected in prop::bool::weighted(0.9), steps in steps()) {
        let mut world = World::new();
        if connected {
            world.step(&Step::Open(true));
            world.step(&Step::Up(1));
            world.step(&Step::Down(1));
        }
        for step in &steps {
            world.step(step);
        }
        world.settle();
        let trace = world.visitor.trace();
        if !world.closed {
            let place = world.place().expect("it has settled");
            prop_assert_eq!(&place.truth, &world.app.truth, "{}", trace);
            prop_assert_eq!(
                place.session.map(|(start, _)| start),
                world.app.running,
                "{}",
                trace
            );
            let lost: Vec<_> = world.app.must.difference(&world.server.acted).collect();
            prop_assert!(lost.is_empty(), "{:?} never arrived:\n{}", lost, trace);
        } else {
            prop_assert!(!connected, "only a first connect may fail:\n{}", trace);
        }
    }
}
