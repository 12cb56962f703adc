//! What agents see.

use coview::PresenceStep;
use coview::agent::RequestingStep;
use coview::agent::ViewingStep;
use coview::screen::Masks;
use coview::screen::Size;
use coview::screen::generated::GeneratedPage;
use coview::screen::generated::Scene;
use coview::smol::AnyAgent;
use coview::smol::AnyVisitor;
use coview::smol::ScreenOptions;
use coview::smol::ScreenSender;
use coview::smol::ScreenViewer;
use coview::smol::ViewerStep;
use smol::future::poll_once;

use crate::stage::*;
use crate::world::*;

/// A page that types, scrolls and opens a dialog, in a session begun by a key. What moves may be
/// blurred on the way; at rest it is exact.
#[test]
fn a_page_that_moves_is_seen_exactly_when_it_rests() {
    story(async {
        let world = World::new();
        let (mut sharing, key) = by_key(world.visitor().await).await;
        for scene in [Scene::Typing, Scene::Scroll { lines: 24 }, Scene::Video, Scene::Dialog] {
            let mut page = GeneratedPage::new(Size::new(800, 600), 7).unwrap();
            page.pin(scene);
            let (source, shown) = Ending::new(page, 12);
            let options = ScreenOptions { fps: 60, lossy: true };
            let sender = smol::spawn(ScreenSender::new(&mut sharing, source, options).run());
            let mut viewing = joined(&world, "ada", key).await;
            let mut viewer = ScreenViewer::new(&mut viewing);
            loop {
                let shown = shown.lock().unwrap().clone();
                if shown.is_some_and(|frame| viewer.picture() == Some(&frame)) {
                    break;
                }
                soon("the page at rest", viewer.next()).await;
            }
            drop(viewing.leave());
            sender.cancel().await;
        }
        drop(sharing);
        world.stop().await;
    });
}

#[test]
fn a_session_begun_by_a_click_shows_the_masked_screen_with_captions() {
    story(async {
        let world = World::new();
        let visitor = world.online("customer-42").await;
        let ada = sees(world.watcher("ada").await, "the visitor", "customer-42", |_| true).await;
        let ada = soon("the request", ada.ask(id("customer-42"))).await.unwrap();
        let asked = until!(visitor, "the terms", PresenceStep::TermsRequested(asked) => asked);
        let mut sharing = soon("the session", asked.terms_displayed().accept()).await.unwrap();
        let (app, sender) = send_pushed(&mut sharing);
        let secret = mask(20, 30, 50, 20);
        let masks = masks(std::slice::from_ref(&secret));
        app.push(drawn(1), masks.clone());

        let mut viewing =
            until!(ada, "the agent to be in", RequestingStep::Accepted(viewing) => viewing);
        let mut viewer = ScreenViewer::new(&mut viewing);
        shows(&mut viewer, "the first frame", &covered(drawn(1), &masks)).await;
        assert_eq!(viewer.masks(), [secret]);
        app.push(drawn(2), Masks::none());
        shows(&mut viewer, "the second frame", &drawn(2)).await;
        assert_eq!(viewer.masks(), []);
        drop((sharing, viewing, sender));
        world.stop().await;
    });
}

#[test]
fn whoever_joins_late_sees_what_the_others_see() {
    story(async {
        let world = World::new();
        let (mut sharing, key) = by_key(world.visitor().await).await;
        let (app, sender) = send_pushed(&mut sharing);
        let mut ada = joined(&world, "ada", key).await;
        let mut first = ScreenViewer::new(&mut ada);
        app.push(drawn(1), Masks::none());
        shows(&mut first, "the first frame", &drawn(1)).await;

        // Nothing changes: the picture must come without a new frame.
        let mut grace = joined(&world, "grace", key).await;
        let mut second = ScreenViewer::new(&mut grace);
        shows(&mut second, "what was shown before", &drawn(1)).await;
        for number in 2..6 {
            app.push(drawn(number), Masks::none());
            shows(&mut first, "the next frame", &drawn(number)).await;
            shows(&mut second, "the next frame", &drawn(number)).await;
        }
        drop(ada.leave());
        app.push(drawn(9), Masks::none());
        shows(&mut second, "a frame after the other left", &drawn(9)).await;
        assert_eq!(over(&mut first).await, coview::PassOver::Ended);
        drop((sharing, grace, sender));
        world.stop().await;
    });
}

