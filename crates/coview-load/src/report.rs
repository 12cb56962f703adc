//! The tables of `docs/performance.md`, made from the record so that text and numbers cannot disagree.

use std::fmt::Write;

use crate::record::Load;
use crate::record::Record;
use crate::record::Variant;
use crate::summary::Work;
use crate::wire::Kind;
use crate::wire::Peer;

/// Between these two lines the document is written by this program.
const BEGIN: &str = "<!-- load:begin -->\n";
const END: &str = "<!-- load:end -->\n";

/// How much of its core a server must have had for its throughput to count as its own ceiling.
const FULL: f64 = 0.93;
/// Of how many visitors everything is measured.
const ALL: u32 = 10_000;

/// The document with its tables made anew.
pub(crate) fn written_into(document: &str, record: &Record) -> Result<String, String> {
    let missing = || format!("there are no lines `{}` and `{}`", BEGIN.trim(), END.trim());
    let (before, rest) = document.split_once(BEGIN).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    Ok(format!("{before}{BEGIN}{}{END}{after}", tables(record)))
}

/// All tables.
pub(crate) fn tables(record: &Record) -> String {
    let parts = [
        heading(record),
        goals(record),
        memory(record),
        round_trips(record),
        throughput(record),
        storms(record),
        idle(record),
        variants(record),
        many(record),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

fn heading(record: &Record) -> Option<String> {
    let machine = &record.machine;
    let versions = record
        .versions
        .iter()
        .map(|(server, version)| format!("{} {version}", server.name()))
        .collect::<Vec<_>>()
        .join(", ");
    let pinned = if machine.pinned {
        "the servers on one core and the client on the other"
    } else {
        "no process tied to a core"
    };
    let rounds = record.runs.iter().map(|run| run.round).max()?;
    let rounds = if rounds == 1 {
        "One round.".to_owned()
    } else {
        format!("Medians of {rounds} rounds, in each of which the servers take turns.")
    };
    Some(format!(
        "{}: {versions}. {}, {} cores, {} GiB, Linux {}; {pinned}. {rounds} The machine's load was {} when \
         it began.\n",
        record.date,
        machine.processor,
        machine.cores,
        machine.memory_gib,
        machine.kernel,
        machine.load_before,
    ))
}

/// A table; rows of which nothing was measured are left out.
fn table(title: &str, head: &[&str], rows: Vec<Option<Vec<String>>>) -> Option<String> {
    let rows: Vec<Vec<String>> = rows.into_iter().flatten().collect();
    if rows.is_empty() {
        return None;
    }
    let mut text =
        format!("**{title}**\n\n| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    Some(text)
}

/// A number with commas between thousands.
pub(crate) fn whole(number: f64) -> String {
    let digits = format!("{:.0}", number);
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn megabytes(bytes: f64) -> String {
    format!("{:.1} MB", bytes / 1e6)
}

fn memory(record: &Record) -> Option<String> {
    let mut rows = Vec::new();
    for variant in [Variant::Plain, Variant::Tls] {
        for visitors in record.visitors() {
            for server in record.servers() {
                let rounds = record.rounds(server, variant, visitors);
                rows.push((|| {
                    Some(vec![
                        format!("{}{}", whole(visitors.into()), with(variant)),
                        server.name().to_owned(),
                        whole(rounds.bytes()?),
                        megabytes(rounds.resident()?),
                        whole(rounds.connects_per_second()?),
                        whole(rounds.connect_micros()?),
                    ])
                })());
            }
        }
    }
    table(
        "Idle visitors",
        &[
            "visitors",
            "server",
            "bytes for each",
            "resident in all",
            "come online in a second",
            "server CPU for one, µs",
        ],
        rows,
    )
}

const fn with(variant: Variant) -> &'static str {
    match variant {
        Variant::Plain => "",
        Variant::Tls => ", TLS",
        Variant::Audit => ", audit log",
        Variant::Ed25519 => ", Ed25519",
    }
}

/// What a piece of work is called.
const fn called(kind: Kind, server: Peer) -> &'static str {
    match (kind, server) {
        (Kind::Signal, Peer::Coview) => "`ask`, declined",
        (Kind::Terms, _) => "`ask`, terms displayed, declined",
        (Kind::Signal, Peer::Mosquitto | Peer::Nats | Peer::Redis) => "signal, answer",
        (Kind::Relay, Peer::Coview) => "picture, acknowledged",
        (Kind::Relay, Peer::Mosquitto | Peer::Nats | Peer::Redis) => "message, answer",
        (Kind::Open | Kind::Close, _) => "a session begins or ends",
    }
}

/// The same, with how many connections have how many round trips under way.
fn shaped(kind: Kind, server: Peer, load: Load) -> String {
    let (agents, outstanding) = load.shape();
    format!("{}, {agents} × {outstanding}", called(kind, server))
}

fn round_trips(record: &Record) -> Option<String> {
    let mut rows = Vec::new();
    for kind in [Kind::Signal, Kind::Terms, Kind::Relay] {
        for visitors in record.visitors() {
            for server in record.servers() {
                let work = record.rounds(server, Variant::Plain, visitors).work(kind, Load::One);
                rows.push(work.map(|work| {
                    vec![
                        called(kind, server).to_owned(),
                        whole(visitors.into()),
                        server.name().to_owned(),
                        whole(work.p50),
                        whole(work.p90),
                        whole(work.p99),
                    ]
                }));
            }
        }
    }
    table(
        "One round trip at a time, µs",
        &["what", "idle visitors", "server", "p50", "p90", "p99"],
        rows,
    )
}

fn throughput(record: &Record) -> Option<String> {
    let mut rows = Vec::new();
    let works = [
        (Kind::Signal, Load::Wide),
        (Kind::Signal, Load::Deep),
        (Kind::Terms, Load::Wide),
        (Kind::Relay, Load::Wide),
        (Kind::Relay, Load::Deep),
    ];
    for (kind, load) in works {
        for server in record.servers() {
            let work = record.rounds(server, Variant::Plain, ALL).work(kind, load);
            rows.push(work.map(|work| {
                vec![
                    shaped(kind, server, load),
                    server.name().to_owned(),
                    whole(work.per_second),
                    format!("{:.1}", work.micros),
                    format!("{} %", whole(work.server * 100.0)),
                    format!("{} %", whole(work.client * 100.0)),
                ]
            }));
        }
    }
    table(
        "As many messages as go, with 10,000 idle visitors",
        &[
            "what, connections × under way",
            "server",
            "relayed in a second",
            "server CPU for one, µs",
            "server's core",
            "client's core",
        ],
        rows,
    )
}

fn storms(record: &Record) -> Option<String> {
    let mut rows = Vec::new();
    for variant in [Variant::Plain, Variant::Ed25519] {
        for visitors in record.visitors() {
            for server in record.servers() {
                let storm = record.rounds(server, variant, visitors).storm();
                rows.push(storm.map(|[cut, restarted, killed]| {
                    vec![
                        format!("{}{}", server.name(), with(variant)),
                        whole(visitors.into()),
                        format!("{cut:.2}"),
                        format!("{restarted:.2}"),
                        format!("{killed:.2}"),
                    ]
                }));
            }
        }
    }
    table(
        "Reconnect storms, seconds until everybody is online again",
        &["server", "visitors", "after a cut", "after a restart", "from the kill on"],
        rows,
    )
}

fn idle(record: &Record) -> Option<String> {
    let mut rows = Vec::new();
    for visitors in record.visitors() {
        for server in record.servers() {
            let minute = record.rounds(server, Variant::Plain, visitors).idle_minute();
            rows.push(minute.map(|minute| {
                vec![
                    server.name().to_owned(),
                    format!("{minute:.2}"),
                    format!("{:.1} %", minute / 0.6),
                ]
            }));
        }
    }
    table(
        "10,000 idle visitors with a sign of life every 20 s",
        &["server", "CPU seconds in a minute", "of a core"],
        rows,
    )
}

fn variants(record: &Record) -> Option<String> {
    let rounds = |variant| record.rounds(Peer::Coview, variant, ALL);
    let row = |kind, load| {
        let plain: Work = rounds(Variant::Plain).work(kind, load)?;
        let audit = rounds(Variant::Audit).work(kind, load)?;
        Some(vec![
            shaped(kind, Peer::Coview, load),
            whole(plain.p50),
            whole(audit.p50),
            whole(audit.p99),
            whole(plain.per_second),
            whole(audit.per_second),
        ])
    };
    let rows = vec![
        row(Kind::Signal, Load::One),
        row(Kind::Signal, Load::Wide),
        row(Kind::Relay, Load::One),
        row(Kind::Relay, Load::Wide),
        row(Kind::Relay, Load::Deep),
    ];
    table(
        "coview with its audit log on disk",
        &["what", "p50 without, µs", "p50 with", "p99 with", "relayed in a second without", "with"],
        rows,
    )
}

fn many(record: &Record) -> Option<String> {
    let rows = record.many().map(|run| {
        Some(vec![
            whole(run.visitors.into()),
            run.processes.to_string(),
            megabytes(run.memory.idle as f64),
            whole(run.memory.each(run.visitors)),
            whole(f64::from(run.visitors) / run.connects.seconds),
        ])
    });
    table(
        "coview over several processes",
        &["visitors", "processes", "resident in all", "bytes for each", "come online in a second"],
        rows.collect(),
    )
}

/// One goal: what is wanted, what was found, and whether that is it.
struct Goal {
    wanted: String,
    found: String,
    met: bool,
}

fn goals(record: &Record) -> Option<String> {
    let rows = all_goals(record).into_iter().map(|goal| {
        let verdict = if goal.met { "met" } else { "**missed**" };
        Some(vec![goal.wanted, goal.found, verdict.to_owned()])
    });
    table("Goals", &["goal", "found", ""], rows.collect())
}

fn all_goals(record: &Record) -> Vec<Goal> {
    let of = |server, variant| record.rounds(server, variant, ALL);
    let mut goals = Vec::new();
    let mut goal = |wanted: String, found: Option<(String, bool)>| {
        goals.extend(found.map(|(found, met)| Goal { wanted, found, met }));
    };

    let each = of(Peer::Coview, Variant::Plain).bytes();
    goal(
        "memory for an idle visitor at 10,000: ≤ 1,536 B".to_owned(),
        each.map(|bytes| (format!("{} B", whole(bytes)), bytes <= 1536.0)),
    );
    goal(
        "the same: less than Mosquitto's, over plain TCP".to_owned(),
        each.zip(of(Peer::Mosquitto, Variant::Plain).bytes()).map(|(ours, theirs)| {
            (format!("{} B and {} B", whole(ours), whole(theirs)), ours < theirs)
        }),
    );
    goal(
        "the same, if it can be: ≤ 819 B".to_owned(),
        each.map(|bytes| (format!("{} B", whole(bytes)), bytes <= 819.0)),
    );
    goal(
        "with TLS: ≤ 9,728 B".to_owned(),
        of(Peer::Coview, Variant::Tls)
            .bytes()
            .map(|bytes| (format!("{} B", whole(bytes)), bytes <= 9728.0)),
    );

    for (kind, words) in [
        (Kind::Relay, "round trip in a session"),
        (Kind::Signal, "round trip of an ask"),
        (Kind::Terms, "ask, terms, answer (three relays beside two)"),
    ] {
        // With Mosquitto terms are one message more than a signal, so they have none of their own.
        let theirs = if kind == Kind::Terms { Kind::Signal } else { kind };
        let pair = of(Peer::Coview, Variant::Plain)
            .work(kind, Load::One)
            .zip(of(Peer::Mosquitto, Variant::Plain).work(theirs, Load::One));
        let ratio = |ours: f64, theirs: f64, most: f64| {
            let (micros, times) =
                (format!("{} and {} µs", whole(ours), whole(theirs)), ours / theirs);
            (format!("{micros}: {times:.2} ×"), times <= most)
        };
        goal(
            format!("{words} at 10,000, p50: ≤ Mosquitto's"),
            pair.map(|(ours, theirs)| ratio(ours.p50, theirs.p50, 1.0)),
        );
        goal(
            format!("{words} at 10,000, p99: ≤ 1.2 × Mosquitto's"),
            pair.map(|(ours, theirs)| ratio(ours.p99, theirs.p99, 1.2)),
        );
    }

    for (kind, load, words) in [
        (Kind::Relay, Load::Wide, "messages in 256 sessions"),
        (Kind::Relay, Load::Deep, "messages in 16 sessions, 16 under way in each"),
        (Kind::Signal, Load::Wide, "asks and answers"),
    ] {
        for peer in [Peer::Mosquitto, Peer::Redis] {
            let ours = of(Peer::Coview, Variant::Plain).work(kind, load);
            let rounds = of(peer, Variant::Plain);
            // An agent of coview asks one visitor at a time; a broker is held to the better of the ways
            // it was loaded.
            let loads = if kind == Kind::Signal { &[Load::Wide, Load::Deep][..] } else { &[load] };
            let theirs = loads
                .iter()
                .filter_map(|&load| rounds.work(kind, load))
                .max_by(|one, other| one.per_second.total_cmp(&other.per_second));
            goal(
                format!("{words}, relayed in a second: ≥ 1.2 × {}'s", peer.name()),
                ours.zip(theirs).map(|(ours, theirs)| {
                    let times = ours.per_second / theirs.per_second;
                    let numbers = (whole(ours.per_second), whole(theirs.per_second));
                    let bound = if theirs.server < FULL || ours.server < FULL {
                        format!(
                            " (their cores {} and {} % full)",
                            whole(ours.server * 100.0),
                            whole(theirs.server * 100.0)
                        )
                    } else {
                        String::new()
                    };
                    let found = format!("{} and {}: {times:.2} ×{bound}", numbers.0, numbers.1);
                    (found, times >= 1.2)
                }),
            );
        }
    }

    let storm = of(Peer::Coview, Variant::Plain).storm();
    goal(
        "10,000 come back after a restart: ≤ 1 s".to_owned(),
        storm.map(|[_, restarted, _]| (format!("{restarted:.2} s"), restarted <= 1.0)),
    );
    goal(
        "the same with assertions that are signed with Ed25519: ≤ 1 s".to_owned(),
        of(Peer::Coview, Variant::Ed25519)
            .storm()
            .map(|[_, restarted, _]| (format!("{restarted:.2} s"), restarted <= 1.0)),
    );
    goal(
        "10,000 come back after a cut: ≤ 1 s".to_owned(),
        storm.map(|[cut, ..]| (format!("{cut:.2} s"), cut <= 1.0)),
    );
    goal(
        "more than 50,000 visitors over several processes: ≤ 100 MB".to_owned(),
        record.many().next().map(|run| {
            let bytes = run.memory.idle as f64;
            let found = format!("{} with {}", megabytes(bytes), whole(run.visitors.into()));
            (found, bytes <= 100e6)
        }),
    );
    goals
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn thousands_have_commas() {
        assert_eq!(whole(0.4), "0");
        assert_eq!(whole(999.0), "999");
        assert_eq!(whole(1_000.0), "1,000");
        assert_eq!(whole(12_345_678.0), "12,345,678");
    }

    #[test]
    fn a_document_without_the_lines_is_left_alone() {
        let record = crate::record::tests::small();
        assert!(written_into("text", &record).is_err());
        let document = format!("a\n{BEGIN}old\n{END}b\n");
        let written = written_into(&document, &record).unwrap();
        assert!(written.starts_with("a\n") && written.ends_with("b\n") && !written.contains("old"));
        assert_eq!(written_into(&written, &record).unwrap(), written);
    }

    #[test]
    fn goals_are_judged_by_medians() {
        let record = crate::record::tests::small();
        let goals = all_goals(&record);
        let memory: Vec<(&str, bool)> =
            goals.iter().take(3).map(|goal| (&*goal.found, goal.met)).collect();
        // Rounds of 1,000, 1,200 and 5,000 bytes; Mosquitto has one of 1,500.
        assert_eq!(memory, [("1,200 B", true), ("1,200 B and 1,500 B", true), ("1,200 B", false)]);
    }

    /// Text and record cannot disagree: `just graphs` writes both anew.
    #[test]
    fn the_document_has_the_tables_of_the_record() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        let record = Record::read(&docs.join("measurements/load.json")).unwrap();
        let document = std::fs::read_to_string(docs.join("performance.md")).unwrap();
        assert!(
            written_into(&document, &record).unwrap() == document,
            "docs/performance.md is not what docs/measurements/load.json gives: run `just graphs`"
        );
    }
}
