//! The mean of several importance-weighted bounds.

use crate::estimator::log_weights;
use crate::model::LatentModel;
use pullback::{Keys, Tensor};

/// `(1/M) Σ L_K`, the mean over `M` groups of `K` samples of the group's importance-weighted bound (Rainforth et al.
/// 2018, equation 9).
///
/// A lower bound with the expectation of `L_K` and about `1/M` of its variance: more groups make the gradient of the
/// proposal less noisy, where more samples in one group make it noisier. `M = 1` is IWAE, `K = 1` the ELBO.
///
/// # Shapes
/// `log_weights: [groups · K]`, a group's samples next to each other; result `[]`.
///
/// ```
/// use latents::estimator::{iwae_of, miwae_of};
/// use pullback::Tensor;
/// let log_w = Tensor::from([0.0f64, 3.0f64.ln(), 1.0, 1.0]);
/// let halves = (iwae_of(&log_w.slice(0, 0, 2)) + iwae_of(&log_w.slice(0, 2, 4))) / 2.0;
/// assert!((miwae_of(&log_w, 2) - halves).item::<f64>()?.abs() < 1e-15);
/// # Ok::<(), pullback::Error>(())
/// ```
#[track_caller]
pub fn miwae_of(log_weights: &Tensor, groups: usize) -> Tensor {
    by_group(log_weights, groups).log_mean_exp(1).mean()
}

/// The log-weights with an axis for the groups.
///
/// # Shapes
/// `log_weights: [groups · k]`, result `[groups, k]`.
#[track_caller]
pub(crate) fn by_group(log_weights: &Tensor, groups: usize) -> Tensor {
    let all = log_weights.shape().dims().first().and_then(|d| d.known()).unwrap_or(0);
    log_weights.reshape([groups, all / groups.max(1)])
}

/// The bound of one example; see [`miwae_of`].
///
/// # Shapes
/// `keys: [groups · k]`, `x: [d]`, result `[]`.
///
/// ```
/// use latents::estimator::{elbo, iwae, miwae};
/// use latents::model::Vae;
/// use pullback::{DType, Key, Tensor};
/// let vae = Vae::new(Key::new(0), 2, 3, &[4], DType::F64);
/// let x = Tensor::from([0.3f64, -1.0]);
/// let keys = || Key::new(1).split_n(6);
/// let value = miwae(keys(), &x, &vae, 2).item::<f64>()?;
/// assert!(elbo(keys(), &x, &vae).item::<f64>()? < value && value < iwae(keys(), &x, &vae).item::<f64>()?);
/// # Ok::<(), pullback::Error>(())
/// ```
#[track_caller]
pub fn miwae<M: LatentModel>(keys: Keys, x: &Tensor, model: &M, groups: usize) -> Tensor {
    miwae_of(&log_weights(keys, x, model), groups)
}
