use core::fmt;
use core::time::Duration;

/// A point in time, as the duration since the engine's owner began to count.
///
/// Engines read no clock: their owner says what time it is. Unlike `std::time::Instant` a moment is
/// the same in every run of a simulation, prints the same in a snapshot, and needs no `std`.
///
/// It counts whole nanoseconds in 64 bits: a server keeps several of them for each visitor. What lies
/// more than 584 years after the beginning is the last moment there is, which never comes.
///
/// ```
/// use core::time::Duration;
/// use coview_wire::Moment;
///
/// let start = Moment::ZERO;
/// let later = start + Duration::from_secs(20);
/// assert_eq!(later.since(start), Duration::from_secs(20));
/// assert_eq!(start.since(later), Duration::ZERO, "never negative");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(u64);

impl Moment {
    /// The moment the owner began to count.
    pub const ZERO: Self = Self(0);

    /// The moment this long after [`Moment::ZERO`].
    #[must_use]
    pub const fn new(since_zero: Duration) -> Self {
        const NANOS: u64 = 1_000_000_000;
        let whole = since_zero.as_secs().saturating_mul(NANOS);
        Self(whole.saturating_add(since_zero.subsec_nanos() as u64))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl core::ops::Add<Duration> for Moment {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(Self::new(rhs).0))
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.since(Self::ZERO))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}s", self.since(Self::ZERO).as_secs_f64())
    }
}

/// The time on the wall clock, in whole seconds since the beginning of 1970, UTC. Tokens and
/// assertions expire by it; everything else is a [`Moment`].
///
/// ```
/// use core::time::Duration;
/// use coview_wire::UnixTime;
///
/// let now = UnixTime::new(1_800_000_000);
/// let expires = now + Duration::from_secs(900);
/// assert_eq!(expires.since(now), Duration::from_secs(900));
/// assert_eq!(now.since(expires), Duration::ZERO, "never negative");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

impl UnixTime {
    /// So many seconds after the beginning of 1970.
    #[must_use]
    pub const fn new(seconds: u64) -> Self {
        Self(seconds)
    }

    /// The seconds since the beginning of 1970.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }
}

impl core::ops::Add<Duration> for UnixTime {
    type Output = Self;

    /// Parts of a second are dropped.
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(rhs.as_secs()))
    }
}

/// A moment at which an engine wants to be woken, and why.
///
/// ```
/// use core::time::Duration;
/// use coview_wire::{Deadline, Moment};
///
/// let ping = Deadline { at: Moment::ZERO + Duration::from_secs(20), why: "say ping" };
/// let reply = Deadline { at: Moment::ZERO + Duration::from_secs(10), why: "a reply is due" };
/// assert_eq!(Deadline::earlier(Some(ping), Some(reply)), Some(reply));
/// assert_eq!(Deadline::earlier(Some(ping), None), Some(ping));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline {
    /// When to call the engine again, at the latest.
    pub at: Moment,
    /// What will be overdue then, in words for a log or a trace.
    pub why: &'static str,
}

impl Deadline {
    /// The earlier of two optional deadlines; on a tie the first.
    #[must_use]
    pub fn earlier(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        match (a, b) {
            (Some(a), Some(b)) => Some(if b.at < a.at { b } else { a }),
            (a, b) => a.or(b),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn a_moment_is_exact_to_the_nanosecond_and_saturates_at_the_last() {
        let odd = Duration::new(12_345, 678_901_234);
        assert_eq!(Moment::new(odd).since(Moment::ZERO), odd);
        assert_eq!(
            format!("{:?} {}", Moment::new(odd), Moment::new(odd)),
            "12345.678901234s 12345.679s"
        );
        let last = Moment::new(Duration::MAX);
        assert_eq!(last.since(Moment::ZERO), Duration::from_nanos(u64::MAX));
        assert_eq!(Moment::new(odd) + Duration::MAX, last);
        assert_eq!(last + Duration::from_nanos(1), last);
    }
}
