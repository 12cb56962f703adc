//! Strategies for proptest: the vocabulary, and random stories.

use core::time::Duration;

use coview_lifecycle::Command;
use coview_wire::AgentId;
use coview_wire::AppState;
use coview_wire::GroupId;
use coview_wire::KeyLength;
use coview_wire::PresenceData;
use coview_wire::PresencePatch;
use coview_wire::Profile;
use coview_wire::SessionKey;
use coview_wire::VisitorId;
use proptest::collection::btree_map;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::act::Act;
use crate::act::AgentAct;
use crate::act::HubAct;
use crate::act::NetworkAct;
use crate::act::VisitorAct;
use crate::network::Cut;
use crate::network::Direction;
use crate::network::Reach;
use crate::picture::page::Area;
use crate::picture::page::PageAct;
use crate::proofs::Paper;
use crate::simulation::Profile as Day;
use crate::town;
use crate::world::LASTS;
use crate::world::Tamper;

/// Any visitor id.
pub fn visitor_id() -> impl Strategy<Value = VisitorId> {
    "[A-Za-z0-9_~-]{1,62}".prop_map(|text| VisitorId::new(text).expect("it fits the pattern"))
}

/// Any agent id.
pub fn agent_id() -> impl Strategy<Value = AgentId> {
    "[A-Za-z0-9_~-]{1,62}".prop_map(|text| AgentId::new(text).expect("it fits the pattern"))
}

/// Any group id.
pub fn group_id() -> impl Strategy<Value = GroupId> {
    "[A-Za-z0-9_-]{1,32}".prop_map(|text| GroupId::new(text).expect("it fits the pattern"))
}

/// Any session key of any length.
pub fn session_key() -> impl Strategy<Value = SessionKey> {
    (6u8..=12, vec(0u8..10, 12)).prop_map(|(digits, drawn)| {
        let length = KeyLength::new(digits).expect("6 to 12 digits are allowed");
        let mut drawn = drawn.into_iter();
        SessionKey::random(length, || drawn.next().unwrap_or_default())
    })
}

/// Any profile.
pub fn profile() -> impl Strategy<Value = Profile> {
    let field = |max: usize| {
        option::of(
            proptest::string::string_regex(&format!("\\PC{{0,{max}}}")).expect("it is a pattern"),
        )
    };
    (field(63), field(127), field(31)).prop_map(|(name, email, phone)| {
        let mut profile = Profile::new();
        // What breaks a limit in another way than by its length is left out.
        for (set, text) in [
            (Profile::with_name as fn(Profile, &str) -> Result<Profile, _>, name),
            (Profile::with_email, email),
            (Profile::with_phone, phone),
        ] {
            if let Some(text) = text {
                profile = set(profile.clone(), &text).unwrap_or(profile);
            }
        }
        profile
    })
}

/// Any presence data of up to eight entries.
pub fn presence_data() -> impl Strategy<Value = PresenceData> {
    btree_map("[A-Za-z0-9._-]{1,64}", "[ -~]{0,64}", 0..8).prop_map(|entries| {
        entries.iter().fold(PresenceData::new(), |data, (key, value)| {
            data.with(key, value).expect("the entry fits the patterns")
        })
    })
}

/// Any change of presence data of up to eight entries.
pub fn presence_patch() -> impl Strategy<Value = PresencePatch> {
    let value = option::of("[ -~]{0,64}");
    btree_map("[A-Za-z0-9._-]{1,64}", value, 0..8).prop_map(|entries| patch(&entries))
}

fn patch(entries: &std::collections::BTreeMap<String, Option<String>>) -> PresencePatch {
    entries.iter().fold(PresencePatch::new(), |patch, (key, value)| {
        match value {
            Some(value) => patch.set(key, value),
            None => patch.remove(key),
        }
        .expect("the entry fits the patterns")
    })
}

/// A story of up to `most` acts.
pub fn script(most: usize) -> impl Strategy<Value = Vec<Act>> {
    vec(act(), 1..most)
}

/// One act. People act most often, and time passes between.
pub fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        40 => time().prop_map(Act::Wait),
        50 => (0usize..8, visitor_act()).prop_map(|(no, act)| Act::Visitor(no, act)),
        40 => (0usize..8, agent_act()).prop_map(|(no, act)| Act::Agent(no, act)),
        20 => (0usize..16, network_act()).prop_map(|(no, act)| Act::Network(no, act)),
        1 => hub_act().prop_map(Act::Hub),
    ]
}

