//! What must be so once nobody does anything any more and the network has been healed for a while.

use core::time::Duration;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use coview_agent::AgentStateKind;
use coview_agent::Watching;
use coview_lifecycle::Connectivity;
use coview_lifecycle::StateKind;
use coview_screen::Status;
use coview_wire::AgentId;
use coview_wire::AppState;
use coview_wire::GroupId;
use coview_wire::VisitorId;

use crate::checker::PlaceFacts;
use crate::checker::Rule;
use crate::checker::Violation;
use crate::client::AgentNo;
use crate::client::ClientId;
use crate::client::VisitorNo;
use crate::device::Hand;
use crate::device::SimAgent;
use crate::device::SimVisitor;
use crate::device::focus_of;
use crate::device::session_of;
use crate::network::Cut;
use crate::picture::page::PageAct;
use crate::world::World;

/// How long everything needs at most to settle in a healed network: a silent connection is noticed
/// after 60 seconds, the longest wait before a reconnect is 30, the first reply may take 10, a
/// request waits for 60.
pub const SETTLED: Duration = Duration::from_secs(180);

/// How long nothing may be left after the last client went: the silence, then the lease, then the
/// longest deadline of a session.
pub const FORGOTTEN: Duration = Duration::from_secs(60 + 300 + 300);

impl World {
    /// Heals the network, brings every app to the front and lets everything settle.
    pub fn settle(&mut self) {
        self.heal();
        for no in 0..self.visitors() {
            self.move_app(VisitorNo(no), AppState::Active);
            self.draw(VisitorNo(no), &PageAct::Pause(false));
        }
        self.run_for(SETTLED);
        self.run_until_quiet();
    }

    /// # Panics
    ///
    /// If a rule was broken so far, or somebody does not agree or is stuck after the world has
    /// [settled](Self::settle).
    pub fn assert_settled(&self) {
        self.assert_holds();
        self.assert_none(&self.disagreements());
    }

    /// Lets everybody go, every second one without a word, and waits until the hub has forgotten
    /// them.
    ///
    /// # Panics
    ///
    /// If the hub still holds something.
    pub fn assert_forgets(&mut self) {
        self.all_leave();
        self.assert_holds();
        self.assert_none(&self.leftovers());
    }

    /// Everybody goes, every second one without a word, and the hub gets the time to forget them.
    pub(crate) fn all_leave(&mut self) {
        let visitors = (0..self.visitors()).map(|no| ClientId::Visitor(VisitorNo(no)));
        let agents = (0..self.agents()).map(|no| ClientId::Agent(AgentNo(no)));
        for (at, client) in visitors.chain(agents).collect::<Vec<_>>().into_iter().enumerate() {
            match at % 4 {
                0 | 2 => self.leave(client),
                1 => self.crash(client, Cut::Silent),
                _ => self.crash(client, Cut::BothNotice),
            }
        }
        self.run_for(FORGOTTEN);
    }

    /// What the hub still holds.
    pub(crate) fn leftovers(&self) -> Vec<Violation> {
        let Some(stats) = self.hub_stats() else { return Vec::new() };
        let gauges = [
            ("connections", stats.connections),
            ("visitors", stats.visitors),
            ("visitors online", stats.visitors_online),
            ("agents", stats.agents),
            ("asks", stats.asks),
            ("sessions", stats.sessions),
            ("keys", stats.keys),
            ("deadlines", stats.deadlines),
        ];
        let left = gauges.into_iter().filter(|(_, count)| *count > 0);
        let told = left.map(|(what, count)| (Rule::NothingLeft, format!("{count} {what} left")));
        let places = self.checker().places.len();
        let logged = (places > 0)
            .then(|| (Rule::NothingLeft, format!("{places} places never logged to be gone")));
        told.chain(logged).map(violation).collect()
    }

    /// What is not as it should be in a world that has settled.
    #[must_use]
    pub fn disagreements(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        self.nobody_is_stuck(&mut found);
        self.sessions_agree(&mut found);
        self.presence_agrees(&mut found);
        self.rosters_agree(&mut found);
        self.everything_was_understood(&mut found);
        self.pictures_agree(&mut found);
        self.masks_are_on_record(&mut found);
        found.into_iter().map(violation).collect()
    }

