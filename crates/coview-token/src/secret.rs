use core::fmt;

use zeroize::Zeroizing;

use crate::error::KeyError;
use crate::object::Object;
use crate::public::PublicKey;

/// A secret that the operator's backend and the server share, for HS256.
///
/// Whoever can check tokens with it can also sign them; with a key pair the server cannot. Its memory
/// is overwritten when it is dropped, and `Debug` tells nothing of it.
///
/// ```
/// use coview_token::{KeyError, Secret};
///
/// let secret = Secret::from_file(b"5eDk0vK1pWbZ7yq3XcT9uLr2HnGf8aJm\n")?;
/// assert_eq!(format!("{secret:?}"), "Secret(redacted)");
///
/// let short = Secret::new(b"letmein").unwrap_err();
/// assert_eq!(short.to_string(), "the secret has 7 bytes; it needs at least 32");
/// # Ok::<(), KeyError>(())
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The fewest bytes a secret may have, as many as SHA-256 gives (RFC 7518, section 3.2).
    pub const MIN_BYTES: usize = 32;

    /// The secret of these bytes.
    ///
    /// # Errors
    ///
    /// [`KeyError::SecretTooShort`] for fewer than [`Secret::MIN_BYTES`], and
    /// [`KeyError::SecretIsKey`] for a key or certificate in PEM, JSON or DER: with a public one as
    /// the secret, everybody who knows it could sign.
    pub fn new(bytes: &[u8]) -> Result<Self, KeyError> {
        let pem = bytes.trim_ascii_start().starts_with(b"-----BEGIN ");
        if pem || Object::parse(bytes).is_some() || PublicKey::from_spki(bytes).is_ok() {
            return Err(KeyError::SecretIsKey);
        }
        if bytes.len() < Self::MIN_BYTES {
            return Err(KeyError::SecretTooShort { bytes: bytes.len(), min: Self::MIN_BYTES });
        }
        Ok(Self(Zeroizing::new(bytes.to_vec())))
    }

    /// The secret that is all a file holds. One line end at its end, which editors and shells put
    /// there, does not belong to it; every other byte does. Nothing is decoded: the 64 characters
    /// of `openssl rand -hex 32` are a secret of 64 bytes.
    ///
    /// # Errors
    ///
    /// Those of [`Secret::new`].
    pub fn from_file(content: &[u8]) -> Result<Self, KeyError> {
        let Some(line) = content.strip_suffix(b"\n") else { return Self::new(content) };
        Self::new(line.strip_suffix(b"\r").unwrap_or(line))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}
