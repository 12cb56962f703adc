//! From one group into another: everything an agent or a visitor of the shop can say about the bank.

use coview_wire::SessionId;
use coview_wire::ViewerSays;
use coview_wire::ViewerSignal;
use serde_json::json;

use crate::raw::Raw;
use crate::raw::code;
use crate::raw::hello;
use crate::raw::identify;
use crate::raw::join;
use crate::raw::picture;
use crate::raw::resume;
use crate::raw::share;
use crate::raw::sign_in;
use crate::raw::visitor;
use crate::world::*;

const WHO: &str = "customer-of-the-bank";

#[test]
fn an_agent_of_another_group_sees_asks_joins_ends_and_removes_nobody() {
    let world = World::new();
    let mut mallory = world.agent(SHOP, "mallory");
    mallory.ask(json!({"t": "watch"}));
    let mut victim = world.online(BANK, WHO);
    let (session, key) = share(&mut victim, 1);
    let mut grace = world.agent(BANK, "grace");
    assert_eq!(grace.ask(join(&key))["t"], "joined");

    assert_eq!(mallory.ask(json!({"t": "watch", "visitor": WHO}))["visitors"], json!([]));
    assert_eq!(code(&mallory.ask(json!({"t": "ask", "visitor": WHO}))), "not_online");
    assert_eq!(code(&mallory.ask(join(&key))), "no_such_key");
    mallory.signal(json!({"t": "end", "session": session}));
    mallory.signal(json!({"t": "leave", "session": session}));
    mallory.signal(json!({"t": "eject", "session": session, "agent": "grace"}));
    let heard = mallory.settled();
    assert!(!format!("{heard:?}").contains("visitor_online"), "{heard:?}");
    grace.hears_no("session_ended");
    victim.hears_no("session_ended");
    assert!(!mallory.told.contains(WHO), "{}", mallory.told);

    mallory.send(
        ViewerSignal { session: SessionId::new(session), says: ViewerSays::Refresh }.encode(),
    );
    mallory.is_closed("protocol");
    grace.hears_no("session_ended");
}

#[test]
fn the_same_agent_id_in_two_groups_is_two_agents() {
    let world = World::new();
    let mut victim = visitor(world.address, BANK);
    let (session, key) = share(&mut victim, 1);
    let mut grace = world.agent(BANK, "grace");
    assert_eq!(grace.ask(join(&key))["t"], "joined");
    let mut other = world.agent(SHOP, "grace");
    other.signal(json!({"t": "leave", "session": session}));
    other.signal(json!({"t": "end", "session": session}));
    other.settled();
    grace.hears_no("session_ended");
    victim.send(picture(session, &[1], b"\x03for the bank"));
    assert_eq!(grace.picture(), b"\x03for the bank");
    other.sees_nothing();
}

#[test]
fn the_same_visitor_id_in_two_groups_is_two_people() {
    let world = World::new();
    let mut victim = world.online(BANK, WHO);
    let mut other = world.online(SHOP, WHO);
    victim.hears_no("presence_focus");
    let mut grace = world.agent(BANK, "grace");
    assert_eq!(grace.ask(json!({"t": "ask", "visitor": WHO}))["t"], "asked");
    assert_eq!(victim.hear("terms_requested")["terms"]["text"], "The terms of 12345.");
    other.hears_no("terms_requested");
}

#[test]
fn proofs_and_secrets_of_one_group_are_nothing_in_another() {
    let world = World::new();
    let mut raw = Raw::connect(world.address);
    raw.say(&hello(BANK));
    let secret = raw.hear("welcome")["secret"].clone();
    let mut agent = world.connect();
    agent.say(&sign_in(BANK, &world.token(BANK, "grace", |claims| claims)));
    let agent_secret = agent.hear("signed_in")["secret"].clone();
    for secret in [secret, agent_secret] {
        let mut mallory = world.connect();
        mallory.say(&resume(SHOP, &secret));
        assert_eq!(code(&mallory.hear("refused")), "resume_failed");
    }
    let mut mallory = visitor(world.address, SHOP);
    let answer = mallory.ask(identify(WHO, Some(&world.assertion(BANK, WHO))));
    assert_eq!(code(&answer), "bad_assertion");
}

#[test]
fn a_picture_into_a_session_of_another_group_ends_the_sender() {
    let world = World::new();
    let mut victim = visitor(world.address, BANK);
    let (session, key) = share(&mut victim, 1);
    let mut grace = world.agent(BANK, "grace");
    grace.ask(join(&key));
    // The numbers of the sessions differ, or they would tell nothing.
    let mut mallory = visitor(world.address, SHOP);
    let (own, _) = share(&mut mallory, 1);
    let mut next = own;
    for start in 2..40 {
        if next != session {
            break;
        }
        mallory.signal(json!({"t": "session_end", "start": start - 1}));
        (next, _) = share(&mut mallory, start);
    }
    assert_ne!(next, session);
    mallory.send(picture(session, &[1], b"\x03from the shop"));
    mallory.rest();
    grace.sees_nothing();
    grace.hears_no("session_ended");
}

#[test]
fn nobody_changes_the_group_of_a_connection() {
    let world = World::new();
    let mut raw = visitor(world.address, SHOP);
    raw.say(&hello(BANK));
    assert_eq!(code(&raw.hear("refused")), "illegal_order");
    let mut agent = world.agent(SHOP, "mallory");
    agent.say(&sign_in(BANK, &world.token(BANK, "grace", |claims| claims)));
    assert_eq!(code(&agent.hear("refused")), "illegal_order");
    let answer =
        raw.ask(json!({"t": "session_start", "start": 1, "by": "random_key", "group": BANK}));
    let key = answer["key"].as_str().unwrap().to_owned();
    assert_eq!(code(&world.agent(BANK, "grace").ask(join(&key))), "no_such_key");
}
