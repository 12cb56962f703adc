//! The start tracker: is the key of this session shown to the visitor?
//!
//! It knows no presence, no message and no socket. It is told, in whatever order the world delivers
//! it, that a start was *asked* for, *connected*, *failed* or *ended*, and answers whether there is
//! a key to display: [`KeyDisplay::Show`] or [`KeyDisplay::Hidden`].
//!
//! The rule it keeps: **the key shown belongs to a manual start whose session runs, or there is
//! none.** The same *connected* event answers both kinds of start; which kind it was is known by its
//! [`StartId`], never by what was started last.
//!
//! The types of `coview-lifecycle` use it. An app built on another SDK can use it alone:
//!
//! ```
//! use coview_start::{KeyDisplay, StartId, StartMode, StartTracker};
//!
//! let mut tracker = StartTracker::new();
//!
//! // The visitor taps share; the SDK answers with a key of its own making.
//! tracker.asked(StartId::new(1), StartMode::Manual);
//! tracker.connected_with_text(StartId::new(1), "4711");
//! let KeyDisplay::Show(key) = tracker.display() else { panic!() };
//! assert_eq!(key.to_string(), "4711");
//! tracker.ended(StartId::new(1));
//!
//! // An agent clicks, the visitor accepts; the SDK sends a "key" here too: the visitor id.
//! tracker.asked(StartId::new(2), StartMode::OneClick);
//! tracker.connected_with_text(StartId::new(2), "customer-42");
//! assert_eq!(tracker.display(), KeyDisplay::Hidden);
//! ```

#![no_std]

extern crate alloc;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use coview_wire::SessionKey;
pub use coview_wire::StartId;

/// How a session was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StartMode {
    /// The visitor tapped *share*: the key is shown and read out.
    Manual,
    /// The visitor accepted an agent's request: no key is shown.
    OneClick,
}

/// What an app displays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyDisplay<'a> {
    /// Show this key to the visitor, who reads it out.
    Show(&'a DisplayKey),
    /// Show no key.
    Hidden,
}

/// A key that may be shown. Only a [`StartTracker`] makes one, and only for a manual start.
///
/// `Display` writes it as it is read out; `Debug` redacts it.
///
/// It cannot be made any other way:
///
/// ```compile_fail,E0603
/// let key = coview_start::DisplayKey("123 456 786".into());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct DisplayKey(Box<str>);

/// What became of something the tracker was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Noted {
    /// It was news.
    New,
    /// It was known already, as after a reconnect; nothing changed.
    Repeated,
    /// It is about a start that was never asked for or is over; nothing changed.
    Stale,
}

/// The most starts that can be open at once. Beyond that the oldest that never connected is
/// forgotten, which hides its key.
pub const OPEN_STARTS: usize = 8;

/// Keeps which start each session came from. See the [crate documentation](crate).
#[derive(Clone, Debug, Default)]
pub struct StartTracker {
    /// The open starts; those that are connected stand in the order in which they connected, after
    /// those that are not.
    open: Vec<Start>,
    /// The newest start ever asked for. Ids only grow, so nothing that is over comes back to life.
    newest: Option<StartId>,
}

#[derive(Clone, Debug)]
struct Start {
    id: StartId,
    mode: StartMode,
    session: Session,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Session {
    Awaited,
    Connected(Option<DisplayKey>),
}

impl StartTracker {
    /// A tracker that knows of no start.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A start was asked for. Its id must be greater than that of any start before.
    pub fn asked(&mut self, id: StartId, mode: StartMode) -> Noted {
        if self.open.iter().any(|start| start.id == id) {
            return Noted::Repeated;
        }
        if self.newest.is_some_and(|newest| id <= newest) {
            return Noted::Stale;
        }
        self.newest = Some(id);
        if self.open.len() == OPEN_STARTS {
            self.open.remove(0);
        }
        let at = self.open.partition_point(|start| start.session == Session::Awaited);
        self.open.insert(at, Start { id, mode, session: Session::Awaited });
        Noted::New
    }

    /// The session of a start is connected. The key is kept only if the start was manual; a
    /// repeated *connected*, as after a reconnect, changes nothing.
    pub fn connected(&mut self, id: StartId, key: Option<&SessionKey>) -> Noted {
        self.connect(id, || {
            key.map(|key| {
                let mut text = String::new();
                key.write_grouped(&mut text).expect("writing to a String cannot fail");
                DisplayKey(text.into_boxed_str())
            })
        })
    }

    /// Like [`connected`](Self::connected), for an SDK whose keys are text of its own making. The
    /// key is shown as it is; an empty text is no key.
    ///
    /// ```
    /// use coview_start::{KeyDisplay, StartId, StartMode, StartTracker};
    ///
    /// let mut tracker = StartTracker::new();
    /// tracker.asked(StartId::new(1), StartMode::Manual);
    /// tracker.connected_with_text(StartId::new(1), "");
    /// assert_eq!(tracker.display(), KeyDisplay::Hidden);
    /// ```
    pub fn connected_with_text(&mut self, id: StartId, key: &str) -> Noted {
        self.connect(id, || (!key.is_empty()).then(|| DisplayKey(Box::from(key))))
    }

    fn connect(&mut self, id: StartId, key: impl FnOnce() -> Option<DisplayKey>) -> Noted {
        let Some(at) = self.open.iter().position(|start| start.id == id) else {
            return Noted::Stale;
        };
        if self.open[at].session != Session::Awaited {
            return Noted::Repeated;
        }
        let mut start = self.open.remove(at);
        start.session = Session::Connected(match start.mode {
            StartMode::Manual => key(),
            StartMode::OneClick => None,
        });
        self.open.push(start);
        Noted::New
    }

    /// A start was refused or given up.
    pub fn failed(&mut self, id: StartId) -> Noted {
        self.forget(id)
    }

    /// The session of a start is over.
    pub fn ended(&mut self, id: StartId) -> Noted {
        self.forget(id)
    }

    fn forget(&mut self, id: StartId) -> Noted {
        let before = self.open.len();
        self.open.retain(|start| start.id != id);
        if self.open.len() < before { Noted::New } else { Noted::Stale }
    }

    /// What to display now: the key of the session that connected last and still runs, if that
    /// session was started manually.
    #[must_use]
    pub fn display(&self) -> KeyDisplay<'_> {
        self.open.last().map_or(KeyDisplay::Hidden, Start::display)
    }

    /// What to display for the session of one start.
    #[must_use]
    pub fn display_of(&self, id: StartId) -> KeyDisplay<'_> {
        self.open.iter().find(|start| start.id == id).map_or(KeyDisplay::Hidden, Start::display)
    }
}

impl Start {
    fn display(&self) -> KeyDisplay<'_> {
        match &self.session {
            Session::Connected(Some(key)) => KeyDisplay::Show(key),
            Session::Connected(None) | Session::Awaited => KeyDisplay::Hidden,
        }
    }
}

impl fmt::Display for DisplayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for DisplayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DisplayKey(redacted)")
    }
}
