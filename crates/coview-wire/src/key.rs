use core::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use thiserror::Error;

use crate::limits::KEY_DIGITS_MAX;
use crate::limits::KEY_DIGITS_MIN;

/// The key of a manually started session: 6 to 12 decimal digits, the last a Damm check digit.
///
/// The check digit catches every single mistyped digit and every swap of two neighbours, so a slip
/// of the tongue or the finger never opens a stranger's session and never reaches the server.
///
/// A key is a secret: `Debug` redacts it and there is no `Display`. Only the start tracker makes
/// something that can be shown from it (`coview_start::DisplayKey`).
///
/// ```
/// use coview_wire::{KeyError, SessionKey};
///
/// let key = SessionKey::parse("123 456 786")?;
/// assert_eq!(key, SessionKey::parse("123-456-786")?);
/// assert_eq!(SessionKey::parse("123 456 876"), Err(KeyError::Mistyped));
/// assert_eq!(format!("{key:?}"), "SessionKey(redacted)");
/// # Ok::<(), KeyError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey {
    digits: [u8; KEY_DIGITS_MAX as usize],
    len: u8,
}

/// Why a text is not a session key. No variant repeats what was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum KeyError {
    /// Something else than digits, spaces and hyphens.
    #[error("a key has only digits, with spaces or hyphens between them")]
    NotDigits,
    /// Too few or too many digits.
    #[error("a key has {KEY_DIGITS_MIN} to {KEY_DIGITS_MAX} digits, this has {found}")]
    Length {
        /// How many digits there were; counting stops at one more than the longest key.
        found: u8,
    },
    /// The check digit does not fit: a digit is wrong or two neighbours are swapped. Ask for the
    /// key again; the server need not be asked.
    #[error("mistyped: the check digit does not fit; ask for the key again")]
    Mistyped,
}

/// How many digits a group's keys have, check digit included: 6 to 12, by default 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(transparent, extend("minimum" = 6, "maximum" = 12)))]
pub struct KeyLength(u8);

impl SessionKey {
    /// Reads a key as a person types it: digits, with spaces or hyphens anywhere between.
    ///
    /// # Errors
    ///
    /// [`KeyError`] says whether the text is no number, has the wrong length or is mistyped.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut digits = [0; KEY_DIGITS_MAX as usize];
        let mut len: u8 = 0;
        for c in text.chars() {
            match c {
                ' ' | '-' | '\u{a0}' | '\u{202f}' => {}
                '0'..='9' => {
                    if len == KEY_DIGITS_MAX {
                        return Err(KeyError::Length { found: KEY_DIGITS_MAX + 1 });
                    }
                    digits[usize::from(len)] = c as u8 - b'0';
                    len += 1;
                }
                _ => return Err(KeyError::NotDigits),
            }
        }
        if len < KEY_DIGITS_MIN {
            return Err(KeyError::Length { found: len });
        }
        if damm(&digits[..usize::from(len)]) != 0 {
            return Err(KeyError::Mistyped);
        }
        Ok(Self { digits, len })
    }

    /// Makes a key of `length` digits from random digits: `draw` is called once for each digit but
    /// the last and must answer 0 to 9, evenly spread; the check digit is added.
    #[must_use]
    pub fn random(length: KeyLength, mut draw: impl FnMut() -> u8) -> Self {
        let mut digits = [0; KEY_DIGITS_MAX as usize];
        let payload = usize::from(length.0 - 1);
        for digit in &mut digits[..payload] {
            *digit = draw() % 10;
        }
        digits[payload] = damm(&digits[..payload]);
        Self { digits, len: length.0 }
    }

    /// How many digits the key has.
    #[must_use]
    pub const fn length(&self) -> KeyLength {
        KeyLength(self.len)
    }

    /// Writes the digits in groups of three, as they are read out: `123 456 786`. A single digit
    /// never stands alone; it joins the group before it.
    ///
    /// This prints the secret. A visitor's app shows a key only through the start tracker.
    ///
    /// # Errors
    ///
    /// Only those of the writer.
    pub fn write_grouped(&self, to: &mut impl fmt::Write) -> fmt::Result {
        let len = usize::from(self.len);
        for (at, digit) in self.digits[..len].iter().enumerate() {
            if at > 0 && at % 3 == 0 && len - at > 1 {
                to.write_char(' ')?;
            }
            to.write_char(char::from(b'0' + digit))?;
        }
        Ok(())
    }

    fn ascii(&self) -> [u8; KEY_DIGITS_MAX as usize] {
        self.digits.map(|digit| b'0' + digit)
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(redacted)")
    }
}

