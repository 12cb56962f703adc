//! Every joint state of one visitor, two agents, the hub and what is under way between them.
//!
//! The parts are the real ones: the hub, the client engines, the typed visitor and the typed agents,
//! each message as the text it is on a socket. What happens when is not drawn from a seed but
//! *chosen*, and every choice is gone through: who acts next and how, which message arrives next,
//! which connection breaks, what is due. Two states are the same if everything is that decides what
//! can happen from there on; each is gone on from once, breadth first, until there is no new one or
//! a stated depth is reached.
//!
//! ```
//! use coview_sim::search::{Limits, Root, search};
//!
//! let report = search(Root::Manual, Limits { depth: 6, states: 1_000, breaks: 1, in_flight: 1 }, None);
//! assert!(report.broken.is_none() && report.dead_end.is_none());
//! assert!(report.states > 20);
//! ```

mod agree;
mod digest;
mod explore;
mod goal;
mod joint;
mod mutant;
mod person;
mod root;

pub use crate::search::explore::Limits;
pub use crate::search::explore::Report;
pub use crate::search::explore::same_states_go_on_the_same;
pub use crate::search::explore::search;
pub use crate::search::explore::story;
pub use crate::search::explore::way;
pub use crate::search::goal::Goal;
pub use crate::search::joint::AgentVerb;
pub use crate::search::joint::Break;
pub use crate::search::joint::Choice;
pub use crate::search::joint::Who;
pub use crate::search::mutant::Mutant;
pub(crate) use crate::search::mutant::Wrong;
pub use crate::search::root::Root;
