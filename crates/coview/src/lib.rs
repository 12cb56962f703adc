//! Consented screen sharing between a visitor inside an app and a support agent.
//!
//! This crate has no code of its own: it is the one dependency an app needs, and re-exports the
//! parts. What each does is told in its own documentation:
//!
//! | here | from | what |
//! |---|---|---|
//! | [`Visitor`], its states and steps | `coview-lifecycle` | the visitor's side: illegal orders do not compile |
//! | [`AnyVisitor`] | `coview-lifecycle` | the same, checked at run time, for user interfaces |
//! | [`agent`] | `coview-agent` | the agent's side in the same style |
//! | [`start`] | `coview-start` | the start tracker, usable alone |
//! | [`screen`] | `coview-screen` | frames, masks, sources of frames, the codec |
//! | [`smol`] | `coview-smol` | connecting over WebSocket, TCP or TLS, on the smol runtime |
//! | [`VisitorId`], [`Profile`], … | `coview-wire` | the vocabulary |
//! | [`wire`] | `coview-wire` | all of it with the messages, for a [`Link`] or a [`queue::Peer`] |
//!
//! # Two ways to start
//!
//! **Manual**: the visitor taps *share*, a random key is shown and read out, the agent types it.
//! **One-click**: the visitor is online after login, the agent clicks, the visitor sees terms and
//! accepts or declines. *No key is shown*: the type of the session has none.
//!
//! ```
//! use coview::{PresenceStep, VisitorId};
//!
//! async fn app(config: coview::smol::Config) -> Result<(), Box<dyn std::error::Error>> {
//!     let visitor = coview::smol::connect(config).await?; // Visitor<Anonymous>
//!
//!     let sharing = visitor.start_manual().await?; // Visitor<Sharing<Manual, Anonymous>>
//!     println!("Read this key to the agent: {}", sharing.key());
//!     let visitor = sharing.end(); // Visitor<Anonymous> again, at once
//!
//!     let visitor = visitor.identify(VisitorId::new("customer-42")?).await?;
//!     let visitor = visitor.connect_presence().await?; // Visitor<PresenceConnected>
//!     match visitor.next().await {
//!         PresenceStep::TermsRequested(asked) => {
//!             let sharing = asked.terms_displayed().accept().await?; // has no key()
//!             sharing.end();
//!         }
//!         PresenceStep::Changed(_visitor, change) => println!("{change:?}"),
//!         PresenceStep::Lost(_visitor) => println!("offline"),
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # A link of your own
//!
//! A [`Link`] carries a visitor's messages. One that looks at what passes, for a log or a test:
//!
//! ```
//! use std::task::{Context, Poll};
//!
//! use coview::wire::{ClientMessage, ServerMessage};
//! use coview::{Arrival, Link};
//!
//! struct Counted<L> {
//!     link: L,
//!     messages: usize,
//! }
//!
//! impl<L: Link> Link for Counted<L> {
//!     fn send(&mut self, message: ClientMessage) {
//!         self.messages += 1;
//!         self.link.send(message);
//!     }
//!
//!     fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Arrival> {
//!         self.link.poll_recv(cx).map(|arrival| {
//!             if let Arrival::Message(ServerMessage::SessionConnected(_)) = arrival {
//!                 self.messages += 1;
//!             }
//!             arrival
//!         })
//!     }
//! }
//! # let (link, _peer) = coview::queue::link();
//! # let _ = Counted { link, messages: 0 };
//! ```
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `smol` | yes | `coview::smol`, the adapter for the smol runtime |
//! | `screen` | yes | `coview::screen`, the picture of the screen; with `smol` what sends and shows it |
//! | `generated` | no | `coview::screen::generated`, a page that draws itself, for a demo without a screen |

