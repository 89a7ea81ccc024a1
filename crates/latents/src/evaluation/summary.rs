//! A data set's figure from those of its rows.

use crate::diagnostics::RELIABLE;
use crate::estimator::Kind;
use crate::evaluation::accumulate::Moments;
use crate::evaluation::{EstimatorSpec, RowEstimate};

/// The mean over rows while they stream by.
///
/// ```
/// use latents::evaluation::{RowEstimate, Summary};
/// let row = |value| RowEstimate { value, se: Some(0.3), pareto: None, ess: 0.5, samples: 10 };
/// let mut summary = Summary::new("iwae:10".parse()?);
/// // A row's own log-Jacobian takes its density to the data's units.
/// [1.0, 2.0, 6.0].into_iter().for_each(|v| summary.push(&row(v), 1.0));
/// let found = summary.finish();
/// assert_eq!((found.mean, found.rows, found.samples), (4.0, 3, 30));
/// assert!((found.standard_error - (7.0f64 / 3.0).sqrt()).abs() < 1e-12);
/// assert!((found.monte_carlo_error.ok_or("known")? - 0.3 / 3f64.sqrt()).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Summary {
    spec: EstimatorSpec,
    values: Moments,
    squared_errors: Option<f64>,
    ess: f64,
    least_ess: f64,
    samples: u64,
    worst: Option<f64>,
    heavy: u64,
    likely_heavy: u64,
    certainly_heavy: u64,
    with_tail: u64,
    not_finite: u64,
}

/// A figure of a data set's mean `log p(x)`, in nats per row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// The estimator.
    pub spec: EstimatorSpec,
    /// What its expectation is to the true mean.
    pub kind: Kind,
    /// The mean over rows.
    pub mean: f64,
    /// Its standard error with rows as the sampling unit: how far the mean over other rows of the same source may be.
    /// The Monte-Carlo error is part of it. NaN for one row.
    pub standard_error: f64,
    /// The Monte-Carlo error alone, these rows given; `None` where some row has none.
    pub monte_carlo_error: Option<f64>,
    /// How many rows.
    pub rows: u64,
    /// Samples of the proposal, all rows together.
    pub samples: u64,
    /// The mean effective sample size, as a part of a row's samples.
    pub ess: f64,
    /// The least of them.
    pub least_ess: f64,
    /// The greatest Pareto shape of a row; `None` where rows have too few weights.
    pub worst_pareto_k: Option<f64>,
    /// The part of the rows whose shape is above [`RELIABLE`].
    pub heavy: f64,
    /// The part of the rows whose shape is above it by one standard error of its fit.
    pub likely_heavy: f64,
    /// How many rows have a shape above it by three: beyond doubt for one row among hundreds.
    pub certainly_heavy: u64,
    /// How many rows have a figure that is not finite: rows too far from the training data for the model's arithmetic.
    pub not_finite: u64,
}

impl Summary {
    /// Before the first row.
    pub fn new(spec: EstimatorSpec) -> Summary {
        Summary {
            spec,
            values: Moments::default(),
            squared_errors: Some(0.0),
            ess: 0.0,
            least_ess: 1.0,
            samples: 0,
            worst: None,
            heavy: 0,
            likely_heavy: 0,
            certainly_heavy: 0,
            with_tail: 0,
            not_finite: 0,
        }
    }

    /// The estimator.
    pub fn spec(&self) -> &EstimatorSpec {
        &self.spec
    }

    /// One more row; `shift` is added to its figure.
    pub fn push(&mut self, row: &RowEstimate, shift: f64) {
        self.values.push(row.value + shift);
        self.not_finite += u64::from(!row.value.is_finite());
        self.squared_errors = self.squared_errors.zip(row.se).map(|(sum, se)| sum + se * se);
        self.ess += row.ess;
        self.least_ess = self.least_ess.min(row.ess);
        self.samples += row.samples;
        if let Some(tail) = row.pareto {
            self.with_tail += 1;
            self.worst = Some(self.worst.map_or(tail.k, |worst| worst.max(tail.k)));
            self.heavy += u64::from(tail.k > RELIABLE);
            self.likely_heavy += u64::from(tail.is_heavy_by(1.0));
            self.certainly_heavy += u64::from(tail.is_heavy_by(3.0));
        }
    }

