//! How a visitor's states and commands are put into words.

use coview_lifecycle::Anonymous;
use coview_lifecycle::Connectivity;
use coview_lifecycle::KeyDisplay;
use coview_lifecycle::StateKind;
use coview_lifecycle::table::TABLE;
use coview_lifecycle::table::Trigger;
use coview_smol::AnyVisitor;
use coview_smol::Stopped;
use coview_smol::Visitor;
use coview_wire::AgentCard;
use coview_wire::AppState;
use coview_wire::Terms;

use crate::say::BOLD;
use crate::say::DIM;
use crate::say::Event;
use crate::say::GOOD;
use crate::say::WARN;
use crate::say::agent_value;
use crate::say::names;
use crate::screen::Shown;
use crate::screen::Shows;

pub(super) const HELP: &str = "  \
  share                     start a session with a key to read out
  login ID [name=… email=… phone=…] [assertion=… | assertion-file=…]
  refresh [assertion=… | assertion-file=…]
  online [key=value …]      let agents see you and ask you
  update key=value … -key   change what agents see; -key removes an entry
  accept, decline           answer an agent's request
  confirm, refuse           let the agent in who typed your key, or keep that agent out
  terms                     print the terms again
  stop                      end the session
  offline, logout
  background, foreground    move the app
  cancel                    take back what the server has not answered yet
  status, help, quit        Ctrl-C leaves too";

/// The state as scripts see it.
pub(super) fn state(state: StateKind) -> String {
    format!("{state:?}")
}

/// The state in a sentence: *not possible while …*.
pub(super) const fn in_words(state: StateKind) -> &'static str {
    match state {
        StateKind::Anonymous => "you are not logged in",
        StateKind::Identified => "you are not online",
        StateKind::PresenceConnected => "you are online and nobody asks",
        StateKind::TermsRequested | StateKind::TermsShown => "an agent waits for your answer",
        StateKind::ConfirmingAnonymous
        | StateKind::ConfirmingIdentified
        | StateKind::ConfirmingPresence => "an agent waits to be let in",
        StateKind::SharingManualAnonymous
        | StateKind::SharingManualIdentified
        | StateKind::SharingManualPresence
        | StateKind::SharingOneClick => "you are sharing",
    }
}

/// The word a person types for it.
pub(super) const fn command(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Identify => "login",
        Trigger::ConnectPresence => "online",
        Trigger::StartManual => "share",
        Trigger::TermsDisplayed => "displayed",
        Trigger::Accept => "accept",
        Trigger::Decline => "decline",
        Trigger::Confirm => "confirm",
        Trigger::Refuse => "refuse",
        Trigger::End => "stop",
        Trigger::Disconnect => "offline",
        Trigger::LogOut => "logout",
        Trigger::AgentAsks
        | Trigger::TermsWithdrawn
        | Trigger::PresenceLost
        | Trigger::JoinRequested
        | Trigger::JoinWithdrawn
        | Trigger::SessionEnded => "",
    }
}

/// What can be typed now, from the transition table.
pub(super) fn next(state: StateKind) -> String {
    let mut commands: Vec<String> = TABLE
        .iter()
        .filter(|edge| edge.from == state)
        .map(|edge| {
            let needs = if edge.on == Trigger::Identify { " ID" } else { "" };
            format!("{}{needs}", command(edge.on))
        })
        .filter(|command| !command.is_empty())
        .collect();
    if state == StateKind::PresenceConnected {
        commands.push("update key=value".to_owned());
    }
    commands.extend(["help".to_owned(), "quit".to_owned()]);
    format!("{DIM}  {}{DIM:#}", commands.join(" · "))
}

pub(super) fn connected(visitor: &Visitor<Anonymous>) -> Event {
    let settings = visitor.settings();
    let mut text = format!(
        "{GOOD}●{GOOD:#} connected to group {BOLD}{}{BOLD:#}; you are anonymous",
        visitor.group()
    );
    if !settings.presence {
        text.push_str("\n  this group has no presence: share with a key");
    }
    if settings.assertion_needed {
        text.push_str("\n  this group asks for proof: `login ID assertion-file=FILE`");
    }
    if !settings.share_button {
        text.push_str("\n  an app of this group would show no share button");
    }
    Event::new("connected", text)
        .with("group", visitor.group().as_str())
        .with("share_button", settings.share_button)
        .with("presence", settings.presence)
        .with("key_digits", settings.key_digits.get())
        .with("assertion_needed", settings.assertion_needed)
        .with("state", state(visitor.state()))
}

