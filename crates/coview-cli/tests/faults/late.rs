//! A server that is not there yet, and one that stands still for longer than anybody waits.

use coview_agent::ViewingStep;
use coview_lifecycle::Change;
use coview_lifecycle::Connectivity;
use coview_lifecycle::ManualStep;
use coview_lifecycle::OneClickStep;
use coview_lifecycle::PresenceStep;
use coview_smol::ConnectError;
use coview_smol::OpenErrorKind;
use coview_wire::EndReason;
use smol::Timer;
use smol::block_on;

use crate::house::*;
use crate::stories::*;

#[test]
fn a_server_that_is_not_there_yet_is_told_as_that_and_found_when_it_is() {
    block_on(async {
        let mut house = House::empty("late", Setup::default());
        let refused = |error: ConnectError| match error {
            ConnectError::Unreachable(error) => error.kind(),
            other => panic!("{other}"),
        };
        let nobody = coview_smol::connect(house.visitor_config("ws://a..b:7300"));
        assert_eq!(refused(soon("the answer", nobody).await.unwrap_err()), OpenErrorKind::Name);
        let nobody = coview_smol::connect(house.visitor_config(&house.url()));
        assert_eq!(refused(soon("the answer", nobody).await.unwrap_err()), OpenErrorKind::Connect);
        let nobody = coview_smol::sign_in(house.agent_config(&house.url(), "ada"));
        assert_eq!(refused(soon("the answer", nobody).await.unwrap_err()), OpenErrorKind::Connect);

        // Apps that try until it is there.
        let arrive = |config: coview_smol::Config| async move {
            loop {
                match coview_smol::connect(config.clone()).await {
                    Ok(visitor) => return visitor,
                    Err(error) => assert_eq!(refused(error), OpenErrorKind::Connect),
                }
                Timer::after(ms(20)).await;
            }
        };
        let config = house.visitor_config(&house.url());
        let visitors: Vec<_> = (0..20).map(|_| smol::spawn(arrive(config.clone()))).collect();
        house.start();
        let mut arrived = Vec::new();
        for visitor in visitors {
            arrived.push(soon("the welcome", visitor).await);
        }
        house.metric_becomes("coview_visitors", 20).await;
        drop(arrived);
        house.metric_becomes("coview_visitors", 0).await;
        house.stop();
    });
}

/// Silence counts after two seconds, also that of a server that takes a connection and says nothing.
const SETUP: Setup = Setup {
    config: "[policy]\nheartbeat_seconds = 1\nmissed_heartbeats = 1\nfirst_reply_seconds = 2\n",
    tls: false,
    before: "",
};

#[test]
fn a_server_that_stands_still_is_left_and_found_again_without_ghosts() {
    block_on(async {
        let mut house = House::new("still", SETUP);
        let (mut sharing, mut ada, key) =
            by_key(house.visitor().await, house.agent("ada").await).await;
        let (mut shared, mut grace) =
            by_request(house.online("customer-1").await, house.agent("grace").await).await;
        let mut online = house.online("customer-2").await;
        let sessions = [sharing.session(), shared.session()];

        for _ in 0..2 {
            house.signal("-STOP");
            let noticed = Connectivity::Reconnecting;
            sharing = until!(sharing, "to notice", ManualStep::Changed(v, Change::Connectivity(is)) if is == noticed => v);
            shared = until!(shared, "to notice", OneClickStep::Changed(v, Change::Connectivity(is)) if is == noticed => v);
            online = until!(online, "to notice", PresenceStep::Changed(v, Change::Connectivity(is)) if is == noticed => v);
            ada = until!(ada, "to notice", ViewingStep::Changed(a, coview_agent::Change::Connectivity(is)) if is == noticed => a);
            grace = until!(grace, "to notice", ViewingStep::Changed(a, coview_agent::Change::Connectivity(is)) if is == noticed => a);
            // So that some have tried in vain, and wait in the server's queue more than once.
            becomes("the queue to be long", || waiting(house.address().port()) >= 8).await;
            house.signal("-CONT");
            let back = Connectivity::Connected;
            sharing = until!(sharing, "to be back", ManualStep::Changed(v, Change::Connectivity(is)) if is == back => v);
            shared = until!(shared, "to be back", OneClickStep::Changed(v, Change::Connectivity(is)) if is == back => v);
            online = until!(online, "to be back", PresenceStep::Changed(v, Change::Connectivity(is)) if is == back => v);
            ada = until!(ada, "to be back", ViewingStep::Changed(a, coview_agent::Change::Connectivity(is)) if is == back => a);
            grace = until!(grace, "to be back", ViewingStep::Changed(a, coview_agent::Change::Connectivity(is)) if is == back => a);

            // The same sessions, and nobody twice.
            assert_eq!([sharing.session(), shared.session()], sessions);
            assert_eq!([ada.session(), grace.session()], sessions);
            for (gauge, count) in [
                ("connections", 5),
                ("visitors", 3),
                ("visitors_online", 2),
                ("agents", 2),
                ("sessions", 2),
                ("sessions_manual_total", 1),
                ("sessions_one_click_total", 1),
            ] {
                house.metric_becomes(&format!("coview_{gauge}"), count).await;
            }
        }
        // The key still opens the session.
        let hedy = soon("hedy to be in", house.agent("hedy").await.join(key)).await.unwrap();
        assert_eq!(hedy.session(), sessions[0]);
        drop((sharing.end(), shared.end(), online));
        assert_eq!(ended(ada).await.1, EndReason::Visitor);
        assert_eq!(ended(grace).await.1, EndReason::Visitor);
        assert_eq!(ended(hedy).await.1, EndReason::Visitor);
        house.stop();
        house.verify();
        assert_eq!(house.records().of("session_started").count(), 2);
    });
}

/// How many connections to this port the kernel has established and nobody has taken in yet.
fn waiting(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let local = format!("0100007F:{port:04X}");
    // A connection that has no inode is in the queue of the socket that listens.
    table
        .lines()
        .filter(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            fields[1] == local && fields.get(9) == Some(&"0")
        })
        .count()
}