/// A story of up to `most` acts about what is shared: pages change, networks break, sessions go on.
pub fn picture_script(most: usize) -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        30 => (0u64..400).prop_map(|time| Act::Wait(Duration::from_millis(time))),
        6 => time().prop_map(Act::Wait),
        40 => (0usize..4, page_act()).prop_map(|(no, act)| Act::Visitor(no, VisitorAct::Draw(act))),
        2 => (0usize..4).prop_map(|no| Act::Visitor(no, VisitorAct::SendAnew)),
        2 => (0usize..4).prop_map(|no| Act::Agent(no, AgentAct::ViewAnew)),
        6 => (0usize..4, visitor_act()).prop_map(|(no, act)| Act::Visitor(no, act)),
        10 => (0usize..4, agent_act()).prop_map(|(no, act)| Act::Agent(no, act)),
        6 => (0usize..4, 0usize..4)
            .prop_map(|(no, from)| Act::Agent(no, AgentAct::JoinByEar(from))),
        12 => (0usize..8, network_act()).prop_map(|(no, act)| Act::Network(no, act)),
        1 => hub_act().prop_map(Act::Hub),
    ];
    vec(act, 1..most)
}

/// A story of up to `most` acts about who may come in: keys, papers, and visitors who are asked.
pub fn trust_script(most: usize) -> impl Strategy<Value = Vec<Act>> {
    let visitor = prop_oneof![
        10 => Just(VisitorAct::Forward),
        12 => (0usize..6).prop_map(VisitorAct::Possible),
        4 => (0usize..3, paper()).prop_map(|(at, paper)| VisitorAct::Identify(at, paper)),
        8 => page_act().prop_map(VisitorAct::Draw),
        2 => visitor_act(),
    ];
    let agent = prop_oneof![
        20 => (0usize..8).prop_map(AgentAct::JoinByEar),
        2 => (0usize..8).prop_map(AgentAct::JoinLate),
        6 => (0usize..3).prop_map(AgentAct::Ask),
        5 => any::<bool>().prop_map(AgentAct::Stop),
        3 => (0usize..3).prop_map(AgentAct::Eject),
        6 => paper().prop_map(AgentAct::Renew),
        6 => paper().prop_map(AgentAct::RestartWith),
        2 => Just(AgentAct::Cancel),
        3 => (0usize..3).prop_map(|whom| AgentAct::Watch(Some(Some(whom)))),
        4 => agent_act(),
    ];
    let act = prop_oneof![
        30 => (0u64..400).prop_map(|time| Act::Wait(Duration::from_millis(time))),
        10 => time().prop_map(Act::Wait),
        40 => (0usize..8, visitor).prop_map(|(no, act)| Act::Visitor(no, act)),
        40 => (0usize..8, agent).prop_map(|(no, act)| Act::Agent(no, act)),
        8 => (0usize..16, network_act()).prop_map(|(no, act)| Act::Network(no, act)),
        1 => hub_act().prop_map(Act::Hub),
    ];
    vec(act, 1..most)
}

/// What somebody does on such a day, without the time between.
pub fn acts_of(day: Day) -> impl Strategy<Value = Act> {
    // Visitors, agents, papers and doors, pages, the network, faults, the hub, its machine.
    let [visitors, agents, doors, pages, network, faults, hub, machine] = match day {
        Day::Office => [240, 200, 80, 80, 16, 0, 1, 1],
        Day::Storm => [200, 160, 80, 40, 160, 4, 8, 2],
        Day::Mobile => [240, 160, 40, 40, 200, 60, 2, 1],
        Day::Hostile => [160, 160, 240, 40, 60, 60, 4, 4],
        Day::Played => [200, 200, 40, 10, 30, 20, 1, 2],
    };
    let door = prop_oneof![
        3 => (any::<usize>(), any::<usize>(), paper())
            .prop_map(|(no, at, paper)| Act::Visitor(no, VisitorAct::Identify(at, paper))),
        6 => (any::<usize>(), any::<usize>())
            .prop_map(|(no, at)| Act::Agent(no, AgentAct::JoinByEar(at))),
        2 => (any::<usize>(), any::<usize>())
            .prop_map(|(no, at)| Act::Agent(no, AgentAct::JoinLate(at))),
        2 => (any::<usize>(), session_key())
            .prop_map(|(no, key)| Act::Agent(no, AgentAct::Join(key))),
        3 => (any::<usize>(), paper())
            .prop_map(|(no, paper)| Act::Agent(no, AgentAct::Renew(paper))),
        3 => (any::<usize>(), paper())
            .prop_map(|(no, paper)| Act::Agent(no, AgentAct::RestartWith(paper))),
    ];
    prop_oneof![
        visitors => (any::<usize>(), visitor_act()).prop_map(|(no, act)| Act::Visitor(no, act)),
        agents => (any::<usize>(), agent_act()).prop_map(|(no, act)| Act::Agent(no, act)),
        doors => door,
        pages => (any::<usize>(), page_act())
            .prop_map(|(no, act)| Act::Visitor(no, VisitorAct::Draw(act))),
        network => (any::<usize>(), network_act()).prop_map(|(no, act)| Act::Network(no, act)),
        faults => (any::<usize>(), fault_act()).prop_map(|(no, act)| Act::Network(no, act)),
        hub => hub_act().prop_map(Act::Hub),
        machine => prop_oneof![
            2 => any::<bool>().prop_map(HubAct::Records),
            1 => long().prop_map(|time| HubAct::Sleep(time / 10)),
        ].prop_map(Act::Hub),
    ]
}

