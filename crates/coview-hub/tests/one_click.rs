//! An agent's request from the question to its one outcome, and the races around it.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test runs with std and may panic"
)]

mod harness;

use coview_hub::*;
use coview_wire::*;
use harness::*;

fn outcome(w: &mut World, agent: ConnId, ask: AskId) -> (AskOutcome, Option<SessionId>) {
    let AgentNotice::AskEnded(it) = w.notice(agent) else { panic!("not ended") };
    assert_eq!(it.ask, ask);
    (it.outcome, it.session)
}

fn ended(w: &mut World, agent: ConnId, ask: AskId) -> AskOutcome {
    let (outcome, session) = outcome(w, agent, ask);
    assert_eq!(session, None);
    outcome
}

fn accepted(w: &mut World, agent: ConnId, ask: AskId) -> SessionId {
    let (outcome, session) = outcome(w, agent, ask);
    assert_eq!(outcome, AskOutcome::Accepted);
    session.expect("an accepted request names its session")
}

fn withdrawn(w: &mut World, visitor: ConnId, ask: AskId) -> WithdrawReason {
    let ServerMessage::TermsWithdrawn(it) = w.hear(visitor) else { panic!("not withdrawn") };
    assert_eq!(it.ask, ask);
    it.reason
}

fn view_ended(w: &mut World, agent: ConnId, session: SessionId) -> EndReason {
    let AgentNotice::ViewEnded(it) = w.notice(agent) else { panic!("not ended") };
    assert_eq!(it.session, session);
    it.reason
}

fn online_pair() -> (World, ConnId, ConnId) {
    let mut w = World::new();
    let visitor = w.online("ada");
    let agent = w.agent("grace");
    (w, visitor, agent)
}

#[test]
fn the_whole_story_of_one_click() {
    let (mut w, visitor, agent) = online_pair();
    w.ask(agent, "ada");
    let AgentNotice::Asked(asked) = w.notice(agent) else { panic!() };
    assert_eq!(asked.expires_ms, 60_000);
    let ServerMessage::TermsRequested(it) = w.hear(visitor) else { panic!() };
    assert_eq!((it.ask, it.terms, it.expires_ms), (asked.ask, terms(), 60_000));
    assert_eq!((it.agent.agent.as_str(), it.agent.name()), ("grace", "An Agent"));
    let ask = it.ask;
    w.displayed(visitor, ask);
    assert_eq!(w.notice(agent), TermsSeen { ask }.into());
    w.accept(visitor, ask);
    let session = accepted(&mut w, agent, ask);
    assert!(w.is_quiet(visitor), "accepted is not answered");
    assert!(w.is_quiet(agent), "joined comes with the start");
    let start = w.start(visitor, StartBy::VisitorId { ask });
    let ServerMessage::SessionConnected(it) = w.hear(visitor) else { panic!() };
    assert_eq!((it.start, it.session, it.key), (start, session, None));
    let AgentNotice::Joined(joined) = w.notice(agent) else { panic!() };
    let ViewFacts { ask: from, visitor: who, count, guests, .. } = joined.view;
    assert_eq!((joined.re, from, who, count), (None, Some(ask), Some(visitor_id("ada")), 1));
    let told = SessionGuests { session, count: 1, guests: guests.clone() };
    assert_eq!(w.hear(visitor), told.into());
    assert_eq!(w.notice(agent), ViewGuests { session, count: 1, guests }.into());
    assert!(w.texts.iter().all(|(_, text)| !text.contains("\"key\"")), "no key anywhere");
    w.end_start(visitor, start);
    assert_eq!(view_ended(&mut w, agent, session), EndReason::Visitor);
    assert!(w.is_quiet(visitor), "its own end is not told back");
    w.ask(agent, "ada");
    let AgentNotice::Asked(_) = w.notice(agent) else { panic!("free again") };
}

