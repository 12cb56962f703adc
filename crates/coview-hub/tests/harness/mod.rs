//! A hub with connections that exist only in memory and a clock that stands still until told.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of the harness")]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::time::Duration;

use coview_hub::*;
use coview_wire::*;

pub mod proof;

pub const GROUP: &str = "12345";
pub const OTHER_GROUP: &str = "67890";
pub const BOUND: usize = 10_000;
/// The pace of the cards that agents are sent, by default.
pub const PACE: Duration = Duration::from_millis(250);

/// Every agent of every group, with the token it signs in with.
pub const AGENTS: [(&str, &str); 3] =
    [("grace", "token-grace"), ("joan", "token-joan"), ("kay", "token-kay")];

/// Something the hub sent, or took back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    Text(String),
    Binary(Vec<u8>),
    Picture(Vec<u8>),
    Forget,
}

pub struct World {
    pub hub: Hub,
    pub now: Moment,
    pub events: Vec<Event>,
    pub wake_at: Option<Deadline>,
    pub closed: BTreeMap<ConnId, CloseReason>,
    /// Every text that was sent, for searches over a whole story.
    pub texts: Vec<(ConnId, String)>,
    /// Everything that was sent, in order.
    pub sent: Vec<(ConnId, Sent)>,
    pictures: BTreeMap<ConnId, VecDeque<Vec<u8>>>,
    words: BTreeMap<ConnId, VecDeque<ViewerNotice>>,
    inbox: BTreeMap<ConnId, VecDeque<String>>,
    numbers: BTreeMap<ConnId, u64>,
    secrets: BTreeMap<ConnId, (GroupId, ResumeSecret)>,
    dropped: BTreeSet<ConnId>,
    last_conn: u64,
    last_start: u64,
}

pub fn group(name: &str) -> GroupId {
    GroupId::new(name).unwrap()
}

pub fn visitor_id(name: &str) -> VisitorId {
    VisitorId::new(name).unwrap()
}

pub fn terms() -> Terms {
    Terms::new("v7", "You share what this app shows.").unwrap()
}

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn config() -> HubConfig {
    let mut config = HubConfig::default();
    for name in [GROUP, OTHER_GROUP] {
        let mut group_config = GroupConfig::new(terms());
        group_config.assertion_needed = false;
        group_config.proofs = std::sync::Arc::new(accounts(name, "An Agent"));
        config.groups.insert(group(name), group_config);
    }
    config
}

/// The agents of a group under this display name: the same agent ids in both groups, with tokens
/// of their own.
pub fn accounts(group_name: &str, display_name: &str) -> Accounts {
    let account = |(agent, token): (&str, &str)| {
        let card = AgentCard::new(AgentId::new(agent).unwrap(), display_name).unwrap();
        (AgentToken::new(format!("{token}@{group_name}")).unwrap(), card)
    };
    AGENTS.into_iter().map(account).collect()
}

impl World {
    pub fn new() -> Self {
        Self::with(config())
    }

    pub fn with_policy(policy: Policy) -> Self {
        Self::with(HubConfig { policy, ..config() })
    }

    /// A world in which agents are sent a card at every change.
    pub fn without_pace() -> Self {
        Self::with_policy(Policy { presence_pace: Duration::ZERO, ..Policy::default() })
    }

    pub fn with(config: HubConfig) -> Self {
        Self::seeded(config, [3; 32])
    }

    pub fn seeded(config: HubConfig, seed: [u8; 32]) -> Self {
        Self {
            hub: Hub::new(config, seed),
            now: Moment::ZERO,
            events: Vec::new(),
            wake_at: None,
            closed: BTreeMap::new(),
            texts: Vec::new(),
            sent: Vec::new(),
            pictures: BTreeMap::new(),
            words: BTreeMap::new(),
            inbox: BTreeMap::new(),
            numbers: BTreeMap::new(),
            secrets: BTreeMap::new(),
            dropped: BTreeSet::new(),
            last_conn: 0,
            last_start: 0,
        }
    }

