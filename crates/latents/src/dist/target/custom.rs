//! A target of the user's own.

use crate::dist::target::Target;
use pullback::{DType, Key, Tensor};

/// An unnormalised log density given as a closure of one example.
///
/// ```
/// use latents::dist::{Custom, Target};
/// use pullback::Tensor;
/// let well = Custom::new("double well", 2, |x: &Tensor| {
///     let s = x.square();
///     -(&s - 1.0).square().sum()
/// });
/// assert_eq!(well.log_density(&Tensor::from([1.0f64, -1.0])).item::<f64>()?, 0.0);
/// # Ok::<(), pullback::Error>(())
/// ```
pub struct Custom<F> {
    name: String,
    dim: usize,
    log_density: F,
    bounds: [(f64, f64); 2],
}

impl<F: Fn(&Tensor) -> Tensor + Send + Sync> Custom<F> {
    /// The target of `log_density: [dim] -> []`; a picture looks at ±4.
    pub fn new(name: impl Into<String>, dim: usize, log_density: F) -> Custom<F> {
        Custom { name: name.into(), dim, log_density, bounds: [(-4.0, 4.0); 2] }
    }

    /// The same target with another view for pictures.
    pub fn with_bounds(self, bounds: [(f64, f64); 2]) -> Custom<F> {
        Custom { bounds, ..self }
    }
}

impl<F: Fn(&Tensor) -> Tensor + Send + Sync> Target for Custom<F> {
    fn name(&self) -> &str {
        &self.name
    }
    fn dim(&self) -> usize {
        self.dim
    }
    fn log_density(&self, x: &Tensor) -> Tensor {
        (self.log_density)(x)
    }
    fn log_normalizer(&self) -> Option<f64> {
        None
    }
    fn sample(&self, _: Key, _: DType) -> Option<Tensor> {
        None
    }
    fn bounds(&self) -> [(f64, f64); 2] {
        self.bounds
    }
}
