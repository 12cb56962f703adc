//! The page's contents, drawn once: two long columns of cards, the bar on top, what floats above.

use std::collections::BTreeMap;

use super::bitmap::Area;
use super::bitmap::Bitmap;
use super::bitmap::Color;
use super::photo::CLIP;
use super::photo::landscape;
use super::random::Random;
use super::text::Fonts;
use super::text::Style;
use super::words;

pub(super) const PAGE: Color = [243, 245, 248];
const WHITE: Color = [255, 255, 255];
const INK: Color = [27, 33, 44];
const SOFT: Color = [94, 104, 118];
const FAINT: Color = [140, 149, 161];
const LINE: Color = [222, 226, 233];
const BLUE: Color = [22, 96, 196];
const PALE_BLUE: Color = [232, 241, 253];
const GREEN: Color = [18, 122, 86];
const AMBER: Color = [240, 166, 32];
const DARK: Color = [26, 31, 44];

const HEADING: Style = Style::bold(20, INK);
const BODY: Style = Style::regular(15, [52, 60, 73]);
const SMALL: Style = Style::regular(13, SOFT);

/// The height of the bar on top.
pub(super) const BAR: i32 = 56;
/// The room between cards, and around them.
const GUTTER: i32 = 20;
/// The room between the edge of a card and what is in it.
const PADDING: i32 = 16;
/// How far a picture's pixels stray from their neighbours.
const GRAIN: u8 = 1;

/// Where the parts of the page are on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// The whole screen.
    pub(super) screen: Area,
    /// What scrolls: everything below the bar.
    pub(super) body: Area,
    /// The left column's place, as high as the body.
    pub(super) left: Area,
    /// The right column's place, as high as the body.
    pub(super) right: Area,
    /// The height of the columns' contents, which begin anew after it.
    pub(super) total: i32,
}

impl Layout {
    pub(super) fn new(width: i32, height: i32) -> Self {
        // A page this narrow is cut off rather than laid out anew; a wide one has margins.
        let page = width.clamp(720, 1680);
        let body = Area::new(0, BAR, width, (height - BAR).max(0));
        let right_width = (page * 325 / 1000).clamp(260, 470);
        let left_width = page - right_width - 3 * GUTTER;
        let x = ((width - page) / 2).max(0) + GUTTER;
        Self {
            screen: Area::new(0, 0, width, height),
            body,
            left: Area::new(x, body.y, left_width, body.height),
            right: Area::new(x + left_width + GUTTER, body.y, right_width, body.height),
            total: (4 * body.height).clamp(2400, 6000),
        }
    }
}

/// The fields of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Name,
    Email,
    Card,
    Expiry,
    Code,
    Password,
    Message,
}

impl Field {
    pub(super) const ALL: [Self; 7] = [
        Self::Name,
        Self::Email,
        Self::Card,
        Self::Expiry,
        Self::Code,
        Self::Password,
        Self::Message,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::Name => "Full name",
            Self::Email => "E-mail",
            Self::Card => "Card number",
            Self::Expiry => "Valid until",
            Self::Code => "Security code",
            Self::Password => "Account password",
            Self::Message => "Message to the shop",
        }
    }

    /// What the agents are told instead of what is written in it; nothing if they may see it.
    pub(super) const fn mask(self) -> Option<&'static str> {
        match self {
            Self::Card => Some("Card number"),
            Self::Code => Some("Security code"),
            Self::Password => Some("Password"),
            Self::Name | Self::Email | Self::Expiry | Self::Message => None,
        }
    }
}

/// The columns' contents.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) left: Bitmap,
    pub(super) right: Bitmap,
    /// Where in the left column the large picture is.
    pub(super) hero: Area,
    /// The large picture, for when the clip in its place has ended.
    pub(super) still: Bitmap,
    /// Where in the left column the gallery is seen.
    pub(super) gallery: Area,
    /// All of the gallery, which begins anew at its end.
    pub(super) reel: Bitmap,
    /// Where in the right column each field's box is.
    pub(super) fields: BTreeMap<Field, Area>,
}

