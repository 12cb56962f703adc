//! 12. The visitor confirms who joins with the key, before the first picture.

use coview::Change;
use coview::ConfirmingStep;
use coview::EndReason;
use coview::ManualStep;
use coview::PresenceStep;
use coview::RefusalCode;
use coview::SessionKey;
use coview::StateKind;
use coview::WithdrawReason;
use coview::agent::JoiningStep;
use coview::agent::SignedIn;
use coview::agent::ViewingStep;
use coview::smol::Agent;
use coview::smol::Visitor;

use crate::manual::reason;
use crate::proxy::Proxy;
use crate::world::*;

/// A server whose visitors confirm who joins.
fn careful() -> World {
    World::with(|config| {
        config.hub.groups.get_mut(&group(GROUP)).unwrap().confirm_join = true;
    })
}

type ByKey<H> = Visitor<coview::Sharing<coview::Manual, H>>;

async fn shares<H: coview::CanStartManually>(visitor: Visitor<H>) -> (ByKey<H>, SessionKey) {
    let sharing = soon("the session", visitor.start_manual()).await.unwrap();
    let key = SessionKey::parse(&sharing.key().to_string()).unwrap();
    (sharing, key)
}

/// An agent who typed the key and waits for the visitor's word.
async fn knocks(agent: Agent<SignedIn>, key: SessionKey) -> Agent<coview::agent::Joining> {
    let joining = soon("the key to be right", agent.knock(key)).await.unwrap();
    assert!(joining.visitor_asked().is_some(), "the visitor is asked");
    joining
}

/// The visitor whose app is told that an agent waits.
async fn asked<H: coview::CanStartManually>(sharing: ByKey<H>) -> Visitor<coview::Confirming<H>> {
    until!(sharing, "the question", ManualStep::JoinRequested(confirming) => confirming)
}

#[test]
fn story_12_confirmed_join() {
    story(async {
        let world = careful();
        let (sharing, key) = shares(world.visitor().await).await;
        let ada = knocks(world.agent("ada").await, key).await;
        let confirming = asked(sharing).await;
        assert_eq!(confirming.state(), StateKind::ConfirmingAnonymous);
        assert_eq!(confirming.agent().name(), full_name("ada"), "the verified name");
        assert_eq!(
            (confirming.guests(), confirming.agents().len()),
            (0, 0),
            "who waits is no guest"
        );
        assert!(confirming.expires_ms() > 0);
        let shown = confirming.key().to_string();

        let sharing = confirming.confirm();
        let ada = next!(ada, JoiningStep::LetIn(viewing) => viewing);
        assert_eq!(ada.session(), sharing.session());
        let sharing = until!(sharing, "one guest", ManualStep::Changed(v, Change::Guests(1)) => v);
        assert_eq!(sharing.agents()[0].name(), full_name("ada"));
        assert_eq!(sharing.key().to_string(), shown, "the key stays the same");

        // A second one is asked about, too, and the first one is in all the time.
        let grace = knocks(world.agent("grace").await, key).await;
        let confirming = asked(sharing).await;
        assert_eq!(confirming.agent().name(), full_name("grace"));
        assert_eq!((confirming.guests(), confirming.agents()[0].name()), (1, &*full_name("ada")));
        let sharing = confirming.confirm();
        let grace = next!(grace, JoiningStep::LetIn(viewing) => viewing);
        assert_eq!(grace.guests(), 2);
        drop((sharing, ada, grace));
        world.stop().await;
    });
}

#[test]
fn story_12_the_visitor_says_no_and_the_key_is_burned() {
    story(async {
        let world = careful();
        let (sharing, key) = shares(world.identified("customer-42").await).await;
        let ada = knocks(world.agent("ada").await, key).await;
        let sharing = asked(sharing).await.refuse();
        let ada = next!(
            ada,
            JoiningStep::KeptOut(agent, RefusalCode::JoinDeclined) => agent
        );
        // Nobody was in the session, so nobody can come any more.
        let visitor = until!(
            sharing,
            "the end",
            ManualStep::Ended(visitor, EndReason::KeyBurned) => visitor
        );
        assert_eq!(visitor.state(), StateKind::Identified);
        let refused = soon("the answer", ada.join(key)).await.unwrap_err();
        assert_eq!(reason(&refused), Some(RefusalCode::NoSuchKey));
        drop((visitor, refused));
        world.stop().await;
    });
}

#[test]
fn story_12_who_was_let_in_stays_when_another_is_refused() {
    story(async {
        let world = careful();
        let (sharing, key) = shares(world.visitor().await).await;
        let ada = knocks(world.agent("ada").await, key).await;
        let sharing = asked(sharing).await.confirm();
        let ada = next!(ada, JoiningStep::LetIn(viewing) => viewing);
        let grace = knocks(world.agent("grace").await, key).await;
        let sharing = asked(sharing).await.refuse();
        let grace = next!(grace, JoiningStep::KeptOut(agent, RefusalCode::JoinDeclined) => agent);
        let refused = soon("the answer", grace.join(key)).await.unwrap_err();
        assert_eq!(reason(&refused), Some(RefusalCode::NoSuchKey), "the key is burned");
        assert_eq!(sharing.guests(), 1);
        let _visitor = sharing.end();
        let _ada = until!(ada, "the end", ViewingStep::Ended(a, EndReason::Visitor) => a);
        drop(refused);
        world.stop().await;
    });
}

