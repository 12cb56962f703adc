//! No secret is in anything that is printed: logs, `Debug` and the texts of errors.
//!
//! One whole story runs while every log line at every level is kept, of this project's crates and
//! of those below. The network is listened to, so that what was secret on the wire is known.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names the one step it waits for")]
#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    unreachable_pub,
    reason = "the stories use the rest"
)]

#[path = "story/frames.rs"]
mod frames;
#[path = "story/proxy.rs"]
mod proxy;
#[path = "story/raw.rs"]
mod raw;
#[path = "story/world.rs"]
mod world;

use std::fmt::Debug;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;

use coview::Change;
use coview::ClientToken;
use coview::Connectivity;
use coview::EndReason;
use coview::Identity;
use coview::ManualStep;
use coview::OneClickStep;
use coview::PresencePatch;
use coview::PresenceStep;
use coview::Profile;
use coview::SessionKey;
use coview::agent::RequestingStep;
use coview::agent::ViewingStep;
use coview::smol::Config;
use serde_json::Value;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::proxy::Proxy;
use crate::proxy::Way;
use crate::raw::Raw;
use crate::world::*;

const EMAIL: &str = "ada.lovelace@example.org";
const PHONE: &str = "+44 20 7946 0018";

/// One log line of any crate.
#[derive(Debug)]
struct Line {
    level: log::Level,
    target: String,
    text: String,
}

/// Everything that was logged so far.
#[derive(Clone, Default)]
struct Logs(Arc<Mutex<Vec<Line>>>);

impl Logs {
    /// Listens to both facades, at every level.
    fn listen() -> Self {
        let logs = Self::default();
        tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
            .with_ansi(false)
            .without_time()
            .with_writer(logs.clone())
            .init();
        log::set_boxed_logger(Box::new(logs.clone())).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
        logs
    }

    fn push(&self, line: Line) {
        self.0.lock().unwrap().push(line);
    }
}

