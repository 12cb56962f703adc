use std::collections::VecDeque;
use std::sync::Arc;

/// What waits at the hub's owner for one client: pictures that the connection has no room for. Words
/// go before them.
#[derive(Default)]
pub(crate) struct Outbox {
    waiting: VecDeque<Arc<[u8]>>,
    bytes: usize,
    /// How many are in the connection.
    under_way: usize,
}

/// How many pictures a connection takes before the first of them has been read. A real one takes
/// more; the fewer it takes, the more often the others are thrown away.
const ROOM: usize = 1;

/// How many bytes of pictures wait before the owner throws all of them away. A whole picture of
/// random pixels fits in.
const LIMIT: usize = 10 * 1024;

/// What becomes of a picture.
pub(crate) enum Shown {
    /// It goes into the connection.
    Now(Arc<[u8]>),
    /// It waits.
    Later,
    /// It was thrown away, with all that waited.
    Dropped,
}

impl Outbox {
    pub(crate) fn show(&mut self, picture: Arc<[u8]>) -> Shown {
        if self.under_way < ROOM {
            self.under_way += 1;
            return Shown::Now(picture);
        }
        self.bytes += picture.len();
        self.waiting.push_back(picture);
        if self.bytes > LIMIT {
            self.forget();
            return Shown::Dropped;
        }
        Shown::Later
    }

    /// One has been read; gives the next that goes into the connection.
    pub(crate) fn read(&mut self) -> Option<Arc<[u8]>> {
        let next = self.waiting.pop_front();
        match &next {
            Some(picture) => self.bytes -= picture.len(),
            None => self.under_way = self.under_way.saturating_sub(1),
        }
        next
    }

    pub(crate) fn forget(&mut self) {
        self.waiting.clear();
        self.bytes = 0;
    }
}
