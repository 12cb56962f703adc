//! What the two halves of a queue link share.

#[cfg(not(feature = "std"))]
use alloc::rc::Rc;
#[cfg(feature = "std")]
use alloc::sync::Arc;
#[cfg(not(feature = "std"))]
use core::cell::RefCell;
#[cfg(feature = "std")]
use std::sync::Mutex;
#[cfg(feature = "std")]
use std::sync::PoisonError;

/// A value with two owners, who may be on different threads where `std` has a lock for it.
#[cfg(feature = "std")]
pub(crate) struct Both<T>(Arc<Mutex<T>>);

/// A value with two owners on one thread.
#[cfg(not(feature = "std"))]
pub(crate) struct Both<T>(Rc<RefCell<T>>);

impl<T> Both<T> {
    #[cfg(feature = "std")]
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(value)))
    }

    #[cfg(not(feature = "std"))]
    pub(crate) fn new(value: T) -> Self {
        Self(Rc::new(RefCell::new(value)))
    }

    /// Looks at the value, or changes it. Nothing that is called inside may come back here.
    #[cfg(feature = "std")]
    pub(crate) fn with<R>(&self, then: impl FnOnce(&mut T) -> R) -> R {
        // A test that panicked has failed already; the rest of it may still be told why.
        then(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at the value, or changes it. Nothing that is called inside may come back here.
    #[cfg(not(feature = "std"))]
    pub(crate) fn with<R>(&self, then: impl FnOnce(&mut T) -> R) -> R {
        then(&mut self.0.borrow_mut())
    }
}

impl<T> Clone for Both<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
