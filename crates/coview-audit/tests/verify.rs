//! What a verifier notices: everything but a missing end.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;

use coview_audit::Digest;
use coview_audit::Kind;
use coview_audit::Options;
use coview_audit::PublicKey;
use coview_audit::Record;
use coview_audit::Why;
use coview_audit::verify;
use support::NOW;
use support::check_bytes;
use support::directory;
use support::one_click;
use support::options;
use support::text;
use support::write;

fn log() -> (tempfile::TempDir, String) {
    let directory = directory();
    let options = Options { head_lines: 4, ..options() };
    let log = write(directory.path(), options, one_click(7, "ada"));
    let text = text(&log);
    (directory, text)
}

#[track_caller]
fn fault(text: &str) -> (u64, Why) {
    let fault = check_bytes(text.as_bytes()).fault.expect("something is broken");
    (fault.line, fault.why)
}

#[test]
fn an_untouched_log_is_in_order() {
    let (directory, text) = log();
    let report = check_bytes(text.as_bytes());
    assert_eq!(report.fault, None);
    assert_eq!((report.lines, report.heads, report.unsigned), (11, 3, 0));
    assert!(report.closed);
    let last = text.lines().last().unwrap();
    assert!(last.contains(&format!("\"hash\":\"{}\"", report.last.unwrap())));

    let key = PublicKey::from_pem_file(&directory.path().join("audit-key.pub.pem")).unwrap();
    assert_eq!(report.key, Some(key));
    assert!(verify(text.as_bytes(), Some(key)).unwrap().is_intact());
}

#[test]
fn any_flipped_byte_is_noticed_at_its_line_or_before() {
    let (_directory, text) = log();
    let bytes = text.as_bytes();
    for at in 0..bytes.len() {
        // One bit, another one each time, and the one between small and capital letters.
        for bit in [1 << (at % 8), 1 << 5] {
            let mut changed = bytes.to_vec();
            changed[at] ^= bit;
            let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count() as u64;
            let fault = check_bytes(&changed).fault;
            let fault =
                fault.unwrap_or_else(|| panic!("byte {at} changed by {bit} is not noticed"));
            assert!(fault.line <= line, "byte {at} changed by {bit} in line {line}: {fault}");
        }
    }
}

#[test]
fn a_line_that_is_missing_repeated_or_moved_is_noticed() {
    let (_directory, text) = log();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    for at in 0..lines.len() - 1 {
        let mut without = lines.clone();
        without.remove(at);
        assert_eq!(fault(&without.concat()).0, at as u64 + 1);
        let mut twice = lines.clone();
        twice.insert(at, lines[at]);
        assert_eq!(fault(&twice.concat()).0, at as u64 + 2);
        let mut swapped = lines.clone();
        swapped.swap(at, at + 1);
        assert_eq!(fault(&swapped.concat()).0, at as u64 + 1);
    }
}

/// Writes lines anew with a chain that holds, as somebody without the key could.
fn forged(lines: &[serde_json::Value]) -> String {
    let mut prev = "0".repeat(64);
    let mut text = String::new();
    for line in lines {
        let mut body = String::new();
        for field in ["seq", "time", "kind", "session", "ask", "facts", "sealed"] {
            if let Some(value) = line.get(field) {
                body.push_str(&format!(
                    "{}\"{field}\":{value}",
                    if body.is_empty() { "{" } else { "," }
                ));
            }
        }
        body.push_str(&format!(",\"prev\":\"{prev}\""));
        prev = Digest::of(body.as_bytes()).to_string();
        let open = line.get("open").map(|open| format!(",\"open\":{open}")).unwrap_or_default();
        text.push_str(&format!("{body},\"hash\":\"{prev}\"{open}}}\n"));
    }
    text
}

