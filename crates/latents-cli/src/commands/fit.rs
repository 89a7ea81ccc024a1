//! `latents fit`: fits a model to a file of data.

use crate::args::{Manners, whole};
use crate::failure::Failure;
use crate::inputs::{DataArgs, described, in_file};
use crate::output::folder::writable;
use crate::output::print;
use crate::progress::{counted, thousands};
use crate::session::{Saving, Session};
use latents::data::read;
use latents::run::{FitConfig, Fitting, Folder};
use std::path::{Path, PathBuf};
use std::time::Instant;

const HELP: &str = "\
Keys are those of the configuration file, dotted: model.latent=8, objective.bound=miwae:4:8, training.epochs=50, seed=3.
Short forms: latent, hidden, likelihood, activation, prior, posterior, bound, epochs, batch, rate, patience,
binarise, preprocess. `latents show RUN` prints the whole configuration of a run.

Writes into the folder: model.safetensors, metrics.csv, report.html and pictures. Results go to standard output,
everything else to standard error.

Examples:
  latents fit faithful.csv -o runs/faithful
  latents fit twonorm.csv.gz --without 21 -o runs/twonorm latent=4 epochs=100
  latents fit digits.npy --likelihood bernoulli -o runs/digits data.binarise=stochastic
  latents fit cat.png --points 20000 -o runs/cat";

/// The options of `latents fit`.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// What is fitted to what.
    #[command(flatten)]
    pub what: What,
    /// The folder of the run.
    #[arg(long, short, value_name = "RUN")]
    pub out: PathBuf,
    /// Replace the run that is in the folder.
    #[arg(long)]
    pub force: bool,
    /// How often the state is saved.
    #[command(flatten)]
    pub saving: Saving,
    /// Talk and form.
    #[command(flatten)]
    pub manners: Manners,
}

/// What is fitted to what.
#[derive(Debug, clap::Args)]
pub struct What {
    /// The data: CSV, TSV, NPY, NPZ, IDX, a picture or a folder of them, also .gz; `-` for standard input.
    #[arg(value_name = "DATA")]
    pub data: PathBuf,
    /// Settings that override the configuration file.
    #[arg(value_name = "KEY=VALUE")]
    pub settings: Vec<String>,
    /// A configuration file.
    #[arg(long, value_name = "FILE.toml")]
    pub config: Option<PathBuf>,
    /// What the columns are, given z [default: gaussian].
    #[arg(long, value_name = "NAME", help_heading = "Model")]
    pub likelihood: Option<String>,
    /// How many numbers each stochastic layer is [default: 8].
    #[arg(long, value_name = "N,…", help_heading = "Model")]
    pub latent: Option<String>,
    /// The sizes of the hidden layers [default: 128,128].
    #[arg(long, value_name = "N,…", help_heading = "Model")]
    pub hidden: Option<String>,
    /// The seed of all random numbers [default: 0].
    #[arg(long, value_name = "SEED", value_parser = whole::<u64>, allow_negative_numbers = true, help_heading = "Model")]
    pub seed: Option<u64>,
    /// How the file is read.
    #[command(flatten)]
    pub read: DataArgs,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(args: &Args, started: Instant) -> Result<(), Failure> {
    args.manners.apply();
    let config = args.what.config()?;
    let folder_holds = Folder::model_of(&args.out);
    if args.out.is_dir() && folder_holds.is_file() && !args.force {
        return Err(Failure::usage(
            format!("{} holds a run already", args.out.display()),
            format!("go on with it by `latents resume {}`, choose another folder, or pass --force", args.out.display()),
        ));
    }
    let table = read(&args.what.data, &config.data.read)?;
    args.manners.say(format!("{}: {}", args.what.data.display(), described(&table)));
    let mut fitting = Fitting::new(&table, &config).map_err(|e| in_file(e, &args.what.data))?;
    fitting.set_path(from_root(&args.what.data));
    let split = fitting.split();
    args.manners.say(format!(
        "{} to train on, {} to validate, {} to test",
        counted(split.train.len() as u64, "row"),
        thousands(split.validation.len() as u64),
        thousands(split.test.len() as u64)
    ));
    let folder = writable(&args.out)?;
    let summary = Session::new(fitting, folder, &args.manners, args.saving).run(started)?;
    if args.manners.json {
        print(&summary.json())?;
    } else {
        print(&summary.text())?;
    }
    Ok(())
}

impl What {
    /// The configuration: the file, the options, then the settings.
    ///
    /// # Errors
    /// A file that cannot be read; a key or a value that is none.
    pub fn config(&self) -> Result<FitConfig, Failure> {
        let text = match &self.config {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path).map_err(|e| {
                Failure::usage(format!("cannot read {}: {e}", path.display()), "pass a configuration file in TOML")
            })?,
        };
        let option = |key: &str, value: &Option<String>| value.as_ref().map(|value| format!("{key}={value}"));
        let options = [
            option("model.likelihood", &self.likelihood),
            option("model.latent", &self.latent),
            option("model.hidden", &self.hidden),
            option("seed", &self.seed.map(|seed| seed.to_string())),
        ];
        let all: Vec<String> = options.into_iter().flatten().chain(self.settings.iter().cloned()).collect();
        let mut config = FitConfig::resolve(&text, &all).map_err(|e| {
            let place = self.config.as_ref().map_or_else(String::new, |path| format!(" ({})", path.display()));
            Failure::usage(format!("the configuration{place}: {e}"), "see `latents fit --help` for the keys")
        })?;
        self.read.apply(&mut config.data.read);
        // Before the data are read, which may take a while.
        config.check().map_err(latents::run::FitError::from)?;
        Ok(config)
    }
}

/// The path from the root, by which a run in another folder finds its data again.
fn from_root(path: &Path) -> String {
    if path == Path::new("-") {
        return "-".to_owned();
    }
    path.canonicalize().unwrap_or_else(|_| path.to_owned()).display().to_string()
}
