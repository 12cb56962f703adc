use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::Context;
use core::task::Poll;

use coview_wire::AppState;
use coview_wire::RefusalCode;
use thiserror::Error;

use crate::link::Connectivity;
use crate::link::Link;
use crate::link::LinkClosed;
use crate::state::Request;
use crate::state::State;
use crate::visitor::Visitor;

/// A request the server has not answered yet: asked, but not granted.
///
/// `.await` gives `Visitor<To, L>`, or a [`RequestError`] that gives the visitor back as
/// `Visitor<Else, L>`. While there is no connection the request waits; it is said again after the
/// reconnect and never acted on twice. Race it against a timer of your own if it should not wait
/// for ever.
///
/// # Panics
///
/// If it is polled after it is done.
///
/// # Cancel safety
///
/// Nothing is lost when it is raced against something else and loses: race `&mut pending`, and
/// either go on polling it or give up with [`into_visitor`](Self::into_visitor), which takes the
/// request back. Dropping it drops the visitor, and dropping a visitor means leaving.
///
/// ```
/// use coview_lifecycle::queue;
/// use core::time::Duration;
///
/// # smol::block_on(async {
/// let (visitor, _peer) = queue::visitor(); // a peer that never answers
/// let mut pending = visitor.start_manual();
/// let timer = smol::Timer::after(Duration::from_millis(1));
/// smol::future::or(async { drop((&mut pending).await) }, async { drop(timer.await) }).await;
/// let visitor = pending.into_visitor().expect("the start was not answered");
/// assert_eq!(visitor.state().to_string(), "Anonymous");
/// # });
/// ```
///
/// Forgetting to await it is a warning, which a cautious app makes an error:
///
/// ```compile_fail
/// #![deny(unused_must_use)]
/// # let (visitor, _peer) = coview_lifecycle::queue::visitor();
/// visitor.start_manual();
/// ```
#[must_use = "the answer arrives only while this is awaited, and dropping it drops the visitor, who then leaves"]
pub struct Pending<To, Else, L> {
    visitor: Option<Visitor<Else, L>>,
    to: PhantomData<fn() -> To>,
}

impl<To, Else, L> Pending<To, Else, L> {
    pub(crate) const fn new(visitor: Visitor<Else, L>) -> Self {
        Self { visitor: Some(visitor), to: PhantomData }
    }

