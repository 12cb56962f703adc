//! What is counted: each thing once, and nothing else.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test runs with std and may panic"
)]

mod harness;

use coview_hub::*;
use coview_wire::*;
use harness::proof::*;
use harness::*;

/// The counters without the gauges, and without the messages, which have a test of their own.
fn counters(w: &World) -> Stats {
    Stats {
        connections: 0,
        visitors: 0,
        visitors_identified: 0,
        visitors_online: 0,
        agents: 0,
        agents_watching: 0,
        asks: 0,
        sessions: 0,
        viewers: 0,
        keys: 0,
        one_use_tokens: 0,
        deadlines: 0,
        messages_in: 0,
        messages_out: 0,
        ..w.hub.stats()
    }
}

/// A visitor and an agent have just come.
fn two() -> Stats {
    Stats { connections_opened: 2, visitors_arrived: 1, agents_signed_in: 1, ..Stats::default() }
}

#[test]
fn a_session_with_a_key_is_counted_once_when_it_begins_and_once_when_it_ends() {
    let mut w = World::new();
    assert_eq!(counters(&w), Stats::default());
    let (visitor, grace) = (w.anonymous(), w.agent("grace"));
    assert_eq!(counters(&w), two());
    let (start, session, key) = w.share(visitor);
    w.joined(grace, key);
    assert_eq!(counters(&w), Stats { sessions_manual: 1, ..two() });
    let viewer = w.viewer(visitor, session);
    w.show(visitor, session, &[viewer], &[1, 2, 3]);
    let relayed = w.seen(grace, session).len();
    assert_eq!(relayed, 1);
    let shown = counters(&w);
    assert_eq!((shown.pictures_in, shown.pictures_out, shown.pictures_late), (1, 1, 0));
    assert!(shown.picture_bytes_in > shown.picture_bytes_out && shown.picture_bytes_out > 3);
    w.end_start(visitor, start);
    assert_eq!(counters(&w), Stats { sessions_ended: 1, ..shown });
    w.end_start(visitor, start);
    assert_eq!(counters(&w).sessions_ended, 1, "it had ended");
}

#[test]
fn a_session_of_one_click_is_counted_with_its_request() {
    let mut w = World::new();
    let (visitor, grace) = (w.online("ada"), w.agent("grace"));
    let (start, _) = w.one_click(grace, visitor, "ada");
    let running = Stats { asked: 1, asks_accepted: 1, sessions_one_click: 1, ..two() };
    assert_eq!(counters(&w), running);
    w.end_start(visitor, start);
    assert_eq!(counters(&w), Stats { sessions_ended: 1, ..running });
}

#[test]
fn every_end_of_a_request_is_counted_as_what_it_was() {
    let end = |how: &dyn Fn(&mut World, ConnId, ConnId, AskId)| {
        let mut w = World::new();
        let (visitor, grace) = (w.online("ada"), w.agent("grace"));
        let ask = w.shown(grace, visitor, "ada");
        assert_eq!(counters(&w), Stats { asked: 1, ..two() }, "none has ended");
        how(&mut w, visitor, grace, ask);
        assert_eq!(w.hub.stats().asks, 0);
        counters(&w)
    };
    let asked = Stats { asked: 1, ..two() };
    assert_eq!(
        end(&|w, visitor, _, ask| w.decline(visitor, ask)),
        Stats { asks_declined: 1, ..asked }
    );
    assert_eq!(
        end(&|w, _, grace, ask| w.withdraw(grace, Some(ask))),
        Stats { asks_withdrawn: 1, ..asked }
    );
    assert_eq!(
        end(&|w, _, _, _| {
            let patience = Policy::default().terms_unanswered;
            w.pass(patience);
        }),
        Stats { asks_expired: 1, ..asked }
    );
    assert_eq!(end(&|w, _, grace, _| w.bye(grace)), Stats { asks_lost: 1, ..asked });
}

#[test]
fn who_shares_by_key_while_asked_elsewhere_is_counted_as_busy() {
    let mut w = World::new();
    let (phone, laptop, grace) = (w.online("ada"), w.online("ada"), w.agent("grace"));
    w.hear_all(phone);
    w.hear_all(laptop);
    w.ask(grace, "ada");
    w.start(phone, StartBy::RandomKey);
    w.start(laptop, StartBy::RandomKey);
    let counted = counters(&w);
    assert_eq!((counted.asked, counted.asks_busy, counted.asks_lost), (1, 1, 0));
}

#[test]
fn why_the_hub_closes_a_connection_is_counted() {
    let mut w = World::new();
    let (visitor, grace) = (w.anonymous(), w.agent("grace"));
    w.input(Input::TooSlow { conn: grace });
    assert_eq!(counters(&w), Stats { closed_too_slow: 1, ..two() });
    w.pass_in_silence(Policy::default().heartbeat * 3);
    assert_eq!(w.closed[&visitor], CloseReason::Silent);
    assert_eq!(counters(&w), Stats { closed_too_slow: 1, closed_silent: 1, ..two() });
}

