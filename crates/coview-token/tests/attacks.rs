//! What somebody would try who wants to be an agent or a visitor and is not. One test each.

mod support;

use coview_token::Algorithm;
use coview_token::KeyError;
use coview_token::Secret;
use coview_token::SigningKey;
use coview_token::TokenError;
use coview_token::VerifyingKeys;
use coview_wire::AgentToken;
use coview_wire::GroupId;
use coview_wire::UnixTime;
use coview_wire::limits;
use serde_json::Value;
use serde_json::json;
use support::ALGORITHMS;
use support::Forge;
use support::NOW;
use support::SECRET;
use support::TWO_HOURS;
use support::agent;
use support::agent_claims;
use support::der;
use support::hs256;
use support::unsigned;
use support::visitor;
use support::visitor_claims;
use support::with;

fn claim(name: &'static str, fault: &'static str) -> TokenError {
    TokenError::Claim { name, fault }
}

#[test]
fn good_ones_are_accepted() {
    for algorithm in ALGORITHMS {
        let forge = Forge::new(algorithm);
        let good = agent(&forge.keys(), &forge.token(&agent_claims())).unwrap();
        assert_eq!((good.card.agent.as_str(), good.card.name()), ("grace", "Grace Hopper"));
        assert!(good.rights.is_default());
        assert_eq!((good.expires.get(), good.once), (NOW + 3630, None));

        let good = visitor(&forge.keys(), &forge.token(&visitor_claims())).unwrap();
        assert_eq!((good.visitor.as_str(), good.once), ("customer-42", None));
    }
}

#[test]
fn forged_by_another_key_of_the_same_kind() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        let (ours, theirs) = (Forge::new(algorithm), Forge::new(algorithm));
        let forged = theirs.token(&agent_claims());
        assert_eq!(agent(&ours.keys(), &forged), Err(TokenError::Signature));
        assert!(agent(&theirs.keys(), &forged).is_ok(), "it is good for those who trust that key");
    }
    let ours = VerifyingKeys::from_secret(&Secret::new(&[7; 32]).unwrap());
    let forged = Forge::new(Algorithm::Hs256).token(&agent_claims());
    assert_eq!(agent(&ours, &forged), Err(TokenError::Signature));
}

#[test]
fn forged_claims_under_a_good_signature() {
    for algorithm in ALGORITHMS {
        let forge = Forge::new(algorithm);
        let good = forge.token(&agent_claims());
        let signature = good.rsplit('.').next().unwrap();
        let other = with(agent_claims(), "sub", json!("ada"));
        let header = json!({ "alg": algorithm.as_str() }).to_string();
        let forged = format!("{}.{signature}", unsigned(&header, &other.to_string()));
        assert_eq!(agent(&forge.keys(), &forged), Err(TokenError::Signature));
    }
}

#[test]
fn without_a_signature() {
    let forge = Forge::new(Algorithm::EdDsa);
    let good = forge.token(&agent_claims());
    let message = good.rsplit_once('.').unwrap().0;
    for token in [format!("{message}."), format!("{message}.AA")] {
        assert_eq!(agent(&forge.keys(), &token), Err(TokenError::Signature));
    }
    for token in [message.to_owned(), format!("{good}."), format!("{good}.AA"), format!(".{good}")]
    {
        assert!(matches!(agent(&forge.keys(), &token), Err(TokenError::Malformed(_))), "{token}");
    }
}

/// An all-zero signature was once good for everything in a well-known implementation of ES256.
#[test]
fn a_signature_of_zeros() {
    for algorithm in ALGORITHMS {
        let forge = Forge::new(algorithm);
        let good = forge.token(&agent_claims());
        let (message, signature) = good.rsplit_once('.').unwrap();
        let zeros = format!("{message}.{}", "A".repeat(signature.len()));
        assert_eq!(agent(&forge.keys(), &zeros), Err(TokenError::Signature), "{algorithm}");
    }
}

