//! `latents resume`: goes on with a fit that was interrupted or killed.

use crate::args::Manners;
use crate::failure::Failure;
use crate::inputs::RunData;
use crate::output::folder::writable;
use crate::output::print;
use crate::session::{Saving, Session};
use latents::data::read;
use latents::run::{FitError, Fitting, Folder, Header};
use latents::train::Checkpoint;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The options of `latents resume`.
#[derive(Debug, clap::Args)]
#[command(after_help = "The run ends in the same bytes as one that was never interrupted.")]
pub struct Args {
    /// The folder of a run.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// The data; they must be the same.
    #[command(flatten)]
    pub data: RunData,
    /// How often the state is saved.
    #[command(flatten)]
    pub saving: Saving,
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
    let path = Folder::model_of(&args.run);
    let checkpoint = Checkpoint::load(&path).map_err(FitError::from)?;
    let header = Header::of(&checkpoint).map_err(FitError::from)?;
    let given = args.data.of(&args.run, &header.source.path)?;
    let table = read(&given, &header.config.data.read)?;
    let mut fitting = Fitting::resume(&table, checkpoint)?;
    fitting.set_path(header.source.path);
    let folder = writable(path.parent().unwrap_or(Path::new(".")))?;
    args.manners.say(match fitting.checks().last() {
        Some(check) if header.ended.is_none() => format!("going on after the validation of step {}", check.step),
        Some(_) => "training had ended: judging the model again".to_owned(),
        None => "beginning".to_owned(),
    });
    let summary = Session::new(fitting, folder, &args.manners, args.saving).run(started)?;
    print(&if args.manners.json { summary.json() } else { summary.text() })?;
    Ok(())
}
