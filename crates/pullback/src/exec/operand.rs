//! What a step reads and writes, of all rows or of a block of them.

use crate::array::{DType, Element};
use crate::exec::extent::{Count, RowTable};
use crate::exec::isa::Isa;
use crate::exec::lanes::Lane;
use crate::exec::memory::{Memory, Place};
use crate::exec::pool::Pool;
use crate::exec::shared::Shared;
use crate::exec::stage::folds::take_in;
use crate::ir::{Graph, Var};
use crate::lowering::ReduceOp;
use std::ops::Range;

/// A value that a step reads.
#[derive(Clone, Debug)]
pub(crate) struct Operand {
    pub var: Var,
    pub place: Place,
    /// Elements of the value.
    pub size: Count,
}

/// A value that a step writes.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub var: Var,
    pub place: Place,
    /// Elements of the value.
    pub size: Count,
    pub dtype: DType,
    /// Where a block's part of a fold over rows is written, the parts one after the other.
    pub parts: Option<Place>,
}

impl Operand {
    pub(crate) fn new(graph: &Graph, var: Var, rows: &mut RowTable) -> Operand {
        Operand { var, place: Place::Slot(0), size: rows.count(graph.ty(var).shape.dims().iter().copied()) }
    }
}

impl Target {
    pub(crate) fn new(graph: &Graph, var: Var, rows: &mut RowTable) -> Target {
        let ty = graph.ty(var);
        let size = rows.count(ty.shape.dims().iter().copied());
        Target { var, place: Place::Slot(0), size, dtype: ty.dtype, parts: None }
    }
}

/// A block of the rows of one extent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    /// The extent's number.
    pub extent: usize,
    /// The first row.
    pub first: usize,
    /// The row that what is kept of its wave begins with; before the first of all, as a `usize` wraps, where others are kept before.
    pub wave: usize,
    /// Whose buffers it uses.
    pub lane: usize,
    /// The part of its one row that is worked on, where rows are long.
    pub inner: Option<InnerBlock>,
    /// The ragged rows of its examples.
    pub ragged: Option<RaggedBlock>,
    /// Whether right operands were packed before for all blocks.
    pub packed: bool,
    /// Which part of a fold it makes; `None` for the fold itself.
    pub part: Option<usize>,
    /// Whether earlier waves have made something of the folds.
    pub adds: bool,
}

/// The ragged rows of a block of examples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RaggedBlock {
    /// The extent's number.
    pub extent: usize,
    /// The first row of the block.
    pub first: usize,
    /// As [`Block::wave`].
    pub wave: usize,
}

/// A block of the second axis of one row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InnerBlock {
    /// The extent's number.
    pub extent: usize,
    /// The first of its block.
    pub first: usize,
    /// How many there are in all.
    pub all: usize,
    /// Whose buffers it uses.
    pub lane: usize,
}

/// What a step works with: its operands and targets, and which rows of them.
///
/// The plan promises that no step reads what it writes itself, but for a product and its addend, and a chain whose result
/// is written over an operand: that one is reached through the target alone, never by [`Io::read`]. And that steps that run
/// at once on different blocks of rows touch different rows, or read what none of them writes; of folds that run at
/// once, and of the steps of a group, none reads what another writes, and no two write to the same place, or they are folds of
/// different parts. Where a fold runs beside blocks, these are of other rows than it reads, and lie elsewhere in what is kept
/// (`halves.rs`). Shares of one chain write different elements. That is the ground of the `unsafe` blocks here.
pub(crate) struct Io<'a> {
    pub memory: &'a Memory,
    pub reads: &'a [Operand],
    pub writes: &'a [Target],
    /// The number of rows of each extent; of the block's own, the block's.
    pub rows: &'a [usize],
    pub block: Option<Block>,
    /// The slot in which the right operand of a product lies packed, from a line of the cache on.
    pub packed: Option<usize>,
    /// Which of how many shares of the work this is.
    pub share: (usize, usize),
    pub isa: Isa,
    pub pool: &'a Pool,
}

