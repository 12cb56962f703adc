//! A server of one test: a process with its own directory, port and audit log, which can be killed,
//! stopped, frozen and started again where it was; and whoever connects to it.

use std::fs;
use std::fs::Permissions;
use std::future::Future;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::panic::Location;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::ExitStatus;
use std::sync::atomic::AtomicU16;
use std::sync::atomic::Ordering;
use std::time::Duration;

use coview_agent::SignedIn;
use coview_agent::SignedInStep;
use coview_agent::Watching;
use coview_lifecycle::Anonymous;
use coview_lifecycle::PresenceConnected;
use coview_smol::Agent;
use coview_smol::AgentConfig;
use coview_smol::Backoff;
use coview_smol::Config;
use coview_smol::Roots;
use coview_smol::Visitor;
use coview_token::AgentClaims;
use coview_token::Secret;
use coview_token::SigningKey;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::GroupId;
use coview_wire::UnixTime;
use coview_wire::VisitorId;
use serde_json::Value;
use smol::Timer;

use crate::support::Done;
use crate::support::GROUP;
use crate::support::Running;
use crate::support::coview;
use crate::support::get;
use crate::support::run;

/// The secret of the agents' tokens.
const SECRET: [u8; 32] = [7; 32];

/// How long anything may take that should happen at once. Generous, because a machine that runs
/// tests is often busy; nothing waits for it to pass.
pub const SOON: Duration = Duration::from_secs(60);

pub fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Waits for what happens at once, and fails by its name if it does not.
#[track_caller]
pub fn soon<F: Future>(what: &str, it: F) -> impl Future<Output = F::Output> + use<F> {
    within(SOON, what, it)
}

#[track_caller]
pub fn within<F: Future>(
    limit: Duration,
    what: &str,
    it: F,
) -> impl Future<Output = F::Output> + use<F> {
    let caller = Location::caller();
    let what = what.to_owned();
    let late = async move {
        Timer::after(limit).await;
        panic!("{caller}: waited {limit:?} in vain for {what}")
    };
    // Boxed, so that a story of many waits stays a small future.
    futures_lite::future::or(Box::pin(it), late)
}

/// Looks again and again until it is so.
#[track_caller]
pub fn becomes<F: FnMut() -> bool>(what: &str, mut is: F) -> impl Future<Output = ()> + use<F> {
    soon(what, async move {
        while !is() {
            Timer::after(ms(10)).await;
        }
    })
}

/// Lets whatever passes pass, until the step that is meant:
/// `until!(visitor, "the terms", PresenceStep::TermsRequested(asked) => asked)`.
macro_rules! until {
    ($who:expr, $what:expr, $step:ident::$variant:ident($($part:pat),+) $(if $guard:expr)? => $then:expr) => {{
        let mut who = $who;
        loop {
            match $crate::house::soon($what, who.next()).await {
                $step::$variant($($part),+) $(if $guard)? => break $then,
                $step::Changed(back, _) => who = back,
                #[allow(unreachable_patterns, reason = "some states have two steps only")]
                other => panic!("instead of {}: {other:?}", $what),
            }
        }
    }};
}
pub(crate) use until;

/// What is special about the server of a test.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup {
    /// Lines of the configuration before the group.
    pub config: &'static str,
    pub tls: bool,
    /// Said in a shell that then becomes the server.
    pub before: &'static str,
}

/// One server after the other, all in the same place.
pub struct House {
    folder: PathBuf,
    port: u16,
    setup: Setup,
    server: Option<Running>,
}

impl House {
    /// A server that listens.
    pub fn new(name: &str, setup: Setup) -> Self {
        let mut house = Self::empty(name, setup);
        house.start();
        house
    }

