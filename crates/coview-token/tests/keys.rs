//! What is taken for a key, and what is told of the rest.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use coview_token::Algorithm;
use coview_token::KeyError;
use coview_token::Secret;
use coview_token::SigningKey;
use coview_token::VerifyingKeys;
use serde_json::Value;
use serde_json::json;
use support::Forge;
use support::SECRET;
use support::der;

const ED25519: &str = include_str!("samples/ed.pub.pem");
const P256: &str = include_str!("samples/ec.pub.pem");
const JWKS: &str = include_str!("samples/jwks.json");

fn pem(label: &str, der: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

#[track_caller]
fn told(text: &str, expected: &str) {
    assert_eq!(VerifyingKeys::read(text).unwrap_err().to_string(), expected);
}

#[test]
fn keys_survive_being_written_and_read() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        let key = SigningKey::generate(algorithm).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        let private = key.private_pem().unwrap();
        assert!(private.starts_with("-----BEGIN PRIVATE KEY-----\n"));
        assert!(private.lines().all(|line| line.len() <= 64));
        let again = SigningKey::from_pem(&private).unwrap();
        assert_eq!(again.public_pem(), key.public_pem());

        let of_pem = VerifyingKeys::read(&key.public_pem().unwrap()).unwrap();
        let of_jwk = VerifyingKeys::read(&key.public_jwk().unwrap()).unwrap();
        let names = |keys: &VerifyingKeys| {
            keys.names().map(|(name, alg)| (name.to_string(), alg)).collect::<Vec<_>>()
        };
        assert_eq!(names(&of_pem), names(&of_jwk), "the `kid` is the thumbprint");
        assert_eq!(names(&of_pem)[0].1, algorithm);
    }
}

#[test]
fn no_two_keys_are_the_same() {
    let mut seen = std::collections::BTreeSet::new();
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        for _ in 0..20 {
            assert!(seen.insert(SigningKey::generate(algorithm).unwrap().public_pem()));
        }
    }
}

#[test]
fn files_that_hold_no_public_key() {
    told("", "neither a key in PEM nor a JSON Web Key Set");
    told("ssh-ed25519 AAAA ada@home", "neither a key in PEM nor a JSON Web Key Set");
    let text = "there must be sections `PUBLIC KEY` in it, and no others";
    told(&pem("OPENSSH PRIVATE KEY", b"openssh"), &format!("no PEM: {text}"));
    told(&[ED25519, &pem("ENCRYPTED PRIVATE KEY", b"secret")].concat(), &format!("no PEM: {text}"));
    told("-----BEGIN PUBLIC KEY-----\nMCowBQY", "no PEM: a section has no end");
    told(&ED25519.replace("MCow", "MC*w"), "no PEM: a section is no base64");
    told(&" ".repeat(65_537).replace("  ", "-----BEGIN  "), "no PEM: more than 65536 bytes");

    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    told(
        &[P256, &key.private_pem().unwrap()].concat(),
        "section 1 of the PEM text: a private key; only the public one belongs here: `openssl pkey \
         -pubout` makes it",
    );
    told(
        &pem("CERTIFICATE", b"0"),
        "section 0 of the PEM text: a certificate; take the key out of it: `openssl x509 -pubkey \
         -noout`",
    );
    let kind = "section 0 of the PEM text: neither an Ed25519 key nor one on the curve P-256";
    let mut x25519 = der(ED25519);
    x25519[8] = 0x6e;
    told(&pem("PUBLIC KEY", &x25519), kind);
    told(&pem("PUBLIC KEY", b""), kind);
    let short = &der(ED25519)[..43];
    told(&pem("PUBLIC KEY", short), "section 0 of the PEM text: an Ed25519 key has 32 bytes");
    let long = [&der(P256)[..], &[0]].concat();
    told(&pem("PUBLIC KEY", &long), "section 0 of the PEM text: a P-256 point has twice 32 bytes");
}

