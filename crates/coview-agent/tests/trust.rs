//! Rights, renewals, and a visitor who lets agents in: by steps, by snapshots, and by what is refused
//! before the server is asked.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test runs on std, and stops at what it does not expect"
)]

use coview_agent::Agent;
use coview_agent::AnyAgent;
use coview_agent::AnyRequestError;
use coview_agent::Applied;
use coview_agent::Change;
use coview_agent::Command;
use coview_agent::Joining;
use coview_agent::JoiningStep;
use coview_agent::LinkClosed;
use coview_agent::NotAllowed;
use coview_agent::SignInFacts;
use coview_agent::SignedIn;
use coview_agent::SignedInStep;
use coview_agent::ViewingStep;
use coview_agent::Watching;
use coview_agent::queue;
use coview_agent::queue::Peer;
use coview_agent::queue::QueueLink;
use coview_wire::AgentId;
use coview_wire::AgentMessage;
use coview_wire::AgentResumed;
use coview_wire::AgentRights;
use coview_wire::AgentSnapshot;
use coview_wire::AgentToken;
use coview_wire::Answered;
use coview_wire::CloseReason;
use coview_wire::EndReason;
use coview_wire::JoinWaiting;
use coview_wire::Joined;
use coview_wire::KeyLength;
use coview_wire::RefusalCode;
use coview_wire::Refused;
use coview_wire::Renewed;
use coview_wire::RequestId;
use coview_wire::SessionId;
use coview_wire::SessionKey;
use coview_wire::ViewEnded;
use coview_wire::ViewFacts;
use coview_wire::VisitorId;
use smol::future::block_on;
use smol::future::poll_once;

const RE: RequestId = RequestId::new(1);
const SESSION: SessionId = SessionId::new(7);

fn key() -> SessionKey {
    SessionKey::parse("123 456 786").unwrap()
}

fn visitor(n: u32) -> VisitorId {
    VisitorId::new(format!("customer-{n}")).unwrap()
}

fn token(text: &str) -> AgentToken {
    AgentToken::new(text).unwrap()
}

fn with(rights: AgentRights) -> (Agent<SignedIn, QueueLink>, Peer) {
    let (agent, mut peer) = queue::agent_with(SignInFacts { rights, ..queue::facts() });
    peer.grant_all();
    (agent, peer)
}

fn joining() -> (Agent<Joining, QueueLink>, Peer) {
    let (agent, mut peer) = with(AgentRights::default());
    peer.confirm_joins();
    let agent = block_on(agent.knock(key())).unwrap();
    assert!(matches!(peer.said(), Some(AgentMessage::Join(_))));
    (agent, peer)
}

fn resumed(peer: &mut Peer, snapshot: AgentSnapshot) {
    peer.say(AgentResumed { re: RequestId::new(0), snapshot });
}

fn view() -> Option<ViewFacts> {
    Some(ViewFacts { session: SESSION, ask: None, visitor: None, count: 1, guests: Vec::new() })
}

fn answered(refused: Option<RefusalCode>) -> AgentSnapshot {
    let answered = Some(Answered { re: RE, refused });
    AgentSnapshot { seen: Some(RE), answered, ..AgentSnapshot::default() }
}

#[test]
fn what_the_rights_leave_out_is_refused_and_the_server_is_not_asked() {
    let (agent, mut peer) = with(AgentRights { manual_keys: false, ..AgentRights::default() });
    let refused = block_on(agent.join(key())).unwrap_err();
    assert_eq!(refused.reason(), Some(RefusalCode::NotAllowed));
    let refused = block_on(refused.into_agent().unwrap().knock(key())).unwrap_err();
    assert_eq!(refused.reason(), Some(RefusalCode::NotAllowed));
    assert!(peer.said().is_none());

    let visitors = Some(vec![visitor(1)]);
    let (agent, mut peer) = with(AgentRights { visitors, ..AgentRights::default() });
    let refused = block_on(agent.ask(visitor(2))).unwrap_err();
    assert_eq!(refused.reason(), Some(RefusalCode::NotAllowed));
    assert!(peer.said().is_none());
    assert!(block_on(refused.into_agent().unwrap().ask(visitor(1))).is_ok());

    let (agent, mut peer) = with(AgentRights { view_only: true, ..AgentRights::default() });
    let mut viewing = block_on(agent.join(key())).unwrap();
    assert!(peer.said().is_some());
    assert_eq!(viewing.eject(AgentId::new("henry").unwrap()), Err(NotAllowed));
    let refused = viewing.end().unwrap_err();
    assert_eq!(refused.reason, RefusalCode::NotAllowed);
    assert!(peer.said().is_none());
    drop(refused.into_agent().leave());
    assert!(matches!(peer.said(), Some(AgentMessage::Leave(_))), "leaving is always possible");
}

