//! Random interleavings of visitors and agents in two groups, watched from outside: only what was
//! said and what was heard counts.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test runs with std and may panic"
)]

mod harness;
#[path = "model/joins.rs"]
mod joins;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use coview_hub::*;
use coview_wire::*;
use harness::*;
use joins::Joins;
use joins::Rules;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

/// What one client does next. Numbers choose among what it knows; some are stale, some unknown.
#[derive(Clone, Debug)]
enum Op {
    Visitor(usize, VisitorOp),
    Agent(usize, AgentOp),
    /// A visitor shares, an agent types the key, and the visitor says yes, no or nothing.
    Meet(usize, usize, Option<bool>),
    Pass(u64),
}

#[derive(Clone, Debug)]
enum VisitorOp {
    Come,
    Identify,
    Connect,
    Disconnect,
    Update,
    Move(bool),
    LogOut,
    Displayed(usize),
    Accept(usize),
    Decline(usize),
    StartByKey,
    StartByAsk(usize),
    /// Accepts and starts, as a well-made client does; or starts under another request.
    AcceptAndStart(usize),
    /// Accepts and shows something before the start.
    AcceptAndShow,
    End(usize),
    /// In its session, the one before or another's, for these of its viewers.
    Show(usize, Vec<usize>),
    /// Says how many areas are covered in one of these sessions; with none it is not known.
    Cover(usize, u32),
    Confirm(usize),
    Refuse(usize),
    Line(LineOp),
}

#[derive(Clone, Debug)]
enum AgentOp {
    Come,
    Watch(bool),
    Unwatch,
    Ask(usize),
    Withdraw(Option<usize>),
    Join(usize),
    JoinWrong(u32),
    Leave(Option<usize>),
    End(usize),
    Eject(usize, usize),
    Signal(usize, bool),
    PicturesDropped,
    Line(LineOp),
}

/// What happens to a connection, whoever is at its end.
#[derive(Clone, Debug)]
enum LineOp {
    Drop,
    Resume,
    ResumeWithout,
    ResumeElsewhere,
    Bye,
    Ping,
    Again,
    Garbage,
    Binary,
    TooSlow,
}

const NAMES: [&str; 2] = ["ada", "bob"];
/// The last visitor and the last agent are in the other group, under the same names.
const VISITORS: usize = 4;
const CALLERS: usize = 3;

fn line() -> impl Strategy<Value = LineOp> {
    prop_oneof![
        4 => Just(LineOp::Drop),
        6 => Just(LineOp::Resume),
        1 => Just(LineOp::ResumeWithout),
        1 => Just(LineOp::ResumeElsewhere),
        1 => Just(LineOp::Bye),
        1 => Just(LineOp::Ping),
        2 => Just(LineOp::Again),
        1 => Just(LineOp::Garbage),
        1 => Just(LineOp::Binary),
        1 => Just(LineOp::TooSlow),
    ]
}

/// Which request is meant: the newest this client knows, the one before, or another's.
fn known() -> impl Strategy<Value = usize> {
    prop_oneof![6 => Just(0usize), 1 => Just(1), 1 => Just(2)]
}

/// The session the client is in, the one it was in last, or the newest of all.
fn which_session() -> impl Strategy<Value = usize> {
    prop_oneof![12 => Just(0usize), 3 => Just(1), 3 => Just(2)]
}

fn visitor_op() -> impl Strategy<Value = VisitorOp> {
    prop_oneof![
        3 => Just(VisitorOp::Come),
        4 => Just(VisitorOp::Identify),
        4 => Just(VisitorOp::Connect),
        1 => Just(VisitorOp::Disconnect),
        1 => Just(VisitorOp::Update),
        1 => any::<bool>().prop_map(VisitorOp::Move),
        1 => Just(VisitorOp::LogOut),
        6 => known().prop_map(VisitorOp::Displayed),
        2 => known().prop_map(VisitorOp::Accept),
        1 => known().prop_map(VisitorOp::Decline),
        2 => Just(VisitorOp::StartByKey),
        2 => known().prop_map(VisitorOp::StartByAsk),
        4 => known().prop_map(VisitorOp::AcceptAndStart),
        1 => Just(VisitorOp::AcceptAndShow),
        2 => (0usize..2).prop_map(VisitorOp::End),
        8 => (which_session(), proptest::collection::vec(0usize..4, 1..4))
            .prop_map(|(session, viewers)| VisitorOp::Show(session, viewers)),
        2 => (which_session(), 0u32..3).prop_map(|(session, areas)| VisitorOp::Cover(session, areas)),
        6 => known().prop_map(VisitorOp::Confirm),
        2 => known().prop_map(VisitorOp::Refuse),
        4 => line().prop_map(VisitorOp::Line),
    ]
}

