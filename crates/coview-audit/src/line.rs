use core::fmt;
use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use ring::digest;
use ring::rand::SecureRandom;
use ring::rand::SystemRandom;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;

use crate::record::Fact;
use crate::record::Kind;
use crate::record::Personal;
use crate::record::Record;
use crate::time;

/// The longest line that is read, in bytes. None that is written comes near.
pub(crate) const LONGEST: usize = 64 * 1024;

/// What stands between the part of a line that is hashed and the hash. It stands nowhere before:
/// inside a JSON string a quotation mark has a backslash before it, and no fact has this name.
const BEFORE_HASH: &str = ",\"hash\":\"";

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// What stands in place of a line before the first.
    pub(crate) const NONE: Self = Self([0; 32]);

    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut digest = [0; 32];
        digest.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
        Self(digest)
    }

    /// A digest from its 64 hexadecimal digits, in lower case.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        Some(Self(HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()?))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = [0; 64];
        HEXLOWER.encode_mut(&self.0, &mut text);
        serializer.serialize_str(str::from_utf8(&text).expect("hexadecimal digits are text"))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Digest;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a SHA-256 in 64 hexadecimal digits")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Digest, E> {
                Digest::from_hex(text)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str("a text"), &self))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// A personal field that has not been erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// 16 random bytes in hexadecimal digits. Without them nobody can try out which value was
    /// committed to.
    pub salt: Box<str>,
    /// The value.
    pub value: Box<str>,
}

impl Open {
    fn new(value: &str) -> Self {
        let mut salt = [0; 16];
        SystemRandom::new().fill(&mut salt).expect("the operating system gives random numbers");
        Self { salt: HEXLOWER.encode(&salt).into(), value: value.into() }
    }

    /// What stands in the chain for this value: the SHA-256 of the field's name, the salt as it is
    /// written and the value, with a line feed between them.
    #[must_use]
    pub fn commitment(&self, field: Personal) -> Digest {
        Digest::of(format!("{field}\n{}\n{}", self.salt, self.value).as_bytes())
    }
}

/// One line of the log, in the order in which its fields are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The number of the line, from 1.
    pub seq: u64,
    /// When it was written down, as `2026-11-23T01:20:00Z`.
    pub time: Box<str>,
    /// What it is about: the word of a [`Kind`], or one of a newer version.
    pub kind: Box<str>,
    /// The session it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<u64>,
    /// The request it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<u64>,
    /// What happened; nothing in it tells of a person.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<Box<str>, Fact>,
    /// The commitment to each personal field. It stays when the field is erased.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sealed: BTreeMap<Personal, Digest>,
    /// The `hash` of the line before; 64 zeros on the first.
    pub prev: Digest,
    /// The SHA-256 of all bytes of the line before `,"hash":"`.
    pub hash: Digest,
    /// The personal fields that have not been erased.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub open: BTreeMap<Personal, Open>,
}

/// Why bytes are not a line, whatever stands before them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    Json(String),
    /// It says the same, but is written differently from how it is hashed.
    Form,
    Time,
    Hash,
    Commitment(Personal),
}

impl Line {
    /// The line that says this, after a line with this number and hash.
    pub(crate) fn after(seq: u64, prev: Digest, record: Record) -> Self {
        let Record { kind, time, session, ask, facts, personal } = record;
        debug_assert!(!facts.contains_key("hash"), "a fact has the name of the hash");
        let open: BTreeMap<_, _> =
            personal.into_iter().map(|(field, value)| (field, Open::new(&value))).collect();
        let sealed = open.iter().map(|(field, open)| (*field, open.commitment(*field))).collect();
        let mut line = Self {
            seq: seq + 1,
            time: time::write(time).into(),
            kind: kind.as_str().into(),
            session: session.map(coview_wire::SessionId::get),
            ask: ask.map(coview_wire::AskId::get),
            facts,
            sealed,
            prev,
            hash: Digest::NONE,
            open,
        };
        line.hash = hash(&line.to_text());
        line
    }

