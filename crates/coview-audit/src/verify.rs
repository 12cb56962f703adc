use core::fmt;
use std::io;
use std::io::BufRead;

use coview_wire::GroupId;
use thiserror::Error;

use crate::key::PublicKey;
use crate::line::Digest;
use crate::line::LONGEST;
use crate::line::Line;
use crate::line::Malformed;
use crate::record::Kind;
use crate::record::Personal;

/// The version of the format this crate writes, and the only one it reads.
pub(crate) const FORMAT: u64 = 1;

/// What was found in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Whose log it is, if the first line could be read.
    pub group: Option<GroupId>,
    /// The key the first line names.
    pub key: Option<PublicKey>,
    /// How many lines are in order, signatures included.
    pub lines: u64,
    /// How many of them are signatures.
    pub heads: u64,
    /// How many lines stand behind the last signature. Nothing but the chain vouches for them:
    /// whoever can write the file could have made them.
    pub unsigned: u64,
    /// How many personal fields were erased, on request or after their time.
    pub erased: u64,
    /// The hash of the last line in order. Noted down somewhere else, it shows later that nothing up
    /// to here was cut off.
    pub last: Option<Digest>,
    /// When the first and the last line were written.
    pub times: Option<(Box<str>, Box<str>)>,
    /// Whether the log was closed, with a signature over everything.
    pub closed: bool,
    /// The first broken line, if there is one. Nothing behind it was looked at.
    pub fault: Option<Fault>,
}

impl Report {
    /// Whether everything is in order.
    #[must_use]
    pub const fn is_intact(&self) -> bool {
        self.fault.is_none()
    }
}

/// The first line that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {why}")]
pub struct Fault {
    /// Which, counted from 1.
    pub line: u64,
    /// What is wrong.
    pub why: Why,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Why {
    /// It is not JSON, or has a field too many or too few.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// It says something, but not in the one form in which it is hashed.
    #[error("is not written in the form of a log")]
    Form,
    /// Its `time` is no time.
    #[error("`time` is no time in UTC")]
    Time,
    /// It is longer than any line that is written.
    #[error("is longer than {LONGEST} bytes")]
    TooLong,
    /// The last line has no line feed: it was not finished. It was acknowledged to nobody, and the
    /// server cuts it off when it opens the log.
    #[error("is not finished: its last {0} bytes end without a line feed")]
    Torn(u64),
    /// The log begins with something else than a first line of this format.
    #[error("is no first line of a log of format {FORMAT}")]
    Genesis,
    /// A number was left out or stands twice.
    #[error("has the number {found}: lines are missing, or were put in before it")]
    Sequence {
        /// The number it has.
        found: u64,
    },
    /// `prev` is not the hash of the line before.
    #[error("does not continue the line before: `prev` is not its hash")]
    Previous,
    /// `hash` is not the hash of the line.
    #[error("was changed: `hash` is not its hash")]
    Hash,
    /// A personal field is not the one that was committed to.
    #[error("was changed: its {0} is not the one in the chain")]
    Commitment(Personal),
    /// The signature is not one of the log's key.
    #[error("is a signature, but not by the key of the log")]
    Signature,
    /// The log names another key than the expected one.
    #[error("names another key than the expected one: somebody else wrote this log")]
    ForeignKey,
    /// A signature should stand here.
    #[error("should be a signature: {0} lines before it are not signed")]
    HeadMissing(u64),
    /// Personal fields are missing without a record of it, or are back.
    #[error("{missing} personal fields are missing up to here; records tell of {told}")]
    Erasure {
        /// How many are missing.
        missing: u64,
        /// How many the log tells of.
        told: u64,
    },
}

impl From<Malformed> for Why {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Json(what) => Self::Unreadable(what),
            Malformed::Form => Self::Form,
            Malformed::Time => Self::Time,
            Malformed::Hash => Self::Hash,
            Malformed::Commitment(field) => Self::Commitment(field),
        }
    }
}

