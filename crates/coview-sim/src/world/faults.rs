//! What TCP would not do and a broken middlebox does, and machines that sleep.

use core::net::IpAddr;
use core::time::Duration;
use std::sync::Arc;

use coview_hub::ConnId;
use coview_wire::AgentMessage;
use coview_wire::AgentNotice;
use coview_wire::ClientMessage;
use coview_wire::Message;
use coview_wire::ServerMessage;

use crate::checker::Seen;
use crate::client::ClientId;
use crate::coverage::FaultKind;
use crate::coverage::Item;
use crate::network::Cut;
use crate::network::Delivery;
use crate::network::Direction;
use crate::network::Parcel;
use crate::queue::Ticket;
use crate::world::Due;
use crate::world::Given;
use crate::world::World;
use crate::world::kind_of;

/// What becomes of a single message that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tamper {
    /// It never arrives, and what comes after it does.
    Lose,
    /// It arrives twice.
    Double,
    /// Some of its bytes are others. What is left is no message: one that is would be a forgery,
    /// which the TLS below excludes.
    Garble(u32),
    /// Its end is missing.
    Truncate,
    /// The first message on a connection asks for another version of the protocol; any other is of a
    /// type nobody knows, under the same number.
    Replace,
    /// The first message on a connection names a group nobody serves; any other is replaced.
    Misdirect,
    /// The first message on a connection is one that may only come later; any other one comes where
    /// it is not legal, under the same number.
    Misplace,
}

impl Tamper {
    /// Every way there is, one of each.
    pub const ALL: [Self; 7] = [
        Self::Lose,
        Self::Double,
        Self::Garble(7),
        Self::Truncate,
        Self::Replace,
        Self::Misdirect,
        Self::Misplace,
    ];
}

/// A machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Machine {
    Hub,
    Of(ClientId),
}

/// Where a client's connections come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct From {
    pub(crate) page: Option<String>,
    pub(crate) address: Option<IpAddr>,
}

/// What was done to the messages of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Harm {
    /// What the engine itself began the connection with, or the hub's answer to it, never came:
    /// whatever else comes has no meaning.
    pub(crate) headless: bool,
}

/// How many messages a client was given that no well-made hub would send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Excused {
    /// Texts that are no messages.
    pub(crate) undecodable: u64,
    /// Messages that came twice, or after one that was lost.
    pub(crate) unexpected: u64,
}

/// # A broken middlebox
impl World {
    /// Something becomes of the message that is the next to arrive on a client's connection in a
    /// direction; false if there is none. Pictures on their way to an agent are left alone: they
    /// wait at the hub, not in the network.
    ///
    /// Where a message was lost or changed, both sides mean something else, and nothing in the
    /// protocol would tell them as long as the connection stands. So [`heal`](Self::heal) cuts
    /// such a connection: what comes after it must agree again. A signal of a client is answered by
    /// nobody, and the next answer would count for it, too: its loss takes the connection with it.
    pub fn tamper(
        &mut self,
        client: impl Into<ClientId>,
        direction: Direction,
        tamper: Tamper,
    ) -> bool {
        let client = client.into();
        let Some(conn) = self.conn(client) else { return false };
        let next = self.queue.entries().find_map(|(ticket, due)| match due {
            Due::Network(Delivery::Parcel(
                on,
                to,
                parcel @ (Parcel::Text(_) | Parcel::Binary(_)),
            )) if *on == conn && *to == direction => Some((ticket, parcel.clone())),
            Due::Network(_) | Due::HubWakes | Due::ClientWakes(_) | Due::Awakes(_) => None,
        });
        let Some((ticket, parcel)) = next else { return false };
        let kind = match &parcel {
            Parcel::Text(text) => kind_of(text).to_owned(),
            Parcel::Binary(_)
            | Parcel::Picture(_)
            | Parcel::Spoiled(_)
            | Parcel::SpoiledBinary(_)
            | Parcel::Again(_)
            | Parcel::AgainBinary(_)
            | Parcel::Handshake
            | Parcel::End => "something about a picture".to_owned(),
        };
        let words = match tamper {
            Tamper::Lose => "loses",
            Tamper::Double => "doubles",
            Tamper::Garble(_) => "garbles",
            Tamper::Truncate => "truncates",
            Tamper::Replace => "replaces",
            Tamper::Misdirect => "misdirects",
            Tamper::Misplace => "misplaces",
        };
        let way = match direction {
            Direction::Up => "from",
            Direction::Down => "for",
        };
        let name = self.notes.timeline.name_of(client).to_owned();
        self.notes.reached(Item::Fault(FaultKind::tamper(direction, tamper)));
        self.notes.network(format!("{words} {kind} {way} {name}"));
        if tamper == Tamper::Double {
            let again = match parcel {
                Parcel::Text(text) => Parcel::Again(text),
                Parcel::Binary(bytes) => Parcel::AgainBinary(bytes),
                other @ (Parcel::Picture(_)
                | Parcel::Spoiled(_)
                | Parcel::SpoiledBinary(_)
                | Parcel::Again(_)
                | Parcel::AgainBinary(_)
                | Parcel::Handshake
                | Parcel::End) => other,
            };
            self.queue.put(ticket.at(), Delivery::Parcel(conn, direction, again).into());
        } else {
            self.harm(conn, client, direction, ticket, parcel, tamper);
        }
        true
    }

