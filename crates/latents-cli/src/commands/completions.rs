//! `latents completions`: the command line as a shell's completions.

use crate::args::Cli;
use crate::failure::Failure;
use clap::CommandFactory;
use clap_complete::Shell;
use std::time::Instant;

/// The options of `latents completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  latents completions bash > ~/.local/share/bash-completion/completions/latents")]
pub struct Args {
    /// The shell.
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(args: &Args, _started: Instant) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "latents", &mut text);
    crate::output::print(String::from_utf8_lossy(&text).trim_end())?;
    Ok(())
}
