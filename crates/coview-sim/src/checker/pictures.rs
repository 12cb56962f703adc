//! Who may see which picture, by what visitors consented to and agents were told: nothing of it is
//! taken from what the hub says of itself.

use core::hash::Hash;
use core::hash::Hasher;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::hash::DefaultHasher;

use coview_screen::Frame;
use coview_wire::AgentMessage;
use coview_wire::AgentNotice;
use coview_wire::AskId;
use coview_wire::ClientMessage;
use coview_wire::Picture;
use coview_wire::PictureRelay;
use coview_wire::ServerMessage;
use coview_wire::SessionId;
use coview_wire::StartBy;
use coview_wire::StartId;

use crate::checker::Rule;
use crate::checker::Seen;
use crate::checker::shown::Known;
use crate::checker::shown::Show;
use crate::client::ClientId;
use crate::picture::page;

/// A picture that was seen on its way.
#[derive(Clone, Copy, Debug)]
pub enum SeenPicture<'a> {
    /// A visitor's engine sends it.
    Shown {
        /// Who.
        client: ClientId,
        /// What, as it goes to the hub.
        message: &'a [u8],
    },
    /// The hub sends it to an agent.
    Relayed {
        /// To whom.
        client: ClientId,
        /// What, as it goes to the agent.
        message: &'a [u8],
    },
    /// It has reached an agent's machine.
    Arrived {
        /// Whose.
        client: ClientId,
        /// What.
        message: &'a [u8],
    },
    /// An agent's decoder is given it.
    Taken {
        /// Whose.
        client: ClientId,
        /// The session it is of.
        session: SessionId,
        /// The session the typed agent is in.
        viewing: Option<SessionId>,
    },
    /// An agent's decoder has drawn it.
    Drawn {
        /// Whose.
        client: ClientId,
        /// What can be seen now.
        picture: &'a Frame,
    },
}

/// What is known of consents, guests and pictures.
#[derive(Clone, Debug, Default)]
pub(super) struct Pictures {
    /// What visitors consented to, as they know.
    given: BTreeMap<ClientId, Consents>,
    /// The same, as far as it has reached the hub.
    heard: BTreeMap<ClientId, Consents>,
    /// The session each agent is in, as far as the hub has said and heard.
    guests: BTreeMap<ClientId, SessionId>,
    /// Who was told that a session is over and has not been in one since.
    over: BTreeMap<ClientId, SessionId>,
    /// What was shown in each session.
    shown: BTreeMap<SessionId, BTreeSet<u64>>,
    /// What the hub has sent to each agent and has not arrived.
    under_way: BTreeMap<ClientId, VecDeque<u64>>,
}

/// What one visitor consented to.
#[derive(Clone, Debug, Default)]
struct Consents {
    accepted: BTreeSet<AskId>,
    starts: BTreeSet<StartId>,
    sessions: BTreeMap<SessionId, StartId>,
}

impl Consents {
    fn says(&mut self, message: &ClientMessage) {
        match message {
            ClientMessage::TermsAccepted(it) => {
                self.accepted.insert(it.ask);
            }
            ClientMessage::SessionStart(it) => {
                let consents = match it.by {
                    StartBy::RandomKey => true,
                    StartBy::VisitorId { ask } => self.accepted.contains(&ask),
                };
                if consents {
                    self.starts.insert(it.start);
                }
            }
            ClientMessage::SessionEnd(it) => {
                self.starts.remove(&it.start);
            }
            ClientMessage::LogOut(_) | ClientMessage::Bye(_) => self.starts.clear(),
            ClientMessage::Hello(_)
            | ClientMessage::Resume(_)
            | ClientMessage::Identify(_)
            | ClientMessage::PresenceConnect(_)
            | ClientMessage::PresenceUpdate(_)
            | ClientMessage::PresenceDisconnect(_)
            | ClientMessage::AppMoved(_)
            | ClientMessage::TermsDisplayed(_)
            | ClientMessage::TermsDeclined(_)
            | ClientMessage::JoinConfirmed(_)
            | ClientMessage::JoinDeclined(_)
            | ClientMessage::Ping(_) => {}
        }
    }

