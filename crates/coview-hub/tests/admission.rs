//! Who may come in at all: from which page, to how many others, and when the server is about to stop
//! or cannot write down what happens.
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

const SHOP: &str = "https://shop.example.org";
const EVIL: &str = "https://evil.example";

fn with_shop() -> World {
    World::strict_with(|group| {
        group.origins.insert(SHOP.into());
    })
}

fn origin_forbidden(w: &mut World, conn: ConnId) {
    assert_eq!(w.refused(conn), RefusalCode::OriginForbidden);
    w.closing(conn, CloseReason::Refused, false);
}

// Origins.

#[test]
fn a_page_of_another_site_gets_no_further_than_its_first_message() {
    let mut w = with_shop();
    let hello = w.hello(GROUP);
    for origin in [
        EVIL,
        "null",
        "",
        "https://shop.example.org.evil.example",
        "http://shop.example.org",
        "https://shop.example.org/",
        "https://SHOP.example.org",
        "https://shop.example.org:8443",
    ] {
        let visitor = w.open_page(Origin::Page(origin));
        w.say(visitor, hello.clone());
        origin_forbidden(&mut w, visitor);
        let agent = w.open_page(Origin::Page(origin));
        w.show_token(agent, GROUP, &Claims::agent("grace"));
        origin_forbidden(&mut w, agent);
    }
    assert_eq!((w.hub.stats().visitors, w.hub.stats().agents), (0, 0));
    assert_eq!(w.hub.stats().refused_origins, 16);
}

#[test]
fn a_page_of_the_list_and_what_is_no_browser_may_be_visitors_and_agents() {
    let mut w = with_shop();
    let hello = w.hello(GROUP);
    for origin in [None, Some(Origin::Page(SHOP))] {
        let visitor = w.open_as(Caller { origin, address: None });
        w.say(visitor, hello.clone());
        let ServerMessage::Welcome(_) = w.hear(visitor) else { panic!("not welcome") };
        let agent = w.open_as(Caller { origin, address: None });
        w.show_token(agent, GROUP, &Claims::agent("grace"));
        let AgentNotice::SignedIn(_) = w.notice(agent) else { panic!("not signed in") };
    }
}

#[test]
fn the_list_of_one_group_is_not_that_of_another() {
    let mut config = strict();
    config.groups.get_mut(&group(OTHER_GROUP)).unwrap().origins.insert(SHOP.into());
    let mut w = World::with(config);
    let hello = w.hello(GROUP);
    let conn = w.open_page(Origin::Page(SHOP));
    w.say(conn, hello);
    origin_forbidden(&mut w, conn);
}

#[test]
fn the_console_is_for_agents() {
    let mut w = with_shop();
    let hello = w.hello(GROUP);
    let visitor = w.open_page(Origin::Own);
    w.say(visitor, hello);
    origin_forbidden(&mut w, visitor);
    let agent = w.open_page(Origin::Own);
    w.show_token(agent, GROUP, &Claims::agent("grace"));
    let AgentNotice::SignedIn(_) = w.notice(agent) else { panic!("not signed in") };
}

#[test]
fn a_stolen_secret_is_of_no_use_to_a_page_of_another_site() {
    let mut w = with_shop();
    let (visitor, agent) = (w.proved_online("ada"), w.signed_in(&Claims::agent("grace")));
    for (conn, own) in [(visitor, false), (agent, true)] {
        let secret = w.secret(conn).expose_secret().to_owned();
        // Whether the secret is right is not told.
        for secret in [&*secret, "1.0"] {
            let thief = w.open_page(Origin::Page(EVIL));
            w.resume_with(thief, GROUP, secret);
            origin_forbidden(&mut w, thief);
        }
        let console = w.open_page(Origin::Own);
        w.resume_with(console, GROUP, &secret);
        if own {
            assert_eq!(w.closed.get(&conn), Some(&CloseReason::Superseded));
        } else {
            origin_forbidden(&mut w, console);
            assert!(!w.closed.contains_key(&conn));
        }
    }
    assert_eq!((w.hub.stats().visitors, w.hub.stats().agents), (1, 1));
}

#[test]
fn an_origin_of_a_megabyte_is_no_origin() {
    let mut w = with_shop();
    let hello = w.hello(GROUP);
    let long = format!("{SHOP}{}", "x".repeat(1 << 20));
    let conn = w.open_page(Origin::Page(&long));
    w.say(conn, hello);
    origin_forbidden(&mut w, conn);
}

