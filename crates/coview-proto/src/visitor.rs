use alloc::vec::Vec;
use core::time::Duration;

use coview_wire::AppState;
use coview_wire::AskId;
use coview_wire::Bye;
use coview_wire::ClientMessage;
use coview_wire::ClientToken;
use coview_wire::EndReason;
use coview_wire::GroupId;
use coview_wire::Hello;
use coview_wire::Identify;
use coview_wire::MaskNotice;
use coview_wire::PROTOCOL_VERSION;
use coview_wire::Picture;
use coview_wire::Ping;
use coview_wire::PresenceConnect;
use coview_wire::PresenceConnected;
use coview_wire::PresenceData;
use coview_wire::PresenceFacts;
use coview_wire::PresenceUpdate;
use coview_wire::Profile;
use coview_wire::RefusalCode;
use coview_wire::RequestId;
use coview_wire::Resume;
use coview_wire::ResumeSecret;
use coview_wire::Resumed;
use coview_wire::ServerMessage;
use coview_wire::SessionEnded;
use coview_wire::SessionId;
use coview_wire::Settings;
use coview_wire::Snapshot;
use coview_wire::StartId;
use coview_wire::TermsOver;
use coview_wire::Timing;
use coview_wire::ViewerNotice;
use coview_wire::VisitorAssertion;
use coview_wire::VisitorId;
use coview_wire::WithdrawReason;

use crate::ENGINE;
use crate::FIRST_REPLY;
use crate::backoff::Backoff;
use crate::role::Coalesced;
use crate::role::Heard;
use crate::role::Rest;
use crate::role::Role;
use crate::role::Rules;
use crate::role::Said;

/// The visitor's side: says [`ClientMessage`], hears [`ServerMessage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VisitorRole {}

/// What a visitor's engine is made from.
///
/// ```
/// use coview_proto::VisitorConfig;
/// use coview_wire::{GroupId, Profile};
///
/// let mut config = VisitorConfig::new(GroupId::new("12345")?);
/// config.profile = Profile::new().with_name("Ada")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct VisitorConfig {
    /// The group; it never changes.
    pub group: GroupId,
    /// The group's client token, if it has one.
    pub token: Option<ClientToken>,
    /// What is known about the person before login.
    pub profile: Profile,
    /// Where the app is when it connects.
    pub app: AppState,
    /// How long to wait before reconnecting.
    pub backoff: Backoff,
    /// How long opening the first connection and the first reply on it may take together. On later
    /// connections the server's own number holds.
    pub first_reply: Duration,
}

impl VisitorConfig {
    /// A configuration for an app in the foreground, with no token, no profile and the default
    /// times.
    #[must_use]
    pub fn new(group: GroupId) -> Self {
        Self {
            group,
            token: None,
            profile: Profile::new(),
            app: AppState::Active,
            backoff: Backoff::default(),
            first_reply: FIRST_REPLY,
        }
    }
}

/// What the server told a visitor with its first reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VisitorGreeting {
    /// What the app should offer.
    pub settings: Settings,
    /// The times the engine keeps.
    pub timing: Timing,
}

impl Role for VisitorRole {
    type Says = ClientMessage;
    type Hears = ServerMessage;
    type Config = VisitorConfig;
    type Greeting = VisitorGreeting;
}

/// What the server knows of a visitor.
#[derive(Clone, Debug)]
pub struct Base {
    app: AppState,
    /// What `hello` tells about the person: nothing any more once somebody has logged out.
    profile: Profile,
    identity: Option<Identity>,
    presence: Option<Presence>,
    /// The request that waits for the visitor's answer.
    ask: Option<AskId>,
    /// The start whose answer is to come. What answers none is an old answer that came twice.
    starting: Option<StartId>,
    session: Option<Session>,
}

#[derive(Clone, Debug)]
struct Identity {
    visitor: VisitorId,
    /// The newest one the server is known to have accepted.
    assertion: Option<VisitorAssertion>,
    profile: Option<Profile>,
}

