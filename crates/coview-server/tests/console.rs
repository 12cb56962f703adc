//! The agent's console is served whole, and so that nothing foreign can run in it.

use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use coview_hub::HubConfig;
use coview_server::Server;
use coview_server::ServerConfig;

/// A server while `test` runs, on a thread of its own.
fn with_server(test: impl FnOnce(SocketAddr)) {
    let (stop, stopped) = async_channel::bounded::<()>(1);
    let config = ServerConfig::loopback(HubConfig::default());
    let server = smol::block_on(Server::bind(config)).expect("a port is free");
    let address = server.address();
    let running = std::thread::spawn(move || {
        smol::block_on(server.run(async {
            let _ = stopped.recv().await;
        }));
    });
    test(address);
    drop(stop);
    running.join().expect("the server stops");
}

struct Answer {
    status: u16,
    /// One `name: value` a line, names in lower case.
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

fn ask(address: SocketAddr, method: &str, path: &str, more: &str) -> Answer {
    let mut tcp = TcpStream::connect(address).expect("the loopback works");
    tcp.set_read_timeout(Some(Duration::from_secs(20))).expect("the loopback works");
    let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n");
    tcp.write_all(request.as_bytes()).expect("the loopback works");
    let mut bytes = Vec::new();
    tcp.read_to_end(&mut bytes).expect("the loopback works");
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(bytes[..end].to_vec()).expect("the head is text");
    let (first, head) = head.split_once("\r\n").expect("a first line");
    let status = first.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    Answer { status, head: head.to_owned(), body: bytes[end + 4..].to_vec() }
}

fn media_type(name: &str) -> &'static str {
    match Path::new(name).extension().and_then(|it| it.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        other => panic!("what is {name}? {other:?}"),
    }
}

/// The files of the source, with the paths they are to be served at.
fn files() -> Vec<(String, String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("console");
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .expect("the console's source is here")
        .map(|entry| entry.expect("it can be read"))
        .filter(|entry| entry.path().is_file())
        .map(|entry| {
            let name = entry.file_name().into_string().expect("names are ASCII");
            let path = match name.as_str() {
                "index.html" => "/console".to_owned(),
                name => format!("/console/{name}"),
            };
            (path, name, std::fs::read(entry.path()).expect("it can be read"))
        })
        .collect();
    files.sort();
    files
}

#[test]
fn every_file_of_the_console_is_served_with_its_type_and_protection() {
    with_server(|address| {
        let files = files();
        assert!(files.len() > 5, "{}", files.len());
        for (path, name, bytes) in &files {
            let got = ask(address, "GET", path, "");
            assert_eq!(got.status, 200, "{path}");
            assert_eq!(got.header("content-type"), Some(media_type(name)), "{path}");
            assert!(got.body == *bytes, "{path} is not what the source has");
            assert_eq!(got.header("cache-control"), Some("no-cache"), "{path}");
            assert_eq!(got.header("connection"), Some("close"), "{path}");
            protected(path, &got);
        }
    });
}

fn protected(path: &str, answer: &Answer) {
    let policy = answer.header("content-security-policy").unwrap_or_default();
    let directives: Vec<_> = policy.split("; ").collect();
    for directive in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(directives.contains(&directive), "{path}: {directive} is not in {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{path}: {policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{path}");
    }
    let permissions = answer.header("permissions-policy").unwrap_or_default();
    assert!(permissions.contains("camera=()"), "{path}: {permissions}");
    assert!(permissions.contains("fullscreen=(self)"), "{path}: {permissions}");
}

#[test]
fn head_says_what_get_would_without_the_file() {
    with_server(|address| {
        for (path, _, bytes) in files() {
            let got = ask(address, "HEAD", &path, "");
            assert_eq!(got.status, 200, "{path}");
            assert_eq!(got.header("content-length"), Some(bytes.len().to_string().as_str()));
            assert!(got.body.is_empty(), "{path}");
            protected(&path, &got);
        }
    });
}

#[test]
fn a_browser_that_has_the_file_is_told_so() {
    with_server(|address| {
        let first = ask(address, "GET", "/console", "");
        let tag = first.header("etag").expect("every file has a tag");
        for known in [tag.to_owned(), format!("\"other\", {tag}"), format!("W/{tag}")] {
            let again = ask(address, "GET", "/console", &format!("If-None-Match: {known}\r\n"));
            assert_eq!((again.status, again.body.len()), (304, 0), "{known}");
            assert_eq!(again.header("etag"), Some(tag));
            protected("/console", &again);
        }
        let other = ask(address, "GET", "/console", "If-None-Match: \"other\"\r\n");
        assert_eq!(other.status, 200);

        let mut tags: Vec<_> = files()
            .iter()
            .map(|(path, ..)| ask(address, "HEAD", path, "").header("etag").map(str::to_owned))
            .collect();
        let count = tags.len();
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), count, "one tag for each file");
    });
}

#[test]
fn nothing_else_is_below_the_console() {
    with_server(|address| {
        for path in [
            "/console/index.html",
            "/console/tests/key.test.mjs",
            "/console/../Cargo.toml",
            "/console/%2e%2e/http.rs",
            "/console//app.js",
            "/console/app.js/",
            "/consoles",
            "/console.css",
        ] {
            assert_eq!(ask(address, "GET", path, "").status, 404, "{path}");
        }
        for path in ["/console", "/console/app.js"] {
            let got = ask(address, "POST", path, "Content-Length: 0\r\n");
            assert_eq!(got.status, 405, "{path}");
            assert_eq!(got.header("allow"), Some("GET, HEAD"));
        }
    });
}

#[test]
fn a_slash_too_many_leads_to_the_page() {
    with_server(|address| {
        let got = ask(address, "GET", "/console/", "");
        assert_eq!(got.status, 308);
        // Relative, so that it also holds below a path of a proxy.
        assert_eq!(got.header("location"), Some("../console"));
        let got = ask(address, "GET", "/console/?group=12345", "");
        assert_eq!(got.header("location"), Some("../console?group=12345"));
        assert_eq!(ask(address, "GET", "/console?group=12345", "").status, 200);
    });
}

/// What the policy forbids would fail in the browser only; here it fails sooner.
#[test]
fn the_page_has_nothing_inline_and_asks_no_other_server() {
    let mut referred = 0;
    for (path, name, bytes) in files() {
        let text = String::from_utf8(bytes).expect("sources are text");
        for word in ["http://", "https://", "innerHTML", "outerHTML", "insertAdjacentHTML", "eval("]
        {
            let namespace = text.matches("http://www.w3.org/2000/svg").count();
            let found = text.matches(word).count() - if word == "http://" { namespace } else { 0 };
            assert_eq!(found, 0, "{name}: {word}");
        }
        if path != "/console" {
            continue;
        }
        assert!(!text.contains(" style=") && !text.contains("<style"), "{name}");
        let handlers: Vec<_> = text
            .split_whitespace()
            .filter(|word| word.starts_with("on") && word.contains("=\""))
            .collect();
        assert!(handlers.is_empty(), "{handlers:?}");
        let served: Vec<_> = files().into_iter().map(|(path, ..)| path).collect();
        for attribute in ["href=\"", "src=\""] {
            for rest in text.split(attribute).skip(1) {
                let target = rest.split('"').next().unwrap_or_default();
                if !target.starts_with('#') {
                    referred += 1;
                    assert!(served.contains(&format!("/{target}")), "{target}");
                }
            }
        }
    }
    assert!(referred > 5, "{referred}");
}
