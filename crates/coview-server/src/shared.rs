use core::sync::atomic::AtomicU64;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Instant;
use std::time::SystemTime;

use async_channel::Receiver;
use async_channel::Sender;
use coview_audit::Ticket;
use coview_hub::Caller;
use coview_hub::ConnId;
use coview_hub::Event;
use coview_hub::Hub;
use coview_hub::Input;
use coview_hub::Output;
use coview_hub::Stats;
use coview_wire::Deadline;
use coview_wire::Moment;
use coview_wire::UnixTime;

use crate::audit::Audit;
use crate::audit::Gate;
use crate::config::Limits;
use crate::config::ServerConfig;
use crate::front::Admitted;
use crate::front::Front;
use crate::front::Stage;
use crate::outbox::Outbox;
use crate::outbox::Word;
use crate::proxy::Source;

/// The one hub, and the way from it to every client.
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) front: Arc<Front>,
    audit: Audit,
    began: Instant,
    state: Mutex<State>,
    /// How many connections are no WebSocket yet.
    greeting: AtomicUsize,
    /// Says that the hub's deadline changed.
    rearm: Sender<()>,
    /// How many clients were cut off because they sent too much for too long.
    flooding: AtomicU64,
    /// When clients were told that the server is about to stop, if they were.
    draining: Mutex<Option<Instant>>,
    /// Says that it is.
    drain: Sender<()>,
}

struct State {
    hub: Hub,
    clients: BTreeMap<ConnId, Arc<Outbox>>,
    last: u64,
    turn: u64,
    wake_at: Option<Deadline>,
    /// When it will be woken, whatever it wants.
    armed: Option<Instant>,
    /// What the hub was told last about the wall clock, and when.
    wall: Option<(UnixTime, Moment)>,
    /// Whether the hub was told that records get onto the disk.
    records: bool,
    /// The last record something began with.
    begun: Ticket,
    /// What the hub has to have done in this turn.
    outputs: Vec<Output>,
    sent_away: u64,
    /// When the log was told last that clients are sent away.
    told: Option<Instant>,
}

/// How often the log is told of what happens to one client after the other, such as that they are sent
/// away.
pub(crate) const TELL_EVERY: Duration = Duration::from_secs(10);

/// How often the hub is told the time of the wall clock, whatever else happens.
const TELL_TIME: Duration = Duration::from_secs(30);

/// How far the wall clock may be from where the hub expects it, before the hub is told at once.
const CLOCK_JUMP: u64 = 2;

/// A connection that is no WebSocket yet.
pub(crate) struct Greeting {
    shared: Arc<Shared>,
    _admitted: Admitted,
}

