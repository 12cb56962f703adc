//! Papers, confirmed joins and one-use keys as runs of the whole system; and the checker checked:
//! each deliberately wrong observation is caught by the rule it breaks.
#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use core::time::Duration;

use coview_agent::AgentStateKind;
use coview_agent::Command as Click;
use coview_agent::Watching;
use coview_hub::ConnId;
use coview_hub::Event;
use coview_hub::Hub;
use coview_hub::Input;
use coview_hub::Output;
use coview_hub::Place;
use coview_lifecycle::Command;
use coview_lifecycle::StateKind;
use coview_sim::AgentNo;
use coview_sim::Area;
use coview_sim::Checker;
use coview_sim::ClientId;
use coview_sim::Cut;
use coview_sim::Gone;
use coview_sim::NOON;
use coview_sim::PageAct;
use coview_sim::Paper;
use coview_sim::Rule;
use coview_sim::Seen;
use coview_sim::VisitorNo;
use coview_sim::World;
use coview_sim::town;
use coview_wire::AgentCard;
use coview_wire::AgentMessage;
use coview_wire::AgentNotice;
use coview_wire::AgentRights;
use coview_wire::ClientMessage;
use coview_wire::GroupId;
use coview_wire::Identify;
use coview_wire::JoinConfirmed;
use coview_wire::JoinId;
use coview_wire::JoinRequested;
use coview_wire::Moment;
use coview_wire::PresenceData;
use coview_wire::RefusalCode;
use coview_wire::RequestId;
use coview_wire::ServerMessage;
use coview_wire::SessionId;
use coview_wire::SignIn;
use coview_wire::VisitorOnline;

const SOON: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(100_000);

/// A visitor who shares by key in the north, and an agent who is asked about.
fn shared(paper: Paper) -> (World, VisitorNo, AgentNo) {
    let mut world = World::new(town::strict(), 7);
    world.share_screens();
    let anna = world.add_visitor("anna", town::visitor(town::NORTH));
    let grace = world.add_agent_with("grace", town::NORTH, paper);
    world.run_for(SOON);
    assert!(world.command(anna, Command::StartManual));
    world.run_for(SOON);
    (world, anna, grace)
}

fn knock(world: &mut World, grace: AgentNo, anna: VisitorNo) -> bool {
    let key = world.last_key(anna).unwrap();
    let knocked = world.agent_command(grace, Click::Knock(key));
    world.run_for(SOON);
    knocked
}

fn state(world: &World, no: AgentNo) -> Option<AgentStateKind> {
    world.agent(no).map(coview_sim::SimAgent::state)
}

fn finish(mut world: World) {
    world.settle();
    world.assert_settled();
    world.assert_forgets();
}

#[test]
fn no_picture_before_the_visitor_says_yes_and_pictures_after_it() {
    let (mut world, anna, grace) = shared(Paper::Good(LONG));
    assert!(knock(&mut world, grace, anna));
    assert_eq!(state(&world, grace), Some(AgentStateKind::Joining));
    assert_eq!(world.state(anna), Some(StateKind::ConfirmingAnonymous));
    world.run_for(SOON * 10);
    assert_eq!(world.updates_drawn(grace), 0);
    assert!(world.command(anna, Command::Confirm));
    world.run_for(SOON * 2);
    assert_eq!(state(&world, grace), Some(AgentStateKind::Viewing));
    assert!(world.updates_drawn(grace) > 0);
    finish(world);
}

#[test]
fn an_agent_who_is_not_let_in_sees_nothing_and_the_key_is_burned() {
    let (mut world, anna, grace) = shared(Paper::Good(LONG));
    knock(&mut world, grace, anna);
    assert!(world.command(anna, Command::Refuse));
    world.run_for(SOON);
    assert_eq!(state(&world, grace), Some(AgentStateKind::SignedIn));
    assert_eq!(world.updates_drawn(grace), 0);
    knock(&mut world, grace, anna);
    assert_eq!(state(&world, grace), Some(AgentStateKind::SignedIn));
    assert_eq!(world.hub_stats().unwrap().sessions, 0, "nobody can come any more");
    finish(world);
}

