//! The server both sides meet on, as logic alone.
#![no_std]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod config;
mod event;
mod hub;
mod io;
mod stats;

pub use crate::config::AgentAccount;
pub use crate::config::GroupConfig;
pub use crate::config::HubConfig;
pub use crate::config::Policy;
pub use crate::event::Departure;
pub use crate::event::Event;
pub use crate::event::Place;
pub use crate::hub::Hub;
pub use crate::io::ConnId;
pub use crate::io::Input;
pub use crate::io::Output;
pub use crate::stats::Stats;
