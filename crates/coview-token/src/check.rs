use core::time::Duration;

use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentRights;
use coview_wire::AgentToken;
use coview_wire::GroupId;
use coview_wire::UnixTime;
use coview_wire::VisitorAssertion;
use coview_wire::VisitorId;
use coview_wire::limits;
use data_encoding::BASE64URL_NOPAD;
use ring::digest;
use serde_json::Value;

use crate::AGENT;
use crate::LEEWAY;
use crate::VISITOR;
use crate::algorithm::Algorithm;
use crate::error::TokenError;
use crate::object::Object;
use crate::verifying::KeyName;
use crate::verifying::VerifyingKeys;

/// What a good agent's token says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedAgent {
    /// Who the agent is.
    pub card: AgentCard,
    /// What the agent may do.
    pub rights: AgentRights,
    /// When the token stops being accepted: its `exp`, and the [`LEEWAY`] after that.
    pub expires: UnixTime,
    /// What tells the token from every other, if it is for one use only.
    pub once: Option<OnceId>,
    /// Which key signed it.
    pub key: KeyName,
}

/// What a good assertion about a visitor says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedVisitor {
    /// Who the visitor is.
    pub visitor: VisitorId,
    /// When the assertion stops being accepted: its `exp`, and the [`LEEWAY`] after that.
    pub expires: UnixTime,
    /// What tells the assertion from every other, if it is for one use only.
    pub once: Option<OnceId>,
    /// Which key signed it.
    pub key: KeyName,
}

/// Tells a token for one use from every other: a part of the SHA-256 of its purpose and its `jti`.
///
/// It must be remembered until the token expires, by who accepts it; two groups may use the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OnceId(pub [u8; 16]);

impl VerifyingKeys {
    /// Who signs in with this token to this group, at this time, if no token may be good for longer
    /// than that.
    ///
    /// ```
    /// use core::time::Duration;
    /// use coview_token::{AgentClaims, Algorithm, SigningKey, TokenError};
    /// use coview_wire::{AgentCard, AgentId, GroupId, UnixTime};
    ///
    /// let (group, now) = (GroupId::new("12345")?, UnixTime::new(1_800_000_000));
    /// let (hour, two) = (Duration::from_secs(3600), Duration::from_secs(7200));
    /// let key = SigningKey::generate(Algorithm::EdDsa)?;
    /// let grace = AgentCard::new(AgentId::new("grace")?, "Grace Hopper")?;
    /// let token = AgentClaims::new(group.clone(), grace.clone()).sign(&key, now, hour)?;
    ///
    /// let keys = key.verifying_keys();
    /// let agent = keys.agent(&group, &token, now, two)?;
    /// assert_eq!(agent.card, grace);
    ///
    /// let others = GroupId::new("67890")?;
    /// assert_eq!(keys.agent(&others, &token, now, two), Err(TokenError::Group));
    /// assert_eq!(keys.agent(&group, &token, now + two, two), Err(TokenError::Expired));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TokenError`] names the first thing that is wrong.
    pub fn agent(
        &self,
        group: &GroupId,
        token: &AgentToken,
        now: UnixTime,
        longest: Duration,
    ) -> Result<VerifiedAgent, TokenError> {
        let (claims, key) = self.verified(token.expose_secret())?;
        let (expires, once) = claims.check(AGENT, group, now, longest)?;
        let agent = AgentId::new(claims.text("sub")?).map_err(|_| wrong("sub", NO_ID))?;
        let card = AgentCard::new(agent, claims.text("name")?)
            .map_err(|_| wrong("name", "is no name of 1 to 64 characters in a line"))?;
        Ok(VerifiedAgent { card, rights: claims.rights()?, expires, once, key })
    }

    /// Which visitor of this group the assertion speaks of, at this time, if none may be good for
    /// longer than that.
    ///
    /// # Errors
    ///
    /// [`TokenError`] names the first thing that is wrong.
    pub fn visitor(
        &self,
        group: &GroupId,
        assertion: &VisitorAssertion,
        now: UnixTime,
        longest: Duration,
    ) -> Result<VerifiedVisitor, TokenError> {
        let (claims, key) = self.verified(assertion.expose_secret())?;
        let (expires, once) = claims.check(VISITOR, group, now, longest)?;
        let visitor = VisitorId::new(claims.text("sub")?).map_err(|_| wrong("sub", NO_ID))?;
        Ok(VerifiedVisitor { visitor, expires, once, key })
    }

    /// What one of the keys signed, and which. The types of tokens bound what is decoded here.
    fn verified(&self, token: &str) -> Result<(Claims, KeyName), TokenError> {
        let mut parts = token.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Malformed("it has not three parts with dots between"));
        };
        let message = &token.as_bytes()[..header.len() + 1 + claims.len()];
        let header = Object::parse(&decoded(header)?)
            .ok_or(TokenError::Malformed("its header is no JSON object of different names"))?;
        let key = self.signer(&header, message, &decoded(signature)?)?;
        let claims = Object::parse(&decoded(claims)?)
            .ok_or(TokenError::Malformed("its claims are no JSON object of different names"))?;
        Ok((Claims(claims), key))
    }

    /// The key that made the signature. The header only chooses among the keys there are: a key
    /// inside it, or an address of one, is not looked at.
    fn signer(
        &self,
        header: &Object,
        message: &[u8],
        signature: &[u8],
    ) -> Result<KeyName, TokenError> {
        // Whoever writes one of these demands something that is not done here.
        for (name, fault) in [
            ("crit", "its header demands an extension (`crit`)"),
            ("enc", "its header says it is encrypted"),
            ("zip", "its header says it is compressed"),
            ("cty", "its header says that there is another token inside"),
        ] {
            if header.has(name) {
                return Err(TokenError::Malformed(fault));
            }
        }
        let text = |name, fault| match header.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(TokenError::Malformed(fault)),
        };
        if text("typ", "`typ` is no text")?.is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
            return Err(TokenError::Malformed("its header says it is no JWT"));
        }
        let algorithm = text("alg", "`alg` is no text")?;
        let algorithm = algorithm.and_then(Algorithm::named).ok_or(TokenError::Algorithm)?;
        let mut keys = self.fitting(algorithm, text("kid", "`kid` is no text")?).peekable();
        if keys.peek().is_none() {
            return Err(TokenError::NoKey);
        }
        let signer = keys.find(|key| key.verifies(message, signature));
        signer.map(|key| key.name.clone()).ok_or(TokenError::Signature)
    }
}

