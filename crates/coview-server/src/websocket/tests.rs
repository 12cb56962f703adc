//! The full library is the oracle: whatever a client sends and however it is cut, both read the same
//! messages, answer the same, and find the same fault.

use std::collections::VecDeque;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use tungstenite::Message;
use tungstenite::WebSocket;
use tungstenite::protocol::Role;

use super::oracle::*;
use super::*;

#[derive(Clone, Debug)]
struct Frame {
    first: u8,
    mask: Option<[u8; 4]>,
    payload: Vec<u8>,
}

impl Frame {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.first];
        let masked = if self.mask.is_some() { 0x80 } else { 0 };
        match self.payload.len() {
            len @ 0..126 => bytes.push(masked | len as u8),
            len @ 126..65536 => {
                bytes.push(masked | 126);
                bytes.extend((len as u16).to_be_bytes());
            }
            len => {
                bytes.push(masked | 127);
                bytes.extend((len as u64).to_be_bytes());
            }
        }
        bytes.extend(self.mask.iter().flatten());
        let mask = self.mask.unwrap_or_default();
        bytes.extend(self.payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => "[a-zäß€𝄞]{0,12}".prop_map(String::into_bytes),
        2 => "[a-z]{100,140}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..8),
        1 => (0_usize..320).prop_map(|len| vec![b'x'; len]),
        // Half a character, to be continued.
        1 => "[€𝄞]{1,3}".prop_map(|it| it.as_bytes()[..it.len() - 1].to_vec()),
        1 => "[€𝄞]{1,3}".prop_map(|it| it.as_bytes()[1..].to_vec()),
    ]
}

fn goodbye() -> impl Strategy<Value = Vec<u8>> {
    let code = prop_oneof![Just(1000_u16), Just(1005), 999_u16..1020, any::<u16>()];
    prop_oneof![
        1 => Just(Vec::new()),
        1 => any::<u8>().prop_map(|half| vec![half]),
        4 => (code, "[a-zß€]{0,20}").prop_map(|(code, reason)| {
            [&code.to_be_bytes(), reason.as_bytes()].concat()
        }),
        1 => any::<[u8; 4]>().prop_map(|it| it.to_vec()),
    ]
}

fn frame() -> impl Strategy<Value = Frame> {
    let mask = prop_oneof![40 => any::<[u8; 4]>().prop_map(Some), 1 => Just(None)];
    let kind = prop_oneof![
        8 => (Just(0x81_u8), payload().boxed()),
        4 => (Just(0x82), payload().boxed()),
        3 => (Just(0x01), payload().boxed()),
        2 => (Just(0x02), payload().boxed()),
        5 => (Just(0x00), payload().boxed()),
        5 => (Just(0x80), payload().boxed()),
        3 => (prop_oneof![Just(0x89), Just(0x8a)], payload().boxed()),
        2 => (Just(0x88), goodbye().boxed()),
        1 => (any::<u8>(), payload().boxed()),
    ];
    (kind, mask).prop_map(|((first, payload), mask)| Frame { first, mask, payload })
}

/// Messages in parts with pings between them, as they should be.
fn message() -> impl Strategy<Value = Vec<Frame>> {
    let parts = proptest::collection::vec((payload(), any::<bool>()), 1..5);
    (parts, any::<bool>(), any::<[u8; 4]>()).prop_map(|(parts, is_text, mask)| {
        let mask = Some(mask);
        let last = parts.len() - 1;
        let mut frames = Vec::new();
        for (at, (payload, ping)) in parts.into_iter().enumerate() {
            let opcode = if at > 0 {
                0
            } else if is_text {
                1
            } else {
                2
            };
            let first = opcode | if at == last { 0x80 } else { 0 };
            frames.push(Frame { first, mask, payload });
            if ping {
                frames.push(Frame { first: 0x89, mask, payload: b"there?".to_vec() });
            }
        }
        frames
    })
}

fn frames() -> impl Strategy<Value = Vec<u8>> {
    let some = prop_oneof![frame().prop_map(|frame| vec![frame]), message(),];
    proptest::collection::vec(some, 0..8)
        .prop_map(|all| all.iter().flatten().flat_map(Frame::bytes).collect())
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        Just(Vec::new()),
        proptest::collection::vec(0_usize..60, 0..12),
        // Byte for byte.
        Just(vec![1; 400]),
    ]
}

