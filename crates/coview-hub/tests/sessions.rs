//! Keys, guests, and every way a session ends.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test runs with std and may panic"
)]

mod harness;

use std::collections::BTreeSet;

use coview_hub::*;
use coview_wire::*;
use harness::*;

fn guests(w: &mut World, visitor: ConnId) -> u32 {
    let ServerMessage::SessionGuests(it) = w.hear(visitor) else { panic!("no guests") };
    assert_eq!(it.guests.len(), it.count as usize);
    it.count
}

fn view_guests(w: &mut World, agent: ConnId) -> u32 {
    let AgentNotice::ViewGuests(it) = w.notice(agent) else { panic!("no guests") };
    it.count
}

fn ended(w: &mut World, visitor: ConnId, start: StartId) -> EndReason {
    let ServerMessage::SessionEnded(it) = w.hear(visitor) else { panic!("not ended") };
    assert_eq!(it.start, start);
    it.reason
}

fn view_ended(w: &mut World, agent: ConnId, session: SessionId) -> EndReason {
    let AgentNotice::ViewEnded(it) = w.notice(agent) else { panic!("not ended") };
    assert_eq!(it.session, session);
    it.reason
}

#[test]
fn the_whole_story_of_a_manual_session() {
    let mut w = World::new();
    let visitor = w.anonymous();
    let (grace, joan) = (w.agent("grace"), w.agent("joan"));
    let (start, session, key) = w.share(visitor);
    let view = w.joined(grace, key);
    assert_eq!((view.session, view.ask, view.visitor, view.count), (session, None, None, 1));
    assert_eq!(guests(&mut w, visitor), 1);
    w.joined(joan, key);
    assert_eq!(guests(&mut w, visitor), 2);
    assert_eq!(view_guests(&mut w, grace), 2);
    w.leave(joan, Some(session));
    assert_eq!(guests(&mut w, visitor), 1);
    assert_eq!(view_guests(&mut w, grace), 1);
    w.end_start(visitor, start);
    assert_eq!(view_ended(&mut w, grace, session), EndReason::Visitor);
    assert!(w.is_quiet(visitor) && w.is_quiet(joan));
    w.identify(visitor, "ada");
    let ServerMessage::Identified(_) = w.hear(visitor) else { panic!("anonymous again") };
}

#[test]
fn a_manual_session_may_start_in_three_states_and_ends_in_the_same() {
    let mut w = World::new();
    let visitor = w.anonymous();
    let (start, ..) = w.share(visitor);
    w.end_start(visitor, start);
    w.identify(visitor, "ada");
    w.hear_all(visitor);
    let (start, ..) = w.share(visitor);
    w.connect_presence(visitor);
    assert_eq!(w.refused(visitor), RefusalCode::IllegalOrder);
    w.log_out(visitor);
    assert_eq!(w.problem(visitor), RefusalCode::IllegalOrder);
    w.end_start(visitor, start);
    w.connect_presence(visitor);
    w.hear_all(visitor);
    let (start, ..) = w.share(visitor);
    w.disconnect_presence(visitor);
    assert_eq!(w.problem(visitor), RefusalCode::IllegalOrder);
    w.start(visitor, StartBy::RandomKey);
    assert_eq!(w.refused(visitor), RefusalCode::IllegalOrder, "one session at a time");
    w.end_start(visitor, start);
    w.disconnect_presence(visitor);
    w.log_out(visitor);
    assert!(w.is_quiet(visitor));
}

#[test]
fn start_numbers_grow() {
    let mut w = World::new();
    let visitor = w.anonymous();
    let start = |w: &mut World, start| {
        let (re, start, by) = (w.next_re(visitor), StartId::new(start), StartBy::RandomKey);
        w.say(visitor, SessionStart { re, start, by });
        let end = SessionEnd { re: w.next_re(visitor), start };
        w.say(visitor, end);
        w.hear(visitor)
    };
    let ServerMessage::SessionConnected(_) = start(&mut w, 5) else { panic!() };
    for old in [5, 4] {
        let ServerMessage::Refused(it) = start(&mut w, old) else { panic!() };
        assert_eq!(it.code, RefusalCode::IllegalOrder);
    }
    let ServerMessage::SessionConnected(_) = start(&mut w, 6) else { panic!() };
}

