use std::sync::Arc;

use coview_agent::AgentStateKind;
use coview_lifecycle::StateKind;
use coview_lifecycle::table::Trigger;
use coview_wire::Moment;

use crate::checker::Checker;
use crate::checker::Rule;
use crate::checker::Seen;
use crate::client::ClientId;
use crate::coverage::Coverage;
use crate::coverage::Item;
use crate::timeline::Timeline;

/// Where everything that happens is written down and checked.
pub(crate) struct Notes {
    pub(crate) now: Moment,
    pub(crate) timeline: Timeline,
    pub(crate) checker: Checker,
    pub(crate) coverage: Coverage,
}

impl Notes {
    pub(crate) fn see(&mut self, seen: Seen<'_>) {
        self.coverage.see(&seen);
        self.checker.at(self.now);
        self.checker.see(seen);
    }

    /// Something may be read by anybody.
    pub(crate) fn text(&mut self, of: &'static str, text: &str) {
        self.see(Seen::Text { of, text });
    }

    /// Something was reached.
    pub(crate) fn reached(&mut self, item: Item) {
        self.coverage.note(item);
    }

    /// A visitor went from one state to another: as the table says, or the server said no.
    pub(crate) fn moved(
        &mut self,
        client: ClientId,
        (from, on): (StateKind, Trigger),
        to: StateKind,
        refused: bool,
    ) {
        let row = coview_lifecycle::table::edge(from, on);
        let expected = row.and_then(|row| if refused { row.refused } else { Some(row.to) });
        if expected != Some(to) {
            let how = format!("{client}: `{on}` in {from} led to {to}, refused {refused}");
            self.checker.broken(Rule::Table, how);
        }
        self.reached(if refused { Item::RefusedRow(from, on) } else { Item::Row(from, on) });
    }

    /// An agent went from one state to another.
    pub(crate) fn agent_moved(
        &mut self,
        client: ClientId,
        (from, on): (AgentStateKind, coview_agent::table::Trigger),
        to: AgentStateKind,
        refused: bool,
    ) {
        let row = coview_agent::table::edge(from, on);
        let expected = row.and_then(|row| if refused { row.refused } else { Some(row.to) });
        if expected != Some(to) {
            let how = format!("{client}: `{on}` in {from} led to {to}, refused {refused}");
            self.checker.broken(Rule::Table, how);
        }
        self.reached(if refused {
            Item::RefusedAgentRow(from, on)
        } else {
            Item::AgentRow(from, on)
        });
    }

    pub(crate) fn client(&mut self, client: ClientId, words: impl Into<String>) {
        let words = words.into();
        self.text("the timeline", &words);
        self.timeline.client(self.now, client, words);
    }

    pub(crate) fn says(&mut self, client: ClientId, text: Arc<str>) {
        self.timeline.says(self.now, client, text);
    }

    pub(crate) fn hears(&mut self, client: ClientId, text: Arc<str>) {
        self.timeline.hears(self.now, client, text);
    }

    pub(crate) fn hub(&mut self, words: impl Into<String>) {
        let words = words.into();
        self.text("the timeline", &words);
        self.timeline.hub(self.now, words);
    }

    pub(crate) fn network(&mut self, words: impl Into<String>) {
        let words = words.into();
        self.text("the timeline", &words);
        self.timeline.network(self.now, words);
    }
}
