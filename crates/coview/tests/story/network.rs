//! 10. Background and foreground, networks that come and go, servers that restart.

use coview::AppState;
use coview::Change;
use coview::Connectivity;
use coview::EndReason;
use coview::ManualStep;
use coview::OfflineReason;
use coview::OneClickStep;
use coview::PresenceData;
use coview::PresencePatch;
use coview::PresenceStep;
use coview::Profile;
use coview::SessionKey;
use coview::StateKind;
use coview::agent::Change as AgentChange;
use coview::agent::RequestingStep;
use coview::agent::SignedInStep;
use coview::agent::ViewingStep;
use coview_server::ServerConfig;

use crate::one_click::one_click;
use crate::proxy::Proxy;
use crate::proxy::Way;
use crate::world::*;

#[test]
fn story_10_background_is_seen_and_foreground_is_active_again() {
    story(async {
        let world = World::new();
        let ada = world.watcher("ada").await;
        let mut visitor = world.online("customer-42").await;
        let ada = sees(ada, "active", "customer-42", |card| card.app == AppState::Active).await;
        visitor.app_moved(AppState::Background);
        let ada = sees(ada, "background", "customer-42", |card| {
            card.app == AppState::Background && card.reachable
        })
        .await;
        assert_eq!(visitor.state(), StateKind::PresenceConnected);
        // It can be asked in the background, too.
        let ada = soon("the request", ada.ask(id("customer-42"))).await.unwrap();
        let mut asked = until!(visitor, "the terms", PresenceStep::TermsRequested(asked) => asked);
        asked.app_moved(AppState::Active);
        let visitor = asked.decline();
        let ada = until!(ada, "declined", RequestingStep::Over(ada, _) => ada);
        let ada = sees(ada, "active", "customer-42", |card| card.app == AppState::Active).await;
        drop((visitor, ada));
        world.stop().await;
    });
}

#[test]
fn story_10_presence_in_the_background_is_kept_by_the_lease_beyond_the_grace() {
    story(async {
        // The grace is over long before the lease, and agents see each change before that.
        let world = World::with(|config| {
            config.hub.policy.resume_grace = ms(100);
            config.hub.policy.presence_pace = ms(1);
        });
        let network = Proxy::to(world.address).await;
        let ada = world.watcher("ada").await;
        let visitor = connect(visitor_at(&network.url())).await;
        let mut visitor = go_online(identify(visitor, "customer-42").await).await;
        visitor.app_moved(AppState::Background);
        let ada =
            sees(ada, "background", "customer-42", |card| card.app == AppState::Background).await;

        // The system takes the network away; another visitor, whose grace shows that time passes.
        let other = connect(visitor_at(&network.url())).await;
        let other = go_online(identify(other, "another").await).await;
        let ada = sees(ada, "the other online", "another", |_| true).await;
        network.down();
        let ada = sees(ada, "out of reach", "customer-42", |card| !card.reachable).await;
        let (ada, why) = until!(
            ada,
            "the other to be lost",
            SignedInStep::Changed(ada, AgentChange::VisitorOffline(who, why)) if who == id("another")
                => (ada, why)
        );
        assert_eq!(why, OfflineReason::Lost);
        assert!(ada.roster().contains_key(&id("customer-42")), "kept by the lease");

        // The app has called nothing; it rests until it is in the foreground.
        let mut visitor = until!(
            visitor,
            "the rest",
            PresenceStep::Changed(v, Change::Connectivity(Connectivity::Parked)) => v
        );
        network.up();
        visitor.app_moved(AppState::Active);
        let visitor = until!(
            visitor,
            "the connection",
            PresenceStep::Changed(v, Change::Connectivity(Connectivity::Connected)) => v
        );
        let ada = sees(ada, "active again", "customer-42", |card| {
            card.app == AppState::Active && card.reachable
        })
        .await;
        drop((visitor, other, ada));
        world.stop().await;
    });
}

