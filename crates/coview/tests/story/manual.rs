//! 2. A manual start before login.

use coview::AnonymousStep;
use coview::Change;
use coview::Connectivity;
use coview::EndReason;
use coview::KeyError;
use coview::ManualStep;
use coview::RefusalCode;
use coview::SessionKey;
use coview::StateKind;
use coview::agent::Change as AgentChange;
use coview::agent::RequestError as AgentRequestError;
use coview::agent::SignedInStep;
use coview::agent::ViewingStep;

use crate::proxy::Proxy;
use crate::world::*;

#[test]
fn story_02_manual_before_login() {
    story(async {
        let world = World::new();
        let visitor = world.visitor().await;
        let sharing = soon("the session", visitor.start_manual()).await.unwrap();
        assert_eq!(sharing.state(), StateKind::SharingManualAnonymous);
        assert_eq!((sharing.guests(), sharing.agents().len()), (0, 0));
        let shown = sharing.key().to_string();
        assert_eq!(shown.len(), "123 456 786".len());
        let key = SessionKey::parse(&shown).unwrap();

        // An agent joins with the key that was read out.
        let ada = world.agent("ada").await;
        let ada = soon("ada to be in", ada.join(key)).await.unwrap();
        assert_eq!(ada.session(), sharing.session());
        assert_eq!(ada.visitor(), None);
        assert_eq!(ada.guests(), 1);
        let sharing = until!(sharing, "one guest", ManualStep::Changed(v, Change::Guests(1)) => v);
        assert_eq!(sharing.agents()[0].name(), full_name("ada"));

        // A second one.
        let grace = world.agent("grace").await;
        let grace = soon("grace to be in", grace.join(key)).await.unwrap();
        assert_eq!(grace.guests(), 2);
        let sharing = until!(sharing, "two guests", ManualStep::Changed(v, Change::Guests(2)) => v);
        let names: Vec<_> = sharing.agents().iter().map(|agent| agent.agent.as_str()).collect();
        assert_eq!(names, ["ada", "grace"]);
        let ada =
            until!(ada, "ada to see two", ViewingStep::Changed(a, AgentChange::Guests(2)) => a);

        // The second one leaves.
        let _grace = grace.leave();
        let sharing = until!(sharing, "one guest", ManualStep::Changed(v, Change::Guests(1)) => v);
        let ada =
            until!(ada, "ada to see one", ViewingStep::Changed(a, AgentChange::Guests(1)) => a);
        assert_eq!(sharing.key().to_string(), shown, "the key stays the same");

        // And comes back: the key is good for as long as the session lives.
        let grace = soon("grace to be in again", _grace.join(key)).await.unwrap();
        let sharing = until!(sharing, "two guests", ManualStep::Changed(v, Change::Guests(2)) => v);

        // The visitor ends: Anonymous at once, and both agents are told.
        let visitor = sharing.end();
        assert_eq!(visitor.state(), StateKind::Anonymous);
        let (ada, why) = until!(ada, "the end", ViewingStep::Ended(ada, why) => (ada, why));
        assert_eq!(why, EndReason::Visitor);
        let (grace, why) = until!(grace, "the end", ViewingStep::Ended(grace, why) => (grace, why));
        assert_eq!(why, EndReason::Visitor);

        // The key died with the session; the visitor can start anew, with another.
        let refused = soon("the answer", ada.join(key)).await.unwrap_err();
        assert_eq!(reason(&refused), Some(RefusalCode::NoSuchKey));
        let again = soon("the session", visitor.start_manual()).await.unwrap();
        assert_ne!(again.key().to_string(), shown);
        drop((again, grace));
        world.stop().await;
    });
}

#[test]
fn story_02_visitor_is_told_of_nothing_else_on_the_way() {
    story(async {
        let world = World::new();
        let visitor = world.visitor().await;
        let sharing = soon("the session", visitor.start_manual()).await.unwrap();
        let key = SessionKey::parse(&sharing.key().to_string()).unwrap();
        let ada = world.agent("ada").await;
        let ada = soon("ada to be in", ada.join(key)).await.unwrap();
        let sharing = next!(sharing, ManualStep::Changed(v, Change::Guests(1)) => v);
        let _ada = ada.leave();
        let sharing = next!(sharing, ManualStep::Changed(v, Change::Guests(0)) => v);
        let visitor = sharing.end();
        // The very next thing the visitor hears is the end of the server.
        let visitor = {
            let next = visitor.next();
            world.stop().await;
            match soon("the end of the connection", next).await {
                AnonymousStep::Changed(v, Change::Connectivity(Connectivity::Reconnecting)) => v,
                other => panic!("{other:?}"),
            }
        };
        drop(visitor);
    });
}

#[test]
fn story_02_agent_ends_and_both_sides_are_told() {
    story(async {
        let world = World::new();
        let visitor = world.visitor().await;
        let sharing = soon("the session", visitor.start_manual()).await.unwrap();
        let key = SessionKey::parse(&sharing.key().to_string()).unwrap();
        let ada = soon("ada to be in", world.agent("ada").await.join(key)).await.unwrap();
        let grace = soon("grace to be in", world.agent("grace").await.join(key)).await.unwrap();

        let ada = ada.end().unwrap();
        let (visitor, why) = until!(sharing, "the end", ManualStep::Ended(v, why) => (v, why));
        assert_eq!(why, EndReason::Agent);
        assert_eq!(visitor.state(), StateKind::Anonymous);
        let (grace, why) = until!(grace, "the end", ViewingStep::Ended(a, why) => (a, why));
        assert_eq!(why, EndReason::Agent);
        drop((visitor, ada, grace));
        world.stop().await;
    });
}

