use thiserror::Error;

use crate::body::Body;
use crate::body::Header;
use crate::body::Op;
use crate::body::Ops;
use crate::frame::Frame;
use crate::geometry::Rect;
use crate::geometry::Size;
use crate::mask::Mask;
use crate::mask::Masks;
use crate::status::Status;
use crate::unpack;

/// The viewer's end: bodies of `PictureRelay` messages go in, the picture comes out.
///
/// Nothing of an update is drawn before its last part has come; then all of it at once. Whatever
/// the bytes are, the decoder does not panic and holds at most two pictures, the parts of one
/// update ([`Decoder::UPDATE_BYTES`]) and one decoded image.
///
/// ```
/// use coview_screen::{Decoded, Decoder, DecodeError};
///
/// let mut decoder = Decoder::new();
/// // A whole update numbered 1: two by one pixels, of which the left is painted red.
/// let mut body = vec![1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 1, 0, 0, 0, 9];
/// body.extend([2, 0, 0, 0, 0, 0, 1, 0, 1, 255, 0, 0]);
/// let Decoded::Updated { number, stamp, .. } = decoder.handle(&body)? else { panic!() };
/// assert_eq!((number, stamp), (1, 9));
/// let picture = decoder.picture().unwrap();
/// assert_eq!(picture.pixels(), [255, 0, 0, 255, 0, 0, 0, 255]);
/// # Ok::<(), DecodeError>(())
/// ```
#[derive(Debug, Default)]
pub struct Decoder {
    shown: Option<Shown>,
    collected: Option<Collected>,
    /// Said *refresh*, and no whole picture has come since.
    waiting: bool,
    status: Status,
}

#[derive(Debug)]
struct Shown {
    number: u32,
    picture: Frame,
    /// The same as `picture` between two updates; an update is drawn here, so that a broken one
    /// leaves no trace.
    work: Frame,
    masks: Vec<Mask>,
}

/// The parts of an update that is not complete.
#[derive(Debug)]
struct Collected {
    header: Header,
    ops: Vec<u8>,
    next: u16,
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

/// What is wrong with a body. Whatever it is, say *refresh* to the sharer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// It ends before what it announces.
    #[error("the body ends too early")]
    TooShort,
    /// Something follows a body of fixed length.
    #[error("{bytes} bytes follow the end of the body")]
    TrailingBytes {
        /// How many.
        bytes: usize,
    },
    /// The first byte is no kind of body.
    #[error("{kind} is no kind of body")]
    UnknownKind {
        /// The first byte.
        kind: u8,
    },
    /// A flag nobody has given a meaning.
    #[error("{flags:#04x} has flags without a meaning")]
    UnknownFlags {
        /// All flags.
        flags: u8,
    },
    /// An update is numbered 0.
    #[error("an update is numbered 0")]
    NoNumber,
    /// The number of a status that does not exist.
    #[error("{status} is no status")]
    UnknownStatus {
        /// The number.
        status: u8,
    },
    /// The number of an operation that does not exist.
    #[error("{op} is no operation")]
    UnknownOp {
        /// The number.
        op: u8,
    },
    /// The number of an image format that does not exist.
    #[error("{format} is no image format")]
    UnknownFormat {
        /// The number.
        format: u8,
    },
    /// The picture has no pixels or too many.
    #[error(
        "a picture of {size} pixels; 1 to {max} each way and {all} in all are allowed",
        max = Size::MAX,
        all = Size::MAX_PIXELS
    )]
    BadSize {
        /// The size it gives.
        size: Size,
    },
    /// An update that is not a whole picture has another size than the picture.
    #[error("an update of {found} pixels for a picture of {size}")]
    ChangedSize {
        /// The size of the picture.
        size: Size,
        /// The size the update gives.
        found: Size,
    },
    /// An area is empty or reaches over the edge of the picture.
    #[error("the area {area} is empty or does not lie within {size} pixels")]
    OutOfPicture {
        /// The area.
        area: Rect,
        /// The size of the picture.
        size: Size,
    },
    /// An image does not have the dimensions of its area.
    #[error("an image of {width}x{height} pixels for the area {area}")]
    WrongDimensions {
        /// The area.
        area: Rect,
        /// The image's own width.
        width: u32,
        /// The image's own height.
        height: u32,
    },
    /// An image that cannot be decoded.
    #[error("a {format} image cannot be decoded")]
    BrokenImage {
        /// The format by name.
        format: &'static str,
    },
    /// An image with something that is not allowed here.
    #[error("an image has {what}, which is not allowed")]
    Unsupported {
        /// What it has.
        what: &'static str,
    },
    /// More masks than there may be.
    #[error("{found} masks; at most {max} are allowed", max = Masks::MAX)]
    TooManyMasks {
        /// How many.
        found: usize,
    },
    /// A label is not UTF-8.
    #[error("a label is not UTF-8")]
    BadLabel,
    /// The parts of one update have more than [`Decoder::UPDATE_BYTES`].
    #[error("an update of more than {max} bytes", max = Decoder::UPDATE_BYTES)]
    TooLong,
    /// The operations of one update draw more than [`Decoder::REDRAWS`] times the picture, or its
    /// images are more than [`Decoder::IMAGES`] times the picture.
    #[error(
        "an update draws the picture more than {max} times over, or with images {images} times",
        max = Decoder::REDRAWS,
        images = Decoder::IMAGES
    )]
    TooMuchDrawing,
}

