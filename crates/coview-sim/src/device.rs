//! One client: a real engine, and the typed visitor or agent on top of it.

use core::future::Future;
use core::pin::Pin;
use core::task::Context;
use core::task::Poll;
use core::task::Waker;

use coview_agent::AgentStateKind;
use coview_agent::AnyAgent;
use coview_hub::ConnId;
use coview_lifecycle::AnyVisitor;
use coview_lifecycle::Connectivity;
use coview_lifecycle::KeyDisplay;
use coview_lifecycle::LinkClosed;
use coview_lifecycle::StateKind;
use coview_lifecycle::Visitor;
use coview_lifecycle::table::Trigger;
use coview_proto::AgentRole;
use coview_proto::Ended;
use coview_proto::Engine;
use coview_proto::Input;
use coview_proto::Output;
use coview_proto::Role;
use coview_proto::VisitorRole;
use coview_proto::WINDOW;
use coview_wire::Deadline;
use coview_wire::Message;
use coview_wire::Moment;
use coview_wire::PictureRelay;
use coview_wire::RefusalCode;
use coview_wire::SessionId;
use coview_wire::ViewerNotice;

use crate::checker::Seen;
use crate::client::ClientId;
use crate::coverage::EndedKind;
use crate::coverage::Item;
use crate::link::Arrived;
use crate::link::Other;
use crate::link::SimLink;
use crate::link::pair;
use crate::notes::Notes;
use crate::picture::sharer::Sharer;
use crate::picture::watcher::Watcher;
use crate::queue::Ticket;

/// A visitor over the simulated link.
pub type SimVisitor = AnyVisitor<SimLink<VisitorRole>>;

/// An agent over the simulated link.
pub type SimAgent = AnyAgent<SimLink<AgentRole>>;

type PendingVisitor = coview_lifecycle::AnyPending<SimLink<VisitorRole>>;
type PendingAgent = coview_agent::AnyPending<SimLink<AgentRole>>;

/// What the owner of an engine has to do.
pub(crate) enum Wish {
    Open,
    Send(String),
    SendBinary(Vec<u8>),
    Close,
}

/// How a client ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gone {
    /// It never was connected.
    NeverConnected(Ended),
    /// The link of its typed value closed for good.
    Closed(LinkClosed),
    /// Its typed value was dropped.
    Left,
    /// Its process ended without a word.
    Crashed,
}

/// What is in the hands of the app.
pub(crate) enum Hand<P: Party> {
    Connecting,
    Free(P::Free),
    Waiting(P::Waiting),
    Gone(Gone),
}

/// One kind of client: what its typed values are.
pub(crate) trait Party: Sized {
    type Role: Role;
    /// A state and what happened in it: a row of the table.
    type Row: Copy;
    type Free;
    type Waiting;
    /// What it does with the picture.
    type Screen;

