//! The picture of the session an agent is in: what is told of it, and where it is kept.

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

use coview_lifecycle::PassOver;
use coview_screen::Frame;
use coview_screen::Mask;
use coview_screen::Status;
use coview_smol::ScreenViewer;
use coview_smol::ViewerStep;
use coview_wire::SessionId;
use futures_lite::FutureExt;
use serde_json::json;

use super::AnyAgent;
use super::save::Keep;
use super::save::write;
use crate::failure::Failure;
use crate::say::BOLD;
use crate::say::DIM;
use crate::say::Event;
use crate::say::GOOD;
use crate::say::WARN;

/// What the agent sees.
pub(super) struct Picture {
    keep: Keep,
    watching: Option<Watching>,
}

/// The picture of one session.
struct Watching {
    session: SessionId,
    viewer: ScreenViewer,
    over: bool,
    /// Whether it was told that there is a picture, and what of it.
    came: bool,
    status: Status,
    /// The labels of what is covered, in order, and all that were told to a person.
    labels: Vec<String>,
    told: BTreeSet<String>,
    /// Where it was written, if it was.
    kept: Option<PathBuf>,
}

/// What there is to do about the picture.
pub(super) enum Seen {
    Step(ViewerStep),
    /// It is time to write it.
    Due,
}

impl Picture {
    /// Pictures are kept in this place, if there is one.
    pub(super) fn new(place: Option<PathBuf>) -> Result<Self, Failure> {
        Ok(Self { keep: Keep::new(place)?, watching: None })
    }

    /// Keeps up with the agent: watches while in a session, and writes what is not written when it
    /// is over. Gives what there is to tell.
    pub(super) fn follow(&mut self, agent: &mut AnyAgent) -> Vec<Event> {
        let session = match agent {
            AnyAgent::Viewing(viewing) => Some(viewing.session()),
            AnyAgent::SignedIn(_) | AnyAgent::Requesting(_) | AnyAgent::Joining(_) => None,
        };
        if self.watching.as_ref().map(|watching| watching.session) == session {
            return Vec::new();
        }
        let told = self.finish();
        if let (Some(session), Some(viewer)) = (session, ScreenViewer::of_any(agent)) {
            self.keep.begin();
            self.watching = Some(Watching {
                session,
                viewer,
                over: false,
                came: false,
                status: Status::Live,
                labels: Vec::new(),
                told: BTreeSet::new(),
                kept: None,
            });
        }
        told
    }

    /// The session is over, or the agent leaves: writes what is not written.
    pub(super) fn finish(&mut self) -> Vec<Event> {
        let mut told: Vec<_> = self.write().into_iter().collect();
        if let Some(file) = self.watching.take().and_then(|watching| watching.kept) {
            let file = file.display();
            told.push(
                Event::new(
                    "kept",
                    format_args!("{DIM}●{DIM:#} the last picture is in {BOLD}{file}{BOLD:#}"),
                )
                .with("file", file.to_string()),
            );
        }
        told
    }

    /// Waits for what there is to do about the picture; for ever if there is none.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub(super) async fn next(&mut self) -> Seen {
        let Self { keep, watching } = self;
        let Some(watching) = watching.as_mut().filter(|watching| !watching.over) else {
            return core::future::pending().await;
        };
        let due = async {
            keep.due().await;
            Seen::Due
        };
        // Writing waits for a moment without news, unless it is due.
        let step = async { Seen::Step(watching.viewer.next().await) };
        due.or(step).await
    }

    /// Acts on it, and gives what there is to tell.
    pub(super) fn saw(&mut self, seen: Seen) -> Vec<Event> {
        match seen {
            Seen::Due => self.write().into_iter().collect(),
            Seen::Step(step) => {
                let Some(watching) = &mut self.watching else { return Vec::new() };
                if matches!(step, ViewerStep::Updated { .. }) {
                    self.keep.changed();
                }
                watching.saw(&step)
            }
        }
    }

    /// Writes the picture to this file, whatever is kept elsewhere.
    pub(super) fn save(&self, file: &Path) -> Result<Event, String> {
        let picture = self.watching.as_ref().and_then(|watching| watching.viewer.picture());
        let picture = picture.ok_or("there is no picture yet")?;
        write(file, picture)?;
        Ok(saved(file, picture))
    }

    fn write(&mut self) -> Option<Event> {
        let watching = self.watching.as_mut()?;
        let picture = watching.viewer.picture()?;
        match self.keep.write(watching.session, picture)? {
            Ok(file) => {
                let first = watching.kept.is_none();
                let mut event = saved(&file, picture);
                if !first {
                    // A person is told of the first and the last time only.
                    event = event.without_words();
                }
                watching.kept = Some(file);
                Some(event)
            }
            Err(why) => Some(
                Event::new("error", format_args!("{WARN}!{WARN:#} not written: {why}"))
                    .with("message", why),
            ),
        }
    }
}

