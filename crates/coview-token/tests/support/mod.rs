//! Tokens as an attacker, or another library, would write them: every byte chosen, signed with `ring`
//! and not with the crate under test.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use core::time::Duration;

use coview_token::Algorithm;
use coview_token::SigningKey;
use coview_token::TokenError;
use coview_token::VerifiedAgent;
use coview_token::VerifiedVisitor;
use coview_token::VerifyingKeys;
use coview_wire::AgentToken;
use coview_wire::GroupId;
use coview_wire::UnixTime;
use coview_wire::VisitorAssertion;
use data_encoding::BASE64;
use data_encoding::BASE64URL_NOPAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use ring::signature::EcdsaKeyPair;
use ring::signature::Ed25519KeyPair;
use serde_json::Value;
use serde_json::json;

pub const ALGORITHMS: [Algorithm; 3] = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Hs256];

pub const SECRET: &[u8] = b"this secret is shared by two and has more than 32 bytes";

pub const NOW: u64 = 1_800_000_000;
pub const HOUR: Duration = Duration::from_secs(3600);
pub const TWO_HOURS: Duration = Duration::from_secs(7200);

pub fn now() -> UnixTime {
    UnixTime::new(NOW)
}

pub fn group() -> GroupId {
    GroupId::new("12345").unwrap()
}

/// The claims of a good agent's token, to be spoilt.
pub fn agent_claims() -> Value {
    json!({
        "aud": "coview-agent", "group": "12345", "sub": "grace", "name": "Grace Hopper",
        "iat": NOW, "exp": NOW + 3600,
    })
}

/// The claims of a good assertion, to be spoilt.
pub fn visitor_claims() -> Value {
    json!({ "aud": "coview-visitor", "group": "12345", "sub": "customer-42", "exp": NOW + 900 })
}

/// The same with one claim set, or removed by `null`. (One that is `null` is written by hand.)
pub fn with(mut claims: Value, name: &str, value: Value) -> Value {
    let map = claims.as_object_mut().unwrap();
    if value.is_null() {
        map.remove(name);
    } else {
        map.insert(name.to_owned(), value);
    }
    claims
}

/// Somebody who signs whatever is to be signed.
pub struct Forge {
    pub key: SigningKey,
    signer: Signer,
}

enum Signer {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Secret(Vec<u8>),
}

impl Forge {
    pub fn new(algorithm: Algorithm) -> Self {
        if algorithm == Algorithm::Hs256 {
            let secret = coview_token::Secret::new(SECRET).unwrap();
            let key = SigningKey::from_secret(&secret);
            return Self { key, signer: Signer::Secret(SECRET.to_vec()) };
        }
        let key = SigningKey::generate(algorithm).unwrap();
        let pkcs8 = der(&key.private_pem().unwrap());
        let signer = match algorithm {
            Algorithm::EdDsa => {
                Signer::Ed25519(Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8).unwrap())
            }
            Algorithm::Es256 | Algorithm::Hs256 => {
                let pair = EcdsaKeyPair::from_pkcs8(
                    &ECDSA_P256_SHA256_FIXED_SIGNING,
                    &pkcs8,
                    &SystemRandom::new(),
                );
                Signer::P256(pair.unwrap())
            }
        };
        Self { key, signer }
    }

    /// With a name for the key in the set of public keys.
    pub fn named(self, kid: &str) -> Self {
        Self { key: self.key.with_key_id(kid).unwrap(), ..self }
    }

    pub fn keys(&self) -> VerifyingKeys {
        self.key.verifying_keys()
    }

    /// A good header for these claims.
    pub fn token(&self, claims: &Value) -> String {
        self.raw(&json!({ "alg": self.key.algorithm().as_str() }).to_string(), &claims.to_string())
    }

    pub fn with_header(&self, header: &Value, claims: &Value) -> String {
        self.raw(&header.to_string(), &claims.to_string())
    }

    /// These texts, signed.
    pub fn raw(&self, header: &str, claims: &str) -> String {
        let message = unsigned(header, claims);
        let signature = match &self.signer {
            Signer::Ed25519(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
            Signer::P256(pair) => {
                pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec()
            }
            Signer::Secret(secret) => hmac_of(secret, &message),
        };
        format!("{message}.{}", BASE64URL_NOPAD.encode(&signature))
    }
}

pub fn unsigned(header: &str, claims: &str) -> String {
    let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    format!("{}.{}", encode(header), encode(claims))
}

/// HS256 with whatever somebody takes for a secret.
pub fn hs256(secret: &[u8], header: &Value, claims: &Value) -> String {
    let message = unsigned(&header.to_string(), &claims.to_string());
    let signature = BASE64URL_NOPAD.encode(&hmac_of(secret, &message));
    format!("{message}.{signature}")
}

fn hmac_of(secret: &[u8], message: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
}

/// What a PEM text wraps.
pub fn der(pem: &str) -> Vec<u8> {
    let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    BASE64.decode(text.as_bytes()).unwrap()
}

pub fn agent(keys: &VerifyingKeys, token: &str) -> Result<VerifiedAgent, TokenError> {
    keys.agent(&group(), &AgentToken::new(token).unwrap(), now(), TWO_HOURS)
}

pub fn visitor(keys: &VerifyingKeys, token: &str) -> Result<VerifiedVisitor, TokenError> {
    let quarter = Duration::from_secs(900);
    keys.visitor(&group(), &VisitorAssertion::new(token).unwrap(), now(), quarter)
}