impl Document {
    pub(super) fn new(layout: &Layout, fonts: &mut Fonts, seed: u64) -> Self {
        let mut draw = Draw { fonts, random: Random::new(seed), seed };
        let mut left = Column::new(layout.left.width, layout.total);
        let (card, hero) = draw.product(layout.left.width);
        let hero = left.add(&card).map_or_else(Area::default, |at| hero.moved(at.x, at.y));
        let mut still = Bitmap::new(hero.width, hero.height, PAGE);
        still.canvas().copy(&left.strip, hero, 0, 0, Area::new(0, 0, hero.width, hero.height));
        left.add(&draw.listing(layout.left.width, 0));
        let (card, gallery, reel) = draw.gallery(layout.left.width);
        let gallery = left.add(&card).map_or_else(Area::default, |at| gallery.moved(at.x, at.y));
        for turn in 0.. {
            let card = match turn % 6 {
                0 => draw.article(layout.left.width),
                1 => draw.facts(layout.left.width),
                2 => draw.reviews(layout.left.width),
                3 => draw.wide_photo(layout.left.width),
                4 => draw.listing(layout.left.width, 1 + turn / 6),
                _ => draw.article(layout.left.width),
            };
            if left.add(&card).is_none() {
                break;
            }
        }

        let mut right = Column::new(layout.right.width, layout.total);
        let (card, fields) = draw.checkout(layout.right.width);
        let at = right.add(&card).unwrap_or_default();
        let fields = fields.into_iter().map(|(field, area)| (field, area.moved(at.x, at.y)));
        let fields = fields.collect();
        for turn in 0.. {
            let card = match turn % 4 {
                0 => draw.basket(layout.right.width),
                1 => draw.questions(layout.right.width, turn),
                2 => draw.places(layout.right.width),
                _ => draw.people(layout.right.width),
            };
            if right.add(&card).is_none() {
                break;
            }
        }
        Self { left: left.strip, right: right.strip, hero, still, gallery, reel, fields }
    }
}

/// Cards below each other.
struct Column {
    strip: Bitmap,
    y: i32,
}

impl Column {
    fn new(width: i32, height: i32) -> Self {
        Self { strip: Bitmap::new(width, height, PAGE), y: GUTTER }
    }

    /// Puts a card below the others and answers where; nothing once the column is full. The last
    /// card may be cut off.
    fn add(&mut self, card: &Bitmap) -> Option<Area> {
        let area = Area::new(0, self.y, card.width(), card.height());
        let room = self.strip.height() - GUTTER - self.y;
        if room < 48 {
            return None;
        }
        let area = Area { height: area.height.min(room), ..area };
        let clip = self.strip.bounds();
        let mut canvas = self.strip.canvas();
        canvas.framed(area, 10, 1, LINE, WHITE);
        let inner = Area::new(0, 0, area.width, area.height).inset(10);
        canvas.copy(card, inner, area.x + 10, area.y + 10, clip);
        self.y = area.bottom() + GUTTER;
        Some(area)
    }
}

/// Draws the cards.
struct Draw<'a> {
    fonts: &'a mut Fonts,
    random: Random,
    seed: u64,
}

