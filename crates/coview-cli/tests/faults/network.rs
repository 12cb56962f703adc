//! A network that trickles, chops, holds up, half closes and cuts, in the clear and below TLS: the
//! story comes to its right end, once, and the picture is exact.

use coview_agent::SignedInStep;
use coview_agent::ViewingStep;
use coview_lifecycle::Anonymous;
use coview_lifecycle::Change;
use coview_lifecycle::Connectivity;
use coview_lifecycle::ManualStep;
use coview_lifecycle::StateKind;
use coview_screen::Frame;
use coview_screen::Masks;
use coview_screen::Size;
use coview_screen::app_frames;
use coview_smol::ScreenOptions;
use coview_smol::ScreenSender;
use coview_smol::ScreenViewer;
use coview_smol::ViewerStep;
use coview_smol::Visitor;
use coview_wire::EndReason;
use smol::block_on;

use crate::chaos::Chance;
use crate::chaos::Chaos;
use crate::chaos::Cut;
use crate::chaos::Manner;
use crate::chaos::WAYS;
use crate::chaos::Way;
use crate::house::*;
use crate::stories::*;

const PLAIN: Setup = Setup { config: "", tls: false, before: "" };
const TLS: Setup = Setup { tls: true, ..PLAIN };

/// A visitor and an agent, each on a network of its own.
struct Town {
    house: House,
    chance: Chance,
    visitors: Chaos,
    agents: Chaos,
}

impl Town {
    async fn new(name: &str, setup: Setup) -> Self {
        let house = House::new(name, setup);
        let mut chance = Chance::new(name);
        let visitors = Chaos::to(house.address(), chance.another()).await;
        let agents = Chaos::to(house.address(), chance.another()).await;
        Self { house, chance, visitors, agents }
    }

    fn networks(&self) -> [&Chaos; 2] {
        [&self.visitors, &self.agents]
    }

    fn visitors_url(&self) -> String {
        self.house.url_through(self.visitors.address())
    }

    fn agents_url(&self) -> String {
        self.house.url_through(self.agents.address())
    }

    /// Both stories from their beginnings to their ends. `before` is said each time when everybody is
    /// connected, `after` when the session is over.
    async fn stories(&self, mut before: impl FnMut(), mut after: impl FnMut()) {
        let visitor = self.house.visitor_at(&self.visitors_url()).await;
        let agent = self.house.agent_at(&self.agents_url(), "ada").await;
        before();
        let (sharing, viewing, _) = by_key(visitor, agent).await;
        let by_key = sharing.session().get();
        let visitor = sharing.end();
        let (agent, why) = ended(viewing).await;
        assert_eq!((why, visitor.state()), (EndReason::Visitor, StateKind::Anonymous));
        after();
        drop((visitor, agent));

        let visitor = self.house.online_at(&self.visitors_url(), "customer-42").await;
        let agent = self.house.agent_at(&self.agents_url(), "grace").await;
        before();
        let (sharing, viewing) = by_request(visitor, agent).await;
        let by_request = sharing.session().get();
        let visitor = sharing.end();
        let (agent, why) = ended(viewing).await;
        assert_eq!((why, visitor.state()), (EndReason::Visitor, StateKind::PresenceConnected));
        after();
        drop((visitor, agent));

        let records = self.house.records();
        for session in [by_key, by_request] {
            for kind in ["session_started", "guest_joined"] {
                assert_eq!(records.count(kind, session), 1, "{kind} {session}: {records:#?}");
            }
            let consents = usize::from(session == by_request);
            assert_eq!(records.count("accepted", session), consents, "{records:#?}");
        }
    }

    async fn close(mut self, stories: usize) {
        self.house.stop();
        self.house.verify();
        let records = self.house.records();
        for kind in ["session_started", "session_ended", "guest_joined"] {
            assert_eq!(records.of(kind).count(), 2 * stories, "{kind}");
        }
        assert_eq!(records.of("accepted").count(), stories);
    }
}

fn both_ways(name: &str, story: impl AsyncFn(Town)) {
    for setup in [PLAIN, TLS] {
        let name = format!("{name}-{}", if setup.tls { "tls" } else { "plain" });
        block_on(async { story(Town::new(&name, setup).await).await });
    }
}