    fn harm(
        &mut self,
        conn: ConnId,
        client: ClientId,
        direction: Direction,
        ticket: Ticket,
        parcel: Parcel,
        tamper: Tamper,
    ) {
        let signal = match &parcel {
            Parcel::Text(text) => direction == Direction::Up && !is_answered(kind_of(text)),
            Parcel::Binary(_)
            | Parcel::Picture(_)
            | Parcel::Spoiled(_)
            | Parcel::SpoiledBinary(_)
            | Parcel::Again(_)
            | Parcel::AgainBinary(_)
            | Parcel::Handshake
            | Parcel::End => false,
        };
        let harm = self.harmed.entry(conn).or_default();
        let spoiled = match parcel {
            Parcel::Text(text) => {
                harm.headless |= is_of_engine(&text);
                if direction == Direction::Up
                    && let ClientId::Visitor(_) = client
                    && let Ok(message) = ClientMessage::decode(&text)
                {
                    self.notes.see(Seen::Lost { client, message: &message });
                }
                match tamper {
                    Tamper::Lose | Tamper::Double => None,
                    Tamper::Garble(seed) => Some(garbled(client, direction, &text, seed)),
                    Tamper::Truncate => Some(truncated(&text)),
                    Tamper::Replace => Some(replaced(&text)),
                    Tamper::Misdirect => Some(misdirected(&text)),
                    Tamper::Misplace if direction == Direction::Up => {
                        Some(misplaced(client, &text))
                    }
                    Tamper::Misplace => Some(replaced(&text)),
                }
                .map(|text| Parcel::Spoiled(text.into()))
            }
            Parcel::Binary(bytes) => match tamper {
                Tamper::Lose | Tamper::Double => None,
                Tamper::Garble(_) | Tamper::Replace | Tamper::Misdirect | Tamper::Misplace => {
                    // The first byte says what it is; no message has this one.
                    let mut bytes = bytes.to_vec();
                    bytes.iter_mut().take(1).for_each(|byte| *byte = 0xff);
                    Some(Parcel::SpoiledBinary(bytes.into()))
                }
                Tamper::Truncate => Some(Parcel::SpoiledBinary(bytes[..bytes.len().min(4)].into())),
            },
            Parcel::Picture(_)
            | Parcel::Spoiled(_)
            | Parcel::SpoiledBinary(_)
            | Parcel::Again(_)
            | Parcel::AgainBinary(_)
            | Parcel::Handshake
            | Parcel::End => None,
        };
        match spoiled {
            Some(parcel) => {
                self.queue.change(ticket, Delivery::Parcel(conn, direction, parcel).into());
            }
            None => self.queue.cancel(ticket),
        }
        if signal {
            self.cut(client, Cut::BothNotice);
        }
    }

    /// Something arrives that its sender did not say like this.
    pub(super) fn deliver_spoiled(&mut self, conn: ConnId, direction: Direction, text: &Arc<str>) {
        match direction {
            Direction::Up => {
                self.notes.network(format!("brings the hub {} bytes nobody said", text.len()));
                self.excused_hub += 1;
                self.hub_takes(Some(conn), coview_hub::Input::Text { conn, text });
            }
            Direction::Down => {
                if let Some(client) = self.listener(conn) {
                    self.notes.hears(client, Arc::clone(text));
                    let excused = self.excused.entry(client).or_default();
                    excused.undecodable += 1;
                    excused.unexpected += 1;
                    self.give(client, Given::Text(text));
                }
            }
        }
    }

