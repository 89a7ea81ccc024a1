//! The Gaussian with a full covariance.

use crate::dist::{Distribution, LOG_2PI};
use pullback::{DType, Key, Tensor, Tree};

/// `N(m, L Lᵀ)` with the Cholesky factor `L = diag(e^{v/2}) (I + N)`, `N` strictly lower triangular.
///
/// `log p(x) = -½ Σ (log 2π + v_i + ε_i²)` with `L ε = x - m` by forward substitution.
///
/// ```
/// use latents::dist::{Distribution, FullGaussian};
/// use pullback::Tensor;
/// // Covariance [[1, 2], [2, 5]].
/// let p = FullGaussian {
///     mean: Tensor::from([0.0f64, 0.0]),
///     logvar: Tensor::from([0.0f64, 0.0]),
///     lower: Tensor::from([[0.0f64, 0.0], [2.0, 0.0]]),
/// };
/// // Its inverse is [[5, -2], [-2, 1]].
/// let at = p.log_prob(&Tensor::from([1.0f64, 1.0])).item::<f64>()?;
/// assert!((at - (-(2.0 * std::f64::consts::PI).ln() - 0.5 * (5.0 - 4.0 + 1.0))).abs() < 1e-12);
/// assert_eq!(p.variance().to_vec::<f64>()?, [1.0, 5.0]);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Debug, Tree)]
pub struct FullGaussian {
    /// `m`; `[d]`.
    pub mean: Tensor,
    /// `v`; `[d]`.
    pub logvar: Tensor,
    /// `N`, of which only what lies below the diagonal is read; `[d, d]`.
    pub lower: Tensor,
}

impl FullGaussian {
    /// The variance of each coordinate.
    ///
    /// # Shapes
    /// Result `[d]`.
    #[track_caller]
    pub fn variance(&self) -> Tensor {
        self.logvar.exp() * (self.strict().square().reduce_sum(&[1]) + 1.0)
    }

    /// `KL(this ‖ N(0, I)) = ½ Σ (m_i² + C_ii - 1 - v_i)`.
    ///
    /// # Shapes
    /// Result `[]`.
    #[track_caller]
    pub fn kl_to_standard_normal(&self) -> Tensor {
        let beyond = self.logvar.exp() * self.strict().square().reduce_sum(&[1]);
        (self.mean.square() + beyond + self.logvar.expm1() - &self.logvar).sum() * 0.5
    }

    /// `N` with what is not read made 0.
    #[track_caller]
    fn strict(&self) -> Tensor {
        let shape = self.lower.shape();
        let (i, j) = (Tensor::iota(shape.clone(), 0, DType::I32), Tensor::iota(shape, 1, DType::I32));
        j.lt(&i).select(&self.lower, 0.0)
    }
}

impl Distribution for FullGaussian {
    #[track_caller]
    fn sample(&self, key: Key) -> Tensor {
        let noise = key.normal_like(&self.mean);
        let mixed = self.strict().dot(&noise) + noise;
        &self.mean + (&self.logvar * 0.5).exp() * mixed
    }

    #[track_caller]
    fn log_prob(&self, x: &Tensor) -> Tensor {
        let n = self.mean.shape().dims().first().and_then(|d| d.known()).unwrap_or(0);
        let columns = self.strict().t();
        let mut rest = (x - &self.mean) * (&self.logvar * -0.5).exp();
        // Column by column: what is left at place j is ε_j, and its share is taken from the places below.
        for j in 0..n.saturating_sub(1) {
            let column = columns.slice(0, j, j + 1).reshape([n]);
            rest = &rest - column * rest.slice(0, j, j + 1).broadcast_to([n]);
        }
        (rest.square() + &self.logvar + LOG_2PI).sum() * -0.5
    }
}
