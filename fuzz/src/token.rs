use core::time::Duration;

use coview_token::*;
use coview_wire::AgentToken;
use coview_wire::GroupId;
use coview_wire::UnixTime;
use coview_wire::VisitorAssertion;
use data_encoding::BASE64URL_NOPAD;
use ring::hmac;
use serde_json::Value;

use crate::bytes::Bytes;

/// The group all tokens here are for.
pub const GROUP: &str = "12345";
/// The time it always is here.
pub const NOW: u64 = 1_800_000_000;
/// The shared secret, of 32 bytes.
pub const SECRET: &[u8] = b"a secret that is for fuzzing only";
/// Public keys whose private halves signed [`SIGNED`] and were thrown away.
pub const PUBLIC: &str = include_str!("../keys/public.pem");
/// Every token that was ever signed with [`PUBLIC`], one in a line.
pub const SIGNED: &str = include_str!("../keys/signed.txt");

const LONGEST: Duration = Duration::from_secs(7_200);

/// By its first byte: reads the input as a token, as header and claims to be signed first, or as a
/// file of keys. A token is only accepted if one of the keys signed it, and then says what the
/// claims say.
pub fn token(data: &[u8]) {
    let mut bytes = Bytes::of(data);
    let kind = bytes.byte();
    let rest = bytes.take(usize::MAX);
    match kind % 3 {
        0 => forged(rest),
        1 => signed(rest),
        _ => keys(rest),
    }
}

fn verifying() -> VerifyingKeys {
    let mut keys = VerifyingKeys::from_pem(PUBLIC).expect("good keys");
    keys.add(VerifyingKeys::from_secret(&secret())).expect("another key");
    keys
}

fn secret() -> Secret {
    Secret::new(SECRET).expect("long enough")
}

/// Whoever knows no key makes no token.
fn forged(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let Some(purpose) = accepted(text) else { return };
    let (message, signature) = text.rsplit_once('.').expect("an accepted token has parts");
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let tag = BASE64URL_NOPAD.encode(hmac::sign(&key, message.as_bytes()).as_ref());
    let known = tag == signature || SIGNED.lines().any(|token| token == text);
    assert!(known, "a forged token is accepted as {purpose}");
}

/// What a token is good for; at most one thing.
fn accepted(text: &str) -> Option<&'static str> {
    let keys = verifying();
    let (group, now) = (GroupId::new(GROUP).expect("an id"), UnixTime::new(NOW));
    let told = |error: TokenError| {
        let told = error.to_string();
        // A short word may stand in the fault by chance, and the engine tries what faults say.
        let parts = text.split('.').filter(|part| part.len() > 24 && !part.contains(' '));
        parts.for_each(|part| assert!(!told.contains(part), "a fault repeats the token"));
    };
    let agent = AgentToken::new(text)
        .ok()
        .and_then(|token| keys.agent(&group, &token, now, LONGEST).map_err(told).ok());
    let visitor = VisitorAssertion::new(text)
        .ok()
        .and_then(|token| keys.visitor(&group, &token, now, LONGEST).map_err(told).ok());
    assert!(agent.is_none() || visitor.is_none(), "one token is good for two purposes");
    if let Some(agent) = agent {
        assert!(agent.expires > now, "an expired token is accepted");
        assert!(agent.expires <= now + LONGEST + LEEWAY + LEEWAY, "too long");
        return Some(AGENT);
    }
    let visitor = visitor?;
    assert!(visitor.expires > now, "an expired assertion is accepted");
    Some(VISITOR)
}

/// Whatever was signed, what is accepted is what the claims say, and nothing is passed over.
fn signed(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let (header, claims) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let message = format!("{}.{}", BASE64URL_NOPAD.encode(header), BASE64URL_NOPAD.encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let tag = BASE64URL_NOPAD.encode(hmac::sign(&key, message.as_bytes()).as_ref());
    let text = format!("{message}.{tag}");
    let Some(purpose) = accepted(&text) else { return };

    let header: Value = serde_json::from_slice(header).expect("an accepted header");
    let claims: Value = serde_json::from_slice(claims).expect("accepted claims");
    assert_eq!(header["alg"], "HS256", "the key decides on the algorithm");
    assert!(header.get("crit").is_none(), "a demand is passed over");
    let audience = match &claims["aud"] {
        Value::Array(list) if list.len() == 1 => &list[0],
        other => other,
    };
    assert_eq!(audience, purpose);
    assert_eq!(claims["group"], GROUP);
    let exp = claims["exp"].as_f64().expect("a time");
    assert!(exp + LEEWAY.as_secs_f64() > NOW as f64, "expired");
    if purpose == AGENT {
        let token = AgentToken::new(&text).expect("it was accepted");
        let group = GroupId::new(GROUP).expect("an id");
        let agent = verifying().agent(&group, &token, UnixTime::new(NOW), LONGEST);
        let agent = agent.expect("it was accepted");
        assert_eq!(claims["sub"], agent.card.agent.as_str());
        assert_eq!(claims["name"], agent.card.name());
        assert_eq!(claims.get("visitors").is_some(), agent.rights.visitors.is_some());
        assert_eq!(claims.get("view_only").is_some_and(|it| it == true), agent.rights.view_only);
        assert_eq!(claims.get("manual_keys").is_none_or(|it| it == true), agent.rights.manual_keys);
        assert_eq!(claims.get("max_guests").is_some(), agent.rights.max_guests.is_some());
        assert_eq!(claims.get("jti").is_some(), agent.once.is_some());
    }
}

fn keys(data: &[u8]) {
    let _ = Secret::from_file(data).map_err(|error| error.to_string());
    let Ok(text) = core::str::from_utf8(data) else { return };
    for read in [VerifyingKeys::read, VerifyingKeys::from_pem, VerifyingKeys::from_jwks] {
        match read(text) {
            Ok(keys) => {
                let count = keys.names().count();
                assert!((1..=VerifyingKeys::MAX).contains(&count), "{count} keys");
            }
            Err(error) => assert!(error.to_string().len() < 512, "a fault of many words"),
        }
    }
    if let Ok(key) = SigningKey::from_pem(text) {
        let text = key.private_pem().expect("a private key");
        let again = SigningKey::from_pem(&text).expect("it was written");
        assert_eq!(key.public_pem(), again.public_pem(), "a key reads back");
    }
}
