//! What must be true of every join that waited, and of every record of masks.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use coview_hub::*;
use coview_wire::*;

/// By what rules keys are used in one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Whether the visitor is asked about everybody.
    pub(crate) confirm: bool,
    /// Whether a key is good for one.
    pub(crate) once: bool,
    /// Whether a few wrong keys make the group ask, too.
    pub(crate) nervous: bool,
}

/// What visitors were asked and said, as they know it.
#[derive(Default)]
pub(crate) struct Joins {
    asked: BTreeMap<JoinId, usize>,
    confirmed: BTreeSet<JoinId>,
    declined: BTreeSet<JoinId>,
    covered: BTreeMap<SessionId, MaskState>,
}

impl Joins {
    /// A visitor is asked about a join: in a message or, again, in a snapshot.
    pub(crate) fn asked(&mut self, who: Option<usize>, it: &JoinRequested) {
        let who = who.expect("a visitor who is there");
        let before = self.asked.insert(it.join, who);
        assert!(before.is_none_or(|before| before == who), "asked about another's join");
    }

    /// The newest of all, whoever was asked.
    pub(crate) fn newest(&self) -> Option<JoinId> {
        self.asked.keys().next_back().copied()
    }

    /// A visitor is about to answer. It counts if that visitor was asked.
    pub(crate) fn answers(&mut self, who: usize, join: JoinId, yes: bool) {
        if self.asked.get(&join) == Some(&who) {
            if yes { &mut self.confirmed } else { &mut self.declined }.insert(join);
        }
    }

    /// A visitor said of its running session what it covers.
    pub(crate) fn covers(&mut self, session: SessionId, state: MaskState) {
        self.covered.insert(session, state);
    }

    /// Goes through what happened, when everything is over.
    pub(crate) fn check(&self, events: &[Event], rules: Rules) {
        let mut sessions: BTreeMap<SessionId, Story> = BTreeMap::new();
        for event in events {
            self.check_one(&mut sessions, event, rules);
        }
        for (session, story) in &sessions {
            assert_eq!(story.waits, None, "a join of {session} has no end");
        }
        for (session, state) in &self.covered {
            let recorded = sessions.get(session).and_then(|story| story.covered);
            assert_eq!(recorded, Some(*state), "the last of {session} is not on record");
        }
    }

    fn check_one(&self, all: &mut BTreeMap<SessionId, Story>, event: &Event, rules: Rules) {
        match event {
            Event::SessionStarted { session, ask, .. } => {
                all.insert(*session, Story { by_key: ask.is_none(), ..Story::default() });
            }
            Event::JoinRequested { session, join, .. } => {
                let story = all.get_mut(session).expect("a session that runs");
                assert!(story.by_key && !story.over && !story.burned, "asked for nothing");
                assert_eq!(story.waits.replace(*join), None, "two wait at once");
                story.asks = true;
            }
            Event::JoinConfirmed { session, join, .. } => {
                let story = all.get_mut(session).expect("a session that runs");
                assert_eq!(story.waits.take(), Some(*join));
                assert!(self.confirmed.contains(join), "nobody said yes to {join}");
                story.let_in = true;
            }
            Event::JoinDeclined { session, join, .. } => {
                let story = all.get_mut(session).expect("a session that runs");
                assert_eq!(story.waits.take(), Some(*join));
                assert!(self.declined.contains(join), "nobody said no to {join}");
            }
            Event::JoinEnded { session, join, .. } => {
                let story = all.get_mut(session).expect("a session that runs");
                assert_eq!(story.waits.take(), Some(*join));
            }
            Event::GuestJoined { session, .. } => {
                let story = all.get_mut(session).expect("a session that runs");
                let let_in = core::mem::take(&mut story.let_in);
                if story.by_key {
                    assert!(!story.burned && !story.used, "came in with a key that is over");
                    story.used = rules.once;
                    assert!(let_in || !(rules.confirm || story.asks), "came in unasked");
                }
            }
            Event::KeyBurned { session, .. } => {
                let story = all.get_mut(session).expect("a session that runs");
                assert!(story.by_key && !story.burned, "burned twice");
                story.burned = true;
            }
            Event::MasksChanged { session, state, .. } => {
                let story = all.get_mut(session).expect("a session that runs");
                assert!(!story.over, "recorded after the end");
                assert_ne!(story.covered.replace(*state), Some(*state), "recorded twice");
            }
            Event::SessionEnded { session, reason, .. } => {
                if let Some(story) = all.get_mut(session) {
                    story.over = true;
                    story.waits = None;
                    let burned = *reason == EndReason::KeyBurned;
                    assert!(!burned || story.burned, "ended for a key that is good");
                }
            }
            _ => {}
        }
    }
}

/// What happened in one session so far.
#[derive(Default)]
struct Story {
    by_key: bool,
    over: bool,
    burned: bool,
    used: bool,
    asks: bool,
    let_in: bool,
    waits: Option<JoinId>,
    covered: Option<MaskState>,
}