pub use coview_lifecycle::Anonymous;
pub use coview_lifecycle::AnonymousStep;
pub use coview_lifecycle::AnyNext;
pub use coview_lifecycle::AnyPending;
pub use coview_lifecycle::AnyRequestError;
pub use coview_lifecycle::AnyStep;
pub use coview_lifecycle::AnyVisitor;
pub use coview_lifecycle::ApiMisuse;
pub use coview_lifecycle::Applied;
pub use coview_lifecycle::Arrival;
pub use coview_lifecycle::CanStartManually;
pub use coview_lifecycle::Capability;
pub use coview_lifecycle::Change;
pub use coview_lifecycle::Command;
pub use coview_lifecycle::Confirming;
pub use coview_lifecycle::ConfirmingStep;
pub use coview_lifecycle::Connectivity;
pub use coview_lifecycle::Consent;
pub use coview_lifecycle::DisplayKey;
pub use coview_lifecycle::Identified;
pub use coview_lifecycle::IdentifiedStep;
pub use coview_lifecycle::Identity;
pub use coview_lifecycle::IsIdentified;
pub use coview_lifecycle::IsOnline;
pub use coview_lifecycle::IsSharing;
pub use coview_lifecycle::KeyDisplay;
pub use coview_lifecycle::Link;
pub use coview_lifecycle::LinkClosed;
pub use coview_lifecycle::Manual;
pub use coview_lifecycle::ManualStep;
pub use coview_lifecycle::Next;
pub use coview_lifecycle::OneClick;
pub use coview_lifecycle::OneClickStep;
pub use coview_lifecycle::PassArrival;
pub use coview_lifecycle::PassOver;
pub use coview_lifecycle::Pending;
pub use coview_lifecycle::PipeArrival;
pub use coview_lifecycle::PresenceConnected;
pub use coview_lifecycle::PresenceStep;
pub use coview_lifecycle::Refused;
pub use coview_lifecycle::RequestError;
pub use coview_lifecycle::ScreenLink;
pub use coview_lifecycle::ScreenPass;
pub use coview_lifecycle::ScreenPipe;
pub use coview_lifecycle::Sharing;
pub use coview_lifecycle::State;
pub use coview_lifecycle::StateKind;
pub use coview_lifecycle::TermsRequested;
pub use coview_lifecycle::TermsShown;
pub use coview_lifecycle::TermsStep;
pub use coview_lifecycle::Visitor;
pub use coview_lifecycle::queue;
pub use coview_lifecycle::table;
#[doc(no_inline)]
pub use coview_wire as wire;
pub use coview_wire::AgentCard;
pub use coview_wire::AgentId;
pub use coview_wire::AgentToken;
pub use coview_wire::AppState;
pub use coview_wire::AskOutcome;
pub use coview_wire::ClientToken;
pub use coview_wire::CloseReason;
pub use coview_wire::EndReason;
pub use coview_wire::GroupId;
pub use coview_wire::IdError;
pub use coview_wire::KeyError;
pub use coview_wire::KeyLength;
pub use coview_wire::OfflineReason;
pub use coview_wire::PresenceData;
pub use coview_wire::PresencePatch;
pub use coview_wire::Profile;
pub use coview_wire::RefusalCode;
pub use coview_wire::SessionId;
pub use coview_wire::SessionKey;
pub use coview_wire::Settings;
pub use coview_wire::Terms;
pub use coview_wire::TextError;
pub use coview_wire::VisitorAssertion;
pub use coview_wire::VisitorId;
pub use coview_wire::WithdrawReason;

/// The agent's side.
pub mod agent {
    pub use coview_agent::Agent;
    pub use coview_agent::AgentArrival;
    pub use coview_agent::AgentLink;
    pub use coview_agent::AgentStateKind;
    pub use coview_agent::AnyAgent;
    pub use coview_agent::AnyNext;
    pub use coview_agent::AnyPending;
    pub use coview_agent::AnyRequestError;
    pub use coview_agent::AnyStep;
    pub use coview_agent::ApiMisuse;
    pub use coview_agent::Applied;
    pub use coview_agent::AskStatus;
    pub use coview_agent::Change;
    pub use coview_agent::Command;
    pub use coview_agent::IsFree;
    pub use coview_agent::Joining;
    pub use coview_agent::JoiningStep;
    pub use coview_agent::MistypedKey;
    pub use coview_agent::Next;
    pub use coview_agent::NotAllowed;
    pub use coview_agent::Pending;
    pub use coview_agent::ROSTER_MAX;
    pub use coview_agent::Refused;
    pub use coview_agent::RequestError;
    pub use coview_agent::Requesting;
    pub use coview_agent::RequestingStep;
    pub use coview_agent::SignInFacts;
    pub use coview_agent::SignedIn;
    pub use coview_agent::SignedInStep;
    pub use coview_agent::State;
    pub use coview_agent::ViewArrival;
    pub use coview_agent::ViewLink;
    pub use coview_agent::ViewPass;
    pub use coview_agent::Viewing;
    pub use coview_agent::ViewingStep;
    pub use coview_agent::Watching;
    pub use coview_agent::queue;
    pub use coview_agent::read_key;
    pub use coview_agent::table;
    pub use coview_wire::AgentRights;
    pub use coview_wire::VisitorCard;
}