#[test]
fn story_10_resting_app_renews_its_lease_by_itself() {
    story(async {
        let world = World::with(|config| {
            config.hub.policy.resume_grace = ms(100);
            config.hub.policy.background_lease = ms(2_000);
        });
        let network = Proxy::to(world.address).await;
        let visitor = connect(visitor_at(&network.url())).await;
        let mut visitor = go_online(identify(visitor, "customer-42").await).await;
        visitor.app_moved(AppState::Background);
        let ada = world.watcher("ada").await;
        let ada =
            sees(ada, "background", "customer-42", |card| card.app == AppState::Background).await;
        network.cut();
        let ada = sees(ada, "out of reach", "customer-42", |card| !card.reachable).await;
        // Half a lease later it shows itself, in the background as before.
        let ada = sees(ada, "the renewal", "customer-42", |card| {
            card.reachable && card.app == AppState::Background
        })
        .await;
        drop((visitor, ada));
        world.stop().await;
    });
}

#[test]
fn story_10_lease_that_lapses_takes_the_visitor_offline() {
    story(async {
        let world = World::with(|config| {
            config.hub.policy.resume_grace = ms(100);
            config.hub.policy.background_lease = ms(400);
        });
        let network = Proxy::to(world.address).await;
        let visitor = connect(visitor_at(&network.url())).await;
        let mut visitor = go_online(identify(visitor, "customer-42").await).await;
        visitor.app_moved(AppState::Background);
        let ada = world.watcher("ada").await;
        let ada =
            sees(ada, "background", "customer-42", |card| card.app == AppState::Background).await;
        network.down();
        let (ada, why) = sees_offline(ada, "customer-42").await;
        assert_eq!(why, OfflineReason::Lost);
        drop((visitor, ada));
        world.stop().await;
    });
}

#[test]
fn story_10_drop_shorter_than_the_grace_resumes_the_same_session() {
    story(async {
        let world = World::new();
        let visitors_network = Proxy::to(world.address).await;
        let agents_network = Proxy::to(world.address).await;
        let visitor = connect(visitor_at(&visitors_network.url())).await;
        let sharing = soon("the session", visitor.start_manual()).await.unwrap();
        let (session, key) = (sharing.session(), sharing.key().to_string());
        let typed = SessionKey::parse(&key).unwrap();
        let ada = sign_in(agent_at(&agents_network.url(), "ada")).await;
        let ada = soon("ada to be in", ada.join(typed)).await.unwrap();
        let mut sharing =
            until!(sharing, "one guest", ManualStep::Changed(v, Change::Guests(1)) => v);

        // Broken, and twice: a connection that ends, and a network that is gone for a while.
        for broken in 0..2 {
            if broken == 0 {
                visitors_network.cut();
            } else {
                visitors_network.down();
            }
            sharing = next!(
                sharing,
                ManualStep::Changed(v, Change::Connectivity(Connectivity::Reconnecting)) => v
            );
            assert_eq!((sharing.session(), sharing.key().to_string()), (session, key.clone()));
            assert_eq!(sharing.guests(), 1);
            visitors_network.up();
            // Nothing else has changed: neither guests nor session.
            sharing = next!(
                sharing,
                ManualStep::Changed(v, Change::Connectivity(Connectivity::Connected)) => v
            );
            assert_eq!((sharing.session(), sharing.key().to_string()), (session, key.clone()));
            assert_eq!((sharing.guests(), sharing.agents().len()), (1, 1));
        }
        assert_eq!(world.metric("coview_resumed_total").await, 2);
        assert_eq!(world.metric("coview_sessions_manual_total").await, 1);

        // The same for the agent, who stays a guest.
        agents_network.cut();
        let ada = next!(
            ada,
            ViewingStep::Changed(a, AgentChange::Connectivity(Connectivity::Reconnecting)) => a
        );
        let ada = next!(
            ada,
            ViewingStep::Changed(a, AgentChange::Connectivity(Connectivity::Connected)) => a
        );
        assert_eq!((ada.session(), ada.guests()), (session, 1));

        // The key still opens the session, and what is said goes through.
        let grace = soon("grace to be in", world.agent("grace").await.join(typed)).await.unwrap();
        let sharing = next!(sharing, ManualStep::Changed(v, Change::Guests(2)) => v);
        let visitor = sharing.end();
        let (ada, why) = until!(ada, "the end", ViewingStep::Ended(a, why) => (a, why));
        assert_eq!(why, EndReason::Visitor);
        drop((visitor, ada, grace));
        world.stop().await;
    });
}

