use alloc::sync::Arc;
use core::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use thiserror::Error;

use crate::limits;

/// Why a text is not an id. Each variant names the fault, so a form can point at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum IdError {
    /// The text is empty. An id needs at least one character.
    #[error("{what} is empty; it needs 1 to {max} characters")]
    Empty {
        /// Which id was asked for.
        what: &'static str,
        /// The longest such id.
        max: usize,
    },
    /// The text is too long. Shorten it, for example by a hash of the record's own id.
    #[error("{what} has {len} characters; it may have at most {max}")]
    TooLong {
        /// Which id was asked for.
        what: &'static str,
        /// How many characters the text has.
        len: usize,
        /// The longest such id.
        max: usize,
    },
    /// A character outside the alphabet.
    #[error("{what} has {found:?} at position {at}; only {alphabet} are allowed")]
    BadCharacter {
        /// Which id was asked for.
        what: &'static str,
        /// The first character that is not allowed.
        found: char,
        /// Its position, counted from 0 in characters.
        at: usize,
        /// The characters that are allowed.
        alphabet: &'static str,
    },
}

fn check(
    what: &'static str,
    max: usize,
    alphabet: &'static str,
    allowed: fn(char) -> bool,
    text: &str,
) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty { what, max });
    }
    // Nearly every id is good, and every character that may be in one is a single byte.
    if text.len() <= max && text.bytes().all(|byte| allowed(char::from(byte))) {
        return Ok(());
    }
    if let Some((at, found)) = text.chars().enumerate().take(max + 1).find(|(_, c)| !allowed(*c)) {
        return Err(IdError::BadCharacter { what, found, at, alphabet });
    }
    let len = text.chars().count();
    if len > max {
        return Err(IdError::TooLong { what, len, max });
    }
    Ok(())
}

macro_rules! text_id {
    ($(#[$meta:meta])* $name:ident, $what:literal, $max:expr, $alphabet:literal, $pattern:literal, $allowed:expr) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[cfg_attr(feature = "schema", schemars(transparent, extend("pattern" = $pattern)))]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text and makes the id.
            ///
            /// # Errors
            ///
            /// [`IdError`] names what is wrong: empty, too long, or the first character that is
            /// not allowed and where it stands.
            pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
                let text = text.as_ref();
                check($what, $max, $alphabet, $allowed, text)?;
                Ok(Self(Arc::from(text)))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl core::str::FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl serde::de::Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($what)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::new(text).map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    };
}

text_id! {
    /// Who the visitor is in the app's own records, known once the visitor has logged in.
    ///
    /// 1 to 62 characters of `A–Z a–z 0–9 - _ ~`. It is not a secret and proves nothing by itself.
    ///
    /// ```
    /// use coview_wire::VisitorId;
    ///
    /// assert!(VisitorId::new("customer-42").is_ok());
    /// assert_eq!(
    ///     VisitorId::new("customer 42").unwrap_err().to_string(),
    ///     "visitor id has ' ' at position 8; only A-Z a-z 0-9 - _ ~ are allowed",
    /// );
    /// ```
    VisitorId, "visitor id", limits::VISITOR_ID, "A-Z a-z 0-9 - _ ~", "^[A-Za-z0-9_~-]{1,62}$",
    |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '~')
}

text_id! {
    /// The group a visitor and the agents belong to: one customer of the operator.
    ///
    /// 1 to 32 characters of `A–Z a–z 0–9 - _`. It is given once, when the visitor connects, and
    /// never changes: nothing crosses groups.
    GroupId, "group id", limits::GROUP_ID, "A-Z a-z 0-9 - _", "^[A-Za-z0-9_-]{1,32}$",
    |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

text_id! {
    /// Who the agent is in the operator's own records.
    ///
    /// 1 to 62 characters of `A–Z a–z 0–9 - _ ~`.
    AgentId, "agent id", limits::AGENT_ID, "A-Z a-z 0-9 - _ ~", "^[A-Za-z0-9_~-]{1,62}$",
    |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '~')
}

macro_rules! number_id {
    ($(#[$meta:meta])* $name:ident, $what:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[cfg_attr(feature = "schema", schemars(transparent, extend("minimum" = 0, "maximum" = limits::NUMBER_MAX)))]
        pub struct $name(u64);

        impl $name {
            /// The id with this number, cut to the 53 bits every JSON reader keeps exactly.
            #[must_use]
            pub const fn new(number: u64) -> Self {
                Self(number & limits::NUMBER_MAX)
            }

            /// The number of the id.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The id after this one.
            #[must_use]
            pub const fn next(self) -> Self {
                Self::new(self.0.wrapping_add(1))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Number;
                impl serde::de::Visitor<'_> for Number {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!($what, " as a whole number from 0"))
                    }

                    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<$name, E> {
                        if number > limits::NUMBER_MAX {
                            return Err(E::custom(concat!($what, " is above 2^53 - 1")));
                        }
                        Ok($name(number))
                    }
                }
                deserializer.deserialize_u64(Number)
            }
        }
    };
}

number_id! {
    /// Numbers the messages of one client upwards. A reply names the message it answers, and after
    /// a reconnect the server says the highest number it has seen.
    RequestId, "request id"
}

number_id! {
    /// One start of a session, numbered by the visitor's side. A late message about an earlier
    /// start is told apart by it.
    StartId, "start id"
}

number_id! {
    /// One session, numbered by the server.
    SessionId, "session id"
}

number_id! {
    /// One request of an agent to share (one-click), numbered by the server: upwards while a
    /// connection lasts, so that a repetition is told from a new request.
    AskId, "ask id"
}

number_id! {
    /// One stay in presence, numbered by the server.
    PresenceId, "presence id"
}

number_id! {
    /// One agent's wait to be let in by the visitor (manual start), numbered by the server.
    JoinId, "join id"
}
