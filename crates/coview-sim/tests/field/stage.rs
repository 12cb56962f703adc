//! Where the stories begin, and how they are watched.

use core::time::Duration;

use coview_agent::AgentStateKind;
use coview_agent::Command as Click;
use coview_agent::Watching;
use coview_lifecycle::Command;
use coview_lifecycle::StateKind;
use coview_sim::AgentNo;
use coview_sim::Area;
use coview_sim::ClientId;
use coview_sim::Cut;
use coview_sim::Paper;
use coview_sim::SimAgent;
use coview_sim::VisitorNo;
use coview_sim::World;
use coview_sim::town;
use coview_wire::PresenceData;
use coview_wire::VisitorCard;

/// Long enough for everybody to have heard, and shorter than anybody's patience.
pub(crate) const SOON: Duration = Duration::from_secs(1);

/// Longer than any story.
pub(crate) const LONG: Duration = Duration::from_secs(100_000);

/// Every way a connection can break.
pub(crate) const CUTS: [Cut; 4] =
    [Cut::BothNotice, Cut::ClientNotices, Cut::HubNotices, Cut::Silent];

/// Every way after which a client comes back in time if the network lets it. With
/// [`Cut::HubNotices`] the client hears nothing for longer than its place is kept.
pub(crate) const MENDS: [Cut; 3] = [Cut::BothNotice, Cut::ClientNotices, Cut::Silent];

/// The whole of a page.
pub(crate) const ALL: Area = Area { x: 0, y: 0, width: 255, height: 255 };

/// One visitor, and one agent who watches who is online. Whoever shares sends a screen.
pub(crate) fn two(seed: u64) -> (World, VisitorNo, AgentNo) {
    let mut world = World::new(town::config(), seed);
    world.share_screens();
    let anna = world.add_visitor("anna", town::visitor(town::NORTH));
    let grace = world.add_agent("grace", town::agent(town::NORTH, "grace"));
    world.run_for(SOON);
    world.watch(grace, Some(Watching::Group));
    world.run_for(SOON);
    (world, anna, grace)
}

/// The visitor logs in with a proof and goes online.
pub(crate) fn go_online(world: &mut World, who: VisitorNo, id: &str) {
    assert!(world.identify(who, town::visitor_id(id), Paper::Good(LONG)));
    world.run_for(SOON);
    assert!(world.command(who, Command::ConnectPresence(PresenceData::new())));
    world.run_for(SOON);
    assert_eq!(world.state(who), Some(StateKind::PresenceConnected), "{}", world.timeline());
}

/// Like [`two`], with the visitor online.
pub(crate) fn online(seed: u64) -> (World, VisitorNo, AgentNo) {
    let (mut world, anna, grace) = two(seed);
    go_online(&mut world, anna, "anna");
    (world, anna, grace)
}

pub(crate) fn ask(world: &mut World, agent: AgentNo) {
    assert!(world.agent_command(agent, Click::Ask(town::visitor_id("anna"))));
    world.run_for(SOON);
}

/// Like [`online`], with the terms on the visitor's screen.
pub(crate) fn asked(seed: u64) -> (World, VisitorNo, AgentNo) {
    let (mut world, anna, grace) = online(seed);
    ask(&mut world, grace);
    assert!(world.command(anna, Command::TermsDisplayed));
    world.run_for(SOON);
    assert_eq!(world.state(anna), Some(StateKind::TermsShown));
    (world, anna, grace)
}

/// Like [`asked`], and the visitor has said yes: the agent sees the screen.
pub(crate) fn one_click(seed: u64) -> (World, VisitorNo, AgentNo) {
    let (mut world, anna, grace) = asked(seed);
    assert!(world.command(anna, Command::Accept));
    world.run_for(SOON);
    assert_eq!(world.state(anna), Some(StateKind::SharingOneClick));
    assert_eq!(state(&world, grace), Some(AgentStateKind::Viewing));
    assert!(world.updates_drawn(grace) > 0);
    (world, anna, grace)
}

