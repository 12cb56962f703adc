//! Every variant of every step enum, on the typed visitors.

use core::fmt::Debug;

use coview_lifecycle::Anonymous;
use coview_lifecycle::AnonymousStep;
use coview_lifecycle::AnyVisitor;
use coview_lifecycle::Applied;
use coview_lifecycle::CanStartManually;
use coview_lifecycle::Change;
use coview_lifecycle::Command;
use coview_lifecycle::ConfirmingStep;
use coview_lifecycle::Identified;
use coview_lifecycle::IdentifiedStep;
use coview_lifecycle::LinkClosed;
use coview_lifecycle::Manual;
use coview_lifecycle::ManualStep;
use coview_lifecycle::OneClick;
use coview_lifecycle::OneClickStep;
use coview_lifecycle::PresenceConnected;
use coview_lifecycle::PresenceStep;
use coview_lifecycle::Sharing;
use coview_lifecycle::State;
use coview_lifecycle::StateKind;
use coview_lifecycle::TermsRequested;
use coview_lifecycle::TermsShown;
use coview_lifecycle::TermsStep;
use coview_lifecycle::Visitor;
use coview_lifecycle::queue;
use coview_lifecycle::queue::Peer;
use coview_lifecycle::queue::QueueLink;
use coview_wire::AppState;
use coview_wire::ClientMessage;
use coview_wire::EndReason;
use coview_wire::OfflineReason;
use coview_wire::RefusalCode;
use coview_wire::WithdrawReason;

use crate::support::*;

/// A typed visitor in state `S`.
pub(crate) fn typed<S: State>() -> (Visitor<S, QueueLink>, Peer)
where
    Visitor<S, QueueLink>: TryFrom<Any, Error: Debug>,
{
    let (any, peer) = at(S::KIND);
    (any.try_into().expect("the visitor is in the state of its kind"), peer)
}

#[test]
fn anonymous() {
    let (visitor, mut peer) = typed::<Anonymous>();
    peer.say(problem(RefusalCode::LimitExceeded));
    let visitor = match now(visitor.next()) {
        AnonymousStep::Changed(visitor, Change::Problem(RefusalCode::LimitExceeded)) => visitor,
        step @ (AnonymousStep::Changed(..) | AnonymousStep::Closed(_)) => panic!("{step:?}"),
    };
    peer.close(LinkClosed::Left);
    let step = now(visitor.next());
    assert!(matches!(step, AnonymousStep::Closed(LinkClosed::Left)), "{step:?}");
}

#[test]
fn identified() {
    let (visitor, mut peer) = typed::<Identified>();
    assert_eq!(visitor.visitor_id(), &id());
    peer.say(problem(RefusalCode::LimitExceeded));
    let visitor = match now(visitor.next()) {
        IdentifiedStep::Changed(visitor, Change::Problem(RefusalCode::LimitExceeded)) => visitor,
        step @ (IdentifiedStep::Changed(..) | IdentifiedStep::Closed(_)) => panic!("{step:?}"),
    };
    peer.close(LinkClosed::Gone);
    let step = now(visitor.next());
    assert!(matches!(step, IdentifiedStep::Closed(LinkClosed::Gone)), "{step:?}");
}

#[test]
fn presence_connected() {
    let (visitor, mut peer) = typed::<PresenceConnected>();
    assert!(visitor.has_focus());
    peer.say(focus(PRESENCE.get(), false));
    let PresenceStep::Changed(visitor, Change::Focus(false)) = now(visitor.next()) else {
        panic!("another device has the focus")
    };
    assert!(!visitor.has_focus());
    peer.say(terms_requested(5));
    let PresenceStep::TermsRequested(asked) = now(visitor.next()) else { panic!("an agent asks") };
    assert_eq!(asked.agent().name(), "Grace");
    assert_eq!(asked.terms().text(), "May we look?");
    assert_eq!(asked.expires_ms(), 60_000);
    peer.say(presence_lost(PRESENCE.get()));
    let PresenceStep::Lost(visitor) = now(asked.decline().next()) else {
        panic!("the presence was lost")
    };
    assert_eq!(visitor.last_offline(), Some(OfflineReason::Policy));
    assert_eq!(visitor.log_out().state(), StateKind::Anonymous);
}

