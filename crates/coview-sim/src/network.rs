//! A network between clients and one hub. It keeps the order within one direction of one
//! connection, as TCP does, and nothing else.

use core::ops::RangeInclusive;
use core::time::Duration;
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

use coview_hub::ConnId;
use coview_wire::Moment;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::client::ClientId;
use crate::picture::outbox::Outbox;
use crate::picture::outbox::Shown;
use crate::queue::Queue;
use crate::world::Due;

/// How many messages wait for a client that does not read before the hub's owner gives it up.
pub const WRITE_QUEUE: usize = 256;

/// What becomes of a client's tries to open a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// They reach the hub.
    #[default]
    Open,
    /// They are refused.
    Refused,
    /// Nothing answers.
    Nowhere,
}

/// Who notices that a connection is cut. What is under way is lost either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cut {
    /// Both ends.
    BothNotice,
    /// The client alone: for the hub the connection is half open.
    ClientNotices,
    /// The hub alone: for the client the connection is half open.
    HubNotices,
    /// Nobody. Only a missing sign of life tells.
    Silent,
}

impl Cut {
    const fn client(self) -> bool {
        matches!(self, Self::BothNotice | Self::ClientNotices)
    }

    const fn hub(self) -> bool {
        matches!(self, Self::BothNotice | Self::HubNotices)
    }
}

/// One of the two directions of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the client to the hub.
    Up,
    /// From the hub to the client.
    Down,
}

/// What is under way.
#[derive(Clone, Debug)]
pub(crate) enum Parcel {
    /// The handshake: up the request, down the answer.
    Handshake,
    Text(Arc<str>),
    /// Something short about the picture, or up a picture.
    Binary(Arc<[u8]>),
    /// Down a picture: it waited behind everything else.
    Picture(Arc<[u8]>),
    /// A text its sender did not say like this.
    Spoiled(Arc<str>),
    /// Something binary its sender did not say like this.
    SpoiledBinary(Arc<[u8]>),
    /// A text that comes for the second time.
    Again(Arc<str>),
    /// Something binary that comes for the second time.
    AgainBinary(Arc<[u8]>),
    End,
}

/// Something that happens in the network.
#[derive(Clone, Debug)]
pub(crate) enum Delivery {
    Parcel(ConnId, Direction, Parcel),
    /// The receiver in this direction notices that the connection is broken.
    Broken(ConnId, Direction),
    Refused(ConnId),
}

pub(crate) struct Network {
    wires: BTreeMap<ConnId, Wire>,
    last: u64,
    rng: ChaCha8Rng,
    /// Apart, so that a story goes on as it does without pictures.
    picture_rng: ChaCha8Rng,
    delay: RangeInclusive<Duration>,
}

struct Wire {
    client: ClientId,
    up: Pipe,
    down: Pipe,
    pictures: Outbox,
    client_listens: bool,
    hub_listens: bool,
    cut: bool,
}

#[derive(Default)]
struct Pipe {
    /// When what was put in last arrives.
    last: Moment,
    stalled: bool,
    held: VecDeque<Parcel>,
}

impl Wire {
    fn pipe(&mut self, direction: Direction) -> &mut Pipe {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }

    const fn listens(&self, direction: Direction) -> bool {
        match direction {
            Direction::Up => self.hub_listens,
            Direction::Down => self.client_listens,
        }
    }
}

