//! A hundred thousand messages that make no sense, or nearly none: right ones at the wrong time, with
//! ids of others and of the other group, and broken ones; said by everybody in every state.
//!
//! Whatever is said in one group, nobody in the other hears of it, nothing panics, and when all
//! connections are closed nothing is left.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test runs with std and may panic"
)]

mod harness;

use std::collections::BTreeSet;

use coview_hub::*;
use coview_wire::*;
use harness::proof::*;
use harness::*;

/// How many messages are said in each state. There are 21.
const MESSAGES: usize = 5_000;

/// Who speaks, and how things stand with it.
#[derive(Clone, Copy, Debug)]
enum Speaker {
    Stranger,
    Anonymous,
    Identified,
    Online,
    TermsRequested,
    TermsShown,
    /// The terms are accepted, and the start has not come.
    Accepted,
    SharingAnonymous,
    SharingIdentified,
    SharingOnline,
    SharingOneClick,
    ConfirmingAnonymous,
    ConfirmingIdentified,
    ConfirmingOnline,
    SignedIn,
    Watching,
    Asking,
    Expecting,
    Joining,
    Viewing,
    Overdue,
}

/// Numbers as they come: each run is the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        // Xorshift: it is only a matter of getting around.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % sides.max(1)
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.roll(times) == 0
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.roll(all.len()))
    }

    fn number(&mut self) -> u64 {
        const ODD: [u64; 6] = [0, 1, 2, u32::MAX as u64, (1 << 53) + 1, u64::MAX];
        ODD[self.roll(ODD.len())]
    }
}

/// What a group's people are called, and what they were told.
#[derive(Default)]
struct Known {
    numbers: Vec<u64>,
    keys: Vec<SessionKey>,
    secrets: Vec<String>,
}

impl Known {
    /// Everything that anybody was told: ids, keys and resume secrets, of both groups.
    fn of(w: &World) -> Self {
        let mut numbers = BTreeSet::new();
        let mut known = Self::default();
        for (_, text) in &w.texts {
            for name in ["ask", "session", "join", "start", "presence"] {
                let field = format!("\"{name}\":");
                let of_name = text.split(&field).skip(1);
                let digits = |rest: &str| {
                    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                    rest[..end].parse::<u64>().ok()
                };
                numbers.extend(of_name.filter_map(digits));
            }
            let quoted = |name: &str| {
                let rest = text.split_once(&format!("\"{name}\":\""))?.1;
                Some(rest.split('"').next().unwrap_or_default().to_owned())
            };
            known.keys.extend(quoted("key").and_then(|key| SessionKey::parse(&key).ok()));
            known.secrets.extend(quoted("secret"));
        }
        known.numbers = numbers.into_iter().collect();
        known
    }

    fn number(&self, dice: &mut Dice) -> u64 {
        let known = if dice.one_in(4) { None } else { dice.of(&self.numbers).copied() };
        known.unwrap_or_else(|| dice.number())
    }
}

/// Sets up somebody in this state, and whoever that takes, in this group. The speaker is returned.
fn set_up(w: &mut World, group: &str, speaker: Speaker) -> ConnId {
    let agent = |w: &mut World| w.signed_in(&Claims::agent("grace").group(group));
    let shares = |w: &mut World, visitor: ConnId| {
        let agent = agent(w);
        let (_, _, key) = w.share(visitor);
        w.join(agent, key);
        (visitor, agent)
    };
    let asks = |w: &mut World| {
        let (visitor, agent) = (w.proved_online_in(group, "ada"), agent(w));
        let ask = w.asked(agent, visitor, "ada");
        (visitor, agent, ask)
    };
    let accepts = |w: &mut World| {
        let (visitor, agent, ask) = asks(w);
        w.displayed(visitor, ask);
        w.accept(visitor, ask);
        (visitor, agent, ask)
    };
    match speaker {
        Speaker::Stranger => w.open(),
        Speaker::Anonymous => w.visitor_in(group),
        Speaker::Identified => w.proved(&Claims::visitor("ada").group(group)),
        Speaker::Online => w.proved_online_in(group, "ada"),
        Speaker::TermsRequested => asks(w).0,
        Speaker::TermsShown => {
            let (visitor, _, ask) = asks(w);
            w.displayed(visitor, ask);
            visitor
        }
        Speaker::Accepted => accepts(w).0,
        Speaker::SharingAnonymous | Speaker::ConfirmingAnonymous => {
            let visitor = w.visitor_in(group);
            shares(w, visitor).0
        }
        Speaker::SharingIdentified | Speaker::ConfirmingIdentified => {
            let visitor = w.proved(&Claims::visitor("ada").group(group));
            shares(w, visitor).0
        }
        Speaker::SharingOnline | Speaker::ConfirmingOnline => {
            let visitor = w.proved_online_in(group, "ada");
            shares(w, visitor).0
        }
        Speaker::SharingOneClick => {
            let (visitor, _, ask) = accepts(w);
            w.start(visitor, StartBy::VisitorId { ask });
            visitor
        }
        Speaker::SignedIn => agent(w),
        Speaker::Watching => {
            w.proved_online_in(group, "ada");
            let agent = agent(w);
            w.watch(agent, None);
            agent
        }
        Speaker::Asking => asks(w).1,
        Speaker::Expecting => accepts(w).1,
        Speaker::Joining | Speaker::Viewing => {
            let visitor = w.proved_online_in(group, "ada");
            shares(w, visitor).1
        }
        Speaker::Overdue => {
            let visitor = w.visitor_in(group);
            let agent = w.signed_in(&Claims::agent("grace").group(group).expires(60));
            let (_, _, key) = w.share(visitor);
            w.join(agent, key);
            agent
        }
    }
}

