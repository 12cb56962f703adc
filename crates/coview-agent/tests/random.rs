//! Whatever the server says, in whatever order: the agent never panics, keeps bounds, tells every
//! request one outcome and is in no session it has not joined.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test runs on std, and stops at what it does not expect"
)]

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use coview_agent::AgentArrival;
use coview_agent::AgentStateKind;
use coview_agent::AnyAgent;
use coview_agent::AnyPending;
use coview_agent::AnyRequestError;
use coview_agent::AnyStep;
use coview_agent::Applied;
use coview_agent::AskStatus;
use coview_agent::Change;
use coview_agent::Command;
use coview_agent::Connectivity;
use coview_agent::LinkClosed;
use coview_agent::SignInFacts;
use coview_agent::Watching;
use coview_agent::queue;
use coview_agent::queue::Peer;
use coview_agent::queue::QueueLink;
use coview_wire::AgentMessage;
use coview_wire::AgentNotice;
use coview_wire::AgentResumed;
use coview_wire::AgentRights;
use coview_wire::AgentSnapshot;
use coview_wire::AgentToken;
use coview_wire::Answered;
use coview_wire::AskEnded;
use coview_wire::AskFacts;
use coview_wire::AskId;
use coview_wire::AskOutcome;
use coview_wire::Asked;
use coview_wire::EndReason;
use coview_wire::Join;
use coview_wire::JoinWaiting;
use coview_wire::Joined;
use coview_wire::OfflineReason;
use coview_wire::Problem;
use coview_wire::RefusalCode;
use coview_wire::Refused;
use coview_wire::Renewed;
use coview_wire::RequestId;
use coview_wire::Roster;
use coview_wire::SessionId;
use coview_wire::SessionKey;
use coview_wire::TermsSeen;
use coview_wire::ViewEnded;
use coview_wire::ViewFacts;
use coview_wire::ViewGuests;
use coview_wire::VisitorCard;
use coview_wire::VisitorChanged;
use coview_wire::VisitorId;
use coview_wire::VisitorOffline;
use coview_wire::VisitorOnline;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::FileFailurePersistence;
use proptest::test_runner::TestRunner;
use smol::future::block_on;
use smol::future::poll_once;

/// What happens next in a run.
#[derive(Clone, Debug)]
enum Event {
    Arrives(AgentArrival),
    Applies(Command),
    Watches(Option<Watching>),
    Renews,
    /// Looks for a step, or polls the request.
    Looks,
    GivesUp,
    /// The server does what it would: grants what was asked last, lets a request or session go on.
    Grants(AskId, SessionId),
    /// The visitor is asked about the join that was asked for last, and lets the agent in or not.
    Holds,
    LetsIn(SessionId),
    KeepsOut(RefusalCode),
    Displays,
    Accepts(SessionId),
    Joins,
    Ends,
}

fn visitor() -> impl Strategy<Value = VisitorId> {
    (0..4_u8).prop_map(|n| VisitorId::new(format!("customer-{n}")).unwrap())
}

fn re() -> impl Strategy<Value = RequestId> {
    (0..12_u64).prop_map(RequestId::new)
}

fn ask() -> impl Strategy<Value = AskId> {
    (1..4_u64).prop_map(AskId::new)
}

fn session() -> impl Strategy<Value = SessionId> {
    (1..4_u64).prop_map(SessionId::new)
}

fn code() -> impl Strategy<Value = RefusalCode> {
    select(RefusalCode::ALL)
}

fn card() -> impl Strategy<Value = VisitorCard> {
    (visitor(), any::<bool>(), 0..3_u64).prop_map(|(visitor, busy, online_ms)| VisitorCard {
        busy,
        online_ms,
        ..queue::visitor_card(&visitor)
    })
}

fn asked() -> impl Strategy<Value = Asked> {
    (re(), ask()).prop_map(|(re, ask)| Asked { re, ask, expires_ms: 1 })
}

fn ask_ended() -> impl Strategy<Value = AskEnded> {
    let outcome = prop_oneof![Just(AskOutcome::Accepted), select(AskOutcome::ALL)];
    (ask(), outcome, option::of(session())).prop_map(|(ask, outcome, session)| AskEnded {
        ask,
        outcome,
        session,
    })
}

fn view() -> impl Strategy<Value = ViewFacts> {
    (session(), option::of(ask()), option::of(visitor()), 0..3_u32).prop_map(
        |(session, ask, visitor, count)| ViewFacts {
            session,
            ask,
            visitor,
            count,
            guests: Vec::new(),
        },
    )
}

