//! How a bound is differentiated in the proposal's parameters.

use crate::objective::{Bound, EstimationError};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How the bound is differentiated in the proposal's parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EncoderGradient {
    /// As it stands.
    #[default]
    Plain,
    /// Sticking the landing, for the ELBO: the density of the proposal is held constant (Roeder et al. 2017).
    Stl,
    /// Doubly reparameterised, for weighted samples (Tucker et al. 2019).
    Dreg,
}

impl EncoderGradient {
    /// Whether it is a gradient of that bound.
    ///
    /// # Errors
    /// [`EstimationError::EncoderGradient`], which says why not and which is.
    ///
    /// ```
    /// use latents::objective::{Bound, EncoderGradient};
    /// EncoderGradient::Dreg.check(&Bound::Iwae { samples: 8 })?;
    /// let refused = EncoderGradient::Stl.check(&Bound::Iwae { samples: 8 }).unwrap_err().to_string();
    /// assert!(refused.contains("biased") && refused.contains("`dreg`"), "{refused}");
    /// # Ok::<(), latents::objective::EstimationError>(())
    /// ```
    pub fn check(self, bound: &Bound) -> Result<(), EstimationError> {
        use EncoderGradient::{Dreg, Plain, Stl};
        let why = match (self, bound) {
            (_, Bound::Sumo(_)) => {
                "its expectation does not depend on the proposal, so that the gradient is noise alone: give the \
                 proposal a bound of its own, as iwae with dreg"
            }
            (Plain, _) | (Stl, Bound::Elbo { .. }) => return Ok(()),
            (_, Bound::AnalyticElbo { .. }) => {
                "its divergence is exact, and no density of a sample is differentiated: choose `plain`, or the bound \
                 `elbo` with `stl`"
            }
            (Dreg, Bound::Elbo { .. }) => {
                "its samples are not weighted, where the doubly reparameterised gradient is `stl`: choose that"
            }
            (Stl, bound) if bound.is_weighted() => {
                "the path derivative is biased where more than one sample is weighted: choose `dreg`, which is not"
            }
            (Stl | Dreg, _) => return Ok(()),
        };
        Err(EstimationError::EncoderGradient { gradient: self, bound: bound.name(), why })
    }
}

impl fmt::Display for EncoderGradient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EncoderGradient::Plain => "plain",
            EncoderGradient::Stl => "stl",
            EncoderGradient::Dreg => "dreg",
        })
    }
}
