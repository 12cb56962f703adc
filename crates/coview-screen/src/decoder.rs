use thiserror::Error;

use crate::frame::Frame;
use crate::geometry::Rect;
use crate::mask::Mask;
use crate::status::Status;

/// The viewer's end: bodies of `PictureRelay` messages go in, the picture comes out.
#[derive(Debug, Default)]
pub struct Decoder {
    picture: Option<Frame>,
    masks: Vec<Mask>,
    status: Status,
}

/// What a body brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// Nothing to see: more parts are to come, or the decoder waits for a whole picture.
    Nothing,
    /// The picture changed. Acknowledge the number to the sharer.
    Updated {
        /// The number to acknowledge.
        number: u32,
        /// Where the picture changed; areas may overlap.
        areas: Vec<Rect>,
        /// When the frame was captured, in milliseconds since the sharer began; it wraps.
        stamp: u32,
    },
    /// The state of the source.
    Status(Status),
    /// Nothing changed; the sharer is alive.
    Beat,
    /// The thread is lost: say *refresh* to the sharer. The picture is as it was.
    OutOfStep,
}

/// What is wrong with a body.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// It ends before what it announces.
    #[error("the body ends too early")]
    TooShort,
}

impl Decoder {
    /// A decoder without a picture.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in one body.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] names what is wrong. The picture is left as it was, and a whole picture is
    /// needed: say *refresh* to the sharer, as for [`Decoded::OutOfStep`].
    pub fn handle(&mut self, body: &[u8]) -> Result<Decoded, DecodeError> {
        let _ = body;
        Ok(Decoded::Nothing)
    }

    /// The picture as it is now; nothing before the first whole one.
    #[must_use]
    pub fn picture(&self) -> Option<&Frame> {
        self.picture.as_ref()
    }

    /// The areas that are covered in the picture, for captions.
    #[must_use]
    pub fn masks(&self) -> &[Mask] {
        &self.masks
    }

    /// The state of the source.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }
}