    fn begin(
        config: &<Self::Role as Role>::Config,
        greeting: <Self::Role as Role>::Greeting,
        link: SimLink<Self::Role>,
    ) -> Self::Free;
    /// A typed value has taken a row of its table, or the server has refused it.
    fn moved(id: ClientId, row: Self::Row, free: &Self::Free, refused: bool, notes: &mut Notes);
    /// What the world did to a typed value, if anything.
    fn next(free: Self::Free, cx: &mut Context<'_>) -> Looked<Self>;
    /// What became of a request, if anything.
    fn answer(waiting: Self::Waiting, cx: &mut Context<'_>) -> Looked<Self>;
    fn describe(free: &Self::Free) -> String;
    /// What `Debug` tells of it.
    fn debug(free: &Self::Free) -> String;
    fn screen() -> Self::Screen;
    /// Lets it do with the picture what there is to do; says when it has something to do next.
    fn work(
        id: ClientId,
        screen: &mut Self::Screen,
        free: Option<&mut Self::Free>,
        notes: &mut Notes,
    ) -> Option<Deadline>;
    /// The session something binary that the hub said is about.
    fn session_heard(bytes: &[u8]) -> Option<SessionId>;
    fn said(id: ClientId, message: &<Self::Role as Role>::Says) -> Seen<'_>;
    fn told(id: ClientId, message: &<Self::Role as Role>::Hears) -> Seen<'_>;
    fn observe(id: ClientId, free: &Self::Free, notes: &mut Notes);
}

/// What a look at a typed value found.
pub(crate) enum Looked<P: Party> {
    Nothing(Hand<P>),
    Step {
        hand: Hand<P>,
        words: String,
        outcome: Option<coview_wire::AskOutcome>,
        /// The row of the table that was taken.
        row: Option<P::Row>,
        /// Whether the server refused what was asked for.
        refused: bool,
    },
}

impl<P: Party> Looked<P> {
    fn step(free: P::Free, words: impl Into<String>) -> Self {
        let hand = Hand::Free(free);
        Self::Step { hand, words: words.into(), outcome: None, row: None, refused: false }
    }

    fn taken(free: P::Free, row: P::Row, words: impl Into<String>) -> Self {
        let hand = Hand::Free(free);
        Self::Step { hand, words: words.into(), outcome: None, row: Some(row), refused: false }
    }

    fn closed(reason: LinkClosed) -> Self {
        Self::Step {
            hand: Hand::Gone(Gone::Closed(reason)),
            words: format!("closed: {reason}"),
            outcome: None,
            row: None,
            refused: false,
        }
    }

    fn refused(free: P::Free, code: RefusalCode) -> Self {
        Self::Step {
            hand: Hand::Free(free),
            words: format!("refused: {code}"),
            outcome: None,
            row: None,
            refused: true,
        }
    }
}

pub(crate) struct Device<P: Party> {
    pub(crate) id: ClientId,
    pub(crate) config: <P::Role as Role>::Config,
    pub(crate) hand: Hand<P>,
    pub(crate) conn: Option<ConnId>,
    pub(crate) wake: Option<Ticket>,
    pub(crate) engine: Engine<P::Role>,
    pub(crate) screen: P::Screen,
    /// What was asked for and is waited for.
    pub(crate) asked: Option<P::Row>,
    /// The deadline its engine waits for.
    pub(crate) due: Option<Deadline>,
    /// How much about the picture came after this client had ended the session.
    pub(crate) late: u64,
    link: Option<Other<P::Role>>,
}

impl<P: Party> Device<P> {
    pub(crate) fn new(id: ClientId, config: <P::Role as Role>::Config, seed: u64) -> Self {
        Self {
            id,
            engine: Engine::new(config.clone(), seed),
            config,
            hand: Hand::Connecting,
            conn: None,
            wake: None,
            screen: P::screen(),
            asked: None,
            due: None,
            late: 0,
            link: None,
        }
    }

    /// Gives the engine an input, if there is one, and then lets engine and typed value talk until
    /// both are still.
    pub(crate) fn handle(
        &mut self,
        now: Moment,
        input: Option<Input<'_, P::Role>>,
        notes: &mut Notes,
        wishes: &mut Vec<Wish>,
    ) -> Option<Deadline> {
        if let Some(Input::Binary(bytes)) = &input
            && P::session_heard(bytes) != self.engine.picture_session()
        {
            self.late += 1;
        }
        let mut wake_at = match input {
            Some(input) => self.give(now, input, notes, wishes),
            None => self.drain(notes, wishes),
        };
        let mut work_at;
        loop {
            self.look(notes);
            let free = match &mut self.hand {
                Hand::Free(free) => Some(free),
                Hand::Connecting | Hand::Waiting(_) | Hand::Gone(_) => None,
            };
            work_at = P::work(self.id, &mut self.screen, free, notes);
            let Some(link) = &self.link else { break };
            if let Some(message) = link.said() {
                notes.see(P::said(self.id, &message));
                wake_at = self.give(now, Input::Say(message), notes, wishes);
            } else if link.left() {
                self.link = None;
                if let Hand::Free(_) | Hand::Waiting(_) | Hand::Connecting = self.hand {
                    self.hand = Hand::Gone(Gone::Left);
                }
                wake_at = self.give(now, Input::Leave, notes, wishes);
            } else if let Some(bytes) = link.pictures().said() {
                wake_at = self.give(now, Input::SayBinary(bytes), notes, wishes);
            } else {
                break;
            }
        }
        notes.text("an engine", &format!("{:?}", self.engine));
        if let Hand::Free(free) = &self.hand {
            P::observe(self.id, free, notes);
            notes.text("a typed value", &P::debug(free));
        }
        Deadline::earlier(wake_at, work_at)
    }

    fn give(
        &mut self,
        now: Moment,
        input: Input<'_, P::Role>,
        notes: &mut Notes,
        wishes: &mut Vec<Wish>,
    ) -> Option<Deadline> {
        self.engine.handle_input(now, input);
        self.drain(notes, wishes)
    }

    fn drain(&mut self, notes: &mut Notes, wishes: &mut Vec<Wish>) -> Option<Deadline> {
        let mut count = 0;
        let mut renewals = 0;
        loop {
            let output = self.engine.poll_output();
            count += 1;
            match output {
                Output::Open => wishes.push(Wish::Open),
                Output::Send(text) => wishes.push(Wish::Send(text)),
                Output::Close => wishes.push(Wish::Close),
                Output::Ready(greeting) => {
                    let (link, other) = pair();
                    self.link = Some(other);
                    let free = P::begin(&self.config, greeting, link);
                    notes.client(self.id, P::describe(&free));
                    self.hand = Hand::Free(free);
                }
                Output::Hear(message) => {
                    renewals += usize::from(message.kind() == "renewed");
                    notes.see(P::told(self.id, &message));
                    self.arrive(Arrived::Message(message));
                }
                Output::SendBinary(bytes) => wishes.push(Wish::SendBinary(bytes)),
                Output::HearBinary(bytes) => {
                    if let Some(link) = &self.link {
                        link.pictures().session_is(self.engine.picture_session());
                        link.pictures().heard(bytes);
                    }
                }
                Output::Connectivity(connectivity) => {
                    if let Some(link) = &self.link
                        && connectivity != Connectivity::Connected
                    {
                        link.pictures().interrupted();
                    }
                    self.arrive(Arrived::Connectivity(connectivity));
                }
                Output::Closed(ended) => {
                    notes.reached(Item::Ended(EndedKind::from(&ended)));
                    if let Hand::Connecting = self.hand {
                        notes.client(self.id, format!("never connected: {ended}"));
                        self.hand = Hand::Gone(Gone::NeverConnected(ended));
                    } else {
                        self.arrive(Arrived::Closed(ended.into()));
                    }
                }
                Output::Idle { wake_at } => {
                    if let Some(link) = &self.link {
                        link.pictures().session_is(self.engine.picture_session());
                    }
                    // A sign-in answers every renewal that waited, and the window bounds the rest.
                    let limit = WINDOW + 8 + renewals;
                    notes.see(Seen::Outputs { of: Some(self.id), count, limit });
                    self.due = wake_at;
                    return wake_at;
                }
            }
        }
    }

    fn arrive(&self, what: Arrived<P::Role>) {
        if let Some(link) = &self.link {
            link.arrive(what);
        }
    }

    /// Looks at the typed value until there is nothing more to see.
    fn look(&mut self, notes: &mut Notes) {
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            let mut asked = None;
            let looked = match core::mem::replace(&mut self.hand, Hand::Connecting) {
                Hand::Free(free) => P::next(free, &mut cx),
                Hand::Waiting(waiting) => {
                    asked = self.asked;
                    P::answer(waiting, &mut cx)
                }
                hand @ (Hand::Connecting | Hand::Gone(_)) => Looked::Nothing(hand),
            };
            match looked {
                Looked::Nothing(hand) => {
                    self.hand = hand;
                    return;
                }
                Looked::Step { hand, words, outcome, row, refused } => {
                    if let (Some(row), Hand::Free(free)) = (row.or(asked), &hand) {
                        P::moved(self.id, row, free, refused, notes);
                    }
                    if let Some(outcome) = outcome {
                        notes.see(Seen::AgentOutcome { client: self.id, outcome });
                    }
                    match &hand {
                        Hand::Free(free) => {
                            let state = P::describe(free);
                            notes.client(self.id, format!("{words}; {state}"));
                            P::observe(self.id, free, notes);
                        }
                        Hand::Connecting | Hand::Waiting(_) | Hand::Gone(_) => {
                            notes.client(self.id, words);
                        }
                    }
                    self.hand = hand;
                }
            }
        }
    }

    /// Ends the process without a word.
    pub(crate) fn crash(&mut self) {
        self.hand = Hand::Gone(Gone::Crashed);
        self.link = None;
        self.screen = P::screen();
        self.engine = Engine::new(self.config.clone(), 0);
    }

    pub(crate) const fn gone(&self) -> Option<&Gone> {
        match &self.hand {
            Hand::Gone(gone) => Some(gone),
            Hand::Connecting | Hand::Free(_) | Hand::Waiting(_) => None,
        }
    }
}

pub(crate) enum Visitors {}

impl Party for Visitors {
    type Role = VisitorRole;
    type Row = (StateKind, Trigger);
    type Free = SimVisitor;
    type Waiting = PendingVisitor;
    type Screen = Sharer;

