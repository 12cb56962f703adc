//! Which agent waits to be let into the session that runs, as far as this side has been told.

use alloc::boxed::Box;

use coview_wire::JoinId;
use coview_wire::JoinRequested;
use coview_wire::WithdrawReason;

/// The agents who typed the key of one session and wait for the visitor's word: one at a time.
#[derive(Debug, Default)]
pub(crate) struct Joins {
    /// The app has not been told of this one.
    at_the_door: Option<Box<JoinRequested>>,
    /// The app has been told of this one and has not answered.
    told: Option<Told>,
    /// The newest there was. Their numbers only grow in a session, so what is not above it is a
    /// repetition or is over.
    newest: Option<JoinId>,
}

#[derive(Debug)]
struct Told {
    join: JoinId,
    over: Option<WithdrawReason>,
}

impl Joins {
    pub(crate) fn requested(&mut self, asked: JoinRequested) {
        if self.newest.is_none_or(|newest| newest < asked.join) {
            // At most one waits at a time, so an older one is over.
            self.withdraw(None, WithdrawReason::Unknown);
            self.newest = Some(asked.join);
            self.at_the_door = Some(Box::new(asked));
        }
    }

    /// The wait of this one, or of any, is over without an answer.
    pub(crate) fn withdraw(&mut self, join: Option<JoinId>, reason: WithdrawReason) {
        self.at_the_door.take_if(|asked| join.is_none_or(|join| join == asked.join));
        if let Some(told) = &mut self.told
            && join.is_none_or(|join| join == told.join)
        {
            told.over.get_or_insert(reason);
        }
    }

    /// Makes this agree with a snapshot: whoever no longer waits went away unheard, `over` says why
    /// if the server still knows.
    pub(crate) fn reconcile(
        &mut self,
        waiting: Option<JoinRequested>,
        over: impl Fn(JoinId) -> WithdrawReason,
    ) {
        let still = waiting.as_ref().map(|asked| asked.join);
        let at_the_door = self.at_the_door.as_ref().map(|asked| asked.join);
        let told = self.told.as_ref().map(|told| told.join);
        for join in [at_the_door, told].into_iter().flatten().filter(|join| still != Some(*join)) {
            self.withdraw(Some(join), over(join));
        }
        if let Some(asked) = waiting {
            self.requested(asked);
        }
    }

    /// Takes the one at the door, if there is one, to tell the app.
    pub(crate) fn let_in(&mut self) -> Option<Box<JoinRequested>> {
        let asked = self.at_the_door.take()?;
        self.told = Some(Told { join: asked.join, over: None });
        Some(asked)
    }

    /// Why the wait the app was told of is over without an answer, if it is.
    pub(crate) fn take_withdrawn(&mut self) -> Option<WithdrawReason> {
        let reason = self.told.as_ref()?.over?;
        self.told = None;
        Some(reason)
    }

    /// This side answered; whatever still comes about it is stale.
    pub(crate) fn answered(&mut self) {
        self.told = None;
    }
}
