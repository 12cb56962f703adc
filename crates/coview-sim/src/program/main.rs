//! `just sim`, `just soak`, `just sim-coverage`: days of virtual time from a seed. `just search`: every
//! joint state.
#![expect(clippy::print_stdout, reason = "a program prints what it saw")]

mod args;
mod search;
mod soak;

use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use coview_sim::Part;
use coview_sim::coverage::Coverage;
use coview_sim::simulation;
use coview_sim::simulation::Options;
use coview_sim::simulation::Report;
use coview_sim::simulation::simulate;

use crate::args::Args;
use crate::args::Command;
use crate::args::Run;

/// What the program ends with if a rule was broken; 2 is for a wrong command line.
const BROKEN: u8 = 1;

fn main() -> ExitCode {
    let done = match Args::parse().command {
        Command::Run(run) => one(&run),
        Command::Soak(soak) => soak::run(&soak),
        Command::Coverage => Ok(covered()),
        Command::Search(search) => search::run(&search),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(BROKEN),
        Err(error) => {
            println!("{error}");
            ExitCode::from(BROKEN)
        }
    }
}

/// Replays one seed; whether every rule held.
fn one(run: &Run) -> io::Result<bool> {
    let report = simulate(run.seed, run.time(), &run.options());
    if let Some(only) = &run.only {
        let there = report.timeline().clients();
        if !there.contains(only.as_str()) {
            let there = there.into_iter().collect::<Vec<_>>().join(", ");
            return Err(io::Error::other(format!("there is no {only}; there are {there}")));
        }
    }
    if let Some(file) = &run.timeline {
        write(file, &report.timeline().part(&run.part(None)))?;
    }
    if let Some(file) = &run.mermaid {
        write(file, &report.timeline().mermaid(&run.part(Some(run.last))))?;
    }
    if run.timeline.is_none() && run.mermaid.is_none() && report.violations().is_empty() {
        print!("{}", report.timeline().part(&run.part(Some(run.last))));
    }
    Ok(told(&report))
}

/// Tells what the fixed days reach; whether every rule held and nothing is missing.
fn covered() -> bool {
    let mut coverage = Coverage::default();
    for (seed, profile) in simulation::days() {
        let options = Options { profile, ..Options::default() };
        let report = simulate(seed, simulation::DAY, &options);
        if !told(&report) {
            return false;
        }
        coverage.merge(report.coverage());
    }
    print!("{coverage}\n{}", coverage.summary(simulation::LEAST));
    let gaps = coverage.gaps(simulation::LEAST);
    println!("{gaps}");
    gaps.is_empty()
}

/// Says what came of it; whether every rule held.
fn told(report: &Report) -> bool {
    println!("{report}");
    report.violations().is_empty()
}

/// Writes a file, or with `-` the standard output.
fn write(file: &Path, text: &str) -> io::Result<()> {
    if file == Path::new("-") {
        print!("{text}");
        return Ok(());
    }
    fs::write(file, text)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))
}

impl Run {
    /// The part of the timeline that is asked for.
    fn part(&self, last: Option<usize>) -> Part {
        Part { from: self.from(), to: self.to(), only: self.only.clone(), last }
    }
}
