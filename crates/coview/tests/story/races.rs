//! 8. Races, each with its one outcome.
//!
//! What crosses is made to cross: the network keeps what goes one way until the other side has done
//! its part.

use coview::AskOutcome;
use coview::Change;
use coview::EndReason;
use coview::ManualStep;
use coview::OneClickStep;
use coview::PresenceStep;
use coview::RefusalCode;
use coview::RequestError;
use coview::SessionKey;
use coview::StateKind;
use coview::agent::AskStatus;
use coview::agent::Change as AgentChange;
use coview::agent::RequestError as AgentRequestError;
use coview::agent::RequestingStep;
use coview::agent::ViewingStep;
use futures_lite::FutureExt;

use crate::one_click::one_click;
use crate::proxy::Proxy;
use crate::proxy::Way;
use crate::world::*;

#[test]
fn story_08_manual_start_while_an_ask_arrives_and_the_agent_is_told_busy() {
    story(async {
        let world = World::new();
        let network = Proxy::to(world.address).await;
        let visitor = connect(visitor_at(&network.url())).await;
        let visitor = go_online(identify(visitor, "customer-42").await).await;

        // The request is on its way to the visitor, who taps share.
        network.hold(Way::ToClient);
        let ada =
            soon("the request", world.agent("ada").await.ask(id("customer-42"))).await.unwrap();
        let start = visitor.start_manual();
        let (ada, outcome) =
            until!(ada, "the outcome", RequestingStep::Over(a, outcome) => (a, outcome));
        assert_eq!(outcome, AskOutcome::Busy);
        network.release(Way::ToClient);

        // The visitor has the session and was never asked.
        let sharing = soon("the session", start).await.unwrap();
        assert_eq!(sharing.state(), StateKind::SharingManualPresence);
        let key = SessionKey::parse(&sharing.key().to_string()).unwrap();
        let ada = soon("ada to be in", ada.join(key)).await.unwrap();
        let sharing = next!(sharing, ManualStep::Changed(v, Change::Guests(1)) => v);
        let ada = ada.leave();
        let sharing = next!(sharing, ManualStep::Changed(v, Change::Guests(0)) => v);
        // Nothing is left of the request: the next thing is the next request.
        let visitor = sharing.end();
        let ada = watch(ada).await;
        let ada = sees(ada, "the visitor free", "customer-42", |card| !card.busy).await;
        let ada = soon("the request", ada.ask(id("customer-42"))).await.unwrap();
        let asked = next!(visitor, PresenceStep::TermsRequested(asked) => asked);
        drop((asked, ada));
        world.stop().await;
    });
}

#[test]
fn story_08_withdraw_first_then_accept_and_nothing_starts() {
    story(async {
        let world = World::new();
        let network = Proxy::to(world.address).await;
        let visitor = connect(visitor_at(&network.url())).await;
        let visitor = go_online(identify(visitor, "customer-42").await).await;
        let watcher = world.watcher("grace").await;
        let ada =
            soon("the request", world.agent("ada").await.ask(id("customer-42"))).await.unwrap();
        let asked = next!(visitor, PresenceStep::TermsRequested(asked) => asked);
        let shown = asked.terms_displayed();
        let ada = until!(
            ada,
            "displayed",
            RequestingStep::Changed(a, AgentChange::Status(AskStatus::Displayed)) => a
        );

        // The news of the withdrawal is on its way to the visitor, who accepts.
        network.hold(Way::ToClient);
        let ada = ada.withdraw();
        let watcher = sees(watcher, "the withdrawal", "customer-42", |card| !card.busy).await;
        let accept = shown.accept();
        network.release(Way::ToClient);
        let visitor = match soon("the answer", accept).await.unwrap_err() {
            RequestError::Refused(refused) => {
                assert_eq!(refused.reason, RefusalCode::TermsOver);
                refused.into_visitor()
            }
            RequestError::Closed(reason) => panic!("{reason}"),
        };
        assert_eq!(visitor.state(), StateKind::PresenceConnected);
        assert_eq!(world.metric("coview_sessions_one_click_total").await, 0);
        assert_eq!(world.metric("coview_asks_withdrawn_total").await, 1);

        // Both go on as if nothing had been.
        let (sharing, ada) = one_click(visitor, ada).await;
        drop((sharing, ada, watcher));
        world.stop().await;
    });
}