    /// The line as it stands in the file, without the line feed.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a line is JSON")
    }

    /// Reads a line, without its line feed, and checks everything about it that needs no other.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let line: Self = serde_json::from_slice(bytes)
            .map_err(|error| Malformed::Json(without_values(&error)))?;
        let text = line.to_text();
        if text.as_bytes() != bytes || line.facts.contains_key("hash") {
            return Err(Malformed::Form);
        }
        if time::read(&line.time).is_none() {
            return Err(Malformed::Time);
        }
        if hash(&text) != line.hash {
            return Err(Malformed::Hash);
        }
        match line
            .open
            .iter()
            .find(|(field, open)| line.sealed.get(*field) != Some(&open.commitment(**field)))
        {
            Some((field, _)) => Err(Malformed::Commitment(*field)),
            None => Ok(line),
        }
    }

    /// What it is about, unless that is of a newer version.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        Kind::from_word(&self.kind)
    }

    /// A personal field, unless it was erased or never there.
    #[must_use]
    pub fn personal(&self, field: Personal) -> Option<&str> {
        self.open.get(&field).map(|open| &*open.value)
    }

    /// A fact that is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.facts.get(name)? {
            Fact::Text(text) => Some(text),
            Fact::Flag(_) | Fact::Number(_) | Fact::List(_) => None,
        }
    }

    /// A fact that is a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.facts.get(name)? {
            Fact::Number(number) => Some(*number),
            Fact::Flag(_) | Fact::Text(_) | Fact::List(_) => None,
        }
    }

    /// The personal fields that were erased.
    pub fn erased(&self) -> impl Iterator<Item = Personal> {
        self.sealed.keys().copied().filter(|field| !self.open.contains_key(field))
    }
}

/// The hash of a line as it is written.
fn hash(text: &str) -> Digest {
    let end = text.find(BEFORE_HASH).unwrap_or(text.len());
    Digest::of(&text.as_bytes()[..end])
}

/// What is wrong with JSON, without a value of it: it may tell of a person.
fn without_values(error: &serde_json::Error) -> String {
    let column = error.column();
    match error.classify() {
        serde_json::error::Category::Eof => "it ends too early".to_owned(),
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => {
            format!("no JSON at column {column}")
        }
        serde_json::error::Category::Data => {
            format!("a field is missing, unknown or of another type at column {column}")
        }
    }
}

#[cfg(test)]
mod tests {
    use coview_wire::SessionId;
    use coview_wire::UnixTime;

    use super::*;

    #[test]
    fn what_looks_like_the_hash_inside_a_value_is_none() {
        let record = Record::new(Kind::GuestJoined, UnixTime::new(0))
            .session(SessionId::new(1))
            .fact("odd", ",\"hash\":\"0000\"")
            .personal(Personal::AgentName, "x\",\"hash\":\"y");
        let line = Line::after(0, Digest::NONE, record);
        let text = line.to_text();
        assert_eq!(text.matches(BEFORE_HASH).count(), 1);
        assert_eq!(Line::read(text.as_bytes()), Ok(line));
    }

    #[test]
    fn a_field_of_a_line_stands_in_one_form_only() {
        let record = Record::new(Kind::Declined, UnixTime::new(0)).fact("a", 1_u32);
        let text = Line::after(0, Digest::NONE, record).to_text();
        for (from, to) in [
            ("\"seq\":1", "\"seq\": 1"),
            ("\"a\":1", "\"a\":1,\"a\":1"),
            ("declined", "d\\u0065clined"),
            ("{\"seq\":1,", "{"),
        ] {
            let other = text.replacen(from, to, 1);
            assert_ne!(other, text);
            let error = Line::read(other.as_bytes()).unwrap_err();
            assert!(matches!(error, Malformed::Form | Malformed::Json(_)), "{other}: {error:?}");
        }
    }
}
