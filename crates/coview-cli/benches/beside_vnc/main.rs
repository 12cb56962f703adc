//! coview beside the VNC servers of Debian's packages, in one run: the same display, the same drawing,
//! one after the other, round by round.
//!
//! An `Xvfb` of its own for each turn; on it draws a program of ours, as applications do, by plain X11
//! requests: nothing, letters, a scrolled text, a noisy film, whole new pages. It is watched
//!
//! - by coview: `coview serve` and `coview share --screen x11`, with an agent in this process;
//! - by `X0tigervnc` and `x11vnc` as their packages come, with a viewer of RFB in this process that
//!   asks for what TigerVNC's viewer asks for, with JPEG (as it does by default) and without.
//!
//! After each change the program draws a number as black and white blocks. From the answer of the X
//! server, which has drawn it by then, to the decoded picture in which the viewer reads that number or
//! a later one is the *time from change to picture*. Bytes are those the kernel counts on the viewer's
//! connection; processor time is that of the sharing processes, without the viewer's. Each scene is
//! followed by a rest, which counts too: then the picture is compared with the display.
//!
//! Run it with `just bench-vnc`; `--rounds N` after `--` changes the number of rounds. Without Xvfb
//! it says so and measures nothing; a VNC server that is not installed is left out.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

mod canvas;
mod drawing;
mod eye;
mod marker;
mod peer;
mod process;
mod report;
mod rfb;
mod share;
mod tight;

use std::error::Error;
use std::process::Command;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;
use std::time::Instant;

use crate::canvas::HEIGHT;
use crate::canvas::WIDTH;
use crate::drawing::Drawing;
use crate::drawing::Scene;
use crate::peer::Peer;
use crate::peer::Running;
use crate::process::Bytes;
use crate::process::Process;
use crate::process::bytes;
use crate::process::is_installed;
use crate::report::Figures;
use crate::report::Report;
use crate::report::Turn;

/// How long a scene lasts, and how long nothing happens after it: long enough for repairs.
const SCENE: Duration = Duration::from_secs(4);
const REST: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    // Without `--bench`, which `cargo bench` gives, it is only asked whether it runs.
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(ended) = share::role(&args) {
        return done(ended);
    }
    let checking = !args.iter().any(|arg| arg == "--bench");
    let rounds = args
        .iter()
        .skip_while(|arg| *arg != "--rounds")
        .nth(1)
        .and_then(|count| count.parse().ok())
        .unwrap_or(3);
    for program in ["Xvfb", "ss"] {
        if !is_installed(program) {
            println!("nothing was compared: {program} is not installed");
            return ExitCode::SUCCESS;
        }
    }
    let mut peers = Vec::new();
    for peer in Peer::ALL {
        if peer.is_installed() {
            peers.push(peer);
        } else {
            println!("{} is left out: it is not installed", peer.name());
        }
    }
    let compared = if checking { check(&peers) } else { compare(&peers, rounds) };
    done(compared)
}

