use core::fmt;

/// How a token is signed. No other way is accepted, least of all `none`.
///
/// Each key has exactly one algorithm. A token is checked by a key only if it names the algorithm of
/// that key, so a public key can never be taken for a shared secret.
///
/// ```
/// use coview_token::Algorithm;
///
/// assert_eq!(Algorithm::EdDsa.to_string(), "EdDSA");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// `EdDSA` with Ed25519: small, fast, and needs no random numbers to sign.
    #[default]
    EdDsa,
    /// `ES256`: ECDSA on the curve P-256 with SHA-256.
    Es256,
    /// `HS256`: HMAC with SHA-256. Who can check can also sign.
    Hs256,
}

impl Algorithm {
    /// The name in the header of a token.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Hs256 => "HS256",
        }
    }

    /// The names are case-sensitive.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::EdDsa, Self::Es256, Self::Hs256].into_iter().find(|it| it.as_str() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
