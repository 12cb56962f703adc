//! A page that draws itself: a shop's product page with a form, pictures and a program.
//!
//! It is what is shared where there is no display, and what tests and benchmarks look at. It depends
//! on its size and its seed alone: neither a clock nor any other source of chance is read, so the
//! same steps give the same pixels on every machine.
//!
//! [`GeneratedPage`] is a [`FrameSource`] that plays a story, one step for each frame taken: a form is
//! filled in, a dialog opens and closes, columns scroll together and apart, a clip plays, a window is
//! dragged, and in between nothing moves. Three fields of the form are masked all the time.
//! [`GeneratedPage::pin`] repeats one [`Scene`] instead.
//!
//! ```
//! use coview_screen::generated::{GeneratedPage, Scene};
//! use coview_screen::{Damage, Size};
//!
//! let mut page = GeneratedPage::new(Size::new(1280, 720), 7)?;
//! page.pin(Scene::Typing);
//! let Damage::Areas(changed) = page.step() else { panic!("it knows what it drew") };
//! assert!(changed.iter().all(|area| area.height < 40));
//! assert_eq!(page.masks().list()[0].label, "Card number");
//! # Ok::<(), coview_screen::FrameError>(())
//! ```

mod bitmap;
mod document;
mod photo;
mod random;
mod story;
#[cfg(test)]
mod tests;
mod text;
mod words;

use core::fmt;
use std::collections::BTreeMap;

use crate::Capture;
use crate::Damage;
use crate::Frame;
use crate::FrameError;
use crate::FrameSource;
use crate::Mask;
use crate::MaskState;
use crate::Masks;
use crate::Rect;
use crate::Size;

use self::bitmap::Area;
use self::bitmap::Bitmap;
use self::bitmap::Canvas;
use self::bitmap::SHADOW;
use self::document::Document;
use self::document::Field;
use self::document::Layout;
use self::photo::Clip;
use self::story::Act;
use self::story::STORY;
use self::text::Fonts;

/// A page that draws itself; see the [module](self).
pub struct GeneratedPage {
    size: Size,
    seed: u64,
    fonts: Fonts,
    layout: Layout,
    document: Document,
    bar: Bitmap,
    dialog: Bitmap,
    chat: Bitmap,
    /// Made when it is played first.
    clip: Option<Clip>,
    frame: Frame,
    masks: Masks,
    state: State,
    program: Program,
    stamp: Option<u32>,
    /// Where this step drew.
    drawn: Vec<Area>,
    /// Where was drawn since the last capture; nothing before the first one.
    uncaptured: Option<Vec<Area>>,
    /// The masks of the last capture.
    captured_masks: Masks,
}

/// One thing that happens on the page again and again, one step for each frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scene {
    /// Nothing changes.
    Still,
    /// A character a frame is typed into the form.
    Typing,
    /// Both columns scroll, the bar on top stays.
    Scroll {
        /// By how many rows of pixels a frame.
        lines: u16,
    },
    /// The left column scrolls by 24 rows a frame, the rest stays.
    ColumnScroll,
    /// The left column scrolls down by 24 rows a frame and the right one up by 10.
    ScrollApart,
    /// The gallery moves sideways by 12 columns a frame, the rest stays.
    Sideways,
    /// Another part of the page in every frame.
    Jump,
    /// A window is dragged over the page.
    Drag,
    /// A picture of 640×360 pixels with grain pans all the time.
    Video,
    /// A dialog opens over the darkened page and closes again, each for ten frames.
    Dialog,
}

impl Scene {
    /// Every scene, scrolling both slowly and fast.
    pub const ALL: [Self; 11] = [
        Self::Still,
        Self::Typing,
        Self::Scroll { lines: 3 },
        Self::Scroll { lines: 24 },
        Self::ColumnScroll,
        Self::ScrollApart,
        Self::Sideways,
        Self::Jump,
        Self::Drag,
        Self::Video,
        Self::Dialog,
    ];
}

/// One word and perhaps a number, for the tables of benchmarks.
impl fmt::Display for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Still => f.write_str("still"),
            Self::Typing => f.write_str("typing"),
            Self::Scroll { lines } => write!(f, "scroll-{lines}"),
            Self::ColumnScroll => f.write_str("column-scroll"),
            Self::ScrollApart => f.write_str("scroll-apart"),
            Self::Sideways => f.write_str("sideways"),
            Self::Jump => f.write_str("jump"),
            Self::Drag => f.write_str("drag"),
            Self::Video => f.write_str("video"),
            Self::Dialog => f.write_str("dialog"),
        }
    }
}

