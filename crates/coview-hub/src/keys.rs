//! The keys of a group: which are live, and which are over and not drawn again for a day.

use alloc::collections::BTreeMap;
use alloc::collections::BTreeSet;
use alloc::collections::VecDeque;
use core::fmt;

use coview_wire::KeyLength;
use coview_wire::Moment;
use coview_wire::SessionId;
use coview_wire::SessionKey;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use rand_core::SeedableRng;

use crate::config::Policy;
use crate::effects::Effects;

/// What stands for a key wherever keys are looked up: the key, enciphered under a secret of the
/// group.
///
/// How long a search takes depends on how the first bits of what is sought agree with what is
/// there. Of a tag nobody outside can choose a bit, so the time tells nothing about a live key, not
/// even to somebody who measures it exactly.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Tag(u128);

/// The keys of one group.
#[derive(Clone)]
pub(crate) struct Keys {
    secret: [u8; 32],
    length: KeyLength,
    /// A key that is over is not in here, so wrong, used and expired look the same.
    live: BTreeMap<Tag, SessionId>,
    /// Keys that are over. They are looked at only when a new one is drawn, never when one is tried.
    over: BTreeSet<Tag>,
    /// The same, in the order in which they will be forgotten. No deadline stands behind it: what is
    /// due to be forgotten is when the next key is over, so a group at rest keeps what it has.
    order: VecDeque<(Moment, Tag)>,
}

/// What a search for a key comes to.
pub(crate) struct Found {
    /// A session with a live key, if there is any.
    pub(crate) session: Option<SessionId>,
    /// Whether its key is the one that was sought.
    pub(crate) is_it: bool,
}

impl Found {
    /// The session whose key it is.
    pub(crate) fn hit(&self) -> Option<SessionId> {
        self.session.filter(|_| self.is_it)
    }
}

impl Keys {
    pub(crate) fn new(fx: &mut Effects, length: KeyLength) -> Self {
        let mut secret = [0; 32];
        secret[..16].copy_from_slice(&fx.random_u128().to_le_bytes());
        secret[16..].copy_from_slice(&fx.random_u128().to_le_bytes());
        let (live, over, order) = Default::default();
        Self { secret, length, live, over, order }
    }

    /// Draws a key for a session: one that no live session of the group has, and that none had of
    /// late. `None` if too many are taken.
    pub(crate) fn draw(&mut self, fx: &mut Effects, session: SessionId) -> Option<SessionKey> {
        /// Half of all keys would have to be taken for this many draws to fail once in a billion
        /// billion starts.
        const DRAWS: usize = 64;
        for _ in 0..DRAWS {
            let key = fx.random_key(self.length);
            let tag = self.tag(&key);
            if !self.live.contains_key(&tag) && !self.over.contains(&tag) {
                self.live.insert(tag, session);
                return Some(key);
            }
        }
        None
    }

    /// The session of a live key, or of the one next to it. A caller who does the same with both
    /// takes the same time, whether the key is live or not.
    pub(crate) fn find(&self, key: &SessionKey) -> Found {
        let tag = self.tag(key);
        let next = self.live.range(tag..).next().or_else(|| self.live.first_key_value());
        Found {
            session: next.map(|(_, session)| *session),
            is_it: next.is_some_and(|(live, _)| *live == tag),
        }
    }

    /// The key opens nothing any more. Nothing happens if it did not before.
    pub(crate) fn retire(&mut self, key: &SessionKey, now: Moment, policy: &Policy) {
        let tag = self.tag(key);
        if self.live.remove(&tag).is_none() {
            return;
        }
        self.over.insert(tag);
        self.order.push_back((now + policy.key_reuse, tag));
        let most = u64::from(policy.keys_remembered).min(values(self.length) / 10);
        while self
            .order
            .front()
            .is_some_and(|(until, _)| *until <= now || self.order.len() as u64 > most)
        {
            if let Some((_, tag)) = self.order.pop_front() {
                self.over.remove(&tag);
            }
        }
    }

    /// How many are live.
    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    /// How many live keys a try of a key of this length could hit. All keys of a group have the
    /// same length.
    pub(crate) fn at_risk(&self, length: KeyLength) -> u64 {
        if length == self.length { self.live.len() as u64 } else { 0 }
    }

    /// How many keys of the group's length there are.
    pub(crate) fn values(&self) -> u64 {
        values(self.length)
    }

    fn tag(&self, key: &SessionKey) -> Tag {
        let mut number = Number(1);
        // Cannot fail: the writer below does not.
        let _ = key.write_grouped(&mut number);
        // One block of ChaCha20, whose nonce is the key: a different one for each, and without the
        // secret not to be told from a random one.
        let mut cipher = ChaCha20Rng::from_seed(self.secret);
        cipher.set_stream(number.0);
        let mut bytes = [0; 16];
        cipher.fill_bytes(&mut bytes);
        Tag(u128::from_le_bytes(bytes))
    }
}

