//! `latents eval`: the log density of a file's rows, by several estimators.

use crate::args::{Manners, whole};
use crate::failure::Failure;
use crate::inputs::{DataArgs, load};
use crate::interrupt;
use crate::output::print;
use crate::progress::{counted, seconds, thousands};
use crate::scoring::{Chunk, SAMPLES, each_chunk, known, shape, with_error};
use comfy_table::{CellAlignment, Table, presets};
use latents::evaluation::{
    AllocateError, Allocated, EstimatorSpec, Evaluator, Evidence, EvidenceError, Figure, Summary, Target, allocate,
    bits_per_dimension, linear_gaussian, log_evidence,
};
use latents::model::Density;
use latents::run::Fitted;
use pullback::Tensor;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const HELP: &str = "\
Estimators: elbo:K (mean of K log-weights), iwae:K (log of the mean of K weights), miwae:MxK, ciwae:BETAxK, sumo:COPIES.
The error beside a figure is that of the mean with rows as the sampling unit; the Monte-Carlo error is the part of it
that more samples would take away. With --ci the rows are held in memory, and the interval is that of the Monte-Carlo
error alone.

Examples:
  latents eval runs/faithful faithful.csv
  latents eval runs/faithful faithful.csv --estimator iwae:5000,sumo:10 --json
  latents eval runs/faithful faithful.csv --estimator iwae --ci 0.01";

/// The options of `latents eval`.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// The folder of a run.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// The rows.
    #[arg(value_name = "DATA")]
    pub data: PathBuf,
    /// Estimators of log p(x), with their samples for each row.
    #[arg(long, value_name = "SPEC,…", value_delimiter = ',', default_value = "elbo:100,iwae:1000,sumo")]
    pub estimator: Vec<EstimatorSpec>,
    /// Spend samples until the 95 % interval of the mean is this wide, in nats.
    #[arg(long, value_name = "WIDTH", allow_hyphen_values = true)]
    pub ci: Option<f64>,
    /// The most samples that --ci spends for an estimator.
    #[arg(long, value_name = "N", default_value_t = 1_000_000_000, requires = "ci")]
    pub max_samples: u64,
    /// Also the exact figure, where the model is linear and Gaussian.
    #[arg(long)]
    pub exact: bool,
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