/// What can be different from the page in the beginning.
#[derive(Clone, Debug, Default)]
struct State {
    /// The rows of the columns' contents that are at the top of the body.
    left: i32,
    right: i32,
    /// The column of the gallery that is at its left edge.
    reel: i32,
    tab: usize,
    texts: BTreeMap<Field, String>,
    focus: Option<Field>,
    dialog: bool,
    chat: Option<(i32, i32)>,
    /// The picture of the clip that is shown instead of the large picture.
    playing: Option<u32>,
}

impl State {
    /// A form in which all is filled in but the message.
    fn filled() -> Self {
        let mut texts = BTreeMap::new();
        for &(act, _) in STORY {
            if let Act::Type(field, text) = act
                && field != Field::Message
            {
                texts.insert(field, text.to_owned());
            }
        }
        Self { texts, ..Self::default() }
    }
}

#[derive(Clone, Copy, Debug)]
enum Program {
    /// The act of the story, and its step.
    Story {
        act: usize,
        step: u32,
    },
    Scene {
        scene: Scene,
        step: u32,
    },
}

impl GeneratedPage {
    /// The page in this size, about to tell its story. Other seeds show other texts and pictures.
    ///
    /// A page narrower than 720 pixels is cut off at the right; one wider than 1680 has margins.
    ///
    /// # Errors
    ///
    /// [`FrameError::BadSize`] if no frame has this size.
    pub fn new(size: Size, seed: u64) -> Result<Self, FrameError> {
        let frame = Frame::blank(size)?;
        let mut fonts = Fonts::new();
        let layout = Layout::new(i32::from(size.width), i32::from(size.height));
        let document = Document::new(&layout, &mut fonts, seed);
        let mut page = Self {
            size,
            seed,
            bar: document::bar(&layout, &mut fonts, 0),
            dialog: bitmap::float(&document::dialog(&mut fonts), 12),
            chat: bitmap::float(&document::chat(&mut fonts), 10),
            clip: None,
            fonts,
            layout,
            document,
            frame,
            masks: Masks::none(),
            state: State::default(),
            program: Program::Story { act: 0, step: 0 },
            stamp: None,
            drawn: Vec::new(),
            uncaptured: None,
            captured_masks: Masks::none(),
        };
        page.show(State::default());
        Ok(page)
    }

    /// The width and height of the page.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// Lays the page out anew in another size, as when a window is resized. What is written in the
    /// form stays, and so does the scene; a story goes on where it was.
    ///
    /// # Errors
    ///
    /// [`FrameError::BadSize`] if no frame has this size; nothing has changed then.
    pub fn resize(&mut self, size: Size) -> Result<(), FrameError> {
        if size == self.size {
            return Ok(());
        }
        let mut page = Self::new(size, self.seed)?;
        let mut state = self.state.clone();
        state.left = state.left.rem_euclid(page.layout.total);
        state.right = state.right.rem_euclid(page.layout.total);
        page.program = self.program;
        page.stamp = self.stamp;
        page.show(state);
        *self = page;
        Ok(())
    }

    /// Repeats one scene from now on, beginning with a page at rest in which the form is filled in.
    pub fn pin(&mut self, scene: Scene) {
        self.program = Program::Scene { scene, step: 0 };
        let mut state = State::filled();
        match scene {
            Scene::Typing => state.focus = Some(Field::Message),
            Scene::Sideways => {
                let top = (self.document.gallery.y - 120).max(0);
                (state.left, state.right) = (top, top);
            }
            Scene::Drag => state.chat = Some(self.chat_place(0)),
            Scene::Video => state.playing = Some(0),
            Scene::Still
            | Scene::Scroll { .. }
            | Scene::ColumnScroll
            | Scene::ScrollApart
            | Scene::Jump
            | Scene::Dialog => {}
        }
        self.show(state);
    }

    /// Tells the story from its beginning.
    pub fn tell(&mut self) {
        self.program = Program::Story { act: 0, step: 0 };
        self.show(State::default());
    }

