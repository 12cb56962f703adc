//! What is drawn, and from which numbers.

use plotters::style::RGBColor;

use crate::chart::Bar;
use crate::chart::Chart;
use crate::chart::Group;
use crate::record::Load;
use crate::record::Record;
use crate::record::Variant;
use crate::report::whole;
use crate::wire::Kind;
use crate::wire::Peer;

/// Of how many visitors everything is measured.
const ALL: u32 = 10_000;

const BLUE: RGBColor = RGBColor(47, 129, 247);

/// A server has the same colour everywhere.
const fn colour(server: Peer) -> RGBColor {
    match server {
        Peer::Coview => BLUE,
        Peer::Mosquitto => RGBColor(191, 135, 0),
        Peer::Nats => RGBColor(45, 164, 78),
        Peer::Redis => RGBColor(191, 57, 137),
    }
}

/// The graphs, by the names of their files. `document` is `performance.md`, with the tables of what is
/// not measured by this program.
pub(crate) fn all(record: &Record, document: &str) -> Result<Vec<(&'static str, String)>, String> {
    let charts = [
        ("load-memory.svg", Some(memory(record))),
        ("load-round-trip.svg", Some(round_trips(record))),
        ("load-throughput.svg", Some(throughput(record))),
        ("load-cpu.svg", Some(processor(record))),
        ("load-storm.svg", Some(storm(record))),
        ("encode.svg", encoding(document)),
    ];
    charts
        .into_iter()
        .filter_map(|(name, chart)| Some((name, chart?)))
        .filter(|(_, chart)| !chart.groups.is_empty())
        .map(|(name, chart)| Ok((name, chart.svg()?)))
        .collect()
}

/// A group of one bar for each server that has the number; `None` if none has.
fn group(
    record: &Record,
    label: String,
    bar: impl Fn(Peer) -> Option<(f64, Option<f64>, String)>,
) -> Option<Group> {
    let bars: Vec<Bar> = record
        .servers()
        .filter_map(|server| {
            let (value, reach, text) = bar(server)?;
            let name = server.name().to_owned();
            Some(Bar { name, colour: colour(server), value, reach, text })
        })
        .collect();
    (!bars.is_empty()).then_some(Group { label, bars })
}

fn memory(record: &Record) -> Chart {
    let groups = [Variant::Plain, Variant::Tls].into_iter().flat_map(|variant| {
        record.visitors().into_iter().filter_map(move |visitors| {
            let label = match variant {
                Variant::Tls => format!("{} visitors, TLS", whole(visitors.into())),
                Variant::Plain | Variant::Audit | Variant::Ed25519 => {
                    format!("{} visitors", whole(visitors.into()))
                }
            };
            group(record, label, |server| {
                let bytes = record.rounds(server, variant, visitors).bytes()?;
                Some((bytes, None, format!("{} B", whole(bytes))))
            })
        })
    });
    Chart {
        title: "Memory of the server for an idle visitor".to_owned(),
        scale: "bytes of resident memory for each".to_owned(),
        groups: groups.collect(),
        goal: Some((1536.0, "goal 1.5 KB".to_owned())),
    }
}

fn round_trips(record: &Record) -> Chart {
    let one = |kind: Kind, words: &str| {
        let words = words.to_owned();
        record.visitors().into_iter().filter_map(move |visitors| {
            let label = format!("{words}, {} idle visitors", whole(visitors.into()));
            group(record, label, |server| {
                let work = record.rounds(server, Variant::Plain, visitors).work(kind, Load::One)?;
                let text =
                    format!("{} · {} · {} µs", whole(work.p50), whole(work.p90), whole(work.p99));
                Some((work.p50, Some(work.p90), text))
            })
        })
    };
    let groups = one(Kind::Signal, "to any visitor and back")
        .chain(one(Kind::Terms, "ask, terms, answer"))
        .chain(one(Kind::Relay, "in a session, and back"));
    Chart {
        title: "A round trip: the median, pale to the 90th percentile, and the 99th as a number"
            .to_owned(),
        scale: "microseconds".to_owned(),
        groups: groups.collect(),
        goal: None,
    }
}

/// The pieces of work at saturation, by how they are called.
const FULL: [(Kind, Load, &str); 5] = [
    (Kind::Relay, Load::Wide, "in sessions, 256 × 1 under way"),
    (Kind::Relay, Load::Deep, "in sessions, 16 × 16 under way"),
    (Kind::Signal, Load::Wide, "to any visitor, 256 × 1 under way"),
    (Kind::Signal, Load::Deep, "to any visitor, 16 × 16 under way"),
    (Kind::Terms, Load::Wide, "ask, terms, answer, 256 × 1 under way"),
];

