//! Whatever is async can be dropped half way.

use std::future::Future;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use coview::AnonymousStep;
use coview::Change;
use coview::EndReason;
use coview::LinkClosed;
use coview::ManualStep;
use coview::PresenceStep;
use coview::StateKind;
use coview::agent::RequestingStep;
use coview::agent::SignedInStep;
use coview::agent::ViewingStep;

use crate::one_click::one_click;
use crate::proxy::Proxy;
use crate::proxy::Way;
use crate::world::*;

/// Polls a future so many times and then drops it; `None` if it was not ready by then.
async fn polled<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(|cx| match left.checked_sub(1).map(|left| (left, future.as_mut().poll(cx))) {
        None | Some((0, Poll::Pending)) => Poll::Ready(None),
        Some((still, Poll::Pending)) => {
            left = still;
            Poll::Pending
        }
        Some((_, Poll::Ready(output))) => Poll::Ready(Some(output)),
    })
    .await
}

#[test]
fn connect_dropped_half_way_leaves_nothing() {
    story(async {
        let world = World::with(|config| config.hub.policy.resume_grace = ms(50));
        // At every step on the way to the welcome.
        let mut steps = 0;
        loop {
            let connect = coview::smol::connect(visitor_at(world.url()));
            let sign_in = coview::smol::sign_in(agent_at(world.url(), "ada"));
            let visitor = soon("a few polls", polled(steps, connect)).await;
            let agent = soon("a few polls", polled(steps, sign_in)).await;
            if visitor.is_some() && agent.is_some() {
                break;
            }
            steps += 1;
        }
        assert!(steps > 3, "{steps} polls are too few to be dropped half way");

        // And while the welcome is on its way.
        let network = Proxy::to(world.address).await;
        network.hold(Way::ToClient);
        let connect = coview::smol::connect(visitor_at(&network.url()));
        let half_way = async {
            // Held is also the answer to the handshake, so the server knows a connection at most.
            while network.connections() == 0 {
                smol::Timer::after(ms(1)).await;
            }
        };
        let connected = smol::future::or(async { Some(connect.await) }, async {
            half_way.await;
            None
        });
        assert!(soon("half of the way", connected).await.is_none());

        world.metric_becomes("coview_connections", 0).await;
        world.metric_becomes("coview_visitors", 0).await;
        world.metric_becomes("coview_agents", 0).await;
        world.metric_becomes("coview_deadlines", 0).await;
        world.stop().await;
    });
}

#[test]
fn connect_dropped_after_hello_leaves_nothing() {
    story(async {
        let world = World::with(|config| config.hub.policy.resume_grace = ms(50));
        let network = Proxy::to(world.address).await;
        let mut connect = Box::pin(coview::smol::connect(visitor_at(&network.url())));
        // The server has welcomed the visitor, who has not heard it.
        let welcomed = async {
            while network.texts(Way::ToServer).is_empty() {
                smol::Timer::after(ms(1)).await;
            }
            network.hold(Way::ToClient);
        };
        let _ =
            soon("hello", smol::future::or(async { drop((&mut connect).await) }, welcomed)).await;
        drop(connect);
        world.metric_becomes("coview_connections", 0).await;
        world.metric_becomes("coview_visitors", 0).await;
        world.stop().await;
    });
}

#[test]
fn request_that_is_given_up_is_taken_back() {
    story(async {
        let world = World::new();
        let network = Proxy::to(world.address).await;
        let visitor = connect(visitor_at(&network.url())).await;
        network.hold(Way::ToClient);
        let pending = visitor.start_manual();
        world.metric_becomes("coview_sessions", 1).await;
        // The visitor taps cancel before the answer is there.
        let visitor = pending.into_visitor().unwrap();
        assert_eq!(visitor.state(), StateKind::Anonymous);
        world.metric_becomes("coview_sessions", 0).await;
        network.release(Way::ToClient);

        // The late answer means nothing; the same for identity and presence.
        network.hold(Way::ToClient);
        let visitor = visitor.identify(id("customer-41")).into_visitor().unwrap();
        network.release(Way::ToClient);
        let visitor = identify(visitor, "customer-42").await;
        network.hold(Way::ToClient);
        let pending = visitor.connect_presence();
        world.metric_becomes("coview_visitors_online", 1).await;
        let visitor = pending.into_visitor().unwrap();
        world.metric_becomes("coview_visitors_online", 0).await;
        network.release(Way::ToClient);
        let visitor = go_online(visitor).await;
        let (sharing, ada) = one_click(visitor, world.agent("ada").await).await;
        drop((sharing, ada));
        world.stop().await;
    });
}

