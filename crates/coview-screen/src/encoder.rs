use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::time::Duration;

use coview_wire::Deadline;
use coview_wire::Moment;
use coview_wire::ViewerId;
use coview_wire::limits;

use crate::body;
use crate::body::Header;
use crate::body::Op;
use crate::canvas::Canvas;
use crate::canvas::Change;
use crate::frame::Damage;
use crate::frame::Frame;
use crate::geometry::Rect;
use crate::geometry::Size;
use crate::mask::MaskState;
use crate::masked::Cover;
use crate::masked::Masked;
use crate::moves::Move;
use crate::pack::DRAWN_SLACK;
use crate::pack::Packer;
use crate::pack::Parts;
use crate::pack::is_photo;
use crate::status::Status;
use crate::tiles::Block;
use crate::tiles::Tiles;
use crate::window::Window;

/// The sharer's end: frames and what viewers say go in, bodies of `Picture` messages come out.
///
/// After every [`handle_input`](Self::handle_input) call [`poll_output`](Self::poll_output) until
/// it says [`Output::Idle`]. Masks are applied before anything else looks at a frame, and no frame
/// is kept: what is kept is the newest picture with its masked areas covered.
///
/// ```
/// use coview_screen::*;
/// use coview_wire::{Moment, ViewerId};
///
/// let mut encoder = Encoder::new(EncoderConfig::default());
/// let mut decoder = Decoder::new();
/// let frame = Frame::blank(Size::new(64, 48))?;
/// let masks = MaskState::Known(Masks::none());
/// let inputs = [
///     Input::Joined(ViewerId::new(1)),
///     Input::Frame { frame: &frame, damage: &Damage::Unknown, masks: &masks },
/// ];
/// for input in inputs {
///     encoder.handle_input(Moment::ZERO, input);
///     let wake_at = loop {
///         match encoder.poll_output() {
///             Output::Send { viewers, body } => {
///                 assert_eq!(viewers, [ViewerId::new(1)]);
///                 decoder.handle(&body)?;
///             }
///             Output::Idle { wake_at } => break wake_at,
///         }
///     };
///     println!("next: {}", wake_at.unwrap().why);
/// }
/// assert_eq!(decoder.picture(), Some(&frame));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Encoder {
    config: EncoderConfig,
    outputs: VecDeque<Output>,
    wake_at: Option<Deadline>,
    viewers: BTreeMap<ViewerId, Viewer>,
    canvas: Option<Canvas>,
    /// Whether the canvas shows what the source has. While nobody watches nobody captures, and what
    /// was shown before must not be shown again to somebody who comes later: it may be covered now.
    confirmed: bool,
    /// Tiles that some viewer has only approximately.
    lossy: Option<Tiles>,
    status: Status,
    /// The number of the last update.
    number: u32,
    stamp: u32,
    packer: Packer,
}

/// What may be chosen about an [`Encoder`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncoderConfig {
    /// Whether busy areas with many colours, such as a film, may be sent as JPEG while they move.
    /// They are repaired when they have rested for 300 ms. Without it every update is exact.
    pub lossy: bool,
}

impl Default for EncoderConfig {
    fn default() -> Self {
        Self { lossy: true }
    }
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// A viewer begins to watch; it has no picture yet.
    Joined(ViewerId),
    /// A viewer does not watch any more.
    Left(ViewerId),
    /// A viewer has drawn an update.
    Acknowledged {
        /// The viewer.
        viewer: ViewerId,
        /// The number of the update.
        number: u32,
    },
    /// A viewer needs a whole picture.
    Refresh(ViewerId),
    /// The connection to the server was lost: all viewers are forgotten. They will join again.
    Reset,
    /// The source has a new frame.
    Frame {
        /// The pixels, as captured; masks are applied here.
        frame: &'a Frame,
        /// Where it differs from the frame before.
        damage: &'a Damage,
        /// What is to be covered.
        masks: &'a MaskState,
    },
    /// The source has the same frame and the same masks as before.
    Unchanged,
    /// The source pauses.
    Paused,
    /// The source has ended. Frames that come after it are passed over.
    Gone,
    /// The moment has come that [`Output::Idle`] named.
    Timeout,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this body to these viewers; at least one, at most `coview_wire::limits::VIEWERS`.
    Send {
        /// For whom.
        viewers: Vec<ViewerId>,
        /// The body of a `coview_wire::Picture`.
        body: Vec<u8>,
    },
    /// Nothing more to do before the next input.
    Idle {
        /// When to say [`Input::Timeout`] at the latest.
        wake_at: Option<Deadline>,
    },
}

