//! Turns areas of a picture into operations: solid fills, lossless images, and JPEG where a viewer
//! will not miss what it leaves out.

use crate::body::Format;
use crate::body::Op;
use crate::body::write_op;
use crate::frame::Frame;
use crate::geometry::Rect;
use crate::tiles::Block;
use crate::tiles::TILE;
use crate::tiles::Tiles;
use crate::vp8l::Kind;
use crate::vp8l::Workspace;
use crate::vp8l::argb;

/// The most pixels of one image. The worst image of so many stays well below the limit of a message
/// (three bytes a pixel and a little), and a browser may decode several at once.
const IMAGE_PIXELS: usize = 128 * 1024;
/// A solid block of fewer tiles costs less within an image.
const FILLED_TILES: usize = 64;
/// An area of fewer pixels is not worth taking apart.
const SORTED_PIXELS: usize = 4 * 1024;
/// How many tiles a block may hold besides those it is for, as a part of it: where they are drawn
/// for nothing, and where they are part of a photo.
pub(crate) const DRAWN_SLACK: usize = 8;
const PHOTO_SLACK: usize = 4;
/// A photo of fewer tiles stays within the image around it.
const PHOTO_TILES: usize = 4;
/// The quality of JPEG images.
const QUALITY: u8 = 77;
/// A part of an update gets no further operation that would make it longer than this many bytes. A
/// server keeps room for the longest message of a connection as long as that lasts, so parts are much
/// shorter than [`coview_wire::limits::PICTURE_BYTES`]; only a large image may need more.
const PART_BYTES: usize = 128 * 1024;

/// The operations of an update, in parts that each fit a message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts(Vec<Vec<u8>>);

impl Parts {
    pub(crate) fn push(&mut self, op: &Op<'_>) {
        let mut bytes = Vec::new();
        write_op(&mut bytes, op);
        match self.0.last_mut() {
            Some(last) if last.len() + bytes.len() <= PART_BYTES => last.append(&mut bytes),
            Some(_) | None => self.0.push(bytes),
        }
    }

    /// The parts; at least one, which may be empty.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        const NOTHING: &[&[u8]] = &[&[]];
        let count = self.0.len().max(1);
        (0..count).map(|at| self.0.get(at).map_or(NOTHING[0], Vec::as_slice))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Writes images, with tables that are kept between them.
#[derive(Debug)]
pub(crate) struct Packer {
    space: Workspace,
    pixels: Vec<u32>,
}

impl Packer {
    pub(crate) fn new() -> Self {
        Self { space: Workspace::new(), pixels: Vec::new() }
    }

    /// Writes some tiles of the picture without loss. `tight` may make the area of an image
    /// smaller, where less of its tiles is wanted.
    pub(crate) fn lossless(
        &mut self,
        picture: &Frame,
        tiles: &Tiles,
        tight: impl Fn(Block) -> Rect,
        parts: &mut Parts,
    ) {
        let mut left = tiles.clone();
        fill_solid(picture, &mut left, parts);
        for block in left.blocks(DRAWN_SLACK) {
            let area = tight(block);
            if area.pixels() > SORTED_PIXELS {
                self.large(picture, area, parts);
            } else if self.gather(picture, area) {
                self.indexed(area, parts);
            } else {
                let kind = kind(&self.pixels, usize::from(area.width));
                self.full(area, kind, parts);
            }
        }
    }

    /// Writes a large area: photos in it by themselves, above what is around them.
    fn large(&mut self, picture: &Frame, area: Rect, parts: &mut Parts) {
        let mut photos: Option<Vec<Rect>> = None;
        for band in bands(area) {
            let few = self.gather(picture, band);
            if few {
                self.indexed(band, parts);
                continue;
            }
            let rest = Rect { y: band.y, height: area.height - (band.y - area.y), ..area };
            let photos = photos.get_or_insert_with(|| photos_in(picture, rest));
            for photo in photos.iter() {
                self.blank(band, photo.intersection(band));
            }
            if self.space.collect_palette(&self.pixels) {
                self.indexed(band, parts);
            } else {
                self.full(band, Kind::Drawn, parts);
            }
        }
        for photo in photos.into_iter().flatten() {
            for band in bands(photo) {
                gather(picture, band, &mut self.pixels);
                self.full(band, Kind::Photo, parts);
            }
        }
    }

