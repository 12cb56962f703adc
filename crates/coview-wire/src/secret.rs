use alloc::boxed::Box;
use core::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;

use crate::limits;
use crate::person::TextError;

macro_rules! secret {
    ($(#[$meta:meta])* $name:ident, $what:literal) => {
        $(#[$meta])*
        #[derive(Clone, Eq)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[cfg_attr(feature = "schema", schemars(transparent, extend("minLength" = 1, "maxLength" = limits::TOKEN_BYTES)))]
        pub struct $name(Box<str>);

        impl $name {
            /// Wraps the text.
            ///
            /// # Errors
            ///
            /// [`TextError`] if it is empty or longer than [`limits::TOKEN_BYTES`]. The error does
            /// not repeat the text.
            pub fn new(text: impl AsRef<str>) -> Result<Self, TextError> {
                let text = text.as_ref();
                if text.is_empty() {
                    return Err(TextError::Empty { what: $what });
                }
                if text.len() > limits::TOKEN_BYTES {
                    return Err(TextError::TooLong { what: $what, max: limits::TOKEN_BYTES });
                }
                Ok(Self(Box::from(text)))
            }

            /// The secret itself. Search for this name to see where secrets are read.
            #[must_use]
            pub fn expose_secret(&self) -> &str {
                &self.0
            }
        }

        /// Compares every byte whatever the first difference is, so that the time tells nothing
        /// but the length.
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                let (a, b) = (self.0.as_bytes(), other.0.as_bytes());
                a.len() == b.len() && a.iter().zip(b).fold(0, |diff, (a, b)| diff | (a ^ b)) == 0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(redacted)"))
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

secret! {
    /// Lets a client take up its place again after the connection broke. Given by the server, kept
    /// in memory only, worth nothing after the grace.
    ///
    /// ```
    /// let secret = coview_wire::ResumeSecret::new("k3J…")?;
    /// assert_eq!(format!("{secret:?}"), "ResumeSecret(redacted)");
    /// # Ok::<(), coview_wire::TextError>(())
    /// ```
    ResumeSecret, "resume secret"
}

secret! {
    /// The token of a group's apps: it admits a visitor to the group, and identifies nobody.
    ClientToken, "client token"
}

secret! {
    /// What the app's backend signed to say who a visitor is: a JWT with visitor id, group and
    /// expiry. It goes in `identify`.
    VisitorAssertion, "visitor assertion"
}

secret! {
    /// The token an agent signs in with. It goes in the first message, never in a URL.
    AgentToken, "agent token"
}
