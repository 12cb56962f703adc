//! What agents and visitors prove themselves with in a world: texts with a seal, which stands for a
//! signature.

use core::fmt;
use core::time::Duration;

use coview_hub::AgentPass;
use coview_hub::ProofError;
use coview_hub::Proofs;
use coview_hub::TokenId;
use coview_hub::VisitorPass;
use coview_wire::AgentId;
use coview_wire::AgentRights;
use coview_wire::AgentToken;
use coview_wire::GroupId;
use coview_wire::UnixTime;
use coview_wire::VisitorAssertion;
use coview_wire::VisitorId;

use crate::town;

/// When the wall clock of every world begins.
pub const NOON: UnixTime = UnixTime::new(1_800_000_000);

/// What a token or an assertion is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Agent,
    Visitor,
}

impl Purpose {
    const fn word(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Visitor => "visitor",
        }
    }
}

/// What a token or an assertion says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) purpose: Purpose,
    pub(crate) group: String,
    pub(crate) who: String,
    pub(crate) expires: UnixTime,
    /// What tells it from every other, if it may be used once.
    pub(crate) once: Option<u64>,
    pub(crate) rights: AgentRights,
}

/// A paper as somebody means to make it: as it should be, or wrong in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Paper {
    /// As it should be, good for this long.
    Good(Duration),
    /// It may be used once.
    Once(Duration),
    /// The same as was shown last.
    Again,
    /// Its agent may view only.
    ViewOnly(Duration),
    /// Its agent may see one of the [`town::VISITORS`] only.
    OnlyOne(usize, Duration),
    /// Its agent may not join with keys.
    NoKeys(Duration),
    /// Its agent watches alone.
    Alone(Duration),
    /// It was good once.
    Expired,
    /// The seal is wrong.
    Forged,
    /// It is for the other group.
    OtherGroup,
    /// It is somebody else's.
    SomebodyElses,
    /// It is for another purpose.
    OtherPurpose,
    /// There is none. Agents come with a forged one then.
    Missing,
}

impl Claims {
    /// What a paper of this kind says.
    pub(crate) fn of(
        paper: Paper,
        purpose: Purpose,
        group: &str,
        who: &str,
        now: UnixTime,
        number: u64,
    ) -> Self {
        let mut claims = Self {
            purpose,
            group: group.to_owned(),
            who: who.to_owned(),
            expires: now + Duration::from_secs(3600),
            once: None,
            rights: AgentRights::default(),
        };
        let (lasts, rights) = match paper {
            Paper::Good(lasts) => (lasts, AgentRights::default()),
            Paper::Once(lasts) => {
                claims.once = Some(number);
                (lasts, AgentRights::default())
            }
            Paper::ViewOnly(lasts) => {
                (lasts, AgentRights { view_only: true, ..AgentRights::default() })
            }
            Paper::OnlyOne(visitor, lasts) => {
                let visitor = town::VISITORS[visitor % town::VISITORS.len()];
                let visitors = Some(vec![town::visitor_id(visitor)]);
                (lasts, AgentRights { visitors, ..AgentRights::default() })
            }
            Paper::NoKeys(lasts) => {
                (lasts, AgentRights { manual_keys: false, ..AgentRights::default() })
            }
            Paper::Alone(lasts) => {
                (lasts, AgentRights { max_guests: Some(1), ..AgentRights::default() })
            }
            Paper::Expired => {
                claims.expires = UnixTime::new(now.get().saturating_sub(1));
                return claims;
            }
            Paper::OtherGroup => {
                let other = if group == town::NORTH { town::SOUTH } else { town::NORTH };
                other.clone_into(&mut claims.group);
                return claims;
            }
            Paper::SomebodyElses => {
                let known: &[&str] = match purpose {
                    Purpose::Agent => &town::AGENTS,
                    Purpose::Visitor => &town::VISITORS,
                };
                if let Some(other) = known.iter().find(|known| **known != who) {
                    (*other).clone_into(&mut claims.who);
                }
                return claims;
            }
            Paper::OtherPurpose => {
                claims.purpose = match purpose {
                    Purpose::Agent => Purpose::Visitor,
                    Purpose::Visitor => Purpose::Agent,
                };
                return claims;
            }
            Paper::Forged | Paper::Missing | Paper::Again => return claims,
        };
        claims.expires = now + lasts;
        claims.rights = rights;
        claims
    }

    /// The claims as a text, with the seal that makes it good, or another.
    pub(crate) fn text(&self, forged: bool) -> String {
        let body = self.body();
        let seal = seal(&body) ^ u64::from(forged);
        format!("{body}|{seal:016x}")
    }

    fn body(&self) -> String {
        let Self { purpose, group, who, expires, once, rights } = self;
        let once = once.map_or_else(String::new, |once| once.to_string());
        let visitors = rights.visitors.as_ref().map_or_else(
            || "*".to_owned(),
            |ids| ids.iter().map(VisitorId::as_str).collect::<Vec<_>>().join(","),
        );
        let most = rights.max_guests.map_or_else(String::new, |most| most.to_string());
        format!(
            "{}|{group}|{who}|{}|{once}|{visitors}|{}|{}|{most}",
            purpose.word(),
            expires.get(),
            rights.view_only,
            rights.manual_keys,
        )
    }

