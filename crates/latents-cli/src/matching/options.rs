//! The options of the commands that match a density.

use crate::args::Manners;
use crate::settings::{EXAMPLES, Overrides, SIZE, range};
use clap::Args;
use std::path::PathBuf;

/// What every command that matches a density takes.
#[derive(Args, Debug)]
pub struct Options {
    /// The settings that were asked for.
    #[command(flatten)]
    pub settings: Overrides,
    /// Examples in the evaluation at the end.
    #[arg(long, value_name = "N", value_parser = range(EXAMPLES), default_value_t = 10_000, help_heading = "Evaluation")]
    pub eval_examples: u32,
    /// Importance samples for each of them.
    #[arg(long, value_name = "N", value_parser = range(SIZE), default_value_t = 512, help_heading = "Evaluation")]
    pub eval_samples: u32,
    /// The folder to write to [default: runs/<target>].
    #[arg(long, short, value_name = "FOLDER", help_heading = "Output")]
    pub out: Option<PathBuf>,
    /// Go on with a run, or evaluate a finished one again: a checkpoint, its folder, or, without a value, that of
    /// --out.
    #[arg(long, value_name = "FILE", num_args = 0..=1, help_heading = "Output")]
    pub resume: Option<Option<PathBuf>>,
    /// Begin anew where the folder holds an unfinished run, which is lost.
    #[arg(long, conflicts_with = "resume", help_heading = "Output")]
    pub force: bool,
    /// What every command takes.
    #[command(flatten)]
    pub manners: Manners,
}
