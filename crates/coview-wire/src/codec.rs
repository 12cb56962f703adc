use alloc::borrow::Cow;
use alloc::string::String;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use thiserror::Error;

use crate::id::RequestId;
use crate::limits;
use crate::person::AgentCard;
use crate::person::TextError;

/// A text message of the protocol: one of the four message enums.
///
/// The trait is sealed by nothing but sense; it exists so that an engine can be written once for
/// both kinds of client.
///
/// ```
/// use coview_wire::{AppMoved, AppState, ClientMessage, Message, RequestId};
///
/// let moved = AppMoved { re: RequestId::new(4), app: AppState::Background };
/// let message = ClientMessage::from(moved);
/// assert_eq!(message.encode(), r#"{"t":"app_moved","re":4,"app":"background"}"#);
/// assert_eq!(message.kind(), "app_moved");
/// assert_eq!(ClientMessage::decode(&message.encode()), Ok(message));
/// ```
pub trait Message: Sized + Serialize {
    /// Reads one message.
    ///
    /// Unknown fields are ignored. The length is checked before anything is read.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] tells a message that is too long from one of an unknown type and from one
    /// that is malformed, and names the request id where it could be read, so it can be answered.
    fn decode(text: &str) -> Result<Self, DecodeError>;

    /// Writes the message as one JSON object.
    fn encode(&self) -> String {
        serde_json::to_string(self).expect(HAS_FORM)
    }

    /// Writes the message as [`encode`](Self::encode) does, behind what the buffer holds. Whoever
    /// writes many messages needs one buffer for all of them.
    fn encode_to(&self, buffer: &mut Vec<u8>) {
        #[cfg(feature = "std")]
        serde_json::to_writer(buffer, self).expect(HAS_FORM);
        // Without std the library writes into nothing but a buffer of its own.
        #[cfg(not(feature = "std"))]
        buffer.extend(serde_json::to_vec(self).expect(HAS_FORM));
    }

    /// The type of the message as it stands in `t`.
    fn kind(&self) -> &'static str;
}

/// The types hold only strings, numbers and maps with string keys.
const HAS_FORM: &str = "a message of the protocol always has a JSON form";

/// Why a text is not a message.
///
/// Its text may be sent back and logged: it names fields and limits, never values. The one
/// exception is the first bad character of an id.
///
/// ```
/// use coview_wire::{ClientMessage, DecodeError, Message, RequestId};
///
/// let from_a_newer_peer = ClientMessage::decode(r#"{"t":"wave","re":7}"#).unwrap_err();
/// assert_eq!(from_a_newer_peer, DecodeError::UnknownType { re: Some(RequestId::new(7)) });
///
/// let text = r#"{"t":"hello","re":0,"version":1,"group":"g","token":["s3cr3t"],"app":"active"}"#;
/// let told = ClientMessage::decode(text).unwrap_err().to_string();
/// assert!(told.starts_with("malformed message: wrong type or value, expected client token"));
/// assert!(!told.contains("s3cr3t"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// Longer than [`limits::MESSAGE_BYTES`]. Nothing was read.
    #[error("the message has {bytes} bytes; at most {max} are allowed", max = limits::MESSAGE_BYTES)]
    TooLong {
        /// The length of the message.
        bytes: usize,
    },
    /// The type is not one this side knows. A newer peer may say more: answer, and go on.
    #[error("unknown message type")]
    UnknownType {
        /// The request id, if the message has one.
        re: Option<RequestId>,
    },
    /// Not JSON, not an object, without a type, or with a field missing or out of its limits.
    #[error("malformed message: {fault}")]
    Malformed {
        /// The request id, if it could be read.
        re: Option<RequestId>,
        /// What is wrong and where. It names fields and limits, never values.
        fault: String,
    },
}