#[test]
fn story_08_accept_first_then_withdraw_and_the_session_stands_without_the_agent() {
    story(async {
        let world = World::new();
        let network = Proxy::to(world.address).await;
        let visitor = world.online("customer-42").await;
        let ada = sign_in(agent_at(&network.url(), "ada")).await;
        let ada = soon("the request", ada.ask(id("customer-42"))).await.unwrap();
        let asked = next!(visitor, PresenceStep::TermsRequested(asked) => asked);
        let shown = asked.terms_displayed();
        let ada = until!(
            ada,
            "displayed",
            RequestingStep::Changed(a, AgentChange::Status(AskStatus::Displayed)) => a
        );

        // The news of the acceptance is on its way to the agent, who withdraws.
        network.hold(Way::ToClient);
        let sharing = soon("the session", shown.accept()).await.unwrap();
        let sharing =
            until!(sharing, "one guest", OneClickStep::Changed(v, Change::Guests(1)) => v);
        let ada = ada.withdraw();
        network.release(Way::ToClient);
        // The agent does not want the session it finds itself in, and leaves; the visitor decides.
        let mut nothing = ada.next();
        let agent = async {
            let told = (&mut nothing).await;
            panic!("the agent has withdrawn, and is told {told:?}")
        };
        let visitor =
            async { until!(sharing, "nobody", OneClickStep::Changed(v, Change::Guests(0)) => v) };
        let sharing = visitor.or(agent).await;
        let ada = nothing.into_agent().unwrap();
        assert_eq!(world.metric("coview_asks_accepted_total").await, 1);
        assert_eq!(world.metric("coview_asks_withdrawn_total").await, 0);
        let ada = watch(ada).await;
        let visitor = sharing.end();
        let ada = sees(ada, "the visitor free", "customer-42", |card| !card.busy).await;
        let (sharing, ada) = one_click(visitor, ada).await;
        drop((sharing, ada));
        world.stop().await;
    });
}

#[test]
fn story_08_both_sides_end_at_once_the_agent_first() {
    story(async {
        let world = World::new();
        let network = Proxy::to(world.address).await;
        let visitor = connect(visitor_at(&network.url())).await;
        let sharing = soon("the session", visitor.start_manual()).await.unwrap();
        let key = SessionKey::parse(&sharing.key().to_string()).unwrap();
        let ada = soon("ada to be in", world.agent("ada").await.join(key)).await.unwrap();
        let grace = soon("grace to be in", world.agent("grace").await.join(key)).await.unwrap();
        let sharing = until!(sharing, "two guests", ManualStep::Changed(v, Change::Guests(2)) => v);

        network.hold(Way::ToClient);
        let ada = ada.end().unwrap();
        let (grace, why) = until!(grace, "the end", ViewingStep::Ended(a, why) => (a, why));
        assert_eq!(why, EndReason::Agent, "one end, the one the server saw first");
        let visitor = sharing.end();
        network.release(Way::ToClient);

        // The visitor's late end is stale and harms nobody, not even the next session.
        let sharing = soon("the next session", visitor.start_manual()).await.unwrap();
        let key = SessionKey::parse(&sharing.key().to_string()).unwrap();
        let ada = soon("ada to be in", ada.join(key)).await.unwrap();
        let sharing = next!(sharing, ManualStep::Changed(v, Change::Guests(1)) => v);
        assert_eq!(world.metric("coview_sessions_ended_total").await, 1);
        drop((sharing, ada, grace));
        world.stop().await;
    });
}