    pub(crate) fn fmt_inner(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result
    where
        To: State,
        Else: State + fmt::Debug,
    {
        write!(f, "{self:?} ")?;
        self.visitor.as_ref().map_or(Ok(()), |visitor| visitor.fmt_inner(f))
    }

    /// Whether there is a connection just now, for a user interface to show while the request
    /// waits; `None` only if the answer was taken.
    #[must_use]
    pub fn connectivity(&self) -> Option<Connectivity> {
        self.visitor.as_ref().map(Visitor::connectivity)
    }

    /// Tells that the app went to the background or came back, without giving the request up.
    pub fn app_moved(&mut self, app: AppState)
    where
        L: Link,
    {
        if let Some(visitor) = &mut self.visitor {
            visitor.app_moved(app);
        }
    }

    /// Gives up: takes the request back and gives the visitor as a no would have left it. `None`
    /// only if the answer was taken. If the server grants it meanwhile, what was granted is undone.
    #[must_use = "dropping a visitor means leaving"]
    pub fn into_visitor(self) -> Option<Visitor<Else, L>>
    where
        To: Request<Else>,
        L: Link,
    {
        let mut visitor = self.visitor?;
        To::cancel(&mut visitor.shared);
        visitor.shared.facts.stop_waiting();
        Some(visitor)
    }
}

impl<To, Else, L> Unpin for Pending<To, Else, L> {}

impl<To: Request<Else>, Else, L: Link> Future for Pending<To, Else, L> {
    type Output = Result<Visitor<To, L>, RequestError<Else, L>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const DONE: &str = "a future is not polled after it is done";
        loop {
            let shared = &mut self.visitor.as_mut().expect(DONE).shared;
            if let Some(answer) = shared.facts.take_answer() {
                let visitor = self.visitor.take().expect(DONE);
                return Poll::Ready(match answer {
                    Ok(granted) => To::grant(visitor, granted),
                    Err(reason) => Err(Refused { visitor, reason }.into()),
                });
            }
            if let Some(reason) = shared.facts.closed {
                self.visitor = None;
                return Poll::Ready(Err(RequestError::Closed(reason)));
            }
            if shared.receive(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl<To: State, Else: State, L> fmt::Debug for Pending<To, Else, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pending({} → {})", Else::KIND, To::KIND)
    }
}

/// The server said no; here is the visitor. Nothing is lost.
///
/// Its `Debug` prints the state and the reason and nothing of the visitor.
#[derive(Error)]
#[error("{reason}")]
#[must_use = "dropping it drops the visitor, who then leaves"]
pub struct Refused<S, L> {
    /// The visitor, as the no left it.
    pub visitor: Visitor<S, L>,
    /// Why. The documentation of each code gives the remedy.
    pub reason: RefusalCode,
}

impl<S, L> Refused<S, L> {
    /// The visitor, to go on with.
    #[must_use = "dropping a visitor means leaving"]
    pub fn into_visitor(self) -> Visitor<S, L> {
        self.visitor
    }
}

impl<S, L> fmt::Debug for Refused<S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused").field("reason", &self.reason).finish_non_exhaustive()
    }
}

/// Why a request was not granted.
///
/// A refusal holds the visitor, also inside a boxed error: with `?` the visitor stays for as long as the
/// error is kept and leaves with it. Match on it, or take [`into_visitor`](Self::into_visitor), to go on.
///
/// ```
/// use coview_lifecycle::{RequestError, queue};
/// use coview_wire::RefusalCode;
///
/// # smol::block_on(async {
/// let (visitor, mut peer) = queue::visitor();
/// peer.refuse_all(RefusalCode::ShuttingDown);
/// let visitor = match visitor.start_manual().await {
///     Ok(sharing) => sharing.end(),
///     Err(RequestError::Refused(refused)) => {
///         assert_eq!(refused.to_string(), "the server is shutting down");
///         refused.into_visitor()
///     }
///     Err(RequestError::Closed(reason)) => panic!("{reason}"),
/// };
/// # drop(visitor);
/// # });
/// ```
#[derive(Error)]
#[must_use = "dropping it drops the visitor, who then leaves"]
pub enum RequestError<S, L> {
    /// The server said no and the visitor goes on. Look at the reason, then try again or not.
    #[error("refused: {}", .0.reason)]
    Refused(Refused<S, L>),
    /// The link ended for good, and the visitor with it. Connect anew to go on.
    #[error("the connection is closed: {0}")]
    Closed(LinkClosed),
}

impl<S, L> RequestError<S, L> {
    /// Why the server said no; `None` if the link ended for good.
    #[must_use]
    pub const fn reason(&self) -> Option<RefusalCode> {
        match self {
            Self::Refused(refused) => Some(refused.reason),
            Self::Closed(_) => None,
        }
    }

    /// The visitor, unless the link ended for good.
    #[must_use = "dropping a visitor means leaving"]
    pub fn into_visitor(self) -> Option<Visitor<S, L>> {
        match self {
            Self::Refused(refused) => Some(refused.visitor),
            Self::Closed(_) => None,
        }
    }
}

impl<S, L> From<Refused<S, L>> for RequestError<S, L> {
    fn from(refused: Refused<S, L>) -> Self {
        Self::Refused(refused)
    }
}

impl<S, L> fmt::Debug for RequestError<S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::Closed(reason) => f.debug_tuple("Closed").field(reason).finish(),
        }
    }
}