#[test]
fn places_taken_up_again_and_those_that_were_not_there_are_counted() {
    let mut w = World::new();
    let (visitor, grace) = (w.anonymous(), w.agent("grace"));
    w.drop_conn(visitor);
    let (back, _) = w.resume_visitor(visitor);
    w.drop_conn(grace);
    w.resume_agent(grace);
    let two = Stats { connections_opened: 4, resumed: 2, ..two() };
    assert_eq!(counters(&w), two);
    w.bye(back);
    w.resume_refused(visitor);
    let refused = Stats { connections_opened: 5, refusals: 1, resume_failed: 1, ..two };
    assert_eq!(counters(&w), refused);
}

#[test]
fn what_is_refused_and_what_is_a_problem_are_counted_apart() {
    let mut w = World::new();
    let (visitor, grace) = (w.anonymous(), w.agent("grace"));
    w.ask(grace, "ada");
    assert_eq!(w.refused(grace), RefusalCode::NotOnline);
    assert_eq!(counters(&w), Stats { refusals: 1, ..two() });
    w.log_out(visitor);
    assert_eq!(w.problem(visitor), RefusalCode::IllegalOrder);
    assert_eq!(counters(&w), Stats { refusals: 1, problems: 1, ..two() });
}

#[test]
fn every_message_is_counted_on_its_way_in_and_out() {
    let mut w = World::new();
    let (visitor, grace) = (w.anonymous(), w.agent("grace"));
    let (_, session, key) = w.share(visitor);
    w.joined(grace, key);
    assert_eq!(w.hub.stats().messages_in, 4, "hello, sign_in, session_start, join");
    let viewer = w.viewer(visitor, session);
    w.show(visitor, session, &[viewer], &[1]);
    w.signal(grace, session, ViewerSays::Refresh);
    w.text(visitor, "no message");
    assert_eq!(w.hub.stats().messages_in, 7, "a picture, a word about it, and what is none");
    let forgotten = w.sent.iter().filter(|(_, sent)| matches!(sent, Sent::Forget)).count();
    assert_eq!(w.hub.stats().messages_out, (w.sent.len() - forgotten) as u64);
    assert!(w.sent.iter().any(|(_, sent)| matches!(sent, Sent::Binary(_))));
    assert!(w.sent.iter().any(|(_, sent)| matches!(sent, Sent::Picture(_))));
}

#[test]
fn who_waits_to_be_let_in_and_is_not_is_counted_once() {
    let mut config = config();
    for group in config.groups.values_mut() {
        group.confirm_join = true;
    }
    let mut w = World::with(config);
    let (visitor, grace) = (w.anonymous(), w.agent("grace"));
    let (_, _, key) = w.share(visitor);
    w.join(grace, key);
    let waiting = Stats { sessions_manual: 1, joins_asked: 1, ..two() };
    assert_eq!(counters(&w), waiting);
    w.leave(grace, None);
    assert_eq!(w.hub.stats().viewers, 0);
    // The agent is told that it waits no more.
    assert_eq!(counters(&w), Stats { joins_unanswered: 1, refusals: 1, ..waiting });
}

#[test]
fn whoever_proves_an_id_is_counted_and_whoever_does_not_is_too() {
    let mut w = World::strict();
    w.proved(&Claims::visitor("ada"));
    let proved = Stats {
        connections_opened: 1,
        visitors_arrived: 1,
        assertions_accepted: 1,
        ..Stats::default()
    };
    assert_eq!(counters(&w), proved);
    let other = w.anonymous();
    w.identify_as(other, "eve", Some(&Claims::visitor("eve").forged()));
    let both = Stats {
        connections_opened: 2,
        visitors_arrived: 2,
        refused_assertions: 1,
        refusals: 1,
        ..proved
    };
    assert_eq!(counters(&w), both);
}

#[test]
fn tokens_and_assertions_that_were_used_once_are_counted_together() {
    let mut w = World::strict();
    w.proved(&Claims::visitor("ada").once(1));
    assert_eq!(w.hub.stats().one_use_tokens, 1);
    w.signed_in(&Claims::agent("grace").once(2));
    w.signed_in(&Claims::agent("joan").once(3));
    assert_eq!(w.hub.stats().one_use_tokens, 3);
}

#[test]
fn debug_shows_what_is_counted_and_nothing_else() {
    let mut w = World::new();
    let visitor = w.anonymous();
    w.share(visitor);
    assert_eq!(format!("{:?}", w.hub), format!("Hub {{ stats: {:?}, .. }}", w.hub.stats()));
}
