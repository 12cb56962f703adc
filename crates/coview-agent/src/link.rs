use core::task::Context;
use core::task::Poll;

use coview_lifecycle::Connectivity;
use coview_lifecycle::LinkClosed;
use coview_wire::AgentMessage;
use coview_wire::AgentNotice;

/// The seam between an agent and whatever carries its messages: an engine in a driver task, or two
/// queues in a test. It needs `core::task` and nothing else.
///
/// Dropping the link means leaving: the other half says goodbye to the server.
///
/// ```
/// use core::task::{Context, Poll};
/// use coview_agent::{AgentArrival, AgentLink};
/// use coview_lifecycle::LinkClosed;
/// use coview_wire::AgentMessage;
///
/// /// A link that leads nowhere.
/// struct Nowhere;
///
/// impl AgentLink for Nowhere {
///     fn send(&mut self, _: AgentMessage) {}
///     fn poll_recv(&mut self, _: &mut Context<'_>) -> Poll<AgentArrival> {
///         Poll::Ready(AgentArrival::Closed(LinkClosed::Gone))
///     }
/// }
/// ```
pub trait AgentLink {
    /// Hands a message over. It cannot fail and does not wait: while there is no connection the
    /// other half keeps the message and says it after the reconnect.
    fn send(&mut self, message: AgentMessage);

    /// The next thing that arrived. After [`AgentArrival::Closed`] it is not called again.
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<AgentArrival>;
}

/// What comes out of an agent's link.
#[expect(clippy::large_enum_variant, reason = "nearly every arrival is a message")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentArrival {
    /// The server said something.
    Message(AgentNotice),
    /// The connection came or went; nothing else changed.
    Connectivity(Connectivity),
    /// The link ended for good.
    Closed(LinkClosed),
}
