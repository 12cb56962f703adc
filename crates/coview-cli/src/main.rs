//! The `coview` command: run the server, be a visitor or an agent by hand, or watch the whole story.
//!
//! It decides nothing about screen sharing. It reads the command line and the terminal, drives the
//! crates that do decide, and says what happened, in words or as JSON lines.

mod agent;
mod args;
mod audit;
mod demo;
mod failure;
mod keys;
mod say;
mod screen;
mod serve;
mod share;
mod terminal;
mod token;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Args;
use crate::args::Command;

fn main() -> ExitCode {
    let done = smol::block_on(async {
        match Args::parse().command {
            Command::Serve(args) => Box::pin(serve::run(args)).await,
            Command::Share(args) => Box::pin(share::run(args)).await,
            Command::Agent(args) => Box::pin(agent::run(args)).await,
            Command::Demo(args) => Box::pin(demo::run(args)).await,
            Command::Keys(args) => keys::run(args),
            Command::Token(args) => token::run(args),
            Command::Audit(args) => audit::run(args).await,
        }
    });
    // Returning ends the process even while a thread still waits for a line of input.
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