    fn begin(
        config: &coview_proto::VisitorConfig,
        greeting: coview_proto::VisitorGreeting,
        link: SimLink<VisitorRole>,
    ) -> SimVisitor {
        Visitor::initialized(link, config.group.clone(), greeting.settings, config.app).into()
    }

    fn moved(
        id: ClientId,
        row: (StateKind, Trigger),
        free: &SimVisitor,
        refused: bool,
        notes: &mut Notes,
    ) {
        notes.moved(id, row, free.state(), refused);
    }

    fn next(free: SimVisitor, cx: &mut Context<'_>) -> Looked<Self> {
        use coview_lifecycle::AnyStep;
        let from = free.state();
        let mut next = free.next();
        match Pin::new(&mut next).poll(cx) {
            Poll::Pending => {
                let visitor = next.into_visitor().expect("no step was taken");
                Looked::Nothing(Hand::Free(visitor))
            }
            Poll::Ready(AnyStep::TermsRequested(visitor)) => {
                let words = visitor.agent().map_or_else(
                    || format!("is asked to share in the state {}", visitor.state()),
                    |agent| format!("is asked to share by {}", agent.name()),
                );
                Looked::taken(visitor, (from, Trigger::AgentAsks), words)
            }
            Poll::Ready(AnyStep::TermsWithdrawn(visitor, reason)) => {
                let row = (from, Trigger::TermsWithdrawn);
                Looked::taken(visitor, row, format!("sees the terms go: {reason}"))
            }
            Poll::Ready(AnyStep::PresenceLost(visitor, reason)) => {
                let reason = reason.map_or_else(|| "?".to_owned(), |reason| reason.to_string());
                let row = (from, Trigger::PresenceLost);
                Looked::taken(visitor, row, format!("is offline: {reason}"))
            }
            Poll::Ready(AnyStep::JoinRequested(visitor)) => {
                let words = visitor.agent().map_or_else(
                    || format!("is asked to let in in the state {}", visitor.state()),
                    |agent| format!("is asked to let {} in", agent.name()),
                );
                Looked::taken(visitor, (from, Trigger::JoinRequested), words)
            }
            Poll::Ready(AnyStep::JoinWithdrawn(visitor, reason)) => {
                let row = (from, Trigger::JoinWithdrawn);
                Looked::taken(visitor, row, format!("sees the join go: {reason}"))
            }
            Poll::Ready(AnyStep::SessionEnded(visitor, reason)) => {
                let row = (from, Trigger::SessionEnded);
                Looked::taken(visitor, row, format!("sees the session end: {reason}"))
            }
            Poll::Ready(AnyStep::Changed(visitor, change)) => {
                Looked::step(visitor, format!("notes {change:?}"))
            }
            Poll::Ready(AnyStep::Closed(reason)) => Looked::closed(reason),
        }
    }

