//! coview behind nginx, with the configuration of `docs/deploy`: `just test-nginx`.
//!
//! It needs nginx of Debian's packages, and runs only if it is asked to by
//! `COVIEW_NGINX_TESTS=1`.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs::Permissions;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use support::Done;
use support::GROUP;
use support::Running;
use support::coview;
use support::get;
use support::run;
use support::url;

const NGINX: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/deploy/nginx.conf"));

const PROXY: &str = "[proxy]\ntrusted = [\"127.0.0.1/32\"]\nheader = \"x-forwarded-for\"\n";

/// A coview server and an nginx before it.
struct Behind {
    folder: PathBuf,
    /// Of the server itself.
    direct: String,
    /// Of nginx, with TLS.
    port: u16,
    /// Of the same site of nginx, without TLS.
    plain: u16,
    /// Where nginx sends everybody to TLS.
    redirects: u16,
    token: String,
    _server: Running,
    nginx: Child,
}

impl Drop for Behind {
    fn drop(&mut self) {
        // The master ends its workers when it is asked to, and not when it is killed.
        let pid = self.nginx.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.nginx.wait();
    }
}

/// A port nobody listens on just now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Puts something else in, which must be there.
fn put(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "docs/deploy/nginx.conf has no {from:?}");
    text.replace(from, to)
}

