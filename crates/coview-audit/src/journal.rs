use core::fmt;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering;
use core::time::Duration;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread::JoinHandle;

use coview_wire::GroupId;
use coview_wire::UnixTime;
use thiserror::Error;

use crate::disk;
use crate::disk::Lock;
use crate::disk::Medium;
use crate::file::LogError;
use crate::file::LogFile;
use crate::file::Wrap;
use crate::key::KeyError;
use crate::key::PublicKey;
use crate::key::SigningKey;
use crate::record::Kind;
use crate::record::Record;
use crate::retention::Retention;
use crate::writer::Writer;

/// By which rules a [`Journal`] writes.
#[derive(Clone)]
pub struct Options {
    /// What time it is. It is asked for on the journal's own thread.
    pub clock: Arc<dyn Fn() -> UnixTime + Send + Sync>,
    /// After how many lines there is a signature, at least 1. Default 1,000: 0.6 MB of lines.
    pub head_lines: u64,
    /// How old a line gets before it is signed, if there were not so many. Default 1 minute.
    pub head_after: Duration,
    /// How long personal fields are kept. Looked at when the journal opens and once a day.
    pub retention: Retention,
    /// How soon after a failure writing is tried again. Default 2 seconds.
    pub retry: Duration,
    /// How often it is looked whether a signature is due, fields are to be removed, or somebody
    /// asked for an erasure. Default 2 seconds.
    pub tick: Duration,
    /// How many records may wait for a log that cannot be written; of more, those that
    /// [begin](Kind::begins) nothing and end nothing in a session are counted instead of kept.
    /// Default 100,000, about 100 MB.
    pub waiting: usize,
    /// What stands between a log and its file. Default: nothing.
    pub wrap: Arc<dyn Fn(File) -> Box<dyn Medium> + Send + Sync>,
}

impl Options {
    /// The defaults with this clock.
    #[must_use]
    pub fn new(clock: impl Fn() -> UnixTime + Send + Sync + 'static) -> Self {
        Self {
            clock: Arc::new(clock),
            head_lines: 1_000,
            head_after: Duration::from_secs(60),
            retention: Retention::default(),
            retry: Duration::from_secs(2),
            tick: Duration::from_secs(2),
            waiting: 100_000,
            wrap: Arc::new(|file| Box::new(file)),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("head_lines", &self.head_lines)
            .field("head_after", &self.head_after)
            .field("retention", &self.retention)
            .finish_non_exhaustive()
    }
}

/// Why a journal cannot be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The directory cannot be made or written.
    #[error("{}: {error}", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// Another process writes there.
    #[error("another server writes the logs in {}: give each server a directory of its own", path.display())]
    Locked {
        /// Which.
        path: PathBuf,
    },
    /// The signing key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A log cannot be used.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The operating system gives no thread.
    #[error("the operating system gives no thread to write the logs: {0}")]
    Thread(io::Error),
}

/// The place of a record in the order in which a [`Journal`] took records. Tickets are not line
/// numbers: they run over all logs of a journal, and begin anew with each opening.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(crate) u64);

impl Ticket {
    /// The number of the ticket; 0 is before every record.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// What a [`Journal`] tells whoever watches it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Every record up to this ticket is on disk.
    Durable(Ticket),
    /// A log cannot be written. It is tried again, and nothing is told as durable until it worked.
    Failed(Arc<str>),
    /// It can be written again.
    Recovered,
    /// Somebody asked for an erasure, and it is done: so many fields.
    Erased {
        /// In the log of which group.
        group: GroupId,
        /// How many fields.
        fields: u64,
    },
    /// Fields were kept long enough and are removed: so many.
    Retained {
        /// In the log of which group.
        group: GroupId,
        /// How many fields.
        fields: u64,
    },
    /// An erasure, or the removal of what was kept long enough, did not work. It is tried again.
    NotRemoved(Arc<str>),
}

