//! The figures as tables.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::drawing::Scene;
use crate::peer::Peer;

/// What one peer took for one scene in one round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    /// Milliseconds from each change to a picture that has it; `None` for one never seen.
    pub(crate) times: Vec<Option<f64>>,
    /// How many different pictures the viewer had.
    pub(crate) pictures: usize,
    /// To the viewer.
    pub(crate) bytes: u64,
    /// From the sharer to the server, where these are two processes.
    pub(crate) bytes_to_server: u64,
    /// Of all processes of the peer but the viewer.
    pub(crate) cpu: Duration,
    pub(crate) x_server_cpu: Duration,
    /// Pixels that differ from the display when all is at rest.
    pub(crate) wrong: usize,
}

/// What one peer took in one round, scene by scene; no scene is the first picture.
pub(crate) type Turn = Vec<(Option<Scene>, Figures)>;

/// All figures, by scene and peer; no scene is the first picture.
#[derive(Debug, Default)]
pub(crate) struct Report {
    figures: BTreeMap<(Option<Scene>, Peer), Vec<Figures>>,
}

/// One scene of one peer over all rounds: times of all changes, means of the rest.
struct Row {
    p50: Option<f64>,
    p95: Option<f64>,
    unseen: usize,
    pictures: f64,
    changes: f64,
    kilobytes: f64,
    to_server: f64,
    cpu: f64,
    x_server_cpu: f64,
    wrong: usize,
}

impl Row {
    fn new(rounds: &[Figures]) -> Self {
        let mut times: Vec<f64> = rounds
            .iter()
            .flat_map(|round| &round.times)
            .map(|time| time.unwrap_or(f64::INFINITY))
            .collect();
        times.sort_unstable_by(f64::total_cmp);
        let at = |percent: usize| {
            let last = times.len().checked_sub(1)?;
            times.get(last * percent / 100).copied()
        };
        let count = rounds.len() as f64;
        let mean = |of: &dyn Fn(&Figures) -> f64| rounds.iter().map(of).sum::<f64>() / count;
        Self {
            p50: at(50),
            p95: at(95),
            unseen: times.iter().filter(|time| time.is_infinite()).count(),
            pictures: mean(&|round| round.pictures as f64),
            changes: mean(&|round| round.times.len() as f64),
            kilobytes: mean(&|round| round.bytes as f64 / 1000.0),
            to_server: mean(&|round| round.bytes_to_server as f64 / 1000.0),
            cpu: mean(&|round| round.cpu.as_secs_f64()),
            x_server_cpu: mean(&|round| round.x_server_cpu.as_secs_f64()),
            wrong: rounds.iter().map(|round| round.wrong).max().unwrap_or_default(),
        }
    }
}

impl Report {
    pub(crate) fn add(&mut self, peer: Peer, turn: Turn) {
        for (scene, figures) in turn {
            self.figures.entry((scene, peer)).or_default().push(figures);
        }
    }

    pub(crate) fn print(&self) {
        println!();
        println!(
            "| scene | shared by | change to picture p50 | p95 ms | pictures of changes | kB to the \
             viewer | kB to the server | CPU s | X server's CPU s | wrong pixels at rest |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|");
        for (&(scene, peer), rounds) in &self.figures {
            let row = Row::new(rounds);
            let time = |time: Option<f64>| time.map_or_else(none, |time| format!("{time:.1}"));
            let unseen =
                if row.unseen > 0 { format!(", {} unseen", row.unseen) } else { String::new() };
            println!(
                "| {} | {} | {} | {} | {:.0} of {:.0}{unseen} | {:.1} | {:.1} | {:.3} | {:.3} | {} |",
                name(scene),
                peer.name(),
                time(row.p50),
                time(row.p95),
                row.pictures,
                row.changes,
                row.kilobytes,
                row.to_server,
                row.cpu,
                row.x_server_cpu,
                row.wrong,
            );
        }
        println!();
        println!(
            "| scene | coview, with or without JPEG alike, to | time p50 | time p95 | bytes to the viewer | CPU | CPU with the X \
             server's |"
        );
        println!("|---|---|---|---|---|---|---|");
        for (&(scene, peer), rounds) in &self.figures {
            let ours = peer.ours().and_then(|ours| self.figures.get(&(scene, ours)));
            let Some(ours) = ours else { continue };
            let (ours, theirs) = (Row::new(ours), Row::new(rounds));
            let ratio = |ours: f64, theirs: f64| {
                if theirs > 0.0 { format!("{:.2}", ours / theirs) } else { none() }
            };
            let times = |ours: Option<f64>, theirs: Option<f64>| {
                ours.zip(theirs).map_or_else(none, |(ours, theirs)| ratio(ours, theirs))
            };
            println!(
                "| {} | {} | {} | {} | {} | {} | {} |",
                name(scene),
                peer.name(),
                times(ours.p50, theirs.p50),
                times(ours.p95, theirs.p95),
                ratio(ours.kilobytes, theirs.kilobytes),
                ratio(ours.cpu, theirs.cpu),
                ratio(ours.cpu + ours.x_server_cpu, theirs.cpu + theirs.x_server_cpu),
            );
        }
    }
}

fn name(scene: Option<Scene>) -> &'static str {
    scene.map_or("first picture", Scene::name)
}

/// What stands in a table where there is no figure.
fn none() -> String {
    "–".to_owned()
}
