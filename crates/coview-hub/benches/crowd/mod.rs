//! A hub with 10,000 visitors online, without sockets: texts go in and texts come out.

use std::hint::black_box;
use std::time::Duration;

use coview_hub::*;
use coview_wire::*;

pub(crate) const VISITORS: u64 = 10_000;

fn hub() -> Hub {
    let terms = Terms::new("v1", "The agent will see this app's screen.").expect("valid");
    let mut group = GroupConfig::new(terms);
    let card = AgentCard::new(AgentId::new("grace").expect("valid"), "Grace").expect("valid");
    let token = AgentToken::new("token").expect("valid");
    group.proofs = std::sync::Arc::new(Accounts::default().with(token, card));
    group.assertion_needed = false;
    let id = GroupId::new("12345").expect("valid");
    // Virtual time passes faster here than anybody speaks, so nobody is cut off for silence.
    let heartbeat = Duration::from_secs(365 * 24 * 60 * 60);
    let policy = Policy {
        heartbeat,
        begins_per_minute: u32::MAX,
        asks_in_vain: u32::MAX,
        ..Policy::default()
    };
    Hub::new(HubConfig { policy, ..HubConfig::one_group(id, group) }, [5; 32])
}

/// Handles one input at the beginning of time and tells how many texts came out.
fn handle(hub: &mut Hub, input: Input<'_>) -> u64 {
    handle_at(hub, Moment::ZERO, input)
}

pub(crate) fn handle_at(hub: &mut Hub, now: Moment, input: Input<'_>) -> u64 {
    hub.handle_input(now, input);
    let mut sent = 0;
    loop {
        match hub.poll_output() {
            Output::Send { text, .. } => {
                black_box(text);
                sent += 1;
            }
            Output::SendBinary { conn, .. }
            | Output::SendPicture { conn, .. }
            | Output::ForgetPictures { conn } => panic!("{conn} has nothing to do with a picture"),
            Output::Close { conn, reason } => panic!("{conn} closed: {reason}"),
            Output::Event(event) => drop(black_box(event)),
            Output::Idle { wake_at } => {
                black_box(wake_at);
                return sent;
            }
        }
    }
}

pub(crate) fn say(hub: &mut Hub, conn: u64, text: &str) -> u64 {
    handle(hub, Input::Text { conn: ConnId::new(conn), text })
}

/// The first agent asks a visitor, who answers with these. It stands by itself so that a profiler
/// can begin and end with it.
#[inline(never)]
pub(crate) fn ask(hub: &mut Hub, visitor: u64, answers: &[&str]) {
    let text = format!(r#"{{"t":"ask","re":0,"visitor":"customer-{visitor:08}"}}"#);
    let mut asked = None;
    hub.handle_input(Moment::ZERO, Input::Text { conn: ConnId::new(VISITORS), text: &text });
    loop {
        let output = black_box(hub.poll_output());
        if let Output::Event(Event::Asked { ask, .. }) = &output {
            asked = Some(*ask);
        }
        if matches!(output, Output::Idle { .. }) {
            break;
        }
    }
    let ask = asked.expect("the visitor is online and free");
    for answer in answers {
        let text = format!(r#"{{"t":"{answer}","re":0,"ask":{ask}}}"#);
        assert_eq!(say(hub, visitor, &text), 1);
    }
}

/// A visitor as an app would bring it: identified, with a profile and some presence data.
fn online(hub: &mut Hub, conn: u64) {
    handle(hub, Input::Opened { conn: ConnId::new(conn), caller: Caller::default() });
    say(hub, conn, r#"{"t":"hello","re":0,"version":1,"group":"12345","app":"active"}"#);
    let identify = format!(
        r#"{{"t":"identify","re":0,"visitor":"customer-{conn:08}","profile":{{"name":"Customer {conn}","email":"customer-{conn}@example.org"}}}}"#
    );
    say(hub, conn, &identify);
    say(hub, conn, r#"{"t":"presence_connect","re":0,"data":{"page":"/cart","theme":"dark"}}"#);
}

pub(crate) fn agent(hub: &mut Hub, conn: u64) {
    handle(hub, Input::Opened { conn: ConnId::new(conn), caller: Caller::default() });
    let sent =
        say(hub, conn, r#"{"t":"sign_in","re":0,"version":1,"group":"12345","token":"token"}"#);
    assert_eq!(sent, 1);
}

pub(crate) fn crowded() -> Hub {
    let mut hub = hub();
    for conn in 0..VISITORS {
        online(&mut hub, conn);
    }
    assert_eq!(hub.stats().visitors_online, VISITORS);
    hub
}
