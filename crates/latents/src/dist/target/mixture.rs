//! Gaussians on a circle.

use crate::dist::target::{Target, coordinate, normal_log_prob};
use pullback::{DType, Key, Tensor};

/// Eight Gaussians of standard deviation 0.4, equally weighted, on a circle of radius 3.
///
/// ```
/// use latents::dist::{Target, target::Mixture};
/// use pullback::Tensor;
/// let at = |x: [f64; 2]| Mixture.log_density(&Tensor::from(x)).item::<f64>();
/// assert!((at([3.0, 0.0])? - at([0.0, 3.0])?).abs() < 1e-12);
/// assert!(at([3.0, 0.0])? > at([0.0, 0.0])? + 20.0);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Mixture;

/// How many.
const PARTS: usize = 8;
/// Of the circle.
const RADIUS: f64 = 3.0;
/// Of each.
const SD: f64 = 0.4;

impl Target for Mixture {
    fn name(&self) -> &str {
        "mixture"
    }
    fn dim(&self) -> usize {
        2
    }
    fn log_density(&self, x: &Tensor) -> Tensor {
        let (x0, x1) = (coordinate(x, 0), coordinate(x, 1));
        let angle = Tensor::arange(PARTS, x.dtype()) * (std::f64::consts::TAU / PARTS as f64);
        let off0 = x0 - angle.cos() * RADIUS;
        let off1 = x1 - angle.sin() * RADIUS;
        (normal_log_prob(&off0, 0.0, SD) + normal_log_prob(&off1, 0.0, SD)).log_mean_exp(0)
    }
    fn log_normalizer(&self) -> Option<f64> {
        Some(0.0)
    }
    fn sample(&self, key: Key, dtype: DType) -> Option<Tensor> {
        let (part, noise) = key.split();
        let angle = part.randint(0, PARTS as i32, []).cast(dtype) * (std::f64::consts::TAU / PARTS as f64);
        let centre = Tensor::stack(&[&angle.cos(), &angle.sin()], 0) * RADIUS;
        Some(centre + noise.normal([2], dtype) * SD)
    }
    fn bounds(&self) -> [(f64, f64); 2] {
        [(-5.0, 5.0), (-5.0, 5.0)]
    }
}
