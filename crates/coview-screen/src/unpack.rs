//! Images back to pixels, from bytes nobody vouches for: the dimensions are read from the image's
//! own header and compared before a pixel of it is decoded.

use std::io::Cursor;

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;

use crate::body::Format;
use crate::decoder::DecodeError;
use crate::frame::Frame;
use crate::geometry::Rect;

/// Draws an image into its area of the picture. On an error some of the area may be drawn.
pub(crate) fn draw(
    picture: &mut Frame,
    area: Rect,
    format: Format,
    bytes: &[u8],
) -> Result<(), DecodeError> {
    let rgb = match format {
        Format::Png => png(area, bytes)?,
        Format::WebP => webp(area, bytes)?,
        Format::Jpeg => jpeg(area, bytes)?,
    };
    let row_bytes = usize::from(area.width) * 3;
    for (row, from) in (0..area.height).zip(rgb.chunks_exact(row_bytes)) {
        let to = picture.row_mut(area, row).as_chunks_mut::<4>().0;
        for (to, &[r, g, b]) in to.iter_mut().zip(from.as_chunks::<3>().0) {
            *to = [r, g, b, 255];
        }
    }
    Ok(())
}

fn check(area: Rect, width: u32, height: u32) -> Result<(), DecodeError> {
    if width == u32::from(area.width) && height == u32::from(area.height) {
        Ok(())
    } else {
        Err(DecodeError::WrongDimensions { area, width, height })
    }
}

const fn broken(format: &'static str) -> DecodeError {
    DecodeError::BrokenImage { format }
}

fn png(area: Rect, bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    const BROKEN: DecodeError = broken("PNG");
    // The decoder's own buffers: two rows, a palette and the window of the decompressor.
    let limits = png::Limits { bytes: 4 * 1024 * 1024 };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let info = decoder.read_header_info().map_err(|_| BROKEN)?;
    check(area, info.width, info.height)?;
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(|_| BROKEN)?;
    if reader.info().is_animated() {
        return Err(DecodeError::Unsupported { what: "an animation" });
    }
    let channels = match reader.output_color_type() {
        (png::ColorType::Rgb, png::BitDepth::Eight) => 3,
        (png::ColorType::Grayscale, png::BitDepth::Eight) => 1,
        (png::ColorType::Rgba | png::ColorType::GrayscaleAlpha, _) => {
            return Err(DecodeError::Unsupported { what: "transparency" });
        }
        (
            png::ColorType::Rgb | png::ColorType::Grayscale | png::ColorType::Indexed,
            png::BitDepth::One
            | png::BitDepth::Two
            | png::BitDepth::Four
            | png::BitDepth::Eight
            | png::BitDepth::Sixteen,
        ) => return Err(DecodeError::Unsupported { what: "more than eight bits a channel" }),
    };
    let mut pixels = vec![0; area.pixels() * channels];
    if reader.output_buffer_size() != Some(pixels.len()) {
        return Err(BROKEN);
    }
    reader.next_frame(&mut pixels).map_err(|_| BROKEN)?;
    if channels == 1 {
        pixels = pixels.iter().flat_map(|&grey| [grey; 3]).collect();
    }
    Ok(pixels)
}

fn webp(area: Rect, bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    const BROKEN: DecodeError = broken("WebP");
    // Plain lossless files only: no extended container, so no animation and no metadata.
    if bytes.get(12..16) != Some(b"VP8L") {
        return Err(DecodeError::Unsupported { what: "a WebP that is not plain lossless" });
    }
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).map_err(|_| BROKEN)?;
    let (width, height) = decoder.dimensions();
    check(area, width, height)?;
    if decoder.has_alpha() {
        return Err(DecodeError::Unsupported { what: "transparency" });
    }
    let mut pixels = vec![0; area.pixels() * 3];
    if decoder.output_buffer_size() != Some(pixels.len()) {
        return Err(BROKEN);
    }
    decoder.read_image(&mut pixels).map_err(|_| BROKEN)?;
    Ok(pixels)
}

fn jpeg(area: Rect, bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    const BROKEN: DecodeError = broken("JPEG");
    let options = DecoderOptions::new_safe()
        .set_max_width(usize::from(area.width))
        .set_max_height(usize::from(area.height))
        .set_strict_mode(true)
        .jpeg_set_max_scans(16)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|_| BROKEN)?;
    let (width, height) = decoder.dimensions().ok_or(BROKEN)?;
    let wide = |extent| u32::try_from(extent).unwrap_or(u32::MAX);
    check(area, wide(width), wide(height))?;
    let mut pixels = vec![0; area.pixels() * 3];
    if decoder.output_buffer_size() != Some(pixels.len()) {
        return Err(BROKEN);
    }
    decoder.decode_into(&mut pixels).map_err(|_| BROKEN)?;
    Ok(pixels)
}