/// Checks a log from its first line to its last, without the server and without its key.
///
/// It checks the form and the hash of each line, the chain, the commitments of the personal fields
/// that are there, the signatures, that they stand where they should, and that the fields that are
/// gone are as many as the log says were erased. It cannot notice that lines at the end were cut
/// off: see [`Report::last`].
///
/// Without `expected` the log is held to the key it names itself.
///
/// ```
/// let report = coview_audit::verify(&b"{}\n"[..], None)?;
/// assert_eq!(report.fault.unwrap().line, 1);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// What `reader` fails with. A broken log is not an error but a [`Report::fault`].
pub fn verify(reader: impl BufRead, expected: Option<PublicKey>) -> io::Result<Report> {
    let mut checker = Checker::new(expected);
    let fault = checker.read_all(reader, |_| {})?;
    Ok(checker.report(fault))
}

/// Reads line by line without taking more into memory than the longest line.
pub(crate) struct Lines<R> {
    reader: R,
    bytes: Vec<u8>,
}

/// What was read of one line.
pub(crate) enum Piece<'a> {
    /// The line without its line feed.
    Whole(&'a [u8]),
    /// The last one, without a line feed: so many bytes. A file system may leave it longer than any line,
    /// filled with zeros.
    Unfinished(u64),
    TooLong,
    End,
}

impl<R: BufRead> Lines<R> {
    pub(crate) const fn new(reader: R) -> Self {
        Self { reader, bytes: Vec::new() }
    }

    pub(crate) fn next(&mut self) -> io::Result<Piece<'_>> {
        self.bytes.clear();
        let limit = LONGEST as u64 + 1;
        io::Read::take(&mut self.reader, limit).read_until(b'\n', &mut self.bytes)?;
        let long = self.bytes.len() > LONGEST && !self.bytes.ends_with(b"\n");
        let rest = if long { self.skip_to_the_end()? } else { Some(0) };
        let Some(rest) = rest else { return Ok(Piece::TooLong) };
        Ok(match self.bytes.split_last() {
            None => Piece::End,
            Some((b'\n', line)) => Piece::Whole(line),
            Some(_) => Piece::Unfinished(self.bytes.len() as u64 + rest),
        })
    }

    /// How many bytes are left, if there is no line feed among them.
    fn skip_to_the_end(&mut self) -> io::Result<Option<u64>> {
        let mut count = 0;
        loop {
            let bytes = self.reader.fill_buf()?;
            if bytes.is_empty() {
                return Ok(Some(count));
            }
            if bytes.contains(&b'\n') {
                return Ok(None);
            }
            let read = bytes.len();
            count += read as u64;
            self.reader.consume(read);
        }
    }
}

/// The state of a log after the lines that were read so far.
#[derive(Debug)]
pub(crate) struct Checker {
    expected: Option<PublicKey>,
    pub(crate) group: Option<GroupId>,
    pub(crate) key: Option<PublicKey>,
    pub(crate) seq: u64,
    pub(crate) last: Digest,
    pub(crate) unsigned: u64,
    /// The bytes of the lines in order.
    pub(crate) bytes: u64,
    /// After how many lines there has to be a signature.
    pub(crate) head_lines: u64,
    /// Whether the next line has to be a signature, because the last one says how often there is one:
    /// whoever writes a log anew without the key could else say that there is none for long.
    pub(crate) head_due: bool,
    heads: u64,
    missing: u64,
    told: u64,
    first_missing: u64,
    times: Option<(Box<str>, Box<str>)>,
    closed: bool,
}

impl Checker {
    pub(crate) const fn new(expected: Option<PublicKey>) -> Self {
        Self {
            expected,
            group: None,
            key: None,
            seq: 0,
            last: Digest::NONE,
            unsigned: 0,
            bytes: 0,
            head_lines: 0,
            head_due: false,
            heads: 0,
            missing: 0,
            told: 0,
            first_missing: 0,
            times: None,
            closed: false,
        }
    }

