use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use thiserror::Error;

use crate::id::AgentId;
use crate::limits;

/// Why a text was not taken. The text itself is not repeated: it may be personal or secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum TextError {
    /// The text is empty where something must stand.
    #[error("{what} is empty")]
    Empty {
        /// What the text was for.
        what: &'static str,
    },
    /// The text is too long.
    #[error("{what} is longer than {max}")]
    TooLong {
        /// What the text was for.
        what: &'static str,
        /// The longest allowed.
        max: usize,
    },
    /// The text has a control character, such as a line break or an escape.
    #[error("{what} has a control character")]
    Control {
        /// What the text was for.
        what: &'static str,
    },
    /// A key of presence data or a language tag has a character it may not have.
    #[error("{what} may have only {allowed}")]
    Alphabet {
        /// What the text was for.
        what: &'static str,
        /// The characters it may have.
        allowed: &'static str,
    },
    /// Too many entries.
    #[error("{what} has more than {max} entries")]
    TooMany {
        /// What the entries are.
        what: &'static str,
        /// The most allowed.
        max: usize,
    },
    /// Too many bytes in all.
    #[error("{what} has more than {max} bytes")]
    TooLarge {
        /// What the bytes are of.
        what: &'static str,
        /// The most allowed.
        max: usize,
    },
}

pub(crate) fn line(what: &'static str, max: usize, text: &str) -> Result<Box<str>, TextError> {
    check_line(what, max, text)?;
    Ok(Box::from(text))
}

fn check_line(what: &'static str, max: usize, text: &str) -> Result<(), TextError> {
    // Bytes bound characters from above, so most texts are counted once only.
    if text.len() > max && text.chars().take(max + 1).count() > max {
        return Err(TextError::TooLong { what, max });
    }
    if text.chars().any(char::is_control) {
        return Err(TextError::Control { what });
    }
    Ok(())
}

/// Reads a string field with a limit, without copying it first.
macro_rules! bounded {
    ($name:ident, $what:literal, $max:expr, $check:path) => {
        pub(crate) fn $name<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Box<str>>, D::Error> {
            struct Text;
            impl<'de> serde::de::Visitor<'de> for Text {
                type Value = Option<Box<str>>;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(concat!($what, " as text"))
                }

                fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                    $check($what, $max, text).map(Some).map_err(E::custom)
                }

                fn visit_none<E: serde::de::Error>(self) -> Result<Self::Value, E> {
                    Ok(None)
                }

                fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
                    Ok(None)
                }

                fn visit_some<D: Deserializer<'de>>(
                    self,
                    inner: D,
                ) -> Result<Self::Value, D::Error> {
                    inner.deserialize_str(self)
                }
            }
            deserializer.deserialize_option(Text)
        }
    };
}

bounded!(profile_name, "name", limits::PROFILE_NAME, line);
bounded!(profile_email, "e-mail address", limits::PROFILE_EMAIL, line);
bounded!(profile_phone, "phone number", limits::PROFILE_PHONE, line);
bounded!(explanation, "explanation", limits::EXPLANATION, line);

fn agent_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<str>, D::Error> {
    bounded!(name, "agent name", limits::AGENT_NAME, line);
    name(deserializer)?
        .filter(|name| !name.is_empty())
        .ok_or_else(|| serde::de::Error::custom("agent name is empty"))
}

/// What the visitor's app tells about the person: name, e-mail address, phone number, each optional.
///
/// It is shown to agents of the group and is otherwise private: `Debug` tells only what is present.
///
/// ```
/// use coview_wire::Profile;
///
/// let profile = Profile::new().with_name("Ada Lovelace")?.with_email("ada@example.org")?;
/// assert_eq!(profile.name(), Some("Ada Lovelace"));
/// assert_eq!(format!("{profile:?}"), "Profile { name: set, email: set, phone: unset }");
/// # Ok::<(), coview_wire::TextError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Profile {
    #[serde(default, deserialize_with = "profile_name", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = limits::PROFILE_NAME)))]
    name: Option<Box<str>>,
    #[serde(default, deserialize_with = "profile_email", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = limits::PROFILE_EMAIL)))]
    email: Option<Box<str>>,
    #[serde(default, deserialize_with = "profile_phone", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = limits::PROFILE_PHONE)))]
    phone: Option<Box<str>>,
}

