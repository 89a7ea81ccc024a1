//! Samples where they are needed: until the interval of the mean is as narrow as asked.

use crate::diagnostics::tail_index;
use crate::evaluation::estimate::{Progress, row_count};
use crate::evaluation::{
    Distrust, EstimatorSpec, Evaluator, Evidence, MedianOfMeans, RowEstimate, Summary, median_of_means,
};
use crate::model::LatentModel;
use pullback::{Error, Tensor};

/// Units that each row gets before any row gets more: enough for a variance, and for a Pareto shape.
const PILOT: u32 = 64;
/// Independent means that a median is taken of.
const GROUPS: u32 = 17;
/// A row's units grow by no more than this at a time, for its variance is known by few of them.
const GROWTH: f64 = 4.0;
/// 97.5 % of a standard normal lie below.
const Z: f64 = 1.959_963_984_540_054;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// The full width of the 95 % interval of the mean over these rows, in nats.
    pub width: f64,
    /// The most samples of the proposal, all rows together.
    pub most_samples: u64,
    /// The seed of the random numbers.
    pub seed: u64,
}

/// An interval of the mean `log p(x)` over the rows that were given: its width is Monte-Carlo error alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// What was reached.
#[derive(Clone, Debug)]
pub struct Allocated {
    /// The mean and its diagnostics.
    pub evidence: Evidence,
    /// The figures of the rows.
    pub rows: Vec<RowEstimate>,
    /// The 95 % interval, or why there is none.
    pub interval: Result<Interval, Distrust>,
    /// Where there is none: an estimate that heavy tails move less.
    pub instead: Option<MedianOfMeans>,
    /// Whether the interval is as narrow as asked.
    pub reached: bool,
    /// How often samples were added.
    pub rounds: u32,
}

/// Why nothing was evaluated.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AllocateError {
    /// A width that no interval has.
    #[error("the width of the interval is {0}; it must be a number above 0, in nats")]
    Width(f64),
    /// Too few samples for a first look.
    #[error("{most} samples are too few: a first look at {rows} rows takes {needed}")]
    Budget {
        /// What was allowed.
        most: u64,
        /// How many rows.
        rows: usize,
        /// What is needed.
        needed: u64,
    },
    /// No rows.
    #[error("there are no rows to evaluate")]
    NoRows,
    /// A fault of the model.
    #[error(transparent)]
    Model(#[from] Error),
}

/// Evaluates rows until the 95 % interval of their mean is as narrow as asked.
///
/// Neyman's allocation in rounds: of `n` rows with standard deviation `s_i` of one unit (a weight; a group of them; a value
/// of SUMO), the variance of the mean `Σ s_i²/u_i / n²` is least for its cost where the number of units `u_i` is
/// proportional to `s_i`. Each round takes the rows that are behind their share further, at most by a factor of 4. For
/// `iwae` a row's samples are its `k`: rows that need it get a tighter bound, and the interval is that of the mean of the
/// bounds at the `k` reached.
///
/// A normal interval is refused where [`Evidence::distrust`] says why; SUMO, whose variance is infinite in the limit, gets
/// 64 values of each row, and a median of means instead.
///
/// # Shapes
/// `rows: [n, d]`; `shifts`: `n` numbers, added to the rows' figures.
///
/// # Errors
/// [`AllocateError`].
///
/// ```
/// use latents::evaluation::{Evaluator, Target, allocate};
/// use latents::model::Vae;
/// use pullback::{DType, Key, Tensor};
/// let vae = Vae::new(Key::new(0), 2, 2, &[8], DType::F32);
/// let rows = Key::new(1).normal([20, 2], DType::F32);
/// let target = Target { width: 0.02, most_samples: 10_000_000, seed: 3 };
/// let found = allocate(&Evaluator::new(8192), &vae, "iwae".parse()?, &target, &rows, &[0.0; 20])?;
/// let interval = found.interval?;
/// assert!(found.reached && interval.high - interval.low <= 0.02);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn allocate<M: LatentModel + 'static>(
    evaluator: &Evaluator<M>,
    model: &M,
    spec: EstimatorSpec,
    target: &Target,
    rows: &Tensor,
    shifts: &[f64],
) -> Result<Allocated, AllocateError> {
    if !(target.width > 0.0 && target.width.is_finite()) {
        return Err(AllocateError::Width(target.width));
    }
    let n = row_count(rows)?;
    if n == 0 {
        return Err(AllocateError::NoRows);
    }
    let pilot = (n as f64 * f64::from(PILOT) * spec.unit_cost()).ceil() as u64;
    if pilot > target.most_samples {
        return Err(AllocateError::Budget { most: target.most_samples, rows: n, needed: pilot });
    }
    // The tail of this many weights is kept for a row; of more, as many of the largest.
    let expected = (target.most_samples / n as u64).clamp(u64::from(PILOT), 1 << 15) as u32;
    let mut progress = Progress::new(spec, target.seed, 0, n, expected);
    evaluator.advance(model, rows, &mut progress, &vec![PILOT; n])?;
    // The variance that the mean may have.
    let allowed = (target.width / (2.0 * Z)).powi(2);
    let mut rounds = 1;
    loop {
        let estimates = progress.estimates();
        let evidence = summary(spec, &estimates, shifts);
        let error = evidence.monte_carlo_error.unwrap_or(f64::INFINITY);
        let narrow = 2.0 * Z * error <= target.width;
        let distrust = evidence.distrust();
        let more = match distrust {
            // What no number of samples mends is told at once.
            Some(Distrust::InfiniteVariance { .. } | Distrust::NotFinite { .. }) => vec![0; n],
            Some(Distrust::HeavyWeights { .. }) if evidence.certainly_heavy > 0 => vec![0; n],
            _ if narrow => vec![0; n],
            _ => shares(&progress, &estimates, allowed, target.most_samples),
        };
        if more.iter().all(|&m| m == 0) {
            let Some(distrust) = distrust else {
                let interval = Ok(Interval { low: evidence.mean - Z * error, high: evidence.mean + Z * error });
                return Ok(Allocated { evidence, rows: estimates, interval, instead: None, reached: narrow, rounds });
            };
            let (instead, tail_index) = instead(evaluator, model, &progress, rows, shifts)?;
            let interval = Err(match distrust {
                Distrust::InfiniteVariance { .. } => Distrust::InfiniteVariance { tail_index },
                other => other,
            });
            return Ok(Allocated { evidence, rows: estimates, interval, instead, reached: false, rounds });
        }
        evaluator.advance(model, rows, &mut progress, &more)?;
        rounds += 1;
    }
}

