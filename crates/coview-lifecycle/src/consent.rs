use core::fmt;

use coview_wire::SessionId;

use crate::tether::Tether;
use crate::tether::Tied;

/// The visitor's consent to be watched, as a value.
///
/// It is made only by the visitor's own acts: by [`accept`](crate::Visitor::accept) or by
/// [`start_manual`](crate::Visitor::start_manual). It cannot be cloned and there is no constructor,
/// so code that sends the screen asks for a reference to it and cannot run without the visitor's
/// yes. It lives inside the sharing visitor: it is gone with [`end`](crate::Visitor::end), and, if
/// somebody else ended the session, with the step that tells so.
///
/// It says what this side's visitor agreed to over this visitor's own link. The server keeps its
/// own record, and relays nothing without it.
///
/// A [`ScreenPass`](crate::ScreenPass) is tied to it and is over when it is gone.
///
/// ```compile_fail,E0451
/// use coview_lifecycle::Consent;
///
/// # fn session() -> coview_wire::SessionId { coview_wire::SessionId::new(1) }
/// let capability = coview_lifecycle::Capability::View;
/// let forged = Consent { session: session(), capability, tether: Default::default() };
/// ```
pub struct Consent {
    session: SessionId,
    capability: Capability,
    tether: Tether,
}

/// What a consent allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// To see the screen.
    View,
}

/// The visitor has said yes to this session. It is no associated function, so that no compiler offers
/// it to an app.
pub(crate) fn to_view(session: SessionId) -> Consent {
    Consent { session, capability: Capability::View, tether: Tether::default() }
}

impl Consent {
    /// Ties a pass to it; one that was tied before is over.
    pub(crate) fn tie(&mut self) -> Tied {
        self.tether.tie()
    }

    /// The one session it was given for.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// What it allows.
    #[must_use]
    pub const fn capability(&self) -> Capability {
        self.capability
    }
}

/// Two are equal if they were given for the same, whatever is tied to them.
impl PartialEq for Consent {
    fn eq(&self, other: &Self) -> bool {
        self.session == other.session && self.capability == other.capability
    }
}

impl Eq for Consent {}

impl fmt::Debug for Consent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consent")
            .field("session", &self.session)
            .field("capability", &self.capability)
            .finish_non_exhaustive()
    }
}
