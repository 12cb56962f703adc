//! Visitors in every state, a server's messages in a word each, and polling without an executor.

use core::future::Future;
use core::pin::Pin;
use core::task::Context;
use core::task::Poll;
use core::task::Waker;

use coview_lifecycle::AnyStep;
use coview_lifecycle::AnyVisitor;
use coview_lifecycle::Applied;
use coview_lifecycle::Command;
use coview_lifecycle::StateKind;
use coview_lifecycle::queue;
use coview_lifecycle::queue::Peer;
use coview_lifecycle::queue::QueueLink;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::Answered;
use coview_wire::AskId;
use coview_wire::ClientMessage;
use coview_wire::EndReason;
use coview_wire::JoinId;
use coview_wire::JoinRequested;
use coview_wire::JoinWithdrawn;
use coview_wire::OfflineReason;
use coview_wire::PresenceConnected;
use coview_wire::PresenceData;
use coview_wire::PresenceFacts;
use coview_wire::PresenceFocus;
use coview_wire::PresenceId;
use coview_wire::PresenceLost;
use coview_wire::Problem;
use coview_wire::RefusalCode;
use coview_wire::Refused;
use coview_wire::RequestId;
use coview_wire::Resumed;
use coview_wire::SessionConnected;
use coview_wire::SessionEnded;
use coview_wire::SessionFacts;
use coview_wire::SessionGuests;
use coview_wire::SessionId;
use coview_wire::SessionKey;
use coview_wire::Snapshot;
use coview_wire::StartId;
use coview_wire::Terms;
use coview_wire::TermsOver;
use coview_wire::TermsRequested;
use coview_wire::TermsWithdrawn;
use coview_wire::VisitorId;
use coview_wire::WithdrawReason;

pub(crate) type Any = AnyVisitor<QueueLink>;

/// The presence of a visitor made by [`at`].
pub(crate) const PRESENCE: PresenceId = PresenceId::new(2);
/// The request of an agent that a visitor made by [`at`] is asked, if it is asked.
pub(crate) const ASK: AskId = AskId::new(1);
/// The start of a visitor made by [`at`], if it is sharing.
pub(crate) const START: StartId = StartId::new(1);
/// The join that waits for a visitor made by [`at`], if one does.
pub(crate) const JOIN: JoinId = JoinId::new(1);
/// The key the peer grants.
pub(crate) const KEY: &str = "123 456 786";

pub(crate) fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// What a future gives at its first poll.
#[track_caller]
pub(crate) fn now<F: Future + Unpin>(mut future: F) -> F::Output {
    match poll(&mut future) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future is not ready"),
    }
}

pub(crate) fn id() -> VisitorId {
    VisitorId::new("customer-42").expect("the text is a visitor id")
}

pub(crate) fn commands() -> [Command; 11] {
    [
        Command::Identify(id().into()),
        Command::ConnectPresence(PresenceData::new()),
        Command::StartManual,
        Command::TermsDisplayed,
        Command::Accept,
        Command::Decline,
        Command::Confirm,
        Command::Refuse,
        Command::End,
        Command::Disconnect,
        Command::LogOut,
    ]
}

/// A visitor in this state and a silent peer who has nothing more to read.
pub(crate) fn at(state: StateKind) -> (Any, Peer) {
    let path: &[Command] = match state {
        StateKind::Anonymous => &[],
        StateKind::SharingManualAnonymous => &[Command::StartManual],
        StateKind::Identified => &[Command::Identify(id().into())],
        StateKind::SharingManualIdentified => {
            &[Command::Identify(id().into()), Command::StartManual]
        }
        StateKind::PresenceConnected => {
            &[Command::Identify(id().into()), Command::ConnectPresence(PresenceData::new())]
        }
        StateKind::SharingManualPresence => &[
            Command::Identify(id().into()),
            Command::ConnectPresence(PresenceData::new()),
            Command::StartManual,
        ],
        StateKind::ConfirmingAnonymous => return joined(StateKind::SharingManualAnonymous),
        StateKind::ConfirmingIdentified => return joined(StateKind::SharingManualIdentified),
        StateKind::ConfirmingPresence => return joined(StateKind::SharingManualPresence),
        StateKind::TermsRequested => return asked(&[]),
        StateKind::TermsShown => return asked(&[Command::TermsDisplayed]),
        StateKind::SharingOneClick => return asked(&[Command::TermsDisplayed, Command::Accept]),
    };
    let (visitor, mut peer) = queue::visitor();
    peer.grant_all();
    let any = walk(visitor.into(), path);
    peer.be_silent();
    drain(&mut peer);
    assert_eq!(any.state(), state);
    (any, peer)
}

