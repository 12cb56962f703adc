//! What happened, to read.

mod mermaid;
mod part;

use core::fmt;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use coview_wire::Moment;
use serde_json::Value;

use crate::client::ClientId;
pub use crate::timeline::part::Part;

/// Everything that happened in a world, in order. It writes one line for each thing.
///
/// Numbers the hub drew are written as `#1`, `#2` … in the order they are first read, so that a
/// timeline tells a story and not a seed. Keys, secrets, tokens and personal data are not in it.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    names: BTreeMap<ClientId, String>,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    at: Moment,
    who: Who,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum Who {
    Client(ClientId),
    Hub,
    Network,
}

#[derive(Clone, Debug)]
enum What {
    /// Something in words.
    Words(String),
    /// A client says a message.
    Says(Arc<str>),
    /// A client hears a message.
    Hears(Arc<str>),
}

/// The fields of messages that are worth reading and hold nothing secret.
const TOLD: [&str; 30] = [
    "answered",
    "app",
    "ask",
    "ask_ended",
    "ask_over",
    "busy",
    "by",
    "code",
    "count",
    "ended",
    "first",
    "focused",
    "group",
    "more",
    "outcome",
    "presence",
    "re",
    "reachable",
    "reason",
    "refused",
    "retry",
    "seen",
    "session",
    "snapshot",
    "start",
    "view",
    "view_ended",
    "visitor",
    "visitors",
    "displayed",
];

impl Timeline {
    pub(crate) fn name(&mut self, client: ClientId, name: &str) {
        self.names.insert(client, name.to_owned());
    }

    pub(crate) fn client(&mut self, at: Moment, client: ClientId, words: impl Into<String>) {
        self.push(at, Who::Client(client), What::Words(words.into()));
    }

    pub(crate) fn says(&mut self, at: Moment, client: ClientId, text: Arc<str>) {
        self.push(at, Who::Client(client), What::Says(text));
    }

    pub(crate) fn hears(&mut self, at: Moment, client: ClientId, text: Arc<str>) {
        self.push(at, Who::Client(client), What::Hears(text));
    }

    pub(crate) fn hub(&mut self, at: Moment, words: impl Into<String>) {
        self.push(at, Who::Hub, What::Words(words.into()));
    }

    pub(crate) fn network(&mut self, at: Moment, words: impl Into<String>) {
        self.push(at, Who::Network, What::Words(words.into()));
    }

    fn push(&mut self, at: Moment, who: Who, what: What) {
        self.entries.push(Entry { at, who, what });
    }

    /// How many things happened.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing happened.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The story: everything but the signs of life.
    #[must_use]
    pub fn story(&self) -> String {
        self.part(&Part::default())
    }

    /// The part of the story from a moment on.
    #[must_use]
    pub fn since(&self, from: Moment) -> String {
        self.part(&Part { from, ..Part::default() })
    }

    /// A part of the story, a line for each thing.
    #[must_use]
    pub fn part(&self, part: &Part) -> String {
        let mut out = String::new();
        for (entry, words) in self.told(part) {
            let at = entry.at.to_string();
            let who = self.who(entry.who);
            out.push_str(&format!("{at:>10}  {who:<8} {words}\n"));
        }
        out
    }

    /// What a part tells, in words, without the arrow that says who told whom.
    fn told(&self, part: &Part) -> Vec<(&Entry, String)> {
        let mut numbers = Numbers::default();
        let mut told: Vec<(&Entry, String)> = Vec::new();
        for entry in &self.entries {
            if part.to.is_some_and(|to| entry.at > to) {
                break;
            }
            // Also what is not shown is read, so that a number has one name in every part.
            let words = self.words(entry).map(|words| numbers.rename(&words));
            if let Some(words) =
                words.filter(|_| entry.at >= part.from && self.is_about(entry, part))
            {
                told.push((entry, words));
            }
        }
        let first = part.last.map_or(0, |last| told.len().saturating_sub(last));
        told.split_off(first)
    }

