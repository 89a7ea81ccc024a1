//! Figures of `log p(x)`, row by row, from data that streams by.

use crate::diagnostics::ParetoTail;
use crate::evaluation::EstimatorSpec;
use crate::evaluation::accumulate::Accumulator;
use crate::evaluation::sampler::{SEGMENT, Sampler, Segment, stopping};
use crate::model::LatentModel;
use pullback::{Error, Key, Tensor};

/// A figure of one row's `log p(x)`, in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RowEstimate {
    /// The figure. Minus infinity or no number where the model's arithmetic cannot tell the density of the row from 0,
    /// so far is it from the training data; such a figure has no error, no shape, and an `ess` of 0.
    pub value: f64,
    /// Its Monte-Carlo standard error; `None` where it was made of one unit. Of a logarithm of a mean by the delta
    /// method, which needs weights of finite variance.
    pub se: Option<f64>,
    /// The Pareto shape of the row's weights; `None` where they are too few.
    pub pareto: Option<ParetoTail>,
    /// The effective sample size of the weights, as a part of them.
    pub ess: f64,
    /// How many were drawn.
    pub samples: u64,
}

/// Evaluates rows by any estimator, by one compiled program.
///
/// Each row has random numbers of its own, derived from the seed, the estimator's name and the row's number, so that
/// chunks and threads change nothing. Of a row's weights only sums and the largest are kept: memory does not grow with
/// their number.
///
/// ```
/// use latents::evaluation::Evaluator;
/// use latents::model::Vae;
/// use pullback::{DType, Key, Tensor};
/// let vae = Vae::new(Key::new(0), 2, 2, &[8], DType::F32);
/// let rows = Tensor::from([[0.0f32, 0.0], [1.0, 0.0], [0.0, 1.0]]);
/// let evaluator = Evaluator::new(8192);
/// let spec = "iwae:1000".parse()?;
/// let found = evaluator.rows(&vae, &spec, 7, 0, &rows)?;
/// assert!(found.len() == 3 && found.iter().all(|r| r.samples == 1000 && r.se.is_some_and(|se| se < 0.1)));
/// // The last row by itself is the same.
/// assert_eq!(evaluator.rows(&vae, &spec, 7, 2, &rows.slice(0, 2, 3))?, found[2..]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Evaluator<M> {
    sampler: Sampler<M>,
}

/// The rows of one tensor on their way to figures.
pub(crate) struct Progress {
    spec: EstimatorSpec,
    seed: u64,
    first: u64,
    pub(crate) rows: Vec<RowProgress>,
}

/// One row's weights, and how many segments and units they are.
pub(crate) struct RowProgress {
    accumulator: Accumulator,
    segments: u32,
    pub(crate) units: u32,
    samples: u64,
}

/// What the random numbers are for.
const SAMPLES: u32 = 0;
const STOPS: u32 = 1;

impl Progress {
    /// Before the first sample; about so many units are to come for each row.
    pub(crate) fn new(spec: EstimatorSpec, seed: u64, first: u64, rows: usize, units: u32) -> Progress {
        let samples = (f64::from(units) * spec.unit_cost()).ceil() as u64;
        let accumulator = match spec {
            EstimatorSpec::Miwae { samples: size, .. } => Accumulator::of_groups(samples, size),
            EstimatorSpec::Sumo { sumo, .. } => Accumulator::of_sumo(samples, sumo),
            _ => Accumulator::of_weights(samples),
        };
        let row = || RowProgress { accumulator: accumulator.clone(), segments: 0, units: 0, samples: 0 };
        Progress { spec, seed, first, rows: (0..rows).map(|_| row()).collect() }
    }

