//! The loops of register tiles, for every kind of vectors.
//!
//! All kernels keep a tile of C in registers and walk down K, so an element of C is one chain of fused multiply-adds,
//! or one for each lane of a vector, that depends on its row of A and its column of W alone: how the rows are cut into
//! blocks does not change a bit.
//!
//! * **Wide**: a row of W is a few vectors; each element of A is broadcast. W and C have contiguous rows.
//! * **Narrow**: a row of W is one vector, and a tile has many rows.
//! * **Dots**: W has so few columns that most of that vector would be empty. Vectors lie along K, of a row of A and of a
//!   column of W, and the lanes of their products are summed pairwise in the end.

use super::across::Across;
use super::tile::{Product, ROWS, height};
use super::vector::Lanes;
use std::mem::MaybeUninit;
use std::ops::Range;

/// Steps down K at once.
const STEPS: usize = 4;

/// Most columns of a tile.
const MOST_COLUMNS: usize = 64;

/// Most sums of a tile of dots.
const MOST_SUMS: usize = 16;

/// `R` rows of C, as many columns as a row has, from row `row` and column `column` on.
#[inline(always)]
unsafe fn wide_tile<A: Across, const R: usize>(s: &Product<A::T>, row: usize, column: usize) {
    let (a, w) = (s.a.wrapping_add(row * s.a_row), s.w.wrapping_add(column));
    // SAFETY: the tile lies inside A, W and C (contract of `Tile::wide`).
    unsafe {
        if s.accumulate {
            // C is then there when the sums are, and the next tile does not wait for either.
            (0..R).for_each(|r| A::fetch(s.c.add((row + r) * s.c_row + column)));
        }
        // Where distances are known, what is left of a step but its additions is mostly loads.
        let acc = match (s.a_row, s.a_col) {
            (row, 1) if R == ROWS && s.w_row == A::WHOLE => sums::<A, R>((a, row, 1), (w, A::WHOLE), s.k),
            (1, col) if R == ROWS && s.w_row == A::WHOLE => sums::<A, R>((a, 1, col), (w, A::WHOLE), s.k),
            (row, col) => sums::<A, R>((a, row, col), (w, s.w_row), s.k),
        };
        for (r, row_acc) in acc.into_iter().enumerate() {
            row_acc.put(s.c.add((row + r) * s.c_row + column), s.accumulate);
        }
    }
}

/// The tile itself, of `k` steps.
#[inline(always)]
unsafe fn sums<A: Across, const R: usize>(
    (a, a_row, a_col): (*const A::T, usize, usize),
    (w, w_row): (*const A::T, usize),
    k: usize,
) -> [A; R] {
    // SAFETY: passed on.
    unsafe {
        let mut acc = [A::zero(); R];
        let (mut a, mut w) = (a, w);
        for _ in 0..k / STEPS {
            for p in 0..STEPS {
                step(&mut acc, a.wrapping_add(p * a_col), a_row, w.wrapping_add(p * w_row));
            }
            (a, w) = (a.wrapping_add(STEPS * a_col), w.wrapping_add(STEPS * w_row));
        }
        for _ in 0..k % STEPS {
            step(&mut acc, a, a_row, w);
            (a, w) = (a.wrapping_add(a_col), w.wrapping_add(w_row));
        }
        acc
    }
}

/// One step down K.
#[inline(always)]
unsafe fn step<A: Across, const R: usize>(acc: &mut [A; R], a: *const A::T, a_row: usize, w: *const A::T) {
    // SAFETY: passed on.
    unsafe {
        let wide = A::load(w);
        for (r, acc) in acc.iter_mut().enumerate() {
            *acc = wide.mul_add(A::same(a.add(r * a_row)), *acc);
        }
    }
}

/// A tile of which C has the first columns only.
#[inline(always)]
unsafe fn edge_tile<A: Across, const R: usize>(s: &Product<A::T>, row: usize) {
    const { assert!(A::COLUMNS <= MOST_COLUMNS) };
    // SAFETY: passed on; the tile is computed beside C, where there is room for it, and what C has of it is copied.
    unsafe {
        let mut tile = [const { MaybeUninit::<[A::T; MOST_COLUMNS]>::uninit() }; R];
        let sums = tile.as_mut_ptr().cast::<A::T>();
        let a = s.a.wrapping_add(row * s.a_row);
        wide_tile::<A, R>(&Product { a, c: sums, c_row: MOST_COLUMNS, accumulate: false, ..*s }, 0, 0);
        for r in 0..R {
            let (from, to) = (sums.add(r * MOST_COLUMNS), s.c.add((row + r) * s.c_row));
            put_each(from, to, s.n, s.accumulate);
        }
    }
}

