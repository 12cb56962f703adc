/// Declares an enum that is one word of the protocol: a snake_case string in JSON. A word this
/// version does not know decodes as the last variant, so a newer server never breaks an older client.
macro_rules! word_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$vmeta:meta])* $variant:ident = $word:literal => $says:literal, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum $name {
            $(
                $(#[$vmeta])*
                #[cfg_attr(feature = "schema", schemars(rename = $word))]
                $variant,
            )+
        }

        impl $name {
            /// Every word of this enum, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word as it is written in a message.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(match self { $(Self::$variant => $says,)+ })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Word;
                impl serde::de::Visitor<'_> for Word {
                    type Value = $name;

                    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                        f.write_str(concat!("a word of ", stringify!($name)))
                    }

                    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<$name, E> {
                        $name::from_word(word).ok_or_else(|| {
                            E::invalid_value(serde::de::Unexpected::Str("an unknown word"), &self)
                        })
                    }
                }
                deserializer.deserialize_str(Word)
            }
        }
    };
}

/// How an unknown word is read: as the named variant, or not at all.
macro_rules! from_word {
    ($name:ident, unknown => $unknown:ident) => {
        impl $name {
            fn from_word(word: &str) -> Option<Self> {
                Some(
                    Self::ALL
                        .iter()
                        .copied()
                        .find(|w| w.as_str() == word)
                        .unwrap_or(Self::$unknown),
                )
            }
        }
    };
    ($name:ident) => {
        impl $name {
            fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|w| w.as_str() == word)
            }
        }
    };
}

pub(crate) use from_word;
pub(crate) use word_enum;
