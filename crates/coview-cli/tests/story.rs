//! Three processes by pipes: a server, a visitor and an agent, as a script drives them.

mod support;

use std::io::Write;
use std::net::TcpListener;

use serde_json::json;
use support::Done;
use support::GROUP;
use support::Running;
use support::coview;
use support::done;
use support::get;
use support::run;
use support::serve;
use support::url;

#[test]
fn the_demo_tells_the_whole_story() {
    let Done { code, out, err } = run(&["demo", "--headless"]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    let last = out.lines().last().unwrap();
    assert!(last.starts_with("every step happened: "), "{last}");
    assert!(!out.contains('\u{1b}'), "no colour without a terminal");
}

#[test]
fn the_demo_tells_it_in_json() {
    let Done { code, out, .. } = run(&["demo", "--headless", "--json"]);
    assert_eq!(code, Some(0), "{out}");
    let events: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.first().unwrap()["event"], "begin");
    assert_eq!(events.last().unwrap()["event"], "done");
    for event in events.iter().filter(|event| event["event"] == "state") {
        let manual = event["state"].as_str().unwrap().starts_with("SharingManual");
        assert_eq!(event["key_shown"], json!(manual), "{event}");
    }
}

#[test]
fn a_demo_that_breaks_off_names_the_step() {
    // One step waits for a second, so the whole cannot be done within one.
    let Done { code, out, err } = run(&["demo", "--headless", "--deadline", "1"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(err.starts_with("error: step \""), "{err}");
    assert!(err.ends_with("\": it was not done within 1 s\n"), "{err}");

    let mut demo = Running::start(coview(&["demo", "--headless", "--json"]));
    let title = demo.event("step")["title"].as_str().unwrap().to_owned();
    assert_eq!(title, "The app connects");
    demo.interrupt();
    let (status, heard, errors) = demo.end();
    assert_eq!(status.code(), Some(1));
    assert!(heard.last().unwrap().contains("\"event\":\"failed\""), "{heard:?}");
    assert!(errors[0].ends_with("\": it was interrupted"), "{errors:?}");
}

#[test]
fn tls_with_a_certificate_of_ones_own() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    // A key everybody can read is refused.
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let config = folder.join("tls.toml");
    let text = format!(
        "listen = \"127.0.0.1:0\"\n[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n\
         [[group]]\nid = \"{GROUP}\"\nclient_token = \"t0ken\"\n\
         [group.terms]\nversion = \"1\"\ntext = \"Yes?\"\n"
    );
    std::fs::write(&config, text).unwrap();
    let mut server = Running::start(coview(&["serve", "--config", config.to_str().unwrap()]));
    let url = url(&server.line(|line| line.starts_with("listening on ")));
    assert!(url.starts_with("wss://"), "{url}");

    let share = ["share", "--server", &url, "--group", GROUP];
    let Done { code, err, .. } = run(&share);
    assert_eq!(code, Some(1));
    assert!(err.starts_with("error: the server cannot be reached: TLS failed: "), "{err}");
    assert!(err.contains("help: for a certificate of your own give --ca FILE"), "{err}");

    let mut trusting = coview(&[&share[..], &["--ca", certificate.to_str().unwrap()]].concat());
    trusting.env("COVIEW_CLIENT_TOKEN", "t0ken");
    let Done { code, out, err } = done(trusting);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.starts_with("● connected to group 12345"), "{out}");
}

#[test]
fn manual_start() {
    let server = serve();
    let mut visitor = server.share(&[]);
    let (mut ada, mut grace) = (server.agent(0), server.agent(1));

    visitor.say("share");
    let sharing = visitor.event("sharing");
    assert_eq!(sharing["by"], "key");
    assert_eq!(sharing["state"], "SharingManualAnonymous");
    let key = sharing["key"].as_str().unwrap().to_owned();

    let last = key.chars().last().unwrap().to_digit(10).unwrap();
    ada.say(&format!("join {}{}", &key[..key.len() - 1], (last + 1) % 10));
    let told = ada.event("error");
    assert!(told["message"].as_str().unwrap().starts_with("mistyped"), "{told}");

    ada.say(&format!("join {key}"));
    assert_eq!(ada.event("joined")["by"], "key");
    assert_eq!(visitor.event("guests")["count"], 1);
    grace.say(&format!("join {}", key.replace(' ', "")));
    grace.event("joined");
    let guests = visitor.event("guests");
    assert_eq!(guests["count"], 2);
    assert_eq!(guests["agents"][0], json!({"id": "ada", "name": "Ada"}));
    grace.say("leave");
    assert_eq!(visitor.event("guests")["count"], 1);

    visitor.say("stop");
    let ended = visitor.event("ended");
    assert_eq!((&ended["reason"], &ended["state"]), (&json!("visitor"), &json!("Anonymous")));
    assert_eq!(ada.event("ended")["reason"], "visitor");
    ada.say(&format!("join {key}"));
    assert_eq!(ada.event("refused")["code"], "no_such_key");

    visitor.say("quit");
    let (status, heard, errors) = visitor.end();
    assert!(status.success(), "{heard:?} {errors:?}");
}