    pub(crate) fn spec(&self) -> EstimatorSpec {
        self.spec
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    fn base(&self, purpose: u32) -> Key {
        Key::new(self.seed).fold_in(self.spec.ordinal()).fold_in(purpose)
    }

    fn estimate(&self, row: &RowProgress) -> RowEstimate {
        let a = &row.accumulator;
        let n = a.count() as f64;
        let root = |v: Option<f64>, n: f64| v.map(|v| (v / n).sqrt());
        let values = a.values();
        let (value, se) = match self.spec {
            EstimatorSpec::Iwae { .. } => (a.sums.log_mean(), root(a.sums.relative_variance(), n)),
            EstimatorSpec::Ciwae { beta, .. } => {
                let value = beta * a.logs.mean + (1.0 - beta) * a.sums.log_mean();
                // The two parts rise together: their errors at most add.
                let parts = root(a.logs.variance(), n).zip(root(a.sums.relative_variance(), n));
                (value, parts.map(|(elbo, iwae)| beta * elbo + (1.0 - beta) * iwae))
            }
            _ => (values.mean, root(values.variance(), values.n as f64)),
        };
        if !value.is_finite() {
            return RowEstimate { value, se: None, pareto: None, ess: 0.0, samples: row.samples };
        }
        RowEstimate { value, se, pareto: a.tail(), ess: a.sums.ess(), samples: row.samples }
    }

    /// The figures so far.
    pub(crate) fn estimates(&self) -> Vec<RowEstimate> {
        self.rows.iter().map(|row| self.estimate(row)).collect()
    }
}

impl<M: LatentModel + 'static> Evaluator<M> {
    /// At most so many samples at a time.
    pub fn new(chunk: usize) -> Evaluator<M> {
        Evaluator { sampler: Sampler::new(chunk) }
    }

    /// How many programs it has been compiled to: at most one for rows of one kind.
    pub fn compiles(&self) -> u64 {
        self.sampler.compiles()
    }

    /// The figure of each row.
    ///
    /// `first` is the number of the first row in the whole data, of which these rows are a part.
    ///
    /// # Shapes
    /// `rows: [n, d]`; `n` estimates.
    ///
    /// # Errors
    /// The first fault of the model.
    pub fn rows(
        &self,
        model: &M,
        spec: &EstimatorSpec,
        seed: u64,
        first: u64,
        rows: &Tensor,
    ) -> Result<Vec<RowEstimate>, Error> {
        let n = row_count(rows)?;
        let mut progress = Progress::new(*spec, seed, first, n, spec.units());
        self.advance(model, rows, &mut progress, &vec![spec.units(); n])?;
        Ok(progress.estimates())
    }

    /// So many more units for each row.
    pub(crate) fn advance(&self, model: &M, rows: &Tensor, progress: &mut Progress, more: &[u32]) -> Result<(), Error> {
        let mut samples: Vec<u64> = match progress.spec {
            EstimatorSpec::Miwae { samples, .. } => more.iter().map(|&u| u64::from(u) * u64::from(samples)).collect(),
            _ => more.iter().map(|&u| u64::from(u)).collect(),
        };
        if let EstimatorSpec::Sumo { sumo, .. } = progress.spec {
            let copies: Vec<_> = (progress.first..)
                .zip(progress.rows.iter().zip(more))
                .map(|(number, (row, &more))| (number, row.units..row.units + more))
                .collect();
            let stops = stopping(&sumo, progress.base(STOPS), &copies)?;
            for ((row, stops), samples) in progress.rows.iter_mut().zip(&stops).zip(&mut samples) {
                row.accumulator.stop_after(stops);
                *samples = stops.iter().map(|&s| u64::from(s)).sum();
            }
        }
        let begun: Vec<u32> = progress.rows.iter().map(|row| row.segments).collect();
        let first = progress.first;
        let segments = samples.iter().enumerate().flat_map(|(at, &samples)| {
            let begun = begun[at];
            (0..samples.div_ceil(u64::from(SEGMENT)) as u32).map(move |i| {
                let left = samples - u64::from(i) * u64::from(SEGMENT);
                let count = left.min(u64::from(SEGMENT)) as u32;
                Segment { at, row: first + at as u64, number: begun + i, count }
            })
        });
        let base = progress.base(SAMPLES);
        let of = &mut progress.rows;
        self.sampler.draw(model, base, rows, segments, |segment, log_weights| {
            let row = &mut of[segment.at];
            row.segments += 1;
            row.samples += log_weights.len() as u64;
            log_weights.iter().for_each(|&l| row.accumulator.push(l));
        })?;
        progress.rows.iter_mut().zip(more).for_each(|(row, more)| row.units += more);
        Ok(())
    }
}

