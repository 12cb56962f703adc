//! The whole inner state, for a search of all states a hub can come to together with its clients.
//!
//! Everything is taken apart field by field without `..`, so that whoever adds a field decides here
//! whether it decides what the hub does next. What does not is named with the reason.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use coview_wire::Moment;

use crate::agent::Agent;
use crate::ask::Ask;
use crate::effects::Conn;
use crate::effects::Effects;
use crate::effects::Rare;
use crate::event::Place;
use crate::group::Group;
use crate::hub::Hub;
use crate::join::Waiting;
use crate::person::Dealings;
use crate::person::Person;
use crate::picture::Viewer;
use crate::picture::Viewers;
use crate::session::Session;
use crate::signin::SignIn;
use crate::timer::Due;
use crate::visitor::Doings;
use crate::visitor::Visitor;

/// What is shown, piece by piece: whose request numbers are in the piece, and the piece.
type Show<'a> = dyn FnMut(Option<Place>, fmt::Arguments<'_>) + 'a;

impl Hub {
    /// The same hub once more, which draws the same keys and secrets from now on: for a search that
    /// goes on from one state in several ways, and for nothing else.
    #[doc(hidden)]
    #[must_use]
    pub fn fork(&self) -> Self {
        let Self { names, groups, fx, stopped } = self;
        Self { names: names.clone(), groups: groups.clone(), fx: fx.clone(), stopped: *stopped }
    }

    /// Shows everything that decides what the hub does next, without secrets and keys. Two hubs that
    /// show the same, but for the numbers they have given, go on in the same way as long as the
    /// owner sets no limit within reach: limits on how often something is done, such as
    /// [`Policy::begins_per_minute`](crate::Policy::begins_per_minute), the pace of cards and masks,
    /// and the number of places. Connections are taken to be heard of in time. What is due later than
    /// the `horizon` is shown without the time that is left.
    #[doc(hidden)]
    pub fn inner(&self, now: Moment, horizon: Duration, show: &mut Show<'_>) {
        // The configuration and the names never change.
        let Self { names: _, groups, fx, stopped } = self;
        show(None, format_args!("stopped {stopped}"));
        effects(fx, now, horizon, show);
        for inner in groups {
            group(inner, now, show);
        }
    }
}

fn effects(fx: &Effects, now: Moment, horizon: Duration, show: &mut Show<'_>) {
    let Effects {
        // The time is told apart, and every deadline from there.
        now: _,
        policy: _,
        timers,
        conns,
        // Counters decide nothing.
        counts: _,
        // Empty between two inputs.
        out: _,
        text: _,
        // What is drawn is a number of its own, whatever it is.
        rng: _,
        // Goes on with the time.
        wall_at_zero: _,
        recorded,
        draining,
        something_ended,
        // New numbers are above all there are.
        last_place: _,
        // Counted again by whoever counts places; and their number is no limit within reach.
        places: _,
        // Who goes first if there are too many.
        kept: _,
    } = fx;
    show(None, format_args!("recorded {recorded} draining {draining} {something_ended}"));
    for (id, open) in conns.iter() {
        // Signs of life are taken to be there in time; windows feed limits.
        let Conn { peer, heard: _, timer: _, problems: _, rare } = open;
        let rare = rare.as_deref().map(|Rare { page, address, begins: _ }| (page, address));
        show(None, format_args!("{id:?} {peer:?} {rare:?}"));
    }
    for (id, due) in timers.due.iter() {
        match due {
            Due::Silence(_) => {}
            Due::FirstMessage(_)
            | Due::VisitorGrace(..)
            | Due::AgentGrace(..)
            | Due::KeyUnclaimed(..)
            | Due::StartAfterAccept(..)
            | Due::TermsUnanswered(..)
            | Due::JoinUnanswered(..)
            | Due::MasksSettled(..)
            | Due::SignInOver(..)
            | Due::LateCard(..) => {
                let left = Some(id.at.since(now)).filter(|left| *left <= horizon);
                show(None, format_args!("due {left:?} {due:?}"));
            }
        }
    }
}

