//! The law of the last stochastic layer.

use crate::dist::{Distribution, StandardNormal};
use crate::model::ModelError;
use crate::nn::Recipe;
use pullback::{DType, Key, Tensor, Tree};
use serde::{Deserialize, Serialize};

/// Which prior a model has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prior {
    /// `N(0, I)`.
    #[default]
    Normal,
}

/// A prior with its parameters.
#[derive(Clone, Debug, Tree)]
pub enum PriorLaw {
    /// `N(0, I)` over so many numbers.
    Normal(usize),
}

impl PriorLaw {
    /// A fresh prior over so many numbers.
    ///
    /// # Errors
    /// [`ModelError`] for a number out of range.
    #[track_caller]
    pub(crate) fn new(_key: Key, prior: Prior, dim: usize, _recipe: &Recipe) -> Result<PriorLaw, ModelError> {
        Ok(match prior {
            Prior::Normal => PriorLaw::Normal(dim),
        })
    }

    /// A draw in that type.
    ///
    /// # Shapes
    /// Result `[latent]`.
    #[track_caller]
    pub fn sample(&self, key: Key, dtype: DType) -> Tensor {
        match *self {
            PriorLaw::Normal(dim) => StandardNormal { dim, dtype }.sample(key),
        }
    }

    /// `log p(z)`.
    ///
    /// # Shapes
    /// `z: [latent]`, result `[]`.
    #[track_caller]
    pub fn log_prob(&self, z: &Tensor) -> Tensor {
        match *self {
            PriorLaw::Normal(dim) => StandardNormal { dim, dtype: z.dtype() }.log_prob(z),
        }
    }
}
