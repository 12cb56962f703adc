//! How fast the picture is relayed over real sockets on this machine, and what a viewer costs.
//!
//! The server is on a thread of its own, as in production; one visitor sends as fast as all viewers
//! read. The visitor and the viewers take processor time of the same machine, so beside the time on
//! the clock stands what the server's thread itself took: that is what one core is worth. The memory
//! of the server is measured with the clients in another process.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use std::time::Instant;

use coview_hub::Accounts;
use coview_server::Server;
use coview_server::ServerConfig;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentMessage;
use coview_wire::AgentToken;
use coview_wire::AppState;
use coview_wire::ClientMessage;
use coview_wire::GroupId;
use coview_wire::Hello;
use coview_wire::Join;
use coview_wire::Message as _;
use coview_wire::Picture;
use coview_wire::Profile;
use coview_wire::RequestId;
use coview_wire::ServerMessage;
use coview_wire::SessionId;
use coview_wire::SessionKey;
use coview_wire::SessionStart;
use coview_wire::SignIn;
use coview_wire::StartBy;
use coview_wire::StartId;
use coview_wire::ViewerId;
use coview_wire::ViewerNotice;
use tungstenite::Message;
use tungstenite::WebSocket;
use tungstenite::client::IntoClientRequest;

const CONFIG: &str = r#"
listen = "127.0.0.1:0"
[limits]
messages_per_second = 1000000000
bytes_per_second = 4000000000
queue_picture_bytes = 1000000000
[policy]
max_guests = 1000
[[group]]
id = "bench"
[group.terms]
version = "1"
text = "The agent will see this app's screen until you stop."
"#;

/// The configuration, and the agent who may sign in.
fn config() -> ServerConfig {
    let mut config = ServerConfig::from_toml(CONFIG).expect("the configuration is right");
    let grace = AgentId::new("grace").expect("it is an id");
    let grace = AgentCard::new(grace, "Grace").expect("it is a name");
    let token = AgentToken::new("bench-token").expect("it is a token");
    for group in config.hub.groups.values_mut() {
        group.proofs = Arc::new(Accounts::default().with(token.clone(), grace.clone()));
    }
    config
}

/// The bytes of a body: a key pressed, and a page that changed.
const SMALL: usize = 500;
const LARGE: usize = 100_000;

fn main() {
    let args: Vec<_> = std::env::args().collect();
    if let [_, role, address, idle, viewers] = &args[..]
        && role == "clients"
    {
        let number = |text: &str| text.parse().expect("a number");
        return clients(address.parse().expect("an address"), number(idle), number(viewers));
    }
    // Without `--bench`, which `cargo bench` gives, it is only asked whether it runs.
    let measured = args.iter().any(|arg| arg == "--bench");

    let server = start();
    println!("viewers    body   messages in/s  out/s     MB/s out   server core: out/s   MB/s out");
    for viewers in [1, 4, 16] {
        for (body, megabytes) in [(SMALL, 60), (LARGE, 3000)] {
            let count = if measured { megabytes * 1_000_000 / body / viewers } else { 3 };
            relay(&server, viewers, body, count);
        }
    }
    let (idle, viewers) = if measured { (1000, 200) } else { (3, 2) };
    memory(&server, idle, viewers);
}

struct Running {
    address: SocketAddr,
    /// Where the kernel counts the processor time of the server's thread.
    schedstat: PathBuf,
}

fn start() -> Running {
    let server = smol::block_on(Server::bind(config())).expect("a loopback port is free");
    let address = server.address();
    let (told, thread) = mpsc::channel();
    std::thread::spawn(move || {
        let thread = std::fs::read_link("/proc/thread-self").expect("this is Linux");
        told.send(thread).expect("somebody waits for it");
        smol::block_on(server.run(std::future::pending()));
    });
    let thread = thread.recv().expect("the server runs");
    Running { address, schedstat: PathBuf::from("/proc").join(thread).join("schedstat") }
}

impl Running {
    fn processor_time(&self) -> Duration {
        let text = std::fs::read_to_string(&self.schedstat).expect("the kernel counts it");
        let nanos = text.split(' ').next().and_then(|number| number.parse().ok());
        Duration::from_nanos(nanos.expect("the kernel writes numbers"))
    }
}

fn relay(server: &Running, viewers: usize, body: usize, count: usize) {
    // Enough on the way to keep the server busy, and less than its queues hold.
    let window = (2_000_000 / body).min(1000);
    let (mut visitor, session, key) = Client::sharing(server.address);
    let (mut numbers, mut seen) = (Vec::new(), Vec::new());
    for _ in 0..viewers {
        let (viewer, number) = Client::viewer(server.address, key, &mut visitor);
        numbers.push(number);
        seen.push(viewer.reads_on_a_thread());
    }
    let message = Picture::encode(session, &numbers, &vec![7; body]);
    let (began, worked) = (now(), server.processor_time());
    for at in 0..count {
        if at >= window {
            all_have_seen_one_more(&seen);
        }
        visitor.0.send(Message::binary(message.clone())).expect("the server reads");
    }
    for _ in 0..window.min(count) {
        all_have_seen_one_more(&seen);
    }
    let (took, worked) = (now() - began, server.processor_time() - worked);
    let out = (count * viewers) as f64;
    let megabytes = out * body as f64 / 1e6;
    println!(
        "{viewers:7} {body:7} {:14.0} {:8.0} {:10.0} {:18.0} {:12.0}",
        count as f64 / took.as_secs_f64(),
        out / took.as_secs_f64(),
        megabytes / took.as_secs_f64(),
        out / worked.as_secs_f64(),
        megabytes / worked.as_secs_f64(),
    );
}