impl Serialize for SessionKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ascii = self.ascii();
        let text = core::str::from_utf8(&ascii[..usize::from(self.len)])
            .expect("digits are ASCII, so the text is UTF-8");
        serializer.serialize_str(text)
    }
}

impl<'de> Deserialize<'de> for SessionKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = SessionKey;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a session key")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SessionKey, E> {
                SessionKey::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for SessionKey {
    fn schema_name() -> alloc::borrow::Cow<'static, str> {
        "SessionKey".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9]{6,12}$",
            "description": "6 to 12 digits without spaces, the last a Damm check digit.",
        })
    }
}

impl KeyLength {
    /// A key length in digits, check digit included. `None` outside 6 to 12.
    #[must_use]
    pub const fn new(digits: u8) -> Option<Self> {
        if digits < KEY_DIGITS_MIN || digits > KEY_DIGITS_MAX { None } else { Some(Self(digits)) }
    }

    /// The number of digits.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Default for KeyLength {
    fn default() -> Self {
        Self(9)
    }
}

impl<'de> Deserialize<'de> for KeyLength {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = u8::deserialize(deserializer)?;
        Self::new(digits).ok_or_else(|| {
            serde::de::Error::custom(format_args!(
                "key length is not within {KEY_DIGITS_MIN} to {KEY_DIGITS_MAX} digits"
            ))
        })
    }
}

/// The quasi-group of H. Michael Damm's thesis (2004): totally anti-symmetric, zeros on the diagonal.
const DAMM: [[u8; 10]; 10] = [
    [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
    [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
    [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
    [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
    [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
    [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
    [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
    [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
    [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
    [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
];

/// The check digit of `digits`; zero when they already end in the right one.
fn damm(digits: &[u8]) -> u8 {
    digits.iter().fold(0, |row, digit| DAMM[usize::from(row)][usize::from(*digit)])
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_published_example_of_the_damm_algorithm() {
        assert_eq!(damm(&[5, 7, 2]), 4);
        assert_eq!(damm(&[5, 7, 2, 4]), 0);
    }

    #[test]
    fn keys_are_grouped_in_threes_and_no_digit_stands_alone() {
        let shown: alloc::vec::Vec<String> = (6..=12)
            .map(|digits| {
                let mut next = 0;
                let key = SessionKey::random(KeyLength::new(digits).unwrap(), || {
                    next += 1;
                    next % 10
                });
                let mut text = String::new();
                key.write_grouped(&mut text).unwrap();
                text
            })
            .collect();
        insta::assert_debug_snapshot!(shown);
    }

    fn any_key() -> impl Strategy<Value = SessionKey> {
        (6u8..=12, proptest::collection::vec(0u8..10, 12)).prop_map(|(len, digits)| {
            let mut at = 0;
            SessionKey::random(KeyLength::new(len).unwrap(), || {
                at += 1;
                digits[at - 1]
            })
        })
    }

    fn text_of(key: &SessionKey) -> String {
        key.digits[..usize::from(key.len)].iter().map(|d| char::from(b'0' + d)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn one_wrong_digit_is_mistyped(key in any_key(), at in 0usize..12, shift in 1u8..10) {
            let mut text = text_of(&key).into_bytes();
            let at = at % text.len();
            text[at] = b'0' + (text[at] - b'0' + shift) % 10;
            let text = String::from_utf8(text).unwrap();
            prop_assert_eq!(SessionKey::parse(&text), Err(KeyError::Mistyped));
        }

        #[test]
        fn swapped_neighbours_are_mistyped(key in any_key(), at in 0usize..11) {
            let mut text = text_of(&key).into_bytes();
            let at = at % (text.len() - 1);
            prop_assume!(text[at] != text[at + 1]);
            text.swap(at, at + 1);
            let text = String::from_utf8(text).unwrap();
            prop_assert_eq!(SessionKey::parse(&text), Err(KeyError::Mistyped));
        }

        #[test]
        fn a_key_reads_back_as_written(key in any_key()) {
            let mut grouped = String::new();
            key.write_grouped(&mut grouped).unwrap();
            prop_assert_eq!(SessionKey::parse(&grouped), Ok(key));
            prop_assert_eq!(SessionKey::parse(&text_of(&key)), Ok(key));
        }
    }
}
