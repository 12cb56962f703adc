//! What is told before its record is on disk: nothing.

use core::sync::atomic::AtomicUsize;
use core::task::Waker;
use std::fs::File;
use std::io;
use std::sync::Condvar;
use std::task::Wake;

use coview_audit::Medium;
use coview_audit::log_path;
use coview_hub::Accounts;
use coview_hub::Caller;
use coview_hub::ConnId;
use coview_hub::GroupConfig;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentToken;
use coview_wire::CloseReason;
use coview_wire::Terms;
use futures_lite::FutureExt;
use smol::Timer;

use super::*;
use crate::connection::Session;
use crate::connection::choppy::Choppy;
use crate::connection::choppy::masked;
use crate::front::Admitted;
use crate::front::Front;
use crate::outbox::Due;
use crate::outbox::Word;
use crate::shared::Shared;

const HELLO: &str = r#"{"t":"hello","re":0,"version":1,"group":"12345","app":"active"}"#;
const SIGN_IN: &str = r#"{"t":"sign_in","re":0,"version":1,"group":"12345","token":"grace"}"#;
const START: &str = r#"{"t":"session_start","re":1,"start":1,"by":"random_key"}"#;

/// A disk that takes its time: whoever wants to know that something is on it waits until it may go.
#[derive(Clone, Default)]
struct Disk(Arc<(Mutex<Pace>, Condvar)>);

#[derive(Default)]
struct Pace {
    held: bool,
    /// How many wait.
    waiting: usize,
}

impl Disk {
    fn set_held(&self, held: bool) {
        self.0.0.lock().unwrap().held = held;
        self.0.1.notify_all();
    }

    /// Returns when somebody waits for the disk.
    fn is_waited_for(&self) {
        let pace = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(pace, |pace| pace.waiting == 0).unwrap());
    }
}

struct Slow(File, Disk);

impl Medium for Slow {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        let (pace, changed) = &*self.1.0;
        let mut pace = pace.lock().unwrap();
        pace.waiting += 1;
        changed.notify_all();
        pace = changed.wait_while(pace, |pace| pace.held).unwrap();
        pace.waiting -= 1;
        Ok(())
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.0.cut(bytes)
    }
}

struct World {
    shared: Arc<Shared>,
    disk: Disk,
    folder: tempfile::TempDir,
}

fn group() -> GroupId {
    GroupId::new("12345").unwrap()
}

fn world() -> World {
    let mut config = GroupConfig::new(Terms::new("1", "The agent will see.").unwrap());
    let grace = AgentCard::new(AgentId::new("grace").unwrap(), "Grace Hopper").unwrap();
    let accounts = Accounts::default().with(AgentToken::new("grace").unwrap(), grace);
    config.proofs = Arc::new(accounts);
    config.assertion_needed = false;
    let hub = HubConfig::one_group(group(), config);
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::default();
    let under = disk.clone();
    let options = Options {
        wrap: Arc::new(move |file| Box::new(Slow(file, under.clone()))),
        ..Options::new(wall)
    };
    let audit = Audit::open_with(folder.path(), &hub, options).unwrap();
    let mut config = ServerConfig::loopback(hub);
    let front = Front::new(&mut config, ([127, 0, 0, 1], 7300).into());
    let (shared, _) = Shared::new(config, front, audit, [7; 32]);
    World { shared, disk, folder }
}

/// A connection with its outbox, read to where it blocks.
struct Client {
    conn: ConnId,
    outbox: Arc<Outbox>,
    gate: Arc<Gate>,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Woken(AtomicUsize, Mutex<()>, Condvar);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        let _guard = self.1.lock().unwrap();
        self.0.fetch_add(1, Ordering::SeqCst);
        self.2.notify_all();
    }
}

impl World {
    fn open(&self) -> Client {
        let (conn, outbox) = self.shared.open(Caller::default()).unwrap();
        Client { conn, outbox, gate: Arc::clone(self.shared.gate()), woken: Arc::default() }
    }

    fn say(&self, client: &Client, text: &str) {
        self.shared.text(client.conn, text);
    }

    fn visitor(&self) -> Client {
        let client = self.open();
        self.say(&client, HELLO);
        assert!(client.heard()[0].contains("welcome"));
        client
    }

    fn agent(&self) -> Client {
        let client = self.open();
        self.say(&client, SIGN_IN);
        assert!(client.heard()[0].contains("signed_in"));
        client
    }

    fn log(&self) -> String {
        std::fs::read_to_string(log_path(self.folder.path(), &group())).unwrap()
    }
}

impl Client {
    /// What may be told now.
    fn heard(&self) -> Vec<String> {
        let waker = Waker::from(Arc::clone(&self.woken));
        let mut heard = Vec::new();
        loop {
            match self.outbox.next(&self.gate, &waker) {
                Due::Send(Word::Text(text)) => heard.push(text.to_string()),
                Due::Send(Word::Binary(_)) => heard.push("binary".to_owned()),
                Due::Show(_) => heard.push("picture".to_owned()),
                Due::Close(_) => return heard,
                Due::Nothing => return heard,
            }
        }
    }

