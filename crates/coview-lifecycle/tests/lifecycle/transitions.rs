//! The typed API and the transition table have the same edges.

use std::collections::BTreeSet;

use coview_lifecycle::AnyRequestError;
use coview_lifecycle::AnyStep;
use coview_lifecycle::Applied;
use coview_lifecycle::StateKind;
use coview_lifecycle::queue::Peer;
use coview_lifecycle::table;
use coview_lifecycle::table::Cause;
use coview_lifecycle::table::TABLE;
use coview_lifecycle::table::Trigger;
use coview_wire::EndReason;
use coview_wire::RefusalCode;
use coview_wire::SessionId;
use coview_wire::WithdrawReason;

use crate::support::*;

#[test]
fn every_command_in_every_state_does_what_the_table_says() {
    let mut taken = 0;
    for state in StateKind::ALL {
        for command in commands() {
            let on = command.trigger();
            let (any, mut peer) = at(state);
            peer.grant_all();
            match (table::edge(state, on), any.apply(command)) {
                (None, Err(misuse)) => {
                    assert_eq!(misuse.command, on);
                    let any = misuse.into_visitor();
                    assert_eq!(any.state(), state, "{on} gave another visitor back");
                    assert_eq!(peer.said(), None, "{on} was refused and said all the same");
                    let any = quiet(any);
                    assert_eq!(any.state(), state);
                }
                (Some(edge), Ok(Applied::Now(any))) => {
                    assert_eq!((any.state(), None), (edge.to, edge.refused), "{edge:?}");
                    assert_eq!(edge.on.cause(), Cause::Verb);
                    assert!(peer.said().is_some(), "{on} was not said");
                    taken += 1;
                }
                (Some(edge), Ok(Applied::Pending(pending))) => {
                    assert_eq!(edge.on.cause(), Cause::Request);
                    let any = now(pending).expect("the peer says yes");
                    assert_eq!(any.state(), edge.to, "{edge:?}");
                    taken += 1;
                }
                (edge, applied) => panic!("{state}, {on}: {edge:?} but {applied:?}"),
            }
        }
    }
    let verbs = TABLE.iter().filter(|edge| edge.on.cause() != Cause::World).count();
    assert_eq!(taken, verbs);
}

#[test]
fn every_request_that_is_refused_leads_where_the_table_says() {
    for edge in TABLE {
        let Some(back) = edge.refused else { continue };
        let (any, mut peer) = at(edge.from);
        peer.refuse_all(RefusalCode::LimitExceeded);
        let command = commands().into_iter().find(|command| command.trigger() == edge.on);
        let applied = any.apply(command.expect("a request is a command")).expect("it is legal");
        let Applied::Pending(pending) = applied else { panic!("{edge:?} took effect at once") };
        let error = now(pending).expect_err("the peer says no");
        assert_eq!(error.to_string(), "refused: a limit was exceeded");
        let AnyRequestError::Refused { visitor, reason } = error else { panic!("{error:?}") };
        assert_eq!((visitor.state(), reason), (back, RefusalCode::LimitExceeded), "{edge:?}");
        assert_eq!(quiet(visitor).state(), back);
    }
}

fn cause(on: Trigger, any: &Any, peer: &mut Peer) {
    match on {
        Trigger::AgentAsks => peer.say(terms_requested(7)),
        Trigger::TermsWithdrawn => peer.say(withdrawn(ASK.get(), WithdrawReason::Agent)),
        Trigger::PresenceLost => peer.say(presence_lost(PRESENCE.get())),
        Trigger::JoinRequested if any.state().is_sharing() => {
            peer.say(join_requested(session(any), 7));
        }
        Trigger::JoinRequested => peer.say(join_requested(SessionId::new(1), 7)),
        Trigger::JoinWithdrawn => peer.say(join_withdrawn(JOIN.get(), WithdrawReason::Agent)),
        Trigger::SessionEnded if any.state().is_sharing() => {
            peer.say(ended(START, session(any), EndReason::Agent));
        }
        Trigger::SessionEnded => peer.say(ended(START, SessionId::new(1), EndReason::Agent)),
        Trigger::Identify
        | Trigger::ConnectPresence
        | Trigger::StartManual
        | Trigger::TermsDisplayed
        | Trigger::Accept
        | Trigger::Decline
        | Trigger::Confirm
        | Trigger::Refuse
        | Trigger::End
        | Trigger::Disconnect
        | Trigger::LogOut => panic!("{on} is not of the world"),
    }
}

#[test]
fn whatever_the_world_does_in_every_state_is_a_step_of_the_table() {
    let mut taken = BTreeSet::new();
    for state in StateKind::ALL {
        for on in Trigger::ALL.iter().copied().filter(|on| on.cause() == Cause::World) {
            let (any, mut peer) = at(state);
            cause(on, &any, &mut peer);
            let mut next = any.next();
            let core::task::Poll::Ready(step) = poll(&mut next) else {
                assert_eq!(table::edge(state, on), None, "nothing came of {on} in {state}");
                continue;
            };
            let (any, seen) = match step {
                AnyStep::TermsRequested(any) => (any, Trigger::AgentAsks),
                AnyStep::TermsWithdrawn(any, _) => (any, Trigger::TermsWithdrawn),
                AnyStep::PresenceLost(any, _) => (any, Trigger::PresenceLost),
                AnyStep::JoinRequested(any) => (any, Trigger::JoinRequested),
                AnyStep::JoinWithdrawn(any, _) => (any, Trigger::JoinWithdrawn),
                AnyStep::SessionEnded(any, _) => (any, Trigger::SessionEnded),
                AnyStep::Changed(..) | AnyStep::Closed(_) => panic!("{on} in {state}: {step:?}"),
            };
            // A loss of presence, or a second request, takes the terms away first; a second join
            // takes the first away.
            let edge = table::edge(state, seen).expect("a step is an edge of the table");
            assert_eq!(any.state(), edge.to, "{on} in {state}");
            if seen != on {
                let first = if on == Trigger::JoinRequested {
                    Trigger::JoinWithdrawn
                } else {
                    Trigger::TermsWithdrawn
                };
                assert_eq!(seen, first, "{on} in {state}");
            }
            taken.insert((state, seen));
        }
    }
    let world = TABLE.iter().filter(|edge| edge.on.cause() == Cause::World);
    assert_eq!(taken, world.map(|edge| (edge.from, edge.on)).collect());
}

#[test]
fn the_table_has_no_pair_twice_and_reaches_every_state() {
    let pairs: BTreeSet<_> = TABLE.iter().map(|edge| (edge.from, edge.on)).collect();
    assert_eq!(pairs.len(), TABLE.len());
    let reached: BTreeSet<_> =
        TABLE.iter().map(|edge| edge.to).chain([StateKind::Anonymous]).collect();
    assert_eq!(reached, BTreeSet::from(StateKind::ALL));
    for edge in TABLE {
        assert_eq!(edge.refused.is_some(), edge.on.cause() == Cause::Request, "{edge:?}");
    }
}
