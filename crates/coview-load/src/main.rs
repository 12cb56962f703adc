//! What the coview server costs under load, beside Mosquitto, NATS and Redis.
//!
//! `coview-load run` starts each server in a process of its own, has a client process connect visitors
//! and agents to it, and measures memory, round trips, throughput, heartbeats and reconnect storms, in
//! one run and with the same client. `docs/adr/0024-measured-beside-brokers.md` tells how it is kept
//! fair.

mod chart;
mod client;
mod docs;
mod graphs;
mod process;
mod proofs;
mod record;
mod report;
mod run;
mod stats;
mod summary;
mod wire;

use core::net::SocketAddrV4;
use core::time::Duration;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anstream::eprintln;
use clap::Parser;
use clap::Subcommand;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::client::Client;
use crate::client::Config;
use crate::proofs::Signer;
use crate::run::RunArgs;
use crate::wire::Peer;
use crate::wire::Wire;
use crate::wire::coview::Coview;

/// What the coview server costs under load, beside brokers
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure: start servers and clients, and print what they take
    Run(RunArgs),
    /// Draw the graphs and tables of the documents from the numbers that were kept
    Graph {
        /// Where the documents are
        #[arg(long, value_name = "FOLDER", default_value = "docs")]
        docs: PathBuf,
    },
    /// Be a load client: read orders from standard input, a line of JSON each, and report to standard
    /// output
    Client(ClientArgs),
}

#[derive(Debug, clap::Args)]
struct ClientArgs {
    /// What kind of server it is
    #[arg(long, value_enum)]
    server: Peer,

    /// Where it listens
    #[arg(long, value_name = "IP:PORT")]
    address: SocketAddrV4,

    /// Connect with TLS, and trust this certificate
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// How often each connection gives a sign of life, in seconds
    #[arg(long, default_value_t = 20)]
    heartbeat: u16,

    /// coview: the group
    #[arg(long, default_value = "12345")]
    group: String,

    /// coview: the private key that agents' tokens are signed with
    #[arg(long, value_name = "FILE", required_if_eq("server", "coview"))]
    agent_key: Option<PathBuf>,

    /// coview: the private key, or the secret, that visitors' assertions are signed with
    #[arg(long, value_name = "FILE", required_if_eq("server", "coview"))]
    visitor_key: Option<PathBuf>,
}

fn main() -> ExitCode {
    let result = match Args::parse().command {
        Command::Run(args) => run::run(args),
        Command::Graph { docs } => docs::draw(&docs),
        Command::Client(args) => client(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("coview-load: {why}");
            ExitCode::FAILURE
        }
    }
}

fn client(args: &ClientArgs) -> Result<(), String> {
    process::raise_files();
    let tls = args.ca.as_deref().map(trust).transpose()?;
    let (signer, wire): (_, Box<dyn Wire>) = match wire::broker(args.server, args.heartbeat) {
        Some(wire) => (None, wire),
        None => {
            let (Some(agents), Some(visitors)) = (&args.agent_key, &args.visitor_key) else {
                return Err("coview's clients need keys".to_owned());
            };
            let signer = Signer::read(&args.group, agents, visitors)?;
            let (group, host) = (args.group.as_str().into(), args.address.to_string().into());
            (Some(signer), Box::new(Coview { group, host }))
        }
    };
    let heartbeat = Duration::from_secs(args.heartbeat.into());
    let config = Config { server: args.address, tls, heartbeat, signer };
    let client = Client::new(config, wire).map_err(|error| error.to_string())?;
    client.run().map_err(|error| error.to_string())
}

fn trust(ca: &Path) -> Result<Arc<ClientConfig>, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", ca.display());
    let certificate = CertificateDer::from_pem_file(ca).map_err(|error| named(&error))?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate).map_err(|error| named(&error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)
        .map_err(|error| named(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
