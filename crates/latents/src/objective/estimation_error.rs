//! What a fit to data is refused for.

use crate::estimator::SumoError;
use crate::model::NoClosedForm;
use crate::objective::{EncoderGradient, UpdateError};

/// A configuration of [`Estimation`](crate::objective::Estimation) that cannot be trained.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EstimationError {
    /// More samples than any step can hold.
    #[error("{name} is {found}; it must be below {most}")]
    Samples {
        /// Which.
        name: &'static str,
        /// How many.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// A number that must be at least 1.
    #[error("{name} is 0; it must be at least 1")]
    Zero {
        /// Which.
        name: &'static str,
    },
    /// A part of the ELBO that is none.
    #[error("ciwae's beta is {beta}; it must be from 0, where it is iwae, to 1, where it is elbo")]
    Beta {
        /// It.
        beta: f64,
    },
    /// A text that spells no bound.
    #[error(
        "`{text}` is no bound; there are `elbo:K`, `elbo-analytic:K`, `iwae:K`, `miwae:M:K`, `ciwae:BETA:K` and `sumo`"
    )]
    Spelling {
        /// The text.
        text: String,
    },
    /// An encoder gradient that is not one of the bound.
    #[error("the encoder gradient `{gradient}` is none of `{bound}`: {why}")]
    EncoderGradient {
        /// The gradient.
        gradient: EncoderGradient,
        /// The bound's name.
        bound: &'static str,
        /// Why, and the remedy.
        why: &'static str,
    },
    /// The analytic ELBO of a model that has none.
    #[error("{0}; choose the bound `elbo`, which samples it")]
    NoClosedForm(#[from] NoClosedForm),
    /// Numbers that SUMO cannot be made of.
    #[error(transparent)]
    Sumo(#[from] SumoError),
    /// Numbers that the optimiser cannot take.
    #[error(transparent)]
    Update(#[from] UpdateError),
}
