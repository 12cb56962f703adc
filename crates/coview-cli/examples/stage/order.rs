//! What the stage can be told.

use core::time::Duration;

use coview_hub::Policy;
use coview_wire::AgentRights;
use coview_wire::PresenceData;
use coview_wire::Profile;
use coview_wire::VisitorId;
use serde::Deserialize;
use serde::Deserializer;
use serde::de::Error;
use serde_json::Value;

/// A line of standard input.
pub(crate) struct Line {
    /// Stands in the answer.
    pub(crate) id: u64,
    pub(crate) order: Order,
}

pub(crate) enum Order {
    Stage(StageOrder),
    /// For the visitor of this name.
    Visitor(String, VisitorOrder),
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum StageOrder {
    /// Opens a server on a free port, with the two agents Ada and Grace.
    Serve {
        #[serde(default)]
        policy: PolicyOrder,
    },
    /// Makes a token for an agent who may be limited.
    Token {
        agent: String,
        #[serde(flatten)]
        limits: TokenOrder,
    },
    /// Tells every client goodbye and stops.
    StopServer,
    /// Cuts every connection; no client is told.
    CrashServer,
    /// Serves again at the same port, remembering nothing but the agents' tokens.
    StartServer,
    /// Opens a way to the server that can be cut, and that carries no more than so many bytes a
    /// second from the server if that is said.
    Relay {
        name: String,
        bytes_per_second: Option<u32>,
    },
    Cut {
        name: String,
    },
    Mend {
        name: String,
    },
    /// Connects a visitor, over a relay if one is named.
    Connect {
        name: String,
        over: Option<String>,
        #[serde(default = "often")]
        fps: u8,
        #[serde(default)]
        lossy: bool,
        /// Whether every frame that is captured is a new one that shows its number, for benchmarks.
        #[serde(default)]
        stamped: bool,
    },
}

/// Tests wait for pictures, so they come as often as is sensible.
const fn often() -> u8 {
    60
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PolicyOrder {
    key_unclaimed_ms: Option<u64>,
    terms_unanswered_ms: Option<u64>,
    resume_grace_ms: Option<u64>,
    heartbeat_ms: Option<u64>,
    key_tries: Option<u32>,
    pub(crate) confirm_join: bool,
}

/// What a token allows, and for how long.
#[derive(Deserialize)]
pub(crate) struct TokenOrder {
    pub(crate) seconds: u64,
    /// How many seconds ago it was made.
    #[serde(default)]
    pub(crate) age: u64,
    #[serde(default)]
    pub(crate) once: bool,
    #[serde(default)]
    pub(crate) rights: AgentRights,
}

impl PolicyOrder {
    pub(crate) fn into_policy(self) -> Policy {
        let mut policy = Policy::default();
        policy.key_tries = self.key_tries.unwrap_or(policy.key_tries);
        for (ms, value) in [
            (self.key_unclaimed_ms, &mut policy.key_unclaimed),
            (self.terms_unanswered_ms, &mut policy.terms_unanswered),
            (self.resume_grace_ms, &mut policy.resume_grace),
            (self.heartbeat_ms, &mut policy.heartbeat),
        ] {
            if let Some(ms) = ms {
                *value = Duration::from_millis(ms);
            }
        }
        policy
    }
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum VisitorOrder {
    Identify {
        visitor_id: VisitorId,
        profile: Option<Profile>,
    },
    ConnectPresence {
        data: Option<PresenceData>,
    },
    AppMoved {
        background: bool,
    },
    StartManual,
    TermsDisplayed,
    Accept,
    Decline,
    Confirm,
    Refuse,
    End,
    Disconnect,
    LogOut,
    /// The app dies: its visitor is dropped.
    Drop,
    /// Answers with the state, the key on display and who watches.
    State,
    /// Draws into the visitor's frames.
    Draw {
        what: Drawing,
        /// How many frames, one after the other; the last one stays.
        #[serde(default = "once")]
        frames: u32,
        /// How many frames a second; 0 draws them all at once.
        #[serde(default)]
        fps: u32,
    },
    /// Covers these areas from now on; without any said, what the page itself wants covered.
    Mask {
        areas: Option<Vec<MaskOrder>>,
    },
    /// It is not known any more what is to be covered.
    ForgetMasks,
    Pause,
    Resume,
    /// No frame will come any more.
    Close,
    /// When which frame was captured, in milliseconds since 1970, since this was asked last.
    Stamps,
    /// Writes what a viewer must see, as RGBA bytes.
    Dump {
        path: String,
    },
}

const fn once() -> u32 {
    1
}

/// A step of a generated page, or a page anew.
#[derive(Clone, Copy, Deserialize)]
#[serde(tag = "scene", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Drawing {
    /// A new page.
    Page {
        width: u16,
        height: u16,
        seed: u64,
    },
    Still,
    Typing,
    Scroll {
        lines: u16,
    },
    ColumnScroll,
    ScrollApart,
    Sideways,
    Jump,
    Drag,
    Video,
    Dialog,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MaskOrder {
    pub(crate) x: u16,
    pub(crate) y: u16,
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) label: String,
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut line = serde_json::Map::<String, Value>::deserialize(deserializer)?;
        let id = line.remove("id").and_then(|id| id.as_u64());
        let id = id.ok_or_else(|| D::Error::custom("the order has no id"))?;
        let to = line.remove("to");
        let order = Value::Object(line);
        let order = match to {
            None => serde_json::from_value(order).map(Order::Stage),
            Some(Value::String(name)) => {
                serde_json::from_value(order).map(|order| Order::Visitor(name, order))
            }
            Some(_) => return Err(D::Error::custom("`to` is no name")),
        };
        Ok(Self { id, order: order.map_err(D::Error::custom)? })
    }
}
