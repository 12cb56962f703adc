//! The agent's token: where a newer one comes from, and when it is needed.

use core::future::pending;
use core::time::Duration;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

use coview_wire::AgentToken;
use coview_wire::limits;
use smol::Timer;

/// How long before the end of a sign-in a person is told of it, at most.
const NOTICE: Duration = Duration::from_secs(60);

/// How often the file is looked at, at the least, once half of the sign-in is over.
const LOOK: Duration = Duration::from_secs(30);

/// How often the file is looked at, at the most.
const LOOK_LEAST: Duration = Duration::from_millis(250);

/// The tokens of one agent.
#[derive(Debug)]
pub(crate) struct Tokens {
    file: Option<PathBuf>,
    /// What was shown to the server last.
    shown: AgentToken,
    /// Since when the sign-in lasts, and how long.
    told: Option<(Instant, Duration)>,
    /// When the file is looked at next.
    look: Option<Instant>,
    /// Whether the person was told of the end of this sign-in.
    warned: bool,
}

/// What is due.
#[derive(Debug)]
pub(super) enum Due {
    /// The file has another token than the one that was shown.
    Renew(AgentToken),
    /// The sign-in ends this soon.
    EndsIn(Duration),
}

impl Tokens {
    pub(super) const fn new(file: Option<PathBuf>, shown: AgentToken) -> Self {
        Self { file, shown, told: None, look: None, warned: false }
    }

    /// The sign-in lasts so long from now.
    pub(super) fn lasts(&mut self, lasts_ms: u64) {
        let lasts = Duration::from_millis(lasts_ms);
        let now = now();
        self.told = Some((now, lasts));
        self.look = now.checked_add(lasts / 2);
        self.warned = false;
    }

    /// The newer token was not accepted. `again`: it may be if it is shown once more.
    pub(super) fn refused(&mut self, again: bool) {
        if again && let Ok(unknown) = AgentToken::new("-") {
            self.shown = unknown;
        }
    }

    /// How long the sign-in still lasts, if that is known.
    pub(super) fn left(&self) -> Option<Duration> {
        let (since, lasts) = self.told?;
        Some(lasts.saturating_sub(now().duration_since(since)))
    }

    /// The token a person wants to show: the one in this file, or in that of the command line.
    pub(super) fn take(&mut self, file: Option<&Path>) -> Result<AgentToken, String> {
        let file = file.or(self.file.as_deref()).ok_or(
            "which token? Write it into a file and say `renew FILE`, or start with --token-file",
        )?;
        let token = read(file)?;
        self.shown = token.clone();
        Ok(token)
    }

    /// Waits until something is due.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub(super) async fn due(&mut self) -> Due {
        loop {
            let (look, warn) = (self.next_look(), self.next_warning());
            let Some(at) = look.into_iter().chain(warn).min() else { return pending().await };
            Timer::at(at).await;
            if look.is_some_and(|look| look <= at) {
                self.looked();
                // A file that cannot be read now may be whole in a moment.
                if let Some(token) = self.file.as_deref().and_then(|file| read(file).ok())
                    && token != self.shown
                {
                    self.shown = token.clone();
                    return Due::Renew(token);
                }
            }
            if warn.is_some_and(|warn| warn <= at) {
                self.warned = true;
                return Due::EndsIn(self.left().unwrap_or_default());
            }
        }
    }

    fn next_look(&self) -> Option<Instant> {
        self.file.as_ref().and(self.look)
    }

    fn next_warning(&self) -> Option<Instant> {
        let (since, lasts) = self.told.filter(|_| !self.warned)?;
        since.checked_add(lasts.saturating_sub(NOTICE.min(lasts / 4)))
    }

    fn looked(&mut self) {
        let wait = self.told.map_or(LOOK, |(_, lasts)| (lasts / 20).clamp(LOOK_LEAST, LOOK));
        self.look = now().checked_add(wait);
    }
}

/// Reads a token from a file; the error says what is wrong, and nothing of what is in it.
pub(super) fn read(file: &Path) -> Result<AgentToken, String> {
    let wrong = |why: &dyn core::fmt::Display| format!("{}: {why}", file.display());
    // Room for white space around it.
    let longest = limits::TOKEN_BYTES as u64 + 64;
    let mut text = String::new();
    std::fs::File::open(file)
        .and_then(|file| file.take(longest).read_to_string(&mut text))
        .map_err(|error| wrong(&error))?;
    AgentToken::new(text.trim()).map_err(|error| wrong(&error))
}

#[expect(clippy::disallowed_methods, reason = "the end of a sign-in is told in real time")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use futures_lite::future::poll_once;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("coview-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        folder
    }

    fn token(text: &str) -> AgentToken {
        AgentToken::new(text).unwrap()
    }

    #[test]
    fn a_newer_token_in_the_file_is_found_and_an_old_one_is_not_shown_again() {
        let folder = folder("newer-token");
        let file = folder.join("token");
        std::fs::write(&file, "first\n").unwrap();
        let mut tokens = Tokens::new(Some(file.clone()), read(&file).unwrap());
        smol::block_on(async {
            assert!(poll_once(tokens.due()).await.is_none(), "nothing is known of the end");
            tokens.lasts(0);
            tokens.warned = true;
            let mut waits = core::pin::pin!(tokens.due());
            assert!(poll_once(&mut waits).await.is_none(), "the file has the token that was shown");
            std::fs::write(&file, "  second  ").unwrap();
            let Due::Renew(newer) = waits.await else { panic!() };
            assert_eq!(newer, token("second"));
        });
        tokens.refused(true);
        assert!(matches!(smol::block_on(tokens.due()), Due::Renew(_)), "it is shown again");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_end_of_a_sign_in_is_told_once() {
        let mut tokens = Tokens::new(None, token("only"));
        tokens.lasts(0);
        smol::block_on(async {
            assert!(matches!(tokens.due().await, Due::EndsIn(Duration::ZERO)));
            assert!(poll_once(tokens.due()).await.is_none());
        });
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_without_what_is_in_it() {
        let folder = folder("wrong-token");
        let file = folder.join("token");
        assert!(read(&file).unwrap_err().contains("token: "));
        std::fs::write(&file, " \n").unwrap();
        assert!(read(&file).unwrap_err().contains("empty"));
        let long = "secret".repeat(limits::TOKEN_BYTES);
        std::fs::write(&file, long).unwrap();
        let error = read(&file).unwrap_err();
        assert!(!error.contains("secret"), "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
