//! The picture of a shared screen: frames, masks and the codec between a sharer and its viewers.
//!
//! # What it does not do
//!
//! - It opens no socket, reads no clock and starts no thread: the time and what was received come
//!   in, bodies to send come out.
//! - It knows no session and no consent. Who may see the picture is decided where bodies are sent.
//! - It keeps no frame. What the [`Encoder`] keeps is the newest picture with its masked areas covered;
//!   when nobody watches, even that is not shown to anybody before the source has confirmed it.
//!
//! # What it does
//!
//! A [`FrameSource`] hands out frames: [`AppFrames`] those an app pushes, `generated::GeneratedPage`
//! (feature `generated`) a page that draws itself, other crates those of a display. The
//! [`Encoder`] turns them into bodies for each viewer, and the [`Decoder`] turns these into the picture
//! again, pixel by pixel the same. How bodies look is written for viewers in any language in
//! `docs/protocol.md`, *Binary messages*.
//!
//! A frame goes through these steps:
//!
//! | step | file |
//! |---|---|
//! | cover what is masked; nothing else sees the frame | `masked.rs` |
//! | find the tiles that differ from the newest picture | `canvas.rs`, `tiles.rs` |
//! | find what has only moved, in any direction, several areas apart | `moves.rs` |
//! | merge what is left into rectangles; fills, images, JPEG where it keeps moving | `pack.rs` |
//! | write lossless images | `vp8l.rs` |
//! | send to each viewer what it lacks, as fast as it acknowledges | `encoder.rs`, `window.rs` |
//!
//! # What viewers may count on
//!
//! - Once the picture rests, every viewer's picture equals the masked source; with
//!   [`EncoderConfig::lossy`] off it does at every update.
//! - A slow viewer gets the newest picture next, not a queue of old ones: what it missed is
//!   remembered as a set of tiles.
//! - If it is not known what is to be masked, or the masks were laid out for another size, the
//!   picture is one flat colour and the status is [`Status::Blank`].
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `generated` | no | a page that draws itself, for demos, tests and benchmarks without a display |

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
