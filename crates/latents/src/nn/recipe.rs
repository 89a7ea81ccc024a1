//! What every layer of a network is made with.

use crate::nn::{Activation, Dense, GaussianNet, Init, LOGVAR_BOUND};
use pullback::{DType, Key, Tensor, Tree};

/// An activation, an initialiser and an element type: what the networks of a model share.
///
/// ```
/// use latents::nn::{Activation, Init, Recipe};
/// use pullback::{DType, Key, Tensor};
/// let recipe = Recipe { activation: Activation::Relu, init: Init::HeNormal, dtype: DType::F32 };
/// let net = recipe.gaussian_net(Key::new(0), 3, &[8], 2);
/// assert_eq!(net.at(&Tensor::from([1.0f32, 0.0, 2.0])).mean.shape().known(), Some(vec![2]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// After each hidden layer.
    pub activation: Activation,
    /// How weights begin.
    pub init: Init,
    /// Of the weights.
    pub dtype: DType,
}

impl Recipe {
    /// One affine layer.
    #[track_caller]
    pub fn dense(&self, key: Key, inputs: usize, outputs: usize) -> Dense {
        Dense::new(key, inputs, outputs, self.init, self.dtype)
    }

    /// Hidden layers and the size of the last, or `inputs` where there is none.
    #[track_caller]
    pub fn hidden(&self, key: Key, inputs: usize, sizes: &[usize]) -> Hidden {
        let mut layers = Vec::new();
        let (mut key, mut width) = (key, inputs);
        for &n in sizes {
            let (here, rest) = key.split();
            layers.push(self.dense(here, width, n));
            (key, width) = (rest, n);
        }
        Hidden { layers, activation: self.activation, width }
    }

    /// A network from `inputs` to a Gaussian over `outputs` numbers, its log-variance within [`LOGVAR_BOUND`].
    #[track_caller]
    pub fn gaussian_net(&self, key: Key, inputs: usize, hidden: &[usize], outputs: usize) -> GaussianNet {
        let (mean, logvar, key) = key.split3();
        let Hidden { layers, activation, width } = self.hidden(key, inputs, hidden);
        GaussianNet {
            hidden: layers,
            mean: self.dense(mean, width, outputs),
            logvar: self.dense(logvar, width, outputs),
            activation,
            bound: Some(LOGVAR_BOUND),
        }
    }
}

/// Hidden layers, the activation after each.
#[derive(Clone, Debug, Tree)]
pub struct Hidden {
    /// In order.
    pub layers: Vec<Dense>,
    /// After each.
    pub activation: Activation,
    /// How many numbers come out.
    pub width: usize,
}

impl Hidden {
    /// The last layer's value.
    ///
    /// # Shapes
    /// `x: [in]`, result `[width]`.
    #[track_caller]
    pub fn at(&self, x: &Tensor) -> Tensor {
        self.layers.iter().fold(x.clone(), |h, layer| self.activation.at(&layer.at(&h)))
    }
}
