use std::sync::Arc;

use coview_wire::Moment;

use crate::checker::Checker;
use crate::checker::Seen;
use crate::client::ClientId;
use crate::timeline::Timeline;

/// Where everything that happens is written down and checked.
pub(crate) struct Notes {
    pub(crate) now: Moment,
    pub(crate) timeline: Timeline,
    pub(crate) checker: Checker,
}

impl Notes {
    pub(crate) fn see(&mut self, seen: Seen<'_>) {
        self.checker.at(self.now);
        self.checker.see(seen);
    }

    pub(crate) fn client(&mut self, client: ClientId, words: impl Into<String>) {
        self.timeline.client(self.now, client, words);
    }

    pub(crate) fn says(&mut self, client: ClientId, text: Arc<str>) {
        self.timeline.says(self.now, client, text);
    }

    pub(crate) fn hears(&mut self, client: ClientId, text: Arc<str>) {
        self.timeline.hears(self.now, client, text);
    }

    pub(crate) fn hub(&mut self, words: impl Into<String>) {
        self.timeline.hub(self.now, words);
    }

    pub(crate) fn network(&mut self, words: impl Into<String>) {
        self.timeline.network(self.now, words);
    }
}