/// The median of the means by independent evaluations, which together cost about what was spent; and the tail index of
/// their values around each row's own mean.
fn instead<M: LatentModel + 'static>(
    evaluator: &Evaluator<M>,
    model: &M,
    progress: &Progress,
    rows: &Tensor,
    shifts: &[f64],
) -> Result<(Option<MedianOfMeans>, Option<f64>), Error> {
    let n = progress.rows.len();
    let units: Vec<u32> = progress.rows.iter().map(|row| row.units.div_ceil(GROUPS)).collect();
    let mut means = Vec::new();
    let mut values = vec![Vec::new(); n];
    for group in 1..=GROUPS {
        let most = units.iter().copied().max().unwrap_or(1);
        let mut part = Progress::new(progress.spec(), progress.seed() ^ u64::from(group) << 32, 0, n, most);
        evaluator.advance(model, rows, &mut part, &units)?;
        let estimates = part.estimates();
        means.push(summary(progress.spec(), &estimates, shifts).mean);
        values.iter_mut().zip(&estimates).for_each(|(all, row)| all.push(row.value));
    }
    let around = |row: &Vec<f64>| {
        let mean = row.iter().sum::<f64>() / row.len() as f64;
        row.iter().map(|v| v - mean).collect::<Vec<f64>>()
    };
    Ok((median_of_means(&means), tail_index(&values.iter().flat_map(around).collect::<Vec<f64>>())))
}

fn summary(spec: EstimatorSpec, estimates: &[RowEstimate], shifts: &[f64]) -> Evidence {
    let mut summary = Summary::new(spec);
    for (i, row) in estimates.iter().enumerate() {
        summary.push(row, shifts.get(i).copied().unwrap_or(0.0));
    }
    summary.finish()
}

