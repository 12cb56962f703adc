//! Thousands of clients at once, after a restart and again and again: all of them are back, nobody is
//! refused, and when they have gone the server is what it was before.

use std::collections::BTreeMap;
use std::io;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use serde_json::json;
use smol::Executor;
use smol::Timer;
use smol::block_on;
use smol::channel::Receiver;
use smol::channel::Sender;
use smol::channel::bounded;

use crate::house::*;
use crate::light::Light;
use crate::support::GROUP;

const CROWD: usize = 10_000;

/// Descriptors that are not for the crowd: the other tests of this process have some, too.
const SPARE: usize = 1_500;

/// How long a crowd may take to be there. Debug builds of server and clients, on a machine that may be
/// busy with other tests.
const ALL: Duration = Duration::from_secs(300);

const SETUP: Setup = Setup {
    config: "[limits]\nconnections = 12000\nhandshake_seconds = 120\n\
             [policy]\nheartbeat_seconds = 600\nfirst_reply_seconds = 120\n",
    tls: false,
    before: "ulimit -n \"$(ulimit -Hn)\"",
};

#[expect(clippy::disallowed_methods, reason = "the test tells how long it took")]
fn now() -> Instant {
    Instant::now()
}

/// Takes as many descriptors for this process as it may have; how many clients that is.
fn room() -> usize {
    let pid = std::process::id().to_string();
    let asked = Command::new("prlimit")
        .args(["--pid", &pid, "--nofile", "--output", "HARD", "--noheadings", "--raw"])
        .output()
        .expect("there is a prlimit command");
    let hard = String::from_utf8(asked.stdout).unwrap().trim().to_owned();
    let limit = format!("--nofile={hard}:{hard}");
    assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
    let most = if hard == "unlimited" { usize::MAX } else { hard.parse().unwrap() };
    CROWD.min(most - SPARE)
}

/// What the clients of a crowd tell, and are told.
struct Crowd {
    server: SocketAddr,
    clients: usize,
    online: AtomicUsize,
    /// Why clients had to try again.
    troubles: Mutex<BTreeMap<String, usize>>,
}

/// What a client waits for; it is said by dropping the other end.
type Signal = Receiver<()>;

impl Crowd {
    fn trouble(&self, error: &io::Error) {
        *self.troubles.lock().unwrap().entry(error.to_string()).or_default() += 1;
    }

    fn are_online(&self, count: usize) -> bool {
        self.online.load(Ordering::Relaxed) == count
    }

    /// A client that is online until it is told to go. Where its connection breaks, it waits for `back`
    /// before it comes again.
    async fn client(&self, number: usize, back: Option<Signal>, go: Signal) {
        let name = format!("customer-{number}");
        // Each address of the loopback has its own ports.
        let from = Ipv4Addr::new(127, 0, 1, 1 + u8::try_from(number % 4).unwrap());
        let mut secret = None;
        let mut light = self.come(&name, from, &mut secret).await;
        self.online.fetch_add(1, Ordering::Relaxed);
        if let Some(back) = back {
            let error = light.hear().await.expect_err("nobody says anything to it");
            assert!(is_broken(&error), "{error}");
            drop(light);
            self.online.fetch_sub(1, Ordering::Relaxed);
            let _ = back.recv().await;
            light = self.come(&name, from, &mut secret).await;
            self.online.fetch_add(1, Ordering::Relaxed);
        }
        let _ = go.recv().await;
        light.say(&json!({ "t": "bye" })).await.unwrap();
        let goodbye = light.hear().await.unwrap();
        assert_eq!(goodbye["reason"], "left", "{goodbye}");
        self.online.fetch_sub(1, Ordering::Relaxed);
    }

    /// Tries until it is online.
    async fn come(&self, name: &str, from: Ipv4Addr, secret: &mut Option<String>) -> Light {
        loop {
            match self.try_to_come(name, from, secret).await {
                Ok(light) => return light,
                Err(error) => self.trouble(&error),
            }
            Timer::after(ms(100)).await;
        }
    }

    async fn try_to_come(
        &self,
        name: &str,
        from: Ipv4Addr,
        secret: &mut Option<String>,
    ) -> io::Result<Light> {
        let mut light = Light::connect(self.server, from).await?;
        if let Some(secret) = &*secret {
            let resume = json!({
                "t": "resume", "re": 0, "version": 1, "group": GROUP, "secret": secret,
            });
            let refused = light.expect(&resume, "refused").await?;
            assert_eq!(refused["code"], "resume_failed", "{refused}");
        }
        *secret = Some(light.go_online(name).await?);
        Ok(light)
    }
}

/// Whether a connection ended without a word, as it does when the other side is killed.
fn is_broken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

/// A crowd that comes; with a way back after a break, and one to let it go.
fn gather(
    executor: &Executor<'static>,
    crowd: &Arc<Crowd>,
    comes_back: bool,
) -> (Sender<()>, Sender<()>, Vec<smol::Task<()>>) {
    let (let_back, back) = bounded(1);
    let (let_go, go) = bounded(1);
    let client = |number| {
        let (crowd, go) = (Arc::clone(crowd), go.clone());
        let back = comes_back.then(|| back.clone());
        executor.spawn(async move { crowd.client(number, back, go).await })
    };
    let clients = (0..crowd.clients).map(client).collect();
    (let_back, let_go, clients)
}