fn view_ended() -> impl Strategy<Value = ViewEnded> {
    (session(), select(EndReason::ALL)).prop_map(|(session, reason)| ViewEnded { session, reason })
}

fn join_waiting() -> impl Strategy<Value = JoinWaiting> {
    re().prop_map(|re| JoinWaiting { re, expires_ms: 1 })
}

fn rights() -> impl Strategy<Value = AgentRights> {
    let visitors = option::weighted(0.2, prop::collection::vec(visitor(), 0..3));
    let manual_keys = prop::bool::weighted(0.9);
    (visitors, prop::bool::weighted(0.3), manual_keys).prop_map(
        |(visitors, view_only, manual_keys)| AgentRights {
            visitors,
            view_only,
            manual_keys,
            ..AgentRights::default()
        },
    )
}

fn snapshot() -> impl Strategy<Value = AgentSnapshot> {
    let answered = (re(), option::of(code())).prop_map(|(re, refused)| Answered { re, refused });
    let facts =
        (re(), ask(), visitor(), any::<bool>()).prop_map(|(re, ask, visitor, displayed)| {
            AskFacts { re, ask, visitor, displayed, expires_ms: 1 }
        });
    (
        option::of(re()),
        option::of(answered),
        option::of(facts),
        option::of(ask_ended()),
        option::of(join_waiting()),
        option::of(view()),
        option::of(view_ended()),
    )
        .prop_map(|(seen, answered, ask, ask_ended, joining, view, view_ended)| {
            AgentSnapshot { seen, answered, ask, ask_ended, joining, view, view_ended }
        })
}

