//! The server is killed and started again, several times in a row, while visitors share, agents join
//! and ask, and terms wait for an answer. Everybody is back each time or was told why not, and what
//! anybody was told of is on record, once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use coview_agent::Change as AgentChange;
use coview_agent::RequestingStep;
use coview_agent::SignedInStep;
use coview_agent::Viewing;
use coview_agent::ViewingStep;
use coview_lifecycle::Anonymous;
use coview_lifecycle::Connectivity;
use coview_lifecycle::ManualStep;
use coview_lifecycle::OneClickStep;
use coview_lifecycle::PresenceConnected;
use coview_lifecycle::PresenceStep;
use coview_lifecycle::StateKind;
use coview_lifecycle::TermsStep;
use coview_smol::Agent;
use coview_smol::Visitor;
use coview_wire::AskOutcome;
use coview_wire::EndReason;
use coview_wire::RefusalCode;
use coview_wire::SessionKey;
use coview_wire::WithdrawReason;
use futures_lite::FutureExt;
use serde_json::Value;
use smol::Timer;
use smol::block_on;
use smol::channel::Receiver;
use smol::channel::Sender;
use smol::channel::bounded;

use crate::chaos::Chance;
use crate::chaos::Chaos;
use crate::house::*;
use crate::stories::*;

/// Clients that do the same thing as often as they can are no attack here, nor are keys of sessions that a
/// kill has ended.
const SETUP: Setup = Setup {
    config: "[policy]\nkey_tries = 1000000\nkey_tries_network = 1000000\nkey_tries_group = 1000000\n\
             begins_per_minute = 1000000\nasks_in_vain = 1000000\nproblems_per_minute = 1000000\n",
    tls: false,
    before: "",
};

const KILLS: usize = 5;
/// Of each kind of busy client.
const BUSY: usize = 3;

/// What clients were told, which has to be on record therefore.
#[derive(Default)]
struct Told {
    /// Sessions a visitor was told of, with a key and without.
    by_key: Mutex<Vec<u64>>,
    by_request: Mutex<Vec<u64>>,
    /// Sessions an agent was in after a yes, and with a key.
    accepted: Mutex<Vec<u64>>,
    joined: Mutex<Vec<(u64, String)>>,
    /// Why sessions ended for visitors and for agents, and why agents were refused.
    ends: Mutex<BTreeSet<String>>,
    /// How often each busy client has come to the end of what it does.
    rounds: Vec<AtomicUsize>,
}

impl Told {
    fn round(&self, who: usize) {
        self.rounds[who].fetch_add(1, Ordering::Relaxed);
    }

    fn rounds(&self) -> Vec<usize> {
        self.rounds.iter().map(|rounds| rounds.load(Ordering::Relaxed)).collect()
    }

    fn ended(&self, who: &str, why: &impl ToString) {
        self.ends.lock().unwrap().insert(format!("{who}: {}", why.to_string()));
    }
}

fn note<T>(list: &Mutex<Vec<T>>, what: T) {
    list.lock().unwrap().push(what);
}

/// Shares, hands the key out, waits for somebody to come or not to, and stops.
async fn shares(
    who: usize,
    told: Arc<Told>,
    mut visitor: Visitor<Anonymous>,
    keys: Sender<SessionKey>,
) {
    loop {
        let mut sharing = match visitor.start_manual().await {
            Ok(sharing) => sharing,
            Err(error) => {
                told.ended("start", &error);
                visitor = error.into_visitor().expect("the link is never closed for good");
                continue;
            }
        };
        note(&told.by_key, sharing.session().get());
        let key = SessionKey::parse(&sharing.key().to_string()).unwrap();
        let _ = keys.send(key).await;
        visitor = loop {
            // Whoever has the key may have been told that the session is over.
            let mut next = sharing.next();
            let step = async { Some((&mut next).await) };
            let patience = async {
                Timer::after(ms(2_000)).await;
                None
            };
            sharing = match step.or(patience).await {
                Some(ManualStep::Changed(sharing, _)) if sharing.guests() > 0 => {
                    break sharing.end();
                }
                Some(ManualStep::Changed(sharing, _)) => sharing,
                Some(ManualStep::JoinRequested(asked)) => asked.confirm(),
                Some(ManualStep::Ended(visitor, why)) => {
                    told.ended("visitor", &why);
                    break visitor;
                }
                None => break next.into_visitor().unwrap().end(),
            };
        };
        told.round(who);
    }
}

/// Joins with every key it gets, and leaves or stays to the end.
async fn joins(
    who: usize,
    told: Arc<Told>,
    mut agent: Agent<coview_agent::SignedIn>,
    keys: Receiver<SessionKey>,
) {
    let name = agent.card().agent.as_str().to_owned();
    while let Ok(key) = keys.recv().await {
        agent = match agent.join(key).await {
            Ok(viewing) => {
                note(&told.joined, (viewing.session().get(), name.clone()));
                told.round(who);
                to_the_end(&told, viewing).await
            }
            Err(error) => {
                told.ended("join", &error.reason().expect("the link is never closed for good"));
                error.into_agent().unwrap()
            }
        };
    }
}

