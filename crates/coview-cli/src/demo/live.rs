//! `coview demo`: a server with the agents' console, and visitors who share with whoever opens it.

use core::net::Ipv4Addr;
use core::net::SocketAddr;
use core::time::Duration;

use async_channel::Receiver;
use async_channel::Sender;
use coview_hub::Policy;
use coview_lifecycle::Anonymous;
use coview_lifecycle::Change;
use coview_lifecycle::Connectivity;
use coview_lifecycle::Identified;
use coview_lifecycle::Identity;
use coview_lifecycle::Manual;
use coview_lifecycle::PresenceConnected;
use coview_lifecycle::PresenceStep;
use coview_lifecycle::RequestError;
use coview_lifecycle::Sharing;
use coview_lifecycle::TermsRequested;
use coview_lifecycle::TermsShown;
use coview_lifecycle::TermsStep;
use coview_smol::ScreenOptions;
use coview_smol::ScreenSender;
use coview_smol::Stopped;
use coview_smol::Visitor;
use coview_smol::VisitorChannel;
use coview_wire::AgentCard;
use coview_wire::EndReason;
use coview_wire::PresenceData;
use coview_wire::Profile;
use coview_wire::VisitorId;
use futures_lite::FutureExt;
use smol::Timer;

use super::stage::ANYWHERE;
use super::stage::Stage;
use super::story::Told;
use super::wait::Shares;
use super::wait::Went;
use crate::args::DemoArgs;
use crate::failure::Failure;
use crate::say::BOLD;
use crate::say::DIM;
use crate::say::Event;
use crate::say::GOOD;
use crate::say::Say;
use crate::say::WARN;
use crate::say::agent_value;
use crate::say::names;
use crate::screen::Shown;
use crate::serve::DEFAULT_PORT;
use crate::serve::console;
use crate::share::words::quoted;
use crate::share::words::seconds;
use crate::terminal::Heard;
use crate::terminal::Terminal;

/// How long a visitor waits before she answers by herself, so that the agent sees the terms
/// displayed.
const THINKS: Duration = Duration::from_secs(3);
/// How long a refused start waits before it is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// Somebody who shares.
#[derive(Clone, Copy)]
struct Who {
    name: &'static str,
    /// Not while not logged in.
    id: Option<&'static str>,
}

/// Somebody who is online.
#[derive(Clone, Copy)]
struct Person {
    name: &'static str,
    id: &'static str,
    page: &'static str,
}

const VERA: Person = Person { name: "Vera", id: "customer-42", page: "/checkout" };
const NORA: Person = Person { name: "Nora", id: "customer-43", page: "/account" };
const SOMEBODY: Who = Who { name: "the visitor with the key", id: None };

pub(super) async fn run(args: DemoArgs) -> Result<(), Failure> {
    let shown = args.shown()?;
    shown.try_out()?;
    let mut front = Front::new(Say::new(args.json))?;
    let stage = open(args.listen).await?;

    let asks = front.asks;
    let (tell, told) = async_channel::unbounded();
    let (answer, answers) = async_channel::bounded(1);
    let vera_answers =
        if asks { Answer::Typed { answers } } else { Answer::AfterAWhile { accepts: true } };
    let cast = Cast { stage: &stage, shown: &shown, fps: args.picture.fps, tell };
    let played = async {
        let first = Box::pin(cast.begin(asks)).await?;
        let key = cast.by_key(first.key);
        let vera = cast.one_click(VERA, first.vera, vera_answers);
        let nora = cast.one_click(NORA, first.nora, Answer::AfterAWhile { accepts: false });
        Box::pin(key.or(vera).or(nora)).await
    };
    let played = async {
        match played.await {
            Ok(never) => match never {},
            Err(why) => Err(Failure::run(why)),
        }
    };
    let watched = front.watch(&told, &answer);
    let over = Box::pin(played.or(watched)).await;
    front.stop(stage).await.and(over)
}

