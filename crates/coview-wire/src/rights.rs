use alloc::vec::Vec;

use serde::Deserialize;
use serde::Deserializer;

use crate::codec::list;
use crate::codec::payload;
use crate::id::VisitorId;
use crate::limits;

payload! {
    /// What an agent's token lets the agent do, as its issuer wrote it. The default is everything.
    ///
    /// ```
    /// use coview_wire::{AgentRights, VisitorId};
    ///
    /// let ada = VisitorId::new("customer-42")?;
    /// let mut rights = AgentRights::default();
    /// assert!(rights.allows(&ada) && rights.manual_keys && !rights.view_only);
    ///
    /// rights.visitors = Some(vec![ada.clone()]);
    /// assert!(rights.allows(&ada));
    /// assert!(!rights.allows(&VisitorId::new("customer-43")?));
    /// # Ok::<(), coview_wire::IdError>(())
    /// ```
    pub struct AgentRights {
        /// Only these visitors may be seen, asked and joined; absent: all of the group. At most 64.
        #[serde(default, deserialize_with = "visitors", skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", schemars(length(max = limits::RIGHTS_VISITORS)))]
        pub visitors: Option<Vec<VisitorId>>,
        /// The agent sees and leaves; it ends no session for others and removes nobody.
        #[serde(
            default,
            deserialize_with = "crate::codec::or_default",
            skip_serializing_if = "core::ops::Not::not"
        )]
        #[cfg_attr(feature = "schema", schemars(with = "Option<bool>"))]
        pub view_only: bool,
        /// Whether the agent may join with a key.
        #[serde(default = "yes", deserialize_with = "yes_unless_told", skip_serializing_if = "is_true")]
        #[cfg_attr(feature = "schema", schemars(with = "Option<bool>"))]
        pub manual_keys: bool,
        /// The most agents, this one included, that may be in a session this agent is in; absent:
        /// what the policy says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub max_guests: Option<u32>,
    }
}

impl Default for AgentRights {
    fn default() -> Self {
        Self { visitors: None, view_only: false, manual_keys: true, max_guests: None }
    }
}

impl AgentRights {
    /// Whether nothing is restricted.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the agent may see, ask and join this visitor.
    #[must_use]
    pub fn allows(&self, visitor: &VisitorId) -> bool {
        self.visitors.as_ref().is_none_or(|allowed| allowed.contains(visitor))
    }
}

const fn yes() -> bool {
    true
}

fn yes_unless_told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_else(yes))
}

const fn is_true(it: &bool) -> bool {
    *it
}

fn visitors<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<VisitorId>>, D::Error> {
    struct Visitors(Vec<VisitorId>);
    impl<'de> Deserialize<'de> for Visitors {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            list("list of visitor ids", limits::RIGHTS_VISITORS, deserializer).map(Self)
        }
    }
    Ok(Option::<Visitors>::deserialize(deserializer)?.map(|it| it.0))
}
