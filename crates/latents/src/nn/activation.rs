//! Pointwise nonlinearities.

use pullback::{Tensor, Tree};
use serde::{Deserialize, Serialize};

/// A pointwise nonlinearity between layers.
///
/// ```
/// use latents::nn::Activation;
/// use pullback::Tensor;
/// let x = Tensor::from([-1.0f64, 2.0]);
/// assert_eq!(Activation::Relu.at(&x).to_vec::<f64>()?, [0.0, 2.0]);
/// assert_eq!(Activation::Identity.at(&x).to_vec::<f64>()?, [-1.0, 2.0]);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Tree, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// `tanh x`.
    #[default]
    Tanh,
    /// `max(0, x)`.
    Relu,
    /// `log(1 + e^x)`.
    Softplus,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// `x / (1 + e^-x)` (Hendrycks & Gimpel 2016; Ramachandran et al. 2017).
    Silu,
    /// `x`.
    Identity,
}

impl Activation {
    /// The function of each element.
    #[track_caller]
    pub fn at(self, x: &Tensor) -> Tensor {
        match self {
            Activation::Tanh => x.tanh(),
            Activation::Relu => x.relu(),
            Activation::Softplus => x.softplus(),
            Activation::Sigmoid => x.sigmoid(),
            Activation::Silu => x * x.sigmoid(),
            Activation::Identity => x.clone(),
        }
    }
}
