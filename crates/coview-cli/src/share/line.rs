//! What a visitor types.

use coview_lifecycle::Command;
use coview_lifecycle::Identity;
use coview_wire::AppState;
use coview_wire::PresenceData;
use coview_wire::PresencePatch;
use coview_wire::Profile;
use coview_wire::VisitorAssertion;
use coview_wire::VisitorId;

use crate::share::proof::Proof;

/// A line that was understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Nothing,
    Do(Command),
    /// Says who the visitor is. Without a proof that of the command line goes along, if there is one.
    Login(Identity, Option<Proof>),
    /// Hands over a newer proof.
    Refresh(Option<Proof>),
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
        "refresh" => return refresh(rest),
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
    let mut profile = None::<Profile>;
    let mut proof = None;
    for field in fields {
        let (key, value) = pair(field)?;
        let known = profile.clone().unwrap_or_default();
        profile = Some(
            match key {
                "name" => known.with_name(value),
                "email" => known.with_email(value),
                "phone" => known.with_phone(value),
                "assertion" | "assertion-file" => {
                    proof = Some(proof_of(key, value)?);
                    continue;
                }
                _ => {
                    return Err("only name=…, email=…, phone=… and assertion=… or \
                                assertion-file=… can follow the id"
                        .to_owned());
                }
            }
            .map_err(|error| error.to_string())?,
        );
    }
    let who = Identity::new(id);
    Ok(Line::Login(
        match profile {
            Some(profile) => who.with_profile(profile),
            None => who,
        },
        proof,
    ))
}

fn refresh(rest: &[String]) -> Result<Line, String> {
    const HOW: &str = "write it like `refresh assertion-file=FILE`";
    match rest {
        [] => Ok(Line::Refresh(None)),
        [field] => match field.split_once('=') {
            Some((key @ ("assertion" | "assertion-file"), value)) => {
                Ok(Line::Refresh(Some(proof_of(key, value)?)))
            }
            Some(_) | None => Err(HOW.to_owned()),
        },
        [_, _, ..] => Err(HOW.to_owned()),
    }
}

/// The value may be a token, so no error repeats it.
fn proof_of(key: &str, value: &str) -> Result<Proof, String> {
    if key == "assertion-file" {
        return Ok(Proof::File(value.into()));
    }
    VisitorAssertion::new(value).map(Proof::Typed).map_err(|error| error.to_string())
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
            Ok(Line::Login(Identity::new(VisitorId::new("customer-42").unwrap()), None))
        );
        assert_eq!(
            parse("login a name=\"Ada Lovelace\""),
            Ok(Line::Login(
                Identity::new(VisitorId::new("a").unwrap())
                    .with_profile(Profile::new().with_name("Ada Lovelace").unwrap()),
                None
            ))
        );
        assert_eq!(
            parse("login a assertion=x.y.z"),
            Ok(Line::Login(
                Identity::new(VisitorId::new("a").unwrap()),
                Some(Proof::Typed(VisitorAssertion::new("x.y.z").unwrap()))
            ))
        );
        let file = || Some(Proof::File("my paper".into()));
        assert_eq!(
            parse("login a assertion-file=\"my paper\""),
            Ok(Line::Login(Identity::new(VisitorId::new("a").unwrap()), file()))
        );
        assert_eq!(parse("refresh \"assertion-file=my paper\""), Ok(Line::Refresh(file())));
        assert_eq!(parse("refresh"), Ok(Line::Refresh(None)));
        assert_eq!(parse("confirm"), Ok(Line::Do(Command::Confirm)));
        assert_eq!(parse("refuse"), Ok(Line::Do(Command::Refuse)));
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
            (
                "login a age=7",
                "only name=…, email=…, phone=… and assertion=… or assertion-file=… can follow the id",
            ),
            ("login a assertion=", "visitor assertion is empty"),
            ("refresh secret-token", "write it like `refresh assertion-file=FILE`"),
            ("refresh a=b c=d", "write it like `refresh assertion-file=FILE`"),
            ("online page", "write entries like page=/checkout"),
            ("online \"page", "a double quote is not closed"),
            ("update", "what? Write it like `update page=/checkout -cart`"),
            ("update k!=1", "key of presence data may have only A-Z a-z 0-9 . - _"),
        ] {
            assert_eq!(parse(line).unwrap_err(), told);
        }
    }
}