/// A viewer hears something at least this often.
const BEAT: Duration = Duration::from_secs(3);
/// A lossy tile that did not change for so long is repaired, in milliseconds.
const REST_MS: u32 = 300;
/// A viewer that asks gets whole pictures no faster than this.
const REFRESH_PACE: Duration = Duration::from_millis(250);
/// A whole picture that is not acknowledged for so long may have been thrown away, and is sent once
/// more if the viewer asks. The time doubles with each such picture.
const REFRESH_PATIENCE: Duration = Duration::from_secs(3);
/// The longest such time.
const REFRESH_PATIENCE_MAX: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Viewer {
    /// The number of the update it was sent last; 0 if none.
    number: u32,
    need: Need,
    window: Window,
    /// When it was sent anything last.
    heard_at: Moment,
    whole: Option<WholeSent>,
}

/// What a viewer lacks.
#[derive(Debug)]
enum Need {
    /// Nothing: what was sent to it makes the newest picture.
    Nothing,
    /// It was passed over while its window was closed.
    Some { tiles: Tiles, masks: bool },
    /// It has no picture, or one of another size.
    Whole,
    /// It asked for a whole picture.
    Refresh,
}

/// The last whole picture a viewer was sent.
#[derive(Debug)]
struct WholeSent {
    number: u32,
    at: Moment,
    drawn: bool,
    patience: Duration,
}

impl Viewer {
    const fn new(now: Moment, window: Window) -> Self {
        Self { number: 0, need: Need::Whole, window, heard_at: now, whole: None }
    }

    fn acknowledged(&mut self, now: Moment, number: u32) {
        let known = self.window.acknowledged(now, number);
        if let Some(whole) = &mut self.whole {
            // Whoever has drawn a later one has drawn this.
            let later = number.wrapping_sub(whole.number) <= u32::MAX / 2;
            if number == whole.number || known && later {
                whole.drawn = true;
                whole.patience = REFRESH_PATIENCE;
            }
        }
    }

    /// When a viewer that asked gets its whole picture.
    fn refresh_at(&self) -> Moment {
        match &self.whole {
            None => Moment::ZERO,
            Some(whole) if whole.drawn => whole.at + REFRESH_PACE,
            Some(whole) => whole.at + whole.patience,
        }
    }

    fn whole_sent(&mut self, now: Moment, number: u32) {
        let patience = match &self.whole {
            Some(whole) if !whole.drawn => (whole.patience * 2).min(REFRESH_PATIENCE_MAX),
            Some(_) | None => REFRESH_PATIENCE,
        };
        self.whole = Some(WholeSent { number, at: now, drawn: false, patience });
    }

    /// Whether it has the picture before, and may be sent what has changed since.
    fn follows(&mut self, now: Moment) -> bool {
        matches!(self.need, Need::Nothing) && self.window.is_open(now)
    }

    /// It does not get these changes with the others.
    fn misses(&mut self, touched: &Tiles, masks: bool) {
        match &mut self.need {
            Need::Nothing => self.need = Need::Some { tiles: touched.clone(), masks },
            Need::Some { tiles, masks: stale } => {
                tiles.union(touched);
                *stale |= masks;
            }
            Need::Whole | Need::Refresh => {}
        }
    }
}

impl Encoder {
    /// An encoder without viewers and without a picture.
    #[must_use]
    pub fn new(config: EncoderConfig) -> Self {
        Self {
            config,
            outputs: VecDeque::new(),
            wake_at: None,
            viewers: BTreeMap::new(),
            canvas: None,
            confirmed: false,
            lossy: None,
            status: Status::Live,
            number: 0,
            stamp: 0,
            packer: Packer::new(),
        }
    }

