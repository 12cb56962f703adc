//! What an agent's token allows, and for how long.
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

fn names(roster: &Roster) -> Vec<&str> {
    roster.visitors.iter().map(|card| card.visitor.as_str()).collect()
}

/// The next notice, which is a roster of one page.
fn roster(w: &mut World, agent: ConnId) -> Vec<String> {
    let AgentNotice::Roster(it) = w.notice(agent) else { panic!("no roster") };
    assert!(it.first && !it.more);
    names(&it).into_iter().map(str::to_owned).collect()
}

fn seen(w: &mut World, agent: ConnId) -> Vec<String> {
    let of = |notice| match notice {
        AgentNotice::VisitorOnline(it) => it.card.visitor.to_string(),
        AgentNotice::VisitorChanged(it) => it.card.visitor.to_string(),
        AgentNotice::VisitorOffline(it) => it.visitor.to_string(),
        other => panic!("{other:?}"),
    };
    w.notices(agent).into_iter().map(of).collect()
}

fn renewed(w: &mut World, agent: ConnId, claims: &Claims) -> Renewed {
    w.renew(agent, claims);
    let AgentNotice::Renewed(it) = w.notice(agent) else { panic!("not renewed") };
    it
}

// Which visitors.

#[test]
fn an_agent_for_some_visitors_is_told_of_them_only() {
    let mut w = World::strict();
    let agent = w.signed_in(&Claims::agent("grace").only(&["bob", "ada", "ada"]));
    w.watch(agent, None);
    assert!(roster(&mut w, agent).is_empty());
    assert_eq!(w.hub.stats().agents_watching, 1);
    let (ada, eve) = (w.proved_online("ada"), w.proved_online("eve"));
    w.proved_online("bob");
    w.update(eve, "page", "/");
    w.update(ada, "page", "/");
    assert_eq!(seen(&mut w, agent), ["ada", "bob", "ada"]);
    w.watch(agent, None);
    assert_eq!(roster(&mut w, agent), ["ada", "bob"]);
    w.watch(agent, Some("ada"));
    assert_eq!(roster(&mut w, agent), ["ada"]);
    w.watch(agent, Some("eve"));
    assert_eq!(w.refused(agent), RefusalCode::NotAllowed);
    w.bye(eve);
    w.bye(ada);
    assert_eq!(seen(&mut w, agent), ["ada"], "the watch before still stands");
    let (agent, _) = w.resume_agent(agent);
    assert!(roster(&mut w, agent).is_empty());
    w.bye(agent);
    assert_eq!(w.hub.stats().agents_watching, 0);
}

#[test]
fn an_agent_for_some_visitors_asks_nobody_else_and_does_not_learn_who_is_online() {
    let mut w = World::strict();
    let agent = w.signed_in(&Claims::agent("grace").only(&["ada"]));
    let eve = w.proved_online("eve");
    for whom in ["eve", "nobody"] {
        w.ask(agent, whom);
        assert_eq!(w.refused(agent), RefusalCode::NotAllowed);
    }
    assert!(w.is_quiet(eve));
    let ada = w.proved_online("ada");
    w.one_click(agent, ada, "ada");
    assert_eq!(w.hub.stats().not_allowed, 2);
    let line = w.events.iter().find(|event| matches!(event, Event::NotAllowed { .. })).unwrap();
    assert_eq!(line.to_string(), "not allowed group=12345 client=1 agent=grace verb=ask");
}

#[test]
fn an_agent_for_nobody_sees_nobody() {
    let mut w = World::strict();
    let agent = w.signed_in(&Claims::agent("grace").only(&[]));
    w.watch(agent, None);
    assert!(roster(&mut w, agent).is_empty());
    w.proved_online("ada");
    assert!(w.is_quiet(agent));
    w.ask(agent, "ada");
    assert_eq!(w.refused(agent), RefusalCode::NotAllowed);
}