#[test]
fn any_agent_keeps_to_the_rights() {
    let (agent, mut peer) = with(AgentRights { view_only: true, ..AgentRights::default() });
    let mut agent = AnyAgent::from(block_on(agent.join(key())).unwrap());
    assert!(peer.said().is_some());
    let other = AgentId::new("henry").unwrap();
    assert_eq!(agent.eject(other.clone()), Err(RefusalCode::NotAllowed));
    let Ok(Applied::Refused(agent, RefusalCode::NotAllowed)) = agent.apply(Command::End) else {
        panic!()
    };
    let Ok(Applied::Now(mut agent)) = agent.apply(Command::Leave) else { panic!() };
    assert_eq!(agent.eject(other), Err(RefusalCode::IllegalOrder));

    let (agent, _peer) = with(AgentRights { manual_keys: false, ..AgentRights::default() });
    let Ok(Applied::Pending(pending)) = AnyAgent::from(agent).apply(Command::Knock(key())) else {
        panic!()
    };
    let Err(AnyRequestError::Refused { reason, .. }) = block_on(pending) else { panic!() };
    assert_eq!(reason, RefusalCode::NotAllowed);
}

#[test]
fn a_renewal_brings_time_and_rights_in_every_state() {
    let rights = AgentRights { view_only: true, ..AgentRights::default() };
    let (mut agent, mut peer) = with(AgentRights::default());
    peer.be_silent();
    assert_eq!(agent.sign_in_lasts_ms(), 3_600_000);
    agent.renew(token("newer"));
    let Some(AgentMessage::Renew(said)) = peer.said() else { panic!() };
    assert_eq!(said.token, token("newer"));
    peer.say(Renewed { re: said.re, expires_ms: 900_000, rights: rights.clone() });
    let SignedInStep::Changed(agent, change) = block_on(agent.next()) else { panic!() };
    assert_eq!((change, agent.sign_in_lasts_ms()), (Change::Renewed, 900_000));
    assert_eq!(agent.rights(), &rights);

    let (mut agent, _peer) = joining();
    agent.renew(token("newer"));
    let JoiningStep::Changed(agent, Change::Renewed) = block_on(agent.next()) else { panic!() };
    drop(agent);

    let (agent, _peer) = with(AgentRights::default());
    let mut agent = block_on(agent.join(key())).unwrap();
    agent.renew(token("newer"));
    let ViewingStep::Changed(agent, Change::Renewed) = block_on(agent.next()) else { panic!() };
    drop(agent);
}

#[test]
fn a_renewal_that_is_refused_changes_nothing_but_is_told_once() {
    let (mut agent, mut peer) = with(AgentRights::default());
    peer.refuse_all(RefusalCode::BadToken);
    agent.renew(token("forged"));
    let SignedInStep::Changed(agent, change) = block_on(agent.next()) else { panic!() };
    assert_eq!(change, Change::NotRenewed(RefusalCode::BadToken));
    assert_eq!(agent.sign_in_lasts_ms(), 3_600_000);
    assert!(block_on(poll_once(agent.next())).is_none());
}

