//! What a visitor's app shows, frame by frame, and how it is sent while it is shared.

use core::time::Duration;
use std::fs;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::SystemTime;

use coview_screen::AppFrames;
use coview_screen::Capture;
use coview_screen::Damage;
use coview_screen::Frame;
use coview_screen::FrameSource;
use coview_screen::Mask;
use coview_screen::Masks;
use coview_screen::Rect;
use coview_screen::Size;
use coview_screen::app_frames;
use coview_screen::generated::GeneratedPage;
use coview_screen::generated::Scene;
use coview_smol::AnyVisitor;
use coview_smol::ScreenOptions;
use coview_smol::ScreenSender;
use coview_wire::SessionId;
use serde_json::Value;
use serde_json::json;
use smol::Task;
use smol::Timer;

use crate::Out;
use crate::Told;
use crate::order::Drawing;
use crate::order::MaskOrder;
use crate::visitor::Screen;

const PAGE: Size = Size::new(1280, 720);
/// What a viewer sees in place of what is covered.
const COVER: [u8; 3] = [0x2b, 0x2f, 0x36];

pub(crate) struct Frames {
    screen: Screen,
    app: Arc<Mutex<App>>,
    sends: Option<Sends>,
}

/// The session that is shared, and who sends its picture.
struct Sends {
    session: SessionId,
    _task: Task<()>,
}

/// What the app knows of its screen.
struct App {
    page: GeneratedPage,
    scene: Scene,
    private: Private,
    paused: bool,
    /// Where frames go while they are shared.
    handle: Option<AppFrames>,
    /// The number of the newest frame, and when each was captured, where every capture is a new one.
    number: u32,
    stamps: Vec<(u32, f64)>,
}

/// What is to be covered.
enum Private {
    /// What the page itself says.
    Page,
    Areas(Vec<Mask>),
    Unknown,
}

impl Frames {
    pub(crate) fn new(screen: Screen) -> Told<Self> {
        let mut page = GeneratedPage::new(PAGE, 1)?;
        page.pin(Scene::Still);
        let app = App {
            page,
            scene: Scene::Still,
            private: Private::Page,
            paused: false,
            handle: None,
            number: 0,
            stamps: Vec::new(),
        };
        Ok(Self { screen, app: Arc::new(Mutex::new(app)), sends: None })
    }

    /// Sends the picture of the session the visitor shares, if it is not being sent already.
    pub(crate) fn follow(&mut self, visitor: &mut AnyVisitor, name: &str, out: &Out) {
        let session = visitor.session();
        if self.sends.as_ref().map(|sends| sends.session) == session {
            return;
        }
        self.sends = None;
        lock(&self.app).handle = None;
        let Some(session) = session else { return };
        let task = if self.screen.stamped {
            let source = Stamped(Arc::clone(&self.app));
            send(visitor, source, self.screen, name.to_owned(), out.clone())
        } else {
            let (handle, source) = app_frames();
            let mut app = lock(&self.app);
            app.handle = Some(handle);
            if let Err(error) = app.push(Damage::Unknown) {
                out.event(name, "failed", json!({ "why": error.to_string() }));
            }
            drop(app);
            send(visitor, source, self.screen, name.to_owned(), out.clone())
        };
        self.sends = task.map(|task| Sends { session, _task: task });
    }

    pub(crate) fn draw(&self, what: Drawing, frames: u32, fps: u32, id: u64, out: &Out) {
        let (app, out, stamped) = (Arc::clone(&self.app), out.clone(), self.screen.stamped);
        smol::spawn(async move {
            let mut told = Ok(Value::Null);
            for at in 0..frames {
                if fps > 0 && at > 0 {
                    Timer::after(Duration::from_secs(1) / fps).await;
                }
                let mut app = lock(&app);
                told = app.begin(what).and_then(|begun| {
                    // Where every capture is a new frame, captures take the steps.
                    if stamped {
                        return Ok(Value::Null);
                    }
                    let damage = if begun { Damage::Unknown } else { app.page.step() };
                    app.push(damage).map(|()| Value::Null)
                });
                if told.is_err() {
                    break;
                }
            }
            out.answer(id, told);
        })
        .detach();
    }

    pub(crate) fn mask(&self, areas: Option<Vec<MaskOrder>>) -> Told<()> {
        let mut app = lock(&self.app);
        app.private = areas.map_or(Private::Page, |areas| {
            let mask = |MaskOrder { x, y, width, height, label }| {
                Mask::new(Rect::new(x, y, width, height), label)
            };
            Private::Areas(areas.into_iter().map(mask).collect())
        });
        // The masks changed and the pixels did not.
        app.push(Damage::Areas(Vec::new()))
    }

    pub(crate) fn forget_masks(&self) -> Told<()> {
        let mut app = lock(&self.app);
        app.private = Private::Unknown;
        app.push(Damage::Areas(Vec::new()))
    }