    /// Goes on by one frame and says where it differs from the one before: nowhere, if there are no
    /// areas. [`FrameSource::capture`] takes a step by itself.
    pub fn step(&mut self) -> Damage {
        self.drawn.clear();
        match self.program {
            Program::Story { act, step } => self.step_story(act, step),
            Program::Scene { scene, step } => {
                self.program = Program::Scene { scene, step: step.wrapping_add(1) };
                self.step_scene(scene, step);
            }
        }
        self.masks = self.lay_masks();
        self.remember();
        Damage::Areas(self.drawn.iter().map(|&area| rect(area)).collect())
    }

    /// The page as it is now, with nothing covered.
    #[must_use]
    pub const fn frame(&self) -> &Frame {
        &self.frame
    }

    /// What is to be covered in the page as it is now.
    #[must_use]
    pub const fn masks(&self) -> &Masks {
        &self.masks
    }

    /// Writes a number into the page's upper left corner as black and white squares, or removes it;
    /// [`read_stamp`] finds it in a viewer's picture. It stays until it is changed.
    ///
    /// A page narrower than [`STAMP`] cuts it off.
    pub fn stamp(&mut self, number: Option<u32>) {
        self.drawn.clear();
        self.stamp = number;
        self.draw(Area::new(0, 0, i32::from(STAMP.width), i32::from(STAMP.height)));
        self.remember();
    }

    fn step_story(&mut self, act: usize, step: u32) {
        let scripted = STORY[act % STORY.len()];
        self.program = if step + 1 < story::steps(scripted) {
            Program::Story { act, step: step + 1 }
        } else {
            Program::Story { act: (act + 1) % STORY.len(), step: 0 }
        };
        match scripted.0 {
            Act::Rest => {}
            Act::Type(field, text) => {
                let length = (step / 2) as usize;
                if step == 0 {
                    self.focus(Some(field));
                } else if step.is_multiple_of(2) && length <= text.chars().count() {
                    self.write(field, text.chars().take(length).collect());
                }
            }
            Act::Scroll(rows) => self.scroll(rows, rows),
            Act::Columns(left, right) => self.scroll(left, right),
            Act::Reel(columns) => self.reel(columns),
            Act::Open if step == 0 => self.set_dialog(true),
            Act::Close if step == 0 => self.set_dialog(false),
            Act::Drag => self.drag(Some(self.chat_place(step))),
            Act::PutAway if step == 0 => self.drag(None),
            Act::Play => self.play(step),
            Act::Home if step == 0 => self.set(State::default()),
            Act::Open | Act::Close | Act::PutAway | Act::Home => {}
        }
    }

    fn step_scene(&mut self, scene: Scene, step: u32) {
        match scene {
            Scene::Still => {}
            Scene::Typing => {
                let length = words::MESSAGE.chars().count();
                let typed = (step as usize + 1) % (length + 1);
                self.write(Field::Message, words::MESSAGE.chars().take(typed).collect());
            }
            Scene::Scroll { lines } => self.scroll(i32::from(lines), i32::from(lines)),
            Scene::ColumnScroll => self.scroll(24, 0),
            Scene::ScrollApart => self.scroll(24, -10),
            Scene::Sideways => self.reel(12),
            Scene::Jump => {
                let mut state = self.state.clone();
                state.left = (state.left + self.layout.body.height) % self.layout.total;
                state.right = state.left;
                state.tab = (state.tab + 1) % document::TABS.len();
                self.set(state);
            }
            Scene::Drag => self.drag(Some(self.chat_place(step.wrapping_add(1)))),
            Scene::Video => self.play(step.wrapping_add(1)),
            Scene::Dialog if step.is_multiple_of(10) => self.set_dialog(step.is_multiple_of(20)),
            Scene::Dialog => {}
        }
    }

    /// Shows the page in this state; what was drawn so far does not count.
    fn show(&mut self, state: State) {
        self.drawn.clear();
        self.set(state);
        self.masks = self.lay_masks();
        self.remember();
    }

    /// Draws everything anew.
    fn set(&mut self, state: State) {
        self.state = state;
        self.bar = document::bar(&self.layout, &mut self.fonts, self.state.tab);
        for field in Field::ALL {
            self.refresh_field(field);
        }
        self.refresh_reel();
        self.refresh_hero();
        self.draw(self.layout.screen);
    }

