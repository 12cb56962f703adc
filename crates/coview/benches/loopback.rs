//! How long an agent's request takes over real sockets on this machine: from the call of `ask` to
//! the visitor's step `TermsRequested`, and on to the agent's `Accepted`.
//!
//! Server, visitor and agent are in one process, the server on a thread of its own. The figures are
//! percentiles over all rounds; beside them stands the round trip of as many bytes over a bare TCP
//! connection in the same run, so that machines can be compared by the ratio.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use coview::AgentCard;
use coview::AgentId;
use coview::AgentToken;
use coview::GroupId;
use coview::OneClickStep;
use coview::PresenceStep;
use coview::VisitorId;
use coview::agent::RequestingStep;
use coview::agent::ViewingStep;
use coview::smol::AgentConfig;
use coview::smol::Config;
use coview_hub::Accounts;
use coview_server::Server;
use coview_server::ServerConfig;

const CONFIG: &str = r#"
listen = "127.0.0.1:0"
[limits]
messages_per_second = 1000000000
bytes_per_second = 4000000000
[policy]
begins_per_minute = 1000000000
asks_in_vain = 1000000000
[[group]]
id = "bench"
[group.terms]
version = "1"
text = "The agent will see this app's screen until you stop."
[group.assertions]
needed = false
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

fn main() {
    // Without `--bench`, which `cargo bench` gives, it is only asked whether it runs.
    let rounds = if std::env::args().any(|arg| arg == "--bench") { 3000 } else { 3 };

    let server = smol::block_on(Server::bind(config())).expect("a loopback port is free");
    let url = server.url();
    std::thread::spawn(move || smol::block_on(server.run(std::future::pending())));

    let (terms, accepted) = smol::block_on(story(&url, rounds));
    let bare = bare_round_trips(rounds);
    println!("{rounds} rounds                    p50 µs   p99 µs");
    report("bare TCP, there and back     ", bare);
    report("ask → terms requested        ", terms);
    report("ask → terms → accept → joined", accepted);
}

async fn story(url: &str, rounds: usize) -> (Vec<Duration>, Vec<Duration>) {
    let group = GroupId::new("bench").expect("the id is right");
    let server = url.parse::<coview::smol::ServerUrl>().expect("the address is right");
    let id = VisitorId::new("customer-42").expect("the id is right");
    let visitor = coview::smol::connect(Config::new(server.clone(), group.clone()));
    let visitor = visitor.await.expect("connects");
    let visitor = visitor.identify(id.clone()).await.expect("identifies");
    let mut visitor = visitor.connect_presence().await.expect("goes online");
    let token = AgentToken::new("bench-token").expect("the token is right");
    let agent = coview::smol::sign_in(AgentConfig::new(server, group, token));
    let mut agent = agent.await.expect("signs in");

    let (mut terms, mut accepted) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let began = now();
        let asking = async {
            let mut requesting = agent.ask(id.clone()).await.expect("the visitor is online");
            loop {
                requesting = match requesting.next().await {
                    RequestingStep::Accepted(viewing) => return (viewing, now() - began),
                    RequestingStep::Changed(requesting, _) => requesting,
                    RequestingStep::Over(_, outcome) => panic!("{outcome}"),
                };
            }
        };
        let answering = async {
            let asked = loop {
                visitor = match visitor.next().await {
                    PresenceStep::TermsRequested(asked) => break asked,
                    PresenceStep::Changed(visitor, _) => visitor,
                    PresenceStep::Lost(_) => panic!("offline"),
                };
            };
            let took = now() - began;
            (asked.terms_displayed().accept().await.expect("the request stands"), took)
        };
        let ((viewing, joined), (mut sharing, requested)) =
            smol::future::zip(asking, answering).await;
        terms.push(requested);
        accepted.push(joined);

        let mut viewing = viewing;
        while sharing.guests() == 0 {
            sharing = match sharing.next().await {
                OneClickStep::Changed(sharing, _) => sharing,
                OneClickStep::Ended(_, reason) => panic!("{reason}"),
            };
        }
        visitor = sharing.end();
        agent = loop {
            viewing = match viewing.next().await {
                ViewingStep::Ended(agent, _) => break agent,
                ViewingStep::Changed(viewing, _) => viewing,
            };
        };
    }
    (terms, accepted)
}

/// As many bytes as a request has, over one TCP connection and back.
fn bare_round_trips(rounds: usize) -> Vec<Duration> {
    const BYTES: usize = 200;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    let address = listener.local_addr().expect("a listener has an address");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the client connects");
        stream.set_nodelay(true).expect("the option is supported");
        let mut bytes = [0; BYTES];
        while stream.read_exact(&mut bytes).is_ok() {
            stream.write_all(&bytes).expect("the client reads");
        }
    });
    let mut stream = TcpStream::connect(address).expect("the listener listens");
    stream.set_nodelay(true).expect("the option is supported");
    let mut bytes = [7; BYTES];
    (0..rounds)
        .map(|_| {
            let began = now();
            stream.write_all(&bytes).expect("the server reads");
            stream.read_exact(&mut bytes).expect("the server answers");
            now() - began
        })
        .collect()
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_micros();
    println!("{what} {:8} {:8}", at(50), at(99));
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn now() -> Instant {
    Instant::now()
}
