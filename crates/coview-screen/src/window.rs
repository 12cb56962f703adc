//! How much may be under way to one viewer. The window is counted in bytes and follows the time
//! acknowledgements take: a fast viewer is never held back, a slow one gets the newest picture
//! instead of a queue of old ones.

use std::collections::VecDeque;
use std::time::Duration;

use coview_wire::Moment;

/// The window at first, in bytes.
const FIRST: usize = 256 * 1024;
/// The window never gets smaller.
const SMALLEST: usize = 16 * 1024;
/// The window never gets larger.
const LARGEST: usize = 8 * 1024 * 1024;
/// The most updates under way.
const UPDATES: usize = 64;
/// An acknowledgement that takes so much longer than the fastest one waited in a queue.
const QUEUED: Duration = Duration::from_millis(150);
/// Nothing more is sent while the oldest update has waited so much longer than the fastest one.
const STUCK: Duration = Duration::from_millis(250);
/// The same while nothing was acknowledged yet, so that the delay of the way is not known.
const STUCK_AT_FIRST: Duration = Duration::from_secs(1);
/// A viewer from which nothing comes any more is tried with one update in such a time: perhaps it
/// was an acknowledgement that was lost.
const TRIED_AGAIN: Duration = Duration::from_secs(10);
/// The fastest acknowledgement is that of this long, and of as long before: a way may change.
const EPOCH: Duration = Duration::from_secs(30);

/// What is under way to one viewer, and how much may be.
#[derive(Debug)]
pub(crate) struct Window {
    bytes: usize,
    under_way: VecDeque<UnderWay>,
    /// The sum of the bytes under way.
    sent: usize,
    /// The fastest acknowledgement of this epoch and of the one before it.
    fastest: [Option<Duration>; 2],
    epoch: Moment,
    /// After the window was made smaller: the number of the first update sent since. Only its
    /// acknowledgement tells whether that was enough.
    judged_from: Option<u32>,
    /// Whether the window kept anything back since it last grew.
    held_back: bool,
}

#[derive(Debug)]
struct UnderWay {
    number: u32,
    bytes: usize,
    at: Moment,
}

impl Window {
    pub(crate) fn new(now: Moment) -> Self {
        Self {
            bytes: FIRST,
            under_way: VecDeque::new(),
            sent: 0,
            fastest: [None; 2],
            epoch: now,
            judged_from: None,
            held_back: false,
        }
    }

    /// Whether the next update may be sent. One that may is sent whole, whatever its length.
    pub(crate) fn is_open(&mut self, now: Moment) -> bool {
        let open = self.may_send(now);
        self.held_back |= !open;
        open
    }

    fn may_send(&self, now: Moment) -> bool {
        let (Some(oldest), Some(newest)) = (self.under_way.front(), self.under_way.back()) else {
            return true;
        };
        if now.since(newest.at) >= TRIED_AGAIN {
            return true;
        }
        let patience = self.fastest_known().map_or(STUCK_AT_FIRST, |fastest| fastest + STUCK);
        self.sent < self.bytes && self.under_way.len() < UPDATES && now.since(oldest.at) < patience
    }

    pub(crate) fn sent(&mut self, now: Moment, number: u32, bytes: usize) {
        if self.under_way.len() >= UPDATES
            && let Some(lost) = self.under_way.pop_front()
        {
            self.sent -= lost.bytes;
        }
        self.under_way.push_back(UnderWay { number, bytes, at: now });
        self.sent += bytes;
        if self.judged_from == Some(0) {
            self.judged_from = Some(number);
        }
    }

    /// An update was drawn. A number that is not under way changes nothing: false.
    pub(crate) fn acknowledged(&mut self, now: Moment, number: u32) -> bool {
        let Some(place) = self.under_way.iter().position(|update| update.number == number) else {
            return false;
        };
        let mut bytes = 0;
        let mut sent_at = now;
        let mut judges = self.judged_from.is_none();
        for update in self.under_way.drain(..=place) {
            bytes += update.bytes;
            sent_at = update.at;
            judges |= self.judged_from == Some(update.number);
        }
        self.sent -= bytes;

        let took = now.since(sent_at);
        if now.since(self.epoch) >= EPOCH {
            self.epoch = now;
            self.fastest = [None, self.fastest[0]];
        }
        self.fastest[0] = Some(self.fastest[0].map_or(took, |fastest| fastest.min(took)));
        let queued = took.saturating_sub(self.fastest_known().unwrap_or(took));
        if !judges {
            return true;
        }
        if queued > QUEUED {
            self.bytes = (self.bytes / 2).max(SMALLEST);
            // Zero stands for the next number sent.
            self.judged_from = Some(self.under_way.back().map_or(0, |update| update.number));
            self.held_back = false;
        } else {
            self.judged_from = None;
            if self.held_back {
                self.bytes = (self.bytes + bytes).min(LARGEST);
                self.held_back = false;
            }
        }
        true
    }

