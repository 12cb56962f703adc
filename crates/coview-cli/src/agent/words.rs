//! How an agent's states, commands and visitors are put into words.

use core::time::Duration;

use coview_agent::AgentStateKind;
use coview_agent::table::TABLE;
use coview_agent::table::Trigger;
use coview_lifecycle::Connectivity;
use coview_wire::AgentCard;
use coview_wire::AgentRights;
use coview_wire::AppState;
use coview_wire::GroupId;
use coview_wire::RefusalCode;
use coview_wire::VisitorCard;
use serde_json::Value;
use serde_json::json;

use super::AnyAgent;
use crate::failure::remedy;
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
  renew [FILE]            show the newer token in FILE, or in that of --token-file
  cancel                  take back what is not answered yet
  status, help, quit      Ctrl-C leaves too";

/// The state in a sentence: *not possible while …*.
pub(super) const fn in_words(state: AgentStateKind) -> &'static str {
    match state {
        AgentStateKind::SignedIn => "you have neither a request nor a session",
        AgentStateKind::Requesting => "a visitor is being asked",
        AgentStateKind::Joining => "the visitor is asked to let you in",
        AgentStateKind::Viewing => "you are in a session",
    }
}

/// What a person types for it.
pub(super) const fn command(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Knock => "join",
        Trigger::Ask
        | Trigger::Join
        | Trigger::Withdraw
        | Trigger::Cancel
        | Trigger::Leave
        | Trigger::End
        | Trigger::Accepted
        | Trigger::AskOver
        | Trigger::LetIn
        | Trigger::KeptOut
        | Trigger::SessionEnded => trigger.as_str(),
    }
}

/// A time as a person says it.
pub(super) fn time(time: Duration) -> String {
    let seconds = time.as_millis().div_ceil(1000);
    match seconds {
        1 => "1 second".to_owned(),
        0..120 => format!("{seconds} seconds"),
        120..7200 => format!("{} minutes", seconds / 60),
        _ => format!("{} hours", seconds / 3600),
    }
}

pub(super) fn signed_in(
    group: &GroupId,
    card: &AgentCard,
    rights: &AgentRights,
    lasts_ms: u64,
) -> Event {
    let name = card.name();
    let text = format!("signed in to group {BOLD}{group}{BOLD:#} as {BOLD}{name}{BOLD:#}");
    sign_in("signed_in", text, rights, lasts_ms)
        .with("group", group.as_str())
        .with("agent", card.agent.as_str())
        .with("name", card.name())
}

pub(super) fn renewed(rights: &AgentRights, lasts_ms: u64) -> Event {
    sign_in("renewed", "your sign-in is renewed".to_owned(), rights, lasts_ms)
}

/// How long a sign-in lasts, and what it allows where that is not everything.
fn sign_in(name: &'static str, text: String, rights: &AgentRights, lasts_ms: u64) -> Event {
    let lasts = time(Duration::from_millis(lasts_ms));
    let mut text = format!("{GOOD}●{GOOD:#} {text} for {lasts}");
    for limit in limits(rights) {
        text.push_str(&format!("\n    {limit}"));
    }
    let visitors = rights.visitors.as_ref();
    let visitors = visitors.map(|ids| ids.iter().map(|id| id.as_str()).collect::<Vec<_>>());
    Event::new(name, text).with("expires_ms", lasts_ms).with(
        "rights",
        json!({
            "visitors": visitors,
            "view_only": rights.view_only,
            "manual_keys": rights.manual_keys,
            "max_guests": rights.max_guests,
        }),
    )
}

