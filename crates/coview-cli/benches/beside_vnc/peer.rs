//! Those who are compared: each shares a display in processes of its own with one viewer in this one.

use std::error::Error;
use std::net::TcpListener;
use std::net::TcpStream;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;
use std::time::Instant;

use crate::eye::Eye;
use crate::now;
use crate::process::Process;
use crate::process::is_installed;
use crate::rfb;
use crate::share;

/// coview as it comes: the peer the others are compared with.
pub(crate) const OURS: Peer = Peer::Coview { fps: 20, lossy: true };

/// What shares the display, and how it was asked to.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Peer {
    Coview { fps: u8, lossy: bool },
    TigerVnc { lossy: bool },
    X11Vnc { lossy: bool },
}

impl Peer {
    pub(crate) const ALL: [Self; 7] = [
        OURS,
        Self::Coview { fps: 20, lossy: false },
        Self::Coview { fps: 60, lossy: true },
        Self::TigerVnc { lossy: true },
        Self::TigerVnc { lossy: false },
        Self::X11Vnc { lossy: true },
        Self::X11Vnc { lossy: false },
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Coview { fps: 20, lossy: true } => "coview",
            Self::Coview { lossy: true, .. } => "coview, 60 fps",
            Self::Coview { lossy: false, .. } => "coview, no JPEG",
            Self::TigerVnc { lossy: true } => "TigerVNC",
            Self::TigerVnc { lossy: false } => "TigerVNC, no JPEG",
            Self::X11Vnc { lossy: true } => "x11vnc",
            Self::X11Vnc { lossy: false } => "x11vnc, no JPEG",
        }
    }

    /// The program that must be there.
    const fn program(self) -> Option<&'static str> {
        match self {
            Self::Coview { .. } => None,
            Self::TigerVnc { .. } => Some("X0tigervnc"),
            Self::X11Vnc { .. } => Some("x11vnc"),
        }
    }

    pub(crate) fn is_installed(self) -> bool {
        self.program().is_none_or(is_installed)
    }

    pub(crate) fn start(self, display: &str) -> Result<Running, Box<dyn Error>> {
        let mut command;
        let lossy = match self {
            Self::Coview { fps, lossy } => return start_coview(display, fps, lossy),
            Self::TigerVnc { lossy } => {
                command = Command::new("X0tigervnc");
                command.args(["-display", display, "-localhost", "-SecurityTypes", "None"]);
                lossy
            }
            Self::X11Vnc { lossy } => {
                command = Command::new("x11vnc");
                command.args(["-display", display, "-localhost", "-nopw", "-quiet", "-norc"]);
                lossy
            }
        };
        // Nobody else takes the port in this moment, or the run fails.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let server = Process::start(command.args(["-rfbport", &port.to_string()]))?;
        let deadline = now() + Duration::from_secs(10);
        let (stream, began) = loop {
            let began = now();
            match TcpStream::connect(("127.0.0.1", port)) {
                Ok(stream) => break (stream, began),
                Err(error) if began > deadline => return Err(error.into()),
                Err(_) => sleep(Duration::from_millis(50)),
            }
        };
        let viewer = Viewer::Rfb(rfb::Viewer::new(stream, lossy)?);
        Ok(Running { viewer, port, began, servers: vec![server], sharer: None })
    }
}

fn start_coview(display: &str, fps: u8, lossy: bool) -> Result<Running, Box<dyn Error>> {
    let started = share::start(display, fps, lossy)?;
    let port = started.url.rsplit(':').next().unwrap_or_default();
    let port = port.trim_end_matches('/').parse()?;
    let began = now();
    let viewer = Viewer::Coview(share::Viewer::new(&started));
    let sharer = Some(started.visitor.id());
    Ok(Running { viewer, port, began, servers: vec![started.visitor, started.server], sharer })
}

/// A peer at work. Its viewer leaves before its processes are ended.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) viewer: Viewer,
    /// Where its server listens.
    pub(crate) port: u16,
    /// When the viewer asked for a picture.
    pub(crate) began: Instant,
    /// Everything it needs besides the X server and the viewer.
    pub(crate) servers: Vec<Process>,
    /// The process that sends the picture to the server, if that is another one.
    pub(crate) sharer: Option<u32>,
}

impl Running {
    pub(crate) fn cpu(&self) -> Result<Duration, Box<dyn Error>> {
        self.servers.iter().map(Process::cpu).sum()
    }
}

#[derive(Debug)]
pub(crate) enum Viewer {
    Coview(share::Viewer),
    Rfb(rfb::Viewer),
}

impl Viewer {
    pub(crate) fn eye(&self) -> &Eye {
        match self {
            Self::Coview(viewer) => &viewer.eye,
            Self::Rfb(viewer) => &viewer.eye,
        }
    }

    /// The picture as the viewer has it: blue, green, red and a byte that means nothing.
    pub(crate) fn picture(&self) -> Result<Vec<u8>, Box<dyn Error>> {
        match self {
            Self::Coview(viewer) => viewer.picture(),
            Self::Rfb(viewer) => Ok(viewer.picture()),
        }
    }

    pub(crate) fn failed(&mut self) -> Option<String> {
        match self {
            Self::Coview(viewer) => viewer.failed(),
            Self::Rfb(viewer) => viewer.failed(),
        }
    }
}