    fn answer(mut waiting: PendingVisitor, cx: &mut Context<'_>) -> Looked<Self> {
        use coview_lifecycle::AnyRequestError;
        match Pin::new(&mut waiting).poll(cx) {
            Poll::Pending => Looked::Nothing(Hand::Waiting(waiting)),
            Poll::Ready(Ok(visitor)) => Looked::step(visitor, "granted"),
            Poll::Ready(Err(AnyRequestError::Refused { visitor, reason })) => {
                Looked::refused(visitor, reason)
            }
            Poll::Ready(Err(AnyRequestError::Closed(reason))) => Looked::closed(reason),
        }
    }

    fn describe(free: &SimVisitor) -> String {
        let key = match free.key_display() {
            KeyDisplay::Show(_) => ", a key is shown",
            KeyDisplay::Hidden => "",
        };
        format!("is {}{key}", free.state())
    }

    fn debug(free: &SimVisitor) -> String {
        format!("{free:?}")
    }

    fn screen() -> Sharer {
        Sharer::new()
    }

    fn work(
        id: ClientId,
        screen: &mut Sharer,
        free: Option<&mut SimVisitor>,
        notes: &mut Notes,
    ) -> Option<Deadline> {
        screen.work(id, free, notes);
        screen.wake_at()
    }

