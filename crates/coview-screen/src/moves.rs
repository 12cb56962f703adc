//! Finds what moved between two pictures: areas that scrolled, up, down or sideways, several of
//! them apart, and windows that were dragged.
//!
//! Short pieces of rows are taken from what is new and looked for in what was. Each that is found
//! votes for the way it came; the ways with the most votes are then tried tile by tile, byte for
//! byte. What comes out is a proposal: the caller applies it and sends whatever is still different.

use std::collections::BTreeMap;

use crate::frame::Frame;
use crate::geometry::Rect;
use crate::masked::Masked;
use crate::tiles::Block;
use crate::tiles::TILE;
use crate::tiles::Tiles;

/// Pixels of the picture before that are wanted elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) to: Rect,
    pub(crate) from_x: u16,
    pub(crate) from_y: u16,
}

/// Fewer changed tiles than this cost less to send than to look for.
const FEWEST_CHANGED: usize = 8;
/// The length of the pieces of rows, in pixels.
const PIECE: u16 = 32;
/// The most tiles from which pieces are taken.
const SAMPLED: usize = 128;
/// The most pieces that are found; a pattern that repeats itself finds too many.
const MOST_FOUND: usize = 20_000;
/// The most ways that are tried.
const MOST_WAYS: usize = 6;
/// A way needs so many votes.
const FEWEST_VOTES: u32 = 6;
/// A way must explain so many tiles.
const FEWEST_MOVED: usize = 4;
/// Every so many rows of the picture before are looked at. Pieces are taken from all rows of a
/// tile, so each tile still has two chances.
const ROW_STEP: usize = 8;

/// From where to where, in pixels.
type Way = (i32, i32);

/// What moved, in the order in which it is to be copied.
pub(crate) fn find(new: &Masked<'_>, old: &Frame, changed: &Tiles) -> Vec<Move> {
    if changed.len() < FEWEST_CHANGED {
        return Vec::new();
    }
    let mut left = changed.clone();
    let mut moves = Vec::new();
    for way in vote(new, old, changed) {
        let moved = explained(new, old, &left, way);
        if moved.len() < FEWEST_MOVED {
            continue;
        }
        left.subtract(&moved);
        let mut blocks = blocks(new, old, &moved, &left, way);
        // Each copy sees the ones before it: none may overwrite what a later one reads.
        blocks.sort_unstable_by_key(|block| {
            let (row, column) = (i32::from(block.row), i32::from(block.column));
            (if way.1 > 0 { -row } else { row }, if way.0 > 0 { -column } else { column })
        });
        for block in blocks {
            let area = widened(new, old, block.area(old.size()), way);
            if let Some(from) = shifted(area, way, old) {
                moves.push(Move { to: area, from_x: from.x, from_y: from.y });
            }
        }
    }
    moves
}

/// Where an area came from, if all of that lies within the picture.
fn shifted(area: Rect, (dx, dy): Way, old: &Frame) -> Option<Rect> {
    let x = u16::try_from(i32::from(area.x) - dx).ok()?;
    let y = u16::try_from(i32::from(area.y) - dy).ok()?;
    let from = Rect { x, y, ..area };
    from.is_within(old.size()).then_some(from)
}

/// Whether an area looks as another did before.
fn came_from(new: &Masked<'_>, old: &Frame, area: Rect, way: Way, scratch: &mut Vec<u8>) -> bool {
    let Some(from) = shifted(area, way, old) else { return false };
    (0..area.height).all(|row| new.row(area, row, scratch) == old.row(from, row))
}

fn explained(new: &Masked<'_>, old: &Frame, left: &Tiles, way: Way) -> Tiles {
    let mut scratch = Vec::new();
    let mut moved = Tiles::none(old.size());
    for (column, row) in left.iter() {
        if came_from(new, old, left.area(column, row), way, &mut scratch) {
            moved.insert(column, row);
        }
    }
    moved
}

