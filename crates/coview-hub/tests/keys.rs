//! What a key is good for, who may try one how often, and what a try tells.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test runs with std and may panic"
)]

mod harness;

use std::collections::BTreeSet;
use std::time::Duration;

use coview_hub::*;
use coview_wire::*;
use harness::proof::*;
use harness::*;

/// A policy under which nothing ends or waits by itself, and one visitor may start many sessions.
fn patient() -> Policy {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    Policy {
        heartbeat: YEAR,
        key_unclaimed: YEAR,
        begins_per_minute: u32::MAX,
        ..Policy::default()
    }
}

/// Agents of any name may sign in, and visitors may be anybody.
fn open_doors(policy: Policy, digits: u8) -> World {
    let mut config = strict();
    config.policy = policy;
    for group in config.groups.values_mut() {
        group.assertion_needed = false;
        group.key_digits = KeyLength::new(digits).unwrap();
    }
    let mut w = World::with(config);
    w.input(Input::Wall { now: NOON });
    w
}

fn guesser(w: &mut World, claims: &Claims, address: Option<&str>) -> ConnId {
    let address = address.map(|address| address.parse().unwrap());
    let conn = w.open_as(Caller { origin: None, address });
    w.show_token(conn, GROUP, &claims.clone().expires(1_000_000_000));
    let AgentNotice::SignedIn(_) = w.notice(conn) else { panic!("not signed in") };
    conn
}

fn agent(w: &mut World, name: &str) -> ConnId {
    guesser(w, &Claims::agent(name), None)
}

fn retry_ms(w: &mut World, agent: ConnId) -> u32 {
    let ServerMessage::Refused(it) = w.hear(agent) else { panic!("not refused") };
    assert_eq!(it.code, RefusalCode::TooManyTries);
    it.retry_ms.unwrap()
}

fn let_in(w: &mut World, visitor: ConnId) {
    let ServerMessage::JoinRequested(it) = w.hear(visitor) else { panic!("not asked") };
    let re = w.next_re(visitor);
    w.say(visitor, JoinConfirmed { re, join: it.join });
}

/// Time passes, and nobody says anything.
fn later(w: &mut World, time: Duration) {
    w.now = w.now + time;
    w.input(Input::Timeout);
}

// What a key is good for.

#[test]
fn a_key_is_not_given_to_another_session_the_same_day() {
    let mut w = open_doors(patient(), 6);
    let visitor = w.anonymous();
    let mut seen = BTreeSet::new();
    // A hundredth of all keys: by chance five would have come twice.
    for _ in 0..1_000 {
        let (start, _, key) = w.share(visitor);
        assert!(seen.insert(key), "the key of another session");
        w.end_start(visitor, start);
    }
}

#[test]
fn a_key_of_one_session_never_opens_the_next_of_the_same_visitor() {
    let mut w = World::new();
    let (visitor, agent) = (w.anonymous(), w.agent("grace"));
    let (start, _, old) = w.share(visitor);
    w.end_start(visitor, start);
    let (_, session, new) = w.share(visitor);
    w.join(agent, old);
    assert_eq!(w.refused(agent), RefusalCode::NoSuchKey);
    assert_eq!(w.joined(agent, new).session, session);
}

#[test]
fn a_key_for_one_is_burned_with_the_first_who_joins() {
    let mut config = config();
    config.groups.get_mut(&group(GROUP)).unwrap().key_use = KeyUse::Once;
    let mut w = World::with(config);
    let (visitor, grace, joan) = (w.anonymous(), w.agent("grace"), w.agent("joan"));
    let (start, session, key) = w.share(visitor);
    w.joined(grace, key);
    assert_eq!((w.hub.stats().keys, w.hub.stats().keys_burned), (0, 1));
    w.join(joan, key);
    assert_eq!(w.refused(joan), RefusalCode::NoSuchKey);
    // Also not for the one who used it: it has the resume secret for a broken connection.
    w.drop_conn(grace);
    let (grace, snapshot) = w.resume_agent(grace);
    assert_eq!(snapshot.view.unwrap().session, session);
    w.hear_all(visitor);
    w.leave(grace, None);
    let ServerMessage::SessionGuests(_) = w.hear(visitor) else { panic!("no guests") };
    let reason = EndReason::KeyBurned;
    assert_eq!(w.hear(visitor), SessionEnded { start, session, reason }.into());
}

