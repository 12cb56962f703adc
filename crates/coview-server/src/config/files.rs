//! The files a configuration names: how long they may be, and who else may read those with secrets.

use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;

/// The longest file that is read: a hundred times what any of them has.
const LONGEST: u64 = 1024 * 1024;

/// Reads a file.
///
/// # Errors
///
/// Names the file if it cannot be read or is too long, as a device would be.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    read_bounded(path).map_err(|error| told(path, &error))
}

pub(super) fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(io::Error::other(format!("longer than {LONGEST} bytes")));
    }
    Ok(bytes)
}

/// Reads a file with a secret.
///
/// # Errors
///
/// The same, and names the file if everybody on this machine can read it: then it is no secret.
pub(super) fn read_secret(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = read(path)?;
    if for_everybody(path).map_err(|error| told(path, &error))? {
        return Err(format!(
            "{}: everybody on this machine can read this secret; `chmod o-rwx` it, and make a new \
             one if somebody may have",
            path.display()
        ));
    }
    Ok(bytes)
}

fn told(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(unix)]
fn for_everybody(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    const OTHERS: u32 = 0o007;
    Ok(std::fs::metadata(path)?.permissions().mode() & OTHERS != 0)
}

/// Other systems have no such bits.
#[cfg(not(unix))]
fn for_everybody(_: &Path) -> io::Result<bool> {
    Ok(false)
}