/// The connection breaks before the answer, and the snapshot does not tell what was granted.
#[test]
fn a_renewal_whose_answer_is_missed_is_not_waited_for_for_ever() {
    for (snapshot, told) in [
        (answered(Some(RefusalCode::TokenUsed)), Some(RefusalCode::TokenUsed)),
        (answered(None), Some(RefusalCode::NoAnswer)),
        (
            AgentSnapshot { seen: Some(RequestId::new(9)), ..<_>::default() },
            Some(RefusalCode::NoAnswer),
        ),
        // The server has not seen it; the engine says it again.
        (AgentSnapshot::default(), None),
    ] {
        let (mut agent, mut peer) = with(AgentRights::default());
        peer.be_silent();
        agent.renew(token("newer"));
        resumed(&mut peer, snapshot);
        let mut next = agent.next();
        let step = block_on(poll_once(&mut next));
        let change = step.map(|step| match step {
            SignedInStep::Changed(_, change) => change,
            SignedInStep::Closed(reason) => panic!("{reason}"),
        });
        assert_eq!(change, told.map(Change::NotRenewed));
    }
}

#[test]
fn a_renewal_does_not_disturb_a_request_that_waits() {
    let (mut agent, mut peer) = with(AgentRights::default());
    peer.be_silent();
    agent.renew(token("newer"));
    let mut pending = agent.ask(visitor(1));
    let (code, explanation) = (RefusalCode::BadToken, None);
    peer.say(Refused { re: RE, code, explanation, retry_ms: None });
    assert!(block_on(poll_once(&mut pending)).is_none(), "the request goes on");
    let agent = pending.into_agent().unwrap();
    let SignedInStep::Changed(_, change) = block_on(agent.next()) else { panic!() };
    assert_eq!(change, Change::NotRenewed(RefusalCode::BadToken));
}

#[test]
fn whoever_waits_to_be_let_in_sees_who_is_online_and_nothing_of_the_session() {
    let (mut agent, mut peer) = joining();
    peer.bring_online(&visitor(1));
    agent.watch(Watching::Group);
    let JoiningStep::Changed(agent, Change::Roster) = block_on(agent.next()) else { panic!() };
    assert_eq!(agent.roster().len(), 1);
    let any = AnyAgent::from(agent);
    assert_eq!((any.session(), any.guests(), any.visitor()), (None, 0, None));
    assert_eq!(any.visitor_asked(), Some(60_000));
}

#[test]
fn a_join_nobody_is_asked_about_is_a_session_at_once() {
    let (agent, mut peer) = with(AgentRights::default());
    let agent = block_on(agent.knock(key())).unwrap();
    assert_eq!(agent.visitor_asked(), None);
    // The session ends before the app looks: it was in it all the same.
    peer.end_session(SessionId::new(1), EndReason::Visitor);
    let JoiningStep::LetIn(agent) = block_on(agent.next()) else { panic!() };
    let ViewingStep::Ended(_, EndReason::Visitor) = block_on(agent.next()) else { panic!() };
}

#[test]
fn every_no_of_the_visitor_gives_the_agent_back() {
    for code in [RefusalCode::JoinDeclined, RefusalCode::NoAnswer, RefusalCode::SessionGone] {
        let (agent, mut peer) = joining();
        assert!(peer.keep_out(code));
        let JoiningStep::KeptOut(agent, told) = block_on(agent.next()) else { panic!() };
        assert_eq!(told, code);
        assert!(block_on(poll_once(agent.next())).is_none(), "it is told once");
    }
}

#[test]
fn a_link_that_closes_ends_the_wait_first() {
    let (agent, mut peer) = joining();
    peer.close(LinkClosed::Server(CloseReason::SignInExpired));
    let JoiningStep::KeptOut(agent, RefusalCode::NoAnswer) = block_on(agent.next()) else {
        panic!()
    };
    let SignedInStep::Closed(reason) = block_on(agent.next()) else { panic!() };
    assert_eq!(reason, LinkClosed::Server(CloseReason::SignInExpired));
}