fn throughput(record: &Record) -> Chart {
    let groups = FULL.into_iter().filter_map(|(kind, load, words)| {
        group(record, words.to_owned(), |server| {
            let work = record.rounds(server, Variant::Plain, ALL).work(kind, load)?;
            let text = format!("{} /s", whole(work.per_second));
            Some((work.per_second, None, text))
        })
    });
    Chart {
        title: "Messages relayed in a second, one core, 10,000 idle visitors".to_owned(),
        scale: "messages in a second".to_owned(),
        groups: groups.collect(),
        goal: None,
    }
}

fn processor(record: &Record) -> Chart {
    let groups = FULL.into_iter().filter_map(|(kind, load, words)| {
        group(record, words.to_owned(), |server| {
            let work = record.rounds(server, Variant::Plain, ALL).work(kind, load)?;
            Some((work.micros, None, format!("{:.1} µs", work.micros)))
        })
    });
    Chart {
        title: "Processor time of the server for a message that is relayed".to_owned(),
        scale: "microseconds of processor time".to_owned(),
        groups: groups.collect(),
        goal: None,
    }
}

fn storm(record: &Record) -> Chart {
    let groups = [("every connection was cut", 0), ("the server was killed and started again", 1)]
        .into_iter()
        .filter_map(|(words, which)| {
            group(record, words.to_owned(), |server| {
                let storm = record.rounds(server, Variant::Plain, ALL).storm()?;
                let seconds = *storm.get(which)?;
                Some((seconds, None, format!("{seconds:.2} s")))
            })
        });
    Chart {
        title: "10,000 visitors come back at once".to_owned(),
        scale: "seconds until all are online again".to_owned(),
        groups: groups.collect(),
        goal: Some((1.0, "goal 1 s".to_owned())),
    }
}

/// The table of what it takes to encode a frame, which `cargo bench -p coview-screen` prints.
fn encoding(document: &str) -> Option<Chart> {
    let sizes = ["1280×720", "1920×1080"];
    let groups = sizes.into_iter().filter_map(|size| {
        let head = format!("| scene, {size} |");
        let table = document.lines().skip_while(|line| !line.starts_with(&head)).skip(2);
        let bars: Vec<Bar> = table
            .map_while(|line| line.strip_prefix("| "))
            .filter_map(|row| {
                let mut cells = row.split(" | ");
                let (scene, encode) = (cells.next()?, cells.next()?);
                // The median, and in brackets the 90th percentile.
                let (median, high) = encode.split_once(" (")?;
                let value: f64 = median.parse().ok()?;
                Some(Bar {
                    name: scene.to_owned(),
                    colour: BLUE,
                    value,
                    reach: high.strip_suffix(')')?.parse().ok(),
                    text: format!("{median} ms"),
                })
            })
            .collect();
        (!bars.is_empty()).then(|| Group { label: size.to_owned(), bars })
    });
    let groups: Vec<Group> = groups.collect();
    (!groups.is_empty()).then(|| Chart {
        title: "To encode a frame: the median, and pale as far as the 90th percentile".to_owned(),
        scale: "milliseconds of processor time".to_owned(),
        groups,
        goal: None,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_table_of_scenes_is_read() {
        let document = "text\n| scene, 1280×720 | encode, CPU ms | bytes |\n|---|---|---|\n\
                        | still | 0.09 (0.10) | 0 |\n| typing | 0.11 (0.12) | 193 |\n\nmore\n";
        let chart = encoding(document).unwrap();
        let bars = &chart.groups[0].bars;
        assert_eq!((bars.len(), chart.groups.len()), (2, 1));
        assert_eq!((&*bars[1].name, bars[1].value, bars[1].reach), ("typing", 0.11, Some(0.12)));
        assert!(encoding("no table").is_none());
    }

    /// Pictures and record cannot disagree: `just graphs` draws them anew.
    #[test]
    fn the_graphs_are_those_of_the_record() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        let record = Record::read(&crate::docs::record(&docs)).unwrap();
        let document = std::fs::read_to_string(docs.join("performance.md")).unwrap();
        for (name, graph) in all(&record, &document).unwrap() {
            let path = docs.join("graphs").join(name);
            let kept = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                kept == graph,
                "{} is not what the record gives: run `just graphs`",
                path.display()
            );
        }
    }
}
