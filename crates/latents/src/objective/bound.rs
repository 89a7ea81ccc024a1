//! What stands for `log p(x)` of an example.

use crate::estimator::{Sumo, by_group, ciwae_of, elbo_of, iwae_of, miwae_of};
use crate::objective::EstimationError;
use pullback::Tensor;
use std::fmt;
use std::str::FromStr;

/// What stands for `log p(x)` of an example, which training raises.
///
/// Spelled as its estimator's name and its numbers: `elbo:1`, `elbo-analytic:1`, `iwae:50`, `miwae:8:8` (groups, then
/// samples in each), `ciwae:0.5:64` (`β`, then samples), `sumo:4` (`m`), `sumo:4:60` (with a cap).
///
/// ```
/// use latents::objective::Bound;
/// assert_eq!("iwae:50".parse::<Bound>()?, Bound::Iwae { samples: 50 });
/// assert_eq!("miwae:8:4".parse::<Bound>()?.to_string(), "miwae:8:4");
/// assert!("iwae:0".parse::<Bound>()?.check().is_err());
/// assert!("iwea:5".parse::<Bound>().unwrap_err().to_string().contains("`iwae:K`"));
/// # Ok::<(), latents::objective::EstimationError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// The ELBO by so many samples.
    Elbo {
        /// `k`.
        samples: usize,
    },
    /// The ELBO with the divergence in closed form, where the model has it.
    AnalyticElbo {
        /// `k`.
        samples: usize,
    },
    /// The importance-weighted bound of so many samples.
    Iwae {
        /// `k`.
        samples: usize,
    },
    /// The mean of so many importance-weighted bounds.
    Miwae {
        /// `M`.
        groups: usize,
        /// `K` of each.
        samples: usize,
    },
    /// Between the ELBO and the importance-weighted bound.
    Ciwae {
        /// The ELBO's part.
        beta: f64,
        /// `k`.
        samples: usize,
    },
    /// SUMO, for the model's parameters only: its expectation does not depend on the proposal.
    Sumo(Sumo),
}

/// The names that a bound is spelled with, which are those of [`ESTIMATORS`](crate::estimator::ESTIMATORS).
const NAMES: [&str; 6] = ["elbo", "elbo-analytic", "iwae", "miwae", "ciwae", "sumo"];

/// The most samples of a training step's bound: more are a mistake of the keyboard.
const MOST_SAMPLES: usize = 1_000_000;