#[test]
fn the_end_of_an_unknown_or_older_start_is_ignored() {
    let mut w = World::new();
    let visitor = w.anonymous();
    let (old, ..) = w.share(visitor);
    w.end_start(visitor, old);
    w.share(visitor);
    w.end_start(visitor, old);
    w.end_start(visitor, StartId::new(999));
    assert!(w.is_quiet(visitor));
    assert_eq!(w.hub.stats().sessions, 1);
}

#[test]
fn keys_are_unique_have_the_groups_length_and_a_check_digit() {
    let mut short = config();
    short.groups.get_mut(&group(GROUP)).unwrap().key_digits = KeyLength::new(6).unwrap();
    let mut w = World::with(short);
    let mut keys = BTreeSet::new();
    for _ in 0..500 {
        let visitor = w.anonymous();
        let (_, _, key) = w.share(visitor);
        assert_eq!(key.length().get(), 6);
        let mut digits = String::new();
        key.write_grouped(&mut digits).unwrap();
        assert_eq!(SessionKey::parse(&digits), Ok(key), "the check digit fits");
        assert!(keys.insert(digits), "no two live keys are the same");
    }
    assert_eq!(w.hub.stats().keys, 500);
    let other = w.visitor_in(OTHER_GROUP);
    assert_eq!(w.share(other).2.length().get(), 9);
}

#[test]
fn a_key_nobody_uses_ends_unclaimed() {
    let mut w = World::new();
    let visitor = w.anonymous();
    let agent = w.agent("grace");
    let (start, session, key) = w.share(visitor);
    w.pass(secs(299));
    assert!(w.is_quiet(visitor));
    w.pass(secs(1));
    assert_eq!(ended(&mut w, visitor, start), EndReason::Unclaimed);
    w.join(agent, key);
    assert_eq!(w.refused(agent), RefusalCode::NoSuchKey);
    let (_, snapshot) = w.resume_visitor(visitor);
    let reason = EndReason::Unclaimed;
    assert_eq!(snapshot.ended, Some(SessionEnded { start, session, reason }));
}

#[test]
fn a_key_that_was_used_once_does_not_expire_while_the_session_lives() {
    let mut w = World::new();
    let visitor = w.anonymous();
    let (grace, joan) = (w.agent("grace"), w.agent("joan"));
    let (_, _, key) = w.share(visitor);
    w.joined(grace, key);
    w.leave(grace, None);
    w.pass(secs(3_600));
    w.joined(joan, key);
    assert_eq!(w.hub.stats().sessions, 1);
}

#[test]
fn wrong_used_expired_and_forbidden_keys_get_the_same_answer() {
    let mut w = World::new();
    let visitor = w.anonymous();
    let (grace, joan) = (w.agent("grace"), w.agent("joan"));
    let (start, _, used) = w.share(visitor);
    w.end_start(visitor, start);
    let (_, session, live) = w.share(visitor);
    w.joined(grace, live);
    w.joined(joan, live);
    w.eject(joan, session, "grace");
    w.notices(grace);
    for key in [wrong_key(1), used, live] {
        w.join(grace, key);
        let ServerMessage::Refused(it) = w.hear(grace) else { panic!() };
        assert_eq!((it.code, it.explanation), (RefusalCode::NoSuchKey, None));
    }
    assert_eq!(w.hub.stats().wrong_keys, 3);
}

