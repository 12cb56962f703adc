use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::fs::File;
use std::io;
use std::io::BufReader;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use coview_wire::GroupId;
use coview_wire::UnixTime;
use coview_wire::VisitorId;
use thiserror::Error;

use crate::disk;
use crate::disk::Medium;
use crate::key::SigningKey;
use crate::line::Digest;
use crate::line::Line;
use crate::record::Kind;
use crate::record::Personal;
use crate::record::Record;
use crate::retention::Retention;
use crate::time;
use crate::verify::Checker;
use crate::verify::FORMAT;
use crate::verify::Fault;
use crate::verify::Lines;
use crate::verify::Piece;
use crate::verify::Why;
use crate::verify::signed_text;

/// Why a log cannot be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LogError {
    /// It cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// A line of it is not as it was written.
    #[error(
        "{}: {fault}. Keep the file as it is, it is evidence: move it elsewhere, and a new log \
         begins in its place",
        path.display()
    )]
    Broken {
        /// Which.
        path: PathBuf,
        /// What is wrong, and where.
        fault: Fault,
    },
    /// It is the log of another group.
    #[error("{} is the log of group {found}: put it back where it was", path.display())]
    OtherGroup {
        /// Which.
        path: PathBuf,
        /// Whose it is.
        found: GroupId,
    },
    /// It was begun with another key than the one that lies beside it.
    #[error(
        "{} was begun with another key than the one beside it: bring that key back, or move the \
         file elsewhere, and a new log begins in its place",
        path.display()
    )]
    OtherKey {
        /// Which.
        path: PathBuf,
    },
}

/// Makes a medium of a file.
pub(crate) type Wrap = Arc<dyn Fn(File) -> Box<dyn Medium> + Send + Sync>;

/// One log, as whoever holds the lock of its directory writes it.
pub(crate) struct LogFile {
    path: PathBuf,
    group: GroupId,
    key: Option<Arc<SigningKey>>,
    head_lines: u64,
    wrap: Wrap,
    medium: Box<dyn Medium>,
    chain: Chain,
    /// How many bytes of the file are on disk for sure.
    durable: u64,
    /// What comes behind them.
    pending: Vec<u8>,
    /// Whether the file may hold something else behind them.
    soiled: bool,
    /// The oldest line that still has a field.
    oldest: BTreeMap<Personal, Box<str>>,
    /// When the last signature was made.
    signed_at: UnixTime,
}

/// Where the chain ends.
#[derive(Clone, Copy)]
struct Chain {
    seq: u64,
    last: Digest,
    unsigned: u64,
}

impl LogFile {
    /// Opens a log, or begins it. The lines are on disk with the next [`commit`](Self::commit).
    pub(crate) fn open(
        path: &Path,
        group: &GroupId,
        key: Arc<SigningKey>,
        head_lines: u64,
        now: UnixTime,
        wrap: Wrap,
    ) -> Result<Self, LogError> {
        let public = key.public();
        let mut log = Self::read(path, Some(key), Some(head_lines), now, wrap)?;
        if log.chain.seq == 0 {
            log.group = group.clone();
            log.push(
                Record::new(Kind::Genesis, now)
                    .fact("format", FORMAT)
                    .fact("group", group.as_str())
                    .fact("key", public.to_hex())
                    .fact("head_lines", head_lines),
            );
            // How often there is a signature is itself signed at once.
            log.sign(now);
            return Ok(log);
        }
        if log.group != *group {
            return Err(LogError::OtherGroup { path: path.to_owned(), found: log.group });
        }
        // What was recovered is signed as it was found.
        log.sign(now);
        let cut = if log.soiled { log.size(path)? - log.durable } else { 0 };
        log.push(Record::new(Kind::Opened, now).fact("cut", cut).fact("head_lines", head_lines));
        log.sign(now);
        Ok(log)
    }