#[test]
fn algorithm_none_in_any_casing() {
    // All 16 ways to write it.
    let casings = (0..16_u8).map(|bits| {
        let upper = |(at, c): (usize, char)| {
            if bits >> at & 1 == 1 { c.to_ascii_uppercase() } else { c }
        };
        "none".chars().enumerate().map(upper).collect::<String>()
    });
    for algorithm in ALGORITHMS {
        let forge = Forge::new(algorithm);
        for none in casings.clone() {
            let header = json!({ "alg": none, "typ": "JWT" });
            let message = unsigned(&header.to_string(), &agent_claims().to_string());
            let signed = forge.with_header(&header, &agent_claims());
            for token in [format!("{message}."), signed] {
                assert_eq!(agent(&forge.keys(), &token), Err(TokenError::Algorithm), "{none}");
            }
        }
    }
}

#[test]
fn an_algorithm_that_is_not_accepted() {
    let forge = Forge::new(Algorithm::EdDsa);
    let names =
        ["", "eddsa", "EDDSA", "EdDSA ", "es256", "ES384", "HS384", "HS512", "RS256", "dir"];
    for alg in names.map(Value::from).into_iter().chain([json!(null), json!(["EdDSA"]), json!(1)]) {
        let token = forge.with_header(&json!({ "alg": alg }), &agent_claims());
        let told = agent(&forge.keys(), &token).unwrap_err();
        assert!(matches!(told, TokenError::Algorithm | TokenError::Malformed(_)), "{alg}: {told}");
    }
    let token = forge.with_header(&json!({ "typ": "JWT" }), &agent_claims());
    assert_eq!(agent(&forge.keys(), &token), Err(TokenError::Algorithm), "no algorithm at all");
}

/// What is public is taken for the secret of HS256, in every way it can be written.
#[test]
fn key_confusion_with_a_public_key_as_the_secret() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        let forge = Forge::new(algorithm);
        let (pem, jwk) = (forge.key.public_pem().unwrap(), forge.key.public_jwk().unwrap());
        let set = format!(r#"{{"keys":[{jwk}]}}"#);
        let spki = der(&pem);
        let raw = &spki[spki.len() - if algorithm == Algorithm::EdDsa { 32 } else { 65 }..];
        let kid = serde_json::from_str::<Value>(&jwk).unwrap()["kid"].clone();
        let publicly_known: [&[u8]; 8] = [
            pem.as_bytes(),
            pem.trim_end().as_bytes(),
            &spki,
            raw,
            &raw[1..],
            jwk.as_bytes(),
            set.as_bytes(),
            b"",
        ];
        let mut keys = VerifyingKeys::from_pem(&pem).unwrap();
        keys.add(VerifyingKeys::from_jwks(&set).unwrap()).unwrap();
        for secret in publicly_known {
            for header in [json!({ "alg": "HS256" }), json!({ "alg": "HS256", "kid": kid })] {
                let token = hs256(secret, &header, &agent_claims());
                assert_eq!(agent(&keys, &token), Err(TokenError::NoKey));
            }
            // It helps nobody if the group has a secret too: that one is another.
            let mut with_secret = keys.clone();
            with_secret.add(Forge::new(Algorithm::Hs256).keys()).unwrap();
            let token = hs256(secret, &json!({ "alg": "HS256" }), &agent_claims());
            assert_eq!(agent(&with_secret, &token), Err(TokenError::Signature));
            // Nor can an operator make it the secret by mistake.
            let text = core::str::from_utf8(secret).is_ok_and(|text| text.len() > 32);
            if text || secret.len() > 65 {
                assert_eq!(Secret::new(secret).unwrap_err(), KeyError::SecretIsKey);
            }
        }
    }
}

/// The signature is good, but the header names another algorithm than that of the key.
#[test]
fn key_confusion_with_another_algorithm_in_the_header() {
    for signer in ALGORITHMS {
        let forge = Forge::new(signer);
        for named in ALGORITHMS.into_iter().filter(|named| *named != signer) {
            let token = forge.with_header(&json!({ "alg": named.as_str() }), &agent_claims());
            assert_eq!(agent(&forge.keys(), &token), Err(TokenError::NoKey), "{signer} as {named}");
        }
    }
}

