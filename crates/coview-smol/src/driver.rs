use core::fmt;
use core::future::Future;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::Context;
use core::task::Poll;
use core::task::ready;
use core::time::Duration;
use std::collections::VecDeque;
use std::time::Instant;

use async_tungstenite::tungstenite;
use coview_lifecycle::Connectivity;
use coview_proto::Engine;
use coview_proto::Input;
use coview_proto::OpenError;
use coview_proto::Output;
use coview_proto::Role;
use coview_wire::Moment;
use futures_lite::Stream;
use futures_sink::Sink;
use smol::Timer;

use crate::ConnectError;
use crate::config::Roots;
use crate::config::ServerUrl;
use crate::link::ChannelLink;
use crate::link::DriverEnds;
use crate::link::Heard;
use crate::link::link;
use crate::transport::Socket;
use crate::transport::open;

/// How long the goodbye may take to be written before the socket is let go.
const GOODBYE: Duration = Duration::from_secs(2);

type Opening = Pin<Box<dyn Future<Output = Result<Socket, OpenError>> + Send>>;
type Handing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Moves messages between a visitor or an agent and the server for as long as either lives.
///
/// It must run for the connection to function: [`run`](Self::run) it on an executor. It ends when
/// the visitor or the agent has been dropped and the goodbye is said, or when the link is closed
/// for good. Dropping it cuts the connection without a goodbye; the server keeps the place for its
/// grace, and the visitor's link says [`Gone`](coview_lifecycle::LinkClosed::Gone).
///
/// It is `Send` and not `Sync`: move it to the task that runs it.
#[must_use = "the connection functions only while its driver runs"]
pub struct Driver<R: Role> {
    engine: Engine<R>,
    began: Instant,
    server: ServerUrl,
    roots: Roots,
    transport: Transport,
    /// What waits to be written to the socket; at most one picture.
    unwritten: VecDeque<tungstenite::Message>,
    /// Whether what is said about the picture goes before what is heard next, so that neither waits
    /// for the other for long.
    pictures_first: bool,
    /// The longest message the server may send.
    longest: usize,
    ends: DriverEnds<R>,
    /// What waits for room in the channel to the app; nothing is read from the socket meanwhile.
    handing: Option<Handing>,
    unhanded: VecDeque<Heard<R>>,
    /// Whether the app has dropped its half.
    left: bool,
    timer: Option<Timer>,
    ended: Option<ConnectError>,
}

enum Transport {
    None,
    Opening(Opening),
    Open(Box<Socket>),
    /// The engine has let go of it; what was said before is still being written.
    Closing(Box<Socket>, Timer),
}

/// What woke the driver.
enum Happened<R: Role> {
    Opened(Box<Socket>),
    OpenFailed(OpenError),
    Heard(tungstenite::Message),
    Dropped,
    Said(R::Says),
    SaidBinary(Vec<u8>),
    Left,
    Timeout,
    /// Something was written or handed over; look again.
    Progress,
}

