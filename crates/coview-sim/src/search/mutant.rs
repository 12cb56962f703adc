//! Five things that are wrong on purpose, each a single check that somebody forgot, to see that they
//! are caught.
//!
//! They are made from outside: what the real hub is given and says, or what a real client says, is
//! changed on its way. The crates themselves have no line of it.

use core::fmt;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use coview_hub::ConnId;
use coview_wire::AgentMessage;
use coview_wire::AgentNotice;
use coview_wire::AskId;
use coview_wire::ClientMessage;
use coview_wire::GroupId;
use coview_wire::Message;
use coview_wire::Picture;
use coview_wire::PictureRelay;
use coview_wire::RequestId;
use coview_wire::ResumeSecret;
use coview_wire::ServerMessage;
use coview_wire::SessionKey;

use crate::client::ClientId;

/// Something that is wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mutant {
    /// The hub gives a one-click session a key.
    KeyOnOneClick,
    /// A client says *accepted* before *displayed*.
    AcceptBeforeDisplayed,
    /// The hub does not look which request an agent takes back: it ends the newest one there is.
    StaleWithdraw,
    /// The relay does not look whether consent stands: every agent gets every picture.
    ConsentUnchecked,
    /// The hub does not look at the secret: who resumes gets the oldest place of its kind.
    ResumeWithoutSecret,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::KeyOnOneClick,
        Self::AcceptBeforeDisplayed,
        Self::StaleWithdraw,
        Self::ConsentUnchecked,
        Self::ResumeWithoutSecret,
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeyOnOneClick => "key-on-one-click",
            Self::AcceptBeforeDisplayed => "accept-before-displayed",
            Self::StaleWithdraw => "stale-withdraw",
            Self::ConsentUnchecked => "consent-unchecked",
            Self::ResumeWithoutSecret => "resume-without-secret",
        }
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is wrong, if anything is, and what it goes by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wrong {
    mutant: Option<Mutant>,
    /// What a client holds back.
    held: Option<(ClientId, Arc<str>)>,
    /// The newest request, and the connection it came on.
    newest: Option<(AskId, ConnId)>,
    /// The group each connection belongs to.
    groups: BTreeMap<ConnId, GroupId>,
    /// The first secret the hub gave in each group to visitors and to agents.
    secrets: BTreeMap<(GroupId, bool), ResumeSecret>,
    /// Every agent's connection; and those the hub sent a picture for this input.
    watchers: BTreeSet<ConnId>,
    sent: BTreeSet<ConnId>,
}

