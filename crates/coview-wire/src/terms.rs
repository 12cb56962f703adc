use alloc::boxed::Box;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;

use crate::limits;
use crate::person::TextError;
use crate::person::line;

/// What the visitor is asked to agree to: a version label and the text shown.
///
/// ```
/// use coview_wire::Terms;
///
/// let terms = Terms::new("2026-11", "The agent will see this app's screen until you stop.")?;
/// assert_eq!(terms.version(), "2026-11");
/// # Ok::<(), coview_wire::TextError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Terms {
    /// The label of the version, 1 to 64 characters.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = limits::TERMS_VERSION)))]
    version: Box<str>,
    /// The text, 1 to 8,192 characters; line breaks and tabs are allowed.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = limits::TERMS_TEXT)))]
    text: Box<str>,
    /// The language of the text as a BCP 47 tag, such as `en` or `de-CH`; letters, digits and `-`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("pattern" = "^[A-Za-z0-9-]{1,35}$")))]
    language: Option<Box<str>>,
}

impl Terms {
    /// Terms with a version label of 1 to 64 characters and a text of 1 to 8,192.
    ///
    /// # Errors
    ///
    /// [`TextError`] if either is empty or too long, or the label has a control character.
    pub fn new(version: &str, text: &str) -> Result<Self, TextError> {
        const VERSION: &str = "terms version";
        const TEXT: &str = "terms text";
        for (what, value) in [(VERSION, version), (TEXT, text)] {
            if value.is_empty() {
                return Err(TextError::Empty { what });
            }
        }
        let version = line(VERSION, limits::TERMS_VERSION, version)?;
        if text.len() > limits::TERMS_TEXT && text.chars().count() > limits::TERMS_TEXT {
            return Err(TextError::TooLong { what: TEXT, max: limits::TERMS_TEXT });
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err(TextError::Control { what: TEXT });
        }
        Ok(Self { version, text: Box::from(text), language: None })
    }

    /// The same terms with the language they are written in, as a BCP 47 tag: 1 to 35 of
    /// `A–Z a–z 0–9 -`, such as `en` or `de-CH`. It is for the record and for screen readers.
    ///
    /// # Errors
    ///
    /// [`TextError`] if the tag is empty, too long, or has any other character.
    pub fn with_language(self, tag: &str) -> Result<Self, TextError> {
        const TAG: &str = "terms language";
        if tag.is_empty() {
            return Err(TextError::Empty { what: TAG });
        }
        if tag.len() > limits::TERMS_LANGUAGE {
            return Err(TextError::TooLong { what: TAG, max: limits::TERMS_LANGUAGE });
        }
        if !tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(TextError::Alphabet { what: TAG, allowed: "A-Z a-z 0-9 -" });
        }
        Ok(Self { language: Some(Box::from(tag)), ..self })
    }

    /// The label of the version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The text to show.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The language of the text, if it is told.
    #[must_use]
    pub fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }
}

impl<'de> Deserialize<'de> for Terms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow)]
            version: alloc::borrow::Cow<'a, str>,
            #[serde(borrow)]
            text: alloc::borrow::Cow<'a, str>,
            #[serde(borrow, default)]
            language: Option<alloc::borrow::Cow<'a, str>>,
        }
        let raw = Raw::deserialize(deserializer)?;
        let terms = Self::new(&raw.version, &raw.text).map_err(serde::de::Error::custom)?;
        match raw.language {
            Some(tag) => terms.with_language(&tag).map_err(serde::de::Error::custom),
            None => Ok(terms),
        }
    }
}
