//! The server both sides of a screen-sharing session meet on, as logic alone.
//!
//! # What it does not do
//!
//! - It opens no socket, reads no clock and draws no randomness of its own: connections, the time
//!   and a seed come in from its owner, and texts to send come out.
//! - It knows no HTTP, no TLS and no WebSocket frames, and it neither buffers nor slows anything: a
//!   client that does not read is the owner's to notice, with [`Input::TooSlow`].
//! - It stores nothing. When the last socket is closed and its grace is over, nothing is left of
//!   anybody but what must not be forgotten yet: bounded counts of wrong keys, digests of keys that are
//!   over and of tokens that were used once.
//! - It checks no signature: whether a token or an assertion is good it asks its owner's [`Proofs`].
//! - It does not look into a picture: what a visitor sends is passed on as it is.
//!
//! # What it does
//!
//! One [`Hub`] holds groups; a group holds its visitors, its agents, their requests and sessions,
//! and nothing crosses from one group to another. It checks every verb of a visitor against the
//! transition table of [`coview_lifecycle`], relays an agent's request and the visitor's answer,
//! makes keys and joins agents to them, relays the picture of a visitor who consented to the agents in
//! its session, keeps the place of a client whose connection broke, and
//! gives every request and every session exactly one end.
//!
//! ```
//! use coview_hub::{Caller, ConnId, GroupConfig, Hub, HubConfig, Input, Output};
//! use coview_wire::{GroupId, Moment, Terms};
//!
//! let terms = Terms::new("2026-11", "The agent will see this app's screen until you stop.")?;
//! let config = HubConfig::one_group(GroupId::new("12345")?, GroupConfig::new(terms));
//! let mut hub = Hub::new(config, [7; 32]); // a server takes the seed from the operating system
//!
//! let conn = ConnId::new(1);
//! let hello = r#"{"t":"hello","re":0,"version":1,"group":"12345","app":"active"}"#;
//! let mut sent = String::new();
//! let caller = Caller::default();
//! for input in [Input::Opened { conn, caller }, Input::Text { conn, text: hello }] {
//!     hub.handle_input(Moment::ZERO, input);
//!     let wake_at = loop {
//!         match hub.poll_output() {
//!             Output::Send { text, .. } => sent.push_str(&text),
//!             Output::SendBinary { .. }
//!             | Output::SendPicture { .. }
//!             | Output::ForgetPictures { .. }
//!             | Output::Close { .. }
//!             | Output::Event(_) => {}
//!             Output::Idle { wake_at } => break wake_at,
//!         }
//!     };
//!     println!("next: {}", wake_at.unwrap().why);
//! }
//! assert!(sent.contains("welcome"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The rule of the loop
//!
//! After every [`Hub::handle_input`] call [`Hub::poll_output`] until it answers [`Output::Idle`],
//! and do what it says in that order. Everything that follows from an input is settled within
//! `handle_input`; `poll_output` only hands it out. At the moment `Idle` names, or when any other
//! input comes, call again.
//!
//! # Where each rule is
//!
//! | file | rules about |
//! |---|---|
//! | `config.rs` | every number the operator may set |
//! | `hub.rs` | which input goes where, deadlines, cutting off |
//! | `greeting.rs` | the first message: hello, sign in, resume |
//! | `group.rs` | what a group holds |
//! | `visitor.rs` | a visitor's messages against the table, loss and departure |
//! | `identity.rs` | who a visitor is, and what proves it |
//! | `proofs.rs`, `once.rs` | what agents and visitors prove themselves with, and how often |
//! | `agent.rs` | an agent's messages, loss and departure |
//! | `signin.rs` | what an agent's token allows, its expiry and renewal, draining |
//! | `presence.rs` | who is online, focus among devices, roster and notices |
//! | `person.rs` | what is known of a visitor by its id, whatever the device |
//! | `ask.rs` | one-click: request, terms, outcome |
//! | `session.rs` | starts, consent, guests, ends |
//! | `join.rs` | joining with a key, waiting to be let in, burning a key |
//! | `keys.rs` | which keys are live, which are not drawn again yet |
//! | `picture.rs` | whose pictures are relayed to whom, viewers and their numbers, what is covered |
//! | `tries.rs` | limits on wrong keys, when they make the hub ask, and broken messages |
//! | `kept.rs` | whose place goes first if there are too many |
//! | `dense.rs`, `told.rs` | how what there is one of for each visitor takes little room |
//! | `event.rs`, `line.rs` | what is recorded, and how it reads |
//! | `effects.rs`, `timer.rs`, `deadline.rs` | what a rule may do to the outside |
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `std` | yes | lets the dependencies use `std`; changes no behaviour |

#![no_std]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod agent;
mod ask;
#[cfg(test)]
mod at_rest;
mod config;
mod deadline;
mod dense;
mod effects;
mod event;
mod greeting;
mod group;
mod hub;
mod identity;
mod inner;
mod io;
mod join;
mod kept;
mod keys;
mod line;
mod no;
mod once;
mod person;
mod picture;
mod presence;
mod proofs;
mod session;
mod signin;
mod stats;
mod timer;
mod told;
mod tries;
mod visitor;

pub use crate::config::GroupConfig;
pub use crate::config::HubConfig;
pub use crate::config::KeyUse;
pub use crate::config::Policy;
pub use crate::deadline::DeadlineKind;
pub use crate::event::Departure;
pub use crate::event::Disbelief;
pub use crate::event::Event;
pub use crate::event::PictureFault;
pub use crate::event::Place;
pub use crate::hub::Hub;
pub use crate::io::Caller;
pub use crate::io::ConnId;
pub use crate::io::Input;
pub use crate::io::Origin;
pub use crate::io::Output;
pub use crate::proofs::Accounts;
pub use crate::proofs::AgentPass;
pub use crate::proofs::ProofError;
pub use crate::proofs::Proofs;
pub use crate::proofs::TokenId;
pub use crate::proofs::VisitorPass;
pub use crate::stats::Stats;
