//! Nothing async swallows a visitor: every future is dropped half way, raced, and given up.

use core::future::ready;

use coview_lifecycle::Anonymous;
use coview_lifecycle::AnyNext;
use coview_lifecycle::Applied;
use coview_lifecycle::Command;
use coview_lifecycle::Confirming;
use coview_lifecycle::Connectivity;
use coview_lifecycle::Identified;
use coview_lifecycle::Manual;
use coview_lifecycle::OneClick;
use coview_lifecycle::PresenceConnected;
use coview_lifecycle::Sharing;
use coview_lifecycle::StateKind;
use coview_lifecycle::TermsRequested;
use coview_lifecycle::TermsShown;
use coview_lifecycle::table;
use coview_wire::AppState;
use coview_wire::ClientMessage;
use coview_wire::Message;
use futures_lite::future::or;

use crate::late::requests;
use crate::steps::typed;
use crate::support::*;

/// Loses a race against something that is ready, as against a tap or a timer.
macro_rules! lose_a_race {
    ($future:expr) => {
        smol::future::block_on(or(
            async {
                let _ = (&mut $future).await;
                false
            },
            ready(true),
        ))
    };
}

/// The same for a typed request: `$future` leads from `$state`, giving it up says `$undo`.
macro_rules! request {
    ($test:ident, $state:ty, $visitor:ident => $request:expr, $undo:literal) => {
        #[test]
        fn $test() {
            // Dropped before and after it was polled: dropping means leaving.
            let ($visitor, peer) = typed::<$state>();
            drop($request);
            assert!(peer.visitor_left());

            let ($visitor, peer) = typed::<$state>();
            let mut pending = $request;
            assert!(poll(&mut pending).is_pending());
            assert!(!peer.visitor_left());
            drop(pending);
            assert!(peer.visitor_left());

            // Raced and lost, then answered: nothing is lost.
            let ($visitor, mut peer) = typed::<$state>();
            peer.grant_all();
            let mut pending = $request;
            peer.be_silent();
            let answer = lose_a_race_before_the_answer(&mut peer, &mut pending);
            drop(answer.expect("the peer says yes"));
            assert!(pending.into_visitor().is_none(), "the answer was taken");

            // Given up: the request is taken back.
            let ($visitor, mut peer) = typed::<$state>();
            let mut pending = $request;
            assert!(lose_a_race!(pending));
            drain(&mut peer);
            let visitor = pending.into_visitor().expect("it was not answered");
            assert_eq!(peer.said().map(|message| message.kind()), Some($undo));
            assert_eq!(peer.said(), None);
            assert!(!peer.visitor_left());
            drop(quiet(visitor.into()));
            assert!(peer.visitor_left());
        }
    };
}

/// The answers stand in the queue; the race is lost with nothing polled, then the future goes on.
fn lose_a_race_before_the_answer<F: Future + Unpin>(
    peer: &mut coview_lifecycle::queue::Peer,
    pending: &mut F,
) -> F::Output {
    assert!(smol::future::block_on(or(ready(true), async {
        let _ = (&mut *pending).await;
        false
    })));
    assert!(!peer.visitor_left());
    now(pending)
}

request!(identify, Anonymous, visitor => visitor.identify(id()), "log_out");
request!(connect_presence, Identified, visitor => visitor.connect_presence(), "presence_disconnect");
request!(start_anonymous, Anonymous, visitor => visitor.start_manual(), "session_end");
request!(start_identified, Identified, visitor => visitor.start_manual(), "session_end");
request!(start_online, PresenceConnected, visitor => visitor.start_manual(), "session_end");
request!(accept, TermsShown, visitor => visitor.accept(), "session_end");

macro_rules! next {
    ($($test:ident: $state:ty,)+) => {$(
        #[test]
        fn $test() {
            let (visitor, peer) = typed::<$state>();
            let mut next = visitor.next();
            assert!(poll(&mut next).is_pending());
            drop(next);
            assert!(peer.visitor_left());

            let (visitor, mut peer) = typed::<$state>();
            let mut next = visitor.next();
            assert!(lose_a_race!(next));
            peer.arrive(coview_lifecycle::Arrival::Connectivity(Connectivity::Reconnecting));
            let visitor = next.into_visitor().expect("the step was not taken");
            assert!(!peer.visitor_left());
            // What arrived meanwhile is not lost.
            let mut next = visitor.next();
            assert!(poll(&mut next).is_ready());
            assert!(next.into_visitor().is_none(), "the step was taken");
            assert_eq!(peer.said(), None);
        }
    )+};
}

next! {
    next_anonymous: Anonymous,
    next_identified: Identified,
    next_online: PresenceConnected,
    next_terms_requested: TermsRequested,
    next_terms_shown: TermsShown,
    next_sharing_anonymous: Sharing<Manual, Anonymous>,
    next_sharing_identified: Sharing<Manual, Identified>,
    next_sharing_online: Sharing<Manual, PresenceConnected>,
    next_confirming_anonymous: Confirming<Anonymous>,
    next_confirming_identified: Confirming<Identified>,
    next_confirming_online: Confirming<PresenceConnected>,
    next_sharing_one_click: Sharing<OneClick, PresenceConnected>,
}

