//! `coview share`: a visitor one can talk to.

pub(crate) mod args;
pub(crate) mod line;
mod proof;
pub(crate) mod words;

use core::time::Duration;
use std::path::PathBuf;

use coview_lifecycle::AnyRequestError;
use coview_lifecycle::AnyStep;
use coview_lifecycle::Applied;
use coview_lifecycle::Change;
use coview_lifecycle::Command;
use coview_lifecycle::Connectivity;
use coview_lifecycle::StateKind;
use coview_lifecycle::table::Trigger;
use coview_proto::VisitorRole;
use coview_smol::AnyVisitor;
use coview_smol::ChannelLink;
use coview_wire::AppState;
use coview_wire::EndReason;
use coview_wire::RefusalCode;
use coview_wire::VisitorAssertion;
use futures_lite::FutureExt;
use smol::Timer;

use crate::failure::Failure;
use crate::failure::remedy;
use crate::say::BOLD;
use crate::say::DIM;
use crate::say::Event;
use crate::say::GOOD;
use crate::say::Say;
use crate::say::WARN;
use crate::say::names;
use crate::screen::Showing;
use crate::screen::Shown;
use crate::screen::Shows;
use crate::share::args::ShareArgs;
use crate::share::line::Line;
use crate::share::proof::Proof;
use crate::terminal::Heard;
use crate::terminal::Terminal;

/// How long an answer is waited for once nothing more will be typed.
const LAST_ANSWER: Duration = Duration::from_secs(10);

type Pending = coview_lifecycle::AnyPending<ChannelLink<VisitorRole>>;

pub(crate) async fn run(args: ShareArgs) -> Result<(), Failure> {
    let (config, shown) = (args.config()?, args.shown()?);
    shown.try_out()?;
    let mut share = Share {
        terminal: Terminal::new()?,
        say: Say::new(args.json),
        shown,
        fps: args.picture.fps,
        assertion_file: args.assertion_file,
        showing: Showing::Nothing,
    };
    let opened = async { Some(coview_smol::open(config).await) };
    let given_up = async {
        share.terminal.interrupted().await;
        None
    };
    // Nobody was told of a visitor yet, so there is nobody to say goodbye to.
    let Some(opened) = opened.or(given_up).await else { return Ok(()) };
    let (visitor, driver) = opened?;
    let driver = smol::spawn(driver.run());
    share.say.tell(&words::connected(&visitor));
    share.hint(StateKind::Anonymous);

    let talked = share.talk(visitor.into()).await;
    // Whatever happened, the visitor is gone by now, and the driver says so to the server.
    let left = share.terminal.let_go(driver).await;
    if talked.is_ok() && left.is_ok() {
        share.say.tell(&Event::new("left", format_args!("{DIM}goodbye{DIM:#}")));
    }
    talked.and(left)
}

struct Share {
    terminal: Terminal,
    say: Say,
    /// What agents see while a session runs.
    shown: Shown,
    fps: u8,
    /// Where an assertion is read when none is typed.
    assertion_file: Option<PathBuf>,
    showing: Showing,
}

/// What the visitor is doing.
enum Now {
    Free(AnyVisitor),
    /// Waits for the answer to a request.
    Asking(Pending, Trigger),
    Left,
}

enum Happened<T> {
    World(T),
    Screen(Shows),
    Heard(Heard),
}

impl Share {
    async fn talk(&mut self, visitor: AnyVisitor) -> Result<(), Failure> {
        let mut now = Now::Free(visitor);
        loop {
            if self.say.is_broken() {
                // Nobody sees what happens any more, so nobody could stop the sharing.
                return Ok(());
            }
            if !matches!(now, Now::Left) {
                self.say.prompt();
            }
            now = match now {
                Now::Free(visitor) => self.free(visitor).await?,
                Now::Asking(pending, trigger) => self.asking(pending, trigger).await?,
                Now::Left => {
                    self.say.finish();
                    return Ok(());
                }
            };
        }
    }

