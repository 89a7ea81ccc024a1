//! Independent numbers with heavy tails.

use crate::dist::{Distribution, LOG_PI};
use pullback::{Key, Tensor, Tree};

/// Independent `x_i = m_i + e^s_i t_i`, `t_i` Student's t with `ν_i` degrees of freedom.
///
/// `log p(x) = Σ log Γ((ν+1)/2) - log Γ(ν/2) - ½ log πν - s - ½ (ν+1) log(1 + t²/ν)`, `t = (x - m) e^-s`. The mean is
/// `m` where `ν > 1`, the variance `e^2s ν/(ν-2)` where `ν > 2`. Draws are a normal over the root of a gamma; they are
/// differentiable in `m` and `s`, not in `ν`.
///
/// ```
/// use latents::dist::{Distribution, StudentT};
/// use pullback::Tensor;
/// // One degree of freedom is Cauchy's density, 1 / (π (1 + x²)).
/// let zero = || Tensor::from([0.0f64]);
/// let p = StudentT { mean: zero(), log_scale: zero(), freedom: Tensor::from([1.0f64]) };
/// let at_2 = p.log_prob(&Tensor::from([2.0f64])).item::<f64>()?;
/// assert!((at_2.exp() - 1.0 / (5.0 * std::f64::consts::PI)).abs() < 1e-12);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Debug, Tree)]
pub struct StudentT {
    /// `m`; `[d]`.
    pub mean: Tensor,
    /// `s`; `[d]`.
    pub log_scale: Tensor,
    /// `ν`; `[d]`, above 0.
    pub freedom: Tensor,
}

impl Distribution for StudentT {
    #[track_caller]
    fn sample(&self, key: Key) -> Tensor {
        let (normal, gamma) = key.split();
        let freedom = self.freedom.stop_gradient();
        // χ² with ν degrees of freedom is twice a gamma of ν/2.
        let chi_squared = gamma.gamma(&(&freedom * 0.5)) * 2.0;
        let t = normal.normal_like(&self.mean) * (freedom / chi_squared).sqrt();
        &self.mean + self.log_scale.exp() * t
    }

    #[track_caller]
    fn log_prob(&self, x: &Tensor) -> Tensor {
        let freedom = &self.freedom;
        let t = (x - &self.mean) * (-&self.log_scale).exp();
        let half = (freedom + 1.0) * 0.5;
        let norm = half.log_gamma() - (freedom * 0.5).log_gamma() - (freedom.log() + LOG_PI) * 0.5;
        (norm - &self.log_scale - half * (t.square() / freedom).log1p()).sum()
    }
}
