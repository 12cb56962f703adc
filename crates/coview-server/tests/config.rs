//! The configuration file: the sample is complete and true, and every fault is named with its line.

use core::time::Duration;
use std::path::Path;

use coview_hub::Policy;
use coview_server::ConfigError;
use coview_server::Limits;
use coview_server::ServerConfig;
use coview_wire::AgentToken;
use coview_wire::UnixTime;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/coview.toml");

const GROUP: &str = r#"
[[group]]
id = "12345"
[group.terms]
version = "1"
text = "The agent will see this app's screen."
[[group.agents]]
id = "grace"
name = "Grace Hopper"
token = "a-secret-token"
"#;

fn error(text: &str) -> String {
    ServerConfig::from_toml(text).expect_err("the configuration is wrong").to_string()
}

#[test]
fn the_sample_loads_and_states_the_defaults() {
    let config = ServerConfig::load(Path::new(SAMPLE)).expect("the sample loads");
    assert_eq!(config.listen.to_string(), "127.0.0.1:7300");
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.hub.policy, Policy::default());
    assert!(config.tls.is_none());
    let group = &config.hub.groups[&"12345".parse().unwrap()];
    assert!(group.share_button && group.presence && group.client_token.is_none());
    assert_eq!(group.key_digits.get(), 9);
    let token = AgentToken::new("change-me-4f1d2c7b9a").unwrap();
    assert!(group.proofs.agent(&"12345".parse().unwrap(), &token, UnixTime::new(0)).is_ok());
}

#[test]
fn what_is_left_out_has_its_default() {
    let config = ServerConfig::from_toml(GROUP).expect("only a group is needed");
    assert_eq!(config.listen.to_string(), "127.0.0.1:7300");
    assert_eq!(config.hub.policy, Policy::default());
}

#[test]
fn every_policy_number_is_read() {
    let keys = [
        "key_unclaimed_seconds",
        "terms_unanswered_seconds",
        "resume_grace_seconds",
        "background_lease_seconds",
        "heartbeat_seconds",
        "missed_heartbeats",
        "first_reply_seconds",
        "key_tries",
        "key_tries_group",
        "key_tries_window_seconds",
        "max_guests",
        "max_devices",
        "max_places",
        "presence_pace_milliseconds",
        "problems_per_minute",
    ];
    let numbers: String =
        keys.iter().enumerate().map(|(at, key)| format!("{key} = {}\n", 101 + at)).collect();
    let config = ServerConfig::from_toml(&format!("[policy]\n{numbers}{GROUP}")).unwrap();
    let seconds = Duration::from_secs;
    let expected = Policy {
        key_unclaimed: seconds(101),
        terms_unanswered: seconds(102),
        resume_grace: seconds(103),
        background_lease: seconds(104),
        heartbeat: seconds(105),
        missed_heartbeats: 106,
        first_reply: seconds(107),
        key_tries: 108,
        key_tries_group: 109,
        key_tries_window: seconds(110),
        max_guests: 111,
        max_devices: 112,
        max_places: 113,
        presence_pace: Duration::from_millis(114),
        problems_per_minute: 115,
        ..Policy::default()
    };
    assert_eq!(config.hub.policy, expected);
    // The sample names each of them, too.
    let sample = std::fs::read_to_string(SAMPLE).unwrap();
    for key in keys {
        assert!(sample.contains(&format!("\n{key} = ")), "{key} is missing in the sample");
    }
}

#[test]
fn every_limit_is_read() {
    let numbers = "connections = 1\nqueue_messages = 2\nqueue_bytes = 3\n\
                   queue_picture_bytes = 524288\nhandshake_seconds = 5\ndrain_seconds = 6\n";
    let config = ServerConfig::from_toml(&format!("[limits]\n{numbers}{GROUP}")).unwrap();
    let expected = Limits {
        connections: 1,
        queue_messages: 2,
        queue_bytes: 3,
        queue_picture_bytes: 524_288,
        handshake: Duration::from_secs(5),
        drain: Duration::from_secs(6),
    };
    assert_eq!(config.limits, expected);
    // The sample names each of them, too.
    let sample = std::fs::read_to_string(SAMPLE).unwrap();
    for line in numbers.lines() {
        let key = line.split('=').next().unwrap();
        assert!(sample.contains(&format!("\n{key}= ")), "{key} is missing in the sample");
    }
}

