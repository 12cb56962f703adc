use alloc::vec::Vec;
use core::fmt;

use thiserror::Error;

use crate::id::SessionId;
use crate::limits;

/// One connection of an agent that watches a session, numbered by the server.
///
/// An agent that reconnects is a new viewer, and after a reconnect of the visitor every viewer of
/// the session gets a new number, so that a number stands for one unbroken way to one screen. A
/// number is used once in a session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewerId(u32);

impl ViewerId {
    /// The viewer with this number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Debug for ViewerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ViewerId({})", self.0)
    }
}

impl fmt::Display for ViewerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A visitor's binary message: a piece of the picture, for some viewers of its session.
///
/// The body is the server's cargo. It is not looked into; `coview-screen` writes and reads it.
///
/// ```
/// use coview_wire::{Picture, SessionId, ViewerId};
///
/// let session = SessionId::new(7);
/// let sent = Picture::encode(session, &[ViewerId::new(1), ViewerId::new(2)], b"body");
/// assert_eq!(sent, b"\x01\0\0\0\0\0\0\0\x07\x02\0\0\0\x01\0\0\0\x02body");
///
/// let picture = Picture::decode(&sent)?;
/// assert_eq!(picture.session(), session);
/// assert_eq!(picture.viewers().map(ViewerId::get).collect::<Vec<_>>(), [1, 2]);
/// assert_eq!(picture.body(), b"body");
/// # Ok::<(), coview_wire::ScreenError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Picture<'a> {
    session: SessionId,
    viewers: &'a [[u8; 4]],
    body: &'a [u8],
}

/// What the server tells a visitor about one viewer of its session, as a binary message.
///
/// ```
/// use coview_wire::{SessionId, ViewerEvent, ViewerId, ViewerNotice};
///
/// let (session, viewer) = (SessionId::new(7), ViewerId::new(1));
/// let notice = ViewerNotice { session, viewer, event: ViewerEvent::Acknowledged(9) };
/// assert_eq!(ViewerNotice::decode(&notice.encode()), Ok(notice));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ViewerNotice {
    /// The session.
    pub session: SessionId,
    /// The viewer.
    pub viewer: ViewerId,
    /// What happened.
    pub event: ViewerEvent,
}

/// What happened to a viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ViewerEvent {
    /// It begins to watch and has no picture yet.
    Joined,
    /// It does not watch any more.
    Left,
    /// It has drawn the update of this number.
    Acknowledged(u32),
    /// It lost the thread, or updates were thrown away before they reached it: it needs a whole
    /// picture.
    Refresh,
}

/// What an agent says about the picture of the session it watches, as a binary message.
///
/// ```
/// use coview_wire::{SessionId, ViewerSays, ViewerSignal};
///
/// let signal = ViewerSignal { session: SessionId::new(7), says: ViewerSays::Refresh };
/// assert_eq!(signal.encode(), b"\x03\0\0\0\0\0\0\0\x07\x02");
/// assert_eq!(ViewerSignal::decode(&signal.encode()), Ok(signal));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ViewerSignal {
    /// The session.
    pub session: SessionId,
    /// What the viewer says.
    pub says: ViewerSays,
}

/// What a viewer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ViewerSays {
    /// It has drawn the update of this number.
    Acknowledged(u32),
    /// It lost the thread and needs a whole picture.
    Refresh,
}

/// A piece of the picture, as the server passes it on to an agent.
///
/// ```
/// use coview_wire::{PictureRelay, SessionId};
///
/// let sent = PictureRelay::encode(SessionId::new(7), b"body");
/// assert_eq!(PictureRelay::decode(&sent)?.body(), b"body");
/// # Ok::<(), coview_wire::ScreenError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PictureRelay<'a> {
    session: SessionId,
    body: &'a [u8],
}

