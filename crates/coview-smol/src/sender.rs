use core::fmt;
use core::future::Future;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::Context;
use core::task::Poll;
use core::time::Duration;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::time::Instant;

use coview_lifecycle::AnyVisitor;
use coview_lifecycle::IsSharing;
use coview_lifecycle::PassArrival;
use coview_lifecycle::PassOver;
use coview_lifecycle::ScreenLink;
use coview_lifecycle::ScreenPass;
use coview_lifecycle::ScreenPipe;
use coview_lifecycle::Visitor;
use coview_screen::Capture;
use coview_screen::Encoder;
use coview_screen::EncoderConfig;
use coview_screen::Frame;
use coview_screen::FrameSource;
use coview_screen::Input;
use coview_screen::Output;
use coview_screen::Size;
use coview_wire::MaskState;
use coview_wire::Moment;
use coview_wire::ViewerEvent;
use coview_wire::ViewerId;
use smol::Timer;
use thiserror::Error;

use crate::driver::now;
use crate::pictures::PicturePipe;

/// How a screen is sent.
///
/// ```
/// use coview_smol::ScreenOptions;
///
/// let options = ScreenOptions { fps: 5, ..ScreenOptions::default() };
/// assert!(options.lossy);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScreenOptions {
    /// How often the source is asked for a frame, in times per second: 1 to 60, 20 by default. What
    /// is outside counts as the nearest.
    pub fps: u8,
    /// Whether what moves a lot, such as a film, may be sent blurred until it rests; `true` by
    /// default. Without it every update is exact, and a film needs ten times the bytes.
    pub lossy: bool,
}

impl Default for ScreenOptions {
    fn default() -> Self {
        Self { fps: 20, lossy: true }
    }
}

/// Sends the screen of a sharing visitor to the agents in the session, for as long as the visitor's
/// consent stands.
///
/// It is made from a sharing visitor and in no other way, and it does not keep the visitor: the app
/// goes on with that while a task [runs](Self::run) the sender.
///
/// ```
/// use coview_lifecycle::{Anonymous, Manual, Sharing};
/// use coview_screen::{AppSource, Frame, Masks, Size, app_frames};
/// use coview_smol::{ScreenOptions, ScreenSender, Visitor};
///
/// fn share(sharing: &mut Visitor<Sharing<Manual, Anonymous>>) -> Result<(), Box<dyn std::error::Error>> {
///     let (app, source) = app_frames();
///     let sender = ScreenSender::new(sharing, source, ScreenOptions::default());
///     smol::spawn(sender.run()).detach();
///     app.push(Frame::blank(Size::new(320, 200))?, Masks::none());
///     Ok(())
/// }
/// ```
///
/// Without consent there is none:
///
/// ```compile_fail,E0277
/// use coview_lifecycle::Anonymous;
/// use coview_screen::app_frames;
/// use coview_smol::{ScreenOptions, ScreenSender, Visitor};
///
/// fn unasked(visitor: &mut Visitor<Anonymous>) {
///     let (_app, source) = app_frames();
///     let sender = ScreenSender::new(visitor, source, ScreenOptions::default());
/// }
/// ```
#[must_use = "a screen is sent only while the sender runs"]
pub struct ScreenSender<P = PicturePipe> {
    pass: ScreenPass<P>,
    worker: Box<Worker>,
    period: Duration,
}

/// Why a [`ScreenSender`] stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
pub enum Stopped {
    /// The visitor ended the session, was dropped, or was told by a step that the session is over.
    #[error("the session is over")]
    Ended,
    /// Another sender was made for the same session.
    #[error("another sender took its place")]
    Replaced,
    /// The session was ended by somebody else, or the connection is closed for good. The visitor's
    /// next step tells why.
    #[error("the session was ended from outside")]
    Closed,
    /// The source has ended; viewers have been told so. The session goes on, and another sender may
    /// be made: one with another source, or one [`without_source`](ScreenSender::without_source) that
    /// tells the agents who join later.
    #[error("the source of the screen has ended")]
    SourceGone,
    /// The source panicked. Nothing of the frame it was about to give was sent; viewers have been
    /// told that the source has ended.
    #[error("the source of the screen panicked")]
    SourcePanicked,
}

