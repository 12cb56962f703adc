//! Random stories against a small reference model: commands, answers, news that is valid, late,
//! repeated or forged, reconnects and closed links, in any order.
//!
//! The model knows ids only and is told what the visitor does and hears. After each event the
//! visitor must be where the model says, and these hold in every story:
//!
//! 1. a key is displayed ⇒ the session that runs was started manually by this visitor, and the key
//!    is that session's;
//! 2. *accepted* is never said before *displayed*, and never twice for one request;
//! 3. after *declined* or *withdrawn* there is no one-click start for that request;
//! 4. the group never changes;
//! 5. the state changes only along the edges of the table;
//! 6. an agent who waits to be let in is answered once, after the app was told, while the wait stands.

use std::collections::BTreeMap;

use coview_lifecycle::AnyPending;
use coview_lifecycle::AnyRequestError;
use coview_lifecycle::AnyStep;
use coview_lifecycle::Applied;
use coview_lifecycle::Arrival;
use coview_lifecycle::Connectivity;
use coview_lifecycle::KeyDisplay;
use coview_lifecycle::LinkClosed;
use coview_lifecycle::ScreenPass;
use coview_lifecycle::StateKind;
use coview_lifecycle::queue;
use coview_lifecycle::queue::Peer;
use coview_lifecycle::queue::QueueLink;
use coview_lifecycle::queue::QueuePipe;
use coview_lifecycle::table;
use coview_lifecycle::table::Trigger;
use coview_wire::AppState;
use coview_wire::ClientMessage;
use coview_wire::EndReason;
use coview_wire::Identified;
use coview_wire::PresenceFacts;
use coview_wire::PresenceId;
use coview_wire::RefusalCode;
use coview_wire::RequestId;
use coview_wire::ServerMessage;
use coview_wire::SessionId;
use coview_wire::SessionKey;
use coview_wire::Snapshot;
use coview_wire::StartBy;
use coview_wire::StartId;
use coview_wire::VisitorAssertion;
use coview_wire::WithdrawReason;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use crate::support::*;

#[derive(Clone, Debug)]
enum Event {
    /// The app calls a verb that is possible, or any verb.
    Verb(prop::sample::Index),
    Command(usize),
    /// The app gives a pending request up, or looks for news.
    GiveUp,
    Look,
    Moved(AppState),
    /// The server answers the request that waits.
    Answer {
        yes: bool,
        key: bool,
        focused: bool,
    },
    /// The server answers a request that was given up.
    AnswersLate(prop::sample::Index),
    /// The server says something true.
    Asks,
    Withdraws,
    EndsSession,
    LosesPresence,
    Guests(u32),
    Joins,
    WithdrawsJoin,
    /// The app hands over a newer assertion.
    Refreshes,
    /// The connection breaks and comes back: what was on its way is lost.
    Resumes {
        fresh: bool,
        heard: bool,
        keeps_ask: bool,
        keeps_session: bool,
    },
    Connectivity(Connectivity),
    /// Something arrives again.
    Again(prop::sample::Index),
    /// Something arrives that is about nothing in particular.
    Forged(Forged),
    Closes,
}

#[derive(Clone, Debug)]
enum Forged {
    Identified(u64),
    PresenceConnected(u64, u64),
    Connected(u64, u64, u64),
    Refused(u64),
    PresenceLost(u64),
    Focus(u64),
    Asks(u64),
    Withdraws(u64),
    Guests(u64),
    Joins(u64, u64),
    JoinWithdraws(u64),
    Ended(u64, u64),
}

fn any_event() -> impl Strategy<Value = Event> {
    let small = 0..8u64;
    let two = (small.clone(), small.clone());
    let forged = prop_oneof![
        small.clone().prop_map(Forged::Identified),
        two.clone().prop_map(|(re, presence)| Forged::PresenceConnected(re, presence)),
        (small.clone(), small.clone(), small.clone())
            .prop_map(|(re, start, session)| Forged::Connected(re, start, session)),
        small.clone().prop_map(Forged::Refused),
        small.clone().prop_map(Forged::PresenceLost),
        small.clone().prop_map(Forged::Focus),
        small.clone().prop_map(Forged::Asks),
        small.clone().prop_map(Forged::Withdraws),
        small.clone().prop_map(Forged::Guests),
        two.clone().prop_map(|(session, join)| Forged::Joins(session, join)),
        small.clone().prop_map(Forged::JoinWithdraws),
        two.prop_map(|(start, session)| Forged::Ended(start, session)),
    ];
    let connectivity = prop_oneof![
        Just(Connectivity::Connected),
        Just(Connectivity::Reconnecting),
        Just(Connectivity::Parked)
    ];
    prop_oneof![
        20 => any::<prop::sample::Index>().prop_map(Event::Verb),
        4 => (0..commands().len()).prop_map(Event::Command),
        3 => Just(Event::GiveUp),
        12 => Just(Event::Look),
        1 => prop_oneof![Just(AppState::Active), Just(AppState::Background)].prop_map(Event::Moved),
        20 => (prop::bool::weighted(0.8), prop::bool::weighted(0.9), any::<bool>())
            .prop_map(|(yes, key, focused)| Event::Answer { yes, key, focused }),
        3 => any::<prop::sample::Index>().prop_map(Event::AnswersLate),
        6 => Just(Event::Asks),
        2 => Just(Event::Withdraws),
        3 => Just(Event::EndsSession),
        2 => Just(Event::LosesPresence),
        1 => (0..3u32).prop_map(Event::Guests),
        6 => Just(Event::Joins),
        2 => Just(Event::WithdrawsJoin),
        1 => Just(Event::Refreshes),
        4 => (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
            |(fresh, heard, keeps_ask, keeps_session)| Event::Resumes {
                fresh: fresh && !heard,
                heard,
                keeps_ask,
                keeps_session,
            }
        ),
        1 => connectivity.prop_map(Event::Connectivity),
        4 => any::<prop::sample::Index>().prop_map(Event::Again),
        8 => forged.prop_map(Event::Forged),
        1 => prop::bool::weighted(0.1).prop_map(|closes| if closes {
            Event::Closes
        } else {
            Event::Look
        }),
    ]
}

