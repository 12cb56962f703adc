use core::fmt;
use core::time::Duration;

use coview_wire::Moment;

use crate::checker::Violation;
use crate::coverage::Coverage;
use crate::simulation::day::Day;
use crate::simulation::options::Options;
use crate::timeline::Timeline;
use crate::world::World;

/// What came of a simulation.
#[derive(Debug)]
pub struct Report {
    seed: u64,
    time: Duration,
    options: Options,
    world: World,
    violations: Vec<Violation>,
    acts: u64,
    agreed: u64,
}

impl Report {
    pub(super) fn new(seed: u64, time: Duration, options: Options, day: Day) -> Self {
        let Day { world, violations, acts, agreed, .. } = day;
        Self { seed, time, options, world, violations, acts, agreed }
    }

    /// The rules that were broken, in order. The simulation stopped at the first.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// What happened.
    #[must_use]
    pub const fn timeline(&self) -> &Timeline {
        self.world.timeline()
    }

    /// What time it is in the world when it ends.
    #[must_use]
    pub const fn now(&self) -> Moment {
        self.world.now()
    }

    /// What was reached, of all there is to reach.
    #[must_use]
    pub const fn coverage(&self) -> &Coverage {
        self.world.coverage()
    }

    /// How many things somebody did.
    #[must_use]
    pub const fn acts(&self) -> u64 {
        self.acts
    }

    /// How often the world was left alone until it was settled, and everybody agreed.
    #[must_use]
    pub const fn agreed(&self) -> u64 {
        self.agreed
    }

    /// The command that does all of it again.
    #[must_use]
    pub fn replay(&self) -> String {
        let Options { visitors, agents, profile } = self.options;
        let hours = self.time.as_secs_f64() / 3600.0;
        let seed = self.seed;
        format!(
            "just sim --seed {seed} --hours {hours} --profile {profile} --visitors {visitors} \
             --agents {agents}"
        )
    }

    /// # Panics
    ///
    /// If a rule was broken: with what was broken, the end of the timeline, and the command that
    /// shows it again.
    pub fn assert_holds(&self) {
        assert!(self.violations.is_empty(), "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// How much of the timeline is told of a failure.
        const LAST: usize = 60;
        if self.violations.is_empty() {
            return write!(
                f,
                "seed {}, {}: {} of virtual time, {} acts, {} times everybody agreed",
                self.seed,
                self.options.profile,
                self.now(),
                self.acts,
                self.agreed
            );
        }
        let part = crate::Part { last: Some(LAST), ..crate::Part::default() };
        f.write_str(&self.timeline().part(&part))?;
        for violation in &self.violations {
            writeln!(f, "{violation}")?;
        }
        for (client, name) in self.timeline().names() {
            if self.violations.iter().any(|it| mentions(&it.how, &client.to_string())) {
                writeln!(f, "{client} is {name} in the timeline")?;
            }
        }
        write!(f, "at {} of seed {}; to see it again:\n  {}", self.now(), self.seed, self.replay())
    }
}

/// Whether these words are in a text, and not as the beginning of a longer number.
fn mentions(text: &str, words: &str) -> bool {
    text.match_indices(words)
        .any(|(at, _)| !text[at + words.len()..].starts_with(|next: char| next.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_not_taken_for_one_with_a_longer_number() {
        assert!(mentions("agent 2 sees agent 28", "agent 2"));
        assert!(mentions("agent 2", "agent 2"));
        assert!(!mentions("agent 28 sees agent 21", "agent 2"));
    }
}
