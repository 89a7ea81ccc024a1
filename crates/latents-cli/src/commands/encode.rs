//! `latents encode`: the approximate posterior of each row.

use crate::args::Manners;
use crate::failure::Failure;
use crate::inputs::{DataArgs, in_file, load, read_like};
use crate::output::rows::{deliver, expect, numbered};
use std::path::PathBuf;
use std::time::Instant;

/// The options of `latents encode`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Columns mean1 … and variance1 …: those of q(z|x), all stochastic layers, the one next to the data first.\nWhere rows were dropped for want of a value, the first column is `row`, the number in the file."
)]
pub struct Args {
    /// The folder of a run.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// The rows.
    #[arg(value_name = "DATA")]
    pub data: PathBuf,
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
    let encoded = fitted.encode(&table).map_err(|e| in_file(e, &args.data))?;
    deliver(&numbered(encoded, &table)?, args.out.as_deref(), &args.manners, started)
}
