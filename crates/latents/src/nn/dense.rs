//! The affine layer.

use crate::nn::Init;
use pullback::{DType, Key, Tensor, Tree};

/// An affine layer `x W + b`.
///
/// ```
/// use latents::nn::Dense;
/// use pullback::Tensor;
/// let layer = Dense { w: Tensor::from([[1.0f64, 2.0], [3.0, 4.0]]), b: Tensor::from([0.5f64, 0.0]) };
/// assert_eq!(layer.at(&Tensor::from([1.0f64, 1.0])).to_vec::<f64>()?, [4.5, 6.0]);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Debug, Tree)]
pub struct Dense {
    /// `[in, out]`.
    pub w: Tensor,
    /// `[out]`.
    pub b: Tensor,
}

impl Dense {
    /// A layer with fresh weights.
    #[track_caller]
    pub fn new(key: Key, inputs: usize, outputs: usize, init: Init, dtype: DType) -> Dense {
        let (w, b) = key.split();
        Dense { w: init.weights(w, inputs, outputs, dtype), b: init.biases(b, inputs, outputs, dtype) }
    }

    /// The layer's value.
    ///
    /// # Shapes
    /// `x: [in]`, result `[out]`.
    #[track_caller]
    pub fn at(&self, x: &Tensor) -> Tensor {
        x.dot(&self.w) + &self.b
    }
}
