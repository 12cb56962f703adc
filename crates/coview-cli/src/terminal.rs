//! What a person or a script does to a running command: lines on standard input, and signals.

use core::time::Duration;
use std::collections::VecDeque;
use std::io::BufRead;
use std::io::Read;

use async_channel::Receiver;
use async_channel::Sender;
use async_signal::Signal;
use async_signal::Signals;
use futures_lite::FutureExt;
use futures_lite::StreamExt;
use smol::Task;
use smol::Timer;

use crate::failure::Failure;

/// The longest line that is read; nothing anybody types is as long.
const LINE: u64 = 64 * 1024;

/// How many lines are kept while they cannot be acted on; then no more are read.
const KEPT: usize = 64;

/// How long the goodbye may take when leaving.
const GOODBYE: Duration = Duration::from_secs(3);

/// Ctrl-C and its kind. The first asks to leave, the second to leave at once.
pub(crate) struct Interrupts(Signals);

impl Interrupts {
    /// Takes the signals over, so from now on they no longer end the process by themselves.
    pub(crate) fn new(signals: &[Signal]) -> Result<Self, Failure> {
        Signals::new(signals)
            .map(Self)
            .map_err(|error| Failure::run(format_args!("cannot listen for signals: {error}")))
    }

    pub(crate) async fn next(&mut self) {
        self.next_signal().await;
    }

    /// The same, and which it is.
    pub(crate) async fn next_signal(&mut self) -> Option<Signal> {
        // The stream has no end and its errors are those of an empty pipe.
        self.0.next().await.and_then(Result::ok)
    }
}

/// What was heard from the terminal.
pub(crate) enum Heard {
    /// A line, without its end.
    Line(String),
    /// The end of the input.
    End,
    /// A signal to leave.
    Interrupt,
}

/// Standard input and signals.
pub(crate) struct Terminal {
    lines: Receiver<String>,
    ended: bool,
    interrupts: Interrupts,
    /// What was heard while it could not be acted on.
    kept: VecDeque<Heard>,
}

impl Terminal {
    /// Reads lines and takes signals over.
    pub(crate) fn new() -> Result<Self, Failure> {
        let mut terminal = Self::of_signals()?;
        let (sender, lines) = async_channel::bounded(16);
        terminal.lines = lines;
        terminal.ended = false;
        // A read of standard input cannot be cancelled, so it has a thread that nobody waits for.
        std::thread::Builder::new()
            .name("stdin".to_owned())
            .spawn(move || read_lines(&sender))
            .map_err(|error| Failure::run(format_args!("cannot read standard input: {error}")))?;
        Ok(terminal)
    }

    /// Takes signals over and reads nothing: a job in the background that reads is stopped.
    pub(crate) fn of_signals() -> Result<Self, Failure> {
        let interrupts = Interrupts::new(&[
            Signal::Int,
            #[cfg(unix)]
            Signal::Term,
            // The terminal was closed.
            #[cfg(unix)]
            Signal::Hup,
        ])?;
        let (_, lines) = async_channel::bounded(1);
        Ok(Self { lines, ended: true, interrupts, kept: VecDeque::new() })
    }

    /// The next thing to act on.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub(crate) async fn heard(&mut self) -> Heard {
        match self.kept.pop_front() {
            Some(heard) => heard,
            None => self.heard_now().await,
        }
    }

    /// The next thing that is new, for a time when most cannot be acted on.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub(crate) async fn heard_now(&mut self) -> Heard {
        let full = self.kept.len() >= KEPT;
        let (lines, interrupts, ended) = (&self.lines, &mut self.interrupts, &mut self.ended);
        let interrupt = async {
            interrupts.next().await;
            Heard::Interrupt
        };
        let line = async {
            if *ended || full {
                return core::future::pending().await;
            }
            match lines.recv().await {
                Ok(line) => Heard::Line(line),
                Err(async_channel::RecvError) => {
                    *ended = true;
                    Heard::End
                }
            }
        };
        interrupt.or(line).await
    }

    /// Keeps for later what cannot be acted on now.
    pub(crate) fn keep(&mut self, heard: Heard) {
        self.kept.push_back(heard);
    }

    /// Whether nothing more will be typed.
    pub(crate) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Waits for a signal only.
    pub(crate) async fn interrupted(&mut self) {
        self.interrupts.next().await;
    }

    /// Waits until the driver has said goodbye, for a bounded time, unless a second signal cuts it
    /// short.
    pub(crate) async fn let_go(&mut self, driver: Task<()>) -> Result<(), Failure> {
        let said = async {
            driver.await;
            Ok(())
        };
        let late = async {
            Timer::after(GOODBYE).await;
            // The server finds out by itself after its grace.
            Ok(())
        };
        let again = async {
            self.interrupted().await;
            Err(Failure::run("stopped before the goodbye was said"))
        };
        said.or(again).or(late).await
    }
}

fn read_lines(lines: &Sender<String>) {
    let mut input = std::io::stdin().lock();
    loop {
        let mut line = Vec::new();
        match (&mut input).take(LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let line = String::from_utf8_lossy(&line).trim().to_owned();
        if lines.send_blocking(line).is_err() {
            return;
        }
    }
}
