//! Drawing on RGBA pixels, in plain integer arithmetic, so that a seed gives the same page on every
//! machine.

/// Red, green, blue.
pub(super) type Color = [u8; 3];

/// A rectangle that may lie partly or wholly outside what it is used on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) width: i32,
    pub(super) height: i32,
}

impl Area {
    pub(super) const fn new(x: i32, y: i32, width: i32, height: i32) -> Self {
        Self { x, y, width, height }
    }

    pub(super) const fn right(self) -> i32 {
        self.x + self.width
    }

    pub(super) const fn bottom(self) -> i32 {
        self.y + self.height
    }

    pub(super) const fn is_empty(self) -> bool {
        self.width <= 0 || self.height <= 0
    }

    pub(super) const fn moved(self, dx: i32, dy: i32) -> Self {
        Self { x: self.x + dx, y: self.y + dy, width: self.width, height: self.height }
    }

    /// The area without `by` pixels on each side.
    pub(super) const fn inset(self, by: i32) -> Self {
        Self::new(self.x + by, self.y + by, self.width - 2 * by, self.height - 2 * by)
    }

    /// What both cover; without rows and columns when they do not meet.
    pub(super) fn overlap(self, other: Self) -> Self {
        let x = self.x.max(other.x);
        let y = self.y.max(other.y);
        let width = self.right().min(other.right()) - x;
        let height = self.bottom().min(other.bottom()) - y;
        if width <= 0 || height <= 0 { Self::default() } else { Self { x, y, width, height } }
    }
}

/// Pixels that are owned: a part of the page that is drawn once and copied often.
#[derive(Clone, Debug)]
pub(super) struct Bitmap {
    width: i32,
    height: i32,
    pixels: Vec<u8>,
}

impl Bitmap {
    /// A bitmap of one colour; a size below nothing is nothing.
    pub(super) fn new(width: i32, height: i32, color: Color) -> Self {
        let (width, height) = (width.max(0), height.max(0));
        let [r, g, b] = color;
        Self { width, height, pixels: [r, g, b, 255].repeat((width * height) as usize) }
    }

    pub(super) fn width(&self) -> i32 {
        self.width
    }

    pub(super) fn height(&self) -> i32 {
        self.height
    }

    pub(super) fn bounds(&self) -> Area {
        Area::new(0, 0, self.width, self.height)
    }

    /// Drops the rows from `height` on.
    pub(super) fn crop_height(&mut self, height: i32) {
        self.height = height.clamp(0, self.height);
        self.pixels.truncate((self.width * self.height * 4) as usize);
    }

    pub(super) fn canvas(&mut self) -> Canvas<'_> {
        Canvas { width: self.width, height: self.height, pixels: &mut self.pixels }
    }

    /// The bytes of one row, from column `x` on, `width` pixels; both must lie inside.
    pub(super) fn row(&self, y: i32, x: i32, width: i32) -> &[u8] {
        let start = ((y * self.width + x) * 4) as usize;
        &self.pixels[start..start + (width * 4) as usize]
    }

    pub(super) fn row_mut(&mut self, y: i32) -> &mut [u8] {
        let start = (y * self.width * 4) as usize;
        &mut self.pixels[start..start + (self.width * 4) as usize]
    }
}

/// Pixels that are drawn on. Everything outside is cut off silently.
pub(super) struct Canvas<'a> {
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) pixels: &'a mut [u8],
}

