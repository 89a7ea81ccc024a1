//! A correlated Gaussian.

use crate::dist::LOG_2PI;
use crate::dist::target::{Target, coordinate};
use pullback::{DType, Key, Tensor};

/// Two standard normal coordinates with correlation `r = 0.8`:
/// `log p(x) = -(x0² - 2 r x0 x1 + x1²) / (2 (1 - r²)) - log 2π - ½ log(1 - r²)`.
///
/// ```
/// use latents::dist::{Target, target::Gaussian};
/// use pullback::Tensor;
/// let along = Gaussian.log_density(&Tensor::from([1.0f64, 1.0])).item::<f64>()?;
/// let across = Gaussian.log_density(&Tensor::from([1.0f64, -1.0])).item::<f64>()?;
/// assert!((along - across - (5.0 - 1.0 / 1.8)).abs() < 1e-12);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Gaussian;

/// The correlation.
const R: f64 = 0.8;

impl Target for Gaussian {
    fn name(&self) -> &str {
        "gaussian"
    }
    fn dim(&self) -> usize {
        2
    }
    fn log_density(&self, x: &Tensor) -> Tensor {
        let (x0, x1) = (coordinate(x, 0), coordinate(x, 1));
        let rest = 1.0 - R * R;
        (&x1 - &x0 * R).square() * (-0.5 / rest) - x0.square() * 0.5 - (LOG_2PI + 0.5 * rest.ln())
    }
    fn log_normalizer(&self) -> Option<f64> {
        Some(0.0)
    }
    fn sample(&self, key: Key, dtype: DType) -> Option<Tensor> {
        let e = key.normal([2], dtype);
        let x0 = coordinate(&e, 0);
        let x1 = &x0 * R + coordinate(&e, 1) * (1.0 - R * R).sqrt();
        Some(Tensor::stack(&[&x0, &x1], 0))
    }
    fn bounds(&self) -> [(f64, f64); 2] {
        [(-4.0, 4.0), (-4.0, 4.0)]
    }
}