    /// The same, binary.
    pub(super) fn deliver_spoiled_binary(
        &mut self,
        conn: ConnId,
        direction: Direction,
        bytes: &[u8],
    ) {
        match direction {
            Direction::Up => {
                self.notes.network(format!("brings the hub {} bytes nobody said", bytes.len()));
                self.excused_hub += 1;
                self.notes.checker.excuse_picture(true);
                self.hub_takes(Some(conn), coview_hub::Input::Binary { conn, bytes });
                self.notes.checker.excuse_picture(false);
            }
            Direction::Down => {
                if let Some(client) = self.listener(conn) {
                    self.excused.entry(client).or_default().unexpected += 1;
                    self.give(client, Given::Binary(bytes));
                }
            }
        }
    }

    /// Something that arrives on a connection may have no meaning because of what was done before.
    pub(super) fn excuse(&mut self, conn: ConnId, again: bool) {
        let headless = self.harmed.get(&conn).is_some_and(|harm| harm.headless);
        if (again || headless)
            && let Some(client) = self.listener(conn)
        {
            self.excused.entry(client).or_default().unexpected += 1;
        }
    }

    /// What a client was given that is nobody's fault.
    pub(crate) fn excused(&self, client: ClientId) -> Excused {
        self.excused.get(&client).copied().unwrap_or_default()
    }

    /// How much the hub was given that is nobody's fault.
    pub(crate) const fn excused_hub(&self) -> u64 {
        self.excused_hub
    }

    /// Connections on which messages were lost or changed end: a fault below them would end them,
    /// too.
    pub(super) fn cut_harmed(&mut self) {
        for (conn, _) in core::mem::take(&mut self.harmed) {
            self.network.cut(&mut self.queue, self.notes.now, conn, Cut::BothNotice);
        }
    }
}

/// # Machines that sleep
impl World {
    /// A client's machine sleeps for so long: its engine is not woken and hears nothing, and then
    /// everything at once.
    pub fn sleep(&mut self, client: impl Into<ClientId>, time: Duration) {
        let client = client.into();
        if self.gone(client).is_none() {
            self.notes.reached(Item::Fault(FaultKind::ClientSleeps));
            self.notes.client(client, format!("sleeps for {time:?}"));
            self.falls_asleep(Machine::Of(client), time);
        }
    }

    /// The hub's machine sleeps for so long; the same.
    pub fn sleep_hub(&mut self, time: Duration) {
        if self.hub.is_some() {
            self.notes.reached(Item::Fault(FaultKind::HubSleeps));
            self.notes.hub(format!("sleeps for {time:?}"));
            self.falls_asleep(Machine::Hub, time);
        }
    }

    fn falls_asleep(&mut self, machine: Machine, time: Duration) {
        self.asleep.entry(machine).or_default();
        self.queue.put(self.notes.now + time, Due::Awakes(machine));
    }

    /// A machine wakes, and everything that waited for it happens now; nothing happens if it is
    /// awake.
    pub(crate) fn wake(&mut self, machine: Machine) {
        let Some(held) = self.asleep.remove(&machine) else { return };
        match machine {
            Machine::Hub => self.notes.hub("wakes"),
            Machine::Of(client) => self.notes.client(client, "wakes"),
        }
        for due in held {
            self.happens(due);
        }
    }

    pub(super) fn wake_all(&mut self) {
        while let Some(machine) = self.asleep.keys().next().copied() {
            self.wake(machine);
        }
    }

    /// The machine on which something happens, if it sleeps.
    pub(super) fn sleeper(&self, due: &Due) -> Option<Machine> {
        let machine = match due {
            Due::HubWakes
            | Due::Network(
                Delivery::Parcel(_, Direction::Up, _) | Delivery::Broken(_, Direction::Up),
            ) => Machine::Hub,
            Due::ClientWakes(client) => Machine::Of(*client),
            Due::Network(
                Delivery::Parcel(conn, Direction::Down, _)
                | Delivery::Broken(conn, Direction::Down)
                | Delivery::Refused(conn),
            ) => Machine::Of(self.network.client(*conn)?),
            Due::Awakes(_) => return None,
        };
        self.asleep.contains_key(&machine).then_some(machine)
    }
}

