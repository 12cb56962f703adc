use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use coview_lifecycle::Connectivity;
use coview_wire::CloseReason;
use coview_wire::Closing;
use coview_wire::Deadline;
use coview_wire::DecodeError;
use coview_wire::Message;
use coview_wire::Moment;
use coview_wire::RefusalCode;
use coview_wire::RequestId;
use coview_wire::ResumeSecret;
use coview_wire::SessionId;
use coview_wire::Timing;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::ENGINE;
use crate::backoff::Backoff;
use crate::deadline::DeadlineKind;
use crate::ended::Ended;
use crate::ended::OpenError;
use crate::ended::OpenErrorKind;
use crate::ended::ProtocolError;
use crate::io::Input;
use crate::io::Output;
use crate::outbox::Full;
use crate::outbox::Outbox;
use crate::outbox::WINDOW;
use crate::role::Heard;
use crate::role::Rest;
use crate::role::Role;
use crate::role::Said;

/// The client engine; see the [crate documentation](crate) for how to drive it.
///
/// ```text
///          Start            Opened             first reply
///   New ──────────▶ Opening ─────▶ Greeting ───────────────▶ Live
///                     ▲  ▲            │  ▲ hello after a       │
///                     │  │            │  └ refused resume      │
///          time is up │  │            │ forgotten by server    │
///                     │  │            ▼                        │
///                     │  │        Restoring ── all restored ──▶│
///                     │  │            │                        │
///                     │  └─ Parked ◀──┤ connection lost        │
///                     └──── Waiting ◀─┴────────────────────────┘
///
///   any ── Leave, or something final ──▶ Closed
/// ```
///
/// `Opening` to `Live` have a transport, `New`, `Waiting`, `Parked` and `Closed` have none.
///
/// After one input an engine is idle again within [`WINDOW`](crate::WINDOW) + 8 outputs, and one more for
/// each renewal that waited for the sign-in that answers it; at most [`OUTBOX_LIMIT`](crate::OUTBOX_LIMIT)
/// messages wait.
pub struct Engine<R: Role> {
    pub(crate) config: R::Config,
    pub(crate) backoff: Backoff,
    pub(crate) rng: ChaCha8Rng,
    pub(crate) now: Moment,
    pub(crate) phase: Phase<R::Step>,
    /// What the first reply established; `None` until there was one.
    pub(crate) place: Option<Place>,
    pub(crate) memory: Memory,
    pub(crate) base: R::Base,
    pub(crate) outbox: Outbox<R>,
    /// The number of the app's latest message.
    pub(crate) numbered: RequestId,
    /// The number of the app's latest message when the engine greeted last.
    pub(crate) greeted_at: RequestId,
    /// The number of the latest message the server is known to have acted on.
    pub(crate) acknowledged: Option<RequestId>,
    /// How many tries to connect have failed in a row.
    pub(crate) failed: u32,
    /// The longest wait the latest try may have been preceded by.
    pub(crate) waited: Duration,
    /// When the connection was lost; `None` while there is one.
    pub(crate) lost_at: Option<Moment>,
    pub(crate) connectivity: Connectivity,
    pub(crate) stats: Stats,
    pub(crate) outputs: VecDeque<Output<R>>,
}

/// What an engine has counted, for a log or a metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stats {
    /// Transports the engine asked for.
    pub opened: u64,
    /// Places resumed after a break.
    pub resumed: u64,
    /// Places begun anew after a break, because the server had forgotten the client.
    pub restored: u64,
    /// Messages of the server that could not be read, such as one of a newer version. They were
    /// ignored.
    pub undecodable: u64,
    /// Messages of the server that have no meaning where they came. They were ignored.
    pub unexpected: u64,
    /// Messages of the app that were not said, because only the engine says such a message or
    /// because its number is not above the one before.
    pub misused: u64,
    /// Binary messages of the app that were not said: there was no connection, they belong to no
    /// session that runs, or they are none an app of this role says.
    pub dropped: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Phase<S> {
    New,
    Opening { fail_at: Moment },
    Greeting { asked: Asked, fail_at: Moment },
    Restoring { step: S, fail_at: Moment },
    Live(Life),
    Waiting { until: Moment },
    Parked { until: Moment },
    Closed,
}