impl Speaker {
    const ALL: [Self; 21] = [
        Self::Stranger,
        Self::Anonymous,
        Self::Identified,
        Self::Online,
        Self::TermsRequested,
        Self::TermsShown,
        Self::Accepted,
        Self::SharingAnonymous,
        Self::SharingIdentified,
        Self::SharingOnline,
        Self::SharingOneClick,
        Self::ConfirmingAnonymous,
        Self::ConfirmingIdentified,
        Self::ConfirmingOnline,
        Self::SignedIn,
        Self::Watching,
        Self::Asking,
        Self::Expecting,
        Self::Joining,
        Self::Viewing,
        Self::Overdue,
    ];

    const fn confirms(self) -> bool {
        matches!(
            self,
            Self::ConfirmingAnonymous
                | Self::ConfirmingIdentified
                | Self::ConfirmingOnline
                | Self::Joining
        )
    }
}

/// A message of either side that can be read, with ids that somebody knows and some that nobody does.
fn message(dice: &mut Dice, known: &Known, last: &mut u64) -> String {
    // Mostly a new number, so that the message is acted on.
    let number = match dice.roll(16) {
        0 => 0,
        1 => *last,
        _ => {
            *last += 1;
            *last
        }
    };
    let re = RequestId::new(number);
    let names = ["ada", "bob", "customer-42"];
    let visitor = visitor_id(names[dice.roll(names.len())]);
    let groups = [GROUP, OTHER_GROUP, "nobody"];
    let group_name = groups[dice.roll(groups.len())];
    let agent = AgentId::new(["grace", "joan"][dice.roll(2)]).unwrap();
    let claims = match dice.roll(3) {
        0 => Claims::agent(agent.as_str()),
        1 => Claims::visitor(visitor.as_str()),
        _ => Claims::visitor("ada").forged(),
    };
    let claims = claims.group(group_name);
    let ask = AskId::new(known.number(dice));
    let session = SessionId::new(known.number(dice));
    let start = StartId::new(if dice.one_in(2) { *last } else { known.number(dice) });
    let join = JoinId::new(known.number(dice));
    let maybe = dice.one_in(2);
    let group = group(group_name);
    let key = dice.of(&known.keys).copied().unwrap_or_else(|| wrong_key(7));
    let secret = dice.of(&known.secrets).map_or("1.0", |secret| secret);
    let secret = ResumeSecret::new(secret).unwrap();
    let from_visitor: ClientMessage = match dice.roll(30) {
        0 => {
            let (token, profile, app) = (None, Profile::new(), AppState::Active);
            Hello { re, version: 1, group, token, profile, app }.into()
        }
        1 => Resume { re, version: 1, group, secret }.into(),
        2 => {
            let assertion = maybe.then(|| claims.assertion());
            Identify { re, visitor, assertion, profile: None }.into()
        }
        3 => LogOut { re }.into(),
        4 => PresenceConnect { re, data: PresenceData::new() }.into(),
        5 => {
            let data = PresencePatch::new().set("page", "/").unwrap();
            PresenceUpdate { re, data }.into()
        }
        6 => PresenceDisconnect { re }.into(),
        7 => AppMoved { re, app: AppState::Background }.into(),
        8 => TermsDisplayed { re, ask }.into(),
        9 => TermsAccepted { re, ask }.into(),
        10 => TermsDeclined { re, ask }.into(),
        11 => SessionStart { re, start, by: StartBy::RandomKey }.into(),
        12 => SessionStart { re, start, by: StartBy::VisitorId { ask } }.into(),
        13 => SessionEnd { re, start }.into(),
        14 => JoinConfirmed { re, join }.into(),
        15 => JoinDeclined { re, join }.into(),
        16 => Ping {}.into(),
        17 if dice.one_in(8) => Bye {}.into(),
        _ => {
            let from_agent: AgentMessage = match dice.roll(13) {
                0 => SignIn { re, version: 1, group, token: claims.token() }.into(),
                1 => Renew { re, token: claims.token() }.into(),
                2 => Resume { re, version: 1, group, secret }.into(),
                3 => Watch { re, visitor: maybe.then_some(visitor) }.into(),
                4 => Unwatch { re }.into(),
                5 => Ask { re, visitor }.into(),
                6 => Withdraw { re, ask: maybe.then_some(ask) }.into(),
                7 | 8 => Join { re, key }.into(),
                9 => Leave { re, session: maybe.then_some(session) }.into(),
                10 => EndSession { re, session }.into(),
                11 => Eject { re, session, agent }.into(),
                _ => Ping {}.into(),
            };
            return from_agent.encode();
        }
    };
    from_visitor.encode()
}

