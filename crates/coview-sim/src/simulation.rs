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

/// How many days of each kind tests simulate, from seed 0 on: together they reach everything that is
/// not exempt. What storms do by chance the plays do on purpose.
const DAYS: [(Profile, u64); 5] = [
    (Profile::Office, 2),
    (Profile::Storm, 4),
    (Profile::Mobile, 4),
    (Profile::Hostile, 4),
    (Profile::Played, 16),
];

/// How much virtual time each of the [`days`] takes.
pub const DAY: Duration = Duration::from_secs(3600);

/// How often the [`days`] reach everything at least.
pub const LEAST: u64 = 3;

/// The days that tests simulate: seeds, and what kind of day each is for.
pub fn days() -> impl Iterator<Item = (u64, Profile)> {
    DAYS.into_iter().flat_map(|(profile, count)| (0..count).map(move |seed| (seed, profile)))
}

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
