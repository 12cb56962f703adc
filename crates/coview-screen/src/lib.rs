//! The picture of a shared screen: frames, masks and the codec between a sharer and its viewers.
//!
//! # What it does not do
//!
//! - It opens no socket, reads no clock and starts no thread: the time and what was received come
//!   in, bodies to send come out.
//! - It knows no session and no consent; who may see the picture is decided elsewhere.

mod app_frames;
mod body;
mod canvas;
mod decoder;
mod encoder;
mod frame;
#[cfg(feature = "generated")]
pub mod generated;
mod geometry;
mod mask;
mod masked;
mod moves;
mod pack;
mod source;
mod status;
#[cfg(test)]
mod story;
mod tiles;
mod unpack;
mod vp8l;
mod window;

pub use crate::app_frames::AppFrames;
pub use crate::app_frames::AppSource;
pub use crate::app_frames::app_frames;
pub use crate::decoder::DecodeError;
pub use crate::decoder::Decoded;
pub use crate::decoder::Decoder;
pub use crate::encoder::Encoder;
pub use crate::encoder::EncoderConfig;
pub use crate::encoder::Input;
pub use crate::encoder::Output;
pub use crate::frame::Damage;
pub use crate::frame::Frame;
pub use crate::frame::FrameError;
pub use crate::geometry::Rect;
pub use crate::geometry::Size;
pub use crate::mask::Mask;
pub use crate::mask::MaskError;
pub use crate::mask::MaskHandle;
pub use crate::mask::MaskState;
pub use crate::mask::Masks;
pub use crate::source::Capture;
pub use crate::source::FrameSource;
pub use crate::status::Status;
