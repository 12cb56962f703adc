//! The right to send the screen, as a value that ends with the consent.

use alloc::vec::Vec;
use core::fmt;
use core::task::Context;
use core::task::Poll;

use coview_wire::MaskNotice;
use coview_wire::MaskState;
use coview_wire::Picture;
use coview_wire::SessionId;
use coview_wire::ViewerEvent;
use coview_wire::ViewerId;
use coview_wire::ViewerNotice;
use coview_wire::limits;

use crate::link::Link;
use crate::state::IsSharing;
use crate::tether::PassOver;
use crate::tether::Tied;
use crate::visitor::Visitor;

/// A link that can carry the screen beside the messages.
///
/// It gives out a pipe of its own for the pictures, so that the screen is sent by one task while
/// another holds the visitor.
#[diagnostic::on_unimplemented(
    message = "the link `{Self}` cannot carry a screen",
    label = "a screen needs a link with a pipe for pictures",
    note = "implement `ScreenLink` for it; the links of `coview-smol` and of `queue` do"
)]
pub trait ScreenLink: Link {
    /// The way of the pictures.
    type Pipe: ScreenPipe;

    /// A pipe for the pictures of this session. It closes the one before.
    ///
    /// It begins with a *joined* for each viewer that is there already. If the other half knows that
    /// the session is over, it is closed from the beginning.
    fn screen(&mut self, session: SessionId) -> Self::Pipe;
}

/// A way for binary messages, apart from the visitor's or the agent's own messages.
///
/// ```
/// use core::task::{Context, Poll};
/// use coview_lifecycle::{PipeArrival, ScreenPipe};
///
/// /// A pipe that leads nowhere.
/// struct Nowhere;
///
/// impl ScreenPipe for Nowhere {
///     fn send(&mut self, _: Vec<u8>) {}
///     fn poll_recv(&mut self, _: &mut Context<'_>) -> Poll<PipeArrival> {
///         Poll::Ready(PipeArrival::Closed)
///     }
/// }
/// ```
pub trait ScreenPipe {
    /// Hands a binary message over. It cannot fail and does not wait. While there is no connection,
    /// and when the session is over, the other half drops it.
    fn send(&mut self, bytes: Vec<u8>);

    /// The next thing that arrived. What is not taken must stay bounded: the pipe may throw it away
    /// if it says [`PipeArrival::Interrupted`] instead. After [`PipeArrival::Closed`] it is not
    /// called again.
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<PipeArrival>;
}

/// What comes out of a pipe.
#[derive(Clone, PartialEq, Eq)]
pub enum PipeArrival {
    /// The server said something about the picture.
    Message(Vec<u8>),
    /// The thread is lost: the connection broke, or too much came and nobody took it. A visitor
    /// forgets all viewers; those that are there join anew. An agent is sent a whole picture.
    Interrupted,
    /// The session is over as far as the other half knows, another pipe was opened, or the link is
    /// gone.
    Closed,
}

/// Shows how much there is, not what: it may be somebody's screen.
impl fmt::Debug for PipeArrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(bytes) => write!(f, "Message({} bytes)", bytes.len()),
            Self::Interrupted => f.write_str("Interrupted"),
            Self::Closed => f.write_str("Closed"),
        }
    }
}