async fn to_the_end(told: &Told, mut viewing: Agent<Viewing>) -> Agent<coview_agent::SignedIn> {
    loop {
        viewing = match viewing.next().await {
            ViewingStep::Ended(agent, why) => {
                told.ended("agent", &why);
                return agent;
            }
            ViewingStep::Changed(viewing, _) => viewing,
        };
    }
}

/// Is asked, accepts and stops, again and again.
async fn accepts(who: usize, told: Arc<Told>, mut visitor: Visitor<PresenceConnected>) {
    loop {
        let asked = match visitor.next().await {
            PresenceStep::TermsRequested(asked) => asked,
            PresenceStep::Changed(same, _) => {
                visitor = same;
                continue;
            }
            PresenceStep::Lost(visitor) => panic!("{:?}", visitor.last_offline()),
        };
        visitor = match asked.terms_displayed().accept().await {
            Ok(sharing) => {
                note(&told.by_request, sharing.session().get());
                told.round(who);
                sharing.end()
            }
            Err(error) => {
                told.ended("accept", &error.reason().expect("the link is never closed for good"));
                error.into_visitor().unwrap()
            }
        };
    }
}

/// Asks one visitor, again and again.
async fn asks(who: usize, told: Arc<Told>, mut agent: Agent<coview_agent::SignedIn>, whom: String) {
    loop {
        agent = match agent.ask(id(&whom)).await {
            Ok(requesting) => asked(who, &told, requesting).await,
            Err(error) => {
                told.ended("ask", &error.reason().expect("the link is never closed for good"));
                // The visitor may be a moment later back than the agent.
                Timer::after(ms(10)).await;
                error.into_agent().unwrap()
            }
        };
    }
}

async fn asked(
    who: usize,
    told: &Told,
    mut requesting: Agent<coview_agent::Requesting>,
) -> Agent<coview_agent::SignedIn> {
    loop {
        requesting = match requesting.next().await {
            RequestingStep::Accepted(viewing) => {
                note(&told.accepted, viewing.session().get());
                told.round(who);
                return to_the_end(told, viewing).await;
            }
            RequestingStep::Over(agent, outcome) => {
                told.ended("asked", &outcome);
                return agent;
            }
            RequestingStep::Changed(same, _) => same,
        };
    }
}

/// Those of whom it is known what they are told at each kill.
struct Cast {
    sharing: ByKey,
    key: SessionKey,
    viewing: Agent<Viewing>,
    shared: ByRequest,
    viewed: Agent<Viewing>,
    shown: Visitor<coview_lifecycle::TermsShown>,
    waiting: Agent<coview_agent::Requesting>,
    watching: Agent<coview_agent::SignedIn>,
}

impl Cast {
    async fn meet(house: &House) -> Self {
        let (sharing, viewing, key) = by_key(house.visitor().await, house.agent("ada").await).await;
        let (shared, viewed) =
            by_request(house.online("customer-1").await, house.agent("grace").await).await;
        let (shown, waiting) =
            unanswered(house.online("customer-2").await, house.agent("joan").await).await;
        let watching = watch(house.agent("hedy").await).await;
        Self { sharing, key, viewing, shared, viewed, shown, waiting, watching }
    }

    /// Each is told what became of it, is where it was before, and begins again.
    async fn again(self) -> Self {
        let (visitor, why) =
            until!(self.sharing, "the end", ManualStep::Ended(visitor, why) => (visitor, why));
        assert_eq!((why, visitor.state()), (EndReason::VisitorLost, StateKind::Anonymous));
        let (ada, why) = ended(self.viewing).await;
        assert_eq!(why, EndReason::AgentLost);
        // What was read out before opens nothing.
        let refused = soon("the answer", ada.join(self.key)).await.unwrap_err();
        assert_eq!(refused.reason(), Some(RefusalCode::NoSuchKey));
        let (sharing, viewing, key) = by_key(visitor, refused.into_agent().unwrap()).await;
        assert_ne!(key, self.key);

        let (visitor, why) =
            until!(self.shared, "the end", OneClickStep::Ended(visitor, why) => (visitor, why));
        assert_eq!((why, visitor.state()), (EndReason::VisitorLost, StateKind::PresenceConnected));
        let (grace, why) = ended(self.viewed).await;
        assert_eq!(why, EndReason::AgentLost);
        let visitor = connected(visitor).await;
        let (shared, viewed) = by_request(visitor, grace).await;

        let (visitor, why) =
            until!(self.shown, "the end", TermsStep::Withdrawn(visitor, why) => (visitor, why));
        assert_eq!(why, WithdrawReason::PresenceOver);
        let (joan, outcome) =
            until!(self.waiting, "the end", RequestingStep::Over(agent, why) => (agent, why));
        assert_eq!(outcome, AskOutcome::Lost);
        let (shown, waiting) = unanswered(connected(visitor).await, joan).await;

        // The one who watches sees everybody again.
        let mut watching = until!(
            self.watching,
            "the new roster",
            SignedInStep::Changed(agent, AgentChange::Roster) => agent
        );
        while watching.roster().len() < 2 + BUSY {
            watching = match soon("everybody to be seen", watching.next()).await {
                SignedInStep::Changed(agent, _) => agent,
                SignedInStep::Closed(why) => panic!("{why}"),
            };
        }
        Self { sharing, key, viewing, shared, viewed, shown, waiting, watching }
    }
}