/// The agent's connection breaks while the visitor thinks, and the answer comes meanwhile.
#[test]
fn a_yes_that_is_missed_stands_in_the_snapshot() {
    let (mut world, anna, grace) = shared(Paper::Good(LONG));
    knock(&mut world, grace, anna);
    world.cut(grace, Cut::BothNotice);
    world.run_for(Duration::from_millis(100));
    assert!(world.command(anna, Command::Confirm));
    world.run_for(SOON * 5);
    assert_eq!(state(&world, grace), Some(AgentStateKind::Viewing));
    finish(world);
}

#[test]
fn a_no_that_is_missed_stands_in_the_snapshot() {
    let (mut world, anna, grace) = shared(Paper::Good(LONG));
    knock(&mut world, grace, anna);
    world.cut(grace, Cut::BothNotice);
    world.run_for(Duration::from_millis(100));
    assert!(world.command(anna, Command::Refuse));
    world.run_for(SOON * 5);
    assert_eq!(state(&world, grace), Some(AgentStateKind::SignedIn));
    finish(world);
}

#[test]
fn a_join_taken_back_while_the_visitor_thinks_is_withdrawn() {
    let (mut world, anna, grace) = shared(Paper::Good(LONG));
    knock(&mut world, grace, anna);
    assert!(world.agent_command(grace, Click::Cancel));
    world.run_for(SOON);
    assert_eq!(world.state(anna), Some(StateKind::SharingManualAnonymous));
    assert!(knock(&mut world, grace, anna), "the key is good for another try");
    assert_eq!(state(&world, grace), Some(AgentStateKind::Joining));
    finish(world);
}

#[test]
fn a_session_goes_on_after_the_sign_in_and_nothing_else_does() {
    let (mut world, anna, grace) = shared(Paper::Good(Duration::from_secs(20)));
    world.watch(grace, Some(Watching::Group));
    knock(&mut world, grace, anna);
    world.command(anna, Command::Confirm);
    world.run_for(SOON * 30);
    assert_eq!(state(&world, grace), Some(AgentStateKind::Viewing), "the session goes on");
    assert!(world.agent_command(grace, Click::Leave));
    world.run_for(SOON);
    let gone = format!("{:?}", world.gone(grace));
    assert!(gone.contains("SignInExpired"), "{gone}");
    finish(world);
}

#[test]
fn a_renewed_sign_in_lasts() {
    let (mut world, anna, grace) = shared(Paper::Good(Duration::from_secs(20)));
    world.run_for(SOON * 10);
    assert!(world.renew(grace, Paper::ViewOnly(LONG)));
    world.run_for(SOON * 30);
    let agent = world.agent(grace).unwrap();
    assert!(agent.rights().view_only && agent.sign_in_lasts_ms() > 99_000_000);
    knock(&mut world, grace, anna);
    world.command(anna, Command::Confirm);
    world.run_for(SOON);
    assert!(world.agent_command(grace, Click::End), "it is possible in the state");
    world.run_for(SOON);
    assert_eq!(state(&world, grace), Some(AgentStateKind::Viewing), "and not allowed");
    let drawn = world.updates_drawn(grace);
    world.draw(anna, &PageAct::Noise(Area { x: 0, y: 0, width: 90, height: 90 }, 1));
    world.run_for(SOON);
    assert!(world.updates_drawn(grace) > drawn, "and the picture goes on");
    finish(world);
}

/// The token expires while the agent is away; a newer one was shown meanwhile.
#[test]
fn an_agent_who_was_away_comes_back_with_the_newer_token() {
    let (mut world, _, grace) = shared(Paper::Good(Duration::from_secs(20)));
    world.set_reach(grace, coview_sim::Reach::Refused);
    world.cut(grace, Cut::BothNotice);
    world.run_for(SOON * 60);
    assert!(world.renew(grace, Paper::Once(LONG)));
    world.set_reach(grace, coview_sim::Reach::Open);
    world.run_for(SOON * 60);
    assert!(world.agent(grace).unwrap().sign_in_lasts_ms() > 99_000_000);
    assert_eq!(world.hub_stats().unwrap().refused_tokens, 0, "it was shown once");
    finish(world);
}

