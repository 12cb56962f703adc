//! Attacks across groups.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test runs with std and may panic"
)]

mod harness;

use coview_wire::*;
use harness::proof::*;
use harness::*;

/// Two groups with the same people in the same situations. Whatever one of them says with the ids,
/// keys, tokens, assertions and secrets of the other group, nobody there hears or sees anything.
#[test]
fn nothing_of_one_group_means_anything_in_another() {
    let mut w = World::strict();
    let there = |claims: Claims| claims.group(OTHER_GROUP);
    // Theirs: one is asked, one shares with a key and one after a request.
    let asked = w.proved_online_in(OTHER_GROUP, "ada");
    let asking = w.signed_in(&there(Claims::agent("grace")));
    let ask = w.shown(asking, asked, "ada");
    let sharing = w.proved_online_in(OTHER_GROUP, "bob");
    let (start, session, key) = w.share(sharing);
    let guest = w.signed_in(&there(Claims::agent("joan")));
    w.joined(guest, key);
    let shared = w.proved_online_in(OTHER_GROUP, "cyd");
    let viewing = w.signed_in(&there(Claims::agent("kay")));
    let (_, second) = w.one_click(viewing, shared, "cyd");
    let viewer = w.viewer(sharing, session);
    let theirs = [asked, asking, sharing, guest, shared, viewing];
    for conn in theirs {
        w.forget(conn);
    }
    let (before, events) = (w.hub.stats(), w.events.len());

    // Ours: a visitor and an agent of the same names, who know all of that.
    let visitor = w.proved_online("ada");
    w.displayed(visitor, ask);
    w.accept(visitor, ask);
    w.start(visitor, StartBy::VisitorId { ask });
    assert_eq!(w.refused(visitor), RefusalCode::TermsOver);
    w.decline(visitor, ask);
    w.end_start(visitor, start);
    w.identify_as(visitor, "ada", Some(&there(Claims::visitor("ada"))));
    assert_eq!(w.refused(visitor), RefusalCode::BadAssertion);
    let agent = w.signed_in(&Claims::agent("grace"));
    w.watch(agent, None);
    let AgentNotice::Roster(it) = w.notice(agent) else { panic!("no roster") };
    assert_eq!(it.visitors.len(), 1, "our own visitor");
    for whom in ["bob", "cyd"] {
        w.watch(agent, Some(whom));
        let AgentNotice::Roster(it) = w.notice(agent) else { panic!("no roster") };
        assert!(it.visitors.is_empty());
        w.ask(agent, whom);
        assert_eq!(w.refused(agent), RefusalCode::NotOnline);
    }
    w.join(agent, key);
    assert_eq!(w.refused(agent), RefusalCode::NoSuchKey);
    w.withdraw(agent, Some(ask));
    for session in [session, second] {
        w.leave(agent, Some(session));
        w.end(agent, session);
        w.eject(agent, session, "joan");
        w.eject(agent, session, "kay");
    }
    w.renew(agent, &there(Claims::agent("grace").expires(9_000)));
    assert_eq!(w.refused(agent), RefusalCode::BadToken);
    assert!(w.is_quiet(agent) && w.is_quiet(visitor));
    for secret in theirs.map(|conn| w.secret(conn).expose_secret().to_owned()) {
        let conn = w.open();
        w.resume_with(conn, GROUP, &secret);
        assert_eq!(w.refused(conn), RefusalCode::ResumeFailed);
        w.bye(conn);
    }
    // Pictures, and words about them, cost whoever sends them the place.
    w.show(visitor, session, &[viewer], b"stolen");
    w.signal(agent, session, ViewerSays::Refresh);
    assert_eq!(w.closed.get(&visitor), Some(&CloseReason::Protocol));
    assert_eq!(w.closed.get(&agent), Some(&CloseReason::Protocol));

    for conn in theirs {
        assert!(w.is_quiet(conn));
        assert!(w.words(conn, session).is_empty() && w.seen(conn, session).is_empty());
    }
    let after = w.hub.stats();
    assert_eq!((before.asks, before.sessions, before.viewers), (1, 2, 2));
    assert_eq!((after.asks, after.sessions, after.viewers), (1, 2, 2));
    let line = format!("group={OTHER_GROUP}");
    assert!(!w.events[events..].iter().any(|event| event.to_string().contains(&line)));
}
