use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use core::time::Duration;

use coview_lifecycle::StateKind;
use coview_wire::RefusalCode;

use crate::effects::explanation;
use crate::effects::millis;

/// Why a message is not acted on. A request is answered with it as `refused`, anything else as
/// `problem`.
#[derive(Debug)]
pub(crate) struct No {
    pub(crate) code: RefusalCode,
    /// How long to wait before it is worth trying again, in milliseconds, if that is known.
    pub(crate) retry_ms: Option<u32>,
    words: Cow<'static, str>,
}

impl No {
    /// A no whose code says everything.
    pub(crate) const fn new(code: RefusalCode) -> Self {
        Self::because(code, "")
    }

    pub(crate) const fn because(code: RefusalCode, words: &'static str) -> Self {
        Self { code, retry_ms: None, words: Cow::Borrowed(words) }
    }

    /// Too many wrong keys; after this long it is worth trying again.
    pub(crate) fn wait(wait: Duration) -> Self {
        // Rounded up: who comes back then is not too early.
        let wait = wait.saturating_add(Duration::from_micros(999));
        Self { retry_ms: Some(millis(wait)), ..Self::new(RefusalCode::TooManyTries) }
    }

    /// The verb is not in the table for this state.
    pub(crate) fn order(verb: &str, state: StateKind) -> Self {
        let words = Cow::Owned(format!("{verb} is not possible in the state {state}"));
        Self { code: RefusalCode::IllegalOrder, retry_ms: None, words }
    }

    pub(crate) fn malformed(error: &coview_wire::DecodeError) -> Self {
        match error {
            coview_wire::DecodeError::UnknownType { .. } => Self::new(RefusalCode::UnknownType),
            coview_wire::DecodeError::TooLong { .. }
            | coview_wire::DecodeError::Malformed { .. } => {
                // A fault may quote a field name of the message, which may hold anything.
                let words = format!("{error}").replace(char::is_control, " ");
                Self { code: RefusalCode::Malformed, retry_ms: None, words: Cow::Owned(words) }
            }
        }
    }

    /// The words for the message, cut to the protocol's limit.
    pub(crate) fn explanation(&self) -> Option<Box<str>> {
        explanation(&self.words)
    }
}

impl From<RefusalCode> for No {
    fn from(code: RefusalCode) -> Self {
        Self::new(code)
    }
}
