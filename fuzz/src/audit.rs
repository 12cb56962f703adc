use std::io;

use coview_audit::*;
use coview_wire::SessionId;
use ring::digest;

/// A log as a server wrote it; the key that signed it was thrown away.
pub const LOG: &str = include_str!("../keys/audit.jsonl");
/// What stands before the hash of a line.
const HASH: &str = ",\"hash\":\"";
/// What stands before the hash of the line before.
const PREV: &str = "\"prev\":\"";

/// Reads the input as an audit log: as it stands, and with all hashes made to fit first. A log that
/// claims the known key and has no fault is the log that was written, or begins like it.
pub fn audit(data: &[u8]) {
    let report = read(data);
    let key = verify(LOG.as_bytes(), None).expect("memory can be read").key;
    if report.fault.is_none() && report.key.is_some() && report.key == key {
        assert!(LOG.as_bytes().starts_with(data), "a log that nobody signed is whole");
    }
    if let Ok(text) = core::str::from_utf8(data) {
        read(rehashed(text).as_bytes());
    }
}

fn read(log: &[u8]) -> Report {
    let report = verify(log, None).expect("memory can be read");
    if let Some(fault) = &report.fault {
        let told = fault.to_string();
        assert!(told.len() < 512, "a fault is told in {} bytes", told.len());
    }
    let told = story(|| io::Result::Ok(log), SessionId::new(1)).expect("memory can be read");
    assert_eq!(told.fault, report.fault, "two readers see two faults");
    for line in told.to_string().lines() {
        assert!(!line.contains('\u{1b}'), "a line tells the terminal what to do");
    }
    report
}

/// The lines with every `prev` and `hash` as they have to be.
fn rehashed(text: &str) -> String {
    let mut last = "0".repeat(64);
    let mut log = String::new();
    for line in text.split_inclusive('\n') {
        let mut line = line.to_owned();
        if let Some(at) = line.find(PREV).map(|at| at + PREV.len())
            && line.get(at..at + 64).is_some()
        {
            line.replace_range(at..at + 64, &last);
        }
        if let Some(end) = line.find(HASH)
            && line.get(end + HASH.len()..end + HASH.len() + 64).is_some()
        {
            let digest = digest::digest(&digest::SHA256, &line.as_bytes()[..end]);
            last = data_encoding::HEXLOWER.encode(digest.as_ref());
            line.replace_range(end + HASH.len()..end + HASH.len() + 64, &last);
        }
        log.push_str(&line);
    }
    log
}
