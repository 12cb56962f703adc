//! The client engine of coview, for both sides: the visitor's app and the agent.
//!
//! This crate opens no socket, reads no clock and draws no randomness of its own: the owner of an
//! [`Engine`] does the first and brings the other two. Nor does it know what a message means to an
//! app; the typed states are in `coview-lifecycle` and `coview-agent`, and an engine is what
//! carries their messages. What it does is all that stands between an app that *says* things in
//! order and a network that breaks:
//!
//! - it says `hello` (or `sign_in`) and waits for the answer, with a deadline;
//! - it keeps every message until the server has seen it, and says it again after a break: each
//!   message of the app is acted on once, in order;
//! - it pings, and notices a connection that has died without a word;
//! - it reconnects with a growing, jittered wait, and resumes its place with the server's secret;
//! - if the server has forgotten it, it begins anew, restores who the visitor is and that it is
//!   online (or that the agent watches), and tells the app in one snapshot what was lost;
//! - it passes pictures on, in both directions, while the session they belong to runs, and keeps none
//!   for a later connection;
//! - it rests while the app is in the background, and comes back in time to keep the presence.
//!
//! # How to drive it
//!
//! Give an [`Input`], then call [`Engine::poll_output`] until it says [`Output::Idle`]; wait for the
//! next event or for the deadline that `Idle` names; repeat. Every number an engine waits for is a
//! [`Moment`](coview_wire::Moment), so a test runs a day in no time.
//!
//! ```
//! use coview_proto::{Input, Output, VisitorConfig, VisitorEngine};
//! use coview_wire::{ClientMessage, GroupId, Message, Moment};
//!
//! let mut engine = VisitorEngine::new(VisitorConfig::new(GroupId::new("12345")?), 7);
//! let now = Moment::ZERO;
//!
//! engine.handle_input(now, Input::Start);
//! assert_eq!(engine.poll_output(), Output::Open);
//! let Output::Idle { wake_at: Some(deadline) } = engine.poll_output() else { panic!() };
//! assert_eq!(deadline.why, "the first reply is due");
//!
//! engine.handle_input(now, Input::Opened);
//! let Output::Send(text) = engine.poll_output() else { panic!() };
//! assert!(matches!(ClientMessage::decode(&text)?, ClientMessage::Hello(_)));
//!
//! let welcome = r#"{"t":"welcome","re":0,"secret":"s",
//!     "settings":{"share_button":true,"presence":true,"key_digits":9},
//!     "timing":{"heartbeat_ms":20000,"missed_heartbeats":2,"first_reply_ms":10000,
//!               "resume_grace_ms":30000,"background_lease_ms":300000}}"#;
//! engine.handle_input(now, Input::Text(welcome));
//! let Output::Ready(greeting) = engine.poll_output() else { panic!() };
//! assert!(greeting.settings.share_button);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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
mod backoff;
mod deadline;
mod ended;
mod engine;
mod inner;
mod io;
mod outbox;
mod role;
mod visitor;

use core::time::Duration;

pub use crate::agent::AgentConfig;
pub use crate::agent::AgentGreeting;
pub use crate::agent::AgentRole;
pub use crate::backoff::Backoff;
pub use crate::deadline::DeadlineKind;
pub use crate::ended::Ended;
pub use crate::ended::OpenError;
pub use crate::ended::OpenErrorKind;
pub use crate::ended::ProtocolError;
pub use crate::engine::Engine;
pub use crate::engine::Stats;
pub use crate::io::Input;
pub use crate::io::Output;
pub use crate::outbox::OUTBOX_LIMIT;
pub use crate::outbox::WINDOW;
pub use crate::role::Role;
pub use crate::visitor::VisitorConfig;
pub use crate::visitor::VisitorGreeting;
pub use crate::visitor::VisitorRole;

/// The engine of a visitor's app.
pub type VisitorEngine = Engine<VisitorRole>;

/// The engine of an agent.
pub type AgentEngine = Engine<AgentRole>;

/// How long opening the first connection and the first reply may take together by default.
pub const FIRST_REPLY: Duration = Duration::from_secs(10);

/// The number of what the engine says by itself: such a message is never taken for a repeated one.
const ENGINE: coview_wire::RequestId = coview_wire::RequestId::new(0);
