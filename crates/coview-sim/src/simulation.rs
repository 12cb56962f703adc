//! Whole days from a seed: any number of visitors and agents in several groups, who do what people
//! do, in a world that is as hostile as the [`Profile`] says.
//!
//! [`simulate`] does the same for the same seed, time and options, to the last byte of its timeline.
//! It stops at the first rule that is broken, and [`Report::replay`] is the one command that shows
//! the same again.
//!
//! ```
//! use core::time::Duration;
//! use coview_sim::simulation::{Options, simulate};
//!
//! let report = simulate(7, Duration::from_secs(600), &Options::default());
//! assert_eq!(report.violations(), [], "{}", report.replay());
//! ```

mod day;
mod moments;
mod options;
mod report;
mod scenes;
mod town;

use core::time::Duration;

use crate::simulation::day::Day;
pub use crate::simulation::options::Options;
pub use crate::simulation::options::Profile;
pub use crate::simulation::report::Report;

/// The days that tests simulate: together they reach everything that is not exempt.
pub const DAYS: [(u64, Profile); 31] = [
    (0, Profile::Office),
    (1, Profile::Office),
    (2, Profile::Office),
    (3, Profile::Office),
    (0, Profile::Storm),
    (1, Profile::Storm),
    (2, Profile::Storm),
    (3, Profile::Storm),
    (0, Profile::Mobile),
    (1, Profile::Mobile),
    (2, Profile::Mobile),
    (3, Profile::Mobile),
    (0, Profile::Hostile),
    (1, Profile::Hostile),
    (2, Profile::Hostile),
    (3, Profile::Hostile),
    (0, Profile::Played),
    (1, Profile::Played),
    (2, Profile::Played),
    (3, Profile::Played),
    (4, Profile::Played),
    (5, Profile::Played),
    (6, Profile::Played),
    (7, Profile::Played),
    (8, Profile::Played),
    (9, Profile::Played),
    (10, Profile::Played),
    (11, Profile::Played),
    (4, Profile::Storm),
    (35, Profile::Storm),
    (4, Profile::Mobile),
];

/// How much virtual time each of the [`DAYS`] takes.
pub const DAY: Duration = Duration::from_secs(3600);

/// How often the [`DAYS`] reach everything at least.
pub const LEAST: u64 = 1;

/// Lets this much virtual time pass, and then everybody go home. Everything that is drawn is drawn
/// from the seed.
#[must_use]
pub fn simulate(seed: u64, time: Duration, options: &Options) -> Report {
    let mut day = Day::new(seed, options);
    day.live(time);
    if day.holds() {
        day.end();
    }
    Report::new(seed, time, options.clone(), day)
}