    pub fn input(&mut self, input: Input<'_>) {
        self.hub.handle_input(self.now, input);
        for _ in 0..BOUND {
            match self.hub.poll_output() {
                Output::Send { conn, text } => {
                    assert!(text.len() <= limits::MESSAGE_BYTES);
                    assert!(!self.closed.contains_key(&conn), "nothing follows a close");
                    self.texts.push((conn, text.to_string()));
                    self.sent.push((conn, Sent::Text(text.to_string())));
                    self.inbox.entry(conn).or_default().push_back(text.to_string());
                }
                Output::SendBinary { conn, bytes } => {
                    assert!(!self.closed.contains_key(&conn), "nothing follows a close");
                    let word = ViewerNotice::decode(&bytes).expect("a visitor's notice");
                    self.words.entry(conn).or_default().push_back(word);
                    self.sent.push((conn, Sent::Binary(bytes.to_vec())));
                }
                Output::SendPicture { conn, bytes } => {
                    assert!(bytes.len() <= limits::PICTURE_BYTES);
                    assert!(!self.closed.contains_key(&conn), "nothing follows a close");
                    self.pictures.entry(conn).or_default().push_back(bytes.to_vec());
                    self.sent.push((conn, Sent::Picture(bytes.to_vec())));
                }
                Output::ForgetPictures { conn } => {
                    assert!(!self.closed.contains_key(&conn), "nothing follows a close");
                    self.sent.push((conn, Sent::Forget));
                }
                Output::Close { conn, reason } => {
                    assert_eq!(self.closed.insert(conn, reason), None, "closed once");
                }
                Output::Event(event) => self.events.push(event),
                Output::Idle { wake_at } => {
                    assert!(wake_at.is_none_or(|wake| wake.at > self.now), "no overdue deadline");
                    self.wake_at = wake_at;
                    return;
                }
            }
        }
        panic!("not idle after {BOUND} outputs");
    }

