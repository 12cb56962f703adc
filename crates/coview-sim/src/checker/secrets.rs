//! What must not be read anywhere but in the message that carries it.

use std::collections::BTreeSet;

use coview_wire::AgentMessage;
use coview_wire::AgentNotice;
use coview_wire::ClientMessage;
use coview_wire::Profile;
use coview_wire::ServerMessage;
use coview_wire::SessionKey;

use crate::checker::Rule;
use crate::checker::Seen;

/// The secrets that have gone over the wire, each as the longest run of letters and digits in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets {
    runs: BTreeSet<Box<str>>,
}

/// A shorter run stands in other words, too.
const SHORTEST: usize = 8;

impl Secrets {
    /// Holds what was seen against the rule, and learns the secrets in it.
    pub(super) fn see(&mut self, seen: &Seen<'_>) -> Result<(), (Rule, String)> {
        match seen {
            Seen::VisitorSaid { message, .. } | Seen::HubHeardVisitor { message, .. } => {
                self.of_visitor(message);
                self.stands_in("what a visitor says", &format!("{message:?}"))
            }
            Seen::AgentSaid { message, .. } | Seen::HubHeardAgent { message, .. } => {
                self.of_agent(message);
                self.stands_in("what an agent says", &format!("{message:?}"))
            }
            Seen::HubSaidVisitor { message, .. } => {
                self.for_visitor(message);
                self.stands_in("what the hub says to a visitor", &format!("{message:?}"))
            }
            Seen::HubSaidAgent { message, .. } => {
                self.for_agent(message);
                self.stands_in("what the hub says to an agent", &format!("{message:?}"))
            }
            Seen::Hub { event, .. } => {
                self.stands_in("a line of the audit log", &event.to_string())?;
                self.stands_in("an event", &format!("{event:?}"))
            }
            Seen::Text { of, text } => self.stands_in(of, text),
            Seen::Came { .. }
            | Seen::VisitorTold { .. }
            | Seen::AgentTold { .. }
            | Seen::Visitor { .. }
            | Seen::Agent { .. }
            | Seen::AgentOutcome { .. }
            | Seen::Command { .. }
            | Seen::Left { .. }
            | Seen::Picture(_)
            | Seen::HubGone
            | Seen::HubLost { .. }
            | Seen::Wall { .. }
            | Seen::Drained
            | Seen::Records { .. }
            | Seen::Page { .. }
            | Seen::Lost { .. }
            | Seen::Outputs { .. } => Ok(()),
        }
    }

    fn of_visitor(&mut self, message: &ClientMessage) {
        match message {
            ClientMessage::Hello(it) => {
                self.learn(it.token.as_ref().map(coview_wire::ClientToken::expose_secret));
                self.person(&it.profile);
            }
            ClientMessage::Resume(it) => self.learn(Some(it.secret.expose_secret())),
            ClientMessage::Identify(it) => {
                let assertion = it.assertion.as_ref();
                self.learn(assertion.map(coview_wire::VisitorAssertion::expose_secret));
                it.profile.iter().for_each(|profile| self.person(profile));
            }
            ClientMessage::LogOut(_)
            | ClientMessage::PresenceConnect(_)
            | ClientMessage::PresenceUpdate(_)
            | ClientMessage::PresenceDisconnect(_)
            | ClientMessage::AppMoved(_)
            | ClientMessage::TermsDisplayed(_)
            | ClientMessage::TermsAccepted(_)
            | ClientMessage::TermsDeclined(_)
            | ClientMessage::JoinConfirmed(_)
            | ClientMessage::JoinDeclined(_)
            | ClientMessage::SessionStart(_)
            | ClientMessage::SessionEnd(_)
            | ClientMessage::Ping(_)
            | ClientMessage::Bye(_) => {}
        }
    }

    fn of_agent(&mut self, message: &AgentMessage) {
        match message {
            AgentMessage::SignIn(it) => self.learn(Some(it.token.expose_secret())),
            AgentMessage::Renew(it) => self.learn(Some(it.token.expose_secret())),
            AgentMessage::Resume(it) => self.learn(Some(it.secret.expose_secret())),
            AgentMessage::Join(it) => self.key(Some(&it.key)),
            AgentMessage::Watch(_)
            | AgentMessage::Unwatch(_)
            | AgentMessage::Ask(_)
            | AgentMessage::Withdraw(_)
            | AgentMessage::Leave(_)
            | AgentMessage::EndSession(_)
            | AgentMessage::Eject(_)
            | AgentMessage::Ping(_)
            | AgentMessage::Bye(_) => {}
        }
    }

