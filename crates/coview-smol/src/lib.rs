//! The smol adapter of coview: it carries a visitor's or an agent's messages over a WebSocket.
//!
//! It decides nothing. Who may say what when is in `coview-lifecycle` and `coview-agent`; when to
//! reconnect, ping or give up is in `coview-proto`. Here are the socket, TLS, the clock and the
//! timer, and one [`Driver`] future that moves messages between them.
//!
//! # A visitor
//!
//! ```no_run
//! use coview_smol::Config;
//! use coview_wire::GroupId;
//!
//! # smol::block_on(async {
//! let config = Config::new("wss://help.example.org".parse()?, GroupId::new("12345")?);
//! let visitor = coview_smol::connect(config).await?; // Visitor<Anonymous>
//! println!("show a share button: {}", visitor.settings().share_button);
//! # drop(visitor);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! [`connect`] spawns the driver on smol's global executor. To run it on an executor of your own,
//! or to wait until everything has been said before a process ends, use [`open`], which gives the
//! driver to you. An agent has [`sign_in`] and [`open_agent`].
//!
//! # The screen
//!
//! A [`ScreenSender`] is made from a sharing visitor and a source of frames, and sends what agents
//! may see for as long as the visitor's consent stands; a [`ScreenViewer`] is made from a viewing
//! agent and draws it. Both go beside the visitor and the agent, which the app keeps using. Pictures
//! are binary messages of the same socket: they wait for text, never the other way round for more
//! than one of them.
//!
//! # TLS
//!
//! `wss://` and `https://` addresses use rustls. Which certificates are trusted is a matter of
//! [`Roots`]: Mozilla's list by default, or your own.
//!
//! # Logs
//!
//! No line this crate logs holds a key, a token, a resume secret, an e-mail address or a phone
//! number, at any level. The WebSocket library below, `tungstenite`, prints whole messages at level
//! `trace` of the `log` crate: an app that listens to `log` must keep the target `tungstenite` at
//! `debug` or above.

mod config;
mod driver;
mod head;
mod link;
mod pictures;
#[cfg(feature = "screen")]
mod sender;
mod transport;
#[cfg(feature = "screen")]
mod viewer;

use coview_agent::SignInFacts;
use coview_agent::SignedIn;
use coview_lifecycle::Anonymous;
use coview_wire::limits;

pub use coview_proto::AgentRole;
pub use coview_proto::Backoff;
pub use coview_proto::Ended as ConnectError;
pub use coview_proto::OpenError;
pub use coview_proto::OpenErrorKind;
pub use coview_proto::ProtocolError;
pub use coview_proto::Role;
pub use coview_proto::VisitorRole;

pub use crate::config::AgentConfig;
pub use crate::config::Config;
pub use crate::config::Roots;
pub use crate::config::RootsError;
pub use crate::config::ServerUrl;
pub use crate::config::UrlError;
pub use crate::driver::Driver;
pub use crate::link::ChannelLink;
pub use crate::pictures::PicturePipe;
#[cfg(feature = "screen")]
pub use crate::sender::ScreenOptions;
#[cfg(feature = "screen")]
pub use crate::sender::ScreenSender;
#[cfg(feature = "screen")]
pub use crate::sender::Stopped;
#[cfg(feature = "screen")]
pub use crate::viewer::ScreenViewer;
#[cfg(feature = "screen")]
pub use crate::viewer::ViewerStep;

/// The link of a visitor over a WebSocket driven by smol: the `L` of every type that holds one.
///
/// ```
/// use coview_lifecycle::{Anonymous, Manual, Pending, Sharing};
/// use coview_smol::{Driver, VisitorChannel, VisitorRole};
///
/// /// A screen of an app, with a start that may be under way.
/// struct Screen {
///     start: Option<Pending<Sharing<Manual, Anonymous>, Anonymous, VisitorChannel>>,
///     driver: Option<Driver<VisitorRole>>,
/// }
/// # let _ = Screen { start: None, driver: None };
/// ```
pub type VisitorChannel = ChannelLink<VisitorRole>;

/// The link of an agent over a WebSocket driven by smol: the `L` of every type that holds one.
pub type AgentChannel = ChannelLink<AgentRole>;

/// A visitor in state `S` over a WebSocket driven by smol.
pub type Visitor<S> = coview_lifecycle::Visitor<S, VisitorChannel>;

/// A visitor in any state over a WebSocket driven by smol.
pub type AnyVisitor = coview_lifecycle::AnyVisitor<VisitorChannel>;

/// An agent in state `S` over a WebSocket driven by smol.
pub type Agent<S> = coview_agent::Agent<S, AgentChannel>;