#[test]
fn ten_thousand_come_back_at_once_and_leave_the_server_as_it_was() {
    let clients = room();
    let mut house = House::new("crowd", SETUP);
    let executor = Arc::new(Executor::new());
    let crowd = Arc::new(Crowd {
        server: house.address(),
        clients,
        online: AtomicUsize::new(0),
        troubles: Mutex::default(),
    });
    block_on(executor.run(async {
        let began = now();
        let (let_back, let_go, tasks) = gather(&executor, &crowd, true);
        let all_online = || {
            let crowd = Arc::clone(&crowd);
            within(ALL, "all of the crowd to be online", async move {
                while !crowd.are_online(crowd.clients) {
                    Timer::after(ms(20)).await;
                }
            })
        };
        all_online().await;
        println!("{clients} clients came in {:?}", began.elapsed());

        house.kill();
        becomes("everybody to notice", || crowd.are_online(0)).await;
        house.start();
        let began = now();
        let (before, descriptors) = (house.system().memory(), house.system().descriptors());
        drop(let_back);
        all_online().await;
        println!("{clients} clients came back at once in {:?}", began.elapsed());
        // Everybody was let in at the first try.
        assert_eq!(*crowd.troubles.lock().unwrap(), BTreeMap::new());
        assert_eq!(house.metric("coview_visitors_online"), clients as u64);
        let peak = house.system().memory();

        let mut left = Vec::new();
        let (mut let_go, mut tasks) = (let_go, tasks);
        for wave in 0..3 {
            drop(let_go);
            let began = now();
            for task in core::mem::take(&mut tasks) {
                within(ALL, "everybody to be gone", task).await;
            }
            for gauge in ["connections", "visitors", "visitors_online", "sessions", "asks"] {
                house.metric_becomes(&format!("coview_{gauge}"), 0).await;
            }
            becomes("the descriptors to be closed", || {
                house.system().descriptors() <= descriptors + 1
            })
            .await;
            left.push(house.system().memory());
            println!("wave {wave} gone in {:?}", began.elapsed());
            if wave == 2 {
                break;
            }
            let began = now();
            let (_, let_next_go, next) = gather(&executor, &crowd, false);
            (let_go, tasks) = (let_next_go, next);
            all_online().await;
            println!("wave {} came in {:?}", wave + 1, began.elapsed());
        }
        println!("KiB: {before} before, {peak} with all, {left:?} after each wave");
        // The C library keeps most of what it was given for the crowd, in pieces between those that
        // are used: what counts is that the next crowd finds room in it.
        let all = KIB_EACH * clients as u64;
        for after in left {
            assert!(after <= before + all, "{after} KiB is more than {all} KiB for everybody");
        }
    }));
    house.stop();
    house.verify();
}

#[test]
fn a_server_that_is_busy_keeps_hundreds_waiting_and_forgets_none() {
    let clients = room().min(500);
    let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    let clients = clients.min(most.trim().parse().unwrap());
    let mut house = House::new("queue", SETUP);
    house.signal("-STOP");
    // The kernel makes the connections as long as there is room for them in the server's queue. Without
    // room it is silent, and the client tries again after a second, and then ever later.
    let connect = |_| TcpStream::connect_timeout(&house.address(), SOON / 2).unwrap();
    let began = now();
    let waiting: Vec<_> = (0..clients).map(connect).collect();
    println!("{clients} connections in {:?} to a server that stands still", began.elapsed());
    house.signal("-CONT");
    for mut client in waiting {
        client.set_read_timeout(Some(SOON)).unwrap();
        client.write_all(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
        let mut answer = [0; 12];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
    }
    house.stop();
}

/// What a client may take at most while it comes, in a debug build, and what is left of one that has
/// gone.
const KIB_EACH: u64 = 24;
const BYTES_LEFT_OF_EACH: u64 = 256;

#[test]
fn ten_thousand_who_come_and_go_leave_nothing_behind() {
    const AT_A_TIME: usize = 250;
    let mut house = House::new("churn", SETUP);
    let executor = Arc::new(Executor::new());
    let crowd = Arc::new(Crowd {
        server: house.address(),
        clients: AT_A_TIME,
        online: AtomicUsize::new(0),
        troubles: Mutex::default(),
    });
    block_on(executor.run(async {
        let mut memory = Vec::new();
        for count in [2_500, CROWD] {
            for _ in 0..count / AT_A_TIME {
                let (_, let_go, tasks) = gather(&executor, &crowd, false);
                becomes("all of them to be online", || crowd.are_online(AT_A_TIME)).await;
                drop(let_go);
                for task in tasks {
                    soon("everybody to be gone", task).await;
                }
            }
            house.metric_becomes("coview_connections", 0).await;
            memory.push(house.system().memory());
        }
        println!("KiB: {memory:?} after 2,500 and {CROWD} more");
        let left = memory[1].saturating_sub(memory[0]) * 1_024;
        assert!(left <= BYTES_LEFT_OF_EACH * CROWD as u64, "{left} bytes are left of {CROWD}");
        assert!(crowd.troubles.lock().unwrap().is_empty());
    }));
    house.stop();
    house.verify();
}
