//! The agent's side of a screen-sharing session, as types.
//!
//! This crate opens no socket, reads no clock and spawns nothing. It says what may follow what: an
//! [`Agent`] is signed in, requesting, joining or viewing; every verb consumes it and gives it back in the
//! next state, and an order that makes no sense is a compile error. Messages go in and out through
//! an [`AgentLink`], which an adapter provides (`coview-smol`) or a test ([`queue`]). The visitor's
//! side is `coview-lifecycle`, and the two are built alike.
//!
//! # A guided tour
//!
//! **Who is online.** [`watch`](Agent::watch) is a signal; the [roster](Agent::roster) is kept up
//! to date while the agent waits for its [next](Agent::next) step, in every state:
//!
//! ```
//! # use coview_agent::queue;
//! use coview_agent::{Change, SignedInStep, Watching};
//!
//! # smol::block_on(async {
//! # let (mut agent, mut peer) = queue::agent();
//! # peer.grant_all();
//! # peer.bring_online(&"customer-42".parse().unwrap());
//! agent.watch(Watching::Group);
//! let SignedInStep::Changed(agent, Change::Roster) = agent.next().await else { panic!() };
//! for (visitor, card) in agent.roster() {
//!     println!("{visitor} {:?}", card.profile.name());
//! }
//! # });
//! ```
//!
//! **Two ways into a session.** By a key the visitor reads out ([`join`](Agent::join)), or by
//! asking a visitor who is online ([`ask`](Agent::ask)), who accepts or declines:
//!
//! ```
//! # use coview_agent::queue;
//! use coview_agent::RequestingStep;
//! use coview_wire::{SessionKey, VisitorId};
//!
//! # smol::block_on(async {
//! # let (agent, mut peer) = queue::agent();
//! # peer.grant_all();
//! let viewing = agent.join(SessionKey::parse("123 456 786")?).await?; // Agent<Viewing>
//! let agent = viewing.leave();                                        // SignedIn, at once
//!
//! let requesting = agent.ask(VisitorId::new("customer-42")?).await?;  // Agent<Requesting>
//! # peer.end_ask(peer.last_ask().unwrap(), coview_wire::AskOutcome::Declined);
//! match requesting.next().await {
//!     RequestingStep::Accepted(viewing) => println!("{} watch", viewing.guests()),
//!     RequestingStep::Over(_agent, outcome) => println!("{outcome}"),
//!     RequestingStep::Changed(_requesting, change) => println!("{change:?}"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! **The visitor may be asked before the agent sees anything.** [`knock`](Agent::knock) joins in two
//! steps: when the key is right the agent is [`Joining`], and the visitor, who is shown the agent's
//! name, lets the agent in or not. [`join`](Agent::join) waits for both at once.
//!
//! **A sign-in has an end and rights.** [`sign_in_lasts_ms`](Agent::sign_in_lasts_ms) and
//! [`rights`](Agent::rights) are what the agent's token says; [`renew`](Agent::renew) shows a newer
//! token, in every state. What the rights leave out is refused without asking the server, and the
//! agent is given back.
//!
//! **A request can be refused, and nothing is lost.** Awaiting a [`Pending`] gives the agent in its
//! new state, or a [`RequestError`] that gives the agent back.
//!
//! **Every request has one outcome.** [`RequestingStep::Accepted`] when the session runs,
//! [`RequestingStep::Over`] with the reason otherwise, also after a reconnect: what was missed
//! stands in the server's snapshot, and whatever comes late is told apart by its id.
//!
//! **Giving up takes effect at once.** [`withdraw`](Agent::withdraw), [`leave`](Agent::leave) and
//! [`end`](Agent::end) need no answer. If the visitor accepts in the very moment the request is
//! withdrawn, the agent leaves that session by itself.
//!
//! **Nothing async swallows an agent.** Race `&mut pending` or `&mut next` against a click or a
//! timer; `into_agent` gives it back.
//!
//! **Memory is bounded.** The roster holds at most [`ROSTER_MAX`] visitors, and news about them is
//! one entry for each, not a queue.
//!
//! # Where to look
//!
//! | for | look at |
//! |---|---|
//! | states and verbs at a glance | [`Agent`] |
//! | the specification | [`table`] |
//! | a user interface or another language | [`AnyAgent`] |
//! | tests of your console | [`queue`] |
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

mod agent;
mod any;
mod both;
mod debug;
mod facts;
mod link;
mod pending;
pub mod queue;
mod roster;
mod screen;
mod sign_in;
mod state;
mod step;
pub mod table;

pub use coview_lifecycle::Connectivity;
pub use coview_lifecycle::LinkClosed;
pub use coview_lifecycle::PassOver;
pub use coview_lifecycle::PipeArrival;
pub use coview_lifecycle::ScreenPipe;

pub use crate::agent::Agent;
pub use crate::any::AnyAgent;
pub use crate::any::AnyNext;
pub use crate::any::AnyPending;
pub use crate::any::AnyRequestError;
pub use crate::any::AnyStep;
pub use crate::any::ApiMisuse;
pub use crate::any::Applied;
pub use crate::any::Command;
pub use crate::facts::Watching;
pub use crate::link::AgentArrival;
pub use crate::link::AgentLink;
pub use crate::pending::Pending;
pub use crate::pending::Refused;
pub use crate::pending::RequestError;
pub use crate::roster::ROSTER_MAX;
pub use crate::screen::ViewArrival;
pub use crate::screen::ViewLink;
pub use crate::screen::ViewPass;
pub use crate::sign_in::MistypedKey;
pub use crate::sign_in::NotAllowed;
pub use crate::sign_in::SignInFacts;
pub use crate::sign_in::read_key;
pub use crate::state::IsFree;
pub use crate::state::Joining;
#[doc(hidden)]
pub use crate::state::Request;
pub use crate::state::Requesting;
pub use crate::state::SignedIn;
pub use crate::state::State;
pub use crate::state::Viewing;
pub use crate::step::AskStatus;
pub use crate::step::Change;
pub use crate::step::JoiningStep;
pub use crate::step::Next;
pub use crate::step::RequestingStep;
pub use crate::step::SignedInStep;
pub use crate::step::ViewingStep;
pub use crate::table::AgentStateKind;
