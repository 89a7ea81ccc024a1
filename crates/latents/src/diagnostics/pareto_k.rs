//! The Pareto shape of importance weights.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Above this shape an average of weights converges too slowly for its standard error to mean anything
/// (Vehtari et al. 2024, section 3.2).
pub const RELIABLE: f64 = 0.7;

/// A generalised Pareto distribution fitted to the largest weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ParetoTail {
    /// The shape `k̂`: moments of order below `1/k` are finite. The variance needs `k < 1/2`, the mean `k < 1`.
    pub k: f64,
    /// Its standard error, about `(1 + k) / √m` by `m` weights of the tail.
    pub se: f64,
}

impl ParetoTail {
    /// Whether the shape is above [`RELIABLE`] by so many of its standard errors.
    pub fn is_heavy_by(&self, standard_errors: f64) -> bool {
        self.k - standard_errors * self.se > RELIABLE
    }
}

/// `k̂` of weights given by their logarithms; `None` where fewer than 25 leave no tail to be fitted.
///
/// A generalised Pareto distribution is fitted to the `min(S/5, 3√S)` largest of `S` weights, above the next one (Vehtari
/// et al. 2024), by the empirical Bayes estimate of Zhang & Stephens (2009) with the weak prior of the former, worth ten
/// weights at `k = 1/2`. Weights that are all equal have no tail, and `k̂ = 0`; where a few carry all others, so that
/// these vanish beside them, `k̂` is the mean of their logarithms above the threshold (Hill 1975).
///
/// ```
/// use latents::diagnostics::pareto_k;
/// // w = u^-k has the shape k exactly.
/// let log_w: Vec<f64> = (1..=10_000).map(|i| -0.9 * (f64::from(i) / 10_001.0).ln()).collect();
/// let tail = pareto_k(log_w).ok_or("too few weights")?;
/// assert!((tail.k - 0.9).abs() < 3.0 * tail.se);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn pareto_k(log_weights: impl IntoIterator<Item = f64>) -> Option<ParetoTail> {
    let all: Vec<f64> = log_weights.into_iter().collect();
    let mut tail = Tail::of(all.len() as u64);
    all.into_iter().for_each(|l| tail.push(l));
    tail.fit()
}

/// The largest log-weights of a stream, as many as the fit of [`pareto_k`] needs.
///
/// ```
/// use latents::diagnostics::{Tail, pareto_k};
/// let log_w = |i: u32| f64::from(i * 7919 % 1000) / 100.0;
/// let mut tail = Tail::of(1000);
/// (0..1000).for_each(|i| tail.push(log_w(i)));
/// assert_eq!(tail.fit(), pareto_k((0..1000).map(log_w)));
/// ```
#[derive(Clone, Debug)]
pub struct Tail {
    /// Least first, one more than the tail: the next one is the threshold.
    largest: BinaryHeap<Least>,
    room: usize,
    seen: u64,
}

#[derive(Clone, Copy, Debug)]
struct Least(f64);

impl PartialEq for Least {
    fn eq(&self, other: &Least) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Least {}
impl PartialOrd for Least {
    fn partial_cmp(&self, other: &Least) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Least {
    fn cmp(&self, other: &Least) -> Ordering {
        other.0.total_cmp(&self.0)
    }
}

/// How many of `n` weights are the tail.
fn tail_size(n: u64) -> usize {
    let n = n as f64;
    (0.2 * n).min(3.0 * n.sqrt()).ceil() as usize
}

impl Tail {
    /// Of a stream of at most so many weights. A longer one is fitted by the tail that a stream of this length has.
    pub fn of(at_most: u64) -> Tail {
        Tail { largest: BinaryHeap::new(), room: tail_size(at_most) + 1, seen: 0 }
    }

    /// One more log-weight.
    pub fn push(&mut self, log_weight: f64) {
        self.seen += 1;
        if self.largest.len() < self.room {
            self.largest.push(Least(log_weight));
        } else if let Some(mut least) = self.largest.peek_mut()
            && least.0 < log_weight
        {
            *least = Least(log_weight);
        }
    }