#[inline(always)]
unsafe fn wide_panel<A: Across>(s: &Product<A::T>, rows: Range<usize>, column: usize) {
    let mut row = rows.start;
    while row < rows.end {
        let height = height(rows.end - row);
        // SAFETY: passed on.
        unsafe {
            match height {
                1 => wide_tile::<A, 1>(s, row, column),
                2 => wide_tile::<A, 2>(s, row, column),
                3 => wide_tile::<A, 3>(s, row, column),
                4 => wide_tile::<A, 4>(s, row, column),
                5 => wide_tile::<A, 5>(s, row, column),
                _ => wide_tile::<A, ROWS>(s, row, column),
            }
        }
        row += height;
    }
}

#[inline(always)]
unsafe fn edge_panel<A: Across>(s: &Product<A::T>, rows: Range<usize>) {
    let mut row = rows.start;
    while row < rows.end {
        let height = height(rows.end - row);
        // SAFETY: passed on.
        unsafe {
            match height {
                1 => edge_tile::<A, 1>(s, row),
                2 => edge_tile::<A, 2>(s, row),
                3 => edge_tile::<A, 3>(s, row),
                4 => edge_tile::<A, 4>(s, row),
                5 => edge_tile::<A, 5>(s, row),
                _ => edge_tile::<A, ROWS>(s, row),
            }
        }
        row += height;
    }
}

#[inline(always)]
pub unsafe fn panel<A: Across>(s: &Product<A::T>, rows: Range<usize>) {
    // SAFETY: passed on.
    unsafe { if s.n == A::COLUMNS { wide_panel::<A>(s, rows, 0) } else { edge_panel::<A>(s, rows) } }
}

#[inline(always)]
pub unsafe fn wide<L: Lanes, const V: usize>(s: &Product<L::T>, rows: Range<usize>) {
    let mut column = 0;
    // SAFETY: passed on; `n` is a multiple of the lanes.
    unsafe {
        while column + V * L::N <= s.n {
            wide_panel::<[L; V]>(s, rows.clone(), column);
            column += V * L::N;
        }
        while column < s.n {
            wide_panel::<[L; 1]>(s, rows.clone(), column);
            column += L::N;
        }
    }
}

/// Computes `R` rows from `first` on, and stores the `rows` among them.
#[inline(always)]
unsafe fn narrow_tile<L: Lanes, const R: usize>(s: &Product<L::T>, first: usize, rows: Range<usize>) {
    // SAFETY: the rows are in A and C, W has whole vectors (contract of `Tile::narrow`).
    unsafe {
        let mut acc = [L::zero(); R];
        let a = s.a.add(first * s.a_row);
        for p in 0..s.k {
            let (a, w) = (a.add(p * s.a_col), L::load(s.w.add(p * s.w_row)));
            for (r, acc) in acc.iter_mut().enumerate() {
                *acc = L::same(a.add(r * s.a_row)).mul_add(w, *acc);
            }
        }
        for (r, x) in acc.into_iter().enumerate() {
            let (row, to) = (first + r, s.c.wrapping_add((first + r) * s.c_row));
            match rows.contains(&row) {
                true if s.n == L::N => x.put(to, s.accumulate),
                true => put_each((&raw const x).cast(), to, s.n, s.accumulate),
                false => {}
            }
        }
    }
}

/// Stores `n` numbers, or their sums with what is there.
#[inline(always)]
unsafe fn put_each<T: Copy + std::ops::Add<Output = T>>(from: *const T, to: *mut T, n: usize, accumulate: bool) {
    for j in 0..n {
        // SAFETY: passed on.
        let (to, x) = unsafe { (&mut *to.add(j), *from.add(j)) };
        *to = if accumulate { *to + x } else { x };
    }
}

/// One step along K.
#[inline(always)]
unsafe fn dots_step<L: Lanes, const C: usize, const R: usize>(acc: &mut [[L; C]; R], rows: [L; R], columns: [L; C]) {
    for (c, w) in columns.into_iter().enumerate() {
        for (acc, a) in acc.iter_mut().zip(rows) {
            // SAFETY: passed on.
            acc[c] = unsafe { a.mul_add(w, acc[c]) };
        }
    }
}

/// So many vectors that are `step` elements apart, or what the first `n` places of each hold.
#[inline(always)]
unsafe fn vectors<L: Lanes, const R: usize>(from: *const L::T, step: usize, n: usize) -> [L; R] {
    // SAFETY: passed on.
    unsafe {
        let mut all = [L::zero(); R];
        for (r, x) in all.iter_mut().enumerate() {
            let from = from.add(r * step);
            *x = if n == L::N { L::load(from) } else { L::begin(from, n) };
        }
        all
    }
}

