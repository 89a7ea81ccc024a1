//! The loops of folds, over lines, columns and segments.

use crate::exec::lanes::per_isa;
use crate::lowering::{ReduceOp, max, min};
use crate::math::Real;

/// Terms of a sum that are added up before they join the rest.
pub(super) const BLOCK: usize = 256;

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

/// Numbers that are added up side by side.
pub(super) const LANES: usize = 16;

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
    pub(super) fn sum_products<T: Real>(x: &[T], y: &[T]) -> T = products;
}

#[inline(always)]
fn short<T: Real>(x: &[T], middle: usize, to: &mut [T], first: T, f: impl Fn(T, T) -> T) {
    for (to, line) in to.iter_mut().zip(x.chunks_exact(middle)) {
        *to = line.iter().fold(first, |a, &b| f(a, b));
    }
}

/// The sum of each line of `N` numbers, in their order.
#[inline(always)]
fn few<T: Real, const N: usize>(x: &[T], to: &mut [T]) {
    for (to, line) in to.iter_mut().zip(x.as_chunks::<N>().0) {
        let mut sum = T::ZERO;
        for &x in line {
            sum = sum + x;
        }
        *to = sum;
    }
}

#[inline(always)]
fn line_sums<T: Real, const FMA: bool>(x: &[T], middle: usize, to: &mut [T]) {
    match middle {
        // Lengths that the compiler knows: it takes several lines at once.
        2 => few::<T, 2>(x, to),
        3 => few::<T, 3>(x, to),
        4 => few::<T, 4>(x, to),
        8 => few::<T, 8>(x, to),
        ..LANES => short(x, middle, to, T::ZERO, |a, b| a + b),
        _ => to.iter_mut().zip(x.chunks_exact(middle)).for_each(|(to, line)| *to = sum_run(line)),
    }
}

per_isa! {
    /// The sum of each line of `middle` numbers, of which there are some.
    pub(in crate::exec) fn sum_lines<T: Real>(x: &[T], middle: usize, to: &mut [T]) = line_sums;
}

#[inline(always)]
fn lines<T: Real, const FMA: bool>(op: ReduceOp, x: &[T], middle: usize, to: &mut [T], scratch: &mut [T]) {
    if middle == 0 {
        return to.fill(start(op));
    }
    match op {
        ReduceOp::Sum => line_sums::<T, FMA>(x, middle, to),
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
    pub(super) fn fold_lines<T: Real>(op: ReduceOp, x: &[T], middle: usize, to: &mut [T], scratch: &mut [T]) = lines;
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

per_isa! {
    /// Columns of a table folded over its rows.
    pub(super) fn fold_columns<T: Real>(
        op: ReduceOp,
        x: &[T],
        inner: usize,
        first: usize,
        to: &mut [T],
        scratch: [&mut [T]; 2],
    ) = columns;
}

#[inline(always)]
fn short_rows<T: Real, const N: usize>(x: &[T], (ids, base): (&[i32], usize), to: &mut [T], f: impl Fn(T, T) -> T) {
    let (rows, _) = x.as_chunks::<N>();
    let (to, _) = to.as_chunks_mut::<N>();
    // Rows of one segment follow each other: their fold stays in a vector until the segment ends.
    let mut open = [T::ZERO; N];
    let mut last = None;
    for (row, &k) in rows.iter().zip(ids) {
        if last != Some(k) {
            if let Some(k) = last {
                to[k as usize - base] = open;
            }
            open = to[k as usize - base];
            last = Some(k);
        }
        for j in 0..N {
            open[j] = f(open[j], row[j]);
        }
    }
    if let Some(k) = last {
        to[k as usize - base] = open;
    }
}

#[inline(always)]
fn segments_of<T: Real, const FMA: bool>(
    op: ReduceOp,
    x: &[T],
    (ids, base): (&[i32], usize),
    inner: usize,
    to: &mut [T],
    scratch: [&mut [T]; 2],
) {
    let (n, m) = (x.len(), to.len());
    let at = |k: i32| (k as usize - base) * inner;
    let [term, sum] = scratch;
    let (term, sum) = (&mut term[..n], &mut sum[..m]);
    to.fill(start(op));
    let fold = |to: &mut [T], f: fn(T, T) -> T| {
        for (line, &k) in x.chunks_exact(inner.max(1)).zip(ids) {
            add_up(&mut to[at(k)..][..inner], line, f);
        }
    };
    match op {
        // Rows of a few numbers, of a length that the compiler knows.
        ReduceOp::Sum if inner == 1 => short_rows::<T, 1>(x, (ids, base), to, |a, b| a + b),
        ReduceOp::Sum if inner == 2 => short_rows::<T, 2>(x, (ids, base), to, |a, b| a + b),
        ReduceOp::Sum if inner == 4 => short_rows::<T, 4>(x, (ids, base), to, |a, b| a + b),
        ReduceOp::Sum if inner == 8 => short_rows::<T, 8>(x, (ids, base), to, |a, b| a + b),
        ReduceOp::Sum if inner == 16 => short_rows::<T, 16>(x, (ids, base), to, |a, b| a + b),
        ReduceOp::Sum => {
            for (line, &k) in x.chunks_exact(inner.max(1)).zip(ids) {
                add_up(&mut to[at(k)..][..inner], line, |a, b| a + b);
            }
        }
        ReduceOp::Max if inner == 1 => short_rows::<T, 1>(x, (ids, base), to, max),
        ReduceOp::Max => fold(to, max),
        ReduceOp::Min => fold(to, min),
        ReduceOp::LogSumExp => {
            if inner == 1 {
                short_rows::<T, 1>(x, (ids, base), to, max);
                for i in 0..n {
                    term[i] = x[i] - finite(to[ids[i] as usize - base]);
                }
            } else {
                fold(to, max);
                for ((term, line), &k) in term.chunks_mut(inner.max(1)).zip(x.chunks_exact(inner.max(1))).zip(ids) {
                    let top = &to[at(k)..];
                    term.iter_mut().zip(line).zip(top).for_each(|((t, &x), &top)| *t = x - finite(top));
                }
            }
            for t in term.iter_mut() {
                *t = t.exp::<FMA>();
            }
            sum.fill(T::ZERO);
            if inner == 1 {
                short_rows::<T, 1>(term, (ids, base), sum, |a, b| a + b);
            } else {
                for (line, &k) in term.chunks_exact(inner.max(1)).zip(ids) {
                    add_up(&mut sum[at(k)..][..inner], line, |a, b| a + b);
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
    pub(super) fn fold_segments<T: Real>(
        op: ReduceOp,
        x: &[T],
        ids: (&[i32], usize),
        inner: usize,
        to: &mut [T],
        scratch: [&mut [T]; 2],
    ) = segments_of;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::isa::Isa;

    #[test]
    fn short_lines_are_summed_in_their_order() {
        for middle in 1..LANES {
            for count in [0, 1, 5, 16, 37] {
                let x: Vec<f32> = (0..count * middle).map(|i| (i as f32 * 1.7).sin() * 1e3).collect();
                let want: Vec<u32> = x.chunks(middle).map(|l| l.iter().fold(0.0, |a, x| a + x).to_bits()).collect();
                for isa in Isa::all() {
                    let mut to = vec![7.0; count];
                    sum_lines(isa, &x, middle, &mut to);
                    assert!(to.iter().map(|x| x.to_bits()).eq(want.iter().copied()), "{isa:?}: {count} of {middle}");
                }
            }
        }
    }
}
