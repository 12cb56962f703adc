//! Five things that are wrong on purpose between a client and the hub, each held against the exhaustive
//! search and the random stories, with what the compiler says to the same mistake in an app. Who claims
//! to catch one must, and the table says so.

use core::time::Duration;

use coview_lifecycle::Command;
use coview_sim::Rule;
use coview_sim::World;
use coview_sim::act::Act;
use coview_sim::search::Limits;
use coview_sim::search::Mutant;
use coview_sim::search::Root;
use coview_sim::search::search;
use coview_sim::search::story;
use coview_sim::strategy;
use coview_sim::town;
use coview_wire::PresenceData;
use proptest::strategy::Strategy;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// How a mutant is caught.
struct Caught {
    mutant: Mutant,
    /// From which root the search finds it within which limits, and the rule that is broken.
    root: Root,
    limits: Limits,
    rule: Rule,
    /// What the compiler says to the same mistake in an app, as its tests have it; `None` where no
    /// type claims to rule it out.
    types: Option<&'static str>,
}

const fn limits(depth: u32, breaks: u8) -> Limits {
    Limits { depth, states: usize::MAX, breaks, in_flight: 1 }
}

const TABLE: [Caught; 5] = [
    Caught {
        mutant: Mutant::KeyOnOneClick,
        root: Root::OneClick,
        limits: limits(12, 0),
        rule: Rule::KeyOnlyIfManual,
        types: Some(include_str!("../../coview-lifecycle/tests/ui/key_of_one_click.stderr")),
    },
    Caught {
        mutant: Mutant::AcceptBeforeDisplayed,
        root: Root::OneClick,
        limits: limits(12, 0),
        rule: Rule::AcceptedAfterDisplayed,
        types: Some(include_str!("../../coview-lifecycle/tests/ui/accept_before_displayed.stderr")),
    },
    Caught {
        mutant: Mutant::StaleWithdraw,
        root: Root::OneClick,
        limits: limits(14, 0),
        rule: Rule::WithdrawnByItsAgent,
        types: None,
    },
    Caught {
        mutant: Mutant::ConsentUnchecked,
        root: Root::Manual,
        limits: limits(13, 0),
        rule: Rule::NoPictureWithoutConsent,
        types: Some(include_str!("../../coview-lifecycle/tests/ui/forged_consent.stderr")),
    },
    Caught {
        mutant: Mutant::ResumeWithoutSecret,
        root: Root::Manual,
        limits: limits(6, 1),
        rule: Rule::GroupsApart,
        types: None,
    },
];

#[test]
fn the_search_finds_each() {
    for it in TABLE {
        let report = search(it.root, it.limits, Some(it.mutant));
        let Some((way, broken)) = report.broken else {
            panic!("{} was not found in {} states", it.mutant, report.states)
        };
        let rules: Vec<Rule> = broken.iter().map(|it| it.rule).collect();
        let told = story(it.root, it.limits, Some(it.mutant), &way);
        assert!(rules.contains(&it.rule), "{}: {rules:?}\n{told}", it.mutant);
        assert!(told.contains(&it.rule.to_string()), "{told}");
    }
}

/// The first random story in which a rule is broken, and the rules.
fn broken_in(mutant: Option<Mutant>, stories: u64) -> Option<(u64, Vec<Rule>)> {
    let mut runner = TestRunner::deterministic();
    (0..stories).find_map(|seed| {
        let acts: Vec<Act> = strategy::picture_script(80).new_tree(&mut runner).ok()?.current();
        let mut world = World::new(town::config(), seed);
        world.share_screens();
        if let Some(mutant) = mutant {
            world.mutate(mutant);
        }
        for name in ["anna", "ben"] {
            let no = world.add_visitor(name, town::visitor(town::NORTH));
            world.run_for(Duration::from_secs(1));
            world.command(no, Command::Identify(town::visitor_id(name).into()));
            world.run_for(Duration::from_secs(1));
            world.command(no, Command::ConnectPresence(PresenceData::new()));
        }
        for name in ["grace", "henry"] {
            let no = world.add_agent(name, town::agent(town::NORTH, name));
            world.run_for(Duration::from_secs(1));
            world.watch(no, Some(coview_agent::Watching::Group));
        }
        world.run_for(Duration::from_secs(1));
        for act in &acts {
            world.act(act);
        }
        world.run_for(Duration::from_secs(60));
        let rules: Vec<Rule> = world.violations().iter().map(|it| it.rule).collect();
        (!rules.is_empty()).then_some((seed, rules))
    })
}

#[test]
fn random_stories_find_each() {
    for it in TABLE {
        let Some((seed, rules)) = broken_in(Some(it.mutant), 400) else {
            panic!("{} was not found by random stories", it.mutant)
        };
        assert!(rules.contains(&it.rule), "{} in story {seed}: {rules:?}", it.mutant);
    }
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    assert_eq!(broken_in(None, 60), None);
}

/// The tests of the types compile each of these mistakes and hold what the compiler says to it
/// against this text.
#[test]
fn the_types_rule_out_what_they_claim_to() {
    let claimed: Vec<Mutant> =
        TABLE.iter().filter(|it| it.types.is_some()).map(|it| it.mutant).collect();
    assert_eq!(
        claimed,
        [Mutant::KeyOnOneClick, Mutant::AcceptBeforeDisplayed, Mutant::ConsentUnchecked]
    );
    for said in TABLE.iter().filter_map(|it| it.types) {
        assert!(said.starts_with("error") && said.contains("-->"), "{said}");
    }
}
