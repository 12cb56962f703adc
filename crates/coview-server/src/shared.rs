use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Instant;

use async_channel::Receiver;
use async_channel::Sender;
use coview_hub::Caller;
use coview_hub::ConnId;
use coview_hub::Hub;
use coview_hub::HubConfig;
use coview_hub::Input;
use coview_hub::Output;
use coview_hub::Stats;
use coview_wire::Deadline;
use coview_wire::Moment;

use crate::config::Limits;
use crate::outbox::Outbox;
use crate::outbox::Word;

/// The one hub, and the way from it to every client.
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    began: Instant,
    state: Mutex<State>,
    /// How many connections are no WebSocket yet.
    greeting: AtomicUsize,
    /// Says that the hub's deadline changed.
    rearm: Sender<()>,
}

struct State {
    hub: Hub,
    clients: BTreeMap<ConnId, Arc<Outbox>>,
    last: u64,
    turn: u64,
    wake_at: Option<Deadline>,
    sent_away: u64,
    /// When the log was told last that clients are sent away.
    told: Option<Instant>,
}

/// How often the log is told that clients are sent away.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// A connection that is no WebSocket yet.
pub(crate) struct Greeting(Arc<Shared>);

impl Drop for Greeting {
    fn drop(&mut self) {
        self.0.greeting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl State {
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
    pub(crate) fn new(hub: HubConfig, limits: Limits, seed: [u8; 32]) -> (Arc<Self>, Receiver<()>) {
        let (rearm, rearmed) = async_channel::bounded(1);
        let state = Mutex::new(State {
            hub: Hub::new(hub, seed),
            clients: BTreeMap::new(),
            last: 0,
            turn: 0,
            wake_at: None,
            sent_away: 0,
            told: None,
        });
        let greeting = AtomicUsize::new(0);
        (Arc::new(Self { limits, began: now(), state, greeting, rearm }), rearmed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic inside the hub is a bug; going on serves everybody else better than stopping.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins with a connection, unless too many have not got further.
    ///
    /// They have a limit of their own, so that clients cannot keep an operator from the metrics.
    pub(crate) fn greet(self: &Arc<Self>) -> Option<Greeting> {
        let limit = self.limits.connections;
        let greeting = Greeting(Arc::clone(self));
        if self.greeting.fetch_add(1, Ordering::Relaxed) < limit {
            return Some(greeting);
        }
        self.lock().send_away(limit);
        None
    }

    /// Whether there are too many clients to let one more in. If so, it counts as sent away.
    pub(crate) fn is_full(&self) -> bool {
        let mut state = self.lock();
        let full = state.clients.len() >= self.limits.connections;
        if full {
            state.send_away(self.limits.connections);
        }
        full
    }

    /// Lets a client in, unless there are too many.
    pub(crate) fn open(&self) -> Option<(ConnId, Arc<Outbox>)> {
        if self.is_full() {
            return None;
        }
        let mut state = self.lock();
        state.last += 1;
        let conn = ConnId::new(state.last);
        let outbox = Arc::new(Outbox::default());
        state.clients.insert(conn, Arc::clone(&outbox));
        self.give(&mut state, Input::Opened { conn, caller: Caller::default() });
        Some((conn, outbox))
    }

    pub(crate) fn closed(&self, conn: ConnId) {
        let mut state = self.lock();
        state.clients.remove(&conn);
        self.give(&mut state, Input::Closed { conn });
    }

    /// Takes in a text. Tells whether its client may send pictures now.
    pub(crate) fn text(&self, conn: ConnId, text: &str) -> bool {
        let mut state = self.lock();
        self.give(&mut state, Input::Text { conn, text });
        state.hub.may_send_pictures(conn)
    }

    pub(crate) fn input(&self, input: Input<'_>) {
        let mut state = self.lock();
        self.give(&mut state, input);
    }

    pub(crate) fn stats(&self) -> Stats {
        self.lock().hub.stats()
    }

    /// How many connections were closed at once because there were too many.
    pub(crate) fn sent_away(&self) -> u64 {
        self.lock().sent_away
    }

    pub(crate) fn clients(&self) -> usize {
        self.lock().clients.len()
    }

    /// When the hub wants to be woken.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        let deadline = self.lock().wake_at?;
        Some(self.began + deadline.at.since(Moment::ZERO))
    }

    /// Whether there was room for it; for a client that is gone there always is.
    fn push(&self, state: &State, conn: ConnId, word: Word) -> bool {
        let outbox = state.clients.get(&conn);
        outbox.is_none_or(|outbox| outbox.push(state.turn, word, &self.limits).is_ok())
    }

    fn give(&self, state: &mut State, input: Input<'_>) {
        let at = Moment::new(now().saturating_duration_since(self.began));
        state.turn += 1;
        state.hub.handle_input(at, input);
        let mut too_slow = Vec::new();
        let mut behind = Vec::new();
        loop {
            match state.hub.poll_output() {
                Output::Send { conn, text } => {
                    if !self.push(state, conn, Word::Text(text)) {
                        too_slow.push(conn);
                    }
                }
                Output::SendBinary { conn, bytes } => {
                    if !self.push(state, conn, Word::Binary(bytes)) {
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
                Output::Event(event) => tracing::info!(target: "coview::audit", "{event}"),
                // Either may tell others something, so look again.
                Output::Idle { wake_at } => match (too_slow.pop(), behind.pop()) {
                    (Some(conn), later) => {
                        behind.extend(later);
                        state.hub.handle_input(at, Input::TooSlow { conn });
                    }
                    (None, Some(conn)) => {
                        state.hub.handle_input(at, Input::PicturesDropped { conn });
                    }
                    (None, None) => {
                        if state.wake_at != wake_at {
                            state.wake_at = wake_at;
                            // A full channel means the timer is about to look anyway.
                            let _ = self.rearm.try_send(());
                        }
                        return;
                    }
                },
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the server is where the clock is read")]
fn now() -> Instant {
    Instant::now()
}
