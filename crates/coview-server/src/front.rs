//! What the server knows of itself before anybody has said hello: certificate, keys, origins,
//! proxies, and whether it is about to stop.

use core::fmt;
use core::net::IpAddr;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::RwLock;

use coview_hub::AgentPass;
use coview_hub::GroupConfig;
use coview_hub::HubConfig;
use coview_hub::ProofError;
use coview_hub::Proofs;
use coview_hub::VisitorPass;
use coview_wire::AgentToken;
use coview_wire::GroupId;
use coview_wire::UnixTime;
use coview_wire::VisitorAssertion;
use hyper::header::HeaderMap;
use hyper::header::HeaderValue;

use crate::config::ServerConfig;
use crate::config::Tls;
use crate::network::Network;
use crate::network::household;
use crate::origins::Own;
use crate::proxy::How;
use crate::proxy::Proxy;
use crate::proxy::Source;

pub(crate) struct Front {
    pub(crate) proxy: Proxy,
    pub(crate) own: Own,
    /// What browsers are told of HTTPS, if they are.
    pub(crate) hsts: Option<HeaderValue>,
    metrics: Vec<Network>,
    tls: Mutex<Option<Tls>>,
    keys: BTreeMap<GroupId, Arc<Replaceable>>,
    began_with: ServerConfig,
    /// How many connections are open from each household, by what they are.
    open: Mutex<BTreeMap<(Network, Stage), usize>>,
}

/// How far a connection has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Greeting,
    Client,
}

impl Front {
    /// Takes the place of the proofs in the configuration, so that they can be replaced later.
    pub(crate) fn new(config: &mut ServerConfig, listens: SocketAddr) -> Self {
        let began_with = config.clone();
        let with_tls = config.tls.is_some();
        let own = Own::new(&config.origins, listens, with_tls);
        let https = with_tls || config.origins.iter().any(|it| it.starts_with("https:"));
        let hsts = (https && config.hsts_days > 0).then(|| {
            HeaderValue::try_from(format!("max-age={}", u64::from(config.hsts_days) * 86_400))
                .expect("digits are ASCII")
        });
        Self {
            proxy: config.proxy.clone(),
            own,
            hsts,
            metrics: config.metrics.clone(),
            tls: Mutex::new(config.tls.clone()),
            keys: replaceable(&mut config.hub),
            began_with,
            open: Mutex::default(),
        }
    }

    pub(crate) fn tls(&self) -> Option<Tls> {
        lock(&self.tls).clone()
    }

    pub(crate) fn has_tls(&self) -> bool {
        lock(&self.tls).is_some()
    }

    /// Takes certificate and keys over; connections that are open keep theirs, sign-ins stay. Says
    /// what else differs from what the server began with.
    pub(crate) fn replace(&self, config: ServerConfig) -> Vec<String> {
        let mut rest = differences(&self.began_with, &config);
        match (self.has_tls(), config.tls) {
            (true, Some(tls)) => *lock(&self.tls) = Some(tls),
            // Whoever is connected would be cut off from a server that speaks otherwise.
            (true, None) | (false, Some(_)) => rest.push("[tls] came or went".to_owned()),
            (false, None) => {}
        }
        for (id, group) in &config.hub.groups {
            if let Some(keys) = self.keys.get(id) {
                let proofs = Arc::clone(&group.proofs);
                *keys.0.write().unwrap_or_else(PoisonError::into_inner) = proofs;
            }
        }
        rest
    }

    pub(crate) fn source(&self, peer: IpAddr, headers: &HeaderMap) -> Source {
        self.proxy.source(peer, headers)
    }

    /// Whether the metrics are for whoever is there. Whom they are not for cannot tell that there
    /// are any.
    pub(crate) fn shows_metrics_to(&self, source: Source) -> bool {
        // A proxy nobody told the server about brings the whole world to the loopback.
        source.how != How::Unclear
            && self.metrics.iter().any(|network| network.contains(source.address))
    }

