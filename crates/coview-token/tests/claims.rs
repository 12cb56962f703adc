//! What stands in a token that a known key signed, and is not to be believed all the same: wrong
//! times, restrictions nobody understands, names that are none.

mod support;

use core::time::Duration;

use coview_token::Algorithm;
use coview_token::LEEWAY;
use coview_token::TokenError;
use coview_wire::AgentToken;
use coview_wire::UnixTime;
use coview_wire::limits;
use serde_json::Value;
use serde_json::json;
use support::Forge;
use support::NOW;
use support::TWO_HOURS;
use support::agent;
use support::agent_claims;
use support::group;
use support::visitor;
use support::visitor_claims;
use support::with;

fn claim(name: &'static str, fault: &'static str) -> TokenError {
    TokenError::Claim { name, fault }
}

#[test]
fn expired() {
    let forge = Forge::new(Algorithm::EdDsa);
    let keys = forge.keys();
    for (exp, accepted) in [(NOW - 29, true), (NOW - 30, false), (NOW - 3600, false), (0, false)] {
        for (claims, assertion) in [(agent_claims(), false), (visitor_claims(), true)] {
            let token = forge.token(&with(claims, "exp", json!(exp)));
            let told = if assertion {
                visitor(&keys, &token).map(|_| ())
            } else {
                agent(&keys, &token).map(|_| ())
            };
            assert_eq!(told, if accepted { Ok(()) } else { Err(TokenError::Expired) }, "{exp}");
        }
    }
}

/// One-use tokens are remembered until `expires`, so nothing may be accepted from then on.
#[test]
fn nothing_is_accepted_from_when_it_may_be_forgotten() {
    let forge = Forge::new(Algorithm::EdDsa);
    let token = AgentToken::new(forge.token(&with(agent_claims(), "jti", json!("1")))).unwrap();
    let at = |now| forge.keys().agent(&group(), &token, now, TWO_HOURS);
    let expires = at(UnixTime::new(NOW)).unwrap().expires;
    assert!(at(UnixTime::new(expires.get() - 1)).is_ok());
    assert_eq!(at(expires), Err(TokenError::Expired));
}

