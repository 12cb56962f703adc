//! Every message: its JSON, and that it reads back.

mod samples;

use coview_wire::*;

fn kinds<M: Message>(messages: &[M]) -> Vec<&'static str> {
    messages.iter().map(Message::kind).collect()
}

#[test]
fn every_message_has_a_sample() {
    assert_eq!(kinds(&samples::client_messages()), ClientMessage::KINDS);
    assert_eq!(kinds(&samples::server_messages()), ServerMessage::KINDS);
    assert_eq!(kinds(&samples::agent_messages()), AgentMessage::KINDS);
    assert_eq!(kinds(&samples::agent_notices()), AgentNotice::KINDS);
}

/// The JSON of the messages, one in a line as it goes over the wire; each is read back on the way.
fn json<M: Message + PartialEq + core::fmt::Debug>(full: Vec<M>, lesser: Vec<M>) -> String {
    let line = |message: &M| {
        let text = message.encode();
        assert_eq!(M::decode(&text).as_ref(), Ok(message));
        text + "\n"
    };
    let full: String = full.iter().map(line).collect();
    let lesser: String = lesser.iter().map(line).collect();
    format!("{full}\n{lesser}")
}

#[test]
fn json_of_client_messages() {
    let json = json(samples::client_messages(), samples::lesser_client_messages());
    insta::assert_snapshot!(json);
}

#[test]
fn json_of_server_messages() {
    let json = json(samples::server_messages(), samples::lesser_server_messages());
    insta::assert_snapshot!(json);
}

#[test]
fn json_of_agent_messages() {
    let json = json(samples::agent_messages(), samples::lesser_agent_messages());
    insta::assert_snapshot!(json);
}

#[test]
fn json_of_agent_notices() {
    let json = json(samples::agent_notices(), samples::lesser_agent_notices());
    insta::assert_snapshot!(json);
}

/// Every word of an enum, what it says to a person, and that it reads back.
macro_rules! words {
    ($($name:ident),+ $(,)?) => {{
        let mut out = String::new();
        $(
            out.push_str(concat!(stringify!($name), "\n"));
            for word in $name::ALL {
                let json = serde_json::to_string(word).unwrap();
                assert_eq!(serde_json::from_str::<$name>(&json).unwrap(), *word);
                out.push_str(&format!("  {json} {word}\n"));
            }
        )+
        out
    }};
}

#[test]
fn words_and_what_they_say() {
    insta::assert_snapshot!(words!(
        AppState,
        EndReason,
        AskOutcome,
        WithdrawReason,
        OfflineReason,
        CloseReason,
        RefusalCode,
    ));
}

#[test]
fn a_word_of_a_newer_server_reads_as_unknown() {
    assert_eq!(serde_json::from_str::<EndReason>("\"new\"").unwrap(), EndReason::Unknown);
    assert_eq!(serde_json::from_str::<AskOutcome>("\"new\"").unwrap(), AskOutcome::Unknown);
    assert_eq!(serde_json::from_str::<WithdrawReason>("\"new\"").unwrap(), WithdrawReason::Unknown);
    assert_eq!(serde_json::from_str::<OfflineReason>("\"new\"").unwrap(), OfflineReason::Unknown);
    assert_eq!(serde_json::from_str::<CloseReason>("\"new\"").unwrap(), CloseReason::Unknown);
    assert_eq!(serde_json::from_str::<RefusalCode>("\"new\"").unwrap(), RefusalCode::Unknown);
    assert!(serde_json::from_str::<AppState>("\"new\"").is_err(), "only a client says this word");
}

