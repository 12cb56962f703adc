//! `coview serve`.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::IsTerminal;
use std::sync::Arc;

use async_signal::Signal;
use coview_hub::GroupConfig;
use coview_hub::HubConfig;
use coview_server::BindError;
use coview_server::Control;
use coview_server::Lifetimes;
use coview_server::ServerConfig;
use coview_server::TokenProofs;
use coview_token::AgentClaims;
use coview_token::Algorithm;
use coview_token::SigningKey;
use coview_token::VerifyingKeys;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentToken;
use coview_wire::GroupId;
use coview_wire::Terms;
use futures_lite::FutureExt;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::args::LogFormat;
use crate::args::ServeArgs;
use crate::failure::Failure;
use crate::say::BOLD;
use crate::say::DIM;
use crate::say::Event;
use crate::say::GOOD;
use crate::say::Say;
use crate::share::line::printable;
use crate::terminal::Interrupts;
use crate::token::unix_now;

pub(crate) const DEFAULT_PORT: u16 = 7300;
pub(crate) const GROUP: &str = "12345";
/// Who the agents are on a server to try things out, by id and name.
pub(crate) const AGENTS: [(&str, &str); 2] = [("ada", "Ada"), ("grace", "Grace")];
/// For how long their tokens are good. What is tried out on one machine need not be signed in again
/// every hour.
const TRY_OUT: Duration = Duration::from_secs(12 * 60 * 60);
pub(crate) const TERMS: (&str, &str) = (
    "2026-11",
    "The support agent will see what this app shows until you stop sharing.\n\
     Fields marked private stay hidden. You can stop at any time.",
);

const WITHOUT_TLS: &str =
    "without TLS: keys and tokens can be read on the way, unless a proxy in front adds it";

pub(crate) async fn run(args: ServeArgs) -> Result<(), Failure> {
    let (config, paste) = config(&args)?;
    let mut say = Say::new(false);
    if args.check {
        let note = |say: &mut Say, warning| say.hint(format_args!("{BOLD}note{BOLD:#}: {warning}"));
        for warning in &config.warnings {
            note(&mut say, warning.as_str());
        }
        if !config.listen.ip().is_loopback() {
            if config.tls.is_none() {
                note(&mut say, WITHOUT_TLS);
            }
            if config.data.is_none() {
                note(&mut say, "without `data` no audit log is kept");
            }
        }
        let (groups, listen) = (config.hub.groups.len(), config.listen);
        let tls = if config.tls.is_some() { "with" } else { "without" };
        say.hint(format_args!(
            "{GOOD}ok{GOOD:#}: {groups} group{}, listens on {listen} {tls} TLS",
            if groups == 1 { "" } else { "s" },
        ));
        return Ok(());
    }
    log(&args)?;

    let mut signals = Interrupts::new(&[
        Signal::Int,
        #[cfg(unix)]
        Signal::Term,
        #[cfg(unix)]
        Signal::Hup,
    ])?;
    let address = config.listen;
    if config.tls.is_none() && !address.ip().is_loopback() {
        tracing::warn!(%address, "{WITHOUT_TLS}");
    }
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let server = coview_server::Server::bind(config).await.map_err(|error| {
        let taken = matches!(error, BindError::Listen { .. }) && address.port() != 0;
        let failure = Failure::run(error);
        if taken {
            failure.with_remedy("choose another address with --listen; port 0 takes a free one")
        } else {
            failure
        }
    })?;
    let url = server.url();
    say.tell(&Event::new(
        "listening",
        format_args!("{GOOD}listening{GOOD:#} on {BOLD}{url}{BOLD:#}; Ctrl-C stops"),
    ));
    if let Some(paste) = paste {
        say.hint(paste.text(&url));
    }

    let control = server.control();
    // The signals go from the one who waits for the first to the one who waits for the second.
    let (hand_over, handed_over) = async_channel::bounded(1);
    let first = async {
        let signal = to_leave(&mut signals, &args, &control).await;
        let _ = hand_over.send(signals).await;
        if is_term(signal) {
            say.hint(format_args!(
                "{DIM}draining: sessions may come to their end; another signal stops at once{DIM:#}"
            ));
            control.drain();
            // The server stops by itself when that is over.
            core::future::pending().await
        }
        say.hint(format_args!(
            "{DIM}stopping: every client is told; Ctrl-C again stops at once{DIM:#}"
        ));
    };
    let serve = async {
        server.run(first).await;
        Ok(())
    };
    let second = async {
        match handed_over.recv().await {
            Ok(mut signals) => {
                to_leave(&mut signals, &args, &control).await;
            }
            Err(async_channel::RecvError) => core::future::pending().await,
        }
        Err(Failure::run("stopped before every client was told"))
    };
    serve.or(second).await
}