#[test]
fn wrong_keys_are_limited_for_an_agent_whatever_the_connection() {
    let mut w = World::new();
    let visitor = w.anonymous();
    let (_, _, key) = w.share(visitor);
    let first = w.agent("grace");
    for number in 0..3 {
        w.join(first, wrong_key(number));
        assert_eq!(w.refused(first), RefusalCode::NoSuchKey);
    }
    w.bye(first);
    let second = w.agent("grace");
    for number in 3..5 {
        w.join(second, wrong_key(number));
        assert_eq!(w.refused(second), RefusalCode::NoSuchKey);
    }
    w.join(second, key);
    assert_eq!(w.refused(second), RefusalCode::TooManyTries, "also with the right key");
    assert_eq!((w.hub.stats().wrong_keys, w.hub.stats().too_many_tries), (5, 1));
    let other = w.agent("joan");
    w.joined(other, key);
    w.pass(secs(600));
    w.joined(second, key);
}

#[test]
fn wrong_keys_are_limited_for_a_group() {
    let mut w = World::with_policy(Policy { key_tries_group: 3, ..Policy::default() });
    let visitor = w.anonymous();
    let (_, _, key) = w.share(visitor);
    for (agent, number) in [("grace", 1), ("joan", 2), ("kay", 3)] {
        let agent = w.agent(agent);
        w.join(agent, wrong_key(number));
        assert_eq!(w.refused(agent), RefusalCode::NoSuchKey);
    }
    let agent = w.agent("kay");
    w.join(agent, key);
    assert_eq!(w.refused(agent), RefusalCode::TooManyTries);
    let elsewhere = w.visitor_in(OTHER_GROUP);
    let (_, _, key) = w.share(elsewhere);
    let agent = w.agent_in(OTHER_GROUP, "kay");
    w.joined(agent, key);
}

#[test]
fn an_agent_is_in_one_session_at_a_time() {
    let mut w = World::new();
    let agent = w.agent("grace");
    let (one, two) = (w.anonymous(), w.online("ada"));
    let (_, _, first) = w.share(one);
    w.joined(agent, first);
    w.join(agent, first);
    assert_eq!(w.refused(agent), RefusalCode::AgentBusy);
    w.ask(agent, "ada");
    assert_eq!(w.refused(agent), RefusalCode::AgentBusy);
    w.leave(agent, None);
    w.asked(agent, two, "ada");
    w.join(agent, first);
    assert_eq!(w.refused(agent), RefusalCode::AgentBusy);
}

#[test]
fn a_full_session_takes_nobody_else() {
    let mut w = World::with_policy(Policy { max_guests: 2, ..Policy::default() });
    let visitor = w.anonymous();
    let (_, _, key) = w.share(visitor);
    for agent in ["grace", "joan"] {
        let agent = w.agent(agent);
        w.joined(agent, key);
    }
    let third = w.agent("kay");
    w.join(third, key);
    assert_eq!(w.refused(third), RefusalCode::SessionFull);
}

#[test]
fn an_agent_ends_the_session_for_everybody() {
    let mut w = World::new();
    let visitor = w.anonymous();
    let (grace, joan) = (w.agent("grace"), w.agent("joan"));
    let (start, session, key) = w.share(visitor);
    w.joined(grace, key);
    w.joined(joan, key);
    w.hear_all(visitor);
    w.notices(grace);
    w.end(joan, session);
    assert_eq!(ended(&mut w, visitor, start), EndReason::Agent);
    assert_eq!(view_ended(&mut w, grace, session), EndReason::Agent);
    assert_eq!(view_ended(&mut w, joan, session), EndReason::Agent);
    w.share(visitor);
}

