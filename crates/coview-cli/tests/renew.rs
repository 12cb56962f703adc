//! An agent whose token runs out, and a visitor who is asked, as scripts drive them.
#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

mod support;

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::SystemTime;

use coview_token::AgentClaims;
use coview_token::Secret;
use coview_token::SigningKey;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentRights;
use coview_wire::GroupId;
use coview_wire::UnixTime;
use support::GROUP;
use support::Running;
use support::coview;
use support::url;

const SECRET: &[u8] = b"a secret of at least thirty-two bytes, for tests";

/// An empty directory with a secret, and a server that takes tokens signed with it and asks visitors
/// about every agent.
fn server(name: &str) -> (PathBuf, Running, String) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let secret = folder.join("agents.secret");
    fs::write(&secret, SECRET).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let config = folder.join("coview.toml");
    let text = format!(
        "listen = \"127.0.0.1:0\"\n[[group]]\nid = \"{GROUP}\"\nconfirm_join = true\n\
         [group.terms]\nversion = \"1\"\ntext = \"The agent sees this app.\"\n\
         [group.tokens]\nsecret_file = \"agents.secret\"\n"
    );
    fs::write(&config, text).unwrap();
    let mut process = Running::start(coview(&["serve", "--config", config.to_str().unwrap()]));
    let url = url(&process.line(|line| line.starts_with("listening on ")));
    (folder, process, url)
}

fn token(lasts: Duration, rights: AgentRights) -> String {
    token_of(now(), lasts, rights)
}

/// A token that was made then.
fn token_of(made: UnixTime, lasts: Duration, rights: AgentRights) -> String {
    let card = AgentCard::new(AgentId::new("grace").unwrap(), "Grace").unwrap();
    let claims = AgentClaims::new(GroupId::new(GROUP).unwrap(), card).with_rights(rights);
    let key = SigningKey::from_secret(&Secret::new(SECRET).unwrap());
    let token = claims.sign(&key, made, lasts).unwrap();
    token.expose_secret().to_owned()
}

#[expect(clippy::disallowed_methods, reason = "a token runs out by the clock of the machine")]
fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    UnixTime::new(since.as_secs())
}

fn agent(url: &str, file: &Path) -> Running {
    let file = file.to_str().unwrap();
    let args = ["agent", "--server", url, "--group", GROUP, "--token-file", file, "--json"];
    Running::start(coview(&args))
}

#[test]
fn a_newer_token_in_the_file_prolongs_the_sign_in_by_itself() {
    let (folder, _server, url) = server("renews");
    let file = folder.join("grace.jwt");
    let rights = AgentRights { view_only: true, ..AgentRights::default() };
    // It has expired, and lives on the 30 seconds that clocks may differ by.
    let made = UnixTime::new(now().get() - 30);
    fs::write(&file, token_of(made, Duration::from_secs(5), rights)).unwrap();
    let mut grace = agent(&url, &file);
    let signed_in = grace.event("signed_in");
    assert_eq!(signed_in["rights"]["view_only"], true);
    assert_eq!(signed_in["key_digits"], 9);
    let lasts = signed_in["expires_ms"].as_u64().unwrap();
    assert!(lasts <= 6_000, "{lasts}");

    fs::write(&file, token(Duration::from_secs(3600), AgentRights::default())).unwrap();
    let renewed = grace.event("renewed");
    assert_eq!(renewed["rights"]["view_only"], false);
    assert!(renewed["expires_ms"].as_u64().unwrap() > 3_500_000, "{renewed}");
    grace.say("status");
    assert!(grace.event("status")["left_ms"].as_u64().unwrap() > 3_500_000);
    grace.say("quit");
    let (status, heard, errors) = grace.end();
    assert!(status.success(), "{errors:?}");
    for line in heard.iter().chain(&errors) {
        assert!(!line.contains("eyJ"), "a token in {line}");
    }
}

#[test]
fn a_token_is_shown_when_the_agent_says_so_and_a_bad_one_is_told() {
    let (folder, _server, url) = server("renews-now");
    let hour = Duration::from_secs(3600);
    let file = folder.join("grace.jwt");
    fs::write(&file, token(hour, AgentRights::default())).unwrap();
    let mut grace = agent(&url, &file);
    grace.event("signed_in");

    let forged = folder.join("forged.jwt");
    fs::write(&forged, "eyJhbGciOiJub25lIn0.e30.").unwrap();
    grace.say(&format!("renew {}", forged.display()));
    assert_eq!(grace.event("not_renewed")["code"], "bad_token");
    grace.say(&format!("renew {}", folder.join("missing").display()));
    assert!(grace.event("error")["message"].as_str().unwrap().contains("missing"));
    grace.say("renew");
    grace.event("renewed");

    grace.say("join 123 456");
    let told = grace.event("error");
    assert_eq!(told["message"], "a key of this group has 9 digits, this has 6");
    grace.say("quit");
    assert!(grace.end().0.success());
}

#[test]
fn the_visitor_lets_the_agent_in_or_not() {
    let (folder, _server, url) = server("asks");
    let file = folder.join("grace.jwt");
    fs::write(&file, token(Duration::from_secs(3600), AgentRights::default())).unwrap();
    let mut grace = agent(&url, &file);
    grace.event("signed_in");
    let share = ["share", "--server", &url, "--group", GROUP, "--json"];
    let mut visitor = Running::start(coview(&share));
    visitor.event("connected");

    visitor.say("share");
    let key = visitor.event("sharing")["key"].as_str().unwrap().to_owned();
    grace.say(&format!("join {key}"));
    let waiting = grace.event("join_waiting");
    assert_eq!((&waiting["state"], &waiting["expires_ms"]), (&"Joining".into(), &60_000.into()));
    grace.say("cancel");
    assert_eq!(grace.event("cancelled")["command"], "join");

    grace.say(&format!("join {key}"));
    grace.event("join_waiting");
    // The one that was cancelled, and this one.
    visitor.event("join_requested");
    visitor.event("join_requested");
    visitor.say("confirm");
    assert_eq!(grace.event("joined")["by"], "key");
    grace.say("leave");
    grace.event("left_session");

    grace.say(&format!("join {key}"));
    grace.event("join_waiting");
    visitor.event("join_requested");
    visitor.say("refuse");
    assert_eq!(grace.event("join_declined")["state"], "SignedIn");
    grace.say("quit");
    assert!(grace.end().0.success());
}
