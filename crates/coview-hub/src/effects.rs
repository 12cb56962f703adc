use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use coview_wire::AgentNotice;
use coview_wire::CloseReason;
use coview_wire::Closing;
use coview_wire::KeyLength;
use coview_wire::Message;
use coview_wire::Moment;
use coview_wire::ResumeSecret;
use coview_wire::ServerMessage;
use coview_wire::SessionKey;
use coview_wire::Timing;
use coview_wire::UnixTime;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use rand_core::SeedableRng;

use crate::config::Policy;
use crate::dense::DenseMap;
use crate::event::Event;
use crate::event::PictureFault;
use crate::event::Place;
use crate::greeting::Page;
use crate::io::Caller;
use crate::io::ConnId;
use crate::io::Output;
use crate::kept::Kept;
use crate::kept::KeptPlace;
use crate::kept::Worth;
use crate::no::No;
use crate::stats::Stats;
use crate::timer::Due;
use crate::timer::GroupIndex;
use crate::timer::TimerId;
use crate::timer::Timers;
use crate::tries::Window;

/// Everything a rule needs that belongs to no group: the time, the policy, randomness, the open
/// connections, the deadlines and what goes out.
///
/// A rule gets one group and this. It knows only the connections of its own group's clients, so it
/// has nobody else to talk to.
#[derive(Clone)]
pub(crate) struct Effects {
    pub(crate) now: Moment,
    pub(crate) policy: Policy,
    pub(crate) timers: Timers,
    pub(crate) conns: DenseMap<ConnId, Conn>,
    /// The counters; the gauges in it stay zero until they are asked for.
    pub(crate) counts: Stats,
    pub(crate) out: VecDeque<Output>,
    /// Where messages are written before it is known how long they are; empty in between.
    pub(crate) text: Vec<u8>,
    pub(crate) rng: ChaCha20Rng,
    /// What the wall clock said at [`Moment::ZERO`]. Until it is told, 1970: no token is good then.
    pub(crate) wall_at_zero: UnixTime,
    /// Whether what must be recorded can be.
    pub(crate) recorded: bool,
    /// Whether the server is about to stop, so that nothing new may begin.
    pub(crate) draining: bool,
    /// Whether something ended since this was looked at last, so that a client may be idle now who
    /// has to go then.
    pub(crate) something_ended: bool,
    pub(crate) last_place: Option<Place>,
    pub(crate) places: u64,
    pub(crate) kept: Kept,
}

/// An open connection.
#[derive(Clone, Debug)]
pub(crate) struct Conn {
    pub(crate) peer: Peer,
    /// When something was heard last.
    pub(crate) heard: Moment,
    pub(crate) timer: TimerId,
    /// Going online is counted with them, so nearly every visitor has some.
    pub(crate) problems: Window,
    pub(crate) rare: Option<Box<Rare>>,
}

/// What most connections do not have, or not for long.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rare {
    /// The page the client is, until it says who it is.
    pub(crate) page: Option<Page>,
    /// The client's address, if the owner told it. Only agents try keys, so that of a visitor is
    /// forgotten.
    pub(crate) address: Option<IpAddr>,
    /// The sessions it started, or the visitors it asked.
    pub(crate) begins: Window,
}

impl Conn {
    pub(crate) fn new(caller: Caller<'_>, heard: Moment, timer: TimerId) -> Self {
        let (page, address) = (caller.origin.map(Page::new), caller.address);
        let rare = (page.is_some() || address.is_some())
            .then(|| Box::new(Rare { page, address, ..Rare::default() }));
        Self { peer: Peer::Unknown, heard, timer, problems: Window::default(), rare }
    }

    /// The client has said who it is.
    pub(crate) fn known(&mut self, peer: Peer) {
        let address = self.rare.take().and_then(|rare| rare.address);
        let needed = match peer {
            Peer::Agent(..) => address,
            Peer::Visitor(..) | Peer::Unknown => None,
        };
        self.peer = peer;
        self.rare = needed.map(|_| Box::new(Rare { address, ..Rare::default() }));
    }
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Has not said yet.
    Unknown,
    Visitor(GroupIndex, Place),
    Agent(GroupIndex, Place),
}