    async fn free(&mut self, mut visitor: AnyVisitor) -> Result<Now, Failure> {
        if let Some(shows) = self.showing.follow(&mut visitor, &self.shown, self.fps) {
            self.screen(visitor.state(), shows);
        }
        let mut next = visitor.next();
        let happened = async { Happened::World((&mut next).await) }
            .or(async { Happened::Screen(self.showing.next().await) })
            .or(async { Happened::Heard(self.terminal.heard().await) })
            .await;
        match happened {
            Happened::World(step) => self.stepped(step).map(Now::Free),
            Happened::Screen(shows) => {
                let visitor = next.into_visitor().expect("no step was taken");
                self.screen(visitor.state(), shows);
                Ok(Now::Free(visitor))
            }
            Happened::Heard(heard) => {
                let visitor = next.into_visitor().expect("no step was taken");
                Ok(self.hear(visitor, heard))
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
            Happened::World(Ok(visitor)) => Ok(Now::Free(self.granted(visitor, trigger))),
            Happened::World(Err(AnyRequestError::Refused { visitor, reason })) => {
                self.refused(visitor.state(), trigger, reason);
                self.hint(visitor.state());
                Ok(Now::Free(visitor))
            }
            Happened::World(Err(AnyRequestError::Closed(reason))) => Err(self.closed(reason)),
            Happened::Screen(_) => Ok(Now::Asking(pending, trigger)),
            Happened::Heard(heard) => Ok(self.hear_asking(pending, trigger, heard)),
        }
    }
}

/// # What the world did
impl Share {
    fn stepped(&mut self, step: AnyStep<ChannelLink<VisitorRole>>) -> Result<AnyVisitor, Failure> {
        let visitor = match step {
            AnyStep::TermsRequested(visitor) => self.show_terms(visitor),
            AnyStep::TermsWithdrawn(visitor, reason) => {
                self.say.tell(
                    &Event::new(
                        "terms_withdrawn",
                        format_args!("{WARN}●{WARN:#} the request is over: {reason}"),
                    )
                    .with("reason", reason.as_str())
                    .with("state", words::state(visitor.state())),
                );
                self.hint(visitor.state());
                visitor
            }
            AnyStep::PresenceLost(visitor, reason) => {
                let why = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
                self.say.tell(
                    &Event::new("presence_lost", format_args!("{WARN}●{WARN:#} offline{why}"))
                        .with_some("reason", reason.map(coview_wire::OfflineReason::as_str))
                        .with("state", words::state(visitor.state())),
                );
                self.hint(visitor.state());
                visitor
            }
            AnyStep::JoinRequested(visitor) => {
                if let Some(event) = words::join(&visitor) {
                    self.say.tell(&event.with("state", words::state(visitor.state())));
                }
                self.hint(visitor.state());
                visitor
            }
            AnyStep::JoinWithdrawn(visitor, reason) => {
                self.say.tell(
                    &Event::new(
                        "join_withdrawn",
                        format_args!("{WARN}●{WARN:#} nobody waits to be let in: {reason}"),
                    )
                    .with("reason", reason.as_str())
                    .with("state", words::state(visitor.state())),
                );
                self.hint(visitor.state());
                visitor
            }
            AnyStep::SessionEnded(visitor, reason) => {
                self.ended(&visitor, reason);
                visitor
            }
            AnyStep::Changed(visitor, change) => {
                self.changed(&visitor, change);
                visitor
            }
            AnyStep::Closed(reason) => return Err(self.closed(reason)),
        };
        Ok(visitor)
    }

    /// Prints the terms, and only then tells the agent that they are displayed.
    fn show_terms(&mut self, visitor: AnyVisitor) -> AnyVisitor {
        let Some(event) = words::terms(&visitor, StateKind::TermsShown) else { return visitor };
        self.say.tell(&event);
        if self.say.is_broken() {
            return visitor;
        }
        match visitor.apply(Command::TermsDisplayed) {
            Ok(Applied::Now(visitor)) => {
                self.hint(visitor.state());
                visitor
            }
            Ok(Applied::Pending(_)) => unreachable!("terms_displayed needs no answer"),
            Err(misuse) => misuse.into_visitor(),
        }
    }

