//! The screen is sent for as long as the consent stands, and no longer.

use coview::EndReason;
use coview::ManualStep;
use coview::PassOver;
use coview::agent::ViewingStep;
use coview::screen::Capture;
use coview::screen::Damage;
use coview::screen::Frame;
use coview::screen::FrameSource;
use coview::screen::MaskState;
use coview::screen::Masks;
use coview::smol::Agent;
use coview::smol::ScreenSender;
use coview::smol::ScreenViewer;
use coview::smol::Stopped;
use coview::smol::ViewerStep;
use smol::Task;

use crate::proxy::*;
use crate::stage::*;
use crate::world::*;

/// A session in which an agent sees a picture.
async fn seen(
    world: &World,
) -> (SharingByKey, Task<Stopped>, Agent<coview::agent::Viewing>, ScreenViewer) {
    let (mut sharing, key) = by_key(world.visitor().await).await;
    let (app, sender) = send_pushed(&mut sharing);
    app.push(drawn(1), Masks::none());
    let mut ada = joined(world, "ada", key).await;
    let mut viewer = ScreenViewer::new(&mut ada);
    shows(&mut viewer, "the frame", &drawn(1)).await;
    // The app goes on for ever; what ends the sending is not the source.
    std::mem::forget(app);
    (sharing, sender, ada, viewer)
}

async fn stopped(sender: Task<Stopped>) -> Stopped {
    soon("the sender to stop", sender).await
}

#[test]
fn the_visitor_ends_the_session() {
    story(async {
        let world = World::new();
        let (sharing, sender, ada, mut viewer) = seen(&world).await;
        let visitor = sharing.end();
        assert_eq!(stopped(sender).await, Stopped::Ended);
        // The agent is told by the picture, without looking at its own steps, and by those why.
        assert_eq!(over(&mut viewer).await, PassOver::Closed);
        assert!(viewer.picture().is_some(), "it may look at what it saw last");
        let (ada, why) = until!(ada, "the end", ViewingStep::Ended(ada, why) => (ada, why));
        assert_eq!(why, EndReason::Visitor);
        drop((visitor, ada));
        world.stop().await;
    });
}

#[test]
fn the_visitor_is_dropped() {
    story(async {
        let world = World::new();
        let (sharing, sender, ada, mut viewer) = seen(&world).await;
        drop(sharing);
        assert_eq!(stopped(sender).await, Stopped::Ended);
        assert_eq!(over(&mut viewer).await, PassOver::Closed);
        let why = until!(ada, "the end", ViewingStep::Ended(_, why) => why);
        assert_eq!(why, EndReason::VisitorLeft);
        world.stop().await;
    });
}

#[test]
fn the_agent_ends_the_session_and_the_visitor_looks_at_nothing() {
    story(async {
        let world = World::new();
        let (sharing, sender, ada, mut viewer) = seen(&world).await;
        let ada = ada.end().unwrap();
        assert_eq!(over(&mut viewer).await, PassOver::Ended);
        // Nobody polls the visitor: the sender stops all the same.
        assert_eq!(stopped(sender).await, Stopped::Closed);
        let (visitor, why) = until!(sharing, "the end", ManualStep::Ended(v, why) => (v, why));
        assert_eq!(why, EndReason::Agent);
        drop((visitor, ada));
        world.stop().await;
    });
}

#[test]
fn the_driver_is_cancelled_and_the_visitor_looks_at_nothing() {
    story(async {
        let world = World::new();
        let open = coview::smol::open(visitor_at(world.url()));
        let (visitor, driver) = soon("the welcome", open).await.unwrap();
        let driver = smol::spawn(driver.run());
        let (mut sharing, key) = by_key(visitor).await;
        let (app, sender) = send_pushed(&mut sharing);
        app.push(drawn(1), Masks::none());
        let mut ada = joined(&world, "ada", key).await;
        let mut viewer = ScreenViewer::new(&mut ada);
        shows(&mut viewer, "the frame", &drawn(1)).await;
        driver.cancel().await;
        assert_eq!(stopped(sender).await, Stopped::Closed);
        // Nor does another sender begin.
        let (_app, sender) = send_pushed(&mut sharing);
        assert_eq!(stopped(sender).await, Stopped::Closed);
        drop((sharing, ada));
        world.stop().await;
    });
}

