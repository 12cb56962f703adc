//! What a visitor may say, checked against the transition table.

use alloc::boxed::Box;
use core::num::NonZeroU64;
use core::time::Duration;

use coview_lifecycle::StateKind;
use coview_lifecycle::table;
use coview_lifecycle::table::Trigger;
use coview_wire::AppMoved;
use coview_wire::AppState;
use coview_wire::AskId;
use coview_wire::ClientMessage;
use coview_wire::CloseReason;
use coview_wire::Identified;
use coview_wire::Identify;
use coview_wire::JoinWithdrawn;
use coview_wire::Pong;
use coview_wire::PresenceData;
use coview_wire::PresenceFacts;
use coview_wire::PresenceId;
use coview_wire::Profile;
use coview_wire::RefusalCode;
use coview_wire::RequestId;
use coview_wire::Resumed;
use coview_wire::SessionEnded;
use coview_wire::SessionId;
use coview_wire::Snapshot;
use coview_wire::StartId;
use coview_wire::TermsOver;
use coview_wire::VisitorId;

use crate::config::Policy;
use crate::effects::Effects;
use crate::effects::Heard;
use crate::effects::Peer;
use crate::effects::Secret;
use crate::event::Departure;
use crate::event::Event;
use crate::event::Place;
use crate::group::Group;
use crate::io::ConnId;
use crate::no::No;
use crate::proofs::TokenId;
use crate::session::Begun;
use crate::signin::assertion_code;
use crate::signin::is_disbelief;
use crate::signin::may_record;
use crate::timer::Due;
use crate::told::Told;

/// The place of one visitor's device. There may be tens of thousands, most of them idle, so what
/// is rarely there is boxed.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub(crate) secret: Secret,
    pub(crate) conn: Option<ConnId>,
    pub(crate) heard: Heard,
    pub(crate) app: AppState,
    /// The profile, and the presence data while the device is in presence.
    pub(crate) told: Told,
    pub(crate) id: Option<VisitorId>,
    /// Whether an assertion proved the id, and which one if it may be used once.
    pub(crate) proven: bool,
    pub(crate) proof: Option<Box<TokenId>>,
    /// The number of the device's stay in presence. No number of a group is 0.
    pub(crate) stay: Option<NonZeroU64>,
    pub(crate) doings: Option<Box<Doings>>,
}

/// What a visitor has to do with agents, and what ended last, for the snapshot of a resume. Most
/// visitors only are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Doings {
    /// The highest start number so far.
    pub(crate) last_start: Option<StartId>,
    pub(crate) ask: Option<AskId>,
    pub(crate) session: Option<SessionId>,
    pub(crate) ask_over: Option<TermsOver>,
    pub(crate) ended: Option<SessionEnded>,
    pub(crate) join_over: Option<JoinWithdrawn>,
}

impl Visitor {
    pub(crate) fn new(secret: Secret, conn: ConnId, app: AppState, profile: &Profile) -> Self {
        Self {
            secret,
            conn: Some(conn),
            heard: Heard::default(),
            app,
            told: Told::new(profile, &PresenceData::new()),
            id: None,
            proven: false,
            proof: None,
            stay: None,
            doings: None,
        }
    }

    /// The device's stay in presence.
    pub(crate) fn presence(&self) -> Option<PresenceId> {
        self.stay.map(|stay| PresenceId::new(stay.get()))
    }

    /// The request that waits for this device.
    pub(crate) fn ask(&self) -> Option<AskId> {
        self.doings.as_ref().and_then(|doings| doings.ask)
    }

    /// The session of this device, which may wait for its start.
    pub(crate) fn session(&self) -> Option<SessionId> {
        self.doings.as_ref().and_then(|doings| doings.session)
    }

    pub(crate) fn doings(&mut self) -> &mut Doings {
        self.doings.get_or_insert_default()
    }

    /// Something ended of which nothing may be left.
    pub(crate) fn tidy(&mut self) {
        if self.doings.as_deref() == Some(&Doings::default()) {
            self.doings = None;
        }
    }
}

/// Whether a message waits for an answer, and the number it has.
enum Numbered {
    Request(RequestId),
    Signal(RequestId),
}