impl Behind {
    fn new(name: &str, proxy: &str) -> Option<Self> {
        if std::env::var_os("COVIEW_NGINX_TESTS").is_none_or(|it| it != "1") {
            return None;
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("nginx-{name}"));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        std::fs::write(folder.join("fullchain.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.join("privkey.pem"), made.signing_key.serialize_pem()).unwrap();

        let prefix = folder.join("agents");
        let Done { code, err, .. } = run(&["keys", "new", "--out", prefix.to_str().unwrap()]);
        assert_eq!(code, Some(0), "{err}");
        let key = folder.join("agents.key.pem");
        let who = ["--group", GROUP, "--id", "grace", "--name", "Grace"];
        let token = ["token", "agent", "--key", key.to_str().unwrap()];
        let Done { code, out, err } = run(&[&token[..], &who].concat());
        assert_eq!(code, Some(0), "{err}");

        let (redirects, port, plain) = (free_port(), free_port(), free_port());
        let config = format!(
            "public_url = \"https://127.0.0.1:{port}\"\n{proxy}\
             [limits]\nconnections_per_address = 2\n\
             [[group]]\nid = \"{GROUP}\"\n[group.terms]\nversion = \"1\"\ntext = \"Yes?\"\n\
             [group.tokens]\nkeys = [\"agents.pub.pem\"]\n"
        );
        let path = folder.join("coview.toml");
        std::fs::write(&path, config).unwrap();
        let args = ["serve", "--listen", "127.0.0.1:0", "--config", path.to_str().unwrap()];
        let mut server = Running::start(coview(&args));
        let direct = url(&server.line(|line| line.starts_with("listening on ")));

        let mut sites = NGINX.to_owned();
        let upstream = direct.strip_prefix("ws://").unwrap();
        for (from, to) in [
            ("127.0.0.1:7300;", format!("{upstream};")),
            ("listen 80;", format!("listen 127.0.0.1:{redirects};")),
            ("listen 443 ssl;", format!("listen 127.0.0.1:{port} ssl;\nlisten 127.0.0.1:{plain};")),
            ("/etc/ssl/coview/fullchain.pem", folder.join("fullchain.pem").display().to_string()),
            ("/etc/ssl/coview/privkey.pem", folder.join("privkey.pem").display().to_string()),
            ("/var/log/nginx/coview.log", folder.join("coview.log").display().to_string()),
        ] {
            sites = put(&sites, from, &to);
        }
        std::fs::write(folder.join("coview.conf"), sites).unwrap();
        let here = folder.display();
        let whole = format!(
            "daemon off;\npid {here}/nginx.pid;\nerror_log {here}/error.log notice;\n\
             events {{ worker_connections 256; }}\nhttp {{\n\
             client_body_temp_path {here}/body;\nproxy_temp_path {here}/proxy;\n\
             fastcgi_temp_path {here}/fastcgi;\nuwsgi_temp_path {here}/uwsgi;\n\
             scgi_temp_path {here}/scgi;\ninclude {here}/coview.conf;\n}}\n"
        );
        std::fs::write(folder.join("nginx.conf"), whole).unwrap();
        // Workers of an nginx that root starts are another user.
        std::fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        let arguments = ["-p", folder.to_str().unwrap(), "-c", "nginx.conf"];
        let nginx = Command::new("nginx")
            .args(arguments)
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is installed");
        let token = out.trim().to_owned();
        let behind = Self { folder, direct, port, plain, redirects, token, _server: server, nginx };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {}
        Some(behind)
    }

    fn client(&self, verb: &str) -> Running {
        let server = format!("wss://127.0.0.1:{}", self.port);
        let ca = self.folder.join("fullchain.pem");
        let ca = ca.to_str().unwrap();
        let args = [verb, "--server", &server, "--group", GROUP, "--ca", ca, "--json"];
        let mut command = coview(&args);
        if verb == "agent" {
            command.env("COVIEW_TOKEN", &self.token);
        } else {
            command.args(["--screen", "generated:still"]);
        }
        Running::start(command)
    }

    /// A connection to this port, from this address of this machine.
    fn open(from: [u8; 4], port: u16) -> TcpStream {
        let family = rustix::net::AddressFamily::INET;
        let socket = rustix::net::socket(family, rustix::net::SocketType::STREAM, None).unwrap();
        rustix::net::bind(&socket, &SocketAddr::from((from, 0))).unwrap();
        rustix::net::connect(&socket, &SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
        TcpStream::from(socket)
    }

    /// The whole answer to a GET.
    fn get(&self, path: &str) -> String {
        Self::get_from(self.plain, path)
    }

    fn get_from(port: u16, path: &str) -> String {
        let mut tcp = Self::open([127, 0, 0, 1], port);
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        tcp.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        tcp.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Asks for a WebSocket from this address: the status, and the connection.
    fn upgrade(&self, from: [u8; 4], more: &str) -> (u16, TcpStream) {
        let mut tcp = Self::open(from, self.plain);
        let request = format!(
            "GET /v1/socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: coview.v1\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n\r\n"
        );
        tcp.write_all(request.as_bytes()).unwrap();
        let mut line = [0; 12];
        tcp.read_exact(&mut line).unwrap();
        let status = std::str::from_utf8(&line[9..]).unwrap().parse().unwrap();
        (status, tcp)
    }
}

#[test]
#[ignore = "needs nginx: just test-nginx"]
fn a_screen_is_shared_and_seen_through_nginx() {
    let Some(behind) = Behind::new("share", PROXY) else { return };
    let (mut visitor, mut agent) = (behind.client("share"), behind.client("agent"));
    visitor.event("connected");
    agent.event("signed_in");
    visitor.say("share");
    let key = visitor.event("sharing")["key"].as_str().unwrap().to_owned();
    agent.say(&format!("join {key}"));
    agent.event("joined");
    let picture = agent.event("picture");
    assert_eq!((picture["width"].as_u64(), picture["height"].as_u64()), (Some(1280), Some(720)));
    visitor.say("stop");
    visitor.event("ended");

    let console = behind.get("/console");
    assert!(console.starts_with("HTTP/1.1 200 "), "{console}");
    let lower = console.to_lowercase();
    for header in ["strict-transport-security: max-age=", "content-security-policy: default-src"] {
        assert!(lower.contains(header), "{header}: {console}");
    }
    let log = std::fs::read_to_string(behind.folder.join("coview.log")).unwrap();
    assert!(log.contains("/console"), "{log}");
}

#[test]
#[ignore = "needs nginx: just test-nginx"]
fn a_forwarded_address_is_believed_if_the_proxy_is_configured() {
    let Some(behind) = Behind::new("trusted", PROXY) else { return };
    let mut kept = Vec::new();
    let mut code = |from: [u8; 4], more: &str| {
        let (code, tcp) = behind.upgrade(from, more);
        kept.push(tcp);
        code
    };
    let (ada, grace) = ([127, 0, 0, 2], [127, 0, 0, 3]);
    assert_eq!([code(ada, "X-A: b"), code(ada, "X-A: b")], [101, 101]);
    for invented in ["X-A: b", "X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1"] {
        assert_eq!(code(ada, invented), 429, "{invented}");
    }
    assert_eq!(code(grace, "X-A: b"), 101, "a neighbour has a cap of its own");
}

#[test]
#[ignore = "needs nginx: just test-nginx"]
fn a_forwarded_address_is_not_believed_if_the_proxy_is_not_configured() {
    let Some(behind) = Behind::new("stranger", "") else { return };
    let kept = [2, 3, 4].map(|last| behind.upgrade([127, 0, 0, last], "X-A: b"));
    let codes = kept.each_ref().map(|(code, _)| *code);
    assert_eq!(codes, [101, 101, 429], "whoever comes by it is counted as one");
}

#[test]
#[ignore = "needs nginx: just test-nginx"]
fn metrics_are_on_the_machine_and_not_behind_nginx() {
    for (name, proxy) in [("metrics", PROXY), ("metrics-stranger", "")] {
        let Some(behind) = Behind::new(name, proxy) else { return };
        let metrics = behind.get("/metrics");
        assert!(metrics.starts_with("HTTP/1.1 404 "), "{metrics}");
        // Nor where nginx would let them through.
        let odd = behind.get("/%6detrics");
        assert!(!odd.contains("coview_connections"), "{odd}");
        let (head, body) = get(&(behind.direct.replacen("ws", "http", 1) + "/metrics"));
        assert!(head.starts_with("HTTP/1.1 200 ") && body.contains("coview_connections "));
    }
}

#[test]
#[ignore = "needs nginx: just test-nginx"]
fn a_token_in_an_address_is_in_no_log_of_nginx() {
    let Some(behind) = Behind::new("secret", PROXY) else { return };
    let told = behind.get("/console?token=s3cr3t");
    assert!(told.starts_with("HTTP/1.1 400 "), "{told}");
    for log in ["coview.log", "error.log"] {
        let log = std::fs::read_to_string(behind.folder.join(log)).unwrap();
        assert!(!log.contains("s3cr3t"), "{log}");
    }
    assert!(
        std::fs::read_to_string(behind.folder.join("coview.log")).unwrap().contains("/console")
    );
}

#[test]
#[ignore = "needs nginx: just test-nginx"]
fn the_redirect_to_tls_lets_nothing_into_its_answer() {
    let Some(behind) = Behind::new("redirect", PROXY) else { return };
    let told = Behind::get_from(behind.redirects, "/console?group=12345");
    assert!(told.starts_with("HTTP/1.1 308 "), "{told}");
    assert!(
        told.contains("Location: https://support.example.org/console?group=12345\r\n"),
        "{told}"
    );
    let told = Behind::get_from(behind.redirects, "/%0d%0aX-Evil:%20yes");
    assert!(!told.contains("\nX-Evil"), "{told}");
}

/// nginx would end a connection on which nothing was said for 60 seconds. A test that waits for that
/// would wait for longer.
#[test]
fn nginx_keeps_a_session_for_longer_than_its_60_seconds() {
    let socket = NGINX.split("location = /v1/socket").nth(1).expect("the WebSocket has a location");
    let socket = socket.split('}').next().unwrap();
    for time in ["proxy_read_timeout", "proxy_send_timeout"] {
        let line = socket.lines().find_map(|line| line.trim().strip_prefix(time));
        assert_eq!(line.map(str::trim), Some("1h;"), "{time}");
    }
    assert!(socket.contains("proxy_buffering off;"));
}
