//! One client of the search: a real engine, and the real typed value on top of it.
//!
//! A typed value is linear: there is one, it moves, and nothing can copy it. So that a state can be
//! gone on from in several ways, everything that was ever done with the value is kept, and another
//! one is made by doing it once more. It does not know the time and draws nothing, so it comes out
//! the same.

use core::fmt::Debug;
use core::task::Context;
use core::task::Waker;
use std::collections::BTreeSet;
use std::rc::Rc;

use coview_agent::AgentStateKind;
use coview_lifecycle::Connectivity;
use coview_lifecycle::KeyDisplay;
use coview_lifecycle::LinkClosed;
use coview_lifecycle::StateKind;
use coview_proto::Engine;
use coview_proto::Input;
use coview_proto::Output;
use coview_proto::Role;
use coview_proto::WINDOW;
use coview_wire::AgentId;
use coview_wire::Moment;
use coview_wire::SessionId;
use coview_wire::SessionKey;
use coview_wire::ViewerEvent;
use coview_wire::ViewerId;
use coview_wire::ViewerNotice;

use crate::checker::Seen;
use crate::client::ClientId;
use crate::device::Agents;
use crate::device::Gone;
use crate::device::Hand;
use crate::device::Looked;
use crate::device::Party;
use crate::device::Visitors;
use crate::device::Wish;
use crate::link::Arrived;
use crate::link::Other;
use crate::link::SimLink;
use crate::link::pair;
use crate::notes::Notes;
use crate::search::digest::Read;
use crate::search::digest::Writing;

/// A kind of client whose typed values can be made once more.
pub(super) trait Actor: Party {
    type Verb: Clone + Debug;

    /// Calls a verb; says whether it was possible.
    fn call(free: Self::Free, verb: Self::Verb) -> (Hand<Self>, bool);
    fn give_up(waiting: Self::Waiting) -> Self::Free;
    /// Takes one step, or the value back.
    fn look(free: Self::Free) -> Looked<Self>;
    fn answer_of(waiting: Self::Waiting) -> Looked<Self>;
    fn glance(free: &Self::Free) -> Glance;
    fn inner(hand: &Hand<Self>) -> String;
}

/// What can be seen of a typed value without having it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Glance {
    Connecting,
    Visitor {
        state: StateKind,
        session: Option<SessionId>,
        key: Option<SessionKey>,
        agents: Vec<AgentId>,
    },
    Agent {
        state: AgentStateKind,
        session: Option<SessionId>,
        agents: Vec<AgentId>,
    },
    Waiting,
    Gone,
}

/// One thing that was done with a typed value.
enum Moved<P: Actor> {
    Began(<P::Role as Role>::Greeting),
    Heard(<P::Role as Role>::Hears),
    Connectivity(Connectivity),
    Closed(LinkClosed),
    Looked,
    Called(P::Verb),
    GaveUp,
}

/// Everything that was done with a typed value, the latest first.
struct Story<P: Actor>(Option<Rc<(Moved<P>, Self)>>);

impl<P: Actor> Clone for Story<P> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<P: Actor> Story<P> {
    fn note(&mut self, moved: Moved<P>) {
        let before = Self(self.0.take());
        self.0 = Some(Rc::new((moved, before)));
    }

    fn in_order(&self) -> Vec<&Moved<P>> {
        let mut all = Vec::new();
        let mut at = self;
        while let Some(node) = &at.0 {
            all.push(&node.0);
            at = &node.1;
        }
        all.reverse();
        all
    }
}

/// The typed value itself, and its engine's end of the link.
struct Typed<P: Actor> {
    hand: Hand<P>,
    link: Option<Other<P::Role>>,
}

impl<P: Actor> Typed<P> {
    const fn nobody() -> Self {
        Self { hand: Hand::Connecting, link: None }
    }

