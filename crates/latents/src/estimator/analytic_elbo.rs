//! The evidence lower bound whose divergence is exact.

use crate::dist::Distribution;
use crate::model::{ClosedForm, LatentModel, NoClosedForm};
use pullback::{Key, Keys, Tensor, vmap};

/// `(1/k) Σ log p(x|z_i) - KL(q(z|x) ‖ p(z))`, the divergence in closed form (Kingma & Welling 2014, equation 7).
///
/// A lower bound: the expectation of [`elbo`](crate::estimator::elbo), from which it differs by the divergence's
/// noise. Where the proposal is the posterior it is *not* free of noise, as the other form is.
///
/// # Errors
/// [`NoClosedForm`] where the model has none.
///
/// # Shapes
/// `keys: [k]`, `x: [d]`, result `[]`.
///
/// ```
/// use latents::estimator::{analytic_elbo, elbo};
/// use latents::model::LinearGaussian;
/// use pullback::{Key, Tensor};
/// let model = LinearGaussian {
///     w: Tensor::from([[1.0f64]]),
///     b: Tensor::from([0.0f64]),
///     logvar: Tensor::from([0.0f64]),
///     a: Tensor::from([[0.3f64]]),
///     proposal_logvar: Tensor::from([0.0f64]),
/// };
/// let x = Tensor::from([1.0f64]);
/// let keys = || Key::new(1).split_n(4000);
/// let (exact, sampled) = (analytic_elbo(keys(), &x, &model)?, elbo(keys(), &x, &model));
/// assert!((exact - sampled).item::<f64>()?.abs() < 0.1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn analytic_elbo<M: LatentModel>(keys: Keys, x: &Tensor, model: &M) -> Result<Tensor, NoClosedForm> {
    Ok(analytic_elbo_by(model.closed_form()?, keys, x, model))
}

/// The same by the model's closed form.
#[track_caller]
pub(crate) fn analytic_elbo_by<M: LatentModel>(
    parts: &dyn ClosedForm<M::Proposal>,
    keys: Keys,
    x: &Tensor,
    model: &M,
) -> Tensor {
    let q = model.proposal(x);
    let log_p = vmap(|key: Key| parts.log_conditional(x, &q.sample(key))).call(keys);
    log_p.mean() - parts.divergence(&q)
}