/// A key in the token, or an address of one, signs for nobody.
#[test]
fn keys_brought_along_are_not_looked_at() {
    let (ours, theirs) = (Forge::new(Algorithm::EdDsa), Forge::new(Algorithm::EdDsa));
    let jwk: Value = serde_json::from_str(&theirs.key.public_jwk().unwrap()).unwrap();
    for (name, value) in [
        ("jwk", jwk.clone()),
        ("jku", json!("https://attacker.example/jwks.json")),
        ("x5u", json!("https://attacker.example/cert.pem")),
        ("x5c", json!(["MIIBszCCAVmgAwIBAgIUA=="])),
        ("x5t", json!("AAAA")),
        ("x5t#S256", json!("AAAA")),
        ("jwk", json!("no key at all")),
    ] {
        let header = json!({ "alg": "EdDSA", name: value });
        let forged = theirs.with_header(&header, &agent_claims());
        assert_eq!(agent(&ours.keys(), &forged), Err(TokenError::Signature), "{name}");
        let good = ours.with_header(&header, &agent_claims());
        assert!(agent(&ours.keys(), &good).is_ok(), "{name} is ignored");
    }
    let header = json!({ "alg": "EdDSA", "jwk": jwk, "kid": jwk["kid"] });
    let forged = theirs.with_header(&header, &agent_claims());
    assert_eq!(agent(&ours.keys(), &forged), Err(TokenError::Signature));
}

#[test]
fn a_critical_extension_is_refused() {
    let forge = Forge::new(Algorithm::EdDsa);
    for crit in [json!(["b64"]), json!(["exp"]), json!([]), json!(null), json!("alg"), json!({})] {
        let header = json!({ "alg": "EdDSA", "b64": true, "crit": crit });
        let told = agent(&forge.keys(), &forge.with_header(&header, &agent_claims())).unwrap_err();
        assert_eq!(
            told.to_string(),
            "not a signed token: its header demands an extension (`crit`)"
        );
    }
}

#[test]
fn another_kind_of_token_is_refused() {
    let forge = Forge::new(Algorithm::EdDsa);
    let keys = forge.keys();
    for (name, value) in [
        ("enc", json!("A256GCM")),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
        ("typ", json!("at+jwt")),
        ("typ", json!("")),
        ("typ", json!(null)),
        ("kid", json!(7)),
        ("kid", json!(null)),
    ] {
        let header = json!({ "alg": "EdDSA", name: value });
        let told = agent(&keys, &forge.with_header(&header, &agent_claims())).unwrap_err();
        assert!(matches!(told, TokenError::Malformed(_)), "{name} {value}: {told}");
    }
    for typ in ["JWT", "jwt"] {
        let header = json!({ "alg": "EdDSA", "typ": typ });
        assert!(agent(&keys, &forge.with_header(&header, &agent_claims())).is_ok(), "{typ}");
    }
}

#[test]
fn of_another_group() {
    let forge = Forge::new(Algorithm::EdDsa);
    let keys = forge.keys();
    for group in [json!("12346"), json!("1234"), json!("123456"), json!(""), json!("12345 ")] {
        let agents = forge.token(&with(agent_claims(), "group", group.clone()));
        assert_eq!(agent(&keys, &agents), Err(TokenError::Group), "{group}");
        let visitors = forge.token(&with(visitor_claims(), "group", group));
        assert_eq!(visitor(&keys, &visitors), Err(TokenError::Group));
    }
    for group in [json!(12345), json!(["12345"]), json!(true)] {
        let token = forge.token(&with(agent_claims(), "group", group));
        assert_eq!(agent(&keys, &token), Err(claim("group", "is no text")));
    }
    let token = forge.token(&with(agent_claims(), "group", Value::Null));
    assert_eq!(agent(&keys, &token), Err(claim("group", "is missing")));

    // The keys may be the same: what is asked for is what counts.
    let other = GroupId::new("67890").unwrap();
    let good = AgentToken::new(forge.token(&agent_claims())).unwrap();
    let told = keys.agent(&other, &good, UnixTime::new(NOW), TWO_HOURS);
    assert_eq!(told, Err(TokenError::Group));
}

