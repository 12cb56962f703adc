use core::fmt;

use data_encoding::BASE64URL_NOPAD;
use ring::hmac;
use ring::rand::SecureRandom;
use ring::rand::SystemRandom;
use ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use ring::signature::EcdsaKeyPair;
use ring::signature::Ed25519KeyPair;
use ring::signature::KeyPair;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::pem::SectionKind;
use zeroize::Zeroizing;

use crate::algorithm::Algorithm;
use crate::error::KeyError;
use crate::error::SignError;
use crate::public::PublicKey;
use crate::public::pem;
use crate::secret::Secret;
use crate::verifying::VerifyingKeys;
use crate::verifying::pem_fault;

/// What tokens and assertions are signed with. It belongs to whoever says who an agent or a visitor
/// is: the operator's backend, and not the server.
///
/// `Debug` tells the algorithm only, and the memory of the private key's text is overwritten when it
/// is dropped.
///
/// ```
/// use coview_token::{Algorithm, SigningKey};
///
/// let key = SigningKey::generate(Algorithm::EdDsa)?;
/// let file = key.private_pem().unwrap();
/// let same = SigningKey::from_pem(&file)?;
/// assert_eq!(key.public_pem(), same.public_pem());
/// # Ok::<(), coview_token::KeyError>(())
/// ```
pub struct SigningKey {
    kind: Kind,
    kid: Option<Box<str>>,
}

enum Kind {
    Ed25519 { pair: Ed25519KeyPair, pkcs8: Zeroizing<Vec<u8>> },
    P256 { pair: EcdsaKeyPair, pkcs8: Zeroizing<Vec<u8>> },
    Secret(Secret),
}