impl Wrong {
    pub(crate) fn with(mutant: Option<Mutant>) -> Self {
        Self { mutant, ..Self::default() }
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// What a client says instead of this text.
    pub(crate) fn client_says(&mut self, client: ClientId, text: Arc<str>) -> Vec<Arc<str>> {
        if !self.is(Mutant::AcceptBeforeDisplayed) || matches!(client, ClientId::Agent(_)) {
            return vec![text];
        }
        if let Ok(ClientMessage::TermsDisplayed(_)) = ClientMessage::decode(&text) {
            let before = self.held.replace((client, text));
            return before.into_iter().map(|(_, text)| text).collect();
        }
        let held = self.held.take_if(|(whose, _)| *whose == client);
        [Some(text), held.map(|(_, text)| text)].into_iter().flatten().collect()
    }

    /// What the hub takes instead of this text.
    pub(crate) fn hub_takes(
        &mut self,
        conn: ConnId,
        client: Option<ClientId>,
        text: &Arc<str>,
    ) -> (ConnId, Arc<str>) {
        let changed = match (client, self.mutant) {
            (Some(ClientId::Agent(_)), Some(Mutant::StaleWithdraw)) => self.withdraws(text),
            (Some(ClientId::Visitor(_)), Some(Mutant::ResumeWithoutSecret)) => {
                self.visitor_resumes(conn, text).map(|text| (conn, text))
            }
            (Some(ClientId::Agent(_)), Some(Mutant::ResumeWithoutSecret)) => {
                self.agent_resumes(conn, text).map(|text| (conn, text))
            }
            (_, _) => None,
        };
        changed.unwrap_or_else(|| (conn, Arc::clone(text)))
    }

    fn withdraws(&self, text: &str) -> Option<(ConnId, Arc<str>)> {
        let (ask, of) = self.newest?;
        let Ok(AgentMessage::Withdraw(it)) = AgentMessage::decode(text) else { return None };
        // A message of number 0 is never taken for one that was heard before.
        let re = if it.ask == Some(ask) { it.re } else { RequestId::new(0) };
        let it = coview_wire::Withdraw { re, ask: Some(ask) };
        Some((of, AgentMessage::Withdraw(it).encode().into()))
    }

    fn visitor_resumes(&mut self, conn: ConnId, text: &str) -> Option<Arc<str>> {
        let message = ClientMessage::decode(text).ok()?;
        if let ClientMessage::Hello(it) = &message {
            self.groups.insert(conn, it.group.clone());
        }
        let ClientMessage::Resume(it) = message else { return None };
        let secret = self.secrets.get(&(it.group.clone(), false))?.clone();
        Some(ClientMessage::Resume(coview_wire::Resume { secret, ..it }).encode().into())
    }

    fn agent_resumes(&mut self, conn: ConnId, text: &str) -> Option<Arc<str>> {
        let message = AgentMessage::decode(text).ok()?;
        if let AgentMessage::SignIn(it) = &message {
            self.groups.insert(conn, it.group.clone());
        }
        let AgentMessage::Resume(it) = message else { return None };
        let secret = self.secrets.get(&(it.group.clone(), true))?.clone();
        Some(AgentMessage::Resume(coview_wire::Resume { secret, ..it }).encode().into())
    }

    /// What the hub says instead of this text.
    pub(crate) fn hub_says(
        &mut self,
        conn: ConnId,
        client: Option<ClientId>,
        text: Arc<str>,
    ) -> Arc<str> {
        match (client, self.mutant) {
            (Some(ClientId::Visitor(_)), Some(Mutant::KeyOnOneClick)) => {
                if let Ok(ServerMessage::SessionConnected(it)) = ServerMessage::decode(&text)
                    && it.key.is_none()
                {
                    let key = SessionKey::parse("123 456 786").ok();
                    let it = coview_wire::SessionConnected { key, ..it };
                    return ServerMessage::SessionConnected(it).encode().into();
                }
            }
            (Some(ClientId::Agent(_)), Some(Mutant::StaleWithdraw)) => {
                if let Ok(AgentNotice::Asked(it)) = AgentNotice::decode(&text) {
                    self.newest = Some((it.ask, conn));
                }
            }
            (Some(ClientId::Agent(_)), Some(Mutant::ConsentUnchecked)) => {
                self.watchers.insert(conn);
            }
            (Some(ClientId::Visitor(_)), Some(Mutant::ResumeWithoutSecret)) => {
                if let Ok(ServerMessage::Welcome(it)) = ServerMessage::decode(&text) {
                    self.gave(conn, false, it.secret);
                }
            }
            (Some(ClientId::Agent(_)), Some(Mutant::ResumeWithoutSecret)) => {
                if let Ok(AgentNotice::SignedIn(it)) = AgentNotice::decode(&text) {
                    self.gave(conn, true, it.secret);
                }
            }
            (_, _) => {}
        }
        text
    }

    fn gave(&mut self, conn: ConnId, agent: bool, secret: ResumeSecret) {
        if let Some(group) = self.groups.get(&conn) {
            self.secrets.entry((group.clone(), agent)).or_insert(secret);
        }
    }

    /// The hub sends a picture.
    pub(crate) fn hub_shows(&mut self, conn: ConnId) {
        if self.is(Mutant::ConsentUnchecked) {
            self.sent.insert(conn);
        }
    }

    /// What the hub sends besides, after it has taken a picture of a visitor.
    pub(crate) fn hub_shows_too(&mut self, bytes: &[u8]) -> Vec<(ConnId, Arc<[u8]>)> {
        let sent = core::mem::take(&mut self.sent);
        let Ok(picture) = Picture::decode(bytes) else { return Vec::new() };
        let relay: Arc<[u8]> = PictureRelay::encode(picture.session(), picture.body()).into();
        let others = self.watchers.difference(&sent);
        others.map(|conn| (*conn, Arc::clone(&relay))).collect()
    }
}
