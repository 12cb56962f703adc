//! What one client, or many at once, cannot do to everybody else: fill agents' queues with cards,
//! or the server with places.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test runs with std and may panic"
)]

mod harness;

use std::time::Duration;

use coview_hub::*;
use coview_wire::*;
use harness::*;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The pages of the `changed` cards that wait for an agent. Nothing else may wait.
fn pages(w: &mut World, agent: ConnId) -> Vec<String> {
    let page = |notice| {
        let AgentNotice::VisitorChanged(it) = notice else { panic!("{notice:?}") };
        it.card.data.get("page").unwrap_or_default().to_owned()
    };
    w.notices(agent).into_iter().map(page).collect()
}

fn deadlines(w: &World) -> u64 {
    w.hub.stats().deadlines
}

// The pace of cards.

#[test]
fn ten_thousand_updates_in_a_second_are_five_cards_and_the_last_is_the_newest() {
    let mut w = World::new();
    let (all, one) = (w.watcher("grace"), w.agent("joan"));
    w.watch(one, Some("ada"));
    let visitor = w.online("ada");
    w.notices(all);
    w.notices(one);
    let quiet = deadlines(&w);
    for at in 0..10_000_u64 {
        if at % 10 == 0 {
            w.pass_in_silence(millis(1));
        }
        w.update(visitor, "page", &format!("/{at}"));
    }
    w.pass_in_silence(PACE);
    for agent in [all, one] {
        let told = pages(&mut w, agent);
        assert_eq!(told.len(), 5);
        assert_eq!(told.first().map(String::as_str), Some("/0"), "the first is told at once");
        assert_eq!(told.last().map(String::as_str), Some("/9999"), "the last is told in the end");
    }
    assert_eq!(deadlines(&w), quiet, "no deadline is left behind");
    assert!(w.hub.stats().cards_coalesced > 9_000);
    w.pass_in_silence(secs(1));
    w.update(visitor, "page", "/later");
    assert_eq!(pages(&mut w, all), ["/later"], "after a pause a change is told at once again");
}

#[test]
fn a_change_soon_after_a_card_is_told_when_the_pace_allows_it() {
    let mut w = World::new();
    let agent = w.watcher("grace");
    let visitor = w.online("ada");
    w.notices(agent);
    w.update(visitor, "page", "/1");
    assert_eq!(pages(&mut w, agent), ["/1"]);
    w.pass_in_silence(millis(100));
    w.update(visitor, "page", "/2");
    w.update(visitor, "page", "/3");
    assert_eq!(w.wake_at.unwrap().why, "the next card of a visitor who changes often");
    w.pass_in_silence(millis(149));
    assert!(w.is_quiet(agent));
    w.pass_in_silence(millis(1));
    assert_eq!(pages(&mut w, agent), ["/3"]);
    assert_eq!(w.hub.stats().cards_coalesced, 1);
    w.update(visitor, "page", "/4");
    assert!(w.is_quiet(agent), "a late card begins the pace anew");
    w.pass_in_silence(PACE);
    assert_eq!(pages(&mut w, agent), ["/4"]);
}

#[test]
fn every_change_of_a_card_keeps_the_pace() {
    let mut w = World::new();
    let agent = w.watcher("grace");
    let visitor = w.online("ada");
    w.notices(agent);
    for _ in 0..50 {
        w.move_app(visitor, AppState::Background);
        w.move_app(visitor, AppState::Active);
        let (start, ..) = w.share(visitor);
        w.end_start(visitor, start);
    }
    w.drop_conn(visitor);
    assert_eq!(w.notices(agent).len(), 1);
    w.pass_in_silence(PACE);
    let AgentNotice::VisitorChanged(it) = w.notice(agent) else { panic!("not changed") };
    assert!(!it.card.reachable && !it.card.busy);
    assert!(w.is_quiet(agent));
}

#[test]
fn visitors_do_not_wait_for_one_another() {
    let mut w = World::new();
    let agent = w.watcher("grace");
    let visitors = [w.online("ada"), w.online("bob")];
    w.notices(agent);
    for visitor in visitors {
        w.update(visitor, "page", "/1");
    }
    assert_eq!(pages(&mut w, agent), ["/1", "/1"]);
}

