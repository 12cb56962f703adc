//! A log after the machine stopped at any moment, and on a disk that fails.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;
use std::sync::mpsc;
use std::time::Duration;

use coview_audit::Journal;
use coview_audit::Kind;
use coview_audit::Notice;
use coview_audit::OpenError;
use coview_audit::Options;
use coview_audit::Record;
use coview_audit::Why;
use coview_audit::log_path;
use coview_wire::SessionId;
use support::Disk;
use support::Mood;
use support::NOW;
use support::check;
use support::check_bytes;
use support::directory;
use support::group;
use support::one_click;
use support::options;
use support::text;
use support::write;

#[test]
fn a_log_cut_at_any_byte_opens_again_and_has_lost_no_whole_line() {
    let directory = directory();
    let options = || Options { head_lines: 4, ..options() };
    let records = one_click(7, "ada").into_iter().take(4).collect();
    let log = write(directory.path(), options(), records);
    let whole = fs::read(&log).unwrap();
    for cut in 0..=whole.len() {
        let kept = &whole[..cut];
        let lines = kept.iter().filter(|byte| **byte == b'\n').count();
        let durable = kept.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        fs::write(&log, kept).unwrap();
        if cut == durable && cut > 0 {
            assert!(check_bytes(kept).is_intact(), "cut between two lines, at {cut}");
        } else if cut > 0 {
            let fault = check_bytes(kept).fault.expect("the end is missing");
            assert_eq!(fault.line, lines as u64 + 1);
            assert_eq!(fault.why, Why::Torn((cut - durable) as u64));
        }

        let log = write(directory.path(), options(), vec![joined(8)]);
        let after = fs::read(&log).unwrap();
        assert_eq!(after[..durable], kept[..durable], "cut at {cut}");
        let report = check_bytes(&after);
        assert_eq!(report.fault, None, "cut at {cut}");
        assert!(report.closed && report.lines > lines as u64);
        let opened = text(&log).lines().find(|line| line.contains("\"opened\"")).map(str::to_owned);
        if let Some(opened) = opened {
            let told = format!("\"cut\":{}", cut - durable);
            assert!(opened.contains(&told), "{opened}");
        }
    }
}

#[test]
fn zeros_that_a_file_system_left_at_the_end_are_cut_off_however_many() {
    let directory = directory();
    let records = one_click(7, "ada").into_iter().take(4).collect();
    let log = write(directory.path(), options(), records);
    let whole = fs::read(&log).unwrap();
    for zeros in [1, 4096, 1 << 20] {
        let mut left = whole.clone();
        left.resize(whole.len() + zeros, 0);
        fs::write(&log, &left).unwrap();
        assert_eq!(check_bytes(&left).fault.unwrap().why, Why::Torn(zeros as u64));
        let after = fs::read(write(directory.path(), options(), vec![joined(8)])).unwrap();
        assert_eq!(after[..whole.len()], whole);
        assert!(check_bytes(&after).is_intact());
    }
}

#[test]
fn a_whole_line_that_is_broken_is_an_error_that_names_it_and_what_to_do() {
    let directory = directory();
    let log = write(directory.path(), options(), one_click(7, "ada"));
    let changed = text(&log).replace("\"agents\":1", "\"agents\":2");
    fs::write(&log, &changed).unwrap();
    let error = Journal::open(directory.path(), [group()], options()).unwrap_err();
    let told = error.to_string();
    assert!(told.contains("12345.jsonl: line 7: was changed"), "{told}");
    assert!(told.contains("move it elsewhere"), "{told}");
    assert_eq!(text(&log), changed, "evidence is left as it is");
}

#[test]
fn only_one_process_writes() {
    let directory = directory();
    let first = Journal::open(directory.path(), [group()], options()).unwrap();
    let second = Journal::open(directory.path(), [group()], options()).unwrap_err();
    assert!(matches!(second, OpenError::Locked { .. }), "{second}");
    drop(first);
    assert!(Journal::open(directory.path(), [group()], options()).is_ok());
}

#[test]
fn a_log_is_not_taken_for_that_of_another_group_or_key() {
    let directory = directory();
    let log = write(directory.path(), options(), Vec::new());
    let other = coview_wire::GroupId::new("other").unwrap();
    fs::copy(&log, log_path(directory.path(), &other)).unwrap();
    let error = Journal::open(directory.path(), [other], options()).unwrap_err();
    assert!(error.to_string().contains("is the log of group 12345"), "{error}");

    fs::remove_file(directory.path().join("audit-key.pem")).unwrap();
    let error = Journal::open(directory.path(), [group()], options()).unwrap_err();
    assert!(error.to_string().contains("another key than the one beside it"), "{error}");
}

#[cfg(unix)]
#[test]
fn the_key_and_the_logs_are_for_their_owner_and_a_key_for_others_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let above = directory();
    let directory = above.path().join("data").join("audit");
    let log = write(&directory, options(), Vec::new());
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let key = directory.join("audit-key.pem");
    assert_eq!((mode(directory.clone()), mode(log), mode(key.clone())), (0o700, 0o600, 0o600));

    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let error = Journal::open(&directory, [group()], options()).unwrap_err();
    assert!(error.to_string().contains("can be read by others; `chmod 600` it"), "{error}");
}

