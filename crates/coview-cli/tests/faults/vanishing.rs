//! A client is killed while it shares: whoever watched is told, after the grace, and the card goes.

use coview_agent::SignedInStep;
use coview_wire::EndReason;
use coview_wire::OfflineReason;
use coview_wire::SessionKey;
use smol::block_on;

use crate::house::*;
use crate::stories::ended;
use crate::support::GROUP;
use crate::support::Running;
use crate::support::coview;

const SETUP: Setup =
    Setup { config: "[policy]\nresume_grace_seconds = 1\n", tls: false, before: "" };

#[test]
fn a_visitor_that_is_killed_is_told_as_lost_after_the_grace() {
    block_on(async {
        let mut house = House::new("vanishing", SETUP);
        let args = ["share", "--server", &house.url(), "--group", GROUP, "--json"];
        let mut visitor = Running::start(coview(&args));
        visitor.event("connected");
        visitor.say("login customer-42");
        visitor.say("online");
        visitor.say("share");
        let shares = visitor.event("sharing");
        let ada = watch(house.agent("ada").await).await;
        assert!(ada.roster()[&id("customer-42")].reachable);
        let key = SessionKey::parse(shares["key"].as_str().unwrap()).unwrap();
        let grace = soon("grace to be in", house.agent("grace").await.join(key)).await.unwrap();

        visitor.signal("-KILL");
        // First out of reach, for as long as the visitor might come back, and then gone.
        let mut ada = ada;
        let ada = loop {
            ada = match soon("the card to go", ada.next()).await {
                SignedInStep::Changed(_, coview_agent::Change::VisitorOffline(_, why)) => {
                    panic!("offline without a grace: {why}")
                }
                SignedInStep::Changed(agent, _)
                    if !agent.roster()[&id("customer-42")].reachable =>
                {
                    break agent;
                }
                SignedInStep::Changed(agent, _) => agent,
                SignedInStep::Closed(why) => panic!("{why}"),
            };
        };
        let (who, why, ada) = until!(
            ada,
            "the card to go",
            SignedInStep::Changed(agent, coview_agent::Change::VisitorOffline(who, why)) => (who, why, agent)
        );
        assert_eq!((who, why), (id("customer-42"), OfflineReason::Lost));
        assert!(ada.roster().is_empty());
        let (grace, why) = ended(grace).await;
        assert_eq!(why, EndReason::VisitorLost);
        let refused = soon("the answer", grace.join(key)).await.unwrap_err();
        assert_eq!(refused.reason(), Some(coview_wire::RefusalCode::NoSuchKey));
        for gauge in ["visitors", "sessions", "visitors_online"] {
            assert_eq!(house.metric(&format!("coview_{gauge}")), 0, "{gauge}");
        }
        drop((refused, ada));
        house.stop();
        house.verify();
    });
}
