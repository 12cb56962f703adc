//! The protocols of the servers that are measured, each written by hand and no larger than this work
//! needs, so that the client costs about the same for all of them.

pub(crate) mod coview;
mod mqtt;
mod nats;
mod resp;
mod websocket;

use std::fmt;

use clap::ValueEnum;
use serde::Deserialize;
use serde::Serialize;

/// A server that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Peer {
    Coview,
    Mosquitto,
    Nats,
    Redis,
}

impl Peer {
    /// Its name as its authors write it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Coview => "coview",
            Self::Mosquitto => "Mosquitto",
            Self::Nats => "NATS",
            Self::Redis => "Redis",
        }
    }

    /// As on the command line.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Coview => "coview",
            Self::Mosquitto => "mosquitto",
            Self::Nats => "nats",
            Self::Redis => "redis",
        }
    }
}

/// Which end of a round trip a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Visitor,
    Agent,
}

/// Who a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) role: Role,
    /// Counted from 0 within the role.
    pub(crate) index: u32,
}

/// What is measured between the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// An agent reaches an idle visitor, who answers: with coview `ask` and `terms_declined`.
    Signal,
    /// The same, and the visitor says in between that the terms are on the screen.
    Terms,
    /// Bytes between two who are connected: with coview a picture and its acknowledgement.
    Relay,
    /// coview only: a session is begun by an accepted ask.
    Open,
    /// coview only: the agent ends it.
    Close,
}

impl Kind {
    /// Who begins a round trip.
    pub(crate) const fn initiator(self) -> Role {
        match self {
            Self::Signal | Self::Terms | Self::Open | Self::Close => Role::Agent,
            Self::Relay => Role::Visitor,
        }
    }

    /// How many messages reach another client in a round trip.
    pub(crate) const fn relayed(self) -> u64 {
        match self {
            Self::Signal | Self::Relay | Self::Open | Self::Close => 2,
            Self::Terms => 3,
        }
    }

    /// Bytes of what a broker is given to pass on, there and back: no more than what coview's clients
    /// receive in the same place. A test holds this to a real server.
    const fn bytes(self) -> (usize, usize) {
        match self {
            Self::Signal | Self::Terms | Self::Open | Self::Close => (228, 56),
            Self::Relay => (73, 18),
        }
    }
}

/// What a connection has to remember for its protocol.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    /// coview: the number of the last message.
    pub(crate) re: u64,
    /// coview: what proves the place after the connection broke.
    pub(crate) secret: Option<Box<str>>,
    /// coview: what the app's or the operator's backend signed for this client.
    pub(crate) proof: Option<Box<str>>,
    /// coview: whether the place is taken up again.
    pub(crate) resumes: bool,
    /// coview: the session this client is in; 0: none.
    pub(crate) session: u64,
    /// coview: the viewer of the visitor's session; 0: none.
    pub(crate) viewer: u32,
}

/// What a server said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said<'a> {
    /// The answer that a step of the set-up waits for.
    Step(&'a [u8]),
    /// Something for the work.
    Signal(&'a [u8]),
    /// Nothing to act on: the answer to a sign of life, or to a publication.
    Noise,
    /// The server wants a sign of life, which is this.
    Beat(&'static [u8]),
    /// What is not part of this work, such as a refusal.
    Wrong(String),
}

/// A message that is whole, and how many bytes it takes.
pub(crate) type Decoded<'a> = Result<Option<(usize, Said<'a>)>, Malformed>;

/// Bytes that are not of the protocol.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// One protocol, as a client speaks it.
pub(crate) trait Wire: fmt::Debug {
    /// Writes what is said at a step of the set-up; the first is step 0. `false`: there is no such
    /// step, the client is online.
    fn step(&self, who: Who, talk: &mut Talk, step: u8, out: &mut Vec<u8>) -> bool;

    /// Reads the first message, with the number of the step that waits for an answer.
    fn decode<'a>(&self, step: Option<u8>, bytes: &'a [u8]) -> Decoded<'a>;

    /// Takes note of an answer to a step. The step that follows is the next one, or what is returned.
    fn answered(&self, _talk: &mut Talk, _payload: &[u8], step: u8) -> u8 {
        step + 1
    }

    /// Writes a sign of life, which the server answers.
    fn ping(&self, out: &mut Vec<u8>);

    /// Begins a round trip from `who` to the other role's `other`.
    fn begin(
        &self,
        kind: Kind,
        who: Who,
        talk: &mut Talk,
        other: u32,
        slot: u16,
        out: &mut Vec<u8>,
    );

    /// Answers, at the end that did not begin.
    fn answer(&self, kind: Kind, who: Who, talk: &mut Talk, payload: &[u8], out: &mut Vec<u8>);

    /// Whether this is the end of a round trip, at the end that began it, and of which slot.
    fn finished(&self, kind: Kind, talk: &mut Talk, payload: &[u8]) -> Option<u16>;
}