#[test]
fn the_key_of_another_visitor_is_a_wrong_key_and_counts_as_one() {
    let mut w = World::strict();
    let agent = w.signed_in(&Claims::agent("grace").only(&["ada"]));
    let (ada, eve, nobody) =
        (w.proved(&Claims::visitor("ada")), w.proved_online("eve"), w.anonymous());
    let (_, _, hers) = w.share(ada);
    let (_, _, another) = w.share(eve);
    let (_, _, anonymous) = w.share(nobody);
    for key in [another, anonymous, wrong_key(1)] {
        w.join(agent, key);
        assert_eq!(w.refused(agent), RefusalCode::NoSuchKey);
    }
    assert_eq!(w.hub.stats().wrong_keys, 3);
    assert!(w.is_quiet(eve) && w.is_quiet(nobody));
    w.joined(agent, hers);
}

// What else.

#[test]
fn an_agent_who_may_only_view_ends_nothing_and_ejects_nobody() {
    let mut w = World::strict();
    let viewer = w.signed_in(&Claims::agent("grace").view_only());
    let other = w.signed_in(&Claims::agent("joan"));
    let visitor = w.anonymous();
    let (_, session, key) = w.share(visitor);
    w.joined(viewer, key);
    w.joined(other, key);
    w.notices(viewer);
    w.hear_all(visitor);
    w.end(viewer, session);
    assert_eq!(w.problem(viewer), RefusalCode::NotAllowed);
    w.eject(viewer, session, "joan");
    assert_eq!(w.problem(viewer), RefusalCode::NotAllowed);
    assert!(w.is_quiet(visitor) && w.is_quiet(other));
    w.leave(viewer, None);
    assert_eq!((w.hub.stats().sessions, w.hub.stats().not_allowed), (1, 2));
    w.end(other, session);
    assert_eq!(w.hub.stats().sessions, 0);
}

#[test]
fn an_agent_without_manual_keys_joins_nothing_with_one() {
    let mut w = World::strict();
    let agent = w.signed_in(&Claims::agent("grace").without_keys());
    let (stranger, ada) = (w.anonymous(), w.proved_online("ada"));
    let (_, _, key) = w.share(stranger);
    for key in [key, wrong_key(1)] {
        w.join(agent, key);
        assert_eq!(w.refused(agent), RefusalCode::NotAllowed, "right or wrong is not told");
    }
    assert_eq!(w.hub.stats().wrong_keys, 0);
    w.one_click(agent, ada, "ada");
}

#[test]
fn the_token_that_allows_the_fewest_guests_decides() {
    let mut w = World::strict();
    let visitor = w.anonymous();
    let (_, _, key) = w.share(visitor);
    let alone = w.signed_in(&Claims::agent("grace").max_guests(1));
    let two = w.signed_in(&Claims::agent("joan").max_guests(2));
    let any = w.signed_in(&Claims::agent("kay"));
    w.joined(alone, key);
    w.join(any, key);
    assert_eq!(w.refused(any), RefusalCode::SessionFull);
    w.leave(alone, None);
    w.joined(two, key);
    w.join(alone, key);
    assert_eq!(w.refused(alone), RefusalCode::SessionFull);
    w.joined(any, key);
    let none = w.signed_in(&Claims::agent("none").max_guests(0));
    let (_, _, another) = {
        let visitor = w.anonymous();
        w.share(visitor)
    };
    w.joined(none, another);
}

#[test]
fn the_agent_is_told_what_its_token_allows_and_how_long() {
    let mut w = World::strict();
    let conn = w.open();
    let claims = Claims::agent("grace").only(&["ada"]).view_only().without_keys().max_guests(3);
    w.show_token(conn, GROUP, &claims.expires(90));
    let AgentNotice::SignedIn(it) = w.notice(conn) else { panic!("not signed in") };
    assert_eq!((it.expires_ms, it.agent.name()), (90_000, "Agent grace"));
    let rights = AgentRights {
        visitors: Some(vec![visitor_id("ada")]),
        view_only: true,
        manual_keys: false,
        max_guests: Some(3),
    };
    assert_eq!(it.rights, rights);
    let line = w.events.last().unwrap().to_string();
    let told = "agent signed in group=12345 client=1 agent=grace name=\"Agent grace\" \
                expires=1800000090 visitors=1 view_only=true manual_keys=false max_guests=3";
    assert_eq!(line, told);
}

// For how long.

