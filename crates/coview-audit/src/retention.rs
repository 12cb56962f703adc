use core::time::Duration;

use coview_wire::UnixTime;

use crate::record::Personal;

/// How long personal fields are kept. The lines themselves stay.
///
/// ```
/// use coview_audit::{Personal, Retention};
///
/// let retention = Retention { address_days: Some(7), ..Retention::default() };
/// assert_eq!(retention.days(Personal::Address), Some(7));
/// assert_eq!(retention.days(Personal::Visitor), None, "for ever");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Retention {
    /// Days until a visitor's id is removed; `None`: never.
    pub visitor_days: Option<u32>,
    /// Days until an agent's id and name are removed; `None`: never.
    pub agent_days: Option<u32>,
    /// Days until a network address is removed; `None`: never.
    pub address_days: Option<u32>,
}

impl Retention {
    /// For how many days a field is kept.
    #[must_use]
    pub const fn days(&self, field: Personal) -> Option<u32> {
        match field {
            Personal::Visitor => self.visitor_days,
            Personal::Agent | Personal::AgentName => self.agent_days,
            Personal::Address => self.address_days,
        }
    }

    /// Lines written before this time lose the field.
    pub(crate) fn before(&self, field: Personal, now: UnixTime) -> Option<UnixTime> {
        let kept = Duration::from_secs(u64::from(self.days(field)?) * 24 * 60 * 60);
        Some(UnixTime::new(now.get().saturating_sub(kept.as_secs())))
    }
}