#[test]
fn the_agent_leaves_and_the_sender_goes_on_for_the_next() {
    story(async {
        let world = World::new();
        let (mut sharing, key) = by_key(world.visitor().await).await;
        let (app, sender) = send_pushed(&mut sharing);
        app.push(drawn(1), Masks::none());
        for (agent, number) in [("ada", 1), ("grace", 2), ("ada", 3)] {
            app.push(drawn(number), Masks::none());
            let mut viewing = joined(&world, agent, key).await;
            let mut viewer = ScreenViewer::new(&mut viewing);
            shows(&mut viewer, "the frame", &drawn(number)).await;
            let free = viewing.leave();
            assert_eq!(over(&mut viewer).await, PassOver::Ended);
            drop(free);
            sharing = until!(
                sharing,
                "nobody to watch",
                ManualStep::Changed(v, coview::Change::Guests(0)) => v
            );
        }
        assert!(!sender.is_finished());
        drop(sharing);
        assert_eq!(stopped(sender).await, Stopped::Ended);
        world.stop().await;
    });
}

#[test]
fn an_agent_who_is_removed_sees_nothing_more() {
    story(async {
        let world = World::new();
        let (mut sharing, key) = by_key(world.visitor().await).await;
        let (app, sender) = send_pushed(&mut sharing);
        app.push(drawn(1), Masks::none());
        let mut ada = joined(&world, "ada", key).await;
        let mut grace = joined(&world, "grace", key).await;
        let mut stays = ScreenViewer::new(&mut ada);
        let mut goes = ScreenViewer::new(&mut grace);
        shows(&mut stays, "the frame", &drawn(1)).await;
        shows(&mut goes, "the frame", &drawn(1)).await;
        ada.eject(coview::AgentId::new("grace").unwrap()).unwrap();
        assert_eq!(over(&mut goes).await, PassOver::Closed);
        app.push(drawn(2), Masks::none());
        shows(&mut stays, "the next frame", &drawn(2)).await;
        assert!(goes.picture().unwrap().shows_same(&drawn(1)));
        drop((sharing, ada, grace, sender));
        world.stop().await;
    });
}

#[test]
fn a_dropped_sender_stops_in_the_middle_and_another_goes_on() {
    story(async {
        let world = World::new();
        let (mut sharing, key) = by_key(world.visitor().await).await;
        let mut ada = joined(&world, "ada", key).await;
        let mut viewer = ScreenViewer::new(&mut ada);
        for number in 0..10 {
            let (app, sender) = send_pushed(&mut sharing);
            app.push(drawn(number), Masks::none());
            // Each is dropped a little later than the one before, wherever it is then.
            for _ in 0..number {
                smol::future::yield_now().await;
            }
            drop(sender);
        }
        let (app, sender) = send_pushed(&mut sharing);
        app.push(drawn(99), Masks::none());
        shows(&mut viewer, "the frame of the last sender", &drawn(99)).await;
        drop((sharing, ada, sender));
        world.stop().await;
    });
}

#[test]
fn a_sender_of_an_earlier_session_sends_nothing_into_the_next() {
    story(async {
        let world = World::new();
        let (sharing, sender, ada, _) = seen(&world).await;
        let visitor = sharing.end();
        let (mut sharing, key) = by_key(visitor).await;
        assert_eq!(stopped(sender).await, Stopped::Ended);
        drop(ada);
        let mut grace = joined(&world, "grace", key).await;
        let mut viewer = ScreenViewer::new(&mut grace);
        let (app, sender) = send_pushed(&mut sharing);
        app.push(drawn(2), Masks::none());
        shows(&mut viewer, "the frame of this session", &drawn(2)).await;
        drop((sharing, grace, sender));
        world.stop().await;
    });
}

