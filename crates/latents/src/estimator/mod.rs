//! Estimators of `log p(x)` of one example, one a file; each says what it is.
//!
//! Notation: `z_i ~ q(z|x)`, `w_i = p(x, z_i) / q(z_i|x)`, `L_k = log((1/k) Σ_{i≤k} w_i)`. Each estimator is a pure
//! function of log-weights (`…_of`), and a function of keys, an example and a model that draws them: as many samples
//! as there are keys, which may be a ragged number.

mod analytic_elbo;
mod ciwae;
mod dreg;
mod elbo;
mod iwae;
mod miwae;
mod sandwich;
mod stl;
mod sumo;
mod tail;
mod upper;

pub use analytic_elbo::analytic_elbo;
pub(crate) use analytic_elbo::analytic_elbo_by;
pub use ciwae::{ciwae, ciwae_of};
pub use dreg::{dreg, dreg_encoder};
pub use elbo::{elbo, elbo_of};
pub use iwae::{iwae, iwae_of};
pub(crate) use miwae::by_group;
pub use miwae::{miwae, miwae_of};
pub use sandwich::{Sandwich, effective_sample_size, sandwich, sandwich_of};
pub use stl::stl;
pub use sumo::{Sumo, SumoError};
pub use tail::Tail;
pub use upper::{upper_bound, upper_bound_of};

use crate::model::LatentModel;
use pullback::{Key, Keys, Tensor, vmap};
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
        name: "elbo-analytic",
        kind: Kind::Lower,
        about: "mean of log p(x|z) less the divergence in closed form",
        source: "Kingma & Welling 2014",
    },
    EstimatorRow {
        name: "iwae",
        kind: Kind::Lower,
        about: "log of the mean of k weights",
        source: "Burda et al. 2016",
    },
    EstimatorRow {
        name: "miwae",
        kind: Kind::Lower,
        about: "mean over m groups of the log of the mean of k weights",
        source: "Rainforth et al. 2018",
    },
    EstimatorRow {
        name: "ciwae",
        kind: Kind::Lower,
        about: "beta elbo + (1 - beta) iwae",
        source: "Rainforth et al. 2018",
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

/// The log-weights of one example, a sample for each key; the proposal is computed once.
///
/// `key.split_n(k)` gives a fixed number of keys, [`Key::split_rows`] a number that differs from example to example.
///
/// # Shapes
/// `keys: [k]`, `x: [d]`, result `[k]`.
///
/// ```
/// use latents::estimator::{iwae, log_weights};
/// use latents::model::Vae;
/// use pullback::{DType, Key, Tensor};
/// let vae = Vae::new(Key::new(0), 2, 3, &[4], DType::F64);
/// let x = Tensor::from([0.3f64, -1.0]);
/// let log_w = log_weights(Key::new(1).split_n(5), &x, &vae).to_vec::<f64>()?;
/// let mean = log_w.iter().map(|l| l.exp()).sum::<f64>() / 5.0;
/// let bound = iwae(Key::new(1).split_n(5), &x, &vae).item::<f64>()?;
/// assert!((bound - mean.ln()).abs() < 1e-12);
/// # Ok::<(), pullback::Error>(())
/// ```
#[track_caller]
pub fn log_weights<M: LatentModel>(keys: Keys, x: &Tensor, model: &M) -> Tensor {
    vmap(|key: Key| model.log_weight(key, x).1).call(keys)
}
