//! `docs/audit.md` is true: its example, its table of kinds, and the verifier anybody could write.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::process::Command;

use coview_audit::Digest;
use coview_audit::Kind;
use coview_audit::erase;
use coview_audit::story;
use coview_wire::SessionId;
use coview_wire::VisitorId;
use support::NOW;
use support::check_bytes;
use support::directory;
use support::one_click;
use support::options;
use support::text;
use support::write;

const PAGE: &str = include_str!("../../../docs/audit.md");

/// The code between two comments.
fn code(name: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("<!-- {name}:begin -->")).unwrap();
    let (block, _) = rest.split_once(&format!("<!-- {name}:end -->")).unwrap();
    let (_, rest) = block.split_once("```").unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    rest.rsplit_once("```").unwrap().0
}

#[test]
fn the_example_is_an_intact_log_and_its_story_the_one_that_is_told() {
    let example = code("example");
    let report = check_bytes(example.as_bytes());
    assert_eq!(report.fault, None);
    assert!(report.closed);
    let told = story(|| Ok(example.as_bytes()), SessionId::new(7)).unwrap().to_string();
    assert!(PAGE.contains(&told), "{told}");
}

#[test]
fn hashes_are_computed_as_the_page_says() {
    let text = "The support agent will see what this app shows until you stop sharing.";
    assert!(
        code("example").contains(&format!("\"text_sha256\":\"{}\"", Digest::of(text.as_bytes())))
    );
    for line in code("example").lines() {
        let (hashed, rest) = line.split_once(",\"hash\":\"").unwrap();
        assert_eq!(Digest::of(hashed.as_bytes()).to_string(), rest[..64]);
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        for (field, open) in line["open"].as_object().into_iter().flatten() {
            let (salt, value) = (open["salt"].as_str().unwrap(), open["value"].as_str().unwrap());
            let commitment = Digest::of(format!("{field}\n{salt}\n{value}").as_bytes());
            assert_eq!(line["sealed"][field], commitment.to_string());
        }
    }
}

#[test]
fn every_kind_is_in_the_table() {
    for kind in Kind::ALL {
        assert!(PAGE.contains(&format!("`{kind}`")), "{kind}");
    }
    let (_, list) =
        PAGE.split_once("before anything that follows from it leaves the server: ").unwrap();
    let (list, _) = list.split_once(". The messages").unwrap();
    for kind in Kind::ALL {
        assert_eq!(list.contains(&format!("`{kind}`")), kind.begins(), "{kind}");
    }
}

/// Runs the page's verifier: whether it ended well, and what it said.
fn python(directory: &tempfile::TempDir, log: &str) -> Option<(bool, String)> {
    let (script, file) = (directory.path().join("verify.py"), directory.path().join("copy.jsonl"));
    std::fs::write(&script, code("verifier")).unwrap();
    std::fs::write(&file, log).unwrap();
    let output = Command::new("python3").arg(script).arg(file).output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

#[test]
fn the_verifier_of_the_page_agrees_with_this_one() {
    let directory = directory();
    let log = write(directory.path(), options(), one_click(7, "ada \u{e9}\"\\\u{1f600}"));
    let whole = text(&log);
    let Some((good, said)) = python(&directory, &whole) else {
        return; // There is no Python here.
    };
    assert!(good, "{said}");
    assert!(said.starts_with(&format!("{} lines", check_bytes(whole.as_bytes()).lines)), "{said}");

    for (from, to) in [
        ("\"agents\":1", "\"agents\":2"),
        ("\"value\":\"grace\"", "\"value\":\"craig\""),
        ("\"seq\":4", "\"seq\":5"),
        ("{\"seq\":3", "{ \"seq\":3"),
    ] {
        let changed = whole.replacen(from, to, 1);
        let (good, said) = python(&directory, &changed).unwrap();
        let line = check_bytes(changed.as_bytes()).fault.unwrap().line;
        assert!(!good && said.starts_with(&format!("line {line}: ")), "{from}: {said}");
    }

    let ada = VisitorId::new("ada").unwrap();
    let log = write(directory.path(), options(), one_click(8, "ada"));
    erase(&log, &ada, NOW).unwrap();
    let (good, said) = python(&directory, &text(&log)).unwrap();
    assert!(good, "{said}");
}
