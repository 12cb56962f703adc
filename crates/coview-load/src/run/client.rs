//! Client processes, and what they are told.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::process::Child;
use std::process::ChildStdin;
use std::process::ChildStdout;
use std::process::Stdio;

use super::pin::Core;
use super::pin::Pin;
use super::server::Access;
use super::server::GROUP;
use crate::client::control::Order;
use crate::client::control::Report;
use crate::wire::Peer;

/// A client in a process of its own, which ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Client {
    child: Child,
    orders: Option<ChildStdin>,
    reports: BufReader<ChildStdout>,
}

impl Client {
    pub(crate) fn start(peer: Peer, access: &Access, pin: Pin) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = pin.command(Core::Clients, &program);
        command.args(["client", "--server", peer.word(), "--address"]);
        command.arg(access.address.to_string());
        if let Some(ca) = &access.ca {
            command.arg("--ca").arg(ca);
        }
        if peer == Peer::Coview {
            command.args(["--group", GROUP, "--agent-key"]).arg(&access.agents);
            command.arg("--visitor-key").arg(&access.visitors);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let (Some(orders), Some(reports)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("a client without pipes".to_owned());
        };
        Ok(Self { child, orders: Some(orders), reports: BufReader::new(reports) })
    }

    /// Tells it what to do, without waiting for what comes of it.
    pub(crate) fn tell(&mut self, order: &Order) -> Result<(), String> {
        let mut line = serde_json::to_vec(order).map_err(|error| error.to_string())?;
        line.push(b'\n');
        let orders = self.orders.as_mut().ok_or("the client has no orders any more")?;
        orders.write_all(&line).map_err(|error| format!("the client is gone: {error}"))
    }

    /// What came of the oldest order that was not reported yet.
    pub(crate) fn report(&mut self) -> Result<Report, String> {
        let mut line = String::new();
        let read = self.reports.read_line(&mut line).map_err(|error| error.to_string())?;
        if read == 0 {
            return Err("the client ended before it was told to".to_owned());
        }
        let report = serde_json::from_str(&line).map_err(|error| format!("{error}: {line}"))?;
        if let Report::Failed { why } = report { Err(why) } else { Ok(report) }
    }

    pub(crate) fn obey(&mut self, order: &Order) -> Result<Report, String> {
        self.tell(order)?;
        self.report()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Without orders it ends by itself; and if it hangs, it is ended.
        drop(self.orders.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
