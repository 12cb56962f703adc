//! A join by a right key, and whether the visitor lets the agent in.

use coview_wire::JoinWaiting;
use coview_wire::RefusalCode;
use coview_wire::RequestId;
use coview_wire::SessionId;
use coview_wire::ViewFacts;
use coview_wire::VisitorId;

use crate::facts::Awaited;
use crate::facts::Facts;
use crate::facts::Granted;

#[derive(Debug)]
pub(crate) struct Joining {
    pub(super) re: RequestId,
    /// How long the visitor has to answer; `None` if nobody was asked.
    pub(crate) expires_ms: Option<u32>,
    pub(super) result: Option<JoinResult>,
}

/// What has become of a join.
#[derive(Clone, Debug)]
pub(crate) enum JoinResult {
    LetIn(SessionId, Option<VisitorId>),
    KeptOut(RefusalCode),
}

impl Joining {
    pub(super) fn waits_for(&self, re: RequestId) -> bool {
        self.re == re && self.result.is_none()
    }
}

impl Facts {
    /// The key was right, and nobody keeps the agent out. A join that was given up has been followed
    /// by a leave already.
    pub(super) fn let_in(&mut self, re: RequestId, view: ViewFacts) {
        let (session, visitor) = (view.session, view.visitor.clone());
        if let Some(waiting) = &mut self.waiting
            && waiting.re == re
            && waiting.answer.is_none()
        {
            waiting.answer = Some(Ok(match waiting.what {
                Awaited::View => Granted::View(session, visitor),
                Awaited::Knock => {
                    let result = Some(JoinResult::LetIn(session, visitor));
                    self.joining = Some(Joining { re, expires_ms: None, result });
                    Granted::Knock
                }
                Awaited::Ask(_) => return,
            }));
            self.view = Some(view.into());
        } else if let Some(joining) = self.joining.as_mut().filter(|it| it.waits_for(re)) {
            joining.result = Some(JoinResult::LetIn(session, visitor));
            self.view = Some(view.into());
        }
    }

    /// The key was right, and the visitor is asked.
    pub(super) fn join_waits(&mut self, JoinWaiting { re, expires_ms }: JoinWaiting) {
        let expires_ms = Some(expires_ms);
        if let Some(waiting) = &mut self.waiting
            && waiting.re == re
            && waiting.answer.is_none()
        {
            match waiting.what {
                Awaited::View => waiting.held = expires_ms,
                Awaited::Knock => {
                    waiting.answer = Some(Ok(Granted::Knock));
                    self.joining = Some(Joining { re, expires_ms, result: None });
                }
                Awaited::Ask(_) => {}
            }
        } else if let Some(joining) = self.joining.as_mut().filter(|it| it.waits_for(re)) {
            joining.expires_ms = expires_ms;
        }
    }

    pub(super) fn kept_out(&mut self, code: RefusalCode) {
        if let Some(joining) = &mut self.joining
            && joining.result.is_none()
        {
            joining.result = Some(JoinResult::KeptOut(code));
        }
    }

    pub(crate) const fn joining(&self) -> Option<&Joining> {
        self.joining.as_ref()
    }

    /// What has become of the join, once something has; it is forgotten then.
    pub(crate) fn take_join_result(&mut self) -> Option<JoinResult> {
        let result = match &mut self.joining {
            // A join lives as long as the state it led to; without one there is nothing to wait for.
            None => JoinResult::KeptOut(RefusalCode::Unknown),
            Some(joining) => joining.result.take()?,
        };
        self.joining = None;
        self.changed.guests = false;
        Some(result)
    }

    /// This side gave the join up; whatever still comes about it is stale.
    pub(crate) fn join_given_up(&mut self) {
        self.joining = None;
        self.view_given_up();
    }
}
