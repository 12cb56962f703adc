use core::fmt;

use thiserror::Error;

use crate::geometry::Rect;
use crate::geometry::Size;

/// One picture of a screen: RGBA, eight bits each, rows from the top down, tightly packed.
///
/// The fourth byte of a pixel means nothing: a frame is opaque.
///
/// ```
/// use coview_screen::{Frame, Size};
///
/// let mut frame = Frame::blank(Size::new(2, 1))?;
/// frame.pixels_mut()[4..8].copy_from_slice(&[255, 0, 0, 255]);
/// assert_eq!(frame.pixel(1, 0), Some([255, 0, 0]));
/// # Ok::<(), coview_screen::FrameError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    size: Size,
    pixels: Vec<u8>,
}

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum FrameError {
    /// No pixels, or too many in one direction. Scale the picture down.
    #[error(
        "a frame of {size} pixels; 1 to {max} each way and {all} in all are allowed",
        max = Size::MAX,
        all = Size::MAX_PIXELS
    )]
    BadSize {
        /// The size asked for.
        size: Size,
    },
    /// The bytes are not four for each pixel. Rows must follow each other without a gap.
    #[error("{found} bytes for a frame of {size} pixels, which has {expected}")]
    BadLength {
        /// The size asked for.
        size: Size,
        /// How many bytes there are.
        found: usize,
        /// How many bytes such a frame has.
        expected: usize,
    },
}

impl Frame {
    /// How many bytes a pixel has.
    pub const PIXEL_BYTES: usize = 4;

    /// Takes pixels as they are.
    ///
    /// # Errors
    ///
    /// [`FrameError`] if the size is out of bounds or the length does not fit it.
    pub fn new(size: Size, pixels: Vec<u8>) -> Result<Self, FrameError> {
        if !size.is_valid() {
            return Err(FrameError::BadSize { size });
        }
        let expected = size.pixels() * Self::PIXEL_BYTES;
        if pixels.len() != expected {
            return Err(FrameError::BadLength { size, found: pixels.len(), expected });
        }
        Ok(Self { size, pixels })
    }

    /// A black frame.
    ///
    /// # Errors
    ///
    /// [`FrameError::BadSize`] if the size is out of bounds.
    pub fn blank(size: Size) -> Result<Self, FrameError> {
        if !size.is_valid() {
            return Err(FrameError::BadSize { size });
        }
        Ok(Self { size, pixels: [0, 0, 0, 255].repeat(size.pixels()) })
    }

    /// Width and height.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// All bytes.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// All bytes, to draw into.
    #[must_use]
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
    }

    /// Makes it a black frame of this size; keeps what is drawn if it has the size already.
    ///
    /// # Errors
    ///
    /// [`FrameError::BadSize`] if the size is out of bounds; the frame is left as it was.
    pub fn resize(&mut self, size: Size) -> Result<(), FrameError> {
        if self.size != size {
            *self = Self::blank(size)?;
        }
        Ok(())
    }

    /// Red, green and blue of one pixel; nothing outside of the frame.
    #[must_use]
    pub fn pixel(&self, x: u16, y: u16) -> Option<[u8; 3]> {
        if !self.size.rect().contains(x, y) {
            return None;
        }
        let at = self.offset(x, y);
        self.pixels.get(at..at + 3).and_then(|rgb| rgb.try_into().ok())
    }

    /// The bytes of one row between two columns; empty outside of the frame.
    ///
    /// ```
    /// use coview_screen::{Frame, Rect, Size};
    ///
    /// let frame = Frame::blank(Size::new(20, 10))?;
    /// assert_eq!(frame.row(Rect::new(5, 5, 3, 2), 1).len(), 3 * 4);
    /// assert!(frame.row(Rect::new(5, 5, 3, 2), 2).is_empty());
    /// # Ok::<(), coview_screen::FrameError>(())
    /// ```
    #[must_use]
    pub fn row(&self, area: Rect, row: u16) -> &[u8] {
        if row >= area.height || !area.is_within(self.size) {
            return &[];
        }
        let at = self.offset(area.x, area.y + row);
        self.pixels.get(at..at + usize::from(area.width) * Self::PIXEL_BYTES).unwrap_or(&[])
    }

    /// Paints a rectangle; what is outside of the frame is left out.
    pub fn fill(&mut self, area: Rect, [r, g, b]: [u8; 3]) {
        let area = area.clamped(self.size);
        for row in 0..area.height {
            for pixel in self.row_mut(area, row).as_chunks_mut::<4>().0 {
                *pixel = [r, g, b, 255];
            }
        }
    }

    /// Moves pixels, as if all of them were read before the first is written. Nothing happens if
    /// either place reaches over the edge.
    pub(crate) fn copy_within(&mut self, to: Rect, from_x: u16, from_y: u16) {
        let from = Rect { x: from_x, y: from_y, ..to };
        if !to.is_within(self.size) || !from.is_within(self.size) {
            return;
        }
        let bytes = usize::from(to.width) * Self::PIXEL_BYTES;
        let mut move_row = |row: u16| {
            let at = self.offset(from_x, from_y + row);
            let target = self.offset(to.x, to.y + row);
            self.pixels.copy_within(at..at + bytes, target);
        };
        // A row is read before a row that lands on it is written.
        if to.y > from_y {
            (0..to.height).rev().for_each(&mut move_row);
        } else {
            (0..to.height).for_each(&mut move_row);
        }
    }

    /// Whether two frames show the same: the fourth byte of a pixel does not count.
    #[must_use]
    pub fn shows_same(&self, other: &Self) -> bool {
        self.size == other.size
            && self
                .pixels
                .as_chunks::<4>()
                .0
                .iter()
                .zip(other.pixels.as_chunks::<4>().0)
                .all(|(a, b)| a[..3] == b[..3])
    }

    /// Puts together what is known to fit.
    pub(crate) const fn from_parts(size: Size, pixels: Vec<u8>) -> Self {
        Self { size, pixels }
    }

    pub(crate) const fn offset(&self, x: u16, y: u16) -> usize {
        (y as usize * self.size.width as usize + x as usize) * Self::PIXEL_BYTES
    }

    pub(crate) fn row_mut(&mut self, area: Rect, row: u16) -> &mut [u8] {
        if row >= area.height || !area.is_within(self.size) {
            return &mut [];
        }
        let at = self.offset(area.x, area.y + row);
        self.pixels.get_mut(at..at + usize::from(area.width) * Self::PIXEL_BYTES).unwrap_or(&mut [])
    }
}

/// Shows the size only: a frame is what somebody's screen shows.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({})", self.size)
    }
}

/// What a source knows about where a frame differs from the one before it.
///
/// A hint saves looking; it is not needed. A hint that leaves out a changed place leaves that place
/// as it was in the viewers' picture.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Damage {
    /// Anything may have changed.
    #[default]
    Unknown,
    /// Nothing changed outside of these areas. They may overlap and may reach over the edge.
    Areas(Vec<Rect>),
}
