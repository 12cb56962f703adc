//! What is true now, as far as this side has been told.
//!
//! Messages are absorbed into facts as they arrive, whatever state the agent's type is in. What
//! ended stays here with its end until the agent's type has left the state, so every request and
//! every session is told to be over exactly once. Facts overwrite one another instead of queueing
//! up, so memory stays bounded.

mod joining;
mod reconcile;

use alloc::vec::Vec;

use coview_lifecycle::Connectivity;
use coview_lifecycle::LinkClosed;
use coview_wire::AgentCard;
use coview_wire::AgentNotice;
use coview_wire::AskId;
use coview_wire::AskOutcome;
use coview_wire::CloseReason;
use coview_wire::EndReason;
use coview_wire::GroupId;
use coview_wire::Joined;
use coview_wire::RefusalCode;
use coview_wire::Renewed;
use coview_wire::RequestId;
use coview_wire::SessionId;
use coview_wire::ViewFacts;
use coview_wire::VisitorId;

pub(crate) use crate::facts::joining::JoinResult;
use crate::facts::joining::Joining;
use crate::link::AgentArrival;
use crate::roster::Online;
use crate::sign_in::SignInFacts;
use crate::step::AskStatus;
use crate::step::Change;

/// Whom an agent watches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Watching {
    /// Everybody of the group who is online.
    Group,
    /// This visitor only.
    Visitor(VisitorId),
}

#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) group: GroupId,
    pub(crate) sign_in: SignInFacts,
    /// The newer token that was shown last and is not answered.
    renewing: Option<RequestId>,
    pub(crate) connectivity: Connectivity,
    /// What the app was told of it last.
    known_connectivity: Connectivity,
    pub(crate) closed: Option<LinkClosed>,
    pub(crate) online: Online,
    watch: Option<Watch>,
    watchless: bool,
    rewatch: bool,
    last_request: RequestId,
    /// The request whose answer a pending future waits for, and the answer once it is here.
    waiting: Option<Waiting>,
    /// The request to share, until the agent's type has left it behind.
    ask: Option<Asking>,
    /// The request to share this side knew last: a snapshot may still speak of it.
    last_ask: Option<AskId>,
    /// The join by a right key, until the agent's type has left it behind.
    joining: Option<Joining>,
    /// The session, until the agent's type has left it behind.
    view: Option<View>,
    /// A session this side was put in and does not want: its request had been given up.
    unwanted: Option<SessionId>,
    /// The session that was left last for that reason.
    turned_away: Option<SessionId>,
    changed: Changed,
}

#[derive(Debug)]
struct Watch {
    re: RequestId,
    whom: Watching,
    /// Whether the roster shown is this watch's or that of the one it replaced. Before that,
    /// notices are those of a watch that was given up.
    live: bool,
    /// Whether its own roster arrived.
    granted: bool,
    /// The watch it replaces, which stands if this one is refused.
    before: Option<(RequestId, Watching)>,
}

#[derive(Debug)]
struct Waiting {
    re: RequestId,
    what: Awaited,
    /// How long the visitor has to let the agent in, once it is asked.
    held: Option<u32>,
    answer: Option<Result<Granted, No>>,
}

/// A request was not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct No {
    pub(crate) code: RefusalCode,
    pub(crate) retry_ms: Option<u32>,
}

impl From<RefusalCode> for No {
    fn from(code: RefusalCode) -> Self {
        Self { code, retry_ms: None }
    }
}

/// What a request asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    Ask(VisitorId),
    /// To be in a session.
    View,
    /// To be in a session, or asked about.
    Knock,
}

/// What a request was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Granted {
    Ask(AskId, VisitorId),
    View(SessionId, Option<VisitorId>),
    Knock,
}

#[derive(Debug)]
pub(crate) struct Asking {
    ask: AskId,
    visitor: VisitorId,
    pub(crate) expires_ms: u32,
    pub(crate) status: AskStatus,
    /// The session to come, once accepted.
    session: Option<SessionId>,
    over: Option<AskOutcome>,
}

#[derive(Debug)]
pub(crate) struct View {
    session: SessionId,
    visitor: Option<VisitorId>,
    pub(crate) count: u32,
    pub(crate) guests: Vec<AgentCard>,
    over: Option<EndReason>,
}