#[test]
fn an_agent_who_does_nothing_is_sent_away_when_its_token_expires() {
    let mut w = World::strict();
    let agent = w.signed_in(&Claims::agent("grace").expires(600));
    w.pass(secs(599));
    assert!(w.is_quiet(agent));
    w.pass(secs(1));
    w.closing(agent, CloseReason::SignInExpired, false);
    w.resume_refused(agent);
    assert_eq!((w.hub.stats().agents, w.hub.stats().sign_ins_expired), (0, 1));
    let lines: Vec<_> = w.events.iter().map(Event::to_string).collect();
    let told = |line: &str| lines.iter().any(|it| it == line);
    assert!(told("sign-in expired group=12345 client=1 agent=grace"));
    assert!(told("agent gone group=12345 client=1 agent=grace reason=sign_in_expired"));
}

/// An agent until second 600, who watches a visitor who is online.
fn watched() -> (World, ConnId, ConnId) {
    let mut w = World::strict();
    let agent = w.signed_in(&Claims::agent("grace").expires(600));
    let ada = w.proved_online("ada");
    w.watch(agent, None);
    roster(&mut w, agent);
    (w, agent, ada)
}

/// Whether the visitor is gone, and the agent has heard that she is offline.
fn hears_of_the_end(w: &mut World, agent: ConnId) -> bool {
    assert_eq!(w.hub.stats().visitors, 0);
    let offline = |it: &AgentNotice| matches!(it, AgentNotice::VisitorOffline(_));
    w.notices(agent).iter().any(offline)
}

#[test]
fn a_hub_that_was_held_up_tells_an_agent_nothing_after_its_token_expired() {
    for (second, told) in [(590, true), (600, false)] {
        let (mut w, agent, ada) = watched();
        w.pass(secs(556));
        w.drop_conn(ada);
        w.pass(secs(20));
        w.notices(agent);
        // Her grace is over at 586, and nobody tells the hub what time it is until later.
        w.now = w.now + secs(second - 576);
        w.input(Input::Timeout);
        assert_eq!(hears_of_the_end(&mut w, agent), told, "at {second}");
    }
}

/// Both come after a suspension: the wall clock has moved on, and deadlines are over.
#[test]
fn what_time_it_is_counts_before_what_was_due() {
    for (second, told) in [(590, true), (600, false)] {
        let (mut w, agent, ada) = watched();
        w.drop_conn(ada);
        w.notices(agent);
        w.now = w.now + secs(30);
        w.input(Input::Wall { now: after(second) });
        assert_eq!(hears_of_the_end(&mut w, agent), told, "at {second}");
    }
}

#[test]
fn an_agent_whose_token_expires_in_a_session_finishes_it_and_begins_nothing() {
    let mut w = World::strict();
    let agent = w.signed_in(&Claims::agent("grace").expires(600));
    let ada = w.proved_online("ada");
    w.watch(agent, None);
    roster(&mut w, agent);
    let (start, session) = w.one_click(agent, ada, "ada");
    w.pass(secs(600));
    assert!(roster(&mut w, agent).is_empty(), "who is online is told no more");
    assert_eq!(w.hub.stats().agents_watching, 0);
    w.proved_online("bob");
    assert!(w.is_quiet(agent));
    w.ask(agent, "bob");
    assert_eq!(w.refused(agent), RefusalCode::SignInExpired);
    w.join(agent, wrong_key(1));
    assert_eq!(w.refused(agent), RefusalCode::SignInExpired);
    for whom in [None, Some("bob")] {
        w.watch(agent, whom);
        assert_eq!(w.refused(agent), RefusalCode::SignInExpired);
    }
    // It sees the picture, and comes back after a break.
    let viewer = w.viewer(ada, session);
    w.show(ada, session, &[viewer], b"picture");
    assert_eq!(w.seen(agent, session).len(), 1);
    let (agent, snapshot) = w.resume_agent(agent);
    assert_eq!(snapshot.view.unwrap().session, session);
    assert!(roster(&mut w, agent).is_empty());
    w.end_start(ada, start);
    let AgentNotice::ViewEnded(_) = w.notice(agent) else { panic!("not ended") };
    w.closing(agent, CloseReason::SignInExpired, false);
    assert_eq!((w.hub.stats().agents, w.hub.stats().sign_ins_expired), (0, 1));
}