#[test]
fn declined_before_and_after_the_terms_are_displayed() {
    let (mut w, visitor, agent) = online_pair();
    let ask = w.asked(agent, visitor, "ada");
    w.decline(visitor, ask);
    assert_eq!(ended(&mut w, agent, ask), AskOutcome::Declined);
    let ask = w.shown(agent, visitor, "ada");
    w.decline(visitor, ask);
    assert_eq!(ended(&mut w, agent, ask), AskOutcome::Declined);
    assert!(w.is_quiet(visitor));
    assert_eq!(w.hub.stats().sessions, 0);
    w.start(visitor, StartBy::VisitorId { ask });
    assert_eq!(w.refused(visitor), RefusalCode::TermsOver, "no start after a no");
}

#[test]
fn withdrawn_while_the_terms_are_up() {
    let (mut w, visitor, agent) = online_pair();
    for named in [false, true] {
        let ask = w.shown(agent, visitor, "ada");
        w.withdraw(agent, named.then_some(ask));
        assert_eq!(ended(&mut w, agent, ask), AskOutcome::Withdrawn);
        assert_eq!(withdrawn(&mut w, visitor, ask), WithdrawReason::Agent);
        w.withdraw(agent, Some(ask));
        assert!(w.is_quiet(agent), "one end only");
        w.start(visitor, StartBy::VisitorId { ask });
        assert_eq!(w.refused(visitor), RefusalCode::TermsOver);
    }
}

#[test]
fn no_answer_in_time_is_a_no() {
    let (mut w, visitor, agent) = online_pair();
    let ask = w.shown(agent, visitor, "ada");
    w.pass(secs(59));
    assert!(w.is_quiet(agent));
    w.pass(secs(1));
    assert_eq!(ended(&mut w, agent, ask), AskOutcome::Expired);
    assert_eq!(withdrawn(&mut w, visitor, ask), WithdrawReason::Expired);
    w.accept(visitor, ask);
    w.start(visitor, StartBy::VisitorId { ask });
    assert_eq!(w.refused(visitor), RefusalCode::TermsOver);
    assert!(w.is_quiet(agent));
}

#[test]
fn an_answer_after_the_deadline_is_late_even_if_the_owner_is_too() {
    let mut w = World::with_policy(Policy { terms_unanswered: secs(30), ..Policy::default() });
    let visitor = w.online("ada");
    let agent = w.agent("grace");
    let ask = w.shown(agent, visitor, "ada");
    w.now = w.now + secs(30);
    w.accept(visitor, ask);
    assert_eq!(ended(&mut w, agent, ask), AskOutcome::Expired);
    assert_eq!(w.hub.stats().sessions, 0);
}

#[test]
fn accepted_before_displayed_is_illegal() {
    let (mut w, visitor, agent) = online_pair();
    let ask = w.asked(agent, visitor, "ada");
    w.accept(visitor, ask);
    assert_eq!(w.problem(visitor), RefusalCode::IllegalOrder);
    assert!(w.is_quiet(agent));
    w.start(visitor, StartBy::VisitorId { ask });
    assert_eq!(w.refused(visitor), RefusalCode::TermsOver);
    w.displayed(visitor, ask);
    w.displayed(visitor, ask);
    assert_eq!(w.problem(visitor), RefusalCode::IllegalOrder, "displayed once");
    w.accept(visitor, ask);
    w.accept(visitor, ask);
    assert!(w.is_quiet(visitor), "accepted twice is late, not wrong");
    assert_eq!(w.notices(agent).len(), 2, "displayed and accepted, once each");
}

#[test]
fn a_start_under_the_visitor_id_needs_the_accepted_request_of_this_visitor() {
    let (mut w, ada, agent) = online_pair();
    let eve = w.online("eve");
    let nobody = w.anonymous();
    let ask = w.shown(agent, ada, "ada");
    w.displayed(eve, ask);
    w.accept(eve, ask);
    w.decline(eve, ask);
    assert!(w.is_quiet(eve) && w.is_quiet(agent), "another's request means nothing");
    w.accept(ada, ask);
    for other in [eve, nobody] {
        w.start(other, StartBy::VisitorId { ask });
        assert_eq!(w.refused(other), RefusalCode::TermsOver);
    }
    w.start(ada, StartBy::VisitorId { ask: AskId::new(1) });
    assert_eq!(w.refused(ada), RefusalCode::TermsOver);
    w.start(ada, StartBy::VisitorId { ask });
    let ServerMessage::SessionConnected(_) = w.hear(ada) else { panic!() };
    w.hear_all(ada);
    w.start(ada, StartBy::VisitorId { ask });
    assert_eq!(w.refused(ada), RefusalCode::TermsOver, "one start for one yes");
}

