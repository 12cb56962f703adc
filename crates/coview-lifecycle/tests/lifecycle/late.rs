//! Whatever is late or meant for something else is ignored, never misapplied.

use coview_lifecycle::Anonymous;
use coview_lifecycle::AnyStep;
use coview_lifecycle::Applied;
use coview_lifecycle::Command;
use coview_lifecycle::Identified;
use coview_lifecycle::Manual;
use coview_lifecycle::PresenceConnected;
use coview_lifecycle::PresenceStep;
use coview_lifecycle::Sharing;
use coview_lifecycle::StateKind;
use coview_lifecycle::TermsRequested;
use coview_lifecycle::TermsShown;
use coview_wire::ClientMessage;
use coview_wire::EndReason;
use coview_wire::Identified as IdentifiedReply;
use coview_wire::PresenceData;
use coview_wire::RefusalCode;
use coview_wire::RequestId;
use coview_wire::SessionId;
use coview_wire::StartId;
use coview_wire::VisitorId;
use coview_wire::WithdrawReason;

use crate::steps::typed;
use crate::support::*;

#[test]
fn nothing_with_a_foreign_id_does_anything_in_any_state() {
    for state in StateKind::ALL {
        let (any, mut peer) = at(state);
        for re in [0, 1, 2, 3, 4, 5, 99] {
            peer.say(IdentifiedReply { re: RequestId::new(re), visitor: id() });
            peer.say(presence_connected(re, 77));
            peer.say(connected(re, 1, 77, Some(key())));
            peer.say(connected(re, 2, 77, Some(key())));
            peer.say(refused(re, RefusalCode::TermsOver));
        }
        peer.say(presence_lost(99));
        peer.say(focus(99, false));
        peer.say(withdrawn(99, WithdrawReason::Agent));
        peer.say(withdrawn(0, WithdrawReason::Agent));
        peer.say(guests(SessionId::new(99), 3));
        peer.say(join_requested(SessionId::new(99), 9));
        peer.say(join_withdrawn(99, WithdrawReason::Agent));
        peer.say(join_withdrawn(0, WithdrawReason::Agent));
        peer.say(ended(StartId::new(99), SessionId::new(1), EndReason::Agent));
        peer.say(ended(START, SessionId::new(99), EndReason::Agent));
        peer.say(ended(StartId::new(0), SessionId::new(0), EndReason::Agent));
        let before = (any.visitor_id().cloned(), format!("{:?}", any.key_display()));
        let any = quiet(any);
        assert_eq!(any.state(), state);
        assert_eq!(before, (any.visitor_id().cloned(), format!("{:?}", any.key_display())));
        assert!(any.agents().is_empty());
        assert_eq!(peer.said(), None);
    }
}

/// Every request, while only answers to other requests and answers of the wrong kind arrive.
#[test]
fn a_pending_request_waits_for_its_own_answer() {
    for (state, command, re) in requests() {
        let (any, mut peer) = at(state);
        let Ok(Applied::Pending(mut pending)) = any.apply(command) else { panic!("a request") };
        for other in (0..re).chain([re + 1]) {
            peer.say(IdentifiedReply { re: RequestId::new(other), visitor: id() });
            peer.say(presence_connected(other, 77));
            peer.say(connected(other, 1, 77, Some(key())));
            peer.say(refused(other, RefusalCode::TermsOver));
        }
        peer.say(connected(re, 99, 77, Some(key())));
        if state != StateKind::Anonymous || re != 1 {
            assert!(poll(&mut pending).is_pending());
        }
        let any = pending.into_visitor().expect("it was not answered");
        drop(quiet(any));
    }
}

pub(crate) fn requests() -> Vec<(StateKind, Command, u64)> {
    vec![
        (StateKind::Anonymous, Command::Identify(id().into()), 1),
        (StateKind::Anonymous, Command::StartManual, 1),
        (StateKind::Identified, Command::ConnectPresence(PresenceData::new()), 2),
        (StateKind::Identified, Command::StartManual, 2),
        (StateKind::PresenceConnected, Command::StartManual, 3),
        (StateKind::TermsShown, Command::Accept, 5),
    ]
}

#[test]
fn the_grant_of_a_cancelled_start_is_stale_for_the_next_start() {
    let (visitor, mut peer) = typed::<Anonymous>();
    let visitor = visitor.start_manual().into_visitor().expect("it was not answered");
    let mut second = visitor.start_manual();
    peer.say(connected(1, 1, 50, Some(key())));
    peer.say(guests(SessionId::new(50), 1));
    peer.say(ended(START, SessionId::new(50), EndReason::Visitor));
    assert!(poll(&mut second).is_pending());
    peer.say(connected(3, 2, 51, Some(key())));
    let sharing = now(second).expect("the peer says yes");
    assert_eq!(sharing.session(), SessionId::new(51));
    assert_eq!(sharing.guests(), 0);
}

#[test]
fn the_end_of_an_earlier_session_does_not_end_the_next() {
    let (sharing, mut peer) = typed::<Sharing<Manual, Anonymous>>();
    let first = sharing.session();
    peer.grant_all();
    let sharing = now(sharing.end().start_manual()).expect("the peer says yes");
    peer.say(ended(START, first, EndReason::Agent));
    peer.say(guests(first, 5));
    let any = quiet(sharing.into());
    assert_eq!(any.state(), StateKind::SharingManualAnonymous);
}