impl log::Log for Logs {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let text = record.args().to_string();
        self.push(Line { level: record.level(), target: record.target().to_owned(), text });
    }

    fn flush(&self) {}
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl io::Write for Logs {
    /// One event: the level, the spans and the target, the text.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (level, rest) = text.trim_start().split_once(' ').unwrap();
        let level = level.parse().unwrap();
        let target = rest.split_once(": ").map_or(rest, |(target, _)| target).to_owned();
        self.push(Line { level, target, text });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What an app may print of what it holds.
#[derive(Default)]
struct Printed(String);

impl Printed {
    fn debug<T: Debug>(&mut self, value: T) -> T {
        self.0.push_str(&format!("{value:?}\n{value:#?}\n"));
        value
    }
}

#[test]
fn no_secret_is_in_logs_debug_or_errors() {
    let logs = Logs::listen();
    let mut printed = Printed::default();
    let mut secrets: Vec<String> =
        [CLIENT_TOKEN, EMAIL, PHONE, &PHONE.replace(' ', ""), "ada.lovelace", "sw0rdfish"]
            .map(str::to_owned)
            .into();
    for agent in AGENTS {
        secrets.push(token(agent).expose_secret().to_owned());
    }
    story(whole_story(&mut printed, &mut secrets));

    assert!(secrets.len() >= 14, "keys and resume secrets were heard on the wire: {secrets:?}");
    assert!(printed.0.contains("ClientToken(redacted)"), "{}", printed.0);
    for secret in &secrets {
        assert!(!printed.0.contains(secret), "{secret:?} is in:\n{}", printed.0);
    }
    let lines = logs.0.lock().unwrap();
    let leaks = |line: &&Line| secrets.iter().any(|secret| line.text.contains(secret));
    let ours = lines.iter().filter(|line| line.target.starts_with("coview"));
    assert!(ours.clone().count() > 20, "the audit log of the story");
    if let Some(line) = ours.clone().find(leaks) {
        panic!("{line:?}");
    }
    // The WebSocket library prints whole frames at its lowest level, and nothing else does at any.
    // What the adapter and the server say about logs in their documentation rests on this.
    for line in lines.iter().filter(leaks) {
        assert_eq!(line.level, log::Level::Trace, "{line:?}");
        assert!(line.target.starts_with("tungstenite::"), "{line:?}");
    }
    assert!(
        lines.iter().any(|line| leaks(&line)),
        "the frames of the library are printed at TRACE"
    );
}

async fn whole_story(printed: &mut Printed, secrets: &mut Vec<String>) {
    let world = World::with(|config| {
        let open = config.hub.groups.get_mut(&group(GROUP)).unwrap();
        open.client_token = Some(ClientToken::new(CLIENT_TOKEN).unwrap());
        config.hub.policy.resume_grace = ms(300);
        printed.debug(&*config);
    });
    let visitors_network = Proxy::to(world.address).await;
    let agents_network = Proxy::to(world.address).await;

    let profile = Profile::new()
        .with_name("Ada")
        .and_then(|profile| profile.with_email(EMAIL))
        .and_then(|profile| profile.with_phone(PHONE))
        .unwrap();
    let config = visitor_at(&visitors_network.url())
        .with_token(ClientToken::new(CLIENT_TOKEN).unwrap())
        .with_profile(printed.debug(profile.clone()));
    printed.debug(&config);
    let visitor = printed.debug(connect(config).await);
    let config = printed.debug(agent_at(&agents_network.url(), "ada"));
    let ada = printed.debug(sign_in(config).await);

    // By a key.
    let pending = printed.debug(visitor.start_manual());
    let sharing = printed.debug(soon("the session", pending).await.unwrap());
    printed.debug(sharing.key());
    printed.debug(sharing.consent());
    let shown = sharing.key().to_string();
    let key = printed.debug(SessionKey::parse(&shown).unwrap());
    let wrong = if shown.ends_with('0') { '1' } else { '0' };
    let mistyped = SessionKey::parse(&format!("{}{wrong}", &shown[..shown.len() - 1]));
    let error = printed.debug(mistyped).unwrap_err();
    printed.0.push_str(&error.to_string());
    let pending = printed.debug(ada.join(key));
    let ada = printed.debug(soon("ada to be in", pending).await.unwrap());
    let sharing = until!(sharing, "one guest", ManualStep::Changed(v, Change::Guests(1)) => v);

    // Broken and resumed, on both sides.
    visitors_network.cut();
    agents_network.cut();
    let sharing = until!(
        sharing,
        "the connection",
        ManualStep::Changed(v, Change::Connectivity(Connectivity::Connected)) => v
    );
    let visitor = printed.debug(sharing.end());
    let ada = until!(ada, "the end", ViewingStep::Ended(a, EndReason::Visitor) => a);
    // The key again, which is of no use any more.
    let refused = printed.debug(soon("the answer", ada.join(key)).await.unwrap_err());
    printed.0.push_str(&refused.to_string());
    let ada = refused.into_agent().unwrap();

    // By one click.
    let who = Identity::new(id("customer-42")).with_profile(profile);
    let visitor = soon("the identity", visitor.identify(who)).await;
    let visitor = printed.debug(visitor.unwrap());
    let mut visitor = printed.debug(go_online(visitor).await);
    visitor.update_presence(PresencePatch::new().set("page", "/cart").unwrap());
    let ada = watch(ada).await;
    let ada = sees(ada, "the data", "customer-42", |card| !card.data.is_empty()).await;
    assert_eq!(ada.roster()[&id("customer-42")].profile.email(), Some(EMAIL));
    printed.debug(ada.roster());
    let ada = printed.debug(soon("the request", ada.ask(id("customer-42"))).await.unwrap());
    let step = printed.debug(soon("the terms", visitor.next()).await);
    let PresenceStep::TermsRequested(asked) = step else { panic!("{step:?}") };
    let sharing = printed.debug(asked.terms_displayed()).accept();
    let sharing = printed.debug(soon("the session", sharing).await.unwrap());
    let ada = until!(ada, "the agent to be in", RequestingStep::Accepted(ada) => ada);

    // Gone for longer than the grace.
    visitors_network.down();
    let ada = until!(ada, "the end", ViewingStep::Ended(a, EndReason::VisitorLost) => a);
    visitors_network.up();
    let step = until!(sharing, "the end", OneClickStep::Ended(v, why) => (v, why));
    let visitor = printed.debug(step).0;

    // What is refused and what is broken, with secrets in wrong places.
    let wrong = ClientToken::new("sw0rdfish").unwrap();
    let config = visitor_at(world.url()).with_token(printed.debug(wrong));
    let error = soon("the refusal", coview::smol::connect(config)).await.unwrap_err();
    printed.0.push_str(&printed_error(&error));
    let url = "ws://user:sw0rdfish@localhost".parse::<coview::smol::ServerUrl>().unwrap_err();
    printed.0.push_str(&printed_error(&url));
    let url = "ws://localhost/?token=sw0rdfish".parse::<coview::smol::ServerUrl>().unwrap_err();
    printed.0.push_str(&printed_error(&url));
    let config = Config::new("ws://127.0.0.1:1".parse().unwrap(), group(GROUP))
        .with_token(ClientToken::new("sw0rdfish").unwrap());
    let error = soon("the failure", coview::smol::connect(config)).await.unwrap_err();
    printed.0.push_str(&printed_error(&error));
    let mut raw = Raw::connect(world.address).await;
    raw.say(json!({ "t": "hello", "re": 0, "version": 1, "group": GROUP, "token": ["sw0rdfish"] }))
        .await;
    printed.debug(raw.hear("problem").await);
    raw.say(json!({ "t": "sw0rdfish", "re": 0 })).await;
    printed.debug(raw.hear("problem").await);
    raw.say(json!({ "t": "resume", "re": 0, "version": 1, "group": GROUP, "secret": "sw0rdfish" }))
        .await;
    printed.debug(raw.hear("refused").await);
    drop(raw);
    let _ = world.get("/sw0rdfish?token=sw0rdfish").await;
    let (_, metrics) = world.get("/metrics").await;
    printed.0.push_str(&metrics);

    drop((visitor, ada));
    world.stop().await;

    for network in [&visitors_network, &agents_network] {
        for text in network.texts(Way::ToServer).iter().chain(&network.texts(Way::ToClient)) {
            collect(&serde_json::from_str(text).unwrap(), secrets);
        }
    }
    secrets.push(shown);
}

fn printed_error(error: &(impl std::error::Error + 'static)) -> String {
    let mut text = format!("{error:?}\n{error}\n");
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!("{error:?}\n{error}\n"));
        source = error.source();
    }
    text
}

/// Takes the keys, tokens and resume secrets out of a message.
fn collect(message: &Value, secrets: &mut Vec<String>) {
    match message {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(secret) if ["key", "token", "secret"].contains(&&**name) => {
                        secrets.push(secret.clone());
                    }
                    _ => collect(value, secrets),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, secrets)),
        _ => {}
    }
}
