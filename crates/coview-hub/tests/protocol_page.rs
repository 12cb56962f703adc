//! The examples of binary messages in `docs/protocol.md` are what the hub reads and writes.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test runs with std and may panic"
)]

mod harness;

use coview_hub::*;
use coview_wire::*;
use harness::*;

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.md"));

/// The examples under a heading, each of one line.
fn examples(heading: &str) -> Vec<Vec<u8>> {
    let section = PAGE.split(&format!("\n### {heading}\n")).nth(1).expect("it is in the page");
    let section = section.split("\n#").next().unwrap();
    let fence = section.split("```hex\n").nth(1).and_then(|rest| rest.split("```").next());
    let bytes = |line: &str| -> Vec<u8> {
        line.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
    };
    fence.expect("it has an example").lines().map(bytes).collect()
}

#[test]
fn the_examples_of_the_page_are_what_the_code_writes() {
    let session = SessionId::new(22);
    let viewer = ViewerId::new;
    let picture = Picture::encode(session, &[viewer(1), viewer(2)], &[3]);
    assert_eq!(examples("Picture, visitor to server"), [picture]);
    assert_eq!(examples("Picture, server to agent"), [PictureRelay::encode(session, &[3])]);

    let notice = |event| ViewerNotice { session, viewer: viewer(2), event }.encode();
    let events = [
        ViewerEvent::Joined,
        ViewerEvent::Acknowledged(9),
        ViewerEvent::Refresh,
        ViewerEvent::Left,
    ];
    assert_eq!(examples("Viewer notice, server to visitor"), events.map(notice));

    let signal = |says| ViewerSignal { session, says }.encode();
    let says = [ViewerSays::Acknowledged(9), ViewerSays::Refresh];
    assert_eq!(examples("Viewer signal, agent to server"), says.map(signal));
}

/// The same examples, said to a hub with the numbers of its session in their places.
#[test]
fn a_hub_passes_the_examples_on() {
    let mut w = World::new();
    let visitor = w.anonymous();
    let (_, session, key) = w.share(visitor);
    let agents = [w.agent("grace"), w.agent("joan")];
    for agent in agents {
        w.joined(agent, key);
        w.notices(agent);
    }
    let joined: Vec<_> = w.words(visitor, session).into_iter().map(|it| it.0.get()).collect();
    assert_eq!(joined, [1, 2], "the numbers of the example");

    let in_session = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[1..9].copy_from_slice(&session.get().to_be_bytes());
        bytes
    };
    for bytes in examples("Picture, visitor to server") {
        w.input(Input::Binary { conn: visitor, bytes: &in_session(&bytes) });
    }
    let relayed = in_session(&examples("Picture, server to agent")[0]);
    for agent in agents {
        assert!(w.sent.contains(&(agent, Sent::Picture(relayed.clone()))));
    }
    for bytes in examples("Viewer signal, agent to server") {
        w.input(Input::Binary { conn: agents[1], bytes: &in_session(&bytes) });
    }
    w.input(Input::Closed { conn: agents[1] });
    for bytes in examples("Viewer notice, server to visitor") {
        assert!(w.sent.contains(&(visitor, Sent::Binary(in_session(&bytes)))), "{bytes:?}");
    }
}