#[test]
fn the_answer_to_anothers_request_means_nothing_even_while_an_own_one_waits() {
    let (mut w, ada, grace) = online_pair();
    let bob = w.online("bob");
    let joan = w.agent("joan");
    let of_ada = w.shown(grace, ada, "ada");
    let of_bob = w.shown(joan, bob, "bob");
    w.accept(bob, of_ada);
    w.decline(ada, of_bob);
    w.withdraw(grace, Some(of_bob));
    for conn in [ada, bob, grace, joan] {
        assert!(w.is_quiet(conn));
    }
    w.accept(bob, of_bob);
    w.decline(ada, of_ada);
    accepted(&mut w, joan, of_bob);
    assert_eq!(ended(&mut w, grace, of_ada), AskOutcome::Declined);
}

#[test]
fn asking_is_refused_while_one_side_is_busy_or_not_there() {
    let (mut w, visitor, agent) = online_pair();
    let second = w.agent("joan");
    w.identified("ada-offline");
    for whom in ["nobody", "ada-offline"] {
        w.ask(agent, whom);
        assert_eq!(w.refused(agent), RefusalCode::NotOnline);
    }
    let ask = w.asked(agent, visitor, "ada");
    w.ask(agent, "ada");
    assert_eq!(w.refused(agent), RefusalCode::AgentBusy);
    w.ask(second, "ada");
    assert_eq!(w.refused(second), RefusalCode::VisitorBusy);
    w.displayed(visitor, ask);
    w.ask(second, "ada");
    assert_eq!(w.refused(second), RefusalCode::VisitorBusy, "also while the terms are up");
    w.accept(visitor, ask);
    w.ask(second, "ada");
    assert_eq!(w.refused(second), RefusalCode::VisitorBusy, "also before the start");
    w.start(visitor, StartBy::VisitorId { ask });
    w.ask(second, "ada");
    assert_eq!(w.refused(second), RefusalCode::VisitorBusy, "also while sharing");
    w.notices(agent);
    w.ask(agent, "ada");
    assert_eq!(w.refused(agent), RefusalCode::AgentBusy);
}

#[test]
fn a_visitor_who_shares_on_another_device_is_busy() {
    let (mut w, _, agent) = online_pair();
    let other = w.identified("ada");
    let (start, ..) = w.share(other);
    w.ask(agent, "ada");
    assert_eq!(w.refused(agent), RefusalCode::VisitorBusy);
    w.end_start(other, start);
    w.ask(agent, "ada");
    let AgentNotice::Asked(_) = w.notice(agent) else { panic!() };
}

#[test]
fn race_a_manual_start_while_a_request_arrives() {
    for displayed in [false, true] {
        let (mut w, visitor, agent) = online_pair();
        let watcher = w.watcher("joan");
        let ask = w.asked(agent, visitor, "ada");
        if displayed {
            w.displayed(visitor, ask);
            w.notice(agent);
        }
        w.notices(watcher);
        w.start(visitor, StartBy::RandomKey);
        assert_eq!(ended(&mut w, agent, ask), AskOutcome::Busy);
        assert_eq!(withdrawn(&mut w, visitor, ask), WithdrawReason::Busy);
        let ServerMessage::SessionConnected(it) = w.hear(visitor) else { panic!() };
        assert!(it.key.is_some());
        assert!(w.is_quiet(watcher), "the visitor was busy all the time");
        // What the visitor says about the request on the way is late.
        w.displayed(visitor, ask);
        w.accept(visitor, ask);
        assert!(w.is_quiet(visitor) && w.is_quiet(agent));
    }
}

#[test]
fn race_the_request_comes_after_the_manual_start() {
    let (mut w, visitor, agent) = online_pair();
    w.share(visitor);
    w.ask(agent, "ada");
    assert_eq!(w.refused(agent), RefusalCode::VisitorBusy);
    assert!(w.is_quiet(visitor));
}

