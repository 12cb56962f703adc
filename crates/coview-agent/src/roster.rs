//! Who is online, and what of it the app has not been told.
//!
//! A busy group changes faster than an app looks. So there is no queue of changes: one entry for
//! each visitor says what the app has to learn about that visitor, and when too many wait, all of
//! them become the one news that the roster is another.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use coview_wire::OfflineReason;
use coview_wire::VisitorCard;
use coview_wire::VisitorId;

use crate::step::Change;

/// The most visitors an agent keeps in the [roster](crate::Agent::roster).
///
/// Those beyond it are left out and [`roster_is_complete`](crate::Agent::roster_is_complete) says
/// `false`. Watch single visitors in groups that are larger.
pub const ROSTER_MAX: usize = 16 * 1024;

/// The most visitors about whom news may wait one by one.
const UNTOLD_MAX: usize = 1024;

#[derive(Debug, Default)]
pub(crate) struct Online {
    cards: BTreeMap<VisitorId, VisitorCard>,
    incomplete: bool,
    /// What the app has to learn about single visitors.
    untold: BTreeMap<VisitorId, News>,
    /// The app has to read the whole roster anew, so news about single visitors is moot.
    replaced: bool,
    /// More pages of a roster are to come; it is told once, when it is whole.
    paging: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    /// The app does not know the visitor.
    Online,
    /// The app knows the visitor.
    Changed,
    /// The app knows the visitor and believes it online.
    Offline(OfflineReason),
}

impl Online {
    pub(crate) const fn cards(&self) -> &BTreeMap<VisitorId, VisitorCard> {
        &self.cards
    }

    pub(crate) const fn is_complete(&self) -> bool {
        !self.incomplete && !self.paging
    }

