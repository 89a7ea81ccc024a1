//! Products of tensors as matrix products: axes are grouped into rows, columns and what is contracted.

use crate::array::{DType, Data, Element};
use crate::exec::extent::{Count, RowTable};
use crate::exec::gemm::{Gemm, View, ViewMut, gemm};
use crate::exec::memory::{Memory, Place, typed};
use crate::exec::pool::Pool;
use crate::ir::{Eqn, Graph, Var};
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
    var: Var,
    place: Place,
    size: Count,
    batch: Walk,
    free: Walk,
    contract: Walk,
}

/// A product that runs as matrix products.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    left: Side,
    right: Side,
    /// What the product is added to.
    addend: Option<(Var, Place)>,
    output: Var,
    slot: usize,
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
        let var = e.inputs[k];
        let shape = &graph.ty(var).shape;
        let pick = |pair: &(Vec<usize>, Vec<usize>)| if k == 0 { pair.0.clone() } else { pair.1.clone() };
        Some(Side {
            var,
            place: Place::Slot(0),
            size: rows.count(shape.dims().iter().copied()),
            batch: walk(rows, shape, &pick(&axes.batch))?,
            free: walk(rows, shape, &axes.free(k, shape.rank()))?,
            contract: walk(rows, shape, &pick(&axes.contract))?,
        })
    };
    let (left, right) = (side(0)?, side(1)?);
    let addend = e.inputs.get(2).map(|&v| (v, Place::Slot(0)));
    Some(Product { left, right, addend, output: e.output, slot: 0, dtype: graph.ty(e.output).dtype })
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (l, r) = (&self.left, &self.right);
        write!(f, "product [{}, {}] · [{}, {}]", l.free.size, l.contract.size, r.contract.size, r.free.size)
    }
}

impl Product {
    /// The variables that it reads.
    pub(crate) fn reads(&self) -> Vec<Var> {
        [self.left.var, self.right.var].into_iter().chain(self.addend()).collect()
    }

    /// The variable that the product is added to: its storage becomes the result's if nothing else reads it.
    pub(crate) fn addend(&self) -> Option<Var> {
        self.addend.map(|a| a.0)
    }

    /// The variable that it writes.
    pub(crate) fn output(&self) -> Var {
        self.output
    }

    /// Learns where its variables lie.
    pub(crate) fn settle(&mut self, place: &dyn Fn(Var) -> Place) {
        self.left.place = place(self.left.var);
        self.right.place = place(self.right.var);
        self.addend = self.addend.map(|(v, _)| (v, place(v)));
        if let Place::Slot(slot) = place(self.output) {
            self.slot = slot;
        }
    }

    /// Computes it.
    pub(crate) fn run(&self, memory: &mut Memory, rows: &[usize], pool: &Pool) {
        let n = [&self.left.batch, &self.left.free, &self.right.free].iter().map(|w| w.size.get(rows)).product();
        let mut out = memory.take(self.slot, n);
        if let Some((_, place)) = self.addend.filter(|a| a.1 != Place::Slot(self.slot)) {
            out.copy_first(memory.data(place), n);
        }
        match self.dtype {
            DType::F64 => self.multiply::<f64>(memory, rows, pool, &mut out, n),
            _ => self.multiply::<f32>(memory, rows, pool, &mut out, n),
        }
        memory.put(self.slot, out);
    }

    fn multiply<T: Gemm + Element>(&self, memory: &Memory, rows: &[usize], pool: &Pool, out: &mut Data, n: usize) {
        let (l, r) = (&self.left, &self.right);
        let (a, b) = (memory.read::<T>(l.place, l.size.get(rows)), memory.read::<T>(r.place, r.size.get(rows)));
        let (m, k, c) = (l.free.size.get(rows), l.contract.size.get(rows), r.free.size.get(rows));
        let out = &mut typed::<T>(out)[..n];
        if n == 0 {
            return;
        }
        let (sa, sb) = (l.batch.step.get(rows), r.batch.step.get(rows));
        for (i, out) in out.chunks_mut(m * c).enumerate() {
            let a = View::new(&a[(i * sa).min(a.len())..], m, k, l.free.step.get(rows), l.contract.step.get(rows));
            let b = View::new(&b[(i * sb).min(b.len())..], k, c, r.contract.step.get(rows), r.free.step.get(rows));
            gemm(pool, ViewMut::row_major(out, m, c), a, b, self.addend.is_some());
        }
    }
}
