//! The orchestrator: starts servers and clients, has the phases run, and keeps what came of it.

mod client;
mod machine;
mod phases;
mod pin;
mod server;

use core::time::Duration;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use anstream::eprintln;
use anstream::println;
use clap::ValueEnum;

use self::phases::Plan;
use self::pin::Pin;
use self::server::Workshop;
use crate::docs;
use crate::process::raise_files;
use crate::record::Record;
use crate::record::Run;
use crate::record::Variant;
use crate::report;
use crate::wire::Peer;

/// What of all that can be measured is measured. Memory and connecting always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Phase {
    /// Memory of idle visitors, and how fast they connect
    Memory,
    /// One round trip at a time
    RoundTrip,
    /// As many messages as go, with the most visitors of whom work is measured
    Saturation,
    /// Nothing but heartbeats
    Idle,
    /// Everybody comes back at once
    Storm,
    /// Memory with TLS
    Tls,
    /// coview with its audit log, and with assertions signed with Ed25519
    Variants,
    /// More visitors than one process may hold
    Many,
}

/// Of how many visitors work is measured at most: with more, only their memory.
const MOST_WITH_WORK: u32 = 10_000;
/// How many processes hold those that are more than one may hold.
const MANY: (u32, u32) = (3, 51_000);

#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// What to measure
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = all())]
    pub(crate) phases: Vec<Phase>,

    /// Which servers; those that are not installed are left out
    #[arg(long, value_enum, value_delimiter = ',',
        default_values_t = [Peer::Coview, Peer::Mosquitto, Peer::Nats, Peer::Redis])]
    pub(crate) servers: Vec<Peer>,

    /// How many idle visitors there are; with more than 10,000 only their memory is measured
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000, 19_000])]
    pub(crate) connections: Vec<u32>,

    /// How often everything is measured, the servers in turns
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: u32,

    /// How long each piece of work goes on, in seconds
    #[arg(long, default_value_t = 2.0)]
    pub(crate) seconds: f64,

    /// How long visitors do nothing but give signs of life, in seconds
    #[arg(long, default_value_t = 40.0)]
    pub(crate) idle_seconds: f64,

    /// A thousand visitors, one round, in less than a minute: whether all of it still works
    #[arg(long)]
    pub(crate) quick: bool,

    /// Keep the numbers in docs/measurements/load.json, and draw the graphs and tables anew
    #[arg(long)]
    pub(crate) record: bool,

    /// The documents that --record changes
    #[arg(long, value_name = "FOLDER", default_value = "docs")]
    pub(crate) docs: PathBuf,

    /// Write the numbers to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// The coview program; by default the one beside this program
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) coview: Option<PathBuf>,

    /// Leave it to the kernel on which core a process runs
    #[arg(long)]
    pub(crate) no_pin: bool,
}

fn all() -> Vec<Phase> {
    Phase::value_variants().to_vec()
}

impl RunArgs {
    fn quickened(mut self) -> Self {
        if self.quick {
            self.connections = vec![1_000];
            self.rounds = 1;
            self.seconds = 1.0;
            self.phases.retain(|phase| !matches!(phase, Phase::Idle | Phase::Many));
        }
        self
    }

    fn has(&self, phase: Phase) -> bool {
        self.phases.contains(&phase)
    }
}

/// Measures, prints, and keeps.
pub(crate) fn run(args: RunArgs) -> Result<(), String> {
    let args = args.quickened();
    let files = raise_files();
    let coview = match &args.coview {
        Some(path) => path.clone(),
        None => beside()?,
    };
    let folder = std::env::temp_dir().join(format!("coview-load-{}", std::process::id()));
    std::fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let _swept = Swept(folder.clone());
    let pin = if args.no_pin { Err("--no-pin was given".to_owned()) } else { Pin::wanted() };
    let pin = pin.unwrap_or_else(|why| {
        eprintln!("not pinned: {why}; server and client may take each other's core");
        Pin::No
    });
    let workshop = Workshop { folder, coview, pin };
    workshop.furnish()?;

    let mut versions = BTreeMap::new();
    for &peer in &args.servers {
        match server::version(peer, &workshop.coview) {
            Ok(version) => {
                versions.insert(peer, version);
            }
            Err(why) if peer == Peer::Coview => return Err(why),
            Err(why) => eprintln!("{} is not measured: {why}", peer.name()),
        }
    }
    let machine = machine::look(pin == Pin::Apart);
    let servers: Vec<Peer> = versions.keys().copied().collect();
    let (mut runs, mut failed) = (Vec::new(), Vec::new());
    for plan in plans(&args, &servers) {
        if u64::from(plan.visitors / plan.processes) + 600 > files {
            eprintln!("{} visitors are left out: a process may hold {files} files", plan.visitors);
            continue;
        }
        let named = |why| format!("{} with {} visitors: {why}", plan.server.name(), plan.visitors);
        let again = |why| {
            eprintln!("once more, because it failed: {}", named(why));
            plan.carry_out(&workshop)
        };
        let run = match plan.carry_out(&workshop).or_else(again).map_err(named) {
            Ok(run) => run,
            Err(why) => {
                eprintln!("{why}");
                failed.push(why);
                continue;
            }
        };
        say(&run);
        runs.push(run);
    }
    let record = Record { date: machine::today(), machine, versions, runs };
    println!("\n{}", report::tables(&record));
    if let Some(path) = &args.json {
        record.write(path)?;
    }
    if !failed.is_empty() {
        return Err(format!("not all was measured, so nothing is recorded: {}", failed.join("; ")));
    }
    if args.record {
        record.write(&docs::record(&args.docs))?;
        docs::draw(&args.docs)?;
    }
    Ok(())
}

