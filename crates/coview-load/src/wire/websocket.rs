//! RFC 6455, as far as a client of the coview server meets it: whole frames, masked by the client.

use super::Malformed;

/// What kind of a frame it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

/// The request that opens a connection. The key need not be a secret; its echo is not looked at.
pub(super) fn upgrade(path: &str, host: &str, protocol: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Protocol: {protocol}\r\n\r\n"
        )
        .as_bytes(),
    );
}

/// The head of an HTTP response: its length and whether it switches protocols.
pub(super) fn response(bytes: &[u8]) -> Option<(usize, bool)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some((end + 4, bytes.starts_with(b"HTTP/1.1 101 ")))
}

/// Writes a frame with its mask. The mask is different for every frame and no secret: nothing here is
/// run by a stranger's script, which masks are against.
pub(super) fn frame(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    let code = match opcode {
        Opcode::Text => 1,
        Opcode::Binary => 2,
        Opcode::Close => 8,
        Opcode::Ping => 9,
        Opcode::Pong => 10,
    };
    out.push(0x80 | code);
    if let Ok(length @ 0..=125) = u8::try_from(payload.len()) {
        out.push(0x80 | length);
    } else if let Ok(length) = u16::try_from(payload.len()) {
        out.push(0x80 | 126);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(0x80 | 127);
        out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
    }
    let mask = (out.len() as u32).wrapping_mul(0x9e37_79b9) ^ 0x5bd1_e995;
    let mask = mask.to_be_bytes();
    out.extend_from_slice(&mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// A frame that is whole: how long it is, what it is, and its payload.
type Frame<'a> = (usize, Opcode, &'a [u8]);

/// The first frame. `None`: it is not whole.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Frame<'_>>, Malformed> {
    let (Some(&first), Some(&second)) = (bytes.first(), bytes.get(1)) else { return Ok(None) };
    if first & 0xf0 != 0x80 {
        return Err(Malformed("a frame that is a fragment or has an extension"));
    }
    let opcode = match first & 0x0f {
        1 => Opcode::Text,
        2 => Opcode::Binary,
        8 => Opcode::Close,
        9 => Opcode::Ping,
        10 => Opcode::Pong,
        _ => return Err(Malformed("an unknown opcode")),
    };
    let (head, length) = match second {
        short @ 0..=125 => (2, usize::from(short)),
        126 => match bytes.get(2..4) {
            Some(&[high, low]) => (4, usize::from(u16::from_be_bytes([high, low]))),
            Some(_) | None => return Ok(None),
        },
        127 => return Err(Malformed("a frame of more than 64 KiB")),
        128..=u8::MAX => return Err(Malformed("a server's frame with a mask")),
    };
    let payload = bytes.get(head..head + length);
    Ok(payload.map(|payload| (head + length, opcode, payload)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unmasked(frame: &[u8], head: usize) -> Vec<u8> {
        let (mask, payload) = frame[head..].split_at(4);
        payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()
    }

    #[test]
    fn a_short_and_a_longer_frame_are_masked_and_have_their_lengths() {
        let mut out = Vec::new();
        frame(Opcode::Text, b"hello", &mut out);
        assert_eq!(out[..2], [0x81, 0x85]);
        assert_ne!(out[6..], *b"hello");
        assert_eq!(unmasked(&out, 2), b"hello");

        let (long, mut out) = ([7; 300], Vec::new());
        frame(Opcode::Binary, &long, &mut out);
        assert_eq!(out[..4], [0x82, 0xfe, 1, 44]);
        assert_eq!(unmasked(&out, 4), long);
    }

    #[test]
    fn a_frame_is_read_when_it_is_whole() {
        let bytes = [0x81, 3, b'a', b'b', b'c', 0x8a];
        for short in 0..5 {
            assert_eq!(read(&bytes[..short]), Ok(None));
        }
        assert_eq!(read(&bytes), Ok(Some((5, Opcode::Text, &b"abc"[..]))));

        let mut long = vec![0x82, 126, 1, 44];
        long.resize(304, 9);
        assert_eq!(read(&long[..3]), Ok(None));
        assert_eq!(read(&long[..303]), Ok(None));
        assert_eq!(read(&long), Ok(Some((304, Opcode::Binary, &[9; 300][..]))));
    }

    #[test]
    fn what_a_server_never_sends_is_malformed() {
        assert!(read(&[0x01, 0]).is_err(), "a fragment");
        assert!(read(&[0x81, 0x80]).is_err(), "a mask");
        assert!(read(&[0x83, 0]).is_err(), "an opcode nobody knows");
    }

    #[test]
    fn the_answer_to_an_upgrade_ends_with_an_empty_line() {
        assert_eq!(response(b"HTTP/1.1 101 Switching Protocols\r\n"), None);
        assert_eq!(response(b"HTTP/1.1 101 S\r\na: b\r\n\r\n\x81"), Some((24, true)));
        assert_eq!(response(b"HTTP/1.1 503 No\r\n\r\n"), Some((19, false)));
    }
}