impl From<PassOver> for Stopped {
    fn from(over: PassOver) -> Self {
        match over {
            PassOver::Ended => Self::Ended,
            PassOver::Replaced => Self::Replaced,
            PassOver::Closed => Self::Closed,
        }
    }
}

impl<P: ScreenPipe> ScreenSender<P> {
    /// A sender of what comes out of the source. One that was made before for the same session stops.
    pub fn new<S: IsSharing, L: ScreenLink<Pipe = P>>(
        sharing: &mut Visitor<S, L>,
        source: impl FrameSource + 'static,
        options: ScreenOptions,
    ) -> Self {
        Self::through(sharing.screen_pass(), Box::new(source), options)
    }

    /// Like [`new`](Self::new), for a visitor in any state; `None` unless it is sharing.
    pub fn of_any<L: ScreenLink<Pipe = P>>(
        visitor: &mut AnyVisitor<L>,
        source: impl FrameSource + 'static,
        options: ScreenOptions,
    ) -> Option<Self> {
        Some(Self::through(visitor.screen_pass()?, Box::new(source), options))
    }

    /// A sender for a session that has no screen to show any more: agents are told that the source has
    /// ended, and so is everybody who joins later. It runs until the session is over.
    ///
    /// ```
    /// use coview_lifecycle::{Anonymous, Manual, Sharing};
    /// use coview_smol::{ScreenSender, Visitor};
    ///
    /// fn say_so(sharing: &mut Visitor<Sharing<Manual, Anonymous>>) {
    ///     let sender = ScreenSender::without_source(sharing);
    ///     smol::spawn(sender.run()).detach();
    /// }
    /// ```
    pub fn without_source<S: IsSharing, L: ScreenLink<Pipe = P>>(
        sharing: &mut Visitor<S, L>,
    ) -> Self {
        Self::telling(sharing.screen_pass())
    }

    /// Like [`without_source`](Self::without_source), for a visitor in any state; `None` unless it is
    /// sharing.
    pub fn without_source_of_any<L: ScreenLink<Pipe = P>>(
        visitor: &mut AnyVisitor<L>,
    ) -> Option<Self> {
        Some(Self::telling(visitor.screen_pass()?))
    }

    fn telling(pass: ScreenPass<P>) -> Self {
        let mut sender = Self::through(pass, Box::new(Ended), ScreenOptions::default());
        // From now on the encoder wants no frames, so the source is never asked.
        sender.worker.encoder.handle_input(Moment::ZERO, Input::Gone);
        sender
    }

    fn through(
        pass: ScreenPass<P>,
        source: Box<dyn FrameSource>,
        ScreenOptions { fps, lossy }: ScreenOptions,
    ) -> Self {
        let config = EncoderConfig { lossy };
        let frame = Frame::blank(Size::new(1, 1)).expect("one pixel is a frame");
        let worker = Worker { encoder: Encoder::new(config), source, frame, began: now() };
        let period = Duration::from_secs(1) / u32::from(fps.clamp(1, 60));
        Self { pass, worker: Box::new(worker), period }
    }

