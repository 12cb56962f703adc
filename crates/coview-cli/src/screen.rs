//! What a visitor of this command shows: a display, a page that draws itself, or nothing.

use core::fmt;
use core::str::FromStr;
use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering;
use std::sync::Arc;

use coview_screen::Capture;
use coview_screen::Frame;
use coview_screen::FrameSource;
use coview_screen::Mask;
use coview_screen::MaskError;
#[cfg(unix)]
use coview_screen::MaskHandle;
use coview_screen::MaskState;
use coview_screen::Masks;
use coview_screen::Rect;
use coview_screen::Size;
use coview_screen::generated::GeneratedPage;
use coview_screen::generated::Scene;

use coview_smol::AnyVisitor;
use coview_smol::ScreenOptions;
use coview_smol::ScreenSender;
use coview_smol::Stopped;
#[cfg(unix)]
use coview_x11::Target;
#[cfg(unix)]
use coview_x11::X11Source;
use smol::Task;

use crate::failure::Failure;
use crate::share::line::printable;

/// What the generated page is as large as.
const PAGE: Size = Size::new(1280, 720);

/// What `--screen` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Screen {
    None,
    /// A page that draws itself: its whole story, or one scene again and again.
    Generated(Option<Scene>),
    /// A window of the display, or all of it.
    X11(Option<u32>),
}

impl Screen {
    /// What it is, for a person.
    pub(crate) fn in_words(self) -> String {
        match self {
            Self::None => "nothing".to_owned(),
            Self::Generated(_) => "a page that draws itself".to_owned(),
            Self::X11(None) => "this display".to_owned(),
            Self::X11(Some(id)) => format!("window {id:#x} of this display"),
        }
    }
}

impl FromStr for Screen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (what, which) = match text.split_once(':') {
            Some((what, which)) => (what, Some(which)),
            None => (text, None),
        };
        match (what, which) {
            ("none", None) => Ok(Self::None),
            ("generated", None) => Ok(Self::Generated(None)),
            ("generated", Some(name)) => scene(name).map(|scene| Self::Generated(Some(scene))),
            ("x11", None) => Ok(Self::X11(None)),
            ("x11", Some(id)) => window(id).map(|id| Self::X11(Some(id))),
            _ => Err("it is x11, x11:WINDOW, generated, generated:SCENE or none".to_owned()),
        }
    }
}

impl fmt::Display for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Generated(None) => f.write_str("generated"),
            Self::Generated(Some(scene)) => write!(f, "generated:{scene}"),
            Self::X11(None) => f.write_str("x11"),
            Self::X11(Some(id)) => write!(f, "x11:{id:#x}"),
        }
    }
}

fn scene(name: &str) -> Result<Scene, String> {
    Scene::ALL.into_iter().find(|scene| scene.to_string() == name).ok_or_else(|| {
        let all: Vec<_> = Scene::ALL.iter().map(Scene::to_string).collect();
        format!("`{}` is no scene; there are {}", printable(name), all.join(", "))
    })
}

fn window(text: &str) -> Result<u32, String> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    match u32::from_str_radix(digits, radix) {
        // A sign would be taken for part of the number.
        Ok(id) if id != 0 && !digits.starts_with('+') => Ok(id),
        Ok(_) | Err(_) => Err(format!(
            "`{}` is no window; write its number as `xwininfo` shows it, like 0x1c00003 or 29360131",
            printable(text)
        )),
    }
}

/// Reads `X,Y,WxH[:LABEL]`.
pub(crate) fn mask(text: &str) -> Result<Mask, String> {
    let (area, label) = text.split_once(':').unwrap_or((text, ""));
    let form = || "write it like 40,100,200x24 or 40,100,200x24:Password".to_owned();
    let (place, extent) = area.rsplit_once(',').ok_or_else(form)?;
    let (x, y) = place.split_once(',').ok_or_else(form)?;
    let (width, height) = extent.split_once('x').ok_or_else(form)?;
    let area = Rect {
        x: pixels("X", x)?,
        y: pixels("Y", y)?,
        width: pixels("the width", width)?,
        height: pixels("the height", height)?,
    };
    if area.is_empty() {
        return Err("it covers nothing: width and height must be at least 1".to_owned());
    }
    if label.chars().any(char::is_control) {
        return Err("the label has a control character".to_owned());
    }
    let mask = Mask::new(area, label);
    // The bounds of a label are those of the picture.
    match Masks::new(PAGE, vec![mask.clone()]) {
        Ok(_) => Ok(mask),
        Err(_) => Err(format!(
            "the label has {} bytes; at most {} are allowed",
            label.len(),
            Mask::LABEL_BYTES
        )),
    }
}