/// The terms of the request that waits, if one does.
pub(super) fn terms(visitor: &AnyVisitor, shown_in: StateKind) -> Option<Event> {
    let (agent, terms, expires_ms): (&AgentCard, &Terms, u32) = match visitor {
        AnyVisitor::TermsRequested(visitor) => {
            (visitor.agent(), visitor.terms(), visitor.expires_ms())
        }
        AnyVisitor::TermsShown(visitor) => (visitor.agent(), visitor.terms(), visitor.expires_ms()),
        AnyVisitor::Anonymous(_)
        | AnyVisitor::Identified(_)
        | AnyVisitor::PresenceConnected(_)
        | AnyVisitor::SharingManualAnonymous(_)
        | AnyVisitor::SharingManualIdentified(_)
        | AnyVisitor::SharingManualPresence(_)
        | AnyVisitor::ConfirmingAnonymous(_)
        | AnyVisitor::ConfirmingIdentified(_)
        | AnyVisitor::ConfirmingPresence(_)
        | AnyVisitor::SharingOneClick(_) => return None,
    };
    let mut text = format!(
        "{WARN}●{WARN:#} {BOLD}{}{BOLD:#} asks to see this app's screen (terms {})\n",
        agent.name(),
        terms.version()
    );
    text.push_str(&quoted(terms.text()));
    text.push_str(&format!(
        "  {BOLD}accept or decline?{BOLD:#} No answer within {} counts as no.",
        seconds(expires_ms)
    ));
    Some(
        Event::new("terms", text)
            .with("agent", agent_value(agent))
            .with("version", terms.version())
            .with("text", terms.text())
            .with("expires_ms", expires_ms)
            .with("state", state(shown_in)),
    )
}

/// The question that is asked while an agent who typed the key waits to be let in.
pub(super) fn join(visitor: &AnyVisitor) -> Option<Event> {
    let (agent, expires_ms) = match visitor {
        AnyVisitor::ConfirmingAnonymous(visitor) => (visitor.agent(), visitor.expires_ms()),
        AnyVisitor::ConfirmingIdentified(visitor) => (visitor.agent(), visitor.expires_ms()),
        AnyVisitor::ConfirmingPresence(visitor) => (visitor.agent(), visitor.expires_ms()),
        AnyVisitor::Anonymous(_)
        | AnyVisitor::Identified(_)
        | AnyVisitor::PresenceConnected(_)
        | AnyVisitor::TermsRequested(_)
        | AnyVisitor::TermsShown(_)
        | AnyVisitor::SharingManualAnonymous(_)
        | AnyVisitor::SharingManualIdentified(_)
        | AnyVisitor::SharingManualPresence(_)
        | AnyVisitor::SharingOneClick(_) => return None,
    };
    let text = format!(
        "{WARN}●{WARN:#} {BOLD}{}{BOLD:#} has typed your key. Is that who you talk to?\n  \
         {BOLD}confirm or refuse?{BOLD:#} No answer within {} counts as no.",
        agent.name(),
        seconds(expires_ms)
    );
    Some(
        Event::new("join_requested", text)
            .with("agent", agent_value(agent))
            .with("expires_ms", expires_ms),
    )
}

/// The text of terms, set off from what this program says itself.
pub(crate) fn quoted(terms: &str) -> String {
    // A carriage return would let the text overwrite itself.
    terms.lines().map(|line| format!("  │ {}\n", line.replace('\r', ""))).collect()
}

pub(crate) fn seconds(ms: u32) -> String {
    match ms.div_ceil(1000) {
        1 => "1 second".to_owned(),
        seconds => format!("{seconds} seconds"),
    }
}

/// A session runs. The key is told when, and only when, it is to be displayed.
pub(super) fn sharing(visitor: &AnyVisitor) -> Event {
    let manual = visitor.state() != StateKind::SharingOneClick;
    let by = if manual { "key" } else { "request" };
    let (text, key) = match visitor.key_display() {
        KeyDisplay::Show(key) => (
            format!("{GOOD}●{GOOD:#} sharing; read this key to the agent: {BOLD}{key}{BOLD:#}"),
            Some(key.to_string()),
        ),
        KeyDisplay::Hidden => (
            format!(
                "{GOOD}●{GOOD:#} sharing with the agent who asked; there is no key to read out"
            ),
            None,
        ),
    };
    Event::new("sharing", text).with("by", by).with_some("key", key)
}

