//! Where a search begins, and what people may do in it.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use coview_hub::HubConfig;
use coview_lifecycle::table::Trigger;

use crate::town;

/// A beginning: everybody is connected, and what people may do is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Root {
    /// The visitor is nobody the hub knows, and shares by key; both agents join with what it reads
    /// out.
    Manual,
    /// The same, and the visitor lets every agent in by name.
    Confirm,
    /// The visitor is online, and both agents ask.
    OneClick,
    /// The visitor is online and may share by key as well; one agent asks, the other joins.
    Mixed,
}

/// What may happen from a root on.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    /// What the visitor may call.
    pub(super) verbs: &'static [Trigger],
    /// Whether the visitor's app sends pictures.
    pub(super) pictures: bool,
    /// How often the visitor may start with a key.
    pub(super) starts: u8,
    /// How often each agent may ask.
    pub(super) asks: [u8; 2],
    /// How often each agent may type a key.
    pub(super) joins: [u8; 2],
}

impl Root {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Manual, Self::Confirm, Self::OneClick, Self::Mixed];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Confirm => "confirm",
            Self::OneClick => "one-click",
            Self::Mixed => "mixed",
        }
    }

    /// Whether the visitor is identified and online from the beginning.
    pub(super) const fn online(self) -> bool {
        match self {
            Self::Manual | Self::Confirm => false,
            Self::OneClick | Self::Mixed => true,
        }
    }

    pub(super) const fn bounds(self) -> Bounds {
        use Trigger as T;
        match self {
            Self::Manual => Bounds {
                verbs: &[T::StartManual, T::End],
                pictures: true,
                starts: 2,
                asks: [0, 0],
                joins: [1, 1],
            },
            Self::Confirm => Bounds {
                verbs: &[T::StartManual, T::Confirm, T::Refuse, T::End],
                pictures: false,
                starts: 2,
                asks: [0, 0],
                joins: [1, 1],
            },
            Self::OneClick => Bounds {
                verbs: &[T::TermsDisplayed, T::Accept, T::Decline, T::End, T::Disconnect],
                pictures: true,
                starts: 0,
                asks: [1, 1],
                joins: [0, 0],
            },
            Self::Mixed => Bounds {
                verbs: &[
                    T::StartManual,
                    T::TermsDisplayed,
                    T::Accept,
                    T::Decline,
                    T::End,
                    T::Disconnect,
                    T::LogOut,
                ],
                pictures: false,
                starts: 1,
                asks: [1, 0],
                joins: [0, 1],
            },
        }
    }

    /// One group, with the default policy but for what would make states differ that are the same
    /// for people: no limit on how often something is done and no pace are within reach, and signs
    /// of life are due so rarely that everything else is due before.
    pub(super) fn config(self) -> HubConfig {
        let mut config = town::config();
        config.groups.retain(|id, _| id.as_str() == town::NORTH);
        for group in config.groups.values_mut() {
            group.confirm_join = self == Self::Confirm;
        }
        let policy = &mut config.policy;
        policy.heartbeat = FAR;
        // Longer than the grace, so that the tries to come back while nothing answers are few.
        policy.first_reply = policy.resume_grace + Duration::from_secs(5);
        policy.presence_pace = Duration::ZERO;
        policy.begins_per_minute = u32::MAX;
        policy.problems_per_minute = u32::MAX;
        policy.asks_in_vain = u32::MAX;
        policy.joins_in_vain = u32::MAX;
        policy.key_odds = 0;
        policy.key_tries = u32::MAX;
        policy.key_tries_network = u32::MAX;
        policy.key_tries_group = u32::MAX;
        config
    }
}

/// What is due later than this is never due: signs of life, and the ends of sign-ins.
pub(super) const HORIZON: Duration = Duration::from_secs(3_600);

const FAR: Duration = Duration::from_secs(24 * 3_600);

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Root {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|root| root.as_str() == text)
            .ok_or_else(|| "the roots are manual, confirm, one-click and mixed".to_owned())
    }
}