impl Draw<'_> {
    fn blank(width: i32) -> Bitmap {
        Bitmap::new(width, 900, WHITE)
    }

    fn photo(&mut self, width: i32, height: i32) -> Bitmap {
        landscape(width, height, self.seed ^ self.random.next(), GRAIN)
    }

    /// The large picture with what is sold; answers where the picture is.
    fn product(&mut self, width: i32) -> (Bitmap, Area) {
        let mut card = Self::blank(width);
        let inner = width - 2 * PADDING;
        let photo = landscape(CLIP.0.min(inner), CLIP.1, self.seed, GRAIN);
        let rest = inner - photo.width() - 14;
        let thumbs: Vec<Bitmap> = if (60..200).contains(&rest) {
            (0..3).map(|_| self.photo(rest, 112)).collect()
        } else {
            Vec::new()
        };
        let clip = card.bounds();
        let mut canvas = card.canvas();
        let fonts = &mut *self.fonts;
        let x = PADDING;
        let end = fonts.draw(&mut canvas, x, 28, SMALL, "Home  /  Weather  /  ");
        fonts.draw(&mut canvas, end, 28, SMALL.colored(INK), "WS-3");
        fonts.draw(&mut canvas, x, 62, Style::bold(28, INK), "WS-3 weather station kit");
        for star in 0..5 {
            canvas.star(x + star * 20, 76, 17, AMBER);
        }
        let end = fonts.draw(&mut canvas, x + 108, 90, BODY.colored(INK), "4.8");
        let end = fonts.draw(&mut canvas, end + 8, 90, BODY.colored(BLUE), "212 reviews");
        fonts.draw(&mut canvas, end + 18, 90, BODY.colored(GREEN), "In stock, ships tomorrow");
        let price = Style::bold(26, INK);
        let wide = fonts.width(price, "€ 189.00");
        fonts.draw(&mut canvas, width - PADDING - wide, 62, price, "€ 189.00");
        let wide = fonts.width(SMALL, "VAT included");
        fonts.draw(&mut canvas, width - PADDING - wide, 88, SMALL, "VAT included");
        let hero = Area::new(x, 106, photo.width(), photo.height());
        canvas.copy(&photo, photo.bounds(), hero.x, hero.y, clip);
        for (index, thumb) in thumbs.iter().enumerate() {
            let y = hero.y + index as i32 * 124;
            canvas.copy(thumb, thumb.bounds(), hero.right() + 14, y, clip);
        }
        if rest >= 200 {
            let x = hero.right() + 22;
            let measure = rest - 12;
            fonts.draw(&mut canvas, x, hero.y + 18, HEADING, "Everything above your roof");
            let mut y = hero.y + 50;
            for text in [0, 6, 11] {
                let text = words::SENTENCES[text];
                y = fonts.paragraph(&mut canvas, x, y, measure, 24, BODY, text) + 8;
            }
            for (name, value) in &words::FACTS[..5] {
                canvas.fill(Area::new(x, y - 18, measure, 1), LINE);
                fonts.draw(&mut canvas, x, y, SMALL, name);
                fonts.draw(&mut canvas, x + 120, y, SMALL.colored(INK), value);
                y += 26;
            }
        }
        card.crop_height(hero.bottom() + PADDING);
        (card, hero)
    }

    /// A dark pane with a program in it.
    fn listing(&mut self, width: i32, which: usize) -> Bitmap {
        let (title, file, lines) = words::LISTINGS[which % words::LISTINGS.len()];
        let mut card = Self::blank(width);
        let mut canvas = card.canvas();
        let fonts = &mut *self.fonts;
        fonts.draw(&mut canvas, PADDING, 34, HEADING, title);
        let end = width - PADDING;
        let wide = fonts.width(SMALL.colored(BLUE), "Copy");
        fonts.draw(&mut canvas, end - wide, 34, SMALL.colored(BLUE), "Copy");
        let pane = Area::new(PADDING, 48, width - 2 * PADDING, 38 + lines.len() as i32 * 20 + 10);
        canvas.rounded(pane, 8, DARK);
        canvas.fill(Area::new(pane.x, pane.y + 29, pane.width, 1), [52, 60, 80]);
        for (index, color) in [[237, 106, 94], [245, 191, 79], [98, 197, 84]].iter().enumerate() {
            canvas.disc(pane.x + 14 + index as i32 * 18, pane.y + 10, 10, *color);
        }
        fonts.draw(&mut canvas, pane.x + 80, pane.y + 19, SMALL.colored([150, 160, 182]), file);
        for (index, line) in lines.iter().enumerate() {
            let y = pane.y + 52 + index as i32 * 20;
            let number = format!("{:>2}", index + 1);
            fonts.draw(&mut canvas, pane.x + 12, y, Style::mono([88, 98, 122]), &number);
            let mut x = pane.x + 44;
            for (text, color) in tokens(line) {
                x = fonts.draw(&mut canvas, x, y, Style::mono(color), text);
            }
        }
        card.crop_height(pane.bottom() + PADDING);
        card
    }

    /// A row of pictures that moves sideways; answers where it is seen, and all of it.
    fn gallery(&mut self, width: i32) -> (Bitmap, Area, Bitmap) {
        const EACH: i32 = 220;
        let mut reel = Bitmap::new(EACH * words::PLACES.len() as i32, 190, WHITE);
        for (index, place) in words::PLACES.iter().enumerate() {
            let x = EACH * index as i32;
            let photo = self.photo(EACH - 12, 146);
            let clip = reel.bounds();
            let mut canvas = reel.canvas();
            canvas.copy(&photo, photo.bounds(), x, 0, clip);
            self.fonts.draw(&mut canvas, x, 166, Style::bold(14, INK), place);
            let by = words::PEOPLE[index % words::PEOPLE.len()];
            self.fonts.draw(&mut canvas, x, 184, SMALL, &format!("by {by}"));
        }
        let mut card = Self::blank(width);
        let mut canvas = card.canvas();
        self.fonts.draw(&mut canvas, PADDING, 34, HEADING, "Seen from other stations");
        let area = Area::new(PADDING, 50, width - 2 * PADDING, reel.height());
        let clip = Area::new(0, 0, width, 900);
        canvas.copy(&reel, area.moved(-area.x, -area.y), area.x, area.y, clip);
        card.crop_height(area.bottom() + PADDING);
        (card, area, reel)
    }

    fn article(&mut self, width: i32) -> Bitmap {
        let mut card = Self::blank(width);
        let heading = self.random.pick(&words::HEADINGS);
        let photo = self.photo(220.min(width / 3), 166);
        let clip = card.bounds();
        let mut canvas = card.canvas();
        self.fonts.draw(&mut canvas, PADDING, 38, Style::bold(22, INK), heading);
        let beside = photo.width() + 18;
        let at = Area::new(width - PADDING - photo.width(), 56, photo.width(), photo.height());
        canvas.copy(&photo, photo.bounds(), at.x, at.y, clip);
        let mut y = 72;
        for _ in 0..3 {
            let text = self.random.several::<_, 3>(&words::SENTENCES);
            let measure = width - 2 * PADDING - if y < at.bottom() + 8 { beside } else { 0 };
            let text = text.join(" ");
            y = self.fonts.paragraph(&mut canvas, PADDING, y, measure, 24, BODY, &text) + 10;
        }
        let button = Area::new(PADDING, y - 12, 132, 34);
        canvas.framed(button, 7, 1, BLUE, WHITE);
        let label = Style::bold(14, BLUE);
        let wide = self.fonts.width(label, "Read the guide");
        let x = button.x + (button.width - wide) / 2;
        self.fonts.draw(&mut canvas, x, button.y + 22, label, "Read the guide");
        card.crop_height(button.bottom().max(at.bottom()) + PADDING);
        card
    }

    fn facts(&mut self, width: i32) -> Bitmap {
        let mut card = Self::blank(width);
        let mut canvas = card.canvas();
        let fonts = &mut *self.fonts;
        fonts.draw(&mut canvas, PADDING, 36, HEADING, "Technical data");
        let mut y = 52;
        for (index, (name, value)) in words::FACTS.iter().enumerate() {
            let row = Area::new(PADDING, y, width - 2 * PADDING, 30);
            if index % 2 == 0 {
                canvas.fill(row, [246, 248, 251]);
            }
            fonts.draw(&mut canvas, row.x + 10, y + 20, BODY.colored(SOFT), name);
            fonts.draw(&mut canvas, row.x + row.width / 3, y + 20, BODY.colored(INK), value);
            y += row.height;
        }
        card.crop_height(y + PADDING);
        card
    }

    fn reviews(&mut self, width: i32) -> Bitmap {
        let mut card = Self::blank(width);
        let mut canvas = card.canvas();
        self.fonts.draw(&mut canvas, PADDING, 36, HEADING, "What owners say");
        let mut y = 56;
        for who in self.random.several::<_, 3>(&words::PEOPLE) {
            self.portrait(&mut canvas, PADDING, y, 40, who);
            let x = PADDING + 54;
            let end = self.fonts.draw(&mut canvas, x, y + 14, Style::bold(15, INK), who);
            let stars = 4 + self.random.below(2) as i32;
            for star in 0..5 {
                let color = if star < stars { AMBER } else { LINE };
                canvas.star(end + 14 + star * 16, y + 2, 13, color);
            }
            let month = self.random.pick(&["in March", "in May", "in August", "in October"]);
            self.fonts.draw(&mut canvas, end + 104, y + 14, SMALL, month);
            let text = self.random.several::<_, 2>(&words::SENTENCES);
            let measure = width - PADDING - x;
            let text = text.join(" ");
            y = self.fonts.paragraph(&mut canvas, x, y + 38, measure, 23, BODY, &text) + 8;
        }
        card.crop_height(y);
        card
    }

    fn wide_photo(&mut self, width: i32) -> Bitmap {
        let mut card = Self::blank(width);
        let photo = self.photo(width - 2 * PADDING, 240);
        let place = self.random.pick(&words::PLACES);
        let clip = card.bounds();
        let mut canvas = card.canvas();
        canvas.copy(&photo, photo.bounds(), PADDING, PADDING, clip);
        let y = PADDING + photo.height() + 24;
        let end = self.fonts.draw(&mut canvas, PADDING, y, Style::bold(15, INK), place);
        let note = "picture of the week, taken beside a WS-3";
        self.fonts.draw(&mut canvas, end + 12, y, SMALL, note);
        card.crop_height(y + PADDING - 2);
        card
    }

    /// The form; answers where its fields' boxes are.
    fn checkout(&mut self, width: i32) -> (Bitmap, BTreeMap<Field, Area>) {
        let mut card = Self::blank(width);
        let mut canvas = card.canvas();
        let fonts = &mut *self.fonts;
        let inner = width - 2 * PADDING;
        fonts.draw(&mut canvas, PADDING, 36, HEADING, "Checkout");
        let wide = fonts.width(SMALL, "Step 2 of 3");
        fonts.draw(&mut canvas, width - PADDING - wide, 36, SMALL, "Step 2 of 3");
        canvas.rounded(Area::new(PADDING, 48, inner, 5), 2, LINE);
        canvas.rounded(Area::new(PADDING, 48, inner * 2 / 3, 5), 2, BLUE);
        let half = (inner - 14) / 2;
        let mut fields = BTreeMap::new();
        let mut y = 68;
        for line in [
            &[(Field::Name, inner)][..],
            &[(Field::Email, inner)],
            &[(Field::Card, inner)],
            &[(Field::Expiry, half), (Field::Code, half)],
            &[(Field::Password, inner)],
            &[(Field::Message, inner)],
        ] {
            let mut x = PADDING;
            let mut high = 0;
            for &(field, wide) in line {
                fonts.draw(&mut canvas, x, y + 12, Style::bold(13, SOFT), field.label());
                let box_height = if field == Field::Message { 84 } else { 34 };
                let area = Area::new(x, y + 18, wide, box_height);
                fields.insert(field, area);
                x += wide + 14;
                high = box_height;
            }
            y += 18 + high + 10;
        }
        let tick = Area::new(PADDING, y + 2, 18, 18);
        canvas.rounded(tick, 4, BLUE);
        let mark = [(400, 950), (580, 780), (800, 1000), (1280, 470), (1450, 640), (810, 1330)];
        canvas.polygon(tick.x, tick.y, &mark, WHITE);
        let terms = "I have read the terms of sale";
        fonts.draw(&mut canvas, tick.right() + 10, y + 16, BODY, terms);
        y += 36;
        let pay = Area::new(PADDING, y, inner * 62 / 100, 42);
        canvas.rounded(pay, 8, BLUE);
        let style = Style::bold(16, WHITE);
        let wide = fonts.width(style, "Pay € 223.50");
        fonts.draw(&mut canvas, pay.x + (pay.width - wide) / 2, y + 27, style, "Pay € 223.50");
        let later = Area::new(pay.right() + 12, y, inner - pay.width - 12, 42);
        canvas.framed(later, 8, 1, [196, 203, 214], WHITE);
        let style = Style::bold(15, INK);
        let wide = fonts.width(style, "Save");
        fonts.draw(&mut canvas, later.x + (later.width - wide) / 2, y + 27, style, "Save");
        card.crop_height(y + 42 + PADDING);
        (card, fields)
    }

    fn basket(&mut self, width: i32) -> Bitmap {
        let mut card = Self::blank(width);
        let parts: [(&str, &str); 3] = self.random.several(&words::PARTS);
        let photos: Vec<Bitmap> = (0..3).map(|_| self.photo(76, 56)).collect();
        let clip = card.bounds();
        let mut canvas = card.canvas();
        let fonts = &mut *self.fonts;
        fonts.draw(&mut canvas, PADDING, 36, HEADING, "Often bought together");
        let mut y = 54;
        for ((name, price), photo) in parts.iter().zip(&photos) {
            canvas.copy(photo, photo.bounds(), PADDING, y, clip);
            fonts.draw(&mut canvas, PADDING + 90, y + 20, Style::bold(15, INK), name);
            fonts.draw(&mut canvas, PADDING + 90, y + 44, BODY, &format!("€ {price}"));
            let wide = fonts.width(SMALL.colored(BLUE), "Add");
            let x = width - PADDING - wide;
            fonts.draw(&mut canvas, x, y + 44, Style::bold(13, BLUE), "Add");
            y += 70;
        }
        card.crop_height(y + 4);
        card
    }

    fn questions(&mut self, width: i32, turn: usize) -> Bitmap {
        let mut card = Self::blank(width);
        let mut canvas = card.canvas();
        self.fonts.draw(&mut canvas, PADDING, 36, HEADING, "Questions and answers");
        let inner = width - 2 * PADDING;
        let mut y = 64;
        for index in 0..3 {
            let (question, answer) = words::QUESTIONS[(turn + index) % words::QUESTIONS.len()];
            let bold = Style::bold(15, INK);
            y = self.fonts.paragraph(&mut canvas, PADDING, y, inner, 22, bold, question);
            y = self.fonts.paragraph(&mut canvas, PADDING, y, inner, 22, BODY, answer) + 12;
        }
        card.crop_height(y - 6);
        card
    }

    fn places(&mut self, width: i32) -> Bitmap {
        let mut card = Self::blank(width);
        let photo = self.photo(width - 2 * PADDING, 170);
        let clip = card.bounds();
        let mut canvas = card.canvas();
        self.fonts.draw(&mut canvas, PADDING, 36, HEADING, "Weather near you");
        canvas.copy(&photo, photo.bounds(), PADDING, 50, clip);
        let mut y = 246;
        for place in self.random.several::<_, 4>(&words::PLACES) {
            let degrees = self.random.below(240);
            let value = format!("{}.{} °C", degrees / 10, degrees % 10);
            self.fonts.draw(&mut canvas, PADDING, y, BODY, place);
            let wide = self.fonts.width(Style::bold(15, INK), &value);
            let x = width - PADDING - wide;
            self.fonts.draw(&mut canvas, x, y, Style::bold(15, INK), &value);
            canvas.fill(Area::new(PADDING, y + 9, width - 2 * PADDING, 1), LINE);
            y += 32;
        }
        card.crop_height(y - 8);
        card
    }

    fn people(&mut self, width: i32) -> Bitmap {
        let mut card = Self::blank(width);
        let mut canvas = card.canvas();
        self.fonts.draw(&mut canvas, PADDING, 36, HEADING, "Newest on the map");
        let mut y = 54;
        let texts = self.random.several::<_, 4>(&words::SENTENCES);
        for (who, text) in self.random.several::<_, 4>(&words::PEOPLE).into_iter().zip(texts) {
            self.portrait(&mut canvas, PADDING, y, 34, who);
            let x = PADDING + 46;
            self.fonts.draw(&mut canvas, x, y + 13, Style::bold(14, INK), who);
            let measure = width - PADDING - x;
            let style = Style::regular(14, SOFT);
            y = self.fonts.paragraph(&mut canvas, x, y + 34, measure, 20, style, text) + 4;
        }
        card.crop_height(y);
        card
    }

    /// A coloured disc with somebody's first letter.
    fn portrait(
        &mut self,
        canvas: &mut super::bitmap::Canvas<'_>,
        x: i32,
        y: i32,
        size: i32,
        who: &str,
    ) {
        let colors: [Color; 5] =
            [[203, 90, 74], [66, 124, 172], [92, 142, 84], [150, 104, 168], [196, 140, 56]];
        canvas.disc(x, y, size, colors[who.len() % colors.len()]);
        let letter = who.get(..1).unwrap_or("?");
        let style = Style::bold(size as u16 / 2, WHITE);
        let wide = self.fonts.width(style, letter);
        self.fonts.draw(canvas, x + (size - wide) / 2, y + size * 68 / 100, style, letter);
    }
}

