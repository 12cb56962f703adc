//! The agents who type the key and wait: one at a time, answered once, and gone with the session.

use coview_lifecycle::Anonymous;
use coview_lifecycle::AnyStep;
use coview_lifecycle::Change;
use coview_lifecycle::Command;
use coview_lifecycle::Confirming;
use coview_lifecycle::ConfirmingStep;
use coview_lifecycle::Identified;
use coview_lifecycle::Manual;
use coview_lifecycle::ManualStep;
use coview_lifecycle::OneClick;
use coview_lifecycle::PresenceConnected;
use coview_lifecycle::PresenceStep;
use coview_lifecycle::Sharing;
use coview_lifecycle::StateKind;
use coview_wire::ClientMessage;
use coview_wire::EndReason;
use coview_wire::RefusalCode;
use coview_wire::SessionFacts;
use coview_wire::SessionId;
use coview_wire::Snapshot;
use coview_wire::VisitorAssertion;
use coview_wire::WithdrawReason;

use crate::steps::typed;
use crate::support::*;

#[test]
fn the_answer_names_the_join_and_is_said_at_once() {
    let (confirming, mut peer) = typed::<Confirming<Anonymous>>();
    let sharing = confirming.confirm();
    let said = drain(&mut peer);
    assert!(matches!(&said[..], [ClientMessage::JoinConfirmed(it)] if it.join == JOIN), "{said:?}");
    peer.say(guests(sharing.session(), 1));
    let ManualStep::Changed(sharing, Change::Guests(1)) = now(sharing.next()) else {
        panic!("the agent is in")
    };

    let join = peer.ask_to_join(sharing.session(), "Mallory");
    let ManualStep::JoinRequested(confirming) = now(sharing.next()) else { panic!("a second") };
    let sharing = confirming.refuse();
    let said = drain(&mut peer);
    assert!(matches!(&said[..], [ClientMessage::JoinDeclined(it)] if it.join == join), "{said:?}");
    assert_eq!(sharing.guests(), 1, "who was in stays in");
}

#[test]
fn a_refused_agent_may_end_a_session_nobody_is_in() {
    let (confirming, mut peer) = typed::<Confirming<Identified>>();
    let sharing = confirming.refuse();
    peer.say(ended(START, sharing.session(), EndReason::KeyBurned));
    let ManualStep::Ended(visitor, EndReason::KeyBurned) = now(sharing.next()) else {
        panic!("the key was burned")
    };
    assert_eq!(visitor.state(), StateKind::Identified);
}

#[test]
fn the_end_says_nothing_about_who_waited() {
    let (confirming, mut peer) = typed::<Confirming<Anonymous>>();
    let visitor = confirming.end();
    let said = drain(&mut peer);
    assert!(
        matches!(&said[..], [ClientMessage::SessionEnd(end)] if end.start == START),
        "{said:?}"
    );
    peer.say(join_withdrawn(JOIN.get(), WithdrawReason::Agent));
    drop(quiet(visitor.into()));
}

#[test]
fn of_two_at_the_door_the_later_is_told() {
    let (sharing, mut peer) = typed::<Sharing<Manual, Anonymous>>();
    peer.say(join_requested(sharing.session(), 1));
    peer.say(join_requested(sharing.session(), 2));
    let ManualStep::JoinRequested(confirming) = now(sharing.next()) else { panic!("two came") };
    drop(quiet(confirming.confirm().into()));
    let said = drain(&mut peer);
    assert!(
        matches!(&said[..], [ClientMessage::JoinConfirmed(it)] if it.join.get() == 2),
        "{said:?}"
    );
}

#[test]
fn a_second_request_while_one_is_open_ends_the_first_and_keeps_its_reason() {
    let (confirming, mut peer) = typed::<Confirming<Anonymous>>();
    let session = confirming.session();
    peer.say(join_withdrawn(1, WithdrawReason::AgentLost));
    peer.say(join_requested(session, 2));
    peer.say(join_withdrawn(2, WithdrawReason::Agent));
    peer.say(join_requested(session, 3));
    let ConfirmingStep::Withdrawn(sharing, WithdrawReason::AgentLost) = now(confirming.next())
    else {
        panic!("the first was lost")
    };
    let ManualStep::JoinRequested(confirming) = now(sharing.next()) else { panic!("a third") };
    peer.say(join_requested(session, 4));
    let ConfirmingStep::Withdrawn(sharing, WithdrawReason::Unknown) = now(confirming.next()) else {
        panic!("one waits at a time")
    };
    assert!(matches!(now(sharing.next()), ManualStep::JoinRequested(_)));
}