    /// Paints a part of what was gathered like the pixel beside it: another image covers it.
    fn blank(&mut self, gathered: Rect, part: Rect) {
        let width = usize::from(gathered.width);
        let from = usize::from(part.x.saturating_sub(gathered.x));
        let first = usize::from(part.y.saturating_sub(gathered.y));
        for row in self.pixels.chunks_exact_mut(width).skip(first).take(usize::from(part.height)) {
            let beside = match from.checked_sub(1) {
                Some(left) => row[left],
                None => row.get(usize::from(part.width)).copied().unwrap_or(row[0]),
            };
            row[from..from + usize::from(part.width)].fill(beside);
        }
    }

    /// Writes some tiles as JPEG; gives the tiles that are only approximate then, which may be a few
    /// more.
    pub(crate) fn lossy(&mut self, picture: &Frame, tiles: &Tiles, parts: &mut Parts) -> Tiles {
        let mut written = Tiles::none(picture.size());
        for block in tiles.blocks(DRAWN_SLACK) {
            written.insert_area(block.area(picture.size()));
            for area in bands(block.area(picture.size())) {
                match jpeg(picture, area) {
                    Some(bytes) => {
                        parts.push(&Op::Image { area, format: Format::Jpeg, bytes: &bytes });
                    }
                    // An image that cannot be written so is written the other way.
                    None => {
                        gather(picture, area, &mut self.pixels);
                        self.full(area, Kind::Photo, parts);
                    }
                }
            }
        }
        written
    }

    /// Takes up the pixels of an area; true if a palette holds its colours.
    fn gather(&mut self, picture: &Frame, area: Rect) -> bool {
        gather(picture, area, &mut self.pixels);
        self.space.collect_palette(&self.pixels)
    }

    /// Writes what was gathered with the palette that was just collected.
    fn indexed(&mut self, area: Rect, parts: &mut Parts) {
        let bytes = self.space.write_indexed(&self.pixels, usize::from(area.width));
        parts.push(&Op::Image { area, format: Format::WebP, bytes: &bytes });
    }

