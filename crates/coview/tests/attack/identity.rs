//! Being somebody else: by knowing a visitor id, by being there first, by stealing a secret.

use coview_token::Algorithm;
use coview_token::SigningKey;
use coview_wire::UnixTime;
use serde_json::json;

use crate::raw::Raw;
use crate::raw::code;
use crate::raw::hello;
use crate::raw::identify;
use crate::raw::resume;
use crate::raw::share;
use crate::raw::visitor;
use crate::world::*;

const VICTIM: &str = "customer-42";

/// Tries everything that somebody who knows the id may try, on one connection: each is refused, and
/// the attacker stays anonymous and unseen.
#[track_caller]
fn rejected(world: &World, raw: &mut Raw) {
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let forged = visitor_claims(BANK, VICTIM).sign(&stranger, now(), QUARTER).unwrap();
    let hours_ago = UnixTime::new(now().get() - 7_200);
    let expired =
        visitor_claims(BANK, VICTIM).sign(&world.backend.visitors, hours_ago, QUARTER).unwrap();
    for (assertion, says) in [
        (None, "assertion_needed"),
        (Some(forged.expose_secret().to_owned()), "bad_assertion"),
        (Some(expired.expose_secret().to_owned()), "token_expired"),
        (Some(world.assertion(BANK, "mallory")), "bad_assertion"),
        (Some(world.assertion(SHOP, VICTIM)), "bad_assertion"),
        (Some(world.token(BANK, VICTIM, |claims| claims)), "bad_assertion"),
        (Some(VICTIM.to_owned()), "bad_assertion"),
    ] {
        let answer = raw.ask(identify(VICTIM, assertion.as_deref()));
        assert_eq!(code(&answer), says);
        assert_eq!(code(&raw.ask(json!({"t": "presence_connect"}))), "illegal_order");
    }
}

#[test]
fn takeover_after_the_victim_came_online() {
    let world = World::new();
    let mut grace = world.agent(BANK, "grace");
    grace.ask(json!({"t": "watch"}));
    let mut victim = world.online(BANK, VICTIM);
    grace.hear("visitor_online");
    rejected(&world, &mut visitor(world.address, BANK));
    // The victim noticed nothing, and is the one who is asked.
    victim.hears_no("presence_focus");
    assert_eq!(grace.ask(json!({"t": "ask", "visitor": VICTIM}))["t"], "asked");
    victim.hear("terms_requested");
}

#[test]
fn takeover_before_the_victim_came() {
    let world = World::new();
    let mut grace = world.agent(BANK, "grace");
    grace.ask(json!({"t": "watch"}));
    let mut mallory = visitor(world.address, BANK);
    rejected(&world, &mut mallory);
    assert_eq!(code(&grace.ask(json!({"t": "ask", "visitor": VICTIM}))), "not_online");
    let mut victim = world.online(BANK, VICTIM);
    assert_eq!(grace.ask(json!({"t": "ask", "visitor": VICTIM}))["t"], "asked");
    victim.hear("terms_requested");
    mallory.hears_no("terms_requested");
}

#[test]
fn takeover_between_the_victims_identify_and_its_presence() {
    let world = World::new();
    let mut victim = world.identified(BANK, VICTIM);
    rejected(&world, &mut visitor(world.address, BANK));
    assert_eq!(victim.ask(json!({"t": "presence_connect"}))["focused"], true);
}

#[test]
fn takeover_while_the_victims_connection_is_broken() {
    let world = World::new();
    let mut raw = Raw::connect(world.address);
    raw.say(&hello(BANK));
    let secret = raw.hear("welcome")["secret"].clone();
    raw.ask(identify(VICTIM, Some(&world.assertion(BANK, VICTIM))));
    raw.ask(json!({"t": "presence_connect"}));
    let (session, _) = share(&mut raw, 1);
    drop(raw);
    rejected(&world, &mut visitor(world.address, BANK));
    let mut back = Raw::connect(world.address);
    back.say(&resume(BANK, &secret));
    let snapshot = back.hear("resumed")["snapshot"].clone();
    assert_eq!(snapshot["visitor"], VICTIM);
    assert_eq!(snapshot["session"]["session"], session);
}

