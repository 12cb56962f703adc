//! The lifecycle of a screen-sharing visitor, as types.
//!
//! This crate opens no socket, reads no clock and spawns nothing. It says what may follow what: a
//! [`Visitor`] is in one state at a time, every verb consumes it and gives it back in the next
//! state, and an order that makes no sense is a compile error. Messages go in and out through a
//! [`Link`], which an adapter provides (`coview-smol`) or a test ([`queue`]).
//!
//! # A guided tour
//!
//! **Typed where the app decides.** The visitor taps, the app calls a verb:
//!
//! ```
//! # use coview_lifecycle::queue;
//! use coview_wire::VisitorId;
//!
//! # smol::block_on(async {
//! # let (visitor, mut peer) = queue::visitor();
//! # peer.grant_all();
//! let sharing = visitor.start_manual().await?;        // Sharing<Manual, Anonymous>
//! println!("Read this key out: {}", sharing.key());
//! let visitor = sharing.end();                        // Anonymous again, at once
//!
//! let visitor = visitor.identify(VisitorId::new("customer-42")?).await?;
//! let visitor = visitor.connect_presence().await?;    // PresenceConnected
//! # drop(visitor);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! **Enumerated where the world decides.** An agent clicks, the network breaks: [`Visitor::next`]
//! answers with an enum of exactly what can happen in this state, each variant owning the visitor
//! as it is then. There is no wildcard to forget something behind.
//!
//! **A request can be refused, and nothing is lost.** A verb that the server must grant returns a
//! [`Pending`]; awaiting it gives the visitor in its new state, or a [`RequestError`] that gives
//! the visitor back.
//!
//! **A fact that does not fit the state waits at the door.** If presence is lost while a manual
//! session runs, the session goes on; when it ends, the very next step is
//! [`PresenceStep::Lost`]. A type says what was true and what the app has been told, in order.
//!
//! **Nothing async swallows a visitor.** Race `&mut pending` or `&mut next` against a tap or a
//! timer; `into_visitor` gives it back.
//!
//! **Reconnecting is not a state.** The type stays, [`Visitor::connectivity`] tells a user
//! interface what to show, and a step tells when the link is closed for good.
//!
//! # Where to look
//!
//! | for | look at |
//! |---|---|
//! | states and verbs at a glance | [`Visitor`] |
//! | the specification | [`table`] |
//! | a user interface or another language | [`AnyVisitor`] |
//! | tests of your app | [`queue`] |
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `std` | yes | lets the dependencies use `std`; makes the link of [`queue`] `Send` and `Sync` |

#![no_std]

extern crate alloc;
#[cfg(any(feature = "std", doctest))]
extern crate std;

mod any;
mod both;
mod consent;
mod debug;
mod facts;
mod identity;
mod joins;
mod link;
mod pending;
pub mod queue;
mod screen;
mod state;
mod step;
pub mod table;
mod tether;
mod visitor;

pub use coview_start::DisplayKey;
pub use coview_start::KeyDisplay;

pub use crate::any::AnyNext;
pub use crate::any::AnyPending;
pub use crate::any::AnyRequestError;
pub use crate::any::AnyStep;
pub use crate::any::AnyVisitor;
pub use crate::any::ApiMisuse;
pub use crate::any::Applied;
pub use crate::any::Command;
pub use crate::consent::Capability;
pub use crate::consent::Consent;
pub use crate::identity::Identity;
pub use crate::link::Arrival;
pub use crate::link::Connectivity;
pub use crate::link::Link;
pub use crate::link::LinkClosed;
pub use crate::pending::Pending;
pub use crate::pending::Refused;
pub use crate::pending::RequestError;
pub use crate::screen::PassArrival;
pub use crate::screen::PipeArrival;
pub use crate::screen::ScreenLink;
pub use crate::screen::ScreenPass;
pub use crate::screen::ScreenPipe;
pub use crate::state::Anonymous;
pub use crate::state::CanStartManually;
pub use crate::state::Confirming;
pub use crate::state::Identified;
pub use crate::state::IsIdentified;
pub use crate::state::IsOnline;
pub use crate::state::IsSharing;
pub use crate::state::Manual;
pub use crate::state::OneClick;
pub use crate::state::PresenceConnected;
#[doc(hidden)]
pub use crate::state::Request;
pub use crate::state::Sharing;
pub use crate::state::State;
pub use crate::state::TermsRequested;
pub use crate::state::TermsShown;
pub use crate::step::AnonymousStep;
pub use crate::step::Change;
pub use crate::step::ConfirmingStep;
pub use crate::step::IdentifiedStep;
pub use crate::step::ManualStep;
pub use crate::step::Next;
pub use crate::step::OneClickStep;
pub use crate::step::PresenceStep;
pub use crate::step::TermsStep;
pub use crate::table::StateKind;
pub use crate::tether::PassOver;
#[doc(hidden)]
pub use crate::tether::Tether;
#[doc(hidden)]
pub use crate::tether::Tied;
pub use crate::visitor::Visitor;