fn withdrawn_in<S>()
where
    S: State<Step<QueueLink> = TermsStep<S, QueueLink>>,
    Visitor<S, QueueLink>: TryFrom<Any, Error: Debug>,
{
    let (visitor, mut peer) = typed::<S>();
    peer.say(focus(PRESENCE.get(), false));
    let visitor = match now(visitor.next()) {
        TermsStep::Changed(visitor, Change::Focus(false)) => visitor,
        step @ (TermsStep::Changed(..) | TermsStep::Withdrawn(..)) => panic!("{step:?}"),
    };
    peer.say(withdrawn(ASK.get(), WithdrawReason::Expired));
    match now(visitor.next()) {
        TermsStep::Withdrawn(visitor, WithdrawReason::Expired) => {
            assert_eq!(visitor.state(), StateKind::PresenceConnected);
            let any = quiet(visitor.into());
            assert_eq!(peer.said(), None, "a withdrawn request is not answered");
            drop(any);
        }
        step @ (TermsStep::Changed(..) | TermsStep::Withdrawn(..)) => panic!("{step:?}"),
    }
}

#[test]
fn terms() {
    withdrawn_in::<TermsRequested>();
    withdrawn_in::<TermsShown>();
}

fn manual_in<H: CanStartManually>()
where
    Visitor<Sharing<Manual, H>, QueueLink>: TryFrom<Any, Error: Debug>,
    Any: From<Visitor<H, QueueLink>> + From<Visitor<Sharing<Manual, H>, QueueLink>>,
{
    let (visitor, mut peer) = typed::<Sharing<Manual, H>>();
    assert_eq!((visitor.guests(), visitor.agents()), (0, &[][..]));
    assert_eq!(visitor.consent().session(), visitor.session());
    peer.say(guests(visitor.session(), 2));
    let ManualStep::Changed(visitor, Change::Guests(2)) = now(visitor.next()) else {
        panic!("two joined")
    };
    assert_eq!((visitor.guests(), visitor.agents().len()), (2, 2));

    let session = visitor.session();
    peer.say(join_requested(session, 4));
    let ManualStep::JoinRequested(visitor) = now(visitor.next()) else {
        panic!("an agent typed the key")
    };
    assert_eq!((visitor.agent().name(), visitor.expires_ms()), ("Grace", 60_000));
    assert_eq!((visitor.session(), visitor.consent().session()), (session, session));
    assert_eq!((visitor.guests(), visitor.agents().len()), (2, 2), "who waits is no guest");
    assert_eq!(visitor.key().to_string(), KEY);
    peer.say(guests(session, 1));
    let ConfirmingStep::Changed(visitor, Change::Guests(1)) = now(visitor.next()) else {
        panic!("one left")
    };
    peer.say(join_withdrawn(4, WithdrawReason::Expired));
    let ConfirmingStep::Withdrawn(visitor, WithdrawReason::Expired) = now(visitor.next()) else {
        panic!("nobody answered")
    };
    assert_eq!(visitor.state(), <Sharing<Manual, H>>::KIND);
    let any = quiet(visitor.into());
    assert_eq!(peer.said(), None, "a join that went away is not answered");
    let Ok(visitor) = Visitor::<Sharing<Manual, H>, _>::try_from(any) else { panic!() };

    peer.say(join_requested(session, 5));
    let ManualStep::JoinRequested(visitor) = now(visitor.next()) else { panic!("another one") };
    peer.say(ended(START, session, EndReason::Agent));
    let ConfirmingStep::Ended(visitor, EndReason::Agent) = now(visitor.next()) else {
        panic!("the agent who was in ended it")
    };
    assert_eq!(visitor.state(), H::KIND);
    drop(quiet(visitor.into()));

    let (visitor, mut peer) = typed::<Sharing<Manual, H>>();
    peer.say(ended(START, visitor.session(), EndReason::Unclaimed));
    let ManualStep::Ended(visitor, EndReason::Unclaimed) = now(visitor.next()) else {
        panic!("nobody came")
    };
    assert_eq!(visitor.state(), H::KIND);
    drop(quiet(visitor.into()));
    assert_eq!(peer.said(), None, "a session that is over is not ended again");
}

#[test]
fn sharing_by_a_key() {
    manual_in::<Anonymous>();
    manual_in::<Identified>();
    manual_in::<PresenceConnected>();
}

