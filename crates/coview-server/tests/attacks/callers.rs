//! Who says to be somebody else: pages, addresses, proxies; and secrets where they do not belong.

use std::net::SocketAddr;

use coview_server::ForwardHeader;
use coview_server::Proxy;

use crate::support::*;

/// What the server answers to the first word of a page of this origin.
fn told(address: SocketAddr, origins: &[&str], first: &str) -> String {
    let headers: Vec<_> = origins.iter().map(|origin| ("origin", *origin)).collect();
    let mut socket = client(address, &headers);
    say(&mut socket, first);
    hear(&mut socket)
}

#[test]
fn a_foreign_page_is_told_by_the_protocol_and_gets_no_further() {
    let mut config = config();
    for group in config.hub.groups.values_mut() {
        group.origins = ["https://app.example.org".into()].into();
    }
    with_server(config, |address, _| {
        let own = format!("http://{address}");
        let resume = r#"{"t":"resume","re":0,"version":1,"group":"12345","secret":"1-00"}"#;
        let resume = resume.replace("1-00", &"0".repeat(40));
        for origin in [
            "https://evil.example",
            "null",
            "http://app.example.org",
            "https://app.example.org.evil.example",
            "https://app.example.org:8443",
            "garbage",
            "",
        ] {
            for first in [HELLO, SIGN_IN, &resume] {
                let told = told(address, &[origin], first);
                assert!(told.contains("\"origin_forbidden\""), "{origin}: {told}");
            }
        }
        let two = told(address, &["https://app.example.org", "https://evil.example"], HELLO);
        assert!(two.contains("\"origin_forbidden\""), "{two}");

        assert!(told(address, &["https://App.example.org:443"], HELLO).contains("\"welcome\""));
        assert!(told(address, &["https://app.example.org"], SIGN_IN).contains("\"signed_in\""));
        assert!(told(address, &[&own], SIGN_IN).contains("\"signed_in\""), "the console");
        let visitor = told(address, &[&own], HELLO);
        assert!(visitor.contains("\"origin_forbidden\""), "visitors have no page here: {visitor}");
        assert!(told(address, &[], HELLO).contains("\"welcome\""), "no browser");
    });
}

#[test]
fn a_page_that_rebinds_its_name_to_the_server_is_still_foreign() {
    with_server(config(), |address, _| {
        let port = address.port();
        let mut request = tungstenite::client::IntoClientRequest::into_client_request(format!(
            "ws://{address}/v1/socket"
        ))
        .unwrap();
        let headers = request.headers_mut();
        headers.insert("sec-websocket-protocol", "coview.v1".parse().unwrap());
        headers.insert("host", format!("evil.example:{port}").parse().unwrap());
        headers.insert("origin", format!("http://evil.example:{port}").parse().unwrap());
        let (mut socket, _) = tungstenite::client(request, open(address)).unwrap();
        say(&mut socket, SIGN_IN);
        assert!(hear(&mut socket).contains("\"origin_forbidden\""));
    });
}

fn upgrade_status(address: SocketAddr, headers: &str) -> (u16, Option<std::net::TcpStream>) {
    use std::io::Read;
    use std::io::Write;
    let mut tcp = open(address);
    tcp.write_all(format!("{UPGRADE}{headers}\r\n").as_bytes()).unwrap();
    let mut line = [0; 12];
    tcp.read_exact(&mut line).unwrap();
    let code = std::str::from_utf8(&line[9..]).unwrap().parse().unwrap();
    (code, (code == 101).then_some(tcp))
}

#[test]
fn an_invented_address_does_not_get_around_the_cap() {
    let mut config = config();
    config.limits.connections_per_address = 2;
    with_server(config, |address, _| {
        let mut held = Vec::new();
        let mut codes = Vec::new();
        for last in 1..=4 {
            let headers = format!(
                "X-Forwarded-For: 192.0.2.{last}\r\nForwarded: for=192.0.2.{last}\r\n\
                 X-Real-IP: 192.0.2.{last}\r\n"
            );
            let (code, tcp) = upgrade_status(address, &headers);
            codes.push(code);
            held.push(tcp);
        }
        assert_eq!(codes, [101, 101, 429, 429], "all are one address, whatever they say");
    });
}

