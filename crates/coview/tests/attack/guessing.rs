//! Keys guessed at speed: by one agent, by many, from many addresses.

use std::net::IpAddr;
use std::net::Ipv4Addr;

use coview_server::ServerConfig;
use serde_json::Value;

use crate::raw::Raw;
use crate::raw::code;
use crate::raw::join;
use crate::raw::share;
use crate::raw::sign_in;
use crate::raw::visitor;
use crate::raw::wrong_key;
use crate::world::*;

/// A server behind a proxy on this machine, so that agents may come from anywhere.
fn behind_a_proxy(change: impl FnOnce(&mut ServerConfig)) -> World {
    World::with(|config| {
        config.proxy.trusted = vec!["127.0.0.0/8".parse().unwrap()];
        change(config);
    })
}

fn agent_from(world: &World, name: &str, address: IpAddr) -> Raw {
    let mut raw = Raw::from(world.address, address);
    raw.say(&sign_in(BANK, &world.token(BANK, name, |claims| claims)));
    raw.hear("signed_in");
    raw
}

/// Tries wrong keys until it is told to wait; how many it tried, and the last answer.
fn guess(agent: &mut Raw, key: &str, first: u64, most: u64) -> (u64, Value) {
    for number in 0..most {
        let answer = agent.ask(join(&wrong_key(key, first + number)));
        if code(&answer) != "no_such_key" {
            return (number, answer);
        }
    }
    panic!("{most} guesses are free");
}

#[test]
fn one_agent_guesses_at_speed_and_waits_after_five() {
    let world = World::new();
    let mut victim = visitor(world.address, BANK);
    let (_, key) = share(&mut victim, 1);
    let mut mallory = world.agent(BANK, "mallory");
    let (tried, answer) = guess(&mut mallory, &key, 0, 100);
    assert_eq!((tried, code(&answer)), (5, "too_many_tries"));
    let wait = answer["retry_ms"].as_u64().unwrap();
    assert!((1..=30_000).contains(&wait), "{answer}");
    // The right key is no better now, nor a new connection, nor a new token.
    assert_eq!(code(&mallory.ask(join(&key))), "too_many_tries");
    drop(mallory);
    let mut mallory = world.agent(BANK, "mallory");
    assert_eq!(code(&mallory.ask(join(&key))), "too_many_tries");
    // A flood of tries is answered and changes nothing.
    for number in 0..200 {
        let answer = mallory.ask(join(&wrong_key(&key, number)));
        assert_eq!(code(&answer), "too_many_tries");
        assert!(answer["retry_ms"].as_u64().unwrap() <= 30_000, "asking costs no more: {answer}");
    }
    // Somebody else is not kept out by it.
    let answer = world.agent(BANK, "grace").ask(join(&key));
    assert!(["joined", "join_waiting"].contains(&answer["t"].as_str().unwrap()), "{answer}");
}

#[test]
fn one_agent_on_many_connections_has_no_more_tries_than_on_one() {
    let world = World::new();
    let (_, key) = share(&mut visitor(world.address, BANK), 1);
    let mut connections: Vec<Raw> = (0..8).map(|_| world.agent(BANK, "mallory")).collect();
    let mut tried = 0;
    for (number, agent) in (0..).zip(&mut connections) {
        let answer = agent.ask(join(&wrong_key(&key, number)));
        tried += u64::from(code(&answer) == "no_such_key");
    }
    assert_eq!(tried, 5);
}

#[test]
fn many_agents_of_one_address_share_its_tries() {
    let world = behind_a_proxy(|_| {});
    let (_, key) = share(&mut visitor(world.address, BANK), 1);
    let office = Ipv4Addr::new(192, 0, 2, 1).into();
    let mut tried = 0;
    for number in 0..30 {
        let mut agent = agent_from(&world, &format!("mallory-{number}"), office);
        let (free, answer) = guess(&mut agent, &key, number * 10, 10);
        assert_eq!(code(&answer), "too_many_tries");
        tried += free;
    }
    assert_eq!(tried, 60, "in all");
    // Whoever sits elsewhere is not kept out by it.
    let mut grace = agent_from(&world, "grace", Ipv4Addr::new(198, 51, 100, 1).into());
    let answer = grace.ask(join(&key));
    assert!(["joined", "join_waiting"].contains(&answer["t"].as_str().unwrap()), "{answer}");
}

#[test]
fn many_agents_of_many_addresses_get_in_nowhere_unasked() {
    // Keys of six digits, so that few guesses are many.
    let world = behind_a_proxy(|config| {
        let bank = config.hub.groups.get_mut(&group_id(BANK)).unwrap();
        bank.key_digits = coview_wire::KeyLength::new(6).unwrap();
        assert!(!bank.confirm_join, "nobody is asked, as the group is configured");
    });
    let mut victim = visitor(world.address, BANK);
    let (_, key) = share(&mut victim, 1);
    let mut last = None;
    for number in 0..20_u8 {
        let address = Ipv4Addr::new(203, 0, 113, number).into();
        let mut agent = agent_from(&world, &format!("mallory-{number}"), address);
        let answer = agent.ask(join(&wrong_key(&key, u64::from(number))));
        assert_eq!(code(&answer), "no_such_key");
        last = Some(agent);
    }
    // The guess that hits shows the visitor a name, and nobody anything else.
    let mut lucky = last.unwrap();
    assert_eq!(lucky.ask(join(&key))["t"], "join_waiting");
    assert_eq!(victim.hear("join_requested")["agent"]["name"], "mallory-19 of 12345");
    lucky.sees_nothing();
    assert!(!lucky.told.contains("joined"), "{}", lucky.told);
}

#[test]
fn many_agents_of_many_addresses_are_stopped_at_the_cap_of_the_group() {
    let world = behind_a_proxy(|config| config.hub.policy.key_tries_group = 40);
    let (_, key) = share(&mut visitor(world.address, BANK), 1);
    let mut tried = 0;
    for number in 0..60_u8 {
        let address = Ipv4Addr::new(203, 0, 113, number).into();
        let mut agent = agent_from(&world, &format!("mallory-{number}"), address);
        let answer = agent.ask(join(&wrong_key(&key, u64::from(number))));
        tried += u32::from(code(&answer) == "no_such_key");
    }
    assert_eq!(tried, 40);
    // The other group does not notice.
    let (_, key) = share(&mut visitor(world.address, SHOP), 1);
    assert_eq!(world.agent(SHOP, "grace").ask(join(&key))["t"], "joined");
}

#[test]
fn a_mistyped_key_is_no_try_and_tells_nothing() {
    let world = World::new();
    let (_, key) = share(&mut visitor(world.address, BANK), 1);
    let mut grace = world.agent(BANK, "grace");
    let last = key.as_bytes()[key.len() - 1];
    for other in (b'0'..=b'9').filter(|digit| *digit != last) {
        let mistyped = format!("{}{}", &key[..key.len() - 1], char::from(other));
        assert_eq!(code(&grace.ask(join(&mistyped))), "malformed");
    }
    assert_eq!(grace.ask(join(&key))["t"], "joined");
}
