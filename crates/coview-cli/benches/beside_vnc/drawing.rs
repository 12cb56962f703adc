//! The program that is watched: it draws on a display by plain X11 requests.

use std::error::Error;
use std::thread::sleep;
use std::time::Duration;
use std::time::Instant;

use x11rb::connection::Connection;
use x11rb::protocol::xproto::ConnectionExt;
use x11rb::protocol::xproto::CreateGCAux;
use x11rb::protocol::xproto::CreateWindowAux;
use x11rb::protocol::xproto::Gcontext;
use x11rb::protocol::xproto::ImageFormat;
use x11rb::protocol::xproto::Pixmap;
use x11rb::protocol::xproto::Rectangle;
use x11rb::protocol::xproto::Window;
use x11rb::protocol::xproto::WindowClass;
use x11rb::rust_connection::RustConnection;

use crate::canvas;
use crate::canvas::Canvas;
use crate::canvas::HEIGHT;
use crate::canvas::LINE;
use crate::canvas::Random;
use crate::canvas::WIDTH;
use crate::marker;
use crate::now;

/// What happens on the screen for some seconds.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Scene {
    Still,
    Typing,
    Scrolling,
    Film,
    Pages,
}

impl Scene {
    pub(crate) const ALL: [Self; 5] =
        [Self::Still, Self::Typing, Self::Scrolling, Self::Film, Self::Pages];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Still => "still",
            Self::Typing => "typing, 20/s",
            Self::Scrolling => "scrolling, 20/s",
            Self::Film => "noisy film, 20/s",
            Self::Pages => "new pages, 4/s",
        }
    }

    /// The mean time from one change to the next; `None` if there are none.
    pub(crate) const fn pace(self) -> Option<Duration> {
        match self {
            Self::Still => None,
            Self::Typing | Self::Scrolling | Self::Film => Some(Duration::from_millis(50)),
            Self::Pages => Some(Duration::from_millis(250)),
        }
    }
}

/// A change, and when the X server had drawn it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub(crate) number: u16,
    pub(crate) drawn: Instant,
}

const PAGES: u32 = 8;
const FILMS: u64 = 8;
const FILM_WINDOW: (i16, i16, u16, u16) = (320, 180, 640, 360);
/// How far the film moves to and fro.
const FILM_WAY: (u16, u16) = (160, 90);
const SCROLLED: (i16, i16, u16, u16) = (208, 48, 640, 648);

#[derive(Debug)]
pub(crate) struct Drawing {
    display: RustConnection,
    root: Window,
    window: Window,
    plain: Gcontext,
    black: Gcontext,
    white: Gcontext,
    pages: Vec<Pixmap>,
    films: Vec<Pixmap>,
    number: u16,
    step: u16,
    random: Random,
}

impl Drawing {
    /// A window over the whole display, without a cursor, and the first page on it.
    pub(crate) fn open(display: &str) -> Result<Self, Box<dyn Error>> {
        let (display, screen) = RustConnection::connect(Some(display))?;
        let screen = &display.setup().roots[screen];
        let (root, depth) = (screen.root, screen.root_depth);
        let (black_pixel, white_pixel) = (screen.black_pixel, screen.white_pixel);
        if depth != 24 {
            return Err(format!("the display has depth {depth}").into());
        }

        let nothing = display.generate_id()?;
        display.create_pixmap(1, nothing, root, 1, 1)?;
        let none = display.generate_id()?;
        display.create_gc(none, nothing, &CreateGCAux::new().foreground(0))?;
        let dot = Rectangle { x: 0, y: 0, width: 1, height: 1 };
        display.poly_fill_rectangle(nothing, none, &[dot])?;
        let cursor = display.generate_id()?;
        display.create_cursor(cursor, nothing, nothing, 0, 0, 0, 0, 0, 0, 0, 0)?;

        let window = display.generate_id()?;
        let (width, height) = (u16::try_from(WIDTH)?, u16::try_from(HEIGHT)?);
        display.create_window(
            depth,
            window,
            root,
            0,
            0,
            width,
            height,
            0,
            WindowClass::INPUT_OUTPUT,
            0,
            &CreateWindowAux::new().override_redirect(1).cursor(cursor),
        )?;
        // Copies would send an event each otherwise, which nobody reads.
        let quiet = CreateGCAux::new().graphics_exposures(0);
        let [plain, black, white] =
            [(); 3].map(|()| display.generate_id().expect("a new display has ids"));
        display.create_gc(plain, window, &quiet)?;
        display.create_gc(black, window, &quiet.foreground(black_pixel))?;
        display.create_gc(white, window, &quiet.foreground(white_pixel))?;

        let mut drawing = Self {
            display,
            root,
            window,
            plain,
            black,
            white,
            pages: Vec::new(),
            films: Vec::new(),
            number: 0,
            step: 0,
            random: Random::new(3),
        };
        for number in 0..PAGES {
            let pixmap = drawing.pixmap(&canvas::page(number))?;
            drawing.pages.push(pixmap);
        }
        let (_, _, width, height) = FILM_WINDOW;
        for number in 0..FILMS {
            let film = canvas::film(
                number,
                usize::from(width + FILM_WAY.0),
                usize::from(height + FILM_WAY.1),
            );
            let pixmap = drawing.pixmap(&film)?;
            drawing.films.push(pixmap);
        }
        drawing.display.map_window(window)?;
        drawing.page(0)?;
        drawing.mark()?;
        Ok(drawing)
    }