impl Decoder {
    /// The most bytes of operations in one update, all parts together.
    pub const UPDATE_BYTES: usize = 64 * 1024 * 1024;

    /// How many times the pixels of the picture one update may draw.
    pub const REDRAWS: usize = 16;

    /// How many times the pixels of the picture the images of one update may have: they are dearest
    /// to draw.
    pub const IMAGES: usize = 4;

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
        let decoded = match Body::read(body) {
            Ok(Body::Part { header, ops }) => self.part(header, ops),
            Ok(Body::Status(status)) => {
                self.status = status;
                Ok(Decoded::Status(status))
            }
            Ok(Body::Beat { number }) => Ok(self.beat(number)),
            Err(error) => Err(error),
        };
        if decoded.is_err() {
            self.collected = None;
            self.waiting = true;
        }
        decoded
    }

    /// The picture as it is now; nothing before the first whole one.
    #[must_use]
    pub fn picture(&self) -> Option<&Frame> {
        self.shown.as_ref().map(|shown| &shown.picture)
    }

    /// The areas that are covered in the picture, for captions.
    #[must_use]
    pub fn masks(&self) -> &[Mask] {
        self.shown.as_ref().map_or(&[], |shown| &shown.masks)
    }

    /// The state of the source.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    fn number(&self) -> u32 {
        self.shown.as_ref().map_or(0, |shown| shown.number)
    }

    /// A beat names the picture the viewer should stand at, so a lost update is noticed even where
    /// no other follows it; and a *refresh* that was lost is said again.
    fn beat(&mut self, number: u32) -> Decoded {
        if self.waiting || number != self.number() {
            return self.out_of_step();
        }
        Decoded::Beat
    }

    fn out_of_step(&mut self) -> Decoded {
        self.collected = None;
        self.waiting = true;
        Decoded::OutOfStep
    }

    fn part(&mut self, header: Header, ops: &[u8]) -> Result<Decoded, DecodeError> {
        if header.part == 0 {
            self.collected = None;
            if header.base != 0 {
                if self.waiting {
                    return Ok(Decoded::Nothing);
                }
                if header.base != self.number() {
                    return Ok(self.out_of_step());
                }
                let size = self.shown.as_ref().map_or(header.size, |shown| shown.picture.size());
                if size != header.size {
                    return Err(DecodeError::ChangedSize { size, found: header.size });
                }
            }
            self.collected = Some(Collected { header, ops: Vec::new(), next: 0 });
        }
        let expected = self.collected.as_ref().map(|collected| Header {
            part: collected.next,
            last: header.last,
            ..collected.header
        });
        let Some(collected) = self.collected.as_mut().filter(|_| expected == Some(header)) else {
            // What is left of an update that was passed over is passed over too.
            let passed = self.waiting && self.collected.is_none();
            return Ok(if passed { Decoded::Nothing } else { self.out_of_step() });
        };
        if ops.len() > Self::UPDATE_BYTES - collected.ops.len() {
            return Err(DecodeError::TooLong);
        }
        if header.last && header.part == 0 {
            return self.draw(header, ops);
        }
        collected.ops.extend_from_slice(ops);
        match collected.next.checked_add(1) {
            Some(next) => collected.next = next,
            None => return Err(DecodeError::TooLong),
        }
        if !header.last {
            return Ok(Decoded::Nothing);
        }
        let ops = core::mem::take(&mut collected.ops);
        self.draw(header, &ops)
    }

    fn draw(&mut self, header: Header, ops: &[u8]) -> Result<Decoded, DecodeError> {
        self.collected = None;
        check_effort(header.size, ops)?;
        let whole = header.base == 0;
        if whole && self.picture().map(Frame::size) != Some(header.size) {
            // The old picture stays until the new one is drawn.
            let mut work = blank(header.size)?;
            let mut masks = Vec::new();
            draw_ops(&mut work, &mut masks, ops)?;
            let picture = work.clone();
            self.shown = Some(Shown { number: header.number, picture, work, masks });
        } else if let Some(shown) = &mut self.shown {
            let mut masks = if whole { Vec::new() } else { shown.masks.clone() };
            if whole {
                shown.work.fill(header.size.rect(), [0; 3]);
            }
            if let Err(error) = draw_ops(&mut shown.work, &mut masks, ops) {
                shown.work.clone_from(&shown.picture);
                return Err(error);
            }
            shown.number = header.number;
            shown.masks = masks;
            core::mem::swap(&mut shown.picture, &mut shown.work);
        }
        let areas = if whole { vec![header.size.rect()] } else { areas(header.size, ops) };
        if let Some(Shown { picture, work, .. }) = &mut self.shown {
            for &area in &areas {
                for row in 0..area.height {
                    work.row_mut(area, row).copy_from_slice(picture.row(area, row));
                }
            }
        }
        if whole {
            self.waiting = false;
        }
        Ok(Decoded::Updated { number: header.number, areas, stamp: header.stamp })
    }
}

