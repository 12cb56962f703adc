//! Tokens that should sign nobody in, and assertions that should identify nobody.

use coview_token::AGENT;
use coview_token::Algorithm;
use coview_token::SigningKey;
use coview_token::VISITOR;
use coview_wire::UnixTime;
use data_encoding::BASE64;
use data_encoding::BASE64URL_NOPAD;
use ring::hmac;
use serde_json::Value;
use serde_json::json;

use crate::raw::Raw;
use crate::raw::code;
use crate::raw::identify;
use crate::raw::sign_in;
use crate::raw::visitor;
use crate::world::*;

/// Shows the token at the door: it is refused with a code, nothing of it is said back, and the
/// connection is over.
#[track_caller]
fn refused(world: &World, group: &str, token: &str) -> String {
    let mut raw = world.connect();
    raw.say(&sign_in(group, token));
    let all = raw.rest();
    let told: Vec<_> = all.iter().map(|it| it["t"].as_str().unwrap()).collect();
    assert_eq!(told, ["refused", "closing"], "{token}");
    for part in token.split('.').filter(|part| part.len() > 8) {
        assert!(!raw.told.contains(part), "the answer repeats the token: {}", raw.told);
    }
    code(&all[0]).to_owned()
}

fn part(json: &Value) -> String {
    BASE64URL_NOPAD.encode(json.to_string().as_bytes())
}

/// Claims that are good for an agent now.
fn good_claims(group: &str) -> Value {
    json!({
        "aud": AGENT, "group": group, "sub": "mallory", "name": "Mallory", "exp": now().get() + 600,
    })
}

/// A token signed with any bytes as a shared secret.
fn hs256(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    format!("{message}.{}", BASE64URL_NOPAD.encode(hmac::sign(&key, message.as_bytes()).as_ref()))
}

#[test]
fn forged_tokens_sign_nobody_in() {
    let world = World::new();
    let stranger = |algorithm| SigningKey::generate(algorithm).unwrap();
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        let token = claims(BANK, "mallory").sign(&stranger(algorithm), now(), HOUR).unwrap();
        assert_eq!(refused(&world, BANK, token.expose_secret()), "bad_token");
    }
    let guessed = hs256(&json!({"alg": "HS256"}), &good_claims(BANK), b"secret");
    assert_eq!(refused(&world, BANK, &guessed), "bad_token");

    // A good token with other claims, or with any part changed.
    let good = world.token(BANK, "grace", |claims| claims);
    let parts: Vec<&str> = good.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("a token has three parts") };
    let altered = part(&good_claims(BANK));
    let padded = format!("{claims}=");
    for token in [
        format!("{header}.{altered}.{signature}"),
        format!("{header}.{claims}."),
        format!("{header}.{claims}"),
        format!("{header}.{padded}.{signature}"),
        format!("{header}.{claims}.{signature}.{signature}"),
        format!("{header}.{claims}.{}", &signature[..signature.len() - 2]),
        format!("{header}..{signature}"),
        format!("{claims}.{header}.{signature}"),
        format!("{header} .{claims}.{signature}"),
        "grace".to_owned(),
        ".".to_owned(),
        "..".to_owned(),
    ] {
        assert_eq!(refused(&world, BANK, &token), "bad_token", "{token}");
    }
    let flipped = |at: usize| {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    for at in (0..good.len()).step_by(23).filter(|at| good.as_bytes()[*at] != b'.') {
        assert_eq!(refused(&world, BANK, &flipped(at)), "bad_token", "character {at}");
    }
    // And the good one is good.
    let mut raw = world.connect();
    raw.say(&sign_in(BANK, &good));
    assert_eq!(raw.hear("signed_in")["agent"]["name"], "grace of 12345");
}