#[test]
fn acceptance_that_is_given_up_ends_the_session() {
    story(async {
        let world = World::new();
        let network = Proxy::to(world.address).await;
        let visitor = connect(visitor_at(&network.url())).await;
        let visitor = go_online(identify(visitor, "customer-42").await).await;
        let ada =
            soon("the request", world.agent("ada").await.ask(id("customer-42"))).await.unwrap();
        let asked = until!(visitor, "the terms", PresenceStep::TermsRequested(asked) => asked);
        network.hold(Way::ToClient);
        let accept = asked.terms_displayed().accept();
        world.metric_becomes("coview_sessions_one_click_total", 1).await;
        let visitor = accept.into_visitor().unwrap();
        assert_eq!(visitor.state(), StateKind::PresenceConnected);
        network.release(Way::ToClient);
        let ada = until!(ada, "the end", RequestingStep::Accepted(ada) => {
            until!(ada, "the end", ViewingStep::Ended(a, EndReason::Visitor) => a)
        });
        let (sharing, ada) = one_click(visitor, ada).await;
        drop((sharing, ada));
        world.stop().await;
    });
}

#[test]
fn waiting_for_a_step_can_be_given_up_without_losing_one() {
    story(async {
        let world = World::new();
        let visitor = world.visitor().await;
        let mut sharing = soon("the session", visitor.start_manual()).await.unwrap();
        for times in 0..20 {
            let mut next = sharing.next();
            assert!(polled(times.min(1), &mut next).await.is_none());
            sharing = next.into_visitor().unwrap();
        }
        let key = coview::SessionKey::parse(&sharing.key().to_string()).unwrap();
        let ada = soon("ada to be in", world.agent("ada").await.join(key)).await.unwrap();
        let sharing = next!(sharing, ManualStep::Changed(v, Change::Guests(1)) => v);
        drop((sharing, ada));
        world.stop().await;
    });
}

#[test]
fn driver_that_is_dropped_closes_the_link_as_gone() {
    story(async {
        let world = World::with(|config| config.hub.policy.resume_grace = ms(50));
        let (visitor, driver) =
            soon("the welcome", coview::smol::open(visitor_at(world.url()))).await.unwrap();
        drop(driver);
        next!(visitor, AnonymousStep::Closed(LinkClosed::Gone) => ());
        let (agent, driver) =
            soon("the sign-in", coview::smol::open_agent(agent_at(world.url(), "ada")))
                .await
                .unwrap();
        drop(driver);
        next!(agent, SignedInStep::Closed(LinkClosed::Gone) => ());
        world.metric_becomes("coview_connections", 0).await;
        world.metric_becomes("coview_visitors", 0).await;
        world.stop().await;
    });
}

#[test]
fn driver_ends_when_the_goodbye_is_said() {
    story(async {
        let world = World::new();
        let (visitor, driver) =
            soon("the welcome", coview::smol::open(visitor_at(world.url()))).await.unwrap();
        let running = smol::spawn(driver.run());
        let visitor = identify(visitor, "customer-42").await;
        drop(visitor);
        soon("the end of the driver", running).await;
        // Said, not lost: there is no grace to wait for.
        world.metric_becomes("coview_visitors", 0).await;
        world.stop().await;
    });
}

#[test]
fn everything_an_app_holds_can_go_to_another_thread() {
    fn can_go<T: Send + Sync + 'static>() {}
    fn can_move<T: Send + 'static>() {}
    can_go::<coview::smol::Visitor<coview::Anonymous>>();
    can_go::<coview::smol::Visitor<coview::TermsShown>>();
    can_go::<coview::smol::Visitor<coview::Sharing<coview::Manual, coview::Identified>>>();
    can_go::<coview::smol::AnyVisitor>();
    can_go::<coview::smol::Agent<coview::agent::SignedIn>>();
    can_go::<coview::smol::Agent<coview::agent::Viewing>>();
    can_go::<coview::smol::Config>();
    can_go::<coview::smol::AgentConfig>();
    can_go::<coview::smol::ConnectError>();
    can_move::<coview_server::Server>();
    fn future<F: Future + Send>(_: F) {}
    future(coview::smol::connect(visitor_at("ws://localhost")));
    future(coview::smol::sign_in(agent_at("ws://localhost", "ada")));
}
