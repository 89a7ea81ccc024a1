//! Folds over axes and over segments of rows.
//!
//! Every sum is taken in an order that depends on the shape alone: long ones in blocks, so that the rounding error
//! grows with the number of blocks and not of terms. Threads take columns or outer parts; of
//! large sums of products parts, as many as the size alone says.

use crate::array::DType;
use crate::exec::extent::{Count, RowTable};
use crate::exec::lanes::{Lane, per_isa};
use crate::exec::operand::Io;
use crate::exec::pool::WORTH;
use crate::exec::shared::Shared;
use crate::exec::step::ByRows;
use crate::ir::{Eqn, Graph};
use crate::lowering::{DotAxes, ReduceOp, max, min};
use crate::math::Real;
use std::fmt;

/// Terms of a sum that are added up before they join the rest.
const BLOCK: usize = 256;

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
                let ids = io.read::<i32>(1);
                with_scratch(x.len().max(to.len()), |a, b| fold_segments(isa, self.op, x, ids, inner, to, [a, b]));
            }
            false if inner == 1 => {
                let tasks = pool.tasks(x.len(), outer);
                let shared = Shared::new(to);
                pool.run(tasks, &|task| {
                    let (a, b) = (outer * task / tasks, outer * (task + 1) / tasks);
                    // SAFETY: the tasks' ranges of lines do not overlap.
                    let to = unsafe { shared.range(a, b - a) };
                    let lines = &x[a * middle..b * middle];
                    with_scratch(BLOCK, |scratch, _| fold_lines(isa, self.op, lines, middle, to, scratch));
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
                        with_scratch(b - a, |p, q| fold_columns(isa, self.op, table, inner, a, to, [p, q]));
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

/// What a fold of nothing is.
fn start<T: Real>(op: ReduceOp) -> T {
    match op {
        ReduceOp::Sum => T::ZERO,
        ReduceOp::Min => T::INFINITY,
        ReduceOp::Max | ReduceOp::LogSumExp => -T::INFINITY,
    }
}

/// A maximum to subtract: what is infinite would make NaN of its own difference.
fn finite<T: Real>(top: T) -> T {
    if top.is_finite() { top } else { T::ZERO }
}

const LANES: usize = 16;

#[inline(always)]
fn fold_run<T: Real>(x: &[T], start: T, f: impl Fn(T, T) -> T + Copy) -> T {
    let mut acc = [start; LANES];
    let (whole, rest) = x.split_at(x.len() / LANES * LANES);
    for part in whole.chunks_exact(LANES) {
        for j in 0..LANES {
            acc[j] = f(acc[j], part[j]);
        }
    }
    for (a, &b) in acc.iter_mut().zip(rest) {
        *a = f(*a, b);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for j in 0..width {
            acc[j] = f(acc[j], acc[j + width]);
        }
        width /= 2;
    }
    acc[0]
}

#[inline(always)]
fn sum_run<T: Real>(x: &[T]) -> T {
    x.chunks(BLOCK * LANES).fold(T::ZERO, |s, part| s + fold_run(part, T::ZERO, |a, b| a + b))
}

#[inline(always)]
fn products<T: Real, const FMA: bool>(x: &[T], y: &[T]) -> T {
    let mut sum = T::ZERO;
    for (x, y) in x.chunks(BLOCK * LANES).zip(y.chunks(BLOCK * LANES)) {
        let mut acc = [T::ZERO; LANES];
        let ((a, rest), (b, others)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
        for (a, b) in a.iter().zip(b) {
            for j in 0..LANES {
                acc[j] = acc[j] + a[j] * b[j];
            }
        }
        for (acc, (&a, &b)) in acc.iter_mut().zip(rest.iter().zip(others)) {
            *acc = *acc + a * b;
        }
        sum = sum + fold_run(&acc, T::ZERO, |a, b| a + b);
    }
    sum
}

per_isa! {
    /// The sum of the products of elements.
    fn sum_products<T: Real>(x: &[T], y: &[T]) -> T = products;
}

#[inline(always)]
fn short<T: Real>(x: &[T], middle: usize, to: &mut [T], first: T, f: impl Fn(T, T) -> T) {
    for (to, line) in to.iter_mut().zip(x.chunks_exact(middle)) {
        *to = line.iter().fold(first, |a, &b| f(a, b));
    }
}

#[inline(always)]
fn lines<T: Real, const FMA: bool>(op: ReduceOp, x: &[T], middle: usize, to: &mut [T], scratch: &mut [T]) {
    if middle == 0 {
        return to.fill(start(op));
    }
    match op {
        ReduceOp::Sum if middle < LANES => short(x, middle, to, T::ZERO, |a, b| a + b),
        ReduceOp::Sum => to.iter_mut().zip(x.chunks_exact(middle)).for_each(|(to, line)| *to = sum_run(line)),
        ReduceOp::Max => {
            to.iter_mut().zip(x.chunks_exact(middle)).for_each(|(to, line)| *to = fold_run(line, start(op), max));
        }
        ReduceOp::Min => {
            to.iter_mut().zip(x.chunks_exact(middle)).for_each(|(to, line)| *to = fold_run(line, start(op), min));
        }
        ReduceOp::LogSumExp => {
            for (to, line) in to.iter_mut().zip(x.chunks_exact(middle)) {
                let top = fold_run(line, start(op), max);
                let shift = finite(top);
                let mut sum = T::ZERO;
                for part in line.chunks(scratch.len()) {
                    let e = &mut scratch[..part.len()];
                    for i in 0..part.len() {
                        e[i] = (part[i] - shift).exp::<FMA>();
                    }
                    sum = sum + sum_run(e);
                }
                *to = if top.is_finite() { top + sum.log::<FMA>() } else { top };
            }
        }
    }
}

per_isa! {
    /// Each line of `middle` numbers folded to one.
    fn fold_lines<T: Real>(op: ReduceOp, x: &[T], middle: usize, to: &mut [T], scratch: &mut [T]) = lines;
}

#[inline(always)]
fn add_up<T: Real>(to: &mut [T], line: &[T], f: impl Fn(T, T) -> T) {
    let n = to.len();
    let line = &line[..n];
    for j in 0..n {
        to[j] = f(to[j], line[j]);
    }
}

/// Sums of the columns of a table whose rows are shorter than a vector: several rows at a time.
#[inline(always)]
fn narrow_sums<T: Real>(x: &[T], to: &mut [T]) {
    let inner = to.len();
    for part in x.chunks(BLOCK * LANES) {
        let mut sum = [T::ZERO; LANES];
        let (whole, rest) = part.as_chunks::<LANES>();
        for lanes in whole {
            for j in 0..LANES {
                sum[j] = sum[j] + lanes[j];
            }
        }
        sum.iter_mut().zip(rest).for_each(|(s, &x)| *s = *s + x);
        for j in 0..LANES {
            to[j % inner] = to[j % inner] + sum[j];
        }
    }
}

/// Adds the sums of `V` vectors of columns, which stay in registers.
#[inline(always)]
fn strip<T: Real, const V: usize>(x: &[T], inner: usize, first: usize, to: &mut [T]) {
    let mut sum = [[T::ZERO; LANES]; V];
    for line in x.chunks_exact(inner) {
        let line = line[first..].as_chunks::<LANES>().0.first_chunk::<V>().expect("reduce: a strip within the table");
        for v in 0..V {
            for j in 0..LANES {
                sum[v][j] = sum[v][j] + line[v][j];
            }
        }
    }
    for (to, sum) in to.as_chunks_mut::<LANES>().0.iter_mut().zip(&sum) {
        for j in 0..LANES {
            to[j] = to[j] + sum[j];
        }
    }
}

/// Columns `first..` of a table folded over its rows.
#[inline(always)]
fn columns<T: Real, const FMA: bool>(
    op: ReduceOp,
    x: &[T],
    inner: usize,
    first: usize,
    to: &mut [T],
    scratch: [&mut [T]; 2],
) {
    let n = to.len();
    let [sum, term] = scratch;
    let (sum, term) = (&mut sum[..n], &mut term[..n]);
    to.fill(start(op));
    let rows = || x.chunks_exact(inner).map(|line| &line[first..first + n]);
    match op {
        ReduceOp::Sum => {
            if first == 0 && n == inner && LANES.is_multiple_of(inner) {
                return narrow_sums(x, to);
            }
            for part in x.chunks(BLOCK * inner) {
                let whole = n / LANES * LANES;
                let mut at = 0;
                while at + 4 * LANES <= whole {
                    strip::<T, 4>(part, inner, first + at, &mut to[at..]);
                    at += 4 * LANES;
                }
                while at < whole {
                    strip::<T, 1>(part, inner, first + at, &mut to[at..]);
                    at += LANES;
                }
                let (to, sum) = (&mut to[whole..], &mut sum[whole..]);
                sum.fill(T::ZERO);
                part.chunks_exact(inner).for_each(|line| add_up(sum, &line[first + whole..first + n], |a, b| a + b));
                add_up(to, sum, |a, b| a + b);
            }
        }
        ReduceOp::Max => rows().for_each(|line| add_up(to, line, max)),
        ReduceOp::Min => rows().for_each(|line| add_up(to, line, min)),
        ReduceOp::LogSumExp => {
            rows().for_each(|line| add_up(to, line, max));
            sum.fill(T::ZERO);
            for line in rows() {
                for j in 0..n {
                    term[j] = (line[j] - finite(to[j])).exp::<FMA>();
                }
                add_up(sum, term, |a, b| a + b);
            }
            for j in 0..n {
                to[j] = if to[j].is_finite() { to[j] + sum[j].log::<FMA>() } else { to[j] };
            }
        }
    }
}

/// Lends two runs of at least `n` numbers. Taken outside the bodies that vectorise: a closure handed to a function
/// that is not inlined would be compiled without their instructions.
fn with_scratch<T: Lane>(n: usize, f: impl FnOnce(&mut [T], &mut [T])) {
    T::registers(2, |r| {
        let [a, b, ..] = r else { return };
        for v in [&mut *a, &mut *b] {
            if v.len() < n {
                v.resize(n, T::ZERO);
            }
        }
        f(a, b);
    });
}

per_isa! {
    /// Columns of a table folded over its rows.
    fn fold_columns<T: Real>(
        op: ReduceOp,
        x: &[T],
        inner: usize,
        first: usize,
        to: &mut [T],
        scratch: [&mut [T]; 2],
    ) = columns;
}

#[inline(always)]
fn short_rows<T: Real, const N: usize>(x: &[T], ids: &[i32], to: &mut [T], f: impl Fn(T, T) -> T) {
    let (rows, _) = x.as_chunks::<N>();
    let (to, _) = to.as_chunks_mut::<N>();
    // Rows of one segment follow each other: their fold stays in a vector until the segment ends.
    let mut open = [T::ZERO; N];
    let mut last = None;
    for (row, &k) in rows.iter().zip(ids) {
        if last != Some(k) {
            if let Some(k) = last {
                to[k as usize] = open;
            }
            open = to[k as usize];
            last = Some(k);
        }
        for j in 0..N {
            open[j] = f(open[j], row[j]);
        }
    }
    if let Some(k) = last {
        to[k as usize] = open;
    }
}

#[inline(always)]
fn segments_of<T: Real, const FMA: bool>(
    op: ReduceOp,
    x: &[T],
    ids: &[i32],
    inner: usize,
    to: &mut [T],
    scratch: [&mut [T]; 2],
) {
    let (n, m) = (x.len(), to.len());
    let [term, sum] = scratch;
    let (term, sum) = (&mut term[..n], &mut sum[..m]);
    to.fill(start(op));
    let fold = |to: &mut [T], f: fn(T, T) -> T| {
        for (line, &k) in x.chunks_exact(inner.max(1)).zip(ids) {
            add_up(&mut to[k as usize * inner..(k as usize + 1) * inner], line, f);
        }
    };
    match op {
        // Rows of a few numbers, of a length that the compiler knows.
        ReduceOp::Sum if inner == 1 => short_rows::<T, 1>(x, ids, to, |a, b| a + b),
        ReduceOp::Sum if inner == 2 => short_rows::<T, 2>(x, ids, to, |a, b| a + b),
        ReduceOp::Sum if inner == 4 => short_rows::<T, 4>(x, ids, to, |a, b| a + b),
        ReduceOp::Sum if inner == 8 => short_rows::<T, 8>(x, ids, to, |a, b| a + b),
        ReduceOp::Sum if inner == 16 => short_rows::<T, 16>(x, ids, to, |a, b| a + b),
        ReduceOp::Sum => {
            for (line, &k) in x.chunks_exact(inner.max(1)).zip(ids) {
                add_up(&mut to[k as usize * inner..(k as usize + 1) * inner], line, |a, b| a + b);
            }
        }
        ReduceOp::Max if inner == 1 => short_rows::<T, 1>(x, ids, to, max),
        ReduceOp::Max => fold(to, max),
        ReduceOp::Min => fold(to, min),
        ReduceOp::LogSumExp => {
            if inner == 1 {
                short_rows::<T, 1>(x, ids, to, max);
                for i in 0..n {
                    term[i] = x[i] - finite(to[ids[i] as usize]);
                }
            } else {
                fold(to, max);
                for ((term, line), &k) in term.chunks_mut(inner.max(1)).zip(x.chunks_exact(inner.max(1))).zip(ids) {
                    let top = &to[k as usize * inner..];
                    term.iter_mut().zip(line).zip(top).for_each(|((t, &x), &top)| *t = x - finite(top));
                }
            }
            for t in term.iter_mut() {
                *t = t.exp::<FMA>();
            }
            sum.fill(T::ZERO);
            if inner == 1 {
                short_rows::<T, 1>(term, ids, sum, |a, b| a + b);
            } else {
                for (line, &k) in term.chunks_exact(inner.max(1)).zip(ids) {
                    add_up(&mut sum[k as usize * inner..(k as usize + 1) * inner], line, |a, b| a + b);
                }
            }
            for j in 0..m {
                to[j] = if to[j].is_finite() { to[j] + sum[j].log::<FMA>() } else { to[j] };
            }
        }
    }
}

per_isa! {
    /// Rows folded by segment.
    fn fold_segments<T: Real>(
        op: ReduceOp,
        x: &[T],
        ids: &[i32],
        inner: usize,
        to: &mut [T],
        scratch: [&mut [T]; 2],
    ) = segments_of;
}