    pub(crate) fn pause(&self) {
        let mut app = lock(&self.app);
        app.paused = true;
        if let Some(handle) = &app.handle {
            handle.pause();
        }
    }

    pub(crate) fn resume(&self) {
        let mut app = lock(&self.app);
        app.paused = false;
        if let Some(handle) = &app.handle {
            handle.resume();
        }
    }

    /// The source ends; agents are told, and those who join later too.
    pub(crate) fn close(&mut self, visitor: &mut AnyVisitor) {
        if let Some(handle) = &lock(&self.app).handle {
            handle.close();
        }
        let session = visitor.session();
        let sender = ScreenSender::without_source_of_any(visitor);
        if let (Some(session), Some(sender)) = (session, sender) {
            let task = smol::spawn(async move {
                let _ = sender.run().await;
            });
            self.sends = Some(Sends { session, _task: task });
        }
    }

    /// What a viewer must see now: everything that is masked is covered.
    pub(crate) fn dump(&self, path: &str) -> Told<Value> {
        let frame = lock(&self.app).masked();
        fs::write(path, frame.pixels())?;
        Ok(json!({ "width": frame.size().width, "height": frame.size().height }))
    }

    /// The stamps since this was called last.
    pub(crate) fn stamps(&self) -> Value {
        json!(core::mem::take(&mut lock(&self.app).stamps))
    }
}

impl App {
    /// Makes the page that which is to go on; `false` if it is already.
    fn begin(&mut self, what: Drawing) -> Told<bool> {
        let scene = match what {
            Drawing::Page { width, height, seed } => {
                self.page = GeneratedPage::new(Size::new(width, height), seed)?;
                self.scene = Scene::Still;
                self.page.pin(self.scene);
                return Ok(true);
            }
            Drawing::Still => Scene::Still,
            Drawing::Typing => Scene::Typing,
            Drawing::Scroll { lines } => Scene::Scroll { lines },
            Drawing::ColumnScroll => Scene::ColumnScroll,
            Drawing::ScrollApart => Scene::ScrollApart,
            Drawing::Sideways => Scene::Sideways,
            Drawing::Jump => Scene::Jump,
            Drawing::Drag => Scene::Drag,
            Drawing::Video => Scene::Video,
            Drawing::Dialog => Scene::Dialog,
        };
        let begins = self.scene != scene;
        if begins {
            self.scene = scene;
            self.page.pin(scene);
        }
        Ok(begins)
    }

    fn push(&self, damage: Damage) -> Told<()> {
        let Some(handle) = &self.handle else { return Ok(()) };
        if self.paused {
            handle.pause();
        }
        let frame = self.page.frame().clone();
        let masks = match &self.private {
            Private::Page => self.page.masks().clone(),
            Private::Areas(areas) => Masks::new(frame.size(), areas.clone())?,
            // An app that laid its masks out for another size does not know where they are now.
            Private::Unknown => Masks::new(Size::new(u16::MAX, u16::MAX), Vec::new())?,
        };
        match damage {
            Damage::Unknown => handle.push(frame, masks),
            Damage::Areas(areas) => handle.push_damaged(frame, areas, masks),
        }
        Ok(())
    }

    /// Painted here and not by the crate under test.
    fn masked(&self) -> Frame {
        let mut frame = self.page.frame().clone();
        let all = [Mask::new(Rect::new(0, 0, u16::MAX, u16::MAX), "")];
        let masks = match &self.private {
            Private::Page => self.page.masks().list(),
            Private::Areas(areas) => areas,
            Private::Unknown => &all,
        };
        for mask in masks {
            frame.fill(mask.area, COVER);
        }
        frame
    }
}

/// A source whose every capture is a new frame that shows its number.
struct Stamped(Arc<Mutex<App>>);

impl FrameSource for Stamped {
    fn capture(&mut self, into: &mut Frame) -> Capture {
        let mut app = lock(&self.0);
        app.number += 1;
        let number = app.number;
        app.page.stamp(Some(number));
        let capture = app.page.capture(into);
        app.stamps.push((number, now_ms()));
        capture
    }
}

#[expect(clippy::disallowed_methods, reason = "the page of the benchmark reads the same clock")]
fn now_ms() -> f64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0.0, |now| now.as_secs_f64() * 1000.0)
}

fn lock(app: &Mutex<App>) -> MutexGuard<'_, App> {
    app.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends what comes out of the source, until there is no consent or no source any more.
fn send(
    visitor: &mut AnyVisitor,
    source: impl FrameSource + 'static,
    Screen { fps, lossy, .. }: Screen,
    name: String,
    out: Out,
) -> Option<Task<()>> {
    let sender = ScreenSender::of_any(visitor, source, ScreenOptions { fps, lossy })?;
    Some(smol::spawn(async move {
        let stopped = sender.run().await;
        out.event(&name, "stopped", json!({ "why": stopped.to_string() }));
    }))
}
