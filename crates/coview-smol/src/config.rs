use core::fmt;
use core::str::FromStr;
use core::time::Duration;
use std::sync::Arc;

use async_tungstenite::tungstenite::http::Uri;
use coview_wire::AgentToken;
use coview_wire::AppState;
use coview_wire::ClientToken;
use coview_wire::GroupId;
use coview_wire::Profile;
use coview_wire::WEBSOCKET_PATH;
use futures_rustls::rustls::ClientConfig;
use futures_rustls::rustls::RootCertStore;
use futures_rustls::rustls::crypto::ring;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use thiserror::Error;

/// What a visitor connects with.
///
/// ```
/// use coview_smol::Config;
/// use coview_wire::{GroupId, Profile};
///
/// let config = Config::new("wss://help.example.org".parse()?, GroupId::new("12345")?)
///     .with_profile(Profile::new().with_name("Ada Lovelace")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) server: ServerUrl,
    pub(crate) roots: Roots,
    pub(crate) visitor: coview_proto::VisitorConfig,
}

/// What an agent signs in with.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    pub(crate) server: ServerUrl,
    pub(crate) roots: Roots,
    pub(crate) agent: coview_proto::AgentConfig,
}

impl Config {
    /// A visitor of a group, on a server, without a token and with an empty profile.
    #[must_use]
    pub fn new(server: ServerUrl, group: GroupId) -> Self {
        Self { server, roots: Roots::default(), visitor: coview_proto::VisitorConfig::new(group) }
    }

    /// With the group's client token.
    #[must_use]
    pub fn with_token(mut self, token: ClientToken) -> Self {
        self.visitor.token = Some(token);
        self
    }

    /// With what is known about the person.
    #[must_use]
    pub fn with_profile(mut self, profile: Profile) -> Self {
        self.visitor.profile = profile;
        self
    }

    /// With the app in this state at the beginning; active unless told otherwise.
    #[must_use]
    pub const fn with_app(mut self, app: AppState) -> Self {
        self.visitor.app = app;
        self
    }

    /// With these trusted certificates; Mozilla's list unless told otherwise.
    #[must_use]
    pub fn with_roots(mut self, roots: Roots) -> Self {
        self.roots = roots;
        self
    }

    /// With this long for opening the first connection and its first reply; 10 seconds unless told
    /// otherwise.
    #[must_use]
    pub const fn with_first_reply(mut self, within: Duration) -> Self {
        self.visitor.first_reply = within;
        self
    }

    /// With this wait between tries to reconnect.
    #[must_use]
    pub const fn with_backoff(mut self, backoff: coview_proto::Backoff) -> Self {
        self.visitor.backoff = backoff;
        self
    }
}

impl AgentConfig {
    /// An agent of a group, on a server, known by a token.
    #[must_use]
    pub fn new(server: ServerUrl, group: GroupId, token: AgentToken) -> Self {
        Self {
            server,
            roots: Roots::default(),
            agent: coview_proto::AgentConfig::new(group, token),
        }
    }

    /// With these trusted certificates; Mozilla's list unless told otherwise.
    #[must_use]
    pub fn with_roots(mut self, roots: Roots) -> Self {
        self.roots = roots;
        self
    }

    /// With this long for opening the first connection and its first reply; 10 seconds unless told
    /// otherwise.
    #[must_use]
    pub const fn with_first_reply(mut self, within: Duration) -> Self {
        self.agent.first_reply = within;
        self
    }

    /// With this wait between tries to reconnect.
    #[must_use]
    pub const fn with_backoff(mut self, backoff: coview_proto::Backoff) -> Self {
        self.agent.backoff = backoff;
        self
    }
}

/// The address of a server: `ws://`, `wss://`, `http://` or `https://`, host, optional port and
/// optional path prefix. The path of the socket is added.
///
/// ```
/// use coview_smol::ServerUrl;
///
/// let url: ServerUrl = "https://example.org/help".parse()?;
/// assert_eq!(url.to_string(), "wss://example.org:443/help/v1/socket");
/// # Ok::<(), coview_smol::UrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    pub(crate) tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    path: String,
}