#[test]
fn story_08_both_sides_end_at_once_the_visitor_first() {
    story(async {
        let world = World::new();
        let network = Proxy::to(world.address).await;
        let sharing = soon("the session", world.visitor().await.start_manual()).await.unwrap();
        let key = SessionKey::parse(&sharing.key().to_string()).unwrap();
        let ada = sign_in(agent_at(&network.url(), "ada")).await;
        let ada = soon("ada to be in", ada.join(key)).await.unwrap();
        let grace = soon("grace to be in", world.agent("grace").await.join(key)).await.unwrap();

        network.hold(Way::ToClient);
        let visitor = sharing.end();
        let (grace, why) = until!(grace, "the end", ViewingStep::Ended(a, why) => (a, why));
        assert_eq!(why, EndReason::Visitor, "one end, the one the server saw first");
        let ada = ada.end().unwrap();
        network.release(Way::ToClient);

        // The agent's late end is stale and harms nobody, not even the next session.
        let sharing = soon("the next session", visitor.start_manual()).await.unwrap();
        let key = SessionKey::parse(&sharing.key().to_string()).unwrap();
        let ada = soon("ada to be in", ada.join(key)).await.unwrap();
        let sharing = next!(sharing, ManualStep::Changed(v, Change::Guests(1)) => v);
        assert_eq!(ada.session(), sharing.session());
        assert_eq!(world.metric("coview_sessions_ended_total").await, 1);
        drop((sharing, ada, grace));
        world.stop().await;
    });
}

#[test]
fn story_08_newest_device_has_the_focus_and_the_older_regains_it() {
    story(async {
        let world = World::new();
        let ada = world.watcher("ada").await;
        let phone = world.online("customer-42").await;
        assert!(phone.has_focus());
        let ada = sees(ada, "the phone", "customer-42", |_| true).await;

        let tablet = world.online("customer-42").await;
        assert!(tablet.has_focus());
        let phone = next!(phone, PresenceStep::Changed(phone, Change::Focus(false)) => phone);
        assert!(!phone.has_focus());

        // One card for both, and requests go to the newest.
        assert_eq!(ada.roster().len(), 1);
        let ada = soon("the request", ada.ask(id("customer-42"))).await.unwrap();
        let asked = next!(tablet, PresenceStep::TermsRequested(asked) => asked);
        let tablet = asked.decline();
        let ada = until!(ada, "declined", RequestingStep::Over(a, AskOutcome::Declined) => a);

        // The newest leaves; the older is told and is asked again.
        drop(tablet);
        let phone = next!(phone, PresenceStep::Changed(phone, Change::Focus(true)) => phone);
        assert!(phone.has_focus());
        assert!(ada.roster().contains_key(&id("customer-42")), "online without a break");
        let (sharing, ada) = one_click(phone, ada).await;
        drop((sharing, ada));
        world.stop().await;
    });
}

#[test]
fn story_08_focus_moves_when_the_newest_is_no_longer_live() {
    story(async {
        let world = World::new();
        let network = Proxy::to(world.address).await;
        let phone = world.online("customer-42").await;
        let tablet = connect(visitor_at(&network.url())).await;
        let tablet = go_online(identify(tablet, "customer-42").await).await;
        let phone = next!(phone, PresenceStep::Changed(phone, Change::Focus(false)) => phone);
        // The newest *live* one has the focus: a broken connection gives it away, and a resume
        // takes it back.
        network.down();
        let phone = next!(phone, PresenceStep::Changed(phone, Change::Focus(true)) => phone);
        network.up();
        let phone = next!(phone, PresenceStep::Changed(phone, Change::Focus(false)) => phone);
        assert!(tablet.has_focus());
        drop((phone, tablet));
        world.stop().await;
    });
}