impl Effects {
    pub(crate) fn new(policy: Policy, seed: [u8; 32]) -> Self {
        Self {
            now: Moment::ZERO,
            policy,
            timers: Timers::default(),
            conns: DenseMap::default(),
            counts: Stats::default(),
            out: VecDeque::new(),
            text: Vec::new(),
            rng: ChaCha20Rng::from_seed(seed),
            wall_at_zero: UnixTime::new(0),
            recorded: true,
            draining: false,
            something_ended: false,
            last_place: None,
            places: 0,
            kept: Kept::default(),
        }
    }

    /// What the wall clock says now.
    pub(crate) fn wall(&self) -> UnixTime {
        self.wall_at_zero + self.now.since(Moment::ZERO)
    }

    /// The wall clock says this now. Tells whether that is a surprise.
    pub(crate) fn set_wall(&mut self, now: UnixTime) -> bool {
        let since_zero = self.now.since(Moment::ZERO).as_secs();
        let at_zero = UnixTime::new(now.get().saturating_sub(since_zero));
        core::mem::replace(&mut self.wall_at_zero, at_zero) != at_zero
    }

    /// Sets a deadline for when the wall clock will say this, unless it is set meanwhile.
    pub(crate) fn set_wall_timer(&mut self, at: UnixTime, due: Due) -> TimerId {
        self.timers.set(Moment::new(at.since(self.wall_at_zero)), due)
    }

    pub(crate) fn next_output(&mut self) -> Option<Output> {
        let output = self.out.pop_front();
        if output.is_none() && self.out.capacity() > 1024 {
            // A broadcast to many may have made the queue large; a quiet hub should be small.
            self.out.shrink_to(64);
        }
        if output.is_none() && self.text.capacity() > 4096 {
            // The same of a page of the roster.
            self.text = Vec::new();
        }
        output
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.something_ended |= event.ends_something();
        self.out.push_back(Output::Event(event));
    }

    /// Says something to a visitor; nothing if the visitor has no connection now, because the
    /// snapshot of its resume tells the same.
    pub(crate) fn tell_visitor(&mut self, to: Option<ConnId>, message: impl Into<ServerMessage>) {
        if let Some(conn) = to {
            let text = self.encoded(&message.into());
            self.send(conn, text);
        }
    }

    /// Says something to an agent; nothing if the agent has no connection now.
    pub(crate) fn tell_agent(&mut self, to: Option<ConnId>, notice: impl Into<AgentNotice>) {
        if let Some(conn) = to {
            let text = self.encoded(&notice.into());
            self.send(conn, text);
        }
    }

    /// A message as it is sent. Each is written where the one before was, and takes no room but its
    /// own.
    pub(crate) fn encoded(&mut self, message: &impl Message) -> Arc<str> {
        message.encode_to(&mut self.text);
        let text = core::str::from_utf8(&self.text).expect("JSON is text").into();
        self.text.clear();
        text
    }

    /// Sends a text that was encoded before, for a broadcast.
    pub(crate) fn send(&mut self, conn: ConnId, text: Arc<str>) {
        self.counts.messages_out += 1;
        self.out.push_back(Output::Send { conn, text });
    }

    /// Sends something short about the picture.
    pub(crate) fn send_binary(&mut self, conn: ConnId, bytes: Arc<[u8]>) {
        self.counts.messages_out += 1;
        self.out.push_back(Output::SendBinary { conn, bytes });
    }

    /// Sends a piece of the picture.
    pub(crate) fn send_picture(&mut self, conn: ConnId, bytes: Arc<[u8]>) {
        self.counts.messages_out += 1;
        self.counts.pictures_out += 1;
        self.counts.picture_bytes_out += bytes.len() as u64;
        self.out.push_back(Output::SendPicture { conn, bytes });
    }