#[test]
fn expired_early_and_too_long_lasting_tokens_sign_nobody_in() {
    let world = World::new();
    let at = |begin: i64, lifetime| {
        let begin = UnixTime::new(now().get().checked_add_signed(begin).unwrap());
        let token = claims(BANK, "grace").sign(&world.backend.agents, begin, lifetime).unwrap();
        refused(&world, BANK, token.expose_secret())
    };
    assert_eq!(at(-7_200, HOUR), "token_expired");
    // Their times are wrong, and nothing more is told of what was never good.
    assert_eq!(at(600, HOUR), "bad_token");
    assert_eq!(at(0, 3 * HOUR), "bad_token");
    let mut forever = good_claims(BANK);
    forever.as_object_mut().unwrap().remove("exp");
    let forever = hs256(&json!({"alg": "HS256"}), &forever, SECRET);
    assert_eq!(refused(&world, BANK, &forever), "bad_token");
}

#[test]
fn a_token_of_one_group_opens_no_other() {
    let world = World::new();
    // The same keys sign for both groups.
    let token = world.token(SHOP, "mallory", |claims| claims);
    assert_eq!(refused(&world, BANK, &token), "bad_token");
    let mut both = good_claims(BANK);
    both["group"] = json!([BANK, SHOP]);
    let both = hs256(&json!({"alg": "HS256"}), &both, SECRET);
    assert_eq!(refused(&world, BANK, &both), "bad_token");
    assert_eq!(refused(&world, SHOP, &both), "bad_token");
}

#[test]
fn alg_none_is_no_algorithm() {
    let world = World::new();
    let good = world.token(BANK, "grace", |claims| claims);
    let signature = good.rsplit('.').next().unwrap();
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        for header in [json!({"alg": alg}), json!({"alg": alg, "typ": "JWT"})] {
            let message = format!("{}.{}", part(&header), part(&good_claims(BANK)));
            assert_eq!(refused(&world, BANK, &format!("{message}.")), "bad_token");
            assert_eq!(refused(&world, BANK, &format!("{message}.{signature}")), "bad_token");
        }
    }
    for header in [json!({}), json!({"alg": null}), json!({"alg": ["HS256"]}), json!({"alg": 0})] {
        let token = hs256(&header, &good_claims(BANK), SECRET);
        assert_eq!(refused(&world, BANK, &token), "bad_token", "{header}");
    }
}

/// The secret of the backend, which the attacker does not know; with it a header alone is wrong.
const SECRET: &[u8] = b"the secret of a backend that is long enough";

#[test]
fn a_public_key_is_no_shared_secret() {
    let world = World::new();
    for key in [&world.backend.agents, &world.backend.visitors] {
        let pem = key.public_pem().unwrap();
        let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = BASE64.decode(der.as_bytes()).unwrap();
        let jwk = key.public_jwk().unwrap();
        let point = &der[der.len() - 32..];
        for secret in [pem.as_bytes(), pem.trim().as_bytes(), &der, point, jwk.as_bytes()] {
            let token = hs256(&json!({"alg": "HS256"}), &good_claims(BANK), secret);
            assert_eq!(refused(&world, BANK, &token), "bad_token");
        }
    }
    let empty = hs256(&json!({"alg": "HS256"}), &good_claims(BANK), b"");
    assert_eq!(refused(&world, BANK, &empty), "bad_token");
}

#[test]
fn the_header_of_a_token_decides_nothing() {
    let world = World::new();
    // The right signature under the name of another algorithm.
    let good = world.token(BANK, "grace", |claims| claims);
    let rest = good.split_once('.').unwrap().1;
    for alg in ["ES256", "HS256", "RS256", "PS256", "ES384", "eddsa"] {
        let token = format!("{}.{rest}", part(&json!({"alg": alg, "typ": "JWT"})));
        assert_eq!(refused(&world, BANK, &token), "bad_token", "{alg}");
    }
    // Even the right secret does not make a demand that is not understood go away.
    for header in [
        json!({"alg": "HS256", "crit": ["exp"]}),
        json!({"alg": "HS256", "crit": []}),
        json!({"alg": "HS256", "b64": false, "crit": ["b64"]}),
        json!({"alg": "HS256", "zip": "DEF"}),
        json!({"alg": "HS256", "typ": "at+jwt"}),
        json!({"alg": "HS256", "cty": "JWT"}),
        json!({"alg": "HS256", "enc": "A256GCM"}),
        json!({"alg": "HS256", "kid": ["a", "b"]}),
    ] {
        let token = hs256(&header, &good_claims(BANK), SECRET);
        assert_eq!(refused(&world, BANK, &token), "bad_token", "{header}");
    }
    // A key the attacker brings along, in the header itself.
    let own = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let token = claims(BANK, "mallory").sign(&own, now(), HOUR).unwrap();
    let rest = token.expose_secret().split_once('.').unwrap().1;
    let jwk: Value = serde_json::from_str(&own.public_jwk().unwrap()).unwrap();
    for header in [
        json!({"alg": "EdDSA", "jwk": jwk}),
        json!({"alg": "EdDSA", "kid": "../../../dev/null"}),
        json!({"alg": "EdDSA", "jku": format!("http://{}/keys", world.address)}),
        json!({"alg": "EdDSA", "x5u": "file:///dev/null", "x5c": ["MAA="]}),
    ] {
        assert_eq!(refused(&world, BANK, &format!("{}.{rest}", part(&header))), "bad_token");
    }
}

