//! One full value of every message, and the least that some of them may be.
//!
//! Each list stands in the order of the enum's `KINDS`, which `every_message_has_a_sample` checks
//! without a `match`: a new variant without a sample fails there.

#![allow(dead_code, reason = "each test file uses the part it needs")]
#![allow(clippy::unwrap_used, reason = "the samples are constants; the benchmark shares them")]

use coview_wire::*;

pub(crate) const SECRET: &str = "s3cr3t-k3J9vQ2";
pub(crate) const CLIENT_TOKEN: &str = "client-t0k3n-7Hq";
pub(crate) const AGENT_TOKEN: &str = "agent-t0k3n-Zx1";
pub(crate) const ASSERTION: &str = "assert10n-Wq8";
pub(crate) const KEY: &str = "123456786";
pub(crate) const NAME: &str = "Ada Lovelace";
pub(crate) const EMAIL: &str = "ada@example.org";
pub(crate) const PHONE: &str = "+44 20 7946 0000";
pub(crate) const PAGE: &str = "/basket/4711";

/// Everything of the samples that no log may show.
pub(crate) const PRIVATE: [&str; 9] =
    [SECRET, CLIENT_TOKEN, AGENT_TOKEN, ASSERTION, KEY, NAME, EMAIL, PHONE, PAGE];

fn re(number: u64) -> RequestId {
    RequestId::new(number)
}

pub(crate) fn group() -> GroupId {
    GroupId::new("12345").unwrap()
}

pub(crate) fn visitor() -> VisitorId {
    VisitorId::new("customer-42").unwrap()
}

pub(crate) fn secret() -> ResumeSecret {
    ResumeSecret::new(SECRET).unwrap()
}

pub(crate) fn key() -> SessionKey {
    SessionKey::parse(KEY).unwrap()
}

pub(crate) fn profile() -> Profile {
    Profile::new()
        .with_name(NAME)
        .and_then(|profile| profile.with_email(EMAIL))
        .and_then(|profile| profile.with_phone(PHONE))
        .unwrap()
}

pub(crate) fn data() -> PresenceData {
    PresenceData::new().with("page", PAGE).and_then(|data| data.with("theme", "dark")).unwrap()
}

pub(crate) fn agent() -> AgentCard {
    AgentCard::new(AgentId::new("agent-7").unwrap(), "Grace").unwrap()
}

pub(crate) fn terms() -> Terms {
    Terms::new("2026-11", "The agent will see this app.\nStop at any time.")
        .and_then(|terms| terms.with_language("en-GB"))
        .unwrap()
}

fn rights() -> AgentRights {
    AgentRights {
        visitors: Some(vec![visitor(), VisitorId::new("customer-43").unwrap()]),
        view_only: true,
        manual_keys: false,
        max_guests: Some(2),
    }
}

fn timing() -> Timing {
    Timing {
        heartbeat_ms: 20_000,
        missed_heartbeats: 2,
        first_reply_ms: 10_000,
        resume_grace_ms: 30_000,
        background_lease_ms: 300_000,
    }
}

fn card() -> VisitorCard {
    VisitorCard {
        visitor: visitor(),
        profile: profile(),
        data: data(),
        app: AppState::Active,
        reachable: true,
        busy: false,
        online_ms: 61_000,
    }
}

fn bare_card() -> VisitorCard {
    VisitorCard { profile: Profile::new(), data: PresenceData::new(), ..card() }
}

fn requested() -> TermsRequested {
    TermsRequested { ask: AskId::new(3), agent: agent(), terms: terms(), expires_ms: 60_000 }
}

fn join_requested() -> JoinRequested {
    JoinRequested {
        session: SessionId::new(9),
        join: JoinId::new(4),
        agent: agent(),
        expires_ms: 60_000,
    }
}

fn ended() -> SessionEnded {
    SessionEnded {
        start: StartId::new(1),
        session: SessionId::new(8),
        reason: EndReason::Unclaimed,
    }
}

