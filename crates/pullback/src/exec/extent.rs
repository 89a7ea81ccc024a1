//! Sizes that a program knows only when it runs: products of known sizes and numbers of rows.

use crate::ir::Graph;
use crate::shape::{Dim, RowId};
use std::fmt;

/// An extent whose rows can be cut into blocks.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Extent {
    /// As many as the arguments say.
    Rows(RowId),
    /// Known, but so long that not all of it should be in memory at once.
    Long(usize),
}

/// The extents of a program whose rows can be cut, numbered.
#[derive(Debug, Default)]
pub(crate) struct RowTable(Vec<Extent>);

/// From which length on a known leading axis is cut like rows.
const LONG: usize = 1024;

/// Most known axes that are.
const MOST_LONG: usize = 4;

impl RowTable {
    /// For a graph: its long leading axes are extents too. An axis leads where it is the first, or the
    /// second after rows, and another follows.
    pub(crate) fn of(graph: &Graph) -> RowTable {
        let mut table = RowTable::default();
        for ty in &graph.types {
            let at = match ty.shape.dims() {
                [Dim::Known(n), _, ..] => Some(*n),
                [Dim::Rows(_), Dim::Known(n), _, ..] => Some(*n),
                _ => None,
            };
            if let Some(n) = at.filter(|&n| n >= LONG && table.0.len() < MOST_LONG)
                && !table.0.contains(&Extent::Long(n))
            {
                table.0.push(Extent::Long(n));
            }
        }
        table
    }

    /// The number of an extent; a new one at first sight.
    pub(crate) fn index(&mut self, id: RowId) -> usize {
        self.0.iter().position(|r| *r == Extent::Rows(id)).unwrap_or_else(|| {
            self.0.push(Extent::Rows(id));
            self.0.len() - 1
        })
    }

    /// The number of the extent that an axis is, if it can be cut and has been seen.
    pub(crate) fn extent(&self, d: Dim) -> Option<usize> {
        self.0.iter().position(|e| match (e, d) {
            (Extent::Rows(id), Dim::Rows(d)) => *id == d,
            (Extent::Long(n), Dim::Known(d)) => *n == d,
            _ => false,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The length of each extent as far as it is known.
    pub(crate) fn lengths(&self) -> Vec<usize> {
        self.0.iter().map(|e| if let Extent::Long(n) = e { *n } else { 0 }).collect()
    }

    /// The product of some extents.
    pub(crate) fn count(&mut self, dims: impl IntoIterator<Item = Dim>) -> Count {
        let mut count = Count { known: 1, rows: Vec::new() };
        for d in dims {
            match (self.extent(d), d) {
                (Some(extent), _) => count.rows.push(extent),
                (None, Dim::Known(n)) => count.known *= n,
                (None, Dim::Rows(id)) => count.rows.push(self.index(id)),
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

    /// Whether it grows with no extent.
    pub(crate) fn is_known(&self) -> bool {
        self.rows.is_empty()
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

/// A sum of counts, like ones added up.
pub(crate) fn merged(counts: impl Iterator<Item = Count>) -> Vec<Count> {
    let mut sums: Vec<Count> = Vec::new();
    for count in counts {
        match sums.iter_mut().find(|c| c.is_like(&count)) {
            Some(sum) => sum.add(&count),
            None => sums.push(count),
        }
    }
    sums
}
