//! Pages, and the way of their pictures through the world.

use std::sync::Arc;

use coview_hub::ConnId;
use coview_wire::MaskNotice;

use crate::checker::Seen;
use crate::checker::SeenPicture;
use crate::client::AgentNo;
use crate::client::ClientId;
use crate::client::VisitorNo;
use crate::network::Direction;
use crate::network::Parcel;
use crate::picture::page::PageAct;
use crate::world::Given;
use crate::world::World;

/// Something that is wrong on purpose, to see that the checker notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The network delivers every picture to each agent there is.
    ToEverybody,
    /// The hub sends a picture once more when it may not be seen any more.
    AfterTheEnd,
    /// The relay sends updates on without what they draw.
    Emptied,
    /// Pages do not say what is masked in them.
    Unmasked,
}

/// # The picture
impl World {
    /// Whoever shares sends a screen, and whoever views draws it: those who are there, and those who
    /// come.
    pub fn share_screens(&mut self) {
        self.shares = true;
        for no in 0..self.visitors.len() {
            self.visitors[no].screen.shares = true;
            self.give(VisitorNo(no).into(), Given::Nothing);
        }
        for no in 0..self.agents.len() {
            self.agents[no].screen.watches = true;
            self.give(AgentNo(no).into(), Given::Nothing);
        }
    }

    /// Something becomes of the page that a visitor's app shares, or would share.
    pub fn draw(&mut self, no: VisitorNo, act: &PageAct) {
        if self.shares && self.visitors[no.0].gone().is_none() {
            let screen = &mut self.visitors[no.0].screen;
            screen.page.unmasked = self.fault == Some(Fault::Unmasked);
            screen.page.act(act);
            self.give(no.into(), Given::Nothing);
        }
    }

    /// A visitor's app sends its screen with a new sender.
    pub fn send_anew(&mut self, no: VisitorNo) {
        if self.shares {
            self.visitors[no.0].screen.begin_anew();
            self.give(no.into(), Given::Nothing);
        }
    }

    /// An agent's console watches with a new viewer.
    pub fn view_anew(&mut self, no: AgentNo) {
        if self.shares {
            self.agents[no.0].screen.begin_anew();
            self.give(no.into(), Given::Nothing);
        }
    }

    /// How many updates an agent has drawn.
    #[must_use]
    pub fn updates_drawn(&self, no: AgentNo) -> u64 {
        self.agents[no.0].screen.updates
    }

    /// How many times an agent asked for a whole picture.
    #[must_use]
    pub fn refreshes_asked(&self, no: AgentNo) -> u64 {
        self.agents[no.0].screen.refreshes
    }

    /// Breaks the way of the pictures.
    pub fn break_pictures(&mut self, fault: Fault) {
        self.fault = Some(fault);
    }

    /// A client says something about the picture.
    pub(super) fn client_shows(&mut self, client: ClientId, bytes: Arc<[u8]>) {
        if let ClientId::Visitor(_) = client
            && !MaskNotice::is_in(&bytes)
        {
            self.notes.see(Seen::Picture(SeenPicture::Shown { client, message: &bytes }));
        }
        if let Some(conn) = self.conn(client) {
            let (now, queue) = (self.notes.now, &mut self.queue);
            self.network.send(queue, now, conn, Direction::Up, Parcel::Binary(bytes));
        }
    }

    /// The hub sends an agent a picture; false if it was thrown away with all that waited.
    pub(super) fn hub_shows(&mut self, conn: ConnId, bytes: Arc<[u8]>) -> bool {
        let Some(client) = self.network.client(conn) else { return true };
        self.notes.see(Seen::Picture(SeenPicture::Relayed { client, message: &bytes }));
        if self.fault == Some(Fault::AfterTheEnd) {
            self.last_shown.insert(conn, Arc::clone(&bytes));
        }
        self.network.show(&mut self.queue, self.notes.now, conn, bytes)
    }

    /// The hub takes back what waits for an agent.
    pub(super) fn hub_forgets(&mut self, conn: ConnId) {
        self.network.forget_pictures(conn);
        if let Some(bytes) = self.last_shown.remove(&conn) {
            self.hub_shows(conn, bytes);
        }
    }

    /// Something about the picture arrives that did not wait behind everything else.
    pub(super) fn client_hears(&mut self, conn: ConnId, bytes: &[u8]) {
        self.excuse(conn, false);
        if let Some(client) = self.listener(conn) {
            self.give(client, Given::Binary(bytes));
        }
    }

    /// A picture arrives.
    pub(super) fn client_sees(&mut self, conn: ConnId, bytes: &[u8]) {
        self.network.read_picture(&mut self.queue, self.notes.now, conn);
        self.excuse(conn, false);
        let to: Vec<ClientId> = match self.fault {
            Some(Fault::ToEverybody) => {
                (0..self.agents.len()).map(|no| AgentNo(no).into()).collect()
            }
            Some(Fault::AfterTheEnd | Fault::Emptied | Fault::Unmasked) | None => {
                self.listener(conn).into_iter().collect()
            }
        };
        let emptied;
        let bytes = if self.fault == Some(Fault::Emptied) {
            emptied = without_operations(bytes);
            &emptied
        } else {
            bytes
        };
        for client in to {
            if self.fault != Some(Fault::Emptied) {
                self.notes.see(Seen::Picture(SeenPicture::Arrived { client, message: bytes }));
            }
            self.give(client, Given::Binary(bytes));
        }
    }
}

/// A picture as it is relayed, if it is an update of an update, without anything to draw.
fn without_operations(message: &[u8]) -> Vec<u8> {
    /// Kind and session before a body, and the head of an update.
    const RELAY: usize = 9;
    const HEAD: usize = 20;
    let mut message = message.to_vec();
    if message.get(RELAY) == Some(&1) {
        message.truncate(RELAY + HEAD);
    }
    message
}
