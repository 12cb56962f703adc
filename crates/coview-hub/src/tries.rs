//! How many wrong keys may be tried: by an agent, from a network, in a group.

use alloc::collections::BTreeMap;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use coview_wire::AgentId;
use coview_wire::Moment;

use crate::config::Policy;

/// Counts events in a window that begins with the first one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
/// They are counted by agent id and by network, not by connection: signing in again gives no new
/// tries. What is over is forgotten when the next wrong key is counted, so no deadline stands behind
/// it and a group at rest keeps what it has, which is bounded.
#[derive(Clone, Debug, Default)]
pub(crate) struct WrongKeys {
    agents: Book<AgentId>,
    networks: Book<Network>,
    /// When they were tried, oldest first, and how many live keys each could have hit.
    tried: VecDeque<(Moment, u64)>,
    /// The sum of those numbers. Divided by the number of keys there are it is the chance that one
    /// of them had hit.
    risked: u64,
    /// Whether visitors are asked because of that.
    asks: bool,
    wait: Wait,
}

/// Who tries a key.
#[derive(Clone, Copy)]
pub(crate) struct Guesser<'a> {
    pub(crate) agent: &'a AgentId,
    /// Absent if the server's owner does not tell.
    pub(crate) address: Option<IpAddr>,
}

/// No key may be tried now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMany {
    /// How long to wait. It may be more than what is left when this is over: the longest of the
    /// waits that apply.
    pub(crate) left: Duration,
    /// Whether nobody was told of one of these waits before. A client that hammers is refused each
    /// time and fills no log.
    pub(crate) news: bool,
}

impl WrongKeys {
    /// Whether a key may be tried now. It does not matter which: this is asked before it is looked
    /// up.
    pub(crate) fn may_try(&mut self, who: Guesser<'_>, now: Moment) -> Result<(), TooMany> {
        let mut news = false;
        let mut left = Duration::ZERO;
        let mut look = |wait: &mut Wait| {
            if let Some(more) = wait.left(now) {
                news |= !core::mem::replace(&mut wait.told, true);
                left = left.max(more);
            }
        };
        look(&mut self.wait);
        self.agents.wait(who.agent).into_iter().for_each(&mut look);
        for (network, _) in networks(who.address) {
            self.networks.wait(&network).into_iter().for_each(&mut look);
        }
        if left.is_zero() { Ok(()) } else { Err(TooMany { left, news }) }
    }

    /// Whether one more key, which could hit so many live ones of so many keys there are, would make
    /// the guesses of this window too likely to have hit something: then the visitor must be asked.
    pub(crate) fn must_ask(
        &mut self,
        at_risk: u64,
        values: u64,
        now: Moment,
        policy: &Policy,
    ) -> bool {
        self.forget(now, policy);
        let risked = u128::from(self.risked.saturating_add(at_risk));
        let asks = risked * u128::from(policy.key_odds) > u128::from(values);
        self.asks &= asks;
        asks
    }

    /// Whether, after a wrong key was counted, the next one like it would be asked about and the one
    /// before was not.
    pub(crate) fn steps_up(
        &mut self,
        at_risk: u64,
        values: u64,
        now: Moment,
        policy: &Policy,
    ) -> bool {
        let before = self.asks;
        self.asks = true;
        self.must_ask(at_risk, values, now, policy) && !before
    }

    /// Counts a wrong key, which could have hit so many live ones.
    pub(crate) fn count(&mut self, who: Guesser<'_>, at_risk: u64, now: Moment, policy: &Policy) {
        self.agents.count(who.agent.clone(), policy.key_tries, now, policy);
        for (network, times) in networks(who.address) {
            let most = policy.key_tries_network.saturating_mul(times);
            self.networks.count(network, most, now, policy);
        }
        self.forget(now, policy);
        self.tried.push_back((now, at_risk));
        self.risked = self.risked.saturating_add(at_risk);
        if self.tried.len() >= policy.key_tries_group as usize {
            self.wait.grow(now, policy);
        }
        // Only a policy without waits gets here often. The risk of the oldest is counted with the
        // next, which is forgotten later: never too little.
        if self.tried.len() > policy.key_tries_group as usize * 2
            && let Some((_, at_risk)) = self.tried.pop_front()
            && let Some((_, next)) = self.tried.front_mut()
        {
            *next = next.saturating_add(at_risk);
        }
    }

