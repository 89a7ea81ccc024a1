//! Prefixes along an axis: running sums, running log-sums, linear recurrences, shifts.

use crate::array::DType;
use crate::exec::extent::{Count, RowTable};
use crate::exec::isa::Isa;
use crate::exec::lanes::{Lane, per_isa};
use crate::exec::operand::Io;
use crate::ir::{Eqn, Graph};
use crate::lowering::{ScanOp, max};

/// A prefix operation on floats.
#[derive(Clone, Debug)]
pub(crate) struct Prefix {
    op: ScanOp,
    dtype: DType,
    outer: Count,
    n: Count,
    inner: Count,
}

pub(crate) fn compile(graph: &Graph, e: &Eqn, op: ScanOp, axis: usize, rows: &mut RowTable) -> Option<Prefix> {
    let ty = graph.ty(e.output);
    let dims = ty.shape.dims();
    let moves = matches!(op, ScanOp::CumSum { .. } | ScanOp::Shift { .. } | ScanOp::SegmentShift { .. });
    let integer_scan = ty.dtype == DType::I32 && moves;
    if !ty.dtype.is_float() && !integer_scan {
        return None;
    }
    Some(Prefix {
        op,
        dtype: ty.dtype,
        outer: rows.count(dims[..axis].iter().copied()),
        n: rows.count([dims[axis]]),
        inner: rows.count(dims[axis + 1..].iter().copied()),
    })
}

/// Calls `step(k)` for the rows of one line in order, or from the end.
#[inline(always)]
fn in_order(n: usize, reverse: bool, mut step: impl FnMut(usize)) {
    if reverse { (0..n).rev().for_each(&mut step) } else { (0..n).for_each(step) }
}

impl Prefix {
    /// Whether the axis is not one of rows, and no row's prefix reads another row.
    pub(crate) fn apart(&self, extent: usize) -> bool {
        !self.n.has(extent) && !self.by_segments()
    }

    /// Whether it begins anew with every segment of its rows.
    pub(crate) fn by_segments(&self) -> bool {
        use ScanOp::*;
        matches!(self.op, SegmentLogCumSumExp | SegmentRecurrence { .. } | SegmentShift { .. })
    }

    pub(crate) fn run(&self, io: &Io<'_>) {
        match self.dtype {
            DType::F64 => self.floats::<f64>(io),
            DType::I32 => self.integers(io),
            _ => self.floats::<f32>(io),
        }
    }

    fn sizes(&self, rows: &[usize]) -> [usize; 3] {
        [self.outer.get(rows), self.n.get(rows), self.inner.get(rows)]
    }

    fn integers(&self, io: &Io<'_>) {
        if let ScanOp::SegmentShift { reverse } = self.op {
            let [_, _, inner] = self.sizes(io.rows);
            return shift_segments(io.read::<i32>(0), io.read::<i32>(1), inner, reverse, io.write::<i32>(0), 0);
        }
        walk(self.op, self.sizes(io.rows), io.read::<i32>(0), io.write::<i32>(0), 0, |a, b| a.wrapping_add(b));
    }

    fn floats<T: Lane>(&self, io: &Io<'_>) {
        let [outer, n, inner] = self.sizes(io.rows);
        let (x, y, isa) = (io.read::<T>(0), io.write::<T>(0), io.isa);
        match self.op {
            ScanOp::Recurrence { reverse } => {
                let first = if reverse { n.max(1) - 1 } else { 0 };
                recurrence([outer, n, inner], reverse, [x, io.read::<T>(1)], y, |row| row == first);
            }
            ScanOp::SegmentRecurrence { reverse } => {
                let begins = begins(io.read::<i32>(2), reverse);
                recurrence([outer, n, inner], reverse, [x, io.read::<T>(1)], y, begins);
            }
            ScanOp::LogCumSumExp => {
                log_prefixes(isa, x, y, inner, |row| row % n.max(1) == 0);
            }
            ScanOp::SegmentLogCumSumExp => {
                log_prefixes(isa, x, y, inner, begins(io.read::<i32>(1), false));
            }
            ScanOp::SegmentShift { reverse } => shift_segments(x, io.read::<i32>(1), inner, reverse, y, T::ZERO),
            op => walk(op, [outer, n, inner], x, y, T::ZERO, |a, b| a + b),
        }
    }
}

