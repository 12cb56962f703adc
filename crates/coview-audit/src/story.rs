//! The story of one session, in words.

use core::fmt;
use std::collections::BTreeSet;
use std::io;
use std::io::BufRead;

use coview_wire::SessionId;

use crate::line::Line;
use crate::record::Fact;
use crate::record::Kind;
use crate::record::Personal;
use crate::verify::Checker;
use crate::verify::Fault;

/// Everything a log tells of one session, in order. `Display` tells it in words, a line each.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Story {
    /// The session.
    pub session: SessionId,
    /// The lines about it and about the request it came from.
    pub lines: Vec<Line>,
    /// What is broken in the log: the story may be wrong from there on.
    pub fault: Option<Fault>,
}

/// Finds what a log tells of a session: its own lines, and those of the request it came from.
///
/// The log is read twice, because a request is older than its session.
///
/// # Errors
///
/// What `open` or a reader fails with. An unknown session has a story without lines.
pub fn story<R: BufRead>(
    mut open: impl FnMut() -> io::Result<R>,
    session: SessionId,
) -> io::Result<Story> {
    let mut asks = BTreeSet::new();
    let fault = Checker::new(None).read_all(open()?, |line| {
        if line.session == Some(session.get()) {
            asks.extend(line.ask);
        }
    })?;
    let mut lines = Vec::new();
    Checker::new(None).read_all(open()?, |line| {
        let of_ask = line.session.is_none() && line.ask.is_some_and(|ask| asks.contains(&ask));
        if line.session == Some(session.get()) || of_ask {
            lines.push(line.clone());
        }
    })?;
    Ok(Story { session, lines, fault })
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(f, "{}", Told(line))?;
        }
        Ok(())
    }
}

impl Line {
    /// What the line tells, in words: the time and one sentence.
    pub fn told(&self) -> impl fmt::Display {
        Told(self)
    }
}

struct Told<'a>(&'a Line);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.0;
        let (day, of_day) = line.time.split_at(10);
        write!(f, "{day} {} UTC  ", of_day.trim_matches(|c| matches!(c, 'T' | 'Z')))?;
        let agent = Agent(line);
        let visitor = Visitor(line);
        let reason = Reason(line);
        match line.kind() {
            Some(Kind::Asked) => {
                write!(f, "{agent} asked {visitor} to share the screen")?;
                terms(f, line, ", under the terms ")
            }
            Some(Kind::TermsDisplayed) => {
                f.write_str("the visitor's screen showed")?;
                terms(f, line, " the terms ")
            }
            Some(Kind::Accepted) => {
                f.write_str("the visitor accepted")?;
                terms(f, line, " the terms ")?;
                capabilities(f, line)
            }
            Some(Kind::Declined) => f.write_str("the visitor declined"),
            Some(Kind::AskEnded) => {
                write!(f, "the request ended: {}", line.text("outcome").unwrap_or("?"))
            }
            Some(Kind::SessionStarted) => {
                match line.text("by") {
                    Some("visitor_tapped_share") => {
                        write!(f, "the session began: {visitor} tapped share")?;
                    }
                    _ => write!(f, "the session began with {visitor}, as accepted")?,
                }
                capabilities(f, line)
            }
            Some(Kind::JoinRequested) => {
                write!(f, "{agent} gave the key and waits to be let in")
            }
            Some(Kind::JoinConfirmed) => f.write_str("the visitor let the agent in"),
            Some(Kind::JoinDeclined) => f.write_str("the visitor did not let the agent in"),
            Some(Kind::JoinEnded) => write!(f, "the agent does not wait any more{reason}"),
            Some(Kind::GuestJoined) => {
                write!(f, "{agent} joined")?;
                agents(f, line)
            }
            Some(Kind::GuestLeft) => {
                write!(f, "{agent} is gone{reason}")?;
                agents(f, line)
            }
            Some(Kind::MasksChanged) => match line.number("areas") {
                Some(1) => f.write_str("1 area is covered from here on"),
                Some(areas) => write!(f, "{areas} areas are covered from here on"),
                None => f.write_str("nothing is shown from here on: what to cover is not known"),
            },
            Some(Kind::KeyBurned) => f.write_str("the key is of no use any more"),
            Some(Kind::SessionEnded) => write!(f, "the session ended{reason}"),
            Some(Kind::HandedOff) => write!(f, "{visitor} went on with another device"),
            Some(
                Kind::Genesis
                | Kind::Opened
                | Kind::Head
                | Kind::AgentSignedIn
                | Kind::SignInRenewed
                | Kind::SignInExpired
                | Kind::ProofRefused
                | Kind::NotAllowed
                | Kind::Identified
                | Kind::WrongKey
                | Kind::TooManyTries
                | Kind::StepUp
                | Kind::Erased
                | Kind::RetentionApplied
                | Kind::Lost,
            )
            | None => write!(f, "{}", line.kind.replace('_', " ")),
        }
    }
}

/// An agent by name and id, as far as they have not been erased.
struct Agent<'a>(&'a Line);

impl fmt::Display for Agent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.personal(Personal::AgentName), self.0.personal(Personal::Agent)) {
            (Some(name), Some(id)) => write!(f, "{name} ({id})"),
            (None, Some(id)) => write!(f, "agent {id}"),
            (Some(name), None) => f.write_str(name),
            (None, None) => f.write_str("an agent whose name was erased"),
        }
    }
}

struct Visitor<'a>(&'a Line);

impl fmt::Display for Visitor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.personal(Personal::Visitor) {
            Some(id) => write!(f, "visitor {id}"),
            None if self.0.sealed.contains_key(&Personal::Visitor) => {
                f.write_str("a visitor whose id was erased")
            }
            None => f.write_str("a visitor without a name"),
        }
    }
}

struct Reason<'a>(&'a Line);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.text("why") {
            Some(why) => write!(f, ": {why}"),
            None => Ok(()),
        }
    }
}

fn terms(f: &mut fmt::Formatter<'_>, line: &Line, before: &str) -> fmt::Result {
    let Some(version) = line.text("terms") else { return Ok(()) };
    write!(f, "{before}{version:?}")?;
    match (line.text("language"), line.text("text_sha256")) {
        (Some(language), Some(hash)) => write!(f, " ({language}, SHA-256 of the text {hash})"),
        (None, Some(hash)) => write!(f, " (SHA-256 of the text {hash})"),
        (Some(language), None) => write!(f, " ({language})"),
        (None, None) => Ok(()),
    }
}

fn capabilities(f: &mut fmt::Formatter<'_>, line: &Line) -> fmt::Result {
    match line.facts.get("capabilities") {
        Some(Fact::List(list)) => write!(f, "; agents may {}", list.join(", ")),
        Some(Fact::Text(_) | Fact::Number(_) | Fact::Flag(_)) | None => Ok(()),
    }
}

fn agents(f: &mut fmt::Formatter<'_>, line: &Line) -> fmt::Result {
    match line.number("agents") {
        Some(1) => f.write_str("; 1 agent sees the screen"),
        Some(count) => write!(f, "; {count} agents see the screen"),
        None => Ok(()),
    }
}