    /// The fit to what was seen so far.
    pub fn fit(&self) -> Option<ParetoTail> {
        let mut sorted: Vec<f64> = self.largest.iter().map(|l| l.0).collect();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let m = tail_size(self.seen).min(sorted.len().saturating_sub(1));
        // One of 25 weights and five of its tail is the least that a shape can be told from.
        let (&greatest, &threshold) = (sorted.first()?, sorted.get(m)?);
        if m < 5 || !greatest.is_finite() {
            return None;
        }
        let floor = (threshold - greatest).exp();
        let mut excesses: Vec<f64> = sorted[..m].iter().rev().map(|l| (l - greatest).exp() - floor).collect();
        excesses.retain(|&x| x > 0.0);
        let root = (m as f64).sqrt();
        if excesses.is_empty() {
            return Some(ParetoTail { k: 0.0, se: 1.0 / root });
        }
        if excesses.len() < 5 {
            // Beside the greatest weights the others of the tail are 0: their logarithms tell the shape (Hill 1975).
            let above: Vec<f64> = sorted[..m].iter().map(|l| l - threshold).filter(|l| l.is_finite()).collect();
            let k = above.iter().sum::<f64>() / above.len().max(1) as f64;
            return Some(ParetoTail { k, se: (1.0 + k) / root });
        }
        let n = excesses.len() as f64;
        // Ten weights' worth of prior at 1/2.
        let k = (shape(&excesses) * n + 0.5 * 10.0) / (n + 10.0);
        Some(ParetoTail { k, se: (1.0 + k).max(0.5) / n.sqrt() })
    }
}

/// The shape of a generalised Pareto distribution by ascending excesses (Zhang & Stephens 2009, section 4): the mean of
/// `θ = -k/σ` under a posterior on a grid, and the shape that belongs to it.
fn shape(ascending: &[f64]) -> f64 {
    let n = ascending.len();
    let (greatest, quartile) = (ascending[n - 1], ascending[((n as f64 / 4.0 + 0.5) as usize).clamp(1, n) - 1]);
    let points = 30 + (n as f64).sqrt() as usize;
    let k_at = |theta: f64| ascending.iter().map(|x| (-theta * x).ln_1p()).sum::<f64>() / n as f64;
    let grid: Vec<(f64, f64)> = (1..=points)
        .map(|j| {
            let theta = 1.0 / greatest + (1.0 - (points as f64 / (j as f64 - 0.5)).sqrt()) / (3.0 * quartile);
            let k = k_at(theta);
            (theta, n as f64 * ((-theta / k).ln() - k - 1.0))
        })
        .filter(|(_, log_likelihood)| log_likelihood.is_finite())
        .collect();
    let best = grid.iter().map(|g| g.1).fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = grid.iter().map(|g| (g.1 - best).exp()).sum();
    let theta = grid.iter().map(|g| g.0 * (g.1 - best).exp()).sum::<f64>() / total;
    k_at(theta)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pullback::{DType, Key};

    /// `q = N(0, ρ)`, `p = N(0, 1)`: `log w = ½ z² (1/ρ - 1)` up to a constant.
    fn gaussian(rho: f64, n: usize, seed: u64) -> ParetoTail {
        let z = Key::new(seed).normal([n], DType::F64).to_vec::<f64>().unwrap();
        pareto_k(z.iter().map(|z| 0.5 * z * z * rho * (1.0 / rho - 1.0))).unwrap()
    }

    #[test]
    fn a_proposal_narrower_than_the_posterior_has_the_shape_that_theory_gives() {
        // The factor in front of the power is a power of the logarithm, so that the fit lies a little below 1 - ρ.
        for (rho, seed) in [(0.2, 1), (0.35, 2), (0.5, 3), (0.7, 4)] {
            let tail = gaussian(rho, 200_000, seed);
            let k = 1.0 - rho;
            assert!((tail.k - k).abs() < 0.12, "{} of {k}", tail.k);
        }
        assert!(gaussian(0.1, 20_000, 5).is_heavy_by(1.0) && !gaussian(0.7, 20_000, 6).is_heavy_by(0.0));
    }

    #[test]
    fn a_proposal_wider_than_the_posterior_has_bounded_weights() {
        let z = Key::new(9).normal([20_000], DType::F64).to_vec::<f64>().unwrap();
        let tail = pareto_k(z.iter().map(|z| -0.5 * z * z)).unwrap();
        assert!(tail.k < 0.1, "{}", tail.k);
    }

    #[test]
    fn a_factor_of_the_weights_changes_nothing_however_large() {
        let z = Key::new(9).normal([2000], DType::F64).to_vec::<f64>().unwrap();
        let at = |c: f64| pareto_k(z.iter().map(|z| z + c)).unwrap().k;
        assert!((at(0.0) - at(-5000.0)).abs() < 1e-8 && (at(0.0) - at(5000.0)).abs() < 1e-8);
    }

    #[test]
    fn one_weight_beside_which_all_others_vanish_is_a_heavy_tail() {
        // As of a row far outside the data: log-weights that lie millions apart.
        let tail = pareto_k((0..1000).map(|i| -1e6 * f64::from(i))).unwrap();
        assert!(tail.k > 1e6 && tail.is_heavy_by(3.0), "{tail:?}");
    }

    #[test]
    fn few_weights_equal_weights_and_broken_ones() {
        assert_eq!(pareto_k([1.0; 24].into_iter().take(20)), None);
        assert_eq!(pareto_k([1.0; 100]).unwrap().k, 0.0);
        assert_eq!(pareto_k([f64::NAN; 100]), None);
        let mostly_nothing = (0..100).map(|i| if i < 10 { f64::from(i) } else { f64::NEG_INFINITY });
        assert!(pareto_k(mostly_nothing).unwrap().k.is_finite());
    }
}
