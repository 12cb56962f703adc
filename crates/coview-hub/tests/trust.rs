//! Attacks on who is who: tokens, assertions, origins, resume secrets, consent. Each test is one
//! attack, and shows that it leads nowhere.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test runs with std and may panic"
)]

mod harness;

use coview_hub::*;
use coview_wire::*;
use harness::proof::*;
use harness::*;

/// Why tokens and assertions were refused, as the log has it.
fn disbelief(w: &World) -> Vec<Disbelief> {
    let why = |event: &Event| match event {
        Event::TokenRefused { why, .. } | Event::AssertionRefused { why, .. } => Some(*why),
        _ => None,
    };
    w.events.iter().filter_map(why).collect()
}

/// A visitor who says who it is, and is not believed.
fn not_believed(w: &mut World, name: &str, assertion: Option<&Claims>) -> RefusalCode {
    let conn = w.anonymous();
    w.identify_as(conn, name, assertion);
    let code = w.refused(conn);
    w.connect_presence(conn);
    assert_eq!(w.refused(conn), RefusalCode::IllegalOrder, "it is nobody");
    code
}

// Tokens of agents.

#[test]
fn a_forged_token_signs_nobody_in() {
    let mut w = World::strict();
    let code = w.not_signed_in(GROUP, &Claims::agent("grace").forged());
    assert_eq!(code, RefusalCode::BadToken);
    assert_eq!(disbelief(&w), [Disbelief::Proof(ProofError::Bad)]);
    assert_eq!((w.hub.stats().agents, w.hub.stats().refused_tokens), (0, 1));
}

#[test]
fn an_expired_token_signs_nobody_in() {
    let mut w = World::strict();
    w.input(Input::Wall { now: after(60) });
    let code = w.not_signed_in(GROUP, &Claims::agent("grace").expires(60));
    assert_eq!(code, RefusalCode::TokenExpired);
    assert_eq!(disbelief(&w), [Disbelief::Proof(ProofError::Expired)]);
}

/// The checker may allow for clocks that differ; a sign-in that is over at once is none.
#[test]
fn a_token_that_the_checker_let_pass_too_late_signs_nobody_in() {
    #[derive(Debug)]
    struct Late;
    impl Proofs for Late {
        fn agent(
            &self,
            _: &GroupId,
            _: &AgentToken,
            now: UnixTime,
        ) -> Result<AgentPass, ProofError> {
            let card = AgentCard::new(AgentId::new("grace").unwrap(), "Grace").unwrap();
            Ok(AgentPass { card, rights: AgentRights::default(), expires: now, once: None })
        }

        fn visitor(
            &self,
            _: &GroupId,
            _: &VisitorAssertion,
            _: UnixTime,
        ) -> Result<VisitorPass, ProofError> {
            Err(ProofError::NotYet)
        }
    }
    let mut w = World::strict_with(|group| group.proofs = std::sync::Arc::new(Late));
    let code = w.not_signed_in(GROUP, &Claims::agent("grace"));
    assert_eq!(code, RefusalCode::TokenExpired);
    assert_eq!(
        not_believed(&mut w, "ada", Some(&Claims::visitor("ada"))),
        RefusalCode::BadAssertion
    );
}

#[test]
fn a_token_of_another_group_signs_nobody_in() {
    let mut w = World::strict();
    let foreign = Claims::agent("grace").group(OTHER_GROUP);
    assert_eq!(w.not_signed_in(GROUP, &foreign), RefusalCode::BadToken);
    w.signed_in(&foreign);
    assert_eq!(w.hub.stats().agents, 1, "at home it is good");
}

#[test]
fn a_visitors_assertion_is_no_token_and_an_agents_token_no_assertion() {
    let mut w = World::strict();
    assert_eq!(w.not_signed_in(GROUP, &Claims::visitor("ada")), RefusalCode::BadToken);
    let code = not_believed(&mut w, "ada", Some(&Claims::agent("ada")));
    assert_eq!(code, RefusalCode::BadAssertion);
}

