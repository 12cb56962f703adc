//! Time that stands still until something happens.

use std::collections::BTreeMap;

use coview_wire::Moment;

/// What is going to happen, earliest first. Of two things at the same moment the one that was put in
/// first happens first, so a run repeats exactly.
///
/// ```
/// use core::time::Duration;
/// use coview_sim::Queue;
/// use coview_wire::Moment;
///
/// let at = |seconds| Moment::new(Duration::from_secs(seconds));
/// let mut queue = Queue::new();
/// queue.put(at(2), "second");
/// let never = queue.put(at(3), "never");
/// queue.put(at(1), "first");
/// queue.cancel(never);
///
/// assert_eq!(queue.next_at(), Some(at(1)));
/// assert_eq!(queue.take(), Some((at(1), "first")));
/// assert_eq!(queue.take(), Some((at(2), "second")));
/// assert_eq!(queue.take(), None);
/// ```
#[derive(Clone, Debug)]
pub struct Queue<T> {
    due: BTreeMap<Ticket, T>,
    last: u64,
}

/// Something that was put into a [`Queue`], to take it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    at: Moment,
    number: u64,
}

impl Ticket {
    /// When it happens.
    #[must_use]
    pub const fn at(self) -> Moment {
        self.at
    }
}

impl<T> Queue<T> {
    /// Nothing is going to happen.
    #[must_use]
    pub const fn new() -> Self {
        Self { due: BTreeMap::new(), last: 0 }
    }

    /// Lets something happen at a moment.
    pub fn put(&mut self, at: Moment, what: T) -> Ticket {
        self.last += 1;
        let ticket = Ticket { at, number: self.last };
        self.due.insert(ticket, what);
        ticket
    }

    /// Takes something back; nothing happens if it is over.
    pub fn cancel(&mut self, ticket: Ticket) {
        self.due.remove(&ticket);
    }

    /// When the next thing happens.
    #[must_use]
    pub fn next_at(&self) -> Option<Moment> {
        self.due.first_key_value().map(|(ticket, _)| ticket.at)
    }

    /// Takes the next thing out.
    pub fn take(&mut self) -> Option<(Moment, T)> {
        self.due.pop_first().map(|(ticket, what)| (ticket.at, what))
    }

    /// Lets something else happen in the place of what was put in; nothing happens if it is over.
    pub fn change(&mut self, ticket: Ticket, what: T) {
        if let Some(due) = self.due.get_mut(&ticket) {
            *due = what;
        }
    }

    /// What is going to happen and by which ticket, earliest first.
    pub fn entries(&self) -> impl Iterator<Item = (Ticket, &T)> {
        self.due.iter().map(|(ticket, what)| (*ticket, what))
    }

    /// What is going to happen, earliest first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.due.values()
    }

    /// How many things are going to happen.
    #[must_use]
    pub fn len(&self) -> usize {
        self.due.len()
    }

    /// Whether nothing is going to happen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.due.is_empty()
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self::new()
    }
}
