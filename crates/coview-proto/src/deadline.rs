macro_rules! deadline_kinds {
    ($( $(#[$meta:meta])* $name:ident = $why:literal; )+) => {
        /// What a deadline of an engine is for.
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
    /// The first reply on a connection has not come.
    FirstReply = "the first reply is due";
    /// The reply to something that is said again has not come.
    Restoring = "the reply to what is restored is due";
    /// The other side counts as gone.
    Silence = "nothing was heard for too long";
    /// A sign of life is said.
    Ping = "a ping is due";
    /// The next try to connect begins.
    Backoff = "the wait before reconnecting is over";
    /// An app in the background connects to stay online.
    Lease = "the presence lease is to be renewed";
}
