//! Why a command failed, in words a person can act on.

use core::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use anstyle::AnsiColor;
use coview_lifecycle::LinkClosed;
use coview_smol::ConnectError;
use coview_smol::OpenErrorKind;
use coview_wire::RefusalCode;

/// Why a command failed: what is told on standard error, and the exit code.
pub(crate) struct Failure {
    exit: u8,
    message: String,
    remedy: Option<String>,
}

impl Failure {
    /// Something failed at run time.
    pub(crate) fn run(message: impl Display) -> Self {
        Self { exit: 1, message: message.to_string(), remedy: None }
    }

    /// The command line or the configuration is wrong.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self { exit: 2, message: message.to_string(), remedy: None }
    }

    /// With what to do about it.
    pub(crate) fn with_remedy(mut self, remedy: impl Display) -> Self {
        self.remedy = Some(remedy.to_string());
        self
    }

    /// What went wrong, in one line or several.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Tells it on standard error and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let bad = AnsiColor::Red.on_default().bold();
        let good = AnsiColor::Green.on_default();
        let mut err = anstream::stderr().lock();
        // If standard error is closed there is nobody to tell.
        let _ = writeln!(err, "{bad}error:{bad:#} {}", self.message);
        if let Some(remedy) = &self.remedy {
            let _ = writeln!(err, "{good} help:{good:#} {remedy}");
        }
        ExitCode::from(self.exit)
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let remedy = match &error {
            ConnectError::Unreachable(open) => match open.kind() {
                OpenErrorKind::Address => Some("correct the address given to --server"),
                OpenErrorKind::Name => Some("check the host of --server and the network"),
                OpenErrorKind::Connect => {
                    Some("check host and port of --server, and that `coview serve` runs there")
                }
                OpenErrorKind::Tls if open.to_string().contains("CaUsedAsEndEntity") => Some(
                    "the server's certificate says it is an authority; `openssl req -x509` makes one \
                     for a server with -addext basicConstraints=critical,CA:FALSE",
                ),
                OpenErrorKind::Tls => Some(
                    "for a certificate of your own give --ca FILE; for a server without TLS write ws://",
                ),
                OpenErrorKind::Handshake if open.to_string().contains("503 ") => {
                    Some("the server, or a proxy before it, has no room just now; try again later")
                }
                OpenErrorKind::Handshake => {
                    Some("check port and path of --server; a server with TLS is reached by wss://")
                }
                OpenErrorKind::Dropped => Some("try again; a server with TLS is reached by wss://"),
                _ => None,
            },
            ConnectError::Refused(code) => remedy(*code),
            ConnectError::NoAnswer => {
                Some("check the address given to --server: something else may listen there")
            }
            ConnectError::Protocol(_) => Some("check that --server is a coview server"),
            ConnectError::Left | ConnectError::Server(_) | ConnectError::Backlog => None,
        };
        Self { exit: 1, message: error.to_string(), remedy: remedy.map(str::to_owned) }
    }
}

impl From<LinkClosed> for Failure {
    fn from(reason: LinkClosed) -> Self {
        let remedy = match reason {
            LinkClosed::Refused(code) => remedy(code),
            LinkClosed::Left | LinkClosed::Server(_) | LinkClosed::Gone => None,
        };
        Self { exit: 1, message: reason.to_string(), remedy: remedy.map(str::to_owned) }
    }
}

/// What a person can do about a refusal, if anything.
pub(crate) const fn remedy(code: RefusalCode) -> Option<&'static str> {
    match code {
        RefusalCode::VersionUnsupported => Some("update the older of client and server"),
        RefusalCode::UnknownGroup => Some("check --group against the server's configuration"),
        RefusalCode::BadToken => Some("check --token against the server's configuration"),
        RefusalCode::TokenExpired | RefusalCode::TokenUsed | RefusalCode::SignInExpired => {
            Some("get a new token; to try out: `coview token agent`")
        }
        RefusalCode::OriginForbidden => Some("add the page's origin to the group's `origins`"),
        RefusalCode::AssertionNeeded | RefusalCode::BadAssertion => {
            Some("get an assertion from the app's backend; to try out: `coview token visitor`")
        }
        RefusalCode::NotAllowed => Some("the token restricts what you may do"),
        RefusalCode::PresenceDisabled => Some("share with a key instead: `share`"),
        RefusalCode::AlreadyIdentified => Some("`logout` first"),
        RefusalCode::NotOnline => Some("the visitor goes online with `online`; or `join` a key"),
        RefusalCode::VisitorBusy => Some("try again when the visitor is free, or `join` a key"),
        RefusalCode::AgentBusy => Some("`withdraw` the request or `leave` the session first"),
        RefusalCode::NoSuchKey => {
            Some("ask the visitor to start again and to read out the new key")
        }
        RefusalCode::TermsOver => Some("the agent may ask again"),
        RefusalCode::ShuttingDown
        | RefusalCode::NoAnswer
        | RefusalCode::LimitExceeded
        | RefusalCode::Unavailable => Some("try again later"),
        RefusalCode::JoinDeclined => Some("tell the visitor your name, and ask for a new key"),
        RefusalCode::ResumeFailed
        | RefusalCode::HelloFirst
        | RefusalCode::IllegalOrder
        | RefusalCode::Malformed
        | RefusalCode::UnknownType
        | RefusalCode::Cancelled
        | RefusalCode::TooManyTries
        | RefusalCode::SessionGone
        | RefusalCode::SessionFull
        | RefusalCode::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use coview_smol::OpenError;

    use super::*;

    #[test]
    fn the_remedy_fits_what_went_wrong() {
        use OpenErrorKind::{Handshake, Tls};
        for (kind, detail, told) in [
            (Handshake, "HTTP error: 503 Service Unavailable", "try again later"),
            (Handshake, "HTTP error: 404 Not Found", "check port and path"),
            (Tls, "invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))", "CA:FALSE"),
            (Tls, "invalid peer certificate: UnknownIssuer", "--ca FILE"),
        ] {
            let error = OpenError::new(kind, detail.to_owned());
            let failure = Failure::from(ConnectError::Unreachable(error));
            let remedy = failure.remedy.unwrap_or_default();
            assert!(remedy.contains(told), "{detail}: {remedy}");
        }
    }
}
