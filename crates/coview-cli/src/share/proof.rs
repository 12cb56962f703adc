//! What proves who a visitor is: an assertion, typed or in a file.

use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use coview_wire::VisitorAssertion;
use coview_wire::limits;

/// Where an assertion comes from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Proof {
    Typed(VisitorAssertion),
    File(PathBuf),
}

impl Proof {
    /// The assertion; the error says what is wrong with the file, and nothing of what is in it.
    pub(super) fn read(self) -> Result<VisitorAssertion, String> {
        match self {
            Self::Typed(assertion) => Ok(assertion),
            Self::File(file) => read(&file),
        }
    }
}

fn read(file: &Path) -> Result<VisitorAssertion, String> {
    let wrong = |why: &dyn core::fmt::Display| format!("{}: {why}", file.display());
    // Room for white space around it.
    let longest = limits::TOKEN_BYTES as u64 + 64;
    let mut text = String::new();
    std::fs::File::open(file)
        .and_then(|file| file.take(longest).read_to_string(&mut text))
        .map_err(|error| wrong(&error))?;
    VisitorAssertion::new(text.trim()).map_err(|error| wrong(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_file_is_told_without_what_is_in_it() {
        let folder = std::env::temp_dir().join(format!("coview-proof-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("assertion");
        assert!(read(&file).unwrap_err().contains("assertion: "));
        std::fs::write(&file, " a.b.c \n").unwrap();
        assert_eq!(Proof::File(file.clone()).read(), Ok(VisitorAssertion::new("a.b.c").unwrap()));
        std::fs::write(&file, "\n").unwrap();
        assert!(read(&file).unwrap_err().contains("empty"));
        std::fs::write(&file, "secret".repeat(limits::TOKEN_BYTES)).unwrap();
        let error = read(&file).unwrap_err();
        assert!(!error.contains("secret"), "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
