//! `latents plot`: pictures of a run.

use crate::args::Manners;
use crate::failure::Failure;
use crate::inputs::{DataArgs, RunData, load, read_like};
use crate::output::folder::writable;
use crate::output::print;
use crate::session::write_file;
use latents::run::{FitError, Folder, curves};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The options of `latents plot`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  latents plot runs/cat --what samples\n  latents plot runs/digits digits.npy --what pictures,latent -o figures"
)]
pub struct Args {
    /// The folder of a run.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// What to draw.
    #[arg(long, value_name = "WHAT,…", value_delimiter = ',', value_enum, default_value = "curves")]
    pub what: Vec<What>,
    /// The rows to draw beside the model.
    #[command(flatten)]
    pub data: RunData,
    /// The folder of the pictures [default: that of the run].
    #[arg(long, short, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// How the file is read.
    #[command(flatten)]
    pub read: DataArgs,
    /// Talk and form.
    #[command(flatten)]
    pub manners: Manners,
}

/// What to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum What {
    /// The objective and the validation figure, by epoch.
    Curves,
    /// The density of two columns, beside the data.
    Density,
    /// Rows beside samples, in the first two columns.
    Samples,
    /// The posterior means of rows, in the two latent numbers that depend most on them.
    Latent,
    /// Pairs of the first columns, rows under samples.
    Pairs,
    /// Rows and samples as pictures of their pixels.
    Pictures,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(args: &Args, _: Instant) -> Result<(), Failure> {
    args.manners.apply();
    let fitted = load(&args.run)?;
    let model = Folder::model_of(&args.run);
    let home = args.out.as_deref().or(model.parent()).unwrap_or(Path::new("."));
    let needs_data = args.what.iter().any(|w| *w != What::Curves);
    let data = match needs_data {
        false => None,
        true => {
            let path = args.data.of(&args.run, &fitted.header().source.path)?;
            Some(read_like(&path, &fitted, &args.read)?)
        }
    };
    let mut drawn = Vec::new();
    for what in &args.what {
        let (name, bytes) = match (what, &data) {
            (What::Curves, _) | (_, None) => {
                ("curves", curves(fitted.checks(), fitted.header().steps_per_epoch).map_err(FitError::from)?)
            }
            (What::Density, Some(data)) => ("density", fitted.picture_density(data)?),
            (What::Samples, Some(data)) => ("samples", fitted.picture_samples(data)?),
            (What::Latent, Some(data)) => ("latent", fitted.picture_latent(data)?),
            (What::Pairs, Some(data)) => ("pairs", fitted.picture_pairs(data)?),
            (What::Pictures, Some(data)) => ("pictures", fitted.picture_tiles(data)?),
        };
        drawn.push((name, bytes));
    }
    // All of them, or none.
    let folder = writable(home)?;
    let mut made = Vec::new();
    for (name, bytes) in drawn {
        let path = folder.picture(name);
        write_file(&path, &bytes)?;
        made.push(path.display().to_string());
    }
    print(&if args.manners.json { json!({ "pictures": made }).to_string() } else { made.join("\n") })?;
    Ok(())
}
