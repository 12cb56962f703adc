//! A server that believes nobody without proof and asks visitors who comes in, as scripts drive it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;

use support::Done;
use support::GROUP;
use support::Running;
use support::coview;
use support::run;
use support::url;

/// A server with keys of its own, and who signs for it.
struct Careful {
    server: Running,
    url: String,
    folder: std::path::PathBuf,
}

impl Careful {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        for who in ["agents", "visitors"] {
            let out = folder.join(who);
            let Done { code, err, .. } = run(&["keys", "new", "--out", out.to_str().unwrap()]);
            assert_eq!(code, Some(0), "{err}");
        }
        let config = folder.join("coview.toml");
        let text = format!(
            "listen = \"127.0.0.1:0\"\n\
             [[group]]\nid = \"{GROUP}\"\nconfirm_join = true\n\
             [group.terms]\nversion = \"1\"\ntext = \"The agent sees this app.\"\n\
             [group.tokens]\nkeys = [\"agents.pub.pem\"]\n\
             [group.assertions]\nkeys = [\"visitors.pub.pem\"]\n"
        );
        fs::write(&config, text).unwrap();
        let mut server = Running::start(coview(&["serve", "--config", config.to_str().unwrap()]));
        let url = url(&server.line(|line| line.starts_with("listening on ")));
        Self { server, url, folder }
    }

    fn signed(&self, by: &str, args: &[&str]) -> String {
        let key = self.folder.join(format!("{by}.key.pem"));
        let key = ["--key", key.to_str().unwrap(), "--group", GROUP];
        let Done { code, out, err } = run(&[&["token"], args, &key].concat());
        assert_eq!(code, Some(0), "{err}");
        out.trim().to_owned()
    }

    fn agent(&self, id: &str, name: &str) -> Running {
        let mut command = coview(&["agent", "--server", &self.url, "--group", GROUP, "--json"]);
        command.env("COVIEW_TOKEN", self.signed("agents", &["agent", "--id", id, "--name", name]));
        let mut agent = Running::start(command);
        agent.event("signed_in");
        agent
    }

    fn share(&self, more: &[&str]) -> Running {
        let args = ["share", "--server", &self.url, "--group", GROUP, "--json"];
        Running::start(coview(&[&args, more].concat()))
    }

    fn assertion_of(&self, id: &str) -> String {
        let file = self.folder.join(format!("{id}.assertion"));
        fs::write(&file, self.signed("visitors", &["visitor", "--id", id])).unwrap();
        file.to_str().unwrap().to_owned()
    }

    fn end(self) {
        self.server.interrupt();
        assert_eq!(self.server.end().0.code(), Some(0));
    }
}

#[test]
fn the_visitor_lets_one_agent_in_and_keeps_another_out() {
    let careful = Careful::new("confirm");
    let mut visitor = careful.share(&[]);
    assert_eq!(visitor.event("connected")["assertion_needed"], true);
    visitor.say("confirm");
    let misuse = visitor.event("misuse");
    assert_eq!(misuse["message"], "`confirm` is not possible while you are not logged in");
    visitor.say("share");
    let key = visitor.event("sharing")["key"].as_str().unwrap().to_owned();

    let mut grace = careful.agent("grace", "Grace Hopper");
    grace.say(&format!("join {key}"));
    let asked = visitor.event("join_requested");
    assert_eq!(asked["agent"]["name"], "Grace Hopper", "{asked}");
    assert_eq!(asked["state"], "ConfirmingAnonymous");
    assert!(asked["expires_ms"].as_u64().unwrap() > 0);
    visitor.say("status");
    let status = visitor.event("status");
    assert_eq!((&status["key"], &status["state"]), (&key.into(), &"ConfirmingAnonymous".into()));
    visitor.say("confirm");
    assert_eq!(visitor.event("join_confirmed")["state"], "SharingManualAnonymous");
    assert_eq!(visitor.event("guests")["count"], 1);
    grace.event("joined");

    let key = status["key"].as_str().unwrap();
    let mut mallory = careful.agent("mallory", "Mallory");
    mallory.say(&format!("join {key}"));
    assert_eq!(visitor.event("join_requested")["agent"]["name"], "Mallory");
    visitor.say("refuse");
    assert_eq!(visitor.event("join_refused")["state"], "SharingManualAnonymous");
    let refused = mallory.line(|line| line.contains("join_declined"));
    assert!(!refused.contains("joined"), "{refused}");
    mallory.say("quit");
    mallory.event("left");

    visitor.say("stop");
    visitor.event("ended");
    grace.event("ended");
    drop((visitor, grace, mallory));
    careful.end();
}

#[test]
fn who_goes_away_is_told() {
    let careful = Careful::new("confirm-withdrawn");
    let mut visitor = careful.share(&[]);
    visitor.event("connected");
    visitor.say("share");
    let key = visitor.event("sharing")["key"].as_str().unwrap().to_owned();
    let mut grace = careful.agent("grace", "Grace Hopper");
    grace.say(&format!("join {key}"));
    visitor.event("join_requested");
    grace.say("cancel");
    let gone = visitor.event("join_withdrawn");
    assert_eq!(
        (&gone["reason"], &gone["state"]),
        (&"agent".into(), &"SharingManualAnonymous".into())
    );
    drop((visitor, grace));
    careful.end();
}

#[test]
fn a_visitor_proves_who_it_is_with_a_file_or_a_token() {
    let careful = Careful::new("prove");
    let (good, other) = (careful.assertion_of("customer-42"), careful.assertion_of("customer-43"));
    let mut visitor = careful.share(&["--assertion-file", &good]);
    visitor.event("connected");
    visitor.say(&format!("login customer-42 assertion-file={other}"));
    assert_eq!(visitor.event("refused")["code"], "bad_assertion");
    visitor.say("login customer-42 assertion=a.b.c");
    assert_eq!(visitor.event("refused")["code"], "bad_assertion");
    visitor.say("login customer-42");
    assert_eq!(visitor.event("identified")["visitor"], "customer-42");
    visitor.say("refresh");
    visitor.event("refreshed");
    visitor.say(&format!("refresh assertion-file={other}"));
    visitor.event("refreshed");
    assert_eq!(visitor.event("problem")["code"], "bad_assertion");
    visitor.say("logout");
    visitor.event("logged_out");
    visitor.say("refresh");
    assert_eq!(visitor.event("error")["message"], "nobody knows who you are: `login` first");
    let token = fs::read_to_string(&other).unwrap();
    visitor.say(&format!("login customer-43 assertion={token}"));
    assert_eq!(visitor.event("identified")["visitor"], "customer-43");

    // Without any, and with a file that is not there.
    let mut bare = careful.share(&[]);
    bare.event("connected");
    bare.say("login customer-42");
    assert_eq!(bare.event("refused")["code"], "assertion_needed");
    bare.say("login customer-42 assertion-file=nowhere");
    let told = bare.event("error")["message"].as_str().unwrap().to_owned();
    assert!(told.starts_with("nowhere: "), "{told}");
    bare.say("quit");
    bare.event("left");
    let heard = bare.heard.join("\n") + &visitor.heard.join("\n");
    assert!(!heard.contains(&token) && !heard.contains("eyJ"), "a token is told: {heard}");
    drop(visitor);
    careful.end();
}
