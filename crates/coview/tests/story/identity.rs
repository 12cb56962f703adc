//! 3. Identity after login.

use coview::IdError;
use coview::Identity;
use coview::Profile;
use coview::StateKind;
use coview::VisitorId;
use serde_json::json;

use crate::raw::Raw;
use crate::world::*;

#[test]
fn story_03_identify_after_login_and_another_only_after_log_out() {
    story(async {
        let world = World::new();
        let visitor = world.identified("customer-42").await;
        assert_eq!(visitor.state(), StateKind::Identified);
        assert_eq!(visitor.visitor_id().as_str(), "customer-42");
        assert_eq!(visitor.group().as_str(), GROUP, "the group of the connection, and no other");

        let visitor = visitor.log_out();
        assert_eq!(visitor.state(), StateKind::Anonymous);
        let visitor = identify(visitor, "customer-43").await;
        assert_eq!(visitor.visitor_id().as_str(), "customer-43");

        // The server knows it, too: whoever watches sees the second id and never the first.
        let ada = world.watcher("ada").await;
        let visitor = go_online(visitor).await;
        let ada = sees(ada, "customer-43 online", "customer-43", |_| true).await;
        assert_eq!(ada.roster().len(), 1);
        drop((visitor, ada));
        world.stop().await;
    });
}

#[test]
fn story_03_second_identity_without_log_out_is_refused_by_the_server() {
    story(async {
        let world = World::new();
        let mut raw = Raw::visitor(world.address).await;
        raw.say(json!({ "t": "identify", "re": 1, "visitor": "customer-42" })).await;
        assert_eq!(raw.hear("identified").await["visitor"], "customer-42");
        raw.say(json!({ "t": "identify", "re": 2, "visitor": "customer-43" })).await;
        assert_eq!(raw.hear("refused").await["code"], "already_identified");
        // Saying the same again is no harm.
        raw.say(json!({ "t": "identify", "re": 3, "visitor": "customer-42" })).await;
        assert_eq!(raw.hear("identified").await["visitor"], "customer-42");
        raw.say(json!({ "t": "log_out", "re": 4 })).await;
        raw.say(json!({ "t": "identify", "re": 5, "visitor": "customer-43" })).await;
        assert_eq!(raw.hear("identified").await["visitor"], "customer-43");
        // A group in the message is not looked at: there is no such parameter.
        raw.say(json!({ "t": "log_out", "re": 6 })).await;
        raw.say(json!({ "t": "identify", "re": 7, "visitor": "c", "group": CLOSED_GROUP })).await;
        raw.hear("identified").await;
        raw.say(json!({ "t": "presence_connect", "re": 8 })).await;
        raw.hear("presence_connected").await;
        let ada = sees(world.watcher("ada").await, "c in the group of hello", "c", |_| true).await;
        drop((raw, ada));
        world.stop().await;
    });
}

#[test]
fn story_03_invalid_ids_are_refused_at_construction_naming_the_fault() {
    let fault = |text: &str| VisitorId::new(text).unwrap_err();
    assert!(matches!(fault(""), IdError::Empty { max: 62, .. }));
    assert_eq!(fault("").to_string(), "visitor id is empty; it needs 1 to 62 characters");
    assert!(VisitorId::new("a".repeat(62)).is_ok());
    assert!(matches!(fault(&"a".repeat(63)), IdError::TooLong { len: 63, max: 62, .. }));
    assert_eq!(
        fault(&"a".repeat(63)).to_string(),
        "visitor id has 63 characters; it may have at most 62"
    );
    for (text, bad, position) in [
        ("customer 42", ' ', 8),
        ("customer.42", '.', 8),
        ("\u{e9}t\u{e9}", '\u{e9}', 0),
        ("a/b", '/', 1),
        ("a\n", '\n', 1),
    ] {
        match fault(text) {
            IdError::BadCharacter { found, at, .. } => assert_eq!((found, at), (bad, position)),
            other => panic!("{text:?}: {other:?}"),
        }
    }
    assert!(VisitorId::new("AZaz09-_~").is_ok());
}

#[test]
fn story_03_invalid_id_of_another_client_is_refused_by_the_server() {
    story(async {
        let world = World::new();
        let mut raw = Raw::visitor(world.address).await;
        for (re, visitor) in [(1, String::new()), (2, "a b".to_owned()), (3, "a".repeat(63))] {
            raw.say(json!({ "t": "identify", "re": re, "visitor": visitor })).await;
            let problem = raw.hear("problem").await;
            assert_eq!((&problem["re"], &problem["code"]), (&json!(re), &json!("malformed")));
        }
        raw.say(json!({ "t": "identify", "re": 4, "visitor": "customer-42" })).await;
        raw.hear("identified").await;
        drop(raw);
        world.stop().await;
    });
}

#[test]
fn story_03_profile_of_the_login_replaces_that_of_the_connection() {
    story(async {
        let world = World::new();
        let guest = Profile::new().with_name("a guest").unwrap();
        let visitor = connect(visitor_at(world.url()).with_profile(guest)).await;
        let ada = Profile::new().with_name("Ada Lovelace").unwrap();
        let ask = visitor.identify(Identity::new(id("customer-42")).with_profile(ada));
        let visitor = go_online(soon("the identity", ask).await.unwrap()).await;
        let agent = world.watcher("ada").await;
        let agent = sees(agent, "the new name", "customer-42", |card| {
            card.profile.name() == Some("Ada Lovelace")
        })
        .await;
        drop((visitor, agent));
        world.stop().await;
    });
}
