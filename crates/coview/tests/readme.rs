//! The README's first program is the example, word for word, and it runs.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names the one step it waits for")]
#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    unreachable_pub,
    reason = "the stories use the rest"
)]

#[path = "../examples/first.rs"]
mod first;
#[path = "story/world.rs"]
mod world;

use coview::EndReason;
use coview::agent::RequestingStep;
use coview::agent::ViewingStep;
use smol::future::or;

use crate::world::*;

const README: &str = include_str!("../../../README.md");
const EXAMPLE: &str = include_str!("../examples/first.rs");

#[test]
fn the_readme_shows_the_example() {
    let shown = between(README, "```rust,no_run\n", "```\n");
    let runs = between(EXAMPLE, "// README:begin\n", "// README:end\n");
    assert_eq!(shown.trim(), runs.trim());
    assert!(shown.contains("async fn app"), "{shown}");
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(begin).unwrap();
    rest.split_once(end).unwrap().0
}

#[test]
fn the_example_runs() {
    story(async {
        let world = World::new();
        // The app shows a key, logs in and waits online for an agent; it goes on when the server
        // stops, because the server may come back.
        let config = visitor_at(world.url());
        let app = async {
            let ended = first::run(config).await;
            panic!("the app goes on until it is closed: {ended:?}");
        };
        let agent = async {
            let ada = sees(world.watcher("ada").await, "the app", "customer-42", |_| true).await;
            let ada = soon("the request", ada.ask(id("customer-42"))).await.unwrap();
            let ada = until!(ada, "the agent to be in", RequestingStep::Accepted(ada) => ada);
            let ada = until!(ada, "the end", ViewingStep::Ended(a, EndReason::Visitor) => a);
            let ada = sees(ada, "the app free again", "customer-42", |card| !card.busy).await;
            assert_eq!(world.metric("coview_sessions_manual_total").await, 1);
            assert_eq!(world.metric("coview_sessions_one_click_total").await, 1);
            drop(ada);
        };
        let mut app = Box::pin(app);
        or(&mut app, agent).await;
        or(&mut app, world.stop()).await;
    });
}
