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
use failure::refusal;
use output::refuse;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let started = Instant::now();
    let as_json = std::env::args().any(|argument| argument == "--json");
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Wrong use, or help that was asked for: clap prints it, and exits with 2 or 0.
        Err(e) => {
            if e.use_stderr() && as_json {
                let text = e.render().to_string();
                let error = text.trim_end().trim_start_matches("error: ");
                // Nothing is left to be done where even that cannot be printed.
                let _ = refuse(&refusal(error, None, 2));
            }
            e.exit()
        }
    };
    match cli.command.run(started) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            if as_json {
                let _ = refuse(&failure.json());
            }
            ExitCode::from(failure.code())
        }
    }
}
