//! The first program on coview: both ways to share, in one app, before and after login.
//!
//! It is the snippet of the README. Run it against a server (`coview serve` prints a token for
//! `coview agent`): `cargo run -p coview --example first -- ws://127.0.0.1:7300 12345`

#![expect(clippy::print_stdout, reason = "an example prints what an app would show")]

use coview::GroupId;

// README:begin
use coview::{OneClickStep, PresenceStep, VisitorId};

async fn app(config: coview::smol::Config) -> Result<(), Box<dyn std::error::Error>> {
    let visitor = coview::smol::connect(config).await?; // Visitor<Anonymous>

    let sharing = visitor.start_manual().await?; // Visitor<Sharing<Manual, Anonymous>>
    println!("Read this key to the agent: {}", sharing.key()); // 123 456 786
    let visitor = sharing.end(); // Visitor<Anonymous> again, at once

    let visitor = visitor.identify(VisitorId::new("customer-42")?).await?; // no group: it can't differ
    let mut visitor = visitor.connect_presence().await?; // Visitor<PresenceConnected>

    loop {
        // All that can happen here, no wildcard.
        visitor = match visitor.next().await {
            PresenceStep::TermsRequested(asked) => {
                println!("{} asks: {}", asked.agent().name(), asked.terms().text());
                let shown = asked.terms_displayed(); // the agent is told "displayed"
                let sharing = shown.accept().await?; // Visitor<Sharing<OneClick, _>>: has no key()
                match sharing.next().await {
                    OneClickStep::Changed(sharing, change) => {
                        println!("{change:?}"); // Guests(1): the agent is in
                        sharing.end() // Visitor<PresenceConnected>
                    }
                    OneClickStep::Ended(visitor, reason) => {
                        println!("over: {reason}");
                        visitor
                    }
                }
            }
            PresenceStep::Changed(visitor, change) => {
                println!("still online: {change:?}");
                visitor
            }
            PresenceStep::Lost(visitor) => {
                println!("offline: {:?}", visitor.last_offline()); // Visitor<Identified>
                return Ok(());
            }
        };
    }
}
// README:end

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(server), Some(group)) = (args.next(), args.next()) else {
        return Err("usage: first SERVER-URL GROUP".into());
    };
    let config = coview::smol::Config::new(server.parse()?, GroupId::new(group)?);
    smol::block_on(run(config))
}

/// What `main` runs, and the test of the README.
pub(crate) async fn run(config: coview::smol::Config) -> Result<(), Box<dyn std::error::Error>> {
    app(config).await
}