    /// Takes in what happened. Drain [`poll_output`](Self::poll_output) afterwards.
    pub fn handle_input(&mut self, now: Moment, input: Input<'_>) {
        let mut change = None;
        match input {
            Input::Joined(viewer) => {
                self.viewers.insert(viewer, Viewer::new(now, Window::new(now)));
                self.send_status(now, vec![viewer]);
            }
            Input::Left(viewer) => {
                self.viewers.remove(&viewer);
            }
            Input::Acknowledged { viewer, number } => {
                if let Some(viewer) = self.viewers.get_mut(&viewer) {
                    viewer.acknowledged(now, number);
                }
            }
            Input::Refresh(viewer) => {
                // One that has no picture yet gets it without asking.
                if let Some(viewer) = self.viewers.get_mut(&viewer).filter(|v| v.number != 0) {
                    viewer.need = Need::Refresh;
                }
            }
            Input::Reset => self.viewers.clear(),
            Input::Frame { .. } | Input::Unchanged | Input::Paused
                if self.status == Status::Gone => {}
            Input::Frame { frame, damage, masks } => {
                change = self.take_frame(now, frame, damage, masks);
            }
            Input::Unchanged => {
                if let Some(canvas) = &mut self.canvas {
                    canvas.rest(milliseconds(now));
                    self.confirmed = true;
                }
                self.set_status(now, self.live_status());
            }
            Input::Paused => self.set_status(now, Status::Paused),
            Input::Gone => self.set_status(now, Status::Gone),
            Input::Timeout => {}
        }
        if self.viewers.is_empty() {
            self.confirmed = false;
            self.lossy = None;
        }
        self.send_updates(now, change.as_ref());
        self.send_beats(now);
        self.wake_at = self.next_deadline(now);
    }

    /// What is to be done next; call it until it says [`Output::Idle`].
    #[must_use]
    pub fn poll_output(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or(Output::Idle { wake_at: self.wake_at })
    }

    /// Whether there is anybody to see a frame, and a source that may have one. If not, there is no
    /// need to capture any. When it becomes true, capture at once: the first viewer waits for it.
    #[must_use]
    pub fn wants_frames(&self) -> bool {
        !self.viewers.is_empty() && self.status != Status::Gone
    }

    /// The status of a source that is neither paused nor gone.
    fn live_status(&self) -> Status {
        match self.canvas.as_ref().map(Canvas::cover) {
            Some(Cover::Blank) => Status::Blank,
            Some(Cover::Masks(_)) | None => Status::Live,
        }
    }

    fn take_frame(
        &mut self,
        now: Moment,
        frame: &Frame,
        damage: &Damage,
        masks: &MaskState,
    ) -> Option<Change> {
        let view = Masked::new(frame, masks);
        let now_ms = milliseconds(now);
        self.stamp = now_ms;
        self.confirmed = true;
        let change = match &mut self.canvas {
            Some(canvas) if canvas.size() == view.size() => {
                let seek_moves = self.viewers.values_mut().any(|viewer| viewer.follows(now));
                Some(canvas.update(&view, damage, seek_moves, now_ms))
            }
            Some(_) | None => {
                self.canvas = Some(Canvas::new(&view, now_ms));
                self.lossy = None;
                for viewer in self.viewers.values_mut() {
                    if !matches!(viewer.need, Need::Refresh) {
                        viewer.need = Need::Whole;
                    }
                }
                None
            }
        };
        self.set_status(now, self.live_status());
        change.filter(|change| !change.is_none())
    }

    fn set_status(&mut self, now: Moment, status: Status) {
        if self.status != status {
            self.status = status;
            self.send_status(now, self.viewers.keys().copied().collect());
        }
    }

    fn send_status(&mut self, now: Moment, viewers: Vec<ViewerId>) {
        let body = body::status(self.status);
        self.send(now, viewers, &body);
    }

