//! The audit log of coview: who asked, what was shown, who agreed, who saw what and until when.
//!
//! One file for each group, one line of JSON for each record. Each line has the hash of the line
//! before it, and every so many lines are signed, so that nobody can change, leave out or put in a
//! line without it being noticed. What tells of a person stands beside the chain, behind a salted
//! commitment, so that it can be erased and the chain still holds.
//!
//! What this crate does *not* do: it decides nothing about consent, it reads no clock, and it keeps
//! no copies. It cannot notice that the end of a file was cut off: see [`Report::last`]. It does not
//! keep whoever has the signing key from writing another history.
//!
//! - [`Journal`] writes, on a thread of its own, and says when a record is on disk.
//! - [`verify`] checks a file; [`story`] tells of one session in words; [`erase`] removes a
//!   visitor.
//!
//! The format is described in `docs/audit.md`, so that anybody can write another verifier.
//!
//! # A crash
//!
//! A record is acknowledged when it is on disk (`fdatasync`). If the machine stops while a line is
//! written, the line has no line feed; it was acknowledged to nobody, and is cut off when the log is
//! opened again. A whole line that is broken is never repaired: it is an error.

mod disk;
mod erasure;
mod file;
mod journal;
mod key;
mod line;
mod record;
mod retention;
mod story;
mod time;
mod verify;
mod writer;

pub use crate::disk::Medium;
pub use crate::erasure::EraseError;
pub use crate::erasure::Erasure;
pub use crate::erasure::erase;
pub use crate::file::LogError;
pub use crate::journal::Journal;
pub use crate::journal::Notice;
pub use crate::journal::OpenError;
pub use crate::journal::Options;
pub use crate::journal::Ticket;
pub use crate::journal::log_path;
pub use crate::key::KeyError;
pub use crate::key::PublicKey;
pub use crate::line::Digest;
pub use crate::line::Line;
pub use crate::line::Open;
pub use crate::record::Fact;
pub use crate::record::Kind;
pub use crate::record::Personal;
pub use crate::record::Record;
pub use crate::retention::Retention;
pub use crate::story::Story;
pub use crate::story::story;
pub use crate::verify::Fault;
pub use crate::verify::Report;
pub use crate::verify::Why;
pub use crate::verify::verify;
