//! `coview agent`: an agent one can talk to.

pub(crate) mod args;
mod line;
mod picture;
mod save;
mod token;
mod words;

use core::time::Duration;

use coview_agent::AgentStateKind;
use coview_agent::AnyRequestError;
use coview_agent::AnyStep;
use coview_agent::Applied;
use coview_agent::AskStatus;
use coview_agent::Change;
use coview_agent::Command;
use coview_agent::Watching;
use coview_agent::table::Trigger;
use coview_lifecycle::Connectivity;
use coview_lifecycle::LinkClosed;
use coview_proto::AgentRole;
use coview_smol::ChannelLink;
use coview_wire::EndReason;
use coview_wire::RefusalCode;
use futures_lite::FutureExt;
use smol::Timer;

use crate::agent::args::AgentArgs;
use crate::agent::line::Line;
use crate::agent::picture::Picture;
use crate::agent::picture::Seen;
use crate::agent::token::Due;
use crate::agent::token::Tokens;
use crate::failure::Failure;
use crate::failure::remedy;
use crate::say::BOLD;
use crate::say::DIM;
use crate::say::Event;
use crate::say::GOOD;
use crate::say::Say;
use crate::say::WARN;
use crate::terminal::Heard;
use crate::terminal::Terminal;

/// How long an answer is waited for once nothing more will be typed.
const LAST_ANSWER: Duration = Duration::from_secs(10);

type Link = ChannelLink<AgentRole>;
type AnyAgent = coview_agent::AnyAgent<Link>;
type Pending = coview_agent::AnyPending<Link>;

pub(crate) async fn run(args: AgentArgs) -> Result<(), Failure> {
    let (config, tokens) = args.config()?;
    let picture = Picture::new(args.save_png)?;
    let mut desk = Desk { terminal: Terminal::new()?, say: Say::new(args.json), picture, tokens };
    let opened = async { Some(coview_smol::open_agent(config).await) };
    let given_up = async {
        desk.terminal.interrupted().await;
        None
    };
    let Some(opened) = opened.or(given_up).await else { return Ok(()) };
    let (mut agent, driver) = opened?;
    let driver = smol::spawn(driver.run());
    desk.tokens.lasts(agent.sign_in_lasts_ms());
    let lasts_ms = agent.sign_in_lasts_ms();
    let signed_in = words::signed_in(agent.group(), agent.card(), agent.rights(), lasts_ms)
        .with("key_digits", agent.key_digits().get());
    desk.tell(AgentStateKind::SignedIn, signed_in);
    desk.hint(AgentStateKind::SignedIn);
    agent.watch(Watching::Group);

    let talked = desk.talk(agent.into()).await;
    for event in desk.picture.finish() {
        desk.say.tell(&event);
    }
    // Whatever happened, the agent is gone by now, and the driver says so to the server.
    let left = desk.terminal.let_go(driver).await;
    if talked.is_ok() && left.is_ok() {
        desk.say.tell(&Event::new("left", format_args!("{DIM}goodbye{DIM:#}")));
    }
    talked.and(left)
}

/// Where the agent sits.
struct Desk {
    terminal: Terminal,
    say: Say,
    /// What is on the screen of the visitor the agent is in a session with.
    picture: Picture,
    /// What the agent signs in with, and how long it is good.
    tokens: Tokens,
}

enum Now {
    Free(AnyAgent),
    /// Waits for the answer to a request.
    Asking(Pending, Trigger),
    Left,
}

enum Happened<T> {
    World(T),
    Picture(Seen),
    Heard(Heard),
    Token(Due),
}

impl Desk {
    async fn talk(&mut self, agent: AnyAgent) -> Result<(), Failure> {
        let mut now = Now::Free(agent);
        loop {
            if self.say.is_broken() {
                return Ok(());
            }
            if !matches!(now, Now::Left) {
                self.say.prompt();
            }
            now = match now {
                Now::Free(agent) => self.free(agent).await?,
                Now::Asking(pending, trigger) => self.asking(pending, trigger).await?,
                Now::Left => {
                    self.say.finish();
                    return Ok(());
                }
            };
        }
    }

