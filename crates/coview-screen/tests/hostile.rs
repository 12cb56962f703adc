//! Whatever bytes come, the decoder neither panics nor shows half an update.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use coview_screen::*;
use coview_wire::Moment;
use coview_wire::ViewerId;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

fn header(number: u32, base: u32, part: u16, last: bool, size: Size) -> Vec<u8> {
    let mut body = vec![1];
    body.extend(number.to_be_bytes());
    body.extend(base.to_be_bytes());
    body.extend(part.to_be_bytes());
    body.push(u8::from(last));
    body.extend(size.width.to_be_bytes());
    body.extend(size.height.to_be_bytes());
    body.extend(0_u32.to_be_bytes());
    body
}

fn rect(bytes: &mut Vec<u8>, rect: [u16; 4]) {
    bytes.extend(rect.iter().flat_map(|number| number.to_be_bytes()));
}

fn fill(bytes: &mut Vec<u8>, area: [u16; 4], color: [u8; 3]) {
    bytes.push(2);
    rect(bytes, area);
    bytes.extend(color);
}

fn image(bytes: &mut Vec<u8>, area: [u16; 4], format: u8, file: &[u8]) {
    bytes.push(3);
    rect(bytes, area);
    bytes.push(format);
    bytes.extend(u32::try_from(file.len()).unwrap().to_be_bytes());
    bytes.extend(file);
}

const SIZE: Size = Size::new(40, 30);

/// A decoder that shows update 1: a picture in green.
fn decoder() -> Decoder {
    let mut decoder = Decoder::new();
    let mut body = header(1, 0, 0, true, SIZE);
    fill(&mut body, [0, 0, 40, 30], [0, 200, 0]);
    assert!(matches!(decoder.handle(&body), Ok(Decoded::Updated { number: 1, .. })));
    decoder
}

/// Says that the body is refused, that the picture stays, and that only a whole picture helps.
fn refused(mut decoder: Decoder, body: &[u8], error: DecodeError) {
    let before = decoder.picture().cloned();
    assert_eq!(decoder.handle(body), Err(error));
    assert_eq!(decoder.picture().cloned(), before);
    let mut next = header(2, 1, 0, true, SIZE);
    fill(&mut next, [0, 0, 1, 1], [1, 1, 1]);
    assert_eq!(decoder.handle(&next), Ok(Decoded::Nothing));
    let whole = header(3, 0, 0, true, SIZE);
    assert!(matches!(decoder.handle(&whole), Ok(Decoded::Updated { number: 3, .. })));
}

fn png(width: u32, height: u32, color: png::ColorType, pixels: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(color);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
    file
}

#[test]
fn an_update_with_an_error_at_its_end_draws_nothing() {
    let mut body = header(2, 1, 0, true, SIZE);
    fill(&mut body, [0, 0, 40, 30], [9, 9, 9]);
    image(&mut body, [0, 0, 2, 2], 1, b"no image");
    refused(decoder(), &body, DecodeError::BrokenImage { format: "PNG" });

    let mut body = header(2, 1, 0, true, SIZE);
    fill(&mut body, [0, 0, 40, 30], [9, 9, 9]);
    body.push(77);
    refused(decoder(), &body, DecodeError::UnknownOp { op: 77 });
}

#[test]
fn an_image_must_have_the_dimensions_of_its_area_and_no_transparency() {
    let area = Rect::new(0, 0, 3, 2);
    let mut body = header(2, 1, 0, true, SIZE);
    image(&mut body, [0, 0, 3, 2], 1, &png(2, 2, png::ColorType::Rgb, &[7; 12]));
    refused(decoder(), &body, DecodeError::WrongDimensions { area, width: 2, height: 2 });

    let mut body = header(2, 1, 0, true, SIZE);
    image(&mut body, [0, 0, 2, 2], 1, &png(2, 2, png::ColorType::Rgba, &[7; 16]));
    refused(decoder(), &body, DecodeError::Unsupported { what: "transparency" });

    let mut webp = Vec::new();
    let encoder = image_webp::WebPEncoder::new(&mut webp);
    encoder.encode(&[7; 16], 2, 2, image_webp::ColorType::Rgba8).unwrap();
    let mut body = header(2, 1, 0, true, SIZE);
    image(&mut body, [0, 0, 2, 2], 2, &webp);
    refused(decoder(), &body, DecodeError::Unsupported { what: "transparency" });
}

