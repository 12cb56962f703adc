//! What is told to somebody who types something wrong, or asks for help.

mod support;

use support::Done;
use support::coview;
use support::done;
use support::run;

#[test]
fn help_of_every_command() {
    for (name, args) in [
        ("coview", &["--help"][..]),
        ("serve", &["serve", "--help"]),
        ("share", &["share", "--help"]),
        ("agent", &["agent", "--help"]),
        ("demo", &["demo", "--help"]),
        ("audit", &["audit", "--help"]),
        ("audit_verify", &["audit", "verify", "--help"]),
        ("audit_show", &["audit", "show", "--help"]),
        ("audit_erase", &["audit", "erase", "--help"]),
        ("keys", &["keys", "--help"]),
        ("keys_new", &["keys", "new", "--help"]),
        ("token", &["token", "--help"]),
        ("token_agent", &["token", "agent", "--help"]),
        ("token_visitor", &["token", "visitor", "--help"]),
    ] {
        let Done { code, out, err } = run(args);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{name}");
        insta::assert_snapshot!(format!("help_{name}"), out);
    }
}

#[test]
fn version() {
    let Done { code, out, .. } = run(&["--version"]);
    assert_eq!(code, Some(0));
    assert_eq!(out.trim(), concat!("coview ", env!("CARGO_PKG_VERSION")));
}

/// The exit code is 2, and the first line of what is told.
#[track_caller]
fn usage_error(args: &[&str], told: &str) -> String {
    let Done { code, out, err } = run(args);
    assert_eq!(code, Some(2), "{err}");
    assert_eq!(out, "", "errors go to standard error");
    assert_eq!(err.lines().next().unwrap_or_default(), format!("error: {told}"));
    err
}

const SERVER: &str = "ws://127.0.0.1:1";

#[test]
fn wrong_usage_is_told_and_exits_with_2() {
    usage_error(&["dance"], "unrecognized subcommand 'dance'");
    usage_error(&["share"], "the following required arguments were not provided:");
    usage_error(&["serve", "--check"], "the following required arguments were not provided:");
    usage_error(
        &["share", "--server", SERVER, "--group", "no group"],
        "invalid value 'no group' for '--group <ID>': group id has ' ' at position 2; only A-Z a-z \
         0-9 - _ are allowed",
    );
    let told = usage_error(
        &["share", "--server", "help.example.org", "--group", "12345"],
        "--server: the scheme must be ws, wss, http or https",
    );
    assert!(told.contains("help: write it like ws://"), "{told}");
    usage_error(
        &["share", "--server", SERVER, "--group", "12345", "--name", "a\u{7}b"],
        "name has a control character",
    );
    usage_error(
        &["share", "--server", SERVER, "--group", "12345", "--ca", "nowhere.pem"],
        "--ca nowhere.pem: No such file or directory (os error 2)",
    );
    usage_error(
        &["share", "--server", SERVER, "--group", "12345", "--ca", "Cargo.toml"],
        "--ca Cargo.toml: there is no certificate in the PEM text",
    );
    usage_error(
        &["serve", "--listen", "127.0.0.1:0", "--log", "coview=loud"],
        "--log (or COVIEW_LOG): error parsing level filter: expected one of \"off\", \"error\", \
         \"warn\", \"info\", \"debug\", \"trace\", or a number 0-5",
    );
    usage_error(
        &["serve", "--listen", "127.0.0.1:0", "--log", "loud"],
        "--log (or COVIEW_LOG): `loud` is no level",
    );
}

#[test]
fn a_wrong_screen_is_told() {
    let share = |more: &[&'static str], told: &str| {
        usage_error(&[&["share", "--server", SERVER, "--group", "12345"], more].concat(), told)
    };
    share(
        &["--screen", "wayland"],
        "invalid value 'wayland' for '--screen <x11[:WINDOW]|generated|none>': it is x11, \
         x11:WINDOW, generated, generated:SCENE or none",
    );
    share(
        &["--screen", "x11:term"],
        "invalid value 'x11:term' for '--screen <x11[:WINDOW]|generated|none>': `term` is no \
         window; write its number as `xwininfo` shows it, like 0x1c00003 or 29360131",
    );
    for fps in ["0", "61", "fast"] {
        let Done { code, err, .. } =
            run(&["share", "--server", SERVER, "--group", "12345", "--fps", fps]);
        assert_eq!(code, Some(2));
        assert!(err.starts_with(&format!("error: invalid value '{fps}' for '--fps <N>'")), "{err}");
    }
    share(
        &["--screen", "generated", "--mask", "10,20"],
        "invalid value '10,20' for '--mask <X,Y,WxH[:LABEL]>': write it like 40,100,200x24 or \
         40,100,200x24:Password",
    );
    share(
        &["--screen", "generated", "--mask", "0,0,1x1", "--mask", "-4,0,10x10:Card"],
        "invalid value '-4,0,10x10:Card' for '--mask <X,Y,WxH[:LABEL]>': X is `-4`, not a number \
         from 0 to 65535",
    );
    let told = share(&["--mask", "0,0,1x1"], "--mask covers nothing: no screen is shared");
    assert!(told.contains("help: name one with --screen"), "{told}");
    let masks = ["--mask", "0,0,1x1"].repeat(257);
    share(
        &[&["--screen", "generated"], &masks[..]].concat(),
        "--mask: 257 masks; at most 256 are allowed",
    );
}

