//! The evidence lower bound.

use crate::estimator::log_weights;
use crate::model::LatentModel;
use pullback::{Key, Tensor};

/// The mean of log-weights: `(1/k) Σ log w_i`, whose expectation is the ELBO for every `k`.
///
/// A lower bound with gap `KL(q(z|x) ‖ p(z|x))` (Kingma & Welling 2014).
///
/// # Shapes
/// `log_weights: [k]`, result `[]`.
///
/// ```
/// use latents::estimator::elbo_of;
/// use pullback::Tensor;
/// assert_eq!(elbo_of(&Tensor::from([1.0f64, 2.0, 6.0])).item::<f64>()?, 3.0);
/// # Ok::<(), pullback::Error>(())
/// ```
#[track_caller]
pub fn elbo_of(log_weights: &Tensor) -> Tensor {
    log_weights.mean()
}

/// The ELBO of one example by `k` samples; see [`elbo_of`].
///
/// # Shapes
/// `x: [d]`, result `[]`.
#[track_caller]
pub fn elbo<M: LatentModel>(key: Key, x: &Tensor, model: &M, k: usize) -> Tensor {
    elbo_of(&log_weights(key, x, model, k))
}
