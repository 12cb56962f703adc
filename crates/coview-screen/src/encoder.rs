use std::collections::VecDeque;

use coview_wire::Deadline;
use coview_wire::Moment;
use coview_wire::ViewerId;

use crate::frame::Damage;
use crate::frame::Frame;
use crate::mask::MaskState;

/// The sharer's end: frames and what viewers say go in, bodies of `Picture` messages come out.
#[derive(Debug)]
pub struct Encoder {
    #[expect(dead_code, reason = "not used yet")]
    config: EncoderConfig,
    outputs: VecDeque<Output>,
}

/// What may be chosen about an [`Encoder`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncoderConfig {
    /// Whether busy areas may be sent as JPEG while they move. They are repaired when they rest.
    pub lossy: bool,
}

impl Default for EncoderConfig {
    fn default() -> Self {
        Self { lossy: true }
    }
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// A viewer begins to watch; it has no picture yet.
    Joined(ViewerId),
    /// A viewer does not watch any more.
    Left(ViewerId),
    /// A viewer has drawn an update.
    Acknowledged {
        /// The viewer.
        viewer: ViewerId,
        /// The number of the update.
        number: u32,
    },
    /// A viewer needs a whole picture.
    Refresh(ViewerId),
    /// The connection to the server was lost: all viewers are forgotten. They will join again.
    Reset,
    /// The source has a new frame.
    Frame {
        /// The pixels, as captured; masks are applied here.
        frame: &'a Frame,
        /// Where it differs from the frame before.
        damage: &'a Damage,
        /// What is to be covered.
        masks: &'a MaskState,
    },
    /// The source has the same frame and the same masks as before.
    Unchanged,
    /// The source pauses.
    Paused,
    /// The source has ended.
    Gone,
    /// The moment has come that [`Output::Idle`] named.
    Timeout,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this body to these viewers; at least one, at most `coview_wire::limits::VIEWERS`.
    Send {
        /// For whom.
        viewers: Vec<ViewerId>,
        /// The body of a `coview_wire::Picture`.
        body: Vec<u8>,
    },
    /// Nothing more to do before the next input.
    Idle {
        /// When to say [`Input::Timeout`] at the latest.
        wake_at: Option<Deadline>,
    },
}

impl Encoder {
    /// An encoder without viewers and without a picture.
    #[must_use]
    pub fn new(config: EncoderConfig) -> Self {
        Self { config, outputs: VecDeque::new() }
    }

    /// Takes in what happened. Drain [`poll_output`](Self::poll_output) afterwards.
    pub fn handle_input(&mut self, now: Moment, input: Input<'_>) {
        let _ = (now, input);
    }

    /// What is to be done next; call it until it says [`Output::Idle`].
    #[must_use]
    pub fn poll_output(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or(Output::Idle { wake_at: None })
    }

    /// Whether there is anybody to see a frame. If not, there is no need to capture any.
    #[must_use]
    pub fn wants_frames(&self) -> bool {
        false
    }
}
