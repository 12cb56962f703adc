//! The JSON Schema of the protocol, made from the types, and a checker for the part of JSON Schema
//! it uses.
//!
//! A complete validator would bring dozens of crates into the build. This one knows the keywords of
//! this one document and panics at any other, so nothing goes unchecked in silence.

#![allow(dead_code, reason = "each test file uses the part it needs")]

use coview_wire::*;
use schemars::generate::SchemaSettings;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// The document as it stands in `docs/protocol.schema.json`.
pub(crate) fn document() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let messages = [
        generator.subschema_for::<ClientMessage>(),
        generator.subschema_for::<ServerMessage>(),
        generator.subschema_for::<AgentMessage>(),
        generator.subschema_for::<AgentNotice>(),
    ];
    let mut definitions = Value::Object(generator.take_definitions(true));
    plain_descriptions(&mut definitions);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "coview protocol, version 1",
        "description": "Every text message. ClientMessage goes from a visitor to the server, \
            ServerMessage from the server to a visitor, AgentMessage from an agent to the server, \
            AgentNotice from the server to an agent. A receiver ignores fields it does not know, \
            and a client takes a word it does not know for \"unknown\".",
        "anyOf": messages,
        "$defs": definitions,
    })
}

/// Descriptions come from the documentation of the types: their first paragraph, without links.
fn plain_descriptions(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if let ("description", Value::String(text)) = (name.as_str(), &mut *value) {
                    *text = plain(text);
                } else {
                    plain_descriptions(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(plain_descriptions),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn plain(text: &str) -> String {
    let first = text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    let mut out = String::new();
    let mut rest = first.as_str();
    while let Some((before, link)) = rest.split_once('[') {
        let Some((shown, after)) = link.split_once(']') else { break };
        out.push_str(before);
        out.push_str(shown.trim_matches('`'));
        rest = match after.strip_prefix('(').and_then(|target| target.split_once(')')) {
            Some((_, after)) => after,
            None => after,
        };
    }
    out + rest
}

/// The schema of one definition of the document.
pub(crate) struct Schema<'a> {
    document: &'a Value,
    root: &'a Value,
}

impl<'a> Schema<'a> {
    pub(crate) fn of(document: &'a Value, definition: &str) -> Self {
        Self { document, root: &document["$defs"][definition] }
    }

    /// Checks a message and tells the first fault with its place.
    pub(crate) fn check(&self, value: &Value) -> Result<(), String> {
        self.all(self.root, value, "")
    }

    fn all(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let keywords = match schema {
            Value::Bool(true) => return Ok(()),
            Value::Bool(false) => return Err(format!("{at}: nothing is allowed here")),
            Value::Object(keywords) => keywords,
            Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                panic!("{schema} is no schema")
            }
        };
        for (keyword, wants) in keywords {
            self.one(keyword, wants, keywords, value, at)?;
        }
        Ok(())
    }

    fn one(
        &self,
        keyword: &str,
        wants: &Value,
        beside: &Map<String, Value>,
        value: &Value,
        at: &str,
    ) -> Result<(), String> {
        let holds = match keyword {
            "description" | "title" | "default" | "format" => true,
            "$ref" => {
                let name = wants.as_str().and_then(|to| to.strip_prefix("#/$defs/"));
                let to = &self.document["$defs"][name.expect("references stay in the document")];
                assert!(to.is_object(), "{wants} leads nowhere");
                return self.all(to, value, at);
            }
            "const" => value == wants,
            "enum" => items(wants).contains(value),
            "type" => match wants {
                Value::Array(types) => types.iter().any(|one| is(one, value)),
                Value::String(_) => is(wants, value),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                    panic!("{wants} is no type")
                }
            },
            "oneOf" => self.fitting(wants, value, at) == 1,
            "anyOf" => self.fitting(wants, value, at) >= 1,
            "allOf" => self.fitting(wants, value, at) == items(wants).len(),
            "minimum" => value.as_f64().is_none_or(|number| number >= as_f64(wants)),
            "maximum" => value.as_f64().is_none_or(|number| number <= as_f64(wants)),
            "minLength" => value.as_str().is_none_or(|text| text.chars().count() >= as_len(wants)),
            "maxLength" => value.as_str().is_none_or(|text| text.chars().count() <= as_len(wants)),
            "pattern" => value
                .as_str()
                .is_none_or(|text| matches(wants.as_str().expect("a pattern is a text"), text)),
            "maxItems" => value.as_array().is_none_or(|list| list.len() <= as_len(wants)),
            "maxProperties" => value.as_object().is_none_or(|map| map.len() <= as_len(wants)),
            "required" => value.as_object().is_none_or(|map| {
                items(wants).iter().all(|name| map.contains_key(name.as_str().unwrap_or_default()))
            }),
            "properties" => {
                for (name, schema) in object(wants) {
                    if let Some(value) = value.get(name) {
                        self.all(schema, value, &format!("{at}/{name}"))?;
                    }
                }
                true
            }
            "items" => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    self.all(wants, value, &format!("{at}/{index}"))?;
                }
                true
            }
            "propertyNames" => {
                for name in value.as_object().into_iter().flat_map(Map::keys) {
                    self.all(wants, &json!(name), at)?;
                }
                true
            }
            "additionalProperties" => {
                assert!(!beside.contains_key("properties"), "not needed by this document");
                for (name, value) in value.as_object().into_iter().flatten() {
                    self.all(wants, value, &format!("{at}/{name}"))?;
                }
                true
            }
            other => panic!("the checker does not know the keyword {other}: teach it"),
        };
        if holds { Ok(()) } else { Err(format!("{at}: {keyword} {wants} does not hold")) }
    }

    fn fitting(&self, schemas: &Value, value: &Value, at: &str) -> usize {
        items(schemas).iter().filter(|schema| self.all(schema, value, at).is_ok()).count()
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().expect("the keyword takes a list")
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().expect("the keyword takes an object")
}