impl DecodeError {
    /// The request id of the message, if it could be read.
    #[must_use]
    pub const fn request(&self) -> Option<RequestId> {
        match self {
            Self::TooLong { .. } => None,
            Self::UnknownType { re } | Self::Malformed { re, .. } => *re,
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Head<'a> {
    #[serde(borrow)]
    pub(crate) t: Cow<'a, str>,
    #[serde(default)]
    pub(crate) re: Option<RequestId>,
}

pub(crate) fn head(text: &str) -> Result<Head<'_>, DecodeError> {
    if text.len() > limits::MESSAGE_BYTES {
        return Err(DecodeError::TooLong { bytes: text.len() });
    }
    // A struct may be read from a JSON array as well; a message may not.
    if !text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{') {
        return Err(DecodeError::Malformed { re: None, fault: "not a JSON object".to_string() });
    }
    serde_json::from_str(text).map_err(|error| malformed(None, &error))
}

/// The word in `t` of a message that can be read at once into the struct the word names, because
/// [`head`] would find nothing to object to if that succeeds.
///
/// That is so for what every encoder writes: `t` first and then `re`, if it has one. What follows has
/// neither of them again, in whatever depth, and no escape that could spell one. Of any other message
/// this tells nothing, whether it is good or not.
pub(crate) fn plain_word(text: &str) -> Option<&str> {
    /// So many digits are a request id, whatever they are.
    const DIGITS: usize = 15;
    if text.len() > limits::MESSAGE_BYTES {
        return None;
    }
    let (word, mut rest) = text.strip_prefix(r#"{"t":""#)?.split_once('"')?;
    if let Some(number) = rest.strip_prefix(r#","re":"#) {
        rest = number.trim_start_matches(|c: char| c.is_ascii_digit());
        let digits = number.len() - rest.len();
        if digits == 0 || digits > DIGITS || !rest.starts_with([',', '}']) {
            return None;
        }
    }
    let mut rest = rest.as_bytes();
    while let [first, after @ ..] = rest {
        let odd = match first {
            b'"' => after.starts_with(b"t\"") || after.starts_with(b"re\""),
            b'\\' => after.starts_with(b"u"),
            _ => false,
        };
        if odd {
            return None;
        }
        rest = after;
    }
    Some(word)
}

pub(crate) fn malformed(re: Option<RequestId>, error: &serde_json::Error) -> DecodeError {
    /// How serde begins the faults in which it quotes what it found.
    const QUOTING: [&str; 5] =
        ["invalid type", "invalid value", "invalid length", "unknown variant", "unknown field"];
    let told = error.to_string();
    let fault = if QUOTING.iter().any(|start| told.starts_with(start)) {
        // What was found may be personal. What was expected is a fixed text without this separator,
        // so the last part is free of it whatever was found.
        let expected = told.rsplit(", expected ").next().unwrap_or_default();
        alloc::format!("wrong type or value, expected {expected}")
    } else {
        told
    };
    DecodeError::Malformed { re, fault }
}

/// Reads a field that may be left out, and takes `null` for the same.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Reads a list of at most `max` items; what follows the last allowed one is never kept.
pub(crate) fn list<'de, D, T>(
    what: &'static str,
    max: usize,
    deserializer: D,
) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct List<T> {
        what: &'static str,
        max: usize,
        items: PhantomData<T>,
    }

    impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for List<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.what)
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
            let mut items = Vec::new();
            while let Some(item) = seq.next_element()? {
                if items.len() == self.max {
                    let Self { what, max, .. } = self;
                    return Err(serde::de::Error::custom(TextError::TooMany { what, max }));
                }
                items.push(item);
            }
            Ok(items)
        }
    }

    deserializer.deserialize_seq(List { what, max, items: PhantomData })
}

/// Reads the guests of a session.
pub(crate) fn guests<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<AgentCard>, D::Error> {
    list("list of guests", limits::GUESTS, d)
}

