//! A part of a timeline as a Mermaid sequence diagram.

use core::fmt::Write;
use std::collections::BTreeSet;

use crate::client::ClientId;
use crate::timeline::Part;
use crate::timeline::Timeline;
use crate::timeline::What;
use crate::timeline::Who;

/// A label longer than this is cut, because the diagram would be as wide as it.
const LONGEST: usize = 160;

impl Timeline {
    /// A part of the story as a Mermaid `sequenceDiagram`: a lifeline for each client, one for the
    /// hub, a note for what happens to the network. A page with more than a few hundred things
    /// cannot be read; give the part a [`last`](Part::last).
    ///
    /// ```
    /// use core::time::Duration;
    /// use coview_sim::{Part, World, town};
    ///
    /// let mut world = World::new(town::config(), 7);
    /// world.add_visitor("anna", town::visitor(town::NORTH));
    /// world.run_for(Duration::from_secs(1));
    /// let diagram = world.timeline().mermaid(&Part::default());
    /// assert!(diagram.starts_with("sequenceDiagram\n"));
    /// let hello = |line: &str| line.starts_with("    v0->>hub: ") && line.contains("s hello app=active");
    /// assert!(diagram.lines().any(hello));
    /// ```
    #[must_use]
    pub fn mermaid(&self, part: &Part) -> String {
        let told = self.told(part);
        let clients: BTreeSet<ClientId> = told
            .iter()
            .filter_map(|(entry, _)| match entry.who {
                Who::Client(client) => Some(client),
                Who::Hub | Who::Network => None,
            })
            .collect();
        let mut out = String::from("sequenceDiagram\n");
        let mut line = |text: String| {
            out.push_str("    ");
            out.push_str(&text);
            out.push('\n');
        };
        // Visitors stand on one side of the hub and agents on the other.
        let of = |agents: bool| {
            clients.iter().filter(move |client| matches!(client, ClientId::Agent(_)) == agents)
        };
        for client in of(false) {
            line(format!("participant {} as {}", life(*client), self.label(*client)));
        }
        line("participant hub".to_owned());
        for client in of(true) {
            line(format!("participant {} as {}", life(*client), self.label(*client)));
        }
        for (entry, words) in &told {
            let words = words.trim_start_matches(['→', '←', ' ']);
            let words = escaped(&format!("{} {words}", entry.at));
            line(match (entry.who, &entry.what) {
                (Who::Client(client), What::Says(_)) => {
                    format!("{}->>hub: {words}", life(client))
                }
                (Who::Client(client), What::Hears(_)) => {
                    format!("hub-->>{}: {words}", life(client))
                }
                (Who::Client(client), What::Words(_)) => {
                    format!("note over {}: {words}", life(client))
                }
                (Who::Hub, _) => format!("note over hub: {words}"),
                (Who::Network, _) => format!("note over hub: the network {words}"),
            });
        }
        out
    }

    fn label(&self, client: ClientId) -> String {
        escaped(&format!("{} ({})", self.name_of(client), life(client)))
    }
}

/// The name of a lifeline: short, and another one for who comes back after a crash.
fn life(client: ClientId) -> String {
    match client {
        ClientId::Visitor(no) => format!("v{}", no.0),
        ClientId::Agent(no) => format!("a{}", no.0),
    }
}

/// A text that ends no statement and begins no comment. Mermaid ends a statement at a semicolon and
/// reads a number sign as the beginning of an entity, so both are written as entities themselves,
/// like what it would take for HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, char) in text.chars().enumerate() {
        if at == LONGEST {
            out.push('…');
            break;
        }
        match char {
            ';' => out.push_str("#59;"),
            '#' => out.push_str("#35;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '"' => out.push_str("#quot;"),
            '%' | '{' | '}' => {
                let _ = write!(out, "#{};", u32::from(char));
            }
            '\n' | '\r' => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_mermaid_is_written_as_entities() {
        assert_eq!(
            escaped("a;b #1 <c> {d} 5% \"e\""),
            "a#59;b #35;1 #lt;c#gt; #123;d#125; 5#37; #quot;e#quot;"
        );
        assert_eq!(escaped(&"x".repeat(LONGEST + 1)), format!("{}…", "x".repeat(LONGEST)));
    }
}
