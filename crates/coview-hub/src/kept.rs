//! The places of clients whose connection broke, and which of them goes first if there are too many.

use alloc::collections::BTreeMap;
use alloc::collections::BTreeSet;

use coview_wire::Moment;

use crate::effects::Peer;
use crate::event::Place;
use crate::timer::GroupIndex;
use crate::timer::TimerId;

/// What is lost with a place, the least first. Somebody who comes only to take up room, and has no
/// token and no assertion, gets no further than [`Begun`](Self::Begun).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Worth {
    /// A visitor without a name who does nothing.
    Idle,
    /// A visitor without a name and with a session that nobody is in.
    Begun,
    /// A visitor with a name, who may be online.
    Named,
    /// A visitor in a session with an agent, or an agent.
    Met,
}

/// The place of a client without a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeptPlace {
    pub(crate) worth: Worth,
    pub(crate) since: Moment,
    pub(crate) peer: Peer,
    /// The deadline at which the place goes.
    pub(crate) timer: TimerId,
}

/// All of them, those first that go first: they are worth least, and lost their connection longest
/// ago.
///
/// A place is worth here what it was worth when its connection broke, until it is its turn to go:
/// then it is looked at again, so that none goes before another that is worth less.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    places: BTreeMap<Place, (GroupIndex, KeptPlace)>,
    order: BTreeSet<(Worth, Moment, Place)>,
    in_group: BTreeSet<(GroupIndex, Worth, Moment, Place)>,
}

impl Kept {
    pub(crate) fn insert(&mut self, group: GroupIndex, place: Place, kept: KeptPlace) {
        self.remove(place);
        self.places.insert(place, (group, kept));
        self.order.insert((kept.worth, kept.since, place));
        self.in_group.insert((group, kept.worth, kept.since, place));
    }

    pub(crate) fn remove(&mut self, place: Place) -> Option<KeptPlace> {
        let (group, kept) = self.places.remove(&place)?;
        self.order.remove(&(kept.worth, kept.since, place));
        self.in_group.remove(&(group, kept.worth, kept.since, place));
        Some(kept)
    }

    pub(crate) fn get_mut(&mut self, place: Place) -> Option<&mut KeptPlace> {
        self.places.get_mut(&place).map(|(_, kept)| kept)
    }

    /// The one that goes first, of all groups or of one.
    pub(crate) fn first(&self, of: Option<GroupIndex>) -> Option<(Place, KeptPlace)> {
        let place = match of {
            None => self.order.first()?.2,
            Some(group) => {
                let least = (group, Worth::Idle, Moment::ZERO, Place::FIRST);
                self.in_group.range(least..).next().filter(|it| it.0 == group)?.3
            }
        };
        self.places.get(&place).map(|(_, kept)| (place, *kept))
    }

    /// A place is worth more than it was when its connection broke.
    pub(crate) fn raise(&mut self, place: Place, worth: Worth) {
        if let Some((group, kept)) = self.places.get(&place).copied() {
            self.insert(group, place, KeptPlace { worth, ..kept });
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::timer::Due;
    use crate::timer::Timers;

    fn kept(worth: Worth, since: u64, group: u32, place: u64) -> (GroupIndex, Place, KeptPlace) {
        let (group, place) = (GroupIndex(group), Place::new(place).unwrap());
        let since = Moment::new(Duration::from_secs(since));
        let timer = Timers::default().set(since, Due::VisitorGrace(group, place));
        (group, place, KeptPlace { worth, since, peer: Peer::Visitor(group, place), timer })
    }

    fn first(of: &Kept, group: Option<u32>) -> Option<u64> {
        of.first(group.map(GroupIndex)).map(|(place, _)| place.get())
    }

    #[test]
    fn what_is_worth_least_and_was_lost_longest_ago_goes_first() {
        let mut all = Kept::default();
        for (group, place, it) in [
            kept(Worth::Met, 1, 1, 1),
            kept(Worth::Named, 2, 0, 2),
            kept(Worth::Idle, 4, 1, 3),
            kept(Worth::Idle, 3, 0, 4),
        ] {
            all.insert(group, place, it);
        }
        assert_eq!(first(&all, None), Some(4));
        assert_eq!((first(&all, Some(1)), first(&all, Some(0))), (Some(3), Some(4)));
        assert_eq!(first(&all, Some(2)), None);
        all.raise(Place::new(4).unwrap(), Worth::Met);
        assert_eq!((first(&all, None), first(&all, Some(0))), (Some(3), Some(2)));
        for place in 1..=4 {
            let place = Place::new(place).unwrap();
            assert!(all.remove(place).is_some() && all.remove(place).is_none());
        }
        assert!(all.places.is_empty() && all.order.is_empty() && all.in_group.is_empty());
    }
}
