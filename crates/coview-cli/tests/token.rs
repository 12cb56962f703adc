//! Keys and tokens made by hand, and a server that accepts them or does not.

mod support;

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use support::Done;
use support::GROUP;
use support::Running;
use support::coview;
use support::done;
use support::run;
use support::serve;
use support::url;

/// An empty directory of this name.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the directory for tests can be written");
    folder
}

fn at(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().expect("the path is a text").to_owned()
}

/// A key pair in an empty directory: its two files.
fn key_pair(name: &str) -> (String, String) {
    let folder = folder(name);
    let Done { code, err, .. } = run(&["keys", "new", "--out", &at(&folder, "agents")]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    (at(&folder, "agents.key.pem"), at(&folder, "agents.pub.pem"))
}

/// What is on standard output, which is a token and nothing else.
#[track_caller]
fn token(args: &[&str]) -> String {
    let Done { code, out, err } = run(&[&["token"], args].concat());
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let token = out.strip_suffix('\n').expect("a line");
    assert_eq!(token.split('.').count(), 3, "{token}");
    assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)));
    token.to_owned()
}

#[track_caller]
fn refused(args: &[&str], told: &str) -> String {
    let Done { code, out, err } = run(args);
    assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
    assert_eq!(err.lines().next().unwrap_or_default(), format!("error: {told}"));
    err
}

/// A server of one group with this in its part of the configuration.
fn server(folder: &Path, tokens: &str) -> (Running, String) {
    let file = at(folder, "coview.toml");
    let config = format!(
        "listen = \"127.0.0.1:0\"\n\
         [[group]]\nid = \"{GROUP}\"\n\
         [group.terms]\nversion = \"1\"\ntext = \"The agent sees this app.\"\n\
         {tokens}\n"
    );
    fs::write(&file, config).expect("the configuration can be written");
    let mut process = Running::start(coview(&["serve", "--config", &file]));
    let listening = process.line(|line| line.starts_with("listening on "));
    (process, url(&listening))
}

fn sign_in(url: &str, token: &str) -> Done {
    let mut command = coview(&["agent", "--server", url, "--group", GROUP, "--json"]);
    command.env("COVIEW_TOKEN", token);
    done(command)
}