    /// Takes back what pictures wait for a connection.
    pub(crate) fn forget_pictures(&mut self, conn: ConnId) {
        if self.conns.contains_key(&conn) {
            self.out.push_back(Output::ForgetPictures { conn });
        }
    }

    /// A picture, or a word about it, that nobody may say here. Its connection must be closed.
    pub(crate) fn picture_refused(
        &mut self,
        conn: ConnId,
        client: Option<Place>,
        why: PictureFault,
    ) {
        self.counts.pictures_refused += 1;
        self.event(Event::PictureRefused { conn, client, why });
    }

    /// Answers a request with no. The message is the same for visitors and agents.
    pub(crate) fn refuse(&mut self, conn: ConnId, re: coview_wire::RequestId, no: No) {
        self.counts.refusals += 1;
        let refused = coview_wire::Refused {
            re,
            code: no.code,
            explanation: no.explanation(),
            retry_ms: no.retry_ms,
        };
        self.tell_visitor(Some(conn), refused);
    }

    /// Says that a message was not acted on. Tells whether the peer has now broken the protocol
    /// too often, so that the connection must be closed.
    #[must_use]
    pub(crate) fn problem(
        &mut self,
        conn: ConnId,
        re: Option<coview_wire::RequestId>,
        no: No,
    ) -> bool {
        self.counts.problems += 1;
        let problem = coview_wire::Problem { re, code: no.code, explanation: no.explanation() };
        self.tell_visitor(Some(conn), problem);
        self.count_problem(conn)
    }

    /// Counts something a well-made client does not do often; true if it was once too often.
    #[must_use]
    pub(crate) fn count_problem(&mut self, conn: ConnId) -> bool {
        let (now, limit) = (self.now, self.policy.problems_per_minute);
        self.conns
            .get_mut(&conn)
            .is_some_and(|open| open.problems.add(now, Duration::from_secs(60)) > limit)
    }

    /// Counts something that begins with this connection, and refuses it if there were too many.
    pub(crate) fn may_begin(&mut self, conn: ConnId) -> Result<(), No> {
        const WORDS: &str = "too many in one minute";
        let (now, limit) = (self.now, self.policy.begins_per_minute);
        let open = self.conns.get_mut(&conn);
        let begins = open.map_or(0, |open| {
            open.rare.get_or_insert_default().begins.add(now, Duration::from_secs(60))
        });
        if begins > limit {
            return Err(No::because(coview_wire::RefusalCode::LimitExceeded, WORDS));
        }
        Ok(())
    }

    /// Where a connection comes from, if its owner told.
    pub(crate) fn address(&self, conn: Option<ConnId>) -> Option<IpAddr> {
        conn.and_then(|conn| self.conns.get(&conn)).and_then(|open| open.rare.as_ref()?.address)
    }

    /// Tells the peer why, closes the connection and forgets it. The owner of the place, if there
    /// is one, must take the connection out of it.
    pub(crate) fn close(&mut self, conn: ConnId, reason: CloseReason, retry: bool) {
        if let Some(open) = self.conns.remove(&conn) {
            self.timers.cancel(Some(open.timer));
            match reason {
                CloseReason::Silent => self.counts.closed_silent += 1,
                CloseReason::TooSlow => self.counts.closed_too_slow += 1,
                CloseReason::Protocol => self.counts.closed_protocol += 1,
                CloseReason::Left
                | CloseReason::Refused
                | CloseReason::Superseded
                | CloseReason::Shutdown
                | CloseReason::SignInExpired
                | CloseReason::Policy
                | CloseReason::Unknown => {}
            }
            self.tell_visitor(Some(conn), Closing { reason, retry });
            self.out.push_back(Output::Close { conn, reason });
        }
    }

    pub(crate) fn set_timer(&mut self, after: Duration, due: Due) -> TimerId {
        self.timers.set(self.now + after, due)
    }

    pub(crate) fn new_place(&mut self) -> Place {
        let place = self.last_place.map_or(Place::FIRST, Place::next);
        self.last_place = Some(place);
        self.places += 1;
        place
    }