/// What a network does to a client that TCP would not: with single messages, and by sleeping.
pub fn fault_act() -> impl Strategy<Value = NetworkAct> {
    let direction = || prop_oneof![Just(Direction::Up), Just(Direction::Down)];
    prop_oneof![
        8 => (direction(), tamper()).prop_map(|(to, tamper)| NetworkAct::Tamper(to, tamper)),
        3 => long().prop_map(NetworkAct::Sleep),
        2 => (0u8..8).prop_map(NetworkAct::From),
    ]
}

/// What becomes of a single message.
pub fn tamper() -> impl Strategy<Value = Tamper> {
    prop_oneof![
        3 => Just(Tamper::Double),
        3 => Just(Tamper::Lose),
        2 => any::<u32>().prop_map(Tamper::Garble),
        1 => Just(Tamper::Truncate),
        1 => Just(Tamper::Replace),
        1 => Just(Tamper::Misdirect),
        1 => Just(Tamper::Misplace),
    ]
}

/// For how long a machine sleeps: a moment, past a deadline, or past all of them.
fn long() -> impl Strategy<Value = Duration> {
    prop_oneof![2 => 1_000u64..20_000, 2 => 20_000u64..100_000, 1 => 100_000u64..2_000_000]
        .prop_map(Duration::from_millis)
}

/// What becomes of a page.
pub fn page_act() -> impl Strategy<Value = PageAct> {
    let masks = || vec((area(), any::<u8>()), 0..3);
    prop_oneof![
        4 => (area(), any::<u32>()).prop_map(|(area, seed)| PageAct::Fill(area, seed)),
        4 => (area(), any::<u32>()).prop_map(|(area, seed)| PageAct::Noise(area, seed)),
        4 => (area(), any::<u32>()).prop_map(|(area, seed)| PageAct::Letters(area, seed)),
        6 => (area(), -20i16..20, -20i16..20)
            .prop_map(|(area, x, y)| PageAct::Scroll(area, x, y)),
        3 => (area(), any::<u32>(), 1u8..8)
            .prop_map(|(area, seed, frames)| PageAct::Film(area, seed, frames)),
        2 => (0u8..64, 0u8..48).prop_map(|(width, height)| PageAct::Resize(width, height)),
        4 => masks().prop_map(PageAct::Mask),
        1 => Just(PageAct::ForgetMasks),
        2 => any::<bool>().prop_map(PageAct::Pause),
    ]
}

fn area() -> impl Strategy<Value = Area> {
    (any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>()).prop_map(|(x, y, width, height)| Area {
        x,
        y,
        width,
        height,
    })
}

/// A time to pass: mostly about as long as a message is under way, sometimes past a deadline.
pub fn time() -> impl Strategy<Value = Duration> {
    prop_oneof![
        40 => 0u64..300,
        10 => 300u64..12_000,
        3 => 12_000u64..70_000,
        1 => 70_000u64..400_000,
    ]
    .prop_map(Duration::from_millis)
}

/// What a visitor's app does: mostly what its state has a verb for.
pub fn visitor_act() -> impl Strategy<Value = VisitorAct> {
    prop_oneof![
        30 => Just(VisitorAct::Forward),
        10 => (0usize..4).prop_map(VisitorAct::Possible),
        2 => command().prop_map(VisitorAct::Call),
        3 => app().prop_map(VisitorAct::Move),
        4 => (0usize..3, paper()).prop_map(|(at, paper)| VisitorAct::Identify(at, paper)),
        2 => small_patch().prop_map(VisitorAct::Update),
        2 => Just(VisitorAct::GiveUp),
        1 => Just(VisitorAct::Leave),
        1 => cut().prop_map(VisitorAct::Crash),
        2 => Just(VisitorAct::Restart),
    ]
}

