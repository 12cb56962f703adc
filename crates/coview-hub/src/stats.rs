/// How much there is now (gauges) and how much there has been (counters), over all groups.
///
/// Gauges go up and down and are zero again when the last socket is closed and its grace is over;
/// counters only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stats {
    /// Gauge: open connections.
    pub connections: u64,
    /// Gauge: places of visitors, with a connection or waiting for one.
    pub visitors: u64,
    /// Gauge: visitor ids that at least one visitor is identified with.
    pub visitors_identified: u64,
    /// Gauge: visitor ids that are online.
    pub visitors_online: u64,
    /// Gauge: places of agents, with a connection or waiting for one.
    pub agents: u64,
    /// Gauge: agents who watch who is online.
    pub agents_watching: u64,
    /// Gauge: requests of agents that wait for a visitor.
    pub asks: u64,
    /// Gauge: sessions, including accepted ones the visitor has not started yet.
    pub sessions: u64,
    /// Gauge: connections of agents that see a session.
    pub viewers: u64,
    /// Gauge: keys an agent could join with.
    pub keys: u64,
    /// Gauge: tokens and assertions that may be used once, were used, and are remembered.
    pub one_use_tokens: u64,
    /// Gauge: deadlines the hub keeps.
    pub deadlines: u64,

    /// Counter: connections opened.
    pub connections_opened: u64,
    /// Counter: connections the hub closed because nothing was heard for too long.
    pub closed_silent: u64,
    /// Counter: connections the hub closed because the client did not read.
    pub closed_too_slow: u64,
    /// Counter: connections the hub closed because the protocol was broken too often, or by a
    /// picture.
    pub closed_protocol: u64,
    /// Counter: messages received, readable or not.
    pub messages_in: u64,
    /// Counter: messages sent; a broadcast counts once for each receiver.
    pub messages_out: u64,
    /// Counter: messages answered by `problem`.
    pub problems: u64,
    /// Counter: requests answered by `refused`.
    pub refusals: u64,
    /// Counter: visitors who said hello.
    pub visitors_arrived: u64,
    /// Counter: agents who signed in.
    pub agents_signed_in: u64,
    /// Counter: newer tokens that agents showed and that were accepted.
    pub agents_renewed: u64,
    /// Counter: sign-ins that expired, whether or not the agent was in a session.
    pub sign_ins_expired: u64,
    /// Counter: identities that were taken on with an assertion that was accepted.
    pub assertions_accepted: u64,
    /// Counter: visitors of whom a newer device took the focus.
    pub hand_offs: u64,
    /// Counter: tokens of agents that were not accepted, at a sign-in or to renew one.
    pub refused_tokens: u64,
    /// Counter: visitors who were not believed to be whom they named: the assertion was missing or
    /// not accepted.
    pub refused_assertions: u64,
    /// Counter: first messages that were refused because of the page they came from.
    pub refused_origins: u64,
    /// Counter: what agents wanted to do and their tokens do not allow.
    pub not_allowed: u64,
    /// Counter: what could not begin because no record could be written.
    pub refused_unrecorded: u64,
    /// Counter: places taken up again.
    pub resumed: u64,
    /// Counter: attempts to take up a place that is not there.
    pub resume_failed: u64,
    /// Counter: requests of agents.
    pub asked: u64,
    /// Counter: requests that were accepted.
    pub asks_accepted: u64,
    /// Counter: requests that were declined.
    pub asks_declined: u64,
    /// Counter: requests the agent withdrew.
    pub asks_withdrawn: u64,
    /// Counter: requests nobody answered in time.
    pub asks_expired: u64,
    /// Counter: requests that ended because the visitor began another session.
    pub asks_busy: u64,
    /// Counter: requests that ended because one side was lost or left.
    pub asks_lost: u64,
    /// Counter: sessions that began with a key.
    pub sessions_manual: u64,
    /// Counter: sessions that began by an accepted request.
    pub sessions_one_click: u64,
    /// Counter: agents with a right key about whom the visitor was asked.
    pub joins_asked: u64,
    /// Counter: of those, agents the visitor let in.
    pub joins_confirmed: u64,
    /// Counter: of those, agents the visitor did not let in.
    pub joins_declined: u64,
    /// Counter: of those, agents who went away, or whose session did, before an answer.
    pub joins_unanswered: u64,
    /// Counter: keys that were burned: used once where that is all, or declined.
    pub keys_burned: u64,
    /// Counter: sessions that ended.
    pub sessions_ended: u64,
    /// Counter: joins with a key no session has.
    pub wrong_keys: u64,
    /// Counter: joins refused because of too many wrong keys before.
    pub too_many_tries: u64,
    /// Counter: changes of visitors that agents were sent no card of their own for, because a newer
    /// card or the end of the visitor's stay came soon after.
    pub cards_coalesced: u64,
    /// Counter: pieces of the picture that visitors sent and may send.
    pub pictures_in: u64,
    /// Counter: pieces of the picture that viewers were sent; one counts for each viewer.
    pub pictures_out: u64,
    /// Counter: the bytes of [`pictures_in`](Self::pictures_in), as messages.
    pub picture_bytes_in: u64,
    /// Counter: the bytes of [`pictures_out`](Self::pictures_out), as messages.
    pub picture_bytes_out: u64,
    /// Counter: pieces of the picture for a viewer who had left, binary messages of either side for a
    /// session that had ended, and what a viewer said beyond what it may. They were passed over.
    pub pictures_late: u64,
    /// Counter: binary messages that were not legal. Each ended the place of its sender.
    pub pictures_refused: u64,
    /// Counter: how often the pictures that waited for a viewer were thrown away, because it did not
    /// read them.
    pub viewers_behind: u64,
}
