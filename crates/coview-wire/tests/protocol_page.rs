//! `docs/protocol.md` says what the code does: every example is decoded, and every message, field,
//! word and limit is there.
//!
//! Comments in the page mark its parts: `<!-- messages: Enum -->`, `<!-- words: Enum -->`,
//! `<!-- parts -->` and `<!-- limits -->`.

mod json_schema;

use coview_wire::*;
use json_schema::Schema;
use json_schema::document;
use serde_json::Value;

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.md"));

/// What stands between a marker and the next heading of level `until`.
fn marked<'a>(marker: &str, until: &str) -> &'a str {
    let marker = format!("<!-- {marker} -->");
    let mut parts = PAGE.split(&marker);
    let part = parts.nth(1).unwrap_or_else(|| panic!("the page has no {marker}"));
    assert!(parts.next().is_none(), "the page has {marker} twice");
    part.split(until).next().unwrap_or_default()
}

/// The sections of a part, each with its heading without backticks.
fn sections(part: &str) -> Vec<(String, &str)> {
    part.split("\n### ")
        .skip(1)
        .map(|section| {
            let (heading, body) = section.split_once('\n').unwrap_or((section, ""));
            (heading.trim_matches('`').to_owned(), body)
        })
        .collect()
}

/// The first cells of the rows of the tables in a text, without backticks.
fn first_cells(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
        .map(|cell| cell.trim_matches('`'))
        .collect()
}

/// The texts of the fences of a language.
fn fences<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    text.split(&format!("```{language}\n"))
        .skip(1)
        .map(|rest| rest.split("\n```").next().unwrap_or_default())
        .collect()
}

/// Decodes one example as `M`; it must have no field that `M` does not know.
fn decode<M: Message>(definition: &str, example: &str) -> M {
    let message = M::decode(example).unwrap_or_else(|error| panic!("{example}\n{error}"));
    let shown: Value = serde_json::from_str(example).expect("it was decoded");
    let known: Value = serde_json::from_str(&message.encode()).expect("it was encoded");
    assert_eq!(shown, known, "the example has something the message has not");
    assert_eq!(Schema::of(&document(), definition).check(&shown), Ok(()), "{example}");
    message
}

/// The names of the fields of a definition of the schema, those of every alternative included.
fn fields_of(document: &Value, schema: &Value, out: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str().and_then(|to| to.strip_prefix("#/$defs/")) {
        fields_of(document, &document["$defs"][name], out);
    }
    out.extend(schema["properties"].as_object().into_iter().flat_map(|map| map.keys().cloned()));
    for one in schema["oneOf"].as_array().into_iter().flatten() {
        fields_of(document, one, out);
    }
}

fn check_messages<M: Message>(definition: &str, kinds: &[&str]) {
    let part = marked(&format!("messages: {definition}"), "\n## ");
    let sections = sections(part);
    let headings: Vec<&str> = sections.iter().map(|(heading, _)| heading.as_str()).collect();
    assert_eq!(headings, kinds, "the messages of {definition}, in the order of the code");

    let document = document();
    for (kind, body) in &sections {
        let examples = fences(body, "json");
        assert!(!examples.is_empty(), "{kind} of {definition} has no example");
        for example in examples {
            assert_eq!(decode::<M>(definition, example).kind(), kind);
        }

        let variants = document["$defs"][definition]["oneOf"].as_array();
        let variant = variants
            .into_iter()
            .flatten()
            .find(|variant| variant["properties"]["t"]["const"] == **kind)
            .expect("every kind is in the schema");
        let mut fields = Vec::new();
        fields_of(&document, variant, &mut fields);
        if body.contains("has the fields of a [VisitorCard](#visitorcard)") {
            continue;
        }
        let told = first_cells(body);
        for field in fields.iter().filter(|field| *field != "t") {
            assert!(told.contains(&field.as_str()), "{kind} of {definition}: {field} is missing");
        }
        for cell in told.iter().filter(|cell| !["field", "---"].contains(cell)) {
            assert!(fields.iter().any(|field| field == cell), "{kind} has no field {cell}");
        }
    }
}

