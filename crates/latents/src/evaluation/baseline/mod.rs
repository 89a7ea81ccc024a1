//! Densities without a latent variable, to hold a model against. Each is fitted to training rows, and gives the exact log
//! density of a row in the data's units.

mod bernoulli;
mod gaussian;
mod independent;
mod kde;

pub use bernoulli::BernoulliBaseline;
pub use gaussian::GaussianBaseline;
pub use independent::IndependentBaseline;
pub use kde::KdeBaseline;

use crate::evaluation::Figure;

/// Rows that a baseline cannot be fitted to.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BaselineError {
    /// Too few of them.
    #[error("a {name} baseline of {columns} columns needs {least} rows to be fitted to, and got {rows}")]
    TooFew {
        /// Which baseline.
        name: &'static str,
        /// Columns of the data.
        columns: usize,
        /// The least number of rows.
        least: usize,
        /// How many there are.
        rows: usize,
    },
    /// A column without a density of its own.
    #[error(
        "column {column} (counted from 1) is constant or follows from those before it: the covariance has no inverse, and \
             the data no density"
    )]
    Singular {
        /// The column, from 1.
        column: usize,
    },
    /// A value that is not 0 or 1.
    #[error(
        "row {row}, column {column} (counted from 1) is {value}, not 0 or 1: a Bernoulli baseline is for binary data"
    )]
    NotBinary {
        /// The row, from 1.
        row: usize,
        /// The column, from 1.
        column: usize,
        /// What it is.
        value: f64,
    },
    /// A likelihood that the columns do not have.
    #[error("{0}")]
    Likelihood(String),
    /// Ranges of values beyond what a table of frequencies can hold.
    #[error("the columns have more than {most} values together: no table of their frequencies is kept")]
    TooManyValues {
        /// The most.
        most: usize,
    },
    /// A sum over so many training rows for each test row that it would take minutes.
    #[error("a sum over all training rows for each test row would take minutes here")]
    Slow,
    /// The values are no whole number of rows.
    #[error("{values} values are no whole number of rows of {columns} columns")]
    Ragged {
        /// How many values.
        values: usize,
        /// How many columns.
        columns: usize,
    },
}

/// An exact density.
pub trait Baseline {
    /// Its name in a report.
    fn name(&self) -> &'static str;

    /// `log p(x)` of one row in the data's units, in nats.
    fn log_density(&self, row: &[f64]) -> f64;

    /// The mean over rows, with its standard error.
    ///
    /// # Shapes
    /// `rows`: rows of `columns` numbers, end to end.
    fn held_out(&self, rows: &[f64], columns: usize) -> Figure {
        Figure::of(&rows.chunks_exact(columns.max(1)).map(|row| self.log_density(row)).collect::<Vec<_>>())
    }
}

/// How many rows there are, at least `least`.
fn rows_of(name: &'static str, values: usize, columns: usize, least: usize) -> Result<usize, BaselineError> {
    if columns == 0 || !values.is_multiple_of(columns) {
        return Err(BaselineError::Ragged { values, columns });
    }
    let rows = values / columns;
    if rows < least { Err(BaselineError::TooFew { name, columns, least, rows }) } else { Ok(rows) }
}