fn asked(path: &[Command]) -> (Any, Peer) {
    let (any, mut peer) = at(StateKind::PresenceConnected);
    peer.ask_to_share("Grace");
    let AnyStep::TermsRequested(any) = now(any.next()) else { panic!("an agent asked") };
    peer.grant_all();
    let any = walk(any, path);
    peer.be_silent();
    drain(&mut peer);
    (any, peer)
}

fn joined(sharing: StateKind) -> (Any, Peer) {
    let (any, mut peer) = at(sharing);
    peer.ask_to_join(session(&any), "Grace");
    let AnyStep::JoinRequested(any) = now(any.next()) else { panic!("an agent typed the key") };
    (any, peer)
}

fn walk(mut any: Any, path: &[Command]) -> Any {
    for command in path {
        any = apply_granted(any, command.clone());
    }
    any
}

/// Applies a command to a visitor whose peer answers by itself.
pub(crate) fn apply_granted(any: Any, command: Command) -> Any {
    match any.apply(command).expect("the command is possible") {
        Applied::Now(any) => any,
        Applied::Pending(pending) => now(pending).expect("the peer says yes"),
    }
}

pub(crate) fn drain(peer: &mut Peer) -> Vec<ClientMessage> {
    core::iter::from_fn(|| peer.said()).collect()
}

/// The session of a visitor made by [`at`].
pub(crate) fn session(any: &Any) -> SessionId {
    any.session().unwrap_or_else(|| panic!("{any:?} shares nothing"))
}

/// Nothing is due: gives the visitor back.
#[track_caller]
pub(crate) fn quiet(any: Any) -> Any {
    let mut next = any.next();
    match poll(&mut next) {
        Poll::Ready(step) => panic!("nothing should have happened, but {step:?}"),
        Poll::Pending => next.into_visitor().expect("the step was not taken"),
    }
}

pub(crate) fn key() -> SessionKey {
    SessionKey::parse(KEY).expect("the text is a key")
}

pub(crate) fn grace() -> AgentCard {
    let agent = AgentId::new("agent-1").expect("the text is an agent id");
    AgentCard::new(agent, "Grace").expect("the name keeps the limits")
}

pub(crate) fn terms_requested(ask: u64) -> TermsRequested {
    TermsRequested {
        ask: AskId::new(ask),
        agent: grace(),
        terms: Terms::new("1", "May we look?").expect("the text keeps the limits"),
        expires_ms: 60_000,
    }
}

pub(crate) fn withdrawn(ask: u64, reason: WithdrawReason) -> TermsWithdrawn {
    TermsWithdrawn { ask: AskId::new(ask), reason }
}

pub(crate) fn over(ask: u64, reason: WithdrawReason) -> TermsOver {
    TermsOver { ask: AskId::new(ask), reason }
}

pub(crate) fn presence_connected(re: u64, presence: u64) -> PresenceConnected {
    PresenceConnected { re: RequestId::new(re), presence: PresenceId::new(presence), focused: true }
}

pub(crate) fn presence_facts(presence: u64) -> PresenceFacts {
    PresenceFacts { presence: PresenceId::new(presence), focused: true }
}