    /// Reads a log that is there, and checks it. With no lines in it, it is still to begin.
    ///
    /// Without a number of lines between signatures it keeps the log's own.
    pub(crate) fn read(
        path: &Path,
        key: Option<Arc<SigningKey>>,
        head_lines: Option<u64>,
        now: UnixTime,
        wrap: Wrap,
    ) -> Result<Self, LogError> {
        let failed = |error| LogError::File { path: path.to_owned(), error };
        // Left over from a change that was not finished.
        disk::remove(&disk::with_suffix(path, ".new")).map_err(failed)?;
        let file = disk::open_to_append(path).map_err(failed)?;
        let mut checker = Checker::new(None);
        let mut oldest = BTreeMap::new();
        let reader = BufReader::with_capacity(1 << 16, File::open(path).map_err(failed)?);
        let fault =
            checker.read_all(reader, |line| note_oldest(&mut oldest, line)).map_err(failed)?;
        let soiled = match fault {
            None => false,
            Some(Fault { why: Why::Torn(_), .. }) => true,
            // Nothing was ever written.
            Some(_) if fs::metadata(path).map_err(failed)?.len() == 0 => false,
            Some(fault) => return Err(LogError::Broken { path: path.to_owned(), fault }),
        };
        if let (Some(key), Some(named)) = (&key, checker.key)
            && key.public() != named
        {
            return Err(LogError::OtherKey { path: path.to_owned() });
        }
        let Checker { group, seq, last, unsigned, bytes, head_lines: stated, head_due, .. } =
            checker;
        let head_lines = head_lines.unwrap_or(stated).max(1);
        // As if there were as many lines as there may be: the next one is a signature.
        let unsigned = if head_due { unsigned.max(head_lines) } else { unsigned };
        Ok(Self {
            path: path.to_owned(),
            group: group.unwrap_or_else(|| GroupId::new("none").expect("a valid id")),
            key,
            head_lines,
            medium: wrap(file),
            wrap,
            chain: Chain { seq, last, unsigned },
            durable: bytes,
            pending: Vec::new(),
            soiled,
            oldest,
            signed_at: now,
        })
    }

