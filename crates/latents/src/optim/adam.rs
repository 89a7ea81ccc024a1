//! Adam.

use crate::optim::{Schedule, zip, zip3};
use pullback::{Tensor, Tree, map_leaves};

/// Adam (Kingma & Ba 2015, algorithm 1).
///
/// `m ← β1 m + (1-β1) g`, `v ← β2 v + (1-β2) g²`, `θ ← θ - rate · (m / (1-β1^t)) / (√(v / (1-β2^t)) + ε)`.
///
/// ```
/// use latents::optim::{Adam, Schedule};
/// use pullback::{Tensor, grad, jit};
/// let adam = Adam::new(Schedule::Constant(0.1));
/// let step = jit(|x: Tensor, state| {
///     let g = grad(|x: Tensor| (x - 3.0).square().sum()).call(x.clone());
///     adam.update(&x, &g, &state)
/// });
/// let mut x = Tensor::from([0.0f32]);
/// let mut state = adam.init(&x);
/// for _ in 0..200 {
///     (x, state) = step.call((x, state))?;
/// }
/// assert!((x.to_vec::<f32>()?[0] - 3.0).abs() < 0.01);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    /// The rate at each step.
    pub rate: Schedule,
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of their squares.
    pub beta2: f64,
    /// Keeps the quotient finite.
    pub epsilon: f64,
}

/// What Adam remembers.
#[derive(Clone, Debug, Tree)]
pub struct AdamState<P> {
    /// Updates so far; i32 `[]`.
    pub step: Tensor,
    /// The running mean of gradients.
    pub m: P,
    /// The running mean of their squares.
    pub v: P,
}

impl Adam {
    /// With the paper's `β1 = 0.9`, `β2 = 0.999`, `ε = 1e-8`.
    pub fn new(rate: Schedule) -> Adam {
        Adam { rate, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }

    /// The state before the first update.
    #[track_caller]
    pub fn init<P: Tree>(&self, params: &P) -> AdamState<P> {
        let zeros = || map_leaves(params, |leaf| leaf.tensor.zeros_like());
        AdamState { step: Tensor::scalar(0i32), m: zeros(), v: zeros() }
    }

    /// One update of the parameters and of the state.
    #[track_caller]
    pub fn update<P: Tree>(&self, params: &P, gradients: &P, state: &AdamState<P>) -> (P, AdamState<P>) {
        self.update_where(None, params, gradients, state)
    }

    /// [`Adam::update`] where `moves` is true; where it is false everything stays, whatever the gradients are.
    ///
    /// The choice is among the numbers of the recursion, so that all elements are gone through once.
    #[track_caller]
    pub(crate) fn update_where<P: Tree>(
        &self,
        moves: Option<&Tensor>,
        params: &P,
        gradients: &P,
        state: &AdamState<P>,
    ) -> (P, AdamState<P>) {
        let choose = |new: Tensor, still: f64| moves.map_or_else(|| new.clone(), |moves| moves.select(&new, still));
        let number = |x: f64, still: f64, like: &Tensor| choose(Tensor::full(x, like.dtype(), []), still);
        // A gradient that is not finite must not even be multiplied by 0.
        let gradients = map_leaves(gradients, |g| choose(g.tensor, 0.0));
        let m = zip(&state.m, &gradients, |m, g| m * number(self.beta1, 1.0, m) + g * number(1.0 - self.beta1, 0.0, m));
        let v = zip(&state.v, &gradients, |v, g| {
            v * number(self.beta2, 1.0, v) + g.square() * number(1.0 - self.beta2, 0.0, v)
        });
        let rate = self.rate.at(&state.step);
        let next = &state.step + 1;
        let t = next.cast(rate.dtype());
        // 1 - β^t, exact also for small t.
        let correction = |beta: f64| -(&t * beta.ln()).expm1();
        let (c1, c2) = (correction(self.beta1), correction(self.beta2));
        let scale = choose(&rate / c1, 0.0);
        let unit = c2.rsqrt();
        let params = zip3(params, &m, &v, |p, m, v| {
            let (scale, unit) = (scale.cast(p.dtype()), unit.cast(p.dtype()));
            p - m * scale / (v.sqrt() * unit + self.epsilon)
        });
        let step = moves.map_or_else(|| next.clone(), |moves| moves.select(&next, &state.step));
        (params, AdamState { step, m, v })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_recursion_written_out() {
        let adam = Adam::new(Schedule::Constant(0.01));
        let mut x = Tensor::from([1.0f64]);
        let mut state = adam.init(&x);
        let (mut y, mut m, mut v) = (1.0f64, 0.0f64, 0.0f64);
        for t in 1..=20 {
            let g = y.cos() + 0.3 * f64::from(t);
            (x, state) = adam.update(&x, &Tensor::from([g]), &state);
            m = 0.9 * m + 0.1 * g;
            v = 0.999 * v + 0.001 * g * g;
            y -= 0.01 * (m / (1.0 - 0.9f64.powi(t))) / ((v / (1.0 - 0.999f64.powi(t))).sqrt() + 1e-8);
            assert!((x.to_vec::<f64>().unwrap()[0] - y).abs() < 1e-7);
            // The rate's own arithmetic is f32: go on from the same point.
            x = Tensor::from([y]);
        }
    }
}