fn view(ask: Option<AskId>, visitor: Option<VisitorId>) -> ViewFacts {
    ViewFacts { session: SessionId::new(9), ask, visitor, count: 1, guests: vec![agent()] }
}

pub(crate) fn client_messages() -> Vec<ClientMessage> {
    vec![
        Hello {
            re: re(0),
            version: PROTOCOL_VERSION,
            group: group(),
            token: Some(ClientToken::new(CLIENT_TOKEN).unwrap()),
            profile: profile(),
            app: AppState::Active,
        }
        .into(),
        Resume { re: re(0), version: PROTOCOL_VERSION, group: group(), secret: secret() }.into(),
        Identify {
            re: re(1),
            visitor: visitor(),
            assertion: Some(VisitorAssertion::new(ASSERTION).unwrap()),
            profile: Some(profile()),
        }
        .into(),
        LogOut { re: re(2) }.into(),
        PresenceConnect { re: re(3), data: data() }.into(),
        PresenceUpdate {
            re: re(4),
            data: PresencePatch::new().set("page", PAGE).unwrap().remove("theme").unwrap(),
        }
        .into(),
        PresenceDisconnect { re: re(5) }.into(),
        AppMoved { re: re(6), app: AppState::Background }.into(),
        TermsDisplayed { re: re(7), ask: AskId::new(3) }.into(),
        TermsAccepted { re: re(8), ask: AskId::new(3) }.into(),
        TermsDeclined { re: re(9), ask: AskId::new(3) }.into(),
        JoinConfirmed { re: re(10), join: JoinId::new(4) }.into(),
        JoinDeclined { re: re(11), join: JoinId::new(4) }.into(),
        SessionStart { re: re(12), start: StartId::new(1), by: StartBy::RandomKey }.into(),
        SessionEnd { re: re(13), start: StartId::new(1) }.into(),
        Ping {}.into(),
        Bye {}.into(),
    ]
}

/// Messages with nothing in them that may be left out, and the other forms a field may take.
pub(crate) fn lesser_client_messages() -> Vec<ClientMessage> {
    vec![
        Hello {
            re: re(0),
            version: PROTOCOL_VERSION,
            group: group(),
            token: None,
            profile: Profile::new(),
            app: AppState::Background,
        }
        .into(),
        Identify { re: re(1), visitor: visitor(), assertion: None, profile: None }.into(),
        Identify { re: re(1), visitor: visitor(), assertion: None, profile: Some(Profile::new()) }
            .into(),
        PresenceConnect { re: re(3), data: PresenceData::new() }.into(),
        PresenceUpdate { re: re(4), data: PresencePatch::new() }.into(),
        SessionStart {
            re: re(10),
            start: StartId::new(2),
            by: StartBy::VisitorId { ask: AskId::new(3) },
        }
        .into(),
    ]
}

