//! A server that can be stopped and started again, at the same address.

use core::net::SocketAddr;
use core::time::Duration;

use async_channel::Sender;
use coview_hub::Accounts;
use coview_hub::GroupConfig;
use coview_hub::HubConfig;
use coview_hub::Policy;
use coview_server::Server;
use coview_server::ServerConfig;
use coview_smol::Backoff;
use coview_smol::Config;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentToken;
use coview_wire::GroupId;
use coview_wire::Terms;
use serde_json::Value;
use serde_json::json;
use smol::Task;

use crate::Told;

const GROUP: &str = "12345";
/// Nobody but this machine reaches the server, and only while a test runs.
const AGENTS: [(&str, &str, &str); 2] = [
    ("ada", "Ada", "browser-test-token-of-ada"),
    ("grace", "Grace", "browser-test-token-of-grace"),
];

pub(crate) struct Host {
    config: ServerConfig,
    runs: Option<Runs>,
}

struct Runs {
    stop: Sender<()>,
    serves: Task<()>,
}

impl Host {
    pub(crate) async fn open(policy: Policy) -> Told<Self> {
        let mut group = GroupConfig::new(Terms::new(
            "2026-11",
            "The support agent will see what this app shows until you stop sharing.",
        )?);
        group.assertion_needed = false;
        let mut accounts = Accounts::default();
        for (id, name, token) in AGENTS {
            let card = AgentCard::new(AgentId::new(id)?, name)?;
            accounts = accounts.with(AgentToken::new(token)?, card);
        }
        group.proofs = std::sync::Arc::new(accounts);
        let hub = HubConfig { policy, ..HubConfig::one_group(GroupId::new(GROUP)?, group) };
        let mut host = Self { config: ServerConfig::loopback(hub), runs: None };
        host.start().await?;
        Ok(host)
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.config.listen
    }

    pub(crate) fn told(&self) -> Value {
        let tokens: serde_json::Map<String, Value> =
            AGENTS.iter().map(|(id, _, token)| ((*id).to_owned(), (*token).into())).collect();
        json!({ "address": self.address().to_string(), "group": GROUP, "tokens": tokens })
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