#[test]
fn story_08_request_stays_with_the_device_it_was_sent_to() {
    story(async {
        let world = World::new();
        let phone = world.online("customer-42").await;
        let ada =
            soon("the request", world.agent("ada").await.ask(id("customer-42"))).await.unwrap();
        let asked = next!(phone, PresenceStep::TermsRequested(asked) => asked);
        let tablet = world.online("customer-42").await;
        let sharing = soon("the session", asked.terms_displayed().accept()).await.unwrap();
        let ada = until!(ada, "the agent to be in", RequestingStep::Accepted(ada) => ada);
        assert_eq!(ada.session(), sharing.session());
        drop((sharing, tablet, ada));
        world.stop().await;
    });
}

#[test]
fn story_08_second_agent_who_asks_is_told_busy() {
    story(async {
        let world = World::new();
        let visitor = world.online("customer-42").await;
        let ada =
            soon("the request", world.agent("ada").await.ask(id("customer-42"))).await.unwrap();
        let asked = next!(visitor, PresenceStep::TermsRequested(asked) => asked);
        let grace = refused(world.agent("grace").await, RefusalCode::VisitorBusy).await;
        let shown = asked.terms_displayed();
        let ada = until!(
            ada,
            "displayed",
            RequestingStep::Changed(a, AgentChange::Status(AskStatus::Displayed)) => a
        );
        let grace = refused(grace, RefusalCode::VisitorBusy).await;
        // Also while sharing; the visitor and the first agent notice nothing of it.
        let sharing = soon("the session", shown.accept()).await.unwrap();
        let grace = refused(grace, RefusalCode::VisitorBusy).await;
        let ada = until!(ada, "the agent to be in", RequestingStep::Accepted(ada) => ada);
        let sharing = next!(sharing, OneClickStep::Changed(v, Change::Guests(1)) => v);
        // Afterwards it is the other's turn.
        let visitor = sharing.end();
        let _ada = until!(ada, "the end", ViewingStep::Ended(a, EndReason::Visitor) => a);
        let (sharing, grace) = one_click(visitor, grace).await;
        drop((sharing, grace));
        world.stop().await;
    });
}

#[test]
fn story_08_nobody_is_asked_who_is_not_online() {
    story(async {
        let world = World::new();
        let ada = refused(world.agent("ada").await, RefusalCode::NotOnline).await;
        let visitor = world.identified("customer-42").await;
        let ada = refused(ada, RefusalCode::NotOnline).await;
        drop((visitor, ada));
        world.stop().await;
    });
}

#[test]
fn story_08_disconnect_while_an_ask_arrives_and_the_request_is_lost() {
    story(async {
        let world = World::new();
        let network = Proxy::to(world.address).await;
        let visitor = connect(visitor_at(&network.url())).await;
        let visitor = go_online(identify(visitor, "customer-42").await).await;
        network.hold(Way::ToClient);
        let ada =
            soon("the request", world.agent("ada").await.ask(id("customer-42"))).await.unwrap();
        let visitor = visitor.disconnect();
        let (ada, outcome) =
            until!(ada, "the outcome", RequestingStep::Over(a, outcome) => (a, outcome));
        assert_eq!(outcome, AskOutcome::Lost);
        network.release(Way::ToClient);
        // The stale terms are not shown, neither now nor when the visitor is online again.
        let visitor = go_online(visitor).await;
        let (sharing, ada) = one_click(visitor, ada).await;
        drop((sharing, ada));
        world.stop().await;
    });
}

async fn refused(
    agent: coview::smol::Agent<coview::agent::SignedIn>,
    code: RefusalCode,
) -> coview::smol::Agent<coview::agent::SignedIn> {
    match soon("the answer", agent.ask(id("customer-42"))).await.unwrap_err() {
        AgentRequestError::Refused(refused) => {
            assert_eq!(refused.reason, code);
            refused.into_agent()
        }
        AgentRequestError::Closed(reason) => panic!("{reason}"),
    }
}
