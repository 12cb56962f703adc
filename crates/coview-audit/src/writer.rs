use core::time::Duration;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use coview_wire::GroupId;
use coview_wire::UnixTime;

use crate::disk::Lock;
use crate::erasure;
use crate::file::LogFile;
use crate::journal::Notice;
use crate::journal::Options;
use crate::journal::Shared;
use crate::journal::Taken;
use crate::journal::Ticket;
use crate::record::Kind;
use crate::record::Record;

/// How often it is looked for fields that were kept long enough, beside at the beginning.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The thread that writes.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    files: Vec<LogFile>,
    groups: BTreeMap<usize, GroupId>,
    options: Options,
    /// What was handed over up to here is in the files' hands.
    taken: Ticket,
    retained_at: Option<UnixTime>,
    looked_at: Option<UnixTime>,
    _lock: Lock,
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        files: Vec<LogFile>,
        groups: BTreeMap<usize, GroupId>,
        options: Options,
        lock: Lock,
    ) -> Self {
        let taken = Ticket::default();
        let (retained_at, looked_at) = (None, None);
        Self { shared, files, groups, options, taken, retained_at, looked_at, _lock: lock }
    }

    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut working = true;
        self.look((self.options.clock)());
        loop {
            if !working {
                self.shared.pause(self.options.retry);
            }
            let Taken { records, lost, ticket, stop } =
                self.shared.take(if working { self.options.tick } else { Duration::ZERO });
            self.taken = ticket;
            let now = (self.options.clock)();
            for (log, count) in lost {
                self.files[log].push(Record::new(Kind::Lost, now).fact("records", count));
            }
            for (log, record) in records {
                self.files[log].push(record);
            }
            for file in &mut self.files {
                if stop {
                    file.close(now);
                } else if file.wants_signature(now, self.options.head_after) {
                    file.sign(now);
                }
            }
            let written = self.commit();
            working = written.is_ok();
            if stop {
                return written;
            }
            if working && self.is_time_to_look(now) {
                self.look(now);
            }
        }
    }

    /// Removes what is to be removed.
    fn look(&mut self, now: UnixTime) {
        self.looked_at = Some(now);
        self.erase(now);
        self.retain(now);
    }

    /// Writes all files, and tells how it went.
    fn commit(&mut self) -> io::Result<()> {
        for file in &mut self.files {
            if let Err(error) = file.commit() {
                self.shared.failed(format!("{}: {error}", file.path().display()));
                return Err(error);
            }
        }
        self.shared.written(self.taken);
        Ok(())
    }

    fn is_time_to_look(&self, now: UnixTime) -> bool {
        // A clock that was set back does not stop it either.
        self.looked_at.is_none_or(|at| now < at || now.since(at) >= self.options.tick)
    }

    /// Does what others asked for while this process holds the lock.
    fn erase(&mut self, now: UnixTime) {
        for (index, file) in self.files.iter_mut().enumerate() {
            for request in erasure::requests(file.path()) {
                let done = request.and_then(|request| {
                    let fields = file.erase(&request.visitor, now)?;
                    request.remove()?;
                    Ok(fields)
                });
                let group = self.groups[&index].clone();
                self.shared.tell(&match done {
                    Ok(fields) => Notice::Erased { group, fields },
                    Err(error) => Notice::NotRemoved(format!("group {group}: {error}").into()),
                });
            }
        }
    }

    fn retain(&mut self, now: UnixTime) {
        if self.retained_at.is_some_and(|at| at <= now && now.since(at) < DAY) {
            return;
        }
        let mut worked = true;
        for (index, file) in self.files.iter_mut().enumerate() {
            let group = self.groups[&index].clone();
            match file.retain(&self.options.retention, now) {
                Ok(0) => {}
                Ok(fields) => self.shared.tell(&Notice::Retained { group, fields }),
                Err(error) => {
                    worked = false;
                    self.shared.tell(&Notice::NotRemoved(format!("group {group}: {error}").into()));
                }
            }
        }
        if worked {
            self.retained_at = Some(now);
        }
    }
}
