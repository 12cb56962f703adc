use alloc::vec::Vec;
use core::time::Duration;

use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentMessage;
use coview_wire::AgentNotice;
use coview_wire::AgentResumed;
use coview_wire::AgentRights;
use coview_wire::AgentSnapshot;
use coview_wire::AgentToken;
use coview_wire::AskEnded;
use coview_wire::AskId;
use coview_wire::AskOutcome;
use coview_wire::Bye;
use coview_wire::EndReason;
use coview_wire::GroupId;
use coview_wire::KeyLength;
use coview_wire::PROTOCOL_VERSION;
use coview_wire::PictureRelay;
use coview_wire::Ping;
use coview_wire::RefusalCode;
use coview_wire::Refused;
use coview_wire::Renew;
use coview_wire::Renewed;
use coview_wire::RequestId;
use coview_wire::Resume;
use coview_wire::ResumeSecret;
use coview_wire::SessionId;
use coview_wire::SignIn;
use coview_wire::Timing;
use coview_wire::ViewEnded;
use coview_wire::ViewerSignal;
use coview_wire::VisitorId;
use coview_wire::Watch;

use crate::ENGINE;
use crate::FIRST_REPLY;
use crate::backoff::Backoff;
use crate::role::Coalesced;
use crate::role::Heard;
use crate::role::Rest;
use crate::role::Role;
use crate::role::Rules;
use crate::role::Said;

/// The agent's side: says [`AgentMessage`], hears [`AgentNotice`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentRole {}

/// What an agent's engine is made from.
///
/// ```
/// use coview_proto::AgentConfig;
/// use coview_wire::{AgentToken, GroupId};
///
/// let config = AgentConfig::new(GroupId::new("12345")?, AgentToken::new("s3cret")?);
/// assert!(!format!("{config:?}").contains("s3cret"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// The group; it never changes.
    pub group: GroupId,
    /// What the agent is known by. A newer one that a [`Renew`](coview_wire::Renew) shows takes its
    /// place.
    pub token: AgentToken,
    /// How long to wait before reconnecting.
    pub backoff: Backoff,
    /// How long opening the first connection and the first reply on it may take together. On later
    /// connections the server's own number holds.
    pub first_reply: Duration,
}

impl AgentConfig {
    /// A configuration with the default times.
    #[must_use]
    pub fn new(group: GroupId, token: AgentToken) -> Self {
        Self { group, token, backoff: Backoff::default(), first_reply: FIRST_REPLY }
    }
}

/// What the server told an agent with its first reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentGreeting {
    /// Who the agent is, as visitors see it.
    pub agent: AgentCard,
    /// The times the engine keeps.
    pub timing: Timing,
    /// How long the sign-in lasts, in milliseconds, unless it is renewed.
    pub expires_ms: u64,
    /// What the token lets the agent do.
    pub rights: AgentRights,
    /// How many digits the group's keys have.
    pub key_digits: KeyLength,
}

impl Role for AgentRole {
    type Says = AgentMessage;
    type Hears = AgentNotice;
    type Config = AgentConfig;
    type Greeting = AgentGreeting;
}

/// What the server knows of an agent.
#[derive(Clone, Debug)]
pub struct Base {
    /// Who the agent is, as its first sign-in told.
    agent: Option<AgentId>,
    /// The newest token the server is known to have acted on.
    token: AgentToken,
    /// What the latest sign-in brought: how long it lasts, in milliseconds, and the rights.
    sign_in: Option<(u64, AgentRights)>,
    /// The renewal whose token the agent signed in with last, if it was one the server had not answered.
    signed_in_by: Option<RequestId>,
    /// Whom the agent watches, and by which message.
    watch: Option<(RequestId, Watched)>,
    /// The request that waits for the visitor.
    ask: Option<AskId>,
    /// The session the agent is in, or is about to be in after an accepted request.
    view: Option<SessionId>,
}

/// Whom the agent watches.
#[derive(Clone, Debug)]
enum Watched {
    Everybody,
    One(VisitorId),
}

/// What is said again to a server that has forgotten the agent.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Watch,
}

impl Rules<Self> for AgentRole {
    type Base = Base;
    type Step = Step;

    /// Nobody sees a place an agent has left behind.
    const RESUMES_HALF_RESTORED: bool = false;