    fn changed(&mut self, visitor: &AnyVisitor, change: Change) {
        let state = words::state(visitor.state());
        let event = match change {
            Change::Connectivity(connectivity) => words::connectivity(connectivity),
            Change::Focus(focused) => {
                let text = if focused {
                    "agents' requests come to this device again"
                } else {
                    "another device of this visitor is online; agents' requests go there"
                };
                Event::new("focus", format_args!("{DIM}●{DIM:#} {text}")).with("focused", focused)
            }
            Change::Guests(count) => {
                let agents = visitor.agents();
                let text = match count {
                    0 => "nobody watches".to_owned(),
                    1 => format!("1 agent watches: {}", names(agents)),
                    _ => format!("{count} agents watch: {}", names(agents)),
                };
                Event::new("guests", format_args!("{GOOD}●{GOOD:#} {text}"))
                    .with("count", count)
                    .with_agents(agents)
            }
            Change::Problem(code) => {
                Event::new("problem", format_args!("{WARN}!{WARN:#} not done: {code}"))
                    .with("code", code.as_str())
            }
            _ => return,
        };
        self.say.tell(&event.with("state", state));
    }

    fn ended(&mut self, visitor: &AnyVisitor, reason: EndReason) {
        let text = if reason == EndReason::Visitor {
            format!("{GOOD}●{GOOD:#} you stopped sharing")
        } else {
            format!("{WARN}●{WARN:#} the session is over: {reason}")
        };
        self.say.tell(
            &Event::new("ended", text)
                .with("reason", reason.as_str())
                .with("state", words::state(visitor.state())),
        );
        self.hint(visitor.state());
    }

    fn closed(&mut self, reason: coview_lifecycle::LinkClosed) -> Failure {
        self.say.finish();
        self.say.tell(&Event::new("closed", "").with("reason", reason.to_string()));
        reason.into()
    }

    fn refused(&mut self, state: StateKind, trigger: Trigger, reason: RefusalCode) {
        let command = words::command(trigger);
        let help = remedy(reason).map(|help| format!("; {help}")).unwrap_or_default();
        self.say.tell(
            &Event::new("refused", format_args!("{WARN}!{WARN:#} {command}: {reason}{help}"))
                .with("command", command)
                .with("code", reason.as_str())
                .with("state", words::state(state)),
        );
    }

    /// The answer to a request was yes.
    fn granted(&mut self, visitor: AnyVisitor, trigger: Trigger) -> AnyVisitor {
        let state = visitor.state();
        let event = match trigger {
            Trigger::Identify => {
                let id = visitor.visitor_id().map(ToString::to_string).unwrap_or_default();
                Event::new("identified", format_args!("{GOOD}●{GOOD:#} you are {BOLD}{id}{BOLD:#}"))
                    .with("visitor", id)
            }
            Trigger::ConnectPresence => Event::new(
                "online",
                format_args!("{GOOD}●{GOOD:#} online: agents see you and may ask"),
            ),
            Trigger::StartManual
            | Trigger::TermsDisplayed
            | Trigger::Accept
            | Trigger::Decline
            | Trigger::Confirm
            | Trigger::Refuse
            | Trigger::End
            | Trigger::Disconnect
            | Trigger::LogOut
            | Trigger::AgentAsks
            | Trigger::TermsWithdrawn
            | Trigger::PresenceLost
            | Trigger::JoinRequested
            | Trigger::JoinWithdrawn
            | Trigger::SessionEnded => words::sharing(&visitor),
        };
        self.say.tell(&event.with("state", words::state(state)));
        self.hint(state);
        visitor
    }
}

/// # What became of the picture
impl Share {
    fn screen(&mut self, state: StateKind, shows: Shows) {
        let state = words::state(state);
        for event in words::screen(&self.shown, &shows) {
            self.say.tell(&event.with("state", state.as_str()));
        }
    }

