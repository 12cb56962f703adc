//! After a reconnect one snapshot tells the truth, whatever was missed.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test runs on std, and stops at what it does not expect"
)]

use coview_agent::Agent;
use coview_agent::AskStatus;
use coview_agent::Change;
use coview_agent::Pending;
use coview_agent::RequestError;
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
use coview_wire::AgentMessage;
use coview_wire::AgentResumed;
use coview_wire::AgentSnapshot;
use coview_wire::Answered;
use coview_wire::AskEnded;
use coview_wire::AskFacts;
use coview_wire::AskId;
use coview_wire::AskOutcome;
use coview_wire::EndReason;
use coview_wire::RefusalCode;
use coview_wire::RequestId;
use coview_wire::Roster;
use coview_wire::SessionId;
use coview_wire::SessionKey;
use coview_wire::ViewEnded;
use coview_wire::ViewFacts;
use coview_wire::VisitorId;
use smol::future::block_on;
use smol::future::poll_once;

const RE: RequestId = RequestId::new(1);
const ASK: AskId = AskId::new(1);
const SESSION: SessionId = SessionId::new(7);

fn visitor() -> VisitorId {
    VisitorId::new("customer-42").unwrap()
}

fn key() -> SessionKey {
    SessionKey::parse("123 456 786").unwrap()
}

fn resumed(peer: &mut Peer, snapshot: AgentSnapshot) {
    peer.say(AgentResumed { re: RequestId::new(0), snapshot });
}

fn answered(refused: Option<RefusalCode>) -> Option<Answered> {
    Some(Answered { re: RE, refused })
}

fn ask_facts(displayed: bool) -> Option<AskFacts> {
    Some(AskFacts { re: RE, ask: ASK, visitor: visitor(), displayed, expires_ms: 30_000 })
}

fn ask_ended(outcome: AskOutcome) -> Option<AskEnded> {
    let session = (outcome == AskOutcome::Accepted).then_some(SESSION);
    Some(AskEnded { ask: ASK, outcome, session })
}

fn view(ask: Option<AskId>, count: u32) -> Option<ViewFacts> {
    Some(ViewFacts { session: SESSION, ask, visitor: None, count, guests: vec![queue::card()] })
}

const fn view_ended(reason: EndReason) -> Option<ViewEnded> {
    Some(ViewEnded { session: SESSION, reason })
}

fn asking() -> (Pending<Requesting, SignedIn, QueueLink>, Peer) {
    let (agent, peer) = queue::agent();
    (agent.ask(visitor()), peer)
}

fn joining() -> (Pending<Viewing, SignedIn, QueueLink>, Peer) {
    let (agent, peer) = queue::agent();
    (agent.join(key()), peer)
}

fn requesting() -> (Agent<Requesting, QueueLink>, Peer) {
    let (agent, mut peer) = queue::agent();
    peer.grant_all();
    let agent = block_on(agent.ask(visitor())).unwrap();
    assert!(peer.said().is_some());
    (agent, peer)
}

fn viewing() -> (Agent<Viewing, QueueLink>, Peer) {
    let (pending, mut peer) = joining();
    resumed(
        &mut peer,
        AgentSnapshot { answered: answered(None), view: view(None, 1), ..<_>::default() },
    );
    let agent = block_on(pending).unwrap();
    assert!(peer.said().is_some());
    (agent, peer)
}

#[test]
fn a_request_the_server_has_not_seen_goes_on_waiting() {
    let (mut pending, mut peer) = asking();
    resumed(&mut peer, AgentSnapshot::default());
    assert!(block_on(poll_once(&mut pending)).is_none());
    let (mut pending, mut peer) = joining();
    resumed(&mut peer, AgentSnapshot::default());
    assert!(block_on(poll_once(&mut pending)).is_none());
}

