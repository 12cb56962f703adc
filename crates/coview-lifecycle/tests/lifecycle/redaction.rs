//! No secret and nothing personal in any `Debug` or `Display`.

use core::fmt::Debug;

use coview_lifecycle::AnyRequestError;
use coview_lifecycle::Applied;
use coview_lifecycle::Arrival;
use coview_lifecycle::Command;
use coview_lifecycle::Identity;
use coview_lifecycle::ScreenLink;
use coview_lifecycle::StateKind;
use coview_wire::PresenceData;
use coview_wire::Profile;
use coview_wire::RefusalCode;
use coview_wire::SessionId;
use coview_wire::VisitorAssertion;

use crate::late::requests;
use crate::support::*;

const SECRETS: [&str; 9] = [
    "123 456 786",
    "123456786",
    "ada@example.org",
    "+4912345",
    "Ada Lovelace",
    "/account/9981",
    "456",
    "example.org",
    "eyJ",
];

#[track_caller]
fn redacts(value: &impl Debug) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        for secret in SECRETS {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(text.len() < 500, "{text}");
    }
}

fn telling_commands() -> [Command; 2] {
    let profile = Profile::new()
        .with_name("Ada Lovelace")
        .and_then(|profile| profile.with_email("ada@example.org"))
        .and_then(|profile| profile.with_phone("+4912345"))
        .expect("the profile keeps the limits");
    let data = PresenceData::new().with("page", "/account/9981").expect("it keeps the limits");
    let assertion = VisitorAssertion::new("eyJhbGciOiJFZERTQSJ9.e30.c2ln").expect("it is short");
    let who = Identity::new(id()).with_assertion(assertion).with_profile(profile);
    [Command::Identify(who), Command::ConnectPresence(data)]
}

#[test]
fn visitors_in_every_state_and_what_holds_them() {
    for state in StateKind::ALL {
        let (any, _peer) = at(state);
        redacts(&any);
        redacts(&any.key_display());
        let next = any.next();
        redacts(&next);
        let any = next.into_visitor().expect("no step was taken");
        let misuse = any.apply(Command::Accept);
        redacts(&misuse);
    }
}

#[test]
fn the_typed_values() {
    use coview_lifecycle::Anonymous;
    use coview_lifecycle::Manual;
    use coview_lifecycle::ManualStep;
    use coview_lifecycle::Sharing;

    let (sharing, mut peer) = crate::steps::typed::<Sharing<Manual, Anonymous>>();
    redacts(&sharing);
    redacts(&sharing.key());
    redacts(&sharing.consent());
    peer.say(guests(sharing.session(), 1));
    let step = now(sharing.next());
    redacts(&step);
    let ManualStep::Changed(sharing, _) = step else { panic!("{step:?}") };
    peer.ask_to_join(sharing.session(), "Ada Lovelace");
    let step = now(sharing.next());
    redacts(&step);
    let ManualStep::JoinRequested(confirming) = step else { panic!("{step:?}") };
    redacts(&confirming);
    let sharing = confirming.refuse();
    let mut again = sharing.end().start_manual();
    redacts(&again);
    peer.say(connected(4, 2, 9, Some(key())));
    redacts(&poll(&mut again));
}

#[test]
fn requests_answers_and_errors() {
    for (state, command, _) in requests() {
        let (any, mut peer) = at(state);
        peer.grant_all();
        let applied = any.apply(command.clone());
        redacts(&applied);
        let Ok(Applied::Pending(pending)) = applied else { panic!() };
        redacts(&now(pending));

        let (any, mut peer) = at(state);
        peer.refuse_all(RefusalCode::LimitExceeded);
        let Ok(Applied::Pending(pending)) = any.apply(command) else { panic!() };
        let error: AnyRequestError<_> = now(pending).expect_err("the peer says no");
        redacts(&error);
    }
}

#[test]
fn commands_and_what_is_said_and_heard() {
    for command in telling_commands() {
        redacts(&command);
    }
    let [identify, connect] = telling_commands();
    let (any, mut peer) = at(StateKind::Anonymous);
    peer.grant_all();
    let any = apply_granted(any, identify);
    let any = apply_granted(any, connect);
    redacts(&any);
    for message in drain(&mut peer) {
        redacts(&message);
    }
    redacts(&Arrival::Message(connected(1, 1, 9, Some(key())).into()));
    redacts(&peer);
}

#[test]
fn the_ends_of_a_queue_show_which_they_are_and_nothing_that_waits() {
    let (mut link, mut peer) = coview_lifecycle::queue::link();
    peer.say(connected(1, 1, 9, Some(key())));
    let pipe = link.screen(SessionId::new(9));
    assert_eq!(format!("{link:?} {pipe:?} {peer:?}"), "QueueLink QueuePipe Peer");
}

#[test]
fn the_error_of_a_misuse_names_verb_and_state() {
    let (any, _peer) = at(StateKind::SharingManualPresence);
    let misuse = any.apply(Command::Accept).expect_err("it is a misuse");
    assert_eq!(
        misuse.to_string(),
        "`accept` is not possible while Sharing<Manual, PresenceConnected>",
    );
    assert_eq!(
        format!("{misuse:?}"),
        "ApiMisuse { state: SharingManualPresence, command: Accept, .. }",
    );
}
