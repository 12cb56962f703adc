use coview_screen::Size;
use thiserror::Error;
use x11rb::errors::ConnectError;
use x11rb::errors::ConnectionError;
use x11rb::errors::DisplayParsingError;
use x11rb::errors::ReplyError;
use x11rb::errors::ReplyOrIdError;

/// Why a display or a window cannot be shared.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum X11Error {
    /// No display was named and the environment names none. Name one, or set `DISPLAY`.
    #[error("no X display: DISPLAY is not set, and none was named")]
    NoDisplay,
    /// There is no server of that name, or it lets nobody in.
    #[error("cannot connect to the X display {display}: {source}")]
    Connect {
        /// The name that was given; `$DISPLAY` if none was.
        display: String,
        /// What the system or the server said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The connection broke while the display was looked at for the first time.
    #[error("the X display went away: {source}")]
    Lost {
        /// What broke.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is no window of this number. `xwininfo` shows the number of a window one clicks on.
    #[error("there is no window {window:#x} on the display")]
    NoSuchWindow {
        /// The number that was given.
        window: u32,
    },
    /// The window only receives input and has no pixels. Share the window around it.
    #[error("window {window:#x} receives input only and shows nothing")]
    InputOnly {
        /// The number that was given.
        window: u32,
    },
    /// One window can be read without what covers it only if the server has the Composite extension.
    /// Share the whole display.
    #[error("the display has no Composite extension, so a single window cannot be shared")]
    NoComposite,
    /// The pixels are not in the one format that is read: 32 bits each, blue in the lowest byte,
    /// then green, then red, of a depth of 24 or 32 bits. Start the server with such a screen.
    #[error(
        "the display shows pixels of depth {depth} ({bits_per_pixel} bits each, {class}, masks \
         {red:#x}/{green:#x}/{blue:#x}, {order} byte first); \
         only 24 or 32 bits of TrueColor as BGRX can be read"
    )]
    Unsupported {
        /// Bits that mean something.
        depth: u8,
        /// Bits a pixel takes.
        bits_per_pixel: u8,
        /// The kind of colours: only `TrueColor` is read.
        class: &'static str,
        /// Which bits are red.
        red: u32,
        /// Which bits are green.
        green: u32,
        /// Which bits are blue.
        blue: u32,
        /// Which byte of a pixel comes first: `lowest` or `highest`.
        order: &'static str,
    },
    /// A frame has at most [`Size::MAX`] pixels each way and [`Size::MAX_PIXELS`] in all. Share one window, or a smaller display.
    #[error(
        "{size} pixels are too many; at most {max} each way and {all} in all can be shared",
        max = Size::MAX,
        all = Size::MAX_PIXELS
    )]
    TooLarge {
        /// How large it is.
        size: Size,
    },
    /// The server refused something that cannot be done without.
    #[error("the X display refused: {source}")]
    Refused {
        /// What the server said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl X11Error {
    pub(crate) fn connect(display: Option<&str>, error: ConnectError) -> Self {
        if let ConnectError::DisplayParsingError(DisplayParsingError::DisplayNotSet) = error {
            return Self::NoDisplay;
        }
        Self::Connect { display: display.unwrap_or("$DISPLAY").to_owned(), source: Box::new(error) }
    }
}

/// Why one question to the server has no answer.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The connection is broken. It will not mend.
    Lost(Box<dyn std::error::Error + Send + Sync>),
    /// The server said no: what was asked about has changed or is gone.
    Refused(Box<dyn std::error::Error + Send + Sync>),
}

impl From<ConnectionError> for Trouble {
    fn from(error: ConnectionError) -> Self {
        Self::Lost(Box::new(error))
    }
}

impl From<ReplyError> for Trouble {
    fn from(error: ReplyError) -> Self {
        match error {
            ReplyError::ConnectionError(error) => error.into(),
            ReplyError::X11Error(_) => Self::Refused(Box::new(error)),
        }
    }
}

impl From<ReplyOrIdError> for Trouble {
    fn from(error: ReplyOrIdError) -> Self {
        match error {
            ReplyOrIdError::ConnectionError(error) => error.into(),
            ReplyOrIdError::X11Error(error) => ReplyError::X11Error(error).into(),
            // Nothing can be made on this connection any more.
            ReplyOrIdError::IdsExhausted => Self::Lost(Box::new(error)),
        }
    }
}

impl From<Trouble> for X11Error {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Lost(source) => Self::Lost { source },
            Trouble::Refused(source) => Self::Refused { source },
        }
    }
}
