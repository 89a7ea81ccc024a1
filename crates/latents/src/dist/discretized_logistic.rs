//! Independent whole numbers within a range.

use crate::dist::Distribution;
use pullback::{Key, Tensor, Tree};

/// Independent whole numbers `low ≤ x ≤ high`: a logistic variable rounded to the nearest and brought into the range.
///
/// `P(x) = σ((x + ½ - m) e^-s) - σ((x - ½ - m) e^-s)`; the two ends take the tails (Salimans et al. 2017, equation 2).
/// Draws are not differentiable.
///
/// ```
/// use latents::dist::{DiscretizedLogistic, Distribution};
/// use pullback::Tensor;
/// let (mean, log_scale) = (Tensor::from([200.0f64]), Tensor::from([3.0f64]));
/// let p = DiscretizedLogistic { mean, log_scale, low: 0.0, high: 255.0 };
/// let all = (0..=255).map(|x| p.log_prob(&Tensor::from([f64::from(x)])).item::<f64>().map(f64::exp));
/// assert!((all.sum::<Result<f64, _>>()? - 1.0).abs() < 1e-12);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Debug, Tree)]
pub struct DiscretizedLogistic {
    /// `m`; `[d]`.
    pub mean: Tensor,
    /// `s`; `[d]`.
    pub log_scale: Tensor,
    /// The least number.
    pub low: f64,
    /// The greatest number, above `low`.
    pub high: f64,
}

impl Distribution for DiscretizedLogistic {
    #[track_caller]
    fn sample(&self, key: Key) -> Tensor {
        // Uniform on [0, 1): at 0 the logit is -∞, which the range brings to `low`.
        let u = key.uniform(self.mean.shape(), self.mean.dtype());
        let logistic = u.log() - (-u).log1p();
        let x = &self.mean + self.log_scale.exp() * logistic;
        (x + 0.5).floor().clamp(self.low, self.high).stop_gradient()
    }

    #[track_caller]
    fn log_prob(&self, x: &Tensor) -> Tensor {
        let rate = (-&self.log_scale).exp();
        let upper = (x + 0.5 - &self.mean) * &rate;
        let lower = (x - 0.5 - &self.mean) * &rate;
        let (below_upper, above_lower) = (upper.log_sigmoid(), (-lower).log_sigmoid());
        // σ(a) - σ(b) = σ(a) σ(-b) (1 - e^(b-a)), and a - b is the rate: no difference of near numbers.
        let width = (-(-&rate).expm1()).log();
        let within = &below_upper + &above_lower + width;
        let not_low = x.le(self.low).select(&below_upper, &within);
        x.ge(self.high).select(&above_lower, &not_low).sum()
    }
}
