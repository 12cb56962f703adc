use core::future::Future;
use core::future::poll_fn;
use core::pin::pin;
use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering;
use core::task::Context;
use core::task::Poll;
use core::task::Waker;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::task::Wake;

/// Runs a future beside others in one task, and polls it only when it was woken itself.
///
/// Whatever wakes the thread of an executor polls all that stands beside the executor. A listener
/// asks the operating system each time it is polled, which would be at each message of each client.
pub(crate) async fn apart<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let own =
        Arc::new(Own { woken: AtomicBool::new(true), task: Mutex::new(Waker::noop().clone()) });
    let waker = Waker::from(Arc::clone(&own));
    poll_fn(|cx| {
        own.task.lock().unwrap_or_else(PoisonError::into_inner).clone_from(cx.waker());
        // What wakes it from here on has it polled again.
        if own.woken.swap(false, Ordering::AcqRel) {
            future.as_mut().poll(&mut Context::from_waker(&waker))
        } else {
            Poll::Pending
        }
    })
    .await
}

struct Own {
    woken: AtomicBool,
    /// Wakes the task that this is a part of.
    task: Mutex<Waker>,
}

impl Wake for Own {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.task.lock().unwrap_or_else(PoisonError::into_inner).wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;
    use core::cell::RefCell;

    use super::*;

    #[test]
    fn it_is_polled_when_it_was_woken_and_not_when_others_were() {
        let (polls, inner) = (Cell::new(0), RefCell::new(None));
        let mut both = pin!(apart(poll_fn(|cx| {
            polls.set(polls.get() + 1);
            *inner.borrow_mut() = Some(cx.waker().clone());
            if polls.get() < 3 { Poll::Pending } else { Poll::Ready("over") }
        })));
        let outer = Arc::new(Own {
            woken: AtomicBool::new(false),
            task: Mutex::new(Waker::noop().clone()),
        });
        let waker = Waker::from(Arc::clone(&outer));
        let mut poll = || both.as_mut().poll(&mut Context::from_waker(&waker));
        for _ in 0..5 {
            assert_eq!(poll(), Poll::Pending);
            assert_eq!(polls.get(), 1, "the rest of the task was woken for itself");
        }
        let wake = || inner.borrow().as_ref().map(Waker::wake_by_ref);
        wake().unwrap();
        assert!(outer.woken.swap(false, Ordering::Relaxed), "the task hears of it");
        assert_eq!((poll(), poll(), polls.get()), (Poll::Pending, Poll::Pending, 2));
        wake().unwrap();
        assert_eq!((poll(), polls.get()), (Poll::Ready("over"), 3));
    }
}