#[test]
fn null_is_the_same_as_left_out() {
    for (with_null, without) in [
        (
            r#"{"t":"hello","re":0,"version":1,"group":"g","token":null,"profile":null,"app":"active"}"#,
            r#"{"t":"hello","re":0,"version":1,"group":"g","app":"active"}"#,
        ),
        (
            r#"{"t":"hello","re":0,"version":1,"group":"g","profile":{"name":null},"app":"active"}"#,
            r#"{"t":"hello","re":0,"version":1,"group":"g","app":"active"}"#,
        ),
        (
            r#"{"t":"identify","re":1,"visitor":"v","profile":null}"#,
            r#"{"t":"identify","re":1,"visitor":"v"}"#,
        ),
        (
            r#"{"t":"identify","re":1,"visitor":"v","assertion":null}"#,
            r#"{"t":"identify","re":1,"visitor":"v"}"#,
        ),
        (r#"{"t":"presence_connect","re":1,"data":null}"#, r#"{"t":"presence_connect","re":1}"#),
    ] {
        assert_eq!(ClientMessage::decode(with_null), ClientMessage::decode(without));
        assert!(ClientMessage::decode(without).is_ok());
    }
    for (with_null, without) in [
        (
            r#"{"t":"refused","re":1,"code":"no_such_key","explanation":null,"retry_ms":null}"#,
            r#"{"t":"refused","re":1,"code":"no_such_key"}"#,
        ),
        (
            r#"{"t":"renewed","re":1,"expires_ms":5,"rights":null}"#,
            r#"{"t":"renewed","re":1,"expires_ms":5}"#,
        ),
        (
            r#"{"t":"renewed","re":1,"expires_ms":5,"rights":{"visitors":null,"view_only":null,"manual_keys":null,"max_guests":null}}"#,
            r#"{"t":"renewed","re":1,"expires_ms":5,"rights":{}}"#,
        ),
        (
            r#"{"t":"resumed","re":0,"snapshot":{"joining":null}}"#,
            r#"{"t":"resumed","re":0,"snapshot":{}}"#,
        ),
    ] {
        assert_eq!(AgentNotice::decode(with_null), AgentNotice::decode(without));
        assert!(AgentNotice::decode(without).is_ok());
    }
    let asked = |language: &str| {
        let agent = r#""agent":{"agent":"a","name":"A"}"#;
        ServerMessage::decode(&format!(
            r#"{{"t":"terms_requested","ask":1,{agent},"terms":{{"version":"1","text":"t"{language}}},"expires_ms":1}}"#
        ))
    };
    assert_eq!(asked(r#","language":null"#), asked(""));
    assert!(asked("").is_ok());
}

/// What restricts an agent is never lost on the way: nothing but an absent field means everything.
#[test]
fn an_empty_list_of_visitors_means_nobody() {
    let renewed = |rights: &str| {
        let text = format!(r#"{{"t":"renewed","re":1,"expires_ms":5,"rights":{rights}}}"#);
        let Ok(AgentNotice::Renewed(renewed)) = AgentNotice::decode(&text) else {
            panic!("{text}")
        };
        renewed.rights
    };
    assert!(renewed("{}").allows(&samples::visitor()));
    assert!(!renewed(r#"{"visitors":[]}"#).allows(&samples::visitor()));
    assert!(!renewed(r#"{"visitors":["customer-4"]}"#).allows(&samples::visitor()));
    let none = AgentRights { visitors: Some(vec![]), ..AgentRights::default() };
    let sent = AgentNotice::from(Renewed { re: RequestId::new(1), expires_ms: 5, rights: none });
    assert!(sent.encode().contains(r#""rights":{"visitors":[]}"#), "{}", sent.encode());
}

#[test]
fn unknown_fields_are_ignored_wherever_they_stand() {
    let text =
        r#"{"new":[{"a":1}],"re":10,"ask":3,"by":"visitor_id","start":2,"t":"session_start"}"#;
    let message = ClientMessage::decode(text).unwrap();
    assert_eq!(message, samples::lesser_client_messages()[5]);

    let text = r#"{"t":"joined","new":{"deep":[1]},"session":9,"count":1,
        "guests":[{"agent":"agent-7","name":"Grace","new":true}],"re":5}"#;
    assert_eq!(AgentNotice::decode(text).unwrap(), samples::lesser_agent_notices()[7]);
}
