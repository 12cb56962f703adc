//! What is left of visitors who came and went: nothing, not even room for as many.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentToken;
use coview_wire::GroupId;
use coview_wire::Moment;
use coview_wire::Terms;
use coview_wire::VisitorId;

use crate::config::GroupConfig;
use crate::config::HubConfig;
use crate::config::Policy;
use crate::hub::Hub;
use crate::io::Caller;
use crate::io::ConnId;
use crate::io::Input;
use crate::io::Output;
use crate::proofs::Accounts;
use crate::stats::Stats;

const VISITORS: u64 = 10_000;

fn hub() -> Hub {
    let mut group = GroupConfig::new(Terms::new("v1", "Your screen will be seen.").unwrap());
    let account = |(agent, token)| {
        let card = AgentCard::new(AgentId::new(agent).unwrap(), "An Agent").unwrap();
        (AgentToken::new(token).unwrap(), card)
    };
    let accounts: Accounts =
        [("grace", "token"), ("henry", "other")].into_iter().map(account).collect();
    group.proofs = Arc::new(accounts);
    group.assertion_needed = false;
    let config = HubConfig::one_group(GroupId::new("g").unwrap(), group);
    let policy = Policy { begins_per_minute: u32::MAX, ..config.policy.clone() };
    Hub::new(HubConfig { policy, ..config }, [5; 32])
}

/// Takes an input in and answers with the last text that came of it.
fn handle(hub: &mut Hub, now: Moment, input: Input<'_>) -> String {
    hub.handle_input(now, input);
    let mut last = String::new();
    loop {
        match hub.poll_output() {
            Output::Send { text, .. } => last = String::from(&*text),
            Output::SendBinary { .. }
            | Output::SendPicture { .. }
            | Output::ForgetPictures { .. }
            | Output::Close { .. }
            | Output::Event(_) => {}
            Output::Idle { .. } => return last,
        }
    }
}

fn open(hub: &mut Hub, conn: u64) {
    let (conn, caller) = (ConnId::new(conn), Caller::default());
    handle(hub, Moment::ZERO, Input::Opened { conn, caller });
}

fn say(hub: &mut Hub, conn: u64, text: &str) -> String {
    handle(hub, Moment::ZERO, Input::Text { conn: ConnId::new(conn), text })
}

/// For how many visitors there is room, whatever is there.
fn room(hub: &Hub) -> usize {
    let group = &hub.groups[0];
    [hub.fx.conns.room(), hub.fx.timers.due.room(), group.visitors.room(), group.people.room()]
        .into_iter()
        .map(|(entries, chunks)| entries + chunks)
        .sum::<usize>()
        + hub.fx.out.capacity()
}