/// An agent in any state over a WebSocket driven by smol.
pub type AnyAgent = coview_agent::AnyAgent<AgentChannel>;

/// Connects a visitor and spawns its driver on smol's global executor.
///
/// A process that ends right after it dropped the visitor cuts the driver short: the server then
/// keeps the visitor's place for its grace instead of hearing a goodbye. Use [`open`] and wait for
/// the driver where that matters.
///
/// # Errors
///
/// [`ConnectError`] says why there is no visitor: the server cannot be reached, refuses the
/// version, the group or the token, speaks another protocol, or did not answer within
/// `first_reply` (10 seconds by default). It never hangs.
///
/// # Cancel safety
///
/// Dropping the future gives up; nothing is left behind.
pub async fn connect(config: Config) -> Result<Visitor<Anonymous>, ConnectError> {
    let (visitor, driver) = open(config).await?;
    smol::spawn(driver.run()).detach();
    Ok(visitor)
}

/// Connects a visitor and gives its driver, which must run for as long as the visitor lives.
///
/// When the visitor has been dropped, the driver says goodbye to the server and ends.
///
/// ```no_run
/// # use coview_smol::Config;
/// # async fn app(config: Config) -> Result<(), Box<dyn core::error::Error>> {
/// let (visitor, driver) = coview_smol::open(config).await?;
/// let driver = smol::spawn(driver.run());
/// // …
/// drop(visitor);
/// driver.await; // the goodbye is said
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As [`connect`].
///
/// # Cancel safety
///
/// Dropping the future gives up; nothing is left behind.
pub async fn open(
    config: Config,
) -> Result<(Visitor<Anonymous>, Driver<VisitorRole>), ConnectError> {
    let (group, app) = (config.visitor.group.clone(), config.visitor.app);
    let (driver, link, greeting) =
        Driver::open(config.server, config.roots, config.visitor, limits::MESSAGE_BYTES).await?;
    Ok((Visitor::initialized(link, group, greeting.settings, app), driver))
}

/// Signs an agent in and spawns its driver on smol's global executor.
///
/// ```no_run
/// use coview_smol::AgentConfig;
/// use coview_wire::{AgentToken, GroupId};
///
/// # smol::block_on(async {
/// let server = "wss://help.example.org".parse()?;
/// let token = AgentToken::new("the-token-of-grace")?;
/// let agent = coview_smol::sign_in(AgentConfig::new(server, GroupId::new("12345")?, token)).await?;
/// println!("signed in as {}", agent.card().name());
/// # drop(agent);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// A sign-in lasts as long as its token. Before that is over, get a newer token from where the first
/// came from and show it with `renew`, in whatever state the agent is; the driver keeps the newest
/// one, for a server that has forgotten the agent:
///
/// ```no_run
/// # async fn app(
/// #     mut agent: coview_smol::Agent<coview_agent::SignedIn>,
/// #     newer: coview_wire::AgentToken,
/// # ) {
/// let lasts = core::time::Duration::from_millis(agent.sign_in_lasts_ms());
/// smol::Timer::after(lasts * 3 / 4).await; // beside whatever else the agent does
/// agent.renew(newer); // `Change::Renewed` or `Change::NotRenewed` tells
/// # }
/// ```
///
/// # Errors
///
/// As [`connect`]; a token that is not accepted is
/// `Refused(`[`BadToken`](coview_wire::RefusalCode::BadToken)`)`, one whose time is over
/// [`TokenExpired`](coview_wire::RefusalCode::TokenExpired), one that may be used once and was
/// [`TokenUsed`](coview_wire::RefusalCode::TokenUsed).
///
/// # Cancel safety
///
/// Dropping the future gives up; nothing is left behind.
pub async fn sign_in(config: AgentConfig) -> Result<Agent<SignedIn>, ConnectError> {
    let (agent, driver) = open_agent(config).await?;
    smol::spawn(driver.run()).detach();
    Ok(agent)
}

/// Signs an agent in and gives its driver, which must run for as long as the agent lives.
///
/// # Errors
///
/// As [`sign_in`].
///
/// # Cancel safety
///
/// Dropping the future gives up; nothing is left behind.
pub async fn open_agent(
    config: AgentConfig,
) -> Result<(Agent<SignedIn>, Driver<AgentRole>), ConnectError> {
    let group = config.agent.group.clone();
    let (driver, link, greeting): (Driver<AgentRole>, _, _) =
        Driver::open(config.server, config.roots, config.agent, limits::PICTURE_BYTES).await?;
    let facts = SignInFacts {
        card: greeting.agent,
        lasts_ms: greeting.expires_ms,
        rights: greeting.rights,
        key_digits: greeting.key_digits,
    };
    Ok((Agent::initialized(link, group, facts), driver))
}
