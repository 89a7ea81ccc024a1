//! Folds over axes and over segments of rows.
//!
//! Every sum is taken in an order that depends on the shape alone: long ones in blocks, so that the rounding error
//! grows with the number of blocks and not of terms. Threads take columns or outer parts; of
//! large sums of products parts, as many as the size alone says.

mod loops;

use crate::array::DType;
use crate::exec::extent::{Count, RowTable};
use crate::exec::lanes::Lane;
use crate::exec::operand::Io;
use crate::exec::pool::WORTH;
use crate::exec::shared::Shared;
use crate::exec::step::ByRows;
use crate::ir::{Eqn, Graph};
use crate::lowering::{DotAxes, ReduceOp};
pub(super) use loops::sum_lines;
use loops::{BLOCK, LANES, fold_columns, fold_lines, fold_segments, sum_products};
use std::fmt;

/// A fold over one group of neighbouring axes, or over segments.
#[derive(Clone, Debug)]
pub(crate) struct Reduction {
    op: ReduceOp,
    dtype: DType,
    by_segments: bool,
    /// Whether the terms are the products of two operands' elements.
    of_products: bool,
    outer: Count,
    middle: Count,
    inner: Count,
}

/// The fold over those axes of floats, if they are neighbours.
pub(crate) fn compile(graph: &Graph, e: &Eqn, op: ReduceOp, axes: &[usize], rows: &mut RowTable) -> Option<Reduction> {
    let ty = graph.ty(e.inputs[0]);
    let dims = ty.shape.dims();
    if !ty.dtype.is_float() || axes.is_empty() || axes.windows(2).any(|w| w[1] != w[0] + 1) {
        return None;
    }
    let last = axes[axes.len() - 1];
    Some(Reduction {
        op,
        dtype: ty.dtype,
        by_segments: false,
        of_products: false,
        outer: rows.count(dims[..axes[0]].iter().copied()),
        middle: rows.count(dims[axes[0]..=last].iter().copied()),
        inner: rows.count(dims[last + 1..].iter().copied()),
    })
}

/// The fold over segments of floats.
pub(crate) fn segments(graph: &Graph, e: &Eqn, op: ReduceOp, rows: &mut RowTable) -> Option<Reduction> {
    Some(Reduction { by_segments: true, ..compile(graph, e, op, &[0], rows)? })
}

/// The inner product of all elements of two operands of one shape.
pub(crate) fn inner_product(graph: &Graph, e: &Eqn, axes: &DotAxes, rows: &mut RowTable) -> Option<Reduction> {
    let rank = graph.ty(e.inputs[0]).shape.rank();
    let (left, right) = &axes.contract;
    let all = left == right && left.iter().copied().eq(0..rank);
    if !all || rank != graph.ty(e.inputs[1]).shape.rank() {
        return None;
    }
    Some(Reduction { of_products: true, ..compile(graph, e, ReduceOp::Sum, left, rows)? })
}

/// Elements of a part of a sum of products, at the least, and most parts.
const PART: usize = 16_384;
const MOST_PARTS: usize = 4;

impl Reduction {
    /// Elementary operations for each element of its first operand.
    pub(crate) fn operations(&self) -> usize {
        if self.of_products { 2 } else { 1 }
    }

    pub(crate) fn op(&self) -> ReduceOp {
        self.op
    }

    /// How many numbers follow each other in each sum, if that is what it takes, and their number is known.
    pub(crate) fn sums_lines_of(&self) -> Option<usize> {
        let sums = self.op == ReduceOp::Sum && !self.by_segments && !self.of_products && self.inner.is_one();
        (sums && self.middle.is_known()).then(|| self.middle.get(&[]))
    }

    /// Whether it folds the rows of each segment.
    pub(crate) fn by_segments(&self) -> bool {
        self.by_segments
    }

    /// How blocks of rows of an extent enter it.
    pub(crate) fn by_rows(&self, extent: usize) -> ByRows {
        match (self.outer.has(extent), self.middle.has(extent)) {
            _ if self.by_segments || self.inner.has(extent) => ByRows::No,
            (true, false) => ByRows::Apart,
            (false, true) => ByRows::Fold(self.op),
            _ => ByRows::No,
        }
    }

