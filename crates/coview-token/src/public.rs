use data_encoding::BASE64;
use data_encoding::BASE64URL_NOPAD;
use ring::agreement;
use ring::agreement::EphemeralPrivateKey;
use ring::digest;
use ring::rand::SystemRandom;
use ring::signature;
use ring::signature::UnparsedPublicKey;

use crate::algorithm::Algorithm;

/// A public key that was found fit for use, as the bytes every format of it wraps.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum PublicKey {
    Ed25519([u8; 32]),
    /// The point, not compressed: 4, x, y.
    P256([u8; 65]),
}

// DER has one way to write each of these, so comparing what comes before the key is reading it.
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
const P256_SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 3, 1, 7, 3, 0x42, 0,
];
/// The beginning of the same with a compressed point.
const P256_SPKI_COMPRESSED: [u8; 26] = [
    0x30, 0x39, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 3, 1, 7, 3, 0x22, 0,
];

impl PublicKey {
    pub(crate) fn ed25519(x: &[u8]) -> Result<Self, &'static str> {
        let x = x.try_into().map_err(|_| "an Ed25519 key has 32 bytes")?;
        Ok(Self::Ed25519(x))
    }

    /// From the point, not compressed.
    pub(crate) fn p256(point: &[u8]) -> Result<Self, &'static str> {
        let point: [u8; 65] = point.try_into().map_err(|_| "a P-256 point has twice 32 bytes")?;
        // Agreeing on a secret with a throw-away key is what checks the point.
        let mine = EphemeralPrivateKey::generate(&agreement::ECDH_P256, &SystemRandom::new())
            .map_err(|_| "the operating system gives no random numbers")?;
        let theirs = agreement::UnparsedPublicKey::new(&agreement::ECDH_P256, &point);
        agreement::agree_ephemeral(mine, &theirs, |_| ())
            .map_err(|_| "the point is not on the curve P-256")?;
        Ok(Self::P256(point))
    }

    /// From a *SubjectPublicKeyInfo* in DER, which is what `BEGIN PUBLIC KEY` wraps.
    pub(crate) fn from_spki(der: &[u8]) -> Result<Self, &'static str> {
        if let Some(x) = der.strip_prefix(&ED25519_SPKI) {
            return Self::ed25519(x);
        }
        if let Some(point) = der.strip_prefix(&P256_SPKI) {
            return Self::p256(point);
        }
        if der.starts_with(&P256_SPKI_COMPRESSED) {
            return Err(
                "a compressed point; write it as `openssl ec -conv_form uncompressed` does",
            );
        }
        Err("neither an Ed25519 key nor one on the curve P-256")
    }

    pub(crate) const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ed25519(_) => Algorithm::EdDsa,
            Self::P256(_) => Algorithm::Es256,
        }
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ed25519(x) => {
                UnparsedPublicKey::new(&signature::ED25519, x).verify(message, signature)
            }
            Self::P256(point) => UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point)
                .verify(message, signature),
        }
        .is_ok()
    }

    pub(crate) fn pem(&self) -> String {
        let der = match self {
            Self::Ed25519(x) => [&ED25519_SPKI[..], x].concat(),
            Self::P256(point) => [&P256_SPKI[..], point].concat(),
        };
        pem("PUBLIC KEY", &der)
    }

    /// The members that make the key, in the order and form of RFC 7638.
    fn members(&self) -> String {
        match self {
            Self::Ed25519(x) => {
                format!(r#""crv":"Ed25519","kty":"OKP","x":"{}""#, BASE64URL_NOPAD.encode(x))
            }
            Self::P256(point) => {
                let (x, y) = point[1..].split_at(32);
                let (x, y) = (BASE64URL_NOPAD.encode(x), BASE64URL_NOPAD.encode(y));
                format!(r#""crv":"P-256","kty":"EC","x":"{x}","y":"{y}""#)
            }
        }
    }

    /// As a JSON Web Key whose `kid` is that one, or else its thumbprint.
    pub(crate) fn jwk(&self, kid: Option<&str>) -> String {
        let (members, alg) = (self.members(), self.algorithm());
        let kid = serde_json::json!(kid.map_or_else(|| self.thumbprint(), str::to_owned));
        format!(r#"{{{members},"alg":"{alg}","use":"sig","kid":{kid}}}"#)
    }

    /// The name of a key that has no other: its thumbprint of RFC 7638.
    pub(crate) fn thumbprint(&self) -> String {
        let json = format!("{{{}}}", self.members());
        BASE64URL_NOPAD.encode(digest::digest(&digest::SHA256, json.as_bytes()).as_ref())
    }
}

/// Wraps bytes as PEM.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|byte| char::from(*byte)));
        pem.push('\n');
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}
