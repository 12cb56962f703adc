//! What is covered is told for the record: at the beginning, and before the first picture in which it
//! differs.
#![cfg(feature = "screen")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::Future;

use coview_lifecycle::Anonymous;
use coview_lifecycle::Arrival;
use coview_lifecycle::Connectivity;
use coview_lifecycle::Manual;
use coview_lifecycle::Sharing;
use coview_lifecycle::Visitor;
use coview_lifecycle::queue;
use coview_lifecycle::queue::Peer;
use coview_lifecycle::queue::QueueLink;
use coview_screen::AppFrames;
use coview_screen::Frame;
use coview_screen::Mask;
use coview_screen::Masks;
use coview_screen::Rect;
use coview_screen::Size;
use coview_screen::app_frames;
use coview_smol::ScreenOptions;
use coview_smol::ScreenSender;
use coview_smol::Stopped;
use coview_wire::MaskNotice;
use coview_wire::MaskState;
use coview_wire::Picture;
use coview_wire::SessionId;
use coview_wire::ViewerEvent;
use coview_wire::ViewerId;
use futures_lite::FutureExt;

const SIZE: Size = Size::new(64, 48);
const VIEWER: ViewerId = ViewerId::new(1);

#[derive(Debug, PartialEq)]
enum Said {
    Masks(MaskState),
    Picture,
}

struct Stage {
    sharing: Visitor<Sharing<Manual, Anonymous>, QueueLink>,
    session: SessionId,
    app: AppFrames,
    peer: Peer,
    color: u8,
}

impl Stage {
    /// A visitor who shares what the app pushes, and the sender of it.
    async fn new() -> (Self, impl Future<Output = Stopped>) {
        let (visitor, mut peer) = queue::visitor();
        peer.grant_all();
        let mut sharing = visitor.start_manual().await.unwrap();
        let (app, source) = app_frames();
        let options = ScreenOptions { fps: 60, lossy: false };
        let sender = ScreenSender::new(&mut sharing, source, options);
        let session = sharing.session();
        (Self { sharing, session, app, peer, color: 0 }, sender.run())
    }

    /// A frame unlike the one before, under so many masks made for this size.
    fn push(&mut self, masks: u16, size: Size) {
        self.color += 1;
        let mut frame = Frame::blank(SIZE).unwrap();
        frame.fill(Rect::new(0, 0, 64, 48), [self.color, 0, 0]);
        let masks = (0..masks).map(|at| Mask::new(Rect::new(at * 4, 0, 2, 2), "covered")).collect();
        self.app.push(frame, Masks::new(size, masks).unwrap());
    }

    /// The next thing the sender says.
    async fn said(&mut self) -> Said {
        loop {
            if let Some(bytes) = self.peer.picture() {
                return read(self.session, &bytes);
            }
            futures_lite::future::yield_now().await;
        }
    }

    /// The next thing the sender says about masks is this, and a picture follows it.
    async fn tells(&mut self, state: MaskState) {
        while self.is_shown(state).await {}
        assert_eq!(self.said().await, Said::Picture);
    }

    /// The very next thing the sender says is this, before any picture.
    async fn tells_first(&mut self, state: MaskState) {
        assert_eq!(self.said().await, Said::Masks(state));
        assert_eq!(self.said().await, Said::Picture);
    }

    /// Whether the next thing is a piece of a picture, rather than that this is covered.
    async fn is_shown(&mut self, state: MaskState) -> bool {
        let said = self.said().await;
        assert!(said == Said::Picture || said == Said::Masks(state), "{said:?}");
        said == Said::Picture
    }

    fn joins(&mut self) {
        self.peer.viewer(VIEWER, ViewerEvent::Joined);
    }
}

fn read(session: SessionId, bytes: &[u8]) -> Said {
    if MaskNotice::is_in(bytes) {
        let notice = MaskNotice::decode(bytes).unwrap();
        assert_eq!(notice.session, session);
        Said::Masks(notice.state)
    } else {
        assert_eq!(Picture::decode(bytes).unwrap().session(), session);
        Said::Picture
    }
}

/// Plays a story while the sender runs; the story ends it.
fn play<F: Future<Output = Stage>>(story: impl FnOnce(Stage) -> F) -> Stage {
    smol::block_on(async {
        let (stage, sends) = Stage::new().await;
        let story = async { Some(story(stage).await) };
        let sends = async {
            let stopped = sends.await;
            panic!("the sender stopped: {stopped}");
        };
        story.or(sends).await.unwrap()
    })
}

const fn known(areas: u32) -> MaskState {
    MaskState::Known { areas }
}

#[test]
fn it_is_told_once_at_the_beginning_when_nobody_watches() {
    play(|mut stage| async move {
        assert_eq!(stage.said().await, Said::Masks(MaskState::Unknown));
        stage.push(0, SIZE);
        stage
    });
}

#[test]
fn the_number_of_areas_is_told_before_the_picture_that_has_them() {
    play(|mut stage| async move {
        assert_eq!(stage.said().await, Said::Masks(MaskState::Unknown));
        stage.push(0, SIZE);
        stage.joins();
        stage.tells_first(known(0)).await;
        stage.push(2, SIZE);
        stage.tells(known(2)).await;
        // Another picture with as many areas is no news.
        stage.push(2, SIZE);
        assert_eq!(stage.said().await, Said::Picture);
        stage.push(1, SIZE);
        stage.tells(known(1)).await;
        stage
    });
}

#[test]
fn masks_that_do_not_fit_are_unknown() {
    play(|mut stage| async move {
        assert_eq!(stage.said().await, Said::Masks(MaskState::Unknown));
        stage.push(1, SIZE);
        stage.joins();
        stage.tells_first(known(1)).await;
        stage.push(1, Size::new(32, 48));
        stage.tells(MaskState::Unknown).await;
        stage.push(1, SIZE);
        stage.tells(known(1)).await;
        stage
    });
}

#[test]
fn after_a_break_it_is_told_again_before_the_next_picture() {
    play(|mut stage| async move {
        assert_eq!(stage.said().await, Said::Masks(MaskState::Unknown));
        stage.push(3, SIZE);
        stage.joins();
        stage.tells_first(known(3)).await;
        stage.peer.arrive(Arrival::Connectivity(Connectivity::Reconnecting));
        stage.peer.arrive(Arrival::Connectivity(Connectivity::Connected));
        stage.joins();
        stage.tells(known(3)).await;
        stage
    });
}

#[test]
fn a_screen_without_a_source_tells_that_nothing_is_known() {
    smol::block_on(async {
        let (visitor, mut peer) = queue::visitor();
        peer.grant_all();
        let mut sharing = visitor.start_manual().await.unwrap();
        let sends = ScreenSender::without_source(&mut sharing).run();
        let told = async {
            loop {
                if let Some(bytes) = peer.picture() {
                    break Some(read(sharing.session(), &bytes));
                }
                futures_lite::future::yield_now().await;
            }
        };
        let sends = async {
            sends.await;
            None
        };
        assert_eq!(told.or(sends).await, Some(Said::Masks(MaskState::Unknown)));
    });
}

#[test]
fn nothing_is_told_after_the_end() {
    smol::block_on(async {
        let (mut stage, sends) = Stage::new().await;
        let visitor = stage.sharing.end();
        assert_eq!(sends.await, Stopped::Ended);
        assert_eq!(stage.peer.picture(), None);
        drop(visitor);
    });
}
