//! A server with two groups, and the backends that sign for them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::SystemTime;

use coview::AgentCard;
use coview::AgentId;
use coview::GroupId;
use coview::Terms;
use coview::VisitorId;
use coview_hub::GroupConfig;
use coview_hub::HubConfig;
use coview_server::Lifetimes;
use coview_server::Limits;
use coview_server::Server;
use coview_server::ServerConfig;
use coview_server::TokenProofs;
use coview_token::AgentClaims;
use coview_token::Algorithm;
use coview_token::Secret;
use coview_token::SigningKey;
use coview_token::VisitorClaims;
use coview_wire::AgentRights;
use coview_wire::UnixTime;
use smol::channel::Sender;
use smol::channel::bounded;

use crate::raw::Raw;
use crate::raw::identify;
use crate::raw::sign_in;
use crate::raw::visitor;

/// The group that is attacked.
pub(crate) const BANK: &str = "12345";
/// Another customer of the same operator, where the attacker is at home.
pub(crate) const SHOP: &str = "67890";

pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
pub(crate) const QUARTER: Duration = Duration::from_secs(900);

/// A server that runs on a thread of its own while the test does, and the keys of the backends.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) backend: Backend,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What signs for the groups: both groups believe the same keys, so that nothing but the claim
/// keeps them apart.
pub(crate) struct Backend {
    pub(crate) agents: SigningKey,
    pub(crate) visitors: SigningKey,
    pub(crate) secret: SigningKey,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let secret = Secret::new(b"the secret of a backend that is long enough").unwrap();
        let backend = Backend {
            agents: SigningKey::generate(Algorithm::EdDsa).unwrap(),
            visitors: SigningKey::generate(Algorithm::Es256).unwrap(),
            secret: SigningKey::from_secret(&secret),
        };
        let mut agents = backend.agents.verifying_keys();
        agents.add(backend.secret.verifying_keys()).unwrap();
        let visitors = backend.visitors.verifying_keys();
        let proofs = Arc::new(TokenProofs::new(agents, visitors, Lifetimes::default()));

        let mut hub = HubConfig::default();
        for name in [BANK, SHOP] {
            let terms = Terms::new("1", &format!("The terms of {name}.")).unwrap();
            let mut group = GroupConfig::new(terms);
            group.proofs = Arc::clone(&proofs) as _;
            hub.groups.insert(group_id(name), group);
        }
        let limits = Limits { drain: Duration::from_millis(100), ..Limits::default() };
        let mut config = ServerConfig { limits, ..ServerConfig::loopback(hub) };
        change(&mut config);

        let server = smol::block_on(Server::bind(config)).unwrap();
        let address = server.address();
        let (stop, stopped) = bounded::<()>(1);
        let thread = std::thread::spawn(move || {
            smol::block_on(server.run(async {
                let _ = stopped.recv().await;
            }));
        });
        Self { address, backend, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn connect(&self) -> Raw {
        Raw::connect(self.address)
    }

    /// An agent with everything allowed, signed in.
    pub(crate) fn agent(&self, group: &str, name: &str) -> Raw {
        self.agent_with(group, name, AgentRights::default())
    }

    pub(crate) fn agent_with(&self, group: &str, name: &str, rights: AgentRights) -> Raw {
        let token = self.token(group, name, |claims| claims.with_rights(rights));
        let mut raw = self.connect();
        raw.say(&sign_in(group, &token));
        raw.hear("signed_in");
        raw
    }

    /// A good token for an hour.
    pub(crate) fn token(
        &self,
        group: &str,
        name: &str,
        change: impl FnOnce(AgentClaims) -> AgentClaims,
    ) -> String {
        let claims = change(claims(group, name));
        claims.sign(&self.backend.agents, now(), HOUR).unwrap().expose_secret().to_owned()
    }

    /// A good assertion for a quarter of an hour.
    pub(crate) fn assertion(&self, group: &str, who: &str) -> String {
        let claims = visitor_claims(group, who);
        claims.sign(&self.backend.visitors, now(), QUARTER).unwrap().expose_secret().to_owned()
    }

    /// A visitor who has proved to be this.
    pub(crate) fn identified(&self, group: &str, who: &str) -> Raw {
        let mut raw = visitor(self.address, group);
        let answer = raw.ask(identify(who, Some(&self.assertion(group, who))));
        assert_eq!(answer["t"], "identified", "{answer}");
        raw
    }

    /// The same, online.
    pub(crate) fn online(&self, group: &str, who: &str) -> Raw {
        let mut raw = self.identified(group, who);
        let answer = raw.ask(serde_json::json!({"t": "presence_connect"}));
        assert_eq!(answer["t"], "presence_connected", "{answer}");
        raw
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(std::thread::panicking() || ended.is_ok(), "the server panicked");
        }
    }
}

pub(crate) fn group_id(name: &str) -> GroupId {
    GroupId::new(name).unwrap()
}

pub(crate) fn claims(group: &str, name: &str) -> AgentClaims {
    let id = AgentId::new(name).unwrap();
    AgentClaims::new(group_id(group), AgentCard::new(id, &format!("{name} of {group}")).unwrap())
}

pub(crate) fn visitor_claims(group: &str, who: &str) -> VisitorClaims {
    VisitorClaims::new(group_id(group), VisitorId::new(who).unwrap())
}

/// The time as the server has it.
#[expect(clippy::disallowed_methods, reason = "tokens are signed for the clock of a real server")]
pub(crate) fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    UnixTime::new(since.as_secs())
}