/// What has become of a request to share.
#[derive(Debug)]
pub(crate) enum AskResult {
    Accepted(SessionId, VisitorId),
    Over(AskOutcome),
}

/// What the app has to be told of the things that change without moving the agent.
#[derive(Debug, Default)]
struct Changed {
    status: bool,
    guests: bool,
    renewed: Option<Result<(), RefusalCode>>,
    problem: Option<RefusalCode>,
}

impl Facts {
    pub(crate) fn new(group: GroupId, sign_in: SignInFacts) -> Self {
        Self {
            group,
            sign_in,
            renewing: None,
            connectivity: Connectivity::Connected,
            known_connectivity: Connectivity::Connected,
            closed: None,
            online: Online::default(),
            watch: None,
            watchless: false,
            rewatch: false,
            last_request: RequestId::new(0),
            waiting: None,
            ask: None,
            last_ask: None,
            joining: None,
            view: None,
            unwanted: None,
            turned_away: None,
            changed: Changed::default(),
        }
    }

    pub(crate) fn next_request(&mut self) -> RequestId {
        self.last_request = self.last_request.next();
        self.last_request
    }

    pub(crate) fn wait_for(&mut self, re: RequestId, what: Awaited) {
        self.waiting = Some(Waiting { re, what, held: None, answer: None });
    }

    /// A request that was not said, because the answer is known.
    pub(crate) fn refuse_unasked(&mut self, what: Awaited, code: RefusalCode) {
        let answer = Some(Err(code.into()));
        self.waiting = Some(Waiting { re: self.last_request, what, held: None, answer });
    }

    /// The answer to the request that is waited for, once.
    pub(crate) fn take_answer(&mut self) -> Option<Result<Granted, No>> {
        let answer = self.waiting.as_mut()?.answer.take()?;
        self.waiting = None;
        Some(answer)
    }

    /// Gives the request up that is waited for; says whether there is something to take back.
    pub(crate) fn stop_waiting(&mut self) -> bool {
        self.waiting.take().is_some_and(|waiting| !matches!(waiting.answer, Some(Err(_))))
    }

    /// How long the visitor has to let the agent in, if it is being asked.
    pub(crate) fn held(&self) -> Option<u32> {
        self.waiting.as_ref().and_then(|waiting| waiting.held)
    }

    pub(crate) const fn renew(&mut self, re: RequestId) {
        self.renewing = Some(re);
    }

    pub(crate) fn watching(&self) -> Option<&Watching> {
        self.watch.as_ref().map(|watch| &watch.whom)
    }

    /// Watches. The roster of an earlier watch stays until the new one has arrived.
    pub(crate) fn watch(&mut self, re: RequestId, whom: Watching) {
        let before = self.watch.take();
        let live = before.as_ref().is_some_and(|before| before.live);
        let before = before.filter(|it| it.granted).map(|it| (it.re, it.whom));
        self.watch = Some(Watch { re, whom, live, granted: false, before });
    }

    /// A watch was refused: the one before it stands, if that was known to stand.
    fn watch_refused(&mut self) {
        let Some(refused) = self.watch.take() else { return };
        if let Some((re, whom)) = refused.before {
            self.online.stop_paging();
            self.watch = Some(Watch { re, whom, live: true, granted: true, before: None });
        } else {
            self.online.page(true, false, Vec::new());
            self.watchless = true;
        }
    }

    /// Whether the watch has to be said again, because nobody knows what came of it.
    pub(crate) fn take_rewatch(&mut self) -> Option<Watching> {
        let again = core::mem::replace(&mut self.rewatch, false);
        self.watch.as_ref().filter(|_| again).map(|watch| watch.whom.clone())
    }

    /// The watch is said again under another number.
    pub(crate) const fn watch_again(&mut self, re: RequestId) {
        if let Some(watch) = &mut self.watch {
            watch.re = re;
        }
    }

    /// Whether the server is to be told that nobody is watched, because a watch was refused and
    /// another may have been granted before it.
    pub(crate) const fn take_watchless(&mut self) -> bool {
        core::mem::replace(&mut self.watchless, false)
    }

