//! Between the evidence lower bound and the importance-weighted one.

use crate::estimator::{elbo_of, iwae_of, log_weights};
use crate::model::LatentModel;
use pullback::{Keys, Tensor};

/// `β ELBO + (1 - β) L_k` by the same samples (Rainforth et al. 2018, equation 10).
///
/// A lower bound for `0 ≤ β ≤ 1`: 0 is IWAE, 1 the ELBO.
///
/// # Shapes
/// `log_weights: [k]`, result `[]`.
///
/// ```
/// use latents::estimator::{ciwae_of, elbo_of, iwae_of};
/// use pullback::Tensor;
/// let log_w = Tensor::from([0.0f64, 2.0, -1.0]);
/// let middle = (elbo_of(&log_w) + iwae_of(&log_w)) / 2.0;
/// assert!((ciwae_of(&log_w, 0.5) - middle).item::<f64>()?.abs() < 1e-15);
/// # Ok::<(), pullback::Error>(())
/// ```
#[track_caller]
pub fn ciwae_of(log_weights: &Tensor, beta: f64) -> Tensor {
    elbo_of(log_weights) * beta + iwae_of(log_weights) * (1.0 - beta)
}

/// The bound of one example; see [`ciwae_of`].
///
/// # Shapes
/// `keys: [k]`, `x: [d]`, result `[]`.
#[track_caller]
pub fn ciwae<M: LatentModel>(keys: Keys, x: &Tensor, model: &M, beta: f64) -> Tensor {
    ciwae_of(&log_weights(keys, x, model), beta)
}
