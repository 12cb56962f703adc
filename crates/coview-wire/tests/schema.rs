//! `docs/protocol.schema.json` is what the types say, and what the types say is what is sent.

mod arbitrary;
mod json_schema;
mod samples;

use coview_wire::*;
use json_schema::Schema;
use json_schema::document;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use serde_json::Value;
use serde_json::json;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.schema.json");

/// `UPDATE_DOCS=1 cargo test -p coview-wire --test schema` writes the file anew.
#[test]
fn the_file_is_up_to_date() {
    let made = serde_json::to_string_pretty(&document()).expect("a schema is JSON") + "\n";
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(FILE, &made).expect("docs/ can be written");
    }
    let stands = std::fs::read_to_string(FILE).expect("docs/protocol.schema.json can be read");
    assert!(
        stands == made,
        "docs/protocol.schema.json is not what the types say; write it anew with just update-docs, or by UPDATE_DOCS=1 cargo test"
    );
}

fn json<M: Message>(message: &M) -> Value {
    serde_json::from_str(&message.encode()).expect("a message is JSON")
}

#[test]
fn the_samples_fit() {
    fn fit<M: Message>(definition: &str, messages: Vec<M>) {
        let document = document();
        let schema = Schema::of(&document, definition);
        for message in messages {
            assert_eq!(schema.check(&json(&message)), Ok(()), "{}", message.encode());
        }
    }
    fit("ClientMessage", samples::client_messages());
    fit("ClientMessage", samples::lesser_client_messages());
    fit("ServerMessage", samples::server_messages());
    fit("ServerMessage", samples::lesser_server_messages());
    fit("AgentMessage", samples::agent_messages());
    fit("AgentMessage", samples::lesser_agent_messages());
    fit("AgentNotice", samples::agent_notices());
    fit("AgentNotice", samples::lesser_agent_notices());
}

/// Takes every field out of every sample in turn, puts `null` there, and puts a number or a text
/// where the other stood: the schema and the decoder agree on what is still a message.
#[test]
fn the_schema_and_the_decoder_agree_on_what_is_missing_or_of_a_wrong_type() {
    fn pointers(value: &Value, at: &str, out: &mut Vec<String>) {
        let children: Vec<(String, &Value)> = match value {
            Value::Object(fields) => fields.iter().map(|(k, v)| (format!("{at}/{k}"), v)).collect(),
            Value::Array(list) => {
                list.iter().enumerate().map(|(k, v)| (format!("{at}/{k}"), v)).collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => vec![],
        };
        for (pointer, value) in children {
            pointers(value, &pointer, out);
            out.push(pointer);
        }
    }
    fn agree<M: Message>(definition: &str, messages: Vec<M>) -> (usize, usize) {
        let document = document();
        let schema = Schema::of(&document, definition);
        let (mut good, mut bad) = (0, 0);
        let mut look = |value: &Value| {
            let decoded = M::decode(&value.to_string());
            let checked = schema.check(value);
            let same = decoded.is_ok() == checked.is_ok();
            assert!(same, "{value}\n decoder: {:?}\n schema: {checked:?}", decoded.err());
            if checked.is_ok() { good += 1 } else { bad += 1 }
        };
        for message in messages {
            let whole = json(&message);
            let mut all = Vec::new();
            pointers(&whole, "", &mut all);
            for pointer in all {
                let mut spoilt = whole.clone();
                let (parent, name) = pointer.rsplit_once('/').expect("a pointer has a slash");
                if let Some(Value::Object(fields)) = spoilt.pointer_mut(parent) {
                    fields.remove(name);
                    look(&spoilt);
                }
                for wrong in [json!(null), json!(-1), json!(true), json!("%"), json!({})] {
                    let mut spoilt = whole.clone();
                    *spoilt.pointer_mut(&pointer).expect("just collected") = wrong.clone();
                    // Clients take an unknown word for `unknown`; the schema lists the known ones.
                    let word = ["/reason", "/outcome", "/code", "/refused"]
                        .iter()
                        .any(|word| pointer.ends_with(word));
                    if !(word && wrong.is_string()) {
                        look(&spoilt);
                    }
                }
            }
        }
        (good, bad)
    }
    for (good, bad) in [
        agree("ClientMessage", samples::client_messages()),
        agree("ServerMessage", samples::server_messages()),
        agree("AgentMessage", samples::agent_messages()),
        agree("AgentNotice", samples::agent_notices()),
    ] {
        assert!(good > 0 && bad > 50, "{good} good and {bad} bad prove too little");
    }
}

#[test]
fn the_schema_refuses_what_is_over_a_limit() {
    let document = document();
    let schema = Schema::of(&document, "ClientMessage");
    let hello = json(&samples::client_messages()[0]);
    for (pointer, wrong) in [
        ("/re", json!(limits::NUMBER_MAX + 1)),
        ("/version", json!(65_536)),
        ("/group", json!("g".repeat(limits::GROUP_ID + 1))),
        ("/group", json!("a~b")),
        ("/token", json!("")),
        ("/token", json!("t".repeat(limits::TOKEN_BYTES + 1))),
        ("/profile/name", json!("n".repeat(limits::PROFILE_NAME + 1))),
        ("/app", json!("asleep")),
    ] {
        let mut hello = hello.clone();
        *hello.pointer_mut(pointer).expect("the sample is full") = wrong;
        assert!(schema.check(&hello).is_err(), "{hello}");
        assert!(ClientMessage::decode(&hello.to_string()).is_err(), "{hello}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../proptest-regressions/wire.txt"
        )))),
        cases: if cfg!(miri) { 4 } else { 64 },
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_is_sent_fits(
        client in arbitrary::client_message(),
        server in arbitrary::server_message(),
        agent in arbitrary::agent_message(),
        notice in arbitrary::agent_notice(),
    ) {
        let document = document();
        for (definition, message) in [
            ("ClientMessage", json(&client)),
            ("ServerMessage", json(&server)),
            ("AgentMessage", json(&agent)),
            ("AgentNotice", json(&notice)),
        ] {
            prop_assert_eq!(Schema::of(&document, definition).check(&message), Ok(()));
        }
    }
}
