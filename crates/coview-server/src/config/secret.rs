//! Files with secrets: who else may read them?

use std::path::Path;

/// Reads a file with a secret.
///
/// # Errors
///
/// Names the file if it cannot be read, or if everybody on this machine can: then it is no secret.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if for_everybody(path).map_err(|error| format!("{}: {error}", path.display()))? {
        return Err(format!(
            "{}: everybody on this machine can read this secret; `chmod o-rwx` it, and make a new \
             one if somebody may have",
            path.display()
        ));
    }
    Ok(bytes)
}

#[cfg(unix)]
fn for_everybody(path: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    const OTHERS: u32 = 0o007;
    Ok(std::fs::metadata(path)?.permissions().mode() & OTHERS != 0)
}

/// Other systems have no such bits.
#[cfg(not(unix))]
fn for_everybody(_: &Path) -> std::io::Result<bool> {
    Ok(false)
}
