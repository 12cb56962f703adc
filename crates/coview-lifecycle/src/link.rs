use core::fmt;
use core::task::Context;
use core::task::Poll;

use coview_wire::ClientMessage;
use coview_wire::CloseReason;
use coview_wire::RefusalCode;
use coview_wire::ServerMessage;
use thiserror::Error;

/// The seam between a visitor and whatever carries its messages: an engine in a driver task, or
/// two queues in a test. It needs `core::task` and nothing else.
///
/// Dropping the link means leaving: the other half says goodbye to the server.
///
/// ```
/// use core::task::{Context, Poll};
/// use coview_lifecycle::{Arrival, Link, LinkClosed};
/// use coview_wire::ClientMessage;
///
/// /// A link that leads nowhere.
/// struct Nowhere;
///
/// impl Link for Nowhere {
///     fn send(&mut self, _: ClientMessage) {}
///     fn poll_recv(&mut self, _: &mut Context<'_>) -> Poll<Arrival> {
///         Poll::Ready(Arrival::Closed(LinkClosed::Gone))
///     }
/// }
/// ```
///
/// A link that only sends is none:
///
/// ```compile_fail,E0046
/// struct OneWay;
///
/// impl coview_lifecycle::Link for OneWay {
///     fn send(&mut self, _: coview_wire::ClientMessage) {}
/// }
/// ```
pub trait Link {
    /// Hands a message over. It cannot fail and does not wait: while there is no connection the
    /// other half keeps the message and says it after the reconnect.
    fn send(&mut self, message: ClientMessage);

    /// The next thing that arrived. After [`Arrival::Closed`] it is not called again.
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Arrival>;
}

/// What comes out of a link.
#[expect(clippy::large_enum_variant, reason = "nearly every arrival is a message")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The server said something.
    Message(ServerMessage),
    /// The connection came or went; nothing else changed.
    Connectivity(Connectivity),
    /// The link ended for good.
    Closed(LinkClosed),
}

/// Whether there is a connection to the server just now. It is for a user interface to show; no
/// type depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Connectivity {
    /// Connected.
    #[default]
    Connected,
    /// The connection broke; the engine is trying to come back.
    Reconnecting,
    /// The connection broke while the app was in the background with nothing to share: the engine
    /// waits for the foreground, and comes back in time to keep the presence lease.
    Parked,
}

impl fmt::Display for Connectivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Connected => "connected",
            Self::Reconnecting => "reconnecting",
            Self::Parked => "parked in the background",
        })
    }
}

/// Why a link ended for good. The engine does not try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
pub enum LinkClosed {
    /// The app left. Connect anew to go on.
    #[error("the app left")]
    Left,
    /// The server refused the connection or, after a reconnect, the visitor's identity. The code's
    /// own documentation gives the remedy.
    #[error("the server refused: {0}")]
    Refused(RefusalCode),
    /// The server closed the connection and does not want the client back.
    #[error("the server closed the connection: {0}")]
    Server(CloseReason),
    /// The other half of the link is gone: the driver was dropped or its task cancelled. Keep the
    /// driver running as long as the visitor lives.
    #[error("the driver of the connection is gone")]
    Gone,
}
