//! Distributions of one example, and the targets that a model can be matched to.

mod bernoulli;
mod categorical;
mod diagonal_gaussian;
mod discretized_logistic;
mod full_gaussian;
mod gaussian_mixture;
mod mixed;
mod negative_binomial;
mod poisson;
mod standard_normal;
mod student_t;
pub mod target;

pub use bernoulli::Bernoulli;
pub use categorical::Categorical;
pub(crate) use categorical::one_hot;
pub use diagonal_gaussian::DiagonalGaussian;
pub use discretized_logistic::DiscretizedLogistic;
pub use full_gaussian::FullGaussian;
pub use gaussian_mixture::GaussianMixture;
pub(crate) use mixed::columns_of;
pub use mixed::{Component, Mixed, Part};
pub use negative_binomial::NegativeBinomial;
pub use poisson::Poisson;
pub use standard_normal::StandardNormal;
pub use student_t::StudentT;
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

/// `log π`.
pub(crate) const LOG_PI: f64 = 1.144_729_885_849_400_2;
