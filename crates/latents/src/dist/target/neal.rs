//! Neal's ten-dimensional funnel.

use crate::dist::LOG_2PI;
use crate::dist::target::{Target, coordinate, normal_log_prob};
use pullback::{DType, Key, Tensor};

/// `v ~ N(0, 9)`, nine `x_i ~ N(0, e^v)` (Neal 2003, section 8).
///
/// Coordinates are `(x_1, v, x_2, …, x_9)`: the first two are those that a picture shows.
///
/// ```
/// use latents::dist::{Target, target::NealFunnel};
/// use pullback::Tensor;
/// let at_0 = NealFunnel.log_density(&Tensor::from([0.0f64; 10])).item::<f64>()?;
/// assert!((at_0 + 5.0 * (2.0 * std::f64::consts::PI).ln() + 3.0f64.ln()).abs() < 1e-12);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct NealFunnel;

/// How many `x_i`.
const WIDTH: usize = 9;
/// The standard deviation of `v`.
const SD: f64 = 3.0;

impl Target for NealFunnel {
    fn name(&self) -> &str {
        "neal"
    }
    fn dim(&self) -> usize {
        WIDTH + 1
    }
    fn log_density(&self, x: &Tensor) -> Tensor {
        let v = coordinate(x, 1);
        let others = Tensor::concat(&[&x.slice(0, 0, 1), &x.slice(0, 2, WIDTH + 1)], 0);
        let squares = (others * (&v * -0.5).exp()).square().sum();
        let across = (squares + &v * WIDTH as f64) * -0.5 - 0.5 * WIDTH as f64 * LOG_2PI;
        across + normal_log_prob(&v, 0.0, SD)
    }
    fn log_normalizer(&self) -> Option<f64> {
        Some(0.0)
    }
    fn sample(&self, key: Key, dtype: DType) -> Option<Tensor> {
        let e = key.normal([WIDTH + 1], dtype);
        let v = coordinate(&e, 1) * SD;
        let others = &e * (&v * 0.5).exp();
        let v = v.broadcast_to([1]);
        Some(Tensor::concat(&[&others.slice(0, 0, 1), &v, &others.slice(0, 2, WIDTH + 1)], 0))
    }
    fn bounds(&self) -> [(f64, f64); 2] {
        [(-8.0, 8.0), (-9.0, 6.0)]
    }
}