/// The phases in which a server can say something.
#[derive(Clone, Copy, Debug)]
enum Stage<S> {
    Greeting(Asked),
    Restoring(S),
    Live,
}

/// With what a connection was begun.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked {
    /// `hello` or `sign_in`.
    Greeting,
    Resume,
}

/// The signs of life of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub(crate) since: Moment,
    pub(crate) said: Moment,
    pub(crate) pinged: Moment,
    pub(crate) heard: Moment,
}

/// What the server keeps for this client.
#[derive(Clone)]
pub(crate) struct Place {
    secret: ResumeSecret,
    times: Times,
}

/// The server's policy, made safe against numbers no engine could keep.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    heartbeat: Duration,
    silence: Duration,
    first_reply: Duration,
    grace: Duration,
    lease: Duration,
}

/// Whether the server may still know this client.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Memory {
    Kept,
    /// It has said that it does not, or that it shuts down.
    Lost {
        shutdown: bool,
    },
    /// It did not, and keeps a new place since, in which not everything is restored yet.
    Anew {
        shutdown: bool,
    },
}

impl Memory {
    /// Whether what was lost was lost because the server shut down.
    const fn shutdown(self) -> bool {
        match self {
            Self::Kept => false,
            Self::Lost { shutdown } | Self::Anew { shutdown } => shutdown,
        }
    }
}

impl Times {
    /// No policy makes an engine wake up more often than this.
    const LEAST: Duration = Duration::from_millis(10);

    fn new(timing: Timing) -> Self {
        let time = |ms: u32| Duration::from_millis(ms.into()).max(Self::LEAST);
        let heartbeat = time(timing.heartbeat_ms);
        Self {
            heartbeat,
            // The first heartbeat of silence is what a ping is said after, so the answer to it can
            // only be missed from the second on.
            silence: heartbeat.saturating_mul(timing.missed_heartbeats.max(2).into()),
            first_reply: time(timing.first_reply_ms),
            grace: time(timing.resume_grace_ms),
            lease: time(timing.background_lease_ms),
        }
    }
}

impl<R: Role> Engine<R> {
    /// An engine that has not begun. The seed spreads the waits of many clients; it is no secret.
    #[must_use]
    pub fn new(config: R::Config, seed: u64) -> Self {
        Self {
            backoff: R::backoff(&config),
            rng: ChaCha8Rng::seed_from_u64(seed),
            now: Moment::ZERO,
            phase: Phase::New,
            place: None,
            memory: Memory::Kept,
            base: R::base(&config),
            outbox: Outbox::new(),
            numbered: ENGINE,
            greeted_at: ENGINE,
            acknowledged: None,
            failed: 0,
            waited: Duration::ZERO,
            lost_at: None,
            connectivity: Connectivity::Connected,
            stats: Stats::default(),
            outputs: VecDeque::new(),
            config,
        }
    }

    /// Tells the engine that something happened. Call [`poll_output`](Self::poll_output) until it
    /// is idle before the next input.
    ///
    /// What cannot have happened in the engine's phase is ignored, and so is everything after
    /// [`Output::Closed`]. Time does not run backwards: an earlier `now` counts as the latest one.
    pub fn handle_input(&mut self, now: Moment, input: Input<'_, R>) {
        self.now = self.now.max(now);
        match input {
            Input::Start => self.start(),
            Input::Opened => self.opened(),
            Input::OpenFailed(error) => self.transport_gone(error),
            Input::Dropped => {
                self.transport_gone(OpenError::new(OpenErrorKind::Dropped, ""));
            }
            Input::Text(text) => self.text(text),
            Input::Binary(bytes) => self.binary(bytes),
            Input::Say(message) => self.say(message),
            Input::SayBinary(bytes) => self.say_binary(bytes),
            Input::Leave => self.leave(Ended::Left),
            Input::Timeout => self.timeout(),
        }
    }