    fn for_visitor(&mut self, message: &ServerMessage) {
        match message {
            ServerMessage::Welcome(it) => self.learn(Some(it.secret.expose_secret())),
            ServerMessage::SessionConnected(it) => self.key(it.key.as_ref()),
            ServerMessage::Resumed(it) => {
                self.key(it.snapshot.session.as_ref().and_then(|session| session.key.as_ref()));
            }
            ServerMessage::Identified(_)
            | ServerMessage::PresenceConnected(_)
            | ServerMessage::PresenceLost(_)
            | ServerMessage::PresenceFocus(_)
            | ServerMessage::TermsRequested(_)
            | ServerMessage::TermsWithdrawn(_)
            | ServerMessage::SessionGuests(_)
            | ServerMessage::JoinRequested(_)
            | ServerMessage::JoinWithdrawn(_)
            | ServerMessage::SessionEnded(_)
            | ServerMessage::Refused(_)
            | ServerMessage::Problem(_)
            | ServerMessage::Pong(_)
            | ServerMessage::Closing(_) => {}
        }
    }

    fn for_agent(&mut self, message: &AgentNotice) {
        match message {
            AgentNotice::SignedIn(it) => self.learn(Some(it.secret.expose_secret())),
            AgentNotice::Renewed(_)
            | AgentNotice::Resumed(_)
            | AgentNotice::Roster(_)
            | AgentNotice::VisitorOnline(_)
            | AgentNotice::VisitorChanged(_)
            | AgentNotice::VisitorOffline(_)
            | AgentNotice::Asked(_)
            | AgentNotice::TermsSeen(_)
            | AgentNotice::AskEnded(_)
            | AgentNotice::JoinWaiting(_)
            | AgentNotice::Joined(_)
            | AgentNotice::ViewGuests(_)
            | AgentNotice::ViewEnded(_)
            | AgentNotice::Refused(_)
            | AgentNotice::Problem(_)
            | AgentNotice::Pong(_)
            | AgentNotice::Closing(_) => {}
        }
    }

    fn person(&mut self, profile: &Profile) {
        // The domain of an address is nobody's secret.
        self.learn(profile.email().and_then(|email| email.split('@').next()));
        self.learn(profile.phone());
    }

    fn key(&mut self, key: Option<&SessionKey>) {
        if let Some(key) = key {
            let mut text = String::new();
            key.write_grouped(&mut text).expect("writing to a String cannot fail");
            self.learn(Some(&text));
        }
    }

    fn learn(&mut self, secret: Option<&str>) {
        let squeezed = secret.map(squeezed).unwrap_or_default();
        let longest = runs(&squeezed).max_by_key(|run| run.len());
        if let Some(run) = longest.filter(|run| run.len() >= SHORTEST) {
            self.runs.insert(run.into());
        }
    }

    fn stands_in(&self, of: &str, text: &str) -> Result<(), (Rule, String)> {
        let known = |text: &str| runs(text).any(|run| self.runs.contains(run));
        if known(text) || known(&squeezed(text)) {
            // How it stands there is not told here either.
            return Err((Rule::NoSecret, format!("a secret can be read in {of}")));
        }
        Ok(())
    }
}

/// Runs of letters and digits that are long enough.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|run| run.len() >= SHORTEST)
}

/// Without what stands between the groups of digits that keys and phone numbers are written in.
fn squeezed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let between = matches!(char, ' ' | '-')
            && out.ends_with(|c: char| c.is_ascii_digit())
            && chars.peek().is_some_and(char::is_ascii_digit);
        if !between {
            out.push(char);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        let mut secrets = Secrets::default();
        secrets.key(Some(&SessionKey::parse("123 456 786").unwrap()));
        secrets.learn(Some("+49 30 1234567"));
        secrets.learn(Some("agent|north|grace|9000000000||*|false|true||00c0ffee00c0ffee"));
        for found in [
            "123456786",
            "key=123 456 786.",
            "(123-456-786)",
            "tel +49 30 1234567",
            "\"00c0ffee00c0ffee\"",
        ] {
            assert!(secrets.stands_in("a text", found).is_err(), "{found}");
        }
        for other in ["1123456786", "123 456", "expires=9000000000", "grace of north"] {
            assert!(secrets.stands_in("a text", other).is_ok(), "{other}");
        }
    }
}