    /// Captures and sends until the session is over or the source is gone, and says which.
    ///
    /// For the record of the session it also says what is covered: once at the beginning, and whenever
    /// it becomes known, unknown, or another number of areas, before the first picture that has it.
    ///
    /// Frames are captured only while somebody watches: at once when the first viewer joins, then
    /// at the rate of the options. Capturing and encoding happen on a thread of smol's pool for
    /// blocking work, one frame at a time; this future only waits and hands over. Before each message it is checked
    /// that the consent stands.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the sending at once, also in the middle of a frame; nothing of that frame is
    /// sent. The session goes on, and another sender may be made.
    pub async fn run(self) -> Stopped {
        let Self { mut pass, mut worker, period } = self;
        // Nothing was captured, so nobody knows yet what has to be covered, and nothing is shown.
        let mut masks = MaskState::Unknown;
        if let Err(over) = pass.tell_masks(masks) {
            return over.into();
        }
        // Whether the server has been told of these masks on this connection. There may be none yet, so
        // the first time does not count.
        let mut told = false;
        let mut tick_at: Option<Instant> = None;
        let mut wake_at = None;
        loop {
            let timer = Sleep::until(tick_at.into_iter().chain(wake_at).min());
            let arrivals = match gather(&mut pass, timer).await {
                Ok(arrivals) => arrivals,
                Err(over) => return over.into(),
            };
            told &= !arrivals.contains(&PassArrival::Interrupted);
            let due = tick_at.is_some_and(|at| at <= now());
            let step = smol::unblock(move || worker.step(arrivals, due));
            let Stepped {
                worker: back,
                masks: now_masked,
                sends,
                wants_frames,
                captured,
                wake_in,
                stopped,
            } = match unless_over(&pass, step).await {
                Ok(stepped) => stepped,
                Err(over) => return over.into(),
            };
            worker = back;
            let changed = now_masked.filter(|state| *state != masks);
            masks = changed.unwrap_or(masks);
            // After a break it is said again as soon as somebody is there to be sent a picture.
            if changed.is_some() || !told && !sends.is_empty() {
                if let Err(over) = pass.tell_masks(masks) {
                    return over.into();
                }
                told = true;
            }
            for (viewers, body) in sends {
                if let Err(over) = pass.send(&viewers, &body) {
                    return over.into();
                }
            }
            if let Some(stopped) = stopped {
                return stopped;
            }
            tick_at = match (wants_frames, captured) {
                (false, _) => None,
                (true, None) => tick_at,
                // A source too slow for the rate leaves the machine some air all the same.
                (true, Some(at)) => Some((at + period).max(now() + period / 4)),
            };
            wake_at = wake_in;
        }
    }
}

/// A source that has ended.
struct Ended;

impl FrameSource for Ended {
    fn capture(&mut self, _: &mut Frame) -> Capture {
        Capture::Gone
    }
}

/// Takes everything that arrived; waits until something has or the time has come.
async fn gather<P: ScreenPipe>(
    pass: &mut ScreenPass<P>,
    mut timer: Sleep,
) -> Result<Vec<PassArrival>, PassOver> {
    /// More than this is left for the next time, so that frames go on under a flood.
    const MOST: usize = 256;
    let mut arrivals = Vec::new();
    poll_fn(|cx| {
        while arrivals.len() < MOST {
            match pass.poll_recv(cx) {
                Poll::Ready(PassArrival::Over(over)) => return Poll::Ready(Err(over)),
                Poll::Ready(arrival) => arrivals.push(arrival),
                Poll::Pending => break,
            }
        }
        if arrivals.is_empty() && timer.poll(cx).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(Ok(core::mem::take(&mut arrivals)))
    })
    .await
}

/// Waits for the work, but not beyond the end of the pass.
async fn unless_over<P, T>(
    pass: &ScreenPass<P>,
    mut work: impl Future<Output = T> + Unpin,
) -> Result<T, PassOver> {
    poll_fn(|cx| match pass.poll_over(cx) {
        Poll::Ready(over) => Poll::Ready(Err(over)),
        Poll::Pending => Pin::new(&mut work).poll(cx).map(Ok),
    })
    .await
}

/// A timer that may be for never.
struct Sleep(Option<Timer>);

impl Sleep {
    fn until(at: Option<Instant>) -> Self {
        Self(at.map(Timer::at))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Some(timer) => Pin::new(timer).poll(cx).map(drop),
            None => Poll::Pending,
        }
    }
}

/// What captures and encodes. It has one owner at a time: the sender, or the thread it works on.
struct Worker {
    encoder: Encoder,
    source: Box<dyn FrameSource>,
    frame: Frame,
    began: Instant,
}

struct Stepped {
    worker: Box<Worker>,
    /// What is covered in the frame that was captured, if one was.
    masks: Option<MaskState>,
    sends: Vec<(Vec<ViewerId>, Vec<u8>)>,
    wants_frames: bool,
    /// When a frame was captured, if one was.
    captured: Option<Instant>,
    wake_in: Option<Instant>,
    stopped: Option<Stopped>,
}