/// What a visitor's client says, as a binary message, about what it covers before anything leaves.
/// It is for the record of the session; the server passes it on to nobody.
///
/// ```
/// use coview_wire::{MaskNotice, MaskState, SessionId};
///
/// let notice = MaskNotice { session: SessionId::new(7), state: MaskState::Known { areas: 2 } };
/// assert_eq!(notice.encode(), b"\x05\0\0\0\0\0\0\0\x07\x02\0\0\0\x02");
/// assert_eq!(MaskNotice::decode(&notice.encode()), Ok(notice));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MaskNotice {
    /// The session.
    pub session: SessionId,
    /// What is covered from now on.
    pub state: MaskState,
}

/// What a visitor's client covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MaskState {
    /// It is not known what has to be covered, so nothing is shown.
    Unknown,
    /// So many areas are covered.
    Known {
        /// How many; none is a number, too.
        areas: u32,
    },
}

/// Why bytes are not a binary message of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum ScreenError {
    /// Longer than [`limits::PICTURE_BYTES`]. Split the update into more parts.
    #[error("the binary message has {bytes} bytes; at most {max} are allowed", max = limits::PICTURE_BYTES)]
    TooLong {
        /// The length of the message.
        bytes: usize,
    },
    /// It ends before its header does.
    #[error("the binary message ends in its header, after {bytes} bytes")]
    TooShort {
        /// The length of the message.
        bytes: usize,
    },
    /// The first byte is not the kind that may be said here.
    #[error("the binary message is of kind {found}, not {expected}")]
    WrongKind {
        /// The first byte.
        found: u8,
        /// The kind that may be said here.
        expected: u8,
    },
    /// A session id above [`limits::NUMBER_MAX`].
    #[error("the session id has more than 53 bits")]
    BadSession,
    /// A picture is for nobody, or for more than [`limits::VIEWERS`] viewers.
    #[error("the picture is for {found} viewers; 1 to {max} are allowed", max = limits::VIEWERS)]
    BadViewers {
        /// How many viewers it names.
        found: u8,
    },
    /// An event, a signal or a state with a number that has no meaning.
    #[error("{found} is no event of a viewer and no state of the masks")]
    BadEvent {
        /// The byte in its place.
        found: u8,
    },
    /// Something follows the end of a message of fixed length.
    #[error("{bytes} bytes follow the end of the binary message")]
    TrailingBytes {
        /// How many.
        bytes: usize,
    },
}

const PICTURE: u8 = 1;
const VIEWER_NOTICE: u8 = 2;
const VIEWER_SIGNAL: u8 = 3;
const PICTURE_RELAY: u8 = 4;
const MASK_NOTICE: u8 = 5;

const JOINED: u8 = 1;
const LEFT: u8 = 2;
const ACKNOWLEDGED: u8 = 3;
const REFRESH: u8 = 4;

const SIGNAL_ACKNOWLEDGED: u8 = 1;
const SIGNAL_REFRESH: u8 = 2;

const MASKS_UNKNOWN: u8 = 1;
const MASKS_KNOWN: u8 = 2;

impl<'a> Picture<'a> {
    /// The longest body that goes to this many viewers in one message, in bytes.
    #[must_use]
    pub const fn longest_body(viewers: usize) -> usize {
        limits::PICTURE_BYTES - 10 - 4 * viewers
    }

    /// Writes the message.
    ///
    /// A reader refuses it if there is no viewer, if there are more than [`limits::VIEWERS`], or if
    /// the body is longer than [`longest_body`](Self::longest_body).
    #[must_use]
    pub fn encode(session: SessionId, viewers: &[ViewerId], body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(10 + 4 * viewers.len() + body.len());
        bytes.push(PICTURE);
        bytes.extend(session.get().to_be_bytes());
        bytes.push(u8::try_from(viewers.len()).unwrap_or(u8::MAX));
        for viewer in viewers {
            bytes.extend(viewer.0.to_be_bytes());
        }
        bytes.extend_from_slice(body);
        bytes
    }