    async fn free(&mut self, mut agent: AnyAgent) -> Result<Now, Failure> {
        self.tell_all(agent.state(), |picture| picture.follow(&mut agent));
        // A script that ends with a join wants to know what came of it.
        let wants = agent.state() == AgentStateKind::Joining && self.terminal.has_ended();
        let longest = agent.visitor_asked().map_or(LAST_ANSWER, |expires_ms| {
            LAST_ANSWER + Duration::from_millis(expires_ms.into())
        });
        let mut next = agent.next();
        let terminal = &mut self.terminal;
        let heard = async {
            if wants {
                let late = async {
                    Timer::after(longest).await;
                    Heard::Interrupt
                };
                return Happened::Heard(terminal.heard_now().or(late).await);
            }
            Happened::Heard(terminal.heard().await)
        };
        let happened = async { Happened::World((&mut next).await) }
            .or(heard)
            .or(async { Happened::Token(self.tokens.due().await) })
            .or(async { Happened::Picture(self.picture.next().await) })
            .await;
        match happened {
            Happened::World(step) => self.stepped(step).map(Now::Free),
            Happened::Picture(seen) => {
                let agent = next.into_agent().expect("no step was taken");
                self.tell_all(agent.state(), |picture| picture.saw(seen));
                Ok(Now::Free(agent))
            }
            Happened::Heard(heard) => {
                let agent = next.into_agent().expect("no step was taken");
                if wants && matches!(heard, Heard::End) {
                    self.terminal.keep(heard);
                    return Ok(Now::Free(agent));
                }
                Ok(self.hear(agent, heard))
            }
            Happened::Token(due) => {
                let mut agent = next.into_agent().expect("no step was taken");
                match due {
                    Due::Renew(token) => agent.renew(token),
                    Due::EndsIn(left) => self.tell(agent.state(), words::sign_in_ends(left)),
                }
                Ok(Now::Free(agent))
            }
        }
    }

    async fn asking(&mut self, mut pending: Pending, trigger: Trigger) -> Result<Now, Failure> {
        // A script that ends with a request wants its answer, but not for ever.
        let ended = self.terminal.has_ended();
        let late = async {
            if !ended {
                core::future::pending::<()>().await;
            }
            Timer::after(LAST_ANSWER).await;
            Happened::Heard(Heard::Interrupt)
        };
        let happened = async { Happened::World((&mut pending).await) }
            .or(async { Happened::Heard(self.terminal.heard_now().await) })
            .or(late)
            .await;
        match happened {
            Happened::World(Ok(agent)) => {
                self.granted(&agent);
                Ok(Now::Free(agent))
            }
            Happened::World(Err(AnyRequestError::Refused { agent, reason, retry_ms })) => {
                self.refused(agent.state(), trigger, reason, retry_ms);
                Ok(Now::Free(agent))
            }
            Happened::World(Err(AnyRequestError::Closed(reason))) => Err(self.closed(reason)),
            Happened::Picture(_) | Happened::Token(_) => Ok(Now::Asking(pending, trigger)),
            Happened::Heard(heard) => Ok(self.hear_asking(pending, trigger, heard)),
        }
    }
}

/// # What the world did
impl Desk {
    fn stepped(&mut self, step: AnyStep<Link>) -> Result<AnyAgent, Failure> {
        let agent = match step {
            AnyStep::Accepted(agent) => {
                self.tell(agent.state(), words::joined(&agent, "request"));
                self.hint(agent.state());
                agent
            }
            AnyStep::AskOver(agent, outcome) => {
                let event = Event::new(
                    "ask_over",
                    format_args!("{WARN}●{WARN:#} the request is over: {outcome}"),
                );
                self.tell(agent.state(), event.with("outcome", outcome.as_str()));
                self.hint(agent.state());
                agent
            }
            AnyStep::LetIn(agent) => {
                self.tell(agent.state(), words::joined(&agent, "key"));
                self.hint(agent.state());
                agent
            }
            AnyStep::KeptOut(agent, reason) => {
                if reason == RefusalCode::JoinDeclined {
                    self.tell(agent.state(), words::join_declined());
                } else {
                    self.refused(agent.state(), Trigger::Join, reason, None);
                }
                self.hint(agent.state());
                agent
            }
            AnyStep::SessionEnded(agent, reason) => {
                let words = if reason == EndReason::Ejected {
                    "you were removed from the session".to_owned()
                } else {
                    format!("the session is over: {reason}")
                };
                self.ended(&agent, reason, &words);
                agent
            }
            AnyStep::Changed(agent, change) => {
                self.changed(&agent, change);
                agent
            }
            AnyStep::Closed(reason) => return Err(self.closed(reason)),
        };
        Ok(agent)
    }

