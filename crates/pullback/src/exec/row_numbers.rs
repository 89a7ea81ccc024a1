//! Row numbers for counts: how many rows there are is known only when they are numbered.

use crate::exec::extent::RowTable;
use crate::exec::memory::Place;
use crate::exec::operand::{Operand, Target};
use crate::exec::step::State;
use crate::ir::{Eqn, Graph};
use crate::shape::{Dim, RowId};

/// What row numbers bind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowNumbers {
    /// The extent that there are so many rows of.
    row: Option<(usize, RowId)>,
    /// One count, whose rows are numbered themselves.
    single: bool,
}

/// The row numbers of an equation.
pub(crate) fn compile(graph: &Graph, e: &Eqn, rows: &mut RowTable) -> RowNumbers {
    let row = match graph.ty(e.output).shape.dims()[..] {
        [Dim::Rows(id)] => Some((rows.index(id), id)),
        _ => None,
    };
    RowNumbers { row, single: graph.ty(e.inputs[0]).shape.rank() == 0 }
}

impl RowNumbers {
    /// The extent that it gives a number of rows.
    pub(crate) fn binds(&self) -> Option<usize> {
        self.row.map(|r| r.0)
    }

    /// Numbers the rows of counts one after the other.
    pub(crate) fn run(&self, counts: &Operand, to: &Target, state: &mut State<'_>) {
        let size = counts.size.get(state.rows);
        // SAFETY: nothing else runs.
        let n = unsafe { state.memory.read::<i32>(counts.place, 0, 0, size) }.iter().map(|&c| c.max(0) as usize).sum();
        if let Place::Slot(slot) = to.place {
            state.memory.reserve(slot, n);
        }
        // SAFETY: nothing else runs, and the counts lie elsewhere.
        let (counts, mut rest) = unsafe {
            (state.memory.read::<i32>(counts.place, 0, 0, size), state.memory.write::<i32>(to.place, 0, 0, n))
        };
        if self.single {
            (0..).zip(rest).for_each(|(i, id)| *id = i);
        } else {
            for (i, &c) in (0..).zip(counts) {
                let (own, others) = rest.split_at_mut(c.max(0) as usize);
                own.fill(i);
                rest = others;
            }
        }
        if let Some((row, id)) = self.row {
            let starts = &mut state.starts[row];
            starts.clear();
            starts.extend(counts.iter().scan(0, |next, &c| Some(std::mem::replace(next, *next + c.max(0) as usize))));
            starts.push(n);
            state.rows[row] = n;
            // Bound at most once a run: the extent is this equation's.
            let _ = state.sizes.bind(id, n);
        }
    }
}
