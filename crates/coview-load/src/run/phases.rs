//! What is measured of one server.

use core::time::Duration;
use std::thread::sleep;

use super::client::Client;
use super::server::Server;
use super::server::Workshop;
use crate::client::control::Order;
use crate::client::control::Report;
use crate::client::control::Work;
use crate::process::cpu;
use crate::process::now;
use crate::process::resident;
use crate::record::Connects;
use crate::record::Idle;
use crate::record::Load;
use crate::record::Measured;
use crate::record::Memory;
use crate::record::Run;
use crate::record::Storm;
use crate::record::Variant;
use crate::wire::Kind;
use crate::wire::Peer;

/// How many connections are on their way at the same time: no more than the shortest queue of
/// connections to accept that one of the servers has (Mosquitto: 100), or the kernel drops some and
/// tries them again a second later.
const WINDOW: u32 = 96;

/// What is to be measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) server: Peer,
    pub(crate) variant: Variant,
    pub(crate) visitors: u32,
    pub(crate) processes: u32,
    pub(crate) round: u32,
    /// Round trips one at a time, for so long each kind; 0: none.
    pub(crate) one_seconds: f64,
    /// Saturation, for so long each kind; 0: none.
    pub(crate) full_seconds: f64,
    /// Visitors with nothing but heartbeats, for so long; 0: not.
    pub(crate) idle_seconds: f64,
    pub(crate) storm: bool,
    /// How long a server may settle before its memory is read.
    pub(crate) settle: Duration,
}

impl Plan {
    pub(crate) fn carry_out(&self, workshop: &Workshop) -> Result<Run, String> {
        let mut pairs = Vec::new();
        for _ in 0..self.processes {
            let server = workshop.start(self.server, self.variant)?;
            pairs.push((server, self.visitors / self.processes));
        }
        sleep(self.settle / 2);
        let before = total(&pairs)?;
        let mut clients = Vec::new();
        for (server, _) in &pairs {
            clients.push(Client::start(self.server, &server.access, workshop.pin)?);
        }
        let mut connects = Connects { seconds: 0.0, server_cpu: 0.0, client_cpu: 0.0 };
        let cpu_before = spent(&pairs)?;
        for (client, (_, count)) in clients.iter_mut().zip(&pairs) {
            client.tell(&Order::Visitors { count: *count, window: WINDOW })?;
        }
        for client in &mut clients {
            let Report::Online { seconds, client_cpu, .. } = client.report()? else {
                return Err("an unexpected report".to_owned());
            };
            connects.seconds = connects.seconds.max(seconds);
            connects.client_cpu += client_cpu;
        }
        connects.server_cpu = spent(&pairs)? - cpu_before;
        sleep(self.settle);
        let idle = total(&pairs)?;
        let mut run = Run {
            server: self.server,
            variant: self.variant,
            processes: self.processes,
            visitors: self.visitors / self.processes * self.processes,
            round: self.round,
            memory: Memory { before, idle, after: idle },
            connects,
            work: Vec::new(),
            idle: None,
            storm: None,
        };
        if let ([client], [(server, _)]) = (&mut *clients, &mut *pairs) {
            self.after_all_are_online(client, server, &mut run)?;
            run.memory.after = resident(server.pid()).map_err(told)?;
        }
        Ok(run)
    }

    fn after_all_are_online(
        &self,
        client: &mut Client,
        server: &mut Server,
        run: &mut Run,
    ) -> Result<(), String> {
        if self.idle_seconds > 0.0 {
            let order = Order::Idle { seconds: self.idle_seconds, server: server.pid() };
            let Report::Idled { seconds, pings, server_cpu, .. } = client.obey(&order)? else {
                return Err("an unexpected report".to_owned());
            };
            run.idle = Some(Idle { seconds, pings, server_cpu });
        }
        if self.storm {
            run.storm = Some(storm(client, server)?);
        }
        let wide = Load::Wide.shape().0.min(self.visitors);
        let agents = if self.full_seconds > 0.0 { wide } else { 1 };
        if self.full_seconds > 0.0 || self.one_seconds > 0.0 {
            client.obey(&Order::Agents { count: agents })?;
        }
        for (kind, load) in self.works() {
            let (agents, outstanding) = load.shape();
            let seconds = match load {
                Load::One => self.one_seconds,
                Load::Wide | Load::Deep => self.full_seconds,
            };
            let agents = agents.min(wide);
            let work = Work { kind, agents, outstanding, seconds, server: server.pid() };
            let Report::Worked(worked) = client.obey(&Order::Work(work))? else {
                return Err("an unexpected report".to_owned());
            };
            run.work.push(Measured { kind, load, worked });
        }
        Ok(())
    }

    /// The pieces of work, in their order.
    fn works(&self) -> Vec<(Kind, Load)> {
        let mut works = Vec::new();
        if self.one_seconds > 0.0 {
            works.extend([(Kind::Signal, Load::One), (Kind::Relay, Load::One)]);
            if self.server == Peer::Coview {
                works.push((Kind::Terms, Load::One));
            }
        }
        if self.full_seconds > 0.0 {
            works.extend([
                (Kind::Signal, Load::Wide),
                (Kind::Relay, Load::Wide),
                (Kind::Relay, Load::Deep),
            ]);
            match self.server {
                // With coview an agent asks one visitor at a time.
                Peer::Coview => works.push((Kind::Terms, Load::Wide)),
                Peer::Mosquitto | Peer::Nats | Peer::Redis => {
                    works.push((Kind::Signal, Load::Deep));
                }
            }
        }
        works
    }
}

fn storm(client: &mut Client, server: &mut Server) -> Result<Storm, String> {
    client.obey(&Order::Cut)?;
    let Report::Online { seconds: cut, .. } = client.obey(&Order::Return { window: WINDOW })?
    else {
        return Err("an unexpected report".to_owned());
    };
    client.obey(&Order::ExpectLoss)?;
    client.tell(&Order::AwaitLoss)?;
    client.tell(&Order::Return { window: WINDOW })?;
    let begun = now();
    server.kill_and_restart()?;
    client.report()?;
    let Report::Online { seconds_from_first, .. } = client.report()? else {
        return Err("an unexpected report".to_owned());
    };
    Ok(Storm { cut, restarted: seconds_from_first, killed: (now() - begun).as_secs_f64() })
}

fn total(pairs: &[(Server, u32)]) -> Result<u64, String> {
    pairs.iter().map(|(server, _)| resident(server.pid()).map_err(told)).sum()
}

fn spent(pairs: &[(Server, u32)]) -> Result<f64, String> {
    let each = pairs.iter().map(|(server, _)| cpu(server.pid()).map_err(told));
    each.map(|time| time.map(|time| time.as_secs_f64())).sum()
}

fn told(error: std::io::Error) -> String {
    format!("the server is gone: {error}")
}
