//! Real faults on real sockets: a real server in a process of its own, real clients, and between
//! them whatever a network, a disk, an operating system or a kill can do. Whatever happens, nothing
//! is lost that was acknowledged, and every client is back or was told why not.
//!
//! Every wait is for a condition and has a deadline and a name. What is left to chance comes from a
//! seed that is printed; `COVIEW_FAULTS_SEED` repeats its choices.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names the one step it waits for")]
#![allow(clippy::print_stdout, reason = "a test that fails shows its seed and its numbers")]
#![allow(unreachable_pub, reason = "a harness is shared by its modules")]

mod chaos;
mod house;
mod light;
mod stories;
#[path = "../support/mod.rs"]
mod support;

mod crowd;
mod descriptors;
mod disk;
mod kills;
mod late;
mod network;
mod vanishing;