/// Tells no key and no secret.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("live", &self.live.len()).finish_non_exhaustive()
    }
}

/// How many keys of this length there are: the last digit is a check digit.
const fn values(length: KeyLength) -> u64 {
    10_u64.pow(length.get() as u32 - 1)
}

/// The digits of a key as a number, with a one before them so that keys of different lengths have
/// different numbers.
struct Number(u64);

impl fmt::Write for Number {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for digit in text.bytes().filter(u8::is_ascii_digit) {
            self.0 = self.0 * 10 + u64::from(digit - b'0');
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use core::time::Duration;

    use super::*;

    fn six() -> KeyLength {
        KeyLength::new(6).unwrap()
    }

    fn effects(policy: Policy) -> Effects {
        Effects::new(policy, [7; 32])
    }

    fn at(seconds: u64) -> Moment {
        Moment::new(Duration::from_secs(seconds))
    }

    #[test]
    fn a_key_finds_its_session_and_nothing_else_does() {
        let mut fx = effects(Policy::default());
        let mut keys = Keys::new(&mut fx, six());
        let other = Keys::new(&mut fx, six());
        let one = keys.draw(&mut fx, SessionId::new(1)).unwrap();
        let two = keys.draw(&mut fx, SessionId::new(2)).unwrap();
        assert_eq!(keys.find(&one).hit(), Some(SessionId::new(1)));
        assert_eq!(keys.find(&two).hit(), Some(SessionId::new(2)));
        assert!(keys.tag(&one) != other.tag(&one), "each group has a secret of its own");
        keys.retire(&one, at(0), &fx.policy);
        assert_eq!((keys.find(&one).hit(), keys.len(), keys.at_risk(six())), (None, 1, 1));
        assert_eq!(keys.at_risk(KeyLength::default()), 0, "no key of nine digits is live");
        assert_eq!(keys.values(), 100_000);
    }

    #[test]
    fn keys_of_different_lengths_have_different_numbers() {
        let number = |digits| {
            let mut number = Number(1);
            let key = SessionKey::random(KeyLength::new(digits).unwrap(), || 0);
            key.write_grouped(&mut number).unwrap();
            number.0
        };
        assert_eq!((number(6), number(12)), (1_000_000, 1_000_000_000_000));
    }

    #[test]
    fn a_key_that_is_over_is_not_drawn_again_for_a_day() {
        let policy = Policy { keys_remembered: u32::MAX, ..Policy::default() };
        let mut fx = effects(policy.clone());
        let mut keys = Keys::new(&mut fx, six());
        let mut seen = BTreeSet::new();
        // A tenth of all keys: by chance about 500 would have come twice.
        for number in 0..10_000 {
            let key = keys.draw(&mut fx, SessionId::new(number)).unwrap();
            assert!(seen.insert(key), "drawn again within the day");
            keys.retire(&key, at(number), &policy);
        }
        assert_eq!((keys.over.len(), keys.order.len()), (10_000, 10_000));
        // The next one finds the day over, and the others are forgotten with it.
        let key = keys.draw(&mut fx, SessionId::new(10_000)).unwrap();
        keys.retire(&key, at(24 * 3_600 + 10_000), &policy);
        assert_eq!((keys.over.len(), keys.order.len()), (1, 1));
    }

    #[test]
    fn the_memory_of_keys_is_bounded_by_number_and_by_length() {
        for (remembered, most) in [(3, 3), (u32::MAX, 10_000), (0, 0)] {
            let policy = Policy { keys_remembered: remembered, ..Policy::default() };
            let mut fx = effects(policy.clone());
            let mut keys = Keys::new(&mut fx, six());
            for number in 0..10_500 {
                let key = keys.draw(&mut fx, SessionId::new(number)).unwrap();
                keys.retire(&key, at(0), &policy);
                assert!(keys.order.len() <= most);
            }
            assert_eq!((keys.over.len(), keys.order.len()), (most, most));
        }
    }

    #[test]
    fn the_number_of_a_key_is_its_digits_after_a_one() {
        let number = |key: &str| {
            let mut number = Number(1);
            fmt::Write::write_str(&mut number, key).unwrap();
            number.0
        };
        assert_eq!((number("123 456"), number("012 3456")), (1_123_456, 10_123_456));
        assert_eq!((number("00 00 09"), number("00 00")), (1_000_009, 10_000));
    }

    #[test]
    fn debug_shows_how_many_keys_and_none_of_them() {
        let mut fx = effects(Policy::default());
        let mut keys = Keys::new(&mut fx, six());
        keys.draw(&mut fx, SessionId::new(1)).unwrap();
        assert_eq!(format!("{keys:?}"), "Keys { live: 1, .. }");
    }
}