/// The right to send the screen, for as long as the visitor's consent stands.
///
/// It is made by [`Visitor::screen_pass`] and in no other way, and it is tied to the
/// [`Consent`](crate::Consent) in the sharing state. When that is gone the pass is over, at once and
/// for good: after [`end`](Visitor::end), with a dropped visitor, with the step that tells that
/// somebody else ended the session. Whoever waits in [`poll_recv`](Self::poll_recv) is woken.
/// Nothing can be sent through it then:
///
/// ```
/// use coview_lifecycle::{PassOver, queue};
///
/// # smol::block_on(async {
/// # let (visitor, mut peer) = queue::visitor();
/// # peer.grant_all();
/// let mut sharing = visitor.start_manual().await?;
/// let mut pass = sharing.screen_pass();
/// assert!(pass.stands());
///
/// let visitor = sharing.end();
/// assert!(!pass.stands());
/// assert_eq!(pass.send(&[], b"a picture"), Err(PassOver::Ended));
/// # drop(visitor);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// Without consent there is none, whether nobody asked:
///
/// ```compile_fail,E0277
/// # let (mut visitor, _peer) = coview_lifecycle::queue::visitor();
/// let pass = visitor.screen_pass(); // Visitor<Anonymous>
/// ```
///
/// or the visitor is only online:
///
/// ```compile_fail,E0277
/// use coview_lifecycle::{PresenceConnected, ScreenLink, Visitor};
///
/// fn unasked<L: ScreenLink>(mut visitor: Visitor<PresenceConnected, L>) {
///     let pass = visitor.screen_pass();
/// }
/// ```
///
/// or the terms have been shown and not accepted:
///
/// ```compile_fail,E0277
/// use coview_lifecycle::{ScreenLink, TermsShown, Visitor};
///
/// fn too_early<L: ScreenLink>(mut visitor: Visitor<TermsShown, L>) {
///     let pass = visitor.screen_pass();
/// }
/// ```
///
/// Nor can one be made by hand:
///
/// ```compile_fail,E0451
/// use coview_lifecycle::{ScreenPass, ScreenPipe};
///
/// fn forged<P: ScreenPipe>(pipe: P, session: coview_wire::SessionId) -> ScreenPass<P> {
///     ScreenPass { pipe, session, tied: panic!(), closed: false }
/// }
/// ```
///
/// or doubled:
///
/// ```compile_fail,E0599
/// # smol::block_on(async {
/// # let (visitor, _peer) = coview_lifecycle::queue::visitor();
/// # let mut sharing = visitor.start_manual().await.unwrap();
/// let pass = sharing.screen_pass();
/// let kept = pass.clone();
/// # });
/// ```
#[must_use = "a pass does nothing by itself"]
pub struct ScreenPass<P> {
    pipe: P,
    session: SessionId,
    tied: Tied,
    closed: bool,
}

/// What a [`ScreenPass`] is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PassArrival {
    /// Something happened to a viewer.
    Viewer(ViewerId, ViewerEvent),
    /// The connection broke: there are no viewers. Those that come back join anew.
    Interrupted,
    /// The pass is over.
    Over(PassOver),
}

impl<P> ScreenPass<P> {
    pub(crate) const fn new(pipe: P, session: SessionId, tied: Tied) -> Self {
        Self { pipe, session, tied, closed: false }
    }