#[test]
fn a_one_use_token_signs_in_once() {
    let mut w = World::strict();
    let token = Claims::agent("grace").once(1);
    let agent = w.signed_in(&token);
    assert_eq!(w.not_signed_in(GROUP, &token), RefusalCode::TokenUsed);
    // Nor does it renew anything: neither its own sign-in nor another.
    w.renew(agent, &token);
    assert_eq!(w.refused(agent), RefusalCode::TokenUsed);
    w.bye(agent);
    assert_eq!(w.not_signed_in(GROUP, &token), RefusalCode::TokenUsed, "it is gone with its agent");
    assert_eq!(disbelief(&w), [Disbelief::UsedBefore; 3]);
    w.signed_in(&Claims::agent("grace").once(2));
    // The other group has a memory of its own.
    w.signed_in(&Claims::agent("grace").once(1).group(OTHER_GROUP));
}

#[test]
fn a_one_use_token_that_renewed_a_sign_in_makes_no_other() {
    let mut w = World::strict();
    let agent = w.signed_in(&Claims::agent("grace"));
    let newer = Claims::agent("grace").expires(7_200).once(1);
    w.renew(agent, &newer);
    let AgentNotice::Renewed(_) = w.notice(agent) else { panic!("not renewed") };
    assert_eq!(w.not_signed_in(GROUP, &newer), RefusalCode::TokenUsed);
}

#[test]
fn a_one_use_token_is_not_good_again_when_the_clock_is_set_back() {
    let mut w = World::strict();
    let token = Claims::agent("grace").once(1).expires(600);
    w.signed_in(&token);
    // It expires and is forgotten when the next one is used.
    w.input(Input::Wall { now: after(10_000) });
    w.signed_in(&Claims::agent("joan").once(2).expires(20_000));
    assert_eq!(w.hub.stats().one_use_tokens, 1);
    w.input(Input::Wall { now: NOON });
    assert_eq!(w.not_signed_in(GROUP, &token), RefusalCode::TokenUsed);
}

#[test]
fn more_one_use_tokens_than_are_remembered_are_not_good_again() {
    let policy = Policy { one_use_tokens: 3, ..Policy::default() };
    let mut w = World::with(HubConfig { policy, ..strict() });
    w.input(Input::Wall { now: NOON });
    let token = |number: u8| Claims::agent("grace").once(number).expires(600 + u64::from(number));
    for number in 0..10 {
        w.signed_in(&token(number));
        assert!(w.hub.stats().one_use_tokens <= 3);
    }
    for number in 0..10 {
        assert_eq!(w.not_signed_in(GROUP, &token(number)), RefusalCode::TokenUsed);
    }
}

#[test]
fn a_one_use_token_that_came_to_nothing_is_not_used_up() {
    let mut w = World::strict_with(|group| group.max_connections = Some(1));
    let visitor = w.anonymous();
    let token = Claims::agent("grace").once(1);
    let conn = w.open();
    w.show_token(conn, GROUP, &token);
    assert_eq!(w.refused(conn), RefusalCode::LimitExceeded);
    w.closing(conn, CloseReason::Refused, true);
    w.bye(visitor);
    w.signed_in(&token);
}

// Who a visitor is.

#[test]
fn without_an_assertion_nobody_is_anybody() {
    let mut w = World::strict();
    assert_eq!(not_believed(&mut w, "ada", None), RefusalCode::AssertionNeeded);
    assert_eq!(disbelief(&w), [Disbelief::Missing]);
    assert_eq!((w.hub.stats().visitors_identified, w.hub.stats().refused_assertions), (0, 1));
    // Who the app says it is needs no proof to share with a key.
    let visitor = w.anonymous();
    w.share(visitor);
}

#[test]
fn forged_expired_and_foreign_assertions_and_those_of_others_are_not_believed() {
    let mut w = World::strict();
    w.input(Input::Wall { now: after(60) });
    let ada = || Claims::visitor("ada");
    for (assertion, code, why) in [
        (ada().forged(), RefusalCode::BadAssertion, Disbelief::Proof(ProofError::Bad)),
        (ada().expires(60), RefusalCode::TokenExpired, Disbelief::Proof(ProofError::Expired)),
        (ada().group(OTHER_GROUP), RefusalCode::BadAssertion, Disbelief::Proof(ProofError::Bad)),
        (Claims::visitor("eve"), RefusalCode::BadAssertion, Disbelief::SomebodyElse),
    ] {
        w.events.clear();
        assert_eq!(not_believed(&mut w, "ada", Some(&assertion)), code);
        assert_eq!(disbelief(&w), [why]);
    }
    assert_eq!(w.hub.stats().visitors_identified, 0);
}

