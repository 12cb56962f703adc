//! The relay of the picture: whose pictures pass, to whom they go, what viewers say back.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::iter::repeat_n;

use coview_wire::MaskNotice;
use coview_wire::MaskState;
use coview_wire::Moment;
use coview_wire::Picture;
use coview_wire::PictureRelay;
use coview_wire::SessionId;
use coview_wire::ViewerEvent;
use coview_wire::ViewerId;
use coview_wire::ViewerNotice;
use coview_wire::ViewerSays;
use coview_wire::ViewerSignal;

use crate::effects::Effects;
use crate::event::Event;
use crate::event::PictureFault;
use crate::event::Place;
use crate::group::Group;
use crate::io::ConnId;
use crate::session::Session;
use crate::timer::Due;
use crate::timer::TimerId;
use crate::visitor::Visitor;

/// The agents' connections that see a session, each under a number of its own.
///
/// Whoever is in here is a guest of the session and has this connection now: everything that takes
/// a guest or a connection away takes the viewer out first. So a picture that goes to a viewer goes
/// to nobody else.
#[derive(Clone, Default)]
pub(crate) struct Viewers {
    pub(crate) of: BTreeMap<ViewerId, Viewer>,
    pub(crate) last: u32,
    pub(crate) pictures: u64,
}

#[derive(Clone)]
pub(crate) struct Viewer {
    pub(crate) agent: Place,
    pub(crate) conn: ConnId,
    /// The picture it was sent last, so that one that names it twice is sent once.
    pub(crate) picture: u64,
    /// How much more it may say before it is sent another picture.
    pub(crate) words: u32,
}

/// A viewer may say so much without having been sent a picture, and once more for each picture. One
/// that draws what it is sent has less to say; one that says more would fill the visitor's queue.
const WORDS: u32 = 64;
/// What a viewer has not said of late does not add up to more than this.
const WORDS_MAX: u32 = 256;

impl Viewer {
    /// Whether it may say something more; takes that into account.
    fn may_speak(&mut self) -> bool {
        let left = self.words.checked_sub(1);
        self.words = left.unwrap_or(0);
        left.is_some()
    }
}

impl Viewers {
    /// Gives a connection the next number. There are four billion for a session; if they are used
    /// up, nobody else can watch, because a number must never mean two.
    fn add(&mut self, agent: Place, conn: ConnId) -> Option<ViewerId> {
        self.last = self.last.checked_add(1)?;
        let viewer = ViewerId::new(self.last);
        self.of.insert(viewer, Viewer { agent, conn, picture: 0, words: WORDS });
        Some(viewer)
    }
}

/// What a visitor's client says it covers, and what of that is on record.
#[derive(Clone, Default)]
pub(crate) struct Masks {
    recorded: Option<MaskState>,
    /// Since when that is on record, for the pace.
    since: Moment,
    /// What was said since, if it is something else.
    newest: Option<MaskState>,
    /// When that is recorded.
    timer: Option<TimerId>,
}

impl Masks {
    /// Shows what is on record and what will be.
    pub(crate) fn show(
        &self,
        now: Moment,
        show: &mut dyn FnMut(Option<Place>, core::fmt::Arguments<'_>),
    ) {
        let Self { recorded, since, newest, timer } = self;
        let since = recorded.map(|_| now.since(*since));
        show(None, format_args!("{recorded:?} {since:?} {newest:?} {}", timer.is_some()));
    }
}

impl Group {
    /// Whether a visitor has consented to be seen in the session it is in.
    pub(crate) fn is_sharing(&self, place: Place) -> bool {
        let session = self.visitors.get(&place).and_then(Visitor::session);
        let session = session.and_then(|session| self.sessions.get(&session));
        session.is_some_and(|session| session.consent.is_some())
    }

