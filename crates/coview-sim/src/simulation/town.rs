//! The groups of a simulated day: each has its own idea of whom to let in.

use coview_hub::GroupConfig;
use coview_hub::HubConfig;
use coview_hub::KeyUse;
use coview_hub::Policy;
use coview_proto::VisitorConfig;
use coview_wire::ClientToken;
use coview_wire::Profile;

use crate::town;
use crate::town::NORTH;
use crate::town::OWN_PAGE;
use crate::town::SOUTH;

/// The group in which visitors let agents in, and pages have to come from its own origin.
pub(super) const EAST: &str = "east";

/// The group without presence.
pub(super) const WEST: &str = "west";

/// Which group each visitor belongs to, over and over.
pub(super) const VISITORS: [&str; 8] = [NORTH, NORTH, SOUTH, EAST, NORTH, SOUTH, EAST, WEST];

/// Which group each agent belongs to, over and over.
pub(super) const AGENTS: [&str; 7] = [NORTH, SOUTH, EAST, NORTH, EAST, NORTH, WEST];

/// What apps of the east show.
const CLIENT_TOKEN: &str = "east-client-token";

/// All groups. In the north anybody may come in, in the south everything is proved and used once.
pub(super) fn config() -> HubConfig {
    let mut config = town::config_of(&[NORTH, SOUTH, EAST, WEST]);
    for (id, group) in &mut config.groups {
        group.origins.insert(OWN_PAGE.into());
        let GroupConfig { client_token, presence, assertion_needed, confirm_join, .. } = group;
        match id.as_str() {
            SOUTH => {
                *assertion_needed = true;
                group.key_use = KeyUse::Once;
                group.expiry_ends_sessions = true;
            }
            EAST => {
                *client_token = ClientToken::new(CLIENT_TOKEN).ok();
                *confirm_join = true;
            }
            WEST => {
                *presence = false;
                group.max_connections = Some(2);
            }
            _ => {}
        }
    }
    config.policy = Policy {
        // So few that people of a simulated day get there.
        max_guests: 2,
        key_odds: 8_000_000,
        ..config.policy
    };
    config
}

/// The app of a visitor in a group, who says a lot about itself.
pub(super) fn visitor(group: &str, no: usize) -> VisitorConfig {
    let mut config = town::visitor(group);
    config.token = (group == EAST).then(|| ClientToken::new(CLIENT_TOKEN).ok()).flatten();
    config.profile = Profile::new()
        .with_name(&format!("Visitor {no}"))
        .and_then(|it| it.with_email(&format!("mailbox{no}q7x@mail.example")))
        .and_then(|it| it.with_phone(&format!("+49 30 {:08}", 10_000_000 + no)))
        .expect("the profile keeps the limits");
    config
}