    /// What is told as soon as there is something, to a reader who looks only when woken.
    fn heard_when_woken(&self) -> Vec<String> {
        loop {
            self.woken.0.store(0, Ordering::SeqCst);
            let heard = self.heard();
            if !heard.is_empty() {
                return heard;
            }
            let asleep = |_: &mut ()| self.woken.0.load(Ordering::SeqCst) == 0;
            drop(self.woken.2.wait_while(self.woken.1.lock().unwrap(), asleep).unwrap());
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // The log is closed next, and waits for the disk.
        self.disk.set_held(false);
    }
}

#[test]
fn nothing_is_told_of_a_session_before_its_record_is_on_disk_and_others_do_not_wait() {
    let world = world();
    let visitor = world.visitor();
    world.disk.set_held(true);
    world.say(&visitor, START);
    world.disk.is_waited_for();
    assert_eq!(visitor.heard(), Vec::<String>::new());

    // The hub is not held up, and nobody else is.
    let other = world.visitor();
    world.say(&other, r#"{"t":"ping","re":1}"#);
    assert_eq!(other.heard().len(), 1);
    assert_eq!(visitor.heard(), Vec::<String>::new());

    world.disk.set_held(false);
    let heard = visitor.heard_when_woken();
    assert!(heard[0].contains("session_connected"), "{heard:?}");
    assert!(world.log().contains("visitor_tapped_share"));
}

#[test]
fn what_waits_is_not_told_on_another_connection_either() {
    let world = world();
    let visitor = world.open();
    world.say(&visitor, HELLO);
    let welcome = visitor.heard().remove(0);
    let secret = welcome.split("\"secret\":\"").nth(1).unwrap().split('"').next().unwrap();
    world.disk.set_held(true);
    world.say(&visitor, START);
    let again = world.open();
    let resume =
        format!(r#"{{"t":"resume","re":0,"version":1,"group":"12345","secret":"{secret}"}}"#);
    world.say(&again, &resume);
    world.disk.is_waited_for();
    assert_eq!((visitor.heard(), again.heard()), (Vec::new(), Vec::new()));
    world.disk.set_held(false);
    let heard = again.heard_when_woken();
    assert!(heard[0].contains("resumed") && heard[0].contains("session"), "{heard:?}");
}

/// The key of a session that is running.
fn key(world: &World, visitor: &Client) -> String {
    world.say(visitor, START);
    let heard = visitor.heard_when_woken();
    let key = heard[0].split("\"key\":\"").nth(1).unwrap().split('"').next().unwrap();
    key.to_owned()
}

#[test]
fn no_picture_overtakes_the_record_of_who_may_see_it() {
    let world = world();
    let (visitor, agent) = (world.visitor(), world.agent());
    let key = key(&world, &visitor);
    world.disk.set_held(true);
    world.say(&agent, &format!(r#"{{"t":"join","re":1,"key":"{key}"}}"#));
    world.disk.is_waited_for();
    agent.outbox.show([1, 2, 3].into(), &world.shared.limits).ok().unwrap();
    assert_eq!(agent.heard(), Vec::<String>::new());
    assert_eq!(visitor.heard(), Vec::<String>::new());
    world.disk.set_held(false);
    let heard = agent.heard_when_woken();
    assert!(heard[0].contains("joined"), "{heard:?}");
    assert_eq!(heard.last().unwrap(), "picture");
    assert!(world.log().contains("\"guest_joined\""));
}

#[test]
fn an_end_is_told_at_once_however_slow_the_disk_is() {
    let world = world();
    let (visitor, agent) = (world.visitor(), world.agent());
    let key = key(&world, &visitor);
    world.say(&agent, &format!(r#"{{"t":"join","re":1,"key":"{key}"}}"#));
    agent.heard_when_woken();
    world.disk.set_held(true);
    world.say(&visitor, r#"{"t":"session_end","re":2,"start":1}"#);
    let heard = agent.heard();
    assert!(heard.iter().any(|text| text.contains("session_ended")), "{heard:?}");
    world.disk.set_held(false);
}

#[test]
fn a_server_without_a_data_directory_holds_nothing_back() {
    let config = ServerConfig::loopback(HubConfig::default());
    let audit = Audit::open(&config).unwrap();
    assert!(audit.is_healthy() && audit.gate().is_open(Ticket::default()));
}

#[test]
fn a_closed_outbox_still_holds_back_what_is_not_on_record() {
    let world = world();
    let visitor = world.visitor();
    world.disk.set_held(true);
    world.say(&visitor, START);
    world.disk.is_waited_for();
    visitor.outbox.close(CloseReason::Shutdown);
    assert_eq!(visitor.heard(), Vec::<String>::new());
    world.disk.set_held(false);
}

#[test]
fn whoever_has_proofs_refused_by_the_thousand_does_not_fill_the_disk() {
    let mut refusals = Refusals::default();
    let mut recorded = |second| {
        let now = UnixTime::new(second);
        let record = Record::new(Kind::ProofRefused, now);
        let left_out = record.clone().fact("unrecorded", 950_u64);
        let all: Vec<_> = (0..1000).filter_map(|_| refusals.pace(now, record.clone())).collect();
        (all.len(), all[0] == left_out)
    };
    assert_eq!(recorded(7), (50, false));
    assert_eq!(recorded(8), (50, true), "and the first tells how many were left out");
}

#[test]
fn a_client_whose_goodbye_waits_for_a_record_is_let_go_all_the_same() {
    let world = world();
    world.disk.set_held(true);
    let opened = world.shared.open(Caller::default()).unwrap();
    // The session begins, which has to be on record, and the client leaves in the same breath.
    let said = [HELLO, START, r#"{"t":"bye"}"#].map(|text| masked(0x81, text.as_bytes())).concat();
    let (shared, none) = (Arc::clone(&world.shared), Admitted::default());
    let mut read = said;
    let session = Session::new(shared, opened, Choppy::quiet(), &mut read, none);
    let late = async {
        Timer::after(Duration::from_secs(20)).await;
        panic!("the client stays as long as the disk does");
    };
    smol::block_on(session.or(late));
    assert_eq!(world.shared.clients(), 0);
    assert_eq!(world.shared.stats().messages_in, 3);
}
