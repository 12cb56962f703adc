//! lifecycle
#![no_std]
extern crate alloc;
mod link;
pub mod table;
pub use link::*;
pub use table::StateKind;