fn agent_op() -> impl Strategy<Value = AgentOp> {
    let maybe = || proptest::option::of(0usize..2);
    prop_oneof![
        3 => Just(AgentOp::Come),
        2 => any::<bool>().prop_map(AgentOp::Watch),
        1 => Just(AgentOp::Unwatch),
        8 => (0usize..NAMES.len()).prop_map(AgentOp::Ask),
        2 => maybe().prop_map(AgentOp::Withdraw),
        5 => (0usize..3).prop_map(AgentOp::Join),
        1 => any::<u32>().prop_map(AgentOp::JoinWrong),
        2 => maybe().prop_map(AgentOp::Leave),
        1 => (0usize..2).prop_map(AgentOp::End),
        1 => (0usize..2, 0usize..AGENTS.len()).prop_map(|(at, who)| AgentOp::Eject(at, who)),
        4 => (which_session(), any::<bool>()).prop_map(|(at, ack)| AgentOp::Signal(at, ack)),
        1 => Just(AgentOp::PicturesDropped),
        3 => line().prop_map(AgentOp::Line),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => (0..VISITORS, visitor_op()).prop_map(|(who, op)| Op::Visitor(who, op)),
        10 => (0..CALLERS, agent_op()).prop_map(|(who, op)| Op::Agent(who, op)),
        3 => (0..VISITORS, 0..CALLERS, any::<Option<bool>>())
            .prop_map(|(who, agent, answer)| Op::Meet(who, agent, answer)),
        1 => prop_oneof![0u64..2_000, 0u64..40_000, Just(60_000), Just(310_000)]
            .prop_map(Op::Pass),
    ]
}

fn rules() -> impl Strategy<Value = Rules> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(confirm, once, nervous)| Rules {
        confirm,
        once,
        nervous,
    })
}

/// A client as it knows itself.
#[derive(Default)]
struct Client {
    conn: Option<ConnId>,
    secret: Option<ResumeSecret>,
    number: u64,
    last_said: Option<String>,
    asks: Vec<AskId>,
    joins: Vec<JoinId>,
    /// The join message of an agent that waits for the visitor's word.
    waits: Option<RequestId>,
    starts: Vec<StartId>,
    sessions: Vec<SessionId>,
    /// The session it is in, and the one it was in last, as far as it has been told.
    session: Option<SessionId>,
    ended: Option<SessionId>,
    /// The start of a visitor's session.
    running: Option<StartId>,
    /// The viewers a visitor knows of, and every number it was ever told in this session.
    viewers: BTreeSet<ViewerId>,
    numbers: BTreeSet<ViewerId>,
    /// Whether an agent watches everybody, and whom it sees if so.
    watches: bool,
    seen: BTreeMap<VisitorId, VisitorCard>,
}

/// What is known about one request of an agent.
#[derive(Default, Debug)]
struct AskStory {
    /// The visitor whose device it was sent to.
    asked: Option<usize>,
    displayed: bool,
    accepted: bool,
    outcome: Option<AskOutcome>,
    starts: u32,
}

impl Client {
    /// The session is over, as far as this client has been told.
    fn is_over(&mut self, session: SessionId) {
        if self.session == Some(session) {
            self.session = None;
            self.running = None;
            self.viewers.clear();
            self.numbers.clear();
        }
        self.ended = Some(session);
    }
}

struct Model {
    w: World,
    visitors: Vec<Client>,
    agents: Vec<Client>,
    asks: BTreeMap<AskId, AskStory>,
    joins: Joins,
    rules: Rules,
    /// The start of a session message that waits for its answer, by connection and number.
    starts: BTreeMap<(ConnId, RequestId), StartBy>,
    keys: Vec<SessionKey>,
    groups: BTreeMap<ConnId, &'static str>,
    roles: BTreeMap<ConnId, bool>,
    /// Every session anybody was told of, accepted or connected.
    told: Vec<SessionId>,
    /// The picture that is being sent and how many were relayed, while one is.
    showing: Option<(SessionId, Vec<u8>, BTreeSet<ConnId>)>,
    shown: u8,
    read: usize,
    last_start: u64,
}

fn group_of_visitor(who: usize) -> &'static str {
    if who + 1 == VISITORS { OTHER_GROUP } else { GROUP }
}

fn group_of_agent(who: usize) -> &'static str {
    if who + 1 == CALLERS { OTHER_GROUP } else { GROUP }
}

/// A card without what changes by itself.
fn ageless(card: VisitorCard) -> VisitorCard {
    VisitorCard { online_ms: 0, ..card }
}

/// Texts by which a message of a group can be told from one of the other.
fn mark(group: &str) -> String {
    format!("of-{group}")
}

