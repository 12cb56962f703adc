//! Races from the field: what users of other products have complained about, played against this
//! one step by step, with the network at its worst at the worst moment. Each test names the threads
//! it stands for, and `docs/field-races.md` lists them by class of fault.
//!
//! Where the types leave nothing to race, a test shows what remains at run time, and its comment
//! names the example that does not compile.
#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

mod stage;

mod background;
mod consent;
mod ending;
mod generations;
mod identity;
mod integrators;
mod masks;
mod page;
mod presence;
mod prompts;
mod returning;
mod rights;
mod scams;
mod timers;
