//! What the orchestrator tells a client, and what the client tells it: a line of JSON each.

use serde::Deserialize;
use serde::Serialize;

use crate::stats::Percentiles;
use crate::wire::Kind;

/// What to do. Each is answered by one [`Report`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Order {
    /// Connect so many visitors more, with so many on their way at the same time.
    Visitors { count: u32, window: u32 },
    /// Connect so many agents more.
    Agents { count: u32 },
    /// Do work for so long.
    Work(Work),
    /// Do nothing but keep the connections alive.
    Idle { seconds: f64, server: u32 },
    /// Do not take it for a fault, from now on, that the server closes connections.
    ExpectLoss,
    /// Wait until every connection is gone, and take it for a fault from then on.
    AwaitLoss,
    /// Cut every connection.
    Cut,
    /// Bring back everybody who has no connection, trying for as long as the server is not there.
    Return { window: u32 },
}

/// Work between agents and visitors.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Work {
    pub(crate) kind: Kind,
    /// How many agents take part; of relays, how many pairs.
    pub(crate) agents: u32,
    /// How many round trips each of them has under way.
    pub(crate) outstanding: u16,
    pub(crate) seconds: f64,
    /// The process whose processor time counts.
    pub(crate) server: u32,
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "done", rename_all = "snake_case")]
pub(crate) enum Report {
    /// Everybody is online.
    Online {
        /// From the first attempt on.
        seconds: f64,
        /// From the first connection that was accepted on.
        seconds_from_first: f64,
        client_cpu: f64,
    },
    Worked(Worked),
    Idled {
        seconds: f64,
        pings: u64,
        server_cpu: f64,
        client_cpu: f64,
    },
    ExpectingLoss,
    Lost,
    Cut,
    /// What went wrong; nothing that follows counts.
    Failed {
        why: String,
    },
}

/// What came of work.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Worked {
    pub(crate) seconds: f64,
    /// How many messages reached another client.
    pub(crate) relayed: u64,
    pub(crate) round_trip: Percentiles,
    pub(crate) server_cpu: f64,
    pub(crate) client_cpu: f64,
    /// The mean size of what the end that did not begin received, and of what the other received, in
    /// bytes of payload.
    pub(crate) bytes_there: f64,
    pub(crate) bytes_back: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_and_reports_are_lines() {
        let order = Order::Work(Work {
            kind: Kind::Signal,
            agents: 16,
            outstanding: 16,
            seconds: 2.0,
            server: 42,
        });
        let line = serde_json::to_string(&order).unwrap();
        assert_eq!(
            line,
            r#"{"do":"work","kind":"signal","agents":16,"outstanding":16,"seconds":2.0,"server":42}"#
        );
        assert_eq!(serde_json::from_str::<Order>(&line).unwrap(), order);
        let lost = serde_json::to_string(&Report::Lost).unwrap();
        assert_eq!(lost, r#"{"done":"lost"}"#);
    }
}