/// Puts moved tiles together to few blocks. What lies between them may be copied along if it looks
/// as if it had moved too, or has to be sent in any case.
fn blocks(new: &Masked<'_>, old: &Frame, moved: &Tiles, left: &Tiles, way: Way) -> Vec<Block> {
    let mut scratch = Vec::new();
    let mut known: Vec<Option<bool>> =
        vec![None; usize::from(moved.columns()) * usize::from(moved.rows())];
    let mut may_be_copied = |column: u16, row: u16| {
        *known[moved.index(column, row)].get_or_insert_with(|| {
            moved.contains(column, row)
                || left.contains(column, row)
                || came_from(new, old, moved.area(column, row), way, &mut scratch)
        })
    };
    let mut spoiled = |block: Block| {
        let tiles = block.rows().flat_map(|row| block.columns().map(move |column| (column, row)));
        tiles.filter(|&(column, row)| !may_be_copied(column, row)).count()
    };

    let mut whole: Option<Block> = None;
    for (column, row) in moved.iter() {
        let tile = Block { column, row, width: 1, height: 1 };
        whole = Some(whole.map_or(tile, |whole| whole.union(tile)));
    }
    let Some(whole) = whole else { return Vec::new() };
    if spoiled(whole) * 20 <= moved.len() {
        return vec![whole];
    }

    let mut done: Vec<Block> = Vec::new();
    for run in moved.runs() {
        // Runs come from the top down, so the ones a run may be joined with are near the end.
        let joined = done.iter().enumerate().rev().take(32).find_map(|(at, block)| {
            let union = block.union(run);
            (spoiled(union) == 0).then_some((at, union))
        });
        match joined {
            Some((at, union)) => done[at] = union,
            None => done.push(run),
        }
    }
    done.retain(|block| block.tiles() >= 2);
    done
}

/// Extends an area to the pixel, into tiles of which only a part has moved.
fn widened(new: &Masked<'_>, old: &Frame, area: Rect, way: Way) -> Rect {
    let mut scratch = Vec::new();
    let mut area = area;
    let mut grow = |grown: fn(Rect) -> Option<(Rect, Rect)>| {
        for _ in 1..TILE {
            let Some((strip, larger)) = grown(area) else { break };
            if !strip.is_within(old.size()) || !came_from(new, old, strip, way, &mut scratch) {
                break;
            }
            area = larger;
        }
    };
    grow(|area| {
        let y = area.y.checked_sub(1)?;
        Some((Rect { y, height: 1, ..area }, Rect { y, height: area.height + 1, ..area }))
    });
    grow(|area| {
        let y = area.y + area.height;
        Some((Rect { y, height: 1, ..area }, Rect { height: area.height + 1, ..area }))
    });
    grow(|area| {
        let x = area.x.checked_sub(1)?;
        Some((Rect { x, width: 1, ..area }, Rect { x, width: area.width + 1, ..area }))
    });
    grow(|area| {
        let x = area.x + area.width;
        Some((Rect { x, width: 1, ..area }, Rect { width: area.width + 1, ..area }))
    });
    area
}

/// The ways with the most votes, the most first.
fn vote(new: &Masked<'_>, old: &Frame, changed: &Tiles) -> Vec<Way> {
    let pieces = Pieces::new(new, changed);
    let size = old.size();
    if size.width < PIECE || pieces.list.is_empty() {
        return Vec::new();
    }
    let Some(bounds) = bounds(changed) else { return Vec::new() };
    let bounds = bounds.area(size);
    // A piece may have come from a little outside of what changed.
    let x = bounds.x.saturating_sub(PIECE);
    let right = (bounds.right() + usize::from(PIECE)).min(usize::from(size.width));
    let line = Rect { x, width: u16::try_from(right).unwrap_or(size.width) - x, ..bounds };

    let mut votes: BTreeMap<Way, u32> = BTreeMap::new();
    let mut found = 0;
    let mut sums = Vec::new();
    let length = usize::from(PIECE);
    for row in (0..line.height).step_by(ROW_STEP) {
        let bytes = old.row(line, row);
        prefix_sums(bytes, &mut sums);
        for (at, (&from, &to)) in sums.iter().zip(sums.iter().skip(length)).enumerate() {
            let hash = to.wrapping_sub(from);
            if !pieces.may_have(hash) {
                continue;
            }
            for &(new_x, new_y) in pieces.get(hash) {
                let at_x = line.x + u16::try_from(at).unwrap_or(u16::MAX);
                let way = (
                    i32::from(new_x) - i32::from(at_x),
                    i32::from(new_y) - i32::from(line.y + row),
                );
                if way != (0, 0) {
                    *votes.entry(way).or_default() += 1;
                    found += 1;
                }
            }
        }
        if found > MOST_FOUND {
            break;
        }
    }
    let mut ways: Vec<(u32, Way)> = votes
        .into_iter()
        .filter(|&(_, votes)| votes >= FEWEST_VOTES)
        .map(|(way, votes)| (votes, way))
        .collect();
    ways.sort_unstable_by(|a, b| b.cmp(a));
    ways.into_iter().take(MOST_WAYS).map(|(_, way)| way).collect()
}

