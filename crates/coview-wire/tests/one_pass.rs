//! A message as its encoder writes it is read in one pass, any other in two. Which of them it is must
//! make no difference, neither to what is read nor to what is told about a fault.
//!
//! The oracle is the reader itself after a line break: before such a text it always takes two passes,
//! and the columns of faults stay the same.

mod arbitrary;

use core::fmt::Debug;
use core::fmt::Write as _;

use coview_wire::*;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use proptest::test_runner::TestRng;
use serde_json::Value;

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 512,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../proptest-regressions/wire.txt"
        )))),
        ..ProptestConfig::default()
    }
}

/// Reads a text in two passes.
fn in_two_passes<M: Message>(text: &str) -> Result<M, DecodeError> {
    M::decode(&format!("\n{text}")).map_err(|error| match error {
        DecodeError::TooLong { bytes } => DecodeError::TooLong { bytes: bytes - 1 },
        DecodeError::UnknownType { re } => DecodeError::UnknownType { re },
        DecodeError::Malformed { re, fault } => {
            let fault = match fault.rsplit_once(" at line ") {
                Some((told, place)) => {
                    let (line, column) = place.split_once(' ').expect("a line and a column");
                    let line: usize = line.parse().expect("the number of a line");
                    format!("{told} at line {} {column}", line - 1)
                }
                None => fault,
            };
            DecodeError::Malformed { re, fault }
        }
    })
}

fn reads_the_same<M: Message + PartialEq + Debug>(text: &str) -> Result<(), TestCaseError> {
    prop_assert_eq!(M::decode(text), in_two_passes::<M>(text), "{}", text);
    Ok(())
}

fn all_read_the_same(text: &str) -> Result<(), TestCaseError> {
    reads_the_same::<ClientMessage>(text)?;
    reads_the_same::<ServerMessage>(text)?;
    reads_the_same::<AgentMessage>(text)?;
    reads_the_same::<AgentNotice>(text)
}

/// Writes messages as somebody else may: in any order, with white space and escapes, with fields that
/// stand twice or are unknown. Each oddity comes in some texts only, so that many are nearly plain.
struct Scribe {
    rng: TestRng,
    shuffles: bool,
    spaces: bool,
    escapes: bool,
    out: String,
}

/// What may stand in an unknown field, and instead of a field's value.
const VALUES: [&str; 16] = [
    "null",
    "true",
    "0",
    "7",
    "01",
    "-1",
    "1.5",
    "1e999",
    "9007199254740992",
    "99999999999999999999999999999999",
    r#""t""#,
    r#""\ud800""#,
    r#"{"t":"bye","re":1}"#,
    r#"[["re",{"t":[]}]]"#,
    "\"\u{7f}\"",
    "\"\n\"",
];

/// Where encoders write a field.
fn place(name: &str) -> u8 {
    match name {
        "t" => 0,
        "re" => 1,
        _ => 2,
    }
}

impl Scribe {
    fn new(mut rng: TestRng) -> Self {
        let [shuffles, spaces, escapes] = [(); 3].map(|()| rng.random_bool(0.4));
        Self { rng, shuffles, spaces, escapes, out: String::new() }
    }

    fn once_in(&mut self, times: u32) -> bool {
        self.rng.random_ratio(1, times)
    }

    fn one_of<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[self.rng.random_range(0..texts.len())]
    }

    fn write(mut self, text: &str) -> String {
        let Ok(Value::Object(fields)) = serde_json::from_str(text) else {
            panic!("a message is an object: {text}")
        };
        let mut fields: Vec<(String, Option<Value>)> =
            fields.into_iter().map(|(name, value)| (name, Some(value))).collect();
        // As the encoders do it.
        fields.sort_by_key(|(name, _)| place(name));
        while self.once_in(4) {
            let again = fields[self.rng.random_range(0..fields.len())].clone();
            fields.push(again);
        }
        while self.once_in(2) {
            let name = self.one_of(&["t", "re", "re", "re", "more", ""]).to_owned();
            fields.push((name, None));
        }
        if self.once_in(6) {
            let at = self.rng.random_range(0..fields.len());
            fields[at].1 = None;
        }
        if self.once_in(2) {
            fields.sort_by_key(|(name, _)| place(name));
        }
        if self.shuffles {
            for at in 1..fields.len() {
                let other = self.rng.random_range(0..=at);
                fields.swap(at, other);
            }
        }
        self.space();
        self.out.push('{');
        for (at, (name, value)) in fields.into_iter().enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            self.string(&name);
            self.out.push(':');
            match value {
                Some(value) => self.value(&value),
                None => {
                    let value = self.one_of(&VALUES);
                    self.out.push_str(value);
                }
            }
        }
        self.out.push('}');
        self.space();
        self.mangle();
        self.out
    }

    /// Cuts something out and puts something in, now and then.
    fn mangle(&mut self) {
        if !self.once_in(4) {
            return;
        }
        let boundaries: Vec<usize> = self.out.char_indices().map(|(at, _)| at).collect();
        let from = self.rng.random_range(0..boundaries.len());
        let to = (from + self.rng.random_range(0..3)).min(boundaries.len() - 1);
        let piece =
            self.one_of(&["", "\"", "\\", ",", "}", "{", ":", " ", "0", "t", "re", "\"t\":", "é"]);
        self.out.replace_range(boundaries[from]..boundaries[to], piece);
    }

    fn space(&mut self) {
        if self.spaces && self.once_in(3) {
            let space = self.one_of(&[" ", "\n", "\t", "\r\n"]);
            self.out.push_str(space);
        }
    }

    fn string(&mut self, text: &str) {
        self.space();
        self.out.push('"');
        for c in text.chars() {
            let escaped = self.escapes && self.once_in(4);
            if escaped || c < ' ' || matches!(c, '"' | '\\') {
                if matches!(c, '"' | '\\' | '/') && self.once_in(2) {
                    self.out.extend(['\\', c]);
                    continue;
                }
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(self.out, "\\u{unit:04x}").expect("a string takes everything");
                }
            } else {
                self.out.push(c);
            }
        }
        self.out.push('"');
        self.space();
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.string(text),
            Value::Array(items) => {
                self.out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        self.out.push(',');
                    }
                    self.value(item);
                }
                self.out.push(']');
            }
            Value::Object(fields) => {
                self.out.push('{');
                for (at, (name, value)) in fields.iter().enumerate() {
                    if at > 0 {
                        self.out.push(',');
                    }
                    self.string(name);
                    self.out.push(':');
                    self.value(value);
                }
                self.out.push('}');
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                self.space();
                write!(self.out, "{value}").expect("a string takes everything");
                self.space();
            }
        }
    }
}

fn written<M: Message + Debug + 'static>(messages: BoxedStrategy<M>) -> BoxedStrategy<String> {
    let odd = |message: M, rng: TestRng| Scribe::new(rng).write(&message.encode());
    messages.prop_perturb(odd).boxed()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn client_messages_read_the_same(text in written(arbitrary::client_message())) {
        all_read_the_same(&text)?;
    }

    #[test]
    fn server_messages_read_the_same(text in written(arbitrary::server_message())) {
        all_read_the_same(&text)?;
    }

    #[test]
    fn agent_messages_read_the_same(text in written(arbitrary::agent_message())) {
        all_read_the_same(&text)?;
    }

    #[test]
    fn agent_notices_read_the_same(text in written(arbitrary::agent_notice())) {
        all_read_the_same(&text)?;
    }
}
