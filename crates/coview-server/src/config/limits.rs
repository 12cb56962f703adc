use core::time::Duration;

use coview_wire::limits;
use serde::Deserialize;

use super::fault::Faults;

/// What one client may take of the server, and all together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many clients may be connected; beyond that a new one is sent away. As many connections
    /// again may be on their way to become clients. Default 10,000.
    pub connections: usize,
    /// How many clients may be connected from one address, and how many connections may be on their
    /// way to become clients. Of IPv6 a whole /64 counts, because one line has all addresses of it.
    /// The server's own machine and proxies that are believed are not counted, unless they say whom
    /// they bring: then that one is. Default 512: an office behind one address.
    pub connections_per_address: usize,
    /// How many messages may wait for a client that does not read, before it is cut off. Default
    /// 1,024. What is said in one go to a client that keeps up, as a roster is, may be more.
    pub queue_messages: usize,
    /// How many bytes may wait for a client that does not read, before it is cut off. Default 4 MiB.
    pub queue_bytes: usize,
    /// How many bytes of the picture may wait for a viewer that does not read. If there were more,
    /// all of them are thrown away and the visitor sends that viewer a whole picture; the viewer is
    /// not cut off. At least [`limits::PICTURE_BYTES`]. Default 16 MiB.
    ///
    /// It has to hold one whole picture, or a viewer slower than the visitor never gets one. A large
    /// screen full of photographs is some 10 MB; most screens are far less than one.
    pub queue_picture_bytes: usize,
    /// How long something may wait for a client whose connection takes not a single byte of it,
    /// before it is cut off. Default 30 seconds.
    pub stalled: Duration,
    /// How many messages a second a client may send for long, control frames of the WebSocket among
    /// them. Two seconds' worth may come at once; what comes sooner is read later. Default 1,000: a
    /// screen that moves is some 100.
    pub messages_per_second: u32,
    /// The same in bytes, on the socket. Default 16 MiB: a screen that moves is some 3.
    pub bytes_per_second: u32,
    /// How long a client may send all that the two limits let through, and more, before it is cut
    /// off. Default 60 seconds.
    pub flooding: Duration,
    /// How long a connection may take to become a client: the TLS handshake and the HTTP request
    /// with its answer together. Default 10 seconds.
    pub handshake: Duration,
    /// How long sessions may go on when the server is drained. Then they end with *shutdown*.
    /// Default 60 seconds.
    pub session_grace: Duration,
    /// How long a server that is drained takes clients in: those who come back to their session, and
    /// others just to send them elsewhere by the protocol. Later ones are answered 503 at once, so
    /// that a proxy can try the next server; a client whose connection breaks then loses its session.
    /// Default 60 seconds.
    pub drain_accept: Duration,
    /// How long clients may take to read their goodbye when the server stops. Default 5 seconds.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_address: 512,
            queue_messages: 1024,
            queue_bytes: 4 * 1024 * 1024,
            queue_picture_bytes: 16 * 1024 * 1024,
            stalled: Duration::from_secs(30),
            messages_per_second: 1000,
            bytes_per_second: 16 * 1024 * 1024,
            flooding: Duration::from_secs(60),
            handshake: Duration::from_secs(10),
            session_grace: Duration::from_secs(60),
            drain_accept: Duration::from_secs(60),
            drain: Duration::from_secs(5),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsFile {
    connections: Option<usize>,
    connections_per_address: Option<usize>,
    queue_messages: Option<usize>,
    queue_bytes: Option<usize>,
    queue_picture_bytes: Option<usize>,
    stalled_seconds: Option<u32>,
    messages_per_second: Option<u32>,
    bytes_per_second: Option<u32>,
    flooding_seconds: Option<u32>,
    handshake_seconds: Option<u32>,
    session_grace_seconds: Option<u32>,
    drain_accept_seconds: Option<u32>,
    drain_seconds: Option<u32>,
}

/// The least of bytes a second: one whole message must come through in the two seconds' worth.
const SLOWEST: u32 = 1024 * 1024;

impl LimitsFile {
    pub(super) fn into_limits(self, faults: &mut Faults) -> Limits {
        let default = Limits::default();
        let mut count = |key: &str, given: Option<usize>, default, least: usize| match given {
            Some(number) if number < least => {
                faults.add(format!("limits.{key} is {number}; it must be at least {least}"));
                default
            }
            Some(number) => number,
            None => default,
        };
        let connections = count("connections", self.connections, default.connections, 1);
        let connections_per_address = count(
            "connections_per_address",
            self.connections_per_address,
            default.connections_per_address,
            1,
        );
        let queue_messages =
            count("queue_messages", self.queue_messages, default.queue_messages, 1);
        let queue_bytes = count("queue_bytes", self.queue_bytes, default.queue_bytes, 1);
        // Less than the longest message would throw that away each time.
        let queue_picture_bytes = count(
            "queue_picture_bytes",
            self.queue_picture_bytes,
            default.queue_picture_bytes,
            limits::PICTURE_BYTES,
        );
        if let Some(bytes) = self.bytes_per_second
            && bytes < SLOWEST
        {
            faults
                .add(format!("limits.bytes_per_second is {bytes}; it must be at least {SLOWEST}"));
        }
        Limits {
            connections,
            connections_per_address,
            queue_messages,
            queue_bytes,
            queue_picture_bytes,
            stalled: faults.seconds(
                "limits.stalled_seconds",
                self.stalled_seconds,
                default.stalled,
            ),
            messages_per_second: faults.at_least_one(
                "limits.messages_per_second",
                self.messages_per_second,
                default.messages_per_second,
            ),
            bytes_per_second: self.bytes_per_second.unwrap_or(default.bytes_per_second),
            flooding: faults.seconds(
                "limits.flooding_seconds",
                self.flooding_seconds,
                default.flooding,
            ),
            handshake: faults.seconds(
                "limits.handshake_seconds",
                self.handshake_seconds,
                default.handshake,
            ),
            session_grace: faults.seconds_or_none(
                "limits.session_grace_seconds",
                self.session_grace_seconds,
                default.session_grace,
            ),
            drain_accept: faults.seconds_or_none(
                "limits.drain_accept_seconds",
                self.drain_accept_seconds,
                default.drain_accept,
            ),
            drain: faults.seconds("limits.drain_seconds", self.drain_seconds, default.drain),
        }
    }
}
