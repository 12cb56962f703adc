//! The disk is full under the audit log while sessions run and terms wait: nothing begins, what runs
//! goes on and can be ended, both sides are told, and when there is room all is as before.

use std::fs;
use std::process::Command;

use coview_agent::RequestingStep;
use coview_lifecycle::ManualStep;
use coview_lifecycle::StateKind;
use coview_wire::AskOutcome;
use coview_wire::EndReason;
use coview_wire::RefusalCode;
use coview_wire::SessionId;
use smol::block_on;

use crate::house::*;
use crate::stories::*;

/// A process whose files may get no longer fails to write as it does on a full disk, once it does not
/// heed the signal for it.
const SETUP: Setup = Setup { config: "", tls: false, before: "trap '' XFSZ" };

/// Lets the files of the server get no longer than this.
fn room(house: &mut House, bytes: &str) {
    let (pid, limit) = (house.server().id().to_string(), format!("--fsize={bytes}:unlimited"));
    let limited = Command::new("prlimit").args(["--pid", &pid, &limit]).status();
    assert!(limited.expect("there is a prlimit command").success());
}

fn started(house: &House, session: SessionId) -> usize {
    house.records().count("session_started", session.get())
}

#[test]
fn on_a_full_disk_nothing_begins_and_what_runs_goes_on_to_its_end() {
    block_on(async {
        let mut house = House::new("disk", SETUP);
        let (sharing, ada, key) = by_key(house.visitor().await, house.agent("ada").await).await;
        let (shared, grace) =
            by_request(house.online("customer-1").await, house.agent("grace").await).await;
        // The agent has seen that the terms are on the screen, so that is on record.
        let (shown, joan) =
            unanswered(house.online("customer-2").await, house.agent("joan").await).await;
        let running = [sharing.session(), shared.session()];
        assert_eq!(running.map(|session| started(&house, session)), [1, 1]);
        let hedy = house.agent("hedy").await;
        becomes("the sign-in to be recorded", || {
            house.records().of("agent_signed_in").count() == 4
        })
        .await;

        let length = fs::metadata(house.log_path()).unwrap().len();
        room(&mut house, &length.to_string());
        // The first that has to be recorded now is the one that finds out. It waits for its record.
        let waits = house.visitor().await.start_manual();
        let mut waits = Box::pin(waits);
        let full = || {
            let (head, body) = house.get("/healthz");
            head.contains(" 503 ") && body.contains("the audit log cannot be written")
        };
        let noticed = becomes("the server to notice", full);
        let found_out = futures_lite::future::or(
            async {
                noticed.await;
                None
            },
            async { Some((&mut waits).await) },
        )
        .await;
        assert!(found_out.is_none(), "a start was granted without its record: {found_out:?}");

        // Nothing begins: not with the key, not by request, not by a yes that was waited for.
        let refused = house.visitor().await.start_manual();
        let refused = soon("the answer", refused).await.unwrap_err();
        assert_eq!(refused.reason(), Some(RefusalCode::Unavailable));
        let refused = soon("the answer", hedy.join(key)).await.unwrap_err();
        assert_eq!(refused.reason(), Some(RefusalCode::Unavailable));
        let hedy = refused.into_agent().unwrap();
        let visitor = house.online("customer-3").await;
        let refused = soon("the answer", hedy.ask(id("customer-3"))).await.unwrap_err();
        assert_eq!(refused.reason(), Some(RefusalCode::Unavailable));
        let hedy = refused.into_agent().unwrap();
        let refused = soon("the answer", shown.accept()).await.unwrap_err();
        assert_eq!(refused.reason(), Some(RefusalCode::Unavailable));
        let asked = refused.into_visitor().unwrap();
        assert_eq!(asked.state(), StateKind::PresenceConnected);
        let (joan, outcome) =
            until!(joan, "the end", RequestingStep::Over(agent, why) => (agent, why));
        assert_eq!(outcome, AskOutcome::Lost);
        assert!(house.metric("coview_refused_unrecorded_total") >= 4);

        // What runs goes on: guests, and either side ends it.
        assert_eq!(house.metric("coview_sessions"), 3, "those that run, and the one that waits");
        assert_eq!((sharing.guests(), shared.guests()), (1, 1));
        let ended_by_visitor = shared.end();
        assert_eq!(ended_by_visitor.state(), StateKind::PresenceConnected);
        let (grace, why) = ended(grace).await;
        assert_eq!(why, EndReason::Visitor);
        let ada = ada.end().unwrap();
        let (anonymous, why) =
            until!(sharing, "the end", ManualStep::Ended(visitor, why) => (visitor, why));
        assert_eq!(why, EndReason::Agent);

        room(&mut house, "unlimited");
        // The one that waited has its record, and all begins again.
        let sharing = soon("the session that waited", waits).await.unwrap();
        assert_eq!(started(&house, sharing.session()), 1);
        becomes("the server to recover", || house.get("/healthz").1 == "ok\n").await;
        let (again, ada, _) = by_key(anonymous, ada).await;
        let (by_joan, joan) = by_request(asked, joan).await;
        let (by_hedy, hedy) = by_request(visitor, hedy).await;
        for session in [again.session(), by_joan.session(), by_hedy.session()] {
            assert_eq!(started(&house, session), 1);
        }
        drop((sharing, again, ada, by_joan, joan, by_hedy, hedy, grace, ended_by_visitor));

        house.stop();
        house.verify();
        let records = house.records();
        for session in running {
            assert_eq!(records.count("session_started", session.get()), 1);
            assert_eq!(records.count("session_ended", session.get()), 1);
        }
        assert_eq!(records.of("session_started").count(), 6);
        assert_eq!(records.of("accepted").count(), 3);
    });
}
