use core::fmt;
use core::time::Duration;

/// A point in time, as the duration since the engine's owner began to count.
///
/// Engines read no clock: their owner says what time it is. Unlike `std::time::Instant` a moment is
/// the same in every run of a simulation, prints the same in a snapshot, and needs no `std`.
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
pub struct Moment(Duration);

impl Moment {
    /// The moment the owner began to count.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// The moment this long after [`Moment::ZERO`].
    #[must_use]
    pub const fn new(since_zero: Duration) -> Self {
        Self(since_zero)
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl core::ops::Add<Duration> for Moment {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(rhs))
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}s", self.0.as_secs_f64())
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
