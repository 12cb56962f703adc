use core::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use data_encoding::BASE64;
use data_encoding::HEXLOWER;
use ring::rand::SystemRandom;
use ring::signature::ED25519;
use ring::signature::Ed25519KeyPair;
use ring::signature::KeyPair;
use ring::signature::UnparsedPublicKey;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;
use thiserror::Error;

use crate::disk;

/// The name of the private key's file, beside the logs.
pub(crate) const PRIVATE: &str = "audit-key.pem";
/// The name of the public key's file.
pub(crate) const PUBLIC: &str = "audit-key.pub.pem";

/// What every Ed25519 public key begins with as a `SubjectPublicKeyInfo` (RFC 8410).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Why a key cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// It holds no Ed25519 key as PEM text.
    #[error("{} holds no Ed25519 key as PEM text", path.display())]
    NoKey {
        /// Which.
        path: PathBuf,
    },
    /// Others than the owner may read the private key.
    #[error("{} can be read by others; `chmod 600` it, and change the key if they did", path.display())]
    Readable {
        /// Which.
        path: PathBuf,
    },
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers")]
    Random,
}

/// The key that signs the heads of the logs of one directory.
///
/// `Debug` prints the public half.
pub(crate) struct SigningKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl SigningKey {
    /// The key of this directory. If there is none it is made, readable by its owner only, with the
    /// public half beside it for everybody.
    pub(crate) fn open_or_create(directory: &Path) -> Result<Self, KeyError> {
        if let Some(key) = Self::open(directory)? {
            return Ok(key);
        }
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|ring::error::Unspecified| KeyError::Random)?;
        let path = directory.join(PRIVATE);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| KeyError::File { path, error }
        };
        // The public half first: whoever has the private one has both.
        let key = Self::from_pkcs8(document.as_ref(), &path)?;
        let public = directory.join(PUBLIC);
        disk::replace(&public, key.public.to_pem().as_bytes()).map_err(failed(&public))?;
        disk::replace(&path, pem("PRIVATE KEY", document.as_ref()).as_bytes())
            .map_err(failed(&path))?;
        Ok(key)
    }

    /// The key of this directory, if there is one.
    pub(crate) fn open(directory: &Path) -> Result<Option<Self>, KeyError> {
        let path = directory.join(PRIVATE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(KeyError::File { path, error }),
        };
        if disk::is_open_to_others(&path)
            .map_err(|error| KeyError::File { path: path.clone(), error })?
        {
            return Err(KeyError::Readable { path });
        }
        let der = PrivatePkcs8KeyDer::from_pem_slice(&text)
            .map_err(|_| KeyError::NoKey { path: path.clone() })?;
        Self::from_pkcs8(der.secret_pkcs8_der(), &path).map(Some)
    }

    fn from_pkcs8(der: &[u8], path: &Path) -> Result<Self, KeyError> {
        // A key made by other programs has no public half inside.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
            .map_err(|_| KeyError::NoKey { path: path.to_owned() })?;
        let mut public = [0; 32];
        public.copy_from_slice(pair.public_key().as_ref());
        Ok(Self { pair, public: PublicKey(public) })
    }

    pub(crate) const fn public(&self) -> PublicKey {
        self.public
    }

    pub(crate) fn sign(&self, text: &str) -> String {
        HEXLOWER.encode(self.pair.sign(text.as_bytes()).as_ref())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.public).finish_non_exhaustive()
    }
}

/// The public half of the key that signs the heads: whoever has it can check a log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads PEM text, as `openssl pkey -pubout` writes it too.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if the file cannot be read or holds no Ed25519 public key.
    pub fn from_pem_file(path: &Path) -> Result<Self, KeyError> {
        let text =
            fs::read(path).map_err(|error| KeyError::File { path: path.to_owned(), error })?;
        SubjectPublicKeyInfoDer::from_pem_slice(&text)
            .ok()
            .and_then(|der| Some(Self(der.strip_prefix(&SPKI[..])?.try_into().ok()?)))
            .ok_or_else(|| KeyError::NoKey { path: path.to_owned() })
    }

    /// The key as PEM text.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let mut der = SPKI.to_vec();
        der.extend(self.0);
        pem("PUBLIC KEY", &der)
    }

    /// The 32 bytes in hexadecimal digits, as the first line of a log has them.
    #[must_use]
    pub fn to_hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        Some(Self(HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()?))
    }

    pub(crate) fn has_signed(&self, text: &str, signature: &str) -> bool {
        HEXLOWER.decode(signature.as_bytes()).is_ok_and(|signature| {
            UnparsedPublicKey::new(&ED25519, self.0).verify(text.as_bytes(), &signature).is_ok()
        })
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.to_hex())
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for from in (0..text.len()).step_by(64) {
        pem.push_str(&text[from..text.len().min(from + 64)]);
        pem.push('\n');
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}
