//! Texts no honest peer sends: each is an error that says what is wrong, and never a panic.

use coview_wire::*;

fn told(text: &str) -> String {
    let error = ClientMessage::decode(text).expect_err(text);
    let re = error.request().map_or_else(|| String::from("-"), |re| re.to_string());
    format!("{text}\n    re {re}: {error}\n")
}

#[test]
fn faults_and_what_is_told() {
    let told: String = [
        // Not a message at all.
        "",
        " ",
        "null",
        "7",
        r#""ping""#,
        "[]",
        r#"["ping"]"#,
        r#"["log_out",1]"#,
        "{",
        "{}",
        "{]",
        r#"{"t":"ping"} {"t":"ping"}"#,
        r#"{"t":"ping",}"#,
        r#"{'t':'ping'}"#,
        "\u{feff}{\"t\":\"ping\"}",
        r#"{"t":"pi\ud800ng"}"#,
        "{\"t\":\"pi\nng\"}",
        // The type.
        r#"{"t":null}"#,
        r#"{"t":1}"#,
        r#"{"t":"no_such_type"}"#,
        r#"{"t":"no_such_type","re":7}"#,
        r#"{"t":"welcome","re":7}"#,
        r#"{"t":"PING"}"#,
        r#"{"T":"ping"}"#,
        // Fields that stand twice.
        r#"{"t":"ping","t":"bye"}"#,
        r#"{"t":"log_out","re":1,"re":2}"#,
        r#"{"t":"app_moved","re":1,"app":"active","app":"active"}"#,
        r#"{"t":"session_start","re":1,"start":1,"by":"random_key","by":"random_key"}"#,
        // Fields that are missing.
        r#"{"t":"log_out"}"#,
        r#"{"t":"identify","re":3}"#,
        r#"{"t":"session_start","re":3,"start":1}"#,
        r#"{"t":"session_start","re":3,"start":1,"by":"visitor_id"}"#,
        r#"{"t":"hello","re":0,"version":1,"group":"g"}"#,
        // Fields of the wrong type.
        r#"{"t":"log_out","re":"1"}"#,
        r#"{"t":"log_out","re":-1}"#,
        r#"{"t":"log_out","re":1.5}"#,
        r#"{"t":"log_out","re":1e400}"#,
        r#"{"t":"log_out","re":99999999999999999999999999999999}"#,
        r#"{"t":"log_out","re":9007199254740992}"#,
        r#"{"t":"identify","re":3,"visitor":42}"#,
        r#"{"t":"identify","re":3,"visitor":"a b"}"#,
        r#"{"t":"identify","re":3,"visitor":"v","profile":"Ada"}"#,
        r#"{"t":"identify","re":3,"visitor":"v","profile":{"name":["Ada"]}}"#,
        r#"{"t":"hello","re":0,"version":65537,"group":"g","app":"active"}"#,
        r#"{"t":"hello","re":0,"version":1,"group":"g","app":"asleep"}"#,
        r#"{"t":"hello","re":0,"version":1,"group":"g","app":true}"#,
        r#"{"t":"presence_connect","re":3,"data":["page"]}"#,
        r#"{"t":"presence_connect","re":3,"data":{"page":null}}"#,
        r#"{"t":"presence_connect","re":3,"data":{"page":{"url":"/"}}}"#,
        r#"{"t":"presence_update","re":3,"data":{"page":7}}"#,
        r#"{"t":"session_start","re":3,"start":1,"by":"magic"}"#,
        r#"{"t":"session_start","re":3,"start":1,"by":7}"#,
        r#"{"t":"session_start","re":3,"start":1,"by":"visitor_id","ask":"3"}"#,
        // What proves an identity, and what answers an agent at the door.
        r#"{"t":"identify","re":3,"visitor":"v","assertion":""}"#,
        r#"{"t":"identify","re":3,"visitor":"v","assertion":{"alg":"none"}}"#,
        r#"{"t":"identify","re":3,"visitor":"v","assertion":"a","assertion":"b"}"#,
        r#"{"t":"join_confirmed","re":3}"#,
        r#"{"t":"join_confirmed","re":3,"join":"1"}"#,
        r#"{"t":"join_confirmed","re":3,"join":[1,2]}"#,
        r#"{"t":"join_declined","re":3,"join":-1}"#,
        r#"{"t":"join_declined","re":3,"join":1,"join":2}"#,
        r#"{"t":"renew","re":3,"token":"t"}"#,
    ]
    .map(told)
    .concat();
    insta::assert_snapshot!(told);
}

#[test]
fn deep_nesting_is_an_error_or_ignored_and_never_exhausts_the_stack() {
    let deep = |open: &str, close: &str| open.repeat(30_000) + &close.repeat(30_000);
    for nest in [deep("[", "]"), "[".repeat(60_000)] {
        // Where nothing is expected it is skipped without recursion; elsewhere its first bracket is
        // a wrong type.
        let text = format!(r#"{{"t":"log_out","re":1,"new":{nest}}}"#);
        assert_eq!(ClientMessage::decode(&text).is_ok(), nest.ends_with(']'));
        for field in [
            format!(r#"{{"t":"identify","re":1,"visitor":{nest}}}"#),
            format!(r#"{{"t":"identify","re":{nest},"visitor":"v"}}"#),
            format!(r#"{{"t":"identify","re":1,"visitor":"v","profile":{nest}}}"#),
            format!(r#"{{"t":"presence_connect","re":1,"data":{{"page":{nest}}}}}"#),
            format!(r#"{{"t":{nest}}}"#),
            nest.clone(),
        ] {
            assert!(matches!(ClientMessage::decode(&field), Err(DecodeError::Malformed { .. })));
        }
        let text = format!(r#"{{"t":"visitor_online","visitor":"v","app":"active","new":{nest}}}"#);
        assert!(AgentNotice::decode(&text).is_err());
    }
}

#[test]
fn the_number_of_a_malformed_message_is_told_so_that_it_can_be_answered() {
    let error = ClientMessage::decode(r#"{"t":"identify","re":7,"visitor":""}"#).unwrap_err();
    assert_eq!(error.request(), Some(RequestId::new(7)));
    let error = ClientMessage::decode(r#"{"re":7,"t":"later"}"#).unwrap_err();
    assert_eq!(error, DecodeError::UnknownType { re: Some(RequestId::new(7)) });
    let error = ClientMessage::decode(r#"{"t":"identify","re":7,"visitor":"#).unwrap_err();
    assert_eq!(error.request(), None, "a text that is no JSON has no number either");
}

#[test]
fn the_same_word_is_another_message_for_another_listener() {
    let text = r#"{"t":"terms_displayed","ask":3}"#;
    assert_eq!(AgentNotice::decode(text), Ok(TermsSeen { ask: AskId::new(3) }.into()));
    assert!(ClientMessage::decode(text).is_err(), "from a visitor it has a number");
}