impl Canvas<'_> {
    fn bounds(&self) -> Area {
        Area::new(0, 0, self.width, self.height)
    }

    fn row_mut(&mut self, y: i32, x: i32, width: i32) -> &mut [u8] {
        let start = (y as usize * self.width as usize + x as usize) * 4;
        &mut self.pixels[start..start + width as usize * 4]
    }

    pub(super) fn fill(&mut self, area: Area, color: Color) {
        let area = area.overlap(self.bounds());
        let [r, g, b] = color;
        for y in area.y..area.bottom() {
            for pixel in self.row_mut(y, area.x, area.width).chunks_exact_mut(4) {
                pixel.copy_from_slice(&[r, g, b, 255]);
            }
        }
    }

    /// Mixes `alpha` of 255 of the colour into one pixel.
    pub(super) fn blend(&mut self, x: i32, y: i32, color: Color, alpha: u8) {
        if x < 0 || y < 0 || x >= self.width || y >= self.height {
            return;
        }
        let pixel = self.row_mut(y, x, 1);
        for (channel, wanted) in pixel.iter_mut().zip(color) {
            *channel = mix(*channel, wanted, alpha);
        }
    }

    /// Mixes `alpha` of 255 of the colour into every pixel of the area.
    pub(super) fn tint(&mut self, area: Area, color: Color, alpha: u8) {
        let area = area.overlap(self.bounds());
        for y in area.y..area.bottom() {
            for pixel in self.row_mut(y, area.x, area.width).chunks_exact_mut(4) {
                for (channel, wanted) in pixel.iter_mut().zip(color) {
                    *channel = mix(*channel, wanted, alpha);
                }
            }
        }
    }

    /// A filled rectangle with round, antialiased corners.
    pub(super) fn rounded(&mut self, area: Area, radius: i32, color: Color) {
        let radius = radius.min(area.width / 2).min(area.height / 2);
        self.fill(Area::new(area.x, area.y + radius, area.width, area.height - 2 * radius), color);
        for band in [area.y..area.y + radius, area.bottom() - radius..area.bottom()] {
            for y in band {
                let middle = Area::new(area.x + radius, y, area.width - 2 * radius, 1);
                self.fill(middle, color);
                for x in (area.x..area.x + radius).chain(area.right() - radius..area.right()) {
                    self.blend(x, y, color, rounded_cover(area, radius, x, y));
                }
            }
        }
    }

    /// A rounded rectangle with a border of `thick` pixels.
    pub(super) fn framed(
        &mut self,
        area: Area,
        radius: i32,
        thick: i32,
        border: Color,
        inside: Color,
    ) {
        self.rounded(area, radius, border);
        self.rounded(area.inset(thick), radius - thick, inside);
    }

    /// A filled disc around a centre given in half pixels.
    pub(super) fn disc(&mut self, x: i32, y: i32, size: i32, color: Color) {
        self.rounded(Area::new(x, y, size, size), size / 2, color);
    }

    /// A five-pointed star in a square of `size` pixels.
    pub(super) fn star(&mut self, x: i32, y: i32, size: i32, color: Color) {
        // Corners of the star in a square of 1000, from the top point clockwise.
        const CORNERS: [(i32, i32); 10] = [
            (500, 20),
            (618, 358),
            (976, 365),
            (690, 582),
            (794, 925),
            (500, 720),
            (206, 925),
            (310, 582),
            (24, 365),
            (382, 358),
        ];
        let corners = CORNERS.map(|(cx, cy)| (cx * size / 10, cy * size / 10));
        self.polygon(x, y, &corners, color);
    }

    /// A filled polygon; corners are hundredths of a pixel right of and below `x`, `y`.
    pub(super) fn polygon(&mut self, x: i32, y: i32, corners: &[(i32, i32)], color: Color) {
        let reach =
            |pick: fn(&(i32, i32)) -> i32| corners.iter().map(pick).max().unwrap_or(0) / 100;
        let (width, height) = (reach(|c| c.0), reach(|c| c.1));
        for py in 0..=height {
            for px in 0..=width {
                let mut hits = 0;
                for sample in 0..16 {
                    let sx = px * 100 + 12 + (sample % 4) * 25;
                    let sy = py * 100 + 12 + (sample / 4) * 25;
                    hits += i32::from(inside(corners, sx, sy));
                }
                self.blend(x + px, y + py, color, (hits * 255 / 16) as u8);
            }
        }
    }

    /// Copies a part of a bitmap to `x`, `y`; only what falls within `clip` is touched.
    pub(super) fn copy(&mut self, from: &Bitmap, part: Area, x: i32, y: i32, clip: Area) {
        let part_inside = part.overlap(from.bounds());
        let target = part_inside.moved(x - part.x, y - part.y).overlap(clip).overlap(self.bounds());
        for row in 0..target.height {
            let source_y = target.y + row - y + part.y;
            let source_x = target.x - x + part.x;
            self.row_mut(target.y + row, target.x, target.width).copy_from_slice(from.row(
                source_y,
                source_x,
                target.width,
            ));
        }
    }

    /// Lays a bitmap with alpha, colours multiplied by it, over what is there; within `clip` only.
    pub(super) fn lay_over(&mut self, layer: &Bitmap, x: i32, y: i32, clip: Area) {
        let target = layer.bounds().moved(x, y).overlap(clip).overlap(self.bounds());
        for row in target.y..target.bottom() {
            let from = layer.row(row - y, target.x - x, target.width);
            let into = self.row_mut(row, target.x, target.width);
            for (pixel, over) in into.chunks_exact_mut(4).zip(from.chunks_exact(4)) {
                let rest = 255 - u32::from(over[3]);
                for channel in 0..3 {
                    let under = (u32::from(pixel[channel]) * rest + 127) / 255;
                    pixel[channel] = over[channel].saturating_add(under as u8);
                }
            }
        }
    }
}

