//! What is counted of what is seen.

use coview_hub::Event;
use coview_wire::AgentNotice;
use coview_wire::AskOutcome;
use coview_wire::EndReason;
use coview_wire::RefusalCode;
use coview_wire::ServerMessage;

use crate::checker::Seen;
use crate::client::ClientId;
use crate::coverage::Coverage;
use crate::coverage::Item;
use crate::coverage::JoinEnd;

impl Coverage {
    pub(crate) fn see(&mut self, seen: &Seen<'_>) {
        match seen {
            Seen::HubSaidVisitor { message, .. } => self.hub_said_visitor(message),
            Seen::HubSaidAgent { client, message } => self.hub_said_agent(*client, message),
            Seen::Hub { event, .. } => self.hub_wrote(event),
            Seen::AgentTold { message: AgentNotice::Resumed(it), .. } => {
                // A client makes this up itself when the hub has forgotten it.
                if let Some(ended) = it.snapshot.view_ended
                    && ended.reason == EndReason::AgentLost
                {
                    self.note(Item::End(ended.reason));
                }
            }
            Seen::Came { .. }
            | Seen::VisitorSaid { .. }
            | Seen::VisitorTold { .. }
            | Seen::AgentSaid { .. }
            | Seen::AgentTold { .. }
            | Seen::Visitor { .. }
            | Seen::Agent { .. }
            | Seen::AgentOutcome { .. }
            | Seen::Command { .. }
            | Seen::HubHeardVisitor { .. }
            | Seen::HubHeardAgent { .. }
            | Seen::Left { .. }
            | Seen::Picture(_)
            | Seen::HubGone
            | Seen::HubLost { .. }
            | Seen::Text { .. }
            | Seen::Wall { .. }
            | Seen::Drained
            | Seen::Records { .. }
            | Seen::Page { .. }
            | Seen::Lost { .. }
            | Seen::Outputs { .. } => {}
        }
    }

    fn hub_said_visitor(&mut self, message: &ServerMessage) {
        match message {
            ServerMessage::TermsWithdrawn(it) => self.note(Item::Withdrawn(it.reason)),
            ServerMessage::Refused(it) => self.note(Item::Refused(it.code)),
            ServerMessage::Problem(it) => self.note(Item::Refused(it.code)),
            ServerMessage::Resumed(it) => {
                if let Some(over) = it.snapshot.ask_over {
                    self.note(Item::Withdrawn(over.reason));
                }
            }
            ServerMessage::Welcome(_)
            | ServerMessage::Identified(_)
            | ServerMessage::PresenceConnected(_)
            | ServerMessage::PresenceLost(_)
            | ServerMessage::PresenceFocus(_)
            | ServerMessage::TermsRequested(_)
            | ServerMessage::SessionConnected(_)
            | ServerMessage::SessionGuests(_)
            | ServerMessage::JoinRequested(_)
            | ServerMessage::JoinWithdrawn(_)
            | ServerMessage::SessionEnded(_)
            | ServerMessage::Pong(_)
            | ServerMessage::Closing(_) => {}
        }
    }

    fn hub_said_agent(&mut self, client: ClientId, message: &AgentNotice) {
        match message {
            AgentNotice::JoinWaiting(it) => {
                self.waiting.insert((client, it.re));
            }
            AgentNotice::Joined(it) => {
                if let Some(re) = it.re
                    && !self.waiting.remove(&(client, re))
                {
                    self.note(Item::Join(JoinEnd::Direct));
                }
            }
            AgentNotice::Refused(it) => {
                if self.waiting.remove(&(client, it.re)) && it.code == RefusalCode::SessionGone {
                    self.note(Item::Join(JoinEnd::SessionOver));
                }
                self.note(Item::Refused(it.code));
            }
            AgentNotice::Problem(it) => self.note(Item::Refused(it.code)),
            AgentNotice::ViewEnded(it) => self.note(Item::End(it.reason)),
            AgentNotice::SignedIn(_)
            | AgentNotice::Renewed(_)
            | AgentNotice::Resumed(_)
            | AgentNotice::Roster(_)
            | AgentNotice::VisitorOnline(_)
            | AgentNotice::VisitorChanged(_)
            | AgentNotice::VisitorOffline(_)
            | AgentNotice::Asked(_)
            | AgentNotice::TermsSeen(_)
            | AgentNotice::AskEnded(_)
            | AgentNotice::ViewGuests(_)
            | AgentNotice::Pong(_)
            | AgentNotice::Closing(_) => {}
        }
    }

    fn hub_wrote(&mut self, event: &Event) {
        match event {
            Event::VisitorGone { reason, .. } | Event::AgentLeft { reason, .. } => {
                self.note(Item::Departed(*reason));
            }
            Event::Offline { reason, .. } => self.note(Item::Offline(*reason)),
            Event::Accepted { .. } => self.note(Item::Ask(AskOutcome::Accepted)),
            Event::Declined { .. } => self.note(Item::Ask(AskOutcome::Declined)),
            Event::AskEnded { outcome, .. } => self.note(Item::Ask(*outcome)),
            Event::JoinConfirmed { .. } => self.note(Item::Join(JoinEnd::Confirmed)),
            Event::JoinDeclined { .. } => self.note(Item::Join(JoinEnd::Declined)),
            Event::JoinEnded { reason, .. } => self.note(Item::Join(JoinEnd::Ended(*reason))),
            Event::SessionEnded { reason, .. } | Event::GuestLeft { reason, .. } => {
                self.note(Item::End(*reason));
            }
            Event::VisitorArrived { .. }
            | Event::VisitorResumed { .. }
            | Event::VisitorDropped { .. }
            | Event::Identified { .. }
            | Event::HandedOff { .. }
            | Event::AssertionRefused { .. }
            | Event::LoggedOut { .. }
            | Event::Online { .. }
            | Event::AgentSignedIn { .. }
            | Event::AgentRenewed { .. }
            | Event::SignInExpired { .. }
            | Event::TokenRefused { .. }
            | Event::NotAllowed { .. }
            | Event::AgentResumed { .. }
            | Event::AgentDropped { .. }
            | Event::Asked { .. }
            | Event::TermsDisplayed { .. }
            | Event::SessionStarted { .. }
            | Event::JoinRequested { .. }
            | Event::GuestJoined { .. }
            | Event::KeyBurned { .. }
            | Event::MasksChanged { .. }
            | Event::WrongKey { .. }
            | Event::StepUp { .. }
            | Event::TooManyTries { .. }
            | Event::Refused { .. }
            | Event::PictureRefused { .. }
            | Event::CutOff { .. }
            | _ => {}
        }
    }
}
