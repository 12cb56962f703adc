//! Every limit: a value at the limit is read, one over is refused by name and never by value.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the failure")]

mod samples;

use coview_wire::*;
use serde_json::Value;
use serde_json::json;

/// The fault of a text that must not be read.
fn fault<M: Message + core::fmt::Debug>(text: &str) -> String {
    M::decode(text).expect_err("the text breaks a limit").to_string()
}

/// Puts `value` at `pointer` of a message that is good otherwise, and reads it.
fn put<M: Message>(message: &M, pointer: &str, value: Value) -> Result<M, DecodeError> {
    let mut json = serde_json::to_value(message).unwrap();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = json.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(items) => items[field.parse::<usize>().unwrap()] = value,
        Value::Object(fields) => drop(fields.insert(field.to_owned(), value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            panic!("{pointer} is in no object")
        }
    }
    M::decode(&json.to_string())
}

/// The longest text is read; with one more character it is refused with `says`.
fn longest<M: Message + core::fmt::Debug>(message: &M, pointer: &str, max: usize, says: &str) {
    for unit in ["x", "é", "𝄞"] {
        // Ids and tokens are counted in one-byte characters; the rest in any.
        let ascii_only = says.contains(" id") || says.contains("token") || says.contains("secret");
        if ascii_only && unit.len() > 1 {
            continue;
        }
        let good = put(message, pointer, json!(unit.repeat(max)));
        assert!(good.is_ok(), "{pointer} at its limit: {good:?}");
        let long = unit.repeat(max + 1);
        let told = put(message, pointer, json!(long)).expect_err(pointer).to_string();
        assert!(told.contains(says), "{pointer} over its limit: {told}");
        assert!(!told.contains(&unit.repeat(3)), "{told}");
    }
}

fn client(kind: &str) -> ClientMessage {
    samples::client_messages().into_iter().find(|m| m.kind() == kind).unwrap()
}

fn server(kind: &str) -> ServerMessage {
    samples::server_messages().into_iter().find(|m| m.kind() == kind).unwrap()
}

fn agent(kind: &str) -> AgentMessage {
    samples::agent_messages().into_iter().find(|m| m.kind() == kind).unwrap()
}

fn notice(kind: &str) -> AgentNotice {
    samples::agent_notices().into_iter().find(|m| m.kind() == kind).unwrap()
}

#[test]
fn lengths_of_ids() {
    longest(&client("identify"), "/visitor", limits::VISITOR_ID, "visitor id has 63 characters");
    longest(&client("hello"), "/group", limits::GROUP_ID, "group id has 33 characters");
    longest(&agent("eject"), "/agent", limits::AGENT_ID, "agent id has 63 characters");
}

#[test]
fn lengths_of_texts() {
    let hello = client("hello");
    longest(&hello, "/profile/name", limits::PROFILE_NAME, "name is longer than 63");
    longest(&hello, "/profile/email", limits::PROFILE_EMAIL, "e-mail address is longer than 127");
    longest(&hello, "/profile/phone", limits::PROFILE_PHONE, "phone number is longer than 31");
    let asked = server("terms_requested");
    longest(&asked, "/agent/name", limits::AGENT_NAME, "agent name is longer than 64");
    longest(&asked, "/terms/version", limits::TERMS_VERSION, "terms version is longer than 64");
    longest(&asked, "/terms/text", limits::TERMS_TEXT, "terms text is longer than 8192");
    const EXPLANATION: &str = "explanation is longer than 256";
    longest(&server("refused"), "/explanation", limits::EXPLANATION, EXPLANATION);
    longest(&server("problem"), "/explanation", limits::EXPLANATION, EXPLANATION);
    longest(
        &client("presence_connect"),
        "/data/page",
        limits::PRESENCE_VALUE,
        "value of presence data is longer than 256",
    );
    longest(
        &client("presence_update"),
        "/data/page",
        limits::PRESENCE_VALUE,
        "value of presence data is longer than 256",
    );
}