/// Turns an opaque bitmap into a floating layer: round corners and a soft shadow around it.
///
/// The layer is larger by [`SHADOW`] on each side.
pub(super) fn float(body: &Bitmap, radius: i32) -> Bitmap {
    let mut layer = Bitmap::new(body.width + 2 * SHADOW, body.height + 2 * SHADOW, [0; 3]);
    let area = body.bounds().moved(SHADOW, SHADOW);
    for y in 0..layer.height {
        let width = layer.width;
        let row = layer.row_mut(y);
        for x in 0..width {
            let cover = u32::from(rounded_cover(area, radius, x, y));
            let shadow = u32::from(shadow_at(area, x, y));
            let pixel = &mut row[(x * 4) as usize..(x * 4 + 4) as usize];
            if cover == 0 {
                pixel.copy_from_slice(&[0, 0, 0, shadow as u8]);
                continue;
            }
            let from = body.row(y - SHADOW, x - SHADOW, 1);
            for channel in 0..3 {
                pixel[channel] = (u32::from(from[channel]) * cover / 255) as u8;
            }
            pixel[3] = (cover + (255 - cover) * shadow / 255) as u8;
        }
    }
    layer
}

/// How far a shadow reaches, in pixels.
pub(super) const SHADOW: i32 = 20;

fn shadow_at(area: Area, x: i32, y: i32) -> u8 {
    // The light comes from above: the shadow is a little lower and smaller than what throws it.
    let thrower = Area::new(area.x + 4, area.y + 8, area.width - 8, area.height - 8);
    let dx = (thrower.x - x).max(x - thrower.right() + 1).max(0);
    let dy = (thrower.y - y).max(y - thrower.bottom() + 1).max(0);
    let distance = ((dx * dx + dy * dy) as u32 * 256).isqrt() as i32;
    let near = (16 * 16 - distance).max(0);
    (near * near * 84 / (256 * 256)) as u8
}

/// How much of 255 of a pixel a rounded rectangle covers.
fn rounded_cover(area: Area, radius: i32, x: i32, y: i32) -> u8 {
    if x < area.x || y < area.y || x >= area.right() || y >= area.bottom() {
        return 0;
    }
    // Distances from the inner corner's centre, in eighths of a pixel, at the pixel's middle.
    let far = |at: i32, from: i32, to: i32| {
        let low = (from + radius) * 8 - (at * 8 + 4);
        let high = (at * 8 + 4) - (to - radius) * 8;
        low.max(high).max(0)
    };
    let dx = far(x, area.x, area.right());
    let dy = far(y, area.y, area.bottom());
    let mut hits = 0;
    for sample in 0..16 {
        let sx = (dx - 3 + (sample % 4) * 2).max(0);
        let sy = (dy - 3 + (sample / 4) * 2).max(0);
        hits += i32::from(sx * sx + sy * sy <= radius * radius * 64);
    }
    (hits * 255 / 16) as u8
}

/// Whether a point lies inside a polygon, by counting the edges to its left.
fn inside(corners: &[(i32, i32)], x: i32, y: i32) -> bool {
    let mut odd = false;
    let mut last = corners.len().saturating_sub(1);
    for (index, &(ax, ay)) in corners.iter().enumerate() {
        let (bx, by) = corners[last];
        if (ay > y) != (by > y) {
            let cross = ax + (y - ay) * (bx - ax) / (by - ay);
            odd ^= x < cross;
        }
        last = index;
    }
    odd
}

pub(super) fn mix(from: u8, to: u8, alpha: u8) -> u8 {
    let (from, to, alpha) = (u32::from(from), u32::from(to), u32::from(alpha));
    ((from * (255 - alpha) + to * alpha + 127) / 255) as u8
}
