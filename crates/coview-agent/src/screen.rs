//! The right to see the screen, as a value that ends with the session.

use alloc::vec::Vec;
use core::fmt;
use core::task::Context;
use core::task::Poll;
use core::task::ready;

use coview_lifecycle::PassOver;
use coview_lifecycle::PipeArrival;
use coview_lifecycle::ScreenPipe;
use coview_lifecycle::Tied;
use coview_wire::PictureRelay;
use coview_wire::SessionId;
use coview_wire::ViewerSays;
use coview_wire::ViewerSignal;

use crate::agent::Agent;
use crate::link::AgentLink;
use crate::state::Viewing;

/// A link that can carry the screen beside the messages.
///
/// It gives out a pipe of its own for the pictures, so that one task draws them while another holds
/// the agent.
#[diagnostic::on_unimplemented(
    message = "the link `{Self}` cannot carry a screen",
    label = "a screen needs a link with a pipe for pictures",
    note = "implement `ViewLink` for it; the links of `coview-smol` and of `queue` do"
)]
pub trait ViewLink: AgentLink {
    /// The way of the pictures.
    type Pipe: ScreenPipe;

    /// A pipe for the pictures of this session. It closes the one before. If what came before it was
    /// taken or thrown away already, the other half asks for a whole picture.
    ///
    /// If the other half knows that the session is over, it is closed from the beginning.
    fn view(&mut self, session: SessionId) -> Self::Pipe;
}

/// The right to see the visitor's screen, for as long as the agent is in the session.
///
/// It is made by [`Agent::view_pass`] and in no other way. It is over, at once and for good, when the
/// agent leaves or ends the session, is dropped, or is told by a step that the session is over:
///
/// ```
/// use coview_agent::queue;
/// use coview_lifecycle::PassOver;
/// use coview_wire::{SessionKey, ViewerSays};
///
/// # smol::block_on(async {
/// # let (agent, mut peer) = queue::agent();
/// # peer.grant_all();
/// let mut viewing = agent.join(SessionKey::parse("123 456 786")?).await?;
/// let mut pass = viewing.view_pass();
/// assert!(pass.stands());
///
/// let agent = viewing.leave();
/// assert_eq!(pass.say(ViewerSays::Refresh), Err(PassOver::Ended));
/// # drop(agent);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// There is nothing to see before:
///
/// ```compile_fail,E0599
/// # let (mut agent, _peer) = coview_agent::queue::agent();
/// let pass = agent.view_pass(); // Agent<SignedIn>
/// ```
///
/// not even while the visitor is being asked:
///
/// ```compile_fail,E0599
/// use coview_agent::{Agent, Requesting, ViewLink};
///
/// fn too_early<L: ViewLink>(mut requesting: Agent<Requesting, L>) {
///     let pass = requesting.view_pass();
/// }
/// ```
#[must_use = "a pass does nothing by itself"]
pub struct ViewPass<P> {
    pipe: P,
    session: SessionId,
    tied: Tied,
    closed: bool,
}

/// What comes to a [`ViewPass`].
#[derive(Clone, PartialEq, Eq)]
pub enum ViewArrival {
    /// A body of the picture, for a decoder.
    Picture(Vec<u8>),
    /// The thread is lost: the connection broke, or too much came and nobody took it. A whole
    /// picture comes by itself; begin with a new decoder.
    Interrupted,
    /// The pass is over.
    Over(PassOver),
}

