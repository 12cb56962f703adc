//! Whatever is signed is accepted, and nothing else is.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use core::time::Duration;

use coview_token::AgentClaims;
use coview_token::Algorithm;
use coview_token::LEEWAY;
use coview_token::Secret;
use coview_token::SigningKey;
use coview_token::TokenError;
use coview_token::VerifyingKeys;
use coview_token::VisitorClaims;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentRights;
use coview_wire::AgentToken;
use coview_wire::GroupId;
use coview_wire::UnixTime;
use coview_wire::VisitorAssertion;
use coview_wire::VisitorId;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use serde_json::Value;
use serde_json::json;
use support::ALGORITHMS;
use support::Forge;
use support::NOW;
use support::agent;
use support::agent_claims;
use support::now;
use support::visitor;
use support::visitor_claims;

fn algorithm() -> impl Strategy<Value = Algorithm> {
    prop::sample::select(&ALGORITHMS[..])
}

fn group() -> impl Strategy<Value = GroupId> {
    "[A-Za-z0-9_-]{1,32}".prop_map(|id| GroupId::new(id).unwrap())
}

fn visitor_id() -> impl Strategy<Value = VisitorId> {
    "[A-Za-z0-9_~-]{1,62}".prop_map(|id| VisitorId::new(id).unwrap())
}

fn card() -> impl Strategy<Value = AgentCard> {
    ("[A-Za-z0-9_~-]{1,62}", "[^\\p{C}\\p{Z}]{1,64}").prop_filter_map("a name", |(id, name)| {
        AgentCard::new(AgentId::new(id).unwrap(), &name).ok()
    })
}

fn rights() -> impl Strategy<Value = AgentRights> {
    (option::of(vec(visitor_id(), 0..=20)), any::<bool>(), any::<bool>(), option::of(1_u32..))
        .prop_map(|(visitors, view_only, manual_keys, max_guests)| AgentRights {
            visitors,
            view_only,
            manual_keys,
            max_guests,
        })
}

/// Keys are made once: what is random here are the tokens.
fn signers() -> &'static [Forge; 3] {
    static SIGNERS: std::sync::OnceLock<[Forge; 3]> = std::sync::OnceLock::new();
    SIGNERS.get_or_init(|| ALGORITHMS.map(Forge::new))
}

fn signer(algorithm: Algorithm) -> &'static Forge {
    signers().iter().find(|forge| forge.key.algorithm() == algorithm).expect("there is one of each")
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (NOW - 100..NOW + 100).prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "coview-(agent|visitor)|12345".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,4}", inner, 0..4)
                .prop_map(|map| Value::from(serde_json::Map::from_iter(map))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../proptest-regressions/token.txt"
        )))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_signed_is_accepted(
        algorithm in algorithm(),
        group in group(),
        card in card(),
        rights in rights(),
        once in any::<bool>(),
        minutes in 1_u64..=120,
        // Never so late that it has expired.
        later in 0_u64..60,
    ) {
        let key = &signer(algorithm).key;
        let mut claims = AgentClaims::new(group.clone(), card.clone()).with_rights(rights.clone());
        if once {
            claims = claims.once();
        }
        let lifetime = Duration::from_secs(minutes * 60);
        let token = claims.sign(key, now(), lifetime).unwrap();
        let at = now() + Duration::from_secs(later);
        let good = key.verifying_keys().agent(&group, &token, at, lifetime).unwrap();
        prop_assert_eq!(good.card, card);
        prop_assert_eq!(good.rights, rights);
        prop_assert_eq!(good.expires, now() + lifetime + LEEWAY);
        prop_assert_eq!(good.once.is_some(), once);
    }

    #[test]
    fn assertions_that_are_signed_are_accepted(
        algorithm in algorithm(),
        group in group(),
        visitor in visitor_id(),
        now in 0_u64..1 << 40,
    ) {
        let (key, now) = (&signer(algorithm).key, UnixTime::new(now));
        let quarter = Duration::from_secs(900);
        let assertion = VisitorClaims::new(group.clone(), visitor.clone()).once().sign(key, now, quarter);
        let good = key.verifying_keys().visitor(&group, &assertion.unwrap(), now, quarter).unwrap();
        prop_assert_eq!(good.visitor, visitor);
        prop_assert!(good.once.is_some());
    }

    /// Any JSON in place of any claim: an error, or a token that says what it says.
    #[test]
    fn strange_claims_never_panic(algorithm in algorithm(), at in 0_usize..12, value in json()) {
        const NAMES: [&str; 12] = [
            "aud", "group", "sub", "name", "exp", "iat", "nbf", "jti", "visitors", "view_only",
            "manual_keys", "max_guests",
        ];
        let forge = signer(algorithm);
        let mut claims = agent_claims();
        claims[NAMES[at]] = value.clone();
        let token = forge.token(&claims);
        if token.len() <= coview_wire::limits::TOKEN_BYTES {
            let _ = agent(&forge.keys(), &token);
        }
        let header = json!({ "alg": algorithm.as_str(), "typ": value, "kid": value, "jwk": value });
        let token = forge.with_header(&header, &agent_claims());
        if token.len() <= coview_wire::limits::TOKEN_BYTES {
            let _ = agent(&forge.keys(), &token);
        }
    }

    #[test]
    fn random_text_is_no_token(text in prop_oneof![
        "\\PC{1,200}",
        "[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,100}",
        "[A-Za-z0-9_.=-]{1,300}",
    ]) {
        for forge in signers() {
            prop_assert!(agent(&forge.keys(), &text).is_err());
            prop_assert!(visitor(&forge.keys(), &text).is_err());
        }
    }

    #[test]
    fn random_text_is_no_key(text in prop_oneof![
        "\\PC{0,200}",
        "-----BEGIN (PUBLIC|PRIVATE) KEY-----\n[A-Za-z0-9+/]{0,120}\n-----END (PUBLIC|PRIVATE) KEY-----\n",
        json().prop_map(|json| json!({ "keys": [json] }).to_string()),
        json().prop_map(|json| json!({ "kty": "OKP", "crv": "Ed25519", "x": json }).to_string()),
        json().prop_map(|json| json!({ "kty": "EC", "crv": "P-256", "x": json, "y": json }).to_string()),
    ]) {
        prop_assert!(VerifyingKeys::read(&text).is_err());
        prop_assert!(SigningKey::from_pem(&text).is_err());
        let _ = Secret::from_file(text.as_bytes());
    }

    #[test]
    fn two_changed_bytes_are_noticed(
        algorithm in algorithm(),
        first in any::<prop::sample::Index>(),
        second in any::<prop::sample::Index>(),
        by in any::<[char; 2]>(),
    ) {
        let forge = signer(algorithm);
        let good: Vec<char> = forge.token(&visitor_claims()).chars().collect();
        let mut changed = good.clone();
        changed[first.index(good.len())] = by[0];
        changed[second.index(good.len())] = by[1];
        prop_assume!(changed != good);
        let changed: String = changed.into_iter().collect();
        prop_assert!(visitor(&forge.keys(), &changed).is_err());
    }
}

