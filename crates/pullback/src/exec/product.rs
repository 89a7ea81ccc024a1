//! Products of tensors as matrix products: axes are grouped into rows, columns and what is contracted.

use crate::array::{DType, Element};
use crate::exec::extent::{Count, RowTable};
use crate::exec::gemm::{Ending, Gemm, Packed, Tail, View, ViewMut, With, gemm, gemm_share, has_shares};
use crate::exec::isa::Isa;
use crate::exec::memory::Place;
use crate::exec::operand::Io;
use crate::exec::step::ByRows;
use crate::ir::{Eqn, Graph};
use crate::lowering::{DotAxes, ReduceOp};
use crate::shape::Shape;
use std::fmt;

/// How many threads pack past the caches. More have so little to write each that memory, which is there once for all, would
/// take longer than the caches that others hold the lines in.
const PAST_THE_CACHES: usize = 2;

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

/// A product that runs as matrix products. Its operands are the two factors, then what it is added to, then that of its
/// tail.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    left: Side,
    right: Side,
    dtype: DType,
    /// Whether it is added to an operand.
    adds: bool,
    /// What is done to the sum, and whether its operand is one row for all.
    tail: Option<(Tail, bool)>,
}

impl Side {
    /// Free axes as rows, contracted ones as columns.
    fn by_free(&self) -> [&Walk; 2] {
        [&self.free, &self.contract]
    }

    /// Contracted axes as rows, free ones as columns.
    fn by_contract(&self) -> [&Walk; 2] {
        [&self.contract, &self.free]
    }

    /// One matrix of the stack.
    fn matrix<'a, T>(&self, data: &'a [T], i: usize, rows: &[usize], by: impl Fn(&Side) -> [&Walk; 2]) -> View<'a, T> {
        let at = (i * self.batch.step.get(rows)).min(data.len());
        let [down, across] = by(self);
        View::new(&data[at..], down.size.get(rows), across.size.get(rows), down.step.get(rows), across.step.get(rows))
    }
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
    Some(Product { left, right, dtype: graph.ty(e.output).dtype, adds: e.inputs.len() > 2, tail: None })
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (l, r) = (&self.left, &self.right);
        write!(f, "product [{}, {}] · [{}, {}]", l.free.size, l.contract.size, r.contract.size, r.free.size)?;
        self.tail.map_or(Ok(()), |(tail, _)| write!(f, " {tail:?}"))
    }
}

impl Product {
    /// How blocks of rows of an extent enter it.
    pub(crate) fn by_rows(&self, extent: usize) -> ByRows {
        let has = |walk: &Walk| walk.size.has(extent);
        let (l, r) = (&self.left, &self.right);
        match [has(&l.batch), has(&l.free), has(&l.contract), has(&r.free)] {
            [true, false, false, false] | [false, true, false, false] => ByRows::Apart,
            [false, false, true, false] => ByRows::Fold(ReduceOp::Sum),
            _ => ByRows::No,
        }
    }

    /// The type of its right operand, where that is one matrix.
    pub(crate) fn packs(&self) -> Option<DType> {
        self.left.batch.size.is_one().then_some(self.dtype)
    }

    /// Elements of its right operand packed.
    pub(crate) fn packed_len(&self, rows: &[usize], isa: Isa) -> usize {
        match self.dtype {
            DType::F64 => self.packing::<f64>(rows, isa).len(),
            _ => self.packing::<f32>(rows, isa).len(),
        }
    }

    /// Packs one of some shares of its right operand into a slot.
    pub(crate) fn pack(&self, io: &Io<'_>, share: (usize, usize), slot: usize) {
        match self.dtype {
            DType::F64 => self.pack_right::<f64>(io, share, slot),
            _ => self.pack_right::<f32>(io, share, slot),
        }
    }

    fn packing<T: Gemm>(&self, rows: &[usize], isa: Isa) -> Packed {
        Packed::new::<T>(isa, self.right.contract.size.get(rows), self.right.free.size.get(rows))
    }

    fn pack_right<T: Gemm + Element>(&self, io: &Io<'_>, share: (usize, usize), slot: usize) {
        let packing = self.packing::<T>(io.rows, io.isa);
        let right = self.right.matrix(io.read::<T>(1), 0, io.rows, Side::by_contract);
        // SAFETY: no block runs yet, the right operand lies elsewhere, and only shares of this product write there.
        unsafe {
            let to = io.memory.shared::<T>(Place::Slot(slot), 0, 0, packing.len());
            packing.pack(&right, share, &to, share.1 == PAST_THE_CACHES);
        }
    }

