//! The table, the typed API and `AnyAgent` have the same edges.

#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test runs on std, and stops at what it does not expect"
)]

use std::collections::BTreeSet;
use std::path::Path;

use coview_agent::Agent;
use coview_agent::AgentStateKind;
use coview_agent::AnyAgent;
use coview_agent::AnyRequestError;
use coview_agent::AnyStep;
use coview_agent::Applied;
use coview_agent::Command;
use coview_agent::Joining;
use coview_agent::JoiningStep;
use coview_agent::Requesting;
use coview_agent::RequestingStep;
use coview_agent::SignedIn;
use coview_agent::Viewing;
use coview_agent::ViewingStep;
use coview_agent::queue;
use coview_agent::queue::Peer;
use coview_agent::queue::QueueLink;
use coview_agent::table;
use coview_agent::table::Cause;
use coview_agent::table::Edge;
use coview_agent::table::Trigger;
use coview_wire::AskOutcome;
use coview_wire::EndReason;
use coview_wire::RefusalCode;
use coview_wire::SessionKey;
use coview_wire::VisitorId;
use smol::future::block_on;

fn visitor() -> VisitorId {
    VisitorId::new("customer-42").unwrap()
}

fn key() -> SessionKey {
    SessionKey::parse("123 456 786").unwrap()
}

fn signed_in() -> (Agent<SignedIn, QueueLink>, Peer) {
    let (agent, mut peer) = queue::agent();
    peer.grant_all();
    (agent, peer)
}

fn requesting() -> (Agent<Requesting, QueueLink>, Peer) {
    let (agent, peer) = signed_in();
    (block_on(agent.ask(visitor())).unwrap(), peer)
}

fn joining() -> (Agent<Joining, QueueLink>, Peer) {
    let (agent, mut peer) = signed_in();
    peer.confirm_joins();
    (block_on(agent.knock(key())).unwrap(), peer)
}

fn viewing() -> (Agent<Viewing, QueueLink>, Peer) {
    let (agent, peer) = signed_in();
    (block_on(agent.join(key())).unwrap(), peer)
}

fn any_in(kind: AgentStateKind) -> (AnyAgent<QueueLink>, Peer) {
    match kind {
        AgentStateKind::SignedIn => {
            let (agent, peer) = signed_in();
            (agent.into(), peer)
        }
        AgentStateKind::Requesting => {
            let (agent, peer) = requesting();
            (agent.into(), peer)
        }
        AgentStateKind::Joining => {
            let (agent, peer) = joining();
            (agent.into(), peer)
        }
        AgentStateKind::Viewing => {
            let (agent, peer) = viewing();
            (agent.into(), peer)
        }
    }
}

const COMMANDS: [fn() -> Command; 7] = [
    || Command::Ask(visitor()),
    || Command::Join(key()),
    || Command::Knock(key()),
    || Command::Withdraw,
    || Command::Cancel,
    || Command::Leave,
    || Command::End,
];

#[test]
fn any_agent_applies_exactly_the_verbs_of_the_table() {
    let triggers: BTreeSet<_> = COMMANDS.iter().map(|command| command().trigger()).collect();
    let verbs = Trigger::ALL.iter().copied().filter(|trigger| trigger.cause() != Cause::World);
    assert_eq!(triggers, verbs.collect(), "a command for each verb");

    for kind in AgentStateKind::ALL {
        for command in COMMANDS {
            let (agent, _peer) = any_in(kind);
            let edge = table::edge(kind, command().trigger());
            match (agent.apply(command()), edge) {
                (Err(misuse), None) => {
                    assert_eq!(misuse.command, command().trigger());
                    assert_eq!(misuse.into_agent().state(), kind, "a misuse changes nothing");
                }
                (Ok(Applied::Now(agent)), Some(Edge { to, refused: None, .. })) => {
                    assert_eq!(agent.state(), *to);
                }
                (Ok(Applied::Pending(pending)), Some(Edge { to, refused: Some(_), .. })) => {
                    assert_eq!(block_on(pending).unwrap().state(), *to);
                }
                (applied, edge) => panic!("{kind}: {applied:?} against {edge:?}"),
            }
        }
    }
}

#[test]
fn a_refusal_leads_where_the_table_says() {
    for Edge { from, on, refused, .. } in table::TABLE {
        let Some(back) = refused else { continue };
        let command = COMMANDS.iter().map(|command| command()).find(|c| c.trigger() == *on);
        let (agent, mut peer) = any_in(*from);
        peer.refuse_all(RefusalCode::ShuttingDown);
        let Ok(Applied::Pending(pending)) = agent.apply(command.unwrap()) else { panic!("{on}") };
        let Err(AnyRequestError::Refused { agent, reason, .. }) = block_on(pending) else {
            panic!("{on} was granted")
        };
        assert_eq!((agent.state(), reason), (*back, RefusalCode::ShuttingDown));
    }
}