fn as_f64(value: &Value) -> f64 {
    value.as_f64().expect("the keyword takes a number")
}

fn as_len(value: &Value) -> usize {
    value.as_u64().and_then(|len| usize::try_from(len).ok()).expect("the keyword takes a length")
}

fn is(wants: &Value, value: &Value) -> bool {
    match wants.as_str().expect("a type is a text") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "integer" => value.is_u64() || value.is_i64(),
        other => panic!("the checker does not know the type {other}: teach it"),
    }
}

/// Matches a pattern of the one form the document has: `^[class]{min,max}$`.
fn matches(pattern: &str, text: &str) -> bool {
    let parts = pattern
        .strip_prefix("^[")
        .and_then(|rest| rest.strip_suffix("}$"))
        .and_then(|rest| rest.split_once("]{"))
        .and_then(|(class, range)| Some((class, range.split_once(',')?)));
    let Some((class, (min, max))) = parts else {
        panic!("the checker does not know the form of {pattern}: teach it")
    };
    let class: Vec<char> = class.chars().collect();
    let allowed = |c: char| {
        let mut rest = class.as_slice();
        loop {
            rest = match rest {
                [low, '-', high, ..] if (*low..=*high).contains(&c) => break true,
                [_, '-', _, rest @ ..] => rest,
                [one, ..] if *one == c => break true,
                [_, rest @ ..] => rest,
                [] => break false,
            }
        }
    };
    let bound = |text: &str| text.parse::<usize>().expect("a bound of a pattern is a number");
    (bound(min)..=bound(max)).contains(&text.chars().count()) && text.chars().all(allowed)
}

#[test]
fn patterns_of_the_one_form_match() {
    assert!(matches("^[A-Z._-]{1,3}$", "A-."));
    assert!(matches("^[A-Z._-]{1,3}$", "_"));
    for wrong in ["", "a", "ABCD", "A B", "é"] {
        assert!(!matches("^[A-Z._-]{1,3}$", wrong), "{wrong}");
    }
}