#[test]
fn lengths_of_secrets() {
    let max = limits::TOKEN_BYTES;
    longest(&client("hello"), "/token", max, "client token is longer than 4096");
    longest(&client("resume"), "/secret", max, "resume secret is longer than 4096");
    longest(&agent("sign_in"), "/token", max, "agent token is longer than 4096");
    longest(&agent("renew"), "/token", max, "agent token is longer than 4096");
    let assertion = client("identify");
    assert!(put(&assertion, "/assertion", json!("x".repeat(max))).is_ok());
    let told = put(&assertion, "/assertion", json!("x".repeat(max + 1))).unwrap_err().to_string();
    assert!(told.contains("visitor assertion is longer than 4096"), "{told}");
    assert!(!told.contains("xxx"), "{told}");

    // Tokens are opaque, so they alone are counted in bytes.
    assert!(put(&agent("sign_in"), "/token", json!("é".repeat(max / 2))).is_ok());
    assert!(put(&agent("sign_in"), "/token", json!("é".repeat(max / 2) + "x")).is_err());
}

#[test]
fn what_may_not_be_empty() {
    for (told, says) in [
        (put(&client("identify"), "/visitor", json!("")).unwrap_err(), "visitor id is empty"),
        (put(&client("hello"), "/group", json!("")).unwrap_err(), "group id is empty"),
        (put(&client("hello"), "/token", json!("")).unwrap_err(), "client token is empty"),
        (put(&client("resume"), "/secret", json!("")).unwrap_err(), "resume secret is empty"),
        (put(&client("identify"), "/assertion", json!("")).unwrap_err(), "visitor assertion is"),
    ] {
        assert!(told.to_string().contains(says), "{told}");
    }
    for (told, says) in [
        (put(&server("terms_requested"), "/agent/name", json!("")), "agent name is empty"),
        (put(&server("terms_requested"), "/agent/name", json!(null)), "agent name is empty"),
        (put(&server("terms_requested"), "/terms/version", json!("")), "terms version is empty"),
        (put(&server("terms_requested"), "/terms/text", json!("")), "terms text is empty"),
        (put(&server("terms_requested"), "/terms/language", json!("")), "terms language is empty"),
    ] {
        let told = told.unwrap_err().to_string();
        assert!(told.contains(says), "{told}");
    }
    let told = put(&client("presence_connect"), "/data/", json!("value")).unwrap_err().to_string();
    assert!(told.contains("key of presence data is empty"), "{told}");
}

#[test]
fn control_characters_are_refused_in_a_line_and_allowed_in_the_text_of_terms() {
    for (pointer, says) in [
        ("/profile/name", "name has a control character"),
        ("/profile/email", "e-mail address has a control character"),
        ("/profile/phone", "phone number has a control character"),
    ] {
        for control in ["a\u{1b}[31m", "a\nb", "a\u{7f}", "a\u{85}", "\0"] {
            let told = put(&client("hello"), pointer, json!(control)).unwrap_err().to_string();
            assert!(told.contains(says), "{told}");
        }
    }
    let asked = server("terms_requested");
    assert!(put(&asked, "/terms/text", json!("one\r\n\ttwo")).is_ok());
    let told = put(&asked, "/terms/text", json!("\u{1b}[2J")).unwrap_err().to_string();
    assert!(told.contains("terms text has a control character"), "{told}");
    let told = put(&asked, "/terms/version", json!("1\n")).unwrap_err().to_string();
    assert!(told.contains("terms version has a control character"), "{told}");
}

#[test]
fn language_tags_of_terms() {
    let asked = server("terms_requested");
    for tag in ["e", "de-CH", "zh-Hant-HK", "x-1"] {
        assert!(put(&asked, "/terms/language", json!(tag)).is_ok(), "{tag}");
    }
    assert!(put(&asked, "/terms/language", json!("x".repeat(limits::TERMS_LANGUAGE))).is_ok());
    let long = json!("x".repeat(limits::TERMS_LANGUAGE + 1));
    let told = put(&asked, "/terms/language", long).unwrap_err().to_string();
    assert!(told.contains("terms language is longer than 35"), "{told}");
    for tag in ["de_CH", "de CH", "dé", "en\n", "en\0", "\u{202e}en", "<b>"] {
        let told = put(&asked, "/terms/language", json!(tag)).unwrap_err().to_string();
        assert!(told.contains("terms language may have only A-Z a-z 0-9 -"), "{told}");
        assert!(!told.contains(tag), "{told}");
    }
}

