use core::task::Waker;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use coview_wire::CloseReason;

use crate::config::Limits;

/// What waits to be written to one client. It is bounded: a client that does not read is cut off
/// and nobody else notices.
#[derive(Default)]
pub(crate) struct Outbox(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    texts: VecDeque<Arc<str>>,
    bytes: usize,
    close: Option<CloseReason>,
    waker: Option<Waker>,
}

/// What to do next for one client.
pub(crate) enum Due {
    Send(Arc<str>),
    Close(CloseReason),
    Nothing,
}

/// The queue is full.
pub(crate) struct Full;

impl Outbox {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        // Every change under this lock is a single push or pop, so a panic elsewhere leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, text: Arc<str>, limits: &Limits) -> Result<(), Full> {
        let mut waiting = self.lock();
        let bytes = waiting.bytes + text.len();
        if waiting.texts.len() >= limits.queue_messages || bytes > limits.queue_bytes {
            return Err(Full);
        }
        waiting.bytes = bytes;
        waiting.texts.push_back(text);
        wake(&mut waiting);
        Ok(())
    }

    /// Closes after what has been pushed before.
    pub(crate) fn close(&self, reason: CloseReason) {
        let mut waiting = self.lock();
        // What a slow client did not read it will not read now either.
        if reason == CloseReason::TooSlow {
            waiting.texts.clear();
            waiting.bytes = 0;
        }
        waiting.close = Some(reason);
        wake(&mut waiting);
    }

    /// Whether the connection is to be closed; if not, the waker is woken when it is.
    pub(crate) fn is_closing(&self, waker: &Waker) -> bool {
        let mut waiting = self.lock();
        if waiting.close.is_none() {
            waiting.waker = Some(waker.clone());
        }
        waiting.close.is_some()
    }

    /// The next thing to do; if there is nothing, the waker is woken when there is.
    pub(crate) fn next(&self, waker: &Waker) -> Due {
        let mut waiting = self.lock();
        if let Some(text) = waiting.texts.pop_front() {
            waiting.bytes -= text.len();
            return Due::Send(text);
        }
        if let Some(reason) = waiting.close {
            return Due::Close(reason);
        }
        waiting.waker = Some(waker.clone());
        Due::Nothing
    }
}

fn wake(waiting: &mut Waiting) {
    if let Some(waker) = waiting.waker.take() {
        waker.wake();
    }
}
