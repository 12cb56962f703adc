//! The options of `coview share`.

use std::path::PathBuf;

use coview_wire::ClientToken;
use coview_wire::GroupId;
use coview_wire::Profile;

use crate::args::PictureArgs;
use crate::args::roots;
use crate::args::server;
use crate::failure::Failure;
use crate::screen::Screen;
use crate::screen::Shown;

pub(crate) const SHARE_HELP: &str = "\
Commands, one a line:
  share                   start a session with a key to read out
  login ID [name=… email=… phone=…] [assertion=TOKEN | assertion-file=FILE]
                          say who you are, with the proof the group asks for
  refresh [assertion=TOKEN | assertion-file=FILE]
                          hand over a newer proof of who you are
  online [key=value …]    let agents see you and ask you
  update key=value … -key change what agents see; -key removes an entry
  accept, decline         answer an agent's request; its terms are printed first
  confirm, refuse         let the agent in who typed your key, or keep that agent out
  terms                   print the terms again
  stop                    end the session
  offline                 go offline
  logout                  forget who you are
  background, foreground  move the app to the background and back
  cancel                  take back what the server has not answered yet
  status, help, quit      also: end of input

Events with --json, one object a line, each with `event`, most with `state`:
  connected identified online updated terms sharing declined terms_withdrawn presence_lost guests
  join_requested join_confirmed join_refused join_withdrawn ended offline logged_out refreshed app
  focus connectivity cancelled refused misuse problem error status closed left
  screen_none screen_started screen_paused screen_resumed screen_gone screen_stopped
A key stands only in `sharing` and `status`, and only while a session that began with a key runs.

Exit codes:
  0  everything went well
  1  something failed while running
  2  the command line or the configuration is wrong";

/// The options of `coview share`.
#[derive(Debug, clap::Args)]
pub(crate) struct ShareArgs {
    /// The server: ws://HOST:PORT, or wss:// with TLS; a path before the socket's own is kept
    #[arg(long, value_name = "URL")]
    server: String,

    /// The group the app belongs to
    #[arg(long, value_name = "ID")]
    group: GroupId,

    /// The group's client token, if it has one; better given in the environment, where other
    /// users of the machine do not see it
    #[arg(long, value_name = "TOKEN", env = "COVIEW_CLIENT_TOKEN", hide_env_values = true)]
    token: Option<String>,

    /// The file that holds the assertion `login` and `refresh` bring along unless they name another:
    /// what the app's backend signed to say who the visitor is. It is read each time
    #[arg(long, value_name = "FILE")]
    pub(crate) assertion_file: Option<PathBuf>,

    /// The visitor's name, for agents to see while the visitor is online [default: none]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// The visitor's e-mail address, for agents to see while online [default: none]
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,

    /// The visitor's phone number, for agents to see while online [default: none]
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,

    /// Trust the certificates in this PEM file instead of Mozilla's list
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// What agents see while a session runs.
    ///
    /// x11 is the display named by DISPLAY; x11:WINDOW one window of it, by its number as `xwininfo`
    /// shows it (0x… or decimal); generated a page that draws itself; generated:SCENE one thing that
    /// happens on it, again and again (still, typing, scroll-24, video and more).
    #[arg(long, value_name = "x11[:WINDOW]|generated|none", default_value_t = Screen::None)]
    screen: Screen,

    #[command(flatten)]
    pub(crate) picture: PictureArgs,

    /// Write what happens as JSON lines, without colour; the field `event` names what happened
    #[arg(long)]
    pub(crate) json: bool,
}

impl ShareArgs {
    /// What agents see.
    pub(crate) fn shown(&self) -> Result<Shown, Failure> {
        self.picture.of(self.screen)
    }

    /// Connects, and says with what.
    pub(crate) fn config(&self) -> Result<coview_smol::Config, Failure> {
        let profile = self.profile().map_err(Failure::usage)?;
        let mut config = coview_smol::Config::new(server(&self.server)?, self.group.clone())
            .with_profile(profile);
        if let Some(token) = &self.token {
            // Read here and not by the argument parser, whose errors repeat the value.
            config = config.with_token(ClientToken::new(token).map_err(Failure::usage)?);
        }
        if let Some(roots) = roots(self.ca.as_deref())? {
            config = config.with_roots(roots);
        }
        Ok(config)
    }

    fn profile(&self) -> Result<Profile, coview_wire::TextError> {
        let mut profile = Profile::new();
        if let Some(name) = &self.name {
            profile = profile.with_name(name)?;
        }
        if let Some(email) = &self.email {
            profile = profile.with_email(email)?;
        }
        if let Some(phone) = &self.phone {
            profile = profile.with_phone(phone)?;
        }
        Ok(profile)
    }
}