    pub(crate) fn unwatch(&mut self) {
        self.watch = None;
        self.online.clear();
    }

    pub(crate) fn absorb(&mut self, arrival: AgentArrival) {
        match arrival {
            AgentArrival::Message(notice) => self.absorb_notice(notice),
            AgentArrival::Connectivity(connectivity) => self.connectivity = connectivity,
            AgentArrival::Closed(reason) => {
                self.closed = Some(reason);
                self.kept_out(RefusalCode::NoAnswer);
                self.end_view(None, view_end_of(reason));
                // Accepted and joined is the outcome, even if the app has not been told.
                if !(self.is_accepted() && self.view.is_some()) {
                    self.end_ask(None, AskOutcome::Lost);
                }
            }
        }
    }

    fn absorb_notice(&mut self, notice: AgentNotice) {
        match notice {
            AgentNotice::Resumed(resumed) => self.reconcile(resumed.snapshot),
            AgentNotice::Roster(roster) => {
                // A roster that answers nothing follows a resume; one that answers an earlier
                // watch is stale.
                if let Some(watch) = &mut self.watch
                    && roster.re.is_none_or(|re| re == watch.re)
                {
                    watch.live = true;
                    if roster.re.is_some() {
                        watch.granted = true;
                        watch.before = None;
                    }
                    self.online.page(roster.first, roster.more, roster.visitors);
                }
            }
            AgentNotice::VisitorOnline(online) => {
                if self.is_watching() {
                    self.online.is(online.card);
                }
            }
            AgentNotice::VisitorChanged(changed) => {
                if self.is_watching() {
                    self.online.is(changed.card);
                }
            }
            AgentNotice::VisitorOffline(offline) => {
                if self.is_watching() {
                    self.online.offline(offline.visitor, offline.reason);
                }
            }
            AgentNotice::Asked(asked) => self.asked(asked.re, asked.ask, asked.expires_ms),
            AgentNotice::Renewed(renewed) => self.renewed(renewed),
            AgentNotice::JoinWaiting(held) => self.join_waits(held),
            AgentNotice::TermsSeen(seen) => {
                if let Some(asking) = &mut self.ask
                    && asking.ask == seen.ask
                    && asking.over.is_none()
                {
                    self.changed.status |= asking.comes_to(AskStatus::Displayed);
                }
            }
            AgentNotice::AskEnded(ended) => self.ask_ended(ended.ask, ended.outcome, ended.session),
            AgentNotice::Joined(joined) => self.joined(joined),
            AgentNotice::ViewGuests(guests) => {
                self.guests_are(guests.session, guests.count, guests.guests);
            }
            AgentNotice::ViewEnded(ended) => self.end_view(Some(ended.session), ended.reason),
            AgentNotice::Refused(refused) => {
                let no = No { code: refused.code, retry_ms: refused.retry_ms };
                self.refused(refused.re, no);
            }
            AgentNotice::Problem(problem) => {
                // An older server answers a request it does not know with a problem.
                let waits = |re: &RequestId| {
                    self.renewing == Some(*re)
                        || self.waiting.as_ref().is_some_and(|waiting| waiting.re == *re)
                };
                if let Some(re) = problem.re.filter(waits) {
                    self.refused(re, problem.code.into());
                } else if problem.code != RefusalCode::IllegalOrder {
                    // An illegal order is a verb that crossed news on its way; the news follows.
                    self.changed.problem = Some(problem.code);
                }
            }
            // The engine below has acted on these.
            AgentNotice::SignedIn(_) | AgentNotice::Pong(_) | AgentNotice::Closing(_) => {}
        }
    }

    fn is_watching(&self) -> bool {
        self.watch.as_ref().is_some_and(|watch| watch.live)
    }

    fn asked(&mut self, re: RequestId, ask: AskId, expires_ms: u32) {
        if let Some(waiting) = &mut self.waiting
            && waiting.re == re
            && waiting.answer.is_none()
            && let Awaited::Ask(visitor) = &waiting.what
        {
            waiting.answer = Some(Ok(Granted::Ask(ask, visitor.clone())));
            self.last_ask = Some(ask);
            self.ask = Some(Asking {
                ask,
                visitor: visitor.clone(),
                expires_ms,
                status: AskStatus::Sent,
                session: None,
                over: None,
            });
        }
    }

