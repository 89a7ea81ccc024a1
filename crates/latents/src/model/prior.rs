//! The law of the last stochastic layer.

use crate::dist::{Distribution, GaussianMixture, StandardNormal};
use crate::model::ModelError;
use crate::model::spelling::{Spelled, spelled};
use crate::nn::Recipe;
use pullback::{DType, Key, Tensor, Tree};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::str::FromStr;

/// Which prior a model has: a name, or a table with its options.
///
/// ```
/// use latents::model::Prior;
/// assert_eq!("mixture".parse::<Prior>()?, Prior::Mixture { components: 10 });
/// let table: Prior = serde_json::from_str(r#"{ "name": "mixture", "components": 3 }"#)?;
/// assert_eq!(table, Prior::Mixture { components: 3 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Prior {
    /// `N(0, I)`.
    #[default]
    Normal,
    /// A mixture of Gaussians with learned weights, means and variances.
    Mixture {
        /// Of how many.
        #[serde(default = "ten")]
        components: usize,
    },
}

fn ten() -> usize {
    10
}

/// A prior as help and documentation list it.
pub struct PriorRow {
    /// Its name in configurations and on the command line.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// It, with its defaults.
    pub new: fn() -> Prior,
}

/// Every prior.
pub const PRIORS: &[PriorRow] = &[
    PriorRow { name: "normal", about: "the standard normal", new: || Prior::Normal },
    PriorRow {
        name: "mixture",
        about: "a learned mixture of Gaussians; components = 10 if not given",
        new: || Prior::Mixture { components: ten() },
    },
];

impl FromStr for Prior {
    type Err = ModelError;
    fn from_str(text: &str) -> Result<Prior, ModelError> {
        let row = PRIORS.iter().find(|row| row.name == text);
        let names = || PRIORS.iter().map(|row| row.name).collect();
        row.map(|row| (row.new)()).ok_or_else(|| ModelError::Unknown {
            what: "prior",
            name: text.into(),
            names: names(),
        })
    }
}

impl Spelled for Prior {
    const EXPECTED: &'static str = "a prior's name, or a table with `name` and its options";
    fn of_table<'de, D: Deserializer<'de>>(table: D) -> Result<Prior, D::Error> {
        Prior::deserialize(table)
    }
}

impl Serialize for Prior {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Prior::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Prior {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Prior, D::Error> {
        spelled(deserializer)
    }
}

/// A prior with its parameters.
#[derive(Clone, Debug, Tree)]
pub enum PriorLaw {
    /// `N(0, I)` over so many numbers.
    Normal(usize),
    /// A mixture.
    Mixture(GaussianMixture),
}

impl PriorLaw {
    /// A fresh prior over so many numbers; the means of a mixture are draws of the standard normal, for components
    /// that begin alike would stay so, and each is as wide as its share of the space, `k^(-1/d)`: wide ones overlap so
    /// much that they hardly part.
    #[track_caller]
    pub(crate) fn new(key: Key, prior: Prior, dim: usize, recipe: &Recipe) -> PriorLaw {
        match prior {
            Prior::Normal => PriorLaw::Normal(dim),
            Prior::Mixture { components } => PriorLaw::Mixture(GaussianMixture {
                logits: Tensor::full(0.0, recipe.dtype, [components]),
                mean: key.normal([components, dim], recipe.dtype),
                logvar: Tensor::full(-2.0 * (components as f64).ln() / dim as f64, recipe.dtype, [components, dim]),
            }),
        }
    }

    /// A draw in that type.
    ///
    /// # Shapes
    /// Result `[latent]`.
    #[track_caller]
    pub fn sample(&self, key: Key, dtype: DType) -> Tensor {
        match self {
            PriorLaw::Normal(dim) => StandardNormal { dim: *dim, dtype }.sample(key),
            PriorLaw::Mixture(p) => p.sample(key),
        }
    }

    /// `log p(z)`.
    ///
    /// # Shapes
    /// `z: [latent]`, result `[]`.
    #[track_caller]
    pub fn log_prob(&self, z: &Tensor) -> Tensor {
        match self {
            PriorLaw::Normal(dim) => StandardNormal { dim: *dim, dtype: z.dtype() }.log_prob(z),
            PriorLaw::Mixture(p) => p.log_prob(z),
        }
    }
}
