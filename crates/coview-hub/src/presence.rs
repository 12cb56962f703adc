//! Who is online, which device has the focus, and what agents who watch are told.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::num::NonZeroU64;

use coview_lifecycle::StateKind;
use coview_lifecycle::table::Trigger;
use coview_wire::AgentNotice;
use coview_wire::AskOutcome;
use coview_wire::Moment;
use coview_wire::OfflineReason;
use coview_wire::PresenceConnect;
use coview_wire::PresenceConnected;
use coview_wire::PresenceData;
use coview_wire::PresenceFocus;
use coview_wire::PresenceId;
use coview_wire::PresenceUpdate;
use coview_wire::Profile;
use coview_wire::RefusalCode;
use coview_wire::RequestId;
use coview_wire::Roster;
use coview_wire::VisitorCard;
use coview_wire::VisitorChanged;
use coview_wire::VisitorId;
use coview_wire::VisitorOffline;
use coview_wire::VisitorOnline;
use coview_wire::WithdrawReason;
use coview_wire::limits;

use crate::effects::Effects;
use crate::event::Event;
use crate::event::Place;
use crate::group::Group;
use crate::no::No;
use crate::person::Dealings;
use crate::person::Pace;
use crate::person::Person;
use crate::timer::Due;

/// Whose card waits until the pace allows it, by a number that its deadline carries: a visitor id
/// is too large for that.
#[derive(Clone, Default)]
pub(crate) struct LateCards {
    names: BTreeMap<u64, VisitorId>,
    last: u64,
}

#[cfg(test)]
impl LateCards {
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// The agents who want to know who is online.
#[derive(Clone, Default)]
pub(crate) struct Watchers {
    all: BTreeSet<Place>,
    everybody: BTreeSet<Place>,
    one: BTreeMap<VisitorId, BTreeSet<Place>>,
}

/// What an agent wants to watch.
#[derive(Clone, Debug)]
pub(crate) enum Watching {
    Everybody,
    One(VisitorId),
}

/// Whom an agent is told about, because it watches and its token allows it.
#[derive(Clone, Debug)]
pub(crate) enum Scope {
    Everybody,
    /// In order, and each once.
    These(Box<[VisitorId]>),
}

impl Watchers {
    pub(crate) fn add(&mut self, agent: Place, whom: &Scope) {
        self.all.insert(agent);
        match whom {
            Scope::Everybody => drop(self.everybody.insert(agent)),
            Scope::These(visitors) => {
                for visitor in visitors {
                    self.one.entry(visitor.clone()).or_default().insert(agent);
                }
            }
        }
    }

