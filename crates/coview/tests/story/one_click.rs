//! 5. One-click: the agent asks, the visitor accepts, and no key is anywhere.

use coview::Change;
use coview::EndReason;
use coview::OneClickStep;
use coview::PresenceStep;
use coview::StateKind;
use coview::agent::AgentStateKind;
use coview::agent::AskStatus;
use coview::agent::Change as AgentChange;
use coview::agent::RequestingStep;
use coview::agent::ViewingStep;
use serde_json::Value;

use crate::proxy::Proxy;
use crate::proxy::Way;
use crate::world::*;

#[test]
fn story_05_one_click_without_any_key() {
    story(async {
        let world = World::new();
        // Both sides through a proxy that listens.
        let visitors_network = Proxy::to(world.address).await;
        let agents_network = Proxy::to(world.address).await;
        let visitor = connect(visitor_at(&visitors_network.url())).await;
        let visitor = go_online(identify(visitor, "customer-42").await).await;
        let ada = watch(sign_in(agent_at(&agents_network.url(), "ada")).await).await;
        assert!(!ada.roster()[&id("customer-42")].busy);

        // The agent clicks; the visitor learns who, what and until when.
        let ada = soon("the request", ada.ask(id("customer-42"))).await.unwrap();
        assert_eq!((ada.visitor(), ada.status()), (&id("customer-42"), AskStatus::Sent));
        let asked = next!(visitor, PresenceStep::TermsRequested(asked) => asked);
        assert_eq!(asked.state(), StateKind::TermsRequested);
        assert_eq!(asked.agent().agent.as_str(), "ada");
        assert_eq!(asked.agent().name(), full_name("ada"));
        assert_eq!(asked.terms().version(), TERMS_VERSION);
        assert_eq!(asked.terms().text(), TERMS_TEXT);
        assert!((50_000..=60_000).contains(&asked.expires_ms()), "{}", asked.expires_ms());

        // Displayed, and the agent sees it; not before.
        let shown = asked.terms_displayed();
        assert_eq!(shown.state(), StateKind::TermsShown);
        let ada = until!(
            ada,
            "displayed",
            RequestingStep::Changed(ada, AgentChange::Status(AskStatus::Displayed)) => ada
        );

        // Accepted: the session runs under the visitor id, and the agent is in without typing.
        let sharing = soon("the session", shown.accept()).await.unwrap();
        assert_eq!(sharing.state(), StateKind::SharingOneClick);
        assert_eq!(sharing.visitor_id(), &id("customer-42"));
        assert_eq!(sharing.consent().session(), sharing.session());
        let ada = until!(ada, "the agent to be in", RequestingStep::Accepted(ada) => ada);
        assert_eq!(ada.state(), AgentStateKind::Viewing);
        assert_eq!(ada.visitor(), Some(&id("customer-42")));
        assert_eq!(ada.session(), sharing.session());
        assert_eq!(ada.guests(), 1);
        let sharing =
            until!(sharing, "one guest", OneClickStep::Changed(v, Change::Guests(1)) => v);
        assert_eq!(sharing.agents()[0].name(), full_name("ada"));

        let visitor = sharing.end();
        assert_eq!(visitor.state(), StateKind::PresenceConnected);
        let (ada, why) = until!(ada, "the end", ViewingStep::Ended(ada, why) => (ada, why));
        assert_eq!(why, EndReason::Visitor);
        // Free again, and still online.
        let ada = sees(ada, "the visitor free", "customer-42", |card| !card.busy).await;
        drop((visitor, ada));
        world.stop().await;

        // In the order of the wire: accepted, and only then the session.
        let told: Vec<_> = kinds(&agents_network.texts(Way::ToClient))
            .into_iter()
            .filter(|kind| ["terms_displayed", "ask_ended", "joined"].contains(&&**kind))
            .collect();
        assert_eq!(told, ["terms_displayed", "ask_ended", "joined"]);

        // No key in any message of either side, in either direction.
        for network in [&visitors_network, &agents_network] {
            for way in [Way::ToServer, Way::ToClient] {
                let texts = network.texts(way);
                assert!(texts.len() >= 4, "{texts:?}");
                for text in texts {
                    assert!(!has_key(&serde_json::from_str(&text).unwrap()), "{text}");
                }
            }
        }
        let said = kinds(&visitors_network.texts(Way::ToServer));
        let manual_starts = visitors_network.texts(Way::ToServer).join("").contains("random_key");
        assert!(said.contains(&"session_start".to_owned()) && !manual_starts, "{said:?}");
    });
}