/// What stands before the 32 bytes of an Ed25519 key in PKCS#8 (RFC 8410, section 7). This is version
/// 1, without the public key, which every reader understands.
const ED25519_PKCS8: [u8; 16] =
    [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

impl SigningKey {
    /// A new key from the operating system's random numbers; for [`Algorithm::Hs256`] a secret of
    /// 32 bytes that lives as long as this value.
    ///
    /// # Errors
    ///
    /// [`KeyError::Random`] if there are none.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let bytes = || {
            let mut bytes = Zeroizing::new([0; 32]);
            random.fill(&mut *bytes).map_err(|_| KeyError::Random)?;
            Ok(bytes)
        };
        match algorithm {
            Algorithm::EdDsa => {
                let pkcs8 = Zeroizing::new([&ED25519_PKCS8[..], &*bytes()?].concat());
                Self::from_pkcs8(pkcs8)
            }
            Algorithm::Es256 => {
                let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
                    .map_err(|_| KeyError::Random)?;
                Self::from_pkcs8(Zeroizing::new(made.as_ref().to_vec()))
            }
            Algorithm::Hs256 => {
                Ok(Self { kind: Kind::Secret(Secret::new(&*bytes()?)?), kid: None })
            }
        }
    }

    /// The private key in a PEM text: one section `PRIVATE KEY` (PKCS#8, not encrypted) with an
    /// Ed25519 or P-256 key, as `openssl genpkey` and `coview keys new` write it.
    ///
    /// # Errors
    ///
    /// [`KeyError::Pem`] if there is none or more than one section, and [`KeyError::PemSection`] if
    /// the section holds something else.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
            return Err(KeyError::Pem("the key is encrypted; `openssl pkey` decrypts it"));
        }
        let mut sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes());
        let (kind, der) = match sections.next() {
            None => return Err(KeyError::Pem("there is no section `PRIVATE KEY` in it")),
            Some(found) => found.map_err(|error| KeyError::Pem(pem_fault(&error)))?,
        };
        let der = Zeroizing::new(der);
        let wrong = |fault| KeyError::PemSection { section: 0, fault };
        if kind == SectionKind::PublicKey {
            return Err(wrong("a public key; signing needs the private one"));
        } else if kind == SectionKind::EcPrivateKey {
            return Err(wrong("not PKCS#8; `openssl pkcs8 -topk8 -nocrypt` makes it so"));
        } else if kind != SectionKind::PrivateKey {
            return Err(wrong("neither an Ed25519 key nor one on the curve P-256"));
        }
        if sections.next().is_some() {
            return Err(KeyError::Pem("there is more than one section in it"));
        }
        Self::from_pkcs8(der)
    }

    /// The key that is a shared secret, for HS256.
    #[must_use]
    pub fn from_secret(secret: &Secret) -> Self {
        Self { kind: Kind::Secret(secret.clone()), kid: None }
    }

    /// Names this key in every token (`kid`), for a server that knows it by that name. Without it
    /// the server tries every key of the algorithm.
    ///
    /// # Errors
    ///
    /// [`KeyError::KeyId`] unless it has 1 to 128 characters.
    pub fn with_key_id(mut self, kid: &str) -> Result<Self, KeyError> {
        if kid.is_empty() || kid.chars().count() > crate::KEY_ID {
            return Err(KeyError::KeyId);
        }
        self.kid = Some(Box::from(kid));
        Ok(self)
    }

    /// How it signs.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match &self.kind {
            Kind::Ed25519 { .. } => Algorithm::EdDsa,
            Kind::P256 { .. } => Algorithm::Es256,
            Kind::Secret(_) => Algorithm::Hs256,
        }
    }

    /// The private key as PKCS#8 in PEM, to be kept where only the signer can read it; none of a
    /// shared secret.
    #[must_use]
    pub fn private_pem(&self) -> Option<Zeroizing<String>> {
        match &self.kind {
            Kind::Ed25519 { pkcs8, .. } | Kind::P256 { pkcs8, .. } => {
                Some(Zeroizing::new(pem("PRIVATE KEY", pkcs8)))
            }
            Kind::Secret(_) => None,
        }
    }

    /// The public key in PEM, for the server; none of a shared secret.
    #[must_use]
    pub fn public_pem(&self) -> Option<String> {
        self.public().map(|key| key.pem())
    }

    /// The public key as a JSON Web Key, whose `kid` is the one of [`SigningKey::with_key_id`] or
    /// else its thumbprint (RFC 7638); none of a shared secret.
    #[must_use]
    pub fn public_jwk(&self) -> Option<String> {
        self.public().map(|key| key.jwk(self.kid.as_deref()))
    }

    /// The keys that check what this one signs.
    #[must_use]
    pub fn verifying_keys(&self) -> VerifyingKeys {
        match (&self.kind, self.public()) {
            (Kind::Secret(secret), _) => VerifyingKeys::from_secret(secret),
            (_, Some(key)) => VerifyingKeys::of_public(key),
            (_, None) => VerifyingKeys::default(),
        }
    }

    /// A signed token with these claims, which are JSON.
    pub(crate) fn sign(&self, claims: &str) -> Result<String, SignError> {
        let alg = self.algorithm();
        let header = match &self.kid {
            None => format!(r#"{{"alg":"{alg}","typ":"JWT"}}"#),
            Some(kid) => {
                format!(r#"{{"alg":"{alg}","typ":"JWT","kid":{}}}"#, serde_json::json!(kid))
            }
        };
        let mut token = BASE64URL_NOPAD.encode(header.as_bytes());
        token.push('.');
        BASE64URL_NOPAD.encode_append(claims.as_bytes(), &mut token);
        let signature = match &self.kind {
            Kind::Ed25519 { pair, .. } => pair.sign(token.as_bytes()).as_ref().to_vec(),
            Kind::P256 { pair, .. } => pair
                .sign(&SystemRandom::new(), token.as_bytes())
                .map_err(|_| SignError::Random)?
                .as_ref()
                .to_vec(),
            Kind::Secret(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret.bytes());
                hmac::sign(&key, token.as_bytes()).as_ref().to_vec()
            }
        };
        token.push('.');
        BASE64URL_NOPAD.encode_append(&signature, &mut token);
        Ok(token)
    }

    fn from_pkcs8(pkcs8: Zeroizing<Vec<u8>>) -> Result<Self, KeyError> {
        // The public key may be missing in the file; it follows from the private one.
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8) {
            return Ok(Self { kind: Kind::Ed25519 { pair, pkcs8 }, kid: None });
        }
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(algorithm, &pkcs8, &random) {
            return Ok(Self { kind: Kind::P256 { pair, pkcs8 }, kid: None });
        }
        let fault = "neither an Ed25519 key nor one on the curve P-256 with its public key";
        Err(KeyError::PemSection { section: 0, fault })
    }

    fn public(&self) -> Option<PublicKey> {
        match &self.kind {
            Kind::Ed25519 { pair, .. } => PublicKey::ed25519(pair.public_key().as_ref()).ok(),
            Kind::P256 { pair, .. } => PublicKey::p256(pair.public_key().as_ref()).ok(),
            Kind::Secret(_) => None,
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, redacted)", self.algorithm())
    }
}