pub(crate) fn server_messages() -> Vec<ServerMessage> {
    vec![
        Welcome {
            re: re(0),
            secret: secret(),
            settings: Settings {
                share_button: true,
                presence: true,
                key_digits: KeyLength::default(),
                assertion_needed: true,
            },
            timing: timing(),
        }
        .into(),
        Resumed {
            re: re(0),
            snapshot: Snapshot {
                seen: Some(re(11)),
                answered: Some(Answered { re: re(10), refused: Some(RefusalCode::TermsOver) }),
                visitor: Some(visitor()),
                presence: Some(PresenceFacts { presence: PresenceId::new(5), focused: true }),
                ask: Some(requested()),
                ask_over: Some(TermsOver { ask: AskId::new(2), reason: WithdrawReason::Agent }),
                session: Some(SessionFacts {
                    start: StartId::new(2),
                    session: SessionId::new(9),
                    key: Some(key()),
                    count: 1,
                    guests: vec![agent()],
                    join: Some(join_requested()),
                }),
                join_over: Some(JoinWithdrawn {
                    join: JoinId::new(3),
                    reason: WithdrawReason::AgentLost,
                }),
                ended: Some(ended()),
            },
        }
        .into(),
        Identified { re: re(1), visitor: visitor() }.into(),
        PresenceConnected { re: re(3), presence: PresenceId::new(5), focused: true }.into(),
        PresenceLost { presence: PresenceId::new(5), reason: OfflineReason::Policy }.into(),
        PresenceFocus { presence: PresenceId::new(5), focused: false }.into(),
        requested().into(),
        TermsWithdrawn { ask: AskId::new(3), reason: WithdrawReason::Expired }.into(),
        SessionConnected {
            re: re(10),
            start: StartId::new(1),
            session: SessionId::new(8),
            key: Some(key()),
        }
        .into(),
        SessionGuests { session: SessionId::new(8), count: 1, guests: vec![agent()] }.into(),
        join_requested().into(),
        JoinWithdrawn { join: JoinId::new(4), reason: WithdrawReason::Agent }.into(),
        ended().into(),
        Refused {
            re: re(3),
            code: RefusalCode::PresenceDisabled,
            explanation: Some("presence is switched off for this group".into()),
            retry_ms: Some(30_000),
        }
        .into(),
        Problem {
            re: Some(re(7)),
            code: RefusalCode::IllegalOrder,
            explanation: Some("terms_displayed while Anonymous".into()),
        }
        .into(),
        Pong { seen: Some(re(11)) }.into(),
        Closing { reason: CloseReason::Shutdown, retry: true }.into(),
    ]
}

/// See [`lesser_client_messages`].
pub(crate) fn lesser_server_messages() -> Vec<ServerMessage> {
    vec![
        Welcome {
            re: re(0),
            secret: secret(),
            settings: Settings {
                share_button: false,
                presence: false,
                key_digits: KeyLength::new(6).unwrap(),
                assertion_needed: false,
            },
            timing: timing(),
        }
        .into(),
        Resumed { re: re(0), snapshot: Snapshot::default() }.into(),
        TermsRequested { terms: Terms::new("1", "May I?").unwrap(), ..requested() }.into(),
        SessionConnected {
            re: re(10),
            start: StartId::new(1),
            session: SessionId::new(8),
            key: None,
        }
        .into(),
        SessionGuests { session: SessionId::new(8), count: 0, guests: vec![] }.into(),
        Refused { re: re(3), code: RefusalCode::NoAnswer, explanation: None, retry_ms: None }
            .into(),
        Problem { re: None, code: RefusalCode::UnknownType, explanation: None }.into(),
        Pong { seen: None }.into(),
    ]
}

pub(crate) fn agent_messages() -> Vec<AgentMessage> {
    vec![
        SignIn {
            re: re(0),
            version: PROTOCOL_VERSION,
            group: group(),
            token: AgentToken::new(AGENT_TOKEN).unwrap(),
        }
        .into(),
        Renew { re: re(9), token: AgentToken::new(AGENT_TOKEN).unwrap() }.into(),
        Resume { re: re(0), version: PROTOCOL_VERSION, group: group(), secret: secret() }.into(),
        Watch { re: re(1), visitor: Some(visitor()) }.into(),
        Unwatch { re: re(2) }.into(),
        Ask { re: re(3), visitor: visitor() }.into(),
        Withdraw { re: re(4), ask: Some(AskId::new(3)) }.into(),
        Join { re: re(5), key: key() }.into(),
        Leave { re: re(6), session: Some(SessionId::new(9)) }.into(),
        EndSession { re: re(7), session: SessionId::new(9) }.into(),
        Eject { re: re(8), session: SessionId::new(9), agent: AgentId::new("agent-8").unwrap() }
            .into(),
        Ping {}.into(),
        Bye {}.into(),
    ]
}

/// See [`lesser_client_messages`].
pub(crate) fn lesser_agent_messages() -> Vec<AgentMessage> {
    vec![
        Watch { re: re(1), visitor: None }.into(),
        Withdraw { re: re(4), ask: None }.into(),
        Leave { re: re(6), session: None }.into(),
    ]
}

