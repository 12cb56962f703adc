//! The configuration file: the sample is complete and true, and every fault is named with its line.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use core::time::Duration;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use coview_hub::KeyUse;
use coview_hub::Policy;
use coview_hub::ProofError;
use coview_server::ConfigError;
use coview_server::ForwardHeader;
use coview_server::Limits;
use coview_server::ServerConfig;
use coview_token::AgentClaims;
use coview_token::Algorithm;
use coview_token::Secret;
use coview_token::SigningKey;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::GroupId;
use coview_wire::UnixTime;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/coview.toml");

const GROUP: &str = r#"
[[group]]
id = "12345"
[group.terms]
version = "1"
text = "The agent will see this app's screen."
"#;

const CLIENT_TOKEN: &str = "a-secret-token";

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
    assert_eq!(group.key_use, KeyUse::Session);
    assert!(group.assertion_needed && !group.confirm_join && !group.expiry_ends_sessions);
    assert_eq!(group.terms.language(), Some("en"));
    assert!(group.origins.is_empty() && group.max_connections.is_none());
    // A reader's first start says what is missing, and starts.
    assert_eq!(config.warnings.len(), 2, "{:?}", config.warnings);
    assert!(config.warnings[0].contains("`coview keys new --out agents`"), "{:?}", config.warnings);
    assert!(config.data.is_none() && config.origins.is_empty());
    let bare = ServerConfig::from_toml(GROUP).unwrap();
    assert_eq!(config.metrics, bare.metrics);
    assert_eq!(config.proxy, bare.proxy);
    assert_eq!(config.hsts_days, bare.hsts_days);
}

/// What the sample has in comments is right, too, when the files are there.
#[test]
fn the_sample_loads_with_all_that_is_commented_out() {
    let folder = folder("sample");
    let agents = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let visitors = SigningKey::generate(Algorithm::Es256).unwrap();
    write(&folder, "agents.pub.pem", agents.public_pem().unwrap().as_bytes(), 0o644);
    write(&folder, "visitors.pub.pem", visitors.public_pem().unwrap().as_bytes(), 0o644);
    write(&folder, "agents.secret", &[7; 32], 0o600);
    write(&folder, "visitors.secret", &[8; 32], 0o600);
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    write(&folder, "fullchain.pem", made.cert.pem().as_bytes(), 0o644);
    write(&folder, "privkey.pem", made.signing_key.serialize_pem().as_bytes(), 0o600);
    let sample = std::fs::read_to_string(SAMPLE).unwrap();
    let mut text = String::new();
    for line in sample.lines() {
        let code = line.strip_prefix("# ").filter(|rest| {
            let name = rest.split(" = ").next().unwrap();
            rest.starts_with('[') || (rest.contains(" = ") && !name.contains([' ', '-']))
        });
        text.push_str(code.unwrap_or(line));
        text.push('\n');
    }
    write(&folder, "coview.toml", text.as_bytes(), 0o644);
    let config = ServerConfig::load(&folder.join("coview.toml")).unwrap();
    assert!(config.tls.is_some() && config.warnings.is_empty(), "{:?}", config.warnings);
    assert!(config.data.is_some() && config.origins.contains("https://support.example.org"));
    let group = GroupId::new("12345").unwrap();
    let served = &config.hub.groups[&group];
    assert!(served.client_token.is_some());
    assert_eq!(served.max_connections, Some(1000));

    let now = UnixTime::new(1_800_000_000);
    let card = AgentCard::new(AgentId::new("grace").unwrap(), "Grace").unwrap();
    let claims = AgentClaims::new(group.clone(), card.clone());
    let secret = SigningKey::from_secret(&Secret::new(&[7; 32]).unwrap());
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    for key in [&agents, &secret] {
        let token = claims.sign(key, now, minutes(100)).unwrap();
        assert_eq!(served.proofs.agent(&group, &token, now).unwrap().card, card);
    }
    let token = claims.sign(&agents, now, minutes(130)).unwrap();
    assert_eq!(served.proofs.agent(&group, &token, now), Err(ProofError::TooLong));
    let token = claims.sign(&visitors, now, minutes(100)).unwrap();
    assert_eq!(served.proofs.agent(&group, &token, now), Err(ProofError::Bad));
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("config-{name}"));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn write(folder: &Path, name: &str, bytes: &[u8], mode: u32) {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
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
        "key_reuse_seconds",
        "keys_remembered",
        "key_tries",
        "key_tries_network",
        "key_tries_group",
        "key_tries_window_seconds",
        "key_odds",
        "key_wait_seconds",
        "key_wait_max_seconds",
        "key_wait_forgotten_seconds",
        "max_guests",
        "max_devices",
        "max_places",
        "presence_pace_milliseconds",
        "mask_pace_milliseconds",
        "one_use_tokens",
        "problems_per_minute",
        "begins_per_minute",
        "asks_in_vain",
        "asks_in_vain_window_seconds",
        "joins_in_vain",
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
        key_reuse: seconds(108),
        keys_remembered: 109,
        key_tries: 110,
        key_tries_network: 111,
        key_tries_group: 112,
        key_tries_window: seconds(113),
        key_odds: 114,
        key_wait: seconds(115),
        key_wait_max: seconds(116),
        key_wait_forgotten: seconds(117),
        max_guests: 118,
        max_devices: 119,
        max_places: 120,
        presence_pace: Duration::from_millis(121),
        mask_pace: Duration::from_millis(122),
        one_use_tokens: 123,
        problems_per_minute: 124,
        begins_per_minute: 125,
        asks_in_vain: 126,
        asks_in_vain_window: seconds(127),
        joins_in_vain: 128,
    };
    assert_eq!(config.hub.policy, expected);
    in_the_sample(&keys);
}