#[test]
fn messages_fields_and_examples() {
    check_messages::<ClientMessage>("ClientMessage", ClientMessage::KINDS);
    check_messages::<ServerMessage>("ServerMessage", ServerMessage::KINDS);
    check_messages::<AgentMessage>("AgentMessage", AgentMessage::KINDS);
    check_messages::<AgentNotice>("AgentNotice", AgentNotice::KINDS);
}

#[test]
fn no_example_stands_outside_the_messages() {
    let inside: usize = ["ClientMessage", "ServerMessage", "AgentMessage", "AgentNotice"]
        .map(|name| fences(marked(&format!("messages: {name}"), "\n## "), "json").len())
        .iter()
        .sum();
    assert_eq!(fences(PAGE, "json").len(), inside);
}

#[test]
fn parts_of_messages() {
    let document = document();
    let sections = sections(marked("parts", "\n## "));
    let messages = ["ClientMessage", "ServerMessage", "AgentMessage", "AgentNotice"];
    let payloads: Vec<&str> = messages
        .iter()
        .flat_map(|name| document["$defs"][name]["oneOf"].as_array().into_iter().flatten())
        .filter_map(|variant| variant["$ref"].as_str()?.strip_prefix("#/$defs/"))
        .collect();
    let definitions = document["$defs"].as_object().expect("the schema has definitions");
    for (name, schema) in definitions {
        let mut fields = Vec::new();
        fields_of(&document, schema, &mut fields);
        if fields.is_empty() || messages.contains(&&**name) || payloads.contains(&&**name) {
            continue;
        }
        let (_, body) = sections
            .iter()
            .find(|(heading, _)| heading == name)
            .unwrap_or_else(|| panic!("{name} has no section"));
        let mut told: Vec<_> =
            first_cells(body).into_iter().filter(|cell| *cell != "field").collect();
        told.sort_unstable();
        fields.sort_unstable();
        assert_eq!(told, fields, "the fields of {name}");
    }
}

#[test]
fn words() {
    fn check(name: &str, words: Vec<&str>) {
        let part = marked(&format!("words: {name}"), "\n##");
        let told: Vec<&str> =
            first_cells(part).into_iter().filter(|cell| !["word", "code"].contains(cell)).collect();
        assert_eq!(told, words, "the words of {name}, in the order of the code");
    }
    check("AppState", AppState::ALL.iter().map(|word| word.as_str()).collect());
    check("EndReason", EndReason::ALL.iter().map(|word| word.as_str()).collect());
    check("AskOutcome", AskOutcome::ALL.iter().map(|word| word.as_str()).collect());
    check("WithdrawReason", WithdrawReason::ALL.iter().map(|word| word.as_str()).collect());
    check("OfflineReason", OfflineReason::ALL.iter().map(|word| word.as_str()).collect());
    check("CloseReason", CloseReason::ALL.iter().map(|word| word.as_str()).collect());
    check("RefusalCode", RefusalCode::ALL.iter().map(|word| word.as_str()).collect());
}