    fn session_heard(bytes: &[u8]) -> Option<SessionId> {
        ViewerNotice::decode(bytes).ok().map(|notice| notice.session)
    }

    fn said(client: ClientId, message: &coview_wire::ClientMessage) -> Seen<'_> {
        Seen::VisitorSaid { client, message }
    }

    fn told(client: ClientId, message: &coview_wire::ServerMessage) -> Seen<'_> {
        Seen::VisitorTold { client, message }
    }

    fn observe(client: ClientId, free: &SimVisitor, notes: &mut Notes) {
        let key = match free.key_display() {
            KeyDisplay::Show(key) => Some(key.to_string()),
            KeyDisplay::Hidden => None,
        };
        notes.see(Seen::Visitor {
            client,
            group: free.group(),
            state: free.state(),
            key: key.as_deref(),
            session: session_of(free),
        });
    }
}

pub(crate) enum Agents {}

impl Party for Agents {
    type Role = AgentRole;
    type Row = (AgentStateKind, coview_agent::table::Trigger);
    type Free = SimAgent;
    type Waiting = PendingAgent;
    type Screen = Watcher;

    fn begin(
        config: &coview_proto::AgentConfig,
        greeting: coview_proto::AgentGreeting,
        link: SimLink<AgentRole>,
    ) -> SimAgent {
        let facts = coview_agent::SignInFacts {
            card: greeting.agent,
            lasts_ms: greeting.expires_ms,
            rights: greeting.rights,
            key_digits: greeting.key_digits,
        };
        coview_agent::Agent::initialized(link, config.group.clone(), facts).into()
    }

    fn moved(
        id: ClientId,
        row: (AgentStateKind, coview_agent::table::Trigger),
        free: &SimAgent,
        refused: bool,
        notes: &mut Notes,
    ) {
        notes.agent_moved(id, row, free.state(), refused);
    }

    fn next(free: SimAgent, cx: &mut Context<'_>) -> Looked<Self> {
        use coview_agent::AnyStep;
        use coview_agent::table::Trigger;
        use coview_wire::AskOutcome;
        let from = free.state();
        let mut next = free.next();
        match Pin::new(&mut next).poll(cx) {
            Poll::Pending => {
                let agent = next.into_agent().expect("no step was taken");
                Looked::Nothing(Hand::Free(agent))
            }
            Poll::Ready(AnyStep::Accepted(agent)) => Looked::Step {
                hand: Hand::Free(agent),
                words: "sees its request accepted".to_owned(),
                outcome: Some(AskOutcome::Accepted),
                row: Some((from, Trigger::Accepted)),
                refused: false,
            },
            Poll::Ready(AnyStep::AskOver(agent, outcome)) => Looked::Step {
                hand: Hand::Free(agent),
                words: format!("sees its request end: {outcome}"),
                outcome: Some(outcome),
                row: Some((from, Trigger::AskOver)),
                refused: false,
            },
            Poll::Ready(AnyStep::LetIn(agent)) => {
                Looked::taken(agent, (from, Trigger::LetIn), "is let in")
            }
            Poll::Ready(AnyStep::KeptOut(agent, reason)) => {
                Looked::taken(agent, (from, Trigger::KeptOut), format!("is kept out: {reason}"))
            }
            Poll::Ready(AnyStep::SessionEnded(agent, reason)) => {
                let row = (from, Trigger::SessionEnded);
                Looked::taken(agent, row, format!("sees the session end: {reason}"))
            }
            Poll::Ready(AnyStep::Changed(agent, change)) => {
                Looked::step(agent, format!("notes {change:?}"))
            }
            Poll::Ready(AnyStep::Closed(reason)) => Looked::closed(reason),
        }
    }

