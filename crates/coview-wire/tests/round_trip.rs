//! Whatever can be said can be read back, and whatever is read never panics.

mod arbitrary;
mod samples;

use coview_wire::*;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../proptest-regressions/wire.txt"
        )))),
        ..ProptestConfig::default()
    }
}

fn reads_back<M: Message + PartialEq + core::fmt::Debug>(message: &M) -> Result<(), TestCaseError> {
    let text = message.encode();
    let read = M::decode(&text);
    prop_assert_eq!(read.as_ref(), Ok(message));
    Ok(())
}

/// Reads `text` as every kind of message; what is read must be what is written.
fn reads_without_panic(text: &str) -> Result<(), TestCaseError> {
    fn check<M: Message + PartialEq + core::fmt::Debug>(text: &str) -> Result<(), TestCaseError> {
        match M::decode(text) {
            Ok(message) => reads_back(&message),
            Err(error) => {
                let _ = (error.to_string(), error.request());
                Ok(())
            }
        }
    }
    check::<ClientMessage>(text)?;
    check::<ServerMessage>(text)?;
    check::<AgentMessage>(text)?;
    check::<AgentNotice>(text)
}

/// Texts that look like messages: the samples with a piece cut out and something put in.
fn nearly_a_message() -> impl Strategy<Value = String> {
    let texts: Vec<String> = samples::client_messages()
        .iter()
        .chain(&samples::lesser_client_messages())
        .map(Message::encode)
        .chain(samples::server_messages().iter().map(Message::encode))
        .chain(samples::agent_messages().iter().map(Message::encode))
        .chain(samples::agent_notices().iter().map(Message::encode))
        .collect();
    let piece = prop_oneof![
        Just(String::new()),
        r#"[\[\]{}",:0-9eE.tnu-]{1,6}"#,
        Just(String::from("null")),
        Just(String::from("\\ud800")),
        any::<String>(),
    ];
    (proptest::sample::select(texts), any::<(u16, u8)>(), piece).prop_map(
        |(mut text, (at, len), piece)| {
            let at = usize::from(at) % text.len();
            let end = text.len().min(at + usize::from(len % 16));
            // The samples are ASCII, so every index is a boundary.
            text.replace_range(at..end, &piece);
            text
        },
    )
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn client_messages_read_back(message in arbitrary::client_message()) {
        reads_back(&message)?;
    }

    #[test]
    fn server_messages_read_back(message in arbitrary::server_message()) {
        reads_back(&message)?;
    }

    #[test]
    fn agent_messages_read_back(message in arbitrary::agent_message()) {
        reads_back(&message)?;
    }

    #[test]
    fn agent_notices_read_back(message in arbitrary::agent_notice()) {
        reads_back(&message)?;
    }

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        reads_without_panic(&text)?;
    }

    #[test]
    fn text_that_is_nearly_a_message_never_panics(text in nearly_a_message()) {
        reads_without_panic(&text)?;
    }
}

/// The strategies leave no message out.
#[test]
fn every_kind_is_drawn() {
    fn drawn<M: Message + core::fmt::Debug>(strategy: BoxedStrategy<M>) -> Vec<&'static str> {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let mut kinds: Vec<_> =
            (0..400).map(|_| strategy.new_tree(&mut runner).unwrap().current().kind()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }
    fn sorted(kinds: &[&'static str]) -> Vec<&'static str> {
        let mut kinds = kinds.to_vec();
        kinds.sort_unstable();
        kinds
    }
    assert_eq!(drawn(arbitrary::client_message()), sorted(ClientMessage::KINDS));
    assert_eq!(drawn(arbitrary::server_message()), sorted(ServerMessage::KINDS));
    assert_eq!(drawn(arbitrary::agent_message()), sorted(AgentMessage::KINDS));
    assert_eq!(drawn(arbitrary::agent_notice()), sorted(AgentNotice::KINDS));
}