    fn nobody_is_stuck(&self, found: &mut Vec<(Rule, String)>) {
        let mut stuck = |client: ClientId, how: String| {
            found.push((Rule::NotStuck, format!("{client} {how}")));
        };
        for device in &self.visitors {
            match &device.hand {
                Hand::Connecting => stuck(device.id, "still connects".to_owned()),
                Hand::Waiting(_) => stuck(device.id, "still waits for an answer".to_owned()),
                Hand::Free(visitor) => {
                    if visitor.connectivity() != Connectivity::Connected {
                        stuck(device.id, format!("is {}", visitor.connectivity()));
                    }
                    if let StateKind::TermsRequested | StateKind::TermsShown = visitor.state() {
                        stuck(device.id, format!("is still {}", visitor.state()));
                    }
                }
                Hand::Gone(_) => {}
            }
        }
        for device in &self.agents {
            match &device.hand {
                Hand::Connecting => stuck(device.id, "still connects".to_owned()),
                Hand::Waiting(_) => stuck(device.id, "still waits for an answer".to_owned()),
                Hand::Free(agent) => {
                    if agent.connectivity() != Connectivity::Connected {
                        stuck(device.id, format!("is {}", agent.connectivity()));
                    }
                    if let AgentStateKind::Requesting | AgentStateKind::Joining = agent.state() {
                        stuck(device.id, format!("is still {}", agent.state()));
                    }
                }
                Hand::Gone(_) => {}
            }
        }
        for (ask, facts) in self.checker().waiting_asks() {
            found.push((Rule::OneOutcome, format!("{ask:?} of {} never ended", facts.visitor)));
        }
    }

    fn free_visitors(&self) -> impl Iterator<Item = (VisitorNo, &SimVisitor)> {
        (0..self.visitors()).filter_map(|no| Some((VisitorNo(no), self.visitor(VisitorNo(no))?)))
    }

    fn free_agents(&self) -> impl Iterator<Item = (AgentNo, &SimAgent)> {
        (0..self.agents()).filter_map(|no| Some((AgentNo(no), self.agent(AgentNo(no))?)))
    }

    /// Visitor, hub and agents have the same sessions with the same guests.
    fn sessions_agree(&self, found: &mut Vec<(Rule, String)>) {
        let mut differs = |how: String| found.push((Rule::Agreement, how));
        let live: BTreeMap<_, _> = self.checker().live_sessions().collect();
        for (no, visitor) in self.free_visitors() {
            let client = ClientId::Visitor(no);
            match session_of(visitor) {
                None => {
                    if let Some((session, _)) =
                        live.iter().find(|(_, it)| it.client == Some(client))
                    {
                        differs(format!("{client} is {}, not in {session:?}", visitor.state()));
                    }
                }
                Some(session) => match live.get(&session) {
                    Some(facts) if facts.client == Some(client) && facts.started => {
                        let shown = sorted(visitor.agents().iter().map(|card| card.agent.clone()));
                        let real = sorted(facts.guests.iter().cloned());
                        if shown != real {
                            differs(format!(
                                "{client} sees {shown:?} in {session:?}, not {real:?}"
                            ));
                        }
                    }
                    other => differs(format!(
                        "{client} shares in {session:?}, the hub says {:?}",
                        other.map(|facts| facts.client)
                    )),
                },
            }
        }
        let mut viewers: BTreeMap<_, Vec<AgentId>> = BTreeMap::new();
        for (no, agent) in self.free_agents() {
            let Some(session) = agent.session() else { continue };
            viewers.entry(session).or_default().push(agent.card().agent.clone());
            let real = live.get(&session).map(|facts| sorted(facts.guests.iter().cloned()));
            let shown = sorted(agent.agents().iter().map(|card| card.agent.clone()));
            if real.as_ref() != Some(&shown) {
                differs(format!("agent {} sees {shown:?} in {session:?}, not {real:?}", no.0));
            }
        }
        for (session, facts) in &live {
            let real = sorted(facts.guests.iter().cloned());
            let views = sorted(viewers.remove(session).unwrap_or_default());
            if real != views {
                differs(format!("in {session:?} are {real:?}, {views:?} know of it"));
            }
        }
    }

