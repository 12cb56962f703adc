//! 13. A group that asks for proof of who a visitor is.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use coview::AgentToken;
use coview::Anonymous;
use coview::Change;
use coview::Connectivity;
use coview::GroupId;
use coview::Identity;
use coview::LinkClosed;
use coview::PresenceStep;
use coview::RefusalCode;
use coview::RequestError;
use coview::VisitorAssertion;
use coview::smol::Visitor;
use coview_hub::Accounts;
use coview_hub::AgentPass;
use coview_hub::ProofError;
use coview_hub::Proofs;
use coview_hub::VisitorPass;
use coview_server::ServerConfig;
use coview_wire::UnixTime;

use crate::network::on_a_port_of_its_own_with;
use crate::world::*;

/// Assertions in words: `customer-42 in 12345`, good or, with an `old` before, until they expire.
#[derive(Debug)]
struct Papers {
    agents: Accounts,
    /// The old ones have expired.
    late: AtomicBool,
}

fn papers() -> Papers {
    let agents = AGENTS.map(account).into_iter().collect();
    Papers { agents, late: AtomicBool::new(false) }
}

impl Proofs for Papers {
    fn agent(
        &self,
        group: &GroupId,
        token: &AgentToken,
        now: UnixTime,
    ) -> Result<AgentPass, ProofError> {
        self.agents.agent(group, token, now)
    }

    fn visitor(
        &self,
        group: &GroupId,
        assertion: &VisitorAssertion,
        now: UnixTime,
    ) -> Result<VisitorPass, ProofError> {
        let text = assertion.expose_secret();
        let (old, text) = match text.strip_prefix("old ") {
            Some(text) => (true, text),
            None => (false, text),
        };
        let (visitor, of) = text.split_once(" in ").ok_or(ProofError::Bad)?;
        if of != group.as_str() {
            return Err(ProofError::Bad);
        }
        if old && self.late.load(Ordering::SeqCst) {
            return Err(ProofError::Expired);
        }
        let expires = now + Duration::from_secs(600);
        Ok(VisitorPass { visitor: id(visitor), expires, once: None })
    }
}

fn strict(config: &mut ServerConfig, papers: &Arc<Papers>) {
    let group = config.hub.groups.get_mut(&group(GROUP)).unwrap();
    group.assertion_needed = true;
    group.proofs = Arc::<Papers>::clone(papers);
}

fn with_papers(text: &str) -> Identity {
    Identity::new(id("customer-42")).with_assertion(paper(text))
}

fn paper(text: &str) -> VisitorAssertion {
    VisitorAssertion::new(text).unwrap()
}

async fn refused(
    visitor: Visitor<Anonymous>,
    who: Identity,
    expected: RefusalCode,
) -> Visitor<Anonymous> {
    match soon("the answer", visitor.identify(who)).await {
        Err(RequestError::Refused(refused)) => {
            assert_eq!(refused.reason, expected);
            refused.into_visitor()
        }
        other => panic!("instead of {expected}: {other:?}"),
    }
}

#[test]
fn story_13_nobody_is_customer_42_without_proof() {
    story(async {
        let papers = Arc::new(papers());
        papers.late.store(true, Ordering::SeqCst);
        let world = World::with(|config| strict(config, &papers));
        let visitor = world.visitor().await;
        assert!(visitor.settings().assertion_needed);
        let bare = Identity::new(id("customer-42"));
        let visitor = refused(visitor, bare, RefusalCode::AssertionNeeded).await;
        let visitor = refused(visitor, with_papers("forged"), RefusalCode::BadAssertion).await;
        for other in ["customer-43 in 12345", "customer-42 in 67890"] {
            let who = with_papers(other);
            let again = world.visitor().await;
            drop(refused(again, who, RefusalCode::BadAssertion).await);
        }
        let old = with_papers("old customer-42 in 12345");
        let visitor = refused(visitor, old, RefusalCode::TokenExpired).await;
        let good = with_papers(&format!("customer-42 in {GROUP}"));
        let visitor = soon("the identity", visitor.identify(good)).await.unwrap();
        assert_eq!(visitor.visitor_id(), &id("customer-42"));
        drop(visitor);
        world.stop().await;
    });
}

