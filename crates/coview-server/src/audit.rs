//! The audit log of the server: which events are recorded, and how words wait for their records.

use core::time::Duration;

pub use coview_audit::Retention;

/// How the server keeps its audit logs. They are in the folder `audit` of its data directory, a file
/// for each group; without a data directory there are none, and events go to the server's own log
/// only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditConfig {
    /// After how many lines there is a signature, at least 1. Default 1,000, some 0.6 MB.
    pub head_lines: u32,
    /// How old a line gets before it is signed, if there were not so many. Default 1 minute.
    pub head_after: Duration,
    /// For how many days personal fields are kept. Default: for ever.
    pub retention: Retention,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            head_lines: 1_000,
            head_after: Duration::from_secs(60),
            retention: Retention::default(),
        }
    }
}
