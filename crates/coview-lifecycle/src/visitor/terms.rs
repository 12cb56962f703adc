//! The verbs while an agent asks to share.

use coview_start::StartMode;
use coview_wire::AgentCard;
use coview_wire::ClientMessage;
use coview_wire::StartBy;
use coview_wire::Terms;
use coview_wire::TermsAccepted;
use coview_wire::TermsDeclined;
use coview_wire::TermsDisplayed;

use super::Visitor;
use crate::link::Link;
use crate::pending::Pending;
use crate::state::OneClick;
use crate::state::PresenceConnected;
use crate::state::Sharing;
use crate::state::TermsRequested;
use crate::state::TermsShown;

macro_rules! terms {
    ($(#[$meta:meta])* $state:ident) => {
        $(#[$meta])*
        impl<L: Link> Visitor<$state, L> {
            /// Who asks.
            #[must_use]
            pub fn agent(&self) -> &AgentCard {
                &self.state.asked.agent
            }

            /// What the visitor is asked to agree to.
            #[must_use]
            pub fn terms(&self) -> &Terms {
                &self.state.asked.terms
            }

            /// How long the visitor had to answer when the request arrived, in milliseconds. No
            /// answer is a no: [`TermsStep::Withdrawn`](crate::TermsStep::Withdrawn) tells it.
            #[must_use]
            pub fn expires_ms(&self) -> u32 {
                self.state.asked.expires_ms
            }

            /// Says no. It takes effect at once and cannot fail; the agent is told. After it the
            /// request cannot be accepted any more:
            ///
            /// ```compile_fail,E0382
            #[doc = concat!("use coview_lifecycle::{Link, ", stringify!($state), ", Visitor};")]
            ///
            #[doc = concat!("fn both<L: Link>(asked: Visitor<", stringify!($state), ", L>) {")]
            ///     let visitor = asked.decline();
            ///     let again = asked.decline(); // the visitor has moved
            /// }
            /// ```
            pub fn decline(mut self) -> Visitor<PresenceConnected, L> {
                let ask = self.state.asked.ask;
                self.shared.facts.request_answered();
                let re = self.shared.facts.next_request();
                self.shared.link.send(ClientMessage::TermsDeclined(TermsDeclined { re, ask }));
                self.map(|terms| terms.online)
            }
        }
    };
}
terms! {
    /// # While an agent asks and the terms are not shown yet
    TermsRequested
}
terms! {
    /// # While the terms are shown
    TermsShown
}

impl<L: Link> Visitor<TermsRequested, L> {
    /// Tells the agent that the terms are on the screen. Only now can they be accepted:
    ///
    /// ```compile_fail,E0599
    /// use coview_lifecycle::{Link, TermsRequested, Visitor};
    ///
    /// fn too_early<L: Link>(asked: Visitor<TermsRequested, L>) {
    ///     asked.accept();
    /// }
    /// ```
    ///
    /// ```
    /// use coview_lifecycle::{Link, TermsRequested, Visitor};
    ///
    /// async fn in_order<L: Link>(asked: Visitor<TermsRequested, L>) {
    ///     println!("{} asks: {}", asked.agent().name(), asked.terms().text());
    ///     let shown = asked.terms_displayed();
    ///     let sharing = shown.accept().await;
    /// #   drop(sharing);
    /// }
    /// ```
    pub fn terms_displayed(mut self) -> Visitor<TermsShown, L> {
        let ask = self.state.asked.ask;
        let re = self.shared.facts.next_request();
        self.shared.link.send(ClientMessage::TermsDisplayed(TermsDisplayed { re, ask }));
        self.map(|TermsRequested { online, asked }| TermsShown { online, asked })
    }
}

impl<L: Link> Visitor<TermsShown, L> {
    /// Says yes: the agent is told *accepted* and the session starts under the visitor id. No key
    /// is shown; there is none:
    ///
    /// ```compile_fail,E0599
    /// use coview_lifecycle::{Link, TermsShown, Visitor};
    ///
    /// async fn no_key<L: Link>(shown: Visitor<TermsShown, L>) {
    ///     let sharing = shown.accept().await.unwrap();
    ///     println!("{}", sharing.key());
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::Refused) leaves the visitor online: the request was withdrawn or expired
    /// in the same moment ([`TermsOver`](coview_wire::RefusalCode::TermsOver)).
    ///
    /// # Cancel safety
    ///
    /// Safe to race as `&mut pending`; [`Pending::into_visitor`] ends what was accepted.
    pub fn accept(mut self) -> Pending<Sharing<OneClick, PresenceConnected>, PresenceConnected, L> {
        let ask = self.state.asked.ask;
        self.shared.facts.request_answered();
        let re = self.shared.facts.next_request();
        self.shared.link.send(ClientMessage::TermsAccepted(TermsAccepted { re, ask }));
        let mut online = self.map(|terms| terms.online);
        online.start(StartMode::OneClick, StartBy::VisitorId { ask });
        Pending::new(online)
    }
}