#[test]
fn a_missed_no_is_a_no() {
    let no = Some(RefusalCode::VisitorBusy);
    let (pending, mut peer) = asking();
    resumed(&mut peer, AgentSnapshot { answered: answered(no), ..<_>::default() });
    let Err(RequestError::Refused(refused)) = block_on(pending) else { panic!() };
    assert_eq!(refused.reason, RefusalCode::VisitorBusy);
    let (pending, mut peer) = joining();
    resumed(&mut peer, AgentSnapshot { answered: answered(no), ..<_>::default() });
    assert!(block_on(pending).is_err());
}

#[test]
fn a_missed_yes_is_a_yes() {
    for seen in [None, Some(RE)] {
        let (pending, mut peer) = asking();
        let answered = if seen.is_none() { answered(None) } else { None };
        resumed(
            &mut peer,
            AgentSnapshot { seen, answered, ask: ask_facts(true), ..<_>::default() },
        );
        let agent = block_on(pending).unwrap();
        assert_eq!((agent.status(), agent.expires_ms()), (AskStatus::Displayed, 30_000));

        let (pending, mut peer) = joining();
        resumed(&mut peer, AgentSnapshot { seen, answered, view: view(None, 3), ..<_>::default() });
        let agent = block_on(pending).unwrap();
        assert_eq!((agent.session(), agent.guests()), (SESSION, 3));
    }
}

#[test]
fn a_missed_yes_of_what_is_over_is_told_as_it_went() {
    // Declined meanwhile: granted, then over, so that the request has its one outcome.
    let (pending, mut peer) = asking();
    let ended = ask_ended(AskOutcome::Declined);
    resumed(
        &mut peer,
        AgentSnapshot { answered: answered(None), ask_ended: ended, ..<_>::default() },
    );
    let agent = block_on(pending).unwrap();
    assert!(matches!(block_on(agent.next()), RequestingStep::Over(_, AskOutcome::Declined)));

    // Accepted and joined meanwhile.
    let (pending, mut peer) = asking();
    let snapshot = AgentSnapshot {
        answered: answered(None),
        ask_ended: ask_ended(AskOutcome::Accepted),
        view: view(Some(ASK), 1),
        ..<_>::default()
    };
    resumed(&mut peer, snapshot);
    let agent = block_on(pending).unwrap();
    let RequestingStep::Accepted(agent) = block_on(agent.next()) else { panic!() };
    assert_eq!((agent.session(), agent.visitor()), (SESSION, Some(&visitor())));

    // Accepted and ended meanwhile.
    let (pending, mut peer) = asking();
    let snapshot = AgentSnapshot {
        answered: answered(None),
        ask_ended: ask_ended(AskOutcome::Accepted),
        view_ended: view_ended(EndReason::VisitorLost),
        ..<_>::default()
    };
    resumed(&mut peer, snapshot);
    let agent = block_on(pending).unwrap();
    assert!(matches!(block_on(agent.next()), RequestingStep::Over(_, AskOutcome::Lost)));

    // Joined and ended meanwhile: there is no session to be in.
    let (pending, mut peer) = joining();
    let ended = view_ended(EndReason::Visitor);
    resumed(
        &mut peer,
        AgentSnapshot { answered: answered(None), view_ended: ended, ..<_>::default() },
    );
    let Err(RequestError::Refused(refused)) = block_on(pending) else { panic!() };
    assert_eq!(refused.reason, RefusalCode::SessionGone);

    // Seen, and nothing came of it.
    let (pending, mut peer) = asking();
    resumed(&mut peer, AgentSnapshot { seen: Some(RE), ..<_>::default() });
    let Err(RequestError::Refused(refused)) = block_on(pending) else { panic!() };
    assert_eq!(refused.reason, RefusalCode::NoAnswer);
}

