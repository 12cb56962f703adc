//! The kept mutants still fit the source: `just mutants-kept` can apply and run them.
//!
//! Whether each is caught takes a build of everything for each, so that is not looked at here.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/mutants");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The layers `mutants/run` knows how to run.
const LAYERS: [&str; 7] = ["types", "start", "lifecycle", "proto", "hub", "simulation", "search"];

/// One hunk of a patch: the lines it expects to find, and whether it changes anything.
struct Hunk {
    file: String,
    expected: Vec<String>,
    changes: bool,
}

fn hunks(patch: &str) -> Vec<Hunk> {
    let mut hunks: Vec<Hunk> = Vec::new();
    let mut file = "";
    for line in patch.lines() {
        if let Some(name) = line.strip_prefix("--- a/") {
            file = name;
        } else if line.starts_with("+++ b/") {
        } else if line.starts_with("@@ ") {
            hunks.push(Hunk { file: file.to_owned(), expected: Vec::new(), changes: false });
        } else {
            let hunk = hunks.last_mut().expect("a line of a patch stands in a hunk");
            match line.split_at_checked(1) {
                Some((" ", kept)) => hunk.expected.push(kept.to_owned()),
                Some(("-", removed)) => {
                    hunk.expected.push(removed.to_owned());
                    hunk.changes = true;
                }
                Some(("+", _)) => hunk.changes = true,
                Some(_) | None => panic!("not a line of a patch: {line:?}"),
            }
        }
    }
    hunks
}

fn kept() -> BTreeSet<String> {
    let files = fs::read_dir(FOLDER).expect("the mutants are kept there");
    let names = files.map(|file| file.expect("the folder can be read").file_name());
    let names = names.filter_map(|name| Some(name.to_str()?.strip_suffix(".patch")?.to_owned()));
    names.collect()
}

#[test]
fn every_mutant_that_is_kept_still_applies() {
    let kept = kept();
    assert!(kept.len() >= 5, "{kept:?}");
    for mutant in kept {
        let patch = fs::read_to_string(Path::new(FOLDER).join(format!("{mutant}.patch")))
            .expect("the patch can be read");
        let hunks = hunks(&patch);
        assert!(!hunks.is_empty(), "{mutant} changes nothing");
        for Hunk { file, expected, changes } in hunks {
            assert!(changes, "{mutant}: a hunk of {file} changes nothing");
            let source = fs::read_to_string(Path::new(ROOT).join(&file))
                .unwrap_or_else(|error| panic!("{mutant}: {file}: {error}"));
            let source: Vec<&str> = source.lines().collect();
            let at = source.windows(expected.len()).filter(|lines| *lines == expected).count();
            assert_eq!(
                at,
                1,
                "{mutant}: {file} has these lines so often:\n{}",
                expected.join("\n")
            );
        }
    }
}

#[test]
fn every_mutant_is_claimed_to_be_caught() {
    let claims = fs::read_to_string(Path::new(FOLDER).join("claims")).expect("it can be read");
    let mut claimed = BTreeSet::new();
    for line in claims.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let mutant = words.next().expect("a claim names a mutant");
        let layers: Vec<&str> = words.collect();
        assert!(layers.len() >= 2, "{mutant} is caught by one layer alone: {layers:?}");
        assert!(layers.iter().all(|layer| LAYERS.contains(layer)), "{mutant}: {layers:?}");
        assert!(claimed.insert(mutant.to_owned()), "{mutant} stands there twice");
    }
    assert_eq!(claimed, kept());
}
