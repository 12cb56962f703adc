//! 6. No: declined, withdrawn, not answered in time.

use coview::AskOutcome;
use coview::PresenceStep;
use coview::StateKind;
use coview::TermsStep;
use coview::WithdrawReason;
use coview::agent::AgentStateKind;
use coview::agent::AskStatus;
use coview::agent::Change as AgentChange;
use coview::agent::RequestingStep;

use crate::one_click::one_click;
use crate::world::*;

#[test]
fn story_06_decline_is_told_and_nothing_starts() {
    story(async {
        let world = World::new();
        let mut visitor = world.online("customer-42").await;
        let mut ada = world.watcher("ada").await;
        // Before the terms are on the screen, and after.
        for displayed in [false, true] {
            let requesting = soon("the request", ada.ask(id("customer-42"))).await.unwrap();
            let asked = until!(visitor, "the terms", PresenceStep::TermsRequested(asked) => asked);
            visitor = if displayed {
                let shown = asked.terms_displayed();
                let requesting_shown = shown.decline();
                assert_eq!(requesting_shown.state(), StateKind::PresenceConnected);
                requesting_shown
            } else {
                asked.decline()
            };
            let (agent, outcome) = until!(requesting, "declined", RequestingStep::Over(agent, outcome) => (agent, outcome));
            assert_eq!(outcome, AskOutcome::Declined);
            assert_eq!(agent.state(), AgentStateKind::SignedIn);
            ada = sees(agent, "the visitor free", "customer-42", |card| !card.busy).await;
        }
        assert_eq!(world.metric("coview_sessions").await, 0);
        assert_eq!(world.metric("coview_asks_declined_total").await, 2);
        assert_eq!(world.metric("coview_sessions_one_click_total").await, 0);
        // A no is not for ever.
        let (sharing, ada) = one_click(visitor, ada).await;
        drop((sharing, ada));
        world.stop().await;
    });
}

#[test]
fn story_06_withdrawn_terms_go_away_with_the_reason() {
    story(async {
        let world = World::new();
        let mut visitor = world.online("customer-42").await;
        let mut ada = world.agent("ada").await;
        for displayed in [false, true] {
            let requesting = soon("the request", ada.ask(id("customer-42"))).await.unwrap();
            let asked = until!(visitor, "the terms", PresenceStep::TermsRequested(asked) => asked);
            if displayed {
                let shown = asked.terms_displayed();
                let requesting = until!(
                    requesting,
                    "displayed",
                    RequestingStep::Changed(a, AgentChange::Status(AskStatus::Displayed)) => a
                );
                ada = requesting.withdraw();
                visitor =
                    next!(shown, TermsStep::Withdrawn(visitor, WithdrawReason::Agent) => visitor);
            } else {
                ada = requesting.withdraw();
                visitor =
                    next!(asked, TermsStep::Withdrawn(visitor, WithdrawReason::Agent) => visitor);
            }
            assert_eq!(visitor.state(), StateKind::PresenceConnected);
            assert_eq!(ada.state(), AgentStateKind::SignedIn);
        }
        let (sharing, ada) = one_click(visitor, ada).await;
        drop((sharing, ada));
        world.stop().await;
    });
}

#[test]
fn story_06_no_answer_in_time_is_a_no() {
    story(async {
        let world = World::with(|config| config.hub.policy.terms_unanswered = ms(300));
        let mut visitor = world.online("customer-42").await;
        let mut ada = world.agent("ada").await;
        for displayed in [false, true] {
            let requesting = soon("the request", ada.ask(id("customer-42"))).await.unwrap();
            assert!(requesting.expires_ms() <= 300);
            let asked = until!(visitor, "the terms", PresenceStep::TermsRequested(asked) => asked);
            assert!(asked.expires_ms() <= 300);
            visitor = if displayed {
                let shown = asked.terms_displayed();
                next!(shown, TermsStep::Withdrawn(visitor, WithdrawReason::Expired) => visitor)
            } else {
                next!(asked, TermsStep::Withdrawn(visitor, WithdrawReason::Expired) => visitor)
            };
            let (agent, outcome) = until!(requesting, "the outcome", RequestingStep::Over(agent, outcome) => (agent, outcome));
            assert_eq!(outcome, AskOutcome::Expired);
            ada = agent;
        }
        assert_eq!(world.metric("coview_sessions_one_click_total").await, 0);
        assert_eq!(world.metric("coview_asks").await, 0);
        drop((visitor, ada));
        world.stop().await;
    });
}

#[test]
fn story_06_yes_after_the_time_is_refused() {
    story(async {
        let world = World::with(|config| config.hub.policy.terms_unanswered = ms(300));
        let visitor = world.online("customer-42").await;
        let ada =
            soon("the request", world.agent("ada").await.ask(id("customer-42"))).await.unwrap();
        let asked = until!(visitor, "the terms", PresenceStep::TermsRequested(asked) => asked);
        let shown = asked.terms_displayed();
        let (ada, outcome) =
            until!(ada, "the outcome", RequestingStep::Over(a, outcome) => (a, outcome));
        assert_eq!(outcome, AskOutcome::Expired);
        let refused = soon("the answer", shown.accept()).await.unwrap_err();
        assert_eq!(refused.to_string(), "refused: the request no longer stands");
        let visitor = refused.into_visitor().unwrap();
        assert_eq!(visitor.state(), StateKind::PresenceConnected);
        assert_eq!(world.metric("coview_sessions_one_click_total").await, 0);
        drop((visitor, ada));
        world.stop().await;
    });
}
