//! An agent who knows the key waits until the visitor lets it in, and sees nothing until then.
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
use harness::*;

/// A world in which the visitor is asked about everybody who has the key.
fn asking() -> World {
    asking_with(|_| {})
}

fn asking_with(change: impl Fn(&mut GroupConfig)) -> World {
    let mut config = config();
    for group in config.groups.values_mut() {
        group.confirm_join = true;
        change(group);
    }
    World::with(config)
}

/// A join that waits; what both sides are told of it has been read.
fn waits(w: &mut World, visitor: ConnId, agent: ConnId, key: SessionKey) -> JoinId {
    w.join(agent, key);
    let AgentNotice::JoinWaiting(waiting) = w.notice(agent) else { panic!("does not wait") };
    assert_eq!(waiting.expires_ms, 60_000);
    let ServerMessage::JoinRequested(it) = w.hear(visitor) else { panic!("not asked") };
    assert_eq!(it.expires_ms, 60_000);
    it.join
}

fn confirm(w: &mut World, visitor: ConnId, join: JoinId) {
    let re = w.next_re(visitor);
    w.say(visitor, JoinConfirmed { re, join });
}

fn decline(w: &mut World, visitor: ConnId, join: JoinId) {
    let re = w.next_re(visitor);
    w.say(visitor, JoinDeclined { re, join });
}

fn withdrawn(w: &mut World, visitor: ConnId, join: JoinId) -> WithdrawReason {
    let ServerMessage::JoinWithdrawn(it) = w.hear(visitor) else { panic!("not withdrawn") };
    assert_eq!(it.join, join);
    it.reason
}

fn joined(w: &mut World, agent: ConnId) -> Joined {
    let AgentNotice::Joined(it) = w.notice(agent) else { panic!("not joined") };
    it
}

fn ended(w: &mut World, visitor: ConnId) -> EndReason {
    let ServerMessage::SessionEnded(it) = w.hear(visitor) else { panic!("not ended") };
    it.reason
}

/// The lines about joins and keys, without the group.
fn lines(w: &World) -> Vec<String> {
    let about = w.events.iter().filter(|event| {
        matches!(
            event,
            Event::JoinRequested { .. }
                | Event::JoinConfirmed { .. }
                | Event::JoinDeclined { .. }
                | Event::JoinEnded { .. }
                | Event::KeyBurned { .. }
                | Event::GuestJoined { .. }
                | Event::SessionEnded { .. }
        )
    });
    about.map(|event| event.to_string().split(" group=").next().unwrap().to_owned()).collect()
}

#[test]
fn the_visitor_sees_the_verified_name_and_lets_the_agent_in() {
    let mut w = asking();
    let (visitor, agent) = (w.anonymous(), w.agent("grace"));
    let (_, session, key) = w.share(visitor);
    w.join(agent, key);
    let ServerMessage::JoinRequested(it) = w.hear(visitor) else { panic!("not asked") };
    let card = AgentCard::new(AgentId::new("grace").unwrap(), "An Agent").unwrap();
    assert_eq!((it.session, it.agent), (session, card));
    let AgentNotice::JoinWaiting(waiting) = w.notice(agent) else { panic!("does not wait") };
    confirm(&mut w, visitor, it.join);
    let told = joined(&mut w, agent);
    assert_eq!((told.re, told.view.session, told.view.count), (Some(waiting.re), session, 1));
    let ServerMessage::SessionGuests(guests) = w.hear(visitor) else { panic!("no guests") };
    assert_eq!(guests.count, 1);
    assert_eq!(lines(&w), ["join requested", "join confirmed", "guest joined"]);
    let stats = w.hub.stats();
    assert_eq!((stats.joins_asked, stats.joins_confirmed, stats.viewers), (1, 1, 1));
}

