//! The audit logs of the server, and how words wait for their records.

use core::fmt;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering;
use core::time::Duration;
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::Weak;

use coview_audit::Digest;
use coview_audit::Journal;
use coview_audit::Kind;
use coview_audit::Notice;
use coview_audit::OpenError;
use coview_audit::Options;
use coview_audit::Record;
pub use coview_audit::Retention;
use coview_audit::Ticket;
use coview_hub::Event;
use coview_hub::HubConfig;
use coview_wire::GroupId;
use coview_wire::UnixTime;

use crate::audit::record::record;
use crate::config::ServerConfig;
use crate::outbox::Outbox;
use crate::shared::wall;

mod record;
#[cfg(test)]
mod tests;

/// How the server keeps its audit logs. They are in the folder `audit` of its data directory, a file
/// for each group; without a data directory there are none, and events go to the server's own log
/// only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditConfig {
    /// After how many lines there is a signature, at least 1. Default 1,000, some 0.6 MB.
    pub head_lines: u32,
    /// How old a line gets before it is signed, if there were not so many. Default 1 minute.
    pub head_after: Duration,
    /// For how many days personal fields are kept. Default: for ever.
    pub retention: Retention,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            head_lines: 1_000,
            head_after: Duration::from_secs(60),
            retention: Retention::default(),
        }
    }
}

/// Takes the hub's events down.
#[derive(Default)]
pub(crate) struct Audit {
    journal: Option<Journal>,
    gate: Arc<Gate>,
    terms: BTreeMap<GroupId, TermsOnRecord>,
    refusals: Mutex<Refusals>,
}

/// How many refused proofs are recorded in one second, of all groups together. Anybody can have a
/// token refused; nobody is to fill the disk with it. What is not recorded is counted by the next
/// that is.
const REFUSALS_PER_SECOND: u32 = 50;

#[derive(Default)]
struct Refusals {
    second: u64,
    recorded: u32,
    unrecorded: u64,
}

impl Refusals {
    /// The record with how many before it were left out, or nothing if this one is, too.
    fn pace(&mut self, now: UnixTime, record: Record) -> Option<Record> {
        if self.second != now.get() {
            self.second = now.get();
            self.recorded = 0;
        }
        if self.recorded == REFUSALS_PER_SECOND {
            self.unrecorded += 1;
            return None;
        }
        self.recorded += 1;
        let unrecorded = core::mem::take(&mut self.unrecorded);
        Some(record.fact_if("unrecorded", (unrecorded > 0).then_some(unrecorded)))
    }
}

/// The terms of a group, as far as a record tells of them.
pub(crate) struct TermsOnRecord {
    version: Box<str>,
    text: Digest,
}

impl Audit {
    /// Opens the logs, if there is a directory for them.
    pub(crate) fn open(config: &ServerConfig) -> Result<Self, OpenError> {
        let Some(data) = &config.data else {
            const TOLD: &str = "without a data directory no audit log is kept: consents are told on \
                                `coview::audit` of this log only";
            if config.listen.ip().is_loopback() {
                tracing::info!("{TOLD}");
            } else {
                tracing::warn!("{TOLD}");
            }
            return Ok(Self::default());
        };
        let AuditConfig { head_lines, head_after, retention } = config.audit;
        let options =
            Options { head_lines: head_lines.into(), head_after, retention, ..Options::new(wall) };
        Self::open_with(&data.join("audit"), &config.hub, options)
    }

    pub(crate) fn open_with(
        directory: &Path,
        hub: &HubConfig,
        options: Options,
    ) -> Result<Self, OpenError> {
        let journal = Journal::open(directory, hub.groups.keys().cloned(), options)?;
        let gate = Arc::new(Gate::default());
        let told = Arc::clone(&gate);
        journal.watch(move |notice| told.notice(notice));
        let terms = hub.groups.iter().map(|(id, group)| {
            let version = group.terms.version().into();
            (id.clone(), TermsOnRecord { version, text: Digest::of(group.terms.text().as_bytes()) })
        });
        let refusals = Mutex::default();
        Ok(Self { journal: Some(journal), gate, terms: terms.collect(), refusals })
    }

    /// Takes an event down. If something begins with it, what follows from it may be told when this
    /// ticket is durable.
    pub(crate) fn record(&self, event: &Event) -> Option<Ticket> {
        tracing::info!(target: "coview::audit", "{event}");
        let journal = self.journal.as_ref()?;
        let now = wall();
        let (group, mut record) = record(event, now, &self.terms)?;
        if record.kind() == Kind::ProofRefused {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            record = refusals.pace(now, record)?;
        }
        let begins = record.kind().begins();
        let ticket = journal.append(group, record);
        begins.then_some(ticket)
    }

    pub(crate) const fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Whether records get onto the disk.
    pub(crate) fn is_healthy(&self) -> bool {
        self.failure().is_none()
    }

    /// Why they do not.
    pub(crate) fn failure(&self) -> Option<Arc<str>> {
        self.journal.as_ref()?.failure()
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").field("journal", &self.journal).finish_non_exhaustive()
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.journal.take().map(Journal::close) {
            tracing::error!(%error, "the audit log could not be closed; some last lines may be missing");
        }
    }
}

/// Holds words back until the records they follow from are on disk.
#[derive(Default)]
pub(crate) struct Gate {
    durable: AtomicU64,
    /// Who to wake when which ticket is durable, in the order of the tickets.
    waiting: Mutex<VecDeque<(Ticket, Weak<Outbox>)>>,
}

impl Gate {
    pub(crate) fn is_open(&self, after: Ticket) -> bool {
        after.get() <= self.durable.load(Ordering::Acquire)
    }

    /// Has the reader of an outbox woken when this ticket is durable. Say it before the word is in
    /// the outbox: whoever finds it there then either sees the gate open or is woken.
    pub(crate) fn wake_after(&self, after: Ticket, outbox: &Arc<Outbox>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_open(after) {
            waiting.push_back((after, Arc::downgrade(outbox)));
        }
    }

    fn notice(&self, notice: &Notice) {
        match notice {
            Notice::Durable(ticket) => self.let_through(*ticket),
            Notice::Failed(why) => tracing::error!(
                %why,
                "the audit log cannot be written: nothing new begins until it can"
            ),
            Notice::Recovered => tracing::info!("the audit log is written again"),
            Notice::Erased { group, fields } => {
                tracing::info!(%group, fields, "a visitor was erased from the audit log");
            }
            Notice::Retained { group, fields } => {
                tracing::info!(%group, fields, "removed from the audit log after its time");
            }
            Notice::NotRemoved(why) => {
                tracing::error!(%why, "nothing was removed from the audit log, and it is tried again");
            }
            _ => tracing::info!(?notice, "audit log"),
        }
    }

    fn let_through(&self, durable: Ticket) {
        self.durable.fetch_max(durable.get(), Ordering::AcqRel);
        let ready: Vec<_> = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let ready = waiting.partition_point(|(after, _)| *after <= durable);
            waiting.drain(..ready).collect()
        };
        for outbox in ready.iter().filter_map(|(_, outbox)| outbox.upgrade()) {
            outbox.wake();
        }
    }
}