/// The sample names each of them, too.
fn in_the_sample(keys: &[&str]) {
    let sample = std::fs::read_to_string(SAMPLE).unwrap();
    for key in keys {
        assert!(sample.contains(&format!("\n{key} = ")), "{key} is missing in the sample");
    }
}

#[test]
fn every_limit_is_read() {
    let keys = [
        ("connections", 1),
        ("connections_per_address", 2),
        ("queue_messages", 3),
        ("queue_bytes", 4),
        ("queue_picture_bytes", 524_288),
        ("stalled_seconds", 5),
        ("messages_per_second", 6),
        ("bytes_per_second", 1_048_576),
        ("flooding_seconds", 7),
        ("handshake_seconds", 8),
        ("session_grace_seconds", 9),
        ("drain_accept_seconds", 0),
        ("drain_seconds", 10),
    ];
    let numbers: String = keys.iter().map(|(key, number)| format!("{key} = {number}\n")).collect();
    let config = ServerConfig::from_toml(&format!("[limits]\n{numbers}{GROUP}")).unwrap();
    let expected = Limits {
        connections: 1,
        connections_per_address: 2,
        queue_messages: 3,
        queue_bytes: 4,
        queue_picture_bytes: 524_288,
        stalled: Duration::from_secs(5),
        messages_per_second: 6,
        bytes_per_second: 1_048_576,
        flooding: Duration::from_secs(7),
        handshake: Duration::from_secs(8),
        session_grace: Duration::from_secs(9),
        drain_accept: Duration::ZERO,
        drain: Duration::from_secs(10),
    };
    assert_eq!(config.limits, expected);
    in_the_sample(&keys.map(|(key, _)| key));
}

#[test]
fn a_group_says_who_may_come_and_how() {
    let text = "[[group]]\nid = \"12345\"\nkey_use = \"once\"\nconfirm_join = true\n\
                expiry_ends_sessions = true\nmax_connections = 7\n\
                origins = [\"https://App.example.org:443\"]\n\
                [group.terms]\nversion = \"1\"\ntext = \"Ja?\"\nlanguage = \"de-CH\"\n\
                [group.assertions]\nneeded = false\n";
    let config = ServerConfig::from_toml(text).unwrap();
    let group = &config.hub.groups[&GroupId::new("12345").unwrap()];
    assert_eq!(group.key_use, KeyUse::Once);
    assert!(group.confirm_join && group.expiry_ends_sessions && !group.assertion_needed);
    assert_eq!(group.max_connections, Some(7));
    assert!(group.origins.iter().eq(["https://app.example.org"].map(Box::from).iter()));
    assert_eq!(group.terms.language(), Some("de-CH"));
    assert!(config.warnings.iter().any(|it| it.contains("any visitor")), "{:?}", config.warnings);
}