    /// Forgets what lies back longer than the window.
    fn forget(&mut self, now: Moment, policy: &Policy) {
        while let Some((when, at_risk)) = self.tried.front().copied()
            && now.since(when) >= policy.key_tries_window
        {
            self.tried.pop_front();
            self.risked = self.risked.saturating_sub(at_risk);
        }
        if self.tried.is_empty() {
            self.risked = 0;
        }
    }
}

/// How long nobody may try, and how often that was so.
#[derive(Clone, Copy, Debug, Default)]
struct Wait {
    times: u32,
    until: Moment,
    told: bool,
}

impl Wait {
    fn left(&self, now: Moment) -> Option<Duration> {
        (self.times > 0 && now < self.until).then(|| self.until.since(now))
    }

    /// Whether it is too long ago to matter.
    fn is_forgotten(&self, now: Moment, policy: &Policy) -> bool {
        self.times == 0 || now >= self.until + policy.key_wait_forgotten
    }

    /// The next wait begins: twice as long as the one before, if that is not forgotten.
    fn grow(&mut self, now: Moment, policy: &Policy) {
        let times = if self.is_forgotten(now, policy) { 0 } else { self.times };
        let doubled = policy.key_wait.saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX));
        let until = now + doubled.min(policy.key_wait_max.max(policy.key_wait));
        *self = Self { times: times.saturating_add(1), until, told: false };
    }
}

/// The wrong keys of one agent or one network.
#[derive(Clone, Copy, Debug, Default)]
struct Tries {
    window: Window,
    wait: Wait,
    last: Moment,
}

/// The wrong keys of many, each by name.
#[derive(Clone, Debug)]
struct Book<K> {
    of: BTreeMap<K, Tries>,
    /// When what is forgotten was last taken out.
    swept: Moment,
}

impl<K> Default for Book<K> {
    fn default() -> Self {
        Self { of: BTreeMap::new(), swept: Moment::ZERO }
    }
}

impl<K: Ord + Clone> Book<K> {
    /// The most entries. The budget of the group alone keeps a group with the default policy below
    /// it; this holds for every policy. Beyond it the quarter goes whose last wrong keys are longest
    /// ago.
    const MOST: usize = 8_192;

    fn wait(&mut self, whose: &K) -> Option<&mut Wait> {
        self.of.get_mut(whose).map(|it| &mut it.wait)
    }

    fn count(&mut self, whose: K, most: u32, now: Moment, policy: &Policy) {
        let window = policy.key_tries_window;
        if self.of.len() >= Self::MOST || now.since(self.swept) >= window {
            self.sweep(now, policy);
        }
        let it = self.of.entry(whose).or_default();
        it.last = now;
        // Whoever had to wait and is not forgiven waits after each wrong key.
        if it.window.add(now, window) >= most || !it.wait.is_forgotten(now, policy) {
            it.wait.grow(now, policy);
        }
    }

    fn sweep(&mut self, now: Moment, policy: &Policy) {
        self.swept = now;
        self.of.retain(|_, it| {
            it.window.count(now, policy.key_tries_window) > 0 || !it.wait.is_forgotten(now, policy)
        });
        if self.of.len() >= Self::MOST {
            let mut by_age: Vec<_> =
                self.of.iter().map(|(key, it)| (it.last, key.clone())).collect();
            by_age.sort();
            for (_, key) in by_age.into_iter().take(Self::MOST / 4) {
                self.of.remove(&key);
            }
        }
    }
}

/// A range of addresses that one customer of a network is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Network {
    V4(u32),
    /// The first 64 bits, of which so many count.
    V6 {
        bits: u8,
        prefix: u64,
    },
}

