//! How many signals one hub handles in a second with 10,000 visitors online, and how much memory an
//! idle visitor costs in it. There are no sockets: texts go in and texts come out. For instruction
//! counts see `examples/signal_cost.rs`.
#![allow(clippy::std_instead_of_core, missing_docs, reason = "a benchmark is a program of its own")]

mod crowd;

use std::hint::black_box;
use std::time::Duration;

use coview_hub::*;
use coview_wire::*;
use criterion::Criterion;
use criterion::Throughput;

use crate::crowd::VISITORS;
use crate::crowd::agent;
use crate::crowd::ask;
use crate::crowd::crowded;
use crate::crowd::handle_at;
use crate::crowd::say;

fn main() {
    report_memory();
    let mut criterion = Criterion::default().configure_from_args();
    signals(&mut criterion);
    criterion.final_summary();
}

/// Pages in memory times their size, from the kernel: it needs no allocator of our own.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

#[expect(clippy::print_stdout, reason = "the figure is what the program is for")]
fn report_memory() {
    let before = resident_bytes();
    let hub = crowded();
    let after = resident_bytes();
    if let (Some(before), Some(after)) = (before, after) {
        let each = after.saturating_sub(before) / VISITORS;
        println!("memory: {each} bytes for each of {VISITORS} idle visitors online");
    }
    drop(black_box(hub));
}

fn signals(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("signals, 10,000 online");
    group.throughput(Throughput::Elements(1));
    let update = r#"{"t":"presence_update","re":0,"data":{"page":"/checkout"}}"#;

    let mut hub = crowded();
    let mut at = 0;
    let mut next = move || {
        at = (at + 7_919) % VISITORS;
        at
    };
    group.bench_function("ping", |bencher| {
        bencher.iter(|| say(&mut hub, next(), r#"{"t":"ping"}"#));
    });
    group.bench_function("presence_update, nobody watches", |bencher| {
        bencher.iter(|| say(&mut hub, next(), update));
    });
    for conn in 0..10 {
        agent(&mut hub, VISITORS + conn);
    }
    // One request and its end: two signals in, four messages out.
    group.throughput(Throughput::Elements(2));
    group.bench_function("ask and withdraw", |bencher| {
        bencher.iter(|| {
            let ask = format!(r#"{{"t":"ask","re":0,"visitor":"customer-{:08}"}}"#, next());
            let sent = say(&mut hub, VISITORS, &ask)
                + say(&mut hub, VISITORS, r#"{"t":"withdraw","re":0}"#);
            assert_eq!(sent, 4);
        });
    });
    // One request and the visitor's no: three signals in, four messages out.
    group.throughput(Throughput::Elements(3));
    group.bench_function("ask, terms displayed and declined", |bencher| {
        bencher.iter(|| ask(&mut hub, next(), &["terms_displayed", "terms_declined"]));
    });
    group.throughput(Throughput::Elements(1));
    for conn in 0..10 {
        say(&mut hub, VISITORS + conn, r#"{"t":"watch","re":0}"#);
    }
    // A millisecond between two updates: each visitor's card is told again after ten seconds, which
    // is beyond the pace, so every update goes to every agent.
    let mut now = Moment::ZERO + Duration::from_secs(1);
    let mut update_at = |hub: &mut Hub, now: Moment| {
        let conn = ConnId::new(next());
        handle_at(hub, now, Input::Text { conn, text: update })
    };
    group.bench_function("presence_update, 10 agents watch", |bencher| {
        bencher.iter(|| {
            now = now + Duration::from_millis(1);
            assert_eq!(update_at(&mut hub, now), 10);
        });
    });
    // No time between them: what is told is held back by the pace.
    for _ in 0..VISITORS {
        update_at(&mut hub, now);
    }
    group.bench_function("presence_update within the pace, 10 agents watch", |bencher| {
        bencher.iter(|| assert_eq!(update_at(&mut hub, now), 0));
    });
    group.finish();
}
