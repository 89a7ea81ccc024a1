//! Independent counts.

use crate::dist::Distribution;
use pullback::{DType, Dim, Key, Tensor, Tree};

/// Independent counts with `P(x_i) = e^(x_i l_i - e^l_i) / x_i!`; mean and variance are `e^l_i`.
///
/// Draws are not differentiable. Rates below 10 are drawn by inversion, greater ones by the transformed rejection PTRS
/// (Hörmann 1993), in f64 whatever the type of the rate: exact but for a probability below 1e-14.
///
/// ```
/// use latents::dist::{Distribution, Poisson};
/// use pullback::Tensor;
/// let p = Poisson { log_rate: Tensor::from([2.0f64.ln()]) };
/// let at_3 = p.log_prob(&Tensor::from([3.0f64])).item::<f64>()?;
/// assert!((at_3.exp() - (-2.0f64).exp() * 8.0 / 6.0).abs() < 1e-12);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Debug, Tree)]
pub struct Poisson {
    /// `l`; `[d]`.
    pub log_rate: Tensor,
}

impl Distribution for Poisson {
    #[track_caller]
    fn sample(&self, key: Key) -> Tensor {
        poisson(key, &self.log_rate.exp()).cast(self.log_rate.dtype())
    }

    #[track_caller]
    fn log_prob(&self, x: &Tensor) -> Tensor {
        (x * &self.log_rate - self.log_rate.exp() - (x + 1.0).log_gamma()).sum()
    }
}

/// Rates from which a Poisson draw is made by rejection.
const LARGE: f64 = 10.0;

/// Poisson counts with those rates, in f64, without a loop whose length depends on the draw.
///
/// Inversion counts how many of the first 64 cumulative probabilities lie below a uniform number; what is beyond has a
/// probability below 1e-28. Of the 24 candidates of the rejection (Hörmann 1993, figure 3), drawn in advance, the first
/// that is accepted is taken. Each is with a probability of 0.75 or more, so that the chance that none is lies below 1e-14;
/// then the count is the whole part of the rate. In f64, for `x log λ - λ - log x!` is a difference of large numbers.
///
/// # Shapes
/// `rate: […]`, result `f64 […]`.
#[track_caller]
pub(crate) fn poisson(key: Key, rate: &Tensor) -> Tensor {
    let rate = rate.stop_gradient().cast(DType::F64);
    let (small, large) = key.split();
    let is_large = rate.ge(LARGE);
    // Each method runs at a rate of its own range where the other's count is taken.
    let by_inversion = inversion(small, &rate.minimum(LARGE));
    is_large.select(rejection(large, &rate.maximum(LARGE)), &by_inversion)
}

#[track_caller]
fn inversion(key: Key, rate: &Tensor) -> Tensor {
    const TERMS: usize = 64;
    let axis = rate.rank();
    let many = [rate.shape().dims(), &[Dim::Known(TERMS)]].concat();
    let k = Tensor::iota(many.clone(), axis, DType::F64);
    let spread = |t: &Tensor| t.unsqueeze(axis).broadcast_to(many.clone());
    let u = spread(&key.uniform(rate.shape(), DType::F64));
    // Rate 0 has log -∞ and 0 · -∞ at k = 0: the least positive number stands for it.
    let rate = spread(&rate.maximum(f64::MIN_POSITIVE));
    let below = (&k * rate.log() - &rate - (&k + 1.0).log_gamma()).exp().cumsum(axis);
    u.ge(&below).cast(DType::F64).reduce_sum(&[axis])
}

#[track_caller]
fn rejection(key: Key, rate: &Tensor) -> Tensor {
    const CANDIDATES: usize = 24;
    let (first, second) = key.split();
    let many = [&[Dim::Known(CANDIDATES)], rate.shape().dims()].concat();
    let rates = rate.broadcast_to(many.clone());
    let b = rates.sqrt() * 2.53 + 0.931;
    let a = &b * 0.02483 - 0.059;
    let inverse_alpha = 1.1328 / (&b - 3.4) + 1.1239;
    let v_r = 0.9277 - 3.6224 / (&b - 2.0);
    let u = first.uniform(many.clone(), DType::F64) - 0.5;
    let v = second.uniform(many, DType::F64);
    let us = 0.5 - u.abs();
    let k = ((&a * 2.0 / &us + &b) * &u + &rates + 0.43).floor();
    let at_once = us.ge(0.07).and(v.le(&v_r));
    let possible = k.ge(0.0).and(us.ge(0.013).or(v.le(&us)));
    let bound = &k * rates.log() - &rates - (k.maximum(0.0) + 1.0).log_gamma();
    let under = (&v * inverse_alpha / (&a / us.square() + &b)).log().le(&bound);
    let accepted = at_once.or(possible.and(under));
    let number = accepted.cast(DType::I32);
    let before = number.cumsum(0) - &number;
    let first = accepted.and(before.eq(0));
    let draw = first.select(&k, 0.0).reduce_sum(&[0]);
    number.reduce_sum(&[0]).gt(0).select(&draw, rate.floor())
}
