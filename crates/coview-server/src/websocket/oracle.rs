//! The full library reads the same bytes beside the reader. The property tests use this, and the
//! fuzz target, which is a crate of its own.

use std::collections::VecDeque;
use std::io;
use std::io::Read;
use std::io::Write;

use tungstenite::Error;
use tungstenite::Message;
use tungstenite::WebSocket;
use tungstenite::error::ProtocolError;
use tungstenite::protocol::Role;
use tungstenite::protocol::WebSocketConfig;

use super::*;

/// What somebody read, what was answered by itself, and how it ended.
#[derive(Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) messages: Vec<Message>,
    pub(super) answers: Vec<u8>,
    pub(super) end: End,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum End {
    Waits,
    Closed,
    Broken(Broken),
}

/// How long messages may be, first and after the first text message.
pub(super) type Longest = (usize, usize);

/// A stream that gives what it has and takes everything.
pub(super) struct Memory {
    pub(super) pieces: VecDeque<Vec<u8>>,
    pub(super) written: Vec<u8>,
}

impl Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(mut piece) = self.pieces.pop_front() else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let len = piece.len().min(buffer.len());
        buffer[..len].copy_from_slice(&piece[..len]);
        if len < piece.len() {
            self.pieces.push_front(piece.split_off(len));
        }
        Ok(len)
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Library {
    socket: WebSocket<Memory>,
    longest: Longest,
    messages: Vec<Message>,
}

impl Library {
    fn new(longest: Longest) -> Self {
        let config = WebSocketConfig::default()
            .max_message_size(Some(longest.0))
            .max_frame_size(Some(longest.0));
        let memory = Memory { pieces: VecDeque::new(), written: Vec::new() };
        let socket = WebSocket::from_raw_socket(memory, Role::Server, Some(config));
        Self { socket, longest, messages: Vec::new() }
    }

    fn read(&mut self, piece: &[u8]) -> End {
        if !piece.is_empty() {
            self.socket.get_mut().pieces.push_back(piece.to_vec());
        }
        loop {
            match self.socket.read() {
                Ok(Message::Pong(_)) => self.messages.push(Message::Pong(Vec::new().into())),
                Ok(message) => {
                    if message.is_text() {
                        let longest = Some(self.longest.1);
                        self.socket.set_config(|config| {
                            config.max_message_size = longest;
                            config.max_frame_size = longest;
                        });
                    }
                    self.messages.push(message);
                }
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    return End::Waits;
                }
                Err(Error::ConnectionClosed) => return End::Closed,
                Err(error) => return End::Broken(broken(&error)),
            }
        }
    }

    fn outcome(self, end: End) -> Outcome {
        Outcome { messages: self.messages, answers: self.socket.into_inner().written, end }
    }
}

fn broken(error: &Error) -> Broken {
    use ProtocolError as Fault;
    let Error::Protocol(fault) = error else {
        assert!(matches!(error, Error::Capacity(_) | Error::Utf8(_)), "it is {error:?}");
        return if matches!(error, Error::Utf8(_)) { Broken::Utf8 } else { Broken::TooLong };
    };
    let faults = [
        (matches!(fault, Fault::InvalidOpcode(_)), Broken::Opcode),
        (matches!(fault, Fault::UnmaskedFrameFromClient), Broken::Unmasked),
        (matches!(fault, Fault::NonZeroReservedBits), Broken::Reserved),
        (matches!(fault, Fault::FragmentedControlFrame), Broken::ControlInParts),
        (matches!(fault, Fault::ControlFrameTooBig), Broken::ControlTooLong),
        (matches!(fault, Fault::UnexpectedContinueFrame), Broken::NothingBegun),
        (matches!(fault, Fault::ExpectedFragment(_)), Broken::NotOver),
        (matches!(fault, Fault::InvalidCloseSequence), Broken::HalfACode),
    ];
    let found = faults.into_iter().find(|(is_it, _)| *is_it);
    found.unwrap_or_else(|| panic!("it is {fault:?}")).1
}

fn by_the_library(pieces: &[&[u8]], longest: Longest) -> Outcome {
    let mut library = Library::new(longest);
    let mut end = End::Waits;
    for piece in pieces {
        end = library.read(piece);
        if end != End::Waits {
            break;
        }
    }
    library.outcome(end)
}

/// Reads the pieces with the reader. After so many messages it keeps the rest of a piece for later.
pub(super) fn by_the_reader(pieces: &[&[u8]], longest: Longest, in_a_row: usize) -> Outcome {
    let mut reader = Reader::default();
    let (mut messages, mut answers) = (Vec::new(), Vec::new());
    let mut most = longest.0;
    for piece in pieces {
        let mut bytes = piece.to_vec();
        let mut fresh = Fresh::new(&mut bytes);
        let mut count = 0;
        loop {
            count += 1;
            if count % in_a_row == 0 {
                reader.keep(&mut fresh);
            }
            let message = match reader.next(&mut fresh, most) {
                Ok(Some(heard)) => match heard {
                    Heard::Text(text) => Message::text(text),
                    Heard::Binary(bytes) => Message::binary(bytes.to_vec()),
                    Heard::Pong => Message::Pong(Vec::new().into()),
                    Heard::Ping(payload) => {
                        pong(&mut answers, payload);
                        Message::Ping(payload.to_vec().into())
                    }
                    Heard::Close(goodbye) => {
                        close(&mut answers, goodbye);
                        messages.push(Message::Close(goodbye.map(|it| {
                            tungstenite::protocol::CloseFrame {
                                code: it.code,
                                reason: it.reason.into(),
                            }
                        })));
                        assert_eq!(reader.next(&mut fresh, most), Ok(None), "it was the last");
                        return Outcome { messages, answers, end: End::Closed };
                    }
                },
                Ok(None) => break,
                Err(broken) => return Outcome { messages, answers, end: End::Broken(broken) },
            };
            if message.is_text() {
                most = longest.1;
            }
            messages.push(message);
        }
        assert!(fresh_is_used_up(&mut reader, &mut fresh), "nothing is left behind");
    }
    Outcome { messages, answers, end: End::Waits }
}

/// What is not kept by the reader is gone: keeping it again must change nothing.
fn fresh_is_used_up(reader: &mut Reader, fresh: &mut Fresh<'_>) -> bool {
    let before = format!("{reader:?}");
    reader.keep(fresh);
    before == format!("{reader:?}")
}

/// Both read the same. The reader may find a fault in a header before the payload comes, for which
/// the library waits: then it finds the same one as soon as the payload is there.
pub(super) fn same(bytes: &[u8], cuts: &[usize], longest: Longest, in_a_row: usize) {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    for cut in cuts {
        let (piece, after) = rest.split_at((*cut).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    let ours = by_the_reader(&pieces, longest, in_a_row);
    let mut theirs = by_the_library(&pieces, longest);
    if theirs.end == End::Waits && matches!(ours.end, End::Broken(_)) {
        let mut library = Library::new(longest);
        for piece in &pieces {
            library.read(piece);
        }
        let mut end = End::Waits;
        for _ in 0..longest.0.max(longest.1) {
            end = library.read(&[0]);
            if end != End::Waits {
                break;
            }
        }
        theirs = library.outcome(end);
    }
    assert_eq!(ours, theirs, "{bytes:x?} cut at {cuts:?}");
}
