//! The importance-weighted bound.

use crate::estimator::log_weights;
use crate::model::LatentModel;
use pullback::{Key, Tensor};

/// `L_k = log((1/k) Σ w_i)`, the importance-weighted ELBO (Burda et al. 2016, equation 8).
///
/// A lower bound with bias about `-v/(2k)` and variance about `v/k`, `v = Var(w)/p(x)²`; its expectation rises with
/// `k`. `k = 1` is the ELBO.
///
/// # Shapes
/// `log_weights: [k]`, result `[]`.
///
/// ```
/// use latents::estimator::iwae_of;
/// use pullback::Tensor;
/// let l = iwae_of(&Tensor::from([1.0f64.ln(), 3.0f64.ln()])).item::<f64>()?;
/// assert!((l - 2.0f64.ln()).abs() < 1e-15);
/// # Ok::<(), pullback::Error>(())
/// ```
#[track_caller]
pub fn iwae_of(log_weights: &Tensor) -> Tensor {
    log_weights.log_mean_exp(0)
}

/// `L_k` of one example by `k` samples; see [`iwae_of`].
///
/// # Shapes
/// `x: [d]`, result `[]`.
#[track_caller]
pub fn iwae<M: LatentModel>(key: Key, x: &Tensor, model: &M, k: usize) -> Tensor {
    iwae_of(&log_weights(key, x, model, k))
}
