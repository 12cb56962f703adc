//! The right to send the screen ends with the consent, whichever way that ends.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::Wake;
use std::task::Waker;

use coview_lifecycle::Arrival;
use coview_lifecycle::Command;
use coview_lifecycle::Connectivity;
use coview_lifecycle::Link;
use coview_lifecycle::LinkClosed;
use coview_lifecycle::PassArrival;
use coview_lifecycle::PassOver;
use coview_lifecycle::PipeArrival;
use coview_lifecycle::ScreenLink;
use coview_lifecycle::ScreenPass;
use coview_lifecycle::ScreenPipe;
use coview_lifecycle::StateKind;
use coview_lifecycle::Visitor;
use coview_lifecycle::queue;
use coview_lifecycle::queue::Peer;
use coview_lifecycle::queue::QueueLink;
use coview_lifecycle::queue::QueuePipe;
use coview_wire::AppState;
use coview_wire::ClientMessage;
use coview_wire::EndReason;
use coview_wire::MaskNotice;
use coview_wire::MaskState;
use coview_wire::Picture;
use coview_wire::SessionId;
use coview_wire::Snapshot;
use coview_wire::ViewerEvent;
use coview_wire::ViewerId;
use coview_wire::ViewerNotice;
use coview_wire::limits;

use crate::support::*;

const SHARING: [StateKind; 7] = [
    StateKind::SharingManualAnonymous,
    StateKind::SharingManualIdentified,
    StateKind::SharingManualPresence,
    StateKind::ConfirmingAnonymous,
    StateKind::ConfirmingIdentified,
    StateKind::ConfirmingPresence,
    StateKind::SharingOneClick,
];

const VIEWER: ViewerId = ViewerId::new(1);

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn recv(pass: &mut ScreenPass<QueuePipe>) -> Poll<PassArrival> {
    pass.poll_recv(&mut Context::from_waker(Waker::noop()))
}

/// A visitor who shares, a pass of it that has nothing to read, and the peer.
fn sharing(state: StateKind) -> (Any, ScreenPass<QueuePipe>, Peer) {
    let (mut any, peer) = at(state);
    let mut pass = any.screen_pass().expect("the visitor shares");
    assert_eq!(pass.session(), session(&any));
    assert!(recv(&mut pass).is_pending());
    (any, pass, peer)
}

/// Whoever waits is woken by this, finds the pass over, and sends nothing through it.
#[track_caller]
fn ends_by<T>(
    mut pass: ScreenPass<QueuePipe>,
    peer: &mut Peer,
    over: PassOver,
    then: impl FnOnce(&mut Peer) -> T,
) -> T {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    assert!(pass.poll_recv(&mut Context::from_waker(&waker)).is_pending());
    pass.send(&[VIEWER], b"before").expect("it stands");
    assert!(peer.picture().is_some());
    let kept = then(peer);
    assert!(woken.0.load(Ordering::Relaxed), "nobody was woken");
    assert_eq!(recv(&mut pass), Poll::Ready(PassArrival::Over(over)));
    assert_eq!(recv(&mut pass), Poll::Ready(PassArrival::Over(over)), "for good");
    assert_eq!((pass.stands(), pass.over()), (false, Some(over)));
    assert_eq!(pass.poll_over(&mut Context::from_waker(Waker::noop())), Poll::Ready(over));
    assert_eq!(pass.tell_masks(MaskState::Unknown), Err(over));
    assert_eq!(pass.send(&[VIEWER], b"after"), Err(over));
    assert_eq!(peer.picture(), None);
    kept
}

#[test]
fn no_other_state_has_one() {
    for state in StateKind::ALL {
        let (mut any, _peer) = at(state);
        assert_eq!(any.screen_pass().is_some(), SHARING.contains(&state), "{state}");
    }
}

#[test]
fn the_end_ends_it() {
    for state in SHARING {
        let (any, pass, mut peer) = sharing(state);
        let any = ends_by(pass, &mut peer, PassOver::Ended, |_| apply_granted(any, Command::End));
        drop(any);
    }
}

#[test]
fn a_dropped_visitor_ends_it() {
    for state in SHARING {
        let (any, pass, mut peer) = sharing(state);
        ends_by(pass, &mut peer, PassOver::Ended, |_| drop(any));
    }
}

#[test]
fn a_visitor_who_looks_at_nothing_does_not_keep_it_alive() {
    for state in SHARING {
        let (any, pass, mut peer) = sharing(state);
        let (start, of) = (START, session(&any));
        ends_by(pass, &mut peer, PassOver::Closed, |peer| {
            peer.say(ended(start, of, EndReason::Agent))
        });
        drop(any);
        let (any, pass, mut peer) = sharing(state);
        ends_by(pass, &mut peer, PassOver::Closed, |peer| peer.close(LinkClosed::Gone));
        drop(any);
        let (any, pass, mut peer) = sharing(state);
        ends_by(pass, &mut peer, PassOver::Closed, |peer| peer.say(resumed(Snapshot::default())));
        drop(any);
    }
}