    /// Reads the message without copying.
    ///
    /// # Errors
    ///
    /// [`ScreenError`] names what is wrong.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, ScreenError> {
        let mut rest = Rest::of(bytes, PICTURE)?;
        let session = rest.session()?;
        let [found] = rest.take()?;
        if found == 0 || usize::from(found) > limits::VIEWERS {
            return Err(ScreenError::BadViewers { found });
        }
        let short = ScreenError::TooShort { bytes: bytes.len() };
        let (viewers, body) = rest.left.split_at_checked(4 * usize::from(found)).ok_or(short)?;
        let (viewers, _) = viewers.as_chunks();
        Ok(Self { session, viewers, body })
    }

    /// The session the picture belongs to.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// The viewers it is for; 1 to [`limits::VIEWERS`].
    pub fn viewers(&self) -> impl ExactSizeIterator<Item = ViewerId> + 'a {
        self.viewers.iter().map(|number| ViewerId(u32::from_be_bytes(*number)))
    }

    /// The cargo.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }
}

impl MaskNotice {
    /// Whether these bytes are of this kind, so that they are not a [`Picture`].
    #[must_use]
    pub const fn is_in(bytes: &[u8]) -> bool {
        matches!(bytes.first(), Some(&MASK_NOTICE))
    }

    /// Writes the message.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(14);
        bytes.push(MASK_NOTICE);
        bytes.extend(self.session.get().to_be_bytes());
        match self.state {
            MaskState::Unknown => bytes.push(MASKS_UNKNOWN),
            MaskState::Known { areas } => {
                bytes.push(MASKS_KNOWN);
                bytes.extend(areas.to_be_bytes());
            }
        }
        bytes
    }

    /// Reads the message.
    ///
    /// # Errors
    ///
    /// [`ScreenError`] names what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, ScreenError> {
        let mut rest = Rest::of(bytes, MASK_NOTICE)?;
        let session = rest.session()?;
        let state = match rest.take()? {
            [MASKS_UNKNOWN] => MaskState::Unknown,
            [MASKS_KNOWN] => MaskState::Known { areas: rest.number()? },
            [found] => return Err(ScreenError::BadEvent { found }),
        };
        rest.end()?;
        Ok(Self { session, state })
    }
}

impl ViewerNotice {
    /// Writes the message.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(18);
        bytes.push(VIEWER_NOTICE);
        bytes.extend(self.session.get().to_be_bytes());
        bytes.push(match self.event {
            ViewerEvent::Joined => JOINED,
            ViewerEvent::Left => LEFT,
            ViewerEvent::Acknowledged(_) => ACKNOWLEDGED,
            ViewerEvent::Refresh => REFRESH,
        });
        bytes.extend(self.viewer.0.to_be_bytes());
        if let ViewerEvent::Acknowledged(number) = self.event {
            bytes.extend(number.to_be_bytes());
        }
        bytes
    }

    /// Reads the message.
    ///
    /// # Errors
    ///
    /// [`ScreenError`] names what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, ScreenError> {
        let mut rest = Rest::of(bytes, VIEWER_NOTICE)?;
        let session = rest.session()?;
        let [event] = rest.take()?;
        let viewer = ViewerId(rest.number()?);
        let event = match event {
            JOINED => ViewerEvent::Joined,
            LEFT => ViewerEvent::Left,
            ACKNOWLEDGED => ViewerEvent::Acknowledged(rest.number()?),
            REFRESH => ViewerEvent::Refresh,
            found => return Err(ScreenError::BadEvent { found }),
        };
        rest.end()?;
        Ok(Self { session, viewer, event })
    }
}

