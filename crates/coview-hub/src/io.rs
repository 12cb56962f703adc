use alloc::sync::Arc;
use core::fmt;
use core::net::IpAddr;
use core::num::NonZeroU64;

use coview_wire::CloseReason;
use coview_wire::Deadline;
use coview_wire::UnixTime;

use crate::event::Event;

/// One connection, as its owner calls it. A number is never used again for another connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(NonZeroU64);

impl ConnId {
    /// The connection with this number, chosen by the owner, below [`u64::MAX`].
    #[must_use]
    pub const fn new(number: u64) -> Self {
        // One more, so that no connection takes no room beside one.
        Self(NonZeroU64::MIN.saturating_add(number))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get() - 1
    }
}

impl fmt::Debug for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnId({})", self.get())
    }
}

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.get(), f)
    }
}

/// What happened on the owner's side.
///
/// An input about a connection the hub does not know, because it was never opened or is closed
/// already, changes nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Input<'a> {
    /// A client connected. It has [`Policy::first_reply`](crate::Policy::first_reply) to say who
    /// it is.
    Opened {
        /// A number that was never used before.
        conn: ConnId,
        /// Where it comes from.
        caller: Caller<'a>,
    },
    /// A client said something.
    Text {
        /// Who.
        conn: ConnId,
        /// One text message of the WebSocket, whole.
        text: &'a str,
    },
    /// A client sent something binary: a piece of the picture, or a word about it.
    Binary {
        /// Who.
        conn: ConnId,
        /// One binary message of the WebSocket, whole.
        bytes: &'a [u8],
    },
    /// A connection is gone, whoever closed it and whatever the reason. Also fine, and needless,
    /// after an [`Output::Close`].
    Closed {
        /// Which.
        conn: ConnId,
    },
    /// A client does not read what it was sent: the owner's queue for it is full. The hub closes
    /// the connection; the client may come back and resume.
    ///
    /// A queue should be bounded in bytes, not in messages, and hold the answer to a `watch` of the
    /// largest group: the whole roster is sent at once, about 200 bytes for each visitor online.
    TooSlow {
        /// Which.
        conn: ConnId,
    },
    /// The owner threw away pictures that waited for an agent, because they were too many. The
    /// visitor is told that this viewer needs a whole picture.
    PicturesDropped {
        /// Which.
        conn: ConnId,
    },
    /// What time it is on the wall clock now, by which tokens and assertions expire. Say it before
    /// the first connection, and again every minute or so: a wall clock is set now and then.
    Wall {
        /// The time.
        now: UnixTime,
    },
    /// Whether the owner can write down what the hub tells it in [`Output::Event`]. While it cannot,
    /// nothing begins that needs a record: no session, no request, no join, no *accepted*. What runs
    /// goes on. A new hub takes its owner to be able to.
    Records {
        /// Whether it can.
        healthy: bool,
    },
    /// The server is about to stop: nothing new begins, whoever is in no session is sent elsewhere,
    /// and whoever is may finish. [`Input::Shutdown`] ends what is left.
    Drain,
    /// The moment of [`Output::Idle`] has come. Too early or too often does no harm.
    Timeout,
    /// The server stops. Every session, request and connection ends; whoever connects later is
    /// sent away.
    Shutdown,
}

/// Where a connection comes from, as far as its owner knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caller<'a> {
    /// The origin of the web page, if the client is a browser and said so.
    pub origin: Option<Origin<'a>>,
    /// The client's address; behind a proxy the one the proxy vouches for. Wrong keys are counted
    /// by its network.
    pub address: Option<IpAddr>,
}

/// The origin of a web page that connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'a> {
    /// A page of the server itself: the console.
    Own,
    /// Any other, as the browser wrote it.
    Page(&'a str),
}

/// Tells no text: what clients say may hold secrets.
impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened { conn, caller: _ } => write!(f, "Opened {{ conn: {conn} }}"),
            Self::Wall { now } => write!(f, "Wall {{ now: {} }}", now.get()),
            Self::Records { healthy } => write!(f, "Records {{ healthy: {healthy} }}"),
            Self::Drain => f.write_str("Drain"),
            Self::Text { conn, text } => write!(f, "Text {{ conn: {conn}, {} bytes }}", text.len()),
            Self::Binary { conn, bytes } => {
                write!(f, "Binary {{ conn: {conn}, {} bytes }}", bytes.len())
            }
            Self::Closed { conn } => write!(f, "Closed {{ conn: {conn} }}"),
            Self::TooSlow { conn } => write!(f, "TooSlow {{ conn: {conn} }}"),
            Self::PicturesDropped { conn } => write!(f, "PicturesDropped {{ conn: {conn} }}"),
            Self::Timeout => f.write_str("Timeout"),
            Self::Shutdown => f.write_str("Shutdown"),
        }
    }
}

/// What the owner has to do. Do it in this order.
#[derive(Clone, PartialEq, Eq)]
pub enum Output {
    /// Send a text message.
    Send {
        /// To whom.
        conn: ConnId,
        /// The message. One text may go to many connections; it is encoded once.
        text: Arc<str>,
    },
    /// Send a binary message. It is short and, like a text, never dropped; it keeps its place among
    /// the texts.
    SendBinary {
        /// To whom.
        conn: ConnId,
        /// The message.
        bytes: Arc<[u8]>,
    },
    /// Send a piece of the picture, a binary message of up to
    /// [`limits::PICTURE_BYTES`](coview_wire::limits::PICTURE_BYTES).
    ///
    /// Pictures keep their order among themselves, but may be overtaken by everything else, and
    /// should be. If they are too many for a client that reads slowly, throw away all that wait for
    /// it, this one too, and say [`Input::PicturesDropped`]: never a single one, because each
    /// builds on the one before.
    SendPicture {
        /// To whom.
        conn: ConnId,
        /// The message. One picture may go to many connections; it is encoded once.
        bytes: Arc<[u8]>,
    },
    /// Throw away every picture that waits for this connection: it may not be seen there any more.
    ForgetPictures {
        /// Which.
        conn: ConnId,
    },
    /// Close a connection after what was sent to it before. The hub has forgotten it already.
    Close {
        /// Which.
        conn: ConnId,
        /// Why; the client has been told the same in `closing`.
        reason: CloseReason,
    },
    /// Something worth a line in the audit log happened.
    Event(Event),
    /// Nothing more to do now. Call again with [`Input::Timeout`] at this moment, if there is one.
    Idle {
        /// The earliest deadline, and what is due then.
        wake_at: Option<Deadline>,
    },
}

/// Tells no text: what is sent may hold a key or a resume secret.
impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send { conn, text } => write!(f, "Send {{ conn: {conn}, {} bytes }}", text.len()),
            Self::SendBinary { conn, bytes } => {
                write!(f, "SendBinary {{ conn: {conn}, {} bytes }}", bytes.len())
            }
            Self::SendPicture { conn, bytes } => {
                write!(f, "SendPicture {{ conn: {conn}, {} bytes }}", bytes.len())
            }
            Self::ForgetPictures { conn } => write!(f, "ForgetPictures {{ conn: {conn} }}"),
            Self::Close { conn, reason } => {
                write!(f, "Close {{ conn: {conn}, reason: {reason:?} }}")
            }
            Self::Event(event) => f.debug_tuple("Event").field(event).finish(),
            Self::Idle { wake_at } => f.debug_struct("Idle").field("wake_at", wake_at).finish(),
        }
    }
}
