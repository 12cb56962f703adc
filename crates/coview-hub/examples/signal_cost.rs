//! Has a hub with 10,000 visitors handle one kind of signal N times, for counting instructions:
//!
//! ```console
//! $ cargo build --release -p coview-hub --example signal_cost
//! $ for n in 0 1000; do
//! >   valgrind --tool=callgrind --callgrind-out-file=/dev/null \
//! >     target/release/examples/signal_cost ask $n 2>&1 | grep Collected
//! > done
//! ```
//!
//! The difference of the two counts, divided by 1,000, is what one costs.

#[path = "../benches/crowd/mod.rs"]
mod crowd;

use std::process::ExitCode;

use crate::crowd::VISITORS;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (kind, times) = (arguments.next(), arguments.next().and_then(|n| n.parse::<u64>().ok()));
    let (Some(kind), Some(times)) = (kind, times) else { return ExitCode::from(2) };
    let mut hub = crowd::crowded();
    crowd::agent(&mut hub, VISITORS);
    for visitor in (0..times).map(|time| time * 7_919 % VISITORS) {
        match &*kind {
            // One request and the visitor's no: two signals in, three messages out.
            "ask" => crowd::ask(&mut hub, visitor, &["terms_declined"]),
            // The same with the terms on the screen: three in, four out.
            "terms" => crowd::ask(&mut hub, visitor, &["terms_displayed", "terms_declined"]),
            "ping" => assert_eq!(crowd::say(&mut hub, visitor, r#"{"t":"ping"}"#), 1),
            // Nobody watches.
            "update" => {
                let update = r#"{"t":"presence_update","re":0,"data":{"page":"/checkout"}}"#;
                assert_eq!(crowd::say(&mut hub, visitor, update), 0);
            }
            _ => return ExitCode::from(2),
        }
    }
    ExitCode::SUCCESS
}
