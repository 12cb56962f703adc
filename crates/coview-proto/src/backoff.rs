use core::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

/// How long to wait before the next try to connect: doubling from `first` up to `max`, of which the
/// engine waits a random part between the half and the whole, so that the clients of a server that
/// restarts do not all come back at once. While the server still keeps the client's place, it waits
/// for at most half of what is left of the grace, so that a network that is back in time is noticed
/// in time.
///
/// ```
/// use core::time::Duration;
/// use coview_proto::Backoff;
///
/// assert_eq!(Backoff::default().first, Duration::from_millis(500));
/// assert_eq!(Backoff::default().max, Duration::from_secs(30));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Backoff {
    /// The longest first wait.
    pub first: Duration,
    /// The longest wait of all.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), max: Duration::from_secs(30) }
    }
}

impl Backoff {
    /// No configuration makes the engine try more often than this.
    const LEAST: Duration = Duration::from_millis(2);

    /// The longest wait before the try after `failed` failed ones.
    pub(crate) fn ceiling(&self, failed: u32) -> Duration {
        let factor = 1_u32.checked_shl(failed).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.max).max(Self::LEAST)
    }

    /// A random wait between half the longest wait and the longest.
    pub(crate) fn draw(longest: Duration, rng: &mut ChaCha8Rng) -> Duration {
        let half = longest / 2;
        let spread = u64::try_from(half.as_micros()).unwrap_or(u64::MAX).saturating_add(1);
        half + Duration::from_micros(rng.next_u64() % spread)
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn doubles_up_to_the_maximum() {
        let backoff = Backoff::default();
        let ceilings: alloc::vec::Vec<_> =
            (0..9).map(|failed| backoff.ceiling(failed).as_millis()).collect();
        assert_eq!(ceilings, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
        assert_eq!(backoff.ceiling(u32::MAX), backoff.max);
    }

    #[test]
    fn draws_between_half_and_whole() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for failed in (0..40).cycle().take(1000) {
            let backoff = Backoff::default();
            let ceiling = backoff.ceiling(failed);
            let drawn = Backoff::draw(backoff.ceiling(failed), &mut rng);
            assert!(ceiling / 2 <= drawn && drawn <= ceiling, "{drawn:?} of {ceiling:?}");
        }
    }

    #[test]
    fn never_busy_whatever_the_configuration() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let none = Backoff { first: Duration::ZERO, max: Duration::ZERO };
        let drawn = Backoff::draw(none.ceiling(7), &mut rng);
        assert!(drawn >= Duration::from_millis(1));
    }
}