#[test]
fn story_10_one_click_session_resumes_without_a_key() {
    story(async {
        let world = World::new();
        let network = Proxy::to(world.address).await;
        let visitor = connect(visitor_at(&network.url())).await;
        let visitor = go_online(identify(visitor, "customer-42").await).await;
        let (sharing, ada) = one_click(visitor, world.agent("ada").await).await;
        let session = sharing.session();
        network.cut();
        let sharing = until!(
            sharing,
            "the connection",
            OneClickStep::Changed(v, Change::Connectivity(Connectivity::Connected)) => v
        );
        assert_eq!((sharing.session(), sharing.guests()), (session, 1));
        assert!(!network.texts(Way::ToClient).join("\n").contains("\"key\""));
        let visitor = sharing.end();
        let ada = until!(ada, "the end", ViewingStep::Ended(a, EndReason::Visitor) => a);
        drop((visitor, ada));
        world.stop().await;
    });
}

#[test]
fn story_10_what_is_said_while_the_network_is_gone_is_said_afterwards() {
    story(async {
        let world = World::new();
        let network = Proxy::to(world.address).await;
        let visitor = connect(visitor_at(&network.url())).await;
        let mut visitor = go_online(identify(visitor, "customer-42").await).await;
        network.down();
        visitor.update_presence(PresencePatch::new().set("page", "/offline").unwrap());
        let start = visitor.start_manual();
        network.up();
        let sharing = soon("the session", start).await.unwrap();
        let ada = world.watcher("ada").await;
        let ada = sees(ada, "what was said offline", "customer-42", |card| {
            card.data.get("page") == Some("/offline") && card.busy
        })
        .await;
        assert_eq!(world.metric("coview_sessions_manual_total").await, 1);
        drop((sharing, ada));
        world.stop().await;
    });
}

#[test]
fn story_10_stop_while_the_network_is_gone_takes_effect_at_once_and_reaches_the_agent_later() {
    story(async {
        let world = World::new();
        let network = Proxy::to(world.address).await;
        let visitor = connect(visitor_at(&network.url())).await;
        let sharing = soon("the session", visitor.start_manual()).await.unwrap();
        let key = SessionKey::parse(&sharing.key().to_string()).unwrap();
        let ada = soon("ada to be in", world.agent("ada").await.join(key)).await.unwrap();
        network.down();
        let visitor = sharing.end();
        assert_eq!(visitor.state(), StateKind::Anonymous);
        network.up();
        let (ada, why) = until!(ada, "the end", ViewingStep::Ended(a, why) => (a, why));
        assert_eq!(why, EndReason::Visitor);
        drop((visitor, ada));
        world.stop().await;
    });
}

