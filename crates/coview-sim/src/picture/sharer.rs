//! A visitor's end of the picture: a page, and a real encoder that sends it while the pass stands.

use core::task::Context;
use core::task::Poll;
use core::task::Waker;
use core::time::Duration;
use std::collections::BTreeSet;

use coview_lifecycle::Connectivity;
use coview_lifecycle::PassArrival;
use coview_lifecycle::ScreenPass;
use coview_screen::Capture;
use coview_screen::Encoder;
use coview_screen::EncoderConfig;
use coview_screen::Frame;
use coview_screen::FrameSource;
use coview_screen::Input;
use coview_screen::Output;
use coview_screen::Size;
use coview_wire::Deadline;
use coview_wire::MaskState;
use coview_wire::Moment;
use coview_wire::SessionId;
use coview_wire::ViewerEvent;
use coview_wire::ViewerId;

use crate::checker::Seen;
use crate::client::ClientId;
use crate::device::SimVisitor;
use crate::notes::Notes;
use crate::picture::page::Page;
use crate::picture::pipe::SimPipe;

/// How often a page that changes is captured.
const PERIOD: Duration = Duration::from_millis(100);

/// How often one is captured that stood still.
const STILL: Duration = Duration::from_secs(1);

/// After one input an encoder may send a viewer a status, a whole picture in two parts, a repair and
/// a beat; so small a picture has no more.
const OUTPUTS_FOR_ONE: usize = 5;

/// What a visitor's app shares, if it does.
pub(crate) struct Sharer {
    /// Whether the app shares its screen whenever the visitor is sharing.
    pub(crate) shares: bool,
    pub(crate) page: Page,
    /// The session it has taken a pass for.
    session: Option<SessionId>,
    sending: Option<Sending>,
}

struct Sending {
    pass: ScreenPass<SimPipe>,
    encoder: Encoder,
    frame: Frame,
    viewers: BTreeSet<ViewerId>,
    masks: MaskState,
    /// Whether the hub has been told of these masks on this connection.
    told: bool,
    captured_at: Option<Moment>,
    wake_at: Option<Deadline>,
}

impl Sharer {
    pub(crate) fn new() -> Self {
        Self { shares: false, page: Page::new(), session: None, sending: None }
    }

    /// The session whose pass stands.
    pub(crate) fn sends(&self) -> Option<SessionId> {
        let pass = self.sending.as_ref().map(|sending| &sending.pass);
        pass.filter(|pass| pass.stands()).map(ScreenPass::session)
    }

    /// What the hub has been told is covered, and where.
    pub(crate) fn masks_told(&self) -> Option<(SessionId, MaskState)> {
        let sending = self.sending.as_ref().filter(|sending| sending.told)?;
        Some((self.sends()?, sending.masks))
    }

    /// Another sender takes the place of the one there is, as soon as the visitor shares.
    pub(crate) const fn begin_anew(&mut self) {
        self.session = None;
    }

    /// Does what there is to do. The app has the visitor in its hands, or it does not.
    pub(crate) fn work(
        &mut self,
        id: ClientId,
        visitor: Option<&mut SimVisitor>,
        notes: &mut Notes,
    ) {
        if let Some(visitor) = visitor
            && self.shares
            && visitor.session() != self.session
        {
            self.session = visitor.session();
            let connected = visitor.connectivity() == Connectivity::Connected;
            if let Some(mut pass) = visitor.screen_pass() {
                self.page.is_new();
                // Without a connection nobody hears it, and there is no break to be told of later.
                let told = connected && pass.tell_masks(MaskState::Unknown).is_ok();
                self.sending = Some(Sending {
                    pass,
                    encoder: Encoder::new(EncoderConfig::default()),
                    frame: Frame::blank(Size::new(1, 1)).expect("one pixel is a frame"),
                    viewers: BTreeSet::new(),
                    masks: MaskState::Unknown,
                    told,
                    captured_at: None,
                    wake_at: None,
                });
            }
        }
        // The sender is another task than the one that holds the visitor: nobody tells it that the
        // visitor has ended but the pass.
        if let Some(sending) = &mut self.sending
            && !sending.work(id, &mut self.page, notes)
        {
            if sending.captured_at.is_some() {
                notes.client(id, "sends its screen no more");
            }
            self.sending = None;
        }
    }

    /// When it has something to do next.
    pub(crate) fn wake_at(&self) -> Option<Deadline> {
        let sending = self.sending.as_ref()?;
        let capture = sending.capture_at(&self.page);
        let capture = capture.map(|at| Deadline { at, why: "a frame is to be captured" });
        Deadline::earlier(capture, sending.wake_at)
    }
}

