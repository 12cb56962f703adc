use core::fmt;
use std::sync::Arc;

use ring::hmac;
use rustls_pki_types::pem;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::pem::SectionKind;

use crate::algorithm::Algorithm;
use crate::error::KeyError;
use crate::jwks;
use crate::public::PublicKey;
use crate::secret::Secret;

/// The keys one group's tokens, or its assertions, are checked with.
///
/// A token that names a key by `kid` is checked with the key of that name, and with keys that have
/// none (those from PEM and secrets); a token that names none, with all. Either way only keys of the
/// token's algorithm are tried, at most [`VerifyingKeys::MAX`]. A set without keys accepts nothing.
///
/// ```
/// use coview_token::{Algorithm, SigningKey, VerifyingKeys};
///
/// let ours = SigningKey::generate(Algorithm::EdDsa)?;
/// let mut keys = VerifyingKeys::from_pem(&ours.public_pem().unwrap())?;
///
/// // While keys change, both are good.
/// let next = SigningKey::generate(Algorithm::Es256)?;
/// keys.add(VerifyingKeys::read(&next.public_jwk().unwrap())?)?;
/// assert_eq!(keys.len(), 2);
/// # Ok::<(), coview_token::KeyError>(())
/// ```
#[derive(Clone, Default)]
pub struct VerifyingKeys(Vec<VerifyingKey>);

#[derive(Clone)]
pub(crate) struct VerifyingKey {
    /// What it is called in the audit log.
    pub(crate) name: KeyName,
    /// Whether the name is a `kid` of the operator's choice.
    pub(crate) named: bool,
    check: Check,
}

#[derive(Clone)]
enum Check {
    Public(PublicKey),
    Secret(hmac::Key),
}

/// What a key is called in logs: its `kid`, or its thumbprint (RFC 7638), or `shared secret`. Public.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(Arc<str>);

impl VerifyingKeys {
    /// The most keys of a set. Each costs a forger's token one check of a signature.
    pub const MAX: usize = 16;
    /// The longest text that keys are read from, in bytes.
    pub const MAX_TEXT_BYTES: usize = 64 * 1024;

    /// The public keys of a file: PEM or a JSON Web Key Set, whichever it is.
    ///
    /// # Errors
    ///
    /// Those of [`VerifyingKeys::from_pem`] and [`VerifyingKeys::from_jwks`], and
    /// [`KeyError::Unknown`] if it is neither.
    pub fn read(text: &str) -> Result<Self, KeyError> {
        if text.contains("-----BEGIN ") {
            Self::from_pem(text)
        } else if text.trim_start().starts_with('{') {
            Self::from_jwks(text)
        } else {
            Err(KeyError::Unknown)
        }
    }

