//! Stochastic gradient descent.

use crate::optim::{Schedule, zip};
use pullback::{Tensor, Tree, map_leaves};

/// Gradient descent with momentum: `u ← μ u + g`, `θ ← θ - rate · u` (Sutskever et al. 2013).
///
/// ```
/// use latents::optim::{Schedule, Sgd};
/// use pullback::Tensor;
/// let sgd = Sgd { rate: Schedule::Constant(0.5), momentum: 0.9 };
/// let x = Tensor::from([1.0f32]);
/// let (x, state) = sgd.update(&x, &Tensor::from([1.0f32]), &sgd.init(&x));
/// assert_eq!(x.to_vec::<f32>()?, [0.5]);
/// let (x, _) = sgd.update(&x, &Tensor::from([0.0f32]), &state);
/// assert!((x.to_vec::<f32>()?[0] - 0.05).abs() < 1e-6);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sgd {
    /// The rate at each step.
    pub rate: Schedule,
    /// `μ`; 0 for none.
    pub momentum: f64,
}

/// What gradient descent remembers.
#[derive(Clone, Debug, Tree)]
pub struct SgdState<P> {
    /// Updates so far; i32 `[]`.
    pub step: Tensor,
    /// The velocity `u`.
    pub velocity: P,
}

impl Sgd {
    /// The state before the first update.
    #[track_caller]
    pub fn init<P: Tree>(&self, params: &P) -> SgdState<P> {
        SgdState { step: Tensor::scalar(0i32), velocity: map_leaves(params, |leaf| leaf.tensor.zeros_like()) }
    }

    /// One update of the parameters and of the state.
    #[track_caller]
    pub fn update<P: Tree>(&self, params: &P, gradients: &P, state: &SgdState<P>) -> (P, SgdState<P>) {
        let velocity = zip(&state.velocity, gradients, |u, g| u * self.momentum + g);
        let rate = self.rate.at(&state.step);
        let params = zip(params, &velocity, |p, u| p - u * rate.cast(p.dtype()));
        (params, SgdState { step: &state.step + 1, velocity })
    }
}