    /// Does one thing with the value; says whether it was possible.
    fn moves(&mut self, config: &<P::Role as Role>::Config, moved: &Moved<P>) -> bool {
        match moved {
            Moved::Began(greeting) => {
                let (link, other): (SimLink<P::Role>, _) = pair();
                self.link = Some(other);
                self.hand = Hand::Free(P::begin(config, greeting.clone(), link));
                true
            }
            Moved::Heard(message) => self.arrives(Arrived::Message(message.clone())),
            Moved::Connectivity(connectivity) => self.arrives(Arrived::Connectivity(*connectivity)),
            Moved::Closed(reason) => self.arrives(Arrived::Closed(*reason)),
            Moved::Looked => {
                self.look(|_, _, _| {});
                true
            }
            Moved::Called(verb) => match core::mem::replace(&mut self.hand, Hand::Connecting) {
                Hand::Free(free) => {
                    let (hand, possible) = P::call(free, verb.clone());
                    self.hand = hand;
                    possible
                }
                other @ (Hand::Connecting | Hand::Waiting(_) | Hand::Gone(_)) => {
                    self.hand = other;
                    false
                }
            },
            Moved::GaveUp => match core::mem::replace(&mut self.hand, Hand::Connecting) {
                Hand::Waiting(waiting) => {
                    self.hand = Hand::Free(P::give_up(waiting));
                    true
                }
                other @ (Hand::Connecting | Hand::Free(_) | Hand::Gone(_)) => {
                    self.hand = other;
                    false
                }
            },
        }
    }

    fn arrives(&self, what: Arrived<P::Role>) -> bool {
        if let Some(link) = &self.link {
            link.arrive(what);
        }
        true
    }

    /// Looks at the value until there is nothing more to see.
    fn look(&mut self, mut saw: impl FnMut(&Hand<P>, &str, Option<coview_wire::AskOutcome>)) {
        loop {
            let looked = match core::mem::replace(&mut self.hand, Hand::Connecting) {
                Hand::Free(free) => P::look(free),
                Hand::Waiting(waiting) => P::answer_of(waiting),
                hand @ (Hand::Connecting | Hand::Gone(_)) => Looked::Nothing(hand),
            };
            match looked {
                Looked::Nothing(hand) => {
                    self.hand = hand;
                    return;
                }
                Looked::Step { hand, words, outcome, row: _, refused: _ } => {
                    saw(&hand, &words, outcome);
                    self.hand = hand;
                }
            }
        }
    }
}

pub(super) struct Person<P: Actor> {
    pub(super) id: ClientId,
    config: Rc<<P::Role as Role>::Config>,
    pub(super) engine: Engine<P::Role>,
    story: Story<P>,
    /// Made from the story when it is needed.
    typed: Option<Typed<P>>,
    pub(super) glance: Glance,
    /// Everything the typed value is and knows.
    inner: Rc<Read>,
    pub(super) wake: Option<Moment>,
    /// Whom the app sends pictures to, of the session it shares in.
    pub(super) viewers: (Option<SessionId>, BTreeSet<ViewerId>),
}

impl<P: Actor> Person<P> {
    pub(super) fn new(id: ClientId, config: <P::Role as Role>::Config, seed: u64) -> Self {
        Self {
            id,
            engine: Engine::new(config.clone(), seed),
            config: Rc::new(config),
            story: Story(None),
            typed: None,
            glance: Glance::Connecting,
            inner: Rc::default(),
            wake: None,
            viewers: (None, BTreeSet::new()),
        }
    }

    /// The same person once more.
    pub(super) fn fork(&self) -> Self {
        Self {
            id: self.id,
            config: Rc::clone(&self.config),
            engine: self.engine.fork(),
            story: self.story.clone(),
            typed: None,
            glance: self.glance.clone(),
            inner: Rc::clone(&self.inner),
            wake: self.wake,
            viewers: self.viewers.clone(),
        }
    }

    /// The typed value, made by doing once more whatever was done with it.
    fn typed(&mut self) -> &mut Typed<P> {
        let (config, story): (&<P::Role as Role>::Config, _) = (&self.config, &self.story);
        self.typed.get_or_insert_with(|| {
            let mut typed = Typed::nobody();
            for moved in story.in_order() {
                typed.moves(config, moved);
                // It was given to the engine then.
                while let Some(link) = &typed.link
                    && link.said().is_some()
                {}
            }
            typed
        })
    }

    fn moves(&mut self, moved: Moved<P>) -> bool {
        let config = Rc::clone(&self.config);
        let possible = self.typed().moves(&config, &moved);
        self.story.note(moved);
        possible
    }

