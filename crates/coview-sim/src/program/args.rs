//! The command line.

use core::time::Duration;
use std::path::PathBuf;

use coview_sim::search::Root;
use coview_sim::simulation::Options;
use coview_sim::simulation::Profile;
use coview_wire::Moment;

/// Visitors, agents, a hub and a hostile network in virtual time, all from a seed
#[derive(Debug, clap::Parser)]
#[command(
    name = "coview-sim",
    after_help = "\
Exit codes:
  0  every rule held
  1  a rule was broken, somebody cannot get out of a state, a file could not be written, or
     something is reached too rarely, or at all though it was said to be out of reach
  2  the command line is wrong"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Replay one seed: the same every time, to the last byte of the timeline
    Run(Run),
    /// Try fresh seeds until one breaks a rule or the time is over
    Soak(Soak),
    /// Simulate the days that tests simulate, and tell what they reach of all there is to reach
    Coverage,
    /// Visit every joint state of one visitor, two agents and the hub
    Search(Search),
}

/// What decides what happens.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Town {
    /// How many hours of virtual time pass, before everybody goes home
    #[arg(long, value_name = "HOURS", default_value_t = 1.0, value_parser = hours)]
    pub(crate) hours: f64,

    /// How many visitors there are at any time
    #[arg(long, value_name = "COUNT", default_value_t = Options::default().visitors)]
    pub(crate) visitors: usize,

    /// How many agents there are at any time
    #[arg(long, value_name = "COUNT", default_value_t = Options::default().agents)]
    pub(crate) agents: usize,
}

/// The options of `run`.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// Everything that is drawn is drawn from this number
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: u64,

    /// What kind of day it is: office, storm, mobile, hostile or played
    #[arg(long, value_name = "KIND", default_value_t = Options::default().profile)]
    pub(crate) profile: Profile,

    #[command(flatten)]
    pub(crate) town: Town,

    /// Write the timeline as text to this file, or with - to the standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) timeline: Option<PathBuf>,

    /// Write the timeline as a Mermaid sequence diagram to this file, or with - to the standard
    /// output
    #[arg(long, value_name = "FILE")]
    pub(crate) mermaid: Option<PathBuf>,

    /// Tell nothing before this second of virtual time
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, value_parser = seconds)]
    from: f64,

    /// Tell nothing after this second of virtual time
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    to: Option<f64>,

    /// Of the clients tell of this one only, by the name it has in the timeline
    #[arg(long, value_name = "CLIENT")]
    pub(crate) only: Option<String>,

    /// How many things the diagram, or the timeline on a terminal, has at most: the last ones
    #[arg(long, value_name = "COUNT", default_value_t = 200)]
    pub(crate) last: usize,
}

impl Run {
    pub(crate) fn time(&self) -> Duration {
        self.town.time()
    }

    pub(crate) fn options(&self) -> Options {
        self.town.options(self.profile)
    }

    pub(crate) fn from(&self) -> Moment {
        Moment::new(Duration::from_secs_f64(self.from))
    }

    pub(crate) fn to(&self) -> Option<Moment> {
        self.to.map(|to| Moment::new(Duration::from_secs_f64(to)))
    }
}

impl Town {
    pub(crate) fn time(&self) -> Duration {
        Duration::from_secs_f64(self.hours * 3600.0)
    }

    pub(crate) const fn options(&self, profile: Profile) -> Options {
        Options { visitors: self.visitors, agents: self.agents, profile }
    }
}

/// The options of `soak`.
#[derive(Debug, clap::Args)]
pub(crate) struct Soak {
    /// For how many minutes of real time
    #[arg(value_name = "MINUTES", value_parser = minutes)]
    pub(crate) minutes: f64,

    /// The first seed; the others follow it one by one [default: from the clock]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,

    #[command(flatten)]
    pub(crate) town: Town,
}

/// The options of `search`.
#[derive(Debug, clap::Args)]
pub(crate) struct Search {
    /// From which root: manual, confirm, one-click or mixed [default: from each in turn]
    #[arg(long, value_name = "ROOT")]
    pub(crate) root: Option<Root>,

    /// How many connections may break: 0 or 1 [default: first none, then one]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u8).range(0..=1))]
    pub(crate) breaks: Option<u8>,

    /// How many things happen one after the other at most
    #[arg(long, value_name = "COUNT", default_value_t = 200)]
    pub(crate) depth: u32,

    /// How many states are visited at most; one that waits to be gone on from takes some 35 kB
    #[arg(long, value_name = "COUNT", default_value_t = 600_000)]
    pub(crate) states: usize,

    /// Tell one way again, by the numbers that a failed search names
    #[arg(long, value_name = "NUMBERS", value_parser = numbers, requires_all = ["root", "breaks"])]
    pub(crate) again: Option<Numbers>,
}

/// Which of the choices is taken in each state of a way.
#[derive(Clone, Debug)]
pub(crate) struct Numbers(pub(crate) Vec<usize>);

fn numbers(text: &str) -> Result<Numbers, String> {
    let numbers = text.split('.').map(str::parse).collect::<Result<_, _>>();
    numbers.map(Numbers).map_err(|_| "it must be numbers with dots between them".to_owned())
}

fn number(text: &str, most: f64) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|number| (0.0..=most).contains(number))
        .ok_or_else(|| format!("it must be a number from 0 to {most}"))
}

fn hours(text: &str) -> Result<f64, String> {
    number(text, 24.0 * 365.0)
}

fn seconds(text: &str) -> Result<f64, String> {
    number(text, 3600.0 * 24.0 * 365.0)
}

fn minutes(text: &str) -> Result<f64, String> {
    number(text, 60.0 * 24.0 * 30.0)
}