    /// Writes what was gathered whatever its colours.
    fn full(&mut self, area: Rect, kind: Kind, parts: &mut Parts) {
        let bytes = self.space.write_full(&self.pixels, usize::from(area.width), kind);
        parts.push(&Op::Image { area, format: Format::WebP, bytes: &bytes });
    }
}

/// The photos in an area, as few rectangles of whole tiles.
fn photos_in(picture: &Frame, area: Rect) -> Vec<Rect> {
    let size = picture.size();
    let mut photos = Tiles::none(size);
    let around = Block::around(area, size);
    for row in around.rows() {
        for column in around.columns() {
            if is_photo(picture, photos.area(column, row).intersection(area)) {
                photos.insert(column, row);
            }
        }
    }
    let blocks = photos.blocks(PHOTO_SLACK).into_iter();
    blocks
        .filter(|block| block.tiles() >= PHOTO_TILES)
        .map(|block| block.area(size).intersection(area))
        .collect()
}

/// Whether an area is more like a photo than like a drawing: most pixels are like neither the one to
/// the left nor the one above, and there are many colours.
pub(crate) fn is_photo(picture: &Frame, area: Rect) -> bool {
    const MANY: u32 = 24;
    // Every fourth row tells enough.
    let (mut novel, mut looked_at) = (0, 0);
    for row in (1..area.height).step_by(4) {
        let above = picture.row(area, row - 1).as_chunks::<4>().0;
        let row = picture.row(area, row).as_chunks::<4>().0;
        let left = row.iter().zip(row.iter().skip(1));
        novel += left
            .zip(above.iter().skip(1))
            .filter(|((left, pixel), above)| pixel != left && pixel != above)
            .count();
        looked_at += row.len();
    }
    if looked_at == 0 || novel * 5 < looked_at * 2 {
        return false;
    }
    let mut seen = [0_u64; 8];
    let mut colors = 0;
    for row in 0..area.height {
        for &pixel in picture.row(area, row).as_chunks::<4>().0 {
            let hash = argb(pixel).wrapping_mul(0x9e37_79b1) >> 23;
            let (word, bit) = ((hash / 64) as usize, hash % 64);
            if seen[word] >> bit & 1 == 0 {
                seen[word] |= 1 << bit;
                colors += 1;
                if colors > MANY {
                    return true;
                }
            }
        }
    }
    false
}

fn gather(picture: &Frame, area: Rect, pixels: &mut Vec<u32>) {
    pixels.clear();
    pixels.reserve(area.pixels());
    for row in 0..area.height {
        let row = picture.row(area, row).as_chunks::<4>().0;
        pixels.extend(row.iter().map(|&pixel| argb(pixel)));
    }
}

/// How pixels with more colours than a palette has are best written.
fn kind(pixels: &[u32], width: usize) -> Kind {
    let above = pixels.iter().zip(pixels.iter().skip(width)).skip(1);
    let left = pixels.iter().skip(width);
    let same =
        above.zip(left).filter(|&((above, pixel), left)| pixel == above || pixel == left).count();
    if same * 2 > pixels.len() { Kind::Drawn } else { Kind::Photo }
}

/// Cuts an area into bands of at most [`IMAGE_PIXELS`].
fn bands(area: Rect) -> impl Iterator<Item = Rect> {
    let most = IMAGE_PIXELS / usize::from(area.width.max(1));
    // Whole tiles, so that neighbours are cut alike.
    let most = u16::try_from(most).unwrap_or(u16::MAX) / TILE * TILE;
    let most = most.max(1);
    let mut y = area.y;
    core::iter::from_fn(move || {
        let left = u16::try_from(area.bottom() - usize::from(y)).unwrap_or(0);
        if left == 0 {
            return None;
        }
        let band = Rect { y, height: left.min(most), ..area };
        y += band.height;
        Some(band)
    })
}

/// Takes large blocks of one colour out of the set and writes them as fills.
fn fill_solid(picture: &Frame, tiles: &mut Tiles, parts: &mut Parts) {
    if tiles.len() < FILLED_TILES {
        return;
    }
    let mut solids: Vec<([u8; 3], (u16, u16))> = tiles
        .iter()
        .filter_map(|(column, row)| Some((solid(picture, tiles.area(column, row))?, (column, row))))
        .collect();
    solids.sort_unstable();
    let mut same = Tiles::none(picture.size());
    for solids in solids.chunk_by(|a, b| a.0 == b.0) {
        if solids.len() < FILLED_TILES {
            continue;
        }
        same.clear();
        for &(_, (column, row)) in solids {
            same.insert(column, row);
        }
        for block in same.runs() {
            if block.tiles() >= FILLED_TILES {
                let area = block.area(picture.size());
                parts.push(&Op::Fill { area, color: solids[0].0 });
                for row in block.rows() {
                    for column in block.columns() {
                        tiles.remove(column, row);
                    }
                }
            }
        }
    }
}

/// The colour of an area that has only one.
fn solid(picture: &Frame, area: Rect) -> Option<[u8; 3]> {
    let &[first, ..] = picture.row(area, 0).as_chunks::<4>().0 else { return None };
    let same = |row: u16| picture.row(area, row).as_chunks::<4>().0.iter().all(|&p| p == first);
    let [r, g, b, _] = first;
    (0..area.height).all(same).then_some([r, g, b])
}

fn jpeg(picture: &Frame, area: Rect) -> Option<Vec<u8>> {
    let mut rgb = Vec::with_capacity(area.pixels() * 3);
    for row in 0..area.height {
        let row = picture.row(area, row).as_chunks::<4>().0;
        rgb.extend(row.iter().flat_map(|&[r, g, b, _]| [r, g, b]));
    }
    let mut bytes = Vec::with_capacity(rgb.len() / 8);
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, QUALITY);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::R_4_2_0);
    encoder.encode(&rgb, area.width, area.height, jpeg_encoder::ColorType::Rgb).ok()?;
    Some(bytes)
}
