//! The transcript: who did what, which state a visitor is in, whether a key is shown. Every fact is
//! checked before it is told.

use core::cell::Cell;
use core::error::Error;
use core::fmt::Display;

use anstyle::AnsiColor;
use anstyle::Style;
use coview_lifecycle::KeyDisplay;
use coview_lifecycle::State;
use coview_lifecycle::StateKind;
use coview_smol::AnyVisitor;
use coview_smol::Visitor;

use crate::say::BOLD;
use crate::say::DIM;
use crate::say::Event;
use crate::say::Say;

/// What a step of the story gives, or why it did not happen.
pub(super) type Told<T> = Result<T, Box<dyn Error>>;

/// Somebody in the story.
#[derive(Clone, Copy)]
pub(super) struct Who {
    name: &'static str,
    style: Style,
}

pub(super) const SERVER: Who = Who { name: "server", style: DIM };
pub(super) const VISITOR: Who = Who { name: "visitor", style: AnsiColor::Cyan.on_default().bold() };
pub(super) const PHONE: Who = Who { name: "phone", style: AnsiColor::Blue.on_default().bold() };
pub(super) const ADA: Who = Who { name: "agent Ada", style: AnsiColor::Green.on_default().bold() };
pub(super) const GRACE: Who =
    Who { name: "agent Grace", style: AnsiColor::Magenta.on_default().bold() };

const KEY: Style = AnsiColor::Yellow.on_default().bold();
/// Where what somebody does begins: after the longest name.
const COLUMN: usize = 13;

pub(super) struct Story<'a> {
    say: &'a mut Say,
    /// Which step is being told; it outlives the story when time runs out.
    step: &'a Cell<&'static str>,
    steps: u32,
    facts: u32,
}

impl<'a> Story<'a> {
    pub(super) const fn new(say: &'a mut Say, step: &'a Cell<&'static str>) -> Self {
        Self { say, step, steps: 0, facts: 0 }
    }

    /// How many steps were told and how many facts were checked.
    pub(super) const fn told(&self) -> (u32, u32) {
        (self.steps, self.facts)
    }

    pub(super) fn begin(&mut self, server: &str) {
        self.say.tell(
            &Event::new(
                "begin",
                format_args!(
                    "{BOLD}coview demo{BOLD:#}: a server on {server}, visitors and agents, each on \
                     a WebSocket of its own"
                ),
            )
            .with("server", server),
        );
    }

    /// A step begins.
    pub(super) fn step(&mut self, title: &'static str) {
        self.steps += 1;
        self.step.set(title);
        let number = self.steps;
        self.say.tell(
            &Event::new("step", format_args!("\n{BOLD}{number:>2}  {title}{BOLD:#}"))
                .with("number", number)
                .with("title", title),
        );
    }

    /// Somebody did something.
    pub(super) fn did(&mut self, who: Who, what: impl Display) {
        let Who { name, style } = who;
        let what = what.to_string();
        self.say.tell(
            &Event::new("did", format_args!("    {style}{name:<COLUMN$}{style:#}{what}"))
                .with("who", name)
                .with("what", what),
        );
    }

    /// A fact must hold; then it is told.
    pub(super) fn fact(&mut self, holds: bool, who: Who, what: impl Display) -> Told<()> {
        self.check(holds, format_args!("{}: {what}", who.name))?;
        self.did(who, what);
        Ok(())
    }

    /// A fact must hold that is not worth a line.
    pub(super) fn check(&mut self, holds: bool, what: impl Display) -> Told<()> {
        self.facts += 1;
        if holds { Ok(()) } else { Err(format!("this did not happen: {what}").into()) }
    }

    /// Shows which state a visitor is in and what its screen shows, as an app would ask for it. A
    /// key must be there if the session began with one, and only then.
    pub(super) fn see<S>(&mut self, who: Who, visitor: Visitor<S>) -> Told<Visitor<S>>
    where
        S: State,
        Visitor<S>: TryFrom<AnyVisitor>,
        AnyVisitor: From<Visitor<S>>,
    {
        let any = AnyVisitor::from(visitor);
        let state = any.state();
        let key = match any.key_display() {
            KeyDisplay::Show(key) => Some(key.to_string()),
            KeyDisplay::Hidden => None,
        };
        let manual = state.is_sharing() && state != StateKind::SharingOneClick;
        self.check(key.is_some() == manual, format_args!("a key is shown: {manual}"))?;
        let shown = match &key {
            Some(key) => format!("{KEY}key shown: {key}{KEY:#}"),
            None => format!("{DIM}no key shown{DIM:#}"),
        };
        let pad = 4 + COLUMN;
        self.say.tell(
            &Event::new("state", format_args!("{:pad$}{DIM}→{DIM:#} {state} · {shown}", ""))
                .with("who", who.name)
                .with("state", format!("{state:?}"))
                .with("key_shown", key.is_some())
                .with_some("key", key),
        );
        Visitor::try_from(any).map_err(|_| "the visitor is in another state than its type".into())
    }
}
