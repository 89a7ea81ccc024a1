//! The stopping time of SUMO.

use crate::estimator::SumoError;
use pullback::{DType, Key, Tensor};

/// The law of SUMO's `J ≥ 1`: `S(j) = P(J ≥ j)` is `1/j` below `alpha` and `(1/alpha) (1-b)^(j-alpha)` from there on
/// (Luo et al. 2020, section 3.1).
///
/// ```
/// use latents::estimator::Tail;
/// use pullback::Tensor;
/// let tail = Tail::default();
/// assert_eq!((tail.survival(1), tail.survival(4), tail.survival(80)), (1.0, 0.25, 1.0 / 80.0));
/// // u = 1/3 is the edge of J ≥ 3, and belongs to it.
/// assert_eq!(tail.count_of(&Tensor::scalar(1.0f64 / 3.0)).item::<i32>()?, 3);
/// assert_eq!(tail.count_of(&Tensor::scalar(1.0f64)).item::<i32>()?, 1);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tail {
    /// Where the geometric decay begins.
    pub alpha: u32,
    /// The rate of that decay, in (0, 1).
    pub b: f64,
}

impl Default for Tail {
    /// `alpha = 80`, `b = 0.1`: `E[J] = 5.078`.
    fn default() -> Tail {
        Tail { alpha: 80, b: 0.1 }
    }
}

impl Tail {
    /// Whether it is a law.
    ///
    /// # Errors
    /// [`SumoError::Alpha`], [`SumoError::Decay`].
    pub fn check(&self) -> Result<(), SumoError> {
        match *self {
            Tail { alpha: 0, .. } => Err(SumoError::Alpha),
            Tail { b, .. } if !(b > 0.0 && b < 1.0) => Err(SumoError::Decay(b)),
            _ => Ok(()),
        }
    }

    /// `S(j) = P(J ≥ j)`.
    pub fn survival(&self, j: u32) -> f64 {
        if j < self.alpha.max(2) {
            1.0 / f64::from(j.max(1))
        } else {
            (1.0 - self.b).powf(f64::from(j - self.alpha)) / f64::from(self.alpha)
        }
    }

    /// `E[J] = Σ_{j≥1} S(j)`.
    pub fn mean(&self) -> f64 {
        let harmonic: f64 = (1..self.alpha).map(|j| 1.0 / f64::from(j)).sum();
        harmonic + 1.0 / (f64::from(self.alpha) * self.b)
    }

    /// `J` for a `u` that is uniform on (0, 1]: `⌊1/u⌋` if `u > 1/alpha`, else `alpha + ⌊log(alpha u) / log(1-b)⌋`.
    ///
    /// # Shapes
    /// `u: f64 […]`, result `i32 […]`.
    #[track_caller]
    pub fn count_of(&self, u: &Tensor) -> Tensor {
        let alpha = f64::from(self.alpha);
        // Each branch is kept on its own side of alpha, whatever the quotient rounds to, and is finite in the other.
        let harmonic = (1.0 / u).floor().minimum(alpha - 1.0);
        let decayed = (u * alpha).log() / (-self.b).ln_1p();
        let geometric = decayed.maximum(0.0).floor() + alpha;
        u.gt(1.0 / alpha).select(&harmonic, &geometric).cast(DType::I32)
    }

    /// A draw of `J`.
    ///
    /// # Shapes
    /// Result `i32 []`.
    #[track_caller]
    pub fn sample(&self, key: Key) -> Tensor {
        // f64 whatever the model's type: with f32 the law would end at j where S(j) falls below 2^-23. 1 - u is in (0, 1].
        self.count_of(&(1.0 - key.uniform([], DType::F64)))
    }

    /// `1 / S(j)` for each of some positions; 1 for those below 1.
    ///
    /// # Shapes
    /// `j: […]` a float, result `[…]`.
    #[track_caller]
    pub fn weight(&self, j: &Tensor) -> Tensor {
        let alpha = f64::from(self.alpha);
        let decay = ((j - alpha).maximum(0.0) * -(-self.b).ln_1p()).exp() * alpha;
        j.lt(alpha).select(j.maximum(1.0), decay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_is_the_sum_of_survivals() {
        let tail = Tail::default();
        let sum: f64 = (1..2000).map(|j| tail.survival(j)).sum();
        assert!((tail.mean() - sum).abs() < 1e-9);
        assert!((tail.mean() - 5.078).abs() < 5e-4);
    }

    #[test]
    fn edges_of_the_uniform_fall_where_the_law_says() {
        let tail = Tail::default();
        for j in 1..200u32 {
            // J ≥ j exactly where u ≤ S(j): just inside and just outside.
            let s = tail.survival(j);
            let count = |u: f64| tail.count_of(&Tensor::scalar(u)).item::<i32>().unwrap();
            assert!(count(s * (1.0 - 1e-12)) >= j as i32, "inside at {j}");
            if j > 1 {
                assert!(count(s * (1.0 + 1e-12)) < j as i32, "outside at {j}");
            }
        }
        assert_eq!(tail.count_of(&Tensor::scalar(1.0f64 / 80.0)).item::<i32>().unwrap(), 80);
        let least = tail.count_of(&Tensor::scalar(2f64.powi(-53))).item::<i32>().unwrap();
        assert!(least > 380 && least < 400, "{least}");
    }

    #[test]
    fn weights_are_reciprocal_survivals() {
        let tail = Tail::default();
        let j = Tensor::arange(300, DType::F64);
        for (j, w) in tail.weight(&j).to_vec::<f64>().unwrap().into_iter().enumerate().skip(1) {
            assert!((w * tail.survival(j as u32) - 1.0).abs() < 1e-12, "{j}");
        }
    }
}