pub(crate) fn agent_notices() -> Vec<AgentNotice> {
    vec![
        SignedIn {
            re: re(0),
            secret: secret(),
            agent: agent(),
            timing: timing(),
            expires_ms: 900_000,
            rights: rights(),
            key_digits: KeyLength::default(),
        }
        .into(),
        Renewed { re: re(9), expires_ms: 900_000, rights: rights() }.into(),
        AgentResumed {
            re: re(0),
            snapshot: AgentSnapshot {
                seen: Some(re(5)),
                answered: Some(Answered { re: re(5), refused: None }),
                ask: Some(AskFacts {
                    re: re(3),
                    ask: AskId::new(4),
                    visitor: visitor(),
                    displayed: true,
                    expires_ms: 31_000,
                }),
                ask_ended: Some(AskEnded {
                    ask: AskId::new(3),
                    outcome: AskOutcome::Declined,
                    session: None,
                }),
                joining: Some(JoinWaiting { re: re(5), expires_ms: 31_000 }),
                view: Some(view(Some(AskId::new(3)), Some(visitor()))),
                view_ended: Some(ViewEnded {
                    session: SessionId::new(8),
                    reason: EndReason::Ejected,
                }),
            },
        }
        .into(),
        Roster { re: Some(re(1)), first: true, more: false, visitors: vec![bare_card(), card()] }
            .into(),
        VisitorOnline { card: card() }.into(),
        VisitorChanged { card: VisitorCard { busy: true, ..card() } }.into(),
        VisitorOffline { visitor: visitor(), reason: OfflineReason::Lost }.into(),
        Asked { re: re(3), ask: AskId::new(3), expires_ms: 60_000 }.into(),
        TermsSeen { ask: AskId::new(3) }.into(),
        AskEnded {
            ask: AskId::new(3),
            outcome: AskOutcome::Accepted,
            session: Some(SessionId::new(9)),
        }
        .into(),
        JoinWaiting { re: re(5), expires_ms: 60_000 }.into(),
        Joined { re: None, view: view(Some(AskId::new(3)), Some(visitor())) }.into(),
        ViewGuests { session: SessionId::new(9), count: 1, guests: vec![agent()] }.into(),
        ViewEnded { session: SessionId::new(9), reason: EndReason::Visitor }.into(),
        Refused {
            re: re(5),
            code: RefusalCode::TooManyTries,
            explanation: None,
            retry_ms: Some(30_000),
        }
        .into(),
        Problem { re: Some(re(6)), code: RefusalCode::Malformed, explanation: None }.into(),
        Pong { seen: Some(re(8)) }.into(),
        Closing { reason: CloseReason::Superseded, retry: false }.into(),
    ]
}

/// See [`lesser_client_messages`].
pub(crate) fn lesser_agent_notices() -> Vec<AgentNotice> {
    vec![
        SignedIn {
            re: re(0),
            secret: secret(),
            agent: agent(),
            timing: timing(),
            expires_ms: 0,
            rights: AgentRights::default(),
            key_digits: KeyLength::new(12).unwrap(),
        }
        .into(),
        Renewed { re: re(9), expires_ms: 900_000, rights: AgentRights::default() }.into(),
        Renewed {
            re: re(9),
            expires_ms: 900_000,
            rights: AgentRights { visitors: Some(vec![]), ..AgentRights::default() },
        }
        .into(),
        AgentResumed { re: re(0), snapshot: AgentSnapshot::default() }.into(),
        Roster { re: None, first: true, more: false, visitors: vec![] }.into(),
        VisitorOnline { card: bare_card() }.into(),
        AskEnded { ask: AskId::new(3), outcome: AskOutcome::Expired, session: None }.into(),
        Joined { re: Some(re(5)), view: view(None, None) }.into(),
    ]
}
