use core::ops::Range;
use std::io::Cursor;

use thiserror::Error;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::frame::coding::Control;
use tungstenite::protocol::frame::coding::Data;
use tungstenite::protocol::frame::coding::OpCode;

/// The longest header of a frame.
const HEADER: usize = 14;

/// The longest payload of a control frame.
const CONTROL: usize = 125;

/// More room than this is not kept for what may be the beginning of a short frame.
const ROOM: usize = 4 * 1024;

/// Reads the messages of one client.
///
/// Whoever asks for one hands over the bytes that have come, and messages point into them: what is
/// kept here is only the beginning of a frame or of a message whose end has not come yet. A client
/// that says nothing costs no more than this pointer.
#[derive(Debug, Default)]
pub struct Reader {
    begun: Option<Box<Begun>>,
    /// The client has said goodbye; nothing counts after that.
    closed: bool,
}

#[derive(Debug, Default)]
struct Begun {
    /// What came and was not read yet; the first frame in it may not be whole.
    bytes: Vec<u8>,
    /// Where in it the next frame begins.
    at: usize,
    message: Option<Parts>,
}

/// A message that comes in several frames.
#[derive(Debug)]
struct Parts {
    is_text: bool,
    bytes: Vec<u8>,
    /// How many of the bytes are whole characters.
    checked: usize,
    is_whole: bool,
}

/// Bytes that have just come. They are changed while they are read.
#[derive(Debug)]
pub struct Fresh<'b> {
    bytes: &'b mut [u8],
    at: usize,
}

/// What a client says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
    /// To be answered by a pong with the same payload.
    Ping(&'a [u8]),
    /// Answers a ping, or nothing.
    Pong,
    /// The last word of the client; to be answered with the same, and then the connection ends.
    Close(Option<Goodbye<'a>>),
}

/// What a close says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goodbye<'a> {
    /// Why, in a number that may be sent.
    pub code: CloseCode,
    /// Why, in words.
    pub reason: &'a str,
}

/// Why what a client sends can be read no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Broken {
    /// A kind of frame that is not defined.
    #[error("a frame of an unknown kind")]
    Opcode,
    /// The frame, or the message it is a part of, is longer than the client may send.
    #[error("a message that is too long")]
    TooLong,
    /// Clients mask what they send.
    #[error("a frame without a mask")]
    Unmasked,
    /// A bit of an extension nobody agreed on.
    #[error("a frame with a reserved bit")]
    Reserved,
    /// Control frames come whole.
    #[error("a control frame in parts")]
    ControlInParts,
    /// Control frames are short.
    #[error("a control frame that is too long")]
    ControlTooLong,
    /// There is no message to go on with.
    #[error("a frame that continues nothing")]
    NothingBegun,
    /// The message before is not whole yet.
    #[error("a message inside of another")]
    NotOver,
    /// A text, or the reason of a close, is not UTF-8.
    #[error("a text that is not UTF-8")]
    Utf8,
    /// Half a number is none.
    #[error("a close with half a code")]
    HalfACode,
}

impl<'b> Fresh<'b> {
    /// These bytes, from the first one on.
    #[must_use]
    pub const fn new(bytes: &'b mut [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    fn take(&mut self, most: usize) -> &[u8] {
        let begin = self.at;
        self.at += most.min(self.bytes.len() - begin);
        &self.bytes[begin..self.at]
    }
}

/// Where the payload of a frame or of a message stands.
enum Place {
    Fresh(Range<usize>),
    Kept(Range<usize>),
    Parts,
}