impl Group {
    /// Handles one message of a visitor.
    pub(crate) fn visitor_says(
        &mut self,
        fx: &mut Effects,
        conn: ConnId,
        place: Place,
        message: ClientMessage,
    ) {
        let numbered = match &message {
            ClientMessage::Hello(it) => Numbered::Request(it.re),
            ClientMessage::Resume(it) => Numbered::Request(it.re),
            ClientMessage::Identify(it) => Numbered::Request(it.re),
            ClientMessage::PresenceConnect(it) => Numbered::Request(it.re),
            ClientMessage::SessionStart(it) => Numbered::Request(it.re),
            ClientMessage::LogOut(it) => Numbered::Signal(it.re),
            ClientMessage::PresenceUpdate(it) => Numbered::Signal(it.re),
            ClientMessage::PresenceDisconnect(it) => Numbered::Signal(it.re),
            ClientMessage::AppMoved(it) => Numbered::Signal(it.re),
            ClientMessage::TermsDisplayed(it) => Numbered::Signal(it.re),
            ClientMessage::TermsAccepted(it) => Numbered::Signal(it.re),
            ClientMessage::TermsDeclined(it) => Numbered::Signal(it.re),
            ClientMessage::JoinConfirmed(it) => Numbered::Signal(it.re),
            ClientMessage::JoinDeclined(it) => Numbered::Signal(it.re),
            ClientMessage::SessionEnd(it) => Numbered::Signal(it.re),
            ClientMessage::Ping(_) => {
                let seen = self.visitor(place).heard.seen();
                return fx.tell_visitor(Some(conn), Pong { seen });
            }
            ClientMessage::Bye(_) => return self.visitor_departs(fx, place, Departure::Left),
        };
        let (Numbered::Request(re) | Numbered::Signal(re)) = numbered;
        if !self.visitor(place).heard.note(re) {
            return;
        }
        let verdict = match message {
            ClientMessage::Hello(_) => Err(No::order("hello", self.state(place))),
            ClientMessage::Resume(_) => Err(No::order("resume", self.state(place))),
            ClientMessage::Identify(it) => self.identify(fx, place, it),
            ClientMessage::LogOut(_) => self.log_out(fx, place),
            // Each time all agents who watch are told at once, whatever their pace.
            ClientMessage::PresenceConnect(_) if fx.count_problem(conn) => {
                return self.visitor_departs(fx, place, Departure::Policy);
            }
            ClientMessage::PresenceConnect(it) => self.presence_connect(fx, place, it),
            ClientMessage::PresenceUpdate(it) => self.presence_update(fx, place, &it),
            ClientMessage::PresenceDisconnect(_) => self.presence_disconnect(fx, place),
            ClientMessage::AppMoved(it) => {
                self.app_moved(fx, place, it);
                Ok(())
            }
            ClientMessage::TermsDisplayed(it) => self.terms_displayed(fx, place, it.ask),
            ClientMessage::TermsAccepted(it) => may_record(fx)
                .inspect_err(|_| self.accept_unrecorded(fx, place, it.ask))
                .and_then(|()| self.terms_accepted(fx, place, it.ask)),
            ClientMessage::TermsDeclined(it) => self.terms_declined(fx, place, it.ask),
            ClientMessage::JoinConfirmed(it) => self.join_confirmed(fx, place, it.join),
            ClientMessage::JoinDeclined(it) => self.join_declined(fx, place, it.join),
            ClientMessage::SessionStart(it) => may_record(fx)
                .inspect_err(|_| self.start_unrecorded(fx, place))
                .and_then(|()| fx.may_begin(conn))
                .and_then(|()| self.session_start(fx, place, it)),
            ClientMessage::SessionEnd(it) => {
                self.visitor_ends(fx, place, it.start);
                Ok(())
            }
            // Both have returned above.
            ClientMessage::Ping(_) | ClientMessage::Bye(_) => Ok(()),
        };
        match (numbered, verdict) {
            (Numbered::Request(re), Ok(())) => self.visitor(place).heard.answer(re, None),
            (Numbered::Request(re), Err(no)) => {
                self.visitor(place).heard.answer(re, Some(no.code));
                let disbelieved = is_disbelief(no.code);
                fx.refuse(conn, re, no);
                if disbelieved && fx.count_problem(conn) {
                    self.visitor_departs(fx, place, Departure::Policy);
                }
            }
            (Numbered::Signal(_), Ok(())) => {}
            (Numbered::Signal(re), Err(no)) => self.visitor_problem(fx, conn, place, Some(re), no),
        }
    }

    /// Tells a visitor that a message was not acted on, and ends its place if that was once too
    /// often.
    pub(crate) fn visitor_problem(
        &mut self,
        fx: &mut Effects,
        conn: ConnId,
        place: Place,
        re: Option<RequestId>,
        no: No,
    ) {
        if let Some(re) = re {
            self.visitor(place).heard.note(re);
        }
        if fx.problem(conn, re, no) {
            self.visitor_departs(fx, place, Departure::Policy);
        }
    }