/// Whether a segment begins with a row, from the first row on or from the last.
fn begins(ids: &[i32], reverse: bool) -> impl Fn(usize) -> bool {
    move |row| match reverse {
        false => row == 0 || ids[row] != ids[row - 1],
        true => row + 1 == ids.len() || ids[row] != ids[row + 1],
    }
}

/// `y = a · y before + x` along each line, anew at every row that `begins`: its factor is not read.
fn recurrence<T: Lane>(
    [outer, n, inner]: [usize; 3],
    reverse: bool,
    [a, x]: [&[T]; 2],
    y: &mut [T],
    begins: impl Fn(usize) -> bool,
) {
    if inner == 1 {
        for ((y, a), x) in y.chunks_mut(n.max(1)).zip(a.chunks(n.max(1))).zip(x.chunks(n.max(1))) {
            let mut carry = T::ZERO;
            in_order(y.len(), reverse, |k| {
                carry = if begins(k) { x[k] } else { a[k] * carry + x[k] };
                y[k] = carry;
            });
        }
        return;
    }
    for i in 0..outer {
        let mut before = 0;
        in_order(n, reverse, |k| {
            let here = (i * n + k) * inner;
            let anew = begins(k);
            for j in 0..inner {
                let x = x[here + j];
                y[here + j] = if anew { x } else { a[here + j] * y[before + j] + x };
            }
            before = here;
        });
    }
}

/// Every row where its predecessor (or successor) in its segment was, zeros where there is none.
fn shift_segments<T: Copy>(x: &[T], ids: &[i32], inner: usize, reverse: bool, y: &mut [T], zero: T) {
    if inner == 1 {
        let from = |y: &mut [T], x: &[T], here: &[i32], there: &[i32]| {
            let rows = y.iter_mut().zip(x).zip(here.iter().zip(there));
            rows.for_each(|((y, &x), (here, there))| *y = if here == there { x } else { zero });
        };
        return match (x.len(), reverse) {
            (0, _) => {}
            (n, false) => {
                y[0] = zero;
                from(&mut y[1..], x, &ids[1..], &ids[..n - 1]);
            }
            (n, true) => {
                y[n - 1] = zero;
                from(y, &x[1..], ids, &ids[1..]);
            }
        };
    }
    let begins = begins(ids, reverse);
    for (row, y) in y.chunks_exact_mut(inner.max(1)).enumerate() {
        match begins(row) {
            true => y.fill(zero),
            false => y.copy_from_slice(&x[if reverse { row + 1 } else { row - 1 } * inner..][..inner]),
        }
    }
}

/// Running sums and shifts.
fn walk<T: Copy>(op: ScanOp, [outer, n, inner]: [usize; 3], x: &[T], y: &mut [T], zero: T, add: impl Fn(T, T) -> T) {
    let (reverse, shift) = match op {
        ScanOp::Shift { reverse } => (reverse, true),
        ScanOp::CumSum { reverse } => (reverse, false),
        _ => unreachable!("prefix: neither a sum nor a shift"),
    };
    if shift {
        // All but one row of each line move together.
        for (y, x) in y.chunks_mut((n * inner).max(1)).zip(x.chunks((n * inner).max(1))) {
            let kept = x.len() - inner;
            if reverse {
                y[..kept].copy_from_slice(&x[inner..]);
                y[kept..].fill(zero);
            } else {
                y[inner..].copy_from_slice(&x[..kept]);
                y[..inner].fill(zero);
            }
        }
        return;
    }
    for i in 0..outer {
        let mut before = None;
        in_order(n, reverse, |k| {
            let here = (i * n + k) * inner;
            for j in 0..inner {
                y[here + j] = match before {
                    Some(b) => add(y[b + j], x[here + j]),
                    None => x[here + j],
                };
            }
            before = Some(here);
        });
    }
}

