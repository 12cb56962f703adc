//! Identity, presence, focus among devices, and what watching agents are told.
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

fn changed(w: &mut World, agent: ConnId) -> VisitorCard {
    let AgentNotice::VisitorChanged(it) = w.notice(agent) else { panic!("not changed") };
    it.card
}

fn offline(w: &mut World, agent: ConnId) -> OfflineReason {
    let AgentNotice::VisitorOffline(it) = w.notice(agent) else { panic!("not offline") };
    it.reason
}

fn focus(w: &mut World, visitor: ConnId) -> bool {
    let ServerMessage::PresenceFocus(it) = w.hear(visitor) else { panic!("no focus") };
    it.focused
}

#[test]
fn identify_again_is_granted_for_the_same_id_only() {
    let mut w = World::new();
    let conn = w.identified("ada");
    w.identify(conn, "ada");
    let ServerMessage::Identified(_) = w.hear(conn) else { panic!() };
    w.identify(conn, "bob");
    assert_eq!(w.refused(conn), RefusalCode::AlreadyIdentified);
    w.connect_presence(conn);
    w.hear_all(conn);
    w.identify(conn, "bob");
    assert_eq!(w.refused(conn), RefusalCode::AlreadyIdentified);
    w.identify(conn, "ada");
    let ServerMessage::Identified(_) = w.hear(conn) else { panic!() };
    w.disconnect_presence(conn);
    w.log_out(conn);
    w.identify(conn, "bob");
    let ServerMessage::Identified(_) = w.hear(conn) else { panic!() };
}

#[test]
fn identify_while_sharing_is_illegal() {
    let mut w = World::new();
    let conn = w.anonymous();
    w.share(conn);
    w.identify(conn, "ada");
    assert_eq!(w.refused(conn), RefusalCode::IllegalOrder);
}

#[test]
fn log_out_is_legal_in_identified_only() {
    let mut w = World::new();
    let anonymous = w.anonymous();
    w.log_out(anonymous);
    assert_eq!(w.problem(anonymous), RefusalCode::IllegalOrder);
    let online = w.online("ada");
    w.log_out(online);
    let ServerMessage::Problem(it) = w.hear(online) else { panic!() };
    let told = it.explanation.unwrap();
    assert_eq!(&*told, "log_out is not possible in the state PresenceConnected");
    w.disconnect_presence(online);
    w.log_out(online);
    w.connect_presence(online);
    assert_eq!(w.refused(online), RefusalCode::IllegalOrder, "nobody is known any more");
}

#[test]
fn presence_needs_an_identity_and_a_group_that_has_it() {
    let mut w = World::new();
    let conn = w.anonymous();
    w.connect_presence(conn);
    assert_eq!(w.refused(conn), RefusalCode::IllegalOrder);
    let mut off = config();
    off.groups.get_mut(&group(GROUP)).unwrap().presence = false;
    let mut w = World::with(off);
    let conn = w.identified("ada");
    w.connect_presence(conn);
    assert_eq!(w.refused(conn), RefusalCode::PresenceDisabled);
}

#[test]
fn watching_agents_see_profile_data_and_every_change() {
    let mut w = World::without_pace();
    let agent = w.watcher("grace");
    let visitor = w.anonymous();
    let profile = Profile::new().with_name("Ada Lovelace").unwrap();
    let re = w.next_re(visitor);
    let who = visitor_id("ada");
    let identify =
        Identify { re, visitor: who.clone(), assertion: None, profile: Some(profile.clone()) };
    w.say(visitor, identify);
    let re = w.next_re(visitor);
    let data = PresenceData::new().with("page", "/cart").unwrap();
    w.say(visitor, PresenceConnect { re, data: data.clone() });
    let AgentNotice::VisitorOnline(it) = w.notice(agent) else { panic!() };
    let mut card = VisitorCard {
        visitor: who,
        profile,
        data,
        app: AppState::Active,
        reachable: true,
        busy: false,
        online_ms: 0,
    };
    assert_eq!(it.card, card);

    w.pass(secs(5));
    card.online_ms = 5_000;
    w.update(visitor, "page", "/pay");
    card.data = PresenceData::new().with("page", "/pay").unwrap();
    assert_eq!(changed(&mut w, agent), card);
    w.move_app(visitor, AppState::Background);
    card.app = AppState::Background;
    assert_eq!(changed(&mut w, agent), card);
    w.move_app(visitor, AppState::Background);
    assert!(w.is_quiet(agent), "nothing changed");
    w.drop_conn(visitor);
    card.reachable = false;
    assert_eq!(changed(&mut w, agent), card);
    let (visitor, _) = w.resume_visitor(visitor);
    card.reachable = true;
    assert_eq!(changed(&mut w, agent), card);
    let (start, ..) = w.share(visitor);
    card.busy = true;
    assert_eq!(changed(&mut w, agent), card);
    w.end_start(visitor, start);
    card.busy = false;
    assert_eq!(changed(&mut w, agent), card);
    w.disconnect_presence(visitor);
    assert_eq!(offline(&mut w, agent), OfflineReason::Disconnected);
}

