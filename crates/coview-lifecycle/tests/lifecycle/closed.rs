//! A link that ends for good: every state is left along the table and every request says so.

use coview_lifecycle::AnyRequestError;
use coview_lifecycle::AnyStep;
use coview_lifecycle::Applied;
use coview_lifecycle::LinkClosed;
use coview_lifecycle::StateKind;
use coview_lifecycle::table;
use coview_lifecycle::table::Trigger;
use coview_wire::CloseReason;
use coview_wire::EndReason;
use coview_wire::OfflineReason;
use coview_wire::RefusalCode;
use coview_wire::WithdrawReason;

use crate::late::requests;
use crate::support::*;

#[test]
fn every_state_is_left_along_the_table() {
    for state in StateKind::ALL {
        let (any, mut peer) = at(state);
        peer.say(problem(RefusalCode::LimitExceeded));
        peer.close(LinkClosed::Server(CloseReason::Policy));
        let mut kind = state;
        let mut any = any;
        let reason = loop {
            let (next, on) = match now(any.next()) {
                AnyStep::TermsWithdrawn(any, reason) => {
                    assert_eq!(reason, WithdrawReason::PresenceOver);
                    (any, Trigger::TermsWithdrawn)
                }
                AnyStep::PresenceLost(any, reason) => {
                    assert_eq!(reason, Some(OfflineReason::Lost));
                    (any, Trigger::PresenceLost)
                }
                AnyStep::SessionEnded(any, reason) => {
                    assert_eq!(reason, EndReason::VisitorLost);
                    (any, Trigger::SessionEnded)
                }
                AnyStep::Closed(reason) => break reason,
                step @ (AnyStep::TermsRequested(_)
                | AnyStep::JoinRequested(_)
                | AnyStep::JoinWithdrawn(..)
                | AnyStep::Changed(..)) => {
                    panic!("{state}: {step:?}")
                }
            };
            let edge = table::edge(kind, on).expect("a step is an edge of the table");
            assert_eq!(next.state(), edge.to);
            (any, kind) = (next, edge.to);
        };
        assert!(matches!(kind, StateKind::Anonymous | StateKind::Identified));
        assert_eq!(reason, LinkClosed::Server(CloseReason::Policy));
        assert!(peer.visitor_left());
    }
}

#[test]
fn a_pending_request_says_so_and_lets_the_link_go() {
    for (state, command, _) in requests() {
        let (any, mut peer) = at(state);
        let Ok(Applied::Pending(mut pending)) = any.apply(command) else { panic!() };
        assert!(poll(&mut pending).is_pending());
        peer.close(LinkClosed::Gone);
        let core::task::Poll::Ready(Err(AnyRequestError::Closed(reason))) = poll(&mut pending)
        else {
            panic!("the link is closed")
        };
        assert_eq!(reason, LinkClosed::Gone);
        assert!(peer.visitor_left());
        assert!(pending.into_visitor().is_none());
    }
}

#[test]
fn a_request_after_the_link_closed_says_so_at_once() {
    for (state, command, _) in requests() {
        let (any, mut peer) = at(state);
        let any = quiet(any);
        peer.close(LinkClosed::Left);
        let Ok(Applied::Pending(pending)) = any.apply(command) else { panic!() };
        let error = now(pending).expect_err("the link is closed");
        assert_eq!(error.to_string(), "the connection is closed: the app left");
    }
}

#[test]
fn an_answer_that_came_before_the_end_counts() {
    for (state, command, _) in requests() {
        let edge = table::edge(state, command.trigger()).expect("a request is an edge");
        let (any, mut peer) = at(state);
        peer.grant_all();
        let Ok(Applied::Pending(pending)) = any.apply(command) else { panic!() };
        peer.close(LinkClosed::Gone);
        let any = now(pending).expect("the grant came first");
        assert_eq!(any.state(), edge.to);
        assert!(matches!(
            now(any.next()),
            AnyStep::Closed(_) | AnyStep::PresenceLost(..) | AnyStep::SessionEnded(..)
        ));
    }
}

#[test]
fn a_shutdown_and_a_leave_give_their_own_reason() {
    for (closed, expected) in [
        (LinkClosed::Left, EndReason::VisitorLeft),
        (LinkClosed::Gone, EndReason::VisitorLost),
        (LinkClosed::Refused(RefusalCode::BadToken), EndReason::VisitorLost),
        (LinkClosed::Server(CloseReason::Shutdown), EndReason::Shutdown),
        (LinkClosed::Server(CloseReason::Superseded), EndReason::VisitorLost),
    ] {
        let (any, mut peer) = at(StateKind::SharingOneClick);
        peer.close(closed);
        let AnyStep::SessionEnded(any, reason) = now(any.next()) else { panic!("it ended") };
        assert_eq!(reason, expected);
        drop(any);
    }
}

#[test]
fn local_verbs_still_work_on_a_closed_link() {
    for (state, verb) in [
        (StateKind::SharingOneClick, coview_lifecycle::Command::End),
        (StateKind::ConfirmingPresence, coview_lifecycle::Command::End),
        (StateKind::TermsShown, coview_lifecycle::Command::Decline),
        (StateKind::PresenceConnected, coview_lifecycle::Command::Disconnect),
        (StateKind::Identified, coview_lifecycle::Command::LogOut),
    ] {
        let (any, mut peer) = at(state);
        peer.close(LinkClosed::Gone);
        let mut any = apply_granted(any, verb);
        loop {
            any = match now(any.next()) {
                AnyStep::Closed(reason) => break assert_eq!(reason, LinkClosed::Gone),
                AnyStep::PresenceLost(any, _) => any,
                step @ (AnyStep::TermsRequested(_)
                | AnyStep::TermsWithdrawn(..)
                | AnyStep::JoinRequested(_)
                | AnyStep::JoinWithdrawn(..)
                | AnyStep::SessionEnded(..)
                | AnyStep::Changed(..)) => panic!("{state}: {step:?}"),
            };
        }
    }
}
