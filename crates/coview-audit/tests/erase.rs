//! Erasure and retention: the person is gone, and the chain holds.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;

use coview_audit::Erasure;
use coview_audit::Journal;
use coview_audit::Kind;
use coview_audit::Notice;
use coview_audit::Options;
use coview_audit::Personal;
use coview_audit::Record;
use coview_audit::Retention;
use coview_audit::erase;
use coview_audit::log_path;
use coview_audit::story;
use coview_wire::SessionId;
use coview_wire::UnixTime;
use coview_wire::VisitorId;
use proptest::prelude::*;
use support::NOW;
use support::check;
use support::directory;
use support::group;
use support::one_click;
use support::options;
use support::text;
use support::write;

fn visitor(id: &str) -> VisitorId {
    VisitorId::new(id).unwrap()
}

#[test]
fn an_erased_visitor_is_nowhere_in_the_file_and_everything_else_is() {
    let directory = directory();
    let mut records = one_click(7, "ada");
    records.extend(one_click(8, "bob"));
    let log = write(directory.path(), options(), records);
    let before = text(&log);
    let salts: Vec<_> = before
        .lines()
        .filter_map(|line| line.split_once("\"visitor\":{\"salt\":\""))
        .filter(|(_, rest)| rest.contains("\"value\":\"ada\""))
        .map(|(_, rest)| rest[..32].to_owned())
        .collect();
    assert_eq!(salts.len(), 2);

    assert_eq!(erase(&log, &visitor("ada"), NOW).unwrap(), Erasure::Done { fields: 2 });
    let after = text(&log);
    assert!(!after.contains("\"ada\"") && salts.iter().all(|salt| !after.contains(salt)));
    assert_eq!(after.matches("\"bob\"").count(), 2);
    let report = check(&log);
    assert_eq!((report.fault, report.erased, report.unsigned), (None, 2, 0));
    let reader = || Ok(std::io::BufReader::new(std::fs::File::open(&log)?));
    let story = story(reader, SessionId::new(7)).unwrap().to_string();
    assert!(story.contains("asked a visitor whose id was erased to share"), "{story}");

    // Again, and of somebody who never was there: it is recorded that nothing was left to remove.
    assert_eq!(erase(&log, &visitor("ada"), NOW).unwrap(), Erasure::Done { fields: 0 });
    assert_eq!(text(&log).matches("\"kind\":\"erased\"").count(), 2);
    assert_eq!(check(&log).fault, None);
    write(directory.path(), options(), one_click(9, "eve"));
    assert_eq!(check(&log).fault, None);
}

#[test]
fn what_is_missing_or_broken_is_not_touched() {
    let directory = directory();
    let none = directory.path().join("none.jsonl");
    assert!(erase(&none, &visitor("ada"), NOW).is_err() && !none.exists());
    let log = write(directory.path(), options(), one_click(7, "ada"));
    let broken = text(&log).replace("\"agents\":1", "\"agents\":2");
    std::fs::write(&log, &broken).unwrap();
    assert!(erase(&log, &visitor("ada"), NOW).is_err());
    assert_eq!(text(&log), broken);
}

#[test]
fn a_server_that_writes_the_log_does_it_on_request() {
    let directory = directory();
    let options = Options { tick: Duration::from_millis(1), ..Options::new(clock_that_runs()) };
    let journal = Journal::open(directory.path(), [group()], options).unwrap();
    let (tell, told) = mpsc::channel();
    journal.watch(move |notice| {
        let _ = tell.send(notice.clone());
    });
    for record in one_click(7, "ada") {
        journal.wait(journal.append(&group(), record));
    }
    let log = log_path(directory.path(), &group());
    let Erasure::Requested(request) = erase(&log, &visitor("ada"), NOW).unwrap() else {
        panic!("the server holds the lock")
    };
    loop {
        let notice = told.recv_timeout(Duration::from_secs(60)).expect("it is told");
        if let Notice::Erased { group: of, fields } = notice {
            assert_eq!((of, fields), (group(), 2));
            break;
        }
    }
    assert!(!request.exists());
    assert!(!text(&log).contains("\"ada\""));
    // The journal goes on in the new file.
    journal.wait(journal.append(&group(), Record::new(Kind::SessionEnded, NOW)));
    assert!(text(&log).contains("session_ended"));
    journal.close().unwrap();
    assert_eq!(check(&log).fault, None);
}

#[test]
fn a_request_that_names_nobody_is_put_aside_and_told_once() {
    let directory = directory();
    let options = Options { tick: Duration::from_millis(1), ..Options::new(clock_that_runs()) };
    let log = log_path(directory.path(), &group());
    let request = directory.path().join("12345.jsonl.erase-0123456789abcdef");
    let journal = Journal::open(directory.path(), [group()], options).unwrap();
    let (tell, told) = mpsc::channel();
    journal.watch(move |notice| {
        if let Notice::NotRemoved(why) = notice {
            let _ = tell.send(why.to_string());
        }
    });
    std::fs::write(&request, "no id\n").unwrap();
    let why = told.recv_timeout(Duration::from_secs(60)).expect("it is told");
    assert!(why.contains("was refused: visitor id has ' '"), "{why}");
    assert!(!request.exists());
    journal.close().unwrap();
    assert_eq!((check(&log).fault, told.try_recv().ok()), (None, None));
}

