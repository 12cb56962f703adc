//! Landscapes that look like photographs to an eye and to an encoder: gradients, shapes, grain.

use super::bitmap::Bitmap;
use super::bitmap::Color;
use super::bitmap::mix;
use super::random::Random;
use super::random::scramble;

/// The colours of one time of day.
#[derive(Clone, Copy)]
struct Light {
    zenith: Color,
    horizon: Color,
    far: Color,
    near: Color,
    sun: Color,
}

const LIGHTS: [Light; 5] = [
    Light {
        zenith: [52, 108, 176],
        horizon: [214, 226, 232],
        far: [132, 156, 178],
        near: [30, 56, 38],
        sun: [255, 250, 228],
    },
    Light {
        zenith: [44, 62, 118],
        horizon: [250, 176, 112],
        far: [148, 112, 128],
        near: [34, 28, 40],
        sun: [255, 226, 160],
    },
    Light {
        zenith: [118, 150, 172],
        horizon: [226, 226, 218],
        far: [150, 168, 166],
        near: [52, 66, 48],
        sun: [255, 255, 246],
    },
    Light {
        zenith: [24, 52, 92],
        horizon: [150, 180, 196],
        far: [78, 108, 132],
        near: [14, 30, 40],
        sun: [236, 244, 255],
    },
    Light {
        zenith: [92, 142, 190],
        horizon: [246, 222, 182],
        far: [186, 160, 132],
        near: [84, 60, 32],
        sun: [255, 240, 200],
    },
];

/// How many layers of hills stand behind each other.
const RIDGES: i32 = 5;

/// A landscape of this size. `grain` is how far a pixel strays from its neighbours.
pub(super) fn landscape(width: i32, height: i32, seed: u64, grain: u8) -> Bitmap {
    let mut random = Random::new(seed);
    let light = LIGHTS[random.below(LIGHTS.len())];
    let mut photo = Bitmap::new(width, height, light.horizon);
    let (width, height) = (photo.width(), photo.height());
    if width == 0 || height == 0 {
        return photo;
    }
    let sun_x = width / 6 + random.below(width as usize * 2 / 3 + 1) as i32;
    let sun_y = height / 6 + random.below(height as usize / 5 + 1) as i32;
    let noise = Noise::new(seed);
    let ridges: Vec<Vec<i32>> =
        (0..RIDGES).map(|layer| ridge(width, height, layer, &noise)).collect();
    for y in 0..height {
        let row = photo.row_mut(y);
        for x in 0..width {
            let layer = (0..RIDGES).rev().find(|&layer| y >= ridges[layer as usize][x as usize]);
            let color = match layer {
                None => sky(light, (x, y), (sun_x, sun_y), height, &noise),
                Some(layer) => {
                    hill(light, (x, y), ridges[layer as usize][x as usize], layer, &noise)
                }
            };
            // A sharp lens and a bright sky leave little grain: only the land has it.
            let stray = if layer.is_some() { grain_at(x, y, seed, grain) } else { 0 };
            let pixel = &mut row[(x * 4) as usize..(x * 4 + 3) as usize];
            for (channel, from) in pixel.iter_mut().zip(color) {
                *channel = (i32::from(from) + stray).clamp(0, 255) as u8;
            }
        }
    }
    photo
}

/// The height of each column's skyline of one layer of hills, from the top.
fn ridge(width: i32, height: i32, layer: i32, noise: &Noise) -> Vec<i32> {
    let base = height * (42 + layer * 12) / 100;
    let rise = height * (26 - layer * 3) / 100;
    let wide = (height * (10 - layer) / 9).max(8);
    (0..width)
        .map(|x| {
            let own = 10 + layer * 4;
            let mut sum = noise.at(x, 0, wide, own) * 8;
            sum += noise.at(x, 0, (wide / 3).max(2), own + 1) * 3;
            sum += noise.at(x, 0, (wide / 9).max(2), own + 2);
            sum += noise.at(x, 0, 3, own + 3) / 3;
            base - rise * (sum - 6 * 255) / (6 * 255)
        })
        .collect()
}

fn sky(light: Light, (x, y): (i32, i32), sun: (i32, i32), height: i32, noise: &Noise) -> Color {
    let down = (y * 255 / (height * 6 / 10).max(1)).min(255) as u8;
    let mut color = blend(light.zenith, light.horizon, down);
    let (dx, dy) = (x - sun.0, y - sun.1);
    let distance = ((dx * dx + dy * dy) as u32).isqrt() as i32;
    let reach = (height * 6 / 10).max(1);
    let glow = ((reach - distance).max(0) * 255 / reach) as u32;
    color = blend(color, light.sun, (glow * glow * glow / (255 * 255)).min(255) as u8);
    let cloud = noise.at(x, y * 3, (height / 2).max(4), 7) * 4
        + noise.at(x, y * 3, (height / 6).max(3), 8) * 2
        + noise.at(x, y * 3, (height / 16).max(2), 9);
    let cloud = (cloud / 7 - 120).clamp(0, 90) * 2;
    blend(color, [250, 250, 250], (cloud * i32::from(255 - down / 2) / 255) as u8)
}

