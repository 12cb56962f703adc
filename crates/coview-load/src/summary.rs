//! What several rounds come to: medians, looked up by what was measured.

use crate::record::Load;
use crate::record::Measured;
use crate::record::Record;
use crate::record::Run;
use crate::record::Variant;
use crate::stats::median;
use crate::wire::Kind;
use crate::wire::Peer;

/// Rounds of the same thing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounds<'a> {
    record: &'a Record,
    pub(crate) server: Peer,
    variant: Variant,
    visitors: u32,
}

/// The medians of one piece of work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Work {
    /// In microseconds.
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    /// Messages relayed in a second.
    pub(crate) per_second: f64,
    /// Processor time of the server for one of them, in microseconds.
    pub(crate) micros: f64,
    /// How much of a core the server and the client took, of 1.
    pub(crate) server: f64,
    pub(crate) client: f64,
}

impl Record {
    /// The servers that were measured, in their order.
    pub(crate) fn servers(&self) -> impl Iterator<Item = Peer> {
        self.versions.keys().copied()
    }

    pub(crate) fn rounds(&self, server: Peer, variant: Variant, visitors: u32) -> Rounds<'_> {
        Rounds { record: self, server, variant, visitors }
    }

    /// How many visitors a single process had, in every number that was tried.
    pub(crate) fn visitors(&self) -> Vec<u32> {
        let single = self.runs.iter().filter(|run| run.processes == 1);
        let mut counts: Vec<u32> = single.map(|run| run.visitors).collect();
        counts.sort_unstable();
        counts.dedup();
        counts
    }

    /// The runs over several processes.
    pub(crate) fn many(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(|run| run.processes > 1)
    }
}

impl Rounds<'_> {
    fn runs(&self) -> impl Iterator<Item = &Run> {
        let Self { record, server, variant, visitors } = *self;
        record.runs.iter().filter(move |run| {
            run.server == server
                && run.variant == variant
                && run.visitors == visitors
                && run.processes == 1
        })
    }

    fn median(&self, of: impl FnMut(&Run) -> Option<f64>) -> Option<f64> {
        median(self.runs().filter_map(of).collect())
    }

    /// Resident memory for each idle visitor, in bytes.
    pub(crate) fn bytes(&self) -> Option<f64> {
        self.median(|run| Some(run.memory.each(run.visitors)))
    }

    /// Resident memory as a whole, with all visitors idle, in bytes.
    pub(crate) fn resident(&self) -> Option<f64> {
        self.median(|run| Some(run.memory.idle as f64))
    }

    pub(crate) fn connects_per_second(&self) -> Option<f64> {
        self.median(|run| Some(f64::from(run.visitors) / run.connects.seconds))
    }

    /// Processor time of the server for one visitor who comes online, in microseconds.
    pub(crate) fn connect_micros(&self) -> Option<f64> {
        self.median(|run| Some(run.connects.server_cpu * 1e6 / f64::from(run.visitors)))
    }

    /// Seconds of processor a minute for 10,000 idle visitors.
    pub(crate) fn idle_minute(&self) -> Option<f64> {
        self.median(|run| run.idle.map(|idle| idle.minute(run.visitors)))
    }

    /// Seconds until everybody is back: after a cut, after a restart, after the kill before it.
    pub(crate) fn storm(&self) -> Option<[f64; 3]> {
        Some([
            self.median(|run| run.storm.map(|storm| storm.cut))?,
            self.median(|run| run.storm.map(|storm| storm.restarted))?,
            self.median(|run| run.storm.map(|storm| storm.killed))?,
        ])
    }

    pub(crate) fn work(&self, kind: Kind, load: Load) -> Option<Work> {
        let each = |of: &dyn Fn(&Measured) -> f64| {
            let all = self.runs().flat_map(|run| &run.work);
            median(
                all.filter(|measured| measured.kind == kind && measured.load == load)
                    .map(of)
                    .collect(),
            )
        };
        Some(Work {
            p50: each(&|measured| measured.worked.round_trip.p50)?,
            p90: each(&|measured| measured.worked.round_trip.p90)?,
            p99: each(&|measured| measured.worked.round_trip.p99)?,
            per_second: each(&Measured::per_second)?,
            micros: each(&Measured::server_micros)?,
            server: each(&|measured| measured.cores().0)?,
            client: each(&|measured| measured.cores().1)?,
        })
    }
}
