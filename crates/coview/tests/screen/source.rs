//! What becomes of the source.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use coview::screen::Capture;
use coview::screen::Damage;
use coview::screen::Frame;
use coview::screen::FrameSource;
use coview::screen::MaskState;
use coview::screen::Masks;
use coview::screen::Status;
use coview::smol::ScreenOptions;
use coview::smol::ScreenSender;
use coview::smol::ScreenViewer;
use coview::smol::Stopped;
use coview::smol::ViewerStep;

use crate::stage::*;
use crate::world::*;

async fn status(viewer: &mut ScreenViewer, status: Status) {
    while viewer.status() != status {
        if let ViewerStep::Over(why) = soon("the status", viewer.next()).await {
            panic!("instead of {status}: {why}");
        }
    }
}

#[test]
fn pause_resume_and_the_end_of_the_source_are_told() {
    story(async {
        let world = World::new();
        let (mut sharing, key) = by_key(world.visitor().await).await;
        let (app, sender) = send_pushed(&mut sharing);
        app.push(drawn(1), Masks::none());
        let mut ada = joined(&world, "ada", key).await;
        let mut viewer = ScreenViewer::new(&mut ada);
        shows(&mut viewer, "the frame", &drawn(1)).await;
        app.pause();
        status(&mut viewer, Status::Paused).await;
        app.push(drawn(2), Masks::none());
        app.resume();
        shows(&mut viewer, "the frame that was pushed meanwhile", &drawn(2)).await;
        assert_eq!(viewer.status(), Status::Live);
        // Masks for another size: nothing of the frame may be seen.
        let other = Masks::new(coview::screen::Size::new(10, 10), Vec::new()).unwrap();
        app.push(drawn(3), other);
        let mut blank = Frame::blank(SIZE).unwrap();
        blank.fill(SIZE.rect(), COVER);
        shows(&mut viewer, "a blank frame", &blank).await;
        status(&mut viewer, Status::Blank).await;
        app.close();
        status(&mut viewer, Status::Gone).await;
        assert_eq!(soon("the sender to stop", sender).await, Stopped::SourceGone);
        // The session goes on, and so does the screen with another source.
        let (app, sender) = send_pushed(&mut sharing);
        app.push(drawn(4), Masks::none());
        shows(&mut viewer, "a frame of another source", &drawn(4)).await;
        assert_eq!(viewer.status(), Status::Live);
        drop((sharing, ada, sender));
        world.stop().await;
    });
}

#[test]
fn an_agent_who_joins_after_the_end_of_the_source_is_told() {
    story(async {
        let world = World::new();
        let (mut sharing, key) = by_key(world.visitor().await).await;
        let (app, sender) = send_pushed(&mut sharing);
        app.push(drawn(1), Masks::none());
        let mut ada = joined(&world, "ada", key).await;
        let mut seen = ScreenViewer::new(&mut ada);
        shows(&mut seen, "the frame", &drawn(1)).await;
        app.close();
        assert_eq!(soon("the sender to stop", sender).await, Stopped::SourceGone);
        let sender = smol::spawn(ScreenSender::without_source(&mut sharing).run());
        let mut grace = joined(&world, "grace", key).await;
        let mut late = ScreenViewer::new(&mut grace);
        status(&mut late, Status::Gone).await;
        assert_eq!(late.picture(), None);
        // Whoever was there keeps the last picture.
        status(&mut seen, Status::Gone).await;
        assert_eq!(seen.picture(), Some(&drawn(1)));
        let visitor = sharing.end();
        assert_eq!(soon("the sender to stop", sender).await, Stopped::Ended);
        drop((visitor, ada, grace));
        world.stop().await;
    });
}

/// Gives one frame, then half of another, and breaks.
struct Broken(bool);

impl FrameSource for Broken {
    fn capture(&mut self, into: &mut Frame) -> Capture {
        *into = drawn(if self.0 { 666 } else { 1 });
        assert!(!self.0, "this source breaks on purpose");
        self.0 = true;
        Capture::Frame { damage: Damage::Unknown, masks: MaskState::Known(Masks::none()) }
    }
}

#[test]
fn a_source_that_panics_is_gone_and_shows_nothing_half_done() {
    story(async {
        let world = World::new();
        let (mut sharing, key) = by_key(world.visitor().await).await;
        let mut ada = joined(&world, "ada", key).await;
        let mut viewer = ScreenViewer::new(&mut ada);
        let sender = ScreenSender::new(&mut sharing, Broken(false), EXACT);
        let stopped = smol::spawn(sender.run());
        shows(&mut viewer, "the frame", &drawn(1)).await;
        status(&mut viewer, Status::Gone).await;
        assert_eq!(soon("the sender to stop", stopped).await, Stopped::SourcePanicked);
        assert!(viewer.picture().unwrap().shows_same(&drawn(1)));
        drop((sharing, ada));
        world.stop().await;
    });
}

/// Counts how often it is asked, and has the same picture always.
struct Counted(Arc<AtomicUsize>);

impl FrameSource for Counted {
    fn capture(&mut self, into: &mut Frame) -> Capture {
        if self.0.fetch_add(1, Ordering::Relaxed) > 0 {
            return Capture::Unchanged;
        }
        *into = drawn(1);
        Capture::Frame { damage: Damage::Unknown, masks: MaskState::Known(Masks::none()) }
    }
}

#[test]
fn nothing_is_captured_before_somebody_watches_and_then_at_once() {
    story(async {
        let world = World::new();
        let (mut sharing, key) = by_key(world.visitor().await).await;
        let asked = Arc::new(AtomicUsize::new(0));
        // One frame a second: the first must not wait for it, nor must the last.
        let options = ScreenOptions { fps: 0, lossy: false };
        let sender = ScreenSender::new(&mut sharing, Counted(Arc::clone(&asked)), options);
        let sender = smol::spawn(sender.run());
        let free = world.agent("ada").await;
        assert_eq!(asked.load(Ordering::Relaxed), 0, "nobody watches");
        let mut ada = soon("the agent to be in", free.join(key)).await.unwrap();
        let mut viewer = ScreenViewer::new(&mut ada);
        shows(&mut viewer, "the frame", &drawn(1)).await;
        assert!(asked.load(Ordering::Relaxed) >= 1);
        drop((sharing, ada, sender));
        world.stop().await;
    });
}
