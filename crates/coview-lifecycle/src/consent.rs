use coview_wire::SessionId;

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
/// ```compile_fail,E0451
/// use coview_lifecycle::Consent;
///
/// # fn session() -> coview_wire::SessionId { coview_wire::SessionId::new(1) }
/// let forged = Consent { session: session(), capability: coview_lifecycle::Capability::View };
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Consent {
    session: SessionId,
    capability: Capability,
}

/// What a consent allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// To see the screen.
    View,
}

impl Consent {
    pub(crate) const fn to_view(session: SessionId) -> Self {
        Self { session, capability: Capability::View }
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
