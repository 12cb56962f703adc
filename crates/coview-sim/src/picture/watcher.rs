//! An agent's end of the picture: a real decoder that draws it while the pass stands.

use core::task::Context;
use core::task::Poll;
use core::task::Waker;

use coview_agent::ViewArrival;
use coview_agent::ViewPass;
use coview_screen::Decoded;
use coview_screen::Decoder;
use coview_wire::SessionId;
use coview_wire::ViewerSays;

use crate::checker::Rule;
use crate::checker::Seen;
use crate::checker::SeenPicture;
use crate::client::AgentNo;
use crate::client::ClientId;
use crate::device::SimAgent;
use crate::notes::Notes;
use crate::picture::pipe::SimPipe;

/// What an agent's console draws, if it does.
#[derive(Default)]
pub(crate) struct Watcher {
    /// Whether the console draws the screen whenever the agent is viewing.
    pub(crate) watches: bool,
    /// The session it has taken a pass for.
    session: Option<SessionId>,
    drawing: Option<Drawing>,
    pub(crate) updates: u64,
    pub(crate) refreshes: u64,
}

struct Drawing {
    pass: ViewPass<SimPipe>,
    decoder: Decoder,
    /// Whether anything was drawn yet.
    begun: bool,
}

impl Watcher {
    /// What is drawn of a session.
    pub(crate) fn picture_of(&self, session: SessionId) -> Option<&Decoder> {
        let drawing = self.drawing.as_ref().filter(|it| it.pass.session() == session)?;
        drawing.pass.stands().then_some(&drawing.decoder)
    }

    /// Another viewer takes the place of the one there is, as soon as the agent is viewing.
    pub(crate) const fn begin_anew(&mut self) {
        self.session = None;
    }

    /// Does what there is to do. The console has the agent in its hands, or it does not.
    pub(crate) fn work(&mut self, id: ClientId, agent: Option<&mut SimAgent>, notes: &mut Notes) {
        let viewing = agent.as_ref().and_then(|agent| agent.session());
        if let Some(agent) = agent
            && self.watches
            && viewing != self.session
        {
            self.session = viewing;
            if let Some(pass) = agent.view_pass() {
                self.drawing = Some(Drawing { pass, decoder: Decoder::new(), begun: false });
            }
        }
        let mut cx = Context::from_waker(Waker::noop());
        while let Some(drawing) = &mut self.drawing
            && let Poll::Ready(arrival) = drawing.pass.poll_recv(&mut cx)
        {
            match arrival {
                ViewArrival::Picture(body) => {
                    let session = drawing.pass.session();
                    let taken = SeenPicture::Taken { client: id, session, viewing };
                    notes.see(Seen::Picture(taken));
                    let says = drawing.draw(id, &body, notes);
                    match says {
                        Some(ViewerSays::Acknowledged(_)) => self.updates += 1,
                        Some(ViewerSays::Refresh) => self.refreshes += 1,
                        None => {}
                    }
                    if let Some(says) = says {
                        // The next arrival tells if it is over.
                        let _ = drawing.pass.say(says);
                    }
                }
                // One half of the consoles goes on with what it has until a whole picture comes.
                ViewArrival::Interrupted => {
                    if matches!(id, ClientId::Agent(AgentNo(no)) if no % 2 == 0) {
                        drawing.decoder = Decoder::new();
                    }
                }
                ViewArrival::Over(_) => {
                    if drawing.begun {
                        notes.client(id, "sees no picture any more");
                    }
                    self.drawing = None;
                }
            }
        }
    }
}

impl Drawing {
    fn draw(&mut self, client: ClientId, body: &[u8], notes: &mut Notes) -> Option<ViewerSays> {
        match self.decoder.handle(body) {
            Ok(Decoded::Updated { number, .. }) => {
                if !core::mem::replace(&mut self.begun, true) {
                    notes.client(client, "sees the first picture");
                }
                if let Some(picture) = self.decoder.picture() {
                    notes.see(Seen::Picture(SeenPicture::Drawn { client, picture }));
                }
                Some(ViewerSays::Acknowledged(number))
            }
            Ok(Decoded::Nothing | Decoded::Status(_) | Decoded::Beat) => None,
            Ok(Decoded::OutOfStep) => Some(ViewerSays::Refresh),
            Err(error) => {
                let how = format!("{client} cannot draw a picture: {error}");
                notes.checker.broken(Rule::Understood, how);
                Some(ViewerSays::Refresh)
            }
        }
    }
}
