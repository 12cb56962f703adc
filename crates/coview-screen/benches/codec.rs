//! What it costs to encode a shared screen: time and bytes for each frame, scene by scene of the
//! generated page, and to decode it again.
//!
//! Times are of this thread on the processor, so that other programs count little.
//! `cargo bench -p coview-screen` measures; under `cargo test --bench codec` each scene is run for a
//! few frames only, to see that it runs. `cargo bench -p coview-screen -- scroll` measures the rows with
//! that word in their names.
#![allow(clippy::print_stdout, missing_docs, reason = "the table is what the program is for")]

use std::time::Duration;

use coview_screen::generated::GeneratedPage;
use coview_screen::generated::Scene;
use coview_screen::*;
use coview_wire::Moment;
use coview_wire::ViewerId;
use cpu_time::ThreadTime;

const VIEWER: ViewerId = ViewerId::new(1);

fn main() {
    let measuring = std::env::args().any(|arg| arg == "--bench");
    let only: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|only| name.contains(only));
    let (frames, sizes) = if measuring {
        (60, &[Size::new(1280, 720), Size::new(1920, 1080)][..])
    } else {
        (6, &[Size::new(640, 400)][..])
    };
    if measuring {
        println!("{}", load());
    }
    for &size in sizes {
        println!("\n{size}, {frames} frames each; median, and 90th percentile in brackets\n");
        println!(
            "| scene | encode CPU ms | bytes a frame | images | copies | fills | decode CPU ms |"
        );
        println!("|---|---|---|---|---|---|---|");
        if wanted("whole") {
            whole(size, frames / 3);
        }
        let usual = EncoderConfig::default();
        let exact = EncoderConfig { lossy: false };
        let mut rows: Vec<(String, Scene, &EncoderConfig, bool)> =
            Scene::ALL.map(|scene| (scene.to_string(), scene, &usual, false)).into();
        rows.push(("video, lossless".into(), Scene::Video, &exact, false));
        rows.push(("jump, lossless".into(), Scene::Jump, &exact, false));
        rows.push(("still, with hints".into(), Scene::Still, &usual, true));
        rows.push(("typing, with hints".into(), Scene::Typing, &usual, true));
        for (name, scene, config, hints) in rows {
            if wanted(&name) {
                row(&name, run(size, scene, frames, config.clone(), hints));
            }
        }
    }
}

#[derive(Default)]
struct Figures {
    encode: Vec<Duration>,
    decode: Vec<Duration>,
    bytes: usize,
    ops: [usize; 4],
}

fn row(name: &str, mut figures: Figures) {
    let frames = figures.encode.len().max(1);
    let times = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        let at =
            |part: usize| times.get(times.len() * part / 10).map_or(0.0, |t| t.as_secs_f64() * 1e3);
        format!("{:.2} ({:.2})", at(5), at(9))
    };
    let [copies, fills, images, _] = figures.ops.map(|count| count as f64 / frames as f64);
    println!(
        "| {name} | {} | {} | {images:.1} | {copies:.1} | {fills:.1} | {} |",
        times(&mut figures.encode),
        figures.bytes / frames,
        times(&mut figures.decode),
    );
}

/// One frame goes to the viewer, is decoded, compared if it has to be exact, and acknowledged.
struct Way {
    encoder: Encoder,
    decoder: Decoder,
    now: Duration,
    figures: Figures,
}

impl Way {
    fn new(config: EncoderConfig) -> Self {
        Self {
            encoder: Encoder::new(config),
            decoder: Decoder::new(),
            now: Duration::ZERO,
            figures: Figures::default(),
        }
    }

    fn input(&mut self, input: Input<'_>) -> (Duration, Vec<Vec<u8>>) {
        let mut bodies = Vec::new();
        let start = ThreadTime::now();
        self.encoder.handle_input(Moment::new(self.now), input);
        while let Output::Send { body, .. } = self.encoder.poll_output() {
            bodies.push(body);
        }
        (start.elapsed(), bodies)
    }