/// Another picture each time it is asked.
struct Stream(u32);

impl FrameSource for Stream {
    fn capture(&mut self, into: &mut Frame) -> Capture {
        self.0 += 1;
        *into = drawn(self.0);
        Capture::Frame { damage: Damage::Unknown, masks: MaskState::Known(Masks::none()) }
    }
}

#[test]
fn an_end_amid_pictures_and_answers_costs_nobody_the_connection() {
    story(async {
        let world = World::new();
        let (near, far) = (Proxy::to(world.address).await, Proxy::to(world.address).await);
        let mut visitor = connect(visitor_at(&near.url())).await;
        let mut agent = sign_in(agent_at(&far.url(), "ada")).await;
        for round in 0..12 {
            let (mut sharing, key) = by_key(visitor).await;
            let sender = ScreenSender::new(&mut sharing, Stream(round), EXACT);
            let sender = smol::spawn(sender.run());
            let mut viewing = soon("the agent to be in", agent.join(key)).await.unwrap();
            let mut viewer = ScreenViewer::new(&mut viewing);
            let mut updates = 0;
            while updates < 3 {
                match soon("a picture", viewer.next()).await {
                    ViewerStep::Updated { .. } => updates += 1,
                    ViewerStep::Status(_) => {}
                    other => panic!("{other:?}"),
                }
            }
            (visitor, agent) = match round % 3 {
                0 => {
                    let visitor = sharing.end();
                    let agent = until!(viewing, "the end", ViewingStep::Ended(agent, _) => agent);
                    (visitor, agent)
                }
                1 => {
                    let agent = viewing.end().unwrap();
                    (until!(sharing, "the end", ManualStep::Ended(v, _) => v), agent)
                }
                _ => {
                    let agent = viewing.leave();
                    (sharing.end(), agent)
                }
            };
            assert_ne!(stopped(sender).await, Stopped::SourceGone);
        }
        assert_eq!((near.connections(), far.connections()), (1, 1), "somebody was cut off");
        assert_eq!(world.metric("coview_pictures_refused_total").await, 0);
        drop((visitor, agent));
        world.stop().await;
    });
}

#[test]
fn a_server_that_begins_anew_has_no_session_to_send_to() {
    story(async {
        let world = on_a_port_of_its_own();
        let listen = world.address;
        let (sharing, sender, ada, mut viewer) = seen(&world).await;
        let session = sharing.session();
        world.kill().await;
        let world = World::with(|config| config.listen = listen);
        // Nobody polls the visitor or the agent.
        assert_eq!(stopped(sender).await, Stopped::Closed);
        assert_eq!(over(&mut viewer).await, PassOver::Closed);
        let visitor = until!(sharing, "the end", ManualStep::Ended(visitor, _) => visitor);
        let (mut sharing, key) = by_key(visitor).await;
        assert_ne!(sharing.session(), session);
        let mut grace = joined(&world, "grace", key).await;
        let mut viewer = ScreenViewer::new(&mut grace);
        let (app, sender) = send_pushed(&mut sharing);
        app.push(drawn(2), Masks::none());
        shows(&mut viewer, "the frame in the new server", &drawn(2)).await;
        drop((sharing, sender, ada, grace));
        world.stop().await;
    });
}

/// A server on a port that the system gives to nobody else while no one listens on it.
fn on_a_port_of_its_own() -> World {
    let first = 31_000 + (std::process::id() % 150) as u16 * 10;
    let free =
        (first..32_700).find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok());
    let listen = ([127, 0, 0, 1], free.expect("one of these ports is free")).into();
    World::with(|config| config.listen = listen)
}