#[test]
fn an_agent_whose_token_expired_goes_when_it_leaves_the_session() {
    for eject in [false, true] {
        let mut w = World::strict();
        let agent = w.signed_in(&Claims::agent("grace").expires(600));
        let other = w.signed_in(&Claims::agent("joan"));
        let visitor = w.anonymous();
        let (_, session, key) = w.share(visitor);
        w.joined(agent, key);
        w.joined(other, key);
        w.pass(secs(600));
        if eject {
            w.eject(other, session, "grace");
        } else {
            w.leave(agent, None);
        }
        assert_eq!(w.closed.get(&agent), Some(&CloseReason::SignInExpired));
        assert_eq!(w.hub.stats().sessions, 1);
    }
}

#[test]
fn an_agent_who_waits_for_an_answer_may_get_it_after_its_token_expired() {
    let mut w = World::strict();
    let agent = w.signed_in(&Claims::agent("grace").expires(600));
    let ada = w.proved_online("ada");
    w.pass(secs(590));
    let ask = w.shown(agent, ada, "ada");
    w.pass(secs(20));
    assert!(!w.closed.contains_key(&agent));
    w.accept(ada, ask);
    let start = w.start(ada, StartBy::VisitorId { ask });
    let AgentNotice::AskEnded(_) = w.notice(agent) else { panic!("no outcome") };
    let AgentNotice::Joined(_) = w.notice(agent) else { panic!("not joined") };
    w.end_start(ada, start);
    assert_eq!(w.closed.get(&agent), Some(&CloseReason::SignInExpired));

    w.hear_all(ada);
    let agent = w.signed_in(&Claims::agent("grace").expires(630));
    let ask = w.shown(agent, ada, "ada");
    w.pass(secs(20));
    w.decline(ada, ask);
    let AgentNotice::AskEnded(it) = w.notice(agent) else { panic!("no outcome") };
    assert_eq!(it.outcome, AskOutcome::Declined);
    w.closing(agent, CloseReason::SignInExpired, false);
}

#[test]
fn if_the_policy_says_so_the_session_ends_for_the_agent_with_its_token() {
    let mut w = World::strict_with(|group| group.expiry_ends_sessions = true);
    let agent = w.signed_in(&Claims::agent("grace").expires(600));
    let visitor = w.anonymous();
    let (_, session, key) = w.share(visitor);
    w.joined(agent, key);
    w.hear_all(visitor);
    w.pass(secs(600));
    assert_eq!(w.closed.get(&agent), Some(&CloseReason::SignInExpired));
    let ServerMessage::SessionGuests(it) = w.hear(visitor) else { panic!("not told") };
    assert_eq!((it.session, it.count), (session, 0));
    assert_eq!((w.hub.stats().sessions, w.hub.stats().viewers), (1, 0));
    let left = w.events.iter().find(|event| matches!(event, Event::GuestLeft { .. })).unwrap();
    assert!(left.to_string().ends_with("reason=policy"), "{left}");
}

#[test]
fn an_agent_whose_connection_is_broken_does_not_outlive_its_token() {
    let mut w = World::strict();
    let agent = w.signed_in(&Claims::agent("grace").expires(10));
    w.drop_conn(agent);
    w.pass(secs(10));
    w.resume_refused(agent);
    assert_eq!(w.hub.stats().agents, 0);
}

// Renewal.