    pub(crate) fn run(&self, io: &Io<'_>) {
        match self.dtype {
            DType::F64 => self.fold::<f64>(io),
            _ => self.fold::<f32>(io),
        }
    }

    /// Whether threads share it out.
    pub(crate) fn is_shared_out(&self, rows: &[usize]) -> bool {
        let (outer, middle, inner) = (self.outer.get(rows), self.middle.get(rows), self.inner.get(rows));
        let several = if self.of_products { middle >= 2 * PART } else { outer > 1 && inner == 1 || inner > LANES };
        several && !self.by_segments && self.operations() * outer * middle * inner >= WORTH
    }

    fn fold<T: Lane>(&self, io: &Io<'_>) {
        let (rows, isa, pool) = (io.rows, io.isa, io.pool);
        let (outer, middle, inner) = (self.outer.get(rows), self.middle.get(rows), self.inner.get(rows));
        let (x, to) = (io.read::<T>(0), io.write::<T>(0));
        match self.by_segments {
            _ if to.is_empty() => {}
            _ if self.of_products => {
                let y = io.read::<T>(1);
                // How many parts follows from the size alone, so that a thread more or less changes no bit.
                let mut parts = [T::ZERO; MOST_PARTS];
                let count = (x.len() / PART).clamp(1, MOST_PARTS);
                let tasks = pool.tasks(2 * x.len(), count);
                let shared = Shared::new(&mut parts);
                pool.run(tasks, &|task| {
                    for k in count * task / tasks..count * (task + 1) / tasks {
                        let range = x.len() * k / count..x.len() * (k + 1) / count;
                        // SAFETY: the tasks' parts are different ones.
                        let to = unsafe { shared.range(k, 1) };
                        to[0] = sum_products(isa, &x[range.clone()], &y[range]);
                    }
                });
                to[0] = parts[..count].iter().fold(T::ZERO, |sum, &part| sum + part);
            }
            true => {
                let ids = (io.read::<i32>(1), io.numbered_from(&io.writes[0].size));
                let n = x.len().max(to.len());
                T::scratch(n, |scratch| fold_segments(isa, self.op, x, ids, inner, to, scratch));
            }
            false if inner == 1 => {
                let tasks = pool.tasks(x.len(), outer);
                let shared = Shared::new(to);
                pool.run(tasks, &|task| {
                    let (a, b) = (outer * task / tasks, outer * (task + 1) / tasks);
                    // SAFETY: the tasks' ranges of lines do not overlap.
                    let to = unsafe { shared.range(a, b - a) };
                    let lines = &x[a * middle..b * middle];
                    T::scratch(BLOCK, |[scratch]| fold_lines(isa, self.op, lines, middle, to, scratch));
                });
            }
            false => {
                let shared = Shared::new(to);
                let tasks = pool.tasks(x.len(), inner.div_ceil(16));
                pool.run(tasks, &|task| {
                    // Whole vectors of columns for each thread.
                    let cut = |k: usize| (inner * k / tasks).next_multiple_of(16).min(inner) * usize::from(k > 0);
                    let (a, b) = (cut(task), if task + 1 == tasks { inner } else { cut(task + 1) });
                    for i in 0..outer {
                        // SAFETY: the tasks' ranges of columns do not overlap.
                        let to = unsafe { shared.range(i * inner + a, b - a) };
                        let table = &x[i * middle * inner..(i + 1) * middle * inner];
                        T::scratch(b - a, |scratch| fold_columns(isa, self.op, table, inner, a, to, scratch));
                    }
                });
            }
        }
    }
}

impl fmt::Display for Reduction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let over = match (self.by_segments, self.of_products) {
            (true, _) => " by segments",
            (_, true) => " products",
            _ => "",
        };
        write!(f, "reduce{over} {:?} [{}, {}, {}]", self.op, self.outer, self.middle, self.inner)
    }
}
