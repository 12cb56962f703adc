//! What each fuzz target does with its input, and what must hold whatever the input is.
//!
//! Each function panics if something is wrong, and does nothing else. The engine calls them by way
//! of `fuzz_targets/`; `tests/corpus.rs` calls them with the committed inputs, on any compiler.

mod audit;
mod bytes;
mod codec;
mod config;
mod frames;
mod hub;
mod tiles;
mod token;
mod wire;

pub use crate::audit::audit;
pub use crate::codec::codec;
pub use crate::config::config;
pub use crate::frames::frames;
pub use crate::hub::hub;
pub use crate::tiles::tiles;
pub use crate::token::token;
pub use crate::wire::wire;

/// What the first inputs are made of.
pub mod seeds {
    pub use crate::audit::LOG;
    pub use crate::hub::stories;
    pub use crate::token::GROUP;
    pub use crate::token::NOW;
    pub use crate::token::PUBLIC;
    pub use crate::token::SECRET;
    pub use crate::token::SIGNED;
}

/// What is done with an input.
pub type Target = fn(&[u8]);

/// Every target, by the name of its corpus.
pub const TARGETS: [(&str, Target); 8] = [
    ("wire", wire),
    ("tiles", tiles),
    ("codec", codec),
    ("token", token),
    ("config", config),
    ("hub", hub),
    ("audit", audit),
    ("frames", frames),
];
