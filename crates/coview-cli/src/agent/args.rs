//! The options of `coview agent`.

use std::path::PathBuf;

use coview_smol::AgentConfig;
use coview_wire::AgentToken;
use coview_wire::GroupId;

use crate::agent::token::Tokens;
use crate::agent::token::read;
use crate::args::roots;
use crate::args::server;
use crate::failure::Failure;

pub(crate) const AGENT_HELP: &str = "\
Commands, one a line:
  list                    who is online
  watch [ID]              watch the group (as at the start), or one visitor
  unwatch                 watch nobody
  ask ID                  ask a visitor who is online to share
  withdraw                take the request back
  join KEY                join with the key the visitor reads out; 123456786 or 123 456 786
  leave                   leave the session, which goes on
  end                     end the session for everybody
  eject AGENT             remove another agent from the session
  save FILE               write the picture as it is now, as PNG
  renew [FILE]            show the newer token in FILE, or in that of --token-file
  cancel                  take back what is not answered yet
  status, help, quit      also: end of input

Events with --json, one object a line, each with `event`, most with `state`:
  signed_in roster visitor_online visitor_changed visitor_offline asking displayed accepted
  ask_over withdrawn join_waiting join_declined joined guests ended left_session ejecting watching
  sign_in_ends renewed not_renewed connectivity cancelled refused misuse problem error status
  closed left
  picture picture_live picture_paused picture_blank picture_gone masks saved kept

Exit codes:
  0  everything went well
  1  something failed while running
  2  the command line or the configuration is wrong";

/// The options of `coview agent`.
#[derive(Debug, clap::Args)]
pub(crate) struct AgentArgs {
    /// The server: ws://HOST:PORT, or wss:// with TLS; a path before the socket's own is kept
    #[arg(long, value_name = "URL")]
    server: String,

    /// The group the agent belongs to
    #[arg(long, value_name = "ID")]
    group: GroupId,

    /// The agent's token; better given in the environment or a file, where other users of the
    /// machine do not see it
    #[arg(
        long,
        value_name = "TOKEN",
        env = "COVIEW_TOKEN",
        hide_env_values = true,
        required_unless_present = "token_file"
    )]
    token: Option<String>,

    /// The file that holds the agent's token, instead of --token. It is read again before the
    /// sign-in ends, and a newer token in it prolongs the sign-in
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Trust the certificates in this PEM file instead of Mozilla's list
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Keep the newest picture of the session as PNG in this file: written anew at most once a
    /// second while it changes, and when the session is over. In a directory every session has a
    /// file of its own [default: nothing is written]
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) save_png: Option<PathBuf>,

    /// Write what happens as JSON lines, without colour; the field `event` names what happened
    #[arg(long)]
    pub(crate) json: bool,
}

impl AgentArgs {
    /// How to sign in, and where newer tokens come from.
    pub(crate) fn config(&self) -> Result<(AgentConfig, Tokens), Failure> {
        let token = match (&self.token_file, &self.token) {
            (Some(file), _) => {
                read(file).map_err(|why| Failure::usage(format_args!("--token-file {why}")))?
            }
            (None, Some(token)) => AgentToken::new(token).map_err(Failure::usage)?,
            (None, None) => return Err(Failure::usage("--token or --token-file is needed")),
        };
        let tokens = Tokens::new(self.token_file.clone(), token.clone());
        let mut config = AgentConfig::new(server(&self.server)?, self.group.clone(), token);
        if let Some(roots) = roots(self.ca.as_deref())? {
            config = config.with_roots(roots);
        }
        Ok((config, tokens))
    }
}