    /// Visitors are as identified and as online as the hub holds them, and one device of each
    /// visitor id has the focus.
    fn presence_agrees(&self, found: &mut Vec<(Rule, String)>) {
        let mut differs = |how: String| found.push((Rule::Agreement, how));
        let mut focused: BTreeMap<(GroupId, VisitorId), usize> = BTreeMap::new();
        for (no, visitor) in self.free_visitors() {
            let client = ClientId::Visitor(no);
            let of_client = |it: &&PlaceFacts| it.client == Some(client);
            let places: Vec<&PlaceFacts> =
                self.checker().places.values().filter(of_client).collect();
            let [place] = places[..] else {
                differs(format!("the hub holds {} places for {client}", places.len()));
                continue;
            };
            let id = visitor.visitor_id();
            if place.visitor.as_ref() != id {
                differs(format!("{client} is {id:?}, the hub says {:?}", place.visitor));
            }
            let home = match visitor.state() {
                StateKind::SharingManualPresence
                | StateKind::ConfirmingPresence
                | StateKind::SharingOneClick => true,
                StateKind::PresenceConnected
                | StateKind::TermsRequested
                | StateKind::TermsShown => true,
                StateKind::Anonymous
                | StateKind::Identified
                | StateKind::SharingManualAnonymous
                | StateKind::SharingManualIdentified
                | StateKind::ConfirmingAnonymous
                | StateKind::ConfirmingIdentified => false,
            };
            // A lost presence waits at the door while a session runs.
            let known = if session_of(visitor).is_some() {
                home || place.online.is_none()
            } else {
                home == place.online.is_some()
            };
            if !known {
                differs(format!("{client} is {}, online {:?}", visitor.state(), place.online));
            }
            if place.online.is_some()
                && let (Some(id), Some(focus)) = (id, focus_of(visitor))
            {
                let count = focused.entry((visitor.group().clone(), id.clone())).or_default();
                *count += usize::from(focus);
            }
        }
        for ((group, id), count) in focused {
            if count != 1 {
                differs(format!("{count} devices of {id} in {group} have the focus"));
            }
        }
    }

    /// Agents see who is online, as busy as they are, and with the data of the focused device.
    fn rosters_agree(&self, found: &mut Vec<(Rule, String)>) {
        let mut differs = |how: String| found.push((Rule::Agreement, how));
        for (no, agent) in self.free_agents() {
            let real = |id: &VisitorId| match agent.watching() {
                Some(Watching::Group) => true,
                Some(Watching::Visitor(watched)) => watched == id,
                None => false,
            };
            let places = self.checker().places.values();
            let sees = |id: &&VisitorId| self.checker().sees(ClientId::Agent(no), id);
            let online: BTreeSet<&VisitorId> = places
                .filter(|it| it.group == *agent.group() && it.online.is_some())
                .filter_map(|it| it.visitor.as_ref())
                .filter(|id| real(id))
                .filter(sees)
                .collect();
            let shown: BTreeSet<&VisitorId> = agent.roster().keys().collect();
            if online != shown {
                differs(format!("agent {} sees {shown:?} online, not {online:?}", no.0));
            }
            if agent.watching().is_some() && !agent.roster_is_complete() {
                differs(format!("agent {} has not got the whole roster", no.0));
            }
            for (id, card) in agent.roster() {
                let busy = self.is_busy(agent.group(), id);
                if card.busy != busy {
                    differs(format!("agent {} sees {id} busy {}, not {busy}", no.0, card.busy));
                }
                let device = self.free_visitors().find(|(_, it)| {
                    it.group() == agent.group()
                        && it.visitor_id() == Some(id)
                        && focus_of(it) == Some(true)
                });
                let Some((device, visitor)) = device else { continue };
                let data = self.data.get(&device).cloned().unwrap_or_default();
                if card.data != data || card.app != visitor.app() || !card.reachable {
                    differs(format!(
                        "agent {} sees {id} {}, reachable {}, data {}; it is {}",
                        no.0,
                        card.app,
                        card.reachable,
                        card.data == data,
                        visitor.app()
                    ));
                }
            }
        }
    }

