use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use coview_lifecycle::LinkClosed;
use coview_wire::CloseReason;
use coview_wire::DecodeError;
use coview_wire::RefusalCode;
use thiserror::Error;

/// Why an engine ended. It is final: make a new engine to go on.
///
/// Before [`Output::Ready`](crate::Output::Ready) every failure ends the engine, so that a connect
/// answers with its cause instead of trying for ever. Afterwards only
/// [`Left`](Self::Left), [`Refused`](Self::Refused), [`Server`](Self::Server) and
/// [`Backlog`](Self::Backlog) can happen; the engine comes back from everything else by itself.
///
/// Its words hold those of the cause, so it names no [`source`](core::error::Error::source): who
/// prints a chain of errors reads each once.
///
/// ```
/// use core::error::Error;
/// use coview_proto::{Ended, OpenError, OpenErrorKind};
///
/// let ended = Ended::Unreachable(OpenError::new(OpenErrorKind::Connect, "refused"));
/// assert_eq!(ended.to_string(), "the server cannot be reached: no connection: refused");
/// assert!(ended.source().is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Ended {
    /// The app left.
    #[error("the app left")]
    Left,
    /// The server refused the connection or, after a reconnect, who the client is. The code's own
    /// documentation gives the remedy.
    #[error("the server refused: {0}")]
    Refused(RefusalCode),
    /// The server closed the connection and does not want the client back; or it closed the first
    /// connection before it had answered.
    #[error("the server closed the connection: {0}")]
    Server(CloseReason),
    /// There was no connection to begin with. Check the address and the network, then try again.
    #[error("the server cannot be reached: {0}")]
    Unreachable(OpenError),
    /// Opening the first connection and getting the first reply took too long. The address may
    /// lead to something that is not a coview server.
    #[error("the server did not answer in time")]
    NoAnswer,
    /// The first thing the other side said is not what a coview server says. Check the address.
    #[error("the other side does not speak the coview protocol: {0}")]
    Protocol(ProtocolError),
    /// The app said more than [`OUTBOX_LIMIT`](crate::OUTBOX_LIMIT) messages that the server has
    /// not acknowledged. Say less while there is no connection.
    #[error("too many messages wait for the connection")]
    Backlog,
}

/// As a lifecycle's link tells it. What can only happen before `Ready` has no word of its own
/// there: no link exists yet.
impl From<Ended> for LinkClosed {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Left => Self::Left,
            Ended::Refused(code) => Self::Refused(code),
            Ended::Server(reason) => Self::Server(reason),
            Ended::Backlog => Self::Refused(RefusalCode::LimitExceeded),
            Ended::Unreachable(_) | Ended::NoAnswer | Ended::Protocol(_) => Self::Gone,
        }
    }
}

/// What was wrong with the first thing the other side said.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProtocolError {
    /// It is not a message. The error names fields and limits, never values.
    #[error(transparent)]
    Undecodable(DecodeError),
    /// It is a message that cannot come first.
    #[error("{0:?} came before the first reply")]
    Unexpected(&'static str),
}

/// Why a transport could not be opened, or broke before the first reply.
///
/// ```
/// use coview_proto::{OpenError, OpenErrorKind};
///
/// let error = OpenError::new(OpenErrorKind::Connect, "connection refused (os error 111)");
/// assert_eq!(error.to_string(), "no connection: connection refused (os error 111)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct OpenError {
    kind: OpenErrorKind,
    detail: Box<str>,
}

/// At which step a transport failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OpenErrorKind {
    /// The address is not one this transport can use. Correct it.
    Address,
    /// The server's name could not be resolved. Check the name and the network.
    Name,
    /// Nothing answers at the address. Check host, port and whether the server runs.
    Connect,
    /// TLS failed: the certificate is not trusted, or the other side does not speak TLS. Check the
    /// certificate roots and the scheme of the address.
    Tls,
    /// The other side answered, but not as a coview server does. Check port and path.
    Handshake,
    /// The connection broke before the first reply.
    Dropped,
}

impl OpenError {
    /// The step that failed, and the words of whatever failed there. The words reach logs and
    /// users: they must not hold a token.
    #[must_use]
    pub fn new(kind: OpenErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into().into_boxed_str() }
    }

    /// At which step it failed.
    #[must_use]
    pub const fn kind(&self) -> OpenErrorKind {
        self.kind
    }

    /// The words of whatever failed; may be empty.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.detail.is_empty() {
            write!(f, "{}", self.kind)
        } else {
            write!(f, "{}: {}", self.kind, self.detail)
        }
    }
}

impl fmt::Display for OpenErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Address => "the address cannot be used",
            Self::Name => "the name cannot be resolved",
            Self::Connect => "no connection",
            Self::Tls => "TLS failed",
            Self::Handshake => "the other side is not a coview server",
            Self::Dropped => "the connection broke before the first reply",
        })
    }
}