    fn told(&mut self, message: &ServerMessage) {
        match message {
            ServerMessage::SessionConnected(it) => {
                self.sessions.insert(it.session, it.start);
            }
            ServerMessage::SessionEnded(it) => {
                self.sessions.remove(&it.session);
            }
            ServerMessage::Resumed(it) => {
                self.sessions.clear();
                if let Some(session) = &it.snapshot.session {
                    self.sessions.insert(session.session, session.start);
                }
            }
            ServerMessage::Welcome(_)
            | ServerMessage::Identified(_)
            | ServerMessage::PresenceConnected(_)
            | ServerMessage::PresenceLost(_)
            | ServerMessage::PresenceFocus(_)
            | ServerMessage::TermsRequested(_)
            | ServerMessage::TermsWithdrawn(_)
            | ServerMessage::SessionGuests(_)
            | ServerMessage::JoinRequested(_)
            | ServerMessage::JoinWithdrawn(_)
            | ServerMessage::Refused(_)
            | ServerMessage::Problem(_)
            | ServerMessage::Pong(_)
            | ServerMessage::Closing(_) => {}
        }
    }

    fn show(&self, client: ClientId, known: &Known, show: &mut Show<'_>) {
        let Self { accepted, starts, sessions } = self;
        let (accepted, starts) = (accepted & &known.asks, starts & &known.starts);
        let sessions: BTreeMap<_, _> =
            sessions.iter().filter(|(id, _)| known.sessions.contains(id)).collect();
        show(Some(client), format_args!("{accepted:?} {starts:?} {sessions:?}"));
    }

    fn stands(&self, session: SessionId) -> bool {
        self.sessions.get(&session).is_some_and(|start| self.starts.contains(start))
    }
}

impl Pictures {
    /// Shows all facts about what is known.
    pub(super) fn show(&self, known: &Known, show: &mut Show<'_>) {
        let Self {
            given,
            heard,
            guests,
            over,
            shown,
            // Those that are under way.
            under_way: _,
        } = self;
        for (client, consents) in given.iter().chain(heard) {
            consents.show(*client, known, show);
        }
        let [guests, over] = [guests, over].map(|of| {
            let kept = of.iter().filter(|(_, session)| known.sessions.contains(session));
            kept.collect::<BTreeMap<_, _>>()
        });
        let shown: BTreeMap<_, _> =
            shown.iter().filter(|(session, _)| known.sessions.contains(session)).collect();
        show(None, format_args!("{guests:?} {over:?} {shown:?}"));
    }

    /// Takes in what was said about consents and guests.
    pub(super) fn note(&mut self, seen: &Seen<'_>) {
        match *seen {
            Seen::VisitorSaid { client, message } => {
                self.given.entry(client).or_default().says(message);
            }
            Seen::VisitorTold { client, message } => {
                self.given.entry(client).or_default().told(message);
            }
            Seen::HubHeardVisitor { client, message } => {
                self.heard.entry(client).or_default().says(message);
            }
            Seen::HubSaidVisitor { client, message } => {
                self.heard.entry(client).or_default().told(message);
            }
            Seen::HubHeardAgent { client, message } => self.hub_heard(client, message),
            Seen::HubSaidAgent { client, message } => {
                if let Some(session) = place(message) {
                    set(&mut self.guests, client, session);
                }
            }
            Seen::AgentTold { client, message } => {
                if let Some(session) = place(message) {
                    match (session, message) {
                        (None, AgentNotice::ViewEnded(it)) => {
                            self.over.insert(client, it.session);
                        }
                        (Some(_) | None, _) => {
                            self.over.remove(&client);
                        }
                    }
                }
            }
            Seen::Left { client } => {
                self.given.remove(&client);
            }
            Seen::HubGone => {
                self.heard.clear();
                self.guests.clear();
            }
            Seen::Came { .. }
            | Seen::AgentSaid { .. }
            | Seen::Visitor { .. }
            | Seen::Agent { .. }
            | Seen::AgentOutcome { .. }
            | Seen::Command { .. }
            | Seen::Hub { .. }
            | Seen::Picture(_)
            | Seen::Wall { .. }
            | Seen::Drained
            | Seen::Records { .. }
            | Seen::Page { .. }
            | Seen::Lost { .. }
            | Seen::HubLost { .. }
            | Seen::Text { .. }
            | Seen::Outputs { .. } => {}
        }
    }

    fn hub_heard(&mut self, client: ClientId, message: &AgentMessage) {
        let ends = match message {
            AgentMessage::Leave(it) => {
                it.session.is_none_or(|session| self.guests.get(&client) == Some(&session))
            }
            AgentMessage::Bye(_) => true,
            // An agent that may not end the session is refused and stays in it; any other is told.
            AgentMessage::EndSession(_)
            | AgentMessage::SignIn(_)
            | AgentMessage::Renew(_)
            | AgentMessage::Resume(_)
            | AgentMessage::Watch(_)
            | AgentMessage::Unwatch(_)
            | AgentMessage::Ask(_)
            | AgentMessage::Withdraw(_)
            | AgentMessage::Join(_)
            | AgentMessage::Eject(_)
            | AgentMessage::Ping(_) => false,
        };
        if ends {
            self.guests.remove(&client);
        }
    }