fn blank(size: Size) -> Result<Frame, DecodeError> {
    Frame::blank(size).map_err(|_| DecodeError::BadSize { size })
}

/// Reads all operations, so that one that is malformed is found before anything is drawn, and
/// bounds what drawing them costs.
fn check_effort(size: Size, ops: &[u8]) -> Result<(), DecodeError> {
    let mut left = size.pixels() * Decoder::REDRAWS;
    let mut images_left = size.pixels() * Decoder::IMAGES;
    for op in Ops::new(ops, size) {
        let op = op?;
        let pixels = op.area().map_or(0, Rect::pixels);
        left = left.checked_sub(pixels).ok_or(DecodeError::TooMuchDrawing)?;
        if matches!(op, Op::Image { .. }) {
            images_left = images_left.checked_sub(pixels).ok_or(DecodeError::TooMuchDrawing)?;
        }
    }
    Ok(())
}

/// Where operations that were read before draw; the whole picture if there are very many places.
fn areas(size: Size, ops: &[u8]) -> Vec<Rect> {
    const MANY: usize = 1024;
    let areas: Vec<Rect> =
        Ops::new(ops, size).flatten().filter_map(|op| op.area()).take(MANY + 1).collect();
    if areas.len() > MANY { vec![size.rect()] } else { areas }
}

fn draw_ops(work: &mut Frame, masks: &mut Vec<Mask>, ops: &[u8]) -> Result<(), DecodeError> {
    for op in Ops::new(ops, work.size()) {
        match op? {
            Op::Copy { to, from_x, from_y } => work.copy_within(to, from_x, from_y),
            Op::Fill { area, color } => work.fill(area, color),
            Op::Image { area, format, bytes } => unpack::draw(work, area, format, bytes)?,
            Op::Masks(list) => *masks = list,
        }
    }
    Ok(())
}

impl Op<'_> {
    /// Where it draws, if it does.
    const fn area(&self) -> Option<Rect> {
        match self {
            Self::Copy { to, .. } => Some(*to),
            Self::Fill { area, .. } | Self::Image { area, .. } => Some(*area),
            Self::Masks(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body;
    use crate::body::Format;

    const SIZE: Size = Size::new(4, 2);

    fn update(ops: &[Op<'_>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for op in ops {
            body::write_op(&mut bytes, op);
        }
        let header = Header { number: 1, base: 0, part: 0, last: true, size: SIZE, stamp: 0 };
        body::part(&header, &bytes)
    }

    #[test]
    fn an_update_draws_so_much_and_no_more() {
        let area = SIZE.rect();
        let fill = Op::Fill { area, color: [1, 2, 3] };
        let image = Op::Image { area, format: Format::WebP, bytes: b"no image" };
        let handle = |op: &Op<'_>, times| Decoder::new().handle(&update(&vec![op.clone(); times]));
        assert!(handle(&fill, Decoder::REDRAWS).is_ok());
        assert_eq!(handle(&fill, Decoder::REDRAWS + 1), Err(DecodeError::TooMuchDrawing));
        // Up to so many it is looked whether they are images at all.
        assert!(matches!(handle(&image, Decoder::IMAGES), Err(DecodeError::Unsupported { .. })));
        assert_eq!(handle(&image, Decoder::IMAGES + 1), Err(DecodeError::TooMuchDrawing));
    }
}