#[test]
fn race_both_sides_end_at_once() {
    for visitor_first in [true, false] {
        let mut w = World::new();
        let visitor = w.anonymous();
        let agent = w.agent("grace");
        let (start, session, key) = w.share(visitor);
        w.joined(agent, key);
        w.hear_all(visitor);
        if visitor_first {
            w.end_start(visitor, start);
            w.end(agent, session);
            assert_eq!(view_ended(&mut w, agent, session), EndReason::Visitor);
        } else {
            w.end(agent, session);
            w.end_start(visitor, start);
            assert_eq!(ended(&mut w, visitor, start), EndReason::Agent);
            assert_eq!(view_ended(&mut w, agent, session), EndReason::Agent);
        }
        assert!(w.is_quiet(visitor) && w.is_quiet(agent));
        let ends = w.events.iter().filter(|it| matches!(it, Event::SessionEnded { .. })).count();
        assert_eq!(ends, 1);
    }
}

#[test]
fn race_a_late_end_does_not_hit_the_next_session() {
    let mut w = World::new();
    let visitor = w.anonymous();
    let agent = w.agent("grace");
    let (start, session, key) = w.share(visitor);
    w.joined(agent, key);
    w.hear_all(visitor);
    w.end_start(visitor, start);
    let (_, _, key) = w.share(visitor);
    w.notices(agent);
    w.joined(agent, key);
    w.end(agent, session);
    w.leave(agent, Some(session));
    w.eject(agent, session, "grace");
    w.end_start(visitor, start);
    assert!(w.is_quiet(agent));
    assert_eq!(w.hub.stats().sessions, 1);
}

#[test]
fn an_ejected_agent_is_told_and_cannot_come_back() {
    let mut w = World::new();
    let visitor = w.anonymous();
    let (grace, joan) = (w.agent("grace"), w.agent("joan"));
    let tab = w.agent("grace");
    let (start, session, key) = w.share(visitor);
    for agent in [grace, joan, tab] {
        w.joined(agent, key);
    }
    w.hear_all(visitor);
    w.notices(grace);
    w.notices(joan);
    w.eject(joan, session, "grace");
    assert_eq!(view_ended(&mut w, grace, session), EndReason::Ejected);
    assert_eq!(
        w.notices(tab).pop(),
        Some(ViewEnded { session, reason: EndReason::Ejected }.into())
    );
    assert_eq!(guests(&mut w, visitor), 2);
    assert_eq!(guests(&mut w, visitor), 1);
    w.notices(joan);
    w.join(tab, key);
    assert_eq!(w.refused(tab), RefusalCode::NoSuchKey);
    w.end_start(visitor, start);
    let (_, _, key) = w.share(visitor);
    w.joined(tab, key);
}

#[test]
fn who_leaves_before_being_ejected_cannot_come_back_either() {
    let mut w = World::new();
    let visitor = w.anonymous();
    let (grace, joan) = (w.agent("grace"), w.agent("joan"));
    let (_, session, key) = w.share(visitor);
    w.joined(grace, key);
    w.joined(joan, key);
    w.leave(grace, None);
    w.eject(joan, session, "grace");
    w.eject(joan, session, "nobody-known");
    w.join(grace, key);
    w.notices(joan);
    assert_eq!(w.notices(grace).len(), 2, "the guests once, and a refusal");
    assert_eq!(w.hub.stats().wrong_keys, 1);
}

#[test]
fn removing_made_up_agents_fills_no_memory_and_hides_nobody() {
    let mut w = World::new();
    let visitor = w.anonymous();
    let (grace, joan, kay) = (w.agent("grace"), w.agent("joan"), w.agent("kay"));
    let (_, session, key) = w.share(visitor);
    w.joined(grace, key);
    w.joined(joan, key);
    for number in 0..1_030 {
        w.eject(joan, session, &format!("made-up-{number}"));
    }
    w.notices(grace);
    w.eject(joan, session, "grace");
    w.eject(joan, session, "kay");
    assert_eq!(view_ended(&mut w, grace, session), EndReason::Ejected);
    w.join(grace, key);
    assert_eq!(
        w.refused(grace),
        RefusalCode::NoSuchKey,
        "who was there is remembered all the same"
    );
    w.joined(kay, key);
}