#[test]
fn every_format_and_every_kind_of_png_is_drawn() {
    let mut decoder = decoder();
    let mut body = header(2, 1, 0, true, SIZE);
    image(&mut body, [0, 0, 2, 1], 1, &png(2, 1, png::ColorType::Rgb, &[1, 2, 3, 4, 5, 6]));
    image(&mut body, [2, 0, 2, 1], 1, &png(2, 1, png::ColorType::Grayscale, &[8, 9]));
    let mut webp = Vec::new();
    let encoder = image_webp::WebPEncoder::new(&mut webp);
    encoder.encode(&[10, 11, 12], 1, 1, image_webp::ColorType::Rgb8).unwrap();
    image(&mut body, [4, 0, 1, 1], 2, &webp);
    let mut jpeg = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 100);
    encoder.encode(&[120; 8 * 8 * 3], 8, 8, jpeg_encoder::ColorType::Rgb).unwrap();
    image(&mut body, [8, 8, 8, 8], 3, &jpeg);
    assert!(matches!(decoder.handle(&body), Ok(Decoded::Updated { number: 2, .. })));
    let picture = decoder.picture().unwrap();
    let row: Vec<_> = (0..6).map(|x| picture.pixel(x, 0).unwrap()).collect();
    assert_eq!(row, [[1, 2, 3], [4, 5, 6], [8; 3], [9; 3], [10, 11, 12], [0, 200, 0]]);
    assert!(picture.pixel(12, 12).unwrap().iter().all(|channel| channel.abs_diff(120) < 4));
}

#[test]
fn drawing_and_collecting_are_bounded() {
    let mut body = header(2, 1, 0, true, SIZE);
    for _ in 0..=Decoder::REDRAWS {
        fill(&mut body, [0, 0, 40, 30], [9, 9, 9]);
    }
    refused(decoder(), &body, DecodeError::TooMuchDrawing);

    let mut decoder = decoder();
    let mut error = None;
    for part in 0..200 {
        let mut body = header(2, 1, part, false, SIZE);
        body.resize(body.len() + 512 * 1024, 0);
        if let Err(found) = decoder.handle(&body) {
            assert_eq!(usize::from(part), Decoder::UPDATE_BYTES / (512 * 1024));
            error = Some(found);
            break;
        }
    }
    assert_eq!(error, Some(DecodeError::TooLong));
}

#[test]
fn parts_out_of_order_are_out_of_step() {
    let mut decoder = decoder();
    let mut first = header(2, 1, 0, false, SIZE);
    fill(&mut first, [0, 0, 1, 1], [9, 9, 9]);
    assert_eq!(decoder.handle(&first), Ok(Decoded::Nothing));
    assert_eq!(decoder.handle(&header(2, 1, 2, true, SIZE)), Ok(Decoded::OutOfStep));
    // Said once; what follows is passed over.
    assert_eq!(decoder.handle(&header(2, 1, 3, true, SIZE)), Ok(Decoded::Nothing));
    assert_eq!(decoder.handle(&header(3, 2, 0, true, SIZE)), Ok(Decoded::Nothing));
    assert_eq!(decoder.picture().unwrap().pixel(0, 0), Some([0, 200, 0]));
    // A beat is a reminder: perhaps the refresh was lost.
    assert_eq!(decoder.handle(&[3, 0, 0, 0, 3]), Ok(Decoded::OutOfStep));
}