impl Watching {
    fn saw(&mut self, step: &ViewerStep) -> Vec<Event> {
        let mut told = Vec::new();
        match step {
            ViewerStep::Updated { .. } => {
                let size = self.viewer.picture().map(Frame::size);
                if let (false, Some(size)) = (self.came, size) {
                    self.came = true;
                    told.push(
                        Event::new(
                            "picture",
                            format_args!("{GOOD}●{GOOD:#} you see the screen: {size}"),
                        )
                        .with("width", size.width)
                        .with("height", size.height),
                    );
                }
                told.extend(self.masks());
            }
            ViewerStep::Status(status) => told.extend(self.status(*status)),
            ViewerStep::OutOfStep | ViewerStep::Interrupted => {}
            // Why the session is over is told by the agent's own step.
            ViewerStep::Over(PassOver::Ended | PassOver::Closed | PassOver::Replaced) => {
                self.over = true;
            }
        }
        told
    }

    /// What is covered, if that is news. That a mask moves with what it covers is none, and a person
    /// is not told again of one that comes back.
    fn masks(&mut self) -> Option<Event> {
        let masks = self.viewer.masks();
        let mut labels: Vec<_> = masks.iter().map(|mask| mask.label.clone()).collect();
        labels.sort();
        if labels == self.labels {
            return None;
        }
        self.labels = labels;
        let known = self.told.len();
        self.told.extend(self.labels.iter().cloned());
        let named = |label: &String| match label.as_str() {
            "" => "(no label)".to_owned(),
            label => label.to_owned(),
        };
        let named: Vec<_> = self.labels.iter().map(named).collect();
        let text = format!("{DIM}●{DIM:#} covered: {}", named.join(", "));
        let list: Vec<_> = masks
            .iter()
            .map(|Mask { area, label }| {
                json!({
                    "x": area.x, "y": area.y, "width": area.width, "height": area.height,
                    "label": label,
                })
            })
            .collect();
        let event = Event::new("masks", text).with("masks", list);
        Some(if self.told.len() > known { event } else { event.without_words() })
    }

    fn status(&mut self, status: Status) -> Option<Event> {
        if self.status == status {
            return None;
        }
        self.status = status;
        let (name, style, text) = match status {
            Status::Live => ("picture_live", GOOD, "the picture goes on"),
            Status::Paused => ("picture_paused", DIM, "the picture stands still: the app pauses"),
            Status::Blank => (
                "picture_blank",
                WARN,
                "the picture is blank: the app cannot tell what is to be covered",
            ),
            Status::Gone => ("picture_gone", WARN, "no more pictures come: the screen is gone"),
        };
        Some(Event::new(name, format_args!("{style}●{style:#} {text}")))
    }
}

fn saved(file: &Path, picture: &Frame) -> Event {
    let (file, size) = (file.display(), picture.size());
    Event::new(
        "saved",
        format_args!("{GOOD}●{GOOD:#} the picture is written to {BOLD}{file}{BOLD:#}"),
    )
    .with("file", file.to_string())
    .with("width", size.width)
    .with("height", size.height)
}
