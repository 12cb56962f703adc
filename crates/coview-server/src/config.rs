use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use coview_hub::Accounts;
use coview_hub::GroupConfig;
use coview_hub::HubConfig;
use coview_hub::Policy;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentToken;
use coview_wire::ClientToken;
use coview_wire::GroupId;
use coview_wire::KeyLength;
use coview_wire::Terms;
use coview_wire::limits;
use futures_rustls::rustls;
use futures_rustls::rustls::crypto::ring;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;
use thiserror::Error;

/// What a server is made from.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where to listen. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// TLS; without it the server speaks plain HTTP, for a loopback or behind a proxy.
    pub tls: Option<Tls>,
    /// What one client may take.
    pub limits: Limits,
    /// The groups and the policy.
    pub hub: HubConfig,
}

/// What one client may take of the server, and all together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many clients may be connected; beyond that a new one is sent away. As many connections
    /// again may be on their way to become clients. Default 10,000.
    pub connections: usize,
    /// How many messages may wait for a client that does not read, before it is cut off. Default
    /// 1,024. What is said in one go to a client that keeps up, as a roster is, may be more.
    pub queue_messages: usize,
    /// How many bytes may wait for a client that does not read, before it is cut off. Default 4 MiB.
    pub queue_bytes: usize,
    /// How many bytes of the picture may wait for a viewer that does not read. If there were more,
    /// all of them are thrown away and the visitor sends that viewer a whole picture; the viewer is
    /// not cut off. At least [`limits::PICTURE_BYTES`]. Default 16 MiB.
    ///
    /// It has to hold one whole picture, or a viewer slower than the visitor never gets one. A large
    /// screen full of photographs is some 10 MB; most screens are far less than one.
    pub queue_picture_bytes: usize,
    /// How long a TLS handshake may take, and an HTTP request with its answer. Default 10 seconds.
    pub handshake: Duration,
    /// How long clients may take to read their goodbye when the server stops. Default 5 seconds.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            queue_messages: 1024,
            queue_bytes: 4 * 1024 * 1024,
            queue_picture_bytes: 16 * 1024 * 1024,
            handshake: Duration::from_secs(10),
            drain: Duration::from_secs(5),
        }
    }
}

/// A certificate with its key, ready to serve.
#[derive(Clone)]
pub struct Tls(pub(crate) Arc<rustls::ServerConfig>);

/// Why a certificate cannot be served.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The certificate file is not PEM or holds no certificate.
    #[error("no certificate can be read: {0}")]
    Certificate(String),
    /// The key file is not PEM or holds no private key.
    #[error("no private key can be read: {0}")]
    Key(String),
    /// The key does not belong to the certificate, or is of a kind that is not supported.
    #[error("certificate and key cannot be used together: {0}")]
    Pair(#[from] rustls::Error),
}

