//! Captures of a real X server, compared with what was drawn on it.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests are tests too, and a test that could not run says so"
)]

mod display;

use coview_screen::Capture;
use coview_screen::Damage;
use coview_screen::Frame;
use coview_screen::FrameSource;
use coview_screen::Mask;
use coview_screen::MaskHandle;
use coview_screen::MaskState;
use coview_screen::Masks;
use coview_screen::Rect;
use coview_screen::Size;
use coview_x11::Target;
use coview_x11::X11Error;
use coview_x11::X11Source;
use x11rb::protocol::xproto::ConfigureWindowAux;
use x11rb::protocol::xproto::ConnectionExt;
use x11rb::protocol::xproto::CreateWindowAux;
use x11rb::protocol::xproto::StackMode;
use x11rb::protocol::xproto::WindowClass;

use crate::display::Display;
use crate::display::Painter;
use crate::display::color;
use crate::display::difference;
use crate::display::patch;

const SIZE: Size = Size::new(400, 300);

/// A source and the frame it captures into.
struct Watched {
    source: X11Source,
    frame: Frame,
}

impl Watched {
    fn open(display: &Display, target: Target) -> Self {
        let masks = MaskHandle::new(Masks::none());
        let source = X11Source::open(Some(&display.name), target, masks).unwrap();
        Self { source, frame: Frame::blank(Size::new(1, 1)).unwrap() }
    }

    fn without_cursor(display: &Display, target: Target) -> Self {
        let Self { source, frame } = Self::open(display, target);
        Self { source: source.with_cursor(false), frame }
    }

    fn capture(&mut self) -> Capture {
        self.source.capture(&mut self.frame)
    }

    /// The areas of a capture that knows them; the frame before, patched there, is the frame now.
    #[track_caller]
    fn areas(&mut self) -> Vec<Rect> {
        let mut before = self.frame.clone();
        let areas = match self.capture() {
            Capture::Frame { damage: Damage::Areas(areas), .. } => areas,
            Capture::Unchanged => Vec::new(),
            other @ (Capture::Frame { .. } | Capture::Paused | Capture::Gone) => {
                panic!("{other:?}")
            }
        };
        for &area in &areas {
            patch(&mut before, &self.frame, area);
        }
        assert_eq!(difference(&before, &self.frame), None, "changed outside of {areas:?}");
        areas
    }

    /// A whole frame: what is known of the one before does not help.
    #[track_caller]
    fn whole(&mut self) {
        let capture = self.capture();
        assert!(
            matches!(capture, Capture::Frame { damage: Damage::Unknown, .. }),
            "{capture:?} is no whole frame"
        );
    }
}

#[test]
#[ignore = "needs an X server: just test-x11"]
fn a_frame_shows_what_was_drawn() {
    let Some(display) = Display::start("400x300x24", &[]) else { return };
    let painter = display.painter();
    let mut watched = Watched::without_cursor(&display, Target::Root);
    assert_eq!(watched.source.size(), SIZE);
    assert!(watched.source.shares_memory());
    assert!(watched.source.knows_damage());
    watched.whole();
    assert_eq!(watched.frame.size(), SIZE);
    assert_eq!(watched.capture(), Capture::Unchanged);

    let mut expected = watched.frame.clone();
    let drawn =
        [(10, 20, 30, 40, 0x00FF_0000), (300, 250, 200, 100, 0x0000_80FF), (0, 0, 1, 1, !0)];
    for (x, y, width, height, rgb) in drawn {
        painter.fill(painter.root, (x, y, width, height), rgb);
        expected.fill(Rect::new(x as u16, y as u16, width, height), color(rgb));
    }
    let areas = watched.areas();
    assert_eq!(difference(&watched.frame, &expected), None);
    let drawn: usize = areas.iter().map(|area| area.pixels()).sum();
    assert!(drawn < 30 * 40 + 100 * 50 + 2, "too much was read: {areas:?}");

    painter.text(painter.root, 40, 100, "Sharp as it was drawn: 0123456789", 0x00FF_E080);
    let areas = watched.areas();
    assert_eq!(difference(&watched.frame, &painter.image(painter.root, SIZE)), None);
    assert!(areas.iter().all(|area| area.height < 30), "{areas:?}");
    assert_ne!(difference(&watched.frame, &expected), None);
    assert_eq!(watched.capture(), Capture::Unchanged);
}