#[test]
fn the_step_that_tells_the_end_ends_it() {
    for state in SHARING {
        let (any, pass, mut peer) = sharing(state);
        peer.say(ended(START, session(&any), EndReason::Agent));
        let step = now(any.next());
        assert_eq!(pass.over(), Some(PassOver::Ended), "{step:?}");
    }
}

#[test]
fn a_peer_that_is_gone_ends_it() {
    let (any, mut pass, peer) = sharing(StateKind::SharingOneClick);
    drop(peer);
    assert_eq!(recv(&mut pass), Poll::Ready(PassArrival::Over(PassOver::Closed)));
    drop(any);
}

#[test]
fn a_second_pass_takes_the_place_of_the_first() {
    let (mut any, first, mut peer) = sharing(StateKind::SharingOneClick);
    let mut second = ends_by(first, &mut peer, PassOver::Replaced, |peer| {
        peer.viewer(VIEWER, ViewerEvent::Joined);
        any.screen_pass().expect("the visitor shares")
    });
    let joined = PassArrival::Viewer(VIEWER, ViewerEvent::Joined);
    assert_eq!(recv(&mut second), Poll::Ready(joined), "it missed nobody");
    drop(any);
    assert!(!second.stands());
}

#[test]
fn a_pipe_closes_the_one_before() {
    let (mut link, mut peer) = queue::link();
    let mut cx = Context::from_waker(Waker::noop());
    let [mut first, mut second] = [(); 2].map(|()| link.screen(SessionId::new(1)));
    peer.viewer(VIEWER, ViewerEvent::Joined);
    assert_eq!(first.poll_recv(&mut cx), Poll::Ready(PipeArrival::Closed));
    assert!(matches!(second.poll_recv(&mut cx), Poll::Ready(PipeArrival::Message(_))));
    assert!(second.poll_recv(&mut cx).is_pending());
}

#[test]
fn a_session_to_come_does_not_revive_it() {
    let (any, mut pass, mut peer) = sharing(StateKind::SharingManualAnonymous);
    let any = apply_granted(any, Command::End);
    peer.grant_all();
    let mut any = apply_granted(any, Command::StartManual);
    assert_eq!(pass.over(), Some(PassOver::Ended));
    let new = any.screen_pass().expect("the visitor shares");
    assert_ne!(new.session(), pass.session());
    assert_eq!(pass.send(&[VIEWER], b"late"), Err(PassOver::Ended));
    assert!(new.stands());
}

#[test]
fn it_tells_what_happens_to_viewers() {
    let (any, mut pass, mut peer) = sharing(StateKind::SharingOneClick);
    for event in
        [ViewerEvent::Joined, ViewerEvent::Acknowledged(3), ViewerEvent::Refresh, ViewerEvent::Left]
    {
        peer.viewer(VIEWER, event);
        assert_eq!(recv(&mut pass), Poll::Ready(PassArrival::Viewer(VIEWER, event)));
    }
    peer.arrive(Arrival::Connectivity(Connectivity::Reconnecting));
    assert_eq!(recv(&mut pass), Poll::Ready(PassArrival::Interrupted));
    peer.arrive(Arrival::Connectivity(Connectivity::Connected));
    assert!(recv(&mut pass).is_pending());
    assert!(pass.stands(), "a break of the connection is not the end of a session");
    drop(any);
}

#[test]
fn what_is_covered_is_said_in_the_order_of_the_pictures() {
    let (any, mut pass, mut peer) = sharing(StateKind::SharingOneClick);
    let state = MaskState::Known { areas: 2 };
    pass.tell_masks(state).expect("it stands");
    pass.send(&[VIEWER], b"body").expect("it stands");
    let told = MaskNotice::decode(&peer.picture().expect("it was said"));
    assert_eq!(told, Ok(MaskNotice { session: session(&any), state }));
    assert!(Picture::decode(&peer.picture().expect("it was sent")).is_ok());
}

/// A link whose pipes tell of a viewer in another session, then nothing of sense, then of one in this.
struct Mistaken(QueueLink);

struct MistakenPipe(VecDeque<Vec<u8>>);

impl Link for Mistaken {
    fn send(&mut self, message: ClientMessage) {
        self.0.send(message);
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Arrival> {
        self.0.poll_recv(cx)
    }
}

impl ScreenLink for Mistaken {
    type Pipe = MistakenPipe;

