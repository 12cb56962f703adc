use coview_screen::Frame;
use coview_screen::Rect;

/// Writes an area of the frame from the server's pixels, which are blue, green, red and a byte that
/// means nothing, row by row without gaps.
pub(crate) fn put(into: &mut Frame, area: Rect, pixels: &[u8]) {
    let width = usize::from(area.width) * Frame::PIXEL_BYTES;
    if width == 0 || !area.is_within(into.size()) {
        return;
    }
    let stride = usize::from(into.size().width) * Frame::PIXEL_BYTES;
    let left = usize::from(area.x) * Frame::PIXEL_BYTES;
    let rows = into.pixels_mut().chunks_exact_mut(stride).skip(usize::from(area.y));
    for (row, from) in rows.zip(pixels.chunks_exact(width)).take(usize::from(area.height)) {
        to_rgba(&mut row[left..left + width], from);
    }
}

/// Swaps blue and red. Whole words let the compiler do many pixels at a time.
fn to_rgba(into: &mut [u8], from: &[u8]) {
    let (into, _) = into.as_chunks_mut::<4>();
    let (from, _) = from.as_chunks::<4>();
    for (into, &from) in into.iter_mut().zip(from) {
        let pixel = u32::from_le_bytes(from);
        let rgba = (pixel >> 16 & 0xFF) | (pixel & 0xFF00) | (pixel & 0xFF) << 16 | 0xFF00_0000;
        *into = rgba.to_le_bytes();
    }
}

/// Lays one pixel of a cursor over what is there. Its colours are multiplied by its alpha already.
pub(crate) fn lay_over(into: &mut [u8; 4], argb: u32) {
    let [blue, green, red, alpha] = argb.to_le_bytes();
    let rest = 255 - u32::from(alpha);
    for (channel, over) in into.iter_mut().zip([red, green, blue]) {
        let under = (u32::from(*channel) * rest + 127) / 255;
        *channel = over.saturating_add(under as u8);
    }
}

#[cfg(test)]
mod tests {
    use coview_screen::Size;

    use super::*;

    #[test]
    fn blue_and_red_change_places_in_the_area_only() {
        let mut frame = Frame::blank(Size::new(3, 3)).unwrap();
        put(&mut frame, Rect::new(1, 1, 2, 1), &[1, 2, 3, 77, 4, 5, 6, 0]);
        assert_eq!(frame.pixel(1, 1), Some([3, 2, 1]));
        assert_eq!(frame.pixel(2, 1), Some([6, 5, 4]));
        assert_eq!(frame.pixel(0, 1), Some([0, 0, 0]));
        assert_eq!(frame.pixel(1, 2), Some([0, 0, 0]));
        assert!(frame.pixels().chunks(4).all(|pixel| pixel[3] == 255));
    }

    #[test]
    fn an_area_over_the_edge_is_left_alone() {
        let mut frame = Frame::blank(Size::new(2, 2)).unwrap();
        let before = frame.clone();
        put(&mut frame, Rect::new(1, 0, 2, 1), &[9; 8]);
        put(&mut frame, Rect::new(0, 0, 0, 2), &[]);
        assert_eq!(frame, before);
    }

    #[test]
    fn a_cursor_covers_by_its_alpha() {
        let mut pixel = [200, 100, 0, 255];
        lay_over(&mut pixel, 0x0000_0000);
        assert_eq!(pixel, [200, 100, 0, 255]);
        lay_over(&mut pixel, 0x8040_0000);
        assert_eq!(pixel, [0x40 + 100, 50, 0, 255]);
        lay_over(&mut pixel, 0xFF01_0203);
        assert_eq!(pixel, [1, 2, 3, 255]);
        // Colours brighter than their alpha are wrong, and must not wrap.
        lay_over(&mut pixel, 0x00FF_FFFF);
        assert_eq!(pixel, [255, 255, 255, 255]);
    }
}
