//! How fast one client may send.

use core::time::Duration;
use std::time::Instant;

use crate::config::Limits;

/// What one client has sent lately, in messages and in bytes.
///
/// Each is a bucket with two seconds' worth, which is filled all the time and may be overdrawn by
/// one helping. Whoever has overdrawn one is read from again when it is full enough.
pub(crate) struct Pace {
    messages: f64,
    bytes: f64,
    /// When the buckets were filled last.
    at: Instant,
    /// For how many seconds at least one of them has been less than half full.
    rough: f32,
}

impl Pace {
    pub(crate) fn new(limits: &Limits, now: Instant) -> Self {
        let (messages, bytes) = full(limits);
        Self { messages, bytes, at: now, rough: 0.0 }
    }

    /// The client has sent so much.
    pub(crate) fn sent(&mut self, limits: &Limits, messages: u32, bytes: usize, now: Instant) {
        self.fill(limits, now);
        self.messages -= f64::from(messages);
        self.bytes -= bytes as f64;
        let (most_messages, most_bytes) = full(limits);
        if self.messages >= most_messages / 2.0 && self.bytes >= most_bytes / 2.0 {
            self.rough = 0.0;
        }
    }

    /// How long to read nothing; `None` if there is no need to wait.
    pub(crate) fn wait(&mut self, limits: &Limits, now: Instant) -> Option<Duration> {
        self.fill(limits, now);
        let wait = wait_for(self.messages, limits.messages_per_second);
        let wait = wait.max(wait_for(self.bytes, limits.bytes_per_second));
        (!wait.is_zero()).then_some(wait)
    }

    /// Whether the client has sent as much as it may, and more, for too long.
    pub(crate) fn floods(&self, limits: &Limits) -> bool {
        self.rough > limits.flooding.as_secs_f32()
    }

    fn fill(&mut self, limits: &Limits, now: Instant) {
        let gone = now.saturating_duration_since(self.at).as_secs_f64();
        let (most_messages, most_bytes) = full(limits);
        let messages = f64::from(limits.messages_per_second);
        self.messages = gone.mul_add(messages, self.messages).min(most_messages);
        self.bytes = gone.mul_add(f64::from(limits.bytes_per_second), self.bytes).min(most_bytes);
        self.rough += gone as f32;
        self.at = now;
    }
}

/// What the buckets hold when they are full.
fn full(limits: &Limits) -> (f64, f64) {
    let full = |rate| f64::from(rate) * SECONDS;
    (full(limits.messages_per_second), full(limits.bytes_per_second))
}

fn wait_for(level: f64, rate: u32) -> Duration {
    if level >= 0.0 {
        return Duration::ZERO;
    }
    // A little more than is missing, so that whoever floods is not woken for each message.
    Duration::from_secs_f64((-level / f64::from(rate) + HELPING).min(60.0))
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
        let limits = limits(10, 1000);
        let mut pace = Pace::new(&limits, now);
        pace.sent(&limits, 20, 0, now);
        assert_eq!(pace.wait(&limits, now), None);
        pace.sent(&limits, 1, 0, now);
        let wait = pace.wait(&limits, now).expect("one too many");
        assert!((Duration::from_millis(100)..Duration::from_millis(200)).contains(&wait));
        assert_eq!(pace.wait(&limits, now + wait), None);
    }

    #[test]
    fn bytes_count_as_messages_do() {
        let now = began();
        let limits = limits(1000, 1000);
        let mut pace = Pace::new(&limits, now);
        pace.sent(&limits, 1, 4000, now);
        let wait = pace.wait(&limits, now).expect("two seconds too many");
        assert!((Duration::from_secs(2)..Duration::from_secs(3)).contains(&wait), "{wait:?}");
        assert_eq!(pace.wait(&limits, now + wait), None);
    }

    #[test]
    fn who_sends_a_little_less_is_never_held_up_and_never_floods() {
        let now = began();
        let limits = limits(10, 1000);
        let mut pace = Pace::new(&limits, now);
        for tenth in 0..10_000 {
            let now = now + Duration::from_millis(tenth * 101);
            pace.sent(&limits, 1, 100, now);
            assert!(pace.wait(&limits, now).is_none() && !pace.floods(&limits));
        }
    }

    #[test]
    fn who_sends_more_for_a_minute_floods() {
        let mut now = began();
        let end = now + Duration::from_secs(70);
        let limits = limits(10, 1000);
        let mut pace = Pace::new(&limits, now);
        let mut sent = 0;
        while now < end && !pace.floods(&limits) {
            match pace.wait(&limits, now) {
                Some(wait) => now += wait,
                None => {
                    pace.sent(&limits, 1, 10, now);
                    sent += 1;
                }
            }
        }
        assert!(now < end, "found out");
        assert!((600..=650).contains(&sent), "ten a second got through: {sent}");
    }
}
