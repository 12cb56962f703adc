//! A screen to share. What is masked in it is full of a colour that nobody may ever see.

use coview_screen::Capture;
use coview_screen::Damage;
use coview_screen::Frame;
use coview_screen::FrameSource;
use coview_screen::Mask;
use coview_screen::MaskState;
use coview_screen::Masks;
use coview_screen::Rect;
use coview_screen::Size;
use coview_screen::Status;

/// What fills everything that is masked. Nothing else that is drawn comes near it: everything has
/// more green.
pub(crate) const MARKER: [u8; 3] = [255, 0, 255];

/// What viewers see in its place.
const COVER: [u8; 3] = [0x2b, 0x2f, 0x36];

/// How far a lossy image may be from the marker and still show it.
const NEAR: u8 = 48;

/// The size of a page at first.
const SIZE: Size = Size::new(64, 48);

/// An area as parts of a page, in 1/256: where it begins, and how much of the rest it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Of the page's width.
    pub x: u8,
    /// Of the page's height.
    pub y: u8,
    /// Of what is right of `x`.
    pub width: u8,
    /// Of what is below `y`.
    pub height: u8,
}

impl Area {
    fn within(self, size: Size) -> Rect {
        let part = |of: u16, part: u8| {
            u16::try_from(u32::from(of) * u32::from(part) / 256).unwrap_or(u16::MAX)
        };
        let (x, y) = (part(size.width, self.x), part(size.height, self.y));
        let width = part(size.width - x, self.width) + 1;
        let height = part(size.height - y, self.height) + 1;
        Rect::new(x, y, width, height)
    }
}

/// What becomes of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageAct {
    /// An area gets one colour.
    Fill(Area, u32),
    /// An area gets as many colours as it has pixels.
    Noise(Area, u32),
    /// An area gets something like lines of text.
    Letters(Area, u32),
    /// What an area shows moves, round its edges.
    Scroll(Area, i16, i16),
    /// An area shows something else in each of the next frames.
    Film(Area, u32, u8),
    /// The page gets another size; masks for the size before are unknown then.
    Resize(u8, u8),
    /// These areas are masked from now on, and only these. The number makes the label.
    Mask(Vec<(Area, u8)>),
    /// It is not known any more what is to be masked.
    ForgetMasks,
    /// The app pauses, or goes on.
    Pause(bool),
    /// There is nothing to capture any more.
    Close,
}

/// A page of a visitor's app.
#[derive(Debug)]
pub(crate) struct Page {
    clean: Frame,
    masks: MaskState,
    film: Option<(Area, u32, u8)>,
    paused: bool,
    closed: bool,
    /// Whether it differs from what was captured last.
    changed: bool,
    /// Where something was drawn since it was captured last.
    drawn: Vec<Rect>,
    captures: u8,
    /// Whether it fails to say what is masked.
    pub(crate) unmasked: bool,
}

impl Page {
    pub(crate) fn new() -> Self {
        let mut clean = blank(SIZE);
        clean.fill(SIZE.rect(), [250, 250, 250]);
        Self {
            clean,
            masks: MaskState::Known(Masks::none()),
            film: None,
            paused: false,
            closed: false,
            changed: true,
            drawn: Vec::new(),
            captures: 0,
            unmasked: false,
        }
    }

    /// Somebody captures who has no frame of it.
    pub(crate) const fn is_new(&mut self) {
        self.changed = true;
    }

    /// Whether a frame would differ from the last one.
    pub(crate) const fn changes(&self) -> bool {
        self.changed || self.film.is_some()
    }

    /// What viewers are to know of it.
    pub(crate) fn status(&self) -> Status {
        if self.closed {
            Status::Gone
        } else if self.paused {
            Status::Paused
        } else if self.known_masks().is_none() {
            Status::Blank
        } else {
            Status::Live
        }
    }

    fn known_masks(&self) -> Option<&[Mask]> {
        match &self.masks {
            MaskState::Known(masks) if masks.fit(self.clean.size()) => Some(masks.list()),
            MaskState::Known(_) | MaskState::Unknown => None,
        }
    }

    /// What viewers may see of it.
    pub(crate) fn covered(&self) -> Frame {
        self.painted(COVER)
    }

    /// The masks as viewers are told of them.
    pub(crate) fn captions(&self) -> Vec<Mask> {
        let size = self.clean.size();
        let masks = self.known_masks().unwrap_or_default().iter();
        let masks = masks.map(|mask| Mask::new(mask.area.clamped(size), mask.label.clone()));
        masks.filter(|mask| !mask.area.is_empty()).collect()
    }

    /// The page with everything that is masked in one colour.
    fn painted(&self, color: [u8; 3]) -> Frame {
        let mut frame = self.clean.clone();
        match self.known_masks() {
            Some(masks) => {
                for mask in masks {
                    frame.fill(mask.area, color);
                }
            }
            None => frame.fill(frame.size().rect(), color),
        }
        frame
    }