#[test]
fn a_new_key_pair_is_for_its_owner_only_and_never_overwritten() {
    let folder = folder("new-keys");
    let prefix = at(&folder, "agents");
    let Done { code, out, err } = run(&["keys", "new", "--out", &prefix]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let (key, public) = (at(&folder, "agents.key.pem"), at(&folder, "agents.pub.pem"));
    assert!(fs::read_to_string(&key).unwrap().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert!(fs::read_to_string(&public).unwrap().starts_with("-----BEGIN PUBLIC KEY-----\n"));
    let private_text = fs::read_to_string(&key).unwrap();
    assert!(!out.contains(private_text.lines().nth(1).unwrap()), "it is in the file only");
    // What to write into the configuration, and it can be pasted.
    assert!(out.contains(&format!("[group.tokens]\nkeys = [\"{public}\"]\n")), "{out}");
    let try_out = format!("token agent --key {key} --group 12345 --id grace --name Grace");
    assert!(out.lines().last().unwrap().ends_with(&try_out), "{out}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    let again = ["keys", "new", "--alg", "es256", "--out", &prefix];
    let told = refused(&again, &format!("--out: {key} is there already"));
    assert!(told.contains("a key is never overwritten"), "{told}");
    fs::remove_file(&key).unwrap();
    refused(&again, &format!("--out: {public} is there already"));
    assert!(!Path::new(&key).exists(), "half a pair is not left behind");
    assert_eq!(run(&["keys", "new", "--out", folder.to_str().unwrap()]).code, Some(0));
    assert!(folder.join("coview.key.pem").exists() && folder.join("coview.pub.pem").exists());
}

/// A link to somewhere else is not followed.
#[cfg(unix)]
#[test]
fn a_key_is_not_written_through_a_link() {
    let folder = folder("linked-keys");
    let elsewhere = folder.join("elsewhere");
    std::os::unix::fs::symlink(&elsewhere, folder.join("agents.key.pem")).unwrap();
    let key = at(&folder, "agents.key.pem");
    let args = ["keys", "new", "--out", &at(&folder, "agents")];
    refused(&args, &format!("--out: {key} is there already"));
    assert!(!elsewhere.exists());
}

#[test]
fn a_place_for_keys_that_is_not_there_is_told() {
    refused(
        &["keys", "new", "--out", "nowhere/agents"],
        "--out: nowhere/agents.key.pem: No such file or directory (os error 2)",
    );
    refused(&["keys", "new", "--out", "nowhere/"], "--out nowhere/: there is no such directory");
    refused(&["keys", "new"], "the following required arguments were not provided:");
}

#[test]
fn what_cannot_sign_is_told() {
    let (key, public) = key_pair("cannot-sign");
    let who = ["--group", GROUP, "--id", "grace", "--name", "Grace"];
    let agent =
        |more: &[&str], told: &str| refused(&[&["token", "agent"], &who[..], more].concat(), told);
    agent(&[], "the following required arguments were not provided:");
    agent(
        &["--key", &key, "--secret-file", &key],
        "the argument '--key <FILE>' cannot be used with '--secret-file <FILE>'",
    );
    agent(&["--key", "nowhere.pem"], "--key nowhere.pem: No such file or directory (os error 2)");
    agent(
        &["--key", &public],
        &format!(
            "--key {public}: section 0 of the PEM text: a public key; signing needs the private one"
        ),
    );
    agent(
        &["--key", "Cargo.toml"],
        "--key Cargo.toml: no PEM: there is no section `PRIVATE KEY` in it",
    );
    agent(
        &["--secret-file", &public],
        &format!("--secret-file {public}: this is a key or a certificate, not a secret"),
    );
    let short = at(&folder("short-secret"), "secret");
    fs::write(&short, "letmein\n").unwrap();
    let told = agent(
        &["--secret-file", &short],
        &format!("--secret-file {short}: the secret has 7 bytes; it needs at least 32"),
    );
    assert!(!told.contains("letmein"), "{told}");
    agent(
        &["--key", &key, "--visitors", "customer 42"],
        "invalid value 'customer 42' for '--visitors <ID,ID…>': visitor id has ' ' at position 8; only \
         A-Z a-z 0-9 - _ ~ are allowed",
    );
    agent(
        &["--key", &key, "--max-guests", "0"],
        "invalid value '0' for '--max-guests <N>': 0 is not in 1..=4294967295",
    );
    agent(
        &["--key", &key, "--minutes", "0"],
        "invalid value '0' for '--minutes <N>': 0 is not in 1..=1440",
    );
    let many = vec!["v"; 65].join(",");
    let told = agent(&["--key", &key, "--visitors", &many], "65 visitors; at most 64 are allowed");
    assert!(told.contains("help: name fewer visitors"), "{told}");
    refused(
        &["token", "agent", "--key", &key, "--group", GROUP, "--id", "g", "--name", "a\u{7}b"],
        "--name: agent name has a control character",
    );
}

#[test]
fn a_token_signs_in_where_its_key_is_known() {
    let (key, public) = key_pair("sign-in");
    let folder = Path::new(&key).parent().unwrap();
    let (_server, url) = server(folder, &format!("[group.tokens]\nkeys = [\"{public}\"]"));
    let grace =
        ["agent", "--key", &key, "--group", GROUP, "--id", "grace", "--name", "Grace Hopper"];
    let Done { code, out, err } = sign_in(&url, &token(&grace));
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("\"event\":\"signed_in\"") && out.contains("Grace Hopper"), "{out}");

    // Of another group, by another key, for too long, and for another purpose.
    let mut other_group = grace;
    other_group[4] = "67890";
    let (other, _) = key_pair("sign-in-other");
    let mut other_key = grace;
    other_key[2] = &other;
    let long = [&grace[..], &["--minutes", "1440"]].concat();
    let visitor = ["visitor", "--key", &key, "--group", GROUP, "--id", "grace"];
    for args in [&other_group[..], &other_key, &long, &visitor] {
        let Done { code, out, err } = sign_in(&url, &token(args));
        assert_eq!((code, out.as_str()), (Some(1), ""), "{args:?}");
        assert!(
            err.starts_with("error: the server refused: the token was not accepted\n"),
            "{err}"
        );
    }
}

#[test]
fn a_shared_secret_signs_too() {
    let folder = folder("secret");
    let secret = at(&folder, "hs256.secret");
    fs::write(&secret, "5eDk0vK1pWbZ7yq3XcT9uLr2HnGf8aJm\n").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // A server does not take a secret that everybody can read.
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let (_server, url) = server(&folder, &format!("[group.tokens]\nsecret_file = \"{secret}\""));
    let args =
        ["agent", "--secret-file", &secret, "--group", GROUP, "--id", "grace", "--name", "G"];
    let Done { code, err, .. } = sign_in(&url, &token(&args));
    assert_eq!(code, Some(0), "{err}");
}

#[test]
fn a_token_for_one_use_is_for_one_use() {
    let (key, public) = key_pair("once");
    let folder = Path::new(&key).parent().unwrap();
    let (_server, url) = server(folder, &format!("[group.tokens]\nkeys = [\"{public}\"]"));
    let once = ["agent", "--key", &key, "--group", GROUP, "--id", "g", "--name", "G", "--once"];
    let token = token(&once);
    assert_eq!(sign_in(&url, &token).code, Some(0));
    let Done { code, err, .. } = sign_in(&url, &token);
    assert_eq!(code, Some(1));
    assert!(err.contains("help: get a new token; to try out: `coview token agent`"), "{err}");
}

/// Somebody who knows a visitor's id and cannot prove to be that visitor.
#[test]
fn a_visitor_is_who_the_assertion_says_and_nobody_else() {
    let (key, public) = key_pair("assertion");
    let folder = Path::new(&key).parent().expect("it is in a directory");
    let (_server, url) = server(folder, &format!("[group.assertions]\nkeys = [\"{public}\"]"));
    let mut share =
        Running::start(coview(&["share", "--server", &url, "--group", GROUP, "--json"]));
    share.event("connected");
    let assertion = |id, more: &[&str]| {
        let args = ["visitor", "--key", &key, "--group", GROUP, "--id", id];
        token(&[&args[..], more].concat())
    };
    let mut login = |with: &str| share.say(&format!("login customer-42 {with}"));
    login("");
    login(&format!("assertion={}", assertion("customer-43", &[])));
    login(&format!("assertion={}", assertion("customer-42", &["--minutes", "60"])));
    let agents = ["agent", "--key", &key, "--group", GROUP, "--id", "customer-42", "--name", "A"];
    login(&format!("assertion={}", token(&agents)));
    login(&format!("assertion={}", assertion("customer-42", &["--once"])));
    for code in ["assertion_needed", "bad_assertion", "bad_assertion", "bad_assertion"] {
        assert_eq!(share.event("refused")["code"], code);
    }
    assert_eq!(share.event("identified")["visitor"], "customer-42");
}

/// What `serve` prints works as it is printed, in a shell.
#[cfg(unix)]
#[test]
fn the_commands_of_a_server_to_try_things_out_can_be_pasted() {
    let mut process = Running::start(coview(&["serve", "--listen", "127.0.0.1:0"]));
    process.line(|line| line.contains("good for 12 hours"));
    let share = process.line(|line| line.contains(" share --server "));
    let agents = [(); 2].map(|()| process.line(|line| line.contains(" agent --server ")));
    for command in [&share, &agents[0], &agents[1]] {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", command]).stdin(std::process::Stdio::null()).env("NO_COLOR", "1");
        let Done { code, err, .. } = done(shell);
        assert_eq!(code, Some(0), "{command}: {err}");
    }
}

/// The tokens of one server are worth nothing on another, nor after a new start.
#[test]
fn tokens_to_try_things_out_are_for_one_server_only() {
    let (one, other) = (serve(), serve());
    assert_eq!(sign_in(&one.url, &one.tokens[0]).code, Some(0));
    let Done { code, err, .. } = sign_in(&other.url, &one.tokens[0]);
    assert_eq!(code, Some(1));
    assert!(err.starts_with("error: the server refused: the token was not accepted\n"), "{err}");
}
