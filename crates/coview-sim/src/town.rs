//! Two groups to have a story in. They share every id there is, so that only the group keeps them
//! apart.

use std::sync::Arc;

use coview_hub::Accounts;
use coview_hub::GroupConfig;
use coview_hub::HubConfig;
use coview_proto::AgentConfig;
use coview_proto::VisitorConfig;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentToken;
use coview_wire::GroupId;
use coview_wire::Profile;
use coview_wire::Terms;
use coview_wire::VisitorId;

/// One of the two groups.
pub const NORTH: &str = "north";

/// The other group.
pub const SOUTH: &str = "south";

/// The agents each group has.
pub const AGENTS: [&str; 3] = ["grace", "henry", "iris"];

/// The visitor ids there are. They are few, so that two devices often have the same.
pub const VISITORS: [&str; 3] = ["anna", "ben", "cleo"];

/// Both groups, with the default policy.
#[must_use]
pub fn config() -> HubConfig {
    let group = |name: &str| {
        let mut config = GroupConfig::new(text(Terms::new(name, "The agent will see this app.")));
        let accounts = AGENTS.iter().map(|agent| (token(name, agent), card(name, agent)));
        config.proofs = Arc::new(accounts.collect::<Accounts>());
        config.assertion_needed = false;
        (group_id(name), config)
    };
    HubConfig { groups: [NORTH, SOUTH].map(group).into(), ..HubConfig::default() }
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

fn token(group: &str, agent: &str) -> AgentToken {
    text(AgentToken::new(format!("{agent} of {group}, secretly")))
}

fn text<T>(checked: Result<T, coview_wire::TextError>) -> T {
    checked.expect("the text keeps the limits")
}
