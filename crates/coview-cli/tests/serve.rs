//! A server under its operator's hands: signals, files that change, another user.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs::Permissions;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use support::Done;
use support::GROUP;
use support::Running;
use support::coview;
use support::get;
use support::run;
use support::url;

/// A directory of this test that is empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("serve-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).expect("cargo made the directory above");
    folder
}

fn group(more: &str) -> String {
    format!(
        "[[group]]\nid = \"{GROUP}\"\n{more}\n[group.terms]\nversion = \"1\"\ntext = \"Yes?\"\n\
         [group.assertions]\nneeded = false\n"
    )
}

/// A server with this configuration, and where it listens.
fn serve(folder: &Path, config: &str) -> (Running, String) {
    let path = folder.join("coview.toml");
    std::fs::write(&path, config).unwrap();
    let args = ["serve", "--config", path.to_str().unwrap(), "--listen", "127.0.0.1:0"];
    let mut server = Running::start(coview(&args));
    let url = url(&server.line(|line| line.starts_with("listening on ")));
    (server, url)
}

fn share(url: &str, more: &[&str]) -> Running {
    let args = ["share", "--server", url, "--group", GROUP, "--json"];
    let mut visitor = Running::start(coview(&[&args, more].concat()));
    visitor.event("connected");
    visitor
}

/// Puts a new certificate with its key there.
fn certify(folder: &Path) -> rcgen::CertifiedKey<rcgen::KeyPair> {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = folder.join("key.pem");
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    made
}

#[test]
fn sighup_takes_over_a_new_certificate_and_leaves_the_old_one_if_it_is_broken() {
    let folder = folder("hup");
    certify(&folder);
    let tls = "[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n";
    let (mut server, url) = serve(&folder, &format!("{tls}{}", group("")));
    let trusted = folder.join("trusted.pem");
    std::fs::copy(folder.join("cert.pem"), &trusted).unwrap();
    let ca = ["--ca", trusted.to_str().unwrap()];
    let mut old = share(&url, &ca);

    let after = certify(&folder);
    server.signal("-HUP");
    server.error_line(|line| line.contains("certificate and keys are those of the files now"));
    let args = ["share", "--server", &url, "--group", GROUP];
    let Done { code, err, .. } = run(&[&args[..], &ca].concat());
    assert_eq!(code, Some(1), "{err}");
    std::fs::write(&trusted, after.cert.pem()).unwrap();
    share(&url, &ca);

    std::fs::write(folder.join("cert.pem"), "garbage").unwrap();
    server.signal("-HUP");
    let told = server.error_line(|line| line.contains("ERROR"));
    assert!(told.contains("cert.pem"), "{told}");
    server.error_line(|line| line.contains("nothing was taken over"));
    share(&url, &ca);
    // Who came with the first certificate is there still.
    old.say("share");
    old.event("sharing");
}

#[test]
fn sigterm_lets_a_session_come_to_its_end_and_then_stops() {
    let (mut server, url) = serve(&folder("term"), &group(""));
    let mut visitor = share(&url, &[]);
    visitor.say("share");
    visitor.event("sharing");
    server.signal("-TERM");
    server.line(|line| line.starts_with("draining: "));
    let health = url.replacen("ws", "http", 1) + "/healthz";
    let mut head = get(&health).0;
    while !head.starts_with("HTTP/1.1 503 ") {
        head = get(&health).0;
    }
    visitor.say("status");
    assert_eq!(visitor.event("status")["state"], "SharingManualAnonymous");
    visitor.say("stop");
    let (status, _, errors) = server.end();
    assert_eq!(status.code(), Some(0), "{errors:?}");
}

#[test]
fn a_second_signal_stops_at_once() {
    let (mut server, url) = serve(&folder("twice"), &group(""));
    let mut visitor = share(&url, &[]);
    visitor.say("share");
    visitor.event("sharing");
    server.signal("-TERM");
    server.line(|line| line.starts_with("draining: "));
    server.signal("-TERM");
    let (status, _, errors) = server.end();
    assert_eq!(status.code(), Some(1), "{errors:?}");
}

#[test]
fn a_token_in_an_address_is_in_no_line_of_the_log() {
    let folder = folder("log");
    let path = folder.join("coview.toml");
    std::fs::write(&path, group("")).unwrap();
    let args = ["serve", "--config", path.to_str().unwrap(), "--listen", "127.0.0.1:0", "--log"];
    let mut server = Running::start(coview(&[&args[..], &["trace"]].concat()));
    let url = url(&server.line(|line| line.starts_with("listening on ")));
    let (head, body) = get(&(url.replacen("ws", "http", 1) + "/v1/socket?token=s3cr3t-of-grace"));
    assert!(head.starts_with("HTTP/1.1 400 ") && body.contains("no place in an address"), "{head}");
    server.interrupt();
    let (_, heard, errors) = server.end();
    assert!(errors.len() > 1, "the log is empty");
    assert!(!errors.iter().chain(&heard).any(|line| line.contains("s3cr3t")), "{errors:#?}");
}