    fn changed(&mut self, agent: &AnyAgent, change: Change) {
        let event = match change {
            Change::Connectivity(connectivity) => words::connectivity(connectivity),
            Change::VisitorOnline(visitor) => {
                let Some(card) = agent.roster().get(&visitor) else { return };
                Event::new(
                    "visitor_online",
                    format_args!("{GOOD}●{GOOD:#} online: {}", words::card(card)),
                )
                .with("card", words::card_value(card))
            }
            Change::VisitorChanged(visitor) => {
                let Some(card) = agent.roster().get(&visitor) else { return };
                Event::new(
                    "visitor_changed",
                    format_args!("{DIM}●{DIM:#} changed: {}", words::card(card)),
                )
                .with("card", words::card_value(card))
            }
            Change::VisitorOffline(visitor, reason) => Event::new(
                "visitor_offline",
                format_args!("{DIM}●{DIM:#} offline: {BOLD}{visitor}{BOLD:#} ({reason})"),
            )
            .with("visitor", visitor.as_str())
            .with("reason", reason.as_str()),
            Change::Roster => words::roster(agent),
            Change::Status(status) => {
                let (name, text) = match status {
                    AskStatus::Sent => return,
                    AskStatus::Displayed => ("displayed", "the visitor sees the terms"),
                    AskStatus::Accepted => ("accepted", "accepted; the session is about to start"),
                };
                Event::new(name, format_args!("{GOOD}●{GOOD:#} {text}"))
                    .with_some("visitor", agent.visitor().map(coview_wire::VisitorId::as_str))
            }
            Change::Guests(count) => Event::new(
                "guests",
                format_args!("{GOOD}●{GOOD:#} {}", words::watchers(count, agent.agents())),
            )
            .with("count", count)
            .with_agents(agent.agents()),
            Change::Renewed => {
                self.tokens.lasts(agent.sign_in_lasts_ms());
                words::renewed(agent.rights(), agent.sign_in_lasts_ms())
            }
            Change::NotRenewed(code) => {
                self.tokens.refused(code == RefusalCode::NoAnswer);
                words::not_renewed(code)
            }
            Change::Problem(code) => {
                Event::new("problem", format_args!("{WARN}!{WARN:#} not done: {code}"))
                    .with("code", code.as_str())
            }
            _ => return,
        };
        self.tell(agent.state(), event);
    }

    fn ended(&mut self, agent: &AnyAgent, reason: EndReason, words: &str) {
        let event = Event::new("ended", format_args!("{WARN}●{WARN:#} {words}"));
        self.tell(agent.state(), event.with("reason", reason.as_str()));
        self.hint(agent.state());
    }

    fn closed(&mut self, reason: LinkClosed) -> Failure {
        self.say.finish();
        self.say.tell(&Event::new("closed", "").with("reason", reason.to_string()));
        reason.into()
    }

    fn refused(
        &mut self,
        state: AgentStateKind,
        trigger: Trigger,
        reason: RefusalCode,
        retry_ms: Option<u32>,
    ) {
        let command = words::command(trigger);
        let help = match retry_ms {
            Some(wait) => {
                format!("; try again in {}", words::time(Duration::from_millis(wait.into())))
            }
            None => remedy(reason).map(|help| format!("; {help}")).unwrap_or_default(),
        };
        let event =
            Event::new("refused", format_args!("{WARN}!{WARN:#} {command}: {reason}{help}"))
                .with("command", command)
                .with("code", reason.as_str())
                .with_some("retry_ms", retry_ms);
        self.tell(state, event);
    }