/// Small numbers that are the same in every run.
struct Dice(u32);

impl Dice {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) % limit
    }
}

fn scribble(painter: &Painter, dice: &mut Dice) {
    let x = dice.below(440) as i16 - 20;
    let y = dice.below(340) as i16 - 20;
    let (width, height) = (dice.below(80) as u16 + 1, dice.below(60) as u16 + 1);
    let rgb = dice.below(1 << 24);
    match dice.below(4) {
        0 => painter.text(painter.root, x, y, "scribble", rgb),
        1 => {
            let to = (dice.below(300) as i16, dice.below(200) as i16);
            let copied = painter.conn.copy_area(
                painter.root,
                painter.root,
                painter.gc,
                x,
                y,
                to.0,
                to.1,
                width,
                height,
            );
            copied.unwrap();
            painter.sync();
        }
        _ => painter.fill(painter.root, (x, y, width, height), rgb),
    }
}

#[test]
#[ignore = "needs an X server: just test-x11"]
fn no_change_is_left_out() {
    for args in [&[][..], &["-extension", "MIT-SHM"]] {
        let Some(display) = Display::start("400x300x24", args) else { return };
        let painter = display.painter();
        let mut watched = Watched::without_cursor(&display, Target::Root);
        assert_eq!(watched.source.shares_memory(), args.is_empty());
        watched.whole();
        let mut dice = Dice(7);
        for round in 0..150 {
            // Up to forty areas: more than are read one by one.
            let count = if round % 10 == 0 { 40 } else { dice.below(4) };
            for _ in 0..count {
                scribble(&painter, &mut dice);
            }
            watched.areas();
            let now = painter.image(painter.root, SIZE);
            assert_eq!(difference(&watched.frame, &now), None, "round {round}");
        }
    }
}

#[test]
#[ignore = "needs an X server: just test-x11"]
fn without_damage_every_frame_is_whole() {
    let Some(display) = Display::start("400x300x24", &["-extension", "DAMAGE"]) else { return };
    let painter = display.painter();
    let mut watched = Watched::without_cursor(&display, Target::Root);
    assert!(!watched.source.knows_damage());
    watched.whole();
    painter.fill(painter.root, (5, 5, 50, 50), 0x0012_3456);
    watched.whole();
    assert_eq!(difference(&watched.frame, &painter.image(painter.root, SIZE)), None);
}

#[test]
#[ignore = "needs an X server: just test-x11"]
fn the_cursor_leaves_no_trace() {
    let Some(display) = Display::start("400x300x24", &[]) else { return };
    let painter = display.painter();
    let glass = painter.half_transparent_cursor();
    painter.fill(painter.root, (0, 0, 400, 300), 0x0030_6090);
    painter.pointer_to(100, 100);
    let look = x11rb::protocol::xproto::ChangeWindowAttributesAux::new().cursor(glass);
    painter.conn.change_window_attributes(painter.root, &look).unwrap().check().unwrap();

    let mut watched = Watched::open(&display, Target::Root);
    watched.whole();
    let bare = painter.image(painter.root, SIZE);
    let around = |x: i32, y: i32| {
        move |at: (u16, u16)| (i32::from(at.0) - x).abs() <= 20 && (i32::from(at.1) - y).abs() <= 20
    };
    let first = difference(&watched.frame, &bare);
    assert!(first.is_some_and(around(100, 100)), "no cursor was drawn: {first:?}");
    assert_eq!(watched.capture(), Capture::Unchanged);

    // Over what is drawn below it, in small steps so that it overlaps itself.
    for step in 0..30_i16 {
        let (x, y) = (100 + step * 3, 100 + step * 2);
        painter.pointer_to(x, y);
        if step % 3 == 0 {
            painter.fill(painter.root, (x + 2, y + 2, 3, 3), 0x00FF_FF00);
        }
        let areas = watched.areas();
        assert!(areas.iter().map(|area| area.pixels()).sum::<usize>() < 3000, "{areas:?}");
        let mut whole = Watched::open(&display, Target::Root);
        whole.whole();
        assert_eq!(difference(&watched.frame, &whole.frame), None, "step {step}");
    }
    // Something is drawn below it while it stands still.
    painter.fill(painter.root, (180, 150, 30, 30), 0x0000_FF00);
    watched.areas();
    let mut whole = Watched::open(&display, Target::Root);
    whole.whole();
    assert_eq!(difference(&watched.frame, &whole.frame), None);

    // In a corner it is cut off, and it may be left out.
    painter.pointer_to(399, 299);
    watched.areas();
    let bare = painter.image(painter.root, SIZE);
    let first = difference(&watched.frame, &bare);
    assert!(first.is_none_or(around(399, 299)), "{first:?}");
    let mut hidden = Watched::without_cursor(&display, Target::Root);
    hidden.whole();
    assert_eq!(difference(&hidden.frame, &bare), None);
}

