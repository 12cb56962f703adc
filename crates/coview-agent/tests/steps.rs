//! What the world does to an agent, step by step.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test runs on std, and stops at what it does not expect"
)]

use std::collections::BTreeSet;

use coview_agent::Agent;
use coview_agent::AskStatus;
use coview_agent::Change;
use coview_agent::Connectivity;
use coview_agent::LinkClosed;
use coview_agent::Requesting;
use coview_agent::RequestingStep;
use coview_agent::SignedIn;
use coview_agent::SignedInStep;
use coview_agent::Viewing;
use coview_agent::ViewingStep;
use coview_agent::Watching;
use coview_agent::queue;
use coview_agent::queue::Peer;
use coview_agent::queue::QueueLink;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentMessage;
use coview_wire::AskEnded;
use coview_wire::AskId;
use coview_wire::AskOutcome;
use coview_wire::CloseReason;
use coview_wire::EndReason;
use coview_wire::Joined;
use coview_wire::OfflineReason;
use coview_wire::Problem;
use coview_wire::RefusalCode;
use coview_wire::Refused;
use coview_wire::RequestId;
use coview_wire::Roster;
use coview_wire::SessionId;
use coview_wire::SessionKey;
use coview_wire::ViewFacts;
use coview_wire::ViewGuests;
use coview_wire::VisitorCard;
use coview_wire::VisitorChanged;
use coview_wire::VisitorId;
use smol::future::block_on;
use smol::future::poll_once;

fn visitor(n: u32) -> VisitorId {
    VisitorId::new(format!("customer-{n}")).unwrap()
}

fn signed_in() -> (Agent<SignedIn, QueueLink>, Peer) {
    let (agent, mut peer) = queue::agent();
    peer.grant_all();
    (agent, peer)
}

fn requesting() -> (Agent<Requesting, QueueLink>, Peer, AskId) {
    let (agent, mut peer) = signed_in();
    let agent = block_on(agent.ask(visitor(1))).unwrap();
    let ask = peer.last_ask().unwrap();
    assert!(matches!(peer.said(), Some(AgentMessage::Ask(_))));
    (agent, peer, ask)
}

fn viewing() -> (Agent<Viewing, QueueLink>, Peer) {
    let (agent, mut peer) = signed_in();
    let agent = block_on(agent.join(SessionKey::parse("123 456 786").unwrap())).unwrap();
    assert!(matches!(peer.said(), Some(AgentMessage::Join(_))));
    (agent, peer)
}

fn changed(agent: Agent<SignedIn, QueueLink>) -> (Agent<SignedIn, QueueLink>, Change) {
    match block_on(agent.next()) {
        SignedInStep::Changed(agent, change) => (agent, change),
        SignedInStep::Closed(reason) => panic!("{reason}"),
    }
}

fn nothing(agent: Agent<SignedIn, QueueLink>) -> Agent<SignedIn, QueueLink> {
    let mut next = agent.next();
    let step = block_on(poll_once(&mut next));
    assert!(step.is_none(), "{step:?}");
    next.into_agent().unwrap()
}

#[test]
fn who_is_online_is_told_as_it_changes() {
    let (mut agent, mut peer) = signed_in();
    peer.bring_online(&visitor(9));
    let mut agent = {
        agent = nothing(agent);
        assert!(agent.roster().is_empty(), "nobody is watched yet");
        agent
    };
    assert_eq!(agent.watching(), None);
    agent.watch(Watching::Group);
    assert_eq!(agent.watching(), Some(&Watching::Group));
    let (agent, change) = changed(agent);
    assert_eq!(change, Change::Roster);
    assert!(agent.roster_is_complete() && agent.roster().contains_key(&visitor(9)));

    peer.bring_online(&visitor(1));
    let (agent, change) = changed(agent);
    assert_eq!(change, Change::VisitorOnline(visitor(1)));

    let card = VisitorCard { busy: true, ..queue::visitor_card(&visitor(1)) };
    peer.say(VisitorChanged { card: card.clone() });
    let (agent, change) = changed(agent);
    assert_eq!(change, Change::VisitorChanged(visitor(1)));
    assert_eq!(agent.roster()[&visitor(1)], card);

    peer.take_offline(&visitor(1), OfflineReason::LoggedOut);
    let (mut agent, change) = changed(agent);
    assert_eq!(change, Change::VisitorOffline(visitor(1), OfflineReason::LoggedOut));

    agent.unwatch();
    assert!(agent.roster().is_empty());
    peer.bring_online(&visitor(2));
    let agent = nothing(agent);
    assert!(agent.roster().is_empty() && agent.watching().is_none());
}

