//! Changes that move the visitor nowhere: each is told once, as it is now.

use coview_lifecycle::AnyStep;
use coview_lifecycle::Arrival;
use coview_lifecycle::Change;
use coview_lifecycle::Connectivity;
use coview_lifecycle::StateKind;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AppState;
use coview_wire::ClientMessage;
use coview_wire::PresenceData;
use coview_wire::PresencePatch;
use coview_wire::Problem;
use coview_wire::RefusalCode;
use coview_wire::RequestId;

use crate::support::*;

#[track_caller]
fn change(any: Any) -> (Any, Change) {
    match now(any.next()) {
        AnyStep::Changed(any, change) => (any, change),
        step @ (AnyStep::TermsRequested(_)
        | AnyStep::TermsWithdrawn(..)
        | AnyStep::PresenceLost(..)
        | AnyStep::JoinRequested(_)
        | AnyStep::JoinWithdrawn(..)
        | AnyStep::SessionEnded(..)
        | AnyStep::Closed(_)) => panic!("{step:?}"),
    }
}

#[test]
fn the_connection_comes_and_goes_in_every_state() {
    for state in StateKind::ALL {
        let (mut any, mut peer) = at(state);
        for now in [Connectivity::Reconnecting, Connectivity::Parked, Connectivity::Connected] {
            peer.arrive(Arrival::Connectivity(now));
            peer.arrive(Arrival::Connectivity(now));
            let told;
            (any, told) = change(any);
            assert_eq!(told, Change::Connectivity(now));
            assert_eq!((any.connectivity(), any.state()), (now, state));
            any = quiet(any);
        }
    }
}

#[test]
fn what_came_and_went_while_nobody_looked_is_no_news() {
    let (any, mut peer) = at(StateKind::PresenceConnected);
    peer.arrive(Arrival::Connectivity(Connectivity::Reconnecting));
    peer.arrive(Arrival::Connectivity(Connectivity::Connected));
    peer.say(focus(PRESENCE.get(), false));
    peer.say(focus(PRESENCE.get(), true));
    drop(quiet(any));
}

#[test]
fn the_focus_goes_and_comes_back() {
    let (any, mut peer) = at(StateKind::SharingOneClick);
    peer.say(focus(PRESENCE.get(), false));
    let (any, told) = change(any);
    assert_eq!(told, Change::Focus(false));
    let any = quiet(any);
    peer.say(focus(PRESENCE.get(), true));
    let (any, told) = change(any);
    assert_eq!(told, Change::Focus(true));
    drop(quiet(any));
}

#[test]
fn a_device_that_never_had_the_focus_is_told() {
    let (any, mut peer) = at(StateKind::Identified);
    let Ok(coview_lifecycle::Applied::Pending(pending)) =
        any.apply(coview_lifecycle::Command::ConnectPresence(Default::default()))
    else {
        panic!()
    };
    let mut connected = presence_connected(2, 9);
    connected.focused = false;
    peer.say(connected);
    let any = now(pending).expect("the peer says yes");
    let (any, told) = change(any);
    assert_eq!(told, Change::Focus(false));
    drop(quiet(any));
}

#[test]
fn guests_come_and_go() {
    let (any, mut peer) = at(StateKind::SharingManualAnonymous);
    let session = session(&any);
    for count in [1, 2] {
        peer.say(guests(session, count));
    }
    let (any, told) = change(any);
    assert_eq!((told, any.agents().len()), (Change::Guests(2), 2));
    peer.say(guests(session, 2));
    let any = quiet(any);
    peer.say(guests(session, 0));
    let (any, told) = change(any);
    assert_eq!((told, any.agents().len()), (Change::Guests(0), 0));
    drop(quiet(any));
}

#[test]
fn a_guest_in_place_of_another_is_news() {
    let (any, mut peer) = at(StateKind::SharingManualAnonymous);
    let mut watch = guests(session(&any), 1);
    peer.say(watch.clone());
    let (any, _) = change(any);
    let joan = AgentCard::new(AgentId::new("agent-2").unwrap(), "Joan").unwrap();
    watch.guests = vec![joan.clone()];
    peer.say(watch);
    let (any, told) = change(any);
    assert_eq!((told, any.agents()), (Change::Guests(1), &[joan][..]));
    drop(quiet(any));
}

#[test]
fn guests_of_a_session_that_is_over_are_no_news() {
    let (any, mut peer) = at(StateKind::SharingManualAnonymous);
    peer.say(guests(session(&any), 1));
    let any = apply_granted(any, coview_lifecycle::Command::End);
    drop(quiet(any));
}

#[test]
fn a_problem_is_told_once() {
    let (any, mut peer) = at(StateKind::Identified);
    peer.say(problem(RefusalCode::LimitExceeded));
    let (any, told) = change(any);
    assert_eq!(told, Change::Problem(RefusalCode::LimitExceeded));
    drop(quiet(any));
}

#[test]
fn a_problem_with_what_nobody_waits_for_is_told_too() {
    let (any, mut peer) = at(StateKind::Identified);
    let re = Some(RequestId::new(99));
    peer.say(Problem { re, ..problem(RefusalCode::LimitExceeded) });
    let (any, told) = change(any);
    assert_eq!(told, Change::Problem(RefusalCode::LimitExceeded));
    drop(quiet(any));
}

#[test]
fn the_app_moves_in_every_state_and_says_so_once() {
    for state in StateKind::ALL {
        let (mut any, mut peer) = at(state);
        any.app_moved(AppState::Active);
        assert_eq!(peer.said(), None);
        any.app_moved(AppState::Background);
        any.app_moved(AppState::Background);
        assert_eq!((any.app(), any.state()), (AppState::Background, state));
        let said = drain(&mut peer);
        assert!(matches!(&said[..], [ClientMessage::AppMoved(_)]), "{said:?}");
    }
}

#[test]
fn presence_data_changes_wherever_the_visitor_is_online() {
    for state in StateKind::ALL {
        let (mut any, mut peer) = at(state);
        let patch = PresencePatch::new().set("page", "/").expect("the entry keeps the limits");
        let online = any.update_presence(patch);
        let said = drain(&mut peer);
        assert_eq!(matches!(&said[..], [ClientMessage::PresenceUpdate(_)]), online, "{said:?}");
        let expected = match state {
            StateKind::Anonymous
            | StateKind::Identified
            | StateKind::SharingManualAnonymous
            | StateKind::SharingManualIdentified
            | StateKind::ConfirmingAnonymous
            | StateKind::ConfirmingIdentified => false,
            StateKind::PresenceConnected
            | StateKind::TermsRequested
            | StateKind::TermsShown
            | StateKind::SharingManualPresence
            | StateKind::ConfirmingPresence
            | StateKind::SharingOneClick => true,
        };
        assert_eq!(online, expected, "{state}");
    }
}

#[test]
fn the_focus_of_a_new_stay_in_presence_is_no_news() {
    let (any, mut peer) = at(StateKind::PresenceConnected);
    peer.say(focus(PRESENCE.get(), false));
    let (any, told) = change(any);
    assert_eq!(told, Change::Focus(false));
    let any = apply_granted(any, coview_lifecycle::Command::Disconnect);
    peer.grant_all();
    let any =
        apply_granted(any, coview_lifecycle::Command::ConnectPresence(PresenceData::default()));
    drop(quiet(any));
}
