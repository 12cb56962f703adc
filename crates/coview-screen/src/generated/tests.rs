use proptest::prelude::*;

use super::*;

/// Copies what a hint says has changed from one frame to the other.
fn patch(into: &mut Frame, from: &Frame, areas: &[Rect]) {
    assert_eq!(into.size(), from.size());
    for &area in areas {
        assert!(area.is_within(from.size()), "{area} reaches over the edge");
        for row in 0..area.height {
            into.row_mut(area, row).copy_from_slice(from.row(area, row));
        }
    }
}

fn areas(damage: Damage) -> Vec<Rect> {
    match damage {
        Damage::Areas(areas) => areas,
        Damage::Unknown => panic!("the page knows what it draws"),
    }
}

/// The frame as it may leave: what is masked is grey.
fn covered(page: &GeneratedPage) -> Frame {
    let mut frame = page.frame().clone();
    for mask in page.masks().list() {
        frame.fill(mask.area, [128; 3]);
    }
    frame
}

/// Steps and checks that nothing outside of the hint has changed, and that no hint is given for
/// nothing more often than a scene explains.
fn step_checked(page: &mut GeneratedPage, kept: &mut Frame) -> Vec<Rect> {
    let hint = areas(page.step());
    patch(kept, page.frame(), &hint);
    assert!(kept.shows_same(page.frame()), "a change outside of {hint:?}");
    hint
}

#[test]
fn every_scene_says_where_it_drew() {
    let mut page = GeneratedPage::new(Size::new(900, 500), 3).unwrap();
    for scene in Scene::ALL {
        page.pin(scene);
        let mut kept = page.frame().clone();
        let first = page.frame().clone();
        let mut changed = 0;
        for _ in 0..25 {
            changed += usize::from(!step_checked(&mut page, &mut kept).is_empty());
        }
        let moved = scene != Scene::Still;
        assert_eq!(changed > 0, moved, "{scene}");
        assert_eq!(!page.frame().shows_same(&first), moved, "{scene}");
    }
}

#[test]
fn the_story_comes_back_to_its_beginning() {
    let mut page = GeneratedPage::new(Size::new(800, 420), 5).unwrap();
    let first = page.frame().clone();
    let round: u32 = STORY.iter().map(|&act| story::steps(act)).sum();
    let mut kept = first.clone();
    let (mut rest, mut longest) = (0, 0);
    for _ in 0..round {
        let still = step_checked(&mut page, &mut kept).is_empty();
        rest = if still { rest + 1 } else { 0 };
        longest = longest.max(rest);
    }
    assert!(page.frame().shows_same(&first));
    assert!(longest >= 50, "no time to come to rest: {longest}");
}

#[test]
fn a_story_scrolls_back_as_far_as_it_scrolled() {
    let (mut left, mut right) = (0, 0);
    for &(act, steps) in STORY {
        let (down, other) = match act {
            Act::Scroll(rows) => (rows, rows),
            Act::Columns(left, right) => (left, right),
            Act::Play => {
                assert_eq!((left, right), (0, 0), "the clip has to be seen");
                continue;
            }
            Act::Rest
            | Act::Type(..)
            | Act::Reel(_)
            | Act::Open
            | Act::Close
            | Act::Drag
            | Act::PutAway
            | Act::Home => continue,
        };
        left += down * steps as i32;
        right += other * steps as i32;
    }
}

#[test]
fn what_is_masked_makes_no_difference_outside_of_the_masks() {
    let mut page = GeneratedPage::new(Size::new(1280, 720), 7).unwrap();
    page.pin(Scene::Scroll { lines: 24 });
    let mut other = GeneratedPage::new(Size::new(1280, 720), 7).unwrap();
    other.pin(Scene::Scroll { lines: 24 });
    for field in Field::ALL {
        if field.mask().is_some() {
            other.write(field, "something else".to_owned());
        }
    }
    assert!(!page.frame().shows_same(other.frame()));
    for _ in 0..120 {
        assert!(covered(&page).shows_same(&covered(&other)));
        assert_eq!(page.masks(), other.masks());
        page.step();
        other.step();
    }
}

#[test]
fn captures_add_up_to_the_frame() {
    let size = Size::new(760, 400);
    let mut page = GeneratedPage::new(size, 1).unwrap();
    let mut into = Frame::blank(Size::new(1, 1)).unwrap();
    let first = page.capture(&mut into);
    let masks = MaskState::Known(page.masks().clone());
    assert_eq!(first, Capture::Frame { damage: Damage::Unknown, masks });
    assert!(into.shows_same(page.frame()));
    assert_eq!(page.capture(&mut into), Capture::Unchanged);
    // Whatever is done between two captures is in the next one.
    page.pin(Scene::Typing);
    page.step();
    page.stamp(Some(9));
    page.step();
    assert!(matches!(page.capture(&mut into), Capture::Frame { damage: Damage::Areas(_), .. }));
    assert!(into.shows_same(page.frame()));
    page.resize(Size::new(300, 720)).unwrap();
    let grown = page.capture(&mut into);
    assert!(matches!(grown, Capture::Frame { damage: Damage::Unknown, .. }));
    assert!(into.shows_same(page.frame()));
}

