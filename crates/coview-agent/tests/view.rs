//! The right to see the screen ends with the agent's stay in the session, whichever way that ends.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test runs on std, and stops at what it does not expect"
)]

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::Wake;
use std::task::Waker;

use coview_agent::Agent;
use coview_agent::AgentArrival;
use coview_agent::AgentStateKind;
use coview_agent::AnyAgent;
use coview_agent::Applied;
use coview_agent::Command;
use coview_agent::Connectivity;
use coview_agent::LinkClosed;
use coview_agent::PassOver;
use coview_agent::ViewArrival;
use coview_agent::ViewPass;
use coview_agent::Viewing;
use coview_agent::ViewingStep;
use coview_agent::queue;
use coview_agent::queue::Peer;
use coview_agent::queue::QueueLink;
use coview_agent::queue::QueuePipe;
use coview_wire::AgentResumed;
use coview_wire::AgentSnapshot;
use coview_wire::EndReason;
use coview_wire::RequestId;
use coview_wire::SessionKey;
use coview_wire::ViewerSays;
use coview_wire::ViewerSignal;

const REFRESH: ViewerSays = ViewerSays::Refresh;

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[track_caller]
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future is not ready"),
    }
}

fn recv(pass: &mut ViewPass<QueuePipe>) -> Poll<ViewArrival> {
    pass.poll_recv(&mut Context::from_waker(Waker::noop()))
}

/// An agent in a session, a pass of it that has nothing to read, and the peer.
fn viewing() -> (Agent<Viewing, QueueLink>, ViewPass<QueuePipe>, Peer) {
    let (agent, mut peer) = queue::agent();
    peer.grant_all();
    let key = SessionKey::parse("123 456 786").unwrap();
    let mut viewing = now(agent.join(key)).unwrap();
    let mut pass = viewing.view_pass();
    assert_eq!(pass.session(), viewing.session());
    assert!(recv(&mut pass).is_pending());
    (viewing, pass, peer)
}

/// Whoever waits is woken by this, finds the pass over, and says nothing through it.
#[track_caller]
fn ends_by<T>(
    mut pass: ViewPass<QueuePipe>,
    peer: &mut Peer,
    over: PassOver,
    then: impl FnOnce(&mut Peer) -> T,
) -> T {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    assert!(pass.poll_recv(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(pass.say(REFRESH), Ok(()));
    assert!(peer.signal().is_some());
    let kept = then(peer);
    assert!(woken.0.load(Ordering::Relaxed), "nobody was woken");
    assert_eq!(recv(&mut pass), Poll::Ready(ViewArrival::Over(over)));
    assert_eq!(recv(&mut pass), Poll::Ready(ViewArrival::Over(over)), "for good");
    assert_eq!((pass.stands(), pass.over()), (false, Some(over)));
    assert_eq!(pass.say(REFRESH), Err(over));
    assert_eq!(peer.signal(), None);
    kept
}

#[test]
fn whatever_the_agent_does_to_be_out_of_the_session_ends_it() {
    let (agent, pass, mut peer) = viewing();
    drop(ends_by(pass, &mut peer, PassOver::Ended, |_| agent.leave()));
    let (agent, pass, mut peer) = viewing();
    drop(ends_by(pass, &mut peer, PassOver::Ended, |_| agent.end().unwrap()));
    let (agent, pass, mut peer) = viewing();
    ends_by(pass, &mut peer, PassOver::Ended, |_| drop(agent));
}

#[test]
fn the_step_that_tells_the_end_ends_it() {
    let (agent, pass, mut peer) = viewing();
    peer.end_session(agent.session(), EndReason::Visitor);
    let ViewingStep::Ended(agent, _) = now(agent.next()) else { panic!("it ended") };
    assert_eq!(pass.over(), Some(PassOver::Ended));
    drop(agent);
}

#[test]
fn an_agent_who_looks_at_nothing_does_not_keep_it_alive() {
    let (agent, pass, mut peer) = viewing();
    let session = agent.session();
    let end = |peer: &mut Peer| peer.end_session(session, EndReason::Visitor);
    ends_by(pass, &mut peer, PassOver::Closed, end);
    drop(agent);
    let (agent, pass, mut peer) = viewing();
    ends_by(pass, &mut peer, PassOver::Closed, |peer| peer.close(LinkClosed::Gone));
    drop(agent);
    let (agent, pass, mut peer) = viewing();
    let elsewhere = AgentResumed { re: RequestId::new(0), snapshot: AgentSnapshot::default() };
    ends_by(pass, &mut peer, PassOver::Closed, |peer| peer.say(elsewhere));
    drop(agent);
}

#[test]
fn a_second_pass_takes_the_place_of_the_first() {
    let (mut agent, first, mut peer) = viewing();
    let mut second = ends_by(first, &mut peer, PassOver::Replaced, |_| agent.view_pass());
    peer.show(b"body");
    assert_eq!(recv(&mut second), Poll::Ready(ViewArrival::Picture(b"body".to_vec())));
    drop(agent);
    assert!(!second.stands());
}

#[test]
fn it_brings_what_is_shown_and_takes_back_what_is_said() {
    let (agent, mut pass, mut peer) = viewing();
    peer.show(b"one");
    peer.show(b"");
    peer.arrive(AgentArrival::Connectivity(Connectivity::Reconnecting));
    peer.arrive(AgentArrival::Connectivity(Connectivity::Connected));
    for arrival in [
        ViewArrival::Picture(b"one".to_vec()),
        ViewArrival::Picture(Vec::new()),
        ViewArrival::Interrupted,
    ] {
        assert_eq!(recv(&mut pass), Poll::Ready(arrival));
    }
    assert!(recv(&mut pass).is_pending());
    for says in [ViewerSays::Acknowledged(7), REFRESH] {
        pass.say(says).unwrap();
        let said = ViewerSignal::decode(&peer.signal().unwrap()).unwrap();
        assert_eq!(said, ViewerSignal { session: agent.session(), says });
    }
    drop(agent);
}

#[test]
fn only_an_agent_who_is_viewing_has_one() {
    let (agent, mut peer) = queue::agent();
    peer.grant_all();
    let mut any = AnyAgent::from(agent);
    assert!(any.view_pass().is_none());
    let ask = Command::Ask("customer-42".parse().unwrap());
    let Ok(Applied::Pending(pending)) = any.apply(ask) else { panic!("it is granted") };
    let mut any = now(pending).unwrap();
    assert_eq!(any.state(), AgentStateKind::Requesting);
    assert!(any.view_pass().is_none());
    peer.accept(peer.last_ask().unwrap());
    let mut any = now(any.next()).into_agent().unwrap();
    assert_eq!(any.state(), AgentStateKind::Viewing);
    assert!(any.view_pass().unwrap().stands());
}

#[test]
fn a_pass_goes_anywhere_and_shows_no_pixel() {
    fn anywhere<T: Send + Sync + Unpin + fmt::Debug + 'static>(_: &T) {}
    let (agent, pass, _peer) = viewing();
    anywhere(&pass);
    assert_eq!(
        format!("{pass:?} {:?}", ViewArrival::Picture(b"pixels".to_vec())),
        "ViewPass { session: SessionId(1), over: None, .. } Picture(6 bytes)"
    );
    drop(agent);
}
