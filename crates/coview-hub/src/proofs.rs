//! What agents and visitors prove themselves with.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use coview_wire::AgentCard;
use coview_wire::AgentRights;
use coview_wire::AgentToken;
use coview_wire::GroupId;
use coview_wire::UnixTime;
use coview_wire::VisitorAssertion;
use coview_wire::VisitorId;
use thiserror::Error;

/// Checks the tokens of a group's agents and the assertions of its visitors.
///
/// It is asked in the middle of [`Hub::handle_input`](crate::Hub::handle_input), so it must answer
/// at once: no I/O. It reads no clock either; the time is an argument.
pub trait Proofs: fmt::Debug + Send + Sync {
    /// Whose token this is, if it is one of this group's and good at this time.
    ///
    /// # Errors
    ///
    /// [`ProofError`] if it is not. What is told to the agent is no more than that.
    fn agent(
        &self,
        group: &GroupId,
        token: &AgentToken,
        now: UnixTime,
    ) -> Result<AgentPass, ProofError>;

    /// Whom this assertion speaks of, if it is one of this group's and good at this time.
    ///
    /// # Errors
    ///
    /// [`ProofError`] if it is not.
    fn visitor(
        &self,
        group: &GroupId,
        assertion: &VisitorAssertion,
        now: UnixTime,
    ) -> Result<VisitorPass, ProofError>;
}

/// What a good agent's token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentPass {
    /// Who the agent is, as visitors and other agents see it.
    pub card: AgentCard,
    /// What the agent may do.
    pub rights: AgentRights,
    /// When the sign-in ends unless it is renewed: when the token expires, and what the checker
    /// allows for clocks that differ.
    pub expires: UnixTime,
    /// What tells this token from every other, if it may be used once only.
    pub once: Option<TokenId>,
}

/// What a good assertion says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisitorPass {
    /// Who the visitor is.
    pub visitor: VisitorId,
    /// Until when the assertion is good. An identity that was taken on with it stays.
    pub expires: UnixTime,
    /// What tells this assertion from every other, if it may be used once only.
    pub once: Option<TokenId>,
}

/// A digest that tells a token that may be used once from every other of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(pub [u8; 16]);

/// Why a token or an assertion was not accepted. The texts hold nothing of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ProofError {
    /// Not a token at all, signed by nobody known, for another group or purpose, or of a form that
    /// is not accepted.
    #[error("not a token of this group")]
    Bad,
    /// It was good once.
    #[error("expired")]
    Expired,
    /// It is not good yet.
    #[error("not valid yet")]
    NotYet,
    /// It would be good for longer than the group allows.
    #[error("valid for longer than allowed")]
    TooLong,
}

/// A list of agents known beforehand, and no visitors: for tests, simulations and a first try.
///
/// The tokens are compared as they are, and last ten years. A server for others uses signed tokens.
///
/// ```
/// use coview_hub::{Accounts, Proofs};
/// use coview_wire::{AgentCard, AgentId, AgentToken, GroupId, UnixTime};
///
/// let grace = AgentCard::new(AgentId::new("grace")?, "Grace Hopper")?;
/// let token = AgentToken::new("a long random text")?;
/// let accounts = Accounts::default().with(token.clone(), grace.clone());
/// let pass = accounts.agent(&GroupId::new("12345")?, &token, UnixTime::new(0)).unwrap();
/// assert_eq!(pass.card, grace);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    agents: Vec<(AgentToken, AgentCard)>,
}

impl Accounts {
    /// One agent more. If two have the same token, the first one is meant.
    #[must_use]
    pub fn with(mut self, token: AgentToken, card: AgentCard) -> Self {
        self.agents.push((token, card));
        self
    }

    /// The agents, in the order they were put in.
    pub fn cards(&self) -> impl Iterator<Item = &AgentCard> {
        self.agents.iter().map(|(_, card)| card)
    }
}

impl FromIterator<(AgentToken, AgentCard)> for Accounts {
    fn from_iter<I: IntoIterator<Item = (AgentToken, AgentCard)>>(agents: I) -> Self {
        Self { agents: agents.into_iter().collect() }
    }
}

impl Proofs for Accounts {
    fn agent(
        &self,
        _: &GroupId,
        token: &AgentToken,
        now: UnixTime,
    ) -> Result<AgentPass, ProofError> {
        const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
        // All are compared, so the time does not tell where the right one stands.
        let found = self.agents.iter().fold(None, |found, (known, card)| {
            let same = known == token;
            if found.is_none() && same { Some(card) } else { found }
        });
        let card = found.ok_or(ProofError::Bad)?.clone();
        let rights = AgentRights::default();
        Ok(AgentPass { card, rights, expires: now + TEN_YEARS, once: None })
    }

    fn visitor(
        &self,
        _: &GroupId,
        _: &VisitorAssertion,
        _: UnixTime,
    ) -> Result<VisitorPass, ProofError> {
        Err(ProofError::Bad)
    }
}

#[cfg(test)]
mod tests {
    use coview_wire::AgentId;

    use super::*;

    #[test]
    fn accounts_are_told_in_order_and_good_for_ten_years() {
        let account = |(agent, token)| {
            let card = AgentCard::new(AgentId::new(agent).unwrap(), "An Agent").unwrap();
            (AgentToken::new(token).unwrap(), card)
        };
        let accounts: Accounts =
            [("joan", "one"), ("grace", "two")].into_iter().map(account).collect();
        let names: Vec<&str> = accounts.cards().map(|card| card.agent.as_str()).collect();
        assert_eq!(names, ["joan", "grace"]);
        let group = GroupId::new("12345").unwrap();
        let token = AgentToken::new("two").unwrap();
        let pass = accounts.agent(&group, &token, UnixTime::new(1_000)).unwrap();
        assert_eq!(pass.card.agent.as_str(), "grace");
        assert_eq!(pass.expires, UnixTime::new(1_000 + 3_650 * 86_400));
    }
}