    /// The answer to a request was yes.
    fn granted(&mut self, agent: &AnyAgent) {
        let event = match agent {
            AnyAgent::Requesting(requesting) => Event::new(
                "asking",
                format_args!(
                    "{GOOD}●{GOOD:#} {BOLD}{}{BOLD:#} is being asked and has {} seconds to answer",
                    requesting.visitor(),
                    requesting.expires_ms().div_ceil(1000)
                ),
            )
            .with("visitor", requesting.visitor().as_str())
            .with("expires_ms", requesting.expires_ms()),
            // Without a question the session is the next step.
            AnyAgent::Joining(joining) => match joining.visitor_asked() {
                Some(expires_ms) => words::join_waiting(expires_ms),
                None => return,
            },
            AnyAgent::Viewing(_) => words::joined(agent, "key"),
            AnyAgent::SignedIn(_) => return,
        };
        self.tell(agent.state(), event);
        self.hint(agent.state());
    }
}

/// # What the person did
impl Desk {
    fn hear(&mut self, agent: AnyAgent, heard: Heard) -> Now {
        let line = match heard {
            Heard::Line(line) => line,
            Heard::End | Heard::Interrupt => return Now::Left,
        };
        self.say.entered();
        match line::parse(&line, agent.key_digits()) {
            Ok(line) => self.act(agent, line),
            Err(told) => {
                self.error(agent.state(), &told);
                Now::Free(agent)
            }
        }
    }

    fn act(&mut self, mut agent: AnyAgent, line: Line) -> Now {
        let state = agent.state();
        match line {
            Line::Nothing => {}
            Line::Do(command) => return self.apply(agent, command),
            Line::List => self.tell(state, words::roster(&agent)),
            Line::Watch(whom) => {
                let (text, visitor) = match &whom {
                    Watching::Group => ("you watch the group".to_owned(), None),
                    Watching::Visitor(visitor) => {
                        (format!("you watch {visitor}"), Some(visitor.to_string()))
                    }
                };
                agent.watch(whom);
                let event = Event::new("watching", format_args!("{DIM}●{DIM:#} {text}"));
                self.tell(state, event.with_some("visitor", visitor));
            }
            Line::Unwatch => {
                agent.unwatch();
                self.tell(state, words::roster(&agent));
            }
            Line::Eject(other) => match agent.eject(other.clone()) {
                Ok(()) => {
                    let event = Event::new(
                        "ejecting",
                        format_args!("{GOOD}●{GOOD:#} {BOLD}{other}{BOLD:#} is being removed"),
                    );
                    self.tell(state, event.with("agent", other.as_str()));
                }
                Err(RefusalCode::NotAllowed) => {
                    let text = format!("eject: {}", RefusalCode::NotAllowed);
                    self.error(state, &text);
                }
                Err(_) => self.error(state, "you are in no session"),
            },
            Line::Renew(file) => match self.tokens.take(file.as_deref()) {
                Ok(token) => agent.renew(token),
                Err(why) => self.error(state, &why),
            },
            Line::Save(file) => match self.picture.save(&file) {
                Ok(event) => self.tell(state, event),
                Err(why) => self.error(state, &why),
            },
            Line::Cancel if state == AgentStateKind::Joining => {
                return self.apply(agent, Command::Cancel);
            }
            Line::Cancel => self.error(state, "nothing waits for an answer"),
            Line::Status => self.tell(state, words::status(&agent, self.tokens.left())),
            Line::Help => self.say.hint(words::HELP),
            Line::Quit => return Now::Left,
        }
        Now::Free(agent)
    }

