//! Every joint state, from each root on.

use core::time::Duration;
use std::io;
use std::time::Instant;

use coview_sim::search::Limits;
use coview_sim::search::Report;
use coview_sim::search::Root;
use coview_sim::search::search;
use coview_sim::search::story;
use coview_sim::search::way;

use crate::args::Search;

/// Searches from the roots that are asked for; whether every rule held and everybody gets out.
pub(crate) fn run(args: &Search) -> io::Result<bool> {
    if let (Some(numbers), Some(root), Some(breaks)) = (&args.again, args.root, args.breaks) {
        return again(root, breaks, &numbers.0);
    }
    let roots = args.root.map_or_else(|| Root::ALL.to_vec(), |root| vec![root]);
    let breaks = args.breaks.map_or_else(|| vec![0, 1], |breaks| vec![breaks]);
    let mut fine = true;
    for root in roots {
        for &breaks in &breaks {
            let limits = Limits { depth: args.depth, states: args.states, breaks, in_flight: 1 };
            let (report, took) = timed(|| search(root, limits, None));
            fine &= tell(&report, limits, took);
        }
    }
    Ok(fine)
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a search took is told, and decides nothing"
)]
fn timed<T>(what: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
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
    let goals: Vec<String> =
        report.goals.iter().map(|(goal, way)| format!("{goal} {}", way.len())).collect();
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

/// Tells one way again.
fn again(root: Root, breaks: u8, numbers: &[usize]) -> io::Result<bool> {
    let limits = Limits { depth: u32::MAX, states: usize::MAX, breaks, in_flight: 1 };
    let way = way(root, limits, None, numbers)
        .ok_or_else(|| io::Error::other("there is no such way: a state has not so many choices"))?;
    println!("{}", story(root, limits, None, &way));
    Ok(true)
}
