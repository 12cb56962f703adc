//! Signed tokens in place of accounts: what the hub is told of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use coview_hub::ProofError;
use coview_hub::Proofs;
use coview_server::Lifetimes;
use coview_server::TokenProofs;
use coview_token::AgentClaims;
use coview_token::Algorithm;
use coview_token::SigningKey;
use coview_token::VerifyingKeys;
use coview_token::VisitorClaims;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentRights;
use coview_wire::AgentToken;
use coview_wire::GroupId;
use coview_wire::UnixTime;
use coview_wire::VisitorAssertion;
use coview_wire::VisitorId;

const NOW: UnixTime = UnixTime::new(1_800_000_000);
const MINUTE: Duration = Duration::from_secs(60);

/// One key for agents, another for visitors.
struct Backend {
    agents: SigningKey,
    visitors: SigningKey,
    proofs: TokenProofs,
}

fn backend() -> Backend {
    let agents = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let visitors = SigningKey::generate(Algorithm::Es256).unwrap();
    let proofs =
        TokenProofs::new(agents.verifying_keys(), visitors.verifying_keys(), Lifetimes::default());
    Backend { agents, visitors, proofs }
}

fn group() -> GroupId {
    GroupId::new("12345").unwrap()
}

fn grace() -> AgentClaims {
    let card = AgentCard::new(AgentId::new("grace").unwrap(), "Grace Hopper").unwrap();
    AgentClaims::new(group(), card)
}

fn ada() -> VisitorClaims {
    VisitorClaims::new(group(), VisitorId::new("customer-42").unwrap())
}

#[test]
fn the_hub_is_told_who_and_what_and_until_when() {
    let backend = backend();
    let rights = AgentRights { view_only: true, max_guests: Some(2), ..AgentRights::default() };
    let claims = grace().with_rights(rights.clone()).once();
    let token = claims.sign(&backend.agents, NOW, 60 * MINUTE).unwrap();
    let pass = backend.proofs.agent(&group(), &token, NOW).unwrap();
    assert_eq!((pass.card.agent.as_str(), pass.card.name()), ("grace", "Grace Hopper"));
    assert_eq!(pass.rights, rights);
    assert_eq!(pass.expires, NOW + 60 * MINUTE + Duration::from_secs(30));

    let same = backend.proofs.agent(&group(), &token, NOW + MINUTE).unwrap();
    assert_eq!(pass.once, same.once, "a replay is told by it");
    let other = claims.sign(&backend.agents, NOW, 60 * MINUTE).unwrap();
    let other = backend.proofs.agent(&group(), &other, NOW).unwrap();
    assert!(pass.once.is_some() && other.once.is_some() && pass.once != other.once);
    let often = grace().sign(&backend.agents, NOW, MINUTE).unwrap();
    assert_eq!(backend.proofs.agent(&group(), &often, NOW).unwrap().once, None);

    let assertion = ada().sign(&backend.visitors, NOW, 15 * MINUTE).unwrap();
    let pass = backend.proofs.visitor(&group(), &assertion, NOW).unwrap();
    assert_eq!((pass.visitor.as_str(), pass.once), ("customer-42", None));
}

/// Who may say who a visitor is may not make agents, nor the other way round.
#[test]
fn the_keys_of_the_other_purpose_sign_nothing() {
    let backend = backend();
    let token = grace().sign(&backend.visitors, NOW, MINUTE).unwrap();
    assert_eq!(backend.proofs.agent(&group(), &token, NOW), Err(ProofError::Bad));
    let assertion = ada().sign(&backend.agents, NOW, MINUTE).unwrap();
    assert_eq!(backend.proofs.visitor(&group(), &assertion, NOW), Err(ProofError::Bad));
}

#[test]
fn what_one_key_signs_for_one_purpose_is_nothing_for_the_other() {
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let keys = key.verifying_keys();
    let proofs = TokenProofs::new(keys.clone(), keys, Lifetimes::default());
    let token = grace().sign(&key, NOW, MINUTE).unwrap();
    let as_assertion = VisitorAssertion::new(token.expose_secret()).unwrap();
    assert!(proofs.agent(&group(), &token, NOW).is_ok());
    assert_eq!(proofs.visitor(&group(), &as_assertion, NOW), Err(ProofError::Bad));
    let assertion = ada().sign(&key, NOW, MINUTE).unwrap();
    let as_token = AgentToken::new(assertion.expose_secret()).unwrap();
    assert!(proofs.visitor(&group(), &assertion, NOW).is_ok());
    assert_eq!(proofs.agent(&group(), &as_token, NOW), Err(ProofError::Bad));
}

#[test]
fn why_not_is_told_in_few_words() {
    let backend = backend();
    let (agents, visitors) = (&backend.agents, &backend.visitors);
    let agent = |token: AgentToken, now| backend.proofs.agent(&group(), &token, now).err();
    let token = |now, minutes| grace().sign(agents, now, minutes * MINUTE).unwrap();
    assert_eq!(agent(token(NOW, 120), NOW), None);
    assert_eq!(agent(token(NOW, 121), NOW), Some(ProofError::TooLong));
    assert_eq!(agent(token(NOW, 1), NOW + 2 * MINUTE), Some(ProofError::Expired));
    assert_eq!(agent(token(NOW + MINUTE, 1), NOW), Some(ProofError::NotYet));
    assert_eq!(agent(AgentToken::new("the-token-of-grace").unwrap(), NOW), Some(ProofError::Bad));

    let visitor = |minutes, now| {
        let assertion = ada().sign(visitors, NOW, minutes * MINUTE).unwrap();
        backend.proofs.visitor(&group(), &assertion, now).err()
    };
    assert_eq!(visitor(15, NOW), None);
    assert_eq!(visitor(16, NOW), Some(ProofError::TooLong));
    assert_eq!(visitor(1, NOW + 2 * MINUTE), Some(ProofError::Expired));

    let other = GroupId::new("67890").unwrap();
    assert_eq!(backend.proofs.agent(&other, &token(NOW, 1), NOW), Err(ProofError::Bad));
}

#[test]
fn without_keys_nobody_is_anybody() {
    let backend = backend();
    let none = VerifyingKeys::default;
    let proofs = TokenProofs::new(none(), none(), Lifetimes::default());
    let token = grace().sign(&backend.agents, NOW, MINUTE).unwrap();
    assert_eq!(proofs.agent(&group(), &token, NOW), Err(ProofError::Bad));
    let assertion = ada().sign(&backend.visitors, NOW, MINUTE).unwrap();
    assert_eq!(proofs.visitor(&group(), &assertion, NOW), Err(ProofError::Bad));
}
