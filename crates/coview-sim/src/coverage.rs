//! What a simulation has reached, of all there is to reach.
//!
//! A rule that holds because nothing happens is worth nothing. So a set of simulations counts every
//! row of the transition tables, every reason, every code and every deadline, and
//! [`missing`](Coverage::missing) names what it did not get to. What no simulation can get to is
//! [exempt](Item::exempt), with the reason; and an exempt item that is reached all the same is
//! [told](Coverage::wrongly_exempt), too.
//!
//! What is counted is what the hub says, writes and does, and what the engines and typed values tell
//! their app: never what a message says that the network has changed.

mod item;
mod seen;

use core::fmt;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use coview_hub::DeadlineKind as HubDeadline;
use coview_proto::DeadlineKind as EngineDeadline;
use coview_wire::RequestId;

use crate::client::ClientId;

pub use crate::coverage::item::EndedKind;
pub use crate::coverage::item::FaultKind;
pub use crate::coverage::item::Item;
pub use crate::coverage::item::JoinEnd;

/// How often each [`Item`] was reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    counts: BTreeMap<Item, u64>,
    /// The joins about which a visitor was asked.
    waiting: BTreeSet<(ClientId, RequestId)>,
}

impl Coverage {
    /// Counts an item once more.
    pub(crate) fn note(&mut self, item: Item) {
        *self.counts.entry(item).or_default() += 1;
    }

    /// The hub is woken, and this is what it waited for.
    pub(crate) fn hub_wakes(&mut self, why: Option<&str>) {
        if let Some(why) = why {
            let mut kinds = HubDeadline::ALL.iter().copied();
            let kind = kinds.find(|kind| kind.why() == why);
            self.note(Item::HubDeadline(kind.expect("a hub has deadlines of these kinds")));
        }
    }

    /// An engine is woken, and this is what it waited for, if it is not its picture alone.
    pub(crate) fn engine_wakes(&mut self, why: Option<&str>) {
        if let Some(why) = why {
            let mut kinds = EngineDeadline::ALL.iter().copied();
            let kind = kinds.find(|kind| kind.why() == why);
            self.note(Item::EngineDeadline(kind.expect("an engine has deadlines of these kinds")));
        }
    }

    /// Adds what another simulation has reached.
    pub fn merge(&mut self, other: &Self) {
        for (item, count) in &other.counts {
            *self.counts.entry(*item).or_default() += count;
        }
    }

    /// How often this was reached.
    #[must_use]
    pub fn count(&self, item: Item) -> u64 {
        self.counts.get(&item).copied().unwrap_or_default()
    }

    /// What was reached less often than this, and is not exempt.
    #[must_use]
    pub fn missing(&self, least: u64) -> Vec<Item> {
        let all = Item::all().into_iter();
        all.filter(|item| item.exempt().is_none() && self.count(*item) < least).collect()
    }

    /// What was reached and is exempt.
    #[must_use]
    pub fn wrongly_exempt(&self) -> Vec<Item> {
        let all = Item::all().into_iter();
        all.filter(|item| item.exempt().is_some() && self.count(*item) > 0).collect()
    }

    /// A line for each item that is [missing](Self::missing) or [wrongly
    /// exempt](Self::wrongly_exempt): nothing if there is none.
    #[must_use]
    pub fn gaps(&self, least: u64) -> String {
        let mut out = String::new();
        for item in self.missing(least) {
            out.push_str(&format!("reached {} times: {item}\n", self.count(item)));
        }
        for item in self.wrongly_exempt() {
            out.push_str(&format!("reached {} times, and exempt: {item}\n", self.count(item)));
        }
        out
    }

    /// How many items there are to reach, and how many of them were reached so often at least.
    #[must_use]
    pub fn reached(&self, least: u64) -> (usize, usize) {
        let all: Vec<Item> = Item::all().into_iter().filter(|it| it.exempt().is_none()).collect();
        let reached = all.iter().filter(|item| self.count(**item) >= least).count();
        (all.len(), reached)
    }

    /// One line for each kind of item: how many there are, how many were reached so often at least.
    #[must_use]
    pub fn summary(&self, least: u64) -> String {
        let mut kinds: BTreeMap<&str, (usize, usize, usize, u64)> = BTreeMap::new();
        for item in Item::all() {
            let kind = kinds.entry(item.kind()).or_insert((0, 0, 0, u64::MAX));
            if item.exempt().is_some() {
                kind.2 += 1;
                continue;
            }
            kind.0 += 1;
            kind.1 += usize::from(self.count(item) >= least);
            kind.3 = kind.3.min(self.count(item));
        }
        let mut out =
            format!("{:<38} {:>5} {:>7} {:>6} {:>6}\n", "", "there", "reached", "exempt", "rarest");
        for (kind, (all, reached, exempt, rarest)) in kinds {
            let rarest = if all == 0 { 0 } else { rarest };
            out.push_str(&format!("{kind:<38} {all:>5} {reached:>7} {exempt:>6} {rarest:>6}\n"));
        }
        out
    }
}

/// Every item and how often it was reached.
impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for item in Item::all() {
            let count = self.count(item);
            match item.exempt() {
                Some(why) => writeln!(f, "{count:>9}  {item}  (exempt: {why})")?,
                None => writeln!(f, "{count:>9}  {item}")?,
            }
        }
        Ok(())
    }
}
