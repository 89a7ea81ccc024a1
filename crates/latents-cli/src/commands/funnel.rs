//! `latents funnel`: fits a model to a named density by the reverse KL, and shows how it went.

use crate::failure::Failure;
use crate::matching::{self, Job, Options};
use std::time::Instant;

// Paragraphs are one line each: they are wrapped to the terminal. Lines of examples stay below 80 columns.
const HELP: &str = "\
Writes into the output folder: density-<step>.png (target and model side by side), kl.png, metrics.csv, \
model.safetensors and report.html. Those of an earlier run that was finished are replaced; an unfinished one is kept, \
unless --force is given. Nothing else in the folder is touched. Results go to standard output, everything else to \
standard error.

Examples:
  latents funnel                               fit the funnel in seconds
  latents funnel --estimator sumo              by SUMO, 50,000 steps
  latents funnel --estimator sumo --lr 5e-5    at the classic rate
  latents funnel --target ring --seed 3 --json
  latents funnel --resume                      go on after Ctrl-C
  latents funnel --resume --steps 40000        and make the run longer";

/// The options of `latents funnel`.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP, allow_negative_numbers = true)]
pub struct Args {
    /// Those of every command that matches a density.
    #[command(flatten)]
    pub options: Options,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(args: &Args, started: Instant) -> Result<(), Failure> {
    matching::run(&Job { command: "funnel", default: Some("funnel"), written: None, options: &args.options, started })
}