pub(crate) fn presence_lost(presence: u64) -> PresenceLost {
    PresenceLost { presence: PresenceId::new(presence), reason: OfflineReason::Policy }
}

pub(crate) fn focus(presence: u64, focused: bool) -> PresenceFocus {
    PresenceFocus { presence: PresenceId::new(presence), focused }
}

pub(crate) fn connected(
    re: u64,
    start: u64,
    session: u64,
    key: Option<SessionKey>,
) -> SessionConnected {
    let (re, start) = (RequestId::new(re), StartId::new(start));
    SessionConnected { re, start, session: SessionId::new(session), key }
}

pub(crate) fn session_facts(start: u64, session: u64, key: Option<SessionKey>) -> SessionFacts {
    SessionFacts {
        start: StartId::new(start),
        session: SessionId::new(session),
        key,
        count: 0,
        guests: Vec::new(),
        join: None,
    }
}

pub(crate) fn join_requested(session: SessionId, join: u64) -> JoinRequested {
    JoinRequested { session, join: JoinId::new(join), agent: grace(), expires_ms: 60_000 }
}

pub(crate) fn join_withdrawn(join: u64, reason: WithdrawReason) -> JoinWithdrawn {
    JoinWithdrawn { join: JoinId::new(join), reason }
}

pub(crate) fn guests(session: SessionId, count: u32) -> SessionGuests {
    let guests = (0..count).map(|_| grace()).collect();
    SessionGuests { session, count, guests }
}

pub(crate) fn ended(start: StartId, session: SessionId, reason: EndReason) -> SessionEnded {
    SessionEnded { start, session, reason }
}

pub(crate) fn refused(re: u64, code: RefusalCode) -> Refused {
    Refused { re: RequestId::new(re), code, explanation: None, retry_ms: None }
}

pub(crate) fn problem(code: RefusalCode) -> Problem {
    Problem { re: None, code, explanation: None }
}

pub(crate) fn answered(re: u64, refused: Option<RefusalCode>) -> Option<Answered> {
    Some(Answered { re: RequestId::new(re), refused })
}

pub(crate) fn resumed(snapshot: Snapshot) -> Resumed {
    Resumed { re: RequestId::new(0), snapshot }
}

/// The snapshot of a server that agrees with a visitor made by [`at`].
pub(crate) fn truth(any: &Any) -> Snapshot {
    let mut snapshot = Snapshot { visitor: any.visitor_id().cloned(), ..Snapshot::default() };
    match any.state() {
        StateKind::Anonymous | StateKind::Identified => {}
        StateKind::PresenceConnected => snapshot.presence = Some(presence_facts(PRESENCE.get())),
        StateKind::TermsRequested | StateKind::TermsShown => {
            snapshot.presence = Some(presence_facts(PRESENCE.get()));
            snapshot.ask = Some(terms_requested(ASK.get()));
        }
        StateKind::SharingManualAnonymous | StateKind::SharingManualIdentified => {
            snapshot.session = Some(session_facts(1, session(any).get(), Some(key())));
        }
        StateKind::SharingManualPresence => {
            snapshot.presence = Some(presence_facts(PRESENCE.get()));
            snapshot.session = Some(session_facts(1, session(any).get(), Some(key())));
        }
        StateKind::ConfirmingAnonymous | StateKind::ConfirmingIdentified => {
            snapshot.session = Some(facts_with_a_join(session(any)));
        }
        StateKind::ConfirmingPresence => {
            snapshot.presence = Some(presence_facts(PRESENCE.get()));
            snapshot.session = Some(facts_with_a_join(session(any)));
        }
        StateKind::SharingOneClick => {
            snapshot.presence = Some(presence_facts(PRESENCE.get()));
            snapshot.session = Some(session_facts(1, session(any).get(), None));
        }
    }
    snapshot
}

fn facts_with_a_join(session: SessionId) -> SessionFacts {
    let join = Some(join_requested(session, JOIN.get()));
    SessionFacts { join, ..session_facts(1, session.get(), Some(key())) }
}