#[test]
fn story_02_ejected_agent_is_out_and_cannot_come_back() {
    story(async {
        let world = World::new();
        let visitor = world.visitor().await;
        let sharing = soon("the session", visitor.start_manual()).await.unwrap();
        let key = SessionKey::parse(&sharing.key().to_string()).unwrap();
        let mut ada = soon("ada to be in", world.agent("ada").await.join(key)).await.unwrap();
        let grace = soon("grace to be in", world.agent("grace").await.join(key)).await.unwrap();
        let sharing = until!(sharing, "two guests", ManualStep::Changed(v, Change::Guests(2)) => v);

        ada.eject(grace.card().agent.clone()).unwrap();
        let (grace, why) = until!(grace, "the ejection", ViewingStep::Ended(a, why) => (a, why));
        assert_eq!(why, EndReason::Ejected);
        let sharing = until!(sharing, "one guest", ManualStep::Changed(v, Change::Guests(1)) => v);
        let refused = soon("the answer", grace.join(key)).await.unwrap_err();
        assert_eq!(reason(&refused), Some(RefusalCode::NoSuchKey));
        drop((sharing, ada, refused));
        world.stop().await;
    });
}

#[test]
fn story_02_mistyped_key_is_found_without_asking_and_a_wrong_one_opens_nothing() {
    story(async {
        let world = World::with(|config| config.hub.policy.key_tries = 2);
        let proxy = Proxy::to(world.address).await;
        let sharing = soon("the session", world.visitor().await.start_manual()).await.unwrap();
        let key = sharing.key().to_string();

        // One wrong digit, wherever: no message is needed to see it.
        for at in (0..key.len()).filter(|at| key.as_bytes()[*at] != b' ') {
            let mut typed = key.clone().into_bytes();
            typed[at] = if typed[at] == b'9' { b'0' } else { typed[at] + 1 };
            let typed = String::from_utf8(typed).unwrap();
            assert_eq!(SessionKey::parse(&typed), Err(KeyError::Mistyped));
        }

        // A key of nobody, until it has been tried too often; then not even the right one.
        let mut agent = sign_in(agent_at(&proxy.url(), "ada")).await;
        let nobodys = if key == "123 456 786" { "000 000 000" } else { "123 456 786" };
        for code in [RefusalCode::NoSuchKey, RefusalCode::NoSuchKey, RefusalCode::TooManyTries] {
            let typed = if code == RefusalCode::TooManyTries { &key } else { nobodys };
            let join = agent.join(SessionKey::parse(typed).unwrap());
            let refused = soon("the answer", join).await.unwrap_err();
            assert_eq!(reason(&refused), Some(code));
            agent = refused.into_agent().unwrap();
        }
        assert_eq!(sharing.guests(), 0);
        drop((sharing, agent));
        world.stop().await;
    });
}

#[test]
fn story_02_key_nobody_uses_ends_the_session_unclaimed() {
    story(async {
        let world = World::with(|config| config.hub.policy.key_unclaimed = ms(200));
        let sharing = soon("the session", world.visitor().await.start_manual()).await.unwrap();
        let key = SessionKey::parse(&sharing.key().to_string()).unwrap();
        let (visitor, why) = until!(sharing, "the end", ManualStep::Ended(v, why) => (v, why));
        assert_eq!(why, EndReason::Unclaimed);
        assert_eq!(visitor.state(), StateKind::Anonymous);
        let refused = soon("the answer", world.agent("ada").await.join(key)).await.unwrap_err();
        assert_eq!(reason(&refused), Some(RefusalCode::NoSuchKey));
        drop((visitor, refused));
        world.stop().await;
    });
}

#[test]
fn story_02_key_of_one_group_opens_nothing_in_another() {
    story(async {
        let world = World::new();
        let sharing = soon("the session", world.visitor().await.start_manual()).await.unwrap();
        let key = SessionKey::parse(&sharing.key().to_string()).unwrap();
        let url = world.url().parse().unwrap();
        let eve = coview::smol::AgentConfig::new(url, group(CLOSED_GROUP), token("eve"));
        let refused = soon("the answer", sign_in(eve).await.join(key)).await.unwrap_err();
        assert_eq!(reason(&refused), Some(RefusalCode::NoSuchKey));
        let eve = refused.into_agent().unwrap();
        world.stop().await;
        until!(eve, "the end of the server", SignedInStep::Changed(eve, AgentChange::Connectivity(_)) => drop(eve));
        drop(sharing);
    });
}

pub(crate) fn reason<S, L>(error: &AgentRequestError<S, L>) -> Option<RefusalCode> {
    match error {
        AgentRequestError::Refused(refused) => Some(refused.reason),
        AgentRequestError::Closed(_) => None,
    }
}
