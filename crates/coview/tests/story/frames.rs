//! The frames of a WebSocket, read from the bytes that came by.

/// One unfragmented frame.
pub struct Frame {
    opcode: u8,
    payload: Vec<u8>,
}

impl Frame {
    pub fn into_text(self) -> Option<String> {
        (self.opcode == 1).then(|| String::from_utf8(self.payload).unwrap())
    }
}

/// The frames after the handshake; a frame that has not come by whole is left out.
pub fn frames(bytes: &[u8]) -> Vec<Frame> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let mut rest = end.map_or(&[][..], |end| &bytes[end + 4..]);
    let mut frames = Vec::new();
    while let Some((frame, after)) = frame(rest) {
        frames.push(frame);
        rest = after;
    }
    frames
}

fn frame(bytes: &[u8]) -> Option<(Frame, &[u8])> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    assert_eq!(first & 0xf0, 0x80, "a whole, uncompressed frame");
    let (len, rest) = match second & 0x7f {
        126 => {
            let (len, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*len)), rest)
        }
        127 => {
            let (len, rest) = rest.split_first_chunk()?;
            (usize::try_from(u64::from_be_bytes(*len)).unwrap(), rest)
        }
        len => (usize::from(len), rest),
    };
    let (mask, rest) = if second & 0x80 == 0 {
        ([0; 4], rest)
    } else {
        let (mask, rest) = rest.split_first_chunk()?;
        (*mask, rest)
    };
    let (payload, rest) = rest.split_at_checked(len)?;
    let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
    Some((Frame { opcode: first & 0x0f, payload: payload.collect() }, rest))
}
