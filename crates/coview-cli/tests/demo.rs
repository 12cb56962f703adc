//! The demo for a person with a browser, played by processes.

mod support;

use support::GROUP;
use support::Running;
use support::coview;
use support::get;

#[test]
fn an_agent_can_try_everything_and_try_again() {
    let mut demo = Running::start(coview(&["demo", "--listen", "127.0.0.1:0", "--json"]));
    let ready = demo.event("ready");
    let text = |field: &str| ready[field].as_str().unwrap().to_owned();
    let (head, body) = get(&text("console"));
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(body.contains("Have a key?"), "{body}");

    let mut command =
        coview(&["agent", "--server", &text("server"), "--group", &text("group"), "--json"]);
    command.env("COVIEW_TOKEN", text("token"));
    let mut ada = Running::start(command);
    ada.event("signed_in");

    let first = text("key");
    ada.say(&format!("join {first}"));
    ada.event("joined");
    assert_eq!(demo.event("guests")["count"], 1);
    assert_eq!(ada.event("picture")["width"], 1280);
    assert!(!ada.event("masks")["masks"].as_array().unwrap().is_empty());
    ada.say("end");
    assert_eq!(demo.event("ended")["reason"], "agent");
    let key = demo.event("key")["key"].as_str().unwrap().to_owned();
    assert_ne!(key, first);
    ada.say(&format!("join {key}"));
    ada.event("picture");
    ada.say("leave");
    ada.event("left_session");

    // Nobody types here, so she accepts by herself, and is there again when the agent has left.
    ada.say("ask customer-42");
    assert_eq!(demo.event("terms")["visitor"], "customer-42");
    ada.event("displayed");
    assert_eq!(demo.event("sharing")["visitor"], "customer-42");
    ada.event("picture");
    ada.say("leave");
    assert_eq!(demo.event("ended")["visitor"], "customer-42");

    ada.say("ask customer-43");
    ada.event("displayed");
    assert_eq!(demo.event("declined")["visitor"], "customer-43");
    assert_eq!(ada.event("ask_over")["outcome"], "declined");

    demo.interrupt();
    let (status, heard, errors) = demo.end();
    assert!(status.success(), "{heard:?} {errors:?}");
    assert_eq!(heard.last().unwrap(), "{\"event\":\"left\"}");
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn a_person_is_told_where_to_go_and_what_to_type() {
    let mut demo = Running::start(coview(&["demo"]));
    // The usual port may be taken, by this one if not by another.
    let mut other = Running::start(coview(&["demo"]));
    let place = |demo: &mut Running| {
        let line = demo.line(|line| line.trim_start().starts_with("Open "));
        line.trim_start().trim_start_matches("Open").trim().to_owned()
    };
    let (url, elsewhere) = (place(&mut demo), place(&mut other));
    assert_ne!(url, elsewhere);
    for url in [&url, &elsewhere] {
        assert!(get(url).0.starts_with("HTTP/1.1 200 "), "{url}");
    }

    let mut word = |what: &str| {
        let line = demo.line(|line| line.trim_start().starts_with(what));
        line.split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_eq!(word("Group"), GROUP);
    assert_eq!(word("Token").split('.').count(), 3);
    assert!(word("Key").bytes().all(|byte| byte.is_ascii_digit()));
    demo.interrupt();
    let (status, heard, _) = demo.end();
    assert!(status.success(), "{heard:?}");
    let ends = ["stopping: every client is told", "goodbye"];
    assert_eq!(heard[heard.len() - 2..], ends);
}