    fn apply(&mut self, agent: AnyAgent, command: Command) -> Now {
        let (trigger, connectivity) = (command.trigger(), agent.connectivity());
        match agent.apply(command) {
            Ok(Applied::Now(agent)) => {
                self.took_effect(&agent, trigger);
                Now::Free(agent)
            }
            Ok(Applied::Pending(pending)) => {
                if connectivity != Connectivity::Connected {
                    self.say.hint(format_args!(
                        "{DIM}waits for the connection; `cancel` takes it back{DIM:#}"
                    ));
                }
                Now::Asking(pending, trigger)
            }
            Ok(Applied::Refused(agent, reason)) => {
                self.refused(agent.state(), trigger, reason, None);
                Now::Free(agent)
            }
            Err(misuse) => {
                let (command, state) = (words::command(misuse.command), misuse.agent.state());
                let text = format!("`{command}` is not possible while {}", words::in_words(state));
                let event = Event::new("misuse", format_args!("{WARN}!{WARN:#} {text}"))
                    .with("command", command)
                    .with("message", text.as_str());
                self.tell(state, event);
                self.hint(state);
                Now::Free(misuse.into_agent())
            }
        }
    }

    fn took_effect(&mut self, agent: &AnyAgent, trigger: Trigger) {
        let event = match trigger {
            Trigger::Withdraw => {
                Event::new("withdrawn", format_args!("{GOOD}●{GOOD:#} the request is taken back"))
            }
            Trigger::Leave => {
                Event::new("left_session", format_args!("{GOOD}●{GOOD:#} you left the session"))
            }
            Trigger::End => {
                return self.ended(agent, EndReason::Agent, "you ended the session");
            }
            Trigger::Cancel => words::cancelled(Trigger::Join),
            Trigger::Ask
            | Trigger::Join
            | Trigger::Knock
            | Trigger::Accepted
            | Trigger::AskOver
            | Trigger::LetIn
            | Trigger::KeptOut
            | Trigger::SessionEnded => return,
        };
        self.tell(agent.state(), event);
        self.hint(agent.state());
    }

    /// While a request waits for its answer, only a few commands are acted on; the others wait too.
    fn hear_asking(&mut self, pending: Pending, trigger: Trigger, heard: Heard) -> Now {
        let line = match heard {
            Heard::Interrupt => return Now::Left,
            Heard::End => {
                self.terminal.keep(Heard::End);
                return Now::Asking(pending, trigger);
            }
            Heard::Line(line) => line,
        };
        self.say.entered();
        match line::parse(&line, coview_wire::KeyLength::default()) {
            Ok(Line::Cancel) => {
                let Some(agent) = pending.into_agent() else { return Now::Left };
                self.tell(agent.state(), words::cancelled(trigger));
                return Now::Free(agent);
            }
            // Said outright, unlike the end of a script, which wants its last answer.
            Ok(Line::Quit) => return Now::Left,
            Ok(Line::Nothing) => {}
            Ok(Line::Help) => self.say.hint(words::HELP),
            Ok(Line::Status) => self.say.hint(format_args!(
                "{DIM}`{}` waits for its answer; `cancel` takes it back{DIM:#}",
                words::command(trigger)
            )),
            Ok(
                Line::Do(_)
                | Line::List
                | Line::Watch(_)
                | Line::Unwatch
                | Line::Eject(_)
                | Line::Renew(_)
                | Line::Save(_),
            )
            | Err(_) => self.terminal.keep(Heard::Line(line)),
        }
        Now::Asking(pending, trigger)
    }

    /// Tells what there is to tell about the picture.
    fn tell_all(&mut self, state: AgentStateKind, told: impl FnOnce(&mut Picture) -> Vec<Event>) {
        for event in told(&mut self.picture) {
            self.tell(state, event);
        }
    }

    fn tell(&mut self, state: AgentStateKind, event: Event) {
        self.say.tell(&event.with("state", state.as_str()));
    }

    fn error(&mut self, state: AgentStateKind, told: &str) {
        let event = Event::new("error", format_args!("{WARN}!{WARN:#} {told}"));
        self.tell(state, event.with("message", told));
    }

    /// Shows a person what can be done now.
    fn hint(&mut self, state: AgentStateKind) {
        self.say.hint(words::next(state));
    }
}
