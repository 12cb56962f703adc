use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use coview_lifecycle::Connectivity;
use coview_wire::Deadline;

use crate::ended::Ended;
use crate::ended::OpenError;
use crate::role::Role;

/// What the owner tells an engine.
///
/// The owner drives one transport at a time. `Opened`, `OpenFailed`, `Text`, `Binary` and `Dropped`
/// are always about the transport of the latest [`Output::Open`]; once the engine said
/// [`Output::Close`], nothing more is reported about that transport, not even its end. What comes
/// while the engine has no transport is ignored.
#[derive(Clone, PartialEq, Eq)]
pub enum Input<'a, R: Role> {
    /// Begin. The engine opens its first transport.
    Start,
    /// The transport is open, handshake included.
    Opened,
    /// The transport could not be opened.
    OpenFailed(OpenError),
    /// A text message arrived.
    Text(&'a str),
    /// A binary message arrived. It is a sign of life whatever it says. The app hears of it if it
    /// belongs to the [session](crate::Engine::picture_session) that runs.
    Binary(&'a [u8]),
    /// The transport ended without the engine asking for it.
    Dropped,
    /// The app says something. Its messages are numbered 1, 2, 3, … over the engine's whole life;
    /// the engine keeps each until the server has seen it.
    ///
    /// What the engine says by itself (`hello`, `sign_in`, `resume`, `ping`) and a message whose
    /// number is not above the one before are not said, only counted in
    /// [`Stats::misused`](crate::Stats::misused). `bye` is the same as [`Leave`](Self::Leave).
    Say(R::Says),
    /// The app says something about the picture: a [`Picture`](coview_wire::Picture) of a visitor, a
    /// [`ViewerSignal`](coview_wire::ViewerSignal) of an agent.
    ///
    /// A picture is worth something now or never, so it is not kept: it is said if there is a
    /// connection and if it belongs to the [session](crate::Engine::picture_session) that runs, and
    /// otherwise only counted in [`Stats::dropped`](crate::Stats::dropped).
    SayBinary(Vec<u8>),
    /// The app leaves for good.
    Leave,
    /// It is as late as the last [`Output::Idle`] asked to be woken at. Too early does no harm.
    Timeout,
}

/// What an engine wants of its owner. After every [`Input`] call
/// [`Engine::poll_output`](crate::Engine::poll_output) until it says [`Output::Idle`].
#[derive(Clone, PartialEq, Eq)]
pub enum Output<R: Role> {
    /// Open a transport, and report `Opened` or `OpenFailed`.
    Open,
    /// Send this text message over the open transport, in order.
    Send(String),
    /// Send this binary message over the open transport. Between it and what is sent before or after
    /// it the order is the owner's choice, but binary messages keep theirs, and it must not be sent
    /// over a later transport.
    SendBinary(Vec<u8>),
    /// Let go of the transport: if it is open, write what was sent before and close it; if it is
    /// being opened, give up. Report nothing more about it.
    Close,
    /// The server answered for the first time: the client is connected. Said once at most; what a
    /// later `welcome` or `signed_in` says is kept by the engine.
    Ready(R::Greeting),
    /// The server said something that is the app's business: neither a `pong`, nor a `closing`, nor
    /// an answer to what the engine said by itself. After each reconnect a `resumed` comes first,
    /// made up by the engine if the server had forgotten the client.
    Hear(R::Hears),
    /// The server said something about the picture of the
    /// [session](crate::Engine::picture_session) that runs: a
    /// [`ViewerNotice`](coview_wire::ViewerNotice) to a visitor, a
    /// [`PictureRelay`](coview_wire::PictureRelay) to an agent.
    HearBinary(Vec<u8>),
    /// The connection came or went. Said when it changed only; after `Ready` it is
    /// [`Connectivity::Connected`].
    Connectivity(Connectivity),
    /// It is over. Nothing follows but `Idle`.
    Closed(Ended),
    /// Nothing to do until there is an input, or until this deadline.
    Idle {
        /// When to give [`Input::Timeout`], at the latest.
        wake_at: Option<Deadline>,
    },
}

/// What is said and heard shows its length only: it holds tokens, keys, personal data and pixels.
impl<R: Role> fmt::Debug for Input<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("Start"),
            Self::Opened => f.write_str("Opened"),
            Self::OpenFailed(error) => f.debug_tuple("OpenFailed").field(error).finish(),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
            Self::Dropped => f.write_str("Dropped"),
            Self::Say(message) => f.debug_tuple("Say").field(message).finish(),
            Self::SayBinary(bytes) => write!(f, "SayBinary({} bytes)", bytes.len()),
            Self::Leave => f.write_str("Leave"),
            Self::Timeout => f.write_str("Timeout"),
        }
    }
}

/// What is said and heard shows its length only: it holds tokens, keys, personal data and pixels.
impl<R: Role> fmt::Debug for Output<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("Open"),
            Self::Send(text) => write!(f, "Send({} bytes)", text.len()),
            Self::SendBinary(bytes) => write!(f, "SendBinary({} bytes)", bytes.len()),
            Self::Close => f.write_str("Close"),
            Self::Ready(greeting) => f.debug_tuple("Ready").field(greeting).finish(),
            Self::Hear(message) => f.debug_tuple("Hear").field(message).finish(),
            Self::HearBinary(bytes) => write!(f, "HearBinary({} bytes)", bytes.len()),
            Self::Connectivity(now) => f.debug_tuple("Connectivity").field(now).finish(),
            Self::Closed(ended) => f.debug_tuple("Closed").field(ended).finish(),
            Self::Idle { wake_at } => f.debug_struct("Idle").field("wake_at", wake_at).finish(),
        }
    }
}
