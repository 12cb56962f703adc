//! The two ways to a session, between a visitor and an agent on networks of any kind.

use coview_agent::AskStatus;
use coview_agent::Change as AgentChange;
use coview_agent::Requesting;
use coview_agent::RequestingStep;
use coview_agent::SignedIn;
use coview_agent::Viewing;
use coview_agent::ViewingStep;
use coview_lifecycle::Anonymous;
use coview_lifecycle::Manual;
use coview_lifecycle::ManualStep;
use coview_lifecycle::OneClick;
use coview_lifecycle::OneClickStep;
use coview_lifecycle::PresenceConnected;
use coview_lifecycle::PresenceStep;
use coview_lifecycle::Sharing;
use coview_lifecycle::TermsShown;
use coview_smol::Agent;
use coview_smol::Visitor;
use coview_wire::EndReason;
use coview_wire::SessionKey;

use crate::house::soon;
use crate::house::until;

pub type ByKey = Visitor<Sharing<Manual, Anonymous>>;
pub type ByRequest = Visitor<Sharing<OneClick, PresenceConnected>>;

/// The visitor shares, reads the key out, and the agent types it.
pub async fn by_key(
    visitor: Visitor<Anonymous>,
    agent: Agent<SignedIn>,
) -> (ByKey, Agent<Viewing>, SessionKey) {
    let mut sharing = soon("the session", visitor.start_manual()).await.unwrap();
    let key = SessionKey::parse(&sharing.key().to_string()).unwrap();
    let viewing = soon("the agent to be in", agent.join(key)).await.unwrap();
    assert_eq!(viewing.session(), sharing.session());
    while sharing.guests() != 1 {
        sharing = match soon("one guest", sharing.next()).await {
            ManualStep::Changed(sharing, _) => sharing,
            other => panic!("instead of one guest: {other:?}"),
        };
    }
    (sharing, viewing, key)
}

/// The agent asks, the visitor accepts, and nobody types anything.
pub async fn by_request(
    visitor: Visitor<PresenceConnected>,
    agent: Agent<SignedIn>,
) -> (ByRequest, Agent<Viewing>) {
    let who = visitor.visitor_id().clone();
    let requesting = soon("the request", agent.ask(who)).await.unwrap();
    let asked = until!(visitor, "the terms", PresenceStep::TermsRequested(asked) => asked);
    let mut sharing = soon("the session", asked.terms_displayed().accept()).await.unwrap();
    let viewing = until!(requesting, "the agent to be in", RequestingStep::Accepted(a) => a);
    assert_eq!(viewing.session(), sharing.session());
    while sharing.guests() != 1 {
        sharing = match soon("one guest", sharing.next()).await {
            OneClickStep::Changed(sharing, _) => sharing,
            other => panic!("instead of one guest: {other:?}"),
        };
    }
    (sharing, viewing)
}

/// A visitor whose terms are on the screen, and the agent who waits for an answer.
pub async fn unanswered(
    visitor: Visitor<PresenceConnected>,
    agent: Agent<SignedIn>,
) -> (Visitor<TermsShown>, Agent<Requesting>) {
    let who = visitor.visitor_id().clone();
    let requesting = soon("the request", agent.ask(who)).await.unwrap();
    let asked = until!(visitor, "the terms", PresenceStep::TermsRequested(asked) => asked);
    let shown = asked.terms_displayed();
    let waiting = until!(
        requesting,
        "the terms to be displayed",
        RequestingStep::Changed(a, AgentChange::Status(AskStatus::Displayed)) => a
    );
    (shown, waiting)
}

/// The agent is told that the session is over, and why.
pub async fn ended(viewing: Agent<Viewing>) -> (Agent<SignedIn>, EndReason) {
    until!(viewing, "the end", ViewingStep::Ended(agent, why) => (agent, why))
}
