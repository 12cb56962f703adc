//! How many records a second get onto the disk, and how fast a log is checked.
//!
//! `cargo bench -p coview-audit` measures, in the directory for temporary files: name one on the
//! disk that is meant with `TMPDIR`.

use std::hint::black_box;

use coview_audit::Journal;
use coview_audit::Kind;
use coview_audit::Options;
use coview_audit::Personal;
use coview_audit::Record;
use coview_audit::Ticket;
use coview_audit::log_path;
use coview_audit::verify;
use coview_wire::GroupId;
use coview_wire::SessionId;
use coview_wire::UnixTime;
use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;

const NOW: UnixTime = UnixTime::new(1_795_396_800);

fn group() -> GroupId {
    GroupId::new("12345").expect("a valid id")
}

fn record(number: u64) -> Record {
    Record::new(Kind::GuestJoined, NOW)
        .session(SessionId::new(number))
        .personal(Personal::Agent, "grace")
        .personal(Personal::AgentName, "Grace Hopper")
        .fact("agents", 1_u32)
}

/// So many records are handed over at once, and all of them waited for.
fn append(c: &mut Criterion) {
    let directory = tempfile::tempdir().expect("there is room");
    let journal = Journal::open(directory.path(), [group()], Options::new(|| NOW));
    let journal = journal.expect("a new log opens");
    let mut bench = c.benchmark_group("durable");
    for together in [1, 10, 100, 1_000] {
        bench.throughput(Throughput::Elements(together));
        bench.bench_function(format!("{together} together"), |b| {
            b.iter(|| {
                let mut last = Ticket::default();
                for number in 0..together {
                    last = journal.append(&group(), record(number));
                }
                journal.wait(last);
            });
        });
    }
}

fn check(c: &mut Criterion) {
    let directory = tempfile::tempdir().expect("there is room");
    let journal = Journal::open(directory.path(), [group()], Options::new(|| NOW));
    let journal = journal.expect("a new log opens");
    for number in 0..20_000 {
        journal.append(&group(), record(number));
    }
    journal.close().expect("there is room");
    let log = std::fs::read(log_path(directory.path(), &group())).expect("it was just written");
    let mut bench = c.benchmark_group("verify");
    bench.sample_size(10);
    bench.throughput(Throughput::Bytes(log.len() as u64));
    bench.bench_function("20,000 records", |b| {
        b.iter(|| assert!(verify(black_box(&log[..]), None).expect("it is in memory").is_intact()));
    });
}

criterion_group!(benches, append, check);
criterion_main!(benches);
