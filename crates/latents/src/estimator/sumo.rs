//! SUMO: an unbiased estimator of `log p(x)` by a randomised number of samples.

use crate::estimator::{Tail, log_weights};
use crate::model::LatentModel;
use pullback::{Key, Tensor};

/// Numbers that SUMO cannot be made of.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum SumoError {
    /// `L_0` is no estimate.
    #[error("SUMO's min_terms is 0; it must be at least 1")]
    MinTerms,
    /// `J` is at least 1.
    #[error("SUMO's cap is 0; it must be at least 1")]
    Cap,
    /// A tail without a beginning.
    #[error("SUMO's tail has alpha = 0; it must be at least 1")]
    Alpha,
    /// A tail that does not decay, or ends at once.
    #[error("SUMO's tail has b = {0}; it must be above 0 and below 1")]
    Decay(f64),
}

/// The stochastically unbiased marginalisation objective (Luo et al. 2020, equation 7).
///
/// `SUMO = L_m + Σ_{j=1..J} (L_{m+j} - L_{m+j-1}) / S(j)`, `S(j) = P(J ≥ j)`, by `m + J` samples. Each example has its
/// own `J`, drawn anew at every call; under `vmap` the samples of all examples are laid end to end, and one compiled
/// program serves every draw.
///
/// Unbiased for `log p(x)`. Its cost is finite and **its variance infinite in the limit**: `E (L_k - L_{k-1})²` is
/// about `v/k²`, so no tail makes both finite. Averages converge, slowly and with rare outliers; a normal confidence
/// interval is not to be trusted. With a cap, `J' = min(J, cap)` is bounded, the variance finite, and the estimator
/// **unbiased for `IWAE_{m+cap}`**, a lower bound of `log p(x)`.
///
/// ```
/// use latents::estimator::Sumo;
/// use pullback::Tensor;
/// // m = 1, J = 2: L_1 + (L_2 - L_1) / 1 + (L_3 - L_2) · 2.
/// let sumo = Sumo { min_terms: 1, ..Sumo::default() };
/// let log_w = Tensor::from([0.0f64, 3.0f64.ln(), 5.0f64.ln()]);
/// let found = sumo.of(&log_w, &Tensor::scalar(3i32)).item::<f64>()?;
/// let (l1, l2, l3) = (0.0, 2.0f64.ln(), 3.0f64.ln());
/// assert!((found - (l1 + (l2 - l1) + (l3 - l2) * 2.0)).abs() < 1e-14);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sumo {
    /// `m ≥ 1`: samples that are always drawn.
    pub min_terms: u32,
    /// The law of `J`.
    pub tail: Tail,
    /// The greatest `J`; `None` for the unbiased estimator.
    pub cap: Option<u32>,
}

impl Default for Sumo {
    /// `m = 4`, the paper's tail, no cap.
    fn default() -> Sumo {
        Sumo { min_terms: 4, tail: Tail::default(), cap: None }
    }
}

impl Sumo {
    /// Whether its numbers are in range.
    ///
    /// # Errors
    /// [`SumoError`] for the first that is not.
    pub fn check(&self) -> Result<(), SumoError> {
        if self.min_terms == 0 {
            return Err(SumoError::MinTerms);
        }
        if self.cap == Some(0) {
            return Err(SumoError::Cap);
        }
        self.tail.check()
    }

    /// How many samples to draw, `m + J`.
    ///
    /// # Shapes
    /// Result `i32 []`.
    #[track_caller]
    pub fn count(&self, key: Key) -> Tensor {
        let j = self.tail.sample(key);
        let j = self.cap.map_or_else(|| j.clone(), |cap| j.minimum(cap));
        j + self.min_terms as i32
    }

    /// SUMO of the log-weights of `count = m + J` samples.
    ///
    /// # Shapes
    /// `log_weights: [count]`, `count: i32 []`, result `[]`.
    #[track_caller]
    pub fn of(&self, log_weights: &Tensor, count: &Tensor) -> Tensor {
        let k = (count.rows() + 1).cast(log_weights.dtype());
        let m = f64::from(self.min_terms);
        // log Σ_{i≤k} w_i, and before it the sum of one sample less. The increments are taken as
        // softplus(log w_k - log Σ_{i<k} w_i) - log(k / (k-1)): as differences of L they would cancel.
        let sums = log_weights.logcumsumexp(0);
        let before = sums.shift(0, false);
        let j = &k - m;
        let later = j.gt(0.0);
        // Positions up to m take part only through L_m: their arguments are kept finite.
        let excess = later.select(&(log_weights - before), 0.0);
        let one_less = (&k - 1.0).maximum(1.0);
        let increments = excess.softplus() - (1.0 / one_less).log1p();
        let first = k.eq(m).select(&(&sums - m.ln()), 0.0).sum();
        first + later.select(&(increments * self.tail.weight(&j)), 0.0).sum()
    }

    /// SUMO of one example, and how many samples it drew.
    ///
    /// # Shapes
    /// `x: [d]`; results `[]` and `i32 []`.
    ///
    /// ```
    /// use latents::estimator::Sumo;
    /// use latents::model::Vae;
    /// use pullback::{DType, Key, Tensor, vmap};
    /// let vae = Vae::new(Key::new(0), 2, 3, &[4], DType::F32);
    /// let xs = Tensor::from([[0.3f32, -1.0], [0.0, 0.5], [1.0, 1.0]]);
    /// let each = |key: Key, x: Tensor| Sumo::default().at(key, &x, &vae);
    /// let (values, counts) = vmap(each).call((Key::new(1).split_n(3), xs));
    /// assert_eq!(values.shape().known(), Some(vec![3]));
    /// assert!(counts.to_vec::<i32>()?.iter().all(|&n| n >= 5), "m + J, each its own");
    /// # Ok::<(), pullback::Error>(())
    /// ```
    #[track_caller]
    pub fn at<M: LatentModel>(&self, key: Key, x: &Tensor, model: &M) -> (Tensor, Tensor) {
        let (stop, samples) = key.split();
        let count = self.count(stop);
        let log_w = log_weights(samples.split_rows(&count), x, model);
        (self.of(&log_w, &count), count)
    }
}
