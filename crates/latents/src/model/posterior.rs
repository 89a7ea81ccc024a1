//! What one stochastic layer is proposed from, given the one below it.

use crate::dist::{DiagonalGaussian, Distribution};
use crate::nn::{GaussianNet, Recipe};
use pullback::{Key, Tensor, Tree};
use serde::{Deserialize, Serialize};

/// Which covariance the proposal's layers have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Posterior {
    /// Independent coordinates.
    #[default]
    Diagonal,
}

/// A Gaussian of either covariance.
#[derive(Clone, Debug, Tree)]
pub enum Gaussian {
    /// Independent coordinates.
    Diagonal(DiagonalGaussian),
}

impl Gaussian {
    /// The mean.
    ///
    /// # Shapes
    /// Result `[d]`.
    pub fn mean(&self) -> &Tensor {
        match self {
            Gaussian::Diagonal(p) => &p.mean,
        }
    }

    /// The variance of each coordinate.
    ///
    /// # Shapes
    /// Result `[d]`.
    #[track_caller]
    pub fn variance(&self) -> Tensor {
        match self {
            Gaussian::Diagonal(p) => p.logvar.exp(),
        }
    }

    /// `KL(this ‖ N(0, I))`.
    ///
    /// # Shapes
    /// Result `[]`.
    #[track_caller]
    pub fn kl_to_standard_normal(&self) -> Tensor {
        match self {
            Gaussian::Diagonal(p) => p.kl_to_standard_normal(),
        }
    }
}

impl Distribution for Gaussian {
    #[track_caller]
    fn sample(&self, key: Key) -> Tensor {
        match self {
            Gaussian::Diagonal(p) => p.sample(key),
        }
    }

    #[track_caller]
    fn log_prob(&self, z: &Tensor) -> Tensor {
        match self {
            Gaussian::Diagonal(p) => p.log_prob(z),
        }
    }
}

/// A network whose value is a [`Gaussian`].
#[derive(Clone, Debug, Tree)]
pub struct PosteriorNet {
    /// Mean and log-variance.
    pub gaussian: GaussianNet,
}

impl PosteriorNet {
    /// A fresh network from `inputs` to a Gaussian over `outputs` numbers.
    #[track_caller]
    pub(crate) fn new(
        key: Key,
        posterior: Posterior,
        inputs: usize,
        hidden: &[usize],
        outputs: usize,
        recipe: &Recipe,
    ) -> PosteriorNet {
        match posterior {
            Posterior::Diagonal => PosteriorNet { gaussian: recipe.gaussian_net(key, inputs, hidden, outputs) },
        }
    }

    /// The Gaussian at a condition.
    ///
    /// # Shapes
    /// `x: [in]`, of the distribution `[out]`.
    #[track_caller]
    pub fn at(&self, x: &Tensor) -> Gaussian {
        Gaussian::Diagonal(self.gaussian.at(x))
    }
}
