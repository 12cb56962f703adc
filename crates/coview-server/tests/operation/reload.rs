//! Certificates and keys change while the server runs.

use std::io::Read;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use coview_server::Lifetimes;
use coview_server::ServerConfig;
use coview_server::Tls;
use coview_server::TokenProofs;
use coview_token::AgentClaims;
use coview_token::Algorithm;
use coview_token::SigningKey;
use coview_token::VerifyingKeys;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::GroupId;
use coview_wire::UnixTime;
use futures_rustls::rustls;
use tungstenite::client::IntoClientRequest;

use crate::support::*;

type Made = rcgen::CertifiedKey<rcgen::KeyPair>;

fn made() -> Made {
    rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

fn served(made: &Made) -> ServerConfig {
    let key = made.signing_key.serialize_pem();
    let tls = Tls::from_pem(made.cert.pem().as_bytes(), key.as_bytes()).unwrap();
    ServerConfig { tls: Some(tls), ..config() }
}

#[test]
fn new_connections_get_the_new_certificate_and_old_ones_live_on() {
    let (before, after) = (made(), made());
    with_server(served(&before), |address, control| {
        let mut request = format!("wss://localhost:{}/v1/socket", address.port());
        request = request.replace("wss", "ws");
        let mut request = request.into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "coview.v1".parse().unwrap());
        let stream = tls_client(address, &before.cert).unwrap();
        let (mut old, _) = tungstenite::client(request, stream).unwrap();
        say(&mut old, HELLO);
        assert!(hear(&mut old).contains("\"welcome\""));

        assert_eq!(control.reload(served(&after)), Vec::<String>::new());
        tls_client(address, &after.cert).expect("the new one");
        tls_client(address, &before.cert).expect_err("not the old one");
        say(&mut old, r#"{"t":"ping"}"#);
        assert!(hear(&mut old).contains("\"pong\""), "who was there still is");
    });
}

#[test]
fn tls_12_and_13_are_spoken() {
    let made = made();
    with_server(served(&made), |address, _| {
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let mut stream = tls_client_of(address, &made.cert, &[version]).unwrap();
            assert_eq!(stream.conn.protocol_version(), Some(version.version));
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            let mut told = [0; 12];
            stream.read_exact(&mut told).unwrap();
            assert_eq!(&told, b"HTTP/1.1 200");
        }
        // A client of plain HTTP gets an alert and no answer.
        let told = get(address, "/healthz", "");
        assert!(!told.contains("HTTP/1.1"), "{told}");
    });
}

#[test]
fn a_key_that_was_replaced_opens_nothing_any_more() {
    let (before, after) = (
        SigningKey::generate(Algorithm::EdDsa).unwrap(),
        SigningKey::generate(Algorithm::EdDsa).unwrap(),
    );
    let signed_by = |key: &SigningKey| {
        let keys = VerifyingKeys::from_pem(&key.public_pem().unwrap()).unwrap();
        let proofs = TokenProofs::new(keys, VerifyingKeys::default(), Lifetimes::default());
        let mut config = config();
        for group in config.hub.groups.values_mut() {
            group.proofs = Arc::new(proofs.clone());
        }
        config
    };
    with_server(signed_by(&before), |address, control| {
        let sign_in = |key: &SigningKey| {
            let card = AgentCard::new(AgentId::new("grace").unwrap(), "Grace").unwrap();
            let token = AgentClaims::new(GroupId::new("12345").unwrap(), card)
                .sign(key, wall(), Duration::from_secs(600))
                .unwrap();
            let mut agent = client(address, &[]);
            say(
                &mut agent,
                &SIGN_IN.replace("\"grace\"", &format!("\"{}\"", token.expose_secret())),
            );
            let told = hear(&mut agent);
            (agent, told)
        };
        let (mut old, told) = sign_in(&before);
        assert!(told.contains("\"signed_in\""), "{told}");
        assert!(sign_in(&after).1.contains("\"bad_token\""));
        control.reload(signed_by(&after));
        assert!(sign_in(&after).1.contains("\"signed_in\""));
        assert!(sign_in(&before).1.contains("\"bad_token\""));
        say(&mut old, r#"{"t":"ping"}"#);
        assert!(hear(&mut old).contains("\"pong\""), "the sign-in lasts until it expires");
    });
}

#[expect(clippy::disallowed_methods, reason = "the server reads the clock, and a backend does")]
fn wall() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    UnixTime::new(since.as_secs())
}

#[test]
fn what_cannot_change_while_the_server_runs_is_named() {
    with_server(config(), |_, control| {
        let mut other = served(&made());
        other.limits.connections = 7;
        other.hub.policy.max_guests = 3;
        other.metrics.clear();
        for group in other.hub.groups.values_mut() {
            group.confirm_join = true;
        }
        let rest = control.reload(other);
        assert_eq!(
            rest,
            ["[limits]", "[policy]", "[metrics]", "group 12345", "[tls] came or went"]
        );
    });
}
