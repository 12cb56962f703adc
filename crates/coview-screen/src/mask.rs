use std::sync::Arc;
use std::sync::Mutex;

use thiserror::Error;

use crate::geometry::Rect;
use crate::geometry::Size;

/// An area that is covered before anything leaves, and a word for the agents about what is there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mask {
    /// What is covered. It may reach over the edge of the frame.
    pub area: Rect,
    /// Shown to the agents in place of the pixels; at most [`Mask::LABEL_BYTES`] bytes. It is not
    /// secret: it must not say what is covered, only what kind of thing.
    pub label: String,
}

impl Mask {
    /// The longest label in bytes of UTF-8.
    pub const LABEL_BYTES: usize = 255;

    /// A mask with a label.
    pub fn new(area: Rect, label: impl Into<String>) -> Self {
        Self { area, label: label.into() }
    }
}

/// All the masks of one frame. They hold for frames of one size only.
///
/// ```
/// use coview_screen::{Mask, Masks, Rect, Size};
///
/// let password = Mask::new(Rect::new(40, 100, 200, 24), "Password");
/// let masks = Masks::new(Size::new(640, 480), vec![password])?;
/// assert_eq!(masks.list().len(), 1);
/// # Ok::<(), coview_screen::MaskError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Masks {
    /// Without masks there is nothing a wrong size could put in the wrong place.
    size: Option<Size>,
    list: Vec<Mask>,
}

/// Why masks cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum MaskError {
    /// More than [`Masks::MAX`]. Cover a larger area instead of many small ones.
    #[error("{found} masks; at most {max} are allowed", max = Masks::MAX)]
    TooMany {
        /// How many there are.
        found: usize,
    },
    /// A label is longer than [`Mask::LABEL_BYTES`]. Shorten it.
    #[error("the label of mask {index} has {bytes} bytes; at most {max} are allowed", max = Mask::LABEL_BYTES)]
    LongLabel {
        /// Which mask, counted from 0.
        index: usize,
        /// How long its label is.
        bytes: usize,
    },
}

impl Masks {
    /// The most masks at one time.
    pub const MAX: usize = 256;

    /// Nothing is to be covered, whatever the size of the frame.
    #[must_use]
    pub const fn none() -> Self {
        Self { size: None, list: Vec::new() }
    }

    /// Masks for frames of this size. For frames of any other size they count as unknown, and such
    /// a frame is sent blank: masks that were laid out for another size cover the wrong places.
    ///
    /// # Errors
    ///
    /// [`MaskError`] if there are too many masks or a label is too long.
    pub fn new(size: Size, list: Vec<Mask>) -> Result<Self, MaskError> {
        if list.len() > Self::MAX {
            return Err(MaskError::TooMany { found: list.len() });
        }
        for (index, mask) in list.iter().enumerate() {
            let bytes = mask.label.len();
            if bytes > Mask::LABEL_BYTES {
                return Err(MaskError::LongLabel { index, bytes });
            }
        }
        Ok(Self { size: Some(size), list })
    }

    /// The masks, in the order given.
    #[must_use]
    pub fn list(&self) -> &[Mask] {
        &self.list
    }

    /// Whether they hold for frames of this size.
    #[must_use]
    pub fn fit(&self, size: Size) -> bool {
        self.size.is_none_or(|own| own == size)
    }
}

/// Whether it is known what is to be covered. If it is not, nothing is shown: a blank frame is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub enum MaskState {
    /// These areas are covered, and only these.
    Known(Masks),
    /// Nobody has said, or who would say failed.
    #[default]
    Unknown,
}

/// Where an app says what is to be covered, for a source that does not get masks with each frame.
///
/// Clones share one state. It begins as [`MaskState::Unknown`], so nothing is shown before the app
/// has spoken. If a thread panicked while it held the state, it counts as unknown for good.
///
/// ```
/// use coview_screen::{MaskHandle, MaskState, Masks};
///
/// let handle = MaskHandle::default();
/// assert_eq!(handle.state(), MaskState::Unknown);
/// handle.set(Masks::none());
/// assert_eq!(handle.clone().state(), MaskState::Known(Masks::none()));
/// handle.forget();
/// assert_eq!(handle.state(), MaskState::Unknown);
/// ```
#[derive(Clone, Debug, Default)]
pub struct MaskHandle(Arc<Mutex<MaskState>>);

impl MaskHandle {
    /// A handle that begins with these masks.
    #[must_use]
    pub fn new(masks: Masks) -> Self {
        Self(Arc::new(Mutex::new(MaskState::Known(masks))))
    }

    /// These areas are covered from the next frame on, and only these.
    pub fn set(&self, masks: Masks) {
        if let Ok(mut state) = self.0.lock() {
            *state = MaskState::Known(masks);
        }
    }

    /// It is not known any more what is to be covered: blank frames are sent until [`set`](Self::set).
    pub fn forget(&self) {
        if let Ok(mut state) = self.0.lock() {
            *state = MaskState::Unknown;
        }
    }

    /// The state now.
    #[must_use]
    pub fn state(&self) -> MaskState {
        self.0.lock().map_or(MaskState::Unknown, |state| state.clone())
    }
}