/// The networks an address is in, and how many times the tries of the smallest each may have.
fn networks(address: Option<IpAddr>) -> impl Iterator<Item = (Network, u32)> {
    let v4 = |bits| [Some((Network::V4(bits), 1)), None, None];
    let of = match address.map(|address| address.to_canonical()) {
        None => [None; 3],
        Some(IpAddr::V4(address)) => v4(address.to_bits()),
        Some(IpAddr::V6(address)) => {
            let prefix = (address.to_bits() >> 64) as u64;
            [(64, 1), (56, 2), (48, 4)].map(|(bits, times)| {
                Some((Network::V6 { bits, prefix: prefix & !0 << (64 - bits) }, times))
            })
        }
    };
    of.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const SPACE: u64 = 100_000_000;

    fn at(seconds: u64) -> Moment {
        Moment::new(Duration::from_secs(seconds))
    }

    fn agent(number: usize) -> AgentId {
        AgentId::new(format!("agent-{number}")).unwrap()
    }

    fn try_from<'a>(agent: &'a AgentId, address: Option<&str>) -> Guesser<'a> {
        Guesser { agent, address: address.map(|text| text.parse().unwrap()) }
    }

    fn left(wrong: &mut WrongKeys, who: Guesser<'_>, seconds: u64) -> u64 {
        wrong.may_try(who, at(seconds)).map_or_else(|it| it.left.as_secs(), |()| 0)
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
    fn whoever_is_forgotten_is_taken_out_by_the_first_wrong_key_after_a_window() {
        let policy = Policy { key_tries_window: MINUTE, ..Policy::default() };
        let mut book = Book::default();
        for (who, now, kept) in [(1, 1, 1), (2, 59, 2), (3, 60, 3), (4, 118, 4), (5, 120, 2)] {
            book.count(who, 9, at(now), &policy);
            assert_eq!(book.of.len(), kept, "at {now}");
        }
    }

    #[test]
    fn an_agent_waits_longer_and_longer_until_it_is_forgotten() {
        let policy = Policy::default();
        let name = agent(0);
        let who = try_from(&name, None);
        let mut wrong = WrongKeys::default();
        for second in 0..4 {
            wrong.count(who, 1, at(second), &policy);
            assert_eq!(left(&mut wrong, who, second), 0);
        }
        let mut now = 4;
        for wait in [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600] {
            wrong.count(who, 1, at(now), &policy);
            assert_eq!(left(&mut wrong, who, now), wait);
            assert_eq!(left(&mut wrong, who, now + wait - 1), 1);
            now += wait;
            assert_eq!(left(&mut wrong, who, now), 0);
        }
        // One second before it is forgotten a wrong key still costs the longest wait.
        now += 3_599;
        wrong.count(who, 1, at(now), &policy);
        assert_eq!(left(&mut wrong, who, now), 3_600);
        now += 7_200;
        for _ in 0..4 {
            wrong.count(who, 1, at(now), &policy);
            assert_eq!(left(&mut wrong, who, now), 0);
        }
        wrong.count(who, 1, at(now), &policy);
        assert_eq!(left(&mut wrong, who, now), 30);
    }

    #[test]
    fn a_wait_is_news_once() {
        let policy = Policy { key_tries: 1, ..Policy::default() };
        let name = agent(0);
        let who = try_from(&name, Some("192.0.2.1"));
        let mut wrong = WrongKeys::default();
        wrong.count(who, 1, at(0), &policy);
        let news: Vec<_> = (0..3).map(|_| wrong.may_try(who, at(1)).unwrap_err().news).collect();
        assert_eq!(news, [true, false, false]);
        wrong.count(who, 1, at(30), &policy);
        assert!(wrong.may_try(who, at(31)).unwrap_err().news);
    }

    #[test]
    fn a_network_is_limited_whatever_the_agents() {
        let policy = Policy { key_tries: 100, key_tries_network: 3, ..Policy::default() };
        let tried = |addresses: &[&str]| {
            let mut wrong = WrongKeys::default();
            for (number, address) in addresses.iter().enumerate() {
                wrong.count(try_from(&agent(number), Some(address)), 1, at(0), &policy);
            }
            move |address: &str| left(&mut wrong, try_from(&agent(99), Some(address)), 1)
        };
        let mut wait = tried(&["192.0.2.1"; 3]);
        assert_eq!((wait("192.0.2.1"), wait("192.0.2.2")), (29, 0));
        // A client of an IPv4 network that arrives through an IPv6 socket is the same client.
        let mut wait = tried(&["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201"]);
        assert_eq!((wait("192.0.2.1"), wait("::ffff:192.0.2.1"), wait("::192.0.2.1")), (29, 29, 0));
        // The same 64 bits, and a neighbour.
        let mut wait = tried(&["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::"]);
        assert_eq!((wait("2001:db8::ffff"), wait("2001:db8:0:1::1")), (29, 0));
        // Six in the same 56 bits, none more than once in the same 64.
        let many: Vec<_> = (0..6).map(|it| format!("2001:db8:0:{it:x}::1")).collect();
        let many: Vec<_> = many.iter().map(|it| &**it).collect();
        let mut wait = tried(&many);
        assert_eq!((wait("2001:db8:0:ff::1"), wait("2001:db8:0:100::1")), (29, 0));
        // Twelve in the same 48 bits, none more than once in the same 56.
        let many: Vec<_> = (0..12).map(|it| format!("2001:db8:0:{it:x}00::1")).collect();
        let many: Vec<_> = many.iter().map(|it| &**it).collect();
        let mut wait = tried(&many);
        assert_eq!((wait("2001:db8:0:ffff::1"), wait("2001:db8:1::1")), (29, 0));
    }

    #[test]
    fn a_group_waits_at_its_cap_and_only_then() {
        let policy = Policy { key_tries_group: 3, ..Policy::default() };
        let mut wrong = WrongKeys::default();
        let stranger = agent(99);
        let honest = try_from(&stranger, None);
        for number in 0..2 {
            wrong.count(try_from(&agent(number), None), 1, at(0), &policy);
            assert_eq!(left(&mut wrong, honest, 0), 0);
        }
        wrong.count(try_from(&agent(2), None), 1, at(0), &policy);
        assert_eq!(left(&mut wrong, honest, 0), 30);
        wrong.count(try_from(&agent(3), None), 1, at(30), &policy);
        assert_eq!(left(&mut wrong, honest, 30), 60);
        // The window slides: ten minutes later there is room again.
        wrong.count(try_from(&agent(4), None), 1, at(630), &policy);
        assert_eq!(left(&mut wrong, honest, 630), 0);
    }

    #[test]
    fn the_visitor_is_asked_before_a_guess_is_too_likely_to_have_hit() {
        let policy = Policy::default();
        for (live, guesses) in [(1, 100), (3, 33), (50, 2), (100, 1), (101, 0)] {
            let mut wrong = WrongKeys::default();
            for number in 0..guesses {
                assert!(!wrong.must_ask(live, SPACE, at(1), &policy), "{live} live, {number}");
                wrong.count(try_from(&agent(number), None), live, at(1), &policy);
            }
            assert!(wrong.must_ask(live, SPACE, at(1), &policy), "{live} live");
            assert!(wrong.must_ask(live, SPACE, at(600), &policy) || guesses == 0, "{live} live");
            assert_eq!(wrong.must_ask(live, SPACE, at(601), &policy), guesses == 0, "{live} live");
        }
    }

    #[test]
    fn a_wait_is_over_at_its_very_end() {
        let wait = Wait { times: 1, until: at(5), told: false };
        assert_eq!(wait.left(at(4)), Some(Duration::from_secs(1)));
        assert_eq!((wait.left(at(5)), wait.left(at(6))), (None, None));
        assert_eq!(Wait::default().left(Moment::ZERO), None);
    }

    #[test]
    fn what_is_kept_is_bounded_whatever_the_policy() {
        let policy = Policy {
            key_tries_group: 1_000_000,
            key_wait: Duration::ZERO,
            key_wait_max: Duration::ZERO,
            ..Policy::default()
        };
        let mut wrong = WrongKeys::default();
        let most = Book::<AgentId>::MOST;
        for number in 0..10_000_usize {
            let address = format!("2001:db8:{:x}:{:x}::1", number / 7, number % 7);
            wrong.count(try_from(&agent(number), Some(&address)), 1, at(1), &policy);
            assert!(wrong.agents.of.len() <= most && wrong.networks.of.len() <= most);
        }
        assert!(wrong.agents.of.len() > most / 2 && wrong.networks.of.len() > most / 2);
        wrong.count(try_from(&agent(0), None), 1, at(10_000), &policy);
        assert_eq!((wrong.agents.of.len(), wrong.tried.len(), wrong.risked), (1, 1, 1));

        let policy = Policy { key_tries_group: 3, ..policy };
        let mut wrong = WrongKeys::default();
        for number in 0..100 {
            wrong.count(try_from(&agent(number), None), 1, at(1), &policy);
        }
        assert_eq!((wrong.tried.len(), wrong.risked), (6, 100), "the risk is not forgotten");
    }
}
