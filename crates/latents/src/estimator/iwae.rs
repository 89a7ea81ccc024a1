//! The importance-weighted bound.

use crate::estimator::log_weights;
use crate::model::LatentModel;
use pullback::{Keys, Tensor};

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

/// `L_k` of one example; see [`iwae_of`].
///
/// # Shapes
/// `keys: [k]`, `x: [d]`, result `[]`.
///
/// ```
/// use latents::estimator::iwae;
/// use latents::model::Vae;
/// use pullback::{DType, Key, Tensor, vmap};
/// let vae = Vae::new(Key::new(0), 2, 3, &[4], DType::F32);
/// let xs = Tensor::from([[0.3f32, -1.0], [0.0, 0.5]]);
/// let bounds = vmap(|key: Key, x: Tensor| iwae(key.split_n(50), &x, &vae)).call((Key::new(1).split_n(2), xs));
/// assert_eq!(bounds.shape().known(), Some(vec![2]));
/// # Ok::<(), pullback::Error>(())
/// ```
#[track_caller]
pub fn iwae<M: LatentModel>(keys: Keys, x: &Tensor, model: &M) -> Tensor {
    iwae_of(&log_weights(keys, x, model))
}
