//! Strategies for every message.

#![allow(dead_code, reason = "each test file uses the part it needs")]
#![allow(clippy::unwrap_used, reason = "the strategies draw only what the types take")]

use coview_wire::*;
use proptest::collection::btree_map;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0u64..100, 0..=limits::NUMBER_MAX, Just(limits::NUMBER_MAX)]
}

fn re() -> impl Strategy<Value = RequestId> {
    number().prop_map(RequestId::new)
}

fn ask() -> impl Strategy<Value = AskId> {
    number().prop_map(AskId::new)
}

fn session() -> impl Strategy<Value = SessionId> {
    number().prop_map(SessionId::new)
}

fn start() -> impl Strategy<Value = StartId> {
    number().prop_map(StartId::new)
}

fn presence() -> impl Strategy<Value = PresenceId> {
    number().prop_map(PresenceId::new)
}

fn join() -> impl Strategy<Value = JoinId> {
    number().prop_map(JoinId::new)
}

fn visitor() -> impl Strategy<Value = VisitorId> {
    "[A-Za-z0-9_~-]{1,62}".prop_map(|text| VisitorId::new(text).unwrap())
}

fn group() -> impl Strategy<Value = GroupId> {
    "[A-Za-z0-9_-]{1,32}".prop_map(|text| GroupId::new(text).unwrap())
}

fn agent_id() -> impl Strategy<Value = AgentId> {
    "[A-Za-z0-9_~-]{1,62}".prop_map(|text| AgentId::new(text).unwrap())
}

/// A line of any script, with what JSON must escape.
fn line(max: usize) -> impl Strategy<Value = String> {
    vec(prop_oneof![any::<char>(), Just('"'), Just('\\'), Just('/')], 0..=max)
        .prop_map(|chars| chars.into_iter().map(|c| if c.is_control() { ' ' } else { c }).collect())
}

/// A text for a secret: any characters, and never empty.
fn opaque() -> impl Strategy<Value = String> {
    (any::<char>(), vec(any::<char>(), 0..64))
        .prop_map(|(first, rest)| core::iter::once(first).chain(rest).collect())
}

fn secret() -> impl Strategy<Value = ResumeSecret> {
    opaque().prop_map(|text| ResumeSecret::new(text).unwrap())
}

fn key() -> impl Strategy<Value = SessionKey> {
    (6u8..=12, vec(0u8..10, 12)).prop_map(|(len, digits)| {
        let mut digits = digits.into_iter();
        SessionKey::random(KeyLength::new(len).unwrap(), || digits.next().unwrap())
    })
}

fn profile() -> impl Strategy<Value = Profile> {
    let part = |max| of(line(max));
    (part(limits::PROFILE_NAME), part(limits::PROFILE_EMAIL), part(limits::PROFILE_PHONE)).prop_map(
        |(name, email, phone)| {
            let mut profile = Profile::new();
            if let Some(name) = name {
                profile = profile.with_name(&name).unwrap();
            }
            if let Some(email) = email {
                profile = profile.with_email(&email).unwrap();
            }
            if let Some(phone) = phone {
                profile = profile.with_phone(&phone).unwrap();
            }
            profile
        },
    )
}

fn data() -> impl Strategy<Value = PresenceData> {
    btree_map("[A-Za-z0-9._-]{1,64}", line(limits::PRESENCE_VALUE), 0..4).prop_map(|entries| {
        entries
            .iter()
            .fold(PresenceData::new(), |data, (key, value)| data.with(key, value).unwrap())
    })
}

fn patch() -> impl Strategy<Value = PresencePatch> {
    btree_map("[A-Za-z0-9._-]{1,64}", of(line(limits::PRESENCE_VALUE)), 0..4).prop_map(|entries| {
        entries.iter().fold(PresencePatch::new(), |patch, (key, value)| match value {
            Some(value) => patch.set(key, value).unwrap(),
            None => patch.remove(key).unwrap(),
        })
    })
}

fn agent() -> impl Strategy<Value = AgentCard> {
    (agent_id(), line(limits::AGENT_NAME - 1))
        .prop_map(|(id, name)| AgentCard::new(id, &format!("{name}!")).unwrap())
}

fn guests() -> impl Strategy<Value = Vec<AgentCard>> {
    vec(agent(), 0..4)
}

fn terms() -> impl Strategy<Value = Terms> {
    let language = of("[A-Za-z0-9-]{1,35}");
    (line(limits::TERMS_VERSION - 1), vec(line(80), 0..4), language).prop_map(
        |(version, lines, language)| {
            let text = format!("Terms\r\n\t{}", lines.join("\n"));
            let terms = Terms::new(&format!("v{version}"), &text).unwrap();
            match language {
                Some(tag) => terms.with_language(&tag).unwrap(),
                None => terms,
            }
        },
    )
}

