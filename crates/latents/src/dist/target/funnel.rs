//! The two-dimensional funnel.

use crate::dist::LOG_2PI;
use crate::dist::target::{Target, coordinate, normal_log_prob};
use pullback::{DType, Key, Tensor};

/// `x0 ~ N(0, e^(2 x1))`, `x1 ~ N(0, 1.35²)`: entropy 3.13798, mode (0, -1.8225) with density 0.2933.
///
/// ```
/// use latents::dist::{Target, target::Funnel};
/// use pullback::Tensor;
/// let top = Funnel.log_density(&Tensor::from([0.0f64, -1.8225])).item::<f64>()?;
/// assert!((top.exp() - 0.2933).abs() < 1e-4);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Funnel;

/// The standard deviation of `x1`.
const SD: f64 = 1.35;

impl Target for Funnel {
    fn name(&self) -> &str {
        "funnel"
    }
    fn dim(&self) -> usize {
        2
    }
    fn log_density(&self, x: &Tensor) -> Tensor {
        let (x0, x1) = (coordinate(x, 0), coordinate(x, 1));
        let across = (x0 * (-&x1).exp()).square() * -0.5 - &x1 - 0.5 * LOG_2PI;
        across + normal_log_prob(&x1, 0.0, SD)
    }
    fn log_normalizer(&self) -> Option<f64> {
        Some(0.0)
    }
    fn sample(&self, key: Key, dtype: DType) -> Option<Tensor> {
        let e = key.normal([2], dtype);
        let x1 = coordinate(&e, 1) * SD;
        let x0 = coordinate(&e, 0) * x1.exp();
        Some(Tensor::stack(&[&x0, &x1], 0))
    }
    fn bounds(&self) -> [(f64, f64); 2] {
        [(-5.0, 5.0), (-5.0, 3.0)]
    }
}
