//! lifecycle
#![no_std]
extern crate alloc;
pub mod table;
pub use table::StateKind;
