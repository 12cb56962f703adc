//! What every answer says to a browser.

use coview_server::Tls;

use crate::support::*;

fn has(answer: &str, name: &str, value: &str) -> bool {
    answer.lines().any(|line| line == format!("{name}: {value}"))
}

#[test]
fn every_answer_is_protected_whatever_it_is() {
    with_server(config(), |address, _| {
        let socket = "GET /v1/socket HTTP/1.1\r\nHost: x\r\n\r\n";
        let upgrade = |without: &str| format!("{}\r\n", UPGRADE.replace(without, ""));
        for (request, status) in [
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 200),
            ("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 200),
            ("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 200),
            ("GET /console HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 200),
            ("GET /console/ HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 308),
            ("GET /none HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 404),
            ("GET /?token=x HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 400),
            ("POST / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 405),
            ("OPTIONS / HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.example\r\n\r\n".into(), 405),
            (socket.to_owned(), 426),
            (upgrade("Sec-WebSocket-Version: 13\r\n"), 426),
            (upgrade("Sec-WebSocket-Protocol: coview.v1\r\n"), 400),
            (upgrade("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), 400),
        ] {
            let told = answer(address, &request);
            assert!(told.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {told}");
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("x-frame-options", "DENY"),
                ("referrer-policy", "no-referrer"),
                ("cross-origin-opener-policy", "same-origin"),
                ("cross-origin-resource-policy", "same-origin"),
            ] {
                assert!(has(&told, name, value), "{request}: {name} in {told}");
            }
            let policy = "content-security-policy: default-src 'none'; ";
            assert_eq!(told.matches("content-security-policy").count(), 1, "{told}");
            assert!(told.contains(policy) && told.contains("frame-ancestors 'none'"), "{told}");
            assert!(told.contains("permissions-policy: "), "{told}");
            assert!(!told.contains("access-control-"), "no other page may read it: {told}");
            assert!(!told.contains("strict-transport-security"), "without TLS: {told}");
        }
    });
}

#[test]
fn browsers_that_came_by_https_are_told_to_stay_there() {
    const STAY: &str = "max-age=31536000";
    let mut behind = config();
    behind.origins = ["https://support.example.org".into()].into();
    with_server(behind.clone(), |address, _| {
        for path in ["/", "/console", "/none"] {
            assert!(has(&get(address, path, ""), "strict-transport-security", STAY), "{path}");
        }
        // A name every machine has means other servers, too.
        let request = "GET / HTTP/1.1\r\nHost: localhost:7300\r\n\r\n";
        assert!(!answer(address, request).contains("strict-transport-security"));
    });
    behind.hsts_days = 0;
    with_server(behind, |address, _| {
        assert!(!get(address, "/", "").contains("strict-transport-security"));
    });
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = made.signing_key.serialize_pem();
    let tls = Tls::from_pem(made.cert.pem().as_bytes(), key.as_bytes()).unwrap();
    let with_tls = coview_server::ServerConfig { tls: Some(tls), ..config() };
    with_server(with_tls, |address, _| {
        let mut stream = tls_client(address, &made.cert).unwrap();
        std::io::Write::write_all(&mut stream, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let told = String::from_utf8(rest(&mut stream)).unwrap();
        assert!(has(&told, "strict-transport-security", STAY), "{told}");
    });
}
