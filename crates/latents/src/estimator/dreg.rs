//! The doubly reparameterised gradient.

use crate::dist::Distribution;
use crate::model::LatentModel;
use crate::optim::held;
use pullback::{Key, Keys, Tensor, vmap};

/// `Σ w̃_i² log w_i` with `w̃` and the proposal's parameters inside its density held constant: its gradient in the
/// proposal's parameters is DReG's, `Σ w̃_i² (∂ log w_i / ∂z) (∂z / ∂φ)` (Tucker et al. 2019, equation 6).
///
/// Unbiased for the gradient of [`iwae`](crate::estimator::iwae) in the proposal; the signal-to-noise ratio grows as
/// `√k`, where that of the plain gradient falls. Zero where the proposal is the posterior. The model's parameters are
/// held constant, and the value means nothing.
///
/// # Shapes
/// `x: [d]`, `keys: [k]`, result `[]`.
///
/// ```
/// use latents::estimator::dreg_encoder;
/// use latents::model::Vae;
/// use latents::nn::GaussianNet;
/// use latents::optim::global_norm;
/// use pullback::{DType, Key, Tensor, grad};
/// let vae = Vae::new(Key::new(0), 2, 3, &[4], DType::F64);
/// let x = Tensor::from([0.3f64, -1.0]);
/// let slope = |vae: Vae| dreg_encoder(Key::new(1).split_n(5), &x, &vae);
/// let g = grad(slope).call(vae);
/// assert!(global_norm(&g.encoder).item::<f64>()? > 0.0);
/// assert_eq!(global_norm(&g.decoder).item::<f64>()?, 0.0);
/// # Ok::<(), pullback::Error>(())
/// ```
#[track_caller]
pub fn dreg_encoder<M: LatentModel>(keys: Keys, x: &Tensor, model: &M) -> Tensor {
    let q = model.proposal(x);
    let (fixed, fixed_q) = (held(model), held(&q));
    let one = |key: Key| {
        let z = q.sample(key);
        fixed.log_joint(x, &z) - fixed_q.log_prob(&z)
    };
    let log_w = vmap(one).call(keys);
    let share = log_w.stop_gradient().softmax(0);
    (share.square() * log_w).sum()
}

/// `L_k` whose gradient is DReG's in the proposal's parameters and the plain one, `Σ w̃_i ∇ log p(x, z_i)`, in the
/// model's (Tucker et al. 2019, section 4).
///
/// # Shapes
/// `keys: [k]`, `x: [d]`, result `[]`.
///
/// ```
/// use latents::estimator::{dreg, iwae};
/// use latents::model::Vae;
/// use pullback::{DType, Key, Tensor};
/// let vae = Vae::new(Key::new(0), 2, 3, &[4], DType::F64);
/// let x = Tensor::from([0.3f64, -1.0]);
/// let keys = || Key::new(1).split_n(5);
/// let same = dreg(keys(), &x, &vae).item::<f64>()? - iwae(keys(), &x, &vae).item::<f64>()?;
/// assert!(same.abs() < 1e-12);
/// # Ok::<(), pullback::Error>(())
/// ```
#[track_caller]
pub fn dreg<M: LatentModel>(keys: Keys, x: &Tensor, model: &M) -> Tensor {
    let q = model.proposal(x);
    let (fixed, fixed_q) = (held(model), held(&q));
    let one = |key: Key| {
        let z = q.sample(key);
        let through_z = fixed.log_joint(x, &z) - fixed_q.log_prob(&z);
        (through_z, model.log_joint(x, &z.stop_gradient()))
    };
    let (log_w, log_joint) = vmap(one).call(keys);
    let value = log_w.log_mean_exp(0).stop_gradient();
    let share = log_w.stop_gradient().softmax(0);
    let slopes = (share.square() * log_w).sum() + (share * log_joint).sum();
    value + (&slopes - slopes.stop_gradient())
}
