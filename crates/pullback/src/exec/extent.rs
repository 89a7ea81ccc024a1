//! Sizes that a program knows only when it runs: products of known sizes and numbers of rows.

use crate::exec::ragged::Ragged;
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
    /// Known, and with a name of its own.
    Named(RowId, usize),
}

/// The extents of a program whose rows can be cut, numbered.
#[derive(Debug, Default)]
pub(crate) struct RowTable {
    extents: Vec<Extent>,
    /// Extents that are the rows of another's examples.
    pub ragged: Vec<Ragged>,
}

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
            if let Some(n) = at.filter(|&n| n >= LONG && table.extents.len() < MOST_LONG)
                && !table.extents.contains(&Extent::Long(n))
            {
                table.extents.push(Extent::Long(n));
            }
        }
        table
    }

    /// The name of an axis of so many rows.
    pub(crate) fn named(&mut self, n: usize) -> Dim {
        let id = RowId::fresh();
        self.extents.push(Extent::Named(id, n));
        Dim::Rows(id)
    }

    /// The number of an extent; a new one at first sight.
    pub(crate) fn index(&mut self, id: RowId) -> usize {
        self.extent(Dim::Rows(id)).unwrap_or_else(|| {
            self.extents.push(Extent::Rows(id));
            self.extents.len() - 1
        })
    }

    /// The number of the extent that an axis is, if it can be cut and has been seen.
    pub(crate) fn extent(&self, d: Dim) -> Option<usize> {
        self.extents.iter().position(|e| match (e, d) {
            (Extent::Rows(id) | Extent::Named(id, _), Dim::Rows(d)) => *id == d,
            (Extent::Long(n), Dim::Known(d)) => *n == d,
            _ => false,
        })
    }

    /// The examples whose ragged rows an extent is.
    pub(crate) fn ragged_of(&self, extent: usize) -> Option<Ragged> {
        self.ragged.iter().copied().find(|r| r.rows == extent)
    }

    pub(crate) fn len(&self) -> usize {
        self.extents.len()
    }

    /// The length of each extent as far as it is known.
    pub(crate) fn lengths(&self) -> Vec<usize> {
        let length = |e: &Extent| match e {
            Extent::Rows(_) => 0,
            Extent::Long(n) | Extent::Named(_, n) => *n,
        };
        self.extents.iter().map(length).collect()
    }

    /// The product of some extents.
    pub(crate) fn count(&mut self, dims: impl IntoIterator<Item = Dim>) -> Count {
        let (mut known, mut rows) = (1, Vec::new());
        for d in dims {
            match (self.extent(d), d) {
                (Some(extent), _) => rows.push(extent),
                (None, Dim::Known(n)) => known *= n,
                (None, Dim::Rows(id)) => rows.push(self.index(id)),
            }
        }
        Count { known, rows: Factors::of(rows) }
    }
}

/// A product of known sizes and numbers of rows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Count {
    known: usize,
    rows: Factors,
}

/// The extents whose numbers of rows are factors of a count. Nearly every one has at most one, which is looked up often.
#[derive(Clone, Debug, PartialEq)]
enum Factors {
    None,
    One(usize),
    Many(Vec<usize>),
}

impl Factors {
    fn list(&self) -> &[usize] {
        match self {
            Factors::None => &[],
            Factors::One(extent) => std::slice::from_ref(extent),
            Factors::Many(extents) => extents,
        }
    }

    fn of(extents: Vec<usize>) -> Factors {
        match extents[..] {
            [] => Factors::None,
            [extent] => Factors::One(extent),
            _ => Factors::Many(extents),
        }
    }
}

impl Count {
    pub(crate) fn known(n: usize) -> Count {
        Count { known: n, rows: Factors::None }
    }

    /// The number, given every number of rows.
    #[inline]
    pub(crate) fn get(&self, rows: &[usize]) -> usize {
        match &self.rows {
            Factors::None => self.known,
            Factors::One(extent) => self.known * rows[*extent],
            Factors::Many(extents) => extents.iter().fold(self.known, |n, &extent| n * rows[extent]),
        }
    }

    /// What is known of it, and its only extent if it has one; `None` where it has several.
    #[inline]
    pub(crate) fn simple(&self) -> Option<(usize, Option<usize>)> {
        match self.rows {
            Factors::None => Some((self.known, None)),
            Factors::One(extent) => Some((self.known, Some(extent))),
            Factors::Many(_) => None,
        }
    }

    /// The number for one row of some extents.
    #[inline]
    pub(crate) fn for_one(&self, of: [usize; 2], rows: &[usize]) -> usize {
        match &self.rows {
            Factors::None => self.known,
            Factors::One(extent) if of.contains(extent) => self.known,
            Factors::One(extent) => self.known * rows[*extent],
            Factors::Many(extents) => {
                extents.iter().filter(|extent| !of.contains(extent)).fold(self.known, |n, &extent| n * rows[extent])
            }
        }
    }

    /// Whether it grows with an extent.
    #[inline]
    pub(crate) fn has(&self, extent: usize) -> bool {
        match &self.rows {
            Factors::None => false,
            Factors::One(one) => *one == extent,
            Factors::Many(extents) => extents.contains(&extent),
        }
    }

    /// Whether it grows with no other extent.
    pub(crate) fn grows_at_most_with(&self, extent: usize) -> bool {
        self.rows.list().iter().all(|&other| other == extent)
    }

    pub(crate) fn is_one(&self) -> bool {
        self.known == 1 && self.is_known()
    }

    /// Whether it grows with no extent.
    pub(crate) fn is_known(&self) -> bool {
        self.rows == Factors::None
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
        let rows = self.rows.list().iter().chain(other.rows.list()).copied().collect();
        Count { known: self.known * other.known, rows: Factors::of(rows) }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = "·rows".repeat(self.rows.list().len());
        match (self.known, rows.is_empty()) {
            (1, false) => write!(f, "{}", rows.trim_start_matches('·')),
            (n, _) => write!(f, "{n}{rows}"),
        }
    }
}

/// Of counts that are alike the greatest.
pub(crate) fn greatest(counts: impl Iterator<Item = Count>) -> Vec<Count> {
    let mut found: Vec<Count> = Vec::new();
    for count in counts {
        match found.iter_mut().find(|c| c.is_like(&count)) {
            Some(most) => most.known = most.known.max(count.known),
            None => found.push(count),
        }
    }
    found
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
