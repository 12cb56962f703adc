//! After a reconnect one snapshot tells the truth, and the visitor agrees with it whatever was
//! missed.

use coview_lifecycle::AnyPending;
use coview_lifecycle::AnyRequestError;
use coview_lifecycle::AnyStep;
use coview_lifecycle::Applied;
use coview_lifecycle::Change;
use coview_lifecycle::KeyDisplay;
use coview_lifecycle::StateKind;
use coview_lifecycle::queue::Peer;
use coview_lifecycle::queue::QueueLink;
use coview_wire::ClientMessage;
use coview_wire::EndReason;
use coview_wire::OfflineReason;
use coview_wire::Problem;
use coview_wire::RefusalCode;
use coview_wire::RequestId;
use coview_wire::Snapshot;
use coview_wire::WithdrawReason;

use crate::late::requests;
use crate::support::*;

#[test]
fn a_snapshot_that_agrees_changes_nothing_in_any_state() {
    for state in StateKind::ALL {
        let (any, mut peer) = at(state);
        let key = format!("{:?}", any.key_display());
        for _ in 0..2 {
            peer.say(resumed(truth(&any)));
        }
        let any = quiet(any);
        assert_eq!(any.state(), state);
        assert_eq!(format!("{:?}", any.key_display()), key);
        assert_eq!(peer.said(), None);
    }
}

/// Everything is gone: each state is left step by step, along the table, with the reasons the
/// server gives.
#[test]
fn a_snapshot_of_nothing_takes_every_state_back_step_by_step() {
    for state in StateKind::ALL {
        let (any, mut peer) = at(state);
        let mut nothing = Snapshot {
            visitor: any.visitor_id().cloned(),
            ask_over: Some(over(ASK.get(), WithdrawReason::Expired)),
            ..Snapshot::default()
        };
        if state.is_sharing() {
            nothing.ended = Some(ended(START, session(&any), EndReason::Policy));
        }
        peer.say(resumed(nothing));
        let mut seen = Vec::new();
        let mut next = any.next();
        let last = loop {
            let core::task::Poll::Ready(step) = poll(&mut next) else {
                break next.into_visitor().expect("no step was taken");
            };
            next = match step {
                AnyStep::TermsWithdrawn(any, reason) => {
                    seen.push(format!("{reason:?}"));
                    any.next()
                }
                AnyStep::PresenceLost(any, reason) => {
                    assert_eq!(reason, Some(OfflineReason::Lost));
                    seen.push("presence".into());
                    any.next()
                }
                AnyStep::SessionEnded(any, reason) => {
                    seen.push(format!("{reason:?}"));
                    any.next()
                }
                AnyStep::TermsRequested(_)
                | AnyStep::JoinRequested(_)
                | AnyStep::JoinWithdrawn(..)
                | AnyStep::Changed(..)
                | AnyStep::Closed(_) => {
                    panic!("{state}: {step:?}")
                }
            };
        };
        let (end, expected): (_, &[&str]) = match state {
            StateKind::Anonymous => (StateKind::Anonymous, &[]),
            StateKind::Identified => (StateKind::Identified, &[]),
            StateKind::PresenceConnected => (StateKind::Identified, &["presence"]),
            StateKind::TermsRequested | StateKind::TermsShown => {
                (StateKind::Identified, &["Expired", "presence"])
            }
            StateKind::SharingManualAnonymous | StateKind::ConfirmingAnonymous => {
                (StateKind::Anonymous, &["Policy"])
            }
            StateKind::SharingManualIdentified | StateKind::ConfirmingIdentified => {
                (StateKind::Identified, &["Policy"])
            }
            StateKind::SharingManualPresence
            | StateKind::ConfirmingPresence
            | StateKind::SharingOneClick => (StateKind::Identified, &["Policy", "presence"]),
        };
        assert_eq!((last.state(), seen), (end, expected.iter().map(ToString::to_string).collect()));
        assert_eq!(peer.said(), None);
    }
}