    /// Passes a visitor's picture on to the viewers it names.
    pub(crate) fn relay(
        &mut self,
        fx: &mut Effects,
        place: Place,
        bytes: &[u8],
    ) -> Result<(), PictureFault> {
        if MaskNotice::is_in(bytes) {
            return self.masks_changed(fx, place, MaskNotice::decode(bytes)?);
        }
        let picture = Picture::decode(bytes)?;
        let Some(session) = self.shown_session(fx, place, picture.session())? else {
            return Ok(());
        };
        fx.counts.pictures_in += 1;
        fx.counts.picture_bytes_in += bytes.len() as u64;
        let viewers = &mut session.viewers;
        viewers.pictures += 1;
        let mut relayed: Option<Arc<[u8]>> = None;
        for number in picture.viewers() {
            let Some(viewer) = viewers.of.get_mut(&number) else {
                fx.counts.pictures_late += 1;
                continue;
            };
            if core::mem::replace(&mut viewer.picture, viewers.pictures) != viewers.pictures {
                viewer.words = (viewer.words + 1).min(WORDS_MAX);
                let relayed = relayed.get_or_insert_with(|| relay_message(&picture));
                fx.send_picture(viewer.conn, Arc::clone(relayed));
            }
        }
        Ok(())
    }

    /// The running session that a visitor's binary message names, or nothing if it is late.
    fn shown_session(
        &mut self,
        fx: &mut Effects,
        place: Place,
        id: SessionId,
    ) -> Result<Option<&mut Session>, PictureFault> {
        let visitor = self.visitor(place);
        if visitor.session() != Some(id) {
            let ended = visitor.doings.as_ref().and_then(|doings| doings.ended);
            // The end and the message crossed on their ways.
            if ended.is_some_and(|ended| ended.session == id) {
                fx.counts.pictures_late += 1;
                return Ok(None);
            }
            return Err(PictureFault::NotInSession);
        }
        let session = self.sessions.get_mut(&id).ok_or(PictureFault::NotInSession)?;
        if session.consent.is_none() {
            return Err(PictureFault::NoConsent);
        }
        Ok(Some(session))
    }

    /// A visitor's client says what it covers. That is for the record and for nobody else.
    fn masks_changed(
        &mut self,
        fx: &mut Effects,
        place: Place,
        notice: MaskNotice,
    ) -> Result<(), PictureFault> {
        let (id, index) = (notice.session, self.index);
        let Some(session) = self.shown_session(fx, place, id)? else { return Ok(()) };
        let masks = &mut session.masks;
        // What is on record already needs no second one, whatever was said between.
        masks.newest = (masks.recorded != Some(notice.state)).then_some(notice.state);
        let next = masks.since + fx.policy.mask_pace;
        if masks.newest.is_none() {
            fx.timers.cancel(masks.timer.take());
        } else if masks.recorded.is_none() || next <= fx.now {
            self.settle_masks(fx, id);
        } else if masks.timer.is_none() {
            masks.timer = Some(fx.timers.set(next, Due::MasksSettled(index, id)));
        }
        Ok(())
    }

    /// Records what was said last about the masks of a session, if that is not on record.
    pub(crate) fn settle_masks(&mut self, fx: &mut Effects, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let masks = &mut session.masks;
        fx.timers.cancel(masks.timer.take());
        if let Some(state) = masks.newest.take() {
            masks.recorded = Some(state);
            masks.since = fx.now;
            fx.event(Event::MasksChanged { group: self.id.clone(), session: id, state });
        }
    }

    /// Passes an agent's word about the picture on to the visitor.
    pub(crate) fn viewer_signals(
        &mut self,
        fx: &mut Effects,
        place: Place,
        bytes: &[u8],
    ) -> Result<(), PictureFault> {
        let signal = ViewerSignal::decode(bytes)?;
        let agent = self.agent(place);
        let (view, viewer) = (agent.view, agent.viewer);
        let ended = agent.view_ended();
        if let Some(viewer) = viewer
            && view == Some(signal.session)
        {
            let session = self.sessions.get_mut(&signal.session);
            let speaker = session.and_then(|session| session.viewers.of.get_mut(&viewer));
            if !speaker.is_some_and(Viewer::may_speak) {
                fx.counts.pictures_late += 1;
                return Ok(());
            }
            let event = match signal.says {
                ViewerSays::Acknowledged(number) => ViewerEvent::Acknowledged(number),
                ViewerSays::Refresh => ViewerEvent::Refresh,
            };
            self.tell_sharer(fx, signal.session, viewer, event);
            return Ok(());
        }
        if ended.is_some_and(|ended| ended.session == signal.session) {
            fx.counts.pictures_late += 1;
            return Ok(());
        }
        Err(PictureFault::NotInSession)
    }