impl<R: Role> Driver<R>
where
    R::Says: Send + 'static,
    R::Hears: Send + 'static,
{
    /// Drives a new engine until the server has answered for the first time.
    pub(crate) async fn open(
        server: ServerUrl,
        roots: Roots,
        config: R::Config,
        longest: usize,
    ) -> Result<(Self, ChannelLink<R>, R::Greeting), ConnectError> {
        let seed = getrandom::u64().unwrap_or(0);
        let (link, ends) = link();
        let mut driver = Self {
            engine: Engine::new(config, seed),
            began: now(),
            server,
            roots,
            transport: Transport::None,
            unwritten: VecDeque::new(),
            pictures_first: false,
            longest,
            ends,
            handing: None,
            unhanded: VecDeque::new(),
            left: false,
            timer: None,
            ended: None,
        };
        driver.engine.handle_input(Moment::ZERO, Input::Start);
        loop {
            if let Some(greeting) = driver.drain() {
                return Ok((driver, link, greeting));
            }
            if let Some(ended) = driver.ended.take() {
                return Err(ended);
            }
            driver.wait().await;
        }
    }

    /// Runs until the app has left or the link is closed for good.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cuts the connection without a goodbye.
    pub async fn run(mut self) {
        loop {
            self.drain();
            let idle = matches!(self.transport, Transport::None);
            let handed = self.unhanded.is_empty() && self.handing.is_none();
            if self.ended.is_some() && idle && (handed || self.ends.heard.is_closed()) {
                return;
            }
            self.wait().await;
        }
    }

    /// Does what the engine wants until it is idle; gives the greeting when there is one.
    fn drain(&mut self) -> Option<R::Greeting> {
        let mut ready = None;
        let mut unsaid = None;
        loop {
            match self.engine.poll_output() {
                Output::Open => {
                    let opening = open(self.server.clone(), self.roots.clone(), self.longest);
                    self.transport = Transport::Opening(Box::pin(opening));
                    self.unwritten.clear();
                }
                Output::Send(text) => {
                    self.unwritten.push_back(tungstenite::Message::text(text));
                }
                Output::SendBinary(bytes) => {
                    self.unwritten.push_back(tungstenite::Message::binary(bytes));
                }
                Output::Close => {
                    let transport = core::mem::replace(&mut self.transport, Transport::None);
                    self.transport = match transport {
                        Transport::Open(socket) => {
                            Transport::Closing(socket, Timer::after(GOODBYE))
                        }
                        Transport::None | Transport::Opening(_) => Transport::None,
                        closing @ Transport::Closing(..) => closing,
                    };
                }
                Output::Ready(greeting) => ready = Some(greeting),
                Output::HearBinary(bytes) => {
                    self.ends.pictures.session_is(self.engine.picture_session());
                    unsaid = self.ends.pictures.heard(bytes).or(unsaid);
                }
                Output::Hear(message) => self.unhanded.push_back(Heard::Message(message)),
                Output::Connectivity(connectivity) => {
                    match connectivity {
                        Connectivity::Connected => {}
                        Connectivity::Reconnecting | Connectivity::Parked => {
                            self.ends.pictures.interrupted();
                        }
                    }
                    self.unhanded.push_back(Heard::Connectivity(connectivity));
                }
                Output::Closed(ended) => {
                    self.unhanded.push_back(Heard::Closed(ended.clone().into()));
                    self.ended = Some(ended);
                }
                Output::Idle { wake_at } => {
                    if let Some(signal) = unsaid.take() {
                        tracing::debug!("pictures that nobody took were thrown away");
                        let input = Input::SayBinary(signal.encode());
                        self.engine.handle_input(self.now(), input);
                        continue;
                    }
                    self.ends.pictures.session_is(self.engine.picture_session());
                    self.timer = wake_at
                        .map(|deadline| Timer::at(self.began + deadline.at.since(Moment::ZERO)));
                    return ready;
                }
            }
        }
    }

    fn now(&self) -> Moment {
        Moment::new(now().saturating_duration_since(self.began))
    }

    async fn wait(&mut self) {
        let happened = poll_fn(|cx| self.poll(cx)).await;
        let at = self.now();
        match happened {
            Happened::Opened(socket) => {
                self.transport = Transport::Open(socket);
                self.engine.handle_input(at, Input::Opened);
            }
            Happened::OpenFailed(error) => {
                tracing::debug!(%error, server = %self.server, "opening failed");
                self.transport = Transport::None;
                self.engine.handle_input(at, Input::OpenFailed(error));
            }
            Happened::Heard(tungstenite::Message::Text(text)) => {
                self.engine.handle_input(at, Input::Text(&text));
            }
            Happened::Heard(tungstenite::Message::Binary(bytes)) => {
                self.engine.handle_input(at, Input::Binary(&bytes));
            }
            // The library answers pings by itself; the end of the stream follows a close.
            Happened::Heard(
                tungstenite::Message::Ping(_)
                | tungstenite::Message::Pong(_)
                | tungstenite::Message::Close(_)
                | tungstenite::Message::Frame(_),
            )
            | Happened::Progress => {}
            Happened::Dropped => {
                let asked_for = matches!(self.transport, Transport::Closing(..));
                self.transport = Transport::None;
                self.unwritten.clear();
                if !asked_for {
                    self.engine.handle_input(at, Input::Dropped);
                }
            }
            Happened::SaidBinary(bytes) => {
                self.engine.handle_input(at, Input::SayBinary(bytes));
            }
            Happened::Said(message) => self.engine.handle_input(at, Input::Say(message)),
            Happened::Left => {
                self.left = true;
                self.engine.handle_input(at, Input::Leave);
            }
            Happened::Timeout => {
                self.timer = None;
                self.engine.handle_input(at, Input::Timeout);
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Happened<R>> {
        if self.poll_hand_over(cx).is_ready() {
            return Poll::Ready(Happened::Progress);
        }
        if !self.left
            && let Poll::Ready(said) = self.ends.says.as_mut().poll_next(cx)
        {
            return Poll::Ready(said.map_or(Happened::Left, Happened::Said));
        }
        if let Poll::Ready(happened) = self.poll_transport(cx) {
            return Poll::Ready(happened);
        }
        match &mut self.timer {
            Some(timer) => Pin::new(timer).poll(cx).map(|_| Happened::Timeout),
            None => Poll::Pending,
        }
    }

    /// Hands what was heard to the app, as far as there is room.
    fn poll_hand_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(handing) = &mut self.handing {
            ready!(handing.as_mut().poll(cx));
            self.handing = None;
            return Poll::Ready(());
        }
        let mut handed = false;
        while let Some(heard) = self.unhanded.pop_front() {
            handed = true;
            match self.ends.heard.try_send(heard) {
                Ok(()) | Err(async_channel::TrySendError::Closed(_)) => {}
                Err(async_channel::TrySendError::Full(heard)) => {
                    let channel = self.ends.heard.clone();
                    let mut handing: Handing = Box::pin(async move {
                        let _ = channel.send(heard).await;
                    });
                    if handing.as_mut().poll(cx).is_pending() {
                        self.handing = Some(handing);
                        return Poll::Pending;
                    }
                }
            }
        }
        // Handing over the last of it may be all that `run` waits for; nothing else would wake it.
        if handed { Poll::Ready(()) } else { Poll::Pending }
    }

    fn poll_transport(&mut self, cx: &mut Context<'_>) -> Poll<Happened<R>> {
        let full = self.handing.is_some();
        match &mut self.transport {
            Transport::None => self.poll_says_binary(cx),
            Transport::Opening(opening) => match opening.as_mut().poll(cx) {
                Poll::Ready(Ok(socket)) => Poll::Ready(Happened::Opened(Box::new(socket))),
                Poll::Ready(Err(error)) => Poll::Ready(Happened::OpenFailed(error)),
                Poll::Pending => self.poll_says_binary(cx),
            },
            Transport::Open(socket) => {
                // A picture is taken up when everything before it has left, so that a picture never
                // follows the end of its session, and text never waits for more than one picture.
                let written = match poll_write(socket, &mut self.unwritten, cx) {
                    Poll::Ready(Ok(())) => true,
                    Poll::Ready(Err(())) => return Poll::Ready(Happened::Dropped),
                    Poll::Pending => false,
                };
                self.pictures_first = !self.pictures_first;
                if written
                    && self.pictures_first
                    && let Poll::Ready(said) = self.ends.poll_says_binary(cx)
                {
                    return Poll::Ready(Happened::SaidBinary(said));
                }
                if !full && let Poll::Ready(heard) = Pin::new(&mut **socket).poll_next(cx) {
                    return Poll::Ready(match heard {
                        Some(Ok(message)) => Happened::Heard(message),
                        Some(Err(_)) | None => Happened::Dropped,
                    });
                }
                if written && !self.pictures_first {
                    return self.poll_says_binary(cx);
                }
                Poll::Pending
            }
            Transport::Closing(socket, timer) => {
                if Pin::new(timer).poll(cx).is_ready() {
                    return Poll::Ready(Happened::Dropped);
                }
                if ready!(poll_write(socket, &mut self.unwritten, cx)).is_ok() {
                    let _ = ready!(Pin::new(&mut **socket).poll_close(cx));
                }
                Poll::Ready(Happened::Dropped)
            }
        }
    }
}

impl<R: Role> Driver<R> {
    fn poll_says_binary(&mut self, cx: &mut Context<'_>) -> Poll<Happened<R>> {
        self.ends.poll_says_binary(cx).map(Happened::SaidBinary)
    }
}

/// Writes what waits; ready when all of it is written, or when it cannot be.
fn poll_write(
    socket: &mut Socket,
    unwritten: &mut VecDeque<tungstenite::Message>,
    cx: &mut Context<'_>,
) -> Poll<Result<(), ()>> {
    let mut socket = Pin::new(socket);
    while !unwritten.is_empty() {
        ready!(socket.as_mut().poll_ready(cx)).map_err(drop)?;
        if let Some(message) = unwritten.pop_front() {
            socket.as_mut().start_send(message).map_err(drop)?;
        }
    }
    socket.poll_flush(cx).map_err(drop)
}

#[expect(clippy::disallowed_methods, reason = "the adapter is where the clock is read")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

impl<R: Role> fmt::Debug for Driver<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("server", &self.server).finish_non_exhaustive()
    }
}
