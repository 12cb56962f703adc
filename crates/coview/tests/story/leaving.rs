//! 9. Every way to leave: what agents see, and why sessions end.

use coview::AskOutcome;
use coview::Change;
use coview::EndReason;
use coview::IdentifiedStep;
use coview::LinkClosed;
use coview::OfflineReason;
use coview::OneClickStep;
use coview::PresenceStep;
use coview::SessionKey;
use coview::StateKind;
use coview::TermsStep;
use coview::WithdrawReason;
use coview::agent::AgentStateKind;
use coview::agent::RequestingStep;
use coview::agent::SignedInStep;
use coview::agent::ViewingStep;
use serde_json::json;

use crate::one_click::one_click;
use crate::proxy::Proxy;
use crate::raw::Raw;
use crate::world::*;

#[test]
fn story_09_disconnect_and_log_out_end_presence_at_once() {
    story(async {
        let world = World::new();
        let ada = world.watcher("ada").await;
        let visitor = world.online("customer-42").await;
        let ada = sees(ada, "the visitor online", "customer-42", |_| true).await;

        let visitor = visitor.disconnect();
        assert_eq!(visitor.state(), StateKind::Identified);
        let (ada, why) = sees_offline(ada, "customer-42").await;
        assert_eq!(why, OfflineReason::Disconnected);

        // Online again, then all the way out.
        let visitor = go_online(visitor).await;
        let ada = sees(ada, "the visitor online", "customer-42", |_| true).await;
        let visitor = visitor.disconnect().log_out();
        assert_eq!(visitor.state(), StateKind::Anonymous);
        let (ada, why) = sees_offline(ada, "customer-42").await;
        assert_eq!(why, OfflineReason::Disconnected);
        assert_eq!(world.metric("coview_visitors_online").await, 0);
        drop((visitor, ada));
        world.stop().await;
    });
}

#[test]
fn story_09_log_out_while_online_is_refused_to_a_client_without_types() {
    story(async {
        let world = World::new();
        let ada = world.watcher("ada").await;
        let mut raw = Raw::visitor(world.address).await;
        raw.say(json!({ "t": "identify", "re": 1, "visitor": "customer-42" })).await;
        raw.hear("identified").await;
        raw.say(json!({ "t": "presence_connect", "re": 2 })).await;
        raw.hear("presence_connected").await;
        raw.say(json!({ "t": "log_out", "re": 3 })).await;
        let problem = raw.hear("problem").await;
        assert_eq!((&problem["re"], &problem["code"]), (&json!(3), &json!("illegal_order")));
        let ada = sees(ada, "the visitor online", "customer-42", |card| card.reachable).await;
        drop((raw, ada));
        world.stop().await;
    });
}

#[test]
fn story_09_dropping_the_visitor_ends_everything_at_once() {
    story(async {
        let world = World::new();
        // While online.
        let ada = world.watcher("ada").await;
        let visitor = world.online("customer-42").await;
        let ada = sees(ada, "the visitor online", "customer-42", |_| true).await;
        drop(visitor);
        let (ada, why) = sees_offline(ada, "customer-42").await;
        assert_eq!(why, OfflineReason::Left);

        // While being asked.
        let visitor = world.online("customer-42").await;
        let ada = soon("the request", ada.ask(id("customer-42"))).await.unwrap();
        let asked = until!(visitor, "the terms", PresenceStep::TermsRequested(asked) => asked);
        drop(asked.terms_displayed());
        let (ada, outcome) =
            until!(ada, "the outcome", RequestingStep::Over(a, outcome) => (a, outcome));
        assert_eq!(outcome, AskOutcome::Lost);

        // While sharing, by a key and by one click.
        let sharing = soon("the session", world.visitor().await.start_manual()).await.unwrap();
        let key = SessionKey::parse(&sharing.key().to_string()).unwrap();
        let ada = soon("ada to be in", ada.join(key)).await.unwrap();
        drop(sharing);
        let (ada, why) = until!(ada, "the end", ViewingStep::Ended(a, why) => (a, why));
        assert_eq!(why, EndReason::VisitorLeft);
        let (sharing, ada) = one_click(world.online("customer-42").await, ada).await;
        drop(sharing);
        let (ada, why) = until!(ada, "the end", ViewingStep::Ended(a, why) => (a, why));
        assert_eq!(why, EndReason::VisitorLeft);

        // While a request of its own is not answered yet.
        let visitor = world.identified("customer-42").await;
        drop(visitor.connect_presence());
        world.metric_becomes("coview_visitors", 0).await;
        world.metric_becomes("coview_sessions", 0).await;
        drop(ada);
        world.stop().await;
    });
}

