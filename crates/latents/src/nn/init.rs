//! Initial weights.

use pullback::{DType, Key, Tensor, Tree};
use serde::{Deserialize, Serialize};

/// How a layer's weights are drawn; `n` is the number of inputs and `m` of outputs.
///
/// ```
/// use latents::nn::Init;
/// use pullback::{DType, Key};
/// let w = Init::GlorotUniform.weights(Key::new(0), 30, 20, DType::F64).to_vec::<f64>()?;
/// let limit = (6.0f64 / 50.0).sqrt();
/// assert_eq!(w.len(), 600);
/// assert!(w.iter().all(|w| w.abs() <= limit) && w.iter().any(|w| w.abs() > 0.9 * limit));
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Tree, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// Weights and biases uniform within `±1/√n`: what Neal's funnel is fitted with.
    #[default]
    FanIn,
    /// Uniform with variance `2/(n + m)` (Glorot & Bengio 2010); biases 0.
    GlorotUniform,
    /// Normal with variance `2/(n + m)` (Glorot & Bengio 2010); biases 0.
    GlorotNormal,
    /// Uniform with variance `2/n` (He et al. 2015); biases 0.
    HeUniform,
    /// Normal with variance `2/n` (He et al. 2015); biases 0.
    HeNormal,
    /// Uniform with variance `1/n` (LeCun et al. 1998); biases 0.
    LecunUniform,
    /// Normal with variance `1/n` (LeCun et al. 1998); biases 0.
    LecunNormal,
}

impl Init {
    /// The variance of one weight of a layer from `n` to `m`.
    pub fn variance(self, n: usize, m: usize) -> f64 {
        let (n, m) = (n.max(1) as f64, m as f64);
        match self {
            Init::FanIn => 1.0 / (3.0 * n),
            Init::GlorotUniform | Init::GlorotNormal => 2.0 / (n + m),
            Init::HeUniform | Init::HeNormal => 2.0 / n,
            Init::LecunUniform | Init::LecunNormal => 1.0 / n,
        }
    }

    /// The weights of a layer from `n` to `m`.
    ///
    /// # Shapes
    /// Result `[n, m]`.
    #[track_caller]
    pub fn weights(self, key: Key, n: usize, m: usize, dtype: DType) -> Tensor {
        let variance = self.variance(n, m);
        match self {
            Init::GlorotNormal | Init::HeNormal | Init::LecunNormal => key.normal([n, m], dtype) * variance.sqrt(),
            _ => within(key, &[n, m], (3.0 * variance).sqrt(), dtype),
        }
    }

    /// The biases of a layer from `n` to `m`.
    ///
    /// # Shapes
    /// Result `[m]`.
    #[track_caller]
    pub fn biases(self, key: Key, n: usize, m: usize, dtype: DType) -> Tensor {
        match self {
            Init::FanIn => within(key, &[m], 1.0 / (n.max(1) as f64).sqrt(), dtype),
            _ => Tensor::full(0.0, dtype, [m]),
        }
    }
}

/// Uniform on `[-limit, limit)`.
#[track_caller]
fn within(key: Key, shape: &[usize], limit: f64, dtype: DType) -> Tensor {
    let u = key.uniform(pullback::Shape::of(shape), dtype);
    (u * 2.0 - 1.0) * limit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_initialiser_has_its_variance() {
        for init in [
            Init::FanIn,
            Init::GlorotUniform,
            Init::GlorotNormal,
            Init::HeUniform,
            Init::HeNormal,
            Init::LecunUniform,
            Init::LecunNormal,
        ] {
            let w = init.weights(Key::new(3), 120, 80, DType::F64).to_vec::<f64>().unwrap();
            let variance = w.iter().map(|w| w * w).sum::<f64>() / w.len() as f64;
            assert!((variance / init.variance(120, 80) - 1.0).abs() < 0.05, "{init:?}: {variance}");
        }
    }
}
