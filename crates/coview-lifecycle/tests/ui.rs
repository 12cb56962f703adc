//! What the compiler says about the likeliest mistakes. Its words are an interface: read them when
//! they change.

use std::process::Command;

/// The compiler whose wording is kept in the `.stderr` files.
const WORDED_BY: &str = "rustc 1.95.";

#[test]
fn the_likeliest_mistakes_are_explained() {
    let version = Command::new("rustc").arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    match version {
        Ok(version) if version.starts_with(WORDED_BY) => {
            trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
        }
        Ok(version) => {
            eprintln!("SKIPPED: the wording is that of {WORDED_BY}*, and this is {version}");
        }
        Err(error) => eprintln!("SKIPPED: rustc cannot be asked for its version: {error}"),
    }
}