#[test]
fn only_a_whole_picture_has_another_size() {
    let other = Size::new(41, 30);
    let error = DecodeError::ChangedSize { size: SIZE, found: other };
    refused(decoder(), &header(2, 1, 0, true, other), error);
    let mut decoder = decoder();
    assert!(decoder.handle(&header(2, 0, 0, true, other)).is_ok());
    assert_eq!(decoder.picture().unwrap().size(), other);
    let huge = Size::new(8193, 1);
    assert_eq!(
        decoder.handle(&header(3, 0, 0, true, huge)),
        Err(DecodeError::BadSize { size: huge })
    );
    // Each side alone is allowed.
    let wide = Size::new(8192, 4097);
    assert_eq!(
        Decoder::new().handle(&header(2, 0, 0, true, wide)),
        Err(DecodeError::BadSize { size: wide })
    );
}

/// Bodies as an encoder makes them, with every operation in them and each image format.
fn genuine() -> Vec<Vec<u8>> {
    let size = Size::new(160, 120);
    let mut encoder = Encoder::new(EncoderConfig::default());
    let viewer = ViewerId::new(1);
    let mut bodies = Vec::new();
    let mut now = Moment::ZERO;
    let mut input = |encoder: &mut Encoder, input: Input<'_>| {
        now = now + std::time::Duration::from_millis(50);
        encoder.handle_input(now, input);
        while let Output::Send { body, .. } = encoder.poll_output() {
            bodies.push(body);
        }
    };
    input(&mut encoder, Input::Joined(viewer));
    let mask = Mask::new(Rect::new(10, 10, 20, 20), "label");
    let masks = MaskState::Known(Masks::new(size, vec![mask]).unwrap());
    let mut frame = Frame::blank(size).unwrap();
    let mut seed = 1_u32;
    for step in 0..8 {
        for (at, byte) in frame.pixels_mut().iter_mut().enumerate() {
            let (x, y) = (at / 4 % 160, at / 640);
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if x < 80 {
                *byte = (seed >> 24) as u8; // a film
            } else {
                *byte = ((x / 3 * 7) ^ ((y + step * 5) * 13)) as u8; // scrolls
            }
        }
        let damage = Damage::Unknown;
        input(&mut encoder, Input::Frame { frame: &frame, damage: &damage, masks: &masks });
        let number = u32::try_from(step).unwrap() + 1;
        input(&mut encoder, Input::Acknowledged { viewer, number });
    }
    bodies
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"), "/../../proptest-regressions/screen.txt"
        )))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_bytes_are_refused_or_harmless(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..20),
    ) {
        let mut decoder = decoder();
        for body in &bodies {
            let before = decoder.picture().cloned();
            if !matches!(decoder.handle(body), Ok(Decoded::Updated { .. })) {
                prop_assert_eq!(decoder.picture().cloned(), before);
            }
        }
    }

    #[test]
    fn broken_updates_are_refused_or_harmless(
        breaks in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bodies = genuine();
        for (body, at, value) in &breaks {
            let body = body.get_mut(&mut bodies);
            let at = at.index(body.len());
            body[at] = *value;
        }
        let body = cut.get_mut(&mut bodies);
        body.truncate(cut.index(body.len()));
        let mut decoder = Decoder::new();
        for body in &bodies {
            let before = decoder.picture().cloned();
            if !matches!(decoder.handle(body), Ok(Decoded::Updated { .. })) {
                prop_assert_eq!(decoder.picture().cloned(), before);
            }
        }
    }
}

#[test]
fn genuine_bodies_have_every_operation() {
    let mut formats = [false; 4];
    let mut ops = [false; 5];
    let mut decoder = Decoder::new();
    for body in genuine() {
        assert!(!matches!(decoder.handle(&body).unwrap(), Decoded::OutOfStep));
        let [1, rest @ ..] = &body[..] else { continue };
        let mut rest = &rest[19..];
        while let Some(&op) = rest.first() {
            ops[usize::from(op)] = true;
            let length = match op {
                1 => 13,
                2 => 12,
                3 => {
                    formats[usize::from(rest[9])] = true;
                    14 + u32::from_be_bytes(rest[10..14].try_into().unwrap()) as usize
                }
                _ => 3 + 9 + usize::from(rest[11]),
            };
            rest = &rest[length..];
        }
    }
    assert!(ops[1] && ops[3] && ops[4], "{ops:?}");
    assert!(formats[2] && formats[3], "{formats:?}");
}