impl Tls {
    /// A certificate chain and its private key, both as PEM text.
    ///
    /// # Errors
    ///
    /// [`TlsError`] names which of the two cannot be used, and why.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| TlsError::Certificate(error.to_string()))?;
        if chain.is_empty() {
            return Err(TlsError::Certificate("the file has none".to_owned()));
        }
        let key =
            PrivateKeyDer::from_pem_slice(key).map_err(|error| TlsError::Key(error.to_string()))?;
        let config =
            rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_no_client_auth()
                .with_single_cert(chain, key)?;
        Ok(Self(Arc::new(config)))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// Why a configuration was not taken.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Not TOML, an unknown key, a value out of its limits; the text shows the line.
    #[error("{0}")]
    Toml(Box<str>),
    /// The values contradict one another.
    #[error("{0}")]
    Values(String),
    /// The TLS files cannot be used.
    #[error("tls: {0}")]
    Tls(#[from] TlsError),
}

impl ServerConfig {
    /// A server on a free loopback port without TLS.
    #[must_use]
    pub fn loopback(hub: HubConfig) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: None,
            limits: Limits::default(),
            hub,
        }
    }

    /// Reads a configuration file. Paths in it are relative to it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] says what is wrong, and for the file's text in which line.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = read(path)?;
        let text = String::from_utf8(text)
            .map_err(|_| ConfigError::Values(format!("{} is not UTF-8", path.display())))?;
        Self::from_toml_at(&text, path.parent().unwrap_or_else(|| Path::new("")))
    }

    /// Reads a configuration from text. The commented sample in `docs/coview.toml` shows every key.
    ///
    /// ```
    /// use coview_server::ServerConfig;
    ///
    /// let error = ServerConfig::from_toml("listen = \"127.0.0.1:7300\"\nlissten = 1").unwrap_err();
    /// assert!(error.to_string().contains("line 2"), "{error}");
    /// assert!(error.to_string().contains("unknown field `lissten`"), "{error}");
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError`] says what is wrong and in which line. An unknown key is an error.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        Self::from_toml_at(text, Path::new(""))
    }

    fn from_toml_at(text: &str, folder: &Path) -> Result<Self, ConfigError> {
        let file: File =
            toml::from_str(text).map_err(|error| ConfigError::Toml(told(text, &error).into()))?;
        let tls = match file.tls {
            Some(TlsFiles { certificate, key }) => {
                Some(Tls::from_pem(&read(&folder.join(certificate))?, &read(&folder.join(key))?)?)
            }
            None => None,
        };
        let mut groups = BTreeMap::new();
        for group in file.group {
            let id = group.id.clone();
            let group = group.into_config()?;
            if groups.insert(id.clone(), group).is_some() {
                return Err(ConfigError::Values(format!("group {id} stands twice")));
            }
        }
        if groups.is_empty() {
            return Err(ConfigError::Values("there is no [[group]]; nobody could connect".into()));
        }
        let policy = file.policy.into_policy()?;
        Ok(Self {
            listen: file.listen,
            tls,
            limits: file.limits.into_limits()?,
            hub: HubConfig { groups, policy },
        })
    }
}

/// Says what is wrong with the text, in which line, without repeating the line or a value in it: it
/// may hold a token.
fn told(text: &str, error: &toml::de::Error) -> String {
    let message = error.message();
    let message = match message.rsplit_once(", expected ") {
        Some((found, expected)) if found.starts_with("invalid type") => {
            format!("wrong type, expected {expected}")
        }
        Some((found, expected)) if found.starts_with("invalid value") => {
            format!("wrong value, expected {expected}")
        }
        Some(_) | None => message.to_owned(),
    };
    let line = error.span().map(|span| text[..span.start].matches('\n').count() + 1);
    match line {
        Some(line) => format!("line {line}: {message}"),
        None => message,
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ConfigError> {
    std::fs::read(path).map_err(|error| ConfigError::Read { path: path.to_owned(), error })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "default_listen")]
    listen: SocketAddr,
    tls: Option<TlsFiles>,
    #[serde(default)]
    limits: LimitsFile,
    #[serde(default)]
    policy: PolicyFile,
    #[serde(default)]
    group: Vec<GroupFile>,
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7300))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsFiles {
    certificate: PathBuf,
    key: PathBuf,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsFile {
    connections: Option<usize>,
    queue_messages: Option<usize>,
    queue_bytes: Option<usize>,
    queue_picture_bytes: Option<usize>,
    handshake_seconds: Option<u32>,
    drain_seconds: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    key_unclaimed_seconds: Option<u32>,
    terms_unanswered_seconds: Option<u32>,
    resume_grace_seconds: Option<u32>,
    background_lease_seconds: Option<u32>,
    heartbeat_seconds: Option<u32>,
    missed_heartbeats: Option<u8>,
    first_reply_seconds: Option<u32>,
    key_tries: Option<u32>,
    key_tries_group: Option<u32>,
    key_tries_window_seconds: Option<u32>,
    max_guests: Option<u32>,
    max_devices: Option<u32>,
    max_places: Option<u32>,
    presence_pace_milliseconds: Option<u32>,
    problems_per_minute: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupFile {
    id: GroupId,
    client_token: Option<ClientToken>,
    #[serde(default = "yes")]
    share_button: bool,
    #[serde(default = "yes")]
    presence: bool,
    #[serde(default)]
    key_digits: KeyLength,
    terms: TermsFile,
    #[serde(default)]
    agents: Vec<AgentFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TermsFile {
    version: String,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentFile {
    id: AgentId,
    name: String,
    token: AgentToken,
}

const fn yes() -> bool {
    true
}

/// The longest time a policy may name: a day. Longer is a slip of the keyboard.
const LONGEST_SECONDS: u32 = 24 * 60 * 60;

fn seconds(key: &str, given: Option<u32>, default: Duration) -> Result<Duration, ConfigError> {
    match given {
        None => Ok(default),
        Some(seconds @ 1..=LONGEST_SECONDS) => Ok(Duration::from_secs(seconds.into())),
        Some(seconds) => Err(ConfigError::Values(format!(
            "{key} is {seconds}; it may be 1 to {LONGEST_SECONDS}"
        ))),
    }
}

/// The slowest pace of cards: a minute. Agents would take a slower one for a fault.
const SLOWEST_PACE_MILLISECONDS: u32 = 60_000;

fn pace(given: Option<u32>, default: Duration) -> Result<Duration, ConfigError> {
    match given {
        None => Ok(default),
        Some(millis @ 1..=SLOWEST_PACE_MILLISECONDS) => Ok(Duration::from_millis(millis.into())),
        Some(millis) => Err(ConfigError::Values(format!(
            "policy.presence_pace_milliseconds is {millis}; it may be 1 to \
             {SLOWEST_PACE_MILLISECONDS}"
        ))),
    }
}

fn at_least_one<T: PartialEq + From<u8>>(
    key: &str,
    given: Option<T>,
    default: T,
) -> Result<T, ConfigError> {
    match given {
        None => Ok(default),
        Some(number) if number == T::from(0) => {
            Err(ConfigError::Values(format!("{key} is 0; it must be at least 1")))
        }
        Some(number) => Ok(number),
    }
}

impl LimitsFile {
    fn into_limits(self) -> Result<Limits, ConfigError> {
        let default = Limits::default();
        let count = |key, given: Option<usize>, default| match given {
            Some(0) => {
                Err(ConfigError::Values(format!("limits.{key} is 0; it must be at least 1")))
            }
            Some(number) => Ok(number),
            None => Ok(default),
        };
        // Less than the longest message would throw that away each time.
        const LEAST: usize = limits::PICTURE_BYTES;
        let queue_picture_bytes = match self.queue_picture_bytes {
            Some(bytes) if bytes < LEAST => {
                return Err(ConfigError::Values(format!(
                    "limits.queue_picture_bytes is {bytes}; it must be at least {LEAST}"
                )));
            }
            Some(bytes) => bytes,
            None => default.queue_picture_bytes,
        };
        Ok(Limits {
            connections: count("connections", self.connections, default.connections)?,
            queue_messages: count("queue_messages", self.queue_messages, default.queue_messages)?,
            queue_bytes: count("queue_bytes", self.queue_bytes, default.queue_bytes)?,
            queue_picture_bytes,
            handshake: seconds(
                "limits.handshake_seconds",
                self.handshake_seconds,
                default.handshake,
            )?,
            drain: seconds("limits.drain_seconds", self.drain_seconds, default.drain)?,
        })
    }
}

impl PolicyFile {
    fn into_policy(self) -> Result<Policy, ConfigError> {
        let default = Policy::default();
        let time = |key: &str, given, default| seconds(&format!("policy.{key}"), given, default);
        Ok(Policy {
            key_unclaimed: time(
                "key_unclaimed_seconds",
                self.key_unclaimed_seconds,
                default.key_unclaimed,
            )?,
            terms_unanswered: time(
                "terms_unanswered_seconds",
                self.terms_unanswered_seconds,
                default.terms_unanswered,
            )?,
            resume_grace: time(
                "resume_grace_seconds",
                self.resume_grace_seconds,
                default.resume_grace,
            )?,
            background_lease: time(
                "background_lease_seconds",
                self.background_lease_seconds,
                default.background_lease,
            )?,
            heartbeat: time("heartbeat_seconds", self.heartbeat_seconds, default.heartbeat)?,
            missed_heartbeats: self.missed_heartbeats.unwrap_or(default.missed_heartbeats),
            first_reply: time(
                "first_reply_seconds",
                self.first_reply_seconds,
                default.first_reply,
            )?,
            key_tries: at_least_one("policy.key_tries", self.key_tries, default.key_tries)?,
            key_tries_group: at_least_one(
                "policy.key_tries_group",
                self.key_tries_group,
                default.key_tries_group,
            )?,
            key_tries_window: time(
                "key_tries_window_seconds",
                self.key_tries_window_seconds,
                default.key_tries_window,
            )?,
            max_guests: at_least_one("policy.max_guests", self.max_guests, default.max_guests)?,
            max_devices: at_least_one("policy.max_devices", self.max_devices, default.max_devices)?,
            max_places: at_least_one("policy.max_places", self.max_places, default.max_places)?,
            presence_pace: pace(self.presence_pace_milliseconds, default.presence_pace)?,
            problems_per_minute: at_least_one(
                "policy.problems_per_minute",
                self.problems_per_minute,
                default.problems_per_minute,
            )?,
            ..default
        })
    }
}

impl GroupFile {
    fn into_config(self) -> Result<GroupConfig, ConfigError> {
        let id = self.id;
        let wrong = |error| ConfigError::Values(format!("group {id}: {error}"));
        let mut agents = Vec::<(AgentToken, AgentCard)>::new();
        let mut ids = BTreeSet::new();
        for AgentFile { id: agent, name, token } in self.agents {
            if !ids.insert(agent.clone()) {
                return Err(ConfigError::Values(format!("group {id}: agent {agent} stands twice")));
            }
            if agents.iter().any(|(known, _)| *known == token) {
                return Err(ConfigError::Values(format!(
                    "group {id}: agent {agent} has the token of another agent"
                )));
            }
            agents.push((token, AgentCard::new(agent, &name).map_err(wrong)?));
        }
        let terms = Terms::new(&self.terms.version, &self.terms.text).map_err(wrong)?;
        Ok(GroupConfig {
            client_token: self.client_token,
            share_button: self.share_button,
            presence: self.presence,
            key_digits: self.key_digits,
            proofs: Arc::new(agents.into_iter().collect::<Accounts>()),
            ..GroupConfig::new(terms)
        })
    }
}