    fn size(&self, path: &Path) -> Result<u64, LogError> {
        let size = fs::metadata(path).map(|metadata| metadata.len());
        size.map_err(|error| LogError::File { path: path.to_owned(), error })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a record, and a signature when one is due.
    pub(crate) fn push(&mut self, record: Record) {
        let (line, text) = self.chain.next(record);
        note_oldest(&mut self.oldest, &line);
        self.pending.extend_from_slice(text.as_bytes());
        if self.chain.unsigned >= self.head_lines {
            let now = time::read(&line.time).expect("a time was just written");
            self.sign(now);
        }
    }

    /// Signs what is not signed yet, if the key is there.
    pub(crate) fn sign(&mut self, now: UnixTime) {
        let text = self.chain.sign(&self.group, self.key.as_deref(), now, false);
        self.pending.extend_from_slice(text.as_bytes());
        self.signed_at = now;
    }

    /// Signs the end.
    pub(crate) fn close(&mut self, now: UnixTime) {
        let text = self.chain.sign(&self.group, self.key.as_deref(), now, true);
        self.pending.extend_from_slice(text.as_bytes());
    }

    /// Whether there are lines without a signature that are older than this.
    pub(crate) fn wants_signature(&self, now: UnixTime, after: core::time::Duration) -> bool {
        self.chain.unsigned > 0 && now.since(self.signed_at) >= after
    }

    pub(crate) const fn is_durable(&self) -> bool {
        self.pending.is_empty() && !self.soiled
    }

    /// Writes what is not on disk yet, and returns when it is.
    ///
    /// After an error nothing is lost: the next call cuts off what may have got into the file and
    /// writes all of it again. It is written again also where only the sync failed, because the
    /// operating system may have dropped what it could not write.
    pub(crate) fn commit(&mut self) -> io::Result<()> {
        if self.is_durable() {
            return Ok(());
        }
        let was_soiled = core::mem::replace(&mut self.soiled, true);
        if was_soiled {
            self.medium.cut(self.durable)?;
        }
        self.medium.append(&self.pending)?;
        self.medium.sync()?;
        self.durable += self.pending.len() as u64;
        self.pending.clear();
        self.soiled = false;
        Ok(())
    }

    /// Removes everything personal of one visitor, and records that it did. Tells how many fields.
    pub(crate) fn erase(&mut self, visitor: &VisitorId, now: UnixTime) -> io::Result<u64> {
        self.rewrite(Kind::Erased, now, |line| {
            if line.personal(Personal::Visitor) != Some(visitor.as_str()) {
                return 0;
            }
            // On a line about a visitor the address is the visitor's.
            let removed =
                [Personal::Visitor, Personal::Address].map(|field| line.open.remove(&field));
            removed.iter().flatten().count() as u64
        })
    }

    /// Removes the fields that were kept long enough, if there are any, and records that it did.
    pub(crate) fn retain(&mut self, retention: &Retention, now: UnixTime) -> io::Result<u64> {
        let limits: BTreeMap<_, _> = Personal::ALL
            .iter()
            .filter_map(|field| Some((*field, time::write(retention.before(*field, now)?))))
            .collect();
        let is_due =
            |field, time: &str| limits.get(&field).is_some_and(|limit| time < limit.as_str());
        if !self.oldest.iter().any(|(field, time)| is_due(*field, time)) {
            return Ok(0);
        }
        self.rewrite(Kind::RetentionApplied, now, |line| {
            let before = line.open.len();
            line.open.retain(|field, _| !is_due(*field, &line.time));
            (before - line.open.len()) as u64
        })
    }

    /// Writes the file anew with fields removed and one record more: in one step, or not at all.
    fn rewrite(
        &mut self,
        kind: Kind,
        now: UnixTime,
        mut remove: impl FnMut(&mut Line) -> u64,
    ) -> io::Result<u64> {
        self.commit()?;
        if self.key.is_none() && self.chain.unsigned + 1 >= self.head_lines {
            return Err(io::Error::other(format!(
                "the key {} is not beside the log, and the next line but one would have to be signed",
                crate::key::PRIVATE
            )));
        }
        let new = disk::with_suffix(&self.path, ".new");
        let mut writer = BufWriter::with_capacity(1 << 16, disk::create(&new)?);
        let mut lines = Lines::new(BufReader::with_capacity(1 << 16, File::open(&self.path)?));
        let (mut fields, mut written) = (0, 0);
        let mut oldest = BTreeMap::new();
        loop {
            let bytes = match lines.next()? {
                Piece::Whole(bytes) => bytes,
                Piece::End => break,
                Piece::Unfinished(_) | Piece::TooLong => return Err(changed_meanwhile()),
            };
            let mut line = Line::read(bytes).map_err(|_| changed_meanwhile())?;
            let removed = remove(&mut line);
            fields += removed;
            note_oldest(&mut oldest, &line);
            let text =
                if removed > 0 { Cow::Owned(line.to_text().into_bytes()) } else { bytes.into() };
            writer.write_all(&text)?;
            writer.write_all(b"\n")?;
            written += text.len() as u64 + 1;
        }
        let mut chain = self.chain;
        let mut text = String::new();
        // After a crash the signature that is due may be missing.
        if chain.unsigned >= self.head_lines {
            text.push_str(&chain.sign(&self.group, self.key.as_deref(), now, false));
        }
        text.push_str(&chain.next(Record::new(kind, now).fact("fields", fields)).1);
        text.push_str(&chain.sign(&self.group, self.key.as_deref(), now, false));
        writer.write_all(text.as_bytes())?;
        written += text.len() as u64;
        let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        // From here on the new file is the log, whatever else fails.
        self.medium = (self.wrap)(file);
        self.chain = chain;
        self.durable = written;
        self.oldest = oldest;
        self.signed_at = now;
        disk::sync_directory_of(&self.path)?;
        Ok(fields)
    }
}

impl Chain {
    /// The line of a record, and its text with the line feed.
    fn next(&mut self, record: Record) -> (Line, String) {
        let is_head = record.kind == Kind::Head;
        let line = Line::after(self.seq, self.last, record);
        self.seq = line.seq;
        self.last = line.hash;
        self.unsigned = if is_head { 0 } else { self.unsigned + 1 };
        let mut text = line.to_text();
        text.push('\n');
        (line, text)
    }

    /// The text of a signature, if there is something to sign and a key.
    fn sign(
        &mut self,
        group: &GroupId,
        key: Option<&SigningKey>,
        now: UnixTime,
        closes: bool,
    ) -> String {
        let Some(key) = key.filter(|_| self.unsigned > 0 || closes) else { return String::new() };
        let signed = signed_text(group, self.seq + 1, &time::write(now), self.last);
        let record = Record::new(Kind::Head, now)
            .fact_if("closed", closes.then_some(true))
            .fact("signature", key.sign(&signed));
        self.next(record).1
    }
}

fn changed_meanwhile() -> io::Error {
    io::Error::other(
        "somebody else changed the log since it was opened; `coview audit verify` tells where",
    )
}

fn note_oldest(oldest: &mut BTreeMap<Personal, Box<str>>, line: &Line) {
    for field in line.open.keys() {
        match oldest.get_mut(field) {
            Some(known) if *known <= line.time => {}
            Some(known) => known.clone_from(&line.time),
            None => {
                oldest.insert(*field, line.time.clone());
            }
        }
    }
}
