//! What a configuration is refused for, and what it is warned of.

use pullback::DType;
use std::fmt;

/// Bytes in a GiB.
const GIB: f64 = (1u64 << 30) as f64;

/// A configuration that cannot be trained.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A size that must be at least 1.
    #[error("{name} is 0; it must be at least 1")]
    Zero {
        /// Which.
        name: &'static str,
    },
    /// A number outside its range.
    #[error("{name} is {value}; it must be {range}")]
    Range {
        /// Which.
        name: &'static str,
        /// What it is.
        value: f64,
        /// What it must be, in words.
        range: &'static str,
    },
    /// A number that the model's arithmetic would take for 0 or for infinity.
    #[error("{name} is {value}; in {dtype} it must be from {least:e} to {most:e}")]
    Precision {
        /// Which.
        name: &'static str,
        /// What it is.
        value: f64,
        /// The type of the arithmetic.
        dtype: DType,
        /// The smallest that is usable.
        least: f64,
        /// The greatest.
        most: f64,
    },
    /// Sizes whose product is an array beyond [`LARGEST_ARRAY`](crate::objective::LARGEST_ARRAY).
    #[error(
        "{what}: an array of {} GiB; the largest that is allowed is {} GiB: choose smaller sizes",
        (*bytes as f64 / GIB).ceil(),
        (crate::objective::LARGEST_ARRAY >> 30)
    )]
    TooLarge {
        /// The sizes, by name.
        what: String,
        /// The array's size.
        bytes: u64,
    },
    /// Numbers that SUMO cannot be made of.
    #[error(transparent)]
    Sumo(#[from] crate::estimator::SumoError),
    /// Numbers that the optimiser cannot take.
    #[error(transparent)]
    Update(#[from] crate::objective::UpdateError),
    /// An encoder loss that needs SUMO's samples.
    #[error(
        "the encoder loss `sumo2` needs the estimator `sumo`; choose that, or the encoder loss dreg, upper or likelihood"
    )]
    SumoSquaredAlone,
}

/// A configuration that can be trained but promises less than it seems to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A lower bound of `log p(x)` is minimised.
    LowerBoundMinimised,
    /// SUMO with a cap, which is unbiased for a lower bound.
    Capped {
        /// The bound it is unbiased for is `IWAE` of so many samples.
        terms: u32,
    },
    /// SUMO minimised without a penalty on the sandwich's gap.
    NoGapPenalty,
    /// The plain gradient under clipping, which biases a heavy-tailed one.
    ClippedHeavyTail,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::LowerBoundMinimised => f.write_str(
                "the estimator is a lower bound of log p(x) and is being minimised: the decoder gains by loosening it, \
                 and training is expected to diverge; use `upper`",
            ),
            Warning::Capped { terms } => write!(
                f,
                "SUMO is capped: it is unbiased for IWAE with {terms} samples, a lower bound, which is being minimised"
            ),
            Warning::NoGapPenalty => f.write_str(
                "SUMO is minimised without a penalty on the sandwich's gap: the decoder learns to exploit the \
                 estimator's tail, and training is expected to diverge",
            ),
            Warning::ClippedHeavyTail => f.write_str(
                "clipping shrinks the rare large gradients that keep SUMO unbiased: without a gap penalty the run \
                 diverges sooner",
            ),
        }
    }
}