#[test]
fn a_roster_of_many_pages_is_told_once() {
    let (mut agent, mut peer) = signed_in();
    for n in 0..100 {
        peer.bring_online(&visitor(n));
    }
    agent.watch(Watching::Group);
    let (agent, change) = changed(agent);
    assert_eq!((change, agent.roster().len()), (Change::Roster, 100));
    drop(nothing(agent));
}

#[test]
fn a_roster_of_an_earlier_watch_is_stale() {
    let (mut agent, mut peer) = queue::agent();
    agent.watch(Watching::Group);
    let Some(AgentMessage::Watch(first)) = peer.said() else { panic!() };
    agent.watch(Watching::Visitor(visitor(2)));
    let Some(AgentMessage::Watch(second)) = peer.said() else { panic!() };
    assert_eq!((first.visitor, second.visitor), (None, Some(visitor(2))));
    let page = |re, n| Roster {
        re: Some(re),
        first: true,
        more: false,
        visitors: vec![queue::visitor_card(&visitor(n))],
    };
    peer.say(page(first.re, 1));
    let agent = nothing(agent);
    peer.say(page(second.re, 2));
    let (agent, change) = changed(agent);
    assert_eq!(change, Change::Roster);
    assert_eq!(agent.roster().keys().collect::<Vec<_>>(), [&visitor(2)]);
}

#[test]
fn watching_is_possible_in_every_state() {
    let (mut agent, mut peer, _) = requesting();
    peer.bring_online(&visitor(1));
    agent.watch(Watching::Visitor(visitor(1)));
    let RequestingStep::Changed(agent, Change::Roster) = block_on(agent.next()) else { panic!() };
    let mut agent = agent.withdraw();
    assert_eq!(agent.roster().len(), 1, "the roster outlives the state");
    agent.unwatch();

    let (mut agent, _peer) = viewing();
    agent.watch(Watching::Group);
    let ViewingStep::Changed(mut agent, Change::Roster) = block_on(agent.next()) else { panic!() };
    agent.unwatch();
    assert_eq!(agent.watching(), None);
}

#[test]
fn a_refused_watch_is_a_problem() {
    let (mut agent, mut peer) = signed_in();
    peer.refuse_all(RefusalCode::LimitExceeded);
    agent.watch(Watching::Group);
    let (_, change) = changed(agent);
    assert_eq!(change, Change::Problem(RefusalCode::LimitExceeded));
}

#[test]
fn a_watch_that_is_refused_leaves_the_one_before_it() {
    let (mut agent, mut peer) = signed_in();
    peer.bring_online(&visitor(1));
    agent.watch(Watching::Group);
    let (mut agent, _) = changed(agent);
    peer.refuse_all(RefusalCode::NotAllowed);
    agent.watch(Watching::Visitor(visitor(2)));
    assert_eq!(agent.watching(), Some(&Watching::Visitor(visitor(2))));
    let (agent, change) = changed(agent);
    assert_eq!(change, Change::Problem(RefusalCode::NotAllowed));
    assert_eq!(agent.watching(), Some(&Watching::Group));
    peer.bring_online(&visitor(3));
    let (mut agent, change) = changed(agent);
    assert_eq!(change, Change::VisitorOnline(visitor(3)));

    // Of two watches on their way the first may have been granted; nobody is watched in the end.
    peer.be_silent();
    agent.watch(Watching::Visitor(visitor(4)));
    agent.watch(Watching::Visitor(visitor(5)));
    let mut last = None;
    while let Some(message) = peer.said() {
        last = Some(message);
    }
    let Some(AgentMessage::Watch(second)) = last else { panic!() };
    let (re, code) = (second.re, RefusalCode::NotAllowed);
    peer.say(Refused { re, code, explanation: None, retry_ms: None });
    let (agent, change) = changed(agent);
    assert_eq!(change, Change::Problem(code));
    assert_eq!(agent.watching(), None);
    let (agent, change) = changed(agent);
    assert_eq!((change, agent.roster().len()), (Change::Roster, 0));
    assert!(matches!(peer.said(), Some(AgentMessage::Unwatch(_))));
}

