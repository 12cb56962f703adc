//! What a visitor, a request and an error can be asked for, and the words they are shown with.

use coview_lifecycle::Anonymous;
use coview_lifecycle::AnyRequestError;
use coview_lifecycle::AnyStep;
use coview_lifecycle::Applied;
use coview_lifecycle::Command;
use coview_lifecycle::Connectivity;
use coview_lifecycle::Identified;
use coview_lifecycle::Identity;
use coview_lifecycle::LinkClosed;
use coview_lifecycle::PassArrival;
use coview_lifecycle::PassOver;
use coview_lifecycle::PipeArrival;
use coview_lifecycle::RequestError;
use coview_lifecycle::StateKind;
use coview_lifecycle::Tether;
use coview_wire::ClientMessage;
use coview_wire::CloseReason;
use coview_wire::Closing;
use coview_wire::EndReason;
use coview_wire::Pong;
use coview_wire::Profile;
use coview_wire::RefusalCode;
use coview_wire::RequestId;
use coview_wire::VisitorAssertion;
use coview_wire::WithdrawReason;

use crate::late::requests;
use crate::steps::typed;
use crate::support::*;

#[test]
fn what_is_asked_for_is_there_while_somebody_asks_and_at_no_other_time() {
    for state in StateKind::ALL {
        let (any, _peer) = at(state);
        let asks = matches!(state, StateKind::TermsRequested | StateKind::TermsShown);
        let joins = matches!(
            state,
            StateKind::ConfirmingAnonymous
                | StateKind::ConfirmingIdentified
                | StateKind::ConfirmingPresence
        );
        assert_eq!(any.terms().is_some(), asks, "{state}");
        assert_eq!(any.agent().map(|agent| agent.name()), (asks || joins).then_some("Grace"));
        assert_eq!(any.expires_ms(), (asks || joins).then_some(60_000), "{state}");
        assert_eq!(any.consent().is_some(), state.is_sharing(), "{state}");
        assert!(any.settings().share_button && any.settings().presence, "{state}");
    }
}

/// What only the engine below acts on may be passed up, and is no news.
#[test]
fn what_the_engine_acts_on_is_not_told() {
    for state in StateKind::ALL {
        let (any, mut peer) = at(state);
        peer.say(Pong { seen: Some(RequestId::new(9)) });
        peer.say(Closing { reason: CloseReason::Shutdown, retry: true });
        assert_eq!(quiet(any).state(), state);
        assert_eq!(peer.said(), None);
    }
}

#[test]
fn a_no_says_why_and_gives_the_visitor_back() {
    let (visitor, mut peer) = typed::<Anonymous>();
    peer.refuse_all(RefusalCode::ShuttingDown);
    let error = now(visitor.start_manual()).expect_err("the peer says no");
    assert_eq!(error.reason(), Some(RefusalCode::ShuttingDown));
    assert_eq!(format!("{error:?}"), "Refused { reason: ShuttingDown, .. }");
    assert_eq!(error.to_string(), "refused: the server is shutting down");
    let visitor = error.into_visitor().expect("a no does not take the visitor");
    assert_eq!(visitor.state(), StateKind::Anonymous);

    let RequestError::Refused(refused) = now(visitor.start_manual()).expect_err("no again") else {
        panic!("the link stands")
    };
    let error = RequestError::from(refused);
    assert_eq!(error.reason(), Some(RefusalCode::ShuttingDown));
    let RequestError::Refused(refused) = error else { panic!("it was a no before") };
    assert_eq!(refused.into_visitor().state(), StateKind::Anonymous);
}

#[test]
fn the_end_of_the_link_says_why_and_has_no_visitor() {
    let (visitor, mut peer) = typed::<Identified>();
    peer.close(LinkClosed::Gone);
    let error = now(visitor.connect_presence()).expect_err("the link is closed");
    assert_eq!(error.reason(), None);
    assert_eq!(format!("{error:?}"), "Closed(Gone)");
    assert!(error.into_visitor().is_none());
}

#[test]
fn an_error_in_any_state_says_the_same_as_the_typed_one() {
    for (state, command, _) in requests() {
        let (any, mut peer) = at(state);
        peer.refuse_all(RefusalCode::LimitExceeded);
        let Ok(Applied::Pending(pending)) = any.apply(command.clone()) else { panic!("a request") };
        let error = now(pending).expect_err("the peer says no");
        assert_eq!(error.reason(), Some(RefusalCode::LimitExceeded));
        assert_eq!(format!("{error:?}"), "Refused { reason: LimitExceeded, .. }");
        assert!(error.into_visitor().is_some());

        let (any, mut peer) = at(state);
        peer.close(LinkClosed::Gone);
        let Ok(Applied::Pending(pending)) = any.apply(command) else { panic!("a request") };
        let error: AnyRequestError<_> = now(pending).expect_err("the link is closed");
        assert_eq!(error.reason(), None);
        assert_eq!(format!("{error:?}"), "Closed(Gone)");
        assert!(error.into_visitor().is_none());
    }
}

