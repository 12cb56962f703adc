use crate::frame::Damage;
use crate::frame::Frame;
use crate::mask::MaskState;

/// Where frames come from: a display, a window, an app's own drawing, a generated page.
pub trait FrameSource: Send {
    /// Takes the newest picture there is, into `into`, which still holds the one of the call before.
    /// The source may resize it.
    ///
    /// It must not wait for a change: the caller asks as often as it wants frames. Pixels and masks
    /// belong together: what comes out of one call was true at one time.
    fn capture(&mut self, into: &mut Frame) -> Capture;
}

/// What a source has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Capture {
    /// Pixels *and* masks are as at the call before. `into` is untouched.
    Unchanged,
    /// `into` holds a new frame.
    Frame {
        /// Where it differs from the frame before.
        damage: Damage,
        /// What is to be covered in it.
        masks: MaskState,
    },
    /// The source stands still on purpose. `into` is untouched.
    Paused,
    /// The source has ended; nothing will come any more.
    Gone,
}
