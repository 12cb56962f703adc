use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;

use coview_hub::HubConfig;
use serde::Deserialize;
use thiserror::Error;

use crate::audit::AuditConfig;
use crate::network::Network;
use crate::origins;
use crate::proxy::ForwardHeader;
use crate::proxy::Proxy;

mod audit;
mod fault;
mod files;
mod group;
mod keys;
mod limits;
mod policy;
mod tls;

pub use fault::Faults;
pub use limits::Limits;
pub use tls::Tls;
pub use tls::TlsError;

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
    /// The proxies before the server whose word is believed. Default: none.
    pub proxy: Proxy,
    /// The origins of the server's own pages, as browsers write them: what agents have in the address
    /// bar when they use the console. If there is none, those of the address it listens on, with the
    /// names of the machine itself; that is enough on a loopback only.
    pub origins: BTreeSet<Box<str>>,
    /// Who may read `/metrics`; for everybody else there is no such page. Default: the machine the
    /// server runs on.
    pub metrics: Vec<Network>,
    /// For how many days browsers that came by HTTPS come by nothing else (HSTS, RFC 6797); 0 does
    /// not ask them to. It is said where the server has TLS or one of its own origins has, and not
    /// to `localhost`, a name of many servers. Default 365.
    pub hsts_days: u32,
    /// The one directory the server writes to, for what has to last. Without it, nothing is kept.
    pub data: Option<PathBuf>,
    /// How the audit logs in that directory are kept.
    pub audit: AuditConfig,
    /// What is not wrong and not likely to be meant, in words for the operator.
    pub warnings: Vec<String>,
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
    /// Values that are not allowed or contradict one another, files that cannot be used.
    #[error("{0}")]
    Faults(Faults),
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
            proxy: Proxy::default(),
            origins: BTreeSet::new(),
            metrics: Network::loopback(),
            hsts_days: HSTS_DAYS,
            data: None,
            audit: AuditConfig::default(),
            warnings: Vec::new(),
        }
    }

    /// Reads a configuration file. Paths in it are relative to it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] says what is wrong, and for the file's text in which line.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let read = |error| ConfigError::Read { path: path.to_owned(), error };
        let text = files::read_bounded(path).map_err(read)?;
        let text = String::from_utf8(text).map_err(|_| ConfigError::Toml("not UTF-8".into()))?;
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
    /// [`ConfigError`] says what is wrong: for what is not TOML or no known key, in which line; and
    /// if there is nothing of the kind, everything else at once.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        Self::from_toml_at(text, Path::new(""))
    }

    fn from_toml_at(text: &str, folder: &Path) -> Result<Self, ConfigError> {
        let file: File =
            toml::from_str(text).map_err(|error| ConfigError::Toml(told(text, &error).into()))?;
        let (mut faults, mut warnings) = (Faults::default(), Vec::new());
        let tls = file.tls.and_then(|tls| tls.load(folder, &mut faults));
        let mut origins = BTreeSet::new();
        let public = file.public_url.iter().map(|url| ("public_url", origin_of(url)));
        for (key, origin) in public.chain(file.origins.iter().map(|it| ("origins", it.as_str()))) {
            let normal = origins::normal(origin).map_err(|error| format!("{key}: {error}"));
            origins.extend(faults.sift(normal));
        }
        let limits = file.limits.into_limits(&mut faults);
        let policy = file.policy.into_policy(&mut faults);
        let audit = file.audit.into_audit(&mut faults);
        let mut groups = BTreeMap::new();
        let mut ids = BTreeSet::new();
        for group in file.group {
            let id = group.id.clone();
            if !ids.insert(id.clone()) {
                faults.add(format!("group {id} stands twice"));
            }
            let config = group.load(folder, &mut faults, &mut warnings);
            groups.extend(config.map(|config| (id, config)));
        }
        if ids.is_empty() {
            faults.add("there is no [[group]]; nobody could connect");
        }
        let data = file.data.map(|data| folder.join(data));
        if let Some(data) = &data
            && let Some(at) = no_directory(data)
        {
            faults.add(format!("data: {} is no directory", at.display()));
        }
        if file.proxy.trusted.iter().any(Network::is_everything) {
            warnings.push(
                "proxy.trusted has a network of all addresses: anybody can say to be anybody"
                    .into(),
            );
        }
        if origins.is_empty() && !file.listen.ip().is_loopback() {
            warnings.push(
                "public_url is not set: a browser can use the console on this machine only".into(),
            );
        }
        if !faults.is_empty() {
            return Err(ConfigError::Faults(faults));
        }
        Ok(Self {
            listen: file.listen,
            tls,
            limits,
            hub: HubConfig { groups, policy },
            proxy: Proxy { trusted: file.proxy.trusted, header: file.proxy.header.into() },
            origins,
            metrics: file.metrics.from.unwrap_or_else(Network::loopback),
            hsts_days: file.hsts_days,
            data,
            audit,
            warnings,
        })
    }
}

/// What stands where a directory is or has to be made: the path itself or the nearest above it. One
/// that cannot be looked at is left to the start of the server, which may be another user's.
fn no_directory(path: &Path) -> Option<&Path> {
    let there = |path: &&Path| path.symlink_metadata().is_ok();
    path.ancestors().find(there).filter(|path| path.metadata().is_ok_and(|it| !it.is_dir()))
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
    let message = match message.as_str() {
        "invalid socket address syntax" => {
            "an address is an IP address and a port, as in 127.0.0.1:7300".to_owned()
        }
        _ => message,
    };
    let line = error.span().map(|span| text[..span.start].matches('\n').count() + 1);
    match line {
        Some(line) => format!("line {line}: {message}"),
        None => message,
    }
}

/// The origin in an address, which may go on with a path.
fn origin_of(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |at| host + at);
    &url[..end]
}

const HSTS_DAYS: u32 = 365;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "default_listen")]
    listen: SocketAddr,
    public_url: Option<String>,
    #[serde(default)]
    origins: Vec<String>,
    #[serde(default = "default_hsts_days")]
    hsts_days: u32,
    data: Option<PathBuf>,
    tls: Option<tls::TlsFile>,
    #[serde(default)]
    proxy: ProxyFile,
    #[serde(default)]
    metrics: MetricsFile,
    #[serde(default)]
    limits: limits::LimitsFile,
    #[serde(default)]
    policy: policy::PolicyFile,
    #[serde(default)]
    audit: audit::AuditFile,
    #[serde(default)]
    group: Vec<group::GroupFile>,
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7300))
}

const fn default_hsts_days() -> u32 {
    HSTS_DAYS
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProxyFile {
    #[serde(default)]
    trusted: Vec<Network>,
    #[serde(default)]
    header: HeaderFile,
}

#[derive(Clone, Copy, Default, Deserialize)]
enum HeaderFile {
    #[default]
    #[serde(rename = "x-forwarded-for")]
    XForwardedFor,
    #[serde(rename = "forwarded")]
    Forwarded,
    #[serde(rename = "x-real-ip")]
    XRealIp,
}

impl From<HeaderFile> for ForwardHeader {
    fn from(file: HeaderFile) -> Self {
        match file {
            HeaderFile::XForwardedFor => Self::XForwardedFor,
            HeaderFile::Forwarded => Self::Forwarded,
            HeaderFile::XRealIp => Self::XRealIp,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricsFile {
    from: Option<Vec<Network>>,
}
