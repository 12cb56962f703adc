//! 7. The manual start as the fallback after login.

use coview::Change;
use coview::EndReason;
use coview::ManualStep;
use coview::SessionKey;
use coview::StateKind;
use coview::agent::ViewingStep;

use crate::one_click::one_click;
use crate::world::*;

#[test]
fn story_07_manual_while_identified_goes_back_to_identified() {
    story(async {
        let world = World::new();
        let mut visitor = world.identified("customer-42").await;
        for ended_by_agent in [false, true] {
            let sharing = soon("the session", visitor.start_manual()).await.unwrap();
            assert_eq!(sharing.state(), StateKind::SharingManualIdentified);
            assert_eq!(sharing.visitor_id(), &id("customer-42"));
            let key = SessionKey::parse(&sharing.key().to_string()).unwrap();
            let ada = soon("ada to be in", world.agent("ada").await.join(key)).await.unwrap();
            assert_eq!(ada.visitor(), Some(&id("customer-42")));
            visitor = if ended_by_agent {
                drop(ada.end().unwrap());
                until!(sharing, "the end", ManualStep::Ended(v, EndReason::Agent) => v)
            } else {
                let visitor = sharing.end();
                until!(ada, "the end", ViewingStep::Ended(_, EndReason::Visitor) => visitor)
            };
            assert_eq!(visitor.state(), StateKind::Identified);
            assert_eq!(visitor.visitor_id(), &id("customer-42"));
        }
        // The very state it came from: it goes on from there.
        let visitor = go_online(visitor).await;
        drop(visitor);
        world.stop().await;
    });
}

#[test]
fn story_07_manual_while_online_goes_back_to_online() {
    story(async {
        let world = World::new();
        let ada = world.watcher("ada").await;
        let mut visitor = world.online("customer-42").await;
        let mut ada = sees(ada, "the visitor online", "customer-42", |card| !card.busy).await;
        for ended_by_agent in [false, true] {
            let sharing = soon("the session", visitor.start_manual()).await.unwrap();
            assert_eq!(sharing.state(), StateKind::SharingManualPresence);
            // Still online all the time, and busy.
            ada = sees(ada, "the visitor busy", "customer-42", |card| card.busy).await;
            let key = SessionKey::parse(&sharing.key().to_string()).unwrap();
            let viewing = soon("ada to be in", ada.join(key)).await.unwrap();
            let sharing =
                until!(sharing, "one guest", ManualStep::Changed(v, Change::Guests(1)) => v);
            (visitor, ada) = if ended_by_agent {
                let ada = viewing.end().unwrap();
                (until!(sharing, "the end", ManualStep::Ended(v, EndReason::Agent) => v), ada)
            } else {
                let visitor = sharing.end();
                let ada =
                    until!(viewing, "the end", ViewingStep::Ended(a, EndReason::Visitor) => a);
                (visitor, ada)
            };
            assert_eq!(visitor.state(), StateKind::PresenceConnected);
            ada = sees(ada, "the visitor free", "customer-42", |card| !card.busy).await;
        }
        // The very state it came from: it can be asked, and goes offline as ever.
        let (sharing, viewing) = one_click(visitor, ada).await;
        let visitor = sharing.end();
        let ada = until!(viewing, "the end", ViewingStep::Ended(a, EndReason::Visitor) => a);
        let visitor = visitor.disconnect();
        let (ada, _) = sees_offline(ada, "customer-42").await;
        drop((visitor, ada));
        world.stop().await;
    });
}