fn notice() -> impl Strategy<Value = AgentNotice> {
    let roster =
        (option::of(re()), any::<bool>(), any::<bool>(), prop::collection::vec(card(), 0..4))
            .prop_map(|(re, first, more, visitors)| Roster { re, first, more, visitors });
    prop_oneof![
        1 => snapshot().prop_map(|snapshot| AgentResumed { re: RequestId::new(0), snapshot }.into()),
        1 => roster.prop_map(Into::into),
        1 => card().prop_map(|card| VisitorOnline { card }.into()),
        1 => card().prop_map(|card| VisitorChanged { card }.into()),
        1 => (visitor(), select(OfflineReason::ALL))
            .prop_map(|(visitor, reason)| VisitorOffline { visitor, reason }.into()),
        3 => asked().prop_map(Into::into),
        1 => ask().prop_map(|ask| TermsSeen { ask }.into()),
        3 => ask_ended().prop_map(Into::into),
        2 => join_waiting().prop_map(Into::into),
        1 => (re(), 0..3_u64, rights())
            .prop_map(|(re, expires_ms, rights)| Renewed { re, expires_ms, rights }.into()),
        3 => (option::of(re()), view()).prop_map(|(re, view)| Joined { re, view }.into()),
        1 => (session(), 0..3_u32).prop_map(|(session, count)| {
            ViewGuests { session, count, guests: Vec::new() }.into()
        }),
        1 => view_ended().prop_map(Into::into),
        1 => (re(), code()).prop_map(|(re, code)| Refused { re, code, explanation: None, retry_ms: None }.into()),
        1 => (option::of(re()), code())
            .prop_map(|(re, code)| Problem { re, code, explanation: None }.into()),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let key = SessionKey::parse("123 456 786").unwrap();
    let command = prop_oneof![
        3 => visitor().prop_map(Command::Ask),
        2 => Just(Command::Join(key)),
        3 => Just(Command::Knock(key)),
        1 => Just(Command::Cancel),
        1 => Just(Command::Withdraw),
        1 => Just(Command::Leave),
        4 => Just(Command::End),
    ];
    let watching = prop_oneof![
        Just(None),
        Just(Some(Watching::Group)),
        visitor().prop_map(|visitor| Some(Watching::Visitor(visitor))),
    ];
    let connectivity = select(vec![Connectivity::Connected, Connectivity::Reconnecting]);
    prop_oneof![
        60 => notice().prop_map(|notice| Event::Arrives(AgentArrival::Message(notice))),
        30 => Just(Event::Looks),
        15 => command.prop_map(Event::Applies),
        5 => watching.prop_map(Event::Watches),
        3 => connectivity.prop_map(|c| Event::Arrives(AgentArrival::Connectivity(c))),
        3 => Just(Event::GivesUp),
        2 => Just(Event::Renews),
        8 => Just(Event::Holds),
        8 => session().prop_map(Event::LetsIn),
        4 => code().prop_map(Event::KeepsOut),
        20 => (ask(), session()).prop_map(|(ask, session)| Event::Grants(ask, session)),
        5 => Just(Event::Displays),
        8 => session().prop_map(Event::Accepts),
        8 => Just(Event::Joins),
        5 => Just(Event::Ends),
        1 => Just(Event::Arrives(AgentArrival::Closed(LinkClosed::Gone))),
    ]
}

enum Run {
    Agent(AnyAgent<QueueLink>),
    Pending(AnyPending<QueueLink>),
}

/// What has been seen of a run, in lock-step with the agent.
#[derive(Default)]
struct Seen {
    /// What the app believes of who is online, from changes alone; `None` until it reads anew.
    believed: Option<BTreeMap<VisitorId, VisitorCard>>,
    joined: Vec<SessionId>,
    accepted: Vec<AskId>,
    last_number: u64,
    /// The request said last, the id it was granted under and the session it led to.
    request: Option<AgentMessage>,
    /// The join the visitor is asked about.
    held: Option<RequestId>,
    ask: Option<AskId>,
    session: Option<SessionId>,
    status: AskStatus,
    reached: BTreeSet<&'static str>,
}

impl Seen {
    fn hears(&mut self, arrival: &AgentArrival) {
        let AgentArrival::Message(notice) = arrival else { return };
        if let AgentNotice::Joined(joined) = notice {
            self.joined.push(joined.view.session);
        }
        if let AgentNotice::AskEnded(AskEnded { ask, outcome: AskOutcome::Accepted, .. }) = notice {
            self.accepted.push(*ask);
        }
        if let AgentNotice::Resumed(resumed) = notice {
            let snapshot = &resumed.snapshot;
            self.joined.extend(snapshot.view.as_ref().map(|view| view.session));
            self.accepted.extend(snapshot.view.as_ref().and_then(|view| view.ask));
            self.accepted.extend(
                snapshot.ask_ended.filter(|e| e.outcome == AskOutcome::Accepted).map(|e| e.ask),
            );
        }
    }

    fn said(&mut self, peer: &mut Peer) {
        while let Some(message) = peer.said() {
            let re = match &message {
                AgentMessage::Renew(m) => m.re,
                AgentMessage::Watch(m) => m.re,
                AgentMessage::Unwatch(m) => m.re,
                AgentMessage::Ask(m) => m.re,
                AgentMessage::Withdraw(m) => m.re,
                AgentMessage::Join(m) => m.re,
                AgentMessage::Leave(m) => m.re,
                AgentMessage::EndSession(m) => m.re,
                AgentMessage::Eject(m) => m.re,
                AgentMessage::SignIn(_)
                | AgentMessage::Resume(_)
                | AgentMessage::Ping(_)
                | AgentMessage::Bye(_) => panic!("not the agent's to say"),
            };
            if matches!(message, AgentMessage::Ask(_) | AgentMessage::Join(_)) {
                self.request = Some(message);
            }
            self.last_number += 1;
            assert_eq!(re.get(), self.last_number, "numbers only grow, by one");
        }
    }

    /// What a server that keeps the protocol would say.
    fn plausible(&mut self, event: &Event) -> Option<AgentNotice> {
        let view =
            |session, ask| ViewFacts { session, ask, visitor: None, count: 1, guests: Vec::new() };
        Some(match event {
            Event::Grants(ask, session) => match self.request.take()? {
                AgentMessage::Ask(m) => {
                    (self.ask, self.session) = (Some(*ask), None);
                    Asked { re: m.re, ask: *ask, expires_ms: 1 }.into()
                }
                AgentMessage::Join(m) => {
                    self.session = Some(*session);
                    Joined { re: Some(m.re), view: view(*session, None) }.into()
                }
                other => panic!("{other:?} is not asked for"),
            },
            Event::Holds => match self.request.take()? {
                AgentMessage::Join(Join { re, .. }) => {
                    self.held = Some(re);
                    JoinWaiting { re, expires_ms: 1 }.into()
                }
                other => {
                    self.request = Some(other);
                    return None;
                }
            },
            Event::LetsIn(session) => {
                self.session = Some(*session);
                Joined { re: Some(self.held.take()?), view: view(*session, None) }.into()
            }
            Event::KeepsOut(code) => {
                let (re, code) = (self.held.take()?, *code);
                Refused { re, code, explanation: None, retry_ms: None }.into()
            }
            Event::Displays => TermsSeen { ask: self.ask? }.into(),
            Event::Accepts(session) => {
                self.session = Some(*session);
                let (outcome, session) = (AskOutcome::Accepted, Some(*session));
                AskEnded { ask: self.ask?, outcome, session }.into()
            }
            Event::Joins => Joined { re: None, view: view(self.session?, Some(self.ask?)) }.into(),
            Event::Ends => ViewEnded { session: self.session?, reason: EndReason::Visitor }.into(),
            Event::Arrives(_)
            | Event::Applies(_)
            | Event::Watches(_)
            | Event::Renews
            | Event::Looks
            | Event::GivesUp => return None,
        })
    }

    fn steps(&mut self, before: AgentStateKind, step: AnyStep<QueueLink>) -> Option<Run> {
        use AgentStateKind as S;
        self.reached.insert(match step {
            AnyStep::Accepted(_) => "accepted",
            AnyStep::AskOver(..) => "over",
            AnyStep::LetIn(_) => "let in",
            AnyStep::KeptOut(..) => "kept out",
            AnyStep::SessionEnded(..) => "ended",
            AnyStep::Changed(..) => "changed",
            AnyStep::Closed(_) => "closed",
        });
        let agent = match step {
            AnyStep::Accepted(agent) => {
                assert_eq!((before, agent.state()), (S::Requesting, S::Viewing));
                assert!(!self.accepted.is_empty(), "nobody accepted");
                agent
            }
            AnyStep::AskOver(agent, outcome) => {
                assert_eq!((before, agent.state()), (S::Requesting, S::SignedIn));
                assert_ne!(outcome, AskOutcome::Accepted, "that is a session, not an end");
                agent
            }
            AnyStep::LetIn(agent) => {
                assert_eq!((before, agent.state()), (S::Joining, S::Viewing));
                agent
            }
            AnyStep::KeptOut(agent, _) => {
                assert_eq!((before, agent.state()), (S::Joining, S::SignedIn));
                agent
            }
            AnyStep::SessionEnded(agent, _) => {
                assert_eq!((before, agent.state()), (S::Viewing, S::SignedIn));
                agent
            }
            AnyStep::Changed(agent, change) => {
                assert_eq!(before, agent.state());
                self.changes(&agent, change);
                agent
            }
            AnyStep::Closed(reason) => {
                assert_eq!((before, reason), (S::SignedIn, LinkClosed::Gone));
                return None;
            }
        };
        if agent.state() != S::Requesting {
            self.status = AskStatus::Sent;
        }
        Some(Run::Agent(agent))
    }

    fn changes(&mut self, agent: &AnyAgent<QueueLink>, change: Change) {
        let roster = agent.roster();
        match change {
            Change::Roster => self.believed = Some(roster.clone()),
            Change::VisitorOnline(id) => {
                if let (Some(believed), Some(card)) = (&mut self.believed, roster.get(&id)) {
                    assert!(believed.insert(id, card.clone()).is_none(), "known already");
                }
            }
            Change::VisitorChanged(id) => {
                if let (Some(believed), Some(card)) = (&mut self.believed, roster.get(&id)) {
                    assert!(believed.insert(id, card.clone()).is_some(), "not known yet");
                }
            }
            Change::VisitorOffline(id, _) => {
                assert!(!roster.contains_key(&id));
                if let Some(believed) = &mut self.believed {
                    assert!(believed.remove(&id).is_some(), "gone already");
                }
            }
            Change::Status(status) => {
                assert_eq!(agent.state(), AgentStateKind::Requesting);
                assert!(status > self.status, "a request only comes further");
                self.status = status;
            }
            Change::Guests(_) => assert_eq!(agent.state(), AgentStateKind::Viewing),
            Change::Connectivity(connectivity) => assert_eq!(agent.connectivity(), connectivity),
            Change::Renewed | Change::NotRenewed(_) => {
                self.reached.insert(match change {
                    Change::Renewed => "renewed",
                    _ => "not renewed",
                });
            }
            Change::Problem(_) => {}
            _ => panic!("a change this test does not know"),
        }
    }

    /// Nothing is due: the app knows all there is.
    fn rests(&self, agent: &AnyAgent<QueueLink>) {
        if let Some(believed) = &self.believed
            && agent.roster_is_complete()
        {
            assert_eq!(believed, agent.roster(), "the changes add up to the roster");
        }
    }

    fn holds(&self, agent: &AnyAgent<QueueLink>) {
        assert!(agent.roster().len() <= 4);
        assert!(agent.watching().is_some() || agent.roster().is_empty());
        if let Some(session) = agent.session() {
            assert!(self.joined.contains(&session), "in a session without having joined");
        }
    }
}

fn look(run: Run, seen: &mut Seen) -> Option<Run> {
    let next = match run {
        Run::Agent(agent) => {
            let before = agent.state();
            let mut next = agent.next();
            match block_on(poll_once(&mut next)) {
                Some(step) => return seen.steps(before, step),
                None => {
                    let agent = next.into_agent().unwrap();
                    seen.rests(&agent);
                    Run::Agent(agent)
                }
            }
        }
        Run::Pending(mut pending) => match block_on(poll_once(&mut pending)) {
            None => Run::Pending(pending),
            Some(Ok(agent)) => {
                seen.reached.insert("granted");
                Run::Agent(agent)
            }
            Some(Err(AnyRequestError::Refused { agent, .. })) => {
                seen.reached.insert("refused");
                assert_eq!(agent.state(), AgentStateKind::SignedIn);
                Run::Agent(agent)
            }
            Some(Err(AnyRequestError::Closed(_))) => return None,
        },
    };
    Some(next)
}

fn happens(run: Run, event: Event, peer: &mut Peer, seen: &mut Seen) -> Option<Run> {
    Some(match (event, run) {
        (Event::Arrives(arrival), run) => {
            seen.hears(&arrival);
            peer.arrive(arrival);
            run
        }
        (Event::Looks, run) => look(run, seen)?,
        (Event::Applies(command), Run::Agent(agent)) => match agent.apply(command) {
            Ok(Applied::Now(agent)) => {
                assert_eq!(agent.state(), AgentStateKind::SignedIn);
                seen.status = AskStatus::Sent;
                Run::Agent(agent)
            }
            Ok(Applied::Pending(pending)) => Run::Pending(pending),
            Ok(Applied::Refused(agent, reason)) => {
                assert_eq!(reason, RefusalCode::NotAllowed);
                assert!(agent.rights().view_only);
                seen.reached.insert("not allowed");
                Run::Agent(agent)
            }
            Err(misuse) => Run::Agent(misuse.into_agent()),
        },
        (Event::Watches(whom), Run::Agent(mut agent)) => {
            match whom {
                Some(whom) => agent.watch(whom),
                None => {
                    agent.unwatch();
                    seen.believed = None;
                }
            }
            Run::Agent(agent)
        }
        (Event::Renews, Run::Agent(mut agent)) => {
            agent.renew(AgentToken::new("a newer one").unwrap());
            Run::Agent(agent)
        }
        (Event::GivesUp, Run::Pending(pending)) => {
            let agent = pending.into_agent().unwrap();
            assert_eq!(agent.state(), AgentStateKind::SignedIn);
            Run::Agent(agent)
        }
        (Event::Applies(_) | Event::Watches(_) | Event::Renews | Event::GivesUp, run) => run,
        (event, run) => {
            if let Some(notice) = seen.plausible(&event) {
                let arrival = AgentArrival::Message(notice);
                seen.hears(&arrival);
                peer.arrive(arrival);
            }
            run
        }
    })
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 1024 },
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../proptest-regressions/agent.txt"
        )))),
        ..ProptestConfig::default()
    }
}