/// The pages the bar on top leads to.
pub(super) const TABS: [&str; 4] = ["Products", "Guides", "Map", "Support"];

/// The bar on top with one of its tabs lit.
pub(super) fn bar(layout: &Layout, fonts: &mut Fonts, tab: usize) -> Bitmap {
    let mut bar = Bitmap::new(layout.screen.width, BAR, WHITE);
    let mut canvas = bar.canvas();
    canvas.fill(Area::new(0, BAR - 1, layout.screen.width, 1), LINE);
    let left = layout.left.x;
    canvas.rounded(Area::new(left, 12, 32, 32), 8, BLUE);
    canvas.disc(left + 9, 21, 14, WHITE);
    canvas.rounded(Area::new(left + 6, 27, 20, 9), 4, WHITE);
    let x = fonts.draw(&mut canvas, left + 42, 35, Style::bold(18, INK), "Skywatch & Sons");
    let mut x = x + 36;
    for (index, name) in TABS.iter().enumerate() {
        let lit = index == tab % TABS.len();
        let style = if lit { Style::bold(15, BLUE) } else { BODY };
        let end = fonts.draw(&mut canvas, x, 34, style, name);
        if lit {
            canvas.rounded(Area::new(x, BAR - 4, end - x, 3), 1, BLUE);
        }
        x = end + 28;
    }
    let right = layout.right.right();
    let basket = Area::new(right - 112, 11, 112, 34);
    canvas.rounded(basket, 17, PALE_BLUE);
    let style = Style::bold(14, BLUE);
    let wide = fonts.width(style, "Basket (2)");
    fonts.draw(&mut canvas, basket.x + (basket.width - wide) / 2, 33, style, "Basket (2)");
    let search = Area::new(basket.x - 286, 11, 270, 34);
    canvas.framed(search, 17, 1, LINE, [247, 249, 251]);
    canvas.disc(search.x + 14, search.y + 10, 12, FAINT);
    canvas.disc(search.x + 16, search.y + 12, 8, [247, 249, 251]);
    let handle = [(100, 0), (500, 400), (400, 500), (0, 100)];
    canvas.polygon(search.x + 23, search.y + 19, &handle, FAINT);
    let style = Style::regular(14, FAINT);
    fonts.draw(&mut canvas, search.x + 36, 33, style, "Search parts and guides");
    bar
}

