//! Tokens and keys that others made: the examples of the RFCs, and what the libraries that backends
//! use write. `samples/` holds tokens of PyJWT 2.15 and of `jose` 6 for Node, signed with keys of
//! OpenSSL 3; nobody kept the private keys.

mod support;

use coview_token::Secret;
use coview_token::SigningKey;
use coview_token::TokenError;
use coview_token::VerifyingKeys;
use coview_wire::VisitorId;
use data_encoding::BASE64URL_NOPAD;
use support::NOW;
use support::SECRET;
use support::agent;

const ED25519_PEM: &str = include_str!("samples/ed.pub.pem");
const P256_PEM: &str = include_str!("samples/ec.pub.pem");
const JWKS: &str = include_str!("samples/jwks.json");
const TOKENS: &str = include_str!("samples/tokens.txt");

#[test]
fn tokens_of_libraries_that_backends_use() {
    let mut pem = VerifyingKeys::from_pem(&[ED25519_PEM, P256_PEM].concat()).unwrap();
    pem.add(VerifyingKeys::from_secret(&Secret::new(SECRET).unwrap())).unwrap();
    let mut jwks = VerifyingKeys::read(JWKS).unwrap();
    jwks.add(VerifyingKeys::from_secret(&Secret::new(SECRET).unwrap())).unwrap();

    let mut read = 0;
    for line in TOKENS.lines() {
        let (who, token) = line.rsplit_once(' ').unwrap();
        for keys in [&pem, &jwks] {
            let good = agent(keys, token).unwrap_or_else(|error| panic!("{who}: {error}"));
            assert_eq!((good.card.agent.as_str(), good.card.name()), ("grace", "Grace Hopper"));
            assert_eq!(good.rights.visitors, Some(vec![VisitorId::new("customer-42").unwrap()]));
            assert!(good.rights.view_only && !good.rights.manual_keys);
            assert_eq!(good.rights.max_guests, Some(2));
            assert_eq!(good.expires.get(), NOW + 3630);
            assert!(good.once.is_some());
            read += 1;
        }
    }
    assert_eq!(read, 12);
}

#[test]
fn the_same_key_has_the_same_name_in_pem_and_jwk() {
    let of_pem = VerifyingKeys::from_pem(ED25519_PEM).unwrap();
    let (name, _) = of_pem.names().next().unwrap();
    let without_kid = JWKS.replace("\"kid\": \"backend-EdDSA\",", "");
    let of_jwks = VerifyingKeys::from_jwks(&without_kid).unwrap();
    assert_eq!(of_jwks.names().next().unwrap().0, name);
}

/// RFC 8037, appendix A: the key, its thumbprint and what it signed, which is no claims.
#[test]
fn the_example_of_ed25519() {
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let keys = VerifyingKeys::from_jwks(jwk).unwrap();
    let (name, _) = keys.names().next().unwrap();
    assert_eq!(name.as_str(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
                 hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_M\
                 uM0KAg";
    let signed = TokenError::Malformed("its claims are no JSON object of different names");
    assert_eq!(agent(&keys, token), Err(signed), "the signature is good");
}

/// RFC 7515, appendix A.3: good, and not for this purpose.
#[test]
fn the_example_of_es256() {
    let jwk = r#"{"kty":"EC","crv":"P-256",
        "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    let keys = VerifyingKeys::from_jwks(jwk).unwrap();
    let token = "eyJhbGciOiJFUzI1NiJ9.\
        eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0\
        cnVlfQ.\
        DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let signed = TokenError::Claim { name: "aud", fault: "is missing" };
    assert_eq!(agent(&keys, token), Err(signed), "the signature is good");
}

/// RFC 7515, appendix A.1: good, and not for this purpose.
#[test]
fn the_example_of_hs256() {
    let secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1\
                  Z9CAow";
    let secret = Secret::new(&BASE64URL_NOPAD.decode(secret.as_bytes()).unwrap()).unwrap();
    let keys = VerifyingKeys::from_secret(&secret);
    let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
        eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0\
        cnVlfQ.\
        dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let signed = TokenError::Claim { name: "aud", fault: "is missing" };
    assert_eq!(agent(&keys, token), Err(signed), "the signature is good");
}

/// RFC 8410, section 10: a private key without its public one, and that.
#[test]
fn the_example_of_a_private_key() {
    let private = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    let public = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PUBLIC KEY-----\n";
    let key = SigningKey::from_pem(private).unwrap();
    assert_eq!(key.public_pem().as_deref(), Some(public));
    assert_eq!(key.private_pem().unwrap().as_str(), private);
}
