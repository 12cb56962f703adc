//! What an operator does with a running server: certificates, keys, draining, the headers it sends.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test may panic")]

#[path = "../support/mod.rs"]
mod support;

mod drain;
mod headers;
mod reload;