#[test]
fn the_end_of_an_earlier_request_is_not_taken_for_that_of_a_new_one() {
    let (agent, mut peer) = requesting();
    peer.be_silent();
    let pending = agent.withdraw().ask(visitor());
    let snapshot = AgentSnapshot {
        seen: Some(RequestId::new(3)),
        ask_ended: ask_ended(AskOutcome::Withdrawn),
        ..<_>::default()
    };
    resumed(&mut peer, snapshot);
    let Err(RequestError::Refused(refused)) = block_on(pending) else { panic!() };
    assert_eq!(refused.reason, RefusalCode::NoAnswer);
}

#[test]
fn a_request_that_still_waits_goes_on() {
    let (agent, mut peer) = requesting();
    resumed(&mut peer, AgentSnapshot { ask: ask_facts(false), ..<_>::default() });
    let mut next = agent.next();
    assert!(block_on(poll_once(&mut next)).is_none());
    resumed(&mut peer, AgentSnapshot { ask: ask_facts(true), ..<_>::default() });
    let RequestingStep::Changed(agent, change) = block_on(next) else { panic!() };
    assert_eq!(change, Change::Status(AskStatus::Displayed));
    assert_eq!(agent.expires_ms(), 30_000);
}

#[test]
fn a_missed_outcome_is_told() {
    for outcome in AskOutcome::ALL.iter().copied().filter(|o| *o != AskOutcome::Accepted) {
        let (agent, mut peer) = requesting();
        resumed(&mut peer, AgentSnapshot { ask_ended: ask_ended(outcome), ..<_>::default() });
        let RequestingStep::Over(_, told) = block_on(agent.next()) else { panic!() };
        assert_eq!(told, outcome);
    }
    // A server that has forgotten everything knows no outcome.
    let (agent, mut peer) = requesting();
    resumed(&mut peer, AgentSnapshot::default());
    assert!(matches!(block_on(agent.next()), RequestingStep::Over(_, AskOutcome::Lost)));
}

#[test]
fn a_missed_acceptance_is_told() {
    // The session is still to come.
    let (agent, mut peer) = requesting();
    let accepted = ask_ended(AskOutcome::Accepted);
    resumed(&mut peer, AgentSnapshot { ask_ended: accepted, ..<_>::default() });
    let RequestingStep::Changed(agent, change) = block_on(agent.next()) else { panic!() };
    assert_eq!(change, Change::Status(AskStatus::Accepted));
    // Then it runs.
    resumed(&mut peer, AgentSnapshot { view: view(Some(ASK), 2), ..<_>::default() });
    let RequestingStep::Accepted(agent) = block_on(agent.next()) else { panic!() };
    assert_eq!(agent.guests(), 2);

    // It began and ended unseen, or was forgotten with the server.
    for view_ended in [view_ended(EndReason::VisitorLeft), None] {
        let (agent, mut peer) = requesting();
        resumed(&mut peer, AgentSnapshot { ask_ended: accepted, ..<_>::default() });
        let RequestingStep::Changed(agent, _) = block_on(agent.next()) else { panic!() };
        let ask_ended = view_ended.and(accepted);
        resumed(&mut peer, AgentSnapshot { ask_ended, view_ended, ..<_>::default() });
        assert!(matches!(block_on(agent.next()), RequestingStep::Over(_, AskOutcome::Lost)));
    }
}

#[test]
fn joined_at_the_door_and_gone_after_the_reconnect_ends_as_a_session() {
    let (agent, mut peer) = requesting();
    let session = peer.accept(ASK);
    resumed(&mut peer, AgentSnapshot::default());
    let RequestingStep::Accepted(agent) = block_on(agent.next()) else { panic!() };
    assert_eq!(agent.session(), session);
    assert!(matches!(block_on(agent.next()), ViewingStep::Ended(_, EndReason::AgentLost)));
}

#[test]
fn a_session_that_still_runs_goes_on() {
    let (agent, mut peer) = viewing();
    resumed(&mut peer, AgentSnapshot { view: view(None, 1), ..<_>::default() });
    let mut next = agent.next();
    assert!(block_on(poll_once(&mut next)).is_none());
    resumed(&mut peer, AgentSnapshot { view: view(None, 2), ..<_>::default() });
    assert!(matches!(block_on(next), ViewingStep::Changed(_, Change::Guests(2))));
}

