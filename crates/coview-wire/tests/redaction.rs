//! Nothing secret or personal is in any `Debug` or in the text of any error.

mod samples;

use coview_wire::*;
use serde_json::Value;

fn assert_redacted(printed: &str) {
    for private in samples::PRIVATE {
        assert!(!printed.contains(private), "{private} is in: {printed}");
    }
}

#[test]
fn debug_of_whole_messages() {
    for message in samples::client_messages() {
        assert_redacted(&format!("{message:?} {message:#?}"));
    }
    for message in samples::server_messages() {
        assert_redacted(&format!("{message:?} {message:#?}"));
    }
    for message in samples::agent_messages() {
        assert_redacted(&format!("{message:?} {message:#?}"));
    }
    for message in samples::agent_notices() {
        assert_redacted(&format!("{message:?} {message:#?}"));
    }
}

#[test]
fn the_samples_hold_everything_private() {
    let all = [
        samples::client_messages().iter().map(Message::encode).collect::<String>(),
        samples::server_messages().iter().map(Message::encode).collect(),
        samples::agent_messages().iter().map(Message::encode).collect(),
        samples::agent_notices().iter().map(Message::encode).collect(),
    ]
    .concat();
    for private in samples::PRIVATE {
        assert!(all.contains(private), "{private} would prove nothing");
    }
}

#[test]
fn debug_of_each_type() {
    assert_eq!(format!("{:?}", samples::key()), "SessionKey(redacted)");
    assert_eq!(format!("{:?}", samples::secret()), "ResumeSecret(redacted)");
    assert_eq!(format!("{:?}", ClientToken::new("x").unwrap()), "ClientToken(redacted)");
    assert_eq!(format!("{:?}", AgentToken::new("x").unwrap()), "AgentToken(redacted)");
    assert_eq!(format!("{:?}", VisitorAssertion::new("x").unwrap()), "VisitorAssertion(redacted)");
    assert_eq!(
        format!("{:?}", samples::profile()),
        "Profile { name: set, email: set, phone: set }"
    );
    assert_eq!(format!("{:?}", samples::data()), "PresenceData(2 entries)");
    let patch = PresencePatch::new().set("page", samples::PAGE).unwrap();
    assert_eq!(format!("{patch:?}"), "PresencePatch(1 entries)");
}

/// Puts something wrong at every place of a message in turn, and shows each to `look`.
fn spoil(message: &Value, at: &str, wrong: &Value, look: &mut impl FnMut(&str, String)) {
    fn paths(value: &Value, at: String, out: &mut Vec<String>) {
        out.push(at.clone());
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    paths(value, format!("{at}/{name}"), out);
                }
            }
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    paths(value, format!("{at}/{index}"), out);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut all = Vec::new();
    paths(message, at.to_owned(), &mut all);
    for path in all {
        let mut spoilt = message.clone();
        *spoilt.pointer_mut(&path).expect("the path was just collected") = wrong.clone();
        look(&path, spoilt.to_string());
    }
}

/// A value that must not be repeated, in every shape a value may have.
fn wrongs() -> Vec<Value> {
    // The second looks like the part of serde's faults that is kept.
    ["private", ", expected private", "private\u{1}"]
        .into_iter()
        .flat_map(|text| {
            [
                Value::from(text),
                Value::from(text.repeat(3_000)),
                serde_json::json!([text]),
                serde_json::json!({ text: text }),
                serde_json::json!({ "agent": text, "name": text, "page": [text] }),
            ]
        })
        .chain([Value::from(4_711_471_147_114_711_u64), Value::from(-4711), Value::from(4711.4711)])
        .collect()
}

fn spoil_all<M: Message>(messages: Vec<M>) -> usize {
    let mut refused = 0;
    for message in messages {
        let json = serde_json::to_value(&message).expect("a message has a JSON form");
        for wrong in wrongs() {
            spoil(&json, "", &wrong, &mut |path, text| {
                if let Err(error) = M::decode(&text) {
                    refused += 1;
                    let told = format!("{error} {error:?}");
                    assert!(!told.contains("private"), "{path}: {told}");
                    assert!(!told.contains("4711"), "{path}: {told}");
                    assert_redacted(&told);
                }
            });
        }
    }
    refused
}

#[test]
fn no_fault_repeats_a_value() {
    let refused = spoil_all(samples::client_messages())
        + spoil_all(samples::lesser_client_messages())
        + spoil_all(samples::server_messages())
        + spoil_all(samples::agent_messages())
        + spoil_all(samples::agent_notices());
    assert!(refused > 3_000, "{refused} faults are too few to prove anything");
}

#[test]
fn a_message_cut_off_anywhere_is_told_without_its_values() {
    for message in samples::client_messages() {
        let text = message.encode();
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            let error = ClientMessage::decode(&text[..end]).unwrap_err();
            assert_redacted(&format!("{error} {error:?}"));
        }
    }
}
