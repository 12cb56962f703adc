//! The layout of bodies, byte by byte: one writer and one reader for each kind. All integers are
//! big-endian.

use crate::decoder::DecodeError;
use crate::geometry::Rect;
use crate::geometry::Size;
use crate::mask::Mask;
use crate::mask::Masks;
use crate::status::Status;

const PART: u8 = 1;
const STATUS: u8 = 2;
const BEAT: u8 = 3;

const COPY: u8 = 1;
const FILL: u8 = 2;
const IMAGE: u8 = 3;
const MASKS: u8 = 4;

const LAST: u8 = 1;

/// What precedes the operations of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) number: u32,
    pub(crate) base: u32,
    pub(crate) part: u16,
    pub(crate) last: bool,
    pub(crate) size: Size,
    pub(crate) stamp: u32,
}

impl Header {
    pub(crate) const BYTES: usize = 20;
}

/// One step in drawing an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Op<'a> {
    Copy { to: Rect, from_x: u16, from_y: u16 },
    Fill { area: Rect, color: [u8; 3] },
    Image { area: Rect, format: Format, bytes: &'a [u8] },
    Masks(Vec<Mask>),
}

/// How an image is compressed. Every browser decodes each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Format {
    Png,
    WebP,
    Jpeg,
}

impl Format {
    const fn byte(self) -> u8 {
        match self {
            Self::Png => 1,
            Self::WebP => 2,
            Self::Jpeg => 3,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Png),
            2 => Some(Self::WebP),
            3 => Some(Self::Jpeg),
            _ => None,
        }
    }
}

/// A body as its reader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body<'a> {
    Part { header: Header, ops: &'a [u8] },
    Status(Status),
    Beat { number: u32 },
}

pub(crate) fn status(status: Status) -> Vec<u8> {
    vec![STATUS, status.byte()]
}

pub(crate) fn beat(number: u32) -> Vec<u8> {
    let mut body = vec![BEAT];
    body.extend(number.to_be_bytes());
    body
}

/// Joins a header and operations to the body of one part.
pub(crate) fn part(header: &Header, ops: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(Header::BYTES + ops.len());
    body.push(PART);
    body.extend(header.number.to_be_bytes());
    body.extend(header.base.to_be_bytes());
    body.extend(header.part.to_be_bytes());
    body.push(if header.last { LAST } else { 0 });
    put(&mut body, [header.size.width, header.size.height]);
    body.extend(header.stamp.to_be_bytes());
    body.extend_from_slice(ops);
    body
}

/// Appends one operation.
///
/// The length of an image, the number of masks and the length of a label fit their fields: images
/// stay below the limit of a message, and [`Masks`] checks the others.
pub(crate) fn write_op(ops: &mut Vec<u8>, op: &Op<'_>) {
    match op {
        Op::Copy { to, from_x, from_y } => {
            ops.push(COPY);
            put_rect(ops, *to);
            put(ops, [*from_x, *from_y]);
        }
        Op::Fill { area, color } => {
            ops.push(FILL);
            put_rect(ops, *area);
            ops.extend(color);
        }
        Op::Image { area, format, bytes } => {
            ops.push(IMAGE);
            put_rect(ops, *area);
            ops.push(format.byte());
            ops.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
            ops.extend_from_slice(bytes);
        }
        Op::Masks(masks) => {
            ops.push(MASKS);
            put(ops, [u16::try_from(masks.len()).unwrap_or(u16::MAX)]);
            for mask in masks {
                put_rect(ops, mask.area);
                ops.push(u8::try_from(mask.label.len()).unwrap_or(u8::MAX));
                ops.extend_from_slice(mask.label.as_bytes());
            }
        }
    }
}

fn put<const N: usize>(bytes: &mut Vec<u8>, numbers: [u16; N]) {
    for number in numbers {
        bytes.extend(number.to_be_bytes());
    }
}

fn put_rect(bytes: &mut Vec<u8>, rect: Rect) {
    put(bytes, [rect.x, rect.y, rect.width, rect.height]);
}