#[test]
#[ignore = "needs an X server: just test-x11"]
fn a_window_shows_itself_and_nothing_else() {
    let Some(display) = Display::start("400x300x24", &[]) else { return };
    let painter = display.painter();
    // Partly beyond the left edge, with a border that is not part of it, and covered by another.
    let window = painter.window((-40, 50, 120, 80), 5, 0x0000_8000);
    let mut watched = Watched::without_cursor(&display, Target::Window(window));
    let cover = painter.window((0, 60, 200, 30), 0, 0x00FF_0000);
    assert_eq!(watched.source.size(), Size::new(120, 80));
    watched.whole();
    let mut expected = Frame::blank(Size::new(120, 80)).unwrap();
    expected.fill(Rect::new(0, 0, 120, 80), color(0x0000_8000));
    assert_eq!(difference(&watched.frame, &expected), None);

    // Drawn where the cover is, and where no display is.
    painter.fill(window, (45, 12, 20, 10), 0x00FF_FF00);
    painter.fill(window, (0, 70, 8, 10), 0x0000_00FF);
    painter.fill(cover, (0, 0, 200, 30), 0x00FF_FFFF);
    expected.fill(Rect::new(45, 12, 20, 10), color(0x00FF_FF00));
    expected.fill(Rect::new(0, 70, 8, 10), color(0x0000_00FF));
    let areas = watched.areas();
    assert_eq!(difference(&watched.frame, &expected), None);
    assert_eq!(areas.iter().map(|area| area.pixels()).sum::<usize>(), 280, "{areas:?}");

    // A window within it is part of it.
    let child = painter.id();
    let look = CreateWindowAux::new().background_pixel(0x0080_8080);
    let class = WindowClass::INPUT_OUTPUT;
    painter.conn.create_window(0, child, window, 10, 10, 30, 20, 0, class, 0, &look).unwrap();
    painter.conn.map_window(child).unwrap();
    painter.sync();
    expected.fill(Rect::new(10, 10, 30, 20), color(0x0080_8080));
    watched.areas();
    assert_eq!(difference(&watched.frame, &expected), None);
    painter.text(child, 2, 12, "abc", 0x00FF_FFFF);
    assert!(!watched.areas().is_empty());
    assert_eq!(watched.frame.pixel(10, 29), Some(color(0x0080_8080)));
    assert_ne!(difference(&watched.frame, &expected), None);
}

