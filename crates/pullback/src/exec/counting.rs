//! Numbers that count along one axis.

use crate::array::DType;
use crate::exec::extent::{Count, RowTable};
use crate::exec::memory::{Memory, Place, typed};
use crate::ir::{Eqn, Graph, Var};

/// `0, 1, 2, …` along one axis.
#[derive(Clone, Debug)]
pub(crate) struct Counting {
    dtype: DType,
    /// Numbers along the axis, and how often each stands in a row.
    n: Count,
    inner: Count,
    size: Count,
    output: Var,
    slot: usize,
}

pub(crate) fn compile(graph: &Graph, e: &Eqn, axis: usize, rows: &mut RowTable) -> Counting {
    let ty = graph.ty(e.output);
    let dims = ty.shape.dims();
    Counting {
        dtype: ty.dtype,
        n: rows.count([dims[axis]]),
        inner: rows.count(dims[axis + 1..].iter().copied()),
        size: rows.count(dims.iter().copied()),
        output: e.output,
        slot: 0,
    }
}

impl Counting {
    pub(crate) fn output(&self) -> Var {
        self.output
    }

    pub(crate) fn settle(&mut self, place: &dyn Fn(Var) -> Place) {
        if let Place::Slot(s) = place(self.output) {
            self.slot = s;
        }
    }

    pub(crate) fn run(&self, memory: &mut Memory, rows: &[usize]) {
        let (n, inner, size) = (self.n.get(rows), self.inner.get(rows), self.size.get(rows));
        let mut out = memory.take(self.slot, size);
        macro_rules! count {
            ($t:ty) => {
                for line in typed::<$t>(&mut out)[..size].chunks_mut((n * inner).max(1)) {
                    line.chunks_mut(inner.max(1)).enumerate().for_each(|(i, part)| part.fill(i as $t));
                }
            };
        }
        match self.dtype {
            DType::F32 => count!(f32),
            DType::F64 => count!(f64),
            DType::I32 => count!(i32),
            DType::U32 => count!(u32),
            DType::Bool => unreachable!("iota: the element type was inferred"),
        }
        memory.put(self.slot, out);
    }
}