    /// What to do next; [`Output::Idle`] when there is nothing more.
    pub fn poll_output(&mut self) -> Output<R> {
        self.outputs.pop_front().unwrap_or_else(|| Output::Idle { wake_at: self.wake_at() })
    }

    /// Whether there is a connection, as last told by [`Output::Connectivity`].
    #[must_use]
    pub const fn connectivity(&self) -> Connectivity {
        self.connectivity
    }

    /// The session whose picture may be said and heard: the one the server has put the client in,
    /// from then until either side has ended it. A visitor's consent to it stands, as far as both
    /// sides have said.
    ///
    /// It may stand while there is no connection; nothing is said or heard then.
    #[must_use]
    pub fn picture_session(&self) -> Option<SessionId> {
        if matches!(self.phase, Phase::Closed) {
            return None;
        }
        R::picture_session(&self.base, self.outbox.told().chain(self.outbox.untold()))
    }

    /// What the engine has counted so far.
    #[must_use]
    pub const fn stats(&self) -> Stats {
        self.stats
    }
}

/// The way up: from nothing to a connection that lives.
impl<R: Role> Engine<R> {
    fn start(&mut self) {
        match self.phase {
            Phase::New => self.open(),
            Phase::Opening { .. }
            | Phase::Greeting { .. }
            | Phase::Restoring { .. }
            | Phase::Live(_)
            | Phase::Waiting { .. }
            | Phase::Parked { .. }
            | Phase::Closed => {}
        }
    }

    fn open(&mut self) {
        self.stats.opened += 1;
        self.phase = Phase::Opening { fail_at: self.reply_due() };
        self.outputs.push_back(Output::Open);
    }

    fn opened(&mut self) {
        match self.phase {
            // The deadline that began with opening goes on: a slow transport does not get the
            // server more time.
            Phase::Opening { fail_at } => self.greet(fail_at),
            Phase::New
            | Phase::Greeting { .. }
            | Phase::Restoring { .. }
            | Phase::Live(_)
            | Phase::Waiting { .. }
            | Phase::Parked { .. }
            | Phase::Closed => {}
        }
    }

    fn greet(&mut self, fail_at: Moment) {
        let (asked, first) = match (&self.place, self.memory) {
            (Some(place), Memory::Kept | Memory::Anew { .. }) => {
                (Asked::Resume, R::resume(&self.config, place.secret.clone()))
            }
            (None, _) | (Some(_), Memory::Lost { .. }) => {
                self.greeted_at = self.numbered;
                let said = self.outbox.told().chain(self.outbox.untold());
                (Asked::Greeting, R::greet(&self.config, &self.base, said))
            }
        };
        self.phase = Phase::Greeting { asked, fail_at };
        self.send(&first);
    }

    fn greeted(&mut self, greeting: R::Greeting, secret: ResumeSecret, timing: Timing) {
        let again = self.place.replace(Place { secret, times: Times::new(timing) }).is_some();
        // What the app said after the greeting is not part of it.
        let before = |said: &&R::Says| match R::sort_said(said) {
            Said::App(re) => re <= self.greeted_at,
            Said::Own | Said::Bye => false,
        };
        let said = self.outbox.told().chain(self.outbox.untold()).filter(before);
        if !R::greeted(&mut self.base, &greeting, said) {
            // What the app holds is somebody else's; a server that remembers the client says the same.
            return self.leave(Ended::Refused(RefusalCode::BadToken));
        }
        if again {
            if R::RESUMES_HALF_RESTORED {
                self.memory = Memory::Anew { shutdown: self.memory.shutdown() };
            }
            self.restore(None, Vec::new());
        } else {
            self.outputs.push_back(Output::Ready(greeting));
            self.live(Vec::new());
        }
    }