    /// What a text says, if its seal is right.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (body, told) = text.rsplit_once('|')?;
        if told != format!("{:016x}", seal(body)) {
            return None;
        }
        let fields: Vec<&str> = body.split('|').collect();
        let [purpose, group, who, expires, once, visitors, view_only, manual_keys, most] =
            fields[..]
        else {
            return None;
        };
        let number = |text: &str| if text.is_empty() { None } else { text.parse().ok() };
        let visitors = match visitors {
            "*" => None,
            ids => Some(ids.split(',').filter_map(|id| VisitorId::new(id).ok()).collect()),
        };
        Some(Self {
            purpose: match purpose {
                "agent" => Purpose::Agent,
                "visitor" => Purpose::Visitor,
                _ => return None,
            },
            group: group.to_owned(),
            who: who.to_owned(),
            expires: UnixTime::new(expires.parse().ok()?),
            once: number(once),
            rights: AgentRights {
                visitors,
                view_only: view_only == "true",
                manual_keys: manual_keys == "true",
                max_guests: number(most).and_then(|most| u32::try_from(most).ok()),
            },
        })
    }

    /// Whether it proves something to this group for this purpose now.
    pub(crate) fn prove(&self, purpose: Purpose, group: &GroupId, now: UnixTime) -> bool {
        self.purpose == purpose && self.group == group.as_str() && now < self.expires
    }
}

/// No secret: whoever wants to forge a seal in a world says so.
fn seal(body: &str) -> u64 {
    body.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Believes what has the right seal, for its group and purpose, until it expires.
pub(crate) struct Notary;

impl Notary {
    fn look(
        purpose: Purpose,
        group: &GroupId,
        text: &str,
        now: UnixTime,
    ) -> Result<Claims, ProofError> {
        let claims = Claims::read(text).ok_or(ProofError::Bad)?;
        if claims.purpose != purpose || claims.group != group.as_str() {
            Err(ProofError::Bad)
        } else if claims.expires <= now {
            Err(ProofError::Expired)
        } else {
            Ok(claims)
        }
    }
}

fn token_id(once: u64) -> TokenId {
    TokenId(u128::from(once).to_le_bytes())
}

impl Proofs for Notary {
    fn agent(
        &self,
        group: &GroupId,
        token: &AgentToken,
        now: UnixTime,
    ) -> Result<AgentPass, ProofError> {
        let claims = Self::look(Purpose::Agent, group, token.expose_secret(), now)?;
        AgentId::new(&claims.who).map_err(|_| ProofError::Bad)?;
        Ok(AgentPass {
            card: town::card(group.as_str(), &claims.who),
            rights: claims.rights,
            expires: claims.expires,
            once: claims.once.map(token_id),
        })
    }

    fn visitor(
        &self,
        group: &GroupId,
        assertion: &VisitorAssertion,
        now: UnixTime,
    ) -> Result<VisitorPass, ProofError> {
        let claims = Self::look(Purpose::Visitor, group, assertion.expose_secret(), now)?;
        Ok(VisitorPass {
            visitor: VisitorId::new(&claims.who).map_err(|_| ProofError::Bad)?,
            expires: claims.expires,
            once: claims.once.map(token_id),
        })
    }
}

impl fmt::Debug for Notary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notary")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paper_says_what_was_meant_and_a_wrong_one_proves_nothing() {
        let north = GroupId::new(town::NORTH).unwrap();
        let lasts = Duration::from_secs(60);
        let proves = |paper: Paper| {
            let claims = Claims::of(paper, Purpose::Agent, town::NORTH, "grace", NOON, 7);
            let token = AgentToken::new(claims.text(paper == Paper::Forged)).unwrap();
            Notary.agent(&north, &token, NOON)
        };
        for good in [
            Paper::Good(lasts),
            Paper::Once(lasts),
            Paper::ViewOnly(lasts),
            Paper::OnlyOne(1, lasts),
            Paper::NoKeys(lasts),
            Paper::Alone(lasts),
        ] {
            let pass = proves(good).unwrap();
            assert_eq!((pass.card.agent.as_str(), pass.expires), ("grace", NOON + lasts));
            assert_eq!(pass.once.is_some(), good == Paper::Once(lasts));
        }
        assert!(proves(Paper::ViewOnly(lasts)).unwrap().rights.view_only);
        let one = proves(Paper::OnlyOne(1, lasts)).unwrap().rights;
        assert!(one.allows(&town::visitor_id("ben")) && !one.allows(&town::visitor_id("anna")));
        assert_eq!(proves(Paper::Expired), Err(ProofError::Expired));
        for bad in [Paper::Forged, Paper::OtherGroup, Paper::OtherPurpose] {
            assert_eq!(proves(bad), Err(ProofError::Bad), "{bad:?}");
        }
        let other = proves(Paper::SomebodyElses).unwrap();
        assert_ne!(other.card.agent.as_str(), "grace");
    }
}