impl Sending {
    fn capture_at(&self, page: &Page) -> Option<Moment> {
        let period = if page.changes() { PERIOD } else { STILL };
        let wants = self.encoder.wants_frames();
        wants.then(|| self.captured_at.map_or(Moment::ZERO, |at| at + period))
    }

    /// False if the pass is over.
    fn work(&mut self, id: ClientId, page: &mut Page, notes: &mut Notes) -> bool {
        let now = notes.now;
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(arrival) = self.pass.poll_recv(&mut cx) {
            let input = match arrival {
                PassArrival::Viewer(viewer, ViewerEvent::Joined) => Input::Joined(viewer),
                PassArrival::Viewer(viewer, ViewerEvent::Left) => Input::Left(viewer),
                PassArrival::Viewer(viewer, ViewerEvent::Acknowledged(number)) => {
                    Input::Acknowledged { viewer, number }
                }
                PassArrival::Viewer(viewer, ViewerEvent::Refresh) => Input::Refresh(viewer),
                PassArrival::Interrupted => Input::Reset,
                PassArrival::Over(_) => return false,
            };
            match arrival {
                // The network may say it twice.
                PassArrival::Viewer(viewer, ViewerEvent::Joined) => {
                    self.viewers.insert(viewer);
                }
                PassArrival::Viewer(viewer, ViewerEvent::Left) => {
                    self.viewers.remove(&viewer);
                }
                PassArrival::Interrupted | PassArrival::Over(_) => self.viewers.clear(),
                PassArrival::Viewer(_, ViewerEvent::Acknowledged(_) | ViewerEvent::Refresh) => {}
            }
            self.told &= !matches!(arrival, PassArrival::Interrupted);
            if !self.give(id, now, input, notes) {
                return false;
            }
        }
        if !self.encoder.wants_frames() {
            self.captured_at = None;
        }
        if self.capture_at(page).is_some_and(|at| at <= now) {
            self.captured_at = Some(now);
            let mut frame = core::mem::replace(
                &mut self.frame,
                Frame::blank(Size::new(1, 1)).expect("one pixel is a frame"),
            );
            let capture = page.capture(&mut frame);
            if let Capture::Frame { masks, .. } = &capture {
                let masks = told_of(masks, frame.size());
                if masks != self.masks {
                    self.masks = masks;
                    if self.pass.tell_masks(masks).is_err() {
                        return false;
                    }
                    self.told = true;
                }
            }
            let input = match &capture {
                Capture::Unchanged => Input::Unchanged,
                Capture::Frame { damage, masks } => Input::Frame { frame: &frame, damage, masks },
                Capture::Paused => Input::Paused,
                Capture::Gone => Input::Gone,
            };
            let stands = self.give(id, now, input, notes);
            self.frame = frame;
            return stands;
        }
        let due = self.wake_at.is_some_and(|deadline| deadline.at <= now);
        !due || self.give(id, now, Input::Timeout, notes)
    }

    /// Gives the encoder an input and sends what comes of it; false if the pass is over.
    fn give(&mut self, id: ClientId, now: Moment, input: Input<'_>, notes: &mut Notes) -> bool {
        self.encoder.handle_input(now, input);
        let mut count = 0;
        loop {
            count += 1;
            match self.encoder.poll_output() {
                Output::Send { viewers, body } => {
                    // After a break it is said again with the first picture.
                    if !core::mem::replace(&mut self.told, true)
                        && self.pass.tell_masks(self.masks).is_err()
                    {
                        return false;
                    }
                    if self.pass.send(&viewers, &body).is_err() {
                        return false;
                    }
                }
                Output::Idle { wake_at } => {
                    self.wake_at = wake_at;
                    break;
                }
            }
        }
        let limit = 1 + OUTPUTS_FOR_ONE * self.viewers.len();
        notes.see(Seen::Outputs { of: Some(id), count, limit });
        true
    }
}

/// What the record is told of masks, as a sender over a socket tells it: those that do not fit the
/// frame count as unknown.
fn told_of(masks: &coview_screen::MaskState, frame: Size) -> MaskState {
    match masks {
        coview_screen::MaskState::Known(masks) if masks.fit(frame) => {
            MaskState::Known { areas: u32::try_from(masks.list().len()).unwrap_or(u32::MAX) }
        }
        coview_screen::MaskState::Known(_) | coview_screen::MaskState::Unknown => {
            MaskState::Unknown
        }
    }
}
