//! Files and directories: made for their owner only, and durable with their names.

use std::ffi::OsString;
use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

/// What a log is written to. A [`File`] is one; a test may put another between, to see what happens
/// when a disk is full.
pub trait Medium: Send {
    /// Writes all of it at the end, or fails with an unknown part of it written.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Returns when everything that was written is on disk.
    ///
    /// # Errors
    ///
    /// What the operating system says. Nothing written since the last success can be relied on then.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts everything behind so many bytes off.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn cut(&mut self, bytes: u64) -> io::Result<()>;
}

impl Medium for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }
}

/// Opens a log to append to; if it was not there, it is now, name included.
pub(crate) fn open_to_append(path: &Path) -> io::Result<File> {
    let file = owners_only(OpenOptions::new().append(true).create(true)).open(path)?;
    give_to_owner_of_directory(&file, path);
    sync_directory_of(path)?;
    Ok(file)
}

/// A new file for its owner only, with nothing in it.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    remove(path)?;
    let file = owners_only(OpenOptions::new().append(true).create_new(true)).open(path)?;
    give_to_owner_of_directory(&file, path);
    Ok(file)
}

/// Writes a whole file: afterwards, whatever happens, there is the old one or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = with_suffix(path, ".new");
    let mut file = create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_directory_of(path)
}

/// An administrator who looks after the logs of a server must not leave files behind that the
/// server may not open. Who is none cannot give files away, and need not: the server's own user is
/// the owner already.
#[cfg(unix)]
fn give_to_owner_of_directory(file: &File, path: &Path) {
    use std::os::unix::fs::MetadataExt;
    let owner = fs::metadata(directory_of(path)).map(|it| (it.uid(), it.gid()));
    let now = file.metadata().map(|it| it.uid());
    if let (Ok((user, group)), Ok(now)) = (owner, now)
        && user != now
    {
        let _ = std::os::unix::fs::fchown(file, Some(user), Some(group));
    }
}

#[cfg(not(unix))]
fn give_to_owner_of_directory(_: &File, _: &Path) {}

/// Removes a file that may be there.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Makes a directory for its owner only, and those above it, so that they last.
pub(crate) fn create_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
        create_directory(above)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync_directory_of(path)
}

/// Makes the name of a file last.
pub(crate) fn sync_directory_of(path: &Path) -> io::Result<()> {
    // Elsewhere a directory cannot be opened, and names last by themselves.
    if cfg!(unix) { File::open(directory_of(path))?.sync_all() } else { Ok(()) }
}

/// The directory a file is in.
pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    }
}

#[cfg(unix)]
pub(crate) fn is_open_to_others(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
pub(crate) fn is_open_to_others(_: &Path) -> io::Result<bool> {
    Ok(false)
}

fn owners_only(options: &mut OpenOptions) -> &OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Held by whoever may write the logs of a directory. The operating system takes it back when the
/// process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// `None`: another process has it.
    pub(crate) fn take(directory: &Path) -> io::Result<Option<Self>> {
        let path = directory.join("audit.lock");
        let file =
            owners_only(OpenOptions::new().write(true).create(true).truncate(false)).open(&path)?;
        give_to_owner_of_directory(&file, &path);
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}