// How many.

#[test]
fn a_group_that_is_full_refuses_newcomers_and_no_other_group() {
    let mut w = World::strict_with(|group| group.max_connections = Some(2));
    let visitor = w.anonymous();
    w.signed_in(&Claims::agent("grace"));
    let hello = w.hello(GROUP);
    let conns = [w.open(), w.open()];
    w.say(conns[0], hello);
    w.show_token(conns[1], GROUP, &Claims::agent("joan"));
    for conn in conns {
        let ServerMessage::Refused(it) = w.hear(conn) else { panic!("not refused") };
        assert_eq!(it.code, RefusalCode::LimitExceeded);
        assert_eq!(it.explanation.as_deref(), Some("the group is full"));
        w.closing(conn, CloseReason::Refused, true);
    }
    w.visitor_in(OTHER_GROUP);
    // Who is in may come back, and who leaves makes room.
    let (visitor, _) = w.resume_visitor(visitor);
    w.bye(visitor);
    w.anonymous();
}

#[test]
fn a_place_without_a_connection_makes_room_in_its_own_group_only() {
    let mut w = World::strict_with(|group| group.max_connections = Some(2));
    let (here, there) = (w.anonymous(), w.visitor_in(OTHER_GROUP));
    w.drop_conn(there);
    w.drop_conn(here);
    w.signed_in(&Claims::agent("grace"));
    w.anonymous();
    w.resume_refused(here);
    w.resume_visitor(there);
}

/// Somebody who comes and goes, over and over, pushes out nobody who is worth more.
#[test]
fn a_flood_of_hellos_pushes_out_no_session_no_presence_and_no_agent() {
    let policy = Policy { max_places: 6, ..Policy::default() };
    let mut w = World::with(HubConfig { policy, ..strict() });
    w.input(Input::Wall { now: NOON });
    let (sharing, online) = (w.anonymous(), w.proved_online("ada"));
    let agent = w.signed_in(&Claims::agent("grace"));
    let (_, session, key) = w.share(sharing);
    w.joined(agent, key);
    for conn in [sharing, online, agent] {
        w.drop_conn(conn);
    }
    for flood in 0..1_000 {
        let conn = w.anonymous();
        if flood % 2 == 0 {
            w.share(conn);
        }
        w.drop_conn(conn);
        assert!(w.hub.stats().visitors <= 6);
    }
    let (agent, snapshot) = w.resume_agent(agent);
    assert_eq!(snapshot.view.unwrap().session, session);
    w.resume_visitor(sharing);
    let (_, snapshot) = w.resume_visitor(online);
    assert!(snapshot.presence.is_some());
    assert!(!w.closed.contains_key(&agent));
}

#[test]
fn a_place_that_gained_in_worth_while_its_connection_was_broken_is_looked_at_again() {
    let policy = Policy { max_places: 3, ..Policy::default() };
    let mut w = World::with(HubConfig { policy, ..strict() });
    w.input(Input::Wall { now: NOON });
    let sharing = w.anonymous();
    let (_, _, key) = w.share(sharing);
    w.drop_conn(sharing);
    let other = w.proved_online("ada");
    w.drop_conn(other);
    let agent = w.signed_in(&Claims::agent("grace"));
    w.joined(agent, key);
    w.anonymous();
    w.resume_refused(other);
    w.resume_visitor(sharing);
}

// The server is about to stop.

