//! `latents compare`: several models on the same rows.

use crate::args::{Manners, whole};
use crate::failure::Failure;
use crate::inputs::{DataArgs, load};
use crate::interrupt;
use crate::output::print;
use crate::progress::thousands;
use crate::scoring::{SAMPLES, each_chunk, known, with_error};
use comfy_table::{CellAlignment, Table, presets};
use latents::evaluation::{
    CompareError, EstimatorSpec, Evaluator, Evidence, PairedDifference, Summary, paired_difference,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Instant;

const HELP: &str = "\
Each run is held against the first: the mean over rows of the difference of log densities, with its 95 % interval. What
makes a row hard for both goes out of the difference, which is known far better than either mean.

Example:
  latents compare runs/small runs/large faithful.csv";

/// The options of `latents compare`.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP, override_usage = "latents compare [OPTIONS] <RUN> <RUN>... <DATA>")]
pub struct Args {
    /// The folders of two runs or more, and then the rows.
    #[arg(value_names = ["RUN", "RUN", "DATA"], num_args = 3.., required = true)]
    pub paths: Vec<PathBuf>,
    /// The estimator of log p(x), with its samples for each row.
    #[arg(long, value_name = "SPEC", default_value = "iwae:1000")]
    pub estimator: EstimatorSpec,
    /// The seed of the random numbers.
    #[arg(long, default_value_t = 0, value_parser = whole::<u64>, allow_negative_numbers = true)]
    pub seed: u64,
    /// How the file is read.
    #[command(flatten)]
    pub read: DataArgs,
    /// Talk and form.
    #[command(flatten)]
    pub manners: Manners,
}

/// A run's figures.
struct Judged {
    run: String,
    evidence: Evidence,
    values: Vec<f64>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(args: &Args, started: Instant) -> Result<(), Failure> {
    args.manners.apply();
    let Some((data, runs)) = args.paths.split_last().filter(|(_, runs)| runs.len() > 1) else {
        return Err(Failure::usage("two runs and a file of rows are needed", "latents compare RUN RUN DATA"));
    };
    if data == Path::new("-") {
        return Err(Failure::usage("standard input cannot be read once for each run", "pass a file"));
    }
    let models = runs.iter().map(|run| load(run)).collect::<Result<Vec<_>, _>>()?;
    for (run, model) in runs.iter().zip(&models).skip(1) {
        let names = |i: &latents::run::Fitted| i.columns().iter().map(|c| c.name.clone()).collect::<Vec<_>>();
        let (first, other) = (names(&models[0]), names(model));
        let (mut a, mut b) = (first.clone(), other.clone());
        a.sort();
        b.sort();
        if a != b {
            let what = format!(
                "{} models the columns {}, and {} models {}: their densities are of different things",
                runs[0].display(),
                first.join(", "),
                run.display(),
                other.join(", ")
            );
            return Err(Failure::usage(what, "compare runs that were fitted to the same columns"));
        }
        // A probability of values and a density of numbers have no common unit.
        if models[0].measure() != model.measure() {
            let what = format!(
                "{} and {} see the values differently (binarised or dequantised in another way, or as whole numbers and as \
                 real ones): their densities are of different things",
                runs[0].display(),
                run.display()
            );
            let help =
                "compare runs with the same binarisation and dequantisation, and with likelihoods of the same kind";
            return Err(Failure::usage(what, help));
        }
    }
    interrupt::listen()?;
    let evaluator = |(run, model): (&PathBuf, &latents::run::Fitted)| -> Result<Judged, Failure> {
        let evaluator = Evaluator::new(SAMPLES);
        let mut summary = Summary::new(args.estimator);
        let mut values = Vec::new();
        each_chunk(model, data, &args.read, &args.manners, |chunk| {
            let figures = evaluator.rows(model.model(), &args.estimator, args.seed, chunk.first, &chunk.x)?;
            for (figure, shift) in figures.iter().zip(&chunk.log_jacobian) {
                summary.push(figure, *shift);
                values.push(figure.value + shift);
            }
            Ok(())
        })?;
        Ok(Judged { run: run.display().to_string(), evidence: summary.finish(), values })
    };
    let judged = runs.iter().zip(&models).map(evaluator).collect::<Result<Vec<_>, _>>()?;
    let mut differences = Vec::new();
    for other in &judged[1..] {
        differences.push(paired_difference(&other.values, &judged[0].values)?);
    }
    let rows = judged[0].evidence.rows;
    if args.manners.json {
        let each: Vec<Value> = judged
            .iter()
            .enumerate()
            .map(|(i, j)| json_of(j, i.checked_sub(1).map(|i| &differences[i]), &judged[0].run))
            .collect();
        let object = json!({
            "data": data.display().to_string(),
            "rows": rows,
            "unit": "nats per row",
            "estimator": args.estimator.to_string(),
            "kind": args.estimator.kind().to_string(),
            "runs": each,
            "seed": args.seed,
            "seconds": started.elapsed().as_secs_f64(),
        });
        print(&object.to_string())?;
        return Ok(());
    }
    print(&table(&judged, &differences, args.estimator))?;
    for j in &judged {
        if let Some(why) = j.evidence.distrust() {
            print(&format!("{}: errors are not those of a normal interval: {why}", j.run))?;
        }
    }
    Ok(())
}

fn json_of(j: &Judged, difference: Option<&PairedDifference>, first: &str) -> Value {
    json!({
        "run": j.run,
        "test_log_density": known(j.evidence.mean),
        "standard_error": known(j.evidence.standard_error),
        "samples": j.evidence.samples,
        "pareto_k": j.evidence.worst_pareto_k,
        "distrust": j.evidence.distrust().map(|why| why.to_string()),
        "difference": difference.map(|d| json!({
            "to": first,
            "mean": d.difference.mean,
            "standard_error": d.difference.se,
            "interval": [d.low, d.high],
            "wins": d.wins,
            "verdict": verdict(d),
        })),
    })
}

fn verdict(d: &PairedDifference) -> &'static str {
    match d.verdict() {
        1 => "better",
        -1 => "worse",
        _ => "open",
    }
}

fn table(judged: &[Judged], differences: &[PairedDifference], spec: EstimatorSpec) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    let rows = thousands(judged[0].evidence.rows);
    table.set_header([
        format!("log density of {rows} rows by {spec} ({})", spec.kind()),
        "nats per row".to_owned(),
        "less that of the first".to_owned(),
        "95 % interval".to_owned(),
        "rows won".to_owned(),
        String::new(),
    ]);
    for (i, j) in judged.iter().enumerate() {
        let figure = with_error(j.evidence.mean, j.evidence.standard_error);
        let mut line = vec![j.run.clone(), figure];
        if let Some(d) = i.checked_sub(1).and_then(|i| differences.get(i)) {
            line.push(format!("{:+.4} ± {:.4}", d.difference.mean, d.difference.se));
            line.push(format!("{:+.4} to {:+.4}", d.low, d.high));
            line.push(format!("{:.1} %", 100.0 * d.wins));
            line.push(verdict(d).to_owned());
        }
        line.resize(6, String::new());
        table.add_row(line);
    }
    for i in 1..5 {
        if let Some(column) = table.column_mut(i) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

impl From<CompareError> for Failure {
    fn from(e: CompareError) -> Failure {
        match e {
            CompareError::TooFew(_) => Failure::usage(e.to_string(), "pass more rows"),
            e => Failure::run(e.to_string(), "look at that row with `latents score`"),
        }
    }
}