#[test]
fn race_accept_crosses_withdraw_and_the_withdraw_is_first() {
    let (mut w, visitor, agent) = online_pair();
    let ask = w.shown(agent, visitor, "ada");
    w.withdraw(agent, Some(ask));
    w.accept(visitor, ask);
    w.start(visitor, StartBy::VisitorId { ask });
    assert_eq!(ended(&mut w, agent, ask), AskOutcome::Withdrawn);
    assert_eq!(withdrawn(&mut w, visitor, ask), WithdrawReason::Agent);
    assert_eq!(w.refused(visitor), RefusalCode::TermsOver);
    assert!(w.is_quiet(visitor) && w.is_quiet(agent));
    assert_eq!(w.hub.stats().sessions, 0);
}

#[test]
fn race_accept_crosses_withdraw_and_the_accept_is_first() {
    let (mut w, visitor, agent) = online_pair();
    let ask = w.shown(agent, visitor, "ada");
    w.accept(visitor, ask);
    w.withdraw(agent, Some(ask));
    let session = accepted(&mut w, agent, ask);
    assert!(w.is_quiet(agent), "the withdraw is late");
    w.start(visitor, StartBy::VisitorId { ask });
    let AgentNotice::Joined(it) = w.notice(agent) else { panic!() };
    assert_eq!(it.view.session, session);
}

#[test]
fn race_decline_crosses_withdraw() {
    let (mut w, visitor, agent) = online_pair();
    let ask = w.shown(agent, visitor, "ada");
    w.decline(visitor, ask);
    w.withdraw(agent, None);
    assert_eq!(ended(&mut w, agent, ask), AskOutcome::Declined);
    assert!(w.is_quiet(visitor) && w.is_quiet(agent));
    let ask = w.shown(agent, visitor, "ada");
    w.withdraw(agent, None);
    w.decline(visitor, ask);
    assert_eq!(ended(&mut w, agent, ask), AskOutcome::Withdrawn);
    assert_eq!(withdrawn(&mut w, visitor, ask), WithdrawReason::Agent);
    assert!(w.is_quiet(visitor) && w.is_quiet(agent));
}

#[test]
fn race_going_offline_crosses_the_request() {
    let (mut w, visitor, agent) = online_pair();
    let ask = w.asked(agent, visitor, "ada");
    w.disconnect_presence(visitor);
    assert_eq!(ended(&mut w, agent, ask), AskOutcome::Lost);
    assert_eq!(withdrawn(&mut w, visitor, ask), WithdrawReason::PresenceOver);
    w.log_out(visitor);
    assert!(w.is_quiet(visitor));
    assert_eq!(w.hub.stats().visitors_online, 0);
}

#[test]
fn going_offline_under_displayed_terms_is_illegal() {
    let (mut w, visitor, agent) = online_pair();
    w.shown(agent, visitor, "ada");
    w.disconnect_presence(visitor);
    assert_eq!(w.problem(visitor), RefusalCode::IllegalOrder);
}

#[test]
fn race_a_second_device_takes_the_focus_while_the_first_is_asked() {
    let (mut w, first, agent) = online_pair();
    let ask = w.asked(agent, first, "ada");
    let second = w.online("ada");
    let ServerMessage::PresenceFocus(it) = w.hear(first) else { panic!() };
    assert!(!it.focused);
    assert!(w.is_quiet(second), "the request stays with the device it was sent to");
    w.displayed(first, ask);
    w.accept(first, ask);
    w.start(first, StartBy::VisitorId { ask });
    let ServerMessage::SessionConnected(_) = w.hear(first) else { panic!() };
    assert!(w.is_quiet(second));
}

#[test]
fn race_another_device_starts_manually_while_the_first_is_asked() {
    let (mut w, first, agent) = online_pair();
    let other = w.identified("ada");
    let ask = w.shown(agent, first, "ada");
    w.share(other);
    assert!(w.is_quiet(first) && w.is_quiet(agent), "the request stays as it is");
    w.accept(first, ask);
    accepted(&mut w, agent, ask);
}