#[test]
fn story_10_drop_longer_than_the_grace_ends_the_session_as_visitor_lost() {
    story(async {
        let world = World::with(|config| config.hub.policy.resume_grace = ms(300));
        let network = Proxy::to(world.address).await;
        let visitor = connect(visitor_at(&network.url())).await;
        let sharing = soon("the session", visitor.start_manual()).await.unwrap();
        let key = SessionKey::parse(&sharing.key().to_string()).unwrap();
        let ada = soon("ada to be in", world.agent("ada").await.join(key)).await.unwrap();
        network.down();
        let (ada, why) = until!(ada, "the end", ViewingStep::Ended(a, why) => (a, why));
        assert_eq!(why, EndReason::VisitorLost);
        network.up();
        let (visitor, why) = until!(sharing, "the end", ManualStep::Ended(v, why) => (v, why));
        assert_eq!(why, EndReason::VisitorLost);
        assert_eq!(visitor.state(), StateKind::Anonymous);
        // The key is dead, the visitor is not.
        assert!(soon("the answer", ada.join(key)).await.is_err());
        let sharing = soon("the next session", visitor.start_manual()).await.unwrap();
        assert_ne!(SessionKey::parse(&sharing.key().to_string()).unwrap(), key);
        drop(sharing);
        world.stop().await;
    });
}

#[test]
fn story_10_killed_server_comes_back_and_everybody_is_there_again() {
    restart(EndReason::VisitorLost, false);
}

#[test]
fn story_10_stopped_server_comes_back_and_everybody_is_there_again() {
    restart(EndReason::Shutdown, true);
}

/// A server ends and another begins on the same port, which knows nobody.
fn restart(why: EndReason, gracefully: bool) {
    story(async {
        let world = on_a_port_of_its_own();
        let listen = world.address;
        let profile = Profile::new().with_name("Ada Lovelace").unwrap();
        let visitor = connect(visitor_at(world.url()).with_profile(profile.clone())).await;
        let visitor = identify(visitor, "customer-42").await;
        let data = PresenceData::new().with("page", "/cart").unwrap();
        let mut visitor = soon("the presence", visitor.connect_presence_with(data)).await.unwrap();
        visitor.update_presence(PresencePatch::new().set("step", "2").unwrap());
        let ada = world.watcher("ada").await;
        let ada = sees(ada, "the data", "customer-42", |card| card.data.len() == 2).await;
        let (sharing, viewing) = one_click(visitor, world.agent("grace").await).await;

        if gracefully {
            world.stop().await;
        } else {
            world.kill().await;
        }
        let world = World::with(|config| config.listen = listen);

        // The session is over for both, and the visitor is where it came from.
        let (visitor, told) = until!(sharing, "the end", OneClickStep::Ended(v, why) => (v, why));
        assert_eq!(told, why);
        assert_eq!(visitor.state(), StateKind::PresenceConnected);
        let (grace, told) = until!(viewing, "the end", ViewingStep::Ended(a, why) => (a, why));
        assert!([EndReason::AgentLost, EndReason::Shutdown, why].contains(&told), "{told}");

        // The agent who watched watches again; identity, presence, profile and data are there.
        let ada = until!(
            ada,
            "the roster of the new server",
            SignedInStep::Changed(ada, AgentChange::Roster) => ada
        );
        let ada = sees(ada, "the visitor in the new server", "customer-42", |card| {
            card.profile == profile
                && card.data.iter().collect::<Vec<_>>() == [("page", "/cart"), ("step", "2")]
                && !card.busy
                && card.reachable
        })
        .await;
        assert_eq!(world.metric("coview_visitors_arrived_total").await, 1);
        let (sharing, grace) = one_click(visitor, grace).await;
        drop((sharing, grace, ada));
        world.stop().await;
    });
}

/// A server on a port that the system gives to nobody else while no one listens on it.
fn on_a_port_of_its_own() -> World {
    on_a_port_of_its_own_with(|_| {})
}

/// The same with another configuration.
pub fn on_a_port_of_its_own_with(change: impl FnOnce(&mut ServerConfig)) -> World {
    let first = 20_000 + (std::process::id() % 1_000) as u16 * 10;
    let free = (first..first + 1_000)
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok());
    let listen = ([127, 0, 0, 1], free.expect("one of a thousand ports is free")).into();
    World::with(|config: &mut ServerConfig| {
        config.listen = listen;
        change(config);
    })
}
