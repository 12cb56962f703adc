//! A number one can read back from a picture: 16 bits and 4 bits of check as black and white blocks,
//! once at the upper and once at the lower edge, drawn last. A picture in which both can be read has
//! the whole change, because screens are read and sent from the one edge to the other.

use crate::canvas::HEIGHT;
use crate::canvas::WIDTH;

/// The edge of a block in pixels: as large as a block of JPEG and on its grid.
pub(crate) const BLOCK: usize = 8;
const BITS: usize = 20;
/// The upper left corners of the two.
pub(crate) const PLACES: [(usize, usize); 2] = [(1080, 16), (16, HEIGHT - 16)];
pub(crate) const MARKER_WIDTH: usize = BITS * BLOCK;

/// The columns of the blocks that are white.
pub(crate) fn white_blocks(number: u16) -> impl Iterator<Item = usize> {
    let bits = u32::from(number) << 4 | check(number);
    (0..BITS).filter(move |bit| bits >> (BITS - 1 - bit) & 1 == 1)
}

/// The number whose whole change is in this picture: the lower of the two.
pub(crate) fn read(pixels: &[u8]) -> Option<u16> {
    let [one, other] = PLACES.map(|place| read_at(pixels, place));
    Some(one?.min(other?))
}

fn read_at(pixels: &[u8], (left, top): (usize, usize)) -> Option<u16> {
    let mut bits = 0;
    for block in 0..BITS {
        let at = ((top + BLOCK / 2) * WIDTH + left + block * BLOCK + BLOCK / 2) * 4;
        // The middle of the three colours, whichever order they are in.
        bits = bits << 1 | u32::from(*pixels.get(at + 1)? >= 128);
    }
    let number = u16::try_from(bits >> 4).ok()?;
    (bits & 15 == check(number)).then_some(number)
}

fn check(number: u16) -> u32 {
    let number = u32::from(number);
    (number ^ number >> 4 ^ number >> 8 ^ number >> 12 ^ 0b1010) & 15
}
