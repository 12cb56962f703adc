use core::fmt;

/// The number of a visitor in a world, in the order they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VisitorNo(pub usize);

/// The number of an agent in a world, in the order they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentNo(pub usize);

/// A client in a world. It is one process: who comes back after a crash is another client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientId {
    /// A visitor.
    Visitor(VisitorNo),
    /// An agent.
    Agent(AgentNo),
}

impl From<VisitorNo> for ClientId {
    fn from(no: VisitorNo) -> Self {
        Self::Visitor(no)
    }
}

impl From<AgentNo> for ClientId {
    fn from(no: AgentNo) -> Self {
        Self::Agent(no)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Visitor(VisitorNo(no)) => write!(f, "visitor {no}"),
            Self::Agent(AgentNo(no)) => write!(f, "agent {no}"),
        }
    }
}