#[test]
fn a_paper_that_is_not_good_signs_nobody_in() {
    for (paper, code) in [
        (Paper::Expired, RefusalCode::TokenExpired),
        (Paper::Forged, RefusalCode::BadToken),
        (Paper::OtherGroup, RefusalCode::BadToken),
        (Paper::OtherPurpose, RefusalCode::BadToken),
    ] {
        let (world, _, grace) = shared(paper);
        let Some(Gone::NeverConnected(ended)) = world.gone(grace) else { panic!("{paper:?}") };
        assert_eq!(*ended, coview_proto::Ended::Refused(code), "{paper:?}");
        world.assert_holds();
    }
}

#[test]
fn an_id_without_its_proof_is_nobodys() {
    for paper in
        [Paper::Missing, Paper::Expired, Paper::Forged, Paper::OtherGroup, Paper::SomebodyElses]
    {
        let mut world = World::new(town::strict(), 7);
        let anna = world.add_visitor("anna", town::visitor(town::NORTH));
        world.run_for(SOON);
        assert!(world.identify(anna, town::visitor_id("anna"), paper));
        world.run_for(SOON);
        assert_eq!(world.state(anna), Some(StateKind::Anonymous), "{paper:?}");
        assert!(world.identify(anna, town::visitor_id("anna"), Paper::Good(LONG)));
        world.run_for(SOON);
        assert_eq!(world.state(anna), Some(StateKind::Identified));
        finish(world);
    }
}

