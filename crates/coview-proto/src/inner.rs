//! The whole inner state, for a search of all states an engine can come to together with its server.
//!
//! Everything is taken apart field by field without `..`, so that whoever adds a field decides here
//! whether it decides what the engine does next. What does not is named with the reason.

use core::fmt;

use coview_wire::Moment;

use crate::engine::Engine;
use crate::engine::Life;
use crate::engine::Phase;
use crate::outbox::Outbox;
use crate::role::Role;

impl<R: Role> Engine<R> {
    /// The same engine once more: for a search that goes on from one state in several ways, and for
    /// nothing else.
    #[doc(hidden)]
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            config: self.config.clone(),
            backoff: self.backoff,
            rng: self.rng.clone(),
            now: self.now,
            phase: self.phase,
            place: self.place.clone(),
            memory: self.memory,
            base: self.base.clone(),
            outbox: self.outbox.clone(),
            numbered: self.numbered,
            greeted_at: self.greeted_at,
            acknowledged: self.acknowledged,
            failed: self.failed,
            waited: self.waited,
            lost_at: self.lost_at,
            connectivity: self.connectivity,
            stats: self.stats,
            outputs: self.outputs.clone(),
        }
    }

    /// Everything that decides what the engine does next, without secrets; what the app has said and
    /// the server not acknowledged is [told apart](Self::unacknowledged). Heartbeats are taken to be
    /// answered in time.
    #[doc(hidden)]
    pub fn inner(&self, now: Moment) -> impl fmt::Debug {
        fmt::from_fn(move |f| self.fmt_inner(now, f))
    }

    /// What the app has said and the server is not known to have acted on.
    #[doc(hidden)]
    pub fn unacknowledged(&self) -> impl Iterator<Item = &R::Says> {
        self.outbox.entries.iter().map(|(_, message)| message)
    }

    fn fmt_inner(&self, now: Moment, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            // They never change.
            config: _,
            backoff: _,
            // What is drawn is a wait, which is told where it is kept.
            rng: _,
            // Time is told apart, and every deadline from there.
            now: _,
            phase,
            // Its owner knows which place the secret opens; the times are the server's.
            place,
            memory,
            base,
            outbox: Outbox { entries: _, said, ever },
            numbered,
            greeted_at,
            acknowledged,
            failed,
            waited,
            lost_at,
            connectivity,
            // Counters decide nothing.
            stats: _,
            // Empty between two inputs.
            outputs: _,
        } = self;
        match phase {
            Phase::New => f.write_str("New")?,
            Phase::Opening { fail_at } => write!(f, "Opening {:?}", fail_at.since(now))?,
            Phase::Greeting { asked, fail_at } => {
                write!(f, "Greeting {asked:?} {:?}", fail_at.since(now))?;
            }
            Phase::Restoring { step, fail_at } => {
                write!(f, "Restoring {step:?} {:?}", fail_at.since(now))?;
            }
            // Signs of life are taken to come in time. How long the connection has held matters up
            // to the wait before it.
            Phase::Live(Life { since, said: _, pinged: _, heard: _ }) => {
                write!(f, "Live {:?}", now.since(*since).min(*waited))?;
            }
            Phase::Waiting { until } => write!(f, "Waiting {:?}", until.since(now))?,
            Phase::Parked { until } => write!(f, "Parked {:?}", until.since(now))?,
            Phase::Closed => f.write_str("Closed")?,
        }
        let (lost, known) = (lost_at.map(|lost_at| now.since(lost_at)), place.is_some());
        write!(
            f,
            " {known} {memory:?} {base:?} said {said} {ever} {numbered:?} {greeted_at:?} \
             {acknowledged:?} failed {failed} {waited:?} {lost:?} {connectivity:?}"
        )
    }
}