fn done(ended: Result<(), Box<dyn Error>>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Every peer in turn, and that several times, so that what else the machine does meets all alike.
fn compare(peers: &[Peer], rounds: usize) -> Result<(), Box<dyn Error>> {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("{rounds} rounds; load of the machine before: {}", load.trim());
    print!("{}", versions());
    let mut report = Report::default();
    for round in 1..=rounds {
        for &peer in peers {
            eprintln!("round {round} of {rounds}: {}", peer.name());
            match run(peer, SCENE, REST) {
                Ok(figures) => report.add(peer, figures),
                Err(error) => println!("{} failed in round {round}: {error}", peer.name()),
            }
        }
    }
    report.print();
    Ok(())
}

/// What Debian says of the programs; nothing elsewhere.
fn versions() -> String {
    let packages = ["xvfb", "tigervnc-scraping-server", "x11vnc"];
    let output = Command::new("dpkg-query").arg("--show").args(packages).output();
    output.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

/// Runs each peer for a moment.
fn check(peers: &[Peer]) -> Result<(), Box<dyn Error>> {
    for &peer in peers {
        let figures = run(peer, Duration::from_millis(300), Duration::from_millis(100))
            .map_err(|error| format!("{}: {error}", peer.name()))?;
        println!("{}: {} scenes were seen", peer.name(), figures.len() - 1);
    }
    Ok(())
}

/// One peer from an empty display to the last scene.
fn run(peer: Peer, lasts: Duration, rest: Duration) -> Result<Turn, Box<dyn Error>> {
    let screen = format!("{WIDTH}x{HEIGHT}x24");
    let mut x_server = Process::start(Command::new("Xvfb").args([
        "-displayfd",
        "1",
        "-screen",
        "0",
        &screen,
        "-nolisten",
        "tcp",
        "-noreset",
    ]))?;
    let number = x_server.lines().next().ok_or("Xvfb ended")??;
    let display = format!(":{number}");
    let mut drawing = Drawing::open(&display)?;

    let mut running = peer.start(&display)?;
    let start = Counted::of(&running, &x_server)?;
    // The first picture is there when it has the number that was drawn before anybody looked.
    let deadline = now() + Duration::from_secs(15);
    let first = loop {
        if let Some((_, at)) = running.viewer.eye().last() {
            break at;
        }
        if let Some(why) = running.viewer.failed() {
            return Err(why.into());
        }
        if now() > deadline {
            return Err("no picture came".into());
        }
        sleep(Duration::from_millis(5));
    };
    sleep(rest);
    let mut before = Counted::of(&running, &x_server)?;
    let joined = Figures {
        times: vec![Some((first - running.began).as_secs_f64() * 1000.0)],
        pictures: 1,
        wrong: wrong(&drawing.screen()?, &running.viewer.picture()?),
        ..before.since(&Counted { viewer: Bytes::default(), sharer: Bytes::default(), ..start })
    };
    let mut figures = vec![(None, joined)];
    for scene in Scene::ALL {
        let changes = drawing.run(scene, lasts)?;
        sleep(rest);
        if let Some(why) = running.viewer.failed() {
            return Err(format!("{}: {why}", scene.name()).into());
        }
        let after = Counted::of(&running, &x_server)?;
        let (times, pictures) = running.viewer.eye().times(&changes);
        let wrong = wrong(&drawing.screen()?, &running.viewer.picture()?);
        figures.push((Some(scene), Figures { times, pictures, wrong, ..after.since(&before) }));
        before = Counted::of(&running, &x_server)?;
    }
    Ok(figures)
}

/// What has been used so far.
#[derive(Clone, Copy)]
struct Counted {
    cpu: Duration,
    x_server_cpu: Duration,
    viewer: Bytes,
    sharer: Bytes,
}

impl Counted {
    fn of(running: &Running, x_server: &Process) -> Result<Self, Box<dyn Error>> {
        let sharer = match running.sharer {
            Some(process) => bytes(process, running.port)?,
            None => Bytes::default(),
        };
        Ok(Self {
            cpu: running.cpu()?,
            x_server_cpu: x_server.cpu()?,
            viewer: bytes(std::process::id(), running.port)?,
            sharer,
        })
    }

    fn since(&self, before: &Self) -> Figures {
        Figures {
            cpu: self.cpu - before.cpu,
            x_server_cpu: self.x_server_cpu - before.x_server_cpu,
            bytes: self.viewer.received - before.viewer.received,
            bytes_to_server: self.sharer.sent - before.sharer.sent,
            ..Figures::default()
        }
    }
}

/// How many pixels of the picture are not as they are on the display.
fn wrong(screen: &[u8], picture: &[u8]) -> usize {
    let pixels = |bytes| <[u8]>::as_chunks::<4>(bytes).0;
    pixels(screen).iter().zip(pixels(picture)).filter(|(one, other)| one[..3] != other[..3]).count()
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
