//! What a viewer sees and when, in the same way for every viewer.

use std::sync::Mutex;
use std::time::Instant;

use crate::drawing::Change;
use crate::marker;
use crate::now;

/// When a viewer's picture first had which change.
#[derive(Debug, Default)]
pub(crate) struct Eye {
    seen: Mutex<Vec<(u16, Instant)>>,
}

impl Eye {
    /// Looks at a picture that has just been decoded.
    pub(crate) fn look(&self, pixels: &[u8]) {
        let at = now();
        let Some(number) = marker::read(pixels) else { return };
        let mut seen = self.seen.lock().expect("no viewer panics while it looks");
        if seen.last().is_none_or(|&(last, _)| last < number) {
            seen.push((number, at));
        }
    }

    pub(crate) fn last(&self) -> Option<(u16, Instant)> {
        self.seen.lock().expect("no viewer panics while it looks").last().copied()
    }

    /// For each change how long it took, in milliseconds, until a picture had it or a later one;
    /// `None` if none ever had. And how many different pictures there were.
    pub(crate) fn times(&self, changes: &[Change]) -> (Vec<Option<f64>>, usize) {
        let seen = self.seen.lock().expect("no viewer panics while it looks");
        let times = changes.iter().map(|change| {
            let (_, at) = seen.iter().find(|&&(number, _)| number >= change.number)?;
            // A picture may be there before the answer of the X server is.
            Some(at.saturating_duration_since(change.drawn).as_secs_f64() * 1000.0)
        });
        let times = times.collect();
        let known = |number: u16| changes.iter().any(|change| change.number == number);
        (times, seen.iter().filter(|&&(number, _)| known(number)).count())
    }
}
