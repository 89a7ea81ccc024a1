//! `latents cv`: the same fit on folds of the data, each tested where it was not trained.

use crate::args::Manners;
use crate::commands::fit;
use crate::failure::Failure;
use crate::inputs::{described, in_file};
use crate::interrupt;
use crate::output::print;
use crate::progress::counted;
use crate::scoring::with_error;
use latents::data::{Split, read};
use latents::run::{Fitting, Trained};
use serde_json::json;
use std::time::Instant;

/// The options of `latents cv`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  latents cv faithful.csv --folds 5\n  latents cv faithful.csv --folds 10 latent=2 epochs=50"
)]
pub struct Args {
    /// How many folds.
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub folds: u32,
    /// The data, the configuration and how they are read.
    #[command(flatten)]
    pub what: fit::What,
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
    let config = args.what.config()?;
    let table = read(&args.what.data, &config.data.read)?;
    args.manners.say(format!("{}: {}", args.what.data.display(), described(&table)));
    let needed = (args.folds as usize).max(3);
    if table.rows() < needed {
        let what = format!("{} rows are too few for {} folds: they take at least {needed}", table.rows(), args.folds);
        return Err(Failure::usage(what, "choose fewer --folds, or pass more rows"));
    }
    let folds = Split::folds(table.rows(), args.folds as usize, config.data.validation, config.seed)?;
    interrupt::listen()?;
    let (mut rows, mut sum, mut squares) = (0usize, 0.0, 0.0);
    let mut each = Vec::new();
    for (i, split) in folds.into_iter().enumerate() {
        let test = split.test.clone();
        let mut fitting = Fitting::of_split(&table, &config, split).map_err(|e| in_file(e, &args.what.data))?;
        let Trained { interrupted, .. } = fitting.train(&mut |_, _, _| !interrupt::asked())?;
        if interrupted {
            return Err(Failure::Interrupted { saved: format!("interrupted in fold {}; nothing is saved", i + 1) });
        }
        let scores = fitting.fitted()?.score_rows(&table, &test)?;
        rows += scores.rows.len();
        sum += scores.rows.iter().map(|r| r.value).sum::<f64>();
        squares += scores.rows.iter().map(|r| r.value * r.value).sum::<f64>();
        let (mean, se) = (scores.evidence.mean, scores.evidence.standard_error);
        args.manners.say(format!("fold {} of {}: {} nats per row", i + 1, args.folds, with_error(mean, se)));
        each.push(json!({ "test_log_density": mean, "standard_error": se, "rows": scores.rows.len() }));
    }
    let n = rows as f64;
    let mean = sum / n;
    let se = ((squares - n * mean * mean).max(0.0) / (n - 1.0) / n).sqrt();
    let spec = config.evaluation.spec().map_err(latents::run::FitError::from)?;
    if args.manners.json {
        let value = json!({
            "test_log_density": mean, "standard_error": se, "unit": "nats per row", "estimator": spec.to_string(),
            "kind": spec.kind().to_string(), "rows": rows, "folds": each, "seconds": started.elapsed().as_secs_f64(),
        });
        print(&value.to_string())?;
    } else {
        print(&format!(
            "{mean:.4} ± {se:.4} nats per row ({spec}, {}), over {} in {} folds",
            spec.kind(),
            counted(rows as u64, "row"),
            args.folds
        ))?;
    }
    Ok(())
}