/// Every byte in turn, by each of the 64 characters a token is made of and some others; shortened,
/// and lengthened. Nothing of it is accepted.
#[test]
fn every_changed_byte_is_noticed() {
    const OTHERS: &str =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\0é";
    for forge in signers() {
        let (keys, good) = (forge.keys(), forge.token(&visitor_claims()));
        assert!(visitor(&keys, &good).is_ok());
        let mut tried = 0;
        for at in 0..good.len() {
            for other in OTHERS.chars().filter(|other| !good[at..].starts_with(*other)) {
                let changed = format!("{}{other}{}", &good[..at], &good[at + 1..]);
                assert!(visitor(&keys, &changed).is_err(), "{at} {other}");
                tried += 1;
            }
            let shortened = format!("{}{}", &good[..at], &good[at + 1..]);
            assert!(visitor(&keys, &shortened).is_err(), "without the character {at}");
            let doubled = format!("{}{}", &good[..=at], &good[at..]);
            assert!(visitor(&keys, &doubled).is_err(), "with the character {at} twice");
        }
        assert!(tried > 10_000, "{tried}");
    }
}

/// Whoever is made two tokens for one use can use both.
#[test]
fn no_two_tokens_for_one_use_are_the_same() {
    let forge = signer(Algorithm::Hs256);
    let card = AgentCard::new(AgentId::new("grace").unwrap(), "Grace").unwrap();
    let claims = AgentClaims::new(support::group(), card).once();
    let once = || {
        let token = claims.sign(&forge.key, now(), support::HOUR).unwrap();
        agent(&forge.keys(), token.expose_secret()).unwrap().once.unwrap()
    };
    let seen: std::collections::BTreeSet<_> = (0..1000).map(|_| once()).collect();
    assert_eq!(seen.len(), 1000);
}

/// What is checked is the purpose asked for, whichever type carries the text.
#[test]
fn the_type_that_carries_a_token_proves_nothing() {
    let forge = signer(Algorithm::EdDsa);
    let group = GroupId::new("12345").unwrap();
    let text = forge.token(&visitor_claims());
    let as_agent = AgentToken::new(&text).unwrap();
    let told = forge.keys().agent(&group, &as_agent, now(), support::HOUR);
    assert_eq!(told, Err(TokenError::Audience));
    let as_visitor = VisitorAssertion::new(&text).unwrap();
    assert!(forge.keys().visitor(&group, &as_visitor, now(), support::HOUR).is_ok());
}