#[test]
fn a_snapshot_tells_what_became_of_a_join_that_waited() {
    let waits = AgentSnapshot {
        joining: Some(JoinWaiting { re: RE, expires_ms: 20_000 }),
        ..answered(None)
    };
    let ended = ViewEnded { session: SESSION, reason: EndReason::Visitor };
    let table: [(&str, AgentSnapshot, Result<(), RefusalCode>); 5] = [
        ("let in", AgentSnapshot { view: view(), ..answered(None) }, Ok(())),
        ("declined", answered(Some(RefusalCode::JoinDeclined)), Err(RefusalCode::JoinDeclined)),
        ("no answer", answered(Some(RefusalCode::NoAnswer)), Err(RefusalCode::NoAnswer)),
        (
            "let in, and over",
            AgentSnapshot { view_ended: Some(ended), ..answered(None) },
            Err(RefusalCode::SessionGone),
        ),
        ("forgotten", AgentSnapshot::default(), Err(RefusalCode::NoAnswer)),
    ];
    for (what, snapshot, expected) in table {
        let (agent, mut peer) = joining();
        resumed(&mut peer, snapshot);
        let outcome = match block_on(agent.next()) {
            JoiningStep::LetIn(agent) => {
                assert_eq!(agent.session(), SESSION);
                Ok(())
            }
            JoiningStep::KeptOut(_, code) => Err(code),
            JoiningStep::Changed(_, change) => panic!("{what}: {change:?}"),
        };
        assert_eq!(outcome, expected, "{what}");
    }
    // It still waits, for less long.
    let (agent, mut peer) = joining();
    resumed(&mut peer, waits.clone());
    let mut next = agent.next();
    assert!(block_on(poll_once(&mut next)).is_none());
    assert_eq!(next.into_agent().unwrap().visitor_asked(), Some(20_000));

    // The question was put while the connection was gone.
    let (agent, mut peer) = with(AgentRights::default());
    peer.be_silent();
    let mut pending = agent.join(key());
    resumed(&mut peer, waits.clone());
    assert!(block_on(poll_once(&mut pending)).is_none());
    assert_eq!(pending.visitor_asked(), Some(20_000));
    let view = view().unwrap();
    peer.say(Joined { re: Some(RE), view });
    assert_eq!(block_on(pending).unwrap().session(), SESSION);

    let (agent, mut peer) = with(AgentRights::default());
    peer.be_silent();
    let pending = agent.knock(key());
    resumed(&mut peer, waits);
    assert_eq!(block_on(pending).unwrap().visitor_asked(), Some(20_000));
}

#[test]
fn too_many_tries_tell_when_to_try_again() {
    let (agent, mut peer) = with(AgentRights::default());
    peer.be_silent();
    let pending = agent.knock(key());
    let (code, retry_ms) = (RefusalCode::TooManyTries, Some(30_000));
    peer.say(Refused { re: RE, code, explanation: None, retry_ms });
    let refused = block_on(pending).unwrap_err();
    assert_eq!((refused.reason(), refused.retry_ms()), (Some(code), retry_ms));
}

#[test]
fn a_key_of_another_length_is_named() {
    let key_digits = KeyLength::new(6).unwrap();
    let (agent, _peer) = queue::agent_with(SignInFacts { key_digits, ..queue::facts() });
    assert_eq!(agent.key_digits(), key_digits);
    let told = |typed| agent.read_key(typed).unwrap_err().to_string();
    assert_eq!(told("123 456 786"), "a key of this group has 6 digits, this has 9");
    assert_eq!(told("12345678901234"), "a key of this group has 6 digits, this has 14");
    assert_eq!(told("12 34"), "a key of this group has 6 digits, this has 4");
    assert_eq!(told("12a"), "a key has only digits, with spaces or hyphens between them");
    assert_eq!(told("123 456"), "mistyped: the check digit does not fit; ask for the key again");
}

#[test]
fn no_debug_output_holds_a_token_or_a_key() {
    let (mut agent, mut peer) = with(AgentRights::default());
    peer.be_silent();
    agent.renew(token("eyJ-secret"));
    let mut told = format!("{agent:?}");
    while let Some(message) = peer.said() {
        told.push_str(&format!("{message:?}"));
    }
    told.push_str(&format!("{:?}", agent.knock(key())));
    assert!(!told.contains("eyJ") && !told.contains("123"), "{told}");
}
