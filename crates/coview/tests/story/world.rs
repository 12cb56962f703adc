//! A world for one story: a real server on a free port, and whoever connects to it.

use std::future::Future;
use std::net::SocketAddr;
use std::panic::Location;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use coview::AgentCard;
use coview::AgentId;
use coview::AgentToken;
use coview::Anonymous;
use coview::ClientToken;
use coview::GroupId;
use coview::Identified;
use coview::OfflineReason;
use coview::PresenceConnected;
use coview::Terms;
use coview::VisitorId;
use coview::agent::Change as AgentChange;
use coview::agent::SignedIn;
use coview::agent::SignedInStep;
use coview::agent::VisitorCard;
use coview::agent::Watching;
use coview::smol::Agent;
use coview::smol::AgentConfig;
use coview::smol::Backoff;
use coview::smol::Config;
use coview::smol::Visitor;
use coview_hub::Accounts;
use coview_hub::GroupConfig;
use coview_hub::HubConfig;
use coview_server::Server;
use coview_server::ServerConfig;
use futures_lite::AsyncReadExt;
use futures_lite::AsyncWriteExt;
use futures_lite::FutureExt;
use smol::Timer;
use smol::channel::Receiver;
use smol::channel::Sender;
use smol::channel::bounded;
use smol::net::TcpStream;

/// The group the stories are in: no client token, share button and presence on.
pub const GROUP: &str = "12345";
/// A group whose apps have a token, without share button and presence.
pub const CLOSED_GROUP: &str = "67890";
/// What the apps of [`CLOSED_GROUP`] show.
pub const CLIENT_TOKEN: &str = "token-of-the-apps-VW4s1pTbQ";
/// The agents of [`GROUP`]. [`CLOSED_GROUP`] has one, `eve`.
pub const AGENTS: [&str; 3] = ["ada", "grace", "joan"];
pub const TERMS_VERSION: &str = "2026-11";
pub const TERMS_TEXT: &str = "The agent will see this app's screen until you stop.";

/// How long anything may take that should happen at once. Generous, because a machine that runs
/// tests is often busy; nothing waits for it to pass.
const SOON: Duration = Duration::from_secs(15);

pub fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Runs one story, which may not hang.
pub fn story(it: impl Future<Output = ()>) {
    smol::block_on(within(3 * SOON, "the end of the story", it));
}

/// Waits for what happens at once, and fails by its name if it does not.
#[track_caller]
pub fn soon<F: Future>(what: &str, it: F) -> impl Future<Output = F::Output> + use<F> {
    within(SOON, what, it)
}

#[track_caller]
fn within<F: Future>(
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
    Box::pin(it).or(late)
}

/// Lets whatever passes pass, until the step that is meant:
/// `until!(visitor, "the terms", PresenceStep::TermsRequested(asked) => asked)`.
macro_rules! until {
    ($who:expr, $what:expr, $step:ident::$variant:ident($($part:pat),+) $(if $guard:expr)? => $then:expr) => {{
        let mut who = $who;
        loop {
            match soon($what, who.next()).await {
                $step::$variant($($part),+) $(if $guard)? => break $then,
                $step::Changed(back, _) => who = back,
                #[allow(unreachable_patterns, reason = "some states have two steps only")]
                other => panic!("instead of {}: {other:?}", $what),
            }
        }
    }};
}
pub(crate) use until;

/// The very next step, whatever it is: `next!(visitor, PresenceStep::Lost(visitor) => visitor)`.
macro_rules! next {
    ($who:expr, $step:ident::$variant:ident($($part:pat),+) $(if $guard:expr)? => $then:expr) => {{
        let what = stringify!($step::$variant($($part),+));
        match soon(what, $who.next()).await {
            $step::$variant($($part),+) $(if $guard)? => $then,
            #[allow(unreachable_patterns, reason = "some states have two steps only")]
            other => panic!("instead of {what}: {other:?}"),
        }
    }};
}
pub(crate) use next;

/// What becomes of a running server.
enum Stop {
    Gracefully,
    /// As if the process were killed: every connection is cut, nobody is told.
    Killed,
}