/// How many rows a tensor has.
pub(crate) fn row_count(rows: &Tensor) -> Result<usize, Error> {
    match rows.value()?.shape().first() {
        Some(&n) => Ok(n),
        // A scalar has no rows: the fault of whoever asks for one.
        None => rows.slice(0, 0, 1).value().map(|_| 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Vae;
    use pullback::DType;

    fn setting() -> (Vae, Tensor) {
        (Vae::new(Key::new(0), 2, 2, &[8], DType::F32), Key::new(3).normal([40, 2], DType::F32))
    }

    #[test]
    fn chunks_of_samples_and_of_rows_change_nothing_and_one_program_serves_all() {
        let (vae, rows) = setting();
        let (large, small) = (Evaluator::new(1 << 20), Evaluator::new(700));
        for spec in ["elbo:30", "iwae:1300", "miwae:3x50", "ciwae:0.5x20", "sumo:3"] {
            let spec = spec.parse().unwrap();
            let whole = large.rows(&vae, &spec, 5, 0, &rows).unwrap();
            let mut parts = Vec::new();
            for (from, to) in [(0, 7), (7, 8), (8, 40)] {
                parts.extend(small.rows(&vae, &spec, 5, from as u64, &rows.slice(0, from, to)).unwrap());
            }
            assert_eq!(whole, parts, "{spec}");
            assert_ne!(whole, large.rows(&vae, &spec, 6, 0, &rows).unwrap(), "{spec}");
        }
        assert_eq!((large.compiles(), small.compiles()), (1, 1));
    }

    #[test]
    fn samples_are_counted() {
        let (vae, rows) = setting();
        let evaluator = Evaluator::new(4096);
        for (spec, samples) in [("elbo:30", 30), ("iwae:600", 600), ("miwae:3x50", 150), ("ciwae:0.5x20", 20)] {
            let found = evaluator.rows(&vae, &spec.parse().unwrap(), 5, 0, &rows).unwrap();
            assert!(found.iter().all(|r| r.samples == samples), "{spec}");
        }
        let found = evaluator.rows(&vae, &"sumo:2".parse().unwrap(), 5, 0, &rows).unwrap();
        assert!(found.iter().all(|r| r.samples >= 10));
        assert!(found.iter().any(|r| r.samples != found[0].samples), "each row its own number");
    }

    #[test]
    fn the_error_is_that_of_repeated_evaluations() {
        let (vae, rows) = setting();
        let evaluator = Evaluator::new(1 << 16);
        let row = rows.slice(0, 0, 1);
        for spec in ["elbo:50", "iwae:200", "miwae:20x10"] {
            let spec = spec.parse().unwrap();
            let all: Vec<RowEstimate> =
                (0..200).flat_map(|seed| evaluator.rows(&vae, &spec, seed, 0, &row).unwrap()).collect();
            let mean = all.iter().map(|r| r.value).sum::<f64>() / 200.0;
            let sd = (all.iter().map(|r| (r.value - mean).powi(2)).sum::<f64>() / 199.0).sqrt();
            let se = all.iter().filter_map(|r| r.se).sum::<f64>() / 200.0;
            // The standard deviation by 200 values is known to 5 %.
            assert!((se / sd - 1.0).abs() < 0.2, "{spec}: {se} against {sd}");
        }
    }
}
