//! Consent that nobody gave: answers to what was never asked, twice, or too late.

use serde_json::Value;
use serde_json::json;

use crate::raw::Raw;
use crate::raw::code;
use crate::raw::join;
use crate::raw::picture;
use crate::raw::share;
use crate::raw::visitor;
use crate::world::*;

const WHO: &str = "customer-42";

fn start(ask: &Value) -> Value {
    json!({"t": "session_start", "start": 1, "by": "visitor_id", "ask": ask})
}

/// A visitor online, and an agent who has asked; the number of the request.
fn asked(world: &World) -> (Raw, Raw, Value) {
    let mut visitor = world.online(BANK, WHO);
    let mut grace = world.agent(BANK, "grace");
    let ask = grace.ask(json!({"t": "ask", "visitor": WHO}))["ask"].clone();
    visitor.hear("terms_requested");
    (visitor, grace, ask)
}

/// Nothing was begun, for nobody.
#[track_caller]
fn nothing_began(visitor: &mut Raw, grace: &mut Raw) {
    grace.hears_no("joined");
    visitor.hears_no("session_connected");
}

#[test]
fn accepting_a_request_never_made_begins_nothing() {
    let world = World::new();
    let mut visitor = world.online(BANK, WHO);
    let mut grace = world.agent(BANK, "grace");
    for ask in [0, 1, 2, 7, 1_u64 << 40] {
        visitor.signal(json!({"t": "terms_displayed", "ask": ask}));
        visitor.signal(json!({"t": "terms_accepted", "ask": ask}));
        let answer = visitor.ask(start(&json!(ask)));
        assert!(["terms_over", "illegal_order"].contains(&code(&answer)), "{answer}");
    }
    nothing_began(&mut visitor, &mut grace);
}

#[test]
fn accepting_what_was_never_displayed_begins_nothing() {
    let world = World::new();
    let (mut visitor, mut grace, ask) = asked(&world);
    visitor.signal(json!({"t": "terms_accepted", "ask": ask}));
    assert_eq!(code(&visitor.hear("problem")), "illegal_order");
    let answer = visitor.ask(start(&ask));
    assert!(["terms_over", "illegal_order"].contains(&code(&answer)), "{answer}");
    grace.hears_no("ask_ended");
    nothing_began(&mut visitor, &mut grace);
}

#[test]
fn starting_without_an_acceptance_begins_nothing() {
    let world = World::new();
    let (mut visitor, mut grace, ask) = asked(&world);
    visitor.signal(json!({"t": "terms_displayed", "ask": ask}));
    let answer = visitor.ask(start(&ask));
    assert!(["terms_over", "illegal_order"].contains(&code(&answer)), "{answer}");
    nothing_began(&mut visitor, &mut grace);
}

#[test]
fn accepting_twice_begins_one_session() {
    let world = World::new();
    let (mut visitor, mut grace, ask) = asked(&world);
    visitor.signal(json!({"t": "terms_displayed", "ask": ask}));
    visitor.signal(json!({"t": "terms_accepted", "ask": ask}));
    visitor.signal(json!({"t": "terms_accepted", "ask": ask}));
    let connected = visitor.ask(start(&ask));
    assert_eq!(connected["t"], "session_connected", "{connected}");
    assert_eq!(connected["key"], Value::Null, "no key is ever made");
    visitor.signal(json!({"t": "terms_accepted", "ask": ask}));
    let again =
        visitor.ask(json!({"t": "session_start", "start": 2, "by": "visitor_id", "ask": ask}));
    code(&again);
    let joined = grace.hear("joined");
    assert_eq!(joined["session"], connected["session"]);
    grace.hears_no("joined");
    // When it is over the same yes begins no other.
    visitor.signal(json!({"t": "session_end", "start": 1}));
    grace.hear("session_ended");
    let again =
        visitor.ask(json!({"t": "session_start", "start": 3, "by": "visitor_id", "ask": ask}));
    assert_eq!(code(&again), "terms_over");
    nothing_began(&mut visitor, &mut grace);
}

#[test]
fn accepting_after_the_agent_withdrew_begins_nothing() {
    let world = World::new();
    let (mut visitor, mut grace, ask) = asked(&world);
    visitor.signal(json!({"t": "terms_displayed", "ask": ask}));
    grace.hear("terms_displayed");
    grace.signal(json!({"t": "withdraw", "ask": ask}));
    assert_eq!(grace.hear("ask_ended")["outcome"], "withdrawn");
    visitor.hear("terms_withdrawn");
    visitor.signal(json!({"t": "terms_accepted", "ask": ask}));
    assert_eq!(code(&visitor.ask(start(&ask))), "terms_over");
    nothing_began(&mut visitor, &mut grace);
}