#[test]
fn drain_sends_away_who_is_in_no_session_and_lets_others_finish() {
    let mut w = World::strict();
    let (idle, online, asked) = (w.anonymous(), w.proved_online("ada"), w.proved_online("bob"));
    let (asking, free) = (w.signed_in(&Claims::agent("joan")), w.signed_in(&Claims::agent("kay")));
    w.shown(asking, asked, "bob");
    let (sharing, alone) = (w.anonymous(), w.anonymous());
    let guest = w.signed_in(&Claims::agent("grace"));
    let (start, session, key) = w.share(sharing);
    w.share(alone);
    w.joined(guest, key);
    w.watch(guest, None);
    let stranger = w.open();
    w.notices(guest);

    w.input(Input::Drain);
    for conn in [idle, online, free] {
        w.closing(conn, CloseReason::Shutdown, true);
    }
    let ServerMessage::TermsWithdrawn(it) = w.hear(asked) else { panic!("not withdrawn") };
    assert_eq!(it.reason, WithdrawReason::Shutdown);
    w.closing(asked, CloseReason::Shutdown, true);
    let AgentNotice::AskEnded(it) = w.notice(asking) else { panic!("no outcome") };
    assert_eq!(it.outcome, AskOutcome::Lost);
    w.closing(asking, CloseReason::Shutdown, true);
    assert!(w.is_quiet(guest), "nobody is told of all who go offline");
    assert_eq!((w.hub.stats().visitors, w.hub.stats().agents), (2, 1));

    // Nobody comes in.
    let hello = w.hello(GROUP);
    w.say(stranger, hello);
    w.closing(stranger, CloseReason::Shutdown, true);
    let agent = w.open();
    w.show_token(agent, GROUP, &Claims::agent("new").once(1));
    w.closing(agent, CloseReason::Shutdown, true);
    let back = w.open();
    let secret = w.secret(idle).expose_secret().to_owned();
    w.resume_with(back, GROUP, &secret);
    w.closing(back, CloseReason::Shutdown, true);

    // Who is in a session goes on, and comes back.
    let (sharing, _) = w.resume_visitor(sharing);
    let (guest, _) = w.resume_agent(guest);
    w.hear_all(sharing);
    w.notices(guest);
    let viewers = w.words(sharing, session);
    let Some((viewer, ViewerEvent::Joined)) = viewers.last() else { panic!("{viewers:?}") };
    w.show(sharing, session, &[*viewer], b"picture");
    assert_eq!(w.seen(guest, session).len(), 1);
    w.input(Input::Drain);
    assert!(!w.closed.contains_key(&sharing), "a second time changes nothing");

    // When the session ends, both go.
    w.end_start(sharing, start);
    w.closing(sharing, CloseReason::Shutdown, true);
    let AgentNotice::ViewEnded(it) = w.notice(guest) else { panic!("not ended") };
    assert_eq!(it.reason, EndReason::Visitor);
    w.closing(guest, CloseReason::Shutdown, true);

    // What is left ends with the server.
    w.input(Input::Shutdown);
    let ServerMessage::SessionEnded(it) = w.hear(alone) else { panic!("not ended") };
    assert_eq!(it.reason, EndReason::Shutdown);
    w.closing(alone, CloseReason::Shutdown, true);
    let stats = w.hub.stats();
    assert_eq!((stats.connections, stats.visitors, stats.agents, stats.deadlines), (0, 0, 0, 0));
}

#[test]
fn drain_lets_no_accepted_session_begin_and_no_second_agent_join() {
    let mut w = World::strict();
    let (agent, visitor) = (w.signed_in(&Claims::agent("grace")), w.proved_online("ada"));
    let ask = w.shown(agent, visitor, "ada");
    w.accept(visitor, ask);
    w.input(Input::Drain);
    w.start(visitor, StartBy::VisitorId { ask });
    w.closing(visitor, CloseReason::Shutdown, true);
    let kinds: Vec<_> = w.notices(agent).iter().map(Message::kind).collect();
    assert_eq!(kinds, ["ask_ended", "session_ended", "closing"]);
    assert_eq!((w.hub.stats().sessions, w.hub.stats().visitors), (0, 0));
}

#[test]
fn drain_frees_the_places_of_those_who_are_not_connected_and_in_no_session() {
    let mut w = World::strict();
    let (idle, agent) = (w.proved_online("ada"), w.signed_in(&Claims::agent("grace")));
    let (sharing, ended) = (w.anonymous(), w.anonymous());
    w.share(sharing);
    let (_, session, key) = w.share(ended);
    let other = w.signed_in(&Claims::agent("joan"));
    w.joined(other, key);
    for conn in [idle, agent, sharing, ended] {
        w.drop_conn(conn);
    }
    w.input(Input::Drain);
    assert_eq!((w.hub.stats().visitors, w.hub.stats().agents), (2, 1));
    w.end(other, session);
    assert_eq!((w.hub.stats().visitors, w.hub.stats().agents), (1, 0));
    w.resume_visitor(sharing);
}

#[test]
fn an_agent_who_leaves_its_session_while_the_server_drains_goes() {
    let mut w = World::strict();
    let (agent, visitor) = (w.signed_in(&Claims::agent("grace")), w.anonymous());
    let (_, _, key) = w.share(visitor);
    w.joined(agent, key);
    w.input(Input::Drain);
    w.leave(agent, None);
    w.closing(agent, CloseReason::Shutdown, true);
    assert!(!w.closed.contains_key(&visitor));
}

