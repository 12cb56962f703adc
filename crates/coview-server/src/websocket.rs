//! RFC 6455 as a server speaks it, without I/O: bytes in and messages out, messages in and bytes out.
//!
//! It is public for the fuzz target only, which is a crate of its own, and no part of the API.

#[cfg(test)]
mod oracle;
mod reading;
#[cfg(test)]
mod tests;
mod writing;

pub use tungstenite::protocol::frame::coding::CloseCode;

pub use self::reading::Broken;
pub use self::reading::Fresh;
pub use self::reading::Goodbye;
pub use self::reading::Heard;
pub use self::reading::Reader;
pub use self::writing::binary;
pub use self::writing::close;
pub use self::writing::part;
pub use self::writing::pong;
pub use self::writing::text;