#[test]
fn one_byte_at_a_time_the_stories_come_to_their_ends() {
    both_ways("trickled", async |town| {
        for network in town.networks() {
            network.passes(Manner::Trickled);
        }
        town.stories(|| {}, || {}).await;
        town.close(1).await;
    });
}

#[test]
fn chopped_and_late_the_stories_come_to_their_ends() {
    both_ways("chopped", async |mut town| {
        for most in [2, 7, 40, 300, 2_000] {
            let manners = [Manner::Chopped(most), Manner::Whole];
            for network in [&town.visitors, &town.agents] {
                network.passes(town.chance.one_of(&manners));
            }
            town.visitors.passes(Manner::Chopped(most));
            town.stories(|| {}, || {}).await;
        }
        town.close(5).await;
    });
}

/// How many times both stories are told on a network that cuts.
const CUT_STORIES: usize = 12;

#[test]
fn cut_anywhere_the_stories_come_to_their_ends_once() {
    both_ways("cut", async |mut town| {
        let mut cuts = 0;
        for story in 0..CUT_STORIES {
            // What is said in a story, and what it takes to come back, is some 2,000 bytes; with TLS
            // some more.
            let mut plan = town.chance.another();
            for network in town.networks() {
                let manner = plan.one_of(&[Manner::Whole, Manner::Trickled, Manner::Chopped(50)]);
                network.passes(manner);
            }
            let before = || {
                for network in town.networks() {
                    for _ in 0..3 {
                        let how = plan.one_of(&[Cut::Closed, Cut::Reset]);
                        network.cut_after(plan.one_of(&WAYS), plan.below(600), how);
                    }
                }
            };
            let after = || town.networks().into_iter().for_each(Chaos::spare);
            let came: usize = town.networks().iter().map(|it| it.connections()).sum();
            town.stories(before, after).await;
            let come: usize = town.networks().iter().map(|it| it.connections()).sum();
            assert!(come >= came + 4, "in story {story} nobody came through the networks");
            cuts += come - came - 4;
        }
        println!("{cuts} connections were cut");
        assert!(cuts >= CUT_STORIES / 2, "only {cuts} connections were cut");
        town.close(CUT_STORIES).await;
    });
}

/// Silence counts after two seconds.
const IMPATIENT: Setup =
    Setup { config: "[policy]\nheartbeat_seconds = 1\nmissed_heartbeats = 1\n", ..PLAIN };

/// Runs what breaks the connections of a visitor and an agent in a session, and what mends them;
/// both come back to the same session.
async fn broken(town: &Town, breaks: impl Fn(&Chaos), mends: impl Fn(&Chaos)) {
    let visitor = town.house.visitor_at(&town.visitors_url()).await;
    let agent = town.house.agent_at(&town.agents_url(), "ada").await;
    let (mut sharing, mut viewing, _) = by_key(visitor, agent).await;
    let (session, resumed) = (sharing.session(), sharing.key().to_string());

    breaks(&town.visitors);
    sharing = until!(
        sharing,
        "the visitor to notice",
        ManualStep::Changed(v, Change::Connectivity(Connectivity::Reconnecting)) => v
    );
    mends(&town.visitors);
    sharing = until!(
        sharing,
        "the visitor to be back",
        ManualStep::Changed(v, Change::Connectivity(Connectivity::Connected)) => v
    );
    assert_eq!((sharing.session(), sharing.key().to_string()), (session, resumed));

    breaks(&town.agents);
    viewing = until!(
        viewing,
        "the agent to notice",
        ViewingStep::Changed(a, coview_agent::Change::Connectivity(Connectivity::Reconnecting)) => a
    );
    mends(&town.agents);
    viewing = until!(
        viewing,
        "the agent to be back",
        ViewingStep::Changed(a, coview_agent::Change::Connectivity(Connectivity::Connected)) => a
    );
    assert_eq!((viewing.session(), viewing.guests()), (session, 1));

    let visitor: Visitor<Anonymous> = sharing.end();
    let (mut agent, why) = ended(viewing).await;
    assert_eq!(why, EndReason::Visitor);
    // Nothing of the old connections is left.
    assert_eq!(agent.connectivity(), Connectivity::Connected);
    agent.watch(coview_agent::Watching::Group);
    let agent = until!(
        agent,
        "the roster",
        SignedInStep::Changed(agent, coview_agent::Change::Roster) => agent
    );
    if !town.house.url().starts_with("wss") {
        town.house.metric_becomes("coview_connections", 2).await;
        assert_eq!(town.house.metric("coview_visitors"), 1);
        assert_eq!(town.house.metric("coview_agents"), 1);
    }
    drop((visitor, agent));
}