    /// Whatever was under way is given up: it was thrown away, or overtaken by a whole picture.
    pub(crate) fn forget(&mut self) {
        self.under_way.clear();
        self.sent = 0;
        self.judged_from = None;
    }

    fn fastest_known(&self) -> Option<Duration> {
        self.fastest.into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> Moment {
        Moment::new(Duration::from_millis(ms))
    }

    /// A line that carries so many bytes a second, behind so much delay.
    struct Line {
        window: Window,
        bytes_per_s: u64,
        delay: u64,
        /// When the line is free again, in milliseconds.
        free: u64,
        acks: VecDeque<(u64, u32)>,
    }

    impl Line {
        fn new(bytes_per_s: u64, delay: u64) -> Self {
            Self { window: Window::new(at(0)), bytes_per_s, delay, free: 0, acks: VecDeque::new() }
        }

        /// Offers an update of so many bytes every 50 ms; gives for each second how many were sent
        /// and the longest that any of them took.
        fn run(&mut self, bytes: usize, seconds: u64) -> Vec<(usize, u64)> {
            let mut sent = vec![(0, 0); usize::try_from(seconds).unwrap()];
            let mut number = 0;
            for now in 0..seconds * 1000 {
                while self.acks.front().is_some_and(|&(due, _)| due <= now) {
                    let (_, number) = self.acks.pop_front().unwrap();
                    assert!(self.window.acknowledged(at(now), number));
                }
                if now % 50 == 0 && self.window.is_open(at(now)) {
                    number += 1;
                    self.window.sent(at(now), number, bytes);
                    self.free = self.free.max(now) + bytes as u64 * 1000 / self.bytes_per_s;
                    self.acks.push_back((self.free + self.delay, number));
                    let (sent, longest) = &mut sent[usize::try_from(now / 1000).unwrap()];
                    *sent += 1;
                    *longest = (*longest).max(self.free + self.delay - now);
                }
            }
            sent
        }
    }

    #[test]
    fn a_fast_viewer_is_never_held_back_whatever_the_delay() {
        for delay in [1, 40, 200, 600] {
            let mut line = Line::new(50_000_000, delay);
            let sent = line.run(20_000, 5);
            assert!(sent.iter().all(|&(sent, _)| sent == 20), "a delay of {delay} ms: {sent:?}");
        }
    }

    #[test]
    fn a_slow_viewer_has_no_queue_of_seconds() {
        let mut line = Line::new(125_000, 40);
        // Six of twenty fit through the line in a second, and a few wait in it.
        let seconds = line.run(20_000, 15).split_off(5);
        assert!(seconds.iter().all(|&(_, longest)| longest < 800), "{seconds:?}");
        let sent: usize = seconds.iter().map(|(sent, _)| sent).sum();
        assert!((50..=66).contains(&sent), "{seconds:?}");
    }

    #[test]
    fn nothing_is_sent_to_a_viewer_that_never_answers() {
        let mut window = Window::new(at(0));
        window.sent(at(0), 1, 100);
        assert!(window.is_open(at(999)));
        assert!(!window.is_open(at(1000)) && !window.is_open(at(9_999)));
        assert!(window.is_open(at(10_000)), "tried again");
        assert!(!window.acknowledged(at(1300), 2), "never sent");
        assert!(window.acknowledged(at(1300), 1));
        assert!(window.is_open(at(10_000)));
    }

    #[test]
    fn the_number_of_updates_under_way_is_bounded() {
        let mut window = Window::new(at(0));
        let mut sent = 0;
        while window.is_open(at(0)) {
            sent += 1;
            window.sent(at(0), sent, 1);
        }
        assert_eq!(sent as usize, UPDATES);
    }
}
