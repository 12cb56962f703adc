use core::str::FromStr;
use std::fs;
use std::fs::File;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use coview_wire::UnixTime;
use coview_wire::VisitorId;
use data_encoding::HEXLOWER;
use ring::rand::SecureRandom;
use ring::rand::SystemRandom;
use thiserror::Error;

use crate::disk;
use crate::disk::Lock;
use crate::disk::Medium;
use crate::file::LogError;
use crate::file::LogFile;
use crate::key::KeyError;
use crate::key::SigningKey;

/// How an erasure went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Erasure {
    /// It is done, and so many fields were removed.
    Done {
        /// How many.
        fields: u64,
    },
    /// A server writes the log. It was asked to do it, and does within seconds; the request is the
    /// file, which is gone when it is done.
    Requested(PathBuf),
}

/// Why nothing was erased.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EraseError {
    /// The log, or the directory it is in, cannot be used.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The signing key beside the log cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The log is broken.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Removes everything personal of one visitor from a log: the values and the salts, so that nobody
/// can find out later what they were. The chain stays as it was.
///
/// The file is written anew beside the old one and takes its place in one step. If a server writes
/// the log it is asked to do this; its answer is that the request file goes away.
///
/// # Errors
///
/// [`EraseError`] if there is no such log, it cannot be written, or it is broken; nothing was
/// changed then.
pub fn erase(log: &Path, visitor: &VisitorId, now: UnixTime) -> Result<Erasure, EraseError> {
    let failed = |error| EraseError::File { path: log.to_owned(), error };
    fs::metadata(log).map_err(failed)?;
    let Some(_lock) = Lock::take(disk::directory_of(log)).map_err(failed)? else {
        return request(log, visitor).map(Erasure::Requested).map_err(failed);
    };
    let key = SigningKey::open(disk::directory_of(log))?.map(Arc::new);
    let wrap = Arc::new(|file: File| Box::new(file) as Box<dyn Medium>);
    let mut log_file = LogFile::read(log, key, None, now, wrap)?;
    let fields = log_file.erase(visitor, now).map_err(failed)?;
    Ok(Erasure::Done { fields })
}

/// Leaves a request for whoever holds the lock.
fn request(log: &Path, visitor: &VisitorId) -> io::Result<PathBuf> {
    let mut number = [0; 8];
    SystemRandom::new()
        .fill(&mut number)
        .map_err(|_| io::Error::other("the operating system gives no random numbers"))?;
    let path = disk::with_suffix(log, &format!("{SUFFIX}{}", HEXLOWER.encode(&number)));
    disk::replace(&path, visitor.as_str().as_bytes())?;
    Ok(path)
}

const SUFFIX: &str = ".erase-";

/// What somebody asked for.
pub(crate) struct Request {
    path: PathBuf,
    pub(crate) visitor: VisitorId,
}

impl Request {
    /// It is done.
    pub(crate) fn remove(&self) -> io::Result<()> {
        disk::remove(&self.path)?;
        disk::sync_directory_of(&self.path)
    }
}

/// The requests that wait beside a log.
pub(crate) fn requests(log: &Path) -> Vec<io::Result<Request>> {
    let (Some(directory), Some(name)) = (log.parent(), log.file_name()) else { return Vec::new() };
    let prefix = format!("{}{SUFFIX}", name.to_string_lossy());
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            name.is_some_and(|name| name.strip_prefix(&prefix).is_some_and(|rest| rest.len() == 16))
        })
        .collect();
    paths.sort();
    paths.into_iter().map(read).collect()
}

fn read(path: PathBuf) -> io::Result<Request> {
    let text = fs::read_to_string(&path)?;
    match VisitorId::from_str(text.trim_end()) {
        Ok(visitor) => Ok(Request { path, visitor }),
        Err(error) => {
            // It would be no better the next time.
            fs::rename(&path, disk::with_suffix(&path, ".refused"))?;
            Err(io::Error::other(format!("{} was refused: {error}", path.display())))
        }
    }
}