impl<'a> Body<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut rest = Rest(bytes);
        match rest.byte()? {
            PART => {
                let number = rest.u32()?;
                let base = rest.u32()?;
                let part = rest.u16()?;
                let flags = rest.byte()?;
                if flags & !LAST != 0 {
                    return Err(DecodeError::UnknownFlags { flags });
                }
                let size = Size::new(rest.u16()?, rest.u16()?);
                if !size.is_valid() {
                    return Err(DecodeError::BadSize { size });
                }
                if number == 0 {
                    return Err(DecodeError::NoNumber);
                }
                let stamp = rest.u32()?;
                let header = Header { number, base, part, last: flags & LAST != 0, size, stamp };
                Ok(Self::Part { header, ops: rest.0 })
            }
            STATUS => {
                let status = rest.byte()?;
                let status =
                    Status::from_byte(status).ok_or(DecodeError::UnknownStatus { status })?;
                rest.end()?;
                Ok(Self::Status(status))
            }
            BEAT => {
                let number = rest.u32()?;
                rest.end()?;
                Ok(Self::Beat { number })
            }
            kind => Err(DecodeError::UnknownKind { kind }),
        }
    }
}

/// The operations of a part, one after the other; the first error is the last item.
#[derive(Debug)]
pub(crate) struct Ops<'a> {
    rest: Rest<'a>,
    size: Size,
}

impl<'a> Ops<'a> {
    pub(crate) const fn new(ops: &'a [u8], size: Size) -> Self {
        Self { rest: Rest(ops), size }
    }

    fn read(&mut self) -> Result<Op<'a>, DecodeError> {
        let rest = &mut self.rest;
        match rest.byte()? {
            COPY => {
                let to = rest.rect(self.size)?;
                let [from_x, from_y] = [rest.u16()?, rest.u16()?];
                let from = Rect { x: from_x, y: from_y, ..to };
                if !from.is_within(self.size) {
                    return Err(DecodeError::OutOfPicture { area: from, size: self.size });
                }
                Ok(Op::Copy { to, from_x, from_y })
            }
            FILL => {
                let area = rest.rect(self.size)?;
                Ok(Op::Fill { area, color: [rest.byte()?, rest.byte()?, rest.byte()?] })
            }
            IMAGE => {
                let area = rest.rect(self.size)?;
                let format = rest.byte()?;
                let format =
                    Format::from_byte(format).ok_or(DecodeError::UnknownFormat { format })?;
                let len = usize::try_from(rest.u32()?).map_err(|_| DecodeError::TooShort)?;
                Ok(Op::Image { area, format, bytes: rest.take(len)? })
            }
            MASKS => {
                let found = usize::from(rest.u16()?);
                if found > Masks::MAX {
                    return Err(DecodeError::TooManyMasks { found });
                }
                let mut masks = Vec::new();
                for _ in 0..found {
                    let area = rest.rect(self.size)?;
                    let len = usize::from(rest.byte()?);
                    let label =
                        str::from_utf8(rest.take(len)?).map_err(|_| DecodeError::BadLabel)?;
                    masks.push(Mask::new(area, label));
                }
                Ok(Op::Masks(masks))
            }
            op => Err(DecodeError::UnknownOp { op }),
        }
    }
}

impl<'a> Iterator for Ops<'a> {
    type Item = Result<Op<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.0.is_empty() {
            return None;
        }
        let op = self.read();
        if op.is_err() {
            self.rest = Rest(&[]);
        }
        Some(op)
    }
}

#[derive(Debug)]
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(DecodeError::TooShort)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(DecodeError::TooShort)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        self.array().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    /// A rectangle with pixels in it, all of them within the picture.
    fn rect(&mut self, size: Size) -> Result<Rect, DecodeError> {
        let area = Rect::new(self.u16()?, self.u16()?, self.u16()?, self.u16()?);
        if area.is_empty() || !area.is_within(size) {
            return Err(DecodeError::OutOfPicture { area, size });
        }
        Ok(area)
    }

    const fn end(&self) -> Result<(), DecodeError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::TrailingBytes { bytes: self.0.len() })
        }
    }
}