    /// What becomes of the hub and the network is everybody's.
    fn is_about(&self, entry: &Entry, part: &Part) -> bool {
        match (entry.who, &part.only) {
            (Who::Client(client), Some(only)) => self.name_of(client) == only,
            (Who::Hub | Who::Network, Some(_)) | (_, None) => true,
        }
    }

    /// What everybody is called, each name once.
    #[must_use]
    pub fn clients(&self) -> BTreeSet<&str> {
        self.names.values().map(String::as_str).collect()
    }

    /// What each client is called.
    pub(crate) fn names(&self) -> impl Iterator<Item = (ClientId, &str)> {
        self.names.iter().map(|(client, name)| (*client, name.as_str()))
    }

    pub(crate) fn name_of(&self, client: ClientId) -> &str {
        self.names.get(&client).map_or("?", String::as_str)
    }

    fn who(&self, who: Who) -> &str {
        match who {
            Who::Client(client) => self.name_of(client),
            Who::Hub => "hub",
            Who::Network => "network",
        }
    }

    fn words(&self, entry: &Entry) -> Option<String> {
        match &entry.what {
            What::Words(words) => Some(words.clone()),
            What::Says(text) => message(text).map(|words| format!("→ {words}")),
            What::Hears(text) => message(text).map(|words| format!("← {words}")),
        }
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.story())
    }
}

/// A message in words; `None` for a sign of life.
fn message(text: &str) -> Option<String> {
    let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(text) else {
        return Some(format!("({} bytes that are no message)", text.len()));
    };
    let kind = fields.get("t").and_then(Value::as_str).unwrap_or("?");
    if matches!(kind, "ping" | "pong") {
        return None;
    }
    let mut out = kind.to_owned();
    for (name, value) in &fields {
        tell(&mut out, name, value);
    }
    Some(out)
}

fn tell(out: &mut String, name: &str, value: &Value) {
    if !TOLD.contains(&name) {
        return;
    }
    out.push(' ');
    out.push_str(name);
    match value {
        Value::String(text) => out.push_str(&format!("={text}")),
        Value::Array(items) => {
            out.push_str("=[");
            for item in items.iter().filter_map(Value::as_object) {
                for (name, value) in item {
                    tell(out, name, value);
                }
                out.push_str(" ;");
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (name, value) in fields {
                tell(out, name, value);
            }
            out.push_str(" }");
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&format!("={value}")),
    }
}

/// Names for long numbers, in the order they are first read.
#[derive(Default)]
struct Numbers(BTreeMap<String, usize>);

impl Numbers {
    fn rename(&mut self, text: &str) -> String {
        /// Numbers the hub draws begin far above those that clients count.
        const LONG: usize = 7;
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(from) = rest.find(|c: char| c.is_ascii_digit()) {
            let (before, digits) = rest.split_at(from);
            let to = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            let (number, after) = digits.split_at(to);
            out.push_str(before);
            if number.len() >= LONG {
                let next = self.0.len() + 1;
                let name = *self.0.entry(number.to_owned()).or_insert(next);
                out.push_str(&format!("#{name}"));
            } else {
                out.push_str(number);
            }
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_told_without_what_is_secret() {
        let text = r#"{"t":"session_connected","re":3,"start":1,"session":281474976710,"key":"123456786"}"#;
        assert_eq!(
            message(text).as_deref(),
            Some("session_connected re=3 session=281474976710 start=1")
        );
        assert_eq!(message(r#"{"t":"ping"}"#), None);
    }

    #[test]
    fn long_numbers_get_names() {
        let mut numbers = Numbers::default();
        assert_eq!(numbers.rename("ask=281474976711 re=12"), "ask=#1 re=12");
        assert_eq!(numbers.rename("a=281474976712 b=281474976711"), "a=#2 b=#1");
    }
}
