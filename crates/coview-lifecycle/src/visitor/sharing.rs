//! The verbs while the screen is shared.

use coview_start::DisplayKey;
use coview_wire::AgentCard;
use coview_wire::ClientMessage;
use coview_wire::JoinConfirmed;
use coview_wire::JoinDeclined;
use coview_wire::SessionId;

use super::Visitor;
use crate::consent::Consent;
use crate::link::Link;
use crate::state::Confirming;
use crate::state::IsSharing;
use crate::state::Manual;
use crate::state::Sharing;

/// # Wherever the screen is shared
impl<S, L> Visitor<S, L> {
    /// How many agents watch, as of the last step: what arrives is taken while a [`next`] is
    /// awaited, and [`Change::Guests`](crate::Change::Guests) tells it. A session begins with none.
    /// Who waits to be let in is not one of them.
    ///
    /// [`next`]: Visitor::next
    #[must_use]
    pub fn guests(&self) -> u32
    where
        S: IsSharing,
    {
        self.shared.facts.guests().0
    }

    /// Who watches, as of the last step; at most the first 64.
    #[must_use]
    pub fn agents(&self) -> &[AgentCard]
    where
        S: IsSharing,
    {
        self.shared.facts.guests().1
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> SessionId
    where
        S: IsSharing,
    {
        self.state.running().session
    }

    /// The visitor's consent to this session.
    #[must_use]
    pub fn consent(&self) -> &Consent
    where
        S: IsSharing,
    {
        self.state.running().consent
    }

    /// Ends the session. It takes effect at once, with or without a connection, and cannot fail:
    /// the visitor is where it came from. An agent who waits to be let in is told.
    ///
    /// ```
    /// # smol::block_on(async {
    /// # let (visitor, mut peer) = coview_lifecycle::queue::visitor();
    /// # peer.grant_all();
    /// let sharing = visitor.start_manual().await?;
    /// let visitor = sharing.end(); // Visitor<Anonymous> again
    /// # drop(visitor);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// There is nothing to end before:
    ///
    /// ```compile_fail,E0277
    /// # let (visitor, _peer) = coview_lifecycle::queue::visitor();
    /// visitor.end();
    /// ```
    // The state it goes back to is a parameter so that a state without a session is explained by the
    // words of the trait.
    pub fn end<H>(self) -> Visitor<H, L>
    where
        S: IsSharing<Home = H>,
        L: Link,
    {
        let start = self.state.running().start;
        // The consent goes first: after the end is said no picture is.
        let mut visitor = self.map(S::into_home);
        visitor.shared.end_session(start);
        visitor
    }
}

/// # While sharing by a key
impl<H, L> Visitor<Sharing<Manual, H>, L> {
    /// The key to show to the visitor, who reads it out to the agent. It cannot be made by hand:
    ///
    /// ```compile_fail,E0423
    /// let key = coview_lifecycle::DisplayKey("123 456 786".into());
    /// ```
    #[must_use]
    pub const fn key(&self) -> &DisplayKey {
        &self.state.mode.key
    }
}

/// # While an agent who typed the key waits to be let in
impl<H, L> Visitor<Confirming<H>, L> {
    /// Who waits, as the operator vouches for.
    #[must_use]
    pub fn agent(&self) -> &AgentCard {
        &self.state.asked.agent
    }

    /// How long the visitor had to answer when the agent began to wait, in milliseconds. No answer
    /// is a no, which burns nothing:
    /// [`ConfirmingStep::Withdrawn`](crate::ConfirmingStep::Withdrawn) tells it.
    #[must_use]
    pub fn expires_ms(&self) -> u32 {
        self.state.asked.expires_ms
    }

    /// The key the agent typed, as it has been shown all the time.
    #[must_use]
    pub const fn key(&self) -> &DisplayKey {
        &self.state.sharing.mode.key
    }

    /// Lets the agent in, who sees the screen from now on. It takes effect at once and cannot fail;
    /// [`Change::Guests`](crate::Change::Guests) tells when the agent is there. If it went away
    /// meanwhile nobody comes in, and nothing more is told: the answer was for this agent's wait and
    /// for no other.
    ///
    /// ```
    /// use coview_lifecycle::{ManualStep, queue};
    ///
    /// # smol::block_on(async {
    /// # let (visitor, mut peer) = queue::visitor();
    /// # peer.grant_all();
    /// let sharing = visitor.start_manual().await?;
    /// peer.ask_to_join(sharing.session(), "Grace");
    /// let ManualStep::JoinRequested(confirming) = sharing.next().await else { panic!() };
    /// println!("{} has typed {}. Let in?", confirming.agent().name(), confirming.key());
    /// let sharing = confirming.confirm();
    /// # drop(sharing);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// While nobody waits there is nobody to let in, and nobody can be let in beforehand:
    ///
    /// ```compile_fail,E0599
    /// # smol::block_on(async {
    /// # let (visitor, _peer) = coview_lifecycle::queue::visitor();
    /// let sharing = visitor.start_manual().await.unwrap();
    /// sharing.confirm();
    /// # });
    /// ```
    ///
    /// Nor twice, nor after a no:
    ///
    /// ```compile_fail,E0382
    /// use coview_lifecycle::{Anonymous, Confirming, Link, Visitor};
    ///
    /// fn both<L: Link>(confirming: Visitor<Confirming<Anonymous>, L>) {
    ///     let sharing = confirming.refuse();
    ///     let again = confirming.confirm(); // the visitor has moved
    /// }
    /// ```
    pub fn confirm(mut self) -> Visitor<Sharing<Manual, H>, L>
    where
        L: Link,
    {
        let re = self.shared.facts.next_request();
        let join = self.state.asked.join;
        self.shared.link.send(ClientMessage::JoinConfirmed(JoinConfirmed { re, join }));
        self.answered()
    }

    /// Keeps the agent out. It takes effect at once and cannot fail. Whoever knows the key should
    /// not, so the server lets nobody in by it any more: a session nobody is in ends with
    /// [`KeyBurned`](coview_wire::EndReason::KeyBurned), which is the next step. With guests in it
    /// the session goes on.
    ///
    /// ```
    /// use coview_lifecycle::{Anonymous, Confirming, Link, Manual, Sharing, Visitor};
    ///
    /// fn not_this_one<L: Link>(
    ///     confirming: Visitor<Confirming<Anonymous>, L>,
    /// ) -> Visitor<Sharing<Manual, Anonymous>, L> {
    ///     confirming.refuse()
    /// }
    /// ```
    pub fn refuse(mut self) -> Visitor<Sharing<Manual, H>, L>
    where
        L: Link,
    {
        let re = self.shared.facts.next_request();
        let join = self.state.asked.join;
        self.shared.link.send(ClientMessage::JoinDeclined(JoinDeclined { re, join }));
        self.answered()
    }

    fn answered(mut self) -> Visitor<Sharing<Manual, H>, L> {
        if let Some(joins) = self.shared.facts.joins() {
            joins.answered();
        }
        self.map(|confirming| confirming.sharing)
    }
}
