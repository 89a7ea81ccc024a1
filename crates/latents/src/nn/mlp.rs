//! A chain of hidden layers.

use crate::nn::{Activation, Dense, Init};
use pullback::{DType, Key, Tensor, Tree};

/// Dense layers with an activation after each but the last.
///
/// ```
/// use latents::nn::{Activation, Init, Mlp};
/// use pullback::{DType, Key, Tensor};
/// let net = Mlp::new(Key::new(0), &[3, 16, 2], Activation::Tanh, Init::GlorotUniform, DType::F32);
/// let y = net.at(&Tensor::from([1.0f32, 2.0, 3.0]));
/// assert_eq!(y.shape().known(), Some(vec![2]));
/// ```
#[derive(Clone, Debug, Tree)]
pub struct Mlp {
    /// The layers in order.
    pub layers: Vec<Dense>,
    /// What stands between them.
    pub activation: Activation,
}

impl Mlp {
    /// A network with those sizes, the input's first.
    #[track_caller]
    pub fn new(key: Key, sizes: &[usize], activation: Activation, init: Init, dtype: DType) -> Mlp {
        let mut key = key;
        let mut layers = Vec::new();
        for pair in sizes.windows(2) {
            let (here, rest) = key.split();
            layers.push(Dense::new(here, pair[0], pair[1], init, dtype));
            key = rest;
        }
        Mlp { layers, activation }
    }

    /// The network's value.
    ///
    /// # Shapes
    /// `x: [in]`, result `[out]`.
    #[track_caller]
    pub fn at(&self, x: &Tensor) -> Tensor {
        let last = self.layers.len().saturating_sub(1);
        self.layers.iter().enumerate().fold(x.clone(), |h, (i, layer)| {
            let y = layer.at(&h);
            if i < last { self.activation.at(&y) } else { y }
        })
    }
}
