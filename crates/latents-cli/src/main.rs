//! The `latents` command: parse, run, exit code.

mod args;
mod commands;
mod failure;
mod inputs;
mod interrupt;
mod matching;
mod output;
mod progress;
mod scoring;
mod session;
mod settings;
mod threads;

use args::Cli;
use clap::Parser;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let started = Instant::now();
    // Wrong use ends here: clap prints what is wrong, and exits with 2.
    let cli = Cli::parse();
    match cli.command.run(started) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            failure.exit_code()
        }
    }
}