    /// Counts one more from this household; `None` if it has enough.
    pub(crate) fn admit(
        self: &Arc<Self>,
        source: Source,
        stage: Stage,
        limit: usize,
    ) -> Option<Admitted> {
        let itself = source.how == How::Direct
            && (source.address.is_loopback() || self.proxy.trusts(source.address));
        if itself {
            return Some(Admitted(None));
        }
        let key = (household(source.address), stage);
        let mut open = lock(&self.open);
        let count = open.entry(key).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        Some(Admitted(Some((Arc::clone(self), key))))
    }
}

/// What is not the same, and cannot change while the server runs.
fn differences(before: &ServerConfig, after: &ServerConfig) -> Vec<String> {
    let ServerConfig {
        listen,
        tls: _,
        limits,
        hub: HubConfig { groups, policy },
        proxy,
        origins,
        metrics,
        hsts_days,
        data,
        audit,
        warnings: _,
    } = before;
    let mut rest = Vec::new();
    let mut differs = |what: &str, same: bool| {
        if !same {
            rest.push(what.to_owned());
        }
    };
    // With port 0 or an address from elsewhere the file says less than the server knows.
    differs("listen", *listen == after.listen || listen.port() == 0);
    differs("[limits]", *limits == after.limits);
    differs("[policy]", *policy == after.hub.policy);
    differs("[proxy]", *proxy == after.proxy);
    differs("public_url or origins", *origins == after.origins);
    differs("[metrics]", *metrics == after.metrics);
    differs("hsts_days", *hsts_days == after.hsts_days);
    differs("data", *data == after.data);
    differs("[audit]", *audit == after.audit);
    for (id, group) in groups {
        let same = after.hub.groups.get(id).is_some_and(|after| same_but_keys(group, after));
        differs(&format!("group {id}"), same);
    }
    for id in after.hub.groups.keys() {
        differs(&format!("group {id}"), groups.contains_key(id));
    }
    rest
}

fn same_but_keys(before: &GroupConfig, after: &GroupConfig) -> bool {
    let GroupConfig {
        client_token,
        share_button,
        presence,
        key_digits,
        terms,
        proofs: _,
        assertion_needed,
        origins,
        confirm_join,
        key_use,
        expiry_ends_sessions,
        max_connections,
    } = before;
    *client_token == after.client_token
        && *share_button == after.share_button
        && *presence == after.presence
        && *key_digits == after.key_digits
        && *terms == after.terms
        && *assertion_needed == after.assertion_needed
        && *origins == after.origins
        && *confirm_join == after.confirm_join
        && *key_use == after.key_use
        && *expiry_ends_sessions == after.expiry_ends_sessions
        && *max_connections == after.max_connections
}

fn replaceable(hub: &mut HubConfig) -> BTreeMap<GroupId, Arc<Replaceable>> {
    let replace = |(id, group): (&GroupId, &mut GroupConfig)| {
        let keys = Arc::new(Replaceable(RwLock::new(Arc::clone(&group.proofs))));
        group.proofs = Arc::clone(&keys) as Arc<dyn Proofs>;
        (id.clone(), keys)
    };
    hub.groups.iter_mut().map(replace).collect()
}

/// What is locked here is whole after every change, so a panic elsewhere leaves it so.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection that is counted for its household until this is dropped; by default it is not.
#[derive(Default)]
pub(crate) struct Admitted(Option<(Arc<Front>, (Network, Stage))>);

impl Drop for Admitted {
    fn drop(&mut self) {
        let Some((front, key)) = &self.0 else { return };
        let mut open = lock(&front.open);
        if let Some(count) = open.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                open.remove(key);
            }
        }
    }
}

/// Proofs that others can take the place of while the hub asks them.
struct Replaceable(RwLock<Arc<dyn Proofs>>);

impl Replaceable {
    fn get(&self) -> Arc<dyn Proofs> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Proofs for Replaceable {
    fn agent(
        &self,
        group: &GroupId,
        token: &AgentToken,
        now: UnixTime,
    ) -> Result<AgentPass, ProofError> {
        self.get().agent(group, token, now)
    }

    fn visitor(
        &self,
        group: &GroupId,
        assertion: &VisitorAssertion,
        now: UnixTime,
    ) -> Result<VisitorPass, ProofError> {
        self.get().visitor(group, assertion, now)
    }
}

impl fmt::Debug for Replaceable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.get(), f)
    }
}
