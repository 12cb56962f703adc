//! The line of the log that an event is.

use core::fmt;

use coview_wire::AgentRights;
use coview_wire::MaskState;

use crate::event::Event;

/// Names of agents are written with Rust's escapes, so a line has no quotes and no line breaks that
/// it did not make itself.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::VisitorArrived { group, client } => {
                write!(f, "visitor arrived group={group} client={client}")
            }
            Self::VisitorResumed { group, client } => {
                write!(f, "visitor resumed group={group} client={client}")
            }
            Self::VisitorDropped { group, client } => {
                write!(f, "visitor dropped group={group} client={client}")
            }
            Self::VisitorGone { group, client, reason } => {
                write!(f, "visitor gone group={group} client={client} reason={reason}")
            }
            Self::Identified { group, client, visitor, proven, devices } => write!(
                f,
                "visitor identified group={group} client={client} visitor={visitor} proven={proven} devices={devices}"
            ),
            Self::HandedOff { group, visitor, from, client } => write!(
                f,
                "visitor handed off group={group} visitor={visitor} from={from} client={client}"
            ),
            Self::AssertionRefused { group, client, claimed, code, why } => write!(
                f,
                "assertion refused group={group} client={client} claimed={claimed} code={} why=\"{why}\"",
                code.as_str()
            ),
            Self::LoggedOut { group, client, visitor } => {
                write!(f, "visitor logged out group={group} client={client} visitor={visitor}")
            }
            Self::Online { group, client, visitor, presence } => write!(
                f,
                "visitor online group={group} client={client} visitor={visitor} presence={presence}"
            ),
            Self::Offline { group, client, visitor, presence, reason } => write!(
                f,
                "visitor offline group={group} client={client} visitor={visitor} presence={presence} reason={}",
                reason.as_str()
            ),
            Self::AgentSignedIn { group, client, agent, name, expires, rights } => {
                write!(
                    f,
                    "agent signed in group={group} client={client} agent={agent} name={name:?} expires={}",
                    expires.get()
                )?;
                write_rights(f, rights)
            }
            Self::AgentRenewed { group, client, agent, expires, rights } => {
                write!(
                    f,
                    "agent renewed group={group} client={client} agent={agent} expires={}",
                    expires.get()
                )?;
                write_rights(f, rights)
            }
            Self::SignInExpired { group, client, agent } => {
                write!(f, "sign-in expired group={group} client={client} agent={agent}")
            }
            Self::TokenRefused { conn, group, client, code, why } => {
                write!(f, "token refused conn={conn} group={group}")?;
                if let Some(client) = client {
                    write!(f, " client={client}")?;
                }
                write!(f, " code={} why=\"{why}\"", code.as_str())
            }
            Self::NotAllowed { group, client, agent, verb } => {
                write!(f, "not allowed group={group} client={client} agent={agent} verb={verb}")
            }
            Self::AgentResumed { group, client, agent } => {
                write!(f, "agent resumed group={group} client={client} agent={agent}")
            }
            Self::AgentDropped { group, client, agent } => {
                write!(f, "agent dropped group={group} client={client} agent={agent}")
            }
            Self::AgentLeft { group, client, agent, reason } => {
                write!(f, "agent gone group={group} client={client} agent={agent} reason={reason}")
            }
            Self::Asked { group, ask, agent, name, visitor, client, terms, language } => {
                write!(
                    f,
                    "asked group={group} ask={ask} agent={agent} name={name:?} visitor={visitor} client={client}"
                )?;
                write_terms(f, terms, language.as_deref())
            }
            Self::TermsDisplayed { group, ask, terms, language } => {
                write!(f, "terms displayed group={group} ask={ask}")?;
                write_terms(f, terms, language.as_deref())
            }
            Self::Accepted { group, ask, session, terms, language } => {
                write!(f, "accepted group={group} ask={ask} session={session}")?;
                write_terms(f, terms, language.as_deref())
            }
            Self::Declined { group, ask } => write!(f, "declined group={group} ask={ask}"),
            Self::AskEnded { group, ask, outcome } => {
                write!(f, "ask ended group={group} ask={ask} outcome={}", outcome.as_str())
            }
            Self::SessionStarted { group, session, client, visitor, ask } => {
                write!(f, "session started group={group} session={session} client={client}")?;
                if let Some(visitor) = visitor {
                    write!(f, " visitor={visitor}")?;
                }
                match ask {
                    Some(ask) => write!(f, " by=one_click ask={ask}"),
                    None => f.write_str(" by=key"),
                }
            }
            Self::JoinRequested { group, session, join, agent, name } => write!(
                f,
                "join requested group={group} session={session} join={join} agent={agent} name={name:?}"
            ),
            Self::JoinConfirmed { group, session, join } => {
                write!(f, "join confirmed group={group} session={session} join={join}")
            }
            Self::JoinDeclined { group, session, join } => {
                write!(f, "join declined group={group} session={session} join={join}")
            }
            Self::JoinEnded { group, session, join, reason } => write!(
                f,
                "join ended group={group} session={session} join={join} reason={}",
                reason.as_str()
            ),
            Self::KeyBurned { group, session } => {
                write!(f, "key burned group={group} session={session}")
            }
            Self::GuestJoined { group, session, agent, name, count } => write!(
                f,
                "guest joined group={group} session={session} agent={agent} name={name:?} count={count}"
            ),
            Self::MasksChanged { group, session, state } => {
                write!(f, "masks changed group={group} session={session} masks=")?;
                match state {
                    MaskState::Unknown => f.write_str("unknown"),
                    MaskState::Known { areas } => write!(f, "known areas={areas}"),
                }
            }
            Self::GuestLeft { group, session, agent, count, reason } => write!(
                f,
                "guest left group={group} session={session} agent={agent} count={count} reason={}",
                reason.as_str()
            ),
            Self::SessionEnded { group, session, reason } => {
                write!(
                    f,
                    "session ended group={group} session={session} reason={}",
                    reason.as_str()
                )
            }
            Self::WrongKey { group, agent } => write!(f, "wrong key group={group} agent={agent}"),
            Self::StepUp { group } => write!(f, "step-up for wrong keys group={group}"),
            Self::TooManyTries { group, agent } => {
                write!(f, "too many wrong keys group={group} agent={agent}")
            }
            Self::Refused { conn, group, code } => {
                write!(f, "refused conn={conn} group={group} code={}", code.as_str())
            }
            Self::PictureRefused { conn, client, why } => {
                write!(f, "picture refused conn={conn}")?;
                if let Some(client) = client {
                    write!(f, " client={client}")?;
                }
                write!(f, " why=\"{why}\"")
            }
            Self::CutOff { conn, reason } => {
                write!(f, "cut off conn={conn} reason={}", reason.as_str())
            }
        }
    }
}

fn write_terms(f: &mut fmt::Formatter<'_>, version: &str, language: Option<&str>) -> fmt::Result {
    write!(f, " terms={version:?}")?;
    language.map_or(Ok(()), |language| write!(f, " language={language}"))
}

/// What a token restricts; nothing for one that allows everything.
fn write_rights(f: &mut fmt::Formatter<'_>, rights: &AgentRights) -> fmt::Result {
    if let Some(visitors) = &rights.visitors {
        write!(f, " visitors={}", visitors.len())?;
    }
    if rights.view_only {
        f.write_str(" view_only=true")?;
    }
    if !rights.manual_keys {
        f.write_str(" manual_keys=false")?;
    }
    rights.max_guests.map_or(Ok(()), |max| write!(f, " max_guests={max}"))
}
