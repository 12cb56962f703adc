//! Processes this program starts and ends, the processor time they take, and the bytes of their
//! connections.

use std::error::Error;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

/// A process of ours, ended when it is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts a program whose output can be read; what it says on standard error is
    /// nobody's business.
    pub(crate) fn start(command: &mut Command) -> Result<Self, Box<dyn Error>> {
        let started = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        Ok(Self { child: started })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn lines(&mut self) -> std::io::Lines<BufReader<ChildStdout>> {
        BufReader::new(self.child.stdout.take().expect("the output is taken once")).lines()
    }

    /// The processor time of all its threads so far, in user and in kernel mode.
    pub(crate) fn cpu(&self) -> Result<Duration, Box<dyn Error>> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.id()))?;
        // The name of the program is in brackets and may hold spaces.
        let (_, fields) = text.rsplit_once(')').ok_or("an unknown form of /proc/PID/stat")?;
        let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u64>);
        let (user, kernel) =
            ticks.next().zip(ticks.next()).ok_or("an unknown form of /proc/PID/stat")?;
        // On Linux a tick is 10 ms for whoever reads it from outside the kernel.
        Ok(Duration::from_millis(10 * (user? + kernel?)))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Asked first: an X server that is killed leaves its lock behind.
        let _ = Command::new("kill").args(["-TERM", &self.id().to_string()]).status();
        for _ in 0..100 {
            if let Ok(Some(_)) = self.child.try_wait() {
                return;
            }
            sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Is there a program of this name?
pub(crate) fn is_installed(program: &str) -> bool {
    #[expect(clippy::disallowed_methods, reason = "a benchmark looks for programs")]
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':').any(|folder| Path::new(folder).join(program).is_file())
}

/// What one process has sent and received on its TCP connections to a port, as the kernel counts
/// it: bytes of payload, without the heads of packets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bytes {
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

pub(crate) fn bytes(process: u32, port: u16) -> Result<Bytes, Box<dyn Error>> {
    let output = Command::new("ss").args(["-tinpHO", &format!("dport = :{port}")]).output()?;
    let text = String::from_utf8(output.stdout)?;
    let whose = format!("pid={process},");
    let mut bytes = Bytes::default();
    for line in text.lines().filter(|line| line.contains(&whose)) {
        let field = |name: &str| {
            line.split_whitespace()
                .find_map(|field| field.strip_prefix(name))
                .and_then(|number| number.parse::<u64>().ok())
                .unwrap_or_default()
        };
        bytes.sent += field("bytes_acked:");
        bytes.received += field("bytes_received:");
    }
    Ok(bytes)
}