impl Profile {
    /// An empty profile.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The profile with this name, at most 63 characters.
    ///
    /// # Errors
    ///
    /// [`TextError`] if it is too long or has a control character.
    pub fn with_name(mut self, name: &str) -> Result<Self, TextError> {
        self.name = Some(line("name", limits::PROFILE_NAME, name)?);
        Ok(self)
    }

    /// The profile with this e-mail address, at most 127 characters. Its form is not checked.
    ///
    /// # Errors
    ///
    /// [`TextError`] if it is too long or has a control character.
    pub fn with_email(mut self, email: &str) -> Result<Self, TextError> {
        self.email = Some(line("e-mail address", limits::PROFILE_EMAIL, email)?);
        Ok(self)
    }

    /// The profile with this phone number, at most 31 characters. Its form is not checked.
    ///
    /// # Errors
    ///
    /// [`TextError`] if it is too long or has a control character.
    pub fn with_phone(mut self, phone: &str) -> Result<Self, TextError> {
        self.phone = Some(line("phone number", limits::PROFILE_PHONE, phone)?);
        Ok(self)
    }

    /// The visitor's name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The visitor's e-mail address.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// The visitor's phone number.
    #[must_use]
    pub fn phone(&self) -> Option<&str> {
        self.phone.as_deref()
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.name.is_none() && self.email.is_none() && self.phone.is_none()
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = |field: &Option<Box<str>>| {
            if field.is_some() { format_args!("set") } else { format_args!("unset") }
        };
        f.debug_struct("Profile")
            .field("name", &set(&self.name))
            .field("email", &set(&self.email))
            .field("phone", &set(&self.phone))
            .finish()
    }
}

/// An agent as a visitor or another agent sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgentCard {
    /// The agent's id.
    pub agent: AgentId,
    /// The name to show: 1 to 64 characters.
    #[serde(deserialize_with = "agent_name")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = limits::AGENT_NAME)))]
    name: Box<str>,
}

impl AgentCard {
    /// An agent with a name to show, 1 to 64 characters.
    ///
    /// # Errors
    ///
    /// [`TextError`] if the name is empty, too long or has a control character.
    pub fn new(agent: AgentId, name: &str) -> Result<Self, TextError> {
        if name.is_empty() {
            return Err(TextError::Empty { what: "agent name" });
        }
        Ok(Self { agent, name: line("agent name", limits::AGENT_NAME, name)? })
    }

    /// The name to show.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What the app tells agents about where the visitor is: a flat map of text, such as the page.
///
/// At most 32 entries and, keys and values together, 4,096 bytes; keys of 1 to 64 characters of
/// `A–Z a–z 0–9 . - _`, values of at most 256 characters without control characters. `Debug` tells
/// only the number of entries.
///
/// ```
/// use coview_wire::PresenceData;
///
/// let data = PresenceData::new().with("page", "/cart")?;
/// assert_eq!(data.get("page"), Some("/cart"));
/// # Ok::<(), coview_wire::TextError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
pub struct PresenceData(BTreeMap<Box<str>, Box<str>>);

/// A change of presence data: entries to set and, where the value is absent, entries to remove.
///
/// ```
/// use coview_wire::{PresenceData, PresencePatch};
///
/// let mut data = PresenceData::new().with("page", "/cart")?.with("theme", "dark")?;
/// let patch = PresencePatch::new().set("page", "/pay")?.remove("theme")?;
/// data.merge(&patch)?;
/// assert_eq!(data, PresenceData::new().with("page", "/pay")?);
/// # Ok::<(), coview_wire::TextError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
pub struct PresencePatch(BTreeMap<Box<str>, Option<Box<str>>>);

const TOO_MANY: TextError =
    TextError::TooMany { what: "presence data", max: limits::PRESENCE_ENTRIES };
const TOO_LARGE: TextError =
    TextError::TooLarge { what: "presence data", max: limits::PRESENCE_BYTES };

/// What counts towards the bytes of presence data, beside its key.
trait Bytes {
    fn bytes(&self) -> usize;
}

impl Bytes for Box<str> {
    fn bytes(&self) -> usize {
        self.len()
    }
}

impl<V: Bytes> Bytes for Option<V> {
    fn bytes(&self) -> usize {
        self.as_ref().map_or(0, Bytes::bytes)
    }
}

/// Checks the entries of presence data, or of a patch, all together.
fn within_limits<V: Bytes>(entries: &BTreeMap<Box<str>, V>) -> Result<(), TextError> {
    if entries.len() > limits::PRESENCE_ENTRIES {
        return Err(TOO_MANY);
    }
    let bytes: usize = entries.iter().map(|(key, value)| key.len() + value.bytes()).sum();
    if bytes > limits::PRESENCE_BYTES { Err(TOO_LARGE) } else { Ok(()) }
}

fn presence_key(key: &str) -> Result<Box<str>, TextError> {
    const WHAT: &str = "key of presence data";
    if key.is_empty() {
        return Err(TextError::Empty { what: WHAT });
    }
    let key = line(WHAT, limits::PRESENCE_KEY, key)?;
    if !key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')) {
        return Err(TextError::Alphabet { what: WHAT, allowed: "A-Z a-z 0-9 . - _" });
    }
    Ok(key)
}

