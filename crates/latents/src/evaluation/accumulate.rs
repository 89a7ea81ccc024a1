//! What is kept of a row's log-weights while they stream by.

use crate::diagnostics::{ParetoTail, Tail};
use crate::estimator::Sumo;

/// A running mean and variance (Welford 1962).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moments {
    pub(crate) n: u64,
    pub(crate) mean: f64,
    squares: f64,
}

impl Moments {
    pub(crate) fn push(&mut self, x: f64) {
        self.n += 1;
        if !(x.is_finite() && self.mean.is_finite()) {
            // A mean that is infinite stays so, and has no variance.
            self.mean += x;
            self.squares = f64::NAN;
            return;
        }
        let from = x - self.mean;
        self.mean += from / self.n as f64;
        self.squares += from * (x - self.mean);
    }

    /// The variance of one value; `None` for fewer than two.
    pub(crate) fn variance(&self) -> Option<f64> {
        (self.n > 1).then(|| self.squares / (self.n - 1) as f64)
    }
}

/// `log Σ w` and `log Σ w²`, relative to the greatest weight so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogSum {
    n: u64,
    greatest: f64,
    sum: f64,
    squares: f64,
}

impl LogSum {
    pub(crate) const EMPTY: LogSum = LogSum { n: 0, greatest: f64::NEG_INFINITY, sum: 0.0, squares: 0.0 };

    pub(crate) fn push(&mut self, log_w: f64) {
        self.n += 1;
        if log_w > self.greatest {
            let shrink = (self.greatest - log_w).exp();
            self.sum = self.sum * shrink + 1.0;
            self.squares = self.squares * shrink * shrink + 1.0;
            self.greatest = log_w;
        } else if log_w > f64::NEG_INFINITY {
            let w = (log_w - self.greatest).exp();
            self.sum += w;
            self.squares += w * w;
        } else if log_w.is_nan() {
            self.sum = f64::NAN;
        }
    }

    /// `log Σ w`.
    pub(crate) fn log_sum(&self) -> f64 {
        self.greatest + self.sum.ln()
    }

    /// `log((1/n) Σ w)`.
    pub(crate) fn log_mean(&self) -> f64 {
        self.log_sum() - (self.n as f64).ln()
    }

    /// `(Σ w)² / Σ w²`, as a part of `n`.
    pub(crate) fn ess(&self) -> f64 {
        self.sum * self.sum / self.squares / self.n as f64
    }

    /// `Var(w) / E(w)²`; `None` for fewer than two.
    pub(crate) fn relative_variance(&self) -> Option<f64> {
        let n = self.n as f64;
        (self.n > 1).then(|| (n * self.squares / (self.sum * self.sum) - 1.0).max(0.0) * n / (n - 1.0))
    }
}

/// Values made of several weights each, as they are completed.
#[derive(Clone, Debug)]
enum Units {
    /// Each weight stands for itself.
    Weights,
    /// `L_k` of every `size` weights.
    Groups { size: u64, open: LogSum, values: Moments },
    /// SUMO of the weights that each copy stops after.
    Sumo { sumo: Sumo, stops: std::collections::VecDeque<u32>, open: LogSum, value: f64, values: Moments },
}

/// A row's weights so far.
#[derive(Clone, Debug)]
pub(crate) struct Accumulator {
    pub(crate) sums: LogSum,
    pub(crate) logs: Moments,
    tail: Tail,
    units: Units,
}

impl Accumulator {
    fn new(samples: u64, units: Units) -> Accumulator {
        Accumulator { sums: LogSum::EMPTY, logs: Moments::default(), tail: Tail::of(samples), units }
    }

    /// For figures of single weights, of which about so many come.
    pub(crate) fn of_weights(samples: u64) -> Accumulator {
        Accumulator::new(samples, Units::Weights)
    }

    /// For groups of `size` weights.
    pub(crate) fn of_groups(samples: u64, size: u32) -> Accumulator {
        let size = u64::from(size);
        Accumulator::new(samples, Units::Groups { size, open: LogSum::EMPTY, values: Moments::default() })
    }

    /// For SUMO.
    pub(crate) fn of_sumo(samples: u64, sumo: Sumo) -> Accumulator {
        let (stops, values) = (Default::default(), Moments::default());
        Accumulator::new(samples, Units::Sumo { sumo, stops, open: LogSum::EMPTY, value: 0.0, values })
    }

    /// More copies of SUMO, that stop after so many weights each.
    pub(crate) fn stop_after(&mut self, counts: &[u32]) {
        if let Units::Sumo { stops, .. } = &mut self.units {
            stops.extend(counts);
        }
    }