#[test]
fn a_newer_token_makes_the_sign_in_last_longer_and_replaces_the_rights() {
    let mut w = World::strict();
    let agent = w.signed_in(&Claims::agent("grace").expires(600));
    w.watch(agent, None);
    roster(&mut w, agent);
    let ada = w.proved_online("ada");
    w.proved_online("eve");
    w.notices(agent);
    w.pass(secs(300));
    let deadlines = w.hub.stats().deadlines;
    renewed(&mut w, agent, &Claims::agent("grace").expires(700));
    assert!(w.is_quiet(agent), "it sees whom it saw before");
    let newer = Claims::agent("grace").only(&["eve"]).expires(900);
    let it = renewed(&mut w, agent, &newer);
    assert_eq!(w.hub.stats().deadlines, deadlines);
    assert_eq!((it.expires_ms, it.rights.visitors), (600_000, Some(vec![visitor_id("eve")])));
    assert_eq!(roster(&mut w, agent), ["eve"]);
    w.update(ada, "page", "/");
    assert!(w.is_quiet(agent));
    w.ask(agent, "ada");
    assert_eq!(w.refused(agent), RefusalCode::NotAllowed);
    w.pass(secs(599));
    assert!(!w.closed.contains_key(&agent));
    w.pass(secs(1));
    w.closing(agent, CloseReason::SignInExpired, false);
    assert_eq!((w.hub.stats().agents_renewed, w.hub.stats().deadlines), (2, 2));
}

#[test]
fn an_agent_who_renews_after_its_token_expired_goes_on() {
    let mut w = World::strict();
    let agent = w.signed_in(&Claims::agent("grace").expires(600));
    w.watch(agent, None);
    roster(&mut w, agent);
    let ada = w.proved_online("ada");
    w.notices(agent);
    let (start, _) = w.one_click(agent, ada, "ada");
    w.pass(secs(600));
    roster(&mut w, agent);
    renewed(&mut w, agent, &Claims::agent("grace").expires(1_200));
    assert_eq!(roster(&mut w, agent), ["ada"]);
    w.end_start(ada, start);
    w.notices(agent);
    assert!(!w.closed.contains_key(&agent));
    w.one_click(agent, ada, "ada");
}

#[test]
fn a_request_is_taken_back_when_the_newer_token_does_not_allow_it() {
    let mut w = World::strict();
    let (ada, eve) = (w.proved_online("ada"), w.proved_online("eve"));
    let agent = w.signed_in(&Claims::agent("grace"));
    w.watch(agent, None);
    roster(&mut w, agent);
    w.shown(agent, ada, "ada");
    w.notices(agent);
    w.pass(secs(1));
    renewed(&mut w, agent, &Claims::agent("grace").only(&["eve"]));
    let ServerMessage::TermsWithdrawn(it) = w.hear(ada) else { panic!("not withdrawn") };
    assert_eq!(it.reason, WithdrawReason::Agent);
    let AgentNotice::AskEnded(it) = w.notice(agent) else { panic!("no outcome") };
    assert_eq!(it.outcome, AskOutcome::Withdrawn);
    assert_eq!(roster(&mut w, agent), ["eve"], "no card tells that the other is free again");
    w.shown(agent, eve, "eve");
    w.notices(agent);
    renewed(&mut w, agent, &Claims::agent("grace").only(&["eve"]));
    assert!(w.is_quiet(eve), "what is allowed still stands");
}

#[test]
fn an_agent_who_may_not_come_with_a_key_any_more_waits_no_more_to_be_let_in() {
    let narrower = [Claims::agent("grace").without_keys(), Claims::agent("grace").only(&["eve"])];
    for claims in narrower {
        for early in [false, true] {
            let mut w = World::strict_with(|group| group.confirm_join = true);
            let (visitor, agent) = (w.anonymous(), w.signed_in(&Claims::agent("grace")));
            let (_, _, key) = w.share(visitor);
            w.join(agent, key);
            let ServerMessage::JoinRequested(it) = w.hear(visitor) else { panic!("not asked") };
            w.notices(agent);
            if early {
                // What allows no less changes nothing.
                renewed(&mut w, agent, &Claims::agent("grace"));
                assert!(w.is_quiet(visitor));
            }
            renewed(&mut w, agent, &claims);
            assert_eq!(w.refused(agent), RefusalCode::SessionGone);
            let ServerMessage::JoinWithdrawn(over) = w.hear(visitor) else { panic!("still asked") };
            assert_eq!(over.join, it.join);
            let re = w.next_re(visitor);
            w.say(visitor, JoinConfirmed { re, join: it.join });
            assert!(w.is_quiet(agent) && w.is_quiet(visitor));
            assert_eq!(w.hub.stats().viewers, 0);
        }
    }
}