/// Breaks a message in one of the ways texts break, or are broken.
fn broken(dice: &mut Dice, text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let at = dice.roll(bytes.len());
    match dice.roll(12) {
        0 => bytes[at] ^= 1 << dice.roll(7),
        1 => bytes.truncate(at),
        2 => drop(bytes.drain(at..(at + dice.roll(9)).min(text.len()))),
        3 => {
            let piece = bytes[at..(at + dice.roll(40)).min(text.len())].to_vec();
            bytes.splice(at..at, piece);
        }
        4 => {
            const MARKS: [&str; 12] =
                ["\"", "{", "}", "[", "]", ",", ":", "\\", "null", "\u{0}", "\\ud800", "\u{202e}"];
            bytes.splice(at..at, MARKS[dice.roll(MARKS.len())].bytes());
        }
        5 => {
            const NUMBERS: [&str; 7] =
                ["-1", "1e400", "18446744073709551616", "0.5", "\"7\"", "true", "9007199254740993"];
            let number = NUMBERS[dice.roll(NUMBERS.len())];
            let digits: Vec<usize> =
                text.match_indices(|c: char| c.is_ascii_digit()).map(|it| it.0).collect();
            if let Some(at) = dice.of(&digits) {
                bytes.splice(*at..=*at, number.bytes());
            }
        }
        6 => {
            let depth = [10, 200, 5_000][dice.roll(3)];
            let deep = format!("{{\"t\":\"ask\",\"re\":1,\"visitor\":{}1", "[".repeat(depth));
            bytes = deep.into_bytes();
        }
        7 => {
            let long = "x".repeat(limits::MESSAGE_BYTES / (1 + dice.roll(3)));
            bytes.splice(at..at, long.bytes());
        }
        // A second field of the same name.
        8 => drop(bytes.splice(1..1, *b"\"t\":\"hello\",\"re\":1,\"group\":\"67890\",")),
        9 => bytes = (0..dice.roll(64)).map(|_| dice.roll(256) as u8).collect(),
        10 => bytes = format!("[{text}]").into_bytes(),
        _ => bytes = [text.as_bytes(), text.as_bytes()].concat(),
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Something binary: right, wrong and broken.
fn binary(dice: &mut Dice, known: &Known) -> Vec<u8> {
    let session = SessionId::new(known.number(dice));
    let viewer = ViewerId::new(dice.roll(4) as u32);
    let mut bytes = match dice.roll(5) {
        0 => Picture::encode(session, &[viewer], b"picture"),
        1 => ViewerSignal { session, says: ViewerSays::Refresh }.encode(),
        2 => ViewerNotice { session, viewer, event: ViewerEvent::Joined }.encode().to_vec(),
        3 => MaskNotice { session, state: MaskState::Known { areas: 2 } }.encode(),
        _ => (0..dice.roll(40)).map(|_| dice.roll(256) as u8).collect(),
    };
    if dice.one_in(2) && !bytes.is_empty() {
        let at = dice.roll(bytes.len());
        bytes[at] = dice.roll(256) as u8;
    }
    bytes
}

/// Tells what was said last, should anything panic.
struct Said(Speaker, Vec<String>);

impl Drop for Said {
    #[expect(clippy::print_stdout, reason = "shown with the failure of the test, and only then")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let last = self.1.iter().rev().take(100).rev().cloned().collect::<Vec<_>>().join("\n");
            println!("{:?} said:\n{}", self.0, last.chars().take(20_000).collect::<String>());
        }
    }
}

