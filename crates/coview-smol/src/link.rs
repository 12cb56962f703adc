use core::fmt;
use core::pin::Pin;
use core::task::Context;
use core::task::Poll;

use async_channel::Receiver;
use async_channel::Sender;
use coview_agent::AgentArrival;
use coview_agent::AgentLink;
use coview_agent::ViewLink;
use coview_lifecycle::Arrival;
use coview_lifecycle::Connectivity;
use coview_lifecycle::Link;
use coview_lifecycle::LinkClosed;
use coview_lifecycle::ScreenLink;
use coview_proto::AgentRole;
use coview_proto::Role;
use coview_proto::VisitorRole;
use coview_wire::AgentMessage;
use coview_wire::ClientMessage;
use coview_wire::SessionId;
use futures_lite::Stream;

use crate::pictures::PicturePipe;
use crate::pictures::Pictures;

/// How many arrivals may wait for an app that does not look. When they are full the driver stops
/// reading from the socket.
const WAITING: usize = 64;

/// The link between a typed visitor or agent and its [`Driver`](crate::Driver): two channel ends,
/// and the way to those of the pictures.
pub struct ChannelLink<R: Role> {
    say: Sender<R::Says>,
    hear: Pin<Box<Receiver<Heard<R>>>>,
    say_binary: Sender<Vec<u8>>,
    pictures: Pictures,
}

/// The driver's ends.
pub(crate) struct DriverEnds<R: Role> {
    pub(crate) says: Pin<Box<Receiver<R::Says>>>,
    pub(crate) heard: Sender<Heard<R>>,
    pub(crate) says_binary: Pin<Box<Receiver<Vec<u8>>>>,
    pub(crate) pictures: Pictures,
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
    // A sharer has no more under way than its viewers have acknowledged, a viewer answers what it
    // was sent, and the driver never stops taking it.
    let (say_binary, says_binary) = async_channel::unbounded();
    let pictures = Pictures::default();
    let ends = DriverEnds {
        says: Box::pin(says),
        heard,
        says_binary: Box::pin(says_binary),
        pictures: pictures.clone(),
    };
    (ChannelLink { say, hear: Box::pin(hear), say_binary, pictures }, ends)
}

/// Nothing comes any more; whoever waits for a picture is told.
impl<R: Role> Drop for DriverEnds<R> {
    fn drop(&mut self) {
        self.pictures.session_is(None);
    }
}

impl<R: Role> DriverEnds<R> {
    /// The next thing to say about the picture, for as long as anybody could say one.
    pub(crate) fn poll_says_binary(&mut self, cx: &mut Context<'_>) -> Poll<Vec<u8>> {
        match self.says_binary.as_mut().poll_next(cx) {
            Poll::Ready(Some(bytes)) => Poll::Ready(bytes),
            // The link and its pipes are gone; that the app left is told by the other channel.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
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

impl ScreenLink for ChannelLink<VisitorRole> {
    type Pipe = PicturePipe;

    fn screen(&mut self, session: SessionId) -> PicturePipe {
        self.pictures.open_to_share(session, self.say_binary.clone())
    }
}

impl ViewLink for ChannelLink<AgentRole> {
    type Pipe = PicturePipe;

    fn view(&mut self, session: SessionId) -> PicturePipe {
        self.pictures.open_to_view(session, self.say_binary.clone())
    }
}

impl<R: Role> fmt::Debug for ChannelLink<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChannelLink")
    }
}