/// One field's box with what is written in it. The caret stands after the text while `focused`.
pub(super) fn field(fonts: &mut Fonts, area: Area, text: &str, focused: bool) -> Bitmap {
    let mut drawn = Bitmap::new(area.width, area.height, WHITE);
    let mut canvas = drawn.canvas();
    let whole = Area::new(0, 0, area.width, area.height);
    // The card under the corners is white.
    if focused {
        canvas.framed(whole, 7, 2, BLUE, WHITE);
    } else {
        canvas.framed(whole, 7, 1, [196, 203, 214], WHITE);
    }
    let style = Style::regular(15, INK);
    let (left, right) = (11, area.width - 11);
    let (mut x, mut y) = (left, 23);
    for word in text.split_inclusive(' ') {
        if x > left && x + fonts.width(style, word.trim_end()) > right {
            x = left;
            y += 22;
        }
        x = fonts.draw(&mut canvas, x, y, style, word);
    }
    if focused {
        canvas.fill(Area::new(x + 1, y - 14, 2, 18), BLUE);
    }
    drawn
}

/// What opens in the middle of the page.
pub(super) fn dialog(fonts: &mut Fonts) -> Bitmap {
    let mut body = Bitmap::new(416, 226, WHITE);
    let mut canvas = body.canvas();
    canvas.disc(24, 26, 36, [255, 243, 220]);
    fonts.draw(&mut canvas, 38, 51, Style::bold(20, [200, 130, 10]), "!");
    fonts.draw(&mut canvas, 76, 50, Style::bold(20, INK), "Leave the checkout?");
    let text = "Your basket is kept for a week. The card's number and the password you have \
        entered are not stored, and have to be typed again.";
    fonts.paragraph(&mut canvas, 24, 92, 368, 24, BODY, text);
    let stay = Area::new(204, 168, 188, 40);
    canvas.rounded(stay, 8, BLUE);
    fonts.draw(&mut canvas, stay.x + 38, 193, Style::bold(15, WHITE), "Stay and pay");
    let leave = Area::new(24, 168, 168, 40);
    canvas.framed(leave, 8, 1, [196, 203, 214], WHITE);
    fonts.draw(&mut canvas, leave.x + 62, 193, Style::bold(15, INK), "Leave");
    body
}

