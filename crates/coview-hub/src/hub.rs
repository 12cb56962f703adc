use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use coview_wire::AgentMessage;
use coview_wire::ClientMessage;
use coview_wire::CloseReason;
use coview_wire::GroupId;
use coview_wire::Message;
use coview_wire::Moment;

use crate::config::HubConfig;
use crate::effects::Conn;
use crate::effects::Effects;
use crate::effects::Peer;
use crate::event::Departure;
use crate::event::Event;
use crate::event::PictureFault;
use crate::group::Group;
use crate::io::Caller;
use crate::io::ConnId;
use crate::io::Input;
use crate::io::Output;
use crate::no::No;
use crate::stats::Stats;
use crate::timer::Due;
use crate::timer::GroupIndex;

/// The server's logic: takes in what happens on connections, and says what to do.
///
/// After every [`handle_input`](Self::handle_input) call [`poll_output`](Self::poll_output) until
/// it answers [`Output::Idle`]; the crate's documentation has the loop.
///
/// `Debug` prints the [`Stats`] and nothing else.
pub struct Hub {
    pub(crate) names: BTreeMap<GroupId, GroupIndex>,
    pub(crate) groups: Vec<Group>,
    pub(crate) fx: Effects,
    pub(crate) stopped: bool,
}

impl Hub {
    /// A hub without connections.
    ///
    /// `seed` must come from the operating system's generator, because keys and resume secrets are
    /// drawn from it. A test gives its own and gets the same run every time.
    #[must_use]
    pub fn new(config: HubConfig, seed: [u8; 32]) -> Self {
        let mut fx = Effects::new(config.policy, seed);
        let mut names = BTreeMap::new();
        let mut groups = Vec::with_capacity(config.groups.len());
        for ((id, config), index) in config.groups.into_iter().zip(0u32..) {
            names.insert(id.clone(), GroupIndex(index));
            groups.push(Group::new(id, GroupIndex(index), config, &mut fx));
        }
        Self { names, groups, fx, stopped: false }
    }

    /// Takes in what happened, and settles everything that follows from it.
    ///
    /// Deadlines that are over by `now` are handled before the input, so a late
    /// [`Input::Timeout`] changes no outcome; but after [`Input::Wall`], by which sign-ins end. If
    /// `now` is before an earlier one, the earlier one holds.
    pub fn handle_input(&mut self, now: Moment, input: Input<'_>) {
        self.fx.now = self.fx.now.max(now);
        match input {
            Input::Text { conn, .. } | Input::Binary { conn, .. } => {
                self.fx.counts.messages_in += 1;
                // Before the deadlines: what is being heard right now is not silent.
                if let Some(open) = self.fx.conns.get_mut(&conn) {
                    open.heard = self.fx.now;
                }
            }
            // Before the deadlines: whoever's sign-in is over by the new time is told nothing of them.
            Input::Wall { now } => {
                if self.fx.set_wall(now) {
                    for group in &mut self.groups {
                        group.clock_set(&mut self.fx);
                    }
                }
            }
            Input::Opened { .. }
            | Input::Records { .. }
            | Input::Drain
            | Input::Closed { .. }
            | Input::TooSlow { .. }
            | Input::PicturesDropped { .. }
            | Input::Timeout
            | Input::Shutdown => {}
        }
        while let Some(due) = self.fx.timers.pop_due(self.fx.now) {
            self.is_due(due);
        }
        match input {
            Input::Opened { conn, caller } => self.opened(conn, caller),
            Input::Records { healthy } => self.fx.recorded = healthy,
            Input::Drain => self.drain(),
            Input::Text { conn, text } => self.text(conn, text),
            Input::Binary { conn, bytes } => self.binary(conn, bytes),
            Input::Closed { conn } => {
                if let Some(open) = self.fx.conns.remove(&conn) {
                    self.fx.timers.cancel(Some(open.timer));
                    self.lost(open.peer);
                }
            }
            Input::TooSlow { conn } => self.cut_off(conn, CloseReason::TooSlow, true),
            Input::PicturesDropped { conn } => self.pictures_dropped(conn),
            Input::Wall { .. } | Input::Timeout => {}
            Input::Shutdown => self.shut_down(),
        }
        self.send_idle_away();
    }

    /// What to do next. [`Output::Idle`] means nothing until the next input or the moment it names.
    pub fn poll_output(&mut self) -> Output {
        self.fx.next_output().unwrap_or_else(|| Output::Idle { wake_at: self.fx.timers.earliest() })
    }