#[test]
fn story_12_no_answer_is_a_no_that_burns_nothing() {
    story(async {
        let world = World::with(|config| {
            config.hub.groups.get_mut(&group(GROUP)).unwrap().confirm_join = true;
            config.hub.policy.terms_unanswered = ms(150);
        });
        let (sharing, key) = shares(world.visitor().await).await;
        let ada = knocks(world.agent("ada").await, key).await;
        let confirming = asked(sharing).await;
        let sharing = until!(
            confirming,
            "the end of the wait",
            ConfirmingStep::Withdrawn(sharing, WithdrawReason::Expired) => sharing
        );
        let ada = next!(ada, JoiningStep::KeptOut(agent, RefusalCode::NoAnswer) => agent);
        // The key still opens the door.
        let ada = knocks(ada, key).await;
        let sharing = asked(sharing).await.confirm();
        let ada = next!(ada, JoiningStep::LetIn(viewing) => viewing);
        drop((sharing, ada));
        world.stop().await;
    });
}

#[test]
fn story_12_the_agent_thinks_better_of_it() {
    story(async {
        let world = careful();
        let (sharing, key) = shares(world.visitor().await).await;
        let ada = knocks(world.agent("ada").await, key).await;
        let confirming = asked(sharing).await;
        let _ada = ada.cancel();
        let sharing = until!(
            confirming,
            "the question to go",
            ConfirmingStep::Withdrawn(sharing, WithdrawReason::Agent) => sharing
        );
        assert_eq!(sharing.guests(), 0);
        drop(sharing);
        world.stop().await;
    });
}

#[test]
fn story_12_one_waits_at_a_time() {
    story(async {
        let world = careful();
        let (sharing, key) = shares(world.visitor().await).await;
        let ada = knocks(world.agent("ada").await, key).await;
        let confirming = asked(sharing).await;
        let grace = world.agent("grace").await;
        let refused = soon("the answer", grace.join(key)).await.unwrap_err();
        assert_eq!(reason(&refused), Some(RefusalCode::VisitorBusy));
        let sharing = confirming.confirm();
        let ada = next!(ada, JoiningStep::LetIn(viewing) => viewing);
        drop((sharing, ada, refused));
        world.stop().await;
    });
}

#[test]
fn story_12_the_visitor_ends_while_an_agent_waits() {
    story(async {
        let world = careful();
        let (sharing, key) = shares(world.online("customer-42").await).await;
        let ada = knocks(world.agent("ada").await, key).await;
        let visitor = asked(sharing).await.end();
        assert_eq!(visitor.state(), StateKind::PresenceConnected);
        let ada = next!(ada, JoiningStep::KeptOut(agent, RefusalCode::SessionGone) => agent);
        // Both are free for the one-click start.
        let ada = watch(ada).await;
        let ada = soon("the request", ada.ask(id("customer-42"))).await.unwrap();
        let terms = until!(visitor, "the terms", PresenceStep::TermsRequested(asked) => asked);
        drop((terms, ada));
        world.stop().await;
    });
}

#[test]
fn story_12_a_break_while_the_agent_waits() {
    story(async {
        let world = careful();
        let network = Proxy::to(world.address).await;
        let visitor = connect(visitor_at(&network.url())).await;
        let (sharing, key) = shares(visitor).await;
        let ada = knocks(world.agent("ada").await, key).await;
        let confirming = asked(sharing).await;
        network.cut();
        // The answer is given without a connection, and arrives after it is back.
        let sharing = confirming.confirm();
        let ada = soon("ada to be in", ada.next());
        let sharing = soon("the visitor to be back", sharing.next());
        let (ada, sharing) = smol::future::zip(ada, sharing).await;
        let JoiningStep::LetIn(ada) = ada else { panic!("{ada:?}") };
        drop((ada, sharing));
        world.stop().await;
    });
}

/// A visitor who comes back while an agent waits is asked, and once.
#[test]
fn story_12_a_question_that_came_while_away() {
    story(async {
        let world = careful();
        let network = Proxy::to(world.address).await;
        let visitor = connect(visitor_at(&network.url())).await;
        let (sharing, key) = shares(visitor).await;
        network.down();
        let mut next = sharing.next();
        let ada = knocks(world.agent("ada").await, key).await;
        network.up();
        let confirming = loop {
            match soon("the question", &mut next).await {
                ManualStep::JoinRequested(confirming) => break confirming,
                ManualStep::Changed(sharing, _) => next = sharing.next(),
                ended @ ManualStep::Ended(..) => panic!("{ended:?}"),
            }
        };
        let sharing = confirming.confirm();
        let ada = next!(ada, JoiningStep::LetIn(viewing) => viewing);
        drop((sharing, ada));
        world.stop().await;
    });
}