#[test]
#[ignore = "needs an X server: just test-x11"]
fn a_window_is_followed_until_it_is_closed() {
    let Some(display) = Display::start("400x300x24", &[]) else { return };
    let painter = display.painter();
    let window = painter.window((10, 10, 100, 60), 0, 0x0020_4060);
    let mut watched = Watched::without_cursor(&display, Target::Window(window));
    watched.whole();

    // Moved: nothing in it has changed, but for what a server may draw anew.
    let place = ConfigureWindowAux::new().x(250).y(200);
    painter.conn.configure_window(window, &place).unwrap();
    painter.sync();
    let before = watched.frame.clone();
    watched.areas();
    assert_eq!(difference(&watched.frame, &before), None);

    // Resized, larger and smaller, and twice between two captures.
    for (width, height) in [(150, 90), (40, 30), (41, 30)] {
        let size = ConfigureWindowAux::new().width(width).height(height);
        painter.conn.configure_window(window, &size).unwrap();
        painter.sync();
        painter.fill(window, (3, 3, 9, 9), 0x00FF_8000);
        watched.whole();
        assert_eq!(watched.frame.size(), Size::new(width as u16, height as u16));
        assert_eq!(watched.source.size(), watched.frame.size());
        assert_eq!(watched.frame.pixel(5, 5), Some(color(0x00FF_8000)));
        assert_eq!(watched.capture(), Capture::Unchanged);
    }
    for width in [80, 41] {
        let size = ConfigureWindowAux::new().width(width);
        painter.conn.configure_window(window, &size).unwrap();
    }
    painter.fill(window, (20, 20, 4, 4), 0x0000_FFFF);
    watched.whole();
    assert_eq!(watched.frame.pixel(21, 21), Some(color(0x0000_FFFF)));

    // Hidden and shown again, also within one blink.
    painter.conn.unmap_window(window).unwrap();
    painter.sync();
    assert_eq!(watched.capture(), Capture::Paused);
    assert_eq!(watched.capture(), Capture::Paused);
    painter.conn.map_window(window).unwrap();
    painter.sync();
    painter.fill(window, (1, 1, 5, 5), 0x00AA_BBCC);
    watched.whole();
    assert_eq!(watched.frame.pixel(2, 2), Some(color(0x00AA_BBCC)));
    painter.conn.unmap_window(window).unwrap();
    painter.conn.map_window(window).unwrap();
    painter.sync();
    painter.fill(window, (8, 8, 5, 5), 0x0001_0203);
    watched.whole();
    assert_eq!(watched.frame.pixel(9, 9), Some(color(0x0001_0203)));
    let raise = ConfigureWindowAux::new().stack_mode(StackMode::ABOVE);
    painter.conn.configure_window(window, &raise).unwrap();
    painter.sync();
    watched.areas();

    painter.conn.destroy_window(window).unwrap();
    painter.sync();
    assert_eq!(watched.capture(), Capture::Gone);
    assert_eq!(watched.capture(), Capture::Gone);
}

#[test]
#[ignore = "needs an X server: just test-x11"]
fn a_resized_display_is_captured_in_its_new_size() {
    use x11rb::protocol::randr::ConnectionExt as _;

    let Some(display) = Display::start("400x300x24", &[]) else { return };
    let painter = display.painter();
    let mut watched = Watched::without_cursor(&display, Target::Root);
    watched.whole();
    painter.conn.randr_query_version(1, 2).unwrap().reply().unwrap();
    let resources = painter.conn.randr_get_screen_resources(painter.root).unwrap();
    let resources = resources.reply().unwrap();
    let crtc = resources.crtcs[0];
    // The screen must hold what is shown on it, so nothing is.
    let off = painter.conn.randr_set_crtc_config(
        crtc,
        0,
        resources.config_timestamp,
        0,
        0,
        0,
        x11rb::protocol::randr::Rotation::ROTATE0,
        &[],
    );
    off.unwrap().reply().unwrap();
    painter.conn.randr_set_screen_size(painter.root, 320, 200, 80, 50).unwrap().check().unwrap();
    painter.fill(painter.root, (300, 190, 30, 30), 0x00FF_0080);
    watched.whole();
    let size = Size::new(320, 200);
    assert_eq!(watched.frame.size(), size);
    assert_eq!(difference(&watched.frame, &painter.image(painter.root, size)), None);
}

#[test]
#[ignore = "needs an X server: just test-x11"]
fn masks_come_with_the_frame() {
    let Some(display) = Display::start("400x300x24", &[]) else { return };
    let painter = display.painter();
    let handle = MaskHandle::default();
    let source = X11Source::open(Some(&display.name), Target::Root, handle.clone()).unwrap();
    let mut watched =
        Watched { source: source.with_cursor(false), frame: Frame::blank(SIZE).unwrap() };
    let first = watched.capture();
    let masks = MaskState::Unknown;
    assert_eq!(first, Capture::Frame { damage: Damage::Unknown, masks });
    assert_eq!(watched.capture(), Capture::Unchanged);

    // No pixel has changed, and yet there is something to say.
    let masks = Masks::new(SIZE, vec![Mask::new(Rect::new(1, 2, 3, 4), "Field")]).unwrap();
    handle.set(masks.clone());
    let damage = Damage::Areas(Vec::new());
    let known = MaskState::Known(masks);
    assert_eq!(watched.capture(), Capture::Frame { damage, masks: known.clone() });
    assert_eq!(watched.capture(), Capture::Unchanged);
    painter.fill(painter.root, (0, 0, 9, 9), 0x00FF_FFFF);
    assert!(matches!(watched.capture(), Capture::Frame { masks, .. } if masks == known));
    handle.forget();
    let capture = watched.capture();
    assert!(matches!(capture, Capture::Frame { masks: MaskState::Unknown, .. }), "{capture:?}");
}