fn hill(light: Light, (x, y): (i32, i32), top: i32, layer: i32, noise: &Noise) -> Color {
    let near = (layer * 255 / (RIDGES - 1)) as u8;
    let mut color = blend(light.far, light.near, near);
    // Haze lies in the valleys between two layers.
    let depth = ((y - top) * 2).clamp(0, 70) as u8;
    color = blend(color, light.horizon, depth / (1 + layer as u8));
    let own = 40 + layer * 3;
    // Slopes catch the light in long patches; woods are a finer pattern, seen from near only.
    let slope = noise.at(x + y, y * 3 - x, 70, own) + noise.at(x, y * 2, 26, own + 1) - 255;
    let woods = noise.at(x, y * 2, 3, own + 2) - 128;
    let shade = slope * (14 + layer * 4) / 255 + woods * (layer * 4 - 3).max(0) / 255;
    color.map(|channel| (i32::from(channel) + shade).clamp(0, 255) as u8)
}

/// What one pixel strays by, brighter or darker, most often little.
fn grain_at(x: i32, y: i32, seed: u64, grain: u8) -> i32 {
    if grain == 0 {
        return 0;
    }
    let bits = scramble(seed ^ (x as u64) << 32 ^ y as u64);
    let span = u64::from(grain) + 1;
    ((bits >> 8) % span) as i32 - ((bits >> 40) % span) as i32
}

/// Smooth noise from 0 to 255: random values on a grid, eased in between.
struct Noise([u8; 64 * 64]);

impl Noise {
    fn new(seed: u64) -> Self {
        Self(core::array::from_fn(|at| scramble(seed ^ (at as u64) << 32) as u8))
    }

    /// The value at a place, with `wide` pixels from one random value to the next. Each `layer` is
    /// another noise.
    fn at(&self, x: i32, y: i32, wide: i32, layer: i32) -> i32 {
        let ease = |part: i32| {
            let part = part * 256 / wide;
            part * part * (768 - 2 * part) / 65_536
        };
        let corner = |cx: i32, cy: i32| {
            let (column, row) = ((cx + layer * 23) & 63, (cy + layer * 41) & 63);
            i32::from(self.0[(row << 6 | column) as usize])
        };
        let (gx, gy) = (x.div_euclid(wide), y.div_euclid(wide));
        let (ex, ey) = (ease(x.rem_euclid(wide)), ease(y.rem_euclid(wide)));
        let between = |from: i32, to: i32, part: i32| from + (to - from) * part / 256;
        let above = between(corner(gx, gy), corner(gx + 1, gy), ex);
        let below = between(corner(gx, gy + 1), corner(gx + 1, gy + 1), ex);
        between(above, below, ey)
    }
}

fn blend(from: Color, to: Color, part: u8) -> Color {
    [mix(from[0], to[0], part), mix(from[1], to[1], part), mix(from[2], to[2], part)]
}

/// A clip that pans over a wide landscape with fresh grain in every frame.
#[derive(Debug)]
pub(super) struct Clip {
    panorama: Bitmap,
    /// Grain around 128, long enough that a row's place in it can be drawn anew for every frame.
    grain: Vec<u8>,
    seed: u64,
}

/// The clip's width and height.
pub(super) const CLIP: (i32, i32) = (640, 360);
/// How far the clip can pan.
const PAN: i32 = 640;
const GRAIN: u8 = 11;

impl Clip {
    pub(super) fn new(seed: u64) -> Self {
        let panorama = landscape(CLIP.0 + PAN, CLIP.1, seed, 0);
        let grain = (0..1 << 14).map(|at| (128 + grain_at(at, 0, seed, GRAIN)) as u8).collect();
        Self { panorama, grain, seed }
    }

    /// Draws the picture with this number over `into`, a bitmap of the clip's size or smaller.
    pub(super) fn draw(&self, number: u32, into: &mut Bitmap) {
        let pan = swing(number as i32 * 3, PAN);
        let width = into.width().min(CLIP.0);
        for y in 0..into.height().min(CLIP.1) {
            let from = self.panorama.row(y, pan, width);
            let start = scramble(self.seed ^ u64::from(number) << 20 ^ y as u64) as usize & 0x1FFF;
            let grain = &self.grain[start..start + width as usize];
            let pixels = into.row_mut(y).chunks_exact_mut(4).zip(from.chunks_exact(4));
            for ((pixel, from), &stray) in pixels.zip(grain) {
                for channel in 0..3 {
                    let value = i16::from(from[channel]) + i16::from(stray) - 128;
                    pixel[channel] = value.clamp(0, 255) as u8;
                }
            }
        }
    }
}

/// Goes from 0 to `span` and back, for ever.
pub(super) fn swing(at: i32, span: i32) -> i32 {
    if span <= 0 {
        return 0;
    }
    let phase = at.rem_euclid(2 * span);
    if phase < span { phase } else { 2 * span - phase }
}
