//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use clap::Subcommand;
use clap::ValueEnum;
use coview_screen::Mask;
use coview_smol::Roots;
use coview_smol::ServerUrl;

use crate::agent::args::AGENT_HELP;
use crate::agent::args::AgentArgs;
use crate::audit::AuditArgs;
use crate::failure::Failure;
use crate::keys::KeysArgs;
use crate::screen::Screen;
use crate::screen::Shown;
use crate::screen::mask;
use crate::share::args::SHARE_HELP;
use crate::share::args::ShareArgs;
use crate::token::TokenArgs;

const EXIT_CODES: &str = "\
Exit codes:
  0  everything went well
  1  something failed while running
  2  the command line or the configuration is wrong";

/// Consented screen sharing between a visitor inside an app and a support agent.
///
/// New here? `coview demo` prints the address of a page to open in a browser, where somebody waits
/// to show you a screen. Then, in three terminals: `coview serve`, and the two commands it prints.
#[derive(Debug, Parser)]
#[command(name = "coview", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server visitors and agents meet on.
    ///
    /// Without --config it is a server to try things out, for this machine only: one group, two agents
    /// whose tokens are new at every start, and the commands to paste into two other terminals.
    ///
    /// Ctrl-C ends every session, tells every client and stops; a second one stops at once. SIGTERM
    /// lets sessions come to their end first, and sends everybody else elsewhere. SIGHUP reads the
    /// certificate and the keys again.
    #[command(after_help = EXIT_CODES)]
    Serve(ServeArgs),
    /// Be a visitor: share with a key, or go online and be asked.
    ///
    /// Commands are read from standard input, one a line; `help` lists them. What happens is written
    /// to standard output. The key of a session is shown if it began with a key, and never if an agent
    /// asked.
    ///
    /// While a session runs, agents see what --screen names, and nothing under a --mask.
    ///
    /// Ctrl-C, `quit` or the end of input leave: the session ends and agents are told.
    #[command(after_help = EXIT_CODES, after_long_help = SHARE_HELP)]
    Share(ShareArgs),
    /// Be an agent: see who is online, ask a visitor, join with a key.
    ///
    /// Commands are read from standard input, one a line; `help` lists them. What happens is written
    /// to standard output.
    ///
    /// Ctrl-C, `quit` or the end of input leave: a request is withdrawn, a session is left, and the
    /// visitor is told.
    #[command(after_help = EXIT_CODES, after_long_help = AGENT_HELP)]
    Agent(AgentArgs),
    /// See it work: a server with the agents' console, and visitors who share a screen with you.
    ///
    /// It prints the address of the console, a token to sign in with and a key to type there. Open
    /// the page in a browser: you are the agent. One visitor shares with the key and gives a new one
    /// when the session is over; another is online and can be asked with one click: the terms come
    /// up here, and you answer for her, or after 3 seconds she accepts if nobody can type here.
    ///
    /// Ctrl-C ends every session and stops.
    ///
    /// With --headless it needs no browser and nobody: it connects two visitors and two agents, each
    /// on a WebSocket of its own, walks through the whole story and checks every fact, received
    /// pixels included. The exit code is 0 only if every step happened.
    #[command(after_help = EXIT_CODES, after_long_help = DEMO_HELP)]
    Demo(DemoArgs),
    /// Make the keys that agents' tokens and assertions about visitors are signed with.
    Keys(KeysArgs),
    /// Make an agent's token, or an assertion about a visitor, to try things out.
    Token(TokenArgs),
    /// Look after the logs a server keeps of consents: verify, show, erase.
    Audit(AuditArgs),
}

