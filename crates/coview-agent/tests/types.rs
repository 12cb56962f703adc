//! What the types promise beside their methods: threads, sizes, secrets.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test runs on std, and stops at what it does not expect"
)]

use core::fmt;
use core::task::Context;
use core::task::Poll;

use coview_agent::Agent;
use coview_agent::AgentArrival;
use coview_agent::AgentLink;
use coview_agent::AnyAgent;
use coview_agent::AnyNext;
use coview_agent::AnyPending;
use coview_agent::AnyRequestError;
use coview_agent::AnyStep;
use coview_agent::ApiMisuse;
use coview_agent::Applied;
use coview_agent::Change;
use coview_agent::Command;
use coview_agent::Next;
use coview_agent::Pending;
use coview_agent::Refused;
use coview_agent::RequestError;
use coview_agent::Requesting;
use coview_agent::RequestingStep;
use coview_agent::SignedIn;
use coview_agent::SignedInStep;
use coview_agent::Viewing;
use coview_agent::ViewingStep;
use coview_agent::Watching;
use coview_agent::queue;
use coview_wire::AgentMessage;
use coview_wire::PresenceData;
use coview_wire::Profile;
use coview_wire::RefusalCode;
use coview_wire::SessionKey;
use coview_wire::VisitorCard;
use coview_wire::VisitorId;
use coview_wire::VisitorOnline;
use smol::future::block_on;

/// A link that may go to another thread, and has no `Debug`.
struct Anywhere;

impl AgentLink for Anywhere {
    fn send(&mut self, _: AgentMessage) {}

    fn poll_recv(&mut self, _: &mut Context<'_>) -> Poll<AgentArrival> {
        Poll::Pending
    }
}

const fn anywhere<T: Send + Sync + Unpin + fmt::Debug + 'static>() {}

const _: () = {
    anywhere::<Agent<SignedIn, Anywhere>>();
    anywhere::<Agent<Requesting, Anywhere>>();
    anywhere::<Agent<Viewing, Anywhere>>();
    anywhere::<Pending<Requesting, SignedIn, Anywhere>>();
    anywhere::<Pending<Viewing, SignedIn, Anywhere>>();
    anywhere::<Next<SignedIn, Anywhere>>();
    anywhere::<Next<Requesting, Anywhere>>();
    anywhere::<Next<Viewing, Anywhere>>();
    anywhere::<SignedInStep<Anywhere>>();
    anywhere::<RequestingStep<Anywhere>>();
    anywhere::<ViewingStep<Anywhere>>();
    anywhere::<Refused<SignedIn, Anywhere>>();
    anywhere::<RequestError<SignedIn, Anywhere>>();
    anywhere::<AnyAgent<Anywhere>>();
    anywhere::<AnyPending<Anywhere>>();
    anywhere::<AnyNext<Anywhere>>();
    anywhere::<AnyStep<Anywhere>>();
    anywhere::<AnyRequestError<Anywhere>>();
    anywhere::<Applied<Anywhere>>();
    anywhere::<ApiMisuse<Anywhere>>();
    anywhere::<Change>();
    anywhere::<Command>();
    anywhere::<Watching>();
    anywhere::<AgentArrival>();
};

#[test]
fn values_are_small() {
    type Answer<To> = Result<Agent<To, Anywhere>, RequestError<SignedIn, Anywhere>>;
    assert!(size_of::<Answer<Requesting>>() < 128);
    assert!(size_of::<Answer<Viewing>>() < 128);
    assert!(size_of::<Result<AnyAgent<Anywhere>, AnyRequestError<Anywhere>>>() < 128);
    assert!(size_of::<Result<Applied<Anywhere>, ApiMisuse<Anywhere>>>() < 128);
    assert!(size_of::<AnyStep<Anywhere>>() < 128);
    assert!(size_of::<Agent<Viewing, Anywhere>>() <= 40);
}

#[test]
fn errors_are_errors() {
    fn error<E: core::error::Error>() {}
    error::<Refused<SignedIn, Anywhere>>();
    error::<RequestError<SignedIn, Anywhere>>();
    error::<AnyRequestError<Anywhere>>();
    error::<ApiMisuse<Anywhere>>();
}

#[test]
fn debug_tells_no_secret() {
    let id = VisitorId::new("customer-42").unwrap();
    let key = SessionKey::parse("123 456 786").unwrap();
    let profile = Profile::new()
        .with_name("Lovelace")
        .unwrap()
        .with_email("ada@example.org")
        .unwrap()
        .with_phone("555-0100")
        .unwrap();
    let data = PresenceData::new().with("page", "/secret-page").unwrap();
    let (mut agent, mut peer) = queue::agent();
    peer.grant_all();
    agent.watch(Watching::Group);
    let mut out = String::new();
    let mut note = |thing: &dyn fmt::Debug| out.push_str(&format!("{thing:?}\n{thing:#?}\n"));

    let step = block_on(agent.next());
    note(&step);
    let SignedInStep::Changed(agent, _) = step else { panic!() };
    note(&agent);
    let card = VisitorCard { profile, data, ..queue::visitor_card(&id) };
    peer.say(VisitorOnline { card });
    let step = block_on(agent.next());
    note(&step);
    let SignedInStep::Changed(agent, change) = step else { panic!() };
    assert_eq!(change, Change::VisitorOnline(id.clone()));
    assert_eq!(agent.roster()[&id].profile.name(), Some("Lovelace"));
    note(&agent.roster());

    note(&Command::Join(key));
    let pending = agent.join(key);
    note(&pending);
    let viewing = block_on(pending).unwrap();
    note(&viewing);
    peer.refuse_all(RefusalCode::NoSuchKey);
    let any = AnyAgent::from(viewing.leave());
    note(&any);
    let misuse = any.apply(Command::End).unwrap_err();
    note(&misuse);
    let applied = misuse.into_agent().apply(Command::Join(key)).unwrap();
    note(&applied);
    let Applied::Pending(pending) = applied else { panic!() };
    let error = block_on(pending).unwrap_err();
    note(&error);
    out.push_str(&error.to_string());
    let AnyRequestError::Refused { agent, .. } = error else { panic!() };
    let next = agent.next();
    out.push_str(&format!("{next:?}"));
    let agent = Agent::<SignedIn, _>::try_from(next.into_agent().unwrap()).unwrap();
    let error = block_on(agent.ask(id)).unwrap_err();
    out.push_str(&format!("{error:?} {error}"));

    for secret in ["123456786", "123 456 786", "Lovelace", "ada@", "555-0100", "secret-page"] {
        assert!(!out.contains(secret), "{secret} in {out}");
    }
}