/// A story that begins in any of the states, so that the later ones are not rare.
fn any_story() -> impl Strategy<Value = (StateKind, Vec<Event>)> {
    (prop::sample::select(&StateKind::ALL), prop::collection::vec(any_event(), 1..120))
}

/// The shortest way to a state.
fn way_to(state: StateKind) -> Vec<Event> {
    const YES: Event = Event::Answer { yes: true, key: true, focused: true };
    const IDENTIFY: [Event; 2] = [Event::Command(0), YES];
    const CONNECT: [Event; 2] = [Event::Command(1), YES];
    const START: [Event; 2] = [Event::Command(2), YES];
    const ASKED: [Event; 2] = [Event::Asks, Event::Look];
    const JOINED: [Event; 2] = [Event::Joins, Event::Look];
    const SHOW: [Event; 1] = [Event::Command(3)];
    const ACCEPT: [Event; 2] = [Event::Command(4), YES];
    let way: &[&[Event]] = match state {
        StateKind::Anonymous => &[],
        StateKind::Identified => &[&IDENTIFY],
        StateKind::PresenceConnected => &[&IDENTIFY, &CONNECT],
        StateKind::TermsRequested => &[&IDENTIFY, &CONNECT, &ASKED],
        StateKind::TermsShown => &[&IDENTIFY, &CONNECT, &ASKED, &SHOW],
        StateKind::SharingManualAnonymous => &[&START],
        StateKind::SharingManualIdentified => &[&IDENTIFY, &START],
        StateKind::SharingManualPresence => &[&IDENTIFY, &CONNECT, &START],
        StateKind::ConfirmingAnonymous => &[&START, &JOINED],
        StateKind::ConfirmingIdentified => &[&IDENTIFY, &START, &JOINED],
        StateKind::ConfirmingPresence => &[&IDENTIFY, &CONNECT, &START, &JOINED],
        StateKind::SharingOneClick => &[&IDENTIFY, &CONNECT, &ASKED, &SHOW, &ACCEPT],
    };
    way.concat()
}

/// What is true, in ids.
#[derive(Debug, Default)]
struct Model {
    closed: bool,
    presence: Presence,
    newest_ask: Option<u64>,
    at_the_door: Option<u64>,
    /// The request the app was told of, and whether it is over.
    told: Option<(u64, bool)>,
    waiting: Option<(u64, Waiting)>,
    running: Option<(u64, u64)>,
    /// Who waits to be let into the session that runs.
    joins: Joins,
    key: Option<String>,
}

/// The agents who wait to be let into one session.
#[derive(Debug, Default)]
struct Joins {
    newest: Option<u64>,
    at_the_door: Option<u64>,
    /// The one the app was told of, and whether it went.
    told: Option<(u64, bool)>,
}

impl Joins {
    fn requested(&mut self, join: u64) {
        if Some(join) > self.newest {
            self.over(None);
            self.newest = Some(join);
            self.at_the_door = Some(join);
        }
    }

    fn over(&mut self, join: Option<u64>) {
        if join.is_none() || join == self.at_the_door {
            self.at_the_door = None;
        }
        if let Some((told, over)) = &mut self.told {
            *over |= join.is_none_or(|join| join == *told);
        }
    }

    fn resumes(&mut self, waiting: Option<u64>) {
        for join in [self.at_the_door, self.told.map(|(join, _)| join)].into_iter().flatten() {
            if Some(join) != waiting {
                self.over(Some(join));
            }
        }
        if let Some(join) = waiting {
            self.requested(join);
        }
    }

