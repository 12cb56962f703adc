use coview_server::websocket::*;

use crate::bytes::Bytes;

#[path = "../../crates/coview-server/src/websocket/oracle.rs"]
#[allow(dead_code)]
mod oracle;

/// What a client sends, read by the server's own reader and by the library beside it: the same
/// messages, the same answers and the same fault, wherever the bytes are cut. The first bytes say
/// where, and how long messages may be.
pub fn frames(data: &[u8]) {
    let mut bytes = Bytes::of(data);
    let longest = (20 + usize::from(bytes.byte()), 300 + usize::from(bytes.byte()));
    let in_a_row = 1 + usize::from(bytes.byte() % 4);
    let cuts: Vec<_> = (0..bytes.byte() % 16).map(|_| usize::from(bytes.byte())).collect();
    oracle::same(bytes.take(data.len()), &cuts, longest, in_a_row);
}
