//! How many signals one hub handles in a second with 10,000 visitors online, and how much memory an
//! idle visitor costs in it. There are no sockets: texts go in and texts come out.
#![allow(clippy::std_instead_of_core, missing_docs, reason = "a benchmark is a program of its own")]

use std::hint::black_box;
use std::time::Duration;

use coview_hub::*;
use coview_wire::*;
use criterion::Criterion;
use criterion::Throughput;

const VISITORS: u64 = 10_000;

fn main() {
    report_memory();
    let mut criterion = Criterion::default().configure_from_args();
    signals(&mut criterion);
    criterion.final_summary();
}

fn hub() -> Hub {
    let terms = Terms::new("v1", "The agent will see this app's screen.").expect("valid");
    let mut group = GroupConfig::new(terms);
    let card = AgentCard::new(AgentId::new("grace").expect("valid"), "Grace").expect("valid");
    let token = AgentToken::new("token").expect("valid");
    group.proofs = std::sync::Arc::new(Accounts::default().with(token, card));
    group.assertion_needed = false;
    let id = GroupId::new("12345").expect("valid");
    // Virtual time passes faster here than anybody speaks, so nobody is cut off for silence.
    let heartbeat = Duration::from_secs(365 * 24 * 60 * 60);
    let policy = Policy {
        heartbeat,
        begins_per_minute: u32::MAX,
        asks_in_vain: u32::MAX,
        ..Policy::default()
    };
    Hub::new(HubConfig { policy, ..HubConfig::one_group(id, group) }, [5; 32])
}

/// Handles one input at the beginning of time and tells how many texts came out.
fn handle(hub: &mut Hub, input: Input<'_>) -> u64 {
    handle_at(hub, Moment::ZERO, input)
}

fn handle_at(hub: &mut Hub, now: Moment, input: Input<'_>) -> u64 {
    hub.handle_input(now, input);
    let mut sent = 0;
    loop {
        match hub.poll_output() {
            Output::Send { text, .. } => {
                black_box(text);
                sent += 1;
            }
            Output::SendBinary { conn, .. }
            | Output::SendPicture { conn, .. }
            | Output::ForgetPictures { conn } => panic!("{conn} has nothing to do with a picture"),
            Output::Close { conn, reason } => panic!("{conn} closed: {reason}"),
            Output::Event(event) => drop(black_box(event)),
            Output::Idle { wake_at } => {
                black_box(wake_at);
                return sent;
            }
        }
    }
}

fn say(hub: &mut Hub, conn: u64, text: &str) -> u64 {
    handle(hub, Input::Text { conn: ConnId::new(conn), text })
}

/// The first agent asks a visitor; tells the number of the request.
fn ask(hub: &mut Hub, visitor: u64) -> AskId {
    let text = format!(r#"{{"t":"ask","re":0,"visitor":"customer-{visitor:08}"}}"#);
    let mut asked = None;
    hub.handle_input(Moment::ZERO, Input::Text { conn: ConnId::new(VISITORS), text: &text });
    loop {
        let output = black_box(hub.poll_output());
        if let Output::Event(Event::Asked { ask, .. }) = &output {
            asked = Some(*ask);
        }
        if matches!(output, Output::Idle { .. }) {
            return asked.expect("the visitor is online and free");
        }
    }
}

/// A visitor as an app would bring it: identified, with a profile and some presence data.
fn online(hub: &mut Hub, conn: u64) {
    handle(hub, Input::Opened { conn: ConnId::new(conn), caller: Caller::default() });
    say(hub, conn, r#"{"t":"hello","re":0,"version":1,"group":"12345","app":"active"}"#);
    let identify = format!(
        r#"{{"t":"identify","re":0,"visitor":"customer-{conn:08}","profile":{{"name":"Customer {conn}","email":"customer-{conn}@example.org"}}}}"#
    );
    say(hub, conn, &identify);
    say(hub, conn, r#"{"t":"presence_connect","re":0,"data":{"page":"/cart","theme":"dark"}}"#);
}

fn agent(hub: &mut Hub, conn: u64) {
    handle(hub, Input::Opened { conn: ConnId::new(conn), caller: Caller::default() });
    let sent =
        say(hub, conn, r#"{"t":"sign_in","re":0,"version":1,"group":"12345","token":"token"}"#);
    assert_eq!(sent, 1);
}

fn crowded() -> Hub {
    let mut hub = hub();
    for conn in 0..VISITORS {
        online(&mut hub, conn);
    }
    assert_eq!(hub.stats().visitors_online, VISITORS);
    hub
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
        bencher.iter(|| {
            let visitor = next();
            let ask = ask(&mut hub, visitor);
            for answer in ["terms_displayed", "terms_declined"] {
                let text = format!(r#"{{"t":"{answer}","re":0,"ask":{ask}}}"#);
                assert_eq!(say(&mut hub, visitor, &text), 1);
            }
        });
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