/// What the token leaves out, in words.
fn limits(rights: &AgentRights) -> Vec<String> {
    let AgentRights { visitors, view_only, manual_keys, max_guests } = rights;
    let mut limits = Vec::new();
    if let Some(visitors) = visitors {
        let ids: Vec<_> = visitors.iter().map(|id| id.as_str()).collect();
        limits.push(match ids[..] {
            [] => "no visitors at all".to_owned(),
            _ => format!("only these visitors: {}", ids.join(", ")),
        });
    }
    if *view_only {
        limits.push("view only: you cannot end a session for others or remove anybody".to_owned());
    }
    if !manual_keys {
        limits.push("no keys: you can only ask visitors who are online".to_owned());
    }
    if let Some(most) = max_guests {
        limits.push(format!("at most {most} agents in a session with you"));
    }
    limits
}

pub(super) fn join_waiting(expires_ms: u32) -> Event {
    let left = time(Duration::from_millis(expires_ms.into()));
    Event::new(
        "join_waiting",
        format_args!(
            "{GOOD}●{GOOD:#} the key is right; the visitor sees your name and has {left} to let you in"
        ),
    )
    .with("expires_ms", expires_ms)
}

pub(super) fn join_declined() -> Event {
    let reason = RefusalCode::JoinDeclined;
    let help = remedy(reason).map(|help| format!("; {help}")).unwrap_or_default();
    Event::new("join_declined", format_args!("{WARN}●{WARN:#} {reason}{help}"))
        .with("code", reason.as_str())
}

pub(super) fn cancelled(trigger: Trigger) -> Event {
    let command = command(trigger);
    Event::new("cancelled", format_args!("{GOOD}●{GOOD:#} `{command}` is taken back"))
        .with("command", command)
}

pub(super) fn sign_in_ends(left: Duration) -> Event {
    let in_words = time(left);
    let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    Event::new(
        "sign_in_ends",
        format_args!(
            "{WARN}!{WARN:#} your sign-in ends in {in_words}; `renew` shows a newer token"
        ),
    )
    .with("left_ms", left_ms)
}

pub(super) fn not_renewed(code: RefusalCode) -> Event {
    let help = remedy(code).map(|help| format!("; {help}")).unwrap_or_default();
    Event::new("not_renewed", format_args!("{WARN}!{WARN:#} not renewed: {code}{help}"))
        .with("code", code.as_str())
}

/// What can be typed now, from the transition table.
pub(super) fn next(state: AgentStateKind) -> String {
    let mut commands: Vec<&str> = TABLE
        .iter()
        .filter(|edge| edge.from == state)
        .filter_map(|edge| match edge.on {
            Trigger::Ask => Some("ask ID"),
            Trigger::Join => Some("join KEY"),
            Trigger::Withdraw | Trigger::Cancel | Trigger::Leave | Trigger::End => {
                Some(edge.on.as_str())
            }
            // It is what `join` does.
            Trigger::Knock => None,
            Trigger::Accepted
            | Trigger::AskOver
            | Trigger::LetIn
            | Trigger::KeptOut
            | Trigger::SessionEnded => None,
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

pub(super) fn watchers(count: u32, agents: &[AgentCard]) -> String {
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

pub(super) fn status(agent: &AnyAgent, left: Option<Duration>) -> Event {
    let mut text = format!("  state  {}", agent.state());
    if let Some(visitor) = agent.visitor() {
        text.push_str(&format!("\n  whom   {visitor}"));
    }
    text.push_str(&format!("\n  link   {}", agent.connectivity()));
    if agent.state() == AgentStateKind::Viewing {
        text.push_str(&format!("\n  watch  {}", names(agent.agents())));
    }
    if let Some(left) = left {
        text.push_str(&format!("\n  token  good for {}", time(left)));
    }
    for limit in limits(agent.rights()) {
        text.push_str(&format!("\n         {limit}"));
    }
    let left_ms = left.and_then(|left| u64::try_from(left.as_millis()).ok());
    Event::new("status", text)
        .with_some("left_ms", left_ms)
        .with("agent", agent.card().agent.as_str())
        .with_some("visitor", agent.visitor().map(coview_wire::VisitorId::as_str))
        .with("connectivity", agent.connectivity().to_string())
        .with_agents(agent.agents())
}
