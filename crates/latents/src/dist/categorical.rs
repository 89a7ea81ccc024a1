//! Independent choices among categories.

use crate::dist::Distribution;
use pullback::{Key, Tensor, Tree};

/// Independent choices with `P(x_i = j) = e^l_ij / Σ_j e^l_ij`; an example is the numbers of the categories, from 0.
///
/// Draws are not differentiable. A number that is no category has the log probability `-∞`.
///
/// ```
/// use latents::dist::{Categorical, Distribution};
/// use pullback::Tensor;
/// let p = Categorical { logits: Tensor::from([[0.0f64, 3.0f64.ln()], [0.0, 0.0]]) };
/// let at = p.log_prob(&Tensor::from([1.0f64, 0.0])).item::<f64>()?;
/// assert!((at.exp() - 0.75 * 0.5).abs() < 1e-12);
/// assert_eq!(p.log_prob(&Tensor::from([2.0f64, 0.0])).item::<f64>()?, f64::NEG_INFINITY);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Debug, Tree)]
pub struct Categorical {
    /// `[d, categories]`.
    pub logits: Tensor,
}

impl Categorical {
    /// The number of the likeliest category, the first among equals.
    ///
    /// # Shapes
    /// Result `[d]`.
    #[track_caller]
    pub fn mode(&self) -> Tensor {
        self.logits.argmax(1).cast(self.logits.dtype())
    }
}

impl Distribution for Categorical {
    #[track_caller]
    fn sample(&self, key: Key) -> Tensor {
        key.categorical(&self.logits).cast(self.logits.dtype())
    }

    #[track_caller]
    fn log_prob(&self, x: &Tensor) -> Tensor {
        let chosen = one_hot(x, &self.logits);
        let known = chosen.cast(self.logits.dtype()).reduce_sum(&[1]).gt(0.0);
        let logit = chosen.select(&self.logits, 0.0).reduce_sum(&[1]);
        known.select(&(logit - self.logits.logsumexp(1)), f64::NEG_INFINITY).sum()
    }
}

/// Whether a number is the place along the last axis of `like`.
///
/// # Shapes
/// `x: [d]`, `like: [d, n]`, result `bool [d, n]`.
#[track_caller]
pub(crate) fn one_hot(x: &Tensor, like: &Tensor) -> Tensor {
    x.unsqueeze(1).eq(Tensor::iota(like.shape(), 1, x.dtype()))
}
