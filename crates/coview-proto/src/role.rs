use alloc::vec::Vec;
use core::fmt::Debug;
use core::time::Duration;

use coview_wire::Message;
use coview_wire::RefusalCode;
use coview_wire::RequestId;
use coview_wire::ResumeSecret;
use coview_wire::SessionId;
use coview_wire::Timing;

use crate::backoff::Backoff;

/// Which side of a conversation an engine speaks for: [`VisitorRole`](crate::VisitorRole) or
/// [`AgentRole`](crate::AgentRole). The trait is sealed.
///
/// The engine itself is the same for both; a role says which messages there are, and what of them
/// has to be said again to a server that has forgotten the client.
pub trait Role:
    Sized + Clone + PartialEq + Eq + Debug + Send + Sync + 'static + Rules<Self>
{
    /// What the client says.
    type Says: Message + Clone + PartialEq + Eq + Debug + Send + Sync + 'static;
    /// What the server says.
    type Hears: Message + Clone + PartialEq + Eq + Debug + Send + Sync + 'static;
    /// What an engine is made from.
    type Config: Clone + Debug + Send + Sync + 'static;
    /// What the server told with its first reply.
    type Greeting: Clone + PartialEq + Eq + Debug + Send + Sync + 'static;
}

/// The rules of a role. They keep no time and say nothing by themselves.
pub trait Rules<R: Role> {
    /// What the server knows of this client and would have to be told again if it forgot it: as of
    /// the last message it is known to have acted on.
    type Base: Clone + Debug + Send + Sync + 'static;
    /// One thing that is said again to a server that has forgotten the client.
    type Step: Copy + Debug + Send + Sync + 'static;

    /// Whether a place is resumed in which not everything was restored when the connection broke.
    /// Otherwise yet another one is begun, and that one is left behind until its grace is over.
    const RESUMES_HALF_RESTORED: bool;

    fn base(config: &R::Config) -> Self::Base;
    fn backoff(config: &R::Config) -> Backoff;
    fn first_reply(config: &R::Config) -> Duration;

