//! A ring.

use crate::dist::target::Target;
use pullback::{DType, Key, Tensor};

/// `e^(-(|x| - 2)² / (2·0.3²))`, not normalised: a ring of radius 2 and width 0.3.
///
/// Its normaliser is `2π (s² e^(-r²/(2s²)) + r s √(2π) Φ(r/s))`. The draw takes the radius from `N(2, 0.3²)` weighted
/// by the radius itself, among 32 candidates of which the first below a uniform height is kept.
///
/// ```
/// use latents::dist::{Target, target::Ring};
/// use pullback::Tensor;
/// assert_eq!(Ring.log_density(&Tensor::from([0.0f64, 2.0])).item::<f64>()?, 0.0);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Ring;

/// The radius.
const RADIUS: f64 = 2.0;
/// The width.
const SD: f64 = 0.3;

impl Target for Ring {
    fn name(&self) -> &str {
        "ring"
    }
    fn dim(&self) -> usize {
        2
    }
    fn log_density(&self, x: &Tensor) -> Tensor {
        // hypot by scaling would be exact at 0, where the gradient has no direction; the small number gives it none.
        let radius = (x.square().sum() + 1e-12).sqrt();
        ((radius - RADIUS) / SD).square() * -0.5
    }
    fn log_normalizer(&self) -> Option<f64> {
        // Φ(r/s) = Φ(6.67) is 1 to 1e-11 and the exponential below 3e-10: both are written out all the same.
        let ratio = RADIUS / SD;
        let upper_tail = 1.308e-11;
        let whole =
            SD * SD * (-0.5 * ratio * ratio).exp() + RADIUS * SD * std::f64::consts::TAU.sqrt() * (1.0 - upper_tail);
        Some((std::f64::consts::TAU * whole).ln())
    }
    fn sample(&self, key: Key, dtype: DType) -> Option<Tensor> {
        const CANDIDATES: usize = 32;
        let (angle, radius, height) = key.split3();
        let r = radius.normal([CANDIDATES], dtype) * SD + RADIUS;
        // A radius beyond twice the ring's own lies 6.7 standard deviations out.
        let kept = height.uniform([CANDIDATES], dtype).lt(&(&r / (2.0 * RADIUS)));
        let before = kept.cast(DType::I32).cumsum(0) - kept.cast(DType::I32);
        let first = kept.and(before.eq(0)).cast(dtype);
        let r = (first * r).sum();
        let angle = angle.uniform([], dtype) * std::f64::consts::TAU;
        Some(Tensor::stack(&[&(&r * angle.cos()), &(&r * angle.sin())], 0))
    }
    fn bounds(&self) -> [(f64, f64); 2] {
        [(-4.0, 4.0), (-4.0, 4.0)]
    }
}