#[test]
fn the_late_card_of_one_visitor_takes_no_others_place() {
    let mut w = World::new();
    let agent = w.watcher("grace");
    let visitors = [w.online("ada"), w.online("bob")];
    w.notices(agent);
    for page in ["/1", "/2"] {
        for visitor in visitors {
            w.update(visitor, "page", page);
        }
    }
    assert_eq!(pages(&mut w, agent), ["/1", "/1"]);
    w.pass_in_silence(PACE);
    assert_eq!(pages(&mut w, agent), ["/2", "/2"]);
}

#[test]
fn online_and_offline_are_never_delayed_and_no_card_follows_offline() {
    let mut w = World::new();
    let agent = w.watcher("grace");
    let visitor = w.online("ada");
    let quiet = deadlines(&w);
    w.update(visitor, "page", "/1");
    w.update(visitor, "page", "/2");
    assert_eq!(deadlines(&w), quiet + 1);
    w.disconnect_presence(visitor);
    assert_eq!(deadlines(&w), quiet, "the card that waited is forgotten");
    assert_eq!(w.hub.stats().cards_coalesced, 1);
    w.connect_presence(visitor);
    w.update(visitor, "page", "/3");
    let kinds: Vec<_> = w.notices(agent).iter().map(Message::kind).collect();
    let in_order = [
        "visitor_online",
        "visitor_changed",
        "visitor_offline",
        "visitor_online",
        "visitor_changed",
    ];
    assert_eq!(kinds, in_order);
    w.update(visitor, "page", "/4");
    w.bye(visitor);
    let kinds: Vec<_> = w.notices(agent).iter().map(Message::kind).collect();
    assert_eq!(kinds, ["visitor_offline"]);
    w.pass_in_silence(secs(1));
    assert!(w.is_quiet(agent));
}

#[test]
fn one_who_goes_online_and_offline_all_the_time_is_cut_off() {
    let mut w = World::new();
    let agent = w.watcher("grace");
    let visitor = w.identified("ada");
    for _ in 0..60 {
        w.connect_presence(visitor);
        w.disconnect_presence(visitor);
    }
    assert!(!w.closed.contains_key(&visitor));
    assert_eq!(w.notices(agent).len(), 120);
    for _ in 0..1_000 {
        w.connect_presence(visitor);
        w.disconnect_presence(visitor);
    }
    assert_eq!(w.closed.get(&visitor), Some(&CloseReason::Protocol));
    assert!(w.is_quiet(agent));
}

#[test]
fn a_late_card_outlives_the_device_that_caused_it() {
    let mut w = World::new();
    let agent = w.watcher("grace");
    let old = w.online("ada");
    w.update(old, "page", "/old");
    let new = w.online("ada");
    w.update(new, "page", "/new");
    w.notices(agent);
    w.bye(new);
    assert!(w.is_quiet(agent));
    w.pass_in_silence(PACE);
    assert_eq!(pages(&mut w, agent), ["/old"], "the card is of the device that has the focus then");
}

#[test]
fn a_roster_in_between_has_the_newest_card() {
    let mut w = World::new();
    let agent = w.watcher("grace");
    let visitor = w.online("ada");
    w.notices(agent);
    w.update(visitor, "page", "/1");
    w.update(visitor, "page", "/2");
    assert_eq!(pages(&mut w, agent), ["/1"]);
    w.watch(agent, None);
    let AgentNotice::Roster(it) = w.notice(agent) else { panic!("no roster") };
    assert_eq!(it.visitors[0].data.get("page"), Some("/2"));
    w.pass_in_silence(PACE);
    assert_eq!(pages(&mut w, agent), ["/2"], "told again, which does no harm");
}

#[test]
fn nobody_who_stopped_watching_is_told_a_late_card() {
    let mut w = World::new();
    let agent = w.watcher("grace");
    let visitor = w.online("ada");
    w.update(visitor, "page", "/1");
    w.update(visitor, "page", "/2");
    w.notices(agent);
    let re = w.next_re(agent);
    w.call(agent, Unwatch { re });
    let quiet = deadlines(&w);
    w.pass_in_silence(PACE);
    assert!(w.is_quiet(agent));
    assert_eq!(deadlines(&w), quiet - 1);
    w.update(visitor, "page", "/3");
    w.update(visitor, "page", "/4");
    assert_eq!(deadlines(&w), quiet - 1, "no card waits for nobody");
}

