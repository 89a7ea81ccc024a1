//! What a model's configuration is refused for.

/// A configuration that no model can be built from.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// No columns.
    #[error("there are no columns to model")]
    NoColumns,
    /// No stochastic layer.
    #[error("`latent` is empty; it lists the size of each stochastic layer, as [50] or [100, 50]")]
    NoLatent,
    /// A size that must be at least 1.
    #[error("{name} has a size of 0; it must be at least 1")]
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
    /// A name that is not one of those there are.
    #[error("`{name}` is no {what}; there are {}", listed(.names))]
    Unknown {
        /// Of what.
        what: &'static str,
        /// The name.
        name: String,
        /// Those there are.
        names: Vec<&'static str>,
    },
    /// A likelihood for a column that there is not.
    #[error("the likelihood names the column `{name}`, which the data has not; there are {}", listed(.columns))]
    UnknownColumn {
        /// The name.
        name: String,
        /// The columns.
        columns: Vec<String>,
    },
    /// A mixed likelihood of one column.
    #[error("column `{column}` has a mixed likelihood; a column takes one of the others")]
    MixedWithin {
        /// The column.
        column: String,
    },
    /// A likelihood that does not suit a column's kind.
    #[error("column `{column}`: the likelihood `{likelihood}` needs {needs}")]
    Kind {
        /// Its name.
        likelihood: &'static str,
        /// The column.
        column: String,
        /// What it needs, and the remedy.
        needs: &'static str,
    },
    /// A range of whole numbers without two of them.
    #[error("column `{column}`: the range of a discretized logistic is {low} to {high}; `low` must be below `high`")]
    Bins {
        /// The column.
        column: String,
        /// The least.
        low: i32,
        /// The greatest.
        high: i32,
    },
    /// A value that the likelihood gives no probability.
    #[error("row {}, column `{column}`: {value} is no value of the likelihood `{likelihood}`, which needs {needs}", row + 1)]
    Value {
        /// Counting from 0.
        row: usize,
        /// The column.
        column: String,
        /// The value.
        value: f64,
        /// The likelihood's name.
        likelihood: &'static str,
        /// What it needs, in words.
        needs: String,
    },
}

/// Names in backquotes; of a long list the first ones.
fn listed(names: &[impl AsRef<str>]) -> String {
    const MOST: usize = 12;
    let mut text = names.iter().take(MOST).map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ");
    if names.len() > MOST {
        text.push_str(&format!(" and {} more", names.len() - MOST));
    }
    text
}