#[test]
fn only_an_agent_in_the_session_ends_it_or_removes_anybody() {
    let mut w = World::new();
    let visitor = w.anonymous();
    let (grace, outsider) = (w.agent("grace"), w.agent("joan"));
    let (_, session, key) = w.share(visitor);
    w.joined(grace, key);
    w.hear_all(visitor);
    w.end(outsider, session);
    w.eject(outsider, session, "grace");
    w.leave(outsider, Some(session));
    for conn in [visitor, grace, outsider] {
        assert!(w.is_quiet(conn));
    }
    w.eject(grace, session, "grace");
    assert_eq!(view_ended(&mut w, grace, session), EndReason::Ejected);
    assert_eq!(guests(&mut w, visitor), 0);
}

#[test]
fn a_lost_agent_stays_a_guest_for_the_grace() {
    let mut w = World::new();
    let visitor = w.anonymous();
    let agent = w.agent("grace");
    let (_, session, key) = w.share(visitor);
    w.joined(agent, key);
    assert_eq!(guests(&mut w, visitor), 1);
    w.drop_conn(agent);
    w.pass(secs(29));
    assert!(w.is_quiet(visitor));
    let (agent, snapshot) = w.resume_agent(agent);
    assert_eq!(snapshot.view.unwrap().session, session);
    w.drop_conn(agent);
    w.pass(secs(30));
    assert_eq!(guests(&mut w, visitor), 0);
    let agent = w.agent("grace");
    w.joined(agent, key);
    w.bye(agent);
    assert_eq!(guests(&mut w, visitor), 1);
    assert_eq!(guests(&mut w, visitor), 0);
}

#[test]
fn a_lost_visitor_resumes_the_same_session_with_the_same_key() {
    let mut w = World::new();
    let visitor = w.online("ada");
    let agent = w.agent("grace");
    let (start, session, key) = w.share(visitor);
    w.joined(agent, key);
    w.drop_conn(visitor);
    w.pass(secs(29));
    let (_, snapshot) = w.resume_visitor(visitor);
    let facts = snapshot.session.unwrap();
    assert_eq!((facts.start, facts.session, facts.key), (start, session, Some(key)));
    assert_eq!((facts.count, facts.guests[0].agent.as_str()), (1, "grace"));
    assert!(w.is_quiet(agent), "the agent noticed nothing");
}

#[test]
fn the_snapshot_of_a_one_click_session_has_no_key() {
    let mut w = World::new();
    let visitor = w.online("ada");
    let agent = w.agent("grace");
    w.one_click(agent, visitor, "ada");
    let (_, snapshot) = w.resume_visitor(visitor);
    assert_eq!(snapshot.session.unwrap().key, None);
}

#[test]
fn a_visitor_lost_for_too_long_ends_the_session() {
    let mut w = World::new();
    let visitor = w.online("ada");
    let agent = w.watcher("grace");
    let (_, session, key) = w.share(visitor);
    w.join(agent, key);
    w.move_app(visitor, AppState::Background);
    w.drop_conn(visitor);
    w.pass(PACE);
    w.notices(agent);
    w.pass(secs(30));
    assert_eq!(view_ended(&mut w, agent, session), EndReason::VisitorLost);
    let AgentNotice::VisitorChanged(it) = w.notice(agent) else { panic!() };
    assert!(!it.card.busy);
    let AgentNotice::VisitorOffline(it) = w.notice(agent) else { panic!() };
    assert_eq!(it.reason, OfflineReason::Lost);
}

#[test]
fn a_visitor_who_leaves_ends_the_session() {
    let mut w = World::new();
    let visitor = w.anonymous();
    let agent = w.agent("grace");
    let (_, session, key) = w.share(visitor);
    w.joined(agent, key);
    w.hear_all(visitor);
    w.bye(visitor);
    assert_eq!(view_ended(&mut w, agent, session), EndReason::VisitorLeft);
    w.closing(visitor, CloseReason::Left, false);
    assert!(w.is_quiet(visitor));
}