#[test]
fn story_09_process_that_closes_is_out_of_reach_at_once_and_offline_after_the_lease() {
    story(async {
        let world = World::with(|config| config.hub.policy.resume_grace = ms(400));
        let ada = world.watcher("ada").await;
        // The driver is what dies with the process: it says no goodbye.
        let open = coview::smol::open(visitor_at(world.url()));
        let (visitor, driver) = soon("the welcome", open).await.unwrap();
        let process = smol::spawn(driver.run());
        let visitor = go_online(identify(visitor, "customer-42").await).await;
        let ada = sees(ada, "the visitor online", "customer-42", |card| card.reachable).await;
        let (sharing, viewing) = one_click(visitor, world.agent("grace").await).await;

        drop(process);
        let ada =
            sees(ada, "the visitor out of reach", "customer-42", |card| !card.reachable).await;
        let (_grace, why) = until!(viewing, "the end", ViewingStep::Ended(a, why) => (a, why));
        assert_eq!(why, EndReason::VisitorLost);
        let (ada, why) = sees_offline(ada, "customer-42").await;
        assert_eq!(why, OfflineReason::Lost);

        // If the app outlives its driver, it is told in the order of its states.
        let visitor =
            next!(sharing, OneClickStep::Ended(visitor, EndReason::VisitorLost) => visitor);
        let visitor = next!(visitor, PresenceStep::Lost(visitor) => visitor);
        assert_eq!(visitor.last_offline(), Some(OfflineReason::Lost));
        next!(visitor, IdentifiedStep::Closed(LinkClosed::Gone) => ());
        drop(ada);
        world.stop().await;
    });
}

#[test]
fn story_09_pulled_network_is_noticed_and_ends_presence_and_session_after_the_lease() {
    story(async {
        let world = World::with(|config| {
            config.hub.policy.heartbeat = ms(200);
            config.hub.policy.resume_grace = ms(400);
        });
        let network = Proxy::to(world.address).await;
        let visitor = connect(visitor_at(&network.url())).await;
        let visitor = go_online(identify(visitor, "customer-42").await).await;
        let (sharing, viewing) = one_click(visitor, world.agent("grace").await).await;
        let ada = world.watcher("ada").await;

        // Nothing arrives any more and no socket is closed.
        network.stall();
        let ada =
            sees(ada, "the visitor out of reach", "customer-42", |card| !card.reachable).await;
        let (grace, why) = until!(viewing, "the end", ViewingStep::Ended(a, why) => (a, why));
        assert_eq!(why, EndReason::VisitorLost);
        let (ada, why) = sees_offline(ada, "customer-42").await;
        assert_eq!(why, OfflineReason::Lost);

        // The visitor has noticed as well, and is told when the network is back.
        let sharing = until!(
            sharing,
            "the visitor to notice",
            OneClickStep::Changed(v, Change::Connectivity(coview::Connectivity::Reconnecting)) => v
        );
        network.cut();
        network.release(crate::proxy::Way::ToServer);
        network.release(crate::proxy::Way::ToClient);
        let (visitor, why) = until!(sharing, "the end", OneClickStep::Ended(v, why) => (v, why));
        assert_eq!(why, EndReason::VisitorLost);
        assert_eq!(visitor.state(), StateKind::PresenceConnected);
        // It is online again without doing anything.
        let ada = sees(ada, "the visitor online", "customer-42", |card| card.reachable).await;
        drop((visitor, ada, grace));
        world.stop().await;
    });
}