fn group(group: &Group, now: Moment, show: &mut Show<'_>) {
    let Group {
        id: _,
        index: _,
        config: _,
        visitors,
        agents,
        people,
        asks,
        sessions,
        // The live ones are those of the sessions; one that is over opens nothing.
        keys: _,
        // What each agent says it watches.
        watchers: _,
        // Each has its deadline.
        late_cards: _,
        used_tokens,
        used_assertions,
        overdue,
        // They feed limits.
        wrong_keys: _,
        online,
        viewing,
        // New numbers are above all there are.
        last_number: _,
    } = group;
    show(None, format_args!("used {} {}", used_tokens.len(), used_assertions.len()));
    show(None, format_args!("{overdue:?} online {online} viewing {viewing}"));
    for (place, inner) in visitors.iter() {
        visitor(*place, inner, show);
    }
    for (place, inner) in agents {
        agent(*place, inner, show);
    }
    for (name, person) in people.iter() {
        // Since when is only told, and the questions in vain and the pace of cards are limits.
        let Person { devices, proven, focus, since: _, dealings } = person;
        let online = person.online();
        let (asked, sharing) = dealings.as_deref().map_or((None, 0), |dealings| {
            let Dealings { online: _, asked, sharing, asked_in_vain: _, pace: _ } = dealings;
            (*asked, *sharing)
        });
        show(
            None,
            format_args!("{name:?} {devices} {proven} {online:?} {focus:?} {asked:?} {sharing}"),
        );
    }
    for (id, ask) in asks {
        // It expires when its deadline comes.
        let Ask { re, agent, visitor, name, displayed, expires: _, timer: _ } = ask;
        show(
            Some(*agent),
            format_args!("{id:?} {re:?} {agent:?} {visitor:?} {name:?} displayed {displayed}"),
        );
    }
    for (id, inner) in sessions {
        show(None, format_args!("{id:?}"));
        session(inner, now, show);
    }
}

fn visitor(place: Place, visitor: &Visitor, show: &mut Show<'_>) {
    let Visitor {
        // Its place has one, and no other place the same.
        secret: _,
        conn,
        heard,
        app,
        told,
        id,
        proven,
        proof,
        stay: _,
        doings,
    } = visitor;
    let (profile, entries, proof) = (told.profile(), told.data().len(), proof.is_some());
    let presence = visitor.presence();
    let Doings { last_start, ask, session, ask_over, ended, join_over } =
        doings.as_deref().cloned().unwrap_or_default();
    let past = (ask_over, ended, join_over);
    let heard = (heard.seen(), heard.answered());
    show(
        Some(place),
        format_args!(
            "{place:?} {conn:?} {heard:?} {app:?} {profile:?} {id:?} {proven} {proof} {presence:?} \
             {entries} {last_start:?} {ask:?} {session:?} {past:?}"
        ),
    );
}

fn agent(place: Place, agent: &Agent, show: &mut Show<'_>) {
    let Agent {
        // Its place has one, and no other place the same.
        secret: _,
        conn,
        card,
        heard,
        sign_in: SignIn { rights, expires: _, timer },
        watching,
        scope,
        ask,
        joining,
        view,
        viewer,
        past,
    } = agent;
    // The sign-in is over when its deadline comes.
    let over = timer.is_none();
    let heard = (heard.seen(), heard.answered());
    show(
        Some(place),
        format_args!(
            "{place:?} {conn:?} {:?} {heard:?} {rights:?} over {over} {watching:?} {scope:?} {ask:?} \
             {joining:?} {view:?} {viewer:?} {past:?}",
            card.agent
        ),
    );
}

fn session(session: &Session, now: Moment, show: &mut Show<'_>) {
    let Session {
        visitor,
        name,
        // Its key is one, and no other session has the same.
        begun,
        consent,
        guests,
        viewers: Viewers { of: viewers, last: _, pictures: _ },
        waiting,
        confirm,
        claimed,
        burned,
        barred,
        in_vain,
        masks,
        timer,
    } = session;
    let timer = timer.is_some();
    show(
        None,
        format_args!(
            "{visitor:?} {name:?} {begun:?} {consent:?} {guests:?} {confirm} {claimed} {burned} \
             {barred:?} {in_vain:?} timer {timer}"
        ),
    );
    masks.show(now, show);
    let viewers: Vec<_> = viewers
        .iter()
        .map(|(id, viewer)| {
            // Which picture was the last matters within one only, and words are a limit.
            let Viewer { agent, conn, picture: _, words: _ } = viewer;
            (id, agent, conn)
        })
        .collect();
    show(None, format_args!("{viewers:?}"));
    if let Some(waiting) = waiting {
        let Waiting { join, re, agent, expires: _, timer: _ } = waiting;
        show(Some(*agent), format_args!("{join:?} {re:?} {agent:?}"));
    }
}
