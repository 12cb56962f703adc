//! The newest picture as it may be shown, and what is known about each of its tiles.

use crate::frame::Damage;
use crate::frame::Frame;
use crate::geometry::Rect;
use crate::geometry::Size;
use crate::masked::Cover;
use crate::masked::Masked;
use crate::moves;
use crate::moves::Move;
use crate::tiles::Block;
use crate::tiles::TILE;
use crate::tiles::Tiles;

/// The newest picture, masked: what every viewer's picture is to become.
#[derive(Debug)]
pub(crate) struct Canvas {
    picture: Frame,
    cover: Cover,
    /// For each tile: rows and columns with pixels that the newest frame changed other than by a
    /// move. Only meaningful for tiles of the last [`Change`].
    changed_lines: Vec<(u16, u16)>,
    /// For each tile: how often it has changed other than by a move, each time soon after the time
    /// before.
    streak: Vec<u8>,
    /// For each tile: when it changed last other than by a move, in milliseconds; it wraps.
    changed_at: Vec<u32>,
    /// When the newest frame came, or the source last said that it is still the newest.
    now_ms: u32,
}

/// A tile that changes again within this many milliseconds keeps changing. It is counted in time and
/// not in frames: a film is a film also where frames are captured faster than it runs.
const SOON_MS: u32 = 250;
/// So many changes, each soon after the one before, make a tile busy.
const BUSY: u8 = 3;

/// How the newest frame differs from the one before it.
#[derive(Debug)]
pub(crate) struct Change {
    /// What moved, in the order in which it is copied.
    pub(crate) moves: Vec<Move>,
    /// What differs still after that.
    pub(crate) rest: Tiles,
    /// All tiles that moves wrote to, or that differ still.
    pub(crate) touched: Tiles,
    /// The list of masks is another one.
    pub(crate) masks: bool,
}

impl Change {
    pub(crate) fn is_none(&self) -> bool {
        !self.masks && self.touched.is_empty()
    }
}

impl Canvas {
    pub(crate) fn new(view: &Masked<'_>, now_ms: u32) -> Self {
        let size = view.size();
        let tiles = Tiles::none(size);
        let count = usize::from(tiles.columns()) * usize::from(tiles.rows());
        let mut pixels = Vec::with_capacity(size.pixels() * Frame::PIXEL_BYTES);
        let mut scratch = Vec::new();
        for row in 0..size.height {
            pixels.extend_from_slice(view.row(size.rect(), row, &mut scratch));
        }
        Self {
            picture: Frame::from_parts(size, pixels),
            cover: view.cover().clone(),
            changed_lines: vec![(0, 0); count],
            streak: vec![0; count],
            changed_at: vec![now_ms; count],
            now_ms,
        }
    }

    pub(crate) const fn picture(&self) -> &Frame {
        &self.picture
    }

    pub(crate) const fn size(&self) -> Size {
        self.picture.size()
    }

    pub(crate) const fn cover(&self) -> &Cover {
        &self.cover
    }

    /// Becomes the frame in view, which has the same size. Moves are only sought if somebody can
    /// make use of them.
    pub(crate) fn update(
        &mut self,
        view: &Masked<'_>,
        damage: &Damage,
        seek_moves: bool,
        now_ms: u32,
    ) -> Change {
        let suspects = self.suspects(view, damage);
        let changed = self.differing(view, suspects.as_ref());
        let masks = self.cover.masks() != view.cover().masks();
        if self.cover != *view.cover() {
            self.cover = view.cover().clone();
        }
        self.now_ms = now_ms;
        let moves =
            if seek_moves { moves::find(view, &self.picture, &changed) } else { Vec::new() };
        let mut touched = changed;
        for &Move { to, from_x, from_y } in &moves {
            self.picture.copy_within(to, from_x, from_y);
            touched.insert_area(to);
        }
        let rest = self.settle(view, &touched);
        for (column, row) in rest.iter() {
            let index = rest.index(column, row);
            let soon = now_ms.wrapping_sub(self.changed_at[index]) <= SOON_MS;
            self.streak[index] = if soon { self.streak[index].saturating_add(1) } else { 1 };
            self.changed_at[index] = now_ms;
        }
        Change { moves, rest, touched, masks }
    }

    /// No frame came: nothing changed.
    pub(crate) const fn rest(&mut self, now_ms: u32) {
        self.now_ms = now_ms;
    }

    /// Whether a tile keeps changing.
    pub(crate) fn is_busy(&self, index: usize) -> bool {
        let soon = self.now_ms.wrapping_sub(self.changed_at[index]) <= SOON_MS;
        soon && self.streak[index] >= BUSY
    }

    /// When a tile changed last other than by a move.
    pub(crate) fn changed_at(&self, index: usize) -> u32 {
        self.changed_at[index]
    }