/// Why a text is not the address of a server.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UrlError {
    /// Not a URL at all.
    #[error("not a URL: {0}")]
    Syntax(String),
    /// The scheme is missing or another one.
    #[error("the scheme must be ws, wss, http or https")]
    Scheme,
    /// There is no host.
    #[error("the host is missing")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("the port must be a number from 1 to 65535")]
    Port,
    /// A user name or password in the address. coview has no use for one.
    #[error("an address has no user name or password")]
    Userinfo,
    /// A query in the address; tokens never go into an address.
    #[error("an address has no query; give tokens by their own options")]
    Query,
}

impl FromStr for ServerUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let uri: Uri = text.parse().map_err(
            |error: async_tungstenite::tungstenite::http::uri::InvalidUri| {
                UrlError::Syntax(error.to_string())
            },
        )?;
        let tls = match uri.scheme_str() {
            Some("ws" | "http") => false,
            Some("wss" | "https") => true,
            Some(_) | None => return Err(UrlError::Scheme),
        };
        let authority = uri.authority().ok_or(UrlError::Host)?;
        if authority.as_str().contains('@') {
            return Err(UrlError::Userinfo);
        }
        if uri.query().is_some() {
            return Err(UrlError::Query);
        }
        let host = authority.host();
        if host.is_empty() {
            return Err(UrlError::Host);
        }
        let prefix = uri.path().trim_end_matches('/');
        let path = if prefix.ends_with(WEBSOCKET_PATH) {
            prefix.to_owned()
        } else {
            format!("{prefix}{WEBSOCKET_PATH}")
        };
        let port = match authority.as_str()[host.len()..].trim_start_matches(':') {
            "" if tls => 443,
            "" => 80,
            port => port.parse().ok().filter(|port| *port != 0).ok_or(UrlError::Port)?,
        };
        Ok(Self { tls, host: host.to_owned(), port, path })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "wss" } else { "ws" };
        write!(f, "{scheme}://{}:{}{}", self.host, self.port, self.path)
    }
}

impl ServerUrl {
    /// The host as a resolver takes it: an IPv6 address without its brackets.
    pub(crate) fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
}

/// Which certificates are trusted for `wss://`.
#[derive(Clone)]
pub struct Roots(pub(crate) Arc<ClientConfig>);

/// Why certificate roots were not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RootsError {
    /// The text is not PEM, or a certificate in it cannot be read.
    #[error("not a PEM file of certificates: {0}")]
    Pem(String),
    /// There is no certificate in it.
    #[error("there is no certificate in the PEM text")]
    Empty,
}

impl Roots {
    /// Mozilla's list, as the `webpki-roots` crate has it. The default.
    #[must_use]
    pub fn mozilla() -> Self {
        Self::from_store(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
    }

    /// Only the certificates in this PEM text: for a server with a certificate of your own.
    ///
    /// # Errors
    ///
    /// [`RootsError`] if the text holds no certificate or one that cannot be read.
    pub fn pem(text: &[u8]) -> Result<Self, RootsError> {
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(text) {
            let certificate = certificate.map_err(|error| RootsError::Pem(error.to_string()))?;
            store.add(certificate).map_err(|error| RootsError::Pem(error.to_string()))?;
        }
        if store.is_empty() { Err(RootsError::Empty) } else { Ok(Self::from_store(store)) }
    }

    fn from_store(store: RootCertStore) -> Self {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the ring provider supports the default protocol versions")
            .with_root_certificates(store)
            .with_no_client_auth();
        Self(Arc::new(config))
    }
}

impl Default for Roots {
    fn default() -> Self {
        Self::mozilla()
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Roots")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Result<String, UrlError> {
        text.parse().map(|url: ServerUrl| url.to_string())
    }

    #[test]
    fn a_port_is_taken_as_it_is_or_refused() {
        let ok = |text: &str| Ok(text.to_owned());
        assert_eq!(address("ws://example.org"), ok("ws://example.org:80/v1/socket"));
        assert_eq!(address("ws://example.org:"), ok("ws://example.org:80/v1/socket"));
        assert_eq!(address("wss://example.org:65535"), ok("wss://example.org:65535/v1/socket"));
        assert_eq!(address("ws://[::1]:7300/help"), ok("ws://[::1]:7300/help/v1/socket"));
        assert_eq!(address("wss://[::1]"), ok("wss://[::1]:443/v1/socket"));
        for wrong in ["ws://example.org:65536", "ws://example.org:0", "ws://[::1]:99999"] {
            assert_eq!(address(wrong), Err(UrlError::Port), "{wrong}");
        }
    }
}
