//! The loops of register tiles, for every kind of vectors.
//!
//! Both kernels keep a tile of C in registers and walk down K, so an element of C is one chain of fused
//! multiply-adds (or a fixed number of interleaved chains) that depends on its row of A and its column of W alone:
//! how the rows are cut into blocks does not change a bit.
//!
//! * **Wide**: a row of W is a few vectors; each element of A is broadcast. W and C have contiguous rows.
//! * **Narrow**: W has fewer columns than a vector has lanes. `P` consecutive elements of a row of A are repeated over
//!   the vector (a load, not a shuffle), and W is packed so that lane `j * P + p` of group `g` holds
//!   `W[g * P + p][j]`. In the end each run of `P` lanes is summed pairwise.

use super::across::Across;
use super::tile::{Product, ROWS, height};
use super::vector::Lanes;
use std::mem::MaybeUninit;
use std::ops::Range;

/// Steps down K at once.
const STEPS: usize = 4;

/// Most columns of a tile.
const MOST_COLUMNS: usize = 64;

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
            for j in 0..s.n {
                let (to, x) = (&mut *to.add(j), *from.add(j));
                *to = if s.accumulate { *to + x } else { x };
            }
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
unsafe fn narrow_tile<L: Lanes, const P: usize, const R: usize>(s: &Product<L::T>, first: usize, rows: Range<usize>) {
    // SAFETY: the rows are in A and C, W is packed (contract of `Tile::narrow`).
    unsafe {
        let mut acc = [L::zero(); R];
        let a = s.a.add(first * s.a_row);
        let groups = s.k / P;
        for g in 0..groups {
            let (a, w) = (a.add(g * P * s.a_col), L::load(s.w.add(g * s.w_row)));
            for (r, acc) in acc.iter_mut().enumerate() {
                *acc = L::repeat::<P>(a.add(r * s.a_row)).mul_add(w, *acc);
            }
        }
        if s.k % P > 0 {
            let (mut rest, w) = (L::zero(), L::load(s.w.add(groups * s.w_row)));
            let rest = (&raw mut rest).cast::<L::T>();
            for (r, acc) in acc.iter_mut().enumerate() {
                // The lanes beyond K stay zero, and so does W there.
                a.add(r * s.a_row + groups * P).copy_to_nonoverlapping(rest, s.k % P);
                *acc = L::repeat::<P>(rest).mul_add(w, *acc);
            }
        }
        let (mut left, mut p) = (R, P);
        while p > 1 {
            for i in 0..left.div_ceil(2) {
                acc[i] = acc[2 * i].pair_add(acc[(2 * i + 1).min(left - 1)]);
            }
            (left, p) = (left.div_ceil(2), p / 2);
        }
        // Now the rows follow each other in `acc`, with `L::N / P` columns each.
        let columns = L::N / P;
        if s.n == columns && s.c_row == columns && rows.len() == R && R >= P {
            let c = s.c.add(first * columns);
            for (v, &x) in acc.iter().enumerate().take(R / P) {
                x.put(c.add(v * L::N), s.accumulate);
            }
            return;
        }
        let sums = acc.as_ptr().cast::<L::T>();
        for row in rows {
            let (from, to) = (sums.add((row - first) * columns), s.c.add(row * s.c_row));
            if s.n == L::N {
                L::load(from).put(to, s.accumulate);
                continue;
            }
            for j in 0..s.n {
                let (to, x) = (&mut *to.add(j), *from.add(j));
                *to = if s.accumulate { *to + x } else { x };
            }
        }
    }
}

/// Tiles of `R` rows; the last one starts earlier, computes some rows again and stores only the new ones.
#[inline(always)]
unsafe fn narrow_rows<L: Lanes, const P: usize, const R: usize>(s: &Product<L::T>, rows: Range<usize>) {
    let mut row = rows.start;
    while row < rows.end {
        let end = rows.end.min(row + R);
        // SAFETY: passed on; `first + R <= m`.
        unsafe { narrow_tile::<L, P, R>(s, row.min(s.m - R), row..end) };
        row = end;
    }
}

#[inline(always)]
pub unsafe fn narrow<L: Lanes, const P: usize>(s: &Product<L::T>, rows: Range<usize>) {
    // SAFETY: passed on.
    unsafe {
        match s.m {
            16.. if L::REGISTERS > 16 => narrow_rows::<L, P, 16>(s, rows),
            8.. => narrow_rows::<L, P, 8>(s, rows),
            4.. => narrow_rows::<L, P, 4>(s, rows),
            _ => narrow_rows::<L, P, 1>(s, rows),
        }
    }
}
