use coview_wire::Moment;

use crate::config::HubConfig;
use crate::io::Input;
use crate::io::Output;
use crate::stats::Stats;

/// The server's logic.
#[derive(Debug)]
pub struct Hub {}

impl Hub {
    /// A hub without connections. `seed` must come from the operating system's generator: keys and
    /// resume secrets are drawn from it.
    #[must_use]
    pub fn new(config: HubConfig, seed: [u8; 32]) -> Self {
        drop(config);
        let _ = seed;
        Self {}
    }

    /// Takes in what happened.
    pub fn handle_input(&mut self, now: Moment, input: Input<'_>) {
        let _ = (now, input);
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Output {
        Output::Idle { wake_at: None }
    }

    /// How things are.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::default()
    }
}