    fn waiting(&self) -> Option<u64> {
        self.told.map(|(join, _)| join).or(self.at_the_door)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Presence {
    #[default]
    Off,
    On(u64),
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Waiting {
    Identity,
    Presence,
    Session { start: u64, manual: bool },
}

#[derive(Debug, PartialEq)]
enum Answer {
    Granted,
    Refused,
}

impl Model {
    /// Hears one message; an answer is what the request that waits gets.
    fn hears(&mut self, message: &ServerMessage) -> Option<Answer> {
        let waits = |re: RequestId| self.waiting.filter(|(waiting, _)| *waiting == re.get());
        match message {
            ServerMessage::Identified(m) => {
                waits(m.re).filter(|(_, what)| *what == Waiting::Identity)?;
                Some(Answer::Granted)
            }
            ServerMessage::PresenceConnected(m) => {
                waits(m.re).filter(|(_, what)| *what == Waiting::Presence)?;
                self.presence = Presence::On(m.presence.get());
                Some(Answer::Granted)
            }
            ServerMessage::SessionConnected(m) => match waits(m.re) {
                Some((_, Waiting::Session { start, manual })) if start == m.start.get() => {
                    Some(self.session_begins(start, manual, m.session.get(), m.key.as_ref()))
                }
                Some(_) | None => None,
            },
            ServerMessage::Refused(m) => waits(m.re).map(|_| Answer::Refused),
            ServerMessage::PresenceLost(m) => {
                if self.presence == Presence::On(m.presence.get()) {
                    self.presence = Presence::Lost;
                    self.ask_is_over(None);
                }
                None
            }
            ServerMessage::TermsRequested(m) => {
                self.asked(m.ask.get());
                None
            }
            ServerMessage::TermsWithdrawn(m) => {
                self.ask_is_over(Some(m.ask.get()));
                None
            }
            ServerMessage::SessionEnded(m) => {
                if self.running == Some((m.start.get(), m.session.get())) {
                    self.running = None;
                }
                None
            }
            ServerMessage::JoinRequested(m) => {
                if self.running.is_some_and(|(_, session)| session == m.session.get()) {
                    self.joins.requested(m.join.get());
                }
                None
            }
            ServerMessage::JoinWithdrawn(m) => {
                if self.running.is_some() {
                    self.joins.over(Some(m.join.get()));
                }
                None
            }
            ServerMessage::Resumed(m) => self.resumes(&m.snapshot),
            ServerMessage::Welcome(_)
            | ServerMessage::PresenceFocus(_)
            | ServerMessage::SessionGuests(_)
            | ServerMessage::Problem(_)
            | ServerMessage::Pong(_)
            | ServerMessage::Closing(_) => None,
        }
    }

    fn session_begins(
        &mut self,
        start: u64,
        manual: bool,
        session: u64,
        key: Option<&SessionKey>,
    ) -> Answer {
        if manual && key.is_none() {
            return Answer::Refused;
        }
        self.running = Some((start, session));
        self.joins = Joins::default();
        self.key = key.filter(|_| manual).map(|key| {
            let mut text = String::new();
            key.write_grouped(&mut text).expect("writing to a String cannot fail");
            text
        });
        Answer::Granted
    }

    fn asked(&mut self, ask: u64) {
        if matches!(self.presence, Presence::On(_)) && Some(ask) > self.newest_ask {
            self.ask_is_over(None);
            self.newest_ask = Some(ask);
            self.at_the_door = Some(ask);
        }
    }

    fn ask_is_over(&mut self, ask: Option<u64>) {
        if ask.is_none() || ask == self.at_the_door {
            self.at_the_door = None;
        }
        if let Some((told, over)) = &mut self.told {
            *over |= ask.is_none_or(|ask| ask == *told);
        }
    }

    fn resumes(&mut self, snapshot: &Snapshot) -> Option<Answer> {
        let answer = match (snapshot.answered, self.waiting) {
            (Some(answered), Some((re, what))) if answered.re.get() == re => {
                Some(match (answered.refused, what) {
                    (Some(_), _) => Answer::Refused,
                    (None, Waiting::Identity) => Answer::Granted,
                    (None, Waiting::Presence) => match snapshot.presence {
                        Some(facts) => {
                            self.presence = Presence::On(facts.presence.get());
                            Answer::Granted
                        }
                        None => Answer::Refused,
                    },
                    (None, Waiting::Session { start, manual }) => match &snapshot.session {
                        Some(facts) if facts.start.get() == start => {
                            let session = facts.session.get();
                            self.session_begins(start, manual, session, facts.key.as_ref())
                        }
                        Some(_) | None => Answer::Refused,
                    },
                })
            }
            (_, _) => None,
        };
        if let Presence::On(_) = self.presence {
            self.presence = snapshot
                .presence
                .map_or(Presence::Lost, |facts| Presence::On(facts.presence.get()));
        }
        let waits = snapshot.ask.as_ref().map(|asked| asked.ask.get());
        for ask in [self.at_the_door, self.told.map(|(ask, _)| ask)].into_iter().flatten() {
            if Some(ask) != waits || self.presence == Presence::Lost {
                self.ask_is_over(Some(ask));
            }
        }
        match waits {
            Some(ask) => self.asked(ask),
            None => self.newest_ask = None,
        }
        let still = snapshot.session.as_ref().map(|facts| facts.start.get());
        self.running = self.running.filter(|(start, _)| still == Some(*start));
        if let (Some(_), Some(facts)) = (self.running, &snapshot.session) {
            self.joins.resumes(facts.join.as_ref().map(|asked| asked.join.get()));
        }
        answer
    }

    fn closes(&mut self) {
        self.closed = true;
        self.ask_is_over(None);
        self.running = None;
        if let Presence::On(_) = self.presence {
            self.presence = Presence::Lost;
        }
    }

    /// Which step is due in a state; changes are left out.
    fn due(&self, state: StateKind) -> Option<Trigger> {
        match state {
            StateKind::Anonymous | StateKind::Identified => None,
            StateKind::PresenceConnected => match (self.presence, self.at_the_door) {
                (Presence::Lost, _) => Some(Trigger::PresenceLost),
                (Presence::On(_), Some(_)) => Some(Trigger::AgentAsks),
                (Presence::On(_), None) => None,
                (Presence::Off, _) => panic!("online without a presence"),
            },
            StateKind::TermsRequested | StateKind::TermsShown => {
                let (_, over) = self.told.expect("the app was told of the request");
                over.then_some(Trigger::TermsWithdrawn)
            }
            StateKind::SharingOneClick => self.running.is_none().then_some(Trigger::SessionEnded),
            StateKind::SharingManualAnonymous
            | StateKind::SharingManualIdentified
            | StateKind::SharingManualPresence => match (self.running, self.joins.at_the_door) {
                (None, _) => Some(Trigger::SessionEnded),
                (Some(_), Some(_)) => Some(Trigger::JoinRequested),
                (Some(_), None) => None,
            },
            StateKind::ConfirmingAnonymous
            | StateKind::ConfirmingIdentified
            | StateKind::ConfirmingPresence => match (self.running, self.joins.told) {
                (None, _) => Some(Trigger::SessionEnded),
                (Some(_), told) => {
                    let (_, over) = told.expect("the app was told of the agent");
                    over.then_some(Trigger::JoinWithdrawn)
                }
            },
        }
    }
}

enum App {
    Idle(Any),
    Waits(AnyPending<QueueLink>, StateKind, Trigger),
    Gone,
}

/// A story: the app, the server's half of the link, the model, and the rules over what was said.
struct Story {
    app: App,
    peer: Peer,
    model: Model,
    /// What has been put on the link and not been taken from it.
    unread: Vec<Arrival>,
    /// What has arrived on this connection and may arrive again.
    heard: Vec<ServerMessage>,
    said: Rules,
    numbers: u64,
    /// The requests that were given up.
    given_up: Vec<(u64, Waiting)>,
    /// The edges of the table the story took.
    taken: Vec<(StateKind, Trigger, StateKind)>,
    /// The passes to send the screen that were taken, one in each session; the last may stand.
    passes: Vec<ScreenPass<QueuePipe>>,
    /// Whether the visitor was sharing after the event before.
    was_sharing: bool,
}

/// What must hold for the messages of a visitor, whatever they answer.
#[derive(Default)]
struct Rules {
    re: u64,
    start: u64,
    /// The requests of this connection, and what was said about each.
    displayed: Vec<u64>,
    accepted: Vec<u64>,
    declined: Vec<u64>,
    withdrawn: Vec<u64>,
    /// Whether the request the app was told of last is one of them.
    told_since: bool,
    /// The agent the app was told of and has not answered.
    joining: Option<u64>,
}

impl Rules {
    fn check(&mut self, message: &ClientMessage) {
        let re = match message {
            ClientMessage::Identify(m) => m.re,
            ClientMessage::LogOut(m) => m.re,
            ClientMessage::PresenceConnect(m) => m.re,
            ClientMessage::PresenceUpdate(m) => m.re,
            ClientMessage::PresenceDisconnect(m) => m.re,
            ClientMessage::AppMoved(m) => m.re,
            ClientMessage::TermsDisplayed(m) => {
                self.displayed.push(m.ask.get());
                m.re
            }
            ClientMessage::TermsAccepted(m) => {
                let ask = m.ask.get();
                assert!(self.displayed.contains(&ask), "accepted before displayed");
                assert!(!self.accepted.contains(&ask), "accepted twice");
                assert!(!self.declined.contains(&ask), "accepted after declined");
                self.accepted.push(ask);
                m.re
            }
            ClientMessage::TermsDeclined(m) => {
                assert!(!self.accepted.contains(&m.ask.get()), "declined after accepted");
                self.declined.push(m.ask.get());
                m.re
            }
            ClientMessage::SessionStart(m) => {
                assert!(m.start.get() > self.start, "start ids grow");
                self.start = m.start.get();
                if let StartBy::VisitorId { ask } = m.by {
                    let ask = ask.get();
                    assert_eq!(self.accepted.last(), Some(&ask), "a start nobody accepted");
                    assert!(!self.declined.contains(&ask), "a start after declined");
                    assert!(!self.withdrawn.contains(&ask), "a start after withdrawn");
                }
                m.re
            }
            ClientMessage::JoinConfirmed(m) => {
                assert_eq!(self.joining.take(), Some(m.join.get()), "nobody waits, or another");
                m.re
            }
            ClientMessage::JoinDeclined(m) => {
                assert_eq!(self.joining.take(), Some(m.join.get()), "nobody waits, or another");
                m.re
            }
            ClientMessage::SessionEnd(m) => m.re,
            ClientMessage::Hello(_)
            | ClientMessage::Resume(_)
            | ClientMessage::Ping(_)
            | ClientMessage::Bye(_) => panic!("the engine says this, not the visitor"),
        };
        assert_eq!(re.get(), self.re + 1, "the numbers of the messages grow by one");
        self.re += 1;
    }

    /// A request that the server no longer speaks of after a reconnect is forgotten; its number may
    /// come again.
    fn forget_requests(&mut self) {
        for asks in
            [&mut self.displayed, &mut self.accepted, &mut self.declined, &mut self.withdrawn]
        {
            asks.clear();
        }
        self.told_since = false;
    }
}

impl Story {
    fn new() -> Self {
        let (visitor, peer) = queue::visitor();
        Self {
            app: App::Idle(visitor.into()),
            peer,
            model: Model::default(),
            unread: Vec::new(),
            heard: Vec::new(),
            said: Rules::default(),
            numbers: 0,
            given_up: Vec::new(),
            taken: Vec::new(),
            passes: Vec::new(),
            was_sharing: false,
        }
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn say(&mut self, message: impl Into<ServerMessage>) {
        let message = message.into();
        self.heard.push(message.clone());
        self.arrive(Arrival::Message(message));
    }

    fn arrive(&mut self, arrival: Arrival) {
        if !self.model.closed && !matches!(self.unread.last(), Some(Arrival::Closed(_))) {
            self.unread.push(arrival.clone());
            self.peer.arrive(arrival);
        }
    }

    /// The model hears what the visitor takes from the link: all of it, or up to an answer.
    fn model_hears(&mut self) -> Option<Answer> {
        let mut answer = None;
        let mut taken = 0;
        for arrival in &self.unread {
            taken += 1;
            match arrival {
                Arrival::Message(message) => answer = self.model.hears(message),
                Arrival::Connectivity(_) => {}
                Arrival::Closed(_) => self.model.closes(),
            }
            if let Arrival::Message(ServerMessage::Resumed(resumed)) = arrival
                && resumed.snapshot.ask.is_none()
            {
                self.said.forget_requests();
            }
            if answer.is_some() {
                break;
            }
        }
        self.unread.drain(..taken);
        answer
    }

    fn play(&mut self, event: Event) {
        match event {
            Event::Verb(index) => {
                if let App::Idle(any) = &self.app {
                    let state = any.state();
                    let possible: Vec<usize> = (0..commands().len())
                        .filter(|at| table::edge(state, commands()[*at].trigger()).is_some())
                        .collect();
                    self.command(*index.get(&possible));
                }
            }
            Event::Command(index) => self.command(index),
            Event::GiveUp => self.give_up(),
            Event::Look => self.look(),
            Event::Moved(app) => match &mut self.app {
                App::Idle(any) => any.app_moved(app),
                App::Waits(pending, ..) => pending.app_moved(app),
                App::Gone => {}
            },
            Event::Answer { yes, key, focused } => {
                if let Some(request) = self.model.waiting {
                    self.answer(request, yes, key, focused);
                }
            }
            Event::AnswersLate(index) => {
                if !self.given_up.is_empty() {
                    self.answer(*index.get(&self.given_up), true, true, true);
                }
            }
            Event::Asks => {
                let ask = self.number();
                self.say(terms_requested(ask));
            }
            Event::Withdraws => {
                let ask = self.model.told.map(|(ask, _)| ask).or(self.model.at_the_door);
                let ask = ask.unwrap_or(self.numbers);
                self.say(withdrawn(ask, WithdrawReason::Agent));
            }
            Event::EndsSession => {
                if let Some((start, session)) = self.model.running {
                    self.say(ended(StartId::new(start), SessionId::new(session), EndReason::Agent));
                }
            }
            Event::LosesPresence => {
                if let Presence::On(presence) = self.model.presence {
                    self.say(presence_lost(presence));
                }
            }
            Event::Guests(count) => {
                if let Some((_, session)) = self.model.running {
                    self.say(guests(SessionId::new(session), count));
                }
            }
            Event::Joins => {
                if let Some((_, session)) = self.model.running {
                    let join = self.number();
                    self.say(join_requested(SessionId::new(session), join));
                }
            }
            Event::WithdrawsJoin => {
                if let Some(join) = self.model.joins.waiting() {
                    self.say(join_withdrawn(join, WithdrawReason::Agent));
                }
            }
            Event::Refreshes => {
                if let App::Idle(any) = &mut self.app {
                    let newer = VisitorAssertion::new("new.er.one").expect("it is short");
                    let known = any.visitor_id().is_some();
                    assert_eq!(any.refresh_assertion(newer), known);
                }
            }
            Event::Resumes { fresh, heard, keeps_ask, keeps_session } => {
                self.resume(fresh, heard, keeps_ask, keeps_session);
            }
            Event::Connectivity(connectivity) => {
                self.arrive(Arrival::Connectivity(connectivity));
            }
            Event::Again(index) => {
                if !self.heard.is_empty() {
                    let message = index.get(&self.heard).clone();
                    self.arrive(Arrival::Message(message));
                }
            }
            Event::Forged(forged) => self.forge(&forged),
            Event::Closes => self.arrive(Arrival::Closed(LinkClosed::Gone)),
        }
        self.step_of_a_pending_request();
        for message in drain(&mut self.peer) {
            self.said.check(&message);
        }
        self.check();
    }

    fn command(&mut self, index: usize) {
        let any = match core::mem::replace(&mut self.app, App::Gone) {
            App::Idle(any) => any,
            app @ (App::Waits(..) | App::Gone) => {
                self.app = app;
                return;
            }
        };
        let command = commands()[index].clone();
        let (state, on) = (any.state(), command.trigger());
        match (any.apply(command), table::edge(state, on)) {
            (Err(misuse), None) => {
                let any = misuse.into_visitor();
                assert_eq!(any.state(), state);
                self.app = App::Idle(any);
            }
            (Ok(Applied::Now(any)), Some(edge)) => {
                assert_eq!(any.state(), edge.to);
                self.taken.push((state, on, edge.to));
                match on {
                    Trigger::Decline => self.model.told = None,
                    Trigger::Confirm | Trigger::Refuse => self.model.joins.told = None,
                    Trigger::End => {
                        self.said.joining = None;
                        self.model.running = None;
                        self.model.key = None;
                    }
                    Trigger::Disconnect => {
                        self.model.presence = Presence::Off;
                        self.model.at_the_door = None;
                    }
                    Trigger::TermsDisplayed | Trigger::LogOut => {}
                    Trigger::Identify
                    | Trigger::ConnectPresence
                    | Trigger::StartManual
                    | Trigger::Accept
                    | Trigger::AgentAsks
                    | Trigger::TermsWithdrawn
                    | Trigger::PresenceLost
                    | Trigger::JoinRequested
                    | Trigger::JoinWithdrawn
                    | Trigger::SessionEnded => panic!("{on} took effect at once"),
                }
                self.app = App::Idle(any);
            }
            (Ok(Applied::Pending(pending)), Some(_)) => {
                let said = drain(&mut self.peer);
                for message in &said {
                    self.said.check(message);
                }
                let what = match (on, said.last()) {
                    (Trigger::Identify, Some(ClientMessage::Identify(_))) => Waiting::Identity,
                    (Trigger::ConnectPresence, Some(ClientMessage::PresenceConnect(_))) => {
                        Waiting::Presence
                    }
                    (
                        Trigger::StartManual | Trigger::Accept,
                        Some(ClientMessage::SessionStart(m)),
                    ) => {
                        let manual = m.by == StartBy::RandomKey;
                        assert_eq!(manual, on == Trigger::StartManual);
                        Waiting::Session { start: m.start.get(), manual }
                    }
                    (_, last) => panic!("{on} said {last:?}"),
                };
                if on == Trigger::Accept {
                    self.model.told = None;
                }
                self.model.waiting = Some((self.said.re, what));
                self.app = App::Waits(pending, state, on);
            }
            (applied, edge) => panic!("{on} in {state}: {applied:?}, {edge:?}"),
        }
    }

    fn give_up(&mut self) {
        match core::mem::replace(&mut self.app, App::Gone) {
            App::Waits(pending, from, on) => {
                let edge = table::edge(from, on).expect("a request is an edge");
                let any = pending.into_visitor().expect("the answer was not taken");
                assert_eq!(Some(any.state()), edge.refused);
                let request = self.model.waiting.take().expect("a request waits");
                if request.1 == Waiting::Presence {
                    self.model.presence = Presence::Off;
                }
                self.given_up.push(request);
                self.app = App::Idle(any);
            }
            app @ (App::Idle(_) | App::Gone) => self.app = app,
        }
    }

    /// Looks for news once; changes are skipped.
    fn look(&mut self) {
        let App::Idle(any) = &self.app else { return };
        let state = any.state();
        assert_eq!(self.model_hears(), None, "nothing waits for an answer");
        let App::Idle(mut any) = core::mem::replace(&mut self.app, App::Gone) else { return };
        let step = loop {
            let mut next = any.next();
            match poll(&mut next) {
                core::task::Poll::Ready(AnyStep::Changed(same, _)) => {
                    assert_eq!(same.state(), state, "a change moved the visitor");
                    any = same;
                }
                core::task::Poll::Ready(step) => break step,
                core::task::Poll::Pending => {
                    let any = next.into_visitor().expect("no step was taken");
                    assert_eq!(self.model.due(state), None, "{state}: {:?}", self.model);
                    assert!(!self.model.closed, "a closed link is told");
                    self.app = App::Idle(any);
                    return;
                }
            }
        };
        let (any, on) = match step {
            AnyStep::TermsRequested(any) => {
                let ask = self.model.at_the_door.take().expect("a request is at the door");
                self.model.told = Some((ask, false));
                self.said.told_since = true;
                (any, Trigger::AgentAsks)
            }
            AnyStep::TermsWithdrawn(any, _) => {
                let (ask, _) = self.model.told.take().expect("the app was told");
                assert!(!self.said.accepted.contains(&ask), "withdrawn after accepted");
                if self.said.told_since {
                    self.said.withdrawn.push(ask);
                }
                (any, Trigger::TermsWithdrawn)
            }
            AnyStep::PresenceLost(any, reason) => {
                assert!(reason.is_some(), "a loss has a reason");
                self.model.presence = Presence::Off;
                self.model.at_the_door = None;
                (any, Trigger::PresenceLost)
            }
            AnyStep::JoinRequested(any) => {
                let join = self.model.joins.at_the_door.take().expect("an agent is at the door");
                self.model.joins.told = Some((join, false));
                self.said.joining = Some(join);
                (any, Trigger::JoinRequested)
            }
            AnyStep::JoinWithdrawn(any, _) => {
                let told = self.model.joins.told.take().map(|(join, _)| join);
                assert_eq!(self.said.joining.take(), told, "who was answered has not gone");
                (any, Trigger::JoinWithdrawn)
            }
            AnyStep::SessionEnded(any, _) => {
                self.said.joining = None;
                self.model.key = None;
                (any, Trigger::SessionEnded)
            }
            AnyStep::Closed(_) => {
                assert!(self.model.closed);
                assert_eq!(self.model.due(state), None);
                return;
            }
            AnyStep::Changed(..) => return,
        };
        let edge = table::edge(state, on).expect("a step is an edge of the table");
        assert_eq!(any.state(), edge.to);
        self.taken.push((state, on, edge.to));
        self.app = App::Idle(any);
    }

    /// A pending request is polled after each event, as an executor would.
    fn step_of_a_pending_request(&mut self) {
        let App::Waits(pending, from, on) = &mut self.app else { return };
        let (from, on) = (*from, *on);
        let polled = poll(pending);
        let answer = self.model_hears();
        let edge = table::edge(from, on).expect("a request is an edge");
        match (polled, answer) {
            (core::task::Poll::Pending, None) => assert!(!self.model.closed),
            (core::task::Poll::Ready(Ok(any)), Some(Answer::Granted)) => {
                assert_eq!(any.state(), edge.to);
                self.taken.push((from, on, edge.to));
                self.model.waiting = None;
                self.app = App::Idle(any);
            }
            (
                core::task::Poll::Ready(Err(AnyRequestError::Refused { visitor, .. })),
                Some(Answer::Refused),
            ) => {
                assert_eq!(Some(visitor.state()), edge.refused);
                self.taken.push((from, on, visitor.state()));
                self.model.waiting = None;
                self.app = App::Idle(visitor);
            }
            (core::task::Poll::Ready(Err(AnyRequestError::Closed(_))), None) => {
                assert!(self.model.closed);
                self.app = App::Gone;
            }
            (polled, answer) => panic!("{on} in {from}: {polled:?}, but {answer:?}"),
        }
    }

    fn answer(&mut self, (re, what): (u64, Waiting), yes: bool, with_key: bool, focused: bool) {
        if !yes {
            return self.say(refused(re, RefusalCode::LimitExceeded));
        }
        let number = self.number();
        match what {
            Waiting::Identity => {
                self.say(Identified { re: RequestId::new(re), visitor: id() });
            }
            Waiting::Presence => {
                let mut connected = presence_connected(re, number);
                connected.focused = focused;
                self.say(connected);
            }
            Waiting::Session { start, .. } => {
                let key = with_key.then(|| key_of(number));
                self.say(connected(re, start, number, key));
            }
        }
    }

    fn resume(&mut self, fresh: bool, heard: bool, keeps_ask: bool, keeps_session: bool) {
        // What the server said on the broken connection never arrives.
        self.heard.clear();
        let number = self.number();
        let model = &self.model;
        let mut snapshot = Snapshot { visitor: Some(id()), ..Snapshot::default() };
        if let Presence::On(presence) = model.presence {
            let presence = PresenceId::new(if fresh { number } else { presence });
            snapshot.presence = Some(PresenceFacts { presence, focused: heard });
        }
        if keeps_ask && !fresh {
            let ask = model.told.map(|(ask, _)| ask).or(model.at_the_door);
            snapshot.ask = ask.map(terms_requested);
        }
        if let Some((start, session)) = model.running.filter(|_| keeps_session && !fresh) {
            let mut facts = session_facts(start, session, Some(key_of(session)));
            let join = model.joins.waiting().filter(|_| keeps_ask);
            facts.join = join.map(|join| join_requested(SessionId::new(session), join));
            snapshot.session = Some(facts);
        }
        if heard && let Some((re, what)) = model.waiting {
            let code = (!keeps_ask).then_some(RefusalCode::LimitExceeded);
            snapshot.answered = answered(re, code);
            match what {
                Waiting::Presence if code.is_none() && keeps_session => {
                    snapshot.presence = Some(presence_facts(number));
                }
                Waiting::Session { start, manual } if code.is_none() && keeps_session => {
                    let key = manual.then(|| key_of(number));
                    snapshot.session = Some(session_facts(start, number, key));
                }
                Waiting::Identity | Waiting::Presence | Waiting::Session { .. } => {}
            }
        }
        self.arrive(Arrival::Message(resumed(snapshot).into()));
    }

    fn forge(&mut self, forged: &Forged) {
        let message: ServerMessage = match *forged {
            Forged::Identified(re) => Identified { re: RequestId::new(re), visitor: id() }.into(),
            Forged::PresenceConnected(re, presence) => presence_connected(re, presence).into(),
            Forged::Connected(re, start, session) => {
                connected(re, start, session, Some(key_of(session))).into()
            }
            Forged::Refused(re) => refused(re, RefusalCode::IllegalOrder).into(),
            Forged::PresenceLost(presence) => presence_lost(presence).into(),
            Forged::Focus(presence) => focus(presence, false).into(),
            Forged::Asks(ask) => terms_requested(ask).into(),
            Forged::Withdraws(ask) => withdrawn(ask, WithdrawReason::Agent).into(),
            Forged::Guests(session) => guests(SessionId::new(session), 1).into(),
            Forged::Joins(session, join) => join_requested(SessionId::new(session), join).into(),
            Forged::JoinWithdraws(join) => join_withdrawn(join, WithdrawReason::Agent).into(),
            Forged::Ended(start, session) => {
                ended(StartId::new(start), SessionId::new(session), EndReason::Agent).into()
            }
        };
        self.arrive(Arrival::Message(message));
    }

    /// What holds after every event.
    fn check(&mut self) {
        let standing = self.passes.iter().filter(|pass| pass.stands()).count();
        let was_sharing = core::mem::replace(&mut self.was_sharing, false);
        let App::Idle(any) = &mut self.app else {
            return assert_eq!(standing, 0, "a pass stands outside of a session");
        };
        self.was_sharing = any.session().is_some();
        match any.session() {
            Some(_) if !was_sharing => {
                assert_eq!(standing, 0, "a pass stands before it was given");
                self.passes.extend(any.screen_pass());
            }
            Some(session) => {
                assert_eq!(standing, 1, "the pass of this session stands, and no other");
                assert_eq!(self.passes.last().map(ScreenPass::session), Some(session));
            }
            None => assert_eq!(standing, 0, "a pass stands while {}", any.state()),
        }
        assert_eq!(any.group().as_str(), "test", "the group never changes");
        let manual = match any.state() {
            StateKind::SharingManualAnonymous
            | StateKind::SharingManualIdentified
            | StateKind::SharingManualPresence
            | StateKind::ConfirmingAnonymous
            | StateKind::ConfirmingIdentified
            | StateKind::ConfirmingPresence => true,
            StateKind::Anonymous
            | StateKind::Identified
            | StateKind::PresenceConnected
            | StateKind::TermsRequested
            | StateKind::TermsShown
            | StateKind::SharingOneClick => false,
        };
        match any.key_display() {
            KeyDisplay::Show(key) => {
                assert!(manual, "a key is displayed in {}", any.state());
                assert_eq!(Some(key.to_string()), self.model.key, "another session's key");
            }
            KeyDisplay::Hidden => assert!(!manual, "a manual session hides its key"),
        }
    }
}

/// Each session has its own key.
fn key_of(session: u64) -> SessionKey {
    let mut rest = session;
    SessionKey::random(coview_wire::KeyLength::default(), || {
        let digit = rest % 10;
        rest /= 10;
        u8::try_from(digit).expect("a digit is small")
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../proptest-regressions/lifecycle.txt"
        )))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_story_keeps_the_rules((begin, events) in any_story()) {
        let mut story = Story::new();
        for event in way_to(begin).into_iter().chain(events) {
            story.play(event);
        }
    }
}

/// The stories must go deep enough to mean something.
#[test]
fn the_stories_take_every_edge_of_the_table() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::Config;
    use proptest::test_runner::RngAlgorithm;
    use proptest::test_runner::TestRng;
    use proptest::test_runner::TestRunner;

    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut taken: BTreeMap<_, u32> = BTreeMap::new();
    for _ in 0..512 {
        let (begin, events) = any_story().new_tree(&mut runner).expect("a story").current();
        let mut story = Story::new();
        way_to(begin).into_iter().for_each(|event| story.play(event));
        story.taken.clear();
        events.into_iter().for_each(|event| story.play(event));
        for edge in story.taken {
            *taken.entry(edge).or_default() += 1;
        }
    }
    for edge in table::TABLE {
        for to in [Some(edge.to), edge.refused].into_iter().flatten() {
            let times = taken.get(&(edge.from, edge.on, to)).copied().unwrap_or_default();
            assert!(times >= 2, "{edge:?} to {to} was taken {times} times");
        }
    }
}