#[test]
fn a_request_comes_further_step_by_step() {
    let (agent, mut peer, ask) = requesting();
    assert_eq!((agent.visitor(), agent.status()), (&visitor(1), AskStatus::Sent));
    assert_eq!(agent.expires_ms(), 60_000);

    peer.display(ask);
    let RequestingStep::Changed(agent, change) = block_on(agent.next()) else { panic!() };
    assert_eq!(change, Change::Status(AskStatus::Displayed));
    assert_eq!(agent.status(), AskStatus::Displayed);

    let session = SessionId::new(7);
    peer.say(AskEnded { ask, outcome: AskOutcome::Accepted, session: Some(session) });
    let RequestingStep::Changed(agent, change) = block_on(agent.next()) else { panic!() };
    assert_eq!(change, Change::Status(AskStatus::Accepted), "not in the session yet");

    peer.display(ask);
    peer.end_ask(ask, AskOutcome::Expired);
    let view =
        ViewFacts { session, ask: Some(ask), visitor: None, count: 1, guests: vec![queue::card()] };
    peer.say(Joined { re: None, view });
    let RequestingStep::Accepted(agent) = block_on(agent.next()) else { panic!() };
    assert_eq!(agent.session(), session);
    assert_eq!(agent.visitor(), Some(&visitor(1)), "who was asked is who shares");
    assert_eq!((agent.guests(), agent.agents()), (1, &[queue::card()][..]));
    assert!(peer.said().is_none());
}

#[test]
fn a_request_has_each_outcome() {
    for outcome in AskOutcome::ALL.iter().copied().filter(|o| *o != AskOutcome::Accepted) {
        let (agent, mut peer, ask) = requesting();
        peer.end_ask(AskId::new(99), AskOutcome::Withdrawn);
        peer.display(ask);
        peer.end_ask(ask, outcome);
        peer.end_ask(ask, AskOutcome::Unknown);
        let RequestingStep::Over(agent, told) = block_on(agent.next()) else { panic!() };
        assert_eq!(told, outcome);
        drop(nothing(agent));
    }
}

#[test]
fn accepted_and_ended_before_it_began_is_lost() {
    let (agent, mut peer, ask) = requesting();
    let session = SessionId::new(7);
    peer.say(AskEnded { ask, outcome: AskOutcome::Accepted, session: Some(session) });
    peer.end_session(SessionId::new(6), EndReason::Visitor);
    let RequestingStep::Changed(agent, _) = block_on(agent.next()) else { panic!() };
    peer.end_session(session, EndReason::VisitorLost);
    let RequestingStep::Over(agent, AskOutcome::Lost) = block_on(agent.next()) else { panic!() };
    drop(nothing(agent));
}

#[test]
fn accepted_and_joined_and_ended_unseen_is_told_in_order() {
    let (agent, mut peer, ask) = requesting();
    let session = peer.accept(ask);
    peer.end_session(session, EndReason::Visitor);
    peer.close(LinkClosed::Gone);
    let RequestingStep::Accepted(agent) = block_on(agent.next()) else { panic!() };
    let ViewingStep::Ended(agent, EndReason::Visitor) = block_on(agent.next()) else { panic!() };
    assert!(matches!(block_on(agent.next()), SignedInStep::Closed(LinkClosed::Gone)));
}

#[test]
fn joined_before_accepted_waits_for_it() {
    let (agent, mut peer, ask) = requesting();
    let view = ViewFacts {
        session: SessionId::new(7),
        ask: Some(ask),
        visitor: None,
        count: 1,
        guests: Vec::new(),
    };
    peer.say(Joined { re: None, view });
    let mut next = agent.next();
    assert!(block_on(poll_once(&mut next)).is_none());
    peer.end_ask(ask, AskOutcome::Declined);
    assert!(matches!(block_on(next), RequestingStep::Over(_, AskOutcome::Declined)));
    let Some(AgentMessage::Leave(leave)) = peer.said() else { panic!() };
    assert_eq!(leave.session, Some(SessionId::new(7)), "nobody is left behind in a session");
}

#[test]
fn withdrawing_crosses_accepting() {
    let (agent, mut peer, ask) = requesting();
    let agent = agent.withdraw();
    let Some(AgentMessage::Withdraw(withdraw)) = peer.said() else { panic!() };
    assert_eq!(withdraw.ask, Some(ask));
    let session = peer.accept(ask);
    let agent = nothing(agent);
    for crossed in ["accepted", "joined"] {
        let Some(AgentMessage::Leave(leave)) = peer.said() else { panic!("{crossed}") };
        assert_eq!(leave.session, Some(session));
    }
    assert!(peer.said().is_none());

    // The next request has nothing to do with it.
    let agent = block_on(agent.ask(visitor(2))).unwrap();
    peer.end_ask(ask, AskOutcome::Declined);
    peer.end_session(session, EndReason::Visitor);
    assert!(block_on(poll_once(agent.next())).is_none());
}