/// What became of the picture.
pub(super) fn screen(shown: &Shown, shows: &Shows) -> Vec<Event> {
    let screen = shown.screen();
    match shows {
        Shows::Started => {
            let covered = match shown.masks() {
                0 => String::new(),
                1 => ", with 1 area covered by --mask".to_owned(),
                count => format!(", with {count} areas covered by --mask"),
            };
            let started = Event::new(
                "screen_started",
                format_args!("{GOOD}●{GOOD:#} agents see {}{covered}", screen.in_words()),
            )
            .with("screen", screen.to_string())
            .with("masks", shown.masks());
            let paused = shown.is_paused().then(|| paused(shown));
            core::iter::once(started).chain(paused).collect()
        }
        Shows::None(None) => vec![Event::new(
            "screen_none",
            format_args!(
                "{DIM}●{DIM:#} nothing is shared: start with --screen x11 or --screen generated"
            ),
        )],
        Shows::None(Some(why)) => vec![
            Event::new(
                "screen_none",
                format_args!("{WARN}!{WARN:#} nothing is shared: {screen}: {why}"),
            )
            .with("screen", screen.to_string())
            .with("why", why.as_str()),
        ],
        Shows::Stopped(stopped) => {
            let (name, reason, text) = match stopped {
                // The end of the session is told by itself.
                Stopped::Ended => ("screen_stopped", "ended", ""),
                Stopped::Closed => ("screen_stopped", "closed", ""),
                Stopped::Replaced => ("screen_stopped", "replaced", ""),
                Stopped::SourceGone => (
                    "screen_gone",
                    "source_gone",
                    "the screen is gone; agents see nothing new, and the session goes on: `stop` ends it",
                ),
                Stopped::SourcePanicked => (
                    "screen_gone",
                    "source_panicked",
                    "the screen cannot be read any more; the session goes on: `stop` ends it",
                ),
            };
            let text = match text {
                "" => String::new(),
                text => format!("{WARN}●{WARN:#} {text}"),
            };
            vec![Event::new(name, text).with("reason", reason)]
        }
    }
}

/// The picture stands still, or goes on.
pub(super) fn paused(shown: &Shown) -> Event {
    let (name, text) = if shown.is_paused() {
        ("screen_paused", "the picture stands still while the app is in the background")
    } else {
        ("screen_resumed", "the picture goes on")
    };
    Event::new(name, format_args!("{DIM}●{DIM:#} {text}"))
}

pub(super) fn connectivity(connectivity: Connectivity) -> Event {
    let (style, word) = match connectivity {
        Connectivity::Connected => (GOOD, "connected"),
        Connectivity::Reconnecting => (WARN, "reconnecting"),
        Connectivity::Parked => (DIM, "parked"),
    };
    let text = match connectivity {
        Connectivity::Connected => "connected again",
        Connectivity::Reconnecting => "the connection is gone; trying to come back",
        Connectivity::Parked => "the connection is parked while the app is in the background",
    };
    Event::new("connectivity", format_args!("{style}●{style:#} {text}")).with("is", word)
}

pub(super) fn app(app: AppState) -> Event {
    Event::new("app", format_args!("{DIM}●{DIM:#} the app is {app}")).with("is", app.as_str())
}

pub(super) fn status(visitor: &AnyVisitor) -> Event {
    let key = match visitor.key_display() {
        KeyDisplay::Show(key) => Some(key.to_string()),
        KeyDisplay::Hidden => None,
    };
    let mut text = format!("  state  {}", visitor.state());
    if let Some(id) = visitor.visitor_id() {
        text.push_str(&format!("\n  you    {id}"));
    }
    text.push_str(&format!("\n  app    {}\n  link   {}", visitor.app(), visitor.connectivity()));
    if visitor.state().is_sharing() {
        let watch = match visitor.agents() {
            [] => "nobody".to_owned(),
            agents => names(agents),
        };
        let key = key.as_deref().unwrap_or("none to show");
        text.push_str(&format!("\n  watch  {watch}\n  key    {key}"));
    }
    if let Some(agent) = visitor.agent() {
        text.push_str(&format!("\n  waits  {}", agent.name()));
    }
    Event::new("status", text)
        .with_some("visitor", visitor.visitor_id().map(coview_wire::VisitorId::as_str))
        .with("app", visitor.app().as_str())
        .with("connectivity", visitor.connectivity().to_string())
        .with_agents(visitor.agents())
        .with_some("key", key)
        .with("state", state(visitor.state()))
}