fn values(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_new_chain_without_the_key_fails_at_the_first_signature() {
    let (_directory, text) = log();
    let mut lines = values(&text);
    assert_eq!(forged(&lines), text, "the form can be written by anybody");
    lines[2]["facts"]["terms"] = "2027".into();
    assert_eq!(fault(&forged(&lines)), (7, Why::Signature));
}

/// The same lines with numbers in order.
fn numbered(mut lines: Vec<serde_json::Value>) -> Vec<serde_json::Value> {
    for (seq, line) in (1..).zip(&mut lines) {
        line["seq"] = seq.into();
    }
    lines
}

#[test]
fn signatures_that_were_left_out_are_missed() {
    let (_directory, text) = log();
    let mut lines = values(&text);
    let first = lines[1].clone();
    lines.retain(|line| line["kind"] != "head");
    assert_eq!(fault(&forged(&numbered(lines.clone()))), (2, Why::HeadMissing(1)));
    lines.insert(1, first);
    assert_eq!(fault(&forged(&numbered(lines))), (7, Why::HeadMissing(4)));
}

#[test]
fn a_new_chain_that_says_it_needs_no_signature_is_noticed() {
    const MANY: u64 = 1 << 40;
    let (directory, text) = log();
    let key = PublicKey::from_pem_file(&directory.path().join("audit-key.pub.pem")).unwrap();
    let mut lines = values(&text);
    let mut opened = lines[0].clone();
    opened["kind"] = "opened".into();
    opened["facts"] = serde_json::json!({ "cut": 0, "head_lines": MANY });

    // In the first line, which nobody signed then.
    let mut unsigned = lines.clone();
    unsigned.retain(|line| line["kind"] != "head");
    unsigned[0]["facts"]["head_lines"] = MANY.into();
    let forgery = forged(&numbered(unsigned));
    let report = verify(forgery.as_bytes(), Some(key)).unwrap();
    assert_eq!(report.fault.map(|it| (it.line, it.why)), Some((2, Why::HeadMissing(1))));

    // Behind a first line that is as it was.
    lines.truncate(2);
    lines.push(opened);
    lines.extend(values(&text).into_iter().filter(|line| line["kind"] != "head").skip(1));
    let forgery = forged(&numbered(lines));
    let report = verify(forgery.as_bytes(), Some(key)).unwrap();
    assert_eq!(report.fault.map(|it| (it.line, it.why)), Some((4, Why::HeadMissing(1))));
}

#[test]
fn a_log_by_another_key_is_foreign() {
    let (_directory, text) = log();
    let (other, _) = log();
    let key = PublicKey::from_pem_file(&other.path().join("audit-key.pub.pem")).unwrap();
    let report = verify(text.as_bytes(), Some(key)).unwrap();
    assert_eq!(report.fault.map(|it| (it.line, it.why)), Some((1, Why::ForeignKey)));
}

#[test]
fn each_fault_is_told_by_its_line_and_in_words() {
    let (_directory, text) = log();
    let one = |from: &str, to: &str| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        check_bytes(changed.as_bytes()).fault.unwrap().to_string()
    };
    let second = text.lines().nth(1).unwrap();
    let mut without_second = text.clone();
    without_second = without_second.replacen(&format!("{second}\n"), "", 1);
    let told = check_bytes(without_second.as_bytes()).fault.unwrap().to_string();
    assert_eq!(told, "line 2: has the number 3: lines are missing, or were put in before it");
    assert_eq!(one("\"agents\":1", "\"agents\":3"), "line 8: was changed: `hash` is not its hash");
    assert_eq!(
        one("\"value\":\"ada\"", "\"value\":\"eve\""),
        "line 3: was changed: its visitor is not the one in the chain"
    );
    assert_eq!(
        one("{\"seq\":3,", "{\"sec\":3,").split(" at ").next().unwrap(),
        "line 3: cannot be read: a field is missing, unknown or of another type"
    );
    assert_eq!(one("{\"seq\":3,", "{ \"seq\":3,"), "line 3: is not written in the form of a log");
    let torn = &text[..text.len() - 1];
    assert!(fault(torn).1.to_string().starts_with("is not finished: its last "));
    assert_eq!(fault("").1.to_string(), "is no first line of a log of format 1");
    let long = format!("{}\n", "x".repeat(70_000));
    assert_eq!(fault(&long).1.to_string(), "is longer than 65536 bytes");
}

#[test]
fn a_personal_field_that_is_gone_without_a_record_is_missed() {
    let (_directory, text) = log();
    let mut lines = values(&text);
    assert!(lines[2]["open"].as_object_mut().unwrap().remove("visitor").is_some());
    assert_eq!(fault(&forged(&lines)), (3, Why::Erasure { missing: 1, told: 0 }));
}

#[test]
fn a_missing_end_is_noticed_only_by_who_noted_the_last_hash() {
    let (_directory, text) = log();
    let noted = check_bytes(text.as_bytes()).last.unwrap().to_string();
    let cut: String = text.split_inclusive('\n').take(6).collect();
    let report = check_bytes(cut.as_bytes());
    assert!(report.is_intact() && !report.closed && report.unsigned > 0);
    assert!(text.contains(&noted) && !cut.contains(&noted));
}

#[test]
fn odd_text_is_written_and_read_back() {
    let directory = directory();
    let odd = "\u{0}\u{7f}\"\\\n\u{2028}é\u{1f600}";
    let record = Record::new(Kind::Declined, NOW).fact("odd", odd);
    let log = write(directory.path(), options(), vec![record]);
    assert!(check_bytes(&fs::read(log).unwrap()).is_intact());
}