/// A server on the address asked for; on the usual one if none was, or beside it if that is taken.
async fn open(listen: Option<SocketAddr>) -> Result<Stage, Failure> {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT));
    let address = listen.unwrap_or(usual);
    if !address.ip().is_loopback() {
        return Err(Failure::usage(format_args!(
            "the demo is for this machine only, and {address} can be reached from others: any app \
             would be admitted, without TLS"
        ))
        .with_remedy("listen on 127.0.0.1 or [::1]"));
    }
    match Stage::open(Policy::default(), address).await {
        Ok(stage) => Ok(stage),
        Err(_) if listen.is_none() => {
            Stage::open(Policy::default(), ANYWHERE).await.map_err(Failure::run)
        }
        Err(why) => Err(Failure::run(why)
            .with_remedy("choose another address with --listen; port 0 takes a free one")),
    }
}

/// What the visitors have to say.
enum News {
    Tell(Event),
    /// Waits for an answer that is typed.
    Ask(Event),
    /// The question is not to be answered any more.
    Over(Event),
}

/// Where a person sees what the visitors do, and answers.
struct Front {
    terminal: Terminal,
    say: Say,
    /// Whether a person is there to be asked.
    asks: bool,
}

impl Front {
    fn new(say: Say) -> Result<Self, Failure> {
        let asks = say.is_to_a_person();
        let terminal = if asks { Terminal::new()? } else { Terminal::of_signals()? };
        Ok(Self { terminal, say, asks })
    }

    /// Tells what happens until it is interrupted.
    async fn watch(&mut self, news: &Receiver<News>, answer: &Sender<bool>) -> Result<(), Failure> {
        enum Happened {
            News(News),
            Heard(Heard),
        }
        let mut question = false;
        loop {
            if self.say.is_broken() {
                return Ok(());
            }
            if question {
                self.say.prompt();
            }
            let told = async {
                match news.recv().await {
                    Ok(news) => Happened::News(news),
                    Err(async_channel::RecvError) => core::future::pending().await,
                }
            };
            let heard = async { Happened::Heard(self.terminal.heard().await) };
            match told.or(heard).await {
                Happened::News(News::Tell(event)) => self.say.tell(&event),
                Happened::News(News::Ask(event)) => {
                    self.say.tell(&event);
                    question = true;
                }
                Happened::News(News::Over(event)) => {
                    self.say.tell(&event);
                    question = false;
                }
                Happened::Heard(Heard::Interrupt) => return Ok(()),
                // Nothing more is typed; it goes on until it is interrupted.
                Happened::Heard(Heard::End) => {}
                Happened::Heard(Heard::Line(line)) => {
                    self.say.entered();
                    match line.to_lowercase().as_str() {
                        "quit" | "exit" => return Ok(()),
                        "y" | "yes" | "accept" if question => {
                            question = answer.try_send(true).is_err();
                        }
                        "n" | "no" | "decline" if question => {
                            question = answer.try_send(false).is_err();
                        }
                        _ if question => self.say.hint("  y or n?"),
                        _ => self.say.hint(format_args!(
                            "{DIM}  nothing is asked just now; Ctrl-C stops{DIM:#}"
                        )),
                    }
                }
            }
        }
    }

    /// Stops the server: every client is told, the browser too. A second signal cuts it short.
    async fn stop(&mut self, stage: Stage) -> Result<(), Failure> {
        self.say.finish();
        self.say.hint(format_args!("{DIM}stopping: every client is told{DIM:#}"));
        let closed = async {
            stage.close().await;
            Ok(())
        };
        let again = async {
            self.terminal.interrupted().await;
            Err(Failure::run("stopped before every client was told"))
        };
        closed.or(again).await?;
        self.say.tell(&Event::new("left", format_args!("{DIM}goodbye{DIM:#}")));
        Ok(())
    }
}

/// The visitors, and what they need.
struct Cast<'a> {
    stage: &'a Stage,
    shown: &'a Shown,
    fps: u8,
    tell: Sender<News>,
}