fn pixels(what: &str, text: &str) -> Result<u16, String> {
    let digits = text.trim();
    match digits.parse() {
        Ok(pixels) if !digits.starts_with('+') => Ok(pixels),
        Ok(_) | Err(_) => {
            Err(format!("{what} is `{}`, not a number from 0 to 65535", printable(digits)))
        }
    }
}

/// A screen as it is to be shown, from which every session gets a source of its own.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    screen: Screen,
    masks: Vec<Mask>,
    paused: Arc<AtomicBool>,
}

impl Shown {
    /// A screen covered by these masks, besides those its source brings along.
    ///
    /// # Errors
    ///
    /// There are more than a picture can have.
    pub(crate) fn new(screen: Screen, masks: Vec<Mask>) -> Result<Self, MaskError> {
        let masks = Masks::new(PAGE, masks)?.list().to_vec();
        Ok(Self { screen, masks, paused: Arc::default() })
    }

    pub(crate) const fn screen(&self) -> Screen {
        self.screen
    }

    /// How many areas are covered besides those the source covers by itself.
    pub(crate) const fn masks(&self) -> usize {
        self.masks.len()
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// Lets the picture stand still, or go on, in the session that runs and in those to come.
    pub(crate) fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    /// Finds out whether the screen can be shown, before anybody waits for it.
    pub(crate) fn try_out(&self) -> Result<(), Failure> {
        match self.source() {
            Ok(_) => Ok(()),
            Err(why) => Err(Failure::run(format_args!("--screen {}: {why}", self.screen))
                .with_remedy("give --screen generated to share a page that draws itself")),
        }
    }

    /// Opens the screen; `None` if nothing is to be shown.
    pub(crate) fn source(&self) -> Result<Option<Source>, String> {
        let source: Box<dyn FrameSource> = match self.screen {
            Screen::None => return Ok(None),
            Screen::Generated(scene) => {
                let mut page = GeneratedPage::new(PAGE, SEED).map_err(|error| error.to_string())?;
                if let Some(scene) = scene {
                    page.pin(scene);
                }
                Box::new(page)
            }
            Screen::X11(window) => display(window)?,
        };
        Ok(Some(Source { source, masks: self.masks.clone(), paused: Arc::clone(&self.paused) }))
    }
}

/// The display, or one window of it.
#[cfg(unix)]
fn display(window: Option<u32>) -> Result<Box<dyn FrameSource>, String> {
    let target = window.map_or(Target::Root, Target::Window);
    // What is covered besides is added to each frame, which may have another size than the last.
    let masks = MaskHandle::new(Masks::none());
    match X11Source::open(None, target, masks) {
        Ok(source) => Ok(Box::new(source)),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(not(unix))]
fn display(_: Option<u32>) -> Result<Box<dyn FrameSource>, String> {
    Err("X displays are shared on Unix only".to_owned())
}

/// The page looks the same every time.
const SEED: u64 = 1;

/// A source with more masks than it brings along, and which can be paused.
pub(crate) struct Source {
    source: Box<dyn FrameSource>,
    masks: Vec<Mask>,
    paused: Arc<AtomicBool>,
}

impl Source {
    /// What is covered, together. If that cannot be told, it is unknown and nothing is shown.
    fn covered(&self, masks: MaskState, size: Size) -> MaskState {
        let own = match masks {
            MaskState::Known(own) if own.fit(size) => own,
            unfit @ MaskState::Known(_) => return unfit,
            MaskState::Unknown => return MaskState::Unknown,
        };
        if self.masks.is_empty() {
            return MaskState::Known(own);
        }
        let all = own.list().iter().chain(&self.masks).cloned().collect();
        Masks::new(size, all).map_or(MaskState::Unknown, MaskState::Known)
    }
}

/// What runs of the picture while a session does.
#[derive(Default)]
pub(crate) enum Showing {
    /// No session runs.
    #[default]
    Nothing,
    Sending(Task<Stopped>),
    /// The source is gone, and nobody tells the agents who join now.
    Gone,
    /// The source is gone, and agents who join are told. The task ends with the session, or when this
    /// is dropped.
    Telling {
        _tells: Task<Stopped>,
    },
    /// The session goes on without a picture.
    Over,
}

/// What became of the picture.
pub(crate) enum Shows {
    /// It can be seen from now on.
    Started,
    /// This session has none: nothing was chosen, or it cannot be opened.
    None(Option<String>),
    /// It stopped; the session may go on.
    Stopped(Stopped),
}

impl Showing {
    /// Keeps up with the session: begins to send when one runs, and stops when none does. Gives
    /// what is new about the picture, if anything is.
    pub(crate) fn follow(
        &mut self,
        visitor: &mut AnyVisitor,
        shown: &Shown,
        fps: u8,
    ) -> Option<Shows> {
        let sharing = visitor.state().is_sharing();
        match (&self, sharing) {
            (Self::Nothing, false)
            | (Self::Sending(_) | Self::Telling { .. } | Self::Over, true) => None,
            (Self::Gone, true) => {
                let sender = ScreenSender::without_source_of_any(visitor)?;
                *self = Self::Telling { _tells: smol::spawn(sender.run()) };
                None
            }
            (Self::Sending(_), false) => {
                // The right to send ended with the session; the task finds out by itself.
                *self = Self::Nothing;
                Some(Shows::Stopped(Stopped::Ended))
            }
            (Self::Gone | Self::Telling { .. } | Self::Over, false) => {
                *self = Self::Nothing;
                None
            }
            (Self::Nothing, true) => {
                *self = Self::Over;
                let source = match shown.source() {
                    Ok(Some(source)) => source,
                    Ok(None) => return Some(Shows::None(None)),
                    Err(why) => return Some(Shows::None(Some(why))),
                };
                let options = ScreenOptions { fps, ..ScreenOptions::default() };
                let sender = ScreenSender::of_any(visitor, source, options)?;
                *self = Self::Sending(smol::spawn(sender.run()));
                Some(Shows::Started)
            }
        }
    }

    /// Waits until the picture stops by itself; for ever if there is none.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub(crate) async fn next(&mut self) -> Shows {
        let Self::Sending(task) = self else { return core::future::pending().await };
        let stopped = task.await;
        *self = match stopped {
            Stopped::SourceGone | Stopped::SourcePanicked => Self::Gone,
            Stopped::Ended | Stopped::Closed | Stopped::Replaced => Self::Over,
        };
        Shows::Stopped(stopped)
    }
}

impl FrameSource for Source {
    fn capture(&mut self, into: &mut Frame) -> Capture {
        if self.paused.load(Ordering::Relaxed) {
            return Capture::Paused;
        }
        match self.source.capture(into) {
            Capture::Frame { damage, masks } => {
                Capture::Frame { damage, masks: self.covered(masks, into.size()) }
            }
            other @ (Capture::Unchanged | Capture::Paused | Capture::Gone) => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use coview_screen::Damage;
    use coview_screen::app_frames;

    use super::*;

    #[test]
    fn screens_are_read() {
        for (text, screen) in [
            ("none", Screen::None),
            ("generated", Screen::Generated(None)),
            ("generated:still", Screen::Generated(Some(Scene::Still))),
            ("generated:scroll-24", Screen::Generated(Some(Scene::Scroll { lines: 24 }))),
            ("x11", Screen::X11(None)),
            ("x11:29360131", Screen::X11(Some(29_360_131))),
            ("x11:0x1c00003", Screen::X11(Some(0x1c0_0003))),
        ] {
            assert_eq!(text.parse(), Ok(screen));
            assert_eq!(screen.to_string().parse(), Ok(screen));
        }
    }

    #[test]
    fn wrong_screens_are_told() {
        for (text, told) in [
            ("wayland", "it is x11, x11:WINDOW, generated, generated:SCENE or none"),
            ("none:1", "it is x11, x11:WINDOW, generated, generated:SCENE or none"),
            (
                "generated:rain",
                "`rain` is no scene; there are still, typing, scroll-3, scroll-24, column-scroll, \
                 scroll-apart, sideways, jump, drag, video, dialog",
            ),
            (
                "x11:firefox",
                "`firefox` is no window; write its number as `xwininfo` shows it, like 0x1c00003 or \
                 29360131",
            ),
        ] {
            assert_eq!(text.parse::<Screen>().unwrap_err(), told);
        }
        for text in ["x11:", "x11:0", "x11:+7", "x11:0x", "x11:0x+1", "x11:-1", "x11:4294967296"] {
            assert!(text.parse::<Screen>().is_err(), "{text}");
        }
    }

    #[test]
    fn masks_are_read() {
        let area = Rect::new(40, 100, 200, 24);
        assert_eq!(mask("40,100,200x24"), Ok(Mask::new(area, "")));
        assert_eq!(mask("40,100,200x24:Pass: word, 2"), Ok(Mask::new(area, "Pass: word, 2")));
        assert_eq!(mask("0,0,65535x1:é"), Ok(Mask::new(Rect::new(0, 0, 65535, 1), "é")));
    }

    #[test]
    fn wrong_masks_are_told() {
        let long = format!("1,1,1x1:{}", "a".repeat(256));
        for (text, told) in [
            ("", "write it like 40,100,200x24 or 40,100,200x24:Password"),
            ("1,2,3", "write it like 40,100,200x24 or 40,100,200x24:Password"),
            ("1,2x3", "write it like 40,100,200x24 or 40,100,200x24:Password"),
            ("1,2,0x5", "it covers nothing: width and height must be at least 1"),
            ("-1,2,3x4", "X is `-1`, not a number from 0 to 65535"),
            ("1,two,3x4", "Y is `two`, not a number from 0 to 65535"),
            ("1,2,3x70000", "the height is `70000`, not a number from 0 to 65535"),
            ("1,2,3x4:a\u{7}", "the label has a control character"),
            (&long, "the label has 256 bytes; at most 255 are allowed"),
        ] {
            assert_eq!(mask(text).unwrap_err(), told, "{text}");
        }
    }

    #[test]
    fn own_masks_are_added_to_those_of_the_source() {
        let size = Size::new(64, 48);
        let (app, source) = app_frames();
        let theirs = Mask::new(Rect::new(1, 2, 3, 4), "theirs");
        let mine = Mask::new(Rect::new(5, 6, 7, 8), "mine");
        let paused = Arc::new(AtomicBool::new(false));
        let mut source = Source {
            source: Box::new(source),
            masks: vec![mine.clone()],
            paused: Arc::clone(&paused),
        };
        let mut frame = Frame::blank(Size::new(1, 1)).unwrap();
        let blank = || Frame::blank(size).unwrap();

        app.push(blank(), Masks::new(size, vec![theirs.clone()]).unwrap());
        let covered = MaskState::Known(Masks::new(size, vec![theirs, mine.clone()]).unwrap());
        let captured = Capture::Frame { damage: Damage::Unknown, masks: covered };
        assert_eq!(source.capture(&mut frame), captured);

        paused.store(true, Ordering::Relaxed);
        app.push(blank(), Masks::none());
        assert_eq!(source.capture(&mut frame), Capture::Paused);
        paused.store(false, Ordering::Relaxed);
        let covered = MaskState::Known(Masks::new(size, vec![mine.clone()]).unwrap());
        let captured = Capture::Frame { damage: Damage::Unknown, masks: covered };
        assert_eq!(source.capture(&mut frame), captured);
    }

    #[test]
    fn masks_that_cannot_be_told_are_unknown() {
        let size = Size::new(64, 48);
        let many = |count| vec![Mask::new(Rect::new(0, 0, 1, 1), ""); count];
        let (_, source) = app_frames();
        let source = Source { source: Box::new(source), masks: many(200), paused: Arc::default() };

        assert_eq!(source.covered(MaskState::Unknown, size), MaskState::Unknown);
        let too_many = MaskState::Known(Masks::new(size, many(100)).unwrap());
        assert_eq!(source.covered(too_many, size), MaskState::Unknown);
        let other = MaskState::Known(Masks::new(Size::new(9, 9), many(1)).unwrap());
        let MaskState::Known(unfit) = source.covered(other, size) else { panic!("it is known") };
        assert!(!unfit.fit(size));
    }
}