    /// Draws the scene for this long, at uneven steps, so that no sharer's own pace falls in with it.
    pub(crate) fn run(
        &mut self,
        scene: Scene,
        lasts: Duration,
    ) -> Result<Vec<Change>, Box<dyn Error>> {
        let began = now();
        let mut changes = Vec::new();
        let Some(pace) = scene.pace() else {
            sleep(lasts);
            return Ok(changes);
        };
        let count = lasts.as_micros() / pace.as_micros();
        let mut next = began;
        // The same steps in every run of the scene.
        let mut uneven = Random::new(11);
        for _ in 0..count {
            // From 0.6 to 1.4 of the pace, its mean the pace.
            next += pace * (600 + uneven.below(801)) / 1000;
            sleep(next.saturating_duration_since(now()));
            self.step = self.step.wrapping_add(1);
            match scene {
                Scene::Still => {}
                Scene::Typing => self.type_letter()?,
                Scene::Scrolling => self.scroll()?,
                Scene::Film => self.film()?,
                Scene::Pages => self.page(u32::from(self.step))?,
            }
            changes.push(self.mark()?);
        }
        Ok(changes)
    }

    /// What is on the display, byte for byte.
    pub(crate) fn screen(&self) -> Result<Vec<u8>, Box<dyn Error>> {
        let (width, height) = (u16::try_from(WIDTH)?, u16::try_from(HEIGHT)?);
        let asked = self.display.get_image(
            ImageFormat::Z_PIXMAP,
            self.root,
            0,
            0,
            width,
            height,
            u32::MAX,
        )?;
        Ok(asked.reply()?.data)
    }

    fn type_letter(&self) -> Result<(), Box<dyn Error>> {
        let (step, width) = (usize::from(self.step), canvas::letter_width());
        let mut letter = Canvas::new(width, 20, canvas::PAPER);
        let text = ["a", "e", "i", "n", "s", "t", "r", "m"][step % 8];
        letter.text(0, 2, text, canvas::INK, canvas::PAPER);
        // Lines of 50 letters over the lines of the page.
        let (column, row) = (step % 50, step / 50 % 20);
        self.put(self.window, &letter, 216 + column * width, 296 + row * LINE)
    }

    fn scroll(&mut self) -> Result<(), Box<dyn Error>> {
        let (x, y, width, height) = SCROLLED;
        let line = i16::try_from(LINE)?;
        let stays = height - u16::try_from(LINE)?;
        let (window, plain) = (self.window, self.plain);
        self.display.copy_area(window, window, plain, x, y + line, x, y, width, stays)?;
        let new = canvas::line(&mut self.random, usize::from(width));
        self.put(window, &new, usize::try_from(x)?, usize::try_from(y)? + usize::from(stays))
    }

    fn film(&self) -> Result<(), Box<dyn Error>> {
        let film = self.films[usize::from(self.step) % self.films.len()];
        let to_and_fro = |step: u16, way: u16| {
            let at = step % (2 * way);
            i16::try_from(if at < way { at } else { 2 * way - at })
        };
        let from_x = to_and_fro(self.step.wrapping_mul(3), FILM_WAY.0)?;
        let from_y = to_and_fro(self.step.wrapping_mul(2), FILM_WAY.1)?;
        let (x, y, width, height) = FILM_WINDOW;
        self.display.copy_area(
            film,
            self.window,
            self.plain,
            from_x,
            from_y,
            x,
            y,
            width,
            height,
        )?;
        Ok(())
    }

    fn page(&self, number: u32) -> Result<(), Box<dyn Error>> {
        let page = self.pages[usize::try_from(number % PAGES)?];
        let (width, height) = (u16::try_from(WIDTH)?, u16::try_from(HEIGHT)?);
        self.display.copy_area(page, self.window, self.plain, 0, 0, 0, 0, width, height)?;
        Ok(())
    }

    /// Draws the next number, and waits until the X server has drawn everything.
    fn mark(&mut self) -> Result<Change, Box<dyn Error>> {
        self.number += 1;
        let block = u16::try_from(marker::BLOCK)?;
        for (left, top) in marker::PLACES.into_iter().rev() {
            let (x, y) = (i16::try_from(left)?, i16::try_from(top)?);
            let ground =
                Rectangle { x, y, width: u16::try_from(marker::MARKER_WIDTH)?, height: block };
            let mut blocks = Vec::new();
            for column in marker::white_blocks(self.number) {
                let x = x + i16::try_from(column * marker::BLOCK)?;
                blocks.push(Rectangle { x, y, width: block, height: block });
            }
            self.display.poly_fill_rectangle(self.window, self.black, &[ground])?;
            self.display.poly_fill_rectangle(self.window, self.white, &blocks)?;
        }
        self.display.get_input_focus()?.reply()?;
        Ok(Change { number: self.number, drawn: now() })
    }

    fn pixmap(&self, canvas: &Canvas) -> Result<Pixmap, Box<dyn Error>> {
        let pixmap = self.display.generate_id()?;
        let (width, height) = (u16::try_from(canvas.width)?, u16::try_from(canvas.height)?);
        self.display.create_pixmap(24, pixmap, self.window, width, height)?;
        self.put(pixmap, canvas, 0, 0)?;
        Ok(pixmap)
    }

    fn put(&self, onto: u32, canvas: &Canvas, x: usize, y: usize) -> Result<(), Box<dyn Error>> {
        // A request must stay below 256 KiB.
        const ROWS: usize = 32;
        let bytes = canvas.width * 4 * ROWS;
        for (slice, pixels) in canvas.pixels.chunks(bytes).enumerate() {
            let rows = pixels.len() / (canvas.width * 4);
            self.display.put_image(
                ImageFormat::Z_PIXMAP,
                onto,
                self.plain,
                u16::try_from(canvas.width)?,
                u16::try_from(rows)?,
                i16::try_from(x)?,
                i16::try_from(y + slice * ROWS)?,
                0,
                24,
                pixels,
            )?;
        }
        Ok(())
    }
}
