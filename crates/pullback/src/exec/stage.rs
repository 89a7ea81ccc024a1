//! Steps that blocks of rows go through one after the other, each block on a thread of its own.
//!
//! The number of blocks follows from the numbers of rows alone, and a sum over rows adds up the blocks' parts in their
//! order: the result is the same to the bit for every number of threads.

use crate::array::DType;
use crate::exec::extent::Count;
use crate::exec::lanes::Lane;
use crate::exec::memory::{Memory, Place};
use crate::exec::operand::{Block, Target};
use crate::exec::step::{State, Step};

/// A run of steps over the rows of one extent, none of which reads what another sums up.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    /// The extent's number.
    pub extent: usize,
    /// In order.
    pub steps: Vec<Step>,
    /// Elementary operations in all.
    pub operations: Vec<Count>,
}

/// Elementary operations for which a further block pays.
const WORTH: usize = 2_000_000;

/// Fewest rows of a block.
const LEAST: usize = 32;

/// Most blocks: a sum over rows has a part for each.
const MOST: usize = 16;

/// Most extents of a program whose stages are cut.
pub(crate) const EXTENTS: usize = 16;

impl Stage {
    /// Into how many blocks its rows are cut.
    fn blocks(&self, rows: &[usize]) -> usize {
        let operations: usize = self.operations.iter().map(|c| c.get(rows)).sum();
        let most = (rows[self.extent] / LEAST).min(operations / WORTH).clamp(1, MOST);
        // Powers of two, so that threads get as many each.
        1 << most.ilog2()
    }

    /// Runs its steps.
    pub(crate) fn run(&self, state: &mut State<'_>) {
        self.steps.iter().for_each(|s| s.reserve(state.memory, state.rows));
        let blocks = self.blocks(state.rows);
        let (isa, pool) = (state.isa, state.pool);
        if blocks == 1 {
            self.steps.iter().for_each(|s| s.compute(state.memory, state.rows, None, isa, pool));
            return;
        }
        for (parts, t) in self.sums() {
            state.memory.reserve(parts, blocks * t.size.get(state.rows));
        }
        let (memory, all, extent): (&Memory, &[usize], usize) = (state.memory, state.rows, self.extent);
        let n = all[extent];
        pool.run(blocks, &|number| {
            let (first, end) = (n * number / blocks, n * (number + 1) / blocks);
            let mut rows = [0; EXTENTS];
            let rows = &mut rows[..all.len()];
            rows.copy_from_slice(all);
            rows[extent] = end - first;
            let block = Block { extent, first, number };
            self.steps.iter().for_each(|s| s.compute(memory, rows, Some(block), isa, pool));
        });
        for (parts, t) in self.sums() {
            match t.dtype {
                DType::F64 => add_up::<f64>(memory, parts, t, blocks, all),
                _ => add_up::<f32>(memory, parts, t, blocks, all),
            }
        }
    }

    /// The sums over rows, each with the slot of its parts.
    fn sums(&self) -> impl Iterator<Item = (usize, &Target)> {
        self.steps.iter().flat_map(|s| &s.writes).filter_map(|t| t.parts.map(|parts| (parts, t)))
    }
}

/// Adds up the blocks' parts of a sum in their order.
fn add_up<T: Lane>(memory: &Memory, parts: usize, t: &Target, blocks: usize, rows: &[usize]) {
    let n = t.size.get(rows);
    // SAFETY: the blocks are done, and no other step runs; the parts lie in a slot of their own.
    let (to, parts) = unsafe { (memory.write::<T>(t.slot, 0, n), memory.read::<T>(Place::Slot(parts), 0, blocks * n)) };
    to.copy_from_slice(&parts[..n]);
    for part in parts[n..].chunks_exact(n.max(1)) {
        to.iter_mut().zip(part).for_each(|(to, &x)| *to = *to + x);
    }
}