    /// A place is gone for good.
    pub(crate) fn place_gone(&mut self, place: Place) {
        self.place_found(place);
        self.places = self.places.saturating_sub(1);
    }

    /// The connection of a place is gone; the place is kept for a while.
    pub(crate) fn place_lost(&mut self, peer: Peer, worth: Worth, keep: Duration) {
        let (index, place, due) = match peer {
            Peer::Unknown => return,
            Peer::Visitor(index, place) => (index, place, Due::VisitorGrace(index, place)),
            Peer::Agent(index, place) => (index, place, Due::AgentGrace(index, place)),
        };
        let (since, timer) = (self.now, self.set_timer(keep, due));
        self.kept.insert(index, place, KeptPlace { worth, since, peer, timer });
    }

    /// A place has a connection again, or goes.
    pub(crate) fn place_found(&mut self, place: Place) {
        let timer = self.kept.remove(place).map(|kept| kept.timer);
        self.timers.cancel(timer);
    }

    /// The grace of a place is over. If more time than that was to be kept since the connection broke,
    /// there is a next deadline, and the answer is no.
    pub(crate) fn is_lost_for_good(&mut self, place: Place, keep: Duration, due: Due) -> bool {
        let kept = self.kept.get_mut(place).filter(|kept| kept.since + keep > self.now);
        match kept {
            Some(kept) => {
                kept.timer = self.timers.set(kept.since + keep, due);
                false
            }
            None => true,
        }
    }

    /// Whether there are as many places as may be.
    pub(crate) fn is_full(&self) -> bool {
        self.places >= u64::from(self.policy.max_places)
    }

    /// The places without a connection.
    pub(crate) fn kept(&mut self) -> &mut Kept {
        &mut self.kept
    }

    pub(crate) fn random_u128(&mut self) -> u128 {
        let mut bytes = [0; 16];
        self.rng.fill_bytes(&mut bytes);
        u128::from_le_bytes(bytes)
    }

    /// A number to begin counting ids from. A client that comes back after the server restarted
    /// may still say an id of the former life; it must not hit an id of this one.
    pub(crate) fn random_base(&mut self) -> u64 {
        u64::from(self.rng.next_u32()) << 16
    }

    pub(crate) fn random_key(&mut self, length: KeyLength) -> SessionKey {
        SessionKey::random(length, || {
            loop {
                // 250 is the largest multiple of ten in a byte; above it a digit would be uneven.
                let mut byte = [0];
                self.rng.fill_bytes(&mut byte);
                if byte[0] < 250 {
                    return byte[0] % 10;
                }
            }
        })
    }

    pub(crate) fn timing(&self) -> Timing {
        Timing {
            heartbeat_ms: millis(self.policy.heartbeat),
            missed_heartbeats: self.policy.missed_heartbeats,
            first_reply_ms: millis(self.policy.first_reply),
            resume_grace_ms: millis(self.policy.resume_grace),
            background_lease_ms: millis(self.policy.background_lease),
        }
    }
}

/// A duration as messages tell it; longer than 49 days is told as 49 days.
pub(crate) fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

/// The part of a resume secret that is drawn; the place is written before it, so that the place is
/// found without searching by the secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Secret([u8; 16]);

impl Secret {
    pub(crate) fn draw(fx: &mut Effects) -> Self {
        Self(fx.random_u128().to_le_bytes())
    }

    pub(crate) fn to_wire(self, place: Place) -> ResumeSecret {
        ResumeSecret::new(alloc::format!("{:x}.{:032x}", place.get(), u128::from_le_bytes(self.0)))
            .expect("a text of at most 49 bytes is neither empty nor too long")
    }

    /// The place a client claims to have had. It has to prove it with [`Secret::opens`].
    pub(crate) fn claimed_place(secret: &ResumeSecret) -> Option<Place> {
        let (place, _) = secret.expose_secret().split_once('.')?;
        u64::from_str_radix(place, 16).ok().and_then(Place::new)
    }