    fn base(config: &AgentConfig) -> Base {
        Base {
            agent: None,
            token: config.token.clone(),
            sign_in: None,
            signed_in_by: None,
            watch: None,
            ask: None,
            view: None,
        }
    }

    fn backoff(config: &AgentConfig) -> Backoff {
        config.backoff
    }

    fn first_reply(config: &AgentConfig) -> Duration {
        config.first_reply
    }

    fn greet<'a>(
        config: &AgentConfig,
        base: &'a Base,
        said: impl Iterator<Item = &'a AgentMessage>,
    ) -> AgentMessage {
        AgentMessage::SignIn(SignIn {
            re: ENGINE,
            version: PROTOCOL_VERSION,
            group: config.group.clone(),
            token: newest(base, said).clone(),
        })
    }

    fn greeted<'a>(
        base: &mut Base,
        greeting: &AgentGreeting,
        said: impl Iterator<Item = &'a AgentMessage>,
    ) -> bool {
        let told = &greeting.agent.agent;
        if *base.agent.get_or_insert_with(|| told.clone()) != *told {
            return false;
        }
        if let Some(renew) = said.filter_map(renewal).last() {
            base.token = renew.token.clone();
            base.signed_in_by = Some(renew.re);
        }
        base.sign_in = Some((greeting.expires_ms, greeting.rights.clone()));
        true
    }

    /// The newer token that the agent signed in with is not shown once more: it may be one that can
    /// be used once. Nor is one from before it, which would take the place of the newer one.
    fn answered_by_greeting(base: &Base, message: &AgentMessage) -> Option<AgentNotice> {
        let Renew { re, token } = renewal(message)?;
        let (expires_ms, rights) = base.sign_in.as_ref()?;
        let older = base.signed_in_by.is_some_and(|by| *re <= by);
        (older || *token == base.token)
            .then(|| Renewed { re: *re, expires_ms: *expires_ms, rights: rights.clone() }.into())
    }

    fn resume(config: &AgentConfig, secret: ResumeSecret) -> AgentMessage {
        let group = config.group.clone();
        AgentMessage::Resume(Resume { re: ENGINE, version: PROTOCOL_VERSION, group, secret })
    }

    fn ping() -> AgentMessage {
        AgentMessage::Ping(Ping {})
    }

    fn bye() -> AgentMessage {
        AgentMessage::Bye(Bye {})
    }

    fn sort_said(message: &AgentMessage) -> Said {
        use AgentMessage as M;
        match message {
            M::SignIn(_) | M::Resume(_) | M::Ping(_) => Said::Own,
            M::Renew(m) => Said::App(m.re),
            M::Bye(_) => Said::Bye,
            M::Watch(m) => Said::App(m.re),
            M::Unwatch(m) => Said::App(m.re),
            M::Ask(m) => Said::App(m.re),
            M::Withdraw(m) => Said::App(m.re),
            M::Join(m) => Said::App(m.re),
            M::Leave(m) => Said::App(m.re),
            M::EndSession(m) => Said::App(m.re),
            M::Eject(m) => Said::App(m.re),
        }
    }

    fn sort_heard(message: AgentNotice) -> Heard<Self> {
        use AgentNotice as M;
        let answer = |re: Option<RequestId>, message| match re {
            Some(re) => Heard::Answer { re, message },
            None => Heard::News(message),
        };
        match message {
            M::SignedIn(signed_in) => Heard::Greeting {
                greeting: AgentGreeting {
                    agent: signed_in.agent,
                    timing: signed_in.timing,
                    expires_ms: signed_in.expires_ms,
                    rights: signed_in.rights,
                    key_digits: signed_in.key_digits,
                },
                secret: signed_in.secret,
                timing: signed_in.timing,
            },
            M::Resumed(AgentResumed { ref snapshot, .. }) => Heard::Resumed {
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
            M::Asked(ref asked) => Heard::Answer { re: asked.re, message },
            M::Roster(ref roster) => answer(roster.re, message),
            M::Joined(ref joined) => answer(joined.re, message),
            M::Renewed(ref renewed) => Heard::Answer { re: renewed.re, message },
            // The rest of the answer follows; the join has been acted on.
            M::JoinWaiting(ref waiting) => Heard::Answer { re: waiting.re, message },
            M::VisitorOnline(_)
            | M::VisitorChanged(_)
            | M::VisitorOffline(_)
            | M::TermsSeen(_)
            | M::AskEnded(_)
            | M::ViewGuests(_)
            | M::ViewEnded(_) => Heard::News(message),
        }
    }

    /// Nothing an agent says is said so often that it would have to be taken together.
    fn coalesce(_: &AgentMessage, _: &AgentMessage) -> Coalesced<Self> {
        Coalesced::Barrier
    }

    fn acted_on(base: &mut Base, message: &AgentMessage) {
        use AgentMessage as M;
        match message {
            M::Watch(Watch { re, visitor }) => {
                let whom = visitor.clone().map_or(Watched::Everybody, Watched::One);
                base.watch = Some((*re, whom));
            }
            M::Unwatch(_) => base.watch = None,
            M::Renew(renew) => base.token = renew.token.clone(),
            M::Leave(leave) => {
                base.view.take_if(|view| leave.session.is_none_or(|session| session == *view));
            }
            M::EndSession(end) => {
                base.view.take_if(|view| *view == end.session);
            }
            // What comes of these, the server tells.
            M::Ask(_)
            | M::Withdraw(_)
            | M::Join(_)
            | M::Eject(_)
            | M::SignIn(_)
            | M::Resume(_)
            | M::Ping(_)
            | M::Bye(_) => {}
        }
    }

    /// An end that is refused is none: who may not end the session stays in it.
    fn takes_back(message: &AgentMessage) -> bool {
        matches!(message, AgentMessage::Unwatch(_) | AgentMessage::Leave(_))
    }

    fn heard(base: &mut Base, message: &AgentNotice) {
        use AgentNotice as M;
        match message {
            M::Resumed(AgentResumed { snapshot, .. }) => {
                base.ask = snapshot.ask.as_ref().map(|facts| facts.ask);
                base.view = snapshot.view.as_ref().map(|facts| facts.session);
            }
            M::Asked(asked) => base.ask = Some(asked.ask),
            M::AskEnded(AskEnded { ask: ended, session, .. }) => {
                if base.ask.take_if(|ask| ask == ended).is_some() && session.is_some() {
                    base.view = *session;
                }
            }
            M::Joined(joined) => base.view = Some(joined.view.session),
            M::ViewEnded(ended) => {
                base.view.take_if(|view| *view == ended.session);
            }
            M::SignedIn(_)
            | M::Renewed(_)
            | M::Roster(_)
            | M::VisitorOnline(_)
            | M::VisitorChanged(_)
            | M::VisitorOffline(_)
            | M::TermsSeen(_)
            | M::JoinWaiting(_)
            | M::ViewGuests(_)
            | M::Refused(_)
            | M::Problem(_)
            | M::Pong(_)
            | M::Closing(_) => {}
        }
    }

    /// An agent's place is in front of the screen.
    fn may_rest<'a>(
        _: &'a Base,
        _: impl Iterator<Item = &'a AgentMessage>,
        _: impl Iterator<Item = &'a AgentMessage>,
    ) -> Rest {
        Rest::No
    }

    fn picture_session<'a>(
        base: &'a Base,
        mut said: impl Iterator<Item = &'a AgentMessage>,
    ) -> Option<SessionId> {
        use AgentMessage as M;
        let view = base.view?;
        let ends = |message: &AgentMessage| match message {
            M::Leave(leave) => leave.session.is_none_or(|session| session == view),
            M::EndSession(end) => end.session == view,
            M::SignIn(_)
            | M::Resume(_)
            | M::Watch(_)
            | M::Unwatch(_)
            | M::Ask(_)
            | M::Renew(_)
            | M::Withdraw(_)
            | M::Join(_)
            | M::Eject(_)
            | M::Ping(_)
            | M::Bye(_) => false,
        };
        if said.any(ends) { None } else { Some(view) }
    }

    fn session_said(bytes: &[u8]) -> Option<SessionId> {
        ViewerSignal::decode(bytes).ok().map(|signal| signal.session)
    }

    fn session_heard(bytes: &[u8]) -> Option<SessionId> {
        PictureRelay::decode(bytes).ok().map(|picture| picture.session())
    }

    fn restore<'a>(
        base: &'a Base,
        done: Option<Step>,
        _: impl Iterator<Item = &'a AgentMessage>,
    ) -> Option<(Step, AgentMessage)> {
        match done {
            None => {
                let (_, whom) = base.watch.as_ref()?;
                let visitor = match whom {
                    Watched::Everybody => None,
                    Watched::One(visitor) => Some(visitor.clone()),
                };
                Some((Step::Watch, AgentMessage::Watch(Watch { re: ENGINE, visitor })))
            }
            Some(Step::Watch) => None,
        }
    }

    fn restored(
        _: &mut Base,
        Step::Watch: Step,
        message: AgentNotice,
        later: &mut Vec<AgentNotice>,
    ) -> bool {
        use AgentNotice as M;
        match message {
            M::Roster(roster) => {
                later.extend(Self::unasked(M::Roster(roster)));
                true
            }
            M::SignedIn(_)
            | M::Renewed(_)
            | M::Resumed(_)
            | M::VisitorOnline(_)
            | M::VisitorChanged(_)
            | M::VisitorOffline(_)
            | M::Asked(_)
            | M::TermsSeen(_)
            | M::JoinWaiting(_)
            | M::AskEnded(_)
            | M::Joined(_)
            | M::ViewGuests(_)
            | M::ViewEnded(_)
            | M::Refused(_)
            | M::Problem(_)
            | M::Pong(_)
            | M::Closing(_) => false,
        }
    }

    /// What the agent may do can have become less since it began to watch.
    fn unrestored(_: &mut Base, Step::Watch: Step, code: RefusalCode) -> bool {
        matches!(code, RefusalCode::NotAllowed | RefusalCode::SignInExpired)
    }

    /// As if the watch had been refused when it was said.
    fn told_of_refused(
        base: &mut Base,
        Step::Watch: Step,
        code: RefusalCode,
    ) -> Option<AgentNotice> {
        let (re, _) = base.watch.take()?;
        Some(Refused { re, code, explanation: None, retry_ms: None }.into())
    }

    fn snapshot(base: &mut Base, seen: Option<RequestId>, shutdown: bool) -> AgentNotice {
        let end = if shutdown { EndReason::Shutdown } else { EndReason::AgentLost };
        let lost = |ask| AskEnded { ask, outcome: AskOutcome::Lost, session: None };
        let snapshot = AgentSnapshot {
            seen,
            answered: None,
            ask: None,
            ask_ended: base.ask.take().map(lost),
            joining: None,
            view: None,
            view_ended: base.view.take().map(|session| ViewEnded { session, reason: end }),
        };
        AgentNotice::Resumed(AgentResumed { re: ENGINE, snapshot })
    }

    /// The pages of a roster the engine asked for are the app's all the same; after a resume a
    /// roster answers nothing either.
    fn unasked(message: AgentNotice) -> Option<AgentNotice> {
        use AgentNotice as M;
        match message {
            M::Roster(mut roster) => {
                roster.re = None;
                Some(M::Roster(roster))
            }
            M::SignedIn(_)
            | M::Renewed(_)
            | M::Resumed(_)
            | M::VisitorOnline(_)
            | M::VisitorChanged(_)
            | M::VisitorOffline(_)
            | M::Asked(_)
            | M::TermsSeen(_)
            | M::JoinWaiting(_)
            | M::AskEnded(_)
            | M::Joined(_)
            | M::ViewGuests(_)
            | M::ViewEnded(_)
            | M::Refused(_)
            | M::Problem(_)
            | M::Pong(_)
            | M::Closing(_) => None,
        }
    }
}

/// The newest token. One the app has handed over and the server has not answered counts: the one
/// before it may have expired meanwhile.
fn newest<'a>(base: &'a Base, said: impl Iterator<Item = &'a AgentMessage>) -> &'a AgentToken {
    said.filter_map(renewal).last().map_or(&base.token, |renew| &renew.token)
}

const fn renewal(message: &AgentMessage) -> Option<&Renew> {
    use AgentMessage as M;
    match message {
        M::Renew(renew) => Some(renew),
        M::SignIn(_)
        | M::Resume(_)
        | M::Watch(_)
        | M::Unwatch(_)
        | M::Ask(_)
        | M::Withdraw(_)
        | M::Join(_)
        | M::Leave(_)
        | M::EndSession(_)
        | M::Eject(_)
        | M::Ping(_)
        | M::Bye(_) => None,
    }
}