    /// Decodes and acknowledges; answers with the time it took.
    fn deliver(&mut self, bodies: &[Vec<u8>]) -> Duration {
        let start = ThreadTime::now();
        let mut drawn = None;
        for body in bodies {
            match self.decoder.handle(body).expect("well formed") {
                Decoded::Updated { number, .. } => drawn = Some(number),
                Decoded::Nothing | Decoded::Status(_) | Decoded::Beat => {}
                Decoded::OutOfStep => panic!("nothing was lost"),
            }
        }
        let took = start.elapsed();
        if let Some(number) = drawn {
            self.now += Duration::from_millis(2);
            let (_, more) = self.input(Input::Acknowledged { viewer: VIEWER, number });
            assert!(more.is_empty(), "it was level");
        }
        took
    }

    fn frame(&mut self, page: &GeneratedPage, damage: &Damage, count: bool) {
        let masks = MaskState::Known(page.masks().clone());
        let (took, bodies) =
            self.input(Input::Frame { frame: page.frame(), damage, masks: &masks });
        let decoded = self.deliver(&bodies);
        if count {
            self.figures.encode.push(took);
            self.figures.decode.push(decoded);
            for body in &bodies {
                self.figures.bytes += body.len();
                self.count_ops(body);
            }
        }
        self.now += Duration::from_millis(48);
    }

    /// Counts operations by walking over them.
    fn count_ops(&mut self, body: &[u8]) {
        let mut rest = match body {
            [1, rest @ ..] => &rest[19..],
            _ => return,
        };
        while let Some(&op) = rest.first() {
            let length = match op {
                4 => masks_length(rest),
                1 => 13,
                2 => 12,
                3 => 14 + u32::from_be_bytes(rest[10..14].try_into().expect("four")) as usize,
                _ => return,
            };
            self.figures.ops[usize::from(op) - 1] += 1;
            rest = &rest[length..];
        }
    }
}

fn run(size: Size, scene: Scene, frames: usize, config: EncoderConfig, hints: bool) -> Figures {
    let mut page = GeneratedPage::new(size, 7).expect("a valid size");
    page.pin(scene);
    let mut way = Way::new(config);
    let (_, bodies) = way.input(Input::Joined(VIEWER));
    way.deliver(&bodies);
    // The whole picture, and a few frames until it is known what is busy.
    for frame in 0..frames + 5 {
        let damage = page.step();
        let damage = if hints { damage } else { Damage::Unknown };
        way.frame(&page, &damage, frame >= 5);
    }
    // When it rests, it is exact.
    for _ in 0..10 {
        let figures = std::mem::take(&mut way.figures);
        way.frame(&page, &Damage::Areas(Vec::new()), false);
        way.figures = figures;
    }
    let shown = way.decoder.picture().expect("a picture");
    for (at, (a, b)) in shown.pixels().iter().zip(page.frame().pixels()).enumerate() {
        let (x, y) = (at / 4 % usize::from(size.width), at / 4 / usize::from(size.width));
        let masked = page.masks().list().iter().any(|mask| {
            mask.area.contains(x.try_into().expect("small"), y.try_into().expect("small"))
        });
        assert!(masked || a == b, "{scene}: {x},{y} differs");
    }
    way.figures
}

/// A whole picture for a late joiner, of different parts of the page, while another viewer watches.
fn whole(size: Size, times: usize) {
    let mut page = GeneratedPage::new(size, 7).expect("a valid size");
    page.pin(Scene::Jump);
    let mut way = Way::new(EncoderConfig { lossy: false });
    way.input(Input::Joined(VIEWER));
    let late = ViewerId::new(2);
    for _ in 0..times.max(1) {
        let damage = page.step();
        way.frame(&page, &damage, false);
        let (took, bodies) = way.input(Input::Joined(late));
        let decoder = std::mem::take(&mut way.decoder);
        let decoded = way.deliver(&bodies);
        way.decoder = decoder;
        way.input(Input::Left(late));
        way.figures.encode.push(took);
        way.figures.decode.push(decoded);
        for body in &bodies {
            way.figures.bytes += body.len();
            way.count_ops(body);
        }
    }
    row("whole picture", way.figures);
}

/// The length of the operation that lists masks.
fn masks_length(op: &[u8]) -> usize {
    let count = usize::from(u16::from_be_bytes([op[1], op[2]]));
    (0..count).fold(3, |at, _| at + 9 + usize::from(op[at + 8]))
}

/// How busy the machine is besides this.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{cores} cores; load before: {}", text.trim())
}