/// Declares a message enum: every variant holds its own struct and has its word in `t`.
///
/// Decoding reads the one struct that `t` names, so nothing is buffered and the limits of every field
/// hold while it is read. Where `t` is not plain to see it is read first, by itself; and so it is if
/// anything is wrong, so that one thing alone decides what is.
macro_rules! messages {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$vmeta:meta])* $variant:ident = $word:literal, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, derive_more::From)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(tag = "t")]
        pub enum $name {
            $(
                $(#[$vmeta])*
                #[serde(rename = $word)]
                $variant($variant),
            )+
        }

        impl $name {
            /// Every word that may stand in `t`, in declaration order.
            pub const KINDS: &'static [&'static str] = &[$($word,)+];

            /// Reads the struct that a word names, if it names one.
            fn read(word: &str, text: &str) -> Option<serde_json::Result<Self>> {
                match word {
                    $($word => Some(serde_json::from_str(text).map(Self::$variant)),)+
                    _ => None,
                }
            }
        }

        impl crate::codec::Message for $name {
            fn decode(text: &str) -> Result<Self, crate::codec::DecodeError> {
                if let Some(word) = crate::codec::plain_word(text)
                    && let Some(Ok(message)) = Self::read(word, text)
                {
                    return Ok(message);
                }
                let head = crate::codec::head(text)?;
                match Self::read(&head.t, text) {
                    Some(read) => read.map_err(|error| crate::codec::malformed(head.re, &error)),
                    None => Err(crate::codec::DecodeError::UnknownType { re: head.re }),
                }
            }

            fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $word,)+ }
            }
        }
    };
}

/// A struct that is (part of) a message: public fields, one line of JSON.
macro_rules! payload {
    ($(#[$meta:meta])* pub struct $name:ident { $($body:tt)* }) => {
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        $(#[$meta])*
        pub struct $name { $($body)* }
    };
}

pub(crate) use messages;
pub(crate) use payload;

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    /// What every encoder of these types writes.
    const WRITTEN: [&str; 4] = [
        include_str!("../tests/snapshots/messages__json_of_agent_messages.snap"),
        include_str!("../tests/snapshots/messages__json_of_agent_notices.snap"),
        include_str!("../tests/snapshots/messages__json_of_client_messages.snap"),
        include_str!("../tests/snapshots/messages__json_of_server_messages.snap"),
    ];

    #[test]
    fn what_is_written_is_read_at_once_unless_another_number_is_within() {
        let mut slow = Vec::new();
        let lines = WRITTEN.into_iter().flat_map(str::lines).filter(|line| line.starts_with('{'));
        for line in lines {
            match plain_word(line) {
                Some(word) => assert!(line.starts_with(&format!(r#"{{"t":"{word}""#)), "{line}"),
                None => slow.push(line),
            }
        }
        assert!(slow.iter().all(|line| line.starts_with(r#"{"t":"resumed""#)), "{slow:#?}");
        assert_eq!(plain_word(r#"{"t":"ping"}"#), Some("ping"));
    }

    #[test]
    fn a_type_or_number_that_may_stand_twice_or_be_wrong_is_not_plain() {
        for text in [
            r#" {"t":"ping"}"#,
            r#"{"t" :"ping"}"#,
            r#"{"re":1,"t":"log_out"}"#,
            r#"{"t":"ping","t":"bye"}"#,
            r#"{"t":"ping","\u0074":"bye"}"#,
            r#"{"t":"ping","more":{"t":1}}"#,
            r#"{"t":"log_out","re":1,"r\u0065":2}"#,
            r#"{"t":"log_out","re":1,"re":2}"#,
            r#"{"t":"log_out","re":1,"\u0072e":2}"#,
            r#"{"t":"log_out","x":0,"re":1}"#,
            r#"{"t":"log_out", "re":1}"#,
            r#"{"t":"log_out","re": 1}"#,
            r#"{"t":"log_out","re":"1"}"#,
            r#"{"t":"log_out","re":1.0}"#,
            r#"{"t":"log_out","re":-1}"#,
            r#"{"t":"log_out","re":1234567890123456}"#,
        ] {
            assert_eq!(plain_word(text), None, "{text}");
        }
        let long = format!(r#"{{"t":"ping","x":"{}"}}"#, "x".repeat(limits::MESSAGE_BYTES - 19));
        assert_eq!((long.len(), plain_word(&long)), (limits::MESSAGE_BYTES, Some("ping")));
        assert_eq!(plain_word(&format!("{long} ")), None);
    }
}
