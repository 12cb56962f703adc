//! Where the story takes place: a server on a free loopback port, and the ways to it.

use core::net::IpAddr;
use core::net::Ipv4Addr;
use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use async_channel::Sender;
use coview_agent::SignedIn;
use coview_hub::GroupConfig;
use coview_hub::HubConfig;
use coview_hub::Policy;
use coview_lifecycle::Anonymous;
use coview_proto::Backoff;
use coview_server::Server;
use coview_server::ServerConfig;
use coview_smol::Agent;
use coview_smol::AgentConfig;
use coview_smol::Config;
use coview_smol::ServerUrl;
use coview_smol::Visitor;
use coview_wire::AgentToken;
use coview_wire::GroupId;
use coview_wire::Terms;
use smol::Task;

use super::story::Told;
use crate::serve::GROUP;
use crate::serve::TERMS;
use crate::serve::ephemeral;

/// A free port of this machine.
pub(super) const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

pub(super) struct Stage {
    address: SocketAddr,
    group: GroupId,
    tokens: [AgentToken; 2],
    stop: Sender<()>,
    serves: Task<()>,
}

impl Stage {
    /// A server that listens there.
    pub(super) async fn open(policy: Policy, listen: SocketAddr) -> Told<Self> {
        let mut group = GroupConfig::new(Terms::new(TERMS.0, TERMS.1)?);
        group.assertion_needed = false;
        let id = GroupId::new(GROUP)?;
        let (proofs, tokens) = ephemeral(&id).map_err(|_| "there are no random numbers")?;
        group.proofs = Arc::new(proofs);
        let hub = HubConfig { policy, ..HubConfig::one_group(id.clone(), group) };
        let config = ServerConfig { listen, ..ServerConfig::loopback(hub) };
        let server = Server::bind(config).await?;
        let address = server.address();
        let (stop, stopped) = async_channel::bounded(1);
        let serves = smol::spawn(server.run(async move {
            // A stage that is dropped stops its server too.
            let _ = stopped.recv().await;
        }));
        Ok(Self { address, group: id, tokens, stop, serves })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) const fn group(&self) -> &GroupId {
        &self.group
    }

    /// A visitor who connects over an address that leads to the server.
    pub(super) fn visitor_config(&self, over: SocketAddr) -> Told<Config> {
        let backoff = Backoff { first: Duration::from_millis(40), max: Duration::from_millis(200) };
        Ok(Config::new(url(over)?, self.group.clone()).with_backoff(backoff))
    }

    pub(super) async fn visitor(&self, over: SocketAddr) -> Told<Visitor<Anonymous>> {
        Ok(coview_smol::connect(self.visitor_config(over)?).await?)
    }

    /// What an agent signs in with; Ada is 0, Grace is 1.
    pub(super) const fn token(&self, which: usize) -> &AgentToken {
        &self.tokens[which]
    }

    /// Ada is 0, Grace is 1.
    pub(super) async fn agent(&self, which: usize) -> Told<Agent<SignedIn>> {
        let token = self.tokens[which].clone();
        let config = AgentConfig::new(url(self.address)?, self.group.clone(), token);
        Ok(coview_smol::sign_in(config).await?)
    }

    /// Stops the server: every client is told.
    pub(super) async fn close(self) {
        let _ = self.stop.send(()).await;
        self.serves.await;
    }
}

pub(super) fn url(address: SocketAddr) -> Told<ServerUrl> {
    Ok(format!("ws://{address}").parse()?)
}
