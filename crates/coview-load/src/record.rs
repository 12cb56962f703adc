//! What was measured, as it is kept.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::Serialize;

use crate::client::control::Worked;
use crate::wire::Kind;
use crate::wire::Peer;

/// One run of the program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// When it ended, as `2026-11-23`.
    pub(crate) date: String,
    pub(crate) machine: Machine,
    pub(crate) versions: BTreeMap<Peer, String>,
    pub(crate) runs: Vec<Run>,
}

impl Record {
    /// Reads what was kept.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| named(&error))?;
        serde_json::from_str(&text).map_err(|error| named(&error))
    }

    /// Keeps it, and makes the folder for it.
    pub(crate) fn write(&self, path: &Path) -> Result<(), String> {
        let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let mut text = serde_json::to_string_pretty(self).map_err(|error| named(&error))?;
        text.push('\n');
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| named(&error))?;
        }
        std::fs::write(path, text).map_err(|error| named(&error))
    }
}

/// Where it ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: f64,
    pub(crate) kernel: String,
    /// Whether servers had core 0 and clients core 1 for themselves.
    pub(crate) pinned: bool,
    /// How many processes waited for a core when it began, from others on the machine.
    pub(crate) load_before: f64,
}

/// How a server ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Variant {
    /// Without TLS, and without anything on disk.
    Plain,
    Tls,
    /// coview with its audit log: what begins something is on disk before it is told.
    Audit,
    /// coview with assertions that are signed with Ed25519 in place of a shared secret.
    Ed25519,
}

/// One server, started once, or as many processes of it at the same time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Run {
    pub(crate) server: Peer,
    pub(crate) variant: Variant,
    pub(crate) processes: u32,
    /// In all processes together.
    pub(crate) visitors: u32,
    /// Counted from 1: the same is measured several times, in turns with the others.
    pub(crate) round: u32,
    pub(crate) memory: Memory,
    pub(crate) connects: Connects,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) work: Vec<Measured>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) idle: Option<Idle>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) storm: Option<Storm>,
}

/// Resident memory of the server's processes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Memory {
    pub(crate) before: u64,
    /// With all visitors online and idle.
    pub(crate) idle: u64,
    /// After the work.
    pub(crate) after: u64,
}

impl Memory {
    /// What one visitor takes.
    pub(crate) fn each(self, visitors: u32) -> f64 {
        self.idle.saturating_sub(self.before) as f64 / f64::from(visitors.max(1))
    }
}

/// Visitors who connect one after the other as fast as it goes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Connects {
    pub(crate) seconds: f64,
    pub(crate) server_cpu: f64,
    pub(crate) client_cpu: f64,
}

/// How hard the server is made to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Load {
    /// One round trip at a time.
    One,
    /// 256 connections of agents with one round trip under way each.
    Wide,
    /// 16 connections with 16 under way each.
    Deep,
}

impl Load {
    /// How many agents, and how many round trips each has under way.
    pub(crate) const fn shape(self) -> (u32, u16) {
        match self {
            Self::One => (1, 1),
            Self::Wide => (256, 1),
            Self::Deep => (16, 16),
        }
    }
}

/// One piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Measured {
    pub(crate) kind: Kind,
    pub(crate) load: Load,
    pub(crate) worked: Worked,
}

impl Measured {
    pub(crate) fn per_second(&self) -> f64 {
        self.worked.relayed as f64 / self.worked.seconds
    }

    /// Processor time of the server for a message that is relayed, in microseconds.
    pub(crate) fn server_micros(&self) -> f64 {
        self.worked.server_cpu * 1e6 / self.worked.relayed as f64
    }

    /// How much of a core the server, and the client, took.
    pub(crate) fn cores(&self) -> (f64, f64) {
        let Worked { seconds, server_cpu, client_cpu, .. } = self.worked;
        (server_cpu / seconds, client_cpu / seconds)
    }
}

/// Visitors who do nothing but give a sign of life every 20 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Idle {
    pub(crate) seconds: f64,
    pub(crate) pings: u64,
    pub(crate) server_cpu: f64,
}

impl Idle {
    /// Processor time a minute for 10,000 visitors, in seconds.
    pub(crate) fn minute(self, visitors: u32) -> f64 {
        self.server_cpu / self.seconds * 60.0 / f64::from(visitors) * 10_000.0
    }
}

/// Everybody comes back at once; seconds until all are online.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Storm {
    /// After every connection was cut.
    pub(crate) cut: f64,
    /// After the server was killed and started again: from the first connection it accepted on.
    pub(crate) restarted: f64,
    /// The same from the kill on, the server's own start included.
    pub(crate) killed: f64,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Three rounds of coview, one of Mosquitto, memory only.
    pub(crate) fn small() -> Record {
        let run = |server, round, each: u64| Run {
            server,
            variant: Variant::Plain,
            processes: 1,
            visitors: 10_000,
            round,
            memory: Memory { before: 5_000_000, idle: 5_000_000 + 10_000 * each, after: 0 },
            connects: Connects { seconds: 1.0, server_cpu: 0.5, client_cpu: 0.5 },
            work: Vec::new(),
            idle: None,
            storm: None,
        };
        Record {
            date: "2026-11-23".to_owned(),
            machine: Machine {
                processor: "a processor".to_owned(),
                cores: 2,
                memory_gib: 24.0,
                kernel: "6.18".to_owned(),
                pinned: true,
                load_before: 0.5,
            },
            versions: BTreeMap::from([
                (Peer::Coview, "0.1.0".to_owned()),
                (Peer::Mosquitto, "2.0.11".to_owned()),
            ]),
            runs: vec![
                run(Peer::Coview, 1, 5_000),
                run(Peer::Mosquitto, 1, 1_500),
                run(Peer::Coview, 2, 1_000),
                run(Peer::Coview, 3, 1_200),
            ],
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let record = small();
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    }
}