impl<P> ViewPass<P> {
    /// The session that is seen.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// Whether it stands.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.over().is_none()
    }

    /// Why it is over, if it is. That the other half of the link has closed it is known only after
    /// [`poll_recv`](ViewPass::poll_recv) said so.
    #[must_use]
    pub fn over(&self) -> Option<PassOver> {
        self.tied.over().or(if self.closed { Some(PassOver::Closed) } else { None })
    }

    /// Waits until it is [`over`](Self::over). The task that polled this or
    /// [`poll_recv`](ViewPass::poll_recv) last is woken.
    pub fn poll_over(&self, cx: &mut Context<'_>) -> Poll<PassOver> {
        match self.tied.poll_over(cx) {
            Poll::Ready(over) => Poll::Ready(over),
            Poll::Pending if self.closed => Poll::Ready(PassOver::Closed),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<P: ScreenPipe> ViewPass<P> {
    /// Says how far the picture is drawn, or that a whole one is needed.
    ///
    /// # Errors
    ///
    /// [`PassOver`] if the pass is over; nothing is said then.
    pub fn say(&mut self, says: ViewerSays) -> Result<(), PassOver> {
        match self.over() {
            Some(over) => Err(over),
            None => {
                self.pipe.send(ViewerSignal { session: self.session, says }.encode());
                Ok(())
            }
        }
    }

    /// The next thing that came. After [`ViewArrival::Over`] it says so again each time.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<ViewArrival> {
        if let Poll::Ready(over) = self.poll_over(cx) {
            return Poll::Ready(ViewArrival::Over(over));
        }
        loop {
            return Poll::Ready(match ready!(self.pipe.poll_recv(cx)) {
                PipeArrival::Message(mut bytes) => {
                    let header = match PictureRelay::decode(&bytes) {
                        Ok(picture) if picture.session() == self.session => {
                            bytes.len() - picture.body().len()
                        }
                        // It is about an earlier session, or nothing an agent is told.
                        Ok(_) | Err(_) => continue,
                    };
                    bytes.drain(..header);
                    ViewArrival::Picture(bytes)
                }
                PipeArrival::Interrupted => ViewArrival::Interrupted,
                PipeArrival::Closed => {
                    self.closed = true;
                    ViewArrival::Over(self.over().unwrap_or(PassOver::Closed))
                }
            });
        }
    }
}

impl<P> fmt::Debug for ViewPass<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ViewPass")
            .field("session", &self.session)
            .field("over", &self.over())
            .finish_non_exhaustive()
    }
}

/// Shows how much there is, not what: it is somebody's screen.
impl fmt::Debug for ViewArrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Picture(body) => write!(f, "Picture({} bytes)", body.len()),
            Self::Interrupted => f.write_str("Interrupted"),
            Self::Over(over) => f.debug_tuple("Over").field(over).finish(),
        }
    }
}

/// # While viewing, on a link that carries the screen
impl<L> Agent<Viewing, L> {
    /// The right to see the screen, until the session is over; see [`ViewPass`]. A second pass takes
    /// the place of the first.
    ///
    /// ```
    /// use coview_agent::{ViewArrival, queue};
    /// use coview_wire::{SessionKey, ViewerSays, ViewerSignal};
    ///
    /// # smol::block_on(async {
    /// let (agent, mut peer) = queue::agent();
    /// peer.grant_all();
    /// let mut viewing = agent.join(SessionKey::parse("123 456 786")?).await?;
    /// let mut pass = viewing.view_pass();
    ///
    /// peer.show(b"a picture");
    /// let arrival = std::future::poll_fn(|cx| pass.poll_recv(cx)).await;
    /// assert_eq!(arrival, ViewArrival::Picture(b"a picture".to_vec()));
    ///
    /// pass.say(ViewerSays::Acknowledged(1))?;
    /// let said = ViewerSignal::decode(&peer.signal().expect("it was said"))?;
    /// assert_eq!(said.says, ViewerSays::Acknowledged(1));
    /// # drop(viewing);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// A link must be able to carry it:
    ///
    /// ```compile_fail,E0277
    /// use coview_agent::{Agent, AgentLink, Viewing};
    ///
    /// fn no_way<L: AgentLink>(mut viewing: Agent<Viewing, L>) {
    ///     let pass = viewing.view_pass();
    /// }
    /// ```
    // The pipe is a parameter so that a link without one is explained by the words of the trait.
    pub fn view_pass<P>(&mut self) -> ViewPass<P>
    where
        L: ViewLink<Pipe = P>,
    {
        let session = self.state.session;
        let tied = self.state.tether.tie();
        let pipe = self.shared.link.view(session);
        ViewPass { pipe, session, tied, closed: false }
    }
}