    /// The app moved, and the picture stands still while it is not in front.
    fn pause(&mut self, app: AppState, state: Option<StateKind>) {
        self.shown.pause(app == AppState::Background);
        if let (Showing::Sending(_), Some(state)) = (&self.showing, state) {
            self.say.tell(&words::paused(&self.shown).with("state", words::state(state)));
        }
    }
}

/// # What the person did
impl Share {
    fn hear(&mut self, visitor: AnyVisitor, heard: Heard) -> Now {
        let line = match heard {
            Heard::Line(line) => line,
            Heard::End | Heard::Interrupt => return Now::Left,
        };
        self.say.entered();
        match line::parse(&line) {
            Ok(line) => self.act(visitor, line),
            Err(told) => {
                self.error(visitor.state(), &told);
                Now::Free(visitor)
            }
        }
    }

    fn act(&mut self, mut visitor: AnyVisitor, line: Line) -> Now {
        let state = visitor.state();
        match line {
            Line::Nothing => {}
            Line::Do(Command::TermsDisplayed) if state == StateKind::TermsShown => {
                self.say.hint(format_args!(
                    "{DIM}the agent was told when the terms were printed{DIM:#}"
                ));
            }
            Line::Do(command) => return self.apply(visitor, command),
            Line::Login(who, proof) => match self.proof(proof) {
                Ok(None) => return self.apply(visitor, Command::Identify(who)),
                Ok(Some(assertion)) => {
                    let who = who.with_assertion(assertion);
                    return self.apply(visitor, Command::Identify(who));
                }
                Err(told) => self.error(state, &told),
            },
            Line::Refresh(proof) => self.refresh(&mut visitor, proof),
            Line::Update(patch) => {
                if visitor.update_presence(patch) {
                    self.say.tell(
                        &Event::new("updated", format_args!("{DIM}●{DIM:#} agents see it"))
                            .with("state", words::state(state)),
                    );
                } else {
                    self.error(state, "agents see it only while you are online: `online` first");
                }
            }
            Line::App(app) => {
                visitor.app_moved(app);
                self.app(state, app);
                self.pause(app, Some(state));
            }
            Line::Terms => match words::terms(&visitor, state) {
                Some(event) => self.say.tell(&event),
                None => self.error(state, "no agent asks just now"),
            },
            Line::Cancel => self.error(state, "nothing waits for an answer"),
            Line::Status => self.say.tell(&words::status(&visitor)),
            Line::Help => self.say.hint(words::HELP),
            Line::Quit => return Now::Left,
        }
        Now::Free(visitor)
    }

    /// The assertion that was named, or that of the command line; none if none is named.
    fn proof(&self, named: Option<Proof>) -> Result<Option<VisitorAssertion>, String> {
        named.or_else(|| self.assertion_file.clone().map(Proof::File)).map(Proof::read).transpose()
    }

    fn refresh(&mut self, visitor: &mut AnyVisitor, proof: Option<Proof>) {
        let state = visitor.state();
        let assertion = match self.proof(proof) {
            Ok(Some(assertion)) => assertion,
            Ok(None) => {
                let told = "which assertion? Say `refresh assertion-file=FILE`, or start with \
                            --assertion-file";
                return self.error(state, told);
            }
            Err(told) => return self.error(state, &told),
        };
        if visitor.refresh_assertion(assertion) {
            self.say.tell(
                &Event::new("refreshed", format_args!("{DIM}●{DIM:#} handed over"))
                    .with("state", words::state(state)),
            );
        } else {
            self.error(state, "nobody knows who you are: `login` first");
        }
    }

    fn apply(&mut self, visitor: AnyVisitor, command: Command) -> Now {
        let trigger = command.trigger();
        match visitor.apply(command) {
            Ok(Applied::Now(visitor)) => {
                self.took_effect(&visitor, trigger);
                Now::Free(visitor)
            }
            Ok(Applied::Pending(pending)) => {
                if pending.connectivity() != Some(Connectivity::Connected) {
                    self.say.hint(format_args!(
                        "{DIM}waits for the connection; `cancel` takes it back{DIM:#}"
                    ));
                }
                Now::Asking(pending, trigger)
            }
            Err(misuse) => {
                let (command, state) = (words::command(misuse.command), misuse.visitor.state());
                let text = format!("`{command}` is not possible while {}", words::in_words(state));
                self.say.tell(
                    &Event::new("misuse", format_args!("{WARN}!{WARN:#} {text}"))
                        .with("command", command)
                        .with("message", text.as_str())
                        .with("state", words::state(state)),
                );
                self.hint(state);
                Now::Free(misuse.into_visitor())
            }
        }
    }

