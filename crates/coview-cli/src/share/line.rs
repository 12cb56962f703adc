//! What a visitor types.

use coview_lifecycle::Command;
use coview_lifecycle::Identity;
use coview_wire::AppState;
use coview_wire::PresenceData;
use coview_wire::PresencePatch;
use coview_wire::Profile;
use coview_wire::VisitorId;

/// A line that was understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Nothing,
    Do(Command),
    Update(PresencePatch),
    App(AppState),
    Terms,
    Cancel,
    Status,
    Help,
    Quit,
}

/// Reads a line; the error says what is wrong with it.
pub(super) fn parse(line: &str) -> Result<Line, String> {
    let words = words(line)?;
    let Some((verb, rest)) = words.split_first() else { return Ok(Line::Nothing) };
    let line = match verb.as_str() {
        "share" | "start" => Line::Do(Command::StartManual),
        "login" => return login(rest),
        "online" => return online(rest),
        "update" => return update(rest),
        "displayed" => Line::Do(Command::TermsDisplayed),
        "accept" => Line::Do(Command::Accept),
        "decline" => Line::Do(Command::Decline),
        "confirm" => Line::Do(Command::Confirm),
        "refuse" => Line::Do(Command::Refuse),
        "stop" => Line::Do(Command::End),
        "offline" => Line::Do(Command::Disconnect),
        "logout" => Line::Do(Command::LogOut),
        "background" => Line::App(AppState::Background),
        "foreground" => Line::App(AppState::Active),
        "terms" => Line::Terms,
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

fn login(rest: &[String]) -> Result<Line, String> {
    let Some((id, fields)) = rest.split_first() else {
        return Err("who? Write it like `login customer-42`".to_owned());
    };
    let id = VisitorId::new(id).map_err(|error| error.to_string())?;
    let mut profile = Profile::new();
    for field in fields {
        let (key, value) = pair(field)?;
        profile = match key {
            "name" => profile.with_name(value),
            "email" => profile.with_email(value),
            "phone" => profile.with_phone(value),
            _ => return Err("only name=…, email=… and phone=… can follow the id".to_owned()),
        }
        .map_err(|error| error.to_string())?;
    }
    let who = Identity::new(id);
    Ok(Line::Do(Command::Identify(if fields.is_empty() { who } else { who.with_profile(profile) })))
}

fn online(rest: &[String]) -> Result<Line, String> {
    let mut data = PresenceData::new();
    for entry in rest {
        let (key, value) = pair(entry)?;
        data = data.with(key, value).map_err(|error| error.to_string())?;
    }
    Ok(Line::Do(Command::ConnectPresence(data)))
}

fn update(rest: &[String]) -> Result<Line, String> {
    if rest.is_empty() {
        return Err("what? Write it like `update page=/checkout -cart`".to_owned());
    }
    let mut patch = PresencePatch::new();
    for entry in rest {
        patch = match entry.strip_prefix('-').filter(|_| !entry.contains('=')) {
            Some(key) => patch.remove(key),
            None => {
                let (key, value) = pair(entry)?;
                patch.set(key, value)
            }
        }
        .map_err(|error| error.to_string())?;
    }
    Ok(Line::Update(patch))
}

fn pair(text: &str) -> Result<(&str, &str), String> {
    text.split_once('=').ok_or_else(|| "write entries like page=/checkout".to_owned())
}

/// Splits at spaces, outside double quotes.
pub(crate) fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word = None::<String>;
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    if quoted {
        return Err("a double quote is not closed".to_owned());
    }
    words.extend(word);
    Ok(words)
}

/// What was typed, short and without anything that moves the cursor.
pub(crate) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(24).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        assert_eq!(parse("  share "), Ok(Line::Do(Command::StartManual)));
        assert_eq!(parse(""), Ok(Line::Nothing));
        assert_eq!(
            parse("login customer-42"),
            Ok(Line::Do(Command::Identify(VisitorId::new("customer-42").unwrap().into())))
        );
        assert_eq!(
            parse("login a name=\"Ada Lovelace\""),
            Ok(Line::Do(Command::Identify(
                Identity::new(VisitorId::new("a").unwrap())
                    .with_profile(Profile::new().with_name("Ada Lovelace").unwrap())
            )))
        );
        assert_eq!(
            parse("online page=/a=b"),
            Ok(Line::Do(Command::ConnectPresence(
                PresenceData::new().with("page", "/a=b").unwrap()
            )))
        );
        assert_eq!(
            parse("update page=\"two words\" -cart"),
            Ok(Line::Update(
                PresencePatch::new().set("page", "two words").unwrap().remove("cart").unwrap()
            ))
        );
    }

    #[test]
    fn mistakes_are_told() {
        for (line, told) in [
            ("dance", "unknown command `dance`; try `help`"),
            ("dance\u{1b}[2J", "unknown command `dance[2J`; try `help`"),
            ("share now", "`share` takes nothing more"),
            ("login", "who? Write it like `login customer-42`"),
            (
                "login a\u{e9}",
                "visitor id has '\u{e9}' at position 1; only A-Z a-z 0-9 - _ ~ are allowed",
            ),
            ("login a age=7", "only name=…, email=… and phone=… can follow the id"),
            ("online page", "write entries like page=/checkout"),
            ("online \"page", "a double quote is not closed"),
            ("update", "what? Write it like `update page=/checkout -cart`"),
            ("update k!=1", "key of presence data may have only A-Z a-z 0-9 . - _"),
        ] {
            assert_eq!(parse(line).unwrap_err(), told);
        }
    }
}
