use core::time::Duration;

use coview_wire::AgentCard;
use coview_wire::AgentRights;
use coview_wire::AgentToken;
use coview_wire::GroupId;
use coview_wire::UnixTime;
use coview_wire::VisitorAssertion;
use coview_wire::VisitorId;
use coview_wire::limits;
use data_encoding::BASE64URL_NOPAD;
use ring::rand::SecureRandom;
use ring::rand::SystemRandom;
use serde::Serialize;

use crate::AGENT;
use crate::VISITOR;
use crate::error::SignError;
use crate::signing::SigningKey;

/// What an agent's token says: who the agent is, in which group, and what the agent may do.
///
/// ```
/// use core::time::Duration;
/// use coview_token::{AgentClaims, Algorithm, SigningKey};
/// use coview_wire::{AgentCard, AgentId, AgentRights, GroupId, UnixTime, VisitorId};
///
/// let key = SigningKey::generate(Algorithm::EdDsa)?;
/// let grace = AgentCard::new(AgentId::new("grace")?, "Grace Hopper")?;
/// let only = vec![VisitorId::new("customer-42")?];
/// let now = UnixTime::new(1_800_000_000); // from the clock
///
/// let token = AgentClaims::new(GroupId::new("12345")?, grace)
///     .with_rights(AgentRights { visitors: Some(only), ..AgentRights::default() })
///     .once()
///     .sign(&key, now, Duration::from_secs(3600))?;
/// assert_eq!(token.expose_secret().split('.').count(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentClaims {
    group: GroupId,
    card: AgentCard,
    rights: AgentRights,
    once: bool,
}

/// What an assertion about a visitor says: who the visitor is, in which group.
///
/// ```
/// use core::time::Duration;
/// use coview_token::{Algorithm, SigningKey, VisitorClaims};
/// use coview_wire::{GroupId, UnixTime, VisitorId};
///
/// let key = SigningKey::generate(Algorithm::Es256)?;
/// let now = UnixTime::new(1_800_000_000); // from the clock
/// let assertion = VisitorClaims::new(GroupId::new("12345")?, VisitorId::new("customer-42")?)
///     .sign(&key, now, Duration::from_secs(900))?;
/// assert_eq!(format!("{assertion:?}"), "VisitorAssertion(redacted)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisitorClaims {
    group: GroupId,
    visitor: VisitorId,
    once: bool,
}

impl AgentClaims {
    /// An agent of this group who may do everything.
    #[must_use]
    pub fn new(group: GroupId, card: AgentCard) -> Self {
        Self { group, card, rights: AgentRights::default(), once: false }
    }

    /// What the agent may do.
    #[must_use]
    pub fn with_rights(mut self, rights: AgentRights) -> Self {
        self.rights = rights;
        self
    }

    /// The token may be used for one sign-in only: it gets a random `jti`.
    #[must_use]
    pub const fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// The token, good from now on for so long, in whole seconds.
    ///
    /// # Errors
    ///
    /// [`SignError`] if it would be too long for the protocol, names too many visitors, or the
    /// operating system gives no random numbers.
    pub fn sign(
        &self,
        key: &SigningKey,
        now: UnixTime,
        lifetime: Duration,
    ) -> Result<AgentToken, SignError> {
        let max = limits::RIGHTS_VISITORS;
        if let Some(count) = self.rights.visitors.as_ref().map(Vec::len).filter(|it| *it > max) {
            return Err(SignError::TooManyVisitors { count, max });
        }
        let claims = Claims {
            name: Some(self.card.name()),
            rights: Some(&self.rights),
            ..Claims::new(AGENT, &self.group, self.card.agent.as_str(), now, lifetime, self.once)?
        };
        let token = claims.sign(key)?;
        AgentToken::new(&token).map_err(|_| too_large(&token))
    }
}

impl VisitorClaims {
    /// A visitor of this group.
    #[must_use]
    pub const fn new(group: GroupId, visitor: VisitorId) -> Self {
        Self { group, visitor, once: false }
    }

    /// The assertion may be used once only: it gets a random `jti`.
    #[must_use]
    pub const fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// The assertion, good from now on for so long, in whole seconds.
    ///
    /// # Errors
    ///
    /// [`SignError::Random`] if the operating system gives no random numbers.
    pub fn sign(
        &self,
        key: &SigningKey,
        now: UnixTime,
        lifetime: Duration,
    ) -> Result<VisitorAssertion, SignError> {
        let visitor = self.visitor.as_str();
        let claims = Claims::new(VISITOR, &self.group, visitor, now, lifetime, self.once)?;
        let token = claims.sign(key)?;
        VisitorAssertion::new(&token).map_err(|_| too_large(&token))
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'static str,
    group: &'a GroupId,
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(flatten)]
    rights: Option<&'a AgentRights>,
}

impl<'a> Claims<'a> {
    fn new(
        aud: &'static str,
        group: &'a GroupId,
        sub: &'a str,
        now: UnixTime,
        lifetime: Duration,
        once: bool,
    ) -> Result<Self, SignError> {
        let jti = if once { Some(jti()?) } else { None };
        let (iat, exp) = (now.get(), (now + lifetime).get());
        Ok(Self { aud, group, sub, name: None, iat, exp, jti, rights: None })
    }

    fn sign(&self, key: &SigningKey) -> Result<String, SignError> {
        let json = serde_json::to_string(self).expect("text and numbers are always JSON");
        key.sign(&json)
    }
}

/// 128 bits nobody can guess and that never come twice.
fn jti() -> Result<String, SignError> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| SignError::Random)?;
    Ok(BASE64URL_NOPAD.encode(&bytes))
}

const fn too_large(token: &str) -> SignError {
    SignError::TooLarge { bytes: token.len(), max: limits::TOKEN_BYTES }
}