#[test]
fn proxies_origins_and_metrics_are_read() {
    let head = "public_url = \"https://Support.example.org/desk/\"\n\
                origins = [\"http://desk.internal:8080\"]\nhsts_days = 0\ndata = \"state\"\n\
                [proxy]\ntrusted = [\"10.0.0.0/8\", \"::1\"]\nheader = \"forwarded\"\n\
                [metrics]\nfrom = [\"10.1.0.0/16\"]\n";
    let config = ServerConfig::from_toml(&format!("{head}{GROUP}")).unwrap();
    let origins = ["http://desk.internal:8080", "https://support.example.org"];
    assert!(config.origins.iter().map(|it| &**it).eq(origins), "{:?}", config.origins);
    assert_eq!(config.proxy.header, ForwardHeader::Forwarded);
    assert_eq!(format!("{:?}", config.proxy.trusted), "[10.0.0.0/8, ::1/128]");
    assert_eq!(format!("{:?}", config.metrics), "[10.1.0.0/16]");
    assert_eq!(config.hsts_days, 0);
    assert_eq!(config.data.as_deref(), Some(Path::new("state")));

    let all = format!("[proxy]\ntrusted = [\"::/0\"]\n{GROUP}");
    let warnings = ServerConfig::from_toml(&all).unwrap().warnings;
    assert!(warnings.iter().any(|it| it.contains("anybody")), "{warnings:?}");
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let text = "public_url = \"support\"\n[limits]\nconnections = 0\nbytes_per_second = 1\n\
                [policy]\nkey_tries = 0\nkey_wait_seconds = 9000\n[[group]]\nid = \"a\"\n\
                origins = [\"https://a.example/\", \"*\"]\nmax_connections = 0\n\
                [group.terms]\nversion = \"\"\ntext = \"x\"\n\
                [group.tokens]\nkeys = [\"no-such.pem\"]\nmax_minutes = 0\n\
                [group.assertions]\nsecret_file = \"no-such.secret\"\n";
    let told = error(text);
    let told: Vec<_> = told.lines().collect();
    let says = [
        "public_url: an origin is",
        "limits.connections is 0",
        "limits.bytes_per_second is 1",
        "policy.key_tries is 0",
        "policy.key_wait_max_seconds is less",
        "group a: origins has \"https://a.example/\": an origin ends with",
        "group a: origins has \"*\": name each",
        "group a: max_connections is 0",
        "group a: terms version",
        "group a: [group.tokens]: max_minutes is 0",
        "group a: [group.tokens]: no-such.pem: ",
        "group a: [group.assertions]: no-such.secret: ",
    ];
    assert_eq!(told.len(), says.len(), "{told:#?}");
    for (told, says) in told.iter().zip(says) {
        assert!(told.starts_with(says), "{told:?} should say {says:?}");
    }
}