#[test]
fn each_address_behind_a_proxy_has_its_own_cap_and_one_line_of_ipv6_has_one() {
    let mut config = config();
    config.limits.connections_per_address = 2;
    let trusted = vec!["127.0.0.1".parse().unwrap()];
    config.proxy = Proxy { trusted, header: ForwardHeader::XForwardedFor };
    with_server(config, |address, _| {
        let mut held = Vec::new();
        let mut from = |client: &str| {
            let (code, tcp) = upgrade_status(address, &format!("X-Forwarded-For: {client}\r\n"));
            held.push(tcp);
            code
        };
        assert_eq!([from("192.0.2.1"), from("192.0.2.1"), from("192.0.2.1")], [101, 101, 429]);
        assert_eq!(from("192.0.2.2"), 101, "a neighbour");
        // What the client itself wrote stands to the left of what the proxy saw.
        assert_eq!(from("192.0.2.77, 192.0.2.1"), 429);
        assert_eq!(
            [from("2001:db8::1"), from("2001:db8::ffff:2"), from("2001:db8:0:0:1::3")],
            [101, 101, 429],
            "one line"
        );
        assert_eq!(from("2001:db8:0:1::1"), 101, "the next line");
        // The proxy itself, as a health check comes from it, is nobody's neighbour.
        assert_eq!([(); 4].map(|()| upgrade_status(address, "").0), [101; 4]);
        drop(held);
        // Whoever goes leaves room.
        let free = || upgrade_status(address, "X-Forwarded-For: 192.0.2.1\r\n").0;
        while free() != 101 {}
    });
}

#[test]
fn metrics_are_not_for_strangers_whatever_they_say() {
    let page = |config, headers: &str| {
        let mut text = String::new();
        with_server(config, |address, _| text = get(address, "/metrics", headers));
        text.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(page(config(), ""), "200");
    // A proxy on this machine nobody told the server about.
    for header in ["X-Forwarded-For: 192.0.2.1", "Forwarded: for=x", "X-Real-IP: ::1", "Via: 1.1 x"]
    {
        assert_eq!(page(config(), &format!("{header}\r\n")), "404", "{header}");
    }
    let behind = || {
        let mut config = config();
        let trusted = vec!["127.0.0.0/8".parse().unwrap()];
        config.proxy = Proxy { trusted, header: ForwardHeader::XForwardedFor };
        config
    };
    assert_eq!(page(behind(), "X-Forwarded-For: 192.0.2.1\r\n"), "404");
    assert_eq!(page(behind(), "X-Forwarded-For: ::1, 192.0.2.1\r\n"), "404");
    assert_eq!(page(behind(), "X-Forwarded-For: garbage\r\n"), "404");
    assert_eq!(page(behind(), "X-Forwarded-For: ::1\r\n"), "200");
    assert_eq!(page(behind(), ""), "200");
    let mut elsewhere = config();
    elsewhere.metrics = vec!["192.0.2.0/24".parse().unwrap()];
    assert_eq!(page(elsewhere, ""), "404");
}

#[test]
fn a_token_in_an_address_is_refused_everywhere() {
    with_server(config(), |address, _| {
        for path in ["/v1/socket", "/console", "/console/", "/console/app.js", "/", "/none"] {
            for query in ["token=a", "group=12345&token=a", "Token", "assertion=a", "key=123456782"]
            {
                let target = format!("{path}?{query}");
                let told =
                    answer(address, &format!("{}\r\n", UPGRADE.replace("/v1/socket", &target)));
                assert!(told.starts_with("HTTP/1.1 400 "), "{target}: {told}");
                let told = get(address, &target, "");
                assert!(told.starts_with("HTTP/1.1 400 "), "{target}: {told}");
                assert!(told.contains("has no place in an address"), "{told}");
                assert!(told.contains("referrer-policy: no-referrer"), "{told}");
            }
        }
        assert!(get(address, "/console?group=12345", "").starts_with("HTTP/1.1 200 "));
    });
}

#[test]
fn too_many_headers_and_too_long_ones_are_refused() {
    with_server(config(), |address, _| {
        for headers in [
            "X-A: b\r\n".repeat(100),
            format!("X-A: {}\r\n", "b".repeat(20_000)),
            format!("Cookie: {}\r\n", "b".repeat(100_000)),
        ] {
            let told = get(address, "/", &headers);
            assert!(told.is_empty() || told.starts_with("HTTP/1.1 431 "), "{told}");
        }
        let long = format!("/{}", "a".repeat(100_000));
        let told = get(address, &long, "");
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 4"), "{told}");
    });
}
