//! The whole of coview in virtual time.
//!
//! This crate opens no socket, reads no clock, starts no thread and needs no runtime. A [`World`]
//! holds one real hub and any number of visitors and agents, each with its real engine and its real
//! typed value; between them is a [network](Cut) that delays, cuts, stalls and refuses, and every
//! message goes over it as the text it is on a socket. Time goes from one event to the next, so an
//! hour takes no longer than what happens in it.
//!
//! The same seed and the same acts give the same run to the last byte. What happened is written
//! down in a [`Timeline`], and a [`Checker`] holds every step against the rules that must hold.
//!
//! | for | look at |
//! |---|---|
//! | a story told step by step | [`World`] and [`town`] |
//! | what is shared: pages, and who sees them | [`World::share_screens`], [`PageAct`] |
//! | random stories | [`act`] and [`strategy`] |
//! | what is checked at every step | [`Rule`], [`Checker`] |
//! | what is checked at the end | [`World::settle`], [`World::assert_settled`], [`World::assert_forgets`] |
//! | proptest strategies for ids, keys, profiles, data | [`strategy`] |

pub mod act;
mod agreement;
mod checker;
mod client;
pub mod coverage;
mod device;
mod link;
mod network;
mod notes;
mod picture;
mod proofs;
mod queue;
pub mod search;
pub mod simulation;
pub mod strategy;
mod timeline;
pub mod town;
mod world;

pub use crate::agreement::FORGOTTEN;
pub use crate::agreement::SETTLED;
pub use crate::checker::Checker;
pub use crate::checker::Rule;
pub use crate::checker::Seen;
pub use crate::checker::SeenPicture;
pub use crate::checker::Violation;
pub use crate::client::AgentNo;
pub use crate::client::ClientId;
pub use crate::client::VisitorNo;
pub use crate::device::Gone;
pub use crate::device::SimAgent;
pub use crate::device::SimVisitor;
pub use crate::device::VisitorNow;
pub use crate::link::SimLink;
pub use crate::network::Cut;
pub use crate::network::Direction;
pub use crate::network::Reach;
pub use crate::network::WRITE_QUEUE;
pub use crate::picture::page::Area;
pub use crate::picture::page::PageAct;
pub use crate::picture::pipe::SimPipe;
pub use crate::proofs::NOON;
pub use crate::proofs::Paper;
pub use crate::queue::Queue;
pub use crate::queue::Ticket;
pub use crate::timeline::Part;
pub use crate::timeline::Timeline;
pub use crate::world::Fault;
pub use crate::world::LASTS;
pub use crate::world::Tamper;
pub use crate::world::UnderWay;
pub use crate::world::World;