impl<'a> Io<'a> {
    /// From which element on, and how many.
    #[inline]
    fn part(&self, place: Place, size: &Count) -> (usize, usize) {
        let Some(b) = self.block else { return (0, size.get(self.rows)) };
        // Nearly all: asked of each operand of each step, of blocks that may be small.
        if let (Some((known, extent)), None) = (size.simple(), b.inner) {
            let Some(extent) = extent else { return (0, known) };
            let (first, wave) = match b.ragged {
                Some(r) if r.extent == extent => (r.first, r.wave),
                _ if b.extent == extent => (b.first, b.wave),
                _ => (0, 0),
            };
            let first = match place {
                Place::Local(_) | Place::Inner(_) => 0,
                Place::Wave(_) => first.wrapping_sub(wave),
                Place::Input(_) | Place::Constant(_) | Place::Slot(_) => first,
            };
            return (known * first, known * self.rows[extent]);
        }
        self.part_of_many(place, size, &b)
    }

    /// The same of a value with several extents, or of a part of a row.
    fn part_of_many(&self, place: Place, size: &Count, b: &Block) -> (usize, usize) {
        let n = size.get(self.rows);
        let inner = b.inner.filter(|i| size.has(i.extent));
        let skipped = inner.filter(|_| !matches!(place, Place::Inner(_))).map_or(0, |i| i.first);
        // The first that there is of an extent of which these are the first of the block and of its wave.
        let first = |block: usize, wave: usize| match place {
            Place::Local(_) | Place::Inner(_) => 0,
            Place::Wave(_) => block.wrapping_sub(wave),
            Place::Input(_) | Place::Constant(_) | Place::Slot(_) => block,
        };
        if let Some(r) = b.ragged.filter(|r| size.has(r.extent)) {
            return (size.for_one([r.extent; 2], self.rows) * (first(r.first, r.wave) + skipped), n);
        }
        let unit = size.for_one([b.extent, inner.map_or(b.extent, |i| i.extent)], self.rows);
        let mut at = skipped * unit;
        if size.has(b.extent) {
            at += inner.map_or(1, |i| i.all) * unit * first(b.first, b.wave);
        }
        (at, n)
    }

    /// Whose buffers a place is among.
    #[inline]
    fn lane(&self, place: Place) -> usize {
        match (place, self.block) {
            (Place::Inner(_), Some(b)) => b.inner.map_or(b.lane, |i| i.lane),
            (_, Some(b)) => b.lane,
            (_, None) => 0,
        }
    }