/// Writes the logs of all groups of a server, one file each, on a thread of its own.
///
/// Appending never waits for the disk. The thread takes whatever has gathered, writes it, and waits
/// once for each file that it is on disk: the more there is to do, the more records share one wait.
///
/// Dropping a journal closes it like [`close`](Self::close).
///
/// ```
/// use coview_audit::{Journal, Kind, Options, Record};
/// use coview_wire::{GroupId, SessionId, UnixTime};
///
/// let directory = tempfile::tempdir()?;
/// let group = GroupId::new("12345")?;
/// let now = || UnixTime::new(1_795_396_800);
/// let journal = Journal::open(directory.path(), [group.clone()], Options::new(now))?;
/// let record = Record::new(Kind::SessionStarted, now()).session(SessionId::new(7));
/// let ticket = journal.append(&group, record);
/// journal.wait(ticket);
/// assert!(journal.durable() >= ticket);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Journal {
    shared: Arc<Shared>,
    groups: BTreeMap<GroupId, usize>,
    key: PublicKey,
    thread: Option<JoinHandle<io::Result<()>>>,
}

pub(crate) struct Shared {
    queue: Mutex<Queue>,
    /// Something was put into the queue.
    filled: Condvar,
    /// Something was written, or failed to be.
    moved: Condvar,
    durable: AtomicU64,
    limit: usize,
    watcher: Mutex<Option<Watcher>>,
}

type Watcher = Arc<dyn Fn(&Notice) + Send + Sync>;

#[derive(Default)]
struct Queue {
    records: Vec<(usize, Record)>,
    /// How many were counted instead of kept, for each log that has some.
    lost: BTreeMap<usize, u64>,
    last: u64,
    stop: bool,
    /// How many records the writer holds that are not on disk.
    held: usize,
    failure: Option<Arc<str>>,
}

/// What the writer is handed.
pub(crate) struct Taken {
    pub(crate) records: Vec<(usize, Record)>,
    pub(crate) lost: BTreeMap<usize, u64>,
    /// The ticket of the last record of all that were handed over.
    pub(crate) ticket: Ticket,
    pub(crate) stop: bool,
}