    fn resumed(&mut self, seen: Option<RequestId>, refused: Option<RequestId>, message: R::Hears) {
        match self.memory {
            Memory::Kept | Memory::Lost { .. } => {}
            Memory::Anew { .. } => {
                let mut later = Vec::new();
                let done = R::restored_before(&mut self.base, message, &mut later);
                return self.restore(done, later);
            }
        }
        self.stats.resumed += 1;
        if let Some(seen) = seen {
            self.acknowledge(seen, refused);
        }
        self.hear(message);
        self.live(Vec::new());
    }

    /// Says the next thing the server has forgotten; when nothing is left, tells the app what has
    /// become of everything, and then what came `later` than that.
    fn restore(&mut self, done: Option<R::Step>, mut later: Vec<R::Hears>) {
        let said = self.outbox.told().chain(self.outbox.untold());
        match R::restore(&self.base, done, said) {
            Some((step, message)) => {
                self.phase = Phase::Restoring { step, fail_at: self.reply_due() };
                self.send(&message);
            }
            None => {
                self.stats.restored += 1;
                let shutdown = self.memory.shutdown();
                let snapshot = R::snapshot(&mut self.base, self.acknowledged, shutdown);
                self.outputs.push_back(Output::Hear(snapshot));
                let base = &self.base;
                later.extend(self.outbox.settle(|said| R::answered_by_greeting(base, said)));
                self.live(later);
            }
        }
    }

    fn live(&mut self, later: Vec<R::Hears>) {
        let now = self.now;
        self.phase = Phase::Live(Life { since: now, said: now, pinged: now, heard: now });
        self.memory = Memory::Kept;
        self.lost_at = None;
        self.connected(Connectivity::Connected);
        for message in later {
            self.hear(message);
        }
        self.flush();
    }
}

/// What the server says.
impl<R: Role> Engine<R> {
    fn text(&mut self, text: &str) {
        let stage = match self.phase {
            Phase::Greeting { asked, .. } => Stage::Greeting(asked),
            Phase::Restoring { step, .. } => Stage::Restoring(step),
            Phase::Live(_) => Stage::Live,
            Phase::New
            | Phase::Opening { .. }
            | Phase::Waiting { .. }
            | Phase::Parked { .. }
            | Phase::Closed => return,
        };
        self.sign_of_life();
        let message = match R::Hears::decode(text) {
            Ok(message) => message,
            Err(error) => return self.undecodable(error),
        };
        let kind = message.kind();
        match R::sort_heard(message) {
            Heard::Greeting { greeting, secret, timing } => match stage {
                Stage::Greeting(Asked::Greeting) => self.greeted(greeting, secret, timing),
                Stage::Greeting(Asked::Resume) | Stage::Restoring(_) | Stage::Live => {
                    self.unexpected(kind);
                }
            },
            Heard::Resumed { seen, refused, message } => match stage {
                Stage::Greeting(Asked::Resume) => self.resumed(seen, refused, message),
                Stage::Greeting(Asked::Greeting) | Stage::Restoring(_) | Stage::Live => {
                    self.unexpected(kind);
                }
            },
            Heard::Pong { seen } => match stage {
                Stage::Live => {
                    if let Some(seen) = seen {
                        self.acknowledge(seen, None);
                        self.flush();
                    }
                }
                Stage::Greeting(_) | Stage::Restoring(_) => self.unexpected(kind),
            },
            Heard::Closing(closing) => self.closing(closing),
            Heard::No { re, code, message } => self.no(stage, re, code, message),
            Heard::Answer { re, message } => self.answer(stage, re, message),
            Heard::News(message) => match stage {
                Stage::Live => self.hear(message),
                Stage::Greeting(_) | Stage::Restoring(_) => self.unexpected(kind),
            },
        }
    }

    /// What belongs to no session that runs was on its way when the session ended.
    fn binary(&mut self, bytes: &[u8]) {
        let running = match self.phase {
            Phase::Live(_) => self.picture_session(),
            Phase::Greeting { .. } | Phase::Restoring { .. } => None,
            Phase::New
            | Phase::Opening { .. }
            | Phase::Waiting { .. }
            | Phase::Parked { .. }
            | Phase::Closed => return,
        };
        self.sign_of_life();
        if running.is_some() && R::session_heard(bytes) == running {
            self.outputs.push_back(Output::HearBinary(bytes.to_vec()));
        } else {
            self.stats.unexpected += 1;
        }
    }

