//! Nothing async swallows an agent: every future is dropped half way, raced and taken back.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test runs on std, and stops at what it does not expect"
)]

use core::future::Future;
use core::pin::pin;
use core::task::Context;
use core::task::Waker;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::task::Wake;

use coview_agent::AgentArrival;
use coview_agent::AnyAgent;
use coview_agent::AnyStep;
use coview_agent::Applied;
use coview_agent::Change;
use coview_agent::Command;
use coview_agent::Connectivity;
use coview_agent::SignInFacts;
use coview_agent::SignedInStep;
use coview_agent::queue;
use coview_wire::AgentMessage;
use coview_wire::AgentRights;
use coview_wire::AskEnded;
use coview_wire::AskId;
use coview_wire::AskOutcome;
use coview_wire::Asked;
use coview_wire::JoinWaiting;
use coview_wire::Joined;
use coview_wire::RequestId;
use coview_wire::SessionId;
use coview_wire::SessionKey;
use coview_wire::ViewFacts;
use coview_wire::VisitorId;
use smol::future::block_on;
use smol::future::poll_once;

fn visitor() -> VisitorId {
    VisitorId::new("customer-42").unwrap()
}

fn key() -> SessionKey {
    SessionKey::parse("123 456 786").unwrap()
}

fn joined(re: u64, session: u64) -> Joined {
    let session = SessionId::new(session);
    let view = ViewFacts { session, ask: None, visitor: None, count: 1, guests: Vec::new() };
    Joined { re: Some(RequestId::new(re)), view }
}

#[test]
fn dropping_a_future_half_way_is_leaving() {
    let (agent, peer) = queue::agent();
    let mut next = agent.next();
    assert!(block_on(poll_once(&mut next)).is_none());
    assert!(!peer.agent_left());
    drop(next);
    assert!(peer.agent_left());

    let (agent, peer) = queue::agent();
    let mut pending = agent.ask(visitor());
    assert!(block_on(poll_once(&mut pending)).is_none());
    assert!(!peer.agent_left());
    drop(pending);
    assert!(peer.agent_left());

    let (agent, peer) = queue::agent();
    let mut pending = agent.join(key());
    assert!(block_on(poll_once(&mut pending)).is_none());
    drop(pending);
    assert!(peer.agent_left());

    let (agent, peer) = queue::agent();
    let mut next = AnyAgent::from(agent).next();
    assert!(block_on(poll_once(&mut next)).is_none());
    drop(next);
    assert!(peer.agent_left());

    let (agent, peer) = queue::agent();
    let Ok(Applied::Pending(mut pending)) = AnyAgent::from(agent).apply(Command::Join(key()))
    else {
        panic!()
    };
    assert!(block_on(poll_once(&mut pending)).is_none());
    drop(pending);
    assert!(peer.agent_left());
}

#[test]
fn a_step_is_not_lost_in_a_race() {
    let (mut agent, mut peer) = queue::agent();
    for _ in 0..3 {
        let mut next = agent.next();
        assert!(block_on(poll_once(&mut next)).is_none());
        agent = next.into_agent().unwrap();
    }
    peer.arrive(AgentArrival::Connectivity(Connectivity::Reconnecting));
    let mut next = agent.next();
    let step = block_on(smol::future::or(async { Some((&mut next).await) }, async { None }));
    let Some(SignedInStep::Changed(agent, Change::Connectivity(_))) = step else { panic!() };
    assert!(next.into_agent().is_none(), "the step has it");
    drop(agent);
}

#[test]
fn a_request_goes_on_after_a_lost_race() {
    let (agent, mut peer) = queue::agent();
    let mut pending = agent.join(key());
    for _ in 0..3 {
        assert!(block_on(poll_once(&mut pending)).is_none());
    }
    assert_eq!(pending.connectivity(), Some(Connectivity::Connected));
    peer.arrive(AgentArrival::Connectivity(Connectivity::Reconnecting));
    assert!(block_on(poll_once(&mut pending)).is_none());
    assert_eq!(pending.connectivity(), Some(Connectivity::Reconnecting));
    peer.say(joined(1, 7));
    let agent = block_on(&mut pending).unwrap();
    assert_eq!(agent.session(), SessionId::new(7));
    assert_eq!(pending.connectivity(), None);
    assert!(pending.into_agent().is_none(), "the answer has it");
    assert!(matches!(peer.said(), Some(AgentMessage::Join(_))));
    assert!(peer.said().is_none(), "nothing was taken back");
}

#[test]
fn a_join_given_up_is_undone() {
    let (agent, mut peer) = queue::agent();
    let mut pending = agent.join(key());
    assert!(block_on(poll_once(&mut pending)).is_none());
    let agent = pending.into_agent().unwrap();
    assert!(matches!(peer.said(), Some(AgentMessage::Join(_))));
    let Some(AgentMessage::Leave(leave)) = peer.said() else { panic!() };
    assert_eq!(leave.session, None, "the session is not known yet");

    // The answer comes late; a second join of the same session is another matter.
    let mut pending = agent.join(key());
    peer.say(joined(1, 7));
    assert!(block_on(poll_once(&mut pending)).is_none());
    peer.say(joined(3, 7));
    assert_eq!(block_on(pending).unwrap().session(), SessionId::new(7));
    assert!(matches!(peer.said(), Some(AgentMessage::Join(_))));
    assert!(peer.said().is_none(), "no leave that would hit the second join");
}