/// A request the server has seen waits for nothing any more, also if its answer was none: a problem
/// that got lost, from an older server that does not know the request.
#[test]
fn a_request_that_was_seen_and_not_answered_is_refused() {
    for (state, verb, re) in requests() {
        let (any, mut peer) = at(state);
        let truth = truth(&any);
        peer.be_silent();
        let Ok(Applied::Pending(mut pending)) = any.apply(verb) else { panic!("{state}") };
        peer.say(resumed(Snapshot { seen: Some(RequestId::new(re - 1)), ..truth.clone() }));
        assert!(poll(&mut pending).is_pending(), "{state}: it was not seen yet");
        peer.say(resumed(Snapshot { seen: Some(RequestId::new(re)), ..truth }));
        let answer = now(pending);
        assert!(matches!(answer, Err(AnyRequestError::Refused { .. })), "{state}: {answer:?}");
    }
}

/// An older server answers a request it does not know with a problem.
#[test]
fn a_request_that_is_a_problem_is_refused() {
    for (state, verb, re) in requests() {
        for code in [RefusalCode::UnknownType, RefusalCode::IllegalOrder] {
            let (any, mut peer) = at(state);
            peer.be_silent();
            let Ok(Applied::Pending(mut pending)) = any.apply(verb.clone()) else { panic!() };
            peer.say(Problem { re: Some(RequestId::new(re + 9)), ..problem(code) });
            assert!(poll(&mut pending).is_pending(), "{state}: it is about something else");
            peer.say(Problem { re: Some(RequestId::new(re)), ..problem(code) });
            let Err(AnyRequestError::Refused { reason, .. }) = now(pending) else { panic!() };
            assert_eq!(reason, code, "{state}");
        }
    }
}

#[test]
fn an_ask_that_came_while_away_is_at_the_door() {
    let (any, mut peer) = at(StateKind::PresenceConnected);
    peer.say(resumed(Snapshot { ask: Some(terms_requested(4)), ..truth(&any) }));
    let AnyStep::TermsRequested(any) = now(any.next()) else { panic!("an agent asks") };
    assert_eq!(any.state(), StateKind::TermsRequested);
}

#[test]
fn an_ask_that_went_and_another_that_came_while_away() {
    let (any, mut peer) = at(StateKind::TermsShown);
    peer.say(resumed(Snapshot {
        ask: Some(terms_requested(4)),
        ask_over: Some(over(1, WithdrawReason::AgentLost)),
        ..truth(&any)
    }));
    let AnyStep::TermsWithdrawn(any, WithdrawReason::AgentLost) = now(any.next()) else {
        panic!("the first went")
    };
    let AnyStep::TermsRequested(any) = now(any.next()) else { panic!("another came") };
    drop(any);
}

/// A request that is gone without a word of the server went with the presence, or nobody knows why.
/// What the snapshot says of another request is no reason for this one.
#[test]
fn why_an_ask_went_while_away() {
    let told = Some(over(ASK.get(), WithdrawReason::Agent));
    let of_another = Some(over(7, WithdrawReason::Agent));
    for (ask_over, online, expected) in [
        (told, true, WithdrawReason::Agent),
        (told, false, WithdrawReason::Agent),
        (None, false, WithdrawReason::PresenceOver),
        (of_another, false, WithdrawReason::PresenceOver),
        (None, true, WithdrawReason::Unknown),
        (of_another, true, WithdrawReason::Unknown),
    ] {
        for state in [StateKind::TermsRequested, StateKind::TermsShown] {
            let (any, mut peer) = at(state);
            let presence = truth(&any).presence.filter(|_| online);
            peer.say(resumed(Snapshot { ask: None, ask_over, presence, ..truth(&any) }));
            let AnyStep::TermsWithdrawn(any, reason) = now(any.next()) else { panic!("it went") };
            assert_eq!(reason, expected, "{state}, online {online}");
            assert_eq!(any.state(), StateKind::PresenceConnected);
        }
    }
}

#[test]
fn a_snapshot_from_before_the_answer_was_heard_does_not_ask_again() {
    let (any, mut peer) = at(StateKind::TermsShown);
    let before = truth(&any);
    let Ok(Applied::Now(any)) = any.apply(coview_lifecycle::Command::Decline) else { panic!() };
    peer.say(resumed(before.clone()));
    let any = quiet(any);
    peer.say(resumed(before));
    drop(quiet(any));
}

/// A server that was started anew numbers from the beginning; after the snapshot nothing of the old
/// server's can arrive.
#[test]
fn a_server_that_was_started_anew_may_ask_under_an_old_number() {
    let (any, mut peer) = at(StateKind::TermsShown);
    let Ok(Applied::Now(any)) = any.apply(coview_lifecycle::Command::Decline) else { panic!() };
    peer.say(resumed(Snapshot {
        visitor: Some(id()),
        presence: Some(presence_facts(1)),
        ask_over: Some(over(1, WithdrawReason::PresenceOver)),
        ..Snapshot::default()
    }));
    let any = quiet(any);
    peer.say(terms_requested(1));
    assert!(matches!(now(any.next()), AnyStep::TermsRequested(_)));
}

