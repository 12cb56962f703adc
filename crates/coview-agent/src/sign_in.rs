use core::fmt;

use coview_wire::AgentCard;
use coview_wire::AgentRights;
use coview_wire::KeyError;
use coview_wire::KeyLength;
use coview_wire::SessionKey;
use thiserror::Error;

/// What the server tells an agent who signs in.
///
/// ```
/// use coview_agent::{SignInFacts, queue};
/// use coview_wire::{AgentRights, KeyLength};
///
/// let facts = SignInFacts {
///     card: queue::card(),
///     lasts_ms: 15 * 60 * 1000,
///     rights: AgentRights { view_only: true, ..AgentRights::default() },
///     key_digits: KeyLength::default(),
/// };
/// let (agent, _peer) = queue::agent_with(facts);
/// assert!(agent.rights().view_only);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInFacts {
    /// Who the agent is, as visitors see it. The server has checked it.
    pub card: AgentCard,
    /// How long the sign-in lasts from when it was told, in milliseconds, unless it is renewed.
    pub lasts_ms: u64,
    /// What the token lets the agent do.
    pub rights: AgentRights,
    /// How many digits the group's keys have.
    pub key_digits: KeyLength,
}

/// The agent's token does not allow it, so the server was not asked. A [renewed](crate::Agent::renew)
/// token may bring other rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[error("your token does not allow this")]
pub struct NotAllowed;

/// Why what was typed is no key of the group. No variant repeats what was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MistypedKey {
    /// It has another number of digits than the keys of the group.
    Length {
        /// How many digits were typed.
        found: usize,
        /// How many digits the keys of the group have.
        needed: u8,
    },
    /// It is no key of any group.
    NoKey(KeyError),
}

/// Reads a key as a person types it, for a group whose keys have so many digits; see
/// [`Agent::read_key`](crate::Agent::read_key).
///
/// # Errors
///
/// [`MistypedKey`] if it cannot be a key of the group.
pub fn read_key(typed: &str, digits: KeyLength) -> Result<SessionKey, MistypedKey> {
    let key = SessionKey::parse(typed);
    // The number of digits is looked at first: a digit too few is no mistyped one.
    let (found, needed) = (typed.chars().filter(char::is_ascii_digit).count(), digits.get());
    match key {
        Err(KeyError::NotDigits) => Err(MistypedKey::NoKey(KeyError::NotDigits)),
        Ok(_) | Err(KeyError::Length { .. } | KeyError::Mistyped)
            if found != usize::from(needed) =>
        {
            Err(MistypedKey::Length { found, needed })
        }
        Ok(key) => Ok(key),
        Err(error) => Err(MistypedKey::NoKey(error)),
    }
}

impl fmt::Display for MistypedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { found, needed } => {
                write!(f, "a key of this group has {needed} digits, this has {found}")
            }
            Self::NoKey(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for MistypedKey {}