#[test]
fn typing_is_a_small_change() {
    let mut page = GeneratedPage::new(Size::new(1280, 720), 7).unwrap();
    page.pin(Scene::Typing);
    let sizes: Vec<usize> =
        (0..100).map(|_| areas(page.step()).iter().map(|area| area.pixels()).sum()).collect();
    assert!(sizes.iter().all(|&size| size > 0));
    assert!(sizes.iter().sum::<usize>() / sizes.len() < 1500, "{sizes:?}");
}

#[test]
fn a_full_page_weighs_what_a_web_page_does() {
    let page = GeneratedPage::new(Size::new(1280, 720), 7).unwrap();
    let rgb: Vec<u8> = page
        .frame()
        .pixels()
        .chunks_exact(4)
        .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
        .collect();
    let mut packed = Vec::new();
    let encoder = image_webp::WebPEncoder::new(&mut packed);
    encoder.encode(&rgb, 1280, 720, image_webp::ColorType::Rgb8).unwrap();
    assert!((240_000..310_000).contains(&packed.len()), "{} bytes", packed.len());
}

#[test]
fn seeds_and_nothing_else_make_pages_differ() {
    let size = Size::new(720, 300);
    let page = |seed| GeneratedPage::new(size, seed).unwrap().frame().clone();
    assert_eq!(page(1), page(1));
    assert_ne!(page(1), page(2));
}

#[test]
fn a_damaged_stamp_is_no_number() {
    let mut page = GeneratedPage::new(Size::new(400, 100), 1).unwrap();
    page.stamp(Some(0xDEAD_BEEF));
    let mut frame = page.frame().clone();
    assert_eq!(read_stamp(&frame), Some(0xDEAD_BEEF));
    frame.fill(Rect::new(100, 0, 4, 4), [255; 3]);
    let lit = read_stamp(&frame);
    frame.fill(Rect::new(100, 0, 4, 4), [0; 3]);
    let unlit = read_stamp(&frame);
    assert!(lit.is_none() != unlit.is_none());
    page.stamp(None);
    assert_eq!(read_stamp(page.frame()), None);
    let narrow = GeneratedPage::new(Size::new(100, 100), 1).unwrap();
    assert_eq!(read_stamp(narrow.frame()), None);
}

#[test]
fn there_is_no_page_without_pixels() {
    for size in [Size::new(0, 10), Size::new(10, 0), Size::new(8193, 10)] {
        assert_eq!(GeneratedPage::new(size, 1).unwrap_err(), FrameError::BadSize { size });
        let mut page = GeneratedPage::new(Size::new(20, 20), 1).unwrap();
        assert_eq!(page.resize(size), Err(FrameError::BadSize { size }));
        assert_eq!(page.size(), Size::new(20, 20));
    }
}

/// Something that is done to a page.
#[derive(Clone, Debug)]
enum Deed {
    Steps(usize),
    Pin(Scene),
    Tell,
    Stamp(Option<u32>),
    Resize(Size),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        8 => (1..80_usize).prop_map(Deed::Steps),
        6 => prop::sample::select(Scene::ALL.to_vec()).prop_map(Deed::Pin),
        1 => (0..5000_u16).prop_map(|lines| Deed::Pin(Scene::Scroll { lines })),
        1 => Just(Deed::Tell),
        1 => any::<Option<u32>>().prop_map(Deed::Stamp),
        1 => sizes().prop_map(Deed::Resize),
    ];
    prop::collection::vec(deed, 1..12)
}

fn sizes() -> impl Strategy<Value = Size> {
    prop_oneof![
        (1..1000_u16, 1..500_u16),
        (1..40_u16, 1..90_u16),
        (1700..1800_u16, 50..70_u16),
        (1..10_u16, 2500..2600_u16),
    ]
    .prop_map(|(width, height)| Size::new(width, height))
}

proptest! {
    // Every case lays out a page or more, and goes over all its pixels at every step.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn nothing_changes_outside_of_a_hint(size in sizes(), seed in 0..9_u64, deeds in deeds()) {
        let mut page = GeneratedPage::new(size, seed).unwrap();
        let mut captured = Frame::blank(size).unwrap();
        for deed in deeds {
            match deed {
                Deed::Steps(count) => {
                    let mut kept = page.frame().clone();
                    for _ in 0..count {
                        step_checked(&mut page, &mut kept);
                        for mask in page.masks().list() {
                            prop_assert!(mask.area.is_within(page.size()));
                        }
                    }
                }
                Deed::Pin(scene) => page.pin(scene),
                Deed::Tell => page.tell(),
                Deed::Stamp(number) => page.stamp(number),
                Deed::Resize(size) => page.resize(size).unwrap(),
            }
            let before = captured.clone();
            match page.capture(&mut captured) {
                Capture::Unchanged => prop_assert_eq!(&captured, &before),
                Capture::Frame { damage, masks } => {
                    if let Damage::Areas(areas) = damage {
                        let mut kept = before;
                        patch(&mut kept, &captured, &areas);
                        prop_assert!(kept.shows_same(&captured));
                    }
                    prop_assert_eq!(masks, MaskState::Known(page.masks().clone()));
                }
                Capture::Paused | Capture::Gone => prop_assert!(false, "it never ends"),
            }
            prop_assert!(captured.shows_same(page.frame()));
        }
    }
}
