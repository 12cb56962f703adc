//! `docs/threat-model.md` promises nothing that no test shows.

use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("../../../../docs/threat-model.md");

/// The links of the page whose text is the name of a test: the name and the file it is in.
fn named() -> Vec<(&'static str, &'static str)> {
    let links = PAGE.split("[`").skip(1).filter_map(|rest| rest.split_once("`]("));
    links.filter_map(|(name, rest)| Some((name, rest.split_once(')')?.0))).collect()
}

#[test]
fn the_page_names_tests_that_exist() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let named = named();
    assert!(named.len() > 100, "{} tests are too few to be all", named.len());
    for (name, file) in named {
        let source = fs::read_to_string(docs.join(file))
            .unwrap_or_else(|error| panic!("{file}, where {name} should be: {error}"));
        let declared = source.find(&format!("fn {name}(")).unwrap_or_else(|| {
            panic!("{file} has no {name}");
        });
        // Within a `proptest!` the attribute stands there too.
        let before = &source[..declared];
        let attribute = before.rfind("#[test]").unwrap_or_else(|| panic!("{name} is no test"));
        let between = &before[attribute..];
        assert!(!between.contains("\nfn ") && !between.contains("}\n\n"), "{name} is no test");
    }
}

#[test]
fn every_attack_here_is_in_the_page() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attack");
    let mut missing = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        let source = fs::read_to_string(&path).unwrap();
        for test in source.split("#[test]\nfn ").skip(1) {
            let name = test.split('(').next().unwrap();
            let link = format!("[`{name}`](../crates/coview/tests/attack/{file})");
            if file != "page.rs" && !PAGE.contains(&link) {
                missing.push(name.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "not in docs/threat-model.md: {missing:#?}");
}
