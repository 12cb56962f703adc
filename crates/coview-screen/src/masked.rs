//! The one way to the pixels of a frame as it was captured: with what is masked already covered.

use crate::frame::Frame;
use crate::geometry::Rect;
use crate::geometry::Size;
use crate::mask::Mask;
use crate::mask::MaskState;
use crate::tiles::Block;
use crate::tiles::TILE;

/// The colour of what is covered: a dark grey.
pub(crate) const COVER: [u8; 3] = [0x2b, 0x2f, 0x36];

/// A captured frame under its masks. Nothing else in the encoder sees the frame.
#[derive(Debug)]
pub(crate) struct Masked<'a> {
    frame: &'a Frame,
    cover: Cover,
    /// Whether a mask reaches into this row of tiles.
    covered_bands: Vec<bool>,
}

/// What is covered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cover {
    /// Everything: it is not known what is to be covered.
    Blank,
    /// These masks; each lies within the frame and has pixels in it.
    Masks(Vec<Mask>),
}

impl Cover {
    fn new(size: Size, state: &MaskState) -> Self {
        match state {
            MaskState::Known(masks) if masks.fit(size) => {
                let clamped = |mask: &Mask| Mask { area: mask.area.clamped(size), ..mask.clone() };
                let masks = masks.list().iter().map(clamped);
                Self::Masks(masks.filter(|mask| !mask.area.is_empty()).collect())
            }
            MaskState::Known(_) | MaskState::Unknown => Self::Blank,
        }
    }

    /// The masks to caption; a blank frame has none.
    pub(crate) fn masks(&self) -> &[Mask] {
        match self {
            Self::Blank => &[],
            Self::Masks(masks) => masks,
        }
    }
}

impl<'a> Masked<'a> {
    pub(crate) fn new(frame: &'a Frame, state: &MaskState) -> Self {
        let cover = Cover::new(frame.size(), state);
        let mut covered_bands = vec![false; usize::from(frame.size().height.div_ceil(TILE))];
        for mask in cover.masks() {
            let block = Block::around(mask.area, frame.size());
            for band in block.rows() {
                covered_bands[usize::from(band)] = true;
            }
        }
        Self { frame, cover, covered_bands }
    }

    pub(crate) const fn size(&self) -> Size {
        self.frame.size()
    }

    pub(crate) const fn cover(&self) -> &Cover {
        &self.cover
    }

    /// The bytes of one row of an area within the frame. `scratch` holds them if some are covered.
    pub(crate) fn row<'b>(&self, area: Rect, row: u16, scratch: &'b mut Vec<u8>) -> &'b [u8]
    where
        'a: 'b,
    {
        let line = Rect { y: area.y + row, height: 1, ..area };
        match &self.cover {
            Cover::Blank => {
                scratch.clear();
                scratch.resize(usize::from(area.width) * Frame::PIXEL_BYTES, 0);
                paint(scratch);
                scratch
            }
            Cover::Masks(masks) => {
                let bare = self.frame.row(area, row);
                if !self.covered_bands[usize::from(line.y / TILE)] {
                    return bare;
                }
                let mut covered = masks
                    .iter()
                    .map(|mask| mask.area.intersection(line))
                    .filter(|span| !span.is_empty())
                    .peekable();
                if covered.peek().is_none() {
                    return bare;
                }
                scratch.clear();
                scratch.extend_from_slice(bare);
                for span in covered {
                    let from = usize::from(span.x - area.x) * Frame::PIXEL_BYTES;
                    let bytes = usize::from(span.width) * Frame::PIXEL_BYTES;
                    paint(&mut scratch[from..from + bytes]);
                }
                scratch
            }
        }
    }
}

fn paint(bytes: &mut [u8]) {
    let [r, g, b] = COVER;
    bytes.as_chunks_mut::<4>().0.fill([r, g, b, 255]);
}
