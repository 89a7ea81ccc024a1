//! Sticking the landing: the path derivative.

use crate::dist::Distribution;
use crate::model::LatentModel;
use crate::optim::held;
use pullback::{Key, Tensor, vmap};

/// `L_k` whose gradient leaves out that of `log q(z|x)` in the proposal's parameters at fixed `z` (Roeder et al. 2017).
///
/// The value is that of [`iwae`](crate::estimator::iwae). For `k = 1`, the ELBO, the gradient is unbiased and has zero
/// variance where the proposal is the posterior; for `k > 1` it is **biased**: use [`dreg`](crate::estimator::dreg).
///
/// # Shapes
/// `x: [d]`, result `[]`.
///
/// ```
/// use latents::estimator::{iwae, stl};
/// use latents::model::Vae;
/// use pullback::{DType, Key, Tensor};
/// let vae = Vae::new(Key::new(0), 2, 3, &[4], DType::F64);
/// let x = Tensor::from([0.3f64, -1.0]);
/// let same = stl(Key::new(1), &x, &vae, 5).item::<f64>()? - iwae(Key::new(1), &x, &vae, 5).item::<f64>()?;
/// assert!(same.abs() < 1e-12);
/// # Ok::<(), pullback::Error>(())
/// ```
#[track_caller]
pub fn stl<M: LatentModel>(key: Key, x: &Tensor, model: &M, k: usize) -> Tensor {
    let one = |key: Key| {
        let q = model.proposal(x);
        let z = q.sample(key);
        model.log_joint(x, &z) - held(&q).log_prob(&z)
    };
    vmap(one).call(key.split_n(k)).log_mean_exp(0)
}