    fn answer(&mut self, stage: Stage<R::Step>, re: RequestId, message: R::Hears) {
        let kind = message.kind();
        match stage {
            Stage::Live if re == ENGINE => {
                self.outputs.extend(R::unasked(message).map(Output::Hear));
            }
            Stage::Live => {
                // The server acts in order, so the answer to one message acknowledges all before.
                self.acknowledge(re, None);
                self.hear(message);
                self.flush();
            }
            Stage::Restoring(step) => {
                let mut later = Vec::new();
                if re == ENGINE && R::restored(&mut self.base, step, message, &mut later) {
                    self.restore(Some(step), later);
                } else {
                    self.unexpected(kind);
                }
            }
            Stage::Greeting(_) => self.unexpected(kind),
        }
    }

    fn no(
        &mut self,
        stage: Stage<R::Step>,
        re: Option<RequestId>,
        code: RefusalCode,
        message: R::Hears,
    ) {
        match (stage, re) {
            (Stage::Greeting(asked), None | Some(ENGINE)) => self.greeting_refused(asked, code),
            (Stage::Restoring(step), None | Some(ENGINE)) => self.step_refused(step, code),
            (Stage::Greeting(_) | Stage::Restoring(_), Some(_)) => self.unexpected(message.kind()),
            (Stage::Live, Some(ENGINE)) => {}
            (Stage::Live, Some(re)) => {
                self.acknowledge(re, Some(re));
                self.hear(message);
                self.flush();
            }
            (Stage::Live, None) => self.hear(message),
        }
    }

    fn greeting_refused(&mut self, asked: Asked, code: RefusalCode) {
        if matches!(asked, Asked::Resume) && code == RefusalCode::ResumeFailed {
            self.memory = Memory::Lost { shutdown: self.memory.shutdown() };
            let fail_at = self.reply_due();
            self.greet(fail_at);
        } else if self.place.is_some() && passes(code) {
            self.let_go();
            self.lost();
        } else {
            self.let_go();
            self.end(Ended::Refused(code));
        }
    }

    fn step_refused(&mut self, step: R::Step, code: RefusalCode) {
        if matches!(code, RefusalCode::ShuttingDown | RefusalCode::Unavailable) {
            self.let_go();
            self.lost();
        } else if R::unrestored(&mut self.base, step, code) {
            let told = R::told_of_refused(&mut self.base, step, code);
            self.restore(Some(step), told.into_iter().collect());
        } else {
            self.let_go();
            self.end(Ended::Refused(code));
        }
    }

    fn closing(&mut self, Closing { reason, retry }: Closing) {
        self.let_go();
        if !retry || self.place.is_none() {
            return self.end(Ended::Server(reason));
        }
        if reason == CloseReason::Shutdown {
            self.memory = Memory::Lost { shutdown: true };
        }
        self.lost();
    }

    /// Passes a message up, after having noted what it says about the server's view.
    fn hear(&mut self, message: R::Hears) {
        R::heard(&mut self.base, &message);
        self.outputs.push_back(Output::Hear(message));
    }

    fn undecodable(&mut self, error: DecodeError) {
        self.stats.undecodable += 1;
        match error {
            // A newer server may say something of its own at any time.
            DecodeError::UnknownType { .. } => {}
            DecodeError::TooLong { .. } | DecodeError::Malformed { .. } => {
                self.not_coview(ProtocolError::Undecodable(error));
            }
        }
    }

    fn unexpected(&mut self, kind: &'static str) {
        self.stats.unexpected += 1;
        self.not_coview(ProtocolError::Unexpected(kind));
    }

