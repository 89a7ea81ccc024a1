//! A mixture of Gaussians.

use crate::dist::{Distribution, LOG_2PI};
use pullback::{Key, Tensor, Tree};

/// `Σ_k π_k N(m_k, diag e^v_k)`, `π = softmax(l)`.
///
/// Draws are differentiable in the means and variances given the component, not in `l`.
///
/// ```
/// use latents::dist::{Distribution, GaussianMixture};
/// use pullback::Tensor;
/// let p = GaussianMixture {
///     logits: Tensor::from([0.0f64, 0.0]),
///     mean: Tensor::from([[-1.0f64], [1.0]]),
///     logvar: Tensor::from([[0.0f64], [0.0]]),
/// };
/// let at_0 = p.log_prob(&Tensor::from([0.0f64])).item::<f64>()?;
/// assert!((at_0 - (-0.5 * (2.0 * std::f64::consts::PI).ln() - 0.5)).abs() < 1e-12);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Debug, Tree)]
pub struct GaussianMixture {
    /// `l`; `[k]`.
    pub logits: Tensor,
    /// `m`; `[k, d]`.
    pub mean: Tensor,
    /// `v`; `[k, d]`.
    pub logvar: Tensor,
}

impl Distribution for GaussianMixture {
    #[track_caller]
    fn sample(&self, key: Key) -> Tensor {
        let (which, noise) = key.split();
        let which = which.categorical(&self.logits);
        let mean = self.mean.take(&which);
        let scale = (self.logvar.take(&which) * 0.5).exp();
        let noise = noise.normal_like(&mean);
        mean + scale * noise
    }

    #[track_caller]
    fn log_prob(&self, z: &Tensor) -> Tensor {
        let scaled = (z.unsqueeze(0) - &self.mean).square() * (-&self.logvar).exp();
        let each = (scaled + &self.logvar + LOG_2PI).reduce_sum(&[1]) * -0.5;
        (each + &self.logits).logsumexp(0) - self.logits.logsumexp(0)
    }
}
