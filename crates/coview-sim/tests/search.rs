//! The exhaustive search, as far as a test build gets in a minute: each root, its states counted, so
//! that no search can shrink unseen. `just search` goes to the fixed points.

use std::collections::BTreeSet;

use coview_sim::search::Goal;
use coview_sim::search::Limits;
use coview_sim::search::Report;
use coview_sim::search::Root;
use coview_sim::search::same_states_go_on_the_same;
use coview_sim::search::search;
use coview_sim::search::story;
use coview_sim::search::way;

#[track_caller]
fn holds(root: Root, limits: Limits) -> Report {
    let report = search(root, limits, None);
    if let Some((way, _)) = &report.broken {
        panic!("{}", story(root, limits, None, way));
    }
    if let Some(way) = &report.dead_end {
        panic!("the visitor cannot get out of\n{}", story(root, limits, None, way));
    }
    report
}

const fn limits(depth: u32, breaks: u8) -> Limits {
    Limits { depth, states: usize::MAX, breaks, in_flight: 1 }
}

#[track_caller]
fn reaches(report: &Report, goals: &[Goal]) {
    let reached: BTreeSet<Goal> = report.goals.keys().copied().collect();
    let missing: Vec<&Goal> = goals.iter().filter(|goal| !reached.contains(goal)).collect();
    assert!(missing.is_empty(), "{missing:?} were not reached");
}

#[test]
fn a_way_is_told_with_the_numbers_by_which_to_go_it_again() {
    let limits = limits(u32::MAX, 1);
    let numbers = [1, 0, 0, 2, 0];
    let first = way(Root::Mixed, limits, None, &numbers).expect("there are so many choices");
    let told = story(Root::Mixed, limits, None, &first);
    assert!(told.ends_with("just search --root mixed --breaks 1 --again 1.0.0.2.0"), "{told}");
    assert_eq!(way(Root::Mixed, limits, None, &[0, 99]), None);
}

#[test]
fn a_visitor_who_reads_a_key_out() {
    let whole = holds(Root::Manual, limits(12, 0));
    reaches(
        &whole,
        &[
            Goal::Manual,
            Goal::Joined,
            Goal::Two,
            Goal::Unclaimed,
            Goal::WrongKey,
            Goal::EndedByVisitor,
            Goal::EndedByAgent,
            Goal::AgentLeft,
            Goal::PictureSeen,
        ],
    );
    let broken = holds(Root::Manual, limits(6, 1));
    reaches(
        &broken,
        &[Goal::VisitorResumed, Goal::AgentResumed, Goal::VisitorGone, Goal::AgentGone],
    );
    assert!(whole.states >= 1_600 && broken.states >= 1_150, "{whole:?} {broken:?}");
}

#[test]
fn a_visitor_who_lets_agents_in() {
    let whole = holds(Root::Confirm, limits(12, 0));
    reaches(&whole, &[Goal::Manual, Goal::LetIn, Goal::KeptOut, Goal::Joined]);
    let broken = holds(Root::Confirm, limits(6, 1));
    reaches(&broken, &[Goal::VisitorResumed, Goal::AgentResumed, Goal::EndedByLoss]);
    assert!(whole.states >= 2_600 && broken.states >= 1_150, "{whole:?} {broken:?}");
}

#[test]
fn a_visitor_whom_two_agents_ask() {
    let whole = holds(Root::OneClick, limits(11, 0));
    reaches(
        &whole,
        &[
            Goal::Accepted,
            Goal::OneClick,
            Goal::Declined,
            Goal::Withdrawn,
            Goal::Expired,
            Goal::Lost,
        ],
    );
    let broken = holds(Root::OneClick, limits(5, 1));
    reaches(&broken, &[Goal::VisitorResumed, Goal::AgentResumed, Goal::VisitorGone, Goal::Lost]);
    assert!(whole.states >= 3_700 && broken.states >= 2_000, "{whole:?} {broken:?}");
}

#[test]
fn a_visitor_who_is_asked_and_shares_by_key() {
    let whole = holds(Root::Mixed, limits(11, 0));
    reaches(&whole, &[Goal::Accepted, Goal::OneClick, Goal::Busy, Goal::Manual, Goal::Joined]);
    let broken = holds(Root::Mixed, limits(5, 1));
    reaches(&broken, &[Goal::VisitorResumed, Goal::AgentResumed]);
    assert!(whole.states >= 3_600 && broken.states >= 2_000, "{whole:?} {broken:?}");
}

#[test]
fn what_has_the_same_digest_goes_on_in_the_same_way() {
    for (root, seed) in Root::ALL.into_iter().zip(1..) {
        let limits = Limits { depth: 30, ..limits(0, 1) };
        let pairs = same_states_go_on_the_same(root, limits, 60, seed);
        assert!(pairs >= 5, "{root}: only {pairs} states were come to in two ways");
    }
}
