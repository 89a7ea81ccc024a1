//! Independent truth values.

use crate::dist::Distribution;
use pullback::{Key, Tensor, Tree};

/// Independent 0s and 1s with `P(x_i = 1) = 1 / (1 + e^-l_i)`.
///
/// `log p(x) = Σ x_i l_i - log(1 + e^l_i)`, which no logit makes infinite. Draws are not differentiable.
///
/// ```
/// use latents::dist::{Bernoulli, Distribution};
/// use pullback::Tensor;
/// let p = Bernoulli { logits: Tensor::from([0.0f64, 3.0f64.ln()]) };
/// let both = p.log_prob(&Tensor::from([1.0f64, 1.0])).item::<f64>()?;
/// assert!((both.exp() - 0.5 * 0.75).abs() < 1e-12);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Debug, Tree)]
pub struct Bernoulli {
    /// `[d]`.
    pub logits: Tensor,
}

impl Distribution for Bernoulli {
    #[track_caller]
    fn sample(&self, key: Key) -> Tensor {
        key.bernoulli_of(&self.logits.sigmoid()).cast(self.logits.dtype())
    }

    #[track_caller]
    fn log_prob(&self, x: &Tensor) -> Tensor {
        (x * &self.logits - self.logits.softplus()).sum()
    }
}