    fn write(&mut self, field: Field, text: String) {
        self.state.texts.insert(field, text);
        let changed = self.refresh_field(field);
        self.draw_right(changed);
    }

    fn focus(&mut self, field: Option<Field>) {
        let before = core::mem::replace(&mut self.state.focus, field);
        for field in [before, field].into_iter().flatten() {
            let changed = self.refresh_field(field);
            self.draw_right(changed);
        }
    }

    fn scroll(&mut self, left: i32, right: i32) {
        let total = self.layout.total;
        self.state.left = (self.state.left + left).rem_euclid(total);
        self.state.right = (self.state.right + right).rem_euclid(total);
        match (left, right) {
            (0, 0) => {}
            (_, 0) => self.draw(self.layout.left),
            (0, _) => self.draw(self.layout.right),
            (_, _) => {
                self.draw(self.layout.left);
                self.draw(self.layout.right);
            }
        }
    }

    fn reel(&mut self, columns: i32) {
        self.state.reel = (self.state.reel + columns).rem_euclid(self.document.reel.width());
        self.refresh_reel();
        self.draw_left(self.document.gallery);
    }

    fn set_dialog(&mut self, open: bool) {
        self.state.dialog = open;
        self.draw(self.layout.screen);
    }

    fn drag(&mut self, to: Option<(i32, i32)>) {
        let before = core::mem::replace(&mut self.state.chat, to);
        for (x, y) in [before, to].into_iter().flatten() {
            self.draw(self.chat.bounds().moved(x, y));
        }
    }

    fn play(&mut self, number: u32) {
        self.state.playing = Some(number);
        self.refresh_hero();
        self.draw_left(self.document.hero);
    }

    /// Where the small window's layer is at a step of being dragged: on a path that bends.
    fn chat_place(&self, step: u32) -> (i32, i32) {
        let room = |whole: i32, own: i32| (whole - own + SHADOW).max(1);
        let width = room(self.layout.screen.width, self.chat.width());
        let height = room(self.layout.body.height, self.chat.height());
        let step = i32::try_from(step % 100_000).unwrap_or(0);
        (photo::swing(60 + step * 11, width), self.layout.body.y + photo::swing(step * 7, height))
    }

    /// Draws a field's box into the column and answers where that made a difference.
    fn refresh_field(&mut self, field: Field) -> Area {
        let Some(&area) = self.document.fields.get(&field) else {
            return Area::default();
        };
        let text = self.state.texts.get(&field).map_or("", String::as_str);
        let focused = self.state.focus == Some(field);
        let drawn = document::field(&mut self.fonts, area, text, focused);
        let strip = &mut self.document.right;
        let place = area.overlap(strip.bounds());
        let mut changed: Option<(i32, i32, i32, i32)> = None;
        for y in 0..place.height {
            let new = drawn.row(y, 0, place.width);
            let old = strip.row(place.y + y, place.x, place.width);
            let mut differing = new
                .chunks_exact(4)
                .zip(old.chunks_exact(4))
                .enumerate()
                .filter(|(_, (new, old))| new != old)
                .map(|(x, _)| x as i32);
            if let Some(first) = differing.next() {
                let last = differing.next_back().unwrap_or(first);
                let (left, top, right, _) = changed.unwrap_or((first, y, last, y));
                changed = Some((left.min(first), top, right.max(last), y));
            }
        }
        let clip = strip.bounds();
        strip.canvas().copy(&drawn, drawn.bounds(), area.x, area.y, clip);
        changed.map_or_else(Area::default, |(left, top, right, bottom)| {
            Area::new(place.x + left, place.y + top, right - left + 1, bottom - top + 1)
        })
    }

    /// Draws what is seen of the gallery into the column.
    fn refresh_reel(&mut self) {
        let Document { left, gallery, reel, .. } = &mut self.document;
        let mut canvas = left.canvas();
        let mut x = gallery.x - self.state.reel;
        while x < gallery.right() {
            canvas.copy(reel, reel.bounds(), x, gallery.y, *gallery);
            x += reel.width();
        }
    }