#[test]
#[ignore = "needs an X server: just test-x11"]
fn a_window_that_is_hidden_is_covered_all_the_same() {
    let Some(display) = Display::start("400x300x24", &[]) else { return };
    let painter = display.painter();
    let window = painter.window((10, 10, 100, 60), 0, 0x0020_4060);
    let handle = MaskHandle::default();
    let target = Target::Window(window);
    let source = X11Source::open(Some(&display.name), target, handle.clone()).unwrap();
    let frame = Frame::blank(Size::new(1, 1)).unwrap();
    let mut watched = Watched { source: source.with_cursor(false), frame };
    painter.conn.unmap_window(window).unwrap();
    painter.sync();
    handle.set(Masks::none());
    assert_eq!(watched.capture(), Capture::Paused, "nothing has been shown");
    painter.conn.map_window(window).unwrap();
    painter.sync();
    watched.whole();
    painter.conn.unmap_window(window).unwrap();
    painter.sync();
    assert_eq!(watched.capture(), Capture::Paused);
    handle.forget();
    let before = watched.frame.clone();
    let blank = Capture::Frame { damage: Damage::Areas(Vec::new()), masks: MaskState::Unknown };
    assert_eq!(watched.capture(), blank);
    assert_eq!(difference(&watched.frame, &before), None);
    assert_eq!(watched.capture(), Capture::Paused);
}

#[test]
#[ignore = "needs an X server: just test-x11"]
fn a_display_that_ends_is_gone() {
    let Some(mut display) = Display::start("400x300x24", &[]) else { return };
    let mut watched = Watched::open(&display, Target::Root);
    watched.whole();
    display.stop();
    assert_eq!(watched.capture(), Capture::Gone);
    assert_eq!(watched.capture(), Capture::Gone);
    let error = X11Source::open(Some(&display.name), Target::Root, MaskHandle::default());
    assert!(matches!(error.unwrap_err(), X11Error::Connect { .. }));
}

#[test]
#[ignore = "needs an X server: just test-x11"]
fn what_cannot_be_shared_is_named() {
    let open = |display: &Display, target| {
        X11Source::open(Some(&display.name), target, MaskHandle::default()).unwrap_err()
    };
    let Some(display) = Display::start("400x300x24", &["-extension", "Composite"]) else { return };
    let painter = display.painter();
    let window = painter.window((0, 0, 10, 10), 0, 0);
    let error = open(&display, Target::Window(window));
    assert!(matches!(error, X11Error::NoComposite), "{error}");
    let error = open(&display, Target::Window(0x7FFF_FFF0));
    assert_eq!(error.to_string(), "there is no window 0x7ffffff0 on the display");
    let touch = painter.id();
    let class = WindowClass::INPUT_ONLY;
    let look = CreateWindowAux::new();
    painter.conn.create_window(0, touch, painter.root, 0, 0, 9, 9, 0, class, 0, &look).unwrap();
    painter.sync();
    let error = open(&display, Target::Window(touch));
    assert!(matches!(error, X11Error::InputOnly { .. }), "{error}");

    for (screen, found) in [("300x200x16", "depth 16 (16 bits"), ("300x200x8", "depth 8 (8 bits")] {
        let Some(display) = Display::start(screen, &[]) else { return };
        let error = open(&display, Target::Root);
        assert!(matches!(error, X11Error::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains(found), "{error}");
    }
    let Some(display) = Display::start("8200x10x24", &[]) else { return };
    let error = open(&display, Target::Root);
    assert!(matches!(error, X11Error::TooLarge { .. }), "{error}");
}

#[test]
fn a_display_that_is_not_there_cannot_be_opened() {
    let open = |name| X11Source::open(Some(name), Target::Root, MaskHandle::default()).unwrap_err();
    for name in [":54321", "no display", ""] {
        let error = open(name);
        assert!(matches!(error, X11Error::Connect { .. }), "{error}");
        assert!(error.to_string().starts_with("cannot connect to the X display "), "{error}");
    }
}