    /// Sends every viewer what it lacks and may have now. `change` has just been made to the canvas.
    fn send_updates(&mut self, now: Moment, change: Option<&Change>) {
        let Some(size) = self.canvas.as_ref().map(Canvas::size) else { return };
        if self.viewers.is_empty() || !self.confirmed {
            return;
        }
        let mut level = Vec::new();
        for (&id, viewer) in &mut self.viewers {
            if viewer.follows(now) {
                level.push(id);
            } else if let Some(change) = change {
                viewer.misses(&change.touched, change.masks);
            }
        }
        let mut updates = Vec::new();
        if !level.is_empty() {
            let (parts, repaired) = self.write_change(now, change);
            // What is repaired for the others is from now on missing to those who lag behind.
            for (id, viewer) in &mut self.viewers {
                if !repaired.is_empty() && !level.contains(id) {
                    viewer.misses(&repaired, false);
                }
            }
            updates.push((level, parts));
        }

        let (mut behind, mut whole) = (Vec::new(), Vec::new());
        let (mut lacking, mut lacking_masks) = (Tiles::none(size), false);
        for (&id, viewer) in &mut self.viewers {
            match &viewer.need {
                Need::Nothing => {}
                Need::Some { tiles, masks } => {
                    if viewer.window.is_open(now) {
                        lacking.union(tiles);
                        lacking_masks |= masks;
                        behind.push(id);
                    }
                }
                Need::Whole => {
                    if viewer.window.is_open(now) {
                        whole.push(id);
                    }
                }
                Need::Refresh => {
                    if viewer.refresh_at() <= now {
                        // What was under way may have been thrown away and is of no use now.
                        viewer.window.forget();
                        whole.push(id);
                    }
                }
            }
        }
        if !behind.is_empty() {
            updates.push((behind, self.write_tiles(now, &lacking, lacking_masks)));
        }
        let mut whole_parts = None;
        if !whole.is_empty() {
            whole_parts = Some(self.write_tiles(now, &Tiles::all(size), true));
        }
        updates.retain(|(_, parts)| !parts.is_empty());
        if updates.is_empty() && whole_parts.is_none() {
            return;
        }
        self.number = self.number.checked_add(1).unwrap_or(1);
        for (viewers, parts) in updates {
            // One body serves all whose picture stands at the same number.
            let mut by_base: BTreeMap<u32, Vec<ViewerId>> = BTreeMap::new();
            for id in viewers {
                let base = self.viewers.get(&id).map_or(0, |viewer| viewer.number);
                by_base.entry(base).or_default().push(id);
            }
            for (base, viewers) in by_base {
                self.send_update(now, size, base, viewers, &parts);
            }
        }
        if let Some(parts) = whole_parts {
            // A status may have been thrown away with whatever made this necessary.
            self.send_status(now, whole.clone());
            self.send_update(now, size, 0, whole, &parts);
        }
    }

    /// Writes what the newest frame changed, and what is to be repaired; gives the latter's tiles.
    fn write_change(&mut self, now: Moment, change: Option<&Change>) -> (Parts, Tiles) {
        let mut parts = Parts::default();
        let Some(canvas) = &mut self.canvas else { return (parts, Tiles::none(Size::new(1, 1))) };
        let lossy = self.lossy.get_or_insert_with(|| Tiles::none(canvas.size()));
        if let Some(change) = change {
            if change.masks {
                parts.push(&Op::Masks(canvas.cover().masks().to_vec()));
            }
            for &Move { to, from_x, from_y } in &change.moves {
                parts.push(&Op::Copy { to, from_x, from_y });
                move_lossy(canvas, lossy, Move { to, from_x, from_y });
            }
            let mut quiet = change.rest.clone();
            if self.config.lossy {
                let busy = busy(canvas, &change.rest);
                lossy.union(&self.packer.lossy(canvas.picture(), &busy, &mut parts));
                quiet.subtract(&busy);
            }
            // A tile that is only approximate is sent as a whole, to have it done with.
            for (column, row) in quiet.iter() {
                if lossy.contains(column, row) {
                    canvas.widen(quiet.index(column, row));
                }
            }
            let tight = |block| canvas.tight(block, &quiet);
            self.packer.lossless(canvas.picture(), &quiet, tight, &mut parts);
            lossy.subtract(&quiet);
        }
        let rested = rested(canvas, lossy, now);
        let whole = |block: Block| block.area(canvas.size());
        self.packer.lossless(canvas.picture(), &rested, whole, &mut parts);
        lossy.subtract(&rested);
        (parts, rested)
    }

    /// Writes tiles of the newest picture as a whole. What has rested is written as it is: written
    /// approximately it would have to be repaired at once.
    fn write_tiles(&mut self, now: Moment, tiles: &Tiles, masks: bool) -> Parts {
        let mut parts = Parts::default();
        let Some(canvas) = &self.canvas else { return parts };
        if masks {
            parts.push(&Op::Masks(canvas.cover().masks().to_vec()));
        }
        let mut quiet = tiles.clone();
        if self.config.lossy {
            let mut moving = tiles.clone();
            moving.subtract(&rested(canvas, tiles, now));
            let busy = busy(canvas, &moving);
            let lossy = self.lossy.get_or_insert_with(|| Tiles::none(canvas.size()));
            lossy.union(&self.packer.lossy(canvas.picture(), &busy, &mut parts));
            quiet.subtract(&busy);
        }
        let whole = |block: Block| block.area(canvas.size());
        self.packer.lossless(canvas.picture(), &quiet, whole, &mut parts);
        parts
    }