#[test]
fn an_assertion_signs_no_agent_in_and_a_token_identifies_no_visitor() {
    let world = World::new();
    assert_eq!(refused(&world, BANK, &world.assertion(BANK, "customer-42")), "bad_token");
    // Also when the same key signs both, and when it is for both at once.
    let token = world.token(BANK, "customer-42", |claims| claims);
    let mut raw = visitor(world.address, BANK);
    assert_eq!(code(&raw.ask(identify("customer-42", Some(&token)))), "bad_assertion");
    for audience in [json!([AGENT, VISITOR]), json!(VISITOR), json!([]), json!(null), json!(1)] {
        let mut claims = good_claims(BANK);
        claims["aud"] = audience;
        let token = hs256(&json!({"alg": "HS256"}), &claims, SECRET);
        assert_eq!(refused(&world, BANK, &token), "bad_token", "{claims}");
    }
}

#[test]
fn a_token_for_one_use_is_replayed_in_vain() {
    let world = World::new();
    let token = world.token(BANK, "grace", |claims| claims.once());
    let mut grace = world.connect();
    grace.say(&sign_in(BANK, &token));
    grace.hear("signed_in");
    // By somebody else, by herself on another connection, and to make the sign-in last.
    assert_eq!(refused(&world, BANK, &token), "token_used");
    assert_eq!(code(&grace.ask(json!({"t": "renew", "token": token}))), "token_used");
    // After she left, too.
    grace.say(&json!({"t": "bye"}));
    grace.is_closed("left");
    assert_eq!(refused(&world, BANK, &token), "token_used");
    // A token that made a sign-in last makes no other.
    let first = world.token(BANK, "grace", |claims| claims);
    let second = world.token(BANK, "grace", |claims| claims.once());
    let mut grace = world.connect();
    grace.say(&sign_in(BANK, &first));
    grace.hear("signed_in");
    assert_eq!(grace.ask(json!({"t": "renew", "token": second}))["t"], "renewed");
    assert_eq!(refused(&world, BANK, &second), "token_used");
}

#[test]
fn nobody_renews_with_the_token_of_somebody_else() {
    let world = World::new();
    let mut grace = world.agent(BANK, "grace");
    for (group, name) in [(BANK, "joan"), (SHOP, "grace")] {
        let token = world.token(group, name, |claims| claims);
        assert_eq!(code(&grace.ask(json!({"t": "renew", "token": token}))), "bad_token");
    }
    // The sign-in is as before.
    assert_eq!(grace.ask(json!({"t": "watch"}))["t"], "roster");
}

#[test]
fn whoever_tries_token_after_token_is_cut_off_each_time() {
    let world = World::new();
    for number in 0..20 {
        let token = hs256(&json!({"alg": "HS256"}), &good_claims(BANK), &[number; 32]);
        assert_eq!(refused(&world, BANK, &token), "bad_token");
    }
    // The same on one connection: a refused first message is its last.
    let mut raw = Raw::connect(world.address);
    raw.say(&sign_in(BANK, "one"));
    let _ = raw.try_say(&sign_in(BANK, &world.token(BANK, "grace", |claims| claims)));
    assert!(raw.rest().iter().all(|it| it["t"] != "signed_in"));
}
