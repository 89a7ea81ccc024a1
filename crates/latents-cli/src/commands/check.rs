//! `latents check`: whether a fitted model can be trusted on a file's rows.

use crate::args::{Manners, whole};
use crate::failure::Failure;
use crate::inputs::{DataArgs, load};
use crate::interrupt;
use crate::output::print;
use crate::progress::counted;
use crate::scoring::{SAMPLES, each_chunk, known};
use latents::diagnostics::{ActiveUnits, ClassifierError, SampleError, classifier_test, mmd_test};
use latents::evaluation::{Diagnostics, EstimatorSpec, Evaluator, Sampled, Summary, samples};
use latents::model::{Density, Prior};
use pullback::{DType, Key, Rows, Tensor, jit, vmap};
use serde_json::json;
use std::path::PathBuf;
use std::time::Instant;

const HELP: &str = "\
Looks at the latent units (how many depend on the row, whether the posterior has collapsed), at the tails of the
importance weights, and at as many samples as rows by two tests: maximum mean discrepancy, and a classifier. Both tests
see what the model sees: preprocessed and binarised rows.

Example:
  latents check runs/faithful faithful.csv";

/// The options of `latents check`.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// The folder of a run.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// The rows.
    #[arg(value_name = "DATA")]
    pub data: PathBuf,
    /// The estimator of log p(x), with its samples for each row.
    #[arg(long, value_name = "SPEC", default_value = "iwae:1000")]
    pub estimator: EstimatorSpec,
    /// The most rows that are tested against samples, chosen evenly at random.
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(20..=100_000))]
    pub rows: u32,
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

/// Permutations behind a p-value.
const PERMUTATIONS: u32 = 499;

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(args: &Args, started: Instant) -> Result<(), Failure> {
    args.manners.apply();
    let fitted = load(&args.run)?;
    let (model, config) = (fitted.model(), &fitted.header().config.model);
    interrupt::listen()?;
    let evaluator = Evaluator::new(SAMPLES);
    let encode = jit(|model: Density, Rows(x): Rows<Tensor>| vmap(|x: Tensor| model.encode(&x)).call(x));
    let latent: usize = config.latent.iter().sum();
    let mut units = ActiveUnits::new(latent);
    let mut summary = Summary::new(args.estimator);
    let mut chosen = Sampled::new(args.rows as usize, args.seed);
    let rows = each_chunk(&fitted, &args.data, &args.read, &args.manners, |chunk| {
        let figures = evaluator.rows(model, &args.estimator, args.seed, chunk.first, &chunk.x)?;
        figures.iter().zip(&chunk.log_jacobian).for_each(|(row, &shift)| summary.push(row, shift));
        let (mean, variance) = encode.call((model.clone(), Rows(chunk.x.clone())))?;
        let numbers = |t: Tensor| t.cast(DType::F64).to_vec::<f64>();
        let (mean, variance) = (numbers(mean)?, numbers(variance)?);
        mean.chunks_exact(latent).zip(variance.chunks_exact(latent)).for_each(|(m, v)| units.push(m, v));
        let x = numbers(chunk.x)?;
        let width = x.len() / figures.len().max(1);
        (chunk.first..).zip(x.chunks_exact(width.max(1))).for_each(|(number, row)| chosen.push(number, row));
        Ok(())
    })?;
    let (seen, count) = chosen.finish();
    let width = seen.len() / count.max(1);
    let [drawing, permuting, training] = Key::new(args.seed).fold_in(0xc4ec).split_array();
    let drawn = samples(model, drawing, count)?.cast(DType::F64).to_vec::<f64>()?;
    let diagnostics = Diagnostics {
        units: units.finish(),
        standard_prior: config.latent.len() == 1 && config.prior == Prior::Normal,
        evidence: summary.finish(),
        mmd: mmd_test(&drawn, &seen, width, PERMUTATIONS, permuting)?,
        classifier: classifier_test(&drawn, &seen, width, training)?,
    };
    let verdict = diagnostics.verdict();
    if args.manners.json {
        let e = &diagnostics.evidence;
        let object = json!({
            "run": args.run.display().to_string(),
            "data": args.data.display().to_string(),
            "rows": rows,
            "verdict": verdict.grade.to_string(),
            "findings": verdict.findings.iter().map(|(grade, what)| {
                json!({ "grade": grade.to_string(), "finding": what })
            }).collect::<Vec<_>>(),
            "latent_units": latent,
            "active_units": diagnostics.units.active(),
            "unit_variances": diagnostics.units.variances,
            "unit_kl": diagnostics.standard_prior.then_some(&diagnostics.units.kl),
            "test_log_density": known(e.mean),
            "standard_error": known(e.standard_error),
            "unit": "nats per row",
            "estimator": e.spec.to_string(),
            "kind": e.kind.to_string(),
            "samples": e.samples,
            "pareto_k": e.worst_pareto_k,
            "heavy_tailed_share": e.heavy,
            "effective_sample_size": known(e.ess),
            "mmd_squared": diagnostics.mmd.squared,
            "mmd_p_value": diagnostics.mmd.p_value,
            "classifier_accuracy": diagnostics.classifier.accuracy,
            "classifier_p_value": diagnostics.classifier.p_value,
            "tested_rows": count,
            "seed": args.seed,
            "seconds": started.elapsed().as_secs_f64(),
        });
        print(&object.to_string())?;
        return Ok(());
    }
    print(&format!(
        "{} on {} of {}: {}",
        args.run.display(),
        counted(rows, "row"),
        args.data.display(),
        verdict.grade
    ))?;
    for (grade, what) in &verdict.findings {
        print(&format!("  {grade}: {what}"))?;
    }
    Ok(())
}

impl From<SampleError> for Failure {
    fn from(e: SampleError) -> Failure {
        match e {
            SampleError::TooFew { .. } => Failure::usage(e.to_string(), "pass more rows"),
            e => Failure::run(e.to_string(), "the model draws values that are no numbers: fit it anew"),
        }
    }
}

impl From<ClassifierError> for Failure {
    fn from(e: ClassifierError) -> Failure {
        match e {
            ClassifierError::Sample(e) => e.into(),
            ClassifierError::Network(e) => e.into(),
        }
    }
}
