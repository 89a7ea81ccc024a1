//! What a column of rows is.

use serde::{Deserialize, Serialize};

/// What a column's numbers mean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnKind {
    /// A number.
    Number,
    /// One of these names; the number is its place among them.
    Categories(Vec<String>),
}

/// A column of rows of numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its numbers mean.
    pub kind: ColumnKind,
}
