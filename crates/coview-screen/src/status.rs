use core::fmt;

/// How things stand with the source of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Status {
    /// Pictures come as the screen changes.
    #[default]
    Live,
    /// The app pauses: the picture stands still on purpose.
    Paused,
    /// It is not known what is to be covered, so blank frames are sent.
    Blank,
    /// The source has ended; no more pictures will come.
    Gone,
}

impl Status {
    pub(crate) const fn byte(self) -> u8 {
        match self {
            Self::Live => 1,
            Self::Paused => 2,
            Self::Blank => 3,
            Self::Gone => 4,
        }
    }

    pub(crate) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Live),
            2 => Some(Self::Paused),
            3 => Some(Self::Blank),
            4 => Some(Self::Gone),
            _ => None,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Live => "live",
            Self::Paused => "paused",
            Self::Blank => "blank",
            Self::Gone => "gone",
        })
    }
}