fn presence_value(value: &str) -> Result<Box<str>, TextError> {
    line("value of presence data", limits::PRESENCE_VALUE, value)
}

impl PresenceData {
    /// No data.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The data with this entry set.
    ///
    /// # Errors
    ///
    /// [`TextError`] if key or value break a limit, or there would be more than 32 entries or
    /// 4,096 bytes.
    pub fn with(mut self, key: &str, value: &str) -> Result<Self, TextError> {
        self.0.insert(presence_key(key)?, presence_value(value)?);
        within_limits(&self.0).map(|()| self)
    }

    /// The value of an entry.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|value| &**value)
    }

    /// The entries in order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Applies a patch: sets and removes its entries, keeps the rest.
    ///
    /// # Errors
    ///
    /// [`TextError::TooMany`] if more than 32 entries would result, [`TextError::TooLarge`] if more
    /// than 4,096 bytes; nothing is changed then.
    pub fn merge(&mut self, patch: &PresencePatch) -> Result<(), TextError> {
        let mut merged = self.0.clone();
        for (key, value) in &patch.0 {
            match value {
                Some(value) => drop(merged.insert(key.clone(), value.clone())),
                None => drop(merged.remove(key)),
            }
        }
        within_limits(&merged)?;
        self.0 = merged;
        Ok(())
    }
}

impl PresencePatch {
    /// A patch that changes nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The patch that also sets this entry.
    ///
    /// # Errors
    ///
    /// [`TextError`] if key or value break a limit, or the patch has more than 32 entries or 4,096
    /// bytes.
    pub fn set(mut self, key: &str, value: &str) -> Result<Self, TextError> {
        self.0.insert(presence_key(key)?, Some(presence_value(value)?));
        within_limits(&self.0).map(|()| self)
    }

    /// The patch that also removes this entry.
    ///
    /// # Errors
    ///
    /// [`TextError`] if the key breaks a limit, or the patch has more than 32 entries or 4,096
    /// bytes.
    pub fn remove(mut self, key: &str) -> Result<Self, TextError> {
        self.0.insert(presence_key(key)?, None);
        within_limits(&self.0).map(|()| self)
    }

    /// The one patch that changes what this patch and then a later one change.
    ///
    /// ```
    /// use coview_wire::PresencePatch;
    ///
    /// let first = PresencePatch::new().set("page", "/cart")?.set("theme", "dark")?;
    /// let later = PresencePatch::new().set("page", "/pay")?.remove("theme")?;
    /// assert_eq!(first.then(&later)?, PresencePatch::new().set("page", "/pay")?.remove("theme")?);
    /// # Ok::<(), coview_wire::TextError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TextError::TooMany`] if the two change more than 32 entries between them,
    /// [`TextError::TooLarge`] if that takes more than 4,096 bytes.
    pub fn then(mut self, later: &Self) -> Result<Self, TextError> {
        self.0.extend(later.0.iter().map(|(key, value)| (key.clone(), value.clone())));
        within_limits(&self.0).map(|()| self)
    }

    /// Whether the patch changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for PresenceData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PresenceData({} entries)", self.0.len())
    }
}

impl fmt::Debug for PresencePatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PresencePatch({} entries)", self.0.len())
    }
}

/// A key of presence data, checked while it is read.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key(Box<str>);

struct Value(Box<str>);

impl Bytes for Value {
    fn bytes(&self) -> usize {
        self.0.len()
    }
}