    fn is_busy(&self, group: &GroupId, id: &VisitorId) -> bool {
        let checker = self.checker();
        let asked = checker.waiting_asks().any(|(_, it)| it.group == *group && it.visitor == *id);
        let sharing = checker.live_sessions().any(|(_, session)| {
            let place = session.place.and_then(|place| checker.places.get(&place));
            place.is_some_and(|it| it.group == *group && it.visitor.as_ref() == Some(id))
        });
        asked || sharing
    }

    /// What the hub noted last of masks is what the sharer has told it.
    fn masks_are_on_record(&self, found: &mut Vec<(Rule, String)>) {
        for device in &self.visitors {
            let Some((session, told)) = device.screen.masks_told() else { continue };
            let noted = self.checker().masks(session);
            if noted != Some(told) {
                let how = format!("{} covers {told:?} in {session:?}, noted {noted:?}", device.id);
                found.push((Rule::MasksRecorded, how));
            }
        }
    }

    /// Every agent who is in a session sees what its visitor shares, with what is masked covered.
    fn pictures_agree(&self, found: &mut Vec<(Rule, String)>) {
        let mut differs = |how: String| found.push((Rule::SamePicture, how));
        for device in &self.visitors {
            let Hand::Free(visitor) = &device.hand else { continue };
            let Some(session) = visitor.session().filter(|_| device.screen.shares) else {
                continue;
            };
            if device.screen.sends() != Some(session) {
                differs(format!("{} does not send its screen in {session:?}", device.id));
                continue;
            }
            let page = &device.screen.page;
            for watching in &self.agents {
                let Hand::Free(agent) = &watching.hand else { continue };
                if agent.session() != Some(session) || !watching.screen.watches {
                    continue;
                }
                let id = watching.id;
                let Some(decoder) = watching.screen.picture_of(session) else {
                    differs(format!("{id} does not watch {session:?}"));
                    continue;
                };
                if decoder.status() != page.status() {
                    differs(format!("{id} sees {:?}, not {:?}", decoder.status(), page.status()));
                }
                // What is paused or gone need not be shown to who comes later.
                if !matches!(page.status(), Status::Live | Status::Blank) {
                    continue;
                }
                let same = decoder.picture().map(|it| it.shows_same(&page.covered()));
                if same != Some(true) {
                    differs(format!("{id} sees the page of {}: {same:?}", device.id));
                }
                if decoder.masks() != page.captions() {
                    differs(format!("{id} sees other masks than those of {}", device.id));
                }
            }
        }
    }

    fn everything_was_understood(&self, found: &mut Vec<(Rule, String)>) {
        let visitors =
            self.visitors.iter().map(|device| (device.id, device.engine.stats(), device.late));
        let agents =
            self.agents.iter().map(|device| (device.id, device.engine.stats(), device.late));
        for (client, stats, late) in visitors.chain(agents) {
            let excused = self.excused(client);
            if stats.undecodable > excused.undecodable
                || stats.misused > 0
                || stats.unexpected > late + excused.unexpected
            {
                found.push((Rule::Understood, format!("{client}: {stats:?}, {excused:?}")));
            }
        }
        if let Some(stats) = self.hub_stats()
            && stats.closed_protocol > self.excused_hub()
        {
            let closed = stats.closed_protocol;
            found.push((Rule::Understood, format!("the hub closed {closed} for their mistakes")));
        }
    }
}

fn sorted(agents: impl IntoIterator<Item = AgentId>) -> Vec<AgentId> {
    let mut agents: Vec<AgentId> = agents.into_iter().collect();
    agents.sort();
    agents
}

fn violation((rule, how): (Rule, String)) -> Violation {
    Violation { rule, how }
}
