use core::time::Duration;
use std::path::Path;
use std::path::PathBuf;

use coview_token::Secret;
use coview_token::VerifyingKeys;
use serde::Deserialize;

use super::fault::Faults;
use super::files;

/// Which keys tokens or assertions are signed with, and for how long they may be good.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeysFile {
    #[serde(default)]
    keys: Vec<PathBuf>,
    secret_file: Option<PathBuf>,
    max_minutes: Option<u32>,
}

/// The longest time a token may be good for: a day. What leaks should be worthless soon.
const LONGEST_MINUTES: u32 = 24 * 60;

impl KeysFile {
    pub(super) fn new(
        keys: Vec<PathBuf>,
        secret_file: Option<PathBuf>,
        max_minutes: Option<u32>,
    ) -> Self {
        Self { keys, secret_file, max_minutes }
    }

    pub(super) const fn names_none(&self) -> bool {
        self.keys.is_empty() && self.secret_file.is_none()
    }

    /// Reads every file that is named. `section` says whose they are, for the faults.
    pub(super) fn load(&self, section: &str, folder: &Path, faults: &mut Faults) -> VerifyingKeys {
        let mut all = VerifyingKeys::default();
        for name in &self.keys {
            let path = folder.join(name);
            let read = public(&path).and_then(|keys| {
                all.add(keys).map_err(|error| format!("{}: {error}", path.display()))
            });
            faults.sift(read.map_err(|fault| format!("{section}: {fault}")));
        }
        if let Some(name) = &self.secret_file {
            let path = folder.join(name);
            let read = shared(&path).and_then(|keys| {
                all.add(keys).map_err(|error| format!("{}: {error}", path.display()))
            });
            faults.sift(read.map_err(|fault| format!("{section}: {fault}")));
        }
        all
    }

    pub(super) fn lifetime(
        &self,
        section: &str,
        default: Duration,
        faults: &mut Faults,
    ) -> Duration {
        match self.max_minutes {
            None => default,
            Some(minutes @ 1..=LONGEST_MINUTES) => Duration::from_secs(u64::from(minutes) * 60),
            Some(minutes) => {
                faults.add(format!(
                    "{section}: max_minutes is {minutes}; it may be 1 to {LONGEST_MINUTES}"
                ));
                default
            }
        }
    }
}

fn public(path: &Path) -> Result<VerifyingKeys, String> {
    let bytes = files::read(path).map_err(|fault| {
        let remedy = "; make a pair of keys with `coview keys new --out agents`";
        fault + if path.exists() { "" } else { remedy }
    })?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{}: not text", path.display()))?;
    VerifyingKeys::read(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn shared(path: &Path) -> Result<VerifyingKeys, String> {
    let bytes = files::read_secret(path)?;
    match Secret::from_file(&bytes) {
        Ok(secret) => Ok(VerifyingKeys::from_secret(&secret)),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}