/// The three outcomes for a second device: here hand-off and rejection; *resume* is the same device,
/// which the stories about networks tell.
#[test]
fn story_13_a_second_device_takes_over_with_proof_and_not_without() {
    story(async {
        let papers = Arc::new(papers());
        let world = World::with(|config| strict(config, &papers));
        let good = || with_papers(&format!("customer-42 in {GROUP}"));
        let phone = soon("the identity", world.visitor().await.identify(good())).await.unwrap();
        let phone = go_online(phone).await;
        assert!(phone.has_focus());

        let stranger = world.visitor().await;
        let bare = Identity::new(id("customer-42"));
        let stranger = refused(stranger, bare, RefusalCode::AssertionNeeded).await;

        let tablet = soon("the identity", world.visitor().await.identify(good())).await.unwrap();
        let tablet = go_online(tablet).await;
        assert!(tablet.has_focus(), "the newest has the focus");
        let phone =
            until!(phone, "the focus to go", PresenceStep::Changed(v, Change::Focus(false)) => v);
        drop((phone, tablet, stranger));
        world.stop().await;
    });
}

#[test]
fn story_13_a_refreshed_assertion_disturbs_nobody_and_a_bad_one_is_told() {
    story(async {
        let papers = Arc::new(papers());
        let world = World::with(|config| strict(config, &papers));
        let ada = coview::Profile::new().with_name("Ada Lovelace").unwrap();
        let good = with_papers(&format!("customer-42 in {GROUP}")).with_profile(ada);
        let visitor = soon("the identity", world.visitor().await.identify(good)).await.unwrap();
        let mut visitor = go_online(visitor).await;
        visitor.refresh_assertion(paper(&format!("customer-42 in {GROUP}")));
        visitor.refresh_assertion(paper("customer-43 in 12345"));
        // The first is answered before the second, and is no news.
        let visitor = next!(visitor, PresenceStep::Changed(v, change) => {
            assert_eq!(change, Change::Problem(RefusalCode::BadAssertion));
            v
        });
        let named = |card: &coview::agent::VisitorCard| card.profile.name() == Some("Ada Lovelace");
        let agent = sees(world.watcher("ada").await, "the name", "customer-42", named).await;
        drop((visitor, agent));
        world.stop().await;
    });
}

/// A server is killed and another begins at the same place while the first assertion expires.
async fn restarted(refreshes: bool) -> Result<(), LinkClosed> {
    let papers = Arc::new(papers());
    let world = on_a_port_of_its_own_with(|config| strict(config, &papers));
    let listen = world.address;
    let old = with_papers(&format!("old customer-42 in {GROUP}"));
    let visitor = soon("the identity", world.visitor().await.identify(old)).await.unwrap();
    let mut visitor = go_online(visitor).await;
    if refreshes {
        visitor.refresh_assertion(paper(&format!("customer-42 in {GROUP}")));
    }
    world.kill().await;
    papers.late.store(true, Ordering::SeqCst);
    let world = World::with(|config| {
        config.listen = listen;
        strict(config, &papers);
    });
    let end = loop {
        match soon("the new server", visitor.next()).await {
            PresenceStep::Changed(_, Change::Connectivity(Connectivity::Connected)) => {
                break Ok(());
            }
            PresenceStep::Changed(same, _) => visitor = same,
            PresenceStep::Lost(visitor) => match soon("the reason", visitor.next()).await {
                coview::IdentifiedStep::Closed(reason) => break Err(reason),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    };
    world.stop().await;
    end
}

#[test]
fn story_13_a_restart_with_a_fresh_assertion_is_not_noticed() {
    story(async { assert_eq!(restarted(true).await, Ok(())) });
}

#[test]
fn story_13_a_restart_with_an_expired_assertion_closes_and_says_why() {
    story(async {
        let why = LinkClosed::Refused(RefusalCode::TokenExpired);
        assert_eq!(restarted(false).await, Err(why));
    });
}