fn app() -> impl Strategy<Value = AppState> {
    select(AppState::ALL)
}

fn code() -> impl Strategy<Value = RefusalCode> {
    select(RefusalCode::ALL)
}

fn explanation() -> impl Strategy<Value = Option<Box<str>>> {
    of(line(limits::EXPLANATION).prop_map(String::into_boxed_str))
}

fn timing() -> impl Strategy<Value = Timing> {
    any::<(u32, u8, u32, u32, u32)>().prop_map(
        |(
            heartbeat_ms,
            missed_heartbeats,
            first_reply_ms,
            resume_grace_ms,
            background_lease_ms,
        )| {
            Timing {
                heartbeat_ms,
                missed_heartbeats,
                first_reply_ms,
                resume_grace_ms,
                background_lease_ms,
            }
        },
    )
}

fn settings() -> impl Strategy<Value = Settings> {
    (any::<(bool, bool, bool)>(), key_length()).prop_map(
        |((share_button, presence, assertion_needed), key_digits)| Settings {
            share_button,
            presence,
            key_digits,
            assertion_needed,
        },
    )
}

fn key_length() -> impl Strategy<Value = KeyLength> {
    (6u8..=12).prop_map(|digits| KeyLength::new(digits).unwrap())
}

fn rights() -> impl Strategy<Value = AgentRights> {
    (of(vec(visitor(), 0..4)), any::<(bool, bool)>(), of(any::<u32>())).prop_map(
        |(visitors, (view_only, manual_keys), max_guests)| AgentRights {
            visitors,
            view_only,
            manual_keys,
            max_guests,
        },
    )
}

fn answered() -> impl Strategy<Value = Answered> {
    (re(), of(code())).prop_map(|(re, refused)| Answered { re, refused })
}

fn resume() -> impl Strategy<Value = Resume> {
    (re(), any::<u16>(), group(), secret()).prop_map(|(re, version, group, secret)| Resume {
        re,
        version,
        group,
        secret,
    })
}

fn refused() -> impl Strategy<Value = Refused> {
    (re(), code(), explanation(), of(any::<u32>()))
        .prop_map(|(re, code, explanation, retry_ms)| Refused { re, code, explanation, retry_ms })
}

fn problem() -> impl Strategy<Value = Problem> {
    (of(re()), code(), explanation()).prop_map(|(re, code, explanation)| Problem {
        re,
        code,
        explanation,
    })
}

fn pong() -> impl Strategy<Value = Pong> {
    of(re()).prop_map(|seen| Pong { seen })
}

fn closing() -> impl Strategy<Value = Closing> {
    (select(CloseReason::ALL), any::<bool>()).prop_map(|(reason, retry)| Closing { reason, retry })
}

pub(crate) fn client_message() -> BoxedStrategy<ClientMessage> {
    let token = opaque().prop_map(|text| ClientToken::new(text).unwrap());
    let assertion = opaque().prop_map(|text| VisitorAssertion::new(text).unwrap());
    let by =
        prop_oneof![Just(StartBy::RandomKey), ask().prop_map(|ask| StartBy::VisitorId { ask }),];
    prop_oneof![
        (re(), any::<u16>(), group(), of(token), profile(), app()).prop_map(
            |(re, version, group, token, profile, app)| {
                Hello { re, version, group, token, profile, app }.into()
            }
        ),
        resume().prop_map(ClientMessage::from),
        (re(), visitor(), of(assertion), of(profile())).prop_map(
            |(re, visitor, assertion, profile)| {
                Identify { re, visitor, assertion, profile }.into()
            }
        ),
        re().prop_map(|re| LogOut { re }.into()),
        (re(), data()).prop_map(|(re, data)| PresenceConnect { re, data }.into()),
        (re(), patch()).prop_map(|(re, data)| PresenceUpdate { re, data }.into()),
        re().prop_map(|re| PresenceDisconnect { re }.into()),
        (re(), app()).prop_map(|(re, app)| AppMoved { re, app }.into()),
        (re(), ask()).prop_map(|(re, ask)| TermsDisplayed { re, ask }.into()),
        (re(), ask()).prop_map(|(re, ask)| TermsAccepted { re, ask }.into()),
        (re(), ask()).prop_map(|(re, ask)| TermsDeclined { re, ask }.into()),
        (re(), join()).prop_map(|(re, join)| JoinConfirmed { re, join }.into()),
        (re(), join()).prop_map(|(re, join)| JoinDeclined { re, join }.into()),
        (re(), start(), by).prop_map(|(re, start, by)| SessionStart { re, start, by }.into()),
        (re(), start()).prop_map(|(re, start)| SessionEnd { re, start }.into()),
        Just(Ping {}.into()),
        Just(Bye {}.into()),
    ]
    .boxed()
}

