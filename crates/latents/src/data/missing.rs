//! Values that are not there.

use serde::{Deserialize, Serialize};

/// What is done with a row that lacks a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// It is refused, with its row and column named.
    #[default]
    Refuse,
    /// It is dropped, and counted.
    Drop,
}

/// Whether a cell of a text file stands for no value: empty, `?`, or `NA`, `N/A`, `NaN`, `null`, `none` in any case.
pub(super) fn is_missing(cell: &str) -> bool {
    matches!(cell, "" | "?") || ["na", "n/a", "nan", "null", "none"].iter().any(|word| cell.eq_ignore_ascii_case(word))
}