/// An expired token of another group is foreign first of all.
#[test]
fn a_foreign_token_tells_nothing_of_its_times() {
    let forge = Forge::new(Algorithm::EdDsa);
    let expired = with(agent_claims(), "exp", json!(NOW - 3600));
    let foreign = forge.token(&with(expired.clone(), "group", json!("67890")));
    assert_eq!(agent(&forge.keys(), &foreign), Err(TokenError::Group));
    assert_eq!(visitor(&forge.keys(), &forge.token(&expired)), Err(TokenError::Audience));
}

#[test]
fn an_agents_token_as_an_assertion_and_the_other_way() {
    for algorithm in ALGORITHMS {
        let forge = Forge::new(algorithm);
        let (agents, visitors) = (forge.token(&agent_claims()), forge.token(&visitor_claims()));
        assert_eq!(visitor(&forge.keys(), &agents), Err(TokenError::Audience));
        assert_eq!(agent(&forge.keys(), &visitors), Err(TokenError::Audience));
    }
}

#[test]
fn a_header_or_claims_of_another_form() {
    let forge = Forge::new(Algorithm::EdDsa);
    let (header, claims) = (r#"{"alg":"EdDSA"}"#, agent_claims().to_string());
    for bad in ["", "null", "[]", "\"EdDSA\"", "{", "{}{}", r#"{"alg":"EdDSA"} x"#, "\u{feff}{}"] {
        for token in [forge.raw(bad, &claims), forge.raw(header, bad)] {
            let told = agent(&forge.keys(), &token).unwrap_err();
            assert!(matches!(told, TokenError::Malformed(_)), "{bad}: {told}");
        }
    }
    // White space is no fault.
    let spaced = format!(" {claims}\n");
    assert!(agent(&forge.keys(), &forge.raw("{ \"alg\" : \"EdDSA\" }", &spaced)).is_ok());
}

/// There is one way to write a token: others would be the same token with another text.
#[test]
fn the_same_bytes_in_another_writing() {
    for algorithm in ALGORITHMS {
        let forge = Forge::new(algorithm);
        let good = forge.token(&agent_claims());
        let parts: Vec<_> = good.split('.').collect();
        let last_bits = {
            // The last character of 32 or 64 bytes holds bits that belong to nothing.
            let (head, last) = good.split_at(good.len() - 1);
            let next = char::from(last.as_bytes()[0] + 1);
            format!("{head}{next}")
        };
        for token in [
            format!("{good}="),
            format!("{good}=="),
            format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
            format!("{} .{}.{}", parts[0], parts[1], parts[2]),
            format!("{}.{}\n.{}", parts[0], parts[1], parts[2]),
            format!("{good}\n"),
            format!(" {good}"),
            format!("Bearer {good}"),
            last_bits,
        ] {
            // Claims in another writing are not what was signed.
            let told = agent(&forge.keys(), &token).unwrap_err();
            assert!(matches!(told, TokenError::Malformed(_) | TokenError::Signature), "{told}");
        }
    }
}

#[test]
fn too_large() {
    let forge = Forge::new(Algorithm::EdDsa);
    let fill = |len: usize| with(agent_claims(), "fill", json!("x".repeat(len)));
    let mut len = 2000;
    while forge.token(&fill(len + 1)).len() <= limits::TOKEN_BYTES {
        len += 1;
    }
    let largest = forge.token(&fill(len));
    assert!(largest.len() > limits::TOKEN_BYTES - 4);
    assert!(agent(&forge.keys(), &largest).is_ok());
    // What is larger cannot be asked about: there is no value of it.
    assert!(AgentToken::new(forge.token(&fill(len + 1))).is_err());
}

#[test]
fn deep_json() {
    let forge = Forge::new(Algorithm::EdDsa);
    let deep = format!("{}{}", "[".repeat(1400), "]".repeat(1400));
    let token = forge.raw(r#"{"alg":"EdDSA"}"#, &format!("{{\"deep\":{deep}}}"));
    assert!(matches!(agent(&forge.keys(), &token), Err(TokenError::Malformed(_))));
    let header = format!("{{\"alg\":\"EdDSA\",\"jwk\":{deep}}}");
    let message = unsigned(&header, "{}");
    assert!(matches!(
        agent(&forge.keys(), &format!("{message}.AA")),
        Err(TokenError::Malformed(_))
    ));
}

#[test]
fn a_key_id_selects_the_key() {
    let old = Forge::new(Algorithm::EdDsa).named("2026-10");
    let new = Forge::new(Algorithm::EdDsa).named("2026-11");
    let jwk = |forge: &Forge| forge.key.public_jwk().unwrap();
    let set = format!(r#"{{"keys":[{},{}]}}"#, jwk(&old), jwk(&new));
    let keys = VerifyingKeys::from_jwks(&set).unwrap();
    let header = |kid| json!({ "alg": "EdDSA", "kid": kid });
    let told = |forge: &Forge, kid| {
        let good = agent(&keys, &forge.with_header(&header(kid), &agent_claims()))?;
        Ok::<_, TokenError>(good.key.to_string())
    };
    assert_eq!(told(&old, "2026-10").as_deref(), Ok("2026-10"));
    assert_eq!(told(&new, "2026-11").as_deref(), Ok("2026-11"));
    assert_eq!(told(&old, "2026-11"), Err(TokenError::Signature), "signed by the other one");
    assert_eq!(told(&old, "2025-01"), Err(TokenError::NoKey), "a key that is not there any more");
    assert_eq!(told(&old, ""), Err(TokenError::NoKey));
    // Without an id all are tried.
    for forge in [&old, &new] {
        assert!(agent(&keys, &forge.token(&agent_claims())).is_ok());
    }
}

#[test]
fn no_keys_accept_nothing() {
    for algorithm in ALGORITHMS {
        let token = Forge::new(algorithm).token(&agent_claims());
        assert_eq!(agent(&VerifyingKeys::default(), &token), Err(TokenError::NoKey));
    }
}

#[test]
fn no_error_repeats_anything_of_a_token() {
    let forge = Forge::new(Algorithm::EdDsa);
    let keys = forge.keys();
    let told = |token: &str| format!("{0} {0:?}", agent(&keys, token).unwrap_err());
    let mark = "s3cret";
    for name in ["aud", "group", "sub", "name", "exp", "nbf", "jti", "visitors", "view_only"] {
        for value in
            [json!(mark), json!([mark]), json!({ mark: mark }), json!([format!("{mark} ")])]
        {
            let token = forge.token(&with(agent_claims(), name, value));
            if agent(&keys, &token).is_err() {
                assert!(!told(&token).contains(mark), "{name}");
            }
        }
    }
    for name in ["alg", "typ", "kid", "crit", "enc"] {
        let header = with(json!({ "alg": "EdDSA" }), name, json!([mark]));
        assert!(!told(&forge.with_header(&header, &agent_claims())).contains(mark), "{name}");
    }
    assert!(!told(mark).contains(mark));
    assert!(!format!("{:?} {:?}", forge.key, forge.keys()).contains("PRIVATE"));
    assert_eq!(format!("{:?}", forge.key), "SigningKey(EdDSA, redacted)");
    let shared = format!("{:?}", Forge::new(Algorithm::Hs256).keys());
    assert_eq!(shared, r#"{"shared secret": Hs256}"#);
    assert!(!shared.contains(core::str::from_utf8(SECRET).unwrap()));
}

/// It takes the private key to sign; the public one of the same pair is told from it.
#[test]
fn a_public_key_does_not_sign() {
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let told = SigningKey::from_pem(&key.public_pem().unwrap()).unwrap_err();
    assert_eq!(
        told.to_string(),
        "section 0 of the PEM text: a public key; signing needs the private one"
    );
}