    fn answer(mut waiting: PendingAgent, cx: &mut Context<'_>) -> Looked<Self> {
        use coview_agent::AnyRequestError;
        match Pin::new(&mut waiting).poll(cx) {
            Poll::Pending => Looked::Nothing(Hand::Waiting(waiting)),
            Poll::Ready(Ok(agent)) => Looked::step(agent, "granted"),
            Poll::Ready(Err(AnyRequestError::Refused { agent, reason, .. })) => {
                Looked::refused(agent, reason)
            }
            Poll::Ready(Err(AnyRequestError::Closed(reason))) => Looked::closed(reason),
        }
    }

    fn describe(free: &SimAgent) -> String {
        format!("is {}", free.state())
    }

    fn debug(free: &SimAgent) -> String {
        format!("{free:?}")
    }

    fn screen() -> Watcher {
        Watcher::default()
    }

    fn work(
        id: ClientId,
        screen: &mut Watcher,
        free: Option<&mut SimAgent>,
        notes: &mut Notes,
    ) -> Option<Deadline> {
        screen.work(id, free, notes);
        None
    }

    fn session_heard(bytes: &[u8]) -> Option<SessionId> {
        PictureRelay::decode(bytes).ok().map(|picture| picture.session())
    }

    fn said(client: ClientId, message: &coview_wire::AgentMessage) -> Seen<'_> {
        Seen::AgentSaid { client, message }
    }

    fn told(client: ClientId, message: &coview_wire::AgentNotice) -> Seen<'_> {
        Seen::AgentTold { client, message }
    }

    fn observe(client: ClientId, free: &SimAgent, notes: &mut Notes) {
        notes.see(Seen::Agent { client, group: free.group(), session: free.session() });
    }
}

/// The session of a visitor who shares.
pub(crate) fn session_of(visitor: &SimVisitor) -> Option<SessionId> {
    visitor.session()
}

/// Whether a visitor has the focus of its visitor id; `None` if it is not online.
pub(crate) fn focus_of(visitor: &SimVisitor) -> Option<bool> {
    match visitor {
        AnyVisitor::PresenceConnected(visitor) => Some(visitor.has_focus()),
        AnyVisitor::TermsRequested(visitor) => Some(visitor.has_focus()),
        AnyVisitor::TermsShown(visitor) => Some(visitor.has_focus()),
        AnyVisitor::SharingManualPresence(visitor) => Some(visitor.has_focus()),
        AnyVisitor::ConfirmingPresence(visitor) => Some(visitor.has_focus()),
        AnyVisitor::SharingOneClick(visitor) => Some(visitor.has_focus()),
        AnyVisitor::Anonymous(_)
        | AnyVisitor::Identified(_)
        | AnyVisitor::SharingManualAnonymous(_)
        | AnyVisitor::SharingManualIdentified(_)
        | AnyVisitor::ConfirmingAnonymous(_)
        | AnyVisitor::ConfirmingIdentified(_) => None,
    }
}

/// What the world can know of a visitor at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VisitorNow {
    /// It has not been welcomed yet.
    Connecting,
    /// It is in this state.
    In(StateKind, Connectivity),
    /// It waits for the answer to a request.
    Waiting,
    /// It is no more.
    Gone,
}