#[test]
fn who_came_and_went_while_nobody_looked_is_no_news() {
    let (sharing, mut peer) = typed::<Sharing<Manual, Anonymous>>();
    peer.say(join_requested(sharing.session(), 1));
    peer.say(join_withdrawn(1, WithdrawReason::Agent));
    drop(quiet(sharing.into()));
    assert_eq!(peer.said(), None);
}

#[test]
fn who_was_answered_or_went_does_not_come_back() {
    let (confirming, mut peer) = typed::<Confirming<Anonymous>>();
    let session = confirming.session();
    let sharing = confirming.confirm();
    peer.say(join_withdrawn(1, WithdrawReason::Agent));
    peer.say(join_requested(session, 1));
    let any = quiet(sharing.into());
    peer.say(join_requested(session, 2));
    let AnyStep::JoinRequested(any) = now(any.next()) else { panic!("another") };
    peer.say(join_withdrawn(2, WithdrawReason::Agent));
    let AnyStep::JoinWithdrawn(any, _) = now(any.next()) else { panic!("it went") };
    peer.say(join_requested(session, 2));
    peer.say(join_requested(session, 1));
    drop(quiet(any));
}

#[test]
fn a_repeated_request_changes_nothing_on_the_screen() {
    let (confirming, mut peer) = typed::<Confirming<PresenceConnected>>();
    peer.say(join_requested(confirming.session(), JOIN.get()));
    assert_eq!(quiet(confirming.into()).state(), StateKind::ConfirmingPresence);
}

#[test]
fn who_waits_for_another_session_is_not_told() {
    let (sharing, mut peer) = typed::<Sharing<Manual, Anonymous>>();
    let first = sharing.session();
    peer.grant_all();
    let sharing = now(sharing.end().start_manual()).expect("the peer says yes");
    peer.say(join_requested(first, 9));
    let any = quiet(sharing.into());
    // In a session of its own the numbers may begin anew.
    peer.say(join_requested(session(&any), 1));
    assert!(matches!(now(any.next()), AnyStep::JoinRequested(_)));
}

#[test]
fn nobody_waits_to_be_let_into_a_session_without_a_key() {
    let (sharing, mut peer) = typed::<Sharing<OneClick, PresenceConnected>>();
    peer.say(join_requested(sharing.session(), 1));
    assert_eq!(quiet(sharing.into()).state(), StateKind::SharingOneClick);
}

#[test]
fn presence_lost_while_an_agent_waits_is_told_after_the_session() {
    let (confirming, mut peer) = typed::<Confirming<PresenceConnected>>();
    peer.say(presence_lost(PRESENCE.get()));
    let any = quiet(confirming.into());
    let any = apply_granted(any, Command::Confirm);
    let any = apply_granted(quiet(any), Command::End);
    assert!(matches!(now(any.next()), AnyStep::PresenceLost(..)));
}

#[test]
fn an_ask_that_comes_while_an_agent_waits_is_told_after_the_session() {
    let (confirming, mut peer) = typed::<Confirming<PresenceConnected>>();
    peer.ask_to_share("Grace");
    let any = quiet(confirming.into());
    let Ok(confirming) =
        coview_lifecycle::Visitor::<Confirming<PresenceConnected>, _>::try_from(any)
    else {
        panic!("nothing happened")
    };
    assert!(matches!(now(confirming.end().next()), PresenceStep::TermsRequested(_)));
}

#[test]
fn the_picture_goes_on_while_an_agent_waits_and_after_the_answer() {
    for answer in [Command::Confirm, Command::Refuse] {
        let (mut any, mut peer) = at(StateKind::SharingManualAnonymous);
        let mut pass = any.screen_pass().expect("the visitor shares");
        peer.ask_to_join(session(&any), "Grace");
        let AnyStep::JoinRequested(any) = now(any.next()) else { panic!("an agent waits") };
        assert!(pass.stands());
        let any = apply_granted(any, answer);
        assert_eq!(pass.send(&[coview_wire::ViewerId::new(1)], b"a picture"), Ok(()));
        assert!(peer.picture().is_some());
        drop(any);
        assert!(!pass.stands());
    }
}

#[test]
fn who_came_while_away_is_at_the_door() {
    let (any, mut peer) = at(StateKind::SharingManualIdentified);
    let join = Some(join_requested(session(&any), 4));
    peer.say(resumed(with_join(truth(&any), join)));
    let AnyStep::JoinRequested(any) = now(any.next()) else { panic!("an agent waits") };
    assert_eq!(any.agent().map(coview_wire::AgentCard::name), Some("Grace"));
}