#[test]
fn an_assertion_is_checked_even_where_none_is_needed() {
    let mut w = World::strict_with(|group| group.assertion_needed = false);
    let forged = Claims::visitor("ada").forged();
    assert_eq!(not_believed(&mut w, "ada", Some(&forged)), RefusalCode::BadAssertion);
    w.identified("ada");
}

#[test]
fn where_none_is_needed_a_proved_id_is_still_not_for_everybody() {
    let mut w = World::strict_with(|group| group.assertion_needed = false);
    let victim = w.proved(&Claims::visitor("ada"));
    assert_eq!(not_believed(&mut w, "ada", None), RefusalCode::AssertionNeeded);
    w.identify_as(victim, "ada", None);
    let ServerMessage::Identified(_) = w.hear(victim) else {
        panic!("who proved it needs no more")
    };
    w.bye(victim);
    // Whoever was there before, without a proof, stays; and when nobody has a proof nobody needs one.
    w.identified("ada");
    let victim = w.proved(&Claims::visitor("ada"));
    assert_eq!(not_believed(&mut w, "ada", None), RefusalCode::AssertionNeeded);
    w.bye(victim);
    w.identified("ada");
}

#[test]
fn bad_assertions_in_a_row_cut_off_whoever_shows_them() {
    let mut w = World::strict();
    let conn = w.anonymous();
    let forged = Claims::visitor("ada").forged();
    for _ in 0..61 {
        w.identify_as(conn, "ada", Some(&forged));
    }
    assert_eq!(w.closed.get(&conn), Some(&CloseReason::Protocol));
    assert_eq!(w.hub.stats().visitors, 0);
    let agent = w.signed_in(&Claims::agent("grace"));
    for _ in 0..61 {
        w.renew(agent, &Claims::agent("grace").forged());
    }
    assert_eq!(w.closed.get(&agent), Some(&CloseReason::Protocol));
}

#[test]
fn a_one_use_assertion_of_another_device_is_not_believed() {
    let mut w = World::strict();
    let stolen = Claims::visitor("ada").once(7);
    let victim = w.proved(&stolen);
    assert_eq!(not_believed(&mut w, "ada", Some(&stolen)), RefusalCode::TokenUsed);
    // The device that used it may say it again, and show a newer one.
    for again in [&stolen, &Claims::visitor("ada").once(8)] {
        w.identify_as(victim, "ada", Some(again));
        let ServerMessage::Identified(_) = w.hear(victim) else { panic!("not identified") };
    }
    w.log_out(victim);
    for used in [&stolen, &Claims::visitor("ada").once(8)] {
        w.identify_as(victim, "ada", Some(used));
        assert_eq!(w.refused(victim), RefusalCode::TokenUsed, "after a log-out it is used up");
    }
    w.bye(victim);
    assert_eq!(not_believed(&mut w, "ada", Some(&stolen)), RefusalCode::TokenUsed);
}

#[test]
fn an_identity_is_recorded_when_it_is_taken_on_and_when_it_is_proved() {
    let mut w = World::strict_with(|group| group.assertion_needed = false);
    let visitor = w.identified("ada");
    w.identify_as(visitor, "ada", None);
    for _ in 0..2 {
        w.identify_as(visitor, "ada", Some(&Claims::visitor("ada")));
    }
    let recorded = w.events.iter().filter_map(|event| {
        let Event::Identified { proven, devices, .. } = event else { return None };
        Some((*proven, *devices))
    });
    assert_eq!(recorded.collect::<Vec<_>>(), [(false, 1), (true, 1)]);
}