#[test]
fn one_click_start_without_any_key() {
    let server = serve();
    let mut visitor = server.share(&["--name", "Vera"]);
    let mut ada = server.agent(0);

    // Typed ahead: each line waits for the answer to the one before.
    visitor.say("login customer-42");
    visitor.say("online page=/cart");
    visitor.say("update page=/checkout language=en");
    assert_eq!(visitor.event("identified")["visitor"], "customer-42");
    visitor.event("online");
    let card = ada.event("visitor_online")["card"].clone();
    assert_eq!(
        (&card["visitor"], &card["profile"]["name"]),
        (&json!("customer-42"), &json!("Vera"))
    );

    ada.say("ask customer-42");
    assert_eq!(ada.event("asking")["visitor"], "customer-42");
    let terms = visitor.event("terms");
    assert_eq!(terms["agent"]["name"], "Ada");
    assert_eq!(terms["version"], "2026-11");
    assert!(terms["text"].as_str().unwrap().contains("until you stop"));
    assert!(terms["expires_ms"].as_u64().unwrap() > 0);
    ada.event("displayed");
    visitor.say("decline");
    visitor.event("declined");
    assert_eq!(ada.event("ask_over")["outcome"], "declined");

    ada.say("ask customer-42");
    visitor.event("terms");
    ada.event("displayed");
    ada.say("withdraw");
    ada.event("withdrawn");
    assert_eq!(visitor.event("terms_withdrawn")["reason"], "agent");
    visitor.say("accept");
    let told = visitor.event("misuse");
    assert_eq!(told["message"], "`accept` is not possible while you are online and nobody asks");

    ada.say("ask customer-42");
    visitor.event("terms");
    visitor.say("accept");
    let sharing = visitor.event("sharing");
    assert_eq!((&sharing["by"], &sharing["state"]), (&json!("request"), &json!("SharingOneClick")));
    let joined = ada.event("joined");
    assert_eq!((&joined["by"], &joined["visitor"]), (&json!("request"), &json!("customer-42")));
    assert_eq!(visitor.event("guests")["count"], 1);
    visitor.say("status");
    visitor.event("status");
    ada.say("end");
    assert_eq!(visitor.event("ended")["reason"], "agent");

    visitor.say_no_more();
    let (status, heard, errors) = visitor.end();
    assert!(status.success(), "{errors:?}");
    for line in heard.iter().chain(&errors) {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event.get("key").is_none(), "a key in {line}");
    }
    assert_eq!(ada.event("visitor_offline")["reason"], "left");
}

#[test]
fn ctrl_c_of_the_visitor_is_told_to_the_agent() {
    let server = serve();
    let (mut visitor, mut ada) = (server.share(&[]), server.agent(0));
    visitor.say("share");
    let key = visitor.event("sharing")["key"].as_str().unwrap().to_owned();
    ada.say(&format!("join {key}"));
    ada.event("joined");
    visitor.interrupt();
    let (status, heard, errors) = visitor.end();
    assert!(status.success(), "{errors:?}");
    assert!(heard.last().unwrap().contains("\"left\""), "{heard:?}");
    assert_eq!(ada.event("ended")["reason"], "visitor_left");
}

#[test]
fn ctrl_c_of_the_agent_is_told_to_the_visitor() {
    let server = serve();
    let (mut visitor, mut ada) = (server.share(&[]), server.agent(0));
    visitor.say("login customer-42\nonline");
    ada.event("visitor_online");
    ada.say("ask customer-42");
    visitor.event("terms");
    ada.interrupt();
    assert!(ada.end().0.success());
    assert_eq!(visitor.event("terms_withdrawn")["reason"], "agent_lost");

    let mut grace = server.agent(1);
    grace.say("ask customer-42");
    visitor.event("terms");
    visitor.say("accept");
    assert_eq!(visitor.event("guests")["count"], 1);
    grace.interrupt();
    assert!(grace.end().0.success());
    assert_eq!(visitor.event("guests")["count"], 0);
}