    pub(crate) fn push(&mut self, log_w: f64) {
        match &mut self.units {
            Units::Weights => {}
            Units::Groups { size, open, values } => {
                open.push(log_w);
                if open.n == *size {
                    values.push(open.log_mean());
                    *open = LogSum::EMPTY;
                }
            }
            Units::Sumo { sumo, stops, open, value, values } => {
                let m = u64::from(sumo.min_terms);
                let before = open.log_sum();
                open.push(log_w);
                let k = open.n;
                if k == m {
                    *value = open.log_mean();
                } else if k > m {
                    // L_k - L_{k-1} = log(1 + w_k / Σ_{i<k} w_i) - log(k / (k-1)): as a difference it would cancel.
                    let excess = log_w - before;
                    let softplus = excess.max(0.0) + (-excess.abs()).exp().ln_1p();
                    let increment = softplus - (1.0 / (k - 1) as f64).ln_1p();
                    *value += increment / sumo.tail.survival((k - m) as u32);
                }
                if stops.front().is_some_and(|&stop| k >= u64::from(stop)) {
                    stops.pop_front();
                    values.push(*value);
                    *open = LogSum::EMPTY;
                }
            }
        }
        self.sums.push(log_w);
        self.logs.push(log_w);
        self.tail.push(log_w);
    }

    /// How many weights were seen.
    pub(crate) fn count(&self) -> u64 {
        self.logs.n
    }

    /// The mean and variance of the completed units that are not single weights.
    pub(crate) fn values(&self) -> Moments {
        match &self.units {
            Units::Weights => self.logs,
            Units::Groups { values, .. } | Units::Sumo { values, .. } => *values,
        }
    }

    pub(crate) fn tail(&self) -> Option<ParetoTail> {
        self.tail.fit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimator::{effective_sample_size, elbo_of, iwae_of};
    use pullback::{DType, Key, Tensor};

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-11 * b.abs().max(1.0), "{a} {b}");
    }

    #[test]
    fn streamed_figures_are_those_of_the_estimators() {
        let log_w = Key::new(4).normal([300], DType::F64) * 3.0 - 700.0;
        let all = log_w.to_vec::<f64>().unwrap();
        let mut a = Accumulator::of_groups(300, 50);
        all.iter().for_each(|&l| a.push(l));
        near(a.sums.log_mean(), iwae_of(&log_w).item().unwrap());
        near(a.sums.ess(), effective_sample_size(&log_w).item().unwrap());
        near(a.logs.mean, elbo_of(&log_w).item().unwrap());
        let groups: Vec<f64> = (0..6).map(|i| iwae_of(&log_w.slice(0, i * 50, i * 50 + 50)).item().unwrap()).collect();
        near(a.values().mean, groups.iter().sum::<f64>() / 6.0);
        // The variance of weights, relative to their mean, as two passes give it.
        let w: Vec<f64> = all.iter().map(|l| (l + 700.0).exp()).collect();
        let mean = w.iter().sum::<f64>() / 300.0;
        let variance = w.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / 299.0;
        near(a.sums.relative_variance().unwrap(), variance / mean / mean);
    }

    #[test]
    fn streamed_sumo_is_sumo() {
        let log_w = Key::new(5).normal([200], DType::F64) * 2.0 - 40.0;
        let sumo = Sumo::default();
        let (counts, mut from) = ([7u32, 5, 90, 98], 0usize);
        let mut a = Accumulator::of_sumo(200, sumo);
        a.stop_after(&counts);
        log_w.to_vec::<f64>().unwrap().into_iter().for_each(|l| a.push(l));
        let mut sum = 0.0;
        for count in counts {
            let part = log_w.slice(0, from, from + count as usize);
            sum += sumo.of(&part, &Tensor::scalar(count as i32)).item::<f64>().unwrap();
            from += count as usize;
        }
        assert_eq!(a.values().n, 4);
        near(a.values().mean, sum / 4.0);
    }

    #[test]
    fn weights_of_nothing_and_broken_weights() {
        let of = |weights: &[f64]| {
            let mut sums = LogSum::EMPTY;
            weights.iter().for_each(|&l| sums.push(l));
            sums.log_mean()
        };
        assert_eq!(of(&[f64::NEG_INFINITY, 0.0]), -2f64.ln());
        assert_eq!(of(&[f64::NEG_INFINITY; 3]), f64::NEG_INFINITY);
        assert!(of(&[0.0, f64::NAN, 1.0]).is_nan());
    }
}