#[test]
fn a_demo_is_for_this_machine_only_and_shows_something() {
    let told = usage_error(
        &["demo", "--listen", "0.0.0.0:0"],
        "the demo is for this machine only, and 0.0.0.0:0 can be reached from others: any app \
         would be admitted, without TLS",
    );
    assert!(told.contains("help: listen on 127.0.0.1"), "{told}");
    usage_error(
        &["demo", "--screen", "none"],
        "--screen none: the demo is there to show something",
    );
    usage_error(
        &["demo", "--headless", "--screen", "x11"],
        "the argument '--headless' cannot be used with '--screen <x11[:WINDOW]|generated>'",
    );
    usage_error(
        &["demo", "--deadline", "5"],
        "the following required arguments were not provided:",
    );
}

#[test]
fn a_place_for_pictures_that_is_not_there_is_told() {
    let agent = |place: &str, told: &str| {
        let args = ["agent", "--server", SERVER, "--group", "1", "--token", "t", "--save-png"];
        usage_error(&[&args[..], &[place]].concat(), told);
    };
    agent(
        "nowhere/newest.png",
        "--save-png nowhere/newest.png: No such file or directory (os error 2)",
    );
    agent("Cargo.toml/newest.png", "--save-png Cargo.toml/newest.png: Cargo.toml is no directory");
}

#[test]
fn secrets_on_the_command_line_are_never_repeated() {
    let long = "s3cret".repeat(1000);
    for args in [
        &["share", "--server", "ws://user:s3cret@h", "--group", "1"][..],
        &["share", "--server", "ws://h/?token=s3cret", "--group", "1"],
        &["share", "--server", SERVER, "--group", "1", "--token", &long],
        &["agent", "--server", SERVER, "--group", "1", "--token", &long],
    ] {
        let Done { code, err, .. } = run(args);
        assert_eq!(code, Some(2), "{err}");
        assert!(!err.contains("s3cret"), "{err}");
    }
    let mut help = coview(&["agent", "--help"]);
    help.env("COVIEW_TOKEN", "s3cret");
    assert!(!done(help).out.contains("s3cret"));
}

#[test]
fn a_server_without_configuration_is_for_this_machine_only() {
    let told = usage_error(
        &["serve", "--listen", "0.0.0.0:0"],
        "without --config the server is for this machine only, and 0.0.0.0:0 can be reached from \
         others: any app would be admitted, without TLS",
    );
    assert!(told.contains("help: give --config FILE"), "{told}");
}

#[test]
fn a_wrong_configuration_is_told_with_file_and_line() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join("wrong.toml");
    std::fs::write(&file, "listen = \"127.0.0.1:0\"\nlissten = 1\n").unwrap();
    let file = file.to_str().unwrap();
    for args in [&["serve", "--config", file][..], &["serve", "--config", file, "--check"]] {
        let Done { code, err, .. } = run(args);
        assert_eq!(code, Some(2));
        let told = format!("error: {file}: line 2: unknown field `lissten`");
        assert!(err.starts_with(&told), "{err}");
    }

    let token = folder.join("token.toml");
    std::fs::write(&token, "[[group]]\nid = \"1\"\nclient_token = s3cret\n").unwrap();
    let Done { code, err, .. } = run(&["serve", "--config", token.to_str().unwrap(), "--check"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("line 3") && !err.contains("s3cret"), "{err}");

    let Done { code, err, .. } = run(&["serve", "--config", "nowhere.toml"]);
    assert_eq!(code, Some(2));
    assert_eq!(err.trim(), "error: nowhere.toml: No such file or directory (os error 2)");
}

#[test]
fn the_commented_sample_is_a_configuration() {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/coview.toml");
    let Done { code, out, err } = run(&["serve", "--config", sample, "--check"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    // It names no key, because none that is published may be trusted.
    let (notes, last) = out.trim_end().rsplit_once('\n').expect("a line for each note, and one");
    assert!(notes.lines().all(|line| line.starts_with("note: ") && line.contains("key")), "{out}");
    assert_eq!(last, "ok: 1 group, listens on 127.0.0.1:7300 without TLS");
}
