//! `coview token`: a token of an agent, or an assertion about a visitor, to try things out.

use core::fmt::Display;
use core::time::Duration;
use std::fs::File;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::time::SystemTime;

use clap::Subcommand;
use clap::value_parser;
use coview_token::AgentClaims;
use coview_token::Secret;
use coview_token::SignError;
use coview_token::SigningKey;
use coview_token::VerifyingKeys;
use coview_token::VisitorClaims;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentRights;
use coview_wire::GroupId;
use coview_wire::UnixTime;
use coview_wire::VisitorId;
use zeroize::Zeroizing;

use crate::failure::Failure;

const AGENT_HELP: &str = "\
Examples:
  coview token agent --key agents.key.pem --group 12345 --id grace --name 'Grace Hopper'
  coview token agent --key agents.key.pem --group 12345 --id ada --name Ada \\
      --minutes 10 --visitors customer-42,customer-43 --view-only --once
  export COVIEW_TOKEN=$(coview token agent --secret-file hs256.secret --group 12345 \\
      --id grace --name Grace)

The server refuses tokens that are good for longer than its configuration allows, by default 120
minutes.

Exit codes:
  0  the token is on standard output
  1  something failed while running
  2  the command line or a file is wrong";

const VISITOR_HELP: &str = "\
Examples:
  coview token visitor --key visitors.key.pem --group 12345 --id customer-42
  coview token visitor --secret-file hs256.secret --group 12345 --id customer-42 --minutes 5 --once

The server refuses assertions that are good for longer than its configuration allows, by default 15
minutes.

Exit codes:
  0  the assertion is on standard output
  1  something failed while running
  2  the command line or a file is wrong";

/// The options of `coview token`.
#[derive(Debug, clap::Args)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token an agent signs in with. Only the token is written to standard output.
    #[command(after_help = AGENT_HELP)]
    Agent(AgentTokenArgs),
    /// Make an assertion that an app identifies its visitor with. Only the assertion is written to
    /// standard output.
    #[command(after_help = VISITOR_HELP)]
    Visitor(VisitorTokenArgs),
}

#[derive(Debug, clap::Args)]
struct AgentTokenArgs {
    #[command(flatten)]
    signer: Signer,

    /// The group the agent belongs to
    #[arg(long, value_name = "ID")]
    group: GroupId,

    /// Who the agent is in the operator's records
    #[arg(long, value_name = "ID")]
    id: AgentId,

    /// The agent's name, as visitors see it
    #[arg(long)]
    name: String,

    /// For how many minutes the token is good, 1 to 1440
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = value_parser!(u16).range(1..=1440))]
    minutes: u16,

    /// The agent sees and joins only these visitors, and no anonymous ones
    #[arg(long, value_name = "ID,ID…", value_delimiter = ',')]
    visitors: Option<Vec<VisitorId>>,

    /// The agent ends no session and removes nobody
    #[arg(long)]
    view_only: bool,

    /// The agent may not join with a key
    #[arg(long)]
    no_manual_keys: bool,

    /// At most so many agents in a session with this one
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    max_guests: Option<u32>,

    /// The token is good for one sign-in only
    #[arg(long)]
    once: bool,
}

#[derive(Debug, clap::Args)]
struct VisitorTokenArgs {
    #[command(flatten)]
    signer: Signer,

    /// The group the app belongs to
    #[arg(long, value_name = "ID")]
    group: GroupId,

    /// Who the visitor is in the app's records
    #[arg(long, value_name = "ID")]
    id: VisitorId,

    /// For how many minutes the assertion is good, 1 to 1440
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = value_parser!(u16).range(1..=1440))]
    minutes: u16,

    /// The assertion may be used once only
    #[arg(long)]
    once: bool,
}

/// Who signs.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Signer {
    /// The private key to sign with, in PEM: Ed25519 or P-256, as `coview keys new` and `openssl
    /// genpkey` write it
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// A shared secret to sign with (HS256): all the file holds but a line end, at least 32 bytes
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

pub(crate) fn run(args: TokenArgs) -> Result<(), Failure> {
    let token = match args.command {
        TokenCommand::Agent(args) => args.token()?,
        TokenCommand::Visitor(args) => args.token()?,
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", *token).and_then(|()| out.flush()).map_err(Failure::run)
}

/// What time it is, for tokens.
#[expect(
    clippy::disallowed_methods,
    reason = "the command reads the clock for the crates that do not"
)]
pub(crate) fn unix_now() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UnixTime::new(since.map_or(0, |since| since.as_secs()))
}

impl AgentTokenArgs {
    fn token(self) -> Result<Zeroizing<String>, Failure> {
        let card = AgentCard::new(self.id, &self.name)
            .map_err(|error| Failure::usage(format_args!("--name: {error}")))?;
        let rights = AgentRights {
            visitors: self.visitors,
            view_only: self.view_only,
            manual_keys: !self.no_manual_keys,
            max_guests: self.max_guests,
        };
        let mut claims = AgentClaims::new(self.group, card).with_rights(rights);
        if self.once {
            claims = claims.once();
        }
        let key = self.signer.key()?;
        let token = claims.sign(&key, unix_now(), minutes(self.minutes)).map_err(cannot_sign)?;
        Ok(Zeroizing::new(token.expose_secret().to_owned()))
    }
}

impl VisitorTokenArgs {
    fn token(self) -> Result<Zeroizing<String>, Failure> {
        let mut claims = VisitorClaims::new(self.group, self.id);
        if self.once {
            claims = claims.once();
        }
        let key = self.signer.key()?;
        let token = claims.sign(&key, unix_now(), minutes(self.minutes)).map_err(cannot_sign)?;
        Ok(Zeroizing::new(token.expose_secret().to_owned()))
    }
}

impl Signer {
    fn key(&self) -> Result<SigningKey, Failure> {
        match (&self.key, &self.secret_file) {
            (Some(path), _) => read("--key", path, |content| {
                let text = core::str::from_utf8(content).map_err(|_| "no PEM: not a text")?;
                SigningKey::from_pem(text).map_err(|error| error.to_string())
            }),
            (None, Some(path)) => read("--secret-file", path, |content| {
                let secret = Secret::from_file(content).map_err(|error| error.to_string())?;
                Ok(SigningKey::from_secret(&secret))
            }),
            (None, None) => Err(Failure::usage("--key or --secret-file is needed")),
        }
    }
}

/// What a file holds; whatever goes wrong is told with the option and the file.
fn read(
    option: &str,
    path: &Path,
    take: impl FnOnce(&[u8]) -> Result<SigningKey, String>,
) -> Result<SigningKey, Failure> {
    let wrong =
        |error: &dyn Display| Failure::usage(format_args!("{option} {}: {error}", path.display()));
    let mut content = Zeroizing::new(Vec::new());
    let limit = VerifyingKeys::MAX_TEXT_BYTES as u64;
    File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut content))
        .map_err(|error| wrong(&error))?;
    if content.len() as u64 > limit {
        return Err(wrong(&"it is too large for a key"));
    }
    take(&content).map_err(|error| wrong(&error))
}

fn cannot_sign(error: SignError) -> Failure {
    match error {
        SignError::TooLarge { .. } | SignError::TooManyVisitors { .. } => {
            Failure::usage(error).with_remedy("name fewer visitors")
        }
        SignError::Random | _ => Failure::run(error),
    }
}

fn minutes(minutes: u16) -> Duration {
    Duration::from_secs(u64::from(minutes) * 60)
}
