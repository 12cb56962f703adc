//! One connection of the client.

use core::net::Ipv4Addr;
use core::net::SocketAddrV4;
use std::io;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::AddressFamily;
use rustix::net::SocketFlags;
use rustix::net::SocketType;
use rustix::net::bind;
use rustix::net::connect;
use rustix::net::socket_with;
use rustls::ClientConfig;
use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use crate::wire::Talk;
use crate::wire::Who;

/// How many addresses of the loopback the connections come from, in turns: each has some 28,000 ports,
/// and those of connections that were closed rest for a minute.
const SOURCES: u32 = 200;

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// There is no connection.
    Away,
    /// The kernel connects.
    Connecting,
    /// The set-up waits for the answer to this step.
    Step(u8),
    Online,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) who: Who,
    pub(super) talk: Talk,
    pub(super) stage: Stage,
    pub(super) socket: Option<TcpStream>,
    tls: Option<Box<ClientConnection>>,
    /// The beginning of a message that is not whole.
    pub(super) partial: Vec<u8>,
    /// What the socket did not take.
    unsent: Vec<u8>,
}

/// How reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadEnd {
    /// So many bytes were read; there may be more.
    Bytes(usize),
    Nothing,
    Closed,
}

impl Connection {
    pub(super) fn new(who: Who) -> Self {
        Self {
            who,
            talk: Talk::default(),
            stage: Stage::Away,
            socket: None,
            tls: None,
            partial: Vec::new(),
            unsent: Vec::new(),
        }
    }

    /// Begins to connect. `true`: it is done already, as it mostly is on a loopback.
    pub(super) fn connect(
        &mut self,
        to: SocketAddrV4,
        tls: Option<&Arc<ClientConfig>>,
    ) -> io::Result<bool> {
        let socket = socket_with(
            AddressFamily::INET,
            SocketType::STREAM,
            SocketFlags::NONBLOCK | SocketFlags::CLOEXEC,
            None,
        )?;
        let source = (self.who.index % SOURCES).to_be_bytes();
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, source[3] + 2), 0))?;
        let connected = match connect(&socket, &to) {
            Ok(()) => true,
            Err(Errno::INPROGRESS) => false,
            Err(error) => return Err(error.into()),
        };
        let socket = TcpStream::from(socket);
        socket.set_nodelay(true)?;
        self.tls = match tls {
            Some(config) => {
                let name = ServerName::from(std::net::IpAddr::from(*to.ip()));
                let tls = ClientConnection::new(Arc::clone(config), name);
                Some(Box::new(tls.map_err(io::Error::other)?))
            }
            None => None,
        };
        self.socket = Some(socket);
        self.stage = Stage::Connecting;
        Ok(connected)
    }

    /// Why the kernel could not connect, if it could not.
    pub(super) fn connect_error(&self) -> Option<io::Error> {
        self.socket.as_ref().and_then(|socket| socket.take_error().ok().flatten())
    }

    pub(super) fn cut(&mut self) {
        self.socket = None;
        self.tls = None;
        self.stage = Stage::Away;
        self.partial = Vec::new();
        self.unsent = Vec::new();
    }

    /// Reads once, or with TLS what one read brings, to the end of `buffer`.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<ReadEnd> {
        let Some(socket) = &mut self.socket else { return Ok(ReadEnd::Closed) };
        let read = match &mut self.tls {
            None => socket.read(buffer),
            Some(tls) => {
                let closed = match tls.read_tls(socket) {
                    Ok(0) => true,
                    Ok(_) => false,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
                    Err(error) => return ended(error),
                };
                tls.process_new_packets().map_err(io::Error::other)?;
                match tls.reader().read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock && closed => Ok(0),
                    other => other,
                }
            }
        };
        match read {
            Ok(0) => Ok(ReadEnd::Closed),
            Ok(count) => Ok(ReadEnd::Bytes(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(ReadEnd::Nothing),
            Err(error) => ended(error),
        }
    }

    /// Sends. `false`: the socket does not take all of it; the rest goes when it can be written to.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<bool> {
        let Some(socket) = &mut self.socket else { return Ok(true) };
        if let Some(tls) = &mut self.tls {
            tls.writer().write_all(bytes)?;
            while tls.wants_write() {
                match tls.write_tls(socket) {
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                    Err(error) => return gone(error),
                }
            }
            return Ok(true);
        }
        self.unsent.extend_from_slice(bytes);
        let mut sent = 0;
        while sent < self.unsent.len() {
            match socket.write(&self.unsent[sent..]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return gone(error),
            }
        }
        self.unsent.drain(..sent);
        Ok(self.unsent.is_empty())
    }
}

/// A connection that the other side broke is read to its end.
fn ended(error: io::Error) -> io::Result<ReadEnd> {
    match broken(&error) {
        true => Ok(ReadEnd::Closed),
        false => Err(error),
    }
}

/// Writing to one tells nothing that reading will not.
fn gone(error: io::Error) -> io::Result<bool> {
    match broken(&error) {
        true => Ok(true),
        false => Err(error),
    }
}

fn broken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}