#[test]
fn a_waiting_agent_is_told_nothing_and_shown_nothing() {
    let mut w = asking();
    let (visitor, first, second) = (w.identified("ada"), w.agent("grace"), w.agent("joan"));
    let (_, session, key) = w.share(visitor);
    let join = waits(&mut w, visitor, first, key);
    confirm(&mut w, visitor, join);
    w.hear_all(visitor);
    w.notices(first);
    let viewer = w.viewer(visitor, session);

    let join = waits(&mut w, visitor, second, key);
    w.show(visitor, session, &[viewer], b"private");
    assert_eq!(w.seen(first, session), [b"private"]);
    assert!(w.seen(second, session).is_empty() && w.is_quiet(second));
    assert!(w.words(visitor, session).is_empty(), "no number was given to a viewer");
    assert!(w.is_quiet(first), "other guests are not told either");
    assert_eq!(w.hub.stats().viewers, 1);
    // Not one word of the session is in what the agent was told: no id, no guest, no visitor.
    for (_, text) in w.texts.iter().filter(|(to, _)| *to == second) {
        assert!(!text.contains("session") && !text.contains("ada"), "{text}");
    }
    // Only what shows that it is not in the session can be done with a guessed number.
    w.end(second, session);
    w.eject(second, session, "grace");
    w.leave(second, Some(session));
    assert!(w.is_quiet(second) && w.is_quiet(visitor));
    w.signal(second, session, ViewerSays::Refresh);
    assert_eq!(w.closed.get(&second), Some(&CloseReason::Protocol), "a word about the picture");
    assert_eq!(withdrawn(&mut w, visitor, join), WithdrawReason::AgentLost);
}

#[test]
fn a_declined_agent_stays_out_and_the_key_is_burned() {
    let mut w = asking();
    let (visitor, grace, joan) = (w.anonymous(), w.agent("grace"), w.agent("joan"));
    let (_, session, key) = w.share(visitor);
    let join = waits(&mut w, visitor, joan, key);
    confirm(&mut w, visitor, join);
    w.hear_all(visitor);
    let join = waits(&mut w, visitor, grace, key);
    decline(&mut w, visitor, join);
    assert_eq!(w.refused(grace), RefusalCode::JoinDeclined);
    assert_eq!(w.hub.stats().keys, 0);
    let kay = w.agent("kay");
    for agent in [grace, kay] {
        w.join(agent, key);
        assert_eq!(w.refused(agent), RefusalCode::NoSuchKey);
    }
    assert!(w.is_quiet(visitor), "the session goes on with who is in it");
    assert_eq!(w.hub.stats().sessions, 1);
    w.leave(joan, Some(session));
    w.hear(visitor);
    assert_eq!(ended(&mut w, visitor), EndReason::KeyBurned, "and ends when nobody could come");
}

#[test]
fn a_declined_join_without_guests_ends_the_session() {
    let mut w = asking();
    let (visitor, agent) = (w.anonymous(), w.agent("grace"));
    let (_, _, key) = w.share(visitor);
    let join = waits(&mut w, visitor, agent, key);
    decline(&mut w, visitor, join);
    assert_eq!(ended(&mut w, visitor), EndReason::KeyBurned);
    assert_eq!(w.refused(agent), RefusalCode::JoinDeclined);
    assert!(w.is_quiet(agent), "the agent was in nothing that could end for it");
    assert_eq!(lines(&w), ["join requested", "join declined", "key burned", "session ended"]);
    let stats = w.hub.stats();
    assert_eq!((stats.sessions, stats.keys, stats.joins_declined), (0, 0, 1));
    // The visitor can share again, with another key, and the agent can try that.
    let (_, _, key) = w.share(visitor);
    waits(&mut w, visitor, agent, key);
}

#[test]
fn no_answer_is_a_no_that_burns_nothing() {
    let mut w = asking();
    let (visitor, agent) = (w.anonymous(), w.agent("grace"));
    let (_, _, key) = w.share(visitor);
    let join = waits(&mut w, visitor, agent, key);
    w.pass(secs(59));
    assert!(w.is_quiet(agent) && w.is_quiet(visitor));
    w.pass(secs(1));
    assert_eq!(w.refused(agent), RefusalCode::NoAnswer);
    assert_eq!(withdrawn(&mut w, visitor, join), WithdrawReason::Expired);
    assert_eq!(w.hub.stats().keys, 1);
    let again = waits(&mut w, visitor, agent, key);
    assert_ne!(again, join);
    assert_eq!(lines(&w), ["join requested", "join ended", "join requested"]);
}