#[test]
fn check_says_all_that_is_wrong() {
    let folder = folder("check");
    let path = folder.join("coview.toml");
    let text = format!(
        "public_url = \"x\"\n[limits]\nconnections = 0\n{}[group.tokens]\nkeys = [\"none.pem\"]\n",
        group("max_connections = 0")
    );
    std::fs::write(&path, text).unwrap();
    let file = path.to_str().unwrap();
    let Done { code, err, .. } = run(&["serve", "--config", file, "--check"]);
    assert_eq!(code, Some(2), "{err}");
    for says in ["has 4 faults", "public_url", "limits.connections", "max_connections", "none.pem"]
    {
        assert!(err.contains(says), "{says}: {err}");
    }
    std::fs::write(&path, group("")).unwrap();
    let Done { code, out, err } = run(&["serve", "--config", file, "--check"]);
    assert_eq!(code, Some(0), "{err}");
    let told = out + &err;
    assert!(told.contains("ok") && told.contains("nobody can sign in as an agent"), "{told}");
    assert!(!told.contains("TLS: keys") && !told.contains("`data`"), "on a loopback: {told}");

    std::fs::write(&path, format!("listen = \"0.0.0.0:7300\"\n{}", group(""))).unwrap();
    let Done { code, out, err } = run(&["serve", "--config", file, "--check"]);
    assert_eq!(code, Some(0), "{err}");
    let told = out + &err;
    for says in ["without TLS: keys and tokens can be read", "without `data` no audit log"] {
        assert!(told.contains(says), "{says}: {told}");
    }
}

#[test]
fn check_says_that_the_data_directory_is_none() {
    let folder = folder("no-directory");
    let path = folder.join("coview.toml");
    let file = path.to_str().unwrap();
    for (data, code) in
        [("coview.toml", 2), ("coview.toml/below", 2), ("not/there/yet", 0), (".", 0)]
    {
        std::fs::write(&path, format!("data = \"{data}\"\n{}", group(""))).unwrap();
        let Done { code: found, err, .. } = run(&["serve", "--config", file, "--check"]);
        assert_eq!(found, Some(code), "{data}: {err}");
        assert_eq!(code == 2, err.contains("coview.toml is no directory"), "{data}: {err}");
    }
    assert!(!folder.join("not").exists(), "a check makes nothing");
}

const NOBODY: u32 = 65534;

/// Runs the server as a user who owns nothing but the data directory, if there is one, and ends it in
/// the middle of a session. What is in its directories then.
fn as_nobody(name: &str, with_data: bool) -> Vec<String> {
    // Where everybody may go, which the directory of a build need not be.
    let folder = std::env::temp_dir().join(format!("coview-{name}-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let (program, config, data) =
        (folder.join("coview"), folder.join("coview.toml"), folder.join("data"));
    std::fs::copy(env!("CARGO_BIN_EXE_coview"), &program).unwrap();
    let line = if with_data { "data = \"data\"\n" } else { "" };
    std::fs::write(&config, format!("{line}{}", group(""))).unwrap();
    std::fs::set_permissions(&config, Permissions::from_mode(0o444)).unwrap();

    let mut command = Command::new(&program);
    command.args(["serve", "--listen", "127.0.0.1:0", "--config"]).arg(&config);
    command.env_clear().env("NO_COLOR", "1").current_dir("/");
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if with_data {
        std::fs::create_dir(&data).unwrap();
        std::fs::set_permissions(&data, Permissions::from_mode(0o700)).unwrap();
    }
    if root {
        command.uid(NOBODY).gid(NOBODY);
        if with_data {
            std::os::unix::fs::chown(&data, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    std::fs::set_permissions(&folder, Permissions::from_mode(0o555)).unwrap();
    let mut server = Running::start(command);
    let url = url(&server.line(|line| line.starts_with("listening on ")));
    let mut visitor = share(&url, &[]);
    visitor.say("share");
    visitor.event("sharing");
    // Half a request, so that there is something to give up when the server stops.
    let address = url.strip_prefix("ws://").unwrap();
    let mut half = TcpStream::connect(address).unwrap();
    half.write_all(b"GET / HT").unwrap();
    server.signal("-INT");
    let (status, _, errors) = server.end();
    assert_eq!(status.code(), Some(0), "{errors:?}");

    std::fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    let names = |folder: &Path| -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect()
    };
    let mut left = names(&folder);
    left.extend(names(&data.join("audit")));
    left.sort();
    std::fs::remove_dir_all(&folder).unwrap();
    left
}

#[test]
fn the_server_runs_as_nobody_on_one_port_and_without_a_directory_to_write_to() {
    assert_eq!(as_nobody("bare", false), ["coview", "coview.toml"], "nothing was written");
}

#[test]
fn the_server_runs_as_nobody_with_one_directory_of_its_own() {
    let left = as_nobody("data", true);
    for name in ["coview", "coview.toml", "data", &format!("{GROUP}.jsonl")] {
        assert!(left.iter().any(|it| it == name), "{name}: {left:?}");
    }
}