#[test]
fn the_same_assertion_said_again_by_the_same_device_is_one_identity() {
    let mut w = World::strict();
    let ada = Claims::visitor("ada");
    let conn = w.proved(&ada);
    w.identify_as(conn, "ada", Some(&ada));
    let ServerMessage::Identified(_) = w.hear(conn) else { panic!("not identified") };
    w.identify_as(conn, "ada", Some(&ada.clone().forged()));
    assert_eq!(w.refused(conn), RefusalCode::BadAssertion);
    w.connect_presence(conn);
    let ServerMessage::PresenceConnected(_) = w.hear(conn) else { panic!("still who it was") };
    let identified = |event: &&Event| matches!(event, Event::Identified { .. });
    assert_eq!(w.events.iter().filter(identified).count(), 1);
}

// Taking over a visitor's id, in every order of arrival.

/// The victim's place is untouched: it is online, seen and asked.
fn untouched(w: &mut World, victim: ConnId) {
    let agent = w.signed_in(&Claims::agent("watcher"));
    let ask = w.asked(agent, victim, "ada");
    w.withdraw(agent, Some(ask));
    w.hear_all(victim);
    w.bye(agent);
}

#[test]
fn takeover_the_attacker_comes_after_the_victim() {
    let mut w = World::strict();
    let victim = w.proved_online("ada");
    not_believed(&mut w, "ada", None);
    not_believed(&mut w, "ada", Some(&Claims::visitor("ada").forged()));
    assert!(w.is_quiet(victim), "nobody told it of another device");
    untouched(&mut w, victim);
}

#[test]
fn takeover_the_attacker_comes_first_and_waits() {
    let mut w = World::strict();
    let attacker = w.anonymous();
    w.identify_as(attacker, "ada", None);
    assert_eq!(w.refused(attacker), RefusalCode::AssertionNeeded);
    let victim = w.proved_online("ada");
    w.connect_presence(attacker);
    assert_eq!(w.refused(attacker), RefusalCode::IllegalOrder);
    w.identify_as(attacker, "ada", Some(&Claims::visitor("mallory")));
    assert_eq!(w.refused(attacker), RefusalCode::BadAssertion);
    untouched(&mut w, victim);
    assert!(w.is_quiet(attacker));
}

#[test]
fn takeover_between_the_victims_identify_and_its_presence() {
    let mut w = World::strict();
    let victim = w.proved(&Claims::visitor("ada"));
    not_believed(&mut w, "ada", None);
    w.connect_presence(victim);
    let ServerMessage::PresenceConnected(it) = w.hear(victim) else { panic!("not online") };
    assert!(it.focused);
    untouched(&mut w, victim);
}

#[test]
fn takeover_while_the_victims_connection_is_broken() {
    let mut w = World::strict();
    let victim = w.proved_online("ada");
    w.drop_conn(victim);
    not_believed(&mut w, "ada", None);
    let attacker = w.open();
    let secret = w.secret(victim);
    let (place, _) = secret.expose_secret().split_once('.').unwrap();
    w.resume_with(attacker, GROUP, &format!("{place}.{:032x}", 1));
    assert_eq!(w.refused(attacker), RefusalCode::ResumeFailed);
    let (victim, snapshot) = w.resume_visitor(victim);
    assert!(snapshot.presence.unwrap().focused);
    untouched(&mut w, victim);
}

#[test]
fn takeover_after_the_victim_logged_out_or_left() {
    let mut w = World::strict();
    let victim = w.proved_online("ada");
    w.disconnect_presence(victim);
    w.log_out(victim);
    not_believed(&mut w, "ada", None);
    w.bye(victim);
    not_believed(&mut w, "ada", None);
}

#[test]
fn takeover_by_a_visitor_with_a_proof_of_its_own() {
    let mut w = World::strict();
    let victim = w.proved_online("ada");
    let attacker = w.proved_online("mallory");
    w.identify_as(attacker, "ada", Some(&Claims::visitor("mallory")));
    assert_eq!(w.refused(attacker), RefusalCode::AlreadyIdentified);
    w.disconnect_presence(attacker);
    w.log_out(attacker);
    w.identify_as(attacker, "ada", Some(&Claims::visitor("mallory")));
    assert_eq!(w.refused(attacker), RefusalCode::BadAssertion);
    untouched(&mut w, victim);
}

