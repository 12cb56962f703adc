use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::Control;
use tungstenite::protocol::frame::coding::Data;
use tungstenite::protocol::frame::coding::OpCode;

use super::reading::Goodbye;

/// Writes a text message.
pub fn text(out: &mut Vec<u8>, text: &str) {
    frame(out, OpCode::Data(Data::Text), true, text.as_bytes());
}

/// Writes a binary message.
pub fn binary(out: &mut Vec<u8>, bytes: &[u8]) {
    frame(out, OpCode::Data(Data::Binary), true, bytes);
}

/// Writes a part of a binary message. Nothing but pongs and a close may stand between two of them.
pub fn part(out: &mut Vec<u8>, bytes: &[u8], is_first: bool, is_last: bool) {
    let data = if is_first { Data::Binary } else { Data::Continue };
    frame(out, OpCode::Data(data), is_last, bytes);
}

/// Writes the answer to a ping with this payload.
pub fn pong(out: &mut Vec<u8>, payload: &[u8]) {
    frame(out, OpCode::Control(Control::Pong), true, payload);
}

/// Writes the last frame of the connection. The reason may have 123 bytes.
pub fn close(out: &mut Vec<u8>, goodbye: Option<Goodbye<'_>>) {
    let close = OpCode::Control(Control::Close);
    match goodbye {
        None => frame(out, close, true, &[]),
        Some(Goodbye { code, reason }) => {
            header(out, close, true, 2 + reason.len());
            out.extend_from_slice(&u16::from(code).to_be_bytes());
            out.extend_from_slice(reason.as_bytes());
        }
    }
}

fn frame(out: &mut Vec<u8>, opcode: OpCode, is_final: bool, payload: &[u8]) {
    header(out, opcode, is_final, payload.len());
    out.extend_from_slice(payload);
}

fn header(out: &mut Vec<u8>, opcode: OpCode, is_final: bool, payload: usize) {
    FrameHeader { is_final, opcode, ..FrameHeader::default() }
        .format(payload as u64, out)
        .expect("memory takes all that is written");
}