#[test]
fn story_05_accepted_is_seen_before_the_session_and_displayed_before_accepted() {
    story(async {
        let world = World::new();
        let network = Proxy::to(world.address).await;
        let visitor = connect(visitor_at(&network.url())).await;
        let visitor = go_online(identify(visitor, "customer-42").await).await;
        let ada = world.agent("ada").await;
        let ada = soon("the request", ada.ask(id("customer-42"))).await.unwrap();
        let asked = next!(visitor, PresenceStep::TermsRequested(asked) => asked);
        let shown = asked.terms_displayed();
        let ada = next!(
            ada,
            RequestingStep::Changed(ada, AgentChange::Status(AskStatus::Displayed)) => ada
        );
        let sharing = soon("the session", shown.accept()).await.unwrap();
        // "accepted" may be told on its own or with the session, never after it.
        let ada = until!(ada, "the agent to be in", RequestingStep::Accepted(ada) => ada);
        drop((sharing, ada));
        world.stop().await;
        let said = kinds(&network.texts(Way::ToServer));
        let story: Vec<_> = said
            .iter()
            .filter(|kind| kind.starts_with("terms") || *kind == "session_start")
            .collect();
        assert_eq!(story, ["terms_displayed", "terms_accepted", "session_start"]);
    });
}

#[test]
fn story_05_one_click_goes_on_when_the_agent_leaves_until_the_visitor_decides() {
    story(async {
        let world = World::new();
        let visitor = world.online("customer-42").await;
        let ada = world.agent("ada").await;
        let (sharing, ada) = one_click(visitor, ada).await;
        let ada = ada.leave();
        let sharing = until!(sharing, "nobody", OneClickStep::Changed(v, Change::Guests(0)) => v);
        // There is no way back in but by another request, and the visitor is busy for that.
        let refused = soon("the answer", ada.ask(id("customer-42"))).await.unwrap_err();
        let ada = watch(refused.into_agent().unwrap()).await;
        let visitor = sharing.end();
        let ada = sees(ada, "the visitor free", "customer-42", |card| !card.busy).await;
        let (sharing, ada) = one_click(visitor, ada).await;
        drop((sharing, ada));
        world.stop().await;
    });
}

/// From online and signed in to a session, by the request of the agent.
pub async fn one_click(
    visitor: coview::smol::Visitor<coview::PresenceConnected>,
    agent: coview::smol::Agent<coview::agent::SignedIn>,
) -> (
    coview::smol::Visitor<coview::Sharing<coview::OneClick, coview::PresenceConnected>>,
    coview::smol::Agent<coview::agent::Viewing>,
) {
    let who = visitor.visitor_id().clone();
    let agent = soon("the request", agent.ask(who)).await.unwrap();
    let asked = until!(visitor, "the terms", PresenceStep::TermsRequested(asked) => asked);
    let sharing = soon("the session", asked.terms_displayed().accept()).await.unwrap();
    let agent = until!(agent, "the agent to be in", RequestingStep::Accepted(agent) => agent);
    let sharing = until!(sharing, "one guest", OneClickStep::Changed(v, Change::Guests(1)) => v);
    (sharing, agent)
}

/// The types of messages, in order.
pub fn kinds(texts: &[String]) -> Vec<String> {
    let kind = |text: &String| {
        let message: Value = serde_json::from_str(text).unwrap();
        message["t"].as_str().unwrap().to_owned()
    };
    texts.iter().map(kind).collect()
}

/// Whether any object in it has a field `key`.
fn has_key(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.contains_key("key") || fields.values().any(has_key),
        Value::Array(values) => values.iter().any(has_key),
        _ => false,
    }
}