impl Worker {
    fn step(mut self: Box<Self>, arrivals: Vec<PassArrival>, due: bool) -> Stepped {
        let mut sends = Vec::new();
        let mut wake_at = None;
        let wanted = self.encoder.wants_frames();
        for arrival in arrivals {
            let input = match arrival {
                PassArrival::Viewer(viewer, ViewerEvent::Joined) => Input::Joined(viewer),
                PassArrival::Viewer(viewer, ViewerEvent::Left) => Input::Left(viewer),
                PassArrival::Viewer(viewer, ViewerEvent::Acknowledged(number)) => {
                    Input::Acknowledged { viewer, number }
                }
                PassArrival::Viewer(viewer, ViewerEvent::Refresh) => Input::Refresh(viewer),
                PassArrival::Interrupted => Input::Reset,
                PassArrival::Over(_) => continue,
            };
            let now = self.now();
            wake_at = give(&mut self.encoder, now, input, &mut sends);
        }
        let wants = self.encoder.wants_frames();
        let (mut captured, mut masked, mut stopped) = (None, None, None);
        if wants && (due || !wanted) {
            captured = Some(now());
            let at = self.now();
            let (source, frame) = (&mut self.source, &mut self.frame);
            // Whatever a source that panicked left in the frame is not looked at any more.
            let capture = catch_unwind(AssertUnwindSafe(|| source.capture(frame)));
            let encoder = &mut self.encoder;
            wake_at = match capture {
                Ok(Capture::Unchanged) => give(encoder, at, Input::Unchanged, &mut sends),
                Ok(Capture::Frame { damage, masks }) => {
                    masked = Some(told_of(&masks, self.frame.size()));
                    let input = Input::Frame { frame: &self.frame, damage: &damage, masks: &masks };
                    give(encoder, at, input, &mut sends)
                }
                Ok(Capture::Paused) => give(encoder, at, Input::Paused, &mut sends),
                Ok(Capture::Gone) => {
                    stopped = Some(Stopped::SourceGone);
                    give(encoder, at, Input::Gone, &mut sends)
                }
                Err(_) => {
                    tracing::error!("the source of the screen panicked");
                    stopped = Some(Stopped::SourcePanicked);
                    give(encoder, at, Input::Gone, &mut sends)
                }
            };
        } else {
            let now = self.now();
            wake_at = give(&mut self.encoder, now, Input::Timeout, &mut sends).or(wake_at);
        }
        let wants_frames = self.encoder.wants_frames();
        let wake_in = wake_at.map(|at| self.began + at.since(Moment::ZERO));
        Stepped { worker: self, masks: masked, sends, wants_frames, captured, wake_in, stopped }
    }

    fn now(&self) -> Moment {
        Moment::new(now().saturating_duration_since(self.began))
    }
}

/// What the record of the session is told of masks. Those that do not fit the frame count as unknown,
/// as they do for the encoder, which shows a blank frame then.
fn told_of(masks: &coview_screen::MaskState, frame: Size) -> MaskState {
    match masks {
        coview_screen::MaskState::Known(masks) if masks.fit(frame) => {
            // There are at most as many as `Masks::MAX`.
            let areas = u32::try_from(masks.list().len()).unwrap_or(u32::MAX);
            MaskState::Known { areas }
        }
        coview_screen::MaskState::Known(_) | coview_screen::MaskState::Unknown => {
            MaskState::Unknown
        }
    }
}

/// Gives one input, keeps what is to be sent, and says when the encoder wants to be woken.
fn give(
    encoder: &mut Encoder,
    now: Moment,
    input: Input<'_>,
    sends: &mut Vec<(Vec<ViewerId>, Vec<u8>)>,
) -> Option<Moment> {
    encoder.handle_input(now, input);
    loop {
        match encoder.poll_output() {
            Output::Send { viewers, body } => sends.push((viewers, body)),
            Output::Idle { wake_at } => return wake_at.map(|deadline| deadline.at),
        }
    }
}

impl<P> fmt::Debug for ScreenSender<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScreenSender").field("pass", &self.pass).finish_non_exhaustive()
    }
}