#[test]
fn a_sender_and_a_viewer_made_late_have_missed_nothing() {
    story(async {
        let world = World::new();
        let (mut sharing, key) = by_key(world.visitor().await).await;
        let mut ada = joined(&world, "ada", key).await;
        // The agent is in, and its app takes no picture; then the visitor's app begins to send.
        let (app, sender) = send_pushed(&mut sharing);
        app.push(drawn(1), Masks::none());
        let mut viewer = ScreenViewer::new(&mut ada);
        shows(&mut viewer, "the first frame", &drawn(1)).await;
        drop(viewer);
        // Another viewer of the same agent begins without a picture, and nothing changes.
        let mut viewer = ScreenViewer::new(&mut ada);
        shows(&mut viewer, "the same frame", &drawn(1)).await;
        // And so does another sender.
        let (app, again) = send_pushed(&mut sharing);
        app.push(drawn(2), Masks::none());
        shows(&mut viewer, "the frame of the other sender", &drawn(2)).await;
        assert_eq!(soon("the first sender to stop", sender).await, coview::smol::Stopped::Replaced);
        drop((sharing, ada, again));
        world.stop().await;
    });
}

#[test]
fn a_visitor_and_an_agent_in_any_state_share_and_see() {
    story(async {
        let world = World::new();
        let mut any = AnyVisitor::from(world.visitor().await);
        let (app, source) = coview::screen::app_frames();
        assert!(ScreenSender::of_any(&mut any, source, EXACT).is_none(), "nothing is shared");
        drop((app, any));
        let (sharing, key) = by_key(world.visitor().await).await;
        let mut any = AnyVisitor::from(sharing);
        let (app, source) = coview::screen::app_frames();
        let sender = ScreenSender::of_any(&mut any, source, EXACT).expect("it is sharing");
        let sender = smol::spawn(sender.run());
        app.push(drawn(1), Masks::none());
        let mut free = AnyAgent::from(world.agent("grace").await);
        assert!(ScreenViewer::of_any(&mut free).is_none(), "there is nothing to see");
        let mut agent = AnyAgent::from(joined(&world, "ada", key).await);
        let mut viewer = ScreenViewer::of_any(&mut agent).expect("it is viewing");
        shows(&mut viewer, "the frame", &drawn(1)).await;
        drop((any, agent, free, sender));
        world.stop().await;
    });
}

#[test]
fn an_agent_that_takes_no_picture_still_hears() {
    story(async {
        let world = World::new();
        let (mut sharing, key) = by_key(world.visitor().await).await;
        let (app, sender) = send_pushed(&mut sharing);
        let mut ada = joined(&world, "ada", key).await;
        let mut watching = ScreenViewer::new(&mut ada);
        // One that takes nothing at all, next to one that shows how far things are.
        let grace = joined(&world, "grace", key).await;
        for number in 0..40 {
            app.push(drawn(number), Masks::none());
            shows(&mut watching, "the next frame", &drawn(number)).await;
        }
        let visitor = sharing.end();
        let (_, why) = until!(
            grace,
            "the end",
            ViewingStep::Ended(agent, why) => (agent, why)
        );
        assert_eq!(why, coview::EndReason::Visitor);
        drop((visitor, ada, sender));
        world.stop().await;
    });
}

#[test]
fn a_step_that_is_not_waited_for_is_not_lost() {
    story(async {
        let world = World::new();
        let (mut sharing, key) = by_key(world.visitor().await).await;
        let (app, sender) = send_pushed(&mut sharing);
        let mut ada = joined(&world, "ada", key).await;
        let mut viewer = ScreenViewer::new(&mut ada);
        for number in 0..5 {
            app.push(drawn(number), Masks::none());
            // Given up again and again, at whatever point it is.
            while !viewer.picture().is_some_and(|picture| *picture == drawn(number)) {
                if let Some(ViewerStep::Over(why)) = poll_once(viewer.next()).await {
                    panic!("{why}");
                }
                smol::future::yield_now().await;
            }
        }
        drop((sharing, ada, sender));
        world.stop().await;
    });
}
