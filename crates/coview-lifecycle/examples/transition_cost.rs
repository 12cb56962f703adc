//! Tells a story N times with typestates or with an enum, for counting instructions:
//!
//! ```console
//! $ cargo build --release -p coview-lifecycle --example transition_cost
//! $ for n in 1000 11000; do
//! >   valgrind --tool=callgrind --callgrind-out-file=/dev/null \
//! >     target/release/examples/transition_cost typestate $n 2>&1 | grep Collected
//! > done
//! ```
//!
//! The difference of the two counts, divided by 10,000, is what one story costs without the start of
//! the program. The same with `enum` gives the other side of the comparison.

#[path = "../benches/story/mod.rs"]
mod story;

use core::hint::black_box;
use std::process::ExitCode;

use coview_wire::VisitorId;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (kind, times) = (arguments.next(), arguments.next().and_then(|n| n.parse::<u32>().ok()));
    let id = VisitorId::new("customer-42").expect("the text is a visitor id");
    match (kind.as_deref(), times) {
        (Some("typestate"), Some(times)) => {
            let mut visitor = story::visitor();
            for _ in 0..times {
                visitor = story::by_typestate(black_box(visitor), black_box(&id));
            }
            drop(black_box(visitor));
        }
        (Some("enum"), Some(times)) => {
            let mut machine = story::by_enum::Machine::new();
            for _ in 0..times {
                story::by_enum::by_enum(black_box(&mut machine), black_box(&id))
                    .expect("the order is legal");
            }
        }
        (_, _) => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}
