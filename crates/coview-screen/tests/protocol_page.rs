//! The worked example of `docs/protocol.md` is decoded byte by byte.

use coview_screen::*;

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.md"));

/// The text of the only fence of a language.
fn fence(language: &str) -> &'static str {
    let opening = format!("```{language}\n");
    let mut fences = PAGE.split(&opening).skip(1);
    let text = fences.next().unwrap_or_else(|| panic!("the page has no {language}"));
    assert!(fences.next().is_none(), "the page has {language} twice");
    text.split("\n```").next().unwrap_or(text)
}

/// The bodies of the example: bytes in hex, two spaces, and what they mean; a blank line between.
fn bodies() -> Vec<Vec<u8>> {
    let body = |text: &str| {
        let bytes = text.lines().flat_map(|line| {
            let (hex, meaning) = line.split_once("  ").expect("two spaces before the meaning");
            assert!(!meaning.trim().is_empty(), "{line}: no meaning");
            hex.split(' ')
        });
        bytes.map(|byte| u8::from_str_radix(byte, 16).expect("a byte in hex")).collect()
    };
    fence("picture-example").split("\n\n").map(body).collect()
}

#[test]
fn the_example_decodes_to_what_the_page_says() {
    let [status, whole, copy, beat] = bodies().try_into().expect("four bodies");
    let mut decoder = Decoder::new();
    assert_eq!(decoder.handle(&status), Ok(Decoded::Status(Status::Live)));

    let areas = vec![Rect::new(0, 0, 4, 2)];
    assert_eq!(decoder.handle(&whole), Ok(Decoded::Updated { number: 1, areas, stamp: 40 }));
    assert_eq!(decoder.masks(), [Mask::new(Rect::new(3, 0, 1, 1), "PIN")]);

    let areas = vec![Rect::new(1, 0, 2, 2)];
    assert_eq!(decoder.handle(&copy), Ok(Decoded::Updated { number: 2, areas, stamp: 90 }));
    assert_eq!(decoder.handle(&beat), Ok(Decoded::Beat));

    let picture = decoder.picture().unwrap();
    let rows: Vec<String> = picture
        .pixels()
        .chunks(4 * 4)
        .map(|row| {
            let pixels = row.as_chunks::<4>().0.iter();
            let words = pixels.map(|[r, g, b, _]| format!("{r:02x}{g:02x}{b:02x}"));
            words.collect::<Vec<_>>().join(" ")
        })
        .collect();
    assert_eq!(rows.join("\n"), fence("picture-result"));
}

#[test]
fn no_body_of_the_example_may_be_shorter() {
    for body in bodies() {
        for length in 0..body.len() {
            let mut decoder = Decoder::new();
            let whole_ops = matches!(decoder.handle(&body[..length]), Ok(Decoded::Updated { .. }));
            // An update may end after any operation, or before the first.
            assert!(!whole_ops || [20, 35, 47].contains(&length), "{length} bytes of {body:02x?}");
        }
    }
}