#[test]
fn a_visitor_who_is_lost_may_come_back_to_the_terms() {
    let (mut w, visitor, agent) = online_pair();
    let ask = w.shown(agent, visitor, "ada");
    w.drop_conn(visitor);
    w.pass(secs(20));
    let (visitor, snapshot) = w.resume_visitor(visitor);
    let waiting = snapshot.ask.unwrap();
    assert_eq!((waiting.ask, waiting.expires_ms), (ask, 40_000));
    w.accept(visitor, ask);
    accepted(&mut w, agent, ask);
}

#[test]
fn a_request_to_a_lost_visitor_waits_in_the_snapshot() {
    let (mut w, visitor, agent) = online_pair();
    w.drop_conn(visitor);
    w.ask(agent, "ada");
    let AgentNotice::Asked(asked) = w.notice(agent) else { panic!() };
    let (_, snapshot) = w.resume_visitor(visitor);
    assert_eq!(snapshot.ask.unwrap().ask, asked.ask);
}

#[test]
fn a_visitor_who_stays_lost_loses_the_request() {
    let (mut w, visitor, agent) = online_pair();
    let ask = w.shown(agent, visitor, "ada");
    w.drop_conn(visitor);
    w.pass(secs(30));
    assert_eq!(ended(&mut w, agent, ask), AskOutcome::Lost);
}

#[test]
fn a_request_that_expired_while_the_visitor_was_lost_is_told_by_the_snapshot() {
    let (mut w, visitor, agent) = online_pair();
    let ask = w.shown(agent, visitor, "ada");
    w.pass(secs(50));
    w.drop_conn(visitor);
    w.pass(secs(10));
    assert_eq!(ended(&mut w, agent, ask), AskOutcome::Expired);
    let (_, snapshot) = w.resume_visitor(visitor);
    assert_eq!(snapshot.ask, None);
    let reason = WithdrawReason::Expired;
    assert_eq!(snapshot.ask_over, Some(TermsOver { ask, reason }));
}

#[test]
fn a_visitor_who_leaves_loses_the_request() {
    let (mut w, visitor, agent) = online_pair();
    let ask = w.asked(agent, visitor, "ada");
    w.bye(visitor);
    assert_eq!(ended(&mut w, agent, ask), AskOutcome::Lost);
    w.closing(visitor, CloseReason::Left, false);
}

#[test]
fn an_agent_who_leaves_or_stays_lost_loses_the_request() {
    let (mut w, visitor, agent) = online_pair();
    let ask = w.shown(agent, visitor, "ada");
    w.bye(agent);
    assert_eq!(withdrawn(&mut w, visitor, ask), WithdrawReason::AgentLost);
    w.closing(agent, CloseReason::Left, false);
    let agent = w.agent("grace");
    let ask = w.shown(agent, visitor, "ada");
    w.drop_conn(agent);
    w.pass(secs(29));
    assert!(w.is_quiet(visitor));
    w.pass(secs(1));
    assert_eq!(withdrawn(&mut w, visitor, ask), WithdrawReason::AgentLost);
    w.accept(visitor, ask);
    w.start(visitor, StartBy::VisitorId { ask });
    assert_eq!(w.refused(visitor), RefusalCode::TermsOver);
}

#[test]
fn an_agent_who_was_lost_for_a_moment_is_joined_by_the_snapshot() {
    let (mut w, visitor, agent) = online_pair();
    let ask = w.shown(agent, visitor, "ada");
    w.drop_conn(agent);
    w.accept(visitor, ask);
    w.start(visitor, StartBy::VisitorId { ask });
    let ServerMessage::SessionConnected(it) = w.hear(visitor) else { panic!() };
    let (_, snapshot) = w.resume_agent(agent);
    let over = snapshot.ask_ended.unwrap();
    assert_eq!((over.outcome, over.session), (AskOutcome::Accepted, Some(it.session)));
    let view = snapshot.view.unwrap();
    assert_eq!((view.session, view.ask, view.count), (it.session, Some(ask), 1));
}

#[test]
fn accepted_without_a_start_ends_as_visitor_lost() {
    let (mut w, visitor, agent) = online_pair();
    let ask = w.shown(agent, visitor, "ada");
    w.accept(visitor, ask);
    let session = accepted(&mut w, agent, ask);
    w.pass(secs(10));
    assert_eq!(view_ended(&mut w, agent, session), EndReason::VisitorLost);
    w.start(visitor, StartBy::VisitorId { ask });
    assert_eq!(w.refused(visitor), RefusalCode::TermsOver);
    w.asked(agent, visitor, "ada");
}