impl Bound {
    /// Its estimator's name.
    pub fn name(&self) -> &'static str {
        match self {
            Bound::Elbo { .. } => NAMES[0],
            Bound::AnalyticElbo { .. } => NAMES[1],
            Bound::Iwae { .. } => NAMES[2],
            Bound::Miwae { .. } => NAMES[3],
            Bound::Ciwae { .. } => NAMES[4],
            Bound::Sumo(_) => NAMES[5],
        }
    }

    /// Whether its numbers are in range.
    ///
    /// # Errors
    /// [`EstimationError`] with the first that is not.
    pub fn check(&self) -> Result<(), EstimationError> {
        let zero = |name, n| match n {
            0 => Err(EstimationError::Zero { name }),
            MOST_SAMPLES.. => Err(EstimationError::Samples { name, found: n, most: MOST_SAMPLES }),
            _ => Ok(()),
        };
        match *self {
            Bound::Elbo { samples } | Bound::AnalyticElbo { samples } | Bound::Iwae { samples } => {
                zero("samples", samples)
            }
            Bound::Miwae { groups, samples } => zero("groups", groups).and(zero("samples", samples)),
            Bound::Ciwae { beta, .. } if !(0.0..=1.0).contains(&beta) => Err(EstimationError::Beta { beta }),
            Bound::Ciwae { samples, .. } => zero("samples", samples),
            Bound::Sumo(sumo) => Ok(sumo.check()?),
        }
    }

    /// How many samples it takes; `None` for SUMO, whose number is random.
    pub fn samples(&self) -> Option<usize> {
        match *self {
            Bound::Elbo { samples }
            | Bound::AnalyticElbo { samples }
            | Bound::Iwae { samples }
            | Bound::Ciwae { samples, .. } => Some(samples),
            Bound::Miwae { groups, samples } => Some(groups.saturating_mul(samples)),
            Bound::Sumo(_) => None,
        }
    }

    /// Whether samples are weighted against each other: then the path derivative is biased.
    pub(crate) fn is_weighted(&self) -> bool {
        match *self {
            Bound::Elbo { .. } | Bound::AnalyticElbo { .. } | Bound::Sumo(_) => false,
            Bound::Iwae { samples } | Bound::Miwae { samples, .. } | Bound::Ciwae { samples, .. } => samples > 1,
        }
    }

    /// The bound of log-weights; of the analytic form and of SUMO, which are no functions of them alone, the ELBO's.
    ///
    /// # Shapes
    /// `log_weights: [samples]`, result `[]`.
    #[track_caller]
    pub(crate) fn of(&self, log_weights: &Tensor) -> Tensor {
        match *self {
            Bound::Elbo { .. } | Bound::AnalyticElbo { .. } | Bound::Sumo(_) => elbo_of(log_weights),
            Bound::Iwae { .. } => iwae_of(log_weights),
            Bound::Miwae { groups, .. } => miwae_of(log_weights, groups),
            Bound::Ciwae { beta, .. } => ciwae_of(log_weights, beta),
        }
    }

    /// What each sample's path derivative is multiplied by: the mean of `w̃²` over groups for a weighted bound (Tucker
    /// et al. 2019, equation 6), and `1/k` for single samples.
    ///
    /// # Shapes
    /// `log_weights: [samples]`, result `[samples]`.
    #[track_caller]
    pub(crate) fn path_shares(&self, log_weights: &Tensor) -> Tensor {
        let even = || log_weights.full_like(1.0) / log_weights.size(0);
        let squared = || log_weights.softmax(0).square();
        match *self {
            Bound::Elbo { .. } | Bound::AnalyticElbo { .. } | Bound::Sumo(_) => even(),
            Bound::Iwae { .. } => squared(),
            Bound::Miwae { groups, samples } => {
                let shares = by_group(log_weights, groups).softmax(1).square() * (1.0 / groups as f64);
                shares.reshape([groups * samples])
            }
            Bound::Ciwae { beta, .. } => even() * beta + squared() * (1.0 - beta),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Bound::Elbo { samples } | Bound::AnalyticElbo { samples } | Bound::Iwae { samples } => {
                write!(f, "{name}:{samples}")
            }
            Bound::Miwae { groups, samples } => write!(f, "{name}:{groups}:{samples}"),
            Bound::Ciwae { beta, samples } => write!(f, "{name}:{beta}:{samples}"),
            Bound::Sumo(Sumo { min_terms, cap: Some(cap), .. }) => write!(f, "{name}:{min_terms}:{cap}"),
            Bound::Sumo(Sumo { min_terms, .. }) => write!(f, "{name}:{min_terms}"),
        }
    }
}

impl FromStr for Bound {
    type Err = EstimationError;
    fn from_str(text: &str) -> Result<Bound, EstimationError> {
        fn read<T: FromStr>(text: &str) -> Option<T> {
            text.parse().ok()
        }
        let sumo = |min_terms, cap| Bound::Sumo(Sumo { min_terms, cap, ..Sumo::default() });
        let parts: Vec<&str> = text.split(':').collect();
        let bound = match parts[..] {
            ["elbo"] => Some(Bound::Elbo { samples: 1 }),
            ["elbo", k] => read(k).map(|samples| Bound::Elbo { samples }),
            ["elbo-analytic"] => Some(Bound::AnalyticElbo { samples: 1 }),
            ["elbo-analytic", k] => read(k).map(|samples| Bound::AnalyticElbo { samples }),
            ["iwae", k] => read(k).map(|samples| Bound::Iwae { samples }),
            ["miwae", m, k] => read(m).zip(read(k)).map(|(groups, samples)| Bound::Miwae { groups, samples }),
            ["ciwae", b, k] => read(b).zip(read(k)).map(|(beta, samples)| Bound::Ciwae { beta, samples }),
            ["sumo"] => Some(Bound::Sumo(Sumo::default())),
            ["sumo", m] => read(m).map(|m| sumo(m, None)),
            ["sumo", m, cap] => read(m).zip(read(cap)).map(|(m, cap)| sumo(m, Some(cap))),
            _ => None,
        };
        bound.ok_or_else(|| EstimationError::Spelling { text: text.into() })
    }
}
