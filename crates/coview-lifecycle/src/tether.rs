//! What makes a pass end with the state it was made from.

use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::AtomicU8;
use core::sync::atomic::Ordering;
use core::task::Context;
use core::task::Poll;

use atomic_waker::AtomicWaker;
use thiserror::Error;

/// Why a pass is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
pub enum PassOver {
    /// The state it was made from is no more: the session was ended or left, a step told that
    /// somebody else ended it, or the visitor or the agent was dropped.
    #[error("the session is over")]
    Ended,
    /// Another pass was made for the same session; there is one at a time.
    #[error("another pass took its place")]
    Replaced,
    /// The other half of the link says that the session is over, or it is gone itself. The visitor
    /// or the agent will be told why by its next step.
    #[error("the link has closed the picture's way")]
    Closed,
}

/// The end of the rope in the state: when it is dropped, the pass at the other end is over.
#[doc(hidden)]
#[derive(Default)]
pub struct Tether(Option<Arc<Rope>>);

/// The end of the rope in the pass.
#[doc(hidden)]
pub struct Tied(Arc<Rope>);

#[derive(Default)]
struct Rope {
    cut: AtomicU8,
    waker: AtomicWaker,
}

const WHOLE: u8 = 0;
const ENDED: u8 = 1;
const REPLACED: u8 = 2;

impl Tether {
    /// Ties a new pass; one that was tied before is over.
    pub fn tie(&mut self) -> Tied {
        let rope = Arc::new(Rope::default());
        if let Some(before) = self.0.replace(Arc::clone(&rope)) {
            before.cut(REPLACED);
        }
        Tied(rope)
    }
}

impl Drop for Tether {
    fn drop(&mut self) {
        if let Some(rope) = &self.0 {
            rope.cut(ENDED);
        }
    }
}

impl Tied {
    /// Why the pass is over, if it is.
    pub fn over(&self) -> Option<PassOver> {
        match self.0.cut.load(Ordering::Acquire) {
            WHOLE => None,
            REPLACED => Some(PassOver::Replaced),
            _ => Some(PassOver::Ended),
        }
    }

    /// Waits for the end; the task that asked last is woken.
    pub fn poll_over(&self, cx: &mut Context<'_>) -> Poll<PassOver> {
        self.0.waker.register(cx.waker());
        match self.over() {
            Some(over) => Poll::Ready(over),
            None => Poll::Pending,
        }
    }
}

impl Rope {
    fn cut(&self, why: u8) {
        self.cut.store(why, Ordering::Release);
        self.waker.wake();
    }
}

impl fmt::Debug for Tether {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tether")
    }
}

impl fmt::Debug for Tied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tied({:?})", self.over())
    }
}
