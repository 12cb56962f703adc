//! A core for the servers and one for the clients.

use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;

use super::server::found;

/// Who is to be put on a core.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Core {
    Servers,
    Clients,
}

/// Whether processes are pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pin {
    Apart,
    No,
}

impl Pin {
    /// Pins where there are two cores and `taskset`; else says why not.
    pub(crate) fn wanted() -> Result<Self, String> {
        if available_parallelism().map_or(1, usize::from) < 2 {
            return Err("there is one core only".to_owned());
        }
        found("taskset").map(|_| Self::Apart)
    }

    pub(crate) fn command(self, core: Core, program: &Path) -> Command {
        match self {
            Self::No => Command::new(program),
            Self::Apart => {
                // It becomes the program, so the process is the program's.
                let mut command = Command::new("taskset");
                let core = match core {
                    Core::Servers => "0",
                    Core::Clients => "1",
                };
                command.args(["--cpu-list", core]).arg(program);
                command
            }
        }
    }
}