    /// The smallest area that holds all changed pixels of a block. Only for tiles of the last
    /// change; others in the block do not count.
    pub(crate) fn tight(&self, block: Block, rest: &Tiles) -> Rect {
        let (mut left, mut right, mut top, mut bottom) = (u16::MAX, 0, u16::MAX, 0);
        for row in block.rows() {
            for column in block.columns() {
                if !rest.contains(column, row) {
                    continue;
                }
                let (lines, columns) = self.changed_lines[rest.index(column, row)];
                let (x, y) = (column * TILE, row * TILE);
                let first = |bits: u16| u16::try_from(bits.trailing_zeros()).unwrap_or(0);
                let end = |bits: u16| 16 - u16::try_from(bits.leading_zeros()).unwrap_or(0);
                left = left.min(x + first(columns));
                right = right.max(x + end(columns));
                top = top.min(y + first(lines));
                bottom = bottom.max(y + end(lines));
            }
        }
        let area = block.area(self.size());
        if right <= left || bottom <= top {
            return area;
        }
        area.intersection(Rect::new(left, top, right - left, bottom - top))
    }

    /// Says that all of a tile is to be sent, not only what changed in it.
    pub(crate) fn widen(&mut self, index: usize) {
        self.changed_lines[index] = (u16::MAX, u16::MAX);
    }

    /// The tiles that may differ from the frame in view; all of them if nobody knows. A mask that
    /// comes or goes changes its area whatever the source says.
    fn suspects(&self, view: &Masked<'_>, damage: &Damage) -> Option<Tiles> {
        let (Cover::Masks(before), Cover::Masks(now)) = (&self.cover, view.cover()) else {
            return None;
        };
        let Damage::Areas(areas) = damage else { return None };
        let mut suspects = Tiles::none(self.size());
        for &area in areas {
            suspects.insert_area(area);
        }
        if before != now {
            for mask in before.iter().chain(now) {
                suspects.insert_area(mask.area);
            }
        }
        Some(suspects)
    }

    /// The tiles that differ from the frame in view.
    fn differing(&self, view: &Masked<'_>, suspects: Option<&Tiles>) -> Tiles {
        let size = self.size();
        let mut changed = Tiles::none(size);
        let mut scratch = Vec::new();
        for band in 0..changed.rows() {
            let suspected = |column: u16| suspects.is_none_or(|tiles| tiles.contains(column, band));
            let Some(first) = (0..changed.columns()).find(|&column| suspected(column)) else {
                continue;
            };
            let last = (first..changed.columns()).rev().find(|&column| suspected(column));
            let width = last.unwrap_or(first) + 1 - first;
            let area = Block { column: first, row: band, width, height: 1 }.area(size);
            for line in 0..area.height {
                let new = view.row(area, line, &mut scratch);
                let old = self.picture.row(area, line);
                if new == old {
                    continue;
                }
                let tiles = new.chunks(TILE_BYTES).zip(old.chunks(TILE_BYTES));
                for (column, (new, old)) in (first..).zip(tiles) {
                    if new != old && suspected(column) {
                        changed.insert(column, band);
                    }
                }
            }
        }
        changed
    }

    /// Makes the picture equal to the frame in view within some tiles; gives the tiles where it was
    /// not, with the lines that differed in `changed_lines`.
    fn settle(&mut self, view: &Masked<'_>, tiles: &Tiles) -> Tiles {
        let mut rest = Tiles::none(self.size());
        let mut scratch = Vec::new();
        let size = self.size();
        for run in tiles.runs() {
            for row in run.rows() {
                let area = Block { row, height: 1, ..run }.area(size);
                for column in run.columns() {
                    self.changed_lines[rest.index(column, row)] = (0, 0);
                }
                for line in 0..area.height {
                    let new = view.row(area, line, &mut scratch);
                    let old = self.picture.row_mut(area, line);
                    if new == old {
                        continue;
                    }
                    let pieces = new.chunks(TILE_BYTES).zip(old.chunks_mut(TILE_BYTES));
                    for (column, (new, old)) in run.columns().zip(pieces) {
                        if new == old {
                            continue;
                        }
                        let index = rest.index(column, row);
                        let (lines, columns) = &mut self.changed_lines[index];
                        *lines |= 1 << line;
                        *columns |= differing_columns(new, old);
                        old.copy_from_slice(new);
                        rest.insert(column, row);
                    }
                }
            }
        }
        rest
    }
}

const TILE_BYTES: usize = TILE as usize * Frame::PIXEL_BYTES;

/// A bit for each pixel that differs in a row of a tile.
fn differing_columns(new: &[u8], old: &[u8]) -> u16 {
    let pixels = new.as_chunks::<4>().0.iter().zip(old.as_chunks::<4>().0);
    pixels.enumerate().fold(0, |bits, (at, (new, old))| bits | u16::from(new != old) << at)
}