    /// The elements of an operand.
    #[inline]
    pub(crate) fn read<T: Element>(&self, operand: usize) -> &'a [T] {
        let o = &self.reads[operand];
        let (at, n) = self.part(o.place, &o.size);
        // SAFETY: the plan's promise above.
        unsafe { self.memory.read(o.place, self.lane(o.place), at, n) }
    }

    /// Where a target's elements are: the place, the first of them, how many.
    #[inline]
    fn target(&self, target: usize) -> (Place, usize, usize) {
        let t = &self.writes[target];
        let (at, n) = self.part(t.place, &t.size);
        match (t.parts, self.block.and_then(|b| b.part)) {
            (Some(parts), Some(number)) => (parts, number * n, n),
            _ => (t.place, at, n),
        }
    }

    /// The number of the first row that is read or written of a table of rows by number.
    #[inline]
    pub(crate) fn numbered_from(&self, table: &Count) -> usize {
        self.block.filter(|b| table.has(b.extent)).map_or(0, |b| b.first)
    }

    /// The elements of a target, to be written.
    #[inline]
    pub(crate) fn write<T: Element>(&self, target: usize) -> &'a mut [T] {
        let (place, at, n) = self.target(target);
        // SAFETY: the plan's promise above.
        unsafe { self.memory.write(place, self.lane(place), at, n) }
    }

    /// The elements of a target, of which several threads write their own.
    #[inline]
    pub(crate) fn shared<T: Element>(&self, target: usize) -> Shared<'a, T> {
        let (place, at, n) = self.target(target);
        // SAFETY: the plan's promise above.
        unsafe { self.memory.shared(place, self.lane(place), at, n) }
    }

    /// Takes parts of a fold, of those numbers and in their order, into the target; the first begins it where nothing is there yet. Of each one
    /// of some shares.
    pub(crate) fn join<T: Lane>(
        &self,
        target: usize,
        op: ReduceOp,
        (numbers, begins): (Range<usize>, bool),
        (share, of): (usize, usize),
    ) {
        let t = &self.writes[target];
        let Some(parts) = t.parts else { return };
        let (at, n) = self.part(t.place, &t.size);
        let (first, end) = (n * share / of, n * (share + 1) / of);
        // SAFETY: the blocks that made the parts of these numbers are done, the parts lie in a buffer of their own, in which others write
        // parts of other numbers alone, and shares have different elements.
        let (to, parts) = unsafe {
            let to = self.memory.write::<T>(t.place, self.lane(t.place), at + first, end - first);
            (to, |k: usize| self.memory.read::<T>(parts, self.lane(parts), k * n + first, end - first))
        };
        take_in(op, to, numbers.map(parts), begins);
    }

    /// The first elements of a right operand that was packed.
    #[inline]
    pub(crate) fn packed<T: Element>(&self, n: usize) -> Option<&'a [T]> {
        let slot = self.packed.filter(|_| self.block.is_some_and(|b| b.packed))?;
        // SAFETY: packed before the blocks of the stage run, and written by none of them.
        Some(unsafe { self.memory.read(Place::Slot(slot), 0, 0, n) })
    }

    /// Whether a product is added to what earlier waves have made of it, or of this part of it.
    pub(crate) fn adds(&self) -> bool {
        self.block.is_some_and(|b| b.adds)
    }

    /// Whether nothing has been made of a fold before.
    pub(crate) fn is_first(&self) -> bool {
        self.block.is_none_or(|b| !b.adds && b.part.is_none_or(|number| number == 0))
    }

    /// Whether a product's addend lies where the product is written already.
    pub(crate) fn in_place(&self, operand: usize, target: usize) -> bool {
        let t = &self.writes[target];
        let part = t.parts.is_some() && self.block.is_some_and(|b| b.part.is_some());
        !part && self.reads[operand].place == t.place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::threads;
    use crate::shape::{Dim, RowId};

    #[test]
    fn one_extent_is_found_where_several_would_be() {
        let mut table = RowTable::default();
        let [own, ragged, other] = std::array::from_fn(|_| RowId::fresh());
        let [o, r, _] = [own, ragged, other].map(|id| table.index(id));
        let dims = [None, Some(own), Some(ragged), Some(other)];
        let sizes = dims.map(|id| table.count([Dim::Known(5)].into_iter().chain(id.map(Dim::Rows))));
        let (memory, rows) = (Memory::default(), [3, 20, 70]);
        let kept = [(7, 100), (0, 0), (8usize.wrapping_sub(14), 101usize.wrapping_sub(350))];
        for (ragged, (wave, ragged_wave)) in [false, true].into_iter().flat_map(|r| kept.map(|kept| (r, kept))) {
            let ragged = ragged.then_some(RaggedBlock { extent: r, first: 104, wave: ragged_wave });
            let block = Block {
                extent: o,
                first: 8,
                wave,
                lane: 0,
                inner: None,
                ragged,
                packed: false,
                part: None,
                adds: false,
            };
            let io = Io {
                memory: &memory,
                reads: &[],
                writes: &[],
                rows: &rows,
                block: Some(block),
                packed: None,
                share: (0, 1),
                isa: Isa::Base,
                pool: threads::single(),
            };
            let places = [Place::Input(0), Place::Constant(0), Place::Slot(0), Place::Wave(0), Place::Local(0)];
            for (place, size) in places.into_iter().flat_map(|place| sizes.iter().map(move |size| (place, size))) {
                assert_eq!(io.part(place, size), io.part_of_many(place, size, &block), "{place:?}, {size}, {block:?}");
            }
        }
    }
}