    pub(crate) fn remove(&mut self, agent: Place, whom: &Scope) {
        self.all.remove(&agent);
        match whom {
            Scope::Everybody => drop(self.everybody.remove(&agent)),
            Scope::These(visitors) => {
                for visitor in visitors {
                    if let Some(agents) = self.one.get_mut(visitor) {
                        agents.remove(&agent);
                        if agents.is_empty() {
                            self.one.remove(visitor);
                        }
                    }
                }
            }
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    fn of(&self, visitor: &VisitorId) -> impl Iterator<Item = Place> {
        self.everybody.iter().chain(self.one.get(visitor).into_iter().flatten()).copied()
    }
}

impl Group {
    pub(crate) fn presence_connect(
        &mut self,
        fx: &mut Effects,
        place: Place,
        it: PresenceConnect,
    ) -> Result<(), No> {
        self.check(place, Trigger::ConnectPresence)?;
        if !self.config.presence {
            return Err(No::new(RefusalCode::PresenceDisabled));
        }
        let number = self.next_number();
        let id = PresenceId::new(number);
        let visitor = self.visitors.get_mut(&place);
        let Some((visitor, name)) = visitor.and_then(|it| it.id.clone().map(|name| (it, name)))
        else {
            return Err(No::order("connect_presence", StateKind::Anonymous));
        };
        let person = self.people.get_or_insert_default(&name);
        let before = person.focus();
        if person.online().len() >= fx.policy.max_devices as usize {
            const WORDS: &str = "too many devices of this visitor are online";
            return Err(No::because(RefusalCode::LimitExceeded, WORDS));
        }
        let first = person.online().is_empty();
        person.comes(place);
        if first {
            person.since = fx.now;
            self.online += 1;
        }
        visitor.stay = NonZeroU64::new(number);
        visitor.told.set_data(&it.data);
        let conn = visitor.conn;
        // The newest device has the focus, and this one has a connection.
        fx.tell_visitor(conn, PresenceConnected { re: it.re, presence: id, focused: true });
        fx.event(Event::Online {
            group: self.id.clone(),
            client: place,
            visitor: name.clone(),
            presence: id,
        });
        self.refocus(fx, &name, Some(place));
        if let Some(from) = before {
            fx.counts.hand_offs += 1;
            let group = self.id.clone();
            fx.event(Event::HandedOff { group, visitor: name.clone(), from, client: place });
        }
        if first {
            self.announce_online(fx, &name);
        } else {
            self.announce_changed(fx, &name);
        }
        Ok(())
    }

    pub(crate) fn presence_update(
        &mut self,
        fx: &mut Effects,
        place: Place,
        it: &PresenceUpdate,
    ) -> Result<(), No> {
        let state = self.state(place);
        let visitor = self.visitor(place);
        if visitor.stay.is_none() {
            return Err(No::order("update_presence", state));
        }
        let mut data = visitor.told.data();
        if data.merge(&it.data).is_err() {
            const WORDS: &str = "presence data would have too many entries or bytes";
            return Err(No::because(RefusalCode::LimitExceeded, WORDS));
        }
        visitor.told.set_data(&data);
        self.announce_if_focused(fx, place);
        Ok(())
    }

    /// The visitor goes offline. The table has no such verb while terms are asked for, but the
    /// message may have crossed a request on its way: then the request is lost and the visitor,
    /// who will find the terms in the mail, is told that they are over.
    pub(crate) fn presence_disconnect(&mut self, fx: &mut Effects, place: Place) -> Result<(), No> {
        match (self.state(place), self.visitor(place).ask()) {
            (StateKind::TermsRequested, Some(ask)) => {
                self.end_ask(fx, ask, AskOutcome::Lost, Some(WithdrawReason::PresenceOver));
            }
            (
                StateKind::Anonymous
                | StateKind::Identified
                | StateKind::PresenceConnected
                | StateKind::TermsRequested
                | StateKind::TermsShown
                | StateKind::SharingManualAnonymous
                | StateKind::SharingManualIdentified
                | StateKind::SharingManualPresence
                | StateKind::ConfirmingAnonymous
                | StateKind::ConfirmingIdentified
                | StateKind::ConfirmingPresence
                | StateKind::SharingOneClick,
                _,
            ) => self.check(place, Trigger::Disconnect)?,
        }
        self.leave_presence(fx, place, OfflineReason::Disconnected);
        Ok(())
    }

    /// Takes a device out of presence; nothing happens if it is not in it.
    pub(crate) fn leave_presence(&mut self, fx: &mut Effects, place: Place, reason: OfflineReason) {
        let visitor = self.visitor(place);
        let (Some(presence), Some(name)) = (visitor.presence(), visitor.id.clone()) else {
            return;
        };
        visitor.stay = None;
        visitor.told.set_data(&PresenceData::new());
        fx.event(Event::Offline {
            group: self.id.clone(),
            client: place,
            visitor: name.clone(),
            presence,
            reason,
        });
        let Some(person) = self.people.get_mut(&name) else { return };
        let had_focus = person.focus() == Some(place);
        person.goes(place);
        if person.online().is_empty() {
            // Nothing may be told about the visitor after its end.
            if let Some((timer, number)) = person.take_pace().and_then(|pace| pace.late) {
                fx.timers.cancel(Some(timer));
                self.late_cards.names.remove(&number);
                fx.counts.cards_coalesced += 1;
            }
            self.online = self.online.saturating_sub(1);
            let notice = VisitorOffline { visitor: name.clone(), reason };
            self.announce(fx, &name, notice.into());
        } else if had_focus {
            self.refocus(fx, &name, None);
            self.announce_changed(fx, &name);
        }
    }

    /// Gives the focus to the newest device that has a connection; if none has, to the newest.
    ///
    /// Devices whose focus changes are told, but for `silent`, which learns it from its reply.
    pub(crate) fn refocus(&mut self, fx: &mut Effects, name: &VisitorId, silent: Option<Place>) {
        let Some(person) = self.people.get_mut(name) else { return };
        let connected =
            |place: &Place| self.visitors.get(place).is_some_and(|device| device.conn.is_some());
        let live = person.online().iter().rev().copied().find(connected);
        let focus = live.or_else(|| person.online().last().copied());
        if person.focus() == focus {
            return;
        }
        let before = person.move_focus(focus);
        for (device, focused) in [(before, false), (focus, true)] {
            let device = device.filter(|device| silent != Some(*device));
            let Some(device) = device.and_then(|device| self.visitors.get(&device)) else {
                continue;
            };
            if let Some(presence) = device.presence() {
                fx.tell_visitor(device.conn, PresenceFocus { presence, focused });
            }
        }
    }

    /// A device's connection broke: the focus may move on, and agents see that it is out of reach.
    pub(crate) fn reach_changed(&mut self, fx: &mut Effects, place: Place) {
        let Some(name) = self.visitor(place).id.clone() else { return };
        if self.is_focused(place) {
            self.refocus(fx, &name, None);
            self.announce_changed(fx, &name);
        }
    }

    pub(crate) fn is_focused(&self, place: Place) -> bool {
        let name = self.visitors.get(&place).and_then(|visitor| visitor.id.as_ref());
        name.and_then(|name| self.people.get(name)).is_some_and(|it| it.focus() == Some(place))
    }

    /// Changes what a person does; agents are told if that makes them busy or free.
    pub(crate) fn change_person(
        &mut self,
        fx: &mut Effects,
        name: &VisitorId,
        change: impl FnOnce(&mut Dealings),
    ) {
        if let Some(person) = self.people.get_mut(name) {
            let before = person.busy();
            change(person.dealings());
            person.tidy();
            if before != person.busy() {
                self.announce_changed(fx, name);
            }
        }
    }

    /// Tells agents the card of a visitor, if this device is the one they see.
    pub(crate) fn announce_if_focused(&mut self, fx: &mut Effects, place: Place) {
        if self.is_focused(place)
            && let Some(name) = self.visitor(place).id.clone()
        {
            self.announce_changed(fx, &name);
        }
    }

    fn announce_online(&self, fx: &mut Effects, name: &VisitorId) {
        if self.is_watched(name)
            && let Some(card) = self.card(fx.now, name)
        {
            self.announce(fx, name, VisitorOnline { card }.into());
        }
    }

    /// Tells agents the card of a visitor: at once, or when the pace allows it. Otherwise one
    /// visitor could fill the queues of all agents with its cards.
    fn announce_changed(&mut self, fx: &mut Effects, name: &VisitorId) {
        if !self.is_watched(name) {
            return;
        }
        let Some(person) = self.people.get_mut(name).filter(|it| it.focus().is_some()) else {
            return;
        };
        match person.pace() {
            Some(Pace { late: Some(_), .. }) => fx.counts.cards_coalesced += 1,
            Some(Pace { last, late }) if *last + fx.policy.presence_pace > fx.now => {
                self.late_cards.last += 1;
                let number = self.late_cards.last;
                self.late_cards.names.insert(number, name.clone());
                let at = *last + fx.policy.presence_pace;
                *late = Some((fx.timers.set(at, Due::LateCard(self.index, number)), number));
            }
            Some(_) | None => {
                person.dealings().pace = Some(Pace { last: fx.now, late: None });
                self.announce_card(fx, name);
            }
        }
    }

    /// The pace allows the next card of a visitor.
    pub(crate) fn late_card(&mut self, fx: &mut Effects, number: u64) {
        let Some(name) = self.late_cards.names.remove(&number) else { return };
        if let Some(pace) = self.people.get_mut(&name).and_then(Person::pace) {
            *pace = Pace { last: fx.now, late: None };
            self.announce_card(fx, &name);
        }
    }

    fn announce_card(&self, fx: &mut Effects, name: &VisitorId) {
        if self.is_watched(name)
            && let Some(card) = self.card(fx.now, name)
        {
            self.announce(fx, name, VisitorChanged { card }.into());
        }
    }

    fn is_watched(&self, name: &VisitorId) -> bool {
        self.watchers.of(name).next().is_some()
    }

    /// Sends a notice to everybody who watches this visitor; it is encoded once.
    fn announce(&self, fx: &mut Effects, name: &VisitorId, notice: AgentNotice) {
        let mut text: Option<Arc<str>> = None;
        let wall = fx.wall();
        for agent in self.watchers.of(name) {
            // A hub that was held up comes to what happened before a sign-in was over only after it.
            let agent = self.agents.get(&agent).filter(|agent| agent.sign_in.expires > wall);
            if let Some(conn) = agent.and_then(|agent| agent.conn) {
                let text = text.get_or_insert_with(|| fx.encoded(&notice)).clone();
                fx.send(conn, text);
            }
        }
    }

    /// A visitor as agents see it: as its device with the focus is. `None` if it is not online.
    pub(crate) fn card(&self, now: Moment, name: &VisitorId) -> Option<VisitorCard> {
        let person = self.people.get(name)?;
        let device = self.visitors.get(&person.focus()?)?;
        Some(VisitorCard {
            visitor: name.clone(),
            profile: device.told.profile(),
            data: device.told.data(),
            app: device.app,
            reachable: device.conn.is_some(),
            busy: person.busy(),
            online_ms: u64::try_from(now.since(person.since).as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// Sends an agent who watches the whole roster, in pages: of everybody it may see.
    pub(crate) fn send_roster(&mut self, fx: &mut Effects, agent: Place, re: Option<RequestId>) {
        let Some((agent, conn)) = self.agents.get(&agent).and_then(|it| Some((it, it.conn?)))
        else {
            return;
        };
        if agent.watching.is_none() {
            return;
        }
        let mut pages = Pages::default();
        match &agent.scope {
            Some(Scope::These(names)) => {
                pages.extend(names.iter().filter_map(|name| self.card(fx.now, name)));
            }
            Some(Scope::Everybody) => {
                pages.extend(self.people.keys().filter_map(|name| self.card(fx.now, name)));
            }
            None => {}
        }
        let last = pages.full.len();
        pages.full.push(pages.page);
        for (at, visitors) in pages.full.into_iter().enumerate() {
            let roster = Roster { re, first: at == 0, more: at < last, visitors };
            fx.tell_agent(Some(conn), roster);
        }
    }
}

/// Cards in pages that keep both limits of a `roster` message: cards and bytes.
#[derive(Default)]
struct Pages {
    full: Vec<Vec<VisitorCard>>,
    page: Vec<VisitorCard>,
    bytes: usize,
}

impl Extend<VisitorCard> for Pages {
    fn extend<T: IntoIterator<Item = VisitorCard>>(&mut self, cards: T) {
        /// What a `roster` message has beside its cards, generously.
        const FRAME: usize = 256;
        for card in cards {
            let bytes = json_bytes(&card);
            let full = self.page.len() >= limits::ROSTER_PAGE
                || self.bytes + bytes > limits::MESSAGE_BYTES - FRAME;
            if full && !self.page.is_empty() {
                self.full.push(core::mem::take(&mut self.page));
                self.bytes = 0;
            }
            self.bytes += bytes;
            self.page.push(card);
        }
    }
}

/// At most how many bytes a card has as JSON. Only quotes and backslashes are escaped in it,
/// because no text of a card has control characters.
fn json_bytes(card: &VisitorCard) -> usize {
    /// The names of all fields, the numbers and the punctuation, generously.
    const FRAME: usize = 256;
    let text = |text: &str| {
        text.len() + text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count() + 6
    };
    let profile = |of: fn(&Profile) -> Option<&str>| of(&card.profile).map_or(0, text);
    FRAME
        + card.visitor.as_str().len()
        + profile(Profile::name)
        + profile(Profile::email)
        + profile(Profile::phone)
        + card.data.iter().map(|(key, value)| text(key) + text(value)).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use coview_wire::AppState;
    use coview_wire::Message;

    use super::*;

    fn card(data: PresenceData) -> VisitorCard {
        VisitorCard {
            visitor: VisitorId::new("a".repeat(62)).unwrap(),
            profile: Profile::new()
                .with_name(&"\"".repeat(63))
                .unwrap()
                .with_email(&"é".repeat(127))
                .unwrap(),
            data,
            app: AppState::Background,
            reachable: false,
            busy: false,
            online_ms: u64::MAX,
        }
    }

    fn heavy() -> PresenceData {
        let value = "\"".repeat(126);
        (0..32)
            .fold(PresenceData::new(), |data, at| data.with(&format!("{at:02}"), &value).unwrap())
    }

    #[test]
    fn the_estimate_of_a_card_is_never_below_its_length() {
        for data in [PresenceData::new(), heavy()] {
            let card = card(data);
            let text = AgentNotice::from(VisitorOnline { card: card.clone() }).encode();
            assert!(text.len() <= json_bytes(&card), "{} bytes", text.len());
            assert!(text.len() <= limits::MESSAGE_BYTES);
            let short = VisitorCard { visitor: VisitorId::new("a").unwrap(), ..card.clone() };
            assert_eq!(json_bytes(&card) - json_bytes(&short), 61);
        }
    }

    #[test]
    fn the_estimate_of_a_card_grows_with_every_text_of_it() {
        let card = |profile, data| VisitorCard { profile, ..card(data) };
        let bare = json_bytes(&card(Profile::new(), PresenceData::new()));
        for profile in [
            Profile::new().with_name("\"Ada\""),
            Profile::new().with_email("a@b.c"),
            Profile::new().with_phone("+1234"),
        ] {
            assert!(json_bytes(&card(profile.unwrap(), PresenceData::new())) > bare + 5);
        }
        let data = PresenceData::new().with("page", "/").unwrap();
        assert!(json_bytes(&card(Profile::new(), data)) > bare + 5);
    }

    #[test]
    fn pages_keep_the_limits_on_cards_and_on_bytes() {
        for (data, pages) in [(PresenceData::new(), 4), (heavy(), 15)] {
            let mut made = Pages::default();
            made.extend((0..100).map(|_| card(data.clone())));
            made.full.push(made.page);
            assert_eq!(made.full.len(), pages);
            for visitors in made.full {
                assert!(visitors.len() <= limits::ROSTER_PAGE);
                let roster = Roster { re: None, first: false, more: true, visitors };
                assert!(AgentNotice::from(roster).encode().len() <= limits::MESSAGE_BYTES);
            }
        }
    }

    /// A card of so many bytes, by the estimate.
    fn card_of(bytes: usize) -> VisitorCard {
        let mut data = PresenceData::new();
        let mut left = bytes - json_bytes(&card(data.clone()));
        while left > 0 {
            let entry = match left {
                ..=256 => left,
                257..=540 => left / 2,
                541.. => 270,
            };
            // An entry takes 14 bytes beside its value.
            let key = format!("{:02}", data.iter().count());
            data = data.with(&key, &"a".repeat(entry - 14)).unwrap();
            left -= entry;
        }
        card(data)
    }

    #[test]
    fn a_page_takes_cards_up_to_the_last_byte_beside_its_frame() {
        for (last, pages) in [(1_480, 1), (1_481, 2)] {
            let cards = (0..22).map(|_| card_of(2_900)).chain([card_of(last)]);
            let cards: Vec<VisitorCard> = cards.collect();
            let bytes: usize = cards.iter().map(json_bytes).sum();
            assert_eq!(limits::MESSAGE_BYTES - bytes, 256 + 1_480 - last);
            let mut made = Pages::default();
            made.extend(cards);
            assert_eq!(made.full.len() + 1, pages);
        }
    }
}