    /// A place where no server is yet.
    pub fn empty(name: &str, setup: Setup) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("faults-{name}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let house = Self { folder, port: free_port(), setup, server: None };
        let Setup { config, tls, .. } = setup;
        if tls {
            house.certify();
        }
        let tls = if tls { "[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n" } else { "" };
        let text = format!(
            "data = \"data\"\n{tls}{config}\n[[group]]\nid = \"{GROUP}\"\n[group.terms]\nversion = \"1\"\n\
             text = \"The agent will see this app.\"\n[group.assertions]\nneeded = false\n\
             [group.tokens]\nsecret_file = \"agents.secret\"\n"
        );
        fs::write(house.path("coview.toml"), text).unwrap();
        house.write_secret("agents.secret", &SECRET);
        house
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn write_secret(&self, name: &str, secret: &[u8]) {
        let path = self.path(name);
        fs::write(&path, secret).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    }

    /// Puts a certificate there with its key.
    pub fn certify(&self) {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        fs::write(self.path("cert.pem"), made.cert.pem()).unwrap();
        self.write_secret("key.pem", made.signing_key.serialize_pem().as_bytes());
    }

    /// Starts a server on the port where the one before was.
    pub fn start(&mut self) {
        assert!(self.server.is_none(), "there is one already");
        let program = coview(&[]);
        let mut command = Command::new("bash");
        command
            .args(["-c", &format!("{}\nexec \"$@\" 2>>{SAID}", self.setup.before), "bash"])
            .current_dir(&self.folder)
            .arg(program.get_program())
            .args(["serve", "--listen", &self.address().to_string(), "--config"])
            .arg(self.path("coview.toml"))
            .envs([("NO_COLOR", "1"), ("COVIEW_LOG", "warn,coview_server=info,coview::serve=info")])
            .env_remove("RUST_LOG");
        let mut server = Running::start(command);
        server.line(|line| line.starts_with("listening on "));
        self.server = Some(server);
    }

    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    pub fn url(&self) -> String {
        self.url_through(self.address())
    }

    /// The same server behind a proxy that listens there.
    pub fn url_through(&self, address: SocketAddr) -> String {
        format!("{}://{address}", if self.setup.tls { "wss" } else { "ws" })
    }

    pub fn server(&mut self) -> &mut Running {
        self.server.as_mut().expect("a server runs")
    }

    pub fn signal(&self, signal: &str) {
        self.server.as_ref().expect("a server runs").signal(signal);
    }

    /// Kills the server, which can do nothing about it; it is gone when this returns.
    pub fn kill(&mut self) {
        self.signal("-KILL");
        assert_eq!(self.ended().code(), None, "it was no signal that ended the server");
    }

    /// Stops the server as an operator does.
    pub fn stop(&mut self) {
        self.signal("-INT");
        let status = self.ended();
        assert!(status.success(), "{status}: {}", self.said());
    }

    fn ended(&mut self) -> ExitStatus {
        self.server.take().expect("a server runs").end().0
    }

    /// Everything the servers said on standard error.
    pub fn said(&self) -> String {
        fs::read_to_string(self.path(SAID)).unwrap()
    }

    fn roots(&self) -> Roots {
        if self.setup.tls {
            Roots::pem(&fs::read(self.path("cert.pem")).unwrap()).unwrap()
        } else {
            Roots::default()
        }
    }

    pub fn visitor_config(&self, url: &str) -> Config {
        Config::new(url.parse().unwrap(), group())
            .with_backoff(BACKOFF)
            .with_first_reply(SOON)
            .with_roots(self.roots())
    }

    #[expect(clippy::disallowed_methods, reason = "a token is good from the time it is made")]
    pub fn agent_config(&self, url: &str, name: &str) -> AgentConfig {
        let card = AgentCard::new(AgentId::new(name).unwrap(), name).unwrap();
        let key = SigningKey::from_secret(&Secret::new(&SECRET).unwrap());
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let now = UnixTime::new(since.as_secs());
        let claims = AgentClaims::new(group(), card);
        let token = claims.sign(&key, now, Duration::from_secs(3_600)).unwrap();
        AgentConfig::new(url.parse().unwrap(), group(), token)
            .with_backoff(BACKOFF)
            .with_first_reply(SOON)
            .with_roots(self.roots())
    }

    pub async fn visitor_at(&self, url: &str) -> Visitor<Anonymous> {
        let connect = coview_smol::connect(self.visitor_config(url));
        soon("the welcome", connect).await.unwrap()
    }

    pub async fn online_at(&self, url: &str, visitor: &str) -> Visitor<PresenceConnected> {
        let connected = self.visitor_at(url).await;
        let identified = soon("the identity", connected.identify(id(visitor))).await.unwrap();
        soon("the presence", identified.connect_presence()).await.unwrap()
    }

    pub async fn agent_at(&self, url: &str, name: &str) -> Agent<SignedIn> {
        let sign_in = coview_smol::sign_in(self.agent_config(url, name));
        soon("the sign-in", sign_in).await.unwrap()
    }

    pub async fn visitor(&self) -> Visitor<Anonymous> {
        self.visitor_at(&self.url()).await
    }

    pub async fn online(&self, visitor: &str) -> Visitor<PresenceConnected> {
        self.online_at(&self.url(), visitor).await
    }

    pub async fn agent(&self, name: &str) -> Agent<SignedIn> {
        self.agent_at(&self.url(), name).await
    }

    /// What a server without TLS answers at this path: the head and the body.
    pub fn get(&self, path: &str) -> (String, String) {
        get(&format!("http://{}{path}", self.address()))
    }

    pub fn metric(&self, name: &str) -> u64 {
        let (_, body) = self.get("/metrics");
        let line = body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no metric {name} in:\n{body}")).parse().unwrap()
    }

    /// Waits until a metric has this value.
    pub async fn metric_becomes(&self, name: &str, value: u64) {
        becomes(&format!("{name} = {value}"), || self.metric(name) == value).await;
    }

    pub fn log_path(&self) -> String {
        self.path("data/audit").join(format!("{GROUP}.jsonl")).display().to_string()
    }

    /// The lines of the audit log that are whole.
    pub fn records(&self) -> Records {
        let text = fs::read_to_string(self.log_path()).unwrap();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        Records(whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    /// The log as `coview audit verify` sees it.
    pub fn verify(&self) {
        let Done { code, out, err } = run(&["audit", "verify", &self.log_path()]);
        assert_eq!(code, Some(0), "{out}{err}");
    }

    /// What the system says of the server.
    pub fn system(&self) -> System {
        System(self.server.as_ref().expect("a server runs").id())
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.server = None;
        if std::thread::panicking() {
            println!(
                "the server said:\n{}",
                fs::read_to_string(self.path(SAID)).unwrap_or_default()
            );
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// The file with what the servers say on standard error.
const SAID: &str = "said.txt";

/// Short enough for a test.
const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(20), max: Duration::from_millis(200) };

/// A process, as the kernel sees it.
#[derive(Clone, Copy, Debug)]
pub struct System(u32);

impl System {
    fn read(self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.0)).unwrap()
    }

    /// Its resident memory, in KiB.
    pub fn memory(self) -> u64 {
        let status = self.read("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
    }

    /// The time it has computed, in its own right and in the kernel, in clock ticks.
    pub fn ticks(self) -> u64 {
        let stat = self.read("stat");
        // The name of the program, which may have blanks, is in parentheses.
        let (_, rest) = stat.rsplit_once(") ").unwrap();
        let fields: Vec<_> = rest.split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// How many descriptors are open.
    pub fn descriptors(self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.0)).unwrap().count()
    }
}

/// Lines of an audit log.
#[derive(Debug)]
pub struct Records(Vec<Value>);

impl Records {
    /// Those of this kind.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |record| record["kind"] == kind)
    }

    /// How many of this kind are about this session.
    pub fn count(&self, kind: &str, session: u64) -> usize {
        self.of(kind).filter(|record| record["session"] == session).count()
    }
}

/// A port below those the system gives to whoever asks for any, so that it is free after a kill.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 10_000 + u16::try_from(std::process::id() % 900).unwrap() * 10;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(port < first + 1_000, "one of a thousand ports is free");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

pub fn group() -> GroupId {
    GroupId::new(GROUP).unwrap()
}

pub fn id(visitor: &str) -> VisitorId {
    VisitorId::new(visitor).unwrap()
}

/// Makes an agent watch the whole group.
pub async fn watch(mut agent: Agent<SignedIn>) -> Agent<SignedIn> {
    agent.watch(Watching::Group);
    until!(agent, "the roster", SignedInStep::Changed(agent, coview_agent::Change::Roster) => agent)
}
