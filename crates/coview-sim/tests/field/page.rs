//! `docs/field-races.md` names every race that is played here, for every class of fault there is,
//! and no test that does not exist.

use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("../../../../docs/field-races.md");

/// The classes of fault in what users of other products complain about.
const CLASSES: [&str; 15] = [
    "Consent bypass",
    "Prompt lifecycle",
    "Old object hits new session",
    "Stale timers",
    "Reload and navigation",
    "Half-open sockets refuse the return",
    "Identity takeover",
    "Ghosts in presence",
    "Background and mobile",
    "Sessions left open",
    "Grace too short or without an end",
    "Privilege creep",
    "Mask leaks",
    "Scams",
    "Integrator confusion",
];

/// The links of a text whose words are the name of a test: the name and the file it is in.
fn named(text: &str) -> Vec<(&str, &str)> {
    let links = text.split("[`").skip(1).filter_map(|rest| rest.split_once("`]("));
    links.filter_map(|(name, rest)| Some((name, rest.split_once(')')?.0))).collect()
}

/// The tests of a source.
fn tests(source: &str) -> Vec<&str> {
    let after = source.split("#[test]\nfn ").skip(1);
    after.filter_map(|test| Some(test.split_once('(')?.0)).collect()
}

/// The part of the page that is about a class.
fn section(class: &str) -> &'static str {
    let heading = format!("\n## {class}\n");
    let (_, rest) = PAGE.split_once(&heading).unwrap_or_else(|| panic!("no section: {class}"));
    rest.split("\n## ").next().unwrap_or(rest)
}

#[test]
fn the_page_names_tests_that_exist() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    for (name, file) in named(PAGE) {
        let source = fs::read_to_string(docs.join(file))
            .unwrap_or_else(|error| panic!("{file}, where {name} should be: {error}"));
        assert!(tests(&source).contains(&name), "{file} has no test {name}");
    }
}

#[test]
fn every_class_has_a_race_here_and_the_threads_it_stands_for() {
    let headings = PAGE.lines().filter_map(|line| line.strip_prefix("## "));
    assert_eq!(headings.collect::<Vec<_>>(), CLASSES);
    for class in CLASSES {
        let section = section(class);
        let here = |(_, file): &(&str, &str)| file.starts_with("../crates/coview-sim/tests/field/");
        assert!(named(section).iter().any(here), "{class} has no race of its own");
        let rows = section.lines().filter_map(|line| line.strip_prefix("| ")).skip(1);
        for row in rows {
            let (threads, _) = row.split_once(" | ").unwrap();
            assert!(threads.contains(['#', '`']) || threads.contains("SDK"), "{class}: {row}");
        }
    }
}

#[test]
fn every_race_here_is_in_the_page() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/field");
    let mut missing = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        let source = fs::read_to_string(&path).unwrap();
        for name in tests(&source) {
            let link = format!("[`{name}`](../crates/coview-sim/tests/field/{file})");
            if file != "page.rs" && !PAGE.contains(&link) {
                missing.push(name.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "not in docs/field-races.md: {missing:#?}");
}