#[test]
fn visitors_of_rights() {
    let ids = |count: usize| -> Value { (0..count).map(|at| format!("customer-{at}")).collect() };
    for message in [notice("signed_in"), notice("renewed")] {
        assert!(put(&message, "/rights/visitors", ids(limits::RIGHTS_VISITORS)).is_ok());
        let told = put(&message, "/rights/visitors", ids(limits::RIGHTS_VISITORS + 1))
            .unwrap_err()
            .to_string();
        assert!(told.contains("list of visitor ids has more than 64 entries"), "{told}");
        let told = put(&message, "/rights/visitors/0", json!("a b")).unwrap_err().to_string();
        assert!(told.contains("visitor id"), "{told}");
        for over in [json!(-1), json!(4_294_967_296_u64), json!("2"), json!(1.5)] {
            assert!(put(&message, "/rights/max_guests", over).is_err());
        }
    }
}

#[test]
fn waits_before_another_try() {
    assert!(put(&server("refused"), "/retry_ms", json!(u32::MAX)).is_ok());
    for over in [json!(u64::from(u32::MAX) + 1), json!(-1), json!("30 s"), json!(0.5)] {
        let told = put(&server("refused"), "/retry_ms", over.clone()).unwrap_err().to_string();
        assert!(told.contains("wrong type or value, expected u32"), "{told}");
        assert!(put(&notice("refused"), "/retry_ms", over).is_err());
    }
}

#[test]
fn keys_of_presence_data() {
    let key = "k".repeat(limits::PRESENCE_KEY);
    for message in [client("presence_connect"), client("presence_update")] {
        assert!(put(&message, &format!("/data/{key}"), json!("v")).is_ok());
        let told = put(&message, &format!("/data/{key}k"), json!("v")).unwrap_err().to_string();
        assert!(told.contains("key of presence data is longer than 64"), "{told}");
        assert!(!told.contains("kkk"), "{told}");
        let told = put(&message, "/data/a b", json!("v")).unwrap_err().to_string();
        assert!(told.contains("key of presence data may have only A-Z a-z 0-9 . - _"), "{told}");
    }
}