#[test]
fn what_is_said_again_about_the_request_of_a_session_does_not_leave_it() {
    let (agent, mut peer, ask) = requesting();
    let session = peer.accept(ask);
    let RequestingStep::Accepted(agent) = block_on(agent.next()) else { panic!() };
    peer.say(AskEnded { ask, outcome: AskOutcome::Accepted, session: Some(session) });
    let mut next = agent.next();
    assert!(block_on(poll_once(&mut next)).is_none());
    assert!(peer.said().is_none());
}

#[test]
fn withdrawing_what_has_been_accepted_leaves_the_session() {
    let (agent, mut peer, ask) = requesting();
    let session = SessionId::new(7);
    peer.say(AskEnded { ask, outcome: AskOutcome::Accepted, session: Some(session) });
    let RequestingStep::Changed(agent, _) = block_on(agent.next()) else { panic!() };
    drop(nothing(agent.withdraw()));
    let Some(AgentMessage::Leave(leave)) = peer.said() else { panic!() };
    assert_eq!(leave.session, Some(session));
}

#[test]
fn guests_come_and_go() {
    let (mut agent, mut peer) = viewing();
    let session = agent.session();
    assert_eq!((agent.guests(), agent.visitor()), (1, None));
    let other = AgentCard::new(AgentId::new("agent-2").unwrap(), "Ada").unwrap();
    let guests = vec![queue::card(), other.clone()];
    peer.say(ViewGuests { session: SessionId::new(99), count: 9, guests: Vec::new() });
    peer.say(ViewGuests { session, count: 2, guests: guests.clone() });
    agent = match block_on(agent.next()) {
        ViewingStep::Changed(agent, Change::Guests(2)) => agent,
        step => panic!("{step:?}"),
    };
    assert_eq!(agent.agents(), guests);
    agent.eject(other.agent.clone()).unwrap();
    let Some(AgentMessage::Eject(eject)) = peer.said() else { panic!() };
    assert_eq!((eject.session, eject.agent), (session, other.agent));
    peer.say(ViewGuests { session, count: 2, guests });
    let mut next = agent.next();
    assert!(block_on(poll_once(&mut next)).is_none(), "the same guests are no news");
}

#[test]
fn a_session_ends_for_each_reason() {
    for reason in EndReason::ALL {
        let (agent, mut peer) = viewing();
        let session = agent.session();
        peer.end_session(SessionId::new(99), EndReason::Policy);
        peer.end_session(session, *reason);
        peer.end_session(session, EndReason::Unknown);
        let ViewingStep::Ended(agent, told) = block_on(agent.next()) else { panic!() };
        assert_eq!(told, *reason);
        drop(nothing(agent));
    }
}

#[test]
fn leaving_and_ending_take_effect_at_once() {
    let (agent, mut peer) = viewing();
    let session = agent.session();
    let agent = agent.leave();
    let Some(AgentMessage::Leave(leave)) = peer.said() else { panic!() };
    assert_eq!(leave.session, Some(session));
    peer.say(ViewGuests { session, count: 5, guests: Vec::new() });
    peer.end_session(session, EndReason::Left);
    drop(nothing(agent));

    let (agent, mut peer) = viewing();
    let session = agent.session();
    let agent = agent.end().unwrap();
    let Some(AgentMessage::EndSession(end)) = peer.said() else { panic!() };
    assert_eq!(end.session, session);
    let Some(AgentMessage::Leave(leave)) = peer.said() else { panic!("if it may not end it") };
    assert_eq!(leave.session, Some(session));
    peer.end_session(session, EndReason::Agent);
    drop(nothing(agent));
}

