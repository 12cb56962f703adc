//! What is drawn: pages of text, a code pane, a picture with noise. The same in every run.

use noto_sans_mono_bitmap::FontWeight;
use noto_sans_mono_bitmap::RasterHeight;
use noto_sans_mono_bitmap::get_raster;
use noto_sans_mono_bitmap::get_raster_width;

pub(crate) const WIDTH: usize = 1280;
pub(crate) const HEIGHT: usize = 720;
/// From the upper edge of a line of text to that of the next.
pub(crate) const LINE: usize = 24;

pub(crate) const PAPER: Rgb = [255, 255, 255];
pub(crate) const INK: Rgb = [33, 37, 41];
const INKS: [Rgb; 4] = [INK, [13, 71, 161], [136, 14, 79], [27, 94, 32]];
const DARK: Rgb = [30, 30, 46];
const CODE: [Rgb; 4] = [[205, 214, 244], [203, 166, 247], [166, 227, 161], [250, 179, 135]];

pub(crate) type Rgb = [u8; 3];

/// A small generator: the same seed gives the same picture on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 >> 40).unwrap_or_default() % end
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        let count = u32::try_from(of.len()).expect("a short list");
        of[self.below(count) as usize]
    }
}

/// Pixels as the X server wants them at depth 24: blue, green, red and a byte that means nothing.
#[derive(Clone, Debug)]
pub(crate) struct Canvas {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: Vec<u8>,
}

impl Canvas {
    pub(crate) fn new(width: usize, height: usize, colour: Rgb) -> Self {
        let [r, g, b] = colour;
        Self { width, height, pixels: [b, g, r, 255].repeat(width * height) }
    }

    fn set(&mut self, x: usize, y: usize, [r, g, b]: Rgb) {
        if x < self.width && y < self.height {
            let at = (y * self.width + x) * 4;
            self.pixels[at..at + 4].copy_from_slice(&[b, g, r, 255]);
        }
    }

    fn fill(&mut self, x: usize, y: usize, width: usize, height: usize, colour: Rgb) {
        for row in y..y + height {
            for column in x..x + width {
                self.set(column, row, colour);
            }
        }
    }

    /// Antialiased text; gives the column after it.
    pub(crate) fn text(&mut self, x: usize, y: usize, text: &str, ink: Rgb, paper: Rgb) -> usize {
        let mut left = x;
        for letter in text.chars() {
            let Some(raster) = get_raster(letter, FontWeight::Regular, RasterHeight::Size16) else {
                continue;
            };
            for (row, line) in raster.rows().enumerate() {
                for (column, &cover) in line.iter().enumerate() {
                    let mix = |ink: u8, paper: u8| {
                        let (ink, paper, cover) =
                            (u32::from(ink), u32::from(paper), u32::from(cover));
                        let mixed = (ink * cover + paper * (255 - cover)) / 255;
                        u8::try_from(mixed).unwrap_or(u8::MAX)
                    };
                    let [r, g, b] = [0, 1, 2].map(|at| mix(ink[at], paper[at]));
                    self.set(left + column, y + row, [r, g, b]);
                }
            }
            left += raster.width();
        }
        left
    }

    /// Something like a photograph: smooth light, edges, and noise of this strength.
    fn photo(&mut self, x: usize, y: usize, width: usize, height: usize, noise: u32, seed: u64) {
        let mut random = Random::new(seed);
        for row in 0..height {
            for column in 0..width {
                let hill = (column * column / 90 + row * row / 60 + column * row / 75) % 512;
                let light = if hill < 256 { hill } else { 511 - hill };
                let disc = column.abs_diff(width / 3).pow(2) + row.abs_diff(height / 2).pow(2);
                let inside = disc < (height / 3).pow(2);
                let base = if inside {
                    [230, 200 - light / 3, 90]
                } else {
                    [light * 3 / 4 + 20, light / 2 + 70, 200 - light / 2]
                };
                let colour = base.map(|part| {
                    let part = part + random.below(noise * 2 + 1) as usize;
                    u8::try_from(part.saturating_sub(noise as usize)).unwrap_or(u8::MAX)
                });
                self.set(x + column, y + row, colour);
            }
        }
    }
}

pub(crate) fn letter_width() -> usize {
    get_raster_width(FontWeight::Regular, RasterHeight::Size16)
}

const WORDS: [&str; 32] = [
    "order", "the", "parcel", "and", "invoice", "of", "street", "is", "delivery", "to", "account",
    "in", "payment", "with", "question", "a", "customer", "for", "address", "on", "support",
    "until", "Monday", "by", "contract", "from", "number", "at", "balance", "not", "address",
    "1984",
];

/// So many letters of running text.
pub(crate) fn words(random: &mut Random, letters: usize) -> String {
    let mut text = String::new();
    while text.len() < letters {
        text.push_str(random.pick(&WORDS));
        text.push(' ');
    }
    text.truncate(letters);
    text
}

/// A whole page of an application: bars, navigation, text in columns, a dark pane, a photograph.
pub(crate) fn page(number: u32) -> Canvas {
    let mut random = Random::new(u64::from(number) + 7);
    let mut page = Canvas::new(WIDTH, HEIGHT, PAPER);
    let bar = random.pick(&[[25, 118, 210], [69, 90, 100], [0, 105, 92], [94, 53, 177]]);
    page.fill(0, 0, WIDTH, 40, bar);
    page.text(16, 12, &format!("Page {number} - Customer desk"), PAPER, bar);
    let side = [240, 242, 245];
    page.fill(0, 40, 200, HEIGHT - 56, side);
    for entry in 0..20 {
        let text = words(&mut random, 16);
        page.text(16, 56 + entry * 30, &text, INK, side);
    }
    let mut y = 56;
    while y + LINE <= HEIGHT - 24 {
        let heading = random.below(7) == 0;
        let ink = if heading { random.pick(&INKS) } else { INK };
        let room = if y < 270 { 42 } else { 68 };
        let letters = room - random.below(20) as usize;
        page.text(216, y, &words(&mut random, letters), ink, PAPER);
        y += LINE;
    }
    page.photo(620, 56, 210, 200, 3, u64::from(number));
    page.fill(860, 48, 412, 640, DARK);
    for line in 0..28 {
        let indent = random.below(5) as usize * 2 * letter_width();
        let mut x = 876 + indent;
        while x < 1180 {
            let letters = 3 + random.below(9) as usize;
            let ink = random.pick(&CODE);
            x = page.text(x, 56 + line * 22, &words(&mut random, letters), ink, DARK);
            if random.below(4) == 0 {
                break;
            }
        }
    }
    page.fill(0, HEIGHT - 16, WIDTH, 16, [222, 226, 230]);
    page
}

/// A picture larger than the window it moves in, each with its own noise.
pub(crate) fn film(number: u64, width: usize, height: usize) -> Canvas {
    let mut film = Canvas::new(width, height, INK);
    film.photo(0, 0, width, height, 12, 1000 + number);
    film
}

/// One line of a text that is scrolled.
pub(crate) fn line(random: &mut Random, width: usize) -> Canvas {
    let mut line = Canvas::new(width, LINE, PAPER);
    let heading = random.below(7) == 0;
    let ink = if heading { random.pick(&INKS) } else { INK };
    let most = width / letter_width() - 2;
    let letters = most - random.below(30) as usize;
    line.text(8, 2, &words(random, letters), ink, PAPER);
    line
}