#[derive(Clone, Debug)]
struct Presence {
    data: PresenceData,
    /// Unknown only between the message that asks for it and its answer.
    facts: Option<PresenceFacts>,
}

#[derive(Clone, Copy, Debug)]
struct Session {
    start: StartId,
    session: SessionId,
}

impl Base {
    fn log_out(&mut self) {
        self.profile = Profile::new();
        self.identity = None;
        self.go_offline();
        self.starting = None;
        self.session = None;
    }

    fn go_offline(&mut self) {
        self.presence = None;
        self.ask = None;
    }

    fn become_known(&mut self, visitor: &VisitorId) {
        if self.identity.as_ref().is_none_or(|known| known.visitor != *visitor) {
            let visitor = visitor.clone();
            self.identity = Some(Identity { visitor, assertion: None, profile: None });
        }
    }

    /// What an `identify` does not repeat of a visitor who is known stays.
    fn identify(&mut self, said: &Identify) {
        let (assertion, profile) = match self.identity.take() {
            Some(known) if known.visitor == said.visitor => (known.assertion, known.profile),
            Some(_) | None => (None, None),
        };
        self.identity = Some(Identity {
            visitor: said.visitor.clone(),
            assertion: said.assertion.clone().or(assertion),
            profile: said.profile.clone().or(profile),
        });
    }

    fn be_online(&mut self, facts: PresenceFacts) {
        let data = self.presence.take().map(|presence| presence.data).unwrap_or_default();
        self.presence = Some(Presence { data, facts: Some(facts) });
    }

    /// A snapshot is the truth. It does not repeat what only the client knows of itself, so that
    /// is kept.
    fn reconcile(&mut self, snapshot: &Snapshot) {
        match &snapshot.visitor {
            Some(visitor) => self.become_known(visitor),
            None => self.identity = None,
        }
        match snapshot.presence {
            Some(facts) => self.be_online(facts),
            None => self.presence = None,
        }
        self.ask = snapshot.ask.as_ref().map(|ask| ask.ask);
        self.starting = None;
        self.session = snapshot
            .session
            .as_ref()
            .map(|facts| Session { start: facts.start, session: facts.session });
    }
}

/// What is said again to a server that has forgotten the visitor; the app state is in `hello`.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Identify,
    Presence,
}

impl Rules<Self> for VisitorRole {
    type Base = Base;
    type Step = Step;

    /// A place left behind would be seen online for as long as a lease, without anybody in it.
    const RESUMES_HALF_RESTORED: bool = true;

    fn base(config: &VisitorConfig) -> Base {
        let (app, profile) = (config.app, config.profile.clone());
        Base {
            app,
            profile,
            identity: None,
            presence: None,
            ask: None,
            starting: None,
            session: None,
        }
    }

    fn backoff(config: &VisitorConfig) -> Backoff {
        config.backoff
    }

    fn first_reply(config: &VisitorConfig) -> Duration {
        config.first_reply
    }

