//! A lower and an upper bound by the same samples.

use crate::estimator::{iwae_of, upper_bound_of};
use crate::model::LatentModel;
use pullback::{Key, Tensor, Tree};

/// `L_k ≤ log p(x) ≤ U_{k+1}` in expectation.
#[derive(Clone, Debug, Tree)]
pub struct Sandwich {
    /// `L_k`.
    pub lower: Tensor,
    /// `U_{k+1}`.
    pub upper: Tensor,
    /// The effective sample size as a part of `k`, between `1/k` and 1.
    pub ess: Tensor,
}

/// `(Σ w)² / (k Σ w²)`: the effective sample size as a part of the number of samples (Kong 1992).
///
/// # Shapes
/// `log_weights: [k]`, result `[]`.
///
/// ```
/// use latents::estimator::effective_sample_size;
/// use pullback::Tensor;
/// let even = effective_sample_size(&Tensor::from([2.0f64; 4])).item::<f64>()?;
/// let one = effective_sample_size(&Tensor::from([0.0f64, -800.0, -800.0, -800.0])).item::<f64>()?;
/// assert!((even - 1.0).abs() < 1e-12 && (one - 0.25).abs() < 1e-12);
/// # Ok::<(), pullback::Error>(())
/// ```
#[track_caller]
pub fn effective_sample_size(log_weights: &Tensor) -> Tensor {
    (log_weights.logsumexp(0) * 2.0 - (log_weights * 2.0).logsumexp(0)).exp() / log_weights.size(0)
}

/// Both bounds by the same log-weights and that of an exact posterior draw.
///
/// # Shapes
/// `log_weights: [k]`, `of_posterior: []`; results `[]`.
#[track_caller]
pub fn sandwich_of(log_weights: &Tensor, of_posterior: &Tensor) -> Sandwich {
    Sandwich {
        lower: iwae_of(log_weights),
        upper: upper_bound_of(log_weights, of_posterior),
        ess: effective_sample_size(log_weights),
    }
}

/// Both bounds of one example by `k` samples of the proposal and an exact posterior draw `z`.
///
/// # Shapes
/// `x: [d]`, `z: [latent]`; results `[]`.
#[track_caller]
pub fn sandwich<M: LatentModel>(key: Key, x: &Tensor, z: &Tensor, model: &M, k: usize) -> Sandwich {
    sandwich_of(&crate::estimator::log_weights(key, x, model, k), &model.log_weight_of(x, z))
}