    /// Before the first reply a fault shows that the other side is not what was looked for; later
    /// it is a fault among good messages, and the next one may be good again.
    fn not_coview(&mut self, error: ProtocolError) {
        if self.place.is_none() {
            self.let_go();
            self.end(Ended::Protocol(error));
        }
    }

    fn sign_of_life(&mut self) {
        let now = self.now;
        if let Some(life) = self.life() {
            life.heard = now;
        }
    }

    /// Takes what the server has acted on, or refused, out of the outbox and what stands of it into
    /// the base.
    fn acknowledge(&mut self, seen: RequestId, refused: Option<RequestId>) {
        while let Some((re, message)) = self.outbox.acknowledged(seen) {
            self.acknowledged = Some(re);
            if refused != Some(re) || R::takes_back(&message) {
                R::acted_on(&mut self.base, &message);
            }
        }
    }
}

/// What the app says.
impl<R: Role> Engine<R> {
    fn say(&mut self, message: R::Says) {
        if matches!(self.phase, Phase::Closed) {
            return;
        }
        match R::sort_said(&message) {
            Said::App(re) if re > self.numbered => {
                self.numbered = re;
                match self.outbox.push(re, message) {
                    Ok(()) => {
                        self.rise();
                        self.flush();
                    }
                    Err(Full) => self.leave(Ended::Backlog),
                }
            }
            Said::App(_) | Said::Own => self.stats.misused += 1,
            Said::Bye => self.leave(Ended::Left),
        }
    }

    /// It does not put off the ping: that a peer takes pictures does not show that it still answers.
    fn say_binary(&mut self, bytes: Vec<u8>) {
        let running = match self.phase {
            Phase::Live(_) => self.picture_session(),
            Phase::New
            | Phase::Opening { .. }
            | Phase::Greeting { .. }
            | Phase::Restoring { .. }
            | Phase::Waiting { .. }
            | Phase::Parked { .. }
            | Phase::Closed => None,
        };
        if running.is_some() && R::session_said(&bytes) == running {
            self.outputs.push_back(Output::SendBinary(bytes));
        } else {
            self.stats.dropped += 1;
        }
    }

    /// Ends the rest, if what the app said last needs a connection.
    fn rise(&mut self) {
        if matches!(self.phase, Phase::Parked { .. }) && self.rest() == Rest::No {
            self.connected(Connectivity::Reconnecting);
            self.open();
        }
    }

    /// Says what waits in the outbox, as far as the window allows.
    fn flush(&mut self) {
        let now = self.now;
        let Phase::Live(life) = &mut self.phase else { return };
        let before = self.outbox.under_way();
        while let Some(message) = self.outbox.say_next() {
            life.said = now;
            self.outputs.push_back(Output::Send(message.encode()));
        }
        if self.outbox.under_way() == WINDOW && before < WINDOW {
            // Only an acknowledgement opens the window again.
            self.ping();
        }
    }

    fn ping(&mut self) {
        let now = self.now;
        if let Some(life) = self.life() {
            life.said = now;
            life.pinged = now;
            self.send(&R::ping());
        }
    }

    fn leave(&mut self, ended: Ended) {
        match self.phase {
            Phase::Greeting { .. } | Phase::Restoring { .. } | Phase::Live(_) => {
                self.send(&R::bye());
                self.let_go();
            }
            Phase::Opening { .. } => self.let_go(),
            Phase::New | Phase::Waiting { .. } | Phase::Parked { .. } => {}
            Phase::Closed => return,
        }
        self.end(ended);
    }

    fn send(&mut self, message: &R::Says) {
        self.outputs.push_back(Output::Send(message.encode()));
    }
}

/// The way down, and time.
impl<R: Role> Engine<R> {
    fn transport_gone(&mut self, error: OpenError) {
        match self.phase {
            Phase::Opening { .. }
            | Phase::Greeting { .. }
            | Phase::Restoring { .. }
            | Phase::Live(_) => {
                if self.place.is_some() {
                    self.lost();
                } else {
                    self.end(Ended::Unreachable(error));
                }
            }
            Phase::New | Phase::Waiting { .. } | Phase::Parked { .. } | Phase::Closed => {}
        }
    }