impl Journal {
    /// Opens the logs of these groups in a directory, which is made if it is not there. All lines
    /// that are there already are checked. Returns when the first lines are on disk.
    ///
    /// # Errors
    ///
    /// [`OpenError`] names the file and what to do: another server has the directory, the key cannot
    /// be used, a log is broken or belongs to another group, or the disk does not do its work.
    pub fn open(
        directory: &Path,
        groups: impl IntoIterator<Item = GroupId>,
        options: Options,
    ) -> Result<Self, OpenError> {
        let failed = |error| OpenError::Directory { path: directory.to_owned(), error };
        disk::create_directory(directory).map_err(failed)?;
        let lock = Lock::take(directory).map_err(failed)?;
        let lock = lock.ok_or_else(|| OpenError::Locked { path: directory.to_owned() })?;
        let key = Arc::new(SigningKey::open_or_create(directory)?);
        let public = key.public();
        let now = (options.clock)();
        let (mut names, mut files) = (BTreeMap::new(), Vec::new());
        for group in groups {
            let path = log_path(directory, &group);
            let wrap: Wrap = Arc::clone(&options.wrap);
            let key = Arc::clone(&key);
            let mut file = LogFile::open(&path, &group, key, options.head_lines.max(1), now, wrap)?;
            file.commit().map_err(|error| LogError::File { path, error })?;
            names.insert(group, files.len());
            files.push(file);
        }
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            filled: Condvar::new(),
            moved: Condvar::new(),
            durable: AtomicU64::new(0),
            limit: options.waiting,
            watcher: Mutex::default(),
        });
        let groups = names.keys().cloned().map(|group| (names[&group], group)).collect();
        let writer = Writer::new(Arc::clone(&shared), files, groups, options, lock);
        let thread = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || writer.run())
            .map_err(OpenError::Thread)?;
        Ok(Self { shared, groups: names, key: public, thread: Some(thread) })
    }

    /// Hands a record over. It is on disk when [`durable`](Self::durable) is its ticket or a later
    /// one. Records of one group stand in the log in the order in which they were handed over.
    ///
    /// This takes a lock for a moment and never waits for the disk. A record of a group the journal
    /// was not opened for is dropped, and its ticket is durable.
    pub fn append(&self, group: &GroupId, record: Record) -> Ticket {
        let Some(&log) = self.groups.get(group) else { return Ticket::default() };
        let mut queue = self.shared.queue();
        queue.last += 1;
        if queue.records.len() + queue.held < self.shared.limit || must_be_kept(record.kind) {
            queue.records.push((log, record));
        } else {
            *queue.lost.entry(log).or_default() += 1;
        }
        self.shared.filled.notify_one();
        Ticket(queue.last)
    }

    /// The last ticket whose record, and every record before, is on disk.
    #[must_use]
    pub fn durable(&self) -> Ticket {
        self.shared.durable()
    }

    /// Why the logs cannot be written, while they cannot.
    #[must_use]
    pub fn failure(&self) -> Option<Arc<str>> {
        self.shared.queue().failure.clone()
    }

    /// The public half of the key that signs the logs.
    #[must_use]
    pub const fn public_key(&self) -> PublicKey {
        self.key
    }

    /// Has `watcher` called with everything that is told from now on, on the journal's thread; what
    /// it does delays the next write.
    pub fn watch(&self, watcher: impl Fn(&Notice) + Send + Sync + 'static) {
        let mut place = self.shared.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        *place = Some(Arc::new(watcher));
    }

    /// Blocks until the record with this ticket is on disk. While the logs cannot be written that
    /// does not happen.
    pub fn wait(&self, ticket: Ticket) {
        let mut queue = self.shared.queue();
        while self.shared.durable() < ticket && !queue.stop {
            queue = self.shared.moved.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Writes what is left, signs the end of each log and returns when that is on disk.
    ///
    /// # Errors
    ///
    /// What the operating system says, if the last write failed too. What was durable stays so.
    pub fn close(mut self) -> io::Result<()> {
        self.stop()
    }

    fn stop(&mut self) -> io::Result<()> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        self.shared.queue().stop = true;
        self.shared.filled.notify_all();
        self.shared.moved.notify_all();
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the writer of the logs panicked")))
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // Whoever wants to know says `close`.
        let _ = self.stop();
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("durable", &self.durable())
            .field("failure", &self.failure())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn durable(&self) -> Ticket {
        Ticket(self.durable.load(Ordering::Acquire))
    }

    /// What has gathered; waits for something, but not for longer than this.
    pub(crate) fn take(&self, at_most: Duration) -> Taken {
        let mut queue = self.queue();
        if queue.records.is_empty() && queue.lost.is_empty() && !queue.stop {
            queue =
                self.filled.wait_timeout(queue, at_most).unwrap_or_else(PoisonError::into_inner).0;
        }
        let records = core::mem::take(&mut queue.records);
        let lost = core::mem::take(&mut queue.lost);
        queue.held += records.len();
        Taken { records, lost, ticket: Ticket(queue.last), stop: queue.stop }
    }

    /// Waits before writing is tried again, but not for somebody who wants to stop.
    pub(crate) fn pause(&self, pause: Duration) {
        let queue = self.queue();
        let waited = self.moved.wait_timeout_while(queue, pause, |queue| !queue.stop);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn written(&self, ticket: Ticket) {
        let recovered = {
            let mut queue = self.queue();
            queue.held = 0;
            self.durable.fetch_max(ticket.0, Ordering::Release);
            queue.failure.take().is_some()
        };
        self.moved.notify_all();
        self.tell(&Notice::Durable(ticket));
        if recovered {
            self.tell(&Notice::Recovered);
        }
    }

    pub(crate) fn failed(&self, why: String) {
        let why: Arc<str> = why.into();
        let before = self.queue().failure.replace(Arc::clone(&why));
        if before.is_none() {
            self.tell(&Notice::Failed(why));
        }
    }

    pub(crate) fn tell(&self, notice: &Notice) {
        let watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(watcher) = watcher {
            watcher(notice);
        }
    }
}

/// Whether a record is kept however many wait. What belongs to a session or a request cannot be
/// many: nothing new begins while the logs cannot be written.
const fn must_be_kept(kind: Kind) -> bool {
    kind.begins()
        || matches!(
            kind,
            Kind::Declined
                | Kind::AskEnded
                | Kind::JoinDeclined
                | Kind::JoinEnded
                | Kind::GuestLeft
                | Kind::KeyBurned
                | Kind::SessionEnded
        )
}

/// Where the log of a group is, in the directory of a journal.
#[must_use]
pub fn log_path(directory: &Path, group: &GroupId) -> PathBuf {
    directory.join(format!("{group}.jsonl"))
}
