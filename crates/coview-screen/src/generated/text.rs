//! Antialiased text in three faces, each glyph drawn once and kept.

use std::collections::BTreeMap;

use ab_glyph::Font as _;
use ab_glyph::FontRef;
use ab_glyph::PxScale;
use ab_glyph::ScaleFont as _;
use noto_sans_mono_bitmap::FontWeight;
use noto_sans_mono_bitmap::RasterHeight;

use super::bitmap::Canvas;
use super::bitmap::Color;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Face {
    Regular,
    Bold,
    /// For code; its glyphs are 16 pixels high whatever the style says.
    Mono,
}

/// How a text looks; `size` is the height of its em square in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) face: Face,
    pub(super) size: u16,
    pub(super) color: Color,
}

impl Style {
    pub(super) const fn regular(size: u16, color: Color) -> Self {
        Self { face: Face::Regular, size, color }
    }

    pub(super) const fn bold(size: u16, color: Color) -> Self {
        Self { face: Face::Bold, size, color }
    }

    pub(super) const fn mono(color: Color) -> Self {
        Self { face: Face::Mono, size: 16, color }
    }

    pub(super) const fn colored(self, color: Color) -> Self {
        Self { color, ..self }
    }
}

/// The faces and every glyph drawn so far.
pub(super) struct Fonts {
    regular: FontRef<'static>,
    bold: FontRef<'static>,
    glyphs: BTreeMap<GlyphKey, Glyph>,
    advances: BTreeMap<(Face, u16, char), i32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct GlyphKey {
    face: Face,
    size: u16,
    glyph: char,
    /// Where between two pixels it begins, in quarters.
    quarter: u8,
}

#[derive(Debug, Default)]
struct Glyph {
    left: i32,
    top: i32,
    width: i32,
    cover: Vec<u8>,
}

impl std::fmt::Debug for Fonts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fonts").field("glyphs", &self.glyphs.len()).finish_non_exhaustive()
    }
}

impl Fonts {
    pub(super) fn new() -> Self {
        let font = |bytes| FontRef::try_from_slice(bytes).expect("the embedded font is a font");
        Self {
            regular: font(notosans::REGULAR_TTF),
            bold: font(notosans::BOLD_TTF),
            glyphs: BTreeMap::new(),
            advances: BTreeMap::new(),
        }
    }

    /// Draws one line with its baseline at `y`, and answers where it ends.
    pub(super) fn draw(
        &mut self,
        canvas: &mut Canvas<'_>,
        x: i32,
        y: i32,
        style: Style,
        text: &str,
    ) -> i32 {
        let mut pen = x * 64;
        for glyph in text.chars() {
            let place = pen + 8; // Rounds to the nearest quarter of a pixel.
            let key = GlyphKey {
                face: style.face,
                size: style.size,
                glyph,
                quarter: ((place & 63) / 16) as u8,
            };
            let drawn = match self.glyphs.get(&key) {
                Some(drawn) => drawn,
                None => {
                    let drawn = self.rasterize(key);
                    self.glyphs.entry(key).or_insert(drawn)
                }
            };
            if drawn.width > 0 {
                for (row, cover) in drawn.cover.chunks_exact(drawn.width as usize).enumerate() {
                    for (column, &alpha) in cover.iter().enumerate() {
                        if alpha > 0 {
                            let px = (place >> 6) + drawn.left + column as i32;
                            canvas.blend(px, y + drawn.top + row as i32, style.color, alpha);
                        }
                    }
                }
            }
            pen += self.advance(style, glyph);
        }
        (pen + 32) >> 6
    }

    /// How wide one line is, in whole pixels.
    pub(super) fn width(&mut self, style: Style, text: &str) -> i32 {
        (text.chars().map(|glyph| self.advance(style, glyph)).sum::<i32>() + 32) >> 6
    }