#[test]
fn without_an_expiry() {
    let forge = Forge::new(Algorithm::EdDsa);
    let token = forge.token(&with(agent_claims(), "exp", Value::Null));
    assert_eq!(agent(&forge.keys(), &token), Err(claim("exp", "is missing")));
    for exp in [
        json!("1800000600"),
        json!(-1),
        json!(-0.5),
        json!(true),
        json!([1_800_000_600]),
        json!(9_007_199_254_740_992_u64),
        json!(u64::MAX),
        json!(1e300),
    ] {
        let token = forge.token(&with(agent_claims(), "exp", exp.clone()));
        let fault = "is no time in seconds since 1970";
        assert_eq!(agent(&forge.keys(), &token), Err(claim("exp", fault)), "{exp}");
    }
    let json =
        agent_claims().to_string().replace(&format!("\"exp\":{}", NOW + 3600), "\"exp\":null");
    let token = forge.raw(r#"{"alg":"EdDSA"}"#, &json);
    let fault = "is no time in seconds since 1970";
    assert_eq!(agent(&forge.keys(), &token), Err(claim("exp", fault)));
}

#[test]
fn an_expiry_too_far_ahead() {
    let forge = Forge::new(Algorithm::EdDsa);
    let keys = forge.keys();
    let two_hours = TWO_HOURS.as_secs() + LEEWAY.as_secs();
    for (exp, accepted) in [
        (json!(NOW + two_hours), true),
        (json!(NOW + two_hours + 1), false),
        (json!(limits::NUMBER_MAX), false),
    ] {
        let told = agent(&keys, &forge.token(&with(agent_claims(), "exp", exp)));
        assert_eq!(told.map(|_| ()), if accepted { Ok(()) } else { Err(TokenError::TooLong) });
    }
    let hour = with(visitor_claims(), "exp", json!(NOW + 3600));
    assert_eq!(visitor(&keys, &forge.token(&hour)), Err(TokenError::TooLong));
}

#[test]
fn not_valid_yet() {
    let forge = Forge::new(Algorithm::EdDsa);
    for name in ["nbf", "iat"] {
        for (begin, accepted) in [
            (json!(NOW + 30), true),
            (json!(NOW + 31), false),
            (json!(NOW as f64 + 30.5), false),
            (json!(limits::NUMBER_MAX), false),
        ] {
            let token = forge.token(&with(agent_claims(), name, begin));
            let told = agent(&forge.keys(), &token).map(|_| ());
            assert_eq!(told, if accepted { Ok(()) } else { Err(TokenError::NotYet) }, "{name}");
        }
        let token = forge.token(&with(agent_claims(), name, json!("soon")));
        let fault = "is no time in seconds since 1970";
        assert_eq!(agent(&forge.keys(), &token), Err(claim(name, fault)));
    }
}

/// Parts of a second never make a token last longer.
#[test]
fn times_with_parts_of_a_second() {
    let forge = Forge::new(Algorithm::EdDsa);
    let exp = json!(NOW as f64 + 599.9);
    let token = forge.token(&with(agent_claims(), "exp", exp));
    assert_eq!(agent(&forge.keys(), &token).unwrap().expires.get(), NOW + 599 + 30);
}

#[test]
fn for_another_audience() {
    let forge = Forge::new(Algorithm::EdDsa);
    for aud in [
        json!(""),
        json!("coview"),
        json!("Coview-Agent"),
        json!("coview-agent "),
        json!([]),
        json!(["coview-visitor"]),
        json!(["coview-agent", "coview-visitor"]),
        json!(["coview-agent", "another service"]),
        json!([["coview-agent"]]),
        json!({ "coview-agent": true }),
        json!(1),
    ] {
        let token = forge.token(&with(agent_claims(), "aud", aud.clone()));
        assert_eq!(agent(&forge.keys(), &token), Err(TokenError::Audience), "{aud}");
    }
    let token = forge.token(&with(agent_claims(), "aud", Value::Null));
    assert_eq!(agent(&forge.keys(), &token), Err(claim("aud", "is missing")));
    // Some libraries always write a list.
    let token = forge.token(&with(agent_claims(), "aud", json!(["coview-agent"])));
    assert!(agent(&forge.keys(), &token).is_ok());
}

#[test]
fn claims_that_stand_twice() {
    let forge = Forge::new(Algorithm::EdDsa);
    let good = agent_claims().to_string();
    for twice in [
        r#""sub":"ada""#,
        r#""exp":1900000000"#,
        r#""group":"67890""#,
        r#""view_only":true,"view_only":false"#,
        r#""whatever":1,"whatever":1"#,
        r#""\u0073ub":"ada""#,
    ] {
        for json in
            [format!("{{{twice},{}", &good[1..]), format!("{},{twice}}}", &good[..good.len() - 1])]
        {
            let told = agent(&forge.keys(), &forge.raw(r#"{"alg":"EdDSA"}"#, &json)).unwrap_err();
            assert!(matches!(told, TokenError::Malformed(_)), "{twice}: {told}");
        }
    }
    for header in [
        r#"{"alg":"EdDSA","alg":"EdDSA"}"#,
        r#"{"alg":"none","alg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","kid":"a","kid":"b"}"#,
        r#"{"alg":"EdDSA","x":1,"x":1}"#,
    ] {
        let told = agent(&forge.keys(), &forge.raw(header, &good)).unwrap_err();
        assert!(matches!(told, TokenError::Malformed(_)), "{header}: {told}");
    }
}

/// A restriction that cannot be understood must not become none.
#[test]
fn restrictions_that_cannot_be_understood() {
    let forge = Forge::new(Algorithm::EdDsa);
    let many: Vec<_> = (0..65).map(|number| format!("v{number}")).collect();
    let good = agent_claims().to_string();
    for (name, value) in [
        ("visitors", "null"),
        ("visitors", "\"customer-42\""),
        ("visitors", "{}"),
        ("visitors", "[42]"),
        ("visitors", "[\"customer 42\"]"),
        ("visitors", "[\"\"]"),
        ("visitors", &json!(many).to_string()),
        ("view_only", "null"),
        ("view_only", "\"true\""),
        ("view_only", "1"),
        ("manual_keys", "null"),
        ("manual_keys", "0"),
        ("max_guests", "null"),
        ("max_guests", "0"),
        ("max_guests", "-1"),
        ("max_guests", "1.5"),
        ("max_guests", "\"1\""),
        ("max_guests", "4294967296"),
    ] {
        let json = format!("{{\"{name}\":{value},{}", &good[1..]);
        let told = agent(&forge.keys(), &forge.raw(r#"{"alg":"EdDSA"}"#, &json)).unwrap_err();
        assert!(matches!(told, TokenError::Claim { name: told, .. } if told == name), "{told}");
    }
    let nobody = with(agent_claims(), "visitors", json!([]));
    let rights = agent(&forge.keys(), &forge.token(&nobody)).unwrap().rights;
    assert_eq!(rights.visitors, Some(Vec::new()), "an empty list is nobody, not everybody");
}

#[test]
fn names_and_ids_that_are_none() {
    let forge = Forge::new(Algorithm::EdDsa);
    let keys = forge.keys();
    for sub in [json!(""), json!("a b"), json!("x".repeat(63)), json!("grace\n"), json!(42)] {
        for (claims, assertion) in [(agent_claims(), false), (visitor_claims(), true)] {
            let token = forge.token(&with(claims, "sub", sub.clone()));
            let told = if assertion {
                visitor(&keys, &token).unwrap_err()
            } else {
                agent(&keys, &token).unwrap_err()
            };
            assert!(matches!(told, TokenError::Claim { name: "sub", .. }), "{sub}: {told}");
        }
    }
    for name in [json!(""), json!("x".repeat(65)), json!("Grace\u{1b}[2J"), json!(1), Value::Null] {
        let told = agent(&keys, &forge.token(&with(agent_claims(), "name", name))).unwrap_err();
        assert!(matches!(told, TokenError::Claim { name: "name", .. }), "{told}");
    }
}

#[test]
fn one_use_is_told_by_purpose_and_jti() {
    let forge = Forge::new(Algorithm::EdDsa);
    let keys = forge.keys();
    let agents = |jti: Value| agent(&keys, &forge.token(&with(agent_claims(), "jti", jti)));
    let (first, again) = (agents(json!("1")).unwrap().once, agents(json!("1")).unwrap().once);
    assert!(first.is_some());
    assert_eq!(first, again, "a replay can be told");
    assert_ne!(first, agents(json!("2")).unwrap().once);
    let token = forge.token(&with(visitor_claims(), "jti", json!("1")));
    assert_ne!(first, visitor(&keys, &token).unwrap().once, "purposes do not use up one another");
    for jti in [json!(""), json!("x".repeat(257)), json!(1)] {
        assert!(matches!(agents(jti), Err(TokenError::Claim { name: "jti", .. })));
    }
    let json = format!("{{\"jti\":null,{}", &agent_claims().to_string()[1..]);
    let told = agent(&keys, &forge.raw(r#"{"alg":"EdDSA"}"#, &json));
    assert_eq!(told, Err(claim("jti", "is no text")), "null does not make it a token for ever");
}

/// A token of the longest life that is allowed, and the largest clock: no sum overflows.
#[test]
fn the_end_of_time() {
    let forge = Forge::new(Algorithm::EdDsa);
    let claims = with(agent_claims(), "exp", json!(limits::NUMBER_MAX));
    let token = AgentToken::new(forge.token(&claims)).unwrap();
    for now in [0, NOW, limits::NUMBER_MAX, u64::MAX - 1, u64::MAX] {
        for longest in [Duration::ZERO, TWO_HOURS, Duration::MAX] {
            let told = forge.keys().agent(&group(), &token, UnixTime::new(now), longest);
            if now > limits::NUMBER_MAX + LEEWAY.as_secs() {
                assert_eq!(told, Err(TokenError::Expired));
            }
        }
    }
}