fn of_other_group(event: &Event) -> bool {
    format!("{event}").contains(&format!("group={OTHER_GROUP}"))
}

/// What must hold of the numbers after every message.
fn in_order(stats: &Stats) {
    assert!(stats.visitors_online <= stats.visitors_identified, "{stats:?}");
    assert!(stats.visitors_identified <= stats.visitors, "{stats:?}");
    assert!(stats.agents_watching <= stats.agents, "{stats:?}");
    assert!(stats.viewers <= stats.agents, "{stats:?}");
    assert!(stats.asks <= stats.agents && stats.asks <= stats.visitors_online, "{stats:?}");
    assert!(stats.keys <= stats.sessions && stats.sessions <= stats.visitors, "{stats:?}");
}

/// Says so many messages in this state, in one life of a server, and takes everything down.
/// Returns how many were said.
fn one_life(speaker: Speaker, dice: &mut Dice, most: usize) -> usize {
    let mut w = World::strict_with(|group| group.confirm_join = speaker.confirms());
    // In the other group things stand the same, with the same names.
    let twin = set_up(&mut w, OTHER_GROUP, speaker);
    let bystander = w.proved_online_in(OTHER_GROUP, "bob");
    let theirs: BTreeSet<ConnId> = (1..=bystander.get()).map(ConnId::new).collect();
    assert!(theirs.contains(&twin));
    let mut mine = set_up(&mut w, GROUP, speaker);
    w.proved_online("bob");
    if let Speaker::Overdue = speaker {
        w.pass(secs(61));
    }
    match dice.roll(8) {
        0 => w.input(Input::Records { healthy: false }),
        1 => w.input(Input::Drain),
        _ => {}
    }
    let known = Known::of(&w);
    let mut said = Said(speaker, Vec::new());
    let mut last = 50;
    let wanted = 1 + dice.roll(most.min(80));
    for count in 0..wanted {
        let (texts, events) = (w.texts.len(), w.events.len());
        if dice.one_in(12) {
            let bytes = binary(dice, &known);
            said.1.push(format!("{bytes:02x?}"));
            w.input(Input::Binary { conn: mine, bytes: &bytes });
        } else {
            let mut text = message(dice, &known, &mut last);
            while dice.one_in(2) {
                text = broken(dice, &text);
                if text.is_empty() {
                    break;
                }
            }
            said.1.push(text.clone());
            w.text(mine, &text);
        }
        // A connection that belongs to nobody yet may go to the other group, if it names it; with the
        // secret of somebody there it is that one. The story ends there.
        let moved = w.events[events..].iter().any(|event| {
            let took = matches!(event, Event::VisitorResumed { .. } | Event::AgentResumed { .. });
            let came = matches!(event, Event::VisitorArrived { .. } | Event::AgentSignedIn { .. });
            (took || came) && of_other_group(event)
        });
        if moved && said.1.last().is_some_and(|text| text.contains(OTHER_GROUP)) {
            return count + 1;
        }
        for (conn, text) in &w.texts[texts..] {
            assert!(!theirs.contains(conn), "the other group heard {text}");
        }
        for event in &w.events[events..] {
            let refused = matches!(event, Event::Refused { .. } | Event::TokenRefused { .. });
            assert!(refused || !of_other_group(event), "in the other group: {event}");
        }
        in_order(&w.hub.stats());
        if w.closed.contains_key(&mine) {
            if dice.one_in(2) {
                break;
            }
            mine = w.open();
        }
    }
    let count = said.1.len();
    if dice.one_in(2) {
        w.input(Input::Shutdown);
    } else {
        for number in 1..=w.open().get() {
            w.drop_conn(ConnId::new(number));
        }
        w.pass_in_silence(secs(310));
    }
    let stats = w.hub.stats();
    let left = [
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
    assert_eq!(left, [0; 11], "something is left");
    count
}

#[test]
fn a_hundred_thousand_messages_in_every_state_break_nothing_and_reach_no_other_group() {
    let mut dice = Dice(0x5EED_C0DE);
    for speaker in Speaker::ALL {
        let mut said = 0;
        while said < MESSAGES {
            said += one_life(speaker, &mut dice, MESSAGES - said);
        }
    }
    assert!(MESSAGES * Speaker::ALL.len() >= 100_000);
}