#[test]
fn the_same_id_twice_is_a_resume_a_hand_off_or_rejected() {
    let mut w = World::strict();
    let older = w.proved_online("ada");
    // With the secret: the same device, on a newer connection.
    let (older, _) = w.resume_visitor(older);
    assert_eq!((w.hub.stats().visitors, w.hub.stats().hand_offs), (1, 0));
    // With a proof: another device. The newest has the focus, and the older one is told.
    let newer = w.proved_online("ada");
    let ServerMessage::PresenceFocus(it) = w.hear(older) else { panic!("not told") };
    assert!(!it.focused);
    assert_eq!((w.hub.stats().visitors, w.hub.stats().hand_offs), (2, 1));
    let handed = |event: &Event| match event {
        Event::HandedOff { from, client, .. } => Some((from.get(), client.get())),
        _ => None,
    };
    assert_eq!(w.events.iter().find_map(handed), Some((1, 2)));
    let devices = |event: &Event| match event {
        Event::Identified { devices, proven: true, .. } => Some(*devices),
        _ => None,
    };
    assert_eq!(w.events.iter().filter_map(devices).collect::<Vec<_>>(), [1, 2]);
    // With neither: nobody.
    assert_eq!(not_believed(&mut w, "ada", None), RefusalCode::AssertionNeeded);
    assert!(w.is_quiet(older) && w.is_quiet(newer));
    untouched(&mut w, newer);
}

// Resuming what is somebody else's.

#[test]
fn a_stolen_id_is_no_secret() {
    let mut w = World::strict();
    let victim = w.proved_online("ada");
    for guess in ["ada", "1", "1.", "1.0", ".", "1.ada", "ffffffffffffffff.0", "-1.0"] {
        let conn = w.open();
        w.resume_with(conn, GROUP, guess);
        assert_eq!(w.refused(conn), RefusalCode::ResumeFailed);
    }
    assert!(!w.closed.contains_key(&victim));
    untouched(&mut w, victim);
}

#[test]
fn a_secret_opens_its_own_place_only_whatever_the_role_and_the_group() {
    let mut w = World::strict();
    let conns = [
        w.proved_online("ada"),
        w.proved_online("bob"),
        w.signed_in(&Claims::agent("grace")),
        w.signed_in(&Claims::agent("grace").group(OTHER_GROUP)),
    ];
    let secrets = conns.map(|conn| w.secret(conn).expose_secret().to_owned());
    let homes = [GROUP, GROUP, GROUP, OTHER_GROUP];
    for (at, secret) in secrets.iter().enumerate() {
        // In the other group it opens nothing.
        let elsewhere = if homes[at] == GROUP { OTHER_GROUP } else { GROUP };
        let conn = w.open();
        w.resume_with(conn, elsewhere, secret);
        assert_eq!(w.refused(conn), RefusalCode::ResumeFailed);
        // With the place of any other, visitor or agent, it opens nothing.
        let (_, drawn) = secret.split_once('.').unwrap();
        for other in secrets.iter().filter(|other| *other != secret) {
            let (place, _) = other.split_once('.').unwrap();
            for group in [GROUP, OTHER_GROUP] {
                let conn = w.open();
                w.resume_with(conn, group, &format!("{place}.{drawn}"));
                assert_eq!(w.refused(conn), RefusalCode::ResumeFailed);
            }
        }
    }
    assert!(conns.iter().all(|conn| !w.closed.contains_key(conn)));
}

#[test]
fn an_agents_secret_makes_no_visitor_and_a_visitors_no_agent() {
    let mut w = World::strict();
    let (visitor, agent) = (w.proved_online("ada"), w.signed_in(&Claims::agent("grace")));
    let (visitor, _) = w.resume_visitor(visitor);
    w.watch(visitor, None);
    assert_eq!(w.problem(visitor), RefusalCode::UnknownType);
    let (agent, _) = w.resume_agent(agent);
    w.identify_as(agent, "ada", Some(&Claims::visitor("ada")));
    assert_eq!(w.problem(agent), RefusalCode::UnknownType);
}

// Consent that nobody gave.

#[test]
fn accepting_a_request_never_made_begins_nothing() {
    let mut w = World::strict();
    let visitor = w.proved_online("ada");
    let ask = AskId::new(1);
    w.displayed(visitor, ask);
    w.accept(visitor, ask);
    w.start(visitor, StartBy::VisitorId { ask });
    assert_eq!(w.refused(visitor), RefusalCode::TermsOver);
    assert_eq!(w.hub.stats().sessions, 0);
}