/// How many more units each row is to have: what it lacks of its share, as far as the samples go.
fn shares(progress: &Progress, estimates: &[RowEstimate], allowed: f64, most_samples: u64) -> Vec<u32> {
    let n = estimates.len() as f64;
    // The standard deviation of one unit.
    let deviations: Vec<f64> = progress
        .rows
        .iter()
        .zip(estimates)
        .map(|(row, estimate)| estimate.se.unwrap_or(0.0) * f64::from(row.units).sqrt())
        .collect();
    let scale = deviations.iter().sum::<f64>() / (n * n * allowed);
    let wanted: Vec<f64> = progress
        .rows
        .iter()
        .zip(&deviations)
        .map(|(row, s)| {
            let now = f64::from(row.units);
            // A twentieth more than the share: the last rounds would otherwise creep.
            (scale * s * 1.05).ceil().clamp(now, GROWTH * now) - now
        })
        .collect();
    let cost = progress.spec().unit_cost();
    let left = most_samples.saturating_sub(estimates.iter().map(|r| r.samples).sum()) as f64;
    let needed = wanted.iter().sum::<f64>() * cost;
    let part = if needed > left { left / needed } else { 1.0 };
    wanted.iter().map(|w| (w * part).floor().min(f64::from(u32::MAX / 2)) as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::log_evidence;
    use crate::model::LinearGaussian;
    use pullback::{DType, Key};

    /// `x = z + noise`, with a proposal whose variance is that of the posterior times a factor.
    fn model(factor: f64) -> LinearGaussian {
        LinearGaussian {
            w: Tensor::from([[1.0f64]]),
            b: Tensor::from([0.0f64]),
            logvar: Tensor::from([0.0f64]),
            a: Tensor::from([[0.3f64]]),
            proposal_logvar: Tensor::from([(0.5 * factor).ln()]),
        }
    }

    fn rows() -> Tensor {
        Key::new(2).normal([30, 1], DType::F64) * 2f64.sqrt()
    }

    fn target(width: f64) -> Target {
        Target { width, most_samples: 20_000_000, seed: 1 }
    }

    #[test]
    fn the_interval_is_as_narrow_as_asked_and_holds_the_exact_mean() {
        let (model, rows) = (model(1.5), rows());
        let exact = log_evidence(&model, &rows).unwrap().iter().sum::<f64>() / 30.0;
        let evaluator = Evaluator::new(1 << 14);
        let at =
            |width| allocate(&evaluator, &model, "iwae".parse().unwrap(), &target(width), &rows, &[0.0; 30]).unwrap();
        let (wide, narrow) = (at(0.02), at(0.005));
        for (found, width) in [(&wide, 0.02), (&narrow, 0.005)] {
            let interval = found.interval.unwrap();
            assert!(found.reached && interval.high - interval.low <= width);
            // Three standard errors, so that the fixed seed proves more than luck.
            assert!((found.evidence.mean - exact).abs() < 3.0 * width / 3.92, "{found:?} {exact}");
        }
        let ratio = narrow.evidence.samples as f64 / wide.evidence.samples as f64;
        assert!((8.0..32.0).contains(&ratio), "16 times the samples for a quarter of the width: {ratio}");
        // Rows far out need more: the proposal's mean is wrong in proportion to x.
        let x = rows.to_vec::<f64>().unwrap();
        let samples = |i: usize| narrow.rows[i].samples;
        let far = (0..30).max_by(|&i, &j| x[i].abs().total_cmp(&x[j].abs())).unwrap();
        let near = (0..30).min_by(|&i, &j| x[i].abs().total_cmp(&x[j].abs())).unwrap();
        assert!(samples(far) > 2 * samples(near), "{} {}", samples(far), samples(near));
    }

    #[test]
    fn a_tail_too_heavy_for_an_interval_is_refused_with_the_reason() {
        // The shape is 1 - 0.15.
        let (model, rows) = (model(0.15), rows());
        let found =
            allocate(&Evaluator::new(1 << 14), &model, "iwae".parse().unwrap(), &target(0.05), &rows, &[0.0; 30])
                .unwrap();
        assert!(matches!(found.interval, Err(Distrust::HeavyWeights { .. })), "{:?}", found.interval);
        assert!(!found.reached && found.instead.is_some());
        // The mean of logarithms has every moment.
        let elbo =
            allocate(&Evaluator::new(1 << 14), &model, "elbo".parse().unwrap(), &target(0.05), &rows, &[0.0; 30])
                .unwrap();
        assert!(elbo.reached && elbo.interval.is_ok());
    }

    #[test]
    fn sumo_gets_a_median_of_means() {
        let (model, rows) = (model(1.5), rows());
        let exact = log_evidence(&model, &rows).unwrap().iter().sum::<f64>() / 30.0;
        let found =
            allocate(&Evaluator::new(1 << 14), &model, "sumo".parse().unwrap(), &target(0.05), &rows, &[0.0; 30])
                .unwrap();
        assert!(matches!(found.interval, Err(Distrust::InfiniteVariance { .. })), "{:?}", found.interval);
        let instead = found.instead.unwrap();
        assert!(instead.low < exact && exact < instead.high, "{instead:?} {exact}");
    }

    #[test]
    fn a_budget_that_ends_early_is_told() {
        let (model, rows) = (model(1.5), rows());
        let tight = Target { most_samples: 4000, ..target(1e-5) };
        let evaluator = Evaluator::new(1 << 14);
        let found = allocate(&evaluator, &model, "iwae".parse().unwrap(), &tight, &rows, &[0.0; 30]).unwrap();
        assert!(!found.reached && found.evidence.samples <= 4000 && found.interval.is_ok());
        let none = Target { most_samples: 100, ..tight };
        let refused = allocate(&evaluator, &model, "iwae".parse().unwrap(), &none, &rows, &[0.0; 30]);
        assert!(matches!(refused, Err(AllocateError::Budget { needed: 1920, .. })));
        let wrong = allocate(&evaluator, &model, "iwae".parse().unwrap(), &target(0.0), &rows, &[0.0; 30]);
        assert!(matches!(wrong, Err(AllocateError::Width(_))));
    }
}