#[test]
fn any_pending() {
    for (state, command, _) in requests() {
        let on = command.trigger();
        let edge = table::edge(state, on).expect("a request is an edge");

        let (any, peer) = at(state);
        let Ok(Applied::Pending(mut pending)) = any.apply(command.clone()) else { panic!() };
        assert!(poll(&mut pending).is_pending());
        drop(pending);
        assert!(peer.visitor_left());

        let (any, mut peer) = at(state);
        let Ok(Applied::Pending(mut pending)) = any.apply(command.clone()) else { panic!() };
        assert!(lose_a_race!(pending));
        drain(&mut peer);
        let any = pending.into_visitor().expect("it was not answered");
        assert_eq!(Some(any.state()), edge.refused);
        assert!(peer.said().is_some(), "{on} was not taken back");

        let (any, mut peer) = at(state);
        peer.grant_all();
        let Ok(Applied::Pending(mut pending)) = any.apply(command) else { panic!() };
        let answer = lose_a_race_before_the_answer(&mut peer, &mut pending);
        assert_eq!(answer.expect("the peer says yes").state(), edge.to);
        assert!(pending.into_visitor().is_none());
    }
}

#[test]
fn any_next() {
    for state in StateKind::ALL {
        let (any, peer) = at(state);
        let mut next: AnyNext<_> = any.next();
        assert!(poll(&mut next).is_pending());
        drop(next);
        assert!(peer.visitor_left());

        let (any, mut peer) = at(state);
        let mut next = any.next();
        assert!(lose_a_race!(next));
        peer.say(problem(coview_wire::RefusalCode::LimitExceeded));
        let any = next.into_visitor().expect("the step was not taken");
        assert_eq!(any.state(), state);
        let mut next = any.next();
        assert!(poll(&mut next).is_ready());
        assert!(next.into_visitor().is_none());
    }
}

/// The answer may have arrived, unseen, when the app gives up.
#[test]
fn a_request_given_up_with_its_grant_unread_is_undone() {
    for (state, command, _) in requests() {
        let edge = table::edge(state, command.trigger()).expect("a request is an edge");
        let (any, mut peer) = at(state);
        peer.grant_all();
        let Ok(Applied::Pending(pending)) = any.apply(command.clone()) else { panic!() };
        drain(&mut peer);
        let any = pending.into_visitor().expect("the answer was not taken");
        assert!(peer.said().is_some());
        let any = quiet(any);
        assert_eq!(Some(any.state()), edge.refused);
        if command != Command::Accept {
            assert_eq!(apply_granted(any, command).state(), edge.to);
        }
    }
}

#[test]
fn dropping_a_visitor_in_any_state_means_leaving() {
    for state in StateKind::ALL {
        let (any, peer) = at(state);
        assert!(!peer.visitor_left());
        drop(any);
        assert!(peer.visitor_left());
    }
}

#[test]
fn dropping_what_a_verb_answered_means_leaving() {
    let (visitor, mut peer) = typed::<Identified>();
    peer.refuse_all(coview_wire::RefusalCode::PresenceDisabled);
    drop(now(visitor.connect_presence()));
    assert!(peer.visitor_left());

    let (any, peer) = at(StateKind::Identified);
    drop(any.apply(Command::Accept));
    assert!(peer.visitor_left());
}

#[test]
fn the_app_moves_while_a_request_waits() {
    for (state, command, _) in requests() {
        let (any, mut peer) = at(state);
        let Ok(Applied::Pending(mut pending)) = any.apply(command) else { panic!() };
        drain(&mut peer);
        assert_eq!(pending.connectivity(), Some(Connectivity::Connected));
        peer.arrive(coview_lifecycle::Arrival::Connectivity(Connectivity::Reconnecting));
        assert!(poll(&mut pending).is_pending());
        assert_eq!(pending.connectivity(), Some(Connectivity::Reconnecting));
        pending.app_moved(AppState::Background);
        pending.app_moved(AppState::Background);
        let said = drain(&mut peer);
        assert!(matches!(&said[..], [ClientMessage::AppMoved(_)]), "{said:?}");
        let any = pending.into_visitor().expect("it was not answered");
        assert_eq!(any.app(), AppState::Background);
    }
}

/// A future wakes its task when something arrives.
#[test]
fn an_arrival_wakes_whoever_waits() {
    use core::sync::atomic::AtomicUsize;
    use core::sync::atomic::Ordering;
    use core::task::Context;
    use core::task::Waker;
    use std::sync::Arc;
    use std::task::Wake;

    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&count));
    let mut cx = Context::from_waker(&waker);

    let (visitor, mut peer) = typed::<PresenceConnected>();
    let mut next = visitor.next();
    assert!(core::pin::Pin::new(&mut next).poll(&mut cx).is_pending());
    peer.say(focus(99, false));
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    assert!(core::pin::Pin::new(&mut next).poll(&mut cx).is_pending());
    peer.say(terms_requested(1));
    assert_eq!(count.0.load(Ordering::Relaxed), 2);
    assert!(core::pin::Pin::new(&mut next).poll(&mut cx).is_ready());
}