fn longest() -> impl Strategy<Value = Longest> {
    (prop_oneof![Just(300), 20_usize..300], prop_oneof![Just(300), 300_usize..600])
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../proptest-regressions/server.txt"
        )))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn frames_are_read_as_the_library_reads_them(
        bytes in frames(),
        cuts in cuts(),
        longest in longest(),
        in_a_row in 1_usize..5,
    ) {
        same(&bytes, &cuts, longest, in_a_row);
    }

    #[test]
    fn frames_with_faults_are_read_as_the_library_reads_them(
        mut bytes in frames(),
        faults in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        end in any::<prop::sample::Index>(),
        cuts in cuts(),
        longest in longest(),
    ) {
        if !bytes.is_empty() {
            for (at, byte) in faults {
                let len = bytes.len();
                bytes[at.index(len)] = byte;
            }
            bytes.truncate(1 + end.index(bytes.len()));
        }
        same(&bytes, &cuts, longest, 1);
    }

    #[test]
    fn what_is_written_is_read_by_the_library(
        messages in proptest::collection::vec(
            (0..4_u8, "[a-z€]{0,90}", prop_oneof![0..200_usize, 65_000..66_000_usize], 1..50_000_usize),
            0..6,
        ),
        cuts in cuts(),
    ) {
        let (mut bytes, mut said) = (Vec::new(), Vec::new());
        for (kind, words, len, part_len) in &messages {
            let payload = vec![7; *len];
            match kind {
                0 => {
                    text(&mut bytes, words);
                    said.push(Message::text(words.as_str()));
                }
                1 => {
                    binary(&mut bytes, &payload);
                    said.push(Message::binary(payload));
                }
                2 => {
                    let count = payload.len().div_ceil(*part_len);
                    for (at, it) in payload.chunks(*part_len).enumerate() {
                        part(&mut bytes, it, at == 0, at + 1 == count);
                    }
                    if count > 0 {
                        said.push(Message::binary(payload));
                    }
                }
                _ => {
                    pong(&mut bytes, words.as_bytes().get(..100).unwrap_or_default());
                    said.push(Message::Pong(
                        words.as_bytes().get(..100).unwrap_or_default().to_vec().into(),
                    ));
                }
            }
        }
        close(&mut bytes, Some(Goodbye { code: CloseCode::Away, reason: "shutdown" }));
        let mut rest = &bytes[..];
        let mut pieces = VecDeque::new();
        for cut in cuts {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            if !piece.is_empty() {
                pieces.push_back(piece.to_vec());
            }
            rest = after;
        }
        pieces.push_back(rest.to_vec());
        let memory = Memory { pieces, written: Vec::new() };
        let mut client = WebSocket::from_raw_socket(memory, Role::Client, None);
        for message in said {
            prop_assert_eq!(client.read().unwrap(), message);
        }
        let Ok(Message::Close(Some(close))) = client.read() else { panic!("no close") };
        prop_assert_eq!((close.code, close.reason.as_str()), (CloseCode::Away, "shutdown"));
    }
}

fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    Frame { first, mask: Some([1, 2, 3, 4]), payload: payload.to_vec() }.bytes()
}

#[test]
fn a_character_cut_in_two_is_one_but_not_over_the_end() {
    let note = "𝄞".as_bytes();
    for cut in 1..4 {
        let parts = [masked(0x01, &note[..cut]), masked(0x89, b""), masked(0x80, &note[cut..])];
        let outcome = by_the_reader(&[&parts.concat()], (100, 100), 9);
        assert_eq!(outcome.messages[1..], [Message::text("𝄞")]);
        let half = [masked(0x01, &note[..cut]), masked(0x80, b"")].concat();
        assert_eq!(by_the_reader(&[&half], (100, 100), 9).end, End::Broken(Broken::Utf8));
    }
}

#[test]
fn a_length_may_be_written_in_more_bytes_than_it_needs() {
    let frames = [
        &[0x81, 0xfe, 0, 2, 0, 0, 0, 0, b'h', b'i'][..],
        &[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, b'h', b'o'],
    ];
    let outcome = by_the_reader(&[&frames.concat()], (100, 100), 9);
    assert_eq!(outcome.messages, [Message::text("hi"), Message::text("ho")]);
    same(&frames.concat(), &[1; 40], (100, 100), 9);
}

