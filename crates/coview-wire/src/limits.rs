//! Hard limits of the protocol. They are part of version 1: a peer that exceeds one is told so and
//! nothing of the message is kept.
//!
//! Lengths of text are counted in Unicode scalar values unless a name says *bytes*.

/// The longest text message in bytes, in either direction.
pub const MESSAGE_BYTES: usize = 64 * 1024;
/// The longest binary message in bytes, in either direction. A longer update of the picture goes in
/// parts, so that no other message waits long behind one.
pub const PICTURE_BYTES: usize = 512 * 1024;
/// The most viewers one binary message of a visitor is addressed to.
pub const VIEWERS: usize = 64;
/// The longest visitor id. The source page's successors disagree (62, 63 or 100); the smallest holds.
pub const VISITOR_ID: usize = 62;
/// The longest group id.
pub const GROUP_ID: usize = 32;
/// The longest agent id.
pub const AGENT_ID: usize = 62;
/// The longest display name of an agent.
pub const AGENT_NAME: usize = 64;
/// The longest name in a profile.
pub const PROFILE_NAME: usize = 63;
/// The longest e-mail address in a profile.
pub const PROFILE_EMAIL: usize = 127;
/// The longest phone number in a profile.
pub const PROFILE_PHONE: usize = 31;
/// The longest client token, agent token, visitor assertion or resume secret in bytes.
pub const TOKEN_BYTES: usize = 4 * 1024;
/// The most entries of presence data.
pub const PRESENCE_ENTRIES: usize = 32;
/// The longest key of a presence entry.
pub const PRESENCE_KEY: usize = 64;
/// The longest value of a presence entry.
pub const PRESENCE_VALUE: usize = 256;
/// The most bytes of presence data, keys and values together.
pub const PRESENCE_BYTES: usize = 4 * 1024;
/// The longest version label of terms.
pub const TERMS_VERSION: usize = 64;
/// The longest text of terms.
pub const TERMS_TEXT: usize = 8 * 1024;
/// The longest language tag of terms.
pub const TERMS_LANGUAGE: usize = 35;
/// The most visitor ids an agent's token may be restricted to.
pub const RIGHTS_VISITORS: usize = 64;
/// The longest explanation in a refusal or a problem.
pub const EXPLANATION: usize = 256;
/// The shortest session key in digits, check digit included.
pub const KEY_DIGITS_MIN: u8 = 6;
/// The longest session key in digits, check digit included.
pub const KEY_DIGITS_MAX: u8 = 12;
/// The largest number a numeric id may have: what every JSON reader keeps exactly (2^53 − 1).
pub const NUMBER_MAX: u64 = (1 << 53) - 1;
/// The most guests of one session that are listed by name; the count is always exact.
pub const GUESTS: usize = 64;
/// The most visitors in one `roster` message.
pub const ROSTER_PAGE: usize = 32;