#[test]
fn every_step_but_the_last_gives_the_visitor_back_in_its_state() {
    let (any, mut peer) = at(StateKind::PresenceConnected);
    let ask = peer.ask_to_share("Grace");
    let asked = now(any.next()).into_visitor().expect("an agent asks");
    assert_eq!(asked.state(), StateKind::TermsRequested);
    peer.say(withdrawn(ask.get(), WithdrawReason::Agent));
    let online = now(asked.next()).into_visitor().expect("the agent does not wait");
    assert_eq!(online.state(), StateKind::PresenceConnected);
    peer.say(presence_lost(PRESENCE.get()));
    let offline = now(online.next()).into_visitor().expect("the server said so");
    assert_eq!(offline.state(), StateKind::Identified);

    let (any, mut peer) = at(StateKind::SharingManualAnonymous);
    let session = session(&any);
    let join = peer.ask_to_join(session, "Grace");
    let confirming = now(any.next()).into_visitor().expect("an agent typed the key");
    assert_eq!(confirming.state(), StateKind::ConfirmingAnonymous);
    peer.say(join_withdrawn(join.get(), WithdrawReason::Agent));
    let sharing = now(confirming.next()).into_visitor().expect("the agent does not wait");
    assert_eq!(sharing.state(), StateKind::SharingManualAnonymous);
    peer.say(guests(session, 1));
    let sharing = now(sharing.next()).into_visitor().expect("somebody watches");
    assert_eq!((sharing.state(), sharing.guests()), (StateKind::SharingManualAnonymous, 1));
    peer.say(ended(START, session, EndReason::Agent));
    let free = now(sharing.next()).into_visitor().expect("the session is over");
    assert_eq!(free.state(), StateKind::Anonymous);
    peer.close(LinkClosed::Left);
    let last = now(free.next());
    assert!(matches!(last, AnyStep::Closed(LinkClosed::Left)), "{last:?}");
    assert!(last.into_visitor().is_none());
}

#[test]
fn a_user_interface_can_show_the_connection() {
    let words = [Connectivity::Connected, Connectivity::Reconnecting, Connectivity::Parked]
        .map(|connectivity| connectivity.to_string());
    assert_eq!(words, ["connected", "reconnecting", "parked in the background"]);
    assert_eq!(format!("[{:>10}]", Connectivity::Connected), "[ connected]");
}

#[test]
fn what_holds_a_visitor_shows_its_state_and_no_more() {
    let (visitor, peer) = typed::<Anonymous>();
    assert_eq!(format!("{peer:?}"), "Peer");
    let next = visitor.next();
    assert_eq!(
        format!("{next:?}"),
        "Next(Some(Visitor { state: Anonymous, connectivity: Connected, .. }))"
    );
    let visitor = next.into_visitor().expect("no step was taken");
    let pending = visitor.start_manual();
    assert_eq!(format!("{pending:?}"), "Pending(Anonymous → Sharing<Manual, Anonymous>)");
    let (any, _peer) = at(StateKind::Identified);
    let shown = format!("{any:?}");
    assert_eq!(format!("{:?}", any.next()), format!("AnyNext(Some({shown}))"));
}

#[test]
fn what_ties_a_pass_to_its_session_shows_whether_it_is_over() {
    let mut tether = Tether::default();
    let (first, second) = (tether.tie(), tether.tie());
    assert_eq!(
        format!("{tether:?} {first:?} {second:?}"),
        "Tether Tied(Some(Replaced)) Tied(None)"
    );
    drop(tether);
    assert_eq!(format!("{second:?}"), "Tied(Some(Ended))");
}

#[test]
fn a_pass_shows_its_session_and_what_it_carries_shows_its_size() {
    let (mut any, _peer) = at(StateKind::SharingOneClick);
    let (session, pass) = (session(&any), any.screen_pass().expect("the visitor shares"));
    assert_eq!(
        format!("{pass:?}"),
        format!("ScreenPass {{ session: {session:?}, over: None, .. }}")
    );
    let any = apply_granted(any, Command::End);
    assert_eq!(
        format!("{pass:?}"),
        format!("ScreenPass {{ session: {session:?}, over: Some(Ended), .. }}")
    );
    drop(any);
    assert_eq!(format!("{:?}", PipeArrival::Message(vec![7; 3])), "Message(3 bytes)");
    assert_eq!(format!("{:?}", PipeArrival::Interrupted), "Interrupted");
    assert_eq!(format!("{:?}", PipeArrival::Closed), "Closed");
    assert_eq!(format!("{:?}", PassArrival::Over(PassOver::Closed)), "Over(Closed)");
}

#[test]
fn an_identity_says_whose_it_is_and_is_said_in_full() {
    assert_eq!(Identity::from(id()).visitor(), &id());
    let assertion = VisitorAssertion::new("header.claims.signature").expect("it is short");
    let profile = Profile::new().with_name("Ada").expect("the name keeps the limits");
    let who = Identity::new(id()).with_assertion(assertion.clone()).with_profile(profile.clone());
    let (visitor, mut peer) = typed::<Anonymous>();
    let _pending = visitor.identify(who);
    let Some(ClientMessage::Identify(said)) = peer.said() else { panic!("it identifies") };
    assert_eq!(
        (said.visitor, said.assertion, said.profile),
        (id(), Some(assertion), Some(profile))
    );
}

#[test]
fn two_consents_are_the_same_if_they_are_for_the_same_session() {
    let (first, _peer) = at(StateKind::SharingManualAnonymous);
    let (same, mut peer) = at(StateKind::SharingManualAnonymous);
    assert_eq!(first.consent(), same.consent());
    let free = apply_granted(same, Command::End);
    peer.grant_all();
    let later = apply_granted(free, Command::StartManual);
    assert_ne!(later.session(), first.session());
    assert_ne!(later.consent(), first.consent());
}

#[test]
fn a_visitor_in_any_state_shows_which() {
    for state in StateKind::ALL {
        let (any, _peer) = at(state);
        let expected = format!("Visitor {{ state: {state}, connectivity: Connected, .. }}");
        assert_eq!(format!("{any:?}"), expected);
    }
}