#[test]
fn takeover_after_the_victim_logged_out_or_left() {
    let world = World::new();
    let mut victim = world.identified(BANK, VICTIM);
    victim.signal(json!({"t": "log_out"}));
    victim.settled();
    rejected(&world, &mut visitor(world.address, BANK));
    rejected(&world, &mut victim);
    let mut victim = world.online(BANK, VICTIM);
    victim.say(&json!({"t": "bye"}));
    victim.is_closed("left");
    rejected(&world, &mut visitor(world.address, BANK));
}

#[test]
fn an_assertion_for_one_use_is_replayed_in_vain() {
    let world = World::new();
    let claims = visitor_claims(BANK, VICTIM).once();
    let once = claims.sign(&world.backend.visitors, now(), QUARTER).unwrap();
    let mut victim = visitor(world.address, BANK);
    let answer = victim.ask(identify(VICTIM, Some(once.expose_secret())));
    assert_eq!(answer["t"], "identified");
    let mut mallory = visitor(world.address, BANK);
    let answer = mallory.ask(identify(VICTIM, Some(once.expose_secret())));
    assert_eq!(code(&answer), "token_used");
}

/// The three outcomes of the same id on a second device, one after the other.
#[test]
fn the_same_id_on_a_second_device_resumes_is_handed_over_or_is_rejected() {
    let world = World::new();
    let mut first = Raw::connect(world.address);
    first.say(&hello(BANK));
    let secret = first.hear("welcome")["secret"].clone();
    first.ask(identify(VICTIM, Some(&world.assertion(BANK, VICTIM))));
    let presence = first.ask(json!({"t": "presence_connect"}))["presence"].clone();

    // Rejected: it has neither.
    rejected(&world, &mut visitor(world.address, BANK));
    first.hears_no("presence_focus");

    // Handed over: it has a good assertion. The older one is told and stays online.
    let mut second = world.online(BANK, VICTIM);
    let focus = first.hear("presence_focus");
    assert_eq!((&focus["presence"], &focus["focused"]), (&presence, &json!(false)));
    let mut grace = world.agent(BANK, "grace");
    grace.ask(json!({"t": "ask", "visitor": VICTIM}));
    second.hear("terms_requested");
    first.hears_no("terms_requested");

    // Resumed: it has the secret. It is the first, which is told so.
    let mut third = Raw::connect(world.address);
    third.say(&resume(BANK, &secret));
    let snapshot = third.hear("resumed")["snapshot"].clone();
    assert_eq!(snapshot["presence"]["presence"], presence);
    first.is_closed("superseded");
}

#[test]
fn a_stolen_id_without_the_secret_resumes_nothing() {
    let world = World::new();
    let mut victim = Raw::connect(world.address);
    victim.say(&hello(BANK));
    let secret = victim.hear("welcome")["secret"].as_str().unwrap().to_owned();
    victim.ask(identify(VICTIM, Some(&world.assertion(BANK, VICTIM))));
    let (session, key) = share(&mut victim, 1);
    let mut almost = secret.clone();
    let last = almost.pop().unwrap();
    almost.push(if last == 'A' { 'B' } else { 'A' });
    let session = session.to_string();
    let (upper, longer) = (secret.to_uppercase(), format!("{secret}A"));
    for guess in [VICTIM, &session, &key, &almost, &longer, &upper, &secret[1..], "A"] {
        let mut mallory = Raw::connect(world.address);
        mallory.say(&resume(BANK, &json!(guess)));
        assert_eq!(code(&mallory.hear("refused")), "resume_failed");
        // What is left is to be nobody.
        mallory.say(&hello(BANK));
        mallory.hear("welcome");
        assert!(!mallory.told.contains(VICTIM));
    }
    victim.hears_no("closing");
}

#[test]
fn a_secret_is_of_no_use_in_another_group_or_another_role() {
    let world = World::new();
    let mut victim = Raw::connect(world.address);
    victim.say(&hello(BANK));
    let secret = victim.hear("welcome")["secret"].clone();
    let mut elsewhere = Raw::connect(world.address);
    elsewhere.say(&resume(SHOP, &secret));
    assert_eq!(code(&elsewhere.hear("refused")), "resume_failed");
    // It opens the one place it was given for, which is no agent's.
    let mut own = Raw::connect(world.address);
    own.say(&resume(BANK, &secret));
    own.hear("resumed");
    assert_eq!(code(&own.ask(json!({"t": "watch"}))), "unknown_type");
}
