//! What coview's clients show: tokens of agents, assertions about visitors, signed by a backend.

use core::time::Duration;
use std::collections::BTreeMap;
use std::fs::read;
use std::fs::read_to_string;
use std::path::Path;
use std::time::SystemTime;

use coview_token::AgentClaims;
use coview_token::Secret;
use coview_token::SigningKey;
use coview_token::VisitorClaims;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::GroupId;
use coview_wire::UnixTime;
use coview_wire::VisitorId;

use crate::wire::Role;
use crate::wire::Who;

/// How many people the agents are; each may have many connections with the same token.
const PEOPLE: u32 = 16;
const AGENT_LASTS: Duration = Duration::from_secs(110 * 60);
const VISITOR_LASTS: Duration = Duration::from_secs(14 * 60);

/// Signs as the operator's backend and the app's backend would.
#[derive(Debug)]
pub(crate) struct Signer {
    group: GroupId,
    agents: SigningKey,
    visitors: SigningKey,
    /// Tokens that were signed, by person.
    signed: BTreeMap<u32, Box<str>>,
}

impl Signer {
    /// Reads the keys. A file that is no PEM is a secret for HS256.
    pub(crate) fn read(group: &str, agents: &Path, visitors: &Path) -> Result<Self, String> {
        let group = GroupId::new(group).map_err(|error| error.to_string())?;
        Ok(Self { group, agents: key(agents)?, visitors: key(visitors)?, signed: BTreeMap::new() })
    }

    pub(crate) fn proof(&mut self, who: Who) -> Result<Box<str>, String> {
        match who.role {
            Role::Visitor => {
                let id = VisitorId::new(format!("v{}", who.index)).map_err(told)?;
                let claims = VisitorClaims::new(self.group.clone(), id);
                let assertion = claims.sign(&self.visitors, unix_now(), VISITOR_LASTS);
                Ok(assertion.map_err(told)?.expose_secret().into())
            }
            Role::Agent => {
                let person = who.index % PEOPLE;
                if let Some(token) = self.signed.get(&person) {
                    return Ok(token.clone());
                }
                let id = AgentId::new(format!("agent-{person}")).map_err(told)?;
                let card = AgentCard::new(id, "Grace Hopper").map_err(told)?;
                let claims = AgentClaims::new(self.group.clone(), card);
                let token = claims.sign(&self.agents, unix_now(), AGENT_LASTS).map_err(told)?;
                let token: Box<str> = token.expose_secret().into();
                self.signed.insert(person, token.clone());
                Ok(token)
            }
        }
    }
}

fn key(path: &Path) -> Result<SigningKey, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    if let Ok(text) = read_to_string(path)
        && text.contains("PRIVATE KEY")
    {
        return SigningKey::from_pem(&text).map_err(|error| named(&error));
    }
    let bytes = read(path).map_err(|error| named(&error))?;
    let secret = Secret::from_file(&bytes).map_err(|error| named(&error))?;
    Ok(SigningKey::from_secret(&secret))
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn unix_now() -> UnixTime {
    #[expect(clippy::disallowed_methods, reason = "tokens expire by the clock on the wall")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UnixTime::new(now.unwrap_or_default().as_secs())
}