#[test]
fn an_end_that_an_agent_missed_is_told_by_the_snapshot() {
    let mut w = World::new();
    let visitor = w.anonymous();
    let agent = w.agent("grace");
    let (start, session, key) = w.share(visitor);
    w.joined(agent, key);
    w.drop_conn(agent);
    w.end_start(visitor, start);
    let (_, snapshot) = w.resume_agent(agent);
    assert_eq!(snapshot.view, None);
    let reason = EndReason::Visitor;
    assert_eq!(snapshot.view_ended, Some(ViewEnded { session, reason }));
}

#[test]
fn shutdown_tells_everybody_and_leaves_nothing() {
    let mut w = World::new();
    let (sharing, asked, idle) = (w.anonymous(), w.online("ada"), w.online("bob"));
    let (grace, joan) = (w.watcher("grace"), w.agent("joan"));
    let stranger = w.open();
    let (start, session, key) = w.share(sharing);
    w.joined(joan, key);
    w.hear_all(sharing);
    let ask = w.shown(grace, asked, "ada");
    w.notices(grace);
    w.input(Input::Shutdown);
    assert_eq!(ended(&mut w, sharing, start), EndReason::Shutdown);
    assert_eq!(view_ended(&mut w, joan, session), EndReason::Shutdown);
    let reason = WithdrawReason::Shutdown;
    assert_eq!(w.hear(asked), TermsWithdrawn { ask, reason }.into());
    let AgentNotice::AskEnded(it) = w.notice(grace) else { panic!() };
    assert_eq!(it.outcome, AskOutcome::Lost);
    for conn in [sharing, asked, idle, grace, joan, stranger] {
        w.closing(conn, CloseReason::Shutdown, true);
        assert!(w.is_quiet(conn));
    }
    let late = w.open();
    w.closing(late, CloseReason::Shutdown, true);
    let stats = w.hub.stats();
    let gauges = [
        stats.connections,
        stats.visitors,
        stats.visitors_online,
        stats.agents,
        stats.asks,
        stats.sessions,
        stats.keys,
        stats.deadlines,
    ];
    assert_eq!(gauges, [0; 8]);
    assert_eq!(w.wake_at, None);
}

#[test]
fn of_agents_who_were_never_there_a_thousand_and_a_few_can_be_ejected() {
    for (others, comes_in) in [(1_023, false), (1_024, true)] {
        let mut w = World::new();
        let (visitor, grace, joan) = (w.anonymous(), w.agent("grace"), w.agent("joan"));
        let (_, session, key) = w.share(visitor);
        w.joined(grace, key);
        for number in 0..others {
            w.eject(grace, session, &format!("agent-{number}"));
        }
        w.eject(grace, session, "joan");
        w.join(joan, key);
        if comes_in {
            let AgentNotice::Joined(_) = w.notice(joan) else { panic!("not joined") };
        } else {
            w.refused(joan);
        }
    }
}

#[test]
fn what_begins_later_has_a_higher_number() {
    let mut w = World::new();
    let (visitor, grace) = (w.online("ada"), w.agent("grace"));
    let ask = w.shown(grace, visitor, "ada");
    w.decline(visitor, ask);
    w.notices(grace);
    let (start, session, _) = w.share(visitor);
    w.end_start(visitor, start);
    let again = w.asked(grace, visitor, "ada");
    assert!(ask.get() < session.get() && session.get() < again.get());
}

#[test]
fn what_two_lives_of_a_server_number_lies_far_apart() {
    let number = |seed| {
        let mut w = World::seeded(config(), [seed; 32]);
        let (visitor, grace) = (w.online("ada"), w.agent("grace"));
        w.asked(grace, visitor, "ada").get()
    };
    let mut numbers: Vec<u64> = (0..10).map(number).collect();
    numbers.sort_unstable();
    let apart = |two: &[u64]| two[1] - two[0] > 60_000;
    assert!(numbers.windows(2).all(apart), "{numbers:?}");
}
