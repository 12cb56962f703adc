use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Instant;

use async_channel::Receiver;
use async_channel::Sender;
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

/// The one hub, and the way from it to every client.
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    began: Instant,
    state: Mutex<State>,
    /// Says that the hub's deadline changed.
    rearm: Sender<()>,
}

struct State {
    hub: Hub,
    clients: BTreeMap<ConnId, Arc<Outbox>>,
    last: u64,
    turn: u64,
    wake_at: Option<Deadline>,
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
        });
        (Arc::new(Self { limits, began: now(), state, rearm }), rearmed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic inside the hub is a bug; going on serves everybody else better than stopping.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a client in, unless there are too many.
    pub(crate) fn open(&self) -> Option<(ConnId, Arc<Outbox>)> {
        let mut state = self.lock();
        if state.clients.len() >= self.limits.connections {
            return None;
        }
        state.last += 1;
        let conn = ConnId::new(state.last);
        let outbox = Arc::new(Outbox::default());
        state.clients.insert(conn, Arc::clone(&outbox));
        self.give(&mut state, Input::Opened { conn });
        Some((conn, outbox))
    }

    pub(crate) fn closed(&self, conn: ConnId) {
        let mut state = self.lock();
        state.clients.remove(&conn);
        self.give(&mut state, Input::Closed { conn });
    }

    pub(crate) fn input(&self, input: Input<'_>) {
        let mut state = self.lock();
        self.give(&mut state, input);
    }

    pub(crate) fn stats(&self) -> Stats {
        self.lock().hub.stats()
    }

    pub(crate) fn clients(&self) -> usize {
        self.lock().clients.len()
    }

    /// When the hub wants to be woken.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        let deadline = self.lock().wake_at?;
        Some(self.began + deadline.at.since(Moment::ZERO))
    }

    fn give(&self, state: &mut State, input: Input<'_>) {
        let at = Moment::new(now().saturating_duration_since(self.began));
        state.turn += 1;
        state.hub.handle_input(at, input);
        let mut too_slow = Vec::new();
        loop {
            match state.hub.poll_output() {
                Output::Send { conn, text } => {
                    if let Some(outbox) = state.clients.get(&conn)
                        && outbox.push(state.turn, text, &self.limits).is_err()
                    {
                        too_slow.push(conn);
                    }
                }
                Output::Close { conn, reason } => {
                    if let Some(outbox) = state.clients.get(&conn) {
                        outbox.close(reason);
                    }
                }
                Output::Event(event) => tracing::info!(target: "coview::audit", "{event}"),
                Output::Idle { wake_at } => match too_slow.pop() {
                    // Cutting one client off may tell others something, so look again.
                    Some(conn) => state.hub.handle_input(at, Input::TooSlow { conn }),
                    None => {
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