#[test]
fn the_presence_of_a_fresh_hello_replaces_the_old_one() {
    let (any, mut peer) = at(StateKind::PresenceConnected);
    let presence = Some(presence_facts(70));
    peer.say(resumed(Snapshot { presence, ..truth(&any) }));
    let any = quiet(any);
    peer.say(presence_lost(PRESENCE.get()));
    let any = quiet(any);
    peer.say(presence_lost(70));
    assert!(matches!(now(any.next()), AnyStep::PresenceLost(..)));
}

#[test]
fn focus_and_guests_that_changed_while_away_are_told() {
    let (any, mut peer) = at(StateKind::SharingManualPresence);
    let mut snapshot = truth(&any);
    let session = snapshot.session.as_mut().expect("a session runs");
    session.count = 1;
    session.guests = vec![grace()];
    snapshot.presence.as_mut().expect("online").focused = false;
    peer.say(resumed(snapshot));
    let AnyStep::Changed(any, Change::Guests(1)) = now(any.next()) else { panic!("one joined") };
    assert_eq!(any.agents().len(), 1);
    let AnyStep::Changed(any, Change::Focus(false)) = now(any.next()) else { panic!("focus") };
    assert_eq!(quiet(any).key_display().to_owned_text().as_deref(), Some(KEY));
}

trait Text {
    fn to_owned_text(&self) -> Option<String>;
}

impl Text for KeyDisplay<'_> {
    fn to_owned_text(&self) -> Option<String> {
        match self {
            KeyDisplay::Show(key) => Some(key.to_string()),
            KeyDisplay::Hidden => None,
        }
    }
}

#[test]
fn what_was_given_up_meanwhile_stays_given_up() {
    let (any, mut peer) = at(StateKind::SharingManualPresence);
    let before = truth(&any);
    let any = apply_granted(any, coview_lifecycle::Command::End);
    let any = apply_granted(any, coview_lifecycle::Command::Disconnect);
    peer.say(resumed(before));
    let any = quiet(any);
    assert_eq!(any.state(), StateKind::Identified);
    assert_eq!(any.key_display(), KeyDisplay::Hidden);
}

/// Each request, pending while the connection breaks.
fn pending() -> Vec<(AnyPending<QueueLink>, Peer, Snapshot, StateKind, StateKind, u64)> {
    requests()
        .into_iter()
        .map(|(state, command, re)| {
            let (any, peer) = at(state);
            let edge = coview_lifecycle::table::edge(state, command.trigger()).expect("an edge");
            let mut before = truth(&any);
            before.ask = None;
            let Ok(Applied::Pending(mut pending)) = any.apply(command) else { panic!() };
            assert!(poll(&mut pending).is_pending());
            let back = edge.refused.expect("a request can be refused");
            (pending, peer, before, edge.to, back, re)
        })
        .collect()
}

#[test]
fn a_request_that_was_not_heard_goes_on_waiting() {
    for (mut pending, mut peer, before, to, _, re) in pending() {
        peer.say(resumed(before.clone()));
        peer.say(resumed(Snapshot { answered: answered(re - 1, None), ..before }));
        assert!(poll(&mut pending).is_pending(), "{to}");
        peer.say(refused(re, RefusalCode::ShuttingDown));
        assert!(matches!(now(pending), Err(AnyRequestError::Refused { .. })));
    }
}

#[test]
fn a_request_that_was_refused_while_away_is_refused() {
    for (pending, mut peer, before, _, back, re) in pending() {
        let refused = Some(RefusalCode::LimitExceeded);
        peer.say(resumed(Snapshot { answered: answered(re, refused), ..before }));
        let Err(AnyRequestError::Refused { visitor, reason }) = now(pending) else { panic!() };
        assert_eq!((visitor.state(), reason), (back, RefusalCode::LimitExceeded));
        drop(quiet(visitor));
    }
}

