//! What a step reads and writes, of all rows or of a block of them.

use crate::array::{DType, Element};
use crate::exec::extent::{Count, RowTable};
use crate::exec::isa::Isa;
use crate::exec::memory::{Memory, Place};
use crate::exec::pool::Pool;
use crate::ir::{Graph, Var};

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
    pub slot: usize,
    /// Elements of the value.
    pub size: Count,
    pub dtype: DType,
    /// Where each block's part of a sum over rows is written, one after the other.
    pub parts: Option<usize>,
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
        Target { var, slot: 0, size, dtype: ty.dtype, parts: None }
    }
}

/// A block of the rows of one extent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    /// The extent's number.
    pub extent: usize,
    /// The first row.
    pub first: usize,
    /// Which of the blocks it is.
    pub number: usize,
}

/// What a step works with: its operands and targets, and which rows of them.
///
/// The plan promises that no step reads what it writes itself, but for a product and its addend, and that steps that
/// run at once on different blocks of rows touch different rows, or read what none of them writes. That is the ground
/// of the two `unsafe` blocks here.
pub(crate) struct Io<'a> {
    pub memory: &'a Memory,
    pub reads: &'a [Operand],
    pub writes: &'a [Target],
    /// The number of rows of each extent; of the block's own, the block's.
    pub rows: &'a [usize],
    pub block: Option<Block>,
    pub isa: Isa,
    pub pool: &'a Pool,
}

impl<'a> Io<'a> {
    /// From which element on, and how many.
    #[inline]
    fn part(&self, size: &Count) -> (usize, usize) {
        let n = size.get(self.rows);
        match self.block {
            Some(b) if size.has(b.extent) => (n / self.rows[b.extent].max(1) * b.first, n),
            _ => (0, n),
        }
    }

    /// The elements of an operand.
    #[inline]
    pub(crate) fn read<T: Element>(&self, operand: usize) -> &'a [T] {
        let o = &self.reads[operand];
        let (at, n) = self.part(&o.size);
        // SAFETY: the plan's promise above.
        unsafe { self.memory.read(o.place, at, n) }
    }

    /// The elements of a target, to be written.
    #[inline]
    pub(crate) fn write<T: Element>(&self, target: usize) -> &'a mut [T] {
        let t = &self.writes[target];
        let (at, n) = self.part(&t.size);
        let (slot, at) = match (t.parts, self.block) {
            (Some(parts), Some(b)) => (parts, b.number * n),
            _ => (t.slot, at),
        };
        // SAFETY: the plan's promise above.
        unsafe { self.memory.write(slot, at, n) }
    }

    /// Whether a product's addend lies where the product is written already.
    pub(crate) fn in_place(&self, operand: usize, target: usize) -> bool {
        let t = &self.writes[target];
        t.parts.is_none_or(|_| self.block.is_none()) && self.reads[operand].place == Place::Slot(t.slot)
    }
}