    /// Whether it is added to its third operand.
    pub(crate) fn adds(&self) -> bool {
        self.adds
    }

    /// Columns of the result, where it may end with a tail: where it is one matrix, of which no block makes a part.
    pub(crate) fn columns(&self) -> Option<&Count> {
        let whole = self.left.batch.size.is_one() && self.left.contract.size.is_known() && self.tail.is_none();
        whole.then_some(&self.right.free.size)
    }

    /// The same product with a tail, whose operand comes last.
    pub(crate) fn ending_with(&self, tail: Tail, repeats: bool) -> Product {
        Product { tail: Some((tail, repeats)), ..self.clone() }
    }

    /// Rows of its left operand.
    pub(crate) fn rows(&self) -> Count {
        self.left.batch.size.times(&self.left.free.size)
    }

    /// Bytes of its right operand.
    pub(crate) fn right_bytes(&self) -> Count {
        let Side { batch, free, contract } = &self.right;
        batch.size.times(&free.size).times(&contract.size).times(&Count::known(self.dtype.size()))
    }

    /// Multiply-adds.
    pub(crate) fn operations(&self) -> Count {
        self.rows().times(&self.left.contract.size).times(&self.right.free.size)
    }

    /// Computes it.
    pub(crate) fn run(&self, io: &Io<'_>) {
        match self.dtype {
            DType::F64 => self.multiply::<f64>(io),
            _ => self.multiply::<f32>(io),
        }
    }

    /// Whether threads can each compute a share of it for so many rows and for more, where it is a sum over them: one matrix,
    /// to which nothing is added and nothing done afterwards.
    pub(crate) fn folds_in_shares(&self, rows: &[usize], isa: Isa) -> bool {
        let (l, r) = (&self.left, &self.right);
        let sizes = (l.free.size.get(rows), l.contract.size.get(rows), r.free.size.get(rows));
        let strides = (l.free.step.get(rows), l.contract.step.get(rows));
        let has_shares = match self.dtype {
            DType::F64 => has_shares::<f64>(isa, sizes, strides),
            _ => has_shares::<f32>(isa, sizes, strides),
        };
        l.batch.size.is_one() && !self.adds && self.tail.is_none() && has_shares
    }

    /// Computes one of some shares of it.
    fn multiply_share<T: Gemm + Element>(&self, io: &Io<'_>) {
        let a = self.left.matrix(io.read::<T>(0), 0, io.rows, Side::by_free);
        let b = self.right.matrix(io.read::<T>(1), 0, io.rows, Side::by_contract);
        // SAFETY: the plan's promise that only shares of this fold write to what it makes.
        unsafe { gemm_share(io.isa, io.share, &io.shared::<T>(0), a, b, io.adds()) };
    }

    fn multiply<T: Gemm + Element>(&self, io: &Io<'_>) {
        if io.share.1 > 1 {
            return self.multiply_share::<T>(io);
        }
        let (l, r, rows) = (&self.left, &self.right, io.rows);
        let out = io.write::<T>(0);
        // Only the first block of a sum over rows brings the addend.
        let added = self.adds && io.is_first();
        if added && !io.in_place(2, 0) {
            out.copy_from_slice(io.read::<T>(2));
        }
        let (a, b) = (io.read::<T>(0), io.read::<T>(1));
        let (m, c) = (l.free.size.get(rows), r.free.size.get(rows));
        let packing = self.packing::<T>(rows, io.isa);
        let packed = io.packed::<T>(packing.len());
        let last = io.reads.len() - 1;
        let tail = self.tail.map(|(tail, repeats)| With { tail, operand: io.read::<T>(last), repeats });
        for (i, out) in out.chunks_mut((m * c).max(1)).enumerate() {
            let a = l.matrix(a, i, rows, Side::by_free);
            let b = r.matrix(b, i, rows, Side::by_contract);
            let out = ViewMut::row_major(out, m, c);
            let ending = Ending { accumulate: added || io.adds(), tail };
            match packed {
                Some(packed) => packing.gemm(io.isa, io.pool, out, a, (b, packed), ending),
                None => gemm(io.pool, out, a, b, ending),
            }
        }
    }
}
