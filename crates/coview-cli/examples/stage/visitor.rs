//! A visitor who does as told.

use async_channel::Receiver;
use async_channel::Sender;
use coview_lifecycle::AnyRequestError;
use coview_lifecycle::AnyStep;
use coview_lifecycle::Applied;
use coview_lifecycle::Change;
use coview_lifecycle::Command;
use coview_lifecycle::Connectivity;
use coview_lifecycle::Identity;
use coview_lifecycle::KeyDisplay;
use coview_smol::AnyVisitor;
use coview_smol::Config;
use coview_smol::VisitorChannel;
use coview_wire::AppState;
use coview_wire::PresenceData;
use futures_lite::FutureExt;
use serde_json::Value;
use serde_json::json;

use crate::Out;
use crate::Told;
use crate::frames::Frames;
use crate::order::VisitorOrder;

type Orders = Receiver<(u64, VisitorOrder)>;

/// How the screen is sent.
#[derive(Clone, Copy)]
pub(crate) struct Screen {
    pub(crate) fps: u8,
    pub(crate) lossy: bool,
    pub(crate) stamped: bool,
}

/// Connects a visitor; what is sent into the channel it does, and when the other end is dropped it
/// leaves.
pub(crate) async fn connect(
    name: String,
    config: Config,
    screen: Screen,
    out: Out,
) -> Told<Sender<(u64, VisitorOrder)>> {
    let visitor = coview_smol::connect(config).await?;
    let (orders, receives) = async_channel::unbounded();
    let frames = Frames::new(screen)?;
    let mut actor = Actor { name, out, frames };
    smol::spawn(async move { actor.live(visitor.into(), receives).await }).detach();
    Ok(orders)
}

struct Actor {
    name: String,
    out: Out,
    frames: Frames,
}

enum Happened {
    World(AnyStep<VisitorChannel>),
    Told(u64, VisitorOrder),
    /// The stage is over.
    Alone,
}

impl Actor {
    async fn live(&mut self, mut visitor: AnyVisitor, orders: Orders) {
        loop {
            self.frames.follow(&mut visitor, &self.name, &self.out);
            let mut next = visitor.next();
            let happened = async { Happened::World((&mut next).await) }
                .or(async {
                    match orders.recv().await {
                        Ok((id, order)) => Happened::Told(id, order),
                        Err(async_channel::RecvError) => Happened::Alone,
                    }
                })
                .await;
            let goes_on = match happened {
                Happened::World(step) => self.stepped(step),
                Happened::Told(id, order) => match next.into_visitor() {
                    Some(visitor) => self.act(visitor, id, order).await,
                    None => None,
                },
                Happened::Alone => None,
            };
            match goes_on {
                Some(on) => visitor = on,
                None => return,
            }
        }
    }

    fn stepped(&self, step: AnyStep<VisitorChannel>) -> Option<AnyVisitor> {
        let (event, fields) = match &step {
            AnyStep::TermsRequested(visitor) => {
                ("asked", json!({ "agent": visitor.agent().map(|agent| agent.name()) }))
            }
            AnyStep::TermsWithdrawn(_, reason) => {
                ("withdrawn", json!({ "reason": reason.as_str() }))
            }
            AnyStep::PresenceLost(_, reason) => {
                ("offline", json!({ "reason": reason.map(coview_wire::OfflineReason::as_str) }))
            }
            AnyStep::JoinRequested(visitor) => {
                ("join_requested", json!({ "agent": visitor.agent().map(|agent| agent.name()) }))
            }
            AnyStep::JoinWithdrawn(_, reason) => {
                ("join_withdrawn", json!({ "reason": reason.as_str() }))
            }
            AnyStep::SessionEnded(_, reason) => ("ended", json!({ "reason": reason.as_str() })),
            AnyStep::Changed(visitor, change) => match change {
                Change::Guests(count) => {
                    let names: Vec<_> = visitor.agents().iter().map(|agent| agent.name()).collect();
                    ("guests", json!({ "count": count, "names": names }))
                }
                Change::Connectivity(connectivity) => {
                    let connected = *connectivity == Connectivity::Connected;
                    ("connectivity", json!({ "connected": connected }))
                }
                Change::Focus(focused) => ("focus", json!({ "focused": focused })),
                Change::Problem(code) => ("problem", json!({ "code": code.as_str() })),
                _ => ("changed", json!({})),
            },
            AnyStep::Closed(reason) => ("closed", json!({ "reason": reason.to_string() })),
        };
        self.out.event(&self.name, event, fields);
        step.into_visitor()
    }