// Records.

#[test]
fn while_no_record_can_be_written_nothing_begins() {
    let mut w = World::strict();
    let (agent, other) =
        (w.signed_in(&Claims::agent("grace")), w.signed_in(&Claims::agent("joan")));
    let (visitor, sharing) = (w.proved_online("ada"), w.anonymous());
    let (start, _, key) = w.share(sharing);
    w.joined(other, key);
    w.input(Input::Records { healthy: false });
    w.start(visitor, StartBy::RandomKey);
    assert_eq!(w.refused(visitor), RefusalCode::Unavailable);
    w.ask(agent, "ada");
    assert_eq!(w.refused(agent), RefusalCode::Unavailable);
    w.join(agent, key);
    assert_eq!(w.refused(agent), RefusalCode::Unavailable);
    w.join(agent, wrong_key(1));
    assert_eq!(w.refused(agent), RefusalCode::Unavailable);
    assert_eq!((w.hub.stats().wrong_keys, w.hub.stats().refused_unrecorded), (0, 4));
    // What runs goes on, and may end.
    assert_eq!(w.hub.stats().sessions, 1);
    w.end_start(sharing, start);
    assert_eq!(w.hub.stats().sessions, 0);
    w.input(Input::Records { healthy: true });
    w.one_click(agent, visitor, "ada");
}

#[test]
fn a_yes_that_cannot_be_recorded_is_none() {
    let mut w = World::strict();
    let (agent, visitor) = (w.signed_in(&Claims::agent("grace")), w.proved_online("ada"));
    let ask = w.shown(agent, visitor, "ada");
    w.input(Input::Records { healthy: false });
    w.accept(visitor, AskId::new(1));
    assert_eq!(w.problem(visitor), RefusalCode::Unavailable);
    let other = w.proved_online("bob");
    w.accept(other, ask);
    assert_eq!(w.problem(other), RefusalCode::Unavailable);
    assert_eq!(w.hub.stats().asks, 1, "one was another request's, one another visitor's");
    w.accept(visitor, ask);
    let ServerMessage::TermsWithdrawn(_) = w.hear(visitor) else { panic!("not withdrawn") };
    assert_eq!(w.problem(visitor), RefusalCode::Unavailable);
    w.start(visitor, StartBy::VisitorId { ask });
    assert_eq!(w.refused(visitor), RefusalCode::Unavailable);
    let AgentNotice::AskEnded(it) = w.notice(agent) else { panic!("no outcome") };
    assert_eq!(it.outcome, AskOutcome::Lost);
    assert_eq!((w.hub.stats().sessions, w.hub.stats().asks), (0, 0));
    w.input(Input::Records { healthy: true });
    w.one_click(agent, visitor, "ada");
}

#[test]
fn an_accepted_session_whose_start_cannot_be_recorded_never_begins() {
    let mut w = World::strict();
    let (agent, visitor) = (w.signed_in(&Claims::agent("grace")), w.proved_online("ada"));
    let ask = w.shown(agent, visitor, "ada");
    w.accept(visitor, ask);
    w.input(Input::Records { healthy: false });
    w.start(visitor, StartBy::VisitorId { ask });
    assert_eq!(w.refused(visitor), RefusalCode::Unavailable);
    let kinds: Vec<_> = w.notices(agent).iter().map(Message::kind).collect();
    assert_eq!(kinds, ["ask_ended", "session_ended"]);
    assert_eq!((w.hub.stats().sessions, w.hub.stats().sessions_one_click), (0, 0));
    w.input(Input::Records { healthy: true });
    w.share(visitor);
}

#[test]
fn a_visitor_may_decline_and_leave_when_nothing_can_be_recorded() {
    let mut w = World::strict();
    let (agent, visitor) = (w.signed_in(&Claims::agent("grace")), w.proved_online("ada"));
    let ask = w.shown(agent, visitor, "ada");
    w.input(Input::Records { healthy: false });
    w.decline(visitor, ask);
    let AgentNotice::AskEnded(it) = w.notice(agent) else { panic!("no outcome") };
    assert_eq!(it.outcome, AskOutcome::Declined);
    w.bye(visitor);
    assert_eq!(w.hub.stats().visitors, 0);
}
