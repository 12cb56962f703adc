//! The load client: one thread, level-triggered epoll, the same loop for every protocol.

mod connection;
pub(crate) mod control;
mod work;

use core::net::SocketAddrV4;
use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll;
use rustix::event::epoll::EventData;
use rustix::event::epoll::EventFlags;
use rustls::ClientConfig;

use self::connection::Connection;
use self::connection::ReadEnd;
use self::connection::Stage;
use self::control::Order;
use self::control::Report;
use self::work::Job;
use crate::process::cpu;
use crate::process::now;
use crate::proofs::Signer;
use crate::wire::Role;
use crate::wire::Said;
use crate::wire::Who;
use crate::wire::Wire;

/// How long anything may take before the client gives it up.
const PATIENCE: Duration = Duration::from_secs(90);
/// The mark of standard input among the connections.
const ORDERS: u64 = u64::MAX;

/// How a client is started.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) server: SocketAddrV4,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// How often each connection says something.
    pub(crate) heartbeat: Duration,
    /// Signs for coview's clients.
    pub(crate) signer: Option<Signer>,
}

/// The client.
pub(crate) struct Client {
    config: Config,
    wire: Box<dyn Wire>,
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    /// Visitors and agents as they came; an index here is the mark of a connection in epoll.
    connections: Vec<Connection>,
    /// The places of the visitors, and of the agents, among the connections.
    visitors: Vec<u32>,
    agents: Vec<u32>,
    online: usize,
    /// How many have no connection.
    away: usize,
    buffer: Vec<u8>,
    out: Vec<u8>,
    job: Option<Job>,
    /// Heartbeats: since when, and how many were said since.
    beating_since: Instant,
    beats: u64,
    first_accepted: Option<Instant>,
    /// Whether a connection may end.
    loss_expected: bool,
    /// What was read from standard input; its lines are orders.
    orders: Vec<u8>,
    lines: VecDeque<String>,
    orders_ended: bool,
}

/// Why nothing that follows counts.
type Failed = String;

impl Client {
    pub(crate) fn new(config: Config, wire: Box<dyn Wire>) -> io::Result<Self> {
        Ok(Self {
            config,
            wire,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(1024),
            connections: Vec::new(),
            visitors: Vec::new(),
            agents: Vec::new(),
            online: 0,
            away: 0,
            buffer: vec![0; 256 * 1024],
            out: Vec::new(),
            job: None,
            beating_since: now(),
            beats: 0,
            first_accepted: None,
            loss_expected: false,
            orders: Vec::new(),
            lines: VecDeque::new(),
            orders_ended: false,
        })
    }