    /// Draws a text in lines of at most `width` pixels, and answers the baseline after the last.
    ///
    /// Words between `[` and `]` are links, those between `*` are bold.
    #[expect(clippy::too_many_arguments, reason = "a place, a measure and a look")]
    pub(super) fn paragraph(
        &mut self,
        canvas: &mut Canvas<'_>,
        x: i32,
        y: i32,
        width: i32,
        line: i32,
        style: Style,
        text: &str,
    ) -> i32 {
        const LINK: Color = [20, 96, 190];
        let (mut pen_x, mut pen_y) = (x, y);
        let mut look = style;
        let space = self.width(style, " ");
        for word in text.split(' ') {
            let pieces = pieces(word, &mut look, style, LINK);
            let wide: i32 = pieces.iter().map(|&(look, piece)| self.width(look, piece)).sum();
            if pen_x > x && pen_x + wide > x + width {
                pen_x = x;
                pen_y += line;
            }
            for (look, piece) in pieces {
                pen_x = self.draw(canvas, pen_x, pen_y, look, piece);
            }
            pen_x += space;
        }
        pen_y + line
    }

    /// How far a glyph moves the pen, in 64ths of a pixel.
    fn advance(&mut self, style: Style, glyph: char) -> i32 {
        let key = (style.face, style.size, glyph);
        if let Some(&known) = self.advances.get(&key) {
            return known;
        }
        let advance = match style.face {
            Face::Regular | Face::Bold => {
                let font = self.face(style.face);
                let scaled = font.as_scaled(em(font, style.size));
                (scaled.h_advance(font.glyph_id(glyph)) * 64.0) as i32
            }
            Face::Mono => {
                let width = noto_sans_mono_bitmap::get_raster_width(
                    FontWeight::Regular,
                    RasterHeight::Size16,
                );
                width as i32 * 64
            }
        };
        self.advances.insert(key, advance);
        advance
    }

    fn face(&self, face: Face) -> &FontRef<'static> {
        match face {
            Face::Bold => &self.bold,
            Face::Regular | Face::Mono => &self.regular,
        }
    }

    fn rasterize(&self, key: GlyphKey) -> Glyph {
        match key.face {
            Face::Regular | Face::Bold => self.rasterize_outline(key),
            Face::Mono => rasterize_mono(key.glyph),
        }
    }

    fn rasterize_outline(&self, key: GlyphKey) -> Glyph {
        let font = self.face(key.face);
        let at = ab_glyph::point(f32::from(key.quarter) / 4.0, 0.0);
        let glyph = font.glyph_id(key.glyph).with_scale_and_position(em(font, key.size), at);
        let Some(outline) = font.outline_glyph(glyph) else {
            return Glyph::default();
        };
        let bounds = outline.px_bounds();
        let width = bounds.width() as i32;
        let mut cover = vec![0; (width * bounds.height() as i32).max(0) as usize];
        outline.draw(|x, y, amount| {
            if let Some(pixel) = cover.get_mut(y as usize * width as usize + x as usize) {
                *pixel = (amount * 255.0) as u8;
            }
        });
        Glyph { left: bounds.min.x as i32, top: bounds.min.y as i32, width, cover }
    }
}

/// Cuts a word where its look changes, and leaves out the marks that say so.
fn pieces<'a>(word: &'a str, look: &mut Style, plain: Style, link: Color) -> Vec<(Style, &'a str)> {
    let mut pieces = Vec::new();
    let mut rest = word;
    while let Some(at) = rest.find(['[', ']', '*']) {
        pieces.push((*look, &rest[..at]));
        match &rest[at..=at] {
            "[" => look.color = link,
            "]" => look.color = plain.color,
            _ if look.face == plain.face => look.face = Face::Bold,
            _ => look.face = plain.face,
        }
        rest = &rest[at + 1..];
    }
    pieces.push((*look, rest));
    pieces
}

/// The scale at which the font's em square is `size` pixels high.
fn em(font: &FontRef<'static>, size: u16) -> PxScale {
    let units = font.units_per_em().unwrap_or(1000.0);
    PxScale::from(f32::from(size) * font.height_unscaled() / units)
}

fn rasterize_mono(glyph: char) -> Glyph {
    let raster =
        noto_sans_mono_bitmap::get_raster(glyph, FontWeight::Regular, RasterHeight::Size16);
    let Some(raster) = raster else {
        return Glyph::default();
    };
    let cover = raster.pixels().to_vec();
    // The raster is a whole line high; its baseline is three pixels above its foot.
    Glyph { left: 0, top: 3 - raster.height() as i32, width: raster.width() as i32, cover }
}