const NO_ID: &str = "is no id of 1 to 62 characters A-Z a-z 0-9 - _ ~";

/// Claims that a known key signed.
struct Claims(Object);

impl Claims {
    /// What is the same for agents and visitors: purpose and group first, so that nothing is told of
    /// the times of a token that is none of this group's business.
    fn check(
        &self,
        purpose: &'static str,
        group: &GroupId,
        now: UnixTime,
        longest: Duration,
    ) -> Result<(UnixTime, Option<OnceId>), TokenError> {
        let audience = match self.0.get("aud") {
            None => return Err(wrong("aud", MISSING)),
            // Some libraries write a list in any case. In one of several the token is for others
            // too, who could then pass it on.
            Some(Value::Array(list)) if list.len() == 1 => list[0].as_str(),
            Some(other) => other.as_str(),
        };
        if audience != Some(purpose) {
            return Err(TokenError::Audience);
        }
        if self.text("group")? != group.as_str() {
            return Err(TokenError::Group);
        }
        let exp =
            UnixTime::new(self.time("exp", f64::floor)?.ok_or_else(|| wrong("exp", MISSING))?);
        let expires = exp + LEEWAY;
        if now >= expires {
            return Err(TokenError::Expired);
        }
        for begin in ["nbf", "iat"] {
            let begin = self.time(begin, f64::ceil)?;
            if begin.is_some_and(|begin| UnixTime::new(begin) > now + LEEWAY) {
                return Err(TokenError::NotYet);
            }
        }
        if exp > now + longest + LEEWAY {
            return Err(TokenError::TooLong);
        }
        Ok((expires, self.once(purpose)?))
    }

    fn once(&self, purpose: &str) -> Result<Option<OnceId>, TokenError> {
        if !self.0.has("jti") {
            return Ok(None);
        }
        let jti = self.text("jti")?;
        if jti.is_empty() || jti.len() > crate::JTI_BYTES {
            return Err(wrong("jti", "has not 1 to 256 bytes"));
        }
        // No purpose holds a zero, so the two parts cannot run into one another.
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(purpose.as_bytes());
        hash.update(&[0]);
        hash.update(jti.as_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finish().as_ref()[..16]);
        Ok(Some(OnceId(id)))
    }

    /// A restriction that cannot be understood is none that can be kept, so the token is refused.
    fn rights(&self) -> Result<AgentRights, TokenError> {
        let mut rights = AgentRights::default();
        if let Some(value) = self.0.get("visitors") {
            let list =
                value.as_array().ok_or_else(|| wrong("visitors", "is no list of visitor ids"))?;
            if list.len() > limits::RIGHTS_VISITORS {
                return Err(wrong("visitors", "has more than 64 visitor ids"));
            }
            let id = |id: &Value| id.as_str().and_then(|id| VisitorId::new(id).ok());
            let ids = list.iter().map(id).collect::<Option<_>>();
            rights.visitors =
                Some(ids.ok_or_else(|| wrong("visitors", "is no list of visitor ids"))?);
        }
        for (name, right) in
            [("view_only", &mut rights.view_only), ("manual_keys", &mut rights.manual_keys)]
        {
            if let Some(value) = self.0.get(name) {
                *right = value.as_bool().ok_or_else(|| wrong(name, "is neither true nor false"))?;
            }
        }
        if let Some(value) = self.0.get("max_guests") {
            let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
            let number = number.filter(|number| *number > 0);
            rights.max_guests =
                Some(number.ok_or_else(|| wrong("max_guests", "is no number from 1"))?);
        }
        Ok(rights)
    }

    fn text(&self, name: &'static str) -> Result<&str, TokenError> {
        match self.0.get(name) {
            None => Err(wrong(name, MISSING)),
            Some(value) => value.as_str().ok_or_else(|| wrong(name, "is no text")),
        }
    }

    /// Seconds since 1970. They may have parts (RFC 7519, *NumericDate*), which are never rounded to
    /// the advantage of the token.
    fn time(&self, name: &'static str, round: fn(f64) -> f64) -> Result<Option<u64>, TokenError> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let seconds = value.as_u64().or_else(|| {
            let seconds = round(value.as_f64()?);
            let fits = (0.0..=limits::NUMBER_MAX as f64).contains(&seconds);
            fits.then_some(seconds as u64)
        });
        let seconds = seconds.filter(|seconds| *seconds <= limits::NUMBER_MAX);
        seconds.map(Some).ok_or_else(|| wrong(name, "is no time in seconds since 1970"))
    }
}

const MISSING: &str = "is missing";

const fn wrong(name: &'static str, fault: &'static str) -> TokenError {
    TokenError::Claim { name, fault }
}

/// Only the one way to write the bytes is accepted: no padding, no line ends, no bits left over.
fn decoded(part: &str) -> Result<Vec<u8>, TokenError> {
    BASE64URL_NOPAD
        .decode(part.as_bytes())
        .map_err(|_| TokenError::Malformed("a part of it is no base64url without padding"))
}