/// Waits for a signal to leave; until then each SIGHUP reads the configuration again.
async fn to_leave(signals: &mut Interrupts, args: &ServeArgs, control: &Control) -> Option<Signal> {
    loop {
        let signal = signals.next_signal().await;
        if !is_hup(signal) {
            return signal;
        }
        reload(args, control);
    }
}

#[cfg(unix)]
fn is_term(signal: Option<Signal>) -> bool {
    signal == Some(Signal::Term)
}

#[cfg(unix)]
fn is_hup(signal: Option<Signal>) -> bool {
    signal == Some(Signal::Hup)
}

#[cfg(not(unix))]
fn is_term(_: Option<Signal>) -> bool {
    false
}

#[cfg(not(unix))]
fn is_hup(_: Option<Signal>) -> bool {
    false
}

/// Takes over certificate and keys of the configuration file as it is now. One that is wrong in any
/// way is not taken over at all.
fn reload(args: &ServeArgs, control: &Control) {
    if args.config.is_none() {
        tracing::warn!("there is no configuration file to read again");
        return;
    }
    match config(args) {
        Ok((config, _)) => {
            for warning in &config.warnings {
                tracing::warn!("{warning}");
            }
            for other in control.reload(config) {
                tracing::warn!("{other} changed: that is taken over when the server starts again");
            }
            tracing::info!("certificate and keys are those of the files now");
        }
        Err(failure) => {
            for line in failure.message().lines() {
                tracing::error!("{line}");
            }
            tracing::error!("nothing was taken over: certificate and keys stay as they were");
        }
    }
}

fn config(args: &ServeArgs) -> Result<(ServerConfig, Option<Paste>), Failure> {
    let Some(path) = &args.config else {
        let listen =
            args.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], DEFAULT_PORT)));
        if !listen.ip().is_loopback() {
            return Err(Failure::usage(format_args!(
                "without --config the server is for this machine only, and {listen} can be reached \
                 from others: any app would be admitted, without TLS"
            ))
            .with_remedy("give --config FILE, or listen on 127.0.0.1 or [::1]"));
        }
        let (hub, paste) = try_out()?;
        return Ok((ServerConfig { listen, ..ServerConfig::loopback(hub) }, Some(paste)));
    };
    let mut config = ServerConfig::load(path).map_err(|error| {
        // The reader's own errors name the file; the others only the line.
        let message = error.to_string();
        let file = path.display().to_string();
        let faults = message.lines().count();
        if message.starts_with(&file) {
            Failure::usage(message)
        } else if faults > 1 {
            // One fault a line, all of this file.
            let list = message.replace('\n', "\n  ");
            Failure::usage(format_args!("{file} has {faults} faults:\n  {list}"))
        } else {
            Failure::usage(format_args!("{file}: {message}"))
        }
    })?;
    config.listen = args.listen.unwrap_or(config.listen);
    Ok((config, None))
}

/// The commands that fit the server to try things out.
struct Paste {
    agents: Vec<(String, AgentToken)>,
}

