//! Why a fit cannot be done.

use crate::data::{DataError, is_of_the_name};
use crate::model::ModelError;
use crate::objective::{Bound, EstimationError};
use crate::plot::PlotError;
use crate::train::{CheckpointError, Fault, NotFinite};
use std::path::PathBuf;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No TOML, or a key or a value that is none of the configuration's.
    #[error("{0}")]
    Toml(String),
    /// An override without a value.
    #[error("`{given}` is no `key=value`")]
    Override {
        /// What was given.
        given: String,
    },
    /// A number outside its range.
    #[error("{key} is {value}; it must be {range}")]
    Range {
        /// The dotted key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it must be, in words.
        range: &'static str,
    },
    /// Values that become 0 or 1, and a density of real numbers for them.
    #[error(
        "data.binarise makes 0 and 1 of column `{column}`, and the likelihood `{likelihood}` is a density of real numbers: it \
         grows without bound at such values and means nothing; choose likelihood=bernoulli, or binarise=none"
    )]
    Binarised {
        /// The first such column.
        column: String,
        /// Its likelihood.
        likelihood: &'static str,
    },
    /// No estimator of `log p(x)`.
    #[error(transparent)]
    Estimator(#[from] crate::evaluation::SpecError),
    /// A bound whose numbers are out of range.
    #[error("{key} is {bound}: {cause}")]
    Bound {
        /// The dotted key.
        key: &'static str,
        /// The bound, as it is spelled.
        bound: Bound,
        /// What is wrong with it.
        cause: EstimationError,
    },
    /// An objective that cannot be trained.
    #[error(transparent)]
    Objective(#[from] EstimationError),
}

/// Why a fit, or a use of a fitted model, failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The model's part of the configuration, with these columns.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A number that is none, met in training; the last good state is kept.
    #[error("{0}")]
    NotFinite(NotFinite),
    /// A validation figure that is no number.
    #[error("the validation figure is no number after step {step}")]
    Validation {
        /// The step.
        step: u32,
    },
    /// The run's file.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A value that the model made and no data can have.
    #[error(
        "the model makes what no data can be: row {}, column `{}`: {}", .0.row.unwrap_or(0), .0.column.as_deref().unwrap_or("?"),
        .0.fault
    )]
    Made(DataError),
    /// Other data than the run was begun with.
    #[error("the data are not those that the run was begun with: {found}, and it was begun with {wanted}")]
    OtherData {
        /// What they are.
        found: String,
        /// What they were.
        wanted: String,
    },
    /// A run that was ended for good.
    #[error("the run ended: {why}")]
    Ended {
        /// Why.
        why: String,
    },
    /// A picture or the report.
    #[error(transparent)]
    Plot(#[from] PlotError),
    /// Another file of the run.
    #[error("cannot write {}: {cause}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The model's program is faulty.
    #[error("the program of the model is faulty: {0}")]
    Program(#[from] pullback::Error),
}

impl FitError {
    /// The same, where a row is at fault, by the number from 1 that it has elsewhere: `number` is given its place in
    /// the table, from 0.
    pub fn renumbered(self, number: impl Fn(usize) -> u64) -> FitError {
        match self {
            FitError::Data(mut e) => {
                e.row = e.row.map(|row| number(row.saturating_sub(1) as usize));
                FitError::Data(e)
            }
            FitError::Model(ModelError::Value { row, column, value, likelihood, needs }) => {
                let row = number(row).saturating_sub(1) as usize;
                FitError::Model(ModelError::Value { row, column, value, likelihood, needs })
            }
            other => other,
        }
    }

    /// Whether something else has to be passed, as [`DataError::is_usage`] says, rather than that the training or the
    /// machine failed.
    pub fn is_usage(&self) -> bool {
        match self {
            FitError::Config(_) | FitError::Model(_) | FitError::OtherData { .. } | FitError::Ended { .. } => true,
            FitError::Data(e) => e.is_usage(),
            FitError::Checkpoint(e) => match &e.fault {
                Fault::Write(_) => false,
                Fault::Read(cause) => is_of_the_name(cause),
                _ => true,
            },
            _ => false,
        }
    }
}