impl Model {
    fn new(rules: Rules) -> Self {
        let mut config = config();
        for (id, group) in &mut config.groups {
            group.confirm_join = rules.confirm;
            group.key_use = if rules.once { KeyUse::Once } else { KeyUse::Session };
            group.terms = Terms::new("v1", &mark(id.as_str())).unwrap();
            group.proofs = std::sync::Arc::new(accounts(id.as_str(), &mark(id.as_str())));
        }
        config.policy.problems_per_minute = 5;
        config.policy.max_guests = 2;
        config.policy.key_unclaimed = secs(90);
        if rules.nervous {
            // Two wrong keys of nine digits while one is live.
            config.policy.key_odds = 100_000_000 / 3;
        }
        // Enough for everybody, so whoever comes anew takes the place of one who was lost.
        config.policy.max_places = (VISITORS + CALLERS) as u32;
        Self {
            w: World::with(config),
            visitors: (0..VISITORS).map(|_| Client::default()).collect(),
            agents: (0..CALLERS).map(|_| Client::default()).collect(),
            asks: BTreeMap::new(),
            joins: Joins::default(),
            rules,
            starts: BTreeMap::new(),
            keys: Vec::new(),
            groups: BTreeMap::new(),
            roles: BTreeMap::new(),
            told: Vec::new(),
            showing: None,
            shown: 0,
            read: 0,
            last_start: 0,
        }
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Visitor(who, op) => self.visitor(*who, op),
            Op::Agent(who, op) => self.agent(*who, op),
            Op::Meet(who, agent, answer) => {
                self.visitor(*who, &VisitorOp::StartByKey);
                self.agent(*agent, &AgentOp::Join(0));
                match answer {
                    Some(true) => self.visitor(*who, &VisitorOp::Confirm(0)),
                    Some(false) => self.visitor(*who, &VisitorOp::Refuse(0)),
                    None => {}
                }
            }
            Op::Pass(millis) => {
                self.w.pass_in_silence(Duration::from_millis(*millis));
                self.listen();
            }
        }
    }

    fn client(&mut self, visitor: bool, who: usize) -> &mut Client {
        if visitor { &mut self.visitors[who] } else { &mut self.agents[who] }
    }

    /// The number of the next message, if there is a connection to say it on.
    fn re(&mut self, visitor: bool, who: usize) -> Option<(ConnId, RequestId)> {
        let client = self.client(visitor, who);
        client.number += 1;
        client.conn.map(|conn| (conn, RequestId::new(client.number)))
    }

    /// Says a message and checks that a request gets one answer and a signal none but a problem.
    fn say(&mut self, visitor: bool, who: usize, request: bool, text: String) {
        let Some(conn) = self.client(visitor, who).conn else { return };
        let re = RequestId::new(self.client(visitor, who).number);
        let from = self.w.texts.len();
        self.w.text(conn, &text);
        self.client(visitor, who).last_said = Some(text.clone());
        let answers = self.w.texts[from..]
            .iter()
            .filter(|(to, said)| {
                let said = &said[..said.find("\"guests\"").unwrap_or(said.len())];
                *to == conn
                    && (said.contains(&format!("\"re\":{re},"))
                        || said.contains(&format!("\"re\":{re}}}")))
                    && !said.contains("\"more\":")
            })
            .count();
        let rosters = self.w.texts[from..]
            .iter()
            .filter(|(to, said)| *to == conn && said.contains("\"more\":"));
        // Going online once too often is answered with the end of the connection alone.
        let cut_off = text.contains(r#""t":"presence_connect""#)
            && self.w.closed.get(&conn) == Some(&CloseReason::Protocol);
        if request {
            let expected = usize::from(!cut_off);
            assert_eq!(answers + rosters.count(), expected, "one answer to {text}");
        } else {
            assert!(answers <= 1, "a signal is not answered: {text}");
        }
        self.listen();
    }

    fn visitor(&mut self, who: usize, op: &VisitorOp) {
        if let VisitorOp::Line(op) = op {
            return self.line(true, who, op);
        }
        if let VisitorOp::Show(session, viewers) = op {
            return self.show(who, *session, viewers);
        }
        if let VisitorOp::Cover(session, areas) = op {
            return self.cover(who, *session, *areas);
        }
        if let VisitorOp::Come = op {
            if self.visitors[who].conn.is_none() {
                let conn = self.w.open();
                self.groups.insert(conn, group_of_visitor(who));
                self.roles.insert(conn, true);
                let profile = Profile::new().with_name(&mark(group_of_visitor(who))).unwrap();
                let hello = Hello { profile, ..self.w.hello(group_of_visitor(who)) };
                self.visitors[who] = Client { conn: Some(conn), ..Client::default() };
                self.w.say(conn, hello);
                self.listen();
            }
            return;
        }
        let Some((conn, re)) = self.re(true, who) else { return };
        let newest = self.asks.keys().next_back().copied();
        let own = &self.visitors[who].asks;
        let ask = |back: usize| {
            let known = if back == 2 { newest } else { own.iter().rev().nth(back).copied() };
            known.unwrap_or(AskId::new(77))
        };
        let (request, message): (bool, ClientMessage) = match op {
            VisitorOp::Identify => {
                let visitor = visitor_id(NAMES[who % NAMES.len()]);
                (true, Identify { re, visitor, assertion: None, profile: None }.into())
            }
            VisitorOp::Connect => {
                let data = PresenceData::new().with("m", &mark(group_of_visitor(who))).unwrap();
                (true, PresenceConnect { re, data }.into())
            }
            VisitorOp::Disconnect => (false, PresenceDisconnect { re }.into()),
            VisitorOp::Update => {
                let data = PresencePatch::new().set("page", "/").unwrap();
                (false, PresenceUpdate { re, data }.into())
            }
            VisitorOp::Move(active) => {
                let app = if *active { AppState::Active } else { AppState::Background };
                (false, AppMoved { re, app }.into())
            }
            VisitorOp::LogOut => (false, LogOut { re }.into()),
            VisitorOp::Displayed(back) => {
                let ask = ask(*back);
                // Noted before it is said: whatever follows from it comes after it.
                let story = self.asks.entry(ask).or_default();
                story.displayed |= story.asked == Some(who);
                (false, TermsDisplayed { re, ask }.into())
            }
            VisitorOp::Accept(back) => {
                let ask = ask(*back);
                let story = self.asks.entry(ask).or_default();
                story.accepted |= story.displayed && story.asked == Some(who);
                (false, TermsAccepted { re, ask }.into())
            }
            VisitorOp::Decline(back) => (false, TermsDeclined { re, ask: ask(*back) }.into()),
            VisitorOp::Confirm(back) | VisitorOp::Refuse(back) => {
                let newest = self.joins.newest();
                let own = &self.visitors[who].joins;
                let known = if *back == 2 { newest } else { own.iter().rev().nth(*back).copied() };
                let join = known.unwrap_or(JoinId::new(77));
                // Noted before it is said: whatever follows from it comes after it.
                let yes = matches!(op, VisitorOp::Confirm(_));
                self.joins.answers(who, join, yes);
                if yes {
                    (false, JoinConfirmed { re, join }.into())
                } else {
                    (false, JoinDeclined { re, join }.into())
                }
            }
            VisitorOp::StartByKey => {
                self.last_start += 1;
                let start = StartId::new(self.last_start);
                self.visitors[who].starts.push(start);
                self.starts.insert((conn, re), StartBy::RandomKey);
                (true, SessionStart { re, start, by: StartBy::RandomKey }.into())
            }
            VisitorOp::StartByAsk(back) => {
                let by = StartBy::VisitorId { ask: ask(*back) };
                self.last_start += 1;
                let start = StartId::new(self.last_start);
                self.visitors[who].starts.push(start);
                self.starts.insert((conn, re), by);
                (true, SessionStart { re, start, by }.into())
            }
            VisitorOp::AcceptAndStart(back) => {
                self.visitor(who, &VisitorOp::Displayed(0));
                self.visitor(who, &VisitorOp::Accept(0));
                return self.visitor(who, &VisitorOp::StartByAsk(*back));
            }
            VisitorOp::AcceptAndShow => {
                self.visitor(who, &VisitorOp::Displayed(0));
                self.visitor(who, &VisitorOp::Accept(0));
                return self.show(who, 2, &[0]);
            }
            VisitorOp::End(back) => {
                let start = self.visitors[who].starts.iter().rev().nth(*back).copied();
                let client = &mut self.visitors[who];
                if let Some((session, of)) = client.session.zip(client.running)
                    && start == Some(of)
                {
                    client.is_over(session);
                }
                (false, SessionEnd { re, start: start.unwrap_or(StartId::new(0)) }.into())
            }
            VisitorOp::Come | VisitorOp::Show(..) | VisitorOp::Cover(..) | VisitorOp::Line(_) => {
                unreachable!("handled above")
            }
        };
        self.say(true, who, request, message.encode());
    }

    fn agent(&mut self, who: usize, op: &AgentOp) {
        if let AgentOp::Line(op) = op {
            return self.line(false, who, op);
        }
        match op {
            AgentOp::Signal(session, acknowledged) => {
                return self.signal(who, *session, *acknowledged);
            }
            AgentOp::PicturesDropped => {
                if let Some(conn) = self.agents[who].conn {
                    self.w.input(Input::PicturesDropped { conn });
                }
                return self.listen();
            }
            _ => {}
        }
        if let AgentOp::Come = op {
            if self.agents[who].conn.is_none() {
                let conn = self.w.open();
                let group_name = group_of_agent(who);
                self.groups.insert(conn, group_name);
                self.roles.insert(conn, false);
                let token = AgentToken::new(format!("{}@{group_name}", AGENTS[who].1)).unwrap();
                self.agents[who] = Client { conn: Some(conn), ..Client::default() };
                let re = RequestId::new(0);
                self.w.call(conn, SignIn { re, version: 1, group: group(group_name), token });
                self.listen();
            }
            return;
        }
        let Some((_, re)) = self.re(false, who) else { return };
        match op {
            AgentOp::Watch(all) => self.agents[who].watches = *all,
            AgentOp::Unwatch => self.agents[who].watches = false,
            _ => {}
        }
        let client = &self.agents[who];
        let session = |back: usize| {
            client.sessions.iter().rev().nth(back).copied().unwrap_or(SessionId::new(88))
        };
        let (request, message): (bool, AgentMessage) = match op {
            AgentOp::Watch(all) => {
                let visitor = (!all).then(|| visitor_id(NAMES[0]));
                (true, Watch { re, visitor }.into())
            }
            AgentOp::Unwatch => (false, Unwatch { re }.into()),
            AgentOp::Ask(name) => (true, Ask { re, visitor: visitor_id(NAMES[*name]) }.into()),
            AgentOp::Withdraw(back) => {
                let ask = back.map(|back| {
                    client.asks.iter().rev().nth(back).copied().unwrap_or(AskId::new(77))
                });
                (false, Withdraw { re, ask }.into())
            }
            AgentOp::Join(back) => {
                let Some(key) = self.keys.iter().rev().nth(*back).copied() else { return };
                (true, Join { re, key }.into())
            }
            AgentOp::JoinWrong(number) => (true, Join { re, key: wrong_key(*number) }.into()),
            AgentOp::Leave(back) => {
                let left = back.map(session);
                if let Some(own) = client.session
                    && left.is_none_or(|left| left == own)
                {
                    self.agents[who].is_over(own);
                }
                (false, Leave { re, session: left }.into())
            }
            AgentOp::End(back) => (false, EndSession { re, session: session(*back) }.into()),
            AgentOp::Eject(back, whom) => {
                let agent = AgentId::new(AGENTS[*whom].0).unwrap();
                (false, Eject { re, session: session(*back), agent }.into())
            }
            AgentOp::Come | AgentOp::Signal(..) | AgentOp::PicturesDropped | AgentOp::Line(_) => {
                unreachable!("handled above")
            }
        };
        self.say(false, who, request, message.encode());
    }

    fn line(&mut self, visitor: bool, who: usize, op: &LineOp) {
        let group_name = if visitor { group_of_visitor(who) } else { group_of_agent(who) };
        let client = self.client(visitor, who);
        let (conn, secret) = (client.conn, client.secret.clone());
        let last_said = client.last_said.clone();
        match op {
            LineOp::Resume => {
                let Some(secret) = secret else { return };
                let conn = self.w.open();
                self.groups.insert(conn, group_name);
                self.roles.insert(conn, visitor);
                let (re, group) = (RequestId::new(0), group(group_name));
                self.w.say(conn, Resume { re, version: 1, group, secret });
                self.client(visitor, who).conn = Some(conn);
                if self.w.texts.last().is_some_and(|(_, text)| text.contains("resume_failed")) {
                    self.w.drop_conn(conn);
                    *self.client(visitor, who) = Client::default();
                }
            }
            LineOp::ResumeWithout | LineOp::ResumeElsewhere => {
                let elsewhere = matches!(op, LineOp::ResumeElsewhere);
                let conn = self.w.open();
                let (secret, group_name) = match secret {
                    Some(secret) if elsewhere => {
                        (secret, if group_name == GROUP { OTHER_GROUP } else { GROUP })
                    }
                    Some(_) | None => {
                        let place = format!("{:x}.{:032x}", who + 1, 12_345);
                        (ResumeSecret::new(place).unwrap(), group_name)
                    }
                };
                self.groups.insert(conn, group_name);
                self.roles.insert(conn, visitor);
                let (re, group) = (RequestId::new(0), group(group_name));
                self.w.say(conn, Resume { re, version: 1, group, secret });
                let said = &self.w.texts.last().unwrap().1;
                assert!(said.contains("resume_failed"), "resumed without the secret: {said}");
                self.w.drop_conn(conn);
            }
            LineOp::Drop => {
                if let Some(conn) = conn {
                    self.w.drop_conn(conn);
                    self.client(visitor, who).conn = None;
                }
            }
            LineOp::Bye => {
                if let Some(conn) = conn {
                    self.w.bye(conn);
                    assert_eq!(self.w.closed.get(&conn), Some(&CloseReason::Left));
                    *self.client(visitor, who) = Client::default();
                }
            }
            LineOp::Ping => {
                if let Some(conn) = conn {
                    self.w.text(conn, r#"{"t":"ping"}"#);
                }
            }
            LineOp::Again => {
                if let (Some(conn), Some(text)) = (conn, last_said) {
                    let before = (self.w.texts.len(), self.w.events.len());
                    self.w.text(conn, &text);
                    let after = (self.w.texts.len(), self.w.events.len());
                    assert_eq!(before, after, "said again and done again: {text}");
                }
            }
            LineOp::Garbage => {
                if let Some(conn) = conn {
                    self.w.text(conn, "{\"t\":\"\u{1F600}\"}");
                }
            }
            LineOp::Binary => {
                if let Some(conn) = conn {
                    self.w.input(Input::Binary { conn, bytes: &[0, 1, 2] });
                }
            }
            LineOp::TooSlow => {
                if let Some(conn) = conn {
                    self.w.input(Input::TooSlow { conn });
                }
            }
        }
        self.listen();
    }

    /// What a client means: the session it is in, the one it was in last, or the newest of all.
    fn session(&self, client: &Client, which: usize) -> SessionId {
        let session = match which {
            0 => client.session,
            1 => client.ended,
            _ => self.told.last().copied(),
        };
        session.unwrap_or(SessionId::new(66))
    }

    /// A visitor sends a picture. It reaches exactly the viewers it names and the visitor knows of,
    /// if it is of the session the visitor was told it is in.
    fn show(&mut self, who: usize, which: usize, named: &[usize]) {
        let client = &self.visitors[who];
        let Some(conn) = client.conn else { return };
        let session = self.session(client, which);
        let numbers: Vec<_> = client.numbers.iter().rev().copied().collect();
        let named = named.iter().map(|at| numbers.get(*at).copied().unwrap_or(ViewerId::new(9)));
        let named: Vec<_> = named.collect();
        let (runs, late) = (client.session == Some(session), client.ended == Some(session));
        let known = named.iter().copied().collect::<BTreeSet<_>>();
        let known = if runs { known.intersection(&client.viewers).count() } else { 0 };
        self.shown = self.shown.wrapping_add(1);
        let body = vec![who as u8, self.shown];
        self.showing = Some((session, body.clone(), BTreeSet::new()));
        self.w.show(conn, session, &named, &body);
        let closed = self.w.closed.contains_key(&conn);
        self.listen();
        let (_, _, reached) = self.showing.take().unwrap();
        assert_eq!(reached.len(), known, "the viewers it names and no others");
        assert_eq!(closed, !runs && !late, "cut off unless it may, or is late");
    }

    /// A visitor says what it covers, which is heard by nobody.
    fn cover(&mut self, who: usize, which: usize, areas: u32) {
        let client = &self.visitors[who];
        let Some(conn) = client.conn else { return };
        let session = self.session(client, which);
        let (runs, late) = (client.session == Some(session), client.ended == Some(session));
        let areas = areas.checked_sub(1);
        let state = areas.map_or(MaskState::Unknown, |areas| MaskState::Known { areas });
        if runs {
            self.joins.covers(session, state);
        }
        let bytes = MaskNotice { session, state }.encode();
        self.w.input(Input::Binary { conn, bytes: &bytes });
        let sent = self.w.sent.iter().filter(|(to, _)| *to != conn).count();
        assert!(!(runs || late) || sent == 0, "somebody was told what is covered");
        assert_eq!(self.w.closed.contains_key(&conn), !runs && !late);
        self.listen();
    }

    fn signal(&mut self, who: usize, which: usize, acknowledged: bool) {
        let client = &self.agents[who];
        let Some(conn) = client.conn else { return };
        let session = self.session(client, which);
        let (views, late) = (client.session == Some(session), client.ended == Some(session));
        let says = if acknowledged { ViewerSays::Acknowledged(1) } else { ViewerSays::Refresh };
        self.w.signal(conn, session, says);
        assert_eq!(self.w.closed.contains_key(&conn), !views && !late);
        self.listen();
    }

    /// A piece of the picture may only be what a visitor is showing right now, and only reach an
    /// agent who was told that it is in that session.
    fn seen_by_agent(&mut self, conn: ConnId, bytes: &[u8]) {
        let picture = PictureRelay::decode(bytes).unwrap();
        let (session, body, reached) = self.showing.as_mut().expect("nobody shows anything");
        assert_eq!((picture.session(), picture.body()), (*session, &body[..]));
        assert!(reached.insert(conn), "one viewer gets a picture once");
        let agent = self.agents.iter().find(|client| client.conn == Some(conn));
        let agent = agent.expect("a picture reached nobody who is there");
        assert_eq!(agent.session, Some(*session), "an agent who is no guest saw a picture");
    }

    fn told_of_viewer(&mut self, conn: ConnId, notice: ViewerNotice) {
        let client = self.visitors.iter_mut().find(|client| client.conn == Some(conn)).unwrap();
        assert_eq!(client.session, Some(notice.session), "{notice:?}");
        let viewer = notice.viewer;
        match notice.event {
            ViewerEvent::Joined => {
                assert!(client.numbers.insert(viewer), "{viewer} joined twice");
                client.viewers.insert(viewer);
            }
            ViewerEvent::Left => assert!(client.viewers.remove(&viewer), "{viewer} left twice"),
            ViewerEvent::Acknowledged(_) | ViewerEvent::Refresh => {
                assert!(client.viewers.contains(&viewer), "{viewer} is not there");
            }
        }
    }

    /// A visitor knows of as many viewers as there are agents with a connection in its session.
    fn compare_viewers(&self) {
        let mut all = 0;
        for client in &self.visitors {
            let Some(session) = client.session.filter(|_| client.conn.is_some()) else { continue };
            let views = |agent: &&Client| agent.conn.is_some() && agent.session == Some(session);
            let count = self.agents.iter().filter(views).count();
            assert_eq!(client.viewers.len(), count, "of {session}");
            all += count as u64;
        }
        assert!(self.w.hub.stats().viewers >= all);
    }

    /// Reads everything that was said since the last time, and checks it.
    fn listen(&mut self) {
        self.w.texts.truncate(self.read);
        for (conn, sent) in std::mem::take(&mut self.w.sent) {
            let text = match sent {
                Sent::Text(text) => text,
                Sent::Binary(bytes) => {
                    assert!(self.roles[&conn], "only visitors are told of viewers");
                    self.told_of_viewer(conn, ViewerNotice::decode(&bytes).unwrap());
                    continue;
                }
                Sent::Picture(bytes) => {
                    assert!(!self.roles[&conn], "only agents see pictures");
                    self.seen_by_agent(conn, &bytes);
                    continue;
                }
                Sent::Forget => continue,
            };
            let (mine, other) = match self.groups[&conn] {
                GROUP => (GROUP, OTHER_GROUP),
                _ => (OTHER_GROUP, GROUP),
            };
            assert!(!text.contains(&mark(other)), "a message to {mine} tells of {other}: {text}");
            if self.roles[&conn] {
                let who = self.visitors.iter().position(|client| client.conn == Some(conn));
                // Messages both roles know are read as a visitor's before the role is known.
                self.heard_by_visitor(conn, who, ServerMessage::decode(&text).unwrap());
            } else {
                let who = self.agents.iter().position(|client| client.conn == Some(conn));
                self.heard_by_agent(who, AgentNotice::decode(&text).unwrap());
            }
        }
        self.read = self.w.texts.len();
        let stats = self.w.hub.stats();
        assert!(stats.visitors + stats.agents <= (VISITORS + CALLERS) as u64, "too many places");
        for client in self.visitors.iter_mut().chain(&mut self.agents) {
            if client.conn.is_some_and(|conn| self.w.closed.contains_key(&conn)) {
                client.conn = None;
            }
        }
        self.compare_viewers();
    }

    fn heard_by_visitor(&mut self, conn: ConnId, who: Option<usize>, message: ServerMessage) {
        let mut client = who.map(|who| &mut self.visitors[who]);
        match message {
            ServerMessage::Welcome(it) => {
                if let Some(client) = client {
                    client.secret = Some(it.secret);
                }
            }
            ServerMessage::TermsRequested(it) => {
                self.asks.entry(it.ask).or_default().asked = who;
                if let Some(client) = client {
                    client.asks.push(it.ask);
                }
            }
            ServerMessage::SessionConnected(it) => {
                let by = self.starts.remove(&(conn, it.re)).expect("a start that was asked for");
                self.told.push(it.session);
                if let Some(client) = client {
                    client.session = Some(it.session);
                    client.running = Some(it.start);
                    client.viewers.clear();
                    client.numbers.clear();
                }
                match by {
                    StartBy::RandomKey => {
                        self.keys.push(it.key.expect("a manual start has a key"));
                    }
                    StartBy::VisitorId { ask } => {
                        assert_eq!(it.key, None, "a one-click start has no key");
                        let story = self.asks.get_mut(&ask).expect("a known request");
                        story.starts += 1;
                        assert!(story.accepted && story.starts == 1, "{story:?}");
                        assert_eq!(story.asked, who, "another's request was started");
                        let other = story.outcome.is_some_and(|it| it != AskOutcome::Accepted);
                        assert!(!other, "started after a no: {story:?}");
                    }
                }
            }
            ServerMessage::SessionGuests(it) => assert_eq!(it.guests.len(), it.count as usize),
            ServerMessage::JoinRequested(it) => {
                self.joins.asked(who, &it);
                if let Some(client) = client {
                    assert_eq!(client.session, Some(it.session), "asked about another's session");
                    client.joins.push(it.join);
                }
            }
            ServerMessage::Resumed(it) => {
                let snapshot = it.snapshot;
                let waiting = snapshot.session.as_ref().and_then(|session| session.join.as_ref());
                if let (Some(client), Some(waiting)) = (&mut client, waiting) {
                    self.joins.asked(who, waiting);
                    client.joins.push(waiting.join);
                }
                if let (Some(client), Some(waiting)) = (&mut client, &snapshot.ask) {
                    client.asks.push(waiting.ask);
                    self.asks.entry(waiting.ask).or_default().asked = who;
                }
                if let Some(client) = client {
                    let before = client.session;
                    client.session = snapshot.session.as_ref().map(|it| it.session);
                    client.running = snapshot.session.as_ref().map(|it| it.start);
                    client.ended = snapshot.ended.map(|it| it.session);
                    client.viewers.clear();
                    if client.session != before {
                        client.numbers.clear();
                    }
                }
                let busy = snapshot.ask.is_some() && snapshot.session.is_some();
                assert!(!busy, "asked while sharing");
            }
            ServerMessage::SessionEnded(it) => {
                if let Some(client) = client {
                    client.is_over(it.session);
                }
            }
            ServerMessage::Identified(_)
            | ServerMessage::PresenceConnected(_)
            | ServerMessage::PresenceLost(_)
            | ServerMessage::PresenceFocus(_)
            | ServerMessage::TermsWithdrawn(_)
            | ServerMessage::JoinWithdrawn(_)
            | ServerMessage::Refused(_)
            | ServerMessage::Problem(_)
            | ServerMessage::Pong(_)
            | ServerMessage::Closing(_) => {}
        }
    }

    fn heard_by_agent(&mut self, who: Option<usize>, notice: AgentNotice) {
        let client = who.map(|who| &mut self.agents[who]);
        match notice {
            AgentNotice::SignedIn(it) => {
                if let Some(client) = client {
                    client.secret = Some(it.secret);
                }
            }
            AgentNotice::Asked(it) => {
                if let Some(client) = client {
                    client.asks.push(it.ask);
                }
            }
            AgentNotice::TermsSeen(it) => assert!(self.asks[&it.ask].displayed),
            AgentNotice::AskEnded(it) => {
                let story = self.asks.entry(it.ask).or_default();
                assert_eq!(story.outcome, None, "a second end: {story:?}");
                story.outcome = Some(it.outcome);
                if it.outcome == AskOutcome::Accepted {
                    assert!(story.accepted, "accepted before displayed: {story:?}");
                    // It has a number now, and nobody may show anything in it yet.
                    self.told.extend(it.session);
                    assert!(it.session.is_some());
                }
            }
            AgentNotice::Joined(it) => {
                assert_eq!(it.view.guests.len(), it.view.count as usize);
                if let Some(ask) = it.view.ask {
                    assert_eq!(self.asks[&ask].starts, 1, "joined before the visitor's start");
                }
                if let Some(client) = client {
                    client.waits.take_if(|re| Some(*re) == it.re);
                    assert_eq!(client.waits, None, "in a session while it waits for one");
                    client.sessions.push(it.view.session);
                    client.session = Some(it.view.session);
                }
            }
            AgentNotice::JoinWaiting(it) => {
                if let Some(client) = client {
                    assert_eq!((client.session, client.waits), (None, None), "busy and waiting");
                    client.waits = Some(it.re);
                }
            }
            AgentNotice::Refused(it) => {
                if let Some(client) = client {
                    client.waits.take_if(|re| *re == it.re);
                }
            }
            AgentNotice::ViewGuests(it) => {
                if let Some(client) = client {
                    assert_eq!(client.session, Some(it.session), "told who is elsewhere");
                    assert_eq!(client.waits, None, "told who is in before it is in");
                }
            }
            AgentNotice::Resumed(it) => {
                let snapshot = it.snapshot;
                let begun =
                    [snapshot.ask.is_some(), snapshot.joining.is_some(), snapshot.view.is_some()];
                assert!(begun.iter().filter(|it| **it).count() <= 1, "two things at once");
                assert!(!(snapshot.ask.is_some() && snapshot.view.is_some()));
                if let Some(client) = client {
                    client.waits = snapshot.joining.map(|it| it.re);
                    client.session = snapshot.view.as_ref().map(|it| it.session);
                    client.ended = snapshot.view_ended.map(|it| it.session);
                }
            }
            AgentNotice::Roster(it) => {
                if let Some(client) = client {
                    if it.first {
                        client.seen.clear();
                    }
                    let cards = it.visitors.into_iter().map(ageless);
                    client.seen.extend(cards.map(|card| (card.visitor.clone(), card)));
                }
            }
            AgentNotice::VisitorOnline(VisitorOnline { card }) => {
                if let Some(client) = client {
                    let before = client.seen.insert(card.visitor.clone(), ageless(card));
                    assert!(before.is_none() || !client.watches, "online twice");
                }
            }
            AgentNotice::VisitorChanged(VisitorChanged { card }) => {
                if let Some(client) = client {
                    let before = client.seen.insert(card.visitor.clone(), ageless(card));
                    assert!(before.is_some() || !client.watches, "a card of one who is offline");
                }
            }
            AgentNotice::VisitorOffline(it) => {
                if let Some(client) = client {
                    let before = client.seen.remove(&it.visitor);
                    assert!(before.is_some() || !client.watches, "offline twice");
                }
            }
            AgentNotice::ViewEnded(it) => {
                if let Some(client) = client {
                    client.is_over(it.session);
                }
            }
            AgentNotice::Renewed(_)
            | AgentNotice::Problem(_)
            | AgentNotice::Pong(_)
            | AgentNotice::Closing(_) => {}
        }
    }

    /// After one more pace, what agents were told is what a new roster says.
    fn compare_rosters(&mut self) {
        self.w.pass_in_silence(PACE);
        self.listen();
        for who in 0..CALLERS {
            if self.agents[who].conn.is_some() && self.agents[who].watches {
                let told = self.agents[who].seen.clone();
                self.agent(who, &AgentOp::Watch(true));
                assert_eq!(told, self.agents[who].seen, "agents were not told the truth");
            }
        }
    }

    /// Everybody's network fails, and the longest grace passes.
    fn finish(mut self) {
        self.compare_rosters();
        let open: Vec<_> = self.groups.keys().copied().collect();
        for conn in open {
            self.w.drop_conn(conn);
        }
        self.w.pass_in_silence(secs(301));
        let stats = self.w.hub.stats();
        let gauges = [
            stats.connections,
            stats.visitors,
            stats.visitors_identified,
            stats.visitors_online,
            stats.agents,
            stats.agents_watching,
            stats.asks,
            stats.sessions,
            stats.viewers,
            stats.keys,
            stats.deadlines,
        ];
        assert_eq!(gauges, [0; 11], "something outlived its grace");
        assert_eq!(self.w.wake_at, None);

        self.joins.check(&self.w.events, self.rules);
        let mut asks: BTreeMap<AskId, u32> = BTreeMap::new();
        let mut sessions: BTreeMap<SessionId, (bool, u32)> = BTreeMap::new();
        for event in &self.w.events {
            match event {
                Event::Asked { ask, .. } => assert_eq!(asks.insert(*ask, 0), None),
                Event::Accepted { ask, session, .. } => {
                    *asks.get_mut(ask).unwrap() += 1;
                    assert_eq!(sessions.insert(*session, (true, 0)), None);
                }
                Event::Declined { ask, .. } | Event::AskEnded { ask, .. } => {
                    *asks.get_mut(ask).unwrap() += 1;
                }
                Event::SessionStarted { session, ask, .. } => {
                    let accepted = sessions.insert(*session, (ask.is_some(), 0));
                    assert_eq!(accepted.is_some(), ask.is_some());
                }
                Event::SessionEnded { session, .. } => sessions.get_mut(session).unwrap().1 += 1,
                _ => {}
            }
        }
        assert!(asks.values().all(|ends| *ends == 1), "every request ends once: {asks:?}");
        assert!(sessions.values().all(|it| it.1 == 1), "every session ends once: {sessions:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../proptest-regressions/hub.txt"
        )))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_invariants_hold_in_every_interleaving(
        rules in rules(),
        ops in proptest::collection::vec(op(), 1..120),
    ) {
        let mut model = Model::new(rules);
        // Most runs begin with everybody there; `Come` brings back whoever leaves.
        for who in 0..VISITORS {
            for op in [VisitorOp::Come, VisitorOp::Identify, VisitorOp::Connect] {
                model.apply(&Op::Visitor(who, op));
            }
        }
        for who in 0..CALLERS {
            model.apply(&Op::Agent(who, AgentOp::Come));
        }
        for op in &ops {
            model.apply(op);
        }
        model.finish();
    }

    #[test]
    fn no_text_makes_the_hub_panic(texts in proptest::collection::vec(".{0,60}", 1..40)) {
        let mut w = World::new();
        let (stranger, visitor, agent) = (w.open(), w.online("ada"), w.agent("grace"));
        for text in &texts {
            for conn in [stranger, visitor, agent] {
                w.text(conn, text);
            }
        }
    }
}