    /// The state of a visitor, as the transition table names it.
    pub(crate) fn state(&mut self, place: Place) -> StateKind {
        let visitor = self.visitor(place);
        let (identified, online) = (visitor.id.is_some(), visitor.stay.is_some());
        let (ask, session) = (visitor.ask(), visitor.session());
        if let Some(session) = session.and_then(|session| self.sessions.get(&session)) {
            let waits = session.waiting.is_some();
            return match (&session.begun, waits, online, identified) {
                (Begun::ByAsk { .. }, _, _, _) => StateKind::SharingOneClick,
                (Begun::ByKey(_), false, true, _) => StateKind::SharingManualPresence,
                (Begun::ByKey(_), false, false, true) => StateKind::SharingManualIdentified,
                (Begun::ByKey(_), false, false, false) => StateKind::SharingManualAnonymous,
                (Begun::ByKey(_), true, true, _) => StateKind::ConfirmingPresence,
                (Begun::ByKey(_), true, false, true) => StateKind::ConfirmingIdentified,
                (Begun::ByKey(_), true, false, false) => StateKind::ConfirmingAnonymous,
            };
        }
        match (ask.and_then(|ask| self.asks.get(&ask)), online, identified) {
            (Some(ask), _, _) if ask.displayed => StateKind::TermsShown,
            (Some(_), _, _) => StateKind::TermsRequested,
            (None, true, _) => StateKind::PresenceConnected,
            (None, false, true) => StateKind::Identified,
            (None, false, false) => StateKind::Anonymous,
        }
    }

    /// A no, unless the table has this verb in the state the visitor is in.
    pub(crate) fn check(&mut self, place: Place, verb: Trigger) -> Result<(), No> {
        let state = self.state(place);
        table::edge(state, verb).map(drop).ok_or_else(|| No::order(verb.as_str(), state))
    }

    /// The record of a visitor whose place is known to exist: one named by an open connection, a
    /// request or a session.
    pub(crate) fn visitor(&mut self, place: Place) -> &mut Visitor {
        self.visitors
            .get_mut(&place)
            .expect("a place stays as long as a connection, a request or a session names it")
    }

    fn identify(&mut self, fx: &mut Effects, place: Place, it: Identify) -> Result<(), No> {
        match self.visitor(place).id.clone() {
            Some(id) if id == it.visitor => {}
            Some(_) => return Err(No::new(RefusalCode::AlreadyIdentified)),
            None => self.check(place, Trigger::Identify)?,
        }
        let proof = match self.believe_visitor(fx, place, &it) {
            Ok(proof) => proof,
            Err(why) => {
                let code = assertion_code(why);
                fx.counts.refused_assertions += 1;
                fx.event(Event::AssertionRefused {
                    group: self.id.clone(),
                    client: place,
                    claimed: it.visitor,
                    code,
                    why,
                });
                return Err(No::new(code));
            }
        };
        self.take_on(fx, place, &it.visitor, proof);
        let conn = self.visitor(place).conn;
        fx.tell_visitor(conn, Identified { re: it.re, visitor: it.visitor.clone() });
        if let Some(profile) = it.profile {
            self.visitor(place).told.set_profile(&profile);
            self.announce_if_focused(fx, place);
        }
        Ok(())
    }

    fn log_out(&mut self, fx: &mut Effects, place: Place) -> Result<(), No> {
        self.check(place, Trigger::LogOut)?;
        let visitor = self.visitor(place);
        visitor.told.set_profile(&Profile::new());
        if let Some(id) = self.forget_identity(place) {
            fx.event(Event::LoggedOut { group: self.id.clone(), client: place, visitor: id });
        }
        Ok(())
    }

    fn forget_identity(&mut self, place: Place) -> Option<VisitorId> {
        let visitor = self.visitor(place);
        let id = visitor.id.take()?;
        let proven = core::mem::take(&mut visitor.proven);
        visitor.proof = None;
        if let Some(person) = self.people.get_mut(&id) {
            person.devices = person.devices.saturating_sub(1);
            person.proven = person.proven.saturating_sub(u32::from(proven));
            if person.devices == 0 {
                self.people.remove(&id);
            }
        }
        Some(id)
    }

    fn app_moved(&mut self, fx: &mut Effects, place: Place, it: AppMoved) {
        let visitor = self.visitor(place);
        if visitor.app != it.app {
            visitor.app = it.app;
            self.announce_if_focused(fx, place);
        }
    }