fn joined(session: u64) -> Record {
    Record::new(Kind::GuestJoined, NOW).session(SessionId::new(session))
}

/// A journal on this disk, and what it tells.
fn journal(disk: &Disk, directory: &std::path::Path) -> (Journal, mpsc::Receiver<Notice>) {
    let journal = Journal::open(directory, [group()], disk.options()).unwrap();
    let (tell, told) = mpsc::channel();
    journal.watch(move |notice| {
        let _ = tell.send(notice.clone());
    });
    (journal, told)
}

fn until(told: &mpsc::Receiver<Notice>, wanted: impl Fn(&Notice) -> bool) {
    while !wanted(&told.recv_timeout(Duration::from_secs(60)).expect("it is told")) {}
}

#[test]
fn nothing_counts_as_written_while_the_disk_is_full_and_all_of_it_is_there_afterwards() {
    for mood in [Mood::FullAfter(0), Mood::FullAfter(1), Mood::FullAfter(700), Mood::NoSync] {
        let directory = directory();
        let disk = Disk::new(Mood::Works);
        let (journal, told) = journal(&disk, directory.path());
        let first = journal.append(&group(), joined(1));
        journal.wait(first);

        disk.set(mood);
        let second = journal.append(&group(), joined(2));
        until(&told, |notice| matches!(notice, Notice::Failed(_)));
        let third = journal.append(&group(), joined(3));
        assert!(journal.durable() >= first && journal.durable() < second, "{mood:?}");
        let why = journal.failure().expect("it failed");
        assert!(why.contains("12345.jsonl"), "{why}");

        disk.set(Mood::Works);
        until(&told, |notice| matches!(notice, Notice::Recovered));
        journal.wait(third);
        assert_eq!(journal.failure(), None);
        journal.close().unwrap();
        let log = log_path(directory.path(), &group());
        assert_eq!(check(&log).fault, None, "{mood:?}");
        for session in 1..=3 {
            let told = format!("\"session\":{session},");
            assert_eq!(text(&log).matches(&told).count(), 1, "{mood:?}");
        }
    }
}

#[test]
fn a_device_that_is_really_full_fails_like_one() {
    let full = std::path::Path::new("/dev/full");
    if !full.exists() {
        return;
    }
    let directory = directory();
    let options = Options {
        wrap: std::sync::Arc::new(move |_| {
            Box::new(fs::OpenOptions::new().append(true).open("/dev/full").unwrap())
        }),
        ..options()
    };
    let error = Journal::open(directory.path(), [group()], options).unwrap_err();
    assert!(error.to_string().contains("No space left on device"), "{error}");
    // With room again it begins as if nothing had been.
    assert_eq!(check(&write(directory.path(), support::options(), Vec::new())).fault, None);
}

#[test]
fn a_log_left_by_a_server_that_failed_to_its_end_still_opens() {
    let directory = directory();
    let disk = Disk::new(Mood::Works);
    let (journal, told) = journal(&disk, directory.path());
    journal.wait(journal.append(&group(), joined(1)));
    disk.set(Mood::FullAfter(10));
    journal.append(&group(), joined(2));
    until(&told, |notice| matches!(notice, Notice::Failed(_)));
    assert!(journal.close().is_err());

    let log = log_path(directory.path(), &group());
    assert!(matches!(check(&log).fault.unwrap().why, Why::Torn(10)));
    disk.set(Mood::Works);
    write(directory.path(), disk.options(), Vec::new());
    assert_eq!(check(&log).fault, None);
    assert!(text(&log).contains("\"session\":1,"));
}

#[test]
fn what_begins_nothing_is_counted_where_too_much_waits() {
    let directory = directory();
    let disk = Disk::new(Mood::Works);
    let options = Options { waiting: 10, ..disk.options() };
    let journal = Journal::open(directory.path(), [group()], options).unwrap();
    disk.set(Mood::NoSync);
    for _ in 0..50 {
        journal.append(&group(), Record::new(Kind::WrongKey, NOW));
    }
    let last = journal.append(&group(), joined(1));
    disk.set(Mood::Works);
    journal.wait(last);
    journal.close().unwrap();
    let text = text(&log_path(directory.path(), &group()));
    let lost: u64 = text
        .lines()
        .filter(|line| line.contains("\"lost\""))
        .map(|line| {
            let (_, rest) = line.split_once("\"records\":").unwrap();
            rest.split('}').next().unwrap().parse::<u64>().unwrap()
        })
        .sum();
    assert_eq!(lost + text.matches("\"wrong_key\"").count() as u64, 50);
    assert_eq!(text.matches("\"guest_joined\"").count(), 1, "it is kept whatever waits");
}

#[test]
fn the_last_word_of_a_crash_in_the_middle_of_a_change_is_ignored() {
    let directory = directory();
    let log = write(directory.path(), options(), one_click(7, "ada"));
    fs::write(directory.path().join("12345.jsonl.new"), "half of an erasure").unwrap();
    write(directory.path(), options(), Vec::new());
    assert_eq!(check(&log).fault, None);
    assert!(!directory.path().join("12345.jsonl.new").exists());
}