/// # Where clients come from
impl World {
    /// Sets where a client's connections come from, from the next one on that reaches the hub: the
    /// origin of a web page, and an address. By default neither is known.
    pub fn set_caller(
        &mut self,
        client: impl Into<ClientId>,
        page: Option<&str>,
        address: Option<IpAddr>,
    ) {
        let client = client.into();
        self.callers.insert(client, From { page: page.map(str::to_owned), address });
    }

    /// Whether the hub's owner can write its records, from now on.
    pub fn set_records(&mut self, healthy: bool) {
        if self.hub.is_some() && self.recorded != healthy {
            self.recorded = healthy;
            if !healthy {
                self.notes.reached(Item::Fault(FaultKind::RecordsLost));
            }
            self.notes.hub(if healthy { "has its records back" } else { "loses its records" });
            self.notes.see(Seen::Records { healthy });
            self.hub_takes(None, coview_hub::Input::Records { healthy });
        }
    }
}

/// Whether a message is one of an engine's own, or answers one: the numbers of what an app says are
/// greater.
pub(super) fn is_of_engine(text: &str) -> bool {
    text.contains("\"re\":0,") || text.contains("\"re\":0}")
}

/// Whether a client's message of this kind has an answer of its own, or needs none.
fn is_answered(kind: &str) -> bool {
    matches!(
        kind,
        "hello"
            | "sign_in"
            | "resume"
            | "renew"
            | "identify"
            | "presence_connect"
            | "session_start"
            | "watch"
            | "ask"
            | "join"
            | "ping"
            | "bye"
    )
}

/// A text with other bytes that nobody would take for a message.
fn garbled(client: ClientId, direction: Direction, text: &str, seed: u32) -> String {
    let readable = |text: &str| match (client, direction) {
        (ClientId::Visitor(_), Direction::Up) => ClientMessage::decode(text).is_ok(),
        (ClientId::Visitor(_), Direction::Down) => ServerMessage::decode(text).is_ok(),
        (ClientId::Agent(_), Direction::Up) => AgentMessage::decode(text).is_ok(),
        (ClientId::Agent(_), Direction::Down) => AgentNotice::decode(text).is_ok(),
    };
    let chars: Vec<char> = text.chars().collect();
    let mut drawn = u64::from(seed);
    for _ in 0..8 {
        let mut changed = chars.clone();
        for _ in 0..=drawn % 3 {
            drawn = drawn.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            let at = usize::try_from(drawn >> 33).unwrap_or_default() % chars.len().max(1);
            if let Some(char) = changed.get_mut(at) {
                *char = char::from(b' ' + u8::try_from((drawn >> 20) % 95).unwrap_or_default());
            }
        }
        let changed: String = changed.into_iter().collect();
        if !readable(&changed) {
            return changed;
        }
    }
    truncated(text)
}

/// Half of a text: never a whole object.
fn truncated(text: &str) -> String {
    let half = text.chars().count() / 2;
    text.chars().take(half).collect()
}

fn replaced(text: &str) -> String {
    match kind_of(text) {
        "hello" | "sign_in" | "resume" => text.replacen("\"version\":1", "\"version\":2", 1),
        _ => numbered(text, r#"{"t":"nobody_knows_it""#, "}"),
    }
}

fn misdirected(text: &str) -> String {
    match kind_of(text) {
        "hello" | "sign_in" | "resume" => text.replacen("\"group\":\"", "\"group\":\"no-", 1),
        _ => replaced(text),
    }
}

fn misplaced(client: ClientId, text: &str) -> String {
    match (kind_of(text), client) {
        ("hello" | "sign_in" | "resume", _) => r#"{"t":"ping"}"#.to_owned(),
        (_, ClientId::Visitor(_)) => numbered(text, r#"{"t":"terms_displayed""#, r#","ask":1}"#),
        (_, ClientId::Agent(_)) => {
            numbered(text, r#"{"t":"sign_in""#, r#","version":1,"group":"nowhere","token":"none"}"#)
        }
    }
}

/// A text that begins and ends like this, with the number another one has.
fn numbered(text: &str, begins: &str, ends: &str) -> String {
    let number: String = text
        .split_once("\"re\":")
        .map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect())
        .unwrap_or_default();
    // A number no client gets to, if the message has none.
    let number = if number.is_empty() { "0" } else { &number };
    format!("{begins},\"re\":{number}{ends}")
}