    /// Follows the orders on standard input until it ends.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let orders = EventData::new_u64(ORDERS);
        epoll::add(&self.epoll, io::stdin().as_fd(), orders, EventFlags::IN)?;
        loop {
            while let Some(line) = self.lines.pop_front() {
                let report = match serde_json::from_str(&line) {
                    Ok(order) => self.obey(order).unwrap_or_else(|why| Report::Failed { why }),
                    Err(error) => Report::Failed { why: format!("no order: {error}: {line}") },
                };
                let mut line = serde_json::to_vec(&report)?;
                line.push(b'\n');
                io::stdout().write_all(&line)?;
                io::stdout().flush()?;
            }
            if self.orders_ended {
                return Ok(());
            }
            if let Err(why) = self.turn(Duration::from_millis(100)) {
                return Err(io::Error::other(why));
            }
        }
    }

    fn obey(&mut self, order: Order) -> Result<Report, Failed> {
        match order {
            Order::Visitors { count, window } => {
                self.add(Role::Visitor, count)?;
                self.bring_back(window)
            }
            Order::Agents { count } => {
                self.add(Role::Agent, count)?;
                self.bring_back(64)
            }
            Order::Work(work) => self.work(work).map(Report::Worked),
            Order::Idle { seconds, server } => self.idle(seconds, server),
            Order::ExpectLoss => {
                self.loss_expected = true;
                Ok(Report::ExpectingLoss)
            }
            Order::AwaitLoss => {
                let patience = now() + PATIENCE;
                while self.away < self.connections.len() {
                    self.turn_until(patience, "connections are still open")?;
                }
                self.loss_expected = false;
                Ok(Report::Lost)
            }
            Order::Cut => {
                for index in 0..self.connections.len() {
                    self.lose(index);
                }
                Ok(Report::Cut)
            }
            Order::Return { window } => {
                for connection in &mut self.connections {
                    connection.talk.resumes = connection.talk.secret.is_some();
                }
                self.bring_back(window)
            }
        }
    }

    fn add(&mut self, role: Role, count: u32) -> Result<(), Failed> {
        for _ in 0..count {
            let place = self.connections.len() as u32;
            let places = match role {
                Role::Visitor => &mut self.visitors,
                Role::Agent => &mut self.agents,
            };
            let who = Who { role, index: places.len() as u32 };
            places.push(place);
            self.connections.push(Connection::new(who));
            self.away += 1;
        }
        Ok(())
    }

    /// Signs for everybody who will have to show a proof, before the time is taken.
    fn sign(&mut self) -> Result<(), Failed> {
        let Some(signer) = &mut self.config.signer else { return Ok(()) };
        for connection in &mut self.connections {
            if connection.stage == Stage::Away {
                connection.talk.proof = Some(signer.proof(connection.who)?);
            }
        }
        Ok(())
    }

    /// Connects all who are away and waits until they are online.
    fn bring_back(&mut self, window: u32) -> Result<Report, Failed> {
        self.sign()?;
        let cpu_before = self_cpu()?;
        let (begun, window) = (now(), window as usize);
        let patience = begun + PATIENCE;
        self.first_accepted = None;
        let mut at = 0;
        while self.online < self.connections.len() {
            while at < self.connections.len() {
                let on_their_way = self.connections.len() - self.online - self.away;
                if on_their_way >= window {
                    break;
                }
                if self.connections[at].stage == Stage::Away && !self.connect(at)? {
                    // The server is not there. The sooner it is seen, the better the figure.
                    break;
                }
                at += 1;
            }
            if at == self.connections.len() && self.away > 0 {
                // Some were refused while they were on their way.
                at = 0;
            }
            let wait =
                if self.away == 0 { Duration::from_millis(5) } else { Duration::from_millis(1) };
            self.turn(wait)?;
            if now() > patience {
                return Err(format!("{} of {} are online", self.online, self.connections.len()));
            }
        }
        let done = now();
        Ok(Report::Online {
            seconds: (done - begun).as_secs_f64(),
            seconds_from_first: (done - self.first_accepted.unwrap_or(begun)).as_secs_f64(),
            client_cpu: self_cpu()? - cpu_before,
        })
    }

    /// `false`: nobody listens there.
    fn connect(&mut self, index: usize) -> Result<bool, Failed> {
        let connection = &mut self.connections[index];
        let connected = match connection.connect(self.config.server, self.config.tls.as_ref()) {
            Ok(connected) => connected,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                connection.cut();
                return Ok(false);
            }
            Err(error) => return Err(format!("connecting {:?}: {error}", connection.who)),
        };
        self.away -= 1;
        let flags = if connected { EventFlags::IN } else { EventFlags::OUT };
        if let Some(socket) = &self.connections[index].socket {
            epoll::add(&self.epoll, socket, EventData::new_u64(index as u64), flags)
                .map_err(told)?;
        }
        if connected {
            self.connected(index)?;
        }
        Ok(true)
    }

    fn connected(&mut self, index: usize) -> Result<(), Failed> {
        self.first_accepted.get_or_insert_with(now);
        self.take_step(index, 0)
    }

    fn take_step(&mut self, index: usize, step: u8) -> Result<(), Failed> {
        let connection = &mut self.connections[index];
        self.out.clear();
        if self.wire.step(connection.who, &mut connection.talk, step, &mut self.out) {
            connection.stage = Stage::Step(step);
            let out = std::mem::take(&mut self.out);
            let sent = self.send(index, &out);
            self.out = out;
            sent
        } else {
            connection.stage = Stage::Online;
            self.online += 1;
            Ok(())
        }
    }

    fn send(&mut self, index: usize, bytes: &[u8]) -> Result<(), Failed> {
        let connection = &mut self.connections[index];
        if !connection.send(bytes).map_err(told)? {
            self.listen(index, EventFlags::IN | EventFlags::OUT)?;
        }
        Ok(())
    }

    fn listen(&self, index: usize, flags: EventFlags) -> Result<(), Failed> {
        let Some(socket) = &self.connections[index].socket else { return Ok(()) };
        epoll::modify(&self.epoll, socket, EventData::new_u64(index as u64), flags).map_err(told)
    }

    fn lose(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        match connection.stage {
            Stage::Away => return,
            Stage::Online => self.online -= 1,
            Stage::Connecting | Stage::Step(_) => {}
        }
        connection.cut();
        self.away += 1;
    }

    fn idle(&mut self, seconds: f64, server: u32) -> Result<Report, Failed> {
        let (begun, beats) = (now(), self.beats);
        let until = begun + Duration::from_secs_f64(seconds);
        let (server_before, client_before) = (server_cpu(server)?, self_cpu()?);
        while now() < until {
            self.turn(Duration::from_millis(10))?;
        }
        Ok(Report::Idled {
            seconds: (now() - begun).as_secs_f64(),
            pings: self.beats - beats,
            server_cpu: server_cpu(server)? - server_before,
            client_cpu: self_cpu()? - client_before,
        })
    }

    fn turn_until(&mut self, patience: Instant, why: &str) -> Result<(), Failed> {
        self.turn(Duration::from_millis(5))?;
        if now() > patience { Err(why.to_owned()) } else { Ok(()) }
    }

    /// Waits for something to happen, at most so long, and does what it takes.
    fn turn(&mut self, wait: Duration) -> Result<(), Failed> {
        self.beat()?;
        let timeout = Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: wait.subsec_nanos().into(),
        };
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(told(error)),
        }
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            let (mark, flags) = (event.data, event.flags);
            if mark.u64() == ORDERS {
                self.read_orders()?;
            } else {
                self.on_event(mark.u64() as usize, flags)?;
            }
        }
        self.events = events;
        Ok(())
    }

    fn on_event(&mut self, index: usize, flags: EventFlags) -> Result<(), Failed> {
        match self.connections[index].stage {
            Stage::Away => return Ok(()),
            Stage::Connecting => {
                if self.connections[index].connect_error().is_some() {
                    self.lose(index);
                    return Ok(());
                }
                self.listen(index, EventFlags::IN)?;
                return self.connected(index);
            }
            Stage::Step(_) | Stage::Online => {}
        }
        if flags.contains(EventFlags::OUT) && self.connections[index].send(&[]).map_err(told)? {
            self.listen(index, EventFlags::IN)?;
        }
        if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            let (mut buffer, mut out) =
                (std::mem::take(&mut self.buffer), std::mem::take(&mut self.out));
            let result = self.on_readable(index, &mut buffer, &mut out);
            (self.buffer, self.out) = (buffer, out);
            return result;
        }
        Ok(())
    }

    fn on_readable(
        &mut self,
        index: usize,
        buffer: &mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Failed> {
        let connection = &mut self.connections[index];
        let kept = connection.partial.len();
        let Some((head, free)) = buffer.split_at_mut_checked(kept) else {
            return Err("a message larger than the buffer".to_owned());
        };
        head.copy_from_slice(&connection.partial);
        connection.partial.clear();
        let count = match connection.read(free).map_err(told)? {
            ReadEnd::Bytes(count) => count,
            ReadEnd::Nothing => 0,
            ReadEnd::Closed => {
                if !self.loss_expected && connection.stage == Stage::Online {
                    return Err(format!(
                        "the server closed the connection of {:?}",
                        connection.who
                    ));
                }
                self.lose(index);
                return Ok(());
            }
        };
        let bytes = &buffer[..kept + count];
        out.clear();
        let mut at = 0;
        while at < bytes.len() {
            let connection = &mut self.connections[index];
            let step = match connection.stage {
                Stage::Step(step) => Some(step),
                Stage::Away | Stage::Connecting | Stage::Online => None,
            };
            let decoded = self
                .wire
                .decode(step, &bytes[at..])
                .map_err(|error| format!("{:?}: {error}", connection.who))?;
            let Some((length, said)) = decoded else {
                connection.partial.extend_from_slice(&bytes[at..]);
                break;
            };
            at += length;
            match (said, step) {
                (Said::Step(payload), Some(step)) => {
                    let next = self.wire.answered(&mut connection.talk, payload, step);
                    self.take_step(index, next)?;
                }
                (Said::Signal(payload), None) => self.on_signal(index, payload, out),
                (Said::Noise, _) => {}
                (Said::Beat(beat), _) => out.extend_from_slice(beat),
                (Said::Wrong(why), _) => return Err(format!("{:?}: {why}", connection.who)),
                (Said::Step(_), None) | (Said::Signal(_), Some(_)) => {
                    return Err(format!("{:?} was told something out of turn", connection.who));
                }
            }
        }
        // With TLS there may be something to send though nobody said anything: the handshake.
        self.send(index, out)
    }

    /// Says the signs of life that are due, one connection after the other, evenly over the time.
    fn beat(&mut self) -> Result<(), Failed> {
        let all = self.connections.len();
        if all == 0 {
            return Ok(());
        }
        let interval = self.config.heartbeat.as_secs_f64();
        let due = (now() - self.beating_since).as_secs_f64() / interval * all as f64;
        // After a change of their number, or much work, nobody is owed the past.
        if due - self.beats as f64 > all as f64 || self.beats as f64 > due + 1.0 {
            self.beating_since = now();
            self.beats = 0;
            return Ok(());
        }
        while (self.beats as f64) < due {
            let index = (self.beats % all as u64) as usize;
            self.beats += 1;
            if self.connections[index].stage == Stage::Online {
                let mut out = std::mem::take(&mut self.out);
                out.clear();
                self.wire.ping(&mut out);
                let sent = self.send(index, &out);
                self.out = out;
                sent?;
            }
        }
        Ok(())
    }

    fn read_orders(&mut self) -> Result<(), Failed> {
        let mut buffer = [0; 4096];
        let count = rustix::io::read(io::stdin(), &mut buffer).map_err(told)?;
        self.orders_ended = count == 0;
        if self.orders_ended {
            epoll::delete(&self.epoll, io::stdin().as_fd()).map_err(told)?;
        }
        self.orders.extend_from_slice(&buffer[..count]);
        while let Some(end) = self.orders.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.orders.drain(..=end).collect();
            self.lines.push_back(String::from_utf8_lossy(&line).into_owned());
        }
        Ok(())
    }
}

fn told(error: impl Into<io::Error>) -> Failed {
    error.into().to_string()
}

fn self_cpu() -> Result<f64, Failed> {
    server_cpu(std::process::id())
}

fn server_cpu(pid: u32) -> Result<f64, Failed> {
    cpu(pid).map(|time| time.as_secs_f64()).map_err(|error| error.to_string())
}
