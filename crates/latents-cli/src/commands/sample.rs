//! `latents sample`: rows drawn from a fitted model.

use crate::args::{Manners, whole};
use crate::failure::Failure;
use crate::inputs::load;
use crate::output::rows::{deliver, expect};
use std::path::PathBuf;
use std::time::Instant;

/// The options of `latents sample`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  latents sample runs/faithful -n 10\n  latents sample runs/faithful -n 100000 -o drawn.npy"
)]
pub struct Args {
    /// The folder of a run.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// How many rows.
    #[arg(short, long = "rows", value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000_000), allow_negative_numbers = true)]
    pub n: u32,
    /// The seed of the random numbers.
    #[arg(long, default_value_t = 0, value_parser = whole::<u64>, allow_negative_numbers = true)]
    pub seed: u64,
    /// A file, .csv, .tsv or .npy [default: CSV to standard output].
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Talk and form.
    #[command(flatten)]
    pub manners: Manners,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(args: &Args, started: Instant) -> Result<(), Failure> {
    args.manners.apply();
    expect(args.out.as_deref())?;
    let fitted = load(&args.run)?;
    let drawn = fitted.sample(args.n as usize, args.seed)?;
    deliver(&drawn, args.out.as_deref(), &args.manners, started)
}
