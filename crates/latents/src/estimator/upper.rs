//! The multi-sample upper bound.

use crate::estimator::log_weights;
use crate::model::LatentModel;
use pullback::{Keys, Tensor};

/// `U_{k+1} = log((w_0 + Σ_{i≤k} w_i) / (k+1))`, with `w_0` the weight of an exact posterior draw.
///
/// An upper bound with bias about `+v/(2(k+1))`; its expectation falls with `k` (Sobolev & Vetrov 2019, theorem 1, for
/// this use of the posterior draw). Where `x` was drawn from the model, the `z` that it was drawn with is the posterior
/// draw, and the bound is free. At least one log-weight; with none the bound would be the EUBO, `log w_0` itself.
///
/// # Shapes
/// `log_weights: [k]`, `of_posterior: []`, result `[]`.
///
/// ```
/// use latents::estimator::upper_bound_of;
/// use pullback::Tensor;
/// let log_w = Tensor::from([1.0f64.ln(), 2.0f64.ln()]);
/// let u = upper_bound_of(&log_w, &Tensor::scalar(6.0f64.ln())).item::<f64>()?;
/// assert!((u - 3.0f64.ln()).abs() < 1e-15);
/// # Ok::<(), pullback::Error>(())
/// ```
#[track_caller]
pub fn upper_bound_of(log_weights: &Tensor, of_posterior: &Tensor) -> Tensor {
    let sum = log_weights.logsumexp(0);
    // log(e^a + e^b) = a + log(1 + e^(b-a)).
    let both = &sum + (of_posterior - &sum).softplus();
    both - (log_weights.size(0) + 1.0).log()
}

/// The upper bound of one example by samples of the proposal and an exact posterior draw `z`; see
/// [`upper_bound_of`].
///
/// # Shapes
/// `keys: [k]`, `x: [d]`, `z: [latent]`, result `[]`.
///
/// ```
/// use latents::estimator::{log_weights, upper_bound, upper_bound_of};
/// use latents::model::{LatentModel, Vae};
/// use pullback::{DType, Key};
/// let vae = Vae::new(Key::new(0), 2, 3, &[4], DType::F64);
/// let (z, x) = vae.ancestral(Key::new(1));
/// let log_w = log_weights(Key::new(2).split_n(3), &x, &vae);
/// let u = upper_bound(Key::new(2).split_n(3), &x, &z, &vae).item::<f64>()?;
/// assert_eq!(u, upper_bound_of(&log_w, &vae.log_weight_of(&x, &z)).item::<f64>()?);
/// # Ok::<(), pullback::Error>(())
/// ```
#[track_caller]
pub fn upper_bound<M: LatentModel>(keys: Keys, x: &Tensor, z: &Tensor, model: &M) -> Tensor {
    upper_bound_of(&log_weights(keys, x, model), &model.log_weight_of(x, z))
}