    /// The app calls a verb; says whether it was possible.
    pub(super) fn calls(&mut self, verb: P::Verb) -> bool {
        self.moves(Moved::Called(verb))
    }

    /// The app takes a request back that waits for its answer.
    pub(super) fn gives_up(&mut self) -> bool {
        self.moves(Moved::GaveUp)
    }

    /// Gives the engine an input, if there is one, and then lets engine and typed value talk until
    /// both are still.
    pub(super) fn handle(
        &mut self,
        input: Option<Input<'_, P::Role>>,
        notes: &mut Notes,
        wishes: &mut Vec<Wish>,
    ) {
        // What changes only what the engine knows does not need the typed value.
        let mut touched = input.is_none();
        if let Some(input) = input {
            self.engine.handle_input(notes.now, input);
        }
        touched |= self.drain(notes, wishes);
        if !touched {
            return;
        }
        loop {
            self.look(notes);
            let said = self.typed().link.as_ref().and_then(Other::said);
            let left = self.typed().link.as_ref().is_some_and(Other::left);
            if let Some(message) = said {
                notes.see(P::said(self.id, &message));
                self.engine.handle_input(notes.now, Input::Say(message));
            } else if left {
                // The value went with the end of its link; there is nobody to leave.
                self.typed().link = None;
                self.engine.handle_input(notes.now, Input::Leave);
            } else {
                break;
            }
            self.drain(notes, wishes);
        }
        let id = self.id;
        if let Hand::Free(free) = &self.typed().hand {
            P::observe(id, free, notes);
        }
        let hand = &self.typed().hand;
        let glance = match hand {
            Hand::Connecting => Glance::Connecting,
            Hand::Free(free) => P::glance(free),
            Hand::Waiting(_) => Glance::Waiting,
            Hand::Gone(_) => Glance::Gone,
        };
        let inner = P::inner(hand);
        self.glance = glance;
        self.inner = Rc::new(Read::of(&inner));
    }

    /// Takes what the engine puts out; says whether any of it was for the typed value.
    fn drain(&mut self, notes: &mut Notes, wishes: &mut Vec<Wish>) -> bool {
        let (mut count, mut touched) = (0, false);
        loop {
            let output = self.engine.poll_output();
            count += 1;
            let moved = match output {
                Output::Open => {
                    wishes.push(Wish::Open);
                    continue;
                }
                Output::Send(text) => {
                    wishes.push(Wish::Send(text));
                    continue;
                }
                Output::SendBinary(bytes) => {
                    wishes.push(Wish::SendBinary(bytes));
                    continue;
                }
                Output::Close => {
                    wishes.push(Wish::Close);
                    continue;
                }
                Output::HearBinary(bytes) => {
                    self.hears_binary(&bytes);
                    continue;
                }
                Output::Ready(greeting) => Moved::Began(greeting),
                Output::Hear(message) => {
                    notes.see(P::told(self.id, &message));
                    Moved::Heard(message)
                }
                Output::Connectivity(connectivity) => Moved::Connectivity(connectivity),
                Output::Closed(ended) => {
                    if self.glance == Glance::Connecting {
                        notes.client(self.id, format!("never connected: {ended}"));
                        self.typed().hand = Hand::Gone(Gone::NeverConnected(ended));
                        touched = true;
                        continue;
                    }
                    Moved::Closed(ended.into())
                }
                Output::Idle { wake_at } => {
                    notes.see(Seen::Outputs { of: Some(self.id), count, limit: WINDOW + 8 });
                    self.wake = wake_at.map(|deadline| deadline.at.max(notes.now));
                    let running = self.engine.picture_session();
                    if self.viewers.0 != running {
                        self.viewers = (running, BTreeSet::new());
                    }
                    return touched;
                }
            };
            touched = true;
            self.moves(moved);
        }
    }

    /// The app notes who watches; what an agent is shown is seen by nobody here.
    fn hears_binary(&mut self, bytes: &[u8]) {
        let Ok(ViewerNotice { session, viewer, event }) = ViewerNotice::decode(bytes) else {
            return;
        };
        if self.viewers.0 != Some(session) {
            self.viewers = (Some(session), BTreeSet::new());
        }
        match event {
            ViewerEvent::Joined => drop(self.viewers.1.insert(viewer)),
            ViewerEvent::Left => drop(self.viewers.1.remove(&viewer)),
            ViewerEvent::Acknowledged { .. } | ViewerEvent::Refresh => {}
        }
    }