/// The visitors as the curtain rises.
struct First {
    key: Visitor<Sharing<Manual, Anonymous>>,
    vera: Visitor<PresenceConnected>,
    nora: Visitor<PresenceConnected>,
}

/// How somebody who is asked answers.
enum Answer {
    Typed { answers: Receiver<bool> },
    AfterAWhile { accepts: bool },
}

enum Never {}

impl Cast<'_> {
    fn tell(&self, event: Event) {
        self.news(News::Tell(event));
    }

    fn news(&self, news: News) {
        // The other end is dropped only when everything stops.
        let _ = self.tell.try_send(news);
    }

    /// Everybody comes on, and it is told how to take part.
    async fn begin(&self, asks: bool) -> Told<First> {
        let stage = self.stage;
        let (vera, nora) = (self.online(VERA).await?, self.online(NORA).await?);
        let key = stage.visitor(stage.address()).await?.start_manual().await?;

        let server = format!("ws://{}", stage.address());
        let (group, token) = (stage.group(), stage.token(0).expose_secret());
        let page = console(&server, group.as_str());
        let shows = self.shown.screen().in_words();
        let terms = if asks {
            "the terms come up here, and you answer for her"
        } else {
            "she accepts after 3 seconds"
        };
        let shown_key = key.key();
        let Person { name: vera_name, id: vera_id, .. } = VERA;
        let Person { name: nora_name, id: nora_id, .. } = NORA;
        let text = format!(
            "{BOLD}coview demo{BOLD:#}: you are the agent; the visitors show {shows}\n\n  \
             Open     {BOLD}{page}{BOLD:#}\n  \
             Group    {BOLD}{group}{BOLD:#}\n  \
             Token    {BOLD}{token}{BOLD:#}  {DIM}signs you in as Ada, for 12 hours{DIM:#}\n  \
             Key      {BOLD}{shown_key}{BOLD:#}  {DIM}type it under \"Have a key?\"{DIM:#}\n\n  \
             {BOLD}{vera_name}{BOLD:#} ({vera_id}) is online. Ask her to share: {terms}.\n  \
             {BOLD}{nora_name}{BOLD:#} ({nora_id}) is online too, and declines.\n\n\
             {DIM}Ctrl-C stops.{DIM:#}\n"
        );
        self.tell(
            Event::new("ready", text)
                .with("console", page)
                .with("server", server)
                .with("group", group.as_str())
                .with("token", token)
                .with("agent", "ada")
                .with("key", shown_key.to_string())
                .with("screen", self.shown.screen().to_string()),
        );
        Ok(First { key, vera, nora })
    }

    async fn online(&self, person: Person) -> Told<Visitor<PresenceConnected>> {
        let visitor = self.stage.visitor(self.stage.address()).await?;
        let profile = Profile::new().with_name(person.name)?;
        let who = Identity::new(VisitorId::new(person.id)?).with_profile(profile);
        let visitor = visitor.identify(who).await?;
        come_online(visitor, person).await
    }

    /// Shares with a key, and with a new one whenever the session is over.
    async fn by_key(&self, mut sharing: Visitor<Sharing<Manual, Anonymous>>) -> Told<Never> {
        loop {
            let mut visitor = self.share(SOMEBODY, sharing).await?;
            sharing = loop {
                match visitor.start_manual().await {
                    Ok(sharing) => break sharing,
                    Err(RequestError::Refused(refused)) => {
                        visitor = refused.into_visitor();
                        Timer::after(AGAIN).await;
                    }
                    Err(RequestError::Closed(reason)) => return Err(reason.into()),
                }
            };
            let key = sharing.key();
            self.tell(
                Event::new(
                    "key",
                    format_args!("{GOOD}●{GOOD:#} the next key: {BOLD}{key}{BOLD:#}"),
                )
                .with("key", key.to_string()),
            );
        }
    }

    /// Is online, is asked, answers, shares, and is online again.
    async fn one_click(
        &self,
        person: Person,
        mut visitor: Visitor<PresenceConnected>,
        answer: Answer,
    ) -> Told<Never> {
        loop {
            visitor = match visitor.next().await {
                PresenceStep::TermsRequested(asked) => {
                    self.ask(person, &answer, &asked);
                    self.answer(person, &answer, asked.terms_displayed()).await?
                }
                PresenceStep::Changed(visitor, _) => visitor,
                PresenceStep::Lost(visitor) => come_online(visitor, person).await?,
            };
        }
    }

    fn ask(&self, person: Person, answer: &Answer, asked: &Visitor<TermsRequested>) {
        let (agent, terms) = (asked.agent(), asked.terms());
        let name = person.name;
        let mut text = format!(
            "{WARN}●{WARN:#} {BOLD}{}{BOLD:#} asks to see {name}'s screen (terms {})\n{}",
            agent.name(),
            terms.version(),
            quoted(terms.text()),
        );
        match answer {
            Answer::Typed { .. } => text.push_str(&format!(
                "  {BOLD}Do you accept for {name}, y or n?{BOLD:#} No answer within {} counts as no.",
                seconds(asked.expires_ms())
            )),
            Answer::AfterAWhile { accepts } => {
                let does = if *accepts { "accepts" } else { "declines" };
                text.push_str(&format!("  {name} {does} in {} seconds", THINKS.as_secs()));
            }
        }
        let event = Event::new("terms", text)
            .with("visitor", person.id)
            .with("agent", agent_value(agent))
            .with("version", terms.version())
            .with("text", terms.text());
        self.news(match answer {
            Answer::Typed { answers } => {
                // Nothing typed before the question answers it.
                while answers.try_recv().is_ok() {}
                News::Ask(event)
            }
            Answer::AfterAWhile { .. } => News::Tell(event),
        });
    }

    async fn answer(
        &self,
        person: Person,
        answer: &Answer,
        mut shown: Visitor<TermsShown>,
    ) -> Told<Visitor<PresenceConnected>> {
        enum Happened {
            Answered(bool),
            World(TermsStep<TermsShown, VisitorChannel>),
        }
        let mut answered = Box::pin(async {
            match answer {
                Answer::Typed { answers } => answers.recv().await.unwrap_or(false),
                Answer::AfterAWhile { accepts } => {
                    Timer::after(THINKS).await;
                    *accepts
                }
            }
        });
        let accepts = loop {
            let mut next = shown.next();
            let happened = async { Happened::World((&mut next).await) }
                .or(async { Happened::Answered((&mut answered).await) })
                .await;
            shown = match happened {
                Happened::World(TermsStep::Changed(shown, _)) => shown,
                Happened::World(TermsStep::Withdrawn(visitor, reason)) => {
                    let text = format!("{WARN}●{WARN:#} the request is over: {reason}");
                    let event = Event::new("terms_withdrawn", text)
                        .with("visitor", person.id)
                        .with("reason", reason.as_str());
                    self.news(match answer {
                        Answer::Typed { .. } => News::Over(event),
                        Answer::AfterAWhile { .. } => News::Tell(event),
                    });
                    return Ok(visitor);
                }
                Happened::Answered(accepts) => {
                    shown = next.into_visitor().ok_or("the step was taken")?;
                    break accepts;
                }
            };
        };
        let name = person.name;
        if !accepts {
            let text = format!("{GOOD}●{GOOD:#} {name} declines");
            self.tell(Event::new("declined", text).with("visitor", person.id));
            return Ok(shown.decline());
        }
        match shown.accept().await {
            Ok(sharing) => {
                let text = format!("{GOOD}●{GOOD:#} {name} accepts and shares");
                self.tell(Event::new("sharing", text).with("visitor", person.id));
                self.share(Who { name, id: Some(person.id) }, sharing).await
            }
            Err(RequestError::Refused(refused)) => {
                let text = format!("{WARN}●{WARN:#} the request is over: {}", refused.reason);
                let event = Event::new("terms_withdrawn", text)
                    .with("visitor", person.id)
                    .with("reason", refused.reason.as_str());
                self.tell(event);
                Ok(refused.into_visitor())
            }
            Err(RequestError::Closed(reason)) => Err(reason.into()),
        }
    }

    /// Shows the screen until the session is over.
    async fn share<S: Shares>(&self, who: Who, mut sharing: Visitor<S>) -> Told<Visitor<S::Home>> {
        let source = self.shown.source()?.ok_or("nothing is to be shown")?;
        let options = ScreenOptions { fps: self.fps, ..ScreenOptions::default() };
        let sender = ScreenSender::new(&mut sharing, source, options);
        // Dropping the task stops it; the end of the session does so too.
        let _sends = smol::spawn(self.send(who, sender));
        loop {
            sharing = match S::went(sharing.next().await) {
                Went::LetIn(sharing, agent) => {
                    let text = format!("{GOOD}●{GOOD:#} {} lets {} in", who.name, agent.name());
                    self.tell(
                        Event::new("join_confirmed", text)
                            .with_some("visitor", who.id)
                            .with("agent", agent.name()),
                    );
                    sharing
                }
                Went::On(sharing, change) => {
                    self.changed(who, sharing.agents(), change);
                    if who.id.is_some() && change == Change::Guests(0) {
                        // Nobody can come back without a key; she can be asked again instead.
                        let text = format!("{GOOD}●{GOOD:#} {} stops sharing", who.name);
                        let reason = EndReason::Visitor;
                        self.tell(
                            Event::new("ended", text)
                                .with_some("visitor", who.id)
                                .with("reason", reason.as_str()),
                        );
                        return Ok(sharing.end());
                    }
                    sharing
                }
                Went::Ended(visitor, reason) => {
                    let text =
                        format!("{WARN}●{WARN:#} the session of {} is over: {reason}", who.name);
                    self.tell(
                        Event::new("ended", text)
                            .with_some("visitor", who.id)
                            .with("reason", reason.as_str()),
                    );
                    return Ok(visitor);
                }
            };
        }
    }

    /// Sends the screen; tells if it stops before the session does.
    fn send(&self, who: Who, sender: ScreenSender) -> impl Future<Output = ()> + use<> {
        let tell = self.tell.clone();
        async move {
            match sender.run().await {
                Stopped::Ended | Stopped::Closed | Stopped::Replaced => {}
                stopped @ (Stopped::SourceGone | Stopped::SourcePanicked) => {
                    let text = format!("{WARN}●{WARN:#} {}: {stopped}", who.name);
                    let event = Event::new("screen_gone", text).with_some("visitor", who.id);
                    let _ = tell.try_send(News::Tell(event));
                }
            }
        }
    }

    fn changed(&self, who: Who, agents: &[AgentCard], change: Change) {
        let event = match change {
            Change::Guests(count) => {
                let watchers = match count {
                    0 => "nobody watches".to_owned(),
                    1 => format!("{} watches", names(agents)),
                    _ => format!("{count} watch: {}", names(agents)),
                };
                Event::new("guests", format_args!("{GOOD}●{GOOD:#} {}: {watchers}", who.name))
                    .with("count", count)
                    .with_agents(agents)
            }
            Change::Connectivity(Connectivity::Reconnecting) => Event::new(
                "connectivity",
                format_args!(
                    "{WARN}●{WARN:#} {}: the connection is gone; trying to come back",
                    who.name
                ),
            ),
            Change::Connectivity(_) | Change::Focus(_) | Change::Problem(_) | _ => return,
        };
        self.tell(event.with_some("visitor", who.id));
    }
}

async fn come_online(
    mut visitor: Visitor<Identified>,
    person: Person,
) -> Told<Visitor<PresenceConnected>> {
    loop {
        let data = PresenceData::new().with("page", person.page)?;
        match visitor.connect_presence_with(data).await {
            Ok(visitor) => return Ok(visitor),
            Err(RequestError::Refused(refused)) => {
                visitor = refused.into_visitor();
                Timer::after(AGAIN).await;
            }
            Err(RequestError::Closed(reason)) => return Err(reason.into()),
        }
    }
}