#[test]
fn a_join_that_waits_is_taken_back_before_and_after_its_answer() {
    // The key is not known to be right yet.
    let (agent, mut peer) = queue::agent();
    let mut pending = agent.knock(key());
    assert!(block_on(poll_once(&mut pending)).is_none());
    let agent = pending.into_agent().unwrap();
    assert!(matches!(peer.said(), Some(AgentMessage::Join(_))));
    let Some(AgentMessage::Leave(leave)) = peer.said() else { panic!() };
    assert_eq!(leave.session, None);
    // What was on its way is stale.
    peer.say(JoinWaiting { re: RequestId::new(1), expires_ms: 60_000 });
    peer.say(joined(1, 7));
    assert!(block_on(poll_once(agent.next())).is_none());
    assert!(peer.said().is_none(), "the leave hits it");

    // The visitor is asked, and the step is raced and lost.
    let (agent, mut peer) = queue::agent();
    peer.grant_all();
    peer.confirm_joins();
    let mut joining = block_on(agent.knock(key())).unwrap();
    for _ in 0..3 {
        let mut next = joining.next();
        assert!(block_on(poll_once(&mut next)).is_none());
        joining = next.into_agent().unwrap();
    }
    assert_eq!(joining.visitor_asked(), Some(60_000));
    let agent = joining.cancel();
    assert!(matches!(peer.said(), Some(AgentMessage::Join(_))));
    assert!(matches!(peer.said(), Some(AgentMessage::Leave(_))));
    // The visitor was faster.
    peer.say(joined(1, 7));
    assert!(block_on(poll_once(agent.next())).is_none());

    // Dropped half way, with and without an answer.
    for confirms in [true, false] {
        let (agent, mut peer) = queue::agent();
        if confirms {
            peer.grant_all();
            peer.confirm_joins();
            let mut next = block_on(agent.knock(key())).unwrap().next();
            assert!(block_on(poll_once(&mut next)).is_none());
            assert!(!peer.agent_left());
            drop(next);
        } else {
            let mut pending = agent.knock(key());
            assert!(block_on(poll_once(&mut pending)).is_none());
            drop(pending);
        }
        assert!(peer.agent_left());
    }
}

#[test]
fn a_join_tells_while_it_waits_that_the_visitor_is_asked() {
    let (agent, mut peer) = queue::agent();
    peer.grant_all();
    peer.confirm_joins();
    let mut pending = agent.join(key());
    assert!(block_on(poll_once(&mut pending)).is_none());
    assert_eq!(pending.visitor_asked(), Some(60_000));
    let session = peer.let_in().unwrap();
    assert_eq!(block_on(&mut pending).unwrap().session(), session);
    assert_eq!(pending.visitor_asked(), None);
}

#[test]
fn what_was_refused_without_asking_is_not_taken_back() {
    let rights = AgentRights { manual_keys: false, ..AgentRights::default() };
    let (agent, mut peer) = queue::agent_with(SignInFacts { rights, ..queue::facts() });
    let agent = agent.join(key()).into_agent().unwrap();
    let agent = agent.knock(key()).into_agent().unwrap();
    assert!(peer.said().is_none(), "the server heard of nothing");
    drop(agent);
}

#[test]
fn a_request_to_share_given_up_is_undone() {
    let (agent, mut peer) = queue::agent();
    let mut pending = agent.ask(visitor());
    assert!(block_on(poll_once(&mut pending)).is_none());
    let agent = pending.into_agent().unwrap();
    assert!(matches!(peer.said(), Some(AgentMessage::Ask(_))));
    let Some(AgentMessage::Withdraw(withdraw)) = peer.said() else { panic!() };
    assert_eq!(withdraw.ask, None, "the request has no id yet");

    // The visitor was faster.
    let (ask, session) = (AskId::new(5), SessionId::new(7));
    peer.say(Asked { re: RequestId::new(1), ask, expires_ms: 60_000 });
    peer.say(AskEnded { ask, outcome: AskOutcome::Accepted, session: Some(session) });
    let mut late = joined(1, 7);
    (late.re, late.view.ask) = (None, Some(ask));
    peer.say(late);
    assert!(block_on(poll_once(agent.next())).is_none());
    let Some(AgentMessage::Leave(leave)) = peer.said() else { panic!() };
    assert_eq!(leave.session, Some(session));
}

#[test]
fn any_futures_give_the_agent_back() {
    let (agent, mut peer) = queue::agent();
    let Ok(Applied::Pending(mut pending)) = AnyAgent::from(agent).apply(Command::Ask(visitor()))
    else {
        panic!()
    };
    assert!(block_on(poll_once(&mut pending)).is_none());
    assert_eq!(pending.connectivity(), Some(Connectivity::Connected));
    let agent = pending.into_agent().unwrap();
    let Ok(Applied::Pending(mut pending)) = agent.apply(Command::Join(key())) else { panic!() };
    assert!(block_on(poll_once(&mut pending)).is_none());
    assert_eq!(pending.connectivity(), Some(Connectivity::Connected));
    let mut next = pending.into_agent().unwrap().next();
    assert!(block_on(poll_once(&mut next)).is_none());
    let agent = next.into_agent().unwrap();
    peer.arrive(AgentArrival::Connectivity(Connectivity::Reconnecting));
    let mut next = agent.next();
    assert!(matches!(block_on(&mut next), AnyStep::Changed(_, Change::Connectivity(_))));
    assert!(next.into_agent().is_none());
}

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn an_arrival_wakes_whoever_waits() {
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&count));
    let (agent, mut peer) = queue::agent();
    let mut next = pin!(agent.next());
    assert!(next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    peer.arrive(AgentArrival::Connectivity(Connectivity::Reconnecting));
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    assert!(next.poll(&mut Context::from_waker(&waker)).is_ready());
}