#[test]
fn every_limit() {
    let told: Vec<(&str, u64)> = marked("limits", "\n\n**Keys**")
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.split(" | ");
            Some((cells.next()?, cells.next()?.replace(',', "").parse().ok()?))
        })
        .collect();
    let limit = |limit: usize| limit as u64;
    assert_eq!(
        told,
        [
            ("text message, in bytes", limit(limits::MESSAGE_BYTES)),
            ("binary message, in bytes", limit(limits::PICTURE_BYTES)),
            ("viewers that one binary message is for", limit(limits::VIEWERS)),
            ("visitor id", limit(limits::VISITOR_ID)),
            ("group id", limit(limits::GROUP_ID)),
            ("agent id", limit(limits::AGENT_ID)),
            ("agent name", limit(limits::AGENT_NAME)),
            ("profile name", limit(limits::PROFILE_NAME)),
            ("profile e-mail address", limit(limits::PROFILE_EMAIL)),
            ("profile phone number", limit(limits::PROFILE_PHONE)),
            ("token, assertion or secret, in bytes", limit(limits::TOKEN_BYTES)),
            ("entries of presence data", limit(limits::PRESENCE_ENTRIES)),
            ("key of presence data", limit(limits::PRESENCE_KEY)),
            ("value of presence data", limit(limits::PRESENCE_VALUE)),
            ("presence data in all, in bytes", limit(limits::PRESENCE_BYTES)),
            ("version of terms", limit(limits::TERMS_VERSION)),
            ("text of terms", limit(limits::TERMS_TEXT)),
            ("language of terms", limit(limits::TERMS_LANGUAGE)),
            ("visitor ids in an agent's rights", limit(limits::RIGHTS_VISITORS)),
            ("explanation", limit(limits::EXPLANATION)),
            ("fewest digits of a key", u64::from(limits::KEY_DIGITS_MIN)),
            ("most digits of a key", u64::from(limits::KEY_DIGITS_MAX)),
            ("any numeric id", limits::NUMBER_MAX),
            ("guests listed by name", limit(limits::GUESTS)),
            ("visitors in one `roster`", limit(limits::ROSTER_PAGE)),
        ]
    );
    let source = include_str!("../src/limits.rs");
    assert_eq!(source.matches("pub const ").count(), told.len(), "a limit is not in the page");
}

#[test]
fn constants() {
    assert!(PAGE.contains(&format!("path `{WEBSOCKET_PATH}`")));
    assert!(PAGE.contains(&format!("subprotocol `{SUBPROTOCOL}`")));
    assert!(PAGE.starts_with(&format!("# coview protocol, version {PROTOCOL_VERSION}\n")));
}

#[test]
fn mask_notices_byte_by_byte() {
    let part = PAGE.split("\n### Mask notice, visitor to server\n").nth(1).expect("it is told");
    let examples = fences(part.split("\n#").next().unwrap_or_default(), "hex");
    let bytes = |line: &str| -> Vec<u8> {
        line.split(' ').map(|byte| u8::from_str_radix(byte, 16).expect("a byte in hex")).collect()
    };
    let told: Vec<_> = examples.iter().flat_map(|text| text.lines()).map(bytes).collect();
    let states = [MaskState::Unknown, MaskState::Known { areas: 2 }, MaskState::Known { areas: 0 }];
    let session = SessionId::new(22);
    assert_eq!(told, states.map(|state| MaskNotice { session, state }.encode()));
}

#[test]
fn stories() {
    let stories = PAGE.split("\n## Stories\n").nth(1).expect("the page tells stories");
    let mut lines = 0;
    for line in fences(stories, "text").into_iter().flat_map(str::lines) {
        let (speaker, text) = line.split_once("  ").expect("two spaces follow the speaker");
        match speaker {
            "V → S" => drop(decode::<ClientMessage>("ClientMessage", text)),
            "S → V" => drop(decode::<ServerMessage>("ServerMessage", text)),
            "A → S" => drop(decode::<AgentMessage>("AgentMessage", text)),
            "S → A" => drop(decode::<AgentNotice>("AgentNotice", text)),
            other => panic!("{other} is not in the story"),
        }
        lines += 1;
    }
    assert!(lines > 40, "{lines} lines are not all");
}

/// A link inside the page leads to a heading.
#[test]
fn links_lead_somewhere() {
    let anchor = |heading: &str| -> String {
        heading
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect()
    };
    let mut anchors: Vec<String> = Vec::new();
    for heading in PAGE.lines().filter_map(|line| line.strip_prefix("##")) {
        let name = anchor(heading.trim_start_matches('#').trim_start());
        let again = anchors.iter().filter(|one| **one == name).count();
        anchors.push(if again == 0 { name } else { format!("{name}-{again}") });
    }
    for link in PAGE.split("](#").skip(1) {
        let to = link.split(')').next().unwrap_or_default();
        assert!(anchors.iter().any(|one| one == to), "#{to} leads nowhere");
    }
}