impl Reader {
    /// The next message, of at most so many bytes; `None` if more has to come first, and then all
    /// of `fresh` has been taken.
    ///
    /// # Errors
    ///
    /// [`Broken`] if the client does not speak RFC 6455 or says too much. There is nothing to be
    /// read after that.
    pub fn next<'a>(
        &'a mut self,
        fresh: &'a mut Fresh<'_>,
        longest: usize,
    ) -> Result<Option<Heard<'a>>, Broken> {
        let (opcode, place) = loop {
            self.forget_what_was_read();
            if self.closed {
                return Ok(None);
            }
            let Some((header, place)) = self.frame(fresh, longest)? else { return Ok(None) };
            let payload = self.at(fresh, &place);
            if let Some(mask) = header.mask {
                unmask(payload, mask);
            }
            match header.opcode {
                OpCode::Data(Data::Text | Data::Binary) if header.is_final => {
                    break (header.opcode, place);
                }
                OpCode::Data(data) => {
                    if let Some(data) = self.add(fresh, &place, data, header.is_final)? {
                        break (OpCode::Data(data), Place::Parts);
                    }
                }
                OpCode::Control(_) => break (header.opcode, place),
            }
        };
        if opcode == OpCode::Control(Control::Close) {
            self.closed = true;
        }
        let payload: &'a [u8] = self.at(fresh, &place);
        match opcode {
            OpCode::Data(Data::Text) => {
                core::str::from_utf8(payload).map(Heard::Text).map_err(|_| Broken::Utf8)
            }
            OpCode::Data(_) => Ok(Heard::Binary(payload)),
            OpCode::Control(Control::Ping) => Ok(Heard::Ping(payload)),
            OpCode::Control(Control::Close) => goodbye(payload).map(Heard::Close),
            OpCode::Control(_) => Ok(Heard::Pong),
        }
        .map(Some)
    }

    /// Keeps what was not taken, because it is not its turn yet.
    pub fn keep(&mut self, fresh: &mut Fresh<'_>) {
        if !fresh.rest().is_empty() {
            self.begun().fill(fresh, usize::MAX);
        }
    }

    /// Whether something is kept that may be a message already.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.begun.as_ref().is_some_and(|begun| begun.at < begun.bytes.len())
    }

    /// How many bytes of memory are kept for what has come.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        let Some(begun) = &self.begun else { return 0 };
        begun.bytes.capacity() + begun.message.as_ref().map_or(0, |it| it.bytes.capacity())
    }

    fn begun(&mut self) -> &mut Begun {
        self.begun.get_or_insert_default()
    }

    fn forget_what_was_read(&mut self) {
        let Some(begun) = &mut self.begun else { return };
        if begun.message.as_ref().is_some_and(|message| message.is_whole) {
            begun.message = None;
        }
        if begun.at == begun.bytes.len() {
            begun.at = 0;
            begun.bytes = Vec::new();
            if begun.message.is_none() {
                self.begun = None;
            }
        }
    }

    fn at<'a>(&'a mut self, fresh: &'a mut Fresh<'_>, place: &Place) -> &'a mut [u8] {
        let begun = self.begun.as_mut();
        let nothing: &mut [u8] = &mut [];
        match place {
            Place::Fresh(range) => &mut fresh.bytes[range.clone()],
            Place::Kept(range) => begun.map_or(nothing, |it| &mut it.bytes[range.clone()]),
            Place::Parts => begun
                .and_then(|begun| begun.message.as_mut())
                .map_or(nothing, |message| &mut message.bytes),
        }
    }

    /// The next frame, if it is whole.
    fn frame(
        &mut self,
        fresh: &mut Fresh<'_>,
        longest: usize,
    ) -> Result<Option<(FrameHeader, Place)>, Broken> {
        if let Some(begun) = &mut self.begun
            && begun.at < begun.bytes.len()
        {
            let message = begun.message.as_ref();
            let mut found = header(&begun.bytes[begun.at..], message, longest)?;
            while found.is_none() && !fresh.rest().is_empty() {
                let missing = HEADER - (begun.bytes.len() - begun.at);
                begun.fill(fresh, missing);
                found = header(&begun.bytes[begun.at..], begun.message.as_ref(), longest)?;
            }
            let Some((header, length, payload)) = found else { return Ok(None) };
            let missing = (begun.at + length + payload).saturating_sub(begun.bytes.len());
            begun.fill(fresh, missing);
            // That may have moved the frame to the front.
            let begin = begun.at + length;
            let end = begin + payload;
            if begun.bytes.len() < end {
                return Ok(None);
            }
            begun.at = end;
            return Ok(Some((header, Place::Kept(begin..end))));
        }
        let message = self.begun.as_ref().and_then(|begun| begun.message.as_ref());
        if let Some((header, length, payload)) = header(fresh.rest(), message, longest)?
            && fresh.rest().len() - length >= payload
        {
            let begin = fresh.at + length;
            fresh.at = begin + payload;
            return Ok(Some((header, Place::Fresh(begin..fresh.at))));
        }
        self.keep(fresh);
        Ok(None)
    }

    /// Adds a part to the message that has begun, or begins one with it. Tells the kind of a
    /// message that is whole with it.
    fn add(
        &mut self,
        fresh: &mut Fresh<'_>,
        place: &Place,
        data: Data,
        is_last: bool,
    ) -> Result<Option<Data>, Broken> {
        let part = match place {
            Place::Fresh(range) => Some(&fresh.bytes[range.clone()]),
            Place::Kept(_) | Place::Parts => None,
        };
        let Begun { bytes, message, .. } = &mut **self.begun.get_or_insert_default();
        let part = match (part, place) {
            (Some(part), _) => part,
            (None, Place::Kept(range) | Place::Fresh(range)) => &bytes[range.clone()],
            (None, Place::Parts) => &[],
        };
        let message = message.get_or_insert_with(|| Parts {
            is_text: data == Data::Text,
            bytes: Vec::new(),
            checked: 0,
            is_whole: false,
        });
        message.bytes.extend_from_slice(part);
        message.is_whole = is_last;
        if !message.is_text {
            return Ok(is_last.then_some(Data::Binary));
        }
        match core::str::from_utf8(&message.bytes[message.checked..]) {
            Ok(_) => message.checked = message.bytes.len(),
            // A character may be cut in two, but not by the end.
            Err(error) if error.error_len().is_none() && !is_last => {
                message.checked += error.valid_up_to();
            }
            Err(_) => return Err(Broken::Utf8),
        }
        Ok(is_last.then_some(Data::Text))
    }
}

