//! Visits every joint state of one visitor, two agents and the hub, from each root on:
//! `cargo run --release -p coview-sim --example search -- [DEPTH [STATES [ROOT]]]`. With
//! `again BREAKS ROOT NUMBERS` it tells one way, as the end of a failed search names it.
#![expect(clippy::print_stdout, reason = "an example prints what it saw")]

use std::process::ExitCode;
use std::time::Duration;

use coview_sim::search::Goal;
use coview_sim::search::Limits;
use coview_sim::search::Report;
use coview_sim::search::Root;
use coview_sim::search::search;
use coview_sim::search::story;
use coview_sim::search::way;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    if let ["again", breaks, root, numbers] = args[..] {
        return again(breaks, root, numbers);
    }
    let depth = args.first().and_then(|it| it.parse().ok()).unwrap_or(12);
    let states = args.get(1).and_then(|it| it.parse().ok()).unwrap_or(2_000_000);
    let only = args.get(2).and_then(|name| Root::named(name));
    let mut fine = true;
    for root in Root::ALL.into_iter().filter(|root| only.is_none_or(|only| only == *root)) {
        for breaks in [0, 1] {
            let limits = Limits { depth, states, breaks, in_flight: 1 };
            let (report, took) = timed(|| search(root, limits, None));
            fine &= tell(&report, limits, took);
        }
    }
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a search took is told, and decides nothing"
)]
fn timed<T>(what: impl FnOnce() -> T) -> (T, Duration) {
    let begun = std::time::Instant::now();
    let done = what();
    (done, begun.elapsed())
}

fn tell(report: &Report, limits: Limits, took: Duration) -> bool {
    let Report { root, states, edges, depth, frontier, ways_out, .. } = report;
    let end = if report.is_fixed_point() { "all there are" } else { "stopped" };
    println!(
        "{root}, {} breaks: {states} states, {edges} edges, depth {depth}, frontier {frontier}, {end}, {:.1} s",
        limits.breaks,
        took.as_secs_f64(),
    );
    let goals: Vec<String> = report
        .goals
        .iter()
        .map(|(goal, way): (&Goal, _)| format!("{goal} {}", way.len()))
        .collect();
    println!("  the visitor gets out of {ways_out} states by itself, for all that is known");
    println!("  first reached after so many steps: {}", goals.join(", "));
    let mut fine = true;
    for (what, found) in [
        ("a rule is broken", report.broken.as_ref().map(|(way, _)| way)),
        ("the visitor cannot get out", report.dead_end.as_ref()),
    ] {
        if let Some(way) = found {
            println!("  {what}:\n{}", story(*root, limits, None, way));
            fine = false;
        }
    }
    fine
}

fn again(breaks: &str, root: &str, numbers: &str) -> ExitCode {
    let breaks = breaks.parse().unwrap_or(1);
    let limits = Limits { depth: u32::MAX, states: usize::MAX, breaks, in_flight: 1 };
    let numbers: Vec<usize> = numbers.split('.').filter_map(|it| it.parse().ok()).collect();
    let Some(root) = Root::named(root) else { return ExitCode::FAILURE };
    let Some(way) = way(root, limits, None, &numbers) else { return ExitCode::FAILURE };
    println!("{}", story(root, limits, None, &way));
    ExitCode::SUCCESS
}
