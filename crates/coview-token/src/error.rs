use thiserror::Error;

/// Why a token or an assertion is not accepted. No text holds anything of the token.
///
/// What stands in a token is looked at only after its signature was found good, so every variant
/// from [`TokenError::Claim`] on is about something that a key of the group did sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It has not the form of a signed token. The text says what is wrong.
    #[error("not a signed token: {0}")]
    Malformed(&'static str),
    /// Its header names no algorithm that is accepted, `none` and those with RSA among them.
    #[error("the algorithm is not accepted; EdDSA, ES256 and HS256 are")]
    Algorithm,
    /// No key fits the algorithm and the key id of the header.
    #[error("no key fits its algorithm and key id")]
    NoKey,
    /// None of the keys that fit made the signature.
    #[error("not signed by a known key")]
    Signature,
    /// A claim is missing or wrong.
    #[error("the claim `{name}` {fault}")]
    Claim {
        /// The name of the claim.
        name: &'static str,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// It was made for another purpose: `aud` is another one.
    #[error("made for another purpose: the claim `aud` is another one")]
    Audience,
    /// It was made for another group.
    #[error("made for another group")]
    Group,
    /// It was good once: `exp` is over, and the leeway too.
    #[error("expired")]
    Expired,
    /// It is not good yet: `nbf` or `iat` is in the future, by more than the leeway.
    #[error("not valid yet")]
    NotYet,
    /// `exp` is further in the future than is allowed.
    #[error("valid for longer than allowed")]
    TooLong,
}

/// Why a key, a set of keys or a secret cannot be used. No text holds anything of it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It is neither PEM nor JSON.
    #[error("neither a key in PEM nor a JSON Web Key Set")]
    Unknown,
    /// The text is no PEM, or broken PEM.
    #[error("no PEM: {0}")]
    Pem(&'static str),
    /// A section of the PEM text cannot be used. Sections are counted from 0.
    #[error("section {section} of the PEM text: {fault}")]
    PemSection {
        /// Which one.
        section: usize,
        /// What is wrong with it, and what to do about it.
        fault: &'static str,
    },
    /// The text is no set of JSON Web Keys.
    #[error("no JSON Web Key Set: {0}")]
    Jwks(&'static str),
    /// A key of the set cannot be used. Keys are counted from 0.
    #[error("key {index} of the set: {fault}")]
    Jwk {
        /// Which one.
        index: usize,
        /// What is wrong with it, and what to do about it.
        fault: &'static str,
    },
    /// Two keys of a set have the same `kid`.
    #[error("keys {first} and {second} of the set have the same `kid`")]
    SameKeyId {
        /// The one.
        first: usize,
        /// The other.
        second: usize,
    },
    /// More keys than are tried for one token.
    #[error("more than {max} keys")]
    TooMany {
        /// How many there may be.
        max: usize,
    },
    /// The shared secret is too short to resist guessing.
    #[error("the secret has {bytes} bytes; it needs at least {min}")]
    SecretTooShort {
        /// How many it has.
        bytes: usize,
        /// How many it needs.
        min: usize,
    },
    /// The shared secret is a key or a certificate, which others may know.
    #[error("this is a key or a certificate, not a secret")]
    SecretIsKey,
    /// A name of a key (`kid`) is empty or has more than 128 characters.
    #[error("a key id must have 1 to 128 characters")]
    KeyId,
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers")]
    Random,
}

/// Why a token could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum SignError {
    /// It would be longer than a token may be. Name fewer visitors.
    #[error("the token would have {bytes} bytes; at most {max} are allowed")]
    TooLarge {
        /// How many bytes it would have.
        bytes: usize,
        /// How many it may have.
        max: usize,
    },
    /// More visitors than [`limits::RIGHTS_VISITORS`](coview_wire::limits::RIGHTS_VISITORS).
    #[error("{count} visitors; at most {max} are allowed")]
    TooManyVisitors {
        /// How many are named.
        count: usize,
        /// How many may be named.
        max: usize,
    },
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers")]
    Random,
}