    /// Checks all lines; `each` is shown those that are in order.
    pub(crate) fn read_all(
        &mut self,
        reader: impl BufRead,
        mut each: impl FnMut(&Line),
    ) -> io::Result<Option<Fault>> {
        let mut lines = Lines::new(reader);
        loop {
            let checked = match lines.next()? {
                Piece::Whole(bytes) => self.check(bytes).map(|line| each(&line)),
                Piece::Unfinished(bytes) => Err(Why::Torn(bytes)),
                Piece::TooLong => Err(Why::TooLong),
                Piece::End => break,
            };
            if let Err(why) = checked {
                return Ok(Some(Fault { line: self.seq + 1, why }));
            }
        }
        let (missing, told) = (self.missing, self.told);
        if self.seq == 0 {
            return Ok(Some(Fault { line: 1, why: Why::Genesis }));
        }
        Ok((missing != told).then(|| {
            let line = self.first_missing.max(1);
            Fault { line, why: Why::Erasure { missing, told } }
        }))
    }

    fn check(&mut self, bytes: &[u8]) -> Result<Line, Why> {
        let line = Line::read(bytes)?;
        if line.seq != self.seq + 1 {
            return Err(Why::Sequence { found: line.seq });
        }
        if line.prev != self.last {
            return Err(Why::Previous);
        }
        let kind = line.kind();
        match kind {
            Some(Kind::Genesis) if self.seq == 0 => self.genesis(&line)?,
            _ if self.seq == 0 => return Err(Why::Genesis),
            Some(Kind::Genesis) => return Err(Why::Genesis),
            Some(Kind::Head) => self.head(&line)?,
            Some(Kind::Opened) => {
                self.head_lines = line.number("head_lines").unwrap_or(self.head_lines)
            }
            Some(Kind::Erased | Kind::RetentionApplied) => {
                self.told += line.number("fields").unwrap_or(0);
            }
            _ => {}
        }
        if kind == Some(Kind::Head) {
            self.unsigned = 0;
            self.closed = line.facts.contains_key("closed");
        } else {
            if self.unsigned >= self.head_lines || self.head_due {
                return Err(Why::HeadMissing(self.unsigned));
            }
            self.unsigned += 1;
            self.closed = false;
        }
        self.head_due = matches!(kind, Some(Kind::Genesis | Kind::Opened));
        let erased = line.erased().count() as u64;
        if erased > 0 && self.missing == 0 {
            self.first_missing = line.seq;
        }
        self.missing += erased;
        self.seq = line.seq;
        self.last = line.hash;
        self.bytes += bytes.len() as u64 + 1;
        match &mut self.times {
            Some((_, last)) => last.clone_from(&line.time),
            None => self.times = Some((line.time.clone(), line.time.clone())),
        }
        Ok(line)
    }

    fn genesis(&mut self, line: &Line) -> Result<(), Why> {
        let group = line.text("group").and_then(|group| GroupId::new(group).ok());
        let key = line.text("key").and_then(PublicKey::from_hex);
        match (line.number("format"), group, key, line.number("head_lines")) {
            (Some(FORMAT), Some(group), Some(key), Some(head_lines)) if head_lines > 0 => {
                if self.expected.is_some_and(|expected| expected != key) {
                    return Err(Why::ForeignKey);
                }
                self.group = Some(group);
                self.key = Some(key);
                self.head_lines = head_lines;
                Ok(())
            }
            _ => Err(Why::Genesis),
        }
    }

    fn head(&mut self, line: &Line) -> Result<(), Why> {
        let (Some(group), Some(key)) = (&self.group, self.key) else { return Err(Why::Genesis) };
        let signed = signed_text(group, line.seq, &line.time, line.prev);
        if !line.text("signature").is_some_and(|signature| key.has_signed(&signed, signature)) {
            return Err(Why::Signature);
        }
        self.heads += 1;
        Ok(())
    }

    pub(crate) fn report(self, fault: Option<Fault>) -> Report {
        Report {
            group: self.group,
            key: self.key,
            lines: self.seq,
            heads: self.heads,
            unsigned: self.unsigned,
            erased: self.missing,
            last: (self.seq > 0).then_some(self.last),
            times: self.times,
            closed: self.closed,
            fault,
        }
    }
}

/// What the signature of a head is over.
pub(crate) fn signed_text(group: &GroupId, seq: u64, time: &str, prev: Digest) -> String {
    format!("coview audit head {FORMAT}\n{group}\n{seq}\n{time}\n{prev}\n")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lines, heads, unsigned, .. } = self;
        write!(f, "{lines} lines, {heads} of them signatures, {unsigned} behind the last one")
    }
}