#[inline(always)]
fn exponentials<T: Lane, const FMA: bool>(x: &mut [T]) {
    for x in x {
        *x = x.exp::<FMA>();
    }
}

#[inline(always)]
fn logarithms<T: Lane, const FMA: bool>(top: &[T], sum: &[T], y: &mut [T]) {
    let n = y.len();
    let (top, sum) = (&top[..n], &sum[..n]);
    for i in 0..n {
        let value = top[i] + sum[i].log::<FMA>();
        y[i] = if top[i].is_finite() { value } else { top[i] };
    }
}

per_isa! {
    fn exp_all<T: Lane>(x: &mut [T]) = exponentials;
}
per_isa! {
    fn log_all<T: Lane>(top: &[T], sum: &[T], y: &mut [T]) = logarithms;
}

/// `log Σ e^x` over prefixes, anew at every row where `starts`.
///
/// The running maximum is one pass; the exponentials of all steps are then taken at once; what remains in order is a
/// multiplication and an addition an element.
fn log_prefixes<T: Lane>(isa: Isa, x: &[T], y: &mut [T], inner: usize, starts: impl Fn(usize) -> bool) {
    let total = x.len();
    T::scratch(total, |[top, decay, term]| {
        if inner == 1 {
            return lines_of_numbers(isa, x, y, [top, decay, term], starts);
        }
        for row in 0..total / inner.max(1) {
            let first = starts(row);
            for j in row * inner..(row + 1) * inner {
                let m = if first { x[j] } else { max(top[j - inner], x[j]) };
                top[j] = m;
                // An infinite maximum is the answer by itself; differences from it would be NaN.
                let gone = if first { -T::INFINITY } else { top[j - inner] - m };
                decay[j] = if m.is_finite() { gone } else { T::ZERO };
                term[j] = if m.is_finite() { x[j] - m } else { T::ZERO };
            }
        }
        exp_all(isa, decay);
        exp_all(isa, term);
        for row in 0..total / inner.max(1) {
            if !starts(row) {
                for j in row * inner..(row + 1) * inner {
                    term[j] = decay[j] * term[j - inner] + term[j];
                }
            }
        }
        log_all(isa, top, term, y);
    });
}

/// As [`log_prefixes`] where a row is one number: what the next row needs of this one stays in a register.
fn lines_of_numbers<T: Lane>(
    isa: Isa,
    x: &[T],
    y: &mut [T],
    [top, decay, term]: [&mut [T]; 3],
    starts: impl Fn(usize) -> bool,
) {
    let mut before = -T::INFINITY;
    for (row, ((&x, top), decay)) in x.iter().zip(&mut *top).zip(&mut *decay).enumerate() {
        let carried = if starts(row) { -T::INFINITY } else { before };
        *decay = carried;
        before = max(carried, x);
        *top = before;
    }
    differences(isa, x, top, decay, term);
    exp_all(isa, decay);
    exp_all(isa, term);
    // Nothing is carried into a row that starts: its decay is 0.
    let mut sum = T::ZERO;
    for (term, &decay) in term.iter_mut().zip(&*decay) {
        sum = decay * sum + *term;
        *term = sum;
    }
    log_all(isa, top, term, y);
}

#[inline(always)]
fn from_top<T: Lane, const FMA: bool>(x: &[T], top: &[T], carried: &mut [T], term: &mut [T]) {
    let n = x.len();
    let (top, carried, term) = (&top[..n], &mut carried[..n], &mut term[..n]);
    for j in 0..n {
        let (gone, here) = (carried[j] - top[j], x[j] - top[j]);
        // An infinite maximum is the answer by itself; differences from it would be NaN.
        carried[j] = if top[j].is_finite() { gone } else { T::ZERO };
        term[j] = if top[j].is_finite() { here } else { T::ZERO };
    }
}

per_isa! {
    /// The maximum so far, and each number, less the maximum.
    fn differences<T: Lane>(x: &[T], top: &[T], carried: &mut [T], term: &mut [T]) = from_top;
}
