//! What one stochastic layer is proposed from, given the one below it.

use crate::dist::{DiagonalGaussian, Distribution, FullGaussian};
use crate::model::ModelError;
use crate::nn::{Dense, GaussianNet, Recipe};
use pullback::{Key, Tensor, Tree};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Which covariance the proposal's layers have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Posterior {
    /// Independent coordinates.
    #[default]
    Diagonal,
    /// A full covariance, whose Cholesky factor the network gives.
    Full,
}

/// A posterior as help and documentation list it.
pub struct PosteriorRow {
    /// Its name in configurations and on the command line.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// It.
    pub posterior: Posterior,
}

/// Every posterior.
pub const POSTERIORS: &[PosteriorRow] = &[
    PosteriorRow { name: "diagonal", about: "independent coordinates", posterior: Posterior::Diagonal },
    PosteriorRow {
        name: "full",
        about: "a full covariance, by its Cholesky factor from the network",
        posterior: Posterior::Full,
    },
];

impl FromStr for Posterior {
    type Err = ModelError;
    fn from_str(text: &str) -> Result<Posterior, ModelError> {
        let names = || POSTERIORS.iter().map(|row| row.name).collect();
        POSTERIORS.iter().find(|row| row.name == text).map(|row| row.posterior).ok_or_else(|| ModelError::Unknown {
            what: "posterior",
            name: text.into(),
            names: names(),
        })
    }
}

/// A Gaussian of either covariance.
#[derive(Clone, Debug, Tree)]
pub enum Gaussian {
    /// Independent coordinates.
    Diagonal(DiagonalGaussian),
    /// A full covariance.
    Full(FullGaussian),
}

impl Gaussian {
    /// The mean.
    ///
    /// # Shapes
    /// Result `[d]`.
    pub fn mean(&self) -> &Tensor {
        match self {
            Gaussian::Diagonal(p) => &p.mean,
            Gaussian::Full(p) => &p.mean,
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
            Gaussian::Full(p) => p.variance(),
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
            Gaussian::Full(p) => p.kl_to_standard_normal(),
        }
    }
}

impl Distribution for Gaussian {
    #[track_caller]
    fn sample(&self, key: Key) -> Tensor {
        match self {
            Gaussian::Diagonal(p) => p.sample(key),
            Gaussian::Full(p) => p.sample(key),
        }
    }

    #[track_caller]
    fn log_prob(&self, z: &Tensor) -> Tensor {
        match self {
            Gaussian::Diagonal(p) => p.log_prob(z),
            Gaussian::Full(p) => p.log_prob(z),
        }
    }
}

/// A network whose value is a [`Gaussian`].
#[derive(Clone, Debug, Tree)]
pub struct PosteriorNet {
    /// Mean and log-variance.
    pub gaussian: GaussianNet,
    /// What stands below the diagonal of the Cholesky factor, row by row, from the last hidden layer; `None` for
    /// independent coordinates.
    pub lower: Option<Dense>,
}

impl PosteriorNet {
    /// A fresh network from `inputs` to a Gaussian over `outputs` numbers, which begins with independent coordinates.
    #[track_caller]
    pub(crate) fn new(
        key: Key,
        posterior: Posterior,
        inputs: usize,
        hidden: &[usize],
        outputs: usize,
        recipe: &Recipe,
    ) -> PosteriorNet {
        let gaussian = recipe.gaussian_net(key, inputs, hidden, outputs);
        let width = hidden.last().copied().unwrap_or(inputs);
        let square = outputs * outputs;
        let lower = || Dense {
            w: Tensor::full(0.0, recipe.dtype, [width, square]),
            b: Tensor::full(0.0, recipe.dtype, [square]),
        };
        PosteriorNet { gaussian, lower: (posterior == Posterior::Full).then(lower) }
    }

    /// The Gaussian at a condition.
    ///
    /// # Shapes
    /// `x: [in]`, of the distribution `[out]`.
    #[track_caller]
    pub fn at(&self, x: &Tensor) -> Gaussian {
        let h = self.gaussian.hidden_at(x);
        let DiagonalGaussian { mean, logvar } = self.gaussian.heads_at(&h);
        let Some(lower) = &self.lower else { return Gaussian::Diagonal(DiagonalGaussian { mean, logvar }) };
        let n = mean.shape().dims().first().and_then(|d| d.known()).unwrap_or(0);
        Gaussian::Full(FullGaussian { mean, logvar, lower: lower.at(&h).reshape([n, n]) })
    }
}