    pub(crate) fn act(&mut self, act: &PageAct) {
        let size = self.clean.size();
        self.changed = true;
        match *act {
            PageAct::Fill(area, seed) => self.draw(area.within(size), |_, _| color(seed)),
            PageAct::Noise(area, seed) => self.noise(area, seed),
            PageAct::Letters(area, seed) => {
                let mut random = Random(seed);
                self.draw(area.within(size), |_, y| {
                    let ink = y % 12 < 9 && random.next().is_multiple_of(3);
                    if ink { [20, 130, 20] } else { [240, 255, 240] }
                });
            }
            PageAct::Scroll(area, dx, dy) => self.scroll(area.within(size), dx, dy),
            PageAct::Film(area, seed, frames) => {
                self.film = frames.checked_sub(1).map(|left| (area, seed, left));
            }
            PageAct::Resize(width, height) => {
                let size = Size::new(u16::from(width) + 1, u16::from(height) + 1);
                self.clean = blank(size);
                self.draw(size.rect(), |x, y| {
                    color(u32::from(x / 9) * 77 + u32::from(y / 9) * 1234)
                });
            }
            PageAct::Mask(ref masks) => {
                let masks = masks.iter().map(|&(area, label)| {
                    let mut area = area.within(size);
                    // Some reach over the edge.
                    area.width += u16::from(label % 32);
                    Mask::new(area, format!("field {label}"))
                });
                let masks = Masks::new(size, masks.collect()).expect("they are few");
                self.masks = MaskState::Known(masks);
            }
            PageAct::ForgetMasks => self.masks = MaskState::Unknown,
            PageAct::Pause(paused) => self.paused = paused,
            PageAct::Close => self.closed = true,
        }
    }

    fn noise(&mut self, area: Area, seed: u32) {
        let mut random = Random(seed);
        self.draw(area.within(self.clean.size()), |_, _| color(random.next()));
    }

    fn scroll(&mut self, area: Rect, dx: i16, dy: i16) {
        let before = self.clean.clone();
        let from = |to: u16, by: i16, side: u16| {
            let from = (i32::from(to) - i32::from(by)).rem_euclid(i32::from(side));
            u16::try_from(from).unwrap_or_default()
        };
        self.draw(area, |x, y| {
            let (from_x, from_y) = (from(x, dx, area.width), from(y, dy, area.height));
            before.pixel(area.x + from_x, area.y + from_y).unwrap_or_default()
        });
    }

    fn draw(&mut self, area: Rect, mut paint: impl FnMut(u16, u16) -> [u8; 3]) {
        for y in 0..area.height {
            for x in 0..area.width {
                self.clean.fill(Rect::new(area.x + x, area.y + y, 1, 1), paint(x, y));
            }
        }
        self.drawn.push(area);
    }
}

impl FrameSource for Page {
    fn capture(&mut self, into: &mut Frame) -> Capture {
        if self.closed {
            return Capture::Gone;
        }
        if self.paused {
            return Capture::Paused;
        }
        if let Some((area, seed, left)) = self.film {
            self.film = left.checked_sub(1).map(|left| (area, seed, left));
            self.noise(area, seed.wrapping_add(left.into()));
            self.changed = true;
        }
        if !core::mem::take(&mut self.changed) {
            return Capture::Unchanged;
        }
        *into = self.painted(MARKER);
        self.captures = self.captures.wrapping_add(1);
        // The fourth byte means nothing.
        for pixel in into.pixels_mut().as_chunks_mut::<4>().0 {
            pixel[3] = self.captures;
        }
        let drawn = core::mem::take(&mut self.drawn);
        let damage =
            if self.captures.is_multiple_of(2) { Damage::Areas(drawn) } else { Damage::Unknown };
        let none = MaskState::Known(Masks::none());
        Capture::Frame { damage, masks: if self.unmasked { none } else { self.masks.clone() } }
    }
}

/// Whether a picture shows something that is masked.
pub(crate) fn shows_marker(picture: &Frame) -> bool {
    let near = |pixel: &[u8; 4]| pixel.iter().zip(MARKER).all(|(&a, b)| a.abs_diff(b) < NEAR);
    picture.pixels().as_chunks::<4>().0.iter().any(near)
}

fn blank(size: Size) -> Frame {
    Frame::blank(size).expect("the size is that of a frame")
}

/// Any colour that is not like the marker.
const fn color(seed: u32) -> [u8; 3] {
    let [r, g, b, _] = seed.to_le_bytes();
    [r, 128 | g, b]
}

struct Random(u32);

impl Random {
    const fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 >> 8
    }
}
