//! A lower and an upper bound by the same samples.

use crate::estimator::{iwae_of, log_weights, upper_bound_of};
use crate::model::LatentModel;
use pullback::{Keys, Tensor, Tree};

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
///
/// ```
/// use latents::estimator::sandwich_of;
/// use pullback::Tensor;
/// let s = sandwich_of(&Tensor::from([0.0f64, 0.0]), &Tensor::scalar(4.0f64.ln()));
/// assert_eq!((s.lower.item::<f64>()?, s.ess.item::<f64>()?), (0.0, 1.0));
/// assert!((s.upper.item::<f64>()? - 2.0f64.ln()).abs() < 1e-12);
/// # Ok::<(), pullback::Error>(())
/// ```
#[track_caller]
pub fn sandwich_of(log_weights: &Tensor, of_posterior: &Tensor) -> Sandwich {
    Sandwich {
        lower: iwae_of(log_weights),
        upper: upper_bound_of(log_weights, of_posterior),
        ess: effective_sample_size(log_weights),
    }
}

/// Both bounds of one example by samples of the proposal and an exact posterior draw `z`.
///
/// # Shapes
/// `keys: [k]`, `x: [d]`, `z: [latent]`; results `[]`.
///
/// ```
/// use latents::estimator::sandwich;
/// use latents::model::{LatentModel, Vae};
/// use pullback::{DType, Key};
/// let vae = Vae::new(Key::new(0), 2, 3, &[4], DType::F64);
/// let (z, x) = vae.ancestral(Key::new(1));
/// let s = sandwich(Key::new(2).split_n(2000), &x, &z, &vae);
/// let gap = s.upper.item::<f64>()? - s.lower.item::<f64>()?;
/// assert!(gap.abs() < 0.05, "both are near log p(x)");
/// # Ok::<(), pullback::Error>(())
/// ```
#[track_caller]
pub fn sandwich<M: LatentModel>(keys: Keys, x: &Tensor, z: &Tensor, model: &M) -> Sandwich {
    sandwich_of(&log_weights(keys, x, model), &model.log_weight_of(x, z))
}