/// The small window that is dragged about.
pub(super) fn chat(fonts: &mut Fonts) -> Bitmap {
    let mut body = Bitmap::new(400, 280, WHITE);
    let mut canvas = body.canvas();
    canvas.fill(Area::new(0, 0, 400, 42), DARK);
    canvas.disc(16, 15, 12, [98, 197, 84]);
    let title = "Ask the workshop";
    fonts.draw(&mut canvas, 38, 27, Style::bold(16, WHITE), title);
    fonts.draw(&mut canvas, 372, 27, Style::regular(17, [170, 180, 200]), "×");
    let said = [
        (
            16,
            58,
            270,
            66,
            [238, 241, 246],
            INK,
            "Good morning! Which bracket fits a pole of 38 mm?",
        ),
        (112, 136, 272, 44, BLUE, WHITE, "The one from 28 to 45 mm does."),
        (16, 192, 210, 44, [238, 241, 246], INK, "Thank you, ordered."),
    ];
    for (x, y, width, height, back, color, text) in said {
        canvas.rounded(Area::new(x, y, width, height), 14, back);
        let style = Style::regular(15, color);
        fonts.paragraph(&mut canvas, x + 16, y + 28, width - 30, 22, style, text);
    }
    canvas.fill(Area::new(0, 246, 400, 1), LINE);
    fonts.draw(&mut canvas, 16, 268, Style::regular(14, FAINT), "Write a message");
    body
}

