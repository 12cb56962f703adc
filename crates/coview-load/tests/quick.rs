//! The whole way with a few connections: servers and clients in processes of their own, every phase.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_coview-load");
const SERVER: &str = env!("CARGO_BIN_EXE_coview-load-served");

fn run(words: &[&str]) -> Output {
    Command::new(PROGRAM)
        .args(["run", "--coview", SERVER])
        .args(words)
        .output()
        .expect("it was built")
}

fn told(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}\n{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("a folder of this test");
    folder
}

fn runs(record: &Value) -> Vec<&Value> {
    record["runs"].as_array().into_iter().flatten().collect()
}

#[test]
fn every_phase_of_coview_gives_numbers() {
    let file = folder("every-phase").join("load.json");
    let output = run(&[
        "--servers",
        "coview",
        "--connections",
        "50",
        "--rounds",
        "1",
        "--seconds",
        "0.3",
        "--idle-seconds",
        "1",
        "--phases",
        "memory,round-trip,saturation,idle,storm,tls,variants",
        "--json",
        file.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{}", told(&output));
    let record: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let runs = runs(&record);
    let variants: Vec<&str> = runs.iter().map(|run| run["variant"].as_str().unwrap()).collect();
    assert_eq!(variants, ["plain", "plain", "tls", "audit", "ed25519", "plain"]);
    for run in &runs {
        assert_eq!(run["visitors"], 50);
        let (before, idle) = (&run["memory"]["before"], &run["memory"]["idle"]);
        assert!(before.as_u64().unwrap() > 1_000_000 && idle.as_u64() >= before.as_u64());
        assert!(run["connects"]["seconds"].as_f64().unwrap() > 0.0);
    }
    let work = runs[0]["work"].as_array().unwrap();
    let kinds: Vec<(&str, &str)> = work
        .iter()
        .map(|work| (work["kind"].as_str().unwrap(), work["load"].as_str().unwrap()))
        .collect();
    assert_eq!(
        kinds,
        [
            ("signal", "one"),
            ("relay", "one"),
            ("terms", "one"),
            ("signal", "wide"),
            ("relay", "wide"),
            ("relay", "deep"),
            ("terms", "wide"),
        ]
    );
    for work in work {
        let worked = &work["worked"];
        let trips = worked["round_trip"]["count"].as_u64().unwrap();
        let each = if work["kind"] == "terms" { 3 } else { 2 };
        assert!(trips > 0, "{work}");
        assert_eq!(worked["relayed"].as_u64().unwrap(), trips * each, "{work}");
        // What the brokers are given to pass on must not be more than coview's clients receive.
        let relay = work["kind"] == "relay";
        let (there, back) = if relay { (73.0, 18.0) } else { (228.0, 56.0) };
        assert!(worked["bytes_there"].as_f64().unwrap() >= there, "{work}");
        assert!(worked["bytes_back"].as_f64().unwrap() >= back, "{work}");
    }
    assert!(runs[1]["storm"]["cut"].as_f64().unwrap() > 0.0);
    assert!(runs[1]["storm"]["killed"].as_f64() > runs[1]["storm"]["restarted"].as_f64());
    assert!(runs[5]["idle"]["seconds"].as_f64().unwrap() >= 1.0);
}

/// The brokers that are installed here, and a clear word about those that are not.
#[test]
fn brokers_are_measured_where_they_are_installed() {
    let file = folder("brokers").join("load.json");
    let output = run(&[
        "--connections",
        "40",
        "--rounds",
        "1",
        "--seconds",
        "0.2",
        "--phases",
        "memory,round-trip,saturation,storm,tls",
        "--json",
        file.to_str().unwrap(),
    ]);
    let text = told(&output);
    assert!(output.status.success(), "{text}");
    let record: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    for (word, name) in [("mosquitto", "Mosquitto"), ("nats", "NATS"), ("redis", "Redis")] {
        let absent = text.contains(&format!("{name} is not measured: there is no "));
        let measured = runs(&record).iter().filter(|run| run["server"] == word).count();
        assert_eq!(measured == 0, absent, "{text}");
    }
}

#[test]
fn what_cannot_be_measured_is_an_error() {
    let words = ["run", "--quick", "--servers", "coview", "--coview", "/nonexistent/coview"];
    let nothing = Command::new(PROGRAM).args(words).output().unwrap();
    assert!(!nothing.status.success());
    assert!(told(&nothing).contains("/nonexistent/coview: "), "{}", told(&nothing));
    let help = Command::new(PROGRAM).args(["run", "--help"]).output().unwrap();
    assert!(told(&help).contains("--quick"));
}
