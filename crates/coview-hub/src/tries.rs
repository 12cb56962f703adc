use alloc::collections::BTreeMap;
use core::time::Duration;

use coview_wire::AgentId;
use coview_wire::Moment;

use crate::config::Policy;

/// Counts events in a window that begins with the first one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    began: Moment,
    count: u32,
}

impl Window {
    /// Counts one more and tells how many there are in the window now.
    pub(crate) fn add(&mut self, now: Moment, length: Duration) -> u32 {
        if self.count(now, length) == 0 {
            *self = Self { began: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count
    }

    /// How many there are in the window now.
    pub(crate) fn count(&self, now: Moment, length: Duration) -> u32 {
        if now.since(self.began) < length { self.count } else { 0 }
    }
}

/// The wrong keys tried in one group.
///
/// They are counted by agent id, not by connection: signing in again gives no new tries. There is
/// at most one entry for each configured agent, and entries whose window is over go away when the
/// next wrong key is counted.
#[derive(Debug, Default)]
pub(crate) struct WrongKeys {
    by_agent: BTreeMap<AgentId, Window>,
    of_group: Window,
}

impl WrongKeys {
    /// Whether this agent may try a key now.
    pub(crate) fn may_try(&self, agent: &AgentId, now: Moment, policy: &Policy) -> bool {
        let window = policy.key_tries_window;
        let own = self.by_agent.get(agent).map_or(0, |tries| tries.count(now, window));
        own < policy.key_tries && self.of_group.count(now, window) < policy.key_tries_group
    }

    pub(crate) fn count(&mut self, agent: &AgentId, now: Moment, policy: &Policy) {
        let window = policy.key_tries_window;
        self.by_agent.retain(|_, tries| tries.count(now, window) > 0);
        self.by_agent.entry(agent.clone()).or_default().add(now, window);
        self.of_group.add(now, window);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> Moment {
        Moment::new(Duration::from_secs(seconds))
    }

    #[test]
    fn a_window_begins_with_its_first_event_and_is_forgotten_at_its_end() {
        let mut window = Window::default();
        assert_eq!(window.count(at(0), MINUTE), 0);
        assert_eq!(window.add(at(100), MINUTE), 1);
        assert_eq!(window.add(at(159), MINUTE), 2);
        assert_eq!(window.count(at(159), MINUTE), 2);
        assert_eq!(window.count(at(160), MINUTE), 0);
        assert_eq!(window.add(at(161), MINUTE), 1);
        assert_eq!(window.count(at(220), MINUTE), 1);
    }

    #[test]
    fn wrong_keys_are_limited_by_agent_and_by_group() {
        let policy = Policy { key_tries: 2, key_tries_group: 3, ..Policy::default() };
        let (ada, grace, joan) = (
            AgentId::new("ada").unwrap(),
            AgentId::new("grace").unwrap(),
            AgentId::new("joan").unwrap(),
        );
        let mut wrong = WrongKeys::default();
        wrong.count(&ada, at(0), &policy);
        assert!(wrong.may_try(&ada, at(1), &policy));
        wrong.count(&ada, at(1), &policy);
        assert!(!wrong.may_try(&ada, at(2), &policy));
        assert!(wrong.may_try(&grace, at(2), &policy));
        wrong.count(&grace, at(2), &policy);
        assert!(!wrong.may_try(&joan, at(3), &policy), "the group's budget is used up");
        assert!(wrong.may_try(&ada, at(600), &policy), "the window is over");
        wrong.count(&ada, at(700), &policy);
        assert_eq!(wrong.by_agent.len(), 1, "entries past their window are gone");
    }
}