#[test]
fn accepted_and_then_gone_ends_with_the_reason() {
    let (mut w, visitor, agent) = online_pair();
    let ask = w.shown(agent, visitor, "ada");
    w.accept(visitor, ask);
    let session = accepted(&mut w, agent, ask);
    w.bye(visitor);
    assert_eq!(view_ended(&mut w, agent, session), EndReason::VisitorLeft);
}

#[test]
fn an_agent_who_leaves_after_accepted_is_not_shared_with() {
    for how in ["leave", "end", "bye"] {
        let (mut w, visitor, agent) = online_pair();
        let ask = w.shown(agent, visitor, "ada");
        w.accept(visitor, ask);
        let session = accepted(&mut w, agent, ask);
        match how {
            "leave" => {
                w.leave(agent, Some(session));
                assert_eq!(view_ended(&mut w, agent, session), EndReason::Left);
            }
            "end" => {
                w.end(agent, session);
                assert_eq!(view_ended(&mut w, agent, session), EndReason::Agent);
            }
            _ => w.bye(agent),
        }
        w.start(visitor, StartBy::VisitorId { ask });
        assert_eq!(w.refused(visitor), RefusalCode::TermsOver);
        assert_eq!(w.hub.stats().sessions, 0);
    }
}

#[test]
fn a_manual_start_between_accepted_and_its_start_is_illegal() {
    let (mut w, visitor, agent) = online_pair();
    let ask = w.shown(agent, visitor, "ada");
    w.accept(visitor, ask);
    w.start(visitor, StartBy::RandomKey);
    assert_eq!(w.refused(visitor), RefusalCode::IllegalOrder);
}

#[test]
fn a_start_that_is_cancelled_at_once_ends_the_session() {
    let (mut w, visitor, agent) = online_pair();
    let ask = w.shown(agent, visitor, "ada");
    w.accept(visitor, ask);
    let session = accepted(&mut w, agent, ask);
    let start = w.start(visitor, StartBy::VisitorId { ask });
    w.end_start(visitor, start);
    let last = w.notices(agent).pop().unwrap();
    assert_eq!(last, ViewEnded { session, reason: EndReason::Visitor }.into());
}

#[test]
fn a_one_click_session_goes_on_without_agents_until_the_visitor_ends_it() {
    let (mut w, visitor, agent) = online_pair();
    let (start, session) = w.one_click(agent, visitor, "ada");
    w.leave(agent, None);
    let ServerMessage::SessionGuests(it) = w.hear(visitor) else { panic!() };
    assert_eq!((it.session, it.count), (session, 0));
    assert!(w.is_quiet(agent), "leave is not answered");
    w.pass(secs(3_600));
    assert_eq!(w.hub.stats().sessions, 1);
    w.ask(agent, "ada");
    assert_eq!(w.refused(agent), RefusalCode::VisitorBusy, "no way back without a new request");
    w.end_start(visitor, start);
    w.asked(agent, visitor, "ada");
}

/// What a visitor says again after the server was restarted may name a request of the old server.
/// It must not answer a request of the new one, or there would be a consent nobody gave.
#[test]
fn an_answer_to_a_request_of_the_server_before_hits_no_request_of_the_next() {
    let mut before = World::new();
    let (visitor, agent) = (before.online("ada"), before.agent("grace"));
    let old = before.asked(agent, visitor, "ada");

    let mut w = World::seeded(config(), [4; 32]);
    let (visitor, agent) = (w.online("ada"), w.agent("grace"));
    let new = w.asked(agent, visitor, "ada");
    assert_ne!(old, new);

    w.displayed(visitor, old);
    w.accept(visitor, old);
    w.start(visitor, StartBy::VisitorId { ask: old });
    assert_eq!(w.refused(visitor), RefusalCode::TermsOver);
    assert!(w.is_quiet(agent));
    w.decline(visitor, new);
    assert_eq!(ended(&mut w, agent, new), AskOutcome::Declined);
}
