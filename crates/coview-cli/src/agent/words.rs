//! How an agent's states, commands and visitors are put into words.

use coview_agent::AgentStateKind;
use coview_agent::table::TABLE;
use coview_agent::table::Trigger;
use coview_lifecycle::Connectivity;
use coview_wire::AppState;
use coview_wire::VisitorCard;
use serde_json::Value;
use serde_json::json;

use super::AnyAgent;
use crate::say::BOLD;
use crate::say::DIM;
use crate::say::Event;
use crate::say::GOOD;
use crate::say::WARN;
use crate::say::names;

pub(super) const HELP: &str = "  \
  list                    who is online
  watch [ID]              watch the group, or one visitor
  unwatch                 watch nobody
  ask ID                  ask a visitor who is online to share
  withdraw                take the request back
  join KEY                join with the key the visitor reads out
  leave                   leave the session, which goes on
  end                     end the session for everybody
  eject AGENT             remove another agent from the session
  save FILE               write the picture as it is now, as PNG
  cancel                  take back what the server has not answered yet
  status, help, quit      Ctrl-C leaves too";

/// The state in a sentence: *not possible while …*.
pub(super) const fn in_words(state: AgentStateKind) -> &'static str {
    match state {
        AgentStateKind::SignedIn => "you have neither a request nor a session",
        AgentStateKind::Requesting => "a visitor is being asked",
        AgentStateKind::Viewing => "you are in a session",
    }
}

/// What can be typed now, from the transition table.
pub(super) fn next(state: AgentStateKind) -> String {
    let mut commands: Vec<&str> = TABLE
        .iter()
        .filter(|edge| edge.from == state)
        .filter_map(|edge| match edge.on {
            Trigger::Ask => Some("ask ID"),
            Trigger::Join => Some("join KEY"),
            Trigger::Withdraw | Trigger::Leave | Trigger::End => Some(edge.on.as_str()),
            Trigger::Accepted | Trigger::AskOver | Trigger::SessionEnded => None,
        })
        .collect();
    if state == AgentStateKind::Viewing {
        commands.extend(["eject AGENT", "save FILE"]);
    }
    commands.extend(["list", "help", "quit"]);
    format!("{DIM}  {}{DIM:#}", commands.join(" · "))
}

/// A visitor who is online, in one line.
pub(super) fn card(card: &VisitorCard) -> String {
    let mut text = format!("{BOLD}{}{BOLD:#}", card.visitor);
    let profile = &card.profile;
    for part in [profile.name(), profile.email(), profile.phone()].into_iter().flatten() {
        text.push_str(&format!("  {part}"));
    }
    let data: Vec<_> = card.data.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if !data.is_empty() {
        text.push_str(&format!("  {}", data.join(" ")));
    }
    let mut notes = Vec::new();
    if card.app == AppState::Background {
        notes.push("app in the background");
    }
    if !card.reachable {
        notes.push("connection gone");
    }
    if card.busy {
        notes.push("busy");
    }
    if !notes.is_empty() {
        text.push_str(&format!("  {DIM}({}){DIM:#}", notes.join(", ")));
    }
    text
}

/// A visitor who is online, for scripts.
pub(super) fn card_value(card: &VisitorCard) -> Value {
    let data: serde_json::Map<String, Value> =
        card.data.iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
    json!({
        "visitor": card.visitor.as_str(),
        "profile": {
            "name": card.profile.name(),
            "email": card.profile.email(),
            "phone": card.profile.phone(),
        },
        "data": data,
        "app": card.app.as_str(),
        "reachable": card.reachable,
        "busy": card.busy,
        "online_ms": card.online_ms,
    })
}

pub(super) fn roster(agent: &AnyAgent) -> Event {
    let cards = agent.roster();
    let mut text = match (cards.len(), agent.watching()) {
        (_, None) => format!("{DIM}●{DIM:#} you watch nobody; `watch` changes it"),
        (0, Some(_)) => format!("{DIM}●{DIM:#} nobody is online"),
        (count, Some(_)) => format!("{GOOD}●{GOOD:#} online: {count}"),
    };
    for visitor in cards.values() {
        text.push_str(&format!("\n    {}", card(visitor)));
    }
    if !agent.roster_is_complete() && agent.watching().is_some() {
        text.push_str("\n    … the list is not complete");
    }
    Event::new("roster", text)
        .with("visitors", cards.values().map(card_value).collect::<Vec<_>>())
        .with("complete", agent.roster_is_complete())
}

pub(super) fn watchers(count: u32, agents: &[coview_wire::AgentCard]) -> String {
    match count {
        0 => "nobody watches".to_owned(),
        1 => format!("1 agent watches: {}", names(agents)),
        _ => format!("{count} agents watch: {}", names(agents)),
    }
}

pub(super) fn joined(agent: &AnyAgent, by: &'static str) -> Event {
    let visitor = agent.visitor().map(ToString::to_string);
    let whose = visitor.as_deref().unwrap_or("a visitor who is not logged in");
    let count = u32::try_from(agent.agents().len()).unwrap_or(u32::MAX);
    Event::new(
        "joined",
        format_args!(
            "{GOOD}●{GOOD:#} you are in the session of {BOLD}{whose}{BOLD:#}; {}",
            if count == 1 { "you alone watch".to_owned() } else { watchers(count, agent.agents()) }
        ),
    )
    .with("by", by)
    .with_some("visitor", visitor)
    .with_agents(agent.agents())
}

pub(super) fn connectivity(connectivity: Connectivity) -> Event {
    let (style, word, text) = match connectivity {
        Connectivity::Connected => (GOOD, "connected", "connected again"),
        Connectivity::Reconnecting => {
            (WARN, "reconnecting", "the connection is gone; trying to come back")
        }
        Connectivity::Parked => (DIM, "parked", "the connection is parked"),
    };
    Event::new("connectivity", format_args!("{style}●{style:#} {text}")).with("is", word)
}

pub(super) fn status(agent: &AnyAgent) -> Event {
    let mut text = format!("  state  {}", agent.state());
    if let Some(visitor) = agent.visitor() {
        text.push_str(&format!("\n  whom   {visitor}"));
    }
    text.push_str(&format!("\n  link   {}", agent.connectivity()));
    if agent.state() == AgentStateKind::Viewing {
        text.push_str(&format!("\n  watch  {}", names(agent.agents())));
    }
    Event::new("status", text)
        .with("agent", agent.card().agent.as_str())
        .with_some("visitor", agent.visitor().map(coview_wire::VisitorId::as_str))
        .with("connectivity", agent.connectivity().to_string())
        .with_agents(agent.agents())
}