#[test]
fn an_agent_for_one_visitor_hears_of_no_other() {
    let mut world = World::new(town::strict(), 7);
    let visitors = ["anna", "ben"].map(|id| {
        let no = world.add_visitor(id, town::visitor(town::NORTH));
        world.run_for(SOON);
        assert!(world.identify(no, town::visitor_id(id), Paper::Good(LONG)));
        world.run_for(SOON);
        no
    });
    let henry = world.add_agent_with("henry", town::NORTH, Paper::OnlyOne(1, LONG));
    world.run_for(SOON);
    world.watch(henry, Some(Watching::Group));
    for no in visitors {
        assert!(world.command(no, Command::ConnectPresence(PresenceData::new())));
    }
    world.run_for(SOON);
    let roster = |world: &World| {
        let agent = world.agent(henry).unwrap();
        agent.roster().keys().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(roster(&world), ["ben"]);
    assert!(world.renew(henry, Paper::OnlyOne(0, LONG)));
    world.run_for(SOON);
    assert_eq!(roster(&world), ["anna"], "the newer token names another");
    finish(world);
}

/// Whom an agent may not see any more it may not ask, either.
#[test]
fn a_newer_token_for_others_takes_the_request_back() {
    let mut world = World::new(town::strict(), 7);
    let ben = world.add_visitor("ben", town::visitor(town::NORTH));
    world.run_for(SOON);
    assert!(world.identify(ben, town::visitor_id("ben"), Paper::Good(LONG)));
    world.run_for(SOON);
    assert!(world.command(ben, Command::ConnectPresence(PresenceData::new())));
    let henry = world.add_agent_with("henry", town::NORTH, Paper::OnlyOne(1, LONG));
    world.run_for(SOON);
    assert!(world.agent_command(henry, Click::Ask(town::visitor_id("ben"))));
    world.run_for(SOON);
    assert_eq!(state(&world, henry), Some(AgentStateKind::Requesting));
    assert!(world.renew(henry, Paper::OnlyOne(0, LONG)));
    world.run_for(SOON);
    assert_eq!(state(&world, henry), Some(AgentStateKind::SignedIn));
    assert_eq!(world.state(ben), Some(StateKind::PresenceConnected));
    finish(world);
}

/// A token of somebody else that is shown while nobody can refuse it ends the agent when it is used:
/// what an app shows of an agent stays true.
#[test]
fn a_newer_token_of_somebody_else_makes_nobody_else_of_an_agent() {
    let (mut world, _, grace) = shared(Paper::Good(LONG));
    world.set_reach(grace, coview_sim::Reach::Refused);
    world.cut(grace, Cut::BothNotice);
    world.run_for(SOON * 60);
    assert!(world.renew(grace, Paper::SomebodyElses));
    world.set_reach(grace, coview_sim::Reach::Open);
    world.run_for(SOON * 60);
    let gone = format!("{:?}", world.gone(grace));
    assert!(gone.contains("BadToken"), "{gone}");
    assert_eq!(world.hub_stats().unwrap().agents, 0, "it says that it goes");
    finish(world);
}

/// Two devices of one agent are two guests: when one of them goes, the other one is in it still.
#[test]
fn an_agent_on_two_devices_is_let_in_for_each() {
    let mut config = town::config();
    config.groups.values_mut().for_each(|group| group.confirm_join = true);
    let mut world = World::new(config, 7);
    world.share_screens();
    let anna = world.add_visitor("anna", town::visitor(town::NORTH));
    let devices = [0, 1].map(|_| world.add_agent_with("grace", town::NORTH, Paper::Good(LONG)));
    world.run_for(SOON);
    assert!(world.command(anna, Command::StartManual));
    world.run_for(SOON);
    for device in devices {
        assert!(knock(&mut world, device, anna));
        assert!(world.command(anna, Command::Confirm));
        world.run_for(SOON);
        assert_eq!(state(&world, device), Some(AgentStateKind::Viewing));
    }
    assert!(world.agent_command(devices[0], Click::Leave));
    world.run_for(SOON);
    let area = Area { x: 0, y: 0, width: 90, height: 90 };
    world.draw(anna, &PageAct::Fill(area, 7));
    world.run_for(SOON);
    assert_eq!(state(&world, devices[1]), Some(AgentStateKind::Viewing));
    finish(world);
}

#[test]
fn a_clock_that_is_set_ends_and_revives_nobody_by_mistake() {
    let (mut world, anna, grace) = shared(Paper::Good(Duration::from_secs(300)));
    knock(&mut world, grace, anna);
    world.command(anna, Command::Confirm);
    world.run_for(SOON);
    world.set_clock(400);
    world.run_for(SOON);
    assert_eq!(state(&world, grace), Some(AgentStateKind::Viewing), "it finishes its session");
    world.set_clock(-400);
    world.run_for(SOON);
    assert!(world.agent_command(grace, Click::Leave));
    world.run_for(SOON);
    assert_eq!(state(&world, grace), Some(AgentStateKind::SignedIn), "its token is good");
    finish(world);
}

#[test]
fn a_hub_that_drains_lets_a_session_finish_and_nothing_begin() {
    let (mut world, anna, grace) = shared(Paper::Good(LONG));
    knock(&mut world, grace, anna);
    world.command(anna, Command::Confirm);
    world.run_for(SOON);
    world.drain_hub();
    let henry = world.add_agent_with("henry", town::NORTH, Paper::Good(LONG));
    world.run_for(SOON * 3);
    assert!(world.gone(henry).is_some());
    assert_eq!(state(&world, grace), Some(AgentStateKind::Viewing));
    assert!(world.command(anna, Command::End));
    world.run_for(SOON);
    finish(world);
}

#[test]
fn a_key_for_one_opens_once() {
    let mut world = World::new(town::strict(), 7);
    let cleo = world.add_visitor("cleo", town::visitor(town::SOUTH));
    let agents =
        ["grace", "henry"].map(|id| world.add_agent_with(id, town::SOUTH, Paper::Good(LONG)));
    world.run_for(SOON);
    assert!(world.command(cleo, Command::StartManual));
    world.run_for(SOON);
    let states = agents.map(|agent| {
        knock(&mut world, agent, cleo);
        state(&world, agent).unwrap()
    });
    assert_eq!(states, [AgentStateKind::Viewing, AgentStateKind::SignedIn]);
    finish(world);
}

// The checker checked.

const ANNA: ClientId = ClientId::Visitor(VisitorNo(0));
const GRACE: ClientId = ClientId::Agent(AgentNo(0));
const SESSION: SessionId = SessionId::new(2);

struct Case {
    checker: Checker,
    north: GroupId,
    place: Place,
}

fn case() -> Case {
    let north = GroupId::new(town::NORTH).unwrap();
    let mut checker = Checker::new(&town::strictest());
    for client in [ANNA, GRACE] {
        checker.see(Seen::Came { client, group: &north });
    }
    checker.see(Seen::Wall { now: NOON });
    Case { checker, north, place: a_place() }
}

/// Only a hub makes places.
fn a_place() -> Place {
    let mut hub = Hub::new(town::config(), [7; 32]);
    let conn = ConnId::new(1);
    let hello = r#"{"t":"hello","re":0,"version":1,"group":"north","app":"active"}"#;
    hub.handle_input(Moment::ZERO, Input::Opened { conn, caller: coview_hub::Caller::default() });
    hub.handle_input(Moment::ZERO, Input::Text { conn, text: hello });
    loop {
        if let Output::Event(Event::VisitorArrived { client, .. }) = hub.poll_output() {
            return client;
        }
    }
}

impl Case {
    fn hub(&mut self, event: Event, client: ClientId) {
        self.checker.see(Seen::Hub { event: &event, client: Some(client) });
    }

    fn tells(&mut self, notice: impl Into<AgentNotice>) {
        let message = notice.into();
        self.checker.see(Seen::HubSaidAgent { client: GRACE, message: &message });
    }

    fn hears(&mut self, message: impl Into<ClientMessage>) {
        let message = message.into();
        self.checker.see(Seen::HubHeardVisitor { client: ANNA, message: &message });
    }

    /// The hub signs grace in by the token of this console.
    fn signs_in(&mut self, paper: Paper) {
        let (group, re) = (self.north.clone(), RequestId::new(0));
        let token = World::new(town::config(), 1).token(town::NORTH, "grace", paper);
        let message: AgentMessage = SignIn { re, version: 1, group, token }.into();
        self.checker.see(Seen::HubHeardAgent { client: GRACE, message: &message });
        let signed_in = Event::AgentSignedIn {
            group: self.north.clone(),
            client: self.place,
            agent: town::agent_id("grace"),
            name: Box::from("grace"),
            expires: NOON,
            rights: Box::default(),
        };
        self.hub(signed_in, GRACE);
    }

    fn shows(&mut self, visitor: &str) {
        let card = coview_agent::queue::visitor_card(&town::visitor_id(visitor));
        self.tells(VisitorOnline { card });
    }

    fn identified(&mut self, visitor: &str) {
        let (group, client, visitor) = (self.north.clone(), self.place, town::visitor_id(visitor));
        self.hub(Event::Identified { group, client, visitor, proven: true, devices: 1 }, ANNA);
    }

    fn started(&mut self) {
        let (group, client) = (self.north.clone(), self.place);
        let event =
            Event::SessionStarted { group, session: SESSION, client, visitor: None, ask: None };
        self.hub(event, ANNA);
    }

    fn guest_joined(&mut self) {
        self.hub(
            Event::GuestJoined {
                group: self.north.clone(),
                session: SESSION,
                agent: town::agent_id("grace"),
                name: Box::from("grace"),
                count: 1,
            },
            GRACE,
        );
    }

    fn asks_to_let_in(&mut self, join: u64, by: ClientId) {
        let agent: AgentCard = town::card(town::NORTH, "grace");
        let join = JoinId::new(join);
        let asked = JoinRequested { session: SESSION, join, agent, expires_ms: 1 };
        let message: ServerMessage = asked.into();
        self.checker.see(Seen::HubSaidVisitor { client: by, message: &message });
    }

    fn confirms(&mut self, join: u64) {
        self.hears(JoinConfirmed { re: RequestId::new(1), join: JoinId::new(join) });
    }

    #[track_caller]
    fn broke(&self, rules: &[Rule]) {
        // What other rules know of groups and guests is not what these are about.
        let ours = |rule: &Rule| !matches!(rule, Rule::GroupsApart | Rule::Agreement);
        let broken: Vec<Rule> =
            self.checker.violations().iter().map(|it| it.rule).filter(ours).collect();
        assert_eq!(broken, rules, "{:?}", self.checker.violations());
    }
}

#[test]
fn a_hub_that_believes_a_bad_token_is_caught() {
    let mut good = case();
    good.signs_in(Paper::Good(LONG));
    good.broke(&[]);
    for paper in [Paper::Forged, Paper::Expired, Paper::OtherGroup, Paper::OtherPurpose] {
        let mut case = case();
        case.signs_in(paper);
        case.broke(&[Rule::ProvenIdentity]);
    }
}

#[test]
fn a_hub_that_takes_a_paper_for_one_use_twice_is_caught() {
    let mut case = case();
    case.signs_in(Paper::Once(LONG));
    case.broke(&[]);
    case.signs_in(Paper::Once(LONG));
    case.broke(&[Rule::UsedOnce]);
    case.checker.see(Seen::HubGone);
    case.signs_in(Paper::Once(LONG));
    case.broke(&[Rule::UsedOnce]);
}

#[test]
fn a_hub_that_identifies_a_visitor_without_proof_is_caught() {
    let mut case = case();
    let identify = |assertion| Identify {
        re: RequestId::new(1),
        visitor: town::visitor_id("anna"),
        assertion,
        profile: None,
    };
    case.hears(identify(None));
    case.identified("anna");
    case.broke(&[Rule::ProvenIdentity]);
    let proof = World::new(town::config(), 1).proof(town::NORTH, "anna", Paper::Good(LONG));
    case.hears(identify(Some(proof)));
    case.identified("anna");
    case.broke(&[Rule::ProvenIdentity]);
    case.identified("ben");
    case.broke(&[Rule::ProvenIdentity, Rule::ProvenIdentity]);
}

#[test]
fn a_hub_that_shows_too_much_is_caught() {
    let mut case = case();
    case.signs_in(Paper::OnlyOne(1, Duration::from_secs(60)));
    case.shows("ben");
    case.broke(&[]);
    case.shows("anna");
    case.broke(&[Rule::RightsKept]);
    case.checker.at(Moment::new(Duration::from_secs(59)));
    case.shows("ben");
    case.broke(&[Rule::RightsKept]);
    case.checker.at(Moment::new(Duration::from_secs(60)));
    case.shows("ben");
    case.broke(&[Rule::RightsKept, Rule::NotAfterExpiry]);
}

#[test]
fn a_hub_that_tells_other_rights_is_caught() {
    let mut case = case();
    case.signs_in(Paper::ViewOnly(LONG));
    let renewed = |rights| coview_wire::Renewed { re: RequestId::new(1), expires_ms: 1, rights };
    case.tells(renewed(AgentRights { view_only: true, ..AgentRights::default() }));
    case.broke(&[]);
    case.tells(renewed(AgentRights::default()));
    case.broke(&[Rule::RightsKept]);
}

#[test]
fn a_hub_that_lets_an_agent_in_unasked_is_caught() {
    let mut unasked = case();
    unasked.started();
    unasked.guest_joined();
    unasked.broke(&[Rule::ConfirmedFirst]);

    let mut asked = case();
    asked.started();
    asked.asks_to_let_in(5, ANNA);
    asked.guest_joined();
    asked.broke(&[Rule::ConfirmedFirst]);

    let mut another = case();
    another.started();
    another.asks_to_let_in(5, ANNA);
    another.confirms(6);
    another.guest_joined();
    another.broke(&[Rule::ConfirmedFirst]);

    let mut somebody = case();
    somebody.started();
    somebody.asks_to_let_in(5, ClientId::Visitor(VisitorNo(1)));
    somebody.confirms(5);
    somebody.guest_joined();
    somebody.broke(&[Rule::ConfirmedFirst]);

    let mut confirmed = case();
    confirmed.started();
    confirmed.asks_to_let_in(5, ANNA);
    confirmed.confirms(5);
    confirmed.guest_joined();
    confirmed.broke(&[]);
    // One yes is for one join, and the key is for one.
    confirmed.guest_joined();
    confirmed.broke(&[Rule::UsedOnce]);
}

#[test]
fn a_hub_that_begins_something_while_it_drains_is_caught() {
    let mut case = case();
    case.checker.see(Seen::Drained);
    case.started();
    case.broke(&[Rule::NothingNew]);
}