    fn send_update(
        &mut self,
        now: Moment,
        size: Size,
        base: u32,
        viewers: Vec<ViewerId>,
        parts: &Parts,
    ) {
        let number = self.number;
        let count = parts.iter().len();
        let mut bytes = 0;
        for (part, ops) in (0..).zip(parts.iter()) {
            let last = usize::from(part) + 1 == count;
            let header = Header { number, base, part, last, size, stamp: self.stamp };
            let body = body::part(&header, ops);
            bytes += body.len();
            self.send(now, viewers.clone(), &body);
        }
        for id in viewers {
            if let Some(viewer) = self.viewers.get_mut(&id) {
                viewer.number = number;
                viewer.need = Need::Nothing;
                viewer.window.sent(now, number, bytes);
                if base == 0 {
                    viewer.whole_sent(now, number);
                }
            }
        }
    }

    fn send_beats(&mut self, now: Moment) {
        let mut by_number: BTreeMap<u32, Vec<ViewerId>> = BTreeMap::new();
        for (&id, viewer) in &self.viewers {
            if now.since(viewer.heard_at) >= BEAT {
                by_number.entry(viewer.number).or_default().push(id);
            }
        }
        for (number, viewers) in by_number {
            self.send(now, viewers, &body::beat(number));
        }
    }

    fn send(&mut self, now: Moment, viewers: Vec<ViewerId>, body: &[u8]) {
        for viewers in viewers.chunks(limits::VIEWERS) {
            let body = body.to_vec();
            self.outputs.push_back(Output::Send { viewers: viewers.to_vec(), body });
            for id in viewers {
                if let Some(viewer) = self.viewers.get_mut(id) {
                    viewer.heard_at = now;
                }
            }
        }
    }

    fn next_deadline(&mut self, now: Moment) -> Option<Deadline> {
        let mut next = None;
        for viewer in self.viewers.values() {
            let beat = Deadline { at: viewer.heard_at + BEAT, why: "a beat is due" };
            next = Deadline::earlier(next, Some(beat));
            if matches!(viewer.need, Need::Refresh) && self.confirmed {
                let at = viewer.refresh_at();
                let refresh = Deadline { at, why: "a whole picture was asked for" };
                next = Deadline::earlier(next, Some(refresh));
            }
        }
        // Without a viewer that follows there is nobody to repair anything for; one that is behind
        // wakes the encoder by its acknowledgement.
        if self.confirmed
            && let (Some(canvas), Some(lossy)) = (&self.canvas, &self.lossy)
            && self.viewers.values_mut().any(|viewer| viewer.follows(now))
        {
            let now_ms = milliseconds(now);
            let rested =
                |(column, row)| now_ms.wrapping_sub(canvas.changed_at(lossy.index(column, row)));
            if let Some(rested) = lossy.iter().map(rested).max() {
                let left = Duration::from_millis(REST_MS.saturating_sub(rested).into());
                let repair = Deadline { at: now + left, why: "a lossy area has rested" };
                next = Deadline::earlier(next, Some(repair));
            }
        }
        next
    }
}

/// Those of some tiles that did not change for a while.
fn rested(canvas: &Canvas, tiles: &Tiles, now: Moment) -> Tiles {
    let now_ms = milliseconds(now);
    let mut rested = Tiles::none(canvas.size());
    for (column, row) in tiles.iter() {
        if now_ms.wrapping_sub(canvas.changed_at(tiles.index(column, row))) >= REST_MS {
            rested.insert(column, row);
        }
    }
    rested
}

/// Tiles that change all the time and look like a film, or are in the midst of one.
fn busy(canvas: &Canvas, tiles: &Tiles) -> Tiles {
    let mut busy = tiles.clone();
    for (column, row) in tiles.iter() {
        if !canvas.is_busy(tiles.index(column, row)) {
            busy.remove(column, row);
        }
    }
    if busy.is_empty() {
        return busy;
    }
    for block in busy.blocks(DRAWN_SLACK) {
        let mut photo = 0;
        let mut inside = 0;
        for row in block.rows() {
            for column in block.columns() {
                if busy.contains(column, row) {
                    inside += 1;
                    let area = busy.area(column, row);
                    photo += usize::from(is_photo(canvas.picture(), area));
                }
            }
        }
        if photo * 2 < inside {
            for row in block.rows() {
                for column in block.columns() {
                    busy.remove(column, row);
                }
            }
        }
    }
    busy
}

