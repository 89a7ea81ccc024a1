//! Independent counts that vary more than Poisson's.

use crate::dist::{Distribution, poisson::poisson};
use pullback::{DType, Key, Tensor, Tree};

/// Independent counts with mean `e^l_i` and variance `e^l_i + e^(2 l_i - r_i)`: Poisson counts whose rate is gamma with
/// the shape `e^r_i`.
///
/// `P(x) = Γ(x + n) / (x! Γ(n)) · (n/(n+m))^n (m/(n+m))^x`, `n = e^r`, `m = e^l`. Draws are a Poisson count at a draw
/// of the gamma, and not differentiable.
///
/// ```
/// use latents::dist::{Distribution, NegativeBinomial};
/// use pullback::Tensor;
/// // n = 1 is geometric: P(x) = p (1 - p)^x with p = 1 / (1 + m).
/// let p = NegativeBinomial { log_mean: Tensor::from([3.0f64.ln()]), log_count: Tensor::from([0.0f64]) };
/// let at_2 = p.log_prob(&Tensor::from([2.0f64])).item::<f64>()?;
/// assert!((at_2.exp() - 0.25 * 0.75 * 0.75).abs() < 1e-12);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Debug, Tree)]
pub struct NegativeBinomial {
    /// `l`; `[d]`.
    pub log_mean: Tensor,
    /// `r`; `[d]`.
    pub log_count: Tensor,
}

impl Distribution for NegativeBinomial {
    #[track_caller]
    fn sample(&self, key: Key) -> Tensor {
        let (gamma, counts) = key.split();
        let (l, r) = (self.log_mean.stop_gradient().cast(DType::F64), self.log_count.stop_gradient().cast(DType::F64));
        let rate = gamma.gamma(&r.exp()) * (l - r).exp();
        poisson(counts, &rate).cast(self.log_mean.dtype())
    }

    #[track_caller]
    fn log_prob(&self, x: &Tensor) -> Tensor {
        let n = self.log_count.exp();
        // log of m/(n+m) and of n/(n+m).
        let odds = &self.log_mean - &self.log_count;
        let (more, fewer) = (odds.log_sigmoid(), (-odds).log_sigmoid());
        let ways = (x + &n).log_gamma() - (x + 1.0).log_gamma() - n.log_gamma();
        (ways + &n * fewer + x * more).sum()
    }
}