#[test]
fn the_key_does_not_expire_while_somebody_waits_and_does_afterwards() {
    let mut w = asking();
    let (visitor, agent) = (w.anonymous(), w.agent("grace"));
    let (_, _, key) = w.share(visitor);
    w.pass(secs(290));
    waits(&mut w, visitor, agent, key);
    w.pass(secs(60));
    assert_eq!(w.refused(agent), RefusalCode::NoAnswer);
    w.hear(visitor);
    w.pass(secs(299));
    assert!(w.is_quiet(visitor));
    w.pass(secs(1));
    assert_eq!(ended(&mut w, visitor), EndReason::Unclaimed);
}

#[test]
fn a_key_that_was_used_does_not_expire_after_a_later_wait() {
    let mut w = asking();
    let (visitor, grace, joan) = (w.anonymous(), w.agent("grace"), w.agent("joan"));
    let (_, _, key) = w.share(visitor);
    let join = waits(&mut w, visitor, grace, key);
    confirm(&mut w, visitor, join);
    w.leave(grace, None);
    w.hear_all(visitor);
    waits(&mut w, visitor, joan, key);
    w.pass(secs(3_600));
    assert_eq!(w.hub.stats().sessions, 1);
}

#[test]
fn one_agent_waits_at_a_time() {
    let mut w = asking();
    let (visitor, grace, joan) = (w.anonymous(), w.agent("grace"), w.agent("joan"));
    let (_, _, key) = w.share(visitor);
    let join = waits(&mut w, visitor, grace, key);
    w.join(joan, key);
    assert_eq!(w.refused(joan), RefusalCode::VisitorBusy);
    assert!(w.is_quiet(visitor), "the visitor is not asked twice at the same time");
    confirm(&mut w, visitor, join);
    w.hear_all(visitor);
    waits(&mut w, visitor, joan, key);
}

#[test]
fn an_agent_who_waits_is_busy() {
    let mut w = asking();
    let (visitor, other, agent) = (w.anonymous(), w.online("ada"), w.agent("grace"));
    let (_, _, key) = w.share(visitor);
    waits(&mut w, visitor, agent, key);
    w.join(agent, key);
    assert_eq!(w.refused(agent), RefusalCode::AgentBusy);
    w.ask(agent, "ada");
    assert_eq!(w.refused(agent), RefusalCode::AgentBusy);
    assert!(w.is_quiet(other));
}

#[test]
fn an_agent_stops_waiting() {
    let mut w = asking();
    let (visitor, agent) = (w.anonymous(), w.agent("grace"));
    let (_, _, key) = w.share(visitor);
    let join = waits(&mut w, visitor, agent, key);
    w.leave(agent, None);
    assert_eq!(w.refused(agent), RefusalCode::Cancelled);
    assert_eq!(withdrawn(&mut w, visitor, join), WithdrawReason::Agent);
    w.leave(agent, None);
    assert!(w.is_quiet(agent) && w.is_quiet(visitor));
    waits(&mut w, visitor, agent, key);
}

#[test]
fn an_agent_with_the_key_cannot_ask_until_the_visitor_gives_in() {
    let ends: [fn(&mut World, ConnId); 3] = [
        |w, agent| w.leave(agent, None),
        |w, _| w.pass(secs(60)),
        |w, agent| w.call(agent, Bye {}),
    ];
    for end in ends {
        let mut w = asking();
        let (visitor, joan) = (w.anonymous(), w.agent("joan"));
        let (_, session, key) = w.share(visitor);
        let join = waits(&mut w, visitor, joan, key);
        confirm(&mut w, visitor, join);
        w.hear_all(visitor);
        for _ in 0..3 {
            // On connections of its own: who asks is the agent.
            let agent = w.agent("grace");
            waits(&mut w, visitor, agent, key);
            end(&mut w, agent);
            w.hear(visitor);
        }
        let agent = w.agent("grace");
        w.join(agent, key);
        assert_eq!(w.refused(agent), RefusalCode::NoSuchKey);
        assert!(w.is_quiet(visitor), "asked a fourth time");
        // Nobody else is kept out, neither here nor elsewhere.
        let (kay, other) = (w.agent("kay"), w.anonymous());
        let join = waits(&mut w, visitor, kay, key);
        confirm(&mut w, visitor, join);
        joined(&mut w, kay);
        let (_, elsewhere, key) = w.share(other);
        let join = waits(&mut w, other, agent, key);
        confirm(&mut w, other, join);
        assert_eq!(joined(&mut w, agent).view.session, elsewhere);
        assert_ne!(session, elsewhere);
    }
}

