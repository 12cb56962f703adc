use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde_json::Value;

use crate::algorithm::Algorithm;
use crate::error::KeyError;
use crate::object::Object;
use crate::public::PublicKey;

/// A key of a set, and its `kid` if it has one.
pub(crate) struct Jwk {
    pub(crate) kid: Option<String>,
    pub(crate) key: PublicKey,
}

/// Reads a set, or one key alone.
pub(crate) fn read(text: &str) -> Result<Vec<Jwk>, KeyError> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Object>,
    }
    const FORM: KeyError = KeyError::Jwks("it must be a JSON object in which no name stands twice");
    let whole = Object::parse(text.as_bytes()).ok_or(FORM)?;
    let keys = if whole.has("keys") {
        let set: Set = serde_json::from_str(text).map_err(|_| {
            KeyError::Jwks("`keys` must be a list of objects in which no name stands twice")
        })?;
        set.keys
    } else if whole.has("kty") {
        vec![whole]
    } else {
        return Err(KeyError::Jwks("there are no `keys` in it"));
    };
    let read = |(index, key)| jwk(key).map_err(|fault| KeyError::Jwk { index, fault });
    keys.iter().enumerate().map(read).collect()
}

fn jwk(key: &Object) -> Result<Jwk, &'static str> {
    // Said before anything else: who put a private key here has to know.
    if ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"].iter().any(|name| key.has(name)) {
        return Err("a private key; only its public part belongs here");
    }
    let public = match (text(key, "kty")?, text(key, "crv")?) {
        (Some("OKP"), Some("Ed25519")) => PublicKey::ed25519(&bytes(key, "x")?)?,
        (Some("EC"), Some("P-256")) => {
            let (x, y) = (bytes(key, "x")?, bytes(key, "y")?);
            PublicKey::p256(&[&[4][..], &x, &y].concat())?
        }
        (Some("oct"), _) => return Err("a shared secret; it belongs in a file of its own"),
        (None, _) => return Err("`kty` is missing"),
        (Some(_), _) => return Err("neither an Ed25519 key nor one on the curve P-256"),
    };
    if let Some(alg) = text(key, "alg")?
        && Algorithm::named(alg) != Some(public.algorithm())
    {
        return Err("`alg` does not fit the kind of key");
    }
    if text(key, "use")?.is_some_and(|it| it != "sig") {
        return Err("`use` is not \"sig\"");
    }
    if let Some(ops) = key.get("key_ops") {
        let verify = ops.as_array().is_some_and(|ops| ops.iter().any(|op| op == "verify"));
        if !verify {
            return Err("`key_ops` does not hold \"verify\"");
        }
    }
    let kid = text(key, "kid")?.map(str::to_owned);
    if kid.as_deref().is_some_and(|kid| kid.is_empty() || kid.chars().count() > crate::KEY_ID) {
        return Err("`kid` must have 1 to 128 characters");
    }
    Ok(Jwk { kid, key: public })
}

fn text<'a>(key: &'a Object, name: &'static str) -> Result<Option<&'a str>, &'static str> {
    match key.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(match name {
            "kty" => "`kty` is no text",
            "crv" => "`crv` is no text",
            "alg" => "`alg` is no text",
            "use" => "`use` is no text",
            "kid" => "`kid` is no text",
            _ => "a coordinate is no text",
        }),
    }
}

/// A coordinate. Both curves have coordinates of 32 bytes, zeros before them included.
fn bytes(key: &Object, name: &'static str) -> Result<Vec<u8>, &'static str> {
    let text = text(key, name)?.ok_or("a coordinate is missing")?;
    let bytes = BASE64URL_NOPAD
        .decode(text.as_bytes())
        .map_err(|_| "a coordinate is no base64url without padding")?;
    if bytes.len() == 32 { Ok(bytes) } else { Err("a coordinate has not 32 bytes") }
}