    /// The figure so far.
    pub fn finish(&self) -> Evidence {
        let n = self.values.n as f64;
        let part = |count: u64| count as f64 / self.with_tail.max(1) as f64;
        Evidence {
            spec: self.spec,
            kind: self.spec.kind(),
            mean: if self.values.n == 0 { f64::NAN } else { self.values.mean },
            standard_error: self.values.variance().map_or(f64::NAN, |v| (v / n).sqrt()),
            monte_carlo_error: self.squared_errors.filter(|_| self.values.n > 0).map(|sum| sum.sqrt() / n),
            rows: self.values.n,
            samples: self.samples,
            ess: self.ess / n,
            least_ess: self.least_ess,
            worst_pareto_k: self.worst,
            heavy: part(self.heavy),
            likely_heavy: part(self.likely_heavy),
            certainly_heavy: self.certainly_heavy,
            not_finite: self.not_finite,
        }
    }
}

/// The part of the rows that may seem to have a shape above [`RELIABLE`] by the noise of its fit.
const ALLOWED: f64 = 0.05;

/// Why a normal interval of the mean is not to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Distrust {
    /// Weights of too heavy a tail.
    #[error("the importance weights of {:.1} % of the rows have a Pareto k-hat above {RELIABLE} (worst {worst:.2}): their \
             average has no usable variance", 100.0 * .share)]
    HeavyWeights {
        /// The part of the rows.
        share: f64,
        /// The greatest shape.
        worst: f64,
    },
    /// SUMO without a cap.
    #[error("sumo's variance is infinite in the limit, for E (L_k - L_k-1)^2 falls as k^-2 only{}", measured(.tail_index))]
    InfiniteVariance {
        /// The tail index of its values over rows, if it could be measured.
        tail_index: Option<f64>,
    },
    /// Figures that are no numbers.
    #[error(
        "{rows} of the rows {} so far from the training data that the model's arithmetic cannot tell {} density from 0: \
         the mean over all rows is not finite",
        if *.rows == 1 { "is" } else { "are" },
        if *.rows == 1 { "its" } else { "their" }
    )]
    NotFinite {
        /// How many.
        rows: u64,
    },
}

fn measured(tail_index: &Option<f64>) -> String {
    tail_index.map_or_else(String::new, |a| format!(" (tail index measured: {a:.2}; a variance needs more than 2)"))
}

impl Evidence {
    /// Why its errors are not those of a normal interval; `None` where they are.
    pub fn distrust(&self) -> Option<Distrust> {
        let worst = self.worst_pareto_k.unwrap_or(0.0);
        if !self.mean.is_finite() {
            Some(Distrust::NotFinite { rows: self.not_finite })
        } else if self.kind == Kind::Unbiased {
            Some(Distrust::InfiniteVariance { tail_index: None })
        } else if self.spec.averages_weights() && (self.certainly_heavy > 0 || self.likely_heavy > ALLOWED) {
            Some(Distrust::HeavyWeights { share: self.heavy, worst })
        } else {
            None
        }
    }
}

/// Bits per dimension of a log density in nats per row, `-mean / (d log 2)`, and their standard error; less is better.
///
/// ```
/// use latents::evaluation::bits_per_dimension;
/// let (bits, error) = bits_per_dimension(-2.0 * std::f64::consts::LN_2, std::f64::consts::LN_2, 4);
/// assert_eq!((bits, error), (0.5, 0.25));
/// ```
pub fn bits_per_dimension(mean: f64, standard_error: f64, dimensions: usize) -> (f64, f64) {
    let nats = dimensions as f64 * std::f64::consts::LN_2;
    (-mean / nats, standard_error / nats)
}