#[test]
fn accepting_what_was_not_displayed_begins_nothing() {
    let mut w = World::strict();
    let (agent, visitor) = (w.signed_in(&Claims::agent("grace")), w.proved_online("ada"));
    let ask = w.asked(agent, visitor, "ada");
    w.accept(visitor, ask);
    assert_eq!(w.problem(visitor), RefusalCode::IllegalOrder);
    w.start(visitor, StartBy::VisitorId { ask });
    assert_eq!(w.refused(visitor), RefusalCode::TermsOver);
    assert!(w.is_quiet(agent));
    assert_eq!(w.hub.stats().sessions, 0);
}

#[test]
fn accepting_twice_begins_one_session() {
    let mut w = World::strict();
    let (agent, visitor) = (w.signed_in(&Claims::agent("grace")), w.proved_online("ada"));
    let ask = w.shown(agent, visitor, "ada");
    w.accept(visitor, ask);
    w.accept(visitor, ask);
    let start = w.start(visitor, StartBy::VisitorId { ask });
    w.start(visitor, StartBy::VisitorId { ask });
    w.accept(visitor, ask);
    let ServerMessage::SessionConnected(it) = w.hear(visitor) else { panic!("no session") };
    assert_eq!(it.start, start);
    assert_eq!((w.hub.stats().sessions, w.hub.stats().asks_accepted), (1, 1));
    // Nor does the old yes begin another one when it is over.
    w.end_start(visitor, start);
    w.hear_all(visitor);
    w.accept(visitor, ask);
    w.start(visitor, StartBy::VisitorId { ask });
    assert_eq!(w.refused(visitor), RefusalCode::TermsOver);
}

#[test]
fn accepting_after_the_agent_withdrew_or_the_time_was_over_begins_nothing() {
    for expire in [false, true] {
        let mut w = World::strict();
        let (agent, visitor) = (w.signed_in(&Claims::agent("grace")), w.proved_online("ada"));
        let ask = w.shown(agent, visitor, "ada");
        if expire {
            w.pass(secs(60));
        } else {
            w.withdraw(agent, Some(ask));
        }
        w.hear_all(visitor);
        w.notices(agent);
        w.accept(visitor, ask);
        w.start(visitor, StartBy::VisitorId { ask });
        assert_eq!(w.refused(visitor), RefusalCode::TermsOver);
        assert!(w.is_quiet(agent));
        assert_eq!(w.hub.stats().sessions, 0);
    }
}

#[test]
fn another_device_does_not_answer_for_the_one_that_was_asked() {
    let mut w = World::strict();
    let other = w.proved_online("ada");
    let asked = w.proved_online("ada");
    let stranger = w.proved_online("mallory");
    let agent = w.signed_in(&Claims::agent("grace"));
    let ask = w.shown(agent, asked, "ada");
    w.hear_all(other);
    for conn in [other, stranger] {
        w.displayed(conn, ask);
        w.accept(conn, ask);
        w.start(conn, StartBy::VisitorId { ask });
        assert_eq!(w.refused(conn), RefusalCode::TermsOver);
        w.decline(conn, ask);
    }
    assert!(w.is_quiet(agent), "nobody answered");
    w.accept(asked, ask);
    w.start(asked, StartBy::VisitorId { ask });
    let ServerMessage::SessionConnected(_) = w.hear(asked) else { panic!("no session") };
}

#[test]
fn one_who_accepted_starts_nothing_on_another_device() {
    let mut w = World::strict();
    let (other, asked) = (w.proved_online("ada"), w.proved_online("ada"));
    let agent = w.signed_in(&Claims::agent("grace"));
    let ask = w.shown(agent, asked, "ada");
    w.accept(asked, ask);
    w.hear_all(other);
    w.start(other, StartBy::VisitorId { ask });
    assert_eq!(w.refused(other), RefusalCode::TermsOver);
    w.start(asked, StartBy::RandomKey);
    assert_eq!(w.refused(asked), RefusalCode::IllegalOrder, "one session at a time");
}
