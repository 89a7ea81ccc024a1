//! The Gaussian with independent coordinates.

use crate::dist::{Distribution, LOG_2PI};
use pullback::{Key, Tensor, Tree};

/// `N(mean, diag e^logvar)`.
///
/// `log p(x) = -½ Σ (log 2π + v_i + (x_i - m_i)² e^-v_i)`.
///
/// ```
/// use latents::dist::{DiagonalGaussian, Distribution};
/// use pullback::Tensor;
/// let p = DiagonalGaussian { mean: Tensor::from([1.0f64, 0.0]), logvar: Tensor::from([0.0f64, 2.0]) };
/// let at_mean = p.log_prob(&p.mean).item::<f64>()?;
/// assert!((at_mean - (-(2.0 * std::f64::consts::PI).ln() - 1.0)).abs() < 1e-12);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Debug, Tree)]
pub struct DiagonalGaussian {
    /// `[d]`.
    pub mean: Tensor,
    /// `[d]`.
    pub logvar: Tensor,
}

impl DiagonalGaussian {
    /// `KL(this ‖ N(0, I)) = ½ Σ (m_i² + e^v_i - 1 - v_i)` (Kingma & Welling 2014, appendix B).
    ///
    /// # Shapes
    /// Result `[]`.
    ///
    /// ```
    /// use latents::dist::DiagonalGaussian;
    /// use pullback::Tensor;
    /// let p = DiagonalGaussian { mean: Tensor::from([0.0f64, 2.0]), logvar: Tensor::from([0.0f64, 0.0]) };
    /// assert_eq!(p.kl_to_standard_normal().item::<f64>()?, 2.0);
    /// # Ok::<(), pullback::Error>(())
    /// ```
    #[track_caller]
    pub fn kl_to_standard_normal(&self) -> Tensor {
        // e^v - 1 as expm1: at v near 0 the difference would cancel.
        (self.mean.square() + self.logvar.expm1() - &self.logvar).sum() * 0.5
    }
}

impl Distribution for DiagonalGaussian {
    #[track_caller]
    fn sample(&self, key: Key) -> Tensor {
        &self.mean + (&self.logvar * 0.5).exp() * key.normal_like(&self.mean)
    }

    #[track_caller]
    fn log_prob(&self, x: &Tensor) -> Tensor {
        let scaled = (x - &self.mean).square() * (-&self.logvar).exp();
        (scaled + &self.logvar + LOG_2PI).sum() * -0.5
    }
}