#[test]
fn a_key_file_that_cannot_be_used_is_named_with_its_group() {
    let folder = folder("keys");
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    write(&folder, "public.pem", key.public_pem().unwrap().as_bytes(), 0o644);
    write(&folder, "private.pem", key.private_pem().unwrap().as_bytes(), 0o600);
    write(&folder, "open.secret", &[7; 32], 0o644);
    write(&folder, "short.secret", &[7; 31], 0o600);
    write(&folder, "garbage.pem", &[0xff; 40], 0o644);
    write(&folder, "empty.pem", b"", 0o644);
    write(&folder, "public.secret", key.public_pem().unwrap().as_bytes(), 0o600);
    for (line, says) in [
        ("keys = [\"missing.pem\"]", "`coview keys new --out agents`"),
        ("keys = [\"private.pem\"]", "private"),
        ("keys = [\"/dev/zero\"]", "longer than 1048576 bytes"),
        ("secret_file = \"/dev/zero\"", "longer than 1048576 bytes"),
        ("keys = [\"garbage.pem\"]", "not text"),
        ("keys = [\"empty.pem\"]", "neither a key in PEM"),
        ("keys = [\"public.pem\", \"private.pem\"]", "private.pem"),
        ("secret_file = \"missing.secret\"", "missing.secret"),
        ("secret_file = \"open.secret\"", "everybody on this machine can read this secret"),
        ("secret_file = \"short.secret\"", "31 bytes"),
        ("secret_file = \"public.secret\"", "not a secret"),
    ] {
        for section in ["group.tokens", "group.assertions"] {
            write(&folder, "c.toml", format!("{GROUP}[{section}]\n{line}\n").as_bytes(), 0o644);
            let told = ServerConfig::load(&folder.join("c.toml")).unwrap_err().to_string();
            let file = line.rsplit('"').nth(1).unwrap();
            assert_eq!(told.lines().count(), 1, "{told}");
            assert!(told.starts_with(&format!("group 12345: [{section}]: ")), "{told}");
            assert!(told.contains(file) && told.contains(says), "{told:?} should say {says:?}");
        }
    }
}

#[test]
fn a_certificate_that_cannot_be_used_is_named() {
    let folder = folder("tls");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    write(&folder, "cert.pem", made.cert.pem().as_bytes(), 0o644);
    write(&folder, "key.pem", made.signing_key.serialize_pem().as_bytes(), 0o640);
    write(&folder, "open.pem", made.signing_key.serialize_pem().as_bytes(), 0o644);
    write(&folder, "other.pem", other.signing_key.serialize_pem().as_bytes(), 0o600);
    let load = |certificate: &str, key: &str| {
        let tls = format!("[tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n");
        write(&folder, "c.toml", format!("{tls}{GROUP}").as_bytes(), 0o644);
        ServerConfig::load(&folder.join("c.toml"))
    };
    assert!(load("cert.pem", "key.pem").is_ok());
    for (certificate, key, file, says) in [
        ("none.pem", "key.pem", "none.pem", "No such file"),
        ("cert.pem", "none.pem", "none.pem", "No such file"),
        ("cert.pem", "open.pem", "open.pem", "everybody on this machine can read this secret"),
        ("cert.pem", "cert.pem", "cert.pem", "everybody"),
        ("key.pem", "key.pem", "key.pem", "no certificate"),
        ("cert.pem", "other.pem", "cert.pem", "cannot be used together"),
    ] {
        let told = load(certificate, key).unwrap_err().to_string();
        assert!(told.starts_with("tls: ") && told.contains(file) && told.contains(says), "{told}");
    }
}

#[test]
fn a_key_that_is_gone_says_what_to_write_instead() {
    let agents = "[[group.agents]]\nid = \"grace\"\nname = \"Grace\"\ntoken = \"a-secret-token\"\n";
    let told = error(&format!("{GROUP}{agents}"));
    assert!(told.starts_with("group 12345: `agents` "), "{told}");
    assert!(
        told.contains("[group.tokens]") && told.contains("`coview keys new --out agents`"),
        "{told}"
    );
    assert!(!told.contains("a-secret-token"), "{told}");
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
        (
            "listen = \"nowhere\"",
            "line 1: an address is an IP address and a port, as in 127.0.0.1:7300",
        ),
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
    }
    let with_token = |token: &str| {
        error(&GROUP.replace("[group.terms]", &format!("client_token = {token}\n[group.terms]")))
    };
    let told = with_token(&format!("\"{CLIENT_TOKEN}"));
    assert!(told.contains("line ") && !told.contains(CLIENT_TOKEN), "{told}");
    let told = with_token("20261122");
    assert!(told.ends_with(": wrong type, expected client token"), "{told}");
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
}

#[test]
fn a_missing_file_is_named() {
    let error = ServerConfig::load(Path::new("/no/such/coview.toml")).unwrap_err();
    assert!(matches!(&error, ConfigError::Read { .. }));
    assert!(error.to_string().starts_with("/no/such/coview.toml: "), "{error}");
}
