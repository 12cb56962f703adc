//! A server that can be stopped and started again, at the same address.

use core::net::Ipv4Addr;
use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;
use std::time::SystemTime;

use async_channel::Sender;
use coview_hub::GroupConfig;
use coview_hub::HubConfig;
use coview_hub::Policy;
use coview_server::Lifetimes;
use coview_server::Server;
use coview_server::ServerConfig;
use coview_server::TokenProofs;
use coview_smol::Backoff;
use coview_smol::Config;
use coview_token::AgentClaims;
use coview_token::Algorithm;
use coview_token::SigningKey;
use coview_token::VerifyingKeys;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentToken;
use coview_wire::GroupId;
use coview_wire::Terms;
use coview_wire::UnixTime;
use serde_json::Value;
use serde_json::json;
use smol::Task;
use smol::net::TcpListener;

use crate::Told;
use crate::order::TokenOrder;

const GROUP: &str = "12345";
const AGENTS: [(&str, &str); 2] = [("ada", "Ada"), ("grace", "Grace")];
/// Longer than any test or benchmark runs.
const TOKENS_LAST: Duration = Duration::from_secs(12 * 60 * 60);

pub(crate) struct Host {
    config: ServerConfig,
    key: SigningKey,
    tokens: serde_json::Map<String, Value>,
    runs: Option<Runs>,
    /// Where a relay will listen: pages that come over it are of that origin, which the server has to
    /// know before it runs.
    relay: Option<TcpListener>,
}

struct Runs {
    stop: Sender<()>,
    serves: Task<()>,
}

impl Host {
    pub(crate) async fn open(policy: Policy, confirm_join: bool) -> Told<Self> {
        let mut group = GroupConfig::new(Terms::new(
            "2026-11",
            "The support agent will see what this app shows until you stop sharing.",
        )?);
        group.assertion_needed = false;
        group.confirm_join = confirm_join;
        let relay = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        group.origins.insert(format!("http://{}", relay.local_addr()?).into());
        let (id, key) = (GroupId::new(GROUP)?, SigningKey::generate(Algorithm::EdDsa)?);
        let mut tokens = serde_json::Map::new();
        for (agent, name) in AGENTS {
            let claims = AgentClaims::new(id.clone(), AgentCard::new(AgentId::new(agent)?, name)?);
            let token = claims.sign(&key, now(), TOKENS_LAST)?;
            tokens.insert(agent.to_owned(), token.expose_secret().into());
        }
        let lifetimes = Lifetimes { agent: TOKENS_LAST, ..Lifetimes::default() };
        let proofs = TokenProofs::new(key.verifying_keys(), VerifyingKeys::default(), lifetimes);
        group.proofs = Arc::new(proofs);
        let hub = HubConfig { policy, ..HubConfig::one_group(id, group) };
        let mut host = Self {
            config: ServerConfig::loopback(hub),
            key,
            tokens,
            runs: None,
            relay: Some(relay),
        };
        host.start().await?;
        Ok(host)
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.config.listen
    }

    pub(crate) fn told(&self) -> Value {
        let (address, tokens) = (self.address().to_string(), &self.tokens);
        json!({ "address": address, "group": GROUP, "tokens": tokens })
    }

    /// A token of its own for one of the agents.
    pub(crate) fn token(&self, agent: &str, order: TokenOrder) -> Told<AgentToken> {
        let (_, name) =
            AGENTS.iter().find(|(id, _)| *id == agent).ok_or("there is no such agent")?;
        let card = AgentCard::new(AgentId::new(agent)?, name)?;
        let mut claims = AgentClaims::new(GroupId::new(GROUP)?, card).with_rights(order.rights);
        let made = UnixTime::new(now().get().saturating_sub(order.age));
        if order.once {
            claims = claims.once();
        }
        Ok(claims.sign(&self.key, made, Duration::from_secs(order.seconds))?)
    }

    /// What one relay to this server listens with.
    pub(crate) fn relay_listener(&mut self) -> Told<TcpListener> {
        self.relay.take().ok_or_else(|| "the server has its one relay".into())
    }

    pub(crate) fn visitor_config(&self, over: SocketAddr) -> Told<Config> {
        let backoff = Backoff { first: Duration::from_millis(40), max: Duration::from_millis(400) };
        let url = format!("ws://{over}").parse()?;
        Ok(Config::new(url, GroupId::new(GROUP)?).with_backoff(backoff))
    }

    pub(crate) async fn start(&mut self) -> Told<()> {
        if self.runs.is_some() {
            return Err("the server runs already".into());
        }
        let server = Server::bind(self.config.clone()).await?;
        // The port that was free the first time is the port from then on.
        self.config.listen = server.address();
        let (stop, stopped) = async_channel::bounded(1);
        let serves = smol::spawn(server.run(async move {
            let _ = stopped.recv().await;
        }));
        self.runs = Some(Runs { stop, serves });
        Ok(())
    }

    pub(crate) async fn stop(&mut self) {
        if let Some(Runs { stop, serves }) = self.runs.take() {
            let _ = stop.send(()).await;
            serves.await;
        }
    }

    pub(crate) async fn crash(&mut self) {
        if let Some(Runs { serves, .. }) = self.runs.take() {
            serves.cancel().await;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "tokens expire by the machine's clock")]
fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UnixTime::new(since.map_or(0, |since| since.as_secs()))
}
