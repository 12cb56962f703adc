//! Fresh seeds, one after the other.

use core::time::Duration;
use std::io;
use std::time::Instant;
use std::time::SystemTime;

use coview_sim::coverage::Coverage;
use coview_sim::simulation::LEAST;
use coview_sim::simulation::Profile;
use coview_sim::simulation::simulate;

use crate::args::Soak;

/// Tries seeds until the time is over or one breaks a rule; whether every rule held.
#[expect(
    clippy::disallowed_methods,
    reason = "how long to go on, and where to begin, is a question of real time"
)]
pub(crate) fn run(soak: &Soak) -> io::Result<bool> {
    let begun = Instant::now();
    let end = Duration::from_secs_f64(soak.minutes * 60.0);
    let first = soak.seed.unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        since.map_or(1, |since| since.as_secs() * 1000)
    });
    println!("from seed {first} on, {} hours each", soak.town.hours);
    let (mut seeds, mut acts) = (0_u64, 0);
    let mut virtual_time = Duration::ZERO;
    let mut coverage = Coverage::default();
    while begun.elapsed() < end || seeds == 0 {
        let profile = Profile::ALL[usize::try_from(seeds % 5).unwrap_or_default()];
        let options = soak.town.options(profile);
        let report = simulate(first.wrapping_add(seeds), soak.town.time(), &options);
        seeds += 1;
        acts += report.acts();
        coverage.merge(report.coverage());
        virtual_time += report.now().since(coview_wire::Moment::ZERO);
        if !report.violations().is_empty() {
            println!("{report}");
            return Ok(false);
        }
    }
    let minutes = begun.elapsed().as_secs_f64() / 60.0;
    println!(
        "{seeds} seeds, {:.1} a minute; {:.1} virtual hours, {:.0} for each real minute; {acts} acts",
        seeds as f64 / minutes,
        virtual_time.as_secs_f64() / 3600.0,
        virtual_time.as_secs_f64() / 3600.0 / minutes,
    );
    print!("{}", coverage.summary(LEAST));
    print!("{}", coverage.gaps(LEAST));
    Ok(coverage.wrongly_exempt().is_empty())
}
