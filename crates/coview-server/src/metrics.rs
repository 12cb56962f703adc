use std::sync::Arc;

use coview_hub::Stats;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::EncodeMetric;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::shared::Shared;

/// The hub's counts as Prometheus text.
pub(crate) fn text(shared: &Arc<Shared>) -> String {
    let mut registry = Registry::with_prefix("coview");
    registry.register_collector(Box::new(HubCounts(
        shared.stats(),
        shared.sent_away(),
        shared.flooding(),
    )));
    let mut text = String::new();
    encode(&mut text, &registry).expect("writing to a String cannot fail");
    text
}

#[derive(Debug)]
struct HubCounts(Stats, u64, u64);

impl Collector for HubCounts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), core::fmt::Error> {
        let Stats {
            connections,
            visitors,
            visitors_identified,
            visitors_online,
            agents,
            agents_watching,
            asks,
            sessions,
            viewers,
            keys,
            one_use_tokens,
            deadlines,
            connections_opened,
            closed_silent,
            closed_too_slow,
            closed_protocol,
            messages_in,
            messages_out,
            problems,
            refusals,
            visitors_arrived,
            agents_signed_in,
            agents_renewed,
            sign_ins_expired,
            assertions_accepted,
            hand_offs,
            refused_tokens,
            refused_assertions,
            refused_origins,
            not_allowed,
            refused_unrecorded,
            resumed,
            resume_failed,
            asked,
            asks_accepted,
            asks_declined,
            asks_withdrawn,
            asks_expired,
            asks_busy,
            asks_lost,
            sessions_manual,
            sessions_one_click,
            joins_asked,
            joins_confirmed,
            joins_declined,
            joins_unanswered,
            keys_burned,
            sessions_ended,
            wrong_keys,
            too_many_tries,
            cards_coalesced,
            pictures_in,
            pictures_out,
            picture_bytes_in,
            picture_bytes_out,
            pictures_late,
            pictures_refused,
            viewers_behind,
        } = self.0;
        let gauges = [
            ("connections", "Open connections", connections),
            ("visitors", "Visitors, connected or within their grace", visitors),
            ("visitors_identified", "Visitors who said who they are", visitors_identified),
            ("visitors_online", "Visitor ids that are online", visitors_online),
            ("agents", "Agents, connected or within their grace", agents),
            ("agents_watching", "Agents who watch presence", agents_watching),
            ("asks", "Requests of agents that wait for a visitor", asks),
            ("sessions", "Sessions", sessions),
            ("viewers", "Connections of agents that see a session", viewers),
            ("keys", "Keys an agent could join with", keys),
            (
                "one_use_tokens",
                "Tokens and assertions that were used and may be used once",
                one_use_tokens,
            ),
            ("deadlines", "Deadlines the hub keeps", deadlines),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        let counters = [
            ("connections_opened", "Connections opened", connections_opened),
            (
                "connections_sent_away",
                "Connections closed at once because there were too many",
                self.1,
            ),
            (
                "closed_flooding",
                "Connections closed because the client sent too much for too long",
                self.2,
            ),
            ("closed_silent", "Connections closed for silence", closed_silent),
            (
                "closed_too_slow",
                "Connections closed because the client did not read",
                closed_too_slow,
            ),
            ("closed_protocol", "Connections closed for breaking the protocol", closed_protocol),
            ("messages_in", "Messages received", messages_in),
            ("messages_out", "Messages sent", messages_out),
            ("problems", "Messages answered by a problem", problems),
            ("refusals", "Requests refused", refusals),
            ("visitors_arrived", "Visitors who said hello", visitors_arrived),
            ("agents_signed_in", "Agents who signed in", agents_signed_in),
            ("agents_renewed", "Newer tokens of agents that were accepted", agents_renewed),
            ("sign_ins_expired", "Sign-ins of agents that expired", sign_ins_expired),
            (
                "assertions_accepted",
                "Identities taken on with an assertion that was accepted",
                assertions_accepted,
            ),
            ("hand_offs", "Visitors of whom a newer device took the focus", hand_offs),
            ("refused_tokens", "Tokens of agents that were not accepted", refused_tokens),
            (
                "refused_assertions",
                "Visitors who were not believed to be whom they named",
                refused_assertions,
            ),
            (
                "refused_origins",
                "First messages refused because of the page they came from",
                refused_origins,
            ),
            ("not_allowed", "What agents wanted to do and may not by their tokens", not_allowed),
            (
                "refused_unrecorded",
                "What could not begin because no record could be written",
                refused_unrecorded,
            ),
            ("resumed", "Places taken up again", resumed),
            ("resume_failed", "Attempts to take up a place that is not there", resume_failed),
            ("asked", "Requests of agents", asked),
            ("asks_accepted", "Requests accepted", asks_accepted),
            ("asks_declined", "Requests declined", asks_declined),
            ("asks_withdrawn", "Requests withdrawn", asks_withdrawn),
            ("asks_expired", "Requests not answered in time", asks_expired),
            ("asks_busy", "Requests overtaken by another session", asks_busy),
            ("asks_lost", "Requests lost with one of the sides", asks_lost),
            ("sessions_manual", "Sessions started with a key", sessions_manual),
            ("sessions_one_click", "Sessions started by an accepted request", sessions_one_click),
            ("joins_asked", "Joins with a key about which the visitor was asked", joins_asked),
            ("joins_confirmed", "Joins the visitor confirmed", joins_confirmed),
            ("joins_declined", "Joins the visitor declined", joins_declined),
            (
                "joins_unanswered",
                "Joins that came to nothing before the visitor answered",
                joins_unanswered,
            ),
            ("keys_burned", "Keys burned before their session was over", keys_burned),
            ("sessions_ended", "Sessions ended", sessions_ended),
            ("wrong_keys", "Joins with a key no session has", wrong_keys),
            ("too_many_tries", "Joins refused after too many wrong keys", too_many_tries),
            (
                "cards_coalesced",
                "Changes of visitors told together with a later one",
                cards_coalesced,
            ),
            ("pictures_in", "Pieces of the picture received from visitors", pictures_in),
            ("pictures_out", "Pieces of the picture sent, one for each viewer", pictures_out),
            ("picture_bytes_in", "Bytes of the pieces received", picture_bytes_in),
            ("picture_bytes_out", "Bytes of the pieces sent", picture_bytes_out),
            (
                "pictures_late",
                "Pieces for viewers who had left, and binary messages of sessions that had ended",
                pictures_late,
            ),
            (
                "pictures_refused",
                "Binary messages that were not legal and closed their connection",
                pictures_refused,
            ),
            (
                "viewers_behind",
                "Times the pictures that waited for a slow viewer were thrown away",
                viewers_behind,
            ),
        ];
        for (name, help, value) in counters {
            let counter = ConstCounter::new(value);
            let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(metric)?;
        }
        Ok(())
    }
}