fn requested() -> impl Strategy<Value = TermsRequested> {
    (ask(), agent(), terms(), any::<u32>()).prop_map(|(ask, agent, terms, expires_ms)| {
        TermsRequested { ask, agent, terms, expires_ms }
    })
}

fn join_requested() -> impl Strategy<Value = JoinRequested> {
    (session(), join(), agent(), any::<u32>()).prop_map(|(session, join, agent, expires_ms)| {
        JoinRequested { session, join, agent, expires_ms }
    })
}

fn join_withdrawn() -> impl Strategy<Value = JoinWithdrawn> {
    (join(), select(WithdrawReason::ALL)).prop_map(|(join, reason)| JoinWithdrawn { join, reason })
}

fn session_ended() -> impl Strategy<Value = SessionEnded> {
    (start(), session(), select(EndReason::ALL)).prop_map(|(start, session, reason)| SessionEnded {
        start,
        session,
        reason,
    })
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    let facts = (presence(), any::<bool>())
        .prop_map(|(presence, focused)| PresenceFacts { presence, focused });
    let over =
        (ask(), select(WithdrawReason::ALL)).prop_map(|(ask, reason)| TermsOver { ask, reason });
    let running = (start(), session(), of(key()), any::<u32>(), guests(), of(join_requested()))
        .prop_map(|(start, session, key, count, guests, join)| SessionFacts {
            start,
            session,
            key,
            count,
            guests,
            join,
        });
    (
        of(re()),
        of(answered()),
        of(visitor()),
        of(facts),
        of(requested()),
        of(over),
        of(running),
        of(join_withdrawn()),
        of(session_ended()),
    )
        .prop_map(
            |(seen, answered, visitor, presence, ask, ask_over, session, join_over, ended)| {
                Snapshot {
                    seen,
                    answered,
                    visitor,
                    presence,
                    ask,
                    ask_over,
                    session,
                    join_over,
                    ended,
                }
            },
        )
}

pub(crate) fn server_message() -> BoxedStrategy<ServerMessage> {
    prop_oneof![
        (re(), secret(), settings(), timing()).prop_map(|(re, secret, settings, timing)| {
            Welcome { re, secret, settings, timing }.into()
        }),
        (re(), snapshot()).prop_map(|(re, snapshot)| Resumed { re, snapshot }.into()),
        (re(), visitor()).prop_map(|(re, visitor)| Identified { re, visitor }.into()),
        (re(), presence(), any::<bool>()).prop_map(|(re, presence, focused)| {
            PresenceConnected { re, presence, focused }.into()
        }),
        (presence(), select(OfflineReason::ALL)).prop_map(|(presence, reason)| PresenceLost {
            presence,
            reason
        }
        .into()),
        (presence(), any::<bool>()).prop_map(|(presence, focused)| PresenceFocus {
            presence,
            focused
        }
        .into()),
        requested().prop_map(ServerMessage::from),
        (ask(), select(WithdrawReason::ALL)).prop_map(|(ask, reason)| TermsWithdrawn {
            ask,
            reason
        }
        .into()),
        (re(), start(), session(), of(key())).prop_map(|(re, start, session, key)| {
            SessionConnected { re, start, session, key }.into()
        }),
        (session(), any::<u32>(), guests()).prop_map(|(session, count, guests)| SessionGuests {
            session,
            count,
            guests
        }
        .into()),
        join_requested().prop_map(ServerMessage::from),
        join_withdrawn().prop_map(ServerMessage::from),
        session_ended().prop_map(ServerMessage::from),
        refused().prop_map(ServerMessage::from),
        problem().prop_map(ServerMessage::from),
        pong().prop_map(ServerMessage::from),
        closing().prop_map(ServerMessage::from),
    ]
    .boxed()
}