#[test]
fn who_waited_before_the_grant_was_heard_is_at_the_door() {
    let (visitor, mut peer) = typed::<Anonymous>();
    let mut starting = visitor.start_manual();
    assert!(poll(&mut starting).is_pending());
    let join = Some(join_requested(SessionId::new(60), 4));
    let session = Some(SessionFacts { join, ..session_facts(1, 60, Some(key())) });
    peer.say(resumed(Snapshot { answered: answered(1, None), session, ..Snapshot::default() }));
    let sharing = now(starting).expect("it was granted");
    assert!(matches!(now(sharing.next()), ManualStep::JoinRequested(_)));
}

#[test]
fn who_went_while_away_went_for_the_reason_of_the_server() {
    for (over, told) in [
        (Some(join_withdrawn(JOIN.get(), WithdrawReason::Expired)), WithdrawReason::Expired),
        (Some(join_withdrawn(99, WithdrawReason::Expired)), WithdrawReason::Unknown),
        (None, WithdrawReason::Unknown),
    ] {
        let (any, mut peer) = at(StateKind::ConfirmingIdentified);
        let snapshot = with_join(truth(&any), None);
        peer.say(resumed(Snapshot { join_over: over, ..snapshot }));
        let AnyStep::JoinWithdrawn(any, reason) = now(any.next()) else { panic!("it went") };
        assert_eq!(reason, told);
        drop(quiet(any));
    }
}

#[test]
fn who_went_and_who_came_while_away() {
    let (any, mut peer) = at(StateKind::ConfirmingAnonymous);
    let join = Some(join_requested(session(&any), 4));
    peer.say(resumed(with_join(truth(&any), join)));
    let AnyStep::JoinWithdrawn(any, _) = now(any.next()) else { panic!("the first went") };
    let AnyStep::JoinRequested(any) = now(any.next()) else { panic!("another came") };
    drop(quiet(any));
}

#[test]
fn a_snapshot_from_before_the_answer_was_heard_does_not_ask_again() {
    for answer in [Command::Confirm, Command::Refuse] {
        let (any, mut peer) = at(StateKind::ConfirmingAnonymous);
        let before = truth(&any);
        let any = apply_granted(any, answer);
        peer.say(resumed(before.clone()));
        let any = quiet(any);
        peer.say(resumed(before));
        drop(quiet(any));
    }
}

fn with_join(snapshot: Snapshot, join: Option<coview_wire::JoinRequested>) -> Snapshot {
    let session = snapshot.session.map(|facts| SessionFacts { join, ..facts });
    Snapshot { session, ..snapshot }
}

fn assertion(text: &str) -> VisitorAssertion {
    VisitorAssertion::new(text).expect("the text keeps the limits")
}

#[test]
fn a_newer_assertion_changes_nothing_that_the_app_is_told() {
    for state in StateKind::ALL {
        let (mut any, mut peer) = at(state);
        let identified = any.visitor_id().is_some();
        assert_eq!(any.refresh_assertion(assertion("new.er.one")), identified, "{state}");
        let said = drain(&mut peer);
        let re = match &said[..] {
            [ClientMessage::Identify(it)] if identified => {
                assert_eq!((&it.visitor, &it.profile), (&id(), &None));
                assert_eq!(it.assertion, Some(assertion("new.er.one")));
                it.re
            }
            [] if !identified => continue,
            said => panic!("{state}: {said:?}"),
        };
        peer.say(coview_wire::Identified { re, visitor: id() });
        assert_eq!(quiet(any).state(), state);
    }
}

#[test]
fn a_newer_assertion_that_is_not_accepted_is_a_problem_and_no_more() {
    for in_a_snapshot in [false, true] {
        for state in StateKind::ALL {
            let (mut any, mut peer) = at(state);
            if !any.refresh_assertion(assertion("new.er.one")) {
                continue;
            }
            let Some(ClientMessage::Identify(said)) = peer.said() else { panic!("it was said") };
            let re = said.re.get();
            let told = if in_a_snapshot {
                let answered = answered(re, Some(RefusalCode::TokenExpired));
                resumed(Snapshot { answered, ..truth(&any) }).into()
            } else {
                coview_wire::ServerMessage::from(refused(re, RefusalCode::TokenExpired))
            };
            peer.say(told.clone());
            peer.say(told);
            let AnyStep::Changed(any, change) = now(any.next()) else { panic!("it is told") };
            assert_eq!(change, Change::Problem(RefusalCode::TokenExpired));
            assert_eq!(quiet(any).state(), state);
        }
    }
}

#[test]
fn a_late_no_to_the_assertion_of_who_has_logged_out_is_not_told() {
    let (mut any, mut peer) = at(StateKind::Identified);
    assert!(any.refresh_assertion(assertion("new.er.one")));
    let any = apply_granted(any, Command::LogOut);
    peer.say(refused(2, RefusalCode::BadAssertion));
    drop(quiet(any));
}