#[test]
fn entries_of_presence_data() {
    let entries = |count: usize| -> Value {
        (0..count)
            .map(|at| (format!("key{at}"), json!("v")))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    for message in [client("presence_connect"), client("presence_update")] {
        assert!(put(&message, "/data", entries(limits::PRESENCE_ENTRIES)).is_ok());
        let told =
            put(&message, "/data", entries(limits::PRESENCE_ENTRIES + 1)).unwrap_err().to_string();
        assert!(told.contains("presence data has more than 32 entries"), "{told}");
    }
    // The same key again is no new entry, and the last value holds.
    let again: String = (0..100).map(|at| format!(r#""page":"{at}","#)).collect();
    let text = format!(r#"{{"t":"presence_connect","re":1,"data":{{{again}"page":"last"}}}}"#);
    let data = PresenceData::new().with("page", "last").unwrap();
    assert_eq!(
        ClientMessage::decode(&text),
        Ok(PresenceConnect { re: RequestId::new(1), data }.into())
    );
}

#[test]
fn a_merge_that_would_exceed_the_entries_changes_nothing() {
    let full = (0..limits::PRESENCE_ENTRIES)
        .fold(PresenceData::new(), |data, at| data.with(&format!("key{at}"), "v").unwrap());
    assert_eq!(full.len(), limits::PRESENCE_ENTRIES);
    assert!(full.clone().with("one-more", "v").is_err());

    let mut data = full.clone();
    let too_many = PresencePatch::new().set("key0", "changed").unwrap().set("new", "v").unwrap();
    let TextError::TooMany { max, .. } = data.merge(&too_many).unwrap_err() else {
        panic!("another fault")
    };
    assert_eq!((max, &data), (limits::PRESENCE_ENTRIES, &full));

    let swap = PresencePatch::new().remove("key0").unwrap().set("new", "v").unwrap();
    data.merge(&swap).unwrap();
    assert_eq!((data.len(), data.get("key0"), data.get("new")), (32, None, Some("v")));
}

#[test]
fn bytes_of_presence_data() {
    // Sixteen entries of a key of 64 and a value of 192 bytes are exactly as much as may be.
    let (key, value) = (|at: usize| format!("{at:064}"), "\u{1D11E}".repeat(48));
    let entries = |last: &str| -> Value {
        (0..15)
            .map(|at| (key(at), json!(value)))
            .chain([(key(15), json!(last))])
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let over = format!("{value}v");
    for message in [client("presence_connect"), client("presence_update")] {
        assert!(put(&message, "/data", entries(&value)).is_ok());
        let told = put(&message, "/data", entries(&over)).unwrap_err().to_string();
        assert!(told.contains("presence data has more than 4096 bytes"), "{told}");
    }

    let max = limits::PRESENCE_BYTES;
    let too_large = TextError::TooLarge { what: "presence data", max };
    let full = (0..16).fold(PresenceData::new(), |data, at| data.with(&key(at), &value).unwrap());
    assert_eq!(full.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>(), max);
    assert_eq!(full.clone().with(&key(15), &over), Err(too_large));
    assert_eq!(full.clone().with("k", ""), Err(too_large));
    let patch =
        (0..16).fold(PresencePatch::new(), |patch, at| patch.set(&key(at), &value).unwrap());
    assert_eq!(patch.clone().set(&key(15), &over), Err(too_large));
    assert_eq!(patch.remove("k"), Err(too_large), "a key that is removed counts as well");

    let mut data = full.clone();
    let one_more = PresencePatch::new().set(&key(0), "v").unwrap().set(&key(16), &value).unwrap();
    assert_eq!(data.merge(&one_more), Err(too_large));
    assert_eq!(data, full, "nothing is changed");
    data.merge(&PresencePatch::new().remove(&key(0)).unwrap().set(&key(16), &value).unwrap())
        .unwrap();
    assert_eq!((data.len(), data.get(&key(0))), (16, None));
}

#[test]
fn lengths_of_lists() {
    let guests = |count: usize| Value::from(vec![json!({"agent": "a", "name": "A"}); count]);
    for message in [server("session_guests"), server("resumed")] {
        let pointer =
            if message.kind() == "resumed" { "/snapshot/session/guests" } else { "/guests" };
        assert!(put(&message, pointer, guests(limits::GUESTS)).is_ok());
        let told = put(&message, pointer, guests(limits::GUESTS + 1)).unwrap_err().to_string();
        assert!(told.contains("list of guests has more than 64 entries"), "{told}");
    }
    for message in [notice("session_guests"), notice("joined"), notice("resumed")] {
        let pointer = if message.kind() == "resumed" { "/snapshot/view/guests" } else { "/guests" };
        assert!(put(&message, pointer, guests(limits::GUESTS)).is_ok());
        let told = put(&message, pointer, guests(limits::GUESTS + 1)).unwrap_err().to_string();
        assert!(told.contains("list of guests has more than 64 entries"), "{told}");
    }
    let card = json!({
        "visitor": "v", "app": "active", "reachable": true, "busy": false, "online_ms": 0,
    });
    let visitors = |count: usize| Value::from(vec![card.clone(); count]);
    assert!(put(&notice("roster"), "/visitors", visitors(limits::ROSTER_PAGE)).is_ok());
    let told = put(&notice("roster"), "/visitors", visitors(limits::ROSTER_PAGE + 1)).unwrap_err();
    assert!(told.to_string().contains("list of visitors has more than 32 entries"), "{told}");
}

#[test]
fn digits_of_keys() {
    let key = |digits: u8| {
        let mut text = String::new();
        SessionKey::random(KeyLength::new(digits).unwrap(), || 7).write_grouped(&mut text).unwrap();
        text
    };
    for digits in [limits::KEY_DIGITS_MIN, limits::KEY_DIGITS_MAX] {
        assert!(put(&agent("join"), "/key", json!(key(digits))).is_ok());
        assert!(put(&server("welcome"), "/settings/key_digits", json!(digits)).is_ok());
    }
    for (text, says) in [
        ("77777", "a key has 6 to 12 digits, this has 5"),
        ("7777777777777777", "a key has 6 to 12 digits, this has 13"),
        ("777 77x", "a key has only digits"),
        ("123456789", "mistyped"),
    ] {
        let told = put(&agent("join"), "/key", json!(text)).unwrap_err().to_string();
        assert!(told.contains(says), "{told}");
        assert!(!told.contains(text), "{told}");
    }
    for digits in [0, 5, 13, 255] {
        let told =
            put(&server("welcome"), "/settings/key_digits", json!(digits)).unwrap_err().to_string();
        assert!(told.contains("key length is not within 6 to 12 digits"), "{told}");
    }
}

#[test]
fn the_largest_number() {
    let max = limits::NUMBER_MAX;
    for (message, pointer, what) in [
        (client("log_out"), "/re", "request id"),
        (client("session_start"), "/start", "start id"),
        (client("terms_accepted"), "/ask", "ask id"),
        (client("session_end"), "/start", "start id"),
        (client("join_confirmed"), "/join", "join id"),
        (client("join_declined"), "/join", "join id"),
    ] {
        assert!(put(&message, pointer, json!(max)).is_ok());
        for over in [json!(max + 1), json!(u64::MAX)] {
            let told = put(&message, pointer, over).unwrap_err().to_string();
            assert!(told.contains(&format!("{what} is above 2^53 - 1")), "{told}");
        }
        for wrong in [json!(-1), json!(1.0), json!(1e300), json!("1"), json!(null), json!([1])] {
            let told = put(&message, pointer, wrong).unwrap_err().to_string();
            assert!(told.contains(&format!("expected {what} as a whole number")), "{told}");
        }
    }
    for (message, pointer, what) in [
        (server("session_ended"), "/session", "session id"),
        (server("presence_lost"), "/presence", "presence id"),
        (server("join_requested"), "/join", "join id"),
        (server("join_withdrawn"), "/join", "join id"),
    ] {
        assert!(put(&message, pointer, json!(max)).is_ok());
        let told = put(&message, pointer, json!(max + 1)).unwrap_err().to_string();
        assert!(told.contains(&format!("{what} is above 2^53 - 1")), "{told}");
    }
}

#[test]
fn bytes_of_a_message() {
    let message = |len: usize| {
        let text = r#"{"t":"log_out","re":1,"pad":""}"#;
        text.replace("\"\"", &format!("\"{}\"", "p".repeat(len - text.len())))
    };
    assert!(ClientMessage::decode(&message(limits::MESSAGE_BYTES)).is_ok());
    let over = message(limits::MESSAGE_BYTES + 1);
    let bytes = limits::MESSAGE_BYTES + 1;
    assert_eq!(ClientMessage::decode(&over), Err(DecodeError::TooLong { bytes }));
    assert_eq!(
        fault::<ClientMessage>(&over),
        "the message has 65537 bytes; at most 65536 are allowed"
    );
}

/// Whatever is within its limits fits into one message; only a page of a roster may have to be cut
/// before it has all the visitors it may have.
#[test]
fn the_largest_messages_fit() {
    // Four bytes in UTF-8 are the most a character takes; JSON writes none of these as an escape.
    let text = |len: usize| "𝄞".repeat(len);
    let id = "i".repeat(limits::VISITOR_ID);
    let guest = AgentCard::new(AgentId::new(&id).unwrap(), &text(limits::AGENT_NAME)).unwrap();
    let profile = Profile::new()
        .with_name(&text(limits::PROFILE_NAME))
        .and_then(|p| p.with_email(&text(limits::PROFILE_EMAIL)))
        .and_then(|p| p.with_phone(&text(limits::PROFILE_PHONE)))
        .unwrap();
    // JSON doubles quotes, so as many bytes as may be are largest as quotes under short keys.
    let each = limits::PRESENCE_BYTES / limits::PRESENCE_ENTRIES;
    let key = |at: usize| format!("{at:02}");
    let value = "\"".repeat(each - key(0).len());
    let data = (0..limits::PRESENCE_ENTRIES)
        .fold(PresenceData::new(), |data, at| data.with(&key(at), &value).unwrap());
    let patch = (0..limits::PRESENCE_ENTRIES)
        .fold(PresencePatch::new(), |data, at| data.set(&key(at), &value).unwrap());
    let token = "\u{1}".repeat(limits::TOKEN_BYTES);
    let re = RequestId::new(limits::NUMBER_MAX);

    let mut sizes = Vec::new();
    let mut note = |kind: &'static str, text: String| {
        assert!(text.len() <= limits::MESSAGE_BYTES, "{kind}: {} bytes", text.len());
        sizes.push(kind);
    };
    for message in [
        ClientMessage::from(Hello {
            re,
            version: 1,
            group: samples::group(),
            token: Some(ClientToken::new(&token).unwrap()),
            profile: profile.clone(),
            app: AppState::Background,
        }),
        Identify {
            re,
            visitor: VisitorId::new(&id).unwrap(),
            assertion: Some(VisitorAssertion::new(&token).unwrap()),
            profile: Some(profile.clone()),
        }
        .into(),
        PresenceConnect { re, data: data.clone() }.into(),
        PresenceUpdate { re, data: patch }.into(),
    ] {
        note(message.kind(), message.encode());
    }
    let card = VisitorCard {
        visitor: VisitorId::new(&id).unwrap(),
        profile,
        data,
        app: AppState::Background,
        reachable: false,
        busy: false,
        online_ms: limits::NUMBER_MAX,
    };
    let message = AgentNotice::from(VisitorOnline { card });
    note(message.kind(), message.encode());
    let snapshot = Snapshot {
        ask: Some(TermsRequested {
            ask: AskId::new(limits::NUMBER_MAX),
            agent: guest.clone(),
            terms: Terms::new(&text(limits::TERMS_VERSION), &text(limits::TERMS_TEXT)).unwrap(),
            expires_ms: u32::MAX,
        }),
        session: Some(SessionFacts {
            start: StartId::new(limits::NUMBER_MAX),
            session: SessionId::new(limits::NUMBER_MAX),
            key: Some(samples::key()),
            count: u32::MAX,
            guests: vec![guest.clone(); limits::GUESTS],
            join: Some(JoinRequested {
                session: SessionId::new(limits::NUMBER_MAX),
                join: JoinId::new(limits::NUMBER_MAX),
                agent: guest.clone(),
                expires_ms: u32::MAX,
            }),
        }),
        ..Snapshot::default()
    };
    let message = ServerMessage::from(Resumed { re, snapshot });
    note(message.kind(), message.encode());
    let message = AgentNotice::from(SignedIn {
        re,
        secret: ResumeSecret::new(&token).unwrap(),
        agent: guest,
        timing: Timing {
            heartbeat_ms: u32::MAX,
            missed_heartbeats: u8::MAX,
            first_reply_ms: u32::MAX,
            resume_grace_ms: u32::MAX,
            background_lease_ms: u32::MAX,
        },
        expires_ms: u64::MAX,
        rights: AgentRights {
            visitors: Some(vec![VisitorId::new(&id).unwrap(); limits::RIGHTS_VISITORS]),
            view_only: true,
            manual_keys: false,
            max_guests: Some(u32::MAX),
        },
        key_digits: KeyLength::default(),
    });
    note(message.kind(), message.encode());
    assert_eq!(
        sizes,
        [
            "hello",
            "identify",
            "presence_connect",
            "presence_update",
            "visitor_online",
            "resumed",
            "signed_in"
        ]
    );
}