/// What is copied from a lossy tile is lossy too.
fn move_lossy(canvas: &mut Canvas, lossy: &mut Tiles, Move { to, from_x, from_y }: Move) {
    if lossy.is_empty() {
        return;
    }
    let before = lossy.clone();
    let block = Block::around(to, canvas.size());
    for row in block.rows() {
        for column in block.columns() {
            let tile = lossy.area(column, row);
            let part = tile.intersection(to);
            let from = Rect { x: from_x + (part.x - to.x), y: from_y + (part.y - to.y), ..part };
            if before.touch(from) {
                lossy.insert(column, row);
            } else if part == tile {
                lossy.remove(column, row);
            }
        }
    }
}

/// Milliseconds since the sharer began; they wrap after seven weeks.
fn milliseconds(now: Moment) -> u32 {
    let wrapped = now.since(Moment::ZERO).as_millis() & u128::from(u32::MAX);
    u32::try_from(wrapped).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::GeneratedPage;
    use crate::generated::Scene;

    /// The bytes of a second of a film of 20 pictures, captured so many times for each picture.
    fn film(lossy: bool, captures: u32) -> usize {
        let mut page = GeneratedPage::new(Size::new(640, 360), 7).unwrap();
        page.pin(Scene::Video);
        let masks = MaskState::Known(page.masks().clone());
        let viewer = ViewerId::new(1);
        let mut encoder = Encoder::new(EncoderConfig { lossy });
        let mut bytes = 0;
        encoder.handle_input(Moment::ZERO, Input::Joined(viewer));
        for capture in 0..20 * captures {
            let now = Moment::ZERO + Duration::from_millis(50) * capture / captures;
            if capture % captures == 0 {
                page.step();
                let (frame, damage) = (page.frame(), Damage::Unknown);
                encoder.handle_input(now, Input::Frame { frame, damage: &damage, masks: &masks });
            } else {
                encoder.handle_input(now, Input::Unchanged);
            }
            while let Output::Send { body, .. } = encoder.poll_output() {
                bytes += body.len();
            }
            let number = encoder.number;
            encoder.handle_input(now, Input::Acknowledged { viewer, number });
        }
        bytes
    }

    #[test]
    fn a_film_is_a_film_however_often_it_is_captured() {
        let (exact, once, three_times) = (film(false, 1), film(true, 1), film(true, 3));
        assert!(once * 3 < exact, "{once} bytes, {exact} without loss");
        assert!(three_times < once * 5 / 4, "{three_times} bytes instead of {once}");
    }

    /// Found by the fuzz target `codec`: it was sent as JPEG, and its repair was due at once.
    #[test]
    fn a_film_that_has_stopped_is_sent_exactly_to_whoever_comes_later() {
        let mut page = GeneratedPage::new(Size::new(640, 360), 7).unwrap();
        page.pin(Scene::Video);
        let masks = MaskState::Known(crate::Masks::none());
        let viewer = ViewerId::new(1);
        let mut encoder = Encoder::new(EncoderConfig { lossy: true });
        let mut now = Moment::ZERO;
        encoder.handle_input(now, Input::Joined(viewer));
        for _ in 0..20 {
            page.step();
            now = now + Duration::from_millis(50);
            let (frame, damage) = (page.frame(), Damage::Unknown);
            encoder.handle_input(now, Input::Frame { frame, damage: &damage, masks: &masks });
            while let Output::Send { .. } = encoder.poll_output() {}
            let number = encoder.number;
            encoder.handle_input(now, Input::Acknowledged { viewer, number });
        }
        assert!(encoder.lossy.as_ref().is_some_and(|lossy| !lossy.is_empty()), "it is a film");

        now = now + Duration::from_secs(2);
        encoder.handle_input(now, Input::Joined(ViewerId::new(2)));
        let mut decoder = crate::Decoder::new();
        let wake = loop {
            match encoder.poll_output() {
                Output::Send { viewers, body } if viewers.contains(&ViewerId::new(2)) => {
                    decoder.handle(&body).unwrap();
                }
                Output::Send { .. } => {}
                Output::Idle { wake_at } => break wake_at.unwrap(),
            }
        };
        assert_eq!(decoder.picture(), Some(page.frame()));
        assert!(wake.at > now, "{} is due already", wake.why);
    }
}
