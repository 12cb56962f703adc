//! 4. Presence.

use coview::PresenceData;
use coview::PresencePatch;
use coview::Profile;
use coview::RefusalCode;
use coview::RequestError;
use coview::StateKind;
use coview::agent::Change as AgentChange;
use coview::agent::SignedInStep;
use coview::agent::VisitorCard;
use coview::agent::Watching;
use coview::smol::AgentConfig;
use coview::smol::Config;

use crate::world::*;

#[test]
fn story_04_watching_agents_see_who_is_online_with_profile_and_data() {
    story(async {
        let world = World::new();
        // One watches everybody, one this visitor, one another visitor, one is of another group.
        let ada = world.watcher("ada").await;
        let mut grace = world.agent("grace").await;
        grace.watch(Watching::Visitor(id("customer-42")));
        let grace = until!(grace, "the roster", SignedInStep::Changed(a, AgentChange::Roster) => a);
        let mut joan = world.agent("joan").await;
        joan.watch(Watching::Visitor(id("somebody-else")));
        let joan = until!(joan, "the roster", SignedInStep::Changed(a, AgentChange::Roster) => a);
        let url = world.url().parse().unwrap();
        let eve = AgentConfig::new(url, group(CLOSED_GROUP), token("eve"));
        let eve = watch(sign_in(eve).await).await;
        assert!(ada.roster().is_empty() && ada.roster_is_complete());

        let profile = Profile::new()
            .with_name("Ada Lovelace")
            .and_then(|profile| profile.with_email("ada@example.org"))
            .and_then(|profile| profile.with_phone("+44 20 7946 0000"))
            .unwrap();
        let data = PresenceData::new().with("page", "/cart").unwrap().with("items", "3").unwrap();
        let visitor = connect(visitor_at(world.url()).with_profile(profile.clone())).await;
        let visitor = identify(visitor, "customer-42").await;
        let mut visitor =
            soon("the presence", visitor.connect_presence_with(data.clone())).await.unwrap();
        assert_eq!(visitor.state(), StateKind::PresenceConnected);
        assert!(visitor.has_focus());

        let card = |card: &VisitorCard| {
            card.profile == profile && card.data == data && card.reachable && !card.busy
        };
        let ada = sees(ada, "the visitor online", "customer-42", card).await;
        let grace = sees(grace, "the visitor online", "customer-42", card).await;

        // An update merges: sets, removes, keeps the rest.
        let patch = PresencePatch::new().set("page", "/checkout").unwrap();
        visitor.update_presence(patch.remove("items").unwrap().set("step", "2").unwrap());
        let ada = sees(ada, "the merged data", "customer-42", |card| {
            card.data.iter().collect::<Vec<_>>() == [("page", "/checkout"), ("step", "2")]
        })
        .await;
        visitor.update_presence(PresencePatch::new().set("step", "3").unwrap());
        let ada = sees(ada, "the second update", "customer-42", |card| {
            card.data.iter().collect::<Vec<_>>() == [("page", "/checkout"), ("step", "3")]
        })
        .await;

        // Who comes later sees the same.
        let late = world.watcher("joan").await;
        assert_eq!(late.roster()[&id("customer-42")], {
            let mut card = ada.roster()[&id("customer-42")].clone();
            card.online_ms = late.roster()[&id("customer-42")].online_ms;
            card
        });

        // Offline, and the others have seen nothing of all that.
        let visitor = visitor.disconnect();
        let (ada, _) = sees_offline(ada, "customer-42").await;
        assert!(ada.roster().is_empty());
        let somebody = world.online("somebody-else").await;
        next!(
            joan,
            SignedInStep::Changed(_, AgentChange::VisitorOnline(who)) if who == id("somebody-else")
                => ()
        );
        assert!(eve.roster().is_empty());
        drop((visitor, somebody, eve, grace));
        world.stop().await;
    });
}

#[test]
fn story_04_presence_that_is_switched_off_is_refused_and_the_visitor_stays() {
    story(async {
        let world = World::new();
        let token = coview::ClientToken::new(CLIENT_TOKEN).unwrap();
        let config = Config::new(world.url().parse().unwrap(), group(CLOSED_GROUP));
        let visitor = identify(connect(config.with_token(token)).await, "customer-42").await;
        let visitor = match soon("the answer", visitor.connect_presence()).await.unwrap_err() {
            RequestError::Refused(refused) => {
                assert_eq!(refused.reason, RefusalCode::PresenceDisabled);
                refused.into_visitor()
            }
            RequestError::Closed(reason) => panic!("{reason}"),
        };
        assert_eq!(visitor.state(), StateKind::Identified);
        drop(soon("the session", visitor.start_manual()).await.unwrap());
        world.stop().await;
    });
}

#[test]
fn story_04_roster_of_many_comes_whole() {
    story(async {
        let world = World::new();
        let mut visitors = Vec::new();
        for number in 0..40 {
            visitors.push(world.online(&format!("customer-{number:02}")).await);
        }
        let agent = world.watcher("ada").await;
        assert_eq!(agent.roster().len(), 40);
        assert!(agent.roster_is_complete());
        drop(visitors.split_off(1));
        let mut agent = agent;
        while agent.roster().len() > 1 {
            agent = until!(agent, "them to leave", SignedInStep::Changed(a, AgentChange::VisitorOffline(..)) => a);
        }
        drop((agent, visitors));
        world.stop().await;
    });
}
