//! What a story costs with types for its states and with an enum for them, polled without an
//! executor. For instruction counts see `examples/transition_cost.rs`.

mod story;

use core::hint::black_box;

use coview_wire::VisitorId;
use criterion::Criterion;
use criterion::criterion_group;
use criterion::criterion_main;

fn transition(c: &mut Criterion) {
    let id = VisitorId::new("customer-42").expect("the text is a visitor id");
    let mut group = c.benchmark_group("one-click story");
    group.bench_function("typestate", |b| {
        let mut visitor = Some(story::visitor());
        b.iter(|| {
            let before = visitor.take().expect("the story gives it back");
            visitor = Some(black_box(story::by_typestate(before, black_box(&id))));
        });
    });
    group.bench_function("enum", |b| {
        let mut machine = story::by_enum::Machine::new();
        b.iter(|| {
            story::by_enum::by_enum(black_box(&mut machine), black_box(&id))
                .expect("the order is legal");
        });
    });
    group.finish();
}

criterion_group!(benches, transition);
criterion_main!(benches);
