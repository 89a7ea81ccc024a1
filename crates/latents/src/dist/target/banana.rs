//! A Gaussian bent along a parabola.

use crate::dist::target::{Target, coordinate, normal_log_prob};
use pullback::{DType, Key, Tensor};

/// `x0 ~ N(0, 2²)`, `x1 ~ N(x0² / 4, 0.5²)`: the twisted Gaussian of Haario et al. (1999).
///
/// ```
/// use latents::dist::{Target, target::Banana};
/// use pullback::Tensor;
/// let on = Banana.log_density(&Tensor::from([2.0f64, 1.0])).item::<f64>()?;
/// let off = Banana.log_density(&Tensor::from([2.0f64, 0.0])).item::<f64>()?;
/// assert!((on - off - 2.0).abs() < 1e-12);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Banana;

/// The standard deviation along.
const ALONG: f64 = 2.0;
/// The standard deviation across.
const ACROSS: f64 = 0.5;
/// How much it is bent.
const BEND: f64 = 0.25;

impl Target for Banana {
    fn name(&self) -> &str {
        "banana"
    }
    fn dim(&self) -> usize {
        2
    }
    fn log_density(&self, x: &Tensor) -> Tensor {
        let (x0, x1) = (coordinate(x, 0), coordinate(x, 1));
        let off = x1 - x0.square() * BEND;
        normal_log_prob(&x0, 0.0, ALONG) + normal_log_prob(&off, 0.0, ACROSS)
    }
    fn log_normalizer(&self) -> Option<f64> {
        Some(0.0)
    }
    fn sample(&self, key: Key, dtype: DType) -> Option<Tensor> {
        let e = key.normal([2], dtype);
        let x0 = coordinate(&e, 0) * ALONG;
        let x1 = x0.square() * BEND + coordinate(&e, 1) * ACROSS;
        Some(Tensor::stack(&[&x0, &x1], 0))
    }
    fn bounds(&self) -> [(f64, f64); 2] {
        [(-6.0, 6.0), (-2.0, 8.0)]
    }
}