    fn joined(&mut self, joined: Joined) {
        let Joined { re, view } = joined;
        if let Some(known) = &self.view
            && known.session == view.session
        {
            self.guests_are(view.session, view.count, view.guests);
            return;
        }
        if let Some(re) = re {
            return self.let_in(re, view);
        }
        let Some(ask) = view.ask else { return };
        if let Some(asking) = &self.ask
            && asking.ask == ask
            && asking.over.is_none()
            && asking.session.is_none_or(|session| session == view.session)
        {
            // The request may be known only from after it was accepted, and the session left by then.
            let over = (self.turned_away == Some(view.session)).then_some(EndReason::Left);
            self.view = Some(View { over, ..view.into() });
        } else {
            // The visitor accepted while this side gave the request up.
            self.unwanted = Some(view.session);
        }
    }

    fn renewed(&mut self, Renewed { re, expires_ms, rights }: Renewed) {
        self.sign_in.lasts_ms = expires_ms;
        self.sign_in.rights = rights;
        self.changed.renewed = Some(Ok(()));
        self.renewing.take_if(|renewing| *renewing == re);
    }

    fn refused(&mut self, re: RequestId, no: No) {
        if let Some(waiting) = &mut self.waiting
            && waiting.re == re
            && waiting.answer.is_none()
        {
            waiting.answer = Some(Err(no));
        } else if self.joining.as_ref().is_some_and(|joining| joining.waits_for(re)) {
            self.kept_out(no.code);
        } else if self.renewing.take_if(|renewing| *renewing == re).is_some() {
            self.changed.renewed = Some(Err(no.code));
        } else if self.watch.as_ref().is_some_and(|watch| watch.re == re) {
            self.watch_refused();
            self.changed.problem = Some(no.code);
        }
    }

    fn ask_ended(&mut self, ask: AskId, outcome: AskOutcome, session: Option<SessionId>) {
        match outcome {
            AskOutcome::Accepted => match &mut self.ask {
                Some(asking) if asking.ask == ask => {
                    if asking.over.is_none() && asking.comes_to(AskStatus::Accepted) {
                        asking.session = session;
                        self.changed.status = true;
                    }
                }
                // The visitor accepted while this side gave the request up. The session this side
                // is in came from the last request, if from any: that is old news, said again.
                Some(_) | None => {
                    let own = self.view.as_ref().map(|view| view.session);
                    self.unwanted = session.filter(|session| Some(*session) != own);
                }
            },
            AskOutcome::Declined
            | AskOutcome::Withdrawn
            | AskOutcome::Expired
            | AskOutcome::Busy
            | AskOutcome::Lost
            | AskOutcome::Unknown => {
                // A request has one outcome: after *accepted* only the session can end.
                if !self.is_accepted() {
                    self.end_ask(Some(ask), outcome);
                }
            }
        }
    }

    fn is_accepted(&self) -> bool {
        self.ask.as_ref().is_some_and(|asking| asking.status == AskStatus::Accepted)
    }

    fn end_ask(&mut self, ask: Option<AskId>, outcome: AskOutcome) {
        if let Some(asking) = &mut self.ask
            && ask.is_none_or(|ask| ask == asking.ask)
            && asking.over.is_none()
        {
            asking.over = Some(outcome);
            self.changed.status = false;
            if let Some(view) = self.view.take() {
                self.unwanted = Some(view.session);
            }
        }
    }

    fn end_view(&mut self, session: Option<SessionId>, reason: EndReason) {
        if let Some(view) = &mut self.view {
            if view.over.is_none() && session.is_none_or(|session| session == view.session) {
                view.over = Some(reason);
                self.changed.guests = false;
            }
        } else if let Some(asking) = &self.ask
            && self.is_accepted()
            && session.is_none_or(|session| asking.session == Some(session))
        {
            // The visitor accepted, and there will be no session.
            self.end_ask(None, AskOutcome::Lost);
        }
    }

