//! The audit logs of a real server: looked after by hand, after `kill -9`, and on a full disk.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use coview_agent::RequestError;
use coview_agent::RequestingStep;
use coview_audit::Journal;
use coview_audit::Kind;
use coview_audit::Options;
use coview_audit::Personal;
use coview_audit::Record;
use coview_audit::log_path;
use coview_lifecycle::PresenceStep;
use coview_smol::AgentConfig;
use coview_smol::Config;
use coview_token::AgentClaims;
use coview_token::Secret;
use coview_token::SigningKey;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AskId;
use coview_wire::GroupId;
use coview_wire::SessionId;
use coview_wire::UnixTime;
use coview_wire::VisitorId;
use smol::Timer;
use support::Done;
use support::GROUP;
use support::Running;
use support::coview;
use support::get;
use support::run;
use support::url;

const NOW: UnixTime = UnixTime::new(1_795_396_800);

/// A directory of this test that goes away with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("audit-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn group() -> GroupId {
    GroupId::new(GROUP).unwrap()
}

/// The log of one session by request, and one that a visitor without a name began.
fn log(folder: &Folder) -> String {
    let journal = Journal::open(&folder.0, [group()], Options::new(|| NOW)).unwrap();
    let at = |seconds, kind| Record::new(kind, UnixTime::new(NOW.get() + seconds));
    let (ask, session) = (AskId::new(40), SessionId::new(7));
    let grace = |record: Record| {
        record.personal(Personal::Agent, "grace").personal(Personal::AgentName, "Grace Hopper")
    };
    let terms = |record: Record| record.fact("terms", "2026-11").fact("language", "en");
    let records = [
        terms(grace(at(1, Kind::Asked)).ask(ask).personal(Personal::Visitor, "customer-42")),
        terms(at(2, Kind::TermsDisplayed).ask(ask)),
        terms(at(9, Kind::Accepted).ask(ask).session(session)).fact("capabilities", ["view"]),
        at(9, Kind::SessionStarted)
            .ask(ask)
            .session(session)
            .personal(Personal::Visitor, "customer-42")
            .fact("by", "request")
            .fact("capabilities", ["view"]),
        grace(at(9, Kind::GuestJoined)).session(session).fact("agents", 1_u32),
        at(10, Kind::MasksChanged).session(session).fact("areas", 2_u32),
        at(11, Kind::SessionStarted)
            .session(SessionId::new(8))
            .fact("by", "visitor_tapped_share")
            .fact("capabilities", ["view"]),
        at(60, Kind::SessionEnded)
            .session(session)
            .fact("reason", "visitor")
            .fact("why", "the visitor ended it"),
    ];
    for record in records {
        journal.append(&group(), record);
    }
    journal.close().unwrap();
    log_path(&folder.0, &group()).display().to_string()
}

#[test]
fn an_intact_log_is_verified_and_a_changed_one_is_named_by_its_line() {
    let folder = Folder::new("verify");
    let log = log(&folder);
    let Done { code, out, err } = run(&["audit", "verify", &log]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.contains("intact: the log of group 12345"), "{out}");
    assert!(out.contains("11 lines, 2 of them signatures; 0 personal fields erased"), "{out}");
    assert!(out.contains("signed to the end, and closed"), "{out}");

    let key = folder.path("audit-key.pub.pem");
    assert_eq!(run(&["audit", "verify", &log, "--key", &key]).code, Some(0));
    let last = out.split("last hash ").nth(1).unwrap().split_whitespace().next().unwrap();
    assert_eq!(run(&["audit", "verify", &log, "--contains", last]).code, Some(0));

    let text = fs::read_to_string(&log).unwrap();
    let cut: String = text.split_inclusive('\n').take(5).collect();
    let copy = folder.path("cut.jsonl");
    fs::write(&copy, cut).unwrap();
    let Done { code, out, .. } = run(&["audit", "verify", &copy]);
    assert_eq!(code, Some(0), "an end that is missing cannot be noticed");
    assert!(out.contains("3 lines behind the last signature"), "{out}");
    let Done { code, err, .. } = run(&["audit", "verify", &copy, "--contains", last]);
    assert_eq!(code, Some(1));
    assert!(err.contains("the end was cut off"), "{err}");

    fs::write(&copy, text.replace("\"areas\":2", "\"areas\":0")).unwrap();
    let Done { code, err, .. } = run(&["audit", "verify", &copy]);
    assert_eq!(code, Some(1));
    assert!(err.contains("cut.jsonl: line 8: was changed: `hash` is not its hash"), "{err}");
    assert!(err.contains("help: keep the file as it is"), "{err}");
    let Done { out, .. } = run(&["audit", "verify", &copy, "--json"]);
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&told["intact"], &told["broken_line"]), (&false.into(), &8.into()));

    fs::write(&copy, text.split_once('\n').unwrap().1).unwrap();
    let Done { code, out, .. } = run(&["audit", "verify", &copy]);
    assert_eq!(code, Some(1));
    assert!(out.contains("0 lines in order") && !out.contains("signed to the end"), "{out}");

    fs::write(&copy, &text[..text.len() - 1]).unwrap();
    let Done { code, err, .. } = run(&["audit", "verify", &copy]);
    assert_eq!(code, Some(1));
    assert!(err.contains("line 11: is not finished"), "{err}");
}