    /// Holds a picture against the rules.
    pub(super) fn see(&mut self, picture: SeenPicture<'_>) -> Result<(), (Rule, String)> {
        match picture {
            SeenPicture::Shown { client, message } => self.shown(client, message),
            SeenPicture::Relayed { client, message } => self.relayed(client, message),
            SeenPicture::Arrived { client, message } => self.arrived(client, message),
            SeenPicture::Taken { client, session, viewing } => {
                holds(viewing == Some(session), || {
                    format!("{client} draws a picture of {session:?} while it views {viewing:?}")
                })
            }
            SeenPicture::Drawn { client, picture } => {
                if page::shows_marker(picture) {
                    return Err((Rule::MaskedUnseen, format!("{client} sees what is masked")));
                }
                Ok(())
            }
        }
    }

    fn shown(&mut self, client: ClientId, message: &[u8]) -> Result<(), (Rule, String)> {
        let picture = Picture::decode(message).map_err(understood)?;
        let session = picture.session();
        let stands = self.given.get(&client).is_some_and(|given| given.stands(session));
        self.shown.entry(session).or_default().insert(mark(picture.body()));
        holds(stands, || format!("{client} shows {session:?} without its visitor's consent"))
    }

    fn relayed(&mut self, client: ClientId, message: &[u8]) -> Result<(), (Rule, String)> {
        let picture = PictureRelay::decode(message).map_err(understood)?;
        let session = picture.session();
        self.under_way.entry(client).or_default().push_back(mark(message));
        let stands = self.heard.values().any(|heard| heard.stands(session));
        holds(stands, || format!("{client} is sent a picture of {session:?} without consent"))?;
        let guest = self.guests.get(&client);
        holds(guest == Some(&session), || {
            format!("{client} is sent a picture of {session:?} and is in {guest:?}")
        })?;
        let shown = self.shown.get(&session).is_some_and(|it| it.contains(&mark(picture.body())));
        holds(shown, || format!("{client} is sent a picture that nobody showed in {session:?}"))
    }

    fn arrived(&mut self, client: ClientId, message: &[u8]) -> Result<(), (Rule, String)> {
        let picture = PictureRelay::decode(message).map_err(understood)?;
        let session = picture.session();
        let sent = self.under_way.entry(client).or_default();
        // What was sent before has been lost on its way.
        let place = sent.iter().position(|mark_sent| *mark_sent == mark(message));
        sent.drain(..place.map_or(0, |place| place + 1));
        holds(place.is_some(), || format!("{client} gets a picture that is not for it"))?;
        holds(self.over.get(&client) != Some(&session), || {
            format!("{client} gets a picture of {session:?} after it was told of the end")
        })
    }
}

/// Where an agent is after it was told this, if that says so.
fn place(message: &AgentNotice) -> Option<Option<SessionId>> {
    match message {
        AgentNotice::Joined(it) => Some(Some(it.view.session)),
        AgentNotice::Resumed(it) => Some(it.snapshot.view.as_ref().map(|view| view.session)),
        AgentNotice::ViewEnded(_) | AgentNotice::SignedIn(_) => Some(None),
        AgentNotice::Roster(_)
        | AgentNotice::VisitorOnline(_)
        | AgentNotice::VisitorChanged(_)
        | AgentNotice::VisitorOffline(_)
        | AgentNotice::Asked(_)
        | AgentNotice::TermsSeen(_)
        | AgentNotice::Renewed(_)
        | AgentNotice::JoinWaiting(_)
        | AgentNotice::AskEnded(_)
        | AgentNotice::ViewGuests(_)
        | AgentNotice::Refused(_)
        | AgentNotice::Problem(_)
        | AgentNotice::Pong(_)
        | AgentNotice::Closing(_) => None,
    }
}

fn set(of: &mut BTreeMap<ClientId, SessionId>, client: ClientId, session: Option<SessionId>) {
    match session {
        Some(session) => of.insert(client, session),
        None => of.remove(&client),
    };
}

fn holds(holds: bool, how: impl FnOnce() -> String) -> Result<(), (Rule, String)> {
    if holds { Ok(()) } else { Err((Rule::NoPictureWithoutConsent, how())) }
}

fn understood(error: coview_wire::ScreenError) -> (Rule, String) {
    (Rule::Understood, error.to_string())
}

/// Bytes are known again by this.
fn mark(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
