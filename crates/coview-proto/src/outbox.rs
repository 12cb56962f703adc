use alloc::collections::VecDeque;
use alloc::vec::Vec;

use coview_wire::RequestId;

use crate::role::Coalesced;
use crate::role::Role;

/// How many messages an engine keeps at most until the server has seen them. With one more it ends
/// with [`Ended::Backlog`](crate::Ended::Backlog).
///
/// An app cannot come near it by telling where the visitor is: of the changes of presence data and
/// of the moves between foreground and background that wait for the connection, each new one takes
/// up the one before.
pub const OUTBOX_LIMIT: usize = 256;

/// How many messages are under way at most without the server having acknowledged them. The others
/// wait in the outbox, where they can still be taken up by later ones.
pub const WINDOW: usize = 32;

/// What the app said and the server is not known to have acted on, in order.
///
/// ```text
///  front                                                   back
///  ├── said on this connection ──┼── not said on it ────────┤
///  ├── said on any connection ────────┼── never said ───────┤   only these may be coalesced
/// ```
#[derive(Clone)]
pub(crate) struct Outbox<R: Role> {
    pub(crate) entries: VecDeque<(RequestId, R::Says)>,
    /// How many from the front were said on this connection.
    pub(crate) said: usize,
    /// How many from the front were said on this or an earlier connection.
    pub(crate) ever: usize,
}

/// The outbox holds [`OUTBOX_LIMIT`] messages already.
#[derive(Debug)]
pub(crate) struct Full;

impl<R: Role> Outbox<R> {
    pub(crate) fn new() -> Self {
        Self { entries: VecDeque::new(), said: 0, ever: 0 }
    }

    /// Takes a message in. Its number is above all before.
    pub(crate) fn push(&mut self, re: RequestId, mut message: R::Says) -> Result<(), Full> {
        for at in (self.ever..self.entries.len()).rev() {
            match R::coalesce(&self.entries[at].1, &message) {
                Coalesced::Into(both) => {
                    self.entries.remove(at);
                    message = both;
                    break;
                }
                Coalesced::Apart => {}
                Coalesced::Barrier => break,
            }
        }
        if self.entries.len() == OUTBOX_LIMIT {
            return Err(Full);
        }
        self.entries.push_back((re, message));
        Ok(())
    }

    /// The next message to say on this connection; `None` if there is none or the window is full.
    pub(crate) fn say_next(&mut self) -> Option<&R::Says> {
        if self.said == WINDOW {
            return None;
        }
        let (_, message) = self.entries.get(self.said)?;
        self.said += 1;
        self.ever = self.ever.max(self.said);
        Some(message)
    }

    /// How many messages said on this connection are not acknowledged.
    pub(crate) fn under_way(&self) -> usize {
        self.said
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The connection is gone: everything has to be said again.
    pub(crate) fn rewind(&mut self) {
        self.said = 0;
    }

    /// Takes out the first message, if the server has seen it.
    pub(crate) fn acknowledged(&mut self, seen: RequestId) -> Option<(RequestId, R::Says)> {
        // What was never said cannot have been seen, whatever the server claims.
        if self.ever == 0 || self.entries.front()?.0 > seen {
            return None;
        }
        self.said = self.said.saturating_sub(1);
        self.ever -= 1;
        self.entries.pop_front()
    }

    /// Takes out what has an answer already, and gives the answers. Nothing was said on this
    /// connection yet.
    pub(crate) fn settle(
        &mut self,
        answer: impl Fn(&R::Says) -> Option<R::Hears>,
    ) -> Vec<R::Hears> {
        let mut answers = Vec::new();
        let (mut at, mut ever) = (0, self.ever);
        self.entries.retain(|(_, message)| {
            let answer = answer(message);
            let keep = answer.is_none();
            if !keep && at < self.ever {
                ever -= 1;
            }
            at += 1;
            answers.extend(answer);
            keep
        });
        self.ever = ever;
        answers
    }

    /// What was said to the server, on this or an earlier connection.
    pub(crate) fn told(&self) -> impl Iterator<Item = &R::Says> {
        self.entries.iter().take(self.ever).map(|(_, message)| message)
    }

    /// What was never said.
    pub(crate) fn untold(&self) -> impl Iterator<Item = &R::Says> {
        self.entries.iter().skip(self.ever).map(|(_, message)| message)
    }
}