    /// Does what was ordered and answers; without a visitor the order was to go.
    async fn act(
        &mut self,
        mut visitor: AnyVisitor,
        id: u64,
        order: VisitorOrder,
    ) -> Option<AnyVisitor> {
        let command = match order {
            VisitorOrder::Identify { visitor_id, profile } => {
                let who = Identity::new(visitor_id);
                Command::Identify(match profile {
                    Some(profile) => who.with_profile(profile),
                    None => who,
                })
            }
            VisitorOrder::ConnectPresence { data } => {
                Command::ConnectPresence(data.unwrap_or_else(PresenceData::new))
            }
            VisitorOrder::StartManual => Command::StartManual,
            VisitorOrder::TermsDisplayed => Command::TermsDisplayed,
            VisitorOrder::Accept => Command::Accept,
            VisitorOrder::Decline => Command::Decline,
            VisitorOrder::Confirm => Command::Confirm,
            VisitorOrder::Refuse => Command::Refuse,
            VisitorOrder::End => Command::End,
            VisitorOrder::Disconnect => Command::Disconnect,
            VisitorOrder::LogOut => Command::LogOut,
            VisitorOrder::AppMoved { background } => {
                visitor.app_moved(if background { AppState::Background } else { AppState::Active });
                self.out.answer(id, Ok(Value::Null));
                return Some(visitor);
            }
            VisitorOrder::Drop => {
                drop(visitor);
                self.out.answer(id, Ok(Value::Null));
                return None;
            }
            VisitorOrder::State => {
                self.out.answer(id, Ok(state(&visitor)));
                return Some(visitor);
            }
            VisitorOrder::Draw { what, frames, fps } => {
                // Drawing over time goes on while the visitor does other things.
                self.frames.draw(what, frames, fps, id, &self.out);
                return Some(visitor);
            }
            VisitorOrder::Mask { areas } => {
                self.out.answer(id, self.frames.mask(areas).map(|()| Value::Null));
                return Some(visitor);
            }
            VisitorOrder::ForgetMasks => {
                self.out.answer(id, self.frames.forget_masks().map(|()| Value::Null));
                return Some(visitor);
            }
            VisitorOrder::Pause => {
                self.frames.pause();
                self.out.answer(id, Ok(Value::Null));
                return Some(visitor);
            }
            VisitorOrder::Resume => {
                self.frames.resume();
                self.out.answer(id, Ok(Value::Null));
                return Some(visitor);
            }
            VisitorOrder::Close => {
                let mut visitor = visitor;
                self.frames.close(&mut visitor);
                self.out.answer(id, Ok(Value::Null));
                return Some(visitor);
            }
            VisitorOrder::Stamps => {
                self.out.answer(id, Ok(self.frames.stamps()));
                return Some(visitor);
            }
            VisitorOrder::Dump { path } => {
                self.out.answer(id, self.frames.dump(&path));
                return Some(visitor);
            }
        };
        self.apply(visitor, id, command).await
    }

    async fn apply(&self, visitor: AnyVisitor, id: u64, command: Command) -> Option<AnyVisitor> {
        let answer = match visitor.apply(command) {
            Ok(Applied::Now(visitor)) => Ok(visitor),
            Ok(Applied::Pending(pending)) => pending.await,
            Err(misuse) => {
                self.out.answer(id, Err(misuse.to_string().into()));
                return Some(misuse.into_visitor());
            }
        };
        match answer {
            Ok(visitor) => {
                self.out.answer(id, Ok(state(&visitor)));
                Some(visitor)
            }
            Err(AnyRequestError::Refused { visitor, reason }) => {
                self.out.answer(id, Err(format!("refused: {reason}").into()));
                Some(visitor)
            }
            Err(AnyRequestError::Closed(reason)) => {
                self.out.answer(id, Err(format!("closed: {reason}").into()));
                None
            }
        }
    }
}

fn state(visitor: &AnyVisitor) -> Value {
    let key = match visitor.key_display() {
        KeyDisplay::Show(key) => Some(key.to_string()),
        KeyDisplay::Hidden => None,
    };
    let agents: Vec<_> = visitor.agents().iter().map(|agent| agent.name()).collect();
    json!({
        "state": visitor.state().as_str(),
        "key": key,
        "session": visitor.session().map(|session| session.to_string()),
        "guests": visitor.guests(),
        "agents": agents,
    })
}
