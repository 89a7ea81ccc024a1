//! `latents score`: the log density of each row.

use crate::args::{Manners, whole};
use crate::failure::Failure;
use crate::inputs::{DataArgs, load};
use crate::interrupt;
use crate::output::print;
use crate::output::scores::{Scored, Scores};
use crate::progress::counted;
use crate::scoring::{SAMPLES, each_chunk, known, shape, with_error};
use comfy_table::{CellAlignment, Table, presets};
use latents::data::Table as Rows;
use latents::evaluation::{EstimatorSpec, Evaluator, Summary};
use serde_json::{Value, json};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::path::PathBuf;
use std::time::Instant;

const HELP: &str = "\
A line for each row: its number from 1, its log density in nats and the data's units, the Monte-Carlo standard error,
and the Pareto k-hat of its importance weights (above 0.7 the error is not to be trusted). An NPY file has the last three
as columns. Rows stream by: the file is never held.

Examples:
  latents score runs/faithful faithful.csv -o scores.csv
  latents score runs/faithful faithful.csv --top 10
  zcat rows.csv.gz | latents score runs/big - --estimator iwae:100 -o scores.npy";

/// The options of `latents score`.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
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
    /// Print the least likely rows, instead of all where there is no file.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub top: Option<u32>,
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

/// A row among the least likely, with its values.
struct Unlikely(Scored, Vec<Value>);

impl PartialEq for Unlikely {
    fn eq(&self, other: &Unlikely) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Unlikely {}
impl PartialOrd for Unlikely {
    fn partial_cmp(&self, other: &Unlikely) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Unlikely {
    /// The likeliest is the greatest, which makes room; of equals the later one. No number is the least likely.
    fn cmp(&self, other: &Unlikely) -> Ordering {
        let of = |s: &Scored| if s.log_density.is_nan() { f64::NEG_INFINITY } else { s.log_density };
        of(&self.0).total_cmp(&of(&other.0)).then(self.0.row.cmp(&other.0.row))
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(args: &Args, started: Instant) -> Result<(), Failure> {
    args.manners.apply();
    let fitted = load(&args.run)?;
    interrupt::listen()?;
    let mut out = match (&args.out, args.top, args.manners.json) {
        (None, Some(_), _) => Scores::Nowhere,
        (None, None, true) => Scores::Json(false),
        (out, ..) => Scores::open(out.as_deref())?,
    };
    let evaluator = Evaluator::new(SAMPLES);
    let mut summary = Summary::new(args.estimator);
    let mut least: BinaryHeap<Unlikely> = BinaryHeap::new();
    let most = args.top.unwrap_or(0) as usize;
    let rows = each_chunk(&fitted, &args.data, &args.read, &args.manners, |chunk| {
        let figures = evaluator.rows(fitted.model(), &args.estimator, args.seed, chunk.first, &chunk.x)?;
        for (i, (figure, shift)) in figures.iter().zip(&chunk.log_jacobian).enumerate() {
            summary.push(figure, *shift);
            let scored = Scored {
                row: chunk.numbers[i],
                log_density: figure.value + shift,
                standard_error: figure.se,
                pareto_k: figure.pareto.map(|tail| tail.k),
            };
            out.push(&scored)?;
            if most > 0 {
                least.push(Unlikely(scored, values(&chunk.table, i)));
                if least.len() > most {
                    least.pop();
                }
            }
        }
        Ok(())
    })?;
    let least = least.into_sorted_vec();
    let evidence = summary.finish();
    if args.manners.json {
        let top: Vec<_> = least
            .iter()
            .map(|Unlikely(s, values)| {
                json!({
                    "row": s.row,
                    "log_density": known(s.log_density),
                    "standard_error": s.standard_error,
                    "pareto_k": s.pareto_k,
                    "values": values,
                })
            })
            .collect();
        let object = json!({
            "rows": rows,
            "test_log_density": known(evidence.mean),
            "standard_error": known(evidence.standard_error),
            "unit": "nats per row",
            "estimator": args.estimator.to_string(),
            "kind": evidence.kind.to_string(),
            "samples": evidence.samples,
            "pareto_k": evidence.worst_pareto_k,
            "effective_sample_size": known(evidence.ess),
            "rows_not_finite": evidence.not_finite,
            "distrust": evidence.distrust().map(|why| why.to_string()),
            "least_likely": args.top.map(|_| top),
            "out": args.out.as_ref().map(|p| p.display().to_string()),
            "seed": args.seed,
            "seconds": started.elapsed().as_secs_f64(),
        });
        return out.finish_json(&object);
    }
    out.finish()?;
    if let Some(path) = &args.out {
        args.manners.say(format!(
            "{} scored by {} ({}), mean {} nats per row, written to {}",
            counted(rows, "row"),
            args.estimator,
            evidence.kind,
            with_error(evidence.mean, evidence.standard_error),
            path.display()
        ));
    }
    if let Some(why) = evidence.distrust() {
        eprintln!("warning: errors are not to be trusted: {why}");
    }
    if args.top.is_some() {
        let names: Vec<&str> = fitted.columns().iter().map(|c| c.name.as_str()).collect();
        print(&table(&least, &names, args.estimator))?;
    }
    Ok(())
}

/// A row's numbers, and the names of its categories.
fn values(table: &Rows, i: usize) -> Vec<Value> {
    let cell = |j: usize| match table.columns()[j].levels() {
        Some(_) => Value::from(table.text(i, j)),
        None => Value::from(table.row(i)[j]),
    };
    (0..table.width()).map(cell).collect()
}

/// Values of a row that a line has room for.
const SHOWN: usize = 6;

fn table(least: &[Unlikely], names: &[&str], spec: EstimatorSpec) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    let density = format!("nats by {spec} ({})", spec.kind());
    let fixed = ["row", &density, "error", "k-hat"];
    table.set_header(fixed.iter().chain(names.iter().take(SHOWN)));
    for Unlikely(s, values) in least {
        let mut line = vec![
            s.row.to_string(),
            if s.log_density.abs() < 1e9 { format!("{:.4}", s.log_density) } else { format!("{:.4e}", s.log_density) },
            s.standard_error.map_or_else(|| "-".to_owned(), |x| format!("{x:.4}")),
            shape(s.pareto_k),
        ];
        line.extend(values.iter().take(SHOWN).map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)));
        table.add_row(line);
    }
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}