#[test]
fn race_an_answer_that_comes_too_late_means_nothing() {
    for late in [true, false] {
        let mut w = asking();
        let (visitor, agent) = (w.anonymous(), w.agent("grace"));
        let (_, _, key) = w.share(visitor);
        let join = waits(&mut w, visitor, agent, key);
        w.leave(agent, None);
        w.hear(visitor);
        w.notices(agent);
        let next = waits(&mut w, visitor, agent, key);
        // The answer to the first crosses its withdrawal; it must not let the second in.
        if late {
            confirm(&mut w, visitor, join)
        } else {
            decline(&mut w, visitor, join)
        }
        assert!(w.is_quiet(visitor) && w.is_quiet(agent));
        confirm(&mut w, visitor, next);
        joined(&mut w, agent);
        // Twice, or both: the first answer stands.
        w.hear_all(visitor);
        confirm(&mut w, visitor, next);
        decline(&mut w, visitor, next);
        assert!(w.is_quiet(visitor));
        assert_eq!((w.hub.stats().keys, w.hub.stats().viewers), (1, 1));
    }
}

#[test]
fn a_join_that_never_was_lets_nobody_in() {
    let mut w = asking();
    let (visitor, other, agent) = (w.anonymous(), w.anonymous(), w.agent("grace"));
    let elsewhere = w.visitor_in(OTHER_GROUP);
    let (_, _, key) = w.share(visitor);
    w.share(other);
    w.share(elsewhere);
    let join = waits(&mut w, visitor, agent, key);
    // Another visitor answers: of the same group, in a session or not, and of another group.
    let idle = w.anonymous();
    for stranger in [other, elsewhere, idle] {
        confirm(&mut w, stranger, join);
        decline(&mut w, stranger, join);
        assert!(w.is_quiet(stranger));
    }
    confirm(&mut w, visitor, JoinId::new(join.get() + 1));
    assert!(w.is_quiet(visitor) && w.is_quiet(agent));
    assert_eq!(w.hub.stats().viewers, 0);
    assert_eq!(w.hub.stats().keys, 3);
}

#[test]
fn an_agent_who_loses_its_connection_keeps_waiting() {
    let mut w = asking();
    let (visitor, agent) = (w.anonymous(), w.agent("grace"));
    let (_, session, key) = w.share(visitor);
    let join = waits(&mut w, visitor, agent, key);
    w.drop_conn(agent);
    w.pass(secs(10));
    assert!(w.is_quiet(visitor));
    let (agent, snapshot) = w.resume_agent(agent);
    let waiting = snapshot.joining.unwrap();
    assert_eq!((waiting.expires_ms, snapshot.view), (50_000, None));
    assert_ne!(snapshot.answered.map(|it| it.re), Some(waiting.re), "it is not answered yet");
    w.drop_conn(agent);
    confirm(&mut w, visitor, join);
    let (agent, snapshot) = w.resume_agent(agent);
    assert_eq!((snapshot.joining, snapshot.view.unwrap().session), (None, session));
    assert_eq!(snapshot.answered, Some(Answered { re: waiting.re, refused: None }));
    assert!(w.is_quiet(agent));
    assert_eq!(w.words(visitor, session).len(), 1, "now it has a number");
}

#[test]
fn an_agent_who_was_not_let_in_while_away_is_told_so() {
    let mut w = asking();
    let (visitor, agent) = (w.anonymous(), w.agent("grace"));
    let (_, _, key) = w.share(visitor);
    let join = waits(&mut w, visitor, agent, key);
    w.drop_conn(agent);
    decline(&mut w, visitor, join);
    let (_, snapshot) = w.resume_agent(agent);
    assert_eq!((snapshot.joining, snapshot.view), (None, None));
    let answered = snapshot.answered.unwrap();
    assert_eq!(answered.refused, Some(RefusalCode::JoinDeclined));
}