    /// Draws the large picture, or the clip in its place, into the column.
    fn refresh_hero(&mut self) {
        let Document { left, hero, still, .. } = &mut self.document;
        if let Some(number) = self.state.playing {
            let clip = self.clip.get_or_insert_with(|| Clip::new(self.seed ^ 0x0C11));
            let mut picture = still.clone();
            clip.draw(number, &mut picture);
            left.canvas().copy(&picture, picture.bounds(), hero.x, hero.y, *hero);
        } else {
            left.canvas().copy(still, still.bounds(), hero.x, hero.y, *hero);
        }
    }

    fn draw_left(&mut self, area: Area) {
        for place in on_screen(self.layout.left, self.state.left, self.layout.total, area) {
            self.draw(place);
        }
    }

    fn draw_right(&mut self, area: Area) {
        for place in on_screen(self.layout.right, self.state.right, self.layout.total, area) {
            self.draw(place);
        }
    }

    /// Draws an area of the frame from what is kept, and notes that it was drawn.
    fn draw(&mut self, area: Area) {
        let area = area.overlap(self.layout.screen);
        if area.is_empty() {
            return;
        }
        self.drawn.push(area);
        let (layout, state, document) = (self.layout, &self.state, &self.document);
        let mut canvas = Canvas {
            width: layout.screen.width,
            height: layout.screen.height,
            pixels: self.frame.pixels_mut(),
        };
        canvas.copy(&self.bar, self.bar.bounds(), 0, 0, area);
        // Between and beside the columns; above and below them there is nothing.
        let edges = [0, layout.left.x, layout.left.right(), layout.right.x, layout.right.right()];
        for (from, to) in [(edges[0], edges[1]), (edges[2], edges[3]), (edges[4], i32::MAX / 2)] {
            let gap = Area::new(from, layout.body.y, to - from, layout.body.height);
            canvas.fill(gap.overlap(area), document::PAGE);
        }
        let columns = [
            (layout.left, state.left, &document.left),
            (layout.right, state.right, &document.right),
        ];
        for (place, offset, strip) in columns {
            let clip = place.overlap(area);
            if clip.is_empty() {
                continue;
            }
            let mut y = place.y - offset;
            while y < clip.bottom() {
                canvas.copy(strip, strip.bounds(), place.x, y, clip);
                y += layout.total;
            }
        }
        if let Some((x, y)) = state.chat {
            canvas.lay_over(&self.chat, x, y, area);
        }
        if state.dialog {
            canvas.tint(area, [16, 20, 30], 120);
            let (x, y) = dialog_place(layout, &self.dialog);
            canvas.lay_over(&self.dialog, x, y, area);
        }
        if let Some(number) = self.stamp {
            draw_stamp(&mut canvas, number, area);
        }
    }

    /// Where the masked fields are seen. A field that is scrolled halfway out is covered halfway.
    fn lay_masks(&self) -> Masks {
        let mut list = Vec::new();
        for (field, &area) in &self.document.fields {
            let Some(label) = field.mask() else {
                continue;
            };
            let layout = &self.layout;
            for place in on_screen(layout.right, self.state.right, layout.total, area) {
                let place = place.overlap(layout.screen);
                if !place.is_empty() {
                    list.push(Mask::new(rect(place), label));
                }
            }
        }
        Masks::new(self.size, list).unwrap_or_else(|_| self.all_masked())
    }

    /// One mask over everything: what is not known to be safe is not shown.
    fn all_masked(&self) -> Masks {
        Masks::new(self.size, vec![Mask::new(self.size.rect(), "Page")])
            .unwrap_or_else(|_| Masks::none())
    }

    /// Adds what this step drew to what the next capture has to take.
    fn remember(&mut self) {
        const MANY: usize = 64;
        let Some(areas) = &mut self.uncaptured else {
            return;
        };
        areas.extend_from_slice(&self.drawn);
        if areas.len() > MANY {
            areas.clear();
            areas.push(self.layout.screen);
        }
    }
}

