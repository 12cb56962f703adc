//! What somebody can try on the port who plays by no rules, and what comes of it.
//!
//! Attacks by those who have something to say, with tokens, keys and consents, are tested where they
//! are decided, in the hub; these need a socket.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test may panic")]

#[path = "../support/mod.rs"]
mod support;

mod callers;
mod floods;
mod frames;
mod loris;
mod wire;
