//! The story of the project, line by line, on real connections: a real server, visitors and agents
//! each on a WebSocket of its own, and a network that can be cut, held up and listened to.
//!
//! Every wait has a deadline and a name; nothing sleeps to let something else happen first. Where a
//! story needs a lapse, the policy is shortened for it.
#![allow(clippy::unwrap_used, reason = "a story fails by panicking")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a story names the one step it waits for")]
#![allow(unreachable_pub, reason = "the harness is shared with other test binaries")]

mod frames;
mod proxy;
mod raw;
mod world;

mod answers;
mod cancelling;
mod confirming;
mod connecting;
mod fallback;
mod identity;
mod leaving;
mod manual;
mod network;
mod one_click;
mod presence;
mod proven;
mod races;
mod server;