#[test]
fn points_off_the_curve_are_no_keys() {
    let mut off = der(P256);
    *off.last_mut().unwrap() ^= 1;
    told(
        &pem("PUBLIC KEY", &off),
        "section 0 of the PEM text: the point is not on the curve P-256",
    );
    let mut compressed = der(P256);
    compressed[1] = 0x39;
    compressed[24] = 0x22;
    compressed.truncate(59);
    compressed[26] = 2;
    told(
        &pem("PUBLIC KEY", &compressed),
        "section 0 of the PEM text: a compressed point; write it as `openssl ec -conv_form \
         uncompressed` does",
    );
}

/// The set of the samples with one member of its second key changed.
fn jwks(change: impl FnOnce(&mut Value)) -> String {
    let mut set: Value = serde_json::from_str(JWKS).unwrap();
    change(&mut set["keys"][1]);
    set.to_string()
}

#[test]
fn sets_that_hold_something_else_name_the_key() {
    let fault = |text: &str, expected: &str| told(text, &format!("key 1 of the set: {expected}"));
    let private = "a private key; only its public part belongs here";
    fault(&jwks(|key| key["d"] = json!("AAAA")), private);
    fault(
        &jwks(|key| *key = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "AQ" })),
        private,
    );
    let kind = "neither an Ed25519 key nor one on the curve P-256";
    fault(&jwks(|key| *key = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" })), kind);
    fault(&jwks(|key| key["crv"] = json!("P-384")), kind);
    fault(&jwks(|key| key["crv"] = json!("Ed25519")), kind);
    fault(&jwks(|key| key["kty"] = json!("ec")), kind);
    let oct = json!({ "kty": "oct", "k": "c2VjcmV0" });
    fault(&jwks(|key| *key = oct), "a shared secret; it belongs in a file of its own");
    fault(&jwks(|key| *key = json!({})), "`kty` is missing");
    fault(&jwks(|key| key["kty"] = json!(1)), "`kty` is no text");
    fault(&jwks(|key| key["alg"] = json!("EdDSA")), "`alg` does not fit the kind of key");
    fault(&jwks(|key| key["alg"] = json!("HS256")), "`alg` does not fit the kind of key");
    fault(&jwks(|key| key["use"] = json!("enc")), "`use` is not \"sig\"");
    fault(&jwks(|key| key["key_ops"] = json!(["sign"])), "`key_ops` does not hold \"verify\"");
    fault(&jwks(|key| key["kid"] = json!("")), "`kid` must have 1 to 128 characters");
    fault(&jwks(|key| key["kid"] = json!("x".repeat(129))), "`kid` must have 1 to 128 characters");
    fault(&jwks(|key| key["x"] = json!("AAAA")), "a coordinate has not 32 bytes");
    fault(&jwks(|key| key["x"] = json!("A A")), "a coordinate is no base64url without padding");
    fault(&jwks(|key| key["y"] = key["x"].clone()), "the point is not on the curve P-256");
    fault(&jwks(|key| *key = json!({ "kty": "EC", "crv": "P-256" })), "a coordinate is missing");

    let same = jwks(|key| key["kid"] = json!("backend-EdDSA"));
    told(&same, "keys 0 and 1 of the set have the same `kid`");
    let twice = JWKS.replace("\"kty\": \"EC\",", "\"kty\": \"EC\", \"kty\": \"EC\",");
    let form =
        "no JSON Web Key Set: `keys` must be a list of objects in which no name stands twice";
    told(&twice, form);
    told(r#"{"keys":{}}"#, form);
    told(r#"{"keys":[1]}"#, form);
    told(r#"{"keys":[]}"#, "no JSON Web Key Set: `keys` is empty");
    told("{}", "no JSON Web Key Set: there are no `keys` in it");
    let object = "it must be a JSON object in which no name stands twice";
    told("{", &format!("no JSON Web Key Set: {object}"));
    told(r#"{"keys":[],"keys":[]}"#, &format!("no JSON Web Key Set: {object}"));
}

#[test]
fn no_more_keys_than_a_forger_may_have_tried() {
    let mut keys = VerifyingKeys::default();
    for _ in 0..VerifyingKeys::MAX {
        keys.add(Forge::new(Algorithm::EdDsa).keys()).unwrap();
    }
    let more = Forge::new(Algorithm::EdDsa).keys();
    assert_eq!(keys.add(more), Err(KeyError::TooMany { max: 16 }));
    let known = keys.clone();
    keys.add(known).expect("the same keys again are no more keys");
    assert_eq!(keys.len(), VerifyingKeys::MAX);
}

#[test]
fn private_keys_that_cannot_sign() {
    let told = |text: &str| SigningKey::from_pem(text).unwrap_err().to_string();
    assert_eq!(told(""), "no PEM: there is no section `PRIVATE KEY` in it");
    assert_eq!(
        told(&pem("ENCRYPTED PRIVATE KEY", b"0")),
        "no PEM: the key is encrypted; `openssl pkey` decrypts it"
    );
    assert_eq!(
        told(&pem("EC PRIVATE KEY", b"0")),
        "section 0 of the PEM text: not PKCS#8; `openssl pkcs8 -topk8 -nocrypt` makes it so"
    );
    let kind = "section 0 of the PEM text: neither an Ed25519 key nor one on the curve P-256 with its \
                public key";
    assert_eq!(told(&pem("PRIVATE KEY", b"0")), kind);
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap().private_pem().unwrap();
    assert_eq!(told(&[&key[..], &key].concat()), "no PEM: there is more than one section in it");
}

#[test]
fn secrets() {
    assert_eq!(Secret::new(&[7; 31]).unwrap_err(), KeyError::SecretTooShort { bytes: 31, min: 32 });
    assert!(Secret::new(&[7; 32]).is_ok());
    // Binary secrets are as good as text, whatever they begin with.
    let mut binary = [b'{'; 32];
    assert!(Secret::new(&binary).is_ok());
    binary[31] = b'\r';
    assert!(Secret::from_file(&binary).is_ok());

    let text = core::str::from_utf8(SECRET).unwrap();
    let signed = Forge::new(Algorithm::Hs256).token(&support::agent_claims());
    for file in [text.to_owned(), format!("{text}\n"), format!("{text}\r\n")] {
        let keys = VerifyingKeys::from_secret(&Secret::from_file(file.as_bytes()).unwrap());
        assert!(support::agent(&keys, &signed).is_ok());
    }
    for file in [format!("{text} "), format!("{text}\n\n"), format!("{text}\r"), format!(" {text}")]
    {
        let keys = VerifyingKeys::from_secret(&Secret::from_file(file.as_bytes()).unwrap());
        assert!(support::agent(&keys, &signed).is_err(), "every other byte belongs to it");
    }

    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    for public in [
        key.public_pem().unwrap().into_bytes(),
        key.public_jwk().unwrap().into_bytes(),
        JWKS.as_bytes().to_vec(),
        der(&key.public_pem().unwrap()),
        pem("CERTIFICATE", &[0; 40]).into_bytes(),
    ] {
        assert_eq!(Secret::from_file(&public).unwrap_err(), KeyError::SecretIsKey);
    }
    let shared = SigningKey::from_secret(&Secret::new(SECRET).unwrap());
    assert_eq!(shared.private_pem().map(|_| ()), None);
    assert_eq!((shared.public_pem(), shared.public_jwk()), (None, None));
}

#[test]
fn key_ids_have_a_length() {
    for kid in [String::new(), "x".repeat(129)] {
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        assert_eq!(key.with_key_id(&kid).unwrap_err(), KeyError::KeyId);
    }
    let odd =
        SigningKey::generate(Algorithm::EdDsa).unwrap().with_key_id("a \"b\" \u{e9}").unwrap();
    let keys = VerifyingKeys::read(&odd.public_jwk().unwrap()).unwrap();
    assert_eq!(keys.names().next().unwrap().0.as_str(), "a \"b\" \u{e9}");
}