#[test]
fn a_server_that_stops_forgets_the_cards_that_wait() {
    let mut w = World::new();
    w.watcher("grace");
    let visitor = w.online("ada");
    w.update(visitor, "page", "/1");
    w.update(visitor, "page", "/2");
    w.input(Input::Shutdown);
    assert_eq!((deadlines(&w), w.wake_at), (0, None));
}

// Places.

fn small(max_places: u32) -> World {
    World::with_policy(Policy { max_places, ..Policy::default() })
}

fn places(w: &World) -> u64 {
    let stats = w.hub.stats();
    stats.visitors + stats.agents
}

fn gone(w: &World) -> Vec<(u64, Departure)> {
    let gone = |event: &Event| match event {
        Event::VisitorGone { client, reason, .. } | Event::AgentLeft { client, reason, .. } => {
            Some((client.get(), *reason))
        }
        _ => None,
    };
    w.events.iter().filter_map(gone).collect()
}

#[test]
fn for_a_newcomer_too_many_the_place_goes_that_was_lost_longest_ago() {
    let mut w = small(4);
    let agent = w.watcher("grace");
    let (ada, bob, cyd) = (w.online("ada"), w.online("bob"), w.online("cyd"));
    // Ada is kept longer than bob, in the background, and was lost before him.
    w.move_app(ada, AppState::Background);
    for conn in [ada, bob] {
        w.pass(secs(1));
        w.drop_conn(conn);
    }
    w.pass(PACE);
    w.notices(agent);
    let before = deadlines(&w);
    let dan = w.anonymous();
    let AgentNotice::VisitorOffline(it) = w.notice(agent) else { panic!("not offline") };
    assert_eq!((it.visitor.as_str(), it.reason), ("ada", OfflineReason::Lost));
    assert_eq!(gone(&w), [(2, Departure::Lost)]);
    assert_eq!((places(&w), w.hub.stats().visitors_online), (4, 2));
    assert_eq!(deadlines(&w), before, "her grace is over, and a silence is dan's");
    let joan = w.agent("joan");
    assert_eq!(gone(&w).last(), Some(&(3, Departure::Lost)), "an agent counts as a visitor does");
    for conn in [agent, cyd, dan, joan] {
        assert!(!w.closed.contains_key(&conn), "whoever is connected stays");
    }
    w.resume_refused(ada);
}

#[test]
fn the_place_of_an_agent_who_was_lost_goes_too_with_its_request() {
    let mut w = small(2);
    let (agent, visitor) = (w.agent("grace"), w.online("ada"));
    w.asked(agent, visitor, "ada");
    w.drop_conn(agent);
    w.anonymous();
    let ServerMessage::TermsWithdrawn(it) = w.hear(visitor) else { panic!("not withdrawn") };
    assert_eq!(it.reason, WithdrawReason::AgentLost);
    assert_eq!((w.hub.stats().agents, w.hub.stats().visitors, w.hub.stats().asks), (0, 2, 0));
}

#[test]
fn whoever_resumed_is_not_lost_any_more() {
    let mut w = small(2);
    let (ada, bob) = (w.anonymous(), w.anonymous());
    w.drop_conn(ada);
    w.pass(secs(1));
    w.drop_conn(bob);
    let (ada, _) = w.resume_visitor(ada);
    w.anonymous();
    assert_eq!(gone(&w), [(2, Departure::Lost)]);
    assert!(!w.closed.contains_key(&ada));
}

#[test]
fn if_every_place_is_connected_the_newcomer_is_refused_and_may_come_back() {
    let mut w = small(2);
    let (visitor, agent) = (w.anonymous(), w.agent("grace"));
    let hello = w.hello(GROUP);
    let (newcomer, caller) = (w.open(), w.open());
    w.say(newcomer, hello.clone());
    let token = AgentToken::new(format!("token-joan@{GROUP}")).unwrap();
    let re = RequestId::new(0);
    w.call(caller, SignIn { re, version: 1, group: group(GROUP), token });
    for conn in [newcomer, caller] {
        let ServerMessage::Refused(it) = w.hear(conn) else { panic!("not refused") };
        assert_eq!(it.code, RefusalCode::LimitExceeded);
        assert_eq!(it.explanation.as_deref(), Some("the server is full"));
        w.closing(conn, CloseReason::Refused, true);
    }
    assert_eq!((places(&w), w.hub.stats().connections, w.hub.stats().refusals), (2, 2, 2));
    assert!(w.is_quiet(visitor) && w.is_quiet(agent));
    w.bye(visitor);
    let conn = w.anonymous();
    assert_eq!(places(&w), 2);
    // A resume takes no new place.
    w.resume_visitor(conn);
    assert_eq!(places(&w), 2);
}