#[test]
fn a_way_that_is_held_up_longer_than_the_heartbeat_is_noticed_and_taken_anew() {
    for setup in [IMPATIENT, Setup { tls: true, ..IMPATIENT }] {
        block_on(async {
            let town = Town::new(if setup.tls { "held-tls" } else { "held" }, setup).await;
            for way in WAYS {
                broken(&town, |network| network.hold(way), |network| network.release(way)).await;
            }
            let hold = |network: &Chaos| WAYS.into_iter().for_each(|way| network.hold(way));
            let release = |network: &Chaos| WAYS.into_iter().for_each(|way| network.release(way));
            broken(&town, hold, release).await;
        });
    }
}

#[test]
fn a_way_that_dies_alone_is_noticed_and_taken_anew() {
    for setup in [IMPATIENT, Setup { tls: true, ..IMPATIENT }] {
        block_on(async {
            let town = Town::new(if setup.tls { "half-tls" } else { "half" }, setup).await;
            for way in WAYS {
                broken(&town, |network| network.half_close(way), |_| {}).await;
            }
        });
    }
}

const SIZE: Size = Size::new(160, 96);

/// A picture that no other number gives, partly flat and partly not.
fn drawn(number: u32) -> Frame {
    let mut frame = Frame::blank(SIZE).unwrap();
    let mut state = number.wrapping_mul(2_654_435_761) | 1;
    for (at, pixel) in frame.pixels_mut().chunks_exact_mut(4).enumerate() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let flat = (at / 1_600 + number as usize).is_multiple_of(3);
        let [a, b, c, _] = if flat { [number as u8, 240, 16, 0] } else { state.to_be_bytes() };
        pixel.copy_from_slice(&[a, b, c & 0x0f, 255]);
    }
    frame
}

async fn shows(viewer: &mut ScreenViewer, number: u32) {
    let frame = drawn(number);
    while !viewer.picture().is_some_and(|picture| picture.shows_same(&frame)) {
        if let ViewerStep::Over(why) = soon("the picture", viewer.next()).await {
            panic!("instead of picture {number}: {why}");
        }
    }
}

#[test]
fn on_a_bad_network_the_picture_is_exact() {
    both_ways("picture", async |mut town| {
        let visitor = town.house.visitor_at(&town.visitors_url()).await;
        let agent = town.house.agent_at(&town.agents_url(), "ada").await;
        let (mut sharing, mut viewing, _) = by_key(visitor, agent).await;
        let (app, source) = app_frames();
        let exact = ScreenOptions { fps: 60, lossy: false };
        let sender = smol::spawn(ScreenSender::new(&mut sharing, source, exact).run());
        let mut viewer = ScreenViewer::new(&mut viewing);
        let mut number = 0;
        for manner in [Manner::Trickled, Manner::Chopped(3_000), Manner::Whole] {
            for network in town.networks() {
                network.passes(manner);
            }
            number += 1;
            app.push(drawn(number), Masks::none());
            shows(&mut viewer, number).await;
        }
        // Cut in the middle of a picture, on either side of the server.
        for _ in 0..8 {
            number += 1;
            let mut plan = town.chance.another();
            for (network, way) in [(&town.visitors, Way::ToServer), (&town.agents, Way::ToClient)] {
                network.cut_after(way, plan.below(20_000), plan.one_of(&[Cut::Closed, Cut::Reset]));
            }
            app.push(drawn(number), Masks::none());
            shows(&mut viewer, number).await;
            town.networks().into_iter().for_each(Chaos::spare);
        }
        assert!(!sender.is_finished());
        drop(sharing.end());
        assert_eq!(ended(viewing).await.1, EndReason::Visitor);
        town.house.stop();
        town.house.verify();
    });
}
