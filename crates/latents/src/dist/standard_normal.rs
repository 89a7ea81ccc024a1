//! The standard normal.

use crate::dist::{Distribution, LOG_2PI};
use pullback::{DType, Key, Tensor};

/// `N(0, I)` over `dim` numbers.
///
/// `log p(z) = -½ Σ (log 2π + z_i²)`.
///
/// ```
/// use latents::dist::{Distribution, StandardNormal};
/// use pullback::{DType, Tensor};
/// let p = StandardNormal { dim: 1, dtype: DType::F64 };
/// let at_0 = p.log_prob(&Tensor::from([0.0f64])).item::<f64>()?;
/// assert!((at_0.exp() - 0.398_942_280_401_432_7).abs() < 1e-15);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StandardNormal {
    /// How many numbers.
    pub dim: usize,
    /// Their type.
    pub dtype: DType,
}

impl Distribution for StandardNormal {
    #[track_caller]
    fn sample(&self, key: Key) -> Tensor {
        key.normal([self.dim], self.dtype)
    }

    #[track_caller]
    fn log_prob(&self, z: &Tensor) -> Tensor {
        (z.square() + LOG_2PI).sum() * -0.5
    }
}