#[test]
fn both_sides_end_at_once() {
    let (sharing, mut peer) = typed::<Sharing<Manual, Identified>>();
    peer.say(ended(START, sharing.session(), EndReason::Agent));
    let any = quiet(sharing.end().into());
    assert_eq!(any.state(), StateKind::Identified);
    let said = drain(&mut peer);
    assert!(
        matches!(&said[..], [ClientMessage::SessionEnd(end)] if end.start == START),
        "{said:?}",
    );
}

#[test]
fn a_withdrawal_that_crosses_an_acceptance_is_stale() {
    let (shown, mut peer) = typed::<TermsShown>();
    let mut accepting = shown.accept();
    peer.say(withdrawn(1, WithdrawReason::Agent));
    assert!(poll(&mut accepting).is_pending());
    peer.say(refused(5, RefusalCode::TermsOver));
    let error = now(accepting).expect_err("the withdrawal came first");
    assert_eq!(error.to_string(), "refused: the request no longer stands");
    let any = quiet(error.into_visitor().expect("the link lives").into());
    assert_eq!(any.state(), StateKind::PresenceConnected);
}

#[test]
fn a_request_that_was_answered_or_withdrawn_does_not_come_back() {
    let (asked, mut peer) = typed::<TermsRequested>();
    let visitor = asked.decline();
    peer.say(terms_requested(1));
    peer.say(withdrawn(1, WithdrawReason::Agent));
    peer.say(terms_requested(1));
    let any = quiet(visitor.into());
    peer.say(terms_requested(2));
    let AnyStep::TermsRequested(any) = now(any.next()) else { panic!("an agent asks") };
    peer.say(withdrawn(2, WithdrawReason::Agent));
    let AnyStep::TermsWithdrawn(any, _) = now(any.next()) else { panic!("it was withdrawn") };
    // Neither the last one nor one before it.
    peer.say(terms_requested(2));
    peer.say(terms_requested(1));
    drop(quiet(any));
}

#[test]
fn a_repeated_request_changes_nothing_on_the_screen() {
    for state in [StateKind::TermsRequested, StateKind::TermsShown] {
        let (any, mut peer) = at(state);
        peer.say(terms_requested(1));
        assert_eq!(quiet(any).state(), state);
    }
}

#[test]
fn a_request_that_was_on_its_way_when_presence_was_given_up_is_stale() {
    let (visitor, mut peer) = typed::<PresenceConnected>();
    let visitor = visitor.disconnect();
    peer.say(terms_requested(1));
    let mut connecting = visitor.connect_presence();
    assert!(poll(&mut connecting).is_pending());
    peer.say(presence_connected(4, 8));
    let visitor = now(connecting).expect("the peer says yes");
    peer.say(presence_lost(PRESENCE.get()));
    let any = quiet(visitor.into());
    peer.say(presence_lost(8));
    assert!(matches!(now(any.next()), AnyStep::PresenceLost(..)));
}

#[test]
fn an_identity_granted_after_it_was_given_up_is_stale() {
    let (visitor, mut peer) = typed::<Anonymous>();
    let visitor = visitor.identify(id()).into_visitor().expect("it was not answered");
    peer.say(IdentifiedReply { re: RequestId::new(1), visitor: id() });
    let other = VisitorId::new("customer-43").expect("the text is a visitor id");
    let mut second = visitor.identify(other.clone());
    assert!(poll(&mut second).is_pending());
    peer.say(IdentifiedReply { re: RequestId::new(3), visitor: other.clone() });
    let visitor = now(second).expect("the peer says yes");
    assert_eq!(visitor.visitor_id(), &other);
}

#[test]
fn a_verb_that_crossed_news_is_no_problem_of_the_app() {
    let (visitor, mut peer) = typed::<PresenceConnected>();
    peer.say(problem(RefusalCode::IllegalOrder));
    let any = quiet(visitor.into());
    peer.say(problem(RefusalCode::LimitExceeded));
    assert!(matches!(now(any.next()), AnyStep::Changed(..)));
}

#[test]
fn presence_that_comes_while_a_start_is_pending_is_lost_afterwards() {
    let (visitor, mut peer) = typed::<PresenceConnected>();
    let mut starting = visitor.start_manual();
    peer.say(presence_lost(PRESENCE.get()));
    assert!(poll(&mut starting).is_pending());
    let visitor = starting.into_visitor().expect("it was not answered");
    assert!(matches!(now(visitor.next()), PresenceStep::Lost(_)));
}

/// The app gives a request up, looks for news, and asks again: the late answer to the first request
/// is not taken for the answer to the second.
#[test]
fn a_late_answer_is_not_kept_for_the_next_request() {
    for (state, command, re) in requests() {
        let (any, mut peer) = at(state);
        let Ok(Applied::Pending(pending)) = any.apply(command.clone()) else { panic!() };
        let any = pending.into_visitor().expect("it was not answered");
        peer.say(IdentifiedReply { re: RequestId::new(re), visitor: id() });
        peer.say(presence_connected(re, 77));
        peer.say(connected(re, 1, 77, Some(key())));
        let any = quiet(any);
        if command != Command::Accept {
            let Ok(Applied::Pending(mut pending)) = any.apply(command) else { panic!() };
            assert!(poll(&mut pending).is_pending());
        }
    }
}