    /// `hello` or `sign_in`. `said` is what the app has said and the server is not known to have
    /// acted on, such as a newer token.
    fn greet<'a>(
        config: &R::Config,
        base: &'a Self::Base,
        said: impl Iterator<Item = &'a R::Says>,
    ) -> R::Says;
    /// The server granted what [`greet`](Self::greet) asked for; `said` is what it was given. False
    /// if it takes the client for somebody else than it was.
    fn greeted<'a>(
        _: &mut Self::Base,
        _: &R::Greeting,
        _: impl Iterator<Item = &'a R::Says>,
    ) -> bool {
        true
    }
    /// The answer to a message the app has said, if the greeting has brought about what it asks for:
    /// then it is not said any more.
    fn answered_by_greeting(_: &Self::Base, _: &R::Says) -> Option<R::Hears> {
        None
    }
    fn resume(config: &R::Config, secret: ResumeSecret) -> R::Says;
    fn ping() -> R::Says;
    fn bye() -> R::Says;

    fn sort_said(message: &R::Says) -> Said;
    fn sort_heard(message: R::Hears) -> Heard<R>;

    /// How an earlier message that has not been said yet and a new one become one.
    fn coalesce(earlier: &R::Says, new: &R::Says) -> Coalesced<R>;

    /// The server has acted on this message of the client.
    fn acted_on(base: &mut Self::Base, message: &R::Says);
    /// Whether the app takes something back with this message. It is past that then, even if the
    /// server refuses the message; to restore it later would bring back what nobody wants.
    fn takes_back(message: &R::Says) -> bool;
    /// The server said this.
    fn heard(base: &mut Self::Base, message: &R::Hears);

    /// Whether the client may do without a connection for a while: the app is in the background,
    /// the server knows it, and nothing is shared or about to be. `told` is what has been said to
    /// the server and not been acknowledged, `untold` what has not been said.
    fn may_rest<'a>(
        base: &'a Self::Base,
        told: impl Iterator<Item = &'a R::Says>,
        untold: impl Iterator<Item = &'a R::Says>,
    ) -> Rest;

    /// The session whose picture may be said and heard. `said` is what the app has said and the
    /// server is not known to have acted on.
    fn picture_session<'a>(
        base: &'a Self::Base,
        said: impl Iterator<Item = &'a R::Says>,
    ) -> Option<SessionId>;
    /// The session this binary message of the app belongs to; `None` if it is none that a client of
    /// this role says.
    fn session_said(bytes: &[u8]) -> Option<SessionId>;
    /// The session this binary message of the server belongs to; `None` if it is none that a client
    /// of this role hears.
    fn session_heard(bytes: &[u8]) -> Option<SessionId>;

    /// What to say again after the given step; `None` if that was all. `said` is what the app has
    /// said and the server is not known to have acted on, such as a newer proof of who the client
    /// is.
    fn restore<'a>(
        base: &'a Self::Base,
        done: Option<Self::Step>,
        said: impl Iterator<Item = &'a R::Says>,
    ) -> Option<(Self::Step, R::Says)>;
    /// Whether this message grants a step. What has to be passed up of it goes to `later`.
    fn restored(
        base: &mut Self::Base,
        step: Self::Step,
        message: R::Hears,
        later: &mut Vec<R::Hears>,
    ) -> bool;
    /// A place was resumed in which not everything was restored: up to where it was. What has to be
    /// passed up of the snapshot goes to `later`.
    fn restored_before(
        _: &mut Self::Base,
        _: R::Hears,
        _: &mut Vec<R::Hears>,
    ) -> Option<Self::Step> {
        None
    }
    /// What the app has to be told of an answer to the engine itself.
    fn unasked(_: R::Hears) -> Option<R::Hears> {
        None
    }
    /// The server refused a step: whether the client can go on without it.
    fn unrestored(base: &mut Self::Base, step: Self::Step, code: RefusalCode) -> bool;
    /// What the app has to be told of a refused step that the client can go on without.
    fn told_of_refused(_: &mut Self::Base, _: Self::Step, _: RefusalCode) -> Option<R::Hears> {
        None
    }
    /// The one snapshot that tells the app what became of everything. It also forgets what ended.
    fn snapshot(base: &mut Self::Base, seen: Option<RequestId>, shutdown: bool) -> R::Hears;
}

/// What kind of message a client says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// The app's, with its number.
    App(RequestId),
    /// One that only the engine says.
    Own,
    /// The app leaves.
    Bye,
}

/// What a message of the server is to an engine.
#[derive(Debug)]
pub enum Heard<R: Role> {
    /// `welcome` or `signed_in`.
    Greeting {
        greeting: R::Greeting,
        secret: ResumeSecret,
        timing: Timing,
    },
    /// `resumed`: what has been seen, and which request was refused if the last answer was no.
    Resumed {
        seen: Option<RequestId>,
        refused: Option<RequestId>,
        message: R::Hears,
    },
    Pong {
        seen: Option<RequestId>,
    },
    Closing(coview_wire::Closing),
    /// `refused` or `problem`: the message was not acted on.
    No {
        re: Option<RequestId>,
        code: RefusalCode,
        message: R::Hears,
    },
    /// The answer to a message.
    Answer {
        re: RequestId,
        message: R::Hears,
    },
    /// Something that answers nothing.
    News(R::Hears),
}

/// How an earlier message that has not been said yet and a new one become one.
#[derive(Debug)]
pub enum Coalesced<R: Role> {
    /// This message says both.
    Into(R::Says),
    /// They have nothing to do with each other; look further back.
    Apart,
    /// Nothing before the earlier one may be touched.
    Barrier,
}

/// Whether a client may do without a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// It needs one.
    No,
    /// It could, but the server does not know yet that the app is in the background, and keeps its
    /// place for the short grace only.
    OnceTold,
    /// It can.
    Yes,
}
