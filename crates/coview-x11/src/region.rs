use coview_screen::Rect;
use coview_screen::Size;
use x11rb::protocol::xfixes::FetchRegionReply;
use x11rb::protocol::xproto::Rectangle;

/// More areas than this are read as the one that holds them all: each costs a request.
const MANY: usize = 24;

/// The areas of a region that lie within the picture.
pub(crate) fn areas(region: &FetchRegionReply, size: Size) -> Vec<Rect> {
    let areas: Vec<Rect> = region
        .rectangles
        .iter()
        .map(|rectangle| within(rectangle, size))
        .filter(|area| !area.is_empty())
        .collect();
    if areas.len() <= MANY {
        return areas;
    }
    vec![within(&region.extents, size)]
}

/// The part of an area given by its corner and extent that lies within the picture.
pub(crate) fn clip(x: i32, y: i32, width: u16, height: u16, size: Size) -> Rect {
    let span = |from: i32, extent: u16, limit: u16| {
        let start = from.clamp(0, i32::from(limit));
        let end = from.saturating_add(i32::from(extent)).clamp(start, i32::from(limit));
        // Both lie between 0 and a `u16`.
        (start as u16, (end - start) as u16)
    };
    let (x, width) = span(x, width, size.width);
    let (y, height) = span(y, height, size.height);
    if width == 0 || height == 0 { Rect::default() } else { Rect::new(x, y, width, height) }
}

fn within(rectangle: &Rectangle, size: Size) -> Rect {
    let Rectangle { x, y, width, height } = *rectangle;
    clip(i32::from(x), i32::from(y), width, height, size)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size::new(100, 50);

    #[test]
    fn what_is_outside_is_cut_off() {
        assert_eq!(clip(-5, -5, 10, 10, SIZE), Rect::new(0, 0, 5, 5));
        assert_eq!(clip(95, 45, 10, 10, SIZE), Rect::new(95, 45, 5, 5));
        assert_eq!(clip(-5, 0, 5, 10, SIZE), Rect::default());
        assert_eq!(clip(100, 0, 5, 10, SIZE), Rect::default());
        assert_eq!(clip(i32::MIN, i32::MAX, u16::MAX, u16::MAX, SIZE), Rect::default());
        assert_eq!(clip(-30_000, -30_000, u16::MAX, u16::MAX, SIZE), SIZE.rect());
    }

    #[test]
    fn many_areas_become_one() {
        let rectangle = |x, y| Rectangle { x, y, width: 1, height: 1 };
        let mut region = FetchRegionReply {
            extents: Rectangle { x: 0, y: -1, width: 90, height: 20 },
            rectangles: (0..24).map(|x| rectangle(x * 3, 2)).collect(),
            ..FetchRegionReply::default()
        };
        assert_eq!(areas(&region, SIZE).len(), 24);
        region.rectangles.push(rectangle(89, 18));
        assert_eq!(areas(&region, SIZE), [Rect::new(0, 0, 90, 19)]);
    }
}
