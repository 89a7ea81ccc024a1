//! Sizes that a program knows only when it runs: products of known sizes and numbers of rows.

use crate::shape::{Dim, RowId};
use std::fmt;

/// The symbolic extents of a program, numbered.
#[derive(Debug, Default)]
pub(crate) struct RowTable(Vec<RowId>);

impl RowTable {
    /// The number of an extent; a new one at first sight.
    pub(crate) fn index(&mut self, id: RowId) -> usize {
        self.0.iter().position(|r| *r == id).unwrap_or_else(|| {
            self.0.push(id);
            self.0.len() - 1
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The product of some extents.
    pub(crate) fn count(&mut self, dims: impl IntoIterator<Item = Dim>) -> Count {
        let mut count = Count { known: 1, rows: Vec::new() };
        for d in dims {
            match d {
                Dim::Known(n) => count.known *= n,
                Dim::Rows(id) => count.rows.push(self.index(id)),
            }
        }
        count
    }
}

/// A product of known sizes and numbers of rows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Count {
    known: usize,
    rows: Vec<usize>,
}

impl Count {
    pub(crate) fn known(n: usize) -> Count {
        Count { known: n, rows: Vec::new() }
    }

    /// The number, given every number of rows.
    #[inline]
    pub(crate) fn get(&self, rows: &[usize]) -> usize {
        self.rows.iter().fold(self.known, |n, &r| n * rows[r])
    }

    /// Whether it grows with an extent.
    #[inline]
    pub(crate) fn has(&self, extent: usize) -> bool {
        self.rows.contains(&extent)
    }

    pub(crate) fn is_one(&self) -> bool {
        self.known == 1 && self.rows.is_empty()
    }

    /// Whether it is known and no more than `most`.
    pub(crate) fn is_at_most(&self, most: usize) -> bool {
        self.rows.is_empty() && self.known <= most
    }

    /// Whether it grows with the same extents.
    pub(crate) fn is_like(&self, other: &Count) -> bool {
        self.rows == other.rows
    }

    /// Adds one that [is like it](Count::is_like).
    pub(crate) fn add(&mut self, other: &Count) {
        self.known += other.known;
    }

    pub(crate) fn times(&self, other: &Count) -> Count {
        let rows = self.rows.iter().chain(&other.rows).copied().collect();
        Count { known: self.known * other.known, rows }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = "·rows".repeat(self.rows.len());
        match (self.known, rows.is_empty()) {
            (1, false) => write!(f, "{}", rows.trim_start_matches('·')),
            (n, _) => write!(f, "{n}{rows}"),
        }
    }
}