    /// Forgets everybody, and whatever was to be told about them.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn page(&mut self, first: bool, more: bool, visitors: Vec<VisitorCard>) {
        if first {
            self.cards.clear();
            self.incomplete = false;
        }
        self.untold.clear();
        self.paging = more;
        self.replaced = !more;
        for card in visitors {
            self.insert(card);
        }
    }

    /// No more pages will come of the roster that was begun.
    pub(crate) fn stop_paging(&mut self) {
        if core::mem::take(&mut self.paging) {
            self.replaced = true;
        }
    }

    pub(crate) fn is(&mut self, card: VisitorCard) {
        let visitor = card.visitor.clone();
        let known = self.cards.get(&visitor);
        if known == Some(&card) {
            return;
        }
        let known = known.is_some();
        if !self.insert(card) {
            return;
        }
        let news = match (known, self.untold.get(&visitor)) {
            // Somebody who went away and came back untold is known to the app all along.
            (false, Some(News::Offline(_))) => News::Changed,
            (false, _) | (true, Some(News::Online)) => News::Online,
            (true, _) => News::Changed,
        };
        self.tell(visitor, news);
    }

    pub(crate) fn offline(&mut self, visitor: VisitorId, reason: OfflineReason) {
        if self.cards.remove(&visitor).is_none() {
            return;
        }
        if self.untold.get(&visitor) == Some(&News::Online) {
            // Somebody who came and went untold was never there for the app.
            self.untold.remove(&visitor);
        } else {
            self.tell(visitor, News::Offline(reason));
        }
    }

    fn insert(&mut self, card: VisitorCard) -> bool {
        if self.cards.len() >= ROSTER_MAX && !self.cards.contains_key(&card.visitor) {
            self.incomplete = true;
            return false;
        }
        self.cards.insert(card.visitor.clone(), card);
        true
    }

    fn tell(&mut self, visitor: VisitorId, news: News) {
        if self.replaced || self.paging {
            return;
        }
        self.untold.insert(visitor, news);
        if self.untold.len() > UNTOLD_MAX {
            self.untold.clear();
            self.replaced = true;
        }
    }

    pub(crate) fn take_change(&mut self) -> Option<Change> {
        if core::mem::take(&mut self.replaced) {
            return Some(Change::Roster);
        }
        self.untold.pop_first().map(|(visitor, news)| match news {
            News::Online => Change::VisitorOnline(visitor),
            News::Changed => Change::VisitorChanged(visitor),
            News::Offline(reason) => Change::VisitorOffline(visitor, reason),
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec;

    use coview_wire::AppState;
    use coview_wire::PresenceData;
    use coview_wire::Profile;

    use super::*;

    fn id(n: usize) -> VisitorId {
        VisitorId::new(format!("customer-{n}")).unwrap()
    }

    fn card(n: usize, online_ms: u64) -> VisitorCard {
        VisitorCard {
            visitor: id(n),
            profile: Profile::new(),
            data: PresenceData::new(),
            app: AppState::Active,
            reachable: true,
            busy: false,
            online_ms,
        }
    }

    fn told(online: &mut Online) -> Vec<Change> {
        core::iter::from_fn(|| online.take_change()).collect()
    }

    const LEFT: OfflineReason = OfflineReason::Left;

    #[test]
    fn news_about_one_visitor_is_taken_together() {
        let mut online = Online::default();
        online.is(card(1, 0));
        online.is(card(1, 1));
        assert_eq!(told(&mut online), [Change::VisitorOnline(id(1))], "still new to the app");
        online.is(card(1, 1));
        assert_eq!(told(&mut online), [], "the same card is no news");
        online.is(card(1, 2));
        online.is(card(1, 3));
        assert_eq!(told(&mut online), [Change::VisitorChanged(id(1))]);
        online.is(card(1, 4));
        online.offline(id(1), LEFT);
        assert_eq!(told(&mut online), [Change::VisitorOffline(id(1), LEFT)]);
        online.offline(id(1), LEFT);
        assert_eq!(told(&mut online), [], "nobody is offline twice");
    }

    #[test]
    fn who_came_and_went_untold_was_never_there() {
        let mut online = Online::default();
        online.is(card(1, 0));
        online.offline(id(1), LEFT);
        assert_eq!(told(&mut online), []);
    }

    #[test]
    fn who_went_and_came_back_untold_and_went_again_is_told_to_be_gone() {
        let mut online = Online::default();
        online.is(card(1, 0));
        told(&mut online);
        online.offline(id(1), LEFT);
        online.is(card(1, 1));
        assert_eq!(online.untold.get(&id(1)), Some(&News::Changed));
        online.offline(id(1), OfflineReason::Lost);
        assert_eq!(told(&mut online), [Change::VisitorOffline(id(1), OfflineReason::Lost)]);
    }

    #[test]
    fn a_roster_is_told_once_when_it_is_whole() {
        let mut online = Online::default();
        online.is(card(7, 0));
        told(&mut online);
        online.page(true, true, vec![card(1, 0)]);
        online.is(card(3, 0));
        assert!(!online.is_complete());
        assert_eq!(told(&mut online), []);
        online.page(false, false, vec![card(2, 0)]);
        assert!(online.is_complete());
        assert_eq!(told(&mut online), [Change::Roster]);
        assert_eq!(online.cards().keys().cloned().collect::<Vec<_>>(), [id(1), id(2), id(3)]);
    }

    #[test]
    fn too_much_news_becomes_one() {
        let mut online = Online::default();
        for n in 0..=UNTOLD_MAX {
            online.is(card(n, 0));
        }
        online.is(card(0, 1));
        online.offline(id(1), LEFT);
        assert_eq!(told(&mut online), [Change::Roster]);
        assert_eq!(online.cards().len(), UNTOLD_MAX);
    }

    #[test]
    fn the_roster_is_bounded_and_says_so() {
        let mut online = Online::default();
        for n in 0..ROSTER_MAX {
            online.is(card(n, 0));
        }
        assert!(online.is_complete());
        online.is(card(ROSTER_MAX, 0));
        online.is(card(0, 1));
        assert_eq!(online.cards().len(), ROSTER_MAX);
        assert_eq!(online.cards()[&id(0)].online_ms, 1, "those inside still change");
        assert!(!online.is_complete());
        online.offline(id(0), LEFT);
        online.is(card(ROSTER_MAX, 0));
        assert!(online.cards().contains_key(&id(ROSTER_MAX)), "a free place is taken");
        online.page(true, false, Vec::new());
        assert!(online.is_complete());
    }
}
