use coview_wire::Moment;

/// Which part of a [`Timeline`](crate::Timeline) is told. The default is all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Nothing before this.
    pub from: Moment,
    /// Nothing after this.
    pub to: Option<Moment>,
    /// Of the clients only those with this name. What becomes of the hub and the network is told
    /// all the same.
    pub only: Option<String>,
    /// So many things at most: the last ones.
    pub last: Option<usize>,
}
