use core::fmt;
use core::pin::Pin;
use core::task::Context;
use core::task::Poll;

use async_channel::Receiver;
use async_channel::Sender;
use coview_agent::AgentArrival;
use coview_agent::AgentLink;
use coview_lifecycle::Arrival;
use coview_lifecycle::Connectivity;
use coview_lifecycle::Link;
use coview_lifecycle::LinkClosed;
use coview_proto::AgentRole;
use coview_proto::Role;
use coview_proto::VisitorRole;
use coview_wire::AgentMessage;
use coview_wire::ClientMessage;
use futures_lite::Stream;

/// How many arrivals may wait for an app that does not look. When they are full the driver stops
/// reading from the socket.
const WAITING: usize = 64;

/// The link between a typed visitor or agent and its [`Driver`](crate::Driver): two channel ends.
pub struct ChannelLink<R: Role> {
    say: Sender<R::Says>,
    hear: Pin<Box<Receiver<Heard<R>>>>,
}

/// The driver's two ends.
pub(crate) struct DriverEnds<R: Role> {
    pub(crate) says: Pin<Box<Receiver<R::Says>>>,
    pub(crate) heard: Sender<Heard<R>>,
}

pub(crate) enum Heard<R: Role> {
    Message(R::Hears),
    Connectivity(Connectivity),
    Closed(LinkClosed),
}

pub(crate) fn link<R: Role>() -> (ChannelLink<R>, DriverEnds<R>) {
    // The engine bounds what is said, and the driver never stops taking it.
    let (say, says) = async_channel::unbounded();
    let (heard, hear) = async_channel::bounded(WAITING);
    let link = ChannelLink { say, hear: Box::pin(hear) };
    (link, DriverEnds { says: Box::pin(says), heard })
}

impl<R: Role> ChannelLink<R> {
    fn say(&self, message: R::Says) {
        // If the driver is gone the link says so when it is polled next.
        let _ = self.say.try_send(message);
    }

    fn poll_hear(&mut self, cx: &mut Context<'_>) -> Poll<Heard<R>> {
        self.hear
            .as_mut()
            .poll_next(cx)
            .map(|heard| heard.unwrap_or(Heard::Closed(LinkClosed::Gone)))
    }
}

impl Link for ChannelLink<VisitorRole> {
    fn send(&mut self, message: ClientMessage) {
        self.say(message);
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Arrival> {
        self.poll_hear(cx).map(|heard| match heard {
            Heard::Message(message) => Arrival::Message(message),
            Heard::Connectivity(connectivity) => Arrival::Connectivity(connectivity),
            Heard::Closed(reason) => Arrival::Closed(reason),
        })
    }
}

impl AgentLink for ChannelLink<AgentRole> {
    fn send(&mut self, message: AgentMessage) {
        self.say(message);
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<AgentArrival> {
        self.poll_hear(cx).map(|heard| match heard {
            Heard::Message(message) => AgentArrival::Message(message),
            Heard::Connectivity(connectivity) => AgentArrival::Connectivity(connectivity),
            Heard::Closed(reason) => AgentArrival::Closed(reason),
        })
    }
}

impl<R: Role> fmt::Debug for ChannelLink<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChannelLink")
    }
}
