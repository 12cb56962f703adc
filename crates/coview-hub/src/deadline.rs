macro_rules! deadline_kinds {
    ($( $(#[$meta:meta])* $name:ident = $why:literal; )+) => {
        /// What a deadline of a hub is for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum DeadlineKind {
            $( $(#[$meta])* $name, )+
        }

        impl DeadlineKind {
            /// Every kind there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The words of its deadlines: their [`why`](coview_wire::Deadline::why).
            #[must_use]
            pub const fn why(self) -> &'static str {
                match self { $(Self::$name => $why,)+ }
            }
        }
    };
}

deadline_kinds! {
    /// A new connection has not said who it is.
    FirstMessage = "the first message on a connection";
    /// Nothing was heard on a connection.
    Silence = "a sign of life on a connection";
    /// A visitor whose connection broke is gone for good.
    VisitorGrace = "the return of a visitor whose connection broke";
    /// An agent whose connection broke is gone for good.
    AgentGrace = "the return of an agent whose connection broke";
    /// Nobody has used a key.
    KeyUnclaimed = "the first use of a key";
    /// A visitor accepted, and its start has not come.
    StartAfterAccept = "the start of an accepted session";
    /// A visitor has not answered an agent's request.
    TermsUnanswered = "the visitor's answer to a request";
    /// A visitor has not said whether an agent may come in.
    JoinUnanswered = "the visitor's word about an agent who waits";
    /// What a visitor's client covers is recorded.
    MasksSettled = "the record of what a visitor's client covers";
    /// An agent's token is over.
    SignInOver = "the end of an agent's token";
    /// Agents are sent the newest card of a visitor.
    LateCard = "the next card of a visitor who changes often";
}