/// The start tracker, usable alone, also beside another SDK.
pub mod start {
    pub use coview_start::DisplayKey;
    pub use coview_start::KeyDisplay;
    pub use coview_start::Noted;
    pub use coview_start::OPEN_STARTS;
    pub use coview_start::StartId;
    pub use coview_start::StartMode;
    pub use coview_start::StartTracker;
}

/// The picture of the screen: frames, what is masked in them, where they come from, and the codec.
#[cfg(feature = "screen")]
pub mod screen {
    pub use coview_screen::AppFrames;
    pub use coview_screen::AppSource;
    pub use coview_screen::Capture;
    pub use coview_screen::Damage;
    pub use coview_screen::DecodeError;
    pub use coview_screen::Decoded;
    pub use coview_screen::Decoder;
    pub use coview_screen::Encoder;
    pub use coview_screen::EncoderConfig;
    pub use coview_screen::Frame;
    pub use coview_screen::FrameError;
    pub use coview_screen::FrameSource;
    pub use coview_screen::Input;
    pub use coview_screen::Mask;
    pub use coview_screen::MaskError;
    pub use coview_screen::MaskHandle;
    pub use coview_screen::MaskState;
    pub use coview_screen::Masks;
    pub use coview_screen::Output;
    pub use coview_screen::Rect;
    pub use coview_screen::Size;
    pub use coview_screen::Status;
    pub use coview_screen::app_frames;
    #[cfg(feature = "generated")]
    pub use coview_screen::generated;
}

/// The adapter for the smol runtime.
#[cfg(feature = "smol")]
pub mod smol {
    pub use coview_smol::Agent;
    pub use coview_smol::AgentChannel;
    pub use coview_smol::AgentConfig;
    pub use coview_smol::AgentRole;
    pub use coview_smol::AnyAgent;
    pub use coview_smol::AnyVisitor;
    pub use coview_smol::Backoff;
    pub use coview_smol::ChannelLink;
    pub use coview_smol::Config;
    pub use coview_smol::ConnectError;
    pub use coview_smol::Driver;
    pub use coview_smol::OpenError;
    pub use coview_smol::OpenErrorKind;
    pub use coview_smol::PicturePipe;
    pub use coview_smol::ProtocolError;
    pub use coview_smol::Role;
    pub use coview_smol::Roots;
    pub use coview_smol::RootsError;
    #[cfg(feature = "screen")]
    pub use coview_smol::ScreenOptions;
    #[cfg(feature = "screen")]
    pub use coview_smol::ScreenSender;
    #[cfg(feature = "screen")]
    pub use coview_smol::ScreenViewer;
    pub use coview_smol::ServerUrl;
    #[cfg(feature = "screen")]
    pub use coview_smol::Stopped;
    pub use coview_smol::UrlError;
    #[cfg(feature = "screen")]
    pub use coview_smol::ViewerStep;
    pub use coview_smol::Visitor;
    pub use coview_smol::VisitorChannel;
    pub use coview_smol::VisitorRole;
    pub use coview_smol::connect;
    pub use coview_smol::open;
    pub use coview_smol::open_agent;
    pub use coview_smol::sign_in;
}

/// The Rust of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct ReadmeDoctests;

/// The Rust of the page on masking compiles.
#[cfg(all(doctest, feature = "screen"))]
#[doc = include_str!("../../../docs/masking.md")]
pub struct MaskingDoctests;