#[test]
fn the_token_of_another_agent_or_group_or_one_that_ends_sooner_renews_nothing() {
    let mut w = World::strict();
    let agent = w.signed_in(&Claims::agent("grace").expires(600));
    let grace = || Claims::agent("grace").expires(900);
    for (claims, code) in [
        (Claims::agent("joan").expires(900), RefusalCode::BadToken),
        (grace().group(OTHER_GROUP), RefusalCode::BadToken),
        (grace().forged(), RefusalCode::BadToken),
        (Claims::agent("grace").expires(599), RefusalCode::BadToken),
        (Claims::agent("grace").expires(0), RefusalCode::TokenExpired),
    ] {
        w.renew(agent, &claims);
        assert_eq!(w.refused(agent), code);
    }
    w.pass(secs(600));
    w.closing(agent, CloseReason::SignInExpired, false);
    assert_eq!((w.hub.stats().agents_renewed, w.hub.stats().refused_tokens), (0, 5));
}

#[test]
fn renew_is_no_first_message() {
    let mut w = World::strict();
    let conn = w.open();
    w.renew(conn, &Claims::agent("grace"));
    assert_eq!(w.refused(conn), RefusalCode::HelloFirst);
}

// The wall clock.

#[test]
fn when_the_clock_is_set_forth_tokens_expire_at_once() {
    let mut w = World::strict();
    let idle = w.signed_in(&Claims::agent("grace").expires(600));
    let busy = w.signed_in(&Claims::agent("joan").expires(600));
    let later = w.signed_in(&Claims::agent("kay").expires(1_200));
    let visitor = w.anonymous();
    let (start, _, key) = w.share(visitor);
    w.joined(busy, key);
    w.input(Input::Wall { now: after(700) });
    w.closing(idle, CloseReason::SignInExpired, false);
    assert!(!w.closed.contains_key(&busy) && !w.closed.contains_key(&later));
    w.end_start(visitor, start);
    assert_eq!(w.closed.get(&busy), Some(&CloseReason::SignInExpired));
    w.pass(secs(499));
    assert!(!w.closed.contains_key(&later));
    w.pass(secs(1));
    assert_eq!(w.closed.get(&later), Some(&CloseReason::SignInExpired));
}

#[test]
fn when_the_clock_is_set_back_tokens_last_until_it_says_so_again() {
    let mut w = World::strict();
    let agent = w.signed_in(&Claims::agent("grace").expires(600));
    let busy = w.signed_in(&Claims::agent("joan").expires(300));
    w.watch(busy, None);
    roster(&mut w, busy);
    let visitor = w.anonymous();
    let (start, _, key) = w.share(visitor);
    w.joined(busy, key);
    w.pass(secs(500));
    assert!(roster(&mut w, busy).is_empty(), "its token has expired");
    w.input(Input::Wall { now: NOON });
    assert!(roster(&mut w, busy).is_empty(), "it has not, and nobody is online");
    w.end_start(visitor, start);
    assert!(!w.closed.contains_key(&busy));
    w.pass(secs(300));
    assert_eq!(w.closed.get(&busy), Some(&CloseReason::SignInExpired));
    assert!(!w.closed.contains_key(&agent));
    w.pass(secs(300));
    assert_eq!(w.closed.get(&agent), Some(&CloseReason::SignInExpired));
}

#[test]
fn the_time_told_again_changes_nothing() {
    let mut w = World::strict();
    let agent = w.signed_in(&Claims::agent("grace").expires(600));
    let wake = w.wake_at;
    for second in 0..100 {
        w.pass(secs(1));
        w.input(Input::Wall { now: after(second + 1) });
    }
    assert!(!w.closed.contains_key(&agent));
    assert!(w.wake_at >= wake);
    w.pass(secs(500));
    w.closing(agent, CloseReason::SignInExpired, false);
}

#[test]
fn when_the_clock_is_set_to_the_very_moment_a_token_expires_it_has_expired() {
    let mut w = World::strict();
    let agent = w.signed_in(&Claims::agent("grace").expires(600));
    w.input(Input::Wall { now: after(599) });
    assert!(!w.closed.contains_key(&agent));
    w.input(Input::Wall { now: after(600) });
    w.closing(agent, CloseReason::SignInExpired, false);
}
