use core::fmt;
use core::ops::RangeInclusive;
use core::str::FromStr;
use core::time::Duration;

/// Who is there, and in what kind of world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many visitors there are at any time. Who goes is followed by another.
    pub visitors: usize,
    /// How many agents there are at any time.
    pub agents: usize,
    /// What kind of day it is.
    pub profile: Profile,
}

impl Default for Options {
    fn default() -> Self {
        Self { visitors: 8, agents: 7, profile: Profile::Office }
    }
}

/// What kind of day it is: how much people do, and how bad the world is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// People work, and now and then a line breaks.
    Office,
    /// Everything happens at once, and the hub comes and goes.
    Storm,
    /// Apps on bad lines that sleep and wake, in pockets.
    Mobile,
    /// Forged papers, wrong keys, strangers, and a network that changes what it carries.
    Hostile,
    /// One play after the other that leads to something rare, and in between lines break.
    Played,
}

impl Profile {
    /// Every kind of day.
    pub const ALL: [Self; 5] =
        [Self::Office, Self::Storm, Self::Mobile, Self::Hostile, Self::Played];

    /// The name, as a command takes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Office => "office",
            Self::Storm => "storm",
            Self::Mobile => "mobile",
            Self::Hostile => "hostile",
            Self::Played => "played",
        }
    }

    /// How much time passes between two things that somebody does, on average.
    pub(crate) const fn pace(self) -> Duration {
        Duration::from_millis(match self {
            Self::Office => 6_000,
            Self::Storm => 400,
            Self::Mobile => 3_000,
            Self::Hostile | Self::Played => 1_500,
        })
    }

    /// How long a message is under way.
    pub(crate) const fn delay(self) -> RangeInclusive<Duration> {
        let (least, most) = match self {
            Self::Office | Self::Hostile | Self::Played => (5, 80),
            Self::Storm => (0, 600),
            Self::Mobile => (50, 2_500),
        };
        Duration::from_millis(least)..=Duration::from_millis(most)
    }

    /// At one in so many things that somebody does a play begins that leads to something rare.
    pub(crate) const fn scenes(self) -> u64 {
        match self {
            Self::Office => 30,
            Self::Storm => 200,
            Self::Mobile => 60,
            Self::Hostile => 40,
            Self::Played => 4,
        }
    }

    /// Whether the network does to single messages what TCP would not.
    pub(crate) const fn tampers(self) -> bool {
        match self {
            Self::Office => false,
            Self::Storm | Self::Mobile | Self::Hostile | Self::Played => true,
        }
    }

    /// At one in so many things that happen somebody does something at the worst moment.
    pub(crate) const fn worst_moments(self) -> u64 {
        match self {
            Self::Office | Self::Played => 400,
            Self::Storm => 60,
            Self::Mobile => 80,
            Self::Hostile => 60,
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|it| it.as_str() == text).ok_or_else(|| {
            "the kinds of day are office, storm, mobile, hostile and played".to_owned()
        })
    }
}