#[test]
fn ten_thousand_visitors_who_came_and_went_leave_nothing() {
    let mut hub = hub();
    let agent = VISITORS;
    open(&mut hub, agent);
    say(&mut hub, agent, r#"{"t":"sign_in","re":0,"version":1,"group":"g","token":"token"}"#);
    say(&mut hub, agent, r#"{"t":"watch","re":0}"#);
    let empty = room(&hub);
    for conn in 0..VISITORS {
        open(&mut hub, conn);
        say(&mut hub, conn, r#"{"t":"hello","re":0,"version":1,"group":"g","app":"active"}"#);
        // A third has two devices.
        let name = if conn % 3 == 2 { conn - 1 } else { conn };
        say(&mut hub, conn, &format!(r#"{{"t":"identify","re":0,"visitor":"v{name}"}}"#));
        say(&mut hub, conn, r#"{"t":"presence_connect","re":0,"data":{"page":"/"}}"#);
    }
    assert!(room(&hub) as u64 > 3 * VISITORS);
    for conn in (0..VISITORS).step_by(100) {
        // Asked and declined, asked and taken back, and changed within the pace of cards.
        say(&mut hub, agent, &format!(r#"{{"t":"ask","re":0,"visitor":"v{conn}"}}"#));
        say(&mut hub, agent, r#"{"t":"withdraw","re":0}"#);
        say(&mut hub, conn, r#"{"t":"presence_update","re":0,"data":{"page":"/pay"}}"#);
        say(&mut hub, conn, r#"{"t":"presence_update","re":0,"data":{"page":"/cart"}}"#);
    }
    for conn in 0..VISITORS {
        // In no order.
        let conn = conn * 7_919 % VISITORS;
        if conn.is_multiple_of(2) {
            say(&mut hub, conn, r#"{"t":"bye"}"#);
        }
        handle(&mut hub, Moment::ZERO, Input::Closed { conn: ConnId::new(conn) });
    }
    assert_eq!(hub.stats().visitors, VISITORS / 2, "they may come back");
    // Past every grace, and the agent is gone as well.
    say(&mut hub, agent, r#"{"t":"bye"}"#);
    handle(&mut hub, Moment::ZERO + Duration::from_secs(3_600), Input::Timeout);
    let gauges = hub.stats();
    let nothing = Stats {
        connections: 0,
        visitors: 0,
        visitors_online: 0,
        visitors_identified: 0,
        agents: 0,
        agents_watching: 0,
        asks: 0,
        sessions: 0,
        viewers: 0,
        keys: 0,
        one_use_tokens: 0,
        deadlines: 0,
        ..gauges
    };
    assert_eq!(gauges, nothing);
    assert!(hub.fx.kept().first(None).is_none() && hub.groups[0].late_cards.is_empty());
    assert!(room(&hub) <= empty + 64, "{} and {empty} before", room(&hub));
}

#[test]
fn what_was_asked_in_vain_is_forgotten_when_its_time_is_over() {
    let mut hub = hub();
    let window = Duration::from_secs(5);
    hub.fx.policy.asks_in_vain_window = window;
    let (visitor, grace, henry) = (0, 1, 2);
    for (conn, token) in [(grace, "token"), (henry, "other")] {
        open(&mut hub, conn);
        let token =
            format!(r#"{{"t":"sign_in","re":0,"version":1,"group":"g","token":"{token}"}}"#);
        say(&mut hub, conn, &token);
    }
    open(&mut hub, visitor);
    say(&mut hub, visitor, r#"{"t":"hello","re":0,"version":1,"group":"g","app":"active"}"#);
    say(&mut hub, visitor, r#"{"t":"identify","re":0,"visitor":"ada"}"#);
    say(&mut hub, visitor, r#"{"t":"presence_connect","re":0,"data":{}}"#);
    let mut asks_in_vain = |conn, at| {
        for text in [r#"{"t":"ask","re":0,"visitor":"ada"}"#, r#"{"t":"withdraw","re":0}"#] {
            handle(&mut hub, at, Input::Text { conn: ConnId::new(conn), text });
        }
        let dealings = hub.groups[0].people.get(&VisitorId::new("ada").unwrap()).unwrap();
        let asked = &dealings.dealings.as_ref().unwrap().asked_in_vain;
        asked.keys().map(|agent| String::from(agent.as_str())).collect::<Vec<_>>()
    };
    assert_eq!(asks_in_vain(grace, Moment::ZERO), ["grace"]);
    let soon = Moment::ZERO + Duration::from_secs(1);
    assert_eq!(asks_in_vain(henry, soon), ["grace", "henry"]);
    assert_eq!(asks_in_vain(henry, Moment::ZERO + window), ["henry"]);
}

#[test]
fn of_a_request_that_was_declined_nothing_is_kept_with_its_visitor() {
    let mut hub = hub();
    let (visitor, agent) = (0, 1);
    open(&mut hub, agent);
    say(&mut hub, agent, r#"{"t":"sign_in","re":0,"version":1,"group":"g","token":"token"}"#);
    open(&mut hub, visitor);
    say(&mut hub, visitor, r#"{"t":"hello","re":0,"version":1,"group":"g","app":"active"}"#);
    say(&mut hub, visitor, r#"{"t":"identify","re":0,"visitor":"ada"}"#);
    say(&mut hub, visitor, r#"{"t":"presence_connect","re":0,"data":{}}"#);
    say(&mut hub, agent, r#"{"t":"ask","re":0,"visitor":"ada"}"#);
    let ask = hub.groups[0].asks.keys().next().unwrap().get();
    let kept =
        |hub: &Hub| hub.groups[0].visitors.iter().filter(|(_, it)| it.doings.is_some()).count();
    assert_eq!(kept(&hub), 1);
    say(&mut hub, visitor, &format!(r#"{{"t":"terms_displayed","re":0,"ask":{ask}}}"#));
    say(&mut hub, visitor, &format!(r#"{{"t":"terms_declined","re":0,"ask":{ask}}}"#));
    assert_eq!((hub.stats().asks, hub.stats().asks_declined, kept(&hub)), (0, 1, 0));
}