    /// Pictures for an agent were thrown away before they reached it.
    pub(crate) fn pictures_dropped(&mut self, fx: &mut Effects, place: Place) {
        let agent = self.agent(place);
        if let (Some(session), Some(viewer)) = (agent.view, agent.viewer) {
            fx.counts.viewers_behind += 1;
            self.tell_sharer(fx, session, viewer, ViewerEvent::Refresh);
        }
    }

    /// An agent in a running session begins to watch, if it has a connection.
    pub(crate) fn viewer_joins(&mut self, fx: &mut Effects, id: SessionId, place: Place) {
        let Some(session) = self.sessions.get_mut(&id).filter(|it| it.consent.is_some()) else {
            return;
        };
        let Some(agent) = self.agents.get_mut(&place) else { return };
        let Some(conn) = agent.conn else { return };
        agent.viewer = session.viewers.add(place, conn);
        if let Some(viewer) = agent.viewer {
            self.viewing += 1;
            self.tell_sharer(fx, id, viewer, ViewerEvent::Joined);
        }
    }

    /// An agent does not watch any more; nothing happens if it does not.
    pub(crate) fn viewer_leaves(&mut self, fx: &mut Effects, place: Place) {
        let agent = self.agent(place);
        let (Some(id), Some(number)) = (agent.view, agent.viewer.take()) else { return };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if let Some(viewer) = session.viewers.of.remove(&number) {
            self.viewing = self.viewing.saturating_sub(1);
            fx.forget_pictures(viewer.conn);
            self.tell_sharer(fx, id, number, ViewerEvent::Left);
        }
    }

    /// The session is over: nobody watches, and nobody needs to be told by number.
    pub(crate) fn viewers_gone(&mut self, fx: &mut Effects, viewers: Viewers) {
        for viewer in viewers.of.into_values() {
            self.viewing = self.viewing.saturating_sub(1);
            self.agent(viewer.agent).viewer = None;
            fx.forget_pictures(viewer.conn);
        }
    }

    /// The visitor has another connection, on which it knows of no viewer. All of them get new
    /// numbers, so that nothing said before on either side is taken for something said after.
    pub(crate) fn viewers_begin_anew(&mut self, fx: &mut Effects, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let before = core::mem::take(&mut session.viewers.of);
        for viewer in before.into_values() {
            self.viewing = self.viewing.saturating_sub(1);
            // A piece of the former picture would only delay the new one.
            fx.forget_pictures(viewer.conn);
            self.agent(viewer.agent).viewer = None;
            self.viewer_joins(fx, id, viewer.agent);
        }
    }

    fn tell_sharer(&self, fx: &mut Effects, id: SessionId, viewer: ViewerId, event: ViewerEvent) {
        let session = self.sessions.get(&id);
        if let Some(visitor) = session.and_then(|it| self.visitors.get(&it.visitor))
            && let Some(conn) = visitor.conn
        {
            fx.send_binary(conn, ViewerNotice { session: id, viewer, event }.encode().into());
        }
    }
}

/// The message to the viewers, made in one allocation: all of them get the same.
fn relay_message(picture: &Picture<'_>) -> Arc<[u8]> {
    let header = PictureRelay::encode(picture.session(), &[]);
    let mut message: Arc<[u8]> = repeat_n(0, header.len() + picture.body().len()).collect();
    if let Some(bytes) = Arc::get_mut(&mut message) {
        let (head, body) = bytes.split_at_mut(header.len());
        head.copy_from_slice(&header);
        body.copy_from_slice(picture.body());
    }
    message
}
