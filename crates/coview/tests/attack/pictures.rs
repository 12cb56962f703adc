//! Pieces of the picture where none may go: each test sends one, and looks at who gets it.

use coview_wire::MaskNotice;
use coview_wire::MaskState;
use coview_wire::SessionId;
use coview_wire::ViewerSays;
use coview_wire::ViewerSignal;
use serde_json::json;

use crate::raw::Raw;
use crate::raw::join;
use crate::raw::picture;
use crate::raw::share;
use crate::raw::visitor;
use crate::world::*;

const WHO: &str = "customer-42";

/// A visitor and an agent in a session; what is sent is seen.
fn sharing(world: &World) -> (Raw, Raw, u64) {
    let mut visitor = visitor(world.address, BANK);
    let (session, key) = share(&mut visitor, 1);
    let mut grace = world.agent(BANK, "grace");
    assert_eq!(grace.ask(join(&key))["t"], "joined");
    visitor.hear("session_guests");
    visitor.send(picture(session, &[1], b"\x03seen"));
    assert_eq!(grace.picture(), b"\x03seen");
    (visitor, grace, session)
}

#[test]
fn a_picture_before_consent_reaches_nobody_and_ends_the_sender() {
    let world = World::new();
    let mut visitor = world.online(BANK, WHO);
    let mut grace = world.agent(BANK, "grace");
    let ask = grace.ask(json!({"t": "ask", "visitor": WHO}))["ask"].clone();
    visitor.signal(json!({"t": "terms_displayed", "ask": ask}));
    visitor.send(picture(1, &[1], b"\x03before"));
    visitor.is_closed("protocol");
    grace.sees_nothing();
}

#[test]
fn a_picture_between_the_yes_and_the_session_reaches_nobody() {
    let world = World::new();
    let mut visitor = world.online(BANK, WHO);
    let mut grace = world.agent(BANK, "grace");
    let ask = grace.ask(json!({"t": "ask", "visitor": WHO}))["ask"].clone();
    visitor.signal(json!({"t": "terms_displayed", "ask": ask}));
    visitor.signal(json!({"t": "terms_accepted", "ask": ask}));
    let session = grace.hear("ask_ended")["session"].as_u64().unwrap();
    visitor.send(picture(session, &[1], b"\x03early"));
    visitor.is_closed("protocol");
    grace.sees_nothing();
}

#[test]
fn a_picture_of_somebody_who_never_said_hello_reaches_nobody() {
    let world = World::new();
    let (_visitor, mut grace, session) = sharing(&world);
    let mut stranger = world.connect();
    stranger.send(picture(session, &[1], b"\x03stranger"));
    stranger.is_closed("protocol");
    grace.sees_nothing();
}

#[test]
fn a_picture_after_the_end_reaches_nobody() {
    let world = World::new();
    let (mut visitor, mut grace, session) = sharing(&world);
    visitor.signal(json!({"t": "session_end", "start": 1}));
    visitor.send(picture(session, &[1], b"\x03late"));
    grace.hear("session_ended");
    visitor.settled();
    grace.sees_nothing();
    // Nor after the agent ended it, when the visitor may not know yet.
    let (mut visitor, mut grace, session) = sharing(&world);
    grace.signal(json!({"t": "end", "session": session}));
    grace.hear("session_ended");
    visitor.send(picture(session, &[1], b"\x03late"));
    visitor.settled();
    grace.sees_nothing();
}

#[test]
fn a_picture_after_the_agent_left_or_was_removed_reaches_it_no_more() {
    let world = World::new();
    let (mut visitor, mut grace, session) = sharing(&world);
    grace.signal(json!({"t": "leave", "session": session}));
    grace.settled();
    visitor.send(picture(session, &[1], b"\x03after"));
    visitor.settled();
    grace.sees_nothing();
}

#[test]
fn a_picture_into_the_session_of_somebody_else_ends_the_sender() {
    let world = World::new();
    let (_victim, mut grace, session) = sharing(&world);
    let mut mallory = visitor(world.address, BANK);
    let (own, _) = share(&mut mallory, 1);
    assert_ne!(own, session);
    mallory.send(picture(session, &[1], b"\x03foreign"));
    mallory.is_closed("protocol");
    grace.sees_nothing();
}

#[test]
fn a_picture_from_an_agent_reaches_nobody_and_ends_the_agent() {
    let world = World::new();
    let mut visitor = visitor(world.address, BANK);
    let (session, key) = share(&mut visitor, 1);
    let (mut grace, mut joan) = (world.agent(BANK, "grace"), world.agent(BANK, "joan"));
    grace.ask(join(&key));
    joan.ask(join(&key));
    joan.send(picture(session, &[1, 2], b"\x03forged"));
    joan.is_closed("protocol");
    grace.sees_nothing();
    // Nor does an agent say for the visitor that everything is covered.
    let masks =
        MaskNotice { session: SessionId::new(session), state: MaskState::Known { areas: 9 } };
    let mut kay = world.agent(BANK, "kay");
    kay.ask(join(&key));
    kay.send(masks.encode());
    kay.is_closed("protocol");
    grace.hears_no("session_ended");
}

#[test]
fn an_agent_who_waits_to_be_let_in_sees_and_says_nothing() {
    let world = World::with(|config| {
        config.hub.groups.values_mut().for_each(|group| group.confirm_join = true);
    });
    let mut visitor = visitor(world.address, BANK);
    let (session, key) = share(&mut visitor, 1);
    let mut mallory = world.agent(BANK, "mallory");
    assert_eq!(mallory.ask(join(&key))["t"], "join_waiting");
    visitor.hear("join_requested");
    // For any number it might get.
    for viewer in 0..4 {
        visitor.send(picture(session, &[viewer], b"\x03waiting"));
    }
    visitor.settled();
    mallory.sees_nothing();
    assert!(!mallory.told.contains("session"), "{}", mallory.told);
    let says = ViewerSays::Refresh;
    mallory.send(ViewerSignal { session: SessionId::new(session), says }.encode());
    mallory.is_closed("protocol");
    visitor.hear("join_withdrawn");
}

#[test]
fn a_viewer_of_one_session_says_nothing_to_another() {
    let world = World::new();
    let (mut victim, _grace, session) = sharing(&world);
    let mut joan = world.agent(BANK, "joan");
    let says = ViewerSays::Refresh;
    joan.send(ViewerSignal { session: SessionId::new(session), says }.encode());
    joan.is_closed("protocol");
    // What the visitor heard until now is of grace alone: that she joined.
    victim.hears_no("session_ended");
}