    fn let_go(&mut self) {
        self.outputs.push_back(Output::Close);
    }

    /// There is no transport any more, and there was a place: come back later.
    fn lost(&mut self) {
        self.outbox.rewind();
        if let Phase::Live(life) = self.phase {
            self.lost_at = Some(self.now);
            // A connection that held longer than the wait before it was worth the wait. One that
            // breaks at once, again and again, is not tried ever faster for having been there.
            if self.now.since(life.since) >= self.waited {
                self.failed = 0;
            }
        }
        let now = self.now;
        if self.may_park() {
            self.phase = Phase::Parked { until: now + self.rest_for() };
            self.connected(Connectivity::Parked);
        } else {
            self.waited = self.longest_wait();
            let wait = Backoff::draw(self.waited, &mut self.rng);
            self.failed = self.failed.saturating_add(1);
            self.phase = Phase::Waiting { until: now + wait };
            self.connected(Connectivity::Reconnecting);
        }
    }

    /// The longest wait before the next try. While the server keeps the place, the tries close in on
    /// the end of its grace: otherwise a network that is back in time would be noticed too late.
    fn longest_wait(&self) -> Duration {
        /// Closer together than this the tries of many clients would be a burden.
        const CLOSEST: Duration = Duration::from_secs(1);
        let longest = self.backoff.ceiling(self.failed);
        match (&self.place, self.lost_at, self.memory) {
            (Some(place), Some(lost_at), Memory::Kept) => {
                let left = place.times.grace.saturating_sub(self.now.since(lost_at));
                if left.is_zero() { longest } else { longest.min(CLOSEST.max(left / 2)) }
            }
            (None, _, _) | (_, None, _) | (_, _, Memory::Lost { .. } | Memory::Anew { .. }) => {
                longest
            }
        }
    }

    fn may_park(&self) -> bool {
        // Without a lease to live on, it is worth a few tries to be known again first.
        let in_vain = match (&self.place, self.lost_at) {
            (Some(place), Some(lost_at)) => self.now.since(lost_at) >= place.times.grace,
            (None, _) | (_, None) => false,
        };
        match (self.rest(), self.memory) {
            (Rest::No, _) => false,
            (Rest::Yes, Memory::Kept) => true,
            (Rest::Yes, Memory::Lost { .. } | Memory::Anew { .. }) | (Rest::OnceTold, _) => in_vain,
        }
    }

    fn rest(&self) -> Rest {
        R::may_rest(&self.base, self.outbox.told(), self.outbox.untold())
    }

    /// Half of the presence lease; when renewing it failed, half of what is left, but not so little
    /// that resting would become trying.
    fn rest_for(&self) -> Duration {
        let Some(place) = &self.place else { return self.backoff.max };
        let half = place.times.lease / 2;
        let over = self.lost_at.map_or(Duration::ZERO, |lost_at| self.now.since(lost_at));
        let left = place.times.lease.saturating_sub(over);
        if left.is_zero() { half } else { (left / 2).max(self.backoff.max.min(half)) }
    }

    fn connected(&mut self, connectivity: Connectivity) {
        if self.connectivity != connectivity {
            self.connectivity = connectivity;
            self.outputs.push_back(Output::Connectivity(connectivity));
        }
    }

    fn end(&mut self, ended: Ended) {
        self.phase = Phase::Closed;
        self.place = None;
        self.outbox = Outbox::new();
        self.outputs.push_back(Output::Closed(ended));
    }

    fn timeout(&mut self) {
        match self.phase {
            Phase::Opening { fail_at }
            | Phase::Greeting { fail_at, .. }
            | Phase::Restoring { fail_at, .. } => {
                if fail_at <= self.now {
                    self.let_go();
                    if self.place.is_some() {
                        self.lost();
                    } else {
                        self.end(Ended::NoAnswer);
                    }
                }
            }
            Phase::Live(life) => {
                if self.silent_at(life) <= self.now {
                    self.let_go();
                    self.lost();
                } else if self.ping_at(life) <= self.now {
                    self.ping();
                }
            }
            Phase::Waiting { until } => {
                if until <= self.now {
                    self.open();
                }
            }
            Phase::Parked { until } => {
                if until <= self.now {
                    self.connected(Connectivity::Reconnecting);
                    self.open();
                }
            }
            Phase::New | Phase::Closed => {}
        }
    }