    fn look(&mut self, notes: &mut Notes) {
        let id = self.id;
        self.typed().look(|hand, words, outcome| {
            if let Some(outcome) = outcome {
                notes.see(Seen::AgentOutcome { client: id, outcome });
            }
            match hand {
                Hand::Free(free) => {
                    notes.client(id, format!("{words}; {}", P::describe(free)));
                    P::observe(id, free, notes);
                }
                Hand::Connecting | Hand::Waiting(_) | Hand::Gone(_) => notes.client(id, words),
            }
        });
        self.story.note(Moved::Looked);
    }

    /// Writes everything that decides what this client does next.
    pub(super) fn show(&self, now: Moment, to: &mut Writing) {
        to.known_piece(self.id.into(), &self.inner);
        let viewers = &self.viewers;
        to.piece(self.id.into(), format_args!("{:?} {viewers:?}", self.engine.inner(now)));
    }
}

impl Actor for Visitors {
    type Verb = coview_lifecycle::Command;

    fn call(free: Self::Free, verb: Self::Verb) -> (Hand<Self>, bool) {
        use coview_lifecycle::Applied;
        match free.apply(verb) {
            Ok(Applied::Now(visitor)) => (Hand::Free(visitor), true),
            Ok(Applied::Pending(pending)) => (Hand::Waiting(pending), true),
            Err(misuse) => (Hand::Free(misuse.into_visitor()), false),
        }
    }

    fn give_up(waiting: Self::Waiting) -> Self::Free {
        waiting.into_visitor().expect("the answer was not taken")
    }

    fn look(free: Self::Free) -> Looked<Self> {
        Self::next(free, &mut Context::from_waker(Waker::noop()))
    }

    fn answer_of(waiting: Self::Waiting) -> Looked<Self> {
        Self::answer(waiting, &mut Context::from_waker(Waker::noop()))
    }

    fn glance(free: &Self::Free) -> Glance {
        let key = match free.key_display() {
            KeyDisplay::Show(key) => SessionKey::parse(&key.to_string()).ok(),
            KeyDisplay::Hidden => None,
        };
        let agents = free.agents().iter().map(|card| card.agent.clone()).collect();
        Glance::Visitor { state: free.state(), session: free.session(), key, agents }
    }

    fn inner(hand: &Hand<Self>) -> String {
        match hand {
            Hand::Connecting => String::new(),
            Hand::Free(visitor) => format!("{:?}", visitor.inner()),
            Hand::Waiting(pending) => format!("{:?}", pending.inner()),
            Hand::Gone(gone) => format!("{gone:?}"),
        }
    }
}

impl Actor for Agents {
    type Verb = coview_agent::Command;

    fn call(free: Self::Free, verb: Self::Verb) -> (Hand<Self>, bool) {
        use coview_agent::Applied;
        match free.apply(verb) {
            Ok(Applied::Now(agent) | Applied::Refused(agent, _)) => (Hand::Free(agent), true),
            Ok(Applied::Pending(pending)) => (Hand::Waiting(pending), true),
            Err(misuse) => (Hand::Free(misuse.into_agent()), false),
        }
    }

    fn give_up(waiting: Self::Waiting) -> Self::Free {
        waiting.into_agent().expect("the answer was not taken")
    }

    fn look(free: Self::Free) -> Looked<Self> {
        Self::next(free, &mut Context::from_waker(Waker::noop()))
    }

    fn answer_of(waiting: Self::Waiting) -> Looked<Self> {
        Self::answer(waiting, &mut Context::from_waker(Waker::noop()))
    }

    fn glance(free: &Self::Free) -> Glance {
        let agents = free.agents().iter().map(|card| card.agent.clone()).collect();
        Glance::Agent { state: free.state(), session: free.session(), agents }
    }

    fn inner(hand: &Hand<Self>) -> String {
        match hand {
            Hand::Connecting => String::new(),
            Hand::Free(agent) => format!("{:?}", agent.inner()),
            Hand::Waiting(pending) => format!("{:?}", pending.inner()),
            Hand::Gone(gone) => format!("{gone:?}"),
        }
    }
}