// What a try tells.

/// Why a key opens nothing for the agent who tries it.
const REASONS: [&str; 8] =
    ["wrong", "too long", "unclaimed", "ended", "burned", "ejected", "declined", "forbidden"];

/// A key of nine digits that no hub of these tests has given out.
fn never_given(number: u32) -> SessionKey {
    let mut digits = number;
    SessionKey::random(KeyLength::default(), || {
        let digit = (digits % 10) as u8;
        digits /= 10;
        digit
    })
}

/// A world in which an agent can try a key that opens nothing, for each reason. What happened before
/// is the same whichever is tried.
struct Tries {
    w: World,
    agent: ConnId,
    /// Some for each reason.
    keys: [Vec<SessionKey>; REASONS.len()],
}

impl Tries {
    fn new(policy: Policy, of_each: u32) -> Self {
        let mut config = strict();
        config.policy = Policy { heartbeat: patient().heartbeat, ..policy };
        let settings = config.groups.get_mut(&group(GROUP)).unwrap();
        settings.assertion_needed = false;
        settings.confirm_join = true;
        let mut w = World::with(config);
        w.input(Input::Wall { now: NOON });
        let tester = guesser(&mut w, &Claims::agent("grace").only(&["ada", "bob"]), None);

        let sharing = |w: &mut World, name| {
            let visitor = w.identified(name);
            let (start, session, key) = w.share(visitor);
            (visitor, start, session, key)
        };
        let unclaimed = (0..of_each).map(|_| sharing(&mut w, "ada").3).collect();
        later(&mut w, secs(300));
        // In each of the others there is a guest, so that only the key is over and not the session.
        let mut guests = 0;
        let mut visited = |w: &mut World, name| {
            let (visitor, _, session, key) = sharing(w, name);
            guests += 1;
            let guest = agent(w, &format!("guest-{guests}"));
            w.join(guest, key);
            let_in(w, visitor);
            w.hear_all(visitor);
            (visitor, guest, session, key)
        };
        let declines = |w: &mut World, visitor, agent, key| {
            w.join(agent, key);
            let ServerMessage::JoinRequested(it) = w.hear(visitor) else { panic!("not asked") };
            let re = w.next_re(visitor);
            w.say(visitor, JoinDeclined { re, join: it.join });
        };
        let other = agent(&mut w, "joan");
        let mut keys: [Vec<SessionKey>; REASONS.len()] = Default::default();
        keys[2] = unclaimed;
        for number in 0..of_each {
            let (visitor, start, _, ended) = sharing(&mut w, "ada");
            w.end_start(visitor, start);
            let (visitor, _, _, burned) = visited(&mut w, "ada");
            declines(&mut w, visitor, other, burned);
            let (visitor, guest, session, ejected) = visited(&mut w, "bob");
            w.join(tester, ejected);
            let_in(&mut w, visitor);
            w.eject(guest, session, "grace");
            let (visitor, _, _, declined) = visited(&mut w, "bob");
            declines(&mut w, visitor, tester, declined);
            let (_, _, _, forbidden) = visited(&mut w, "mallory");
            keys[0].push(never_given(4_711 + number));
            keys[1].push(wrong_key(4_711 + number));
            for (at, key) in [(3, ended), (4, burned), (5, ejected), (6, declined), (7, forbidden)]
            {
                keys[at].push(key);
            }
        }
        w.notices(tester);
        let live = u64::from(2 * of_each);
        assert_eq!(w.hub.stats().keys, live, "those that are only not for this agent");
        Self { w, agent: tester, keys }
    }
}