impl ViewerSignal {
    /// Writes the message.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(14);
        bytes.push(VIEWER_SIGNAL);
        bytes.extend(self.session.get().to_be_bytes());
        match self.says {
            ViewerSays::Acknowledged(number) => {
                bytes.push(SIGNAL_ACKNOWLEDGED);
                bytes.extend(number.to_be_bytes());
            }
            ViewerSays::Refresh => bytes.push(SIGNAL_REFRESH),
        }
        bytes
    }

    /// Reads the message.
    ///
    /// # Errors
    ///
    /// [`ScreenError`] names what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, ScreenError> {
        let mut rest = Rest::of(bytes, VIEWER_SIGNAL)?;
        let session = rest.session()?;
        let [says] = rest.take()?;
        let says = match says {
            SIGNAL_ACKNOWLEDGED => ViewerSays::Acknowledged(rest.number()?),
            SIGNAL_REFRESH => ViewerSays::Refresh,
            found => return Err(ScreenError::BadEvent { found }),
        };
        rest.end()?;
        Ok(Self { session, says })
    }
}

impl<'a> PictureRelay<'a> {
    /// Writes the message.
    #[must_use]
    pub fn encode(session: SessionId, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(9 + body.len());
        bytes.push(PICTURE_RELAY);
        bytes.extend(session.get().to_be_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    /// Reads the message without copying.
    ///
    /// # Errors
    ///
    /// [`ScreenError`] names what is wrong.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, ScreenError> {
        let mut rest = Rest::of(bytes, PICTURE_RELAY)?;
        let session = rest.session()?;
        Ok(Self { session, body: rest.left })
    }

    /// The session the picture belongs to.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// The cargo.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }
}

/// What is left to read of a message.
struct Rest<'a> {
    bytes: usize,
    left: &'a [u8],
}

impl<'a> Rest<'a> {
    fn of(bytes: &'a [u8], expected: u8) -> Result<Self, ScreenError> {
        if bytes.len() > limits::PICTURE_BYTES {
            return Err(ScreenError::TooLong { bytes: bytes.len() });
        }
        let mut rest = Self { bytes: bytes.len(), left: bytes };
        match rest.take()? {
            [found] if found == expected => Ok(rest),
            [found] => Err(ScreenError::WrongKind { found, expected }),
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], ScreenError> {
        let (taken, left) =
            self.left.split_first_chunk().ok_or(ScreenError::TooShort { bytes: self.bytes })?;
        self.left = left;
        Ok(*taken)
    }

    fn number(&mut self) -> Result<u32, ScreenError> {
        self.take().map(u32::from_be_bytes)
    }

    fn session(&mut self) -> Result<SessionId, ScreenError> {
        let number = u64::from_be_bytes(self.take()?);
        if number > limits::NUMBER_MAX {
            return Err(ScreenError::BadSession);
        }
        Ok(SessionId::new(number))
    }

    const fn end(self) -> Result<(), ScreenError> {
        match self.left.len() {
            0 => Ok(()),
            bytes => Err(ScreenError::TrailingBytes { bytes }),
        }
    }
}

/// Shows how much cargo there is, not what: it is somebody's screen.
impl fmt::Debug for Picture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Picture")
            .field("session", &self.session)
            .field("viewers", &self.viewers.len())
            .field("bytes", &self.body.len())
            .finish()
    }
}

