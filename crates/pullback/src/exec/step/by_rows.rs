//! How blocks of rows enter a step: whether each row is worked on apart, or the rows are folded.

use crate::exec::extent::{Count, RowTable};
use crate::exec::operand::{Operand, Target};
use crate::exec::ragged::Ragged;
use crate::exec::step::{Step, Work};
use crate::ir::Var;
use crate::lowering::ReduceOp;
use crate::shape::Dim;

/// How blocks of rows enter a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ByRows {
    /// Each row of the result comes from the same row of what is read.
    Apart,
    /// The result is a fold over rows: parts of it make the whole.
    Fold(ReduceOp),
    /// Rows meet otherwise.
    No,
}

impl Step {
    /// Finds out what blocks of which rows enter it, given the shapes of all that it reads and writes.
    pub(super) fn find_rows(&mut self, shapes: &[&[Dim]], table: &RowTable) {
        let ragged = shapes.iter().filter_map(|d| table.ragged_of(table.extent(*d.first()?)?));
        if let Some(ragged) = ragged.min_by_key(|r| r.rows) {
            return self.enter(ragged, shapes, table);
        }
        let mut leading = shapes.iter().filter_map(|dims| dims.first()).filter(|&&d| table.extent(d).is_some());
        let named = leading.clone().find(|d| matches!(d, Dim::Rows(_)));
        let Some(&first) = named.or_else(|| leading.next()) else { return };
        // Rows along any other axis are not in blocks.
        let leads = |dims: &[Dim]| !dims.iter().skip(1).any(|&d| d == first);
        // Nor are ragged rows of these along another axis.
        let examples = |d: Dim| table.ragged_of(table.extent(d)?).map(|r| r.examples);
        if shapes.iter().any(|dims| dims.iter().any(|&d| examples(d).is_some_and(|e| Some(e) == table.extent(first)))) {
            return;
        }
        self.rows = table.extent(first).filter(|_| shapes.iter().all(|d| leads(d))).and_then(|e| self.cut(e));
        let second = shapes.iter().filter(|dims| dims.first() == Some(&first)).filter_map(|dims| dims.get(1));
        let Some(&second) = second.clone().find(|&&d| d != first && table.extent(d).is_some()) else { return };
        let follows = |dims: &[Dim]| {
            let place = usize::from(dims.first() == Some(&first));
            dims.iter().enumerate().all(|(i, &d)| d != second || i == place)
        };
        self.inner = table.extent(second).filter(|_| shapes.iter().all(|d| follows(d))).and_then(|e| self.cut(e));
    }

    /// How blocks of examples, each with all its ragged rows, enter it, and how blocks of the rows of one example do.
    fn enter(&mut self, ragged: Ragged, shapes: &[&[Dim]], table: &RowTable) {
        let Ragged { rows, examples, .. } = ragged;
        let is = |d: &Dim, extent: usize| table.extent(*d) == Some(extent);
        let leads = |dims: &[Dim]| !dims.iter().skip(1).any(|d| is(d, rows) || is(d, examples));
        let other = |dims: &[Dim]| {
            let first = dims.first().and_then(|&d| table.ragged_of(table.extent(d)?));
            first.is_some_and(|r| r.rows != rows)
        };
        if shapes.iter().any(|d| !leads(d) || other(d)) {
            return;
        }
        let apart = |size: &Count| size.has(rows) || size.has(examples);
        let (by, inner) = self.work.by_examples(ragged, &self.reads, &self.writes);
        let fits = |t: &Target| apart(&t.size) == (by == ByRows::Apart);
        if by != ByRows::No && self.writes.iter().all(fits) {
            self.ragged = Some(rows);
            self.rows = Some((examples, by));
            self.inner = Some((rows, inner)).filter(|_| inner != ByRows::No);
        }
    }

    /// The extent of ragged rows that blocks of their examples bring.
    pub(crate) fn ragged(&self) -> Option<usize> {
        self.ragged
    }

    /// How blocks of an extent's rows, along the leading axis of all that has them, enter it.
    fn cut(&self, extent: usize) -> Option<(usize, ByRows)> {
        let by_rows = self.work.by_rows(extent, &self.reads);
        let fits = |t: &Target| t.size.has(extent) == (by_rows == ByRows::Apart);
        (by_rows != ByRows::No && self.writes.iter().all(fits)).then_some((extent, by_rows))
    }

    /// The extent whose rows can be worked on block by block, and how.
    pub(crate) fn by_rows(&self) -> Option<(usize, ByRows)> {
        self.rows
    }

    /// The extent of the second axis, of which a single row can be worked on block by block, and how.
    pub(crate) fn inner(&self) -> Option<(usize, ByRows)> {
        self.inner
    }
}

impl Work {
    /// How blocks of rows of an extent, the first axis of all that has it, enter it.
    fn by_rows(&self, extent: usize, reads: &[Operand]) -> ByRows {
        let apart = match self {
            Work::Kernel(k) => k.apart(reads, |table, _| !table.has(extent)),
            Work::Product(p) => return p.by_rows(extent),
            Work::Reduction(r) => return r.by_rows(extent),
            Work::Prefix(p) => p.apart(extent),
            Work::Copying(c) => c.apart(extent),
            Work::Random(r) => r.apart(extent),
            Work::ScalarLoop(_) => true,
            Work::Counting(_) | Work::Rows(_) | Work::Plain(_) => false,
        };
        if apart { ByRows::Apart } else { ByRows::No }
    }

    /// How blocks of examples with their ragged rows enter it, and blocks of the rows of one.
    fn by_examples(&self, ragged: Ragged, reads: &[Operand], writes: &[Target]) -> (ByRows, ByRows) {
        let Ragged { rows, examples, ids } = ragged;
        let no = (ByRows::No, ByRows::No);
        // A table of the examples is read by their own row numbers; one of the rows may lie in any block.
        let numbered = |table: &Count, numbers: Var| !table.has(rows) && (!table.has(examples) || numbers == ids);
        let has_examples =
            || reads.iter().map(|o| &o.size).chain(writes.iter().map(|t| &t.size)).any(|n| n.has(examples));
        match self {
            Work::Kernel(k) if k.apart(reads, numbered) => (ByRows::Apart, ByRows::Apart),
            Work::Copying(c) if c.by_number() => match (reads, writes) {
                ([table, numbers], [to]) if to.size.has(rows) && numbered(&table.size, numbers.var) => {
                    (ByRows::Apart, ByRows::Apart)
                }
                _ => no,
            },
            Work::Reduction(r) if r.by_segments() => match (reads, writes) {
                ([_, numbers], [to]) if to.size.has(examples) && numbers.var == ids => {
                    (ByRows::Apart, ByRows::Fold(r.op()))
                }
                _ => no,
            },
            Work::Prefix(p) if p.by_segments() && reads.last().is_some_and(|numbers| numbers.var == ids) => {
                (ByRows::Apart, ByRows::No)
            }
            Work::Kernel(_) => no,
            _ if has_examples() => no,
            _ => {
                let by = self.by_rows(rows, reads);
                (by, by)
            }
        }
    }
}
