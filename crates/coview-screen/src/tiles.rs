//! A frame in squares, and sets of them.

use crate::geometry::Rect;
use crate::geometry::Size;

/// The side of a tile in pixels.
pub(crate) const TILE: u16 = 16;

/// A set of tiles of a frame, one bit for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tiles {
    size: Size,
    columns: u16,
    rows: u16,
    words: Vec<u64>,
}

impl Tiles {
    pub(crate) fn none(size: Size) -> Self {
        let (columns, rows) = (size.width.div_ceil(TILE), size.height.div_ceil(TILE));
        let bits = usize::from(columns) * usize::from(rows);
        Self { size, columns, rows, words: vec![0; bits.div_ceil(64)] }
    }

    pub(crate) fn all(size: Size) -> Self {
        let mut tiles = Self::none(size);
        tiles.insert_area(size.rect());
        tiles
    }

    pub(crate) const fn columns(&self) -> u16 {
        self.columns
    }

    pub(crate) const fn rows(&self) -> u16 {
        self.rows
    }

    /// The place of a tile in lists of all tiles, row by row.
    pub(crate) const fn index(&self, column: u16, row: u16) -> usize {
        row as usize * self.columns as usize + column as usize
    }

    pub(crate) fn insert(&mut self, column: u16, row: u16) {
        let index = self.index(column, row);
        self.words[index / 64] |= 1 << (index % 64);
    }

    pub(crate) fn remove(&mut self, column: u16, row: u16) {
        let index = self.index(column, row);
        self.words[index / 64] &= !(1 << (index % 64));
    }

    pub(crate) fn contains(&self, column: u16, row: u16) -> bool {
        let index = self.index(column, row);
        self.words[index / 64] >> (index % 64) & 1 != 0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    pub(crate) fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(crate) fn clear(&mut self) {
        self.words.fill(0);
    }

    pub(crate) fn union(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    pub(crate) fn subtract(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= !other;
        }
    }

    /// All tiles that have a pixel in the area.
    pub(crate) fn insert_area(&mut self, area: Rect) {
        let block = Block::around(area, self.size);
        for row in block.rows() {
            for column in block.columns() {
                self.insert(column, row);
            }
        }
    }

    /// Whether a tile of the area is in the set.
    pub(crate) fn touch(&self, area: Rect) -> bool {
        let block = Block::around(area, self.size);
        block.rows().any(|row| block.columns().any(|column| self.contains(column, row)))
    }

    /// Column and row of each tile, row by row.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, u16)> + '_ {
        let columns = usize::from(self.columns);
        let narrow = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        self.words.iter().enumerate().flat_map(move |(place, &word)| {
            let mut left = word;
            core::iter::from_fn(move || {
                if left == 0 {
                    return None;
                }
                let index = place * 64 + left.trailing_zeros() as usize;
                left &= left - 1;
                Some((narrow(index % columns), narrow(index / columns)))
            })
        })
    }

    /// The pixels of a tile; those at the right and the lower edge may be smaller.
    pub(crate) fn area(&self, column: u16, row: u16) -> Rect {
        Block { column, row, width: 1, height: 1 }.area(self.size)
    }

    /// Covers the set with few blocks that do not overlap. A block may hold tiles that are not in
    /// the set, where that is cheaper than one more block: up to one in `slack`.
    pub(crate) fn blocks(&self, slack: usize) -> Vec<Block> {
        let mut blocks = self.runs();
        while merge_cheaply(&mut blocks, slack) {}
        blocks
    }

    /// Covers the set exactly: runs within rows, joined with equal runs below.
    pub(crate) fn runs(&self) -> Vec<Block> {
        let mut done: Vec<Block> = Vec::new();
        let mut open: Vec<Block> = Vec::new();
        for row in 0..self.rows {
            let mut next = Vec::new();
            let mut column = 0;
            while column < self.columns {
                if !self.contains(column, row) {
                    column += 1;
                    continue;
                }
                let first = column;
                while column < self.columns && self.contains(column, row) {
                    column += 1;
                }
                let run = Block { column: first, row, width: column - first, height: 1 };
                let above = open
                    .iter()
                    .position(|block| block.column == run.column && block.width == run.width);
                next.push(match above {
                    Some(above) => {
                        let block = open.swap_remove(above);
                        Block { height: block.height + 1, ..block }
                    }
                    None => run,
                });
            }
            done.append(&mut open);
            open = next;
        }
        done.append(&mut open);
        done.sort_unstable_by_key(|block| (block.row, block.column));
        done
    }
}

/// A rectangle of tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) column: u16,
    pub(crate) row: u16,
    pub(crate) width: u16,
    pub(crate) height: u16,
}