fn granted(before: Snapshot, to: StateKind, re: u64) -> Snapshot {
    let key = (to != StateKind::SharingOneClick).then(key);
    Snapshot {
        answered: answered(re, None),
        visitor: Some(id()),
        presence: before
            .presence
            .or_else(|| (to == StateKind::PresenceConnected).then(|| presence_facts(2))),
        session: to.is_sharing().then(|| session_facts(1, 60, key)),
        ..Snapshot::default()
    }
}

#[test]
fn a_request_that_was_granted_while_away_is_granted() {
    for (pending, mut peer, before, to, _, re) in pending() {
        peer.say(resumed(granted(before, to, re)));
        let any = now(pending).expect("it was granted");
        assert_eq!(any.state(), to);
        let shown = any.key_display().to_owned_text();
        let manual = to.is_sharing() && to != StateKind::SharingOneClick;
        assert_eq!(shown.as_deref(), manual.then_some(KEY));
        drop(quiet(any));
    }
}

#[test]
fn guests_who_joined_before_the_grant_was_heard_are_told() {
    for (pending, mut peer, before, to, _, re) in pending() {
        if to.is_sharing() {
            let mut snapshot = granted(before, to, re);
            let session = snapshot.session.as_mut().expect("a session runs");
            (session.count, session.guests) = (1, vec![grace()]);
            peer.say(resumed(snapshot));
            let any = now(pending).expect("it was granted");
            assert_eq!(any.agents().len(), 1);
            assert!(matches!(now(any.next()), AnyStep::Changed(_, Change::Guests(1))));
        }
    }
}

#[test]
fn a_request_whose_grant_is_over_already_is_refused() {
    for (pending, mut peer, before, to, back, re) in pending() {
        let over = Snapshot { answered: answered(re, None), ..before };
        peer.say(resumed(Snapshot { visitor: over.visitor.clone(), ..over }));
        let Err(AnyRequestError::Refused { visitor, reason }) = now(pending) else { panic!() };
        assert_eq!(visitor.state(), back);
        let expected = match to {
            StateKind::Identified => RefusalCode::Cancelled,
            StateKind::PresenceConnected => RefusalCode::NotOnline,
            StateKind::Anonymous
            | StateKind::TermsRequested
            | StateKind::TermsShown
            | StateKind::ConfirmingAnonymous
            | StateKind::ConfirmingIdentified
            | StateKind::ConfirmingPresence => panic!("no request leads there"),
            StateKind::SharingManualAnonymous
            | StateKind::SharingManualIdentified
            | StateKind::SharingManualPresence
            | StateKind::SharingOneClick => RefusalCode::SessionGone,
        };
        assert_eq!(reason, expected);
        drop(quiet(visitor));
    }
}

#[test]
fn a_request_that_was_given_up_is_not_granted_by_a_snapshot() {
    for (pending, mut peer, before, to, back, re) in pending() {
        let any = pending.into_visitor().expect("it was not answered");
        drain(&mut peer);
        peer.say(resumed(granted(before, to, re)));
        let any = quiet(any);
        assert_eq!(any.state(), back);
        let said: Vec<ClientMessage> = drain(&mut peer);
        assert!(said.is_empty(), "{said:?}");
    }
}

#[test]
fn a_snapshot_of_another_session_ends_the_one_that_ran() {
    for state in StateKind::ALL.into_iter().filter(|state| state.is_sharing()) {
        let (any, mut peer) = at(state);
        let other = Some(session_facts(9, session(&any).get(), Some(key())));
        let over = ended(coview_wire::StartId::new(9), session(&any), EndReason::Agent);
        peer.say(resumed(Snapshot { session: other, ended: Some(over), ..truth(&any) }));
        let AnyStep::SessionEnded(any, reason) = now(any.next()) else { panic!("it is gone") };
        assert_eq!(reason, EndReason::VisitorLost, "the reason is that of another session");
        assert_eq!(any.key_display(), KeyDisplay::Hidden);
    }
}

/// The server says that a request is over, and then, before the app looks, that it waits: that is a
/// request of its own under a number that began anew.
#[test]
fn a_number_that_begins_anew_is_another_request() {
    let (any, mut peer) = at(StateKind::TermsRequested);
    let waits = truth(&any);
    peer.say(resumed(Snapshot { ask: None, ..waits.clone() }));
    peer.say(resumed(waits));
    let AnyStep::TermsWithdrawn(any, _) = now(any.next()) else { panic!("the first is over") };
    let AnyStep::TermsRequested(any) = now(any.next()) else { panic!("the second waits") };
    drop(quiet(any));
}