macro_rules! checked_text {
    ($name:ident, $check:path, $what:literal) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl serde::de::Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($what)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        $check(text).map($name).map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    };
}

checked_text!(Key, presence_key, "a key of presence data as text");
checked_text!(Value, presence_value, "a value of presence data as text");

struct Entries<V>(core::marker::PhantomData<V>);

impl<'de, V: Deserialize<'de> + Bytes> serde::de::Visitor<'de> for Entries<V> {
    type Value = BTreeMap<Box<str>, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a flat map of presence data")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some(Key(key)) = map.next_key()? {
            if entries.len() == limits::PRESENCE_ENTRIES && !entries.contains_key(&key) {
                return Err(serde::de::Error::custom(TOO_MANY));
            }
            entries.insert(key, map.next_value()?);
        }
        within_limits(&entries).map_err(serde::de::Error::custom)?;
        Ok(entries)
    }
}

impl<'de> Deserialize<'de> for PresenceData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = deserializer.deserialize_map(Entries::<Value>(core::marker::PhantomData))?;
        Ok(Self(entries.into_iter().map(|(key, Value(value))| (key, value)).collect()))
    }
}

impl<'de> Deserialize<'de> for PresencePatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries =
            deserializer.deserialize_map(Entries::<Option<Value>>(core::marker::PhantomData))?;
        Ok(Self(entries.into_iter().map(|(key, value)| (key, value.map(|v| v.0))).collect()))
    }
}

#[cfg(feature = "schema")]
macro_rules! presence_schema {
    ($name:ident, $value:tt, $says:literal) => {
        impl schemars::JsonSchema for $name {
            fn schema_name() -> alloc::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "description": $says,
                    "type": "object",
                    "maxProperties": limits::PRESENCE_ENTRIES,
                    "propertyNames": { "pattern": "^[A-Za-z0-9._-]{1,64}$" },
                    "additionalProperties": { "type": $value, "maxLength": limits::PRESENCE_VALUE },
                })
            }
        }
    };
}

#[cfg(feature = "schema")]
presence_schema!(PresenceData, "string", "What the app tells agents about where the visitor is.");
#[cfg(feature = "schema")]
presence_schema!(
    PresencePatch,
    ["string", "null"],
    "Entries to set and, where the value is null, entries to remove."
);

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(entries: &[(&str, Option<&str>)]) -> PresencePatch {
        entries.iter().fold(PresencePatch::new(), |patch, (key, value)| match value {
            Some(value) => patch.set(key, value).unwrap(),
            None => patch.remove(key).unwrap(),
        })
    }

    #[test]
    fn two_patches_at_once_do_what_they_do_one_by_one() {
        let sides = &[None, Some("x"), Some("y")];
        for (before, first, later) in sides.iter().flat_map(|before| {
            sides
                .iter()
                .flat_map(move |first| sides.iter().map(move |later| (before, first, later)))
        }) {
            let mut one_by_one = PresenceData::new();
            if let Some(value) = before {
                one_by_one = one_by_one.with("k", value).unwrap();
            }
            let mut at_once = one_by_one.clone();
            let (first, later) = (patch(&[("k", *first), ("a", None)]), patch(&[("k", *later)]));
            one_by_one.merge(&first).unwrap();
            one_by_one.merge(&later).unwrap();
            at_once.merge(&first.then(&later).unwrap()).unwrap();
            assert_eq!(one_by_one, at_once);
        }
    }

    #[test]
    fn a_patch_of_two_keeps_the_limit() {
        let full = (0..limits::PRESENCE_ENTRIES).fold(PresencePatch::new(), |patch, n| {
            patch.set(&alloc::format!("k{n}"), "v").unwrap()
        });
        assert_eq!(full.clone().then(&patch(&[("other", None)])), Err(TOO_MANY));
        assert!(full.then(&patch(&[("k0", None)])).is_ok());

        let value = "v".repeat(limits::PRESENCE_VALUE);
        let large = (0..15).fold(PresencePatch::new(), |patch, n| {
            patch.set(&alloc::format!("k{n:02}"), &value).unwrap()
        });
        assert_eq!(large.clone().then(&patch(&[("k15", Some(&value))])), Err(TOO_LARGE));
        assert!(large.then(&patch(&[("k14", None), ("k15", Some(&value))])).is_ok());
    }
}