/// The options of `coview serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// Where to listen; port 0 takes a free one [default: `listen` of the configuration, or
    /// 127.0.0.1:7300]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,

    /// The configuration file; `docs/coview.toml` of the source is a commented sample with every
    /// key [default: a server to try things out, loopback only]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Check the configuration and exit
    #[arg(long, requires = "config")]
    pub(crate) check: bool,

    /// What to log on standard error: error, warn, info, debug, trace or off; finer with targets,
    /// as in `warn,coview::audit=info`
    #[arg(long, value_name = "LEVEL", env = "COVIEW_LOG", default_value = "info")]
    pub(crate) log: String,

    /// How to write the log
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// A line of text for each event
    Text,
    /// A JSON object in a line for each event
    Json,
}

/// How a screen is shown, whichever it is.
#[derive(Debug, clap::Args)]
pub(crate) struct PictureArgs {
    /// How many pictures a second are taken at most, 1 to 60
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=60))]
    pub(crate) fps: u8,

    /// Cover this area before anything leaves: its left and upper edge, its width and height, in
    /// pixels of the screen or window; agents see the label in its place. May be given several times
    #[arg(long = "mask", value_name = "X,Y,WxH[:LABEL]", value_parser = mask, allow_hyphen_values = true)]
    masks: Vec<Mask>,
}

const DEMO_HELP: &str = "\
Events with --json, one object a line, each with `event`:
  ready key guests join_confirmed terms sharing declined terms_withdrawn ended connectivity
  screen_gone left
Without `visitor` it is about the one who shares with a key.

Events with --headless --json:
  begin step did state done failed

Exit codes:
  0  everything went well
  1  something failed while running
  2  the command line or the configuration is wrong";

/// The options of `coview demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// Where to listen, on this machine only; port 0 takes a free one [default: 127.0.0.1:7300, or a
    /// free port if that one is taken]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,

    /// What the visitors show: x11 is the display named by DISPLAY, x11:WINDOW one window of it,
    /// generated a page that draws itself
    #[arg(long, value_name = "x11[:WINDOW]|generated", default_value_t = Screen::Generated(None))]
    screen: Screen,

    #[command(flatten)]
    pub(crate) picture: PictureArgs,

    /// Tell the whole story without a browser, each step checked
    #[arg(long, conflicts_with_all = ["listen", "screen", "fps", "masks"])]
    pub(crate) headless: bool,

    /// How many seconds the whole story may take before --headless gives up and names the step
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "headless", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) deadline: u64,

    /// Write what happens as JSON lines, without colour; the field `event` names what happened
    #[arg(long)]
    pub(crate) json: bool,
}

impl PictureArgs {
    pub(crate) fn of(&self, screen: Screen) -> Result<Shown, Failure> {
        if screen == Screen::None && !self.masks.is_empty() {
            return Err(Failure::usage("--mask covers nothing: no screen is shared")
                .with_remedy("name one with --screen x11 or --screen generated"));
        }
        Shown::new(screen, self.masks.clone())
            .map_err(|error| Failure::usage(format_args!("--mask: {error}")))
    }
}

impl DemoArgs {
    /// What the visitors show.
    pub(crate) fn shown(&self) -> Result<Shown, Failure> {
        if self.screen == Screen::None {
            return Err(Failure::usage("--screen none: the demo is there to show something")
                .with_remedy("give --screen x11, or nothing for the generated page"));
        }
        self.picture.of(self.screen)
    }
}

/// The address of the server. It may hold a password, so the error does not repeat it.
pub(crate) fn server(text: &str) -> Result<ServerUrl, Failure> {
    text.parse().map_err(|error: coview_smol::UrlError| {
        Failure::usage(format_args!("--server: {error}"))
            .with_remedy("write it like ws://127.0.0.1:7300 or wss://help.example.org")
    })
}

pub(crate) fn roots(file: Option<&std::path::Path>) -> Result<Option<Roots>, Failure> {
    let Some(file) = file else { return Ok(None) };
    let wrong = |error: &dyn core::fmt::Display| {
        Failure::usage(format_args!("--ca {}: {error}", file.display()))
    };
    let text = std::fs::read(file).map_err(|error| wrong(&error))?;
    Roots::pem(&text).map(Some).map_err(|error| wrong(&error))
}