/// A folder that is removed with all that is in it.
#[derive(Debug)]
struct Swept(PathBuf);

impl Drop for Swept {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn beside() -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let coview = program.with_file_name("coview");
    if coview.is_file() {
        Ok(coview)
    } else {
        Err(format!(
            "there is no {}: build it with `cargo build --release -p coview-cli`, or name it with \
             --coview",
            coview.display()
        ))
    }
}

fn plans(args: &RunArgs, servers: &[Peer]) -> Vec<Plan> {
    let settle = Duration::from_millis(if args.quick { 500 } else { 1500 });
    let mut plans = Vec::new();
    let plan = |server, visitors, round| Plan {
        server,
        variant: Variant::Plain,
        visitors,
        processes: 1,
        round,
        one_seconds: 0.0,
        full_seconds: 0.0,
        idle_seconds: 0.0,
        storm: false,
        settle,
    };
    let seconds = |phase, visitors| {
        if args.has(phase) && visitors <= MOST_WITH_WORK { args.seconds } else { 0.0 }
    };
    let with_work =
        [Phase::Memory, Phase::RoundTrip, Phase::Saturation].iter().any(|&phase| args.has(phase));
    let most = args.connections.iter().copied().filter(|&count| count <= MOST_WITH_WORK).max();
    for round in 1..=args.rounds {
        if with_work {
            for &visitors in &args.connections {
                plans.extend(servers.iter().map(|&server| Plan {
                    one_seconds: seconds(Phase::RoundTrip, visitors),
                    full_seconds: if Some(visitors) == most {
                        seconds(Phase::Saturation, visitors)
                    } else {
                        0.0
                    },
                    ..plan(server, visitors, round)
                }));
            }
        }
        let Some(most) = most else { continue };
        if args.has(Phase::Storm) {
            plans.extend(
                servers.iter().map(|&server| Plan { storm: true, ..plan(server, most, round) }),
            );
        }
        if args.has(Phase::Tls) {
            // NATS begins without TLS and changes over, which the client does not speak.
            let servers = servers.iter().filter(|&&server| server != Peer::Nats);
            plans.extend(
                servers.map(|&server| Plan { variant: Variant::Tls, ..plan(server, most, round) }),
            );
        }
        if args.has(Phase::Variants) && servers.contains(&Peer::Coview) {
            plans.push(Plan {
                variant: Variant::Audit,
                one_seconds: args.seconds,
                full_seconds: args.seconds,
                ..plan(Peer::Coview, most, round)
            });
            plans.push(Plan {
                variant: Variant::Ed25519,
                storm: true,
                ..plan(Peer::Coview, most, round)
            });
        }
    }
    if let Some(most) = most
        && args.has(Phase::Idle)
    {
        plans.extend(
            servers
                .iter()
                .map(|&server| Plan { idle_seconds: args.idle_seconds, ..plan(server, most, 1) }),
        );
    }
    if args.has(Phase::Many) && servers.contains(&Peer::Coview) {
        let (processes, visitors) = MANY;
        plans.push(Plan { processes, ..plan(Peer::Coview, visitors, 1) });
    }
    plans
}

/// One line for each thing, while it is measured.
fn say(run: &Run) {
    let Run { server, variant, visitors, processes, round, memory, connects, .. } = run;
    println!(
        "{} {variant:?}, {visitors} visitors in {processes}, round {round}: {:.0} B each ({:.1} MiB \
         before, {:.1} idle, {:.1} after), {:.0} connects/s, {:.0} us of server and {:.0} of client each",
        server.name(),
        memory.each(*visitors),
        mebibytes(memory.before),
        mebibytes(memory.idle),
        mebibytes(memory.after),
        f64::from(*visitors) / connects.seconds,
        connects.server_cpu * 1e6 / f64::from(*visitors),
        connects.client_cpu * 1e6 / f64::from(*visitors),
    );
    for measured in &run.work {
        let (server, client) = measured.cores();
        let trip = measured.worked.round_trip;
        println!(
            "    {:?} {:?}: p50 {:.0} us, p90 {:.0}, p99 {:.0}; {:.0}/s, {:.2} us each; server {:.0} %, \
             client {:.0} %; {:.0} B there, {:.0} back",
            measured.kind,
            measured.load,
            trip.p50,
            trip.p90,
            trip.p99,
            measured.per_second(),
            measured.server_micros(),
            server * 100.0,
            client * 100.0,
            measured.worked.bytes_there,
            measured.worked.bytes_back,
        );
    }
    if let Some(idle) = run.idle {
        println!(
            "    idle: {:.2} s of processor a minute for 10,000; {} pings in {:.0} s",
            idle.minute(*visitors),
            idle.pings,
            idle.seconds
        );
    }
    if let Some(storm) = run.storm {
        println!(
            "    storm: {:.2} s after a cut; {:.2} s after a restart, {:.2} s after the kill",
            storm.cut, storm.restarted, storm.killed
        );
    }
    let _ = std::io::stdout().flush();
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