    fn greet<'a>(
        config: &VisitorConfig,
        base: &'a Base,
        _: impl Iterator<Item = &'a ClientMessage>,
    ) -> ClientMessage {
        ClientMessage::Hello(Hello {
            re: ENGINE,
            version: PROTOCOL_VERSION,
            group: config.group.clone(),
            token: config.token.clone(),
            profile: base.profile.clone(),
            app: base.app,
        })
    }

    fn resume(config: &VisitorConfig, secret: ResumeSecret) -> ClientMessage {
        let group = config.group.clone();
        ClientMessage::Resume(Resume { re: ENGINE, version: PROTOCOL_VERSION, group, secret })
    }

    fn ping() -> ClientMessage {
        ClientMessage::Ping(Ping {})
    }

    fn bye() -> ClientMessage {
        ClientMessage::Bye(Bye {})
    }

    fn sort_said(message: &ClientMessage) -> Said {
        use ClientMessage as M;
        match message {
            M::Hello(_) | M::Resume(_) | M::Ping(_) => Said::Own,
            M::Bye(_) => Said::Bye,
            M::Identify(m) => Said::App(m.re),
            M::LogOut(m) => Said::App(m.re),
            M::PresenceConnect(m) => Said::App(m.re),
            M::PresenceUpdate(m) => Said::App(m.re),
            M::PresenceDisconnect(m) => Said::App(m.re),
            M::AppMoved(m) => Said::App(m.re),
            M::TermsDisplayed(m) => Said::App(m.re),
            M::TermsAccepted(m) => Said::App(m.re),
            M::TermsDeclined(m) => Said::App(m.re),
            M::JoinConfirmed(m) => Said::App(m.re),
            M::JoinDeclined(m) => Said::App(m.re),
            M::SessionStart(m) => Said::App(m.re),
            M::SessionEnd(m) => Said::App(m.re),
        }
    }

    fn sort_heard(message: ServerMessage) -> Heard<Self> {
        use ServerMessage as M;
        match message {
            M::Welcome(welcome) => Heard::Greeting {
                greeting: VisitorGreeting { settings: welcome.settings, timing: welcome.timing },
                secret: welcome.secret,
                timing: welcome.timing,
            },
            M::Resumed(Resumed { ref snapshot, .. }) => Heard::Resumed {
                seen: snapshot.seen,
                refused: snapshot.answered.filter(|a| a.refused.is_some()).map(|a| a.re),
                message,
            },
            M::Pong(pong) => Heard::Pong { seen: pong.seen },
            M::Closing(closing) => Heard::Closing(closing),
            M::Refused(ref refused) => {
                Heard::No { re: Some(refused.re), code: refused.code, message }
            }
            M::Problem(ref problem) => Heard::No { re: problem.re, code: problem.code, message },
            M::Identified(ref answer) => Heard::Answer { re: answer.re, message },
            M::PresenceConnected(ref answer) => Heard::Answer { re: answer.re, message },
            M::SessionConnected(ref answer) => Heard::Answer { re: answer.re, message },
            M::PresenceLost(_)
            | M::PresenceFocus(_)
            | M::TermsRequested(_)
            | M::TermsWithdrawn(_)
            | M::SessionGuests(_)
            | M::JoinRequested(_)
            | M::JoinWithdrawn(_)
            | M::SessionEnded(_) => Heard::News(message),
        }
    }

    fn coalesce(earlier: &ClientMessage, new: &ClientMessage) -> Coalesced<Self> {
        use ClientMessage as M;
        match new {
            M::AppMoved(_) => match earlier {
                M::AppMoved(_) => Coalesced::Into(new.clone()),
                M::Hello(_)
                | M::Resume(_)
                | M::Identify(_)
                | M::LogOut(_)
                | M::PresenceConnect(_)
                | M::PresenceUpdate(_)
                | M::PresenceDisconnect(_)
                | M::TermsDisplayed(_)
                | M::TermsAccepted(_)
                | M::TermsDeclined(_)
                | M::JoinConfirmed(_)
                | M::JoinDeclined(_)
                | M::SessionStart(_)
                | M::SessionEnd(_)
                | M::Ping(_)
                | M::Bye(_) => Coalesced::Apart,
            },
            M::PresenceUpdate(PresenceUpdate { re, data }) => match earlier {
                M::PresenceUpdate(earlier) => match earlier.data.clone().then(data) {
                    Ok(data) => {
                        Coalesced::Into(M::PresenceUpdate(PresenceUpdate { re: *re, data }))
                    }
                    // Together they would be larger than one message may be.
                    Err(_) => Coalesced::Barrier,
                },
                // An update belongs to one stay in presence and is not carried into another.
                M::Identify(_)
                | M::LogOut(_)
                | M::PresenceConnect(_)
                | M::PresenceDisconnect(_) => Coalesced::Barrier,
                M::Hello(_)
                | M::Resume(_)
                | M::AppMoved(_)
                | M::TermsDisplayed(_)
                | M::TermsAccepted(_)
                | M::TermsDeclined(_)
                | M::JoinConfirmed(_)
                | M::JoinDeclined(_)
                | M::SessionStart(_)
                | M::SessionEnd(_)
                | M::Ping(_)
                | M::Bye(_) => Coalesced::Apart,
            },
            M::Hello(_)
            | M::Resume(_)
            | M::Identify(_)
            | M::LogOut(_)
            | M::PresenceConnect(_)
            | M::PresenceDisconnect(_)
            | M::TermsDisplayed(_)
            | M::TermsAccepted(_)
            | M::TermsDeclined(_)
            | M::JoinConfirmed(_)
            | M::JoinDeclined(_)
            | M::SessionStart(_)
            | M::SessionEnd(_)
            | M::Ping(_)
            | M::Bye(_) => Coalesced::Barrier,
        }
    }

    fn acted_on(base: &mut Base, message: &ClientMessage) {
        use ClientMessage as M;
        match message {
            M::Identify(identify) => base.identify(identify),
            M::LogOut(_) => base.log_out(),
            M::PresenceConnect(PresenceConnect { data, .. }) => {
                base.presence = Some(Presence { data: data.clone(), facts: None });
            }
            M::PresenceUpdate(update) => {
                if let Some(presence) = &mut base.presence {
                    // Too many entries: the server kept what it had, and so does this side.
                    let _ = presence.data.merge(&update.data);
                }
            }
            M::PresenceDisconnect(_) => base.go_offline(),
            M::AppMoved(moved) => base.app = moved.app,
            M::TermsDeclined(declined) => {
                base.ask.take_if(|ask| *ask == declined.ask);
            }
            M::SessionEnd(end) => {
                base.session.take_if(|session| session.start == end.start);
            }
            M::SessionStart(start) => base.starting = Some(start.start),
            M::TermsDisplayed(_)
            | M::TermsAccepted(_)
            | M::JoinConfirmed(_)
            | M::JoinDeclined(_)
            | M::Hello(_)
            | M::Resume(_)
            | M::Ping(_)
            | M::Bye(_) => {}
        }
    }

    fn takes_back(message: &ClientMessage) -> bool {
        use ClientMessage as M;
        matches!(
            message,
            M::LogOut(_) | M::PresenceDisconnect(_) | M::TermsDeclined(_) | M::SessionEnd(_)
        )
    }

    fn heard(base: &mut Base, message: &ServerMessage) {
        use ServerMessage as M;
        match message {
            M::Resumed(resumed) => base.reconcile(&resumed.snapshot),
            M::PresenceConnected(answer) => {
                if let Some(Presence { facts: facts @ None, .. }) = &mut base.presence {
                    *facts = Some(facts_of(answer));
                }
            }
            M::PresenceLost(lost) => {
                // A stay that is over already takes nothing away from a newer one.
                let stale = |facts: PresenceFacts| facts.presence != lost.presence;
                if base.presence.as_ref().is_some_and(|p| !p.facts.is_some_and(stale)) {
                    base.go_offline();
                }
            }
            M::PresenceFocus(focus) => {
                let facts = base.presence.as_mut().and_then(|p| p.facts.as_mut());
                if let Some(facts) = facts.filter(|facts| facts.presence == focus.presence) {
                    facts.focused = focus.focused;
                }
            }
            M::TermsRequested(requested) => base.ask = Some(requested.ask),
            M::TermsWithdrawn(withdrawn) => {
                base.ask.take_if(|ask| *ask == withdrawn.ask);
            }
            M::SessionConnected(connected) => {
                if let Some(start) = base.starting.take_if(|it| *it == connected.start) {
                    base.session = Some(Session { start, session: connected.session });
                    base.ask = None;
                }
            }
            M::SessionEnded(ended) => {
                base.session.take_if(|session| session.session == ended.session);
            }
            // Who the visitor is stands in what was acted on.
            M::Identified(_)
            | M::Welcome(_)
            | M::SessionGuests(_)
            | M::JoinRequested(_)
            | M::JoinWithdrawn(_)
            | M::Refused(_)
            | M::Problem(_)
            | M::Pong(_)
            | M::Closing(_) => {}
        }
    }

    fn may_rest<'a>(
        base: &'a Base,
        told: impl Iterator<Item = &'a ClientMessage>,
        untold: impl Iterator<Item = &'a ClientMessage>,
    ) -> Rest {
        let mut foreseen = Foreseen { app: base.app, start: base.session.map(|s| s.start) };
        told.for_each(|message| foreseen.said(message));
        let told = foreseen.app;
        untold.for_each(|message| foreseen.said(message));
        match (foreseen, told) {
            (Foreseen { app: AppState::Active, .. } | Foreseen { start: Some(_), .. }, _) => {
                Rest::No
            }
            (Foreseen { app: AppState::Background, start: None }, AppState::Active) => {
                Rest::OnceTold
            }
            (Foreseen { app: AppState::Background, start: None }, AppState::Background) => {
                Rest::Yes
            }
        }
    }

    fn picture_session<'a>(
        base: &'a Base,
        mut said: impl Iterator<Item = &'a ClientMessage>,
    ) -> Option<SessionId> {
        use ClientMessage as M;
        let Session { start, session } = base.session?;
        let ends = |message: &ClientMessage| match message {
            M::SessionEnd(end) => end.start == start,
            M::LogOut(_) => true,
            M::Hello(_)
            | M::Resume(_)
            | M::Identify(_)
            | M::PresenceConnect(_)
            | M::PresenceUpdate(_)
            | M::PresenceDisconnect(_)
            | M::AppMoved(_)
            | M::TermsDisplayed(_)
            | M::TermsAccepted(_)
            | M::TermsDeclined(_)
            | M::JoinConfirmed(_)
            | M::JoinDeclined(_)
            | M::SessionStart(_)
            | M::Ping(_)
            | M::Bye(_) => false,
        };
        if said.any(ends) { None } else { Some(session) }
    }

    fn session_said(bytes: &[u8]) -> Option<SessionId> {
        if MaskNotice::is_in(bytes) {
            return MaskNotice::decode(bytes).ok().map(|notice| notice.session);
        }
        Picture::decode(bytes).ok().map(|picture| picture.session())
    }

    fn session_heard(bytes: &[u8]) -> Option<SessionId> {
        ViewerNotice::decode(bytes).ok().map(|notice| notice.session)
    }

    fn restore<'a>(
        base: &'a Base,
        done: Option<Step>,
        said: impl Iterator<Item = &'a ClientMessage>,
    ) -> Option<(Step, ClientMessage)> {
        let identity = base.identity.as_ref()?;
        match done {
            None => {
                let (visitor, profile) = (identity.visitor.clone(), identity.profile.clone());
                let newest = newest_assertion(identity, said).cloned();
                let identify = Identify { re: ENGINE, visitor, assertion: newest, profile };
                Some((Step::Identify, ClientMessage::Identify(identify)))
            }
            Some(Step::Identify) => {
                let data = base.presence.as_ref()?.data.clone();
                let connect = PresenceConnect { re: ENGINE, data };
                Some((Step::Presence, ClientMessage::PresenceConnect(connect)))
            }
            Some(Step::Presence) => None,
        }
    }

    fn restored(
        base: &mut Base,
        step: Step,
        message: ServerMessage,
        _: &mut Vec<ServerMessage>,
    ) -> bool {
        use ServerMessage as M;
        match (step, &message) {
            (Step::Identify, M::Identified(_)) => true,
            (Step::Presence, M::PresenceConnected(answer)) => {
                base.be_online(facts_of(answer));
                true
            }
            (
                Step::Identify | Step::Presence,
                M::Welcome(_)
                | M::Resumed(_)
                | M::Identified(_)
                | M::PresenceConnected(_)
                | M::PresenceLost(_)
                | M::PresenceFocus(_)
                | M::TermsRequested(_)
                | M::TermsWithdrawn(_)
                | M::SessionConnected(_)
                | M::SessionGuests(_)
                | M::JoinRequested(_)
                | M::JoinWithdrawn(_)
                | M::SessionEnded(_)
                | M::Refused(_)
                | M::Problem(_)
                | M::Pong(_)
                | M::Closing(_),
            ) => false,
        }
    }

    fn restored_before(
        base: &mut Base,
        message: ServerMessage,
        later: &mut Vec<ServerMessage>,
    ) -> Option<Step> {
        let ServerMessage::Resumed(Resumed { snapshot, .. }) = message else { return None };
        let facts = snapshot.presence?;
        base.be_online(facts);
        later.extend(snapshot.ask.map(ServerMessage::TermsRequested));
        Some(Step::Presence)
    }

    fn unrestored(base: &mut Base, step: Step, _: RefusalCode) -> bool {
        match step {
            // The app believes it is known; there is no state in which it is not.
            Step::Identify => false,
            // Presence can be lost at any time, and the snapshot says so.
            Step::Presence => {
                base.presence = None;
                true
            }
        }
    }

    fn snapshot(base: &mut Base, seen: Option<RequestId>, shutdown: bool) -> ServerMessage {
        let (end, withdrawn) = if shutdown {
            (EndReason::Shutdown, WithdrawReason::Shutdown)
        } else {
            (EndReason::VisitorLost, WithdrawReason::PresenceOver)
        };
        base.starting = None;
        let snapshot = Snapshot {
            seen,
            answered: None,
            visitor: base.identity.as_ref().map(|identity| identity.visitor.clone()),
            presence: base.presence.as_ref().and_then(|presence| presence.facts),
            ask: None,
            ask_over: base.ask.take().map(|ask| TermsOver { ask, reason: withdrawn }),
            session: None,
            ended: base.session.take().map(|Session { start, session }| SessionEnded {
                start,
                session,
                reason: end,
            }),
            join_over: None,
        };
        ServerMessage::Resumed(Resumed { re: ENGINE, snapshot })
    }
}