impl Paste {
    fn text(&self, url: &str) -> String {
        let coview = program();
        let mut text = format!(
            "\nThis server is for trying things out: it admits any app of this machine, and the\n\
             agents' tokens are new at every start and good for 12 hours. In another terminal, be a visitor:\n\n  \
             {BOLD}{coview} share --server {url} --group {GROUP} --screen generated{BOLD:#}\n\n\
             In a browser be an agent, with one of the tokens below:\n\n  \
             {BOLD}{}{BOLD:#}\n\n\
             Or in a third terminal:\n",
            console(url, GROUP)
        );
        for (name, token) in &self.agents {
            text.push_str(&format!(
                "\n  {DIM}# {name}{DIM:#}\n  {BOLD}{coview} agent --server {url} --group {GROUP} \
                 --token {}{BOLD:#}",
                token.expose_secret()
            ));
        }
        text.push('\n');
        text
    }
}

/// Where the agents' console of a group is, for a server with this address of its socket.
pub(crate) fn console(url: &str, group: &str) -> String {
    // `ws` becomes `http`, and so `wss` becomes `https`.
    format!("{}/console?group={group}", url.replacen("ws", "http", 1))
}

/// How this program was called, so that the printed commands work from the same place.
pub(crate) fn program() -> String {
    let called = std::env::args_os().next().and_then(|name| name.into_string().ok());
    called.filter(|name| !name.chars().any(char::is_control)).unwrap_or_else(|| "coview".to_owned())
}

/// One group, two agents.
fn try_out() -> Result<(HubConfig, Paste), Failure> {
    const VALID: &str = "the try-out configuration is valid";
    let id = GroupId::new(GROUP).expect(VALID);
    let (proofs, tokens) = ephemeral(&id)?;
    let terms = Terms::new(TERMS.0, TERMS.1).expect(VALID);
    let mut group = GroupConfig::new(terms);
    group.assertion_needed = false;
    group.proofs = Arc::new(proofs);
    let agents = AGENTS.iter().map(|(_, name)| (*name).to_owned()).zip(tokens).collect();
    Ok((HubConfig::one_group(id, group), Paste { agents }))
}

/// Tokens for Ada and Grace, and who accepts them: both by a key that was made this moment, is written
/// nowhere, and is gone before anybody could sign more with it.
pub(crate) fn ephemeral(group: &GroupId) -> Result<(TokenProofs, [AgentToken; 2]), Failure> {
    let key = SigningKey::generate(Algorithm::EdDsa).map_err(Failure::run)?;
    let token = |(id, name)| {
        let agent = AgentId::new(id).expect("it is an id");
        let card = AgentCard::new(agent, name).expect("it is a name");
        AgentClaims::new(group.clone(), card).sign(&key, unix_now(), TRY_OUT).map_err(Failure::run)
    };
    let [ada, grace] = AGENTS;
    let tokens = [token(ada)?, token(grace)?];
    let lifetimes = Lifetimes { agent: TRY_OUT, ..Lifetimes::default() };
    Ok((TokenProofs::new(key.verifying_keys(), VerifyingKeys::default(), lifetimes), tokens))
}

fn log(args: &ServeArgs) -> Result<(), Failure> {
    let filter = filter(&args.log).map_err(|error| {
        Failure::usage(format_args!("--log (or COVIEW_LOG): {error}"))
            .with_remedy("write a level such as `info`, or targets as in `warn,coview::audit=info`")
    })?;
    let colour = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
        && std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter);
    match args.log_format {
        LogFormat::Text => builder.with_ansi(colour).init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}

fn filter(text: &str) -> Result<EnvFilter, String> {
    // A lone word that is no level would be taken for the name of a target nobody has.
    let word = text.trim();
    if word.chars().all(char::is_alphanumeric) && word.parse::<LevelFilter>().is_err() {
        return Err(format!("`{}` is no level", printable(word)));
    }
    EnvFilter::try_new(text).map_err(|error| error.to_string())
}