#[test]
fn wrong_usage_is_told() {
    let folder = Folder::new("usage");
    let Done { code, err, .. } = run(&["audit", "verify", &folder.path("none.jsonl")]);
    assert_eq!(code, Some(1));
    assert!(
        err.contains("No such file") && err.contains("help: the logs are GROUP.jsonl"),
        "{err}"
    );
    let log = log(&folder);
    let Done { code, err, .. } = run(&["audit", "verify", &log, "--key", &log]);
    assert_eq!(code, Some(2));
    assert!(err.contains("holds no Ed25519 key as PEM text"), "{err}");
    let Done { code, err, .. } = run(&["audit", "verify", &log, "--contains", "xyz"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("a hash is 64 of the characters"), "{err}");
    let Done { code, err, .. } = run(&["audit", "show", &log, "--session", "9"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("there is no session 9 in "), "{err}");
    assert_eq!(run(&["audit", "erase", &log, "--visitor", "no id"]).code, Some(2));
}

#[test]
fn the_story_of_a_session_is_told_in_words_and_without_whom_was_erased() {
    let folder = Folder::new("show");
    let log = log(&folder);
    let Done { code, out, err } = run(&["audit", "show", &log, "--session", "7"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    insta::assert_snapshot!("audit_show", out);
    let Done { out, .. } = run(&["audit", "show", &log, "--session", "8"]);
    assert!(out.contains("a visitor without a name tapped share; agents may view"), "{out}");
    let Done { out, .. } = run(&["audit", "show", &log, "--session", "7", "--json"]);
    let first: serde_json::Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!((&first["kind"], &first["agent_name"]), (&"asked".into(), &"Grace Hopper".into()));

    let Done { code, out, .. } = run(&["audit", "erase", &log, "--visitor", "customer-42"]);
    assert_eq!((code, out.trim()), (Some(0), "erased: 2 personal fields"));
    let Done { out, .. } = run(&["audit", "show", &log, "--session", "7"]);
    assert!(out.contains("Grace Hopper (grace) asked a visitor whose id was erased"), "{out}");
    assert!(!fs::read_to_string(&log).unwrap().contains("customer-42"));
    assert_eq!(run(&["audit", "verify", &log]).code, Some(0));
    let Done { code, out, .. } = run(&["audit", "erase", &log, "--visitor", "customer-42"]);
    assert_eq!((code, out.trim()), (Some(0), "nothing to erase: no line names customer-42"));
}

/// A configuration that keeps logs in this folder.
fn config(folder: &Folder) -> String {
    let path = folder.path("coview.toml");
    let text = format!(
        "listen = \"127.0.0.1:0\"\ndata = \"data\"\n[audit]\nhead_lines = 20\n\
         [[group]]\nid = \"{GROUP}\"\n[group.terms]\nversion = \"1\"\ntext = \"The agent will see.\"\n\
         [group.assertions]\nneeded = false\n"
    );
    fs::write(&path, text).unwrap();
    path
}

/// The secret of the agents' tokens, for [`config`] with `[group.tokens]` behind it.
const SECRET: [u8; 32] = [7; 32];

fn with_agents(folder: &Folder) -> String {
    use std::os::unix::fs::OpenOptionsExt;
    let path = config(folder);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text + "[group.tokens]\nsecret_file = \"agents.secret\"\n").unwrap();
    let mut secret = fs::OpenOptions::new();
    let mut secret =
        secret.write(true).create(true).mode(0o600).open(folder.0.join("agents.secret")).unwrap();
    secret.write_all(&SECRET).unwrap();
    path
}

fn serve(mut command: Command) -> (Running, String) {
    command.env("COVIEW_LOG", "warn");
    let mut server = Running::start(command);
    let listening = server.line(|line| line.starts_with("listening on "));
    (server, url(&listening))
}

/// Shares and stops, again and again, until the server is gone; notes each session it was told of.
async fn busy(url: &str, told: Arc<Mutex<Vec<u64>>>) {
    let config = Config::new(url.parse().unwrap(), group());
    let Ok(mut visitor) = coview_smol::connect(config).await else { return };
    loop {
        let Ok(sharing) = visitor.start_manual().await else { return };
        told.lock().unwrap().push(sharing.session().get());
        visitor = sharing.end();
    }
}

/// Is asked, accepts and stops, again and again.
async fn asked(url: &str, id: VisitorId, told: Arc<Mutex<Vec<u64>>>) -> Option<()> {
    let config = Config::new(url.parse().ok()?, group());
    let visitor = coview_smol::connect(config).await.ok()?.identify(id).await.ok()?;
    let mut visitor = visitor.connect_presence().await.ok()?;
    loop {
        visitor = match visitor.next().await {
            PresenceStep::TermsRequested(asked) => {
                let sharing = asked.terms_displayed().accept().await.ok()?;
                told.lock().unwrap().push(sharing.session().get());
                sharing.end()
            }
            PresenceStep::Changed(visitor, _) => visitor,
            PresenceStep::Lost(_) => return None,
        };
    }
}

/// Asks, again and again.
#[expect(clippy::disallowed_methods, reason = "a token is good from now on")]
async fn asks(url: &str, id: VisitorId) -> Option<()> {
    let card = AgentCard::new(AgentId::new("grace").ok()?, "Grace Hopper").ok()?;
    let key = SigningKey::from_secret(&Secret::new(&SECRET).ok()?);
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
    let now = UnixTime::new(since.as_secs());
    let token = AgentClaims::new(group(), card).sign(&key, now, Duration::from_secs(600)).ok()?;
    let config = AgentConfig::new(url.parse().ok()?, group(), token);
    let mut agent = coview_smol::sign_in(config).await.ok()?;
    loop {
        agent = match agent.ask(id.clone()).await {
            Ok(mut requesting) => loop {
                match requesting.next().await {
                    RequestingStep::Accepted(viewing) => break viewing.leave(),
                    RequestingStep::Over(agent, _) => break agent,
                    RequestingStep::Changed(same, _) => requesting = same,
                }
            },
            Err(RequestError::Refused(refused)) => refused.into_agent(),
            Err(_) => return None,
        };
    }
}

#[test]
fn after_kill_9_every_session_a_client_was_told_of_is_on_record() {
    let folder = Folder::new("kill");
    let config = with_agents(&folder);
    let told = Arc::new(Mutex::new(Vec::new()));
    let by_request = Arc::new(Mutex::new(Vec::new()));
    let log = folder.path("data/audit/12345.jsonl");
    for round in 0..6 {
        let (server, url) = serve(coview(&["serve", "--config", &config]));
        let before = told.lock().unwrap().len();
        let mut clients: Vec<_> = (0..3)
            .map(|_| {
                let (url, told) = (url.clone(), Arc::clone(&told));
                smol::spawn(async move { busy(&url, told).await })
            })
            .collect();
        let id = VisitorId::new("customer-42").unwrap();
        let (at, who, notes) = (url.clone(), id.clone(), Arc::clone(&by_request));
        clients.push(smol::spawn(async move {
            let _ = asked(&at, who, notes).await;
        }));
        clients.push(smol::spawn(async move {
            let _ = asks(&url, id).await;
        }));
        smol::block_on(async {
            // In the middle of things, at another moment each time.
            while told.lock().unwrap().len() < before + 5 + 7 * round
                || by_request.lock().unwrap().len() <= round
            {
                Timer::after(Duration::from_micros(700)).await;
            }
        });
        // A `Running` that is dropped is killed with SIGKILL.
        drop(server);
        for client in clients {
            smol::block_on(client.cancel());
        }
        let text = fs::read(&log).unwrap();
        let whole = String::from_utf8_lossy(&text);
        for session in told.lock().unwrap().iter() {
            let record = format!("\"kind\":\"session_started\",\"session\":{session},");
            assert_eq!(whole.matches(&record).count(), 1, "session {session} in round {round}");
        }
        for session in by_request.lock().unwrap().iter() {
            for kind in ["accepted", "session_started"] {
                let record = format!("\"kind\":\"{kind}\",\"session\":{session},\"ask\":");
                assert_eq!(whole.matches(&record).count(), 1, "{kind} {session} in round {round}");
            }
        }
    }
    assert!(told.lock().unwrap().len() > 40);
    let (server, _) = serve(coview(&["serve", "--config", &config]));
    server.interrupt();
    let (status, _, _) = server.end();
    assert!(status.success());
    let Done { code, out, err } = run(&["audit", "verify", &log]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("signed to the end, and closed"), "{out}");
}

#[test]
fn a_running_server_erases_on_request() {
    let folder = Folder::new("request");
    let (server, url) = serve(coview(&["serve", "--config", &config(&folder)]));
    let id = VisitorId::new("customer-42").unwrap();
    smol::block_on(async {
        let config = Config::new(url.parse().unwrap(), group());
        let visitor = coview_smol::connect(config).await.unwrap();
        let visitor = visitor.identify(id).await.unwrap();
        let _ = visitor.start_manual().await.unwrap().end();
    });
    let log = folder.path("data/audit/12345.jsonl");
    assert!(fs::read_to_string(&log).unwrap().contains("customer-42"));
    let Done { code, out, err } = run(&["audit", "erase", &log, "--visitor", "customer-42"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("erased by the server"), "{out}");
    assert!(!fs::read_to_string(&log).unwrap().contains("customer-42"));
    server.interrupt();
    assert!(server.end().0.success());
    assert_eq!(run(&["audit", "verify", &log]).code, Some(0));
}

/// Where files may get no longer than this, writing fails as on a full disk.
#[cfg(target_os = "linux")]
#[test]
fn on_a_full_disk_nothing_begins_until_there_is_room() {
    let folder = Folder::new("full");
    let config = config(&folder);
    let program = coview(&[]);
    let mut command = Command::new("bash");
    command
        .args(["-c", "trap '' XFSZ; ulimit -S -f 4; exec \"$@\"", "bash"])
        .arg(program.get_program())
        .args(["serve", "--config", &config])
        .env("NO_COLOR", "1");
    let (server, url) = serve(command);
    let health = url.replacen("ws", "http", 1) + "/healthz";
    let connect = || coview_smol::connect(Config::new(url.parse().unwrap(), group()));
    assert_eq!(get(&health).1, "ok\n");

    let told = Arc::new(Mutex::new(Vec::new()));
    let client = {
        let (url, told) = (url.clone(), Arc::clone(&told));
        smol::spawn(async move { busy(&url, told).await })
    };
    // Until the server says so. One start waits for its record meanwhile, or was refused.
    while !get(&health).0.contains(" 503 ") {}
    assert!(get(&health).1.contains("the audit log cannot be written"));
    let refused = smol::block_on(async { connect().await.unwrap().start_manual().await });
    assert!(format!("{refused:?}").contains("Unavailable"), "{refused:?}");
    let log = folder.path("data/audit/12345.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    for session in told.lock().unwrap().iter() {
        assert!(text.contains(&format!("\"session_started\",\"session\":{session},")));
    }

    let id = server.id().to_string();
    let lifted = Command::new("prlimit").args(["--pid", &id, "--fsize=unlimited"]).status();
    assert!(lifted.expect("there is a prlimit command").success());
    while !get(&health).0.contains(" 200 ") {}
    smol::block_on(async {
        let sharing = connect().await.unwrap().start_manual().await.unwrap();
        let session = sharing.session();
        let text = fs::read_to_string(&log).unwrap();
        assert!(text.contains(&format!("\"session_started\",\"session\":{session},")));
    });
    smol::block_on(client.cancel());
    server.interrupt();
    assert!(server.end().0.success());
    let Done { code, out, err } = run(&["audit", "verify", &log]);
    assert_eq!(code, Some(0), "{out}{err}");
}