    /// The session whose screen may be sent.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// Whether it stands: whether the screen may be sent.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.over().is_none()
    }

    /// Why it is over, if it is. That the other half of the link has closed it is known only after
    /// [`poll_recv`](ScreenPass::poll_recv) said so.
    #[must_use]
    pub fn over(&self) -> Option<PassOver> {
        self.tied.over().or(if self.closed { Some(PassOver::Closed) } else { None })
    }

    /// Waits until it is [`over`](Self::over). The task that polled this or
    /// [`poll_recv`](ScreenPass::poll_recv) last is woken.
    pub fn poll_over(&self, cx: &mut Context<'_>) -> Poll<PassOver> {
        match self.tied.poll_over(cx) {
            Poll::Ready(over) => Poll::Ready(over),
            Poll::Pending if self.closed => Poll::Ready(PassOver::Closed),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<P: ScreenPipe> ScreenPass<P> {
    /// Sends a piece of the picture to these viewers, in one message for each
    /// [`limits::VIEWERS`] of them. A body has at most
    /// [`Picture::longest_body`] bytes; a longer message would be dropped.
    ///
    /// # Errors
    ///
    /// [`PassOver`] if the pass is over; nothing is sent then.
    pub fn send(&mut self, viewers: &[ViewerId], body: &[u8]) -> Result<(), PassOver> {
        for viewers in viewers.chunks(limits::VIEWERS) {
            self.may_send()?;
            self.pipe.send(Picture::encode(self.session, viewers, body));
        }
        self.may_send()
    }

    /// Says what is covered from now on, for the record of the session. Whoever sends pictures says
    /// it once at the beginning, and whenever it changes before the first picture that has it.
    /// Agents are not told by it.
    ///
    /// ```
    /// use coview_lifecycle::queue;
    /// use coview_wire::{MaskNotice, MaskState};
    ///
    /// # smol::block_on(async {
    /// # let (visitor, mut peer) = queue::visitor();
    /// # peer.grant_all();
    /// let mut sharing = visitor.start_manual().await?;
    /// let mut pass = sharing.screen_pass();
    /// pass.tell_masks(MaskState::Known { areas: 2 })?;
    /// let told = MaskNotice::decode(&peer.picture().expect("it was said"))?;
    /// assert_eq!(told.state, MaskState::Known { areas: 2 });
    /// # drop(sharing);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`PassOver`] if the pass is over; nothing is said then.
    pub fn tell_masks(&mut self, state: MaskState) -> Result<(), PassOver> {
        self.may_send()?;
        self.pipe.send(MaskNotice { session: self.session, state }.encode());
        Ok(())
    }

    fn may_send(&self) -> Result<(), PassOver> {
        self.over().map_or(Ok(()), Err)
    }

    /// The next thing there is to know. After [`PassArrival::Over`] it says so again each time.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<PassArrival> {
        if let Poll::Ready(over) = self.poll_over(cx) {
            return Poll::Ready(PassArrival::Over(over));
        }
        loop {
            return Poll::Ready(match core::task::ready!(self.pipe.poll_recv(cx)) {
                PipeArrival::Message(bytes) => match ViewerNotice::decode(&bytes) {
                    Ok(notice) if notice.session == self.session => {
                        PassArrival::Viewer(notice.viewer, notice.event)
                    }
                    // It is about an earlier session, or nothing a visitor is told.
                    Ok(_) | Err(_) => continue,
                },
                PipeArrival::Interrupted => PassArrival::Interrupted,
                PipeArrival::Closed => {
                    self.closed = true;
                    PassArrival::Over(self.over().unwrap_or(PassOver::Closed))
                }
            });
        }
    }
}

impl<P> fmt::Debug for ScreenPass<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScreenPass")
            .field("session", &self.session)
            .field("over", &self.over())
            .finish_non_exhaustive()
    }
}

/// # Wherever the screen is shared, on a link that carries it
impl<S, L> Visitor<S, L> {
    /// The right to send the screen, until the session is over; see [`ScreenPass`]. A second pass
    /// takes the place of the first. It stands while an agent waits to be let in, and an agent who
    /// waits is no viewer.
    ///
    /// ```
    /// use coview_lifecycle::{PassArrival, queue};
    /// use coview_wire::{Picture, ViewerEvent, ViewerId};
    ///
    /// # smol::block_on(async {
    /// let (visitor, mut peer) = queue::visitor();
    /// peer.grant_all();
    /// let mut sharing = visitor.start_manual().await?;
    /// let mut pass = sharing.screen_pass();
    ///
    /// let viewer = ViewerId::new(1);
    /// peer.viewer(viewer, ViewerEvent::Joined);
    /// let arrival = std::future::poll_fn(|cx| pass.poll_recv(cx)).await;
    /// assert_eq!(arrival, PassArrival::Viewer(viewer, ViewerEvent::Joined));
    ///
    /// pass.send(&[viewer], b"a picture")?;
    /// let picture = peer.picture().expect("it was sent");
    /// assert_eq!(Picture::decode(&picture)?.body(), b"a picture");
    /// # drop(sharing);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// A link must be able to carry it:
    ///
    /// ```compile_fail,E0277
    /// use coview_lifecycle::{Link, OneClick, PresenceConnected, Sharing, Visitor};
    ///
    /// fn no_way<L: Link>(mut sharing: Visitor<Sharing<OneClick, PresenceConnected>, L>) {
    ///     let pass = sharing.screen_pass();
    /// }
    /// ```
    // The pipe is a parameter so that a link without one is explained by the words of the trait.
    pub fn screen_pass<P>(&mut self) -> ScreenPass<P>
    where
        S: IsSharing,
        L: ScreenLink<Pipe = P>,
    {
        let session = self.state.running().session;
        let tied = self.state.consent_mut().tie();
        ScreenPass::new(self.shared.link.screen(session), session, tied)
    }
}
