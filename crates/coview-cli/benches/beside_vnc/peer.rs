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

/// What shares the display, and how it was asked to. An exact one may not use JPEG.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Peer {
    Coview { fps: u8, exact: bool },
    TigerVnc { exact: bool },
    X11Vnc { exact: bool },
}

impl Peer {
    pub(crate) const ALL: [Self; 7] = [
        Self::Coview { fps: 20, exact: false },
        Self::Coview { fps: 20, exact: true },
        Self::Coview { fps: 60, exact: false },
        Self::TigerVnc { exact: false },
        Self::TigerVnc { exact: true },
        Self::X11Vnc { exact: false },
        Self::X11Vnc { exact: true },
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Coview { fps: 20, exact: false } => "coview",
            Self::Coview { exact: false, .. } => "coview, 60 fps",
            Self::Coview { exact: true, .. } => "coview, no JPEG",
            Self::TigerVnc { exact: false } => "TigerVNC",
            Self::TigerVnc { exact: true } => "TigerVNC, no JPEG",
            Self::X11Vnc { exact: false } => "x11vnc",
            Self::X11Vnc { exact: true } => "x11vnc, no JPEG",
        }
    }

    /// coview asked for the same exactness, if this is another one.
    pub(crate) const fn ours(self) -> Option<Self> {
        match self {
            Self::Coview { .. } => None,
            Self::TigerVnc { exact } | Self::X11Vnc { exact } => {
                Some(Self::Coview { fps: 20, exact })
            }
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
        let exact = match self {
            Self::Coview { fps, exact } => return start_coview(display, fps, exact),
            Self::TigerVnc { exact } => {
                command = Command::new("X0tigervnc");
                command.args(["-display", display, "-localhost", "-SecurityTypes", "None"]);
                exact
            }
            Self::X11Vnc { exact } => {
                command = Command::new("x11vnc");
                command.args(["-display", display, "-localhost", "-nopw", "-quiet", "-norc"]);
                exact
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
        let viewer = Viewer::Rfb(rfb::Viewer::new(stream, exact)?);
        Ok(Running { viewer, port, began, servers: vec![server], sharer: None })
    }
}

fn start_coview(display: &str, fps: u8, exact: bool) -> Result<Running, Box<dyn Error>> {
    let started = share::start(display, fps, exact)?;
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