    /// The public keys in a PEM text, each a section `PUBLIC KEY` with an Ed25519 or P-256 key, as
    /// `openssl pkey -pubout` and `coview keys new` write it. Text between sections is skipped.
    ///
    /// # Errors
    ///
    /// [`KeyError::Pem`] if there is no key in the text or something that is none, and
    /// [`KeyError::PemSection`] for a private key, a certificate, or a key of another kind.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        if text.len() > Self::MAX_TEXT_BYTES {
            return Err(KeyError::Pem("more than 65536 bytes"));
        }
        let mut keys = Self::default();
        let mut sections = 0;
        for found in <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes()) {
            let (kind, der) = found.map_err(|error| KeyError::Pem(pem_fault(&error)))?;
            let wrong = |fault| KeyError::PemSection { section: sections, fault };
            if kind != SectionKind::PublicKey {
                return Err(wrong(not_public(kind)));
            }
            let key = PublicKey::from_spki(&der).map_err(wrong)?;
            keys.push(VerifyingKey::public(key, None))?;
            sections += 1;
        }
        // The reader skips sections it does not know, an encrypted private key among them.
        if keys.is_empty() || sections != text.matches("-----BEGIN ").count() {
            return Err(KeyError::Pem("there must be sections `PUBLIC KEY` in it, and no others"));
        }
        Ok(keys)
    }

    /// The keys of a JSON Web Key Set (RFC 7517), or of one JSON Web Key alone: `OKP` with `Ed25519`
    /// (RFC 8037) and `EC` with `P-256`. `kid`, `alg`, `use` and `key_ops` are optional, and must
    /// fit if they are there.
    ///
    /// # Errors
    ///
    /// [`KeyError::Jwks`] if it is no such set or has no keys; [`KeyError::Jwk`] with the index of
    /// the first key that is private, of another kind, or broken: nothing is skipped.
    pub fn from_jwks(text: &str) -> Result<Self, KeyError> {
        if text.len() > Self::MAX_TEXT_BYTES {
            return Err(KeyError::Jwks("more than 65536 bytes"));
        }
        let mut keys = Self::default();
        for jwks::Jwk { kid, key } in jwks::read(text)? {
            keys.push(VerifyingKey::public(key, kid.as_deref()))?;
        }
        if keys.is_empty() {
            return Err(KeyError::Jwks("`keys` is empty"));
        }
        Ok(keys)
    }

    /// The one key that is a shared secret, for HS256.
    #[must_use]
    pub fn from_secret(secret: &Secret) -> Self {
        Self(vec![VerifyingKey {
            name: KeyName(Arc::from("shared secret")),
            named: false,
            check: Check::Secret(hmac::Key::new(hmac::HMAC_SHA256, secret.bytes())),
        }])
    }

    /// Adds the keys of another set. A key that is there already is not added again.
    ///
    /// # Errors
    ///
    /// [`KeyError::TooMany`] if there would be more than [`VerifyingKeys::MAX`], and
    /// [`KeyError::SameKeyId`] if two different keys have the same `kid`.
    pub fn add(&mut self, more: Self) -> Result<(), KeyError> {
        more.0.into_iter().try_for_each(|key| self.push(key))
    }

    /// How many keys there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key, so that nothing is accepted.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the keys are called, each with its algorithm, in the order they are tried.
    pub fn names(&self) -> impl Iterator<Item = (&KeyName, Algorithm)> {
        self.0.iter().map(|key| (&key.name, key.algorithm()))
    }

    /// The keys that may have signed a token with such a header.
    pub(crate) fn fitting<'a>(
        &'a self,
        algorithm: Algorithm,
        kid: Option<&'a str>,
    ) -> impl Iterator<Item = &'a VerifyingKey> {
        self.0.iter().filter(move |key| {
            key.algorithm() == algorithm
                && kid.is_none_or(|kid| !key.named || key.name.as_str() == kid)
        })
    }

    pub(crate) fn of_public(key: PublicKey) -> Self {
        Self(vec![VerifyingKey::public(key, None)])
    }

    fn push(&mut self, key: VerifyingKey) -> Result<(), KeyError> {
        for (first, known) in self.0.iter().enumerate() {
            if known.named == key.named && known.name == key.name {
                if known.same(&key) {
                    return Ok(());
                }
                if key.named {
                    return Err(KeyError::SameKeyId { first, second: self.0.len() });
                }
            }
        }
        if self.0.len() == Self::MAX {
            return Err(KeyError::TooMany { max: Self::MAX });
        }
        self.0.push(key);
        Ok(())
    }
}

/// Names and algorithms only.
impl fmt::Debug for VerifyingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.names().map(|(name, alg)| (name.as_str(), alg))).finish()
    }
}

impl VerifyingKey {
    fn public(key: PublicKey, kid: Option<&str>) -> Self {
        let name = kid.map_or_else(|| Arc::from(key.thumbprint()), Arc::from);
        Self { name: KeyName(name), named: kid.is_some(), check: Check::Public(key) }
    }

    const fn algorithm(&self) -> Algorithm {
        match &self.check {
            Check::Public(key) => key.algorithm(),
            Check::Secret(_) => Algorithm::Hs256,
        }
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.check {
            Check::Public(key) => key.verifies(message, signature),
            Check::Secret(key) => hmac::verify(key, message, signature).is_ok(),
        }
    }

    fn same(&self, other: &Self) -> bool {
        match (&self.check, &other.check) {
            (Check::Public(a), Check::Public(b)) => a == b,
            (Check::Secret(_), _) | (_, Check::Secret(_)) => false,
        }
    }
}

impl KeyName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What to do about a section that is no public key.
fn not_public(kind: SectionKind) -> &'static str {
    use SectionKind::{Certificate, EcPrivateKey, PrivateKey, RsaPrivateKey};
    if [PrivateKey, RsaPrivateKey, EcPrivateKey].contains(&kind) {
        "a private key; only the public one belongs here: `openssl pkey -pubout` makes it"
    } else if kind == Certificate {
        "a certificate; take the key out of it: `openssl x509 -pubkey -noout`"
    } else {
        "no public key"
    }
}

/// The library's own errors repeat parts of the text, which may be a private key.
pub(crate) const fn pem_fault(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a section has no end",
        pem::Error::IllegalSectionStart { .. } => "a section begins in the wrong way",
        pem::Error::Base64Decode(_) => "a section is no base64",
        pem::Error::SectionTooLarge => "a section is too long",
        pem::Error::Io(_) | pem::Error::NoItemsFound | _ => "it cannot be read",
    }
}
