//! The coview server: where visitors and agents meet.
//!
//! It decides nothing about visitors, agents, sessions or keys: that is `coview-hub`, which this
//! crate drives. Here are the sockets, TLS, HTTP, the clock, the configuration file, the metrics
//! and the logs. It runs on smol, as a future on whatever executor it is given.
//!
//! One port answers:
//!
//! | path | what |
//! |---|---|
//! | `/` | what this is |
//! | `/healthz` | `ok` while all is well; 503 and why while it drains or the audit log cannot be written |
//! | `/metrics` | Prometheus text, for those the configuration names |
//! | `/v1/socket` | the WebSocket, subprotocol `coview.v1` |
//! | `/console` | the agent's console: a page for a browser, embedded with its scripts and styles |
//!
//! # Logs
//!
//! Logs go to [`tracing`]; what visitors and agents did is the target `coview::audit` at level
//! `info`. With a [data directory](ServerConfig::data) it is recorded in the audit logs there too,
//! see [`AuditConfig`]: what begins is on disk before anything that follows from it is told.
//!
//! No line of a coview crate holds a key, a token, a resume secret, an e-mail address or a phone
//! number, at any level. Nor does one of the WebSocket library below, `tungstenite`, as far as the
//! server uses it: it sees headers of frames, and no payload.
//!
//! ```no_run
//! use coview_server::{Server, ServerConfig};
//!
//! # smol::block_on(async {
//! let config = ServerConfig::from_toml(&std::fs::read_to_string("coview.toml")?)?;
//! let server = Server::bind(config).await?;
//! println!("listening on {}", server.url());
//! server.run(std::future::pending()).await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod apart;
mod audit;
mod config;
mod connection;
mod console;
mod front;
mod http;
mod metrics;
mod network;
mod origins;
mod outbox;
mod pace;
mod proofs;
mod proxy;
mod server;
mod shared;
mod stream;
#[doc(hidden)]
pub mod websocket;

pub use coview_hub::HubConfig;

pub use crate::audit::AuditConfig;
pub use crate::audit::Retention;
pub use crate::config::ConfigError;
pub use crate::config::Faults;
pub use crate::config::Limits;
pub use crate::config::ServerConfig;
pub use crate::config::Tls;
pub use crate::config::TlsError;
pub use crate::network::Network;
pub use crate::network::NetworkError;
pub use crate::proofs::Lifetimes;
pub use crate::proofs::TokenProofs;
pub use crate::proxy::ForwardHeader;
pub use crate::proxy::Proxy;
pub use crate::server::BindError;
pub use crate::server::Control;
pub use crate::server::Server;