/// Does what the trigger names, with typed methods only.
fn typed(from: AgentStateKind, on: Trigger) -> AgentStateKind {
    use AgentStateKind as S;
    match (from, on) {
        (S::SignedIn, Trigger::Ask) => block_on(signed_in().0.ask(visitor())).unwrap().state(),
        (S::SignedIn, Trigger::Join) => block_on(signed_in().0.join(key())).unwrap().state(),
        (S::SignedIn, Trigger::Knock) => block_on(signed_in().0.knock(key())).unwrap().state(),
        (S::Joining, Trigger::Cancel) => joining().0.cancel().state(),
        (S::Joining, Trigger::LetIn) => {
            let (agent, mut peer) = joining();
            peer.let_in().unwrap();
            let JoiningStep::LetIn(agent) = block_on(agent.next()) else { panic!() };
            agent.state()
        }
        (S::Joining, Trigger::KeptOut) => {
            let (agent, mut peer) = joining();
            assert!(peer.keep_out(RefusalCode::JoinDeclined));
            let JoiningStep::KeptOut(agent, RefusalCode::JoinDeclined) = block_on(agent.next())
            else {
                panic!()
            };
            agent.state()
        }
        (S::Requesting, Trigger::Withdraw) => requesting().0.withdraw().state(),
        (S::Requesting, Trigger::Accepted) => {
            let (agent, mut peer) = requesting();
            peer.accept(peer.last_ask().unwrap());
            let RequestingStep::Accepted(agent) = block_on(agent.next()) else { panic!() };
            agent.state()
        }
        (S::Requesting, Trigger::AskOver) => {
            let (agent, mut peer) = requesting();
            peer.end_ask(peer.last_ask().unwrap(), AskOutcome::Declined);
            let RequestingStep::Over(agent, AskOutcome::Declined) = block_on(agent.next()) else {
                panic!()
            };
            agent.state()
        }
        (S::Viewing, Trigger::Leave) => viewing().0.leave().state(),
        (S::Viewing, Trigger::End) => viewing().0.end().unwrap().state(),
        (S::Viewing, Trigger::SessionEnded) => {
            let (agent, mut peer) = viewing();
            peer.end_session(agent.session(), EndReason::Visitor);
            let ViewingStep::Ended(agent, EndReason::Visitor) = block_on(agent.next()) else {
                panic!()
            };
            agent.state()
        }
        (from, on) => panic!("the typed API has nothing for {on} while {from}"),
    }
}

#[test]
fn the_typed_api_has_the_edges_of_the_table() {
    for edge in table::TABLE {
        assert_eq!(typed(edge.from, edge.on), edge.to, "{} {}", edge.from, edge.on);
    }
}

#[test]
fn the_table_has_each_pair_once() {
    let pairs: BTreeSet<_> = table::TABLE.iter().map(|edge| (edge.from, edge.on)).collect();
    assert_eq!(pairs.len(), table::TABLE.len());
}

#[test]
fn any_agent_takes_the_steps_of_the_world() {
    let (agent, mut peer) = any_in(AgentStateKind::Requesting);
    peer.accept(peer.last_ask().unwrap());
    let AnyStep::Accepted(agent) = block_on(agent.next()) else { panic!() };
    assert_eq!((agent.state(), agent.visitor()), (AgentStateKind::Viewing, Some(&visitor())));
    peer.end_session(agent.session().unwrap(), EndReason::Ejected);
    let AnyStep::SessionEnded(agent, EndReason::Ejected) = block_on(agent.next()) else { panic!() };
    assert_eq!(agent.state(), AgentStateKind::SignedIn);

    let (agent, mut peer) = any_in(AgentStateKind::Joining);
    peer.let_in().unwrap();
    let AnyStep::LetIn(agent) = block_on(agent.next()) else { panic!() };
    assert_eq!(agent.state(), AgentStateKind::Viewing);

    let (agent, mut peer) = any_in(AgentStateKind::Joining);
    assert!(peer.keep_out(RefusalCode::NoAnswer));
    let AnyStep::KeptOut(agent, RefusalCode::NoAnswer) = block_on(agent.next()) else { panic!() };
    assert_eq!(agent.state(), AgentStateKind::SignedIn);

    let (agent, mut peer) = any_in(AgentStateKind::Requesting);
    peer.end_ask(peer.last_ask().unwrap(), AskOutcome::Expired);
    let AnyStep::AskOver(agent, AskOutcome::Expired) = block_on(agent.next()) else { panic!() };
    peer.close(coview_agent::LinkClosed::Gone);
    assert!(matches!(block_on(agent.next()), AnyStep::Closed(coview_agent::LinkClosed::Gone)));
}

#[test]
fn an_agent_comes_out_of_any_in_its_own_state_only() {
    for kind in AgentStateKind::ALL {
        let signed_in = Agent::<SignedIn, _>::try_from(any_in(kind).0);
        let requesting = Agent::<Requesting, _>::try_from(any_in(kind).0);
        let joining = Agent::<Joining, _>::try_from(any_in(kind).0);
        let viewing = Agent::<Viewing, _>::try_from(any_in(kind).0);
        assert_eq!(signed_in.is_ok(), kind == AgentStateKind::SignedIn);
        assert_eq!(requesting.is_ok(), kind == AgentStateKind::Requesting);
        assert_eq!(joining.is_ok(), kind == AgentStateKind::Joining);
        assert_eq!(viewing.is_ok(), kind == AgentStateKind::Viewing);
    }
}

/// The table in the documentation of `Agent` is generated. Run the test with `UPDATE_DOCS=1` after
/// a change of the table.
#[test]
fn the_table_in_the_documentation_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verbs.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, table::markdown()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), table::markdown());
}

#[test]
fn the_diagram() {
    insta::assert_snapshot!(table::mermaid(), @"
    stateDiagram-v2
        [*] --> SignedIn: sign in
        SignedIn --> Requesting: ask
        SignedIn --> Viewing: join
        SignedIn --> Joining: knock
        Requesting --> SignedIn: withdraw
        Requesting --> Viewing: accepted
        Requesting --> SignedIn: request over
        Joining --> SignedIn: cancel
        Joining --> Viewing: let in
        Joining --> SignedIn: kept out
        Viewing --> SignedIn: leave
        Viewing --> SignedIn: end
        Viewing --> SignedIn: session ended
    ");
}
