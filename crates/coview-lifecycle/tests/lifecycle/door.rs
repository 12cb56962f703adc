//! Facts that do not fit the state wait at the door, and only the latest truth is let in.

use coview_lifecycle::AnyStep;
use coview_lifecycle::Identified;
use coview_lifecycle::Manual;
use coview_lifecycle::OneClick;
use coview_lifecycle::OneClickStep;
use coview_lifecycle::PresenceConnected;
use coview_lifecycle::PresenceStep;
use coview_lifecycle::Sharing;
use coview_lifecycle::StateKind;
use coview_lifecycle::TermsShown;
use coview_lifecycle::TermsStep;
use coview_wire::ClientMessage;
use coview_wire::EndReason;
use coview_wire::OfflineReason;
use coview_wire::RefusalCode;
use coview_wire::WithdrawReason;

use crate::steps::typed;
use crate::support::*;

#[test]
fn presence_lost_while_sharing_is_told_after_the_end() {
    let (sharing, mut peer) = typed::<Sharing<Manual, PresenceConnected>>();
    peer.say(presence_lost(PRESENCE.get()));
    let any = quiet(sharing.into());
    let Ok(sharing) =
        coview_lifecycle::Visitor::<Sharing<Manual, PresenceConnected>, _>::try_from(any)
    else {
        panic!("the sharing goes on")
    };
    assert_eq!(sharing.key().to_string(), KEY);
    assert!(!sharing.has_focus());
    let PresenceStep::Lost(visitor) = now(sharing.end().next()) else {
        panic!("the presence was lost")
    };
    assert_eq!(visitor.last_offline(), Some(OfflineReason::Policy));
}

#[test]
fn presence_lost_while_sharing_one_click_is_told_after_the_end() {
    let (sharing, mut peer) = typed::<Sharing<OneClick, PresenceConnected>>();
    peer.say(presence_lost(PRESENCE.get()));
    peer.say(ended(START, sharing.session(), EndReason::Agent));
    let OneClickStep::Ended(visitor, EndReason::Agent) = now(sharing.next()) else {
        panic!("the agent ended it")
    };
    assert!(matches!(now(visitor.next()), PresenceStep::Lost(_)));
}

#[test]
fn an_ask_during_a_pending_start_waits_until_the_start_is_refused() {
    let (visitor, mut peer) = typed::<PresenceConnected>();
    let mut starting = visitor.start_manual();
    peer.ask_to_share("Grace");
    assert!(poll(&mut starting).is_pending());
    peer.say(refused(3, RefusalCode::ShuttingDown));
    let visitor = now(starting).expect_err("the peer says no").into_visitor().expect("it lives");
    assert!(matches!(now(visitor.next()), PresenceStep::TermsRequested(_)));
}

#[test]
fn an_ask_during_a_pending_start_that_is_granted_is_withdrawn_as_busy() {
    let (visitor, mut peer) = typed::<PresenceConnected>();
    let mut starting = visitor.start_manual();
    peer.ask_to_share("Grace");
    assert!(poll(&mut starting).is_pending());
    peer.say(withdrawn(1, WithdrawReason::Busy));
    peer.say(connected(3, 1, 9, Some(key())));
    let sharing = now(starting).expect("the peer says yes");
    let any = quiet(sharing.end().into());
    assert_eq!(any.state(), StateKind::PresenceConnected);
}

/// The news may still be unread when the session ends: the app must not be told of a request that
/// is known to be over.
#[test]
fn an_ask_whose_withdrawal_is_unread_is_not_told() {
    let (visitor, mut peer) = typed::<PresenceConnected>();
    let mut starting = visitor.start_manual();
    peer.ask_to_share("Grace");
    assert!(poll(&mut starting).is_pending());
    peer.say(connected(3, 1, 9, Some(key())));
    let sharing = now(starting).expect("the peer says yes");
    peer.say(withdrawn(1, WithdrawReason::Busy));
    let any = quiet(sharing.end().into());
    assert_eq!(any.state(), StateKind::PresenceConnected);
}

#[test]
fn an_ask_and_its_withdrawal_leave_nothing() {
    let (visitor, mut peer) = typed::<PresenceConnected>();
    peer.say(terms_requested(1));
    peer.say(withdrawn(1, WithdrawReason::Agent));
    let any = quiet(visitor.into());
    assert_eq!(peer.said(), None);
    peer.say(terms_requested(2));
    assert!(matches!(now(any.next()), AnyStep::TermsRequested(_)));
}

#[test]
fn of_two_asks_at_the_door_the_later_is_let_in() {
    let (visitor, mut peer) = typed::<PresenceConnected>();
    peer.say(terms_requested(1));
    peer.say(terms_requested(2));
    let PresenceStep::TermsRequested(asked) = now(visitor.next()) else { panic!("agents ask") };
    let any = quiet(asked.decline().into());
    let said = drain(&mut peer);
    assert!(matches!(&said[..], [ClientMessage::TermsDeclined(m)] if m.ask.get() == 2), "{said:?}",);
    drop(any);
}

#[test]
fn a_second_ask_while_terms_are_up_ends_the_first_and_keeps_its_reason() {
    let (shown, mut peer) = typed::<TermsShown>();
    peer.say(withdrawn(1, WithdrawReason::Expired));
    peer.say(terms_requested(2));
    peer.say(withdrawn(2, WithdrawReason::Agent));
    peer.say(terms_requested(3));
    let TermsStep::Withdrawn(visitor, WithdrawReason::Expired) = now(shown.next()) else {
        panic!("the first expired")
    };
    let PresenceStep::TermsRequested(asked) = now(visitor.next()) else { panic!("a third asks") };
    drop(asked);
}

#[test]
fn presence_lost_takes_an_ask_at_the_door_with_it() {
    let (visitor, mut peer) = typed::<PresenceConnected>();
    peer.say(terms_requested(1));
    peer.say(presence_lost(PRESENCE.get()));
    let PresenceStep::Lost(visitor) = now(visitor.next()) else { panic!("presence was lost") };
    peer.grant_all();
    let visitor = now(visitor.connect_presence()).expect("the peer says yes");
    assert_eq!(quiet(visitor.into()).state(), StateKind::PresenceConnected);
}

#[test]
fn terms_on_the_screen_go_before_the_presence() {
    let (shown, mut peer) = typed::<TermsShown>();
    peer.say(presence_lost(PRESENCE.get()));
    let TermsStep::Withdrawn(visitor, WithdrawReason::PresenceOver) = now(shown.next()) else {
        panic!("the request went with the presence")
    };
    assert!(matches!(now(visitor.next()), PresenceStep::Lost(_)));
}

#[test]
fn a_disconnect_forgets_what_waits_at_the_door() {
    let (visitor, mut peer) = typed::<PresenceConnected>();
    let mut next = visitor.next();
    assert!(poll(&mut next).is_pending());
    peer.say(terms_requested(1));
    let visitor = next.into_visitor().expect("no step was taken").disconnect();
    let any = quiet(visitor.into());
    assert_eq!(any.state(), StateKind::Identified);
    let Ok(visitor) = coview_lifecycle::Visitor::<Identified, _>::try_from(any) else { panic!() };
    peer.grant_all();
    let visitor = now(visitor.connect_presence()).expect("the peer says yes");
    drop(quiet(visitor.into()));
}