    /// Whether the client knows the secret of this place. The comparison takes the same time
    /// wherever the difference is.
    pub(crate) fn opens(self, place: Place, told: &ResumeSecret) -> bool {
        self.to_wire(place) == *told
    }
}

/// What a place keeps about the messages of its client, so that nothing happens twice.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heard {
    seen: u64,
    answered: Option<coview_wire::Answered>,
}

impl Heard {
    /// Notes a message; false if it was noted before. Number 0 is the engine's own: never counted.
    pub(crate) fn note(&mut self, re: coview_wire::RequestId) -> bool {
        if re.get() == 0 {
            return true;
        }
        let new = re.get() > self.seen;
        if new {
            self.seen = re.get();
        }
        new
    }

    pub(crate) fn answer(
        &mut self,
        re: coview_wire::RequestId,
        refused: Option<coview_wire::RefusalCode>,
    ) {
        if re.get() != 0 {
            self.answered = Some(coview_wire::Answered { re, refused });
        }
    }

    pub(crate) fn seen(&self) -> Option<coview_wire::RequestId> {
        (self.seen > 0).then(|| coview_wire::RequestId::new(self.seen))
    }

    pub(crate) const fn answered(&self) -> Option<coview_wire::Answered> {
        self.answered
    }
}

/// An explanation within the limit of the protocol.
pub(crate) fn explanation(text: &str) -> Option<Box<str>> {
    let end = text.char_indices().nth(coview_wire::limits::EXPLANATION).map_or(text.len(), |c| c.0);
    (!text.is_empty()).then(|| Box::from(&text[..end]))
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    fn effects() -> Effects {
        Effects::new(Policy::default(), [7; 32])
    }

    /// What a broadcast to so many leaves: the room before the last message is taken out, and after.
    fn room_after(messages: usize) -> (usize, usize) {
        let mut fx = effects();
        for conn in 0..messages as u64 {
            fx.send(ConnId::new(conn), Arc::from("{}"));
        }
        let mut before = fx.out.capacity();
        assert!(before >= messages);
        while fx.next_output().is_some() {
            assert!(fx.out.is_empty() || fx.out.capacity() == before, "moved while it is read");
            before = fx.out.capacity();
        }
        (before, fx.out.capacity())
    }

    #[test]
    fn the_queue_is_small_again_after_a_large_broadcast_and_left_alone_after_others() {
        let (before, after) = room_after(1_000);
        assert_eq!(before, after, "the next broadcast needs no room");
        let (before, after) = room_after(1_024);
        assert_eq!((before, after), (1_024, 1_024));
        let (before, after) = room_after(2_000);
        assert!(before >= 2_000 && after <= 64, "{after} left");
    }

    #[test]
    fn the_text_is_small_again_after_a_large_message_once_all_is_out() {
        for (room, kept) in [(4_096, 4_096), (4_097, 0)] {
            let mut fx = effects();
            fx.text = Vec::with_capacity(room);
            fx.send(ConnId::new(1), Arc::from("{}"));
            assert!(fx.next_output().is_some());
            assert_eq!(fx.text.capacity(), room, "the next message may be as long");
            assert!(fx.next_output().is_none());
            assert_eq!(fx.text.capacity(), kept);
        }
    }

    #[test]
    fn every_digit_of_a_key_is_as_likely_as_any_other() {
        const KEYS: u32 = 50_000;
        let (mut fx, length) = (effects(), KeyLength::default());
        let mut digits = [0_u32; 10];
        for _ in 0..KEYS {
            let mut key = String::new();
            fx.random_key(length).write_grouped(&mut key).unwrap();
            for digit in key.chars().filter_map(|digit| digit.to_digit(10)) {
                digits[digit as usize] += 1;
            }
        }
        let all: u32 = digits.iter().sum();
        // One byte in 256 that should have been drawn again moves a digit by 3.6 %.
        for seen in digits {
            assert!(seen.abs_diff(all / 10) < all / 10 / 55, "{digits:?}");
        }
    }
}