/// Computes `R` rows from `first` on, of all `C` columns, and stores the `rows` among them.
#[inline(always)]
unsafe fn dots_tile<L: Lanes, const C: usize, const R: usize>(s: &Product<L::T>, first: usize, rows: Range<usize>) {
    // SAFETY: the rows are in A and C, the columns in W (contract of `Tile::dots`).
    unsafe {
        let mut acc = [[L::zero(); C]; R];
        let (mut a, mut w) = (s.a.add(first * s.a_row), s.w);
        for _ in 0..s.k / L::N {
            dots_step(&mut acc, vectors(a, s.a_row, L::N), vectors(w, s.w_row, L::N));
            (a, w) = (a.add(L::N), w.add(L::N));
        }
        let rest = s.k % L::N;
        if rest > 0 {
            dots_step(&mut acc, vectors(a, s.a_row, rest), vectors(w, s.w_row, rest));
        }
        // The rows follow each other, with `C` columns each.
        let mut all = [L::zero(); MOST_SUMS];
        for (to, &sum) in all.iter_mut().zip(acc.as_flattened()) {
            *to = sum;
        }
        let sums = of_lanes(all);
        if s.c_row == C && rows.len() == R && (R * C).is_multiple_of(L::N) {
            for (v, &x) in sums.iter().enumerate().take(R * C / L::N) {
                x.put(s.c.add(first * C + v * L::N), s.accumulate);
            }
            return;
        }
        let mut there = MaybeUninit::<[L; MOST_SUMS]>::uninit();
        let there = there.as_mut_ptr().cast::<L>();
        for (v, &x) in sums.iter().enumerate().take((R * C).div_ceil(L::N)) {
            there.add(v).write(x);
        }
        for row in rows {
            let from = there.cast::<L::T>().add((row - first) * C);
            put_each(from, s.c.add(row * s.c_row), C, s.accumulate);
        }
    }
}

/// The sums of the lanes of each vector, one after the other.
#[inline(always)]
unsafe fn of_lanes<L: Lanes>(mut x: [L; MOST_SUMS]) -> [L; MOST_SUMS] {
    // SAFETY: passed on.
    unsafe {
        if L::N > 1 {
            x = halved::<L, 1>(x);
        }
        if L::N > 2 {
            x = halved::<L, 2>(x);
        }
        if L::N > 4 {
            x = halved::<L, 4>(x);
        }
        if L::N > 8 {
            x = halved::<L, 8>(x);
        }
        x
    }
}

/// Half as many vectors, of sums of half as many lanes.
#[inline(always)]
unsafe fn halved<L: Lanes, const OF: usize>(x: [L; MOST_SUMS]) -> [L; MOST_SUMS] {
    // SAFETY: passed on.
    unsafe {
        let mut sums = [L::zero(); MOST_SUMS];
        for (i, sum) in sums.iter_mut().enumerate().take(MOST_SUMS / 2) {
            *sum = x[2 * i].fold::<OF>(x[2 * i + 1]);
        }
        sums
    }
}

/// Tiles of `height` of the `m` rows of C: the first row of each, and the rows that it stores. The last one starts
/// earlier, computes some rows again and stores only the new ones.
fn overlapping(m: usize, height: usize, rows: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
    let end = rows.end;
    rows.step_by(height).map(move |row| (row.min(m - height), row..end.min(row + height)))
}

#[inline(always)]
unsafe fn narrow_rows<L: Lanes, const R: usize>(s: &Product<L::T>, rows: Range<usize>) {
    for (first, rows) in overlapping(s.m, R, rows) {
        // SAFETY: passed on; all `R` rows of a tile are there.
        unsafe { narrow_tile::<L, R>(s, first, rows) };
    }
}

#[inline(always)]
pub unsafe fn narrow<L: Lanes>(s: &Product<L::T>, rows: Range<usize>) {
    // SAFETY: passed on.
    unsafe {
        match s.m {
            16.. if L::REGISTERS > 16 => narrow_rows::<L, 16>(s, rows),
            8.. => narrow_rows::<L, 8>(s, rows),
            4.. => narrow_rows::<L, 4>(s, rows),
            _ => narrow_rows::<L, 1>(s, rows),
        }
    }
}

#[inline(always)]
unsafe fn dots_rows<L: Lanes, const C: usize, const R: usize>(s: &Product<L::T>, rows: Range<usize>) {
    for (first, rows) in overlapping(s.m, R, rows) {
        // SAFETY: passed on; all `R` rows of a tile are there.
        unsafe { dots_tile::<L, C, R>(s, first, rows) };
    }
}

#[inline(always)]
pub unsafe fn dots<L: Lanes>(s: &Product<L::T>, rows: Range<usize>) {
    // About half of the registers for sums, and what is left for what they are made of.
    macro_rules! columns {
        ($($c:literal: $many:literal $few:literal,)*) => {
            // SAFETY: passed on.
            unsafe {
                match s.n {
                    $($c if L::N < 2 * $c => unreachable!("too many columns"),
                    $c if L::REGISTERS > 16 && s.m >= $many => dots_rows::<L, $c, $many>(s, rows),
                    $c if s.m >= $few => dots_rows::<L, $c, $few>(s, rows),
                    $c => dots_rows::<L, $c, 1>(s, rows),)*
                    _ => unreachable!("too many columns"),
                }
            }
        };
    }
    columns!(1: 16 8, 2: 8 4, 3: 5 3, 4: 4 2, 5: 3 1, 6: 2 1, 7: 2 1, 8: 2 1,);
}