    /// Whether the client of this connection is a visitor in a running session, so that it may send
    /// pictures. An owner who reads no long binary message of anybody else asks after each text: a
    /// session begins, for its visitor, with an answer to a text.
    #[must_use]
    pub fn may_send_pictures(&self, conn: ConnId) -> bool {
        match self.fx.conns.get(&conn).map(|open| open.peer) {
            Some(Peer::Visitor(index, place)) => self.groups[index.0 as usize].is_sharing(place),
            Some(Peer::Unknown | Peer::Agent(..)) | None => false,
        }
    }

    /// How many there are of everything. It costs a look at each group, not at each visitor.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let sum = |of: fn(&Group) -> usize| self.groups.iter().map(of).sum::<usize>() as u64;
        Stats {
            connections: self.fx.conns.len() as u64,
            visitors: sum(|group| group.visitors.len()),
            visitors_online: self.groups.iter().map(|group| group.online).sum(),
            visitors_identified: sum(|group| group.people.len()),
            agents: sum(|group| group.agents.len()),
            agents_watching: sum(|group| group.watchers.count()),
            asks: sum(|group| group.asks.len()),
            sessions: sum(|group| group.sessions.len()),
            viewers: self.groups.iter().map(|group| group.viewing).sum(),
            keys: sum(|group| group.keys.len()),
            one_use_tokens: sum(|group| group.used_tokens.len() + group.used_assertions.len()),
            deadlines: self.fx.timers.len() as u64,
            ..self.fx.counts
        }
    }

    fn opened(&mut self, conn: ConnId, caller: Caller<'_>) {
        if self.fx.conns.contains_key(&conn) {
            // The owner promised never to use a number again; the first use stands.
            return;
        }
        let timer = self.fx.set_timer(self.fx.policy.first_reply, Due::FirstMessage(conn));
        let heard = self.fx.now;
        self.fx.conns.insert(conn, Conn::new(caller, heard, timer));
        self.fx.counts.connections_opened += 1;
        if self.stopped {
            self.fx.close(conn, CloseReason::Shutdown, true);
        }
    }

    fn text(&mut self, conn: ConnId, text: &str) {
        let Some(peer) = self.fx.conns.get(&conn).map(|open| open.peer) else { return };
        match peer {
            Peer::Unknown => self.first_message(conn, text),
            Peer::Visitor(index, place) => {
                let (group, fx) = self.group_and_effects(index);
                match ClientMessage::decode(text) {
                    Ok(message) => group.visitor_says(fx, conn, place, message),
                    Err(error) => {
                        let no = No::malformed(&error);
                        group.visitor_problem(fx, conn, place, error.request(), no);
                    }
                }
            }
            Peer::Agent(index, place) => {
                let (group, fx) = self.group_and_effects(index);
                match AgentMessage::decode(text) {
                    Ok(message) => group.agent_says(fx, conn, place, message),
                    Err(error) => {
                        let no = No::malformed(&error);
                        group.agent_problem(fx, conn, place, error.request(), no);
                    }
                }
            }
        }
    }

    /// A visitor's binary messages are for the agents in its session, an agent's are words about
    /// them. One that is not legal ends the place of its sender at once: no mistake of a well-made
    /// client leads to one, and what it holds may be somebody's screen.
    fn binary(&mut self, conn: ConnId, bytes: &[u8]) {
        let Some(peer) = self.fx.conns.get(&conn).map(|open| open.peer) else { return };
        match peer {
            Peer::Unknown => {
                self.fx.picture_refused(conn, None, PictureFault::HelloFirst);
                self.cut_off(conn, CloseReason::Protocol, false);
            }
            Peer::Visitor(index, place) => {
                let (group, fx) = self.group_and_effects(index);
                if let Err(why) = group.relay(fx, place, bytes) {
                    fx.picture_refused(conn, Some(place), why);
                    group.visitor_departs(fx, place, Departure::Policy);
                }
            }
            Peer::Agent(index, place) => {
                let (group, fx) = self.group_and_effects(index);
                if let Err(why) = group.viewer_signals(fx, place, bytes) {
                    fx.picture_refused(conn, Some(place), why);
                    group.agent_departs(fx, place, Departure::Policy);
                }
            }
        }
    }

    fn pictures_dropped(&mut self, conn: ConnId) {
        match self.fx.conns.get(&conn).map(|open| open.peer) {
            Some(Peer::Agent(index, place)) => {
                let (group, fx) = self.group_and_effects(index);
                group.pictures_dropped(fx, place);
            }
            // Nobody else is sent pictures.
            Some(Peer::Unknown | Peer::Visitor(..)) | None => {}
        }
    }

    fn is_due(&mut self, due: Due) {
        match due {
            Due::FirstMessage(conn) => self.cut_off(conn, CloseReason::Silent, true),
            Due::Silence(conn) => {
                let silence = self.fx.policy.silence();
                let Some(heard) = self.fx.conns.get(&conn).map(|open| open.heard) else { return };
                // The deadline is not moved at every message, only looked at again when it comes.
                if heard + silence <= self.fx.now {
                    self.cut_off(conn, CloseReason::Silent, true);
                } else {
                    let timer = self.fx.timers.set(heard + silence, due);
                    if let Some(open) = self.fx.conns.get_mut(&conn) {
                        open.timer = timer;
                    }
                }
            }
            Due::VisitorGrace(index, place) => {
                let (group, fx) = self.group_and_effects(index);
                group.visitor_grace_over(fx, place);
            }
            Due::AgentGrace(index, place) => {
                let (group, fx) = self.group_and_effects(index);
                group.agent_departs(fx, place, Departure::Lost);
            }
            Due::KeyUnclaimed(index, session) => {
                let (group, fx) = self.group_and_effects(index);
                group.key_unclaimed(fx, session);
            }
            Due::StartAfterAccept(index, session) => {
                let (group, fx) = self.group_and_effects(index);
                group.start_never_came(fx, session);
            }
            Due::TermsUnanswered(index, ask) => {
                let (group, fx) = self.group_and_effects(index);
                group.ask_expired(fx, ask);
            }
            Due::JoinUnanswered(index, session) => {
                let (group, fx) = self.group_and_effects(index);
                group.join_expired(fx, session);
            }
            Due::MasksSettled(index, session) => {
                let (group, fx) = self.group_and_effects(index);
                group.settle_masks(fx, session);
            }
            Due::SignInOver(index, place) => {
                let (group, fx) = self.group_and_effects(index);
                group.sign_in_over(fx, place);
            }
            Due::LateCard(index, number) => {
                let (group, fx) = self.group_and_effects(index);
                group.late_card(fx, number);
            }
        }
    }

    /// Closes a connection that did not ask for it. Its place is kept for the grace.
    pub(crate) fn cut_off(&mut self, conn: ConnId, reason: CloseReason, retry: bool) {
        let Some(peer) = self.fx.conns.get(&conn).map(|open| open.peer) else { return };
        self.fx.event(Event::CutOff { conn, reason });
        self.fx.close(conn, reason, retry);
        self.lost(peer);
    }

    fn lost(&mut self, peer: Peer) {
        match peer {
            Peer::Unknown => {}
            Peer::Visitor(index, place) => {
                let (group, fx) = self.group_and_effects(index);
                group.visitor_lost(fx, place);
            }
            Peer::Agent(index, place) => {
                let (group, fx) = self.group_and_effects(index);
                group.agent_lost(fx, place);
            }
        }
    }

    /// Whatever ended may have been the last thing that somebody stayed for.
    fn send_idle_away(&mut self) {
        while core::mem::take(&mut self.fx.something_ended) {
            for group in &mut self.groups {
                group.send_idle_away(&mut self.fx);
            }
        }
    }

    fn drain(&mut self) {
        if !core::mem::replace(&mut self.fx.draining, true) {
            for group in &mut self.groups {
                group.drain(&mut self.fx);
            }
        }
    }

    fn shut_down(&mut self) {
        self.stopped = true;
        for group in &mut self.groups {
            group.shut_down(&mut self.fx);
        }
        while let Some((&conn, _)) = self.fx.conns.first_key_value() {
            self.fx.close(conn, CloseReason::Shutdown, true);
        }
    }

    pub(crate) fn group(&mut self, index: GroupIndex) -> &mut Group {
        &mut self.groups[index.0 as usize]
    }

    /// The one group a rule is about, and everything that belongs to none.
    pub(crate) fn group_and_effects(&mut self, index: GroupIndex) -> (&mut Group, &mut Effects) {
        (&mut self.groups[index.0 as usize], &mut self.fx)
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
