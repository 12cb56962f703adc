//! Connections break, and the picture comes back by itself.

use coview::screen::Masks;
use coview::smol::ScreenViewer;
use coview::smol::Stopped;
use coview::smol::ViewerStep;

use crate::proxy::*;
use crate::stage::*;
use crate::world::*;

async fn interrupted(viewer: &mut ScreenViewer) {
    loop {
        match soon("the interruption", viewer.next()).await {
            ViewerStep::Interrupted => return,
            ViewerStep::Over(why) => panic!("{why}"),
            _ => {}
        }
    }
}

#[test]
fn a_viewer_that_comes_back_sees_the_newest_picture() {
    story(async {
        let world = World::new();
        let network = Proxy::to(world.address).await;
        let (mut sharing, key) = by_key(world.visitor().await).await;
        let (app, sender) = send_pushed(&mut sharing);
        app.push(drawn(1), Masks::none());
        let agent = sign_in(agent_at(&network.url(), "ada")).await;
        let mut ada = soon("the agent to be in", agent.join(key)).await.unwrap();
        let mut viewer = ScreenViewer::new(&mut ada);
        shows(&mut viewer, "the frame", &drawn(1)).await;
        for number in 2..5 {
            network.down();
            interrupted(&mut viewer).await;
            assert!(viewer.picture().is_some_and(|picture| picture.shows_same(&drawn(number - 1))));
            app.push(drawn(number), Masks::none());
            network.up();
            shows(&mut viewer, "the frame it missed", &drawn(number)).await;
        }
        drop((sharing, ada, sender));
        world.stop().await;
    });
}

#[test]
fn a_visitor_that_comes_back_goes_on_sending() {
    story(async {
        let world = World::new();
        let network = Proxy::to(world.address).await;
        let (mut sharing, key) = by_key(connect(visitor_at(&network.url())).await).await;
        let (app, sender) = send_pushed(&mut sharing);
        app.push(drawn(1), Masks::none());
        let mut ada = joined(&world, "ada", key).await;
        let mut grace = joined(&world, "grace", key).await;
        let mut viewers = [ScreenViewer::new(&mut ada), ScreenViewer::new(&mut grace)];
        for viewer in &mut viewers {
            shows(viewer, "the frame", &drawn(1)).await;
        }
        for number in 2..5 {
            if number == 2 {
                network.cut();
            } else {
                network.down();
            }
            app.push(drawn(number), Masks::none());
            network.up();
            for viewer in &mut viewers {
                shows(viewer, "the frame that was pushed meanwhile", &drawn(number)).await;
            }
        }
        assert!(!sender.is_finished());
        drop((sharing, ada, grace, sender));
        world.stop().await;
    });
}

#[test]
fn a_visitor_that_comes_back_too_late_has_nothing_to_send() {
    story(async {
        let world = World::with(|config| config.hub.policy.resume_grace = ms(100));
        let network = Proxy::to(world.address).await;
        let (mut sharing, key) = by_key(connect(visitor_at(&network.url())).await).await;
        let (app, sender) = send_pushed(&mut sharing);
        app.push(drawn(1), Masks::none());
        let mut ada = joined(&world, "ada", key).await;
        let mut viewer = ScreenViewer::new(&mut ada);
        shows(&mut viewer, "the frame", &drawn(1)).await;
        network.down();
        assert_eq!(over(&mut viewer).await, coview::PassOver::Closed);
        network.up();
        // Nobody polls the visitor.
        assert_eq!(soon("the sender to stop", sender).await, Stopped::Closed);
        drop((sharing, ada, app));
        world.stop().await;
    });
}

#[test]
fn a_viewer_the_network_holds_up_skips_to_the_newest_picture() {
    story(async {
        let world = World::new();
        let network = Proxy::to(world.address).await;
        let (mut sharing, key) = by_key(world.visitor().await).await;
        let (app, sender) = send_pushed(&mut sharing);
        let agent = sign_in(agent_at(&network.url(), "ada")).await;
        let mut ada = soon("the agent to be in", agent.join(key)).await.unwrap();
        let mut slow = ScreenViewer::new(&mut ada);
        let mut grace = joined(&world, "grace", key).await;
        let mut fast = ScreenViewer::new(&mut grace);
        app.push(drawn(0), Masks::none());
        shows(&mut slow, "the first frame", &drawn(0)).await;
        network.hold(Way::ToClient);
        for number in 1..60 {
            app.push(drawn(number), Masks::none());
            shows(&mut fast, "every frame", &drawn(number)).await;
        }
        network.release(Way::ToClient);
        let mut updates = 0;
        while !slow.picture().unwrap().shows_same(&drawn(59)) {
            if let ViewerStep::Updated { .. } = soon("the last frame", slow.next()).await {
                updates += 1;
            }
        }
        assert!(updates < 59, "a backlog of {updates} updates");
        drop((sharing, ada, grace, sender));
        world.stop().await;
    });
}