#[test]
fn an_agent_who_is_lost_for_good_waits_no_more() {
    for leaves in [true, false] {
        let mut w = asking();
        let (visitor, agent) = (w.anonymous(), w.agent("grace"));
        let (_, _, key) = w.share(visitor);
        let join = waits(&mut w, visitor, agent, key);
        if leaves {
            w.bye(agent);
        } else {
            w.drop_conn(agent);
            w.pass(secs(30));
        }
        assert_eq!(withdrawn(&mut w, visitor, join), WithdrawReason::AgentLost);
        confirm(&mut w, visitor, join);
        assert!(w.is_quiet(visitor));
        assert_eq!(w.hub.stats().agents, 0);
    }
}

#[test]
fn a_visitor_who_comes_back_finds_who_waits() {
    let mut w = asking();
    let (visitor, agent) = (w.online("ada"), w.agent("grace"));
    let (_, session, key) = w.share(visitor);
    w.drop_conn(visitor);
    w.join(agent, key);
    let AgentNotice::JoinWaiting(_) = w.notice(agent) else { panic!("does not wait") };
    w.pass(secs(20));
    let (visitor, snapshot) = w.resume_visitor(visitor);
    let join = snapshot.session.unwrap().join.unwrap();
    assert_eq!((join.session, join.expires_ms), (session, 40_000));
    assert_eq!(join.agent.agent.as_str(), "grace");
    confirm(&mut w, visitor, join.join);
    joined(&mut w, agent);
}

#[test]
fn a_visitor_who_comes_back_is_told_who_waits_no_more() {
    let mut w = asking();
    let (visitor, agent) = (w.anonymous(), w.agent("grace"));
    let (_, _, key) = w.share(visitor);
    let join = waits(&mut w, visitor, agent, key);
    w.drop_conn(visitor);
    w.leave(agent, None);
    let (_, snapshot) = w.resume_visitor(visitor);
    assert_eq!(snapshot.session.unwrap().join, None);
    let reason = WithdrawReason::Agent;
    assert_eq!(snapshot.join_over, Some(JoinWithdrawn { join, reason }));
}

#[test]
fn the_end_of_the_session_ends_the_wait() {
    for by_visitor in [true, false] {
        let mut w = asking();
        let (visitor, grace, joan) = (w.anonymous(), w.agent("grace"), w.agent("joan"));
        let (start, session, key) = w.share(visitor);
        let join = waits(&mut w, visitor, joan, key);
        confirm(&mut w, visitor, join);
        w.hear_all(visitor);
        let join = waits(&mut w, visitor, grace, key);
        if by_visitor {
            w.end_start(visitor, start);
        } else {
            w.end(joan, session);
            assert_eq!(ended(&mut w, visitor), EndReason::Agent);
        }
        assert_eq!(w.refused(grace), RefusalCode::SessionGone);
        assert!(w.is_quiet(grace), "it is told of no session it was never in");
        confirm(&mut w, visitor, join);
        assert!(w.is_quiet(visitor) && w.is_quiet(grace));
        let stats = w.hub.stats();
        assert_eq!((stats.sessions, stats.viewers, stats.joins_unanswered), (0, 0, 1));
    }
}

#[test]
fn a_visitor_who_is_lost_ends_the_wait() {
    let mut w = asking();
    let (visitor, agent) = (w.anonymous(), w.agent("grace"));
    let (_, _, key) = w.share(visitor);
    waits(&mut w, visitor, agent, key);
    w.drop_conn(visitor);
    w.pass(secs(30));
    assert_eq!(w.refused(agent), RefusalCode::SessionGone);
}

#[test]
fn an_agent_who_is_ejected_waits_no_more_and_is_not_asked_about_again() {
    let mut w = asking();
    let (visitor, joan, grace) = (w.anonymous(), w.agent("joan"), w.agent("grace"));
    let (_, session, key) = w.share(visitor);
    let join = waits(&mut w, visitor, joan, key);
    confirm(&mut w, visitor, join);
    w.hear_all(visitor);
    let join = waits(&mut w, visitor, grace, key);
    w.eject(joan, session, "grace");
    assert_eq!(w.refused(grace), RefusalCode::SessionGone);
    assert_eq!(withdrawn(&mut w, visitor, join), WithdrawReason::Agent);
    w.join(grace, key);
    assert_eq!(w.refused(grace), RefusalCode::NoSuchKey);
    assert!(w.is_quiet(visitor));
}

