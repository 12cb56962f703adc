//! Mask leaks: something that should be covered is in the picture for a moment.
//!
//! The world's pages fill what is masked with a colour that nothing else has, and the checker looks
//! for it in every picture that reaches anybody, and in what viewers are shown in the end. So each of
//! these stories fails at the first pixel. That one page declares its secrets, keeps them declared
//! when they are shown in plain text, and what the toolkit of an app calls a secret, is the app's:
//! what is drawn and what is masked is pushed together, frame by frame, and
//! `a_new_mask_covers_its_area_in_the_same_update_as_new_pixels`,
//! `a_picture_from_before_is_not_shown_to_somebody_who_comes_later` of `coview-screen` and
//! `masks_that_do_not_fit_are_unknown` of `coview-smol` show that nothing comes between.

use core::time::Duration;

use coview_agent::Command as Click;
use coview_sim::Area;
use coview_sim::ClientId;
use coview_sim::PageAct;
use coview_sim::World;
use coview_sim::town;

use crate::stage::ALL;
use crate::stage::MENDS;
use crate::stage::SOON;
use crate::stage::finish;
use crate::stage::join;
use crate::stage::manual;
use crate::stage::told;

const FIELD: Area = Area { x: 60, y: 60, width: 100, height: 100 };

/// Elsewhere the input's value is recorded after a submit that failed, when the page is drawn anew
/// (rrweb-io/rrweb #93), or because the field was hidden (rrweb-io/rrweb #1609). Here a page with a
/// masked field is drawn over and over, scrolled, filmed and covered with noise, while connections
/// break and an agent comes late: the field is never seen.
#[test]
fn a_covered_field_stays_covered_whatever_is_drawn() {
    for cut in MENDS {
        for of_visitor in [true, false] {
            let (mut world, anna, grace) = manual(7);
            let henry = world.add_agent("henry", town::agent(town::NORTH, "henry"));
            let client = if of_visitor { ClientId::from(anna) } else { grace.into() };
            world.draw(anna, &PageAct::Mask(vec![(FIELD, 1)]));
            for (at, act) in [
                PageAct::Letters(ALL, 1),
                PageAct::Film(FIELD, 2, 9),
                PageAct::Scroll(ALL, 3, 11),
                PageAct::Noise(FIELD, 4),
            ]
            .into_iter()
            .enumerate()
            {
                world.draw(anna, &act);
                world.run_for(Duration::from_millis(350));
                if at == 1 {
                    world.cut(client, cut);
                }
            }
            world.run_for(SOON * 50);
            join(&mut world, henry, anna);
            world.run_for(SOON * 2);
            assert!(world.updates_drawn(henry) > 0);
            world.assert_holds();
            assert_eq!(world.disagreements(), [], "{cut:?}");
            finish(world);
        }
    }
}

/// Elsewhere the function that masks was not called for some elements (rrweb-io/rrweb #1488;
/// PostHog/posthog-js #2292 is of the same family). Here the masks are not
/// known any more, because the app forgot them or the page has another size: the picture is blank and
/// says so, to who watches and to who comes, until they are known again.
#[test]
fn masks_that_are_not_known_leave_nothing_to_see() {
    for act in [PageAct::ForgetMasks, PageAct::Resize(40, 60)] {
        let (mut world, anna, _) = manual(7);
        let henry = world.add_agent("henry", town::agent(town::NORTH, "henry"));
        world.draw(anna, &PageAct::Mask(vec![(FIELD, 1)]));
        world.run_for(SOON);
        world.draw(anna, &act);
        for seed in 0..5 {
            world.draw(anna, &PageAct::Noise(ALL, seed));
            world.run_for(Duration::from_millis(230));
        }
        join(&mut world, henry, anna);
        world.run_for(SOON * 2);
        assert_eq!(world.disagreements(), [], "{act:?}: blank, as its status says");
        assert!(told(&world, "hub", "masks=unknown") >= 2, "and it is on record");
        world.draw(anna, &PageAct::Mask(vec![(FIELD, 1)]));
        world.run_for(SOON * 2);
        assert_eq!(world.disagreements(), [], "{act:?}");
        finish(world);
    }
}

/// Elsewhere a password is in the picture once somebody taps "show password"
/// (getsentry/rrweb #34 and PR #78). Here what was in plain sight is masked in the very frame in which
/// it would become a secret, and an agent joins, comes back or falls behind around that frame: nobody
/// is sent the picture from before again.
#[test]
fn who_comes_at_the_moment_something_is_covered_gets_no_picture_from_before() {
    for (gap, draws) in (0..300).step_by(30).flat_map(|gap| [(gap, true), (gap, false)]) {
        let (mut world, anna, grace) = manual(gap);
        let henry = world.add_agent("henry", town::agent(town::NORTH, "henry"));
        // A source tells with every other frame only where it has drawn.
        for seed in 0..=gap / 30 % 2 {
            world.draw(anna, &PageAct::Letters(ALL, u32::try_from(seed).unwrap()));
            world.run_for(SOON);
        }
        assert!(world.join_by_ear(henry, anna));
        world.cut(grace, coview_sim::Cut::ClientNotices);
        world.run_for(Duration::from_millis(gap));
        world.draw(anna, &PageAct::Mask(vec![(FIELD, 1)]));
        if draws {
            world.draw(anna, &PageAct::Noise(FIELD, 1));
        }
        world.run_for(SOON * 3);
        world.assert_holds();
        assert_eq!(world.disagreements(), [], "{gap}");
        assert!(world.agent_command(henry, Click::Leave));
        join(&mut world, henry, anna);
        world.run_for(SOON);
        world.assert_holds();
        finish(world);
    }
}

/// The checker sees a leak where there is one: without it the stories above would hold of anything.
#[test]
fn a_leak_would_be_seen() {
    let (mut world, anna, _) = manual(7);
    world.break_pictures(coview_sim::Fault::Unmasked);
    world.draw(anna, &PageAct::Mask(vec![(FIELD, 1)]));
    world.draw(anna, &PageAct::Noise(FIELD, 1));
    world.run_for(SOON);
    let leaked = |world: &World| {
        let mut broken = world.violations().iter();
        broken.any(|it| it.rule == coview_sim::Rule::MaskedUnseen)
    };
    assert!(leaked(&world));
}
