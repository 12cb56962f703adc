use serde::Deserialize;

use crate::audit::AuditConfig;
use crate::audit::Retention;
use crate::config::Faults;

/// The section `[audit]`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditFile {
    head_lines: Option<u32>,
    head_after_seconds: Option<u32>,
    visitor_days: Option<u32>,
    agent_days: Option<u32>,
    address_days: Option<u32>,
}

impl AuditFile {
    pub(super) fn into_audit(self, faults: &mut Faults) -> AuditConfig {
        let default = AuditConfig::default();
        let mut days = |key: &str, given: Option<u32>| {
            if given == Some(0) {
                faults.add(format!("audit.{key} is 0; leave it out to keep the field for ever"));
            }
            given
        };
        let retention = Retention {
            visitor_days: days("visitor_days", self.visitor_days),
            agent_days: days("agent_days", self.agent_days),
            address_days: days("address_days", self.address_days),
        };
        AuditConfig {
            head_lines: faults.at_least_one(
                "audit.head_lines",
                self.head_lines,
                default.head_lines,
            ),
            head_after: faults.seconds(
                "audit.head_after_seconds",
                self.head_after_seconds,
                default.head_after,
            ),
            retention,
        }
    }
}
