//! A busy afternoon in a log, and a disk that can be told to fail.
#![allow(dead_code, clippy::unwrap_used, reason = "each test uses its part; a test may panic")]

use std::fs;
use std::fs::File;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;

use coview_audit::Journal;
use coview_audit::Kind;
use coview_audit::Medium;
use coview_audit::Options;
use coview_audit::Personal;
use coview_audit::Record;
use coview_audit::Report;
use coview_audit::log_path;
use coview_audit::verify;
use coview_wire::AskId;
use coview_wire::GroupId;
use coview_wire::SessionId;
use coview_wire::UnixTime;

pub(crate) const NOW: UnixTime = UnixTime::new(1_795_396_800);

pub(crate) fn group() -> GroupId {
    GroupId::new("12345").unwrap()
}

/// A directory in memory, where there is one: nobody has to wait for a disk.
pub(crate) fn directory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()).unwrap()
}

/// Options at a fixed time, on a disk that does not take its time.
pub(crate) fn options() -> Options {
    Options { wrap: Arc::new(|file| Box::new(Hasty(file))), ..Options::new(|| NOW) }
}

struct Hasty(File);

impl Medium for Hasty {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.0.cut(bytes)
    }
}

/// What the disk does from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Works,
    /// Takes so many bytes more and is full then.
    FullAfter(usize),
    /// Takes everything and cannot say that it is on disk.
    NoSync,
}

/// A disk whose mood can be changed from outside.
#[derive(Clone)]
pub(crate) struct Disk(pub(crate) Arc<Mutex<Mood>>);

impl Disk {
    pub(crate) fn new(mood: Mood) -> Self {
        Self(Arc::new(Mutex::new(mood)))
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.0.lock().unwrap() = mood;
    }

    pub(crate) fn options(&self) -> Options {
        let disk = self.clone();
        let retry = std::time::Duration::from_millis(1);
        Options {
            retry,
            wrap: Arc::new(move |file| Box::new(Moody { file, disk: disk.clone() })),
            ..options()
        }
    }
}

struct Moody {
    file: File,
    disk: Disk,
}

impl Medium for Moody {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mood = *self.disk.0.lock().unwrap();
        match mood {
            Mood::Works | Mood::NoSync => self.file.append(bytes),
            Mood::FullAfter(room) => {
                self.file.append(&bytes[..room.min(bytes.len())])?;
                Err(io::ErrorKind::StorageFull.into())
            }
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        match *self.disk.0.lock().unwrap() {
            Mood::NoSync => Err(io::Error::other("the disk is broken")),
            Mood::Works | Mood::FullAfter(_) => Ok(()),
        }
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.file.cut(bytes)
    }
}

/// A whole session that began with one click.
pub(crate) fn one_click(number: u64, visitor: &str) -> Vec<Record> {
    let (ask, session) = (AskId::new(1000 + number), SessionId::new(number));
    let record = |kind| Record::new(kind, NOW);
    let grace = |record: Record| {
        record.personal(Personal::Agent, "grace").personal(Personal::AgentName, "Grace Hopper")
    };
    let terms = |record: Record| {
        record
            .fact("terms", "2026-11")
            .fact("language", "en")
            .fact("text_sha256", "0dfd9bb37ff4f0a2a1e1a5e5cf0d3a2aa7d9c4aa9a4b4f4fb8e6d0f0a0b0c0d0")
    };
    vec![
        terms(grace(record(Kind::Asked).ask(ask)).personal(Personal::Visitor, visitor)),
        terms(record(Kind::TermsDisplayed).ask(ask)),
        terms(record(Kind::Accepted).ask(ask).session(session)).fact("capabilities", ["view"]),
        record(Kind::SessionStarted)
            .ask(ask)
            .session(session)
            .personal(Personal::Visitor, visitor)
            .fact("by", "request")
            .fact("capabilities", ["view"]),
        grace(record(Kind::GuestJoined).session(session)).fact("agents", 1_u32),
        record(Kind::MasksChanged).session(session).fact("areas", 2_u32),
        record(Kind::SessionEnded)
            .session(session)
            .fact("reason", "visitor")
            .fact("why", "the visitor ended it"),
    ]
}

/// Writes these records and closes the log.
pub(crate) fn write(directory: &Path, options: Options, records: Vec<Record>) -> PathBuf {
    let journal = Journal::open(directory, [group()], options).unwrap();
    for record in records {
        journal.append(&group(), record);
    }
    journal.close().unwrap();
    log_path(directory, &group())
}

pub(crate) fn check(log: &Path) -> Report {
    verify(io::BufReader::new(File::open(log).unwrap()), None).unwrap()
}

pub(crate) fn check_bytes(bytes: &[u8]) -> Report {
    verify(bytes, None).unwrap()
}

pub(crate) fn text(log: &Path) -> String {
    fs::read_to_string(log).unwrap()
}
