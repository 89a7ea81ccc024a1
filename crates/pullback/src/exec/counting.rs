//! Numbers that count along one axis.

use crate::array::DType;
use crate::exec::extent::{Count, RowTable};
use crate::exec::operand::Io;
use crate::ir::{Eqn, Graph};

/// `0, 1, 2, …` along one axis.
#[derive(Clone, Debug)]
pub(crate) struct Counting {
    dtype: DType,
    /// Numbers along the axis, and how often each stands in a row.
    n: Count,
    inner: Count,
}

pub(crate) fn compile(graph: &Graph, e: &Eqn, axis: usize, rows: &mut RowTable) -> Counting {
    let ty = graph.ty(e.output);
    let dims = ty.shape.dims();
    Counting { dtype: ty.dtype, n: rows.count([dims[axis]]), inner: rows.count(dims[axis + 1..].iter().copied()) }
}

impl Counting {
    pub(crate) fn run(&self, io: &Io<'_>) {
        let (n, inner) = (self.n.get(io.rows), self.inner.get(io.rows));
        macro_rules! count {
            ($t:ty) => {
                for line in io.write::<$t>(0).chunks_mut((n * inner).max(1)) {
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
    }
}