#[test]
fn wrong_expired_used_and_forbidden_keys_get_the_same_answer_to_the_byte() {
    let outcomes: Vec<_> = (0..REASONS.len())
        .map(|at| {
            let Tries { mut w, agent, keys } = Tries::new(Policy::default(), 1);
            let before = w.hub.stats();
            let join = Join { re: w.next_re(agent), key: keys[at][0] };
            let text = AgentMessage::from(join).encode();
            w.hub.handle_input(w.now, Input::Text { conn: agent, text: &text });
            let outputs: Vec<Output> = std::iter::from_fn(|| match w.hub.poll_output() {
                Output::Idle { .. } => None,
                output => Some(output),
            })
            .collect();
            // How many keys it could have hit is counted, not told: it shows in no refusal.
            let after = w.hub.stats();
            (outputs, after.wrong_keys - before.wrong_keys, after.refusals - before.refusals)
        })
        .collect();
    let [Output::Event(Event::WrongKey { .. }), Output::Send { text, .. }] = &outcomes[0].0[..]
    else {
        panic!("{:?}", outcomes[0])
    };
    assert!(text.contains(r#""code":"no_such_key"}"#), "{text}");
    for (reason, outcome) in REASONS.iter().zip(&outcomes) {
        assert!(outcome == &outcomes[0], "{reason}");
    }
}

/// How often the first of a pair is the smaller, if the pairs are all there are. Half, if nothing
/// tells them apart.
fn smaller(of: &[Duration], than: &[Duration]) -> f64 {
    let mut than = than.to_vec();
    than.sort_unstable();
    let wins: usize = of
        .iter()
        .map(|time| {
            let below = than.partition_point(|other| other < time);
            let same = than.partition_point(|other| other <= time) - below;
            2 * (than.len() - below) - same
        })
        .sum();
    wins as f64 / (2 * of.len() * than.len()) as f64
}

#[expect(clippy::disallowed_methods, reason = "what is shown is that times tell nothing")]
fn time(w: &mut World, conn: ConnId, text: &str) -> Duration {
    let begun = std::time::Instant::now();
    w.hub.handle_input(w.now, Input::Text { conn, text });
    while !matches!(w.hub.poll_output(), Output::Idle { .. }) {}
    begun.elapsed()
}

/// Times of many tries, with those of each reason between those of all others. The last are of
/// something that does take another time.
fn measure(samples: usize) -> Vec<Vec<Duration>> {
    let limits = Policy { key_tries: u32::MAX, key_tries_group: u32::MAX, ..Policy::default() };
    // With one key of each, chance decides which of them is found or missed a step sooner.
    let Tries { mut w, agent, keys } = Tries::new(limits, 40);
    // All of the same length: who tries a longer one knows that, and that no key of the group is.
    let [wrong, _, rest @ ..] = keys;
    let keys: Vec<Vec<_>> = [wrong].into_iter().chain(rest).collect();
    let mut times = vec![Vec::with_capacity(samples); keys.len() + 1];
    let mut order: Vec<usize> = (0..times.len()).collect();
    let mut random = 1_u64;
    for round in 0..samples + 100 {
        // What comes before one leaves its traces in the processor, so each comes after each other.
        for last in (1..order.len()).rev() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            order.swap(last, (random >> 33) as usize % (last + 1));
        }
        for at in order.iter().copied() {
            let text = match keys.get(at) {
                Some(keys) => {
                    let (re, key) = (w.next_re(agent), keys[round % keys.len()]);
                    AgentMessage::from(Join { re, key }).encode()
                }
                None => r#"{"t":"ping"}"#.to_owned(),
            };
            let time = time(&mut w, agent, &text);
            // The first are slower than all others.
            if round >= 100 {
                times[at].push(time);
            }
        }
    }
    times
}

#[test]
fn times_do_not_tell_wrong_expired_used_and_forbidden_keys_apart() {
    // A machine that does something else meanwhile may push one kind of try about; it does not push
    // the same one three times.
    let mut seen = Vec::new();
    for _ in 0..3 {
        let times = measure(1_000);
        let (control, tries) = times.split_last().unwrap();
        assert!(smaller(control, &tries[0]) > 0.8, "the measure does not even tell a ping apart");
        let ranks: Vec<_> = tries.iter().map(|tries| smaller(tries, &times[0])).collect();
        if ranks.iter().all(|rank| (0.2..0.8).contains(rank)) {
            return;
        }
        seen.push(ranks);
    }
    panic!("some keys take another time: {seen:?}");
}

// Who may try, and how often.

#[test]
fn a_refusal_says_how_long_to_wait() {
    let mut w = open_doors(patient(), 9);
    let visitor = w.anonymous();
    let (_, _, key) = w.share(visitor);
    let grace = agent(&mut w, "grace");
    for number in 0..5 {
        w.join(grace, never_given(number));
        assert_eq!(w.refused(grace), RefusalCode::NoSuchKey);
    }
    let events = w.events.len();
    for waited in [0, 10, 29] {
        w.join(grace, if waited == 10 { key } else { never_given(5) });
        assert_eq!(retry_ms(&mut w, grace), (30 - waited) * 1_000, "also with the right key");
        later(
            &mut w,
            secs(if waited == 0 {
                10
            } else if waited == 10 {
                19
            } else {
                1
            }),
        );
    }
    assert_eq!(w.events.len(), events + 1, "who hammers does not fill the log");
    w.join(grace, never_given(5));
    assert_eq!(w.refused(grace), RefusalCode::NoSuchKey);
    w.join(grace, key);
    assert_eq!(retry_ms(&mut w, grace), 60_000);
    // A new sign-in, from anywhere, is the same agent.
    w.bye(grace);
    let again = guesser(&mut w, &Claims::agent("grace"), Some("2001:db8::1"));
    w.join(again, key);
    assert_eq!(retry_ms(&mut w, again), 60_000);
    later(&mut w, secs(60));
    w.joined(again, key);
}

#[test]
fn a_right_key_forgives_no_wrong_ones() {
    let mut w = open_doors(patient(), 9);
    let visitor = w.anonymous();
    let (_, _, own) = w.share(visitor);
    let grace = agent(&mut w, "grace");
    for number in 0..5 {
        if number > 0 {
            w.joined(grace, own);
            w.leave(grace, None);
        }
        w.join(grace, never_given(number));
        assert_eq!(w.refused(grace), RefusalCode::NoSuchKey);
    }
    w.join(grace, own);
    assert_eq!(retry_ms(&mut w, grace), 30_000);
}

#[test]
fn many_agents_of_one_network_share_its_tries() {
    let mut w = open_doors(patient(), 12);
    let visitor = w.anonymous();
    let (_, _, key) = w.share(visitor);
    for number in 0..60 {
        // Sixteen addresses of one network, and one of them in the dress of the other protocol.
        let address = if number % 2 == 0 { "198.51.100.7" } else { "::ffff:198.51.100.7" };
        let name = format!("agent-{number}");
        let guesser = guesser(&mut w, &Claims::agent(&name), Some(address));
        w.join(guesser, wrong_key(number));
        assert_eq!(w.refused(guesser), RefusalCode::NoSuchKey, "{number}");
    }
    let inside = guesser(&mut w, &Claims::agent("grace"), Some("198.51.100.7"));
    w.join(inside, key);
    assert_eq!(retry_ms(&mut w, inside), 30_000);
    let outside = guesser(&mut w, &Claims::agent("joan"), Some("198.51.100.8"));
    w.joined(outside, key);
}

#[test]
fn who_guesses_does_not_lock_out_who_does_not() {
    let mut w = open_doors(patient(), 9);
    let visitors: Vec<_> = (0..50).map(|_| w.anonymous()).collect();
    let keys: Vec<_> = visitors.iter().map(|visitor| w.share(*visitor).2).collect();
    // Forty agents with a token guess from forty networks until they have to wait.
    for number in 0..40 {
        let name = format!("mallory-{number}");
        let address = format!("2001:db8:{number:x}::1");
        let guesser = guesser(&mut w, &Claims::agent(&name), Some(&address));
        for guess in 0..5 {
            w.join(guesser, never_given(number * 5 + guess));
            assert_eq!(w.refused(guesser), RefusalCode::NoSuchKey);
        }
        w.join(guesser, keys[0]);
        retry_ms(&mut w, guesser);
    }
    let told = w.events.iter().filter(|event| matches!(event, Event::StepUp { .. })).count();
    assert_eq!(told, 1, "the operator is told once");
    // An honest agent is let in by the visitor, and nobody has to wait.
    let grace = agent(&mut w, "grace");
    w.join(grace, keys[1]);
    let AgentNotice::JoinWaiting(_) = w.notice(grace) else { panic!("refused") };
    let_in(&mut w, visitors[1]);
    let AgentNotice::Joined(_) = w.notice(grace) else { panic!("not let in") };
    // The guesses are forgotten with their window.
    later(&mut w, secs(600));
    let joan = agent(&mut w, "joan");
    w.joined(joan, keys[2]);
}

#[test]
fn a_group_is_locked_only_at_its_cap() {
    let mut w = open_doors(Policy { key_tries_group: 20, ..patient() }, 9);
    let visitor = w.anonymous();
    let (_, _, key) = w.share(visitor);
    for number in 0..20 {
        let guesser = agent(&mut w, &format!("mallory-{number}"));
        w.join(guesser, never_given(number));
        assert_eq!(w.refused(guesser), RefusalCode::NoSuchKey);
    }
    let grace = agent(&mut w, "grace");
    w.join(grace, key);
    assert_eq!(retry_ms(&mut w, grace), 30_000);
    // Another group knows nothing of that.
    let elsewhere = w.visitor_in(OTHER_GROUP);
    let (_, _, other) = w.share(elsewhere);
    let stranger = w.signed_in(&Claims::agent("grace").group(OTHER_GROUP));
    w.joined(stranger, other);
    later(&mut w, secs(30));
    w.joined(grace, key);
}

#[test]
fn a_key_that_was_hit_while_the_visitor_is_asked_is_asked_about_for_good() {
    let mut w = open_doors(Policy { key_odds: 1_000_000_000, ..patient() }, 9);
    let (visitor, other) = (w.anonymous(), w.anonymous());
    let (_, _, hit) = w.share(visitor);
    let mallory = agent(&mut w, "mallory");
    // At these odds the first try is one too many.
    w.join(mallory, hit);
    let AgentNotice::JoinWaiting(_) = w.notice(mallory) else { panic!("let in unasked") };
    w.hear_all(visitor);
    // The visitor does not answer, and the agent comes back when nothing is left of the guesses.
    later(&mut w, secs(3_600));
    w.notices(mallory);
    w.join(mallory, hit);
    let AgentNotice::JoinWaiting(_) = w.notice(mallory) else { panic!("let in unasked") };
    assert!(w.is_quiet(other));
}

#[test]
fn a_hit_that_finds_the_session_full_is_remembered_too() {
    let policy = Policy { key_odds: 100_000_000 / 2, max_guests: 1, ..patient() };
    let mut w = open_doors(policy, 9);
    let visitor = w.anonymous();
    let (_, _, key) = w.share(visitor);
    let (grace, mallory) = (agent(&mut w, "grace"), agent(&mut w, "mallory"));
    w.joined(grace, key);
    for number in 0..2 {
        w.join(mallory, never_given(number));
        assert_eq!(w.refused(mallory), RefusalCode::NoSuchKey);
    }
    w.join(mallory, key);
    assert_eq!(w.refused(mallory), RefusalCode::SessionFull);
    w.leave(grace, None);
    later(&mut w, secs(600));
    w.join(mallory, key);
    let AgentNotice::JoinWaiting(_) = w.notice(mallory) else { panic!("let in unasked") };
}

/// Somebody who guesses: who tries next, from where, and how long after the last try.
type Strategy = fn(usize) -> (String, String, Duration);

const STRATEGIES: [(&str, Strategy); 5] = [
    ("one agent", |_| ("mallory".into(), "192.0.2.1".into(), secs(7))),
    ("one agent who waits until it is forgotten", |step| {
        let pause = if step % 5 == 0 { secs(3_631) } else { secs(1) };
        ("mallory".into(), "192.0.2.1".into(), pause)
    }),
    ("many agents of one network", |step| {
        (format!("mallory-{}", step % 300), "2001:db8::1".into(), secs(1))
    }),
    ("many agents of many networks", |step| {
        let address = format!("2001:db8:{:x}::1", step % 977);
        (format!("mallory-{step}"), address, Duration::from_millis(700))
    }),
    ("bursts at the edges of windows", |step| {
        let pause = if step % 120 == 0 { secs(599) } else { Duration::from_millis(5) };
        (format!("mallory-{step}"), format!("203.0.113.{}", step % 256), pause)
    }),
];

#[test]
fn guessers_never_have_a_chance_above_one_in_a_million_to_get_in_unasked() {
    const GUESSES: usize = 700;
    for live in [1_u32, 7, 60, 100, 101, 400] {
        for (name, strategy) in STRATEGIES {
            let mut w = open_doors(patient(), 9);
            // All but one live key stay; the last is always a new one, because a session that was
            // asked about once is asked about for good.
            for _ in 1..live {
                let visitor = w.anonymous();
                w.share(visitor);
            }
            let (honest, probe) = (agent(&mut w, "grace"), w.anonymous());
            let (mut start, _, mut key) = w.share(probe);
            let mut chances: Vec<(Moment, f64)> = Vec::new();
            for step in 0..GUESSES {
                let (who, address, pause) = strategy(step);
                later(&mut w, pause);
                // What becomes of a right key at this moment is what would become of a hit.
                w.join(honest, key);
                let unasked = matches!(w.notice(honest), AgentNotice::Joined(_));
                w.end_start(probe, start);
                w.notices(honest);
                w.hear_all(probe);
                (start, _, key) = w.share(probe);
                let mallory = guesser(&mut w, &Claims::agent(&who), Some(&address));
                assert_eq!(w.hub.stats().keys, u64::from(live));
                w.join(mallory, never_given(step as u32 + 1));
                let tried = w.refused(mallory) == RefusalCode::NoSuchKey;
                w.bye(mallory);
                if tried && unasked {
                    chances.push((w.now, f64::from(live) / 1e8));
                }
            }
            let worst = chances
                .iter()
                .map(|(from, _)| {
                    let within = chances.iter().filter(|(at, _)| {
                        at >= from && at.since(*from) < Policy::default().key_tries_window
                    });
                    within.map(|(_, chance)| chance).sum::<f64>()
                })
                .fold(0.0, f64::max);
            assert!(worst <= 1.000_001e-6, "{name}, {live} live keys: {worst:e}");
            if name == "many agents of many networks" {
                // Not because nothing could be tried: the budget is used up to what fits.
                let fits = f64::from(100 / live * live) / 1e8;
                assert!((worst - fits).abs() < 1e-12, "{live} live keys: {worst:e}");
            }
        }
    }
}

#[test]
fn guesses_hit_unasked_as_seldom_as_the_budget_says() {
    // Odds that a test can see: one in twenty, with six digits and 500 live keys. Ten guesses of
    // 500 / 100,000 each use them up.
    let policy = Policy { key_odds: 20, ..patient() };
    let mut w = open_doors(policy, 6);
    for _ in 0..500 {
        let visitor = w.anonymous();
        w.share(visitor);
    }
    let mut random = 12_345_u64;
    let mut guess = || {
        SessionKey::random(KeyLength::new(6).unwrap(), || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 60) as u8 % 10
        })
    };
    let (mut unasked, mut hits) = (0, 0);
    for window in 0..300 {
        later(&mut w, secs(600));
        let mut in_this = false;
        for number in 0..30 {
            let mallory = agent(&mut w, &format!("mallory-{window}-{number}"));
            w.join(mallory, guess());
            match w.notice(mallory) {
                AgentNotice::Joined(_) => in_this = true,
                AgentNotice::JoinWaiting(_) => hits += 1,
                _ => {}
            }
            w.bye(mallory);
        }
        unasked += u32::from(in_this);
    }
    // Fifteen are expected, with a deviation of four; of the twenty guesses after them three in ten
    // hit in a window, and are asked about.
    assert!((3..=30).contains(&unasked), "{unasked} of 300 windows");
    assert!(hits > 10, "{hits} guesses led to a question");
}
