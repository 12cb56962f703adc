//! What a command says on standard output: words for a person, or JSON lines for a script.
//!
//! Both come from one [`Event`], so that neither can tell what the other keeps to itself.

use core::fmt;
use core::fmt::Display;
use std::io::IsTerminal;
use std::io::Stdout;
use std::io::Write;

use anstream::AutoStream;
use anstyle::AnsiColor;
use anstyle::Style;
use coview_wire::AgentCard;
use serde::Serialize;
use serde::Serializer;
use serde::ser::SerializeMap;
use serde_json::Value;

/// Something good happened.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Something waits for an answer, or did not work.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();
/// What is said beside the matter.
pub(crate) const DIM: Style = Style::new().dimmed();
/// What must not be overlooked.
pub(crate) const BOLD: Style = Style::new().bold();

/// One thing that happened.
pub(crate) struct Event {
    name: &'static str,
    fields: Vec<(&'static str, Value)>,
    text: String,
}

impl Event {
    /// An event by its stable name, and the words for a person; several lines if need be, none if
    /// there is nothing to say.
    pub(crate) fn new(name: &'static str, text: impl Display) -> Self {
        Self { name, fields: Vec::new(), text: text.to_string() }
    }

    /// With a field for scripts.
    pub(crate) fn with(mut self, field: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((field, value.into()));
        self
    }

    /// With a field for scripts, if there is a value.
    pub(crate) fn with_some(self, field: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(field, value),
            None => self,
        }
    }

    /// For scripts only.
    pub(crate) fn without_words(self) -> Self {
        Self { text: String::new(), ..self }
    }

    /// With a list of agents.
    pub(crate) fn with_agents(self, agents: &[AgentCard]) -> Self {
        self.with("agents", agents.iter().map(agent_value).collect::<Vec<_>>())
    }
}

/// An agent, for scripts.
pub(crate) fn agent_value(card: &AgentCard) -> Value {
    serde_json::json!({ "id": card.agent.as_str(), "name": card.name() })
}

/// Agents' names, for a person.
pub(crate) fn names(agents: &[AgentCard]) -> String {
    agents.iter().map(AgentCard::name).collect::<Vec<_>>().join(", ")
}

/// `event` comes first, then the fields in the order they were given.
impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1 + self.fields.len()))?;
        map.serialize_entry("event", self.name)?;
        for (field, value) in &self.fields {
            map.serialize_entry(field, value)?;
        }
        map.end()
    }
}

/// Characters that are no control characters and yet change what the rest of a line looks like, or
/// where a line ends. What strangers give as their name or data may have them.
const fn is_tricky(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// Words in which nothing a stranger gave can reorder what stands beside it.
fn tame(text: String) -> String {
    if text.contains(is_tricky) { text.replace(is_tricky, "\u{fffd}") } else { text }
}

/// JSON that is one line to every reader of lines; such characters stand only within its strings.
fn escaped(json: String) -> String {
    if !json.contains(is_tricky) {
        return json;
    }
    let mut line = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_tricky(c) {
            line.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            line.push(c);
        }
    }
    line
}

/// Standard output, in words or in JSON.
pub(crate) struct Say {
    json: bool,
    out: AutoStream<Stdout>,
    /// Whether a person types on the other end, who is shown where.
    prompts: bool,
    prompted: bool,
    broken: bool,
}

impl Say {
    pub(crate) fn new(json: bool) -> Self {
        let prompts = !json && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        Self { json, out: anstream::stdout(), prompts, prompted: false, broken: false }
    }

    /// Whether a person reads it and can type.
    pub(crate) const fn is_to_a_person(&self) -> bool {
        self.prompts
    }

    /// Whether nobody reads any more.
    pub(crate) const fn is_broken(&self) -> bool {
        self.broken
    }

    pub(crate) fn tell(&mut self, event: &Event) {
        if self.json {
            let line = escaped(serde_json::to_string(event).expect("values are always JSON"));
            self.write(format_args!("{line}\n"));
        } else if !event.text.is_empty() {
            self.words(&event.text);
        }
    }

    /// Words that are no event: scripts are not told.
    pub(crate) fn hint(&mut self, text: impl Display) {
        if !self.json {
            self.words(text);
        }
    }

    fn words(&mut self, text: impl Display) {
        // What was typed so far stays in the terminal's line and is read with the rest.
        let clear = if self.prompted { "\r\x1b[K" } else { "" };
        self.prompted = false;
        let text = tame(text.to_string());
        self.write(format_args!("{clear}{text}\n"));
    }

    /// Shows a person where to type.
    pub(crate) fn prompt(&mut self) {
        if self.prompts && !self.prompted {
            self.prompted = true;
            self.write(format_args!("{DIM}>{DIM:#} "));
        }
    }

    /// A line was typed, so the prompt is above.
    pub(crate) const fn entered(&mut self) {
        self.prompted = false;
    }

    /// Ends the line of the prompt, as a process that ends should.
    pub(crate) fn finish(&mut self) {
        if self.prompted {
            self.prompted = false;
            self.write(format_args!("\n"));
        }
    }

    fn write(&mut self, text: fmt::Arguments<'_>) {
        let written = self.out.write_fmt(text).and_then(|()| self.out.flush());
        self.broken |= written.is_err();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_cannot_reorder_or_break_a_line() {
        let name = "Ada\u{202e}ysub\u{2066}\u{2028}x \u{5e9}\u{5dc}";
        assert_eq!(tame(name.to_owned()), "Ada\u{fffd}ysub\u{fffd}\u{fffd}x \u{5e9}\u{5dc}");

        let event = Event::new("roster", "").with("name", name);
        let line = escaped(serde_json::to_string(&event).unwrap());
        assert_eq!(
            line,
            "{\"event\":\"roster\",\"name\":\"Ada\\u202eysub\\u2066\\u2028x \u{5e9}\u{5dc}\"}"
        );
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["name"], name);
    }
}
