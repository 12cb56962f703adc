use core::fmt;

use coview_lifecycle::Connectivity;
use coview_wire::Moment;

use crate::io::Input;
use crate::io::Output;
use crate::outbox::Outbox;
use crate::role::Role;

/// The client engine; see the [crate documentation](crate) for how to drive it.
pub struct Engine<R: Role> {
    config: R::Config,
    outbox: Outbox<R>,
    connectivity: Connectivity,
    stats: Stats,
}

/// What an engine has counted, for a log or a metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stats {
    /// Transports opened.
    pub opened: u64,
    /// Places resumed after a break.
    pub resumed: u64,
    /// Places begun anew after a break, because the server had forgotten the client.
    pub restored: u64,
    /// Messages of the server that could not be read, such as one of a newer version. They were
    /// ignored.
    pub undecodable: u64,
    /// Messages of the server that have no meaning where they came. They were ignored.
    pub unexpected: u64,
    /// Messages of the app that were not said, because only the engine says such a message or
    /// because its number is not above the one before.
    pub misused: u64,
}

impl<R: Role> Engine<R> {
    /// An engine that has not begun. The seed spreads the waits of many clients; it is no secret.
    #[must_use]
    pub fn new(config: R::Config, seed: u64) -> Self {
        let _ = seed;
        Self {
            config,
            outbox: Outbox::new(),
            connectivity: Connectivity::Connected,
            stats: Stats::default(),
        }
    }

    /// Tells the engine that something happened. Call [`poll_output`](Self::poll_output) until it
    /// is idle before the next input.
    pub fn handle_input(&mut self, now: Moment, input: Input<'_, R>) {
        let _ = (now, input);
    }

    /// What to do next; [`Output::Idle`] when there is nothing more.
    pub fn poll_output(&mut self) -> Output<R> {
        Output::Idle { wake_at: None }
    }

    /// Whether there is a connection, as last told by [`Output::Connectivity`].
    #[must_use]
    pub const fn connectivity(&self) -> Connectivity {
        self.connectivity
    }

    /// What the engine has counted so far.
    #[must_use]
    pub const fn stats(&self) -> Stats {
        self.stats
    }
}

impl<R: Role> fmt::Debug for Engine<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("outbox", &self.outbox.len()).finish_non_exhaustive()
    }
}
