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
    /// What waited when the pause began. It may cover what is seen, so it is still shown.
    before_pause: Option<Waiting>,
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

    /// Viewers are told that the picture stands still on purpose: at the newest frame pushed before,
    /// under its masks. Frames pushed meanwhile wait, and so do their masks.
    pub fn pause(&self) {
        let mut shared = lock(&self.shared);
        if !shared.paused {
            shared.paused = true;
            shared.before_pause = shared.waiting.take();
        }
    }

    /// Goes on with the newest frame.
    pub fn resume(&self) {
        let mut shared = lock(&self.shared);
        shared.paused = false;
        let before = shared.before_pause.take();
        shared.waiting = match shared.waiting.take() {
            Some(newest) => Some(newest.after(before)),
            None => before,
        };
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
        let newest = Waiting { frame, damage, masks: MaskState::Known(masks) };
        let before = shared.waiting.take();
        shared.waiting = Some(newest.after(before));
    }
}

impl Waiting {
    /// In place of one that was never taken, which changed something too.
    fn after(self, before: Option<Self>) -> Self {
        let damage = match before {
            None => self.damage,
            Some(before) if before.frame.size() != self.frame.size() => Damage::Unknown,
            Some(before) => match (before.damage, self.damage) {
                (Damage::Areas(mut areas), Damage::Areas(more)) => {
                    areas.extend(more);
                    if areas.len() > MOST_AREAS { Damage::Unknown } else { Damage::Areas(areas) }
                }
                (Damage::Unknown, _) | (_, Damage::Unknown) => Damage::Unknown,
            },
        };
        Self { damage, ..self }
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
        let next = if shared.paused { shared.before_pause.take() } else { shared.waiting.take() };
        match next {
            None if shared.paused => Capture::Paused,
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

/// Nothing panics between two changes of the state, so a thread that panicked left it whole.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn close(shared: &Mutex<Shared>) {
    let mut shared = lock(shared);
    shared.closed = true;
    shared.waiting = None;
    shared.before_pause = None;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;
    use crate::mask::Mask;

    const SIZE: Size = Size::new(8, 8);

    fn masks(x: u16) -> Masks {
        Masks::new(SIZE, vec![Mask::new(Rect::new(x, 0, 1, 1), "Field")]).unwrap()
    }

    fn push(app: &AppFrames, x: u16) {
        let area = Rect::new(x, 0, 1, 1);
        app.push_damaged(Frame::blank(SIZE).unwrap(), vec![area], masks(x));
    }

    /// A frame where these columns changed, under the mask of the last of them.
    fn frame(columns: &[u16]) -> Capture {
        let areas = columns.iter().map(|&x| Rect::new(x, 0, 1, 1)).collect();
        let last = *columns.last().unwrap();
        Capture::Frame { damage: Damage::Areas(areas), masks: MaskState::Known(masks(last)) }
    }

    #[test]
    fn what_was_pushed_before_a_pause_is_shown_and_what_comes_meanwhile_waits() {
        let (app, mut source) = app_frames();
        let mut into = Frame::blank(SIZE).unwrap();
        let mut capture = || source.capture(&mut into);
        push(&app, 1);
        app.pause();
        push(&app, 2);
        app.pause();
        assert_eq!(capture(), frame(&[1]));
        assert_eq!(capture(), Capture::Paused);
        push(&app, 3);
        app.resume();
        assert_eq!(capture(), frame(&[2, 3]));
        assert_eq!(capture(), Capture::Unchanged);

        push(&app, 4);
        app.pause();
        app.resume();
        push(&app, 5);
        assert_eq!(capture(), frame(&[4, 5]), "nobody looked meanwhile");
        push(&app, 6);
        app.pause();
        push(&app, 7);
        app.resume();
        assert_eq!(capture(), frame(&[6, 7]));
        push(&app, 1);
        app.pause();
        app.close();
        assert_eq!(capture(), Capture::Gone);
    }
}