#[test]
fn a_missed_end_is_told() {
    let (agent, mut peer) = viewing();
    let ended = view_ended(EndReason::Ejected);
    resumed(&mut peer, AgentSnapshot { view_ended: ended, ..<_>::default() });
    assert!(matches!(block_on(agent.next()), ViewingStep::Ended(_, EndReason::Ejected)));

    let (agent, mut peer) = viewing();
    resumed(&mut peer, AgentSnapshot::default());
    assert!(matches!(block_on(agent.next()), ViewingStep::Ended(_, EndReason::AgentLost)));
}

#[test]
fn what_was_given_up_stays_given_up() {
    // Left while there was no connection: the engine says the leave again.
    let (agent, mut peer) = viewing();
    let agent = agent.leave();
    assert!(matches!(peer.said(), Some(AgentMessage::Leave(_))));
    resumed(&mut peer, AgentSnapshot { view: view(None, 1), ..<_>::default() });
    assert!(block_on(poll_once(agent.next())).is_none());
    assert!(peer.said().is_none());

    // Withdrawn while there was no connection, and accepted meanwhile.
    let (agent, mut peer) = requesting();
    let agent = agent.withdraw();
    assert!(matches!(peer.said(), Some(AgentMessage::Withdraw(_))));
    resumed(&mut peer, AgentSnapshot { view: view(Some(ASK), 1), ..<_>::default() });
    assert!(block_on(poll_once(agent.next())).is_none());
    let Some(AgentMessage::Leave(leave)) = peer.said() else { panic!() };
    assert_eq!(leave.session, Some(SESSION));
    assert!(peer.said().is_none());

    // Withdrawn, and still waiting for the visitor as far as the server knows.
    let (agent, mut peer) = requesting();
    let agent = agent.withdraw();
    resumed(&mut peer, AgentSnapshot { ask: ask_facts(true), ..<_>::default() });
    assert!(block_on(poll_once(agent.next())).is_none());
}

#[test]
fn a_session_left_before_its_request_was_known_stays_left() {
    let (mut pending, mut peer) = asking();
    assert!(matches!(peer.said(), Some(AgentMessage::Ask(_))));
    // The answer to the request is missed, and what it came to is heard.
    peer.say(ask_ended(AskOutcome::Accepted).unwrap());
    assert!(block_on(poll_once(&mut pending)).is_none());
    let Some(AgentMessage::Leave(leave)) = peer.said() else { panic!("it stays") };
    assert_eq!(leave.session, Some(SESSION));
    // The server tells all of it once more, and hears of the leave behind that.
    resumed(
        &mut peer,
        AgentSnapshot { answered: answered(None), view: view(Some(ASK), 1), ..<_>::default() },
    );
    let agent = block_on(pending).unwrap();
    let RequestingStep::Accepted(agent) = block_on(agent.next()) else { panic!() };
    assert_eq!(agent.session(), SESSION);
    let step = block_on(poll_once(agent.next()));
    assert!(matches!(step, Some(ViewingStep::Ended(_, EndReason::Left))));
}

#[test]
fn the_roster_follows_a_resume_if_somebody_is_watched() {
    let page = || Roster {
        re: None,
        first: true,
        more: false,
        visitors: vec![queue::visitor_card(&visitor())],
    };
    let (mut agent, mut peer) = queue::agent();
    resumed(&mut peer, AgentSnapshot::default());
    peer.say(page());
    let mut next = agent.next();
    assert!(block_on(poll_once(&mut next)).is_none(), "nobody is watched");
    agent = next.into_agent().unwrap();
    agent.watch(Watching::Group);
    resumed(&mut peer, AgentSnapshot::default());
    peer.say(page());
    let SignedInStep::Changed(agent, Change::Roster) = block_on(agent.next()) else { panic!() };
    assert_eq!(agent.roster().len(), 1);
}
