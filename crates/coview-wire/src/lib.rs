//! Vocabulary and messages of the coview protocol, version 1.
//!
//! This crate knows no state, no clock and no socket. It says what the two sides *may say*, how it
//! is written as JSON and how long each thing may be; who may say what when is the business of
//! `coview-lifecycle` and `coview-hub`.
//!
//! Four enums hold every text message, one for each speaker and listener:
//!
//! | speaker → listener | enum |
//! |---|---|
//! | visitor → server | [`ClientMessage`] |
//! | server → visitor | [`ServerMessage`] |
//! | agent → server | [`AgentMessage`] |
//! | server → agent | [`AgentNotice`] |
//!
//! ```
//! use coview_wire::{ClientMessage, Message, RequestId, VisitorId};
//!
//! let text = r#"{"t":"identify","re":2,"visitor":"customer-42","added_later":true}"#;
//! let ClientMessage::Identify(identify) = ClientMessage::decode(text)? else { panic!() };
//! assert_eq!(identify.re, RequestId::new(2));
//! assert_eq!(identify.visitor, VisitorId::new("customer-42")?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The picture travels in binary messages of the same socket: [`Picture`] from the visitor,
//! [`PictureRelay`] to the agents, [`ViewerSignal`] and [`ViewerNotice`] back. What the visitor's
//! client covers goes to the server's record in a [`MaskNotice`].
//!
//! Every string, map and message has a hard limit ([`limits`]), checked before anything is
//! allocated from it. Types that hold something secret or personal ([`SessionKey`],
//! [`ResumeSecret`], [`ClientToken`], [`AgentToken`], [`VisitorAssertion`], [`Profile`],
//! [`PresenceData`]) redact themselves in `Debug`.
//!
//! What the messages mean and who answers what is written for clients in any language in
//! `docs/protocol.md`; `docs/protocol.schema.json` is generated from these types.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `std` | yes | lets the dependencies use `std`; changes no behaviour |
//! | `schema` | no | `schemars::JsonSchema` for every message |

#![no_std]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod agent_message;
mod agent_notice;
mod client_message;
mod codec;
mod id;
mod key;
pub mod limits;
mod moment;
mod outcome;
mod person;
mod refusal;
mod rights;
mod screen;
mod secret;
mod server_message;
mod terms;
mod word;

