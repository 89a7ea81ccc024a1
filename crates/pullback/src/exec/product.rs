//! Products of tensors as matrix products: axes are grouped into rows, columns and what is contracted.

use crate::array::{DType, Element};
use crate::exec::extent::{Count, RowTable};
use crate::exec::gemm::{Gemm, View, ViewMut, gemm};
use crate::exec::operand::Io;
use crate::exec::step::ByRows;
use crate::ir::{Eqn, Graph};
use crate::lowering::DotAxes;
use crate::shape::Shape;
use std::fmt;

/// Some axes of an operand that can be walked with one step.
#[derive(Clone, Debug)]
struct Walk {
    size: Count,
    step: Count,
}

/// An operand as a stack of matrices.
#[derive(Clone, Debug)]
struct Side {
    batch: Walk,
    free: Walk,
    contract: Walk,
}

/// A product that runs as matrix products; a third operand is what it is added to.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    left: Side,
    right: Side,
    dtype: DType,
}

/// The walk over some axes of a shape, if one step takes it through them.
fn walk(rows: &mut RowTable, shape: &Shape, axes: &[usize]) -> Option<Walk> {
    if !axes.windows(2).all(|w| w[1] == w[0] + 1) {
        return None;
    }
    let dims = shape.dims();
    let size = rows.count(axes.iter().map(|&a| dims[a]));
    let after = axes.last().map_or(dims.len(), |&a| a + 1);
    let step = rows.count(dims[after..].iter().copied());
    Some(Walk { size, step })
}

/// The product as matrix products; `None` where its axes do not group, and a plain loop must do.
pub(crate) fn compile(graph: &Graph, e: &Eqn, axes: &DotAxes, rows: &mut RowTable) -> Option<Product> {
    let mut side = |k: usize| {
        let shape = &graph.ty(e.inputs[k]).shape;
        let pick = |pair: &(Vec<usize>, Vec<usize>)| if k == 0 { pair.0.clone() } else { pair.1.clone() };
        Some(Side {
            batch: walk(rows, shape, &pick(&axes.batch))?,
            free: walk(rows, shape, &axes.free(k, shape.rank()))?,
            contract: walk(rows, shape, &pick(&axes.contract))?,
        })
    };
    let (left, right) = (side(0)?, side(1)?);
    Some(Product { left, right, dtype: graph.ty(e.output).dtype })
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (l, r) = (&self.left, &self.right);
        write!(f, "product [{}, {}] · [{}, {}]", l.free.size, l.contract.size, r.contract.size, r.free.size)
    }
}

/// The most numbers of a sum over rows that is taken block by block: each block has a table of its own for it.
const MOST_PARTS: usize = 8192;

impl Product {
    /// How blocks of rows of an extent enter it.
    pub(crate) fn by_rows(&self, extent: usize) -> ByRows {
        let has = |walk: &Walk| walk.size.has(extent);
        let (l, r) = (&self.left, &self.right);
        if has(&l.batch) || has(&r.free) {
            return ByRows::No;
        }
        match (has(&l.free), has(&l.contract)) {
            (true, false) => ByRows::Apart,
            (false, true) if l.free.size.times(&r.free.size).is_at_most(MOST_PARTS) => ByRows::Sum,
            _ => ByRows::No,
        }
    }

    /// Multiply-adds.
    pub(crate) fn operations(&self) -> Count {
        self.left.batch.size.times(&self.left.free.size).times(&self.left.contract.size).times(&self.right.free.size)
    }

    /// Computes it.
    pub(crate) fn run(&self, io: &Io<'_>) {
        match self.dtype {
            DType::F64 => self.multiply::<f64>(io),
            _ => self.multiply::<f32>(io),
        }
    }

    fn multiply<T: Gemm + Element>(&self, io: &Io<'_>) {
        let (l, r, rows) = (&self.left, &self.right, io.rows);
        let out = io.write::<T>(0);
        // Only one block of a sum over rows brings the addend.
        let sums = io.block.is_some_and(|b| l.contract.size.has(b.extent) && b.number > 0);
        let added = io.reads.len() > 2 && !sums;
        if added && !io.in_place(2, 0) {
            out.copy_from_slice(io.read::<T>(2));
        }
        let (a, b) = (io.read::<T>(0), io.read::<T>(1));
        let (m, k, c) = (l.free.size.get(rows), l.contract.size.get(rows), r.free.size.get(rows));
        if out.is_empty() {
            return;
        }
        let (sa, sb) = (l.batch.step.get(rows), r.batch.step.get(rows));
        for (i, out) in out.chunks_mut(m * c).enumerate() {
            let a = View::new(&a[(i * sa).min(a.len())..], m, k, l.free.step.get(rows), l.contract.step.get(rows));
            let b = View::new(&b[(i * sb).min(b.len())..], k, c, r.contract.step.get(rows), r.free.step.get(rows));
            gemm(io.pool, ViewMut::row_major(out, m, c), a, b, added);
        }
    }
}
