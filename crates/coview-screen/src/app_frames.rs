use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::frame::Damage;
use crate::frame::Frame;
use crate::geometry::Rect;
use crate::mask::MaskState;
use crate::mask::Masks;
use crate::source::Capture;
use crate::source::FrameSource;

/// A handle for an app that draws its own frames, and the source they come out of.
///
/// Between two captures the newest frame wins; older ones are dropped, so that an app may push as
/// often as it likes. Before the first frame the source says [`Capture::Unchanged`].
///
/// ```
/// use coview_screen::{Capture, Damage, Frame, FrameSource, Masks, Size, app_frames};
///
/// let (app, mut source) = app_frames();
/// app.push(Frame::blank(Size::new(320, 200))?, Masks::none());
///
/// let mut frame = Frame::blank(Size::new(1, 1))?;
/// assert!(matches!(source.capture(&mut frame), Capture::Frame { damage: Damage::Unknown, .. }));
/// assert_eq!(frame.size(), Size::new(320, 200));
/// assert_eq!(source.capture(&mut frame), Capture::Unchanged);
/// drop(app);
/// assert_eq!(source.capture(&mut frame), Capture::Gone);
/// # Ok::<(), coview_screen::FrameError>(())
/// ```
#[must_use]
pub fn app_frames() -> (AppFrames, AppSource) {
    let shared = Arc::new(Mutex::new(Shared::default()));
    let closer = Arc::new(Closer(Arc::clone(&shared)));
    (AppFrames { shared: Arc::clone(&shared), _closer: closer }, AppSource { shared })
}

/// The app's end of [`app_frames`]. When the last clone is dropped, the source is gone.
#[derive(Clone, Debug)]
pub struct AppFrames {
    shared: Arc<Mutex<Shared>>,
    _closer: Arc<Closer>,
}

/// The other end of [`app_frames`].
#[derive(Debug)]
pub struct AppSource {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Option<Waiting>,
    paused: bool,
    closed: bool,
}

#[derive(Debug)]
struct Waiting {
    frame: Frame,
    damage: Damage,
    masks: MaskState,
}

/// Closes the source when the last handle goes.
#[derive(Debug)]
struct Closer(Arc<Mutex<Shared>>);

impl AppFrames {
    /// A new frame and what is to be covered in it, in one step: no viewer ever sees the frame with
    /// other masks, nor the masks on another frame.
    pub fn push(&self, frame: Frame, masks: Masks) {
        self.put(frame, Damage::Unknown, masks);
    }

    /// The same, where the app knows that nothing changed outside of some areas since the frame it
    /// pushed before.
    pub fn push_damaged(&self, frame: Frame, areas: Vec<Rect>, masks: Masks) {
        self.put(frame, Damage::Areas(areas), masks);
    }

    /// Viewers are told that the picture stands still on purpose. Frames pushed meanwhile wait.
    pub fn pause(&self) {
        lock(&self.shared).paused = true;
    }

    /// Goes on with the newest frame.
    pub fn resume(&self) {
        lock(&self.shared).paused = false;
    }

    /// No frame will come any more; viewers are told so. The newest frame pushed before, if it
    /// still waits, is dropped.
    pub fn close(&self) {
        close(&self.shared);
    }

    fn put(&self, frame: Frame, damage: Damage, masks: Masks) {
        let mut shared = lock(&self.shared);
        if shared.closed {
            return;
        }
        // A frame that was never taken changed something too.
        let damage = match shared.waiting.take() {
            None => damage,
            Some(before) if before.frame.size() != frame.size() => Damage::Unknown,
            Some(before) => match (before.damage, damage) {
                (Damage::Areas(mut areas), Damage::Areas(more)) => {
                    areas.extend(more);
                    if areas.len() > MOST_AREAS { Damage::Unknown } else { Damage::Areas(areas) }
                }
                (Damage::Unknown, _) | (_, Damage::Unknown) => Damage::Unknown,
            },
        };
        shared.waiting = Some(Waiting { frame, damage, masks: MaskState::Known(masks) });
    }
}

/// More areas than this are not worth keeping apart, and must not pile up while nobody captures.
const MOST_AREAS: usize = 1024;

impl FrameSource for AppSource {
    fn capture(&mut self, into: &mut Frame) -> Capture {
        let mut shared = lock(&self.shared);
        if shared.closed {
            return Capture::Gone;
        }
        if shared.paused {
            return Capture::Paused;
        }
        match shared.waiting.take() {
            None => Capture::Unchanged,
            Some(Waiting { frame, damage, masks }) => {
                *into = frame;
                Capture::Frame { damage, masks }
            }
        }
    }
}

impl Drop for Closer {
    fn drop(&mut self) {
        close(&self.0);
    }
}

/// Every change of the state is a single assignment, so a thread that panicked left it whole.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn close(shared: &Mutex<Shared>) {
    let mut shared = lock(shared);
    shared.closed = true;
    shared.waiting = None;
}