    fn wake_at(&self) -> Option<Deadline> {
        match self.phase {
            Phase::Opening { fail_at } | Phase::Greeting { fail_at, .. } => {
                Some(Deadline { at: fail_at, why: DeadlineKind::FirstReply.why() })
            }
            Phase::Restoring { fail_at, .. } => {
                Some(Deadline { at: fail_at, why: DeadlineKind::Restoring.why() })
            }
            Phase::Live(life) => Deadline::earlier(
                Some(Deadline { at: self.silent_at(life), why: DeadlineKind::Silence.why() }),
                Some(Deadline { at: self.ping_at(life), why: DeadlineKind::Ping.why() }),
            ),
            Phase::Waiting { until } => {
                Some(Deadline { at: until, why: DeadlineKind::Backoff.why() })
            }
            Phase::Parked { until } => Some(Deadline { at: until, why: DeadlineKind::Lease.why() }),
            Phase::New | Phase::Closed => None,
        }
    }

    /// A heartbeat after the last word of this side. If that word is not acknowledged it may never
    /// be answered by itself, so then a heartbeat after the last ping, however much was said.
    fn ping_at(&self, life: Life) -> Moment {
        let last = if self.outbox.under_way() == 0 { life.said } else { life.pinged };
        last + self.times().heartbeat
    }

    fn silent_at(&self, life: Life) -> Moment {
        life.heard + self.times().silence
    }

    fn reply_due(&self) -> Moment {
        self.now
            + match &self.place {
                Some(place) => place.times.first_reply,
                None => R::first_reply(&self.config),
            }
    }

    fn times(&self) -> Times {
        self.place.as_ref().expect("a connection lives only after a first reply").times
    }

    fn life(&mut self) -> Option<&mut Life> {
        match &mut self.phase {
            Phase::Live(life) => Some(life),
            Phase::New
            | Phase::Opening { .. }
            | Phase::Greeting { .. }
            | Phase::Restoring { .. }
            | Phase::Waiting { .. }
            | Phase::Parked { .. }
            | Phase::Closed => None,
        }
    }
}

/// Whether what the server refused may be granted later without anybody doing anything: one that is
/// full may have room, one that cannot write its record may be able to. Everything else is for
/// good: the same token, origin, group or version would be refused again.
const fn passes(code: RefusalCode) -> bool {
    use RefusalCode as C;
    match code {
        C::ShuttingDown | C::LimitExceeded | C::Unavailable => true,
        C::VersionUnsupported
        | C::UnknownGroup
        | C::BadToken
        | C::TokenExpired
        | C::TokenUsed
        | C::OriginForbidden
        | C::AssertionNeeded
        | C::BadAssertion
        | C::NotAllowed
        | C::SignInExpired
        | C::ResumeFailed
        | C::HelloFirst
        | C::IllegalOrder
        | C::Malformed
        | C::UnknownType
        | C::PresenceDisabled
        | C::AlreadyIdentified
        | C::NotOnline
        | C::VisitorBusy
        | C::AgentBusy
        | C::TermsOver
        | C::Cancelled
        | C::NoSuchKey
        | C::TooManyTries
        | C::JoinDeclined
        | C::SessionGone
        | C::SessionFull
        | C::NoAnswer
        | C::Unknown => false,
    }
}

/// Shows the phase and how much waits, and nothing that was said.
impl<R: Role> fmt::Debug for Engine<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("phase", &self.phase)
            .field("now", &self.now)
            .field("connectivity", &self.connectivity)
            .field("outbox", &self.outbox.len())
            .field("acknowledged", &self.acknowledged)
            .field("failed", &self.failed)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