/// Shows how much cargo there is, not what: it is somebody's screen.
impl fmt::Debug for PictureRelay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PictureRelay")
            .field("session", &self.session)
            .field("bytes", &self.body.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    fn session() -> impl Strategy<Value = SessionId> {
        any::<u64>().prop_map(SessionId::new)
    }

    fn events() -> impl Strategy<Value = ViewerEvent> {
        prop_oneof![
            Just(ViewerEvent::Joined),
            Just(ViewerEvent::Left),
            any::<u32>().prop_map(ViewerEvent::Acknowledged),
            Just(ViewerEvent::Refresh),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            session in session(),
            viewers in prop::collection::vec(any::<u32>().prop_map(ViewerId::new), 1..=64),
            body in prop::collection::vec(any::<u8>(), 0..64),
            event in events(),
            number in any::<u32>(),
        ) {
            let sent = Picture::encode(session, &viewers, &body);
            let picture = Picture::decode(&sent).unwrap();
            prop_assert_eq!(picture.session(), session);
            prop_assert!(picture.viewers().eq(viewers.iter().copied()));
            prop_assert_eq!(picture.body(), &body[..]);

            let notice = ViewerNotice { session, viewer: viewers[0], event };
            prop_assert_eq!(ViewerNotice::decode(&notice.encode()), Ok(notice));
            for says in [ViewerSays::Acknowledged(number), ViewerSays::Refresh] {
                let signal = ViewerSignal { session, says };
                prop_assert_eq!(ViewerSignal::decode(&signal.encode()), Ok(signal));
            }
            let sent = PictureRelay::encode(session, &body);
            prop_assert_eq!(PictureRelay::decode(&sent).unwrap().body(), &body[..]);
            for state in [MaskState::Unknown, MaskState::Known { areas: number }] {
                let notice = MaskNotice { session, state };
                prop_assert!(MaskNotice::is_in(&notice.encode()));
                prop_assert_eq!(MaskNotice::decode(&notice.encode()), Ok(notice));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40), kind in 0..7_u8) {
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() {
                *first = kind;
            }
            let _ = Picture::decode(&bytes);
            let _ = PictureRelay::decode(&bytes);
            if let Ok(notice) = ViewerNotice::decode(&bytes) {
                prop_assert_eq!(notice.encode(), &bytes[..]);
            }
            if let Ok(notice) = MaskNotice::decode(&bytes) {
                prop_assert_eq!(notice.encode(), &bytes[..]);
            }
            if let Ok(signal) = ViewerSignal::decode(&bytes) {
                prop_assert_eq!(signal.encode(), bytes);
            }
        }
    }

    #[test]
    fn each_fault_is_named() {
        let session = SessionId::new(7);
        let good = Picture::encode(session, &[ViewerId::new(1)], b"x");
        assert_eq!(Picture::decode(&[]), Err(ScreenError::TooShort { bytes: 0 }));
        assert_eq!(Picture::decode(&good[..12]), Err(ScreenError::TooShort { bytes: 12 }));
        assert_eq!(
            ViewerSignal::decode(&good),
            Err(ScreenError::WrongKind { found: 1, expected: 3 })
        );
        let nobody = Picture::encode(session, &[], b"x");
        assert_eq!(Picture::decode(&nobody), Err(ScreenError::BadViewers { found: 0 }));
        let crowd = Picture::encode(session, &vec![ViewerId::new(1); 65], b"x");
        assert_eq!(Picture::decode(&crowd), Err(ScreenError::BadViewers { found: 65 }));
        let mut wide = good.clone();
        wide[1] = 0xff;
        assert_eq!(Picture::decode(&wide), Err(ScreenError::BadSession));
        let long = vec![PICTURE; limits::PICTURE_BYTES + 1];
        assert_eq!(
            Picture::decode(&long),
            Err(ScreenError::TooLong { bytes: limits::PICTURE_BYTES + 1 })
        );
        let mut trailing = ViewerSignal { session, says: ViewerSays::Refresh }.encode();
        trailing.push(0);
        assert_eq!(ViewerSignal::decode(&trailing), Err(ScreenError::TrailingBytes { bytes: 1 }));
        trailing[9] = 9;
        assert_eq!(ViewerSignal::decode(&trailing), Err(ScreenError::BadEvent { found: 9 }));
    }

    #[test]
    fn the_longest_body_is_read() {
        for viewers in [1, limits::VIEWERS] {
            let list = vec![ViewerId::new(3); viewers];
            let body = vec![0; Picture::longest_body(viewers)];
            let sent = Picture::encode(SessionId::new(1), &list, &body);
            assert_eq!(sent.len(), limits::PICTURE_BYTES);
            assert!(Picture::decode(&sent).is_ok());
        }
    }

    #[test]
    fn no_pixel_is_shown_by_debug() {
        let sent = Picture::encode(SessionId::new(7), &[ViewerId::new(1)], b"pixels");
        let shown = format!("{:?}", Picture::decode(&sent).unwrap());
        assert_eq!(shown, "Picture { session: SessionId(7), viewers: 1, bytes: 6 }");
    }
}