fn facts_of(answer: &PresenceConnected) -> PresenceFacts {
    PresenceFacts { presence: answer.presence, focused: answer.focused }
}

/// The newest assertion of who the visitor is. One the app has handed over and the server has not
/// answered counts: the one before it may have expired meanwhile.
fn newest_assertion<'a>(
    identity: &'a Identity,
    said: impl Iterator<Item = &'a ClientMessage>,
) -> Option<&'a VisitorAssertion> {
    use ClientMessage as M;
    let newer = said.filter_map(|message| match message {
        M::Identify(said) => said.assertion.as_ref().filter(|_| said.visitor == identity.visitor),
        M::Hello(_)
        | M::Resume(_)
        | M::LogOut(_)
        | M::PresenceConnect(_)
        | M::PresenceUpdate(_)
        | M::PresenceDisconnect(_)
        | M::AppMoved(_)
        | M::TermsDisplayed(_)
        | M::TermsAccepted(_)
        | M::TermsDeclined(_)
        | M::JoinConfirmed(_)
        | M::JoinDeclined(_)
        | M::SessionStart(_)
        | M::SessionEnd(_)
        | M::Ping(_)
        | M::Bye(_) => None,
    });
    newer.last().or(identity.assertion.as_ref())
}

/// What will be once the server has acted on everything the app said.
#[derive(Clone, Copy)]
struct Foreseen {
    app: AppState,
    /// The start of a session that runs or is asked for.
    start: Option<StartId>,
}

impl Foreseen {
    fn said(&mut self, message: &ClientMessage) {
        use ClientMessage as M;
        match message {
            M::AppMoved(moved) => self.app = moved.app,
            M::SessionStart(start) => self.start = Some(start.start),
            M::SessionEnd(end) => {
                self.start.take_if(|start| *start == end.start);
            }
            M::LogOut(_) => self.start = None,
            M::Hello(_)
            | M::Resume(_)
            | M::Identify(_)
            | M::PresenceConnect(_)
            | M::PresenceUpdate(_)
            | M::PresenceDisconnect(_)
            | M::TermsDisplayed(_)
            | M::TermsAccepted(_)
            | M::TermsDeclined(_)
            | M::JoinConfirmed(_)
            | M::JoinDeclined(_)
            | M::Ping(_)
            | M::Bye(_) => {}
        }
    }
}
