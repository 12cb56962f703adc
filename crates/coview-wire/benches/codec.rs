//! What one message costs to write and to read.

#[path = "../tests/samples/mod.rs"]
mod samples;

use core::hint::black_box;

use coview_wire::AgentMessage;
use coview_wire::AgentNotice;
use coview_wire::ClientMessage;
use coview_wire::Message;
use coview_wire::ServerMessage;
use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;

fn measure<M: Message>(c: &mut Criterion, messages: Vec<M>, kinds: &[&str]) {
    for message in messages.into_iter().filter(|message| kinds.contains(&message.kind())) {
        let text = message.encode();
        let mut group = c.benchmark_group(message.kind());
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function("encode", |b| b.iter(|| black_box(&message).encode()));
        group.bench_function("decode", |b| b.iter(|| M::decode(black_box(&text))));
        group.finish();
    }
}

fn codec(c: &mut Criterion) {
    measure::<ClientMessage>(
        c,
        samples::client_messages(),
        &["identify", "presence_update", "session_start", "ping"],
    );
    measure::<ServerMessage>(
        c,
        samples::server_messages(),
        &["resumed", "terms_requested", "session_guests"],
    );
    measure::<AgentMessage>(c, samples::agent_messages(), &["ask", "join"]);
    measure::<AgentNotice>(c, samples::agent_notices(), &["visitor_changed", "joined"]);
}

criterion_group!(benches, codec);
criterion_main!(benches);