impl Network {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            wires: BTreeMap::new(),
            last: 0,
            rng: ChaCha8Rng::seed_from_u64(seed),
            picture_rng: ChaCha8Rng::seed_from_u64(!seed),
            delay: Duration::from_millis(5)..=Duration::from_millis(80),
        }
    }

    pub(crate) fn set_delay(&mut self, delay: RangeInclusive<Duration>) {
        self.delay = delay;
    }

    fn draw(&mut self) -> Duration {
        let drawn = self.rng.next_u64();
        self.delay_of(drawn)
    }

    fn delay_of(&self, drawn: u64) -> Duration {
        let (least, most) = (*self.delay.start(), *self.delay.end());
        let spread = most.saturating_sub(least).as_millis().try_into().unwrap_or(u64::MAX);
        least + Duration::from_millis(drawn % (spread.saturating_add(1).max(1)))
    }

    /// A client tries to open a connection.
    pub(crate) fn open(
        &mut self,
        queue: &mut Queue<Due>,
        now: Moment,
        client: ClientId,
        reach: Reach,
    ) -> ConnId {
        self.last += 1;
        let conn = ConnId::new(self.last);
        let wire = Wire {
            client,
            up: Pipe::default(),
            down: Pipe::default(),
            pictures: Outbox::default(),
            client_listens: true,
            hub_listens: reach == Reach::Open,
            cut: reach != Reach::Open,
        };
        self.wires.insert(conn, wire);
        match reach {
            Reach::Open => self.send(queue, now, conn, Direction::Up, Parcel::Handshake),
            Reach::Refused => {
                let delay = self.draw();
                queue.put(now + delay, Delivery::Refused(conn).into());
            }
            Reach::Nowhere => {}
        }
        conn
    }

    pub(crate) fn send(
        &mut self,
        queue: &mut Queue<Due>,
        now: Moment,
        conn: ConnId,
        direction: Direction,
        parcel: Parcel,
    ) {
        let delay = match parcel {
            Parcel::Handshake
            | Parcel::Text(_)
            | Parcel::Spoiled(_)
            | Parcel::Again(_)
            | Parcel::End => self.draw(),
            Parcel::Binary(_)
            | Parcel::Picture(_)
            | Parcel::SpoiledBinary(_)
            | Parcel::AgainBinary(_) => {
                let drawn = self.picture_rng.next_u64();
                self.delay_of(drawn)
            }
        };
        let Some(wire) = self.wires.get_mut(&conn).filter(|wire| !wire.cut) else { return };
        let pipe = wire.pipe(direction);
        pipe.last = pipe.last.max(now + delay);
        queue.put(pipe.last, Delivery::Parcel(conn, direction, parcel).into());
    }

    /// The hub shows a client a picture; false if it was thrown away with all that waited.
    pub(crate) fn show(
        &mut self,
        queue: &mut Queue<Due>,
        now: Moment,
        conn: ConnId,
        picture: Arc<[u8]>,
    ) -> bool {
        match self.wires.get_mut(&conn).map(|wire| wire.pictures.show(picture)) {
            Some(Shown::Now(picture)) => {
                self.send(queue, now, conn, Direction::Down, Parcel::Picture(picture));
                true
            }
            Some(Shown::Later) | None => true,
            Some(Shown::Dropped) => false,
        }
    }

    /// A client has read a picture: there is room for the next.
    pub(crate) fn read_picture(&mut self, queue: &mut Queue<Due>, now: Moment, conn: ConnId) {
        if let Some(next) = self.wires.get_mut(&conn).and_then(|wire| wire.pictures.read()) {
            self.send(queue, now, conn, Direction::Down, Parcel::Picture(next));
        }
    }

    /// What waits for a client must not be shown to it any more.
    pub(crate) fn forget_pictures(&mut self, conn: ConnId) {
        if let Some(wire) = self.wires.get_mut(&conn) {
            wire.pictures.forget();
        }
    }

    /// A parcel has arrived; `None` if nobody is there to take it or the pipe is stalled.
    pub(crate) fn arrives(
        &mut self,
        conn: ConnId,
        direction: Direction,
        parcel: Parcel,
    ) -> Option<Parcel> {
        let wire = self.wires.get_mut(&conn)?;
        if wire.cut || !wire.listens(direction) {
            return None;
        }
        let pipe = wire.pipe(direction);
        if pipe.stalled {
            pipe.held.push_back(parcel);
            return None;
        }
        Some(parcel)
    }

    /// How much waits for a client that does not read.
    pub(crate) fn waiting(&self, conn: ConnId) -> usize {
        self.wires.get(&conn).map_or(0, |wire| wire.down.held.len())
    }

    /// The receiver in this direction hears no more on the connection.
    pub(crate) fn stop_listening(&mut self, conn: ConnId, direction: Direction) {
        if let Some(wire) = self.wires.get_mut(&conn) {
            match direction {
                Direction::Up => wire.hub_listens = false,
                Direction::Down => wire.client_listens = false,
            }
            if !wire.client_listens && !wire.hub_listens {
                self.wires.remove(&conn);
            }
        }
    }

    pub(crate) fn listens(&self, conn: ConnId, direction: Direction) -> bool {
        self.wires.get(&conn).is_some_and(|wire| wire.listens(direction))
    }

    /// Whether the hub has any connection of a client.
    pub(crate) fn hub_hears(&self, client: ClientId) -> bool {
        self.wires.values().any(|wire| wire.client == client && wire.hub_listens)
    }

    pub(crate) fn client(&self, conn: ConnId) -> Option<ClientId> {
        self.wires.get(&conn).map(|wire| wire.client)
    }

    pub(crate) fn all(&self) -> Vec<ConnId> {
        self.wires.keys().copied().collect()
    }

    pub(crate) fn cut(
        &mut self,
        queue: &mut Queue<Due>,
        now: Moment,
        conn: ConnId,
        cut: Cut,
    ) -> bool {
        let (up, down) = (self.draw(), self.draw());
        let Some(wire) = self.wires.get_mut(&conn) else { return false };
        let news = !wire.cut;
        wire.cut = true;
        if cut.hub() {
            queue.put(now + up, Delivery::Broken(conn, Direction::Up).into());
        }
        if cut.client() {
            queue.put(now + down, Delivery::Broken(conn, Direction::Down).into());
        }
        news
    }

    pub(crate) fn stall(&mut self, conn: ConnId, direction: Direction) {
        if let Some(wire) = self.wires.get_mut(&conn) {
            wire.pipe(direction).stalled = true;
        }
    }

    /// Lets go what was held, in order; the caller delivers it at once, before anything that is
    /// still under way.
    pub(crate) fn unstall(&mut self, conn: ConnId, direction: Direction) -> VecDeque<Parcel> {
        let Some(wire) = self.wires.get_mut(&conn) else { return VecDeque::new() };
        let pipe = wire.pipe(direction);
        pipe.stalled = false;
        core::mem::take(&mut pipe.held)
    }
}
