//! How fast one client may send.

use core::time::Duration;
use std::time::Instant;

use crate::config::Limits;

/// What one client has sent lately, in messages and in bytes.
///
/// Each is a bucket with two seconds' worth, which is filled all the time and may be overdrawn by
/// one helping. Whoever has overdrawn one is read from again when it is full enough.
pub(crate) struct Pace {
    messages: Bucket,
    bytes: Bucket,
    flooding: Duration,
    /// When both buckets were half full last.
    calm: Instant,
}

impl Pace {
    pub(crate) fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            messages: Bucket::new(limits.messages_per_second, now),
            bytes: Bucket::new(limits.bytes_per_second, now),
            flooding: limits.flooding,
            calm: now,
        }
    }

    /// The client has sent so much.
    pub(crate) fn sent(&mut self, messages: u32, bytes: usize, now: Instant) {
        self.messages.take(f64::from(messages), now);
        self.bytes.take(bytes as f64, now);
        if self.messages.is_half_full() && self.bytes.is_half_full() {
            self.calm = now;
        }
    }

    /// How long to read nothing; `None` if there is no need to wait.
    pub(crate) fn wait(&mut self, now: Instant) -> Option<Duration> {
        let wait = self.messages.wait(now).max(self.bytes.wait(now));
        (!wait.is_zero()).then_some(wait)
    }

    /// Whether the client has sent as much as it may, and more, for too long.
    pub(crate) fn floods(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.calm) > self.flooding
    }
}

struct Bucket {
    rate: f64,
    level: f64,
    at: Instant,
}

impl Bucket {
    fn new(rate: u32, now: Instant) -> Self {
        let rate = f64::from(rate);
        Self { rate, level: rate * SECONDS, at: now }
    }

    fn fill(&mut self, now: Instant) {
        let gone = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = gone.mul_add(self.rate, self.level).min(self.rate * SECONDS);
        self.at = now;
    }

    fn take(&mut self, many: f64, now: Instant) {
        self.fill(now);
        self.level -= many;
    }

    fn wait(&mut self, now: Instant) -> Duration {
        self.fill(now);
        if self.level >= 0.0 {
            return Duration::ZERO;
        }
        // A little more than is missing, so that whoever floods is not woken for each message.
        Duration::from_secs_f64((-self.level / self.rate + HELPING).min(60.0))
    }

    fn is_half_full(&self) -> bool {
        self.level >= self.rate * SECONDS / 2.0
    }
}

/// How many seconds' worth a bucket holds.
const SECONDS: f64 = 2.0;

/// How many seconds' worth whoever waits gets at once.
const HELPING: f64 = 0.05;

#[cfg(test)]
mod tests {
    use super::*;

    fn began() -> Instant {
        crate::shared::now()
    }

    fn limits(messages_per_second: u32, bytes_per_second: u32) -> Limits {
        Limits { messages_per_second, bytes_per_second, ..Limits::default() }
    }

    #[test]
    fn two_seconds_worth_may_come_at_once() {
        let now = began();
        let mut pace = Pace::new(&limits(10, 1000), now);
        pace.sent(20, 0, now);
        assert_eq!(pace.wait(now), None);
        pace.sent(1, 0, now);
        let wait = pace.wait(now).expect("one too many");
        assert!((Duration::from_millis(100)..Duration::from_millis(200)).contains(&wait));
        assert_eq!(pace.wait(now + wait), None);
    }

    #[test]
    fn bytes_count_as_messages_do() {
        let now = began();
        let mut pace = Pace::new(&limits(1000, 1000), now);
        pace.sent(1, 4000, now);
        let wait = pace.wait(now).expect("two seconds too many");
        assert!((Duration::from_secs(2)..Duration::from_secs(3)).contains(&wait), "{wait:?}");
        assert_eq!(pace.wait(now + wait), None);
    }

    #[test]
    fn who_sends_a_little_less_is_never_held_up_and_never_floods() {
        let now = began();
        let mut pace = Pace::new(&limits(10, 1000), now);
        for tenth in 0..10_000 {
            let now = now + Duration::from_millis(tenth * 101);
            pace.sent(1, 100, now);
            assert!(pace.wait(now).is_none() && !pace.floods(now));
        }
    }

    #[test]
    fn who_sends_more_for_a_minute_floods() {
        let mut now = began();
        let end = now + Duration::from_secs(70);
        let mut pace = Pace::new(&limits(10, 1000), now);
        let mut sent = 0;
        while now < end && !pace.floods(now) {
            match pace.wait(now) {
                Some(wait) => now += wait,
                None => {
                    pace.sent(1, 10, now);
                    sent += 1;
                }
            }
        }
        assert!(now < end, "found out");
        assert!((600..=650).contains(&sent), "ten a second got through: {sent}");
    }
}