impl Drop for Greeting {
    fn drop(&mut self) {
        self.shared.greeting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Who was told something because of one input.
#[derive(Clone, Copy, Default)]
pub(crate) struct Told {
    /// The client whose input it was.
    pub(crate) speaker: bool,
    /// Somebody else.
    pub(crate) others: bool,
}

/// What [`Shared::new`] gives to whoever serves.
pub(crate) struct Signals {
    /// The hub's deadline changed.
    pub(crate) rearmed: Receiver<()>,
    /// The server is to be drained.
    pub(crate) drain: Receiver<()>,
}

/// Whether the hub has to be told that the wall clock says this, after what it was told before.
fn is_news(told: Option<(UnixTime, Moment)>, at: Moment, says: UnixTime) -> bool {
    let Some((told, when)) = told else { return true };
    let since = at.since(when);
    since >= TELL_TIME || (told + since).get().abs_diff(says.get()) >= CLOCK_JUMP
}

impl State {
    /// What the wall clock says, if the hub has not been told for long or expects something else:
    /// a clock is set now and then, and a machine that slept has one that is ahead.
    fn time_to_tell(&mut self, at: Moment) -> Option<UnixTime> {
        let says = wall();
        if !is_news(self.wall, at, says) {
            return None;
        }
        self.wall = Some((says, at));
        Some(says)
    }

    /// Whether there are too many clients to let one more in. If so, it counts as sent away.
    fn is_full(&mut self, limits: &Limits) -> bool {
        let full = self.clients.len() >= limits.connections;
        if full {
            self.send_away(limits.connections);
        }
        full
    }

    /// Counts a client that is sent away.
    fn send_away(&mut self, limit: usize) {
        self.sent_away += 1;
        let now = now();
        if self.told.is_none_or(|told| told + TELL_EVERY <= now) {
            self.told = Some(now);
            let sent_away = self.sent_away;
            tracing::warn!(limit, sent_away, "clients are sent away: too many connections");
        }
    }
}

impl Shared {
    pub(crate) fn new(
        config: ServerConfig,
        front: Front,
        audit: Audit,
        seed: [u8; 32],
    ) -> (Arc<Self>, Signals) {
        let (rearm, rearmed) = async_channel::bounded(1);
        let (drain, drained) = async_channel::bounded(1);
        let state = Mutex::new(State {
            hub: Hub::new(config.hub, seed),
            clients: BTreeMap::new(),
            last: 0,
            turn: 0,
            wake_at: None,
            armed: None,
            wall: None,
            records: true,
            begun: Ticket::default(),
            outputs: Vec::new(),
            sent_away: 0,
            told: None,
        });
        let shared = Self {
            limits: config.limits,
            front: Arc::new(front),
            audit,
            began: now(),
            state,
            greeting: AtomicUsize::new(0),
            rearm,
            flooding: AtomicU64::new(0),
            draining: Mutex::new(None),
            drain,
        };
        (Arc::new(shared), Signals { rearmed, drain: drained })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic inside the hub is a bug; going on serves everybody else better than stopping.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins with a connection, unless too many have not got further.
    ///
    /// They have a limit of their own, so that clients cannot keep an operator from the metrics.
    pub(crate) fn greet(self: &Arc<Self>, from: Source) -> Option<Greeting> {
        let limit = self.limits.connections;
        // From here on it is counted down again, however this ends.
        let full = self.greeting.fetch_add(1, Ordering::Relaxed) >= limit;
        let admitted = if full { None } else { self.admit(from, Stage::Greeting) };
        let Some(admitted) = admitted else {
            self.greeting.fetch_sub(1, Ordering::Relaxed);
            let limit = if full { limit } else { self.limits.connections_per_address };
            self.lock().send_away(limit);
            return None;
        };
        Some(Greeting { shared: Arc::clone(self), _admitted: admitted })
    }

    /// Lets a client of this household in, unless it has enough of them.
    pub(crate) fn admit_client(&self, from: Source) -> Option<Admitted> {
        let admitted = self.admit(from, Stage::Client);
        if admitted.is_none() {
            self.lock().send_away(self.limits.connections_per_address);
        }
        admitted
    }

    fn admit(&self, from: Source, stage: Stage) -> Option<Admitted> {
        self.front.admit(from, stage, self.limits.connections_per_address)
    }

    /// Whether there are too many clients to let one more in. If so, it counts as sent away.
    pub(crate) fn is_full(&self) -> bool {
        self.lock().is_full(&self.limits)
    }

    /// Lets a client in, unless there are too many.
    pub(crate) fn open(&self, caller: Caller<'_>) -> Option<(ConnId, Arc<Outbox>)> {
        let mut state = self.lock();
        if state.is_full(&self.limits) {
            return None;
        }
        state.last += 1;
        let conn = ConnId::new(state.last);
        let outbox = Arc::<Outbox>::default();
        state.clients.insert(conn, Arc::clone(&outbox));
        self.give(&mut state, Input::Opened { conn, caller });
        Some((conn, outbox))
    }

    pub(crate) fn closed(&self, conn: ConnId) {
        let mut state = self.lock();
        state.clients.remove(&conn);
        self.give(&mut state, Input::Closed { conn });
    }

    /// Takes in a text. Tells who was told something, and whether its client may send pictures now.
    pub(crate) fn text(&self, conn: ConnId, text: &str) -> (Told, bool) {
        let mut state = self.lock();
        let told = self.give(&mut state, Input::Text { conn, text });
        // A session begins, for its visitor, with an answer.
        (told, told.speaker && state.hub.may_send_pictures(conn))
    }

    pub(crate) fn input(&self, input: Input<'_>) -> Told {
        let mut state = self.lock();
        self.give(&mut state, input)
    }

    pub(crate) fn stats(&self) -> Stats {
        self.lock().hub.stats()
    }

    /// How many connections were closed at once because there were too many.
    pub(crate) fn sent_away(&self) -> u64 {
        self.lock().sent_away
    }

    /// A client was cut off because it sent too much for too long.
    pub(crate) fn cut_off_flooding(&self) {
        self.flooding.fetch_add(1, Ordering::Relaxed);
    }

    /// How many were.
    pub(crate) fn flooding(&self) -> u64 {
        self.flooding.load(Ordering::Relaxed)
    }

    /// Begins to send clients elsewhere, if that has not begun.
    pub(crate) fn drain(&self) {
        let mut draining = self.draining.lock().unwrap_or_else(PoisonError::into_inner);
        if draining.is_none() {
            *draining = Some(now());
            drop(draining);
            self.input(Input::Drain);
            // The channel is full only when somebody has been told already.
            let _ = self.drain.try_send(());
        }
    }

    /// For how long the server has been drained; `None` if it is not.
    pub(crate) fn draining(&self) -> Option<Duration> {
        let draining = *self.draining.lock().unwrap_or_else(PoisonError::into_inner);
        draining.map(|since| now().saturating_duration_since(since))
    }

    pub(crate) fn clients(&self) -> usize {
        self.lock().clients.len()
    }

    /// When the hub is to be woken: when it wants to, or to be told the time.
    pub(crate) fn wake_at(&self) -> Instant {
        let told = now() + TELL_TIME;
        let mut state = self.lock();
        let wake_at = state.wake_at.map_or(told, |it| told.min(self.instant(it)));
        state.armed = Some(wake_at);
        wake_at
    }

    fn instant(&self, deadline: Deadline) -> Instant {
        self.began + deadline.at.since(Moment::ZERO)
    }

    /// What holds words back until their records are on disk.
    pub(crate) const fn gate(&self) -> &Arc<Gate> {
        self.audit.gate()
    }

    /// Why records do not get onto the disk, while they do not.
    pub(crate) fn no_records(&self) -> Option<Arc<str>> {
        self.audit.failure()
    }

    /// Whether there was room for it; for a client that is gone there always is.
    fn push(&self, state: &State, conn: ConnId, after: Ticket, word: Word) -> bool {
        let Some(outbox) = state.clients.get(&conn) else { return true };
        if after != Ticket::default() {
            self.audit.gate().wake_after(after, outbox);
        }
        outbox.push(state.turn, after, word, &self.limits).is_ok()
    }

    fn give(&self, state: &mut State, input: Input<'_>) -> Told {
        let at = Moment::new(now().saturating_duration_since(self.began));
        if let Some(now) = state.time_to_tell(at) {
            self.settle(state, at, Input::Wall { now });
        }
        let healthy = self.audit.is_healthy();
        if healthy != state.records {
            state.records = healthy;
            self.settle(state, at, Input::Records { healthy });
        }
        self.settle(state, at, input)
    }

    fn settle(&self, state: &mut State, at: Moment, input: Input<'_>) -> Told {
        let speaker = match input {
            Input::Text { conn, .. } | Input::Binary { conn, .. } => Some(conn),
            Input::Opened { .. }
            | Input::Closed { .. }
            | Input::TooSlow { .. }
            | Input::PicturesDropped { .. }
            | Input::Wall { .. }
            | Input::Records { .. }
            | Input::Drain
            | Input::Timeout
            | Input::Shutdown => None,
        };
        let mut told = Told::default();
        state.turn += 1;
        state.hub.handle_input(at, input);
        let mut outputs = core::mem::take(&mut state.outputs);
        let mut too_slow = Vec::new();
        let mut behind = Vec::new();
        let mut after = Ticket::default();
        let wake_at = loop {
            let wake_at = self.take_down(state, &mut outputs, &mut after);
            for output in outputs.drain(..) {
                if let Output::Send { conn, .. } | Output::SendBinary { conn, .. } = &output {
                    told.speaker |= Some(*conn) == speaker;
                    told.others |= Some(*conn) != speaker;
                }
                self.carry_out(state, after, output, &mut too_slow, &mut behind);
            }
            // Either may tell others something, so look again.
            match (too_slow.pop(), behind.pop()) {
                (Some(conn), later) => {
                    behind.extend(later);
                    state.hub.handle_input(at, Input::TooSlow { conn });
                }
                (None, Some(conn)) => {
                    state.hub.handle_input(at, Input::PicturesDropped { conn });
                }
                (None, None) => break wake_at,
            }
        };
        state.outputs = outputs;
        state.wake_at = wake_at;
        // Nearly every message puts a deadline off. A timer that is too early looks again; only one
        // that would be too late is set anew at once.
        if let Some(wake_at) = wake_at
            && state.armed.is_some_and(|armed| self.instant(wake_at) < armed)
        {
            state.armed = None;
            // A full channel means the timer is about to look anyway.
            let _ = self.rearm.try_send(());
        }
        told
    }

    /// Hands the events of a turn to the audit log before anything of the turn is told. Whatever
    /// order the hub said them in, everything it has to tell waits until the last record that
    /// something begins with is on disk.
    fn take_down(
        &self,
        state: &mut State,
        outputs: &mut Vec<Output>,
        after: &mut Ticket,
    ) -> Option<Deadline> {
        loop {
            match state.hub.poll_output() {
                Output::Event(event) => {
                    if let Some(ticket) = self.audit.record(&event) {
                        state.begun = ticket;
                        *after = ticket;
                    }
                    // What it is told now may tell what others are still waiting for.
                    if matches!(event, Event::VisitorResumed { .. } | Event::AgentResumed { .. }) {
                        *after = state.begun;
                    }
                }
                Output::Idle { wake_at } => return wake_at,
                output @ (Output::Send { .. }
                | Output::SendBinary { .. }
                | Output::SendPicture { .. }
                | Output::ForgetPictures { .. }
                | Output::Close { .. }) => outputs.push(output),
            }
        }
    }

    fn carry_out(
        &self,
        state: &State,
        after: Ticket,
        output: Output,
        too_slow: &mut Vec<ConnId>,
        behind: &mut Vec<ConnId>,
    ) {
        match output {
            Output::Send { conn, text } => {
                if !self.push(state, conn, after, Word::Text(text)) {
                    too_slow.push(conn);
                }
            }
            Output::SendBinary { conn, bytes } => {
                if !self.push(state, conn, after, Word::Binary(bytes)) {
                    too_slow.push(conn);
                }
            }
            Output::SendPicture { conn, bytes } => {
                if let Some(outbox) = state.clients.get(&conn)
                    && outbox.show(bytes, &self.limits).is_err()
                {
                    behind.push(conn);
                }
            }
            Output::ForgetPictures { conn } => {
                if let Some(outbox) = state.clients.get(&conn) {
                    outbox.forget_pictures();
                }
            }
            Output::Close { conn, reason } => {
                if let Some(outbox) = state.clients.get(&conn) {
                    outbox.close(reason);
                }
            }
            // Taken already.
            Output::Event(_) | Output::Idle { .. } => {}
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the server is where the clock is read")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// What the wall clock says. One that says it is before 1970 says 1970: no token is good then.
#[expect(clippy::disallowed_methods, reason = "the server is where the clock is read")]
pub(crate) fn wall() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UnixTime::new(since.map_or(0, |since| since.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hub_is_told_the_time_at_first_now_and_then_and_when_the_clock_was_set() {
        let at = |millis| Moment::new(Duration::from_millis(millis));
        let says = UnixTime::new;
        assert!(is_news(None, at(0), says(1000)));
        let told = Some((says(1000), at(500)));
        assert!(!is_news(told, at(10_500), says(1010)));
        assert!(!is_news(told, at(10_500), says(1011)), "a second is the clocks' own coarseness");
        assert!(is_news(told, at(10_500), says(1012)), "it was set, or the machine slept");
        assert!(is_news(told, at(10_500), says(1008)), "it was set back");
        assert!(is_news(told, at(30_500), says(1030)), "half a minute has gone");
    }
}