    /// Lets time pass, stopping at every deadline on the way. Everybody connected stays alive.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(wake) = self.wake_at.filter(|wake| wake.at <= until) {
            // Just before the deadline, so that nobody is heard too late.
            let before = wake.at.since(Moment::ZERO).saturating_sub(Duration::from_millis(1));
            self.now = self.now.max(Moment::new(before));
            let known: Vec<_> = self.numbers.keys().copied().collect();
            for conn in known {
                if self.dropped.contains(&conn) || self.closed.contains_key(&conn) {
                    continue;
                }
                self.text(conn, r#"{"t":"ping"}"#);
                let inbox = self.inbox.entry(conn).or_default();
                if inbox.back().is_some_and(|text| text.contains("\"pong\"")) {
                    inbox.pop_back();
                }
            }
            self.now = wake.at.max(self.now);
            self.input(Input::Timeout);
        }
        self.now = until;
        self.input(Input::Timeout);
    }

    /// Lets time pass in which nobody says anything.
    pub fn pass_in_silence(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(wake) = self.wake_at.filter(|wake| wake.at <= until) {
            self.now = wake.at.max(self.now);
            self.input(Input::Timeout);
        }
        self.now = until;
    }

    pub fn open(&mut self) -> ConnId {
        self.open_as(Caller::default())
    }

    pub fn open_as(&mut self, caller: Caller<'_>) -> ConnId {
        self.last_conn += 1;
        let conn = ConnId::new(self.last_conn);
        self.input(Input::Opened { conn, caller });
        conn
    }

    /// The place of a connection can be taken up with this secret.
    pub fn known(&mut self, conn: ConnId, group_name: &str, secret: ResumeSecret) {
        self.secrets.insert(conn, (group(group_name), secret));
        self.numbers.insert(conn, 0);
    }

    /// Pulls the network.
    pub fn drop_conn(&mut self, conn: ConnId) {
        self.dropped.insert(conn);
        self.input(Input::Closed { conn });
    }

    pub fn text(&mut self, conn: ConnId, text: &str) {
        self.input(Input::Text { conn, text });
    }

    pub fn next_re(&mut self, conn: ConnId) -> RequestId {
        let number = self.numbers.entry(conn).or_default();
        *number += 1;
        RequestId::new(*number)
    }

    /// Says a message as a visitor.
    pub fn say(&mut self, conn: ConnId, message: impl Into<ClientMessage>) {
        self.text(conn, &message.into().encode());
    }

    /// Says a message as an agent.
    pub fn call(&mut self, conn: ConnId, message: impl Into<AgentMessage>) {
        self.text(conn, &message.into().encode());
    }

    fn next_text(&mut self, conn: ConnId) -> String {
        self.inbox.entry(conn).or_default().pop_front().expect("a message waits")
    }

    /// The next message to a visitor.
    pub fn hear(&mut self, conn: ConnId) -> ServerMessage {
        ServerMessage::decode(&self.next_text(conn)).unwrap()
    }

    /// The next message to an agent.
    pub fn notice(&mut self, conn: ConnId) -> AgentNotice {
        AgentNotice::decode(&self.next_text(conn)).unwrap()
    }

    /// Everything that waits for a visitor.
    pub fn hear_all(&mut self, conn: ConnId) -> Vec<ServerMessage> {
        let texts = std::mem::take(self.inbox.entry(conn).or_default());
        texts.iter().map(|text| ServerMessage::decode(text).unwrap()).collect()
    }

    /// Everything that waits for an agent.
    pub fn notices(&mut self, conn: ConnId) -> Vec<AgentNotice> {
        let texts = std::mem::take(self.inbox.entry(conn).or_default());
        texts.iter().map(|text| AgentNotice::decode(text).unwrap()).collect()
    }

    /// Whatever waits for a client is of no interest.
    pub fn forget(&mut self, conn: ConnId) {
        self.inbox.remove(&conn);
        self.words.remove(&conn);
        self.pictures.remove(&conn);
    }

    // The picture.

    /// Sends a picture as a visitor.
    pub fn show(&mut self, conn: ConnId, session: SessionId, viewers: &[ViewerId], body: &[u8]) {
        let bytes = Picture::encode(session, viewers, body);
        self.input(Input::Binary { conn, bytes: &bytes });
    }

    /// Says something about the picture as an agent.
    pub fn signal(&mut self, conn: ConnId, session: SessionId, says: ViewerSays) {
        let bytes = ViewerSignal { session, says }.encode();
        self.input(Input::Binary { conn, bytes: &bytes });
    }

    /// The bodies of the pictures that wait for an agent, which are all of this session.
    pub fn seen(&mut self, conn: ConnId, session: SessionId) -> Vec<Vec<u8>> {
        let body = |bytes: Vec<u8>| {
            let picture = PictureRelay::decode(&bytes).unwrap();
            assert_eq!(picture.session(), session);
            picture.body().to_vec()
        };
        std::mem::take(self.pictures.entry(conn).or_default()).into_iter().map(body).collect()
    }

    /// What waits for a visitor about the viewers of this session.
    pub fn words(&mut self, conn: ConnId, session: SessionId) -> Vec<(ViewerId, ViewerEvent)> {
        let word = |notice: ViewerNotice| {
            assert_eq!(notice.session, session);
            (notice.viewer, notice.event)
        };
        std::mem::take(self.words.entry(conn).or_default()).into_iter().map(word).collect()
    }

    /// The one viewer who has joined and about whom nothing else was said.
    pub fn viewer(&mut self, conn: ConnId, session: SessionId) -> ViewerId {
        let words = self.words(conn, session);
        let [(viewer, ViewerEvent::Joined)] = words[..] else { panic!("{words:?}") };
        viewer
    }

    pub fn is_quiet(&self, conn: ConnId) -> bool {
        self.inbox.get(&conn).is_none_or(VecDeque::is_empty)
    }

    // Visitors.

    pub fn hello(&self, group_name: &str) -> Hello {
        Hello {
            re: RequestId::new(0),
            version: PROTOCOL_VERSION,
            group: group(group_name),
            token: None,
            profile: Profile::new(),
            app: AppState::Active,
        }
    }

    pub fn visitor_in(&mut self, group_name: &str) -> ConnId {
        let conn = self.open();
        self.say(conn, self.hello(group_name));
        let ServerMessage::Welcome(welcome) = self.hear(conn) else { panic!("not welcome") };
        self.secrets.insert(conn, (group(group_name), welcome.secret));
        self.numbers.insert(conn, 0);
        conn
    }

    pub fn anonymous(&mut self) -> ConnId {
        self.visitor_in(GROUP)
    }

    pub fn identified(&mut self, name: &str) -> ConnId {
        let conn = self.anonymous();
        self.identify(conn, name);
        let ServerMessage::Identified(_) = self.hear(conn) else { panic!("not identified") };
        conn
    }

    pub fn online(&mut self, name: &str) -> ConnId {
        let conn = self.identified(name);
        self.connect_presence(conn);
        let ServerMessage::PresenceConnected(_) = self.hear(conn) else { panic!("not online") };
        conn
    }

    pub fn identify(&mut self, conn: ConnId, name: &str) {
        let re = self.next_re(conn);
        self.say(conn, Identify { re, visitor: visitor_id(name), assertion: None, profile: None });
    }

    pub fn connect_presence(&mut self, conn: ConnId) {
        let re = self.next_re(conn);
        self.say(conn, PresenceConnect { re, data: PresenceData::new() });
    }

    pub fn disconnect_presence(&mut self, conn: ConnId) {
        let re = self.next_re(conn);
        self.say(conn, PresenceDisconnect { re });
    }

    pub fn log_out(&mut self, conn: ConnId) {
        let re = self.next_re(conn);
        self.say(conn, LogOut { re });
    }

    pub fn move_app(&mut self, conn: ConnId, app: AppState) {
        let re = self.next_re(conn);
        self.say(conn, AppMoved { re, app });
    }

    pub fn update(&mut self, conn: ConnId, key: &str, value: &str) {
        let re = self.next_re(conn);
        let data = PresencePatch::new().set(key, value).unwrap();
        self.say(conn, PresenceUpdate { re, data });
    }

    pub fn displayed(&mut self, conn: ConnId, ask: AskId) {
        let re = self.next_re(conn);
        self.say(conn, TermsDisplayed { re, ask });
    }

    pub fn accept(&mut self, conn: ConnId, ask: AskId) {
        let re = self.next_re(conn);
        self.say(conn, TermsAccepted { re, ask });
    }

    pub fn decline(&mut self, conn: ConnId, ask: AskId) {
        let re = self.next_re(conn);
        self.say(conn, TermsDeclined { re, ask });
    }

    pub fn start(&mut self, conn: ConnId, by: StartBy) -> StartId {
        self.last_start += 1;
        let (re, start) = (self.next_re(conn), StartId::new(self.last_start));
        self.say(conn, SessionStart { re, start, by });
        start
    }

    pub fn end_start(&mut self, conn: ConnId, start: StartId) {
        let re = self.next_re(conn);
        self.say(conn, SessionEnd { re, start });
    }

    /// A manual start that is granted.
    pub fn share(&mut self, conn: ConnId) -> (StartId, SessionId, SessionKey) {
        let start = self.start(conn, StartBy::RandomKey);
        let ServerMessage::SessionConnected(it) = self.hear(conn) else { panic!("no session") };
        assert_eq!(it.start, start);
        (start, it.session, it.key.expect("a manual start has a key"))
    }

    /// Takes up the place of a connection on a new one.
    pub fn resume_visitor(&mut self, old: ConnId) -> (ConnId, Snapshot) {
        let conn = self.resume(old);
        let ServerMessage::Resumed(resumed) = self.hear(conn) else { panic!("not resumed") };
        (conn, resumed.snapshot)
    }

    pub fn resume_agent(&mut self, old: ConnId) -> (ConnId, AgentSnapshot) {
        let conn = self.resume(old);
        let AgentNotice::Resumed(resumed) = self.notice(conn) else { panic!("not resumed") };
        (conn, resumed.snapshot)
    }

    /// Comes back too late.
    pub fn resume_refused(&mut self, old: ConnId) {
        let conn = self.resume(old);
        assert_eq!(self.refused(conn), RefusalCode::ResumeFailed);
    }

    fn resume(&mut self, old: ConnId) -> ConnId {
        let conn = self.open();
        let (group, secret) = self.secrets[&old].clone();
        let re = RequestId::new(0);
        self.say(conn, Resume { re, version: 1, group: group.clone(), secret: secret.clone() });
        self.secrets.insert(conn, (group, secret));
        self.numbers.insert(conn, self.numbers[&old]);
        conn
    }

    pub fn secret(&self, conn: ConnId) -> ResumeSecret {
        self.secrets[&conn].1.clone()
    }

    // Agents.

    pub fn agent_in(&mut self, group_name: &str, name: &str) -> ConnId {
        let conn = self.open();
        self.agent_on(conn, group_name, name);
        conn
    }

    /// Signs an agent in on a connection of its own.
    pub fn agent_on(&mut self, conn: ConnId, group_name: &str, name: &str) {
        let token = AGENTS.iter().find(|(agent, _)| *agent == name).expect("a known agent").1;
        let token = AgentToken::new(format!("{token}@{group_name}")).unwrap();
        let re = RequestId::new(0);
        self.call(conn, SignIn { re, version: 1, group: group(group_name), token });
        let AgentNotice::SignedIn(it) = self.notice(conn) else { panic!("not signed in") };
        self.known(conn, group_name, it.secret);
    }

    pub fn agent(&mut self, name: &str) -> ConnId {
        self.agent_in(GROUP, name)
    }

    /// An agent who watches everybody; the roster has been read.
    pub fn watcher(&mut self, name: &str) -> ConnId {
        let conn = self.agent(name);
        self.watch(conn, None);
        while !self.is_quiet(conn) {
            let AgentNotice::Roster(_) = self.notice(conn) else { panic!("no roster") };
        }
        conn
    }

    pub fn watch(&mut self, conn: ConnId, whom: Option<&str>) {
        let re = self.next_re(conn);
        self.call(conn, Watch { re, visitor: whom.map(visitor_id) });
    }

    pub fn ask(&mut self, conn: ConnId, whom: &str) {
        let re = self.next_re(conn);
        self.call(conn, Ask { re, visitor: visitor_id(whom) });
    }

    /// A request that is granted and reaches the visitor.
    pub fn asked(&mut self, agent: ConnId, visitor: ConnId, whom: &str) -> AskId {
        self.ask(agent, whom);
        let AgentNotice::Asked(asked) = self.notice(agent) else { panic!("not asked") };
        let ServerMessage::TermsRequested(it) = self.hear(visitor) else { panic!("no terms") };
        assert_eq!(asked.ask, it.ask);
        it.ask
    }

    /// A request whose terms are displayed.
    pub fn shown(&mut self, agent: ConnId, visitor: ConnId, whom: &str) -> AskId {
        let ask = self.asked(agent, visitor, whom);
        self.displayed(visitor, ask);
        // An agent who watches also hears that the visitor is busy now.
        while self.notice(agent) != AgentNotice::from(TermsSeen { ask }) {}
        ask
    }

    /// A running one-click session, with every message about its beginning read.
    pub fn one_click(
        &mut self,
        agent: ConnId,
        visitor: ConnId,
        whom: &str,
    ) -> (StartId, SessionId) {
        let ask = self.shown(agent, visitor, whom);
        self.accept(visitor, ask);
        let start = self.start(visitor, StartBy::VisitorId { ask });
        let ServerMessage::SessionConnected(it) = self.hear(visitor) else { panic!("no session") };
        self.hear_all(visitor);
        self.notices(agent);
        (start, it.session)
    }

    pub fn withdraw(&mut self, conn: ConnId, ask: Option<AskId>) {
        let re = self.next_re(conn);
        self.call(conn, Withdraw { re, ask });
    }

    pub fn join(&mut self, conn: ConnId, key: SessionKey) {
        let re = self.next_re(conn);
        self.call(conn, Join { re, key });
    }

    /// A join that is granted.
    pub fn joined(&mut self, conn: ConnId, key: SessionKey) -> ViewFacts {
        self.join(conn, key);
        let AgentNotice::Joined(joined) = self.notice(conn) else { panic!("not joined") };
        let AgentNotice::ViewGuests(_) = self.notice(conn) else { panic!("no guests") };
        joined.view
    }

    pub fn leave(&mut self, conn: ConnId, session: Option<SessionId>) {
        let re = self.next_re(conn);
        self.call(conn, Leave { re, session });
    }

    pub fn end(&mut self, conn: ConnId, session: SessionId) {
        let re = self.next_re(conn);
        self.call(conn, EndSession { re, session });
    }

    pub fn eject(&mut self, conn: ConnId, session: SessionId, whom: &str) {
        let re = self.next_re(conn);
        self.call(conn, Eject { re, session, agent: AgentId::new(whom).unwrap() });
    }

    pub fn bye(&mut self, conn: ConnId) {
        self.text(conn, r#"{"t":"bye"}"#);
    }

    // What must be true of the next message.

    pub fn refused(&mut self, conn: ConnId) -> RefusalCode {
        let ServerMessage::Refused(refused) = self.hear(conn) else { panic!("not refused") };
        refused.code
    }

    pub fn problem(&mut self, conn: ConnId) -> RefusalCode {
        let ServerMessage::Problem(problem) = self.hear(conn) else { panic!("no problem") };
        problem.code
    }

    pub fn closing(&mut self, conn: ConnId, reason: CloseReason, retry: bool) {
        assert_eq!(self.hear(conn), Closing { reason, retry }.into());
        assert_eq!(self.closed.get(&conn), Some(&reason));
    }
}

/// A key that passes its check digit and that no hub of these tests has given out.
pub fn wrong_key(number: u32) -> SessionKey {
    let mut digits = number;
    SessionKey::random(KeyLength::new(12).unwrap(), || {
        let digit = (digits % 10) as u8;
        digits /= 10;
        digit
    })
}
