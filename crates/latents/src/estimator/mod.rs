//! Estimators of `log p(x)` of one example, one a file; each says what it is.
//!
//! Notation: `z_i ~ q(z|x)`, `w_i = p(x, z_i) / q(z_i|x)`, `L_k = log((1/k) Σ_{i≤k} w_i)`. Each estimator is a pure
//! function of log-weights (`…_of`), and a function of a key, an example and a model that draws them.

mod dreg;
mod elbo;
mod iwae;
mod sandwich;
mod stl;
mod sumo;
mod tail;
mod upper;

pub use dreg::{dreg, dreg_encoder};
pub use elbo::{elbo, elbo_of};
pub use iwae::{iwae, iwae_of};
pub use sandwich::{Sandwich, effective_sample_size, sandwich, sandwich_of};
pub use stl::stl;
pub use sumo::{Sumo, SumoError};
pub use tail::Tail;
pub use upper::{upper_bound, upper_bound_of};

use crate::model::LatentModel;
use pullback::{Key, Tensor, vmap};
use std::fmt;

/// What an estimator's expectation is to `log p(x)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// At most `log p(x)`. Maximising it is safe; minimising it teaches the model to loosen it.
    Lower,
    /// At least `log p(x)`. Minimising it is safe.
    Upper,
    /// `log p(x)`.
    Unbiased,
    /// Neither, but `log p(x)` in the limit of many samples.
    Consistent,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Lower => "lower",
            Kind::Upper => "upper",
            Kind::Unbiased => "unbiased",
            Kind::Consistent => "consistent",
        })
    }
}

/// An estimator as help and documentation list it.
#[derive(Clone, Copy, Debug)]
pub struct EstimatorRow {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its formula, in a line.
    pub about: &'static str,
    /// Where it comes from.
    pub source: &'static str,
}

/// Every estimator.
pub const ESTIMATORS: &[EstimatorRow] = &[
    EstimatorRow { name: "elbo", kind: Kind::Lower, about: "mean of log w", source: "Kingma & Welling 2014" },
    EstimatorRow {
        name: "iwae",
        kind: Kind::Lower,
        about: "log of the mean of k weights",
        source: "Burda et al. 2016",
    },
    EstimatorRow {
        name: "sumo",
        kind: Kind::Unbiased,
        about: "L_m plus increments divided by the chance that they are drawn",
        source: "Luo et al. 2020",
    },
    EstimatorRow {
        name: "upper",
        kind: Kind::Upper,
        about: "log of the mean of k weights and that of an exact posterior draw",
        source: "Sobolev & Vetrov 2019",
    },
];

/// `k` log-weights of one example; the proposal is computed once.
///
/// # Shapes
/// `x: [d]`, result `[k]`.
#[track_caller]
pub fn log_weights<M: LatentModel>(key: Key, x: &Tensor, model: &M, k: usize) -> Tensor {
    vmap(|key: Key| model.log_weight(key, x).1).call(key.split_n(k))
}