#[test]
fn an_unknown_key_is_an_error_that_names_the_line() {
    for (text, line, key) in [
        ("\nlissten = 1\n", 2, "lissten"),
        ("[policy]\nkey_unclaimed = 5\n", 2, "key_unclaimed"),
        ("[limits]\n\n\nconnection = 5\n", 4, "connection"),
        ("[[group]]\nid = \"1\"\ntokn = \"x\"\n", 3, "tokn"),
    ] {
        let told = error(text);
        assert!(told.contains(&format!("line {line}:")), "{told}");
        assert!(told.contains(&format!("`{key}`")), "{told}");
    }
}

#[test]
fn faults_are_told_in_words_and_never_repeat_a_token() {
    for (text, says) in [
        ("", "there is no [[group]]"),
        ("listen = \"nowhere\"", "line 1"),
        ("[policy]\nheartbeat_seconds = 0\n", "heartbeat_seconds is 0; it may be 1 to 86400"),
        (
            "[policy]\npresence_pace_milliseconds = 60001\n",
            "policy.presence_pace_milliseconds is 60001; it may be 1 to 60000",
        ),
        ("[policy]\nmax_places = 0\n", "policy.max_places is 0; it must be at least 1"),
        ("[policy]\nkey_tries = 0\n", "policy.key_tries is 0; it must be at least 1"),
        ("[limits]\nconnections = 0\n", "limits.connections is 0"),
        ("[policy]\nheartbeat_seconds = \"x\"\n", "line 2"),
        ("[[group]]\nid = \"a b\"\n", "group id has ' ' at position 1"),
        (
            "[limits]\nqueue_picture_bytes = 524287\n",
            "limits.queue_picture_bytes is 524287; it must be at least 524288",
        ),
        ("[tls]\ncertificate = \"no-such.pem\"\nkey = \"no-such.key\"\n", "no-such.pem"),
        ("this is no TOML", "line 1"),
    ] {
        let text = if text.is_empty() || text.contains("[[group]]") {
            text.to_owned()
        } else {
            format!("{text}{GROUP}")
        };
        let told = error(&text);
        assert!(told.contains(says), "{told:?} should say {says:?}");
        assert!(!told.contains("a-secret-token"), "{told}");
    }
    let told = error(&GROUP.replace("\"a-secret-token\"", "\"a-secret-token"));
    assert!(told.contains("line ") && !told.contains("a-secret-token"), "{told}");
    let told = error(&GROUP.replace("\"a-secret-token\"", "20261122"));
    assert!(told.ends_with(": wrong type, expected agent token"), "{told}");
    let told = error(
        &GROUP
            .replace("key_digits = 9", "")
            .replace("[group.terms]", "key_digits = 5\n[group.terms]"),
    );
    assert!(told.contains("6 to 12 digits"), "{told}");
}

#[test]
fn what_stands_twice_is_an_error() {
    let told = error(&format!("{GROUP}{GROUP}"));
    assert!(told.contains("group 12345 stands twice"), "{told}");
    let twice = "[[group.agents]]\nid = \"grace\"\nname = \"Again\"\ntoken = \"another\"\n";
    let told = error(&format!("{GROUP}{twice}"));
    assert!(told.contains("agent grace stands twice"), "{told}");
    let same = "[[group.agents]]\nid = \"alan\"\nname = \"Alan\"\ntoken = \"a-secret-token\"\n";
    let told = error(&format!("{GROUP}{same}"));
    assert!(told.contains("agent alan has the token of another agent"), "{told}");
    assert!(!told.contains("a-secret-token"), "{told}");
}

#[test]
fn a_missing_file_is_named() {
    let error = ServerConfig::load(Path::new("/no/such/coview.toml")).unwrap_err();
    assert!(matches!(&error, ConfigError::Read { .. }));
    assert!(error.to_string().starts_with("/no/such/coview.toml: "), "{error}");
}
