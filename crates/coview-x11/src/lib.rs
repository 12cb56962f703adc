//! An X11 display, or one window of it, as a source of frames for a shared screen.
//!
//! # What it does not do
//!
//! - It needs no system package to build and calls no C: it speaks the X protocol by itself.
//! - It contains no `unsafe`. The display's shared memory is read like a file, so nobody else can
//!   change bytes under a reference.
//! - It draws nothing, moves nothing and types nothing; of the keyboard it knows nothing at all.
//! - It does not decide what is to be covered: that is said by a [`MaskHandle`].
//!
//! # What it does
//!
//! [`X11Source`] is a [`FrameSource`]. Each capture asks the server in one round trip what has been
//! drawn since the one before, reads those areas only, and draws the cursor into them.
//!
//! ```no_run
//! use coview_screen::{Capture, Frame, FrameSource, MaskHandle, Masks};
//! use coview_x11::{Target, X11Source};
//!
//! let mut source = X11Source::open(None, Target::Root, MaskHandle::new(Masks::none()))?;
//! let mut frame = Frame::blank(source.size())?;
//! if let Capture::Frame { damage, .. } = source.capture(&mut frame) {
//!     println!("{damage:?} of {} changed", frame.size());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What the server has to offer
//!
//! | extension | without it |
//! |---|---|
//! | MIT-SHM 1.2 | pixels come through the socket: right, but several times slower |
//! | DAMAGE and XFIXES | every capture reads the whole picture, and no cursor is drawn |
//! | Composite | the whole display can be shared, one window cannot |
//!
//! A window is read from the memory it is drawn to, not from the display. So what covers it is never
//! seen, and what is covered, or beyond the display's edge, is seen all the same. Menus and dialogs
//! are windows of their own and are not part of the picture.

#![cfg(unix)]

mod cursor;
mod error;
mod pixels;
mod reader;
mod region;
mod source;

pub use crate::error::X11Error;
pub use crate::source::Target;
pub use crate::source::X11Source;

#[cfg(doc)]
use coview_screen::FrameSource;
#[cfg(doc)]
use coview_screen::MaskHandle;