#[test]
fn messages_are_numbered_upwards() {
    let (mut agent, mut peer) = signed_in();
    agent.watch(Watching::Group);
    agent.unwatch();
    agent.unwatch();
    let agent = block_on(agent.ask(visitor(1))).unwrap().withdraw();
    drop(block_on(agent.join(SessionKey::parse("123 456 786").unwrap())).unwrap().leave());
    let numbers: Vec<u64> = core::iter::from_fn(|| peer.said())
        .map(|message| match message {
            AgentMessage::Watch(m) => m.re.get(),
            AgentMessage::Unwatch(m) => m.re.get(),
            AgentMessage::Ask(m) => m.re.get(),
            AgentMessage::Withdraw(m) => m.re.get(),
            AgentMessage::Join(m) => m.re.get(),
            AgentMessage::Leave(m) => m.re.get(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6], "unwatching nobody is not said");
    assert!(peer.agent_left());
}

#[test]
fn the_connection_comes_and_goes_in_every_state() {
    use coview_agent::AgentArrival::Connectivity as Arrives;
    let (agent, mut peer) = signed_in();
    assert_eq!(agent.connectivity(), Connectivity::Connected);
    peer.arrive(Arrives(Connectivity::Reconnecting));
    let (agent, change) = changed(agent);
    assert_eq!(change, Change::Connectivity(Connectivity::Reconnecting));
    assert_eq!(agent.connectivity(), Connectivity::Reconnecting);
    peer.arrive(Arrives(Connectivity::Connected));
    peer.arrive(Arrives(Connectivity::Reconnecting));
    drop(nothing(agent));

    let (agent, mut peer, _) = requesting();
    peer.arrive(Arrives(Connectivity::Reconnecting));
    let step = block_on(agent.next());
    assert!(matches!(step, RequestingStep::Changed(_, Change::Connectivity(_))));

    let (agent, mut peer) = viewing();
    peer.arrive(Arrives(Connectivity::Reconnecting));
    assert!(matches!(
        block_on(agent.next()),
        ViewingStep::Changed(_, Change::Connectivity(Connectivity::Reconnecting))
    ));
}

#[test]
fn a_closed_link_ends_everything_in_order() {
    let (agent, mut peer, _) = requesting();
    peer.close(LinkClosed::Server(CloseReason::Policy));
    let RequestingStep::Over(agent, AskOutcome::Lost) = block_on(agent.next()) else { panic!() };
    let SignedInStep::Closed(LinkClosed::Server(CloseReason::Policy)) = block_on(agent.next())
    else {
        panic!()
    };

    for (closed, reason) in [
        (LinkClosed::Server(CloseReason::Shutdown), EndReason::Shutdown),
        (LinkClosed::Gone, EndReason::AgentLost),
        (LinkClosed::Refused(RefusalCode::BadToken), EndReason::AgentLost),
    ] {
        let (agent, mut peer) = viewing();
        peer.close(closed);
        let ViewingStep::Ended(agent, told) = block_on(agent.next()) else { panic!() };
        assert_eq!(told, reason);
        let SignedInStep::Closed(told) = block_on(agent.next()) else { panic!() };
        assert_eq!(told, closed);
    }

    let (agent, mut peer) = queue::agent();
    peer.close(LinkClosed::Gone);
    let error = block_on(agent.ask(visitor(1))).unwrap_err();
    assert_eq!(error.to_string(), "the connection is closed: the driver of the connection is gone");
    assert!(error.into_agent().is_none());
}

#[test]
fn problems_are_told_unless_they_are_crossed_news() {
    let (agent, mut peer) = signed_in();
    let problem = |code| Problem { re: Some(RequestId::new(1)), code, explanation: None };
    peer.say(problem(RefusalCode::IllegalOrder));
    let agent = nothing(agent);
    peer.say(problem(RefusalCode::LimitExceeded));
    let (agent, change) = changed(agent);
    assert_eq!(change, Change::Problem(RefusalCode::LimitExceeded));

    // An older server that does not know the request answers with a problem.
    peer.be_silent();
    let pending = agent.ask(visitor(1));
    peer.say(problem(RefusalCode::UnknownType));
    let error = block_on(pending).unwrap_err();
    assert_eq!(error.to_string(), "refused: unknown message type");
}

#[test]
fn answers_to_other_requests_are_stale() {
    let (agent, mut peer) = queue::agent();
    let mut pending = agent.ask(visitor(1));
    peer.say(Refused {
        re: RequestId::new(9),
        code: RefusalCode::NotOnline,
        explanation: None,
        retry_ms: None,
    });
    let view = ViewFacts {
        session: SessionId::new(1),
        ask: None,
        visitor: None,
        count: 1,
        guests: Vec::new(),
    };
    peer.say(Joined { re: Some(RequestId::new(1)), view });
    assert!(block_on(poll_once(&mut pending)).is_none(), "a join does not answer an ask");
    peer.say(Refused {
        re: RequestId::new(1),
        code: RefusalCode::NotOnline,
        explanation: None,
        retry_ms: None,
    });
    assert!(block_on(pending).is_err());
}

#[test]
fn each_state_knows_who_and_where_the_agent_is() {
    let (agent, _peer, _) = requesting();
    assert_eq!((agent.card(), agent.group().as_str()), (&queue::card(), "test"));
    let (agent, _peer) = viewing();
    assert_eq!((agent.card(), agent.group().as_str()), (&queue::card(), "test"));
}

#[test]
fn every_status_has_its_word() {
    let words: BTreeSet<_> = [AskStatus::Sent, AskStatus::Displayed, AskStatus::Accepted]
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(words.len(), 3);
}
