//! What of all that has been seen can still matter, for a search of all states.

use core::fmt;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use coview_wire::AskId;
use coview_wire::JoinId;
use coview_wire::SessionId;
use coview_wire::StartId;

use crate::checker::AskFacts;
use crate::checker::Checker;
use crate::checker::ClientFacts;
use crate::checker::SessionFacts;
use crate::client::ClientId;

/// The numbers that somebody still knows or that are under way. Numbers are given once, so nothing
/// can be seen of any other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) asks: BTreeSet<AskId>,
    pub(crate) joins: BTreeSet<JoinId>,
    pub(crate) sessions: BTreeSet<SessionId>,
    pub(crate) starts: BTreeSet<StartId>,
}

/// What is shown: whose request numbers are in it, and what.
pub(crate) type Show<'a> = dyn FnMut(Option<ClientId>, fmt::Arguments<'_>) + 'a;

impl Checker {
    /// Shows all facts about what is known.
    pub(crate) fn show(&self, known: &Known, show: &mut Show<'_>) {
        let Self {
            groups,
            clients,
            asks,
            sessions,
            places,
            lost,
            // It never changes.
            kept: _,
            now,
            pictures,
            trust,
            // Nothing of it decides whether a text has a secret but the secrets there ever were.
            secrets: _,
            picture_excused,
            // A search ends with the first.
            violations: _,
        } = self;
        let mut known = known.clone();
        // What is known of a session leads to its request.
        for (id, facts) in sessions {
            if known.sessions.contains(id) {
                known.asks.extend(facts.ask);
            }
        }
        for group in groups.values() {
            // Agents and terms are those of the configuration.
            show(None, format_args!("{:?}", group.visitors));
        }
        for (client, facts) in clients {
            client_facts(*client, facts, &known, show);
        }
        for (id, facts) in asks.iter().filter(|(id, _)| known.asks.contains(id)) {
            let AskFacts { group: _, visitor, displayed, outcome, started, by } = facts;
            show(None, format_args!("{id:?} {visitor:?} {displayed} {outcome:?} {started} {by:?}"));
        }
        for (id, facts) in sessions.iter().filter(|(id, _)| known.sessions.contains(id)) {
            // Its key is one, and no other session has the same.
            let SessionFacts { group: _, ask, place, client, key, guests, lives, started } = facts;
            let key = key.is_some();
            show(
                None,
                format_args!(
                    "{id:?} {ask:?} {place:?} {client:?} {key} {guests:?} {lives} {started}"
                ),
            );
        }
        let lost: BTreeMap<_, _> =
            lost.iter().map(|(place, since)| (place, now.since(*since))).collect();
        show(None, format_args!("{places:?} {lost:?} {picture_excused}"));
        pictures.show(&known, show);
        trust.show(&known, show);
    }
}

fn client_facts(client: ClientId, facts: &ClientFacts, known: &Known, show: &mut Show<'_>) {
    let ClientFacts {
        group: _,
        starts,
        displayed,
        heard_displayed,
        heard_accepted,
        accepted,
        over,
        ask,
        withdrew,
    } = facts;
    let starts: BTreeMap<_, _> =
        starts.iter().filter(|(start, _)| known.starts.contains(start)).collect();
    let heard_accepted: BTreeMap<_, _> =
        heard_accepted.iter().filter(|(ask, _)| known.asks.contains(ask)).collect();
    let ask = ask.filter(|ask| known.asks.contains(ask));
    let withdrew: BTreeSet<_> =
        withdrew.iter().filter(|ask| ask.is_none_or(|ask| known.asks.contains(&ask))).collect();
    let [displayed, heard_displayed, accepted, over] =
        [displayed, heard_displayed, accepted, over].map(|asks| asks & &known.asks);
    show(
        Some(client),
        format_args!(
            "{starts:?} {displayed:?} {heard_displayed:?} {heard_accepted:?} {accepted:?} {over:?} {ask:?} \
             {withdrew:?}"
        ),
    );
}
