use coview_wire::Profile;
use coview_wire::VisitorAssertion;
use coview_wire::VisitorId;

/// Who a visitor is: the visitor id, and with it what proves it and what is known about the person.
///
/// A bare [`VisitorId`] is one, too. A group whose settings say
/// [`assertion_needed`](coview_wire::Settings::assertion_needed) believes an id only with an
/// assertion: a short text the app's own backend has signed.
///
/// ```
/// use coview_lifecycle::Identity;
/// use coview_wire::{Profile, VisitorAssertion, VisitorId};
///
/// # fn from_my_backend() -> String { "header.claims.signature".to_owned() }
/// let assertion = VisitorAssertion::new(from_my_backend())?;
/// let who = Identity::new(VisitorId::new("customer-42")?)
///     .with_assertion(assertion)
///     .with_profile(Profile::new().with_name("Ada")?);
/// # drop(who);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub(crate) visitor: VisitorId,
    pub(crate) assertion: Option<VisitorAssertion>,
    pub(crate) profile: Option<Profile>,
}

impl Identity {
    /// The id alone, without proof.
    #[must_use]
    pub const fn new(visitor: VisitorId) -> Self {
        Self { visitor, assertion: None, profile: None }
    }

    /// With what the app's backend signed to say that this is the visitor. It must name this visitor
    /// id and this group, and is good for a few minutes.
    #[must_use]
    pub fn with_assertion(self, assertion: VisitorAssertion) -> Self {
        Self { assertion: Some(assertion), ..self }
    }

    /// With what is known about the person now. It replaces the profile given when connecting.
    #[must_use]
    pub fn with_profile(self, profile: Profile) -> Self {
        Self { profile: Some(profile), ..self }
    }

    /// The visitor id.
    #[must_use]
    pub const fn visitor(&self) -> &VisitorId {
        &self.visitor
    }
}

impl From<VisitorId> for Identity {
    fn from(visitor: VisitorId) -> Self {
        Self::new(visitor)
    }
}
