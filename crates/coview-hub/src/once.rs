use alloc::collections::BTreeMap;
use alloc::collections::BTreeSet;
use core::time::Duration;

use coview_wire::UnixTime;

use crate::proofs::TokenId;

/// So long after its expiry a token is still remembered. Whoever checks tokens may allow for clocks
/// that differ a little, 30 seconds as a rule, so a token may be shown when it has expired already.
const MARGIN: Duration = Duration::from_secs(120);

/// The tokens of one group that may be used once and were used.
///
/// Each is remembered until it has expired, by the wall clock. If they are too many, or the wall
/// clock is set back after some were forgotten, a token that expires no later than any that was
/// forgotten counts as used, known or not: it is refused once too often rather than accepted twice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Once {
    used: BTreeSet<TokenId>,
    by_expiry: BTreeMap<UnixTime, BTreeSet<TokenId>>,
    /// The latest expiry of those that were forgotten.
    forgotten: Option<UnixTime>,
}

impl Once {
    /// Whether this token was used before, or may have been.
    pub(crate) fn is_used(&self, token: TokenId, expires: UnixTime) -> bool {
        self.used.contains(&token) || self.forgotten.is_some_and(|until| expires <= until)
    }

    /// Remembers a token that is being used, and forgets those that have expired or are too many.
    pub(crate) fn note(&mut self, token: TokenId, expires: UnixTime, now: UnixTime, most: u32) {
        if self.used.insert(token) {
            self.by_expiry.entry(expires).or_default().insert(token);
        }
        while let Some(first) = self.by_expiry.first_entry() {
            let expired = *first.key() + MARGIN < now;
            if !expired && self.used.len() <= most as usize {
                return;
            }
            let (expiry, tokens) = first.remove_entry();
            self.forgotten = self.forgotten.max(Some(expiry));
            for token in tokens {
                self.used.remove(&token);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.used.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::new(1_800_000_000);
    const MINUTE: Duration = Duration::from_secs(60);

    fn token(number: u8) -> TokenId {
        TokenId([number; 16])
    }

    #[test]
    fn a_token_is_used_from_its_first_use_to_its_expiry_and_the_margin() {
        let mut once = Once::default();
        let expires = NOW + MINUTE;
        assert!(!once.is_used(token(1), expires));
        once.note(token(1), expires, NOW, 10);
        assert!(once.is_used(token(1), expires));
        assert!(!once.is_used(token(2), expires), "another one of the same expiry");
        // What comes later forgets it, and it stays used all the same.
        let later = expires + MARGIN + Duration::from_secs(1);
        once.note(token(3), later + MINUTE, later, 10);
        assert_eq!(once.len(), 1);
        assert!(once.is_used(token(1), expires), "also if the clock is set back now");
        assert!(once.is_used(token(2), expires), "nobody knows any more");
        assert!(!once.is_used(token(4), later), "good ones are not touched");
    }

    #[test]
    fn a_used_token_is_remembered_to_the_very_end_of_the_margin() {
        let mut once = Once::default();
        once.note(token(1), NOW, NOW, 10);
        once.note(token(2), NOW + MINUTE * 60, NOW + MARGIN, 10);
        assert_eq!(once.len(), 2);
        once.note(token(3), NOW + MINUTE * 60, NOW + MARGIN + Duration::from_secs(1), 10);
        assert_eq!(once.len(), 2, "the first is forgotten");
    }

    #[test]
    fn too_many_are_forgotten_by_expiry_and_count_as_used() {
        let mut once = Once::default();
        for number in 0..5 {
            once.note(token(number), NOW + MINUTE * u32::from(number), NOW, 3);
        }
        assert_eq!(once.len(), 3);
        for number in 0..5 {
            assert!(once.is_used(token(number), NOW + MINUTE * u32::from(number)));
        }
        assert!(once.is_used(token(9), NOW + MINUTE), "it may have been used");
        assert!(!once.is_used(token(9), NOW + MINUTE * 4));
    }

    #[test]
    fn a_memory_of_none_accepts_only_what_lasts_longer_than_all_before() {
        let mut once = Once::default();
        once.note(token(1), NOW + MINUTE, NOW, 0);
        assert_eq!(once.len(), 0);
        assert!(once.is_used(token(1), NOW + MINUTE));
        assert!(!once.is_used(token(2), NOW + MINUTE * 2));
    }

    #[test]
    fn a_clock_that_was_wrong_for_a_moment_does_no_lasting_harm() {
        let mut once = Once::default();
        once.note(token(1), NOW + MINUTE, NOW, 10);
        let wrong = NOW + Duration::from_secs(1_000_000_000);
        once.note(token(2), wrong + MINUTE, wrong, 10);
        assert!(once.is_used(token(1), NOW + MINUTE), "forgotten, and refused all the same");
        assert!(!once.is_used(token(3), NOW + MINUTE * 2), "right again");
    }
}