fn all_have_seen_one_more(seen: &[Receiver<()>]) {
    for viewer in seen {
        viewer.recv().expect("the viewer reads");
    }
}

/// The memory of this process, which is the server, with its clients in another.
fn memory(server: &Running, idle: usize, viewers: usize) {
    let mut clients = Command::new(std::env::current_exe().expect("a program knows where it is"))
        .args(["clients", &server.address.to_string(), &idle.to_string(), &viewers.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program is there");
    let mut next = clients.stdin.take().expect("it is piped");
    let mut done = BufReader::new(clients.stdout.take().expect("it is piped")).lines();
    let mut before = resident_bytes();
    for (what, count) in [
        ("idle visitor, after hello", idle),
        ("viewer, before the first picture", viewers),
        ("the same viewer after pictures of 100 kB", viewers),
    ] {
        next.write_all(b"go\n").expect("the clients read");
        done.next().expect("the clients are there").expect("they say they are done");
        let after = resident_bytes();
        let each = after.saturating_sub(before) / count as u64;
        println!("memory: {each:7} bytes more for each {what} ({count})");
        before = after;
    }
    drop(next);
    clients.wait().expect("the clients end");
}

/// Pages in memory times their size, from the kernel: it needs no allocator of our own.
fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("this is Linux");
    let pages: u64 = text.split(' ').nth(1).expect("it has fields").parse().expect("of numbers");
    pages * 4096
}

/// The other process: takes one step for each line, and says when it is done.
fn clients(address: SocketAddr, idle: usize, viewers: usize) {
    let mut steps = std::io::stdin().lines().map_while(Result::ok);
    steps.next();
    let idle: Vec<_> = (0..idle).map(|_| Client::visitor(address)).collect();
    println!("idle");
    steps.next();
    let (mut visitor, session, key) = Client::sharing(address);
    let mut all: Vec<_> =
        (0..viewers).map(|_| Client::viewer(address, key, &mut visitor)).collect();
    println!("joined");
    steps.next();
    for _ in 0..5 {
        for some in all.chunks_mut(64) {
            let numbers: Vec<_> = some.iter().map(|(_, number)| *number).collect();
            let message = Picture::encode(session, &numbers, &vec![7; LARGE]);
            visitor.0.send(Message::binary(message)).expect("the server reads");
            for (viewer, _) in some {
                viewer.sees();
            }
        }
    }
    println!("seen");
    steps.next();
    drop(idle);
}

struct Client(WebSocket<TcpStream>);

impl Client {
    fn open(address: SocketAddr) -> Self {
        let tcp = TcpStream::connect(address).expect("the loopback works");
        tcp.set_nodelay(true).expect("the option is supported");
        let request = format!("ws://{address}/v1/socket").into_client_request();
        let mut request = request.expect("the address is right");
        let protocol = "coview.v1".parse().expect("it is a header's value");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        Self(tungstenite::client(request, tcp).expect("the server answers").0)
    }

    fn visitor(address: SocketAddr) -> Self {
        let mut client = Self::open(address);
        client.say(ClientMessage::from(Hello {
            re: RequestId::new(0),
            version: 1,
            group: GroupId::new("bench").expect("the id is right"),
            token: None,
            profile: Profile::new(),
            app: AppState::Active,
        }));
        client.hears("welcome");
        client
    }

    fn sharing(address: SocketAddr) -> (Self, SessionId, SessionKey) {
        let mut client = Self::visitor(address);
        let (re, start, by) = (RequestId::new(0), StartId::new(1), StartBy::RandomKey);
        client.say(ClientMessage::from(SessionStart { re, start, by }));
        let text = client.hears("session_connected");
        let Ok(ServerMessage::SessionConnected(it)) = ServerMessage::decode(&text) else {
            panic!("{text}")
        };
        (client, it.session, it.key.expect("a manual start has a key"))
    }

    fn viewer(address: SocketAddr, key: SessionKey, visitor: &mut Self) -> (Self, ViewerId) {
        let mut client = Self::open(address);
        let re = RequestId::new(0);
        let group = GroupId::new("bench").expect("the id is right");
        let token = AgentToken::new("bench-token").expect("the token is right");
        client.say(AgentMessage::from(SignIn { re, version: 1, group, token }));
        client.hears("signed_in");
        client.say(AgentMessage::from(Join { re, key }));
        client.hears("joined");
        loop {
            let message = visitor.0.read().expect("the server tells of the viewer");
            if message.is_binary() {
                let notice = ViewerNotice::decode(&message.into_data()).expect("it is well-formed");
                return (client, notice.viewer);
            }
        }
    }

    fn say(&mut self, message: impl coview_wire::Message) {
        self.0.send(Message::text(message.encode())).expect("the server reads");
    }

    fn hears(&mut self, kind: &str) -> String {
        let message = self.0.read().expect("the server answers");
        let text = message.into_text().expect("it says something");
        assert!(text.contains(&format!("\"{kind}\"")), "{text}");
        text.as_str().to_owned()
    }

    /// Waits for the next picture.
    fn sees(&mut self) {
        while !self.0.read().expect("the server sends pictures").is_binary() {}
    }

    /// Tells of each picture. The thread ends when the benchmark does or nobody asks any more.
    fn reads_on_a_thread(mut self) -> Receiver<()> {
        let (seen, tell) = mpsc::channel();
        std::thread::spawn(move || {
            while let Ok(message) = self.0.read() {
                if message.is_binary() && seen.send(()).is_err() {
                    return;
                }
            }
        });
        tell
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn now() -> Instant {
    Instant::now()
}