    fn took_effect(&mut self, visitor: &AnyVisitor, trigger: Trigger) {
        let event = match trigger {
            Trigger::End => return self.ended(visitor, EndReason::Visitor),
            Trigger::Decline => {
                Event::new("declined", format_args!("{GOOD}●{GOOD:#} declined; the agent is told"))
            }
            Trigger::Confirm => {
                Event::new("join_confirmed", format_args!("{GOOD}●{GOOD:#} the agent is let in"))
            }
            Trigger::Refuse => Event::new(
                "join_refused",
                format_args!("{GOOD}●{GOOD:#} the agent stays out, and the key lets nobody in"),
            ),
            Trigger::Disconnect => Event::new("offline", format_args!("{GOOD}●{GOOD:#} offline")),
            Trigger::LogOut => Event::new(
                "logged_out",
                format_args!("{GOOD}●{GOOD:#} logged out; name, email and phone are forgotten too"),
            ),
            Trigger::Identify
            | Trigger::ConnectPresence
            | Trigger::StartManual
            | Trigger::TermsDisplayed
            | Trigger::Accept
            | Trigger::AgentAsks
            | Trigger::TermsWithdrawn
            | Trigger::PresenceLost
            | Trigger::JoinRequested
            | Trigger::JoinWithdrawn
            | Trigger::SessionEnded => return,
        };
        self.say.tell(&event.with("state", words::state(visitor.state())));
        self.hint(visitor.state());
    }

    /// While a request waits for its answer, only a few commands are acted on; the others wait too.
    fn hear_asking(&mut self, mut pending: Pending, trigger: Trigger, heard: Heard) -> Now {
        let line = match heard {
            Heard::Interrupt => return Now::Left,
            Heard::End => {
                self.terminal.keep(Heard::End);
                return Now::Asking(pending, trigger);
            }
            Heard::Line(line) => line,
        };
        self.say.entered();
        let command = words::command(trigger);
        match line::parse(&line) {
            Ok(Line::Cancel) => {
                let Some(visitor) = pending.into_visitor() else { return Now::Left };
                self.say.tell(
                    &Event::new(
                        "cancelled",
                        format_args!("{GOOD}●{GOOD:#} `{command}` is taken back"),
                    )
                    .with("command", command)
                    .with("state", words::state(visitor.state())),
                );
                return Now::Free(visitor);
            }
            Ok(Line::App(app)) => {
                pending.app_moved(app);
                self.say.tell(&words::app(app));
                self.pause(app, None);
            }
            Ok(Line::Help) => self.say.hint(words::HELP),
            Ok(Line::Nothing) => {}
            Ok(Line::Status) => self.say.hint(format_args!(
                "{DIM}`{command}` waits for its answer; `cancel` takes it back{DIM:#}"
            )),
            // Said outright, unlike the end of a script, which wants its last answer.
            Ok(Line::Quit) => return Now::Left,
            Ok(
                Line::Do(_) | Line::Login(..) | Line::Refresh(_) | Line::Update(_) | Line::Terms,
            )
            | Err(_) => {
                self.terminal.keep(Heard::Line(line));
            }
        }
        Now::Asking(pending, trigger)
    }

    fn app(&mut self, state: StateKind, app: AppState) {
        self.say.tell(&words::app(app).with("state", words::state(state)));
    }

    fn error(&mut self, state: StateKind, told: &str) {
        self.say.tell(
            &Event::new("error", format_args!("{WARN}!{WARN:#} {told}"))
                .with("message", told)
                .with("state", words::state(state)),
        );
    }

    /// Shows a person what can be done now.
    fn hint(&mut self, state: StateKind) {
        self.say.hint(words::next(state));
    }
}
