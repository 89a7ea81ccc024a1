//! Targets: log densities, normalised or not, that a model is matched to. One a file, one row of [`TARGETS`].

mod banana;
mod custom;
mod expression;
mod funnel;
mod gaussian;
mod mixture;
mod neal;
mod ring;

pub use banana::Banana;
pub use custom::Custom;
pub use expression::{Expression, ExpressionError, ExpressionFault, FUNCTIONS, FunctionRow, Sense};
pub use funnel::Funnel;
pub use gaussian::Gaussian;
pub use mixture::Mixture;
pub use neal::NealFunnel;
pub use ring::Ring;

use pullback::{DType, Key, Tensor};
use std::sync::Arc;

/// A log density of one example, up to a constant.
pub trait Target: Send + Sync {
    /// Its name on the command line.
    fn name(&self) -> &str;

    /// How many coordinates.
    fn dim(&self) -> usize;

    /// The log density, up to the constant [`Target::log_normalizer`].
    ///
    /// # Shapes
    /// `x: [dim]`, result `[]`.
    fn log_density(&self, x: &Tensor) -> Tensor;

    /// `log ∫ e^log_density`, where it is known: 0 for a density that is normalised.
    fn log_normalizer(&self) -> Option<f64>;

    /// An exact draw, where there is a sampler.
    ///
    /// # Shapes
    /// Result `[dim]`.
    fn sample(&self, key: Key, dtype: DType) -> Option<Tensor>;

    /// Where a picture of the first two coordinates looks: least and greatest of each.
    fn bounds(&self) -> [(f64, f64); 2];

    /// What those coordinates are called there.
    fn axes(&self) -> [String; 2] {
        ["x₀".to_owned(), "x₁".to_owned()]
    }
}

/// A named target.
pub struct TargetRow {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, for the help.
    pub about: &'static str,
    /// Makes it.
    pub new: fn() -> Arc<dyn Target>,
}

/// Every named target.
pub const TARGETS: &[TargetRow] = &[
    TargetRow {
        name: "funnel",
        about: "the 2-D funnel x0 ~ N(0, e^(2 x1)), x1 ~ N(0, 1.35²)",
        new: || Arc::new(Funnel),
    },
    TargetRow { name: "neal", about: "Neal's 10-D funnel v ~ N(0, 9), x_i ~ N(0, e^v)", new: || Arc::new(NealFunnel) },
    TargetRow { name: "gaussian", about: "a 2-D Gaussian with correlation 0.8", new: || Arc::new(Gaussian) },
    TargetRow { name: "banana", about: "a 2-D Gaussian bent along a parabola", new: || Arc::new(Banana) },
    TargetRow { name: "ring", about: "a 2-D ring of radius 2", new: || Arc::new(Ring) },
    TargetRow { name: "mixture", about: "eight 2-D Gaussians on a circle", new: || Arc::new(Mixture) },
];

/// The target of that name.
///
/// ```
/// use latents::dist::target;
/// assert_eq!(target("funnel").map(|t| t.dim()), Some(2));
/// assert!(target("funel").is_none());
/// ```
pub fn target(name: &str) -> Option<Arc<dyn Target>> {
    TARGETS.iter().find(|row| row.name == name).map(|row| (row.new)())
}

/// One coordinate of a vector, as a scalar.
#[track_caller]
pub(crate) fn coordinate(x: &Tensor, i: usize) -> Tensor {
    x.slice(0, i, i + 1).sum()
}

/// `-½ (log 2π + v + (x - m)² e^-v)` for a mean and a log-variance that are numbers.
#[track_caller]
pub(crate) fn normal_log_prob(x: &Tensor, mean: f64, sd: f64) -> Tensor {
    ((x - mean) / sd).square() * -0.5 - (0.5 * crate::dist::LOG_2PI + sd.ln())
}
