//! What is put on, and how it is watched.

use std::sync::Arc;
use std::sync::Mutex;

use coview::Anonymous;
use coview::IsSharing;
use coview::Manual;
use coview::SessionKey;
use coview::Sharing;
use coview::agent::Viewing;
use coview::screen::AppFrames;
use coview::screen::Capture;
use coview::screen::Frame;
use coview::screen::FrameSource;
use coview::screen::Mask;
use coview::screen::MaskState;
use coview::screen::Masks;
use coview::screen::Rect;
use coview::screen::Size;
use coview::screen::app_frames;
use coview::smol::Agent;
use coview::smol::ScreenOptions;
use coview::smol::ScreenSender;
use coview::smol::ScreenViewer;
use coview::smol::Stopped;
use coview::smol::ViewerStep;
use coview::smol::Visitor;
use smol::Task;

use crate::world::*;

pub const SIZE: Size = Size::new(200, 120);

/// What covered pixels look like.
pub const COVER: [u8; 3] = [0x2b, 0x2f, 0x36];

/// Fast, and every update exact.
pub const EXACT: ScreenOptions = ScreenOptions { fps: 60, lossy: false };

/// A picture that no other number gives, partly flat and partly not.
pub fn drawn(number: u32) -> Frame {
    let mut frame = Frame::blank(SIZE).unwrap();
    let mut state = number.wrapping_mul(2_654_435_761) | 1;
    for (at, pixel) in frame.pixels_mut().chunks_exact_mut(4).enumerate() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let flat = (at / 1_600 + number as usize).is_multiple_of(3);
        let [a, b, c, _] = if flat { [number as u8, 240, 16, 0] } else { state.to_be_bytes() };
        pixel.copy_from_slice(&[a, b, c & 0x0f, 255]);
    }
    frame
}

pub fn mask(x: u16, y: u16, width: u16, height: u16) -> Mask {
    Mask::new(Rect::new(x, y, width, height), "card number")
}

pub fn masks(list: &[Mask]) -> Masks {
    Masks::new(SIZE, list.to_vec()).unwrap()
}

/// The frame as agents may see it.
pub fn covered(mut frame: Frame, masks: &Masks) -> Frame {
    for mask in masks.list() {
        frame.fill(mask.area, COVER);
    }
    frame
}

pub type SharingByKey = Visitor<Sharing<Manual, Anonymous>>;

/// A visitor who shares by a key.
pub async fn by_key(visitor: Visitor<Anonymous>) -> (SharingByKey, SessionKey) {
    let sharing = soon("the session", visitor.start_manual()).await.unwrap();
    let key = SessionKey::parse(&sharing.key().to_string()).unwrap();
    (sharing, key)
}

/// An agent who has joined with the key.
pub async fn joined(world: &World, name: &str, key: SessionKey) -> Agent<Viewing> {
    soon("the agent to be in", world.agent(name).await.join(key)).await.unwrap()
}

/// A sender of the frames that are pushed, which runs.
pub fn send_pushed<S: IsSharing>(sharing: &mut Visitor<S>) -> (AppFrames, Task<Stopped>) {
    let (app, source) = app_frames();
    (app, smol::spawn(ScreenSender::new(sharing, source, EXACT).run()))
}

/// Waits until the viewer's picture is this one.
pub async fn shows(viewer: &mut ScreenViewer, what: &str, frame: &Frame) {
    while !viewer.picture().is_some_and(|picture| picture.shows_same(frame)) {
        if let ViewerStep::Over(why) = soon(what, viewer.next()).await {
            panic!("instead of {what}: {why}");
        }
    }
}

/// Waits until nothing comes any more, and says why.
pub async fn over(viewer: &mut ScreenViewer) -> coview::PassOver {
    loop {
        if let ViewerStep::Over(why) = soon("the end of the picture", viewer.next()).await {
            return why;
        }
    }
}

/// A source that gives a number of frames of another and then rests. What agents may see of the
/// last one is kept.
pub struct Ending<S> {
    source: S,
    frames: u32,
    shown: Shown,
}

/// The last frame of an [`Ending`], once it was given.
pub type Shown = Arc<Mutex<Option<Frame>>>;

impl<S: FrameSource> Ending<S> {
    pub fn new(source: S, frames: u32) -> (Self, Shown) {
        let shown = Shown::default();
        (Self { source, frames, shown: Arc::clone(&shown) }, shown)
    }
}

impl<S: FrameSource> FrameSource for Ending<S> {
    fn capture(&mut self, into: &mut Frame) -> Capture {
        if self.frames == 0 {
            return Capture::Unchanged;
        }
        let capture = self.source.capture(into);
        if let Capture::Frame { masks: MaskState::Known(masks), .. } = &capture {
            self.frames -= 1;
            if self.frames == 0 {
                *self.shown.lock().unwrap() = Some(covered(into.clone(), masks));
            }
        }
        capture
    }
}
