//! The Tight encoding of RFB.

use core::ops::Range;
use std::error::Error;
use std::io::Read;

use flate2::Decompress;
use flate2::FlushDecompress;
use flate2::Status;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;

use crate::canvas::HEIGHT;
use crate::canvas::WIDTH;
use crate::rfb::take;

/// A rectangle of the picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area {
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Area {
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.x + self.width <= WIDTH && self.y + self.height <= HEIGHT {
            Ok(())
        } else {
            Err(format!("{self:?} is outside of the picture"))
        }
    }

    /// Where its rows are in the picture's bytes.
    pub(crate) fn rows(self) -> impl Iterator<Item = Range<usize>> {
        (self.y..self.y + self.height).map(move |row| {
            let from = (row * WIDTH + self.x) * 4;
            from..from + self.width * 4
        })
    }
}

/// Smaller data is not compressed.
const COMPRESSED_FROM: usize = 12;

/// The state that lasts from one rectangle to the next.
#[derive(Debug, Default)]
pub(crate) struct Tight {
    streams: [Option<Decompress>; 4],
}

impl Tight {
    pub(crate) fn draw(
        &mut self,
        from: &mut impl Read,
        area: Area,
        pixels: &mut [u8],
    ) -> Result<(), Box<dyn Error>> {
        let [control] = take(from)?;
        for (bit, stream) in self.streams.iter_mut().enumerate() {
            if control >> bit & 1 == 1 {
                *stream = None;
            }
        }
        match control >> 4 {
            8 => {
                let [r, g, b] = take(from)?;
                for row in area.rows() {
                    for pixel in pixels[row].chunks_exact_mut(4) {
                        pixel[..3].copy_from_slice(&[b, g, r]);
                    }
                }
                Ok(())
            }
            9 => jpeg(from, area, pixels),
            basic @ 0..8 => self.basic(from, basic, area, pixels),
            other => Err(format!("Tight compression {other}").into()),
        }
    }

    fn basic(
        &mut self,
        from: &mut impl Read,
        control: u8,
        area: Area,
        pixels: &mut [u8],
    ) -> Result<(), Box<dyn Error>> {
        let filter = if control & 4 != 0 { take::<1>(from)?[0] } else { 0 };
        let stream = usize::from(control & 3);
        let count = area.width * area.height;
        let rgb = match filter {
            0 => self.data(from, stream, count * 3)?,
            1 => {
                let [colours] = take(from)?;
                let mut palette = vec![[0; 3]; usize::from(colours) + 1];
                for colour in &mut palette {
                    *colour = take(from)?;
                }
                if palette.len() == 2 {
                    let row_bytes = area.width.div_ceil(8);
                    let bits = self.data(from, stream, row_bytes * area.height)?;
                    let mut rgb = Vec::with_capacity(count * 3);
                    for row in bits.chunks_exact(row_bytes) {
                        for x in 0..area.width {
                            rgb.extend(palette[usize::from(row[x / 8] >> (7 - x % 8) & 1)]);
                        }
                    }
                    rgb
                } else {
                    let mut rgb = Vec::with_capacity(count * 3);
                    for index in self.data(from, stream, count)? {
                        let colour = palette.get(usize::from(index));
                        rgb.extend(colour.ok_or("a colour outside of the palette")?);
                    }
                    rgb
                }
            }
            2 => {
                let mut rgb = self.data(from, stream, count * 3)?;
                gradient(&mut rgb, area.width);
                rgb
            }
            other => return Err(format!("Tight filter {other}").into()),
        };
        draw(&rgb, area, pixels);
        Ok(())
    }

    fn data(
        &mut self,
        from: &mut impl Read,
        stream: usize,
        bytes: usize,
    ) -> Result<Vec<u8>, Box<dyn Error>> {
        let mut data = vec![0; bytes];
        if bytes < COMPRESSED_FROM {
            from.read_exact(&mut data)?;
            return Ok(data);
        }
        let mut packed = vec![0; length(from)?];
        from.read_exact(&mut packed)?;
        let stream = self.streams[stream].get_or_insert_with(|| Decompress::new(true));
        let (mut taken, mut made) = (0, 0);
        while taken < packed.len() {
            let (before_in, before_out) = (stream.total_in(), stream.total_out());
            let status =
                stream.decompress(&packed[taken..], &mut data[made..], FlushDecompress::Sync)?;
            let step = usize::try_from(stream.total_in() - before_in)?;
            taken += step;
            made += usize::try_from(stream.total_out() - before_out)?;
            if status == Status::StreamEnd || (step == 0 && made == bytes) {
                break;
            }
            if step == 0 && status == Status::BufError {
                return Err("compressed data that cannot be read".into());
            }
        }
        if made == bytes { Ok(data) } else { Err("too little compressed data".into()) }
    }
}

/// Undoes the prediction of each colour from its neighbours to the left and above.
fn gradient(rgb: &mut [u8], width: usize) {
    for at in 0..rgb.len() {
        let (column, row) = (at / 3 % width, at / 3 / width);
        let left = if column > 0 { i16::from(rgb[at - 3]) } else { 0 };
        let above = if row > 0 { i16::from(rgb[at - width * 3]) } else { 0 };
        let corner = if column > 0 && row > 0 { i16::from(rgb[at - width * 3 - 3]) } else { 0 };
        let guess = (left + above - corner).clamp(0, 255);
        rgb[at] = rgb[at].wrapping_add(u8::try_from(guess).unwrap_or_default());
    }
}

fn jpeg(from: &mut impl Read, area: Area, pixels: &mut [u8]) -> Result<(), Box<dyn Error>> {
    let mut packed = vec![0; length(from)?];
    from.read_exact(&mut packed)?;
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(packed), options);
    let rgb = decoder.decode()?;
    if decoder.dimensions() != Some((area.width, area.height)) {
        return Err("an image of another size".into());
    }
    draw(&rgb, area, pixels);
    Ok(())
}

fn draw(rgb: &[u8], area: Area, pixels: &mut [u8]) {
    for (row, from) in area.rows().zip(rgb.chunks_exact(area.width * 3)) {
        for (pixel, from) in pixels[row].chunks_exact_mut(4).zip(from.chunks_exact(3)) {
            pixel[..3].copy_from_slice(&[from[2], from[1], from[0]]);
        }
    }
}

/// A length in one to three bytes, seven bits each, the lowest first.
fn length(from: &mut impl Read) -> Result<usize, Box<dyn Error>> {
    let mut length = 0;
    for shift in [0, 7, 14] {
        let [byte] = take(from)?;
        let bits = if shift == 14 { byte } else { byte & 127 };
        length |= usize::from(bits) << shift;
        if byte & 128 == 0 {
            break;
        }
    }
    Ok(length)
}