#[test]
fn nobody_waits_while_the_server_drains_or_after_it_stopped() {
    for drain in [true, false] {
        let mut w = asking();
        let (visitor, agent) = (w.anonymous(), w.agent("grace"));
        let (_, _, key) = w.share(visitor);
        let join = waits(&mut w, visitor, agent, key);
        w.input(if drain { Input::Drain } else { Input::Shutdown });
        if drain {
            assert_eq!(w.refused(agent), RefusalCode::ShuttingDown);
            assert_eq!(withdrawn(&mut w, visitor, join), WithdrawReason::Shutdown);
        } else {
            assert_eq!(w.refused(agent), RefusalCode::SessionGone);
            assert_eq!(ended(&mut w, visitor), EndReason::Shutdown);
            assert_eq!(w.hub.stats().deadlines, 0);
        }
        w.closing(agent, CloseReason::Shutdown, true);
    }
}

#[test]
fn nobody_is_let_in_while_nothing_can_be_recorded() {
    let mut w = asking();
    let (visitor, agent, other) = (w.anonymous(), w.agent("grace"), w.agent("joan"));
    let (_, _, key) = w.share(visitor);
    let join = waits(&mut w, visitor, agent, key);
    w.input(Input::Records { healthy: false });
    confirm(&mut w, visitor, join);
    assert_eq!(w.problem(visitor), RefusalCode::Unavailable);
    assert!(w.is_quiet(agent));
    w.join(other, key);
    assert_eq!(w.refused(other), RefusalCode::Unavailable);
    w.input(Input::Records { healthy: true });
    confirm(&mut w, visitor, join);
    joined(&mut w, agent);
}

#[test]
fn a_full_session_asks_nothing_and_says_so() {
    let mut config = config();
    config.policy.max_guests = 1;
    config.groups.get_mut(&group(GROUP)).unwrap().confirm_join = true;
    let mut w = World::with(config);
    let (visitor, grace, joan) = (w.anonymous(), w.agent("grace"), w.agent("joan"));
    let (_, _, key) = w.share(visitor);
    let join = waits(&mut w, visitor, grace, key);
    confirm(&mut w, visitor, join);
    w.hear_all(visitor);
    w.join(joan, key);
    assert_eq!(w.refused(joan), RefusalCode::SessionFull);
    assert!(w.is_quiet(visitor));
}

#[test]
fn a_waiting_agent_who_says_its_join_again_is_not_answered_twice() {
    let mut w = asking();
    let (visitor, agent) = (w.anonymous(), w.agent("grace"));
    let (_, _, key) = w.share(visitor);
    let re = w.next_re(agent);
    w.call(agent, Join { re, key });
    w.notices(agent);
    let ServerMessage::JoinRequested(it) = w.hear(visitor) else { panic!("not asked") };
    w.call(agent, Join { re, key });
    assert!(w.is_quiet(agent) && w.is_quiet(visitor));
    confirm(&mut w, visitor, it.join);
    assert_eq!(joined(&mut w, agent).re, Some(re));
}

#[test]
fn a_key_for_one_is_burned_when_the_visitor_lets_the_first_in() {
    let mut w = asking_with(|group| group.key_use = KeyUse::Once);
    let (visitor, grace, joan) = (w.anonymous(), w.agent("grace"), w.agent("joan"));
    let (_, _, key) = w.share(visitor);
    waits(&mut w, visitor, grace, key);
    w.pass(secs(60));
    w.notices(grace);
    w.hear(visitor);
    assert_eq!(w.hub.stats().keys, 1, "who was not let in has not used it");
    let join = waits(&mut w, visitor, grace, key);
    confirm(&mut w, visitor, join);
    assert_eq!(w.hub.stats().keys, 0);
    w.join(joan, key);
    assert_eq!(w.refused(joan), RefusalCode::NoSuchKey);
    assert_eq!(lines(&w)[2..], ["join requested", "join confirmed", "guest joined", "key burned"]);
}

#[test]
fn a_one_click_session_asks_nothing_more() {
    let mut w = asking();
    let (visitor, agent) = (w.online("ada"), w.agent("grace"));
    w.one_click(agent, visitor, "ada");
    assert_eq!(w.hub.stats().joins_asked, 0, "the visitor has seen the name in the terms");
}