#[test]
fn a_frame_that_is_too_long_is_refused_by_its_header_alone() {
    for len in [101_u64, 65_536, 1 << 32, 1 << 63, u64::MAX] {
        let header = [&[0x82, 0xff][..], &len.to_be_bytes(), &[0; 4]].concat();
        let outcome = by_the_reader(&[&header], (100, 100), 9);
        assert_eq!(outcome.end, End::Broken(Broken::TooLong), "{len}");
    }
    let parts = [masked(0x02, &[7; 60]), masked(0x00, &[7; 41])[..6].to_vec()].concat();
    assert_eq!(by_the_reader(&[&parts], (100, 100), 9).end, End::Broken(Broken::TooLong));
}

#[test]
fn nothing_is_kept_once_everything_is_read() {
    let mut reader = Reader::default();
    let mut bytes = [masked(0x01, b"in "), masked(0x80, b"parts"), masked(0x81, b"whole")].concat();
    let len = bytes.len();
    let (first, second) = bytes.split_at_mut(len - 3);
    let mut fresh = Fresh::new(first);
    assert_eq!(reader.next(&mut fresh, 100), Ok(Some(Heard::Text("in parts"))));
    assert_eq!(reader.next(&mut fresh, 100), Ok(None));
    assert!(reader.has_more());
    let mut fresh = Fresh::new(second);
    assert_eq!(reader.next(&mut fresh, 100), Ok(Some(Heard::Text("whole"))));
    assert_eq!(reader.next(&mut fresh, 100), Ok(None));
    assert_eq!(format!("{reader:?}"), format!("{:?}", Reader::default()));
    assert!(size_of::<Reader>() <= 16, "an idle client pays for no more than this");
}

#[test]
fn what_is_kept_is_what_came_and_not_what_was_announced() {
    let longest = 1 << 20;
    // In one frame, and in a frame with an empty one behind it.
    for (first, end) in [(0x82, Vec::new()), (0x02, masked(0x80, b""))] {
        let mut reader = Reader::default();
        let mut head = [&[first, 0xff][..], &(longest as u64).to_be_bytes(), &[0; 4]].concat();
        assert_eq!(reader.next(&mut Fresh::new(&mut head), longest), Ok(None));
        assert!(reader.kept() <= 64, "{} bytes for a header", reader.kept());
        let mut part = vec![7; longest - 1];
        assert_eq!(reader.next(&mut Fresh::new(&mut part), longest), Ok(None));
        // The beginning of another frame, which has to wait, does not keep the room of this one.
        let mut rest = [&[7][..], &end, &[0x82]].concat();
        let mut fresh = Fresh::new(&mut rest);
        let heard = reader.next(&mut fresh, longest);
        assert!(matches!(heard, Ok(Some(Heard::Binary(it))) if it.len() == longest));
        reader.keep(&mut fresh);
        assert_eq!(reader.next(&mut Fresh::new(&mut [0x81]), longest), Ok(None));
        assert!(reader.kept() <= 64, "{} bytes after a long message", reader.kept());
    }
}

#[test]
fn a_million_empty_parts_take_no_memory_and_are_one_message() {
    let mut reader = Reader::default();
    let mut begins = masked(0x01, b"");
    assert_eq!(reader.next(&mut Fresh::new(&mut begins), 100), Ok(None));
    for _ in 0..1000 {
        let mut parts = masked(0x00, b"").repeat(1000);
        // Cut in the middle of a header.
        let (one, two) = parts.split_at_mut(2999);
        assert_eq!(reader.next(&mut Fresh::new(one), 100), Ok(None));
        assert_eq!(reader.next(&mut Fresh::new(two), 100), Ok(None));
        assert!(reader.kept() <= 8192, "{} bytes", reader.kept());
    }
    let mut ends = masked(0x80, b"");
    assert_eq!(reader.next(&mut Fresh::new(&mut ends), 100), Ok(Some(Heard::Text(""))));
}

#[test]
fn a_long_frame_that_comes_byte_by_byte_costs_no_more_than_its_bytes() {
    let mut reader = Reader::default();
    let text = "€".repeat(100_000);
    let mut bytes = masked(0x81, text.as_bytes());
    let last = bytes.pop().unwrap();
    for byte in &mut bytes {
        let one = core::slice::from_mut(byte);
        assert_eq!(reader.next(&mut Fresh::new(one), 1 << 20), Ok(None));
    }
    let mut end = [last];
    let mut fresh = Fresh::new(&mut end);
    let heard = reader.next(&mut fresh, 1 << 20);
    assert!(heard == Ok(Some(Heard::Text(&text))), "it is another text");
}
