//! Percentiles and medians.

use serde::Deserialize;
use serde::Serialize;

/// What a set of latencies comes to, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    pub(crate) count: usize,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Percentiles {
    /// Of samples in nanoseconds, which are sorted by this; `None` if there are none.
    pub(crate) fn of(nanos: &mut [u64]) -> Option<Self> {
        nanos.sort_unstable();
        let micros = |percent| rank(nanos, percent).map(|&nanos| nanos as f64 / 1000.0);
        Some(Self {
            count: nanos.len(),
            p50: micros(50)?,
            p90: micros(90)?,
            p99: micros(99)?,
            max: micros(100)?,
        })
    }
}

/// The nearest rank: the smallest sample that at least so many percent of all do not exceed.
fn rank<T>(sorted: &[T], percent: usize) -> Option<&T> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1))
}

/// The middle of several runs; of an even number the lower of the two in the middle, so that what is
/// shown was measured. `None` if there are none.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    rank(&values, 50).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples_at_their_nearest_rank() {
        let mut samples: Vec<u64> = (1..=200).rev().map(|micros| micros * 1000).collect();
        let found = Percentiles::of(&mut samples).unwrap();
        let expected = Percentiles { count: 200, p50: 100.0, p90: 180.0, p99: 198.0, max: 200.0 };
        assert_eq!(found, expected);
    }

    #[test]
    fn one_sample_is_every_percentile_and_none_is_no_percentile() {
        let found = Percentiles::of(&mut [7_000]).unwrap();
        assert_eq!((found.p50, found.p99, found.max), (7.0, 7.0, 7.0));
        assert_eq!(Percentiles::of(&mut []), None);
    }

    #[test]
    fn the_median_was_measured() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.0));
        assert_eq!(median(Vec::new()), None);
    }
}
