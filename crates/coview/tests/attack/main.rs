//! Attacks on a real server over real sockets, by clients that say whatever they like. Each test is
//! one attack, and shows what does not happen; `docs/threat-model.md` names it.
//!
//! What attacks the transport itself (slow, huge, deep, compressed or half open) is in
//! `coview-server`; what needs a lapse of hours or chance in numbers is in `coview-hub`.
#![allow(clippy::unwrap_used, reason = "an attack that cannot be made fails its test")]

mod raw;
mod world;

mod consent;
mod groups;
mod guessing;
mod identity;
mod page;
mod pictures;
mod rights;
mod tokens;