/// What one estimator gave.
struct Found {
    evidence: Evidence,
    time: Duration,
    allocated: Option<Allocated>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(args: &Args, started: Instant) -> Result<(), Failure> {
    args.manners.apply();
    let fitted = load(&args.run)?;
    let linear = if args.exact { Some(linear_gaussian(fitted.model())?) } else { None };
    interrupt::listen()?;
    let evaluator = Evaluator::new(SAMPLES);
    let mut exact = Vec::new();
    let mut streamed: Vec<(Summary, Duration)> =
        args.estimator.iter().map(|&spec| (Summary::new(spec), Duration::ZERO)).collect();
    let mut held = (Vec::new(), Vec::new());
    let rows = each_chunk(&fitted, &args.data, &args.read, &args.manners, |chunk| {
        if let Some(linear) = &linear {
            let figures = log_evidence(linear, &chunk.x)?;
            exact.extend(figures.iter().zip(&chunk.log_jacobian).map(|(figure, shift)| figure + shift));
        }
        if args.ci.is_some() {
            held.0.push(chunk.x);
            held.1.extend(chunk.log_jacobian);
            return Ok(());
        }
        streamed.iter_mut().try_for_each(|of| add(&evaluator, &fitted, args.seed, of, &chunk))
    })?;
    let mut found = Vec::new();
    if let Some(width) = args.ci {
        let x = Tensor::concat(&held.0.iter().collect::<Vec<_>>(), 0);
        for &spec in &args.estimator {
            let begun = Instant::now();
            let target = Target { width, most_samples: args.max_samples, seed: args.seed };
            let allocated = allocate(&evaluator, fitted.model(), spec, &target, &x, &held.1)?;
            found.push(Found { evidence: allocated.evidence, time: begun.elapsed(), allocated: Some(allocated) });
        }
    } else {
        found.extend(streamed.iter().map(|(s, time)| Found { evidence: s.finish(), time: *time, allocated: None }));
    }
    let exact = args.exact.then(|| Figure::of(&exact));
    let d = fitted.columns().len();
    if args.manners.json {
        let estimates: Vec<Value> =
            exact.iter().map(|f| exact_json(f, d)).chain(found.iter().map(|f| estimate_json(f, d))).collect();
        let object = json!({
            "run": args.run.display().to_string(),
            "data": args.data.display().to_string(),
            "rows": rows,
            "columns": d,
            "unit": "nats per row",
            "estimates": estimates,
            "seed": args.seed,
            "compiles": evaluator.compiles(),
            "seconds": started.elapsed().as_secs_f64(),
        });
        print(&object.to_string())?;
        return Ok(());
    }
    print(&table(rows, d, exact.as_ref(), &found))?;
    found.iter().flat_map(notes).try_for_each(|line| print(&line))?;
    Ok(())
}

impl Found {
    /// The estimator, with its samples where each row has as many.
    fn name(&self) -> String {
        let spec = self.evidence.spec;
        if self.allocated.is_some() { spec.name().to_owned() } else { spec.to_string() }
    }
}

fn add(
    evaluator: &Evaluator<Density>,
    fitted: &Fitted,
    seed: u64,
    (summary, time): &mut (Summary, Duration),
    chunk: &Chunk,
) -> Result<(), Failure> {
    let begun = Instant::now();
    let figures = evaluator.rows(fitted.model(), summary.spec(), seed, chunk.first, &chunk.x)?;
    figures.iter().zip(&chunk.log_jacobian).for_each(|(row, &shift)| summary.push(row, shift));
    *time += begun.elapsed();
    Ok(())
}

fn table(rows: u64, d: usize, exact: Option<&Figure>, found: &[Found]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header([
        &format!("log density of {}", counted(rows, "row")),
        "kind",
        "nats per row",
        "bits per dimension",
        "Monte Carlo",
        "samples",
        "time",
        "worst k-hat",
        "ESS",
    ]);
    let none = || "-".to_owned();
    if let Some(f) = exact {
        let (bits, error) = bits_per_dimension(f.mean, f.se, d);
        let cells = ["exact".to_owned(), "exact".to_owned(), with_error(f.mean, f.se), with_error(bits, error)];
        table.add_row(cells.into_iter().chain((0..5).map(|_| none())));
    }
    for f in found {
        let (e, time) = (&f.evidence, f.time);
        let (bits, error) = bits_per_dimension(e.mean, e.standard_error, d);
        table.add_row([
            f.name(),
            e.kind.to_string(),
            with_error(e.mean, e.standard_error),
            with_error(bits, error),
            e.monte_carlo_error.map_or_else(none, |se| format!("± {se:.4}")),
            thousands(e.samples),
            seconds(time.as_secs_f64()),
            shape(e.worst_pareto_k),
            format!("{:.1} %", 100.0 * e.ess),
        ]);
    }
    for i in 2..9 {
        if let Some(column) = table.column_mut(i) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

/// What a reader of the table must know besides.
fn notes(found: &Found) -> Vec<String> {
    let spec = found.evidence.spec;
    let Some(allocated) = &found.allocated else {
        let distrust = found.evidence.distrust();
        return distrust
            .map(|why| format!("{spec}: its error is not that of a normal interval: {why}"))
            .into_iter()
            .collect();
    };
    match allocated.interval {
        Ok(interval) => {
            let (low, high) = (interval.low, interval.high);
            let rounds = counted(u64::from(allocated.rounds), "round");
            let short =
                if allocated.reached { "" } else { "; --max-samples ended it before it was as narrow as asked" };
            let kind = allocated.evidence.kind;
            vec![format!(
                "{}: 95 % interval of the mean over these rows {low:.5} to {high:.5} ({kind}), in {rounds}{short}",
                spec.name()
            )]
        }
        Err(why) => {
            let mut lines = vec![format!("{}: no interval: {why}", spec.name())];
            lines.extend(allocated.instead.map(|m| {
                let (median, low, high, groups) = (m.median, m.low, m.high, m.groups);
                format!("{}: median of {groups} means {median:.5}, between {low:.5} and {high:.5}", spec.name())
            }));
            lines
        }
    }
}

fn exact_json(f: &Figure, d: usize) -> Value {
    let (bits, bits_error) = bits_per_dimension(f.mean, f.se, d);
    json!({
        "estimator": "exact",
        "kind": "exact",
        "test_log_density": known(f.mean),
        "standard_error": known(f.se),
        "bits_per_dimension": known(bits),
        "bits_per_dimension_standard_error": known(bits_error),
        "unit": "nats per row",
    })
}

fn estimate_json(found: &Found, d: usize) -> Value {
    let e = &found.evidence;
    let (bits, bits_error) = bits_per_dimension(e.mean, e.standard_error, d);
    let mut value = json!({
        "estimator": found.name(),
        "kind": e.kind.to_string(),
        "test_log_density": known(e.mean),
        "standard_error": known(e.standard_error),
        "monte_carlo_error": e.monte_carlo_error.and_then(known),
        "bits_per_dimension": known(bits),
        "bits_per_dimension_standard_error": known(bits_error),
        "unit": "nats per row",
        "samples": e.samples,
        "seconds": found.time.as_secs_f64(),
        "pareto_k": e.worst_pareto_k,
        "heavy_tailed_share": e.heavy,
        "effective_sample_size": known(e.ess),
        "least_effective_sample_size": known(e.least_ess),
        "rows_not_finite": e.not_finite,
        "distrust": e.distrust().map(|why| why.to_string()),
    });
    if let Some(allocated) = &found.allocated {
        value["reached"] = allocated.reached.into();
        value["rounds"] = allocated.rounds.into();
        match &allocated.interval {
            Ok(interval) => value["interval"] = json!([interval.low, interval.high]),
            Err(why) => {
                value["interval"] = Value::Null;
                value["distrust"] = why.to_string().into();
                value["median_of_means"] = json!(
                    allocated
                        .instead
                        .map(|m| { json!({ "median": m.median, "low": m.low, "high": m.high, "groups": m.groups }) })
                );
            }
        }
    }
    value
}

impl From<EvidenceError> for Failure {
    fn from(e: EvidenceError) -> Failure {
        match e {
            EvidenceError::Tensor(e) => e.into(),
            EvidenceError::NotLinear(_) => Failure::usage(e.to_string(), "leave out --exact"),
            e => Failure::run(e.to_string(), "leave out --exact"),
        }
    }
}

impl From<AllocateError> for Failure {
    fn from(e: AllocateError) -> Failure {
        match e {
            AllocateError::Model(e) => e.into(),
            AllocateError::Width(_) => {
                Failure::usage(e.to_string(), "write --ci 0.01 for an interval of a hundredth of a nat")
            }
            e => Failure::usage(e.to_string(), "raise --max-samples, or pass fewer rows"),
        }
    }
}