#[test]
fn a_wrong_token_takes_nobodys_place() {
    let mut w = small(1);
    let visitor = w.anonymous();
    w.drop_conn(visitor);
    let caller = w.open();
    let token = AgentToken::new("no-such-token").unwrap();
    let re = RequestId::new(0);
    w.call(caller, SignIn { re, version: 1, group: group(GROUP), token });
    assert_eq!(w.refused(caller), RefusalCode::BadToken);
    w.closing(caller, CloseReason::Refused, false);
    w.resume_visitor(visitor);
}

#[test]
fn places_kept_for_many_who_came_and_went_are_bounded_and_nothing_is_left() {
    let mut w = small(10);
    for at in 0..100 {
        let conn = w.online(&format!("visitor-{at}"));
        w.move_app(conn, AppState::Background);
        w.drop_conn(conn);
        assert!(places(&w) <= 10);
    }
    let stats = w.hub.stats();
    assert_eq!((stats.visitors, stats.visitors_identified, stats.visitors_online), (10, 10, 10));
    assert_eq!((stats.connections, stats.deadlines), (0, 10));
    w.pass_in_silence(secs(300));
    assert_eq!((places(&w), deadlines(&w), w.wake_at), (0, 0, None));
    w.online("ada");
    assert_eq!(places(&w), 1);
}

// The pace of beginnings.

#[test]
fn nobody_fills_the_record_with_sessions() {
    let mut w = World::new();
    let visitor = w.anonymous();
    for _ in 0..60 {
        let start = w.start(visitor, StartBy::RandomKey);
        w.end_start(visitor, start);
    }
    w.hear_all(visitor);
    let before = w.events.len();
    w.start(visitor, StartBy::RandomKey);
    assert_eq!(w.refused(visitor), RefusalCode::LimitExceeded);
    assert_eq!(w.events.len(), before, "and it leaves no record");
    w.pass(secs(60));
    w.hear_all(visitor);
    w.share(visitor);
}

#[test]
fn no_agent_asks_over_and_over() {
    let mut w = World::new();
    let agent = w.agent("grace");
    let visitors: Vec<_> =
        (0..21).map(|it| (format!("v-{it}"), w.online(&format!("v-{it}")))).collect();
    for (name, visitor) in visitors.iter().cycle().take(60) {
        let ask = w.asked(agent, *visitor, name);
        w.withdraw(agent, Some(ask));
        w.notices(agent);
        w.hear_all(*visitor);
    }
    let (name, visitor) = visitors.last().unwrap();
    w.ask(agent, name);
    assert_eq!(w.refused(agent), RefusalCode::LimitExceeded);
    assert!(w.is_quiet(*visitor), "the visitor is not asked");
    let colleague = w.agent("joan");
    w.asked(colleague, *visitor, name);
}

#[test]
fn an_agent_cannot_ask_one_visitor_until_it_gives_in() {
    let mut w = World::new();
    let visitor = w.online("ada");
    for at in 0..5 {
        // On connections of its own: who asks is the agent.
        let agent = w.agent("grace");
        let ask = w.asked(agent, visitor, "ada");
        if at % 2 == 0 {
            w.withdraw(agent, Some(ask));
        } else {
            let re = w.next_re(visitor);
            w.say(visitor, TermsDeclined { re, ask });
        }
        w.hear_all(visitor);
    }
    let (agent, other) = (w.agent("grace"), w.online("eve"));
    w.ask(agent, "ada");
    assert_eq!(w.refused(agent), RefusalCode::LimitExceeded);
    assert!(w.is_quiet(visitor), "the visitor is not asked");
    // Nobody else is kept from asking, and it may ask somebody else.
    let (colleague, ask) = (w.agent("joan"), w.asked(agent, other, "eve"));
    w.withdraw(agent, Some(ask));
    w.notices(agent);
    let ask = w.asked(colleague, visitor, "ada");
    w.withdraw(colleague, Some(ask));
    w.hear_all(visitor);
    w.pass(secs(600));
    let (agent, visitor) = (w.agent("grace"), w.online("ada"));
    w.asked(agent, visitor, "ada");
}