impl FrameSource for GeneratedPage {
    /// The first call shows the page as it is; every other takes a step first.
    fn capture(&mut self, into: &mut Frame) -> Capture {
        let masks = |page: &Self| MaskState::Known(page.masks.clone());
        if self.uncaptured.is_some() {
            self.step();
        }
        let areas = self.uncaptured.replace(Vec::new());
        let known = self.captured_masks == self.masks;
        self.captured_masks.clone_from(&self.masks);
        let Some(areas) = areas.filter(|_| into.size() == self.size) else {
            into.clone_from(&self.frame);
            return Capture::Frame { damage: Damage::Unknown, masks: masks(self) };
        };
        if areas.is_empty() && known {
            return Capture::Unchanged;
        }
        let width = usize::from(self.size.width);
        for area in &areas {
            for y in area.y..area.bottom() {
                let start = (y as usize * width + area.x as usize) * Frame::PIXEL_BYTES;
                let row = start..start + area.width as usize * Frame::PIXEL_BYTES;
                into.pixels_mut()[row.clone()].copy_from_slice(&self.frame.pixels()[row]);
            }
        }
        let damage = Damage::Areas(areas.into_iter().map(rect).collect());
        Capture::Frame { damage, masks: masks(self) }
    }
}

impl fmt::Debug for GeneratedPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GeneratedPage")
            .field("size", &self.size)
            .field("seed", &self.seed)
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

/// The extent of a stamp, in pixels: 48 squares in a row from the frame's upper left corner.
///
/// Each square is [`STAMP`]`.height` pixels wide, black for 0 and white for 1. The first eight are
/// 1011 0010; then the number, its highest bit first; then the exclusive or of its four bytes.
pub const STAMP: Size = Size::new(192, 4);

const STAMP_SIGN: u8 = 0b1011_0010;

/// The number that [`GeneratedPage::stamp`] wrote; nothing if there is none, or if it is damaged.
///
/// ```
/// use coview_screen::generated::{GeneratedPage, read_stamp};
/// use coview_screen::Size;
///
/// let mut page = GeneratedPage::new(Size::new(800, 600), 1)?;
/// assert_eq!(read_stamp(page.frame()), None);
/// page.stamp(Some(123_456));
/// assert_eq!(read_stamp(page.frame()), Some(123_456));
/// # Ok::<(), coview_screen::FrameError>(())
/// ```
#[must_use]
pub fn read_stamp(frame: &Frame) -> Option<u32> {
    let mut bits = 0_u64;
    for square in 0..STAMP.width / STAMP.height {
        let middle = STAMP.height / 2;
        let [_, green, _] = frame.pixel(square * STAMP.height + middle, middle)?;
        bits = bits << 1 | u64::from(green >= 128);
    }
    let number = (bits >> 8) as u32;
    (stamp_bits(number) == bits).then_some(number)
}

fn stamp_bits(number: u32) -> u64 {
    let check = number.to_be_bytes().into_iter().fold(0, |sum, byte| sum ^ byte);
    u64::from(STAMP_SIGN) << 40 | u64::from(number) << 8 | u64::from(check)
}

fn draw_stamp(canvas: &mut Canvas<'_>, number: u32, clip: Area) {
    let side = i32::from(STAMP.height);
    let bits = stamp_bits(number);
    for square in 0..i32::from(STAMP.width) / side {
        let lit = bits >> (47 - square) & 1 == 1;
        let color = if lit { [255; 3] } else { [0; 3] };
        canvas.fill(Area::new(square * side, 0, side, side).overlap(clip), color);
    }
}

/// Where the dialog's layer is: in the middle of the left column, so that it hides no masked field
/// on a page that is wide enough.
fn dialog_place(layout: Layout, dialog: &Bitmap) -> (i32, i32) {
    let x = layout.left.x + (layout.left.width - dialog.width()) / 2;
    let y = layout.body.y + (layout.body.height - dialog.height()) * 2 / 5;
    (x.max(0), y.max(0))
}

/// The places on the screen at which an area of a column's contents is seen.
fn on_screen(column: Area, offset: i32, total: i32, area: Area) -> impl Iterator<Item = Area> {
    let first = (area.y - offset).rem_euclid(total) - total;
    (0..)
        .map(move |turn| first + turn * total)
        .take_while(move |&y| y < column.height)
        .map(move |y| Area::new(column.x + area.x, column.y + y, area.width, area.height))
        .map(move |place| place.overlap(column))
        .filter(|place| !place.is_empty())
}

/// The same area for the outside; it must lie within a frame.
fn rect(area: Area) -> Rect {
    let number = |value: i32| u16::try_from(value).unwrap_or(0);
    Rect::new(number(area.x), number(area.y), number(area.width), number(area.height))
}