#[test]
fn sharing_by_a_request() {
    let (visitor, mut peer) = typed::<Sharing<OneClick, PresenceConnected>>();
    assert_eq!((visitor.guests(), visitor.agents()), (0, &[][..]));
    assert_eq!(visitor.consent().session(), visitor.session());
    peer.say(guests(visitor.session(), 2));
    let visitor = match now(visitor.next()) {
        OneClickStep::Changed(visitor, Change::Guests(2)) => visitor,
        step @ (OneClickStep::Changed(..) | OneClickStep::Ended(..)) => panic!("{step:?}"),
    };
    assert_eq!((visitor.guests(), visitor.agents().len()), (2, 2));
    peer.say(ended(START, visitor.session(), EndReason::Unclaimed));
    match now(visitor.next()) {
        OneClickStep::Ended(visitor, EndReason::Unclaimed) => {
            let any = quiet(AnyVisitor::from(visitor));
            assert_eq!(peer.said(), None, "a session that is over is not ended again");
            drop(any);
        }
        step @ (OneClickStep::Changed(..) | OneClickStep::Ended(..)) => panic!("{step:?}"),
    }
}

#[test]
fn the_key_is_the_one_of_the_session_and_only_a_manual_one_has_it() {
    let (visitor, _peer) = typed::<Sharing<Manual, Anonymous>>();
    assert_eq!(visitor.key().to_string(), KEY);

    // A server that gives a key for a one-click session has it ignored.
    let (shown, mut peer) = typed::<TermsShown>();
    let mut accepting = shown.accept();
    assert!(poll(&mut accepting).is_pending());
    peer.say(connected(5, 1, 9, Some(key())));
    let any = AnyVisitor::from(now(accepting).expect("the peer says yes"));
    assert_eq!(any.state(), StateKind::SharingOneClick);
    assert_eq!(any.key_display(), coview_lifecycle::KeyDisplay::Hidden);
}

#[test]
fn a_manual_session_without_a_key_is_given_up() {
    let (visitor, mut peer) = typed::<Identified>();
    let mut starting = visitor.start_manual();
    assert!(poll(&mut starting).is_pending());
    drain(&mut peer);
    peer.say(connected(2, 1, 9, None));
    let error = now(starting).expect_err("there is nothing to read out");
    assert_eq!(error.to_string(), "refused: the message could not be read");
    let any = quiet(error.into_visitor().expect("the link lives").into());
    assert_eq!(any.state(), StateKind::Identified);
    let said = drain(&mut peer);
    assert!(
        matches!(&said[..], [ClientMessage::SessionEnd(end)] if end.start == START),
        "{said:?}",
    );
}

#[test]
fn a_reason_for_being_offline_is_forgotten_once_online_again() {
    let (online, mut peer) = typed::<PresenceConnected>();
    peer.say(presence_lost(PRESENCE.get()));
    let PresenceStep::Lost(visitor) = now(online.next()) else { panic!("the presence was lost") };
    assert!(visitor.last_offline().is_some());
    peer.grant_all();
    let visitor = now(visitor.connect_presence()).expect("granted").disconnect();
    assert_eq!(visitor.last_offline(), None);
}

#[test]
fn the_app_may_move_while_a_step_is_waited_for() {
    let moved_to = |peer: &mut Peer| match peer.said() {
        Some(ClientMessage::AppMoved(moved)) => moved.app,
        other => panic!("{other:?}"),
    };
    let (visitor, mut peer) = queue::visitor();
    let mut next = visitor.next();
    next.app_moved(AppState::Background);
    assert_eq!(moved_to(&mut peer), AppState::Background);
    let visitor = next.into_visitor().expect("no step was taken");
    let mut next = AnyVisitor::from(visitor).next();
    next.app_moved(AppState::Active);
    assert_eq!(moved_to(&mut peer), AppState::Active);
}

#[test]
fn an_error_tells_the_reason_whatever_its_shape() {
    let (visitor, mut peer) = queue::visitor();
    peer.refuse_all(RefusalCode::ShuttingDown);
    let error = now(visitor.start_manual()).expect_err("refused");
    assert_eq!(error.reason(), Some(RefusalCode::ShuttingDown));
    let any = AnyVisitor::from(error.into_visitor().expect("the visitor goes on"));
    let Ok(Applied::Pending(pending)) = any.apply(Command::StartManual) else { panic!() };
    let error = now(pending).expect_err("refused");
    assert_eq!(error.reason(), Some(RefusalCode::ShuttingDown));
    let Ok(visitor) = Visitor::<Anonymous, _>::try_from(error.into_visitor().unwrap()) else {
        panic!("a no leaves the visitor where it was")
    };
    peer.be_silent();
    peer.close(LinkClosed::Left);
    assert_eq!(now(visitor.start_manual()).expect_err("closed").reason(), None);
}