#[test]
fn accepting_after_declining_begins_nothing() {
    let world = World::new();
    let (mut visitor, mut grace, ask) = asked(&world);
    visitor.signal(json!({"t": "terms_displayed", "ask": ask}));
    visitor.signal(json!({"t": "terms_declined", "ask": ask}));
    assert_eq!(grace.hear("ask_ended")["outcome"], "declined");
    visitor.signal(json!({"t": "terms_accepted", "ask": ask}));
    assert_eq!(code(&visitor.ask(start(&ask))), "terms_over");
    nothing_began(&mut visitor, &mut grace);
}

#[test]
fn nobody_answers_for_the_visitor_who_was_asked() {
    let world = World::new();
    let (mut visitor, mut grace, ask) = asked(&world);
    visitor.signal(json!({"t": "terms_displayed", "ask": ask}));
    grace.hear("terms_displayed");
    let others = [world.online(BANK, "mallory"), world.online(BANK, WHO), world.online(SHOP, WHO)];
    for mut other in others {
        other.signal(json!({"t": "terms_accepted", "ask": ask}));
        assert!(["terms_over", "illegal_order"].contains(&code(&other.ask(start(&ask)))));
    }
    // Nor does the agent, who speaks another language.
    grace.signal(json!({"t": "terms_accepted", "ask": ask}));
    assert_eq!(code(&grace.hear("problem")), "unknown_type");
    grace.hears_no("ask_ended");
    nothing_began(&mut visitor, &mut grace);
}

/// A group in which the visitor confirms who joins.
fn confirming() -> World {
    World::with(|config| {
        config.hub.groups.values_mut().for_each(|group| group.confirm_join = true);
    })
}

#[test]
fn confirming_a_join_that_never_was_lets_nobody_in() {
    let world = confirming();
    let mut visitor = visitor(world.address, BANK);
    let (session, key) = share(&mut visitor, 1);
    for number in [0, 1, 2, 7, 1_u64 << 40] {
        visitor.signal(json!({"t": "join_confirmed", "join": number}));
    }
    let mut grace = world.agent(BANK, "grace");
    assert_eq!(grace.ask(join(&key))["t"], "join_waiting");
    let asked = visitor.hear("join_requested");
    assert_eq!(asked["agent"]["name"], "grace of 12345", "the name of the token");
    let number = asked["join"].as_u64().unwrap();
    visitor.signal(json!({"t": "join_confirmed", "join": number + 1}));
    visitor.send(picture(session, &[1], b"\x03early"));
    visitor.settled();
    grace.hears_no("joined");
    grace.sees_nothing();
}

#[test]
fn an_agent_does_not_confirm_its_own_join() {
    let world = confirming();
    let mut visitor = visitor(world.address, BANK);
    let (_, key) = share(&mut visitor, 1);
    let mut grace = world.agent(BANK, "grace");
    grace.ask(join(&key));
    let number = visitor.hear("join_requested")["join"].clone();
    grace.signal(json!({"t": "join_confirmed", "join": number}));
    assert_eq!(code(&grace.hear("problem")), "unknown_type");
    let mut other = world.online(BANK, "mallory");
    other.signal(json!({"t": "join_confirmed", "join": number}));
    other.settled();
    grace.hears_no("joined");
}

#[test]
fn whoever_was_kept_out_stays_out_and_the_key_is_burned() {
    let world = confirming();
    let mut visitor = visitor(world.address, BANK);
    let (_, key) = share(&mut visitor, 1);
    let mut mallory = world.agent(BANK, "mallory");
    assert_eq!(mallory.ask(join(&key))["t"], "join_waiting");
    let number = visitor.hear("join_requested")["join"].clone();
    visitor.signal(json!({"t": "join_declined", "join": number}));
    assert_eq!(code(&mallory.hear("refused")), "join_declined");
    assert_eq!(visitor.hear("session_ended")["reason"], "key_burned");
    for name in ["mallory", "grace"] {
        assert_eq!(code(&world.agent(BANK, name).ask(join(&key))), "no_such_key");
    }
    // A yes after the no.
    visitor.signal(json!({"t": "join_confirmed", "join": number}));
    visitor.settled();
    mallory.hears_no("joined");
}

#[test]
fn an_agent_who_was_removed_does_not_come_back_with_the_same_key() {
    let world = World::new();
    let mut visitor = visitor(world.address, BANK);
    let (session, key) = share(&mut visitor, 1);
    let (mut grace, mut mallory) = (world.agent(BANK, "grace"), world.agent(BANK, "mallory"));
    assert_eq!(grace.ask(join(&key))["t"], "joined");
    assert_eq!(mallory.ask(join(&key))["t"], "joined");
    grace.signal(json!({"t": "eject", "session": session, "agent": "mallory"}));
    assert_eq!(mallory.hear("session_ended")["reason"], "ejected");
    assert_eq!(code(&mallory.ask(join(&key))), "no_such_key");
    // Nor on another connection, with a newer token.
    assert_eq!(code(&world.agent(BANK, "mallory").ask(join(&key))), "no_such_key");
    visitor.send(picture(session, &[1, 2, 3], b"\x03for grace"));
    assert_eq!(grace.picture(), b"\x03for grace");
    mallory.sees_nothing();
}
