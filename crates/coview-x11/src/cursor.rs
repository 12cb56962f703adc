use coview_screen::Frame;
use coview_screen::Rect;
use coview_screen::Size;
use x11rb::protocol::xfixes::GetCursorImageReply;

use crate::pixels;
use crate::region;

/// A cursor where it is drawn into the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The server's number of this image.
    serial: u32,
    /// Where the image's upper left corner is in the picture, which it may be beyond.
    x: i32,
    y: i32,
    width: u16,
    height: u16,
    /// The part of the picture it covers.
    area: Rect,
    image: Vec<u32>,
}

impl Cursor {
    /// The cursor as seen in a picture whose upper left corner is at `origin` of the display;
    /// nothing if it points to a place outside.
    pub(crate) fn new(reply: GetCursorImageReply, origin: (i16, i16), size: Size) -> Option<Self> {
        let spot_x = i32::from(reply.x) - i32::from(origin.0);
        let spot_y = i32::from(reply.y) - i32::from(origin.1);
        if region::clip(spot_x, spot_y, 1, 1, size).is_empty() {
            return None;
        }
        let (x, y) = (spot_x - i32::from(reply.xhot), spot_y - i32::from(reply.yhot));
        let area = region::clip(x, y, reply.width, reply.height, size);
        let pixels = usize::from(reply.width) * usize::from(reply.height);
        if area.is_empty() || reply.cursor_image.len() < pixels {
            return None;
        }
        Some(Self {
            serial: reply.cursor_serial,
            x,
            y,
            width: reply.width,
            height: reply.height,
            area,
            image: reply.cursor_image,
        })
    }

    pub(crate) fn area(&self) -> Rect {
        self.area
    }

    /// Draws it over a frame that shows what is below it.
    pub(crate) fn draw(&self, into: &mut Frame) {
        if !self.area.is_within(into.size()) {
            return;
        }
        let stride = usize::from(into.size().width);
        let (frame, _) = into.pixels_mut().as_chunks_mut::<4>();
        for row in 0..self.area.height {
            // The area is within the image, so the differences are not negative.
            let from_y = (i32::from(self.area.y + row) - self.y) as usize;
            let from_x = (i32::from(self.area.x) - self.x) as usize;
            let start = usize::from(self.area.y + row) * stride + usize::from(self.area.x);
            let line = &mut frame[start..start + usize::from(self.area.width)];
            let image = &self.image[from_y * usize::from(self.width) + from_x..];
            for (pixel, &argb) in line.iter_mut().zip(image) {
                pixels::lay_over(pixel, argb);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size::new(10, 10);

    fn reply(x: i16, y: i16) -> GetCursorImageReply {
        GetCursorImageReply {
            x,
            y,
            width: 3,
            height: 2,
            xhot: 1,
            yhot: 1,
            cursor_image: (0..6).map(|at| 0xFF00_0000 | at).collect(),
            ..GetCursorImageReply::default()
        }
    }

    #[test]
    fn a_cursor_is_drawn_around_its_spot() {
        let mut frame = Frame::blank(SIZE).unwrap();
        let cursor = Cursor::new(reply(105, 203), (100, 200), SIZE).unwrap();
        assert_eq!(cursor.area(), Rect::new(4, 2, 3, 2));
        cursor.draw(&mut frame);
        assert_eq!(frame.pixel(4, 2), Some([0, 0, 0]));
        assert_eq!(frame.pixel(6, 3), Some([0, 0, 5]));
        assert_eq!(frame.pixel(7, 3), Some([0, 0, 0]));
    }

    #[test]
    fn a_cursor_at_the_edge_is_cut_off() {
        let mut frame = Frame::blank(SIZE).unwrap();
        let cursor = Cursor::new(reply(0, 9), (0, 0), SIZE).unwrap();
        assert_eq!(cursor.area(), Rect::new(0, 8, 2, 2));
        cursor.draw(&mut frame);
        assert_eq!(frame.pixel(0, 8), Some([0, 0, 1]));
        assert_eq!(frame.pixel(1, 9), Some([0, 0, 5]));
    }

    #[test]
    fn a_cursor_that_points_elsewhere_is_not_seen() {
        assert_eq!(Cursor::new(reply(-1, 5), (0, 0), SIZE), None);
        assert_eq!(Cursor::new(reply(10, 5), (0, 0), SIZE), None);
        let mut short = reply(5, 5);
        short.cursor_image.pop();
        assert_eq!(Cursor::new(short, (0, 0), SIZE), None);
    }
}