#[test]
fn story_09_request_to_a_visitor_whose_network_is_pulled_is_lost() {
    story(async {
        let world = World::with(|config| config.hub.policy.resume_grace = ms(300));
        let network = Proxy::to(world.address).await;
        let visitor = connect(visitor_at(&network.url())).await;
        let visitor = go_online(identify(visitor, "customer-42").await).await;
        let ada =
            soon("the request", world.agent("ada").await.ask(id("customer-42"))).await.unwrap();
        let asked = until!(visitor, "the terms", PresenceStep::TermsRequested(asked) => asked);
        network.down();
        let (ada, outcome) =
            until!(ada, "the outcome", RequestingStep::Over(a, outcome) => (a, outcome));
        assert_eq!(outcome, AskOutcome::Lost);
        network.up();
        let (visitor, why) = until!(asked, "the end", TermsStep::Withdrawn(v, why) => (v, why));
        assert_eq!(why, WithdrawReason::PresenceOver);
        drop((visitor, ada));
        world.stop().await;
    });
}

#[test]
fn story_09_agent_who_leaves_withdraws_and_goes_out_of_the_session() {
    story(async {
        let world = World::new();
        let visitor = world.online("customer-42").await;
        // While requesting: the terms go away.
        let ada =
            soon("the request", world.agent("ada").await.ask(id("customer-42"))).await.unwrap();
        let asked = until!(visitor, "the terms", PresenceStep::TermsRequested(asked) => asked);
        drop(ada);
        let (visitor, why) = until!(asked, "the end", TermsStep::Withdrawn(v, why) => (v, why));
        assert_eq!(why, WithdrawReason::AgentLost);
        // While viewing: the session goes on until the visitor ends it.
        let (sharing, ada) = one_click(visitor, world.agent("ada").await).await;
        drop(ada);
        let sharing = until!(sharing, "nobody", OneClickStep::Changed(v, Change::Guests(0)) => v);
        assert_eq!(sharing.end().state(), StateKind::PresenceConnected);
        world.stop().await;
    });
}

#[test]
fn story_09_agent_whose_network_is_pulled_is_out_after_the_grace() {
    story(async {
        let world = World::with(|config| {
            config.hub.policy.heartbeat = ms(200);
            config.hub.policy.resume_grace = ms(300);
        });
        let network = Proxy::to(world.address).await;
        let visitor = world.online("customer-42").await;

        // While requesting.
        let ada = sign_in(agent_at(&network.url(), "ada")).await;
        let ada = soon("the request", ada.ask(id("customer-42"))).await.unwrap();
        let asked = until!(visitor, "the terms", PresenceStep::TermsRequested(asked) => asked);
        network.stall();
        let (visitor, why) = until!(asked, "the end", TermsStep::Withdrawn(v, why) => (v, why));
        assert_eq!(why, WithdrawReason::AgentLost);
        // Once it is back, the agent is told as well.
        network.cut();
        network.release(crate::proxy::Way::ToServer);
        network.release(crate::proxy::Way::ToClient);
        let (ada, outcome) =
            until!(ada, "the outcome", RequestingStep::Over(a, outcome) => (a, outcome));
        assert_eq!(outcome, AskOutcome::Lost);

        // While viewing.
        let (sharing, ada) = one_click(visitor, ada).await;
        network.stall();
        let sharing = until!(sharing, "nobody", OneClickStep::Changed(v, Change::Guests(0)) => v);
        network.cut();
        network.release(crate::proxy::Way::ToServer);
        network.release(crate::proxy::Way::ToClient);
        let (ada, why) = until!(ada, "the end", ViewingStep::Ended(a, why) => (a, why));
        assert_eq!(why, EndReason::AgentLost);
        assert_eq!(ada.state(), AgentStateKind::SignedIn);
        drop((sharing, ada));
        world.stop().await;
    });
}

#[test]
fn story_09_agent_whose_process_closes_stays_a_guest_for_the_grace() {
    story(async {
        let world = World::with(|config| config.hub.policy.resume_grace = ms(300));
        let open = coview::smol::open_agent(agent_at(world.url(), "ada"));
        let (ada, driver) = soon("the sign-in", open).await.unwrap();
        let process = smol::spawn(driver.run());
        let (sharing, ada) = one_click(world.online("customer-42").await, ada).await;
        drop(process);
        let sharing = until!(sharing, "nobody", OneClickStep::Changed(v, Change::Guests(0)) => v);
        // If the console outlives its driver, it is told.
        let ada = until!(ada, "the end", ViewingStep::Ended(ada, _) => ada);
        next!(ada, SignedInStep::Closed(LinkClosed::Gone) => ());
        drop(sharing);
        world.stop().await;
    });
}
