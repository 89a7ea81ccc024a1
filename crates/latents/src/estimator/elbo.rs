//! The evidence lower bound.

use crate::estimator::log_weights;
use crate::model::LatentModel;
use pullback::{Keys, Tensor};

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

/// The ELBO of one example; see [`elbo_of`].
///
/// # Shapes
/// `keys: [k]`, `x: [d]`, result `[]`.
///
/// ```
/// use latents::estimator::{elbo, iwae};
/// use latents::model::Vae;
/// use pullback::{DType, Key, Tensor};
/// let vae = Vae::new(Key::new(0), 2, 3, &[4], DType::F64);
/// let x = Tensor::from([0.3f64, -1.0]);
/// let keys = || Key::new(1).split_n(5);
/// assert!(elbo(keys(), &x, &vae).item::<f64>()? < iwae(keys(), &x, &vae).item::<f64>()?);
/// # Ok::<(), pullback::Error>(())
/// ```
#[track_caller]
pub fn elbo<M: LatentModel>(keys: Keys, x: &Tensor, model: &M) -> Tensor {
    elbo_of(&log_weights(keys, x, model))
}