pub(crate) fn agent_message() -> BoxedStrategy<AgentMessage> {
    let token = || opaque().prop_map(|text| AgentToken::new(text).unwrap());
    prop_oneof![
        (re(), any::<u16>(), group(), token()).prop_map(|(re, version, group, token)| SignIn {
            re,
            version,
            group,
            token
        }
        .into()),
        (re(), token()).prop_map(|(re, token)| Renew { re, token }.into()),
        resume().prop_map(AgentMessage::from),
        (re(), of(visitor())).prop_map(|(re, visitor)| Watch { re, visitor }.into()),
        re().prop_map(|re| Unwatch { re }.into()),
        (re(), visitor()).prop_map(|(re, visitor)| Ask { re, visitor }.into()),
        (re(), of(ask())).prop_map(|(re, ask)| Withdraw { re, ask }.into()),
        (re(), key()).prop_map(|(re, key)| Join { re, key }.into()),
        (re(), of(session())).prop_map(|(re, session)| Leave { re, session }.into()),
        (re(), session()).prop_map(|(re, session)| EndSession { re, session }.into()),
        (re(), session(), agent_id())
            .prop_map(|(re, session, agent)| Eject { re, session, agent }.into()),
        Just(Ping {}.into()),
        Just(Bye {}.into()),
    ]
    .boxed()
}

fn card() -> impl Strategy<Value = VisitorCard> {
    (visitor(), profile(), data(), app(), any::<(bool, bool)>(), any::<u64>()).prop_map(
        |(visitor, profile, data, app, (reachable, busy), online_ms)| VisitorCard {
            visitor,
            profile,
            data,
            app,
            reachable,
            busy,
            online_ms,
        },
    )
}

fn view() -> impl Strategy<Value = ViewFacts> {
    (session(), of(ask()), of(visitor()), any::<u32>(), guests()).prop_map(
        |(session, ask, visitor, count, guests)| ViewFacts { session, ask, visitor, count, guests },
    )
}

fn ask_ended() -> impl Strategy<Value = AskEnded> {
    (ask(), select(AskOutcome::ALL), of(session())).prop_map(|(ask, outcome, session)| AskEnded {
        ask,
        outcome,
        session,
    })
}

fn view_ended() -> impl Strategy<Value = ViewEnded> {
    (session(), select(EndReason::ALL)).prop_map(|(session, reason)| ViewEnded { session, reason })
}

fn agent_snapshot() -> impl Strategy<Value = AgentSnapshot> {
    let waiting = (re(), ask(), visitor(), any::<bool>(), any::<u32>()).prop_map(
        |(re, ask, visitor, displayed, expires_ms)| AskFacts {
            re,
            ask,
            visitor,
            displayed,
            expires_ms,
        },
    );
    (
        of(re()),
        of(answered()),
        of(waiting),
        of(ask_ended()),
        of(join_waiting()),
        of(view()),
        of(view_ended()),
    )
        .prop_map(|(seen, answered, ask, ask_ended, joining, view, view_ended)| {
            AgentSnapshot { seen, answered, ask, ask_ended, joining, view, view_ended }
        })
}

fn join_waiting() -> impl Strategy<Value = JoinWaiting> {
    (re(), any::<u32>()).prop_map(|(re, expires_ms)| JoinWaiting { re, expires_ms })
}

pub(crate) fn agent_notice() -> BoxedStrategy<AgentNotice> {
    prop_oneof![
        (re(), secret(), agent(), timing(), number(), rights(), key_length()).prop_map(
            |(re, secret, agent, timing, expires_ms, rights, key_digits)| {
                SignedIn { re, secret, agent, timing, expires_ms, rights, key_digits }.into()
            }
        ),
        (re(), number(), rights()).prop_map(|(re, expires_ms, rights)| Renewed {
            re,
            expires_ms,
            rights
        }
        .into()),
        (re(), agent_snapshot()).prop_map(|(re, snapshot)| AgentResumed { re, snapshot }.into()),
        (of(re()), any::<(bool, bool)>(), vec(card(), 0..3))
            .prop_map(|(re, (first, more), visitors)| Roster { re, first, more, visitors }.into()),
        card().prop_map(|card| VisitorOnline { card }.into()),
        card().prop_map(|card| VisitorChanged { card }.into()),
        (visitor(), select(OfflineReason::ALL)).prop_map(|(visitor, reason)| VisitorOffline {
            visitor,
            reason
        }
        .into()),
        (re(), ask(), any::<u32>())
            .prop_map(|(re, ask, expires_ms)| Asked { re, ask, expires_ms }.into()),
        ask().prop_map(|ask| TermsSeen { ask }.into()),
        ask_ended().prop_map(AgentNotice::from),
        join_waiting().prop_map(AgentNotice::from),
        (of(re()), view()).prop_map(|(re, view)| Joined { re, view }.into()),
        (session(), any::<u32>(), guests()).prop_map(|(session, count, guests)| ViewGuests {
            session,
            count,
            guests
        }
        .into()),
        view_ended().prop_map(AgentNotice::from),
        refused().prop_map(AgentNotice::from),
        problem().prop_map(AgentNotice::from),
        pong().prop_map(AgentNotice::from),
        closing().prop_map(AgentNotice::from),
    ]
    .boxed()
}