impl Block {
    /// The tiles that have a pixel in the area.
    pub(crate) fn around(area: Rect, size: Size) -> Self {
        let area = area.clamped(size);
        let narrow = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        let tile = usize::from(TILE);
        let (column, row) = (area.x / TILE, area.y / TILE);
        Self {
            column,
            row,
            width: narrow(area.right().div_ceil(tile)) - column,
            height: narrow(area.bottom().div_ceil(tile)) - row,
        }
    }

    pub(crate) const fn columns(self) -> core::ops::Range<u16> {
        self.column..self.column + self.width
    }

    pub(crate) const fn rows(self) -> core::ops::Range<u16> {
        self.row..self.row + self.height
    }

    pub(crate) const fn tiles(self) -> usize {
        self.width as usize * self.height as usize
    }

    /// Its pixels.
    pub(crate) fn area(self, size: Size) -> Rect {
        let scaled = |number: u16| u16::try_from(u32::from(number) * u32::from(TILE));
        let [x, y, width, height] = [self.column, self.row, self.width, self.height]
            .map(|number| scaled(number).unwrap_or(u16::MAX));
        Rect { x, y, width, height }.clamped(size)
    }

    pub(crate) fn union(self, other: Self) -> Self {
        let (column, row) = (self.column.min(other.column), self.row.min(other.row));
        let right = self.columns().end.max(other.columns().end);
        let bottom = self.rows().end.max(other.rows().end);
        Self { column, row, width: right - column, height: bottom - row }
    }

    const fn overlaps(self, other: Self) -> bool {
        self.column < other.column + other.width
            && other.column < self.column + self.width
            && self.row < other.row + other.height
            && other.row < self.row + self.height
    }
}

/// Tiles that one image less is worth: its header, its palette and its place among the operations.
const IMAGE_WORTH: usize = 3;
/// More blocks than this are not looked at in pairs.
const PAIRS_OF: usize = 96;

/// Joins blocks whose common rectangle holds little else; whether it joined any.
fn merge_cheaply(blocks: &mut Vec<Block>, slack: usize) -> bool {
    let mut merged = false;
    let mut first = 0;
    while first < blocks.len() {
        let mut second = first + 1;
        // The blocks are sorted by row: those far below are far away in the list.
        while second < blocks.len().min(first + PAIRS_OF) {
            let (a, b) = (blocks[first], blocks[second]);
            let union = a.union(b);
            let waste = union.tiles().saturating_sub(a.tiles() + b.tiles());
            let cheap = waste <= IMAGE_WORTH.max(union.tiles() / slack);
            // A union that cuts into a third block would draw it twice.
            let clean = cheap
                && !blocks
                    .iter()
                    .enumerate()
                    .any(|(at, c)| at != first && at != second && c.overlaps(union));
            if clean {
                blocks[first] = union;
                blocks.remove(second);
                merged = true;
            } else {
                second += 1;
            }
        }
        first += 1;
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(rows: &[&str]) -> Tiles {
        let columns = u16::try_from(rows[0].len()).unwrap();
        let height = u16::try_from(rows.len()).unwrap();
        let mut tiles = Tiles::none(Size::new(columns * TILE, height * TILE));
        for (row, line) in (0..).zip(rows) {
            for (column, mark) in (0..).zip(line.chars()) {
                if mark == '#' {
                    tiles.insert(column, row);
                }
            }
        }
        tiles
    }

    #[test]
    fn runs_cover_exactly_and_join_downwards() {
        let tiles = drawn(&["##..##", "##..##", "......", ".####."]);
        let blocks = tiles.runs();
        assert_eq!(blocks.len(), 3);
        assert_eq!(blocks.iter().map(|block| block.tiles()).sum::<usize>(), tiles.len());
    }

    #[test]
    fn blocks_close_small_gaps_and_leave_large_ones() {
        assert_eq!(drawn(&["###.###", "#######"]).blocks(8).len(), 1);
        assert_eq!(drawn(&["#.............#", "#.............#"]).blocks(8).len(), 2);
    }

    #[test]
    fn an_area_touches_every_tile_it_has_a_pixel_in() {
        let mut tiles = Tiles::none(Size::new(100, 50));
        tiles.insert_area(Rect::new(15, 15, 2, 2));
        assert_eq!(tiles.iter().collect::<Vec<_>>(), [(0, 0), (1, 0), (0, 1), (1, 1)]);
        assert_eq!(tiles.area(6, 3), Rect::new(96, 48, 4, 2));
        assert!(tiles.touch(Rect::new(0, 0, 1, 1)));
        assert!(!tiles.touch(Rect::new(32, 0, 60, 50)));
    }
}
