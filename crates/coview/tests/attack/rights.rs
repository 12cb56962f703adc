//! Agents who do more than their token allows.

use coview_wire::AgentRights;
use coview_wire::VisitorId;
use serde_json::json;

use crate::raw::code;
use crate::raw::join;
use crate::raw::share;
use crate::raw::visitor;
use crate::world::*;

#[test]
fn an_agent_for_some_visitors_has_no_others() {
    let world = World::new();
    let mut own = world.online(BANK, "customer-1");
    let mut other = world.online(BANK, "customer-2");
    let (_, key) = share(&mut other, 1);
    let visitors = Some(vec![VisitorId::new("customer-1").unwrap()]);
    let rights = AgentRights { visitors, ..AgentRights::default() };
    let mut mallory = world.agent_with(BANK, "mallory", rights);
    let roster = mallory.ask(json!({"t": "watch"}));
    assert_eq!(roster["visitors"].as_array().unwrap().len(), 1, "{roster}");
    // The answers are the same for a visitor who is online and one who does not exist.
    for who in ["customer-2", "nobody"] {
        assert_eq!(code(&mallory.ask(json!({"t": "watch", "visitor": who}))), "not_allowed");
        assert_eq!(code(&mallory.ask(json!({"t": "ask", "visitor": who}))), "not_allowed");
    }
    // The right key of somebody else is a wrong key, and counts as one; so is an anonymous one's.
    let (_, anonymous) = share(&mut visitor(world.address, BANK), 1);
    for key in [&key, &anonymous, &key, &anonymous, &key] {
        assert_eq!(code(&mallory.ask(join(key))), "no_such_key");
    }
    assert_eq!(code(&mallory.ask(join(&key))), "too_many_tries");
    assert!(!mallory.told.contains("customer-2"), "{}", mallory.told);
    assert_eq!(mallory.ask(json!({"t": "ask", "visitor": "customer-1"}))["t"], "asked");
    own.hear("terms_requested");
    other.hears_no("session_guests");
}

#[test]
fn an_agent_who_may_only_view_ends_nothing_and_removes_nobody() {
    let world = World::new();
    let mut victim = visitor(world.address, BANK);
    let (session, key) = share(&mut victim, 1);
    let mut grace = world.agent(BANK, "grace");
    grace.ask(join(&key));
    let rights = AgentRights { view_only: true, ..AgentRights::default() };
    let mut mallory = world.agent_with(BANK, "mallory", rights);
    assert_eq!(mallory.ask(join(&key))["t"], "joined");
    mallory.signal(json!({"t": "end", "session": session}));
    assert_eq!(code(&mallory.hear("problem")), "not_allowed");
    mallory.signal(json!({"t": "eject", "session": session, "agent": "grace"}));
    assert_eq!(code(&mallory.hear("problem")), "not_allowed");
    grace.hears_no("session_ended");
    victim.hears_no("session_ended");
}

#[test]
fn an_agent_without_keys_joins_with_none() {
    let world = World::new();
    let (_, key) = share(&mut visitor(world.address, BANK), 1);
    let rights = AgentRights { manual_keys: false, ..AgentRights::default() };
    let mut mallory = world.agent_with(BANK, "mallory", rights);
    assert_eq!(code(&mallory.ask(join(&key))), "not_allowed");
}

#[test]
fn a_newer_token_with_fewer_rights_takes_the_others_away() {
    let world = World::new();
    let (_, key) = share(&mut visitor(world.address, BANK), 1);
    let mut mallory = world.agent(BANK, "mallory");
    let rights = AgentRights { manual_keys: false, ..AgentRights::default() };
    let token = world.token(BANK, "mallory", |claims| claims.with_rights(rights));
    assert_eq!(mallory.ask(json!({"t": "renew", "token": token}))["t"], "renewed");
    assert_eq!(code(&mallory.ask(join(&key))), "not_allowed");
}
