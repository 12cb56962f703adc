//! The picture in a simulated town: pages that are shared, encoders and decoders on the clients, and
//! what waits at the hub's owner for a client that does not read.

pub(crate) mod outbox;
pub(crate) mod page;
pub(crate) mod pipe;
pub(crate) mod sharer;
pub(crate) mod watcher;