/// What an agent's console does.
pub fn agent_act() -> impl Strategy<Value = AgentAct> {
    prop_oneof![
        14 => (0usize..3).prop_map(AgentAct::Ask),
        1 => (0usize..3).prop_map(AgentAct::AskBlindly),
        8 => (0usize..8).prop_map(AgentAct::JoinByEar),
        1 => (0usize..8).prop_map(AgentAct::JoinLate),
        1 => session_key().prop_map(AgentAct::Join),
        6 => any::<bool>().prop_map(AgentAct::Stop),
        3 => paper().prop_map(AgentAct::Renew),
        2 => paper().prop_map(AgentAct::RestartWith),
        1 => Just(AgentAct::Cancel),
        2 => option::weighted(0.9, option::weighted(0.3, 0usize..3)).prop_map(AgentAct::Watch),
        2 => (0usize..3).prop_map(AgentAct::Eject),
        2 => Just(AgentAct::GiveUp),
        1 => Just(AgentAct::Leave),
        1 => cut().prop_map(AgentAct::Crash),
        2 => Just(AgentAct::Restart),
    ]
}

/// A token or an assertion: mostly as it should be.
pub fn paper() -> impl Strategy<Value = Paper> {
    let lasts = || proptest::sample::select(LASTS.as_slice());
    prop_oneof![
        8 => lasts().prop_map(Paper::Good),
        4 => lasts().prop_map(Paper::Once),
        3 => Just(Paper::Again),
        3 => lasts().prop_map(Paper::ViewOnly),
        4 => (0usize..3, lasts()).prop_map(|(visitor, lasts)| Paper::OnlyOne(visitor, lasts)),
        2 => lasts().prop_map(Paper::NoKeys),
        2 => lasts().prop_map(Paper::Alone),
        1 => Just(Paper::Expired),
        1 => Just(Paper::Forged),
        1 => Just(Paper::OtherGroup),
        1 => Just(Paper::SomebodyElses),
        1 => Just(Paper::OtherPurpose),
        2 => Just(Paper::Missing),
    ]
}

/// What the network does to a client.
pub fn network_act() -> impl Strategy<Value = NetworkAct> {
    let direction = || prop_oneof![Just(Direction::Up), Just(Direction::Down)];
    prop_oneof![
        6 => cut().prop_map(NetworkAct::Cut),
        2 => direction().prop_map(NetworkAct::Stall),
        2 => direction().prop_map(NetworkAct::Unstall),
        2 => prop_oneof![Just(Reach::Open), Just(Reach::Refused), Just(Reach::Nowhere)]
            .prop_map(NetworkAct::Reach),
    ]
}

/// What becomes of the hub.
pub fn hub_act() -> impl Strategy<Value = HubAct> {
    prop_oneof![
        cut().prop_map(HubAct::Crash),
        Just(HubAct::Restart),
        Just(HubAct::GoDown),
        Just(HubAct::ComeUp),
        Just(HubAct::ComeUp),
        Just(HubAct::Drain),
        (-200i16..800).prop_map(HubAct::SetClock),
    ]
}

/// Who notices a cut.
pub fn cut() -> impl Strategy<Value = Cut> {
    prop_oneof![
        3 => Just(Cut::BothNotice),
        2 => Just(Cut::ClientNotices),
        1 => Just(Cut::HubNotices),
        1 => Just(Cut::Silent),
    ]
}

/// Where an app is.
pub fn app() -> impl Strategy<Value = AppState> {
    prop_oneof![Just(AppState::Active), Just(AppState::Background)]
}

/// Any verb, with one of the ids of the [`town`].
pub fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        (0..town::VISITORS.len())
            .prop_map(|at| Command::Identify(town::visitor_id(town::VISITORS[at]).into())),
        small_data().prop_map(Command::ConnectPresence),
        Just(Command::StartManual),
        Just(Command::TermsDisplayed),
        Just(Command::Accept),
        Just(Command::Decline),
        Just(Command::End),
        Just(Command::Disconnect),
        Just(Command::LogOut),
    ]
}

fn small_data() -> impl Strategy<Value = PresenceData> {
    btree_map("[ab]", "[xyz]", 0..3).prop_map(|entries| {
        entries.iter().fold(PresenceData::new(), |data, (key, value)| {
            data.with(key, value).expect("the entry fits the patterns")
        })
    })
}

fn small_patch() -> impl Strategy<Value = PresencePatch> {
    btree_map("[ab]", option::of("[xyz]"), 0..3).prop_map(|entries| patch(&entries))
}
