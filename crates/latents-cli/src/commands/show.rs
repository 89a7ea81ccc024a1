//! `latents show`: what a run is.

use crate::args::Manners;
use crate::failure::Failure;
use crate::matching;
use crate::output::print;
use crate::progress::{counted, thousands};
use crate::scoring::with_error;
use latents::run::{FitError, Fitted, Folder};
use latents::train::Checkpoint;
use pullback::leaves;
use std::path::PathBuf;
use std::time::Instant;

/// The options of `latents show`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder of a run.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Talk and form.
    #[command(flatten)]
    pub manners: Manners,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(args: &Args, _: Instant) -> Result<(), Failure> {
    let checkpoint = Checkpoint::load(&Folder::model_of(&args.run)).map_err(FitError::from)?;
    if let Some(text) = matching::shown(&checkpoint, &args.run, args.manners.json)? {
        print(&text)?;
        return Ok(());
    }
    let fitted = Fitted::of_checkpoint(checkpoint)?;
    let header = fitted.header();
    let weights: usize = leaves(fitted.model())
        .iter()
        .filter_map(|l| l.tensor.shape().known())
        .map(|s| s.iter().product::<usize>())
        .sum();
    if args.manners.json {
        let mut value = serde_json::to_value(header).map_err(|e| Failure::run(e.to_string(), "please report it"))?;
        value["weights"] = weights.into();
        print(&value.to_string())?;
        return Ok(());
    }
    let source = &header.source;
    let names: Vec<&str> = header.columns.iter().map(|c| c.name.as_str()).collect();
    let mut lines = vec![
        format!("data      {} ({}, hash {})", or_memory(&source.path), counted(source.rows as u64, "row"), source.hash),
        format!("columns   {}", names.join(", ")),
        format!("weights   {}", thousands(weights as u64)),
        format!("written   by latents {}", header.written_by),
    ];
    lines.push(match &header.ended {
        Some(ended) => format!("ended     {}; the model is that of step {}", ended.why, ended.best_step),
        None => format!("ended     not yet: go on with `latents resume {}`", args.run.display()),
    });
    if let Some(figures) = &header.figures {
        let all = std::iter::once(&figures.model).chain(&figures.baselines);
        for figure in all {
            let by = if figure.name == "model" {
                format!("{}, {}", figures.estimator, figures.kind)
            } else {
                "exact".into()
            };
            lines.push(format!(
                "test      {} nats per row, {} ({by})",
                with_error(figure.log_density, figure.standard_error),
                figure.name
            ));
        }
        lines.extend(figures.missing.iter().map(|why| format!("test      no figure of {why}")));
    }
    lines.push(format!("\n{}", header.config.to_toml().trim_end()));
    print(&lines.join("\n"))?;
    Ok(())
}

fn or_memory(path: &str) -> &str {
    if path.is_empty() { "a table in memory" } else { path }
}