/// Waits until the server knows the visitor again, so that agents can ask.
async fn connected(mut visitor: Visitor<PresenceConnected>) -> Visitor<PresenceConnected> {
    while visitor.connectivity() != Connectivity::Connected {
        visitor = match soon("the connection", visitor.next()).await {
            PresenceStep::Changed(visitor, _) => visitor,
            other => panic!("instead of the connection: {other:?}"),
        };
    }
    visitor
}

#[test]
fn killed_again_and_again_the_server_loses_nothing_that_was_told() {
    block_on(async {
        let mut chance = Chance::new("kills");
        let mut house = House::new("kills", SETUP);
        let network = Chaos::to(house.address(), chance.another()).await;
        let told = Told {
            rounds: (0..4 * BUSY).map(|_| AtomicUsize::new(0)).collect(),
            ..Told::default()
        };
        let told = Arc::new(told);
        let (keys, typed) = bounded(1);
        let mut busy = Vec::new();
        for number in 0..BUSY {
            let who = |kind| number * 4 + kind;
            let visitor = house.visitor().await;
            busy.push(smol::spawn(shares(who(0), Arc::clone(&told), visitor, keys.clone())));
            let agent = house.agent(&format!("joins-{number}")).await;
            busy.push(smol::spawn(joins(who(1), Arc::clone(&told), agent, typed.clone())));
            // Through a network that listens.
            let whom = format!("asked-{number}");
            let visitor = house.online_at(&house.url_through(network.address()), &whom).await;
            busy.push(smol::spawn(accepts(who(2), Arc::clone(&told), visitor)));
            let agent = house.agent(&format!("asks-{number}")).await;
            busy.push(smol::spawn(asks(who(3), Arc::clone(&told), agent, whom)));
        }
        let mut cast = Cast::meet(&house).await;
        for kill in 0..KILLS {
            let before = told.rounds();
            let more = 1 + chance.below(8);
            becomes("everybody to be busy", || {
                assert!(busy.iter().all(|task| !task.is_finished()), "one is gone for good");
                told.rounds().iter().zip(&before).all(|(now, before)| *now >= before + more)
            })
            .await;
            house.kill();
            house.start();
            cast = cast.again().await;
            println!("kill {kill}: {:?} rounds", told.rounds());
        }
        let before = told.rounds();
        becomes("everybody to be back", || {
            told.rounds().iter().zip(&before).all(|(now, before)| now > before)
        })
        .await;
        drop((busy, cast));
        house.stop();
        house.verify();
        println!("{:#?}", told.ends.lock().unwrap());
        on_record(&told, &house.records());
        assert!(!network.told("\"key\":"), "a key was told for a session that has none");
        assert!(network.told("\"session_connected\""));
    });
}

fn on_record(told: &Told, records: &Records) {
    let sessions: Vec<_> = records.of("session_started").map(|it| it["session"].as_u64()).collect();
    let different: BTreeSet<_> = sessions.iter().collect();
    assert_eq!(different.len(), sessions.len(), "a session id was used twice");

    let consents: Vec<_> = records.of("accepted").map(|it| it["ask"].as_u64()).collect();
    let different: BTreeSet<_> = consents.iter().collect();
    assert_eq!(different.len(), consents.len(), "a consent was given twice");

    let started = |session: u64, by: &str| {
        let is = |it: &&Value| it["session"] == session && it["facts"]["by"] == by;
        records.of("session_started").filter(is).count()
    };
    let by_key = told.by_key.lock().unwrap();
    let by_request = told.by_request.lock().unwrap();
    let accepted = told.accepted.lock().unwrap();
    let joined = told.joined.lock().unwrap();
    println!(
        "told of {} sessions by key, {} by request, {} yeses, {} joins; {} sessions on record",
        by_key.len(),
        by_request.len(),
        accepted.len(),
        joined.len(),
        sessions.len()
    );
    for session in &*by_key {
        assert_eq!(started(*session, "visitor_tapped_share"), 1, "{session}");
    }
    for session in by_request.iter().chain(&*accepted) {
        assert_eq!(started(*session, "request"), 1, "{session}");
        assert_eq!(records.count("accepted", *session), 1, "{session}");
    }
    for (session, agent) in &*joined {
        let is = |it: &&Value| it["session"] == *session && it["open"]["agent"]["value"] == **agent;
        assert_eq!(records.of("guest_joined").filter(is).count(), 1, "{agent} in {session}");
    }
}