/// A server that runs on a thread of its own.
pub struct World {
    pub address: SocketAddr,
    url: String,
    stop: Sender<Stop>,
    stopped: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

/// The configuration of the stories, on a free loopback port.
pub fn config() -> ServerConfig {
    let terms = Terms::new(TERMS_VERSION, TERMS_TEXT).unwrap();
    let mut open = GroupConfig::new(terms.clone());
    open.proofs = Arc::new(AGENTS.map(account).into_iter().collect::<Accounts>());
    open.assertion_needed = false;
    let mut closed = GroupConfig::new(terms);
    closed.client_token = Some(ClientToken::new(CLIENT_TOKEN).unwrap());
    closed.share_button = false;
    closed.presence = false;
    closed.proofs = Arc::new([account("eve")].into_iter().collect::<Accounts>());
    closed.assertion_needed = false;
    let mut hub = HubConfig::one_group(group(GROUP), open);
    hub.groups.insert(group(CLOSED_GROUP), closed);
    ServerConfig::loopback(hub)
}

pub fn account(name: &str) -> (AgentToken, AgentCard) {
    let id = AgentId::new(name).unwrap();
    (token(name), AgentCard::new(id, &full_name(name)).unwrap())
}

/// An agent's name as visitors see it.
pub fn full_name(agent: &str) -> String {
    format!("{agent} of the support")
}

pub fn token(agent: &str) -> AgentToken {
    AgentToken::new(format!("token-of-{agent}-q8ZrB2xLw")).unwrap()
}

pub fn group(id: &str) -> GroupId {
    GroupId::new(id).unwrap()
}

pub fn id(visitor: &str) -> VisitorId {
    VisitorId::new(visitor).unwrap()
}

/// Waits between tries to reconnect, short enough for a test.
pub fn backoff() -> Backoff {
    Backoff { first: ms(20), max: ms(100) }
}

/// A visitor of [`GROUP`] on the server at this address.
pub fn visitor_at(url: &str) -> Config {
    Config::new(url.parse().unwrap(), group(GROUP)).with_backoff(backoff())
}

/// An agent of [`GROUP`] on the server at this address.
pub fn agent_at(url: &str, name: &str) -> AgentConfig {
    AgentConfig::new(url.parse().unwrap(), group(GROUP), token(name)).with_backoff(backoff())
}

impl World {
    /// A server with the default policy.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// A server with another configuration.
    pub fn with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let mut config = config();
        change(&mut config);
        let server = smol::block_on(Server::bind(config)).unwrap();
        let (stop, stops) = bounded(1);
        let (stopping, stopped) = bounded::<()>(1);
        let (address, url) = (server.address(), server.url());
        let serve = async move {
            let (graceful, told) = bounded::<()>(1);
            let stop = async move {
                let _ = told.recv().await;
            };
            let killed = async move {
                if let Ok(Stop::Gracefully) = stops.recv().await {
                    let _ = graceful.send(()).await;
                    core::future::pending::<()>().await;
                }
            };
            server.run(stop).or(killed).await;
            drop(stopping);
        };
        let thread = std::thread::spawn(|| smol::block_on(serve));
        Self { address, url, stop, stopped, thread: Some(thread) }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops the server gracefully; everybody is told.
    pub async fn stop(self) {
        self.end(Stop::Gracefully).await;
    }

    /// Stops the server without a word.
    pub async fn kill(self) {
        self.end(Stop::Killed).await;
    }

    async fn end(mut self, how: Stop) {
        self.stop.send(how).await.unwrap();
        let _ = soon("the end of the server", self.stopped.recv()).await;
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server does not panic");
        }
    }

    pub async fn visitor(&self) -> Visitor<Anonymous> {
        connect(visitor_at(&self.url)).await
    }

    pub async fn identified(&self, visitor: &str) -> Visitor<Identified> {
        identify(self.visitor().await, visitor).await
    }

    pub async fn online(&self, visitor: &str) -> Visitor<PresenceConnected> {
        go_online(self.identified(visitor).await).await
    }

    pub async fn agent(&self, name: &str) -> Agent<SignedIn> {
        sign_in(agent_at(&self.url, name)).await
    }

    /// An agent who watches everybody.
    pub async fn watcher(&self, name: &str) -> Agent<SignedIn> {
        watch(self.agent(name).await).await
    }

    /// One GET request; status line and headers, then the body.
    pub async fn get(&self, path: &str) -> (String, String) {
        let ask = async {
            let mut tcp = TcpStream::connect(self.address).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
            tcp.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            tcp.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let answer = soon("an HTTP answer", ask).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    pub async fn metric(&self, name: &str) -> u64 {
        let (_, body) = self.get("/metrics").await;
        let line = body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no metric {name} in:\n{body}")).parse().unwrap()
    }

    /// Looks at a metric until it has this value.
    #[track_caller]
    pub fn metric_becomes(&self, name: &'static str, value: u64) -> impl Future<Output = ()> {
        let what = format!("{name} = {value}");
        soon(&what, async move {
            while self.metric(name).await != value {
                Timer::after(ms(5)).await;
            }
        })
    }
}

/// Forgetting to stop is no fault of a story that has failed already.
impl Drop for World {
    fn drop(&mut self) {
        let _ = self.stop.try_send(Stop::Killed);
    }
}

pub async fn connect(config: Config) -> Visitor<Anonymous> {
    soon("the welcome", coview::smol::connect(config)).await.unwrap()
}

pub async fn sign_in(config: AgentConfig) -> Agent<SignedIn> {
    soon("the sign-in", coview::smol::sign_in(config)).await.unwrap()
}

pub async fn identify(visitor: Visitor<Anonymous>, name: &str) -> Visitor<Identified> {
    soon("the identity", visitor.identify(id(name))).await.unwrap()
}

pub async fn go_online(visitor: Visitor<Identified>) -> Visitor<PresenceConnected> {
    soon("the presence", visitor.connect_presence()).await.unwrap()
}

pub async fn watch(mut agent: Agent<SignedIn>) -> Agent<SignedIn> {
    agent.watch(Watching::Group);
    until!(agent, "the roster", SignedInStep::Changed(agent, AgentChange::Roster) => agent)
}

/// Waits until an agent who watches sees this of a visitor.
pub async fn sees(
    mut agent: Agent<SignedIn>,
    what: &str,
    visitor: &str,
    is: impl Fn(&VisitorCard) -> bool,
) -> Agent<SignedIn> {
    while !agent.roster().get(&id(visitor)).is_some_and(&is) {
        agent = match soon(what, agent.next()).await {
            SignedInStep::Changed(agent, AgentChange::VisitorOffline(_, reason)) => {
                panic!("instead of {what}: offline, {reason} ({agent:?})")
            }
            SignedInStep::Changed(agent, _) => agent,
            SignedInStep::Closed(reason) => panic!("instead of {what}: {reason}"),
        };
    }
    agent
}

/// Waits until an agent who watches is told that a visitor is offline, and why.
pub async fn sees_offline(
    agent: Agent<SignedIn>,
    visitor: &str,
) -> (Agent<SignedIn>, OfflineReason) {
    let visitor = id(visitor);
    until!(
        agent,
        "the visitor to be offline",
        SignedInStep::Changed(agent, AgentChange::VisitorOffline(who, reason)) if who == visitor
            => (agent, reason)
    )
}