#[test]
fn ctrl_c_of_the_server_is_told_to_both() {
    let server = serve();
    let (mut visitor, mut ada) = (server.share(&[]), server.agent(0));
    visitor.say("share");
    let key = visitor.event("sharing")["key"].as_str().unwrap().to_owned();
    ada.say(&format!("join {key}"));
    ada.event("joined");
    assert_eq!(visitor.event("guests")["count"], 1);
    server.process.interrupt();
    assert_eq!(visitor.event("ended")["reason"], "shutdown");
    assert_eq!(ada.event("ended")["reason"], "shutdown");
    let (status, heard, errors) = server.process.end();
    assert!(status.success(), "{heard:?} {errors:?}");
    let log = errors.join("\n");
    assert!(log.contains("session started") && log.contains("reason=shutdown"), "{log}");
    for secret in [&key, &key.replace(' ', ""), &server.tokens[0], &server.tokens[1]] {
        assert!(!log.contains(secret.as_str()), "a secret in the log");
    }
    // They try to come back for as long as one wants, and leave at once when one does not.
    visitor.interrupt();
    assert!(visitor.end().0.success());
    ada.say("quit");
    assert!(ada.end().0.success());
}

#[test]
fn an_unreachable_server_is_told_at_once() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = format!("ws://127.0.0.1:{port}");
    for args in [
        &["share", "--server", &server, "--group", GROUP][..],
        &["agent", "--server", &server, "--group", GROUP, "--token", "t"],
    ] {
        let Done { code, out, err } = run(args);
        assert_eq!((code, out.as_str()), (Some(1), ""));
        assert!(err.starts_with("error: the server cannot be reached: no connection: "), "{err}");
        assert!(err.contains("help: check host and port of --server"), "{err}");
    }
}

#[test]
fn something_else_than_a_coview_server_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("ws://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ =
                stream.unwrap().write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let Done { code, err, .. } = run(&["share", "--server", &server, "--group", GROUP]);
    assert_eq!(code, Some(1));
    assert!(err.contains("the other side is not a coview server"), "{err}");
}

#[test]
fn unknown_group_and_bad_token_are_told() {
    let server = serve();
    let Done { code, err, .. } = run(&["share", "--server", &server.url, "--group", "other"]);
    assert_eq!(code, Some(1));
    assert_eq!(
        err,
        "error: the server refused: unknown group\n \
         help: check --group against the server's configuration\n"
    );
    let mut command = coview(&["agent", "--server", &server.url, "--group", GROUP]);
    command.env("COVIEW_TOKEN", "s3cret");
    let Done { code, err, .. } = done(command);
    assert_eq!(code, Some(1));
    assert_eq!(
        err,
        "error: the server refused: the token was not accepted\n \
         help: check --token against the server's configuration\n"
    );
}

#[test]
fn a_taken_address_is_told() {
    let server = serve();
    let address = server.url.strip_prefix("ws://").unwrap();
    let Done { code, err, .. } = run(&["serve", "--listen", address]);
    assert_eq!(code, Some(1));
    assert!(err.starts_with(&format!("error: cannot listen on {address}: ")), "{err}");
}

#[test]
fn a_server_to_try_things_out_tells_where_the_console_is() {
    let mut process = Running::start(coview(&["serve", "--listen", "127.0.0.1:0"]));
    let line = process.line(|line| line.contains("/console"));
    let (head, body) = get(line.trim());
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(body.contains("Agent token"), "{body}");
    process.line(|line| line.contains(" agent ") && line.contains("--token "));
}

#[test]
fn a_script_that_ends_gets_its_last_answer() {
    let server = serve();
    let args = ["share", "--server", &server.url, "--group", GROUP];
    let mut visitor = Running::start(coview(&args));
    visitor.say("login customer-42\nshare");
    visitor.say_no_more();
    let line = visitor.line(|line| line.contains("read this key to the agent"));
    assert!(line.starts_with("● sharing"), "{line}");
    assert!(visitor.end().0.success());
}

#[test]
fn logs_can_be_json_and_quieter() {
    let mut loud = coview(&["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    loud.env("COVIEW_LOG", "coview::audit=info");
    let mut process = Running::start(loud);
    let listening = process.line(|line| line.starts_with("listening on "));
    let url = url(&listening);
    let share = ["share", "--server", &url, "--group", GROUP];
    assert_eq!(run(&share).code, Some(0));
    process.interrupt();
    let (status, _, errors) = process.end();
    assert!(status.success());
    assert!(!errors.is_empty());
    for line in &errors {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["target"], "coview::audit", "{line}");
    }
}