/// What a broker is given to pass on: who said it, which slot of theirs it is, and so many bytes.
fn envelope(from: u32, slot: u16, bytes: usize) -> Vec<u8> {
    let mut payload =
        format!(r#"{{"t":"signal","from":"{from:06x}","n":"{slot:04x}","data":""#).into_bytes();
    payload.resize(bytes.saturating_sub(2).max(payload.len()), b'x');
    payload.extend_from_slice(b"\"}");
    payload
}

const FROM: usize = r#"{"t":"signal","from":""#.len();
const SLOT: usize = r#"{"t":"signal","from":"000000","n":""#.len();

/// The short form of an envelope, for the way back where there is little room: the slot only.
fn short_envelope(slot: u16, bytes: usize) -> Vec<u8> {
    let mut payload = format!(r#"{{"n":"{slot:04x}"#).into_bytes();
    payload.resize(bytes.saturating_sub(2).max(payload.len()), b'x');
    payload.extend_from_slice(b"\"}");
    payload
}

/// From whom an envelope is, and its slot.
fn open_envelope(payload: &[u8]) -> Option<(u32, u16)> {
    let from = hex(payload.get(FROM..FROM + 6)?)?;
    let slot = hex(payload.get(SLOT..SLOT + 4)?)?;
    Some((from, u16::try_from(slot).ok()?))
}

fn open_short_envelope(payload: &[u8]) -> Option<u16> {
    u16::try_from(hex(payload.get(6..10)?)?).ok()
}

fn hex(digits: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// A broker's way to begin: a publication to the other's subject.
fn publish(kind: Kind, who: Who, other: u32, slot: u16, put: impl FnOnce(Role, u32, &[u8])) {
    let to = match who.role {
        Role::Visitor => Role::Agent,
        Role::Agent => Role::Visitor,
    };
    put(to, other, &envelope(who.index, slot, kind.bytes().0));
}

/// A broker's way to answer: a publication to the subject of whoever asked.
fn reply(kind: Kind, payload: &[u8], put: impl FnOnce(Role, u32, &[u8])) {
    if let Some((from, slot)) = open_envelope(payload) {
        put(kind.initiator(), from, &short_envelope(slot, kind.bytes().1));
    }
}

/// The letter that a role's subjects begin with.
const fn letter(role: Role) -> char {
    match role {
        Role::Visitor => 'v',
        Role::Agent => 'a',
    }
}

/// The wire of a broker.
pub(crate) fn broker(peer: Peer, heartbeat: u16) -> Option<Box<dyn Wire>> {
    match peer {
        Peer::Coview => None,
        Peer::Mosquitto => Some(Box::new(mqtt::Mqtt { keep_alive: heartbeat.saturating_mul(3) })),
        Peer::Nats => Some(Box::new(nats::Nats)),
        Peer::Redis => Some(Box::new(resp::Resp)),
    }
}

/// What is known of a visitor who is online, in every protocol that keeps it: where the visitor is.
pub(crate) const CARD: &str = r#"{"page":"/basket"}"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_has_the_size_asked_for_and_tells_its_sender() {
        let payload = envelope(9_999, 15, 200);
        assert_eq!(payload.len(), 200);
        assert_eq!(open_envelope(&payload), Some((9_999, 15)));
        assert!(serde_json::from_slice::<serde_json::Value>(&payload).is_ok());
    }

    #[test]
    fn a_short_envelope_tells_its_slot() {
        let payload = short_envelope(15, 18);
        assert_eq!(payload.len(), 18);
        assert_eq!(open_short_envelope(&payload), Some(15));
        assert!(serde_json::from_slice::<serde_json::Value>(&payload).is_ok());
        assert_eq!(open_short_envelope(b"{}"), None);
    }
}