    fn guests_are(&mut self, session: SessionId, count: u32, guests: Vec<AgentCard>) {
        if let Some(view) = &mut self.view
            && view.session == session
            && view.over.is_none()
            && (view.count != count || view.guests != guests)
        {
            view.count = count;
            view.guests = guests;
            self.changed.guests = true;
        }
    }

    pub(crate) const fn asking(&self) -> Option<&Asking> {
        self.ask.as_ref()
    }

    /// What has become of the request, once something has; it is forgotten then.
    pub(crate) fn take_ask_result(&mut self) -> Option<AskResult> {
        let result = match (&self.ask, &self.view) {
            // A request lives as long as the state it led to; without one there is nothing to wait for.
            (None, _) => AskResult::Over(AskOutcome::Unknown),
            (Some(Asking { over: Some(outcome), .. }), _) => AskResult::Over(*outcome),
            (Some(asking), Some(view)) if asking.status == AskStatus::Accepted => {
                let visitor = view.visitor.as_ref().unwrap_or(&asking.visitor);
                AskResult::Accepted(view.session, visitor.clone())
            }
            (Some(_), _) => return None,
        };
        self.ask = None;
        self.changed.status = false;
        self.changed.guests = false;
        Some(result)
    }

    /// This side gave the request up; whatever still comes about it is stale. Says which session
    /// the visitor has accepted already, if so.
    pub(crate) fn ask_given_up(&mut self) -> Option<SessionId> {
        self.changed.status = false;
        let asking = self.ask.take()?;
        let joined = self.view_given_up();
        if asking.over.is_none() { joined.or(asking.session) } else { None }
    }

    pub(crate) const fn view(&self) -> Option<&View> {
        self.view.as_ref()
    }

    /// Why the session is over, once it is; it is forgotten then.
    pub(crate) fn take_view_over(&mut self) -> Option<EndReason> {
        let reason = match &self.view {
            Some(view) => view.over?,
            None => EndReason::Unknown,
        };
        self.view_given_up();
        Some(reason)
    }

    /// This side left the session; whatever still comes about it is stale.
    pub(crate) fn view_given_up(&mut self) -> Option<SessionId> {
        self.changed.guests = false;
        self.view.take().map(|view| view.session)
    }

    /// A session to leave, because nobody here wants it.
    pub(crate) fn take_unwanted(&mut self) -> Option<SessionId> {
        let session = self.unwanted.take()?;
        self.turned_away = Some(session);
        Some(session)
    }

    /// One thing that changed without moving the agent; each is told once.
    pub(crate) fn take_change(&mut self) -> Option<Change> {
        if self.known_connectivity != self.connectivity {
            self.known_connectivity = self.connectivity;
            return Some(Change::Connectivity(self.connectivity));
        }
        let changed = &mut self.changed;
        if core::mem::take(&mut changed.status)
            && let Some(asking) = &self.ask
        {
            return Some(Change::Status(asking.status));
        }
        // While the agent's type is still requesting, a session at the door is not its own.
        if self.ask.is_none()
            && self.joining.is_none()
            && core::mem::take(&mut changed.guests)
            && let Some(view) = &self.view
        {
            return Some(Change::Guests(view.count));
        }
        match changed.renewed.take() {
            Some(Ok(())) => return Some(Change::Renewed),
            Some(Err(code)) => return Some(Change::NotRenewed(code)),
            None => {}
        }
        if let Some(code) = changed.problem.take() {
            return Some(Change::Problem(code));
        }
        self.online.take_change()
    }
}

impl Asking {
    /// Whether this is a step further than it had come.
    fn comes_to(&mut self, status: AskStatus) -> bool {
        let further = self.status < status;
        if further {
            self.status = status;
        }
        further
    }
}

impl From<ViewFacts> for View {
    fn from(facts: ViewFacts) -> Self {
        let ViewFacts { session, ask: _, visitor, count, guests } = facts;
        Self { session, visitor, count, guests, over: None }
    }
}

fn view_end_of(reason: LinkClosed) -> EndReason {
    match reason {
        LinkClosed::Server(CloseReason::Shutdown) => EndReason::Shutdown,
        LinkClosed::Left => EndReason::Left,
        LinkClosed::Refused(_) | LinkClosed::Server(_) | LinkClosed::Gone => EndReason::AgentLost,
    }
}
