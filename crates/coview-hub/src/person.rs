//! What is known by visitor id rather than by device.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use coview_wire::AgentId;
use coview_wire::AskId;
use coview_wire::Moment;

use crate::event::Place;
use crate::timer::TimerId;
use crate::tries::Window;

/// Everything that is known by visitor id rather than by device.
#[derive(Clone, Debug, Default)]
pub(crate) struct Person {
    /// How many devices are identified with this id.
    pub(crate) devices: u32,
    /// How many of them have proved it.
    pub(crate) proven: u32,
    /// The device that agents see and ask: one of those that are online.
    pub(crate) focus: Option<Place>,
    /// Since when any device has been online.
    pub(crate) since: Moment,
    pub(crate) dealings: Option<Box<Dealings>>,
}

/// What most who are online have not: a second device, or anything to do with agents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dealings {
    /// The devices that are online, unless that is the one with the focus alone.
    pub(crate) online: Vec<Place>,
    /// The request that waits for one of the devices.
    pub(crate) asked: Option<AskId>,
    /// How many of the devices have a session.
    pub(crate) sharing: u32,
    /// How often each agent asked of late and got no yes. It is by agent id, because signing in again
    /// must give no new questions.
    pub(crate) asked_in_vain: BTreeMap<AgentId, Window>,
    pub(crate) pace: Option<Pace>,
}

/// When agents were sent the last card about a change, and the next one if it waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) last: Moment,
    pub(crate) late: Option<(TimerId, u64)>,
}

impl Person {
    /// The devices that are online, in the order they came.
    pub(crate) fn online(&self) -> &[Place] {
        match &self.dealings {
            Some(dealings) if !dealings.online.is_empty() => &dealings.online,
            Some(_) | None => self.focus.as_slice(),
        }
    }

    pub(crate) const fn focus(&self) -> Option<Place> {
        self.focus
    }

    pub(crate) fn asked(&self) -> Option<AskId> {
        self.dealings.as_ref().and_then(|dealings| dealings.asked)
    }

    pub(crate) fn sharing(&self) -> u32 {
        self.dealings.as_ref().map_or(0, |dealings| dealings.sharing)
    }

    /// How often this agent asked and got no yes.
    pub(crate) fn asked_in_vain(&self, agent: &AgentId) -> Option<&Window> {
        self.dealings.as_ref().and_then(|dealings| dealings.asked_in_vain.get(agent))
    }

    /// Whether an agent's request would be refused: one waits already, or a device is sharing.
    pub(crate) fn busy(&self) -> bool {
        self.asked().is_some() || self.sharing() > 0
    }

    /// A device comes online. The first has the focus.
    pub(crate) fn comes(&mut self, device: Place) {
        let mut online = self.online().to_vec();
        online.push(device);
        self.focus = self.focus.or(Some(device));
        self.set_online(online);
    }

    /// A device goes offline. If it had the focus, another must be given it; the last takes it along.
    pub(crate) fn goes(&mut self, device: Place) {
        let mut online = self.online().to_vec();
        online.retain(|it| *it != device);
        if online.is_empty() {
            self.focus = None;
        }
        self.set_online(online);
    }

    /// Gives the focus to a device that is online, and tells which one had it.
    pub(crate) fn move_focus(&mut self, to: Option<Place>) -> Option<Place> {
        let online = self.online().to_vec();
        let before = core::mem::replace(&mut self.focus, to);
        self.set_online(online);
        before
    }

    fn set_online(&mut self, online: Vec<Place>) {
        if online != self.focus.as_slice() {
            self.dealings().online = online;
        } else if let Some(dealings) = &mut self.dealings {
            dealings.online = Vec::new();
            self.tidy();
        }
    }

    pub(crate) fn dealings(&mut self) -> &mut Dealings {
        self.dealings.get_or_insert_default()
    }

    pub(crate) fn pace(&mut self) -> Option<&mut Pace> {
        self.dealings.as_mut().and_then(|dealings| dealings.pace.as_mut())
    }

    /// When the next card waits no more; nothing if none did.
    pub(crate) fn take_pace(&mut self) -> Option<Pace> {
        let pace = self.dealings.as_mut().and_then(|dealings| dealings.pace.take());
        self.tidy();
        pace
    }

    /// Something ended of which nothing may be left.
    pub(crate) fn tidy(&mut self) {
        if self.dealings.as_deref() == Some(&Dealings::default()) {
            self.dealings = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_keep_their_order_and_one_alone_takes_no_list() {
        let [a, b, c] = [1, 2, 3].map(|number| Place::new(number).unwrap());
        let mut person = Person::default();
        assert!(person.online().is_empty());
        person.comes(a);
        assert_eq!((person.online(), person.focus()), (&[a][..], Some(a)));
        assert!(person.dealings.is_none());
        person.comes(b);
        person.comes(c);
        assert_eq!((person.online(), person.focus()), (&[a, b, c][..], Some(a)));
        assert_eq!(person.move_focus(Some(c)), Some(a));
        person.goes(b);
        person.goes(c);
        // Who had the focus is known until it is given on.
        assert_eq!((person.online(), person.focus()), (&[a][..], Some(c)));
        assert_eq!(person.move_focus(Some(a)), Some(c));
        assert!(person.dealings.is_none());
        person.goes(a);
        assert_eq!((person.online(), person.focus()), (&[][..], None));
        assert!(person.dealings.is_none());
    }
}