/// The visitor taps share, and a key is shown.
pub(crate) fn share(world: &mut World, who: VisitorNo) {
    assert!(world.command(who, Command::StartManual));
    world.run_for(SOON);
    assert!(world.shown_key(who).is_some(), "{}", world.timeline());
}

/// The agent types the key that the visitor read out last, and is in.
pub(crate) fn join(world: &mut World, agent: AgentNo, from: VisitorNo) {
    assert!(world.join_by_ear(agent, from));
    world.run_for(SOON);
    assert_eq!(state(world, agent), Some(AgentStateKind::Viewing), "{}", world.timeline());
}

/// Like [`two`], and a session by key runs that the agent has joined.
pub(crate) fn manual(seed: u64) -> (World, VisitorNo, AgentNo) {
    let (mut world, anna, grace) = two(seed);
    share(&mut world, anna);
    join(&mut world, grace, anna);
    assert!(world.updates_drawn(grace) > 0);
    (world, anna, grace)
}

/// A group that wants its visitors to let every agent in, and proof of who they are; the visitor
/// shares by key.
pub(crate) fn asks_first(seed: u64) -> (World, VisitorNo, AgentNo) {
    let mut world = World::new(town::strict(), seed);
    world.share_screens();
    let anna = world.add_visitor("anna", town::visitor(town::NORTH));
    let grace = world.add_agent_with("grace", town::NORTH, Paper::Good(LONG));
    world.run_for(SOON);
    share(&mut world, anna);
    (world, anna, grace)
}

/// The agent types the key that the visitor read out last, and does not wait for more than the
/// server's word that the visitor is asked.
pub(crate) fn knock(world: &mut World, agent: AgentNo, from: VisitorNo) {
    let key = world.last_key(from).unwrap();
    assert!(world.agent_command(agent, Click::Knock(key)));
    world.run_for(SOON);
}

pub(crate) fn state(world: &World, agent: AgentNo) -> Option<AgentStateKind> {
    world.agent(agent).map(SimAgent::state)
}

/// The one card in the agent's roster, if there is exactly one.
pub(crate) fn card(world: &World, agent: AgentNo) -> Option<VisitorCard> {
    let roster = world.agent(agent)?.roster();
    let mut cards = roster.values().cloned();
    cards.next().filter(|_| cards.next().is_none())
}

/// How many agents the visitor's app shows to be watching.
pub(crate) fn watching(world: &World, visitor: VisitorNo) -> usize {
    world.visitor(visitor).map_or(0, |visitor| visitor.agents().len())
}

/// How many lines of the timeline are about this one and hold these words.
pub(crate) fn told(world: &World, who: &str, words: &str) -> usize {
    let story = world.timeline().story();
    let of = |line: &&str| line.split_whitespace().nth(1) == Some(who) && line.contains(words);
    story.lines().filter(of).count()
}

/// Lets this time pass, and holds that something is not so at any step of it.
#[track_caller]
pub(crate) fn never(world: &mut World, time: Duration, bad: impl FnMut(&World) -> bool) {
    let until = world.now() + time;
    assert!(!world.run_until(time, bad), "{}", world.timeline());
    world.run_for(until.since(world.now()));
}

/// The connection breaks: the client notices at once and the hub only after this time, when the
/// client may have come back on another connection.
pub(crate) fn breaks_late_at_hub(world: &mut World, client: ClientId, after: Duration) {
    world.set_delay(after..=after);
    world.cut(client, Cut::HubNotices);
    world.set_delay(Duration::from_millis(5)..=Duration::from_millis(80));
    world.cut(client, Cut::ClientNotices);
}

/// Everybody agrees in the end, no rule was ever broken, and nothing is left behind.
#[track_caller]
pub(crate) fn finish(mut world: World) {
    world.settle();
    world.assert_settled();
    world.assert_forgets();
}