pub use crate::agent_message::AgentMessage;
pub use crate::agent_message::Ask;
pub use crate::agent_message::Eject;
pub use crate::agent_message::EndSession;
pub use crate::agent_message::Join;
pub use crate::agent_message::Leave;
pub use crate::agent_message::Renew;
pub use crate::agent_message::SignIn;
pub use crate::agent_message::Unwatch;
pub use crate::agent_message::Watch;
pub use crate::agent_message::Withdraw;
pub use crate::agent_notice::AgentNotice;
pub use crate::agent_notice::AgentResumed;
pub use crate::agent_notice::AgentSnapshot;
pub use crate::agent_notice::AskEnded;
pub use crate::agent_notice::AskFacts;
pub use crate::agent_notice::Asked;
pub use crate::agent_notice::JoinWaiting;
pub use crate::agent_notice::Joined;
pub use crate::agent_notice::Renewed;
pub use crate::agent_notice::Roster;
pub use crate::agent_notice::SignedIn;
pub use crate::agent_notice::TermsSeen;
pub use crate::agent_notice::ViewEnded;
pub use crate::agent_notice::ViewFacts;
pub use crate::agent_notice::ViewGuests;
pub use crate::agent_notice::VisitorCard;
pub use crate::agent_notice::VisitorChanged;
pub use crate::agent_notice::VisitorOffline;
pub use crate::agent_notice::VisitorOnline;
pub use crate::client_message::AppMoved;
pub use crate::client_message::Bye;
pub use crate::client_message::ClientMessage;
pub use crate::client_message::Hello;
pub use crate::client_message::Identify;
pub use crate::client_message::JoinConfirmed;
pub use crate::client_message::JoinDeclined;
pub use crate::client_message::LogOut;
pub use crate::client_message::Ping;
pub use crate::client_message::PresenceConnect;
pub use crate::client_message::PresenceDisconnect;
pub use crate::client_message::PresenceUpdate;
pub use crate::client_message::Resume;
pub use crate::client_message::SessionEnd;
pub use crate::client_message::SessionStart;
pub use crate::client_message::StartBy;
pub use crate::client_message::TermsAccepted;
pub use crate::client_message::TermsDeclined;
pub use crate::client_message::TermsDisplayed;
pub use crate::codec::DecodeError;
pub use crate::codec::Message;
pub use crate::id::AgentId;
pub use crate::id::AskId;
pub use crate::id::GroupId;
pub use crate::id::IdError;
pub use crate::id::JoinId;
pub use crate::id::PresenceId;
pub use crate::id::RequestId;
pub use crate::id::SessionId;
pub use crate::id::StartId;
pub use crate::id::VisitorId;
pub use crate::key::KeyError;
pub use crate::key::KeyLength;
pub use crate::key::SessionKey;
pub use crate::moment::Deadline;
pub use crate::moment::Moment;
pub use crate::moment::UnixTime;
pub use crate::outcome::AppState;
pub use crate::outcome::AskOutcome;
pub use crate::outcome::CloseReason;
pub use crate::outcome::EndReason;
pub use crate::outcome::OfflineReason;
pub use crate::outcome::WithdrawReason;
pub use crate::person::AgentCard;
pub use crate::person::PresenceData;
pub use crate::person::PresencePatch;
pub use crate::person::Profile;
pub use crate::person::TextError;
pub use crate::refusal::RefusalCode;
pub use crate::rights::AgentRights;
pub use crate::screen::MaskNotice;
pub use crate::screen::MaskState;
pub use crate::screen::Picture;
pub use crate::screen::PictureRelay;
pub use crate::screen::ScreenError;
pub use crate::screen::ViewerEvent;
pub use crate::screen::ViewerId;
pub use crate::screen::ViewerNotice;
pub use crate::screen::ViewerSays;
pub use crate::screen::ViewerSignal;
pub use crate::secret::AgentToken;
pub use crate::secret::ClientToken;
pub use crate::secret::ResumeSecret;
pub use crate::secret::VisitorAssertion;
pub use crate::server_message::Answered;
pub use crate::server_message::Closing;
pub use crate::server_message::Identified;
pub use crate::server_message::JoinRequested;
pub use crate::server_message::JoinWithdrawn;
pub use crate::server_message::Pong;
pub use crate::server_message::PresenceConnected;
pub use crate::server_message::PresenceFacts;
pub use crate::server_message::PresenceFocus;
pub use crate::server_message::PresenceLost;
pub use crate::server_message::Problem;
pub use crate::server_message::Refused;
pub use crate::server_message::Resumed;
pub use crate::server_message::ServerMessage;
pub use crate::server_message::SessionConnected;
pub use crate::server_message::SessionEnded;
pub use crate::server_message::SessionFacts;
pub use crate::server_message::SessionGuests;
pub use crate::server_message::Settings;
pub use crate::server_message::Snapshot;
pub use crate::server_message::TermsOver;
pub use crate::server_message::TermsRequested;
pub use crate::server_message::TermsWithdrawn;
pub use crate::server_message::Timing;
pub use crate::server_message::Welcome;
pub use crate::terms::Terms;

/// The version of the protocol this crate speaks. A server refuses any other with
/// [`RefusalCode::VersionUnsupported`].
pub const PROTOCOL_VERSION: u16 = 1;

/// The WebSocket subprotocol both sides name in the handshake.
pub const SUBPROTOCOL: &str = "coview.v1";

/// The path of the WebSocket on the server.
pub const WEBSOCKET_PATH: &str = "/v1/socket";