fn bounds(tiles: &Tiles) -> Option<Block> {
    let block = |(column, row)| Block { column, row, width: 1, height: 1 };
    tiles.iter().map(block).reduce(Block::union)
}

/// Sums of scrambled pixels from the beginning of a row to each of its pixels: the difference of
/// two is a hash of the pixels between them.
fn prefix_sums(bytes: &[u8], sums: &mut Vec<u32>) {
    sums.clear();
    let mut sum = 0_u32;
    sums.push(sum);
    sums.extend(bytes.as_chunks::<4>().0.iter().map(|&pixel| {
        sum = sum.wrapping_add(scramble(u32::from_le_bytes(pixel)));
        sum
    }));
}

const fn scramble(pixel: u32) -> u32 {
    let mixed = (pixel ^ (pixel >> 15)).wrapping_mul(0x85eb_ca6b);
    mixed ^ (mixed >> 13)
}

/// Pieces of rows of the new picture, by their hashes.
struct Pieces {
    /// Sorted.
    list: Vec<(u32, (u16, u16))>,
    places: Vec<(u16, u16)>,
    filter: Vec<u64>,
}

impl Pieces {
    const FILTER_BITS: u32 = 15;

    fn new(new: &Masked<'_>, changed: &Tiles) -> Self {
        let size = new.size();
        let mut list = Vec::new();
        let mut scratch = Vec::new();
        let step = changed.len().div_ceil(SAMPLED).max(1);
        for (column, row) in changed.iter().step_by(step) {
            let tile = changed.area(column, row);
            let piece = Rect { width: PIECE, ..tile };
            if !piece.is_within(size) {
                continue;
            }
            for line in 0..tile.height {
                let pixels = new.row(piece, line, &mut scratch).as_chunks::<4>().0;
                // What has hardly any edges is everywhere.
                let edges = pixels.windows(2).filter(|pair| pair[0] != pair[1]).count();
                if edges >= 3 {
                    let hash = pixels.iter().fold(0_u32, |sum, &pixel| {
                        sum.wrapping_add(scramble(u32::from_le_bytes(pixel)))
                    });
                    list.push((hash, (tile.x, tile.y + line)));
                }
            }
        }
        list.sort_unstable();
        let mut filter = vec![0; 1 << (Self::FILTER_BITS - 6)];
        let mut kept: Vec<(u32, (u16, u16))> = Vec::with_capacity(list.len());
        // What is there more often tells nothing.
        for same in list.chunk_by(|a, b| a.0 == b.0) {
            if let [only] = same {
                let bit = Self::bit(only.0);
                filter[bit / 64] |= 1 << (bit % 64);
                kept.push(*only);
            }
        }
        let places = kept.iter().map(|&(_, place)| place).collect();
        Self { list: kept, places, filter }
    }

    const fn bit(hash: u32) -> usize {
        (hash.wrapping_mul(0x9e37_79b1) >> (32 - Self::FILTER_BITS)) as usize
    }

    fn may_have(&self, hash: u32) -> bool {
        let bit = Self::bit(hash);
        self.filter[bit / 64] >> (bit % 64) & 1 != 0
    }

    fn get(&self, hash: u32) -> &[(u16, u16)] {
        match self.list.binary_search_by_key(&hash, |&(hash, _)| hash) {
            Ok(at) => &self.places[at..=at],
            Err(_) => &[],
        }
    }
}
