use core::time::Duration;

use coview_hub::AgentPass;
use coview_hub::ProofError;
use coview_hub::Proofs;
use coview_hub::TokenId;
use coview_hub::VisitorPass;
use coview_token::TokenError;
use coview_token::VerifyingKeys;
use coview_wire::AgentToken;
use coview_wire::GroupId;
use coview_wire::UnixTime;
use coview_wire::VisitorAssertion;

/// Signed tokens and assertions, and the keys of one group that they are checked with.
///
/// ```
/// use core::time::Duration;
/// use coview_hub::Proofs;
/// use coview_server::{Lifetimes, TokenProofs};
/// use coview_token::{Algorithm, SigningKey, VerifyingKeys, VisitorClaims};
/// use coview_wire::{GroupId, UnixTime, VisitorId};
///
/// let (group, ada) = (GroupId::new("12345")?, VisitorId::new("customer-42")?);
/// let backend = SigningKey::generate(Algorithm::EdDsa)?;
/// let visitors = VerifyingKeys::from_pem(&backend.public_pem().unwrap())?;
/// let proofs = TokenProofs::new(VerifyingKeys::default(), visitors, Lifetimes::default());
///
/// let now = UnixTime::new(1_800_000_000); // from the clock
/// let assertion = VisitorClaims::new(group.clone(), ada.clone())
///     .sign(&backend, now, Duration::from_secs(900))?;
/// assert_eq!(proofs.visitor(&group, &assertion, now)?.visitor, ada);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TokenProofs {
    agents: VerifyingKeys,
    visitors: VerifyingKeys,
    lifetimes: Lifetimes,
}

/// For how long tokens and assertions may be good, counted from when they are used.
///
/// A longer one is refused, even if it is signed: what leaks is worthless soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Agents' tokens; 120 minutes by default. An agent who works for longer renews the sign-in.
    pub agent: Duration,
    /// Assertions about visitors; 15 minutes by default. An identity that was proved stays.
    pub visitor: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { agent: Duration::from_secs(120 * 60), visitor: Duration::from_secs(15 * 60) }
    }
}

impl TokenProofs {
    /// Checks agents' tokens with the first keys and assertions about visitors with the second ones.
    /// The same key may stand in both: the purpose is signed too. Without keys nothing is accepted.
    #[must_use]
    pub const fn new(agents: VerifyingKeys, visitors: VerifyingKeys, lifetimes: Lifetimes) -> Self {
        Self { agents, visitors, lifetimes }
    }
}

impl Proofs for TokenProofs {
    fn agent(
        &self,
        group: &GroupId,
        token: &AgentToken,
        now: UnixTime,
    ) -> Result<AgentPass, ProofError> {
        let agent = self
            .agents
            .agent(group, token, now, self.lifetimes.agent)
            .map_err(|error| refused("agent token", group, error))?;
        tracing::debug!(%group, agent = %agent.card.agent, key = %agent.key, "agent token is good");
        Ok(AgentPass {
            card: agent.card,
            rights: agent.rights,
            expires: agent.expires,
            once: agent.once.map(|once| TokenId(once.0)),
        })
    }

    fn visitor(
        &self,
        group: &GroupId,
        assertion: &VisitorAssertion,
        now: UnixTime,
    ) -> Result<VisitorPass, ProofError> {
        let visitor = self
            .visitors
            .visitor(group, assertion, now, self.lifetimes.visitor)
            .map_err(|error| refused("visitor assertion", group, error))?;
        tracing::debug!(%group, key = %visitor.key, "visitor assertion is good");
        Ok(VisitorPass {
            visitor: visitor.visitor,
            expires: visitor.expires,
            once: visitor.once.map(|once| TokenId(once.0)),
        })
    }
}

/// The log says what is wrong, for whoever writes the backend; the client is told less.
fn refused(what: &str, group: &GroupId, error: TokenError) -> ProofError {
    tracing::debug!(%group, %error, "{what} refused");
    match error {
        TokenError::Expired => ProofError::Expired,
        TokenError::NotYet => ProofError::NotYet,
        TokenError::TooLong => ProofError::TooLong,
        TokenError::Malformed(_)
        | TokenError::Algorithm
        | TokenError::NoKey
        | TokenError::Signature
        | TokenError::Claim { .. }
        | TokenError::Audience
        | TokenError::Group
        | _ => ProofError::Bad,
    }
}