/// A line of a program in pieces of one colour each.
fn tokens(line: &str) -> Vec<(&str, Color)> {
    const PLAIN: Color = [214, 220, 232];
    const COMMENT: Color = [116, 130, 152];
    const TEXT: Color = [158, 206, 106];
    const KEYWORD: Color = [187, 154, 247];
    const TYPE: Color = [42, 195, 222];
    const NUMBER: Color = [255, 158, 100];
    const CALL: Color = [122, 162, 247];
    const KEYWORDS: [&str; 16] = [
        "use", "fn", "let", "mut", "loop", "if", "for", "in", "match", "return", "true", "false",
        "while", "pub", "impl", "struct",
    ];
    let mut pieces = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let (length, color) = if rest.starts_with("//") || first == '#' {
            (rest.len(), COMMENT)
        } else if first == '"' {
            (rest[1..].find('"').map_or(rest.len(), |end| end + 2), TEXT)
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let end = end.unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let color = if KEYWORDS.contains(&word) {
                KEYWORD
            } else if first.is_ascii_uppercase() {
                TYPE
            } else if after.starts_with(['(', '!']) {
                CALL
            } else {
                PLAIN
            };
            (end, color)
        } else if first.is_ascii_digit() {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
            (end.unwrap_or(rest.len()), NUMBER)
        } else {
            (first.len_utf8(), PLAIN)
        };
        let (piece, after) = rest.split_at(length);
        pieces.push((piece, color));
        rest = after;
    }
    pieces
}
