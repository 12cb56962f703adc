//! Which events of the hub are recorded, and as what.

use std::collections::BTreeMap;

use coview_audit::Kind;
use coview_audit::Personal;
use coview_audit::Record;
use coview_hub::Event;
use coview_wire::AgentRights;
use coview_wire::GroupId;
use coview_wire::MaskState;
use coview_wire::UnixTime;

use crate::audit::TermsOnRecord;

/// What an agent may do in a session.
const CAPABILITIES: [&str; 1] = ["view"];

/// The record of an event, and in which log it stands. Comings and goings of connections and
/// presence are in the server's own log only.
pub(crate) fn record<'a>(
    event: &'a Event,
    now: UnixTime,
    terms: &BTreeMap<GroupId, TermsOnRecord>,
) -> Option<(&'a GroupId, Record)> {
    let new = |kind| Record::new(kind, now);
    let with_terms = |record: Record, group, version: &str, language: &Option<Box<str>>| {
        // The text that was shown is the configured one, or its hash is not known.
        let text = terms.get(group).filter(|known| *known.version == *version);
        record
            .fact("terms", version)
            .fact_if("language", language.as_deref())
            .fact_if("text_sha256", text.map(|known| known.text.to_string()))
    };
    Some(match event {
        Event::Identified { group, client: _, visitor, proven, devices } => {
            let record = new(Kind::Identified).personal(Personal::Visitor, visitor.as_str());
            (group, record.fact("proven", *proven).fact("devices", *devices))
        }
        Event::HandedOff { group, visitor, from: _, client: _ } => {
            (group, new(Kind::HandedOff).personal(Personal::Visitor, visitor.as_str()))
        }
        Event::AssertionRefused { group, client: _, claimed, code, why } => (
            group,
            new(Kind::ProofRefused)
                .personal(Personal::Visitor, claimed.as_str())
                .fact("of", "visitor")
                .fact("code", code.as_str())
                .fact("why", why.to_string()),
        ),
        Event::TokenRefused { conn: _, group, client: _, code, why } => (
            group,
            new(Kind::ProofRefused)
                .fact("of", "agent")
                .fact("code", code.as_str())
                .fact("why", why.to_string()),
        ),
        Event::AgentSignedIn { group, client: _, agent, name, expires, rights } => {
            let record = new(Kind::AgentSignedIn)
                .personal(Personal::Agent, agent.as_str())
                .personal(Personal::AgentName, name);
            (group, with_rights(record, *expires, rights))
        }
        Event::AgentRenewed { group, client: _, agent, expires, rights } => {
            let record = new(Kind::SignInRenewed).personal(Personal::Agent, agent.as_str());
            (group, with_rights(record, *expires, rights))
        }
        Event::SignInExpired { group, client: _, agent } => {
            (group, new(Kind::SignInExpired).personal(Personal::Agent, agent.as_str()))
        }
        Event::NotAllowed { group, client: _, agent, verb } => {
            let record = new(Kind::NotAllowed).personal(Personal::Agent, agent.as_str());
            (group, record.fact("verb", *verb))
        }
        Event::Asked { group, ask, agent, name, visitor, client: _, terms: version, language } => {
            let record = new(Kind::Asked)
                .ask(*ask)
                .personal(Personal::Agent, agent.as_str())
                .personal(Personal::AgentName, name)
                .personal(Personal::Visitor, visitor.as_str());
            (group, with_terms(record, group, version, language))
        }
        Event::TermsDisplayed { group, ask, terms: version, language } => {
            (group, with_terms(new(Kind::TermsDisplayed).ask(*ask), group, version, language))
        }
        Event::Accepted { group, ask, session, terms: version, language } => {
            let record = new(Kind::Accepted).ask(*ask).session(*session);
            let record = record.fact("capabilities", CAPABILITIES);
            (group, with_terms(record, group, version, language))
        }
        Event::Declined { group, ask } => (group, new(Kind::Declined).ask(*ask)),
        Event::AskEnded { group, ask, outcome } => {
            let record = new(Kind::AskEnded).ask(*ask).fact("outcome", outcome.as_str());
            (group, record.fact("why", outcome.to_string()))
        }
        Event::SessionStarted { group, session, client: _, visitor, ask } => {
            let record = new(Kind::SessionStarted)
                .session(*session)
                .fact("by", if ask.is_some() { "request" } else { "visitor_tapped_share" })
                .fact("capabilities", CAPABILITIES);
            let record = ask.iter().fold(record, |record, ask| record.ask(*ask));
            let record = visitor.iter().fold(record, |record, visitor| {
                record.personal(Personal::Visitor, visitor.as_str())
            });
            (group, record)
        }
        Event::JoinRequested { group, session, join, agent, name } => (
            group,
            new(Kind::JoinRequested)
                .session(*session)
                .fact("join", join.get())
                .personal(Personal::Agent, agent.as_str())
                .personal(Personal::AgentName, name),
        ),
        Event::JoinConfirmed { group, session, join } => {
            (group, new(Kind::JoinConfirmed).session(*session).fact("join", join.get()))
        }
        Event::JoinDeclined { group, session, join } => {
            (group, new(Kind::JoinDeclined).session(*session).fact("join", join.get()))
        }
        Event::JoinEnded { group, session, join, reason } => (
            group,
            new(Kind::JoinEnded)
                .session(*session)
                .fact("join", join.get())
                .fact("reason", reason.as_str())
                .fact("why", reason.to_string()),
        ),
        Event::KeyBurned { group, session } => (group, new(Kind::KeyBurned).session(*session)),
        Event::GuestJoined { group, session, agent, name, count } => (
            group,
            new(Kind::GuestJoined)
                .session(*session)
                .personal(Personal::Agent, agent.as_str())
                .personal(Personal::AgentName, name)
                .fact("agents", *count),
        ),
        Event::GuestLeft { group, session, agent, count, reason } => (
            group,
            new(Kind::GuestLeft)
                .session(*session)
                .personal(Personal::Agent, agent.as_str())
                .fact("agents", *count)
                .fact("reason", reason.as_str())
                .fact("why", reason.to_string()),
        ),
        Event::MasksChanged { group, session, state } => {
            let record = new(Kind::MasksChanged).session(*session);
            let record = match state {
                MaskState::Known { areas } => record.fact("areas", *areas),
                MaskState::Unknown => record.fact("unknown", true),
            };
            (group, record)
        }
        Event::SessionEnded { group, session, reason } => (
            group,
            new(Kind::SessionEnded)
                .session(*session)
                .fact("reason", reason.as_str())
                .fact("why", reason.to_string()),
        ),
        Event::WrongKey { group, agent } => {
            (group, new(Kind::WrongKey).personal(Personal::Agent, agent.as_str()))
        }
        Event::TooManyTries { group, agent } => {
            (group, new(Kind::TooManyTries).personal(Personal::Agent, agent.as_str()))
        }
        Event::StepUp { group } => (group, new(Kind::StepUp)),
        Event::VisitorArrived { .. }
        | Event::VisitorResumed { .. }
        | Event::VisitorDropped { .. }
        | Event::VisitorGone { .. }
        | Event::LoggedOut { .. }
        | Event::Online { .. }
        | Event::Offline { .. }
        | Event::AgentResumed { .. }
        | Event::AgentDropped { .. }
        | Event::AgentLeft { .. }
        | Event::Refused { .. }
        | Event::PictureRefused { .. }
        | Event::CutOff { .. } => return None,
        // An event of a newer hub is in the server's own log.
        _ => return None,
    })
}

/// With what a token lets its agent do. Of the visitors only how many: their ids are personal.
fn with_rights(record: Record, expires: UnixTime, rights: &AgentRights) -> Record {
    let AgentRights { visitors, view_only, manual_keys, max_guests } = rights;
    record
        .fact("expires", expires.get())
        .fact_if("only_visitors", visitors.as_ref().map(|these| these.len() as u64))
        .fact("view_only", *view_only)
        .fact("manual_keys", *manual_keys)
        .fact_if("max_guests", *max_guests)
}
