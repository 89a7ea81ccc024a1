//! `latents reconstruct`: each row by way of its latent numbers.

use crate::args::{Manners, whole};
use crate::failure::Failure;
use crate::inputs::{DataArgs, in_file, load, read_like};
use crate::output::rows::{deliver, expect, numbered};
use std::path::PathBuf;
use std::time::Instant;

/// The options of `latents reconstruct`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each row becomes the centre of p(x|z) at a draw of z from its approximate posterior q(z|x).\nWhere rows were dropped for want of a value, the first column is `row`, the number in the file."
)]
pub struct Args {
    /// The folder of a run.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// The rows.
    #[arg(value_name = "DATA")]
    pub data: PathBuf,
    /// The seed of the draws.
    #[arg(long, default_value_t = 0, value_parser = whole::<u64>, allow_negative_numbers = true)]
    pub seed: u64,
    /// A file, .csv, .tsv or .npy [default: CSV to standard output].
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// How the file is read.
    #[command(flatten)]
    pub read: DataArgs,
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
    let table = read_like(&args.data, &fitted, &args.read)?;
    let made = fitted.reconstruct(&table, args.seed).map_err(|e| in_file(e, &args.data))?;
    deliver(&numbered(made, &table)?, args.out.as_deref(), &args.manners, started)
}