impl Begun {
    /// Takes over at most so many fresh bytes.
    fn fill(&mut self, fresh: &mut Fresh<'_>, most: usize) {
        if most > 0 && self.at > 0 {
            if self.bytes.capacity() > ROOM {
                self.bytes = self.bytes.split_off(self.at);
            } else {
                self.bytes.drain(..self.at);
            }
            self.at = 0;
        }
        self.bytes.extend_from_slice(fresh.take(most));
    }
}

/// The header of a frame, its own length and that of the payload; `None` if it is not whole. What
/// may not follow it is refused before the payload comes.
fn header(
    bytes: &[u8],
    message: Option<&Parts>,
    longest: usize,
) -> Result<Option<(FrameHeader, usize, usize)>, Broken> {
    let mut cursor = Cursor::new(bytes);
    // Reading from memory fails for no other reason.
    let parsed = FrameHeader::parse(&mut cursor).map_err(|_| Broken::Opcode)?;
    let Some((header, payload)) = parsed else { return Ok(None) };
    let payload = usize::try_from(payload).map_err(|_| Broken::TooLong)?;
    if payload > longest {
        return Err(Broken::TooLong);
    }
    if header.mask.is_none() {
        return Err(Broken::Unmasked);
    }
    if header.rsv1 || header.rsv2 || header.rsv3 {
        return Err(Broken::Reserved);
    }
    match (header.opcode, message) {
        (OpCode::Control(_), _) if !header.is_final => return Err(Broken::ControlInParts),
        (OpCode::Control(_), _) if payload > CONTROL => return Err(Broken::ControlTooLong),
        (OpCode::Data(Data::Continue), None) => return Err(Broken::NothingBegun),
        (OpCode::Data(Data::Continue), Some(message))
            if payload > longest.saturating_sub(message.bytes.len()) =>
        {
            return Err(Broken::TooLong);
        }
        (OpCode::Data(Data::Text | Data::Binary), Some(_)) => return Err(Broken::NotOver),
        (OpCode::Control(_) | OpCode::Data(_), _) => {}
    }
    // Not what the header would be when written: a length may stand in more bytes than it needs.
    let length = cursor.position() as usize;
    Ok(Some((header, length, payload)))
}

fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= mask;
    }
}

fn goodbye(payload: &[u8]) -> Result<Option<Goodbye<'_>>, Broken> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(None) } else { Err(Broken::HalfACode) };
    };
    let code = CloseCode::from(u16::from_be_bytes(*code));
    let reason = core::str::from_utf8(reason).map_err(|_| Broken::Utf8)?;
    // A number that may not be sent is not said back.
    Ok(Some(if code.is_allowed() {
        Goodbye { code, reason }
    } else {
        Goodbye { code: CloseCode::Protocol, reason: "Protocol violation" }
    }))
}