/// Somebody with all rights looks after the logs of a server without any.
#[cfg(unix)]
#[test]
fn what_an_administrator_leaves_behind_belongs_to_the_server() {
    use std::os::unix::fs::MetadataExt;
    const SERVER: u32 = 12_345;
    let directory = directory();
    let log = write(directory.path(), options(), one_click(7, "ada"));
    for path in [directory.path(), &log] {
        if std::os::unix::fs::chown(path, Some(SERVER), Some(SERVER)).is_err() {
            return; // Only an administrator can try.
        }
    }
    std::fs::remove_file(directory.path().join("audit.lock")).unwrap();
    assert_eq!(erase(&log, &visitor("ada"), NOW).unwrap(), Erasure::Done { fields: 2 });
    for path in [log, directory.path().join("audit.lock")] {
        assert_eq!(std::fs::metadata(&path).unwrap().uid(), SERVER, "{}", path.display());
    }
}

/// A second at each look.
fn clock_that_runs() -> impl Fn() -> UnixTime {
    let now = AtomicU64::new(NOW.get());
    move || UnixTime::new(now.fetch_add(1, Ordering::Relaxed))
}

#[test]
fn each_field_is_kept_for_its_own_time() {
    const DAY: u64 = 24 * 60 * 60;
    let directory = directory();
    let now = Arc::new(AtomicU64::new(NOW.get()));
    let open = || {
        let now = Arc::clone(&now);
        let retention =
            Retention { visitor_days: Some(30), agent_days: None, address_days: Some(7) };
        let clock = move || UnixTime::new(now.load(Ordering::Relaxed));
        let options = Options { retention, ..Options::new(clock) };
        Journal::open(directory.path(), [group()], options).unwrap()
    };
    let journal = open();
    for day in 0..=10 {
        let record = Record::new(Kind::ProofRefused, UnixTime::new(NOW.get() + day * DAY))
            .personal(Personal::Visitor, format!("visitor-{day}~"))
            .personal(Personal::Agent, format!("agent-{day}~"))
            .personal(Personal::Address, format!("address-{day}~"));
        journal.append(&group(), record);
    }
    journal.close().unwrap();

    let log = log_path(directory.path(), &group());
    for (days, visitors, addresses) in
        [(7, 0, 0), (10, 0, 3), (30, 0, 11), (35, 5, 11), (99, 11, 11)]
    {
        now.store(NOW.get() + days * DAY, Ordering::Relaxed);
        open().close().unwrap();
        let text = text(&log);
        for day in 0..=10 {
            let has = |what: &str| text.contains(&format!("\"{what}-{day}~\""));
            assert_eq!(has("visitor"), day >= visitors, "visitor {day} after {days} days");
            assert_eq!(has("address"), day >= addresses, "address {day} after {days} days");
            assert!(has("agent"));
        }
        assert_eq!(check(&log).fault, None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whoever is erased, in whatever order and with restarts between: the others stay, and the
    /// chain holds.
    #[test]
    fn any_visitor_can_be_erased_from_any_log(
        sessions in prop::collection::vec(0..4_u64, 0..8),
        erased in prop::collection::vec(0..5_u64, 0..4),
        head_lines in 2..9_u64,
    ) {
        let directory = directory();
        let records = (1..).zip(&sessions).flat_map(|(n, who)| one_click(n, &format!("who-{who}")));
        let options = Options { head_lines, ..options() };
        let log = write(directory.path(), options.clone(), records.collect());
        for who in &erased {
            let done = erase(&log, &visitor(&format!("who-{who}")), NOW).unwrap();
            prop_assert!(!matches!(done, Erasure::Requested(_)));
            prop_assert_eq!(check(&log).fault, None);
        }
        write(directory.path(), options, one_click(99, "last"));
        let report = check(&log);
        prop_assert_eq!(report.fault, None);
        let text = text(&log);
        for who in 0..4 {
            let there = sessions.contains(&who) && !erased.contains(&who);
            prop_assert_eq!(text.contains(&format!("\"who-{who}\"")), there);
        }
    }
}

#[test]
fn a_log_that_was_cut_where_a_signature_was_due_is_intact_after_an_erasure() {
    let directory = directory();
    let options = Options { head_lines: 4, ..options() };
    let log = write(directory.path(), options.clone(), one_click(7, "ada"));
    write(directory.path(), options, Vec::new());
    let whole = text(&log);
    let lines: Vec<_> = whole.split_inclusive('\n').collect();
    for cut in 1..lines.len() {
        std::fs::write(&log, lines[..cut].concat()).unwrap();
        assert!(matches!(erase(&log, &visitor("ada"), NOW), Ok(Erasure::Done { .. })), "{cut}");
        assert_eq!(check(&log).fault, None, "cut behind {cut} lines");
        assert!(!text(&log).contains("\"ada\""));
    }
}
