//! What an agent types.

use std::path::PathBuf;

use coview_agent::Command;
use coview_agent::Watching;
use coview_agent::read_key;
use coview_wire::AgentId;
use coview_wire::KeyLength;
use coview_wire::VisitorId;

use crate::share::line::printable;
use crate::share::line::words;

/// A line that was understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Nothing,
    Do(Command),
    List,
    Watch(Watching),
    Unwatch,
    Eject(AgentId),
    Save(PathBuf),
    Renew(Option<PathBuf>),
    Cancel,
    Status,
    Help,
    Quit,
}

/// Reads a line; the error says what is wrong with it. Keys of the group have so many digits.
pub(super) fn parse(line: &str, digits: KeyLength) -> Result<Line, String> {
    let words = words(line)?;
    let Some((verb, rest)) = words.split_first() else { return Ok(Line::Nothing) };
    let line = match verb.as_str() {
        "ask" => {
            let id = one(rest, "whom? Write it like `ask customer-42`")?;
            return Ok(Line::Do(Command::Ask(visitor(id)?)));
        }
        "join" => {
            if rest.is_empty() {
                return Err("which key? Write it like `join 123 456 786`".to_owned());
            }
            // A slip of the finger is found here; the server is not asked.
            let key = read_key(&rest.join(" "), digits).map_err(|error| error.to_string())?;
            return Ok(Line::Do(Command::Knock(key)));
        }
        "eject" => {
            let id = one(rest, "whom? Write it like `eject grace`")?;
            return AgentId::new(id).map(Line::Eject).map_err(|error| error.to_string());
        }
        "save" => {
            let file = one(rest, "where? Write it like `save screen.png`")?;
            return Ok(Line::Save(PathBuf::from(file)));
        }
        "renew" if !rest.is_empty() => {
            let file = one(rest, "")?;
            return Ok(Line::Renew(Some(PathBuf::from(file))));
        }
        "renew" => Line::Renew(None),
        "watch" if !rest.is_empty() => {
            let id = one(rest, "")?;
            return Ok(Line::Watch(Watching::Visitor(visitor(id)?)));
        }
        "watch" => Line::Watch(Watching::Group),
        "unwatch" => Line::Unwatch,
        "list" => Line::List,
        "withdraw" => Line::Do(Command::Withdraw),
        "leave" => Line::Do(Command::Leave),
        "end" => Line::Do(Command::End),
        "cancel" => Line::Cancel,
        "status" => Line::Status,
        "help" | "?" => Line::Help,
        "quit" | "exit" => Line::Quit,
        unknown => return Err(format!("unknown command `{}`; try `help`", printable(unknown))),
    };
    match rest.first() {
        None => Ok(line),
        Some(_) => Err(format!("`{verb}` takes nothing more")),
    }
}

fn one<'a>(rest: &'a [String], none: &str) -> Result<&'a str, String> {
    match rest {
        [] => Err(none.to_owned()),
        [one] => Ok(one),
        [..] => Err("only one can be given".to_owned()),
    }
}

fn visitor(id: &str) -> Result<VisitorId, String> {
    VisitorId::new(id).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use coview_wire::SessionKey;

    use super::*;

    fn parse(line: &str) -> Result<Line, String> {
        super::parse(line, KeyLength::default())
    }

    #[test]
    fn commands_are_read() {
        let key = SessionKey::parse("123456786").unwrap();
        assert_eq!(parse("join 123 456 786"), Ok(Line::Do(Command::Knock(key))));
        assert_eq!(parse("join 123-456-786"), Ok(Line::Do(Command::Knock(key))));
        assert_eq!(parse("renew"), Ok(Line::Renew(None)));
        assert_eq!(parse("renew t.jwt"), Ok(Line::Renew(Some(PathBuf::from("t.jwt")))));
        let quoted = Line::Save(PathBuf::from("my screen.png"));
        assert_eq!(parse("save \"my screen.png\""), Ok(quoted));
        assert_eq!(parse("watch"), Ok(Line::Watch(Watching::Group)));
        assert_eq!(
            parse("watch a"),
            Ok(Line::Watch(Watching::Visitor(VisitorId::new("a").unwrap())))
        );
    }

    #[test]
    fn mistakes_are_told() {
        for (line, told) in [
            ("join", "which key? Write it like `join 123 456 786`"),
            ("join 123 456 768", "mistyped: the check digit does not fit; ask for the key again"),
            ("join 123", "a key of this group has 9 digits, this has 3"),
            ("join 123 456 786 1", "a key of this group has 9 digits, this has 10"),
            ("join abc", "a key has only digits, with spaces or hyphens between them"),
            ("ask", "whom? Write it like `ask customer-42`"),
            ("ask a b", "only one can be given"),
            ("save", "where? Write it like `save screen.png`"),
            ("save my screen.png", "only one can be given"),
            ("leave now", "`leave` takes nothing more"),
        ] {
            assert_eq!(parse(line).unwrap_err(), told);
        }
    }
}