#[test]
fn presence_data_is_for_those_who_are_online_and_has_a_limit() {
    let mut w = World::new();
    let visitor = w.identified("ada");
    w.update(visitor, "page", "/");
    assert_eq!(w.problem(visitor), RefusalCode::IllegalOrder);
    w.connect_presence(visitor);
    w.hear(visitor);
    for at in 0..limits::PRESENCE_ENTRIES {
        w.update(visitor, &format!("k{at}"), "v");
    }
    assert!(w.is_quiet(visitor));
    w.update(visitor, "one-more", "v");
    assert_eq!(w.problem(visitor), RefusalCode::LimitExceeded);
    let value = "v".repeat(limits::PRESENCE_VALUE);
    for at in 0..15 {
        w.update(visitor, &format!("k{at}"), &value);
    }
    assert!(w.is_quiet(visitor));
    w.update(visitor, "k15", &value);
    assert_eq!(w.problem(visitor), RefusalCode::LimitExceeded, "too many bytes in all");
    w.update(visitor, "k15", "w");
    assert!(w.is_quiet(visitor));
}

#[test]
fn presence_may_be_updated_while_asked_and_while_sharing() {
    let mut w = World::new();
    let agent = w.agent("grace");
    let visitor = w.online("ada");
    w.asked(agent, visitor, "ada");
    w.update(visitor, "page", "/a");
    w.withdraw(agent, None);
    w.hear_all(visitor);
    w.share(visitor);
    w.update(visitor, "page", "/b");
    assert!(w.is_quiet(visitor));
}

#[test]
fn an_agent_may_watch_one_visitor_or_stop_watching() {
    let mut w = World::new();
    let agent = w.agent("grace");
    w.watch(agent, Some("ada"));
    let AgentNotice::Roster(it) = w.notice(agent) else { panic!() };
    assert_eq!((it.visitors.len(), it.first, it.more), (0, true, false));
    w.online("bob");
    assert!(w.is_quiet(agent));
    let ada = w.online("ada");
    let AgentNotice::VisitorOnline(_) = w.notice(agent) else { panic!() };
    w.watch(agent, None);
    let AgentNotice::Roster(it) = w.notice(agent) else { panic!() };
    let names: Vec<_> = it.visitors.iter().map(|card| card.visitor.as_str()).collect();
    assert_eq!(names, ["ada", "bob"]);
    w.update(ada, "page", "/");
    changed(&mut w, agent);
    assert!(w.is_quiet(agent), "told once, although both watches fit");
    let re = w.next_re(agent);
    w.call(agent, Unwatch { re });
    w.update(ada, "page", "/2");
    assert!(w.is_quiet(agent));
}

#[test]
fn a_long_roster_comes_in_pages() {
    let mut w = World::new();
    for at in 0..70 {
        w.online(&format!("visitor-{at:03}"));
    }
    let agent = w.agent("grace");
    w.watch(agent, None);
    let mut names = Vec::new();
    for (first, more) in [(true, true), (false, true), (false, false)] {
        let AgentNotice::Roster(it) = w.notice(agent) else { panic!() };
        assert_eq!((it.first, it.more), (first, more));
        names.extend(it.visitors.into_iter().map(|card| card.visitor));
    }
    assert!(names.is_sorted());
    assert_eq!(names.len(), 70);
}

#[test]
fn the_newest_device_has_the_focus_and_agents_see_one_card() {
    let mut w = World::without_pace();
    let agent = w.watcher("grace");
    let old = w.online("ada");
    w.update(old, "on", "laptop");
    w.notices(agent);
    let new = w.online("ada");
    assert!(!focus(&mut w, old));
    assert_eq!(changed(&mut w, agent).data.get("on"), None, "the card is the newer device's");
    w.update(old, "page", "/");
    w.move_app(old, AppState::Background);
    assert!(w.is_quiet(agent), "the older device is not seen");
    let ask = {
        w.ask(agent, "ada");
        let ServerMessage::TermsRequested(it) = w.hear(new) else { panic!() };
        assert!(w.is_quiet(old));
        it.ask
    };
    w.decline(new, ask);
    w.notices(agent);
    w.disconnect_presence(new);
    assert!(focus(&mut w, old));
    assert_eq!(changed(&mut w, agent).data.get("on"), Some("laptop"));
    w.bye(old);
    assert_eq!(offline(&mut w, agent), OfflineReason::Left);
    assert!(w.is_quiet(agent));
}

#[test]
fn an_older_device_that_leaves_changes_nothing() {
    let mut w = World::new();
    let agent = w.watcher("grace");
    let old = w.online("ada");
    let new = w.online("ada");
    w.notices(agent);
    w.bye(old);
    assert!(w.is_quiet(agent));
    assert!(w.is_quiet(new));
}

