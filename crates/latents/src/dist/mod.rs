//! Distributions of one example, and the targets that a model can be matched to.

mod bernoulli;
mod diagonal_gaussian;
mod mixed;
mod standard_normal;
pub mod target;

pub use bernoulli::Bernoulli;
pub use diagonal_gaussian::DiagonalGaussian;
pub(crate) use mixed::columns_of;
pub use mixed::{Component, Mixed, Part};
pub use standard_normal::StandardNormal;
pub use target::{Custom, TARGETS, Target, TargetRow, target};

use pullback::{Key, Tensor};

/// A distribution of one example.
pub trait Distribution {
    /// One draw; differentiable in the distribution's parameters where the distribution is continuous.
    fn sample(&self, key: Key) -> Tensor;

    /// The log density (or log probability) of one example.
    ///
    /// # Shapes
    /// `x` as [`Distribution::sample`] gives it, result `[]`.
    fn log_prob(&self, x: &Tensor) -> Tensor;
}

/// `log 2π`.
pub(crate) const LOG_2PI: f64 = 1.837_877_066_409_345_3;