fn play(events: Vec<Event>) -> Seen {
    // Every third agent begins with a token that lets it view only.
    let rights =
        AgentRights { view_only: events.len().is_multiple_of(3), ..AgentRights::default() };
    let (agent, mut peer) = queue::agent_with(SignInFacts { rights, ..queue::facts() });
    let mut run = Run::Agent(agent.into());
    let mut seen = Seen::default();
    for event in events {
        let Some(next) = happens(run, event, &mut peer, &mut seen) else { return seen };
        run = next;
        seen.said(&mut peer);
        if let Run::Agent(agent) = &run {
            seen.holds(agent);
        }
    }
    // Whatever has happened, the end of the link ends everything within a few steps.
    peer.close(LinkClosed::Gone);
    for _ in 0..32 {
        match look(run, &mut seen) {
            Some(next) => run = next,
            None => return seen,
        }
    }
    panic!("the agent outlives its link");
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(event(), 1..120)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_arrives_in_whatever_order(events in events()) {
        play(events);
    }
}

/// Runs that stayed in one corner would prove nothing.
#[test]
fn the_runs_get_everywhere() {
    let mut runner = TestRunner::deterministic();
    let mut reached = BTreeMap::<&str, u32>::new();
    for _ in 0..512 {
        for place in play(events().new_tree(&mut runner).unwrap().current()).reached {
            *reached.entry(place).or_default() += 1;
        }
    }
    for place in [
        "accepted",
        "over",
        "let in",
        "kept out",
        "ended",
        "changed",
        "renewed",
        "not renewed",
        "not allowed",
        "closed",
        "granted",
        "refused",
    ] {
        assert!(reached.get(place).is_some_and(|runs| *runs >= 10), "{place}: {reached:?}");
    }
}
