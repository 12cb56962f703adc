use core::fmt;
use core::future::poll_fn;

use coview_agent::Agent;
use coview_agent::AnyAgent;
use coview_agent::ViewArrival;
use coview_agent::ViewLink;
use coview_agent::ViewPass;
use coview_agent::Viewing;
use coview_lifecycle::PassOver;
use coview_lifecycle::ScreenPipe;
use coview_screen::Decoded;
use coview_screen::Decoder;
use coview_screen::Frame;
use coview_screen::Mask;
use coview_screen::Rect;
use coview_screen::Status;
use coview_wire::ViewerSays;

use crate::pictures::PicturePipe;

/// Draws the screen of the visitor an agent is in a session with.
///
/// It is made from a viewing agent and does not keep it. What has been drawn is acknowledged, and a
/// whole picture is asked for where the thread is lost, by [`next`](Self::next) itself: a viewer
/// that is not asked for the next step is sent nothing new before long.
///
/// ```
/// use coview_agent::Viewing;
/// use coview_smol::{Agent, ScreenViewer, ViewerStep};
///
/// async fn watch(viewing: &mut Agent<Viewing>) {
///     let mut viewer = ScreenViewer::new(viewing);
///     loop {
///         match viewer.next().await {
///             ViewerStep::Updated { areas, .. } => {
///                 let picture = viewer.picture().expect("it was drawn");
///                 println!("{} areas of {} changed", areas.len(), picture.size());
///             }
///             ViewerStep::Status(status) => println!("{status}"),
///             ViewerStep::OutOfStep | ViewerStep::Interrupted => println!("stale"),
///             ViewerStep::Over(why) => return println!("{why}"),
///         }
///     }
/// }
/// ```
#[must_use = "a picture is drawn only while the next step is awaited"]
pub struct ScreenViewer<P = PicturePipe> {
    pass: ViewPass<P>,
    decoder: Decoder,
    /// The status the app was told last. It is said again with every whole picture.
    told: Option<Status>,
}

/// What happened to the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ViewerStep {
    /// The picture changed.
    Updated {
        /// Which update this is.
        number: u32,
        /// Where; areas may overlap.
        areas: Vec<Rect>,
        /// When the visitor's side captured it, in milliseconds since its sender began; it wraps.
        stamp: u32,
    },
    /// The source of the picture goes on, pauses, shows a blank picture, or has ended.
    Status(Status),
    /// The thread is lost and a whole picture has been asked for. Until it comes, the picture is as
    /// it was.
    OutOfStep,
    /// The connection broke, or pictures that were not taken were thrown away. A whole picture
    /// comes by itself; until then the picture is as it was.
    Interrupted,
    /// Nothing comes any more. The agent's next step tells why, if it was not the agent who ended
    /// or left the session.
    Over(PassOver),
}

impl<P: ScreenPipe> ScreenViewer<P> {
    /// A viewer without a picture. One that was made before for the same session is over.
    pub fn new<L: ViewLink<Pipe = P>>(viewing: &mut Agent<Viewing, L>) -> Self {
        Self::through(viewing.view_pass())
    }

    /// Like [`new`](Self::new), for an agent in any state; `None` unless it is viewing.
    pub fn of_any<L: ViewLink<Pipe = P>>(agent: &mut AnyAgent<L>) -> Option<Self> {
        agent.view_pass().map(Self::through)
    }

    fn through(pass: ViewPass<P>) -> Self {
        Self { pass, decoder: Decoder::new(), told: None }
    }

    /// Waits until the picture, or what is known of it, changes. Decoding happens on the thread
    /// that polls: some milliseconds for a whole picture, much less for a change.
    ///
    /// After [`ViewerStep::Over`] it says so again each time.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped before it is done: what came waits for the next
    /// call.
    pub async fn next(&mut self) -> ViewerStep {
        loop {
            let step = match poll_fn(|cx| self.pass.poll_recv(cx)).await {
                ViewArrival::Picture(body) => self.draw(&body),
                ViewArrival::Interrupted => Some(ViewerStep::Interrupted),
                ViewArrival::Over(over) => Some(ViewerStep::Over(over)),
            };
            if let Some(step) = step {
                return step;
            }
        }
    }

    fn draw(&mut self, body: &[u8]) -> Option<ViewerStep> {
        match self.decoder.handle(body) {
            Ok(Decoded::Updated { number, areas, stamp }) => {
                self.say(ViewerSays::Acknowledged(number));
                Some(ViewerStep::Updated { number, areas, stamp })
            }
            Ok(Decoded::Status(status)) => {
                let news = self.told.replace(status) != Some(status);
                news.then_some(ViewerStep::Status(status))
            }
            Ok(Decoded::Nothing | Decoded::Beat) => None,
            Ok(Decoded::OutOfStep) => {
                self.say(ViewerSays::Refresh);
                Some(ViewerStep::OutOfStep)
            }
            Err(error) => {
                tracing::warn!(%error, "a picture cannot be drawn");
                self.say(ViewerSays::Refresh);
                Some(ViewerStep::OutOfStep)
            }
        }
    }

    fn say(&mut self, says: ViewerSays) {
        // The next step tells that it is over.
        let _ = self.pass.say(says);
    }
}

impl<P> ScreenViewer<P> {
    /// The picture as it is now; `None` before the first. Masked areas are covered in it.
    #[must_use]
    pub fn picture(&self) -> Option<&Frame> {
        self.decoder.picture()
    }

    /// The areas that are covered in the picture, with what they are called.
    #[must_use]
    pub fn masks(&self) -> &[Mask] {
        self.decoder.masks()
    }

    /// The state of the source, as it was told last.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.decoder.status()
    }
}

impl<P> fmt::Debug for ScreenViewer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScreenViewer").field("pass", &self.pass).finish_non_exhaustive()
    }
}
