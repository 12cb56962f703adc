//! Whole days from a seed, with a fixed set of seeds.

use core::time::Duration;
use std::panic::resume_unwind;
use std::thread;

use coview_sim::Part;
use coview_sim::coverage::Coverage;
use coview_sim::simulation::DAY;
use coview_sim::simulation::LEAST;
use coview_sim::simulation::Options;
use coview_sim::simulation::Profile;
use coview_sim::simulation::days;
use coview_sim::simulation::simulate;

const HOUR: Duration = Duration::from_secs(3600);

/// The same seed gives the same run to the last byte, and another seed another one.
#[test]
fn a_seed_is_a_run() {
    for profile in Profile::ALL {
        let options = Options { profile, ..Options::default() };
        let run = |seed| simulate(seed, HOUR / 4, &options).timeline().to_string();
        let first = run(42);
        assert!(first.len() > 1_000, "something happened");
        assert_eq!(first, run(42), "{profile}");
        assert_ne!(first, run(43), "{profile}");
    }
}

/// What a part of the days that are always simulated reaches.
fn reached(part: impl Iterator<Item = (u64, Profile)>) -> Coverage {
    let mut coverage = Coverage::default();
    for (seed, profile) in part {
        let options = Options { profile, ..Options::default() };
        let report = simulate(seed, DAY, &options);
        report.assert_holds();
        coverage.merge(report.coverage());
    }
    coverage
}

/// Every rule holds all the time, and all there is to reach is reached: a rule that holds because
/// nothing happens is worth nothing.
#[test]
fn days_hold_and_reach_everything() {
    let coverage = thread::scope(|scope| {
        let others = scope.spawn(|| reached(days().skip(1).step_by(2)));
        let mut coverage = reached(days().step_by(2));
        coverage.merge(&others.join().unwrap_or_else(|panic| resume_unwind(panic)));
        coverage
    });
    assert_eq!(coverage.gaps(LEAST), "", "to see it all: just sim-coverage");
}

/// Who shows a diagram of a day sees nothing in it that Mermaid would read as something else.
#[test]
fn a_day_can_be_drawn() {
    let options = Options { profile: Profile::Storm, ..Options::default() };
    let report = simulate(5, HOUR / 4, &options);
    let part = Part { last: Some(150), ..Part::default() };
    let diagram = report.timeline().mermaid(&part);
    let lines: Vec<&str> = diagram.lines().collect();
    assert_eq!(lines.first(), Some(&"sequenceDiagram"));
    for line in &lines[1..] {
        let statement = line.strip_prefix("    ").expect("a statement is indented");
        let (head, words) = match statement.split_once(": ") {
            Some((head, words)) => (head, words),
            None => (statement, ""),
        };
        let known = head.starts_with("participant ")
            || head.starts_with("note over ")
            || head.contains("->>hub")
            || head.starts_with("hub-->>");
        assert!(known, "{line}");
        // Every semicolon ends an entity.
        let mut rest = words;
        while let Some((before, after)) = rest.split_once(';') {
            assert!(before.rsplit_once('#').is_some_and(|(_, entity)| entity.len() <= 5), "{line}");
            rest = after;
        }
    }
    assert!(lines.len() > 150 && lines.len() < 200, "{}", lines.len());
}
