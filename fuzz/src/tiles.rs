use coview_screen::Decoded;
use coview_screen::Decoder;

use crate::bytes::Bytes;

/// The most pixels a picture has here, so that an input costs milliseconds.
const PIXELS: usize = 128 * 128;

/// Reads the input as bodies, each after its length in two bytes, the way a viewer does. Whatever
/// they are, a fault leaves the picture as it was, and an update has its number.
pub fn tiles(data: &[u8]) {
    let mut decoder = Decoder::new();
    let mut bytes = Bytes::of(data);
    while !bytes.is_empty() {
        let len = usize::from(bytes.number());
        let body = bytes.take(len);
        if pixels(body) > PIXELS {
            continue;
        }
        let before = decoder.picture().cloned();
        match decoder.handle(body) {
            Ok(Decoded::Updated { number, areas, .. }) => {
                assert_ne!(number, 0, "an update has a number");
                let picture = decoder.picture().expect("an update makes a picture");
                for area in areas {
                    assert!(area.is_within(picture.size()), "{area} is not in the picture");
                }
            }
            Ok(Decoded::Nothing | Decoded::Status(_) | Decoded::Beat | Decoded::OutOfStep) => {
                assert!(decoder.picture() == before.as_ref(), "nothing was drawn");
            }
            Err(error) => {
                let _ = error.to_string();
                assert!(decoder.picture() == before.as_ref(), "a fault drew something");
            }
        }
        if let Some(picture) = decoder.picture() {
            assert_eq!(picture.pixels().len(), picture.size().pixels() * 4);
        }
    }
}

/// How many pixels the update of this body has; 0 if it is none.
fn pixels(body: &[u8]) -> usize {
    let side = |at: usize| match body.get(at..at + 2) {
        Some(side) => usize::from(u16::from_be_bytes([side[0], side[1]])),
        None => 0,
    };
    if body.first() == Some(&1) { side(12) * side(14) } else { 0 }
}