#[test]
fn the_focus_goes_to_a_device_that_can_be_reached_and_back() {
    let mut w = World::without_pace();
    let agent = w.watcher("grace");
    let old = w.online("ada");
    let new = w.online("ada");
    w.hear_all(old);
    w.notices(agent);
    w.drop_conn(new);
    assert!(focus(&mut w, old), "the newest that is live");
    assert!(changed(&mut w, agent).reachable);
    let (_, snapshot) = w.resume_visitor(new);
    assert!(snapshot.presence.unwrap().focused, "told by the snapshot");
    assert!(!focus(&mut w, old));
    changed(&mut w, agent);
    let (_, snapshot) = w.resume_visitor(old);
    assert!(!snapshot.presence.unwrap().focused);
    w.pass(secs(300));
    assert_eq!(w.hub.stats().visitors_online, 1);
}

#[test]
fn a_device_too_many_is_refused() {
    let mut w = World::with_policy(Policy { max_devices: 2, ..Policy::default() });
    w.online("ada");
    let second = w.online("ada");
    let third = w.identified("ada");
    w.connect_presence(third);
    assert_eq!(w.refused(third), RefusalCode::LimitExceeded);
    w.bye(second);
    w.connect_presence(third);
    let ServerMessage::PresenceConnected(_) = w.hear(third) else { panic!() };
}

#[test]
fn a_lost_visitor_is_out_of_reach_at_once_and_offline_after_the_grace() {
    let mut w = World::new();
    let agent = w.watcher("grace");
    let visitor = w.online("ada");
    w.notices(agent);
    w.drop_conn(visitor);
    assert!(!changed(&mut w, agent).reachable);
    w.pass(secs(29));
    assert!(w.is_quiet(agent));
    w.pass(secs(1));
    assert_eq!(offline(&mut w, agent), OfflineReason::Lost);
}

#[test]
fn in_the_background_presence_is_kept_for_the_lease() {
    let mut w = World::without_pace();
    let agent = w.watcher("grace");
    let visitor = w.online("ada");
    w.move_app(visitor, AppState::Background);
    w.notices(agent);
    w.drop_conn(visitor);
    changed(&mut w, agent);
    w.pass(secs(299));
    assert!(w.is_quiet(agent));
    let (visitor, snapshot) = w.resume_visitor(visitor);
    assert!(snapshot.presence.is_some());
    w.move_app(visitor, AppState::Active);
    assert!(changed(&mut w, agent).reachable);
    assert_eq!(changed(&mut w, agent).app, AppState::Active);
    w.move_app(visitor, AppState::Background);
    w.drop_conn(visitor);
    w.notices(agent);
    w.pass(secs(300));
    assert_eq!(offline(&mut w, agent), OfflineReason::Lost);
}

#[test]
fn without_presence_there_is_no_lease_in_the_background() {
    let mut w = World::new();
    let visitor = w.identified("ada");
    w.move_app(visitor, AppState::Background);
    w.drop_conn(visitor);
    w.pass(secs(30));
    assert_eq!(w.hub.stats().visitors, 0);
}

#[test]
fn the_lease_holds_when_a_session_ended_during_the_grace() {
    let mut w = World::new();
    let agent = w.watcher("grace");
    let visitor = w.online("ada");
    let (_, session, key) = w.share(visitor);
    w.notices(agent);
    w.joined(agent, key);
    w.move_app(visitor, AppState::Background);
    w.drop_conn(visitor);
    w.pass(secs(10));
    w.end(agent, session);
    w.pass(secs(289));
    assert_eq!(w.hub.stats().visitors_online, 1);
    w.pass(secs(1));
    assert_eq!(w.hub.stats().visitors_online, 0);
}

#[test]
fn agents_see_and_ask_their_own_group_only() {
    let mut w = World::new();
    let stranger = w.agent_in(OTHER_GROUP, "grace");
    w.watch(stranger, None);
    w.notices(stranger);
    let visitor = w.online("ada");
    w.update(visitor, "page", "/");
    let (_, session, key) = w.share(visitor);
    w.ask(stranger, "ada");
    assert_eq!(w.refused(stranger), RefusalCode::NotOnline);
    w.join(stranger, key);
    assert_eq!(w.refused(stranger), RefusalCode::NoSuchKey);
    w.end(stranger, session);
    w.eject(stranger, session, "grace");
    w.leave(stranger, Some(session));
    w.watch(stranger, None);
    let AgentNotice::Roster(it) = w.notice(stranger) else { panic!() };
    assert!(it.visitors.is_empty());
    assert!(w.is_quiet(stranger));
    assert!(w.is_quiet(visitor));
    assert_eq!(w.hub.stats().sessions, 1);
}