    /// The connection of a visitor broke. Its place stays for the grace, or for the lease.
    pub(crate) fn visitor_lost(&mut self, fx: &mut Effects, place: Place) {
        let peer = Peer::Visitor(self.index, place);
        let visitor = self.visitor(place);
        visitor.conn = None;
        let keep = visitor.kept_for(&fx.policy);
        let worth = self.worth(place);
        fx.place_lost(peer, worth, keep);
        fx.event(Event::VisitorDropped { group: self.id.clone(), client: place });
        self.reach_changed(fx, place);
    }

    /// A visitor took up its place on another connection.
    pub(crate) fn visitor_resumes(
        &mut self,
        fx: &mut Effects,
        conn: ConnId,
        place: Place,
        re: RequestId,
    ) {
        fx.place_found(place);
        let visitor = self.visitor(place);
        let old = visitor.conn.replace(conn);
        if let Some(old) = old {
            fx.close(old, CloseReason::Superseded, false);
        } else if let Some(person) = visitor.id.clone() {
            // The focus is settled first and told to this device by the snapshot.
            self.refocus(fx, &person, Some(place));
        }
        let snapshot = self.snapshot(fx, place);
        fx.tell_visitor(Some(conn), Resumed { re, snapshot });
        fx.event(Event::VisitorResumed { group: self.id.clone(), client: place });
        if old.is_none() {
            self.announce_if_focused(fx, place);
        }
        if let Some(session) = self.visitor(place).session() {
            self.viewers_begin_anew(fx, session);
        }
    }

    fn snapshot(&mut self, fx: &Effects, place: Place) -> Snapshot {
        let focused = self.is_focused(place);
        let visitor = self.visitor(place);
        let past = visitor.doings.as_deref();
        let mut snapshot = Snapshot {
            seen: visitor.heard.seen(),
            answered: visitor.heard.answered(),
            visitor: visitor.id.clone(),
            presence: visitor.presence().map(|presence| PresenceFacts { presence, focused }),
            ask: None,
            ask_over: past.and_then(|past| past.ask_over),
            session: None,
            ended: past.and_then(|past| past.ended),
            join_over: past.and_then(|past| past.join_over),
        };
        let (ask, session) = (visitor.ask(), visitor.session());
        snapshot.ask = ask.and_then(|ask| self.terms_requested(fx, ask));
        snapshot.session = session.and_then(|session| self.session_facts(fx, session));
        snapshot
    }

    /// The grace of a visitor is over. If a session ended meanwhile and the app is in the
    /// background, the longer lease holds from the moment the connection broke.
    pub(crate) fn visitor_grace_over(&mut self, fx: &mut Effects, place: Place) {
        let due = Due::VisitorGrace(self.index, place);
        let keep = self.visitor(place).kept_for(&fx.policy);
        if fx.is_lost_for_good(place, keep, due) {
            self.visitor_departs(fx, place, Departure::Lost);
        }
    }

    /// The place of a visitor is gone for good, and everything it did ends.
    pub(crate) fn visitor_departs(&mut self, fx: &mut Effects, place: Place, why: Departure) {
        fx.place_gone(place);
        let visitor = self.visitor(place);
        // Whoever left does not listen any more; everybody else is told what ends.
        let conn = match why {
            Departure::Left => visitor.conn.take(),
            Departure::Lost
            | Departure::Policy
            | Departure::SignInExpired
            | Departure::Shutdown => visitor.conn,
        };
        if let Some(session) = visitor.session() {
            self.end_session(fx, session, why.session_end(), true);
        }
        self.lose_ask_of_visitor(fx, place, why);
        self.leave_presence(fx, place, why.offline());
        self.forget_identity(place);
        if let Some(conn) = conn {
            let (reason, retry) = why.closing();
            fx.close(conn, reason, retry);
        }
        self.visitors.remove(&place);
        fx.event(Event::VisitorGone { group: self.id.clone(), client: place, reason: why });
    }
}

impl Visitor {
    /// How long the place is kept without a connection. An app in the background is put to sleep
    /// by its system, so a visitor who is online and shares nothing gets the longer lease.
    fn kept_for(&self, policy: &Policy) -> Duration {
        let leased = match self.app {
            AppState::Background => self.stay.is_some() && self.session().is_none(),
            AppState::Active => false,
        };
        if leased { policy.background_lease.max(policy.resume_grace) } else { policy.resume_grace }
    }
}
