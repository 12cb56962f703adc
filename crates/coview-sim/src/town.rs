//! Two groups to have a story in. They share every id there is, so that only the group keeps them
//! apart.

use std::sync::Arc;

use coview_hub::GroupConfig;
use coview_hub::HubConfig;
use coview_hub::KeyUse;
use coview_proto::AgentConfig;
use coview_proto::VisitorConfig;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentToken;
use coview_wire::GroupId;
use coview_wire::Profile;
use coview_wire::Terms;
use coview_wire::UnixTime;
use coview_wire::VisitorId;

use crate::proofs::Claims;
use crate::proofs::NOON;
use crate::proofs::Notary;
use crate::proofs::Paper;
use crate::proofs::Purpose;

/// One of the two groups.
pub const NORTH: &str = "north";

/// The other group.
pub const SOUTH: &str = "south";

/// The origin of the web pages that belong to every group of a simulated day.
pub const OWN_PAGE: &str = "https://app.example";

/// The origin of somebody else's web pages.
pub const FOREIGN_PAGE: &str = "https://elsewhere.example";

/// The agents each group has.
pub const AGENTS: [&str; 3] = ["grace", "henry", "iris"];

/// The visitor ids there are. They are few, so that two devices often have the same.
pub const VISITORS: [&str; 3] = ["anna", "ben", "cleo"];

/// Both groups, with the default policy.
#[must_use]
pub fn config() -> HubConfig {
    config_of(&[NORTH, SOUTH])
}

/// Groups with these names, with the default policy.
pub(crate) fn config_of(names: &[&str]) -> HubConfig {
    let group = |name: &str| {
        let mut config = GroupConfig::new(text(Terms::new(name, "The agent will see this app.")));
        config.proofs = Arc::new(Notary);
        config.assertion_needed = false;
        (group_id(name), config)
    };
    HubConfig { groups: names.iter().copied().map(group).collect(), ..HubConfig::default() }
}

/// Both groups, and everything that keeps strangers out: visitors need proof of their ids, and let
/// agents in by name. In the [`SOUTH`] a key is for one agent, and a session ends with the sign-in.
#[must_use]
pub fn strict() -> HubConfig {
    let mut config = config();
    for (id, group) in &mut config.groups {
        let south = id.as_str() == SOUTH;
        group.assertion_needed = true;
        group.confirm_join = !south;
        group.key_use = if south { KeyUse::Once } else { KeyUse::Session };
        group.expiry_ends_sessions = south;
    }
    config
}

/// Both groups, as [`strict`] as they can be at once.
#[must_use]
pub fn strictest() -> HubConfig {
    let mut config = strict();
    for group in config.groups.values_mut() {
        group.confirm_join = true;
        group.key_use = KeyUse::Once;
    }
    config
}

/// An agent of a group, as others see it.
#[must_use]
pub fn card(group: &str, agent: &str) -> AgentCard {
    text(AgentCard::new(agent_id(agent), &format!("{agent} of {group}")))
}

/// A visitor's app of a group.
#[must_use]
pub fn visitor(group: &str) -> VisitorConfig {
    let mut config = VisitorConfig::new(group_id(group));
    config.profile = text(Profile::new().with_name(group));
    config
}

/// The console of one of a group's [`AGENTS`].
#[must_use]
pub fn agent(group: &str, agent: &str) -> AgentConfig {
    AgentConfig::new(group_id(group), token(group, agent))
}

/// A visitor id.
///
/// # Panics
///
/// If the text is none.
#[must_use]
pub fn visitor_id(id: &str) -> VisitorId {
    VisitorId::new(id).expect("the text is a visitor id")
}

/// An agent id.
///
/// # Panics
///
/// If the text is none.
#[must_use]
pub fn agent_id(id: &str) -> AgentId {
    AgentId::new(id).expect("the text is an agent id")
}

fn group_id(id: &str) -> GroupId {
    GroupId::new(id).expect("the text is a group id")
}

/// The agent's token if nothing else is said: good for longer than any story.
fn token(group: &str, agent: &str) -> AgentToken {
    const FOREVER: UnixTime = UnixTime::new(9_000_000_000);
    let paper = Paper::Good(FOREVER.since(NOON));
    let claims = Claims::of(paper, Purpose::Agent, group, agent, NOON, 0);
    text(AgentToken::new(claims.text(false)))
}

fn text<T>(checked: Result<T, coview_wire::TextError>) -> T {
    checked.expect("the text keeps the limits")
}