    fn screen(&mut self, session: SessionId) -> MistakenPipe {
        let joined =
            |session, viewer| ViewerNotice { session, viewer, event: ViewerEvent::Joined }.encode();
        let other = SessionId::new(session.get() + 1);
        MistakenPipe([joined(other, ViewerId::new(2)), vec![255], joined(session, VIEWER)].into())
    }
}

impl ScreenPipe for MistakenPipe {
    fn send(&mut self, _: Vec<u8>) {}

    fn poll_recv(&mut self, _: &mut Context<'_>) -> Poll<PipeArrival> {
        self.0.pop_front().map_or(Poll::Pending, |bytes| Poll::Ready(PipeArrival::Message(bytes)))
    }
}

#[test]
fn what_is_said_of_another_session_is_not_told() {
    let (link, mut peer) = queue::link();
    peer.grant_all();
    let (visitor, _peer) = queue::visitor();
    let (group, settings) = (visitor.group().clone(), visitor.settings());
    let visitor = Visitor::initialized(Mistaken(link), group, settings, AppState::Active);
    let mut sharing = now(visitor.start_manual()).expect("the peer says yes");
    let mut pass = sharing.screen_pass();
    let mut cx = Context::from_waker(Waker::noop());
    let joined = PassArrival::Viewer(VIEWER, ViewerEvent::Joined);
    assert_eq!(pass.poll_recv(&mut cx), Poll::Ready(joined));
    assert!(pass.poll_recv(&mut cx).is_pending());
}

#[test]
fn a_crowd_of_viewers_is_sent_to_in_several_messages() {
    let (any, mut pass, mut peer) = sharing(StateKind::SharingOneClick);
    let crowd: Vec<_> = (0..).map(ViewerId::new).take(limits::VIEWERS + 1).collect();
    pass.send(&crowd, b"body").expect("it stands");
    let mut reached = Vec::new();
    while let Some(bytes) = peer.picture() {
        let picture = Picture::decode(&bytes).expect("it is a picture");
        assert_eq!((picture.session(), picture.body()), (session(&any), &b"body"[..]));
        reached.extend(picture.viewers());
    }
    assert_eq!(reached, crowd);
    assert_eq!(pass.send(&[], b"body"), Ok(()));
    assert_eq!(peer.picture(), None);
}

/// A link that notes whether the pass stood when it was told of the end.
struct Noting {
    link: QueueLink,
    pass: Kept,
    stood: Arc<Mutex<Vec<bool>>>,
}

type Kept = Arc<Mutex<Option<ScreenPass<QueuePipe>>>>;

impl Noting {
    fn note(&self) {
        let stood =
            self.pass.lock().expect("nobody panicked").as_ref().is_some_and(ScreenPass::stands);
        self.stood.lock().expect("nobody panicked").push(stood);
    }
}

impl Link for Noting {
    fn send(&mut self, message: ClientMessage) {
        if let ClientMessage::SessionEnd(_) = message {
            self.note();
        }
        self.link.send(message);
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Arrival> {
        self.link.poll_recv(cx)
    }
}

impl ScreenLink for Noting {
    type Pipe = QueuePipe;

    fn screen(&mut self, session: SessionId) -> QueuePipe {
        self.link.screen(session)
    }
}

impl Drop for Noting {
    fn drop(&mut self) {
        self.note();
    }
}

#[test]
fn it_is_over_before_anybody_is_told_of_the_end() {
    for ends in [true, false] {
        let (link, mut peer) = queue::link();
        peer.grant_all();
        let (pass, stood) = (Kept::default(), Arc::default());
        let link = Noting { link, pass: Arc::clone(&pass), stood: Arc::clone(&stood) };
        let (visitor, _peer) = queue::visitor();
        let (group, settings) = (visitor.group().clone(), visitor.settings());
        let visitor = Visitor::initialized(link, group, settings, AppState::Active);
        let mut sharing = now(visitor.start_manual()).expect("the peer says yes");
        *pass.lock().unwrap() = Some(sharing.screen_pass());
        if ends {
            drop(sharing.end());
        } else {
            drop(sharing);
        }
        let stood = stood.lock().unwrap();
        assert_eq!(*stood, if ends { vec![false, false] } else { vec![false] });
    }
}

#[test]
fn nothing_is_told_by_debug_but_how_it_stands() {
    let (any, pass, _peer) = sharing(StateKind::SharingOneClick);
    let id = session(&any);
    assert_eq!(format!("{pass:?}"), format!("ScreenPass {{ session: {id:?}, over: None, .. }}"));
    let consent = any.consent().expect("the visitor shares");
    assert_eq!(
        format!("{consent:?}"),
        format!("Consent {{ session: {id:?}, capability: View, .. }}")
    );
    drop(any);
    assert!(format!("{pass:?}").contains("Some(Ended)"));
    let _: SessionId = id;
}
