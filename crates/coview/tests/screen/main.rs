//! The screen on real connections: what a visitor shares is what an agent sees, and nothing else is
//! sent, nor any longer than the visitor's consent stands.
//!
//! Every wait has a deadline and a name; nothing sleeps to let something else happen first.
#![allow(clippy::unwrap_used, reason = "a story fails by panicking")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a story names the one step it waits for")]
#![allow(unreachable_pub, dead_code, reason = "the harness is shared with other test binaries")]
#![allow(unused_imports, unused_macros, reason = "the harness is shared with other test binaries")]

#[path = "../story/frames.rs"]
mod frames;
#[path = "../story/proxy.rs"]
mod proxy;
mod stage;
#[path = "../story/world.rs"]
mod world;

mod congested;
mod ending;
mod interrupted;
mod masked;
mod seen;
mod source;
